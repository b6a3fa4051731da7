/* SPDX-License-Identifier: Apache-2.0 */
#include "env/posix/posix.h"

#include <errno.h>
#include <time.h>

uint64_t wk_posix_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * WK_NS_PER_S + (uint64_t)now.tv_nsec;
}

struct timespec wk_posix_left(uint64_t deadline_ns) {
    uint64_t now_ns = wk_posix_now_ns();
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    if (left_ns > 3600 * WK_NS_PER_S)
        left_ns = 3600 * WK_NS_PER_S;
    return wk_posix_timespec(left_ns);
}

static uint64_t clock_monotonic_ns(struct wk_env *env) {
    (void)env;
    return wk_posix_now_ns();
}

static uint64_t clock_wall_ns(struct wk_env *env) {
    (void)env;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec < 0)
        return 0;
    return (uint64_t)now.tv_sec * WK_NS_PER_S + (uint64_t)now.tv_nsec;
}

static void clock_sleep_until(struct wk_env *env, uint64_t deadline_ns) {
    (void)env;
    /* A handler of the host may interrupt the sleep: what is left is asked anew each time. */
    for (;;) {
        struct timespec left = wk_posix_left(deadline_ns);
        if (left.tv_sec == 0 && left.tv_nsec == 0)
            return;
        nanosleep(&left, NULL);
    }
}

const struct wk_env_clock wk_posix_clock = {
    .monotonic_ns = clock_monotonic_ns,
    .wall_ns = clock_wall_ns,
    .sleep_until = clock_sleep_until,
};
