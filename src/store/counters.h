/* SPDX-License-Identifier: Apache-2.0 */
/* What the store counts about itself; stats.c prints it. */
#ifndef WK_STORE_COUNTERS_H
#define WK_STORE_COUNTERS_H

#include "base/atomic.h"

/* X(ID, name): the classes of answers of the objects, one counter each. */
#define WK_OBJECT_CLASS_MAP(X)                                                                     \
    X(OK, ok)                                                                                      \
    X(ABSENT, absent)                                                                              \
    X(NOT_MODIFIED, not_modified)                                                                  \
    X(PRECONDITION_FAILED, precondition_failed)                                                    \
    X(CONFLICT, conflict)                                                                          \
    X(THROTTLED, throttled)                                                                        \
    X(DENIED, denied)                                                                              \
    X(INVALID, invalid)                                                                            \
    X(SERVER_ERROR, server_error)                                                                  \
    X(TIMEOUT, timeout)                                                                            \
    X(NO_SPACE, no_space)                                                                          \
    X(CORRUPT, corrupt)                                                                            \
    X(CANCELLED, cancelled)

#define WK_COUNTER_MAP(X)                                                                          \
    X(get_calls)                                                                                   \
    X(put_calls)                                                                                   \
    X(lookup_calls)                                                                                \
    X(hits_ram)                                                                                    \
    X(hits_object)                                                                                 \
    X(hits_joined)                                                                                 \
    X(bytes_ram)                                                                                   \
    X(bytes_object)                                                                                \
    X(miss_absent)                                                                                 \
    X(miss_corrupt)                                                                                \
    X(miss_reuse)                                                                                  \
    X(get_failed)                                                                                  \
    X(put_blocks)                                                                                  \
    X(put_bytes)                                                                                   \
    X(put_stored_bytes)                                                                            \
    X(put_deduped)                                                                                 \
    X(put_failed)                                                                                  \
    X(tail_hits_fresh)                                                                             \
    X(tail_revalidated)                                                                            \
    X(corrupt)                                                                                     \
    X(unverified)                                                                                  \
    X(fill_outdated)                                                                               \
    X(uncached)                                                                                    \
    X(index_full)                                                                                  \
    X(probes)                                                                                      \
    X(probe_found)                                                                                 \
    X(probe_failed)                                                                                \
    X(bootstrap_blocks)                                                                            \
    X(scrubbed)                                                                                    \
    X(scrub_corrupt)                                                                               \
    X(reconciles)                                                                                  \
    X(reconcile_failed)                                                                            \
    X(reconcile_removed)                                                                           \
    X(cleared)                                                                                     \
    X(put_own_confirmed)                                                                           \
    X(put_contested)                                                                               \
    X(requests)                                                                                    \
    X(requests_get)                                                                                \
    X(requests_put)                                                                                \
    X(requests_head)                                                                               \
    X(requests_delete)                                                                             \
    X(requests_list)                                                                               \
    X(retries)                                                                                     \
    X(retries_refused)                                                                             \
    X(leased_bytes)                                                                                \
    X(leases)

struct wk_counters {
#define WK_COUNTER_FIELD(name) wk_atomic_u64 name; /* sync: relaxed; counters */
    WK_COUNTER_MAP(WK_COUNTER_FIELD)
#undef WK_COUNTER_FIELD
#define WK_CLASS_FIELD(id, name) wk_atomic_u64 objects_##name; /* sync: as above; by answer */
    WK_OBJECT_CLASS_MAP(WK_CLASS_FIELD)
#undef WK_CLASS_FIELD
};

static inline void wk_count(wk_atomic_u64 *counter, uint64_t by) {
    wk_atomic_add_u64(counter, by, WK_RELAXED, "counters");
}

static inline void wk_uncount(wk_atomic_u64 *counter, uint64_t by) {
    wk_atomic_sub_u64(counter, by, WK_RELAXED, "counters");
}

#endif
