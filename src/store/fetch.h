/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetch: values that are not in the cache, from the objects.
 *
 *     claim a flight for each -> reserve what the index knows the size of -> waves of GETs, bodies
 *     straight into the arena -> verify, decode -> publish -> finish the flight -> then wait for
 *     the flights of others
 *
 * Specific to a kind: blocks are in the index, tails are revalidated by their ETag.
 */
#ifndef WK_STORE_FETCH_H
#define WK_STORE_FETCH_H

#include "store/store_impl.h"

struct wk_fetch_call {
    struct wk_store *store;
    struct wk_namespace space; /* of blocks */
    enum wk_entry_kind kind;
    const struct wk_block_hash *hashes; /* blocks: one per result */
    const struct wk_named *named;       /* a tail */
    uint64_t fresh_after_ns;            /* a tail: nothing read before this counts */
    struct wk_entry *stale; /* a tail: the outdated cached value, pinned by the caller, or NULL */
    struct wk_block_result *results; /* those with a pin are left alone */
    size_t count;
    enum wk_get_mode mode;
    uint64_t deadline_ns;
};

/*
 * Every result gets its status; the OK ones are pinned (not yet counted as leases). In mode ALL
 * results may stay WK_MISS unasked once one is a miss. `err` has the text of the first result that
 * failed, if any; WK_NO_MEMORY when there was none for the bookkeeping itself.
 */
WK_MUST_CHECK enum wk_status wk_fetch(const struct wk_fetch_call *call, struct wk_error *err);

#endif
