// SPDX-License-Identifier: Apache-2.0
// The healed world: nothing fails any more and nobody writes. Every handle that lived through the
// faults has to see what is there: all of it, and nothing else.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "daemon.h"
#include "fault.h"
#include "flight.h"
#include "pool.h"
#include "report.h"
#include "trace.h"

#define GROUP 24u

#define MS            ((uint64_t)1000000)
#define PROBE_REST    (11000 * MS) // the longest time that probes rest after failures, and a second
#define LISTING_LIMIT (600000 * MS) // one may hang in requests from before
#define PATIENCE_MAX  4u            // rests that one handle is given

// Through a daemon each miss is a request: a part stands for all.
#define REMOTE_BLOCKS 48u
#define REMOTE_CHAINS 8u
#define REMOTE_TRIES  20u // to reach a daemon that is there
#define REMOTE_REST   (1500 * MS)

// Asks in groups for every block of the namespace: present means OK, absent means a miss (the
// judges of sim_do_get_partial see to the misses).
static void verify_blocks(struct sim_thread *t, struct sim_handle *h, uint32_t handle,
                          uint32_t space) {
    const struct sim_universe *u = sim_the_universe;
    uint32_t end = u->block_count;
    if (h->via != SIM_VIA_EMBEDDED && end > REMOTE_BLOCKS)
        end = REMOTE_BLOCKS;
    for (uint32_t from = 0; from < end; from += GROUP) {
        struct sim_op op = {.kind = SIM_OP_GET_PARTIAL,
                            .handle = (uint8_t)handle,
                            .space = (uint8_t)space,
                            .count = 1,
                            .deadline_ms = -1};
        struct sim_call c;
        sim_call_blocks(&c, t, &op);
        c.count = end - from < GROUP ? end - from : GROUP;
        c.hex = sim_new(c.count * sizeof *c.hex);
        c.keys = sim_new(c.count * sizeof *c.keys);
        for (uint32_t i = 0; i < c.count; i++) {
            c.hex[i] = u->hex[from + i];
            c.keys[i] = sim_model_key(h->bucket, space, from + i, false);
        }
        sim_do_get_partial(&c);
        sim_release_due(t, true);
    }
}

static uint32_t lookup_chain(struct sim_thread *t, const struct sim_op *op) {
    struct sim_call c;
    sim_call_blocks(&c, t, op);
    return sim_do_lookup(&c);
}

static const struct sim_process *process_of_store(const struct sim_thread *t,
                                                  const struct sim_handle *h) {
    return h->via == SIM_VIA_EMBEDDED ? t->process : sim_the_daemon()->program.process;
}

// Does a probe of this handle have the time for a HEAD? Where scrubbers run every millisecond the
// rests would cost too much.
static bool probes_surely(const struct sim_thread *t, const struct sim_handle *h) {
    const struct sim_plan *plan = sim_the_plan;
    const struct sim_bucket_plan *b = &plan->buckets[h->bucket];
    const struct sim_engine_plan *e = h->plan;
    for (uint32_t i = 0; i < plan->engine_count; i++) {
        if (plan->engines[i].scrub_ms == 1)
            return false;
    }
    if (plan->daemon.count > 0 && plan->daemon.store.scrub_ms == 1)
        return false;
    return b->endpoint == SIM_ENDPOINT_BUCKET && (b->caps & WK_OBJECTS_HEAD) != 0 &&
           b->latency_ns * 3 < e->probe_ms * MS && process_of_store(t, h)->memory_failures == 0 &&
           e->index_nodes >= SIM_SPACES_MAX * SIM_BLOCKS_MAX;
}

// There all the time, and of no other model.
static bool readable(const struct sim_call *c, uint32_t i, uint64_t since_ns) {
    return sim_key_present_throughout(c->keys[i], since_ns, sim_now()) &&
           !sim_call_foreign(c, c->keys[i]);
}

// CONS-3 and CONS-13, before any get: blocks that others put are counted once "absent" has lived
// its life and the probe has rested, at least one more each time.
static void verify_fresh(struct sim_thread *t, const struct sim_handle *h, const struct sim_op *op,
                         uint32_t *patience) {
    struct sim_call c;
    sim_call_blocks(&c, t, op);
    uint64_t since = sim_now();
    uint32_t matched = lookup_chain(t, op);
    while (matched < c.count && *patience < PATIENCE_MAX && readable(&c, matched, since)) {
        uint32_t before = matched;
        (*patience)++;
        sim_sleep(h->plan->probe_ttl_ms * MS + PROBE_REST);
        matched = lookup_chain(t, op);
        if (matched <= before && readable(&c, before, since))
            sim_violate("converges",
                        "handle %" PRIu64 " still counts %u blocks of chain %u after a "
                        "rest of its probe, the next one is there for %" PRIu64 " ms",
                        h->store, matched, op->chain, (sim_now() - since) / MS);
    }
}

