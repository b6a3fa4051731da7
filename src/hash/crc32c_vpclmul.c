/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C with VPCLMULQDQ on 256 or 512 bits and crc32 together; crc32c_clmul.h has the picture.
 *
 * A round of 256 bits: four streams of 16 bytes, two accumulators of 32.
 * A round of 512 bits: three streams of 32 bytes, three accumulators of 64.
 * Entering 512-bit code may cost some processors microseconds, so only long inputs do.
 * Short ones go past the wide functions: even their epilogues (vzeroupper) would show.
 */
#include "hash/crc32c_paths.h"

#if defined(__x86_64__)

#include "hash/crc32c_clmul.h"

#define FN256          __attribute__((target("sse4.2,pclmul,avx2,vpclmulqdq")))
#define FN512          __attribute__((target("sse4.2,pclmul,avx2,vpclmulqdq,avx512f,avx512vl")))
#define ROUND_256      128u
#define ROUND_512      288u
#define WORTHWHILE_256 512u
#define WORTHWHILE_512 4096u

/* ---- 256 bits ---------------------------------------------------------------------------- */

FN256 static inline __m256i load256(const void *p) {
    return _mm256_loadu_si256((const __m256i *)p);
}

FN256 static inline __m256i fold_ymm(__m256i from, __m256i by, __m256i to) {
    __m256i first = _mm256_clmulepi64_epi128(from, by, 0x00);
    __m256i second = _mm256_clmulepi64_epi128(from, by, 0x11);
    return _mm256_xor_si256(_mm256_xor_si256(first, to), second);
}

FN256 static uint32_t run_256(uint32_t state, const uint8_t *p, size_t rounds) {
    const size_t length = 16 * rounds;
    const __m256i by64 = _mm256_broadcastsi128_si256(wk_crc32c_load128(wk_crc32c_fold_64));
    const __m256i by32 = _mm256_broadcastsi128_si256(wk_crc32c_load128(wk_crc32c_fold_32));
    const __m128i by16 = wk_crc32c_load128(wk_crc32c_fold_16);
    struct wk_crc32c_four s = {0, 0, 0, 0};
    const uint64_t moved = wk_crc32c_moved(state, wk_crc32c_factor(ROUND_256 * rounds));
    const uint8_t *v = p + 4 * length;
    __m256i x = load256(v), y = load256(v + 32);
    for (size_t left = rounds - 1; left > 0; left--) {
        v += 64;
        x = fold_ymm(x, by64, load256(v));
        y = fold_ymm(y, by64, load256(v + 32));
        wk_crc32c_four_round(&s, p, length);
        p += 16;
    }
    wk_crc32c_four_round(&s, p, length);
    x = fold_ymm(x, by32, y);
    __m128i last =
        wk_crc32c_fold_xmm(_mm256_castsi256_si128(x), by16, _mm256_extracti128_si256(x, 1));
    return wk_crc32c_finish(last, moved ^ wk_crc32c_four_moved(&s, length, 4 * length));
}

FN256 static __attribute__((noinline)) uint32_t long_256(uint32_t state, const uint8_t *p,
                                                         size_t size) {
    while (size >= WORTHWHILE_256) {
        size_t rounds = wk_crc32c_rounds(size, ROUND_256);
        state = run_256(state, p, rounds);
        p += rounds * ROUND_256;
        size -= rounds * ROUND_256;
    }
    return wk_crc32c_state_streams(state, p, size);
}

static uint32_t any_256(uint32_t state, const uint8_t *p, size_t size) {
    return size < WORTHWHILE_256 ? wk_crc32c_state_streams(state, p, size)
                                 : long_256(state, p, size);
}

uint32_t wk_crc32c_extend_vpclmul256(uint32_t crc, const void *data, size_t size) {
    return ~any_256(~crc, (const uint8_t *)data, size);
}

/* ---- 512 bits ---------------------------------------------------------------------------- */

/* Three streams of `length` bytes, 32 bytes of each in a round. */
struct three {
    uint64_t a, b, c;
};

FN512 static inline void three_round(struct three *s, const uint8_t *p, size_t length) {
    for (size_t i = 0; i < 32; i += 8) {
        s->a = _mm_crc32_u64(s->a, wk_crc32c_load64(p + i));
        s->b = _mm_crc32_u64(s->b, wk_crc32c_load64(p + i + length));
        s->c = _mm_crc32_u64(s->c, wk_crc32c_load64(p + i + 2 * length));
    }
}

FN512 static inline __m512i fold_zmm(__m512i from, __m512i by, __m512i to) {
    __m512i first = _mm512_clmulepi64_epi128(from, by, 0x00);
    __m512i second = _mm512_clmulepi64_epi128(from, by, 0x11);
    return _mm512_ternarylogic_epi64(first, second, to, 0x96); /* the xor of all three */
}

/* 64 bytes to the last 16 of them. */
FN512 static inline __m128i fold_lanes(__m512i x) {
    __m512i moved = fold_zmm(x, _mm512_loadu_si512(wk_crc32c_fold_lanes), _mm512_setzero_si512());
    __m256i half =
        _mm256_xor_si256(_mm512_castsi512_si256(moved), _mm512_extracti64x4_epi64(moved, 1));
    __m128i sum = _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    return _mm_xor_si128(sum, _mm512_extracti32x4_epi32(x, 3));
}

FN512 static uint32_t run_512(uint32_t state, const uint8_t *p, size_t rounds) {
    const size_t length = 32 * rounds, region = 192 * rounds;
    const __m512i by192 = _mm512_broadcast_i32x4(wk_crc32c_load128(wk_crc32c_fold_192));
    const __m512i by64 = _mm512_broadcast_i32x4(wk_crc32c_load128(wk_crc32c_fold_64));
    struct three s = {0, 0, 0};
    uint64_t moved = wk_crc32c_moved(state, wk_crc32c_factor(ROUND_512 * rounds));
    const uint8_t *v = p + 3 * length;
    __m512i x = _mm512_loadu_si512(v), y = _mm512_loadu_si512(v + 64),
            z = _mm512_loadu_si512(v + 128);
    for (; rounds > 1; rounds--) {
        v += 192;
        x = fold_zmm(x, by192, _mm512_loadu_si512(v));
        y = fold_zmm(y, by192, _mm512_loadu_si512(v + 64));
        z = fold_zmm(z, by192, _mm512_loadu_si512(v + 128));
        three_round(&s, p, length);
        p += 32;
    }
    three_round(&s, p, length);
    z = fold_zmm(fold_zmm(x, by64, y), by64, z);
    moved ^= wk_crc32c_moved(s.a, wk_crc32c_factor(region + 2 * length)) ^
             wk_crc32c_moved(s.b, wk_crc32c_factor(region + length)) ^
             wk_crc32c_moved(s.c, wk_crc32c_factor(region));
    return wk_crc32c_finish(fold_lanes(z), moved);
}

FN512 static __attribute__((noinline)) uint32_t long_512(uint32_t state, const uint8_t *p,
                                                         size_t size) {
    while (size >= WORTHWHILE_512) {
        size_t rounds = wk_crc32c_rounds(size, ROUND_512);
        state = run_512(state, p, rounds);
        p += rounds * ROUND_512;
        size -= rounds * ROUND_512;
    }
    return any_256(state, p, size);
}

uint32_t wk_crc32c_extend_vpclmul512(uint32_t crc, const void *data, size_t size) {
    const uint8_t *p = (const uint8_t *)data;
    return ~(size < WORTHWHILE_512 ? any_256(~crc, p, size) : long_512(~crc, p, size));
}

#else
typedef int wk_crc32c_vpclmul_not_here;
#endif
