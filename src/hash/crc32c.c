/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the path for this processor; combine and copy on top of it. */
#include "hash/crc32c.h"

#include <string.h>

#include "env/cpu.h"
#include "hash/crc32c_paths.h"

/* A piece of a copy is read once more while it still lies in the first-level cache. */
#define COPY_PIECE_BYTES (16u * 1024)

#if defined(__x86_64__)

#define FUSION128  (WK_CPU_SSE42 | WK_CPU_PCLMUL)
#define VPCLMUL256 (FUSION128 | WK_CPU_VPCLMUL256)
#define VPCLMUL512 (VPCLMUL256 | WK_CPU_VPCLMUL512)

static const struct wk_crc32c_path paths[] = {
    {"table", 0, wk_crc32c_extend_table},
    {"sse42", WK_CPU_SSE42, wk_crc32c_extend_sse42},
    {"fusion128", FUSION128, wk_crc32c_extend_fusion128},
    {"vpclmul256", VPCLMUL256, wk_crc32c_extend_vpclmul256},
    {"vpclmul512", VPCLMUL512, wk_crc32c_extend_vpclmul512},
};

static uint32_t shift(uint32_t state, uint64_t size_b) {
    if ((wk_cpu_features() & FUSION128) == FUSION128)
        return wk_crc32c_shift_clmul(state, size_b);
    return wk_crc32c_shift_table(state, size_b);
}

#else

static const struct wk_crc32c_path paths[] = {
    {"table", 0, wk_crc32c_extend_table},
#if defined(__aarch64__)
    {"armv8", WK_CPU_ARM_CRC32, wk_crc32c_extend_armv8},
#endif
};

static uint32_t shift(uint32_t state, uint64_t size_b) {
    return wk_crc32c_shift_table(state, size_b);
}

#endif

static const struct wk_crc32c_path *best(uint32_t features) {
    const struct wk_crc32c_path *path = &paths[sizeof paths / sizeof *paths - 1];
    while ((path->needs & features) != path->needs)
        path--; /* the first one needs nothing */
    return path;
}

const struct wk_crc32c_path *wk_crc32c_paths(size_t *count) {
    *count = sizeof paths / sizeof *paths;
    return paths;
}

const struct wk_crc32c_path *wk_crc32c_path_in_use(void) {
    return best(wk_cpu_features());
}

uint32_t wk_crc32c_extend(uint32_t crc, const void *data, size_t size) {
    return best(wk_cpu_features())->extend(crc, data, size);
}

uint32_t wk_crc32c_combine(uint32_t crc_a, uint32_t crc_b, uint64_t size_b) {
    /* The initial value and the final xor of the two cancel out. */
    return shift(crc_a, size_b) ^ crc_b;
}

uint32_t wk_crc32c_copy(uint32_t crc, void *to, const void *from, size_t size) {
    uint8_t *target = (uint8_t *)to;
    const uint8_t *source = (const uint8_t *)from;
    const struct wk_crc32c_path *path = wk_crc32c_path_in_use();
    while (size > 0) {
        size_t piece = size < COPY_PIECE_BYTES ? size : COPY_PIECE_BYTES;
        memcpy(target, source, piece);
        crc = path->extend(crc, target, piece);
        target += piece;
        source += piece;
        size -= piece;
    }
    return crc;
}
