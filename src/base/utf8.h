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

/*@
    predicate wk_utf8_tail(integer c) = 0x80 <= c <= 0xbf;

    // Unicode table 3-7: the `size` bytes are one character.
    predicate wk_utf8_one{L}(uint8_t *s, integer size) =
        (size == 1 && s[0] <= 0x7f) ||
        (size == 2 && 0xc2 <= s[0] <= 0xdf && wk_utf8_tail(s[1])) ||
        (size == 3 && s[0] == 0xe0 && 0xa0 <= s[1] <= 0xbf && wk_utf8_tail(s[2])) ||
        (size == 3 && 0xe1 <= s[0] <= 0xec && wk_utf8_tail(s[1]) && wk_utf8_tail(s[2])) ||
        (size == 3 && s[0] == 0xed && 0x80 <= s[1] <= 0x9f && wk_utf8_tail(s[2])) ||
        (size == 3 && 0xee <= s[0] <= 0xef && wk_utf8_tail(s[1]) && wk_utf8_tail(s[2])) ||
        (size == 4 && s[0] == 0xf0 && 0x90 <= s[1] <= 0xbf && wk_utf8_tail(s[2]) &&
            wk_utf8_tail(s[3])) ||
        (size == 4 && 0xf1 <= s[0] <= 0xf3 && wk_utf8_tail(s[1]) && wk_utf8_tail(s[2]) &&
            wk_utf8_tail(s[3])) ||
        (size == 4 && s[0] == 0xf4 && 0x80 <= s[1] <= 0x8f && wk_utf8_tail(s[2]) &&
            wk_utf8_tail(s[3]));

    // The `size` bytes are characters, one behind the other.
    inductive wk_utf8_text{L}(uint8_t *s, integer size) {
    case empty{L}: \forall uint8_t *s; wk_utf8_text(s, 0);
    case more{L}: \forall uint8_t *s, integer size, n;
        wk_utf8_text(s, size) ==> wk_utf8_one(s + size, n) ==> wk_utf8_text(s, size + n);
    }

    // The text has no character at `at`.
    predicate wk_utf8_fault{L}(struct wk_span text, integer at) =
        \forall integer n; n <= text.size - at ==> !wk_utf8_one(text.data + at, n);
*/

/* Size of the well-formed part at the front: all of the text, or up to its first fault. */
/*@
    requires wk_readable(text);
    assigns \nothing;
    ensures \result <= text.size && wk_utf8_text(text.data, \result);
    ensures \result < text.size ==> wk_utf8_fault(text, \result);
*/
size_t wk_utf8_valid_bytes(struct wk_span text);

/*@
    requires wk_readable(text);
    assigns \nothing;
    ensures \result ==> wk_utf8_text(text.data, text.size);
    ensures !\result ==> \exists integer at; 0 <= at < text.size &&
        wk_utf8_text(text.data, at) && wk_utf8_fault(text, at);
*/
bool wk_utf8_valid(struct wk_span text);

/* Size of the well-formed sequence that begins at `at` < text.size, 1 to 4; 0 if none does. */
/*@
    requires wk_readable(text) && at < text.size;
    assigns \nothing;
    ensures \result <= 4 && \result <= text.size - at;
    ensures \result > 0 ==> wk_utf8_one(text.data + at, \result);
    ensures \result == 0 ==> wk_utf8_fault(text, at);
*/
size_t wk_utf8_sequence(struct wk_span text, size_t at);

/*
 * Of text that begins with a fault: how many bytes are the ill-formed sequence (1 to 3), as Unicode
 * counts maximal subparts; 0 when the text ends inside a sequence that was good so far.
 */
/*@
    requires wk_readable(text);
    assigns \nothing;
    ensures \result <= text.size && \result <= 4;
*/
size_t wk_utf8_fault_bytes(struct wk_span text);

#endif
