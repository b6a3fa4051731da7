/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic that says when it would not fit. `*out` is written only when the result fits. */
#ifndef WK_BASE_NUM_H
#define WK_BASE_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool wk_add_size(size_t a, size_t b, size_t *out) {
    if (a > SIZE_MAX - b)
        return false;
    *out = a + b;
    return true;
}

static inline bool wk_mul_size(size_t a, size_t b, size_t *out) {
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

static inline bool wk_add_u64(uint64_t a, uint64_t b, uint64_t *out) {
    if (a > UINT64_MAX - b)
        return false;
    *out = a + b;
    return true;
}

static inline uint64_t wk_add_u64_clamped(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t wk_min_u64(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static inline uint64_t wk_max_u64(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* `align` is a power of two; false when the result would not fit. */
static inline bool wk_align_up_size(size_t value, size_t align, size_t *out) {
    size_t sum;
    if (!wk_add_size(value, align - 1, &sum))
        return false;
    *out = sum & ~(align - 1);
    return true;
}

#endif
