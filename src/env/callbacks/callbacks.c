/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests become calls of the host's functions: GET copies the host's buffer into the sink and
 * gives it back at once, PUT passes one contiguous value. What a host returns is not trusted: a
 * size without a buffer, a size over the limit, a key that is none of ours end in a class, never in
 * a wild read.
 *
 * Hosts that are not thread safe are entered by one thread at a time. The turn is a flag and a
 * condition and not a mutex, because waiting for it must end at the request's deadline even when
 * the host does not come back.
 */
#include "env/callbacks/callbacks.h"

#include "base/mark.h"
#include "base/num.h"
#include "env/object_result.h"
#include "env/pool.h"

#define THREADS_DEFAULT 8u

struct callbacks_store {
    struct wk_objects objects; /* first */
    struct wk_env *env;
    struct wk_objects_callbacks host;
    struct wk_pool *pool;
    struct wk_mutex mutex; /* over `busy` */
    struct wk_cond free;
    bool busy; /* somebody is inside a host that is not thread safe */
};

struct call {
    struct callbacks_store *store;
    const struct wk_object_request *request;
    struct wk_object_result *result;
};

/* ---- turns -------------------------------------------------------------------------------- */

static bool is_thread_safe(const struct callbacks_store *store) {
    return (store->host.flags & WK_CALLBACKS_THREAD_SAFE) != 0;
}

static bool turn_take(struct callbacks_store *store, uint64_t deadline_ns, struct wk_error *err) {
    if (is_thread_safe(store))
        return true;
    struct wk_env *env = store->env;
    enum wk_status status = WK_OK;
    wk_lock(env, &store->mutex);
    while (store->busy && status == WK_OK) {
        WK_MARK("callbacks.turn_waited");
        status = env->threads->cond_wait(env, &store->free, &store->mutex, deadline_ns);
    }
    bool mine = !store->busy;
    if (mine)
        store->busy = true;
    wk_unlock(env, &store->mutex);
    if (!mine)
        (void)wk_fail(err, WK_TIMEOUT, "the host's store was busy until the deadline");
    return mine;
}

static void turn_give(struct callbacks_store *store) {
    if (is_thread_safe(store))
        return;
    struct wk_env *env = store->env;
    wk_lock(env, &store->mutex);
    store->busy = false;
    env->threads->cond_signal(env, &store->free);
    wk_unlock(env, &store->mutex);
}

/* ---- the verbs ---------------------------------------------------------------------------- */

static void answer(struct call *call, enum wk_object_class class, enum wk_status status,
                   const char *text) {
    call->result->class = class;
    if (status != WK_OK && status != WK_MISS)
        (void)wk_fail(&call->result->error, status, "%s", text);
}

/* The class of a host's return value: 0, 1 where that means absent, or an error. */
static enum wk_object_class class_of(struct call *call, int code, bool may_be_absent,
                                     const char *name) {
    if (code == 0)
        return WK_OBJECT_OK;
    if (code == 1 && may_be_absent)
        return WK_OBJECT_ABSENT;
    (void)wk_fail(&call->result->error, WK_UNAVAILABLE, "the host's %s returned %d", name, code);
    return WK_OBJECT_SERVER_ERROR;
}

static void deliver(struct call *call, const uint8_t *value, size_t size) {
    const struct wk_object_sink *sink = &call->request->sink;
    if (size > WK_OBJECT_BODY_BYTES_MAX) {
        answer(call, WK_OBJECT_CORRUPT, WK_CORRUPT, "the host's get returned more than 256 MiB");
        return;
    }
    if (value == NULL && size > 0) {
        answer(call, WK_OBJECT_CORRUPT, WK_CORRUPT, "the host's get returned a size and no bytes");
        return;
    }
    void *to = sink->reserve(sink->ctx, size);
    if (to == NULL) {
        answer(call, WK_OBJECT_CANCELLED, WK_UNAVAILABLE, "no room for the body");
        return;
    }
    if (size > 0)
        memcpy(to, value, size);
    call->result->size_bytes = size;
    call->result->class = WK_OBJECT_OK;
}

