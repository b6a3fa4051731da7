/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused, in which order, with which text; last error and err_buf. */
#include "suite.h"

#include <pthread.h>

static const char good[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const char bad_utf8[] = "a\xff";

/* One lookup that must fail; everything is checked with outs that must not change. */
static void lookup_fails(wmbt_kv_handle_t *kv, const char *ns, const char *const *hex, size_t count,
                         const char *text) {
    size_t matched = 4711;
    char err_buf[1100] = "";
    assert_int_equal(
        wmbt_kv_lookup_block_prefix(kv, ns, hex, count, &matched, err_buf, sizeof err_buf), -1);
    assert_string_equal(err_buf, text);
    assert_string_equal(wmbt_kv_last_error(), text);
    assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_INVALID);
    assert_int_equal(matched, 4711);
}

/* ABI-2 */
static void lookup_checks_in_order(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    const char *hex[] = {good, NULL};
    assert_int_equal(wmbt_kv_lookup_block_prefix(NULL, NULL, NULL, 1, NULL, NULL, 0), -1);
    assert_string_equal(wmbt_kv_last_error(), "out_matched_count is NULL");
    lookup_fails(NULL, NULL, NULL, 1, "handle is NULL");
    lookup_fails(kv, NULL, NULL, 1, "string pointer is NULL");
    lookup_fails(kv, bad_utf8, NULL, 1, "string contained non-UTF-8 bytes");
    lookup_fails(kv, "ns", NULL, 1, "block_hashes_hex is NULL with block_count > 0");
    lookup_fails(kv, "ns", hex, 2, "block_hashes_hex[1] is NULL");
    wmbt_kv_free(kv);
}

/* ABI-2 */
static void hashes_are_checked_with_the_promised_texts(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        const char *text;
    } wrong[] = {
        {"\xc3", "block_hashes_hex[1] not UTF-8"},
        {"", "block hash hex must be 64 chars; got 0 for \"\""},
        {"abc", "block hash hex must be 64 chars; got 3 for \"abc\""},
        {"q\"\\\n", "block hash hex must be 64 chars; got 4 for \"q\\\"\\\\\\x0a\""},
        {"\xf0\x9f\x90\xa8", "block hash hex must be 64 chars; got 4 for \"\xf0\x9f\x90\xa8\""},
        {"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg",
         "bad hex char at pos 63 in "
         "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg\""},
        {" 123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
         "bad hex char at pos 0 in "
         "\" 123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""},
    };
    wmbt_kv_handle_t *kv = abi_open();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *hex[] = {good, wrong[i].hex};
        lookup_fails(kv, "ns", hex, 2, wrong[i].text);
    }
    static char huge[100001];
    memset(huge, 'a', sizeof huge - 1);
    const char *hex[] = {huge};
    size_t matched;
    assert_int_equal(wmbt_kv_lookup_block_prefix(kv, "ns", hex, 1, &matched, NULL, 0), -1);
    abi_last_error_says("must be 64 chars; got 100000 for \"aaa");
    wmbt_kv_free(kv);
}

static void get_fails(wmbt_kv_handle_t *kv, const char *ns, const char *const *hex, size_t count,
                      const char *text) {
    const uint8_t **payloads = NULL;
    const size_t *lens = NULL;
    wmbt_kv_borrow_t *borrow = NULL;
    assert_int_equal(wmbt_kv_get_kv_blocks_borrowed(kv, ns, hex, count, &payloads, &lens, &borrow),
                     -1);
    assert_string_equal(wmbt_kv_last_error(), text);
    assert_true(payloads == NULL && lens == NULL && borrow == NULL);
}

