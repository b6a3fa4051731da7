// SPDX-License-Identifier: Apache-2.0
// Gets, lookups and tails: the call, and what its answer must be.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "daemon.h"
#include "fault.h"
#include "memory_rot.h"
#include "pool.h"
#include "report.h"
#include "trace.h"

// ---- leases

static uint64_t digest_all(const uint8_t *const *bytes, const size_t *sizes, size_t count) {
    uint64_t digest = count;
    for (size_t i = 0; i < count; i++) {
        uint64_t pair[2] = {digest, bytes[i] == NULL ? 0 : sim_digest(bytes[i], sizes[i])};
        digest = sim_digest(pair, sizeof pair);
    }
    return digest;
}

// Memory may have rotted since the call returned: what the bytes are counts from here on.
static void keep(const struct sim_call *c, wmbt_kv_borrow_t *borrow, const uint8_t *const *bytes,
                 const size_t *sizes, size_t count) {
    struct sim_engine *e = c->thread->engine;
    struct sim_lease *l = sim_new(sizeof *l);
    l->borrow = borrow;
    l->remote = c->remote;
    l->bytes = bytes;
    l->sizes = sizes;
    if (count == 1) { // the arrays of a tail are our own
        l->single[0] = bytes[0];
        l->single_size[0] = sizes[0];
        l->bytes = l->single;
        l->sizes = l->single_size;
    }
    l->count = count;
    l->digest = digest_all(l->bytes, l->sizes, count);
    l->until_op = e->done_ops[c->thread->index] + c->op->hold;
    l->next = e->leases[c->thread->index];
    e->leases[c->thread->index] = l;
}

void sim_release_lease(struct sim_engine *engine, struct sim_lease *lease) {
    const char *why =
        sim_judge_lease(lease->digest, digest_all(lease->bytes, lease->sizes, lease->count));
    if (why != NULL)
        sim_violate("lease", "%s while %zu blocks were borrowed", why + 7, lease->count);
    sim_event("release", NULL, lease->count, lease->digest);
    if (!lease->remote)
        sim_memory_rot(engine, lease);
    wmbt_kv_release_borrow(lease->borrow);
}

void sim_release_due(struct sim_thread *thread, bool all) {
    struct sim_engine *e = thread->engine;
    struct sim_lease **link = &e->leases[thread->index];
    while (*link != NULL) {
        struct sim_lease *l = *link;
        if (!all && l->until_op > e->done_ops[thread->index]) {
            link = &l->next;
            continue;
        }
        *link = l->next;
        sim_release_lease(e, l);
    }
}

// ---- blocks

// CONS-18: what a get after a clear gives was in the bucket since then.
static void judge_cleared(const struct sim_call *c, const struct sim_key *key,
                          struct sim_value value) {
    const struct sim_seen *h = c->seen;
    if (h->clear_ended_ns != 0 && h->clear_ended_ns < c->start_ns && key->tracked &&
        !sim_key_held(key, value, h->cleared_ns, c->end_ns))
        sim_call_verdict(c, "fresh: older than the last clear of the cache", key);
}

static void judge_hit(const struct sim_call *c, uint32_t i, const uint8_t *bytes, size_t size) {
    struct sim_value value = sim_memory_unrotten(c->keys[i], (struct sim_value){bytes, size});
    sim_call_verdict(c, sim_judge_model(c->keys[i], value, c->plan->model), c->keys[i]);
    sim_call_verdict(c, sim_judge_hit(c->keys[i], value, c->store, c->start_ns, c->end_ns),
                     c->keys[i]);
    judge_cleared(c, c->keys[i], value);
}

static const char *why_no_miss(const struct sim_call *c, const struct sim_key *key) {
    bool excused = sim_call_excused(c) || sim_call_foreign(c, key);
    return sim_judge_miss(key, excused, c->start_ns, c->end_ns);
}

static void judge_miss(const struct sim_call *c, uint32_t i) {
    const struct sim_key *key = c->keys[i];
    sim_call_verdict(c, why_no_miss(c, key), key);
    if (c->healed && !sim_call_foreign(c, key) &&
        sim_key_present_throughout(key, c->start_ns, c->end_ns))
        sim_call_verdict(c, "converges: a miss in the healed world of what is there", key);
}

// ---- what gets do to the index

static void begin_get(struct sim_call *c, enum sim_op_kind kind, int64_t deadline_ms) {
    sim_call_begin(c, kind, deadline_ms);
    for (uint32_t i = 0; i < c->count; i++)
        c->seen->asking[c->keys[i]->space][c->keys[i]->block]++;
}

