/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening: "file:///a/b" and a bucket -> the open directory /a/b/<bucket>, made where missing, and
 * proof that it can be written. Every directory made here is synced into its parent before it gets
 * an entry of its own (OBJ-20).
 */
#include "base/text.h"
#include "env/dir/dir_private.h"

struct root_path {
    size_t length;
    char text[WK_VAR_BYTES_MAX];
};

/* ---- the endpoint's path ------------------------------------------------------------------- */

/* The next component behind `*at`, without slashes; empty at the end. */
static struct wk_span next_component(const char **at) {
    const char *from = *at;
    while (*from == '/')
        from++;
    const char *to = from;
    while (*to != 0 && *to != '/')
        to++;
    *at = to;
    return wk_span(from, (size_t)(to - from));
}

/* "//a/./b/" -> "/a/b". "" means "/". ".." is refused: links make it mean something else. */
static enum wk_status clean_path(const char *path, struct root_path *out, struct wk_error *err) {
    out->length = 0;
    for (;;) {
        struct wk_span name = next_component(&path);
        if (name.size == 0)
            break;
        if (wk_span_equal(name, wk_span_text(".")))
            continue;
        if (wk_span_equal(name, wk_span_text("..")))
            return wk_fail(err, WK_INVALID, "the path must not contain \"..\"");
        if (out->length + 1 + name.size >= sizeof out->text)
            return wk_fail(err, WK_INVALID, "the path is too long");
        out->text[out->length++] = '/';
        memcpy(out->text + out->length, name.data, name.size);
        out->length += name.size;
    }
    out->text[out->length] = 0;
    return WK_OK;
}

static enum wk_status parse_endpoint(const char *endpoint, struct root_path *out,
                                     struct wk_error *err) {
    size_t scheme = strlen(WK_DIR_SCHEME);
    if (endpoint == NULL || strncmp(endpoint, WK_DIR_SCHEME, scheme) != 0 ||
        endpoint[scheme] != '/')
        return wk_fail(err, WK_INVALID, "want file:///absolute/directory");
    return clean_path(endpoint + scheme, out, err);
}

/* ---- the directories ----------------------------------------------------------------------- */

static enum wk_status open_prefix(struct wk_env *env, const struct root_path *path, size_t length,
                                  struct wk_dir **out, struct wk_error *err) {
    char text[WK_VAR_BYTES_MAX];
    memcpy(text, path->text, length);
    text[length] = 0;
    return env->files->dir_open(env, NULL, length == 0 ? "/" : text, WK_OPEN_READ, out, err);
}

static size_t parent_length(const struct root_path *path, size_t length) {
    while (length > 0 && path->text[length - 1] != '/')
        length--;
    return length > 0 ? length - 1 : 0;
}

/*
 * An existing directory may have been made by a process that died before its sync. Its parent may
 * not be ours to read; whoever made such a tree also sees to its being there.
 */
static void sync_parent(struct wk_env *env, const struct root_path *path, size_t length) {
    struct wk_dir *parent;
    if (length == 0 || open_prefix(env, path, parent_length(path, length), &parent, NULL) != WK_OK)
        return;
    (void)env->files->dir_sync(env, parent, NULL);
    env->files->dir_close(env, parent);
}

/* Opens or makes `name` in `*dir`, syncs it into `*dir`, and puts it in the place of `*dir`. */
static enum wk_status descend(struct wk_env *env, struct wk_dir **dir, const char *name,
                              struct wk_error *err) {
    struct wk_dir *next;
    enum wk_status status =
        env->files->dir_open(env, *dir, name, WK_OPEN_READ | WK_OPEN_CREATE, &next, err);
    if (status != WK_OK)
        return status;
    status = env->files->dir_sync(env, *dir, err);
    env->files->dir_close(env, *dir);
    *dir = next;
    return status;
}

static enum wk_status make_below(struct wk_env *env, const struct root_path *path, size_t length,
                                 struct wk_dir **dir, struct wk_error *err) {
    const char *at = path->text + length;
    for (;;) {
        struct wk_span component = next_component(&at);
        if (component.size == 0)
            return WK_OK;
        char name[256];
        if (component.size >= sizeof name)
            return wk_fail(err, WK_INVALID, "a name in the path is too long");
        memcpy(name, component.data, component.size);
        name[component.size] = 0;
        enum wk_status status = descend(env, dir, name, err);
        if (status != WK_OK)
            return status;
    }
}

static enum wk_status open_root(struct wk_env *env, const struct root_path *path,
                                struct wk_dir **out, struct wk_error *err) {
    size_t length = path->length;
    struct wk_dir *dir;
    enum wk_status status = open_prefix(env, path, length, &dir, err);
    while (status == WK_MISS && length > 0) {
        length = parent_length(path, length);
        status = open_prefix(env, path, length, &dir, err);
    }
    if (status != WK_OK)
        return status;
    sync_parent(env, path, length);
    status = make_below(env, path, length, &dir, err);
    if (status == WK_OK)
        *out = dir;
    else
        env->files->dir_close(env, dir);
    return status;
}

