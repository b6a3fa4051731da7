/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon asks of the store besides blocks and raw tails.
 *
 *     any key -> a block's: the block      a raw tail's: the tail      else: a value, as a tail is
 *
 * A value is known by its object key alone: "a" and "b/c" name what "a/b" and "c" do, and meet the
 * same cached bytes. Only blocks are in the index.
 */
#include "base/mark.h"
#include "base/num.h"
#include "base/text.h"
#include "store/fetch.h"
#include "store/known.h"
#include "store/wave.h"

/* An answer of the objects that is not older says enough about them. */
#define READY_FRESH_NS (5ull * WK_NS_PER_S)

/* ---- values ---- */

static enum wk_status name_value(struct wk_store *store, struct wk_span ns, struct wk_span key,
                                 struct wk_parsed_key *parsed, struct wk_named *out,
                                 struct wk_error *err) {
    enum wk_status status =
        wk_object_key_name(store->s3_prefix, ns, key, parsed, &out->object, err);
    if (status != WK_OK)
        return status;
    wk_store_name_done(out);
    wk_format(out->shown, sizeof out->shown, "%.*s", (int)key.size, (const char *)key.data);
    return WK_OK;
}

enum wk_status wk_store_get_value(struct wk_backend *b, struct wk_span ns, struct wk_span key,
                                  uint64_t deadline_ns, struct wk_block_result *out,
                                  struct wk_error *err) {
    struct wk_store *store = wk_store_of(b);
    struct wk_parsed_key parsed;
    struct wk_named named;
    wk_store_answer_status(out, WK_MISS);
    enum wk_status status = name_value(store, ns, key, &parsed, &named, err);
    if (status != WK_OK)
        return status;
    if (parsed.kind == WK_KEY_BLOCK)
        return wk_store_get(b, ns, &parsed.hash, 1, WK_GET_ALL, deadline_ns, out, err);
    return wk_store_get_named(store, &named, deadline_ns, out, err);
}

enum wk_status wk_store_put_value(struct wk_backend *b, struct wk_span ns, struct wk_span key,
                                  struct wk_span payload, struct wk_error *err) {
    struct wk_store *store = wk_store_of(b);
    struct wk_parsed_key parsed;
    struct wk_named named;
    enum wk_status status = name_value(store, ns, key, &parsed, &named, err);
    if (status != WK_OK)
        return status;
    if (parsed.kind == WK_KEY_BLOCK)
        return wk_store_put(b, ns, &parsed.hash, &payload, 1, err);
    return wk_store_put_named(store, &named, payload, err);
}

/* ---- exists ---- */

static uint64_t given_deadline(void *ctx) {
    return *(const uint64_t *)ctx;
}

/* One HEAD of an object key, with retries. */
static enum wk_object_class ask(struct wk_store *store, const struct wk_object_key *object,
                                uint64_t deadline_ns, struct wk_error *err) {
    struct wk_wave wave;
    struct wk_wave_rule rule = {store->config.retries, given_deadline, &deadline_ns};
    if (wk_wave_init(&wave, store, 1, err) != WK_OK)
        return WK_OBJECT_CANCELLED;
    wave.keys[0] = *object;
    wk_wave_add(&wave, WK_OBJECT_HEAD, 0);
    wk_wave_run(&wave, &rule);
    enum wk_object_class class = wave.results[0].class;
    if (class != WK_OBJECT_OK && class != WK_OBJECT_ABSENT)
        (void)wk_fail(err, wk_object_class_status(class), "object store error: %s",
                      wk_object_result_text(&wave.results[0]));
    wk_wave_destroy(&wave);
    return class;
}

static enum wk_status block_exists(struct wk_backend *b, struct wk_span ns,
                                   const struct wk_block_hash *hash, uint64_t deadline_ns,
                                   struct wk_error *err) {
    struct wk_block_result result;
    enum wk_status status = wk_store_contains(b, ns, hash, 1, deadline_ns, &result, err);
    if (status != WK_OK || result.status == WK_OK || result.status == WK_MISS)
        return status == WK_OK ? result.status : status;
    return wk_fail(err, result.status, "the object store did not tell whether the block is there");
}

/* Where there is no HEAD, by reading it. */
static enum wk_status named_exists(struct wk_store *store, const struct wk_named *named,
                                   uint64_t deadline_ns, struct wk_error *err) {
    if (!wk_store_can(store, WK_OBJECTS_HEAD)) {
        struct wk_block_result result;
        enum wk_status status = wk_store_get_named(store, named, deadline_ns, &result, err);
        if (status == WK_OK)
            store->backend.ops->release(&store->backend, &result, 1);
        return status;
    }
    uint64_t now = wk_now_ns(store->env);
    uint64_t deadline = wk_store_deadline(now, 0, deadline_ns);
    enum wk_object_class class = ask(store, &named->object, deadline, err);
    if (class == WK_OBJECT_CANCELLED)
        return WK_NO_MEMORY;
    return class == WK_OBJECT_OK ? WK_OK : wk_object_class_status(class);
}

