// SPDX-License-Identifier: Apache-2.0
// The host's side of the callbacks: it takes its time, fails now and then, and checks that the
// library keeps to the protocol (calls one at a time unless it said otherwise, every buffer given
// back once, no use of an iterator after its end).
#include "host_store.h"

#include <stdio.h>
#include <string.h>

#include "bucket.h"
#include "fault.h"
#include "pool.h"
#include "report.h"
#include "trace.h"

struct store {
    struct sim_process *process;
    struct sim_bucket *bucket;
    bool thread_safe;
    uint32_t inside;
    wmbt_kv_callbacks table;
};

struct buffer {
    uint64_t magic;
    uint8_t bytes[];
};

struct iterator {
    struct store *store;
    char prefix[1100];
    char after[1100];
    bool freed;
};

#define BUFFER_MAGIC 0x6275666665727321ull

static void enter(struct store *s, const char *what) {
    if (s->inside++ > 0 && !s->thread_safe)
        sim_violate("callbacks", "%s while another call of the host's store runs", what);
    struct sim_bucket *b = s->bucket;
    uint64_t ns = b->latency_ns / 4 + sim_rng_below(&b->rng, b->latency_ns / 2 + 1);
    if (sim_fault(SIM_FAULT_OBJECT_SLOW))
        ns *= 50;
    sim_sleep(ns);
}

static int leave(struct store *s, int rc, const char *what, const char *key) {
    s->inside--;
    sim_event(what, key, 0, (uint64_t)(int64_t)rc);
    return rc;
}

static const char *text_of(const uint8_t *key, size_t size) {
    char *text = sim_new(size + 1);
    memcpy(text, key, size);
    return text;
}

static uint8_t *give(const struct store *s, const void *bytes, size_t size) {
    struct buffer *b = sim_new(sizeof *b + size + 1);
    b->magic = BUFFER_MAGIC;
    if (size > 0)
        memcpy(b->bytes, bytes, size);
    s->process->buffers++;
    return b->bytes;
}

static void host_free(void *ctx, void *ptr) {
    struct store *s = ctx;
    if (ptr == NULL)
        return;
    struct buffer *b = (struct buffer *)(void *)((uint8_t *)ptr - sizeof *b);
    if (b->magic != BUFFER_MAGIC)
        sim_violate("callbacks", "free_buf of something that is no buffer of the host");
    b->magic = 0;
    s->process->buffers--;
}

static int host_get(void *ctx, const uint8_t *key, size_t key_len, uint8_t **out, size_t *out_len) {
    struct store *s = ctx;
    const char *name = text_of(key, key_len);
    enter(s, "get");
    const struct sim_version *v = sim_bucket_find(s->bucket, name);
    if (sim_fault(SIM_FAULT_OBJECT_ERROR_BEFORE))
        return leave(s, -1, "host.get", name);
    if (v == NULL)
        return leave(s, 1, "host.get", name);
    *out = give(s, v->body, v->size);
    *out_len = v->size;
    bool has_own = v->size >= 10 && memcmp(v->body, "WBZ1", 4) == 0 && v->damaged == 0;
    if (has_own && sim_fault(SIM_FAULT_OBJECT_CORRUPT)) {
        struct sim_rng *rng = sim_fault_rng(SIM_FAULT_OBJECT_CORRUPT);
        uint64_t at = sim_rng_below(rng, v->size);
        (*out)[at] ^= (uint8_t)(1u << sim_rng_below(rng, 8));
    }
    return leave(s, 0, "host.get", name);
}

static int host_set(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
                    size_t value_len) {
    struct store *s = ctx;
    const char *name = text_of(key, key_len);
    enter(s, "set");
    if (sim_fault(SIM_FAULT_OBJECT_ERROR_BEFORE))
        return leave(s, -1, "host.set", name);
    sim_bucket_put(s->bucket, name, sim_copy(value, value_len), value_len);
    bool lost = sim_fault(SIM_FAULT_OBJECT_ERROR_AFTER);
    return leave(s, lost ? -1 : 0, "host.set", name);
}

static int host_del(void *ctx, const uint8_t *key, size_t key_len) {
    struct store *s = ctx;
    const char *name = text_of(key, key_len);
    enter(s, "del");
    sim_bucket_delete(s->bucket, name);
    return leave(s, 0, "host.del", name);
}

