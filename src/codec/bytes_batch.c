/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/bytes_batch.h"

#include "base/mark.h"
#include "base/reader.h"
#include "codec/batch_read.h"

#define WHAT       "bytes_batch"
#define HEAD_BYTES (WK_BYTES_BATCH_MAGIC_BYTES + 4u)

bool wk_bytes_batch_decode(struct wk_span payload, struct wk_bytes_batch *out,
                           struct wk_wire_error *error) {
    struct wk_reader r = wk_reader(payload);
    uint32_t count;
    if (!wk_batch_read_magic(&r, WHAT, wk_span(WK_BYTES_BATCH_MAGIC, WK_BYTES_BATCH_MAGIC_BYTES),
                             error))
        return false;
    if (!wk_batch_read_u32(&r, &count, error))
        return false;
    size_t sizes_at = r.at;
    /* 2^32 sizes of 2^32 bytes: 64 bits hold the sum. */
    uint64_t end = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size;
        if (!wk_batch_read_u32(&r, &size, error))
            return false;
        end += size;
        if (WK_PLANTED(109))
            end = (uint16_t)end;
    }
    end += r.at;
    if (end != payload.size) {
        *error = (struct wk_wire_error){
            .kind = WK_WIRE_BODY_LENGTH_MISMATCH, .what = WHAT, .needed = end, .got = payload.size};
        return false;
    }
    *out = (struct wk_bytes_batch){.sizes = wk_span(payload.data + sizes_at, r.at - sizes_at),
                                   .bodies = wk_span(payload.data + r.at, payload.size - r.at),
                                   .count = count};
    return true;
}

bool wk_bytes_batch_next(struct wk_bytes_batch *batch, struct wk_span *item) {
    if (batch->count == 0)
        return false;
    struct wk_reader sizes = wk_reader(batch->sizes);
    struct wk_reader bodies = wk_reader(batch->bodies);
    uint32_t size = wk_read_u32le(&sizes);
    *item = wk_read_span(&bodies, size);
    batch->sizes = wk_span(sizes.data + sizes.at, sizes.size - sizes.at);
    batch->bodies = wk_span(bodies.data + bodies.at, bodies.size - bodies.at);
    batch->count--;
    return true;
}

bool wk_bytes_batch_encoded_bytes(const struct wk_span *items, size_t count, size_t *head_bytes,
                                  size_t *total_bytes, struct wk_wire_error *error) {
    size_t total = HEAD_BYTES;
    for (size_t i = 0; i < count; i++) {
        if (!wk_batch_add(&total, 4, WHAT, error) ||
            !wk_batch_add(&total, items[i].size, WHAT, error))
            return false;
    }
    *head_bytes = HEAD_BYTES + 4 * count;
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