// `all`: every block was found.
static void end_get(struct sim_call *c, int64_t rc, uint64_t digest, bool all) {
    sim_call_end(c, rc, digest);
    for (uint32_t i = 0; i < c->count; i++) {
        const struct sim_key *key = c->keys[i];
        c->seen->asking[key->space][key->block]--;
        if (!all)
            c->seen->missed_ns[key->space][key->block] = c->end_ns;
    }
}

// The index has to let go of a block that a get missed, unless a put beside it knows better, or a
// listing that began later shows an older moment.
static void block_gone(const struct sim_call *c, uint32_t i) {
    const struct sim_key *key = c->keys[i];
    bool beside_put = c->beside_put || c->seen->putting > 0 ||
                      c->seen->put_ended_ns >= c->start_ns || c->seen->put_failed ||
                      sim_call_lingers(c);
    if (!beside_put && sim_fault_count(SIM_FAULT_OBJECT_STALE_LIST) == 0 &&
        !sim_call_foreign(c, key))
        c->seen->gone_ns[key->space][key->block] = c->start_ns;
}

void sim_do_get(struct sim_call *c) {
    const uint8_t **bytes = (const uint8_t **)(uintptr_t)1;
    const size_t *sizes = NULL;
    wmbt_kv_borrow_t *borrow = NULL;
    begin_get(c, SIM_OP_GET, -1);
    int32_t rc =
        wmbt_kv_get_kv_blocks_borrowed(c->handle->handle, sim_the_universe->spaces[c->op->space],
                                       c->hex, c->count, &bytes, &sizes, &borrow);
    uint64_t digest = rc == 1 ? digest_all(bytes, sizes, c->count) : 0;
    end_get(c, rc, digest, rc == 1);
    if (rc != 1) {
        if ((uintptr_t)bytes != 1 || sizes != NULL || borrow != NULL)
            sim_violate("abi", "get returned %d and wrote to its outputs", rc);
        uint32_t could_miss = 0;
        for (uint32_t i = 0; rc == 0 && i < c->count; i++)
            could_miss += why_no_miss(c, c->keys[i]) == NULL;
        if (rc == 0 && could_miss == 0)
            judge_miss(c, 0);
        if (rc == 0 && c->count == 1)
            block_gone(c, 0);
        return;
    }
    for (uint32_t i = 0; i < c->count; i++)
        judge_hit(c, i, bytes[i], sizes[i]);
    keep(c, borrow, bytes, sizes, c->count);
}

static void judge_healed(const struct sim_call *c, uint32_t i, int32_t status) {
    if (c->healed && status != WMBT_KV_STATUS_OK && status != WMBT_KV_STATUS_MISS &&
        status != WMBT_KV_STATUS_TOO_LARGE)
        sim_violate("converges", "%s: block %u has status %d in the healed world",
                    sim_op_name(c->kind), i, status);
}

static void judge_result(const struct sim_call *c, uint32_t i, const wmbt_kv_block_result *r) {
    bool deadline = c->deadline_ms >= 0;
    // A question that failed is a miss to contains: only without faults it has to know.
    if (r->status == WMBT_KV_STATUS_MISS && (c->kind != SIM_OP_CONTAINS || c->healed))
        judge_miss(c, i);
    else if (r->status < 0 || r->status > WMBT_KV_STATUS_INTERNAL ||
             (r->status == WMBT_KV_STATUS_INVALID && !deadline))
        sim_violate("abi", "%s: block %u has status %d", sim_op_name(c->kind), i, r->status);
    if (r->status == WMBT_KV_STATUS_MISS && r->tier != WMBT_KV_TIER_NONE)
        sim_violate("abi", "%s: block %u has status %d and tier %d", sim_op_name(c->kind), i,
                    r->status, r->tier);
    if (r->status == WMBT_KV_STATUS_MISS && c->kind != SIM_OP_CONTAINS)
        block_gone(c, i);
    bool answered = r->status == WMBT_KV_STATUS_OK || r->status == WMBT_KV_STATUS_MISS ||
                    r->status == WMBT_KV_STATUS_TOO_LARGE ||
                    (r->status == WMBT_KV_STATUS_TIMEOUT && deadline);
    if (!answered && !sim_call_may_fail(c, r->status))
        sim_violate("available", "%s: block %u has status %d though nothing has failed",
                    sim_op_name(c->kind), i, r->status);
    judge_healed(c, i, r->status);
}

