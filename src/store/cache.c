/* SPDX-License-Identifier: Apache-2.0 */
/*
 * entry.h has the life of an entry. The one subtle point is who frees a retired one: retire sets
 * PRIVATE and unpin subtracts, both with acquire-release on the same word, so exactly one of them
 * sees "PRIVATE and no pins left".
 */
#include "store/cache.h"

#include "base/mark.h"
#include "base/num.h"
#include "hash/xxh3.h"

#define HITS_MAX 3u

static struct wk_cache_shard *shard_of(struct wk_cache *cache, uint64_t hash) {
    return &cache->shards[hash % WK_CACHE_SHARDS];
}

static struct wk_entry **bucket_of(struct wk_cache *cache, uint64_t hash) {
    return &shard_of(cache, hash)->buckets[(hash / WK_CACHE_SHARDS) & (cache->buckets - 1)];
}

uint64_t wk_cache_hash(const struct wk_cache *cache, const struct wk_store_key *key) {
    return wk_xxh3_64(key, sizeof *key, cache->hash_seed);
}

void wk_cache_lock(struct wk_cache *cache, uint64_t hash) {
    wk_lock(cache->env, &shard_of(cache, hash)->mutex);
}

void wk_cache_unlock(struct wk_cache *cache, uint64_t hash) {
    wk_unlock(cache->env, &shard_of(cache, hash)->mutex);
}

/* ---- the table ---- */

struct wk_entry *wk_cache_find_locked(struct wk_cache *cache, const struct wk_store_key *key,
                                      uint64_t hash) {
    struct wk_entry *e = *bucket_of(cache, hash);
    while (e != NULL && !(e->hash == hash && wk_store_key_equal(&e->key, key)))
        e = e->next;
    return e;
}

static void unlink_locked(struct wk_cache *cache, struct wk_entry *entry) {
    struct wk_entry **at = bucket_of(cache, entry->hash);
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    entry->next = NULL;
    shard_of(cache, entry->hash)->entries--;
}

/* Out of the table; the entry itself when nobody holds it any more, else NULL. */
static struct wk_entry *retire_locked(struct wk_cache *cache, struct wk_entry *entry) {
    unlink_locked(cache, entry);
    uint32_t before = wk_atomic_or_u32(&entry->pins, WK_PINS_PRIVATE, WK_ACQ_REL, "entry.retire");
    if (before == 0)
        return entry;
    WK_MARK("cache.retired_while_leased");
    return NULL;
}

struct wk_entry *wk_cache_publish_locked(struct wk_cache *cache, const struct wk_store_key *key,
                                         uint64_t hash, struct wk_entry *entry) {
    struct wk_entry *old = wk_cache_drop_locked(cache, key, hash);
    if (entry->chunk == NULL)
        return old;
    uint64_t now = wk_atomic_add_u64(&cache->clock, entry->capacity, WK_RELAXED, "cache.clock");
    entry->key = *key;
    entry->hash = hash;
    wk_atomic_store_u64(&entry->rank, now, WK_RELAXED, "entry.rank");
    struct wk_entry **at = bucket_of(cache, hash);
    entry->next = *at;
    *at = entry;
    shard_of(cache, hash)->entries++;
    /* Release: the evictor, which looks without the lock, sees key and hash of what it sees. */
    wk_atomic_store_u32(&entry->pins, 1, WK_RELEASE, "entry.publish");
    return old;
}

struct wk_entry *wk_cache_drop_locked(struct wk_cache *cache, const struct wk_store_key *key,
                                      uint64_t hash) {
    struct wk_entry *old = wk_cache_find_locked(cache, key, hash);
    return old == NULL ? NULL : retire_locked(cache, old);
}

void wk_cache_dispose(struct wk_cache *cache, struct wk_entry *retired) {
    if (retired != NULL)
        wk_arena_free(&cache->arena, retired);
}

/* Called by the arena, with its mutex held. */
static bool evict(void *ctx, struct wk_entry *entry) {
    struct wk_cache *cache = ctx;
    uint64_t hash = entry->hash;
    wk_cache_lock(cache, hash);
    /* Acquire: see arena.evictable; a new pin would need the lock that we hold. */
    bool free = wk_atomic_load_u32(&entry->pins, WK_ACQUIRE, "entry.evict") == 0;
    if (free || WK_PLANTED(10)) { /* plant 10 */
        unlink_locked(cache, entry);
        wk_atomic_store_u32(&entry->pins, WK_PINS_PRIVATE, WK_RELAXED, "entry.evict");
    }
    wk_cache_unlock(cache, hash);
    return free;
}

/* ---- pins ---- */

/* Relaxed: these are hints, and only the arena's choice depends on them. */
static void note_hit(struct wk_cache *cache, struct wk_entry *entry) {
    uint32_t hits = wk_atomic_load_u32(&entry->hits, WK_RELAXED, "entry.hits");
    if (hits < HITS_MAX)
        wk_atomic_store_u32(&entry->hits, ++hits, WK_RELAXED, "entry.hits");
    uint64_t now = wk_atomic_load_u64(&cache->clock, WK_RELAXED, "cache.clock");
    wk_atomic_store_u64(&entry->rank, now + hits * cache->hit_bonus, WK_RELAXED, "entry.rank");
}

