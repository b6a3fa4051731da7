/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One item per value that is missing. What happens to it:
 *
 *     OPEN -claim-> LED -wave, settle-> DONE
 *              \--> JOINED -wait-> DONE, or OPEN again when the leader gave up for its own reasons
 *
 * Where the bytes land: in the slot that will be the value, when the announced size is what the
 * index knows as the payload's; otherwise in room of the announced size. If the body turns out to
 * be verbatim that room is the value; if it is wrapped it is decoded into the value's slot.
 */
#include "store/fetch.h"

#include "base/mark.h"
#include "base/num.h"
#include "base/text.h"
#include "codec/body.h"
#include "hash/crc32c.h"
#include "store/known.h"
#include "store/wave.h"

/* From this round on an item no longer relies on the flights of others. */
#define ROUNDS_JOINING 2u
/* Up to this round an absence that a put may have overtaken is asked about again. */
#define ROUNDS_ASKING 3u

enum item_state { ITEM_OPEN, ITEM_LED, ITEM_JOINED, ITEM_DONE };

struct fetch;

struct item {
    struct fetch *fetch;
    size_t at; /* in results */
    enum item_state state;
    enum wk_status refused; /* why the sink refused the body; WK_OK: it did not */
    struct wk_store_key key;
    uint64_t hash;
    struct wk_flight *flight;
    struct wk_entry *value; /* room for the payload, private, or NULL */
    struct wk_entry *land;  /* where the body is; may be `value` */
    uint64_t expected_bytes;
    uint64_t announced_bytes;
};

struct fetch {
    const struct wk_fetch_call *call;
    struct wk_store *store;
    struct item *items;
    size_t count;
    struct wk_wave wave;
    void *work; /* of the decoder; made when the first wrapped body comes */
    size_t work_bytes;
    uint64_t start_ns;
    uint64_t wave_start_ns;
    struct wk_etag etag; /* of call->stale */
    struct wk_error *err;
    uint32_t round;
    size_t failed_at; /* whose text `err` has; SIZE_MAX: none */
    bool stop;        /* mode ALL and one is a miss: the rest need not be asked */
};

/* ---- results ---- */

static void item_done(struct item *it, enum wk_status status) {
    it->state = ITEM_DONE;
    wk_store_answer_status(&it->fetch->call->results[it->at], status);
    if (status != WK_OK && it->fetch->call->mode == WK_GET_ALL)
        it->fetch->stop = true;
}

static void item_answer(struct item *it, struct wk_entry *entry, enum wk_tier tier) {
    it->state = ITEM_DONE;
    wk_store_answer(&it->fetch->call->results[it->at], entry, tier);
}

/* The first in the order of the results has its text kept. */
static void item_failed(struct item *it, enum wk_status status, const char *text) {
    struct fetch *f = it->fetch;
    char id[WK_HASH_HEX_CHARS + 1];
    item_done(it, status);
    wk_count(&f->store->counters.get_failed, 1);
    if (it->at >= f->failed_at)
        return;
    f->failed_at = it->at;
    wk_hex_encode(wk_span(it->key.id.bytes, WK_HASH_BYTES), id);
    if (it->key.kind == WK_ENTRY_BLOCK)
        wk_fail(f->err, status, "get_kv block %s: object store error: %s", id, text);
    else
        wk_fail(f->err, status, "get_kv %s: object store error: %s", f->call->named->shown, text);
}

static void item_drop_room(struct item *it) {
    struct wk_cache *cache = &it->fetch->store->cache;
    if (it->land != NULL && it->land != it->value)
        wk_entry_unpin(cache, it->land);
    if (it->value != NULL)
        wk_entry_unpin(cache, it->value);
    it->land = it->value = NULL;
}

/* Answers that say something about the object hold for everybody who waits for it. */
static bool status_is_final(enum wk_status status) {
    return status != WK_TIMEOUT && status != WK_NO_MEMORY && status != WK_INTERNAL;
}

