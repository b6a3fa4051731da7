/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bootstrap: the index learns in the background which blocks the bucket has.
 *
 *     copy of all epochs -> LIST -> key is a block of this namespace, untouched since -> PRESENT
 *
 * A key whose epoch moved after the copy was perhaps put, deleted or found absent meanwhile, and
 * the list may be older than that; or only its stripe moved. Such keys are kept aside, as far as
 * there is room, and asked for by HEAD afterwards. What the process knows already is never
 * overwritten. Without LIST, or when it fails for good, the probe finds blocks one chain at a time.
 */
#include "base/mark.h"
#include "base/num.h"
#include "base/text.h"
#include "store/known.h"
#include "store/wave.h"

#define DOUBTFUL_MAX 4096u
#define LIST_NS_MAX  (600ull * WK_NS_PER_S) /* nobody waits for it; close cancels it */

struct bootstrap {
    struct wk_store *store;
    struct wk_namespace space;
    uint64_t found;
    uint64_t doubtful_lost; /* no room to keep them aside; left to the probe */
    size_t doubtful_count;
    uint64_t deadline_ns;
    uint64_t epochs[WK_EPOCH_STRIPES];
    struct wk_block_hash doubtful[DOUBTFUL_MAX];
};

static bool learn(void *ctx, const struct wk_object_entry *entry) {
    struct bootstrap *b = ctx;
    struct wk_store *s = b->store;
    struct wk_parsed_key parsed;
    if (!wk_object_key_parse(s->s3_prefix, b->space.name, wk_span_text(entry->key), &parsed) ||
        parsed.kind != WK_KEY_BLOCK)
        return true;
    struct wk_store_key key = wk_block_key(&b->space, &parsed.hash);
    uint64_t hash = wk_cache_hash(&s->cache, &key);
    uint64_t epoch = b->epochs[wk_epoch_stripe(hash)];
    if (wk_epoch_read(&s->epochs, hash) != epoch) {
        WK_MARK("bootstrap.touched_meanwhile");
        if (b->doubtful_count < DOUBTFUL_MAX)
            b->doubtful[b->doubtful_count++] = parsed.hash;
        else
            b->doubtful_lost++;
        return true;
    }
    b->found += wk_known_present(s, &b->space, &key, hash, epoch, entry->size_bytes);
    return true;
}

static void copy_epochs(struct bootstrap *b) {
    for (size_t i = 0; i < WK_EPOCH_STRIPES; i++)
        b->epochs[i] = wk_atomic_load_u64(&b->store->epochs.stripe[i], WK_ACQUIRE, "epoch.stripe");
}

static enum wk_object_class list_once(struct bootstrap *b, struct wk_error *err) {
    struct wk_store *s = b->store;
    char prefix[WK_OBJECT_KEY_BYTES_MAX + 1];
    wk_format(prefix, sizeof prefix, "%.*s/%.*s%s%s", (int)s->s3_prefix.size,
              (const char *)s->s3_prefix.data, (int)b->space.name.size,
              b->space.name.size == 0 ? "" : (const char *)b->space.name.data,
              b->space.name.size == 0 ? "" : "/", WK_BLOCK_KEY_PREFIX);
    copy_epochs(b);
    uint64_t now = wk_now_ns(s->env);
    uint64_t deadline = wk_add_u64_clamped(now, LIST_NS_MAX);
    return s->objects->ops->list(s->objects, prefix, learn, b, deadline, &s->closing, err);
}

static enum wk_object_class list_with_retries(struct bootstrap *b, struct wk_error *err) {
    struct wk_store *s = b->store;
    enum wk_object_class class = list_once(b, err);
    for (uint32_t i = 1; i <= s->config.retries && wk_object_class_retryable(class); i++) {
        uint64_t pause = wk_backoff_ns(s->env, s->config.retry_backoff_ns, i);
        uint64_t now = wk_now_ns(s->env);
        if (!wk_store_sleep(s, wk_add_u64_clamped(now, pause)))
            return WK_OBJECT_CANCELLED;
        class = list_once(b, err);
    }
    return class;
}

