/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Save: values into the objects, and only then into cache and index.
 *
 *     turn of every key -> windows: identity and CRC -> HEAD where our own PUT may still be there
 *     -> encode what wants it -> PUT -> after the last window: publish all, or nothing
 */
#ifndef WK_STORE_SAVE_H
#define WK_STORE_SAVE_H

#include "store/store_impl.h"

struct wk_save_call {
    struct wk_store *store;
    struct wk_namespace space; /* of blocks */
    enum wk_entry_kind kind;
    const struct wk_block_hash *hashes; /* blocks */
    const struct wk_named *named;       /* a tail; count is 1 */
    const struct wk_span *payloads;
    size_t count; /* at least 1 */
};

WK_MUST_CHECK enum wk_status wk_save(const struct wk_save_call *call, struct wk_error *err);

#endif
