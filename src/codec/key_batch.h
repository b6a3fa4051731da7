/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key batch: an ordered list of keys. Payload of a GET_MANY request and of a LIST reply.
 *
 *      0  16  "WMBT_KV_KEYS_V1" and NUL
 *     16   4  count, u32 little-endian
 *     20      count times: u32 little-endian size, so many bytes of UTF-8
 *
 * Nothing may follow. Decoding checks every key before it shows the first, reserves nothing, and
 * stops where the bytes end, whatever the count says. The first fault it meets is the one that the
 * reference reports. Pure functions; views point into the input.
 */
#ifndef WK_CODEC_KEY_BATCH_H
#define WK_CODEC_KEY_BATCH_H

#include "base/writer.h"
#include "codec/ops.h"
#include "codec/wire_error.h"

#define WK_KEY_BATCH_HEAD_BYTES (WK_KEY_BATCH_MAGIC_BYTES + 4u)

/* The keys not taken yet. A copy is a second, independent walk. */
struct wk_key_batch {
    struct wk_span rest;
    uint32_t count;
};

/* False: `*error` says why and `*out` is as it was. */
/*@
    requires wk_readable(payload) && \valid(out) && \valid(error) && \separated(out, error);
    requires \separated(out, payload.data + (0 .. payload.size - 1));
    requires \separated(error, payload.data + (0 .. payload.size - 1));
    assigns *out, *error;
    ensures !\result ==> out->count == \old(out->count);
    ensures !\result ==> out->rest.data == \old(out->rest.data);
    ensures !\result ==> out->rest.size == \old(out->rest.size);
    ensures \result ==> payload.size >= WK_KEY_BATCH_HEAD_BYTES &&
        out->rest.data == payload.data + WK_KEY_BATCH_HEAD_BYTES &&
        out->rest.size == payload.size - WK_KEY_BATCH_HEAD_BYTES;
*/
bool wk_key_batch_decode(struct wk_span payload, struct wk_key_batch *out,
                         struct wk_wire_error *error);

/* Takes the next key; false when there is none left. Only on what wk_key_batch_decode gave. */
/*@
    requires \valid(batch) && wk_readable(batch->rest) && \valid(key) && \separated(batch, key);
    requires \separated(batch, batch->rest.data + (0 .. batch->rest.size - 1));
    requires \separated(key, batch->rest.data + (0 .. batch->rest.size - 1));
    assigns *batch, *key;
    ensures \result <==> \old(batch->count) > 0;
    ensures !\result ==> *batch == \old(*batch) && *key == \old(*key);
    ensures \result ==> batch->count == \old(batch->count) - 1;
    // The key, and what is left behind it, lie in what was left before.
    ensures wk_readable(batch->rest);
    ensures \result && key->size > 0 ==> key->data == \old(batch->rest.data) + 4 &&
        4 + key->size + batch->rest.size == \old(batch->rest.size);
*/
bool wk_key_batch_next(struct wk_key_batch *batch, struct wk_span *key);

/*@
    logic integer wk_key_batch_size{L}(struct wk_span *keys, integer count) =
        count <= 0 ? WK_KEY_BATCH_HEAD_BYTES
                   : wk_key_batch_size(keys, count - 1) + 4 + keys[count - 1].size;
*/

/* Size of the encoding. False, WK_WIRE_LENGTH_OVERFLOW: over what an archive can hold. */
/*@
    requires \valid_read(keys + (0 .. count - 1)) && \valid(out) && \valid(error);
    requires \separated(out, error, keys + (0 .. count - 1));
    assigns *out, *error;
    ensures \result ==> *out == wk_key_batch_size{Pre}(keys, count) <= WK_ARCHIVE_BYTES_MAX;
    ensures !\result ==> *out == \old(*out);
*/
bool wk_key_batch_encoded_bytes(const struct wk_span *keys, size_t count, size_t *out,
                                struct wk_wire_error *error);
/* Also false, WK_WIRE_TOO_LARGE, when there is no room; `*to` is then as it was. Does not look at
 * the bytes of keys: they are UTF-8 by their origin. */
bool wk_key_batch_encode(const struct wk_span *keys, size_t count, struct wk_writer *to,
                         struct wk_wire_error *error);

#endif
