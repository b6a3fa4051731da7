/* SPDX-License-Identifier: Apache-2.0 */
/* A whole seed: the world of a plan, its life under faults, its healing, its verdict. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "plan.h"
#include "trace.h"

struct sim_result {
    bool violated;
    uint64_t events;
    struct sim_hash hash;
    uint64_t calls; /* into the ABI */
    uint64_t switches;
    uint32_t faults;   /* classes that happened */
    uint32_t restarts; /* processes that came after a crash */
    uint64_t virtual_ns;
};

/* Runs the plan; the violation, if there is one, stands in sim_violation(). */
void sim_world_run(const struct sim_plan *plan, struct sim_result *result);

#endif
