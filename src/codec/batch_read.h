/* SPDX-License-Identifier: Apache-2.0 */
/* What the key batch, the bytes batch and the payloads of block messages share; nobody else
 * includes it. */
#ifndef WK_CODEC_BATCH_READ_H
#define WK_CODEC_BATCH_READ_H

#include "base/reader.h"
#include "base/writer.h"
#include "codec/wire_error.h"

/* Past `magic` if the input begins with it; else WK_WIRE_BAD_MAGIC with what is there instead. */
bool wk_batch_read_magic(struct wk_reader *r, const char *what, struct wk_span magic,
                         struct wk_wire_error *error);

/* False, WK_WIRE_TRUNCATED, at the end of the input; the reference calls these "u32". */
bool wk_batch_read_u32(struct wk_reader *r, uint32_t *out, struct wk_wire_error *error);

/* Adds to the size of an encoding. False, WK_WIRE_LENGTH_OVERFLOW, when that were more than any
 * archive around it can hold, and thereby more than 32 bits can say. */
bool wk_batch_add(size_t *total, size_t size, const char *what, struct wk_wire_error *error);

/* False, WK_WIRE_TOO_LARGE, when `w` has no room for `size` bytes. */
bool wk_batch_has_room(const struct wk_writer *w, const char *what, size_t size,
                       struct wk_wire_error *error);

#endif
