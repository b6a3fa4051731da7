// SPDX-License-Identifier: Apache-2.0
// A value is a row of equal words (version, key), so that any two words show a mixture.
#include "cache_rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "pool.h"
#include "report.h"
#include "rng.h"
#include "sched.h"
#include "store/cache.h"

#define KEYS       6u
#define ACTORS     4u
#define ACTOR_OPS  60u
#define RAM_BYTES  (24u * 1024)
#define WORDS_MAX  640u // up to two units of the arena
#define WORDS_STEP 32u

struct rig {
    struct sim_process *process;
    struct wk_cache cache;
    uint64_t version;
    uint32_t running;
    bool ended;
    uint64_t seed;
};

struct actor {
    struct rig *rig;
    struct sim_rng rng;
    struct wk_arena_cursor cursor;
};

static struct wk_store_key key_of(uint32_t number) {
    struct wk_store_key key = {.kind = WK_ENTRY_BLOCK};
    key.id.bytes[0] = (uint8_t)number;
    return key;
}

// ---- who reads

// The word that the whole value is made of.
static uint64_t judge(const struct wk_entry *e, uint32_t key) {
    const uint64_t *words = (const uint64_t *)(const void *)e->bytes;
    uint64_t first = words[0];
    for (uint64_t i = 0; i < e->length / 8; i++) {
        if (words[i] != first)
            sim_violate("lease", "key %u: pinned bytes are a mixture of %" PRIx64 " and %" PRIx64,
                        key, first, words[i]);
    }
    if ((uint32_t)(first & 0xff) != key)
        sim_violate("lease", "key %u: pinned bytes of key %u", key, (uint32_t)(first & 0xff));
    if (e->crc32c != (uint32_t)(first * e->length))
        sim_violate("lease", "key %u: a checksum that is not that of the bytes", key);
    return first;
}

static void hold(struct actor *a, struct wk_entry *e, uint32_t key) {
    uint64_t then = judge(e, key);
    for (uint64_t i = sim_rng_below(&a->rng, 12); i > 0; i--)
        sim_point(SIM_POINT_YIELD, 1000);
    if (judge(e, key) != then)
        sim_violate("lease", "key %u: other bytes while they were pinned", key);
    wk_entry_unpin(&a->rig->cache, e);
}

static void read_one(struct actor *a, uint32_t number) {
    struct wk_store_key key = key_of(number);
    uint64_t hash = wk_cache_hash(&a->rig->cache, &key);
    struct wk_entry *e = wk_cache_pin(&a->rig->cache, &key, hash, 0);
    if (e != NULL)
        hold(a, e, number);
}

static void scrub_one(struct actor *a) {
    struct wk_entry *e = wk_cache_pin_next(&a->rig->cache, &a->cursor);
    if (e == NULL)
        a->cursor = (struct wk_arena_cursor){0, 0};
    else
        hold(a, e, e->key.id.bytes[0]);
}

// ---- who writes

static void fill(struct actor *a, struct wk_entry *e, uint32_t number) {
    uint64_t *words = (uint64_t *)(void *)e->bytes;
    uint64_t word = ++a->rig->version << 8 | number;
    for (uint64_t i = 0; i < e->length / 8; i++) {
        if (i % (WORDS_MAX / 4) == 0)
            sim_point(SIM_POINT_CALL, 1000);
        words[i] = word;
    }
    e->crc32c = (uint32_t)(word * e->length);
}

static void write_one(struct actor *a, uint32_t number) {
    struct wk_cache *cache = &a->rig->cache;
    struct wk_store_key key = key_of(number);
    uint64_t hash = wk_cache_hash(cache, &key);
    uint64_t words = sim_rng_between(&a->rng, 1, WORDS_MAX / WORDS_STEP) * WORDS_STEP;
    struct wk_entry *e = wk_cache_room(cache, words * 8);
    if (e == NULL)
        return;
    fill(a, e, number);
    wk_cache_lock(cache, hash);
    struct wk_entry *old = wk_cache_publish_locked(cache, &key, hash, e);
    wk_cache_unlock(cache, hash);
    wk_cache_dispose(cache, old);
    hold(a, e, number);
}

static void drop_one(struct actor *a, uint32_t number) {
    struct wk_cache *cache = &a->rig->cache;
    struct wk_store_key key = key_of(number);
    uint64_t hash = wk_cache_hash(cache, &key);
    wk_cache_lock(cache, hash);
    struct wk_entry *old = wk_cache_drop_locked(cache, &key, hash);
    wk_cache_unlock(cache, hash);
    wk_cache_dispose(cache, old);
}

static void actor_main(void *arg) {
    struct actor *a = arg;
    for (uint32_t i = 0; i < ACTOR_OPS; i++) {
        uint32_t key = (uint32_t)sim_rng_below(&a->rng, KEYS);
        switch (sim_rng_below(&a->rng, 10)) {
        case 0:
            drop_one(a, key);
            break;
        case 1:
            scrub_one(a);
            break;
        case 2:
        case 3:
        case 4:
            write_one(a, key);
            break;
        default:
            read_one(a, key);
        }
    }
    a->rig->running--;
    sim_wake("cache", a->rig, UINT32_MAX);
}

// ---- the whole

static void start(struct rig *r, uint32_t number) {
    struct actor *a = sim_new(sizeof *a);
    char name[24];
    snprintf(name, sizeof name, "cache-%u", number);
    a->rig = r;
    sim_rng_seed(&a->rng, r->seed, name);
    if (sim_spawn(r->process, name, actor_main, a) == NULL)
        sim_harness_fail("too many fibers");
    r->running++;
}

static void rig_main(void *arg) {
    struct rig *r = arg;
    if (wk_cache_init(&r->cache, &r->process->env, RAM_BYTES, r->seed, NULL) == WK_OK) {
        for (uint32_t i = 0; i < ACTORS; i++)
            start(r, i);
        while (r->running > 0)
            (void)sim_block("cache", r, SIM_NEVER);
        for (uint32_t i = 0; i < KEYS; i++) {
            struct actor last = {.rig = r};
            sim_rng_seed(&last.rng, r->seed, "cache-last");
            read_one(&last, i);
            drop_one(&last, i);
        }
        struct wk_arena_stats stats;
        wk_arena_stats(&r->cache.arena, &stats);
        if (stats.entries != 0 || wk_cache_entries(&r->cache) != 0)
            sim_violate("leak", "the RAM cache keeps %" PRIu64 " values that nobody can reach",
                        (uint64_t)stats.entries);
        wk_cache_destroy(&r->cache);
    }
    r->ended = true;
    sim_wake("cache-rig", r, UINT32_MAX);
    sim_process_exit(r->process);
}

void sim_cache_rig(struct sim_process *process, uint64_t seed) {
    struct rig *r = sim_new(sizeof *r);
    r->process = process;
    r->seed = seed;
    if (sim_spawn(process, "cache", rig_main, r) == NULL)
        sim_harness_fail("too many fibers");
    while (!r->ended)
        (void)sim_block("cache-rig", r, SIM_NEVER);
}
