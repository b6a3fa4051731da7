/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes archives, the same bytes as rkyv's serializer: first every field's out-of-line bytes in
 * declaration order, then the root. A field is two calls:
 *
 *      at = wk_archive_put_text(&w, text)       its bytes, or nothing when they fit in the cell
 *      ...                                      the other fields; wk_archive_align; the root so far
 *      wk_archive_put_text_cell(&w, at, text)   its cell, here
 *
 * Offsets are taken between where the bytes went and where the cell is put. Everything goes into a
 * wk_iov that has room (or only measures): no call can fail. All padding is zero.
 */
#ifndef WK_CODEC_ARCHIVE_WRITE_H
#define WK_CODEC_ARCHIVE_WRITE_H

#include "codec/iov.h"

struct wk_archive_writer {
    struct wk_iov *to;
    uint64_t begin; /* of the archive: positions count from here */
};

struct wk_archive_writer wk_archive_writer(struct wk_iov *to);

void wk_archive_align(struct wk_archive_writer *w, uint64_t align);

/* Each gives the position that the cell will refer to. */
uint64_t wk_archive_put_text(struct wk_archive_writer *w, struct wk_span text);
uint64_t wk_archive_put_bytes(struct wk_archive_writer *w, const struct wk_payload *bytes);
uint64_t wk_archive_put_nested(struct wk_archive_writer *w, const struct wk_iov *bytes);
uint64_t wk_archive_put_texts(struct wk_archive_writer *w, const struct wk_span *texts,
                              size_t count);
uint64_t wk_archive_put_byte_strings(struct wk_archive_writer *w, const struct wk_payload *strings,
                                     size_t count);

void wk_archive_put_text_cell(struct wk_archive_writer *w, uint64_t at, struct wk_span text);
void wk_archive_put_list_cell(struct wk_archive_writer *w, uint64_t at, uint64_t count);

void wk_archive_put_u8(struct wk_archive_writer *w, uint8_t value);
void wk_archive_put_u32(struct wk_archive_writer *w, uint32_t value);
void wk_archive_put_u64(struct wk_archive_writer *w, uint64_t value);
void wk_archive_put_zeros(struct wk_archive_writer *w, size_t count);

#endif
