/* SPDX-License-Identifier: Apache-2.0 */
#include "base/writer.h"

/*@
    requires wk_writer_ok(w);
    assigns w->at, w->failed;
    ensures wk_writer_ok(w) && wk_writer_gave{Pre, Post}(w, size);
    ensures \result == (w->failed ? (uint8_t *)\null : w->data + \old(w->at));
*/
static uint8_t *room(struct wk_writer *w, size_t size) {
    if (w->failed || size > w->capacity - w->at) {
        w->failed = true;
        return NULL;
    }
    uint8_t *to = w->data + w->at;
    w->at += size;
    return to;
}

void wk_write_span(struct wk_writer *w, struct wk_span bytes) {
    uint8_t *to = room(w, bytes.size);
    if (to != NULL && bytes.size > 0)
        memcpy(to, bytes.data, bytes.size);
}

void wk_write_text(struct wk_writer *w, const char *text) {
    wk_write_span(w, wk_span_text(text));
}

void wk_write_zeros(struct wk_writer *w, size_t count) {
    uint8_t *to = room(w, count);
    if (to != NULL && count > 0)
        memset(to, 0, count);
}

/*@
    requires wk_writer_ok(w) && 1 <= size <= 8;
    assigns w->at, w->failed, w->data[w->at .. w->capacity - 1];
    ensures wk_writer_ok(w) && wk_writer_gave{Pre, Post}(w, size);
    ensures wk_writer_kept{Pre, Post}(w, size);
*/
static void write_le(struct wk_writer *w, uint64_t value, size_t size) {
    uint8_t *to = room(w, size);
    /*@
        loop invariant to != \null ==> 0 <= i <= size;
        loop invariant to != \null ==>
            \forall integer j; 0 <= j < w->capacity && (j < w->at - size || j >= w->at - size + i)
                ==> w->data[j] == \at(w->data[j], Pre);
        loop assigns i, to[0 .. size - 1];
        loop variant size - i;
    */
    for (size_t i = 0; to != NULL && i < size; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

/*@
    requires wk_writer_ok(w) && 1 <= size <= 8;
    assigns w->at, w->failed, w->data[w->at .. w->capacity - 1];
    ensures wk_writer_ok(w) && wk_writer_gave{Pre, Post}(w, size);
    ensures wk_writer_kept{Pre, Post}(w, size);
*/
static void write_be(struct wk_writer *w, uint64_t value, size_t size) {
    uint8_t *to = room(w, size);
    /*@
        loop invariant to != \null ==> 0 <= i <= size;
        loop invariant to != \null ==>
            \forall integer j; 0 <= j < w->capacity && (j < w->at - size || j >= w->at - size + i)
                ==> w->data[j] == \at(w->data[j], Pre);
        loop assigns i, to[0 .. size - 1];
        loop variant size - i;
    */
    for (size_t i = 0; to != NULL && i < size; i++)
        to[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

void wk_write_u8(struct wk_writer *w, uint8_t value) {
    write_le(w, value, 1);
}

void wk_write_u16le(struct wk_writer *w, uint16_t value) {
    write_le(w, value, 2);
}

void wk_write_u32le(struct wk_writer *w, uint32_t value) {
    write_le(w, value, 4);
}

void wk_write_u64le(struct wk_writer *w, uint64_t value) {
    write_le(w, value, 8);
}

void wk_write_u32be(struct wk_writer *w, uint32_t value) {
    write_be(w, value, 4);
}

void wk_write_u64be(struct wk_writer *w, uint64_t value) {
    write_be(w, value, 8);
}
