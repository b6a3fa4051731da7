// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fiber.h"
#include "sched.h"
#include "trace.h"

#ifndef SIM_COMMIT
#define SIM_COMMIT "unknown"
#endif

#define EVENTS_SHOWN 60u

static struct sim_violation violation;
static uint64_t seed;
static const char *program_name = "wombatkv-sim";

void sim_report_reset(uint64_t of) {
    seed = of;
    memset(&violation, 0, sizeof violation);
}

uint64_t sim_report_seed(void) {
    return seed;
}

const struct sim_violation *sim_violation(void) {
    return &violation;
}

static void record(const char *rule, const char *format, va_list args) {
    if (violation.happened)
        return;
    violation.happened = true;
    snprintf(violation.rule, sizeof violation.rule, "%s", rule);
    vsnprintf(violation.text, sizeof violation.text, format, args);
    violation.event = sim_trace_count();
    violation.time_ns = sim_now();
}

void sim_violate(const char *rule, const char *format, ...) {
    va_list args;
    va_start(args, format);
    record(rule, format, args);
    va_end(args);
    if (sim_self() != NULL)
        sim_abandon();
    sim_harness_fail("%s violated outside of a fiber: %s", violation.rule, violation.text);
}

void sim_harness_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: seed %" PRIu64 ": ", program_name, seed);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(SIM_EXIT_HARNESS);
}

void sim_report_print(const char *program) {
    fflush(stdout);
    uint64_t us = violation.time_ns / 1000;
    fprintf(stderr,
            "\nVIOLATED %s in seed %" PRIu64 " after %" PRIu64 " events, %" PRIu64 ".%06" PRIu64
            " s (commit %s)\n  %s\n\nThe last events:\n",
            violation.rule, seed, violation.event, us / 1000000, us % 1000000, SIM_COMMIT,
            violation.text);
    sim_trace_last(stderr, EVENTS_SHOWN);
    fprintf(stderr, "\nAgain: %s --seed %" PRIu64 "\n", program, seed);
}

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)context;
    signal(number, SIG_DFL);
    const struct sim_fiber *self = sim_self();
    bool guard = number == SIGSEGV && sim_stack_is_guard(info->si_addr);
    if (!violation.happened) {
        violation.happened = true;
        snprintf(violation.rule, sizeof violation.rule, "crash");
        snprintf(violation.text, sizeof violation.text, "%s in %s%s", strsignal(number),
                 self == NULL ? "the simulator" : self->label, guard ? ": its stack is full" : "");
        violation.event = sim_trace_count();
        violation.time_ns = sim_now();
    }
    sim_report_print(program_name);
    printf("seed %" PRIu64 " events %" PRIu64 " crashed\n", seed, sim_trace_count());
    fflush(stdout);
    _exit(SIM_EXIT_VIOLATION);
}

void sim_report_catch_signals(const char *program) {
    program_name = program;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    static uint8_t stack[64 * 1024];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    (void)sigaltstack(&alternate, NULL);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (uint32_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void)sigaction(signals[i], &action, NULL);
#else
    (void)on_signal;
#endif
}
