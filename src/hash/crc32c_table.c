/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C with plain C only: eight bytes per step, one table lookup for each (slicing by eight).
 * Row k of the table holds what a byte has become k bytes later, so the eight lookups of a step do
 * not wait for each other.
 */
#include "hash/crc32c_paths.h"
#include "hash/crc32c_tables.h"

#define POLYNOMIAL 0x82f63b78u
#define ORDER      0x7fffffffu /* x^ORDER = 1 mod P */

static uint32_t load32le(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t after_four(const uint32_t (*rows)[256], uint32_t word) {
    return rows[3][word & 0xff] ^ rows[2][word >> 8 & 0xff] ^ rows[1][word >> 16 & 0xff] ^
           rows[0][word >> 24];
}

uint32_t wk_crc32c_extend_table(uint32_t crc, const void *data, size_t size) {
    const uint8_t *p = (const uint8_t *)data;
    uint32_t state = ~crc;
    for (; size >= 8; size -= 8, p += 8) {
        state = after_four(wk_crc32c_bytes + 4, state ^ load32le(p)) ^
                after_four(wk_crc32c_bytes, load32le(p + 4));
    }
    for (; size > 0; size--, p++)
        state = state >> 8 ^ wk_crc32c_bytes[0][(state ^ *p) & 0xff];
    return ~state;
}

/* a * b mod P, without a branch on the bits. */
static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (; a != 0; a <<= 1) {
        product ^= b & (0u - (a >> 31));
        b = b >> 1 ^ (POLYNOMIAL & (0u - (b & 1)));
    }
    return product;
}

uint32_t wk_crc32c_shift_table(uint32_t state, uint64_t size_b) {
    uint32_t left = (uint32_t)(size_b % ORDER);
    for (unsigned k = 0; left != 0; k++, left >>= 1)
        if (left & 1)
            state = multiply(wk_crc32c_power_bits[k], state);
    return state;
}
