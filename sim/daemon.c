// SPDX-License-Identifier: Apache-2.0
#include "daemon.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "daemon/daemon.h"
#include "disk.h"
#include "fault.h"
#include "hash/blake3.h"
#include "pool.h"
#include "report.h"
#include "trace.h"

#define TCP_PORT    7300u
#define HTTP_PORT   7301u
#define TOKEN       "open sesame"
#define TOKENS_PATH "/etc/wombatkv/tokens"

#define RETRY_NS 50000000u // after a start that failed

static struct sim_daemon *daemon_of_world;
static struct sim_rng rng;

struct sim_daemon *sim_the_daemon(void) {
    return daemon_of_world;
}

const char *sim_daemon_token(void) {
    return daemon_of_world->plan->tokens ? TOKEN : "";
}

const char *sim_daemon_address(enum sim_via via) {
    char text[64];
    snprintf(text, sizeof text, "%s:%u", daemon_of_world->program.host->name,
             via == SIM_VIA_TCP ? TCP_PORT : HTTP_PORT);
    return sim_copy_text(text);
}

// ---- before a process

// The operator's file is whole at each start, whatever became of the disk.
static void put_tokens(struct sim_host *host) {
    uint8_t hash[WK_BLAKE3_BYTES];
    char hex[2 * WK_BLAKE3_BYTES + 1];
    char text[256];
    struct wk_span token = wk_span_text(TOKEN);
    wk_blake3(&token, 1, hash);
    wk_hex_encode(wk_span(hash, sizeof hash), hex);
    snprintf(text, sizeof text, "[engines]\ntoken_blake3 = %s\nadmin = yes\naccess = write\n", hex);
    sim_disk_put_text(host->disk, TOKENS_PATH, text);
}

static void prepare(struct sim_process *p, void *ctx) {
    struct sim_daemon *d = ctx;
    char text[64];
    sim_store_vars(p, &d->plan->store, 0);
    sim_process_set_var(p, "WMBT_KV_S3_PREFIX", "kv/cabi"); // as engines have it
    snprintf(text, sizeof text, "[::]:%u", TCP_PORT);
    sim_process_set_var(p, "WMBT_KV_TCP", text);
    snprintf(text, sizeof text, "[::]:%u", HTTP_PORT);
    sim_process_set_var(p, "WMBT_KV_HTTP", text);
    snprintf(text, sizeof text, "%u", d->plan->drain_s);
    sim_process_set_var(p, "WMBT_KV_DAEMON_SHUTDOWN_DRAIN_TIMEOUT_SECS", text);
    if (d->plan->tokens) {
        put_tokens(p->host);
        sim_process_set_var(p, "WMBT_KV_DAEMON_AUTH_FILE", TOKENS_PATH);
    } else {
        sim_process_set_var(p, "WMBT_KV_DAEMON_ALLOW_UNAUTHENTICATED", "1");
    }
    p->log_level = (enum wk_log_level)d->plan->store.log_level;
    d->store = sim_store_number();
    d->opened_ns = sim_now();
    d->seen = sim_seen_create();
}

// ---- a process

static void ready(void *ctx) {
    struct sim_daemon *d = ctx;
    sim_event("daemon-ready", d->program.process->name, 0, 0);
    d->listens = true;
}

static void stopping(void *ctx) {
    struct sim_daemon *d = ctx;
    d->listens = false;
    d->stops++;
}

static void exit_now(void *ctx, enum wk_daemon_exit code) {
    const struct sim_daemon *d = ctx;
    sim_event("daemon-exit", d->program.process->name, (uint64_t)code, 0);
    sim_process_crash(d->program.process, "exit");
}

// What may keep it from starting: memory, threads, descriptors, the disk of a directory.
static bool may_fail(const struct sim_daemon *d) {
    bool dir = sim_the_plan->buckets[d->plan->store.bucket[0]].endpoint == SIM_ENDPOINT_DIR;
    return d->program.process->memory_failures + sim_fault_count(SIM_FAULT_THREAD_START) +
                   sim_fault_count(SIM_FAULT_NET_DESCRIPTORS) +
                   sim_fault_count(SIM_FAULT_DISK_READ_ERROR) >
               0 ||
           dir;
}

// True: it ran, and was told to stop.
static bool run(struct sim_daemon *d, struct wk_env *env) {
    struct wk_settings *settings = sim_new(sizeof *settings);
    struct wk_daemon_host host = {d, ready, stopping, exit_now};
    struct wk_error err;
    uint64_t cut = 0;
    wk_error_clear(&err);
    wk_settings_defaults(settings);
    enum wk_status status = wk_settings_read(env, WK_DAEMON_SCOPES, settings, &err);
    if (status == WK_OK)
        status = wk_daemon_run(env, settings, &host, &cut, &err);
    sim_event("daemon-end", status == WK_OK ? NULL : err.text, (uint64_t)status, cut);
    if (status != WK_OK && !may_fail(d))
        sim_violate("available", "the daemon does not start: %s", err.text);
    d->failed_starts += status != WK_OK;
    return status == WK_OK;
}

static void daemon_main(struct sim_process *p, void *ctx) {
    struct sim_daemon *d = ctx;
    while (!run(d, &p->env) && !d->program.ending) {
        uint64_t soon = wk_now_ns(&p->env) + RETRY_NS;
        p->env.clock->sleep_until(&p->env, soon);
    }
}

static void crashed(struct sim_process *p, void *ctx) {
    (void)p;
    ((struct sim_daemon *)ctx)->listens = false;
}

void sim_daemon_reset(const struct sim_plan *plan) {
    daemon_of_world = NULL;
    if (plan->daemon.count == 0)
        return;
    struct sim_daemon *d = sim_new(sizeof *d);
    sim_rng_seed(&rng, plan->seed, "daemon-life");
    d->plan = &plan->daemon;
    d->seen = sim_seen_create();
    d->program = (struct sim_program){.name = "daemon",
                                      .host = sim_host_at(plan->daemon.store.host),
                                      .main = daemon_main,
                                      .prepare = prepare,
                                      .crashed = crashed,
                                      .ctx = d,
                                      .rng = &rng};
    sim_program_add(&d->program);
    daemon_of_world = d;
}

// ---- from outside

void sim_daemon_operate(void *unused) {
    (void)unused;
    struct sim_daemon *d = daemon_of_world;
    uint64_t mean_ns = d->plan->restart_ms * 1000000ull;
    while (!sim_faults_healed()) {
        sim_sleep(sim_rng_between(&rng, mean_ns / 4, mean_ns * 2));
        bool can = d->listens && sim_process_count() + SIM_PROCESSES_SPARE < SIM_PROCESSES_MAX;
        bool reload = sim_rng_chance(&rng, 300000);
        if (can && !sim_faults_healed())
            sim_process_signal(d->program.process, reload ? WK_SIGNAL_RELOAD : WK_SIGNAL_STOP);
    }
}

void sim_daemon_end(void) {
    struct sim_daemon *d = daemon_of_world;
    while (!d->listens)
        sim_sleep(100000000);
    sim_program_stop(&d->program);
    sim_program_join(&d->program);
}
