/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scrub: cached bytes are verified when they come in and never on a hit; this thread looks at them
 * again, one value each scrub_interval_ns, round and round. A value that has changed in memory is
 * dropped: the next get fetches it anew. Leases on it cannot be taken back.
 */
#include "base/mark.h"
#include "base/num.h"
#include "hash/crc32c.h"
#include "store/known.h"

static void check(struct wk_store *store, struct wk_entry *entry) {
    wk_count(&store->counters.scrubbed, 1);
    uint32_t crc = wk_crc32c(entry->bytes, entry->length);
    if (crc == entry->crc32c)
        return;
    WK_MARK("scrub.rotten");
    wk_count(&store->counters.scrub_corrupt, 1);
    wk_store_log_key(store, WK_LOG_ERROR, "store.corrupt_memory", &entry->key,
                     "cached bytes changed in memory");
    (void)wk_known_drop(store, entry);
}

void wk_scrub_main(void *arg) {
    struct wk_store *store = arg;
    struct wk_arena_cursor cursor = {0, 0};
    uint64_t next = wk_now_ns(store->env);
    for (;;) {
        next = wk_add_u64_clamped(next, store->config.scrub_interval_ns);
        if (!wk_store_sleep(store, next))
            return;
        struct wk_entry *entry = wk_cache_pin_next(&store->cache, &cursor);
        if (entry == NULL) {
            cursor = (struct wk_arena_cursor){0, 0};
            continue;
        }
        check(store, entry);
        wk_entry_unpin(&store->cache, entry);
        next = wk_now_ns(store->env);
    }
}
