/* SPDX-License-Identifier: Apache-2.0 */
/* Functions without a handle: they neither clear nor set the last error. */
#include "base/text.h"
#include "cabi/handle.h"
#include "hash/blake3.h"
#include "hash/crc32c.h"

WK_API uint32_t wmbt_kv_abi_version(void) {
    return 1u << 16 | 1u;
}

WK_API int32_t wmbt_kv_blake3_64hex(const uint8_t *in, size_t in_len, char *out) {
    if (in == NULL || out == NULL)
        return -1;
    struct wk_span input = wk_span(in, in_len);
    uint8_t digest[WK_BLAKE3_BYTES];
    wk_blake3(&input, 1, digest);
    wk_hex_encode(wk_span(digest, sizeof digest), out);
    return 0;
}

WK_API uint32_t wmbt_kv_crc32c(const uint8_t *in, size_t in_len) {
    return wmbt_kv_crc32c_append(0, in, in_len);
}

WK_API uint32_t wmbt_kv_crc32c_append(uint32_t crc, const uint8_t *in, size_t in_len) {
    if (in == NULL || in_len == 0)
        return crc;
    return wk_crc32c_extend(crc, in, in_len);
}
