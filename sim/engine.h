/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engines: programs that use the library as an inference engine does, through wombatkv.h only.
 *
 * A slot is one such program over time: processes come and go in it (orderly ends, crashes,
 * restarts), the work goes on where it stopped. Each process opens its handles, runs threads that
 * do the operations of the plan, and frees the handles.
 */
#ifndef SIM_ENGINE_H
#define SIM_ENGINE_H

#define WMBT_KV_EXPERIMENTAL
#include <wombatkv.h>

#include "model.h"
#include "process.h"
#include "program.h"
#include "sched.h"

/* What the calls into one store did to its index, as far as they were seen; see struct sim_lookup.
 */
struct sim_seen {
    uint64_t missed_ns[SIM_SPACES_MAX][SIM_BLOCKS_MAX];
    uint64_t gone_ns[SIM_SPACES_MAX][SIM_BLOCKS_MAX];
    uint8_t asking[SIM_SPACES_MAX][SIM_BLOCKS_MAX]; /* gets of this block under way */
    uint32_t putting;                               /* puts under way */
    uint64_t puts_begun;
    uint64_t put_ended_ns; /* the last one */
    uint64_t cleared_ns;   /* when its last clear began that no put ran beside; and when it ended */
    uint64_t clear_ended_ns;
    bool put_failed; /* one through a daemon: it may still run there */
};

struct sim_handle {
    wmbt_kv_handle_t *handle;
    enum sim_via via;
    uint32_t bucket;
    uint64_t opened_ns;
    const struct sim_engine_plan *plan; /* the settings of its store */
    uint64_t store;                     /* number of the open, never used again; 0: a daemon's */
    struct sim_seen *seen;              /* NULL: a daemon's */
    /* Per thread with a call under way: what was damaged before it. A call may join the fetch of
     * another one, so damage counts from the oldest. UINT64_MAX: none under way. */
    uint64_t damage_before[SIM_THREADS_MAX];
};

/* A borrow that a thread still holds, and what its bytes were. */
struct sim_lease {
    struct sim_lease *next;
    bool remote; /* bytes of a reply, not of a cache */
    wmbt_kv_borrow_t *borrow;
    const uint8_t *const *bytes;
    const size_t *sizes;
    const uint8_t *single[1];
    size_t single_size[1];
    size_t count;
    uint64_t digest;
    uint64_t until_op; /* released by the thread before this operation */
};

struct sim_engine {
    uint32_t index;
    const struct sim_engine_plan *plan;
    struct sim_program program;
    char name[20];
    struct sim_process *process; /* the newest; NULL before the first */
    struct sim_handle *handles[2];
    uint32_t session;
    uint32_t next_op[SIM_THREADS_MAX]; /* place in the plan's operations */
    uint64_t done_ops[SIM_THREADS_MAX];
    struct sim_lease *leases[SIM_THREADS_MAX];
    uint32_t running;                              /* threads of the session that have not ended */
    bool verifying;                                /* checks the healed world now */
    bool verified;                                 /* has passed the check of the healed world */
    struct sim_write **under_way[SIM_THREADS_MAX]; /* the writes of the put of each thread */
    uint32_t under_way_count[SIM_THREADS_MAX];
};

struct sim_thread {
    struct sim_engine *engine;
    struct sim_process *process;
    uint32_t index;
};

/* The world that they share. */
extern const struct sim_universe *sim_the_universe;
extern const struct sim_plan *sim_the_plan;

void sim_engines_reset(const struct sim_plan *plan, const struct sim_universe *universe);
struct sim_engine *sim_engine_at(uint32_t index);
/* No call of its runs, no borrow is held. */
bool sim_engine_rests(const struct sim_engine *engine);
/* All operations of all engines are done; those that live wait for the world to heal. */
bool sim_engines_idle(void);
/* ... have checked the healed world and are gone. */
bool sim_engines_gone(void);

/* ---- calls.c: one operation, judged ---- */
void sim_do(struct sim_thread *thread, const struct sim_op *op);
void sim_release_lease(struct sim_engine *engine, struct sim_lease *lease);
void sim_release_due(struct sim_thread *thread, bool all);
uint64_t sim_calls_made(void);
void sim_calls_reset(void);

/* ---- open.c ---- */
/* NULL: it failed, and may have. */
struct sim_handle *sim_open_handle(struct sim_engine *engine, uint32_t which);
void sim_free_handle(struct sim_handle *handle);
void sim_open_reset(void);
struct sim_seen *sim_seen_create(void);
/* Numbers for stores: of each open of an embedded one, of each process of a daemon. */
uint64_t sim_store_number(void);
/* The variables of a store on the bucket of the plan's first or second handle. */
void sim_store_vars(struct sim_process *process, const struct sim_engine_plan *plan,
                    uint32_t which);

/* ---- verify.c: a healed world answers rightly ---- */
void sim_verify(struct sim_thread *thread);

#endif
