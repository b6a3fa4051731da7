/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single flight: concurrent misses of one key are fetched once.
 *
 *     claim   cached meanwhile -> HIT      under way at this epoch -> JOINED      else -> LED
 *     the leader fetches, publishes to the cache, then finishes the flight: in this order, so that
 *     whoever claims later finds either the flight or the cached value
 *
 * A flight is joined only at the epoch at which it began: after a newer put it may bring old bytes.
 * A leader never waits for another flight while it has one of its own, so there is no deadlock.
 *
 * Thread-safety: all functions are safe for concurrent use.
 */
#ifndef WK_STORE_FLIGHT_H
#define WK_STORE_FLIGHT_H

#include "store/cache.h"
#include "store/epoch.h"

#define WK_FLIGHT_BUCKETS    256u
#define WK_FLIGHT_TEXT_BYTES 192u

enum wk_claim { WK_CLAIM_HIT, WK_CLAIM_LED, WK_CLAIM_JOINED, WK_CLAIM_NO_MEMORY };

struct wk_flight {
    struct wk_flight *next; /* sync: mutex, as everything below that changes */
    struct wk_store_key key;
    uint64_t hash;
    uint64_t epoch; /* fixed */
    uint64_t started_ns;
    uint32_t users; /* the leader and those who joined and have not left */
    bool done;
    bool final; /* the answer holds for those who joined, too; else they ask themselves */
    enum wk_status status;
    struct wk_entry *entry; /* OK: one pin for each that joined */
    char text[WK_FLIGHT_TEXT_BYTES];
};

struct wk_flights {
    struct wk_env *env;
    struct wk_cache *cache;
    struct wk_epochs *epochs;
    struct wk_mutex mutex;
    struct wk_cond cond;
    struct wk_flight *buckets[WK_FLIGHT_BUCKETS]; /* sync: mutex */
    uint64_t under_way;                           /* sync: mutex */
};

WK_MUST_CHECK enum wk_status wk_flights_init(struct wk_flights *flights, struct wk_env *env,
                                             struct wk_cache *cache, struct wk_epochs *epochs);
void wk_flights_destroy(struct wk_flights *flights);

struct wk_claim_rule {
    bool may_join;
    uint64_t fresh_after_ns;    /* a value from before this does not count (tails) */
    uint64_t joinable_after_ns; /* nor does a flight from before this */
};

enum wk_claim wk_flight_claim(struct wk_flights *flights, const struct wk_store_key *key,
                              uint64_t hash, const struct wk_claim_rule *rule,
                              struct wk_flight **out_flight, struct wk_entry **out_entry);

/*
 * By the leader, once. `entry` (with OK) is pinned by the leader and gets one more pin for each
 * that joined. The flight is not the leader's any more afterwards.
 */
void wk_flight_finish(struct wk_flights *flights, struct wk_flight *flight, enum wk_status status,
                      bool final, struct wk_entry *entry, const char *text);

/*
 * By one that joined, once: waits, then leaves the flight. False: ask yourself (the leader gave up
 * for reasons of its own). True: `*status`; with OK `*out_entry` is pinned, with a failure `text`
 * (WK_FLIGHT_TEXT_BYTES) says why.
 */
bool wk_flight_wait(struct wk_flights *flights, struct wk_flight *flight, uint64_t deadline_ns,
                    enum wk_status *status, struct wk_entry **out_entry, char *text);

uint64_t wk_flights_under_way(struct wk_flights *flights);

#endif
