/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's own ground: random streams, timers, fibers, locks, store buffers, memory. */
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "atomics.h"
#include "base/atomic.h"
#include "env/env.h"
#include "fault.h"
#include "fiber.h"
#include "pool.h"
#include "process.h"
#include "report.h"
#include "rng.h"
#include "sched.h"
#include "seed.h"
#include "threads.h"
#include "trace.h"

static struct sim_process *process;
static struct wk_env *env;

/* An empty world with one process, no faults, and the schedule given. */
static void world(uint64_t seed, struct sim_schedule schedule) {
    struct sim_fault_plan none;
    memset(&none, 0, sizeof none);
    sim_ground_reset(seed, &schedule, &none);
    process = sim_process_create(sim_host_create("host"), "p");
    env = &process->env;
}

static const struct sim_schedule plain = {SIM_UNIFORM, 500000, 250000, 0, 0, 100};

static void run(void (*main)(void *arg), void *arg) {
    assert_non_null(sim_spawn(process, "main", main, arg));
    sim_run();
}

static void assert_violated(const char *rule) {
    assert_true(sim_violation()->happened);
    assert_string_equal(sim_violation()->rule, rule);
}

/* ---- random streams */

/* SIM-2 */
static void streams_of_two_names_differ_and_repeat(void **state) {
    (void)state;
    struct sim_rng a, b, again;
    sim_rng_seed(&a, 7, "a");
    sim_rng_seed(&b, 7, "b");
    sim_rng_seed(&again, 7, "a");
    uint64_t first = sim_rng_next(&a);
    assert_int_not_equal(first, sim_rng_next(&b));
    assert_int_equal(first, sim_rng_next(&again));
    /* The value is part of what a seed means: it never changes. */
    sim_rng_seed(&a, 1, "sched");
    uint64_t known = sim_rng_next(&a);
    sim_rng_seed(&a, 1, "sched");
    assert_int_equal(known, sim_rng_next(&a));
}

