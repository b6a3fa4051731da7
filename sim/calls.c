// SPDX-License-Identifier: Apache-2.0
// What all calls have in common, and the operations that are made of several.
#include "calls.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "fault.h"
#include "pool.h"
#include "report.h"
#include "trace.h"

#define PATIENT_MS 10000u // a client that waits so long sees each answer of a store without faults

static uint64_t calls_made;

static bool any_of(const enum sim_fault *reasons, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (sim_fault_count(reasons[i]) > 0)
            return true;
    }
    return false;
}

uint64_t sim_calls_made(void) {
    return calls_made;
}

void sim_calls_reset(void) {
    calls_made = 0;
}

static uint64_t damage_so_far(void) {
    return sim_fault_count(SIM_FAULT_OBJECT_TRUNCATED) + sim_fault_count(SIM_FAULT_OBJECT_CORRUPT) +
           sim_fault_count(SIM_FAULT_DISK_BIT_ROT) + sim_fault_count(SIM_FAULT_DISK_READ_ERROR) +
           sim_fault_count(SIM_FAULT_DISK_TOUCHED);
}

bool sim_call_damaged(void) {
    return damage_so_far() > 0;
}

// What rots on a disk stays so; what is damaged on the way is whole again at the next try.
bool sim_call_excused(const struct sim_call *c) {
    bool disk = sim_the_plan->buckets[c->handle->bucket].endpoint == SIM_ENDPOINT_DIR;
    bool rotten = disk && sim_fault_count(SIM_FAULT_DISK_BIT_ROT) > 0;
    if (c->remote) // a fetch that it joins may be that of a call that was given up long ago
        return rotten || sim_call_damaged();
    return rotten || damage_so_far() != c->damage_before;
}

bool sim_call_foreign(const struct sim_call *c, const struct sim_key *key) {
    return sim_key_foreign(key, c->plan->model);
}

// Clocks that jump, wakes for no reason, old listings, third parties are no reason to fail.
static bool store_may_fail(void) {
    static const enum sim_fault reasons[] = {
        SIM_FAULT_OBJECT_ERROR_BEFORE, SIM_FAULT_OBJECT_ERROR_AFTER, SIM_FAULT_OBJECT_LATE,
        SIM_FAULT_OBJECT_THROTTLE,     SIM_FAULT_OBJECT_CONFLICT,    SIM_FAULT_OBJECT_DENIED,
        SIM_FAULT_OBJECT_BLACK_HOLE,   SIM_FAULT_OBJECT_SLOW,        SIM_FAULT_DISK_LOST_WRITES,
        SIM_FAULT_DISK_TORN,           SIM_FAULT_DISK_BIT_ROT,       SIM_FAULT_DISK_READ_ERROR,
        SIM_FAULT_DISK_WRITE_ERROR,    SIM_FAULT_DISK_FULL,          SIM_FAULT_DISK_SYNC_FAILED,
        SIM_FAULT_DISK_SLOW,           SIM_FAULT_HOST_CRASH,         SIM_FAULT_PROCESS_STOP,
        SIM_FAULT_ALLOC_KTH,           SIM_FAULT_ALLOC_RANDOM,       SIM_FAULT_THREAD_START,
    };
    return any_of(reasons, sizeof reasons / sizeof reasons[0]);
}

bool sim_call_lingers(const struct sim_call *c) {
    static const enum sim_fault reasons[] = {
        SIM_FAULT_NET_RESET,    SIM_FAULT_NET_HALF_CLOSE, SIM_FAULT_NET_DELAY,
        SIM_FAULT_NET_FLIP,     SIM_FAULT_NET_PARTITION,  SIM_FAULT_PROCESS_CRASH,
        SIM_FAULT_PROCESS_STOP, SIM_FAULT_HOST_CRASH,     SIM_FAULT_ALLOC_KTH,
        SIM_FAULT_ALLOC_RANDOM,
    };
    return c->remote && (sim_the_daemon()->program.births > 1 || sim_the_daemon()->stops > 0 ||
                         any_of(reasons, sizeof reasons / sizeof reasons[0]));
}

