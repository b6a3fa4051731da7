// SPDX-License-Identifier: Apache-2.0
// Crashes, power losses, stops, clock jumps, and a third party in the buckets.
#include "chaos.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bucket.h"
#include "codec/body.h"
#include "disk.h"
#include "engine.h"
#include "fault.h"
#include "model.h"
#include "net.h"
#include "oracle.h"
#include "pool.h"
#include "process.h"
#include "program.h"
#include "report.h"
#include "trace.h"

static const struct sim_plan *plan;
static struct sim_rng rng;

void sim_chaos_reset(const struct sim_plan *of) {
    plan = of;
    sim_rng_seed(&rng, of->seed, "chaos");
}

static struct sim_process *victim(enum sim_fault fault) {
    uint64_t at = sim_rng_below(sim_fault_rng(fault), sim_program_count());
    struct sim_process *p = sim_program_at((uint32_t)at)->process;
    return p != NULL && p->alive ? p : NULL;
}

// ---- processes

static void maybe_crash(void) {
    if (!sim_fault_enabled(SIM_FAULT_PROCESS_CRASH) ||
        sim_process_count() + SIM_PROCESSES_SPARE > SIM_PROCESSES_MAX ||
        !sim_fault(SIM_FAULT_PROCESS_CRASH))
        return;
    struct sim_process *p = victim(SIM_FAULT_PROCESS_CRASH);
    struct sim_rng *r = sim_fault_rng(SIM_FAULT_PROCESS_CRASH);
    uint64_t calls = sim_rng_chance(r, 300000) ? 0 : sim_rng_log(r, 1, 3000);
    if (p == NULL)
        return;
    if (calls == 0)
        sim_process_crash(p, "chaos");
    else if (p->crash_at_call == 0)
        p->crash_at_call = p->calls + calls;
}

static void maybe_power_loss(void) {
    if (!sim_fault_enabled(SIM_FAULT_HOST_CRASH) ||
        sim_process_count() + SIM_PROCESSES_SPARE > SIM_PROCESSES_MAX ||
        !sim_fault(SIM_FAULT_HOST_CRASH))
        return;
    uint64_t at = sim_rng_below(sim_fault_rng(SIM_FAULT_HOST_CRASH), sim_host_count());
    sim_host_crash(sim_host_at((uint32_t)at), "chaos");
}

static void maybe_stop(void) {
    if (!sim_fault(SIM_FAULT_PROCESS_STOP))
        return;
    struct sim_process *p = victim(SIM_FAULT_PROCESS_STOP);
    uint64_t ns = sim_rng_log(sim_fault_rng(SIM_FAULT_PROCESS_STOP), 1000000, 20000000000ull);
    if (p != NULL)
        sim_process_stop(p, ns);
}

static void maybe_jump(void) {
    if (!sim_fault(SIM_FAULT_CLOCK_JUMP))
        return;
    struct sim_process *p = victim(SIM_FAULT_CLOCK_JUMP);
    struct sim_rng *r = sim_fault_rng(SIM_FAULT_CLOCK_JUMP);
    int64_t by = (int64_t)sim_rng_log(r, 1000000, 1ull << 53);
    if (sim_rng_chance(r, 500000))
        by = -by;
    if (p == NULL)
        return;
    p->wall_offset_ns = by;
    sim_event("clock-jump", p->name, (uint64_t)by, 0);
}

// ---- third parties

static struct sim_object *any_object(enum sim_fault fault, struct sim_bucket **bucket) {
    struct sim_rng *r = sim_fault_rng(fault);
    if (sim_bucket_count() == 0)
        return NULL;
    *bucket = sim_bucket_at((uint32_t)sim_rng_below(r, sim_bucket_count()));
    if ((*bucket)->count == 0)
        return NULL;
    struct sim_object *o = (*bucket)->objects[sim_rng_below(r, (*bucket)->count)];
    return o->newest != NULL && o->newest->body != NULL ? o : NULL;
}

static void maybe_delete(void) {
    struct sim_bucket *b;
    if (!sim_fault(SIM_FAULT_OBJECT_DELETED))
        return;
    const struct sim_object *o = any_object(SIM_FAULT_OBJECT_DELETED, &b);
    if (o == NULL)
        return;
    sim_event("third.delete", o->key, 0, 0);
    sim_bucket_delete(b, o->key);
}

