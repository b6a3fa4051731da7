/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET and HEAD. A file that is open stays what it is while others replace its name, so a GET is a
 * snapshot as long as nobody writes into the file itself; the size and the time before and after
 * tell about those who do.
 */
#include "base/mark.h"
#include "base/text.h"
#include "env/dir/dir_private.h"

void wk_dir_etag(const struct wk_file_info *info, struct wk_etag *out) {
    size_t length = wk_format(
        out->text, sizeof out->text, "\"%llx-%llx-%llx\"", (unsigned long long)info->inode,
        (unsigned long long)info->modified_ns, (unsigned long long)info->size_bytes);
    out->length = (uint32_t)length;
}

bool wk_dir_etag_equal(const struct wk_etag *a, const struct wk_etag *b) {
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

static enum wk_status not_regular(struct wk_error *err) {
    return wk_fail(err, WK_CORRUPT, "an object's file is a directory, a link or a device");
}

/* Why a file did not open, said for what is there: links and devices fail in ways of their own. */
static enum wk_status open_failed(struct wk_env *env, struct wk_dir *leaf, const char *name,
                                  enum wk_status status, struct wk_error *err) {
    if (status == WK_MISS || status == WK_NO_MEMORY)
        return status;
    struct wk_file_info info;
    if (env->files->info(env, leaf, name, &info, NULL) == WK_OK && info.kind != WK_FILE_REGULAR)
        return not_regular(err);
    return status;
}

static enum wk_status check_info(const struct wk_file_info *info, struct wk_error *err) {
    if (info->kind != WK_FILE_REGULAR)
        return not_regular(err);
    if (info->size_bytes > WK_OBJECT_BODY_BYTES_MAX)
        return wk_fail(err, WK_CORRUPT, "an object's file has %llu bytes, at most %u go",
                       (unsigned long long)info->size_bytes, WK_OBJECT_BODY_BYTES_MAX);
    return WK_OK;
}

/* True when the request's If-None-Match holds; the result is complete then. */
static bool not_modified(const struct wk_dir_call *call) {
    const struct wk_etag *known = call->request->if_none_match;
    if (known == NULL || !wk_dir_etag_equal(known, &call->result->etag))
        return false;
    call->result->class = WK_OBJECT_NOT_MODIFIED;
    return true;
}

/* False when the call ends here, with its class set: stopped in between, or an error. */
static bool read_all(struct wk_dir_call *call, struct wk_file *file, uint8_t *to, size_t size) {
    struct wk_env *env = call->store->env;
    struct wk_object_result *result = call->result;
    for (size_t at = 0; at < size;) {
        if (!wk_object_goes_on(env, call->deadline_ns, call->cancel, result))
            return false;
        size_t step = size - at < WK_DIR_STEP_BYTES ? size - at : WK_DIR_STEP_BYTES;
        size_t got;
        enum wk_status status =
            env->files->pread(env, file, to + at, step, at, &got, &result->error);
        if (status == WK_OK && got < step)
            status = wk_fail(&result->error, WK_CORRUPT,
                             "an object's file became shorter while it was read");
        if (status != WK_OK) {
            result->class = wk_object_class_of(status);
            return false;
        }
        at += step;
    }
    return true;
}

static bool same_file_state(const struct wk_file_info *a, const struct wk_file_info *b) {
    return a->size_bytes == b->size_bytes && a->modified_ns == b->modified_ns;
}

/*
 * Reads until the file was the same before and after: twice at most. A new size is an error at
 * once, because the room for the body was asked for with the old one.
 */
static void read_body(struct wk_dir_call *call, struct wk_file *file, struct wk_file_info *info,
                      uint8_t *to) {
    struct wk_env *env = call->store->env;
    struct wk_object_result *result = call->result;
    for (uint32_t tries = 0; tries < 2; tries++) {
        if (!read_all(call, file, to, (size_t)info->size_bytes))
            return;
        struct wk_file_info after;
        enum wk_status status = env->files->file_info(env, file, &after, &result->error);
        if (status != WK_OK) {
            result->class = wk_object_class_of(status);
            return;
        }
        bool same_size = after.size_bytes == info->size_bytes;
        bool same = same_file_state(info, &after);
        *info = after;
        if (same) {
            result->class = WK_OBJECT_OK;
            return;
        }
        WK_MARK("dir.changed_while_read");
        if (!same_size)
            break;
    }
    (void)wk_fail(&result->error, WK_CORRUPT, "an object's file was written while it was read");
    result->class = WK_OBJECT_CORRUPT;
}

static void describe(struct wk_object_result *result, const struct wk_file_info *info) {
    wk_dir_etag(info, &result->etag);
    result->modified_ns = info->modified_ns;
    result->size_bytes = info->size_bytes;
}

/* The result keeps only what is true of a failed GET. */
static void get_open_file(struct wk_dir_call *call, struct wk_file *file,
                          struct wk_file_info *info) {
    struct wk_object_result *result = call->result;
    const struct wk_object_sink *sink = &call->request->sink;
    describe(result, info);
    result->size_bytes = 0;
    if (not_modified(call))
        return;
    uint8_t *to = sink->reserve(sink->ctx, info->size_bytes);
    if (to == NULL) {
        result->class = WK_OBJECT_CANCELLED;
        (void)wk_fail(&result->error, WK_UNAVAILABLE, "no room for the body");
        return;
    }
    read_body(call, file, info, to);
    if (result->class == WK_OBJECT_OK)
        describe(result, info);
}

/* Everything but a MISS of the name ends in the result, so that only a MISS is checked again. */
static enum wk_status get_step(void *ctx, struct wk_dir *leaf, const char *name,
                               struct wk_error *err) {
    struct wk_dir_call *call = ctx;
    struct wk_env *env = call->store->env;
    struct wk_file *file;
    enum wk_status status = env->files->open(env, leaf, name, WK_OPEN_READ, &file, err);
    if (status != WK_OK)
        return open_failed(env, leaf, name, status, err);
    struct wk_file_info info;
    status = env->files->file_info(env, file, &info, err);
    if (status == WK_OK)
        status = check_info(&info, err);
    if (status == WK_OK)
        get_open_file(call, file, &info);
    env->files->close(env, file);
    return status;
}

static enum wk_status head_step(void *ctx, struct wk_dir *leaf, const char *name,
                                struct wk_error *err) {
    struct wk_dir_call *call = ctx;
    struct wk_env *env = call->store->env;
    struct wk_file_info info;
    enum wk_status status = env->files->info(env, leaf, name, &info, err);
    if (status == WK_OK)
        status = check_info(&info, err);
    if (status != WK_OK)
        return status;
    call->result->class = WK_OBJECT_OK;
    describe(call->result, &info);
    (void)not_modified(call);
    return WK_OK;
}

static void read_with(struct wk_dir_call *call,
                      enum wk_status (*step)(void *ctx, struct wk_dir *leaf, const char *name,
                                             struct wk_error *err)) {
    struct wk_object_result *result = call->result;
    enum wk_status status = wk_dir_in_leaf(call->store, &call->path, step, call, &result->error);
    if (status != WK_OK)
        result->class = wk_object_class_of(status);
    if (result->class == WK_OBJECT_OK || result->class == WK_OBJECT_ABSENT)
        wk_error_clear(&result->error);
}

void wk_dir_get(struct wk_dir_call *call) {
    read_with(call, get_step);
}

void wk_dir_head(struct wk_dir_call *call) {
    read_with(call, head_step);
}
