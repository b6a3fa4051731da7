/* SPDX-License-Identifier: Apache-2.0 */
/* A host program's key-value store behind wmbt_kv_callbacks, kept in a bucket of the world. */
#ifndef SIM_HOST_STORE_H
#define SIM_HOST_STORE_H

#include "engine.h"

/* The table for a handle of the process on this bucket; lives as long as the seed. */
const wmbt_kv_callbacks *sim_host_store(struct sim_process *process, uint32_t bucket);

#endif
