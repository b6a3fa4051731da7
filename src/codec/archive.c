/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/archive.h"

/* The two top bits of a text's first byte tell its forms apart. */
#define FORM_BITS        0xc0u
#define FORM_OUT_OF_LINE 0x80u

static int64_t inline_size(const uint8_t *cell) {
    int64_t size = 0;
    while (size < WK_ARCHIVE_INLINE_MAX && cell[size] != WK_ARCHIVE_FILLER)
        size++;
    return size;
}

struct wk_archive_ref wk_archive_text_ref(const uint8_t *archive, int64_t at) {
    const uint8_t *cell = archive + at;
    if ((cell[0] & FORM_BITS) != FORM_OUT_OF_LINE)
        return (struct wk_archive_ref){at, inline_size(cell), true};
    uint32_t word = wk_archive_u32(cell);
    int64_t size = (int64_t)(word >> 8) * 64 + (word & 0x3f);
    return (struct wk_archive_ref){at + wk_archive_i32(cell + 4), size, false};
}

struct wk_archive_ref wk_archive_list_ref(const uint8_t *archive, int64_t at) {
    const uint8_t *cell = archive + at;
    return (struct wk_archive_ref){at + wk_archive_i32(cell), wk_archive_u32(cell + 4), false};
}

struct wk_span wk_archive_text(const uint8_t *archive, int64_t at) {
    struct wk_archive_ref text = wk_archive_text_ref(archive, at);
    return wk_span(archive + text.at, (size_t)text.count);
}

struct wk_span wk_archive_bytes(const uint8_t *archive, int64_t at) {
    struct wk_archive_ref bytes = wk_archive_list_ref(archive, at);
    return wk_span(archive + bytes.at, (size_t)bytes.count);
}

struct wk_archive_list wk_archive_list(const uint8_t *archive, int64_t at) {
    struct wk_archive_ref cells = wk_archive_list_ref(archive, at);
    return (struct wk_archive_list){archive, cells.at, (size_t)cells.count};
}

struct wk_span wk_archive_text_at(const struct wk_archive_list *list, size_t i) {
    return wk_archive_text(list->archive, list->at + (int64_t)i * WK_ARCHIVE_CELL_BYTES);
}

struct wk_span wk_archive_bytes_at(const struct wk_archive_list *list, size_t i) {
    return wk_archive_bytes(list->archive, list->at + (int64_t)i * WK_ARCHIVE_CELL_BYTES);
}
