/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store as a whole: open, close, and what lives how long.
 *
 * close() ends the threads, the objects, the index and everything else that only calls need; cache
 * and arena stay while there are leases, and the last release, on whatever thread, frees them.
 */
#include "store/store_impl.h"

#include "base/mark.h"
#include "base/num.h"
#include "base/text.h"
#include "base/utf8.h"
#include "hash/blake3.h"

/* ---- small helpers of the other files ---- */

enum wk_status wk_store_space(struct wk_store *store, struct wk_span ns, struct wk_namespace *out,
                              struct wk_error *err) {
    static const struct wk_reuse unstated = {{{0}}, {{0}}};
    struct wk_namespace space = {.name = ns};
    enum wk_status status = wk_radix_space(store->radix, ns, &store->config.reuse, &space.own, err);
    if (status != WK_OK)
        return status;
    space.unstated = space.own;
    if (!wk_reuse_states_nothing(&store->config.reuse)) {
        status = wk_radix_space(store->radix, ns, &unstated, &space.unstated, err);
        if (status == WK_OK) /* the first one holds the namespace */
            wk_radix_space_release(store->radix, space.unstated);
        else
            wk_radix_space_release(store->radix, space.own);
    }
    if (status != WK_OK)
        return status;
    space.generation = wk_radix_space_generation(store->radix, space.own);
    *out = space;
    return WK_OK;
}

void wk_store_space_done(struct wk_store *store, const struct wk_namespace *space) {
    wk_radix_space_release(store->radix, space->own);
}

void wk_store_name_done(struct wk_named *named) {
    struct wk_span text = wk_span(named->object.text, named->object.length);
    named->key = (struct wk_store_key){.kind = WK_ENTRY_TAIL};
    wk_blake3(&text, 1, named->key.id.bytes);
}

enum wk_status wk_store_name_tail(struct wk_store *store, struct wk_span ns, struct wk_span tip,
                                  struct wk_named *out, struct wk_error *err) {
    enum wk_status status = wk_object_key_raw_tail(store->s3_prefix, ns, tip, &out->object, err);
    if (status != WK_OK)
        return status;
    wk_store_name_done(out);
    char id[WK_HASH_HEX_CHARS + 1];
    wk_hex_encode(wk_span(out->key.id.bytes, WK_HASH_BYTES), id);
    if (wk_utf8_valid(tip))
        wk_format(id, sizeof id, "%.*s", (int)tip.size, (const char *)tip.data);
    wk_format(out->shown, sizeof out->shown, "%s%s", WK_RAW_TAIL_KEY_PREFIX, id);
    return WK_OK;
}

uint64_t wk_store_deadline(uint64_t start_ns, uint64_t bytes, uint64_t caller_deadline_ns) {
    uint64_t seconds = bytes / WK_PROGRESS_BYTES_PER_SEC_MIN + 1;
    uint64_t limit = wk_add_u64_clamped(start_ns, WK_PROGRESS_BASE_NS);
    limit = wk_add_u64_clamped(limit, seconds * WK_NS_PER_S);
    return wk_min_u64(limit, caller_deadline_ns);
}

uint32_t wk_store_recency(struct wk_store *store) {
    uint64_t now = wk_now_ns(store->env);
    return (uint32_t)(store->opened_wall_s + (now - store->opened_ns) / WK_NS_PER_S);
}

bool wk_store_closing(struct wk_store *store) {
    return wk_atomic_load_u32(&store->closing, WK_ACQUIRE, "store.closing") != 0;
}

bool wk_store_sleep(struct wk_store *store, uint64_t until_ns) {
    struct wk_env *env = store->env;
    wk_lock(env, &store->sleep_mutex);
    enum wk_status waited = WK_OK;
    while (waited == WK_OK && !wk_store_closing(store))
        waited = env->threads->cond_wait(env, &store->sleep_cond, &store->sleep_mutex, until_ns);
    wk_unlock(env, &store->sleep_mutex);
    return !wk_store_closing(store);
}

