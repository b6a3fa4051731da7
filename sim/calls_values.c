// SPDX-License-Identifier: Apache-2.0
// What a daemon asks of the store, past the ABI: values by key, exists, list, clear, restore,
// ready. Of three values one is a block's or a raw tail's key, which has to mean that block or
// tail.
#include <stdio.h>
#include <string.h>

#include "cabi/handle.h"
#include "calls.h"
#include "codec/object_key.h"
#include "fault.h"
#include "pool.h"
#include "report.h"

static struct wk_backend *backend_of(const struct sim_call *c) {
    return ((struct wmbt_kv_handle *)c->handle->handle)->backend;
}

static struct wk_span space_of(const struct sim_call *c) {
    return wk_span_text(sim_the_universe->spaces[c->op->space]);
}

static struct sim_key *key_of(const struct sim_call *c, const char **head) {
    const struct sim_key *of = c->keys[c->count - 1];
    if (c->op->version % 3 == 0) {
        *head = WK_RAW_TAIL_KEY_PREFIX;
        return sim_model_key(of->bucket, of->space, of->block, true);
    }
    *head = SIM_VALUE_HEAD;
    return sim_model_value_key(of->bucket, of->space, of->block);
}

static struct wk_span spell(const struct sim_call *c, const char *head) {
    char *text = sim_new(128);
    snprintf(text, 128, "%s%s", head, c->hex[c->count - 1]);
    return wk_span_text(text);
}

static int64_t rc_of(enum wk_status status) {
    return status == WK_OK ? 1 : status == WK_MISS ? 0 : -1;
}

static void begin(struct sim_call *c, enum sim_op_kind kind) {
    c->internal = true;
    sim_call_begin(c, kind, -1);
}

// ---- values

void sim_do_put_value(struct sim_call *c) {
    if (c->count == 0)
        return;
    const char *head;
    struct sim_key *key = key_of(c, &head);
    struct sim_value value =
        key->value ? sim_other_value(sim_the_universe, key->space, key->block, c->op->version)
                   : sim_tail_value(sim_the_universe, key->space, key->block, c->op->version);
    uint8_t *payload = sim_copy(value.bytes, value.size);
    struct sim_write **writes = sim_new(sizeof(struct sim_write *));
    struct wk_error err;
    wk_error_clear(&err);
    begin(c, SIM_OP_PUT_VALUE);
    writes[0] = sim_model_begin(key, value, c->store);
    writes[0]->model = c->plan->model;
    sim_begin_writes(c, writes, 1);
    struct wk_backend *b = backend_of(c);
    enum wk_status status =
        b->ops->put_value(b, space_of(c), spell(c, head), wk_span(payload, value.size), &err);
    sim_call_end(c, status == WK_OK ? 0 : -1, 0);
    memset(payload, 0xee, value.size);
    sim_end_writes(c, status == WK_OK);
    if (status == WK_OK)
        sim_call_verdict(c, sim_judge_put(key, value, c->start_ns, c->end_ns), key);
    else if (status == WK_CONFLICT || status == WK_INVALID)
        sim_call_verdict(c, "stored: refused, but the last put of a value counts", key);
}

void sim_do_get_value(struct sim_call *c) {
    if (c->count == 0)
        return;
    const char *head;
    struct sim_key *key = key_of(c, &head);
    struct wk_block_result result;
    begin(c, SIM_OP_GET_VALUE);
    struct wk_backend *b = backend_of(c);
    enum wk_status status =
        b->ops->get_value(b, space_of(c), spell(c, head), WK_FOREVER, &result, NULL);
    sim_call_end(c, rc_of(status), 0);
    if (status != WK_OK && status != WK_MISS)
        return;
    struct sim_value value = {NULL, 0};
    if (status == WK_OK)
        value = (struct sim_value){result.bytes.data, result.bytes.size};
    sim_judge_tail_answer(c, key, value);
    if (status == WK_OK)
        b->ops->release(b, &result, 1);
}

void sim_do_exists(struct sim_call *c) {
    if (c->count == 0)
        return;
    const char *head;
    struct sim_key *key = key_of(c, &head);
    begin(c, SIM_OP_EXISTS);
    struct wk_backend *b = backend_of(c);
    enum wk_status status = b->ops->exists(b, space_of(c), spell(c, head), WK_FOREVER, NULL);
    sim_call_end(c, rc_of(status), 0);
    uint64_t fresh = c->plan->tail_fresh_ms * 1001000ull;
    uint64_t since = c->start_ns > fresh ? c->start_ns - fresh : 0;
    bool excused = sim_call_excused(c) || sim_call_foreign(c, key);
    if (status == WK_MISS)
        sim_call_verdict(c, sim_judge_miss(key, excused, since, c->end_ns), key);
    if (status == WK_OK && !sim_key_present_sometime(key, since, c->end_ns))
        sim_call_verdict(c, "fresh: exists, but was not there within the bound", key);
}

