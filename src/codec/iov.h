/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an encoder yields: the pieces of a message in order, ready for a gathering write.
 *
 *      scratch (the caller's memory)    pieces (the caller's array)
 *      +--------+--------+------+       [0] head bytes        -> scratch
 *      | head   | cells  | root |       [1] payload           -> where it lies, not copied
 *      +--------+--------+------+       [2] cells and root    -> scratch
 *
 * Small things are written into scratch, one behind the other; a payload is borrowed as a piece of
 * its own. Neighbouring small things make one piece. The sum of all sizes and the CRC32C of all
 * bytes are kept on the way: a payload whose CRC is known is not read at all, any other exactly
 * once.
 *
 * The same encoder run on wk_iov_measuring() only counts: what it counted is what scratch and
 * pieces must hold. Encoders ask wk_iov_has_room before they add anything, so that a refused call
 * leaves the list as it was.
 *
 * Pieces point into scratch and into what was borrowed: all of it stays in place until the pieces
 * are sent. Owns nothing, allocates nothing. Not thread-safe.
 */
#ifndef WK_CODEC_IOV_H
#define WK_CODEC_IOV_H

#include "base/limits.h"
#include "base/writer.h"
#include "codec/wire_error.h"

/* Bytes that are not copied, and their CRC32C where somebody knows it. */
struct wk_payload {
    struct wk_span bytes;
    bool crc_known;
    uint32_t crc32c;
};

static inline struct wk_payload wk_payload(struct wk_span bytes) {
    return (struct wk_payload){bytes, false, 0};
}

/* A list nobody added to yet is a struct wk_iov from wk_iov(). */
struct wk_iov {
    struct wk_span *pieces; /* NULL: measuring */
    size_t capacity;
    size_t count;
    struct wk_writer scratch;
    size_t run_at;        /* scratch from here on is not a piece yet */
    uint64_t total_bytes; /* of everything added, a frame's header left out */
    uint32_t crc32c;      /* of the same, once wk_iov_close was called */
};

/* What one message takes. Adding two needs gives the need of both in one list. */
struct wk_iov_need {
    size_t pieces;
    size_t scratch_bytes;
    uint64_t total_bytes;
};

struct wk_iov wk_iov(struct wk_span *pieces, size_t capacity, void *scratch, size_t scratch_bytes);
struct wk_iov wk_iov_measuring(void);

static inline bool wk_iov_is_measuring(const struct wk_iov *iov) {
    return iov->pieces == NULL;
}

/* ---- adding; the caller has seen wk_iov_has_room say true ---- */

/* Copies into scratch. */
void wk_iov_copy(struct wk_iov *iov, struct wk_span bytes);
void wk_iov_zeros(struct wk_iov *iov, size_t count);
/* Borrows; up to WK_IOV_COPY_BYTES_MAX bytes are copied instead. */
void wk_iov_add(struct wk_iov *iov, const struct wk_payload *payload);
/* All pieces of `inner`, which is closed and is not `iov`. Reads none of their bytes. */
void wk_iov_nest(struct wk_iov *iov, const struct wk_iov *inner);

/* Makes a piece of what scratch still holds; pieces and CRC are complete then. More may follow. */
void wk_iov_close(struct wk_iov *iov);

/* ---- room ---- */

struct wk_iov_need wk_iov_needed(const struct wk_iov *measured);
/* False, WK_WIRE_TOO_LARGE: pieces, scratch, or the total over WK_ARCHIVE_BYTES_MAX. */
bool wk_iov_has_room(const struct wk_iov *iov, struct wk_iov_need need, const char *what,
                     struct wk_wire_error *error);

#endif
