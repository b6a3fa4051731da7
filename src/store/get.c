/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Get: leases on cached values at once, the rest through fetch.c. The path on which everything is
 * cached allocates nothing, copies nothing, and takes one lock per block.
 */
#include "base/mark.h"
#include "store/fetch.h"

struct sums {
    uint64_t leases;
    uint64_t bytes;
};

/* Pins what is cached; the others are left without a pin. */
static size_t pin_cached(struct wk_store *store, const struct wk_namespace *space,
                         const struct wk_block_hash *hashes, size_t count,
                         struct wk_block_result *results) {
    uint64_t bytes = 0;
    size_t hits = 0;
    wk_space_id own = WK_PLANTED(11) ? 0 : space->own; /* plant 11 */
    for (size_t i = 0; i < count; i++) {
        struct wk_store_key key = wk_block_key(space, &hashes[i]);
        key.space = own;
        uint64_t hash = wk_cache_hash(&store->cache, &key);
        struct wk_entry *e = wk_cache_pin(&store->cache, &key, hash, 0);
        if (e == NULL) {
            wk_store_answer_status(&results[i], WK_MISS);
            continue;
        }
        wk_store_answer(&results[i], e, WK_TIER_RAM);
        bytes += e->length;
        hits++;
    }
    wk_count(&store->counters.hits_ram, hits);
    wk_count(&store->counters.bytes_ram, bytes);
    return hits;
}

static struct sums sum_pinned(const struct wk_block_result *results, size_t count) {
    struct sums s = {0, 0};
    for (size_t i = 0; i < count; i++) {
        if (results[i].pin == NULL)
            continue;
        s.leases++;
        s.bytes += results[i].bytes.size;
    }
    return s;
}

static void unpin_all(struct wk_store *store, struct wk_block_result *results, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (results[i].pin == NULL)
            continue;
        wk_entry_unpin(&store->cache, results[i].pin);
        wk_store_answer_status(&results[i], WK_MISS);
    }
}

/* The first failure in the order of the blocks, else a miss, else OK. */
static enum wk_status verdict(const struct wk_block_result *results, size_t count) {
    enum wk_status status = WK_OK;
    for (size_t i = 0; i < count; i++) {
        if (results[i].status != WK_OK && results[i].status != WK_MISS)
            return results[i].status;
        if (results[i].status == WK_MISS)
            status = WK_MISS;
    }
    return status;
}

/* Turns pins into leases, or lets go of them where the call is all or nothing. */
static enum wk_status conclude(struct wk_store *store, enum wk_get_mode mode,
                               struct wk_block_result *results, size_t count) {
    enum wk_status status = verdict(results, count);
    if (status != WK_OK && mode == WK_GET_ALL && !WK_PLANTED(12)) { /* plant 12 */
        WK_MARK("get.all_or_nothing");
        unpin_all(store, results, count);
        return status;
    }
    struct sums s = sum_pinned(results, count);
    wk_store_hold(store, s.leases, s.bytes);
    return WK_OK;
}

enum wk_status wk_store_get(struct wk_backend *b, struct wk_span ns,
                            const struct wk_block_hash *hashes, size_t count, enum wk_get_mode mode,
                            uint64_t deadline_ns, struct wk_block_result *results,
                            struct wk_error *err) {
    struct wk_store *store = wk_store_of(b);
    struct wk_fetch_call call = {.store = store,
                                 .kind = WK_ENTRY_BLOCK,
                                 .hashes = hashes,
                                 .results = results,
                                 .count = count,
                                 .mode = mode,
                                 .deadline_ns = deadline_ns};
    enum wk_status status = wk_store_space(store, ns, &call.space, err);
    if (status != WK_OK)
        return status;
    wk_count(&store->counters.get_calls, 1);
    if (pin_cached(store, &call.space, hashes, count, results) < count) {
        status = wk_fetch(&call, err);
        if (status != WK_OK) {
            unpin_all(store, results, count);
            wk_store_space_done(store, &call.space);
            return status;
        }
        uint32_t recency = wk_store_recency(store);
        wk_radix_touch(store->radix, call.space.own, hashes, count, recency);
        wk_radix_link_chain(store->radix, call.space.own, hashes, count);
    }
    wk_store_space_done(store, &call.space);
    return conclude(store, mode, results, count);
}

/* ---- raw tails ---- */

/* The value is served unasked while it is younger than tail_fresh_ns; then it is revalidated. */
static struct wk_entry *pin_stale(struct wk_store *store, const struct wk_store_key *key,
                                  uint64_t hash) {
    if (!wk_store_can(store, WK_OBJECTS_ETAG))
        return NULL;
    struct wk_entry *e = wk_cache_pin(&store->cache, key, hash, 0);
    if (e != NULL && wk_entry_etag(e)->length == 0) {
        wk_entry_unpin(&store->cache, e);
        return NULL;
    }
    return e;
}

static enum wk_status fetch_tail(struct wk_fetch_call *call, uint64_t hash, struct wk_error *err) {
    struct wk_store *store = call->store;
    call->stale = pin_stale(store, &call->named->key, hash);
    enum wk_status status = wk_fetch(call, err);
    if (call->stale != NULL)
        wk_entry_unpin(&store->cache, call->stale);
    return status;
}

enum wk_status wk_store_get_named(struct wk_store *store, const struct wk_named *named,
                                  uint64_t deadline_ns, struct wk_block_result *out,
                                  struct wk_error *err) {
    struct wk_fetch_call call = {.store = store,
                                 .kind = WK_ENTRY_TAIL,
                                 .named = named,
                                 .results = out,
                                 .count = 1,
                                 .mode = WK_GET_ALL,
                                 .deadline_ns = deadline_ns};
    enum wk_status status = WK_OK;
    wk_store_answer_status(out, WK_MISS);
    uint64_t hash = wk_cache_hash(&store->cache, &named->key);
    uint64_t now = wk_now_ns(store->env);
    call.fresh_after_ns = now > store->config.tail_fresh_ns ? now - store->config.tail_fresh_ns : 0;
    if (WK_PLANTED(13)) /* plant 13 */
        call.fresh_after_ns = 0;
    struct wk_entry *e = wk_cache_pin(&store->cache, &named->key, hash, call.fresh_after_ns);
    if (e != NULL) {
        wk_count(&store->counters.tail_hits_fresh, 1);
        wk_store_answer(out, e, WK_TIER_RAM);
    } else {
        status = fetch_tail(&call, hash, err);
        if (status != WK_OK)
            return status;
    }
    return conclude(store, WK_GET_ALL, out, 1);
}

enum wk_status wk_store_get_tail(struct wk_backend *b, struct wk_span ns, struct wk_span tip,
                                 uint64_t deadline_ns, struct wk_block_result *out,
                                 struct wk_error *err) {
    struct wk_named named;
    wk_store_answer_status(out, WK_MISS);
    enum wk_status status = wk_store_name_tail(wk_store_of(b), ns, tip, &named, err);
    if (status != WK_OK)
        return status;
    return wk_store_get_named(wk_store_of(b), &named, deadline_ns, out, err);
}
