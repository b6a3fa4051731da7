/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C by the CRC32 extension of ARMv8, in three streams. The instructions are written as
 * assembly because gcc and clang disagree on how one function is allowed to use them.
 */
#include "hash/crc32c_paths.h"

#if defined(__aarch64__)

#define WK_CRC_FN
#define WK_CRC_8(state, v8) crc32cx((state), (v8))
#define WK_CRC_4(state, v4) crc32cw((state), (v4))
#define WK_CRC_2(state, v2) crc32ch((state), (v2))
#define WK_CRC_1(state, v1) crc32cb((state), (v1))

static inline uint32_t crc32cx(uint32_t state, uint64_t v) {
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(state) : "r"(v));
    return state;
}

static inline uint32_t crc32cw(uint32_t state, uint32_t v) {
    __asm__(".arch_extension crc\n\tcrc32cw %w0, %w0, %w1" : "+r"(state) : "r"(v));
    return state;
}

static inline uint32_t crc32ch(uint32_t state, uint32_t v) {
    __asm__(".arch_extension crc\n\tcrc32ch %w0, %w0, %w1" : "+r"(state) : "r"(v));
    return state;
}

static inline uint32_t crc32cb(uint32_t state, uint32_t v) {
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(state) : "r"(v));
    return state;
}

#include "hash/crc32c_streams.h"

uint32_t wk_crc32c_extend_armv8(uint32_t crc, const void *data, size_t size) {
    return ~all_streams(~crc, (const uint8_t *)data, size);
}

#else
typedef int wk_crc32c_armv8_not_here;
#endif
