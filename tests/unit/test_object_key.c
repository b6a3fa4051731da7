/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include "base/text.h"
#include "codec/object_key.h"

#define HEX64 "000102030405060708090a0b0c0d0e0f101112131415161718191a1bfcfdfeff"

static const struct wk_block_hash hash_a = {{0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
                                             0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
                                             0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
                                             0x18, 0x19, 0x1a, 0x1b, 0xfc, 0xfd, 0xfe, 0xff}};

static struct wk_span text(const char *t) {
    return wk_span_text(t);
}

static struct wk_span key_span(const struct wk_object_key *key) {
    return wk_span(key->text, key->length);
}

/* KEY-1 */
static void a_block_key_is_that_of_the_reference(void **state) {
    (void)state;
    struct wk_object_key key;
    assert_int_equal(wk_object_key_block(text("kv/cabi"), text("default"), &hash_a, &key, NULL),
                     WK_OK);
    assert_string_equal(key.text, "kv/cabi/default/wombatkv/v1/block/b3=" HEX64);
    assert_int_equal(key.length, strlen(key.text));
    assert_int_equal(strlen(WK_BLOCK_KEY_PREFIX), 21);
    assert_int_equal(strlen(WK_RAW_TAIL_KEY_PREFIX), 32);
}

/* KEY-2 */
static void a_raw_tail_key_keeps_the_characters_given(void **state) {
    (void)state;
    static const char *const tips[] = {
        HEX64,
        "ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789",
        "../../../../../../../etc/passwd/////////////////////////////////",
        "%2e%2e \"'<>&\\ \x01\x7f\xff\xfe tip with 64 bytes of anything but NUL 1234567",
    };
    for (size_t i = 0; i < sizeof tips / sizeof *tips; i++) {
        assert_int_equal(strlen(tips[i]), 64);
        struct wk_object_key key;
        assert_int_equal(
            wk_object_key_raw_tail(text("kv/cabi"), text("default"), text(tips[i]), &key, NULL),
            WK_OK);
        char expected[256];
        wk_format(expected, sizeof expected, "kv/cabi/default/wombatkv/v1/sidecar/raw_tail/b3=%s",
                  tips[i]);
        assert_string_equal(key.text, expected);
    }
    struct wk_object_key key;
    struct wk_error err;
    assert_int_equal(wk_object_key_raw_tail(text("p"), text("n"), wk_span(HEX64, 63), &key, &err),
                     WK_INVALID);
    assert_non_null(strstr(err.text, "63"));
    assert_non_null(strstr(err.text, "64"));
    char with_nul[64];
    memset(with_nul, 'a', sizeof with_nul);
    with_nul[63] = 0;
    assert_int_equal(
        wk_object_key_raw_tail(text("p"), text("n"), wk_span(with_nul, 64), &key, &err),
        WK_INVALID);
}

/* KEY-3 */
static void an_empty_namespace_leaves_out_its_segment(void **state) {
    (void)state;
    struct wk_object_key key;
    assert_int_equal(wk_object_key_block(text("kv"), wk_span(NULL, 0), &hash_a, &key, NULL), WK_OK);
    assert_string_equal(key.text, "kv/wombatkv/v1/block/b3=" HEX64);
    assert_int_equal(wk_object_key_relative(text("kv"), text(""), text("a//b"), &key, NULL), WK_OK);
    assert_string_equal(key.text, "kv/a//b");
    assert_int_equal(wk_object_key_relative(text("kv"), text("n"), wk_span("", 0), &key, NULL),
                     WK_INVALID);
    assert_int_equal(wk_object_key_relative(text("kv"), text("n"), wk_span("a\0b", 3), &key, NULL),
                     WK_INVALID);
}

