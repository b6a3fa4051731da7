/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots of a shard's hash table: what readers and writers of it must agree on. Internal to
 * src/radix.
 *
 * A slot is (tag:8 | local number + 1 : 24), 0 when empty. The upper bits of the seeded hash choose
 * the tag, the lower 32 the home slot, by multiplication, so that tables may have any size. The tag
 * spares 255 of 256 looks at nodes that are not meant.
 */
#ifndef WK_RADIX_SHARD_TABLE_H
#define WK_RADIX_SHARD_TABLE_H

#include "radix/shard.h"

static inline struct wk_slots *wk_slots_of(const struct wk_shard *shard) {
    uint64_t word = wk_atomic_load_u64(&shard->slots, WK_ACQUIRE, "radix.slots");
    return (struct wk_slots *)(uintptr_t)word;
}

static inline uint32_t wk_slot_home(const struct wk_slots *slots, uint64_t h) {
    return (uint32_t)(((h & 0xffffffffu) * slots->count) >> 32);
}

static inline uint32_t wk_slot_next(const struct wk_slots *slots, uint32_t i) {
    return i + 1 == slots->count ? 0 : i + 1;
}

static inline uint32_t wk_slot_tag(uint64_t h) {
    return (uint32_t)(h >> 50) & 0xffu;
}

static inline uint32_t wk_slot_make(uint64_t h, uint32_t local) {
    return wk_slot_tag(h) << 24 | (local + 1);
}

static inline uint32_t wk_slot_local(uint32_t slot) {
    return (slot & 0xffffffu) - 1;
}

static inline uint32_t wk_slot_load(const struct wk_slots *slots, uint32_t i) {
    return wk_atomic_load_u32(&slots->slot[i], WK_RELAXED, "radix.slot");
}

static inline void wk_slot_store(struct wk_slots *slots, uint32_t i, uint32_t slot) {
    wk_atomic_store_u32(&slots->slot[i], slot, WK_RELAXED, "radix.slot");
}

#endif
