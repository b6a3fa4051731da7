/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scheduler: which fiber runs next, and what time it is.
 *
 *     ready list ----strategy----> the one that runs
 *        ^   ^                          |
 *        |   +---- wake <---------------+---- block (on an object, until a time)
 *        +-------- timers due <--- virtual clock (jumps when nobody is ready)
 *
 * One fiber runs at a time, on one thread of the operating system. It gives up control only inside
 * a schedule point: an environment call, an atomic access, a spin. All choices come from the stream
 * "sched", so a seed replays exactly.
 */
#ifndef SIM_SCHED_H
#define SIM_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "fiber.h"
#include "rng.h"
#include "timer.h"

struct sim_process;
struct sim_buffer;

#define SIM_NEVER UINT64_MAX

enum sim_strategy {
    SIM_UNIFORM,  /* any ready fiber */
    SIM_PRIORITY, /* the highest of random priorities, lowered at random steps (PCT) */
    SIM_STARVE,   /* uniform, but one fiber waits for long stretches */
    SIM_FIFO,     /* the one that has been ready longest */
    SIM_LIFO,     /* the one that became ready last */
    SIM_STRATEGY_COUNT
};

/* Why a fiber may lose control at a schedule point. */
enum sim_point {
    SIM_POINT_CALL,   /* an environment call */
    SIM_POINT_ATOMIC, /* an access to a shared word */
    SIM_POINT_SPIN,   /* a turn of a spin: others should run */
    SIM_POINT_YIELD
};

struct sim_schedule {
    enum sim_strategy strategy;
    uint32_t switch_call_ppm;   /* chance of a switch at a call */
    uint32_t switch_atomic_ppm; /* and at an atomic access */
    uint32_t buffer_delay_ppm;  /* chance that a store waits in the fiber's store buffer; 0: none */
    uint32_t buffer_drain_ppm;  /* chance, per point, that one waiting store leaves */
    uint32_t change_steps;      /* PRIORITY, STARVE: mean distance of changes */
};

enum sim_fiber_state { SIM_FIBER_UNUSED, SIM_FIBER_READY, SIM_FIBER_BLOCKED };

struct sim_fiber {
    struct sim_context context;
    uint64_t id;                 /* actor number, never reused in a seed; 1 is the first */
    char label[28];              /* "engine-1.2/flush" */
    struct sim_process *process; /* NULL: belongs to the world */
    enum sim_fiber_state state;
    const char *wait_why; /* BLOCKED: "mutex", "sleep", ... */
    const void *wait_on;
    struct sim_timer timer;
    bool timed_out;
    uint64_t priority;
    uint64_t ready_step;
    void (*main)(void *arg);
    void *arg;
    struct sim_buffer *buffer; /* pending stores; NULL while there never was one */
    uint32_t locks_held;
    void *slot; /* threads->slot_get */
    void (*slot_destroy)(void *value);
    const char *doing; /* what the workload says it is in, for dumps and time limits; or NULL */
    uint64_t doing_since_ns;
};

/* Forgets everything of the seed before and starts at time 0. */
void sim_sched_reset(uint64_t seed, const struct sim_schedule *schedule);
void sim_schedule_draw(struct sim_schedule *to, uint64_t seed);
/* From here on, with the same strategy, threads meet often and stores wait: what the rigs need. */
void sim_schedule_crowd(struct sim_rng *from);
const char *sim_strategy_name(enum sim_strategy strategy);

/* NULL when there are too many. The fiber is ready, it does not run yet. */
struct sim_fiber *sim_spawn(struct sim_process *process, const char *name, void (*main)(void *arg),
                            void *arg);
/* The fiber's main returned into here, or it is torn down where it stands. */
_Noreturn void sim_exit(void);
void sim_kill(struct sim_fiber *fiber);

/* From the root: runs fibers until sim_finish, a violation, or until none is left. */
void sim_run(void);
_Noreturn void sim_finish(void);
/* From a fiber: back to the root for good, after a violation. */
_Noreturn void sim_abandon(void);

struct sim_fiber *sim_self(void); /* NULL at the root */
uint64_t sim_now(void);           /* virtual ns since the seed began */
void sim_advance(uint64_t ns);    /* work takes time; no switch */

void sim_point(enum sim_point point, uint64_t cost_ns);
/* Until woken (true) or `deadline_ns` (false). */
bool sim_block(const char *why, const void *on, uint64_t deadline_ns);
void sim_sleep(uint64_t ns);
/* Wakes at most `most` of those that wait for it, chosen by the seed; how many were woken. */
uint32_t sim_wake(const char *why, const void *on, uint32_t most);
uint32_t sim_count_waiting(const char *why, const void *on);

/* Fibers of stopped processes are not chosen. */
void sim_each_fiber(void (*each)(struct sim_fiber *fiber, void *ctx), void *ctx);
void sim_dump_fibers(char *to, size_t capacity);

struct sim_sched_stats {
    uint64_t steps;    /* schedule points */
    uint64_t switches; /* the next one was another one */
};
struct sim_sched_stats sim_sched_stats(void);
const struct sim_schedule *sim_schedule(void);
struct sim_rng *sim_sched_rng(void);

#endif
