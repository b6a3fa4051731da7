/* SPDX-License-Identifier: Apache-2.0 */
#include "env/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

_Atomic uint32_t wk_cpu_word;

#if defined(__x86_64__)

#define XCR0_YMM 0x06u /* the system saves XMM and YMM */
#define XCR0_ZMM 0xe6u /* ... and mask registers and ZMM */

static uint32_t xcr0(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static uint32_t detect_wide(uint32_t saved) {
    const uint32_t avx512 = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
    uint32_t a, b, c, d, found = 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(c & bit_VPCLMULQDQ))
        return 0;
    if (!(b & bit_AVX2) || (saved & XCR0_YMM) != XCR0_YMM)
        return 0;
    found |= WK_CPU_VPCLMUL256;
    if ((b & avx512) == avx512 && (saved & XCR0_ZMM) == XCR0_ZMM)
        found |= WK_CPU_VPCLMUL512;
    return found;
}

static uint32_t detect(void) {
    uint32_t a, b, c, d, found = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return 0;
    if (c & bit_SSE4_2)
        found |= WK_CPU_SSE42;
    if (c & bit_PCLMUL)
        found |= WK_CPU_PCLMUL;
    if (c & bit_OSXSAVE)
        found |= detect_wide(xcr0());
    return found;
}

#elif defined(__aarch64__) && defined(__linux__)

static uint32_t detect(void) {
    const unsigned long hwcap_crc32 = 1ul << 7; /* HWCAP_CRC32 of the kernel's ABI */
    return getauxval(AT_HWCAP) & hwcap_crc32 ? WK_CPU_ARM_CRC32 : 0;
}

#elif defined(__aarch64__) && defined(__APPLE__)

static uint32_t detect(void) {
    return WK_CPU_ARM_CRC32; /* every Apple processor of this architecture */
}

#else

static uint32_t detect(void) {
    return 0;
}

#endif

uint32_t wk_cpu_ask(void) {
    uint32_t features = detect() | WK_CPU_DETECTED;
    atomic_store_explicit(&wk_cpu_word, features, memory_order_relaxed);
    return features;
}

void wk_cpu_features_limit(uint32_t features) {
    features = (detect() & features) | WK_CPU_DETECTED;
    atomic_store_explicit(&wk_cpu_word, features, memory_order_relaxed);
}
