/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded cursor over memory that output is built in.
 *
 * A write that does not fit sets `failed` and writes nothing; from then on nothing is written. The
 * memory is the caller's. Not thread-safe.
 */
#ifndef WK_BASE_WRITER_H
#define WK_BASE_WRITER_H

#include "base/span.h"

struct wk_writer {
    uint8_t *data;
    size_t capacity;
    size_t at;
    bool failed;
};

/*@
    // What was written so far, and the room behind it, is the caller's; nothing of it overlaps `w`.
    predicate wk_writer_ok{L}(struct wk_writer *w) =
        \valid(w) && w->at <= w->capacity && \valid(w->data + (0 .. w->capacity - 1)) &&
        \separated(w, w->data + (0 .. w->capacity - 1));

    predicate wk_writer_has{L}(struct wk_writer *w, integer size) =
        !w->failed && size <= w->capacity - w->at;

    // One write of `size` bytes lies between the two moments: it went past them, or it failed and
    // the position is what it was.
    predicate wk_writer_gave{Before, After}(struct wk_writer *w, integer size) =
        \at(wk_writer_has(w, size), Before)
            ? !\at(w->failed, After) && \at(w->at, After) == \at(w->at, Before) + size
            : \at(w->failed, After) && \at(w->at, After) == \at(w->at, Before);

    // Nothing but the `size` bytes at the position was written, and they only if they fit.
    predicate wk_writer_kept{Before, After}(struct wk_writer *w, integer size) =
        \forall integer i; 0 <= i < \at(w->capacity, Before) &&
            (\at(wk_writer_has(w, size), Before) ==>
                i < \at(w->at, Before) || i >= \at(w->at, Before) + size) ==>
            \at(w->data[i], After) == \at(w->data[i], Before);
*/

/*@
    requires \valid((uint8_t *)to + (0 .. capacity - 1));
    assigns \nothing;
    ensures \result.data == (uint8_t *)to && \result.capacity == capacity;
    ensures \result.at == 0 && !\result.failed;
*/
static inline struct wk_writer wk_writer(void *to, size_t capacity) {
    return (struct wk_writer){(uint8_t *)to, capacity, 0, false};
}

/*@
    requires wk_writer_ok(w);
    assigns \nothing;
    ensures \result.data == w->data && \result.size == w->at;
*/
static inline struct wk_span wk_writer_span(const struct wk_writer *w) {
    return wk_span(w->data, w->at);
}

/*@
    requires wk_writer_ok(w) && wk_readable(bytes);
    requires \separated(w, bytes.data + (0 .. bytes.size - 1));
    requires \separated(w->data + (0 .. w->capacity - 1), bytes.data + (0 .. bytes.size - 1));
    assigns w->at, w->failed, w->data[w->at .. w->capacity - 1];
    ensures wk_writer_ok(w) && wk_writer_gave{Pre, Post}(w, bytes.size);
    ensures wk_writer_kept{Pre, Post}(w, bytes.size);
    ensures !w->failed ==> \forall integer i; 0 <= i < bytes.size ==>
        w->data[\old(w->at) + i] == bytes.data[i];
*/
void wk_write_span(struct wk_writer *w, struct wk_span bytes);

void wk_write_text(struct wk_writer *w, const char *text); /* without its terminator */

/*@
    requires wk_writer_ok(w);
    assigns w->at, w->failed, w->data[w->at .. w->capacity - 1];
    ensures wk_writer_ok(w) && wk_writer_gave{Pre, Post}(w, count);
    ensures wk_writer_kept{Pre, Post}(w, count);
    ensures !w->failed ==> \forall integer i; 0 <= i < count ==>
        w->data[\old(w->at) + i] == 0;
*/
void wk_write_zeros(struct wk_writer *w, size_t count);

/*@
    requires wk_writer_ok(w);
    assigns w->at, w->failed, w->data[w->at .. w->capacity - 1];
    ensures wk_writer_ok(w) && wk_writer_gave{Pre, Post}(w, 1);
    ensures wk_writer_kept{Pre, Post}(w, 1);
*/
void wk_write_u8(struct wk_writer *w, uint8_t value);

/*@
    requires wk_writer_ok(w);
    assigns w->at, w->failed, w->data[w->at .. w->capacity - 1];
    ensures wk_writer_ok(w) && wk_writer_gave{Pre, Post}(w, 2);
    ensures wk_writer_kept{Pre, Post}(w, 2);
*/
void wk_write_u16le(struct wk_writer *w, uint16_t value);

/*@
    requires wk_writer_ok(w);
    assigns w->at, w->failed, w->data[w->at .. w->capacity - 1];
    ensures wk_writer_ok(w) && wk_writer_gave{Pre, Post}(w, 4);
    ensures wk_writer_kept{Pre, Post}(w, 4);
*/
void wk_write_u32le(struct wk_writer *w, uint32_t value);

/*@
    requires wk_writer_ok(w);
    assigns w->at, w->failed, w->data[w->at .. w->capacity - 1];
    ensures wk_writer_ok(w) && wk_writer_gave{Pre, Post}(w, 8);
    ensures wk_writer_kept{Pre, Post}(w, 8);
*/
void wk_write_u64le(struct wk_writer *w, uint64_t value);

/*@
    requires wk_writer_ok(w);
    assigns w->at, w->failed, w->data[w->at .. w->capacity - 1];
    ensures wk_writer_ok(w) && wk_writer_gave{Pre, Post}(w, 4);
    ensures wk_writer_kept{Pre, Post}(w, 4);
*/
void wk_write_u32be(struct wk_writer *w, uint32_t value);

/*@
    requires wk_writer_ok(w);
    assigns w->at, w->failed, w->data[w->at .. w->capacity - 1];
    ensures wk_writer_ok(w) && wk_writer_gave{Pre, Post}(w, 8);
    ensures wk_writer_kept{Pre, Post}(w, 8);
*/
void wk_write_u64be(struct wk_writer *w, uint64_t value);

#endif
