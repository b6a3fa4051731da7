/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Percent encoding as S3's signature wants it: everything but the unreserved characters of RFC 3986
 * becomes %XX, upper case, once.
 */
#ifndef WK_ENV_S3_URL_H
#define WK_ENV_S3_URL_H

#include "base/writer.h"

/* A key as part of a path: '/' stays. */
void wk_s3_write_path(struct wk_writer *to, struct wk_span text);
/* A value of a query: '/' is encoded too. */
void wk_s3_write_query(struct wk_writer *to, struct wk_span text);

/*
 * The other way, for the keys of a LIST with encoding-type=url: %XX is a byte, '+' is a space.
 * Decodes in place and returns the new size; false for a '%' without two hex digits.
 */
bool wk_s3_decode(uint8_t *text, size_t size, size_t *out_size);

#endif
