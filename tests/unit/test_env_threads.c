/* SPDX-License-Identifier: Apache-2.0 */
/* threads of the POSIX environment. */
#include "unit/cmocka_all.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env/posix/posix.h"

static struct wk_env *env;
static const struct wk_env_threads *threads;
static struct wk_error err;

static struct wk_thread *start_ok(void (*run)(void *arg), void *arg) {
    struct wk_thread *thread = NULL;
    assert_int_equal(threads->start(env, "wk-test", run, arg, &thread, &err), WK_OK);
    assert_non_null(thread);
    return thread;
}

/* ---- threads ----------------------------------------------------------------------------- */

struct look {
    sigset_t mask;
    char name[16];
    uint32_t self;
    uint32_t self_again;
};

static void look_around(void *arg) {
    struct look *look = arg;
    pthread_sigmask(SIG_SETMASK, NULL, &look->mask);
    pthread_getname_np(pthread_self(), look->name, sizeof look->name);
    look->self = threads->self(env);
    threads->yield(env);
    look->self_again = threads->self(env);
}

static void started_threads_block_signals_and_bear_their_name(void **state) {
    (void)state; /* ENV-30 ENV-31 ENV-32 */
    sigset_t before;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    uint64_t handles = env->mem->in_use(env, WK_MEM_HANDLE);
    struct look look;
    struct wk_thread *thread = NULL;
    assert_int_equal(
        threads->start(env, "a-name-longer-than-fifteen", look_around, &look, &thread, &err),
        WK_OK);
    assert_true(env->mem->in_use(env, WK_MEM_HANDLE) > handles);
    threads->join(env, thread);
    assert_int_equal(env->mem->in_use(env, WK_MEM_HANDLE), handles);
    assert_string_equal(look.name, "a-name-longer-t");
    for (int s = 1; s < NSIG; s++) {
        bool fault = s == SIGSEGV || s == SIGBUS || s == SIGFPE || s == SIGILL || s == SIGTRAP ||
                     s == SIGSYS;
        bool never = s == SIGKILL || s == SIGSTOP || (s >= 32 && s < SIGRTMIN);
        if (!never)
            assert_int_equal(sigismember(&look.mask, s), fault ? 0 : 1);
    }
    /* The caller's own mask is as it was. */
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int s = 1; s < 32; s++)
        assert_int_equal(sigismember(&before, s), sigismember(&after, s));
}

static void each_thread_has_a_stable_number(void **state) {
    (void)state; /* ENV-33 */
    uint32_t mine = threads->self(env);
    struct look look[3];
    struct wk_thread *thread[3];
    for (int i = 0; i < 3; i++)
        thread[i] = start_ok(look_around, &look[i]);
    for (int i = 0; i < 3; i++)
        threads->join(env, thread[i]);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(look[i].self, look[i].self_again);
        assert_int_not_equal(look[i].self, mine);
        assert_int_not_equal(look[i].self, look[(i + 1) % 3].self);
        assert_true(look[i].self < 1000);
    }
    assert_int_equal(threads->self(env), mine);
}

