/* SPDX-License-Identifier: Apache-2.0 */
/* The index as its own files see it. Internal to src/radix. */
#ifndef WK_RADIX_RADIX_INTERNAL_H
#define WK_RADIX_RADIX_INTERNAL_H

#include "radix/shard.h"
#include "radix/spaces.h"

/* What makes a node more than a hinge. */
#define WK_NODE_HELD (WK_NODE_PRESENT | WK_NODE_RESIDENT)
#define WK_NODE_ALL  (WK_NODE_HELD | WK_NODE_SIZES | WK_NODE_CHECKSUM | WK_NODE_IDENTITY)
/* Beside the flags: wk_node_info.seen. */
#define WK_NODE_SEEN_SHIFT 8
#define WK_NODE_SEEN_MASK  (0xffu << WK_NODE_SEEN_SHIFT)

/*
 * Lock order: link_mutex, then at most one shard's mutex. Nothing ever holds two shards, though a
 * parent and its child mostly lie in different ones: the parent's count of children goes up before
 * the child names it and down after the child is gone, so it may be too high for a moment, which
 * keeps the parent, and never too low.
 */
struct wk_radix {
    struct wk_env *env;
    uint64_t nodes_max;
    wk_atomic_u64 nodes;        /* sync: live nodes and those about to be made */
    struct wk_mutex link_mutex; /* one thread at a time sets parents: no cycle by two at once */
    struct wk_spaces spaces;
    struct wk_shard shards[WK_RADIX_SHARDS];
};

struct wk_key wk_radix_key(const struct wk_radix *radix, wk_space_id space,
                           const struct wk_block_hash *hash);

static inline struct wk_shard *wk_radix_shard(struct wk_radix *radix, const struct wk_key *key) {
    return &radix->shards[wk_key_shard(key->h)];
}

/* May a handle of `space` use what a handle of `stored` inserted? */
bool wk_radix_allows(const struct wk_radix *radix, wk_space_id space, wk_space_id stored);

/* Takes out a node without children whose shard is locked, and unlocks it; then lets go of its
 * parent as wk_radix_drop_child does. */
void wk_radix_take_out(struct wk_radix *radix, struct wk_shard *shard, uint32_t local);
/* One child or pin of the node `parent` less, no shard being locked. A hinge that was held only by
 * it goes as well, and so on upwards, WK_CHAIN_WALK_MAX nodes at most. */
void wk_radix_drop_child(struct wk_radix *radix, uint32_t parent);

#endif
