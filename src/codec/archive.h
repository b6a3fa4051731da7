/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives as rkyv 0.8 writes them (little endian, aligned, 32-bit offsets): how the parts that our
 * messages are made of lie in memory, and how a part that was checked is read.
 *
 * An archive is a run of out-of-line pieces and then, as its last bytes, the root: the message's
 * fields in declaration order, laid out as a C struct. Positions count from the archive's begin. A
 * text or a list is a cell of 8 bytes that says where its bytes are, relative to the cell's own
 * first byte:
 *
 *      text, up to 8 bytes   the bytes themselves, filled up with 0xFF
 *      text, longer          u32 at 0: (n >> 6) << 8 | 0x80 | (n & 0x3F);  i32 at 4: offset
 *      list                  i32 at 0: offset;  u32 at 4: count
 *      option of either      12 bytes: tag 0 or 1, three of padding, the cell
 *
 * UTF-8 never begins with a byte 10xxxxxx and never contains 0xFF: the two forms of a text cannot
 * be confused. A list of texts or of byte strings is an array of such cells.
 *
 * Everything here is a pure function of bytes that archive_check.h accepted. Views point into them.
 */
#ifndef WK_CODEC_ARCHIVE_H
#define WK_CODEC_ARCHIVE_H

#include "base/span.h"
#include "base/utf8.h"

#define WK_ARCHIVE_CELL_BYTES   8
#define WK_ARCHIVE_CELL_ALIGN   4
#define WK_ARCHIVE_OPTION_BYTES 12
#define WK_ARCHIVE_OPTION_CELL  4 /* where the cell lies in it */
#define WK_ARCHIVE_INLINE_MAX   8 /* longest text that lies in its cell */
#define WK_ARCHIVE_FILLER       0xffu

/* Where the bytes of a cell are, or claim to be. A count of elements for a list of cells. */
struct wk_archive_ref {
    int64_t at;
    int64_t count;
    bool inlined;
};

/*@
    // What the bytes of the cell at `at` say: where its target is, and the size or count there.
    logic integer wk_cell_i32{L}(uint8_t *bytes) =
        wk_le(bytes, 4) > INT32_MAX ? wk_le(bytes, 4) - UINT32_MAX - 1 : wk_le(bytes, 4);
    predicate wk_text_inlined{L}(uint8_t *archive, integer at) =
        archive[at] < 0x80 || archive[at] > 0xbf;
    logic integer wk_inline_size{L}(uint8_t *cell, integer from) =
        from >= WK_ARCHIVE_INLINE_MAX || cell[from] == WK_ARCHIVE_FILLER
            ? from : wk_inline_size(cell, from + 1);
    logic integer wk_text_at{L}(uint8_t *archive, integer at) =
        archive[at] < 0x80 || archive[at] > 0xbf ? at : at + wk_cell_i32(archive + at + 4);
    logic integer wk_text_size{L}(uint8_t *archive, integer at) =
        archive[at] < 0x80 || archive[at] > 0xbf
            ? wk_inline_size(archive + at, 0)
            : wk_le(archive + at, 4) / 256 * 64 + wk_le(archive + at, 4) % 64;
    logic integer wk_list_at{L}(uint8_t *archive, integer at) = at + wk_cell_i32(archive + at);
    logic integer wk_list_count{L}(uint8_t *archive, integer at) = wk_le(archive + at + 4, 4);

    // What a cell of each kind refers to lies in the archive and before `end`; an inlined text lies
    // in its cell.
    predicate wk_text_good{L}(uint8_t *archive, integer at, integer end) =
        0 <= wk_text_size(archive, at) && 0 <= wk_text_at(archive, at) &&
        (!wk_text_inlined(archive, at) ==>
            WK_ARCHIVE_INLINE_MAX < wk_text_size(archive, at) &&
            wk_text_at(archive, at) + wk_text_size(archive, at) <= end) &&
        wk_utf8_text(archive + wk_text_at(archive, at), wk_text_size(archive, at));
    predicate wk_bytes_good{L}(uint8_t *archive, integer at, integer end) =
        0 <= wk_list_at(archive, at) &&
        wk_list_at(archive, at) + wk_list_count(archive, at) <= end;
    predicate wk_array_good{L}(uint8_t *archive, integer at, integer end) =
        0 <= wk_list_at(archive, at) &&
        wk_list_at(archive, at) + WK_ARCHIVE_CELL_BYTES * wk_list_count(archive, at) <= end;
    // Element `i` of the array that begins at `array`: what it refers to lies before the array.
    predicate wk_text_cell{L}(uint8_t *archive, integer array, integer i) =
        wk_text_good(archive, array + WK_ARCHIVE_CELL_BYTES * i, array);
    predicate wk_bytes_cell{L}(uint8_t *archive, integer array, integer i) =
        wk_bytes_good(archive, array + WK_ARCHIVE_CELL_BYTES * i, array);
    predicate wk_texts_good{L}(uint8_t *archive, integer at, integer end) =
        wk_array_good(archive, at, end) &&
        \forall integer i; 0 <= i < wk_list_count(archive, at) ==>
            wk_text_cell(archive, wk_list_at(archive, at), i);
    predicate wk_byte_strings_good{L}(uint8_t *archive, integer at, integer end) =
        wk_array_good(archive, at, end) &&
        \forall integer i; 0 <= i < wk_list_count(archive, at) ==>
            wk_bytes_cell(archive, wk_list_at(archive, at), i);

    // The 8 bytes at `at` are there, and what lies before them.
    predicate wk_cell_there{L}(uint8_t *archive, integer at) =
        0 <= at <= INT32_MAX && \valid_read(archive + (0 .. at + WK_ARCHIVE_CELL_BYTES - 1));
*/

