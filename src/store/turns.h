/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order of mutations: those of one key run one at a time, in the order in which their batches
 * came.
 *
 *     batch 1  a b          a: 1, 2      1 runs; 2 waits for a; 3 waits for b and c
 *     batch 2  a            b: 1, 3
 *     batch 3  b c          c: 3
 *
 * A batch enters with all its keys under one lock, so the order is the same for all keys and no two
 * batches ever wait for each other. It leaves after its outcome is published: what the cache says
 * of a key is what the last mutation put into the object store.
 *
 * Thread-safety: all functions are safe for concurrent use.
 */
#ifndef WK_STORE_TURNS_H
#define WK_STORE_TURNS_H

#include "store/entry.h"

#define WK_TURNS_BUCKETS 1024u

struct wk_turns_batch;

struct wk_turns_node {
    struct wk_turns_node *next; /* in the bucket, in order of arrival */
    struct wk_turns_batch *batch;
    const struct wk_store_key *key;
    uint64_t hash;
    bool repeated; /* a later node of the same batch has the same key; this one takes no part */
    bool blocked;  /* sync: mutex. An earlier batch has the key */
};

/* Nodes are the caller's: key and hash set, alive until leave. */
struct wk_turns_batch {
    struct wk_turns_node *nodes;
    size_t count;
    size_t blocked; /* sync: mutex */
};

struct wk_turns {
    struct wk_env *env;
    struct wk_mutex mutex;
    struct wk_cond cond;
    struct wk_turns_node *buckets[WK_TURNS_BUCKETS]; /* sync: mutex */
};

WK_MUST_CHECK enum wk_status wk_turns_init(struct wk_turns *turns, struct wk_env *env);
void wk_turns_destroy(struct wk_turns *turns);

/* Marks repeated keys (the last one counts) and waits for the turn. WK_TIMEOUT: not entered. */
WK_MUST_CHECK enum wk_status wk_turns_enter(struct wk_turns *turns, struct wk_turns_batch *batch,
                                            uint64_t deadline_ns);
void wk_turns_leave(struct wk_turns *turns, struct wk_turns_batch *batch);

#endif
