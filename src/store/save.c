/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nothing is visible before everything is stored: the windows only talk to the objects; cache and
 * index learn of the batch in publish_all. A batch that fails leaves what it sent with an unknown
 * outcome: cached values of these keys are dropped, nothing new is indexed.
 *
 * A block is skipped only when a HEAD in this very call shows the ETag of our own PUT of the same
 * (length, XXH3-128). Sending a PUT first erases that knowledge, and only a PUT with a certain
 * outcome writes it anew.
 */
#include "store/save.h"

#include "base/mark.h"
#include "base/num.h"
#include "base/text.h"
#include "codec/body.h"
#include "hash/crc32c.h"
#include "store/known.h"
#include "store/wave.h"

struct save_item {
    struct wk_store_key key;
    struct wk_span body; /* what is sent: the payload, or the encoded body in the window */
    uint32_t crc32c;     /* of the payload */
    uint32_t body_crc32c;
    bool sent;
    bool stored_already;
    bool published;
    struct wk_hash128 identity;
    uint64_t stored_bytes;
    uint64_t etag_hash; /* with HAS_ETAG */
    bool has_etag;
};

struct save {
    const struct wk_save_call *call;
    struct wk_store *store;
    struct save_item *items;
    struct wk_turns_node *nodes;
    struct wk_turns_batch turn;
    struct wk_wave wave;
    void *work;
    size_t work_bytes;
    struct wk_body_policy policy;
    uint8_t *window; /* encoded bodies; mapped when the first one comes */
    size_t window_bytes;
    size_t window_used;
    uint64_t start_ns;
    uint64_t wave_start_ns;
    uint64_t deadline_ns;
    uint64_t payload_bytes_max;
    struct wk_etag tail_etag;
    struct wk_etag expected; /* a tail's PUT replaces this; length 0: nothing is there */
    uint32_t conditions;     /* how many conditional PUTs the tail may have yet */
    struct wk_error *err;
};

/* Of a wave, and not after that of the call: see fetch.c. A HEAD carries no bytes. */
static uint64_t wave_deadline(void *ctx) {
    const struct save *s = ctx;
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->wave.count; i++)
        bytes += s->items[s->wave.item[i]].body.size;
    return wk_store_deadline(s->wave_start_ns, bytes, s->deadline_ns);
}

static uint64_t hash_etag(const struct wk_etag *etag) {
    return wk_xxh3_64(etag->text, etag->length, 0);
}

/* "put_kv <relative key>: object store error: <why>" */
static enum wk_status save_fail(struct save *s, size_t i, enum wk_status status, const char *text) {
    char id[WK_HASH_HEX_CHARS + 1];
    if (s->call->kind == WK_ENTRY_TAIL)
        return wk_fail(s->err, status, "put_kv %s: object store error: %s", s->call->named->shown,
                       text);
    wk_hex_encode(wk_span(s->items[i].key.id.bytes, WK_HASH_BYTES), id);
    return wk_fail(s->err, status, "put_kv %s%s: object store error: %s", WK_BLOCK_KEY_PREFIX, id,
                   text);
}

static enum wk_status add_request(struct save *s, size_t i, enum wk_object_verb verb,
                                  struct wk_object_request **out) {
    const struct wk_save_call *call = s->call;
    struct wk_object_key *key = &s->wave.keys[s->wave.count];
    enum wk_status status = WK_OK;
    if (call->kind == WK_ENTRY_BLOCK)
        status = wk_object_key_block(s->store->s3_prefix, call->space.name, &call->hashes[i], key,
                                     s->err);
    else
        *key = call->named->object;
    if (status == WK_OK)
        *out = wk_wave_add(&s->wave, verb, i);
    return status;
}

/* ---- what is stored already ---- */

static bool dedupes(const struct save *s) {
    return s->call->kind == WK_ENTRY_BLOCK &&
           wk_store_can(s->store, WK_OBJECTS_ETAG | WK_OBJECTS_HEAD);
}

