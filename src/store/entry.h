/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One value in memory: where its bytes lie, what they are, and who holds them.
 *
 *     reserved  PRIVATE | 1      its maker fills it; nobody else knows it
 *        | publish (under the lock of its shard)
 *     cached    n                in the table; n leases
 *        | replaced, dropped, or found damaged (under the lock of its shard)
 *     retired   PRIVATE | n      out of the table; the last unpin frees it
 *
 * An entry without the PRIVATE bit and without pins may be evicted. A lease is a pin: it is added
 * under the lock of the shard and taken away with one atomic subtraction, on any thread.
 */
#ifndef WK_STORE_ENTRY_H
#define WK_STORE_ENTRY_H

#include "codec/block_meta.h"
#include "env/env.h"
#include "radix/radix.h"

/* A tail is what is overwritten and revalidated: raw tails, and values under other keys. */
enum wk_entry_kind { WK_ENTRY_BLOCK = 1, WK_ENTRY_TAIL = 2 };

/*
 * What names a value everywhere in the store. A block: its hash, and the space of (namespace, what
 * the handle states), so namespaces never meet; the generation tells apart two namespaces that had
 * the same id one after the other. A tail: BLAKE3 of its object key, and nothing else.
 */
struct wk_store_key {
    uint32_t kind; /* enum wk_entry_kind */
    wk_space_id space;
    uint32_t generation;
    uint32_t zero; /* keys are hashed as bytes */
    struct wk_block_hash id;
};

static inline bool wk_store_key_equal(const struct wk_store_key *a, const struct wk_store_key *b) {
    return a->kind == b->kind && a->space == b->space && a->generation == b->generation &&
           wk_block_hash_equal(&a->id, &b->id);
}

#define WK_PINS_PRIVATE 0x80000000u

struct wk_chunk;

struct wk_entry {
    struct wk_chunk *chunk; /* NULL: an overflow mapping of its own */
    uint8_t *bytes;
    uint64_t capacity;
    uint64_t length;
    wk_atomic_u32 pins;    /* sync: above; entry.pins */
    uint32_t crc32c;       /* of the bytes; fixed before publish */
    wk_atomic_u64 rank;    /* sync: relaxed hint for eviction; entry.rank */
    wk_atomic_u32 hits;    /* sync: relaxed hint for eviction; entry.hits */
    bool taken;            /* sync: the arena's mutex. The slot is not free */
    struct wk_entry *next; /* free: next free slot of its chunk. Cached: chain of the table */
    uint64_t hash;         /* of `key`; fixed before publish */
    struct wk_store_key key;
    uint64_t fetched_ns; /* sync: lock of the shard. Tails: the bytes were current after it */
};

/* A tail keeps the ETag it came with behind its bytes, for If-None-Match. */
#define WK_ENTRY_TAIL_EXTRA (sizeof(struct wk_etag) + 8u)

static inline struct wk_etag *wk_entry_etag(const struct wk_entry *e) {
    return (struct wk_etag *)(void *)(e->bytes + ((e->length + 7u) & ~(uint64_t)7u));
}

#endif