static int host_head(void *ctx, const uint8_t *key, size_t key_len, uint64_t *out_size) {
    struct store *s = ctx;
    const char *name = text_of(key, key_len);
    enter(s, "head");
    const struct sim_version *v = sim_bucket_find(s->bucket, name);
    if (sim_fault(SIM_FAULT_OBJECT_ERROR_BEFORE))
        return leave(s, -1, "host.head", name);
    if (v != NULL)
        *out_size = v->size;
    return leave(s, v == NULL ? 1 : 0, "host.head", name);
}

// ---- iteration

static void *host_iter_create(void *ctx, const uint8_t *prefix, size_t prefix_len, int reverse) {
    struct store *s = ctx;
    struct iterator *it = sim_new(sizeof *it);
    enter(s, "iter_create");
    s->inside--;
    if (reverse != 0 || prefix_len >= sizeof it->prefix || sim_fault(SIM_FAULT_OBJECT_ERROR_BEFORE))
        return NULL;
    it->store = s;
    memcpy(it->prefix, prefix, prefix_len);
    s->process->buffers++;
    return it;
}

static const struct sim_version *advance(struct iterator *it) {
    const struct sim_bucket *b = it->store->bucket;
    if (it->freed)
        sim_violate("callbacks", "an iterator used after iter_free");
    for (uint32_t i = 0; i < b->count; i++) {
        const struct sim_object *o = b->objects[i];
        if (strncmp(o->key, it->prefix, strlen(it->prefix)) != 0 ||
            strcmp(o->key, it->after) <= 0 || o->newest == NULL || o->newest->body == NULL)
            continue;
        snprintf(it->after, sizeof it->after, "%s", o->key);
        return o->newest;
    }
    return NULL;
}

static int host_iter_next(void *iter, uint8_t **out_key, size_t *out_key_len, uint8_t **out_value,
                          size_t *out_value_len) {
    struct iterator *it = iter;
    enter(it->store, "iter_next");
    const struct sim_version *v = advance(it);
    if (sim_fault(SIM_FAULT_OBJECT_ERROR_BEFORE))
        return leave(it->store, -1, "host.iter", it->prefix);
    if (v == NULL)
        return leave(it->store, 1, "host.iter", it->prefix);
    *out_key = give(it->store, it->after, strlen(it->after));
    *out_key_len = strlen(it->after);
    *out_value = give(it->store, v->body, v->size);
    *out_value_len = v->size;
    return leave(it->store, 0, "host.iter", it->after);
}

static int host_iter_keys_next(void *iter, uint8_t **out_key, size_t *out_key_len,
                               uint64_t *out_size) {
    struct iterator *it = iter;
    enter(it->store, "iter_keys_next");
    const struct sim_version *v = advance(it);
    if (sim_fault(SIM_FAULT_OBJECT_ERROR_BEFORE))
        return leave(it->store, -1, "host.iter", it->prefix);
    if (v == NULL)
        return leave(it->store, 1, "host.iter", it->prefix);
    *out_key = give(it->store, it->after, strlen(it->after));
    *out_key_len = strlen(it->after);
    *out_size = (it->store->bucket->caps & WK_OBJECTS_LIST_SIZES) ? v->size : UINT64_MAX;
    return leave(it->store, 0, "host.iter", it->after);
}

static void host_iter_free(void *iter) {
    struct iterator *it = iter;
    if (it->freed)
        sim_violate("callbacks", "an iterator freed twice");
    it->freed = true;
    it->store->process->buffers--;
}

const wmbt_kv_callbacks *sim_host_store(struct sim_process *process, uint32_t bucket) {
    struct store *s = sim_new(sizeof *s);
    char name[16];
    snprintf(name, sizeof name, "bucket-%u", bucket);
    s->process = process;
    s->bucket = sim_bucket(name);
    uint32_t caps = s->bucket->caps;
    s->thread_safe = (caps & WK_OBJECTS_CONDITIONAL) != 0; // any bit will do
    s->table = (wmbt_kv_callbacks){
        .size = sizeof s->table,
        .flags = s->thread_safe ? WMBT_KV_CALLBACKS_THREAD_SAFE : 0,
        .ctx = s,
        .get = host_get,
        .set = host_set,
        .free_buf = host_free,
    };
    if (caps & WK_OBJECTS_ETAG)
        s->table.del = host_del;
    if (caps & WK_OBJECTS_HEAD)
        s->table.head = host_head;
    if (caps & WK_OBJECTS_LIST) {
        s->table.iter_create = host_iter_create;
        s->table.iter_next = host_iter_next;
        s->table.iter_free = host_iter_free;
        if (caps & WK_OBJECTS_CHECKSUM)
            s->table.iter_keys_next = host_iter_keys_next;
    }
    return &s->table;
}