static void measure(struct save *s, size_t i) {
    struct wk_span payload = s->call->payloads[i];
    s->items[i].crc32c = wk_crc32c(payload.data, payload.size);
    if (dedupes(s))
        s->items[i].identity = wk_xxh3_128(payload.data, payload.size);
}

/* True when our last PUT of this key had these bytes, and what its ETag was. */
static bool own_put_matches(const struct save *s, size_t i, uint64_t *etag_hash,
                            uint64_t *stored_bytes) {
    const struct save_item *it = &s->items[i];
    struct wk_node_info info;
    const uint32_t need = WK_NODE_IDENTITY | WK_NODE_SIZES;
    if (wk_radix_find(s->store->radix, it->key.space, &it->key.id, &info) != WK_OK)
        return false;
    *etag_hash = info.etag_hash;
    *stored_bytes = info.stored_bytes;
    return (info.flags & need) == need && info.raw_bytes == s->call->payloads[i].size &&
           info.identity.low == it->identity.low && info.identity.high == it->identity.high;
}

static void confirm(struct save *s, size_t i, const struct wk_object_result *result) {
    struct save_item *it = &s->items[i];
    uint64_t etag_hash;
    uint64_t stored_bytes;
    bool there = result->class == WK_OBJECT_OK && result->etag.length != 0;
    if (!there && !WK_PLANTED(4)) /* plant 4 */
        return;
    if (!own_put_matches(s, i, &etag_hash, &stored_bytes) ||
        (etag_hash != hash_etag(&result->etag) && !WK_PLANTED(4))) {
        WK_MARK("save.replaced_by_other");
        return;
    }
    WK_MARK("save.deduped");
    it->stored_already = it->has_etag = true;
    it->etag_hash = etag_hash;
    it->stored_bytes = stored_bytes;
}

/* A HEAD that fails only means that the block is sent. */
static enum wk_status confirm_stored(struct save *s, size_t from, size_t to) {
    uint64_t etag_hash;
    uint64_t stored_bytes;
    if (!dedupes(s))
        return WK_OK;
    for (size_t i = from; i < to; i++) {
        struct wk_object_request *ignored;
        if (s->nodes[i].repeated || !own_put_matches(s, i, &etag_hash, &stored_bytes))
            continue;
        enum wk_status status = add_request(s, i, WK_OBJECT_HEAD, &ignored);
        if (status != WK_OK)
            return status;
    }
    struct wk_wave_rule rule = {0, wave_deadline, s};
    s->wave_start_ns = wk_now_ns(s->store->env);
    wk_wave_run(&s->wave, &rule);
    for (size_t i = 0; i < s->wave.count; i++)
        confirm(s, s->wave.item[i], &s->wave.results[i]);
    wk_wave_clear(&s->wave);
    return WK_OK;
}

/* ---- sending ---- */

static void settle_put(struct save *s, size_t i, const struct wk_object_result *result) {
    struct save_item *it = &s->items[i];
    it->stored_bytes = it->body.size;
    it->has_etag = result->etag.length != 0 && wk_store_can(s->store, WK_OBJECTS_ETAG);
    if (it->has_etag)
        it->etag_hash = hash_etag(&result->etag);
    s->tail_etag = result->etag;
    if (!it->has_etag)
        s->tail_etag.length = 0;
    wk_count(&s->store->counters.put_stored_bytes, it->stored_bytes);
}

static void run_wave(struct save *s) {
    struct wk_wave_rule rule = {s->store->config.retries, wave_deadline, s};
    s->wave_start_ns = wk_now_ns(s->store->env);
    wk_wave_run(&s->wave, &rule);
}

/* ---- a tail's condition ---- */

/*
 * A tail is overwritten, and a try whose answer was lost may take effect long after a newer put of
 * the same tail. So each PUT of a tail names what it replaces: what comes late is refused then.
 *
 *     PUT if it is what we know -> refused: HEAD -> our own bytes: an earlier try took effect, done
 *                                                -> other bytes, or none: PUT if it is still that
 *
 * Somebody else's bytes are replaced, as without a condition: the last put counts. Against many
 * writers the last try goes without.
 */
