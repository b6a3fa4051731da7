// SPDX-License-Identifier: Apache-2.0
#include "model.h"

#include <stdlib.h>
#include <string.h>

#include "codec/body.h"
#include "codec/object_key.h"
#include "hash/crc32c.h"
#include "oracle.h"
#include "pool.h"
#include "report.h"
#include "sched.h"

static const struct sim_universe *universe;
static const struct sim_plan *plan;
static const char *broken; // a sentence of a judge, about an effect
static const struct sim_key *broken_key;
static struct sim_key **keys; // by key_index, made when first asked for

enum kind { KIND_BLOCK, KIND_TAIL, KIND_VALUE, KIND_COUNT };

static uint32_t key_index(uint32_t bucket, uint32_t space, uint32_t block, enum kind kind) {
    return ((bucket * SIM_SPACES_MAX + space) * SIM_BLOCKS_MAX + block) * KIND_COUNT + kind;
}

void sim_model_reset(const struct sim_plan *new_plan, const struct sim_universe *new_universe) {
    plan = new_plan;
    universe = new_universe;
    broken = NULL;
    keys = sim_new(SIM_BUCKETS_MAX * SIM_SPACES_MAX * SIM_BLOCKS_MAX * KIND_COUNT *
                   sizeof(struct sim_key *));
}

// Against 409 the last try goes without a condition.
static bool puts_in_order(const struct sim_bucket_plan *b) {
    const uint32_t need = WK_OBJECTS_ETAG | WK_OBJECTS_CONDITIONAL | WK_OBJECTS_HEAD;
    return b->endpoint == SIM_ENDPOINT_BUCKET && (b->caps & need) == need &&
           plan->faults.ppm[SIM_FAULT_OBJECT_CONFLICT] == 0;
}

static struct sim_key *key_of(uint32_t bucket, uint32_t space, uint32_t block, enum kind kind) {
    struct sim_key **slot = &keys[key_index(bucket, space, block, kind)];
    if (*slot == NULL) {
        struct sim_key *k = sim_new(sizeof *k);
        k->bucket = bucket;
        k->space = space;
        k->block = block;
        k->tail = kind != KIND_BLOCK;
        k->value = kind == KIND_VALUE;
        k->tracked = plan->buckets[bucket].endpoint != SIM_ENDPOINT_DIR;
        k->ordered = k->tail && puts_in_order(&plan->buckets[bucket]);
        *slot = k;
    }
    return *slot;
}

struct sim_key *sim_model_key(uint32_t bucket, uint32_t space, uint32_t block, bool tail) {
    return key_of(bucket, space, block, tail ? KIND_TAIL : KIND_BLOCK);
}

struct sim_key *sim_model_value_key(uint32_t bucket, uint32_t space, uint32_t block) {
    return key_of(bucket, space, block, KIND_VALUE);
}