static void a_thread_that_cannot_start_is_an_error(void **state) {
    (void)state; /* ENV-34 */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
    print_message("SKIPPED: sanitizers do not run under a limit of addresses\n");
    skip();
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    print_message("SKIPPED: sanitizers do not run under a limit of addresses\n");
    skip();
#endif
#endif
    pid_t child = fork();
    if (child == 0) {
        uint64_t handles = env->mem->in_use(env, WK_MEM_HANDLE);
        struct rlimit tight = {1, 1}; /* no room for another stack */
        struct wk_thread *thread = NULL;
        struct look look;
        bool ok = setrlimit(RLIMIT_AS, &tight) == 0;
        enum wk_status status = threads->start(env, "wk-test", look_around, &look, &thread, &err);
        ok = ok && (status == WK_UNAVAILABLE || status == WK_NO_MEMORY) && thread == NULL &&
             err.length > 0 && env->mem->in_use(env, WK_MEM_HANDLE) == handles;
        _exit(ok ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- locks ------------------------------------------------------------------------------- */

struct shared {
    struct wk_mutex mutex;
    struct wk_rwlock rwlock;
    struct wk_cond cond;
    uint64_t count;
    int turn;
    bool tried;
};

static void add_many(void *arg) {
    struct shared *shared = arg;
    for (int i = 0; i < 2000; i++) {
        wk_lock(env, &shared->mutex);
        shared->count++;
        wk_unlock(env, &shared->mutex);
    }
}

static void try_once(void *arg) {
    struct shared *shared = arg;
    shared->tried = threads->mutex_trylock(env, &shared->mutex);
    if (shared->tried)
        wk_unlock(env, &shared->mutex);
}

static void a_mutex_excludes(void **state) {
    (void)state; /* ENV-35 */
    struct shared shared = {0};
    assert_int_equal(threads->mutex_init(env, &shared.mutex), WK_OK);
    struct wk_thread *thread[3];
    for (int i = 0; i < 3; i++)
        thread[i] = start_ok(add_many, &shared);
    for (int i = 0; i < 3; i++)
        threads->join(env, thread[i]);
    assert_int_equal(shared.count, 6000);
    wk_lock(env, &shared.mutex);
    thread[0] = start_ok(try_once, &shared);
    threads->join(env, thread[0]);
    assert_false(shared.tried);
    wk_unlock(env, &shared.mutex);
    thread[0] = start_ok(try_once, &shared);
    threads->join(env, thread[0]);
    assert_true(shared.tried);
    threads->mutex_destroy(env, &shared.mutex);
}

static void write_many(void *arg) {
    struct shared *shared = arg;
    for (int i = 0; i < 1000; i++) {
        threads->rwlock_write(env, &shared->rwlock);
        shared->count++;
        threads->rwlock_unlock(env, &shared->rwlock);
        threads->rwlock_read(env, &shared->rwlock);
        uint64_t seen = shared->count;
        (void)seen;
        threads->rwlock_unlock(env, &shared->rwlock);
    }
}

/* Holds the read side until another reader was in as well: two readers at once. */
static void read_together(void *arg) {
    struct shared *shared = arg;
    threads->rwlock_read(env, &shared->rwlock);
    wk_lock(env, &shared->mutex);
    shared->turn++;
    threads->cond_broadcast(env, &shared->cond);
    while (shared->turn < 2)
        assert_int_equal(threads->cond_wait(env, &shared->cond, &shared->mutex, WK_FOREVER), WK_OK);
    wk_unlock(env, &shared->mutex);
    threads->rwlock_unlock(env, &shared->rwlock);
}

static void a_rwlock_shares_reading_and_excludes_writing(void **state) {
    (void)state; /* ENV-36 */
    struct shared shared = {0};
    assert_int_equal(threads->mutex_init(env, &shared.mutex), WK_OK);
    assert_int_equal(threads->rwlock_init(env, &shared.rwlock), WK_OK);
    assert_int_equal(threads->cond_init(env, &shared.cond), WK_OK);
    struct wk_thread *thread[3];
    for (int i = 0; i < 3; i++)
        thread[i] = start_ok(write_many, &shared);
    for (int i = 0; i < 3; i++)
        threads->join(env, thread[i]);
    assert_int_equal(shared.count, 3000);
    thread[0] = start_ok(read_together, &shared);
    thread[1] = start_ok(read_together, &shared);
    threads->join(env, thread[0]);
    threads->join(env, thread[1]);
    threads->cond_destroy(env, &shared.cond);
    threads->rwlock_destroy(env, &shared.rwlock);
    threads->mutex_destroy(env, &shared.mutex);
}

/* The turn goes back and forth between two threads. */
static void answer_turns(void *arg) {
    struct shared *shared = arg;
    wk_lock(env, &shared->mutex);
    for (int i = 0; i < 100; i++) {
        while (shared->turn != 1)
            (void)threads->cond_wait(env, &shared->cond, &shared->mutex, WK_FOREVER);
        shared->turn = 0;
        threads->cond_signal(env, &shared->cond);
    }
    wk_unlock(env, &shared->mutex);
}

static void a_condition_wakes_and_times_out(void **state) {
    (void)state; /* ENV-37 ENV-38 */
    struct shared shared = {0};
    assert_int_equal(threads->mutex_init(env, &shared.mutex), WK_OK);
    assert_int_equal(threads->cond_init(env, &shared.cond), WK_OK);
    wk_lock(env, &shared.mutex);
    /* A deadline long past, and one to come; the clock is the monotonic one. */
    assert_int_equal(threads->cond_wait(env, &shared.cond, &shared.mutex, 0), WK_TIMEOUT);
    uint64_t deadline = wk_now_ns(env) + 5 * WK_NS_PER_MS;
    while (threads->cond_wait(env, &shared.cond, &shared.mutex, deadline) == WK_OK)
        ;
    assert_true(wk_now_ns(env) >= deadline);
    assert_false(threads->mutex_trylock(env, &shared.mutex)); /* held again after a timeout */
    struct wk_thread *thread = start_ok(answer_turns, &shared);
    for (int i = 0; i < 100; i++) {
        shared.turn = 1;
        threads->cond_signal(env, &shared.cond);
        uint64_t far = wk_now_ns(env) + 60 * WK_NS_PER_S;
        while (shared.turn != 0)
            assert_int_equal(threads->cond_wait(env, &shared.cond, &shared.mutex, far), WK_OK);
    }
    wk_unlock(env, &shared.mutex);
    threads->join(env, thread);
    threads->cond_destroy(env, &shared.cond);
    threads->mutex_destroy(env, &shared.mutex);
}

/* ---- the slot ---------------------------------------------------------------------------- */

static wk_atomic_u32 destroyed;

static void destroy_slot(void *value) {
    *(int *)value += 100;
    wk_atomic_add_u32(&destroyed, 1, WK_RELAXED, "test.destroyed");
}

static void use_slot(void *arg) {
    int *value = arg;
    if (threads->slot_get(env) == NULL && threads->slot_set(env, value, destroy_slot) == WK_OK &&
        threads->slot_get(env) == value)
        *value += 1;
}

static void *use_slot_as_a_host_thread(void *arg) {
    use_slot(arg);
    return NULL;
}

static void a_slot_belongs_to_its_thread_and_ends_with_it(void **state) {
    (void)state; /* ENV-39 ENV-40 */
    int mine = 0;
    int values[3] = {0};
    assert_int_equal(threads->slot_set(env, &mine, destroy_slot), WK_OK);
    struct wk_thread *a = start_ok(use_slot, &values[0]);
    struct wk_thread *b = start_ok(use_slot, &values[1]);
    pthread_t host;
    assert_int_equal(pthread_create(&host, NULL, use_slot_as_a_host_thread, &values[2]), 0);
    threads->join(env, a);
    threads->join(env, b);
    pthread_join(host, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(values[i], 101);
    assert_int_equal(wk_atomic_load_u32(&destroyed, WK_RELAXED, "test.destroyed"), 3);
    assert_ptr_equal(threads->slot_get(env), &mine);
    assert_int_equal(threads->slot_set(env, NULL, destroy_slot), WK_OK);
    assert_null(threads->slot_get(env));
    assert_int_equal(mine, 0);
}

int main(void) {
    env = wk_env_current();
    threads = env->threads;
    const struct CMUnitTest tests[] = {
        /* First: the C library keeps the stacks of ended threads for the next ones. */
        cmocka_unit_test(a_thread_that_cannot_start_is_an_error),
        cmocka_unit_test(started_threads_block_signals_and_bear_their_name),
        cmocka_unit_test(each_thread_has_a_stable_number),
        cmocka_unit_test(a_mutex_excludes),
        cmocka_unit_test(a_rwlock_shares_reading_and_excludes_writing),
        cmocka_unit_test(a_condition_wakes_and_times_out),
        cmocka_unit_test(a_slot_belongs_to_its_thread_and_ends_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
