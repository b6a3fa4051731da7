/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of the shared-memory segments of one daemon prefix, and how long a prefix may be.
 *
 *     wk<prefix>r   requests        wk<prefix>s   replies
 *
 * The reference's ring appends up to 13 characters ("_producer_seq") and macOS ends at 30, so a
 * prefix has at most 14. We keep rule and text on every system: a prefix that one end takes, the
 * other end takes too. Lengths are bytes. Pure functions.
 */
#ifndef WK_CODEC_SEGMENT_NAME_H
#define WK_CODEC_SEGMENT_NAME_H

#include "codec/wire_error.h"

#define WK_SEGMENT_WRAPPER          "wk"
#define WK_SEGMENT_ROLE_REQ         'r'
#define WK_SEGMENT_ROLE_RESP        's'
#define WK_SEGMENT_SUFFIX           "_producer_seq" /* the longest the ring appends */
#define WK_SEGMENT_SUFFIX_BYTES     13u
#define WK_SEGMENT_NAME_BYTES_MAX   30u
#define WK_SEGMENT_PREFIX_BYTES_MAX 14u
#define WK_SEGMENT_PORTABLE_BYTES   14u /* what the reference's text recommends in all */
#define WK_SEGMENT_BASE_BYTES_MAX   (WK_SEGMENT_PREFIX_BYTES_MAX + 3)

struct wk_segment_names {
    char req[WK_SEGMENT_BASE_BYTES_MAX + 1]; /* terminated */
    char resp[WK_SEGMENT_BASE_BYTES_MAX + 1];
};

/* False, `*out` untouched and `*error` of kind WK_WIRE_NAME_BUDGET, when the prefix is too long. */
bool wk_segment_names(struct wk_span prefix, struct wk_segment_names *out,
                      struct wk_wire_error *error);

#endif
