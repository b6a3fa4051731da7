/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon of a world: a program that runs wk_daemon_run over one of the buckets, crashes as
 * others do, and is told to stop now and then by an operator; the next process serves on.
 *
 *     engine -- wombatkv.h -- TCP or HTTP --> daemon process k --> bucket <-- embedded engines
 *
 * Each process of it has a store of its own (`store`, counted with those of handles), and `seen`:
 * what the calls that went through it did to the index of that store.
 */
#ifndef SIM_DAEMON_H
#define SIM_DAEMON_H

#include "engine.h"

struct sim_daemon {
    const struct sim_daemon_plan *plan;
    struct sim_program program;
    uint64_t store;         /* of the newest process; 0 before the first */
    uint64_t opened_ns;     /* when that process began */
    struct sim_seen *seen;  /* by that process */
    bool listens;           /* it is ready, and has not begun to stop */
    uint32_t failed_starts; /* of all processes */
    uint32_t stops;         /* that one of them has begun */
};

/* Adds the program, where the plan has one. */
void sim_daemon_reset(const struct sim_plan *plan);
/* NULL: this world has none. */
struct sim_daemon *sim_the_daemon(void);
/* "host-1:7300" of TCP or HTTP. */
const char *sim_daemon_address(enum sim_via via);
/* What its clients show; "": nothing. */
const char *sim_daemon_token(void);
/* Main of a fiber of the world: orderly restarts until the world heals. */
void sim_daemon_operate(void *unused);
/* In the healed world, when no client is left: it ends in order. */
void sim_daemon_end(void);

#endif
