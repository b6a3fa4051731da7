/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdio.h>

size_t wk_format_list(char *to, size_t capacity, const char *format, va_list args) {
    int length = vsnprintf(to, capacity, format, args);
    if (length < 0) {
        to[0] = 0;
        return 0;
    }
    return (size_t)length < capacity ? (size_t)length : capacity - 1;
}

size_t wk_format(char *to, size_t capacity, const char *format, ...) {
    va_list args;
    va_start(args, format);
    size_t length = wk_format_list(to, capacity, format, args);
    va_end(args);
    return length;
}

static const char hex_digits[] = "0123456789abcdef";

void wk_hex_encode(struct wk_span bytes, char *to) {
    for (size_t i = 0; i < bytes.size; i++) {
        to[2 * i] = hex_digits[bytes.data[i] >> 4];
        to[2 * i + 1] = hex_digits[bytes.data[i] & 15];
    }
    to[2 * bytes.size] = 0;
}

/* 0..15, or 16 for a character that is no hex digit. */
static uint8_t hex_value(uint8_t c) {
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0');
    c |= 0x20;
    if (c >= 'a' && c <= 'f')
        return (uint8_t)(c - 'a' + 10);
    return 16;
}

bool wk_hex_decode(struct wk_span text, uint8_t *to, size_t *bad_at) {
    for (size_t i = 0; i < text.size; i++) {
        if (hex_value(text.data[i]) == 16) {
            if (bad_at != NULL)
                *bad_at = i;
            return false;
        }
    }
    if (text.size % 2 != 0) {
        if (bad_at != NULL)
            *bad_at = text.size;
        return false;
    }
    for (size_t i = 0; i < text.size; i += 2)
        to[i / 2] = (uint8_t)(hex_value(text.data[i]) << 4 | hex_value(text.data[i + 1]));
    return true;
}

bool wk_parse_u64(struct wk_span text, uint64_t *out) {
    if (text.size == 0)
        return false;
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c < '0' || c > '9')
            return false;
        uint64_t digit = (uint64_t)(c - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

/* One character of `text` as it appears between the quotes; returns its length in `out`. */
static size_t quote_one(struct wk_span text, size_t *at, char out[5]) {
    uint8_t c = text.data[*at];
    size_t size = wk_utf8_sequence(text, *at);
    if (size == 0 || c < 0x20 || c == 0x7f) {
        *at += 1;
        out[0] = '\\';
        out[1] = 'x';
        out[2] = hex_digits[c >> 4];
        out[3] = hex_digits[c & 15];
        return 4;
    }
    size_t length = 0;
    if (c == '"' || c == '\\')
        out[length++] = '\\';
    for (size_t i = 0; i < size; i++)
        out[length++] = (char)text.data[*at + i];
    *at += size;
    return length;
}

void wk_quote(struct wk_span text, char *to, size_t capacity) {
    /* Room for the opening quote, "...", the closing quote and the terminator must stay. */
    if (capacity < 6) {
        if (capacity > 0)
            to[0] = 0;
        return;
    }
    size_t length = 0;
    to[length++] = '"';
    for (size_t at = 0; at < text.size;) {
        char one[5];
        size_t one_length = quote_one(text, &at, one);
        bool last = at == text.size;
        if (length + one_length + (last ? 2 : 5) > capacity) {
            memcpy(to + length, "...", 3);
            length += 3;
            break;
        }
        memcpy(to + length, one, one_length);
        length += one_length;
    }
    to[length++] = '"';
    to[length] = 0;
}

bool wk_equal_ignoring_case(struct wk_span a, const char *b) {
    for (size_t i = 0; i < a.size; i++) {
        uint8_t x = a.data[i];
        uint8_t y = (uint8_t)b[i];
        if (y == 0)
            return false;
        if (x >= 'A' && x <= 'Z')
            x = (uint8_t)(x | 0x20);
        if (y >= 'A' && y <= 'Z')
            y = (uint8_t)(y | 0x20);
        if (x != y)
            return false;
    }
    return b[a.size] == 0;
}
