/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes batch: an ordered list of payloads. Payload of a GET_MANY reply.
 *
 *      0  17  "WMBT_KV_BYTES_V1" and NUL
 *     17   4  count, u32 little-endian
 *     21      count sizes, u32 little-endian each
 *             the items, one after the other, to the very end
 *
 * Encoding writes the head only: the caller sends its items behind it, so that no payload is
 * copied. Decoding checks all sizes against the bytes that are there before it shows an item, and
 * reserves nothing. The first fault it meets is the one that the reference reports. Pure functions;
 * views point into the input.
 */
#ifndef WK_CODEC_BYTES_BATCH_H
#define WK_CODEC_BYTES_BATCH_H

#include "base/writer.h"
#include "codec/ops.h"
#include "codec/wire_error.h"

#define WK_BYTES_BATCH_HEAD_BYTES (WK_BYTES_BATCH_MAGIC_BYTES + 4u)

/* The items not taken yet. A copy is a second, independent walk. */
struct wk_bytes_batch {
    struct wk_span sizes;
    struct wk_span bodies;
    uint32_t count;
};

/*@
    // What `count` sizes add up to.
    logic integer wk_bytes_batch_sum{L}(uint8_t *sizes, integer count) =
        count <= 0 ? 0 : wk_bytes_batch_sum(sizes, count - 1) + wk_le(sizes + 4 * (count - 1), 4);
*/

/* False: `*error` says why and `*out` is as it was. */
/*@
    requires wk_readable(payload) && \valid(out) && \valid(error) && \separated(out, error);
    requires \separated(out, payload.data + (0 .. payload.size - 1));
    requires \separated(error, payload.data + (0 .. payload.size - 1));
    assigns *out, *error;
    ensures !\result ==> out->count == \old(out->count);
    ensures !\result ==> out->sizes.data == \old(out->sizes.data);
    ensures !\result ==> out->sizes.size == \old(out->sizes.size);
    ensures !\result ==> out->bodies.data == \old(out->bodies.data);
    ensures !\result ==> out->bodies.size == \old(out->bodies.size);
    // Sizes and items are the payload behind its head, whole.
    ensures \result ==> out->sizes.data == payload.data + WK_BYTES_BATCH_HEAD_BYTES;
    ensures \result ==> out->sizes.size == 4 * out->count;
    ensures \result ==>
        out->bodies.data == payload.data + WK_BYTES_BATCH_HEAD_BYTES + 4 * out->count;
    ensures \result ==>
        WK_BYTES_BATCH_HEAD_BYTES + out->sizes.size + out->bodies.size == payload.size;
    ensures \result ==> out->bodies.size ==
        wk_bytes_batch_sum(payload.data + WK_BYTES_BATCH_HEAD_BYTES, out->count);
*/
bool wk_bytes_batch_decode(struct wk_span payload, struct wk_bytes_batch *out,
                           struct wk_wire_error *error);

/* Takes the next item; false when there is none left. Only on what wk_bytes_batch_decode gave. */
/*@
    requires \valid(batch) && \valid(item) && \separated(batch, item);
    requires wk_readable(batch->sizes) && wk_readable(batch->bodies);
    requires \separated(batch, batch->sizes.data + (0 .. batch->sizes.size - 1));
    requires \separated(batch, batch->bodies.data + (0 .. batch->bodies.size - 1));
    assigns *batch, *item;
    ensures \result <==> \old(batch->count) > 0;
    ensures \result ==> batch->count == \old(batch->count) - 1;
    // The item, and what is left behind it, are what was left before.
    ensures wk_readable(batch->sizes) && wk_readable(batch->bodies);
    ensures \result && item->size > 0 ==> item->data == \old(batch->bodies.data);
    ensures \result ==> item->size + batch->bodies.size == \old(batch->bodies.size);
*/
bool wk_bytes_batch_next(struct wk_bytes_batch *batch, struct wk_span *item);

/* Sizes of the head and of head and items together. False, WK_WIRE_LENGTH_OVERFLOW: over what an
 * archive can hold. */
bool wk_bytes_batch_encoded_bytes(const struct wk_span *items, size_t count, size_t *head_bytes,
                                  size_t *total_bytes, struct wk_wire_error *error);
/* Also false, WK_WIRE_TOO_LARGE, when there is no room; `*to` is then as it was. */
bool wk_bytes_batch_encode_head(const struct wk_span *items, size_t count, struct wk_writer *to,
                                struct wk_wire_error *error);

#endif
