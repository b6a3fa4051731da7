/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations on blocks. Their payload is a message of its own; the namespace inside it counts, the
 * one of the request around it does not. A failure is told twice, as the reference does: in the
 * request's message and inside the payload.
 */
#include "base/mark.h"
#include "base/text.h"
#include "codec/object_key.h"
#include "daemon/dispatch_impl.h"

#define HASH_TEXT_BYTES (2 * sizeof(struct wk_block_hash))

/* ---- answers that carry a message of their own ----------------------------------------------- */

/* Finishes the list of an answer's payload, or says why there is none. */
static void finish_payload(struct wk_dispatch_call *call, struct wk_dispatch_hold *h, bool encoded,
                           const struct wk_wire_error *error) {
    struct wk_error err;
    if (!encoded) {
        (void)wk_wire_fail(&err, error);
        wk_dispatch_fail(call, "block-payload encode: %s", err.text);
        return;
    }
    wk_iov_close(&h->frame.iov);
    call->answer->nested = &h->frame.iov;
}

static bool open_payload(struct wk_dispatch_call *call, struct wk_dispatch_hold *h,
                         struct wk_iov_need need) {
    struct wk_error err;
    if (wk_frame_open(&h->frame, call->d->env, need, &err) == WK_OK)
        return true;
    wk_dispatch_fail(call, "block-payload encode: %s", err.text);
    return false;
}

/* The hold that an operation has, or a new one for a payload without blocks. */
static struct wk_dispatch_hold *hold_of(struct wk_dispatch_call *call) {
    return call->answer->owner != NULL ? call->answer->owner : wk_dispatch_hold_new(call, 0);
}

static void answer_lookup(struct wk_dispatch_call *call, const struct wk_lookup_resp *m) {
    struct wk_wire_error error = {0};
    struct wk_dispatch_hold *h = hold_of(call);
    if (h != NULL && open_payload(call, h, wk_lookup_resp_need(m)))
        finish_payload(call, h, wk_lookup_resp_encode(&h->frame.iov, m, &error), &error);
}

static void answer_get(struct wk_dispatch_call *call, const struct wk_get_blocks_resp *m) {
    struct wk_wire_error error = {0};
    struct wk_dispatch_hold *h = hold_of(call);
    if (h != NULL && open_payload(call, h, wk_get_blocks_resp_need(m)))
        finish_payload(call, h, wk_get_blocks_resp_encode(&h->frame.iov, m, &error), &error);
}

static void answer_put(struct wk_dispatch_call *call, const struct wk_put_blocks_resp *m) {
    struct wk_wire_error error = {0};
    struct wk_dispatch_hold *h = hold_of(call);
    if (h != NULL && open_payload(call, h, wk_put_blocks_resp_need(m)))
        finish_payload(call, h, wk_put_blocks_resp_encode(&h->frame.iov, m, &error), &error);
}

/* After wk_dispatch_fail: the same text inside a payload of the operation's kind. */
static void repeat_inside(struct wk_dispatch_call *call) {
    struct wk_text_option error = {true, call->answer->message};
    switch (call->request->op) {
    case WK_OP_LOOKUP_BLOCK_PREFIX:
        answer_lookup(call, &(struct wk_lookup_resp){.error = error});
        return;
    case WK_OP_GET_KV_BLOCKS_BATCH:
        answer_get(call, &(struct wk_get_blocks_resp){.error = error});
        return;
    default:
        answer_put(call, &(struct wk_put_blocks_resp){.error = error});
        return;
    }
}

static void fail_decode(struct wk_dispatch_call *call, const struct wk_wire_error *error) {
    struct wk_error err;
    (void)wk_wire_fail(&err, error);
    wk_dispatch_fail(call, "decode %s req: %s", wk_op_name(call->request->op), err.text);
}

/* ---- hashes ---------------------------------------------------------------------------------- */

struct hashes {
    struct wk_env *env;
    struct wk_block_hash *at;
    size_t count;
    size_t bytes;
};

static bool parse_hash(struct wk_dispatch_call *call, size_t index, struct wk_span text,
                       struct wk_block_hash *out) {
    char shown[200];
    size_t bad_at;
    if (text.size == HASH_TEXT_BYTES && wk_hex_decode(text, out->bytes, &bad_at))
        return true;
    wk_quote(text, shown, sizeof shown);
    if (text.size != HASH_TEXT_BYTES)
        wk_dispatch_fail(call, "hash[%zu]: block hash hex must be 64 chars; got %zu for %s", index,
                         text.size, shown);
    else
        wk_dispatch_fail(call, "hash[%zu]: bad hex char at pos %zu in %s", index, bad_at, shown);
    return false;
}

