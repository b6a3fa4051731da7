/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two tables of the environment that the prefix index needs, with memory that is counted and
 * can be made to fail at the k-th request. For the tests of the index only.
 */
#ifndef WK_TESTS_RADIX_ENV_H
#define WK_TESTS_RADIX_ENV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "env/env.h"
#include "radix/radix.h"

static struct {
    _Atomic uint64_t bytes;    /* alive */
    _Atomic uint64_t requests; /* so far */
    _Atomic uint64_t fail_at;  /* 0: never; else this request and all later ones fail */
} radix_env_mem;

static bool radix_env_refuses(void) {
    uint64_t request = atomic_fetch_add(&radix_env_mem.requests, 1) + 1;
    uint64_t fail_at = atomic_load(&radix_env_mem.fail_at);
    return fail_at != 0 && request >= fail_at;
}

static void *radix_env_alloc(struct wk_env *env, enum wk_mem_owner owner, size_t size) {
    (void)env;
    assert_int_equal(owner, WK_MEM_INDEX);
    if (radix_env_refuses())
        return NULL;
    atomic_fetch_add(&radix_env_mem.bytes, size);
    void *ptr = malloc(size == 0 ? 1 : size);
    memset(ptr, 0xa5, size);
    return ptr;
}

static void radix_env_release(struct wk_env *env, enum wk_mem_owner owner, void *ptr, size_t size) {
    (void)env;
    assert_int_equal(owner, WK_MEM_INDEX);
    if (ptr != NULL)
        atomic_fetch_sub(&radix_env_mem.bytes, size);
    free(ptr);
}

static void *radix_env_map(struct wk_env *env, enum wk_mem_owner owner, size_t size) {
    (void)env;
    assert_int_equal(owner, WK_MEM_INDEX);
    if (radix_env_refuses())
        return NULL;
    atomic_fetch_add(&radix_env_mem.bytes, size);
    void *ptr = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
    memset(ptr, 0, size);
    return ptr;
}

static enum wk_status radix_env_mutex_init(struct wk_env *env, struct wk_mutex *m) {
    (void)env;
    _Static_assert(sizeof(pthread_mutex_t) <= sizeof *m, "room for a mutex");
    return pthread_mutex_init((pthread_mutex_t *)m, NULL) == 0 ? WK_OK : WK_NO_MEMORY;
}
static void radix_env_mutex_destroy(struct wk_env *env, struct wk_mutex *m) {
    (void)env;
    pthread_mutex_destroy((pthread_mutex_t *)m);
}
static void radix_env_mutex_lock(struct wk_env *env, struct wk_mutex *m) {
    (void)env;
    pthread_mutex_lock((pthread_mutex_t *)m);
}
static void radix_env_mutex_unlock(struct wk_env *env, struct wk_mutex *m) {
    (void)env;
    pthread_mutex_unlock((pthread_mutex_t *)m);
}
static enum wk_status radix_env_rwlock_init(struct wk_env *env, struct wk_rwlock *l) {
    (void)env;
    _Static_assert(sizeof(pthread_rwlock_t) <= sizeof *l, "room for a lock");
    return pthread_rwlock_init((pthread_rwlock_t *)l, NULL) == 0 ? WK_OK : WK_NO_MEMORY;
}
static void radix_env_rwlock_destroy(struct wk_env *env, struct wk_rwlock *l) {
    (void)env;
    pthread_rwlock_destroy((pthread_rwlock_t *)l);
}
static void radix_env_rwlock_read(struct wk_env *env, struct wk_rwlock *l) {
    (void)env;
    pthread_rwlock_rdlock((pthread_rwlock_t *)l);
}
static void radix_env_rwlock_write(struct wk_env *env, struct wk_rwlock *l) {
    (void)env;
    pthread_rwlock_wrlock((pthread_rwlock_t *)l);
}
static void radix_env_rwlock_unlock(struct wk_env *env, struct wk_rwlock *l) {
    (void)env;
    pthread_rwlock_unlock((pthread_rwlock_t *)l);
}

static const struct wk_env_mem radix_env_mem_table = {.alloc = radix_env_alloc,
                                                      .release = radix_env_release,
                                                      .map = radix_env_map,
                                                      .unmap = radix_env_release};
static const struct wk_env_threads radix_env_threads_table = {
    .mutex_init = radix_env_mutex_init,
    .mutex_destroy = radix_env_mutex_destroy,
    .mutex_lock = radix_env_mutex_lock,
    .mutex_unlock = radix_env_mutex_unlock,
    .rwlock_init = radix_env_rwlock_init,
    .rwlock_destroy = radix_env_rwlock_destroy,
    .rwlock_read = radix_env_rwlock_read,
    .rwlock_write = radix_env_rwlock_write,
    .rwlock_unlock = radix_env_rwlock_unlock};

static struct wk_env radix_env = {
    .version = WK_ENV_VERSION,
    .size = sizeof(struct wk_env),
    .mem = &radix_env_mem_table,
    .threads = &radix_env_threads_table,
};

static inline struct wk_radix *radix_env_create(uint64_t nodes_max) {
    struct wk_radix *radix = NULL;
    atomic_store(&radix_env_mem.bytes, 0);
    atomic_store(&radix_env_mem.fail_at, 0);
    struct wk_radix_config config = {.hash_seed = 0x5eed, .nodes_max = nodes_max};
    assert_int_equal(wk_radix_create(&radix_env, &config, &radix, NULL), WK_OK);
    return radix;
}

/* All that was taken has been given back. */
static inline void radix_env_destroy(struct wk_radix *radix) {
    wk_radix_destroy(radix);
    assert_int_equal(atomic_load(&radix_env_mem.bytes), 0);
}

static inline void radix_env_assert_info(const struct wk_node_info *a,
                                         const struct wk_node_info *b) {
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->recency, b->recency);
    assert_int_equal(a->raw_bytes, b->raw_bytes);
    assert_int_equal(a->stored_bytes, b->stored_bytes);
    assert_int_equal(a->crc32c, b->crc32c);
    assert_int_equal(a->etag_hash, b->etag_hash);
    assert_int_equal(a->identity.low, b->identity.low);
    assert_int_equal(a->identity.high, b->identity.high);
}

/* `digest` and `tag` 0: not stated. */
static inline wk_space_id radix_env_space(struct wk_radix *radix, const char *ns, uint8_t digest,
                                          uint8_t tag) {
    struct wk_reuse reuse;
    memset(&reuse, 0, sizeof reuse);
    reuse.model_digest.bytes[0] = digest;
    reuse.layout_tag.bytes[0] = tag;
    wk_space_id id = 0;
    assert_int_equal(wk_radix_space(radix, wk_span_text(ns), &reuse, &id, NULL), WK_OK);
    return id;
}

/* Distinct for distinct numbers; looks as random as a real one. */
static inline struct wk_block_hash radix_env_hash(uint64_t number) {
    struct wk_block_hash hash;
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t word = wk_xxh3_64(&number, sizeof number, i);
        memcpy(&hash.bytes[8 * i], &word, 8);
    }
    return hash;
}

static inline uint64_t radix_env_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * 0x2545f4914f6cdd1dull;
}

#endif
