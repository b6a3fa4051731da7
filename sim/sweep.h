/* SPDX-License-Identifier: Apache-2.0 */
/* Many seeds, and what they add up to. */
#ifndef SIM_SWEEP_H
#define SIM_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

struct sim_options {
    const char *program;
    uint64_t first;
    uint64_t last;
    uint64_t minutes; /* 0: until `last` */
    const char *scenario;
    bool shrink;
    bool trace;
    bool list_faults;
    bool list_marks;
    bool require_coverage;
    bool keep_going;
};

/* The seeds from first to last, or for some minutes; the exit code. */
int sim_sweep(const struct sim_options *options);
/* One seed or one scenario; prints the last line. */
int sim_single(const struct sim_options *options);
/* The lists alone. */
int sim_list(const struct sim_options *options);
/* The plan of --seed or --scenario. */
struct sim_plan;
void sim_plan_of(const struct sim_options *options, struct sim_plan *plan);
/* Each seed twice in processes of their own. */
int sim_determinism(const struct sim_options *options);

#endif
