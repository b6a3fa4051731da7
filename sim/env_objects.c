// SPDX-License-Identifier: Apache-2.0
// The object store that processes see: batches of flights to a bucket. file:// and the host's
// callbacks go to the real implementations, which run over the simulated disk and threads.
#include <stdio.h>
#include <string.h>

#include "env/callbacks/callbacks.h"
#include "env/dir/dir.h"
#include "fault.h"
#include "flight.h"
#include "ledger.h"
#include "pool.h"
#include "process.h"
#include "report.h"
#include "sched.h"
#include "trace.h"

#define SEND_COST_NS   2000u
#define GIVE_UP_NS     (120ull * 1000000000u) // a client without a deadline gives up then
#define LIST_PAGE_KEYS 11u

struct sim_objects {
    struct wk_objects objects;
    struct sim_process *process;
    struct sim_bucket *bucket;
    struct sim_ledger *ledger;
    uint32_t callers; // inside batch and list
};

struct batch {
    struct sim_objects *store;
    const struct wk_object_request *requests;
    struct wk_object_result *results;
    struct sim_flight **flights; // NULL: not sent, or answered
    size_t count;
    size_t sent;
    size_t flying;
};

static void settle(struct wk_object_result *r, enum wk_object_class class, const char *text) {
    static const enum wk_status statuses[WK_OBJECT_CLASS_COUNT] = {
        [WK_OBJECT_CONFLICT] = WK_CONFLICT,     [WK_OBJECT_PRECONDITION_FAILED] = WK_CONFLICT,
        [WK_OBJECT_THROTTLED] = WK_UNAVAILABLE, [WK_OBJECT_DENIED] = WK_DENIED,
        [WK_OBJECT_INVALID] = WK_INVALID,       [WK_OBJECT_SERVER_ERROR] = WK_UNAVAILABLE,
        [WK_OBJECT_TIMEOUT] = WK_TIMEOUT,       [WK_OBJECT_NO_SPACE] = WK_NO_SPACE,
        [WK_OBJECT_CORRUPT] = WK_CORRUPT,       [WK_OBJECT_CANCELLED] = WK_UNAVAILABLE,
    };
    r->class = class;
    if (class != WK_OBJECT_OK && class != WK_OBJECT_ABSENT && class != WK_OBJECT_NOT_MODIFIED)
        (void)wk_fail(&r->error, statuses[class], "%s", text == NULL ? "refused" : text);
}

static bool wrapped(const struct sim_version *v) {
    return v->size >= 10 && memcmp(v->body, "WBZ1", 4) == 0 && v->damaged == 0;
}

// Copies the body into the caller's room, perhaps damaged; others may run while it is half there.
static void deliver(struct sim_objects *s, const struct sim_version *v,
                    const struct wk_object_sink *sink, struct wk_object_result *r) {
    uint8_t *to = sink->reserve(sink->ctx, v->size);
    if (to == NULL) {
        settle(r, WK_OBJECT_CANCELLED, "the body was refused");
        return;
    }
    bool checks = (s->bucket->caps & WK_OBJECTS_CHECKSUM) != 0;
    uint64_t size = v->size;
    if (size > 0 && sim_fault(SIM_FAULT_OBJECT_TRUNCATED))
        size = sim_rng_below(sim_fault_rng(SIM_FAULT_OBJECT_TRUNCATED), size);
    uint64_t half = size / 2;
    if (half > 0)
        memcpy(to, v->body, half);
    sim_point(SIM_POINT_CALL, SEND_COST_NS);
    if (size > half)
        memcpy(to + half, v->body + half, size - half);
    bool flipped = false;
    if (size == v->size && size > 0 && (checks || wrapped(v)) &&
        sim_fault(SIM_FAULT_OBJECT_CORRUPT)) {
        struct sim_rng *rng = sim_fault_rng(SIM_FAULT_OBJECT_CORRUPT);
        uint64_t at = sim_rng_below(rng, size);
        to[at] ^= (uint8_t)(1u << sim_rng_below(rng, 8));
        flipped = true;
    }
    if (size < v->size) {
        settle(r, WK_OBJECT_CORRUPT, "the body ended early");
    } else if (checks && (flipped || v->damaged)) {
        settle(r, WK_OBJECT_CORRUPT, "the body does not have its checksum");
    } else {
        r->size_bytes = v->size;
        r->has_crc32c = checks;
        r->crc32c = checks ? v->crc32c : 0;
        settle(r, WK_OBJECT_OK, NULL);
    }
}