void wk_store_answer(struct wk_block_result *result, struct wk_entry *entry, enum wk_tier tier) {
    result->status = WK_OK;
    result->tier = tier;
    result->bytes = wk_span(entry->bytes, entry->length);
    result->crc32c = entry->crc32c;
    result->pin = entry;
}

void wk_store_answer_status(struct wk_block_result *result, enum wk_status status) {
    *result = (struct wk_block_result){.status = status};
}

void wk_store_log_key(struct wk_store *store, enum wk_log_level level, const char *event,
                      const struct wk_store_key *key, const char *detail) {
    struct wk_env *env = store->env;
    char id[WK_HASH_HEX_CHARS + 1];
    if (env->log->level(env) < level)
        return;
    wk_hex_encode(wk_span(key->id.bytes, WK_HASH_BYTES), id);
    struct wk_log_field fields[] = {
        {key->kind == WK_ENTRY_BLOCK ? "block" : "raw_tail_blake3", id, 0}, {"reason", detail, 0}};
    env->log->event(env, level, event, fields, 2);
}

/* ---- life ---- */

static void release_string(struct wk_env *env, const char *text) {
    if (text != NULL)
        wk_release(env, WK_MEM_HANDLE, (void *)(uintptr_t)text, strlen(text) + 1);
}

static char *copy_string(struct wk_env *env, const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = wk_alloc(env, WK_MEM_HANDLE, bytes);
    if (copy != NULL)
        memcpy(copy, text, bytes);
    return copy;
}

void wk_store_hold(struct wk_store *store, uint64_t leases, uint64_t bytes) {
    wk_count(&store->counters.leases, leases);
    wk_count(&store->counters.leased_bytes, bytes);
    /* Relaxed: the handle that the caller uses is a reference of its own. */
    wk_atomic_add_u64(&store->refs, leases, WK_RELAXED, "store.refs");
}

static void drop_refs(struct wk_store *store, uint64_t refs) {
    struct wk_env *env = store->env;
    /* Acquire-release: whoever frees sees everything that the others did. */
    uint64_t before = wk_atomic_sub_u64(&store->refs, refs, WK_ACQ_REL, "store.refs");
    if (before != refs)
        return;
    wk_cache_destroy(&store->cache);
    wk_release(env, WK_MEM_HANDLE, store, sizeof *store);
}

static void let_go(struct wk_store *store, uint64_t leases, uint64_t bytes) {
    wk_uncount(&store->counters.leases, leases);
    wk_uncount(&store->counters.leased_bytes, bytes);
    drop_refs(store, leases);
}

static void store_release(struct wk_backend *b, const struct wk_block_result *results,
                          size_t count) {
    struct wk_store *store = wk_store_of(b);
    uint64_t leases = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (results[i].status != WK_OK || results[i].pin == NULL)
            continue;
        wk_entry_unpin(&store->cache, results[i].pin);
        leases++;
        bytes += results[i].bytes.size;
    }
    if (leases != 0)
        let_go(store, leases, bytes);
}

/* The parts, in the order in which they are made; taken down in the opposite order. */
enum part {
    PART_NONE,
    PART_STRINGS,
    PART_CACHE,
    PART_RADIX,
    PART_FLIGHTS,
    PART_TURNS,
    PART_PROBE,
    PART_PACE,
    PART_SLEEP_MUTEX,
    PART_ALL
};

static enum wk_status make_strings(struct wk_store *s, const struct wk_store_config *config,
                                   struct wk_error *err) {
    s->config.s3_prefix = copy_string(s->env, config->s3_prefix);
    s->config.ns = copy_string(s->env, config->ns);
    if (s->config.s3_prefix == NULL || s->config.ns == NULL) {
        release_string(s->env, s->config.s3_prefix);
        release_string(s->env, s->config.ns);
        return wk_fail(err, WK_NO_MEMORY, "no memory to open a store");
    }
    s->s3_prefix = wk_span_text(s->config.s3_prefix);
    return WK_OK;
}

