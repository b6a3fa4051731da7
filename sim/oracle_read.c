// SPDX-License-Identifier: Apache-2.0
// Hits, misses and tails.
#include "oracle.h"

#include <stddef.h>

#include "fault.h"

// Did the bucket get this value anew at or after `ns`?
static bool effect_since(const struct sim_key *key, struct sim_value value, uint64_t ns) {
    for (const struct sim_effect *e = key->effects; e != NULL; e = e->next) {
        if (e->at_ns >= ns && e->present && !e->damaged && sim_value_equal(e->value, value))
            return true;
    }
    return false;
}

// Was it being written while, or after, the write that began at `ns`?
static bool written_beside(const struct sim_key *key, struct sim_value value, uint64_t ns) {
    for (const struct sim_write *w = key->writes; w != NULL; w = w->next) {
        bool counts = !key->tracked || w->outcome != SIM_UNKNOWN;
        if (counts && w->end_ns >= ns && sim_value_equal(w->value, value))
            return true;
    }
    return false;
}

static const char *judge_newest(const struct sim_key *key, struct sim_value value, uint64_t store,
                                uint64_t start_ns) {
    const struct sim_write *last = sim_key_last_done(key, store, start_ns);
    if (last == NULL || sim_value_equal(last->value, value))
        return NULL;
    if (written_beside(key, value, last->start_ns))
        return NULL;
    if (effect_since(key, value, last->start_ns))
        return NULL;
    return "newest: older bytes than this store acknowledged before the call";
}

const char *sim_judge_hit(const struct sim_key *key, struct sim_value value, uint64_t store,
                          uint64_t start_ns, uint64_t end_ns) {
    if (!sim_key_written(key, value, end_ns))
        return "bytes: nobody ever wrote these bytes under this key";
    if (!sim_key_held(key, value, 0, end_ns))
        return "bytes: these bytes never reached the bucket, their put did not succeed";
    return judge_newest(key, value, store, start_ns);
}

// A directory tells of no effects. Its objects are never deleted by others, so whatever was once
// acknowledged has to be there unless the disk itself lost bytes.
static bool must_be_there(const struct sim_key *key, uint64_t start_ns, uint64_t end_ns) {
    if (key->tracked)
        return sim_key_present_throughout(key, start_ns, end_ns);
    for (const struct sim_write *w = key->writes; w != NULL; w = w->next) {
        if (w->outcome == SIM_DONE && w->end_ns <= start_ns)
            return true;
    }
    return false;
}

const char *sim_judge_miss(const struct sim_key *key, bool excused, uint64_t start_ns,
                           uint64_t end_ns) {
    if (!excused && must_be_there(key, start_ns, end_ns))
        return "found: a miss, but it was in the bucket all the time";
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
