// SPDX-License-Identifier: Apache-2.0
// The simulator's side of base/atomic.h: schedule points and store buffers (rules in atomics.h).
#include "base/atomic.h"

#include <string.h>

#include "atomics.h"
#include "pool.h"
#include "report.h"
#include "sched.h"

#define STORES_MAX     16u
#define ATOMIC_COST_NS 5u
#define SPIN_COST_NS   40u

struct store {
    void *word;
    uint64_t value;
    uint32_t bytes;
    bool release;
};

struct sim_buffer {
    struct store stores[STORES_MAX]; // oldest first
    uint32_t count;
    struct sim_buffer *next; // all buffers of the seed
};

static struct sim_buffer *all;
static uint32_t waiting; // stores in all buffers

void sim_buffers_reset(void) {
    all = NULL;
    waiting = 0;
}

static uint64_t memory_read(const void *word, uint32_t bytes) {
    if (bytes == 4)
        return atomic_load_explicit((const _Atomic uint32_t *)word, memory_order_relaxed);
    return atomic_load_explicit((const _Atomic uint64_t *)word, memory_order_relaxed);
}

static void memory_write(void *word, uint32_t bytes, uint64_t value) {
    if (bytes == 4)
        atomic_store_explicit((_Atomic uint32_t *)word, (uint32_t)value, memory_order_relaxed);
    else
        atomic_store_explicit((_Atomic uint64_t *)word, value, memory_order_relaxed);
}

static void let_out(struct sim_buffer *b, uint32_t at) {
    struct store s = b->stores[at];
    memmove(&b->stores[at], &b->stores[at + 1], (b->count - at - 1) * sizeof s);
    b->count--;
    waiting--;
    memory_write(s.word, s.bytes, s.value);
}

// May stores[at] leave before the older ones? Not past its own word, not as a release.
static bool may_leave(const struct sim_buffer *b, uint32_t at) {
    if (b->stores[at].release)
        return at == 0;
    for (uint32_t i = 0; i < at; i++) {
        if (b->stores[i].word == b->stores[at].word)
            return false;
    }
    return true;
}

// Lets out the first waiting store to `word`, and before it what has to be before it.
static void let_out_word(struct sim_buffer *b, const void *word) {
    for (uint32_t at = 0; at < b->count; at++) {
        if (b->stores[at].word != word)
            continue;
        if (b->stores[at].release) {
            for (uint32_t older = at; older > 0; older--)
                let_out(b, 0);
            let_out(b, 0);
            at = UINT32_MAX;
        } else {
            let_out(b, at);
            at--;
        }
    }
}

void sim_buffers_drain(struct sim_fiber *fiber) {
    struct sim_buffer *b = fiber == NULL ? NULL : fiber->buffer;
    while (b != NULL && b->count > 0)
        let_out(b, 0);
}

// One store of a random buffer, if it may leave; processors drain while their threads are idle.
void sim_buffers_step(struct sim_fiber *fiber) {
    (void)fiber;
    if (waiting == 0)
        return;
    struct sim_rng *rng = sim_sched_rng();
    if (!sim_rng_chance(rng, sim_schedule()->buffer_drain_ppm))
        return;
    uint32_t number = (uint32_t)sim_rng_below(rng, waiting);
    for (struct sim_buffer *b = all; b != NULL; b = b->next) {
        if (number >= b->count) {
            number -= b->count;
            continue;
        }
        while (!may_leave(b, number))
            number--;
        let_out(b, number);
        return;
    }
}

void sim_buffers_check_released(const void *at, size_t size) {
    if (waiting == 0)
        return;
    const uint8_t *low = at;
    for (const struct sim_buffer *b = all; b != NULL; b = b->next) {
        for (uint32_t i = 0; i < b->count; i++) {
            const uint8_t *word = b->stores[i].word;
            if (word >= low && word < low + size)
                sim_violate("memory", "released while another thread's store to it was under way");
        }
    }
}

// A crashed fiber leaves its buffer in the list: its stores must never leave.
void sim_buffer_lost(struct sim_fiber *fiber) {
    if (fiber->buffer != NULL) {
        waiting -= fiber->buffer->count;
        fiber->buffer->count = 0;
        fiber->buffer = NULL;
    }
}

static struct sim_buffer *buffer_of(struct sim_fiber *fiber) {
    if (fiber->buffer == NULL) {
        fiber->buffer = sim_new(sizeof *fiber->buffer);
        fiber->buffer->next = all;
        all = fiber->buffer;
    }
    return fiber->buffer;
}

// What this fiber sees: its own last waiting store, else memory.
static uint64_t see(const struct sim_fiber *self, const void *word, uint32_t bytes) {
    const struct sim_buffer *b = self == NULL ? NULL : self->buffer;
    for (uint32_t at = b == NULL ? 0 : b->count; at > 0; at--) {
        if (b->stores[at - 1].word == word)
            return b->stores[at - 1].value;
    }
    return memory_read(word, bytes);
}

// Before this fiber changes a word, what others have waiting on it takes its place in the order.
static void settle_others(const struct sim_fiber *self, const void *word) {
    if (waiting == 0)
        return;
    for (struct sim_buffer *b = all; b != NULL; b = b->next) {
        if (self == NULL || b != self->buffer)
            let_out_word(b, word);
    }
}

