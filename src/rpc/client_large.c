/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tails that the reference's shared-memory client stored in chunks. Its daemon answers a GET with
 * the manifest, so the value is put together here; ours sends the value itself.
 *
 *     manifest -> first chunk -> a buffer for the whole -> the other chunks -> proved by the id
 *
 * Memory for the whole is asked for when the first chunk is there, not on the manifest's word
 * alone. What merely looks like a manifest is a value as it is; a missing chunk makes a miss.
 */
#include "base/text.h"
#include "codec/large_value.h"
#include "rpc/client_impl.h"

struct large {
    struct wk_rpc_client *c;
    struct wk_span ns;
    struct wk_span key;
    uint64_t deadline_ns;
    struct wk_large_value value;
    struct wk_buffer *whole; /* NULL: no chunk has come yet */
};

/* Room for the whole. CONFLICT: the chunk has another size than the manifest says. */
static enum wk_status take_chunk(struct large *l, uint32_t index, struct wk_span chunk,
                                 struct wk_error *err) {
    uint64_t size = wk_large_value_chunk_bytes(&l->value, index);
    uint64_t deadline_ns = l->deadline_ns;
    if (chunk.size != size)
        return WK_CONFLICT;
    if (deadline_ns == WK_FOREVER)
        deadline_ns = wk_now_ns(l->c->env) + l->c->config.call_timeout_ns;
    if (l->whole == NULL) {
        enum wk_status status =
            wk_buffers_acquire(&l->c->buffers, l->value.total_bytes, deadline_ns, &l->whole, err);
        if (status != WK_OK)
            return status;
    }
    memcpy(l->whole->data + (size_t)index * WK_LARGE_CHUNK_BYTES, chunk.data, chunk.size);
    return WK_OK;
}

static enum wk_status get_chunk(struct large *l, uint32_t index, struct wk_error *err) {
    char key[WK_LARGE_CHUNK_KEY_BYTES + 1];
    struct wk_rpc_reply reply;
    wk_large_value_chunk_key(&l->value, index, key);
    enum wk_status status = wk_rpc_client_value(l->c, l->ns, wk_span_text(key),
                                                WK_LARGE_CHUNK_BYTES, l->deadline_ns, &reply, err);
    if (status != WK_OK)
        return status;
    status = take_chunk(l, index, reply.response.payload.bytes, err);
    wk_buffer_drop(reply.buffer);
    return status;
}

static bool is_proved(const struct large *l) {
    struct wk_large_value found;
    struct wk_wire_error error;
    struct wk_span whole = wk_span(l->whole->data, l->whole->size);
    return wk_large_value_describe(l->ns, l->key, &whole, 1, &found, &error) &&
           memcmp(found.id, l->value.id, sizeof found.id) == 0;
}

static enum wk_status get_chunks(struct large *l, struct wk_error *err) {
    enum wk_status status = WK_OK;
    for (uint32_t i = 0; i < l->value.chunks && status == WK_OK; i++)
        status = get_chunk(l, i, err);
    if (status == WK_OK && !is_proved(l))
        status = WK_CONFLICT;
    if (status != WK_OK && l->whole != NULL)
        wk_buffer_drop(l->whole);
    return status;
}

enum wk_status wk_rpc_client_large(struct wk_rpc_client *c, struct wk_span ns, struct wk_span key,
                                   uint64_t deadline_ns, struct wk_buffer **buffer,
                                   struct wk_span *bytes, struct wk_error *err) {
    struct large l = {.c = c, .ns = ns, .key = key, .deadline_ns = deadline_ns};
    struct wk_wire_error error;
    if (!wk_large_value_is_manifest(*bytes) || !wk_large_value_parse(*bytes, &l.value, &error) ||
        l.value.chunks == 0)
        return WK_OK;
    enum wk_status status = get_chunks(&l, err);
    if (status == WK_CONFLICT)
        return WK_OK; /* no manifest: a value that looks like one */
    if (status != WK_OK)
        return status;
    wk_buffer_drop(*buffer);
    *buffer = l.whole;
    *bytes = wk_span(l.whole->data, l.whole->size);
    return WK_OK;
}
