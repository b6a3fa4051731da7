// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "atomics.h"
#include "disk.h"
#include "net.h"
#include "pool.h"
#include "report.h"
#include "sched.h"
#include "trace.h"

// 2026-01-01T00:00:00Z: any date will do, it only has to be the same everywhere.
#define WORLD_START_NS (1767225600ull * 1000000000u)

static struct sim_process *processes[SIM_PROCESSES_MAX];
static uint32_t process_count;
static struct sim_host *hosts[SIM_HOSTS_MAX];
static uint32_t host_count;
static uint64_t world_seed;
static struct sim_rng rng;

void sim_processes_reset(uint64_t seed) {
    process_count = 0;
    host_count = 0;
    world_seed = seed;
    sim_rng_seed(&rng, seed, "process");
    sim_heaps_reset();
}

struct sim_host *sim_host_create(const char *name) {
    if (host_count == SIM_HOSTS_MAX)
        sim_harness_fail("more than %u hosts", SIM_HOSTS_MAX);
    struct sim_host *h = sim_new(sizeof *h);
    snprintf(h->name, sizeof h->name, "%s", name);
    h->index = host_count;
    h->disk = sim_disk_create(world_seed, name);
    hosts[host_count++] = h;
    return h;
}

uint32_t sim_host_count(void) {
    return host_count;
}

struct sim_host *sim_host_at(uint32_t index) {
    return hosts[index];
}

static void connect_tables(struct wk_env *env) {
    env->version = WK_ENV_VERSION;
    env->size = sizeof *env;
    env->clock = &sim_env_clock;
    env->entropy = &sim_env_entropy;
    env->mem = &sim_env_mem;
    env->threads = &sim_env_threads;
    env->vars = &sim_env_vars;
    env->process = &sim_env_process;
    env->files = &sim_env_files;
    env->net = &sim_env_net;
    env->shm = &sim_env_shm;
    env->objects = &sim_env_objects;
    env->log = &sim_env_log;
}

struct sim_process *sim_process_create(struct sim_host *host, const char *name) {
    if (process_count == SIM_PROCESSES_MAX)
        sim_harness_fail("more than %u processes", SIM_PROCESSES_MAX);
    struct sim_process *p = sim_new(sizeof *p);
    connect_tables(&p->env);
    p->index = process_count;
    p->id = 1000 + process_count * 7;
    p->host = host;
    p->alive = true;
    p->slow = 1;
    snprintf(p->name, sizeof p->name, "%s", name);
    char stream[40];
    snprintf(stream, sizeof stream, "entropy.%u", p->index);
    sim_rng_seed(&p->entropy, world_seed, stream);
    p->monotonic_start_ns = sim_rng_log(&rng, 1000, 1ull << 50);
    sim_heap_create(&p->heap, (uint8_t)sim_rng_next(&rng));
    processes[process_count++] = p;
    return p;
}

uint32_t sim_process_count(void) {
    return process_count;
}

struct sim_process *sim_process_at(uint32_t index) {
    return processes[index];
}

struct sim_process *sim_process_find(uint64_t id) {
    for (uint32_t i = 0; i < process_count; i++) {
        if (processes[i]->id == id)
            return processes[i];
    }
    return NULL;
}

void sim_process_set_var(struct sim_process *p, const char *name, const char *value) {
    for (uint32_t i = 0; i < p->var_count; i++) {
        if (strcmp(p->vars[i].name, name) == 0) {
            p->vars[i].value = sim_copy_text(value);
            return;
        }
    }
    if (p->var_count == SIM_VARS_MAX)
        sim_harness_fail("more than %u variables", SIM_VARS_MAX);
    p->vars[p->var_count++] = (struct sim_var){sim_copy_text(name), sim_copy_text(value)};
}

// ---- the end of a process

static void kill_others(struct sim_fiber *fiber, void *ctx) {
    if (fiber->process == ctx && fiber != sim_self())
        sim_kill(fiber);
}

static void bury(struct sim_process *p) {
    p->alive = false;
    sim_each_fiber(kill_others, p);
    sim_net_process_gone(p);
    sim_disk_process_gone(p->host->disk, p);
    sim_heap_vanish(&p->heap);
    sim_wake("process", p, UINT32_MAX);
}

void sim_process_crash(struct sim_process *p, const char *why) {
    if (!p->alive)
        return;
    sim_event("crash", p->name, p->id, p->calls);
    (void)why;
    bury(p);
    if (p->on_crash != NULL)
        p->on_crash(p);
    struct sim_fiber *self = sim_self();
    if (self != NULL && self->process == p)
        sim_kill(self);
}

