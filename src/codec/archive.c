/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/archive.h"

/* A text's first byte tells its forms apart: out of line, it is 10xxxxxx. */
#define OUT_OF_LINE_MIN 0x80u
#define OUT_OF_LINE_MAX 0xbfu

/*@
    requires \valid_read(cell + (0 .. WK_ARCHIVE_INLINE_MAX - 1));
    assigns \nothing;
    ensures \result == wk_inline_size(cell, 0) && 0 <= \result <= WK_ARCHIVE_INLINE_MAX;
*/
static int64_t inline_size(const uint8_t *cell) {
    int64_t size = 0;
    /*@
        loop invariant 0 <= size <= WK_ARCHIVE_INLINE_MAX;
        loop invariant wk_inline_size(cell, 0) == wk_inline_size(cell, size);
        loop assigns size;
        loop variant WK_ARCHIVE_INLINE_MAX - size;
    */
    while (size < WK_ARCHIVE_INLINE_MAX && cell[size] != WK_ARCHIVE_FILLER)
        size++;
    return size;
}

struct wk_archive_ref wk_archive_text_ref(const uint8_t *archive, int64_t at) {
    const uint8_t *cell = archive + at;
    if (cell[0] < OUT_OF_LINE_MIN || cell[0] > OUT_OF_LINE_MAX)
        return (struct wk_archive_ref){at, inline_size(cell), true};
    uint32_t word = wk_archive_u32(cell);
    int64_t size = (int64_t)(word / 256) * 64 + word % 64;
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
    int64_t at = list->at + (int64_t)i * WK_ARCHIVE_CELL_BYTES;
    //@ assert at == list->at + WK_ARCHIVE_CELL_BYTES * i;
    //@ assert wk_text_good(list->archive, at, list->at);
    //@ assert wk_text_good(list->archive, at, at);
    return wk_archive_text(list->archive, at);
}

struct wk_span wk_archive_bytes_at(const struct wk_archive_list *list, size_t i) {
    return wk_archive_bytes(list->archive, list->at + (int64_t)i * WK_ARCHIVE_CELL_BYTES);
}
