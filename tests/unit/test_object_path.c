/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>

#include "env/dir/path.h"
#include "hash/xxh3.h"

static struct wk_dir_path path_of(const char *key) {
    struct wk_dir_path p;
    assert_true(wk_dir_path_of_key(wk_span_text(key), &p));
    return p;
}

/* The path with its fan-out replaced by "#". */
static const char *shape(const char *key) {
    static char text[WK_DIR_PATH_BYTES_MAX];
    struct wk_dir_path p = path_of(key);
    assert_int_equal(p.text[p.name_at - 5], '~');
    snprintf(text, sizeof text, "%.*s#%s", (int)(p.name_at - 5), p.text, p.text + p.name_at);
    return text;
}

/* OBJ-2 OBJ-3 OBJ-5 */
static void keys_are_spelled_as_the_specification_says(void **state) {
    (void)state;
    assert_string_equal(shape("a"), "#a");
    assert_string_equal(shape("kv/cabi/ns/wombatkv/v1/block/b3=00ff"),
                        "kv/cabi/ns/wombatkv/v1/block/#b3=00ff");
    assert_string_equal(shape("A_z-0.9="), "#A_z-0.9=");
    assert_string_equal(shape("a b/c~d/e%f"), "a%20b/c%7Ed/#e%25f");
    assert_string_equal(shape("\x01\xff\xc3\xa9\x7f\\:*"), "#%01%FF%C3%A9%7F%5C%3A%2A");
    assert_string_equal(shape("."), "#%2E");
    assert_string_equal(shape(".."), "#%2E%2E");
    assert_string_equal(shape("../../etc/passwd"), "%2E%2E/%2E%2E/etc/#passwd");
    assert_string_equal(shape("./..."), "%2E/#...");
    assert_string_equal(shape("/"), "%00/#%00");
    assert_string_equal(shape("//a/"), "%00/%00/a/#%00");
}

/* OBJ-5 */
static void the_fan_out_is_the_first_two_digits_of_xxh3(void **state) {
    (void)state;
    const char *key = "kv/cabi/ns/k";
    char want[64];
    unsigned long long hash = wk_xxh3_64(key, strlen(key), 0);
    char digits[17];
    snprintf(digits, sizeof digits, "%016llx", hash);
    snprintf(want, sizeof want, "kv/cabi/ns/~%c/%c/k", digits[0], digits[1]);
    struct wk_dir_path p = path_of(key);
    assert_string_equal(p.text, want);
    assert_int_equal(p.base_length, strlen("kv/cabi/ns"));
    assert_true(p.hash == hash);
    assert_int_equal(path_of("k").base_length, 0);
}

/* OBJ-5: the table of the specification. */
static void the_specification_shows_what_is_done(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"a", "~e/6/a"},           {"a/b", "a/~4/8/b"},   {"a b", "~8/0/a%20b"},
        {"a%20b", "~d/4/a%2520b"}, {"..", "~4/8/%2E%2E"}, {"/", "%00/~4/7/%00"},
        {"../x", "%2E%2E/~a/d/x"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(path_of(rows[i][0]).text, rows[i][1]);
}

/* OBJ-4 */
static void long_segments_become_nested_directories(void **state) {
    (void)state;
    char key[1025];
    memset(key, 'x', sizeof key);
    key[200] = 0;
    assert_null(strchr(path_of(key).text + 5, '~'));
    key[200] = 'x';
    key[201] = 0;
    struct wk_dir_path p = path_of(key);
    assert_int_equal(p.base_length, 201);
    assert_int_equal(p.text[200], '~');
    assert_string_equal(p.text + p.name_at, "x");
    /* An escape is never cut in two: 66 of them make 198 characters, the 67th goes on below. */
    memset(key, ' ', 67);
    key[67] = 0;
    p = path_of(key);
    assert_int_equal(p.base_length, 199);
    assert_string_equal(p.text + p.name_at, "%20");
    /* A rest of dots is still no name of a file system. */
    memset(key, 'x', 200);
    strcpy(key + 200, "..");
    p = path_of(key);
    assert_string_equal(p.text + p.name_at, "%2E%2E");
}

