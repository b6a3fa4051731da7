/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How nodes hang together: learning parents, and letting go of them.
 *
 *   link     pin the parent (children + 1) -> no cycle? -> the child names the parent
 *   let go   the child is gone -> parent's children - 1 -> an empty hinge goes as well -> upwards
 *
 * A parent is named once and for the child's whole life, and a node with children or pins is never
 * taken out. So from a pinned node the way up stands still, while only link_mutex's owner can add
 * to it: that is what makes the cycle check hold. It is needed only for a child that has children
 * itself, because any other is nobody's ancestor; a chain learned from its front never needs it.
 */
#include "radix/radix_internal.h"

#include "base/mark.h"

#define CHILDREN_MAX UINT16_MAX
#define DEPTH_MAX    UINT16_MAX

static bool copy_node(struct wk_radix *radix, const struct wk_key *key, union wk_node_copy *node,
                      uint32_t *number) {
    uint32_t local;
    if (!wk_shard_copy(radix->env, radix->shards, key, WK_WORD_LINKS + 1, node, &local, NULL))
        return false;
    *number = wk_node_number(wk_key_shard(key->h), local);
    return true;
}

/* ---- letting go ---- */

/* The count of live nodes goes down last, so that nodes_max is never passed. */
static uint32_t take_out_locked(struct wk_radix *radix, struct wk_shard *shard, uint32_t local) {
    union wk_node_copy node;
    wk_shard_load(wk_shard_node(shard, local), &node);
    wk_shard_remove(shard, &radix->spaces, local);
    wk_atomic_sub_u64(&radix->nodes, 1, WK_RELAXED, "radix.nodes");
    return node.is.parent;
}

/* Returns the parent that is to be let go next. */
static uint32_t drop_one(struct wk_radix *radix, uint32_t number, bool take) {
    struct wk_shard *shard = &radix->shards[wk_node_shard(number)];
    uint32_t next = WK_NODE_NONE;
    wk_lock(radix->env, &shard->mutex);
    struct wk_node *node = wk_shard_node(shard, wk_node_local(number));
    union wk_node_copy copy;
    wk_shard_load(node, &copy);
    copy.is.children--;
    wk_shard_store_links(node, &copy);
    if (take && copy.is.children == 0 && (copy.is.flags & WK_NODE_HELD) == 0) {
        WK_MARK("radix.hinge_gone");
        next = take_out_locked(radix, shard, wk_node_local(number));
    }
    wk_unlock(radix->env, &shard->mutex);
    return next;
}

void wk_radix_drop_child(struct wk_radix *radix, uint32_t parent) {
    for (uint32_t step = 1; parent != WK_NODE_NONE; step++) {
        /* The last step may leave an empty hinge without children: an insert gives it something to
         * carry again, remove_tip takes it out. */
        parent = drop_one(radix, parent, step < WK_CHAIN_WALK_MAX);
    }
}

void wk_radix_take_out(struct wk_radix *radix, struct wk_shard *shard, uint32_t local) {
    uint32_t parent = take_out_locked(radix, shard, local);
    wk_unlock(radix->env, &shard->mutex);
    wk_radix_drop_child(radix, parent);
}

/* ---- linking ---- */

/* Keeps the node of the key, and with it all its ancestors, in place. */
static bool pin(struct wk_radix *radix, const struct wk_key *key, union wk_node_copy *node,
                uint32_t *number) {
    struct wk_shard *shard = wk_radix_shard(radix, key);
    uint32_t local;
    wk_lock(radix->env, &shard->mutex);
    struct wk_node *shared = wk_shard_find(shard, key, &local);
    bool pinned = false;
    if (shared != NULL) {
        wk_shard_load(shared, node);
        pinned = node->is.children < CHILDREN_MAX;
    }
    if (pinned) {
        node->is.children++;
        wk_shard_store_links(shared, node);
        *number = wk_node_number(shard->index, local);
    }
    wk_unlock(radix->env, &shard->mutex);
    return pinned;
}

/* Does the way up from the pinned node meet `wanted`? Yes, too, when the budget ends before. */
static bool has_ancestor(struct wk_radix *radix, uint32_t from, uint32_t wanted, uint32_t *budget) {
    while (from != WK_NODE_NONE) {
        if (from == wanted) {
            WK_MARK("radix.cycle_refused");
            return true;
        }
        if (*budget == 0) {
            WK_MARK("radix.walk_ended");
            return true;
        }
        --*budget;
        const struct wk_node *node =
            wk_shard_node(&radix->shards[wk_node_shard(from)], wk_node_local(from));
        union wk_node_copy copy;
        copy.words[WK_WORD_LINKS] =
            wk_atomic_load_u64(&node->words[WK_WORD_LINKS], WK_RELAXED, "radix.walk");
        from = copy.is.parent;
    }
    return false;
}

/*
 * The child takes the pin over. It may have been taken out since it was checked, and even made
 * anew; then it has no children, and the answer of the check holds all the more.
 */
static bool name_parent(struct wk_radix *radix, const struct wk_key *key, uint32_t parent,
                        uint16_t parent_depth) {
    struct wk_shard *shard = wk_radix_shard(radix, key);
    uint32_t local;
    wk_lock(radix->env, &shard->mutex);
    struct wk_node *shared = wk_shard_find(shard, key, &local);
    if (shared != NULL) {
        union wk_node_copy node;
        wk_shard_load(shared, &node);
        node.is.parent = parent;
        node.is.depth = parent_depth;
        if (parent_depth < DEPTH_MAX)
            node.is.depth++;
        wk_shard_store_links(shared, &node);
    }
    wk_unlock(radix->env, &shard->mutex);
    return shared != NULL;
}

/* Under link_mutex, so that a child without a parent stays so meanwhile. */
static void link_one(struct wk_radix *radix, const struct wk_key *parent_key,
                     const struct wk_key *child_key, uint32_t *budget) {
    union wk_node_copy parent, child;
    uint32_t parent_number, child_number;
    if (!copy_node(radix, child_key, &child, &child_number) || child.is.parent != WK_NODE_NONE ||
        !pin(radix, parent_key, &parent, &parent_number))
        return;
    bool cycle = parent_number == child_number;
    if (!cycle && child.is.children != 0)
        cycle = has_ancestor(radix, parent_number, child_number, budget);
    if (cycle || !name_parent(radix, child_key, parent_number, parent.is.depth)) {
        WK_MARK("radix.link_refused");
        wk_radix_drop_child(radix, parent_number);
    }
}

void wk_radix_link_chain(struct wk_radix *radix, wk_space_id space,
                         const struct wk_block_hash *hashes, size_t count) {
    uint32_t budget = WK_CHAIN_WALK_MAX;
    struct wk_key parent = {.ns = 0};
    bool parent_known = false;
    for (size_t i = 0; i < count; i++) {
        struct wk_key child = wk_radix_key(radix, space, &hashes[i]);
        union wk_node_copy node;
        uint32_t number;
        /* Most chains hold nothing new: seeing that takes no lock. */
        bool known = copy_node(radix, &child, &node, &number);
        if (parent_known && known && node.is.parent == WK_NODE_NONE) {
            wk_lock(radix->env, &radix->link_mutex);
            link_one(radix, &parent, &child, &budget);
            wk_unlock(radix->env, &radix->link_mutex);
        }
        parent = child;
        parent_known = known;
    }
}
