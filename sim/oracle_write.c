// SPDX-License-Identifier: Apache-2.0
// Puts, lookups, leases, time.
#include "oracle.h"

#include <stddef.h>

#define MS 1000000ull
#define S  1000000000ull

#define CACHE_FIXED_BYTES 65536u // STORE-2

const char *sim_judge_put(const struct sim_key *key, struct sim_value value, uint64_t start_ns,
                          uint64_t end_ns) {
    if (!sim_key_held(key, value, start_ns, end_ns))
        return "stored: acknowledged, but the bucket did not hold these bytes during the call";
    return NULL;
}

static bool counted_rightly(const struct sim_lookup *l, uint32_t i, uint64_t end_ns,
                            const char **why) {
    const struct sim_key *key = l->keys[i];
    if (!sim_key_present_sometime(key, l->since_ns, end_ns)) {
        *why = "lookup: counts a block that was never there";
        return false;
    }
    uint64_t gone = l->gone_ns[i];
    if (key->tracked && gone > 0 && !sim_key_present_sometime(key, gone, end_ns)) {
        *why = "lookup: counts a block that this store had found missing";
        return false;
    }
    return true;
}

static bool must_count(const struct sim_lookup *l, uint32_t i, uint64_t start_ns, uint64_t end_ns) {
    const struct sim_write *last = sim_key_last_done(l->keys[i], l->store, start_ns);
    if (last == NULL || l->missed_ns[i] >= last->start_ns)
        return false;
    return !l->keys[i]->tracked || sim_key_present_throughout(l->keys[i], last->end_ns, end_ns);
}

const char *sim_judge_lookup(const struct sim_lookup *l, uint64_t start_ns, uint64_t end_ns,
                             uint32_t *at) {
    const char *why = NULL;
    if (l->matched > l->count) {
        *at = l->count;
        return "lookup: matched more blocks than were asked for";
    }
    for (*at = 0; *at < l->matched; (*at)++) {
        if (!counted_rightly(l, *at, end_ns, &why))
            return why;
    }
    if (l->may_forget || l->matched == l->count)
        return NULL;
    for (uint32_t i = 0; i <= l->matched; i++) {
        if (!must_count(l, i, start_ns, end_ns))
            return NULL;
    }
    *at = l->matched;
    return "lookup: does not count a block that this store had acknowledged";
}

const char *sim_judge_lease(uint64_t digest_then, uint64_t digest_now) {
    return digest_then == digest_now ? NULL : "lease: borrowed bytes changed";
}

const char *sim_judge_quota(uint64_t arena_bytes, uint64_t overflow_bytes, uint64_t budget_bytes,
                            uint32_t caches, bool busy) {
    if (arena_bytes > budget_bytes + (uint64_t)caches * CACHE_FIXED_BYTES)
        return "quota: the cache is larger than its budget";
    if (!busy && overflow_bytes > 0)
        return "quota: bytes beyond the budget are left without a lease";
    return NULL;
}

// Every try of a request may take the base of 30 s without progress; what a call may do one after
// the other is bounded by its blocks.
uint64_t sim_call_limit_ns(const struct sim_engine_plan *e, enum sim_op_kind kind, uint32_t blocks,
                           int64_t deadline_ms) {
    uint64_t patience = (e->retries + 2ull) * 35 * S;
    switch (kind) {
    case SIM_OP_LOOKUP:
        return e->probe_ms * MS + 1 * S;
    case SIM_OP_STATS:
    case SIM_OP_RELEASE:
        return 1 * S;
    case SIM_OP_FLUSH:
    case SIM_OP_GET_PARTIAL:
    case SIM_OP_GET_INTO:
    case SIM_OP_CONTAINS:
        if (deadline_ms >= 0)
            return (uint64_t)deadline_ms * MS + 2 * S;
        return patience * (blocks + 2);
    default:
        return patience * (blocks + 2);
    }
}

// Connect, send, the head of the reply (batches and tails: with the time of 64 MiB), its body.
static uint64_t remote_try_ns(uint32_t patience_ms, bool flips) {
    uint64_t body = 32 * S + (flips ? 256 * S : 0);
    return 10 * S + 2 * (patience_ms * MS + 2 * S) + 65 * S + body;
}

uint64_t sim_remote_limit_ns(uint32_t patience_ms, bool flips, enum sim_op_kind kind,
                             uint32_t blocks, int64_t deadline_ms) {
    uint64_t request = 2 * remote_try_ns(patience_ms, flips);
    switch (kind) {
    case SIM_OP_STATS:
    case SIM_OP_RELEASE:
    case SIM_OP_FLUSH: // what a daemon acknowledged is stored
        return 1 * S;
    case SIM_OP_GET_PARTIAL: // halves what misses
    case SIM_OP_GET_INTO:
    case SIM_OP_CONTAINS:
        if (deadline_ms >= 0)
            return (uint64_t)deadline_ms * MS + 2 * S;
        return request * (2ull * blocks + 1);
    default:
        return request + 1 * S;
    }
}