// Short of the reasons that any store has: the way to the daemon, and whether it is there.
static bool way_may_fail(const struct sim_call *c, int32_t status) {
    static const enum sim_fault reasons[] = {
        SIM_FAULT_NET_RESOLVE,    SIM_FAULT_NET_STALE_ADDRESS, SIM_FAULT_NET_REFUSE,
        SIM_FAULT_NET_BLACK_HOLE, SIM_FAULT_NET_DESCRIPTORS,
    };
    const struct sim_daemon *d = sim_the_daemon();
    bool impatient = c->thread->engine->plan->remote_ms < PATIENT_MS;
    return sim_call_lingers(c) || any_of(reasons, sizeof reasons / sizeof reasons[0]) ||
           d->failed_starts > 0 || (impatient && status == WMBT_KV_STATUS_TIMEOUT);
}

bool sim_call_may_fail(const struct sim_call *c, int32_t status) {
    return store_may_fail() || (c->remote && way_may_fail(c, status));
}

void sim_call_blocks(struct sim_call *c, struct sim_thread *thread, const struct sim_op *op) {
    memset(c, 0, sizeof *c);
    c->thread = thread;
    c->op = op;
    c->handle = thread->engine->handles[op->handle % thread->engine->plan->handles];
    c->plan = c->handle == NULL ? NULL : c->handle->plan;
    const struct sim_chain *chain =
        &sim_the_universe->chains[op->chain % sim_the_universe->chain_count];
    uint32_t from = op->from < chain->length ? op->from : 0;
    c->count = op->count < chain->length - from ? op->count : chain->length - from;
    c->hex = sim_new(c->count * sizeof *c->hex);
    c->keys = sim_new(c->count * sizeof *c->keys);
    for (uint32_t i = 0; i < c->count && c->handle != NULL; i++) {
        uint32_t block = chain->blocks[from + i];
        c->hex[i] = sim_the_universe->hex[block];
        c->keys[i] = sim_model_key(c->handle->bucket, op->space, block, false);
    }
}

static void choose_store(struct sim_call *c) {
    const struct sim_handle *h = c->handle;
    const struct sim_daemon *d = sim_the_daemon();
    c->remote = h->via != SIM_VIA_EMBEDDED;
    c->seen = c->remote ? d->seen : h->seen;
    c->store = c->remote ? d->store : h->store;
    c->opened_ns = c->remote ? d->opened_ns : h->opened_ns;
}

// A directory tells of no effects: there a late request of an older call cannot be told from bytes
// that were never replaced.
static void confirm_store(struct sim_call *c) {
    const struct sim_daemon *d = sim_the_daemon();
    if (!c->remote)
        return;
    bool dir = sim_the_plan->buckets[c->handle->bucket].endpoint == SIM_ENDPOINT_DIR;
    if (c->store != d->store || (dir && sim_call_lingers(c)))
        c->store = sim_store_number();
}

static uint64_t limit_ns(const struct sim_call *c) {
    const struct sim_engine_plan *e = c->thread->engine->plan;
    if (!c->remote)
        return sim_call_limit_ns(e, c->kind, c->count, c->deadline_ms);
    bool flips = sim_fault_count(SIM_FAULT_NET_FLIP) > 0;
    return sim_remote_limit_ns(e->remote_ms, flips, c->kind, c->count, c->deadline_ms);
}

void sim_call_begin(struct sim_call *c, enum sim_op_kind kind, int64_t deadline_ms) {
    struct sim_fiber *self = sim_self();
    c->kind = kind;
    c->deadline_ms = deadline_ms;
    c->damage_before = damage_so_far();
    c->handle->damage_before[c->thread->index] = c->damage_before;
    choose_store(c);
    for (uint32_t i = 0; i < SIM_THREADS_MAX; i++) {
        if (c->handle->damage_before[i] < c->damage_before)
            c->damage_before = c->handle->damage_before[i];
    }
    c->beside_put = c->seen->putting > 0;
    c->stopped_before = c->thread->process->stopped_ns;
    c->start_ns = sim_now();
    c->healed = sim_faults_healed() && c->op->deadline_ms < 0;
    self->doing = sim_op_name(kind);
    self->doing_since_ns = c->start_ns;
    sim_event("call", self->doing, c->count, c->store);
    calls_made++;
}

