// SPDX-License-Identifier: Apache-2.0
#include "sweep.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fault.h"
#include "fiber.h"
#include "mark.h"
#include "report.h"
#include "world.h"

#define SAMPLES_MAX 100000u
/* A class that happens in fewer seeds than this share of a sweep is a gap in what it tests. */
#define FAULT_SHARE_PERCENT 1u

struct sums {
    uint64_t seeds;
    uint64_t fault_seeds[SIM_FAULT_COUNT];
    uint64_t with_restart;
    uint64_t virtual_ns;
    uint64_t events;
    uint32_t samples;
    uint64_t calls[SAMPLES_MAX];
    uint64_t switches[SAMPLES_MAX];
    uint64_t classes[SAMPLES_MAX];
};

static struct sums sums;
static struct sim_plan plan;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void last_line(const struct sim_result *r, uint64_t seed) {
    printf("seed %" PRIu64 " events %" PRIu64 " hash %016" PRIx64 "%016" PRIx64 "\n", seed,
           r->events, r->hash.high, r->hash.low);
}

static void add(const struct sim_result *r) {
    sums.seeds++;
    sums.virtual_ns += r->virtual_ns;
    sums.events += r->events;
    sums.with_restart += r->restarts > 0;
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        sums.fault_seeds[i] += sim_fault_count((enum sim_fault)i) > 0;
    if (sums.samples == SAMPLES_MAX)
        return;
    sums.calls[sums.samples] = r->calls;
    sums.switches[sums.samples] = r->switches;
    sums.classes[sums.samples] = r->faults;
    sums.samples++;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *values) {
    if (sums.samples == 0)
        return 0;
    qsort(values, sums.samples, sizeof *values, by_value);
    return values[sums.samples / 2];
}

static void print_sums(double seconds) {
    printf("%" PRIu64
           " seeds in %.1f s, %.0f a minute; %.0f s of virtual time, %.0f events a seed\n",
           sums.seeds, seconds, (double)sums.seeds * 60 / seconds, (double)sums.virtual_ns / 1e9,
           (double)sums.events / (double)(sums.seeds == 0 ? 1 : sums.seeds));
    printf("medians: %" PRIu64 " calls, %" PRIu64 " switches, %" PRIu64
           " fault classes; crash and restart in %.0f %% of the seeds\n",
           median(sums.calls), median(sums.switches), median(sums.classes),
           100.0 * (double)sums.with_restart / (double)(sums.seeds == 0 ? 1 : sums.seeds));
    printf("deepest stack: %zu of %zu bytes\n", sim_stack_high_water(), sim_stack_size());
}

static const struct gap {
    const char *name;
    const char *why;
    bool rare; // else never
} gaps[] = {
#define GAP(name_, why_)  {name_, why_, false},
#define RARE(name_, why_) {name_, why_, true},
#include "gaps.def"
#undef GAP
#undef RARE
};

static const struct gap *gap_of(const char *name) {
    for (size_t i = 0; i < sizeof gaps / sizeof gaps[0]; i++) {
        if (strcmp(gaps[i].name, name) == 0)
            return &gaps[i];
    }
    return NULL;
}

static bool covers(const char *what, const char *name, uint64_t seeds, uint64_t wanted) {
    const struct gap *gap = gap_of(name);
    if (gap != NULL) {
        if (!gap->rare && seeds > 0)
            printf("GAP %s %s is listed in sim/gaps.def, but was reached in %" PRIu64 " seeds\n",
                   what, name, seeds);
        else
            printf("left out: %s %s, reached in %" PRIu64 " seeds: %s\n", what, name, seeds,
                   gap->why);
        return gap->rare || seeds == 0;
    }
    if (seeds < wanted)
        printf("GAP %s %s was reached in %" PRIu64 " of %" PRIu64 " seeds, not in %" PRIu64 "\n",
               what, name, seeds, sums.seeds, wanted);
    return seeds >= wanted;
}

