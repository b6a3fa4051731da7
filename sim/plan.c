// SPDX-License-Identifier: Apache-2.0
// Draws a plan. Each part has a stream of its own.
#include "plan.h"

#include <string.h>

#include "env/env.h"
#include "universe.h"

static const char *const op_names[SIM_OP_COUNT] = {
    "turn",      "put",       "put-hostile", "get",     "get-partial", "get-into", "contains",
    "lookup",    "put-tail",  "get-tail",    "release", "flush",       "stats",    "sleep",
    "put-value", "get-value", "exists",      "list",    "clear",       "restore",  "ready"};

const char *sim_op_name(enum sim_op_kind kind) {
    return op_names[kind];
}

static uint32_t pick(struct sim_rng *rng, const uint32_t *values, uint32_t count) {
    return values[sim_rng_below(rng, count)];
}

// ---- buckets

static void draw_bucket(struct sim_bucket_plan *b, struct sim_rng *rng) {
    static const uint32_t optional[] = {WK_OBJECTS_ETAG,     WK_OBJECTS_CONDITIONAL,
                                        WK_OBJECTS_CHECKSUM, WK_OBJECTS_HEAD,
                                        WK_OBJECTS_LIST,     WK_OBJECTS_LIST_SIZES};
    uint64_t kind = sim_rng_below(rng, 10);
    b->endpoint = kind < 6   ? SIM_ENDPOINT_BUCKET
                  : kind < 7 ? SIM_ENDPOINT_CALLBACKS
                             : SIM_ENDPOINT_DIR;
    b->caps = WK_OBJECTS_CONCURRENT;
    uint32_t missing_ppm = sim_rng_chance(rng, 600000) ? 0 : 300000;
    for (uint32_t i = 0; i < 6; i++) {
        if (!sim_rng_chance(rng, missing_ppm))
            b->caps |= optional[i];
    }
    if (!(b->caps & WK_OBJECTS_ETAG))
        b->caps &= ~(uint32_t)WK_OBJECTS_CONDITIONAL;
    if (!(b->caps & WK_OBJECTS_LIST))
        b->caps &= ~(uint32_t)WK_OBJECTS_LIST_SIZES;
    b->content_etags = sim_rng_chance(rng, 500000);
    b->latency_ns = sim_rng_log(rng, 100000, 30000000);
    b->byte_ps = sim_rng_log(rng, 100, 20000);
}

// ---- engines

static void draw_engine(struct sim_engine_plan *e, struct sim_rng *rng, uint32_t hosts,
                        uint32_t buckets) {
    static const uint32_t probes_ms[] = {0, 5, 20, 100, 100};
    static const uint32_t fresh_ms[] = {0, 10, 1000, 1000, 5000};
    static const uint32_t scrubs_ms[] = {0, 1, 50, 1000};
    e->host = (uint32_t)sim_rng_below(rng, hosts);
    e->sessions = (uint32_t)sim_rng_between(rng, 1, SIM_SESSIONS_MAX);
    e->threads = (uint32_t)sim_rng_between(rng, 1, SIM_THREADS_MAX);
    e->handles = sim_rng_chance(rng, 200000) ? 2 : 1;
    e->bucket[0] = (uint32_t)sim_rng_below(rng, buckets);
    e->bucket[1] = (uint32_t)sim_rng_below(rng, buckets);
    e->exits = (uint32_t)sim_rng_next(rng);
    e->frees_first = (uint32_t)sim_rng_next(rng);
    e->by_config = sim_rng_chance(rng, 300000);
    bool tight = sim_rng_chance(rng, 500000); // nearly every fill evicts
    e->ram_bytes =
        tight ? sim_rng_log(rng, 8u << 10, 256u << 10) : sim_rng_log(rng, 256u << 10, 64u << 20);
    e->level = sim_rng_chance(rng, 250000) ? 0 : (uint32_t)sim_rng_between(rng, 1, 4);
    e->parallel = (uint32_t)sim_rng_log(rng, 1, 32);
    e->retries = (uint32_t)sim_rng_between(rng, 0, 4);
    e->backoff_ms = (uint32_t)sim_rng_log(rng, 1, 200);
    e->tail_fresh_ms = pick(rng, fresh_ms, 5);
    e->probe_ms = pick(rng, probes_ms, 5);
    e->probe_ttl_ms = (uint32_t)sim_rng_log(rng, 1, 4000);
    e->scrub_ms = pick(rng, scrubs_ms, 4);
    e->index_nodes = 100000;
    if (sim_rng_chance(rng, 150000))
        e->index_nodes = (uint32_t)sim_rng_log(rng, 16, 1024);
    e->log_level = sim_rng_chance(rng, 300000) ? 4 : 0;
    e->first_space = (uint32_t)sim_rng_below(rng, SIM_SPACES_MAX);
}