#define CONDITIONS_MAX 3u

static void expect_cached(struct save *s) {
    const uint32_t need = WK_OBJECTS_CONDITIONAL | WK_OBJECTS_ETAG | WK_OBJECTS_HEAD;
    if (s->call->kind != WK_ENTRY_TAIL || !wk_store_can(s->store, need))
        return;
    s->conditions = CONDITIONS_MAX;
    struct wk_cache *cache = &s->store->cache;
    struct wk_entry *e = wk_cache_pin(cache, &s->call->named->key, s->nodes[0].hash, 0);
    if (e == NULL)
        return;
    s->expected = *wk_entry_etag(e);
    wk_entry_unpin(cache, e);
}

static void set_condition(struct save *s, struct wk_object_request *request) {
    if (s->conditions == 0)
        return;
    s->conditions--;
    request->if_absent = s->expected.length == 0;
    request->if_match = s->expected.length == 0 ? NULL : &s->expected;
}

static bool was_refused(const struct save *s) {
    const struct wk_object_request *request = &s->wave.requests[0];
    enum wk_object_class class = s->wave.results[0].class;
    if (!request->if_absent && request->if_match == NULL)
        return false;
    return class == WK_OBJECT_PRECONDITION_FAILED || class == WK_OBJECT_CONFLICT ||
           class == WK_OBJECT_ABSENT || class == WK_OBJECT_INVALID;
}

static bool is_own_body(const struct save *s, const struct wk_object_result *there) {
    const struct save_item *it = &s->items[0];
    return there->has_crc32c && there->size_bytes == it->body.size &&
           there->crc32c == it->body_crc32c;
}

static void put_again(struct save *s) {
    struct wk_object_request *request;
    wk_wave_clear(&s->wave);
    if (add_request(s, 0, WK_OBJECT_PUT, &request) != WK_OK)
        return;
    request->body = &s->items[0].body;
    request->body_count = 1;
    request->body_crc32c = s->items[0].body_crc32c;
    set_condition(s, request);
    run_wave(s);
}

/* False: the answer in the wave counts. */
static bool contest_once(struct save *s) {
    struct wk_object_request *ignored;
    if (s->wave.results[0].class == WK_OBJECT_INVALID) { /* perhaps for its condition */
        s->conditions = 0;
        put_again(s);
        return true;
    }
    wk_wave_clear(&s->wave);
    if (add_request(s, 0, WK_OBJECT_HEAD, &ignored) != WK_OK)
        return false;
    run_wave(s);
    const struct wk_object_result *there = &s->wave.results[0];
    if (there->class == WK_OBJECT_OK && (is_own_body(s, there) || WK_PLANTED(34))) { /* plant 34 */
        WK_MARK("save.own_put_confirmed");
        wk_count(&s->store->counters.put_own_confirmed, 1);
        return false;
    }
    if (there->class != WK_OBJECT_OK && there->class != WK_OBJECT_ABSENT)
        return false;
    WK_MARK("save.contested");
    wk_count(&s->store->counters.put_contested, 1);
    s->expected = there->etag; /* of length 0 when nothing is there */
    if (there->class == WK_OBJECT_OK && s->expected.length == 0)
        s->conditions = 0;
    put_again(s);
    return true;
}

static void contest(struct save *s) {
    while (s->call->kind == WK_ENTRY_TAIL && was_refused(s) && !WK_PLANTED(33)) /* plant 33 */
        if (!contest_once(s))
            return;
}

