/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RAM arena: one mapped region of a fixed budget, cut into slots.
 *
 *     region   | unit | unit | unit | unit | unit | unit | unit | ...
 *     chunks   [ class 512 KiB: s s s s ]   [ class 1.75 MiB: s s s s ]   [ one 25 MiB value ]
 *
 * A chunk is a run of units that holds slots of one size class. Classes are 16 to a doubling, so a
 * slot is at most 1/16 larger than its value (values under 1 KiB take 1 KiB); a chunk is as long as
 * it must be so that at most 1/16 of it is left over. Values of 16 units and more get a run of
 * whole units of their own, laid from the far end so that small and large meet late.
 *
 * When there is no free slot the arena evicts: the coldest of a sample of the same class, or, where
 * that is colder, everything in the cheapest run of units. Ranks come from the cache (entry.rank),
 * the lower the colder. Pinned values are never touched.
 *
 * Nothing here waits: what cannot be had now is NULL, and the caller takes an overflow mapping.
 * Memory: region and tables together never exceed the budget (plus WK_ARENA_FIXED_BYTES).
 *
 * Thread-safety: all functions are safe for concurrent use. Lock order: the arena's mutex, then a
 * shard of the cache (inside `evict`); so nobody may call in here with a shard locked.
 */
#ifndef WK_STORE_ARENA_H
#define WK_STORE_ARENA_H

#include "base/list.h"
#include "store/entry.h"

#define WK_ARENA_SLOT_BYTES_MIN 1024u
#define WK_ARENA_UNIT_BYTES_MIN 4096u
#define WK_ARENA_UNIT_BYTES_MAX (8u * 1024 * 1024)
#define WK_ARENA_CLASSES        320u
#define WK_ARENA_FIXED_BYTES    (64u * 1024)

struct wk_arena_class {
    struct wk_list chunks;  /* all chunks of the class */
    struct wk_list partial; /* those with a free slot */
    struct wk_chunk *hand_chunk;
    uint32_t hand_slot;
    uint32_t evicted; /* since the last look at other classes */
};

struct wk_arena_stats {
    uint64_t region_bytes;
    uint64_t table_bytes;
    uint64_t used_bytes; /* slots taken */
    uint64_t entries;
    uint64_t evictions;
    uint64_t overflow_bytes;
};

struct wk_arena {
    struct wk_env *env;
    /* Takes an unpinned entry out of the table; false when it is pinned meanwhile. */
    bool (*evict)(void *ctx, struct wk_entry *entry);
    void *ctx;
    uint8_t *region;
    uint64_t region_bytes;
    uint64_t unit_bytes;
    uint32_t units;
    uint64_t table_bytes_max;
    struct wk_mutex mutex;
    struct wk_chunk **unit_chunk;                    /* sync: mutex. NULL: free */
    struct wk_arena_class classes[WK_ARENA_CLASSES]; /* sync: mutex */
    struct wk_arena_stats stats;                     /* sync: mutex */
};

WK_MUST_CHECK enum wk_status wk_arena_init(struct wk_arena *arena, struct wk_env *env,
                                           uint64_t ram_bytes,
                                           bool (*evict)(void *ctx, struct wk_entry *entry),
                                           void *ctx, struct wk_error *err);
/* Every entry has been released. */
void wk_arena_destroy(struct wk_arena *arena);

/* A private entry with room for `size` bytes (length = size, PRIVATE | 1), or NULL. */
struct wk_entry *wk_arena_reserve(struct wk_arena *arena, uint64_t size);
/* The same outside the budget; NULL only when there is no memory. */
struct wk_entry *wk_arena_overflow(struct wk_arena *arena, uint64_t size);
/* Gives a private entry without pins back. */
void wk_arena_free(struct wk_arena *arena, struct wk_entry *entry);

void wk_arena_stats(struct wk_arena *arena, struct wk_arena_stats *out);

/*
 * For the scrubber: calls `visit` with the next taken slot at or after `*cursor` (a unit and a slot
 * in it), under the mutex; moves the cursor past it. False at the end of the region.
 */
struct wk_arena_cursor {
    uint32_t unit;
    uint32_t slot;
};
bool wk_arena_next(struct wk_arena *arena, struct wk_arena_cursor *cursor,
                   void (*visit)(void *ctx, struct wk_entry *entry), void *ctx);

#endif
