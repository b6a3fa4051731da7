/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants of CRC-32C, derived from the polynomial by scripts/crc32c_tables.py.
 *
 * A 32-bit value stands for a polynomial mod P with bit 31 as x^0. A factor for n bytes is
 * x^(8 n - 33): a carry-less product of two such values, taken as the 8 bytes of a message, adds
 * the missing x^33, so that crc32(0, clmul(state, factor)) is the state n zero bytes later.
 */
#ifndef WK_HASH_CRC32C_TABLES_H
#define WK_HASH_CRC32C_TABLES_H

#include <stdint.h>

/* [k][b]: the state after byte b and k zero bytes, from state 0. */
extern const uint32_t wk_crc32c_bytes[8][256];

/* [i][v]: nibble v of a state at bit 4 i, 128 or 2048 zero bytes later. */
extern const uint32_t wk_crc32c_shift_128[8][16];
extern const uint32_t wk_crc32c_shift_2048[8][16];

/* [k]: x^(8 * 2^k), and the factor of 2^k bytes. x^(2^31 - 1) = 1, so 31 entries reach any size. */
extern const uint32_t wk_crc32c_power_bits[31];
extern const uint32_t wk_crc32c_factor_bits[31];

/* [n]: the factor of 8 n, 16 n and 256 n bytes. */
extern const uint32_t wk_crc32c_factor_8[96];
extern const uint32_t wk_crc32c_factor_16[1025];
extern const uint32_t wk_crc32c_factor_256[513];

/* What the first and the second 8 bytes of 16 are multiplied with to move them that far on. */
extern const uint64_t wk_crc32c_fold_16[2];
extern const uint64_t wk_crc32c_fold_32[2];
extern const uint64_t wk_crc32c_fold_64[2];
extern const uint64_t wk_crc32c_fold_192[2];
/* The first three 16-byte lanes of 64 onto the fourth; the fourth vanishes. */
extern const uint64_t wk_crc32c_fold_lanes[8];

#endif
