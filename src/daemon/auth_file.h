/* SPDX-License-Identifier: Apache-2.0 */
/* The file of tokens, parsed. */
#ifndef WK_DAEMON_AUTH_FILE_H
#define WK_DAEMON_AUTH_FILE_H

#include "daemon/auth.h"
#include "hash/blake3.h"

#define WK_AUTH_NAME_BYTES_MAX     64u
#define WK_AUTH_PATTERNS_BYTES_MAX 180u /* a line of the file */

struct wk_auth_token {
    char name[WK_AUTH_NAME_BYTES_MAX + 1];
    uint8_t hash[WK_BLAKE3_BYTES];
    char patterns[WK_AUTH_PATTERNS_BYTES_MAX + 1]; /* separated by commas */
    bool has_hash;
    bool may_write;
    bool is_admin;
    uint64_t quota_bytes; /* UINT64_MAX: none */
};

/* Of `text`, at most `capacity` of them. The text of a failure names section and entry. */
WK_MUST_CHECK enum wk_status wk_auth_file_parse(struct wk_span text, struct wk_auth_token *tokens,
                                                size_t capacity, size_t *out_count,
                                                struct wk_error *err);

/* Whether one of the patterns covers what lies at `rest`, the object key behind the S3 prefix and
 * its slash. */
bool wk_auth_pattern_covers(const char *patterns, struct wk_span rest);

#endif
