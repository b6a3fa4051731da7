/* SPDX-License-Identifier: Apache-2.0 */
/* Put: of blocks, of raw tails and values. All the work is save.c's. */
#include "store/save.h"

enum wk_status wk_store_put(struct wk_backend *b, struct wk_span ns,
                            const struct wk_block_hash *hashes, const struct wk_span *payloads,
                            size_t count, struct wk_error *err) {
    struct wk_store *store = wk_store_of(b);
    struct wk_save_call call = {.store = store,
                                .kind = WK_ENTRY_BLOCK,
                                .hashes = hashes,
                                .payloads = payloads,
                                .count = count};
    if (count == 0)
        return WK_OK;
    enum wk_status status = wk_store_space(store, ns, &call.space, err);
    if (status != WK_OK)
        return status;
    wk_count(&store->counters.put_calls, 1);
    status = wk_save(&call, err);
    wk_store_space_done(store, &call.space);
    return status;
}

enum wk_status wk_store_put_named(struct wk_store *store, const struct wk_named *named,
                                  struct wk_span payload, struct wk_error *err) {
    struct wk_save_call call = {
        .store = store, .kind = WK_ENTRY_TAIL, .named = named, .payloads = &payload, .count = 1};
    wk_count(&store->counters.put_calls, 1);
    return wk_save(&call, err);
}

enum wk_status wk_store_put_tail(struct wk_backend *b, struct wk_span ns, struct wk_span tip,
                                 struct wk_span payload, struct wk_error *err) {
    struct wk_named named;
    enum wk_status status = wk_store_name_tail(wk_store_of(b), ns, tip, &named, err);
    if (status != WK_OK)
        return status;
    return wk_store_put_named(wk_store_of(b), &named, payload, err);
}
