/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs: what runs on a host over time. A program is a host, an entry function and how a new
 * process of it is set up; its processes come one after the other, each with an environment of its
 * own, until it is told to end. Engines are programs, and so are daemons and their clients.
 *
 *     sim_program_run  ->  process 0 -- crash --> a pause -> process 1 -- end --> process 2 ...
 *
 * Crashes come from anywhere (the world's chaos takes any program's process as its victim); an
 * orderly end starts the next process at once.
 */
#ifndef SIM_PROGRAM_H
#define SIM_PROGRAM_H

#include "process.h"

#define SIM_PROGRAMS_MAX 32u

struct sim_program {
    const char *name; /* at most 11 bytes; processes are "name.0", "name.1", ... */
    struct sim_host *host;
    /* The first thread of each process. When it returns the process ends, and must have given
     * everything back. */
    void (*main)(struct sim_process *process, void *ctx);
    void (*prepare)(struct sim_process *process, void *ctx); /* NULL; before main: variables */
    void (*crashed)(struct sim_process *process, void *ctx); /* NULL; its memory is gone already */
    void *ctx;
    struct sim_rng *rng; /* the pause after a crash */
    /* The rest is the runner's, to be read by anybody. */
    bool ending;                 /* no process comes after this one */
    bool ended;                  /* the last one is gone */
    bool crash_seen;             /* the last one crashed */
    struct sim_process *process; /* the newest; NULL before the first */
    uint32_t births;
    uint32_t crashes;
};

void sim_programs_reset(void);
/* From now on it is one of those that chaos knows. The order is part of what a seed means. */
void sim_program_add(struct sim_program *program);
uint32_t sim_program_count(void);
struct sim_program *sim_program_at(uint32_t index);

/* The main of a fiber of the world: runs processes of the program until it has ended. */
void sim_program_run(void *program);
/* Tells its process to stop (WK_SIGNAL_STOP); there is no next one. */
void sim_program_stop(struct sim_program *program);
/* Waits until it has ended; from a fiber of the world. */
void sim_program_join(struct sim_program *program);

#endif