static void run_get(struct call *call, const uint8_t *key, size_t key_length) {
    const struct wk_objects_callbacks *host = &call->store->host;
    uint8_t *value = NULL;
    size_t size = 0;
    int code = host->get(host->ctx, key, key_length, &value, &size);
    call->result->class = class_of(call, code, true, "get");
    if (code != 0)
        return;
    deliver(call, value, size);
    if (value != NULL)
        host->free_buf(host->ctx, value);
}

static void run_set(struct call *call, const uint8_t *key, size_t key_length, const uint8_t *value,
                    size_t size) {
    const struct wk_objects_callbacks *host = &call->store->host;
    int code = host->set(host->ctx, key, key_length, value, size);
    call->result->class = class_of(call, code, false, "set");
    if (code == 0)
        call->result->size_bytes = size;
}

/* The host takes one piece, so a body of several is put together first. */
static void run_put(struct call *call, const uint8_t *key, size_t key_length) {
    static const uint8_t nothing;
    const struct wk_object_request *request = call->request;
    struct wk_env *env = call->store->env;
    size_t size;
    if (!wk_object_body_size(request, &size)) {
        answer(call, WK_OBJECT_INVALID, WK_INVALID, "an object's body is larger than 256 MiB");
        return;
    }
    if (size == 0 || request->body_count == 1) {
        run_set(call, key, key_length, size > 0 ? request->body[0].data : &nothing, size);
        return;
    }
    uint8_t *whole = wk_alloc(env, WK_MEM_IO, size);
    if (whole == NULL) {
        answer(call, WK_OBJECT_SERVER_ERROR, WK_NO_MEMORY, "no memory to put a body together");
        return;
    }
    size_t at = 0;
    for (size_t i = 0; i < request->body_count; i++) {
        if (request->body[i].size > 0)
            memcpy(whole + at, request->body[i].data, request->body[i].size);
        at += request->body[i].size;
    }
    run_set(call, key, key_length, whole, size);
    wk_release(env, WK_MEM_IO, whole, size);
}

static void run_head(struct call *call, const uint8_t *key, size_t key_length) {
    const struct wk_objects_callbacks *host = &call->store->host;
    if (host->head == NULL) {
        answer(call, WK_OBJECT_INVALID, WK_INVALID, "the host's store has no head");
        return;
    }
    uint64_t size = 0;
    int code = host->head(host->ctx, key, key_length, &size);
    call->result->class = class_of(call, code, true, "head");
    if (code != 0)
        return;
    if (size > WK_OBJECT_BODY_BYTES_MAX)
        answer(call, WK_OBJECT_CORRUPT, WK_CORRUPT, "the host's head returned more than 256 MiB");
    else
        call->result->size_bytes = size;
}

static void run_delete(struct call *call, const uint8_t *key, size_t key_length) {
    const struct wk_objects_callbacks *host = &call->store->host;
    if (host->del == NULL) {
        answer(call, WK_OBJECT_INVALID, WK_INVALID, "the host's store has no del");
        return;
    }
    int code = host->del(host->ctx, key, key_length);
    call->result->class = class_of(call, code, false, "del");
}

static void run_verb(struct call *call) {
    const uint8_t *key = (const uint8_t *)call->request->key;
    size_t key_length = strlen(call->request->key);
    switch (call->request->verb) {
    case WK_OBJECT_GET:
        run_get(call, key, key_length);
        return;
    case WK_OBJECT_PUT:
        run_put(call, key, key_length);
        return;
    case WK_OBJECT_HEAD:
        run_head(call, key, key_length);
        return;
    case WK_OBJECT_DELETE:
        run_delete(call, key, key_length);
        return;
    }
    answer(call, WK_OBJECT_INVALID, WK_INVALID, "an object store has no such verb");
}

/* ---- batches ------------------------------------------------------------------------------ */

