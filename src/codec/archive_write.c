/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/archive_write.h"

#include "codec/archive.h"

struct wk_archive_writer wk_archive_writer(struct wk_iov *to) {
    return (struct wk_archive_writer){to, to->total_bytes};
}

static uint64_t position(const struct wk_archive_writer *w) {
    return w->to->total_bytes - w->begin;
}

/* ---- plain fields ---- */

static void put(struct wk_archive_writer *w, uint64_t value, size_t size) {
    uint8_t bytes[8];
    if (wk_iov_is_measuring(w->to)) {
        wk_iov_zeros(w->to, size);
        return;
    }
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    wk_iov_copy(w->to, wk_span(bytes, size));
}

void wk_archive_put_u8(struct wk_archive_writer *w, uint8_t value) {
    put(w, value, 1);
}

void wk_archive_put_u32(struct wk_archive_writer *w, uint32_t value) {
    put(w, value, 4);
}

void wk_archive_put_u64(struct wk_archive_writer *w, uint64_t value) {
    put(w, value, 8);
}

void wk_archive_put_zeros(struct wk_archive_writer *w, size_t count) {
    wk_iov_zeros(w->to, count);
}

void wk_archive_align(struct wk_archive_writer *w, uint64_t align) {
    uint64_t past = position(w) % align;
    if (past > 0)
        wk_iov_zeros(w->to, (size_t)(align - past));
}

/* ---- cells ---- */

/* Where the bytes are, seen from here; an i32, because no archive is longer than that reaches. */
static uint32_t offset_to(const struct wk_archive_writer *w, uint64_t at) {
    return (uint32_t)(at - position(w));
}

void wk_archive_put_text_cell(struct wk_archive_writer *w, uint64_t at, struct wk_span text) {
    if (text.size > WK_ARCHIVE_INLINE_MAX) {
        uint32_t size = (uint32_t)text.size;
        uint32_t word = size >> 6 << 8 | 0x80 | (size & 0x3f);
        put(w, (uint64_t)offset_to(w, at) << 32 | word, WK_ARCHIVE_CELL_BYTES);
        return;
    }
    uint8_t cell[WK_ARCHIVE_CELL_BYTES];
    memset(cell, WK_ARCHIVE_FILLER, sizeof cell);
    if (text.size > 0)
        memcpy(cell, text.data, text.size);
    wk_iov_copy(w->to, wk_span(cell, sizeof cell));
}

void wk_archive_put_list_cell(struct wk_archive_writer *w, uint64_t at, uint64_t count) {
    put(w, count << 32 | offset_to(w, at), WK_ARCHIVE_CELL_BYTES);
}

/* ---- out of line ---- */

uint64_t wk_archive_put_text(struct wk_archive_writer *w, struct wk_span text) {
    uint64_t at = position(w);
    if (text.size > WK_ARCHIVE_INLINE_MAX) {
        struct wk_payload bytes = wk_payload(text);
        wk_iov_add(w->to, &bytes);
    }
    return at;
}

uint64_t wk_archive_put_bytes(struct wk_archive_writer *w, const struct wk_payload *bytes) {
    uint64_t at = position(w);
    wk_iov_add(w->to, bytes);
    return at;
}

uint64_t wk_archive_put_nested(struct wk_archive_writer *w, const struct wk_iov *bytes) {
    uint64_t at = position(w);
    wk_iov_nest(w->to, bytes);
    return at;
}

/* The elements' bytes first, then the array. Where each element's bytes went is found again by
 * adding up sizes: nothing has to be remembered. */
uint64_t wk_archive_put_texts(struct wk_archive_writer *w, const struct wk_span *texts,
                              size_t count) {
    uint64_t text_at = position(w);
    for (size_t i = 0; i < count; i++)
        wk_archive_put_text(w, texts[i]);
    wk_archive_align(w, WK_ARCHIVE_CELL_ALIGN);
    uint64_t at = position(w);
    for (size_t i = 0; i < count; i++) {
        wk_archive_put_text_cell(w, text_at, texts[i]);
        if (texts[i].size > WK_ARCHIVE_INLINE_MAX)
            text_at += texts[i].size;
    }
    return at;
}

uint64_t wk_archive_put_byte_strings(struct wk_archive_writer *w, const struct wk_payload *strings,
                                     size_t count) {
    uint64_t bytes_at = position(w);
    for (size_t i = 0; i < count; i++)
        wk_archive_put_bytes(w, &strings[i]);
    wk_archive_align(w, WK_ARCHIVE_CELL_ALIGN);
    uint64_t at = position(w);
    for (size_t i = 0; i < count; i++) {
        wk_archive_put_list_cell(w, bytes_at, strings[i].bytes.size);
        bytes_at += strings[i].bytes.size;
    }
    return at;
}