static void bounded_draws_hit_every_value_about_equally(void **state) {
    (void)state;
    struct sim_rng r;
    sim_rng_seed(&r, 3, "x");
    uint32_t counts[7] = {0};
    for (int i = 0; i < 70000; i++)
        counts[sim_rng_below(&r, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 9500, 10500);
    for (int i = 0; i < 1000; i++) {
        assert_in_range(sim_rng_between(&r, 5, 9), 5, 9);
        assert_in_range(sim_rng_log(&r, 3, 1000000), 3, 1000000);
    }
    assert_int_equal(sim_rng_between(&r, 4, 4), 4);
    assert_false(sim_rng_chance(&r, 0));
    assert_true(sim_rng_chance(&r, 1000000));
}

/* ---- fibers and time */

static uint64_t woke_at[3];

static void sleeper(void *arg) {
    uint64_t i = (uint64_t)(uintptr_t)arg;
    uint64_t now = env->clock->monotonic_ns(env);
    env->clock->sleep_until(env, now + (3 - i) * WK_NS_PER_S);
    woke_at[i] = sim_now();
}

static void time_jumps_to_the_next_timer(void **state) {
    (void)state;
    world(1, plain);
    for (uintptr_t i = 0; i < 3; i++)
        assert_non_null(sim_spawn(process, "s", sleeper, (void *)i));
    sim_run();
    assert_false(sim_violation()->happened);
    assert_in_range(woke_at[2], WK_NS_PER_S, WK_NS_PER_S + WK_NS_PER_MS);
    assert_in_range(woke_at[1], 2 * WK_NS_PER_S, 2 * WK_NS_PER_S + WK_NS_PER_MS);
    assert_in_range(woke_at[0], 3 * WK_NS_PER_S, 3 * WK_NS_PER_S + WK_NS_PER_MS);
}

struct counter {
    struct wk_mutex mutex;
    struct wk_cond cond;
    uint64_t value;
    uint32_t inside;
};

static void count_to_hundred(void *arg) {
    struct counter *c = arg;
    for (int i = 0; i < 100; i++) {
        wk_lock(env, &c->mutex);
        assert_int_equal(c->inside++, 0);
        uint64_t value = c->value;
        env->threads->yield(env);
        c->value = value + 1;
        c->inside--;
        wk_unlock(env, &c->mutex);
    }
}

static void main_of_counters(void *arg) {
    struct counter *c = arg;
    struct wk_thread *threads[4];
    assert_int_equal(env->threads->mutex_init(env, &c->mutex), WK_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(env->threads->start(env, "count", count_to_hundred, c, &threads[i], NULL),
                         WK_OK);
    for (int i = 0; i < 4; i++)
        env->threads->join(env, threads[i]);
    env->threads->mutex_destroy(env, &c->mutex);
    sim_process_exit(process);
}

static void mutexes_exclude_under_every_strategy(void **state) {
    (void)state;
    for (int strategy = 0; strategy < SIM_STRATEGY_COUNT; strategy++) {
        struct sim_schedule s = plain;
        s.strategy = (enum sim_strategy)strategy;
        struct counter c;
        memset(&c, 0, sizeof c);
        world(5, s);
        run(main_of_counters, &c);
        assert_false(sim_violation()->happened);
        assert_int_equal(c.value, 400);
        assert_true(sim_sched_stats().switches > 100);
    }
}

/* SIM-1 */
static void a_seed_gives_the_same_hash_again_and_another_seed_another(void **state) {
    (void)state;
    struct sim_hash hashes[3];
    for (int i = 0; i < 3; i++) {
        struct counter c;
        memset(&c, 0, sizeof c);
        world(i == 2 ? 12 : 11, plain);
        run(main_of_counters, &c);
        hashes[i] = sim_trace_hash();
    }
    assert_int_equal(hashes[0].low, hashes[1].low);
    assert_int_equal(hashes[0].high, hashes[1].high);
    assert_int_not_equal(hashes[0].low, hashes[2].low);
}

static void two_that_wait_for_each_other(void *arg) {
    struct counter *c = arg;
    struct counter *other = c->value == 0 ? c + 1 : c - 1;
    wk_lock(env, &c->mutex);
    env->clock->sleep_until(env, env->clock->monotonic_ns(env) + WK_NS_PER_S);
    wk_lock(env, &other->mutex);
}

static void a_circle_of_mutexes_is_a_deadlock(void **state) {
    (void)state;
    struct counter c[2];
    memset(c, 0, sizeof c);
    c[1].value = 1;
    world(1, plain);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(env->threads->mutex_init(env, &c[i].mutex), WK_OK);
        assert_non_null(sim_spawn(process, "w", two_that_wait_for_each_other, &c[i]));
    }
    sim_run();
    assert_violated("deadlock");
}

static void wait_for_ever(void *arg) {
    struct counter *c = arg;
    (void)env->threads->mutex_init(env, &c->mutex);
    (void)env->threads->cond_init(env, &c->cond);
    wk_lock(env, &c->mutex);
    (void)env->threads->cond_wait(env, &c->cond, &c->mutex, WK_FOREVER);
}

/* SIM-5 */
static void waiting_for_nobody_is_a_deadlock(void **state) {
    (void)state;
    struct counter c;
    world(1, plain);
    run(wait_for_ever, &c);
    assert_violated("deadlock");
    assert_non_null(strstr(sim_violation()->text, "p/main cond"));
}

static void wait_with_deadline(void *arg) {
    struct counter *c = arg;
    (void)env->threads->mutex_init(env, &c->mutex);
    (void)env->threads->cond_init(env, &c->cond);
    wk_lock(env, &c->mutex);
    uint64_t now = wk_now_ns(env);
    enum wk_status status = env->threads->cond_wait(env, &c->cond, &c->mutex, now + 5000000);
    assert_int_equal(status, WK_TIMEOUT);
    assert_true(wk_now_ns(env) >= now + 5000000);
    wk_unlock(env, &c->mutex);
    env->threads->cond_destroy(env, &c->cond);
    env->threads->mutex_destroy(env, &c->mutex);
    sim_process_exit(process);
}

static void a_condition_times_out_on_the_processs_own_clock(void **state) {
    (void)state;
    for (int ppm = -200; ppm <= 200; ppm += 200) {
        struct counter c;
        world(9, plain);
        process->drift_ppm = ppm;
        run(wait_with_deadline, &c);
        assert_false(sim_violation()->happened);
    }
}

/* ---- misuse of locks */

static void unlock_unheld(void *arg) {
    struct counter *c = arg;
    (void)env->threads->mutex_init(env, &c->mutex);
    wk_unlock(env, &c->mutex);
}

static void lock_twice(void *arg) {
    struct counter *c = arg;
    (void)env->threads->mutex_init(env, &c->mutex);
    wk_lock(env, &c->mutex);
    wk_lock(env, &c->mutex);
}

static void destroy_held(void *arg) {
    struct counter *c = arg;
    (void)env->threads->mutex_init(env, &c->mutex);
    wk_lock(env, &c->mutex);
    env->threads->mutex_destroy(env, &c->mutex);
}

static void lock_uninitialised(void *arg) {
    struct counter *c = arg;
    wk_lock(env, &c->mutex);
}

static void end_with_lock(void *arg) {
    struct counter *c = arg;
    (void)env->threads->mutex_init(env, &c->mutex);
    wk_lock(env, &c->mutex);
    sim_thread_ends();
}

/* SIM-5 */
static void misuse_of_locks_is_a_violation(void **state) {
    (void)state;
    void (*const misuses[])(void *) = {unlock_unheld, lock_twice, destroy_held, lock_uninitialised,
                                       end_with_lock};
    for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
        struct counter c;
        memset(&c, 0, sizeof c);
        world(1, plain);
        run(misuses[i], &c);
        assert_violated("locks");
    }
}

