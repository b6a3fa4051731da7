/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who we are: process, fork generation, host; and the signals of main files. The watch of another
 * process is in posix_watch.c.
 */
#include "env/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/text.h"
#include "env/posix/watch.h"
#include "hash/blake3.h"

static wk_atomic_u32 generation; /* sync: written in a child of a fork, which has one thread */

static void count_fork(void) {
    wk_atomic_add_u32(&generation, 1, WK_RELAXED, "process.fork");
}

void wk_posix_process_init(void) {
    pthread_atfork(NULL, NULL, count_fork);
}

static uint64_t process_id(struct wk_env *env) {
    (void)env;
    return (uint64_t)getpid();
}

static uint32_t process_fork_generation(struct wk_env *env) {
    (void)env;
    return wk_atomic_load_u32(&generation, WK_RELAXED, "process.fork");
}

/* ---- host -------------------------------------------------------------------------------- */

static size_t read_small(const char *path, char *to, size_t capacity) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, to, capacity);
    close(fd);
    return got > 0 ? (size_t)got : 0;
}

/* The machine id is not for show (machine-id(5)): what we tell is a hash of it and our name. */
static bool host_from_machine_id(char to[65]) {
    char id[64];
    size_t size = read_small("/etc/machine-id", id, sizeof id);
    uint8_t raw[16];
    if (size < 32 || !wk_hex_decode(wk_span(id, 32), raw, NULL))
        return false;
    const struct wk_span parts[2] = {wk_span_text("wombatkv host id"), wk_span(raw, sizeof raw)};
    uint8_t digest[WK_BLAKE3_BYTES];
    wk_blake3(parts, 2, digest);
    wk_hex_encode(wk_span(digest, 16), to);
    return true;
}

static bool is_host_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
}

static bool host_from_name(char to[65]) {
    char name[256];
    if (gethostname(name, sizeof name) != 0)
        return false;
    name[sizeof name - 1] = 0;
    size_t length = 0;
    for (; name[length] != 0 && length < 64; length++)
        to[length] = is_host_character(name[length]) ? name[length] : '-';
    to[length] = 0;
    return length > 0;
}

static enum wk_status process_host_id(struct wk_env *env, char *to, size_t capacity,
                                      struct wk_error *err) {
    (void)env;
    char id[65];
    if (!host_from_machine_id(id) && !host_from_name(id))
        return wk_fail(err, WK_UNAVAILABLE, "this host has no machine id and no name");
    size_t size = strlen(id) + 1;
    if (size > capacity)
        return wk_fail(err, WK_TOO_LARGE, "the host id takes %zu bytes, there is room for %zu",
                       size, capacity);
    memcpy(to, id, size);
    return WK_OK;
}

/* ---- signals of main files --------------------------------------------------------------- */

static void taken_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

static enum wk_status process_signals_take(struct wk_env *env, struct wk_error *err) {
    (void)env;
    sigset_t set;
    taken_signals(&set);
    /* Blocked, they stay pending for signals_wait; threads started later inherit the mask. */
    int code = pthread_sigmask(SIG_BLOCK, &set, NULL);
    return code == 0 ? WK_OK : wk_posix_fail(err, code, "take the signals", NULL);
}

/* One signal of the set, or 0 when none came within `wait`. */
static int next_signal(const sigset_t *set, const struct timespec *wait) {
#if defined(__APPLE__)
    /* No sigtimedwait there: look now and then. Only the waiter takes them, so sigwait is short. */
    sigset_t pending;
    for (uint64_t end_ns =
             wk_posix_now_ns() + (uint64_t)wait->tv_sec * WK_NS_PER_S + (uint64_t)wait->tv_nsec;
         ;) {
        static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
        sigpending(&pending);
        for (size_t i = 0; i < 3; i++) {
            int number = 0;
            if (sigismember(&pending, numbers[i]) && sigwait(set, &number) == 0)
                return number;
        }
        if (wk_posix_now_ns() >= end_ns)
            return 0;
        nanosleep(&(struct timespec){0, 50 * 1000 * 1000}, NULL);
    }
#else
    int number = sigtimedwait(set, NULL, wait);
    return number > 0 ? number : 0;
#endif
}

static enum wk_status process_signals_wait(struct wk_env *env, uint64_t deadline_ns,
                                           enum wk_signal *out) {
    (void)env;
    sigset_t set;
    taken_signals(&set);
    for (;;) {
        struct timespec left = wk_posix_left(deadline_ns);
        int number = next_signal(&set, &left);
        if (number != 0) {
            *out = number == SIGHUP ? WK_SIGNAL_RELOAD : WK_SIGNAL_STOP;
            return WK_OK;
        }
        if (wk_posix_now_ns() >= deadline_ns)
            return WK_TIMEOUT;
    }
}

const struct wk_env_process wk_posix_process = {
    .id = process_id,
    .fork_generation = process_fork_generation,
    .host_id = process_host_id,
    .watch = wk_posix_watch,
    .watch_wait = wk_posix_watch_wait,
    .watch_close = wk_posix_watch_close,
    .signals_take = process_signals_take,
    .signals_wait = process_signals_wait,
};
