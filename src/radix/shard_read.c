/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a shard without its mutex.
 *
 *   sequence (even) -> slots -> node -> copy -> sequence (the same) : the copy is whole
 *
 * Between the two looks at the sequence anything read may be torn or of a node that was freed and
 * used again: all of it is memory of the index, all of it is read as atomic words, and nothing of
 * it is believed before the second look. A reader who meets writers too often takes the mutex.
 */
#include "base/mark.h"
#include "radix/shard_table.h"
#include "radix/spaces.h"

struct wk_node *wk_shard_node(const struct wk_shard *shard, uint32_t local) {
    uint32_t segment = local / WK_SEGMENT_NODES;
    const wk_atomic_u64 *root = &shard->directory[segment / WK_PAGE_SEGMENTS];
    uint64_t page = wk_atomic_load_u64(root, WK_ACQUIRE, "radix.directory");
    if (page == 0)
        return NULL;
    const wk_atomic_u64 *entry = (wk_atomic_u64 *)(uintptr_t)page + segment % WK_PAGE_SEGMENTS;
    uint64_t nodes = wk_atomic_load_u64(entry, WK_ACQUIRE, "radix.segment");
    if (nodes == 0)
        return NULL;
    return (struct wk_node *)(uintptr_t)nodes + local % WK_SEGMENT_NODES;
}

/* Loads the words that decide, and says whether this is the live node of the key. */
static bool node_matches(const struct wk_node *node, const struct wk_key *key,
                         union wk_node_copy *out) {
    wk_atomic_read_words(out->words, node->words, WK_NODE_KEY_WORDS, "radix.node");
    return memcmp(out->is.hash, key->words, sizeof key->words) == 0 &&
           wk_space_ns(out->is.space) == key->ns && (out->is.flags & WK_NODE_LIVE) != 0;
}

/* Fills the key words of `out` when it finds the node. */
static struct wk_node *probe(const struct wk_shard *shard, const struct wk_key *key,
                             union wk_node_copy *out, uint32_t *local) {
    const struct wk_slots *slots = wk_slots_of(shard);
    if (slots == NULL)
        return NULL;
    uint32_t i = wk_slot_home(slots, key->h);
    for (uint32_t turn = 0; turn < slots->count; turn++) {
        uint32_t slot = wk_slot_load(slots, i);
        if (slot == 0)
            return NULL;
        if (slot >> 24 == wk_slot_tag(key->h)) {
            struct wk_node *node = wk_shard_node(shard, wk_slot_local(slot));
            if (node != NULL && node_matches(node, key, out)) {
                *local = wk_slot_local(slot);
                return node;
            }
        }
        i = wk_slot_next(slots, i);
    }
    return NULL;
}

struct wk_node *wk_shard_find(const struct wk_shard *shard, const struct wk_key *key,
                              uint32_t *local) {
    union wk_node_copy copy;
    return probe(shard, key, &copy, local);
}

/*
 * The parent lives as long as the child and its hash does not change meanwhile, so the child's own
 * sequence vouches for the parent's hash too.
 */
static void copy_parent_hash(const struct wk_shard *shards, uint32_t parent, uint64_t *out) {
    if (wk_node_shard(parent) >= WK_RADIX_SHARDS)
        return;
    const struct wk_node *node =
        wk_shard_node(&shards[wk_node_shard(parent)], wk_node_local(parent));
    if (node != NULL)
        wk_atomic_read_words(out, node->words, 4, "radix.parent_hash");
}

static bool try_copy(struct wk_shard *shards, struct wk_shard *shard, const struct wk_key *key,
                     uint32_t words, union wk_node_copy *out, uint32_t *local,
                     uint64_t *parent_hash) {
    const struct wk_node *node = probe(shard, key, out, local);
    if (node == NULL)
        return false;
    if (words > WK_NODE_KEY_WORDS)
        wk_atomic_read_words(&out->words[WK_NODE_KEY_WORDS], &node->words[WK_NODE_KEY_WORDS],
                             words - WK_NODE_KEY_WORDS, "radix.node_rest");
    if (parent_hash != NULL)
        copy_parent_hash(shards, out->is.parent, parent_hash);
    return true;
}