static void check_last_error(const struct sim_call *c, int64_t rc) {
    if (c->kind == SIM_OP_RELEASE || c->kind == SIM_OP_STATS || c->internal)
        return;
    const char *text = wmbt_kv_last_error();
    if (rc >= 0 && text != NULL)
        sim_violate("abi", "%s returned %" PRId64 " and left the last error \"%s\"",
                    sim_op_name(c->kind), rc, text);
    bool no_memory = sim_fault_count(SIM_FAULT_ALLOC_RANDOM) + sim_fault_count(SIM_FAULT_ALLOC_KTH);
    if (rc < 0 && text == NULL && !no_memory)
        sim_violate("abi", "%s failed without a last error", sim_op_name(c->kind));
    if (rc < 0)
        sim_event("error", text, 0, 0);
}

void sim_call_end(struct sim_call *c, int64_t rc, uint64_t digest) {
    struct sim_fiber *self = sim_self();
    c->end_ns = sim_now();
    c->handle->damage_before[c->thread->index] = UINT64_MAX;
    self->doing = NULL;
    sim_event("return", sim_op_name(c->kind), digest, (uint64_t)rc);
    uint64_t stopped = c->thread->process->stopped_ns - c->stopped_before;
    uint64_t took = c->end_ns - c->start_ns;
    uint64_t limit = limit_ns(c);
    confirm_store(c);
    if (took > limit * c->thread->process->slow + stopped)
        sim_violate("bounded", "%s of %u blocks took %" PRIu64 " ms, its limit is %" PRIu64 " ms",
                    sim_op_name(c->kind), c->count, took / 1000000, limit / 1000000);
    check_last_error(c, rc);
    const struct sim_key *key;
    const char *why = sim_model_broken(&key);
    sim_call_verdict(c, why, key);
    if (rc < 0 && !sim_call_may_fail(c, wmbt_kv_last_status()))
        sim_violate("available", "%s fails though nothing has failed in its world: %s",
                    sim_op_name(c->kind), wmbt_kv_last_error());
    if (rc < 0 && c->healed)
        sim_violate("converges", "%s fails in the healed world: %s", sim_op_name(c->kind),
                    wmbt_kv_last_error());
}

void sim_call_verdict(const struct sim_call *c, const char *why, const struct sim_key *key) {
    if (why == NULL)
        return;
    char rule[32];
    size_t size = strcspn(why, ":");
    snprintf(rule, sizeof rule, "%.*s", (int)size, why);
    sim_violate(rule, "%s of %s %u \"%s\" %.12s.. in bucket %u: %s", sim_op_name(c->kind),
                key->tail ? "tail" : "block", key->block, sim_the_universe->spaces[key->space],
                sim_the_universe->hex[key->block], key->bucket, why + size + 2);
}

// ---- operations of several calls

// What an engine does with a prompt.
static void turn(struct sim_call *c) {
    struct sim_op part = *c->op;
    part.from = 0;
    part.count = SIM_CHAIN_MAX;
    struct sim_call whole;
    sim_call_blocks(&whole, c->thread, &part);
    uint32_t matched = sim_do_lookup(&whole);
    if (matched > 0) {
        part.count = (uint16_t)matched;
        sim_call_blocks(c, c->thread, &part);
        sim_do_get(c);
        if (matched == whole.count) {
            sim_do_get_tail(&whole);
            return;
        }
    }
    part.from = (uint16_t)matched;
    part.count = SIM_CHAIN_MAX;
    sim_call_blocks(c, c->thread, &part);
    sim_do_put(c, c->op->version);
    if (c->op->version % 2 == 0)
        sim_do_put_tail(c, c->op->version);
}

