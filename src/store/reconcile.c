/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reconcile: what the index knows is compared in the background with what the bucket has, at open
 * and then once in reconcile_interval_ns.
 *
 *     copy of all epochs -> LIST -> key is a block of this namespace
 *                                     known: gets the number of this LIST
 *                                     unknown, untouched since: PRESENT
 *     the LIST was whole -> nodes without its number -> HEAD -> absent: gone from cache and index
 *
 * A key that is not known and whose epoch moved after the copy was perhaps put, deleted or found
 * absent meanwhile, and the list may be older than that; or only its stripe moved. Such keys are
 * kept aside, as far as there is room, and asked for by HEAD afterwards. What the process knows
 * already is never overwritten.
 *
 * A LIST may be stale, so it alone removes nothing: it only says whom to ask for. A node gets the
 * number of the LIST when it is made, too, so what was put, read or found since the LIST began is
 * not asked for. A LIST that failed or was cut short removes nothing. Memory is the same for any
 * number of blocks: the number is a byte of the node, and a wave of HEADs is under way at a time.
 *
 * Without LIST, or when it fails for good, the probe finds blocks one chain at a time.
 */
#include "base/mark.h"
#include "base/num.h"
#include "base/text.h"
#include "store/known.h"
#include "store/wave.h"

#define DOUBTFUL_MAX 4096u
#define LISTINGS     255u /* their numbers are a byte, and 0 is none */

struct reconcile {
    struct wk_store *store;
    struct wk_namespace space;
    uint8_t number;
    uint64_t found;
    uint64_t removed;
    uint64_t doubtful_lost; /* no room to keep them aside; left to the probe */
    size_t doubtful_count;
    uint64_t deadline_ns;
    struct wk_wave *wave; /* of HEADs, with what each is about */
    uint64_t asked;
    bool failed; /* a HEAD had no answer: the rest is left to the next time */
    struct wk_block_hash hashes[WK_WAVE_REQUESTS_MAX];
    uint64_t head_epochs[WK_WAVE_REQUESTS_MAX];
    uint64_t epochs[WK_EPOCH_STRIPES];
    struct wk_block_hash doubtful[DOUBTFUL_MAX];
};

/* ---- LIST ---- */

static bool learn(void *ctx, const struct wk_object_entry *entry) {
    struct reconcile *b = ctx;
    struct wk_store *s = b->store;
    struct wk_parsed_key parsed;
    if (!wk_object_key_parse(s->s3_prefix, b->space.name, wk_span_text(entry->key), &parsed) ||
        parsed.kind != WK_KEY_BLOCK)
        return true;
    if (wk_radix_see(s->radix, b->space.own, &parsed.hash, b->number))
        return true;
    struct wk_store_key key = wk_block_key(&b->space, &parsed.hash);
    uint64_t hash = wk_cache_hash(&s->cache, &key);
    uint64_t epoch = b->epochs[wk_epoch_stripe(hash)];
    if (wk_epoch_read(&s->epochs, hash) != epoch) {
        WK_MARK("reconcile.touched_meanwhile");
        if (b->doubtful_count < DOUBTFUL_MAX)
            b->doubtful[b->doubtful_count++] = parsed.hash;
        else
            b->doubtful_lost++;
        return true;
    }
    b->found += wk_known_present(s, &b->space, &key, hash, epoch, entry->size_bytes);
    return true;
}

static void copy_epochs(struct reconcile *b) {
    for (size_t i = 0; i < WK_EPOCH_STRIPES; i++)
        b->epochs[i] = wk_atomic_load_u64(&b->store->epochs.stripe[i], WK_ACQUIRE, "epoch.stripe");
}