/* ---- memory */

static void release_wrong_size(void *arg) {
    (void)arg;
    void *p = wk_alloc(env, WK_MEM_HANDLE, 100);
    wk_release(env, WK_MEM_HANDLE, p, 101);
}

static void release_wrong_owner(void *arg) {
    (void)arg;
    void *p = wk_alloc(env, WK_MEM_HANDLE, 100);
    wk_release(env, WK_MEM_IO, p, 100);
}

static void release_twice(void *arg) {
    (void)arg;
    void *p = wk_alloc(env, WK_MEM_HANDLE, 100);
    wk_release(env, WK_MEM_HANDLE, p, 100);
    wk_release(env, WK_MEM_HANDLE, p, 100);
}

/* SIM-5 */
static void misuse_of_memory_is_a_violation(void **state) {
    (void)state;
    void (*const misuses[])(void *) = {release_wrong_size, release_wrong_owner, release_twice};
    for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
        world(1, plain);
        run(misuses[i], NULL);
        assert_violated("memory");
    }
}

static void leak(void *arg) {
    (void)arg;
    (void)wk_alloc(env, WK_MEM_INDEX, 40);
    sim_process_exit(process);
}

static void what_is_still_allocated_at_the_end_is_a_leak(void **state) {
    (void)state;
    world(1, plain);
    run(leak, NULL);
    assert_violated("leak");
    assert_non_null(strstr(sim_violation()->text, "40 B index"));
}

static void use_memory(void *arg) {
    (void)arg;
    uint8_t *blocks[64];
    size_t sizes[64];
    memset(blocks, 0, sizeof blocks);
    struct sim_rng r;
    sim_rng_seed(&r, 1, "sizes");
    for (int round = 0; round < 2000; round++) {
        size_t i = sim_rng_below(&r, 64);
        if (blocks[i] != NULL) {
            for (size_t at = 0; at < sizes[i]; at++)
                assert_int_equal(blocks[i][at], (uint8_t)(i + 1));
            wk_release(env, WK_MEM_IO, blocks[i], sizes[i]);
            blocks[i] = NULL;
            continue;
        }
        sizes[i] = sim_rng_log(&r, 1, 100000);
        blocks[i] = wk_alloc(env, WK_MEM_IO, sizes[i]);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], (int)i + 1, sizes[i]);
    }
    for (size_t i = 0; i < 64; i++)
        wk_release(env, WK_MEM_IO, blocks[i], blocks[i] == NULL ? 0 : sizes[i]);
    assert_int_equal(env->mem->in_use(env, WK_MEM_IO), 0);
    uint8_t *pages = env->mem->map(env, WK_MEM_ARENA, 100000);
    assert_int_equal((uintptr_t)pages % 4096, 0);
    assert_int_equal(pages[99999], 0);
    pages[5000] = 1;
    env->mem->discard(env, pages + 4999, 3);
    assert_int_equal(pages[5000], 0);
    env->mem->unmap(env, WK_MEM_ARENA, pages, 100000);
    sim_process_exit(process);
}

static void memory_keeps_what_is_written_and_counts_it(void **state) {
    (void)state;
    world(1, plain);
    run(use_memory, NULL);
    assert_false(sim_violation()->happened);
}

