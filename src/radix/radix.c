/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index as a whole: which shard, which space, what an insert or a removal means for a node.
 * shard_read.c and shard_write.c know how nodes are found and kept, link.c how they hang together,
 * prefix.c how a chain is looked up.
 */
#include "radix/radix_internal.h"

#include "base/mark.h"

struct wk_key wk_radix_key(const struct wk_radix *radix, wk_space_id space,
                           const struct wk_block_hash *hash) {
    struct wk_key key = {.ns = wk_space_ns(space)};
    memcpy(key.words, hash->bytes, sizeof key.words);
    key.h = wk_spaces_place(&radix->spaces, key.ns, key.words);
    return key;
}

bool wk_radix_allows(const struct wk_radix *radix, wk_space_id space, wk_space_id stored) {
    if (space == stored)
        return true;
    const struct wk_space *mine = wk_spaces_at(&radix->spaces, wk_space_index(space));
    const struct wk_space *theirs = wk_spaces_at(&radix->spaces, wk_space_index(stored));
    return wk_reuse_allows(&mine->reuse, &theirs->reuse);
}

/* ---- life ---- */

/* Undoes wk_radix_create as far as it came. */
static void destroy_parts(struct wk_radix *radix, uint32_t shards, bool spaces, bool links) {
    struct wk_env *env = radix->env;
    for (uint32_t i = 0; i < shards; i++)
        wk_shard_destroy(env, &radix->shards[i]);
    if (spaces)
        wk_spaces_destroy(env, &radix->spaces);
    if (links)
        env->threads->mutex_destroy(env, &radix->link_mutex);
    env->mem->unmap(env, WK_MEM_INDEX, radix, sizeof *radix);
}

