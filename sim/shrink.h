/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the smallest plan that still violates the same rule: fewer operations, fewer engines and
 * threads, fewer faults, a plainer schedule. Writes it to standard output as a scenario.
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "sweep.h"

int sim_shrink(const struct sim_options *options);

#endif
