/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is true: for each key, which writes were asked for and how they ended, and which values the
 * bucket really held from when to when. Oracles compare answers with it.
 *
 * A key is (bucket, namespace, block or tail). Its writes come from the calls of engines and from
 * third parties; its effects from the bucket itself, which tells of every new version. Buckets that
 * are directories on a disk tell nothing: for them only the writes count.
 */
#ifndef SIM_MODEL_H
#define SIM_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "bucket.h"
#include "plan.h"
#include "universe.h"

enum sim_outcome {
    SIM_UNDER_WAY,
    SIM_DONE,   /* acknowledged */
    SIM_UNKNOWN /* failed, timed out, or its process is gone: absent or whole, perhaps later */
};

struct sim_write {
    struct sim_write *next; /* newest first */
    struct sim_value value;
    uint64_t start_ns;
    uint64_t end_ns; /* SIM_NEVER unless DONE */
    enum sim_outcome outcome;
    uint64_t gave_up_ns; /* the call returned without success; 0: it did not */
    uint64_t store;      /* number of the handle that wrote; 0: a third party */
    uint32_t model;      /* that it states; 0: none */
};

struct sim_effect {
    struct sim_effect *next; /* newest first */
    uint64_t at_ns;
    uint64_t until_ns; /* SIM_NEVER while it is what is there */
    /* Damage does not change an ETag: a reader that has the value may have it confirmed until the
     * next true change. */
    uint64_t confirmed_until_ns;
    bool present;
    bool damaged; /* present, but no reader can make a payload of it */
    struct sim_value value;
};

struct sim_key {
    uint32_t bucket;
    uint32_t space;
    uint32_t block;
    bool tail;    /* overwritten and revalidated: a raw tail, or a value */
    bool value;   /* under a key of its own */
    bool tracked; /* effects are known */
    bool ordered; /* a tail whose puts are conditional: what comes late has no effect */
    struct sim_write *writes;
    struct sim_effect *effects;
};

struct sim_model;

void sim_model_reset(const struct sim_plan *plan, const struct sim_universe *universe);
struct sim_key *sim_model_key(uint32_t bucket, uint32_t space, uint32_t block, bool tail);
/* The value that goes with the block, "value/<hex>" in its namespace. */
struct sim_key *sim_model_value_key(uint32_t bucket, uint32_t space, uint32_t block);

/* The key that an object is; NULL: none of ours. */
struct sim_key *sim_model_key_of(const struct sim_bucket *bucket, const char *object_key);

struct sim_write *sim_model_begin(struct sim_key *key, struct sim_value value, uint64_t store);
void sim_model_end(struct sim_write *write, bool done);

/* From the bucket, at every new version. What it breaks is kept for the next call that looks. */
void sim_model_version(const struct sim_bucket *bucket, const struct sim_object *object);
const char *sim_model_broken(const struct sim_key **key);

/* ---- questions: [from, to] in virtual ns, both ends included ---- */

/* Was there a whole value at every moment? At some moment? Not tracked: no, and yes. */
bool sim_key_present_throughout(const struct sim_key *key, uint64_t from_ns, uint64_t to_ns);
bool sim_key_present_sometime(const struct sim_key *key, uint64_t from_ns, uint64_t to_ns);
/* Did the bucket hold exactly these bytes at some moment? Not tracked: was it written by then? */
bool sim_key_held(const struct sim_key *key, struct sim_value value, uint64_t from_ns,
                  uint64_t to_ns);
/* Did anybody ask to write under another model, so that its reader may find nothing there? */
bool sim_key_foreign(const struct sim_key *key, uint32_t model);
/* Did anybody ask to write these bytes before `to_ns`? */
bool sim_key_written(const struct sim_key *key, struct sim_value value, uint64_t to_ns);
/* The last write that this store acknowledged before `before_ns`; NULL: none. */
const struct sim_write *sim_key_last_done(const struct sim_key *key, uint64_t store,
                                          uint64_t before_ns);
bool sim_value_equal(struct sim_value a, struct sim_value b);

#endif
