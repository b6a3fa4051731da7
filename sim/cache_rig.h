/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RAM cache alone under the scheduler, in a budget of a few values: every fill evicts, and
 * threads pin, replace, drop and evict the same few keys at once. Between engines such meetings are
 * too rare to rely on.
 *
 * Rule "lease" (specs/0002-consistency.md): who has pinned a value reads one whole value of its
 * key, the same until it lets go, and the checksum beside it fits.
 */
#ifndef SIM_CACHE_RIG_H
#define SIM_CACHE_RIG_H

#include <stdint.h>

#include "process.h"

/* Runs in fibers of `process`, which ends with it; from a fiber of the world. */
void sim_cache_rig(struct sim_process *process, uint64_t seed);

#endif