// Not a chain at all: blocks of the next chain in between, the first one again at the end, upper
// case now and then.
static void put_hostile(struct sim_call *c) {
    const struct sim_chain *other =
        &sim_the_universe->chains[(c->op->chain + 1u) % sim_the_universe->chain_count];
    uint32_t count = c->count;
    uint32_t all = count * 2 + 1;
    const char **hex = sim_new(all * sizeof *hex);
    struct sim_key **keys = sim_new(all * sizeof *keys);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t block = other->blocks[i % other->length];
        hex[2 * i] = c->hex[count - 1 - i];
        keys[2 * i] = c->keys[count - 1 - i];
        hex[2 * i + 1] = sim_the_universe->hex[block];
        keys[2 * i + 1] = sim_model_key(c->handle->bucket, c->op->space, block, false);
    }
    char *upper = sim_copy_text(hex[0]);
    for (char *p = upper; *p != 0; p++) {
        if (*p >= 'a' && *p <= 'f')
            *p = (char)(*p - 'a' + 'A');
    }
    hex[all - 1] = upper;
    keys[all - 1] = keys[0];
    c->hex = hex;
    c->keys = keys;
    c->count = all;
    sim_do_put(c, c->op->version);
}

static void flush(struct sim_call *c) {
    uint64_t pending = UINT64_MAX;
    sim_call_begin(c, SIM_OP_FLUSH, c->op->deadline_ms);
    int32_t rc = wmbt_kv_flush(c->handle->handle, c->op->deadline_ms, &pending);
    sim_call_end(c, rc, 0);
    if (rc == 0 && pending != 0)
        sim_violate("abi", "flush returned 0 with %" PRIu64 " pending", pending);
}

static void stats(struct sim_call *c) {
    char *text = sim_new(4096);
    sim_call_begin(c, SIM_OP_STATS, -1);
    int64_t size = wmbt_kv_stats_json(c->handle->handle, text, 4096);
    sim_call_end(c, size, 0);
    if (size >= 0 && size < 4096 && (text[0] != '{' || text[size - 1] != '}'))
        sim_violate("abi", "stats are no JSON object: %.40s", text);
}

void sim_do(struct sim_thread *thread, const struct sim_op *op) {
    struct sim_call call;
    struct sim_call *c = &call;
    sim_call_blocks(c, thread, op);
    bool internal = op->kind >= SIM_OP_PUT_VALUE; // clients of a daemon have none of them
    if (c->handle == NULL || (internal && c->handle->via != SIM_VIA_EMBEDDED))
        return;
    switch ((enum sim_op_kind)op->kind) {
    case SIM_OP_TURN:
        turn(c);
        break;
    case SIM_OP_PUT:
        sim_do_put(c, op->version);
        break;
    case SIM_OP_PUT_HOSTILE:
        put_hostile(c);
        break;
    case SIM_OP_GET:
        sim_do_get(c);
        break;
    case SIM_OP_GET_PARTIAL:
        sim_do_get_partial(c);
        break;
    case SIM_OP_GET_INTO:
        sim_do_get_into(c);
        break;
    case SIM_OP_CONTAINS:
        sim_do_contains(c);
        break;
    case SIM_OP_LOOKUP:
        (void)sim_do_lookup(c);
        break;
    case SIM_OP_PUT_TAIL: // an engine that goes on overwrites it soon
        sim_do_put_tail(c, op->version);
        for (uint32_t i = 1; i <= op->version % 4; i++)
            sim_do_put_tail(c, op->version + i);
        break;
    case SIM_OP_GET_TAIL:
        sim_do_get_tail(c);
        break;
    case SIM_OP_FLUSH:
        flush(c);
        break;
    case SIM_OP_STATS:
        stats(c);
        break;
    case SIM_OP_SLEEP:
        sim_sleep((uint64_t)op->version * op->version * 1000000);
        break;
    case SIM_OP_PUT_VALUE:
        sim_do_put_value(c);
        break;
    case SIM_OP_GET_VALUE:
        sim_do_get_value(c);
        break;
    case SIM_OP_EXISTS:
        sim_do_exists(c);
        break;
    case SIM_OP_LIST:
        sim_do_list(c);
        break;
    case SIM_OP_CLEAR:
        sim_do_clear(c);
        break;
    case SIM_OP_RESTORE:
        sim_do_restore(c);
        break;
    case SIM_OP_READY:
        sim_do_ready(c);
        break;
    default:
        break;
    }
}
