/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"

struct wk_span wk_read_span(struct wk_reader *r, size_t size) {
    if (r->failed || size > r->size - r->at) {
        r->failed = true;
        return wk_span(NULL, 0);
    }
    struct wk_span out = wk_span(r->data + r->at, size);
    r->at += size;
    return out;
}

static uint64_t read_le(struct wk_reader *r, size_t size) {
    struct wk_span bytes = wk_read_span(r, size);
    uint64_t value = 0;
    for (size_t i = bytes.size; i > 0; i--)
        value = value << 8 | bytes.data[i - 1];
    return value;
}

static uint64_t read_be(struct wk_reader *r, size_t size) {
    struct wk_span bytes = wk_read_span(r, size);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size; i++)
        value = value << 8 | bytes.data[i];
    return value;
}

uint8_t wk_read_u8(struct wk_reader *r) {
    return (uint8_t)read_le(r, 1);
}

uint16_t wk_read_u16le(struct wk_reader *r) {
    return (uint16_t)read_le(r, 2);
}

uint32_t wk_read_u32le(struct wk_reader *r) {
    return (uint32_t)read_le(r, 4);
}

uint64_t wk_read_u64le(struct wk_reader *r) {
    return read_le(r, 8);
}

uint32_t wk_read_u32be(struct wk_reader *r) {
    return (uint32_t)read_be(r, 4);
}

uint64_t wk_read_u64be(struct wk_reader *r) {
    return read_be(r, 8);
}

bool wk_read_exact(struct wk_reader *r, struct wk_span expected) {
    size_t before = r->at;
    struct wk_span got = wk_read_span(r, expected.size);
    if (r->failed)
        return false;
    if (!wk_span_equal(got, expected)) {
        r->at = before;
        r->failed = true;
        return false;
    }
    return true;
}
