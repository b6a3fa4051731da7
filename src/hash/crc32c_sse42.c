/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C by the crc32 instruction of SSE4.2 alone, in three streams. */
#include "hash/crc32c_paths.h"

#if defined(__x86_64__)

#include <nmmintrin.h>

#define WK_CRC_FN           __attribute__((target("sse4.2")))
#define WK_CRC_8(state, v8) ((uint32_t)_mm_crc32_u64((state), (v8)))
#define WK_CRC_4(state, v4) _mm_crc32_u32((state), (v4))
#define WK_CRC_2(state, v2) _mm_crc32_u16((state), (v2))
#define WK_CRC_1(state, v1) _mm_crc32_u8((state), (v1))
#include "hash/crc32c_streams.h"

WK_CRC_FN uint32_t wk_crc32c_extend_sse42(uint32_t crc, const void *data, size_t size) {
    return ~all_streams(~crc, (const uint8_t *)data, size);
}

#else
typedef int wk_crc32c_sse42_not_here;
#endif