/* KEY-4 KEY-6 */
static void hostile_namespaces_are_kept_and_parse_back(void **state) {
    (void)state;
    char longest[WK_NAMESPACE_BYTES_MAX + 1];
    memset(longest, 'n', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    const char *const spaces[] = {
        "",         "a/b",   "/",       "//", "/lead",   "trail/",
        ".",        "..",    "../../x", " ",  "Default", "\xc3\xa9\xf0\x9f\x90\xa8",
        "\xff\xfe", "a%2Fb", "b3=",     "\n", longest,   "x/wombatkv/v1/block/b3=" HEX64,
    };
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        struct wk_span ns = text(spaces[i]);
        struct wk_object_key key;
        assert_int_equal(wk_object_key_block(text("kv/cabi"), ns, &hash_a, &key, NULL), WK_OK);
        char expected[2048];
        wk_format(expected, sizeof expected, "kv/cabi/%s%swombatkv/v1/block/b3=" HEX64, spaces[i],
                  ns.size > 0 ? "/" : "");
        assert_string_equal(key.text, expected);
        struct wk_parsed_key parsed;
        assert_true(wk_object_key_parse(text("kv/cabi"), ns, key_span(&key), &parsed));
        assert_int_equal(parsed.kind, WK_KEY_BLOCK);
        assert_true(wk_block_hash_equal(&parsed.hash, &hash_a));
        /* No other of these namespaces takes it for a block of its own. */
        for (size_t j = 0; j < sizeof spaces / sizeof *spaces; j++) {
            if (j != i &&
                wk_object_key_parse(text("kv/cabi"), text(spaces[j]), key_span(&key), &parsed))
                assert_int_equal(parsed.kind, WK_KEY_OTHER);
        }
    }
}

static void refused(enum wk_status status, const struct wk_error *err, const char *number,
                    const char *limit) {
    assert_int_equal(status, WK_INVALID);
    assert_non_null(strstr(err->text, number));
    assert_non_null(strstr(err->text, limit));
}

/* KEY-5 */
static void what_is_too_long_is_refused_with_the_numbers(void **state) {
    (void)state;
    static char big[2000];
    memset(big, 'x', sizeof big);
    struct wk_object_key key;
    memset(&key, 0x5a, sizeof key);
    const struct wk_object_key before = key;
    struct wk_error err;
    struct wk_span p = text("p");
    refused(wk_object_prefix_check(wk_span(big, 257), &err), &err, "257", "256");
    refused(wk_object_key_block(wk_span(big, 257), p, &hash_a, &key, &err), &err, "257", "256");
    refused(wk_object_key_block(p, wk_span(big, 513), &hash_a, &key, &err), &err, "513", "512");
    /* "p/n/" and 1020 are 1024; one more is too many. */
    refused(wk_object_key_relative(p, text("n"), wk_span(big, 1021), &key, &err), &err, "1021",
            "1024");
    refused(wk_object_key_relative(p, text(""), wk_span(big, 1023), &key, &err), &err, "1023",
            "1024");
    assert_memory_equal(&key, &before, sizeof key);
    assert_int_equal(wk_object_key_relative(p, text("n"), wk_span(big, 1020), &key, &err), WK_OK);
    assert_int_equal(key.length, 1024);
    assert_int_equal(key.text[1024], 0);
    assert_int_equal(wk_object_key_relative(p, text(""), wk_span(big, 1022), &key, &err), WK_OK);
    assert_int_equal(key.length, 1024);
    /* The longest prefix and namespace leave room for the longest of our own keys. */
    assert_int_equal(
        wk_object_key_raw_tail(wk_span(big, 256), wk_span(big, 512), text(HEX64), &key, &err),
        WK_OK);
    assert_int_equal(key.length, 256 + 1 + 512 + 1 + 96);
}

