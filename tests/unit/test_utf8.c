/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include "base/utf8.h"

/*
 * The definition, another way round than the code: a sequence is well-formed if decoding it gives a
 * code point that is no surrogate and not above U+10FFFF, and whose shortest encoding is as long.
 * Returns its size, or 0.
 */
static size_t by_definition(const uint8_t *s, size_t size) {
    size_t length = s[0] < 0x80       ? 1
                    : s[0] >> 5 == 6  ? 2
                    : s[0] >> 4 == 14 ? 3
                    : s[0] >> 3 == 30 ? 4
                                      : 0;
    if (length == 0 || length > size)
        return 0;
    if (length == 1)
        return 1;
    uint32_t point = s[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (s[i] >> 6 != 2)
            return 0;
        point = point << 6 | (s[i] & 0x3f);
    }
    size_t shortest = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (shortest != length || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    return length;
}

static void check(const uint8_t *s, size_t size) {
    size_t expected = by_definition(s, size);
    if (wk_utf8_sequence(wk_span(s, size), 0) != expected)
        fail_msg("%02x %02x %02x %02x (%zu bytes): not %zu", s[0], s[1], s[2], s[3], size,
                 expected);
}

/* PRIM-32 */
static void every_sequence_is_judged_as_unicode_does(void **state) {
    (void)state;
    uint8_t s[4] = {0};
    for (uint32_t v = 0; v < 1u << 24; v++) {
        s[0] = (uint8_t)(v >> 16);
        s[1] = (uint8_t)(v >> 8);
        s[2] = (uint8_t)v;
        check(s, 3);
        if (s[2] == 0)
            check(s, 2);
        if (s[1] == 0 && s[2] == 0)
            check(s, 1);
    }
    static const uint8_t last[] = {0, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    for (uint32_t v = 0xe00000; v < 1u << 24; v++) {
        s[0] = (uint8_t)(v >> 16);
        s[1] = (uint8_t)(v >> 8);
        s[2] = (uint8_t)v;
        for (size_t i = 0; i < sizeof last; i++) {
            s[3] = last[i];
            check(s, 4);
        }
    }
}

/* A fault, or a good character, at every place of texts around the step of the loop over ASCII.
 * PRIM-36 */
static void the_first_fault_is_found_wherever_it_lies(void **state) {
    (void)state;
    for (size_t size = 0; size <= 40; size++) {
        uint8_t text[40];
        memset(text, 'x', sizeof text);
        assert_int_equal(wk_utf8_valid_bytes(wk_span(text, size)), size);
        for (size_t at = 0; at < size; at++) {
            memset(text, 'x', sizeof text);
            text[at] = 0xff;
            assert_int_equal(wk_utf8_valid_bytes(wk_span(text, size)), at);
            assert_false(wk_utf8_valid(wk_span(text, size)));
            if (at + 2 > size)
                continue;
            memcpy(text + at, "\xc3\xa9", 2);
            assert_int_equal(wk_utf8_valid_bytes(wk_span(text, size)), size);
            text[size - 1] = 0x80; /* a second continuation byte, or none after 0xc3 */
            size_t good = at + 2 == size ? size : size - 1;
            assert_int_equal(wk_utf8_valid_bytes(wk_span(text, size)), good);
            text[size - 1] = 0xc3; /* cut short */
            assert_int_equal(wk_utf8_valid_bytes(wk_span(text, size)),
                             at + 2 == size ? at : size - 1);
        }
    }
}

/* What Rust says of each: std::str::Utf8Error::error_len, 0 for None. PRIM-37 */
static void a_fault_has_the_size_that_rust_reports(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t fault;
    } cases[] = {
        {"\xff", 1},         {"\x80", 1},         {"\xc0\x80", 1},         {"\xc3", 0},
        {"\xc3(", 1},        {"\xe0\x80", 1},     {"\xe0\xa0", 0},         {"\xe0\xa0(", 2},
        {"\xed\xa0\x80", 1}, {"\xf0\x9f\x98", 0}, {"\xf0\x9f\x98(", 3},    {"\xf0\x8f", 1},
        {"\xf4\x90", 1},     {"\xf5", 1},         {"\xf0\x9f\xc3\xa9", 2}, {"\xe3", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(wk_utf8_fault_bytes(wk_span_text(cases[i].text)), cases[i].fault);
    assert_int_equal(wk_utf8_fault_bytes(wk_span(NULL, 0)), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sequence_is_judged_as_unicode_does),
        cmocka_unit_test(the_first_fault_is_found_wherever_it_lies),
        cmocka_unit_test(a_fault_has_the_size_that_rust_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