static enum wk_object_class list_once(struct reconcile *b, struct wk_error *err) {
    struct wk_store *s = b->store;
    char prefix[WK_OBJECT_KEY_BYTES_MAX + 1];
    wk_format(prefix, sizeof prefix, "%.*s/%.*s%s%s", (int)s->s3_prefix.size,
              (const char *)s->s3_prefix.data, (int)b->space.name.size,
              b->space.name.size == 0 ? "" : (const char *)b->space.name.data,
              b->space.name.size == 0 ? "" : "/", WK_BLOCK_KEY_PREFIX);
    copy_epochs(b);
    uint64_t now = wk_now_ns(s->env);
    uint64_t deadline = wk_add_u64_clamped(now, WK_LIST_NS_MAX);
    return wk_pace_list(s, prefix, learn, b, deadline, err);
}

static enum wk_object_class list_with_retries(struct reconcile *b, struct wk_error *err) {
    struct wk_store *s = b->store;
    enum wk_object_class class = list_once(b, err);
    for (uint32_t i = 1; i <= s->config.retries && wk_object_class_retryable(class); i++) {
        uint64_t pause = wk_backoff_ns(s->env, s->config.retry_backoff_ns, i);
        uint64_t now = wk_now_ns(s->env);
        if (!wk_store_sleep(s, wk_add_u64_clamped(now, pause)))
            return WK_OBJECT_CANCELLED;
        if (wk_pace_may_repeat(s, 1) == 0)
            break;
        class = list_once(b, err);
    }
    return class;
}

/* ---- HEAD ---- */

static uint64_t heads_deadline(void *ctx) {
    return ((struct reconcile *)ctx)->deadline_ns;
}

/* One more question, with the epoch from before it. */
static void ask(struct reconcile *b, const struct wk_block_hash *hash) {
    struct wk_store *s = b->store;
    struct wk_wave *wave = b->wave;
    struct wk_store_key key = wk_block_key(&b->space, hash);
    if (wk_object_key_block(s->s3_prefix, b->space.name, hash, &wave->keys[wave->count], NULL) !=
        WK_OK)
        return;
    b->hashes[wave->count] = *hash;
    uint64_t key_hash = wk_cache_hash(&s->cache, &key);
    b->head_epochs[wave->count] = wk_epoch_read(&s->epochs, key_hash);
    wk_wave_add(wave, WK_OBJECT_HEAD, wave->count);
    b->asked++;
}

static void settle(struct reconcile *b, size_t r, bool may_remove) {
    struct wk_store *s = b->store;
    const struct wk_object_result *result = &b->wave->results[r];
    struct wk_store_key key = wk_block_key(&b->space, &b->hashes[r]);
    uint64_t hash = wk_cache_hash(&s->cache, &key);
    enum wk_object_class class = result->class;
    if (WK_PLANTED(35) && may_remove) /* plant 35 */
        class = WK_OBJECT_ABSENT;
    if (class == WK_OBJECT_OK && wk_radix_see(s->radix, b->space.own, &key.id, b->number)) {
        WK_MARK("reconcile.list_missed_it");
    } else if (class == WK_OBJECT_OK) {
        b->found +=
            wk_known_present(s, &b->space, &key, hash, b->head_epochs[r], result->size_bytes);
    } else if (class != WK_OBJECT_ABSENT) {
        b->failed = true;
    } else if (may_remove && !WK_PLANTED(43) && /* plant 43 */
               wk_known_gone(s, &key, hash, b->head_epochs[r])) {
        WK_MARK("reconcile.removed");
        b->removed++;
    }
}

static void settle_wave(struct reconcile *b, bool may_remove) {
    struct wk_store *s = b->store;
    struct wk_wave_rule rule = {s->config.retries, heads_deadline, b};
    uint64_t now = wk_now_ns(s->env);
    b->deadline_ns = wk_add_u64_clamped(now, WK_PROGRESS_BASE_NS);
    wk_wave_run(b->wave, &rule);
    for (size_t r = 0; r < b->wave->count; r++)
        settle(b, r, may_remove);
    wk_wave_clear(b->wave);
}

static void settle_doubtful(struct reconcile *b) {
    for (size_t i = 0; i < b->doubtful_count && !wk_store_closing(b->store); i++) {
        ask(b, &b->doubtful[i]);
        if (wk_wave_full(b->wave))
            settle_wave(b, false);
    }
    settle_wave(b, false);
}

/* ---- what the LIST did not show ---- */

