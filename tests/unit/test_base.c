/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include "base/num.h"
#include "base/reader.h"
#include "base/status.h"
#include "base/text.h"
#include "base/writer.h"

/* PRIM-20 */
static void reader_stops_at_the_end(void **state) {
    (void)state;
    const uint8_t bytes[] = {1, 2, 0, 3, 0, 0, 0};
    struct wk_reader r = wk_reader(wk_span(bytes, sizeof bytes));
    assert_int_equal(wk_read_u8(&r), 1);
    assert_int_equal(wk_read_u16le(&r), 2);
    assert_int_equal(wk_read_u32le(&r), 3);
    assert_false(r.failed);
    assert_int_equal(wk_read_u8(&r), 0);
    assert_true(r.failed);
    assert_int_equal(r.at, sizeof bytes);
    assert_int_equal(wk_reader_left(&r), 0);
}

/* PRIM-20 */
static void a_failed_reader_stays_failed(void **state) {
    (void)state;
    const uint8_t bytes[] = {1, 2, 3};
    struct wk_reader r = wk_reader(wk_span(bytes, sizeof bytes));
    assert_int_equal(wk_read_u32be(&r), 0);
    assert_int_equal(wk_read_u8(&r), 0);
    assert_int_equal(r.at, 0);
    r = wk_reader(wk_span(bytes, sizeof bytes));
    struct wk_span view = wk_read_span(&r, SIZE_MAX);
    assert_null(view.data);
    assert_true(r.failed);
}

/* PRIM-21 */
static void reader_matches_exact_bytes(void **state) {
    (void)state;
    struct wk_reader r = wk_reader(wk_span_text("WBZ1x"));
    assert_true(wk_read_exact(&r, wk_span_text("WBZ1")));
    assert_false(wk_read_exact(&r, wk_span_text("y")));
    assert_int_equal(r.at, 4);
}

/* PRIM-22 */
static void writer_and_reader_agree(void **state) {
    (void)state;
    uint8_t room[64];
    struct wk_writer w = wk_writer(room, sizeof room);
    wk_write_u8(&w, 0xfe);
    wk_write_u16le(&w, 0x1234);
    wk_write_u32le(&w, 0xdeadbeef);
    wk_write_u64le(&w, 0x0102030405060708ull);
    wk_write_u32be(&w, 0xdeadbeef);
    wk_write_u64be(&w, 0x0102030405060708ull);
    wk_write_zeros(&w, 2);
    wk_write_text(&w, "ok");
    assert_false(w.failed);
    struct wk_reader r = wk_reader(wk_writer_span(&w));
    assert_int_equal(wk_read_u8(&r), 0xfe);
    assert_int_equal(wk_read_u16le(&r), 0x1234);
    assert_int_equal(wk_read_u32le(&r), 0xdeadbeef);
    assert_true(wk_read_u64le(&r) == 0x0102030405060708ull);
    assert_int_equal(wk_read_u32be(&r), 0xdeadbeef);
    assert_true(wk_read_u64be(&r) == 0x0102030405060708ull);
    assert_int_equal(wk_read_u16le(&r), 0);
    assert_true(wk_span_equal(wk_read_span(&r, 2), wk_span_text("ok")));
    assert_int_equal(wk_reader_left(&r), 0);
}

/* PRIM-23 */
static void a_full_writer_writes_nothing_more(void **state) {
    (void)state;
    uint8_t room[3] = {9, 9, 9};
    struct wk_writer w = wk_writer(room, sizeof room);
    wk_write_u32le(&w, 1);
    assert_true(w.failed);
    wk_write_u8(&w, 1);
    assert_int_equal(w.at, 0);
    assert_int_equal(room[0], 9);
}

