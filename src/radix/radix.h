/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prefix index: which blocks exist, and how they hang together.
 *
 * Key: (namespace, 32-byte hash). A forest: prefixes that prompts share are interior nodes, tips
 * are leaves. A node is found by its hash in one probe (open addressing, seeded XXH3), so a chain
 * of n hashes costs n probes, prefetched ahead.
 *
 *     put [a b c]        a -- b -- c          links are learned from every ordered list that
 *     put [a b d]              \-- d          passes, once per node, never into a cycle
 *
 * Orders may be hostile (A, B, A): a node whose bounded ancestor walk meets itself, or is too deep,
 * stays unlinked, which is safe: links only order eviction and prefetch, never presence.
 *
 * A node that has children is never evicted before them (remove_tip). When an object turns out to
 * be gone, forget() clears its presence at once; the node stays as a hinge while it has children,
 * and goes with the last of them. A hinge is the only node that is neither PRESENT nor RESIDENT.
 *
 * Whose nodes: find, longest_prefix and block_meta answer for what the space may use. Everything
 * else acts on the namespace, whatever space a node was inserted with: the object is gone, touched
 * or evicted for all of them.
 *
 * Thread-safety: all functions are safe for concurrent use. Readers take no lock (sequence-locked
 * shards, after 16 disturbed tries the shard's mutex); writers lock one shard at a time. Pure
 * memory: no I/O, no clock; times are given in. 88 bytes per node and about 13 in tables; memory
 * grows segment by segment and is given back only at destroy. specs/0006-prefix-index.md has the
 * rules by number.
 */
#ifndef WK_RADIX_RADIX_H
#define WK_RADIX_RADIX_H

#include "codec/block_meta.h"
#include "env/env.h"
#include "hash/xxh3.h"

struct wk_radix;

/* ---- namespaces ---- */

/* Interned (namespace, model digest, layout tag): what a node carries in 4 bytes. */
typedef uint32_t wk_space_id;

/* ---- what a node knows ---- */

enum wk_node_flags {
    WK_NODE_PRESENT = 1,  /* in the object store, as far as we know */
    WK_NODE_RESIDENT = 2, /* in L0 of this process */
    /* What is known besides; never without one of the two above. */
    WK_NODE_SIZES = 4,    /* raw_bytes is known, not only stored_bytes */
    WK_NODE_CHECKSUM = 8, /* crc32c (of the payload) is known */
    WK_NODE_IDENTITY = 16 /* xxh3 (of the payload) and etag_hash are those of our own PUT */
};

struct wk_node_info {
    uint32_t flags;
    uint32_t recency; /* caller's coarse clock, never goes back; seconds since 1970 if block_meta's
                         last_access_ns is to mean something */
    uint64_t raw_bytes;    /* at most UINT32_MAX */
    uint64_t stored_bytes; /* at most UINT32_MAX */
    uint32_t crc32c;
    uint64_t etag_hash;
    struct wk_hash128 identity;
    uint8_t seen; /* number, up to the caller, of the listing that last showed it; with PRESENT */
};

struct wk_radix_config {
    uint64_t hash_seed; /* from entropy: hostile hashes must not collide on purpose */
    uint64_t nodes_max; /* at least 1; WK_NO_SPACE beyond; memory follows use */
};

WK_MUST_CHECK enum wk_status wk_radix_create(struct wk_env *env,
                                             const struct wk_radix_config *config,
                                             struct wk_radix **out, struct wk_error *err);
void wk_radix_destroy(struct wk_radix *radix);

/*
 * Interns a namespace and what is stated about model and layout. Two calls with equal arguments
 * give one id. A node is keyed by (namespace, hash) and remembers the space it was last inserted
 * with: a lookup finds nodes of its own namespace only, and of these only such as wk_reuse_allows
 * lets it have; an insert with PRESENT takes over the inserter's space. Ids belong to this index;
 * the functions below trust them. WK_TOO_LARGE beyond WK_NAMESPACES_MAX spaces (a namespace of
 * which only stated spaces are used counts once more) or a name beyond WK_NAMESPACE_BYTES_MAX;
 * WK_NO_MEMORY.
 *
 * The namespace is held until wk_radix_space_release, once for each success. One that nobody holds
 * and that has no nodes may be forgotten, and its id given to another name: keep no id without
 * holding, or keep the generation beside it, which is another one then.
 */
WK_MUST_CHECK enum wk_status wk_radix_space(struct wk_radix *radix, struct wk_span ns,
                                            const struct wk_reuse *reuse, wk_space_id *out,
                                            struct wk_error *err);

void wk_radix_space_release(struct wk_radix *radix, wk_space_id space);
uint32_t wk_radix_space_generation(struct wk_radix *radix, wk_space_id space);

/* Name of a space that is held; valid as long as it is. */
struct wk_span wk_radix_space_name(struct wk_radix *radix, wk_space_id space);

/* Leading hashes that are PRESENT or RESIDENT; `*resident` (may be NULL): the leading RESIDENT. */
size_t wk_radix_longest_prefix(struct wk_radix *radix, wk_space_id space,
                               const struct wk_block_hash *hashes, size_t count, size_t *resident);

/* WK_MISS when there is no such node. A hinge is found, with flags 0. */
WK_MUST_CHECK enum wk_status wk_radix_find(struct wk_radix *radix, wk_space_id space,
                                           const struct wk_block_hash *hash,
                                           struct wk_node_info *out);

/*
 * Sets `info` on a node that is made if need be. `info.flags` are or-ed into the node's; fields are
 * taken only where the flag that vouches for them is given (SIZES, CHECKSUM, IDENTITY), and
 * stored_bytes where PRESENT is. Recency only grows. A node that the space may not reuse is
 * replaced: nothing of what was known of it stays but its links. WK_MISS: `info` has neither
 * PRESENT nor RESIDENT and nor has the node. WK_TOO_LARGE: sizes over 32 bits. WK_NO_MEMORY,
 * WK_NO_SPACE. Whatever fails leaves the index as it was.
 */
WK_MUST_CHECK enum wk_status wk_radix_insert(struct wk_radix *radix, wk_space_id space,
                                             const struct wk_block_hash *hash,
                                             const struct wk_node_info *info);
/* Clears flags (and what they vouched for). With neither PRESENT nor RESIDENT left the others go
 * too, and the node itself unless it has children. */
void wk_radix_clear_flags(struct wk_radix *radix, wk_space_id space,
                          const struct wk_block_hash *hash, uint32_t flags);
/* A listing showed it: notes its number on a node that is PRESENT, whatever space it was inserted
 * with. False: there is none. */
bool wk_radix_see(struct wk_radix *radix, wk_space_id space, const struct wk_block_hash *hash,
                  uint8_t seen);
/* The object is gone: clears everything but RESIDENT. */
void wk_radix_forget(struct wk_radix *radix, wk_space_id space, const struct wk_block_hash *hash);

/*
 * Learns that each hash follows the one before it. Only nodes that exist are linked, only once
 * each. Never fails: what cannot be linked (a cycle, a walk of more than WK_CHAIN_WALK_MAX steps, a
 * parent with 65535 children) stays unlinked. A chain that holds nothing new takes no lock.
 */
void wk_radix_link_chain(struct wk_radix *radix, wk_space_id space,
                         const struct wk_block_hash *hashes, size_t count);
/* Recency only grows. Takes no lock; under contention a touch may be lost. */
void wk_radix_touch(struct wk_radix *radix, wk_space_id space, const struct wk_block_hash *hashes,
                    size_t count, uint32_t recency);

/* Removes a node without children. WK_CONFLICT: it has children, or is being linked to one right
 * now. WK_MISS: no such node. Hinges that only it held go with it. */
WK_MUST_CHECK enum wk_status wk_radix_remove_tip(struct wk_radix *radix, wk_space_id space,
                                                 const struct wk_block_hash *hash);

/* Link structure, for eviction, prefetch and tests. */
struct wk_node_links {
    bool has_parent;
    struct wk_block_hash parent;
    uint16_t depth; /* 0: root or unlinked; the parent's at the time of linking plus 1, saturates */
    uint16_t children;
};
WK_MUST_CHECK enum wk_status wk_radix_links(struct wk_radix *radix, wk_space_id space,
                                            const struct wk_block_hash *hash,
                                            struct wk_node_links *out);

/* View of a node as the reference's BlockMeta: block_seq is the depth, payload_bytes 0 unless
 * SIZES, digest and tag those of its space. WK_MISS when there is none. */
WK_MUST_CHECK enum wk_status wk_radix_block_meta(struct wk_radix *radix, wk_space_id space,
                                                 const struct wk_block_hash *hash,
                                                 struct wk_block_meta *out);

struct wk_radix_stats {
    uint64_t nodes;
    uint64_t present;
    uint64_t resident;
    uint64_t memory_bytes;
    uint32_t spaces;
};
void wk_radix_stats(struct wk_radix *radix, struct wk_radix_stats *out);

/* Calls `each` for every node of the namespace, hinges too, in no order; false stops. May miss or
 * repeat nodes that come or go meanwhile; sees every other one once. No lock is held during `each`,
 * which may call anything but wk_radix_destroy. */
void wk_radix_each(struct wk_radix *radix, wk_space_id space,
                   bool (*each)(void *ctx, const struct wk_block_hash *hash,
                                const struct wk_node_info *info),
                   void *ctx);

#endif
