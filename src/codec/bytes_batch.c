/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/bytes_batch.h"

#include "base/mark.h"
#include "base/reader.h"
#include "codec/batch_read.h"

#define WHAT "bytes_batch"

/* Past `count` sizes, which add up to `*sum`. */
/*@
    requires wk_batch_ok(r, error) && \valid(sum) && \separated(sum, r, error);
    requires \separated(sum, r->data + (0 .. r->size - 1));
    requires !r->failed;
    assigns r->at, r->failed, *sum, *error;
    ensures wk_batch_ok(r, error) && \result == !r->failed;
    ensures \result ==> r->at == \old(r->at) + 4 * count;
    ensures \result ==> *sum == wk_bytes_batch_sum(r->data + \old(r->at), count);
    ensures \result ==> *sum <= count * UINT32_MAX;
*/
static bool read_sizes(struct wk_reader *r, uint32_t count, uint64_t *sum,
                       struct wk_wire_error *error) {
    /* 2^32 sizes of 2^32 bytes: 64 bits hold them. */
    uint64_t total = 0;
    /*@
        loop invariant 0 <= i <= count && wk_batch_ok(r, error) && !r->failed;
        loop invariant r->at == \at(r->at, Pre) + 4 * i;
        loop invariant total == wk_bytes_batch_sum(r->data + \at(r->at, Pre), i);
        loop invariant total <= i * UINT32_MAX;
        loop assigns i, r->at, r->failed, *error, total;
        loop variant count - i;
    */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size;
        if (!wk_batch_read_u32(r, &size, error))
            return false;
        //@ assert size == wk_le(r->data + (\at(r->at, Pre) + 4 * i), 4);
        total += size;
        if (WK_PLANTED(109))
            total = (uint16_t)total;
    }
    *sum = total;
    return true;
}

bool wk_bytes_batch_decode(struct wk_span payload, struct wk_bytes_batch *out,
                           struct wk_wire_error *error) {
    struct wk_reader r = wk_reader(payload);
    uint32_t count;
    uint64_t sum;
    if (!wk_batch_read_magic(&r, WHAT, wk_span(WK_BYTES_BATCH_MAGIC, WK_BYTES_BATCH_MAGIC_BYTES),
                             error))
        return false;
    if (!wk_batch_read_u32(&r, &count, error) || !read_sizes(&r, count, &sum, error))
        return false;
    struct wk_span bodies = wk_reader_rest(&r);
    if (bodies.size != sum) {
        *error = (struct wk_wire_error){.kind = WK_WIRE_BODY_LENGTH_MISMATCH,
                                        .what = WHAT,
                                        .needed = r.at + sum,
                                        .got = payload.size};
        return false;
    }
    //@ assert r.at == WK_BYTES_BATCH_HEAD_BYTES + 4 * count;
    //@ assert sum == wk_bytes_batch_sum(payload.data + WK_BYTES_BATCH_HEAD_BYTES, count);
    struct wk_span sizes = wk_span(payload.data + WK_BYTES_BATCH_HEAD_BYTES, (size_t)count * 4);
    *out = (struct wk_bytes_batch){.sizes = sizes, .bodies = bodies, .count = count};
    return true;
}

bool wk_bytes_batch_next(struct wk_bytes_batch *batch, struct wk_span *item) {
    if (batch->count == 0)
        return false;
    struct wk_reader sizes = wk_reader(batch->sizes);
    struct wk_reader bodies = wk_reader(batch->bodies);
    uint32_t size = wk_read_u32le(&sizes);
    struct wk_span taken = wk_read_span(&bodies, size);
    struct wk_span sizes_left = wk_reader_rest(&sizes);
    struct wk_span bodies_left = wk_reader_rest(&bodies);
    batch->sizes = sizes_left;
    batch->bodies = bodies_left;
    batch->count--;
    *item = taken;
    return true;
}

bool wk_bytes_batch_encoded_bytes(const struct wk_span *items, size_t count, size_t *head_bytes,
                                  size_t *total_bytes, struct wk_wire_error *error) {
    size_t total = WK_BYTES_BATCH_HEAD_BYTES;
    for (size_t i = 0; i < count; i++) {
        if (!wk_batch_add(&total, 4, WHAT, error) ||
            !wk_batch_add(&total, items[i].size, WHAT, error))
            return false;
    }
    *head_bytes = WK_BYTES_BATCH_HEAD_BYTES + 4 * count;
    *total_bytes = total;
    return true;
}

bool wk_bytes_batch_encode_head(const struct wk_span *items, size_t count, struct wk_writer *to,
                                struct wk_wire_error *error) {
    size_t head;
    size_t total;
    if (!wk_bytes_batch_encoded_bytes(items, count, &head, &total, error) ||
        !wk_batch_has_room(to, WHAT, head, error))
        return false;
    wk_write_span(to, wk_span(WK_BYTES_BATCH_MAGIC, WK_BYTES_BATCH_MAGIC_BYTES));
    wk_write_u32le(to, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        wk_write_u32le(to, (uint32_t)items[i].size);
    return true;
}
