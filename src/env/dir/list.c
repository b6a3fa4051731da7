/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LIST: a walk below the deepest directory that the prefix names, without recursion: a stack of
 * paths, each opened from the bucket when its turn comes. The names of one directory are collected
 * first and looked at afterwards, so that no directory is open for reading while entries are
 * handed out.
 *
 * What vanishes meanwhile is left out. What does not decode to a key that is spelled exactly so is
 * somebody else's and is left out too. What may not be read fails the LIST: a silently incomplete
 * answer would look like missing objects.
 */
#include "base/num.h"
#include "env/dir/dir_private.h"

#define FIRST_CAPACITY 1024u

/* Terminated texts one after the other. */
struct texts {
    char *data;
    size_t size;
    size_t capacity;
    bool no_memory;
};

struct names {
    struct texts directories;
    struct texts files;
};

struct walk {
    struct wk_dir_store *store;
    struct wk_span prefix;
    bool (*each)(void *ctx, const struct wk_object_entry *entry);
    void *ctx;
    uint64_t deadline_ns;
    const wk_atomic_u32 *cancel;
    struct wk_error *err;
    struct texts pending; /* paths of directories still to walk */
    struct names names;   /* of the directory at hand */
    struct texts fan;     /* names of its fan-out's first level */
    struct texts leaves;  /* names of the second */
    bool stopped;         /* `each` said so */
    char path[WK_DIR_PATH_BYTES_MAX + 256];
    struct wk_dir_path again;
    char key[WK_OBJECT_KEY_BYTES_MAX + 1];
};

/* ---- texts -------------------------------------------------------------------------------- */

static bool texts_grow(struct wk_env *env, struct texts *t, size_t need) {
    size_t capacity = t->capacity > 0 ? t->capacity : FIRST_CAPACITY;
    while (capacity < need) {
        if (!wk_mul_size(capacity, 2, &capacity))
            return false;
    }
    char *data = wk_alloc(env, WK_MEM_IO, capacity);
    if (data == NULL)
        return false;
    if (t->size > 0)
        memcpy(data, t->data, t->size);
    wk_release(env, WK_MEM_IO, t->data, t->capacity);
    t->data = data;
    t->capacity = capacity;
    return true;
}

static bool texts_add(struct wk_env *env, struct texts *t, const char *text) {
    size_t length = strlen(text) + 1;
    if (length > t->capacity - t->size && !texts_grow(env, t, t->size + length)) {
        t->no_memory = true;
        return false;
    }
    memcpy(t->data + t->size, text, length);
    t->size += length;
    return true;
}

/* Takes the last one off; it stays readable until the next add. */
static const char *texts_pop(struct texts *t) {
    size_t at = t->size - 1;
    while (at > 0 && t->data[at - 1] != 0)
        at--;
    t->size = at;
    return t->data + at;
}

static void texts_free(struct wk_env *env, struct texts *t) {
    wk_release(env, WK_MEM_IO, t->data, t->capacity);
}

/* ---- one directory's names ---------------------------------------------------------------- */

struct collect {
    struct wk_env *env;
    struct texts *directories; /* NULL: not wanted */
    struct texts *files;
};

static bool collect_name(void *ctx, const char *name, enum wk_file_kind kind) {
    struct collect *c = ctx;
    struct texts *to = kind == WK_FILE_DIRECTORY ? c->directories
                       : kind == WK_FILE_REGULAR ? c->files
                                                 : NULL;
    return to == NULL || texts_add(c->env, to, name);
}

static enum wk_status collect(struct walk *w, struct wk_dir *dir, struct texts *directories,
                              struct texts *files) {
    struct wk_env *env = w->store->env;
    struct collect c = {env, directories, files};
    enum wk_status status = env->files->dir_list(env, dir, collect_name, &c, w->err);
    bool no_memory =
        (directories != NULL && directories->no_memory) || (files != NULL && files->no_memory);
    if (no_memory)
        return wk_fail(w->err, WK_NO_MEMORY, "no memory to list objects");
    return status == WK_MISS ? WK_OK : status;
}

/* ---- entries ------------------------------------------------------------------------------ */

