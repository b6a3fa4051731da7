/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the simulator itself for the life of one seed: disks, buckets, fibers, histories.
 * Nothing is freed one by one; sim_pool_reset takes it all back in no time. The memory of simulated
 * processes is apart (heap.h).
 */
#ifndef SIM_POOL_H
#define SIM_POOL_H

#include <stddef.h>

/* Zeroed, 16-byte aligned, never NULL (the run ends with exit code 4 instead). */
void *sim_new(size_t size);
void *sim_copy(const void *from, size_t size);
char *sim_copy_text(const char *text);
void sim_pool_reset(void);

#endif
