/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges an archive: accepts exactly what rkyv's own validator accepts, and names the same first
 * check that fails.
 *
 * rkyv narrows and restores a range of bytes as it enters and leaves objects. For messages of fixed
 * nesting that comes down to one position: everything below `used` is taken. The fields of the
 * root are visited in declaration order; each piece must begin at or behind `used` and end at or
 * before the begin of the cell's owner, and moves `used` to its end. So pieces never overlap and no
 * bytes are shown twice.
 *
 * Padding, gaps, the unused part of an option and what follows the first 0xFF of a short text may
 * hold anything. Alignment is judged by address, as rkyv does; we read byte by byte and need none,
 * so the address is a parameter: `base`, that of the first byte modulo 16. With base 0 the verdict
 * is that of a peer whose buffer is aligned, which is how every peer holds it.
 *
 * No recursion, no memory, time linear in the archive. Nothing outside it is read. A refused cursor
 * keeps its first failure.
 */
#ifndef WK_CODEC_ARCHIVE_CHECK_H
#define WK_CODEC_ARCHIVE_CHECK_H

#include "codec/archive.h"
#include "codec/wire_error.h"

struct wk_archive_cursor {
    const uint8_t *archive;
    int64_t base;
    int64_t used;
    enum wk_archive_check failed; /* 0: nothing yet */
    int64_t failed_at;
};

/* Position of the root: the last `root_bytes` bytes. WK_ARCHIVE_BOUNDS when there are fewer,
 * WK_ARCHIVE_ALIGN when they do not lie at a multiple of `root_align`. `archive` is at most
 * WK_ARCHIVE_BYTES_MAX long. */
/*@
    requires \valid(c) && \valid(root) && \separated(c, root) && wk_readable(archive);
    requires archive.size <= INT32_MAX && 0 < root_bytes <= 64 && 0 < root_align <= 8;
    assigns *c, *root;
    ensures c->archive == archive.data && c->used == 0 && c->base == base;
    ensures !\result ==> c->failed != 0 && *root == \old(*root);
    ensures \result ==> 0 <= *root && *root + root_bytes == archive.size;
*/
bool wk_archive_check_root(struct wk_archive_cursor *c, struct wk_span archive, uint32_t base,
                           int64_t root_bytes, int64_t root_align, int64_t *root);

/* The cell at `at`, which lies inside the archive whole; what it refers to ends at `end`, the begin
 * of the root or of the array the cell is in. */
/*@
    requires \valid(c) && wk_cell_there(c->archive, at);
    requires 0 <= c->used <= end <= at && 0 <= c->base <= UINT32_MAX;
    requires \separated(c, c->archive + (0 .. at + WK_ARCHIVE_CELL_BYTES - 1));
    assigns c->used, c->failed, c->failed_at;
    ensures \result ==> \old(c->used) <= c->used <= end;
    ensures !\result ==> c->failed != 0;
    ensures \result ==> wk_text_good(c->archive, at, end);
*/
bool wk_archive_check_text(struct wk_archive_cursor *c, int64_t at, int64_t end);

/*@
    requires \valid(c) && wk_cell_there(c->archive, at);
    requires 0 <= c->used <= end <= at && 0 <= c->base <= UINT32_MAX;
    requires \separated(c, c->archive + (0 .. at + WK_ARCHIVE_CELL_BYTES - 1));
    assigns c->used, c->failed, c->failed_at;
    ensures \result ==> \old(c->used) <= c->used <= end;
    ensures !\result ==> c->failed != 0;
    ensures \result ==> wk_bytes_good(c->archive, at, end);
*/
bool wk_archive_check_bytes(struct wk_archive_cursor *c, int64_t at, int64_t end);

/*@
    requires \valid(c) && wk_cell_there(c->archive, at);
    requires 0 <= c->used <= end <= at && 0 <= c->base <= UINT32_MAX;
    requires \separated(c, c->archive + (0 .. at + WK_ARCHIVE_CELL_BYTES - 1));
    assigns c->used, c->failed, c->failed_at;
    ensures \result ==> \old(c->used) <= c->used <= end;
    ensures !\result ==> c->failed != 0;
    ensures \result ==> wk_texts_good(c->archive, at, end);
*/
bool wk_archive_check_texts(struct wk_archive_cursor *c, int64_t at, int64_t end);

/*@
    requires \valid(c) && wk_cell_there(c->archive, at);
    requires 0 <= c->used <= end <= at && 0 <= c->base <= UINT32_MAX;
    requires \separated(c, c->archive + (0 .. at + WK_ARCHIVE_CELL_BYTES - 1));
    assigns c->used, c->failed, c->failed_at;
    ensures \result ==> \old(c->used) <= c->used <= end;
    ensures !\result ==> c->failed != 0;
    ensures \result ==> wk_byte_strings_good(c->archive, at, end);
*/
bool wk_archive_check_byte_strings(struct wk_archive_cursor *c, int64_t at, int64_t end);

/* The tag of an option; `*some` says whether its cell is to be checked, too. */
/*@
    requires \valid(c) && \valid(some) && \separated(c, some) && 0 <= at;
    requires \valid_read(c->archive + at) && \separated(c, c->archive + at);
    requires \separated(some, c->archive + at);
    assigns c->failed, c->failed_at, *some;
    ensures \result ==> (*some <==> c->archive[at] == 1);
    ensures !\result ==> c->failed != 0;
*/
bool wk_archive_check_tag(struct wk_archive_cursor *c, int64_t at, bool *some);

#endif
