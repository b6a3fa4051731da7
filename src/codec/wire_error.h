/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with bytes that claim to be one of our formats.
 *
 * Decoders in this folder answer true or false and, for false, fill one of these: a kind to switch
 * on and the numbers behind it. They format nothing, so that they stay pure and provable; the text
 * is made once, by wk_wire_fail, where the answer leaves the codec. Kinds and texts of the first
 * eight are those of the reference's WireCodecError: they travel in ERROR replies.
 */
#ifndef WK_CODEC_WIRE_ERROR_H
#define WK_CODEC_WIRE_ERROR_H

#include "base/span.h"
#include "base/status.h"

enum wk_wire_kind {
    WK_WIRE_OK = 0,
    WK_WIRE_TRUNCATED,            /* needed, at, got */
    WK_WIRE_BAD_MAGIC,            /* expected, found */
    WK_WIRE_LENGTH_OVERFLOW,      /* (what only) */
    WK_WIRE_TRAILING_BYTES,       /* got: bytes unread */
    WK_WIRE_BODY_LENGTH_MISMATCH, /* needed: claimed, got: actual */
    WK_WIRE_UTF8,                 /* at: offset of the bad byte in its text, found: from there on */
    WK_WIRE_ARCHIVE,              /* check, at */
    WK_WIRE_NAME_BUDGET,          /* found: the prefix */
    /* ours */
    WK_WIRE_VERSION,   /* needed: what we speak, got */
    WK_WIRE_CHECKSUM,  /* needed: stated, got: computed */
    WK_WIRE_TOO_LARGE, /* needed: the limit, got */
    WK_WIRE_SYNTAX     /* at, detail */
};

/* Which check of an archive failed first; the names of the reference vectors. */
enum wk_archive_check {
    WK_ARCHIVE_BOUNDS = 1,
    WK_ARCHIVE_ALIGN,
    WK_ARCHIVE_SHORT,
    WK_ARCHIVE_UTF8,
    WK_ARCHIVE_TAG
};

struct wk_wire_error {
    enum wk_wire_kind kind;
    enum wk_archive_check check;
    const char *what;   /* literal: the format, as the reference names it ("key_batch") */
    const char *detail; /* literal, or NULL */
    uint64_t needed;
    uint64_t at;
    uint64_t got;
    struct wk_span expected; /* literal */
    struct wk_span found;    /* view into the input */
};

/* "bounds", "align", "short", "utf8", "tag". */
const char *wk_archive_check_name(enum wk_archive_check check);

/* Writes the text and returns the class: TOO_LARGE for that kind, else INVALID for NAME_BUDGET,
 * else CORRUPT. Never WK_OK: an error of kind WK_WIRE_OK is WK_INTERNAL. */
enum wk_status wk_wire_fail(struct wk_error *err, const struct wk_wire_error *error);

#endif
