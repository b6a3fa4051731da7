/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Well-formed UTF-8 as Unicode defines it (table 3-7): no overlong forms, no surrogates, nothing
 * above U+10FFFF, no sequence that is cut short. The same language as Rust's `str`.
 *
 * Pure; nothing outside the given bytes is read.
 */
#ifndef WK_BASE_UTF8_H
#define WK_BASE_UTF8_H

#include "base/span.h"

/* Size of the well-formed part at the front: all of the text, or up to its first fault. */
size_t wk_utf8_valid_bytes(struct wk_span text);

bool wk_utf8_valid(struct wk_span text);

/* Size of the well-formed sequence that begins at `at` < text.size, 1 to 4; 0 if none does. */
size_t wk_utf8_sequence(struct wk_span text, size_t at);

/*
 * Of text that begins with a fault: how many bytes are the ill-formed sequence (1 to 3), as Unicode
 * counts maximal subparts; 0 when the text ends inside a sequence that was good so far.
 */
size_t wk_utf8_fault_bytes(struct wk_span text);

#endif