/* False: the answer says why. */
static bool parse_hashes(struct wk_dispatch_call *call, const struct wk_archive_list *texts,
                         struct hashes *out) {
    out->env = call->d->env;
    out->count = texts->count;
    out->bytes = out->count * sizeof *out->at;
    out->at = wk_alloc(out->env, WK_MEM_IO, out->bytes);
    bool parsed = out->at != NULL;
    if (!parsed)
        wk_dispatch_fail(call, "no memory for %zu hashes", out->count);
    for (size_t i = 0; i < out->count && parsed; i++)
        parsed = parse_hash(call, i, wk_archive_text_at(texts, (uint32_t)i), &out->at[i]);
    if (parsed)
        return true;
    wk_release(out->env, WK_MEM_IO, out->at, out->bytes);
    repeat_inside(call);
    return false;
}

static void hashes_free(struct hashes *h) {
    wk_release(h->env, WK_MEM_IO, h->at, h->bytes);
}

/* The final keys of blocks of one namespace begin alike, so one of them stands for all. */
static bool may(struct wk_dispatch_call *call, struct wk_span ns, enum wk_access access,
                uint64_t put_bytes) {
    if (WK_PLANTED(57)) /* judged_by_the_outer_namespace */
        ns = call->request->name_space;
    if (wk_dispatch_may(call, ns, wk_span_text(WK_BLOCK_KEY_PREFIX), access, put_bytes))
        return true;
    repeat_inside(call);
    return false;
}

static bool check_count(struct wk_dispatch_call *call, size_t count) {
    if (count <= WK_BATCH_BLOCKS_MAX)
        return true;
    wk_dispatch_fail(call, "%zu blocks in one request; at most %u are allowed", count,
                     WK_BATCH_BLOCKS_MAX);
    repeat_inside(call);
    return false;
}

/* ---- 11 lookup ------------------------------------------------------------------------------- */

void wk_dispatch_lookup(struct wk_dispatch_call *call) {
    struct wk_hashes_req_view view;
    struct wk_wire_error error;
    struct wk_error err;
    struct hashes hashes;
    size_t matched = 0;
    if (!wk_lookup_req_decode(call->request->payload.bytes, &view, &error)) {
        fail_decode(call, &error);
        return;
    }
    if (!may(call, view.name_space, WK_ACCESS_READ, 0) || !check_count(call, view.hashes.count) ||
        !parse_hashes(call, &view.hashes, &hashes))
        return;
    struct wk_backend *store = call->d->store;
    enum wk_status status = WK_OK;
    if (hashes.count > 0)
        status =
            store->ops->lookup(store, view.name_space, hashes.at, hashes.count, &matched, &err);
    hashes_free(&hashes);
    if (status == WK_OK) {
        answer_lookup(call, &(struct wk_lookup_resp){.matched_count = (uint32_t)matched});
        return;
    }
    wk_dispatch_fail(call, "lookup_block_prefix: %s", err.text);
    repeat_inside(call);
}

/* ---- 12 get ---------------------------------------------------------------------------------- */

/* Leased blocks as the payload, with their sums, so that none of their bytes is read again. */
static void answer_hit(struct wk_dispatch_call *call, struct wk_dispatch_hold *h) {
    struct wk_env *env = call->d->env;
    size_t bytes = h->count * sizeof(struct wk_payload);
    struct wk_payload *payloads = wk_alloc(env, WK_MEM_IO, bytes);
    if (payloads == NULL) {
        wk_dispatch_fail(call, "no memory for %zu blocks", h->count);
        return;
    }
    for (size_t i = 0; i < h->count; i++)
        payloads[i] = (struct wk_payload){h->results[i].bytes, true, h->results[i].crc32c};
    call->answer->message = wk_dispatch_tier_text(h); /* the reference leaves it empty */
    answer_get(call, &(struct wk_get_blocks_resp){
                         .hit = true, .payloads = payloads, .payload_count = h->count});
    wk_release(env, WK_MEM_IO, payloads, bytes);
}

