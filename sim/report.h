/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong in a seed: the rule that was broken, in a sentence. The first violation ends the
 * seed at once; the run prints it with the last events and the line that reproduces it.
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include <stdbool.h>
#include <stdint.h>

/* Exit codes of wombatkv-sim. */
enum sim_exit {
    SIM_EXIT_PASS = 0,
    SIM_EXIT_VIOLATION = 1,
    SIM_EXIT_NONDETERMINISM = 2,
    SIM_EXIT_COVERAGE = 3,
    SIM_EXIT_HARNESS = 4
};

struct sim_violation {
    bool happened;
    char rule[32];
    char text[1024];
    uint64_t event; /* number of the last event before it */
    uint64_t time_ns;
};

/*
 * Records the violation and leaves the seed: in a fiber control goes to sim_run's caller and never
 * comes back. Outside fibers it is a failure of the harness.
 */
_Noreturn void sim_violate(const char *rule, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The simulator itself cannot go on: prints and exits with 4. */
_Noreturn void sim_harness_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

const struct sim_violation *sim_violation(void);
void sim_report_reset(uint64_t seed);
uint64_t sim_report_seed(void);

/* Rule, sentence, last events, reproduction; to stderr. */
void sim_report_print(const char *program);

/* A crash of the code under test is a violation too: prints the seed and exits with 1. */
void sim_report_catch_signals(const char *program);

#endif
