/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories: opened one component at a time from the bucket, links never followed.
 *
 * Three or four segments lead to the same few places for every request, so the directories that
 * hold a fan-out ("bases") stay open. A base may have been removed and made again by somebody else
 * since; therefore a MISS below a kept base is checked by a walk from the bucket.
 *
 * Durability rests on one rule (OBJ-20): a directory gets its first entry only after its own name
 * is synced. So when a directory exists, all names above its parent are durable, whoever made it,
 * and one sync of its parent makes its own name durable. A base remembers for which leaves this
 * handle has done that.
 */
#include "base/mark.h"
#include "env/dir/dir_private.h"

#define FAN_LENGTH 3u /* "~3/" before, and "f" after */

struct base {
    struct wk_list link; /* in store->bases; to itself once forgotten */
    struct wk_dir *dir;
    uint32_t refs;
    bool kept;                            /* in the list */
    uint64_t durable[WK_DIR_LEAVES / 64]; /* leaves whose names this handle has synced */
    size_t length;
    char path[];
};

/* ---- walking ------------------------------------------------------------------------------ */

void wk_dir_walk_close(struct wk_dir_store *store, struct wk_dir *dir) {
    if (dir != store->bucket && dir != NULL)
        store->env->files->dir_close(store->env, dir);
}

/* Copies the name at `*at`, which is followed by '/' or ends at `end`, and moves behind it. */
static void take_name(const char *path, size_t end, size_t *at, char name[256]) {
    size_t length = 0;
    while (*at < end && path[*at] != '/')
        name[length++] = path[(*at)++];
    name[length] = 0;
    if (*at < end)
        (*at)++;
}

enum wk_status wk_dir_walk(struct wk_dir_store *store, const char *path, size_t length,
                           struct wk_dir **out, struct wk_error *err) {
    struct wk_env *env = store->env;
    struct wk_dir *dir = store->bucket;
    for (size_t at = 0; at < length;) {
        char name[256];
        take_name(path, length, &at, name);
        struct wk_dir *next;
        enum wk_status status = env->files->dir_open(env, dir, name, WK_OPEN_READ, &next, err);
        wk_dir_walk_close(store, dir);
        if (status != WK_OK)
            return status;
        dir = next;
    }
    *out = dir;
    return WK_OK;
}

/*
 * State of a walk that makes what is missing: `dir` and its parent, and whether the name of `dir`
 * is known to be durable.
 */
struct maker {
    struct wk_dir *parent; /* NULL: `dir` is the bucket */
    struct wk_dir *dir;
    bool durable;
};

static void maker_step(struct wk_dir_store *store, struct maker *m, struct wk_dir *next,
                       bool durable) {
    wk_dir_walk_close(store, m->parent);
    m->parent = m->dir;
    m->dir = next;
    m->durable = durable;
}

static enum wk_status maker_make_durable(struct wk_dir_store *store, struct maker *m,
                                         struct wk_error *err) {
    if (m->durable)
        return WK_OK;
    enum wk_status status = store->env->files->dir_sync(store->env, m->parent, err);
    if (status == WK_OK)
        m->durable = true;
    return status;
}

static enum wk_status maker_enter(struct wk_dir_store *store, struct maker *m, const char *name,
                                  struct wk_error *err) {
    struct wk_env *env = store->env;
    struct wk_dir *next;
    enum wk_status status = env->files->dir_open(env, m->dir, name, WK_OPEN_READ, &next, err);
    if (status == WK_OK) {
        maker_step(store, m, next, false);
        return WK_OK;
    }
    if (status != WK_MISS)
        return status;
    status = maker_make_durable(store, m, err);
    if (status != WK_OK)
        return status;
    status = env->files->dir_open(env, m->dir, name, WK_OPEN_READ | WK_OPEN_CREATE, &next, err);
    if (status != WK_OK)
        return status;
    WK_MARK("dir.made_directory");
    maker_step(store, m, next, false);
    return maker_make_durable(store, m, err);
}

static enum wk_status make_walk(struct wk_dir_store *store, const char *path, size_t length,
                                struct wk_dir **out, struct wk_error *err) {
    struct maker m = {.dir = store->bucket, .durable = true};
    enum wk_status status = WK_OK;
    for (size_t at = 0; at < length && status == WK_OK;) {
        char name[256];
        take_name(path, length, &at, name);
        status = maker_enter(store, &m, name, err);
    }
    if (status == WK_OK)
        status = maker_make_durable(store, &m, err);
    wk_dir_walk_close(store, m.parent);
    if (status != WK_OK) {
        wk_dir_walk_close(store, m.dir);
        return status;
    }
    *out = m.dir;
    return WK_OK;
}