static enum wk_status make_radix(struct wk_store *s, struct wk_error *err) {
    struct wk_radix_config config = {.nodes_max = s->config.index_nodes_max};
    s->env->entropy->fill(s->env, &config.hash_seed, sizeof config.hash_seed);
    return wk_radix_create(s->env, &config, &s->radix, err);
}

static enum wk_status make_cache(struct wk_store *s, struct wk_error *err) {
    uint64_t seed;
    s->env->entropy->fill(s->env, &seed, sizeof seed);
    return wk_cache_init(&s->cache, s->env, s->config.ram_bytes, seed, err);
}

static enum wk_status make_part(struct wk_store *s, enum part part,
                                const struct wk_store_config *config, struct wk_error *err) {
    struct wk_env *env = s->env;
    enum wk_status status = WK_OK;
    switch (part) {
    case PART_STRINGS:
        return make_strings(s, config, err);
    case PART_CACHE:
        return make_cache(s, err);
    case PART_RADIX:
        return make_radix(s, err);
    case PART_FLIGHTS:
        status = wk_flights_init(&s->flights, env, &s->cache, &s->epochs);
        break;
    case PART_TURNS:
        status = wk_turns_init(&s->turns, env);
        break;
    case PART_PROBE:
        status = env->threads->mutex_init(env, &s->probe.mutex);
        break;
    case PART_PACE:
        status = wk_pace_init(&s->pace, env, config->retry_budget);
        break;
    case PART_SLEEP_MUTEX:
        status = env->threads->mutex_init(env, &s->sleep_mutex);
        break;
    default:
        status = env->threads->cond_init(env, &s->sleep_cond);
    }
    return status == WK_OK ? WK_OK : wk_fail(err, status, "no memory to open a store");
}

/* Everything but the cache, which goes with the last lease. */
static void take_down_part(struct wk_store *s, enum part part) {
    struct wk_env *env = s->env;
    switch (part) {
    case PART_STRINGS:
        release_string(env, s->config.s3_prefix);
        release_string(env, s->config.ns);
        break;
    case PART_RADIX:
        wk_radix_destroy(s->radix);
        break;
    case PART_FLIGHTS:
        wk_flights_destroy(&s->flights);
        break;
    case PART_TURNS:
        wk_turns_destroy(&s->turns);
        break;
    case PART_PROBE:
        env->threads->mutex_destroy(env, &s->probe.mutex);
        break;
    case PART_PACE:
        wk_pace_destroy(&s->pace);
        break;
    case PART_SLEEP_MUTEX:
        env->threads->mutex_destroy(env, &s->sleep_mutex);
        break;
    case PART_ALL:
        env->threads->cond_destroy(env, &s->sleep_cond);
        break;
    default:
        break;
    }
}

static void worker_start(struct wk_store *s, struct wk_worker *worker, const char *name,
                         void (*entry)(void *arg)) {
    struct wk_error why;
    wk_error_clear(&why);
    if (s->env->threads->start(s->env, name, entry, s, &worker->thread, &why) == WK_OK)
        return;
    /* The store works without: blocks of others are found by the probe, bytes are checked on fill.
     */
    WK_MARK("store.no_worker");
    struct wk_log_field fields[] = {{"thread", name, 0}, {"reason", why.text, 0}};
    s->env->log->event(s->env, WK_LOG_WARN, "store.thread_not_started", fields, 2);
}

static void worker_join(struct wk_store *s, struct wk_worker *worker) {
    if (worker->thread != NULL)
        s->env->threads->join(s->env, worker->thread);
    worker->thread = NULL;
}

