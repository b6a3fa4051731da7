/* SPDX-License-Identifier: Apache-2.0 */
/* What Linux alone knows about other processes: descriptors for them, and /proc. */
#include "env/posix/watch.h"

#if defined(__linux__)

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* the same on every architecture */
#endif

int wk_linux_pidfd_open(int process_id) {
    return (int)syscall(SYS_pidfd_open, process_id, 0u); /* close-on-exec by itself */
}

/* The position behind field `skip` of a line of fields; NULL when there are not that many. */
static const char *skip_fields(const char *at, unsigned skip) {
    for (; skip > 0; skip--) {
        at = strchr(at, ' ');
        if (at == NULL)
            return NULL;
        at++;
    }
    return at;
}

/*
 * proc(5): "pid (comm) state ppid ..." with the start time as field 22. comm may hold blanks and
 * parentheses, so that fields count from the last ')': state is the first behind it.
 */
bool wk_linux_start_time(int process_id, uint64_t *out) {
    char path[64];
    wk_format(path, sizeof path, "/proc/%d/stat", process_id);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        *out = 0;
        return errno == ENOENT;
    }
    char line[1024];
    ssize_t got = read(fd, line, sizeof line - 1);
    bool ended = got < 0 && errno == ESRCH;
    close(fd);
    *out = 0;
    if (got <= 0)
        return ended;
    line[got] = 0;
    const char *close_at = strrchr(line, ')');
    if (close_at == NULL || close_at[1] != ' ')
        return false;
    if (close_at[2] == 'Z' || close_at[2] == 'X')
        return true;
    const char *start = skip_fields(close_at + 2, 19);
    uint64_t ticks;
    if (start == NULL || !wk_parse_u64(wk_span(start, strcspn(start, " \n")), &ticks))
        return false;
    *out = ticks + 1; /* 0 means ended: a process that began at boot is alive */
    return true;
}

#else
typedef int wk_linux_watch_is_empty; /* ISO C wants something in a file */
#endif