struct wk_entry *wk_cache_pin(struct wk_cache *cache, const struct wk_store_key *key, uint64_t hash,
                              uint64_t fresh_after_ns) {
    wk_cache_lock(cache, hash);
    struct wk_entry *e = wk_cache_find_locked(cache, key, hash);
    if (e != NULL && e->fetched_ns < fresh_after_ns)
        e = NULL;
    if (WK_PLANTED(9)) { /* plant 9 */
        wk_cache_unlock(cache, hash);
        wk_cache_lock(cache, hash);
    }
    if (e != NULL) {
        /* Relaxed: the lock orders it before any look of the evictor. */
        wk_atomic_add_u32(&e->pins, 1, WK_RELAXED, "entry.pin");
        note_hit(cache, e);
    }
    wk_cache_unlock(cache, hash);
    return e;
}

void wk_entry_unpin(struct wk_cache *cache, struct wk_entry *entry) {
    /* Release: what the holder read is read before anybody writes the slot again. Acquire: the
     * last one sees what the others did before it frees. */
    uint32_t before = wk_atomic_sub_u32(&entry->pins, 1, WK_ACQ_REL, "entry.unpin");
    if (before == (WK_PINS_PRIVATE | 1u))
        wk_arena_free(&cache->arena, entry);
}

struct wk_entry *wk_cache_room(struct wk_cache *cache, uint64_t size) {
    struct wk_entry *e = wk_arena_reserve(&cache->arena, size);
    return e != NULL ? e : wk_arena_overflow(&cache->arena, size);
}

/* ---- the scrubber's walk ---- */

struct pin_visit {
    struct wk_cache *cache;
    struct wk_entry *pinned;
};

/* Under the arena's mutex: the slot stays what it is, and a published entry has its key. */
static void pin_if_cached(void *ctx, struct wk_entry *entry) {
    struct pin_visit *visit = ctx;
    uint32_t pins = wk_atomic_load_u32(&entry->pins, WK_ACQUIRE, "entry.scrub");
    if ((pins & WK_PINS_PRIVATE) != 0)
        return;
    uint64_t hash = entry->hash;
    wk_cache_lock(visit->cache, hash);
    if (wk_cache_find_locked(visit->cache, &entry->key, hash) == entry) {
        wk_atomic_add_u32(&entry->pins, 1, WK_RELAXED, "entry.pin");
        visit->pinned = entry;
    }
    wk_cache_unlock(visit->cache, hash);
}

struct wk_entry *wk_cache_pin_next(struct wk_cache *cache, struct wk_arena_cursor *cursor) {
    struct pin_visit visit = {cache, NULL};
    while (visit.pinned == NULL && wk_arena_next(&cache->arena, cursor, pin_if_cached, &visit))
        ;
    return visit.pinned;
}

uint64_t wk_cache_entries(struct wk_cache *cache) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < WK_CACHE_SHARDS; i++) {
        wk_lock(cache->env, &cache->shards[i].mutex);
        sum += cache->shards[i].entries;
        wk_unlock(cache->env, &cache->shards[i].mutex);
    }
    return sum;
}

/* ---- life ---- */

/* One bucket for 8 KiB of budget: about one for each 4 KiB value twice over. */
static uint32_t buckets_for(uint64_t ram_bytes) {
    uint32_t buckets = 16;
    while (buckets < (1u << 20) && (uint64_t)buckets * WK_CACHE_SHARDS * 8192 < ram_bytes)
        buckets *= 2;
    return buckets;
}

static void shards_destroy(struct wk_cache *cache, uint32_t count) {
    size_t bytes = cache->buckets * sizeof(struct wk_entry *);
    for (uint32_t i = 0; i < count; i++) {
        cache->env->threads->mutex_destroy(cache->env, &cache->shards[i].mutex);
        wk_release(cache->env, WK_MEM_ARENA, cache->shards[i].buckets, bytes);
    }
}

static bool shard_init(struct wk_cache *cache, struct wk_cache_shard *shard) {
    size_t bytes = cache->buckets * sizeof(struct wk_entry *);
    shard->buckets = wk_alloc(cache->env, WK_MEM_ARENA, bytes);
    if (shard->buckets == NULL)
        return false;
    memset(shard->buckets, 0, bytes);
    if (cache->env->threads->mutex_init(cache->env, &shard->mutex) == WK_OK)
        return true;
    wk_release(cache->env, WK_MEM_ARENA, shard->buckets, bytes);
    return false;
}

enum wk_status wk_cache_init(struct wk_cache *cache, struct wk_env *env, uint64_t ram_bytes,
                             uint64_t hash_seed, struct wk_error *err) {
    memset(cache, 0, sizeof *cache);
    cache->env = env;
    cache->hash_seed = hash_seed;
    cache->buckets = buckets_for(ram_bytes);
    for (uint32_t i = 0; i < WK_CACHE_SHARDS; i++) {
        if (!shard_init(cache, &cache->shards[i])) {
            shards_destroy(cache, i);
            return wk_fail(err, WK_NO_MEMORY, "no memory for the RAM cache");
        }
    }
    /* The buckets come out of the budget, too. */
    uint64_t table = (uint64_t)cache->buckets * WK_CACHE_SHARDS * sizeof(struct wk_entry *);
    uint64_t rest = ram_bytes > table ? ram_bytes - table : 0;
    enum wk_status status = wk_arena_init(&cache->arena, env, rest, evict, cache, err);
    if (status != WK_OK) {
        shards_destroy(cache, WK_CACHE_SHARDS);
        return status;
    }
    cache->hit_bonus = cache->arena.region_bytes / 2;
    return WK_OK;
}

void wk_cache_destroy(struct wk_cache *cache) {
    wk_arena_destroy(&cache->arena);
    shards_destroy(cache, WK_CACHE_SHARDS);
}
