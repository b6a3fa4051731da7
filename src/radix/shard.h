/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One shard of the prefix index: nodes by number, and a hash table that finds them. Internal to
 * src/radix.
 *
 *   slots      [ 0 | tag:8 local+1:24 | 0 | ... ]     open addressing, linear probing
 *                        |
 *   directory  [64] -> page [512] -> segment of 512 nodes of 88 bytes
 *
 * Readers take no lock. The writers of a shard share its mutex; a writer makes `sequence` odd while
 * it changes more than one word, so that a reader who saw the same even value before and after its
 * copy has a whole one. Memory that a reader may still look at is never given back while the index
 * lives: segments stay, freed nodes are used again, and a table that was outgrown waits in the list
 * `older` (tables double, so all of them together are smaller than the one in use).
 *
 * Tables grow at 3/4 full. Shard i starts with 64 + i slots: so the shards, which fill evenly, grow
 * one after the other, and the memory per entry is nearly the same at any size.
 */
#ifndef WK_RADIX_SHARD_H
#define WK_RADIX_SHARD_H

#include "env/env.h"
#include "radix/radix.h"

#define WK_RADIX_SHARDS      64u
#define WK_SEGMENT_NODES     512u
#define WK_PAGE_SEGMENTS     512u
#define WK_DIRECTORY_PAGES   64u
#define WK_SHARD_NODES_MAX   (WK_SEGMENT_NODES * WK_PAGE_SEGMENTS * WK_DIRECTORY_PAGES - 1)
#define WK_SHARD_SLOTS_FIRST 64u

#define WK_NODE_NONE UINT32_MAX
#define WK_NODE_LIVE 0x80000000u /* beside enum wk_node_flags, to tell a hinge from a free node */

/* ---- nodes ---- */

struct wk_node_fields {
    uint64_t hash[4];
    wk_space_id space;
    uint32_t flags;
    uint32_t parent;   /* number of a node, which lives as long as this one; in a free node the next
                          free one of the shard */
    uint16_t children; /* nodes that have this one as parent, and pins */
    uint16_t depth;
    uint32_t raw_bytes;
    uint32_t stored_bytes;
    uint32_t crc32c;
    uint32_t recency;
    uint64_t etag_hash;
    struct wk_hash128 identity;
};

#define WK_NODE_WORDS     11u
#define WK_NODE_KEY_WORDS 5u /* hash, space and flags: all that a lookup needs */
enum { WK_WORD_LINKS = 5, WK_WORD_RECENCY = 7 };

/* A private copy. */
union wk_node_copy {
    struct wk_node_fields is;
    uint64_t words[WK_NODE_WORDS];
};
_Static_assert(sizeof(union wk_node_copy) == 8 * WK_NODE_WORDS, "nodes have no holes");

/* sync: written under the shard's mutex, more than one word only while the sequence is odd; but
 * the word of crc32c and recency is also swapped by touch, without either. */
struct wk_node {
    wk_atomic_u64 words[WK_NODE_WORDS];
};

/* Number of a node in the whole index. */
static inline uint32_t wk_node_number(uint32_t shard, uint32_t local) {
    return shard << 24 | local;
}
static inline uint32_t wk_node_shard(uint32_t number) {
    return number >> 24;
}
static inline uint32_t wk_node_local(uint32_t number) {
    return number & 0xffffffu;
}

/* ---- keys ---- */

struct wk_key {
    uint64_t words[4]; /* the block hash */
    uint64_t h;        /* seeded: bits 58.. the shard, 50..57 the tag, 0..31 the slot */
    uint32_t ns;
};

static inline uint32_t wk_key_shard(uint64_t h) {
    return (uint32_t)(h >> 58);
}

/* ---- shards ---- */

struct wk_slots {
    struct wk_slots *older;
    uint32_t count;
    wk_atomic_u32 slot[]; /* sync: as nodes. 0: empty */
};

struct wk_shard {
    wk_atomic_u64 sequence; /* sync: odd while a writer changes something; written under mutex */
    wk_atomic_u64 slots;    /* sync: struct wk_slots *, 0 at first; written under mutex, release */
    wk_atomic_u32 used;     /* sync: locals ever used; written under mutex, release */
    uint32_t index;         /* which shard this is */
    wk_atomic_u64 directory[WK_DIRECTORY_PAGES]; /* sync: wk_atomic_u64[WK_PAGE_SEGMENTS] of struct
                                                    wk_node *; written under mutex, release */
    struct wk_mutex mutex;
    uint32_t first_free;        /* under mutex; local or WK_NODE_NONE */
    wk_atomic_u64 live;         /* sync: these four are written under mutex and read for stats */
    wk_atomic_u64 present;      /* sync */
    wk_atomic_u64 resident;     /* sync */
    wk_atomic_u64 memory_bytes; /* sync */
};

/* Where the shard looks up the seed of a namespace when it has to place a node anew. */
struct wk_spaces;

WK_MUST_CHECK enum wk_status wk_shard_init(struct wk_env *env, struct wk_shard *shard,
                                           uint32_t index);
void wk_shard_destroy(struct wk_env *env, struct wk_shard *shard);

/* ---- reading, without the mutex ---- */

/*
 * A lookup in three steps, so that many can be under way. The seeded hash says where the slot is:
 * ask for it. The slot says where the node is, going by the tag alone: NULL when there is surely
 * none. The node then says whether it is the one: false means only that wk_shard_copy has to be
 * asked; true, that the key words of `out` are a whole copy.
 */
void wk_shard_prefetch_slot(const struct wk_shard *shard, uint64_t h);
const struct wk_node *wk_shard_guess(const struct wk_shard *shard, uint64_t h);
bool wk_shard_confirm(const struct wk_shard *shard, const struct wk_node *guess,
                      const struct wk_key *key, union wk_node_copy *out);

/*
 * A whole copy of the first `words` words of the node, and its local number. With `parent_hash` and
 * a node that has a parent, the parent's hash too (`shards` is the array of all). False: no node.
 */
bool wk_shard_copy(struct wk_env *env, struct wk_shard *shards, const struct wk_key *key,
                   uint32_t words, union wk_node_copy *out, uint32_t *local, uint64_t *parent_hash);
/* As above, by number. False: the node is free. */
bool wk_shard_copy_at(struct wk_env *env, struct wk_shard *shard, uint32_t local,
                      union wk_node_copy *out);

/* The node of a local number that was in use at some time; NULL where there never was one. */
struct wk_node *wk_shard_node(const struct wk_shard *shard, uint32_t local);

/* ---- writing, under the mutex ---- */

struct wk_node *wk_shard_find(const struct wk_shard *shard, const struct wk_key *key,
                              uint32_t *local);
void wk_shard_load(const struct wk_node *node, union wk_node_copy *out);
/* Writes what differs from `before`, and keeps the counters. */
void wk_shard_store(struct wk_shard *shard, struct wk_node *node, const union wk_node_copy *before,
                    const union wk_node_copy *after);
/* The one word of parent, children and depth; no reader can see half of it. */
void wk_shard_store_links(struct wk_node *node, const union wk_node_copy *after);
/* A new node under `key`, which has none. WK_NO_MEMORY, WK_NO_SPACE: nothing was changed. */
WK_MUST_CHECK enum wk_status wk_shard_add(struct wk_env *env, struct wk_shard *shard,
                                          struct wk_spaces *spaces, const struct wk_key *key,
                                          const union wk_node_copy *node);
void wk_shard_remove(struct wk_shard *shard, struct wk_spaces *spaces, uint32_t local);

#endif
