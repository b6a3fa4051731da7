/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's table: a batch is spread over the pool, each request becomes a path and goes to its
 * verb. Opening is in open.c, the tree in tree.c, the verbs in read.c, write.c and list.c.
 */
#include "env/dir/dir_private.h"

struct batch {
    struct wk_dir_store *store;
    const struct wk_object_request *requests;
    struct wk_object_result *results;
    uint64_t deadline_ns;
    const wk_atomic_u32 *cancel;
};

static bool invalid(struct wk_object_result *result, const char *why) {
    result->class = WK_OBJECT_INVALID;
    (void)wk_fail(&result->error, WK_INVALID, "%s", why);
    return false;
}

static bool request_ok(const struct wk_object_request *request, struct wk_object_result *result) {
    bool writes = request->verb == WK_OBJECT_PUT || request->verb == WK_OBJECT_DELETE;
    size_t size;
    if (!wk_object_key_ok(request, result))
        return false;
    if (request->verb != WK_OBJECT_PUT && request->if_absent)
        return invalid(result, "only a PUT can ask for absence");
    if (!writes && request->if_match != NULL)
        return invalid(result, "If-Match goes with PUT and DELETE only");
    if (writes && request->if_none_match != NULL)
        return invalid(result, "If-None-Match with an ETag goes with GET and HEAD only");
    if (request->verb == WK_OBJECT_PUT && !wk_object_body_size(request, &size))
        return invalid(result, "an object's body is larger than 256 MiB");
    return true;
}

static void run_verb(struct wk_dir_call *call) {
    switch (call->request->verb) {
    case WK_OBJECT_GET:
        wk_dir_get(call);
        return;
    case WK_OBJECT_PUT:
        wk_dir_put(call);
        return;
    case WK_OBJECT_HEAD:
        wk_dir_head(call);
        return;
    case WK_OBJECT_DELETE:
        wk_dir_delete(call);
        return;
    }
    (void)invalid(call->result, "an object store has no such verb");
}

static void run_one(void *ctx, size_t index) {
    struct batch *batch = ctx;
    struct wk_dir_call call = {
        .store = batch->store,
        .request = &batch->requests[index],
        .result = &batch->results[index],
        .deadline_ns = batch->deadline_ns,
        .cancel = batch->cancel,
    };
    memset(call.result, 0, sizeof *call.result);
    if (!request_ok(call.request, call.result))
        return;
    if (!wk_object_goes_on(batch->store->env, batch->deadline_ns, batch->cancel, call.result))
        return;
    if (wk_dir_path_of_key(wk_span_text(call.request->key), &call.path))
        run_verb(&call);
    else
        (void)invalid(call.result, "a key that has no path");
}

static void store_batch(struct wk_objects *objects, const struct wk_object_request *requests,
                        struct wk_object_result *results, size_t count, uint32_t parallel,
                        uint64_t deadline_ns, const wk_atomic_u32 *cancel) {
    struct wk_dir_store *store = (struct wk_dir_store *)objects;
    struct batch batch = {store, requests, results, deadline_ns, cancel};
    wk_pool_enter(store->pool);
    wk_pool_run(store->pool, count, parallel, run_one, &batch);
    wk_pool_leave(store->pool);
}

static enum wk_object_class store_list(struct wk_objects *objects, const char *prefix,
                                       bool (*each)(void *ctx, const struct wk_object_entry *entry),
                                       void *ctx, uint64_t deadline_ns, const wk_atomic_u32 *cancel,
                                       struct wk_error *err) {
    struct wk_dir_store *store = (struct wk_dir_store *)objects;
    wk_pool_enter(store->pool);
    enum wk_object_class class = wk_dir_list(store, prefix, each, ctx, deadline_ns, cancel, err);
    wk_pool_leave(store->pool);
    return class;
}

static void store_close(struct wk_objects *objects) {
    struct wk_dir_store *store = (struct wk_dir_store *)objects;
    struct wk_env *env = store->env;
    wk_pool_drain(store->pool);
    wk_pool_close(store->pool);
    wk_dir_bases_free(store);
    env->files->dir_close(env, store->bucket);
    env->threads->cond_destroy(env, &store->stripe_free);
    env->threads->mutex_destroy(env, &store->mutex);
    wk_release(env, WK_MEM_IO, store, sizeof *store);
}

const struct wk_objects_ops wk_dir_ops = {store_batch, store_list, store_close};