enum wk_status wk_radix_create(struct wk_env *env, const struct wk_radix_config *config,
                               struct wk_radix **out, struct wk_error *err) {
    if (config->nodes_max == 0)
        return wk_fail(err, WK_INVALID, "an index for no blocks at all");
    /* Mapped for its alignment: the words that every lookup reads start a cache line. */
    struct wk_radix *radix = env->mem->map(env, WK_MEM_INDEX, sizeof *radix);
    if (radix == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for the prefix index");
    radix->env = env;
    radix->nodes_max = config->nodes_max;
    enum wk_status status = env->threads->mutex_init(env, &radix->link_mutex);
    bool links = status == WK_OK;
    if (status == WK_OK)
        status = wk_spaces_init(env, &radix->spaces, config->hash_seed);
    bool spaces = links && status == WK_OK;
    uint32_t shards = 0;
    while (status == WK_OK && shards < WK_RADIX_SHARDS) {
        status = wk_shard_init(env, &radix->shards[shards], shards);
        shards += status == WK_OK;
    }
    if (status != WK_OK) {
        destroy_parts(radix, shards, spaces, links);
        return wk_fail(err, status, "no locks for the prefix index");
    }
    *out = radix;
    return WK_OK;
}

void wk_radix_destroy(struct wk_radix *radix) {
    if (radix != NULL)
        destroy_parts(radix, WK_RADIX_SHARDS, true, true);
}

enum wk_status wk_radix_space(struct wk_radix *radix, struct wk_span ns,
                              const struct wk_reuse *reuse, wk_space_id *out,
                              struct wk_error *err) {
    return wk_spaces_intern(radix->env, &radix->spaces, ns, reuse, out, err);
}

void wk_radix_space_release(struct wk_radix *radix, wk_space_id space) {
    wk_spaces_release(&radix->spaces, space);
}

uint32_t wk_radix_space_generation(struct wk_radix *radix, wk_space_id space) {
    return wk_spaces_at(&radix->spaces, wk_space_index(space))->generation;
}

struct wk_span wk_radix_space_name(struct wk_radix *radix, wk_space_id space) {
    return wk_spaces_at(&radix->spaces, wk_space_index(space))->name;
}

/* ---- reading ---- */

static void node_info(const struct wk_node_fields *node, struct wk_node_info *out) {
    *out = (struct wk_node_info){.flags = node->flags & WK_NODE_ALL,
                                 .recency = node->recency,
                                 .raw_bytes = node->raw_bytes,
                                 .stored_bytes = node->stored_bytes,
                                 .crc32c = node->crc32c,
                                 .etag_hash = node->etag_hash,
                                 .identity = node->identity,
                                 .seen = (uint8_t)(node->flags >> WK_NODE_SEEN_SHIFT)};
}

enum wk_status wk_radix_find(struct wk_radix *radix, wk_space_id space,
                             const struct wk_block_hash *hash, struct wk_node_info *out) {
    struct wk_key key = wk_radix_key(radix, space, hash);
    union wk_node_copy node;
    uint32_t local;
    if (!wk_shard_copy(radix->env, radix->shards, &key, WK_NODE_WORDS, &node, &local, NULL) ||
        !wk_radix_allows(radix, space, node.is.space))
        return WK_MISS;
    node_info(&node.is, out);
    return WK_OK;
}

enum wk_status wk_radix_links(struct wk_radix *radix, wk_space_id space,
                              const struct wk_block_hash *hash, struct wk_node_links *out) {
    struct wk_key key = wk_radix_key(radix, space, hash);
    union wk_node_copy node;
    uint32_t local;
    uint64_t parent[4] = {0};
    if (!wk_shard_copy(radix->env, radix->shards, &key, WK_NODE_WORDS, &node, &local, parent))
        return WK_MISS;
    *out = (struct wk_node_links){.has_parent = node.is.parent != WK_NODE_NONE,
                                  .depth = node.is.depth,
                                  .children = node.is.children};
    if (out->has_parent)
        memcpy(out->parent.bytes, parent, sizeof parent);
    return WK_OK;
}

enum wk_status wk_radix_block_meta(struct wk_radix *radix, wk_space_id space,
                                   const struct wk_block_hash *hash, struct wk_block_meta *out) {
    struct wk_key key = wk_radix_key(radix, space, hash);
    union wk_node_copy node;
    uint32_t local;
    uint64_t parent[4] = {0};
    if (!wk_shard_copy(radix->env, radix->shards, &key, WK_NODE_WORDS, &node, &local, parent) ||
        !wk_radix_allows(radix, space, node.is.space))
        return WK_MISS;
    const struct wk_space *stored = wk_spaces_at(&radix->spaces, wk_space_index(node.is.space));
    *out = (struct wk_block_meta){.block_seq = node.is.depth,
                                  .payload_bytes = node.is.raw_bytes,
                                  .last_access_ns = node.is.recency * WK_NS_PER_S,
                                  .model_digest = stored->reuse.model_digest,
                                  .layout_tag = stored->reuse.layout_tag};
    if (node.is.parent != WK_NODE_NONE)
        memcpy(out->parent_hash.bytes, parent, sizeof parent);
    return WK_OK;
}

void wk_radix_each(struct wk_radix *radix, wk_space_id space,
                   bool (*each)(void *ctx, const struct wk_block_hash *hash,
                                const struct wk_node_info *info),
                   void *ctx) {
    for (uint32_t s = 0; s < WK_RADIX_SHARDS; s++) {
        struct wk_shard *shard = &radix->shards[s];
        uint32_t used = wk_atomic_load_u32(&shard->used, WK_ACQUIRE, "radix.each_used");
        for (uint32_t local = 0; local < used; local++) {
            union wk_node_copy node;
            if (!wk_shard_copy_at(radix->env, shard, local, &node) ||
                wk_space_ns(node.is.space) != wk_space_ns(space))
                continue;
            struct wk_block_hash hash;
            struct wk_node_info info;
            memcpy(hash.bytes, node.is.hash, sizeof hash.bytes);
            node_info(&node.is, &info);
            if (!each(ctx, &hash, &info))
                return;
        }
    }
}

void wk_radix_stats(struct wk_radix *radix, struct wk_radix_stats *out) {
    struct wk_radix_stats sum = {.memory_bytes = sizeof *radix};
    sum.memory_bytes +=
        wk_atomic_load_u64(&radix->spaces.memory_bytes, WK_RELAXED, "radix.space_memory");
    sum.spaces = wk_atomic_load_u32(&radix->spaces.live, WK_RELAXED, "radix.space_live");
    for (uint32_t s = 0; s < WK_RADIX_SHARDS; s++) {
        struct wk_shard *shard = &radix->shards[s];
        sum.nodes += wk_atomic_load_u64(&shard->live, WK_RELAXED, "radix.live");
        sum.present += wk_atomic_load_u64(&shard->present, WK_RELAXED, "radix.present");
        sum.resident += wk_atomic_load_u64(&shard->resident, WK_RELAXED, "radix.resident");
        sum.memory_bytes += wk_atomic_load_u64(&shard->memory_bytes, WK_RELAXED, "radix.memory");
    }
    *out = sum;
}

/* ---- writing ---- */

static void node_clear(struct wk_node_fields *node, uint32_t flags) {
    flags &= WK_NODE_ALL;
    if ((node->flags & ~flags & WK_NODE_HELD) == 0)
        flags = WK_NODE_ALL;
    node->flags &= ~flags;
    if (flags & WK_NODE_PRESENT)
        node->stored_bytes = 0;
    if (flags & WK_NODE_SIZES)
        node->raw_bytes = 0;
    if (flags & WK_NODE_CHECKSUM)
        node->crc32c = 0;
    if (flags & WK_NODE_IDENTITY) {
        node->etag_hash = 0;
        node->identity = (struct wk_hash128){0, 0};
    }
}

static void node_see(struct wk_node_fields *node, uint8_t seen) {
    node->flags &= ~WK_NODE_SEEN_MASK;
    node->flags |= (uint32_t)seen << WK_NODE_SEEN_SHIFT;
}

static void node_merge(struct wk_node_fields *node, wk_space_id space,
                       const struct wk_node_info *info) {
    if ((info->flags & WK_NODE_PRESENT) || (node->flags & WK_NODE_HELD) == 0)
        node->space = space;
    if (info->flags & WK_NODE_PRESENT) {
        node->stored_bytes = (uint32_t)info->stored_bytes;
        node_see(node, info->seen);
    }
    if (info->flags & WK_NODE_SIZES)
        node->raw_bytes = (uint32_t)info->raw_bytes;
    if (info->flags & WK_NODE_CHECKSUM)
        node->crc32c = info->crc32c;
    if (info->flags & WK_NODE_IDENTITY) {
        node->etag_hash = info->etag_hash;
        node->identity = info->identity;
    }
    node->flags |= info->flags & WK_NODE_ALL;
    if (info->recency > node->recency)
        node->recency = info->recency;
}

/* Under the shard's mutex. */
static enum wk_status insert_new(struct wk_radix *radix, struct wk_shard *shard, wk_space_id space,
                                 const struct wk_key *key, const struct wk_node_info *info) {
    if ((info->flags & WK_NODE_HELD) == 0)
        return WK_MISS;
    union wk_node_copy node;
    memset(&node, 0, sizeof node);
    memcpy(node.is.hash, key->words, sizeof node.is.hash);
    node.is.parent = WK_NODE_NONE;
    node_merge(&node.is, space, info);
    if (wk_atomic_add_u64(&radix->nodes, 1, WK_RELAXED, "radix.nodes") >= radix->nodes_max) {
        wk_atomic_sub_u64(&radix->nodes, 1, WK_RELAXED, "radix.nodes");
        WK_MARK("radix.full");
        return WK_NO_SPACE;
    }
    enum wk_status status = wk_shard_add(radix->env, shard, &radix->spaces, key, &node);
    if (status != WK_OK)
        wk_atomic_sub_u64(&radix->nodes, 1, WK_RELAXED, "radix.nodes");
    return status;
}

/* Under the shard's mutex. */
static enum wk_status insert_known(struct wk_radix *radix, struct wk_shard *shard,
                                   struct wk_node *node, wk_space_id space,
                                   const struct wk_node_info *info) {
    union wk_node_copy before;
    wk_shard_load(node, &before);
    union wk_node_copy after = before;
    if (!wk_radix_allows(radix, space, before.is.space)) {
        WK_MARK("radix.replaced");
        node_clear(&after.is, WK_NODE_ALL);
    }
    if (((after.is.flags | info->flags) & WK_NODE_HELD) == 0)
        return WK_MISS;
    node_merge(&after.is, space, info);
    wk_shard_store(shard, node, &before, &after);
    return WK_OK;
}

enum wk_status wk_radix_insert(struct wk_radix *radix, wk_space_id space,
                               const struct wk_block_hash *hash, const struct wk_node_info *info) {
    if (info->raw_bytes > UINT32_MAX || info->stored_bytes > UINT32_MAX)
        return WK_TOO_LARGE;
    struct wk_key key = wk_radix_key(radix, space, hash);
    struct wk_shard *shard = wk_radix_shard(radix, &key);
    uint32_t local;
    wk_lock(radix->env, &shard->mutex);
    struct wk_node *node = wk_shard_find(shard, &key, &local);
    enum wk_status status = node == NULL ? insert_new(radix, shard, space, &key, info)
                                         : insert_known(radix, shard, node, space, info);
    wk_unlock(radix->env, &shard->mutex);
    return status;
}

void wk_radix_clear_flags(struct wk_radix *radix, wk_space_id space,
                          const struct wk_block_hash *hash, uint32_t flags) {
    struct wk_key key = wk_radix_key(radix, space, hash);
    struct wk_shard *shard = wk_radix_shard(radix, &key);
    uint32_t local;
    wk_lock(radix->env, &shard->mutex);
    struct wk_node *node = wk_shard_find(shard, &key, &local);
    if (node == NULL) {
        wk_unlock(radix->env, &shard->mutex);
        return;
    }
    union wk_node_copy before;
    wk_shard_load(node, &before);
    union wk_node_copy after = before;
    node_clear(&after.is, flags);
    bool carries = after.is.children != 0 && !WK_PLANTED(20); /* plant 20 */
    if ((after.is.flags & WK_NODE_HELD) == 0 && !carries) {
        wk_radix_take_out(radix, shard, local);
        return;
    }
    if ((after.is.flags & WK_NODE_HELD) == 0)
        WK_MARK("radix.hinge_made");
    wk_shard_store(shard, node, &before, &after);
    wk_unlock(radix->env, &shard->mutex);
}

bool wk_radix_see(struct wk_radix *radix, wk_space_id space, const struct wk_block_hash *hash,
                  uint8_t seen) {
    struct wk_key key = wk_radix_key(radix, space, hash);
    struct wk_shard *shard = wk_radix_shard(radix, &key);
    uint32_t local;
    bool present = false;
    wk_lock(radix->env, &shard->mutex);
    struct wk_node *node = wk_shard_find(shard, &key, &local);
    if (node != NULL) {
        union wk_node_copy before;
        wk_shard_load(node, &before);
        union wk_node_copy after = before;
        present = (before.is.flags & WK_NODE_PRESENT) != 0;
        node_see(&after.is, seen);
        if (present)
            wk_shard_store(shard, node, &before, &after);
    }
    wk_unlock(radix->env, &shard->mutex);
    return present;
}

void wk_radix_forget(struct wk_radix *radix, wk_space_id space, const struct wk_block_hash *hash) {
    wk_radix_clear_flags(radix, space, hash, WK_NODE_ALL & ~(uint32_t)WK_NODE_RESIDENT);
}

enum wk_status wk_radix_remove_tip(struct wk_radix *radix, wk_space_id space,
                                   const struct wk_block_hash *hash) {
    struct wk_key key = wk_radix_key(radix, space, hash);
    struct wk_shard *shard = wk_radix_shard(radix, &key);
    uint32_t local;
    wk_lock(radix->env, &shard->mutex);
    struct wk_node *node = wk_shard_find(shard, &key, &local);
    if (node == NULL) {
        wk_unlock(radix->env, &shard->mutex);
        return WK_MISS;
    }
    union wk_node_copy copy;
    wk_shard_load(node, &copy);
    if (copy.is.children != 0) {
        wk_unlock(radix->env, &shard->mutex);
        return WK_CONFLICT;
    }
    wk_radix_take_out(radix, shard, local);
    return WK_OK;
}

/*
 * Without the mutex: the one word is swapped only if it is still what was read. When the node was
 * changed or freed meanwhile the touch is lost, or meets a new node with the same word: both harm
 * nothing but the order of eviction.
 */
static void touch_one(struct wk_radix *radix, const struct wk_key *key, uint32_t recency) {
    union wk_node_copy node;
    uint32_t local;
    if (!wk_shard_copy(radix->env, radix->shards, key, WK_WORD_RECENCY + 1, &node, &local, NULL) ||
        node.is.recency >= recency)
        return;
    uint64_t expected = node.words[WK_WORD_RECENCY];
    node.is.recency = recency;
    struct wk_node *shared = wk_shard_node(&radix->shards[wk_key_shard(key->h)], local);
    if (!wk_atomic_cas_u64(&shared->words[WK_WORD_RECENCY], &expected, node.words[WK_WORD_RECENCY],
                           WK_RELAXED, "radix.touch"))
        WK_MARK("radix.touch_lost");
}

void wk_radix_touch(struct wk_radix *radix, wk_space_id space, const struct wk_block_hash *hashes,
                    size_t count, uint32_t recency) {
    for (size_t i = 0; i < count; i++) {
        struct wk_key key = wk_radix_key(radix, space, &hashes[i]);
        touch_one(radix, &key, recency);
    }
}