static bool has_prefix(struct wk_span text, struct wk_span prefix) {
    return text.size >= prefix.size && wk_span_equal(wk_span(text.data, prefix.size), prefix);
}

/* Puts '/' and `name` behind the first `length` characters of the path; the new length, 0 when it
 * is longer than any path of ours. */
static size_t path_join(struct walk *w, size_t length, const char *name) {
    size_t size = strlen(name);
    size_t at = length;
    if (length + 1 + size >= WK_DIR_PATH_BYTES_MAX)
        return 0;
    if (at > 0)
        w->path[at++] = '/';
    memcpy(w->path + at, name, size + 1);
    return at + size;
}

static enum wk_status emit_file(struct walk *w, struct wk_dir *leaf, const char *name) {
    struct wk_env *env = w->store->env;
    size_t length;
    if (!wk_dir_key_of_path(w->path, w->key, &length) ||
        !has_prefix(wk_span(w->key, length), w->prefix))
        return WK_OK;
    struct wk_file_info info;
    enum wk_status status = env->files->info(env, leaf, name, &info, w->err);
    if (status != WK_OK)
        return status == WK_MISS ? WK_OK : status;
    if (info.kind != WK_FILE_REGULAR)
        return WK_OK;
    struct wk_object_entry entry = {
        .key = w->key, .size_bytes = info.size_bytes, .modified_ns = info.modified_ns};
    wk_dir_etag(&info, &entry.etag);
    w->stopped = !w->each(w->ctx, &entry);
    return WK_OK;
}

static enum wk_object_class goes_on(struct walk *w) {
    return wk_object_list_goes_on(w->store->env, w->deadline_ns, w->cancel, w->err);
}

/* The path up to `length` is that of the leaf. */
static enum wk_object_class emit_leaf(struct walk *w, struct wk_dir *leaf, size_t length) {
    struct texts *files = &w->names.files;
    files->size = 0;
    enum wk_status status = collect(w, leaf, NULL, files);
    while (status == WK_OK && files->size > 0 && !w->stopped) {
        enum wk_object_class class = goes_on(w);
        if (class != WK_OBJECT_OK)
            return class;
        const char *name = texts_pop(files);
        if (path_join(w, length, name) > 0)
            status = emit_file(w, leaf, name);
    }
    return wk_object_class_of(status);
}

/* ---- fan-out and segments ----------------------------------------------------------------- */

/* Opens `name` in `dir`; *out NULL when it is gone or is no directory any more. */
static enum wk_status enter(struct walk *w, struct wk_dir *dir, const char *name,
                            struct wk_dir **out) {
    struct wk_env *env = w->store->env;
    *out = NULL;
    enum wk_status status = env->files->dir_open(env, dir, name, WK_OPEN_READ, out, w->err);
    return status == WK_MISS ? WK_OK : status;
}

static enum wk_object_class walk_fan_first(struct walk *w, struct wk_dir *fan, size_t length) {
    struct wk_env *env = w->store->env;
    w->leaves.size = 0;
    enum wk_object_class class = wk_object_class_of(collect(w, fan, &w->leaves, NULL));
    while (class == WK_OBJECT_OK && w->leaves.size > 0 && !w->stopped) {
        const char *name = texts_pop(&w->leaves);
        if (!wk_dir_is_fan_second(name))
            continue;
        size_t leaf_length = path_join(w, length, name);
        struct wk_dir *leaf;
        class = wk_object_class_of(enter(w, fan, name, &leaf));
        if (leaf == NULL)
            continue;
        if (leaf_length > 0)
            class = emit_leaf(w, leaf, leaf_length);
        env->files->dir_close(env, leaf);
    }
    return class;
}

static enum wk_object_class walk_fans(struct walk *w, struct wk_dir *dir, size_t length) {
    struct wk_env *env = w->store->env;
    enum wk_object_class class = WK_OBJECT_OK;
    while (class == WK_OBJECT_OK && w->fan.size > 0 && !w->stopped) {
        class = goes_on(w);
        if (class != WK_OBJECT_OK)
            break;
        const char *name = texts_pop(&w->fan);
        size_t fan_length = path_join(w, length, name);
        struct wk_dir *fan;
        class = wk_object_class_of(enter(w, dir, name, &fan));
        if (fan == NULL)
            continue;
        if (fan_length > 0)
            class = walk_fan_first(w, fan, fan_length);
        env->files->dir_close(env, fan);
    }
    return class;
}

