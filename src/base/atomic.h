/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that more than one thread, or more than one process, may touch.
 *
 * All of them go through here, with an explicit order and a site name. In the library each access
 * is the plain C11 atomic. In the simulator (WK_SIM) each access is a point where the scheduler may
 * switch, and plain stores pass through a seeded store buffer, so that orders which the hardware of
 * the day does not show are explored as well.
 *
 * The site is a stable text such as "arena.pin": it names the place in traces and never changes a
 * seed when lines move. Struct members that are accessed here carry a `sync:` comment.
 */
#ifndef WK_BASE_ATOMIC_H
#define WK_BASE_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    _Atomic uint32_t word;
} wk_atomic_u32;

typedef struct {
    _Atomic uint64_t word;
} wk_atomic_u64;

enum wk_order { WK_RELAXED, WK_ACQUIRE, WK_RELEASE, WK_ACQ_REL, WK_SEQ_CST };

#ifndef WK_SIM

static inline memory_order wk_order_c11(enum wk_order order) {
    switch (order) {
    case WK_RELAXED:
        return memory_order_relaxed;
    case WK_ACQUIRE:
        return memory_order_acquire;
    case WK_RELEASE:
        return memory_order_release;
    case WK_ACQ_REL:
        return memory_order_acq_rel;
    default:
        return memory_order_seq_cst;
    }
}

/* A failed compare-and-swap stores nothing, so it cannot carry a release. */
static inline memory_order wk_order_c11_failed(enum wk_order order) {
    switch (order) {
    case WK_RELAXED:
    case WK_RELEASE:
        return memory_order_relaxed;
    case WK_ACQUIRE:
    case WK_ACQ_REL:
        return memory_order_acquire;
    default:
        return memory_order_seq_cst;
    }
}

#define WK_ATOMIC_DEFINE(bits)                                                                     \
    static inline uint##bits##_t wk_atomic_load_u##bits(const wk_atomic_u##bits *a,                \
                                                        enum wk_order order, const char *site) {   \
        (void)site;                                                                                \
        return atomic_load_explicit(&a->word, wk_order_c11(order));                                \
    }                                                                                              \
    static inline void wk_atomic_store_u##bits(wk_atomic_u##bits *a, uint##bits##_t value,         \
                                               enum wk_order order, const char *site) {            \
        (void)site;                                                                                \
        atomic_store_explicit(&a->word, value, wk_order_c11(order));                               \
    }                                                                                              \
    /* Each of the four below returns the value before. */                                         \
    static inline uint##bits##_t wk_atomic_add_u##bits(wk_atomic_u##bits *a, uint##bits##_t value, \
                                                       enum wk_order order, const char *site) {    \
        (void)site;                                                                                \
        return atomic_fetch_add_explicit(&a->word, value, wk_order_c11(order));                    \
    }                                                                                              \
    static inline uint##bits##_t wk_atomic_sub_u##bits(wk_atomic_u##bits *a, uint##bits##_t value, \
                                                       enum wk_order order, const char *site) {    \
        (void)site;                                                                                \
        return atomic_fetch_sub_explicit(&a->word, value, wk_order_c11(order));                    \
    }                                                                                              \
    static inline uint##bits##_t wk_atomic_or_u##bits(wk_atomic_u##bits *a, uint##bits##_t value,  \
                                                      enum wk_order order, const char *site) {     \
        (void)site;                                                                                \
        return atomic_fetch_or_explicit(&a->word, value, wk_order_c11(order));                     \
    }                                                                                              \
    static inline uint##bits##_t wk_atomic_exchange_u##bits(                                       \
        wk_atomic_u##bits *a, uint##bits##_t value, enum wk_order order, const char *site) {       \
        (void)site;                                                                                \
        return atomic_exchange_explicit(&a->word, value, wk_order_c11(order));                     \
    }                                                                                              \
    /* True when `*expected` was there and `desired` is now; else `*expected` is what is there. */ \
    static inline bool wk_atomic_cas_u##bits(wk_atomic_u##bits *a, uint##bits##_t *expected,       \
                                             uint##bits##_t desired, enum wk_order order,          \
                                             const char *site) {                                   \
        (void)site;                                                                                \
        return atomic_compare_exchange_strong_explicit(                                            \
            &a->word, expected, desired, wk_order_c11(order), wk_order_c11_failed(order));         \
    }

WK_ATOMIC_DEFINE(32)
WK_ATOMIC_DEFINE(64)
#undef WK_ATOMIC_DEFINE

/* gcc warns that ThreadSanitizer does not see fences. What they order here are atomic words, which
 * it does not complain about. */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif
static inline void wk_atomic_fence(enum wk_order order, const char *site) {
    (void)site;
    atomic_thread_fence(wk_order_c11(order));
}

/* One turn of a bounded spin: the loop that calls it counts its turns and gives up. */
static inline void wk_spin(const char *site) {
    (void)site;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

/*
 * Copies of records that a writer may change meanwhile (sequence locks): every word is a relaxed
 * atomic access, so a torn copy is possible and defined; the caller's sequence check rejects it.
 */
static inline void wk_atomic_read_words(uint64_t *to, const wk_atomic_u64 *from, size_t words,
                                        const char *site) {
    (void)site;
    for (size_t i = 0; i < words; i++)
        to[i] = atomic_load_explicit(&from[i].word, memory_order_relaxed);
}

static inline void wk_atomic_write_words(wk_atomic_u64 *to, const uint64_t *from, size_t words,
                                         const char *site) {
    (void)site;
    for (size_t i = 0; i < words; i++)
        atomic_store_explicit(&to[i].word, from[i], memory_order_relaxed);
}

#else /* WK_SIM: sim/atomic.c */

#define WK_ATOMIC_DECLARE(bits)                                                                    \
    uint##bits##_t wk_atomic_load_u##bits(const wk_atomic_u##bits *, enum wk_order, const char *); \
    void wk_atomic_store_u##bits(wk_atomic_u##bits *, uint##bits##_t, enum wk_order,               \
                                 const char *);                                                    \
    uint##bits##_t wk_atomic_add_u##bits(wk_atomic_u##bits *, uint##bits##_t, enum wk_order,       \
                                         const char *);                                            \
    uint##bits##_t wk_atomic_sub_u##bits(wk_atomic_u##bits *, uint##bits##_t, enum wk_order,       \
                                         const char *);                                            \
    uint##bits##_t wk_atomic_or_u##bits(wk_atomic_u##bits *, uint##bits##_t, enum wk_order,        \
                                        const char *);                                             \
    uint##bits##_t wk_atomic_exchange_u##bits(wk_atomic_u##bits *, uint##bits##_t, enum wk_order,  \
                                              const char *);                                       \
    bool wk_atomic_cas_u##bits(wk_atomic_u##bits *, uint##bits##_t *, uint##bits##_t,              \
                               enum wk_order, const char *);

WK_ATOMIC_DECLARE(32)
WK_ATOMIC_DECLARE(64)
#undef WK_ATOMIC_DECLARE

void wk_atomic_fence(enum wk_order order, const char *site);
void wk_spin(const char *site);
void wk_atomic_read_words(uint64_t *to, const wk_atomic_u64 *from, size_t words, const char *site);
void wk_atomic_write_words(wk_atomic_u64 *to, const uint64_t *from, size_t words, const char *site);

#endif
#endif
