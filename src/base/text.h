/* SPDX-License-Identifier: Apache-2.0 */
/* Text: bounded formatting, hex, numbers, and quoting for messages. No locale. */
#ifndef WK_BASE_TEXT_H
#define WK_BASE_TEXT_H

#include <stdarg.h>

#include "base/span.h"
#include "base/status.h"
#include "base/utf8.h"

/*
 * As vsnprintf, for integers, strings and characters. Always terminates; returns the bytes written
 * without the terminator (at most capacity - 1; a longer text is cut). `capacity` > 0.
 */
size_t wk_format(char *to, size_t capacity, const char *format, ...) WK_PRINTF(3, 4);
size_t wk_format_list(char *to, size_t capacity, const char *format, va_list args) WK_PRINTF(3, 0);

/* Lower-case hex of `bytes` and a terminator: `to` has room for 2 * size + 1. */
void wk_hex_encode(struct wk_span bytes, char *to);
/*
 * Either case. `to` has room for text.size / 2. False when the size is odd or a character is not a
 * hex digit; `*bad_at` (may be NULL) is then its position, or the size when that is odd.
 */
bool wk_hex_decode(struct wk_span text, uint8_t *to, size_t *bad_at);

/* Decimal digits only, no sign, no space, whole text, fits. */
bool wk_parse_u64(struct wk_span text, uint64_t *out);

/*
 * `text` for a message: quotes around it, quote and backslash and control bytes escaped, bytes that
 * are not UTF-8 as \xNN, cut with "..." when it does not fit. Always terminates.
 */
void wk_quote(struct wk_span text, char *to, size_t capacity);

/* ASCII only, so that no locale decides. */
bool wk_equal_ignoring_case(struct wk_span a, const char *b);

#endif