// In most worlds nobody states a model, in some all state one or none.
static void draw_models(struct sim_plan *plan) {
    struct sim_rng rng;
    sim_rng_seed(&rng, plan->seed, "models");
    if (!sim_rng_chance(&rng, 150000))
        return;
    for (uint32_t i = 0; i < plan->engine_count; i++)
        plan->engines[i].model = (uint32_t)sim_rng_below(&rng, SIM_MODELS_MAX + 1);
}

static bool lists_a_directory(const struct sim_plan *plan, const struct sim_engine_plan *e) {
    return plan->buckets[e->bucket[0]].endpoint == SIM_ENDPOINT_DIR ||
           plan->buckets[e->bucket[1]].endpoint == SIM_ENDPOINT_DIR;
}

// Half of the engines list now and then; some have many requests at a time.
static void draw_requests(struct sim_plan *plan) {
    struct sim_rng rng;
    sim_rng_seed(&rng, plan->seed, "requests");
    for (uint32_t i = 0; i < plan->engine_count; i++) {
        struct sim_engine_plan *e = &plan->engines[i];
        uint64_t ms = sim_rng_log(&rng, 20, 20000);
        e->reconcile_ms = sim_rng_chance(&rng, 600000) ? (uint32_t)ms : 0;
        if (e->reconcile_ms > 0 && lists_a_directory(plan, e))
            e->reconcile_ms += 2000; // a walk over its directories takes many steps
        e->retry_budget = (uint32_t)sim_rng_log(&rng, 4, 256);
        if (e->reconcile_ms > 0 && sim_rng_chance(&rng, 500000))
            e->probe_ms = 0; // then nothing but listings finds what others do
        if (sim_rng_chance(&rng, 200000))
            e->parallel = WK_OBJECTS_IN_FLIGHT_MAX;
    }
}

// ---- a daemon

// Directories are seen on one host, and a host program's own store in its process only.
static bool find_bucket(const struct sim_plan *plan, struct sim_rng *rng, uint32_t *out) {
    uint32_t first = (uint32_t)sim_rng_below(rng, plan->bucket_count);
    for (uint32_t i = 0; i < plan->bucket_count; i++) {
        *out = (first + i) % plan->bucket_count;
        if (plan->buckets[*out].endpoint != SIM_ENDPOINT_CALLBACKS)
            return true;
    }
    return false;
}

// The first engine reaches it at least by its first handle.
static void draw_clients(struct sim_plan *plan, struct sim_rng *rng, uint32_t bucket) {
    for (uint32_t i = 0; i < plan->engine_count; i++) {
        struct sim_engine_plan *e = &plan->engines[i];
        e->remote_ms = (uint32_t)sim_rng_log(rng, 500, 30000);
        for (uint32_t h = 0; h < e->handles; h++) {
            bool remote = sim_rng_chance(rng, 500000);
            uint32_t via = (uint32_t)sim_rng_between(rng, SIM_VIA_TCP, SIM_VIA_HTTP);
            if (!remote && i + h > 0)
                continue;
            e->via[h] = via;
            e->bucket[h] = bucket;
        }
    }
}

// 40 % of the worlds, most of the daemons on a host of their own.
static void draw_daemon(struct sim_plan *plan) {
    struct sim_daemon_plan *d = &plan->daemon;
    struct sim_rng rng;
    uint32_t bucket;
    sim_rng_seed(&rng, plan->seed, "daemon");
    if (!sim_rng_chance(&rng, 400000) || !find_bucket(plan, &rng, &bucket))
        return;
    d->count = 1;
    draw_engine(&d->store, &rng, plan->hosts, plan->bucket_count);
    d->store.bucket[0] = bucket;
    for (uint32_t i = 0; i < plan->engine_count; i++) {
        if (plan->engines[i].model > 0)
            d->store.model = (uint32_t)sim_rng_below(&rng, SIM_MODELS_MAX + 1);
    }
    d->store.retry_budget = (uint32_t)sim_rng_log(&rng, 4, 256);
    bool away = sim_rng_chance(&rng, 700000);
    if (away && plan->buckets[bucket].endpoint == SIM_ENDPOINT_BUCKET)
        d->store.host = plan->hosts++;
    bool tokens = sim_rng_chance(&rng, 300000);
    d->tokens = tokens && plan->faults.ppm[SIM_FAULT_DISK_BIT_ROT] == 0;
    d->drain_s = (uint32_t)sim_rng_between(&rng, 1, 30);
    d->restart_ms = sim_rng_chance(&rng, 300000) ? (uint32_t)sim_rng_log(&rng, 200, 20000) : 0;
    draw_clients(plan, &rng, bucket);
}

// ---- operations

struct mix {
    enum sim_op_kind kind;
    uint32_t weight;
};

