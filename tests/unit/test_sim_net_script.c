/* SPDX-License-Identifier: Apache-2.0 */
/* The script of socket calls in simulated worlds; test_env_net_script.c is its other half. */
#include "unit/cmocka_all.h"

#include "fault.h"
#include "process.h"
#include "report.h"
#include "sched.h"
#include "seed.h"
#include "unit/net_script.h"

static struct net_script script;

static void script_main(void *arg) {
    struct sim_process *process = arg;
    net_script_run(&script);
    sim_process_exit(process);
}

/* SIM-10 */
static void the_simulator_answers_as_the_host(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct sim_schedule schedule;
        struct sim_fault_plan none;
        memset(&none, 0, sizeof none);
        memset(&script, 0, sizeof script);
        sim_schedule_draw(&schedule, seed);
        sim_ground_reset(seed, &schedule, &none);
        struct sim_process *process = sim_process_create(sim_host_create("host-0"), "script");
        script.env = &process->env;
        assert_non_null(sim_spawn(process, "main", script_main, process));
        sim_run();
        if (sim_violation()->happened)
            fail_msg("%s: %s", sim_violation()->rule, sim_violation()->text);
        const char *expected = NULL;
        const char *line = net_script_differs(&script, &expected);
        if (line != NULL)
            fail_msg("seed %u: \"%s\" instead of \"%s\"", (unsigned)seed, line, expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_simulator_answers_as_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
