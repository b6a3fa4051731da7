// SPDX-License-Identifier: Apache-2.0
// Memory: the heap of the process, with the k-th failure and random failures.
#include "fault.h"
#include "process.h"
#include "trace.h"

#define ALLOC_COST_NS 40u
#define MAP_COST_NS   2000u

static bool fails(struct sim_process *p) {
    p->allocations++;
    bool planned =
        p->fail_allocation != 0 && (p->allocations == p->fail_allocation ||
                                    (p->fail_all_after && p->allocations > p->fail_allocation));
    if (planned)
        sim_fault_happened(SIM_FAULT_ALLOC_KTH);
    return planned || sim_fault(SIM_FAULT_ALLOC_RANDOM);
}

static void *mem_alloc(struct wk_env *env, enum wk_mem_owner owner, size_t size) {
    struct sim_process *p = sim_enter(env, ALLOC_COST_NS);
    void *ptr = fails(p) ? NULL : sim_heap_alloc(&p->heap, owner, size);
    p->memory_failures += ptr == NULL;
    sim_event("alloc", NULL, size, ptr == NULL ? 0 : p->heap.serial);
    return ptr;
}

static void mem_release(struct wk_env *env, enum wk_mem_owner owner, void *ptr, size_t size) {
    struct sim_process *p = sim_enter(env, ALLOC_COST_NS);
    sim_heap_release(&p->heap, owner, ptr, size);
}

static void *mem_map(struct wk_env *env, enum wk_mem_owner owner, size_t size) {
    struct sim_process *p = sim_enter(env, MAP_COST_NS);
    void *ptr = fails(p) ? NULL : sim_heap_map(&p->heap, owner, size);
    p->memory_failures += ptr == NULL;
    sim_event("map", NULL, size, ptr != NULL);
    return ptr;
}

static void mem_unmap(struct wk_env *env, enum wk_mem_owner owner, void *ptr, size_t size) {
    struct sim_process *p = sim_enter(env, MAP_COST_NS);
    sim_event("unmap", NULL, size, 0);
    sim_heap_unmap(&p->heap, owner, ptr, size);
}

static void mem_discard(struct wk_env *env, void *ptr, size_t size) {
    struct sim_process *p = sim_enter(env, MAP_COST_NS);
    sim_heap_discard(&p->heap, ptr, size);
}

static uint64_t mem_in_use(struct wk_env *env, enum wk_mem_owner owner) {
    const struct sim_process *p = sim_enter(env, 5);
    return p->heap.in_use[owner];
}

const struct wk_env_mem sim_env_mem = {mem_alloc, mem_release, mem_map,
                                       mem_unmap, mem_discard, mem_in_use};
