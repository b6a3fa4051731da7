/* SPDX-License-Identifier: Apache-2.0 */
/* Worlds with a daemon: engines reach its store through the ABI, under the same judges. */
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "fault.h"
#include "report.h"
#include "rpc_rig.h"
#include "sched.h"
#include "seed.h"
#include "../sim/world.h" /* not the one beside this file */

static struct sim_plan plan;
static struct sim_result result;

/* The next seed from `seed` on whose world has a daemon. */
static uint64_t draw(uint64_t seed) {
    for (sim_plan_draw(&plan, seed); plan.daemon.count == 0; sim_plan_draw(&plan, seed))
        seed++;
    return seed;
}

static void run(void) {
    sim_world_run(&plan, &result);
    if (result.violated)
        fail_msg("seed %u: %s: %s", (unsigned)plan.seed, sim_violation()->rule,
                 sim_violation()->text);
}

static uint64_t with_only(enum sim_fault fault) {
    uint32_t ppm = plan.faults.ppm[fault];
    memset(&plan.faults, 0, sizeof plan.faults);
    plan.fail_after_allocations = 0;
    plan.faults.ppm[fault] = ppm > 20000 ? ppm : 20000;
    run();
    return sim_fault_count(fault);
}

/* ---- tests */

/* SIM-18 */
static void test_four_of_ten_worlds_have_a_daemon_and_a_client(void **state) {
    (void)state;
    uint32_t daemons = 0;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        uint32_t remote = 0;
        sim_plan_draw(&plan, seed);
        daemons += plan.daemon.count;
        for (uint32_t i = 0; i < plan.engine_count; i++) {
            for (uint32_t h = 0; h < plan.engines[i].handles; h++)
                remote += plan.engines[i].via[h] != SIM_VIA_EMBEDDED;
        }
        assert_int_equal(remote > 0, plan.daemon.count > 0);
    }
    assert_in_range(daemons, 300, 450);
}

/* SIM-18: a world without faults, where no call may fail. */
static void test_nothing_fails_without_faults(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 6; i++, seed++) {
        seed = draw(seed);
        memset(&plan.faults, 0, sizeof plan.faults);
        plan.fail_after_allocations = 0;
        plan.daemon.restart_ms = 0;
        run();
        assert_int_equal(sim_the_daemon()->program.births, 1);
        assert_true(sim_the_daemon()->program.ended);
        assert_true(result.calls > 20);
    }
}

/* SIM-20: whatever bytes arrive changed, no call returns others than were put. */
static void test_flipped_bytes(void **state) {
    (void)state;
    uint64_t flips = 0;
    uint64_t seed = 100;
    for (int i = 0; i < 8; i++, seed++) {
        seed = draw(seed);
        flips += with_only(SIM_FAULT_NET_FLIP);
    }
    assert_true(flips > 20);
}

/* SIM-19, SIM-21: it crashes in the middle of calls, and is found again. */
static void test_a_daemon_that_crashes(void **state) {
    (void)state;
    uint32_t births = 0;
    uint64_t seed = 200;
    for (int i = 0; i < 8; i++, seed++) {
        seed = draw(seed);
        (void)with_only(SIM_FAULT_PROCESS_CRASH);
        births += sim_the_daemon()->program.births;
    }
    assert_true(births > 16);
}

/* SIM-21: told to stop, it answers what it has begun, and ends with nothing left. */
static void test_a_daemon_that_is_restarted(void **state) {
    (void)state;
    uint32_t stops = 0;
    uint64_t seed = 300;
    for (int i = 0; i < 6; i++, seed++) {
        seed = draw(seed);
        memset(&plan.faults, 0, sizeof plan.faults);
        plan.fail_after_allocations = 0;
        plan.daemon.restart_ms = 300;
        run();
        stops += sim_the_daemon()->stops;
        assert_int_equal(sim_the_daemon()->program.crashes, 0);
    }
    assert_true(stops > 6);
}

/* SIM-8: a plan with a daemon as text and back. */
static void test_a_plan_as_text(void **state) {
    (void)state;
    static struct sim_plan again;
    uint64_t seed = 1;
    for (int i = 0; i < 20; i++, seed++) {
        seed = draw(seed);
        FILE *file = tmpfile();
        assert_non_null(file);
        sim_plan_write(&plan, file);
        rewind(file);
        assert_true(sim_plan_read(&again, file, "a plan"));
        fclose(file);
        assert_memory_equal(&again, &plan, sizeof plan);
    }
}

/* ---- scripts */

static void scripts_main(void *seed) {
    struct sim_host *host = sim_host_create("host");
    sim_rpc_rig(sim_process_create(host, "rpc"), (uint64_t)(uintptr_t)seed, 1);
    sim_finish();
}

/* SIM-22 */
static void test_scripted_peers(void **state) {
    (void)state;
    static struct sim_fault_plan none;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct sim_schedule schedule;
        sim_schedule_draw(&schedule, seed);
        sim_ground_reset(seed, &schedule, &none);
        assert_non_null(sim_spawn(NULL, "world", scripts_main, (void *)(uintptr_t)seed));
        sim_run();
        if (sim_violation()->happened)
            fail_msg("seed %u: %s: %s", (unsigned)seed, sim_violation()->rule,
                     sim_violation()->text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four_of_ten_worlds_have_a_daemon_and_a_client),
        cmocka_unit_test(test_nothing_fails_without_faults),
        cmocka_unit_test(test_flipped_bytes),
        cmocka_unit_test(test_a_daemon_that_crashes),
        cmocka_unit_test(test_a_daemon_that_is_restarted),
        cmocka_unit_test(test_a_plan_as_text),
        cmocka_unit_test(test_scripted_peers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
