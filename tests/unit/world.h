/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world for tests of the store: the real environment with a clock that can be moved and
 * allocations that can fail, and an object store in memory with faults and gates.
 *
 *     struct bucket   objects by key; faults; gates; counts     (owned by the test)
 *     bucket_open     one struct wk_objects over it, for one store; any number of them
 *
 * Include after unit/cmocka_all.h. Everything is static: one test program, one world.
 */
#ifndef WK_TESTS_UNIT_WORLD_H
#define WK_TESTS_UNIT_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "env/env.h"
#include "hash/crc32c.h"
#include "store/store.h"

#define WORLD_UNUSED __attribute__((unused))

/* ---- the environment ---- */

struct world {
    struct wk_env env; /* first */
    struct wk_env *real;
    struct wk_env_mem mem;
    struct wk_env_clock clock;
    struct wk_env_threads threads;
    wk_atomic_u64 offset_ns;  /* added to the real clock; sleeping moves it */
    wk_atomic_u64 live_bytes; /* allocated through this environment and not released */
    wk_atomic_u64 live[WK_MEM_OWNER_COUNT];
    wk_atomic_u64 peak[WK_MEM_OWNER_COUNT];
    wk_atomic_u64 allocations;
    wk_atomic_u64 fail_at; /* the allocation with this number fails; 0: none */
    bool alone;            /* one thread: a wait with a deadline is a sleep */
    bool no_threads;
};

static struct world *world_of(struct wk_env *env) {
    return (struct world *)env;
}

static bool world_alloc_fails(struct world *w) {
    uint64_t n = wk_atomic_add_u64(&w->allocations, 1, WK_RELAXED, "test") + 1;
    return n == wk_atomic_load_u64(&w->fail_at, WK_RELAXED, "test");
}

static void world_add(struct world *w, enum wk_mem_owner owner, size_t size) {
    uint64_t now = wk_atomic_add_u64(&w->live[owner], size, WK_RELAXED, "test") + size;
    uint64_t peak = wk_atomic_load_u64(&w->peak[owner], WK_RELAXED, "test");
    while (now > peak && !wk_atomic_cas_u64(&w->peak[owner], &peak, now, WK_RELAXED, "test"))
        ;
    wk_atomic_add_u64(&w->live_bytes, size, WK_RELAXED, "test");
}

static void world_sub(struct world *w, enum wk_mem_owner owner, size_t size) {
    wk_atomic_sub_u64(&w->live[owner], size, WK_RELAXED, "test");
    wk_atomic_sub_u64(&w->live_bytes, size, WK_RELAXED, "test");
}

static void *world_alloc(struct wk_env *env, enum wk_mem_owner owner, size_t size) {
    struct world *w = world_of(env);
    if (world_alloc_fails(w))
        return NULL;
    void *ptr = w->real->mem->alloc(w->real, owner, size);
    if (ptr != NULL)
        world_add(w, owner, size);
    return ptr;
}

static void world_release(struct wk_env *env, enum wk_mem_owner owner, void *ptr, size_t size) {
    struct world *w = world_of(env);
    if (ptr == NULL)
        return;
    world_sub(w, owner, size);
    w->real->mem->release(w->real, owner, ptr, size);
}

static void *world_map(struct wk_env *env, enum wk_mem_owner owner, size_t size) {
    struct world *w = world_of(env);
    if (world_alloc_fails(w))
        return NULL;
    void *ptr = w->real->mem->map(w->real, owner, size);
    if (ptr != NULL)
        world_add(w, owner, size);
    return ptr;
}

static void world_unmap(struct wk_env *env, enum wk_mem_owner owner, void *ptr, size_t size) {
    struct world *w = world_of(env);
    if (ptr == NULL)
        return;
    world_sub(w, owner, size);
    w->real->mem->unmap(w->real, owner, ptr, size);
}

static uint64_t world_now(struct wk_env *env) {
    struct world *w = world_of(env);
    uint64_t real = w->real->clock->monotonic_ns(w->real);
    return real + wk_atomic_load_u64(&w->offset_ns, WK_RELAXED, "test");
}

static void world_sleep(struct wk_env *env, uint64_t deadline_ns) {
    struct world *w = world_of(env);
    uint64_t now = world_now(env);
    if (deadline_ns > now)
        wk_atomic_add_u64(&w->offset_ns, deadline_ns - now, WK_RELAXED, "test");
}