/* PRIM-32 */
static void utf8_follows_unicode(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool valid;
    } cases[] = {
        {"", true},
        {"plain", true},
        {"\xc3\xa9", true},
        {"\xe2\x82\xac", true},
        {"\xf0\x9f\x90\xa8", true},
        {"\xc0\x80", false},         /* overlong NUL */
        {"\xe0\x80\x80", false},     /* overlong */
        {"\xed\xa0\x80", false},     /* surrogate */
        {"\xf4\x90\x80\x80", false}, /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", false},
        {"\x80", false},
        {"a\xe2\x82", false}, /* cut */
        {"\xff", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(wk_utf8_valid(wk_span_text(cases[i].text)), cases[i].valid);
}

/* PRIM-30 */
static void hex_takes_both_cases_and_names_the_bad_place(void **state) {
    (void)state;
    uint8_t bytes[4] = {0};
    assert_true(wk_hex_decode(wk_span_text("00aBFf10"), bytes, NULL));
    char text[9];
    wk_hex_encode(wk_span(bytes, 4), text);
    assert_string_equal(text, "00abff10");
    size_t bad = 99;
    assert_false(wk_hex_decode(wk_span_text("00g0"), bytes, &bad));
    assert_int_equal(bad, 2);
    assert_false(wk_hex_decode(wk_span_text("000"), bytes, &bad));
    assert_int_equal(bad, 3);
    /* The neighbours of the digits and letters in ASCII. */
    static const char *const near[] = {"/0", ":0", "@0", "G0", "`0", "g0"};
    for (size_t i = 0; i < sizeof near / sizeof *near; i++)
        assert_false(wk_hex_decode(wk_span_text(near[i]), bytes, NULL));
}

/* PRIM-31 */
static void numbers_are_whole_and_fit(void **state) {
    (void)state;
    uint64_t value = 7;
    assert_true(wk_parse_u64(wk_span_text("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    static const char *const bad[] = {"",   "-1",  "+1",  " 1",
                                      "1 ", "0x1", "1e3", "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(wk_parse_u64(wk_span_text(bad[i]), &value));
    assert_true(value == UINT64_MAX);
}

/* PRIM-33 */
static void quoting_is_printable_and_bounded(void **state) {
    (void)state;
    char text[32];
    wk_quote(wk_span_text("a\"b\\c\n\xff"), text, sizeof text);
    assert_string_equal(text, "\"a\\\"b\\\\c\\x0a\\xff\"");
    wk_quote(wk_span_text("\xe2\x82\xac"), text, sizeof text);
    assert_string_equal(text, "\"\xe2\x82\xac\"");
    wk_quote(wk_span_text("0123456789"), text, 10);
    assert_string_equal(text, "\"0123...\"");
    for (size_t capacity = 1; capacity < sizeof text; capacity++) {
        memset(text, 'x', sizeof text);
        wk_quote(wk_span_text("\x01\x02\x03\x04\x05\x06\x07\x08"), text, capacity);
        assert_true(memchr(text, 0, capacity) != NULL);
    }
}

/* PRIM-34 */
static void errors_are_cut_not_overrun(void **state) {
    (void)state;
    struct wk_error err;
    char big[2 * WK_ERROR_TEXT_BYTES];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = 0;
    assert_int_equal(wk_fail(&err, WK_INVALID, "%s", big), WK_INVALID);
    assert_int_equal(strlen(err.text), WK_ERROR_TEXT_BYTES - 1);
    assert_string_equal(err.text + err.length - 3, "...");
    wk_error_prefix(&err, "while %s", "testing");
    assert_int_equal(strlen(err.text), WK_ERROR_TEXT_BYTES - 1);
    assert_memory_equal(err.text, "while testing: aaa", 18);
    wk_fail(&err, WK_MISS, "x=%d", 3);
    wk_error_prefix(&err, "y");
    assert_string_equal(err.text, "y: x=3");
    assert_int_equal(err.length, 6);
    assert_int_equal(wk_fail(NULL, WK_DENIED, "nobody listens"), WK_DENIED);
    for (int s = 0; s < WK_STATUS_COUNT; s++)
        assert_true(strlen(wk_status_text((enum wk_status)s)) > 0);
}

/* PRIM-24 */
static void arithmetic_says_when_it_does_not_fit(void **state) {
    (void)state;
    size_t out = 5;
    assert_false(wk_add_size(SIZE_MAX, 1, &out));
    assert_false(wk_mul_size(SIZE_MAX / 2 + 1, 2, &out));
    assert_false(wk_align_up_size(SIZE_MAX, 64, &out));
    assert_int_equal(out, 5);
    assert_true(wk_align_up_size(65, 64, &out));
    assert_int_equal(out, 128);
    assert_true(wk_mul_size(0, SIZE_MAX, &out));
    assert_int_equal(out, 0);
}

/* PRIM-35 */
static void case_is_folded_in_ascii_only(void **state) {
    (void)state;
    assert_true(wk_equal_ignoring_case(wk_span_text("TrUe"), "true"));
    assert_false(wk_equal_ignoring_case(wk_span_text("tru"), "true"));
    assert_false(wk_equal_ignoring_case(wk_span_text("truee"), "true"));
    assert_false(wk_equal_ignoring_case(wk_span_text("\xc3\x89"), "\xc3\xa9"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_stops_at_the_end),
        cmocka_unit_test(a_failed_reader_stays_failed),
        cmocka_unit_test(reader_matches_exact_bytes),
        cmocka_unit_test(writer_and_reader_agree),
        cmocka_unit_test(a_full_writer_writes_nothing_more),
        cmocka_unit_test(utf8_follows_unicode),
        cmocka_unit_test(hex_takes_both_cases_and_names_the_bad_place),
        cmocka_unit_test(numbers_are_whole_and_fit),
        cmocka_unit_test(quoting_is_printable_and_bounded),
        cmocka_unit_test(errors_are_cut_not_overrun),
        cmocka_unit_test(arithmetic_says_when_it_does_not_fit),
        cmocka_unit_test(case_is_folded_in_ascii_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
