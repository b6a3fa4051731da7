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

static inline uint32_t wk_archive_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

/* Two's complement, said without a conversion that the language leaves to the compiler. */
static inline int64_t wk_archive_i32(const uint8_t *bytes) {
    int64_t value = wk_archive_u32(bytes);
    return value > INT32_MAX ? value - ((int64_t)UINT32_MAX + 1) : value;
}

static inline uint64_t wk_archive_u64(const uint8_t *bytes) {
    return wk_archive_u32(bytes) | (uint64_t)wk_archive_u32(bytes + 4) << 32;
}

/* The cell at `at`, of which all 8 bytes are in the archive. No judgement. */
struct wk_archive_ref wk_archive_text_ref(const uint8_t *archive, int64_t at);
struct wk_archive_ref wk_archive_list_ref(const uint8_t *archive, int64_t at);

/* ---- what was checked ---- */

/* A list of texts, or of byte strings. Take it as it is: the fields are for the accessors. */
struct wk_archive_list {
    const uint8_t *archive;
    int64_t at; /* of the array of cells */
    size_t count;
};

/* `i` < list.count. */
struct wk_span wk_archive_text_at(const struct wk_archive_list *list, size_t i);
struct wk_span wk_archive_bytes_at(const struct wk_archive_list *list, size_t i);

/* The fields of a root, by position. */
struct wk_span wk_archive_text(const uint8_t *archive, int64_t at);
struct wk_span wk_archive_bytes(const uint8_t *archive, int64_t at);
struct wk_archive_list wk_archive_list(const uint8_t *archive, int64_t at);

#endif
