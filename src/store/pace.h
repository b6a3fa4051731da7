/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pace: every request of a handle on the objects goes through here.
 *
 *     wanted -> a place among those in flight (first come, first served) -> batch -> counted
 *
 * In flight: at most WK_OBJECTS_IN_FLIGHT_MAX over all calls of the handle. A batch that was
 * throttled halves that, down to WK_OBJECTS_IN_FLIGHT_MIN; answers win it back, one place for as
 * many answers as there are places. So a store that says "slow down" gets less from the whole
 * handle, not more. A LIST is one request at a time, for as long as it takes, and needs no place.
 *
 * Retries: a budget of the handle. A repetition takes one of it, and gives it back when it gets an
 * answer; ten answers to first tries give one more. So single failures are tried again as the
 * settings say, and an object store that is down sees hardly more than it would without retries.
 *
 * Thread-safety: all functions are safe for concurrent use, but for init and destroy.
 */
#ifndef WK_STORE_PACE_H
#define WK_STORE_PACE_H

#include "backend/backend.h"
#include "base/list.h"
#include "env/env.h"

struct wk_store;

/* When the objects last answered, and when they last failed to (0: never), and how. */
struct wk_pace_outcome {
    uint64_t answered_ns;
    uint64_t failed_ns;
    enum wk_object_class failed_class;
};

struct wk_pace {
    struct wk_env *env;
    struct wk_mutex mutex;
    struct wk_cond cond;
    struct wk_list waiting;      /* sync: mutex. Callers without a place, in order of arrival */
    uint32_t in_flight;          /* sync: mutex */
    uint32_t limit;              /* sync: mutex. IN_FLIGHT_MIN .. IN_FLIGHT_MAX */
    uint32_t cuts;               /* sync: mutex. How often the limit was halved */
    uint32_t won_back;           /* sync: mutex. Answers since the limit last changed */
    uint64_t budget_max;         /* of retries, in tenths; fixed */
    uint64_t budget;             /* sync: mutex. What is left of it */
    struct wk_pace_outcome last; /* sync: mutex */
};

WK_MUST_CHECK enum wk_status wk_pace_init(struct wk_pace *pace, struct wk_env *env,
                                          uint64_t retry_budget);
void wk_pace_destroy(struct wk_pace *pace);
/* Ends the waiting of those who look at store->closing. */
void wk_pace_wake(struct wk_pace *pace);

/*
 * Runs the requests as objects->batch does, with as many under way as the store's settings and the
 * places allow. Without a place until the deadline nothing is sent, and all end as TIMEOUT.
 * `repetition`: these have failed before, and wk_pace_may_repeat has granted them.
 */
void wk_pace_batch(struct wk_store *store, const struct wk_object_request *requests,
                   struct wk_object_result *results, size_t count, bool repetition,
                   uint64_t deadline_ns);
/* objects->list, counted. */
enum wk_object_class wk_pace_list(struct wk_store *store, const char *prefix,
                                  bool (*each)(void *ctx, const struct wk_object_entry *entry),
                                  void *ctx, uint64_t deadline_ns, struct wk_error *err);
/* How many of `wanted` failed requests may be sent again. */
size_t wk_pace_may_repeat(struct wk_store *store, size_t wanted);

void wk_pace_outcome(struct wk_pace *pace, struct wk_pace_outcome *out);

struct wk_pace_stats {
    uint32_t in_flight;
    uint32_t limit;
    uint64_t retries_left;
};
void wk_pace_stats(struct wk_pace *pace, struct wk_pace_stats *out);

#endif