static void item_land_flight(struct item *it, enum wk_status status, bool final,
                             struct wk_entry *entry, const char *text) {
    wk_flight_finish(&it->fetch->store->flights, it->flight, status, final, entry, text);
    it->flight = NULL;
}

/* ---- room ---- */

/* Behind a tail's bytes there is room for its ETag. */
static struct wk_entry *room_for(struct fetch *f, uint64_t size) {
    uint64_t extra = f->call->kind == WK_ENTRY_TAIL ? WK_ENTRY_TAIL_EXTRA : 0;
    struct wk_entry *e = wk_cache_room(&f->store->cache, size + extra);
    if (e != NULL)
        e->length = size;
    return e;
}

/* The sink: on any thread, for one item at a time. A repetition may announce another size. */
static void *sink_reserve(void *ctx, uint64_t size) {
    struct item *it = ctx;
    struct fetch *f = it->fetch;
    it->announced_bytes = size;
    if (size > WK_BODY_BYTES_MAX) {
        it->refused = WK_CORRUPT;
        return NULL;
    }
    if (it->land != NULL && it->land != it->value)
        wk_entry_unpin(&f->store->cache, it->land);
    it->land = NULL;
    if (it->value != NULL && it->value->length == size)
        it->land = it->value;
    else
        it->land = room_for(f, size);
    it->refused = it->land == NULL ? WK_NO_MEMORY : WK_OK;
    return it->land == NULL ? NULL : it->land->bytes;
}

/* ---- bodies ---- */

static enum wk_status decode_work(struct fetch *f) {
    if (f->work != NULL)
        return WK_OK;
    f->work_bytes = wk_body_decode_work_bytes();
    f->work = wk_alloc(f->store->env, WK_MEM_IO, f->work_bytes);
    return f->work == NULL ? WK_NO_MEMORY : WK_OK;
}

static enum wk_status body_unwrap(struct item *it, struct wk_span body,
                                  const struct wk_body_info *info, struct wk_error *err) {
    struct fetch *f = it->fetch;
    if (it->value == it->land)
        it->value = NULL; /* the guess was wrong: what landed there is a body */
    if (it->value != NULL && it->value->length != info->raw_bytes) {
        wk_entry_unpin(&f->store->cache, it->value);
        it->value = NULL;
    }
    if (it->value == NULL)
        it->value = room_for(f, info->raw_bytes);
    if (it->value == NULL || decode_work(f) != WK_OK)
        return wk_fail(err, WK_NO_MEMORY, "no memory to decode a block");
    struct wk_span_mut to = {it->value->bytes, it->value->length};
    return wk_body_decode(body, info, f->work, f->work_bytes, to, err);
}

static void body_verbatim(struct item *it) {
    if (it->value != NULL && it->value != it->land)
        wk_entry_unpin(&it->fetch->store->cache, it->value);
    it->value = it->land;
}