/* ABI-2 ABI-5 */
static void get_checks_in_order(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    const char *hex[] = {"short"};
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    const char text[] = "out_payload_ptrs / out_payload_lens / out_borrow must not be NULL";
    assert_int_equal(wmbt_kv_get_kv_blocks_borrowed(NULL, NULL, NULL, 1, NULL, &lens, &borrow), -1);
    assert_string_equal(wmbt_kv_last_error(), text);
    assert_int_equal(wmbt_kv_get_kv_blocks_borrowed(NULL, NULL, NULL, 1, &payloads, NULL, &borrow),
                     -1);
    assert_string_equal(wmbt_kv_last_error(), text);
    assert_int_equal(wmbt_kv_get_kv_blocks_borrowed(NULL, NULL, NULL, 1, &payloads, &lens, NULL),
                     -1);
    assert_string_equal(wmbt_kv_last_error(), text);
    get_fails(NULL, NULL, NULL, 1, "handle is NULL");
    get_fails(kv, NULL, NULL, 1, "string pointer is NULL");
    get_fails(kv, bad_utf8, NULL, 1, "string contained non-UTF-8 bytes");
    get_fails(kv, "ns", NULL, 1, "block_hashes_hex is NULL with block_count > 0");
    get_fails(kv, "ns", hex, 1, "block hash hex must be 64 chars; got 5 for \"short\"");
    wmbt_kv_free(kv);
}

static void put_fails(wmbt_kv_handle_t *kv, const char *ns, const char *const *hex,
                      const uint8_t *const *payloads, const size_t *lens, size_t count,
                      const char *text) {
    assert_int_equal(wmbt_kv_put_kv_blocks(kv, ns, hex, payloads, lens, count), -1);
    assert_string_equal(wmbt_kv_last_error(), text);
}

/* ABI-2 */
static void put_checks_in_order(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    const char *wrong[] = {"short"};
    const char *hex[] = {good, good};
    const uint8_t *payloads[] = {NULL, NULL};
    size_t lens[] = {0, 1};
    put_fails(NULL, NULL, NULL, NULL, NULL, 1, "handle is NULL");
    put_fails(kv, NULL, NULL, NULL, NULL, 1, "string pointer is NULL");
    put_fails(kv, "ns", NULL, NULL, NULL, 1, "block_hashes_hex is NULL with block_count > 0");
    put_fails(kv, "ns", wrong, NULL, NULL, 1,
              "block hash hex must be 64 chars; got 5 for \"short\"");
    put_fails(kv, "ns", hex, NULL, lens, 1,
              "payloads / lens must not be NULL with block_count > 0");
    put_fails(kv, "ns", hex, payloads, NULL, 1,
              "payloads / lens must not be NULL with block_count > 0");
    put_fails(kv, "ns", hex, payloads, lens, 2, "payloads[1] is NULL with len > 0");
    abi_expect_miss(kv, "ns", good); /* nothing of the batch was stored */
    wmbt_kv_free(kv);
}

