/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of pieces with memory of their own, for tests of encoders. */
#ifndef WK_TESTS_IOV_UTIL_H
#define WK_TESTS_IOV_UTIL_H

#include "unit/cmocka_all.h"

#include <stdlib.h>

#include "base/text.h"
#include "codec/iov.h"
#include "hash/crc32c.h"

#define LIST_PIECES  64
#define LIST_SCRATCH 65536

struct list {
    struct wk_iov iov;
    struct wk_span pieces[LIST_PIECES];
    uint8_t scratch[LIST_SCRATCH];
};

static inline struct list *list_new(void) {
    struct list *list = calloc(1, sizeof *list);
    assert_non_null(list);
    list->iov = wk_iov(list->pieces, LIST_PIECES, list->scratch, LIST_SCRATCH);
    return list;
}

/* All bytes in one allocation of exactly their size, which the caller frees. */
static inline struct wk_span_mut list_flat(const struct wk_iov *iov) {
    size_t size = 0;
    for (size_t i = 0; i < iov->count; i++)
        size += iov->pieces[i].size;
    uint8_t *bytes = malloc(size + (size == 0));
    assert_non_null(bytes);
    struct wk_writer w = wk_writer(bytes, size);
    for (size_t i = 0; i < iov->count; i++)
        wk_write_span(&w, iov->pieces[i]);
    assert_false(w.failed);
    return (struct wk_span_mut){bytes, size};
}

/* The bytes of a closed list are those, and total and CRC are theirs. */
static inline void assert_list_is(const struct wk_iov *iov, const char *hex) {
    struct wk_span_mut flat = list_flat(iov);
    char *text = malloc(2 * flat.size + 1);
    assert_non_null(text);
    wk_hex_encode(wk_span(flat.data, flat.size), text);
    assert_string_equal(text, hex);
    free(text);
    free(flat.data);
}

static inline void assert_sums_hold(const struct wk_iov *iov) {
    struct wk_span_mut flat = list_flat(iov);
    assert_true(iov->total_bytes == flat.size);
    assert_true(iov->crc32c == wk_crc32c(flat.data, flat.size));
    free(flat.data);
}

#endif
