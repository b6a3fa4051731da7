/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each function: lock the shard, look at the epoch, change cache and index, unlock, free what fell
 * out of the table.
 */
#include "store/known.h"

#include "base/mark.h"

static bool is_block(const struct wk_store_key *key) {
    return key->kind == WK_ENTRY_BLOCK;
}

void wk_known_put_begins(struct wk_store *store, uint64_t hash) {
    wk_epoch_bump(&store->epochs, hash);
}

void wk_known_put_sent(struct wk_store *store, const struct wk_store_key *key, uint64_t hash) {
    if (!is_block(key))
        return;
    wk_cache_lock(&store->cache, hash);
    wk_radix_clear_flags(store->radix, key->space, &key->id, WK_NODE_IDENTITY);
    wk_cache_unlock(&store->cache, hash);
}

/* A full index is like an eviction: the block is stored, and a probe finds it. */
static enum wk_status index_insert(struct wk_store *store, wk_space_id space,
                                   const struct wk_store_key *key,
                                   const struct wk_node_info *info) {
    /* Relaxed: a LIST that begins just now and does not show the block asks for it by HEAD. */
    uint32_t listing = wk_atomic_load_u32(&store->listing, WK_RELAXED, "store.listing");
    struct wk_node_info seen = *info;
    seen.seen = (uint8_t)listing;
    enum wk_status status = wk_radix_insert(store->radix, space, &key->id, &seen);
    if (status == WK_NO_SPACE) {
        WK_MARK("known.index_full");
        wk_count(&store->counters.index_full, 1);
        return WK_OK;
    }
    return status;
}

enum wk_status wk_known_put_done(struct wk_store *store, const struct wk_store_key *key,
                                 uint64_t hash, struct wk_put_outcome *outcome) {
    struct wk_entry *old = NULL;
    enum wk_status status = WK_OK;
    wk_cache_lock(&store->cache, hash);
    if (!WK_PLANTED(2)) /* plant 2 */
        wk_epoch_bump(&store->epochs, hash);
    if (is_block(key))
        status = index_insert(store, key->space, key, &outcome->info);
    if (status == WK_OK && outcome->entry != NULL)
        old = wk_cache_publish_locked(&store->cache, key, hash, outcome->entry);
    else if (status != WK_OK || !outcome->keep_cached)
        old = wk_cache_drop_locked(&store->cache, key, hash);
    wk_cache_unlock(&store->cache, hash);
    wk_cache_dispose(&store->cache, old);
    if (outcome->entry != NULL)
        wk_entry_unpin(&store->cache, outcome->entry);
    return status;
}

void wk_known_put_failed(struct wk_store *store, const struct wk_store_key *key, uint64_t hash,
                         bool sent, bool forget) {
    struct wk_entry *old = NULL;
    wk_cache_lock(&store->cache, hash);
    wk_epoch_bump(&store->epochs, hash);
    if (sent || forget)
        old = wk_cache_drop_locked(&store->cache, key, hash);
    if (is_block(key) && forget)
        wk_radix_forget(store->radix, key->space, &key->id);
    else if (is_block(key) && WK_PLANTED(6)) /* plant 6 */
        (void)index_insert(store, key->space, key,
                           &(struct wk_node_info){.flags = WK_NODE_PRESENT});
    else if (is_block(key) && sent)
        wk_radix_clear_flags(store->radix, key->space, &key->id,
                             WK_NODE_SIZES | WK_NODE_CHECKSUM | WK_NODE_IDENTITY);
    wk_cache_unlock(&store->cache, hash);
    wk_cache_dispose(&store->cache, old);
}

/* With the shard locked: nobody wrote this key since the epoch was read. */
static bool still_at(struct wk_store *store, uint64_t hash, uint64_t epoch) {
    if (WK_PLANTED(1) || wk_epoch_read(&store->epochs, hash) == epoch) /* plant 1 */
        return true;
    WK_MARK("known.epoch_moved");
    return false;
}

bool wk_known_fill(struct wk_store *store, const struct wk_store_key *key, uint64_t hash,
                   uint64_t epoch, struct wk_entry *entry, const struct wk_node_info *info) {
    struct wk_entry *old = NULL;
    wk_cache_lock(&store->cache, hash);
    bool current = still_at(store, hash, epoch);
    if (current) {
        old = wk_cache_publish_locked(&store->cache, key, hash, entry);
        if (info != NULL) {
            /* Not indexed is no harm here: the value is served all the same. */
            enum wk_status status = index_insert(store, key->space, key, info);
            if (status != WK_OK)
                WK_MARK("known.fill_not_indexed");
        }
    }
    wk_cache_unlock(&store->cache, hash);
    wk_cache_dispose(&store->cache, old);
    if (!current)
        wk_count(&store->counters.fill_outdated, 1);
    return current;
}

