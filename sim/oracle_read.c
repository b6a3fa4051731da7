// SPDX-License-Identifier: Apache-2.0
// Hits, misses and tails.
#include "oracle.h"

#include <stddef.h>

// A directory tells of no effects: then the bytes may be newer than `than` when a put of them did
// not end before `than` began. One that failed may still have come later.
static bool written_beside(const struct sim_key *key, struct sim_value value,
                           const struct sim_write *than) {
    for (const struct sim_write *w = key->writes; w != NULL; w = w->next) {
        if (w->end_ns >= than->start_ns && sim_value_equal(w->value, value))
            return true;
    }
    return false;
}

static bool is(const struct sim_effect *e, struct sim_value value) {
    return e->present && !e->damaged && sim_value_equal(e->value, value);
}

// Did the bucket hold these bytes after it held, during the put `own`, those of `own`? If it never
// did that is another rule's business.
static bool arrived_after(const struct sim_key *key, struct sim_value value,
                          const struct sim_write *own, uint64_t end_ns) {
    bool later = false;
    bool after = true;
    for (const struct sim_effect *e = key->effects; e != NULL; e = e->next) {
        if (e->until_ns < own->start_ns)
            break;
        if (e->at_ns <= own->end_ns && is(e, own->value))
            after = later;
        if (e->at_ns <= end_ns && is(e, value))
            later = true;
    }
    return after;
}

// CONS-4, for one put of this store that failed and took effect all the same: what was there
// before it is served no more.
static bool outlived_failure(const struct sim_key *key, struct sim_value value,
                             const struct sim_write *w, uint64_t end_ns) {
    for (const struct sim_effect *e = key->effects; e != NULL; e = e->next) {
        if (e->at_ns >= w->start_ns && e->at_ns <= w->gave_up_ns && is(e, w->value))
            return !sim_key_held(key, value, e->at_ns + 1, end_ns);
    }
    return false;
}

// CONS-2, for one put that this store acknowledged before the call: the answer is its bytes, or
// bytes that came into the bucket after them, put by others or by an earlier try that came late.
static bool not_older(const struct sim_key *key, struct sim_value value,
                      const struct sim_write *own, uint64_t end_ns) {
    if (sim_value_equal(own->value, value))
        return true;
    return key->tracked ? arrived_after(key, value, own, end_ns) : written_beside(key, value, own);
}

static const char *judge_newest(const struct sim_key *key, struct sim_value value, uint64_t store,
                                uint64_t start_ns, uint64_t end_ns) {
    for (const struct sim_write *w = key->writes; w != NULL; w = w->next) {
        bool own = w->store == store && w->outcome == SIM_DONE && w->end_ns < start_ns;
        if (own && !not_older(key, value, w, end_ns))
            return "newest: older bytes than this store acknowledged before the call";
        bool failed = w->store == store && w->outcome == SIM_UNKNOWN && w->gave_up_ns < start_ns;
        if (failed && key->tracked && outlived_failure(key, value, w, end_ns))
            return "newest: bytes that a failed put of this store had replaced before the call";
    }
    return NULL;
}

const char *sim_judge_hit(const struct sim_key *key, struct sim_value value, uint64_t store,
                          uint64_t start_ns, uint64_t end_ns) {
    if (!sim_key_written(key, value, end_ns))
        return "bytes: nobody ever wrote these bytes under this key";
    if (!sim_key_held(key, value, 0, end_ns))
        return "bytes: these bytes never reached the bucket, their put did not succeed";
    return judge_newest(key, value, store, start_ns, end_ns);
}

const char *sim_judge_model(const struct sim_key *key, struct sim_value value, uint32_t model) {
    bool foreign = false;
    for (const struct sim_write *w = key->writes; w != NULL && model != 0; w = w->next) {
        if (!sim_value_equal(w->value, value))
            continue;
        if (w->model == 0 || w->model == model)
            return NULL;
        foreign = true;
    }
    return foreign ? "model: bytes of another model" : NULL;
}

// CONS-3: somebody's put was acknowledged before the call, and since then a whole value was there.
// Of a put that is not acknowledged nothing is promised, even if it has arrived: the call may have
// joined a GET that was answered before. A directory tells of no effects; its objects are never
// deleted by others, so whatever was once acknowledged has to be there.
static bool must_be_there(const struct sim_key *key, uint64_t start_ns, uint64_t end_ns) {
    for (const struct sim_write *w = key->writes; w != NULL; w = w->next) {
        if (w->outcome == SIM_DONE && w->end_ns <= start_ns &&
            (!key->tracked || sim_key_present_throughout(key, w->end_ns, end_ns)))
            return true;
    }
    return false;
}

const char *sim_judge_miss(const struct sim_key *key, bool excused, uint64_t start_ns,
                           uint64_t end_ns) {
    if (!excused && must_be_there(key, start_ns, end_ns))
        return "found: a miss, but its put was acknowledged before and it was there all the time";
    return NULL;
}

const char *sim_judge_tail(const struct sim_key *key, struct sim_value value, uint64_t store,
                           uint64_t fresh_ns, bool excused, uint64_t start_ns, uint64_t end_ns) {
    uint64_t since = start_ns > fresh_ns ? start_ns - fresh_ns : 0;
    if (value.bytes == NULL)
        return sim_judge_miss(key, excused, since, end_ns);
    const char *why = sim_judge_hit(key, value, store, start_ns, end_ns);
    if (why != NULL)
        return why;
    if (!sim_key_held(key, value, since, end_ns))
        return "fresh: an older tail than the freshness bound allows";
    return NULL;
}

// CONS-15. All that wrote this value are puts of one store that had returned, with success or
// without, before `own` of the same store began.
static bool only_older(const struct sim_key *key, struct sim_value value,
                       const struct sim_write *own) {
    for (const struct sim_write *w = key->writes; w != NULL; w = w->next) {
        uint64_t ended = w->outcome == SIM_DONE ? w->end_ns : w->gave_up_ns;
        if (sim_value_equal(w->value, value) &&
            (w->store != own->store || w->outcome == SIM_UNDER_WAY || ended >= own->start_ns))
            return false;
    }
    return true;
}

// Content that comes back may bring its ETag back: then a condition on it holds again.
static bool replaces_new_bytes(const struct sim_effect *e) {
    const struct sim_effect *before = e->next;
    if (before == NULL || !before->present)
        return false;
    for (const struct sim_effect *old = before->next; old != NULL; old = old->next) {
        if (old->present && sim_value_equal(old->value, before->value))
            return false;
    }
    return true;
}

const char *sim_judge_arrival(const struct sim_key *key) {
    const struct sim_effect *e = key->effects;
    if (!key->ordered || e == NULL || !e->present || e->damaged || !replaces_new_bytes(e))
        return NULL;
    for (const struct sim_write *w = key->writes; w != NULL; w = w->next) {
        bool own = w->store != 0 && w->outcome == SIM_DONE && w->end_ns <= e->at_ns;
        if (own && only_older(key, e->value, w))
            return "newest: a late try of an older put has replaced an acknowledged tail";
    }
    return NULL;
}
