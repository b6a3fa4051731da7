/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include "base/limits.h"
#include "codec/large_value.h"
#include "unit/hostile.h"
#include "unit/vectors.h"

#define ID "020df9d5a2d336131ac52c783fa4e296739b8e829af0e6852b5045ba7b05c6ea"

/* Any bytes: refused with a text, or a description that holds together. */
static void judge(struct wk_span value, void *arg) {
    (void)arg;
    struct wk_large_value large = {.chunks = 77};
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    if (!wk_large_value_parse(value, &large, &error)) {
        struct wk_error err;
        assert_int_not_equal(wk_wire_fail(&err, &error), WK_INTERNAL);
        assert_int_equal(large.chunks, 77);
        assert_int_equal(large.id[0], 0);
        return;
    }
    assert_true(wk_large_value_is_manifest(value));
    assert_int_equal(strlen(large.id), 64);
    assert_true(large.total_bytes <= WK_PAYLOAD_BYTES_MAX);
    assert_true(large.chunks <= 64);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < large.chunks; i++) {
        uint64_t size = wk_large_value_chunk_bytes(&large, i);
        assert_true(size > 0 && size <= WK_LARGE_CHUNK_BYTES);
        sum += size;
    }
    assert_int_equal(sum, large.total_bytes);
    assert_int_equal(wk_large_value_chunk_bytes(&large, large.chunks), 0);
    assert_int_equal(wk_large_value_chunk_bytes(&large, UINT32_MAX), 0);
    /* What we would write for it reads back the same. */
    char text[WK_LARGE_MANIFEST_BYTES_MAX + 1];
    size_t length = wk_large_value_manifest(&large, text);
    struct wk_large_value again;
    assert_true(wk_large_value_parse(wk_span(text, length), &again, &error));
    assert_string_equal(again.id, large.id);
    assert_int_equal(again.total_bytes, large.total_bytes);
    assert_int_equal(again.chunks, large.chunks);
}

static void check_id(const struct vector_line *line) {
    struct wk_span ns = vector_bytes(line->fields[1]);
    struct wk_span key = vector_bytes(line->fields[2]);
    struct wk_span value = vector_bytes(line->fields[3]);
    struct wk_large_value large;
    struct wk_wire_error error;
    assert_true(wk_large_value_describe(ns, key, &value, 1, &large, &error));
    assert_string_equal(large.id, line->fields[4]);
    assert_int_equal(large.total_bytes, value.size);
    vector_free(ns);
    vector_free(key);
    vector_free(value);
}

static void check_accepted(const struct vector_line *line, struct wk_span value) {
    struct wk_large_value large;
    struct wk_wire_error error;
    if (!wk_large_value_parse(value, &large, &error))
        fail_msg("large-values.txt:%u: refused", line->number);
    assert_string_equal(large.id, line->fields[3]);
    assert_int_equal(large.total_bytes, strtoull(line->fields[4], NULL, 10));
    assert_int_equal(large.chunks, strtoul(line->fields[5], NULL, 10));
    char text[WK_LARGE_MANIFEST_BYTES_MAX + 1];
    size_t length = wk_large_value_manifest(&large, text);
    bool canonical = strcmp(line->fields[1], "canonical") == 0;
    assert_int_equal(wk_span_equal(wk_span(text, length), value), canonical);
}

static unsigned checked[3];

static void check_vector(const struct vector_line *line) {
    if (strcmp(line->fields[0], "id") == 0) {
        check_id(line);
        checked[0]++;
        return;
    }
    struct wk_span value = vector_bytes(line->fields[2]);
    if (strcmp(line->fields[1], "reject") == 0) {
        struct wk_large_value large;
        struct wk_wire_error error;
        if (wk_large_value_parse(value, &large, &error))
            fail_msg("large-values.txt:%u: accepted", line->number);
        struct wk_error err;
        (void)wk_wire_fail(&err, &error);
        assert_string_equal(err.text, line->fields[3]);
        checked[1]++;
    } else {
        check_accepted(line, value);
        checked[2]++;
    }
    judge(value, NULL);
    hostile_cuts(value, judge, NULL);
    hostile_flips(value, judge, NULL);
    vector_free(value);
}

/* LARGE-1 LARGE-2 LARGE-3 LARGE-4 LARGE-5 */
static void vectors_and_what_damage_makes_of_them(void **state) {
    (void)state;
    memset(checked, 0, sizeof checked);
    vectors_each("tests/vectors/large-values.txt", check_vector);
    assert_int_equal(checked[0], 1);
    assert_true(checked[1] >= 40);
    assert_int_equal(checked[2], 12);
}

/* LARGE-1 */
static void constants_are_those_of_the_reference(void **state) {
    (void)state;
    assert_int_equal(WK_LARGE_CHUNK_BYTES, 4190192);
    assert_int_equal(WK_LARGE_CHUNK_KEY_BYTES, strlen("__wmbt_kv_shm_large/" ID "/00000000"));
}

/* LARGE-2 */
static void chunk_keys_have_eight_digits(void **state) {
    (void)state;
    struct wk_large_value large = {.id = ID, .total_bytes = 4194033, .chunks = 2};
    char key[WK_LARGE_CHUNK_KEY_BYTES + 1];
    wk_large_value_chunk_key(&large, 0, key);
    assert_string_equal(key, "__wmbt_kv_shm_large/" ID "/00000000");
    wk_large_value_chunk_key(&large, 1, key);
    assert_string_equal(key, "__wmbt_kv_shm_large/" ID "/00000001");
    assert_int_equal(wk_large_value_chunk_bytes(&large, 0), 4190192);
    assert_int_equal(wk_large_value_chunk_bytes(&large, 1), 3841);
}

/* LARGE-4 */
static void a_value_over_the_limit_is_not_described(void **state) {
    (void)state;
    struct wk_large_value large = {.chunks = 77};
    struct wk_wire_error error;
    struct wk_span value = wk_span("", (size_t)WK_PAYLOAD_BYTES_MAX + 1);
    assert_false(
        wk_large_value_describe(wk_span("n", 1), wk_span("k", 1), &value, 1, &large, &error));
    assert_int_equal(error.kind, WK_WIRE_TOO_LARGE);
    assert_int_equal(large.chunks, 77);
}

/* LARGE-3: every part of the name of a value tells in its id. */
static void ids_differ_where_their_parts_do(void **state) {
    (void)state;
    static const char *const names[][3] = {{"ns", "k", "abc"},
                                           {"n", "sk", "abc"},
                                           {"ns", "ka", "bc"},
                                           {"", "ns", "abc"},
                                           {"ns", "", "abc"}};
    char ids[5][WK_LARGE_ID_CHARS + 1];
    for (size_t i = 0; i < 5; i++) {
        struct wk_large_value large;
        struct wk_wire_error error;
        struct wk_span value = wk_span_text(names[i][2]);
        assert_true(wk_large_value_describe(wk_span_text(names[i][0]), wk_span_text(names[i][1]),
                                            &value, 1, &large, &error));
        memcpy(ids[i], large.id, sizeof large.id);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_and_what_damage_makes_of_them),
        cmocka_unit_test(constants_are_those_of_the_reference),
        cmocka_unit_test(chunk_keys_have_eight_digits),
        cmocka_unit_test(a_value_over_the_limit_is_not_described),
        cmocka_unit_test(ids_differ_where_their_parts_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
