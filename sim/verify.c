// SPDX-License-Identifier: Apache-2.0
// The healed world: nothing fails any more and nobody writes. Every handle that lived through the
// faults has to see what is there: all of it, and nothing else.
#include <inttypes.h>
#include <string.h>

#include "calls.h"
#include "flight.h"
#include "pool.h"
#include "report.h"

#define GROUP 24u

#define MS           ((uint64_t)1000000)
#define PROBE_REST   (11000 * MS) // the longest time that probes rest after failures, and a second
#define PATIENCE_MAX 4u           // rests that one handle is given

// Asks in groups for every block of the namespace: present means OK, absent means a miss (the
// judges of sim_do_get_partial see to the misses).
static void verify_blocks(struct sim_thread *t, struct sim_handle *h, uint32_t handle,
                          uint32_t space) {
    const struct sim_universe *u = sim_the_universe;
    for (uint32_t from = 0; from < u->block_count; from += GROUP) {
        struct sim_op op = {.kind = SIM_OP_GET_PARTIAL,
                            .handle = (uint8_t)handle,
                            .space = (uint8_t)space,
                            .count = 1,
                            .deadline_ms = -1};
        struct sim_call c;
        sim_call_blocks(&c, t, &op);
        c.count = u->block_count - from < GROUP ? u->block_count - from : GROUP;
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

// Does a probe of this handle have the time for a HEAD? Where scrubbers run every millisecond the
// rests would cost too much.
static bool probes_surely(const struct sim_thread *t, const struct sim_handle *h) {
    const struct sim_plan *plan = sim_the_plan;
    const struct sim_bucket_plan *b = &plan->buckets[h->bucket];
    const struct sim_engine_plan *e = t->engine->plan;
    for (uint32_t i = 0; i < plan->engine_count; i++) {
        if (plan->engines[i].scrub_ms == 1)
            return false;
    }
    return b->endpoint == SIM_ENDPOINT_BUCKET && (b->caps & WK_OBJECTS_HEAD) != 0 &&
           b->latency_ns * 3 < e->probe_ms * MS && t->process->memory_failures == 0 &&
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
        sim_sleep(t->engine->plan->probe_ttl_ms * MS + PROBE_REST);
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
    bool forgets = t->process->memory_failures > 0 ||
                   t->engine->plan->index_nodes < SIM_SPACES_MAX * SIM_BLOCKS_MAX;
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

void sim_verify(struct sim_thread *t) {
    const struct sim_engine *e = t->engine;
    for (uint32_t i = 0; i < e->plan->handles; i++) {
        struct sim_handle *h = e->handles[i];
        if (h == NULL)
            sim_violate("converges", "a handle cannot be opened in a healed world");
        for (uint32_t space = 0; space < sim_the_universe->space_count; space++) {
            if (probes_surely(t, h))
                verify_fresh_all(t, h, i, space);
            uint64_t since = sim_now();
            verify_blocks(t, h, i, space);
            for (uint32_t chain = 0; chain < sim_the_universe->chain_count; chain++) {
                verify_lookup(t, i, space, chain, since);
                verify_tail(t, i, space, chain);
            }
        }
        verify_put(t, i, 500 + e->index);
    }
    if (e->plan->handles == 2)
        verify_between(t, 600 + e->index);
}
