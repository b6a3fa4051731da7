/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C (Castagnoli): reflected polynomial 0x82F63B78, initial value and final xor all ones.
 * crc32c("123456789") = 0xE3069283. Values here are finalised, so extend(0, x) is crc32c(x) and
 * extend(crc32c(a), b) is crc32c(a ++ b).
 *
 * The fastest path of this processor is used (env/cpu.h); every path gives the same value. Safe for
 * concurrent use. No alignment is required and nothing outside the given bytes is read.
 */
#ifndef WK_HASH_CRC32C_H
#define WK_HASH_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t wk_crc32c_extend(uint32_t crc, const void *data, size_t size);

static inline uint32_t wk_crc32c(const void *data, size_t size) {
    return wk_crc32c_extend(0, data, size);
}

/* CRC of a ++ b from the CRC of a, the CRC of b, and the size of b. O(log size). */
uint32_t wk_crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t size_b);

/*
 * memcpy(to, from, size) and the CRC of what arrived, in one pass over main memory. The value is of
 * the bytes at `to`: it holds for them even if somebody changes `from` meanwhile.
 */
uint32_t wk_crc32c_copy(uint32_t crc, void *to, const void *from, size_t size);

/* The paths this build knows, best last; tests and benches run each. */
struct wk_crc32c_path {
    const char *name; /* "table", "sse42", "fusion128", "vpclmul256", "vpclmul512"; "armv8" */
    uint32_t needs;   /* set of wk_cpu_feature; calling `extend` without them is a fault */
    uint32_t (*extend)(uint32_t crc, const void *data, size_t size);
};
const struct wk_crc32c_path *wk_crc32c_paths(size_t *count);
const struct wk_crc32c_path *wk_crc32c_path_in_use(void);

#endif