static void fail_third(void *arg) {
    (void)arg;
    process->fail_allocation = 3;
    void *p[4];
    for (int i = 0; i < 4; i++)
        p[i] = wk_alloc(env, WK_MEM_IO, 10);
    assert_non_null(p[1]);
    assert_null(p[2]);
    assert_non_null(p[3]);
}

static void the_kth_allocation_fails(void **state) {
    (void)state;
    world(1, plain);
    run(fail_third, NULL);
    assert_false(sim_violation()->happened);
    assert_int_equal(sim_fault_count(SIM_FAULT_ALLOC_KTH), 1);
}

/* ---- crash */

static uint32_t steps_done;

static void work_for_ever(void *arg) {
    (void)arg;
    for (;;) {
        env->threads->yield(env);
        steps_done++;
    }
}

static void crash_it(void *arg) {
    (void)arg;
    sim_sleep(1000000);
    sim_process_crash(process, "test");
}

/* SIM-5 */
static void a_crashed_process_stops_and_its_memory_is_gone(void **state) {
    (void)state;
    world(1, plain);
    void *p = sim_heap_alloc(&process->heap, WK_MEM_IO, 10);
    assert_true(sim_heap_owns(&process->heap, p, 10));
    assert_non_null(sim_spawn(process, "w", work_for_ever, NULL));
    assert_non_null(sim_spawn(NULL, "crasher", crash_it, NULL));
    sim_run();
    assert_false(sim_violation()->happened);
    assert_true(steps_done > 10);
    assert_false(process->alive);
    assert_false(sim_heap_owns(&process->heap, p, 10));
}

/* ---- store buffers */

static wk_atomic_u32 data, flag, other;
static uint32_t seen_flag, seen_data;

static enum wk_order store_order;

static void writer(void *arg) {
    (void)arg;
    wk_atomic_store_u32(&data, 1, WK_RELAXED, "t");
    wk_atomic_store_u32(&flag, 1, store_order, "t");
    for (int i = 0; i < 20; i++)
        (void)wk_atomic_load_u32(&other, WK_RELAXED, "t");
}

static void reader(void *arg) {
    (void)arg;
    for (int i = 0; i < 20 && seen_flag == 0; i++)
        seen_flag = wk_atomic_load_u32(&flag, WK_ACQUIRE, "t");
    seen_data = wk_atomic_load_u32(&data, WK_RELAXED, "t");
}

/* How often in 400 seeds the reader sees the flag without the data. */
static uint32_t message_passing(enum wk_order order) {
    uint32_t broken = 0;
    store_order = order;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct sim_schedule s = {SIM_UNIFORM, 500000, 300000, 700000, 200000, 100};
        world(seed, s);
        memset(&data, 0, sizeof data);
        memset(&flag, 0, sizeof flag);
        seen_flag = seen_data = 0;
        (void)sim_spawn(process, "w", writer, NULL);
        (void)sim_spawn(process, "r", reader, NULL);
        sim_run();
        assert_false(sim_violation()->happened);
        broken += seen_flag == 1 && seen_data == 0;
    }
    return broken;
}

/* SIM-3 */
static void a_relaxed_flag_may_overtake_its_data_a_released_one_never(void **state) {
    (void)state;
    assert_true(message_passing(WK_RELAXED) > 0);
    assert_int_equal(message_passing(WK_RELEASE), 0);
    assert_int_equal(message_passing(WK_SEQ_CST), 0);
}

static uint32_t saw[2];

static void dekker(void *arg) {
    uintptr_t i = (uintptr_t)arg;
    wk_atomic_u32 *mine = i == 0 ? &data : &flag;
    wk_atomic_u32 *theirs = i == 0 ? &flag : &data;
    (void)wk_atomic_add_u32(mine, 1, store_order, "t");
    saw[i] = wk_atomic_load_u32(theirs, WK_SEQ_CST, "t");
    (void)wk_atomic_load_u32(&other, WK_RELAXED, "t"); /* the end lets everything out */
}

static uint32_t both_blind(enum wk_order order) {
    uint32_t blind = 0;
    store_order = order;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct sim_schedule s = {SIM_UNIFORM, 500000, 300000, 700000, 100000, 100};
        world(seed, s);
        memset(&data, 0, sizeof data);
        memset(&flag, 0, sizeof flag);
        (void)sim_spawn(process, "a", dekker, (void *)0);
        (void)sim_spawn(process, "b", dekker, (void *)1);
        sim_run();
        blind += saw[0] == 0 && saw[1] == 0;
    }
    return blind;
}

