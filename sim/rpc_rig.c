// SPDX-License-Identifier: Apache-2.0
#include "rpc_rig.h"

#include "pool.h"
#include "report.h"
#include "sched.h"
#include "trace.h"

void sim_rpc_expect(bool so, const char *what) {
    if (!so)
        sim_violate("protocol", "%s", what);
}

void sim_rpc_expect_status(enum wk_status status, enum wk_status wanted, const struct wk_error *err,
                           const char *what) {
    if (status != wanted)
        sim_violate("protocol", "%s: status %d, not %d: %s", what, (int)status, (int)wanted,
                    status == WK_OK ? "" : err->text);
}

uint64_t sim_rpc_in_ms(const struct sim_rpc_rig *rig, uint64_t ms) {
    return wk_now_ns(rig->env) + ms * WK_NS_PER_MS;
}

void sim_rpc_pause(const struct sim_rpc_rig *rig, uint64_t ms) {
    uint64_t until_ns = sim_rpc_in_ms(rig, ms);
    rig->env->clock->sleep_until(rig->env, until_ns);
}

struct wk_thread *sim_rpc_start(const struct sim_rpc_rig *rig, void (*main)(void *arg), void *arg) {
    struct wk_thread *thread;
    if (rig->env->threads->start(rig->env, "script", main, arg, &thread, NULL) != WK_OK)
        sim_harness_fail("no thread for a script");
    return thread;
}

void sim_rpc_join(const struct sim_rpc_rig *rig, struct wk_thread *thread) {
    rig->env->threads->join(rig->env, thread);
}

static void play(struct sim_rpc_rig *rig, const struct sim_rpc_script *scripts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (sim_rng_below(&rig->rng, rig->one_in) != 0)
            continue;
        sim_event("script", scripts[i].name, 0, 0);
        scripts[i].play(rig);
    }
}

static void rig_main(void *arg) {
    struct sim_rpc_rig *rig = arg;
    play(rig, sim_rpc_client_scripts, sim_rpc_client_script_count);
    play(rig, sim_rpc_server_scripts, sim_rpc_server_script_count);
    play(rig, sim_rpc_token_scripts, sim_rpc_token_script_count);
    rig->ended = true;
    sim_wake("rpc-rig", rig, UINT32_MAX);
    sim_process_exit(rig->process);
}

void sim_rpc_rig(struct sim_process *process, uint64_t seed, uint32_t one_in) {
    struct sim_rpc_rig *rig = sim_new(sizeof *rig);
    rig->process = process;
    rig->env = &process->env;
    rig->one_in = one_in;
    sim_rng_seed(&rig->rng, seed, "rpc-rig");
    if (sim_spawn(process, "rpc", rig_main, rig) == NULL)
        sim_harness_fail("too many fibers");
    while (!rig->ended)
        (void)sim_block("rpc-rig", rig, SIM_NEVER);
}
