// SPDX-License-Identifier: Apache-2.0
// Five ways to be unfair. Whatever the strategy, a spinning or yielding fiber lets another one go
// first, and nobody who is ready waits for ever: both hold on real machines, too.
#include "strategy.h"

#include <stddef.h>

#define STEPS_WAITING_MAX 30000u

static uint64_t lowered;     // PRIORITY: the next priority below all others
static uint64_t change_step; // PRIORITY, STARVE: when something changes
static uint64_t starved;     // STARVE: id of the fiber that waits

void sim_strategy_reset(const struct sim_schedule *schedule) {
    lowered = UINT32_MAX;
    change_step = schedule->change_steps;
    starved = 0;
}

void sim_strategy_spawned(struct sim_fiber *fiber, struct sim_rng *rng) {
    fiber->priority = (1ull << 32) + sim_rng_below(rng, 1ull << 32);
}

static struct sim_fiber *any(struct sim_rng *rng, struct sim_fiber *const *ready, uint32_t count,
                             const struct sim_fiber *but) {
    uint32_t at = (uint32_t)sim_rng_below(rng, count);
    if (ready[at] == but && count > 1)
        at = (at + 1 + (uint32_t)sim_rng_below(rng, count - 1)) % count;
    return ready[at];
}

static void next_change(const struct sim_schedule *schedule, struct sim_rng *rng, uint64_t step) {
    change_step = step + sim_rng_between(rng, 1, 2ull * schedule->change_steps);
}

static struct sim_fiber *pick_priority(const struct sim_schedule *schedule, struct sim_rng *rng,
                                       struct sim_fiber *const *ready, uint32_t count,
                                       struct sim_fiber *self, bool polite, uint64_t step) {
    if (self != NULL && (polite || step >= change_step)) {
        if (step >= change_step)
            next_change(schedule, rng, step);
        self->priority = lowered--;
    }
    struct sim_fiber *best = ready[0];
    for (uint32_t i = 1; i < count; i++) {
        if (ready[i]->priority > best->priority)
            best = ready[i];
    }
    return best;
}

static struct sim_fiber *pick_starving(const struct sim_schedule *schedule, struct sim_rng *rng,
                                       struct sim_fiber *const *ready, uint32_t count,
                                       uint64_t step) {
    if (step >= change_step) {
        next_change(schedule, rng, step);
        starved = ready[sim_rng_below(rng, count)]->id;
    }
    struct sim_fiber *chosen = any(rng, ready, count, NULL);
    return chosen->id == starved ? any(rng, ready, count, chosen) : chosen;
}

static struct sim_fiber *oldest_but(struct sim_fiber *const *ready, uint32_t count,
                                    const struct sim_fiber *but) {
    return ready[0] == but && count > 1 ? ready[1] : ready[0];
}

static struct sim_fiber *newest_but(struct sim_fiber *const *ready, uint32_t count,
                                    const struct sim_fiber *but) {
    return ready[count - 1] == but && count > 1 ? ready[count - 2] : ready[count - 1];
}

static bool may_stay(const struct sim_schedule *schedule, struct sim_rng *rng,
                     enum sim_point point) {
    uint32_t ppm =
        point == SIM_POINT_ATOMIC ? schedule->switch_atomic_ppm : schedule->switch_call_ppm;
    return !sim_rng_chance(rng, ppm);
}

struct sim_fiber *sim_strategy_pick(const struct sim_schedule *schedule, struct sim_rng *rng,
                                    struct sim_fiber *const *ready, uint32_t count,
                                    struct sim_fiber *self, enum sim_point point, uint64_t step) {
    if (count == 1)
        return ready[0];
    if (ready[0] != self && step - ready[0]->ready_step > STEPS_WAITING_MAX)
        return ready[0];
    bool polite = self != NULL && (point == SIM_POINT_SPIN || point == SIM_POINT_YIELD);
    if (schedule->strategy == SIM_PRIORITY)
        return pick_priority(schedule, rng, ready, count, self, polite, step);
    if (self != NULL && !polite && may_stay(schedule, rng, point))
        return self;
    const struct sim_fiber *but = polite ? self : NULL;
    switch (schedule->strategy) {
    case SIM_STARVE:
        return pick_starving(schedule, rng, ready, count, step);
    case SIM_FIFO:
        return oldest_but(ready, count, self);
    case SIM_LIFO:
        return newest_but(ready, count, self);
    default:
        return any(rng, ready, count, but);
    }
}