/* KEY-5 */
static void a_prefix_is_checked_by_name(void **state) {
    (void)state;
    static const struct {
        struct wk_span prefix;
        const char *says; /* NULL: fine */
    } cases[] = {
        {{(const uint8_t *)"kv", 2}, NULL},
        {{(const uint8_t *)"kv/puffer-shm", 13}, NULL},
        {{(const uint8_t *)"a//b", 4}, NULL},
        {{(const uint8_t *)"", 0}, "empty"},
        {{NULL, 0}, "empty"},
        {{(const uint8_t *)"/kv", 3}, "begins with a slash"},
        {{(const uint8_t *)"kv/", 3}, "ends with a slash"},
        {{(const uint8_t *)"/", 1}, "slash"},
        {{(const uint8_t *)"k\0v", 3}, "NUL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wk_error err;
        struct wk_object_key key;
        enum wk_status expected = cases[i].says == NULL ? WK_OK : WK_INVALID;
        assert_int_equal(wk_object_prefix_check(cases[i].prefix, &err), expected);
        if (cases[i].says != NULL)
            assert_non_null(strstr(err.text, cases[i].says));
        assert_int_equal(wk_object_key_block(cases[i].prefix, text("n"), &hash_a, &key, NULL),
                         expected);
    }
    struct wk_error err;
    struct wk_object_key key;
    assert_int_equal(wk_object_key_block(text("kv"), wk_span("a\0", 2), &hash_a, &key, &err),
                     WK_INVALID);
    assert_non_null(strstr(err.text, "\"a\\x00\""));
}

static enum wk_object_kind kind_of(const char *ns, const char *key) {
    struct wk_parsed_key parsed;
    assert_true(wk_object_key_parse(text("kv"), text(ns), text(key), &parsed));
    assert_int_equal(parsed.relative.size, strlen(key) - 3 - (*ns ? strlen(ns) + 1 : 0));
    return parsed.kind;
}

/* KEY-6 */
static void only_whole_keys_count(void **state) {
    (void)state;
    static const char *const other[] = {
        "kv/n/sub/wombatkv/v1/block/b3=" HEX64, /* nested namespace */
        "kv/n/n/wombatkv/v1/block/b3=" HEX64,
        "kv/n/wombatkv/v1/block/b3=" HEX64 "0",
        "kv/n/wombatkv/v1/block/b3=" HEX64 "/",
        "kv/n/wombatkv/v1/block/b3=00",
        "kv/n/wombatkv/v1/block/b3=",
        "kv/n/wombatkv/v1/block/"
        "b3=000102030405060708090A0B0c0d0e0f101112131415161718191a1bfcfdfeff",
        "kv/n/wombatkv/v1/block/"
        "b3=000102030405060708090a0b0c0d0e0f101112131415161718191a1bfcfdfefF",
        "kv/n/wombatkv/v1/block/"
        "b3=g00102030405060708090a0b0c0d0e0f101112131415161718191a1bfcfdfeff",
        "kv/n/wombatkv/v1/block/B3=" HEX64,
        "kv/n//wombatkv/v1/block/b3=" HEX64,
        "kv/n/wombatkv/v2/block/b3=" HEX64,
        "kv/n/wombatkv/v1/sidecar/raw_tail/b3=00",
        "kv/n/wombatkv/v1/sidecar/raw_tail/b3=" HEX64 "0",
        "kv/n/wombatkv/v1/sidecar/other/b3=" HEX64,
        "kv/n/__wmbt_kv_shm_large/" HEX64 "/00000000",
        "kv/n/wombatkv/capability-probe/bucket/create-1700000000000000000",
        "kv/n/wkv/ds4/v1/model=000102030405060708090a0b/sha1=00-q4",
        "kv/n/",
        "kv/n/x",
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        assert_int_equal(kind_of("n", other[i]), WK_KEY_OTHER);
    assert_int_equal(kind_of("n", "kv/n/wombatkv/v1/block/b3=" HEX64), WK_KEY_BLOCK);
    /* With the empty namespace everything below the prefix is in sight, and not ours. */
    assert_int_equal(kind_of("", "kv/n/wombatkv/v1/block/b3=" HEX64), WK_KEY_OTHER);
    assert_int_equal(kind_of("", "kv/wombatkv/v1/block/b3=" HEX64), WK_KEY_BLOCK);
}

/* KEY-6 */
static void a_listed_tail_gives_its_tip(void **state) {
    (void)state;
    const char *tip = "ABCDEF0123456789/bcdef0123456789ABCDEF0123456789ABCDEF0123456789";
    struct wk_object_key key;
    assert_int_equal(wk_object_key_raw_tail(text("kv"), text("n"), text(tip), &key, NULL), WK_OK);
    struct wk_parsed_key parsed;
    assert_true(wk_object_key_parse(text("kv"), text("n"), key_span(&key), &parsed));
    assert_int_equal(parsed.kind, WK_KEY_RAW_TAIL);
    assert_true(wk_span_equal(parsed.tip, text(tip)));
    assert_true(wk_block_hash_is_zero(&parsed.hash));
}

/* KEY-6 */
static void keys_elsewhere_are_not_ours(void **state) {
    (void)state;
    static const char *const elsewhere[] = {
        "",
        "k",
        "kv",
        "kv/",
        "kv/n",
        "kvn/wombatkv/v1/block/b3=" HEX64,
        "kv/nn/wombatkv/v1/block/b3=" HEX64,
        "kv2/n/wombatkv/v1/block/b3=" HEX64,
        "/kv/n/wombatkv/v1/block/b3=" HEX64,
        "KV/n/wombatkv/v1/block/b3=" HEX64,
        "wombatkv/capability-probe/bucket/create-1700000000000000000",
        "wombatkv/__prewarm__/0",
    };
    struct wk_parsed_key parsed;
    memset(&parsed, 0x5a, sizeof parsed);
    const struct wk_parsed_key before = parsed;
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        assert_false(wk_object_key_parse(text("kv"), text("n"), text(elsewhere[i]), &parsed));
    assert_false(wk_object_key_parse(text("kv"), text("n"), wk_span(NULL, 0), &parsed));
    assert_memory_equal(&parsed, &before, sizeof parsed);
}

/* KEY-2 KEY-6 */
static void tails_with_nul_and_empty_prefixes_are_told_apart(void **state) {
    (void)state;
    char key[5 + 32 + 64 + 1];
    wk_format(key, sizeof key, "kv/n/" WK_RAW_TAIL_KEY_PREFIX HEX64);
    struct wk_parsed_key parsed;
    struct wk_span span = wk_span(key, sizeof key - 1);
    assert_true(wk_object_key_parse(text("kv"), text("n"), span, &parsed));
    assert_int_equal(parsed.kind, WK_KEY_RAW_TAIL);
    key[sizeof key - 2] = 0;
    assert_true(wk_object_key_parse(text("kv"), text("n"), span, &parsed));
    assert_int_equal(parsed.kind, WK_KEY_OTHER);
    /* Nothing in front of the slash. */
    assert_true(wk_object_key_parse(text(""), text("n"), text("/n/x"), &parsed));
    assert_true(wk_span_equal(parsed.relative, text("x")));
    assert_false(wk_object_key_parse(text(""), text("n"), text("n/x"), &parsed));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_key_is_that_of_the_reference),
        cmocka_unit_test(tails_with_nul_and_empty_prefixes_are_told_apart),
        cmocka_unit_test(a_raw_tail_key_keeps_the_characters_given),
        cmocka_unit_test(an_empty_namespace_leaves_out_its_segment),
        cmocka_unit_test(hostile_namespaces_are_kept_and_parse_back),
        cmocka_unit_test(what_is_too_long_is_refused_with_the_numbers),
        cmocka_unit_test(a_prefix_is_checked_by_name),
        cmocka_unit_test(only_whole_keys_count),
        cmocka_unit_test(a_listed_tail_gives_its_tip),
        cmocka_unit_test(keys_elsewhere_are_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
