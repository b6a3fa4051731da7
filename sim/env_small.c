// SPDX-License-Identifier: Apache-2.0
// The small tables: clock, entropy, vars, log.
#include <stdio.h>
#include <string.h>

#include "process.h"
#include "sched.h"
#include "trace.h"

#define CLOCK_COST_NS 25u

// ---- clock

static uint64_t monotonic_ns(struct wk_env *env) {
    const struct sim_process *p = sim_enter(env, CLOCK_COST_NS);
    return sim_process_monotonic(p);
}

static uint64_t wall_ns(struct wk_env *env) {
    const struct sim_process *p = sim_enter(env, CLOCK_COST_NS);
    return sim_process_wall(p);
}

static void sleep_until(struct wk_env *env, uint64_t deadline_ns) {
    const struct sim_process *p = sim_enter(env, CLOCK_COST_NS);
    (void)sim_block("sleep", NULL, sim_process_deadline(p, deadline_ns));
}

const struct wk_env_clock sim_env_clock = {monotonic_ns, wall_ns, sleep_until};

// ---- entropy

static void entropy_fill(struct wk_env *env, void *to, size_t size) {
    struct sim_process *p = sim_enter(env, CLOCK_COST_NS);
    sim_rng_fill(&p->entropy, to, size);
}

const struct wk_env_entropy sim_env_entropy = {entropy_fill};

// ---- vars

static enum wk_status vars_get(struct wk_env *env, const char *name, char *to, size_t capacity,
                               size_t *length) {
    const struct sim_process *p = sim_enter(env, CLOCK_COST_NS);
    for (uint32_t i = 0; i < p->var_count; i++) {
        if (strcmp(p->vars[i].name, name) != 0 || p->vars[i].value[0] == 0)
            continue;
        size_t size = strlen(p->vars[i].value);
        if (size + 1 > capacity)
            return WK_TOO_LARGE;
        memcpy(to, p->vars[i].value, size + 1);
        if (length != NULL)
            *length = size;
        return WK_OK;
    }
    return WK_MISS;
}

static void vars_names(struct wk_env *env, const char *prefix,
                       bool (*each)(void *ctx, const char *name), void *ctx) {
    const struct sim_process *p = sim_enter(env, CLOCK_COST_NS);
    for (uint32_t i = 0; i < p->var_count; i++) {
        bool set = p->vars[i].value[0] != 0;
        if (set && strncmp(p->vars[i].name, prefix, strlen(prefix)) == 0 &&
            !each(ctx, p->vars[i].name))
            return;
    }
}

const struct wk_env_vars sim_env_vars = {vars_get, vars_names};

// ---- log: into the trace only, and to the host's function

static enum wk_log_level log_level(struct wk_env *env) {
    const struct sim_process *p = sim_enter(env, 1);
    if (p->log_sink != NULL && p->log_sink_level > p->log_level)
        return p->log_sink_level;
    return p->log_level;
}

static void log_line(char *to, size_t capacity, const char *name, const struct wk_log_field *fields,
                     size_t count) {
    size_t at = (size_t)snprintf(to, capacity, "%s", name);
    for (size_t i = 0; i < count && at < capacity; i++) {
        int n;
        if (fields[i].text != NULL)
            n = snprintf(to + at, capacity - at, " %s=%s", fields[i].key, fields[i].text);
        else
            n = snprintf(to + at, capacity - at, " %s=%llu", fields[i].key,
                         (unsigned long long)fields[i].number);
        at += n < 0 ? 0 : (size_t)n;
    }
}

static void log_event(struct wk_env *env, enum wk_log_level level, const char *name,
                      const struct wk_log_field *fields, size_t count) {
    struct sim_process *p = sim_enter(env, 200);
    char line[512];
    log_line(line, sizeof line, name, fields, count);
    sim_event("log", line, (uint64_t)level, 0);
    if (p->log_sink != NULL && level <= p->log_sink_level)
        p->log_sink(p->log_sink_ctx, level, line);
}

static void log_set_sink(struct wk_env *env,
                         void (*sink)(void *ctx, enum wk_log_level level, const char *line),
                         void *ctx, enum wk_log_level level) {
    struct sim_process *p = sim_enter(env, 10);
    p->log_sink = sink;
    p->log_sink_ctx = ctx;
    p->log_sink_level = level;
}

const struct wk_env_log sim_env_log = {log_level, log_event, log_set_sink};
