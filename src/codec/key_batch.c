/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/key_batch.h"

#include "base/mark.h"
#include "base/reader.h"
#include "base/utf8.h"
#include "codec/batch_read.h"

#define WHAT "key_batch"

/* Reads one key and checks it. */
/*@
    requires wk_batch_ok(r, error);
    assigns r->at, r->failed, *error;
    ensures wk_batch_ok(r, error) && r->at >= \old(r->at);
    ensures \result ==> !r->failed;
*/
static bool read_key(struct wk_reader *r, struct wk_wire_error *error) {
    uint32_t size;
    if (!wk_batch_read_u32(r, &size, error))
        return false;
    size_t at = r->at;
    struct wk_span key = wk_read_span(r, size);
    if (r->failed) {
        *error = (struct wk_wire_error){
            .kind = WK_WIRE_TRUNCATED, .what = WHAT, .needed = size, .at = at, .got = r->size};
        return false;
    }
    size_t valid = wk_utf8_valid_bytes(key);
    if (valid < key.size) {
        *error = (struct wk_wire_error){.kind = WK_WIRE_UTF8,
                                        .what = WHAT,
                                        .at = valid,
                                        .found = wk_span(key.data + valid, key.size - valid)};
        return false;
    }
    return true;
}

bool wk_key_batch_decode(struct wk_span payload, struct wk_key_batch *out,
                         struct wk_wire_error *error) {
    struct wk_reader r = wk_reader(payload);
    uint32_t count;
    if (!wk_batch_read_magic(&r, WHAT, wk_span(WK_KEY_BATCH_MAGIC, WK_KEY_BATCH_MAGIC_BYTES),
                             error))
        return false;
    if (!wk_batch_read_u32(&r, &count, error))
        return false;
    struct wk_span rest = wk_reader_rest(&r);
    /*@
        loop invariant 0 <= i <= count && wk_batch_ok(&r, error) && !r.failed;
        loop invariant r.data == payload.data && r.size == payload.size;
        loop invariant r.at >= WK_KEY_BATCH_HEAD_BYTES;
        loop assigns i, r.at, r.failed, *error;
        loop variant count - i;
    */
    for (uint32_t i = 0; i < count; i++) {
        if (!read_key(&r, error))
            return false;
    }
    if (r.size - r.at > (WK_PLANTED(108) ? 3 : 0)) {
        *error = (struct wk_wire_error){
            .kind = WK_WIRE_TRAILING_BYTES, .what = WHAT, .got = r.size - r.at};
        return false;
    }
    *out = (struct wk_key_batch){.rest = rest, .count = count};
    return true;
}

bool wk_key_batch_next(struct wk_key_batch *batch, struct wk_span *key) {
    if (batch->count == 0)
        return false;
    struct wk_reader r = wk_reader(batch->rest);
    uint32_t size = wk_read_u32le(&r);
    *key = wk_read_span(&r, size);
    batch->rest = wk_reader_rest(&r);
    batch->count--;
    return true;
}

bool wk_key_batch_encoded_bytes(const struct wk_span *keys, size_t count, size_t *out,
                                struct wk_wire_error *error) {
    size_t total = WK_KEY_BATCH_HEAD_BYTES;
    /*@
        loop invariant 0 <= i <= count && total == wk_key_batch_size{Pre}(keys, i);
        loop invariant total <= WK_ARCHIVE_BYTES_MAX;
        loop assigns i, total, *error;
        loop variant count - i;
    */
    for (size_t i = 0; i < count; i++) {
        if (!wk_batch_add(&total, 4, WHAT, error) ||
            !wk_batch_add(&total, keys[i].size, WHAT, error))
            return false;
    }
    *out = total;
    return true;
}

bool wk_key_batch_encode(const struct wk_span *keys, size_t count, struct wk_writer *to,
                         struct wk_wire_error *error) {
    size_t total;
    if (!wk_key_batch_encoded_bytes(keys, count, &total, error) ||
        !wk_batch_has_room(to, WHAT, total, error))
        return false;
    wk_write_span(to, wk_span(WK_KEY_BATCH_MAGIC, WK_KEY_BATCH_MAGIC_BYTES));
    wk_write_u32le(to, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        wk_write_u32le(to, (uint32_t)keys[i].size);
        wk_write_span(to, keys[i]);
    }
    return true;
}
