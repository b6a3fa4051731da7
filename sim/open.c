// SPDX-License-Identifier: Apache-2.0
// Opening and freeing handles, by variables, by config, over the host's own store.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "fault.h"
#include "host_store.h"
#include "pool.h"
#include "report.h"
#include "trace.h"

#define OPEN_LIMIT_NS (300ull * 1000000000u)
#define FREE_LIMIT_NS (300ull * 1000000000u)

static uint64_t stores_opened;

uint64_t sim_store_number(void) {
    return ++stores_opened;
}

struct sim_seen *sim_seen_create(void) {
    return sim_new(sizeof(struct sim_seen));
}

static const char *endpoint(const struct sim_engine_plan *plan, uint32_t which) {
    bool dir = sim_the_plan->buckets[plan->bucket[which]].endpoint == SIM_ENDPOINT_DIR;
    return dir ? "file:///data/kv" : "http://127.0.0.1:9000";
}

static const char *bucket_name(const struct sim_engine_plan *plan, uint32_t which) {
    return plan->bucket[which] == 0 ? "bucket-0" : "bucket-1";
}

static const char *first_space(const struct sim_engine_plan *plan) {
    return sim_the_universe->spaces[plan->first_space % sim_the_universe->space_count];
}

static void set_number(struct sim_process *p, const char *name, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    sim_process_set_var(p, name, text);
}

static const char *const layout_tags[SIM_MODELS_MAX + 1] = {"", "layout-1", "layout-2"};

void sim_store_vars(struct sim_process *p, const struct sim_engine_plan *plan, uint32_t which) {
    sim_process_set_var(p, "WMBT_KV_S3_ENDPOINT", endpoint(plan, which));
    sim_process_set_var(p, "WMBT_KV_BUCKET", bucket_name(plan, which));
    sim_process_set_var(p, "WMBT_KV_NAMESPACE", first_space(plan));
    sim_process_set_var(p, "WMBT_KV_BLOCK_COMPRESS", plan->level == 0 ? "none" : "zstd");
    if (plan->level > 0)
        set_number(p, "WMBT_KV_BLOCK_COMPRESS_LEVEL", plan->level);
    set_number(p, "WMBT_KV_PUFFER_RAM_BYTES", plan->ram_bytes);
    set_number(p, "WMBT_KV_PARALLEL", plan->parallel);
    set_number(p, "WMBT_KV_S3_RUNTIME_THREADS", plan->parallel % 5 + 1);
    set_number(p, "WMBT_KV_S3_GET_RETRIES", plan->retries);
    set_number(p, "WMBT_KV_S3_RETRY_BACKOFF_MS", plan->backoff_ms);
    set_number(p, "WMBT_KV_S3_RETRY_BUDGET", plan->retry_budget);
    set_number(p, "WMBT_KV_TAIL_FRESH_MS", plan->tail_fresh_ms);
    set_number(p, "WMBT_KV_LOOKUP_PROBE_MS", plan->probe_ms);
    set_number(p, "WMBT_KV_LOOKUP_PROBE_TTL_MS", plan->probe_ttl_ms);
    set_number(p, "WMBT_KV_SCRUB_INTERVAL_MS", plan->scrub_ms);
    set_number(p, "WMBT_KV_INDEX_NODES_MAX", plan->index_nodes);
    set_number(p, "WMBT_KV_RECONCILE_INTERVAL_MS", plan->reconcile_ms);
    if (plan->model != 0)
        sim_process_set_var(p, "WMBT_KV_LAYOUT_TAG", layout_tags[plan->model]);
}

static void fill_config(const struct sim_engine *e, uint32_t which, wmbt_kv_config *c) {
    const struct sim_engine_plan *plan = e->plan;
    if (wmbt_kv_config_init(c, sizeof *c) != 0)
        sim_violate("abi", "config_init fails");
    c->s3_endpoint = endpoint(plan, which);
    c->bucket = bucket_name(plan, which);
    c->namespace_ = first_space(plan);
    c->ram_bytes = plan->ram_bytes;
    c->compress = plan->level == 0 ? WMBT_KV_COMPRESS_OFF : WMBT_KV_COMPRESS_ZSTD;
    if (plan->level > 0)
        c->compress_level = plan->level;
    c->parallel = plan->parallel;
    c->s3_runtime_threads = plan->parallel % 5 + 1;
    c->s3_get_retries = plan->retries;
    c->s3_retry_backoff_ms = plan->backoff_ms;
    c->s3_retry_budget = plan->retry_budget;
    c->tail_fresh_ms = plan->tail_fresh_ms;
    c->lookup_probe_ms = plan->probe_ms;
    c->lookup_probe_ttl_ms = plan->probe_ttl_ms;
    c->scrub_interval_ms = plan->scrub_ms;
    c->index_nodes_max = plan->index_nodes;
    c->reconcile_interval_ms = plan->reconcile_ms;
    memcpy(c->layout_tag, layout_tags[plan->model], strlen(layout_tags[plan->model]));
}

