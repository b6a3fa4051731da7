/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page of ListObjectsV2, from bytes to entries. Pure: no environment, no state.
 *
 * Format: the ListBucketResult of the S3 API with encoding-type=url. The bytes are hostile: the
 * page is checked as a whole before the first entry is handed out, entries that cannot be ours are
 * left out and counted.
 */
#ifndef WK_ENV_S3_LIST_XML_H
#define WK_ENV_S3_LIST_XML_H

#include "env/env.h"

struct wk_s3_list_page {
    bool truncated;  /* more pages follow; `token` asks for the next */
    bool stopped;    /* `each` wanted no more */
    size_t entries;  /* handed out */
    size_t left_out; /* outside the prefix, empty, too long, or not readable */
    size_t token_length;
    char token[WK_S3_TOKEN_BYTES_MAX + 1];
};

/*
 * Calls `each` for every object whose key starts with `prefix`; it returns false to stop.
 * WK_CORRUPT with a text: not a LIST reply, or one that says that more follows and not how to ask
 * for it. `out` is written on WK_OK only, and `each` not called otherwise.
 */
WK_MUST_CHECK enum wk_status
wk_s3_list_parse(struct wk_span xml, struct wk_span prefix,
                 bool (*each)(void *ctx, const struct wk_object_entry *entry), void *ctx,
                 struct wk_s3_list_page *out, struct wk_error *err);

/* Copies an ETag of the store; leaves `to` as it is when the text is too long, or has bytes that
 * must not get into a header line. */
void wk_s3_take_etag(struct wk_etag *to, struct wk_span text);

/* "2026-11-21T12:08:48.836Z" in ns since the epoch; 0 for anything else. */
uint64_t wk_s3_parse_time(struct wk_span text);

#endif
