// SPDX-License-Identifier: Apache-2.0
#include "ledger.h"

#include <string.h>

#include "base/limits.h"
#include "engine.h"
#include "pool.h"
#include "report.h"
#include "sched.h"
#include "trace.h"

#define BUCKETS 1024u
// A get asks three times more when something was written under the stripe meanwhile.
#define ABSENCES_MAX 4u

// The last request of one fiber with this verb and key.
struct entry {
    struct entry *next;
    uint64_t fiber;
    uint64_t call_ns; // when the call of the ABI began that it belongs to
    enum wk_object_verb verb;
    const char *key;
    enum wk_object_class class;
    uint64_t answered_ns;
    uint32_t absences; // answers ABSENT in this call
    bool repetition;
};

struct sim_ledger {
    const struct sim_engine_plan *plan; // of its engine, or NULL
    struct entry *buckets[BUCKETS];
    uint32_t in_flight;
    uint64_t answers;
    uint64_t failed_repetitions;
    uint32_t batches;           // running
    bool overlapped;            // another one ran beside one of them
    uint32_t throttled_batches; // in a row, each alone
};

// NULL: it is no engine, and nobody knows its settings.
static const struct sim_engine_plan *plan_of(const struct sim_process *process) {
    for (uint32_t i = 0; sim_the_plan != NULL && i < sim_the_plan->engine_count; i++) {
        const struct sim_engine *e = sim_engine_at(i);
        if (e != NULL && e->process == process)
            return e->plan;
    }
    return NULL;
}

struct sim_ledger *sim_ledger_create(const struct sim_process *process) {
    struct sim_ledger *l = sim_new(sizeof *l);
    l->plan = plan_of(process);
    return l;
}

static struct entry *entry_of(struct sim_ledger *l, const struct wk_object_request *r) {
    const struct sim_fiber *self = sim_self();
    uint64_t h = sim_digest(r->key, strlen(r->key)) + self->id * 7 + (uint64_t)r->verb;
    struct entry **at = &l->buckets[h % BUCKETS];
    for (struct entry *e = *at; e != NULL; e = e->next) {
        if (e->fiber == self->id && e->verb == r->verb && strcmp(e->key, r->key) == 0)
            return e;
    }
    struct entry *e = sim_new(sizeof *e);
    e->next = *at;
    e->fiber = self->id;
    e->verb = r->verb;
    e->key = sim_copy_text(r->key);
    e->call_ns = SIM_NEVER;
    *at = e;
    return e;
}

// 409 is left out: a put that lost against others may go at once.
static bool failed(enum wk_object_class class) {
    return class == WK_OBJECT_THROTTLED || class == WK_OBJECT_SERVER_ERROR ||
           class == WK_OBJECT_TIMEOUT;
}

// Whether another thread of the handle can have moved the epochs that a get goes by.
static bool alone(const struct sim_ledger *l, const struct entry *e) {
    const struct sim_engine_plan *plan = l->plan;
    return plan->threads == 1 && plan->reconcile_ms == 0 && e->verb == WK_OBJECT_GET &&
           strstr(e->key, "/sidecar/") != NULL; // calls for tails have one key
}

static void judge_repetition(struct sim_ledger *l, struct entry *e) {
    const struct sim_engine_plan *plan = l->plan;
    uint32_t absences = alone(l, e) ? 1 : ABSENCES_MAX;
    if (e->absences >= absences)
        sim_violate("requests", "%s was absent %u times in one call, and is asked for again",
                    e->key, e->absences);
    e->repetition = failed(e->class);
    if (!e->repetition)
        return;
    uint64_t least = plan->backoff_ms * 1000000ull / 2;
    least -= least / 1000; // clocks drift
    if (sim_now() - e->answered_ns < least)
        sim_violate("requests", "%s is sent again %llu us after it failed, the pause is %u ms",
                    e->key, (unsigned long long)(sim_now() - e->answered_ns) / 1000,
                    plan->backoff_ms);
    if (l->failed_repetitions > plan->retry_budget + l->answers / 10)
        sim_violate("requests",
                    "%llu requests were sent again and failed again, beside %llu with an answer",
                    (unsigned long long)l->failed_repetitions, (unsigned long long)l->answers);
}

void sim_ledger_sent(struct sim_ledger *l, const struct wk_object_request *r) {
    const struct sim_fiber *self = sim_self();
    if (++l->in_flight > WK_OBJECTS_IN_FLIGHT_MAX)
        sim_violate("requests", "%u requests of one handle in flight", l->in_flight);
    if (l->plan == NULL || self->doing == NULL)
        return; // not a call of an engine
    struct entry *e = entry_of(l, r);
    if (e->call_ns == self->doing_since_ns) {
        judge_repetition(l, e);
        return;
    }
    e->call_ns = self->doing_since_ns;
    e->absences = 0;
    e->repetition = false;
}

void sim_ledger_answered(struct sim_ledger *l, const struct wk_object_request *r,
                         enum wk_object_class class) {
    l->in_flight--;
    l->answers += !failed(class);
    if (l->plan == NULL || sim_self()->doing == NULL)
        return;
    struct entry *e = entry_of(l, r);
    e->class = class;
    e->answered_ns = sim_now();
    e->absences += class == WK_OBJECT_ABSENT;
    l->failed_repetitions += e->repetition && failed(class);
}

// The limit is halved by each, and no other batch wins anything back in between.
void sim_ledger_batch(struct sim_ledger *l, uint32_t parallel) {
    const struct sim_engine_plan *plan = l->plan;
    uint32_t n = l->throttled_batches < 4 ? l->throttled_batches : 4;
    uint32_t most = (WK_OBJECTS_IN_FLIGHT_MAX >> n) + 2;
    if (plan != NULL && plan->threads == 1 && plan->reconcile_ms == 0 && parallel > most)
        sim_violate("requests", "after %u throttled batches the next one has %u under way",
                    l->throttled_batches, parallel);
    l->overlapped = l->overlapped || l->batches > 0;
    l->batches++;
}

void sim_ledger_batch_done(struct sim_ledger *l, bool throttled) {
    l->batches--;
    if (!throttled)
        l->throttled_batches = 0;
    else if (!l->overlapped)
        l->throttled_batches++;
    l->overlapped = l->overlapped && l->batches > 0;
}
