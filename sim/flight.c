// SPDX-License-Identifier: Apache-2.0
#include "flight.h"

#include <string.h>

#include "fault.h"
#include "hash/crc32c.h"
#include "pool.h"
#include "process.h"
#include "report.h"
#include "sched.h"
#include "trace.h"

static uint32_t pending; // mutations sent that have not taken effect yet
static struct sim_flight *holes;
static uint64_t flights_made;

void sim_flights_reset(void) {
    holes = NULL;
    pending = 0;
    flights_made = 0;
}

uint32_t sim_flights_pending(void) {
    return pending;
}

static bool mutates(const struct sim_flight *f) {
    return f->verb == WK_OBJECT_PUT || f->verb == WK_OBJECT_DELETE;
}

// ---- trouble

enum wk_object_class sim_bucket_refuses(struct sim_bucket *b, const char **text) {
    uint64_t now = sim_now();
    bool refused = now < b->denied_until_ns && !sim_faults_healed();
    if (!refused && sim_fault(SIM_FAULT_OBJECT_DENIED)) {
        b->denied_until_ns =
            now + sim_rng_log(sim_fault_rng(SIM_FAULT_OBJECT_DENIED), 1000000, 20000000000ull);
        refused = true;
    }
    if (refused) {
        *text = "403 AccessDenied: the credentials have expired";
        return WK_OBJECT_DENIED;
    }
    refused = now < b->throttled_until_ns && !sim_faults_healed();
    if (!refused && sim_fault(SIM_FAULT_OBJECT_THROTTLE)) {
        struct sim_rng *rng = sim_fault_rng(SIM_FAULT_OBJECT_THROTTLE);
        if (sim_rng_chance(rng, 200000))
            b->throttled_until_ns = now + sim_rng_log(rng, 1000000, 3000000000ull);
        refused = true;
    }
    if (refused) {
        *text = "503 SlowDown: reduce your request rate";
        return WK_OBJECT_THROTTLED;
    }
    return WK_OBJECT_OK;
}

uint64_t sim_bucket_latency(struct sim_bucket *b, uint64_t bytes) {
    uint64_t ns = b->latency_ns / 2 + sim_rng_below(&b->rng, b->latency_ns * 2 + 1);
    ns += bytes * b->byte_ps / 1000;
    if (sim_fault(SIM_FAULT_OBJECT_SLOW))
        ns *= sim_rng_between(sim_fault_rng(SIM_FAULT_OBJECT_SLOW), 10, 500);
    return ns;
}

static enum sim_trouble draw_trouble(bool mutation) {
    if (sim_fault(SIM_FAULT_OBJECT_BLACK_HOLE))
        return SIM_TROUBLE_HOLE;
    if (sim_fault(SIM_FAULT_OBJECT_ERROR_BEFORE))
        return SIM_TROUBLE_BEFORE;
    if (mutation && sim_fault(SIM_FAULT_OBJECT_ERROR_AFTER))
        return SIM_TROUBLE_AFTER;
    if (mutation && sim_fault(SIM_FAULT_OBJECT_LATE))
        return SIM_TROUBLE_LATE;
    return SIM_TROUBLE_NONE;
}

// ---- the effect

static enum wk_object_class check_conditions(const struct sim_flight *f,
                                             const struct sim_version *there) {
    if (f->verb == WK_OBJECT_GET && f->has_if_none_match && there != NULL &&
        there->etag.length == f->if_none_match.length &&
        memcmp(there->etag.text, f->if_none_match.text, there->etag.length) == 0)
        return WK_OBJECT_NOT_MODIFIED;
    if (f->if_absent && there != NULL)
        return WK_OBJECT_PRECONDITION_FAILED;
    if (f->has_if_match && (there == NULL || there->etag.length != f->if_match.length ||
                            memcmp(there->etag.text, f->if_match.text, f->if_match.length) != 0))
        return there == NULL && f->verb == WK_OBJECT_PUT ? WK_OBJECT_ABSENT
                                                         : WK_OBJECT_PRECONDITION_FAILED;
    return WK_OBJECT_OK;
}

static enum wk_object_class take_effect(struct sim_flight *f) {
    struct sim_bucket *b = f->bucket;
    const struct sim_version *there = sim_bucket_find(b, f->key);
    enum wk_object_class class = check_conditions(f, there);
    f->version = there;
    if (class != WK_OBJECT_OK)
        return class;
    switch (f->verb) {
    case WK_OBJECT_PUT:
        sim_bucket_put(b, f->key, f->body, f->size);
        f->version = sim_bucket_find(b, f->key);
        return WK_OBJECT_OK;
    case WK_OBJECT_DELETE:
        sim_bucket_delete(b, f->key);
        return WK_OBJECT_OK;
    default:
        return there == NULL ? WK_OBJECT_ABSENT : WK_OBJECT_OK;
    }
}

static const char *verb_name(enum wk_object_verb verb, bool late) {
    static const char *const names[] = {"obj.get", "obj.put", "obj.head", "obj.delete"};
    static const char *const lates[] = {"late.get", "late.put", "late.head", "late.delete"};
    return late ? lates[verb] : names[verb];
}