/* ABI-2 */
static void put_tail_checks_in_order(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    const uint8_t byte = 1;
    char err_buf[200];
    static const struct {
        bool kv;
        const char *ns;
        const char *tip;
        size_t len;
        const char *text;
    } steps[] = {
        {false, NULL, NULL, 1, "handle is NULL"},
        {true, NULL, NULL, 1, "string pointer is NULL"},
        {true, bad_utf8, NULL, 1, "string contained non-UTF-8 bytes"},
        {true, "ns", NULL, 1, "string pointer is NULL"},
        {true, "ns", bad_utf8, 1, "string contained non-UTF-8 bytes"},
        {true, "ns", "short", 1, "data pointer is NULL with non-zero len"},
        {true, "ns", "short", 0, "put_raw_tail: chain_tip_hash_hex must be 64 chars; got 5"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(wmbt_kv_put_raw_tail(steps[i].kv ? kv : NULL, steps[i].ns, steps[i].tip,
                                              NULL, steps[i].len, err_buf, sizeof err_buf),
                         -1);
        assert_string_equal(err_buf, steps[i].text);
        assert_string_equal(wmbt_kv_last_error(), steps[i].text);
    }
    assert_int_equal(wmbt_kv_put_raw_tail(kv, "ns", "", &byte, 1, NULL, 0), -1);
    assert_string_equal(wmbt_kv_last_error(),
                        "put_raw_tail: chain_tip_hash_hex must be 64 chars; got 0");
    wmbt_kv_free(kv);
}

/* ABI-2 ABI-5 */
static void get_tail_checks_in_order(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    const uint8_t *bytes = NULL;
    size_t len = 77;
    wmbt_kv_borrow_t *borrow = NULL;
    const char outs[] = "out_bytes / out_len / out_borrow must not be NULL";
    assert_int_equal(wmbt_kv_get_raw_tail_borrowed(NULL, NULL, NULL, NULL, &len, &borrow, NULL, 0),
                     -1);
    assert_string_equal(wmbt_kv_last_error(), outs);
    assert_int_equal(
        wmbt_kv_get_raw_tail_borrowed(NULL, NULL, NULL, &bytes, NULL, &borrow, NULL, 0), -1);
    assert_string_equal(wmbt_kv_last_error(), outs);
    assert_int_equal(wmbt_kv_get_raw_tail_borrowed(NULL, NULL, NULL, &bytes, &len, NULL, NULL, 0),
                     -1);
    assert_string_equal(wmbt_kv_last_error(), outs);
    static const struct {
        bool kv;
        const char *ns;
        const char *tip;
        const char *text;
    } steps[] = {
        {false, NULL, NULL, "handle is NULL"},
        {true, NULL, NULL, "string pointer is NULL"},
        {true, "ns", NULL, "string pointer is NULL"},
        {true, "ns", bad_utf8, "string contained non-UTF-8 bytes"},
        {true, "ns", "short", "get_raw_tail: chain_tip_hash_hex must be 64 chars; got 5"},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char err_buf[200] = "";
        assert_int_equal(wmbt_kv_get_raw_tail_borrowed(steps[i].kv ? kv : NULL, steps[i].ns,
                                                       steps[i].tip, &bytes, &len, &borrow, err_buf,
                                                       sizeof err_buf),
                         -1);
        assert_string_equal(err_buf, steps[i].text);
        assert_true(bytes == NULL && len == 77 && borrow == NULL);
    }
    wmbt_kv_free(kv);
}

/* ABI-7 */
static void empty_batches_and_empty_payloads(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    const uint8_t **payloads = NULL;
    const size_t *lens = NULL;
    wmbt_kv_borrow_t *borrow = NULL;
    size_t matched = 5;
    const char *hex[] = {good};
    assert_int_equal(wmbt_kv_lookup_block_prefix(kv, "empty", NULL, 0, &matched, NULL, 0), 0);
    assert_int_equal(matched, 0);
    assert_int_equal(wmbt_kv_put_kv_blocks(kv, "empty", hex, NULL, NULL, 0), 0);
    assert_int_equal(wmbt_kv_put_kv_blocks(kv, "empty", NULL, NULL, NULL, 0), 0);
    assert_int_equal(
        wmbt_kv_get_kv_blocks_borrowed(kv, "empty", NULL, 0, &payloads, &lens, &borrow), 1);
    assert_true(payloads != NULL && lens != NULL && borrow != NULL);
    wmbt_kv_release_borrow(borrow);
    abi_put(kv, "empty", good, NULL, 0);
    abi_expect(kv, "empty", good, NULL, 0);
    abi_put_tail(kv, "empty", good, NULL, 0);
    abi_expect_tail(kv, "empty", good, NULL, 0);
    wmbt_kv_release_borrow(NULL);
    wmbt_kv_free(NULL);
    wmbt_kv_free(kv);
}

/* ABI-18 */
static void limits_are_refused_before_any_byte_is_read(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    static const char *many[65537];
    static char ns[514];
    size_t matched = 0;
    const uint8_t byte = 1;
    const uint8_t *payload = &byte;
    size_t len = 255u * 1024 * 1024 + 1;
    const char *hex = good;
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++)
        many[i] = good;
    assert_int_equal(wmbt_kv_lookup_block_prefix(kv, "ns", many, 65537, &matched, NULL, 0), -1);
    abi_last_error_says("block_count is 65537; at most 65536");
    assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_TOO_LARGE);
    assert_int_equal(wmbt_kv_lookup_block_prefix(kv, "ns", many, SIZE_MAX, &matched, NULL, 0), -1);
    assert_int_equal(wmbt_kv_lookup_block_prefix(kv, "ns", many, 65536, &matched, NULL, 0), 0);
    assert_int_equal(wmbt_kv_put_kv_blocks(kv, "ns", &hex, &payload, &len, 1), -1);
    abi_last_error_says("payloads[0] has 267386881 bytes; at most 267386880 are allowed");
    len = SIZE_MAX;
    assert_int_equal(wmbt_kv_put_kv_blocks(kv, "ns", &hex, &payload, &len, 1), -1);
    assert_int_equal(wmbt_kv_put_raw_tail(kv, "ns", good, &byte, 267386881, NULL, 0), -1);
    abi_last_error_says("raw tail has 267386881 bytes");
    memset(ns, 'n', 513);
    assert_int_equal(wmbt_kv_lookup_block_prefix(kv, ns, &hex, 1, &matched, NULL, 0), -1);
    abi_last_error_says("namespace has 513 bytes; at most 512 are allowed");
    ns[512] = 0;
    assert_int_equal(wmbt_kv_lookup_block_prefix(kv, ns, &hex, 1, &matched, NULL, 0), 0);
    wmbt_kv_free(kv);
}