/* A body of no bytes may come without a call of the sink. */
static enum wk_status body_check_landed(struct item *it, const struct wk_object_result *result,
                                        struct wk_error *err) {
    if (it->land == NULL && result->size_bytes == 0 && sink_reserve(it, 0) == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for a block");
    if (it->land == NULL || it->land->length != result->size_bytes)
        return wk_fail(err, WK_CORRUPT, "the body is not as long as announced");
    return WK_OK;
}

/*
 * From a landed body to a verified payload in it->value. WK_CORRUPT: not one. WK_CONFLICT: whole,
 * but it states another model or layout than the handle.
 */
static enum wk_status body_accept(struct item *it, const struct wk_object_result *result,
                                  struct wk_error *err) {
    struct wk_store *s = it->fetch->store;
    struct wk_body_info info;
    enum wk_status status = body_check_landed(it, result, err);
    if (status != WK_OK)
        return status;
    struct wk_span body = {it->land->bytes, it->land->length};
    status = wk_body_inspect(body, body.size, &info, err);
    if (status != WK_OK)
        return WK_CORRUPT;
    if (!info.wrapped && !result->has_crc32c && wk_body_may_be_cut(body))
        return wk_fail(err, WK_CORRUPT, "a body of %zu bytes, perhaps the rest of a longer one",
                       body.size);
    if (!wk_reuse_allows(&s->config.reuse, &info.stated)) {
        if (it->key.kind == WK_ENTRY_BLOCK)
            wk_known_foreign(s, &it->fetch->call->space, &it->key, it->hash, it->flight->epoch,
                             &info.stated, result->size_bytes);
        return WK_CONFLICT;
    }
    if (info.wrapped)
        status = body_unwrap(it, body, &info, err);
    else
        body_verbatim(it);
    if (status != WK_OK)
        return status;
    it->value->crc32c = !info.wrapped && result->has_crc32c
                            ? result->crc32c
                            : wk_crc32c(it->value->bytes, it->value->length);
    if (!result->has_crc32c && !info.checksummed) {
        WK_MARK("fetch.unverified");
        wk_count(&s->counters.unverified, 1);
    }
    return WK_OK;
}

/* ---- settling one answer ---- */

static void settle_value(struct item *it, const struct wk_object_result *result) {
    struct fetch *f = it->fetch;
    struct wk_store *s = f->store;
    struct wk_entry *value = it->value;
    struct wk_node_info info = {.flags = WK_NODE_PRESENT | WK_NODE_SIZES | WK_NODE_CHECKSUM,
                                .recency = wk_store_recency(s),
                                .raw_bytes = value->length,
                                .stored_bytes = result->size_bytes,
                                .crc32c = value->crc32c};
    bool block = it->key.kind == WK_ENTRY_BLOCK;
    if (!block) {
        value->fetched_ns = it->flight->started_ns;
        *wk_entry_etag(value) = result->etag;
    }
    if (it->land != value)
        wk_entry_unpin(&s->cache, it->land);
    it->land = it->value = NULL;
    bool cached =
        wk_known_fill(s, &it->key, it->hash, it->flight->epoch, value, block ? &info : NULL);
    if (!cached || value->chunk == NULL)
        wk_count(&s->counters.uncached, 1);
    wk_count(&s->counters.hits_object, 1);
    wk_count(&s->counters.bytes_object, value->length);
    item_land_flight(it, WK_OK, true, value, NULL);
    item_answer(it, value, WK_TIER_OBJECT);
}

static void settle_miss(struct item *it) {
    item_drop_room(it);
    item_land_flight(it, WK_MISS, true, NULL, NULL);
    item_done(it, WK_MISS);
}

static void settle_absent(struct item *it) {
    wk_count(&it->fetch->store->counters.miss_absent, 1);
    bool believed = wk_known_gone(it->fetch->store, &it->key, it->hash, it->flight->epoch);
    if (believed || it->fetch->round >= ROUNDS_ASKING) {
        settle_miss(it);
        return;
    }
    /* Something was written under this stripe meanwhile, so the answer may be old, and the index
     * was not mended by it. */
    WK_MARK("fetch.absence_asked_again");
    item_drop_room(it);
    item_land_flight(it, WK_MISS, false, NULL, NULL);
    it->state = ITEM_OPEN;
}

static void settle_corrupt(struct item *it, const char *text) {
    struct wk_store *s = it->fetch->store;
    WK_MARK("fetch.corrupt");
    wk_count(&s->counters.corrupt, 1);
    wk_count(&s->counters.miss_corrupt, 1);
    wk_store_log_key(s, WK_LOG_WARN, "store.corrupt_object", &it->key, text);
    if (WK_PLANTED(17) && it->value != NULL) /* plant 17 */
        (void)wk_known_fill(s, &it->key, it->hash, it->flight->epoch, it->value, NULL);
    else
        (void)wk_known_gone(s, &it->key, it->hash, it->flight->epoch);
    /* The damaged object is still there: without this, the next lookup's HEAD would find it. */
    wk_known_remember_absent(s, &it->key, it->hash);
    settle_miss(it);
}

static void settle_failure(struct item *it, enum wk_status status, const char *text) {
    item_drop_room(it);
    item_land_flight(it, status, status_is_final(status), NULL, text);
    item_failed(it, status, text);
}

/* The cached tail is still what is stored. */
static void settle_not_modified(struct item *it) {
    struct fetch *f = it->fetch;
    struct wk_entry *stale = f->call->stale;
    if (stale == NULL) {
        settle_failure(it, WK_UNAVAILABLE, "an unexpected answer: not modified");
        return;
    }
    WK_MARK("tail.revalidated");
    item_drop_room(it);
    wk_count(&f->store->counters.tail_revalidated, 1);
    wk_known_tail_current(f->store, &it->key, it->hash, stale, it->flight->started_ns);
    /* Relaxed: the caller's pin keeps it. */
    wk_atomic_add_u32(&stale->pins, 1, WK_RELAXED, "entry.pin");
    item_land_flight(it, WK_OK, true, stale, NULL);
    item_answer(it, stale, WK_TIER_RAM);
}

static void settle_body(struct item *it, const struct wk_object_result *result) {
    struct wk_error why;
    wk_error_clear(&why);
    switch (body_accept(it, result, &why)) {
    case WK_OK:
        settle_value(it, result);
        return;
    case WK_CONFLICT:
        WK_MARK("fetch.other_model");
        wk_count(&it->fetch->store->counters.miss_reuse, 1);
        settle_miss(it);
        return;
    case WK_NO_MEMORY:
        settle_failure(it, WK_NO_MEMORY, why.text);
        return;
    default:
        settle_corrupt(it, why.text);
    }
}

static void settle(struct item *it, const struct wk_object_result *result) {
    if (result->class == WK_OBJECT_OK)
        settle_body(it, result);
    else if (result->class == WK_OBJECT_ABSENT)
        settle_absent(it);
    else if (result->class == WK_OBJECT_NOT_MODIFIED)
        settle_not_modified(it);
    else if (result->class == WK_OBJECT_CORRUPT)
        settle_corrupt(it, wk_object_result_text(result));
    else if (result->class == WK_OBJECT_CANCELLED && it->refused == WK_CORRUPT)
        settle_corrupt(it, "a body over the size limit");
    else if (result->class == WK_OBJECT_CANCELLED && it->refused == WK_NO_MEMORY)
        settle_failure(it, WK_NO_MEMORY, "no memory for a block");
    else
        settle_failure(it, wk_object_class_status(result->class), wk_object_result_text(result));
}

/* ---- waves ---- */

static uint64_t item_bytes(const struct item *it) {
    return wk_max_u64(it->expected_bytes, it->announced_bytes);
}

/* Of the call. */
static uint64_t fetch_deadline(const struct fetch *f) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < f->count; i++)
        bytes += item_bytes(&f->items[i]);
    return wk_store_deadline(f->start_ns, bytes, f->call->deadline_ns);
}

