/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processor can do, as far as a faster path of the core depends on it.
 *
 * The one cached word of this question lives here and not in the core, which has no writable
 * statics. It is no schedule point of the simulator: paths differ in time only, never in results.
 */
#ifndef WK_ENV_CPU_H
#define WK_ENV_CPU_H

#include <stdatomic.h>
#include <stdint.h>

enum wk_cpu_feature {
    WK_CPU_SSE42 = 1u << 0,
    WK_CPU_PCLMUL = 1u << 1,
    WK_CPU_VPCLMUL256 = 1u << 2, /* VPCLMULQDQ and AVX2, and the system saves the registers */
    WK_CPU_VPCLMUL512 = 1u << 3, /* both, and AVX-512 F, BW, DQ and VL */
    WK_CPU_ARM_CRC32 = 1u << 4,
    WK_CPU_DETECTED = 1u << 30, /* always set in an answer */
};

/* sync: relaxed; 0 = not asked yet. Threads that race to fill it store the same value. */
extern _Atomic uint32_t wk_cpu_word;

uint32_t wk_cpu_ask(void); /* fills the word */

/* A set of wk_cpu_feature. The first call asks the processor. Safe for concurrent use. */
static inline uint32_t wk_cpu_features(void) {
    uint32_t features = atomic_load_explicit(&wk_cpu_word, memory_order_relaxed);
    return features != 0 ? features : wk_cpu_ask();
}

/*
 * For tests: the answer from now on is what this processor has of `features`; UINT32_MAX gives all
 * of it back. Never adds what is not there.
 */
void wk_cpu_features_limit(uint32_t features);

#endif