/* Sends what has been prepared; the window is free afterwards. */
static enum wk_status send_prepared(struct save *s) {
    enum wk_status status = WK_OK;
    run_wave(s);
    contest(s);
    for (size_t r = 0; r < s->wave.count; r++) {
        const struct wk_object_result *result = &s->wave.results[r];
        size_t i = s->wave.item[r];
        if (result->class == WK_OBJECT_OK ||
            (WK_PLANTED(7) && wk_object_class_retryable(result->class))) { /* plant 7 */
            settle_put(s, i, result);
        } else if (status == WK_OK) {
            status = wk_object_class_status(result->class);
            /* A PUT has no misses: whatever is left over here is an outcome nobody knows. */
            if (status == WK_OK || status == WK_MISS)
                status = WK_UNAVAILABLE;
            status = save_fail(s, i, status, wk_object_result_text(result));
        }
    }
    wk_wave_clear(&s->wave);
    s->window_used = 0;
    return status;
}

static enum wk_status window_open(struct save *s) {
    size_t largest = wk_body_encoded_bytes_max(s->payload_bytes_max);
    size_t most = largest;
    for (size_t i = 0; i < s->call->count && most < WK_SAVE_WINDOW_BYTES; i++)
        most += wk_body_encoded_bytes_max(s->call->payloads[i].size);
    size_t bytes = most < WK_SAVE_WINDOW_BYTES ? most : WK_SAVE_WINDOW_BYTES;
    if (bytes < largest)
        bytes = largest;
    s->window = s->store->env->mem->map(s->store->env, WK_MEM_IO, bytes);
    if (s->window == NULL)
        return wk_fail(s->err, WK_NO_MEMORY, "no memory to encode blocks");
    s->window_bytes = bytes;
    return WK_OK;
}

static enum wk_status encode(struct save *s, size_t i) {
    struct save_item *it = &s->items[i];
    struct wk_span payload = s->call->payloads[i];
    size_t most = wk_body_encoded_bytes_max(payload.size);
    size_t size;
    enum wk_status status = s->window == NULL ? window_open(s) : WK_OK;
    if (status == WK_OK && most > s->window_bytes - s->window_used)
        status = send_prepared(s);
    if (status != WK_OK)
        return status;
    struct wk_span_mut to = {s->window + s->window_used, most};
    status = wk_body_encode(payload, &s->policy, s->work, s->work_bytes, to, &size, s->err);
    if (status != WK_OK)
        return status;
    it->body = wk_span(to.data, size);
    s->window_used += size;
    return WK_OK;
}

static enum wk_status prepare_put(struct save *s, size_t i) {
    struct save_item *it = &s->items[i];
    struct wk_object_request *request;
    enum wk_status status = WK_OK;
    uint32_t crc = it->crc32c;
    it->body = s->call->payloads[i];
    if (wk_body_wants_wrap(it->body, &s->policy, s->work, s->work_bytes)) {
        status = encode(s, i);
        if (status == WK_OK && wk_store_can(s->store, WK_OBJECTS_CHECKSUM))
            crc = wk_crc32c(it->body.data, it->body.size);
    }
    if (status == WK_OK)
        status = add_request(s, i, WK_OBJECT_PUT, &request);
    if (status != WK_OK)
        return status;
    request->body = &it->body;
    request->body_count = 1;
    request->body_crc32c = it->body_crc32c = crc;
    set_condition(s, request);
    wk_known_put_sent(s->store, &it->key, s->nodes[i].hash);
    it->sent = true;
    return WK_OK;
}

static enum wk_status save_window(struct save *s, size_t from, size_t to) {
    for (size_t i = from; i < to; i++)
        if (!s->nodes[i].repeated)
            measure(s, i);
    enum wk_status status = confirm_stored(s, from, to);
    for (size_t i = from; i < to && status == WK_OK; i++)
        if (!s->nodes[i].repeated && !s->items[i].stored_already)
            status = prepare_put(s, i);
    if (status == WK_OK)
        return send_prepared(s);
    /* Prepared but not sent: nothing happened to these. */
    for (size_t r = 0; r < s->wave.count; r++)
        s->items[s->wave.item[r]].sent = false;
    wk_wave_clear(&s->wave);
    return status;
}

