/* SPDX-License-Identifier: Apache-2.0 */
/* Tails and presence: one key, one request. */
#include "base/num.h"
#include "base/text.h"
#include "codec/object_key.h"
#include "rpc/client_impl.h"

/* "tier:1": a cache of the daemon; "tier:2": the object store. Without it nothing is known. */
enum wk_tier wk_rpc_reply_tier(const struct wk_rpc_reply *reply) {
    struct wk_span m = reply->response.message;
    if (m.size == 6 && memcmp(m.data, "tier:1", 6) == 0)
        return WK_TIER_RAM;
    if (m.size == 6 && memcmp(m.data, "tier:2", 6) == 0)
        return WK_TIER_OBJECT;
    return WK_TIER_NONE;
}

/* ---- tails ----------------------------------------------------------------------------------- */

struct key_text {
    char text[128];
    struct wk_span span;
};

static void tail_key(struct wk_span tip, struct key_text *out) {
    size_t size = wk_format(out->text, sizeof out->text, "%s%.*s", WK_RAW_TAIL_KEY_PREFIX,
                            (int)tip.size, (const char *)tip.data);
    out->span = wk_span(out->text, size);
}

static void block_key(const struct wk_block_hash *hash, struct key_text *out) {
    char hex[2 * sizeof hash->bytes + 1];
    wk_hex_encode(wk_span(hash->bytes, sizeof hash->bytes), hex);
    size_t size = wk_format(out->text, sizeof out->text, "%s%s", WK_BLOCK_KEY_PREFIX, hex);
    out->span = wk_span(out->text, size);
}

enum wk_status wk_rpc_client_value(struct wk_rpc_client *c, struct wk_span ns, struct wk_span key,
                                   uint64_t reply_bytes, uint64_t deadline_ns,
                                   struct wk_rpc_reply *out, struct wk_error *err) {
    struct wk_rpc_call call = {.op = WK_OP_GET,
                               .ns = ns,
                               .key = key,
                               .repeatable = true,
                               .reply_bytes = reply_bytes,
                               .deadline_ns = deadline_ns};
    enum wk_status status = wk_rpc_call(c, &call, out, err);
    if (status != WK_OK)
        return status;
    status = wk_rpc_reply_status(c, out, err);
    if (status != WK_OK)
        wk_buffer_drop(out->buffer);
    return status;
}

enum wk_status wk_rpc_client_get_tail(struct wk_backend *b, struct wk_span ns, struct wk_span tip,
                                      uint64_t deadline_ns, struct wk_block_result *out,
                                      struct wk_error *err) {
    struct wk_rpc_client *c = wk_rpc_client_of(b);
    struct key_text key;
    struct wk_rpc_reply reply;
    tail_key(tip, &key);
    enum wk_status status =
        wk_rpc_client_value(c, ns, key.span, WK_PAYLOAD_BYTES_MAX / 4, deadline_ns, &reply, err);
    if (status != WK_OK)
        return status;
    enum wk_tier tier = wk_rpc_reply_tier(&reply);
    struct wk_span bytes = reply.response.payload.bytes;
    status = wk_rpc_client_large(c, ns, key.span, deadline_ns, &reply.buffer, &bytes, err);
    if (status != WK_OK) {
        wk_buffer_drop(reply.buffer);
        return status;
    }
    wk_atomic_add_u64(&c->refs, 1, WK_RELAXED, "rpc.refs");
    *out = (struct wk_block_result){.status = WK_OK,
                                    .tier = tier,
                                    .bytes = bytes,
                                    .pin = reply.buffer}; /* the call's own reference */
    return WK_OK;
}

/* A tail may have been replaced since: one that the daemon may have seen is not sent again. */
enum wk_status wk_rpc_client_put_tail(struct wk_backend *b, struct wk_span ns, struct wk_span tip,
                                      struct wk_span payload, struct wk_error *err) {
    struct wk_rpc_client *c = wk_rpc_client_of(b);
    struct key_text key;
    struct wk_rpc_reply reply;
    tail_key(tip, &key);
    struct wk_rpc_call call = {.op = WK_OP_PUT,
                               .ns = ns,
                               .key = key.span,
                               .payload = wk_payload(payload),
                               .reply_bytes = payload.size,
                               .deadline_ns = WK_FOREVER};
    enum wk_status status = wk_rpc_call(c, &call, &reply, err);
    if (status != WK_OK)
        return status;
    status = wk_rpc_reply_status(c, &reply, err);
    if (status == WK_MISS)
        status = wk_fail(err, WK_CORRUPT, "a put was answered with a miss");
    wk_buffer_drop(reply.buffer);
    return status;
}

/* ---- presence -------------------------------------------------------------------------------- */

static enum wk_status exists(struct wk_rpc_client *c, struct wk_span ns,
                             const struct wk_block_hash *hash, uint64_t deadline_ns, bool *answered,
                             struct wk_error *err) {
    struct key_text key;
    struct wk_rpc_reply reply;
    block_key(hash, &key);
    *answered = false;
    struct wk_rpc_call call = {.op = WK_OP_EXISTS,
                               .ns = ns,
                               .key = key.span,
                               .repeatable = true,
                               .deadline_ns = deadline_ns};
    enum wk_status status = wk_rpc_call(c, &call, &reply, err);
    if (status != WK_OK)
        return status;
    *answered = true;
    status = wk_rpc_reply_status(c, &reply, err);
    wk_buffer_drop(reply.buffer);
    return status;
}

enum wk_status wk_rpc_client_contains(struct wk_backend *b, struct wk_span ns,
                                      const struct wk_block_hash *hashes, size_t count,
                                      uint64_t deadline_ns, struct wk_block_result *results,
                                      struct wk_error *err) {
    struct wk_rpc_client *c = wk_rpc_client_of(b);
    bool answered = true;
    enum wk_status status = WK_OK;
    for (size_t i = 0; i < count; i++) {
        /* Once the daemon is gone, the rest need not find out one by one. */
        if (answered)
            status = exists(c, ns, &hashes[i], deadline_ns, &answered, err);
        results[i] = (struct wk_block_result){.status = status};
    }
    return WK_OK;
}