struct batch {
    struct callbacks_store *store;
    const struct wk_object_request *requests;
    struct wk_object_result *results;
    uint64_t deadline_ns;
    const wk_atomic_u32 *cancel;
};

/* Without ETags a condition could only be pretended. */
static bool has_condition(const struct wk_object_request *request) {
    return request->if_absent || request->if_match != NULL || request->if_none_match != NULL;
}

static void run_one(void *ctx, size_t index) {
    struct batch *batch = ctx;
    struct callbacks_store *store = batch->store;
    struct call call = {store, &batch->requests[index], &batch->results[index]};
    memset(call.result, 0, sizeof *call.result);
    if (!wk_object_key_ok(call.request, call.result))
        return;
    if (has_condition(call.request)) {
        answer(&call, WK_OBJECT_INVALID, WK_INVALID, "the host's store knows no conditions");
        return;
    }
    if (!wk_object_goes_on(store->env, batch->deadline_ns, batch->cancel, call.result))
        return;
    if (!turn_take(store, batch->deadline_ns, &call.result->error)) {
        call.result->class = WK_OBJECT_TIMEOUT;
        return;
    }
    run_verb(&call);
    turn_give(store);
}

static void store_batch(struct wk_objects *objects, const struct wk_object_request *requests,
                        struct wk_object_result *results, size_t count, uint32_t parallel,
                        uint64_t deadline_ns, const wk_atomic_u32 *cancel) {
    struct callbacks_store *store = (struct callbacks_store *)objects;
    struct batch batch = {store, requests, results, deadline_ns, cancel};
    wk_pool_enter(store->pool);
    wk_pool_run(store->pool, count, is_thread_safe(store) ? parallel : 1, run_one, &batch);
    wk_pool_leave(store->pool);
}

/* ---- LIST --------------------------------------------------------------------------------- */

struct list {
    struct callbacks_store *store;
    struct wk_span prefix;
    bool (*each)(void *ctx, const struct wk_object_entry *entry);
    void *ctx;
    void *iter;
    struct wk_error *err;
    bool ended;
};

/* One step of the host's iterator, in the form that it offers. */
struct step {
    uint8_t *key;
    size_t key_length;
    uint8_t *value;
    size_t value_size;
    uint64_t size;
};

static int next(struct list *list, struct step *step) {
    const struct wk_objects_callbacks *host = &list->store->host;
    *step = (struct step){NULL, 0, NULL, 0, 0};
    if (host->iter_keys_next != NULL) {
        int code = host->iter_keys_next(list->iter, &step->key, &step->key_length, &step->size);
        if ((host->flags & WK_CALLBACKS_KEY_SIZES) == 0)
            step->size = 0;
        return code;
    }
    int code =
        host->iter_next(list->iter, &step->key, &step->key_length, &step->value, &step->value_size);
    step->size = step->value_size;
    return code;
}

/* Keys that no request could name, and those outside the prefix, are not ours. */
static bool is_ours(const struct list *list, const struct step *step) {
    return step->key != NULL && step->key_length > 0 &&
           step->key_length <= WK_OBJECT_KEY_BYTES_MAX &&
           memchr(step->key, 0, step->key_length) == NULL &&
           step->key_length >= list->prefix.size &&
           wk_span_equal(wk_span(step->key, list->prefix.size), list->prefix);
}

static void hand_out(struct list *list, const struct step *step) {
    if (!is_ours(list, step))
        return;
    char key[WK_OBJECT_KEY_BYTES_MAX + 1];
    memcpy(key, step->key, step->key_length);
    key[step->key_length] = 0;
    struct wk_object_entry entry = {.key = key, .size_bytes = step->size};
    list->ended = !list->each(list->ctx, &entry);
}

