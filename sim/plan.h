/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that is decided before a seed runs: schedule, faults, world, and every operation of
 * every thread, as plain data. A plan is drawn from a seed, or read from a scenario file; the
 * shrinker makes smaller plans of it. What happens while it runs comes from streams of its seed.
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include <stdio.h>

#include "fault.h"
#include "sched.h"

#define SIM_ENGINES_MAX  4u
#define SIM_BUCKETS_MAX  2u
#define SIM_SESSIONS_MAX 6u
#define SIM_THREADS_MAX  3u
#define SIM_MODELS_MAX   2u
#define SIM_OPS_MAX      1200u

enum sim_op_kind {
    SIM_OP_TURN, /* what an engine does: lookup, get what is there, put the rest, put the tail */
    SIM_OP_PUT,
    SIM_OP_PUT_HOSTILE, /* blocks of other chains in between, repeated, out of order */
    SIM_OP_GET,
    SIM_OP_GET_PARTIAL,
    SIM_OP_GET_INTO,
    SIM_OP_CONTAINS,
    SIM_OP_LOOKUP,
    SIM_OP_PUT_TAIL,
    SIM_OP_GET_TAIL,
    SIM_OP_RELEASE, /* the oldest borrow that the thread still holds */
    SIM_OP_FLUSH,
    SIM_OP_STATS,
    SIM_OP_SLEEP,
    /* what a daemon asks of the store, past the ABI */
    SIM_OP_PUT_VALUE,
    SIM_OP_GET_VALUE,
    SIM_OP_EXISTS,
    SIM_OP_LIST,
    SIM_OP_CLEAR,
    SIM_OP_RESTORE,
    SIM_OP_READY,
    SIM_OP_COUNT
};

struct sim_op {
    uint8_t kind;
    uint8_t engine;
    uint8_t session;
    uint8_t thread;
    uint8_t handle;
    uint8_t space; /* namespace */
    uint16_t chain;
    uint16_t from;
    uint16_t count;
    uint32_t version;    /* puts: which bytes */
    int32_t deadline_ms; /* -1: none */
    uint32_t hold;       /* gets: keep the borrow for so many operations of the thread */
};

/* How a handle reaches its store. */
enum sim_via { SIM_VIA_EMBEDDED, SIM_VIA_TCP, SIM_VIA_HTTP, SIM_VIA_COUNT };

enum sim_endpoint { SIM_ENDPOINT_BUCKET, SIM_ENDPOINT_CALLBACKS, SIM_ENDPOINT_DIR };

struct sim_bucket_plan {
    enum sim_endpoint endpoint;
    uint32_t caps;
    bool content_etags;
    uint64_t latency_ns;
    uint64_t byte_ps;
};

struct sim_engine_plan {
    uint32_t host;
    uint32_t sessions;
    uint32_t threads;
    uint32_t handles;     /* 1 or 2 */
    uint32_t bucket[2];   /* of each handle */
    uint32_t exits;       /* bit s: the process ends after session s */
    uint32_t frees_first; /* bit s: frees handles with borrows held */
    uint32_t by_config;   /* opened with wmbt_kv_open, not variables */
    uint64_t ram_bytes;
    uint32_t level; /* 0: no compression */
    uint32_t parallel;
    uint32_t retries;
    uint32_t backoff_ms;
    uint32_t tail_fresh_ms;
    uint32_t probe_ms;
    uint32_t probe_ttl_ms;
    uint32_t scrub_ms;
    uint32_t index_nodes;
    uint32_t log_level;
    uint32_t first_space;
    uint32_t model; /* stated with each block; 0: nothing is */
    uint32_t reconcile_ms;
    uint32_t retry_budget;
    uint32_t via[2];    /* enum sim_via, of each handle; not EMBEDDED: the bucket is the daemon's */
    uint32_t remote_ms; /* how long its remote calls wait for progress */
};

/* A daemon over one of the buckets. */
struct sim_daemon_plan {
    uint32_t count; /* 0 or 1 */
    uint32_t tokens;
    uint32_t drain_s;
    uint32_t restart_ms;          /* mean time between orderly restarts; 0: none */
    struct sim_engine_plan store; /* its host, its bucket[0] and what concerns a store */
};

struct sim_plan {
    uint64_t seed;
    struct sim_schedule schedule;
    struct sim_fault_plan faults;
    uint32_t hosts;
    uint32_t bucket_count;
    struct sim_bucket_plan buckets[SIM_BUCKETS_MAX];
    uint32_t engine_count;
    struct sim_engine_plan engines[SIM_ENGINES_MAX];
    struct sim_daemon_plan daemon;
    uint32_t chaos_ms;               /* mean time between the ticks of the world's mischief */
    uint32_t fail_after_allocations; /* memory.kth_allocation: where, in some process; 0 nowhere */
    uint32_t op_count;
    struct sim_op ops[SIM_OPS_MAX];
};

void sim_plan_draw(struct sim_plan *plan, uint64_t seed);
const char *sim_op_name(enum sim_op_kind kind);

/* Text, one item a line; reading it back gives the same plan. False, and a message, if it is not.
 */
void sim_plan_write(const struct sim_plan *plan, FILE *to);
bool sim_plan_read(struct sim_plan *plan, FILE *from, const char *name);

#endif
