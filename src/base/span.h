/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed bytes: a pointer and a size, no ownership. `data` may be NULL only if `size` is 0. */
#ifndef WK_BASE_SPAN_H
#define WK_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wk_span {
    const uint8_t *data;
    size_t size;
};

struct wk_span_mut {
    uint8_t *data;
    size_t size;
};

/*@
    predicate wk_readable{L}(struct wk_span s) = \valid_read(s.data + (0 .. s.size - 1));

    // The number that `size` bytes spell, lowest byte first and highest byte first.
    logic integer wk_le{L}(uint8_t *bytes, integer size) =
        size <= 0 ? 0 : bytes[0] + 256 * wk_le(bytes + 1, size - 1);
    logic integer wk_be{L}(uint8_t *bytes, integer size) =
        size <= 0 ? 0 : 256 * wk_be(bytes, size - 1) + bytes[size - 1];
    logic integer wk_pow256(integer n) = n <= 0 ? 1 : 256 * wk_pow256(n - 1);
*/

/*@
    assigns \nothing;
    ensures \result.data == (uint8_t *)data && \result.size == size;
*/
static inline struct wk_span wk_span(const void *data, size_t size) {
    return (struct wk_span){(const uint8_t *)data, size};
}

static inline struct wk_span wk_span_text(const char *text) {
    return (struct wk_span){(const uint8_t *)text, strlen(text)};
}

/*@
    requires wk_readable(a) && wk_readable(b);
    assigns \nothing;
    ensures \result <==>
        a.size == b.size && \forall integer i; 0 <= i < a.size ==> a.data[i] == b.data[i];
*/
static inline bool wk_span_equal(struct wk_span a, struct wk_span b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

#endif