void sim_host_crash(struct sim_host *host, const char *why) {
    struct sim_fiber *self = sim_self();
    sim_net_host_gone(host);
    for (uint32_t i = 0; i < process_count; i++) {
        if (processes[i]->host == host && (self == NULL || self->process != processes[i]))
            sim_process_crash(processes[i], why);
    }
    sim_disk_power_loss(host->disk);
    if (self != NULL && self->process != NULL && self->process->host == host)
        sim_process_crash(self->process, why);
}

void sim_process_exit(struct sim_process *p) {
    char text[700];
    uint64_t alive = 0;
    for (int i = 0; i < WK_MEM_OWNER_COUNT; i++)
        alive += p->heap.live[i];
    if (alive > 0) {
        sim_heap_leaks(&p->heap, text, sizeof text);
        sim_violate("leak", "%s ends with %" PRIu64 " allocations: %s", p->name, alive, text);
    }
    if (p->threads + p->dirs + p->files + p->objects + p->watches + p->sockets + p->tls + p->locks +
            p->buffers >
        0)
        sim_violate("leak",
                    "%s ends with %u threads, %u directories, %u files, %u object stores, %u "
                    "watches, %u sockets, %u TLS contexts, %u locks, %u buffers of the host",
                    p->name, p->threads, p->dirs, p->files, p->objects, p->watches, p->sockets,
                    p->tls, p->locks, p->buffers);
    sim_event("exit", p->name, p->id, p->calls);
    bury(p);
}

// ---- stopped for a while

struct stop {
    struct sim_timer timer;
    struct sim_process *process;
};

static void go_on(struct sim_timer *timer) {
    struct stop *s = timer->ctx;
    s->process->stopped = false;
}

void sim_process_stop(struct sim_process *p, uint64_t for_ns) {
    if (p->stopped || !p->alive)
        return;
    struct stop *s = sim_new(sizeof *s);
    s->process = p;
    s->timer.fire = go_on;
    s->timer.ctx = s;
    p->stopped = true;
    p->stopped_ns += for_ns;
    sim_event("stop", p->name, p->id, for_ns);
    sim_timer_arm(&s->timer, sim_now() + for_ns);
}

void sim_process_signal(struct sim_process *p, enum wk_signal signal) {
    if (!p->alive)
        return;
    sim_event("signal", p->name, (uint64_t)signal, p->takes_signals);
    if (!p->takes_signals) {
        sim_process_crash(p, "signal");
        return;
    }
    if (p->signal_count < sizeof p->signals / sizeof p->signals[0])
        p->signals[p->signal_count++] = signal;
    sim_wake("signal", p, UINT32_MAX);
}

// ---- every call

struct sim_process *sim_enter(struct wk_env *env, uint64_t cost_ns) {
    struct sim_process *p = (struct sim_process *)(void *)env;
    struct sim_fiber *self = sim_self();
    if (self == NULL)
        return p;
    if (self->process != p)
        sim_violate("environment", "%s calls into the environment of %s", self->label, p->name);
    p->calls++;
    if (p->calls == p->crash_at_call)
        sim_process_crash(p, "planned");
    // Others may run before the stores leave: only the call itself, an unlock say, orders them.
    sim_point(SIM_POINT_CALL, cost_ns * p->slow);
    sim_buffers_drain(self);
    return p;
}

struct wk_env *wk_env_current(void) {
    struct sim_fiber *self = sim_self();
    if (self == NULL || self->process == NULL)
        sim_harness_fail("wk_env_current outside a simulated process");
    return &self->process->env;
}

// ---- clocks

// Never goes back: the correction moves by less than a ns per ns.
static uint64_t drifted(uint64_t ns, int32_t ppm) {
    int64_t part = (int64_t)(ns / 1000) * ppm / 1000;
    return ns + (uint64_t)part;
}

uint64_t sim_process_monotonic(const struct sim_process *p) {
    return p->monotonic_start_ns + drifted(sim_now(), p->drift_ppm);
}

uint64_t sim_world_wall(void) {
    return WORLD_START_NS + sim_now();
}

uint64_t sim_process_wall(const struct sim_process *p) {
    uint64_t now = WORLD_START_NS + drifted(sim_now(), p->drift_ppm);
    return now + (uint64_t)p->wall_offset_ns;
}

// The first virtual time at which the process's clock shows the deadline.
uint64_t sim_process_deadline(const struct sim_process *p, uint64_t monotonic_ns) {
    if (monotonic_ns == WK_FOREVER)
        return SIM_NEVER;
    if (monotonic_ns <= p->monotonic_start_ns)
        return 0;
    uint64_t wanted = monotonic_ns - p->monotonic_start_ns;
    if (wanted > (1ull << 62))
        return SIM_NEVER - 1;
    uint64_t guess = drifted(wanted, -p->drift_ppm);
    while (drifted(guess, p->drift_ppm) < wanted)
        guess += wanted - drifted(guess, p->drift_ppm);
    return guess;
}
