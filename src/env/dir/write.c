/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PUT and DELETE.
 *
 *     make the leaf directory, its name synced
 *     body -> new file in "~tmp", sync
 *     lock the key's stripe, compare the precondition, rename into the leaf, unlock
 *     sync the leaf
 *
 * Until the rename nothing of a PUT can be seen, so all that fails before it has no effect. After
 * it the outcome is unknown until the last sync has answered: SERVER_ERROR.
 */
#include "base/mark.h"
#include "base/num.h"
#include "env/dir/dir_private.h"

/* Spans of one write call. */
#define WINDOW_SPANS 16u

static void fail(struct wk_dir_call *call, enum wk_status status) {
    call->result->class = wk_object_class_of_mutation(status);
}

/* ---- the body ----------------------------------------------------------------------------- */

/* Where the next write call starts in the body's spans. */
struct cursor {
    size_t span;
    size_t offset;
};

/* Up to WINDOW_SPANS spans and WK_DIR_STEP_BYTES bytes; moves the cursor behind them. */
static size_t fill_window(const struct wk_object_request *request, struct cursor *c,
                          struct wk_span *window, size_t *count) {
    size_t bytes = 0;
    *count = 0;
    while (c->span < request->body_count && *count < WINDOW_SPANS && bytes < WK_DIR_STEP_BYTES) {
        struct wk_span span = request->body[c->span];
        size_t left = span.size - c->offset;
        size_t take = left < WK_DIR_STEP_BYTES - bytes ? left : WK_DIR_STEP_BYTES - bytes;
        if (take > 0)
            window[(*count)++] = wk_span(span.data + c->offset, take);
        bytes += take;
        c->offset += take;
        if (c->offset == span.size) {
            c->span++;
            c->offset = 0;
        }
    }
    return bytes;
}

static bool write_body(struct wk_dir_call *call, struct wk_file *file) {
    struct wk_env *env = call->store->env;
    struct cursor cursor = {0, 0};
    uint64_t at = 0;
    for (;;) {
        struct wk_span window[WINDOW_SPANS];
        size_t count;
        size_t bytes = fill_window(call->request, &cursor, window, &count);
        if (bytes == 0)
            return true;
        if (!wk_object_goes_on(env, call->deadline_ns, call->cancel, call->result))
            return false;
        enum wk_status status =
            env->files->pwrite(env, file, window, count, at, &call->result->error);
        if (status != WK_OK) {
            fail(call, status);
            return false;
        }
        at += bytes;
    }
}

/* The whole body on the disk under a temporary name. */
static bool write_tmp(struct wk_dir_call *call, struct wk_dir_tmp *tmp, struct wk_file_info *info) {
    struct wk_env *env = call->store->env;
    struct wk_error *err = &call->result->error;
    if (!write_body(call, tmp->file))
        return false;
    enum wk_status status = WK_OK;
    if (!WK_PLANTED(27)) /* plant 27 */
        status = env->files->sync(env, tmp->file, err);
    if (status == WK_OK)
        status = env->files->file_info(env, tmp->file, info, err);
    if (status != WK_OK) {
        fail(call, status);
        return false;
    }
    env->files->close(env, tmp->file);
    tmp->file = NULL;
    return wk_object_goes_on(env, call->deadline_ns, call->cancel, call->result);
}

/* ---- preconditions ------------------------------------------------------------------------ */

static bool refuse(struct wk_dir_call *call, const char *why) {
    call->result->class = WK_OBJECT_PRECONDITION_FAILED;
    (void)wk_fail(&call->result->error, WK_CONFLICT, "%s", why);
    return false;
}

/* What is stored now against what the request wants; false with the class set. */
static bool precondition_holds(struct wk_dir_call *call, struct wk_dir *leaf) {
    const struct wk_object_request *request = call->request;
    if (!request->if_absent && request->if_match == NULL)
        return true;
    struct wk_env *env = call->store->env;
    struct wk_file_info info;
    const char *name = call->path.text + call->path.name_at;
    enum wk_status status = env->files->info(env, leaf, name, &info, &call->result->error);
    if (status != WK_OK && status != WK_MISS) {
        fail(call, status);
        return false;
    }
    bool there = status == WK_OK;
    if (request->if_absent && there)
        return refuse(call, "an object is there already");
    if (request->if_match == NULL)
        return true;
    if (!there)
        return refuse(call, "no object is there");
    struct wk_etag etag;
    wk_dir_etag(&info, &etag);
    if (info.kind != WK_FILE_REGULAR || !wk_dir_etag_equal(&etag, request->if_match))
        return refuse(call, "another object is there");
    return true;
}

/*
 * Before the file that is there is replaced or removed: waits until no new file can get the time
 * that it has (WK_DIR_SETTLE_NS). Only objects younger than that wait.
 */
static void settle(struct wk_dir_call *call, struct wk_dir *leaf) {
    struct wk_env *env = call->store->env;
    struct wk_file_info info;
    const char *name = call->path.text + call->path.name_at;
    if (env->files->info(env, leaf, name, &info, NULL) != WK_OK)
        return;
    uint64_t now = env->clock->wall_ns(env);
    if (now < info.modified_ns || now - info.modified_ns >= WK_DIR_SETTLE_NS)
        return;
    WK_MARK("dir.settled");
    uint64_t left = WK_DIR_SETTLE_NS - (now - info.modified_ns);
    uint64_t monotonic = wk_now_ns(env);
    env->clock->sleep_until(env, wk_add_u64_clamped(monotonic, left));
}

