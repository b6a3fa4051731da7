/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the reference's transport crate have their counterparts here, under the same names. */
#include "unit/cmocka_all.h"

#include "codec/segment_name.h"
#include "unit/vectors.h"

static bool fits(const char *prefix) {
    struct wk_segment_names names;
    struct wk_wire_error error;
    return wk_segment_names(wk_span_text(prefix), &names, &error);
}

/* NAME-7 */
static void segment_names_are_unique_per_prefix(void **state) {
    (void)state;
    struct wk_segment_names names;
    struct wk_wire_error error;
    assert_true(wk_segment_names(wk_span_text("smoke"), &names, &error));
    assert_string_equal(names.req, "wksmoker");
    assert_string_equal(names.resp, "wksmokes");
    assert_true(wk_segment_names(wk_span(NULL, 0), &names, &error));
    assert_string_equal(names.req, "wkr");
    assert_string_equal(names.resp, "wks");
}

/* NAME-8 */
static void validate_segment_name_budget_accepts_short_prefix(void **state) {
    (void)state;
    assert_true(fits("drts999"));
    assert_true(fits("drts42"));
    assert_true(fits("dmcoreds"));
}

/* NAME-8 */
static void validate_segment_name_budget_rejects_too_long_prefix(void **state) {
    (void)state;
    assert_true(fits("aaaaaaaaaaaaaa"));
    struct wk_segment_names names = {"before", "before"};
    struct wk_wire_error error;
    assert_false(wk_segment_names(wk_span_text("aaaaaaaaaaaaaaa"), &names, &error));
    assert_string_equal(names.req, "before");
    assert_string_equal(names.resp, "before");
    struct wk_error err;
    assert_int_equal(wk_wire_fail(&err, &error), WK_INVALID);
    assert_non_null(strstr(err.text, "exceeds the macOS"));
}

/* NAME-8 */
static void constants_add_up(void **state) {
    (void)state;
    assert_int_equal(strlen(WK_SEGMENT_SUFFIX), WK_SEGMENT_SUFFIX_BYTES);
    assert_int_equal(WK_SEGMENT_SUFFIX_BYTES, 13);
    assert_int_equal(WK_SEGMENT_NAME_BYTES_MAX, 30);
    assert_int_equal(WK_SEGMENT_PREFIX_BYTES_MAX, WK_SEGMENT_NAME_BYTES_MAX -
                                                      strlen(WK_SEGMENT_WRAPPER) - 1 -
                                                      WK_SEGMENT_SUFFIX_BYTES);
}

/* NAME-9: a hostile prefix makes no text overflow. */
static void a_text_about_an_endless_prefix_is_cut(void **state) {
    (void)state;
    size_t size = (size_t)1 << 20;
    char *prefix = (char *)malloc(size);
    assert_non_null(prefix);
    memset(prefix, 'p', size);
    struct wk_segment_names names;
    struct wk_wire_error error;
    assert_false(wk_segment_names(wk_span(prefix, size), &names, &error));
    struct wk_error err;
    assert_int_equal(wk_wire_fail(&err, &error), WK_INVALID);
    assert_int_equal(err.length, WK_ERROR_TEXT_BYTES - 1);
    assert_string_equal(err.text + WK_ERROR_TEXT_BYTES - 4, "...");
    free(prefix);
}

static unsigned checked;

static void check_line(const struct vector_line *line) {
    struct wk_segment_names names;
    struct wk_wire_error error;
    struct wk_error err;
    struct wk_span prefix = wk_span_text(line->fields[1]);
    if (strcmp(line->fields[0], "segment") == 0) {
        assert_true(wk_segment_names(prefix, &names, &error));
        assert_string_equal(names.req, line->fields[2]);
        assert_string_equal(names.resp, line->fields[3]);
        checked++;
    } else if (strcmp(line->fields[0], "segment-reject") == 0) {
        assert_false(wk_segment_names(prefix, &names, &error));
        assert_int_equal(wk_wire_fail(&err, &error), WK_INVALID);
        assert_string_equal(err.text, line->fields[2]);
        checked++;
    }
}

/* NAME-7 NAME-8 NAME-9 */
static void names_and_texts_are_those_of_the_vectors(void **state) {
    (void)state;
    checked = 0;
    vectors_each("tests/vectors/names.txt", check_line);
    assert_int_equal(checked, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segment_names_are_unique_per_prefix),
        cmocka_unit_test(validate_segment_name_budget_accepts_short_prefix),
        cmocka_unit_test(validate_segment_name_budget_rejects_too_long_prefix),
        cmocka_unit_test(constants_add_up),
        cmocka_unit_test(a_text_about_an_endless_prefix_is_cut),
        cmocka_unit_test(names_and_texts_are_those_of_the_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