/*@
    requires \valid_read(bytes + (0 .. 3));
    assigns \nothing;
    ensures \result == wk_le(bytes, 4);
*/
static inline uint32_t wk_archive_u32(const uint8_t *bytes) {
    return bytes[0] + 0x100u * bytes[1] + 0x10000u * bytes[2] + 0x1000000u * bytes[3];
}

/* Two's complement, said without a conversion that the language leaves to the compiler. */
/*@
    requires \valid_read(bytes + (0 .. 3));
    assigns \nothing;
    ensures \result == wk_cell_i32(bytes) && INT32_MIN <= \result <= INT32_MAX;
*/
static inline int64_t wk_archive_i32(const uint8_t *bytes) {
    int64_t value = wk_archive_u32(bytes);
    return value > INT32_MAX ? value - ((int64_t)UINT32_MAX + 1) : value;
}

/*@
    requires \valid_read(bytes + (0 .. 7));
    assigns \nothing;
    ensures \result == wk_le(bytes, 4) + 0x100000000 * wk_le(bytes + 4, 4);
*/
static inline uint64_t wk_archive_u64(const uint8_t *bytes) {
    return wk_archive_u32(bytes) + 0x100000000u * wk_archive_u32(bytes + 4);
}

/* The cell at `at`, of which all 8 bytes are in the archive. No judgement. */
/*@
    requires wk_cell_there(archive, at);
    assigns \nothing;
    ensures \result.at == wk_text_at(archive, at) && \result.count == wk_text_size(archive, at);
    ensures \result.inlined <==> wk_text_inlined(archive, at);
    ensures at + INT32_MIN <= \result.at <= at + INT32_MAX;
    ensures 0 <= \result.count < 0x40000000;
    ensures \result.inlined ==> \result.count <= WK_ARCHIVE_INLINE_MAX;
*/
struct wk_archive_ref wk_archive_text_ref(const uint8_t *archive, int64_t at);

/*@
    requires wk_cell_there(archive, at);
    assigns \nothing;
    ensures \result.at == wk_list_at(archive, at) && \result.count == wk_list_count(archive, at);
    ensures at + INT32_MIN <= \result.at <= at + INT32_MAX;
    ensures 0 <= \result.count <= UINT32_MAX;
*/
struct wk_archive_ref wk_archive_list_ref(const uint8_t *archive, int64_t at);

/* ---- what was checked ---- */