static const struct mix mixes[] = {
    {SIM_OP_TURN, 30},       {SIM_OP_PUT, 14},     {SIM_OP_PUT_HOSTILE, 2}, {SIM_OP_GET, 18},
    {SIM_OP_GET_PARTIAL, 7}, {SIM_OP_GET_INTO, 4}, {SIM_OP_CONTAINS, 4},    {SIM_OP_LOOKUP, 14},
    {SIM_OP_PUT_TAIL, 6},    {SIM_OP_GET_TAIL, 8}, {SIM_OP_RELEASE, 8},     {SIM_OP_FLUSH, 1},
    {SIM_OP_STATS, 1},       {SIM_OP_SLEEP, 5},    {SIM_OP_PUT_VALUE, 5},   {SIM_OP_GET_VALUE, 7},
    {SIM_OP_EXISTS, 3},      {SIM_OP_LIST, 2},     {SIM_OP_CLEAR, 2},       {SIM_OP_RESTORE, 2},
    {SIM_OP_READY, 1},
};

static enum sim_op_kind draw_kind(struct sim_rng *rng) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < sizeof mixes / sizeof mixes[0]; i++)
        sum += mixes[i].weight;
    uint64_t at = sim_rng_below(rng, sum);
    uint32_t i = 0;
    while (at >= mixes[i].weight)
        at -= mixes[i++].weight;
    return mixes[i].kind;
}

static void draw_op(struct sim_op *op, struct sim_rng *rng, const struct sim_plan *plan,
                    const struct sim_universe *u, uint32_t hot_chains) {
    memset(op, 0, sizeof *op);
    op->kind = (uint8_t)draw_kind(rng);
    op->engine = (uint8_t)sim_rng_below(rng, plan->engine_count);
    const struct sim_engine_plan *e = &plan->engines[op->engine];
    op->session = (uint8_t)sim_rng_below(rng, e->sessions);
    op->thread = (uint8_t)sim_rng_below(rng, e->threads);
    op->handle = (uint8_t)sim_rng_below(rng, e->handles);
    op->space = sim_rng_chance(rng, 800000) ? 0 : (uint8_t)sim_rng_below(rng, u->space_count);
    bool hot = sim_rng_chance(rng, 700000);
    op->chain = (uint16_t)sim_rng_below(rng, hot ? hot_chains : u->chain_count);
    const struct sim_chain *c = &u->chains[op->chain];
    bool whole = sim_rng_chance(rng, 600000);
    op->from = whole ? 0 : (uint16_t)sim_rng_below(rng, c->length);
    op->count = (uint16_t)(c->length - op->from);
    if (!whole)
        op->count = (uint16_t)sim_rng_between(rng, 1, op->count);
    op->version = (uint32_t)sim_rng_log(rng, 1, 64);
    op->deadline_ms = sim_rng_chance(rng, 500000) ? -1 : (int32_t)sim_rng_log(rng, 1, 4000) - 1;
    op->hold = sim_rng_chance(rng, 700000) ? 0 : (uint32_t)sim_rng_log(rng, 1, 64);
}

static void draw_ops(struct sim_plan *plan) {
    static struct sim_universe u;
    struct sim_rng rng;
    sim_rng_seed(&rng, plan->seed, "workload");
    sim_universe_shape(&u, plan->seed);
    uint32_t hot = (uint32_t)sim_rng_between(&rng, 1, u.chain_count);
    plan->op_count = (uint32_t)sim_rng_between(&rng, 100, 420);
    for (uint32_t i = 0; i < plan->op_count; i++)
        draw_op(&plan->ops[i], &rng, plan, &u, hot);
}

// ---- all

void sim_plan_draw(struct sim_plan *plan, uint64_t seed) {
    struct sim_rng rng;
    memset(plan, 0, sizeof *plan);
    plan->seed = seed;
    sim_schedule_draw(&plan->schedule, seed);
    sim_fault_plan_draw(&plan->faults, seed);
    sim_rng_seed(&rng, seed, "world");
    plan->hosts = (uint32_t)sim_rng_between(&rng, 1, 2);
    plan->bucket_count = (uint32_t)sim_rng_between(&rng, 1, SIM_BUCKETS_MAX);
    for (uint32_t i = 0; i < plan->bucket_count; i++)
        draw_bucket(&plan->buckets[i], &rng);
    for (uint32_t i = 0; i < plan->bucket_count; i++) {
        if (plan->buckets[i].endpoint == SIM_ENDPOINT_DIR)
            plan->hosts = 1; // a directory is seen on one host only
    }
    plan->engine_count = (uint32_t)sim_rng_between(&rng, 1, SIM_ENGINES_MAX);
    for (uint32_t i = 0; i < plan->engine_count; i++)
        draw_engine(&plan->engines[i], &rng, plan->hosts, plan->bucket_count);
    draw_models(plan);
    draw_requests(plan);
    draw_daemon(plan);
    plan->chaos_ms = (uint32_t)sim_rng_log(&rng, 5, 500);
    if (plan->faults.ppm[SIM_FAULT_ALLOC_KTH] > 0)
        plan->fail_after_allocations = (uint32_t)sim_rng_log(&rng, 1, 3000);
    draw_ops(plan);
}