// By variables, by config, by the function of the transport: half of them by the last.
static wmbt_kv_handle_t *open_remote(struct sim_engine *e, uint32_t which) {
    wmbt_kv_config config;
    bool tcp = e->plan->via[which] == SIM_VIA_TCP;
    const char *address = sim_daemon_address((enum sim_via)e->plan->via[which]);
    if (e->plan->by_config) {
        if (wmbt_kv_config_init(&config, sizeof config) != 0)
            sim_violate("abi", "config_init fails");
        *(tcp ? &config.tcp_addr : &config.http_addr) = address;
        config.auth_token = sim_daemon_token();
        config.remote_call_timeout_ms = e->plan->remote_ms;
        return wmbt_kv_open(&config);
    }
    set_number(e->process, "WMBT_KV_REMOTE_CALL_TIMEOUT_MS", e->plan->remote_ms);
    sim_process_set_var(e->process, "WMBT_KV_AUTH_TOKEN", sim_daemon_token());
    if (e->plan->remote_ms % 2 == 0)
        return tcp ? wmbt_kv_open_tcp(address) : wmbt_kv_open_http(address);
    const char *variable = tcp ? "WMBT_KV_TCP_ADDR" : "WMBT_KV_HTTP_ADDR";
    sim_process_set_var(e->process, variable, address);
    wmbt_kv_handle_t *handle = wmbt_kv_init_from_env();
    sim_process_set_var(e->process, variable, "");
    return handle;
}

static wmbt_kv_handle_t *open_somehow(struct sim_engine *e, uint32_t which) {
    wmbt_kv_config config;
    if (e->plan->via[which] != SIM_VIA_EMBEDDED)
        return open_remote(e, which);
    bool host = sim_the_plan->buckets[e->plan->bucket[which]].endpoint == SIM_ENDPOINT_CALLBACKS;
    if (!host && !e->plan->by_config) {
        sim_store_vars(e->process, e->plan, which);
        return wmbt_kv_init_from_env();
    }
    fill_config(e, which, &config);
    if (host)
        return wmbt_kv_open_callbacks(sim_host_store(e->process, e->plan->bucket[which]), &config);
    return wmbt_kv_open(&config);
}

// What may make an open fail: memory, threads, and the disk of a directory.
static bool may_fail(const struct sim_engine *e, uint32_t which, bool reachable) {
    if (e->plan->via[which] != SIM_VIA_EMBEDDED)
        return !reachable;
    bool dir = sim_the_plan->buckets[e->plan->bucket[which]].endpoint == SIM_ENDPOINT_DIR;
    uint64_t faults = e->process->memory_failures + sim_fault_count(SIM_FAULT_THREAD_START);
    return faults > 0 || (dir && !sim_faults_healed());
}

struct sim_handle *sim_open_handle(struct sim_engine *e, uint32_t which) {
    uint64_t start = sim_now();
    uint64_t stopped = e->process->stopped_ns;
    const struct sim_daemon *d = sim_the_daemon();
    bool reachable = d != NULL && d->listens && sim_faults_healed();
    sim_self()->doing = "open";
    wmbt_kv_handle_t *handle = open_somehow(e, which);
    sim_self()->doing = NULL;
    uint64_t took = sim_now() - start - (e->process->stopped_ns - stopped);
    sim_event("open", e->process->name, which, handle != NULL);
    if (took > OPEN_LIMIT_NS)
        sim_violate("bounded", "open took %" PRIu64 " ms", took / 1000000);
    if (handle == NULL) {
        const char *text = wmbt_kv_last_error();
        if (!may_fail(e, which, reachable))
            sim_violate("abi", "open failed: %s", text == NULL ? "(no last error)" : text);
        return NULL;
    }
    struct sim_handle *h = sim_new(sizeof *h);
    h->handle = handle;
    h->via = (enum sim_via)e->plan->via[which];
    h->bucket = e->plan->bucket[which];
    h->opened_ns = start;
    h->plan = h->via == SIM_VIA_EMBEDDED ? e->plan : &sim_the_plan->daemon.store;
    if (h->via == SIM_VIA_EMBEDDED) {
        h->store = sim_store_number();
        h->seen = sim_seen_create();
    }
    memset(h->damage_before, 0xff, sizeof h->damage_before);
    return h;
}

void sim_free_handle(struct sim_handle *h) {
    uint64_t start = sim_now();
    const struct sim_process *p = sim_self()->process;
    uint64_t stopped = p->stopped_ns;
    sim_self()->doing = "free";
    wmbt_kv_free(h->handle);
    sim_self()->doing = NULL;
    uint64_t took = sim_now() - start - (p->stopped_ns - stopped);
    sim_event("free", NULL, h->store, h->via);
    if (took > FREE_LIMIT_NS)
        sim_violate("bounded", "free took %" PRIu64 " ms", took / 1000000);
}

void sim_open_reset(void) {
    stores_opened = 0;
}