/* SIM-3 */
static void only_seq_cst_keeps_two_from_missing_each_other(void **state) {
    (void)state;
    assert_true(both_blind(WK_ACQ_REL) > 0);
    assert_true(both_blind(WK_RELAXED) > 0);
    assert_int_equal(both_blind(WK_SEQ_CST), 0);
}

static void adder(void *arg) {
    (void)arg;
    for (int i = 0; i < 50; i++)
        (void)wk_atomic_add_u32(&data, 1, WK_RELAXED, "t");
}

static void no_addition_is_lost_however_weak_its_order(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct sim_schedule s = {SIM_UNIFORM, 500000, 400000, 800000, 50000, 100};
        world(seed, s);
        memset(&data, 0, sizeof data);
        for (int i = 0; i < 4; i++)
            (void)sim_spawn(process, "a", adder, NULL);
        sim_run();
        assert_int_equal(wk_atomic_load_u32(&data, WK_RELAXED, "t"), 200);
    }
}

static void own_stores_are_seen_in_order(void *arg) {
    (void)arg;
    for (uint32_t i = 1; i < 200; i++) {
        wk_atomic_store_u32(&data, i, WK_RELAXED, "t");
        assert_int_equal(wk_atomic_load_u32(&data, WK_RELAXED, "t"), i);
        uint32_t expected = i;
        assert_true(wk_atomic_cas_u32(&data, &expected, i, WK_ACQ_REL, "t"));
    }
}

static void a_thread_reads_its_own_stores(void **state) {
    (void)state;
    struct sim_schedule s = {SIM_UNIFORM, 500000, 400000, 900000, 50000, 100};
    world(1, s);
    run(own_stores_are_seen_in_order, NULL);
    assert_int_equal(wk_atomic_load_u32(&data, WK_RELAXED, "t"), 199);
}

static uint8_t *shared_word;

static void store_late(void *arg) {
    (void)arg;
    wk_atomic_store_u32((wk_atomic_u32 *)(void *)shared_word, 1, WK_RELAXED, "t");
    wk_spin("t");
    for (int i = 0; i < 5; i++)
        (void)wk_atomic_load_u32(&other, WK_RELAXED, "t");
}

static void release_early(void *arg) {
    (void)arg;
    shared_word = wk_alloc(env, WK_MEM_IO, 16);
    (void)sim_spawn(process, "w", store_late, NULL);
    env->threads->yield(env);
    wk_release(env, WK_MEM_IO, shared_word, 16);
}

static void memory_released_under_a_store_on_its_way_is_found(void **state) {
    (void)state;
    struct sim_schedule s = {SIM_FIFO, 0, 0, 1000000, 0, 100};
    world(1, s);
    run(release_early, NULL);
    assert_violated("memory");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_of_two_names_differ_and_repeat),
        cmocka_unit_test(bounded_draws_hit_every_value_about_equally),
        cmocka_unit_test(time_jumps_to_the_next_timer),
        cmocka_unit_test(mutexes_exclude_under_every_strategy),
        cmocka_unit_test(a_seed_gives_the_same_hash_again_and_another_seed_another),
        cmocka_unit_test(a_circle_of_mutexes_is_a_deadlock),
        cmocka_unit_test(waiting_for_nobody_is_a_deadlock),
        cmocka_unit_test(a_condition_times_out_on_the_processs_own_clock),
        cmocka_unit_test(misuse_of_locks_is_a_violation),
        cmocka_unit_test(misuse_of_memory_is_a_violation),
        cmocka_unit_test(what_is_still_allocated_at_the_end_is_a_leak),
        cmocka_unit_test(memory_keeps_what_is_written_and_counts_it),
        cmocka_unit_test(the_kth_allocation_fails),
        cmocka_unit_test(a_crashed_process_stops_and_its_memory_is_gone),
        cmocka_unit_test(a_relaxed_flag_may_overtake_its_data_a_released_one_never),
        cmocka_unit_test(only_seq_cst_keeps_two_from_missing_each_other),
        cmocka_unit_test(no_addition_is_lost_however_weak_its_order),
        cmocka_unit_test(a_thread_reads_its_own_stores),
        cmocka_unit_test(memory_released_under_a_store_on_its_way_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