static enum wk_status open_bucket(struct wk_env *env, const struct root_path *path,
                                  const char *bucket, struct wk_dir **out, struct wk_error *err) {
    char name[WK_DIR_PIECE_BYTES_MAX + 1];
    if (bucket == NULL || bucket[0] == 0)
        return wk_fail(err, WK_INVALID, "a bucket is required");
    if (!wk_dir_name_of_bucket(wk_span_text(bucket), name))
        return wk_fail(err, WK_INVALID, "the bucket's name is too long");
    struct wk_dir *dir;
    enum wk_status status = open_root(env, path, &dir, err);
    if (status != WK_OK)
        return status;
    status = descend(env, &dir, name, err);
    if (status == WK_OK)
        *out = dir;
    else
        env->files->dir_close(env, dir);
    return status;
}

/*
 * A store that cannot be written is refused now and not at its first put. A full disk may become
 * empty again and can be read meanwhile, so that is no reason.
 */
static enum wk_status check_writable(struct wk_dir_store *store, struct wk_error *err) {
    struct wk_env *env = store->env;
    struct wk_dir_tmp tmp;
    enum wk_status status = wk_dir_tmp_open(store, &tmp, err);
    if (status == WK_OK)
        wk_dir_tmp_close(store, &tmp, false);
    else if (status != WK_NO_SPACE)
        return status;
    /* Two keys must not be one file: "~TMP" is there only where case does not count. */
    struct wk_file_info info;
    if (env->files->info(env, store->bucket, "~TMP", &info, NULL) == WK_OK)
        return wk_fail(err, WK_INVALID,
                       "the file system does not tell upper from lower case in names");
    return WK_OK;
}

/* ---- the store ----------------------------------------------------------------------------- */

static enum wk_status init_sync(struct wk_dir_store *store, struct wk_error *err) {
    struct wk_env *env = store->env;
    enum wk_status status = env->threads->mutex_init(env, &store->mutex);
    if (status == WK_OK) {
        status = env->threads->cond_init(env, &store->stripe_free);
        if (status == WK_OK)
            return WK_OK;
        env->threads->mutex_destroy(env, &store->mutex);
    }
    return wk_fail(err, status, "no lock for an object store");
}

static enum wk_status start(struct wk_dir_store *store, uint32_t threads, struct wk_error *err) {
    struct wk_env *env = store->env;
    enum wk_status status = check_writable(store, err);
    if (status != WK_OK)
        return status;
    wk_dir_tmp_sweep(store);
    status = init_sync(store, err);
    if (status != WK_OK)
        return status;
    if (threads == 0)
        threads = WK_DIR_THREADS_DEFAULT;
    status = wk_pool_open(env, "wk-dir", threads, &store->pool, err);
    if (status != WK_OK) {
        env->threads->cond_destroy(env, &store->stripe_free);
        env->threads->mutex_destroy(env, &store->mutex);
    }
    return status;
}

static enum wk_status open_store(struct wk_env *env, const struct wk_objects_config *config,
                                 struct wk_objects **out, struct wk_error *err) {
    struct root_path path;
    enum wk_status status = parse_endpoint(config->endpoint, &path, err);
    if (status != WK_OK)
        return status;
    struct wk_dir_store *store = wk_alloc(env, WK_MEM_IO, sizeof *store);
    if (store == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for an object store");
    memset(store, 0, sizeof *store);
    store->env = env;
    store->objects.ops = &wk_dir_ops;
    store->objects.caps = WK_OBJECTS_ETAG | WK_OBJECTS_CONDITIONAL | WK_OBJECTS_HEAD |
                          WK_OBJECTS_LIST | WK_OBJECTS_LIST_SIZES | WK_OBJECTS_CONCURRENT;
    wk_list_init(&store->bases);
    status = open_bucket(env, &path, config->bucket, &store->bucket, err);
    if (status == WK_OK) {
        status = start(store, config->threads, err);
        if (status == WK_OK) {
            *out = &store->objects;
            return WK_OK;
        }
        env->files->dir_close(env, store->bucket);
    }
    wk_release(env, WK_MEM_IO, store, sizeof *store);
    return status;
}

enum wk_status wk_dir_objects_open(struct wk_env *env, const struct wk_objects_config *config,
                                   struct wk_objects **out, struct wk_error *err) {
    enum wk_status status = open_store(env, config, out, err);
    if (status == WK_OK)
        return WK_OK;
    char endpoint[256];
    wk_quote(wk_span_text(config->endpoint != NULL ? config->endpoint : ""), endpoint,
             sizeof endpoint);
    wk_error_prefix(err, "object store %s", endpoint);
    return status;
}
