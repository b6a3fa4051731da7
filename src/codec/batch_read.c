/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/batch_read.h"

#include "base/limits.h"

bool wk_batch_read_magic(struct wk_reader *r, const char *what, struct wk_span magic,
                         struct wk_wire_error *error) {
    if (wk_read_exact(r, magic))
        return true;
    size_t shown = r->size < magic.size ? r->size : magic.size;
    *error = (struct wk_wire_error){.kind = WK_WIRE_BAD_MAGIC,
                                    .what = what,
                                    .expected = magic,
                                    .found = wk_span(r->data, shown)};
    return false;
}

bool wk_batch_read_u32(struct wk_reader *r, uint32_t *out, struct wk_wire_error *error) {
    size_t at = r->at;
    uint32_t value = wk_read_u32le(r);
    if (r->failed) {
        *error = (struct wk_wire_error){
            .kind = WK_WIRE_TRUNCATED, .what = "u32", .needed = 4, .at = at, .got = r->size};
        return false;
    }
    *out = value;
    return true;
}

bool wk_batch_add(size_t *total, size_t size, const char *what, struct wk_wire_error *error) {
    if (size > WK_ARCHIVE_BYTES_MAX - *total) {
        *error = (struct wk_wire_error){.kind = WK_WIRE_LENGTH_OVERFLOW, .what = what};
        return false;
    }
    *total += size;
    return true;
}

bool wk_batch_has_room(const struct wk_writer *w, const char *what, size_t size,
                       struct wk_wire_error *error) {
    if (!w->failed && size <= w->capacity - w->at)
        return true;
    *error = (struct wk_wire_error){.kind = WK_WIRE_TOO_LARGE,
                                    .what = what,
                                    .needed = w->capacity - w->at,
                                    .at = w->at,
                                    .got = size};
    return false;
}