static uint64_t settle_deadline(void *ctx) {
    return ((struct bootstrap *)ctx)->deadline_ns;
}

/* A full wave of HEADs for keys that were kept aside; each with the epoch from before it. */
static void settle_some(struct bootstrap *b, struct wk_wave *wave, size_t from) {
    struct wk_store *s = b->store;
    uint64_t epochs[WK_WAVE_REQUESTS_MAX];
    wk_wave_clear(wave);
    for (size_t i = from; i < b->doubtful_count && !wk_wave_full(wave); i++) {
        struct wk_store_key key = wk_block_key(&b->space, &b->doubtful[i]);
        if (wk_object_key_block(s->s3_prefix, b->space.name, &b->doubtful[i],
                                &wave->keys[wave->count], NULL) != WK_OK)
            continue;
        uint64_t hash = wk_cache_hash(&s->cache, &key);
        epochs[wave->count] = wk_epoch_read(&s->epochs, hash);
        wk_wave_add(wave, WK_OBJECT_HEAD, i);
    }
    struct wk_wave_rule rule = {s->config.retries, settle_deadline, b};
    uint64_t now = wk_now_ns(s->env);
    b->deadline_ns = wk_add_u64_clamped(now, WK_PROGRESS_BASE_NS);
    wk_wave_run(wave, &rule);
    for (size_t r = 0; r < wave->count; r++) {
        struct wk_store_key key = wk_block_key(&b->space, &b->doubtful[wave->item[r]]);
        uint64_t hash = wk_cache_hash(&s->cache, &key);
        if (wave->results[r].class == WK_OBJECT_OK)
            b->found +=
                wk_known_present(s, &b->space, &key, hash, epochs[r], wave->results[r].size_bytes);
    }
}

static void settle_doubtful(struct bootstrap *b) {
    struct wk_wave wave;
    if (b->doubtful_count == 0 || !wk_store_can(b->store, WK_OBJECTS_HEAD))
        return;
    if (wk_wave_init(&wave, b->store, b->doubtful_count, NULL) != WK_OK)
        return;
    for (size_t at = 0; at < b->doubtful_count && !wk_store_closing(b->store); at += wave.capacity)
        settle_some(b, &wave, at);
    wk_wave_destroy(&wave);
}

static void report(struct bootstrap *b, enum wk_object_class class, const struct wk_error *err) {
    struct wk_env *env = b->store->env;
    wk_count(&b->store->counters.bootstrap_blocks, b->found);
    if (class == WK_OBJECT_OK) {
        struct wk_log_field fields[] = {{"blocks", NULL, b->found},
                                        {"doubtful", NULL, b->doubtful_count},
                                        {"left_to_probe", NULL, b->doubtful_lost}};
        env->log->event(env, WK_LOG_INFO, "bootstrap.done", fields, 3);
    } else if (class != WK_OBJECT_CANCELLED) {
        struct wk_log_field fields[] = {{"blocks", NULL, b->found}, {"reason", err->text, 0}};
        env->log->event(env, WK_LOG_WARN, "bootstrap.failed", fields, 2);
    }
}

static void bootstrap_run(struct bootstrap *b) {
    struct wk_store *s = b->store;
    struct wk_error err;
    wk_error_clear(&err);
    b->store = s;
    if (wk_store_space(s, wk_span_text(s->config.ns), &b->space, &err) != WK_OK)
        return;
    enum wk_object_class class = list_with_retries(b, &err);
    settle_doubtful(b);
    report(b, class, &err);
}

void wk_bootstrap_main(void *arg) {
    struct wk_store *store = arg;
    struct bootstrap *b = wk_alloc(store->env, WK_MEM_IO, sizeof *b);
    if (b == NULL)
        return;
    memset(b, 0, sizeof *b);
    b->store = store;
    bootstrap_run(b);
    wk_release(store->env, WK_MEM_IO, b, sizeof *b);
}
