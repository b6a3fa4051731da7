// SPDX-License-Identifier: Apache-2.0
// The life of an engine: processes, sessions, threads.
#include "engine.h"

#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "fault.h"
#include "memory_rot.h"
#include "pool.h"
#include "report.h"
#include "threads.h"
#include "trace.h"

const struct sim_universe *sim_the_universe;
const struct sim_plan *sim_the_plan;

static struct sim_engine *engines[SIM_ENGINES_MAX];
static struct sim_rng rng;

struct sim_engine *sim_engine_at(uint32_t index) {
    return engines[index];
}

bool sim_engines_idle(void) {
    for (uint32_t i = 0; i < sim_the_plan->engine_count; i++) {
        if (engines[i]->session < engines[i]->plan->sessions)
            return false;
    }
    return true;
}

bool sim_engines_gone(void) {
    for (uint32_t i = 0; i < sim_the_plan->engine_count; i++) {
        if (!engines[i]->verified)
            return false;
    }
    return true;
}

bool sim_engine_rests(const struct sim_engine *e) {
    if (e->running > 0 || e->verifying)
        return false;
    for (uint32_t i = 0; i < SIM_THREADS_MAX; i++) {
        if (e->leases[i] != NULL)
            return false;
    }
    return true;
}

// ---- threads

// The next operation of this thread in this session; they are in the order of the plan.
static const struct sim_op *next_op(struct sim_engine *e, uint32_t thread) {
    while (e->next_op[thread] < sim_the_plan->op_count) {
        const struct sim_op *op = &sim_the_plan->ops[e->next_op[thread]++];
        if (op->engine == e->index && op->thread == thread && op->session == e->session)
            return op;
    }
    return NULL;
}

static void thread_main(void *arg) {
    struct sim_thread *t = arg;
    struct sim_engine *e = t->engine;
    for (const struct sim_op *op = next_op(e, t->index); op != NULL; op = next_op(e, t->index)) {
        sim_do(t, op);
        e->done_ops[t->index]++;
        sim_release_due(t, false);
    }
    sim_thread_ends();
    e->running--;
    sim_wake("session", e, UINT32_MAX);
}

static void run_session(struct sim_engine *e) {
    e->running = 0;
    for (uint32_t i = 0; i < e->plan->threads; i++) {
        struct sim_thread *t = sim_new(sizeof *t);
        char name[16];
        t->engine = e;
        t->process = e->process;
        t->index = i;
        snprintf(name, sizeof name, "t%u", i);
        if (sim_spawn(e->process, name, thread_main, t) == NULL)
            sim_harness_fail("too many fibers");
        e->running++;
    }
    while (e->running > 0)
        (void)sim_block("session", e, SIM_NEVER);
}

// ---- handles

static void open_handles(struct sim_engine *e) {
    for (uint32_t i = 0; i < e->plan->handles; i++) {
        bool remote = e->plan->via[i] != SIM_VIA_EMBEDDED;
        uint32_t most = remote ? 60 : 20; // a daemon may be on its way up
        for (uint32_t tries = 0; tries < most && e->handles[i] == NULL; tries++) {
            e->handles[i] = sim_open_handle(e, i);
            if (e->handles[i] == NULL)
                sim_sleep(remote ? 100000000 : 5000000);
        }
    }
}

static void release_all(struct sim_engine *e) {
    for (uint32_t i = 0; i < SIM_THREADS_MAX; i++) {
        struct sim_thread t = {e, e->process, i};
        sim_release_due(&t, true);
    }
}

static void releaser_main(void *arg) {
    struct sim_thread *t = arg;
    sim_release_due(t, true);
    sim_thread_ends();
    t->engine->running--;
    sim_wake("session", t->engine, UINT32_MAX);
}