static void collect(struct sim_objects *s, const struct wk_object_request *q, struct sim_flight *f,
                    struct wk_object_result *r) {
    const struct sim_version *v = f->version;
    memset(r, 0, sizeof *r);
    if (f->class != WK_OBJECT_OK) {
        settle(r, f->class,
               f->class == WK_OBJECT_PRECONDITION_FAILED ? "412 PreconditionFailed" : f->text);
    } else if (f->verb == WK_OBJECT_GET) {
        deliver(s, v, &q->sink, r);
    } else {
        settle(r, WK_OBJECT_OK, NULL);
        if (f->verb == WK_OBJECT_HEAD) {
            r->size_bytes = v->size;
            r->has_crc32c = (s->bucket->caps & WK_OBJECTS_CHECKSUM) != 0;
            r->crc32c = r->has_crc32c ? v->crc32c : 0;
        }
    }
    if (r->class == WK_OBJECT_OK && f->verb != WK_OBJECT_DELETE) {
        r->modified_ns = v->modified_ns;
        if (s->bucket->caps & WK_OBJECTS_ETAG)
            r->etag = v->etag;
    }
    sim_event("answer", f->key, f->number, (uint64_t)r->class);
}

// Answers come while others are collected; nobody wakes the caller for them again.
static bool any_answered(const struct batch *b) {
    for (size_t i = 0; i < b->sent; i++) {
        if (b->flights[i] != NULL && b->flights[i]->answered)
            return true;
    }
    return false;
}

static void collect_answers(struct batch *b) {
    for (size_t i = 0; i < b->sent; i++) {
        struct sim_flight *f = b->flights[i];
        if (f == NULL || !f->answered)
            continue;
        b->flights[i] = NULL;
        b->flying--;
        b->store->process->requests--;
        collect(b->store, &b->requests[i], f, &b->results[i]);
        sim_ledger_answered(b->store->ledger, &b->requests[i], b->results[i].class);
    }
}

static void end_rest(struct batch *b, enum wk_object_class class, const char *text) {
    for (size_t i = 0; i < b->count; i++) {
        struct sim_flight *f = b->flights[i];
        if (i < b->sent && f == NULL)
            continue;
        memset(&b->results[i], 0, sizeof b->results[i]);
        settle(&b->results[i], class, text);
        if (f != NULL) {
            sim_event("gave-up", f->key, f->number, (uint64_t) class);
            sim_flight_forget(f);
            sim_ledger_answered(b->store->ledger, &b->requests[i], class);
            b->flying--;
            b->store->process->requests--;
        }
    }
    b->sent = b->count;
}

static bool cancelled(const wk_atomic_u32 *cancel) {
    return cancel != NULL && wk_atomic_load_u32(cancel, WK_ACQUIRE, "sim.objects.cancel") != 0;
}

static void send(struct batch *b) {
    size_t i = b->sent++;
    sim_ledger_sent(b->store->ledger, &b->requests[i]);
    b->flying++;
    b->store->process->requests++;
    b->flights[i] = sim_flight_start(b->store->bucket, b->store->process, &b->requests[i], b);
}

static void cancel_unsent(struct batch *b) {
    for (size_t i = b->sent; i < b->count; i++) {
        memset(&b->results[i], 0, sizeof b->results[i]);
        settle(&b->results[i], WK_OBJECT_CANCELLED, "cancelled before it was sent");
    }
    b->count = b->sent;
}

static bool any_throttled(const struct wk_object_result *results, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (results[i].class == WK_OBJECT_THROTTLED)
            return true;
    }
    return false;
}

static struct sim_objects *enter(struct wk_objects *objects) {
    struct sim_objects *s = (struct sim_objects *)objects;
    (void)sim_enter(&s->process->env, SEND_COST_NS);
    s->callers++;
    return s;
}

static void leave(struct sim_objects *s) {
    s->callers--;
    if (s->callers == 0)
        sim_wake("objects-close", s, UINT32_MAX);
}

