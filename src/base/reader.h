/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded cursor over input that may be hostile.
 *
 * All parsing goes through it. A read that does not fit sets `failed`, leaves the position where
 * it was, and yields zero or an empty span; from then on every read does the same. A parser may
 * therefore read a whole record and test `failed` once, before it believes any of it.
 *
 * Not thread-safe. Owns nothing: spans point into the input.
 */
#ifndef WK_BASE_READER_H
#define WK_BASE_READER_H

#include "base/span.h"

struct wk_reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    bool failed;
};

static inline struct wk_reader wk_reader(struct wk_span input) {
    return (struct wk_reader){input.data, input.size, 0, false};
}

static inline size_t wk_reader_left(const struct wk_reader *r) {
    return r->failed ? 0 : r->size - r->at;
}

/* The next `size` bytes as a view. */
struct wk_span wk_read_span(struct wk_reader *r, size_t size);
uint8_t wk_read_u8(struct wk_reader *r);
uint16_t wk_read_u16le(struct wk_reader *r);
uint32_t wk_read_u32le(struct wk_reader *r);
uint64_t wk_read_u64le(struct wk_reader *r);
uint32_t wk_read_u32be(struct wk_reader *r);
uint64_t wk_read_u64be(struct wk_reader *r);
/* True, and past them, if the next bytes are exactly these; else failed. */
bool wk_read_exact(struct wk_reader *r, struct wk_span expected);

#endif
