/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watch holds a process descriptor where there is one (Linux 5.3): the kernel then tells the end
 * at once and ids that are used again cannot confuse it. Elsewhere it asks every few milliseconds
 * whether the id lives and, where /proc tells, whether it still began at the same time.
 */
#include "env/posix/watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "env/posix/posix.h"

#define ASK_EVERY_NS (20 * WK_NS_PER_MS)

struct wk_process_watch {
    int fd; /* -1: by asking */
    int process_id;
    uint64_t start_time; /* 0: unknown */
};

static int descriptor_of(int process_id) {
#if defined(__linux__)
    return wk_linux_pidfd_open(process_id);
#else
    (void)process_id;
    errno = ENOSYS;
    return -1;
#endif
}

static bool start_time_of(int process_id, uint64_t *out) {
#if defined(__linux__)
    return wk_linux_start_time(process_id, out);
#else
    (void)process_id;
    (void)out;
    return false;
#endif
}

static enum wk_status watch_open(struct wk_env *env, uint64_t process_id, bool by_asking,
                                 struct wk_process_watch **out, struct wk_error *err) {
    if (process_id == 0 || process_id > INT_MAX)
        return wk_fail(err, WK_INVALID, "watch a process: %llu is not a process id",
                       (unsigned long long)process_id);
    struct wk_process_watch *watch = wk_alloc(env, WK_MEM_HANDLE, sizeof *watch);
    if (watch == NULL)
        return wk_posix_fail(err, ENOMEM, "watch a process", NULL);
    int id = (int)process_id;
    *watch = (struct wk_process_watch){.fd = -1, .process_id = id};
    int code = 0;
    if (!by_asking) {
        watch->fd = descriptor_of(id);
        code = watch->fd < 0 ? errno : 0;
    }
    if (watch->fd < 0 && code != ESRCH) {
        /* EPERM from kill: it lives and is somebody else's. */
        code = kill(id, 0) == 0 || errno == EPERM ? 0 : errno;
        if (!start_time_of(id, &watch->start_time))
            watch->start_time = 0;
    }
    if (code != 0) {
        wk_release(env, WK_MEM_HANDLE, watch, sizeof *watch);
        return wk_posix_fail(err, code, "watch a process", NULL);
    }
    *out = watch;
    return WK_OK;
}

enum wk_status wk_posix_watch(struct wk_env *env, uint64_t process_id,
                              struct wk_process_watch **out, struct wk_error *err) {
    return watch_open(env, process_id, false, out, err);
}

enum wk_status wk_posix_watch_by_asking(struct wk_env *env, uint64_t process_id,
                                        struct wk_process_watch **out, struct wk_error *err) {
    return watch_open(env, process_id, true, out, err);
}

static bool ended_by_descriptor(const struct wk_process_watch *watch, uint64_t deadline_ns) {
    struct pollfd ask = {.fd = watch->fd, .events = POLLIN};
    struct timespec left = wk_posix_left(deadline_ns);
    int wait_ms = (int)(left.tv_sec * 1000 + (left.tv_nsec + 999999) / 1000000);
    return poll(&ask, 1, wait_ms) == 1;
}

static bool ended_by_asking(const struct wk_process_watch *watch, uint64_t deadline_ns) {
    if (kill(watch->process_id, 0) != 0 && errno == ESRCH)
        return true;
    uint64_t now;
    bool known = watch->start_time != 0 && start_time_of(watch->process_id, &now);
    if (known && now != watch->start_time)
        return true;
    struct timespec left = wk_posix_left(deadline_ns);
    if (left.tv_sec > 0 || (uint64_t)left.tv_nsec > ASK_EVERY_NS)
        left = wk_posix_timespec(ASK_EVERY_NS);
    nanosleep(&left, NULL);
    return false;
}

enum wk_status wk_posix_watch_wait(struct wk_env *env, struct wk_process_watch *watch,
                                   uint64_t deadline_ns) {
    (void)env;
    for (;;) {
        bool ended = watch->fd >= 0 ? ended_by_descriptor(watch, deadline_ns)
                                    : ended_by_asking(watch, deadline_ns);
        if (ended)
            return WK_OK;
        if (wk_posix_now_ns() >= deadline_ns)
            return WK_TIMEOUT;
    }
}

void wk_posix_watch_close(struct wk_env *env, struct wk_process_watch *watch) {
    if (watch->fd >= 0)
        close(watch->fd);
    wk_release(env, WK_MEM_HANDLE, watch, sizeof *watch);
}
