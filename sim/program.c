// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <stdio.h>

#include "fault.h"
#include "report.h"
#include "sched.h"
#include "threads.h"

#define PAUSE_LEAST_NS 1000000u
#define PAUSE_MOST_NS  2000000000u

static struct sim_program *programs[SIM_PROGRAMS_MAX];
static uint32_t program_count;

void sim_programs_reset(void) {
    program_count = 0;
}

void sim_program_add(struct sim_program *program) {
    if (program_count == SIM_PROGRAMS_MAX)
        sim_harness_fail("more than %u programs", SIM_PROGRAMS_MAX);
    programs[program_count++] = program;
}

uint32_t sim_program_count(void) {
    return program_count;
}

struct sim_program *sim_program_at(uint32_t index) {
    return programs[index];
}

static void on_crash(struct sim_process *p) {
    struct sim_program *program = p->program;
    program->crash_seen = true;
    program->crashes++;
    if (program->crashed != NULL)
        program->crashed(p, program->ctx);
}

static void first_thread(void *arg) {
    struct sim_program *program = arg;
    struct sim_process *p = program->process;
    program->main(p, program->ctx);
    sim_thread_ends();
    sim_process_exit(p);
}

static void start(struct sim_program *program) {
    char name[sizeof program->process->name];
    snprintf(name, sizeof name, "%s.%u", program->name, program->births);
    struct sim_process *p = sim_process_create(program->host, name);
    p->program = program;
    p->on_crash = on_crash;
    if (sim_fault_enabled(SIM_FAULT_CLOCK_DRIFT)) {
        p->drift_ppm = (int32_t)sim_rng_below(sim_fault_rng(SIM_FAULT_CLOCK_DRIFT), 401) - 200;
        sim_fault_happened(SIM_FAULT_CLOCK_DRIFT);
    }
    if (program->prepare != NULL)
        program->prepare(p, program->ctx);
    program->births++;
    program->crash_seen = false;
    program->process = p;
    if (sim_spawn(p, "main", first_thread, program) == NULL)
        sim_harness_fail("too many fibers");
}

void sim_program_run(void *arg) {
    struct sim_program *program = arg;
    while (!program->ending) {
        start(program);
        const struct sim_process *p = program->process;
        while (p->alive)
            (void)sim_block("process", p, SIM_NEVER);
        if (program->crash_seen)
            sim_sleep(sim_rng_log(program->rng, PAUSE_LEAST_NS, PAUSE_MOST_NS));
    }
    program->ended = true;
    sim_wake("program", program, UINT32_MAX);
}

void sim_program_stop(struct sim_program *program) {
    program->ending = true;
    if (program->process != NULL)
        sim_process_signal(program->process, WK_SIGNAL_STOP);
}

void sim_program_join(struct sim_program *program) {
    while (!program->ended)
        (void)sim_block("program", program, SIM_NEVER);
}
