/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much of cmocka as the tests of src/base and src/hash need, for targets that have no cmocka:
 * tests/aarch64.mk puts this directory before tests/. The first failure ends the program.
 */
#ifndef WK_TESTS_AARCH64_CMOCKA_ALL_H
#define WK_TESTS_AARCH64_CMOCKA_ALL_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
    int (*teardown)(void **state);
};

#define cmocka_unit_test(f)                                                                        \
    { #f, f, NULL }
#define cmocka_unit_test_teardown(f, teardown_f)                                                   \
    { #f, f, teardown_f }
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    wk_run_tests(tests, sizeof(tests) / sizeof *(tests), setup, teardown)

#define print_message(...) printf(__VA_ARGS__)
#define fail_msg(...)      (printf(__VA_ARGS__), wk_test_failed("fail_msg", __FILE__, __LINE__))
#define assert_true(c)     ((c) ? (void)0 : wk_test_failed(#c, __FILE__, __LINE__))
#define assert_false(c)    assert_true(!(c))
#define assert_null(p)     assert_true((p) == NULL)
#define assert_int_equal(a, b)                                                                     \
    ((uintmax_t)(a) == (uintmax_t)(b) ? (void)0 : wk_test_failed(#a " == " #b, __FILE__, __LINE__))
#define assert_string_equal(a, b)    assert_true(strcmp(a, b) == 0)
#define assert_memory_equal(a, b, n) assert_true(memcmp(a, b, n) == 0)

static inline void wk_test_failed(const char *what, const char *file, int line) {
    printf("\n%s:%d: failed: %s\n", file, line, what);
    exit(1);
}

static inline int wk_run_tests(const struct CMUnitTest *tests, size_t count, int (*setup)(void **),
                               int (*teardown)(void **)) {
    void *state = NULL;
    if (setup != NULL && setup(&state) != 0)
        wk_test_failed("group setup", __FILE__, __LINE__);
    for (size_t i = 0; i < count; i++) {
        tests[i].test(&state);
        if (tests[i].teardown != NULL && tests[i].teardown(&state) != 0)
            wk_test_failed("teardown", __FILE__, __LINE__);
        printf("ok %s\n", tests[i].name);
    }
    if (teardown != NULL && teardown(&state) != 0)
        wk_test_failed("group teardown", __FILE__, __LINE__);
    return 0;
}

#endif
