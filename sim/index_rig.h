/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prefix index alone under the scheduler. Engines rarely make two threads meet in one node of
 * the index, and what a torn read does there hides behind the store's own checks. Here writers and
 * readers work on a few nodes of one shard, and readers compare all that they are told.
 *
 * Rule "index" (specs/0006-prefix-index.md): what a reader sees of a node was written together;
 * nodes that nobody removes are always found; a parent is the one that was named, and stays while
 * it has children.
 */
#ifndef SIM_INDEX_RIG_H
#define SIM_INDEX_RIG_H

#include <stdint.h>

#include "process.h"

/* Runs in fibers of `process`, which ends with it; from a fiber of the world. */
void sim_index_rig(struct sim_process *process, uint64_t seed);

#endif
