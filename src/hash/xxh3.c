/* SPDX-License-Identifier: Apache-2.0 */
#include "hash/xxh3.h"

#include <xxhash.h>

uint64_t wk_xxh3_64(const void *data, size_t size, uint64_t seed) {
    return XXH3_64bits_withSeed(data, size, seed);
}

struct wk_hash128 wk_xxh3_128(const void *data, size_t size) {
    XXH128_hash_t hash = XXH3_128bits(data, size);
    return (struct wk_hash128){.low = hash.low64, .high = hash.high64};
}
