/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long loads and stores took, as STATS tells it: seven lines of JSON in the reference's order
 * and form. Where the reference keeps samples, a histogram stands: 16 steps for each doubling, so
 * that a percentile is at most 1/16 too high, and exact below 32 microseconds.
 *
 * Noting is a few relaxed additions; safe for concurrent use.
 */
#ifndef WK_DAEMON_TIMES_H
#define WK_DAEMON_TIMES_H

#include "base/atomic.h"
#include "base/writer.h"

enum wk_times_kind {
    WK_TIMES_STASH,
    WK_TIMES_LOAD_RAM,
    WK_TIMES_LOAD_DISK,
    WK_TIMES_LOAD_OBJECT,
    WK_TIMES_MISS,
    WK_TIMES_RESTORE,
    WK_TIMES_KIND_COUNT
};

#define WK_TIMES_STEPS 512u /* covers 2^32 microseconds */

struct wk_times_series {
    wk_atomic_u64 count;                 /* sync: relaxed; times */
    wk_atomic_u64 bytes;                 /* sync: as above */
    wk_atomic_u64 microseconds;          /* sync: as above */
    wk_atomic_u64 steps[WK_TIMES_STEPS]; /* sync: as above */
};

struct wk_times {
    struct wk_times_series series[WK_TIMES_KIND_COUNT];
};

/* Zeroed memory is an empty one. `count` things of `bytes` together, each in `microseconds`. */
void wk_times_note(struct wk_times *times, enum wk_times_kind kind, uint64_t count, uint64_t bytes,
                   uint64_t microseconds);

#define WK_TIMES_TEXT_BYTES 4096u
void wk_times_write(const struct wk_times *times, struct wk_writer *to);

#endif