static int64_t count_ok(const wmbt_kv_block_result *results, uint32_t count) {
    int64_t ok = 0;
    for (uint32_t i = 0; i < count; i++)
        ok += results[i].status == WMBT_KV_STATUS_OK;
    return ok;
}

void sim_do_get_partial(struct sim_call *c) {
    wmbt_kv_block_result *results = sim_new(c->count * sizeof *results);
    const uint8_t **bytes = NULL;
    const size_t *sizes = NULL;
    wmbt_kv_borrow_t *borrow = NULL;
    begin_get(c, SIM_OP_GET_PARTIAL, c->op->deadline_ms);
    int64_t rc = wmbt_kv_get_kv_blocks_partial(
        c->handle->handle, sim_the_universe->spaces[c->op->space], c->hex, c->count, c->deadline_ms,
        results, &bytes, &sizes, &borrow);
    uint64_t digest = rc >= 0 ? digest_all(bytes, sizes, c->count) : 0;
    end_get(c, rc, digest, rc == c->count);
    if (rc < 0)
        return;
    if (rc != count_ok(results, c->count))
        sim_violate("abi", "partial get returned %" PRId64 ", not the number of its blocks", rc);
    for (uint32_t i = 0; i < c->count; i++) {
        judge_result(c, i, &results[i]);
        if (results[i].status != WMBT_KV_STATUS_OK)
            continue;
        if (results[i].length != sizes[i])
            sim_violate("abi", "partial get: two lengths for block %u", i);
        judge_hit(c, i, bytes[i], sizes[i]);
    }
    keep(c, borrow, bytes, sizes, c->count);
}

void sim_do_get_into(struct sim_call *c) {
    wmbt_kv_block_result *results = sim_new(c->count * sizeof *results);
    uint8_t **buffers = sim_new(c->count * sizeof *buffers);
    size_t *capacities = sim_new(c->count * sizeof *capacities);
    for (uint32_t i = 0; i < c->count; i++) { // one in five is too small for most versions
        capacities[i] = sim_the_universe->sizes[c->keys[i]->block] + 97;
        if (i % 5 == 4)
            capacities[i] = capacities[i] / 2;
        buffers[i] = sim_new(capacities[i] + 8);
        memset(buffers[i] + capacities[i], 0x5a, 8);
    }
    begin_get(c, SIM_OP_GET_INTO, c->op->deadline_ms);
    int64_t rc =
        wmbt_kv_get_kv_blocks_into(c->handle->handle, sim_the_universe->spaces[c->op->space],
                                   c->hex, c->count, c->deadline_ms, buffers, capacities, results);
    end_get(c, rc, 0, rc == c->count);
    if (rc < 0)
        return;
    if (rc != count_ok(results, c->count))
        sim_violate("abi", "get into returned %" PRId64 ", not the number of its blocks", rc);
    for (uint32_t i = 0; i < c->count; i++) {
        for (uint32_t k = 0; k < 8; k++) {
            if (buffers[i][capacities[i] + k] != 0x5a)
                sim_violate("abi", "get into wrote past buffer %u", i);
        }
        judge_result(c, i, &results[i]);
        if (results[i].status == WMBT_KV_STATUS_OK)
            judge_hit(c, i, buffers[i], results[i].length);
        if (results[i].status == WMBT_KV_STATUS_TOO_LARGE && results[i].length <= capacities[i])
            sim_violate("abi", "get into: block %u fits and was refused", i);
    }
}

static uint64_t listing_reach_ns(const struct sim_call *c) {
    uint64_t oldest = 31ull * 1000000000u; // how far back a stale listing may look
    return c->opened_ns > oldest ? c->opened_ns - oldest : 0;
}

void sim_do_contains(struct sim_call *c) {
    wmbt_kv_block_result *results = sim_new(c->count * sizeof *results);
    sim_call_begin(c, SIM_OP_CONTAINS, c->op->deadline_ms);
    int64_t rc = wmbt_kv_contains_blocks(c->handle->handle, sim_the_universe->spaces[c->op->space],
                                         c->hex, c->count, c->deadline_ms, results);
    sim_call_end(c, rc, 0);
    for (uint32_t i = 0; rc >= 0 && i < c->count; i++) {
        judge_result(c, i, &results[i]);
        if (results[i].status == WMBT_KV_STATUS_OK &&
            !sim_key_present_sometime(c->keys[i], listing_reach_ns(c), c->end_ns))
            sim_call_verdict(c, "lookup: contains a block that was never there", c->keys[i]);
    }
}

