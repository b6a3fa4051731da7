/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interned spaces: (namespace, model digest, layout tag) to 32 bits and back. Internal to
 * src/radix.
 *
 * A namespace is the space that states nothing under its name; interning any other space of that
 * name interns this base first. An id is (index of the base << 16 | index), so that one comparison
 * tells whether two nodes share a namespace. Entries never move: reading one by its id takes no
 * lock. Finding the id of a name takes a reader-writer lock.
 *
 *     intern -> held, by calls that run        holders 0 and nodes 0 -> sweep -> free index
 *            -> has nodes
 *
 * Names come from outside and may be hostile, so a namespace that nobody holds and that has no node
 * gives its entries back at the next sweep. A sweep comes when the number of entries has doubled
 * since the last one. An index that is used again has another generation.
 */
#ifndef WK_RADIX_SPACES_H
#define WK_RADIX_SPACES_H

#include "env/env.h"
#include "radix/radix.h"

#define WK_SPACE_CHUNK  64u
#define WK_SPACE_CHUNKS ((WK_NAMESPACES_MAX + WK_SPACE_CHUNK) / WK_SPACE_CHUNK)

static inline uint32_t wk_space_ns(wk_space_id space) {
    return space >> 16;
}
static inline uint32_t wk_space_index(wk_space_id space) {
    return space & 0xffffu;
}

struct wk_space {
    struct wk_span name; /* owned by the base space of the namespace */
    struct wk_reuse reuse;
    uint64_t key_seed; /* places the nodes; one for all spaces of a namespace */
    uint64_t h;        /* of name and reuse, for the table */
    wk_space_id id;
    bool live;           /* else free */
    uint32_t generation; /* how often the index was given back */
    uint32_t next_free;  /* of a free one: index + 1, 0 none */
    /* Of the base only. sync: holders go up under the lock, read side at least, and down without,
     * release; nodes change under the mutex of a shard, by somebody who holds the namespace. */
    wk_atomic_u32 holders;
    wk_atomic_u32 nodes;
};

struct wk_spaces {
    struct wk_rwlock lock;
    uint64_t seed;
    /* sync: struct wk_space *; written under lock, release */
    wk_atomic_u64 chunks[WK_SPACE_CHUNKS];
    wk_atomic_u32 count;        /* sync: indexes ever used; written under lock, release */
    wk_atomic_u32 live;         /* sync: of these in use; written under lock, read for stats */
    wk_atomic_u64 memory_bytes; /* sync: written under lock, read for stats */
    uint32_t *slots;            /* under lock: index + 1, 0 empty */
    uint32_t slot_count;        /* under lock: a power of two, or 0 */
    uint32_t first_free;        /* under lock: index + 1, 0 none */
    uint32_t sweep_at;          /* under lock: sweep before there are more entries than this */
    uint32_t sweep_pause;       /* under lock: and after so many names more */
};

WK_MUST_CHECK enum wk_status wk_spaces_init(struct wk_env *env, struct wk_spaces *spaces,
                                            uint64_t seed);
void wk_spaces_destroy(struct wk_env *env, struct wk_spaces *spaces);
/* The namespace is held until wk_spaces_release. */
WK_MUST_CHECK enum wk_status wk_spaces_intern(struct wk_env *env, struct wk_spaces *spaces,
                                              struct wk_span name, const struct wk_reuse *reuse,
                                              wk_space_id *out, struct wk_error *err);

void wk_spaces_release(struct wk_spaces *spaces, wk_space_id space);

/* A node of the namespace more, or less. */
void wk_spaces_node_added(struct wk_spaces *spaces, uint32_t ns);
void wk_spaces_node_removed(struct wk_spaces *spaces, uint32_t ns);

/* The entry with this index, of a namespace that is held or has nodes. */
const struct wk_space *wk_spaces_at(const struct wk_spaces *spaces, uint32_t index);

/* Where nodes of the namespace with this hash belong. */
uint64_t wk_spaces_place(const struct wk_spaces *spaces, uint32_t ns, const uint64_t *hash_words);

#endif
