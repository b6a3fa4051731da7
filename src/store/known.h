/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store knows of a key: its cached value, its node in the index, its epoch. All of it
 * changes here and nowhere else, under the lock of the key's shard.
 *
 * Who learned something by asking the objects passes the epoch from before it asked: if the epoch
 * has moved, somebody wrote meanwhile, and what was learned is dropped.
 *
 * `hash` is always wk_cache_hash of `key`. Tails have no node in the index.
 */
#ifndef WK_STORE_KNOWN_H
#define WK_STORE_KNOWN_H

#include "store/store_impl.h"

/* A mutation begins. */
void wk_known_put_begins(struct wk_store *store, uint64_t hash);
/* The request is about to be sent: from here on the object may be anything. */
void wk_known_put_sent(struct wk_store *store, const struct wk_store_key *key, uint64_t hash);

/* What a put that succeeded leaves behind. */
struct wk_put_outcome {
    struct wk_entry *entry; /* a private entry with the new bytes, or NULL: not cached */
    bool keep_cached;       /* the cached value is these very bytes (nothing was sent) */
    struct wk_node_info info;
};
/* Epoch, cache and index. WK_NO_MEMORY: not indexed; the caller undoes the batch. The entry is
 * taken over in any case. */
WK_MUST_CHECK enum wk_status wk_known_put_done(struct wk_store *store,
                                               const struct wk_store_key *key, uint64_t hash,
                                               struct wk_put_outcome *outcome);
/*
 * A mutation ended with an unknown outcome (`sent`) or before it began. What the cache holds is
 * dropped if it may be outdated. `forget`: it was indexed for this put and must not be.
 */
void wk_known_put_failed(struct wk_store *store, const struct wk_store_key *key, uint64_t hash,
                         bool sent, bool forget);

/*
 * A fill: publishes `entry` (private, one pin of the caller's, which stays) and the node if the
 * epoch is still the one from before the read. False: the entry stays private, nobody else sees it.
 * `info` NULL: a tail.
 */
bool wk_known_fill(struct wk_store *store, const struct wk_store_key *key, uint64_t hash,
                   uint64_t epoch, struct wk_entry *entry, const struct wk_node_info *info);
/*
 * The object is not there, or is damaged: cache and index forget it. False, and nothing forgotten:
 * something was written under the stripe since the epoch was read.
 */
bool wk_known_gone(struct wk_store *store, const struct wk_store_key *key, uint64_t hash,
                   uint64_t epoch);
/* Lookup counts the block as absent for lookup_probe_ttl_ns, unless the index knows it (prefix.c).
 */
void wk_known_remember_absent(struct wk_store *store, const struct wk_store_key *key,
                              uint64_t hash);
/* The object is there with this many stored bytes, whoever wrote it. Keeps what is known better.
 * True: this handle may count on it. */
bool wk_known_present(struct wk_store *store, const struct wk_namespace *space,
                      const struct wk_store_key *key, uint64_t hash, uint64_t epoch,
                      uint64_t stored_bytes);
/* The object is there, but states another model or layout: the index says so. */
void wk_known_foreign(struct wk_store *store, const struct wk_namespace *space,
                      const struct wk_store_key *key, uint64_t hash, uint64_t epoch,
                      const struct wk_reuse *stated, uint64_t stored_bytes);
/* A cached tail turned out to be current at `at_ns`. */
void wk_known_tail_current(struct wk_store *store, const struct wk_store_key *key, uint64_t hash,
                           struct wk_entry *entry, uint64_t at_ns);
/* Takes a cached value, pinned by the caller, out of the cache. False: it was not in it any more.
 */
bool wk_known_drop(struct wk_store *store, struct wk_entry *entry);

#endif
