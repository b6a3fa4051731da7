// SPDX-License-Identifier: Apache-2.0
#include "bucket.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hash/crc32c.h"
#include "pool.h"
#include "process.h"
#include "report.h"
#include "sched.h"
#include "trace.h"

#define BUCKETS_MAX 8u

static struct sim_bucket *buckets[BUCKETS_MAX];
static uint32_t bucket_count;
static uint64_t world_seed;
static void (*told)(const struct sim_bucket *bucket, const struct sim_object *object);

void sim_buckets_reset(uint64_t seed) {
    bucket_count = 0;
    world_seed = seed;
    told = NULL;
}

void sim_buckets_tell(void (*to)(const struct sim_bucket *bucket,
                                 const struct sim_object *object)) {
    told = to;
}

static void tell(const struct sim_bucket *b, const struct sim_object *o) {
    if (told != NULL)
        told(b, o);
}

struct sim_bucket *sim_bucket(const char *name) {
    for (uint32_t i = 0; i < bucket_count; i++) {
        if (strcmp(buckets[i]->name, name) == 0)
            return buckets[i];
    }
    if (bucket_count == BUCKETS_MAX)
        sim_harness_fail("more than %u buckets", BUCKETS_MAX);
    struct sim_bucket *b = sim_new(sizeof *b);
    snprintf(b->name, sizeof b->name, "%s", name);
    char stream[48];
    snprintf(stream, sizeof stream, "bucket.%s", b->name);
    sim_rng_seed(&b->rng, world_seed, stream);
    b->caps = WK_OBJECTS_ETAG | WK_OBJECTS_CONDITIONAL | WK_OBJECTS_CHECKSUM | WK_OBJECTS_HEAD |
              WK_OBJECTS_LIST | WK_OBJECTS_LIST_SIZES | WK_OBJECTS_CONCURRENT;
    b->latency_ns = 1000000;
    b->byte_ps = 2000;
    buckets[bucket_count++] = b;
    return b;
}

uint32_t sim_bucket_count(void) {
    return bucket_count;
}

struct sim_bucket *sim_bucket_at(uint32_t index) {
    return buckets[index];
}

const char *sim_caps_text(uint32_t caps, char *to, size_t capacity) {
    static const char *const names[] = {"etag", "conditional", "checksum",  "head",
                                        "list", "list-sizes",  "concurrent"};
    size_t at = 0;
    to[0] = 0;
    for (uint32_t i = 0; i < 7 && at < capacity; i++) {
        if ((caps >> i) & 1)
            at += (size_t)snprintf(to + at, capacity - at, "%s%s", at == 0 ? "" : ",", names[i]);
    }
    return to;
}

// ---- keys

static uint32_t place_of(const struct sim_bucket *b, const char *key, bool *found) {
    uint32_t low = 0;
    uint32_t high = b->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = strcmp(b->objects[middle]->key, key);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

struct sim_object *sim_bucket_object(struct sim_bucket *b, const char *key) {
    bool found;
    uint32_t at = place_of(b, key, &found);
    if (found)
        return b->objects[at];
    if (b->count == b->capacity) {
        uint32_t capacity = b->capacity == 0 ? 64 : b->capacity * 2;
        struct sim_object **objects = sim_new(capacity * sizeof *objects);
        if (b->count > 0)
            memcpy(objects, b->objects, b->count * sizeof *objects);
        b->objects = objects;
        b->capacity = capacity;
    }
    memmove(&b->objects[at + 1], &b->objects[at], (b->count - at) * sizeof b->objects[0]);
    struct sim_object *o = sim_new(sizeof *o);
    o->key = sim_copy_text(key);
    b->objects[at] = o;
    b->count++;
    return o;
}

const struct sim_version *sim_bucket_find(const struct sim_bucket *b, const char *key) {
    bool found;
    uint32_t at = place_of(b, key, &found);
    if (!found || b->objects[at]->newest == NULL || b->objects[at]->newest->body == NULL)
        return NULL;
    return b->objects[at]->newest;
}

// ---- versions

static struct sim_version *new_version(struct sim_bucket *b, struct sim_object *o) {
    struct sim_version *v = sim_new(sizeof *v);
    v->older = o->newest;
    v->at_ns = sim_now();
    v->modified_ns = sim_world_wall() / 1000000000u * 1000000000u; // S3 says whole seconds
    o->newest = v;
    b->writes++;
    return v;
}

static void set_etag(const struct sim_bucket *b, struct sim_version *v) {
    uint64_t number = b->content_etags ? sim_digest(v->body, v->size) : b->writes * 0x9e3779b1u;
    int n = snprintf(v->etag.text, sizeof v->etag.text, "\"%016" PRIx64 "-%" PRIu64 "\"", number,
                     b->content_etags ? v->size : b->writes);
    v->etag.length = (uint32_t)n;
}

void sim_bucket_put(struct sim_bucket *b, const char *key, const uint8_t *body, uint64_t size) {
    struct sim_object *o = sim_bucket_object(b, key);
    struct sim_version *v = new_version(b, o);
    v->body = body;
    v->size = size;
    v->crc32c = wk_crc32c(body, size);
    set_etag(b, v);
    tell(b, o);
}

void sim_bucket_mangle(struct sim_bucket *b, struct sim_object *object, const uint8_t *body,
                       uint64_t size) {
    uint32_t crc = object->newest->crc32c;
    struct wk_etag etag = object->newest->etag;
    struct sim_version *v = new_version(b, object);
    v->body = body;
    v->size = size;
    v->crc32c = crc;
    v->etag = etag;
    v->damaged = wk_crc32c(body, size) != crc; // a second flip may undo the first
    tell(b, object);
}

void sim_bucket_delete(struct sim_bucket *b, const char *key) {
    struct sim_object *o = sim_bucket_object(b, key);
    if (o->newest == NULL || o->newest->body == NULL)
        return;
    (void)new_version(b, o);
    tell(b, o);
}

const struct sim_version *sim_object_at(const struct sim_object *object, uint64_t at_ns) {
    const struct sim_version *v = object->newest;
    while (v != NULL && v->at_ns > at_ns)
        v = v->older;
    return v == NULL || v->body == NULL ? NULL : v;
}
