/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many namespaces on one index: they come, get a node or none, lose it, are held and let go, and
 * their ids are used again. A namespace never sees what belongs to another one.
 */
#ifndef SIM_SPACES_RIG_H
#define SIM_SPACES_RIG_H

#include <stdint.h>

#include "process.h"

/* Runs in fibers of `process`, which ends with it; from a fiber of the world. */
void sim_spaces_rig(struct sim_process *process, uint64_t seed);

#endif