/* ABI-3 */
static void the_last_error_lives_as_promised(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    wmbt_kv_handle_t *other = abi_open();
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    size_t matched;
    const char *hex[] = {good};
    char out[65];
    assert_null(wmbt_kv_last_error());
    abi_put(kv, "le", good, "x", 1);
    assert_int_equal(wmbt_kv_get_kv_blocks_borrowed(kv, "le", hex, 1, &payloads, &lens, &borrow),
                     1);
    assert_null(wmbt_kv_last_error());
    get_fails(kv, NULL, hex, 1, "string pointer is NULL");
    const char *text = wmbt_kv_last_error();
    wmbt_kv_release_borrow(borrow);
    wmbt_kv_free(other);
    assert_int_equal(wmbt_kv_blake3_64hex(NULL, 0, out), -1);
    wmbt_kv_crc32c((const uint8_t *)"a", 1);
    wmbt_kv_abi_version();
    assert_ptr_equal(wmbt_kv_last_error(), text);
    assert_string_equal(text, "string pointer is NULL");
    /* Each function of the list clears it. */
    assert_int_equal(wmbt_kv_lookup_block_prefix(kv, "le", hex, 1, &matched, NULL, 0), 0);
    assert_null(wmbt_kv_last_error());
    get_fails(kv, NULL, hex, 1, "string pointer is NULL");
    abi_expect_tail_miss(kv, "le", good);
    get_fails(kv, NULL, hex, 1, "string pointer is NULL");
    abi_put_tail(kv, "le", good, "x", 1);
    assert_null(wmbt_kv_last_error());
    get_fails(kv, NULL, hex, 1, "string pointer is NULL");
    assert_int_equal(wmbt_kv_put_kv_blocks(kv, "le", hex, NULL, NULL, 0), 0);
    assert_null(wmbt_kv_last_error());
    get_fails(kv, NULL, hex, 1, "string pointer is NULL");
    other = abi_open();
    assert_null(wmbt_kv_last_error());
    wmbt_kv_free(other);
    wmbt_kv_free(kv);
}

static void *fail_elsewhere(void *kv) {
    size_t matched;
    assert_null(wmbt_kv_last_error());
    assert_int_equal(wmbt_kv_lookup_block_prefix(kv, bad_utf8, NULL, 0, &matched, NULL, 0), -1);
    assert_string_equal(wmbt_kv_last_error(), "string contained non-UTF-8 bytes");
    return NULL;
}

/* ABI-3 */
static void other_threads_do_not_touch_the_last_error(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    pthread_t thread;
    assert_null(wmbt_kv_open_tcp(NULL));
    pthread_create(&thread, NULL, fail_elsewhere, kv);
    pthread_join(thread, NULL);
    assert_string_equal(wmbt_kv_last_error(), "wmbt_kv_open_tcp: addr is NULL");
    wmbt_kv_free(kv);
}