/* False: a writer is at work. */
static bool read_begin(const struct wk_shard *shard, uint64_t *sequence) {
    *sequence = wk_atomic_load_u64(&shard->sequence, WK_ACQUIRE, "radix.read_begin");
    return (*sequence & 1) == 0;
}

static bool read_end(const struct wk_shard *shard, uint64_t sequence) {
    wk_atomic_fence(WK_ACQUIRE, "radix.read_fence");
    uint64_t now = wk_atomic_load_u64(&shard->sequence, WK_RELAXED, "radix.read_end");
    return now == sequence || WK_PLANTED(22); /* plant 22 */
}

bool wk_shard_copy(struct wk_env *env, struct wk_shard *shards, const struct wk_key *key,
                   uint32_t words, union wk_node_copy *out, uint32_t *local,
                   uint64_t *parent_hash) {
    struct wk_shard *shard = &shards[wk_key_shard(key->h)];
    for (uint32_t turn = 0; turn < WK_SEQUENCE_TRIES_MAX; turn++) {
        uint64_t sequence;
        if (read_begin(shard, &sequence)) {
            bool found = try_copy(shards, shard, key, words, out, local, parent_hash);
            if (read_end(shard, sequence))
                return found;
        }
        WK_MARK("radix.read_again");
        wk_spin("radix.read_again");
    }
    WK_MARK("radix.read_locked");
    wk_lock(env, &shard->mutex);
    bool found = try_copy(shards, shard, key, words, out, local, parent_hash);
    wk_unlock(env, &shard->mutex);
    return found;
}

bool wk_shard_copy_at(struct wk_env *env, struct wk_shard *shard, uint32_t local,
                      union wk_node_copy *out) {
    const struct wk_node *node = wk_shard_node(shard, local);
    if (node == NULL)
        return false;
    for (uint32_t turn = 0; turn < WK_SEQUENCE_TRIES_MAX; turn++) {
        uint64_t sequence;
        if (read_begin(shard, &sequence)) {
            wk_atomic_read_words(out->words, node->words, WK_NODE_WORDS, "radix.node_at");
            if (read_end(shard, sequence))
                return (out->is.flags & WK_NODE_LIVE) != 0;
        }
        wk_spin("radix.read_at_again");
    }
    WK_MARK("radix.read_at_locked");
    wk_lock(env, &shard->mutex);
    wk_shard_load(node, out);
    wk_unlock(env, &shard->mutex);
    return (out->is.flags & WK_NODE_LIVE) != 0;
}

void wk_shard_prefetch_slot(const struct wk_shard *shard, uint64_t h) {
    const struct wk_slots *slots = wk_slots_of(shard);
    if (slots != NULL)
        __builtin_prefetch(&slots->slot[wk_slot_home(slots, h)]);
}

const struct wk_node *wk_shard_guess(const struct wk_shard *shard, uint64_t h) {
    const struct wk_slots *slots = wk_slots_of(shard);
    if (slots == NULL)
        return NULL;
    uint32_t i = wk_slot_home(slots, h);
    for (uint32_t turn = 0; turn < slots->count; turn++) {
        uint32_t slot = wk_slot_load(slots, i);
        if (slot == 0)
            return NULL;
        if (slot >> 24 == wk_slot_tag(h))
            return wk_shard_node(shard, wk_slot_local(slot));
        i = wk_slot_next(slots, i);
    }
    return NULL;
}

bool wk_shard_confirm(const struct wk_shard *shard, const struct wk_node *guess,
                      const struct wk_key *key, union wk_node_copy *out) {
    uint64_t sequence;
    return read_begin(shard, &sequence) && node_matches(guess, key, out) &&
           read_end(shard, sequence);
}
