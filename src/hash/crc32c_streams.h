/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C by an instruction that takes eight bytes, but needs three cycles before the next eight
 * can follow: three streams, a third of a block each, keep it busy.
 *
 *     block:  | stream a | stream b | stream c |     state = ((a shifted) ^ b shifted) ^ c
 *
 * Shifting a state over the bytes of one stream is a multiplication by a constant: eight lookups,
 * one for each nibble. Two sizes of blocks: long ones make that cheap, short ones leave few bytes.
 *
 * The including file defines WK_CRC_FN (attributes for a static function that may use the
 * instruction) and the instruction itself: WK_CRC_8, WK_CRC_4, WK_CRC_2, WK_CRC_1 (state, value).
 */
#include <string.h>

#include "hash/crc32c_tables.h"

static inline uint64_t load64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t shift(const uint32_t table[8][16], uint32_t state) {
    uint32_t to = 0;
    for (unsigned i = 0; i < 8; i++)
        to ^= table[i][state >> 4 * i & 15];
    return to;
}

WK_CRC_FN static uint32_t one_stream(uint32_t state, const uint8_t *p, size_t size) {
    uint32_t v4;
    uint16_t v2;
    for (; size >= 8; size -= 8, p += 8)
        state = WK_CRC_8(state, load64(p));
    if (size & 4) {
        memcpy(&v4, p, sizeof v4);
        state = WK_CRC_4(state, v4);
        p += 4;
    }
    if (size & 2) {
        memcpy(&v2, p, sizeof v2);
        state = WK_CRC_2(state, v2);
        p += 2;
    }
    if (size & 1)
        state = WK_CRC_1(state, *p);
    return state;
}

/* One block of three times `stride` bytes, a multiple of eight; `table` shifts over `stride`. */
WK_CRC_FN static uint32_t three_streams(uint32_t a, const uint8_t *p, size_t stride,
                                        const uint32_t table[8][16]) {
    uint32_t b = 0, c = 0;
    for (const uint8_t *end = p + stride; p != end; p += 8) {
        a = WK_CRC_8(a, load64(p));
        b = WK_CRC_8(b, load64(p + stride));
        c = WK_CRC_8(c, load64(p + 2 * stride));
    }
    return shift(table, shift(table, a) ^ b) ^ c;
}

WK_CRC_FN static uint32_t all_streams(uint32_t state, const uint8_t *p, size_t size) {
    for (; size >= 3 * 2048; size -= 3 * 2048, p += 3 * 2048)
        state = three_streams(state, p, 2048, wk_crc32c_shift_2048);
    for (; size >= 3 * 128; size -= 3 * 128, p += 3 * 128)
        state = three_streams(state, p, 128, wk_crc32c_shift_128);
    return one_stream(state, p, size);
}
