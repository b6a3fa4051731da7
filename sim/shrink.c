// SPDX-License-Identifier: Apache-2.0
// Delta debugging on the plan. Every candidate is a valid plan by construction, so it only has to
// be run and compared: same rule, else it is dropped. Runs until a whole round changes nothing or
// the time is over.
#include "shrink.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "report.h"
#include "world.h"

#define SECONDS_MAX 120

static struct sim_plan best;
static struct sim_plan candidate;
static char rule[32];
static uint32_t tries;
static time_t started;

static bool out_of_time(void) {
    return time(NULL) - started > SECONDS_MAX;
}

static bool fails_alike(const struct sim_plan *plan) {
    struct sim_result result;
    tries++;
    sim_world_run(plan, &result);
    return result.violated && strcmp(sim_violation()->rule, rule) == 0;
}

// The candidate becomes the best when it still fails.
static bool accept(void) {
    if (memcmp(&best, &candidate, sizeof best) == 0 || !fails_alike(&candidate))
        return false;
    best = candidate;
    return true;
}

static bool shrink_ops(void) {
    bool any = false;
    for (uint32_t part = best.op_count / 2 + 1; part > 0; part /= 2) {
        for (uint32_t at = 0; at < best.op_count && !out_of_time();) {
            uint32_t cut = part < best.op_count - at ? part : best.op_count - at;
            candidate = best;
            memmove(&candidate.ops[at], &candidate.ops[at + cut],
                    (candidate.op_count - at - cut) * sizeof candidate.ops[0]);
            candidate.op_count -= cut;
            memset(&candidate.ops[candidate.op_count], 0, cut * sizeof candidate.ops[0]);
            if (accept())
                any = true;
            else
                at += cut;
        }
    }
    return any;
}

static bool shrink_faults(void) {
    bool any = false;
    for (int i = 0; i < SIM_FAULT_COUNT && !out_of_time(); i++) {
        candidate = best;
        candidate.faults.ppm[i] = 0;
        any = accept() || any;
    }
    return any;
}

static bool shrink_engines(void) {
    bool any = false;
    for (uint32_t i = 0; i < best.engine_count && !out_of_time(); i++) {
        candidate = best;
        candidate.engines[i].threads = 1;
        any = accept() || any;
        candidate = best;
        candidate.engines[i].sessions = 1;
        any = accept() || any;
        candidate = best;
        candidate.engines[i].handles = 1;
        any = accept() || any;
        candidate = best;
        candidate.engines[i].parallel = 1;
        any = accept() || any;
        candidate = best;
        candidate.engines[i].via[0] = candidate.engines[i].via[1] = SIM_VIA_EMBEDDED;
        any = accept() || any;
        candidate = best;
        candidate.engines[i].scrub_ms = 0;
        any = accept() || any;
    }
    candidate = best;
    candidate.daemon.tokens = 0;
    any = accept() || any;
    candidate = best;
    candidate.daemon.restart_ms = 0;
    any = accept() || any;
    if (best.engine_count > 1) {
        candidate = best;
        candidate.engine_count--;
        any = accept() || any;
    }
    return any;
}

static bool shrink_schedule(void) {
    candidate = best;
    candidate.schedule.buffer_delay_ppm = 0;
    bool any = accept();
    candidate = best;
    candidate.schedule.switch_atomic_ppm = 0;
    any = accept() || any;
    candidate = best;
    candidate.schedule.strategy = SIM_FIFO;
    return accept() || any;
}

static bool shrink_numbers(void) {
    bool any = false;
    for (uint32_t i = 0; i < best.op_count && !out_of_time(); i++) {
        candidate = best;
        candidate.ops[i].count = 1;
        any = accept() || any;
        candidate = best;
        candidate.ops[i].hold = 0;
        any = accept() || any;
    }
    return any;
}

int sim_shrink(const struct sim_options *o) {
    sim_plan_of(o, &best);
    struct sim_result result;
    sim_world_run(&best, &result);
    if (!result.violated) {
        fprintf(stderr, "nothing to shrink: no rule is violated\n");
        return SIM_EXIT_HARNESS;
    }
    snprintf(rule, sizeof rule, "%s", sim_violation()->rule);
    uint32_t before = best.op_count;
    started = time(NULL);
    bool any = true;
    while (any && !out_of_time()) {
        any = shrink_ops();
        any = shrink_faults() || any;
        any = shrink_engines() || any;
        any = shrink_schedule() || any;
        if (best.op_count < 40)
            any = shrink_numbers() || any;
    }
    printf("# violates %s; %u of %u operations left after %u tries\n", rule, best.op_count, before,
           tries);
    sim_plan_write(&best, stdout);
    return SIM_EXIT_PASS;
}
