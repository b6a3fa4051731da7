/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C by size and path, against one stream of the crc32 instruction and against libisal's
 * crc32_iscsi where that is installed; and copy + CRC against memcpy.
 *
 * Each round runs every contender once per size, starting with another one each time, so that a
 * slow moment hits all of them; a ratio is taken within a round. Each CRC starts from the one
 * before: calls wait for each other, as they do when frames are checked one after the other.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "env/cpu.h"
#include "hash/crc32c.h"

#if defined(__has_include)
#if __has_include(<isa-l/crc.h>) && defined(WK_BENCH_ISAL)
#include <isa-l/crc.h>
#define HAVE_ISAL 1
#endif
#endif

#define ROUNDS      15
#define ROUND_BYTES (4u << 20)
#define COPY_BYTES  (64u << 20)

typedef uint32_t (*extend_fn)(uint32_t crc, const void *data, size_t size);

#if defined(__x86_64__)
#include <nmmintrin.h>
__attribute__((target("sse4.2"), noinline)) static uint32_t
one_stream(uint32_t crc, const void *data, size_t size) {
    const uint8_t *p = data;
    uint64_t state = (uint32_t)~crc;
    for (; size >= 8; size -= 8, p += 8) {
        uint64_t v;
        memcpy(&v, p, sizeof v);
        state = _mm_crc32_u64(state, v);
    }
    return ~(uint32_t)state; /* the sizes here are multiples of eight */
}
#elif defined(__aarch64__)
__attribute__((noinline)) static uint32_t one_stream(uint32_t crc, const void *data, size_t size) {
    const uint8_t *p = data;
    uint32_t state = ~crc;
    for (; size >= 8; size -= 8, p += 8) {
        uint64_t v;
        memcpy(&v, p, sizeof v);
        __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(state) : "r"(v));
    }
    return ~state;
}
#endif

#ifdef HAVE_ISAL
static uint32_t isal(uint32_t crc, const void *data, size_t size) {
    return ~crc32_iscsi((unsigned char *)(uintptr_t)data, (int)size, ~crc);
}
#endif

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct spread {
    double min, median, max;
};

static struct spread spread_of(const double *values) {
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof *sorted, by_value);
    return (struct spread){sorted[0], sorted[ROUNDS / 2], sorted[ROUNDS - 1]};
}

struct contender {
    const char *name;
    extend_fn extend;
};

static const size_t sizes[] = {64, 256, 1024, 4096, 65536, 1 << 20};
#define SIZES      (sizeof sizes / sizeof *sizes)
#define CONTENDERS 16

static double rate[CONTENDERS][SIZES][ROUNDS]; /* GB/s */
static volatile uint32_t sink;

static double run(extend_fn extend, const uint8_t *data, size_t size) {
    const size_t times = ROUND_BYTES / size;
    uint32_t crc = extend(0, data, size);
    double start = seconds();
    for (size_t i = 0; i < times; i++)
        crc = extend(crc, data, size);
    double took = seconds() - start;
    sink = crc;
    return 1e-9 * (double)(times * size) / took;
}

static size_t fill_contenders(struct contender *to) {
    size_t n = 0, paths;
    to[n++] = (struct contender){"wombatkv", wk_crc32c_extend};
    const struct wk_crc32c_path *path = wk_crc32c_paths(&paths);
    for (size_t i = 0; i < paths; i++)
        if ((wk_cpu_features() & path[i].needs) == path[i].needs)
            to[n++] = (struct contender){path[i].name, path[i].extend};
#if defined(__x86_64__)
    if (wk_cpu_features() & WK_CPU_SSE42)
        to[n++] = (struct contender){"one stream", one_stream};
#elif defined(__aarch64__)
    if (wk_cpu_features() & WK_CPU_ARM_CRC32)
        to[n++] = (struct contender){"one stream", one_stream};
#endif
#ifdef HAVE_ISAL
    to[n++] = (struct contender){"libisal", isal};
#endif
    return n;
}

