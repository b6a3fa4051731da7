/* SPDX-License-Identifier: Apache-2.0 */
#include "hash/blake3.h"

#include <blake3.h>

void wk_blake3(const struct wk_span *parts, size_t count, uint8_t out[WK_BLAKE3_BYTES]) {
    blake3_hasher hasher;
    blake3_hasher_init(&hasher);
    for (size_t i = 0; i < count; i++)
        blake3_hasher_update(&hasher, parts[i].data, parts[i].size);
    blake3_hasher_finalize(&hasher, out, WK_BLAKE3_BYTES);
}
