/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Epochs: has anything been written under this key since I looked?
 *
 * One counter per stripe of keys. A put moves it at its start and at its end, and so does whoever
 * learns that an object is gone. Who reads from the object store records the epoch before, and what
 * it brought is believed (cached, indexed, used to repair) only if the epoch is the same after,
 * looked at under the lock of the key's shard, where the others move it.
 */
#ifndef WK_STORE_EPOCH_H
#define WK_STORE_EPOCH_H

#include "base/atomic.h"

#define WK_EPOCH_STRIPES 4096u

struct wk_epochs {
    wk_atomic_u64 stripe[WK_EPOCH_STRIPES]; /* sync: acquire-release; epoch.stripe */
};

static inline uint32_t wk_epoch_stripe(uint64_t hash) {
    return (uint32_t)(hash >> 32) % WK_EPOCH_STRIPES;
}

/* Acquire: what is read from the objects afterwards is not older than this look. */
static inline uint64_t wk_epoch_read(const struct wk_epochs *epochs, uint64_t hash) {
    return wk_atomic_load_u64(&epochs->stripe[wk_epoch_stripe(hash)], WK_ACQUIRE, "epoch.stripe");
}

static inline void wk_epoch_bump(struct wk_epochs *epochs, uint64_t hash) {
    wk_atomic_add_u64(&epochs->stripe[wk_epoch_stripe(hash)], 1, WK_ACQ_REL, "epoch.stripe");
}

#endif
