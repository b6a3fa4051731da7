/* SPDX-License-Identifier: Apache-2.0 */
/* Echoes through the simulated network, under each strategy and each fault, with a judge. */
#include "unit/cmocka_all.h"

#include "unit/sim_echo.h"

static const enum sim_fault network[] = {
    SIM_FAULT_NET_RESOLVE,    SIM_FAULT_NET_STALE_ADDRESS, SIM_FAULT_NET_REFUSE,
    SIM_FAULT_NET_BLACK_HOLE, SIM_FAULT_NET_RESET,         SIM_FAULT_NET_HALF_CLOSE,
    SIM_FAULT_NET_SHORT,      SIM_FAULT_NET_DELAY,         SIM_FAULT_NET_FLIP,
    SIM_FAULT_NET_PARTITION,  SIM_FAULT_NET_DESCRIPTORS};
#define NETWORK_COUNT (sizeof network / sizeof network[0])

static struct sim_schedule schedule_of(uint64_t seed, int strategy) {
    struct sim_schedule s;
    sim_schedule_draw(&s, seed);
    s.strategy = (enum sim_strategy)strategy;
    return s;
}

static void must_pass(uint64_t seed, const char *what) {
    if (sim_violation()->happened)
        fail_msg("seed %u, %s: %s: %s", (unsigned)seed, what, sim_violation()->rule,
                 sim_violation()->text);
}

/* SIM-11 */
static void everything_comes_back_when_nothing_fails(void **state) {
    (void)state;
    struct sim_fault_plan none;
    memset(&none, 0, sizeof none);
    for (int strategy = 0; strategy < SIM_STRATEGY_COUNT; strategy++) {
        for (uint64_t seed = 1; seed <= 20; seed++) {
            struct sim_schedule s = schedule_of(seed, strategy);
            echo_run(seed, &s, &none, seed % 2 == 0);
            must_pass(seed, sim_strategy_name(s.strategy));
            assert_int_equal(echo.completed, ECHO_CLIENTS * ECHO_CONNECTIONS);
        }
    }
}

/* SIM-11, SIM-12, SIM-16 */
static void bytes_come_in_order_or_the_connection_fails(void **state) {
    (void)state;
    for (size_t f = 0; f < NETWORK_COUNT; f++) {
        uint64_t happened = 0;
        uint32_t failed = 0;
        for (int n = 0; n < 4 * SIM_STRATEGY_COUNT; n++) {
            int strategy = n % SIM_STRATEGY_COUNT;
            struct sim_fault_plan faults;
            memset(&faults, 0, sizeof faults);
            faults.ppm[network[f]] = f == 4 || f == 5 || f == 8 ? 20000 : 200000;
            uint64_t seed = 100 * f + (uint64_t)n;
            struct sim_schedule s = schedule_of(seed, strategy);
            echo_run(seed, &s, &faults, n % 3 == 0);
            must_pass(seed, sim_fault_name(network[f]));
            happened += sim_fault_count(network[f]);
            failed += echo.failed;
            assert_true(echo.bytes > 0);
        }
        assert_true(happened > 0);
        bool harmless = network[f] == SIM_FAULT_NET_SHORT;
        if (harmless)
            assert_int_equal(failed, 0);
    }
}

static void draw_all(struct sim_fault_plan *faults, uint64_t seed) {
    memset(faults, 0, sizeof *faults);
    struct sim_fault_plan drawn;
    sim_fault_plan_draw(&drawn, seed);
    for (size_t f = 0; f < NETWORK_COUNT; f++)
        faults->ppm[network[f]] = drawn.ppm[network[f]];
    faults->ppm[SIM_FAULT_PROCESS_CRASH] = 30000;
    faults->ppm[SIM_FAULT_HOST_CRASH] = drawn.ppm[SIM_FAULT_HOST_CRASH] / 8;
    faults->ppm[SIM_FAULT_PROCESS_STOP] = drawn.ppm[SIM_FAULT_PROCESS_STOP] / 8;
}

/* SIM-11, SIM-14, SIM-9 */
static void servers_and_clients_crash_and_come_back(void **state) {
    (void)state;
    uint32_t crashes = 0, completed = 0, failed = 0, server_births = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct sim_fault_plan faults;
        draw_all(&faults, seed);
        struct sim_schedule s = schedule_of(seed, (int)(seed % SIM_STRATEGY_COUNT));
        echo_run(seed, &s, &faults, seed % 3 == 0);
        must_pass(seed, "all faults");
        for (uint32_t i = 0; i < sim_program_count(); i++)
            crashes += sim_program_at(i)->crashes;
        server_births += echo.server.births;
        completed += echo.completed;
        failed += echo.failed;
    }
    assert_true(crashes > 600);
    assert_true(server_births > 400);
    assert_true(completed > 600);
    assert_true(failed > 600);
}

/* SIM-1 */
static void a_seed_gives_the_same_hash_again(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct sim_hash hashes[2];
        for (int i = 0; i < 2; i++) {
            struct sim_fault_plan faults;
            draw_all(&faults, seed);
            struct sim_schedule s = schedule_of(seed, (int)(seed % SIM_STRATEGY_COUNT));
            echo_run(seed, &s, &faults, false);
            must_pass(seed, "all faults");
            hashes[i] = sim_trace_hash();
        }
        assert_memory_equal(&hashes[0], &hashes[1], sizeof hashes[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back_when_nothing_fails),
        cmocka_unit_test(bytes_come_in_order_or_the_connection_fails),
        cmocka_unit_test(servers_and_clients_crash_and_come_back),
        cmocka_unit_test(a_seed_gives_the_same_hash_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
