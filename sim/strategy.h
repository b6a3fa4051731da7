/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the ready fibers runs next. */
#ifndef SIM_STRATEGY_H
#define SIM_STRATEGY_H

#include "sched.h"

void sim_strategy_reset(const struct sim_schedule *schedule);
/* A new fiber gets its priority. */
void sim_strategy_spawned(struct sim_fiber *fiber, struct sim_rng *rng);
/*
 * One of `ready` (oldest first, none empty, stopped processes left out). `self` is NULL when the
 * running fiber blocks or ends, else it is among them.
 */
struct sim_fiber *sim_strategy_pick(const struct sim_schedule *schedule, struct sim_rng *rng,
                                    struct sim_fiber *const *ready, uint32_t count,
                                    struct sim_fiber *self, enum sim_point point, uint64_t step);

#endif
