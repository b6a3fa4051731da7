// SPDX-License-Identifier: Apache-2.0
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "bucket.h"
#include "cache_rig.h"
#include "chaos.h"
#include "daemon.h"
#include "engine.h"
#include "fault.h"
#include "flight.h"
#include "index_rig.h"
#include "model.h"
#include "net.h"
#include "pool.h"
#include "report.h"
#include "rpc_rig.h"
#include "seed.h"
#include "spaces_rig.h"

#define RPC_SCRIPTS_ONE_IN 3u // scripts are played in a third of the worlds with a daemon

static void make_buckets(const struct sim_plan *plan) {
    for (uint32_t i = 0; i < plan->bucket_count; i++) {
        char name[32];
        snprintf(name, sizeof name, "bucket-%u", i);
        struct sim_bucket *b = sim_bucket(name);
        const struct sim_bucket_plan *p = &plan->buckets[i];
        b->caps = p->caps;
        if (p->endpoint == SIM_ENDPOINT_CALLBACKS) // its bodies have no checksum beside them
            b->caps &= ~(uint32_t)WK_OBJECTS_CHECKSUM;
        b->content_etags = p->content_etags;
        b->latency_ns = p->latency_ns;
        b->byte_ps = p->byte_ps;
    }
    sim_buckets_tell(sim_model_version);
}

static void make_hosts(const struct sim_plan *plan) {
    for (uint32_t i = 0; i < plan->hosts; i++) {
        char name[32];
        snprintf(name, sizeof name, "host-%u", i);
        (void)sim_host_create(name);
    }
}

static void spawn(const char *name, void (*main)(void *arg), void *arg) {
    if (sim_spawn(NULL, name, main, arg) == NULL)
        sim_harness_fail("too many fibers");
}

// Planned failures end, late effects arrive, who was stopped goes on.
static void heal(void) {
    sim_faults_heal();
    sim_net_heal();
    sim_flights_heal();
    sim_event("heal", NULL, 0, 0);
    for (uint32_t i = 0; i < sim_process_count(); i++) {
        struct sim_process *p = sim_process_at(i);
        p->fail_allocation = 0;
        p->fail_all_after = false;
        p->crash_at_call = 0;
    }
    bool stopped = true;
    while (stopped || sim_flights_pending() > 0) {
        sim_sleep(50000000);
        stopped = false;
        for (uint32_t i = 0; i < sim_process_count(); i++)
            stopped = stopped || (sim_process_at(i)->alive && sim_process_at(i)->stopped);
    }
    sim_wake("healing", NULL, UINT32_MAX);
}

static uint64_t engine_switches; // the rig's are not what makes a seed standard

static void world_main(void *arg) {
    const struct sim_plan *plan = arg;
    for (uint32_t i = 0; i < sim_program_count(); i++)
        spawn("supervisor", sim_program_run, sim_program_at(i));
    spawn("chaos", sim_chaos, NULL);
    spawn("watch", sim_watch, NULL);
    if (plan->daemon.restart_ms > 0)
        spawn("operator", sim_daemon_operate, NULL);
    while (!sim_engines_idle())
        sim_sleep(20000000);
    heal();
    while (!sim_engines_gone())
        sim_sleep(20000000);
    if (plan->daemon.count > 0)
        sim_daemon_end();
    engine_switches = sim_sched_stats().switches;
    sim_index_rig(sim_process_create(sim_host_at(0), "index-rig"), plan->seed);
    sim_cache_rig(sim_process_create(sim_host_at(0), "cache-rig"), plan->seed);
    sim_spaces_rig(sim_process_create(sim_host_at(0), "spaces-rig"), plan->seed);
    if (plan->daemon.count > 0)
        sim_rpc_rig(sim_process_create(sim_host_at(0), "rpc-rig"), plan->seed, RPC_SCRIPTS_ONE_IN);
    sim_finish();
}

static uint32_t count_restarts(void) {
    uint32_t births = 0;
    for (uint32_t i = 0; i < sim_program_count(); i++)
        births += sim_program_at(i)->crashes;
    return births;
}

void sim_world_run(const struct sim_plan *plan, struct sim_result *result) {
    sim_ground_reset(plan->seed, &plan->schedule, &plan->faults);
    const struct sim_universe *universe = sim_universe_create(plan->seed);
    sim_model_reset(plan, universe);
    make_hosts(plan);
    make_buckets(plan);
    sim_engines_reset(plan, universe);
    sim_daemon_reset(plan);
    sim_chaos_reset(plan);
    engine_switches = 0;
    spawn("world", world_main, (void *)(uintptr_t)plan);
    sim_run();
    memset(result, 0, sizeof *result);
    result->violated = sim_violation()->happened;
    result->events = sim_trace_count();
    result->hash = sim_trace_hash();
    result->calls = sim_calls_made();
    result->switches = engine_switches != 0 ? engine_switches : sim_sched_stats().switches;
    result->faults = sim_fault_classes();
    result->restarts = count_restarts();
    result->virtual_ns = sim_now();
}
