/* SPDX-License-Identifier: Apache-2.0 */
/* What the world does when a fiber that acts as a thread of a process ends. */
#ifndef SIM_THREADS_H
#define SIM_THREADS_H

/* Destroys the calling fiber's slot; violation when it holds a lock. */
void sim_thread_ends(void);

#endif