static void verify_fresh_all(struct sim_thread *t, const struct sim_handle *h, uint32_t handle,
                             uint32_t space) {
    uint32_t patience = 0;
    for (uint32_t chain = 0; chain < sim_the_universe->chain_count; chain++) {
        struct sim_op op = {.kind = SIM_OP_LOOKUP,
                            .handle = (uint8_t)handle,
                            .space = (uint8_t)space,
                            .chain = (uint16_t)chain,
                            .count = SIM_CHAIN_MAX,
                            .deadline_ms = -1};
        verify_fresh(t, h, &op, &patience);
    }
}

static uint64_t listings_of(const struct sim_handle *h) {
    char text[8192];
    int64_t size = wmbt_kv_stats_json(h->handle, text, sizeof text);
    const char *at = size < 0 ? NULL : strstr(text, "\"reconciles\":");
    return at == NULL ? 0 : strtoull(at + strlen("\"reconciles\":"), NULL, 10);
}

static bool lists_surely(const struct sim_thread *t, const struct sim_handle *h) {
    const uint32_t need = WK_OBJECTS_LIST | WK_OBJECTS_HEAD;
    const struct sim_bucket_plan *b = &sim_the_plan->buckets[h->bucket];
    const struct sim_engine_plan *e = t->engine->plan;
    return h->via == SIM_VIA_EMBEDDED && e->reconcile_ms > 0 && e->scrub_ms != 1 &&
           b->endpoint == SIM_ENDPOINT_BUCKET && (b->caps & need) == need &&
           t->process->memory_failures == 0 && sim_fault_count(SIM_FAULT_THREAD_START) == 0 &&
           e->index_nodes >= SIM_SPACES_MAX * SIM_BLOCKS_MAX;
}

// One of the blocks that are there; nobody tells the handle.
static void third_party_deletes(const struct sim_handle *h, uint32_t space) {
    struct sim_bucket *b = sim_bucket(h->bucket == 0 ? "bucket-0" : "bucket-1");
    for (uint32_t i = 0; i < b->count; i++) {
        const struct sim_object *o = b->objects[i];
        const struct sim_key *key = sim_model_key_of(b, o->key);
        if (key == NULL || key->tail || key->space != space || sim_bucket_find(b, o->key) == NULL)
            continue;
        sim_event("third.delete", o->key, 0, 0);
        sim_bucket_delete(b, o->key);
        return;
    }
}

// CONS-14, before any get: after a LIST of the healed world nothing is known of what is gone.
static void verify_listed(struct sim_thread *t, const struct sim_handle *h, uint32_t handle) {
    const struct sim_universe *u = sim_the_universe;
    uint32_t space = t->engine->plan->first_space % u->space_count;
    if (u->spaces[space][0] == 0)
        return; // an empty setting is none: the handle lists "default"
    third_party_deletes(h, space);
    uint64_t since = sim_now();
    uint64_t wanted = listings_of(h) + 2; // one may have begun before
    while (listings_of(h) < wanted) {
        sim_sleep(t->engine->plan->reconcile_ms * MS / 2);
        if (sim_now() - since > LISTING_LIMIT + 3ull * t->engine->plan->reconcile_ms * MS)
            sim_violate("converges", "no two listings in a healed world");
    }
    for (uint32_t i = 0; i < u->block_count; i++) {
        wmbt_kv_block_result result;
        const char *hex = u->hex[i];
        const struct sim_key *key = sim_model_key(h->bucket, space, i, false);
        if (sim_key_present_sometime(key, since, sim_now()))
            continue;
        int64_t rc = wmbt_kv_contains_blocks(t->engine->handles[handle]->handle, u->spaces[space],
                                             &hex, 1, -1, &result);
        if (rc > 0 && !sim_key_present_sometime(key, since, sim_now()))
            sim_violate("converges", "block %u is gone, and counts after two listings", i);
    }
}

// After the gets above the index knows what was there all the time since. One of them may have
// been given without being remembered (somebody else touched its stripe meanwhile), so those that
// are not counted are asked for once more.
static void verify_lookup(struct sim_thread *t, uint32_t handle, uint32_t space, uint32_t chain,
                          uint64_t since_ns) {
    struct sim_op op = {.kind = SIM_OP_LOOKUP,
                        .handle = (uint8_t)handle,
                        .space = (uint8_t)space,
                        .chain = (uint16_t)chain,
                        .count = SIM_CHAIN_MAX,
                        .deadline_ms = -1};
    struct sim_call c;
    sim_call_blocks(&c, t, &op);
    uint32_t present = 0;
    while (present < c.count && readable(&c, present, since_ns))
        present++;
    uint32_t matched = lookup_chain(t, &op);
    if (matched >= present)
        return;
    op.count = (uint16_t)present;
    sim_call_blocks(&c, t, &op);
    sim_do_get(&c);
    sim_release_due(t, true);
    matched = lookup_chain(t, &op);
    const struct sim_handle *h = t->engine->handles[handle];
    bool forgets = process_of_store(t, h)->memory_failures > 0 ||
                   h->plan->index_nodes < SIM_SPACES_MAX * SIM_BLOCKS_MAX;
    if (matched < present && !forgets)
        sim_violate("converges", "lookup counts %u blocks of chain %u, %u are there", matched,
                    chain, present);
}

