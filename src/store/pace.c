/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever waits is a node of the list, on its own stack; the first one takes what is free. */
#include "store/pace.h"

#include "base/mark.h"
#include "base/num.h"
#include "store/store_impl.h"
#include "store/wave.h"

#define RETRY_COST 10u /* tenths */

enum wk_status wk_pace_init(struct wk_pace *pace, struct wk_env *env, uint64_t retry_budget) {
    memset(pace, 0, sizeof *pace);
    pace->env = env;
    pace->limit = WK_OBJECTS_IN_FLIGHT_MAX;
    pace->budget = pace->budget_max = retry_budget * RETRY_COST;
    wk_list_init(&pace->waiting);
    if (env->threads->mutex_init(env, &pace->mutex) != WK_OK)
        return WK_NO_MEMORY;
    if (env->threads->cond_init(env, &pace->cond) == WK_OK)
        return WK_OK;
    env->threads->mutex_destroy(env, &pace->mutex);
    return WK_NO_MEMORY;
}

void wk_pace_destroy(struct wk_pace *pace) {
    pace->env->threads->cond_destroy(pace->env, &pace->cond);
    pace->env->threads->mutex_destroy(pace->env, &pace->mutex);
}

void wk_pace_wake(struct wk_pace *pace) {
    wk_lock(pace->env, &pace->mutex);
    pace->env->threads->cond_broadcast(pace->env, &pace->cond);
    wk_unlock(pace->env, &pace->mutex);
}

/* ---- places ---- */

struct place {
    uint32_t granted; /* 0: none until the deadline, or the store closes */
    uint32_t cuts;    /* the pace's, when it began */
};

/*
 * A batch keeps its places to its end, so it does not start with the one that happens to be free:
 * it waits for what it wants, or for a quarter of all.
 */
static bool may_enter(const struct wk_pace *pace, const struct wk_list *me, uint32_t wanted) {
    uint32_t quarter = pace->limit / 4;
    uint32_t need = wanted < quarter ? wanted : quarter;
    return pace->waiting.next == me &&
           (pace->in_flight + need <= pace->limit || WK_PLANTED(39)); /* plant 39 */
}

static struct place enter(struct wk_store *store, uint32_t wanted, uint64_t deadline_ns) {
    struct wk_pace *pace = &store->pace;
    struct wk_env *env = pace->env;
    struct wk_list me;
    enum wk_status waited = WK_OK;
    wk_lock(env, &pace->mutex);
    wk_list_append(&pace->waiting, &me);
    while (!may_enter(pace, &me, wanted) && waited == WK_OK && !wk_store_closing(store)) {
        WK_MARK("pace.waits");
        waited = env->threads->cond_wait(env, &pace->cond, &pace->mutex, deadline_ns);
    }
    struct place place = {0, pace->cuts};
    if (may_enter(pace, &me, wanted)) {
        uint32_t free = WK_PLANTED(39) ? wanted : pace->limit - pace->in_flight;
        place.granted = wanted < free ? wanted : free;
        pace->in_flight += place.granted;
    }
    wk_list_remove(&me);
    /* Room may be left for the next, or the first in line gave up. */
    if (!wk_list_empty(&pace->waiting))
        env->threads->cond_broadcast(env, &pace->cond);
    wk_unlock(env, &pace->mutex);
    return place;
}

/* ---- what the answers say ---- */

struct tally {
    uint32_t answers; /* whatever they are: the objects did their part */
    uint32_t throttled;
    uint32_t failed;
    enum wk_object_class failed_class;
};

/* `patient`: no answer would mean something. A caller's own short deadline says nothing. */
static void tally_add(struct tally *t, enum wk_object_class class, bool patient) {
    if (class == WK_OBJECT_CANCELLED)
        return;
    t->throttled += class == WK_OBJECT_THROTTLED;
    if (!wk_object_class_retryable(class) && class != WK_OBJECT_DENIED) {
        t->answers++;
    } else if (patient || class != WK_OBJECT_TIMEOUT) {
        t->failed++;
        t->failed_class = class;
    }
}

/* Under the mutex. Batches of the same moment halve the limit once. */
static void adapt_limit(struct wk_pace *pace, const struct place *place, const struct tally *t) {
    if (t->throttled > 0 && place->cuts == pace->cuts && !WK_PLANTED(41)) { /* plant 41 */
        WK_MARK("pace.slows_down");
        pace->limit = (uint32_t)wk_max_u64(pace->limit / 2, WK_OBJECTS_IN_FLIGHT_MIN);
        pace->cuts++;
        pace->won_back = 0;
        return;
    }
    pace->won_back += t->throttled > 0 ? 0 : t->answers;
    if (pace->won_back >= pace->limit && pace->limit < WK_OBJECTS_IN_FLIGHT_MAX) {
        pace->limit++;
        pace->won_back = 0;
    }
}

