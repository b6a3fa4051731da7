// SPDX-License-Identifier: Apache-2.0
// Puts. Payloads are copied for the call and overwritten right after it: inputs are borrowed for
// the call only.
#include <inttypes.h>
#include <string.h>

#include "calls.h"
#include "pool.h"
#include "report.h"
#include "trace.h"

// A put through a daemon is the daemon's once it is acknowledged. Until then it is nobody's: it may
// run twice, or long after its call.
static uint64_t writer_of(const struct sim_call *c) {
    return c->remote ? sim_store_number() : c->store;
}

void sim_begin_writes(struct sim_call *c, struct sim_write **writes, uint32_t count) {
    struct sim_engine *e = c->thread->engine;
    e->under_way[c->thread->index] = writes;
    e->under_way_count[c->thread->index] = count;
    c->seen->putting++;
    c->seen->puts_begun++;
}

void sim_end_writes(struct sim_call *c, bool done) {
    struct sim_engine *e = c->thread->engine;
    for (uint32_t i = 0; i < e->under_way_count[c->thread->index]; i++) {
        struct sim_write *w = e->under_way[c->thread->index][i];
        if (done)
            w->store = c->store;
        sim_model_end(w, done);
    }
    e->under_way_count[c->thread->index] = 0;
    c->seen->putting--;
    c->seen->put_ended_ns = sim_now();
    c->seen->put_failed = c->seen->put_failed || (c->remote && !done);
}

void sim_writes_orphaned(struct sim_engine *e) {
    for (uint32_t t = 0; t < SIM_THREADS_MAX; t++) {
        for (uint32_t i = 0; i < e->under_way_count[t]; i++)
            sim_model_end(e->under_way[t][i], false);
        e->under_way_count[t] = 0;
    }
}

static void scribble(const uint8_t *const *payloads, const size_t *sizes, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        memset((uint8_t *)(uintptr_t)payloads[i], 0xee, sizes[i]);
}

// Of a hash that occurs twice in one call the last payload counts; both are the same version here.
void sim_do_put(struct sim_call *c, uint32_t version) {
    if (c->count == 0)
        return;
    const uint8_t **payloads = sim_new(c->count * sizeof *payloads);
    size_t *sizes = sim_new(c->count * sizeof *sizes);
    struct sim_write **writes = sim_new(c->count * sizeof(struct sim_write *));
    struct sim_value *values = sim_new(c->count * sizeof *values);
    int64_t sum = 0;
    sim_call_begin(c, SIM_OP_PUT, -1);
    uint64_t writer = writer_of(c);
    for (uint32_t i = 0; i < c->count; i++) {
        values[i] = sim_block_value(sim_the_universe, c->op->space, c->keys[i]->block, version);
        payloads[i] = sim_copy(values[i].bytes, values[i].size);
        sizes[i] = values[i].size;
        sum += (int64_t)values[i].size;
        writes[i] = sim_model_begin(c->keys[i], values[i], writer);
        writes[i]->model = c->plan->model;
    }
    sim_begin_writes(c, writes, c->count);
    int64_t rc = wmbt_kv_put_kv_blocks(c->handle->handle, sim_the_universe->spaces[c->op->space],
                                       c->hex, payloads, sizes, c->count);
    sim_call_end(c, rc, 0);
    scribble(payloads, sizes, c->count);
    sim_end_writes(c, rc >= 0);
    if (rc < 0)
        return;
    if (rc != sum)
        sim_violate("abi", "put returned %" PRId64 ", its payloads have %" PRId64 " bytes", rc,
                    sum);
    for (uint32_t i = 0; i < c->count; i++)
        sim_call_verdict(c, sim_judge_put(c->keys[i], values[i], c->start_ns, c->end_ns),
                         c->keys[i]);
}

void sim_do_put_tail(struct sim_call *c, uint32_t version) {
    if (c->count == 0)
        return;
    const struct sim_key *of = c->keys[c->count - 1];
    struct sim_key *key = sim_model_key(of->bucket, of->space, of->block, true);
    struct sim_value value = sim_tail_value(sim_the_universe, c->op->space, of->block, version);
    const uint8_t *payload = sim_copy(value.bytes, value.size);
    size_t size = value.size;
    struct sim_write **writes = sim_new(sizeof(struct sim_write *));
    char text[64] = "";
    sim_call_begin(c, SIM_OP_PUT_TAIL, -1);
    writes[0] = sim_model_begin(key, value, writer_of(c));
    writes[0]->model = c->plan->model;
    sim_begin_writes(c, writes, 1);
    int32_t rc = wmbt_kv_put_raw_tail(c->handle->handle, sim_the_universe->spaces[c->op->space],
                                      c->hex[c->count - 1], payload, size, text, sizeof text);
    sim_call_end(c, rc, 0);
    scribble(&payload, &size, 1);
    sim_end_writes(c, rc == 0);
    if (rc == 0)
        sim_call_verdict(c, sim_judge_put(key, value, c->start_ns, c->end_ns), key);
    else if (wmbt_kv_last_status() == WMBT_KV_STATUS_CONFLICT)
        sim_call_verdict(c, "stored: refused for a conflict, but the last put of a tail counts",
                         key);
}