bool sim_value_equal(struct sim_value a, struct sim_value b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

// ---- writes

struct sim_write *sim_model_begin(struct sim_key *key, struct sim_value value, uint64_t store) {
    struct sim_write *w = sim_new(sizeof *w);
    w->next = key->writes;
    w->value = value;
    w->start_ns = sim_now();
    w->end_ns = SIM_NEVER;
    w->store = store;
    key->writes = w;
    return w;
}

void sim_model_end(struct sim_write *w, bool done) {
    w->outcome = done ? SIM_DONE : SIM_UNKNOWN;
    if (done)
        w->end_ns = sim_now();
    else
        w->gave_up_ns = sim_now();
}

// ---- effects

// The payload as any reader of the format gets it; false when there is none.
static bool payload_of(const struct sim_version *v, struct sim_value *out) {
    static void *work;
    if (work == NULL)
        work = malloc(wk_body_decode_work_bytes());
    struct wk_body_info info;
    size_t head = v->size < WK_BODY_HEAD_BYTES ? (size_t)v->size : WK_BODY_HEAD_BYTES;
    if (wk_body_inspect(wk_span(v->body, head), v->size, &info, NULL) != WK_OK)
        return false;
    uint8_t *bytes = sim_new(info.raw_bytes + 1);
    struct wk_span_mut to = {bytes, (size_t)info.raw_bytes};
    if (wk_body_decode(wk_span(v->body, v->size), &info, work, wk_body_decode_work_bytes(), to,
                       NULL) != WK_OK)
        return false;
    *out = (struct sim_value){bytes, info.raw_bytes};
    return true;
}

static bool find_block(const char *hex, uint32_t *block) {
    for (uint32_t i = 0; i < universe->block_count; i++) {
        if (memcmp(universe->hex[i], hex, 64) == 0) {
            *block = i;
            return true;
        }
    }
    return false;
}

static struct sim_key *key_of_object(uint32_t bucket, const char *name) {
    struct wk_span prefix = wk_span_text("kv/cabi");
    for (uint32_t s = 0; s < universe->space_count; s++) {
        struct wk_parsed_key parsed;
        if (!wk_object_key_parse(prefix, wk_span_text(universe->spaces[s]), wk_span_text(name),
                                 &parsed))
            continue;
        uint32_t block;
        const char *hex = name + strlen(name) - 64;
        const size_t head = strlen(SIM_VALUE_HEAD);
        bool value = parsed.kind == WK_KEY_OTHER && parsed.relative.size == head + 64 &&
                     memcmp(parsed.relative.data, SIM_VALUE_HEAD, head) == 0;
        if ((parsed.kind == WK_KEY_OTHER && !value) || !find_block(hex, &block))
            continue;
        if (value)
            return sim_model_value_key(bucket, s, block);
        return sim_model_key(bucket, s, block, parsed.kind == WK_KEY_RAW_TAIL);
    }
    return NULL;
}

struct sim_key *sim_model_key_of(const struct sim_bucket *bucket, const char *object_key) {
    uint32_t number = (uint32_t)(bucket->name[strlen(bucket->name) - 1] - '0');
    return keys == NULL || number >= SIM_BUCKETS_MAX ? NULL : key_of_object(number, object_key);
}

void sim_model_version(const struct sim_bucket *bucket, const struct sim_object *object) {
    struct sim_key *key = sim_model_key_of(bucket, object->key);
    if (key == NULL)
        return;
    const struct sim_version *v = object->newest;
    struct sim_effect *e = sim_new(sizeof *e);
    e->next = key->effects;
    e->at_ns = v->at_ns;
    e->until_ns = SIM_NEVER;
    e->present = v->body != NULL;
    if (e->present) {
        bool checked = (bucket->caps & WK_OBJECTS_CHECKSUM) != 0;
        e->damaged =
            !payload_of(v, &e->value) || (checked && wk_crc32c(v->body, v->size) != v->crc32c);
    }
    e->confirmed_until_ns = SIM_NEVER;
    if (key->effects != NULL)
        key->effects->until_ns = v->at_ns;
    for (struct sim_effect *old = key->effects; old != NULL && !e->damaged; old = old->next) {
        if (old->confirmed_until_ns == SIM_NEVER)
            old->confirmed_until_ns = v->at_ns;
    }
    key->effects = e;
    const char *why = broken == NULL ? sim_judge_arrival(key) : NULL;
    if (why != NULL) {
        broken = why;
        broken_key = key;
    }
}

const char *sim_model_broken(const struct sim_key **key) {
    *key = broken_key;
    return broken;
}

// ---- questions

static bool whole(const struct sim_effect *e) {
    return e->present && !e->damaged;
}

bool sim_key_present_throughout(const struct sim_key *key, uint64_t from_ns, uint64_t to_ns) {
    if (!key->tracked)
        return false;
    for (const struct sim_effect *e = key->effects; e != NULL; e = e->next) {
        bool overlaps = e->at_ns <= to_ns && e->until_ns >= from_ns;
        if (overlaps && !whole(e))
            return false;
        if (e->at_ns < from_ns) // at the very moment: what was before counts, too
            return whole(e);
    }
    return false;
}

bool sim_key_present_sometime(const struct sim_key *key, uint64_t from_ns, uint64_t to_ns) {
    if (!key->tracked)
        return key->writes != NULL;
    for (const struct sim_effect *e = key->effects; e != NULL; e = e->next) {
        if (e->at_ns <= to_ns && e->until_ns >= from_ns && e->present)
            return true;
    }
    return false;
}

bool sim_key_written(const struct sim_key *key, struct sim_value value, uint64_t to_ns) {
    for (const struct sim_write *w = key->writes; w != NULL; w = w->next) {
        if (w->start_ns <= to_ns && sim_value_equal(w->value, value))
            return true;
    }
    return false;
}

bool sim_key_foreign(const struct sim_key *key, uint32_t model) {
    for (const struct sim_write *w = key->writes; w != NULL; w = w->next) {
        if (model != 0 && w->model != 0 && w->model != model)
            return true;
    }
    return false;
}

bool sim_key_held(const struct sim_key *key, struct sim_value value, uint64_t from_ns,
                  uint64_t to_ns) {
    if (!key->tracked)
        return sim_key_written(key, value, to_ns);
    for (const struct sim_effect *e = key->effects; e != NULL; e = e->next) {
        if (e->at_ns <= to_ns && e->confirmed_until_ns >= from_ns && whole(e) &&
            sim_value_equal(e->value, value))
            return true;
    }
    return false;
}

const struct sim_write *sim_key_last_done(const struct sim_key *key, uint64_t store,
                                          uint64_t before_ns) {
    const struct sim_write *last = NULL;
    for (const struct sim_write *w = key->writes; w != NULL; w = w->next) {
        if (w->store == store && w->outcome == SIM_DONE && w->end_ns <= before_ns &&
            (last == NULL || w->start_ns > last->start_ns))
            last = w;
    }
    return last;
}
