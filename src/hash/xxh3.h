/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XXH3 from libxxhash: seeded 64 bits for hash tables, 128 bits to tell whether two payloads are
 * the same. Not cryptographic. Safe for concurrent use.
 */
#ifndef WK_HASH_XXH3_H
#define WK_HASH_XXH3_H

#include <stddef.h>
#include <stdint.h>

struct wk_hash128 {
    uint64_t low;
    uint64_t high;
};

uint64_t wk_xxh3_64(const void *data, size_t size, uint64_t seed);
struct wk_hash128 wk_xxh3_128(const void *data, size_t size);

#endif