static enum wk_status world_cond_wait(struct wk_env *env, struct wk_cond *c, struct wk_mutex *m,
                                      uint64_t deadline_ns) {
    struct world *w = world_of(env);
    uint64_t offset = wk_atomic_load_u64(&w->offset_ns, WK_RELAXED, "test");
    if (w->alone && deadline_ns != WK_FOREVER) {
        world_sleep(env, deadline_ns);
        return WK_TIMEOUT;
    }
    if (deadline_ns != WK_FOREVER)
        deadline_ns = deadline_ns > offset ? deadline_ns - offset : 0;
    return w->real->threads->cond_wait(w->real, c, m, deadline_ns);
}

static enum wk_status world_start(struct wk_env *env, const char *name, void (*entry)(void *),
                                  void *arg, struct wk_thread **out, struct wk_error *err) {
    struct world *w = world_of(env);
    if (w->no_threads)
        return wk_fail(err, WK_UNAVAILABLE, "no threads in this world");
    return w->real->threads->start(w->real, name, entry, arg, out, err);
}

/* What start took from the real environment goes back there. */
static void world_join(struct wk_env *env, struct wk_thread *thread) {
    struct world *w = world_of(env);
    w->real->threads->join(w->real, thread);
}

WORLD_UNUSED static void world_init(struct world *w) {
    memset(w, 0, sizeof *w);
    w->real = wk_env_current();
    w->env = *w->real;
    w->mem = *w->real->mem;
    w->mem.alloc = world_alloc;
    w->mem.release = world_release;
    w->mem.map = world_map;
    w->mem.unmap = world_unmap;
    w->clock = *w->real->clock;
    w->clock.monotonic_ns = world_now;
    w->clock.sleep_until = world_sleep;
    w->threads = *w->real->threads;
    w->threads.cond_wait = world_cond_wait;
    w->threads.start = world_start;
    w->threads.join = world_join;
    w->env.mem = &w->mem;
    w->env.clock = &w->clock;
    w->env.threads = &w->threads;
}

WORLD_UNUSED static void world_pass(struct world *w, uint64_t ns) {
    wk_atomic_add_u64(&w->offset_ns, ns, WK_RELAXED, "test");
}

WORLD_UNUSED static uint64_t world_live(struct world *w) {
    return wk_atomic_load_u64(&w->live_bytes, WK_RELAXED, "test");
}

/* ---- objects in memory ---- */

#define BUCKET_OBJECTS_MAX 4096
#define BUCKET_FAULTS_MAX  8
#define BUCKET_ANY         UINT32_MAX

struct stored {
    char *key; /* NULL: free */
    uint8_t *body;
    size_t size;
    uint32_t crc32c;
    uint64_t version; /* its ETag */
};

/* The next `times` requests of this verb (and with `text` in their key) end like this. */
struct bucket_fault {
    uint32_t verb;
    uint32_t times;
    enum wk_object_class class;
    bool applied; /* a mutation has its effect all the same */
    const char *text;
};

struct bucket {
    struct wk_env *env;
    struct wk_mutex mutex;
    struct wk_cond cond;
    struct stored objects[BUCKET_OBJECTS_MAX];
    uint64_t versions;
    uint64_t requests[4]; /* by verb */
    uint64_t absent_gets;
    uint64_t not_modified;
    uint64_t lists;
    struct bucket_fault faults[BUCKET_FAULTS_MAX];
    uint32_t flip_bodies; /* next so many GET bodies lose a bit after the checksum was checked */
    bool announce_absurd; /* GETs announce a size beyond everything */
    uint32_t gate_verb;   /* requests of this verb park before they answer; BUCKET_ANY: none */
    uint32_t parked;
    bool list_gate; /* LIST parks after it has taken its picture */
    bool list_parked;
    uint64_t last_deadline_ns;
    uint32_t last_parallel;
    const char *list_hides; /* LIST does not show keys with this text */
    uint32_t list_cuts;     /* the next so many LISTs fail after the first key */
};

struct bucket_view {
    struct wk_objects base; /* first */
    struct bucket *bucket;
};

WORLD_UNUSED static void bucket_init(struct bucket *b, struct wk_env *env) {
    memset(b, 0, sizeof *b);
    b->env = env;
    b->gate_verb = BUCKET_ANY;
    assert_int_equal(env->threads->mutex_init(env, &b->mutex), WK_OK);
    assert_int_equal(env->threads->cond_init(env, &b->cond), WK_OK);
}

