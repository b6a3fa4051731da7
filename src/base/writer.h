/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded cursor over memory that output is built in.
 *
 * A write that does not fit sets `failed` and writes nothing; from then on nothing is written. The
 * memory is the caller's. Not thread-safe.
 */
#ifndef WK_BASE_WRITER_H
#define WK_BASE_WRITER_H

#include "base/span.h"

struct wk_writer {
    uint8_t *data;
    size_t capacity;
    size_t at;
    bool failed;
};

static inline struct wk_writer wk_writer(void *to, size_t capacity) {
    return (struct wk_writer){(uint8_t *)to, capacity, 0, false};
}

static inline struct wk_span wk_writer_span(const struct wk_writer *w) {
    return wk_span(w->data, w->at);
}

void wk_write_span(struct wk_writer *w, struct wk_span bytes);
void wk_write_text(struct wk_writer *w, const char *text); /* without its terminator */
void wk_write_zeros(struct wk_writer *w, size_t count);
void wk_write_u8(struct wk_writer *w, uint8_t value);
void wk_write_u16le(struct wk_writer *w, uint16_t value);
void wk_write_u32le(struct wk_writer *w, uint32_t value);
void wk_write_u64le(struct wk_writer *w, uint64_t value);
void wk_write_u32be(struct wk_writer *w, uint32_t value);
void wk_write_u64be(struct wk_writer *w, uint64_t value);

#endif
