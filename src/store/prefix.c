/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lookup and contains: what is there, without reading it.
 *
 *     lookup    index -> first unknown block: one HEAD -> windows of 8, 16, 32 ... HEADs while all
 *               that came before is confirmed -> the contiguous run
 *
 * The probe makes blocks of other writers visible. It adds at most lookup_probe_ns to a lookup,
 * never fails it, and backs off after failures. What it finds goes into the index; that a block is
 * absent is remembered for lookup_probe_ttl_ns, and never keeps a get from asking.
 */
#include "base/mark.h"
#include "base/num.h"
#include "store/known.h"
#include "store/wave.h"

#define WINDOW_FIRST     8u
#define BACKOFF_FIRST_NS (100ull * WK_NS_PER_MS)

/* ---- what is known to be absent, and whether to probe at all ---- */

static struct wk_negative *negative_slot(struct wk_store *store, uint64_t hash) {
    return &store->probe.negative[hash % WK_NEGATIVE_SLOTS];
}

static bool known_absent(struct wk_store *store, const struct wk_store_key *key, uint64_t hash,
                         uint64_t now_ns) {
    wk_lock(store->env, &store->probe.mutex);
    const struct wk_negative *n = negative_slot(store, hash);
    bool absent = n->until_ns > now_ns && wk_store_key_equal(&n->key, key);
    wk_unlock(store->env, &store->probe.mutex);
    return absent;
}

void wk_known_remember_absent(struct wk_store *store, const struct wk_store_key *key,
                              uint64_t hash) {
    uint64_t now_ns = wk_now_ns(store->env);
    wk_lock(store->env, &store->probe.mutex);
    struct wk_negative *n = negative_slot(store, hash);
    n->key = *key;
    n->until_ns = wk_add_u64_clamped(now_ns, store->config.lookup_probe_ttl_ns);
    if (WK_PLANTED(14)) /* plant 14 */
        n->until_ns = UINT64_MAX;
    wk_unlock(store->env, &store->probe.mutex);
}

static bool probe_rests(struct wk_store *store, uint64_t now_ns) {
    wk_lock(store->env, &store->probe.mutex);
    bool rests = now_ns < store->probe.resume_ns;
    wk_unlock(store->env, &store->probe.mutex);
    return rests;
}

static void note_probe_outcome(struct wk_store *store, bool failed) {
    uint64_t now = wk_now_ns(store->env);
    wk_lock(store->env, &store->probe.mutex);
    store->probe.failures = failed ? store->probe.failures + 1 : 0;
    uint32_t failures = store->probe.failures;
    wk_unlock(store->env, &store->probe.mutex);
    if (!failed)
        return;
    WK_MARK("probe.backs_off");
    wk_count(&store->counters.probe_failed, 1);
    uint64_t pause = wk_backoff_ns(store->env, BACKOFF_FIRST_NS, failures);
    wk_lock(store->env, &store->probe.mutex);
    store->probe.resume_ns = wk_add_u64_clamped(now, pause);
    wk_unlock(store->env, &store->probe.mutex);
}

/* ---- asking by HEAD ---- */

enum head_answer { HEAD_PRESENT, HEAD_ABSENT, HEAD_FAILED };

struct heads {
    struct wk_store *store;
    const struct wk_namespace *space;
    const struct wk_block_hash *hashes; /* requests name them by their place */
    uint64_t deadline_ns;
    struct wk_wave wave;
    uint64_t *epochs; /* per request */
};

static uint64_t heads_deadline(void *ctx) {
    return ((struct heads *)ctx)->deadline_ns;
}

static enum wk_status heads_init(struct heads *h, size_t wanted, struct wk_error *err) {
    enum wk_status status = wk_wave_init(&h->wave, h->store, wanted, err);
    if (status != WK_OK)
        return status;
    h->epochs = wk_alloc(h->store->env, WK_MEM_IO, h->wave.capacity * sizeof *h->epochs);
    if (h->epochs != NULL)
        return WK_OK;
    wk_wave_destroy(&h->wave);
    return wk_fail(err, WK_NO_MEMORY, "no memory to ask the object store");
}

static void heads_destroy(struct heads *h) {
    wk_release(h->store->env, WK_MEM_IO, h->epochs, h->wave.capacity * sizeof *h->epochs);
    wk_wave_destroy(&h->wave);
}

/* Prepares the HEAD of block `at`; false when its key cannot be spelled. */
static bool heads_add(struct heads *h, size_t at) {
    struct wk_store_key key = wk_block_key(h->space, &h->hashes[at]);
    uint64_t hash = wk_cache_hash(&h->store->cache, &key);
    struct wk_object_key *text = &h->wave.keys[h->wave.count];
    if (wk_object_key_block(h->store->s3_prefix, h->space->name, &h->hashes[at], text, NULL) !=
        WK_OK)
        return false;
    h->epochs[h->wave.count] = wk_epoch_read(&h->store->epochs, hash);
    wk_wave_add(&h->wave, WK_OBJECT_HEAD, at);
    return true;
}