/* OBJ-1 */
static void keys_without_a_path_are_refused(void **state) {
    (void)state;
    struct wk_dir_path p;
    char key[1026];
    memset(key, '/', sizeof key);
    assert_false(wk_dir_path_of_key(wk_span(key, 0), &p));
    assert_false(wk_dir_path_of_key(wk_span(key, 1025), &p));
    assert_true(wk_dir_path_of_key(wk_span(key, 1024), &p));
    assert_true(p.length < WK_DIR_PATH_BYTES_MAX);
    assert_false(wk_dir_path_of_key(wk_span("a\0b", 3), &p));
    assert_false(wk_dir_path_of_prefix(wk_span(key, 1025), &p));
}

static uint64_t random_state = 88172645463325252ull;

static uint32_t random_below(uint32_t n) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 11) % n);
}

/* Mostly the bytes that could confuse the spelling, at lengths around the limits. */
static size_t hostile_key(char *key) {
    static const char nasty[] = "/.~%=_-ab0F2E\\ :\x01\xff";
    static const uint32_t lengths[] = {3, 8, 30, 205, 420, 1024};
    size_t length = 1 + random_below(lengths[random_below(6)]);
    uint32_t style = random_below(4);
    for (size_t i = 0; i < length; i++) {
        if (style == 0)
            key[i] = (char)(1 + random_below(255));
        else if (style == 1)
            key[i] = "/."[random_below(2)];
        else if (style == 2 && random_below(40) != 0)
            key[i] = random_below(8) == 0 ? '.' : 'y';
        else
            key[i] = nasty[random_below(sizeof nasty - 1)];
    }
    key[length] = 0;
    return length;
}

/* OBJ-6: what decodes back is one-to-one, and every name is one that file systems take. */
static void hostile_keys_come_back_from_their_paths(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char key[1025];
        char back[WK_OBJECT_KEY_BYTES_MAX + 1];
        size_t length = hostile_key(key);
        size_t back_length;
        struct wk_dir_path p;
        assert_true(wk_dir_path_of_key(wk_span(key, length), &p));
        assert_int_equal(strlen(p.text), p.length);
        assert_true(wk_dir_key_of_path(p.text, back, &back_length));
        assert_int_equal(back_length, length);
        assert_memory_equal(back, key, length);
        size_t name = 0;
        for (const char *at = p.text;; at++) {
            if (*at != 0 && *at != '/') {
                name++;
                continue;
            }
            assert_in_range(name, 1, 201);
            assert_false(name == 1 && at[-1] == '.');
            assert_false(name == 2 && at[-1] == '.' && at[-2] == '.');
            name = 0;
            if (*at == 0)
                break;
        }
    }
}