/* ---- bases -------------------------------------------------------------------------------- */

static size_t base_bytes(const struct base *base) {
    return sizeof *base + base->length;
}

static void base_free(struct wk_dir_store *store, struct base *base) {
    wk_dir_walk_close(store, base->dir);
    wk_release(store->env, WK_MEM_IO, base, base_bytes(base));
}

static struct base *base_find(struct wk_dir_store *store, const char *path, size_t length) {
    for (struct wk_list *at = store->bases.next; at != &store->bases; at = at->next) {
        struct base *base = WK_CONTAINER_OF(at, struct base, link);
        if (base->length == length && memcmp(base->path, path, length) == 0)
            return base;
    }
    return NULL;
}

/* With the mutex held. The caller frees it when it was the last one inside. */
static void base_unkeep(struct wk_dir_store *store, struct base *base) {
    if (!base->kept)
        return;
    wk_list_remove(&base->link);
    base->kept = false;
    store->base_count--;
}

static struct base *base_evict_one(struct wk_dir_store *store) {
    for (struct wk_list *at = store->bases.prev; at != &store->bases; at = at->prev) {
        struct base *base = WK_CONTAINER_OF(at, struct base, link);
        if (base->refs == 0) {
            base_unkeep(store, base);
            return base;
        }
    }
    return NULL;
}

/* Keeps `base` unless another thread was first or there is no room; may push an old one out. */
static void base_keep(struct wk_dir_store *store, struct base *base) {
    struct base *out = NULL;
    wk_lock(store->env, &store->mutex);
    bool keep =
        base->length <= WK_DIR_BASE_PATH_MAX && base_find(store, base->path, base->length) == NULL;
    if (keep && store->base_count >= WK_DIR_BASES_MAX) {
        out = base_evict_one(store);
        keep = out != NULL;
    }
    if (keep) {
        wk_list_insert_before(store->bases.next, &base->link);
        base->kept = true;
        store->base_count++;
    }
    wk_unlock(store->env, &store->mutex);
    if (out != NULL)
        base_free(store, out);
}

static struct base *base_take_kept(struct wk_dir_store *store, const struct wk_dir_path *path) {
    wk_lock(store->env, &store->mutex);
    struct base *base = base_find(store, path->text, path->base_length);
    if (base != NULL) {
        base->refs++;
        wk_list_remove(&base->link);
        wk_list_insert_before(store->bases.next, &base->link);
    }
    wk_unlock(store->env, &store->mutex);
    return base;
}

static void base_give_back(struct wk_dir_store *store, struct base *base, bool forget) {
    wk_lock(store->env, &store->mutex);
    if (forget)
        base_unkeep(store, base);
    base->refs--;
    bool last = base->refs == 0 && !base->kept;
    wk_unlock(store->env, &store->mutex);
    if (last)
        base_free(store, base);
}

static enum wk_status base_open(struct wk_dir_store *store, const struct wk_dir_path *path,
                                struct base **out, struct wk_error *err) {
    struct wk_dir *dir;
    enum wk_status status = wk_dir_walk(store, path->text, path->base_length, &dir, err);
    if (status != WK_OK)
        return status;
    struct base *base = wk_alloc(store->env, WK_MEM_IO, sizeof *base + path->base_length);
    if (base == NULL) {
        wk_dir_walk_close(store, dir);
        return wk_fail(err, WK_NO_MEMORY, "no memory for a directory of the object store");
    }
    memset(base, 0, sizeof *base);
    base->dir = dir;
    base->refs = 1;
    base->length = path->base_length;
    memcpy(base->path, path->text, path->base_length);
    wk_list_init(&base->link);
    base_keep(store, base);
    *out = base;
    return WK_OK;
}

void wk_dir_bases_free(struct wk_dir_store *store) {
    while (!wk_list_empty(&store->bases)) {
        struct base *base = WK_CONTAINER_OF(store->bases.next, struct base, link);
        base_unkeep(store, base);
        base_free(store, base);
    }
}

/* ---- leaves ------------------------------------------------------------------------------- */

static uint32_t leaf_number(const struct wk_dir_path *path) {
    return (uint32_t)(path->hash >> 56);
}

