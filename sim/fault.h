/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults. A seed enables a subset of the classes (a swarm) at rates of its own; 5 % of the seeds
 * have none. Each class draws from a stream of its own, so switching one off shifts no other.
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "rng.h"

enum sim_fault {
#define X(id, name, low, high, text) SIM_FAULT_##id,
#include "faults.def"
#undef X
    SIM_FAULT_COUNT
};

struct sim_fault_plan {
    uint32_t ppm[SIM_FAULT_COUNT]; /* 0: off */
};

const char *sim_fault_name(enum sim_fault fault);
const char *sim_fault_text(enum sim_fault fault);
/* SIM_FAULT_COUNT when there is none of this name. */
enum sim_fault sim_fault_find(const char *name);

void sim_fault_plan_draw(struct sim_fault_plan *plan, uint64_t seed);
void sim_faults_reset(uint64_t seed, const struct sim_fault_plan *plan);
/* From now on nothing fails: the world is healed. */
void sim_faults_heal(void);
bool sim_faults_healed(void);

bool sim_fault_enabled(enum sim_fault fault);
/* Does it happen here and now? Counts and records it if so. */
bool sim_fault(enum sim_fault fault);
/* One that somebody else decided. */
void sim_fault_happened(enum sim_fault fault);
/* The class's stream, for what exactly happens. */
struct sim_rng *sim_fault_rng(enum sim_fault fault);

uint64_t sim_fault_count(enum sim_fault fault); /* in this seed */
uint32_t sim_fault_classes(void);               /* that happened in this seed */

#endif