static int compare_paths(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* OBJ-6: all keys of up to five bytes over the bytes that matter, pairwise. */
static void no_two_keys_share_a_path(void **state) {
    (void)state;
    static const char alphabet[] = "/.~%2a";
    enum { COUNT = 6 + 36 + 216 + 1296 + 7776 };
    char **paths = calloc(COUNT, sizeof *paths);
    size_t count = 0;
    for (unsigned length = 1; length <= 5; length++) {
        unsigned total = 1;
        for (unsigned i = 0; i < length; i++)
            total *= 6;
        for (unsigned n = 0; n < total; n++) {
            char key[6] = {0};
            unsigned rest = n;
            for (unsigned i = 0; i < length; i++, rest /= 6)
                key[i] = alphabet[rest % 6];
            struct wk_dir_path p = path_of(key);
            paths[count++] = strdup(p.text);
        }
    }
    assert_int_equal(count, COUNT);
    qsort(paths, count, sizeof *paths, compare_paths);
    for (size_t i = 1; i < count; i++) {
        assert_string_not_equal(paths[i - 1], paths[i]);
        /* OBJ-6: no object's file is another object's directory. */
        size_t length = strlen(paths[i - 1]);
        assert_false(strncmp(paths[i - 1], paths[i], length) == 0 && paths[i][length] == '/');
    }
    for (size_t i = 0; i < count; i++)
        free(paths[i]);
    free(paths);
}

/* OBJ-51 */
static void foreign_paths_are_no_keys(void **state) {
    (void)state;
    char key[WK_OBJECT_KEY_BYTES_MAX + 1];
    size_t length;
    struct wk_dir_path p = path_of("kv/b");
    char text[WK_DIR_PATH_BYTES_MAX + 8];
    assert_true(wk_dir_key_of_path(p.text, key, &length));
    snprintf(text, sizeof text, "%s", p.text);
    text[p.name_at - 2] = text[p.name_at - 2] == '0' ? '1' : '0';
    assert_false(wk_dir_key_of_path(text, key, &length)); /* wrong fan-out */
    snprintf(text, sizeof text, "%s.tmp~", p.text);
    assert_false(wk_dir_key_of_path(text, key, &length));
    static const char *const foreign[] = {
        "",         "a",         "kv/b",        "~0",       "~0/1",      "~0/1/",    "~0/1/a/b",
        "~0/1/%",   "~0/1/%2",   "~0/1/%2e",    "~0/1/%41", "~0/1/a%00", "~0/1/a b", "a b/~0/1/c",
        "~/~0/1/c", "x~/~0/1/c", "%00~/~0/1/c", "/~0/1/c",  "~tmp/1/c",  "~g/1/c",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        assert_false(wk_dir_key_of_path(foreign[i], key, &length));
}

static void prefixes_lead_to_their_directories(void **state) {
    (void)state;
    struct wk_dir_path p;
    char prefix[WK_OBJECT_KEY_BYTES_MAX + 1];
    size_t length;
    assert_true(wk_dir_path_of_prefix(wk_span_text(""), &p));
    assert_string_equal(p.text, "");
    assert_true(wk_dir_path_of_prefix(wk_span_text("kv/c d/par"), &p));
    assert_string_equal(p.text, "kv/c%20d");
    assert_true(wk_dir_prefix_of_path(p.text, prefix, &length));
    assert_string_equal(prefix, "kv/c d/");
    assert_true(wk_dir_path_of_prefix(wk_span_text("/"), &p));
    assert_string_equal(p.text, "%00");
    assert_true(wk_dir_prefix_of_path("%00", prefix, &length));
    assert_string_equal(prefix, "/");
    assert_true(wk_dir_prefix_of_path("ab~", prefix, &length));
    assert_string_equal(prefix, "ab");
    assert_false(wk_dir_prefix_of_path("~tmp", prefix, &length));
    assert_false(wk_dir_prefix_of_path("a/b c", prefix, &length));
}

/* OBJ-7 */
static void a_bucket_is_one_name(void **state) {
    (void)state;
    char name[WK_DIR_PIECE_BYTES_MAX + 1];
    char longest[300];
    assert_true(wk_dir_name_of_bucket(wk_span_text("my/bucket"), name));
    assert_string_equal(name, "my%2Fbucket");
    assert_true(wk_dir_name_of_bucket(wk_span_text(".."), name));
    assert_string_equal(name, "%2E%2E");
    assert_false(wk_dir_name_of_bucket(wk_span_text(""), name));
    memset(longest, 'b', sizeof longest);
    assert_true(wk_dir_name_of_bucket(wk_span(longest, 200), name));
    assert_int_equal(strlen(name), 200);
    assert_false(wk_dir_name_of_bucket(wk_span(longest, 201), name));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_spelled_as_the_specification_says),
        cmocka_unit_test(the_fan_out_is_the_first_two_digits_of_xxh3),
        cmocka_unit_test(the_specification_shows_what_is_done),
        cmocka_unit_test(long_segments_become_nested_directories),
        cmocka_unit_test(keys_without_a_path_are_refused),
        cmocka_unit_test(hostile_keys_come_back_from_their_paths),
        cmocka_unit_test(no_two_keys_share_a_path),
        cmocka_unit_test(foreign_paths_are_no_keys),
        cmocka_unit_test(prefixes_lead_to_their_directories),
        cmocka_unit_test(a_bucket_is_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