enum wk_status wk_store_exists(struct wk_backend *b, struct wk_span ns, struct wk_span key,
                               uint64_t deadline_ns, struct wk_error *err) {
    struct wk_store *store = wk_store_of(b);
    struct wk_parsed_key parsed;
    struct wk_named named;
    enum wk_status status = name_value(store, ns, key, &parsed, &named, err);
    if (status != WK_OK)
        return status;
    if (parsed.kind == WK_KEY_BLOCK)
        return block_exists(b, ns, &parsed.hash, deadline_ns, err);
    uint64_t hash = wk_cache_hash(&store->cache, &named.key);
    uint64_t now = wk_now_ns(store->env);
    uint64_t fresh = now > store->config.tail_fresh_ns ? now - store->config.tail_fresh_ns : 0;
    struct wk_entry *e = wk_cache_pin(&store->cache, &named.key, hash, fresh);
    if (e == NULL)
        return named_exists(store, &named, deadline_ns, err);
    wk_entry_unpin(&store->cache, e);
    return WK_OK;
}

/* ---- list ---- */

struct listing {
    struct wk_span above; /* what every key begins with */
    bool (*each)(void *ctx, struct wk_span key);
    void *ctx;
};

static bool list_one(void *ctx, const struct wk_object_entry *entry) {
    const struct listing *l = ctx;
    struct wk_span key = wk_span_text(entry->key);
    if (key.size <= l->above.size || memcmp(key.data, l->above.data, l->above.size) != 0)
        return true; /* not what was asked for */
    return l->each(l->ctx, wk_span(key.data + l->above.size, key.size - l->above.size));
}

static enum wk_status list_below(struct wk_store *store, struct wk_span ns, const char *below,
                                 bool (*each)(void *ctx, const struct wk_object_entry *entry),
                                 void *ctx, uint64_t deadline_ns, struct wk_error *err) {
    char prefix[WK_OBJECT_KEY_BYTES_MAX + 1];
    if (!wk_store_can(store, WK_OBJECTS_LIST))
        return wk_fail(err, WK_UNAVAILABLE, "this object store cannot list its keys");
    wk_format(prefix, sizeof prefix, "%.*s/%.*s%s%s", (int)store->s3_prefix.size,
              (const char *)store->s3_prefix.data, (int)ns.size,
              ns.size == 0 ? "" : (const char *)ns.data, ns.size == 0 ? "" : "/", below);
    struct listing *l = ctx;
    l->above = wk_span(prefix, strlen(prefix) - strlen(below));
    uint64_t now = wk_now_ns(store->env);
    uint64_t limit = wk_add_u64_clamped(now, WK_LIST_NS_MAX);
    deadline_ns = wk_min_u64(deadline_ns, limit);
    enum wk_object_class class = wk_pace_list(store, prefix, each, ctx, deadline_ns, err);
    if (class == WK_OBJECT_OK)
        return WK_OK;
    enum wk_status status = wk_object_class_status(class);
    return status == WK_OK || status == WK_MISS ? WK_UNAVAILABLE : status;
}

enum wk_status wk_store_list(struct wk_backend *b, struct wk_span ns,
                             bool (*each)(void *ctx, struct wk_span key), void *ctx,
                             uint64_t deadline_ns, struct wk_error *err) {
    struct listing l = {.each = each, .ctx = ctx};
    enum wk_status status = wk_object_namespace_check(ns, err);
    if (status != WK_OK)
        return status;
    return list_below(wk_store_of(b), ns, "", list_one, &l, deadline_ns, err);
}

/* ---- clear ---- */

/* The epochs go first: what is on its way from the objects now is not cached any more. */
void wk_store_clear(struct wk_backend *b) {
    struct wk_store *store = wk_store_of(b);
    struct wk_arena_cursor cursor = {0, 0};
    for (size_t i = 0; i < WK_EPOCH_STRIPES; i++)
        wk_atomic_add_u64(&store->epochs.stripe[i], 1, WK_ACQ_REL, "epoch.stripe");
    wk_lock(store->env, &store->probe.mutex);
    memset(store->probe.negative, 0, sizeof store->probe.negative);
    wk_unlock(store->env, &store->probe.mutex);
    for (;;) {
        struct wk_entry *entry = wk_cache_pin_next(&store->cache, &cursor);
        if (entry == NULL)
            return;
        wk_count(&store->counters.cleared, wk_known_drop(store, entry));
        wk_entry_unpin(&store->cache, entry);
    }
}

/* ---- restore ---- */

struct restore {
    struct listing listing; /* first */
    struct wk_store *store;
    struct wk_block_hash *hashes;
    size_t count;
    size_t capacity;
    uint64_t bytes; /* stored */
};