static bool covered(void) {
    uint32_t missing = 0;
    uint64_t share = sums.seeds * FAULT_SHARE_PERCENT / 100 + 1;
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        missing += !covers("fault", sim_fault_name((enum sim_fault)i), sums.fault_seeds[i], share);
    for (uint32_t i = 0; i < sim_mark_count(); i++)
        missing += !covers("mark", sim_mark_name(i), sim_mark_seeds(i), 1);
    printf("coverage: %d fault classes and %u marks, %zu left out, %u missing\n", SIM_FAULT_COUNT,
           sim_mark_count(), sizeof gaps / sizeof gaps[0], missing);
    return missing == 0;
}

static void list(const struct sim_options *o) {
    for (int i = 0; o->list_faults && i < SIM_FAULT_COUNT; i++)
        printf("%-30s %8" PRIu64 " seeds   %s\n", sim_fault_name((enum sim_fault)i),
               sums.fault_seeds[i], sim_fault_text((enum sim_fault)i));
    for (uint32_t i = 0; o->list_marks && i < sim_mark_count(); i++)
        printf("%-40s %8" PRIu64 " seeds   first %" PRIu64 "\n", sim_mark_name(i),
               sim_mark_seeds(i), sim_mark_first_seed(i));
}

static void progress(const struct sim_options *o, double seconds) {
    if (o->minutes > 0 && sums.seeds % 256 == 0)
        fprintf(stderr, "\r%" PRIu64 " seeds, %.0f s ", sums.seeds, seconds);
}

int sim_sweep(const struct sim_options *o) {
    struct sim_result result;
    double start = now_s();
    memset(&result, 0, sizeof result);
    uint64_t seed = o->first;
    uint64_t violations = 0;
    for (;; seed++) {
        sim_plan_draw(&plan, seed);
        sim_world_run(&plan, &result);
        add(&result);
        violations += result.violated;
        if (result.violated && o->keep_going) {
            printf("VIOLATED %s in seed %" PRIu64 ": %s\n", sim_violation()->rule, seed,
                   sim_violation()->text);
        } else if (result.violated) {
            sim_report_print(o->program);
            last_line(&result, seed);
            return SIM_EXIT_VIOLATION;
        }
        double seconds = now_s() - start;
        progress(o, seconds);
        if (o->minutes > 0 ? seconds > (double)o->minutes * 60 : seed == o->last)
            break;
    }
    print_sums(now_s() - start);
    list(o);
    bool complete = !o->require_coverage || covered();
    if (violations > 0)
        printf("%" PRIu64 " of %" PRIu64 " seeds violate a rule\n", violations, sums.seeds);
    last_line(&result, seed);
    if (violations > 0)
        return SIM_EXIT_VIOLATION;
    return complete ? SIM_EXIT_PASS : SIM_EXIT_COVERAGE;
}

static void read_scenario(const char *path, struct sim_plan *to) {
    FILE *from = fopen(path, "r");
    if (from == NULL || !sim_plan_read(to, from, path)) {
        fprintf(stderr, "%s: cannot be read as a scenario\n", path);
        exit(SIM_EXIT_HARNESS);
    }
    fclose(from);
}

void sim_plan_of(const struct sim_options *o, struct sim_plan *to) {
    if (o->scenario != NULL)
        read_scenario(o->scenario, to);
    else
        sim_plan_draw(to, o->first);
}

int sim_list(const struct sim_options *o) {
    list(o);
    return SIM_EXIT_PASS;
}

int sim_single(const struct sim_options *o) {
    struct sim_result result;
    sim_plan_of(o, &plan);
    sim_trace_print_to(o->trace ? stdout : NULL);
    sim_world_run(&plan, &result);
    add(&result);
    if (result.violated)
        sim_report_print(o->program);
    list(o);
    last_line(&result, plan.seed);
    return result.violated ? SIM_EXIT_VIOLATION : SIM_EXIT_PASS;
}
