/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the carry-less-multiply paths share (x86-64 with SSE4.2 and PCLMULQDQ).
 *
 * The crc32 instruction and the multiplier are different parts of the processor, so each round
 * gives both something to do. A run of rounds cuts its bytes into a few scalar streams, read by
 * crc32, and one vector region, read into accumulators that are folded forward:
 *
 *     | stream 0 | stream 1 | ... | vector region |
 *
 * At the end the accumulators become one of 16 bytes, which are fed to crc32; each stream's state
 * is shifted over the bytes behind it by one multiplication and is added to the last eight of them.
 * The state that comes in joins there too: runs and calls in a row do not wait for each other's
 * bytes.
 */
#ifndef WK_HASH_CRC32C_CLMUL_H
#define WK_HASH_CRC32C_CLMUL_H

#include <immintrin.h>
#include <string.h>

#include "hash/crc32c_tables.h"

#define WK_CLMUL_FN static inline __attribute__((target("sse4.2,pclmul"), always_inline))

static inline uint64_t wk_crc32c_load64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* `state` moved on by the bytes that `factor` stands for, as eight bytes of a message. */
WK_CLMUL_FN uint64_t wk_crc32c_moved(uint64_t state, uint32_t factor) {
    __m128i a = _mm_cvtsi64_si128((long long)state);
    __m128i b = _mm_cvtsi32_si128((int)factor);
    return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(a, b, 0x00));
}

/*
 * The factor of a size: a multiple of 16 up to 16 KiB, or of 256 up to 128 KiB. Runs that would
 * need others are made shorter by wk_crc32c_rounds.
 */
static inline uint32_t wk_crc32c_factor(size_t size) {
    return size <= 16 * 1024 ? wk_crc32c_factor_16[size / 16] : wk_crc32c_factor_256[size / 256];
}

#define WK_CRC32C_RUN_BYTES_MAX (256u * 512)

/* Rounds of `round` bytes that fit into `size` and whose distances have a factor. */
static inline size_t wk_crc32c_rounds(size_t size, size_t round) {
    size_t rounds = (size < WK_CRC32C_RUN_BYTES_MAX ? size : WK_CRC32C_RUN_BYTES_MAX) / round;
    return rounds * round <= 16 * 1024 ? rounds : rounds & ~(size_t)15;
}

/* 16 bytes moved on and added to the 16 that lie there. */
WK_CLMUL_FN __m128i wk_crc32c_fold_xmm(__m128i from, __m128i by, __m128i to) {
    __m128i first = _mm_clmulepi64_si128(from, by, 0x00);
    __m128i second = _mm_clmulepi64_si128(from, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(first, to), second);
}

WK_CLMUL_FN __m128i wk_crc32c_load128(const void *p) {
    return _mm_loadu_si128((const __m128i *)p);
}

/* The state after the last 16 bytes, `moved` being what the streams before them have become. */
WK_CLMUL_FN uint32_t wk_crc32c_finish(__m128i last, uint64_t moved) {
    uint64_t state = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(last));
    return (uint32_t)_mm_crc32_u64(state, (uint64_t)_mm_extract_epi64(last, 1) ^ moved);
}

/* Four streams of `length` bytes, 16 bytes of each in a round. */
struct wk_crc32c_four {
    uint64_t a, b, c, d;
};

WK_CLMUL_FN void wk_crc32c_four_round(struct wk_crc32c_four *s, const uint8_t *p, size_t length) {
    s->a = _mm_crc32_u64(s->a, wk_crc32c_load64(p));
    s->b = _mm_crc32_u64(s->b, wk_crc32c_load64(p + length));
    s->c = _mm_crc32_u64(s->c, wk_crc32c_load64(p + 2 * length));
    s->d = _mm_crc32_u64(s->d, wk_crc32c_load64(p + 3 * length));
    s->a = _mm_crc32_u64(s->a, wk_crc32c_load64(p + 8));
    s->b = _mm_crc32_u64(s->b, wk_crc32c_load64(p + 8 + length));
    s->c = _mm_crc32_u64(s->c, wk_crc32c_load64(p + 8 + 2 * length));
    s->d = _mm_crc32_u64(s->d, wk_crc32c_load64(p + 8 + 3 * length));
}

/* All four moved over the streams behind them and `behind` bytes more. */
WK_CLMUL_FN uint64_t wk_crc32c_four_moved(const struct wk_crc32c_four *s, size_t length,
                                          size_t behind) {
    return wk_crc32c_moved(s->a, wk_crc32c_factor(behind + 3 * length)) ^
           wk_crc32c_moved(s->b, wk_crc32c_factor(behind + 2 * length)) ^
           wk_crc32c_moved(s->c, wk_crc32c_factor(behind + length)) ^
           wk_crc32c_moved(s->d, wk_crc32c_factor(behind));
}

#endif