static void heads_run(struct heads *h, uint32_t retries) {
    struct wk_wave_rule rule = {retries, heads_deadline, h};
    wk_count(&h->store->counters.probes, h->wave.count);
    wk_wave_run(&h->wave, &rule);
}

/* Learns from answer number `r`. Present, but known to be of another model, is absent for us. */
static enum head_answer heads_answer(struct heads *h, size_t r) {
    const struct wk_object_result *result = &h->wave.results[r];
    struct wk_store_key key = wk_block_key(h->space, &h->hashes[h->wave.item[r]]);
    uint64_t hash = wk_cache_hash(&h->store->cache, &key);
    if (result->class == WK_OBJECT_OK) {
        bool usable =
            wk_known_present(h->store, h->space, &key, hash, h->epochs[r], result->size_bytes);
        if (usable)
            wk_count(&h->store->counters.probe_found, 1);
        return usable ? HEAD_PRESENT : HEAD_ABSENT;
    }
    if (result->class != WK_OBJECT_ABSENT)
        return WK_PLANTED(36) ? HEAD_PRESENT : HEAD_FAILED; /* plant 36 */
    wk_known_remember_absent(h->store, &key, hash);
    return HEAD_ABSENT;
}

/* ---- lookup ---- */

/*
 * One window from block `from` on: blocks already in the index need no question, and the first one
 * that is known to be absent ends it.
 */
static size_t window_add(struct heads *h, size_t from, size_t count, size_t window) {
    uint64_t now = wk_now_ns(h->store->env);
    size_t at = from;
    wk_wave_clear(&h->wave);
    for (; at < count && h->wave.count < window && !wk_wave_full(&h->wave); at++) {
        struct wk_store_key key = wk_block_key(h->space, &h->hashes[at]);
        uint64_t hash = wk_cache_hash(&h->store->cache, &key);
        struct wk_node_info info;
        if (wk_radix_find(h->store->radix, h->space->own, &key.id, &info) == WK_OK &&
            (info.flags & (WK_NODE_PRESENT | WK_NODE_RESIDENT)) != 0)
            continue;
        if (known_absent(h->store, &key, hash, now) || !heads_add(h, at))
            break;
    }
    return at;
}

/* The place of the first block of the window that is not confirmed, or `end`. */
static size_t window_confirmed(struct heads *h, size_t end, bool *failed) {
    size_t first_hole = end;
    for (size_t r = 0; r < h->wave.count; r++) {
        enum head_answer answer = heads_answer(h, r);
        *failed |= answer == HEAD_FAILED;
        if (WK_PLANTED(15)) /* plant 15 */
            continue;
        if (answer != HEAD_PRESENT && h->wave.item[r] < first_hole)
            first_hole = h->wave.item[r];
    }
    return first_hole;
}

static size_t probe(struct heads *h, size_t matched, size_t count) {
    size_t window = 1;
    bool failed = false;
    while (matched < count && !failed) {
        size_t end = window_add(h, matched, count, window);
        if (h->wave.count == 0)
            return end;
        heads_run(h, 0);
        size_t confirmed = window_confirmed(h, end, &failed);
        bool whole = confirmed == end;
        matched = confirmed;
        uint64_t now = wk_now_ns(h->store->env);
        if (!whole || now >= h->deadline_ns)
            break;
        window = window == 1 ? WINDOW_FIRST : window * 2;
    }
    note_probe_outcome(h->store, failed);
    return matched;
}

static bool probe_wanted(struct wk_store *store, const struct wk_namespace *space,
                         const struct wk_block_hash *hash, uint64_t now_ns) {
    if (store->config.lookup_probe_ns == 0 || !wk_store_can(store, WK_OBJECTS_HEAD))
        return false;
    struct wk_store_key key = wk_block_key(space, hash);
    uint64_t key_hash = wk_cache_hash(&store->cache, &key);
    return !probe_rests(store, now_ns) && !known_absent(store, &key, key_hash, now_ns);
}

static size_t lookup_beyond(struct wk_store *store, const struct wk_namespace *space,
                            const struct wk_block_hash *hashes, size_t matched, size_t count) {
    uint64_t now = wk_now_ns(store->env);
    if (!probe_wanted(store, space, &hashes[matched], now))
        return matched;
    struct heads h = {.store = store, .space = space, .hashes = hashes};
    h.deadline_ns = wk_add_u64_clamped(now, store->config.lookup_probe_ns);
    /* No memory for the question is no reason to fail the lookup. */
    if (heads_init(&h, count - matched, NULL) != WK_OK)
        return matched;
    matched = probe(&h, matched, count);
    heads_destroy(&h);
    return matched;
}