static void on_effect(struct sim_timer *timer) {
    struct sim_flight *f = timer->ctx;
    enum wk_object_class class = take_effect(f);
    f->effective = true;
    bool late = f->trouble == SIM_TROUBLE_LATE || f->client == NULL;
    sim_event(verb_name(f->verb, late), f->key, f->number, (uint64_t) class);
    pending -= mutates(f);
    if (f->trouble == SIM_TROUBLE_NONE)
        f->class = class;
}

static void on_done(struct sim_timer *timer) {
    struct sim_flight *f = timer->ctx;
    f->answered = true;
    if (f->client != NULL && f->client->alive)
        sim_wake("objects", f->wake, 1);
}

// ---- start

static void copy_request(struct sim_flight *f, const struct wk_object_request *r) {
    f->verb = r->verb;
    f->key = sim_copy_text(r->key);
    for (size_t i = 0; r->verb == WK_OBJECT_PUT && i < r->body_count; i++)
        f->size += r->body[i].size;
    uint8_t *body = sim_new(f->size + 1);
    f->body = body;
    for (size_t i = 0; r->verb == WK_OBJECT_PUT && i < r->body_count; i++) {
        if (r->body[i].size > 0)
            memcpy(body, r->body[i].data, r->body[i].size);
        body += r->body[i].size;
    }
    f->if_absent = r->if_absent;
    f->has_if_match = r->if_match != NULL;
    f->has_if_none_match = r->if_none_match != NULL;
    if (r->if_match != NULL)
        f->if_match = *r->if_match;
    if (r->if_none_match != NULL)
        f->if_none_match = *r->if_none_match;
}

// The service answers INVALID to what it cannot do; a wrong checksum is our bug, not its.
static const char *unable(const struct sim_flight *f, const struct wk_object_request *r) {
    uint32_t caps = f->bucket->caps;
    size_t size = strlen(r->key);
    if (size == 0 || size > WK_OBJECT_KEY_BYTES_MAX)
        return "the key is empty or too long";
    if (f->verb == WK_OBJECT_HEAD && !(caps & WK_OBJECTS_HEAD))
        return "HEAD is not supported";
    if ((f->if_absent || f->has_if_match) && !(caps & WK_OBJECTS_CONDITIONAL))
        return "conditions are not supported";
    if (f->has_if_none_match && !(caps & WK_OBJECTS_ETAG))
        return "conditions are not supported";
    if (f->verb == WK_OBJECT_PUT && (caps & WK_OBJECTS_CHECKSUM) &&
        wk_crc32c(f->body, f->size) != r->body_crc32c)
        sim_violate("environment", "PUT %s: the CRC32C sent is not that of the body", r->key);
    return NULL;
}

struct sim_flight *sim_flight_start(struct sim_bucket *b, struct sim_process *client,
                                    const struct wk_object_request *r, const void *wake) {
    struct sim_flight *f = sim_new(sizeof *f);
    f->effect.fire = on_effect;
    f->effect.ctx = f;
    f->done.fire = on_done;
    f->done.ctx = f;
    f->bucket = b;
    f->client = client;
    f->number = ++flights_made;
    f->wake = wake;
    f->class = WK_OBJECT_OK;
    b->requests++;
    copy_request(f, r);
    uint64_t takes = sim_bucket_latency(b, f->size);
    uint64_t effect_after = takes / 4 + sim_rng_below(&b->rng, takes / 2 + 1);
    uint64_t now = sim_now();
    f->text = unable(f, r);
    if (f->text != NULL)
        f->class = WK_OBJECT_INVALID;
    else
        f->class = sim_bucket_refuses(b, &f->text);
    if (f->class == WK_OBJECT_OK && (f->if_absent || f->has_if_match) &&
        sim_fault(SIM_FAULT_OBJECT_CONFLICT)) {
        f->class = WK_OBJECT_CONFLICT;
        f->text = "409 ConditionalRequestConflict";
    }
    if (f->class != WK_OBJECT_OK) {
        f->trouble = SIM_TROUBLE_BEFORE;
        sim_timer_arm(&f->done, now + takes);
        return f;
    }
    f->trouble = draw_trouble(mutates(f));
    if (f->trouble != SIM_TROUBLE_NONE) {
        f->class = WK_OBJECT_SERVER_ERROR;
        f->text = "500 InternalError";
    }
    if (f->trouble == SIM_TROUBLE_LATE)
        effect_after =
            takes + sim_rng_log(sim_fault_rng(SIM_FAULT_OBJECT_LATE), 100000, 40000000000ull);
    if (f->trouble != SIM_TROUBLE_BEFORE && f->trouble != SIM_TROUBLE_HOLE) {
        sim_timer_arm(&f->effect, now + effect_after);
        pending += mutates(f);
    }
    if (f->trouble != SIM_TROUBLE_HOLE) {
        sim_timer_arm(&f->done, now + takes);
    } else {
        f->next_hole = holes;
        holes = f;
    }
    return f;
}

void sim_flights_heal(void) {
    for (struct sim_flight *f = holes; f != NULL; f = f->next_hole) {
        if (f->client != NULL)
            sim_timer_arm(&f->done, sim_now());
    }
    holes = NULL;
    sim_wake("list-hole", NULL, UINT32_MAX);
}

void sim_flight_forget(struct sim_flight *f) {
    if (f->client == NULL)
        return;
    f->client = NULL;
    sim_timer_cancel(&f->done);
    if (!mutates(f))
        sim_timer_cancel(&f->effect);
}