static enum wk_status save_windows(struct save *s) {
    enum wk_status status = WK_OK;
    for (size_t at = 0; at < s->call->count && status == WK_OK;) {
        size_t to = at + s->wave.capacity < s->call->count ? at + s->wave.capacity : s->call->count;
        status = save_window(s, at, to);
        at = to;
    }
    return status;
}

/* ---- outcome ---- */

/* The same bytes are in the cache: then they need not be copied again. */
static bool cached_already(struct save *s, size_t i) {
    const struct save_item *it = &s->items[i];
    uint64_t hash = s->nodes[i].hash;
    wk_cache_lock(&s->store->cache, hash);
    struct wk_entry *e = wk_cache_find_locked(&s->store->cache, &it->key, hash);
    bool same = e != NULL && e->length == s->call->payloads[i].size && e->crc32c == it->crc32c;
    wk_cache_unlock(&s->store->cache, hash);
    return same;
}

/* A copy for the cache; NULL when the budget has no room, which is no failure. */
static struct wk_entry *cache_copy(struct save *s, size_t i) {
    struct wk_span payload = s->call->payloads[i];
    bool tail = s->call->kind == WK_ENTRY_TAIL;
    struct wk_entry *e =
        wk_arena_reserve(&s->store->cache.arena, payload.size + (tail ? WK_ENTRY_TAIL_EXTRA : 0));
    if (e == NULL)
        return NULL;
    if (payload.size != 0)
        memcpy(e->bytes, payload.data, payload.size);
    e->length = payload.size;
    e->crc32c = s->items[i].crc32c;
    if (tail) {
        *wk_entry_etag(e) = s->tail_etag;
        e->fetched_ns = s->start_ns;
    }
    return e;
}

static enum wk_status publish(struct save *s, size_t i) {
    struct save_item *it = &s->items[i];
    struct wk_put_outcome outcome = {0};
    outcome.info.flags = WK_NODE_PRESENT | WK_NODE_SIZES | WK_NODE_CHECKSUM;
    outcome.info.recency = wk_store_recency(s->store);
    outcome.info.raw_bytes = s->call->payloads[i].size;
    outcome.info.stored_bytes = it->stored_bytes;
    outcome.info.crc32c = it->crc32c;
    if (it->has_etag && dedupes(s)) {
        outcome.info.flags |= WK_NODE_IDENTITY;
        outcome.info.identity = it->identity;
        outcome.info.etag_hash = it->etag_hash;
    }
    outcome.keep_cached = it->stored_already && cached_already(s, i);
    if (!outcome.keep_cached)
        outcome.entry = cache_copy(s, i);
    it->published = true;
    return wk_known_put_done(s->store, &it->key, s->nodes[i].hash, &outcome);
}

static enum wk_status publish_all(struct save *s) {
    struct wk_counters *c = &s->store->counters;
    for (size_t i = 0; i < s->call->count; i++) {
        if (s->nodes[i].repeated)
            continue;
        if (publish(s, i) != WK_OK)
            return wk_fail(s->err, WK_NO_MEMORY, "no memory to index a block");
        wk_count(&c->put_blocks, 1);
        wk_count(&c->put_bytes, s->call->payloads[i].size);
        wk_count(&c->put_deduped, s->items[i].stored_already);
    }
    if (s->call->kind == WK_ENTRY_BLOCK)
        wk_radix_link_chain(s->store->radix, s->call->space.own, s->call->hashes, s->call->count);
    return WK_OK;
}

static void undo_all(struct save *s) {
    WK_MARK("save.failed");
    wk_count(&s->store->counters.put_failed, 1);
    for (size_t i = 0; i < s->call->count; i++) {
        if (s->nodes[i].repeated)
            continue;
        bool sent = s->items[i].sent && !WK_PLANTED(32); /* plant 32 */
        wk_known_put_failed(s->store, &s->items[i].key, s->nodes[i].hash, sent,
                            s->items[i].published);
        if (WK_PLANTED(5)) /* plant 5 */
            (void)publish(s, i);
    }
}

