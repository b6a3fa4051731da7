/* SPDX-License-Identifier: Apache-2.0 */
/* clock, entropy, mem and vars of the POSIX environment. */
#include "unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "env/posix/posix.h"

static struct wk_env *env;

static void the_environment_is_one_and_says_its_version(void **state) {
    (void)state; /* ENV-1 ENV-2 */
    assert_ptr_equal(wk_env_current(), wk_env_posix());
    assert_int_equal(env->version, WK_ENV_VERSION);
    assert_int_equal(env->size, sizeof(struct wk_env));
    assert_non_null(env->clock);
    assert_non_null(env->entropy);
    assert_non_null(env->mem);
    assert_non_null(env->threads);
    assert_non_null(env->vars);
    assert_non_null(env->process);
    assert_non_null(env->files);
    assert_non_null(env->objects);
    assert_non_null(env->log);
}

static void the_clock_goes_forward_and_sleep_reaches_its_deadline(void **state) {
    (void)state; /* ENV-10 ENV-11 ENV-12 */
    uint64_t before = wk_now_ns(env);
    uint64_t deadline = before + 3 * WK_NS_PER_MS;
    env->clock->sleep_until(env, deadline);
    assert_true(wk_now_ns(env) >= deadline);
    env->clock->sleep_until(env, 0); /* passed: returns */
    uint64_t last = wk_now_ns(env);
    for (int i = 0; i < 1000; i++) {
        uint64_t now = wk_now_ns(env);
        assert_true(now >= last);
        last = now;
    }
    assert_true(env->clock->wall_ns(env) > 1600000000ull * WK_NS_PER_S);
}

static void entropy_fills_every_byte_and_never_repeats(void **state) {
    (void)state; /* ENV-15 */
    enum { SIZE = 700 };
    uint8_t ever[SIZE] = {0};
    uint8_t a[SIZE + 2];
    for (int round = 0; round < 8; round++) {
        memset(a, 0, sizeof a);
        env->entropy->fill(env, a + 1, SIZE);
        for (int i = 0; i < SIZE; i++)
            ever[i] |= a[1 + i];
        assert_int_equal(a[0], 0);
        assert_int_equal(a[SIZE + 1], 0);
    }
    for (int i = 0; i < SIZE; i++)
        assert_int_not_equal(ever[i], 0);
    uint8_t x[32];
    uint8_t y[32];
    env->entropy->fill(env, x, sizeof x);
    env->entropy->fill(env, y, sizeof y);
    assert_memory_not_equal(x, y, sizeof x);
    env->entropy->fill(env, x, 0);
}

static void the_last_resort_of_entropy_does_not_repeat_either(void **state) {
    (void)state; /* ENV-16 */
    uint8_t x[100];
    uint8_t y[100];
    memset(x, 0, sizeof x);
    wk_posix_entropy_last_resort(x, 99);
    wk_posix_entropy_last_resort(y, 99);
    assert_memory_not_equal(x, y, 99);
    assert_memory_not_equal(x, x + 32, 32);
    assert_int_equal(x[99], 0);
}

static void memory_is_aligned_and_counted_per_owner(void **state) {
    (void)state; /* ENV-20 ENV-21 */
    const struct wk_env_mem *mem = env->mem;
    uint64_t index = mem->in_use(env, WK_MEM_INDEX);
    uint64_t io = mem->in_use(env, WK_MEM_IO);
    void *p[3];
    static const size_t sizes[3] = {0, 1, 100000};
    for (int i = 0; i < 3; i++) {
        p[i] = mem->alloc(env, WK_MEM_INDEX, sizes[i]);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
    }
    void *m = mem->map(env, WK_MEM_INDEX, 10000);
    assert_non_null(m);
    assert_int_equal(mem->in_use(env, WK_MEM_INDEX), index + 100001 + 10000);
    assert_int_equal(mem->in_use(env, WK_MEM_IO), io);
    mem->unmap(env, WK_MEM_INDEX, m, 10000);
    for (int i = 0; i < 3; i++)
        mem->release(env, WK_MEM_INDEX, p[i], sizes[i]);
    mem->release(env, WK_MEM_INDEX, NULL, 77);
    mem->unmap(env, WK_MEM_INDEX, NULL, 77);
    assert_int_equal(mem->in_use(env, WK_MEM_INDEX), index);
}

static void memory_that_is_not_there_is_null_and_not_counted(void **state) {
    (void)state; /* ENV-22 */
    uint64_t before = env->mem->in_use(env, WK_MEM_ARENA);
    assert_null(env->mem->map(env, WK_MEM_ARENA, SIZE_MAX / 4));
    assert_null(env->mem->map(env, WK_MEM_ARENA, 0));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
    volatile size_t absurd = SIZE_MAX / 4; /* sanitizers stop the process instead */
    assert_null(env->mem->alloc(env, WK_MEM_ARENA, absurd));
#endif
    assert_int_equal(env->mem->in_use(env, WK_MEM_ARENA), before);
}

static bool is_resident(const uint8_t *page) {
    unsigned char in_core = 0;
    assert_int_equal(mincore((void *)(uintptr_t)page, 1, &in_core), 0);
    return (in_core & 1) != 0;
}

