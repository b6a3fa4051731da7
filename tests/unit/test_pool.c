/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "env/pool.h"
#include "unit/objects_util.h"

struct load {
    _Atomic unsigned runs[500];
    _Atomic unsigned inside;
    _Atomic unsigned most;
    _Atomic unsigned gate; /* how many must be inside before one leaves; 0 none */
    unsigned slow_us;      /* how long an item of a worker takes */
    pthread_t caller;
};

static void item(void *ctx, size_t index) {
    struct load *load = ctx;
    unsigned now = ++load->inside;
    for (unsigned most = load->most; most < now;)
        atomic_compare_exchange_weak(&load->most, &most, now);
    while (load->gate != 0 && load->most < load->gate)
        sched_yield();
    if (load->slow_us != 0 && !pthread_equal(pthread_self(), load->caller))
        usleep(load->slow_us);
    load->runs[index]++;
    load->inside--;
}

static struct wk_pool *open_pool(struct wk_env *env, uint32_t threads) {
    struct wk_pool *pool;
    assert_int_equal(wk_pool_open(env, "test", threads, &pool, NULL), WK_OK);
    return pool;
}

/* OBJ-60 */
static void every_number_runs_once_and_never_too_many_at_a_time(void **state) {
    (void)state;
    struct wk_pool *pool = open_pool(wk_env_current(), 6);
    /* Downwards, so that there are more workers than a run may have. */
    for (uint32_t parallel = 9; parallel-- > 0;) {
        for (size_t count = 0; count <= 500; count = count * 5 + 1) {
            static struct load load;
            memset(&load, 0, sizeof load);
            load.slow_us = 50;
            load.caller = pthread_self();
            wk_pool_run(pool, count, parallel, item, &load);
            for (size_t i = 0; i < 500; i++)
                assert_int_equal(load.runs[i], i < count);
            assert_true(load.most <= (parallel == 0 ? 1 : parallel < 6 ? parallel : 6));
        }
    }
    wk_pool_close(pool);
}

/* OBJ-60: items that wait for each other end only if so many really run at once. */
static void as_many_run_at_once_as_were_asked_for(void **state) {
    (void)state;
    struct wk_pool *pool = open_pool(wk_env_current(), 5);
    for (unsigned want = 2; want <= 5; want++) {
        static struct load load;
        memset(&load, 0, sizeof load);
        load.gate = want;
        wk_pool_run(pool, 20, want, item, &load);
        assert_int_equal(load.most, want);
    }
    wk_pool_close(pool);
}

static void a_run_waits_for_its_slowest_item(void **state) {
    (void)state;
    struct wk_pool *pool = open_pool(wk_env_current(), 2);
    static struct load load;
    memset(&load, 0, sizeof load);
    load.gate = 2; /* one each, so the worker has the slow one */
    load.slow_us = 5000;
    load.caller = pthread_self();
    wk_pool_run(pool, 2, 2, item, &load);
    assert_int_equal(load.inside, 0);
    assert_int_equal(load.runs[0] + load.runs[1], 2);
    wk_pool_close(pool);
}

static enum wk_status no_thread(struct wk_env *env, const char *name, void (*entry)(void *arg),
                                void *arg, struct wk_thread **out, struct wk_error *err) {
    (void)env, (void)name, (void)entry, (void)arg, (void)out;
    return wk_fail(err, WK_UNAVAILABLE, "no thread");
}

static void a_run_ends_without_any_thread(void **state) {
    (void)state;
    struct faulty f;
    faulty_init(&f);
    f.threads.start = no_thread;
    struct wk_pool *pool = open_pool(&f.env, 8);
    static struct load load;
    memset(&load, 0, sizeof load);
    wk_pool_run(pool, 100, 8, item, &load);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(load.runs[i], 1);
    assert_int_equal(load.most, 1);
    wk_pool_close(pool);
    assert_int_equal(f.alive, 0);
}

struct caller {
    pthread_t thread;
    struct wk_pool *pool;
    struct load load;
    _Atomic bool entered;
    _Atomic bool left;
};

static void *call(void *arg) {
    struct caller *c = arg;
    wk_pool_enter(c->pool);
    c->entered = true;
    for (int i = 0; i < 20; i++)
        wk_pool_run(c->pool, 25, 4, item, &c->load);
    c->left = true;
    wk_pool_leave(c->pool);
    return NULL;
}

/* OBJ-62 */
static void close_waits_for_runs_of_other_threads(void **state) {
    (void)state;
    struct wk_pool *pool = open_pool(wk_env_current(), 4);
    static struct caller callers[3];
    memset(callers, 0, sizeof callers);
    for (int i = 0; i < 3; i++) {
        callers[i].pool = pool;
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        while (!callers[i].entered)
            sched_yield();
    }
    wk_pool_drain(pool);
    for (int i = 0; i < 3; i++)
        assert_true(callers[i].left);
    wk_pool_close(pool);
    for (int i = 0; i < 3; i++) {
        pthread_join(callers[i].thread, NULL);
        for (size_t k = 0; k < 25; k++)
            assert_int_equal(callers[i].load.runs[k], 20);
    }
}

static void *call_two_at_a_time(void *arg) {
    struct caller *c = arg;
    wk_pool_run(c->pool, 60, 2, item, &c->load);
    c->left = true;
    return NULL;
}

/* OBJ-60: workers that come from a wide run do not crowd a narrow one. */
static void runs_side_by_side_keep_their_own_limits(void **state) {
    (void)state;
    struct wk_pool *pool = open_pool(wk_env_current(), 6);
    static struct caller narrow;
    static struct load wide;
    memset(&narrow, 0, sizeof narrow);
    narrow.pool = pool;
    narrow.load.slow_us = 300; /* for all threads but this one, which takes no part */
    narrow.load.caller = pthread_self();
    assert_int_equal(pthread_create(&narrow.thread, NULL, call_two_at_a_time, &narrow), 0);
    while (!narrow.left) {
        memset(&wide, 0, sizeof wide);
        wk_pool_run(pool, 12, 6, item, &wide);
    }
    pthread_join(narrow.thread, NULL);
    assert_in_range(narrow.load.most, 1, 2);
    wk_pool_close(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_runs_once_and_never_too_many_at_a_time),
        cmocka_unit_test(as_many_run_at_once_as_were_asked_for),
        cmocka_unit_test(a_run_waits_for_its_slowest_item),
        cmocka_unit_test(a_run_ends_without_any_thread),
        cmocka_unit_test(runs_side_by_side_keep_their_own_limits),
        cmocka_unit_test(close_waits_for_runs_of_other_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
