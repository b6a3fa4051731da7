/* SPDX-License-Identifier: Apache-2.0 */
/* Single requests on an object store, and an environment whose memory and files can fail. */
#ifndef WK_TESTS_OBJECTS_UTIL_H
#define WK_TESTS_OBJECTS_UTIL_H

#include <stdlib.h>
#include <string.h>

#include "env/env.h"

/* ---- a sink ------------------------------------------------------------------------------- */

struct body {
    uint8_t *data;
    uint64_t size;
    unsigned reserved; /* how often it was asked for room */
    bool refuse;
    void (*on_reserve)(void *ctx, uint64_t size_bytes); /* what happens just before the reading */
    void *ctx;
};

static inline void *body_reserve(void *ctx, uint64_t size_bytes) {
    struct body *b = ctx;
    b->reserved++;
    if (b->on_reserve != NULL)
        b->on_reserve(b->ctx, size_bytes);
    if (b->refuse)
        return NULL;
    b->data = malloc(size_bytes + 1);
    b->size = size_bytes;
    return b->data;
}

static inline void body_free(struct body *b) {
    free(b->data);
    *b = (struct body){0};
}

/* ---- requests ----------------------------------------------------------------------------- */

static inline struct wk_object_result run(struct wk_objects *o,
                                          const struct wk_object_request *request) {
    static _Thread_local struct wk_object_result result;
    memset(&result, 0xa5, sizeof result);
    o->ops->batch(o, request, &result, 1, 1, WK_FOREVER, NULL);
    return result;
}

static inline struct wk_object_result put(struct wk_objects *o, const char *key, const char *text) {
    struct wk_span span = wk_span_text(text);
    struct wk_object_request r = {
        .verb = WK_OBJECT_PUT, .key = key, .body = &span, .body_count = 1};
    return run(o, &r);
}

static inline struct wk_object_result put_if(struct wk_objects *o, const char *key,
                                             const char *text, bool if_absent,
                                             const struct wk_etag *if_match) {
    struct wk_span span = wk_span_text(text);
    struct wk_object_request r = {.verb = WK_OBJECT_PUT,
                                  .key = key,
                                  .body = &span,
                                  .body_count = 1,
                                  .if_absent = if_absent,
                                  .if_match = if_match};
    return run(o, &r);
}

static inline struct wk_object_result get(struct wk_objects *o, const char *key, struct body *b) {
    struct wk_object_request r = {
        .verb = WK_OBJECT_GET, .key = key, .sink = {.reserve = body_reserve, .ctx = b}};
    return run(o, &r);
}

static inline struct wk_object_result head(struct wk_objects *o, const char *key) {
    struct wk_object_request r = {.verb = WK_OBJECT_HEAD, .key = key};
    return run(o, &r);
}

static inline struct wk_object_result del(struct wk_objects *o, const char *key,
                                          const struct wk_etag *if_match) {
    struct wk_object_request r = {.verb = WK_OBJECT_DELETE, .key = key, .if_match = if_match};
    return run(o, &r);
}

/* True when a GET of `key` gives exactly `text`. */
static inline bool holds(struct wk_objects *o, const char *key, const char *text) {
    struct body b = {0};
    struct wk_object_result r = get(o, key, &b);
    bool same = r.class == WK_OBJECT_OK && b.reserved == 1 && b.size == strlen(text) &&
                r.size_bytes == b.size && memcmp(b.data, text, b.size) == 0;
    body_free(&b);
    return same;
}

/* ---- listing ------------------------------------------------------------------------------ */

#define LISTED_MAX 4096

struct listed {
    size_t count;
    size_t stop_at; /* 0: never */
    char *keys[LISTED_MAX];
    uint64_t sizes[LISTED_MAX];
    struct wk_etag etags[LISTED_MAX];
};

static inline bool listed_add(void *ctx, const struct wk_object_entry *entry) {
    struct listed *l = ctx;
    if (l->count == LISTED_MAX)
        return false;
    l->keys[l->count] = strdup(entry->key);
    l->etags[l->count] = entry->etag;
    l->sizes[l->count++] = entry->size_bytes;
    return l->count != l->stop_at;
}

static inline void listed_clear(struct listed *l) {
    for (size_t i = 0; i < l->count; i++)
        free(l->keys[i]);
    l->count = 0;
}

static inline enum wk_object_class list(struct wk_objects *o, const char *prefix,
                                        struct listed *l) {
    struct wk_error err;
    return o->ops->list(o, prefix, listed_add, l, WK_FOREVER, NULL, &err);
}

/* How often `key` was listed; its position in `*at`. */
static inline size_t listed_find(const struct listed *l, const char *key, size_t *at) {
    size_t times = 0;
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->keys[i], key) == 0) {
            times++;
            *at = i;
        }
    }
    return times;
}

/* ---- an environment that fails ------------------------------------------------------------- */

/* Copies of the real tables; a test replaces what it wants to fail. */
struct faulty {
    struct wk_env env; /* first */
    struct wk_env *real;
    struct wk_env_mem mem;
    struct wk_env_files files;
    struct wk_env_threads threads;
    struct wk_env_clock clock;
    _Atomic uint64_t allocs;  /* so far */
    uint64_t fail_alloc_from; /* the alloc of this number fails, ... */
    uint64_t fail_alloc_to;   /* ... and all before this one */
    _Atomic int64_t alive;    /* bytes */
};

static inline void *faulty_alloc(struct wk_env *env, enum wk_mem_owner owner, size_t size) {
    struct faulty *f = (struct faulty *)env;
    uint64_t number = ++f->allocs;
    if (number >= f->fail_alloc_from && number < f->fail_alloc_to)
        return NULL;
    void *ptr = f->real->mem->alloc(f->real, owner, size);
    if (ptr != NULL)
        f->alive += (int64_t)size;
    return ptr;
}

static inline void faulty_release(struct wk_env *env, enum wk_mem_owner owner, void *ptr,
                                  size_t size) {
    struct faulty *f = (struct faulty *)env;
    if (ptr != NULL)
        f->alive -= (int64_t)size;
    f->real->mem->release(f->real, owner, ptr, size);
}

static inline void faulty_init(struct faulty *f) {
    memset(f, 0, sizeof *f);
    f->real = wk_env_current();
    f->env = *f->real;
    f->mem = *f->real->mem;
    f->mem.alloc = faulty_alloc;
    f->mem.release = faulty_release;
    f->files = *f->real->files;
    f->threads = *f->real->threads;
    f->clock = *f->real->clock;
    f->env.mem = &f->mem;
    f->env.files = &f->files;
    f->env.threads = &f->threads;
    f->env.clock = &f->clock;
}

#endif