static void store_close(struct wk_backend *b) {
    struct wk_store *s = wk_store_of(b);
    struct wk_env *env = s->env;
    wk_lock(env, &s->sleep_mutex);
    wk_atomic_store_u32(&s->closing, 1, WK_RELEASE, "store.closing");
    env->threads->cond_broadcast(env, &s->sleep_cond);
    wk_unlock(env, &s->sleep_mutex);
    wk_pace_wake(&s->pace);
    worker_join(s, &s->reconcile);
    worker_join(s, &s->scrub);
    s->objects->ops->close(s->objects);
    s->objects = NULL;
    for (int part = PART_ALL; part > PART_NONE; part--)
        take_down_part(s, (enum part)part);
    if (WK_PLANTED(8)) /* plant 8 */
        drop_refs(s, wk_atomic_load_u64(&s->counters.leases, WK_RELAXED, "counters"));
    drop_refs(s, 1);
}

/* Nothing is written behind the caller's back: a put returns when it is done. */
static enum wk_status store_flush(struct wk_backend *b, uint64_t deadline_ns, uint64_t *out_pending,
                                  struct wk_error *err) {
    (void)b;
    (void)deadline_ns;
    (void)err;
    *out_pending = 0;
    return WK_OK;
}

static const struct wk_backend_ops store_ops = {
    .lookup = wk_store_lookup,
    .contains = wk_store_contains,
    .get = wk_store_get,
    .put = wk_store_put,
    .get_tail = wk_store_get_tail,
    .put_tail = wk_store_put_tail,
    .get_value = wk_store_get_value,
    .put_value = wk_store_put_value,
    .exists = wk_store_exists,
    .list = wk_store_list,
    .clear = wk_store_clear,
    .restore = wk_store_restore,
    .ready = wk_store_ready,
    .flush = store_flush,
    .stats = wk_store_stats,
    .release = store_release,
    .close = store_close,
};

static enum wk_status make_all(struct wk_store *s, const struct wk_store_config *config,
                               struct wk_error *err) {
    enum wk_status status = wk_object_prefix_check(wk_span_text(config->s3_prefix), err);
    if (status != WK_OK)
        return status;
    for (int part = PART_NONE + 1; part <= PART_ALL; part++) {
        status = make_part(s, (enum part)part, config, err);
        if (status == WK_OK)
            continue;
        while (--part > PART_NONE) {
            take_down_part(s, (enum part)part);
            if (part == PART_CACHE)
                wk_cache_destroy(&s->cache);
        }
        return status;
    }
    return WK_OK;
}

static void configure(struct wk_store *s, const struct wk_store_config *config) {
    s->backend.ops = &store_ops;
    s->config = *config;
    s->config.s3_prefix = s->config.ns = NULL;
    s->objects = config->objects;
    s->opened_ns = wk_now_ns(s->env);
    s->opened_wall_s = s->env->clock->wall_ns(s->env) / WK_NS_PER_S;
    s->parallel = wk_store_can(s, WK_OBJECTS_CONCURRENT) ? config->parallel : 1;
    if (s->parallel == 0)
        s->parallel = 1;
    if (s->parallel > WK_OBJECTS_IN_FLIGHT_MAX)
        s->parallel = WK_OBJECTS_IN_FLIGHT_MAX;
    wk_atomic_store_u64(&s->refs, 1, WK_RELAXED, "store.refs");
}

enum wk_status wk_store_open(struct wk_env *env, const struct wk_store_config *config,
                             struct wk_backend **out, struct wk_error *err) {
    enum wk_status status = WK_NO_MEMORY;
    struct wk_store *s = wk_alloc(env, WK_MEM_HANDLE, sizeof *s);
    if (s == NULL) {
        wk_fail(err, status, "no memory to open a store");
    } else {
        memset(s, 0, sizeof *s);
        s->env = env;
        configure(s, config);
        status = make_all(s, config, err);
    }
    if (status != WK_OK) {
        wk_release(env, WK_MEM_HANDLE, s, sizeof *s);
        config->objects->ops->close(config->objects);
        return status;
    }
    if (wk_store_can(s, WK_OBJECTS_LIST))
        worker_start(s, &s->reconcile, "wk-reconcile", wk_reconcile_main);
    if (config->scrub_interval_ns != 0)
        worker_start(s, &s->scrub, "wk-scrub", wk_scrub_main);
    *out = &s->backend;
    return WK_OK;
}
