/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world for tests of the layers that need little of it: settings from a list, allocations that
 * are counted and can fail at the k-th, one slot per thread, events kept as text, a clock that
 * stands still. It is the process's environment too, so include it in one file per program.
 */
#ifndef WK_TESTS_FAKE_ENV_H
#define WK_TESTS_FAKE_ENV_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env/env.h"

struct fake_var {
    const char *name;
    const char *value;
};

static struct {
    const struct fake_var *vars; /* ends with a NULL name */
    long allocations;            /* since fake_reset */
    long fail_at;                /* the allocation that fails, from 1; 0 none */
    long in_use_bytes;
    bool slots_fail;
    uint32_t fork_generation;
    uint64_t now_ns;
    char log[8192];
    enum wk_status (*objects_open)(struct wk_env *env, const struct wk_objects_config *config,
                                   struct wk_objects **out, struct wk_error *err);
    pthread_mutex_t lock;
    pthread_key_t key;
    bool has_key;
    void (*destroy)(void *value);
} fake;

static struct wk_env fake_env;

struct wk_env *wk_env_current(void) {
    return &fake_env;
}

static uint64_t fake_now(struct wk_env *env) {
    (void)env;
    return fake.now_ns;
}

static void *fake_alloc(struct wk_env *env, enum wk_mem_owner owner, size_t size) {
    (void)env;
    (void)owner;
    pthread_mutex_lock(&fake.lock);
    bool fails = ++fake.allocations == fake.fail_at;
    if (!fails)
        fake.in_use_bytes += (long)size;
    pthread_mutex_unlock(&fake.lock);
    /* Filled, so that nobody relies on zeroes. */
    void *memory = fails ? NULL : malloc(size + 1);
    if (memory != NULL)
        memset(memory, 0xa5, size + 1);
    return memory;
}

static void fake_release(struct wk_env *env, enum wk_mem_owner owner, void *ptr, size_t size) {
    (void)env;
    (void)owner;
    if (ptr == NULL)
        return;
    pthread_mutex_lock(&fake.lock);
    fake.in_use_bytes -= (long)size;
    pthread_mutex_unlock(&fake.lock);
    free(ptr);
}

static void fake_slot_end(void *value) {
    fake.destroy(value);
}

static void *fake_slot_get(struct wk_env *env) {
    (void)env;
    return pthread_getspecific(fake.key);
}

static enum wk_status fake_slot_set(struct wk_env *env, void *value, void (*destroy)(void *)) {
    (void)env;
    if (fake.slots_fail)
        return WK_NO_MEMORY;
    fake.destroy = destroy;
    pthread_setspecific(fake.key, value);
    return WK_OK;
}

static enum wk_status fake_get(struct wk_env *env, const char *name, char *to, size_t capacity,
                               size_t *length) {
    (void)env;
    for (const struct fake_var *v = fake.vars; v != NULL && v->name != NULL; v++) {
        if (strcmp(v->name, name) != 0 || v->value[0] == 0)
            continue;
        size_t size = strlen(v->value);
        if (size >= capacity)
            return WK_TOO_LARGE;
        memcpy(to, v->value, size + 1);
        if (length != NULL)
            *length = size;
        return WK_OK;
    }
    return WK_MISS;
}

static void fake_names(struct wk_env *env, const char *prefix,
                       bool (*each)(void *ctx, const char *name), void *ctx) {
    (void)env;
    for (const struct fake_var *v = fake.vars; v != NULL && v->name != NULL; v++) {
        if (v->value[0] != 0 && strncmp(v->name, prefix, strlen(prefix)) == 0 &&
            !each(ctx, v->name))
            return;
    }
}

static uint32_t fake_fork_generation(struct wk_env *env) {
    (void)env;
    return fake.fork_generation;
}

static enum wk_log_level fake_level(struct wk_env *env) {
    (void)env;
    return WK_LOG_DEBUG;
}

/* "level name key=value key=value\n" */
static void fake_event(struct wk_env *env, enum wk_log_level level, const char *name,
                       const struct wk_log_field *fields, size_t count) {
    (void)env;
    size_t at = strlen(fake.log);
    at += (size_t)snprintf(fake.log + at, sizeof fake.log - at, "%d %s", (int)level, name);
    for (size_t i = 0; i < count && at < sizeof fake.log; i++)
        at += (size_t)snprintf(fake.log + at, sizeof fake.log - at, " %s=%s", fields[i].key,
                               fields[i].text != NULL ? fields[i].text : "#");
    if (at < sizeof fake.log)
        snprintf(fake.log + at, sizeof fake.log - at, "\n");
}

static struct {
    void (*fn)(void *ctx, enum wk_log_level level, const char *line);
    void *ctx;
    enum wk_log_level level;
} fake_sink;

static void fake_set_sink(struct wk_env *env,
                          void (*sink)(void *ctx, enum wk_log_level level, const char *line),
                          void *ctx, enum wk_log_level level) {
    (void)env;
    fake_sink.fn = sink;
    fake_sink.ctx = ctx;
    fake_sink.level = level;
}

static enum wk_status fake_objects_open(struct wk_env *env, const struct wk_objects_config *config,
                                        struct wk_objects **out, struct wk_error *err) {
    if (fake.objects_open != NULL)
        return fake.objects_open(env, config, out, err);
    return wk_fail(err, WK_UNAVAILABLE, "no object store in this test");
}

/* Forgets everything but what is allocated; frees the calling thread's slot. */
static void fake_reset(void) {
    static const struct wk_env_clock clock = {.monotonic_ns = fake_now};
    static const struct wk_env_mem mem = {.alloc = fake_alloc, .release = fake_release};
    static const struct wk_env_threads threads = {.slot_get = fake_slot_get,
                                                  .slot_set = fake_slot_set};
    static const struct wk_env_vars vars = {.get = fake_get, .names = fake_names};
    static const struct wk_env_process process = {.fork_generation = fake_fork_generation};
    static const struct wk_env_log log = {
        .level = fake_level, .event = fake_event, .set_sink = fake_set_sink};
    static const struct wk_env_objects objects = {.open = fake_objects_open};
    if (!fake.has_key) {
        pthread_mutex_init(&fake.lock, NULL);
        pthread_key_create(&fake.key, fake_slot_end);
        fake.has_key = true;
    }
    void *value = pthread_getspecific(fake.key);
    if (value != NULL)
        fake.destroy(value);
    pthread_setspecific(fake.key, NULL);
    fake_env = (struct wk_env){.version = WK_ENV_VERSION,
                               .size = sizeof fake_env,
                               .clock = &clock,
                               .mem = &mem,
                               .threads = &threads,
                               .vars = &vars,
                               .process = &process,
                               .objects = &objects,
                               .log = &log};
    fake.vars = NULL;
    fake.allocations = 0;
    fake.fail_at = 0;
    fake.slots_fail = false;
    fake.fork_generation = 7;
    fake.now_ns = 1000;
    fake.log[0] = 0;
    fake.objects_open = NULL;
}

#endif