// Threads from `first` on let go of their borrows, in any order with each other and the caller.
static void release_beside(struct sim_engine *e, uint32_t first) {
    for (uint32_t i = first; i < SIM_THREADS_MAX; i++) {
        if (e->leases[i] == NULL)
            continue;
        struct sim_thread *t = sim_new(sizeof *t);
        *t = (struct sim_thread){e, e->process, i};
        if (sim_spawn(e->process, "release", releaser_main, t) == NULL)
            sim_harness_fail("too many fibers");
        e->running++;
    }
}

// Borrows outlive their handle: half of the sessions free it while all threads but the first let go
// of them, and the first does so later.
static void close_handles(struct sim_engine *e, bool frees_first) {
    if (frees_first)
        release_beside(e, 1);
    else
        release_all(e);
    for (uint32_t i = 0; i < e->plan->handles; i++) {
        if (e->handles[i] != NULL)
            sim_free_handle(e->handles[i]);
        e->handles[i] = NULL;
    }
    release_beside(e, 0);
    while (e->running > 0)
        (void)sim_block("session", e, SIM_NEVER);
}

// ---- processes

static bool ends_after(const struct sim_engine *e, uint32_t session) {
    return ((e->plan->exits >> session) & 1) != 0;
}

// One process: sessions until one that it ends with; the last one stays for the healed world.
static void engine_main(struct sim_process *p, void *ctx) {
    struct sim_engine *e = ctx;
    bool last = false;
    while (!last) {
        open_handles(e);
        uint32_t session = e->session;
        if (session < e->plan->sessions) {
            run_session(e);
            e->session++;
            memset(e->next_op, 0, sizeof e->next_op);
        }
        if (e->session == e->plan->sessions) {
            while (!sim_faults_healed())
                (void)sim_block("healing", NULL, SIM_NEVER);
            open_handles(e); // those that faults kept closed
            struct sim_thread t = {e, p, 0};
            e->verifying = true;
            sim_verify(&t);
            e->verifying = false;
            last = true;
        } else {
            last = ends_after(e, session);
        }
        close_handles(e, ((e->plan->frees_first >> session) & 1) != 0);
    }
    if (e->session == e->plan->sessions)
        e->verified = e->program.ending = sim_faults_healed();
}

static void crashed(struct sim_process *p, void *ctx) {
    struct sim_engine *e = ctx;
    (void)p;
    e->running = 0;
    memset(e->handles, 0, sizeof e->handles);
    memset(e->leases, 0, sizeof e->leases);
    sim_writes_orphaned(e);
}

static void prepare(struct sim_process *p, void *ctx) {
    struct sim_engine *e = ctx;
    p->log_level = (enum wk_log_level)e->plan->log_level;
    if (sim_fault_enabled(SIM_FAULT_ALLOC_KTH) && e->program.births == e->index % 2) {
        p->fail_allocation = sim_the_plan->fail_after_allocations;
        p->fail_all_after = p->fail_allocation % 3 == 0;
    }
    e->process = p;
}

static void add_program(struct sim_engine *e) {
    snprintf(e->name, sizeof e->name, "engine-%u", e->index);
    e->program = (struct sim_program){.name = e->name,
                                      .host = sim_host_at(e->plan->host),
                                      .main = engine_main,
                                      .prepare = prepare,
                                      .crashed = crashed,
                                      .ctx = e,
                                      .rng = &rng};
    sim_program_add(&e->program);
}

// ---- all of them

void sim_engines_reset(const struct sim_plan *plan, const struct sim_universe *universe) {
    sim_the_plan = plan;
    sim_the_universe = universe;
    sim_rng_seed(&rng, plan->seed, "engines");
    for (uint32_t i = 0; i < plan->engine_count; i++) {
        engines[i] = sim_new(sizeof *engines[i]);
        engines[i]->index = i;
        engines[i]->plan = &plan->engines[i];
        add_program(engines[i]);
    }
    sim_calls_reset();
    sim_memory_rot_reset();
    sim_open_reset();
}
