/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The remote protocol against scripted peers. Engines and daemons of a world are both our own: they
 * never say what the other one has to refuse, and rarely do at the one moment when it matters. Here
 * the client meets a daemon that answers wrongly, late or not at all; the server meets clients that
 * send what nobody wants; requests come with tokens that are not for them.
 *
 *     rpc_rig.c          which scripts, and their process
 *     rpc_rig_client.c   our client, a scripted daemon
 *     rpc_rig_server.c   our server, scripted clients
 *     rpc_rig_tokens.c   the dispatch and its tokens, without a network
 *
 * Rules: "bytes", what a call returns is what was asked for; "protocol" (specs/0019); "denied"
 * (specs/0020); and "leak" at the end of the process.
 */
#ifndef SIM_RPC_RIG_H
#define SIM_RPC_RIG_H

#include "base/status.h"
#include "process.h"

struct sim_rpc_rig {
    struct sim_process *process;
    struct wk_env *env;
    struct sim_rng rng;
    uint32_t one_in; /* each script is played in one of so many seeds */
    bool ended;
};

struct sim_rpc_script {
    const char *name;
    void (*play)(struct sim_rpc_rig *rig);
};

/* Runs in fibers of `process`, which ends with it; from a fiber of a healed world. */
void sim_rpc_rig(struct sim_process *process, uint64_t seed, uint32_t one_in);

/* For the parts: what has to be so. Does not come back if it is not. */
void sim_rpc_expect(bool so, const char *what);
void sim_rpc_expect_status(enum wk_status status, enum wk_status wanted, const struct wk_error *err,
                           const char *what);
uint64_t sim_rpc_in_ms(const struct sim_rpc_rig *rig, uint64_t ms);
void sim_rpc_pause(const struct sim_rpc_rig *rig, uint64_t ms);
struct wk_thread *sim_rpc_start(const struct sim_rpc_rig *rig, void (*main)(void *arg), void *arg);
void sim_rpc_join(const struct sim_rpc_rig *rig, struct wk_thread *thread);

extern const struct sim_rpc_script sim_rpc_client_scripts[];
extern const size_t sim_rpc_client_script_count;
extern const struct sim_rpc_script sim_rpc_server_scripts[];
extern const size_t sim_rpc_server_script_count;
extern const struct sim_rpc_script sim_rpc_token_scripts[];
extern const size_t sim_rpc_token_script_count;

#endif
