/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store from inside: what its files share.
 *
 *     store.c      life, dispatch, namespaces, deadlines, log
 *     values.c     what a daemon needs besides: values, exists, list, clear, restore, ready
 *     get.c, put.c the calls      fetch.c, save.c: between memory and objects
 *     prefix.c     lookup and contains, with the probe    reconcile.c, scrub.c: background
 *     known.c      the only place where what is known of a key (cache, index, epoch) changes
 *     wave.c       a set of requests on the objects, with retries; pace.c: all of them together
 *     flight.c  turns.c  epoch.h  cache.c  arena.c
 */
#ifndef WK_STORE_STORE_IMPL_H
#define WK_STORE_STORE_IMPL_H

#include "codec/object_key.h"
#include "store/cache.h"
#include "store/counters.h"
#include "store/epoch.h"
#include "store/flight.h"
#include "store/pace.h"
#include "store/store.h"
#include "store/turns.h"

/* Requests that one call has under preparation at a time. Bounds the memory of a call. */
#define WK_WAVE_REQUESTS_MAX 128u

/* Encoded bodies that one put holds at a time (or one body, where that is larger). */
#define WK_SAVE_WINDOW_BYTES (32u * 1024 * 1024)

/* Size of an object of which nothing is known, for the deadline of the first try. A body that
 * announces more moves the deadline of the next one. */
#define WK_ASSUMED_BODY_BYTES (1u * 1024 * 1024)

/* The largest body a GET accepts: a payload at its limit that zstd could not shrink. */
#define WK_BODY_BYTES_MAX (WK_PAYLOAD_BYTES_MAX + (4u * 1024 * 1024))

#define WK_NEGATIVE_SLOTS 1024u

/* A LIST of ten million keys takes its time; one that takes longer has failed. */
#define WK_LIST_NS_MAX (3600ull * WK_NS_PER_S)

/* A thread of the store that sleeps most of the time. */
struct wk_worker {
    struct wk_thread *thread; /* NULL: not running */
};

/* Answers "absent" of the probe, for a while. A slot belongs to whoever wrote it last. */
struct wk_negative {
    struct wk_store_key key;
    uint64_t until_ns;
};

struct wk_probe {
    struct wk_mutex mutex;
    struct wk_negative negative[WK_NEGATIVE_SLOTS]; /* sync: mutex */
    uint64_t resume_ns;                             /* sync: mutex. Not before, after failures */
    uint32_t failures;                              /* sync: mutex */
};

struct wk_store {
    struct wk_backend backend; /* first */
    struct wk_env *env;
    struct wk_store_config config; /* strings are ours */
    struct wk_span s3_prefix;
    uint32_t parallel;
    uint64_t opened_wall_s; /* together the clock of the index */
    uint64_t opened_ns;
    struct wk_objects *objects; /* NULL once closed */
    struct wk_radix *radix;
    struct wk_cache cache;
    struct wk_epochs epochs;
    struct wk_flights flights;
    struct wk_turns turns;
    struct wk_probe probe;
    struct wk_pace pace;
    struct wk_counters counters;
    struct wk_mutex sleep_mutex;
    struct wk_cond sleep_cond; /* wakes the workers for close */
    wk_atomic_u32 listing;     /* sync: relaxed; store.listing. Number of the last LIST, from 1 */
    wk_atomic_u32 closing;     /* sync: acquire-release; store.closing. Also cancels requests */
    struct wk_worker reconcile;
    struct wk_worker scrub;
    /* sync: acquire-release; store.refs. One for the handle and one for each lease. */
    wk_atomic_u64 refs;
};

static inline struct wk_store *wk_store_of(struct wk_backend *backend) {
    return (struct wk_store *)backend;
}

/* A namespace in one call: what this handle states, and what nobody stated. Held until done. */
struct wk_namespace {
    struct wk_span name;
    wk_space_id own;
    wk_space_id unstated;
    uint32_t generation;
};
WK_MUST_CHECK enum wk_status wk_store_space(struct wk_store *store, struct wk_span ns,
                                            struct wk_namespace *out, struct wk_error *err);
void wk_store_space_done(struct wk_store *store, const struct wk_namespace *space);

static inline struct wk_store_key wk_block_key(const struct wk_namespace *space,
                                               const struct wk_block_hash *hash) {
    return (struct wk_store_key){
        .kind = WK_ENTRY_BLOCK, .space = space->own, .generation = space->generation, .id = *hash};
}

