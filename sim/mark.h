/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which WK_MARK places of the sources runs have come by. The list of all of them is made at build
 * time (marks.inc) by looking for the macro.
 */
#ifndef SIM_MARK_H
#define SIM_MARK_H

#include <stdint.h>

void sim_marks_reset(uint64_t seed); /* a new seed begins; what was reached stays */
uint32_t sim_mark_count(void);
const char *sim_mark_name(uint32_t index);
/* In how many seeds of this run it was reached, and in which first. */
uint64_t sim_mark_seeds(uint32_t index);
uint64_t sim_mark_first_seed(uint32_t index);
/* How often in the seed that runs. */
uint64_t sim_mark_here(const char *name);

#endif
