/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic that says when it would not fit. `*out` is written only when the result fits. */
#ifndef WK_BASE_NUM_H
#define WK_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*@
    requires \valid(out);
    assigns *out;
    ensures \result <==> a + b <= SIZE_MAX;
    ensures *out == (\result ? a + b : \old(*out));
*/
static inline bool wk_add_size(size_t a, size_t b, size_t *out) {
    if (a > SIZE_MAX - b)
        return false;
    *out = a + b;
    return true;
}

/*@
    requires \valid(out);
    assigns *out;
    ensures \result <==> a * b <= SIZE_MAX;
    ensures *out == (\result ? a * b : \old(*out));
*/
static inline bool wk_mul_size(size_t a, size_t b, size_t *out) {
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

/*@
    requires \valid(out);
    assigns *out;
    ensures \result <==> a + b <= UINT64_MAX;
    ensures *out == (\result ? a + b : \old(*out));
*/
static inline bool wk_add_u64(uint64_t a, uint64_t b, uint64_t *out) {
    if (a > UINT64_MAX - b)
        return false;
    *out = a + b;
    return true;
}

/*@
    assigns \nothing;
    ensures \result == \min(a + b, UINT64_MAX);
*/
static inline uint64_t wk_add_u64_clamped(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/*@
    assigns \nothing;
    ensures \result == \min(a, b);
*/
static inline uint64_t wk_min_u64(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/*@
    assigns \nothing;
    ensures \result == \max(a, b);
*/
static inline uint64_t wk_max_u64(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* The next multiple of `align`, which is not 0; false when the sum behind it would not fit. */
/*@
    requires \valid(out);
    requires align > 0;
    assigns *out;
    ensures \result <==> value + align - 1 <= SIZE_MAX;
    ensures !\result ==> *out == \old(*out);
    ensures \result ==> value <= *out < value + align && *out % align == 0;
*/
static inline bool wk_align_up_size(size_t value, size_t align, size_t *out) {
    size_t sum;
    if (!wk_add_size(value, align - 1, &sum))
        return false;
    *out = sum - sum % align;
    return true;
}

#endif