/* A raw tail, or a value under any other key, in one call. */
struct wk_named {
    struct wk_store_key key;
    struct wk_object_key object;
    char shown[WK_OBJECT_KEY_BYTES_MAX + 1]; /* relative key, for texts */
};
/* The key from the object key. */
void wk_store_name_done(struct wk_named *named);
WK_MUST_CHECK enum wk_status wk_store_name_tail(struct wk_store *store, struct wk_span ns,
                                                struct wk_span tip, struct wk_named *out,
                                                struct wk_error *err);

static inline bool wk_store_can(const struct wk_store *store, uint32_t caps) {
    return (store->objects->caps & caps) == caps;
}

/* Start + base + bytes at the minimum rate, and not after the caller's own deadline. */
uint64_t wk_store_deadline(uint64_t start_ns, uint64_t bytes, uint64_t caller_deadline_ns);

/* Coarse clock of the index: seconds since 1970 as of open, plus what has passed; never back. */
uint32_t wk_store_recency(struct wk_store *store);

bool wk_store_closing(struct wk_store *store);
/* Sleeps; false when the store closes. For workers. */
bool wk_store_sleep(struct wk_store *store, uint64_t until_ns);

/* Adds leases to what keeps the store alive; release takes them away again. */
void wk_store_hold(struct wk_store *store, uint64_t leases, uint64_t bytes);

/* Hands a pinned entry to the caller. The lease itself is counted by wk_store_hold. */
void wk_store_answer(struct wk_block_result *result, struct wk_entry *entry, enum wk_tier tier);
void wk_store_answer_status(struct wk_block_result *result, enum wk_status status);

/* One event with the block's hash or a tail's id, and a text. */
void wk_store_log_key(struct wk_store *store, enum wk_log_level level, const char *event,
                      const struct wk_store_key *key, const char *detail);

enum wk_status wk_store_get_named(struct wk_store *store, const struct wk_named *named,
                                  uint64_t deadline_ns, struct wk_block_result *out,
                                  struct wk_error *err);
enum wk_status wk_store_put_named(struct wk_store *store, const struct wk_named *named,
                                  struct wk_span payload, struct wk_error *err);

/* ---- operations (struct wk_backend_ops) ---- */

enum wk_status wk_store_get_value(struct wk_backend *b, struct wk_span ns, struct wk_span key,
                                  uint64_t deadline_ns, struct wk_block_result *out,
                                  struct wk_error *err);
enum wk_status wk_store_put_value(struct wk_backend *b, struct wk_span ns, struct wk_span key,
                                  struct wk_span payload, struct wk_error *err);
enum wk_status wk_store_exists(struct wk_backend *b, struct wk_span ns, struct wk_span key,
                               uint64_t deadline_ns, struct wk_error *err);
enum wk_status wk_store_list(struct wk_backend *b, struct wk_span ns,
                             bool (*each)(void *ctx, struct wk_span key), void *ctx,
                             uint64_t deadline_ns, struct wk_error *err);
void wk_store_clear(struct wk_backend *b);
enum wk_status wk_store_restore(struct wk_backend *b, struct wk_span ns, uint64_t deadline_ns,
                                uint64_t *out_count, struct wk_error *err);
enum wk_status wk_store_ready(struct wk_backend *b, uint64_t deadline_ns, struct wk_error *err);

enum wk_status wk_store_lookup(struct wk_backend *b, struct wk_span ns,
                               const struct wk_block_hash *hashes, size_t count,
                               size_t *out_matched, struct wk_error *err);
enum wk_status wk_store_contains(struct wk_backend *b, struct wk_span ns,
                                 const struct wk_block_hash *hashes, size_t count,
                                 uint64_t deadline_ns, struct wk_block_result *results,
                                 struct wk_error *err);
enum wk_status wk_store_get(struct wk_backend *b, struct wk_span ns,
                            const struct wk_block_hash *hashes, size_t count, enum wk_get_mode mode,
                            uint64_t deadline_ns, struct wk_block_result *results,
                            struct wk_error *err);
enum wk_status wk_store_put(struct wk_backend *b, struct wk_span ns,
                            const struct wk_block_hash *hashes, const struct wk_span *payloads,
                            size_t count, struct wk_error *err);
enum wk_status wk_store_get_tail(struct wk_backend *b, struct wk_span ns, struct wk_span tip,
                                 uint64_t deadline_ns, struct wk_block_result *out,
                                 struct wk_error *err);
enum wk_status wk_store_put_tail(struct wk_backend *b, struct wk_span ns, struct wk_span tip,
                                 struct wk_span payload, struct wk_error *err);
void wk_store_stats(struct wk_backend *b, void (*each)(void *ctx, const char *name, uint64_t value),
                    void *ctx);

/* ---- background ---- */

void wk_reconcile_main(void *store);
void wk_scrub_main(void *store);

#endif