/* ---- the whole ---- */

static void fill_items(struct save *s) {
    for (size_t i = 0; i < s->call->count; i++) {
        struct save_item *it = &s->items[i];
        it->key = s->call->kind == WK_ENTRY_BLOCK
                      ? wk_block_key(&s->call->space, &s->call->hashes[i])
                      : s->call->named->key;
        s->nodes[i].key = &it->key;
        s->nodes[i].hash = wk_cache_hash(&s->store->cache, &it->key);
    }
    s->turn.nodes = s->nodes;
    s->turn.count = s->call->count;
}

static enum wk_status run_in_turn(struct save *s) {
    enum wk_status status = wk_turns_enter(&s->store->turns, &s->turn, s->deadline_ns);
    if (status != WK_OK)
        return wk_fail(s->err, status, "put_kv: an earlier put of the same block did not end");
    for (size_t i = 0; i < s->call->count; i++)
        if (!s->nodes[i].repeated)
            wk_known_put_begins(s->store, s->nodes[i].hash);
    expect_cached(s);
    status = save_windows(s);
    if (status == WK_OK)
        status = publish_all(s);
    if (status != WK_OK)
        undo_all(s);
    wk_turns_leave(&s->store->turns, &s->turn);
    return status;
}

static void set_up(struct save *s) {
    struct wk_store *store = s->store;
    uint64_t bytes = 0;
    for (size_t i = 0; i < s->call->count; i++) {
        uint64_t size = s->call->payloads[i].size;
        bytes += size;
        s->payload_bytes_max = wk_max_u64(s->payload_bytes_max, size);
    }
    s->start_ns = wk_now_ns(store->env);
    s->deadline_ns = wk_store_deadline(s->start_ns, bytes, WK_FOREVER);
    s->policy.level = store->config.compress_level;
    s->policy.must_checksum = !wk_store_can(store, WK_OBJECTS_CHECKSUM);
    s->policy.stated = store->config.reuse;
    int level = s->policy.level > 0 ? s->policy.level : 1;
    s->work_bytes = wk_body_work_bytes(level, s->payload_bytes_max);
}

enum wk_status wk_save(const struct wk_save_call *call, struct wk_error *err) {
    struct save s = {.call = call, .store = call->store, .err = err};
    struct wk_env *env = call->store->env;
    size_t item_bytes;
    size_t node_bytes;
    if (!wk_mul_size(call->count, sizeof *s.items, &item_bytes) ||
        !wk_mul_size(call->count, sizeof *s.nodes, &node_bytes))
        return wk_fail(err, WK_TOO_LARGE, "too many blocks in one call");
    set_up(&s);
    s.items = wk_alloc(env, WK_MEM_IO, item_bytes);
    s.nodes = wk_alloc(env, WK_MEM_IO, node_bytes);
    s.work = wk_alloc(env, WK_MEM_IO, s.work_bytes);
    enum wk_status status = WK_NO_MEMORY;
    if (s.items == NULL || s.work == NULL || (s.nodes == NULL && !WK_PLANTED(18))) /* plant 18 */
        wk_fail(err, WK_NO_MEMORY, "no memory to store %zu blocks", call->count);
    else
        status = wk_wave_init(&s.wave, call->store, call->count, err);
    if (status == WK_OK) {
        memset(s.items, 0, item_bytes);
        memset(s.nodes, 0, node_bytes);
        fill_items(&s);
        status = run_in_turn(&s);
    }
    wk_wave_destroy(&s.wave);
    if (s.window != NULL)
        env->mem->unmap(env, WK_MEM_IO, s.window, s.window_bytes);
    wk_release(env, WK_MEM_IO, s.work, s.work_bytes);
    wk_release(env, WK_MEM_IO, s.nodes, node_bytes);
    wk_release(env, WK_MEM_IO, s.items, item_bytes);
    return status;
}
