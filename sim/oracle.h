/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract (specs/0002-consistency.md) as questions to the model. Each judge looks at one
 * answer and gives NULL when it is allowed, else the sentence that says why it is not. They change
 * nothing, so they can be tested with histories made by hand (tests/unit/test_sim_oracles.c).
 *
 * Times are virtual: the call ran from `start_ns` to `end_ns`. `store` is the number of the handle.
 */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "model.h"

/* Rule "bytes": exactly what somebody put for this key, and it had reached the bucket.
 * Rule "newest": not older than what this very store acknowledged before. */
const char *sim_judge_hit(const struct sim_key *key, struct sim_value value, uint64_t store,
                          uint64_t start_ns, uint64_t end_ns);

/* Rule "newest", of the newest effect on a tail whose puts are conditional: no try of
 * a put that had returned before its store began an acknowledged one takes effect after that. */
const char *sim_judge_arrival(const struct sim_key *key);

/* Rule "model": bytes that only handles of another model wrote are not found. */
const char *sim_judge_model(const struct sim_key *key, struct sim_value value, uint32_t model);

/* Rule "found": a block whose put was acknowledged before the call, and that was whole in the
 * bucket since then, is not a miss. `excused`: bytes were damaged on the way meanwhile, so that a
 * miss is what the contract asks for. */
const char *sim_judge_miss(const struct sim_key *key, bool excused, uint64_t start_ns,
                           uint64_t end_ns);

/* Rule "stored": what is acknowledged was in the bucket at some moment of the call. */
const char *sim_judge_put(const struct sim_key *key, struct sim_value value, uint64_t start_ns,
                          uint64_t end_ns);

/* Rule "fresh": a tail was the newest at some moment not longer than `fresh_ns` before the call,
 * or a miss was right then. `value.bytes` NULL: a miss. */
const char *sim_judge_tail(const struct sim_key *key, struct sim_value value, uint64_t store,
                           uint64_t fresh_ns, bool excused, uint64_t start_ns, uint64_t end_ns);

struct sim_lookup {
    struct sim_key *const *keys; /* of the chain asked for */
    uint32_t count;
    uint32_t matched;
    uint64_t store;
    /* Per key, 0 for never: when this store last ended a get that missed something and had this
     * block in it, so that the index may have let go of it; and when it last began one that missed
     * this very block while no put of it was under way here, so that the index had to. */
    const uint64_t *missed_ns;
    const uint64_t *gone_ns;
    uint64_t since_ns; /* the oldest moment that a listing may have shown to this store */
    bool may_forget;   /* memory failed in this process, so the index may lack entries */
};

/* Rule "lookup": what is counted was there, not already found missing, and what this store itself
 * acknowledged is counted. `*at` is the number of the block that it is about. */
const char *sim_judge_lookup(const struct sim_lookup *l, uint64_t start_ns, uint64_t end_ns,
                             uint32_t *at);

/* Rule "lease": bytes are what they were when they were borrowed. */
const char *sim_judge_lease(uint64_t digest_then, uint64_t digest_now);

/* Rule "quota": what the RAM cache of a process takes (STORE-2). `arena_bytes` and `overflow_bytes`
 * are in use now; `budget_bytes` is that of its `caches`; `busy`: calls run or borrows are held, so
 * that values beyond the budget may be there. */
const char *sim_judge_quota(uint64_t arena_bytes, uint64_t overflow_bytes, uint64_t budget_bytes,
                            uint32_t caches, bool busy);

/* Rule "bounded": how long a call may take at most. */
uint64_t sim_call_limit_ns(const struct sim_engine_plan *engine, enum sim_op_kind kind,
                           uint32_t blocks, int64_t deadline_ms);

/* The same for a call through a daemon whose client waits `patience_ms` for progress: two tries of
 * each request. `flips`: a header may have announced the largest body there is. */
uint64_t sim_remote_limit_ns(uint32_t patience_ms, bool flips, enum sim_op_kind kind,
                             uint32_t blocks, int64_t deadline_ms);

#endif
