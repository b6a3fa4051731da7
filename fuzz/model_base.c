/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "model.h"

/* How many bytes a lead byte announces; 0 when it is none. */
static size_t announced(uint8_t lead) {
    if (lead < 0x80)
        return 1;
    if ((lead & 0xe0) == 0xc0)
        return 2;
    if ((lead & 0xf0) == 0xe0)
        return 3;
    if ((lead & 0xf8) == 0xf0)
        return 4;
    return 0;
}

static size_t shortest(uint32_t character) {
    return character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
}

bool model_utf8(struct wk_span text) {
    for (size_t at = 0; at < text.size;) {
        size_t length = announced(text.data[at]);
        if (length == 0 || length > text.size - at)
            return false;
        uint32_t character = length == 1 ? text.data[at] : text.data[at] & (0x7fu >> length);
        for (size_t i = 1; i < length; i++) {
            if ((text.data[at + i] & 0xc0) != 0x80)
                return false;
            character = character << 6 | (text.data[at + i] & 0x3f);
        }
        bool surrogate = character >= 0xd800 && character <= 0xdfff;
        if (surrogate || character > 0x10ffff || length != shortest(character))
            return false;
        at += length;
    }
    return true;
}

uint32_t model_crc32c(struct wk_span bytes) {
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= bytes.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    return ~crc;
}

uint32_t model_u32(struct wk_span bytes, size_t at) {
    return bytes.data[at] | (uint32_t)bytes.data[at + 1] << 8 | (uint32_t)bytes.data[at + 2] << 16 |
           (uint32_t)bytes.data[at + 3] << 24;
}

uint64_t model_u64(struct wk_span bytes, size_t at) {
    return model_u32(bytes, at) | (uint64_t)model_u32(bytes, at + 4) << 32;
}

bool model_begins(struct wk_span bytes, const char *text) {
    size_t length = strlen(text);
    return bytes.size >= length && memcmp(bytes.data, text, length) == 0;
}

bool model_decimal(struct wk_span text, uint64_t max, uint64_t *out) {
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text.data[i] - '0');
        if (value > (max - (digit > max ? max : digit)) / 10 || digit > max)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return text.size > 0;
}
