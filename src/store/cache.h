/* SPDX-License-Identifier: Apache-2.0 */
/*
 * L0: the table of values in the arena.
 *
 *     key -> shard (by hash) -> bucket -> entry -> bytes in the arena
 *
 * A hit pins the entry under the lock of its shard and gives its address away: no copy, no
 * allocation. Everything that is known of a key (cached value, index node) changes under the lock
 * of its shard; wk_cache_lock is that lock, the functions named _locked need it held.
 *
 * The cache never holds a block that the handle's statement of model and layout rules out: such a
 * body is refused on fill, and a handle states one thing for its whole life.
 *
 * What is kept: an entry's rank is the number of bytes that had passed through the cache at its
 * last use, plus a bonus for each of its first three hits; the arena evicts low ranks. So values
 * that are used once leave in the order they came, and a scan does not push out what is used again
 * and again.
 *
 * Thread-safety: all functions are safe for concurrent use.
 */
#ifndef WK_STORE_CACHE_H
#define WK_STORE_CACHE_H

#include "store/arena.h"

#define WK_CACHE_SHARDS 16u

struct wk_cache_shard {
    struct wk_mutex mutex;
    struct wk_entry **buckets; /* sync: mutex */
    uint64_t entries;          /* sync: mutex */
};

struct wk_cache {
    struct wk_env *env;
    struct wk_arena arena;
    struct wk_cache_shard shards[WK_CACHE_SHARDS];
    uint64_t hash_seed;
    uint64_t hit_bonus;
    uint32_t buckets;    /* per shard, a power of two */
    wk_atomic_u64 clock; /* sync: relaxed; bytes published so far; cache.clock */
};

WK_MUST_CHECK enum wk_status wk_cache_init(struct wk_cache *cache, struct wk_env *env,
                                           uint64_t ram_bytes, uint64_t hash_seed,
                                           struct wk_error *err);
/* No entry is pinned or reserved any more. */
void wk_cache_destroy(struct wk_cache *cache);

uint64_t wk_cache_hash(const struct wk_cache *cache, const struct wk_store_key *key);

/*
 * A hit, pinned, or NULL. `fresh_after_ns`: an entry fetched before that does not count (tails; 0
 * for blocks).
 */
struct wk_entry *wk_cache_pin(struct wk_cache *cache, const struct wk_store_key *key, uint64_t hash,
                              uint64_t fresh_after_ns);
void wk_entry_unpin(struct wk_cache *cache, struct wk_entry *entry);

/* Room for a value: in the arena, else beyond the budget; NULL when there is no memory. */
struct wk_entry *wk_cache_room(struct wk_cache *cache, uint64_t size);

void wk_cache_lock(struct wk_cache *cache, uint64_t hash);
void wk_cache_unlock(struct wk_cache *cache, uint64_t hash);

/* The entry of the key or NULL. Not pinned. */
struct wk_entry *wk_cache_find_locked(struct wk_cache *cache, const struct wk_store_key *key,
                                      uint64_t hash);
/*
 * Puts a private entry with exactly one pin into the table; the pin stays the caller's. An overflow
 * entry stays private. The value that was there before leaves at once; the result is to be given
 * to wk_cache_dispose after unlocking (NULL is fine).
 */
WK_MUST_CHECK struct wk_entry *wk_cache_publish_locked(struct wk_cache *cache,
                                                       const struct wk_store_key *key,
                                                       uint64_t hash, struct wk_entry *entry);
/* Takes the key's value out of the table; as above. */
WK_MUST_CHECK struct wk_entry *wk_cache_drop_locked(struct wk_cache *cache,
                                                    const struct wk_store_key *key, uint64_t hash);
void wk_cache_dispose(struct wk_cache *cache, struct wk_entry *retired);

/* The next cached value at or after the cursor, pinned; NULL at the end. For the scrubber. */
struct wk_entry *wk_cache_pin_next(struct wk_cache *cache, struct wk_arena_cursor *cursor);

uint64_t wk_cache_entries(struct wk_cache *cache);

#endif
