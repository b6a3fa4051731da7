/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on values: put, get, exists, and get of many. A key may be a block's or a tail's; the
 * store knows. Values that the reference's shared-memory client stored in chunks come whole.
 */
#include "base/num.h"
#include "base/text.h"
#include "codec/bytes_batch.h"
#include "codec/key_batch.h"
#include "daemon/dispatch_impl.h"

/* ---- 2 put ----------------------------------------------------------------------------------- */

void wk_dispatch_put(struct wk_dispatch_call *call) {
    const struct wk_wire_request *r = call->request;
    struct wk_backend *store = call->d->store;
    struct wk_error err;
    size_t size = r->payload.bytes.size;
    if (!wk_dispatch_may(call, r->name_space, r->key, WK_ACCESS_WRITE, size))
        return;
    uint64_t begun_ns = wk_now_ns(call->d->env);
    enum wk_status status;
    if (size > WK_PAYLOAD_BYTES_MAX)
        status = wk_fail(&err, WK_TOO_LARGE, "the payload has %zu bytes; at most %u are allowed",
                         size, WK_PAYLOAD_BYTES_MAX);
    else
        status = store->ops->put_value(store, r->name_space, r->key, r->payload.bytes, &err);
    if (status != WK_OK)
        wk_dispatch_fail(call, "put: %s", err.text);
    else
        wk_dispatch_note(call, WK_TIMES_STASH, 1, size, begun_ns);
}

/* ---- 3 get ----------------------------------------------------------------------------------- */

void wk_dispatch_get(struct wk_dispatch_call *call) {
    const struct wk_wire_request *r = call->request;
    struct wk_error err;
    wk_error_clear(&err);
    if (!wk_dispatch_may(call, r->name_space, r->key, WK_ACCESS_READ, 0))
        return;
    struct wk_dispatch_hold *h = wk_dispatch_hold_new(call, WK_DISPATCH_VALUE_RESULTS);
    if (h == NULL)
        return;
    h->count = 0;
    uint64_t begun_ns = wk_now_ns(call->d->env);
    enum wk_status status = wk_dispatch_value(call, h, r->key, &err);
    if (status == WK_OK)
        status = wk_dispatch_answer_pieces(call, h, NULL, &err);
    if (status == WK_OK)
        wk_dispatch_note_results(call, h, begun_ns);
    else if (status == WK_MISS)
        wk_dispatch_miss(call, begun_ns);
    else
        wk_dispatch_fail(call, "get: %s", err.text);
}

/* ---- 4 exists -------------------------------------------------------------------------------- */

void wk_dispatch_exists(struct wk_dispatch_call *call) {
    const struct wk_wire_request *r = call->request;
    struct wk_backend *store = call->d->store;
    struct wk_error err;
    wk_error_clear(&err);
    if (!wk_dispatch_may(call, r->name_space, r->key, WK_ACCESS_READ, 0))
        return;
    enum wk_status status = store->ops->exists(store, r->name_space, r->key, WK_FOREVER, &err);
    if (status == WK_MISS)
        call->answer->status = WK_REPLY_MISS;
    else if (status != WK_OK)
        wk_dispatch_fail(call, "exists: %s", err.text);
}

/* ---- 9 get many ------------------------------------------------------------------------------ */

/* What a walk over the keys of a batch gathers. */
struct many {
    struct wk_dispatch_hold *h;
    struct wk_span *items; /* sizes of the values, one for each key; the data is not looked at */
    size_t count;
};

static bool may_all(struct wk_dispatch_call *call, struct wk_key_batch keys) {
    struct wk_span key;
    while (wk_key_batch_next(&keys, &key)) {
        if (!wk_dispatch_may(call, call->request->name_space, key, WK_ACCESS_READ, 0))
            return false;
    }
    return true;
}

static uint64_t bytes_from(const struct wk_dispatch_hold *h, size_t first) {
    uint64_t bytes = 0;
    for (size_t i = first; i < h->count; i++)
        bytes += h->results[i].bytes.size;
    return bytes;
}

