/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that were damaged on purpose, each in memory of exactly their size, so that a sanitizer
 * sees a read past the end. */
#ifndef WK_TESTS_HOSTILE_H
#define WK_TESTS_HOSTILE_H

#include <stdlib.h>

#include "base/span.h"
#include "unit/cmocka_all.h"

typedef void (*hostile_fn)(struct wk_span bytes, void *arg);

/* `fn` sees a copy in memory of its own. */
static inline void hostile_copy(struct wk_span bytes, hostile_fn fn, void *arg) {
    uint8_t *copy = (uint8_t *)malloc(bytes.size > 0 ? bytes.size : 1);
    assert_non_null(copy);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    fn(wk_span(copy, bytes.size), arg);
    free(copy);
}

/* All cuts, from nothing at all to all but one byte. */
static inline void hostile_cuts(struct wk_span bytes, hostile_fn fn, void *arg) {
    for (size_t size = 0; size < bytes.size; size++)
        hostile_copy(wk_span(bytes.data, size), fn, arg);
}

/* Every byte with each of its bits flipped, with all of them, and as 0x00, 0xff, 0x0a, 0x2c. */
static inline void hostile_flips(struct wk_span bytes, hostile_fn fn, void *arg) {
    static const uint8_t values[] = {0x00, 0xff, 0x0a, 0x2c};
    uint8_t *copy = (uint8_t *)malloc(bytes.size > 0 ? bytes.size : 1);
    assert_non_null(copy);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    for (size_t at = 0; at < bytes.size; at++) {
        uint8_t was = copy[at];
        for (unsigned bit = 0; bit < 8; bit++) {
            copy[at] = (uint8_t)(was ^ 1u << bit);
            hostile_copy(wk_span(copy, bytes.size), fn, arg);
        }
        copy[at] = (uint8_t)~was;
        hostile_copy(wk_span(copy, bytes.size), fn, arg);
        for (size_t i = 0; i < sizeof values; i++) {
            copy[at] = values[i];
            hostile_copy(wk_span(copy, bytes.size), fn, arg);
        }
        copy[at] = was;
    }
    free(copy);
}

#endif
