/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways to compute CRC-32C, one file each. All take and give finalised values and read nothing
 * but the `size` bytes at `data`; only the caller knows whether the processor can run them.
 */
#ifndef WK_HASH_CRC32C_PATHS_H
#define WK_HASH_CRC32C_PATHS_H

#include <stddef.h>
#include <stdint.h>

uint32_t wk_crc32c_extend_table(uint32_t crc, const void *data, size_t size);

/* The CRC `size_b` zero bytes later, before finalising: what combine adds the second CRC to. */
uint32_t wk_crc32c_shift_table(uint32_t state, uint64_t size_b);

#if defined(__x86_64__)

uint32_t wk_crc32c_extend_sse42(uint32_t crc, const void *data, size_t size);
/* The first two for SSE4.2 and PCLMULQDQ, the others on top of them. */
uint32_t wk_crc32c_shift_clmul(uint32_t state, uint64_t size_b);
uint32_t wk_crc32c_extend_fusion128(uint32_t crc, const void *data, size_t size);
uint32_t wk_crc32c_extend_vpclmul256(uint32_t crc, const void *data, size_t size);
uint32_t wk_crc32c_extend_vpclmul512(uint32_t crc, const void *data, size_t size);

/* A state, not finalised: what is too short for the wide paths. */
uint32_t wk_crc32c_state_streams(uint32_t state, const uint8_t *p, size_t size);

#elif defined(__aarch64__)

uint32_t wk_crc32c_extend_armv8(uint32_t crc, const void *data, size_t size);

#endif

#endif