static bool ask_if_unlisted(void *ctx, const struct wk_block_hash *hash,
                            const struct wk_node_info *info) {
    struct reconcile *b = ctx;
    if ((info->flags & WK_NODE_PRESENT) == 0 || info->seen == b->number)
        return true;
    ask(b, hash);
    if (wk_wave_full(b->wave))
        settle_wave(b, true);
    return !b->failed && b->asked < WK_RECONCILE_HEADS_MAX && !wk_store_closing(b->store);
}

static void remove_unlisted(struct reconcile *b) {
    b->asked = 0;
    b->failed = false;
    wk_radix_each(b->store->radix, b->space.own, ask_if_unlisted, b);
    if (!b->failed)
        settle_wave(b, true);
    wk_wave_clear(b->wave);
}

/* ---- one run ---- */

static void report(struct reconcile *b, enum wk_object_class class, const struct wk_error *err) {
    struct wk_env *env = b->store->env;
    struct wk_counters *c = &b->store->counters;
    wk_count(&c->bootstrap_blocks, b->found);
    wk_count(&c->reconcile_removed, b->removed);
    if (class == WK_OBJECT_OK) {
        wk_count(&c->reconciles, 1);
        struct wk_log_field fields[] = {{"blocks", NULL, b->found},
                                        {"removed", NULL, b->removed},
                                        {"doubtful", NULL, b->doubtful_count},
                                        {"left_to_probe", NULL, b->doubtful_lost}};
        env->log->event(env, WK_LOG_INFO, "reconcile.done", fields, 4);
    } else if (class != WK_OBJECT_CANCELLED) {
        wk_count(&c->reconcile_failed, 1);
        struct wk_log_field fields[] = {{"blocks", NULL, b->found}, {"reason", err->text, 0}};
        env->log->event(env, WK_LOG_WARN, "reconcile.failed", fields, 2);
    }
}

static void run(struct reconcile *b) {
    struct wk_store *s = b->store;
    struct wk_wave wave;
    struct wk_error err;
    wk_error_clear(&err);
    if (wk_store_space(s, wk_span_text(s->config.ns), &b->space, &err) != WK_OK)
        return;
    if (wk_wave_init(&wave, s, WK_WAVE_REQUESTS_MAX, &err) != WK_OK) {
        wk_store_space_done(s, &b->space);
        return;
    }
    b->wave = &wave;
    uint32_t before = wk_atomic_load_u32(&s->listing, WK_RELAXED, "store.listing");
    b->number = (uint8_t)(before % LISTINGS + 1);
    wk_atomic_store_u32(&s->listing, b->number, WK_RELAXED, "store.listing");
    enum wk_object_class class = list_with_retries(b, &err);
    if (wk_store_can(s, WK_OBJECTS_HEAD)) {
        settle_doubtful(b);
        if (before != 0 && class == WK_OBJECT_OK)
            remove_unlisted(b);
    }
    report(b, class, &err);
    wk_wave_destroy(&wave);
    wk_store_space_done(s, &b->space);
}

static void run_once(struct wk_store *store) {
    struct reconcile *b = wk_alloc(store->env, WK_MEM_IO, sizeof *b);
    if (b == NULL)
        return;
    memset(b, 0, sizeof *b);
    b->store = store;
    run(b);
    wk_release(store->env, WK_MEM_IO, b, sizeof *b);
}

/* A quarter more or less, so that the handles of many hosts do not list at the same time. */
static uint64_t next_run_ns(struct wk_store *store) {
    uint64_t interval = store->config.reconcile_interval_ns;
    uint64_t random;
    store->env->entropy->fill(store->env, &random, sizeof random);
    uint64_t now = wk_now_ns(store->env);
    return wk_add_u64_clamped(now, interval - interval / 4 + random % (interval / 2 + 1));
}

void wk_reconcile_main(void *arg) {
    struct wk_store *store = arg;
    run_once(store);
    while (store->config.reconcile_interval_ns != 0 && wk_store_sleep(store, next_run_ns(store)))
        run_once(store);
}