/* ABI-4 */
static void err_buf_is_cut_and_terminated(void **state) {
    (void)state;
    const uint8_t *bytes;
    size_t len;
    wmbt_kv_borrow_t *borrow;
    char err_buf[8];
    memset(err_buf, 'x', sizeof err_buf);
    assert_int_equal(
        wmbt_kv_get_raw_tail_borrowed(NULL, "ns", good, &bytes, &len, &borrow, err_buf, 4), -1);
    assert_string_equal(err_buf, "han");
    assert_int_equal(err_buf[4], 'x');
    assert_string_equal(wmbt_kv_last_error(), "handle is NULL");
    assert_int_equal(wmbt_kv_put_raw_tail(NULL, "ns", good, NULL, 0, err_buf, 1), -1);
    assert_string_equal(err_buf, "");
    err_buf[0] = 'x';
    assert_int_equal(wmbt_kv_put_raw_tail(NULL, "ns", good, NULL, 0, err_buf, 0), -1);
    assert_int_equal(err_buf[0], 'x');
    assert_int_equal(wmbt_kv_put_raw_tail(NULL, "ns", good, NULL, 0, NULL, 100), -1);
}

/* ABI-1 */
static void primitives_give_the_published_values(void **state) {
    (void)state;
    const uint8_t *digits = (const uint8_t *)"123456789";
    char hex[66];
    assert_int_equal(wmbt_kv_abi_version(), 0x00010001);
    assert_int_equal(wmbt_kv_crc32c(digits, 9), 0xe3069283);
    assert_int_equal(wmbt_kv_crc32c(digits, 0), 0);
    assert_int_equal(wmbt_kv_crc32c(NULL, 5), 0);
    assert_int_equal(wmbt_kv_crc32c_append(wmbt_kv_crc32c(digits, 4), digits + 4, 5), 0xe3069283);
    assert_int_equal(wmbt_kv_crc32c_append(17, NULL, 5), 17);
    assert_int_equal(wmbt_kv_crc32c_append(17, digits, 0), 17);
    hex[65] = 'x';
    assert_int_equal(wmbt_kv_blake3_64hex(digits, 0, hex), 0);
    assert_string_equal(hex, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    assert_int_equal(hex[65], 'x');
    assert_int_equal(wmbt_kv_blake3_64hex((const uint8_t *)"abc", 3, hex), 0);
    assert_string_equal(hex, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
    assert_int_equal(wmbt_kv_blake3_64hex(NULL, 0, hex), -1);
    assert_int_equal(wmbt_kv_blake3_64hex(digits, 9, NULL), -1);
}

/* ABI-11 */
static void daemons_are_refused_with_their_texts(void **state) {
    (void)state;
    assert_null(wmbt_kv_open_tcp(NULL));
    assert_string_equal(wmbt_kv_last_error(), "wmbt_kv_open_tcp: addr is NULL");
    assert_null(wmbt_kv_open_http(NULL));
    assert_string_equal(wmbt_kv_last_error(), "wmbt_kv_open_http: addr is NULL");
    assert_null(wmbt_kv_open_tcp("\xff"));
    abi_last_error_says("wmbt_kv_open_tcp: addr not utf-8: ");
    assert_null(wmbt_kv_open_http("\xff"));
    abi_last_error_says("wmbt_kv_open_http: addr not utf-8: ");
}

const abi_case abi_args_cases[] = {
    cmocka_unit_test(lookup_checks_in_order),
    cmocka_unit_test(hashes_are_checked_with_the_promised_texts),
    cmocka_unit_test(get_checks_in_order),
    cmocka_unit_test(put_checks_in_order),
    cmocka_unit_test(put_tail_checks_in_order),
    cmocka_unit_test(get_tail_checks_in_order),
    cmocka_unit_test(empty_batches_and_empty_payloads),
    cmocka_unit_test(limits_are_refused_before_any_byte_is_read),
    cmocka_unit_test(the_last_error_lives_as_promised),
    cmocka_unit_test(other_threads_do_not_touch_the_last_error),
    cmocka_unit_test(err_buf_is_cut_and_terminated),
    cmocka_unit_test(primitives_give_the_published_values),
    cmocka_unit_test(daemons_are_refused_with_their_texts),
};
const size_t abi_args_count = sizeof abi_args_cases / sizeof abi_args_cases[0];