WORLD_UNUSED static void bucket_destroy(struct bucket *b) {
    for (size_t i = 0; i < BUCKET_OBJECTS_MAX; i++) {
        free(b->objects[i].key);
        free(b->objects[i].body);
    }
    b->env->threads->cond_destroy(b->env, &b->cond);
    b->env->threads->mutex_destroy(b->env, &b->mutex);
}

static struct stored *bucket_find(struct bucket *b, const char *key) {
    for (size_t i = 0; i < BUCKET_OBJECTS_MAX; i++)
        if (b->objects[i].key != NULL && strcmp(b->objects[i].key, key) == 0)
            return &b->objects[i];
    return NULL;
}

static void bucket_store(struct bucket *b, const char *key, const void *body, size_t size) {
    struct stored *o = bucket_find(b, key);
    for (size_t i = 0; o == NULL && i < BUCKET_OBJECTS_MAX; i++)
        if (b->objects[i].key == NULL)
            o = &b->objects[i];
    if (o == NULL)
        abort();
    uint8_t *copy = malloc(size + 1);
    if (copy == NULL)
        abort();
    if (size != 0)
        memcpy(copy, body, size);
    if (o->key == NULL)
        o->key = strdup(key);
    free(o->body);
    o->body = copy;
    o->size = size;
    o->crc32c = wk_crc32c(copy, size);
    o->version = ++b->versions;
}

static void bucket_erase(struct bucket *b, const char *key) {
    struct stored *o = bucket_find(b, key);
    if (o == NULL)
        return;
    free(o->key);
    free(o->body);
    memset(o, 0, sizeof *o);
}

/* Third parties: writers and deleters that are not the store. */
WORLD_UNUSED static void bucket_write(struct bucket *b, const char *key, const void *body,
                                      size_t size) {
    wk_lock(b->env, &b->mutex);
    bucket_store(b, key, body, size);
    wk_unlock(b->env, &b->mutex);
}

WORLD_UNUSED static void bucket_delete(struct bucket *b, const char *key) {
    wk_lock(b->env, &b->mutex);
    bucket_erase(b, key);
    wk_unlock(b->env, &b->mutex);
}

WORLD_UNUSED static bool bucket_has(struct bucket *b, const char *key) {
    wk_lock(b->env, &b->mutex);
    bool has = bucket_find(b, key) != NULL;
    wk_unlock(b->env, &b->mutex);
    return has;
}

WORLD_UNUSED static uint64_t bucket_requests(struct bucket *b, enum wk_object_verb verb) {
    wk_lock(b->env, &b->mutex);
    uint64_t n = b->requests[verb];
    wk_unlock(b->env, &b->mutex);
    return n;
}

WORLD_UNUSED static void bucket_fail(struct bucket *b, uint32_t verb, uint32_t times,
                                     enum wk_object_class class, bool applied, const char *text) {
    wk_lock(b->env, &b->mutex);
    for (size_t i = 0; i < BUCKET_FAULTS_MAX; i++) {
        if (b->faults[i].times != 0)
            continue;
        b->faults[i] = (struct bucket_fault){verb, times, class, applied, text};
        break;
    }
    wk_unlock(b->env, &b->mutex);
}

WORLD_UNUSED static void bucket_heal(struct bucket *b) {
    wk_lock(b->env, &b->mutex);
    memset(b->faults, 0, sizeof b->faults);
    b->flip_bodies = 0;
    b->announce_absurd = false;
    wk_unlock(b->env, &b->mutex);
}

/* ---- gates ---- */

WORLD_UNUSED static void bucket_gate(struct bucket *b, uint32_t verb) {
    wk_lock(b->env, &b->mutex);
    b->gate_verb = verb;
    b->env->threads->cond_broadcast(b->env, &b->cond);
    wk_unlock(b->env, &b->mutex);
}

WORLD_UNUSED static void bucket_await_parked(struct bucket *b, uint32_t count) {
    wk_lock(b->env, &b->mutex);
    while (b->parked < count)
        b->env->threads->cond_wait(b->env, &b->cond, &b->mutex, WK_FOREVER);
    wk_unlock(b->env, &b->mutex);
}

/* Locked. The effect of the request is done; its answer waits here. */
static void bucket_park(struct bucket *b, enum wk_object_verb verb) {
    if (b->gate_verb != (uint32_t)verb)
        return;
    b->parked++;
    b->env->threads->cond_broadcast(b->env, &b->cond);
    while (b->gate_verb == (uint32_t)verb)
        b->env->threads->cond_wait(b->env, &b->cond, &b->mutex, WK_FOREVER);
    b->parked--;
}

/* ---- requests ---- */