static void store(struct sim_fiber *self, void *word, uint32_t bytes, uint64_t value,
                  enum wk_order order) {
    if (self == NULL) {
        memory_write(word, bytes, value);
        return;
    }
    bool may_wait = order != WK_SEQ_CST && sim_schedule()->buffer_delay_ppm > 0;
    if (may_wait && sim_rng_chance(sim_sched_rng(), sim_schedule()->buffer_delay_ppm)) {
        struct sim_buffer *b = buffer_of(self);
        if (b->count == STORES_MAX)
            let_out(b, 0);
        bool release = order == WK_RELEASE || order == WK_ACQ_REL;
        b->stores[b->count++] = (struct store){word, value, bytes, release};
        waiting++;
        return;
    }
    if (order == WK_RELAXED || order == WK_ACQUIRE) {
        if (self->buffer != NULL && self->buffer->count > 0)
            let_out_word(self->buffer, word);
    } else {
        sim_buffers_drain(self);
    }
    memory_write(word, bytes, value);
}

static struct sim_fiber *enter(void) {
    sim_point(SIM_POINT_ATOMIC, ATOMIC_COST_NS);
    return sim_self();
}

#define DEFINE_ATOMIC(bits)                                                                        \
    uint##bits##_t wk_atomic_load_u##bits(const wk_atomic_u##bits *a, enum wk_order order,         \
                                          const char *site) {                                      \
        (void)order;                                                                               \
        (void)site;                                                                                \
        struct sim_fiber *self = enter();                                                          \
        return (uint##bits##_t)see(self, &a->word, bits / 8);                                      \
    }                                                                                              \
    void wk_atomic_store_u##bits(wk_atomic_u##bits *a, uint##bits##_t value, enum wk_order order,  \
                                 const char *site) {                                               \
        (void)site;                                                                                \
        struct sim_fiber *self = enter();                                                          \
        settle_others(self, &a->word);                                                             \
        store(self, &a->word, bits / 8, value, order);                                             \
    }                                                                                              \
    static uint##bits##_t modify_u##bits(wk_atomic_u##bits *a, enum wk_order order,                \
                                         struct sim_fiber **self) {                                \
        *self = enter();                                                                           \
        settle_others(*self, &a->word);                                                            \
        if (order == WK_SEQ_CST)                                                                   \
            sim_buffers_drain(*self);                                                              \
        return (uint##bits##_t)see(*self, &a->word, bits / 8);                                     \
    }                                                                                              \
    uint##bits##_t wk_atomic_add_u##bits(wk_atomic_u##bits *a, uint##bits##_t value,               \
                                         enum wk_order order, const char *site) {                  \
        (void)site;                                                                                \
        struct sim_fiber *self;                                                                    \
        uint##bits##_t was = modify_u##bits(a, order, &self);                                      \
        store(self, &a->word, bits / 8, (uint##bits##_t)(was + value), order);                     \
        return was;                                                                                \
    }                                                                                              \
    uint##bits##_t wk_atomic_sub_u##bits(wk_atomic_u##bits *a, uint##bits##_t value,               \
                                         enum wk_order order, const char *site) {                  \
        return wk_atomic_add_u##bits(a, (uint##bits##_t)(0 - value), order, site);                 \
    }                                                                                              \
    uint##bits##_t wk_atomic_or_u##bits(wk_atomic_u##bits *a, uint##bits##_t value,                \
                                        enum wk_order order, const char *site) {                   \
        (void)site;                                                                                \
        struct sim_fiber *self;                                                                    \
        uint##bits##_t was = modify_u##bits(a, order, &self);                                      \
        store(self, &a->word, bits / 8, was | value, order);                                       \
        return was;                                                                                \
    }                                                                                              \
    uint##bits##_t wk_atomic_exchange_u##bits(wk_atomic_u##bits *a, uint##bits##_t value,          \
                                              enum wk_order order, const char *site) {             \
        (void)site;                                                                                \
        struct sim_fiber *self;                                                                    \
        uint##bits##_t was = modify_u##bits(a, order, &self);                                      \
        store(self, &a->word, bits / 8, value, order);                                             \
        return was;                                                                                \
    }                                                                                              \
    bool wk_atomic_cas_u##bits(wk_atomic_u##bits *a, uint##bits##_t *expected,                     \
                               uint##bits##_t desired, enum wk_order order, const char *site) {    \
        (void)site;                                                                                \
        struct sim_fiber *self;                                                                    \
        uint##bits##_t was = modify_u##bits(a, order, &self);                                      \
        if (was != *expected) {                                                                    \
            *expected = was;                                                                       \
            return false;                                                                          \
        }                                                                                          \
        store(self, &a->word, bits / 8, desired, order);                                           \
        return true;                                                                               \
    }

DEFINE_ATOMIC(32)
DEFINE_ATOMIC(64)

void wk_atomic_fence(enum wk_order order, const char *site) {
    (void)site;
    struct sim_fiber *self = enter();
    if (order != WK_RELAXED && order != WK_ACQUIRE)
        sim_buffers_drain(self);
}

void wk_spin(const char *site) {
    (void)site;
    sim_point(SIM_POINT_SPIN, SPIN_COST_NS);
}

// A schedule point before every word would make long copies dominate the seed: a few per copy.
static bool point_here(size_t i) {
    return i < 2 || (i & (i - 1)) == 0;
}

void wk_atomic_read_words(uint64_t *to, const wk_atomic_u64 *from, size_t words, const char *site) {
    (void)site;
    for (size_t i = 0; i < words; i++) {
        if (point_here(i))
            (void)enter();
        to[i] = see(sim_self(), &from[i].word, 8);
    }
}

void wk_atomic_write_words(wk_atomic_u64 *to, const uint64_t *from, size_t words,
                           const char *site) {
    (void)site;
    for (size_t i = 0; i < words; i++) {
        if (point_here(i))
            (void)enter();
        settle_others(sim_self(), &to[i].word);
        store(sim_self(), &to[i].word, 8, from[i], WK_RELAXED);
    }
}