/* True when some key below the segment directory in w->path may start with the prefix. */
static bool may_match(struct walk *w) {
    size_t length;
    if (!wk_dir_prefix_of_path(w->path, w->key, &length))
        return false;
    size_t common = length < w->prefix.size ? length : w->prefix.size;
    return common == 0 || memcmp(w->key, w->prefix.data, common) == 0;
}

/* Sorts the names of the directory at hand into its fan-out and further segments. */
static enum wk_status sort_directories(struct walk *w, size_t length) {
    struct wk_env *env = w->store->env;
    struct texts *directories = &w->names.directories;
    while (directories->size > 0) {
        const char *name = texts_pop(directories);
        bool added = true;
        if (wk_dir_is_fan_first(name))
            added = texts_add(env, &w->fan, name);
        else if (path_join(w, length, name) > 0 && may_match(w))
            added = texts_add(env, &w->pending, w->path);
        if (!added)
            return wk_fail(w->err, WK_NO_MEMORY, "no memory to list objects");
    }
    return WK_OK;
}

static enum wk_object_class walk_directory(struct walk *w, size_t length) {
    struct wk_dir *dir;
    enum wk_status status = wk_dir_walk(w->store, w->path, length, &dir, w->err);
    if (status != WK_OK)
        return status == WK_MISS ? WK_OBJECT_OK : wk_object_class_of(status);
    w->names.directories.size = 0;
    w->fan.size = 0;
    status = collect(w, dir, &w->names.directories, NULL);
    if (status == WK_OK)
        status = sort_directories(w, length);
    enum wk_object_class class = wk_object_class_of(status);
    if (class == WK_OBJECT_OK)
        class = walk_fans(w, dir, length);
    wk_dir_walk_close(w->store, dir);
    return class;
}

static enum wk_object_class walk(struct walk *w) {
    struct wk_env *env = w->store->env;
    if (!wk_dir_path_of_prefix(w->prefix, &w->again)) {
        (void)wk_fail(w->err, WK_INVALID, "a prefix has %zu bytes, at most %u go", w->prefix.size,
                      WK_OBJECT_KEY_BYTES_MAX);
        return WK_OBJECT_INVALID;
    }
    if (!texts_add(env, &w->pending, w->again.text))
        return wk_object_class_of(wk_fail(w->err, WK_NO_MEMORY, "no memory to list objects"));
    while (w->pending.size > 0 && !w->stopped) {
        enum wk_object_class class = goes_on(w);
        if (class != WK_OBJECT_OK)
            return class;
        const char *path = texts_pop(&w->pending);
        size_t length = strlen(path);
        memcpy(w->path, path, length + 1);
        class = walk_directory(w, length);
        if (class != WK_OBJECT_OK)
            return class;
    }
    wk_error_clear(w->err); /* of what vanished on the way */
    return WK_OBJECT_OK;
}

enum wk_object_class wk_dir_list(struct wk_dir_store *store, const char *prefix,
                                 bool (*each)(void *ctx, const struct wk_object_entry *entry),
                                 void *ctx, uint64_t deadline_ns, const wk_atomic_u32 *cancel,
                                 struct wk_error *err) {
    struct wk_env *env = store->env;
    struct walk *w = wk_alloc(env, WK_MEM_IO, sizeof *w);
    if (w == NULL)
        return wk_object_class_of(wk_fail(err, WK_NO_MEMORY, "no memory to list objects"));
    memset(w, 0, sizeof *w);
    w->store = store;
    w->prefix = wk_span_text(prefix);
    w->each = each;
    w->ctx = ctx;
    w->deadline_ns = deadline_ns;
    w->cancel = cancel;
    w->err = err;
    enum wk_object_class class = walk(w);
    texts_free(env, &w->pending);
    texts_free(env, &w->names.directories);
    texts_free(env, &w->names.files);
    texts_free(env, &w->fan);
    texts_free(env, &w->leaves);
    wk_release(env, WK_MEM_IO, w, sizeof *w);
    return class;
}
