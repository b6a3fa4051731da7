/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines that count time without progress: a base, plus the bytes at a minimum rate. */
#ifndef WK_BASE_PROGRESS_H
#define WK_BASE_PROGRESS_H

#include "base/limits.h"
#include "base/num.h"

/* When moving `bytes` from `start_ns` on counts as stuck; never after `cap_ns`. */
static inline uint64_t wk_progress_deadline_from(uint64_t start_ns, uint64_t base_ns,
                                                 uint64_t bytes, uint64_t cap_ns) {
    uint64_t seconds = bytes / WK_PROGRESS_BYTES_PER_SEC_MIN + 1;
    uint64_t limit = wk_add_u64_clamped(start_ns, base_ns);
    limit = wk_add_u64_clamped(limit, seconds * 1000000000ull);
    return wk_min_u64(limit, cap_ns);
}

static inline uint64_t wk_progress_deadline(uint64_t start_ns, uint64_t bytes, uint64_t cap_ns) {
    return wk_progress_deadline_from(start_ns, WK_PROGRESS_BASE_NS, bytes, cap_ns);
}

#endif
