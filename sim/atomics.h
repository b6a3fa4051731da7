/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store buffers: what makes wk_atomic_* of base/atomic.h weaker than the machine of the day.
 *
 * Each fiber has a buffer of stores that it has made and others do not see yet. The rules, all of
 * them allowed by C11 for the orders given:
 *   - a relaxed or release store, and the store half of a read-modify-write weaker than seq_cst,
 *     may wait; a seq_cst one, and every fence but acquire, first lets everything out;
 *   - stores to one word leave in order; a release store leaves after all earlier ones;
 *     relaxed stores to different words leave in any order;
 *   - the owner reads its own waiting stores; a seq_cst load does not wait for weaker stores;
 *   - a read-modify-write stays atomic: another fiber's store or read-modify-write on a word makes
 *     the waiting ones on that word leave first;
 *   - every environment call of the owner (locks among them) lets everything out.
 */
#ifndef SIM_ATOMICS_H
#define SIM_ATOMICS_H

#include <stddef.h>

struct sim_fiber;

/* A schedule point passes: perhaps one waiting store of somebody leaves. */
void sim_buffers_step(struct sim_fiber *fiber);
/* All waiting stores of the fiber become visible. */
void sim_buffers_drain(struct sim_fiber *fiber);
/* The fiber was killed: its waiting stores never happen. */
void sim_buffer_lost(struct sim_fiber *fiber);
/* Violation when a store to these bytes still waits: they were released under somebody's feet. */
void sim_buffers_check_released(const void *at, size_t size);
void sim_buffers_reset(void);

#endif
