/* SPDX-License-Identifier: Apache-2.0 */
/* process of the POSIX environment. */
#include "unit/cmocka_all.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env/posix/posix.h"
#include "env/posix/watch.h"

static struct wk_env *env;
static const struct wk_env_process *process;
static struct wk_error err;

/* The exit code of a child that runs `test`, or minus the signal that ended it. */
static int in_a_child(int (*test)(void)) {
    pid_t child = fork();
    if (child == 0)
        _exit(test());
    int status = 0;
    if (waitpid(child, &status, 0) != child)
        return 255;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static uint32_t generation_before;

static int grandchild_generation(void) {
    return process->fork_generation(env) == generation_before + 2 ? 0 : 1;
}

static int child_generation(void) {
    if (process->fork_generation(env) != generation_before + 1 ||
        process->id(env) != (uint64_t)getpid())
        return 1;
    return in_a_child(grandchild_generation);
}

static void every_fork_is_another_generation(void **state) {
    (void)state; /* ENV-60 ENV-61 */
    assert_int_equal(process->id(env), getpid());
    generation_before = process->fork_generation(env);
    assert_int_equal(in_a_child(child_generation), 0);
    assert_int_equal(process->fork_generation(env), generation_before);
}

static void the_host_has_a_plain_stable_name(void **state) {
    (void)state; /* ENV-62 */
    char a[65] = "";
    char b[65] = "";
    assert_int_equal(process->host_id(env, a, sizeof a, &err), WK_OK);
    assert_int_equal(process->host_id(env, b, sizeof b, &err), WK_OK);
    assert_string_equal(a, b);
    size_t length = strlen(a);
    assert_in_range(length, 1, 64);
    assert_int_equal(strspn(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."),
                     length);
    char small[4] = "abc";
    assert_int_equal(process->host_id(env, small, length < 4 ? length : 4, &err), WK_TOO_LARGE);
    assert_string_equal(small, "abc");
}

/* ---- watch ------------------------------------------------------------------------------- */

typedef enum wk_status (*watch_open)(struct wk_env *, uint64_t, struct wk_process_watch **,
                                     struct wk_error *);

/* A child that lives until the other end of its pipe is closed. */
static pid_t start_child(int *out_leash) {
    int leash[2];
    assert_int_equal(pipe(leash), 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(leash[1]);
        _exit(read(leash[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(leash[0]);
    *out_leash = leash[1];
    return child;
}

static void watch_a_child(watch_open open_watch) {
    uint64_t handles = env->mem->in_use(env, WK_MEM_HANDLE);
    int leash;
    pid_t child = start_child(&leash);
    struct wk_process_watch *watch = NULL;
    assert_int_equal(open_watch(env, (uint64_t)child, &watch, &err), WK_OK);
    assert_int_equal(process->watch_wait(env, watch, 0), WK_TIMEOUT);
    uint64_t deadline = wk_now_ns(env) + 30 * WK_NS_PER_MS;
    assert_int_equal(process->watch_wait(env, watch, deadline), WK_TIMEOUT);
    assert_true(wk_now_ns(env) >= deadline);
    close(leash);
    /* It becomes a zombie that we have not waited for: ended all the same. */
    assert_int_equal(process->watch_wait(env, watch, WK_FOREVER), WK_OK);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(process->watch_wait(env, watch, 0), WK_OK);
    process->watch_close(env, watch);
    watch = NULL;
    assert_int_equal(open_watch(env, (uint64_t)child, &watch, &err), WK_MISS);
    assert_null(watch);
    assert_int_equal(open_watch(env, 0, &watch, &err), WK_INVALID);
    assert_int_equal(open_watch(env, UINT64_MAX, &watch, &err), WK_INVALID);
    assert_int_equal(env->mem->in_use(env, WK_MEM_HANDLE), handles);
}

static void a_watch_sees_the_death_of_a_process(void **state) {
    (void)state; /* ENV-63 */
    watch_a_child(process->watch);
}

static void a_watch_without_descriptor_sees_it_too(void **state) {
    (void)state; /* ENV-63 ENV-64 */
    watch_a_child(wk_posix_watch_by_asking);
}

static void a_start_time_tells_lives_apart(void **state) {
    (void)state; /* ENV-64 */
#if defined(__linux__)
    uint64_t mine = 0;
    uint64_t again = 1;
    uint64_t none = 1;
    assert_true(wk_linux_start_time((int)getpid(), &mine));
    assert_true(wk_linux_start_time((int)getpid(), &again));
    assert_true(mine != 0 && mine == again);
    int leash;
    pid_t child = start_child(&leash);
    uint64_t first = 0;
    assert_true(wk_linux_start_time((int)child, &first));
    assert_true(first >= mine);
    close(leash);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(wk_linux_start_time((int)child, &none));
    assert_int_equal(none, 0);
#else
    skip();
#endif
}

/* ---- signals ----------------------------------------------------------------------------- */

static int take_and_wait(void) {
    static const struct {
        int number;
        enum wk_signal signal;
    } cases[] = {{SIGTERM, WK_SIGNAL_STOP}, {SIGINT, WK_SIGNAL_STOP}, {SIGHUP, WK_SIGNAL_RELOAD}};
    enum wk_signal got = WK_SIGNAL_NONE;
    if (process->signals_take(env, NULL) != WK_OK)
        return 1;
    if (process->signals_wait(env, 0, &got) != WK_TIMEOUT || got != WK_SIGNAL_NONE)
        return 2;
    if (process->signals_wait(env, wk_now_ns(env) + WK_NS_PER_MS, &got) != WK_TIMEOUT)
        return 3;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kill(getpid(), cases[i].number);
        if (process->signals_wait(env, WK_FOREVER, &got) != WK_OK || got != cases[i].signal)
            return 4;
    }
    return process->signals_wait(env, 0, &got) == WK_TIMEOUT ? 0 : 5;
}

static void taken_signals_come_out_of_wait(void **state) {
    (void)state; /* ENV-65 */
    assert_int_equal(in_a_child(take_and_wait), 0);
}

static struct sigaction dispositions[32];

static void note_dispositions(void) {
    for (int s = 1; s < 32; s++)
        sigaction(s, NULL, &dispositions[s]);
}

/* The first signal whose disposition is another one than noted, or 0. */
static int changed_disposition(void) {
    for (int s = 1; s < 32; s++) {
        struct sigaction now;
        if (sigaction(s, NULL, &now) == 0 && now.sa_handler != dispositions[s].sa_handler)
            return s;
    }
    return 0;
}

static int changed_when_made;

static void do_nothing(void *arg) {
    (void)arg;
}

static void no_disposition_changes(void **state) {
    (void)state; /* ENV-7 */
    assert_int_equal(changed_when_made, 0);
    note_dispositions();
    struct wk_process_watch *watch = NULL;
    assert_int_equal(process->watch(env, process->id(env), &watch, &err), WK_OK);
    process->watch_close(env, watch);
    struct wk_thread *thread = NULL;
    assert_int_equal(env->threads->start(env, "wk-test", do_nothing, NULL, &thread, &err), WK_OK);
    env->threads->join(env, thread);
    env->log->event(env, WK_LOG_ERROR, "quiet", NULL, 0);
    assert_int_equal(changed_disposition(), 0);
}

int main(void) {
    note_dispositions();
    env = wk_env_current();
    changed_when_made = changed_disposition();
    process = env->process;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fork_is_another_generation),
        cmocka_unit_test(the_host_has_a_plain_stable_name),
        cmocka_unit_test(a_watch_sees_the_death_of_a_process),
        cmocka_unit_test(a_watch_without_descriptor_sees_it_too),
        cmocka_unit_test(a_start_time_tells_lives_apart),
        cmocka_unit_test(taken_signals_come_out_of_wait),
        cmocka_unit_test(no_disposition_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