// The batch lives in the world: timers may look at it after its process crashed.
static void objects_batch(struct wk_objects *objects, const struct wk_object_request *requests,
                          struct wk_object_result *results, size_t count, uint32_t parallel,
                          uint64_t deadline_ns, const wk_atomic_u32 *cancel) {
    struct sim_objects *s = enter(objects);
    struct batch *b = sim_new(sizeof *b);
    *b = (struct batch){s, requests, results, NULL, count, 0, 0};
    b->flights = sim_new(count * sizeof(struct sim_flight *) + 1);
    if (parallel == 0 || !(s->bucket->caps & WK_OBJECTS_CONCURRENT))
        parallel = 1;
    uint64_t until = sim_process_deadline(s->process, deadline_ns);
    if (until > sim_now() + GIVE_UP_NS)
        until = sim_now() + GIVE_UP_NS;
    sim_ledger_batch(s->ledger, parallel);
    while (b->sent < b->count || b->flying > 0) {
        if (b->sent < b->count && cancelled(cancel))
            cancel_unsent(b);
        while (b->sent < b->count && b->flying < parallel && sim_now() < until)
            send(b);
        if (b->flying > 0 && !any_answered(b))
            (void)sim_block("objects", b, until);
        collect_answers(b);
        if (sim_now() >= until)
            end_rest(b, WK_OBJECT_TIMEOUT, "no answer before the deadline");
    }
    sim_ledger_batch_done(s->ledger, any_throttled(results, count));
    leave(s);
}

// ---- list

struct listing {
    struct sim_objects *store;
    const char *prefix;
    uint64_t moment_ns; // an older one when the listing is stale; SIM_NEVER: as it is
    char after[WK_OBJECT_KEY_BYTES_MAX + 1];
};

// The next page: entries copied, so that `each` may take its time.
static uint32_t next_page(const struct listing *l, struct wk_object_entry page[LIST_PAGE_KEYS]) {
    const struct sim_bucket *b = l->store->bucket;
    uint32_t found = 0;
    for (uint32_t i = 0; i < b->count && found < LIST_PAGE_KEYS; i++) {
        const struct sim_object *o = b->objects[i];
        if (strncmp(o->key, l->prefix, strlen(l->prefix)) != 0 || strcmp(o->key, l->after) <= 0)
            continue;
        const struct sim_version *v = sim_object_at(o, l->moment_ns);
        if (v == NULL)
            continue;
        page[found++] =
            (struct wk_object_entry){.key = o->key,
                                     .size_bytes = (b->caps & WK_OBJECTS_LIST_SIZES) ? v->size : 0,
                                     .modified_ns = v->modified_ns};
        if (b->caps & WK_OBJECTS_ETAG)
            page[found - 1].etag = v->etag;
    }
    return found;
}

// Nobody answers; a world that heals ends it with an error.
static enum wk_object_class list_hole(uint64_t until, struct wk_error *err) {
    uint64_t gives_up_ns = sim_now() + GIVE_UP_NS;
    if (sim_block("list-hole", NULL, until < gives_up_ns ? until : gives_up_ns)) {
        (void)wk_fail(err, WK_UNAVAILABLE, "the connection was reset");
        return WK_OBJECT_SERVER_ERROR;
    }
    (void)wk_fail(err, WK_TIMEOUT, "no answer before the deadline");
    return WK_OBJECT_TIMEOUT;
}

static enum wk_object_class list_trouble(struct sim_objects *s, uint64_t until,
                                         struct wk_error *err) {
    const char *text = "500 InternalError";
    uint64_t takes = sim_bucket_latency(s->bucket, 2000);
    enum wk_object_class class = sim_bucket_refuses(s->bucket, &text);
    if (class == WK_OBJECT_OK && sim_fault(SIM_FAULT_OBJECT_BLACK_HOLE))
        return list_hole(until, err);
    if (sim_now() + takes > until) {
        (void)sim_block("objects", s, until);
        (void)wk_fail(err, WK_TIMEOUT, "no answer before the deadline");
        return WK_OBJECT_TIMEOUT;
    }
    sim_sleep(takes);
    if (class == WK_OBJECT_OK && sim_fault(SIM_FAULT_OBJECT_ERROR_BEFORE))
        class = WK_OBJECT_SERVER_ERROR;
    if (class != WK_OBJECT_OK)
        (void)wk_fail(err, class == WK_OBJECT_DENIED ? WK_DENIED : WK_UNAVAILABLE, "%s", text);
    return class;
}