bool wk_known_gone(struct wk_store *store, const struct wk_store_key *key, uint64_t hash,
                   uint64_t epoch) {
    struct wk_entry *old = NULL;
    wk_cache_lock(&store->cache, hash);
    bool current = still_at(store, hash, epoch);
    if (current) {
        /* A list that began before must not bring it back. */
        wk_epoch_bump(&store->epochs, hash);
        old = wk_cache_drop_locked(&store->cache, key, hash);
        if (is_block(key))
            wk_radix_forget(store->radix, key->space, &key->id);
    }
    wk_cache_unlock(&store->cache, hash);
    wk_cache_dispose(&store->cache, old);
    return current;
}

/* What is known to state another model stays invisible to this handle. */
static bool usable_here(struct wk_store *store, const struct wk_namespace *space,
                        const struct wk_store_key *key) {
    struct wk_node_info known;
    if (wk_radix_find(store->radix, space->unstated, &key->id, &known) != WK_OK ||
        (known.flags & WK_NODE_PRESENT) == 0)
        return true;
    return wk_radix_find(store->radix, space->own, &key->id, &known) == WK_OK;
}

bool wk_known_present(struct wk_store *store, const struct wk_namespace *space,
                      const struct wk_store_key *key, uint64_t hash, uint64_t epoch,
                      uint64_t stored_bytes) {
    struct wk_node_info info = {.flags = WK_NODE_PRESENT, .stored_bytes = stored_bytes};
    bool present = false;
    info.recency = wk_store_recency(store);
    wk_cache_lock(&store->cache, hash);
    if (stored_bytes <= WK_BODY_BYTES_MAX && still_at(store, hash, epoch) &&
        usable_here(store, space, key)) {
        struct wk_node_info known;
        enum wk_status status = wk_radix_find(store->radix, space->own, &key->id, &known);
        if (status != WK_OK || (known.flags & WK_NODE_PRESENT) == 0)
            status = index_insert(store, space->unstated, key, &info);
        if (status != WK_OK)
            WK_MARK("known.present_not_indexed");
        present = true;
    }
    wk_cache_unlock(&store->cache, hash);
    return present;
}

void wk_known_foreign(struct wk_store *store, const struct wk_namespace *space,
                      const struct wk_store_key *key, uint64_t hash, uint64_t epoch,
                      const struct wk_reuse *stated, uint64_t stored_bytes) {
    struct wk_node_info info = {.flags = WK_NODE_PRESENT, .stored_bytes = stored_bytes};
    wk_space_id theirs;
    info.recency = wk_store_recency(store);
    enum wk_status named = wk_radix_space(store->radix, space->name, stated, &theirs, NULL);
    enum wk_status status = named;
    wk_cache_lock(&store->cache, hash);
    if (still_at(store, hash, epoch)) {
        wk_radix_forget(store->radix, key->space, &key->id);
        if (status == WK_OK)
            status = index_insert(store, theirs, key, &info);
        if (status != WK_OK)
            WK_MARK("known.foreign_not_indexed");
    }
    wk_cache_unlock(&store->cache, hash);
    if (named == WK_OK)
        wk_radix_space_release(store->radix, theirs);
}

bool wk_known_drop(struct wk_store *store, struct wk_entry *entry) {
    struct wk_entry *old = NULL;
    struct wk_store_key key = entry->key;
    uint64_t hash = entry->hash;
    wk_cache_lock(&store->cache, hash);
    bool cached = wk_cache_find_locked(&store->cache, &key, hash) == entry;
    if (cached)
        old = wk_cache_drop_locked(&store->cache, &key, hash);
    wk_cache_unlock(&store->cache, hash);
    wk_cache_dispose(&store->cache, old);
    return cached;
}

void wk_known_tail_current(struct wk_store *store, const struct wk_store_key *key, uint64_t hash,
                           struct wk_entry *entry, uint64_t at_ns) {
    wk_cache_lock(&store->cache, hash);
    if (wk_cache_find_locked(&store->cache, key, hash) == entry && entry->fetched_ns < at_ns)
        entry->fetched_ns = at_ns;
    wk_cache_unlock(&store->cache, hash);
}