// ---- list

#define LISTED_MAX 2048u

struct listed {
    struct sim_key *keys[LISTED_MAX];
    uint32_t count;
    struct sim_call *call;
};

static bool list_one(void *ctx, struct wk_span relative) {
    struct listed *l = ctx;
    const char *space = sim_the_universe->spaces[l->call->op->space];
    char name[1200];
    snprintf(name, sizeof name, "kv/cabi/%s%s%.*s", space, space[0] == 0 ? "" : "/",
             (int)relative.size, (const char *)relative.data);
    char bucket[16];
    snprintf(bucket, sizeof bucket, "bucket-%u", l->call->handle->bucket);
    struct sim_key *key = sim_model_key_of(sim_bucket(bucket), name);
    if (key != NULL && l->count < LISTED_MAX)
        l->keys[l->count++] = key;
    return true;
}

static bool was_listed(const struct listed *l, const struct sim_key *key) {
    for (uint32_t i = 0; i < l->count; i++) {
        if (l->keys[i] == key)
            return true;
    }
    return false;
}

static bool lists(const struct sim_call *c) {
    const struct sim_bucket_plan *b = &sim_the_plan->buckets[c->handle->bucket];
    return b->endpoint == SIM_ENDPOINT_BUCKET && (b->caps & WK_OBJECTS_LIST) != 0;
}

void sim_do_list(struct sim_call *c) {
    if (c->count == 0 || !lists(c))
        return;
    struct listed *l = sim_new(sizeof *l);
    l->call = c;
    begin(c, SIM_OP_LIST);
    struct wk_backend *b = backend_of(c);
    enum wk_status status = b->ops->list(b, space_of(c), list_one, l, WK_FOREVER, NULL);
    sim_call_end(c, status == WK_OK ? 0 : -1, l->count);
    uint64_t oldest = 31ull * 1000000000u; // how far back a stale listing may look
    for (uint32_t i = 0; i < l->count; i++) {
        uint64_t since = c->start_ns > oldest ? c->start_ns - oldest : 0;
        if (!sim_key_present_sometime(l->keys[i], since, c->end_ns))
            sim_call_verdict(c, "lookup: listed, but it was not there", l->keys[i]);
    }
    if (status != WK_OK || sim_fault_count(SIM_FAULT_OBJECT_STALE_LIST) > 0)
        return;
    for (uint32_t i = 0; i < c->count; i++) {
        if (sim_key_present_throughout(c->keys[i], c->start_ns, c->end_ns) &&
            !was_listed(l, c->keys[i]))
            sim_call_verdict(c, "lookup: there all the time, and not listed", c->keys[i]);
    }
}

// ---- the cache as a whole

// A put beside it may cache what it has stored before. As gets see it, it is like a put: absences
// that they learn beside it are not believed.
void sim_do_clear(struct sim_call *c) {
    begin(c, SIM_OP_CLEAR);
    struct sim_seen *h = c->seen;
    bool alone = h->putting == 0;
    uint64_t puts = h->puts_begun;
    h->putting++;
    struct wk_backend *b = backend_of(c);
    b->ops->clear(b);
    sim_call_end(c, 0, 0);
    h->putting--;
    h->put_ended_ns = sim_now();
    if (alone && puts == h->puts_begun) {
        h->cleared_ns = c->start_ns;
        h->clear_ended_ns = c->end_ns;
    }
}

// It is a get of every block: the index may let go of those whose bytes were damaged on the way.
void sim_do_restore(struct sim_call *c) {
    if (c->count == 0 || !lists(c))
        return;
    uint64_t count = 0;
    uint32_t could = 0;
    c->count = sim_the_universe->block_count; // the time it may take
    begin(c, SIM_OP_RESTORE);
    for (uint32_t i = 0; i < c->count; i++)
        c->seen->asking[c->op->space][i]++;
    struct wk_backend *b = backend_of(c);
    enum wk_status status = b->ops->restore(b, space_of(c), WK_FOREVER, &count, NULL);
    sim_call_end(c, status == WK_OK ? 0 : -1, count);
    for (uint32_t i = 0; i < c->count; i++) {
        c->seen->asking[c->op->space][i]--;
        c->seen->missed_ns[c->op->space][i] = c->end_ns;
    }
    for (uint32_t i = 0; i < c->count; i++)
        could += sim_key_present_sometime(sim_model_key(c->handle->bucket, c->op->space, i, false),
                                          0, c->end_ns);
    if (count > could)
        sim_violate("lookup", "restored %u blocks, there were %u", (uint32_t)count, could);
}

void sim_do_ready(struct sim_call *c) {
    begin(c, SIM_OP_READY);
    struct wk_backend *b = backend_of(c);
    enum wk_status status = b->ops->ready(b, WK_FOREVER, NULL);
    sim_call_end(c, status == WK_OK ? 0 : -1, 0);
}