static enum wk_object_class list_pages(struct listing *l,
                                       bool (*each)(void *ctx, const struct wk_object_entry *entry),
                                       void *ctx, uint64_t until, const wk_atomic_u32 *cancel,
                                       struct wk_error *err) {
    struct wk_object_entry *page = sim_new(LIST_PAGE_KEYS * sizeof *page);
    for (;;) {
        if (cancelled(cancel)) {
            (void)wk_fail(err, WK_UNAVAILABLE, "cancelled");
            return WK_OBJECT_CANCELLED;
        }
        enum wk_object_class class = list_trouble(l->store, until, err);
        if (class != WK_OBJECT_OK)
            return class;
        uint32_t found = next_page(l, page);
        sim_event("obj.list", l->prefix, found, l->moment_ns == SIM_NEVER);
        for (uint32_t i = 0; i < found; i++) {
            if (!each(ctx, &page[i]))
                return WK_OBJECT_OK;
        }
        if (found < LIST_PAGE_KEYS)
            return WK_OBJECT_OK;
        snprintf(l->after, sizeof l->after, "%s", page[found - 1].key);
    }
}

static enum wk_object_class
objects_list(struct wk_objects *objects, const char *prefix,
             bool (*each)(void *ctx, const struct wk_object_entry *entry), void *ctx,
             uint64_t deadline_ns, const wk_atomic_u32 *cancel, struct wk_error *err) {
    struct sim_objects *s = enter(objects);
    enum wk_object_class class = WK_OBJECT_INVALID;
    if (!(s->bucket->caps & WK_OBJECTS_LIST)) {
        (void)wk_fail(err, WK_INVALID, "LIST is not supported");
    } else {
        struct listing *l = sim_new(sizeof *l);
        l->store = s;
        l->prefix = sim_copy_text(prefix);
        l->moment_ns = SIM_NEVER;
        if (sim_fault(SIM_FAULT_OBJECT_STALE_LIST)) {
            uint64_t back =
                sim_rng_log(sim_fault_rng(SIM_FAULT_OBJECT_STALE_LIST), 1000000, 30000000000ull);
            l->moment_ns = sim_now() > back ? sim_now() - back : 0;
        }
        uint64_t until = sim_process_deadline(s->process, deadline_ns);
        class = list_pages(l, each, ctx, until, cancel, err);
    }
    leave(s);
    return class;
}

static void objects_close(struct wk_objects *objects) {
    struct sim_objects *s = (struct sim_objects *)objects;
    (void)sim_enter(&s->process->env, SEND_COST_NS);
    while (s->callers > 0)
        (void)sim_block("objects-close", s, SIM_NEVER);
    s->process->objects--;
    s->bucket = NULL; // any later use falls over at once
}

static const struct wk_objects_ops sim_objects_ops = {objects_batch, objects_list, objects_close};

static enum wk_status objects_open(struct wk_env *env, const struct wk_objects_config *config,
                                   struct wk_objects **out, struct wk_error *err) {
    struct sim_process *p = sim_enter(env, SEND_COST_NS);
    if (config->callbacks != NULL)
        return wk_callbacks_objects_open(env, config, out, err);
    if (strncmp(config->endpoint, WK_DIR_SCHEME, strlen(WK_DIR_SCHEME)) == 0)
        return wk_dir_objects_open(env, config, out, err);
    if (config->bucket == NULL || config->bucket[0] == 0)
        return wk_fail(err, WK_INVALID, "no bucket");
    struct sim_objects *s = sim_new(sizeof *s);
    s->objects.ops = &sim_objects_ops;
    s->process = p;
    s->bucket = sim_bucket(config->bucket);
    s->ledger = sim_ledger_create(p);
    s->objects.caps = s->bucket->caps;
    p->objects++;
    sim_event("objects-open", config->bucket, s->bucket->caps, 0);
    *out = &s->objects;
    return WK_OK;
}

const struct wk_env_objects sim_env_objects = {objects_open};
