/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions are int64_t: an archive has at most 2^31 - 1 bytes, an offset is an i32 and a count of
 * cells a u32, so that no sum or product of them comes near the limits of the type.
 */
#include "codec/archive_check.h"

#include "base/utf8.h"

/*@
    requires \valid(c) && check != 0;
    assigns c->failed, c->failed_at;
    ensures !\result && c->failed == check && c->failed_at == at;
*/
static bool refuse(struct wk_archive_cursor *c, enum wk_archive_check check, int64_t at) {
    c->failed = check;
    c->failed_at = at;
    return false;
}

/* [at, at + size) for the cell at `cell`: behind everything used, and not beyond `end`. */
/*@
    requires \valid(c) && 0 <= c->used && 0 <= size <= UINT32_MAX;
    requires INT32_MIN <= at <= UINT32_MAX;
    assigns c->used, c->failed, c->failed_at;
    ensures \result <==> \old(c->used) <= at && at + size <= end;
    ensures \result ==> c->used == at + size;
    ensures !\result ==> c->failed != 0;
*/
static bool take(struct wk_archive_cursor *c, int64_t cell, int64_t at, int64_t size, int64_t end) {
    if (at < c->used || at + size > end)
        return refuse(c, WK_ARCHIVE_BOUNDS, cell);
    c->used = at + size;
    return true;
}

bool wk_archive_check_root(struct wk_archive_cursor *c, struct wk_span archive, uint32_t base,
                           int64_t root_bytes, int64_t root_align, int64_t *root) {
    c->archive = archive.data;
    c->base = base;
    c->used = 0;
    c->failed = 0;
    c->failed_at = 0;
    int64_t at = (int64_t)archive.size - root_bytes;
    if (at < 0)
        return refuse(c, WK_ARCHIVE_BOUNDS, 0);
    if ((c->base + at) % root_align != 0)
        return refuse(c, WK_ARCHIVE_ALIGN, at);
    *root = at;
    return true;
}

/*@
    requires \valid(c) && 0 <= at && 0 <= size && at + size <= UINT32_MAX;
    requires \valid_read(c->archive + (at .. at + size - 1));
    assigns c->failed, c->failed_at;
    ensures \result ==> wk_utf8_text(c->archive + at, size);
    ensures !\result ==> c->failed != 0;
*/
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
/*@
    requires \valid(c) && 0 <= c->used && 0 <= c->base <= UINT32_MAX;
    requires INT32_MIN <= array.at <= UINT32_MAX && 0 <= array.count <= UINT32_MAX;
    assigns c->failed, c->failed_at;
    ensures \result ==> c->used <= array.at &&
        array.at + array.count * WK_ARCHIVE_CELL_BYTES <= end;
    ensures !\result ==> c->failed != 0;
*/
static bool check_array(struct wk_archive_cursor *c, int64_t at, int64_t end,
                        struct wk_archive_ref array) {
    if (array.at < c->used || array.at + array.count * WK_ARCHIVE_CELL_BYTES > end)
        return refuse(c, WK_ARCHIVE_BOUNDS, at);
    if ((c->base + array.at) % WK_ARCHIVE_CELL_ALIGN != 0)
        return refuse(c, WK_ARCHIVE_ALIGN, at);
    return true;
}

bool wk_archive_check_texts(struct wk_archive_cursor *c, int64_t at, int64_t end) {
    const struct wk_archive_ref array = wk_archive_list_ref(c->archive, at);
    if (!check_array(c, at, end, array))
        return false;
    /*@
        loop invariant 0 <= i <= array.count && \at(c->used, Pre) <= c->used <= array.at;
        loop invariant \forall integer k; 0 <= k < i ==>
            wk_text_cell(c->archive, array.at, k);
        loop assigns i, c->used, c->failed, c->failed_at;
        loop variant array.count - i;
    */
    for (int64_t i = 0; i < array.count; i++) {
        if (!wk_archive_check_text(c, array.at + i * WK_ARCHIVE_CELL_BYTES, array.at))
            return false;
        //@ assert wk_text_cell(c->archive, array.at, i);
    }
    c->used = array.at + array.count * WK_ARCHIVE_CELL_BYTES;
    return true;
}

bool wk_archive_check_byte_strings(struct wk_archive_cursor *c, int64_t at, int64_t end) {
    const struct wk_archive_ref array = wk_archive_list_ref(c->archive, at);
    if (!check_array(c, at, end, array))
        return false;
    /*@
        loop invariant 0 <= i <= array.count && \at(c->used, Pre) <= c->used <= array.at;
        loop invariant \forall integer k; 0 <= k < i ==>
            wk_bytes_cell(c->archive, array.at, k);
        loop assigns i, c->used, c->failed, c->failed_at;
        loop variant array.count - i;
    */
    for (int64_t i = 0; i < array.count; i++) {
        if (!wk_archive_check_bytes(c, array.at + i * WK_ARCHIVE_CELL_BYTES, array.at))
            return false;
        //@ assert wk_bytes_cell(c->archive, array.at, i);
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
