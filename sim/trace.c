// SPDX-License-Identifier: Apache-2.0
// One XXH3-128 over (hash so far, record) per event: 88 bytes, a few ns, no state to carry but the
// hash itself. Text is kept short in a ring for people and whole in the hash.
#include "trace.h"

#include <inttypes.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "process.h"
#include "sched.h"

#define RING_EVENTS 512u
#define TEXT_BYTES  128u

struct shown {
    uint64_t number;
    uint64_t time_ns;
    uint64_t a;
    uint64_t b;
    const char *kind;
    char actor[28];
    char text[TEXT_BYTES];
};

// Canonical, no padding: this is what is hashed.
struct record {
    uint64_t hash_low;
    uint64_t hash_high;
    uint64_t number;
    uint64_t time_ns;
    uint64_t actor;
    uint64_t kind;
    uint64_t text;
    uint64_t a;
    uint64_t b;
};

static struct shown ring[RING_EVENTS];
static struct sim_hash hash;
static uint64_t count;
static FILE *print_to;

void sim_trace_reset(uint64_t seed) {
    hash = (struct sim_hash){seed, 0x776f6d6261746b76ull};
    count = 0;
}

void sim_trace_print_to(FILE *to) {
    print_to = to;
}

bool sim_trace_printing(void) {
    return print_to != NULL;
}

static void show(FILE *to, const struct shown *e) {
    uint64_t us = e->time_ns / 1000;
    fprintf(to, "%8" PRIu64 " %6" PRIu64 ".%06" PRIu64 "s %-16s %-12s %s", e->number, us / 1000000,
            us % 1000000, e->actor, e->kind, e->text);
    fprintf(to, "%s%" PRIu64 " -> %" PRIu64 "\n", e->text[0] != 0 ? " " : "", e->a, e->b);
}

static void remember(const char *kind, const char *text, uint64_t a, uint64_t b) {
    struct shown *e = &ring[count % RING_EVENTS];
    e->number = count;
    e->time_ns = sim_now();
    e->a = a;
    e->b = b;
    e->kind = kind;
    const struct sim_fiber *self = sim_self();
    if (self == NULL)
        snprintf(e->actor, sizeof e->actor, "-");
    else
        memcpy(e->actor, self->label, sizeof e->actor);
    size_t length = text == NULL ? 0 : strlen(text);
    if (length < TEXT_BYTES) {
        memcpy(e->text, text == NULL ? "" : text, length + 1);
    } else { // the end of a key tells more than its start
        memcpy(e->text, "...", 3);
        memcpy(e->text + 3, text + length - (TEXT_BYTES - 4), TEXT_BYTES - 3);
    }
    if (print_to != NULL)
        show(print_to, e);
}

void sim_event(const char *kind, const char *text, uint64_t a, uint64_t b) {
    const struct sim_fiber *self = sim_self();
    struct record r = {hash.low, hash.high, count, sim_now(), self == NULL ? 0 : self->id,
                       0,        0,         a,     b};
    r.kind = XXH3_64bits(kind, strlen(kind));
    r.text = text == NULL ? 0 : XXH3_64bits(text, strlen(text));
    XXH128_hash_t next = XXH3_128bits(&r, sizeof r);
    hash = (struct sim_hash){next.low64, next.high64};
    remember(kind, text, a, b);
    count++;
}

uint64_t sim_trace_count(void) {
    return count;
}

struct sim_hash sim_trace_hash(void) {
    return hash;
}

uint64_t sim_digest(const void *data, uint64_t size) {
    return XXH3_64bits(data, size);
}

void sim_trace_last(FILE *to, uint32_t wanted) {
    uint64_t have = count < RING_EVENTS ? count : RING_EVENTS;
    if (wanted < have)
        have = wanted;
    for (uint64_t i = count - have; i < count; i++)
        show(to, &ring[i % RING_EVENTS]);
}
