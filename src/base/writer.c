/* SPDX-License-Identifier: Apache-2.0 */
#include "base/writer.h"

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

static void write_le(struct wk_writer *w, uint64_t value, size_t size) {
    uint8_t *to = room(w, size);
    for (size_t i = 0; to != NULL && i < size; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static void write_be(struct wk_writer *w, uint64_t value, size_t size) {
    uint8_t *to = room(w, size);
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