/* All values, or the status of the first that there is not. */
static enum wk_status gather(struct wk_dispatch_call *call, struct many *m,
                             struct wk_key_batch keys, struct wk_error *err) {
    struct wk_span key;
    uint64_t total = 0;
    while (wk_key_batch_next(&keys, &key)) {
        size_t first = m->h->count;
        enum wk_status status = wk_dispatch_value(call, m->h, key, err);
        if (status == WK_MISS)
            call->answer->message = key;
        if (status != WK_OK)
            return status;
        uint64_t bytes = bytes_from(m->h, first);
        total += bytes;
        m->items[m->count++] = (struct wk_span){NULL, (size_t)bytes};
        if (total > WK_FRAME_BODY_BYTES_MAX)
            return wk_fail(err, WK_TOO_LARGE, "the values have more than %u bytes together",
                           WK_FRAME_BODY_BYTES_MAX);
    }
    return WK_OK;
}

/* The head of the batch in front of the values. The reference's limit is one frame of its
 * shared-memory ring, on every transport; its clients count on it. */
static enum wk_status answer_many(struct wk_dispatch_call *call, struct many *m,
                                  struct wk_error *err) {
    struct wk_wire_error error;
    size_t head_bytes;
    size_t total_bytes;
    struct wk_env *env = call->d->env;
    if (!wk_bytes_batch_encoded_bytes(m->items, m->count, &head_bytes, &total_bytes, &error))
        return wk_wire_fail(err, &error);
    if (!wk_fits_one_frame(total_bytes))
        return wk_fail(err, WK_TOO_LARGE,
                       "get_many response %zu bytes requires WMBT_KV_DAEMON_SHM_ARENA_PATH or "
                       "smaller batch",
                       total_bytes);
    void *room = wk_alloc(env, WK_MEM_IO, head_bytes);
    if (room == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for %zu values", m->count);
    struct wk_writer head = wk_writer(room, head_bytes);
    enum wk_status status = WK_OK;
    if (!wk_bytes_batch_encode_head(m->items, m->count, &head, &error))
        status = wk_wire_fail(err, &error);
    else
        status = wk_dispatch_answer_pieces(call, m->h, &head, err);
    wk_release(env, WK_MEM_IO, room, head_bytes);
    return status;
}

static void get_many(struct wk_dispatch_call *call, struct wk_key_batch keys, struct many *m) {
    struct wk_error err;
    wk_error_clear(&err);
    uint64_t begun_ns = wk_now_ns(call->d->env);
    enum wk_status status = gather(call, m, keys, &err);
    if (status == WK_OK)
        status = answer_many(call, m, &err);
    if (status == WK_OK) {
        wk_dispatch_note_results(call, m->h, begun_ns);
    } else if (status == WK_MISS) {
        struct wk_span missing = call->answer->message;
        wk_dispatch_miss(call, begun_ns);
        call->answer->message = missing;
    } else {
        wk_dispatch_fail(call, status == WK_TOO_LARGE ? "%s" : "get_many: %s", err.text);
        if (status == WK_TOO_LARGE)
            call->answer->status = WK_REPLY_TOO_LARGE;
    }
}

void wk_dispatch_get_many(struct wk_dispatch_call *call) {
    struct wk_key_batch keys;
    struct wk_wire_error error;
    struct wk_error err;
    struct many m = {0};
    struct wk_env *env = call->d->env;
    if (!wk_key_batch_decode(call->request->payload.bytes, &keys, &error)) {
        (void)wk_wire_fail(&err, &error);
        wk_dispatch_fail(call, "%s", err.text);
        return;
    }
    if (keys.count > WK_DISPATCH_KEYS_MAX) {
        wk_dispatch_fail(call, "get_many: %u keys; at most %u are allowed", keys.count,
                         WK_DISPATCH_KEYS_MAX);
        return;
    }
    if (!may_all(call, keys))
        return;
    /* A value that is not chunked takes one place; the last one may be. */
    m.h = wk_dispatch_hold_new(call, keys.count + WK_DISPATCH_VALUE_RESULTS);
    if (m.h == NULL)
        return;
    m.h->count = 0;
    m.items = wk_alloc(env, WK_MEM_IO, (size_t)keys.count * sizeof *m.items);
    if (m.items == NULL)
        wk_dispatch_fail(call, "no memory for %u values", keys.count);
    else
        get_many(call, keys, &m);
    wk_release(env, WK_MEM_IO, m.items, (size_t)keys.count * sizeof *m.items);
}
