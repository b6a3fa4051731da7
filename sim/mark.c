// SPDX-License-Identifier: Apache-2.0
#include "mark.h"

#include <string.h>

#include "base/mark.h"
#include "report.h"
#include "trace.h"

static const char *const names[] = {
#include "marks.inc"
    NULL,
};

#define MARKS_MAX 1024u

static struct {
    uint64_t seeds;
    uint64_t first_seed;
    uint64_t here;
} marks[MARKS_MAX];
static uint64_t running;

uint32_t sim_mark_count(void) {
    return (uint32_t)(sizeof names / sizeof names[0]) - 1;
}

void sim_marks_reset(uint64_t seed) {
    running = seed;
    for (uint32_t i = 0; i < sim_mark_count(); i++)
        marks[i].here = 0;
}

static uint32_t find(const char *name) {
    uint32_t low = 0; // marks.inc is sorted as strcmp sorts
    uint32_t high = sim_mark_count();
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = strcmp(names[middle], name);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    sim_harness_fail("mark %s is not in the list that the build made", name);
}

void wk_sim_mark(const char *name) {
    uint32_t i = find(name);
    if (marks[i].here++ == 0 && marks[i].seeds++ == 0)
        marks[i].first_seed = running;
    sim_event("mark", name, marks[i].here, 0);
}

const char *sim_mark_name(uint32_t index) {
    return names[index];
}

uint64_t sim_mark_seeds(uint32_t index) {
    return marks[index].seeds;
}

uint64_t sim_mark_first_seed(uint32_t index) {
    return marks[index].first_seed;
}

uint64_t sim_mark_here(const char *name) {
    return marks[find(name)].here;
}