static void get_blocks(struct wk_dispatch_call *call, struct wk_span ns,
                       const struct hashes *hashes) {
    struct wk_error err;
    struct wk_backend *store = call->d->store;
    struct wk_dispatch_hold *h = wk_dispatch_hold_new(call, hashes->count);
    if (h == NULL)
        return;
    enum wk_status status = WK_OK;
    uint64_t begun_ns = wk_now_ns(call->d->env);
    if (hashes->count > 0)
        status = store->ops->get(store, ns, hashes->at, hashes->count, WK_GET_ALL, WK_FOREVER,
                                 h->results, &err);
    if (status == WK_OK) {
        wk_dispatch_note_results(call, h, begun_ns);
        answer_hit(call, h);
        return;
    }
    h->count = 0; /* nothing is pinned */
    if (status == WK_MISS) {
        wk_dispatch_note(call, WK_TIMES_MISS, 1, 0, begun_ns);
        answer_get(call, &(struct wk_get_blocks_resp){.hit = false});
        return;
    }
    wk_dispatch_fail(call, "get_kv_blocks_batch: %s", err.text);
    repeat_inside(call);
}

void wk_dispatch_get_blocks(struct wk_dispatch_call *call) {
    struct wk_hashes_req_view view;
    struct wk_wire_error error;
    struct hashes hashes;
    if (!wk_get_blocks_req_decode(call->request->payload.bytes, &view, &error)) {
        fail_decode(call, &error);
        return;
    }
    if (!may(call, view.name_space, WK_ACCESS_READ, 0) || !check_count(call, view.hashes.count) ||
        !parse_hashes(call, &view.hashes, &hashes))
        return;
    get_blocks(call, view.name_space, &hashes);
    hashes_free(&hashes);
}

/* ---- 13 put ---------------------------------------------------------------------------------- */

static bool check_pairs(struct wk_dispatch_call *call, const struct wk_put_blocks_req_view *view) {
    if (view->hashes.count != view->payloads.count)
        wk_dispatch_fail(call, "put_kv_blocks_batch length mismatch: %zu hashes vs %zu payloads",
                         (size_t)view->hashes.count, (size_t)view->payloads.count);
    else
        return check_count(call, view->hashes.count);
    repeat_inside(call);
    return false;
}

static bool check_sizes(struct wk_dispatch_call *call, const struct wk_put_blocks_req_view *view,
                        uint64_t *out_bytes) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < view->payloads.count; i++) {
        size_t size = wk_archive_bytes_at(&view->payloads, i).size;
        bytes += size;
        if (size <= WK_PAYLOAD_BYTES_MAX)
            continue;
        wk_dispatch_fail(call, "payload[%zu] has %zu bytes; at most %u are allowed", i, size,
                         WK_PAYLOAD_BYTES_MAX);
        repeat_inside(call);
        return false;
    }
    *out_bytes = bytes;
    return true;
}

static void put_blocks(struct wk_dispatch_call *call, const struct wk_put_blocks_req_view *view,
                       const struct hashes *hashes, uint64_t total) {
    struct wk_error err;
    struct wk_env *env = call->d->env;
    struct wk_backend *store = call->d->store;
    size_t bytes = hashes->count * sizeof(struct wk_span);
    struct wk_span *payloads = wk_alloc(env, WK_MEM_IO, bytes);
    enum wk_status status = WK_OK;
    if (payloads == NULL)
        status = wk_fail(&err, WK_NO_MEMORY, "no memory for %zu blocks", hashes->count);
    for (size_t i = 0; i < hashes->count && status == WK_OK; i++)
        payloads[i] = wk_archive_bytes_at(&view->payloads, i);
    uint64_t begun_ns = wk_now_ns(env);
    if (status == WK_OK && hashes->count > 0)
        status =
            store->ops->put(store, view->name_space, hashes->at, payloads, hashes->count, &err);
    wk_release(env, WK_MEM_IO, payloads, bytes);
    if (status == WK_OK) {
        wk_dispatch_note(call, WK_TIMES_STASH, hashes->count, total, begun_ns);
        answer_put(call, &(struct wk_put_blocks_resp){.total_bytes = total});
        return;
    }
    wk_dispatch_fail(call, "put_kv_blocks_batch: %s", err.text);
    repeat_inside(call);
}

void wk_dispatch_put_blocks(struct wk_dispatch_call *call) {
    struct wk_put_blocks_req_view view;
    struct wk_wire_error error;
    struct hashes hashes;
    uint64_t bytes;
    if (!wk_put_blocks_req_decode(call->request->payload.bytes, &view, &error)) {
        fail_decode(call, &error);
        return;
    }
    if (!check_pairs(call, &view) || !check_sizes(call, &view, &bytes) ||
        !may(call, view.name_space, WK_ACCESS_WRITE, bytes) ||
        !parse_hashes(call, &view.hashes, &hashes))
        return;
    put_blocks(call, &view, &hashes, bytes);
    hashes_free(&hashes);
}
