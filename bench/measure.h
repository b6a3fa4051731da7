/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds, and how their spread is printed, for the benches of the store. */
#ifndef WK_BENCH_MEASURE_H
#define WK_BENCH_MEASURE_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 21

static inline double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline int by_value(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline void print_row(const char *what, const char *unit, double *values) {
    qsort(values, ROUNDS, sizeof *values, by_value);
    printf("%-52s %10.3f %10.3f %10.3f  %s\n", what, values[0], values[ROUNDS / 2],
           values[ROUNDS - 1], unit);
}

#endif
