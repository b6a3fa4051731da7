/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wave: a bounded set of requests on the objects that go out together, with retries.
 *
 *     add, add, add -> run: batch -> those of a retryable class wait and go again -> results
 *
 * Retryable: THROTTLED, SERVER_ERROR, TIMEOUT, CONFLICT. A PUT whose outcome is unknown may go
 * again because its bytes are the same. Everything else is final at once: an absent object is not
 * asked for twice. The pause doubles from the setting's value, with jitter, up to 10 s, and the
 * whole wave waits. What is sent, and how much of it again, pace.h decides for the handle as a
 * whole. No try starts after the deadline.
 *
 * Memory: one allocation (WK_MEM_IO), reused from run to run. Not thread-safe.
 */
#ifndef WK_STORE_WAVE_H
#define WK_STORE_WAVE_H

#include "store/pace.h"
#include "store/store_impl.h"

struct wk_wave {
    struct wk_store *store;
    size_t capacity;
    size_t count;
    struct wk_object_request *requests;
    struct wk_object_result *results;
    struct wk_object_key *keys;
    size_t *item; /* what the caller's request i is about; the caller's own numbers */
    /* The retries of a run. */
    struct wk_object_request *again_requests;
    struct wk_object_result *again_results;
    size_t *again;
    void *memory;
    size_t memory_bytes;
};

/* For at most `wanted` requests at a time; the capacity may be smaller, at least 1. */
WK_MUST_CHECK enum wk_status wk_wave_init(struct wk_wave *wave, struct wk_store *store,
                                          size_t wanted, struct wk_error *err);
void wk_wave_destroy(struct wk_wave *wave);

static inline bool wk_wave_full(const struct wk_wave *wave) {
    return wave->count == wave->capacity;
}
void wk_wave_clear(struct wk_wave *wave);
/* A new request, zeroed but for the verb and `key`, whose text the caller fills in wave->keys. */
struct wk_object_request *wk_wave_add(struct wk_wave *wave, enum wk_object_verb verb, size_t item);

/*
 * `deadline` (called before each try, with `ctx`) may move while sizes become known. Fills
 * wave->results.
 */
struct wk_wave_rule {
    uint32_t retries;
    uint64_t (*deadline_ns)(void *ctx);
    void *ctx;
};
void wk_wave_run(struct wk_wave *wave, const struct wk_wave_rule *rule);

bool wk_object_class_retryable(enum wk_object_class class);
/* What a class means for a caller. ABSENT, CORRUPT: WK_MISS. */
enum wk_status wk_object_class_status(enum wk_object_class class);
/* The result's text, or the class as a text. */
const char *wk_object_result_text(const struct wk_object_result *result);

/* Pause before try number `attempt` (1 is the first repetition), with jitter. */
uint64_t wk_backoff_ns(struct wk_env *env, uint64_t first_ns, uint32_t attempt);

#endif