static void mapped_pages_are_zero_and_discard_clears_exactly_its_range(void **state) {
    (void)state; /* ENV-23 ENV-24 */
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = 8 * page;
    uint8_t *m = env->mem->map(env, WK_MEM_ARENA, size);
    assert_non_null(m);
    assert_int_equal((uintptr_t)m % page, 0);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(m[i], 0);
    const struct {
        size_t from;
        size_t bytes;
    } parts[] = {{0, 1},        {1, 0},           {100, 50},     {1, 3 * page},
                 {0, 4 * page}, {7 * page, page}, {page - 1, 2}, {page + 1, 3 * page - 1}};
    for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
        size_t from = parts[k].from;
        size_t end = from + parts[k].bytes;
        memset(m, 0xee, size);
        env->mem->discard(env, m + from, parts[k].bytes);
        for (size_t p = 0; p < size; p += page) {
            if (p >= from && p + page <= end)
                assert_false(is_resident(m + p));
        }
        for (size_t i = 0; i < size; i++)
            assert_int_equal(m[i], i >= from && i < end ? 0 : 0xee);
    }
    env->mem->unmap(env, WK_MEM_ARENA, m, size);
}

static void discard_clears_locked_pages_too(void **state) {
    (void)state; /* ENV-24 */
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *m = env->mem->map(env, WK_MEM_ARENA, 2 * page);
    assert_non_null(m);
    if (mlock(m, 2 * page) != 0) {
        print_message("SKIPPED: may not lock memory here\n");
        env->mem->unmap(env, WK_MEM_ARENA, m, 2 * page);
        skip();
    }
    memset(m, 0xee, 2 * page);
    env->mem->discard(env, m, 2 * page);
    for (size_t i = 0; i < 2 * page; i++)
        assert_int_equal(m[i], 0);
    env->mem->unmap(env, WK_MEM_ARENA, m, 2 * page);
}

static void an_empty_variable_is_not_set(void **state) {
    (void)state; /* ENV-50 ENV-51 */
    char value[8] = "before";
    size_t length = 99;
    unsetenv("WK_TEST_VAR");
    assert_int_equal(env->vars->get(env, "WK_TEST_VAR", value, sizeof value, &length), WK_MISS);
    setenv("WK_TEST_VAR", "", 1);
    assert_int_equal(env->vars->get(env, "WK_TEST_VAR", value, sizeof value, &length), WK_MISS);
    setenv("WK_TEST_VAR", "12345678", 1);
    assert_int_equal(env->vars->get(env, "WK_TEST_VAR", value, sizeof value, &length),
                     WK_TOO_LARGE);
    assert_string_equal(value, "before");
    assert_int_equal(length, 99);
    setenv("WK_TEST_VAR", "1234567", 1);
    assert_int_equal(env->vars->get(env, "WK_TEST_VAR", value, sizeof value, &length), WK_OK);
    assert_string_equal(value, "1234567");
    assert_int_equal(length, 7);
    assert_int_equal(env->vars->get(env, "WK_TEST_VAR", value, sizeof value, NULL), WK_OK);
    unsetenv("WK_TEST_VAR");
}

struct seen {
    int count;
    int stop_after;
    bool one;
    bool two;
    size_t longest;
};

static bool see(void *ctx, const char *name) {
    struct seen *seen = ctx;
    seen->count++;
    seen->one |= strcmp(name, "WK_NAMES_ONE") == 0;
    seen->two |= strcmp(name, "WK_NAMES_TWO") == 0;
    if (strlen(name) > seen->longest)
        seen->longest = strlen(name);
    return seen->count != seen->stop_after;
}

static void names_are_those_set_with_the_prefix(void **state) {
    (void)state; /* ENV-52 */
    char huge[600] = "WK_NAMES_";
    memset(huge + 9, 'x', sizeof huge - 10);
    huge[sizeof huge - 1] = 0;
    setenv("WK_NAMES_ONE", "1", 1);
    setenv("WK_NAMES_TWO", "a=b", 1);
    setenv("WK_NAMES_EMPTY", "", 1);
    setenv("WK_NAME", "S_x", 1);
    setenv(huge, "1", 1);
    struct seen seen = {0};
    env->vars->names(env, "WK_NAMES_", see, &seen);
    assert_int_equal(seen.count, 3);
    assert_true(seen.one && seen.two);
    assert_int_equal(seen.longest, 255);
    seen = (struct seen){.stop_after = 1};
    env->vars->names(env, "WK_NAMES_", see, &seen);
    assert_int_equal(seen.count, 1);
    unsetenv(huge);
    unsetenv("WK_NAMES_ONE");
    unsetenv("WK_NAMES_TWO");
    unsetenv("WK_NAMES_EMPTY");
    unsetenv("WK_NAME");
}

int main(void) {
    env = wk_env_current();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_is_one_and_says_its_version),
        cmocka_unit_test(the_clock_goes_forward_and_sleep_reaches_its_deadline),
        cmocka_unit_test(entropy_fills_every_byte_and_never_repeats),
        cmocka_unit_test(the_last_resort_of_entropy_does_not_repeat_either),
        cmocka_unit_test(memory_is_aligned_and_counted_per_owner),
        cmocka_unit_test(memory_that_is_not_there_is_null_and_not_counted),
        cmocka_unit_test(mapped_pages_are_zero_and_discard_clears_exactly_its_range),
        cmocka_unit_test(discard_clears_locked_pages_too),
        cmocka_unit_test(an_empty_variable_is_not_set),
        cmocka_unit_test(names_are_those_set_with_the_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