static void print_against(const struct contender *all, size_t count, const char *peer) {
    size_t p = 0;
    while (p < count && strcmp(all[p].name, peer) != 0)
        p++;
    if (p == count)
        return;
    printf("\nwombatkv / %s, same round: min median max\n", peer);
    for (size_t s = 0; s < SIZES; s++) {
        double ratio[ROUNDS];
        for (size_t r = 0; r < ROUNDS; r++)
            ratio[r] = rate[0][s][r] / rate[p][s][r];
        struct spread x = spread_of(ratio);
        printf("%9zu B  %5.2f %5.2f %5.2f  %s\n", sizes[s], x.min, x.median, x.max,
               x.median < 1 ? "slower" : "");
    }
}

static void bench_extend(const uint8_t *data) {
    struct contender all[CONTENDERS];
    const size_t count = fill_contenders(all);
    for (size_t r = 0; r < ROUNDS; r++)
        for (size_t s = 0; s < SIZES; s++)
            for (size_t c = 0; c < count; c++)
                rate[(c + r) % count][s][r] = run(all[(c + r) % count].extend, data, sizes[s]);
    printf("CRC-32C in GB/s, median (min-max) of %d rounds; in use: %s\n%-12s", ROUNDS,
           wk_crc32c_path_in_use()->name, "");
    for (size_t s = 0; s < SIZES; s++)
        printf("%12zu B   ", sizes[s]);
    for (size_t c = 0; c < count; c++) {
        printf("\n%-12s", all[c].name);
        for (size_t s = 0; s < SIZES; s++) {
            struct spread x = spread_of(rate[c][s]);
            printf("%6.1f (%.0f-%.0f)%*s", x.median, x.min, x.max,
                   x.min < 9.5 ? (x.max < 9.5 ? 5 : 4) : (x.max < 99.5 ? 3 : 2), "");
        }
    }
    printf("\n");
    print_against(all, count, "one stream");
    print_against(all, count, "libisal");
}

static void bench_copy(void) {
    uint8_t *from = malloc(COPY_BYTES), *to = malloc(COPY_BYTES);
    static const size_t copy_sizes[] = {4096, 65536, 1 << 20, 16 << 20, COPY_BYTES};
    if (from == NULL || to == NULL)
        exit(1);
    memset(from, 1, COPY_BYTES);
    memset(to, 2, COPY_BYTES);
    printf("\ncopy + CRC / memcpy alone, time, same round: min median max (memcpy GB/s)\n");
    for (size_t s = 0; s < sizeof copy_sizes / sizeof *copy_sizes; s++) {
        const size_t size = copy_sizes[s], times = COPY_BYTES / size;
        double ratio[ROUNDS], plain_rate[ROUNDS];
        for (size_t r = 0; r < ROUNDS; r++) {
            double start = seconds();
            for (size_t i = 0; i < times; i++) {
                memcpy(to, from, size);
                __asm__ volatile("" : : "r"(to) : "memory");
            }
            double plain = seconds() - start;
            start = seconds();
            for (size_t i = 0; i < times; i++)
                sink = wk_crc32c_copy(0, to, from, size);
            ratio[r] = (seconds() - start) / plain;
            plain_rate[r] = 1e-9 * (double)(times * size) / plain;
        }
        struct spread x = spread_of(ratio), g = spread_of(plain_rate);
        printf("%9zu B  %5.2f %5.2f %5.2f  (%.1f)\n", size, x.min, x.median, x.max, g.median);
    }
    free(from);
    free(to);
}

static void bench_combine(void) {
    const int times = 100000;
    uint32_t crc = 1;
    double start = seconds();
    for (int i = 0; i < times; i++)
        crc = wk_crc32c_combine(crc, 7, 524288u + (uint32_t)i);
    printf("\ncombine of random sizes near 512 KiB: %.0f ns\n", 1e9 * (seconds() - start) / times);
    sink = crc;
}

int main(void) {
    uint8_t *data = malloc((1 << 20) + 64);
    if (data == NULL)
        return 1;
    for (size_t i = 0; i < (1 << 20) + 64; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    bench_extend(data + 1); /* as misaligned as a frame may be */
    bench_copy();
    bench_combine();
    free(data);
    return 0;
}
