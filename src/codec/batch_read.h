/* SPDX-License-Identifier: Apache-2.0 */
/* What the key batch, the bytes batch and the payloads of block messages share; nobody else
 * includes it. */
#ifndef WK_CODEC_BATCH_READ_H
#define WK_CODEC_BATCH_READ_H

#include "base/reader.h"
#include "base/writer.h"
#include "codec/wire_error.h"

/*@
    // What every decoder here is given: an error to fill that lies nowhere else.
    predicate wk_batch_ok{L}(struct wk_reader *r, struct wk_wire_error *error) =
        wk_reader_ok(r) && \valid(error) && \separated(r, error) &&
        \separated(error, r->data + (0 .. r->size - 1));
*/

/* Past `magic` if the input begins with it; else WK_WIRE_BAD_MAGIC with what is there instead. */
/*@
    requires wk_batch_ok(r, error) && wk_readable(magic);
    requires \separated(r, magic.data + (0 .. magic.size - 1));
    requires \separated(error, magic.data + (0 .. magic.size - 1));
    assigns r->at, r->failed, *error;
    ensures wk_batch_ok(r, error) && \result == !r->failed;
    ensures \result ==> r->at == \old(r->at) + magic.size;
*/
bool wk_batch_read_magic(struct wk_reader *r, const char *what, struct wk_span magic,
                         struct wk_wire_error *error);

/* False, WK_WIRE_TRUNCATED, at the end of the input; the reference calls these "u32". */
/*@
    requires wk_batch_ok(r, error) && \valid(out) && \separated(out, r, error);
    requires \separated(out, r->data + (0 .. r->size - 1));
    assigns r->at, r->failed, *out, *error;
    ensures wk_batch_ok(r, error) && \result == !r->failed;
    ensures wk_reader_took{Pre, Post}(r, 4);
    ensures \result ==> *out == wk_le(r->data + \old(r->at), 4);
    ensures !\result ==> *out == \old(*out);
*/
bool wk_batch_read_u32(struct wk_reader *r, uint32_t *out, struct wk_wire_error *error);

/* Adds to the size of an encoding. False, WK_WIRE_LENGTH_OVERFLOW, when that were more than any
 * archive around it can hold, and thereby more than 32 bits can say. */
/*@
    requires \valid(total) && \valid(error) && \separated(total, error);
    requires *total <= WK_ARCHIVE_BYTES_MAX;
    assigns *total, *error;
    ensures \result <==> \old(*total) + size <= WK_ARCHIVE_BYTES_MAX;
    ensures *total == \old(*total) + (\result ? size : 0);
*/
bool wk_batch_add(size_t *total, size_t size, const char *what, struct wk_wire_error *error);

/* False, WK_WIRE_TOO_LARGE, when `w` has no room for `size` bytes. */
/*@
    requires \valid_read(w) && w->at <= w->capacity && \valid(error) && \separated(w, error);
    assigns *error;
    ensures \result <==> wk_writer_has(w, size);
*/
bool wk_batch_has_room(const struct wk_writer *w, const char *what, size_t size,
                       struct wk_wire_error *error);

#endif
