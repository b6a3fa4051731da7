/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buckets: the object stores of the world, shared by its processes, alive whatever happens to them.
 *
 * One operation takes effect at one instant (strong consistency, as S3 has it). A key keeps its old
 * versions, so that a listing can show an older moment. Faults and time are in env_objects.c; the
 * third party of the world works here directly.
 */
#ifndef SIM_BUCKET_H
#define SIM_BUCKET_H

#include "env/env.h"
#include "rng.h"

struct sim_version {
    struct sim_version *older;
    const uint8_t *body; /* NULL: deleted */
    uint64_t size;
    uint64_t at_ns; /* virtual time of the effect */
    uint64_t modified_ns;
    uint32_t crc32c;
    struct wk_etag etag;
    uint64_t damaged; /* by us: 1 when the bytes are not what anybody wrote */
};

struct sim_object {
    const char *key;
    struct sim_version *newest;
};

struct sim_bucket {
    char name[32];
    uint32_t caps;               /* enum wk_object_caps */
    bool content_etags;          /* same bytes, same ETag; else each write has its own */
    struct sim_object **objects; /* by key */
    uint32_t count;
    uint32_t capacity;
    uint64_t writes;
    struct sim_rng rng;
    uint64_t latency_ns; /* of a small request */
    uint64_t byte_ps;    /* and per byte */
    uint64_t denied_until_ns;
    uint64_t throttled_until_ns;
    uint64_t requests; /* ever started */
};

void sim_buckets_reset(uint64_t seed);
/* `told` hears of every new version until the next reset. */
void sim_buckets_tell(void (*told)(const struct sim_bucket *bucket,
                                   const struct sim_object *object));
/* The one with this name; made at the first call. */
struct sim_bucket *sim_bucket(const char *name);
uint32_t sim_bucket_count(void);
struct sim_bucket *sim_bucket_at(uint32_t index);
const char *sim_caps_text(uint32_t caps, char *to, size_t capacity);

/* NULL when it is not there now. */
const struct sim_version *sim_bucket_find(const struct sim_bucket *b, const char *key);
struct sim_object *sim_bucket_object(struct sim_bucket *b, const char *key);
void sim_bucket_put(struct sim_bucket *b, const char *key, const uint8_t *body, uint64_t size);
/* A body that nobody wrote, under the checksum of the one before. */
void sim_bucket_mangle(struct sim_bucket *b, struct sim_object *object, const uint8_t *body,
                       uint64_t size);
void sim_bucket_delete(struct sim_bucket *b, const char *key);
/* What `object` was at `at_ns`; NULL: not there. */
const struct sim_version *sim_object_at(const struct sim_object *object, uint64_t at_ns);

#endif