static void leave(struct wk_store *store, const struct place *place, const struct tally *t,
                  bool repetition) {
    struct wk_pace *pace = &store->pace;
    uint64_t now = wk_now_ns(pace->env);
    wk_lock(pace->env, &pace->mutex);
    pace->in_flight -= place->granted;
    adapt_limit(pace, place, t);
    pace->budget += t->answers * (repetition ? RETRY_COST : 1);
    pace->budget = wk_min_u64(pace->budget, pace->budget_max);
    if (t->answers > 0)
        pace->last.answered_ns = now;
    if (t->failed > 0) {
        pace->last.failed_ns = now;
        pace->last.failed_class = t->failed_class;
    }
    if (!wk_list_empty(&pace->waiting))
        pace->env->threads->cond_broadcast(pace->env, &pace->cond);
    wk_unlock(pace->env, &pace->mutex);
}

/* ---- requests ---- */

static void count_class(struct wk_store *store, enum wk_object_class class) {
    struct wk_counters *c = &store->counters;
    wk_atomic_u64 *const by_class[WK_OBJECT_CLASS_COUNT] = {
#define BY_CLASS(id, name) [WK_OBJECT_##id] = &c->objects_##name,
        WK_OBJECT_CLASS_MAP(BY_CLASS)
#undef BY_CLASS
    };
    wk_count(by_class[class], 1);
}

static void count_requests(struct wk_store *store, const struct wk_object_request *requests,
                           size_t count, bool repetition) {
    struct wk_counters *c = &store->counters;
    wk_atomic_u64 *const by_verb[] = {[WK_OBJECT_GET] = &c->requests_get,
                                      [WK_OBJECT_PUT] = &c->requests_put,
                                      [WK_OBJECT_HEAD] = &c->requests_head,
                                      [WK_OBJECT_DELETE] = &c->requests_delete};
    wk_count(&c->requests, count);
    wk_count(&c->retries, repetition ? count : 0);
    for (size_t i = 0; i < count; i++)
        wk_count(by_verb[requests[i].verb], 1);
}

static bool is_patient(uint64_t start_ns, uint64_t deadline_ns) {
    return deadline_ns >= wk_add_u64_clamped(start_ns, WK_PROGRESS_BASE_NS / 2);
}

static void refuse_all(struct wk_object_result *results, size_t count, bool closing) {
    WK_MARK("pace.no_place");
    for (size_t i = 0; i < count && !closing; i++) {
        results[i].class = WK_OBJECT_TIMEOUT;
        (void)wk_fail(&results[i].error, WK_TIMEOUT,
                      "no place among the requests in flight before the deadline");
    }
}

void wk_pace_batch(struct wk_store *store, const struct wk_object_request *requests,
                   struct wk_object_result *results, size_t count, bool repetition,
                   uint64_t deadline_ns) {
    struct tally tally = {0};
    uint32_t wanted = count < store->parallel ? (uint32_t)count : store->parallel;
    struct place place = enter(store, wanted, deadline_ns);
    if (place.granted == 0) {
        refuse_all(results, count, wk_store_closing(store));
        return;
    }
    uint64_t start = wk_now_ns(store->env);
    count_requests(store, requests, count, repetition);
    store->objects->ops->batch(store->objects, requests, results, count, place.granted, deadline_ns,
                               &store->closing);
    for (size_t i = 0; i < count; i++) {
        tally_add(&tally, results[i].class, is_patient(start, deadline_ns));
        count_class(store, results[i].class);
    }
    leave(store, &place, &tally, repetition);
}

static uint32_t cuts_so_far(struct wk_pace *pace) {
    wk_lock(pace->env, &pace->mutex);
    uint32_t cuts = pace->cuts;
    wk_unlock(pace->env, &pace->mutex);
    return cuts;
}

enum wk_object_class wk_pace_list(struct wk_store *store, const char *prefix,
                                  bool (*each)(void *ctx, const struct wk_object_entry *entry),
                                  void *ctx, uint64_t deadline_ns, struct wk_error *err) {
    struct tally tally = {0};
    struct place place = {0, cuts_so_far(&store->pace)};
    wk_count(&store->counters.requests, 1);
    wk_count(&store->counters.requests_list, 1);
    enum wk_object_class class = store->objects->ops->list(store->objects, prefix, each, ctx,
                                                           deadline_ns, &store->closing, err);
    tally_add(&tally, class, true);
    count_class(store, class);
    leave(store, &place, &tally, false);
    return class;
}

size_t wk_pace_may_repeat(struct wk_store *store, size_t wanted) {
    struct wk_pace *pace = &store->pace;
    wk_lock(pace->env, &pace->mutex);
    size_t granted = wk_min_u64(wanted, pace->budget / RETRY_COST);
    if (WK_PLANTED(37)) /* plant 37 */
        granted = wanted;
    else
        pace->budget -= granted * RETRY_COST;
    wk_unlock(pace->env, &pace->mutex);
    if (granted < wanted)
        WK_MARK("pace.budget_spent");
    wk_count(&store->counters.retries_refused, wanted - granted);
    return granted;
}

void wk_pace_outcome(struct wk_pace *pace, struct wk_pace_outcome *out) {
    wk_lock(pace->env, &pace->mutex);
    *out = pace->last;
    wk_unlock(pace->env, &pace->mutex);
}

void wk_pace_stats(struct wk_pace *pace, struct wk_pace_stats *out) {
    wk_lock(pace->env, &pace->mutex);
    out->in_flight = pace->in_flight;
    out->limit = pace->limit;
    out->retries_left = pace->budget / RETRY_COST;
    wk_unlock(pace->env, &pace->mutex);
}
