/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions are int64_t: an archive has at most 2^31 - 1 bytes, an offset is an i32 and a count of
 * cells a u32, so that no sum or product of them comes near the limits of the type.
 */
#include "codec/archive_check.h"

#include "base/utf8.h"

static bool refuse(struct wk_archive_cursor *c, enum wk_archive_check check, int64_t at) {
    c->failed = check;
    c->failed_at = at;
    return false;
}

/* [at, at + size) for the cell at `cell`: behind everything used, and not beyond `end`. */
static bool take(struct wk_archive_cursor *c, int64_t cell, int64_t at, int64_t size, int64_t end) {
    if (at < c->used || at + size > end)
        return refuse(c, WK_ARCHIVE_BOUNDS, cell);
    c->used = at + size;
    return true;
}

bool wk_archive_check_root(struct wk_archive_cursor *c, struct wk_span archive, uint32_t base,
                           int64_t root_bytes, int64_t root_align, int64_t *root) {
    *c = (struct wk_archive_cursor){.archive = archive.data, .base = base};
    int64_t at = (int64_t)archive.size - root_bytes;
    if (at < 0)
        return refuse(c, WK_ARCHIVE_BOUNDS, 0);
    if ((c->base + at) % root_align != 0)
        return refuse(c, WK_ARCHIVE_ALIGN, at);
    *root = at;
    return true;
}

static bool check_utf8(struct wk_archive_cursor *c, int64_t at, int64_t size) {
    struct wk_span text = wk_span(c->archive + at, (size_t)size);
    size_t good = wk_utf8_valid_bytes(text);
    if (good < text.size)
        return refuse(c, WK_ARCHIVE_UTF8, at + (int64_t)good);
    return true;
}

bool wk_archive_check_text(struct wk_archive_cursor *c, int64_t at, int64_t end) {
    struct wk_archive_ref text = wk_archive_text_ref(c->archive, at);
    if (text.inlined)
        return check_utf8(c, text.at, text.count);
    if (text.count <= WK_ARCHIVE_INLINE_MAX)
        return refuse(c, WK_ARCHIVE_SHORT, at);
    return take(c, at, text.at, text.count, end) && check_utf8(c, text.at, text.count);
}

bool wk_archive_check_bytes(struct wk_archive_cursor *c, int64_t at, int64_t end) {
    struct wk_archive_ref bytes = wk_archive_list_ref(c->archive, at);
    return take(c, at, bytes.at, bytes.count, end);
}

/* The array of a list lies inside, aligned, an empty one too. What its cells refer to lies between
 * `used` and the array, so `used` moves behind the array only after them. */
static bool check_array(struct wk_archive_cursor *c, int64_t at, int64_t end,
                        struct wk_archive_ref *array) {
    *array = wk_archive_list_ref(c->archive, at);
    if (array->at < c->used || array->at + array->count * WK_ARCHIVE_CELL_BYTES > end)
        return refuse(c, WK_ARCHIVE_BOUNDS, at);
    if ((c->base + array->at) % WK_ARCHIVE_CELL_ALIGN != 0)
        return refuse(c, WK_ARCHIVE_ALIGN, at);
    return true;
}

bool wk_archive_check_texts(struct wk_archive_cursor *c, int64_t at, int64_t end) {
    struct wk_archive_ref array;
    if (!check_array(c, at, end, &array))
        return false;
    for (int64_t i = 0; i < array.count; i++) {
        if (!wk_archive_check_text(c, array.at + i * WK_ARCHIVE_CELL_BYTES, array.at))
            return false;
    }
    c->used = array.at + array.count * WK_ARCHIVE_CELL_BYTES;
    return true;
}

bool wk_archive_check_byte_strings(struct wk_archive_cursor *c, int64_t at, int64_t end) {
    struct wk_archive_ref array;
    if (!check_array(c, at, end, &array))
        return false;
    for (int64_t i = 0; i < array.count; i++) {
        if (!wk_archive_check_bytes(c, array.at + i * WK_ARCHIVE_CELL_BYTES, array.at))
            return false;
    }
    c->used = array.at + array.count * WK_ARCHIVE_CELL_BYTES;
    return true;
}

bool wk_archive_check_tag(struct wk_archive_cursor *c, int64_t at, bool *some) {
    if (c->archive[at] > 1)
        return refuse(c, WK_ARCHIVE_TAG, at);
    *some = c->archive[at] == 1;
    return true;
}