/* Both levels of the fan-out, which must be there. */
static enum wk_status leaf_open(struct wk_dir_store *store, struct base *base,
                                const struct wk_dir_path *path, struct wk_dir **fan,
                                struct wk_dir **leaf, struct wk_error *err) {
    struct wk_env *env = store->env;
    size_t at = path->name_at - (FAN_LENGTH + 2);
    size_t end = path->name_at - 1;
    char name[256];
    take_name(path->text, end, &at, name);
    enum wk_status status = env->files->dir_open(env, base->dir, name, WK_OPEN_READ, fan, err);
    if (status != WK_OK)
        return status;
    take_name(path->text, end, &at, name);
    status = env->files->dir_open(env, *fan, name, WK_OPEN_READ, leaf, err);
    if (status != WK_OK)
        env->files->dir_close(env, *fan);
    return status;
}

typedef enum wk_status leaf_step(void *ctx, struct wk_dir *leaf, const char *name,
                                 struct wk_error *err);

static enum wk_status step_in_base(struct wk_dir_store *store, struct base *base,
                                   const struct wk_dir_path *path, leaf_step *step, void *ctx,
                                   struct wk_error *err) {
    struct wk_env *env = store->env;
    struct wk_dir *fan;
    struct wk_dir *leaf;
    enum wk_status status = leaf_open(store, base, path, &fan, &leaf, err);
    if (status != WK_OK)
        return status;
    env->files->dir_close(env, fan);
    status = step(ctx, leaf, path->text + path->name_at, err);
    env->files->dir_close(env, leaf);
    return status;
}

enum wk_status wk_dir_in_leaf(struct wk_dir_store *store, const struct wk_dir_path *path,
                              enum wk_status (*step)(void *ctx, struct wk_dir *leaf,
                                                     const char *name, struct wk_error *err),
                              void *ctx, struct wk_error *err) {
    struct base *base = base_take_kept(store, path);
    if (base != NULL) {
        enum wk_status status = step_in_base(store, base, path, step, ctx, err);
        base_give_back(store, base, status == WK_MISS);
        if (status != WK_MISS)
            return status;
        WK_MARK("dir.miss_checked_again");
    }
    enum wk_status status = base_open(store, path, &base, err);
    if (status != WK_OK)
        return status;
    status = step_in_base(store, base, path, step, ctx, err);
    base_give_back(store, base, false);
    return status;
}

static bool leaf_is_durable(struct wk_dir_store *store, struct base *base, uint32_t leaf) {
    wk_lock(store->env, &store->mutex);
    bool durable = (base->durable[leaf / 64] >> (leaf % 64) & 1) != 0;
    wk_unlock(store->env, &store->mutex);
    return durable;
}

static void leaf_set_durable(struct wk_dir_store *store, struct base *base, uint32_t leaf) {
    wk_lock(store->env, &store->mutex);
    base->durable[leaf / 64] |= 1ull << (leaf % 64);
    wk_unlock(store->env, &store->mutex);
}

/* The common case: everything is there. */
static enum wk_status leaf_make_in_base(struct wk_dir_store *store, struct base *base,
                                        const struct wk_dir_path *path, struct wk_dir **out,
                                        struct wk_error *err) {
    struct wk_env *env = store->env;
    struct wk_dir *fan;
    struct wk_dir *leaf;
    enum wk_status status = leaf_open(store, base, path, &fan, &leaf, err);
    if (status != WK_OK)
        return status;
    if (!leaf_is_durable(store, base, leaf_number(path))) {
        status = env->files->dir_sync(env, fan, err);
        if (status == WK_OK)
            leaf_set_durable(store, base, leaf_number(path));
    }
    env->files->dir_close(env, fan);
    if (status != WK_OK) {
        env->files->dir_close(env, leaf);
        return status;
    }
    *out = leaf;
    return WK_OK;
}

enum wk_status wk_dir_leaf_make(struct wk_dir_store *store, const struct wk_dir_path *path,
                                struct wk_dir **out, struct wk_error *err) {
    struct base *base = base_take_kept(store, path);
    enum wk_status status = WK_OK;
    if (base == NULL)
        status = base_open(store, path, &base, err);
    if (status == WK_OK) {
        status = leaf_make_in_base(store, base, path, out, err);
        base_give_back(store, base, status == WK_MISS);
    }
    if (status != WK_MISS)
        return status;
    return make_walk(store, path->text, path->name_at - 1, out, err);
}
