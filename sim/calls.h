/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the engines: one call into the ABI, from before it to the verdict on it. */
#ifndef SIM_CALLS_H
#define SIM_CALLS_H

#include "engine.h"
#include "oracle.h"

struct sim_call {
    struct sim_thread *thread;
    const struct sim_op *op;
    struct sim_handle *handle;
    enum sim_op_kind kind;
    int64_t deadline_ms;
    uint32_t count;
    const char **hex;      /* of the blocks asked for */
    struct sim_key **keys; /* the same */
    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t damage_before; /* bytes damaged on the way so far */
    uint64_t stopped_before;
    /* The store that it goes to: the handle's, or that of the daemon's process at its beginning.
     * Once it has ended, `store` is a number of nobody when that process may not be the one that
     * answered: nothing is promised then from call to call. */
    const struct sim_engine_plan *plan;
    struct sim_seen *seen;
    uint64_t store;
    uint64_t opened_ns;
    bool remote;
    bool beside_put; /* a put of this handle was under way when it began */
    bool internal;   /* past the ABI: there is no last error */
    bool healed;     /* it began in the healed world, where nothing may fail */
};

/* The blocks op->from .. from+count of the chain. */
void sim_call_blocks(struct sim_call *c, struct sim_thread *thread, const struct sim_op *op);
void sim_call_begin(struct sim_call *c, enum sim_op_kind kind, int64_t deadline_ms);
/* Time limit, last error, event. `rc` is what the call returned, `digest` of what it gave. */
void sim_call_end(struct sim_call *c, int64_t rc, uint64_t digest);
/* Were bytes damaged on the way during the call? */
bool sim_call_excused(const struct sim_call *c);
/* May this very key be a miss to it, because those of another model write it, too? */
bool sim_call_foreign(const struct sim_call *c, const struct sim_key *key);
/* Has anything happened so far in this seed that may make the call fail, with this status? */
bool sim_call_may_fail(const struct sim_call *c, int32_t status);
/* May a request of it, or of an earlier call, still run in the daemon, or run again? */
bool sim_call_lingers(const struct sim_call *c);
/* Have bytes been damaged on the way to or from the bucket in this seed? */
bool sim_call_damaged(void);
/* A judge's sentence: "rule: text", or NULL. Does not come back if there is one. */
void sim_call_verdict(const struct sim_call *c, const char *why, const struct sim_key *key);

/* calls_read.c */
void sim_do_get(struct sim_call *c);
void sim_do_get_partial(struct sim_call *c);
void sim_do_get_into(struct sim_call *c);
void sim_do_contains(struct sim_call *c);
/* Blocks matched, 0 when it failed. */
uint32_t sim_do_lookup(struct sim_call *c);
void sim_do_get_tail(struct sim_call *c);

/* What a tail or value was found to be; NULL bytes: a miss. */
void sim_judge_tail_answer(struct sim_call *c, struct sim_key *key, struct sim_value value);

/* calls_values.c */
void sim_do_put_value(struct sim_call *c);
void sim_do_get_value(struct sim_call *c);
void sim_do_exists(struct sim_call *c);
void sim_do_list(struct sim_call *c);
void sim_do_clear(struct sim_call *c);
void sim_do_restore(struct sim_call *c);
void sim_do_ready(struct sim_call *c);

/* calls_write.c */
void sim_begin_writes(struct sim_call *c, struct sim_write **writes, uint32_t count);
void sim_end_writes(struct sim_call *c, bool done);
void sim_do_put(struct sim_call *c, uint32_t version);
void sim_do_put_tail(struct sim_call *c, uint32_t version);
/* The process is gone: what its threads were writing has an unknown outcome. */
void sim_writes_orphaned(struct sim_engine *engine);

#endif
