/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: RAM arena over objects, one semantics for everybody. It is the embedded backend, and
 * what the daemon serves.
 *
 *   get   cache (a lease, no copy) -> single flight -> objects, verified, into the arena
 *   put   objects first, then cache and index: never serves what it could not store
 *   lookup  index in memory; at the first unknown block a bounded probe of the objects
 *
 * specs/0002-consistency.md has the contract as numbered rules.
 */
#ifndef WK_STORE_STORE_H
#define WK_STORE_STORE_H

#include "backend/backend.h"
#include "env/env.h"

struct wk_store_config {
    struct wk_objects *objects; /* owned by the store from the moment wk_store_open is called */
    const char *s3_prefix;      /* copied */
    const char *ns;             /* copied; the namespace that is listed. May be empty */
    struct wk_reuse reuse;      /* what this handle states about its blocks */
    uint64_t ram_bytes;         /* arena budget */
    int compress_level;         /* 1..22; 0 off */
    uint32_t parallel;          /* requests in flight per batch */
    uint32_t retries;           /* for retryable classes */
    uint64_t retry_backoff_ns;
    uint64_t retry_budget;        /* repetitions without an answer, of the whole handle */
    uint64_t tail_fresh_ns;       /* age up to which a cached tail is served unasked */
    uint64_t lookup_probe_ns;     /* what a lookup may add; 0 off */
    uint64_t lookup_probe_ttl_ns; /* life of a negative probe answer */
    uint64_t index_nodes_max;
    uint64_t scrub_interval_ns;     /* pause between background checks of cached blocks; 0 off */
    uint64_t reconcile_interval_ns; /* between LISTs in the background; 0: only the one at open */
};

WK_MUST_CHECK enum wk_status wk_store_open(struct wk_env *env, const struct wk_store_config *config,
                                           struct wk_backend **out, struct wk_error *err);

#endif
