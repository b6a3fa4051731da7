// SPDX-License-Identifier: Apache-2.0
#include "memory_rot.h"

#include "fault.h"
#include "pool.h"
#include "trace.h"

#define ROTTEN_MAX 16u
#define NAME_BYTES 48u // behind the name of a value no flip makes another version of it

static struct rotten {
    const uint8_t *value;
    uint64_t size;
    uint64_t at;
    uint8_t bit;
} rotten[ROTTEN_MAX];
static uint32_t rotten_count;

void sim_memory_rot_reset(void) {
    rotten_count = 0;
}

static bool overlaps(const uint8_t *a, uint64_t a_size, const uint8_t *b, uint64_t b_size) {
    return (uintptr_t)a < (uintptr_t)b + b_size && (uintptr_t)b < (uintptr_t)a + a_size;
}

static bool borrowed(const struct sim_engine *e, const uint8_t *bytes, uint64_t size) {
    for (uint32_t t = 0; t < SIM_THREADS_MAX; t++) {
        for (const struct sim_lease *l = e->leases[t]; l != NULL; l = l->next) {
            for (size_t i = 0; i < l->count; i++) {
                if (l->bytes[i] != NULL && overlaps(bytes, size, l->bytes[i], l->sizes[i]))
                    return true;
            }
        }
    }
    return false;
}

// One bit per place at most, so that each can be undone alone.
static bool rotted_before(const uint8_t *bytes, uint64_t size) {
    for (uint32_t i = 0; i < rotten_count; i++) {
        if (overlaps(bytes, size, rotten[i].value, rotten[i].size))
            return true;
    }
    return false;
}

void sim_memory_rot(const struct sim_engine *e, const struct sim_lease *l) {
    if (rotten_count == ROTTEN_MAX || l->count == 0 || !sim_fault_enabled(SIM_FAULT_MEMORY_ROT))
        return;
    struct sim_rng *rng = sim_fault_rng(SIM_FAULT_MEMORY_ROT);
    size_t i = (size_t)sim_rng_below(rng, l->count);
    const uint8_t *bytes = l->bytes[i];
    uint64_t size = bytes == NULL ? 0 : l->sizes[i];
    if (size <= NAME_BYTES || borrowed(e, bytes, size) || rotted_before(bytes, size) ||
        !sim_fault(SIM_FAULT_MEMORY_ROT))
        return;
    struct rotten *r = &rotten[rotten_count++];
    *r = (struct rotten){bytes, size, sim_rng_between(rng, NAME_BYTES, size - 1),
                         (uint8_t)(1u << sim_rng_below(rng, 8))};
    ((uint8_t *)(uintptr_t)bytes)[r->at] ^= r->bit;
    sim_event("memory-rot", NULL, r->at, size);
}

struct sim_value sim_memory_unrotten(const struct sim_key *key, struct sim_value value) {
    if (rotten_count == 0 || sim_key_written(key, value, SIM_NEVER))
        return value;
    for (uint32_t i = 0; i < rotten_count; i++) {
        if (rotten[i].size != value.size)
            continue;
        uint8_t *before = sim_copy(value.bytes, value.size);
        before[rotten[i].at] ^= rotten[i].bit;
        struct sim_value whole = {before, value.size};
        if (sim_key_written(key, whole, SIM_NEVER))
            return whole;
    }
    return value;
}
