// SPDX-License-Identifier: Apache-2.0
// Fibers, the ready list and the virtual clock. A fiber that stops running picks its successor
// itself and switches straight to it; the root only waits for the end.
#include "sched.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "atomics.h"
#include "process.h"
#include "report.h"
#include "strategy.h"
#include "trace.h"

#define FIBERS_MAX  256u
#define STEPS_MAX   (40ull * 1000 * 1000)
#define TIME_MAX_NS (4ull * 3600 * 1000 * 1000 * 1000)

static struct sim_fiber fibers[FIBERS_MAX];
static uint32_t fibers_used; // high mark of the table
static uint64_t fibers_born;

static struct sim_fiber *ready[FIBERS_MAX]; // oldest first
static uint32_t ready_count;
static struct sim_fiber *self;
static struct sim_context root;
static struct sim_fiber *buried; // ended, its stack still in use until the switch
static bool over;

static uint64_t now_ns;
static struct sim_sched_stats stats;
static struct sim_rng rng;
static struct sim_schedule schedule;

void sim_sched_reset(uint64_t seed, const struct sim_schedule *chosen) {
    for (uint32_t i = 0; i < fibers_used; i++) {
        if (fibers[i].state != SIM_FIBER_UNUSED)
            sim_context_drop(&fibers[i].context);
        fibers[i].state = SIM_FIBER_UNUSED;
    }
    fibers_used = 0;
    fibers_born = 0;
    ready_count = 0;
    self = NULL;
    buried = NULL;
    over = false;
    now_ns = 0;
    memset(&stats, 0, sizeof stats);
    schedule = *chosen;
    sim_rng_seed(&rng, seed, "sched");
    sim_timers_reset();
    sim_buffers_reset();
    sim_strategy_reset(&schedule);
}

static uint32_t one_of(struct sim_rng *r, const uint32_t *values, uint32_t count) {
    return values[sim_rng_below(r, count)];
}

void sim_schedule_draw(struct sim_schedule *to, uint64_t seed) {
    static const uint32_t call_ppm[] = {1000000, 500000, 125000, 30000, 5000};
    static const uint32_t atomic_ppm[] = {0, 1000, 10000, 60000, 250000};
    static const uint32_t delay_ppm[] = {0, 0, 100000, 500000, 900000};
    static const uint32_t drain_ppm[] = {10000, 100000, 400000};
    struct sim_rng r;
    sim_rng_seed(&r, seed, "schedule");
    to->strategy = (enum sim_strategy)sim_rng_below(&r, SIM_STRATEGY_COUNT);
    to->switch_call_ppm = one_of(&r, call_ppm, 5);
    to->switch_atomic_ppm = one_of(&r, atomic_ppm, 5);
    to->buffer_delay_ppm = one_of(&r, delay_ppm, 5);
    to->buffer_drain_ppm = one_of(&r, drain_ppm, 3);
    to->change_steps = (uint32_t)sim_rng_log(&r, 16, 1u << 15);
}

void sim_schedule_crowd(struct sim_rng *from) {
    static const uint32_t call_ppm[] = {1000000, 500000, 125000};
    static const uint32_t atomic_ppm[] = {1000, 10000, 60000};
    static const uint32_t delay_ppm[] = {100000, 500000, 900000};
    static const uint32_t drain_ppm[] = {10000, 100000};
    schedule.switch_call_ppm = one_of(from, call_ppm, 3);
    schedule.switch_atomic_ppm = one_of(from, atomic_ppm, 3);
    schedule.buffer_delay_ppm = one_of(from, delay_ppm, 3);
    schedule.buffer_drain_ppm = one_of(from, drain_ppm, 2);
}

const char *sim_strategy_name(enum sim_strategy strategy) {
    static const char *const names[] = {"uniform", "priority", "starve", "fifo", "lifo"};
    return names[strategy];
}

// ---- ready list

static void make_ready(struct sim_fiber *f) {
    f->state = SIM_FIBER_READY;
    f->ready_step = stats.steps;
    f->wait_why = NULL;
    f->wait_on = NULL;
    ready[ready_count++] = f;
}

static void take_from_ready(const struct sim_fiber *f) {
    for (uint32_t i = 0; i < ready_count; i++) {
        if (ready[i] == f) {
            memmove(&ready[i], &ready[i + 1], (ready_count - i - 1) * sizeof ready[0]);
            ready_count--;
            return;
        }
    }
}

static void timer_of_fiber(struct sim_timer *timer) {
    struct sim_fiber *f = timer->ctx;
    f->timed_out = true;
    make_ready(f);
}

// ---- fibers