static enum wk_object_class take_step(struct list *list) {
    const struct wk_objects_callbacks *host = &list->store->host;
    struct step step;
    int code = next(list, &step);
    if (code == 1) {
        list->ended = true;
        return WK_OBJECT_OK;
    }
    if (code != 0) {
        (void)wk_fail(list->err, WK_UNAVAILABLE, "the host's iterator returned %d", code);
        return WK_OBJECT_SERVER_ERROR;
    }
    enum wk_object_class class = WK_OBJECT_OK;
    if ((step.key == NULL && step.key_length > 0) || (step.value == NULL && step.value_size > 0)) {
        (void)wk_fail(list->err, WK_CORRUPT, "the host's iterator returned a size and no bytes");
        class = WK_OBJECT_CORRUPT;
    } else {
        hand_out(list, &step);
    }
    if (step.key != NULL)
        host->free_buf(host->ctx, step.key);
    if (step.value != NULL)
        host->free_buf(host->ctx, step.value);
    return class;
}

static enum wk_object_class run_list(struct list *list, uint64_t deadline_ns,
                                     const wk_atomic_u32 *cancel) {
    const struct wk_objects_callbacks *host = &list->store->host;
    list->iter = host->iter_create(host->ctx, list->prefix.data, list->prefix.size, 0);
    if (list->iter == NULL) {
        (void)wk_fail(list->err, WK_UNAVAILABLE, "the host's iter_create returned NULL");
        return WK_OBJECT_SERVER_ERROR;
    }
    enum wk_object_class class = WK_OBJECT_OK;
    while (class == WK_OBJECT_OK && !list->ended) {
        class = wk_object_list_goes_on(list->store->env, deadline_ns, cancel, list->err);
        if (class == WK_OBJECT_OK)
            class = take_step(list);
    }
    host->iter_free(list->iter);
    return class;
}

static enum wk_object_class list_entered(struct list *list, uint64_t deadline_ns,
                                         const wk_atomic_u32 *cancel) {
    struct callbacks_store *store = list->store;
    if (store->host.iter_create == NULL) {
        (void)wk_fail(list->err, WK_INVALID, "the host's store has no iterator");
        return WK_OBJECT_INVALID;
    }
    enum wk_object_class class = wk_object_list_goes_on(store->env, deadline_ns, cancel, list->err);
    if (class != WK_OBJECT_OK)
        return class;
    if (!turn_take(store, deadline_ns, list->err))
        return WK_OBJECT_TIMEOUT;
    class = run_list(list, deadline_ns, cancel);
    turn_give(store);
    return class;
}

static enum wk_object_class store_list(struct wk_objects *objects, const char *prefix,
                                       bool (*each)(void *ctx, const struct wk_object_entry *entry),
                                       void *ctx, uint64_t deadline_ns, const wk_atomic_u32 *cancel,
                                       struct wk_error *err) {
    struct callbacks_store *store = (struct callbacks_store *)objects;
    struct list list = {
        .store = store, .prefix = wk_span_text(prefix), .each = each, .ctx = ctx, .err = err};
    wk_pool_enter(store->pool);
    enum wk_object_class class = list_entered(&list, deadline_ns, cancel);
    wk_pool_leave(store->pool);
    return class;
}

/* ---- open and close ----------------------------------------------------------------------- */

static void free_store(struct callbacks_store *store) {
    struct wk_env *env = store->env;
    env->threads->cond_destroy(env, &store->free);
    env->threads->mutex_destroy(env, &store->mutex);
    wk_release(env, WK_MEM_IO, store, sizeof *store);
}

static void store_close(struct wk_objects *objects) {
    struct callbacks_store *store = (struct callbacks_store *)objects;
    wk_pool_drain(store->pool);
    wk_pool_close(store->pool);
    free_store(store);
}

static const struct wk_objects_ops callbacks_ops = {store_batch, store_list, store_close};

/*
 * The members that the host's structure has as a whole: it may be cut anywhere by an older host,
 * never in the middle of a pointer by our reading.
 */
