/* SPDX-License-Identifier: Apache-2.0 */
#include "env/s3/url.h"

#include "base/text.h"

static bool unreserved(uint8_t c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static void write_encoded(struct wk_writer *to, struct wk_span text, bool slash_stays) {
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (unreserved(c) || (slash_stays && c == '/')) {
            wk_write_u8(to, c);
        } else {
            wk_write_u8(to, '%');
            wk_write_u8(to, (uint8_t)digits[c >> 4]);
            wk_write_u8(to, (uint8_t)digits[c & 15]);
        }
    }
}

void wk_s3_write_path(struct wk_writer *to, struct wk_span text) {
    write_encoded(to, text, true);
}

void wk_s3_write_query(struct wk_writer *to, struct wk_span text) {
    write_encoded(to, text, false);
}

bool wk_s3_decode(uint8_t *text, size_t size, size_t *out_size) {
    size_t at = 0;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = text[i];
        if (c == '%') {
            if (size - i < 3 || !wk_hex_decode(wk_span(text + i + 1, 2), &c, NULL))
                return false;
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        text[at++] = c;
    }
    *out_size = at;
    return true;
}