/*
 * Of a wave: it has no claim on the time of those that come after it, so that a store that hangs
 * is noticed early. What has been announced moves the deadline of a repetition.
 */
static uint64_t wave_deadline(void *ctx) {
    const struct fetch *f = ctx;
    uint64_t bytes = 0;
    for (size_t i = 0; i < f->wave.count; i++)
        bytes += item_bytes(&f->items[f->wave.item[i]]);
    uint64_t call = fetch_deadline(f);
    return wk_store_deadline(f->wave_start_ns, bytes, call);
}

static enum wk_status add_request(struct fetch *f, size_t index, struct wk_error *err) {
    struct item *it = &f->items[index];
    struct wk_object_key *key = &f->wave.keys[f->wave.count];
    enum wk_status status = WK_OK;
    if (it->key.kind == WK_ENTRY_BLOCK)
        status =
            wk_object_key_block(f->store->s3_prefix, f->call->space.name, &it->key.id, key, err);
    else
        *key = f->call->named->object;
    if (status != WK_OK)
        return status;
    struct wk_object_request *r = wk_wave_add(&f->wave, WK_OBJECT_GET, index);
    r->sink.reserve = sink_reserve;
    r->sink.ctx = it;
    if (f->etag.length != 0)
        r->if_none_match = &f->etag;
    return WK_OK;
}