/* ---- PUT ---------------------------------------------------------------------------------- */

/* True when the name is in the leaf. With the stripe locked. */
static bool rename_locked(struct wk_dir_call *call, struct wk_dir_tmp *tmp, struct wk_dir *leaf) {
    struct wk_env *env = call->store->env;
    const char *name = call->path.text + call->path.name_at;
    struct wk_error *err = &call->result->error;
    if (!precondition_holds(call, leaf))
        return false;
    enum wk_status status;
    if (call->request->if_absent) {
        status = env->files->rename_new(env, tmp->dir, tmp->name, leaf, name, err);
    } else {
        settle(call, leaf);
        status = env->files->rename(env, tmp->dir, tmp->name, leaf, name, err);
    }
    if (status == WK_OK)
        return true;
    if (status == WK_CONFLICT && call->request->if_absent) {
        WK_MARK("dir.lost_to_third_party");
        return refuse(call, "an object is there already");
    }
    fail(call, status);
    return false;
}

static bool publish(struct wk_dir_call *call, struct wk_dir_tmp *tmp, struct wk_dir *leaf) {
    struct wk_dir_stripe stripe;
    enum wk_status status = wk_dir_stripe_lock(call->store, call->path.hash, call->deadline_ns,
                                               &stripe, &call->result->error);
    if (status != WK_OK) {
        fail(call, status);
        return false;
    }
    bool renamed = rename_locked(call, tmp, leaf);
    wk_dir_stripe_unlock(call->store, &stripe);
    return renamed;
}

/* The name is there; OK only once it survives power loss. */
static void finish(struct wk_dir_call *call, struct wk_dir *leaf) {
    struct wk_object_result *result = call->result;
    struct wk_env *env = call->store->env;
    enum wk_status status = WK_OK;
    if (!WK_PLANTED(26)) /* plant 26 */
        status = env->files->dir_sync(env, leaf, &result->error);
    if (status == WK_OK) {
        result->class = WK_OBJECT_OK;
        wk_error_clear(&result->error);
        return;
    }
    WK_MARK("dir.unknown_outcome");
    result->class = WK_OBJECT_SERVER_ERROR;
}

static void put_in_leaf(struct wk_dir_call *call, struct wk_dir *leaf) {
    struct wk_object_result *result = call->result;
    struct wk_dir_tmp tmp;
    /* Asked early as well, so that a lost race costs no body. */
    if (!precondition_holds(call, leaf))
        return;
    enum wk_status status = wk_dir_tmp_open(call->store, &tmp, &result->error);
    if (status != WK_OK) {
        fail(call, status);
        return;
    }
    struct wk_file_info info;
    bool renamed = write_tmp(call, &tmp, &info) && publish(call, &tmp, leaf);
    wk_dir_tmp_close(call->store, &tmp, renamed);
    if (!renamed)
        return;
    wk_dir_etag(&info, &result->etag);
    result->modified_ns = info.modified_ns;
    result->size_bytes = info.size_bytes;
    finish(call, leaf);
    if (result->class != WK_OBJECT_OK)
        result->etag.length = 0;
}

void wk_dir_put(struct wk_dir_call *call) {
    struct wk_env *env = call->store->env;
    struct wk_dir *leaf;
    enum wk_status status = wk_dir_leaf_make(call->store, &call->path, &leaf, &call->result->error);
    if (status != WK_OK) {
        fail(call, status);
        if (status == WK_MISS)
            (void)wk_fail(&call->result->error, WK_UNAVAILABLE,
                          "the bucket's directory was removed or moved away");
        return;
    }
    put_in_leaf(call, leaf);
    env->files->dir_close(env, leaf);
}

/* ---- DELETE ------------------------------------------------------------------------------- */

/*
 * An absent name is synced too: an earlier DELETE may have removed it and failed to sync, and this
 * one is about to vouch for its absence.
 */
static enum wk_status delete_step(void *ctx, struct wk_dir *leaf, const char *name,
                                  struct wk_error *err) {
    struct wk_dir_call *call = ctx;
    struct wk_env *env = call->store->env;
    if (!precondition_holds(call, leaf))
        return WK_OK;
    settle(call, leaf);
    enum wk_status removed = env->files->remove(env, leaf, name, err);
    if (removed != WK_OK && removed != WK_MISS)
        return removed;
    finish(call, leaf);
    return removed;
}

void wk_dir_delete(struct wk_dir_call *call) {
    struct wk_object_result *result = call->result;
    struct wk_dir_stripe stripe;
    enum wk_status status = wk_dir_stripe_lock(call->store, call->path.hash, call->deadline_ns,
                                               &stripe, &result->error);
    if (status != WK_OK) {
        fail(call, status);
        return;
    }
    result->class = WK_OBJECT_ABSENT; /* a step that ran says more */
    status = wk_dir_in_leaf(call->store, &call->path, delete_step, call, &result->error);
    wk_dir_stripe_unlock(call->store, &stripe);
    if (status != WK_OK && status != WK_MISS) {
        fail(call, status);
    } else if (result->class == WK_OBJECT_ABSENT) {
        /* No directory, so no object either. */
        if (call->request->if_match != NULL)
            (void)refuse(call, "no object is there");
        else
            result->class = WK_OBJECT_OK;
    }
    if (result->class == WK_OBJECT_OK)
        wk_error_clear(&result->error);
}
