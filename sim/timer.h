/* SPDX-License-Identifier: Apache-2.0 */
/* Timers of virtual time: a binary heap ordered by (time, order of arming). */
#ifndef SIM_TIMER_H
#define SIM_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct sim_timer {
    uint64_t at_ns;
    uint64_t order;
    uint32_t place; /* in the heap, from 1; 0: not armed */
    void (*fire)(struct sim_timer *timer);
    void *ctx;
};

void sim_timers_reset(void);
void sim_timer_arm(struct sim_timer *timer, uint64_t at_ns);
void sim_timer_cancel(struct sim_timer *timer);
/* The next time, or UINT64_MAX. */
uint64_t sim_timers_next(void);
/* Fires all that are due. */
void sim_timers_fire(uint64_t now_ns);

#endif
