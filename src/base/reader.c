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

/*@
    requires wk_reader_ok(r) && size <= 8;
    assigns r->at, r->failed;
    ensures wk_reader_ok(r) && wk_reader_took{Pre, Post}(r, size);
    ensures \result == (r->failed ? 0 : wk_le(r->data + \old(r->at), size));
    ensures \result < wk_pow256(size);
*/
static uint64_t read_le(struct wk_reader *r, size_t size) {
    struct wk_span bytes = wk_read_span(r, size);
    uint64_t value = 0;
    /*@
        loop invariant 0 <= i <= bytes.size;
        loop invariant value == wk_le(bytes.data + i, bytes.size - i);
        loop invariant value < wk_pow256(bytes.size - i);
        loop assigns i, value;
        loop variant i;
    */
    for (size_t i = bytes.size; i > 0; i--)
        value = value * 256 + bytes.data[i - 1];
    return value;
}

/*@
    requires wk_reader_ok(r) && size <= 8;
    assigns r->at, r->failed;
    ensures wk_reader_ok(r) && wk_reader_took{Pre, Post}(r, size);
    ensures \result == (r->failed ? 0 : wk_be(r->data + \old(r->at), size));
    ensures \result < wk_pow256(size);
*/
static uint64_t read_be(struct wk_reader *r, size_t size) {
    struct wk_span bytes = wk_read_span(r, size);
    uint64_t value = 0;
    /*@
        loop invariant 0 <= i <= bytes.size;
        loop invariant value == wk_be(bytes.data, i);
        loop invariant value < wk_pow256(i);
        loop assigns i, value;
        loop variant bytes.size - i;
    */
    for (size_t i = 0; i < bytes.size; i++)
        value = value * 256 + bytes.data[i];
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