// Another program with the same format: its own bytes, verbatim more often than not.
static void replace(struct sim_bucket *b, const struct sim_object *o, struct sim_rng *r) {
    struct sim_key *key = sim_model_key_of(b, o->key);
    if (key == NULL)
        return;
    uint32_t version = 1000 + (uint32_t)sim_rng_below(r, 1000);
    struct sim_value value =
        key->value  ? sim_other_value(sim_the_universe, key->space, key->block, version)
        : key->tail ? sim_tail_value(sim_the_universe, key->space, key->block, version)
                    : sim_block_value(sim_the_universe, key->space, key->block, version);
    struct wk_body_policy policy = {.level = 3, .must_checksum = !sim_rng_chance(r, 700000)};
    size_t work_bytes = wk_body_work_bytes(policy.level, value.size);
    void *work = malloc(work_bytes);
    size_t room = wk_body_encoded_bytes_max(value.size);
    uint8_t *body = sim_new(room);
    size_t size = 0;
    if (wk_body_encode(wk_span(value.bytes, value.size), &policy, work, work_bytes,
                       (struct wk_span_mut){body, room}, &size, NULL) != WK_OK)
        sim_harness_fail("the third party cannot encode a body");
    free(work);
    sim_event("third.put", o->key, version, size);
    struct sim_write *w = sim_model_begin(key, value, 0);
    sim_bucket_put(b, o->key, body, size);
    sim_model_end(w, true);
}

static void maybe_replace(void) {
    struct sim_bucket *b;
    if (!sim_fault(SIM_FAULT_OBJECT_REPLACED))
        return;
    const struct sim_object *o = any_object(SIM_FAULT_OBJECT_REPLACED, &b);
    if (o != NULL)
        replace(b, o, sim_fault_rng(SIM_FAULT_OBJECT_REPLACED));
}

// Damage that a reader can find: a flipped bit or a lost end of a body with a checksum of its own,
// or anything at all where the bucket keeps a checksum beside it.
static void maybe_mangle(void) {
    struct sim_bucket *b;
    if (!sim_fault(SIM_FAULT_OBJECT_MANGLED))
        return;
    struct sim_object *o = any_object(SIM_FAULT_OBJECT_MANGLED, &b);
    struct sim_rng *r = sim_fault_rng(SIM_FAULT_OBJECT_MANGLED);
    if (o == NULL || o->newest->size < 12)
        return;
    bool checked = (b->caps & WK_OBJECTS_CHECKSUM) != 0;
    bool has_own = memcmp(o->newest->body, "WBZ1", 4) == 0 && o->newest->damaged == 0;
    if (!checked && !has_own) // two flips may undo what makes one visible
        return;
    uint64_t size = o->newest->size;
    uint8_t *body = sim_copy(o->newest->body, size);
    if (sim_rng_chance(r, 500000))
        size = sim_rng_between(r, 10, size - 1);
    else
        body[sim_rng_below(r, size)] ^= (uint8_t)(1u << sim_rng_below(r, 8));
    sim_event("third.mangle", o->key, size, o->newest->size);
    sim_bucket_mangle(b, o, body, size);
}

void sim_chaos(void *unused) {
    (void)unused;
    while (!sim_faults_healed()) {
        sim_sleep(sim_rng_between(&rng, 1, 2ull * plan->chaos_ms) * 1000000);
        maybe_stop();
        maybe_jump();
        maybe_delete();
        maybe_replace();
        maybe_mangle();
        maybe_crash();
        maybe_power_loss();
        sim_net_chaos();
    }
}

// ---- budgets

static void check_budget(const struct sim_engine *e) {
    const struct sim_process *p = e->process;
    if (p == NULL || !p->alive)
        return;
    uint64_t arena = p->heap.in_use[WK_MEM_ARENA];
    uint64_t overflow = p->heap.in_use[WK_MEM_OVERFLOW];
    uint32_t caches = e->plan->handles;
    const char *why =
        sim_judge_quota(arena, overflow, caches * e->plan->ram_bytes, caches, !sim_engine_rests(e));
    if (why != NULL)
        sim_violate("quota",
                    "%s: %s: %" PRIu64 " bytes in the arena and %" PRIu64
                    " beyond it; %u handles of %" PRIu64 " bytes",
                    p->name, why + 7, arena, overflow, caches, e->plan->ram_bytes);
}

void sim_watch(void *unused) {
    (void)unused;
    while (!sim_engines_gone()) {
        for (uint32_t i = 0; i < plan->engine_count; i++)
            check_budget(sim_engine_at(i));
        sim_sleep(20000000);
    }
}
