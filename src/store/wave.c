/* SPDX-License-Identifier: Apache-2.0 */
/* The repetitions use arrays of their own, so that results keep their places. */
#include "store/wave.h"

#include "base/mark.h"
#include "base/num.h"

#define BACKOFF_NS_MAX (10ull * WK_NS_PER_S)

bool wk_object_class_retryable(enum wk_object_class class) {
    return class == WK_OBJECT_THROTTLED || class == WK_OBJECT_SERVER_ERROR ||
           class == WK_OBJECT_TIMEOUT || class == WK_OBJECT_CONFLICT;
}

enum wk_status wk_object_class_status(enum wk_object_class class) {
    switch (class) {
    case WK_OBJECT_OK:
    case WK_OBJECT_NOT_MODIFIED:
        return WK_OK;
    case WK_OBJECT_ABSENT:
    case WK_OBJECT_CORRUPT:
        return WK_MISS;
    case WK_OBJECT_PRECONDITION_FAILED:
    case WK_OBJECT_CONFLICT:
        return WK_CONFLICT;
    case WK_OBJECT_DENIED:
        return WK_DENIED;
    case WK_OBJECT_INVALID:
        return WK_INVALID;
    case WK_OBJECT_TIMEOUT:
        return WK_TIMEOUT;
    case WK_OBJECT_NO_SPACE:
        return WK_NO_SPACE;
    default:
        return WK_UNAVAILABLE;
    }
}

const char *wk_object_result_text(const struct wk_object_result *result) {
    static const char *const texts[WK_OBJECT_CLASS_COUNT] = {
        [WK_OBJECT_OK] = "ok",
        [WK_OBJECT_ABSENT] = "no such object",
        [WK_OBJECT_NOT_MODIFIED] = "not modified",
        [WK_OBJECT_PRECONDITION_FAILED] = "precondition failed",
        [WK_OBJECT_CONFLICT] = "conflicting write",
        [WK_OBJECT_THROTTLED] = "throttled",
        [WK_OBJECT_DENIED] = "access denied",
        [WK_OBJECT_INVALID] = "invalid request",
        [WK_OBJECT_SERVER_ERROR] = "server error",
        [WK_OBJECT_TIMEOUT] = "no answer before the deadline",
        [WK_OBJECT_NO_SPACE] = "no space left",
        [WK_OBJECT_CORRUPT] = "the body is damaged",
        [WK_OBJECT_CANCELLED] = "cancelled",
    };
    if (result->error.length != 0)
        return result->error.text;
    return (unsigned)result->class < WK_OBJECT_CLASS_COUNT ? texts[result->class] : "unknown";
}

/* ---- memory ---- */

/* Lays the arrays one behind the other; with base NULL only counts. */
static size_t wave_lay_out(struct wk_wave *w, size_t n, uint8_t *base) {
    size_t at = 0;
#define LAY(field)                                                                                 \
    do {                                                                                           \
        w->field = base == NULL ? NULL : (void *)(base + at);                                      \
        at += (n * sizeof *w->field + 15u) & ~(size_t)15u;                                         \
    } while (0)
    LAY(requests);
    LAY(results);
    LAY(keys);
    LAY(item);
    LAY(again_requests);
    LAY(again_results);
    LAY(again);
#undef LAY
    return at;
}

enum wk_status wk_wave_init(struct wk_wave *w, struct wk_store *store, size_t wanted,
                            struct wk_error *err) {
    memset(w, 0, sizeof *w);
    w->store = store;
    w->capacity = wanted == 0 ? 1 : wanted < WK_WAVE_REQUESTS_MAX ? wanted : WK_WAVE_REQUESTS_MAX;
    w->memory_bytes = wave_lay_out(w, w->capacity, NULL);
    w->memory = wk_alloc(store->env, WK_MEM_IO, w->memory_bytes);
    if (w->memory == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for %zu requests on the object store",
                       w->capacity);
    wave_lay_out(w, w->capacity, w->memory);
    return WK_OK;
}

void wk_wave_destroy(struct wk_wave *w) {
    if (w->memory != NULL)
        wk_release(w->store->env, WK_MEM_IO, w->memory, w->memory_bytes);
    w->memory = NULL;
}

void wk_wave_clear(struct wk_wave *w) {
    w->count = 0;
}

struct wk_object_request *wk_wave_add(struct wk_wave *w, enum wk_object_verb verb, size_t item) {
    struct wk_object_request *r = &w->requests[w->count];
    memset(r, 0, sizeof *r);
    r->verb = verb;
    r->key = w->keys[w->count].text;
    w->item[w->count] = item;
    w->count++;
    return r;
}

/* ---- running ---- */

uint64_t wk_backoff_ns(struct wk_env *env, uint64_t first_ns, uint32_t attempt) {
    uint64_t pause = first_ns;
    for (uint32_t i = 1; i < attempt && pause < BACKOFF_NS_MAX; i++)
        pause *= 2;
    pause = wk_min_u64(pause, BACKOFF_NS_MAX);
    uint64_t random;
    env->entropy->fill(env, &random, sizeof random);
    return pause / 2 + random % (pause / 2 + 1);
}

static void reset_results(struct wk_object_result *results, size_t count) {
    for (size_t i = 0; i < count; i++) {
        memset(&results[i], 0, offsetof(struct wk_object_result, error));
        results[i].class = WK_OBJECT_CANCELLED;
        wk_error_clear(&results[i].error);
    }
}

static bool goes_again(enum wk_object_class class) {
    return wk_object_class_retryable(class) ||
           (WK_PLANTED(31) && class == WK_OBJECT_ABSENT); /* plant 31 */
}

static size_t count_retryable(const struct wk_wave *w) {
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++)
        n += goes_again(w->results[i].class);
    return n;
}

/* As far as the budget of the handle goes. */
static size_t collect_retryable(struct wk_wave *w, size_t wanted) {
    size_t n = 0;
    size_t granted = wk_pace_may_repeat(w->store, wanted);
    for (size_t i = 0; i < w->count && n < granted; i++) {
        if (!goes_again(w->results[i].class))
            continue;
        w->again_requests[n] = w->requests[i];
        w->again[n++] = i;
    }
    return n;
}

void wk_wave_run(struct wk_wave *w, const struct wk_wave_rule *rule) {
    struct wk_env *env = w->store->env;
    if (w->count == 0)
        return;
    uint64_t deadline = rule->deadline_ns(rule->ctx);
    reset_results(w->results, w->count);
    wk_pace_batch(w->store, w->requests, w->results, w->count, false, deadline);
    for (uint32_t attempt = 1; attempt <= rule->retries; attempt++) {
        size_t wanted = count_retryable(w);
        if (wanted == 0 || wk_store_closing(w->store))
            return;
        uint64_t pause = wk_backoff_ns(env, w->store->config.retry_backoff_ns, attempt);
        uint64_t now = wk_now_ns(env);
        deadline = rule->deadline_ns(rule->ctx);
        if (wk_add_u64_clamped(now, pause) >= deadline)
            return;
        size_t n = collect_retryable(w, wanted);
        if (n == 0)
            return;
        WK_MARK("wave.retry");
        if (!WK_PLANTED(38) && !wk_store_sleep(w->store, now + pause)) /* plant 38 */
            return;
        reset_results(w->again_results, n);
        wk_pace_batch(w->store, w->again_requests, w->again_results, n, true, deadline);
        for (size_t i = 0; i < n; i++)
            w->results[w->again[i]] = w->again_results[i];
    }
}
