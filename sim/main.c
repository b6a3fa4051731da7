// SPDX-License-Identifier: Apache-2.0
// The command line of wombatkv-sim.
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env/cpu.h"
#include "report.h"
#include "shrink.h"
#include "sweep.h"

static const char usage[] =
    "usage: wombatkv-sim [what] [options]\n"
    "  --seed N                  one seed\n"
    "  --seeds A..B              all from A to B\n"
    "  --minutes M               seeds from 0 (or A) on, for M minutes\n"
    "  --scenario FILE           a plan written down, as --shrink does\n"
    "  --check-determinism A..B  each seed twice, in processes of their own\n"
    "  --shrink                  with --seed or --scenario: the smallest plan that fails alike,\n"
    "                            to standard output\n"
    "  --trace                   every event\n"
    "  --list-faults             fault classes, and in how many of the seeds each happened\n"
    "  --list-marks              places in the sources, and in how many of the seeds each was "
    "reached\n"
    "  --keep-going              a line per seed that fails, and go on\n"
    "  --cpu-features MASK       only these of the processor (env/cpu.h); changes no hash\n"
    "  --require-coverage        a class or mark that was not reached is a failure\n"
    "exit: 0 all well, 1 a rule was violated, 2 not deterministic, 3 gap in coverage, 4 usage or\n"
    "the simulator itself\n"
    "last line: seed N events E hash H\n";

static _Noreturn void fail_usage(const char *what) {
    fprintf(stderr, "wombatkv-sim: %s\n%s", what, usage);
    exit(SIM_EXIT_HARNESS);
}

static uint64_t number(const char *text, const char **end) {
    if (!isdigit((unsigned char)text[0]))
        fail_usage("a number is expected");
    char *rest;
    uint64_t value = strtoull(text, &rest, 10);
    *end = rest;
    return value;
}

static uint64_t whole_number(const char *text) {
    const char *end;
    uint64_t value = number(text, &end);
    if (*end != 0)
        fail_usage("a number is expected");
    return value;
}

static void range(struct sim_options *o, const char *text) {
    const char *end;
    o->first = number(text, &end);
    if (strncmp(end, "..", 2) != 0)
        fail_usage("a range is written A..B");
    o->last = whole_number(end + 2);
    if (o->last < o->first)
        fail_usage("the range is empty");
}

enum what { NOTHING, ONE, MANY, SCENARIO, DETERMINISM };

static bool flag(struct sim_options *o, const char *arg) {
    const struct {
        const char *name;
        bool *value;
    } flags[] = {{"--shrink", &o->shrink},
                 {"--trace", &o->trace},
                 {"--list-faults", &o->list_faults},
                 {"--list-marks", &o->list_marks},
                 {"--require-coverage", &o->require_coverage},
                 {"--keep-going", &o->keep_going}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(arg, flags[i].name) == 0) {
            *flags[i].value = true;
            return true;
        }
    }
    return false;
}

static enum what parse(struct sim_options *o, int argc, char **argv) {
    enum what what = NOTHING;
    for (int i = 1; i < argc; i++) {
        if (flag(o, argv[i]))
            continue;
        if (i + 1 == argc)
            fail_usage(argv[i]);
        const char *name = argv[i];
        const char *value = argv[++i];
        if (strcmp(name, "--seed") == 0) {
            o->first = o->last = whole_number(value);
            what = ONE;
        } else if (strcmp(name, "--seeds") == 0) {
            range(o, value);
            what = MANY;
        } else if (strcmp(name, "--minutes") == 0) {
            o->minutes = whole_number(value);
            what = MANY;
        } else if (strcmp(name, "--scenario") == 0) {
            o->scenario = value;
            what = SCENARIO;
        } else if (strcmp(name, "--check-determinism") == 0) {
            range(o, value);
            what = DETERMINISM;
        } else if (strcmp(name, "--cpu-features") == 0) {
            wk_cpu_features_limit((uint32_t)whole_number(value));
        } else {
            fail_usage(name);
        }
    }
    return what;
}

int main(int argc, char **argv) {
    struct sim_options o;
    memset(&o, 0, sizeof o);
    o.program = argv[0];
    enum what what = parse(&o, argc, argv);
    sim_report_catch_signals(argv[0]);
    if (what == NOTHING && (o.list_faults || o.list_marks)) {
        o.last = 0;
        return sim_list(&o);
    }
    if (what == NOTHING)
        fail_usage("nothing to do");
    if (what == DETERMINISM)
        return sim_determinism(&o);
    if (what == MANY)
        return sim_sweep(&o);
    return o.shrink ? sim_shrink(&o) : sim_single(&o);
}