static bool restore_one(void *ctx, const struct wk_object_entry *entry) {
    struct restore *r = ctx;
    struct wk_span key = wk_span_text(entry->key);
    struct wk_parsed_key parsed;
    struct wk_span ns = wk_span(r->listing.above.data + r->store->s3_prefix.size + 1,
                                r->listing.above.size - r->store->s3_prefix.size - 1);
    if (ns.size > 0)
        ns.size--; /* its slash */
    if (!wk_object_key_parse(r->store->s3_prefix, ns, key, &parsed) || parsed.kind != WK_KEY_BLOCK)
        return true;
    r->hashes[r->count++] = parsed.hash;
    r->bytes += entry->size_bytes;
    return r->count < r->capacity && r->bytes < r->store->config.ram_bytes;
}

/* One wave; what it holds of the budget is let go of again, but stays cached. */
static enum wk_status restore_wave(struct restore *r, struct wk_span ns, size_t from, size_t count,
                                   uint64_t deadline_ns, struct wk_block_result *results,
                                   uint64_t *out_count, uint64_t *bytes, struct wk_error *err) {
    struct wk_backend *b = &r->store->backend;
    enum wk_status status =
        wk_store_get(b, ns, &r->hashes[from], count, WK_GET_PARTIAL, deadline_ns, results, err);
    if (status != WK_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        *out_count += results[i].status == WK_OK;
        *bytes += results[i].status == WK_OK ? results[i].bytes.size : 0;
        if (results[i].status != WK_OK && results[i].status != WK_MISS && status == WK_OK)
            status = results[i].status;
    }
    b->ops->release(b, results, count);
    return status;
}

static enum wk_status restore_all(struct restore *r, struct wk_span ns, uint64_t deadline_ns,
                                  uint64_t *out_count, struct wk_error *err) {
    struct wk_block_result results[WK_WAVE_REQUESTS_MAX];
    uint64_t bytes = 0;
    enum wk_status status = WK_OK;
    size_t step = r->store->parallel < WK_WAVE_REQUESTS_MAX ? r->store->parallel : 1;
    for (size_t at = 0; at < r->count && status == WK_OK; at += step) {
        size_t count = step < r->count - at ? step : r->count - at;
        if (bytes >= r->store->config.ram_bytes)
            break;
        status = restore_wave(r, ns, at, count, deadline_ns, results, out_count, &bytes, err);
    }
    return status;
}

enum wk_status wk_store_restore(struct wk_backend *b, struct wk_span ns, uint64_t deadline_ns,
                                uint64_t *out_count, struct wk_error *err) {
    struct wk_store *store = wk_store_of(b);
    struct restore r = {.store = store, .capacity = WK_BATCH_BLOCKS_MAX};
    uint64_t count = 0;
    enum wk_status status = wk_object_namespace_check(ns, err);
    if (status != WK_OK)
        return status;
    r.hashes = wk_alloc(store->env, WK_MEM_IO, r.capacity * sizeof *r.hashes);
    if (r.hashes == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for the keys of a namespace");
    status = list_below(store, ns, WK_BLOCK_KEY_PREFIX, restore_one, &r, deadline_ns, err);
    if (status == WK_OK)
        status = restore_all(&r, ns, deadline_ns, &count, err);
    wk_release(store->env, WK_MEM_IO, r.hashes, r.capacity * sizeof *r.hashes);
    if (status == WK_OK)
        *out_count = count;
    return status;
}

/* ---- ready ---- */

enum wk_status wk_store_ready(struct wk_backend *b, uint64_t deadline_ns, struct wk_error *err) {
    static const char probe[] = "wombatkv/v1/ready";
    struct wk_store *store = wk_store_of(b);
    struct wk_object_key object;
    struct wk_pace_outcome last;
    uint64_t now = wk_now_ns(store->env);
    wk_pace_outcome(&store->pace, &last);
    if (last.answered_ns != 0 && last.answered_ns >= last.failed_ns &&
        now - last.answered_ns < READY_FRESH_NS)
        return WK_OK;
    if (!wk_store_can(store, WK_OBJECTS_HEAD)) {
        if (last.answered_ns >= last.failed_ns) /* nothing has failed since it was opened */
            return WK_OK;
        return wk_fail(err, wk_object_class_status(last.failed_class),
                       "the last request on the object store failed");
    }
    enum wk_status status = wk_object_key_relative(store->s3_prefix, wk_span(NULL, 0),
                                                   wk_span_text(probe), &object, err);
    if (status != WK_OK)
        return status;
    enum wk_object_class class = ask(store, &object, deadline_ns, err);
    if (class == WK_OBJECT_OK || class == WK_OBJECT_ABSENT)
        return WK_OK;
    status = wk_object_class_status(class);
    return status == WK_OK || status == WK_MISS ? WK_UNAVAILABLE : status;
}
