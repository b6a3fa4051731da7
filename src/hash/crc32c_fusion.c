/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C with 128-bit PCLMULQDQ and crc32 together. A round is four streams of 16 bytes and two
 * accumulators of 16: processors of this class multiply every other cycle (AMD) or every cycle
 * (Intel), and both then finish the eight crc32 of a round in about the time of its four products.
 */
#include "hash/crc32c_paths.h"

#if defined(__x86_64__)

#include "hash/crc32c_clmul.h"

#define FN               __attribute__((target("sse4.2,pclmul")))
#define ROUND            96u
#define WORTHWHILE       512u /* below, streams alone are as fast */
#define THREE_WORTHWHILE 144u
#define ORDER            0x7fffffffu

/* At most seven bytes. */
FN static uint32_t last_bytes(uint32_t state, const uint8_t *p, size_t size) {
    if (size & 4) {
        uint32_t v;
        memcpy(&v, p, sizeof v);
        state = _mm_crc32_u32(state, v);
        p += 4;
    }
    if (size & 2) {
        uint16_t v;
        memcpy(&v, p, sizeof v);
        state = _mm_crc32_u16(state, v);
        p += 2;
    }
    return size & 1 ? _mm_crc32_u8(state, *p) : state;
}

/* From 1 to 95 words of eight bytes. */
FN static uint32_t one_stream(uint32_t state, const uint8_t *p, size_t words) {
    uint64_t moved = wk_crc32c_moved(state, wk_crc32c_factor_8[words]), a = 0;
    for (; words > 1; words--, p += 8)
        a = _mm_crc32_u64(a, wk_crc32c_load64(p));
    return (uint32_t)_mm_crc32_u64(a, wk_crc32c_load64(p) ^ moved);
}

/* Three streams, each of 1 to 31 words. */
FN static uint32_t three_streams(uint32_t state, const uint8_t *p, size_t words) {
    const size_t length = 8 * words;
    uint64_t moved = wk_crc32c_moved(state, wk_crc32c_factor_8[3 * words]), a = 0, b = 0, c = 0;
    for (size_t i = 1; i < words; i++, p += 8) {
        a = _mm_crc32_u64(a, wk_crc32c_load64(p));
        b = _mm_crc32_u64(b, wk_crc32c_load64(p + length));
        c = _mm_crc32_u64(c, wk_crc32c_load64(p + 2 * length));
    }
    a = _mm_crc32_u64(a, wk_crc32c_load64(p));
    b = _mm_crc32_u64(b, wk_crc32c_load64(p + length));
    moved ^= wk_crc32c_moved(a, wk_crc32c_factor_8[2 * words]) ^
             wk_crc32c_moved(b, wk_crc32c_factor_8[words]);
    return (uint32_t)_mm_crc32_u64(c, wk_crc32c_load64(p + 2 * length) ^ moved);
}

FN uint32_t wk_crc32c_state_streams(uint32_t state, const uint8_t *p, size_t size) {
    while (size >= THREE_WORTHWHILE) {
        size_t words = size / 24 < 31 ? size / 24 : 31;
        state = three_streams(state, p, words);
        p += 24 * words;
        size -= 24 * words;
    }
    const size_t words = size / 8;
    if (words > 0) {
        state = one_stream(state, p, words);
        p += 8 * words;
    }
    return last_bytes(state, p, size % 8);
}

FN static uint32_t run(uint32_t state, const uint8_t *p, size_t rounds) {
    const size_t length = 16 * rounds;
    const __m128i by32 = wk_crc32c_load128(wk_crc32c_fold_32);
    struct wk_crc32c_four s = {0, 0, 0, 0};
    const uint64_t moved = wk_crc32c_moved(state, wk_crc32c_factor(ROUND * rounds));
    const uint8_t *v = p + 4 * length;
    __m128i x = wk_crc32c_load128(v), y = wk_crc32c_load128(v + 16);
    for (; rounds > 1; rounds--) {
        v += 32;
        x = wk_crc32c_fold_xmm(x, by32, wk_crc32c_load128(v));
        y = wk_crc32c_fold_xmm(y, by32, wk_crc32c_load128(v + 16));
        wk_crc32c_four_round(&s, p, length);
        p += 16;
    }
    wk_crc32c_four_round(&s, p, length);
    x = wk_crc32c_fold_xmm(x, wk_crc32c_load128(wk_crc32c_fold_16), y);
    return wk_crc32c_finish(x, moved ^ wk_crc32c_four_moved(&s, length, 2 * length));
}

FN uint32_t wk_crc32c_extend_fusion128(uint32_t crc, const void *data, size_t size) {
    const uint8_t *p = (const uint8_t *)data;
    uint32_t state = ~crc;
    while (size >= WORTHWHILE) {
        size_t rounds = wk_crc32c_rounds(size, ROUND);
        state = run(state, p, rounds);
        p += rounds * ROUND;
        size -= rounds * ROUND;
    }
    return ~wk_crc32c_state_streams(state, p, size);
}

FN uint32_t wk_crc32c_shift_clmul(uint32_t state, uint64_t size_b) {
    uint32_t left = (uint32_t)(size_b % ORDER);
    for (unsigned k = 0; left != 0; k++, left >>= 1)
        if (left & 1)
            state = (uint32_t)_mm_crc32_u64(0, wk_crc32c_moved(state, wk_crc32c_factor_bits[k]));
    return state;
}

#else
typedef int wk_crc32c_fusion_not_here;
#endif
