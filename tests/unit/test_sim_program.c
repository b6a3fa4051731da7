/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: processes that come one after the other, and take signals or die of them. */
#include "unit/cmocka_all.h"

#include <string.h>

#include "fault.h"
#include "process.h"
#include "program.h"
#include "report.h"
#include "sched.h"
#include "seed.h"

static const struct sim_schedule plain = {SIM_UNIFORM, 500000, 250000, 0, 0, 100};
static const struct sim_fault_plan none;

static void wait_for_signals(struct sim_process *p, void *ctx) {
    enum wk_signal *seen = ctx;
    if (seen == NULL) {
        uint64_t late = wk_now_ns(&p->env) + 1000 * WK_NS_PER_S; /* takes no signals */
        p->env.clock->sleep_until(&p->env, late);
        return;
    }
    assert_int_equal(p->env.process->signals_take(&p->env, NULL), WK_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(p->env.process->signals_wait(&p->env, WK_FOREVER, &seen[i]), WK_OK);
    uint64_t soon = wk_now_ns(&p->env) + 10 * WK_NS_PER_MS;
    assert_int_equal(p->env.process->signals_wait(&p->env, soon, &seen[2]), WK_TIMEOUT);
}

static uint64_t born_ns[2];

static void note_birth(struct sim_process *p, void *ctx) {
    (void)p, (void)ctx;
    born_ns[born_ns[0] != 0] = sim_now() + 1;
}

static struct sim_program program;
static struct sim_rng pauses;

static void signal_it(void *arg) {
    (void)arg;
    sim_sleep(WK_NS_PER_S);
    sim_process_signal(program.process, WK_SIGNAL_RELOAD);
    sim_sleep(5 * WK_NS_PER_S);
    sim_program_stop(&program);
    sim_program_join(&program);
    sim_finish();
}

static void run_program(enum wk_signal *seen) {
    memset(born_ns, 0, sizeof born_ns);
    sim_ground_reset(1, &plain, &none);
    sim_rng_seed(&pauses, 1, "pauses");
    program = (struct sim_program){.name = "daemon",
                                   .host = sim_host_create("host"),
                                   .main = wait_for_signals,
                                   .prepare = note_birth,
                                   .ctx = seen,
                                   .rng = &pauses};
    assert_non_null(sim_spawn(NULL, "runner", sim_program_run, &program));
    assert_non_null(sim_spawn(NULL, "signal", signal_it, NULL));
    sim_run();
    if (sim_violation()->happened)
        fail_msg("%s: %s", sim_violation()->rule, sim_violation()->text);
    assert_true(program.ended);
}

/* SIM-9 */
static void programs_take_signals_or_die_of_them(void **state) {
    (void)state;
    enum wk_signal seen[3] = {WK_SIGNAL_NONE, WK_SIGNAL_NONE, WK_SIGNAL_STOP};
    run_program(seen);
    assert_int_equal(seen[0], WK_SIGNAL_RELOAD);
    assert_int_equal(seen[1], WK_SIGNAL_STOP);
    assert_int_equal(seen[2], WK_SIGNAL_NONE);
    assert_int_equal(program.births, 1);
    assert_int_equal(program.crashes, 0);
    run_program(NULL);
    assert_int_equal(program.births, 2);
    assert_true(born_ns[1] > WK_NS_PER_S + WK_NS_PER_MS); /* a pause after the crash */
    assert_int_equal(program.crashes, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_take_signals_or_die_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