// A full index, or one that got no memory, forgets, and so does one that saw another model.
static bool may_forget(const struct sim_call *c) {
    for (uint32_t i = 0; i < c->count; i++) {
        if (sim_call_foreign(c, c->keys[i]))
            return true;
    }
    if (c->remote) // calls that were given up go on there, and may find a damaged body later
        return sim_call_damaged() || c->seen->put_failed || sim_call_lingers(c) ||
               sim_the_daemon()->program.process->memory_failures > 0 ||
               c->plan->index_nodes < SIM_SPACES_MAX * SIM_BLOCKS_MAX;
    return c->thread->process->memory_failures > 0 ||
           c->plan->index_nodes < SIM_SPACES_MAX * SIM_BLOCKS_MAX;
}

uint32_t sim_do_lookup(struct sim_call *c) {
    char text[64] = "";
    size_t matched = SIZE_MAX;
    sim_call_begin(c, SIM_OP_LOOKUP, -1);
    int32_t rc =
        wmbt_kv_lookup_block_prefix(c->handle->handle, sim_the_universe->spaces[c->op->space],
                                    c->hex, c->count, &matched, text, sizeof text);
    sim_call_end(c, rc, matched);
    if (rc != 0) {
        if (rc != -1 || matched != SIZE_MAX || text[0] == 0)
            sim_violate("abi", "lookup returned %d, matched %zu, \"%s\"", rc, matched, text);
        return 0;
    }
    if (text[0] != 0)
        sim_violate("abi", "lookup wrote an error and succeeded: %s", text);
    uint64_t *missed = sim_new(c->count * sizeof *missed);
    uint64_t *gone = sim_new(c->count * sizeof *gone);
    for (uint32_t i = 0; i < c->count; i++) {
        const struct sim_key *key = c->keys[i];
        bool asking = c->seen->asking[key->space][key->block] > 0; // it may be on its way out
        missed[i] = asking ? c->end_ns : c->seen->missed_ns[key->space][key->block];
        gone[i] = c->seen->gone_ns[key->space][key->block];
    }
    struct sim_lookup l = {c->keys, c->count, (uint32_t)matched,   c->store,
                           missed,  gone,     listing_reach_ns(c), may_forget(c)};
    uint32_t at = 0;
    const char *why = sim_judge_lookup(&l, c->start_ns, c->end_ns, &at);
    sim_call_verdict(c, why, c->keys[at < c->count ? at : 0]);
    return (uint32_t)matched;
}

// ---- tails

void sim_judge_tail_answer(struct sim_call *c, struct sim_key *key, struct sim_value value) {
    uint64_t fresh = c->plan->tail_fresh_ms * 1000000ull;
    fresh += fresh / 1000; // clocks drift
    if (value.bytes != NULL)
        value = sim_memory_unrotten(key, value);
    sim_call_verdict(c, sim_judge_model(key, value, c->plan->model), key);
    bool excused = sim_call_excused(c) || sim_call_foreign(c, key);
    sim_call_verdict(
        c, sim_judge_tail(key, value, c->store, fresh, excused, c->start_ns, c->end_ns), key);
    if (value.bytes != NULL)
        judge_cleared(c, key, value);
}

void sim_do_get_tail(struct sim_call *c) {
    const uint8_t *bytes = NULL;
    size_t size = 0;
    wmbt_kv_borrow_t *borrow = NULL;
    char text[64] = "";
    const char *tip = c->hex[c->count - 1];
    const struct sim_key *of = c->keys[c->count - 1];
    struct sim_key *key = sim_model_key(of->bucket, of->space, of->block, true);
    sim_call_begin(c, SIM_OP_GET_TAIL, -1);
    int32_t rc =
        wmbt_kv_get_raw_tail_borrowed(c->handle->handle, sim_the_universe->spaces[c->op->space],
                                      tip, &bytes, &size, &borrow, text, sizeof text);
    uint64_t digest = rc == 1 ? digest_all(&bytes, &size, 1) : 0;
    sim_call_end(c, rc, digest);
    if (rc < 0)
        return;
    sim_judge_tail_answer(c, key, (struct sim_value){rc == 1 ? bytes : NULL, size});
    if (rc == 1)
        keep(c, borrow, &bytes, &size, 1);
}