static bool bucket_fault_for(struct bucket *b, const struct wk_object_request *r,
                             struct bucket_fault *out) {
    for (size_t i = 0; i < BUCKET_FAULTS_MAX; i++) {
        struct bucket_fault *f = &b->faults[i];
        if (f->times == 0 || (f->verb != BUCKET_ANY && f->verb != (uint32_t)r->verb))
            continue;
        if (f->text != NULL && strstr(r->key, f->text) == NULL)
            continue;
        f->times--;
        *out = *f;
        return true;
    }
    return false;
}

static void bucket_etag(const struct stored *o, struct wk_etag *out) {
    out->length = (uint32_t)wk_format(out->text, sizeof out->text, "\"%llu\"",
                                      (unsigned long long)o->version);
}

static void bucket_describe(const struct bucket_view *v, const struct stored *o,
                            struct wk_object_result *result) {
    result->class = WK_OBJECT_OK;
    result->size_bytes = o->size;
    if ((v->base.caps & WK_OBJECTS_ETAG) != 0)
        bucket_etag(o, &result->etag);
}

static bool bucket_condition_holds(struct bucket_view *v, const struct wk_object_request *r) {
    const struct stored *o = bucket_find(v->bucket, r->key);
    struct wk_etag etag;
    if (r->if_absent)
        return o == NULL;
    if (r->if_match == NULL)
        return true;
    if (o == NULL)
        return false;
    bucket_etag(o, &etag);
    return etag.length == r->if_match->length &&
           memcmp(etag.text, r->if_match->text, etag.length) == 0;
}

static void bucket_run_put(struct bucket_view *v, const struct wk_object_request *r,
                           struct wk_object_result *result) {
    struct bucket *b = v->bucket;
    size_t size = 0;
    for (size_t i = 0; i < r->body_count; i++)
        size += r->body[i].size;
    uint8_t *body = malloc(size + 1);
    if (body == NULL)
        abort();
    size = 0;
    for (size_t i = 0; i < r->body_count; i++) {
        if (r->body[i].size != 0)
            memcpy(body + size, r->body[i].data, r->body[i].size);
        size += r->body[i].size;
    }
    if (!bucket_condition_holds(v, r)) {
        result->class = WK_OBJECT_PRECONDITION_FAILED;
    } else if ((v->base.caps & WK_OBJECTS_CHECKSUM) != 0 &&
               wk_crc32c(body, size) != r->body_crc32c) {
        result->class = WK_OBJECT_CORRUPT;
    } else {
        bucket_store(b, r->key, body, size);
        bucket_describe(v, bucket_find(b, r->key), result);
    }
    free(body);
}

/* Locked on entry and exit; the sink runs without the lock. */
static void bucket_run_get(struct bucket_view *v, const struct wk_object_request *r,
                           struct wk_object_result *result) {
    struct bucket *b = v->bucket;
    const struct stored *o = bucket_find(b, r->key);
    if (o == NULL) {
        b->absent_gets++;
        result->class = WK_OBJECT_ABSENT;
        bucket_park(b, WK_OBJECT_GET);
        return;
    }
    bucket_describe(v, o, result);
    if (r->if_none_match != NULL && r->if_none_match->length == result->etag.length &&
        memcmp(r->if_none_match->text, result->etag.text, result->etag.length) == 0) {
        b->not_modified++;
        result->class = WK_OBJECT_NOT_MODIFIED;
        bucket_park(b, WK_OBJECT_GET);
        return;
    }
    size_t size = o->size;
    uint8_t *copy = malloc(size + 1);
    if (copy == NULL)
        abort();
    if (size != 0)
        memcpy(copy, o->body, size);
    result->has_crc32c = (v->base.caps & WK_OBJECTS_CHECKSUM) != 0;
    result->crc32c = o->crc32c;
    if (b->flip_bodies > 0 && size > 0) {
        b->flip_bodies--;
        copy[size / 2] ^= 1;
        if (result->has_crc32c)
            result->class = WK_OBJECT_CORRUPT;
    }
    bucket_park(b, WK_OBJECT_GET);
    uint64_t announced = b->announce_absurd ? UINT64_MAX / 2 : size;
    wk_unlock(b->env, &b->mutex);
    uint8_t *to = r->sink.reserve(r->sink.ctx, announced);
    if (to != NULL && size != 0)
        memcpy(to, copy, size);
    wk_lock(b->env, &b->mutex);
    if (to == NULL)
        result->class = WK_OBJECT_CANCELLED;
    free(copy);
}