enum wk_status wk_store_lookup(struct wk_backend *b, struct wk_span ns,
                               const struct wk_block_hash *hashes, size_t count,
                               size_t *out_matched, struct wk_error *err) {
    struct wk_store *store = wk_store_of(b);
    struct wk_namespace space;
    enum wk_status status = wk_store_space(store, ns, &space, err);
    if (status != WK_OK)
        return status;
    wk_count(&store->counters.lookup_calls, 1);
    size_t matched = wk_radix_longest_prefix(store->radix, space.own, hashes, count, NULL);
    if (matched < count)
        matched = lookup_beyond(store, &space, hashes, matched, count);
    uint32_t recency = wk_store_recency(store);
    wk_radix_touch(store->radix, space.own, hashes, matched, recency);
    wk_radix_link_chain(store->radix, space.own, hashes, matched);
    wk_store_space_done(store, &space);
    *out_matched = matched;
    return WK_OK;
}

/* ---- contains ---- */

/* From memory; false when the objects have to be asked. */
static bool contains_known(struct wk_store *store, const struct wk_namespace *space,
                           const struct wk_block_hash *hash, struct wk_block_result *result) {
    struct wk_store_key key = wk_block_key(space, hash);
    uint64_t key_hash = wk_cache_hash(&store->cache, &key);
    struct wk_node_info info;
    wk_store_answer_status(result, WK_MISS);
    wk_cache_lock(&store->cache, key_hash);
    const struct wk_entry *e = wk_cache_find_locked(&store->cache, &key, key_hash);
    if (e != NULL) {
        result->status = WK_OK;
        result->tier = WK_TIER_RAM;
        result->bytes.size = e->length;
        result->crc32c = e->crc32c;
    }
    wk_cache_unlock(&store->cache, key_hash);
    if (e != NULL)
        return true;
    if (wk_radix_find(store->radix, space->own, hash, &info) != WK_OK ||
        (info.flags & WK_NODE_PRESENT) == 0)
        return false;
    result->status = WK_OK;
    result->tier = WK_TIER_OBJECT;
    if ((info.flags & WK_NODE_SIZES) != 0)
        result->bytes.size = info.raw_bytes;
    return true;
}

static void contains_ask(struct heads *h, struct wk_block_result *results) {
    heads_run(h, h->store->config.retries);
    for (size_t r = 0; r < h->wave.count; r++) {
        struct wk_block_result *result = &results[h->wave.item[r]];
        enum head_answer answer = heads_answer(h, r);
        if (answer == HEAD_PRESENT) {
            result->status = WK_OK;
            result->tier = WK_TIER_OBJECT;
        } else if (answer == HEAD_FAILED) {
            /* Not to know is no miss: the caller might prefill, or put again, for nothing. */
            result->status = wk_object_class_status(h->wave.results[r].class);
        }
    }
    wk_wave_clear(&h->wave);
}

static enum wk_status contains_unknown(struct heads *h, size_t count, size_t unknown,
                                       struct wk_block_result *results, struct wk_error *err) {
    enum wk_status status = heads_init(h, unknown, err);
    if (status != WK_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        if (results[i].status == WK_OK || !heads_add(h, i))
            continue;
        if (wk_wave_full(&h->wave))
            contains_ask(h, results);
    }
    contains_ask(h, results);
    heads_destroy(h);
    return WK_OK;
}

enum wk_status wk_store_contains(struct wk_backend *b, struct wk_span ns,
                                 const struct wk_block_hash *hashes, size_t count,
                                 uint64_t deadline_ns, struct wk_block_result *results,
                                 struct wk_error *err) {
    struct wk_store *store = wk_store_of(b);
    struct wk_namespace space;
    enum wk_status status = wk_store_space(store, ns, &space, err);
    if (status != WK_OK)
        return status;
    size_t unknown = 0;
    for (size_t i = 0; i < count; i++)
        if (!contains_known(store, &space, &hashes[i], &results[i]))
            unknown++;
    if (unknown > 0 && wk_store_can(store, WK_OBJECTS_HEAD)) {
        struct heads h = {.store = store, .space = &space, .hashes = hashes};
        uint64_t now = wk_now_ns(store->env);
        h.deadline_ns = wk_store_deadline(now, 0, deadline_ns);
        status = contains_unknown(&h, count, unknown, results, err);
    }
    wk_store_space_done(store, &space);
    return status;
}
