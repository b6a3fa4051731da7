/* SPDX-License-Identifier: Apache-2.0 */
/* The world's own mischief: what no call into the environment can decide. */
#ifndef SIM_CHAOS_H
#define SIM_CHAOS_H

#include "plan.h"

void sim_chaos_reset(const struct sim_plan *plan);
/* A fiber of the world; ends when the world is healed. */
void sim_chaos(void *unused);
/* A fiber of the world that looks at budgets all the time; ends with the engines. */
void sim_watch(void *unused);

#endif
