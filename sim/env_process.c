// SPDX-License-Identifier: Apache-2.0
// Process table of the simulated host.
#include <string.h>

#include "base/text.h"
#include "pool.h"
#include "process.h"
#include "sched.h"
#include "trace.h"

#define CALL_COST_NS 300u

struct wk_process_watch {
    const struct sim_process *watched;
};

static uint64_t process_id(struct wk_env *env) {
    return sim_enter(env, 5)->id;
}

static uint32_t fork_generation(struct wk_env *env) {
    return sim_enter(env, 5)->fork_generation;
}

static enum wk_status host_id(struct wk_env *env, char *to, size_t capacity, struct wk_error *err) {
    const struct sim_process *p = sim_enter(env, CALL_COST_NS);
    size_t size = strlen(p->host->name);
    if (size + 1 > capacity)
        return wk_fail(err, WK_TOO_LARGE, "the host's name does not fit");
    memcpy(to, p->host->name, size + 1);
    return WK_OK;
}

static enum wk_status watch(struct wk_env *env, uint64_t id, struct wk_process_watch **out,
                            struct wk_error *err) {
    struct sim_process *p = sim_enter(env, CALL_COST_NS);
    const struct sim_process *other = sim_process_find(id);
    if (id == 0 || id > INT32_MAX)
        return wk_fail(err, WK_INVALID, "not the id of a process");
    if (other == NULL || other->host != p->host)
        return wk_fail(err, WK_MISS, "there is no such process");
    struct wk_process_watch *w = sim_new(sizeof *w);
    w->watched = other;
    p->watches++;
    *out = w;
    return WK_OK;
}

static enum wk_status watch_wait(struct wk_env *env, struct wk_process_watch *w,
                                 uint64_t deadline_ns) {
    const struct sim_process *p = sim_enter(env, CALL_COST_NS);
    uint64_t until = sim_process_deadline(p, deadline_ns);
    while (w->watched->alive) {
        if (!sim_block("process", w->watched, until) && w->watched->alive)
            return WK_TIMEOUT;
    }
    return WK_OK;
}

static void watch_close(struct wk_env *env, struct wk_process_watch *w) {
    struct sim_process *p = sim_enter(env, CALL_COST_NS);
    if (w != NULL)
        p->watches--;
}

static enum wk_status signals_take(struct wk_env *env, struct wk_error *err) {
    sim_enter(env, CALL_COST_NS)->takes_signals = true;
    (void)err;
    return WK_OK;
}

static enum wk_status signals_wait(struct wk_env *env, uint64_t deadline_ns, enum wk_signal *out) {
    struct sim_process *p = sim_enter(env, CALL_COST_NS);
    uint64_t until = sim_process_deadline(p, deadline_ns);
    for (bool late = false; p->signal_count == 0; late = !sim_block("signal", p, until)) {
        if (late) {
            *out = WK_SIGNAL_NONE;
            return WK_TIMEOUT;
        }
    }
    *out = p->signals[0];
    p->signal_count--;
    memmove(p->signals, p->signals + 1, p->signal_count * sizeof p->signals[0]);
    return WK_OK;
}

const struct wk_env_process sim_env_process = {process_id,   fork_generation, host_id,
                                               watch,        watch_wait,      watch_close,
                                               signals_take, signals_wait};
