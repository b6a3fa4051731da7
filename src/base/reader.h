/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded cursor over input that may be hostile.
 *
 * All parsing goes through it. A read that does not fit sets `failed`, leaves the position where
 * it was, and yields zero or an empty span; from then on every read does the same. A parser may
 * therefore read a whole record and test `failed` once, before it believes any of it.
 *
 * Not thread-safe. Owns nothing: spans point into the input.
 */
#ifndef WK_BASE_READER_H
#define WK_BASE_READER_H

#include "base/span.h"

struct wk_reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    bool failed;
};

/*@
    predicate wk_reader_ok{L}(struct wk_reader *r) =
        \valid(r) && r->at <= r->size && \valid_read(r->data + (0 .. r->size - 1)) &&
        \separated(r, r->data + (0 .. r->size - 1));

    predicate wk_reader_has{L}(struct wk_reader *r, integer size) =
        !r->failed && size <= r->size - r->at;

    // One read of `size` bytes lies between the two moments: it went past them, or it failed and
    // the position is what it was.
    predicate wk_reader_took{Before, After}(struct wk_reader *r, integer size) =
        \at(wk_reader_has(r, size), Before)
            ? !\at(r->failed, After) && \at(r->at, After) == \at(r->at, Before) + size
            : \at(r->failed, After) && \at(r->at, After) == \at(r->at, Before);
*/

/*@
    requires wk_readable(input);
    assigns \nothing;
    ensures \result.data == input.data && \result.size == input.size;
    ensures \result.at == 0 && !\result.failed;
*/
static inline struct wk_reader wk_reader(struct wk_span input) {
    return (struct wk_reader){input.data, input.size, 0, false};
}

/*@
    requires wk_reader_ok(r);
    assigns \nothing;
    ensures \result == (r->failed ? 0 : r->size - r->at);
*/
static inline size_t wk_reader_left(const struct wk_reader *r) {
    return r->failed ? 0 : r->size - r->at;
}

/* All that was not read yet. */
/*@
    requires wk_reader_ok(r);
    assigns \nothing;
    ensures \result.data == r->data + r->at && \result.size == r->size - r->at;
*/
static inline struct wk_span wk_reader_rest(const struct wk_reader *r) {
    return wk_span(r->data + r->at, r->size - r->at);
}

/* The next `size` bytes as a view. */
/*@
    requires wk_reader_ok(r);
    assigns r->at, r->failed;
    ensures wk_reader_ok(r) && wk_reader_took{Pre, Post}(r, size);
    ensures r->failed ==> \result.data == \null && \result.size == 0;
    ensures !r->failed ==> \result.data == r->data + \old(r->at) && \result.size == size;
*/
struct wk_span wk_read_span(struct wk_reader *r, size_t size);

/*@
    requires wk_reader_ok(r);
    assigns r->at, r->failed;
    ensures wk_reader_ok(r) && wk_reader_took{Pre, Post}(r, 1);
    ensures \result == (r->failed ? 0 : wk_le(r->data + \old(r->at), 1));
*/
uint8_t wk_read_u8(struct wk_reader *r);

/*@
    requires wk_reader_ok(r);
    assigns r->at, r->failed;
    ensures wk_reader_ok(r) && wk_reader_took{Pre, Post}(r, 2);
    ensures \result == (r->failed ? 0 : wk_le(r->data + \old(r->at), 2));
*/
uint16_t wk_read_u16le(struct wk_reader *r);

/*@
    requires wk_reader_ok(r);
    assigns r->at, r->failed;
    ensures wk_reader_ok(r) && wk_reader_took{Pre, Post}(r, 4);
    ensures \result == (r->failed ? 0 : wk_le(r->data + \old(r->at), 4));
*/
uint32_t wk_read_u32le(struct wk_reader *r);

/*@
    requires wk_reader_ok(r);
    assigns r->at, r->failed;
    ensures wk_reader_ok(r) && wk_reader_took{Pre, Post}(r, 8);
    ensures \result == (r->failed ? 0 : wk_le(r->data + \old(r->at), 8));
*/
uint64_t wk_read_u64le(struct wk_reader *r);

/*@
    requires wk_reader_ok(r);
    assigns r->at, r->failed;
    ensures wk_reader_ok(r) && wk_reader_took{Pre, Post}(r, 4);
    ensures \result == (r->failed ? 0 : wk_be(r->data + \old(r->at), 4));
*/
uint32_t wk_read_u32be(struct wk_reader *r);

/*@
    requires wk_reader_ok(r);
    assigns r->at, r->failed;
    ensures wk_reader_ok(r) && wk_reader_took{Pre, Post}(r, 8);
    ensures \result == (r->failed ? 0 : wk_be(r->data + \old(r->at), 8));
*/
uint64_t wk_read_u64be(struct wk_reader *r);

/* True, and past them, if the next bytes are exactly these; else failed. */
/*@
    requires wk_reader_ok(r) && wk_readable(expected);
    requires \separated(r, expected.data + (0 .. expected.size - 1));
    assigns r->at, r->failed;
    ensures wk_reader_ok(r) && \result == !r->failed;
    ensures \result <==> \old(wk_reader_has(r, expected.size)) &&
        \forall integer i; 0 <= i < expected.size ==>
            r->data[\old(r->at) + i] == expected.data[i];
    ensures r->at == \old(r->at) + (\result ? expected.size : 0);
*/
bool wk_read_exact(struct wk_reader *r, struct wk_span expected);

#endif