/* A list of texts, or of byte strings. Take it as it is: the fields are for the accessors. */
struct wk_archive_list {
    const uint8_t *archive;
    int64_t at; /* of the array of cells */
    size_t count;
};

/*@
    predicate wk_list_there{L}(struct wk_archive_list *list) =
        \valid_read(list) && 0 <= list->at &&
        list->at + WK_ARCHIVE_CELL_BYTES * list->count <= INT32_MAX &&
        \valid_read(list->archive + (0 .. list->at + WK_ARCHIVE_CELL_BYTES * list->count - 1));
*/

/* `i` < list.count. */
/*@
    requires wk_list_there(list) && i < list->count;
    requires wk_text_cell(list->archive, list->at, i);
    assigns \nothing;
    ensures \result.data == list->archive +
        wk_text_at(list->archive, list->at + WK_ARCHIVE_CELL_BYTES * i);
    ensures \result.size == wk_text_size(list->archive, list->at + WK_ARCHIVE_CELL_BYTES * i);
    ensures wk_readable(\result) && wk_utf8_text(\result.data, \result.size);
*/
struct wk_span wk_archive_text_at(const struct wk_archive_list *list, size_t i);

/*@
    requires wk_list_there(list) && i < list->count;
    requires wk_bytes_cell(list->archive, list->at, i);
    assigns \nothing;
    ensures \result.data == list->archive +
        wk_list_at(list->archive, list->at + WK_ARCHIVE_CELL_BYTES * i);
    ensures \result.size == wk_list_count(list->archive, list->at + WK_ARCHIVE_CELL_BYTES * i);
    ensures wk_readable(\result);
*/
struct wk_span wk_archive_bytes_at(const struct wk_archive_list *list, size_t i);

/*@
    // A view of a decoded message is what the cell at `at` of its archive refers to, and that lies
    // inside the archive.
    predicate wk_shows_text{L}(struct wk_span view, struct wk_span archive, integer at) =
        view.data == archive.data + wk_text_at(archive.data, at) &&
        view.size == wk_text_size(archive.data, at) && wk_text_good(archive.data, at, at);
    predicate wk_shows_bytes{L}(struct wk_span view, struct wk_span archive, integer at) =
        view.data == archive.data + wk_list_at(archive.data, at) &&
        view.size == wk_list_count(archive.data, at) && wk_bytes_good(archive.data, at, at);
    predicate wk_shows_texts{L}(struct wk_archive_list list, struct wk_span archive, integer at) =
        list.archive == archive.data && list.at == wk_list_at(archive.data, at) &&
        list.count == wk_list_count(archive.data, at) && wk_texts_good(archive.data, at, at);
    predicate wk_shows_byte_strings{L}(struct wk_archive_list list, struct wk_span archive,
                                       integer at) =
        list.archive == archive.data && list.at == wk_list_at(archive.data, at) &&
        list.count == wk_list_count(archive.data, at) &&
        wk_byte_strings_good(archive.data, at, at);
*/

/* The fields of a root, by position. */
/*@
    requires wk_cell_there(archive, at) && wk_text_good(archive, at, at);
    assigns \nothing;
    ensures \result.data == archive + wk_text_at(archive, at);
    ensures \result.size == wk_text_size(archive, at);
    ensures wk_readable(\result);
*/
struct wk_span wk_archive_text(const uint8_t *archive, int64_t at);

/*@
    requires wk_cell_there(archive, at) && wk_bytes_good(archive, at, at);
    assigns \nothing;
    ensures \result.data == archive + wk_list_at(archive, at);
    ensures \result.size == wk_list_count(archive, at);
    ensures wk_readable(\result);
*/
struct wk_span wk_archive_bytes(const uint8_t *archive, int64_t at);

/*@
    requires wk_cell_there(archive, at) && wk_array_good(archive, at, at);
    assigns \nothing;
    ensures \result.archive == archive;
    ensures \result.at == wk_list_at(archive, at);
    ensures \result.count == wk_list_count(archive, at);
*/
struct wk_archive_list wk_archive_list(const uint8_t *archive, int64_t at);

#endif