static void verify_tail(struct sim_thread *t, uint32_t handle, uint32_t space, uint32_t chain) {
    struct sim_op op = {.kind = SIM_OP_GET_TAIL,
                        .handle = (uint8_t)handle,
                        .space = (uint8_t)space,
                        .chain = (uint16_t)chain,
                        .count = SIM_CHAIN_MAX};
    struct sim_call c;
    sim_call_blocks(&c, t, &op);
    sim_do_get_tail(&c);
    sim_release_due(t, true);
}

static void verify_put(struct sim_thread *t, uint32_t handle, uint32_t version) {
    struct sim_op op = {
        .kind = SIM_OP_PUT, .handle = (uint8_t)handle, .count = SIM_CHAIN_MAX, .deadline_ms = -1};
    struct sim_call c;
    sim_call_blocks(&c, t, &op);
    sim_do_put(&c, version);
    sim_do_get(&c);
    sim_release_due(t, true);
}

// What one handle found absent, the other one puts: the first has to count it before long.
static void verify_between(struct sim_thread *t, uint32_t version) {
    const struct sim_universe *u = sim_the_universe;
    const struct sim_handle *reader = t->engine->handles[0];
    if (reader->bucket != t->engine->handles[1]->bucket || !probes_surely(t, reader))
        return;
    for (uint32_t i = 0; i < u->space_count * u->chain_count; i++) {
        struct sim_op op = {.kind = SIM_OP_LOOKUP,
                            .space = (uint8_t)(i % u->space_count),
                            .chain = (uint16_t)(i / u->space_count),
                            .count = SIM_CHAIN_MAX,
                            .deadline_ms = -1};
        struct sim_call c;
        sim_call_blocks(&c, t, &op);
        uint32_t there = 0;
        while (there < c.count && sim_key_present_sometime(c.keys[there], sim_now(), sim_now()))
            there++;
        if (there == c.count)
            continue;
        (void)sim_do_lookup(&c);
        op.handle = 1;
        sim_call_blocks(&c, t, &op);
        sim_do_put(&c, version);
        op.handle = 0;
        uint32_t patience = 0;
        verify_fresh(t, reader, &op, &patience);
        return;
    }
}

// CONS-8, RPC-12: nothing is in the way any more. What a handle has from before, connections that
// died and a pause that runs, costs it a few calls.
static void find_daemon(const struct sim_handle *h) {
    for (uint32_t i = 0; i < REMOTE_TRIES; i++) {
        size_t matched = 0;
        const char *hex = sim_the_universe->hex[0];
        if (wmbt_kv_lookup_block_prefix(h->handle, sim_the_universe->spaces[0], &hex, 1, &matched,
                                        NULL, 0) == 0)
            return;
        sim_sleep(REMOTE_REST);
    }
    sim_violate("converges", "a daemon is not reached %u times in a healed world: %s", REMOTE_TRIES,
                wmbt_kv_last_error());
}

void sim_verify(struct sim_thread *t) {
    const struct sim_engine *e = t->engine;
    for (uint32_t i = 0; i < e->plan->handles; i++) {
        struct sim_handle *h = e->handles[i];
        if (h == NULL)
            sim_violate("converges", "a handle cannot be opened in a healed world");
        uint32_t chains = sim_the_universe->chain_count;
        if (h->via != SIM_VIA_EMBEDDED) {
            find_daemon(h);
            chains = chains < REMOTE_CHAINS ? chains : REMOTE_CHAINS;
        }
        if (lists_surely(t, h))
            verify_listed(t, h, i);
        for (uint32_t space = 0; space < sim_the_universe->space_count; space++) {
            if (probes_surely(t, h))
                verify_fresh_all(t, h, i, space);
            uint64_t since = sim_now();
            verify_blocks(t, h, i, space);
            for (uint32_t chain = 0; chain < chains; chain++) {
                verify_lookup(t, i, space, chain, since);
                verify_tail(t, i, space, chain);
            }
        }
        verify_put(t, i, 500 + e->index);
    }
    if (e->plan->handles == 2)
        verify_between(t, 600 + e->index);
}