static bool copy_host(const struct wk_objects_callbacks *from, struct wk_objects_callbacks *to,
                      struct wk_error *err) {
    size_t head = offsetof(struct wk_objects_callbacks, ctx);
    memset(to, 0, sizeof *to);
    if (from->size < head) {
        (void)wk_fail(err, WK_INVALID, "callbacks: size is %u, set it to the structure's sizeof",
                      from->size);
        return false;
    }
    size_t size = from->size < sizeof *to ? from->size : sizeof *to;
    size -= (size - head) % sizeof(void *);
    memcpy(to, from, size);
    return true;
}

static enum wk_status check_host(const struct wk_objects_callbacks *host, struct wk_error *err) {
    const char *get = host->get == NULL ? " get" : "";
    const char *set = host->set == NULL ? " set" : "";
    const char *free_buf = host->free_buf == NULL ? " free_buf" : "";
    if (*get != 0 || *set != 0 || *free_buf != 0)
        return wk_fail(err, WK_INVALID, "callbacks: missing:%s%s%s", get, set, free_buf);
    bool any = host->iter_create != NULL || host->iter_next != NULL || host->iter_free != NULL ||
               host->iter_keys_next != NULL;
    bool all = host->iter_create != NULL && host->iter_next != NULL && host->iter_free != NULL;
    if (any && !all)
        return wk_fail(err, WK_INVALID,
                       "callbacks: an iterator needs iter_create, iter_next and iter_free");
    uint32_t known = WK_CALLBACKS_THREAD_SAFE | WK_CALLBACKS_KEY_SIZES;
    if ((host->flags & ~known) != 0)
        return wk_fail(err, WK_INVALID, "callbacks: unknown flags 0x%x", host->flags & ~known);
    return WK_OK;
}

static uint32_t caps_of(const struct wk_objects_callbacks *host) {
    uint32_t caps = 0;
    if ((host->flags & WK_CALLBACKS_THREAD_SAFE) != 0)
        caps |= WK_OBJECTS_CONCURRENT;
    if (host->head != NULL)
        caps |= WK_OBJECTS_HEAD;
    if (host->iter_create != NULL)
        caps |= WK_OBJECTS_LIST;
    if (host->iter_create != NULL &&
        (host->iter_keys_next == NULL || (host->flags & WK_CALLBACKS_KEY_SIZES) != 0))
        caps |= WK_OBJECTS_LIST_SIZES;
    return caps;
}

static enum wk_status init_sync(struct callbacks_store *store, struct wk_error *err) {
    struct wk_env *env = store->env;
    enum wk_status status = env->threads->mutex_init(env, &store->mutex);
    if (status == WK_OK) {
        status = env->threads->cond_init(env, &store->free);
        if (status == WK_OK)
            return WK_OK;
        env->threads->mutex_destroy(env, &store->mutex);
    }
    return wk_fail(err, status, "no lock for an object store");
}

static enum wk_status open_checked(struct wk_env *env, const struct wk_objects_callbacks *host,
                                   uint32_t threads, struct wk_objects **out,
                                   struct wk_error *err) {
    struct callbacks_store *store = wk_alloc(env, WK_MEM_IO, sizeof *store);
    if (store == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for an object store");
    memset(store, 0, sizeof *store);
    store->env = env;
    store->host = *host;
    store->objects.ops = &callbacks_ops;
    store->objects.caps = caps_of(host);
    enum wk_status status = init_sync(store, err);
    if (status != WK_OK) {
        wk_release(env, WK_MEM_IO, store, sizeof *store);
        return status;
    }
    if (threads == 0)
        threads = THREADS_DEFAULT;
    status = wk_pool_open(env, "wk-callbacks", threads, &store->pool, err);
    if (status != WK_OK) {
        free_store(store);
        return status;
    }
    *out = &store->objects;
    return WK_OK;
}

enum wk_status wk_callbacks_objects_open(struct wk_env *env, const struct wk_objects_config *config,
                                         struct wk_objects **out, struct wk_error *err) {
    struct wk_objects_callbacks host;
    if (!copy_host(config->callbacks, &host, err))
        return WK_INVALID;
    enum wk_status status = check_host(&host, err);
    if (status != WK_OK)
        return status;
    return open_checked(env, &host, config->threads, out, err);
}
