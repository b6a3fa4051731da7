// SPDX-License-Identifier: Apache-2.0
#include "fault.h"

#include <stdio.h>
#include <string.h>

#include "trace.h"

#define SEEDS_WITHOUT_PPM 50000u

struct description {
    const char *name;
    const char *text;
    uint32_t low_ppm;
    uint32_t high_ppm;
};

static const struct description descriptions[SIM_FAULT_COUNT] = {
#define X(id, name, low, high, text) {name, text, low, high},
#include "faults.def"
#undef X
};

static struct sim_fault_plan plan;
static struct sim_rng streams[SIM_FAULT_COUNT];
static uint64_t counts[SIM_FAULT_COUNT];
static bool healed;

const char *sim_fault_name(enum sim_fault fault) {
    return descriptions[fault].name;
}

const char *sim_fault_text(enum sim_fault fault) {
    return descriptions[fault].text;
}

enum sim_fault sim_fault_find(const char *name) {
    int i = 0;
    while (i < SIM_FAULT_COUNT && strcmp(descriptions[i].name, name) != 0)
        i++;
    return (enum sim_fault)i;
}

// How many classes a seed enables varies from few to nearly all: both find bugs that the other
// hides.
void sim_fault_plan_draw(struct sim_fault_plan *to, uint64_t seed) {
    static const uint32_t densities[] = {100000, 250000, 500000, 800000};
    struct sim_rng rng;
    sim_rng_seed(&rng, seed, "faults");
    bool none = sim_rng_chance(&rng, SEEDS_WITHOUT_PPM);
    uint32_t density = densities[sim_rng_below(&rng, 4)];
    for (int i = 0; i < SIM_FAULT_COUNT; i++) {
        struct sim_rng own; // a new class shifts no older one
        char stream[64];
        snprintf(stream, sizeof stream, "plan.%s", descriptions[i].name);
        sim_rng_seed(&own, seed, stream);
        bool on = sim_rng_chance(&own, density) && !none;
        uint32_t ppm =
            (uint32_t)sim_rng_log(&own, descriptions[i].low_ppm, descriptions[i].high_ppm);
        to->ppm[i] = on ? ppm : 0;
    }
}

void sim_faults_reset(uint64_t seed, const struct sim_fault_plan *from) {
    plan = *from;
    memset(counts, 0, sizeof counts);
    healed = false;
    for (int i = 0; i < SIM_FAULT_COUNT; i++) {
        char stream[64];
        snprintf(stream, sizeof stream, "fault.%s", descriptions[i].name);
        sim_rng_seed(&streams[i], seed, stream);
    }
}

void sim_faults_heal(void) {
    healed = true;
}

bool sim_faults_healed(void) {
    return healed;
}

bool sim_fault_enabled(enum sim_fault fault) {
    return !healed && plan.ppm[fault] > 0;
}

void sim_fault_happened(enum sim_fault fault) {
    counts[fault]++;
    sim_event("fault", descriptions[fault].name, counts[fault], 0);
}

bool sim_fault(enum sim_fault fault) {
    if (healed || !sim_rng_chance(&streams[fault], plan.ppm[fault]))
        return false;
    sim_fault_happened(fault);
    return true;
}

struct sim_rng *sim_fault_rng(enum sim_fault fault) {
    return &streams[fault];
}

uint64_t sim_fault_count(enum sim_fault fault) {
    return counts[fault];
}

uint32_t sim_fault_classes(void) {
    uint32_t classes = 0;
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        classes += counts[i] > 0;
    return classes;
}
