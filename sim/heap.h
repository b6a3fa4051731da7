/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of one simulated process: a range of addresses of its own, so that all of it can
 * vanish at once when the process does.
 *
 * Between red zones every allocation is filled with the process's pattern; what is released is
 * filled with another one, kept aside for a while and checked before it is handed out again. Broken
 * red zones, a wrong size or owner at release, a write after release are violations of "memory".
 */
#ifndef SIM_HEAP_H
#define SIM_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "env/env.h"

struct sim_heap {
    uint8_t *base; /* chunks grow up from here */
    size_t used;
    uint8_t *map_base; /* whole pages */
    size_t map_used;
    uint32_t range; /* number of the range of addresses */
    uint8_t pattern;
    bool hidden;     /* has vanished */
    uint64_t serial; /* allocations so far */
    uint64_t in_use[WK_MEM_OWNER_COUNT];
    uint64_t live[WK_MEM_OWNER_COUNT]; /* allocations */
    uint64_t peak;
    struct sim_mapping *mappings;
    uint32_t free_first[160]; /* per size class: offsets / 16, 0 none */
    uint32_t free_last[160];
    uint32_t free_count[160];
};

void sim_heap_create(struct sim_heap *h, uint8_t pattern);
/* From now on any access is a fault. */
void sim_heap_vanish(struct sim_heap *h);
/* Gives all ranges back for the next seed. */
void sim_heaps_reset(void);

void *sim_heap_alloc(struct sim_heap *h, enum wk_mem_owner owner, size_t size);
void sim_heap_release(struct sim_heap *h, enum wk_mem_owner owner, void *ptr, size_t size);
void *sim_heap_map(struct sim_heap *h, enum wk_mem_owner owner, size_t size);
void sim_heap_unmap(struct sim_heap *h, enum wk_mem_owner owner, void *ptr, size_t size);
void sim_heap_discard(struct sim_heap *h, void *ptr, size_t size);
/* Is this byte in memory of the process that it has and may read? */
bool sim_heap_owns(const struct sim_heap *h, const void *ptr, size_t size);
/* What is still allocated: "#12 96 B handle, ..." */
void sim_heap_leaks(const struct sim_heap *h, char *to, size_t capacity);

#endif
