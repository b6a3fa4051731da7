/* SPDX-License-Identifier: Apache-2.0 */
/* A flight is in its bucket from claim to finish, and in memory until its last user left. */
#include "store/flight.h"

#include "base/mark.h"
#include "base/text.h"

enum wk_status wk_flights_init(struct wk_flights *flights, struct wk_env *env,
                               struct wk_cache *cache, struct wk_epochs *epochs) {
    memset(flights, 0, sizeof *flights);
    flights->env = env;
    flights->cache = cache;
    flights->epochs = epochs;
    if (env->threads->mutex_init(env, &flights->mutex) != WK_OK)
        return WK_NO_MEMORY;
    if (env->threads->cond_init(env, &flights->cond) == WK_OK)
        return WK_OK;
    env->threads->mutex_destroy(env, &flights->mutex);
    return WK_NO_MEMORY;
}

void wk_flights_destroy(struct wk_flights *flights) {
    flights->env->threads->cond_destroy(flights->env, &flights->cond);
    flights->env->threads->mutex_destroy(flights->env, &flights->mutex);
}

static struct wk_flight **bucket_of(struct wk_flights *flights, uint64_t hash) {
    return &flights->buckets[hash % WK_FLIGHT_BUCKETS];
}

static struct wk_flight *find_joinable(struct wk_flights *flights, const struct wk_store_key *key,
                                       uint64_t hash, uint64_t epoch, uint64_t after_ns) {
    for (struct wk_flight *f = *bucket_of(flights, hash); f != NULL; f = f->next) {
        if (f->hash != hash || !wk_store_key_equal(&f->key, key))
            continue;
        if ((WK_PLANTED(3) || f->epoch == epoch) /* plant 3 */ && f->started_ns >= after_ns)
            return f;
        WK_MARK("flight.not_joined_across_epoch");
    }
    return NULL;
}

static struct wk_flight *flight_create(struct wk_flights *flights, const struct wk_store_key *key,
                                       uint64_t hash, uint64_t epoch, uint64_t now_ns) {
    struct wk_flight *f = wk_alloc(flights->env, WK_MEM_HANDLE, sizeof *f);
    if (f == NULL)
        return NULL;
    memset(f, 0, sizeof *f);
    f->key = *key;
    f->hash = hash;
    f->epoch = epoch;
    f->started_ns = now_ns;
    f->users = 1;
    f->next = *bucket_of(flights, hash);
    *bucket_of(flights, hash) = f;
    flights->under_way++;
    return f;
}

enum wk_claim wk_flight_claim(struct wk_flights *flights, const struct wk_store_key *key,
                              uint64_t hash, const struct wk_claim_rule *rule,
                              struct wk_flight **out_flight, struct wk_entry **out_entry) {
    enum wk_claim claim = WK_CLAIM_LED;
    uint64_t now = wk_now_ns(flights->env);
    wk_lock(flights->env, &flights->mutex);
    uint64_t epoch = wk_epoch_read(flights->epochs, hash);
    struct wk_flight *f =
        rule->may_join ? find_joinable(flights, key, hash, epoch, rule->joinable_after_ns) : NULL;
    if (f != NULL) {
        WK_MARK("flight.joined");
        f->users++;
        claim = WK_CLAIM_JOINED;
    } else if ((*out_entry = wk_cache_pin(flights->cache, key, hash, rule->fresh_after_ns))) {
        WK_MARK("flight.filled_meanwhile");
        claim = WK_CLAIM_HIT;
    } else {
        f = flight_create(flights, key, hash, epoch, now);
        if (f == NULL)
            claim = WK_CLAIM_NO_MEMORY;
    }
    wk_unlock(flights->env, &flights->mutex);
    *out_flight = f;
    return claim;
}

/* True when the caller has to free it. */
static bool leave_locked(struct wk_flight *flight) {
    return --flight->users == 0;
}

static void flight_free(struct wk_flights *flights, struct wk_flight *flight) {
    wk_release(flights->env, WK_MEM_HANDLE, flight, sizeof *flight);
}

void wk_flight_finish(struct wk_flights *flights, struct wk_flight *flight, enum wk_status status,
                      bool final, struct wk_entry *entry, const char *text) {
    wk_lock(flights->env, &flights->mutex);
    struct wk_flight **at = bucket_of(flights, flight->hash);
    while (*at != flight)
        at = &(*at)->next;
    *at = flight->next;
    flights->under_way--;
    flight->done = true;
    flight->final = final;
    flight->status = status;
    if (status == WK_OK) {
        flight->entry = entry;
        /* Relaxed: the leader's own pin keeps the entry; the mutex hands it over. */
        wk_atomic_add_u32(&entry->pins, flight->users - 1, WK_RELAXED, "entry.pin");
    }
    if (text != NULL)
        wk_format(flight->text, sizeof flight->text, "%s", text);
    bool last = leave_locked(flight);
    if (!last)
        flights->env->threads->cond_broadcast(flights->env, &flights->cond);
    wk_unlock(flights->env, &flights->mutex);
    if (last)
        flight_free(flights, flight);
}

bool wk_flight_wait(struct wk_flights *flights, struct wk_flight *flight, uint64_t deadline_ns,
                    enum wk_status *status, struct wk_entry **out_entry, char *text) {
    enum wk_status waited = WK_OK;
    bool answered = true;
    *out_entry = NULL;
    wk_lock(flights->env, &flights->mutex);
    while (!flight->done && waited == WK_OK)
        waited = flights->env->threads->cond_wait(flights->env, &flights->cond, &flights->mutex,
                                                  deadline_ns);
    if (flight->done) {
        answered = flight->final;
        *status = flight->status;
        *out_entry = flight->entry;
        wk_format(text, WK_FLIGHT_TEXT_BYTES, "%s", flight->text);
    } else {
        WK_MARK("flight.wait_timed_out");
        *status = WK_TIMEOUT;
        wk_format(text, WK_FLIGHT_TEXT_BYTES, "no answer before the deadline");
    }
    bool last = leave_locked(flight);
    wk_unlock(flights->env, &flights->mutex);
    if (last)
        flight_free(flights, flight);
    return answered;
}

uint64_t wk_flights_under_way(struct wk_flights *flights) {
    wk_lock(flights->env, &flights->mutex);
    uint64_t count = flights->under_way;
    wk_unlock(flights->env, &flights->mutex);
    return count;
}