// Runs in the fiber that was switched to, before it goes on.
static void after_switch(void) {
    if (buried != NULL) {
        struct sim_fiber *f = buried;
        buried = NULL;
        if (f->state == SIM_FIBER_UNUSED)
            sim_context_drop(&f->context);
    }
}

static void fiber_entry(void *arg) {
    struct sim_fiber *f = arg;
    after_switch();
    f->main(f->arg);
    sim_exit();
}

struct sim_fiber *sim_spawn(struct sim_process *process, const char *name, void (*main)(void *arg),
                            void *arg) {
    uint32_t at = 0;
    while (at < FIBERS_MAX && (fibers[at].state != SIM_FIBER_UNUSED || &fibers[at] == buried))
        at++;
    if (at == FIBERS_MAX)
        return NULL;
    if (at >= fibers_used)
        fibers_used = at + 1;
    struct sim_fiber *f = &fibers[at];
    memset(f, 0, sizeof *f);
    f->id = ++fibers_born;
    f->process = process;
    f->main = main;
    f->arg = arg;
    f->timer.fire = timer_of_fiber;
    f->timer.ctx = f;
    snprintf(f->label, sizeof f->label, "%s%s%s", process == NULL ? "" : process->name,
             process == NULL ? "" : "/", name);
    sim_context_make(&f->context, fiber_entry, f);
    sim_strategy_spawned(f, &rng);
    make_ready(f);
    return f;
}

static void bury(struct sim_fiber *f) {
    sim_timer_cancel(&f->timer);
    take_from_ready(f);
    f->state = SIM_FIBER_UNUSED;
    sim_buffer_lost(f);
    if (f == self)
        buried = f;
    else
        sim_context_drop(&f->context);
}

// ---- the choice

static void fail_deadlock(void) {
    char text[900];
    sim_dump_fibers(text, sizeof text);
    sim_violate("deadlock", "nothing can run any more; waiting: %s", text);
}

static uint32_t not_stopped(struct sim_fiber **to) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < ready_count; i++) {
        if (ready[i]->process == NULL || !ready[i]->process->stopped)
            to[count++] = ready[i];
    }
    return count;
}

static void check_limits(void) {
    if (stats.steps > STEPS_MAX)
        sim_violate("livelock", "%" PRIu64 " steps and no end", stats.steps);
    if (now_ns > TIME_MAX_NS)
        sim_violate("livelock", "%" PRIu64 " s of virtual time and no end", now_ns / 1000000000u);
}

static struct sim_fiber *pick(struct sim_fiber *stays, enum sim_point point) {
    struct sim_fiber *choice[FIBERS_MAX];
    for (;;) {
        sim_timers_fire(now_ns);
        uint32_t count = not_stopped(choice);
        if (count > 0)
            return sim_strategy_pick(&schedule, &rng, choice, count, stays, point, stats.steps);
        uint64_t next = sim_timers_next();
        if (next == SIM_NEVER)
            return NULL;
        now_ns = next;
        check_limits();
    }
}

static void go_to(struct sim_fiber *next) {
    struct sim_fiber *before = self;
    if (next == before)
        return;
    stats.switches++;
    self = next;
    sim_event("switch", NULL, before == NULL ? 0 : before->id, stats.steps);
    sim_context_switch(before == NULL ? &root : &before->context, &next->context,
                       before != NULL && before == buried);
    after_switch();
}

static _Noreturn void to_root(void) {
    struct sim_fiber *before = self;
    over = true;
    self = NULL;
    sim_context_switch(&before->context, &root, true);
    sim_harness_fail("a fiber ran after the end");
}

// ---- schedule points

void sim_point(enum sim_point point, uint64_t cost_ns) {
    if (self == NULL)
        return;
    now_ns += cost_ns;
    stats.steps++;
    if ((stats.steps & 1023) == 0)
        check_limits();
    sim_buffers_step(self);
    if (ready_count == 1 && sim_timers_next() > now_ns &&
        !(self->process && self->process->stopped))
        return;
    struct sim_fiber *next = pick(self, point);
    if (next != self && next != NULL) { // the longest ready is first: self starts over
        take_from_ready(self);
        make_ready(self);
        go_to(next);
    }
}

bool sim_block(const char *why, const void *on, uint64_t deadline_ns) {
    if (self == NULL)
        sim_harness_fail("the root waits for %s", why);
    struct sim_fiber *f = self;
    stats.steps++;
    if (deadline_ns <= now_ns) {
        sim_point(SIM_POINT_YIELD, 0);
        return false;
    }
    take_from_ready(f);
    f->state = SIM_FIBER_BLOCKED;
    f->wait_why = why;
    f->wait_on = on;
    f->timed_out = false;
    if (deadline_ns != SIM_NEVER)
        sim_timer_arm(&f->timer, deadline_ns);
    struct sim_fiber *next = pick(NULL, SIM_POINT_CALL);
    if (next == NULL)
        fail_deadlock();
    go_to(next);
    return !f->timed_out;
}

