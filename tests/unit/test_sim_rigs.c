/* SPDX-License-Identifier: Apache-2.0 */
/* The rigs that let threads meet in the prefix index, its namespaces and the cache: many seeds,
 * equal runs. */
#include "unit/cmocka_all.h"

#include <string.h>

#include "cache_rig.h"
#include "index_rig.h"
#include "report.h"
#include "sched.h"
#include "seed.h"
#include "spaces_rig.h"

static struct sim_fault_plan faults;

static void world_main(void *seed) {
    struct sim_host *host = sim_host_create("host");
    sim_index_rig(sim_process_create(host, "index"), (uint64_t)(uintptr_t)seed);
    sim_cache_rig(sim_process_create(host, "cache"), (uint64_t)(uintptr_t)seed);
    sim_spaces_rig(sim_process_create(host, "spaces"), (uint64_t)(uintptr_t)seed);
    sim_finish();
}

static uint64_t run_seed(uint64_t seed) {
    struct sim_schedule schedule;
    memset(&faults, 0, sizeof faults);
    sim_schedule_draw(&schedule, seed);
    sim_ground_reset(seed, &schedule, &faults);
    assert_non_null(sim_spawn(NULL, "world", world_main, (void *)(uintptr_t)seed));
    sim_run();
    if (sim_violation()->happened)
        fail_msg("seed %u: %s: %s", (unsigned)seed, sim_violation()->rule, sim_violation()->text);
    return sim_sched_stats().steps;
}

static void readers_see_whole_nodes_and_values_in_every_order_of_stores(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 64; seed++)
        assert_true(run_seed(seed) > 1000);
}

static void a_seed_takes_the_same_steps_again(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++)
        assert_int_equal(run_seed(seed), run_seed(seed));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_whole_nodes_and_values_in_every_order_of_stores),
        cmocka_unit_test(a_seed_takes_the_same_steps_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
