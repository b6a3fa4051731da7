/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on one key. */
#include "base/text.h"
#include "codec/object_key.h"
#include "daemon/dispatch_impl.h"

/* What a relative key names. */
enum key_kind { KEY_BLOCK, KEY_TAIL, KEY_OTHER };

static enum key_kind key_kind(struct wk_span key, struct wk_block_hash *hash, struct wk_span *tip) {
    const size_t block = sizeof WK_BLOCK_KEY_PREFIX - 1;
    const size_t tail = sizeof WK_RAW_TAIL_KEY_PREFIX - 1;
    if (key.size == block + 2 * sizeof hash->bytes &&
        memcmp(key.data, WK_BLOCK_KEY_PREFIX, block) == 0 &&
        wk_hex_decode(wk_span(key.data + block, key.size - block), hash->bytes, NULL))
        return KEY_BLOCK;
    if (key.size == tail + 64 && memcmp(key.data, WK_RAW_TAIL_KEY_PREFIX, tail) == 0) {
        *tip = wk_span(key.data + tail, 64);
        return KEY_TAIL;
    }
    return KEY_OTHER;
}

/* ---- 2 put ----------------------------------------------------------------------------------- */

void wk_dispatch_put(struct wk_dispatch_call *call) {
    const struct wk_wire_request *r = call->request;
    struct wk_backend *store = call->d->store;
    struct wk_block_hash hash;
    struct wk_span tip;
    struct wk_error err;
    enum wk_status status;
    enum key_kind kind = key_kind(r->key, &hash, &tip);
    if (!wk_dispatch_may(call, r->name_space, r->key, WK_ACCESS_WRITE, r->payload.bytes.size))
        return;
    if (r->payload.bytes.size > WK_PAYLOAD_BYTES_MAX)
        status = wk_fail(&err, WK_TOO_LARGE, "the payload has %zu bytes; at most %u are allowed",
                         r->payload.bytes.size, WK_PAYLOAD_BYTES_MAX);
    else if (kind == KEY_BLOCK)
        status = store->ops->put(store, r->name_space, &hash, &r->payload.bytes, 1, &err);
    else if (kind == KEY_TAIL)
        status = store->ops->put_tail(store, r->name_space, tip, r->payload.bytes, &err);
    else
        status = wk_fail(&err, WK_INVALID, "the key is neither a block nor a raw tail");
    if (status != WK_OK)
        wk_dispatch_fail(call, "put: %s", err.text);
}

/* ---- 3 get ----------------------------------------------------------------------------------- */

void wk_dispatch_get(struct wk_dispatch_call *call) {
    const struct wk_wire_request *r = call->request;
    struct wk_backend *store = call->d->store;
    struct wk_block_hash hash;
    struct wk_span tip;
    struct wk_error err;
    enum wk_status status;
    enum key_kind kind = key_kind(r->key, &hash, &tip);
    if (!wk_dispatch_may(call, r->name_space, r->key, WK_ACCESS_READ, 0))
        return;
    struct wk_dispatch_hold *h = wk_dispatch_hold_new(call, 1);
    if (h == NULL)
        return;
    if (kind == KEY_BLOCK)
        status = store->ops->get(store, r->name_space, &hash, 1, WK_GET_ALL, WK_FOREVER, h->results,
                                 &err);
    else if (kind == KEY_TAIL)
        status = store->ops->get_tail(store, r->name_space, tip, WK_FOREVER, h->results, &err);
    else
        status = wk_fail(&err, WK_INVALID, "the key is neither a block nor a raw tail");
    if (status == WK_OK) {
        call->answer->payload =
            (struct wk_payload){h->results[0].bytes, true, h->results[0].crc32c};
        call->answer->message =
            wk_span_text(h->results[0].tier == WK_TIER_OBJECT ? "tier:2" : "tier:1");
        return;
    }
    h->count = 0; /* nothing is pinned */
    if (status == WK_MISS)
        call->answer->status = WK_REPLY_MISS;
    else
        wk_dispatch_fail(call, "get: %s", err.text);
}

/* ---- 4 exists -------------------------------------------------------------------------------- */

void wk_dispatch_exists(struct wk_dispatch_call *call) {
    const struct wk_wire_request *r = call->request;
    struct wk_backend *store = call->d->store;
    struct wk_block_result result = {.status = WK_MISS};
    struct wk_block_hash hash;
    struct wk_span tip;
    struct wk_error err;
    enum wk_status status = WK_MISS;
    wk_error_clear(&err);
    if (!wk_dispatch_may(call, r->name_space, r->key, WK_ACCESS_READ, 0))
        return;
    if (key_kind(r->key, &hash, &tip) == KEY_BLOCK) {
        status = store->ops->contains(store, r->name_space, &hash, 1, WK_FOREVER, &result, &err);
        if (status == WK_OK)
            status = result.status;
    }
    if (status == WK_MISS)
        call->answer->status = WK_REPLY_MISS;
    else if (status != WK_OK)
        wk_dispatch_fail(call, "exists: %s", err.text[0] != 0 ? err.text : wk_status_text(status));
}
