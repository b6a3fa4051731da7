/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cached bytes that change in memory. They rot when a borrow of them ends, if nobody else borrows
 * them: so the bytes may still be the cache's, and no lease is broken. Nobody promises to notice
 * before the scrubber came by, so answers are judged as they were before they rotted.
 */
#ifndef SIM_MEMORY_ROT_H
#define SIM_MEMORY_ROT_H

#include "engine.h"

void sim_memory_rot_reset(void);
/* `lease` is about to be released, and no longer in the engine's list. */
void sim_memory_rot(const struct sim_engine *engine, const struct sim_lease *lease);
/* `value`, or what it was before it rotted when only that was ever written under `key`. */
struct sim_value sim_memory_unrotten(const struct sim_key *key, struct sim_value value);

#endif