static void bucket_effect(struct bucket_view *v, const struct wk_object_request *r,
                          struct wk_object_result *result) {
    const struct stored *o;
    switch (r->verb) {
    case WK_OBJECT_GET:
        bucket_run_get(v, r, result);
        break;
    case WK_OBJECT_PUT:
        bucket_run_put(v, r, result);
        bucket_park(v->bucket, WK_OBJECT_PUT);
        break;
    case WK_OBJECT_HEAD:
        o = bucket_find(v->bucket, r->key);
        result->class = WK_OBJECT_ABSENT;
        if (o != NULL)
            bucket_describe(v, o, result);
        result->has_crc32c = o != NULL && (v->base.caps & WK_OBJECTS_CHECKSUM) != 0;
        result->crc32c = result->has_crc32c ? o->crc32c : 0;
        bucket_park(v->bucket, WK_OBJECT_HEAD);
        break;
    default:
        bucket_erase(v->bucket, r->key);
        result->class = WK_OBJECT_OK;
    }
}

static void bucket_run(struct bucket_view *v, const struct wk_object_request *r,
                       struct wk_object_result *result, uint64_t deadline_ns) {
    struct bucket *b = v->bucket;
    struct bucket_fault fault;
    wk_lock(b->env, &b->mutex);
    b->requests[r->verb]++;
    b->last_deadline_ns = deadline_ns;
    if (!bucket_fault_for(b, r, &fault)) {
        bucket_effect(v, r, result);
    } else {
        if (fault.applied)
            bucket_effect(v, r, result);
        else
            bucket_park(b, r->verb);
        memset(result, 0, sizeof *result);
        result->class = fault.class;
        wk_fail(&result->error, WK_UNAVAILABLE, "a fault of the test");
    }
    wk_unlock(b->env, &b->mutex);
}

static void bucket_batch(struct wk_objects *objects, const struct wk_object_request *requests,
                         struct wk_object_result *results, size_t count, uint32_t parallel,
                         uint64_t deadline_ns, const wk_atomic_u32 *cancel) {
    struct bucket *b = ((struct bucket_view *)objects)->bucket;
    assert_true(parallel >= 1);
    wk_lock(b->env, &b->mutex);
    b->last_parallel = parallel;
    wk_unlock(b->env, &b->mutex);
    for (size_t i = 0; i < count; i++) {
        if (cancel != NULL && wk_atomic_load_u32(cancel, WK_ACQUIRE, "test") != 0)
            results[i].class = WK_OBJECT_CANCELLED;
        else
            bucket_run((struct bucket_view *)objects, &requests[i], &results[i], deadline_ns);
    }
}

static enum wk_object_class bucket_list(struct wk_objects *objects, const char *prefix,
                                        bool (*each)(void *ctx, const struct wk_object_entry *e),
                                        void *ctx, uint64_t deadline_ns,
                                        const wk_atomic_u32 *cancel, struct wk_error *err) {
    struct bucket *b = ((struct bucket_view *)objects)->bucket;
    (void)deadline_ns;
    (void)cancel;
    char *keys[BUCKET_OBJECTS_MAX];
    uint64_t sizes[BUCKET_OBJECTS_MAX];
    size_t count = 0;
    wk_lock(b->env, &b->mutex);
    b->lists++;
    for (size_t i = 0; i < BUCKET_OBJECTS_MAX; i++) {
        const struct stored *o = &b->objects[i];
        if (o->key == NULL || strncmp(o->key, prefix, strlen(prefix)) != 0)
            continue;
        if (b->list_hides != NULL && strstr(o->key, b->list_hides) != NULL)
            continue;
        keys[count] = strdup(o->key);
        sizes[count++] = o->size;
    }
    bool cut = b->list_cuts > 0;
    b->list_cuts -= cut;
    b->list_parked = true;
    b->env->threads->cond_broadcast(b->env, &b->cond);
    while (b->list_gate)
        b->env->threads->cond_wait(b->env, &b->cond, &b->mutex, WK_FOREVER);
    wk_unlock(b->env, &b->mutex);
    for (size_t i = 0; i < count; i++) {
        struct wk_object_entry e = {.key = keys[i], .size_bytes = sizes[i]};
        if (!cut || i == 0)
            each(ctx, &e);
        free(keys[i]);
    }
    if (cut)
        wk_fail(err, WK_UNAVAILABLE, "cut short by the test");
    return cut ? WK_OBJECT_SERVER_ERROR : WK_OBJECT_OK;
}

