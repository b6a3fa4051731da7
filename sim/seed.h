/* SPDX-License-Identifier: Apache-2.0 */
/* One seed, from nothing to its verdict. */
#ifndef SIM_SEED_H
#define SIM_SEED_H

#include "fault.h"
#include "sched.h"
#include "trace.h"

/* Forgets the seed before: pools, fibers, processes, disks, buckets, trace. */
void sim_ground_reset(uint64_t seed, const struct sim_schedule *schedule,
                      const struct sim_fault_plan *faults);

#endif