static void run_wave(struct fetch *f) {
    struct wk_wave_rule rule = {f->store->config.retries, wave_deadline, f};
    f->wave_start_ns = wk_now_ns(f->store->env);
    wk_wave_run(&f->wave, &rule);
    /* Values first: an absence moves the epoch of its stripe, and a value of the same stripe that
     * came with it would not be cached. */
    for (size_t i = 0; i < f->wave.count; i++)
        if (f->wave.results[i].class == WK_OBJECT_OK)
            settle(&f->items[f->wave.item[i]], &f->wave.results[i]);
    for (size_t i = 0; i < f->wave.count; i++)
        if (f->wave.results[i].class != WK_OBJECT_OK)
            settle(&f->items[f->wave.item[i]], &f->wave.results[i]);
    wk_wave_clear(&f->wave);
}

static void fetch_led(struct fetch *f) {
    for (size_t i = 0; i < f->count && !f->stop; i++) {
        struct wk_error why;
        if (f->items[i].state != ITEM_LED)
            continue;
        wk_error_clear(&why);
        enum wk_status status = add_request(f, i, &why);
        if (status != WK_OK)
            settle_failure(&f->items[i], status, why.text);
        if (wk_wave_full(&f->wave))
            run_wave(f);
    }
    run_wave(f);
}

/* ---- claims ---- */

static void claim(struct item *it, const struct wk_claim_rule *rule) {
    struct wk_store *s = it->fetch->store;
    struct wk_entry *entry = NULL;
    switch (wk_flight_claim(&s->flights, &it->key, it->hash, rule, &it->flight, &entry)) {
    case WK_CLAIM_HIT:
        item_answer(it, entry, WK_TIER_RAM);
        wk_count(&s->counters.hits_ram, 1);
        break;
    case WK_CLAIM_LED:
        it->state = ITEM_LED;
        break;
    case WK_CLAIM_JOINED:
        it->state = ITEM_JOINED;
        break;
    default:
        item_failed(it, WK_NO_MEMORY, "no memory to fetch a block");
    }
}

static void claim_open(struct fetch *f, bool first, bool may_join) {
    /* A second time only a flight of this call's time will do. */
    struct wk_claim_rule rule = {may_join, f->call->fresh_after_ns,
                                 first ? f->call->fresh_after_ns : f->start_ns};
    for (size_t i = 0; i < f->count; i++)
        if (f->items[i].state == ITEM_OPEN)
            claim(&f->items[i], &rule);
}

/* All bytes whose size is known are reserved before the first request; nobody waits for room. */
static void reserve_led(struct fetch *f) {
    for (size_t i = 0; i < f->count; i++) {
        struct item *it = &f->items[i];
        struct wk_node_info info;
        it->expected_bytes = WK_ASSUMED_BODY_BYTES;
        if (it->state != ITEM_LED || it->key.kind != WK_ENTRY_BLOCK)
            continue;
        if (wk_radix_find(f->store->radix, it->key.space, &it->key.id, &info) != WK_OK)
            continue;
        if ((info.flags & WK_NODE_PRESENT) != 0)
            it->expected_bytes = info.stored_bytes;
        if ((info.flags & WK_NODE_SIZES) == 0 || it->value != NULL)
            continue;
        it->value = wk_arena_reserve(&f->store->cache.arena, info.raw_bytes);
    }
}

/* Flights that were claimed and never flown: others ask themselves. */
static void abandon_led(struct fetch *f) {
    for (size_t i = 0; i < f->count; i++) {
        struct item *it = &f->items[i];
        if (it->state != ITEM_LED)
            continue;
        item_drop_room(it);
        item_land_flight(it, WK_MISS, false, NULL, NULL);
        item_done(it, WK_MISS);
    }
}

/* ---- the flights of others ---- */