void sim_sleep(uint64_t ns) {
    if (self == NULL)
        return;
    (void)sim_block("sleep", NULL, ns > SIM_NEVER - 1 - now_ns ? SIM_NEVER - 1 : now_ns + ns);
}

static struct sim_fiber *waiting_number(const char *why, const void *on, uint32_t number) {
    for (uint32_t i = 0; i < fibers_used; i++) {
        struct sim_fiber *f = &fibers[i];
        if (f->state == SIM_FIBER_BLOCKED && f->wait_on == on && strcmp(f->wait_why, why) == 0 &&
            number-- == 0)
            return f;
    }
    return NULL;
}

uint32_t sim_count_waiting(const char *why, const void *on) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < fibers_used; i++) {
        const struct sim_fiber *f = &fibers[i];
        if (f->state == SIM_FIBER_BLOCKED && f->wait_on == on && strcmp(f->wait_why, why) == 0)
            count++;
    }
    return count;
}

uint32_t sim_wake(const char *why, const void *on, uint32_t most) {
    uint32_t woken = 0;
    for (uint32_t left = sim_count_waiting(why, on); left > 0 && woken < most; left--, woken++) {
        uint32_t number = left == 1 ? 0 : (uint32_t)sim_rng_below(&rng, left);
        struct sim_fiber *f = waiting_number(why, on, number);
        sim_timer_cancel(&f->timer);
        make_ready(f);
    }
    return woken;
}

// ---- life and end

void sim_exit(void) {
    struct sim_fiber *f = self;
    sim_buffers_drain(f);
    bury(f);
    struct sim_fiber *next = pick(NULL, SIM_POINT_CALL);
    if (next == NULL) {
        bool anybody = false;
        for (uint32_t i = 0; i < fibers_used; i++)
            anybody = anybody || fibers[i].state == SIM_FIBER_BLOCKED;
        if (anybody)
            fail_deadlock();
        to_root();
    }
    go_to(next);
    sim_harness_fail("an ended fiber ran");
}

// A fiber of a crashed process: it stops where it stands. Its pending stores are lost.
void sim_kill(struct sim_fiber *f) {
    if (f->state == SIM_FIBER_UNUSED)
        return;
    bury(f);
    if (f != self)
        return;
    struct sim_fiber *next = pick(NULL, SIM_POINT_CALL);
    if (next == NULL)
        to_root();
    go_to(next);
    sim_harness_fail("a killed fiber ran");
}

void sim_run(void) {
    struct sim_fiber *next = pick(NULL, SIM_POINT_CALL);
    if (next == NULL)
        return;
    self = next;
    sim_context_switch(&root, &next->context, false);
    self = NULL;
    after_switch();
}

void sim_finish(void) {
    to_root();
}

void sim_abandon(void) {
    to_root();
}

struct sim_fiber *sim_self(void) {
    return self;
}

uint64_t sim_now(void) {
    return now_ns;
}

void sim_advance(uint64_t ns) {
    now_ns += ns;
}

void sim_each_fiber(void (*each)(struct sim_fiber *fiber, void *ctx), void *ctx) {
    for (uint32_t i = 0; i < fibers_used; i++) {
        if (fibers[i].state != SIM_FIBER_UNUSED)
            each(&fibers[i], ctx);
    }
}

void sim_dump_fibers(char *to, size_t capacity) {
    size_t at = 0;
    to[0] = 0;
    for (uint32_t i = 0; i < fibers_used && at < capacity; i++) {
        const struct sim_fiber *f = &fibers[i];
        if (f->state == SIM_FIBER_UNUSED)
            continue;
        int n = snprintf(to + at, capacity - at, "%s%s %s", at == 0 ? "" : "; ", f->label,
                         f->state == SIM_FIBER_READY ? "is ready" : f->wait_why);
        at += n < 0 ? 0 : (size_t)n;
        if (f->doing != NULL && at < capacity) {
            n = snprintf(to + at, capacity - at, " in %s", f->doing);
            at += n < 0 ? 0 : (size_t)n;
        }
    }
}

struct sim_sched_stats sim_sched_stats(void) {
    return stats;
}

const struct sim_schedule *sim_schedule(void) {
    return &schedule;
}

struct sim_rng *sim_sched_rng(void) {
    return &rng;
}