WORLD_UNUSED static void bucket_list_gate(struct bucket *b, bool closed) {
    wk_lock(b->env, &b->mutex);
    b->list_gate = closed;
    b->env->threads->cond_broadcast(b->env, &b->cond);
    wk_unlock(b->env, &b->mutex);
}

WORLD_UNUSED static void bucket_await_list(struct bucket *b) {
    wk_lock(b->env, &b->mutex);
    while (!b->list_parked)
        b->env->threads->cond_wait(b->env, &b->cond, &b->mutex, WK_FOREVER);
    wk_unlock(b->env, &b->mutex);
}

static void bucket_close(struct wk_objects *objects) {
    free(objects);
}

static const struct wk_objects_ops bucket_ops = {bucket_batch, bucket_list, bucket_close};

#define BUCKET_CAPS                                                                                \
    (WK_OBJECTS_ETAG | WK_OBJECTS_CONDITIONAL | WK_OBJECTS_CHECKSUM | WK_OBJECTS_HEAD |            \
     WK_OBJECTS_CONCURRENT)

WORLD_UNUSED static struct wk_objects *bucket_open(struct bucket *b, uint32_t caps) {
    struct bucket_view *v = calloc(1, sizeof *v);
    assert_non_null(v);
    v->base.ops = &bucket_ops;
    v->base.caps = caps;
    v->bucket = b;
    return &v->base;
}

/* ---- a store over a bucket ---- */

WORLD_UNUSED static struct wk_store_config store_config(struct bucket *b, uint32_t caps) {
    return (struct wk_store_config){.objects = bucket_open(b, caps),
                                    .s3_prefix = "kv/test",
                                    .ns = "default",
                                    .ram_bytes = 8u << 20,
                                    .compress_level = 0,
                                    .parallel = 4,
                                    .retries = 2,
                                    .retry_backoff_ns = 1000000,
                                    .retry_budget = 100,
                                    .tail_fresh_ns = 1000 * WK_NS_PER_MS,
                                    .lookup_probe_ns = 20 * WK_NS_PER_MS,
                                    .lookup_probe_ttl_ns = 1000 * WK_NS_PER_MS,
                                    .index_nodes_max = 100000};
}

WORLD_UNUSED static struct wk_backend *store_open(struct world *w,
                                                  const struct wk_store_config *config) {
    struct wk_backend *b = NULL;
    struct wk_error err;
    wk_error_clear(&err);
    enum wk_status status = wk_store_open(&w->env, config, &b, &err);
    if (status != WK_OK)
        print_error("%s\n", err.text);
    assert_int_equal(status, WK_OK);
    return b;
}

/* Value of one number in the statistics. */
WORLD_UNUSED static uint64_t stat_of(struct wk_backend *b, const char *name) {
    static char room[8192];
    struct wk_writer to = wk_writer(room, sizeof room - 1);
    wk_backend_stats_json(b, &to);
    assert_false(to.failed);
    room[to.at] = '\0';
    char quoted[64];
    wk_format(quoted, sizeof quoted, "\"%s\":", name);
    const char *at = strstr(room, quoted);
    assert_non_null(at);
    return strtoull(at + strlen(quoted), NULL, 10);
}

WORLD_UNUSED static struct wk_block_hash hash_of(uint32_t n) {
    struct wk_block_hash h;
    for (size_t i = 0; i < sizeof h.bytes; i++)
        h.bytes[i] = (uint8_t)(n * 2654435761u >> (i % 4 * 8)) ^ (uint8_t)(i * 37);
    h.bytes[0] = (uint8_t)n;
    h.bytes[1] = (uint8_t)(n >> 8);
    return h;
}

/* Object key of a block in a namespace of the test's prefix. */
WORLD_UNUSED static const char *key_of(const char *ns, uint32_t n) {
    static char text[4][256];
    static unsigned at;
    struct wk_block_hash h = hash_of(n);
    char hex[65];
    char *to = text[at++ % 4];
    wk_hex_encode(wk_span(h.bytes, 32), hex);
    wk_format(to, 256, "kv/test/%s/wombatkv/v1/block/b3=%s", ns, hex);
    return to;
}

/* Bytes that do not compress and tell (n, version) apart. */
WORLD_UNUSED static void fill_bytes(uint8_t *to, size_t size, uint32_t n, uint32_t version) {
    uint64_t x = 0x9e3779b97f4a7c15ull * (n + 1) + version * 0xd1342543de82ef95ull + 1;
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        to[i] = (uint8_t)(x >> 24);
    }
}

#endif