static void wait_for(struct item *it, uint64_t deadline_ns) {
    struct fetch *f = it->fetch;
    struct wk_store *s = f->store;
    enum wk_status status = WK_OK;
    struct wk_entry *entry;
    char text[WK_FLIGHT_TEXT_BYTES];
    uint64_t flown_ns = it->flight->started_ns;
    bool answered =
        wk_flight_wait(&s->flights, it->flight, f->stop ? 0 : deadline_ns, &status, &entry, text);
    it->flight = NULL;
    if (!answered) {
        WK_MARK("fetch.leader_gave_up");
        it->state = ITEM_OPEN;
    } else if (status == WK_OK) {
        wk_count(&s->counters.hits_joined, 1);
        item_answer(it, entry, WK_TIER_OBJECT);
    } else if (status == WK_MISS && !f->stop && flown_ns < f->start_ns) {
        /* It may have been answered before this call began, and a put acknowledged in between. */
        WK_MARK("fetch.joined_miss_asked_again");
        it->state = ITEM_OPEN;
    } else if (status == WK_MISS || f->stop) {
        item_done(it, WK_MISS);
    } else {
        item_failed(it, status, text);
    }
}

static void wait_for_joined(struct fetch *f) {
    uint64_t deadline = fetch_deadline(f);
    for (size_t i = 0; i < f->count; i++)
        if (f->items[i].state == ITEM_JOINED)
            wait_for(&f->items[i], deadline);
}

static bool any_open(const struct fetch *f) {
    for (size_t i = 0; i < f->count; i++)
        if (f->items[i].state == ITEM_OPEN)
            return true;
    return false;
}

static void finish_open(struct fetch *f) {
    for (size_t i = 0; i < f->count; i++)
        if (f->items[i].state == ITEM_OPEN)
            item_done(&f->items[i], WK_MISS);
}

/* ---- the whole ---- */

static size_t count_missing(const struct wk_fetch_call *call) {
    size_t missing = 0;
    for (size_t i = 0; i < call->count; i++)
        missing += call->results[i].pin == NULL;
    return missing;
}

static void fill_items(struct fetch *f) {
    const struct wk_fetch_call *call = f->call;
    size_t n = 0;
    for (size_t i = 0; i < call->count; i++) {
        if (call->results[i].pin != NULL)
            continue;
        struct item *it = &f->items[n++];
        memset(it, 0, sizeof *it);
        it->fetch = f;
        it->at = i;
        it->key = call->kind == WK_ENTRY_BLOCK ? wk_block_key(&call->space, &call->hashes[i])
                                               : call->named->key;
        it->hash = wk_cache_hash(&f->store->cache, &it->key);
    }
    f->count = n;
}

static void fetch_rounds(struct fetch *f) {
    for (; any_open(f) && !f->stop; f->round++) {
        claim_open(f, f->round == 0, f->round < ROUNDS_JOINING);
        if (!f->stop)
            reserve_led(f);
        fetch_led(f);
        abandon_led(f);
        wait_for_joined(f);
    }
    finish_open(f);
}

enum wk_status wk_fetch(const struct wk_fetch_call *call, struct wk_error *err) {
    struct fetch f = {.call = call, .store = call->store, .err = err, .failed_at = SIZE_MAX};
    struct wk_env *env = call->store->env;
    size_t missing = count_missing(call);
    size_t bytes;
    if (!wk_mul_size(missing, sizeof *f.items, &bytes))
        return wk_fail(err, WK_TOO_LARGE, "too many blocks in one call");
    f.items = wk_alloc(env, WK_MEM_IO, bytes);
    if (f.items == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory to fetch %zu blocks", missing);
    enum wk_status status = wk_wave_init(&f.wave, call->store, missing, err);
    if (status == WK_OK) {
        if (call->stale != NULL)
            f.etag = *wk_entry_etag(call->stale);
        f.start_ns = wk_now_ns(env);
        fill_items(&f);
        fetch_rounds(&f);
        wk_wave_destroy(&f.wave);
        if (f.work != NULL)
            wk_release(env, WK_MEM_IO, f.work, f.work_bytes);
    }
    wk_release(env, WK_MEM_IO, f.items, bytes);
    return status;
}
