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

/* The items not taken yet. A copy is a second, independent walk. */
struct wk_bytes_batch {
    struct wk_span sizes;
    struct wk_span bodies;
    uint32_t count;
};

/* False: `*error` says why and `*out` is as it was. */
bool wk_bytes_batch_decode(struct wk_span payload, struct wk_bytes_batch *out,
                           struct wk_wire_error *error);

/* Takes the next item; false when there is none left. Only on what wk_bytes_batch_decode gave. */
bool wk_bytes_batch_next(struct wk_bytes_batch *batch, struct wk_span *item);

/* Sizes of the head and of head and items together. False, WK_WIRE_LENGTH_OVERFLOW: over what an
 * archive can hold. */
bool wk_bytes_batch_encoded_bytes(const struct wk_span *items, size_t count, size_t *head_bytes,
                                  size_t *total_bytes, struct wk_wire_error *error);
/* Also false, WK_WIRE_TOO_LARGE, when there is no room; `*to` is then as it was. */
bool wk_bytes_batch_encode_head(const struct wk_span *items, size_t count, struct wk_writer *to,
                                struct wk_wire_error *error);

#endif
