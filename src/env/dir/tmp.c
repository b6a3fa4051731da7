/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unfinished bodies live in "~tmp" beside the segments of the bucket, so that a rename never
 * crosses a file system. Their names say who writes them: "<process id>-<32 random hex>".
 */
#include "base/mark.h"
#include "base/text.h"
#include "env/dir/dir_private.h"

#define ENTROPY_BYTES 16u
#define TRIES         4u

static enum wk_status create_once(struct wk_env *env, struct wk_dir_tmp *tmp,
                                  struct wk_error *err) {
    uint8_t random[ENTROPY_BYTES];
    env->entropy->fill(env, random, sizeof random);
    char hex[2 * ENTROPY_BYTES + 1];
    if (WK_PLANTED(28)) /* plant 28 */
        memset(random, 0, sizeof random);
    wk_hex_encode(wk_span(random, sizeof random), hex);
    uint64_t id = env->process->id(env);
    wk_format(tmp->name, sizeof tmp->name, "%llu-%s", (unsigned long long)id, hex);
    uint32_t exclusive = WK_PLANTED(28) ? 0 : WK_OPEN_EXCLUSIVE;
    return env->files->open(env, tmp->dir, tmp->name, WK_OPEN_WRITE | WK_OPEN_CREATE | exclusive,
                            &tmp->file, err);
}

enum wk_status wk_dir_tmp_open(struct wk_dir_store *store, struct wk_dir_tmp *tmp,
                               struct wk_error *err) {
    struct wk_env *env = store->env;
    enum wk_status status = env->files->dir_open(env, store->bucket, WK_DIR_TMP_NAME,
                                                 WK_OPEN_READ | WK_OPEN_CREATE, &tmp->dir, err);
    if (status != WK_OK)
        return status;
    for (uint32_t i = 0; i < TRIES; i++) {
        status = create_once(env, tmp, err);
        if (status != WK_CONFLICT)
            break;
    }
    if (status != WK_OK)
        env->files->dir_close(env, tmp->dir);
    return status;
}

void wk_dir_tmp_close(struct wk_dir_store *store, struct wk_dir_tmp *tmp, bool renamed) {
    struct wk_env *env = store->env;
    if (tmp->file != NULL)
        env->files->close(env, tmp->file);
    if (!renamed)
        (void)env->files->remove(env, tmp->dir, tmp->name, NULL);
    env->files->dir_close(env, tmp->dir);
}

/* ---- what dead processes left -------------------------------------------------------------- */

/* One sweep removes at most so many; the next open takes the rest. */
#define SWEEP_MAX 256u

struct sweep {
    size_t count;
    char names[SWEEP_MAX][64];
};

static bool sweep_collect(void *ctx, const char *name, enum wk_file_kind kind) {
    struct sweep *sweep = ctx;
    size_t length = strlen(name);
    if (kind == WK_FILE_REGULAR && length < sizeof sweep->names[0])
        memcpy(sweep->names[sweep->count++], name, length + 1);
    return sweep->count < SWEEP_MAX;
}

static bool owner_of(const char *name, uint64_t *process_id) {
    const char *dash = strchr(name, '-');
    return dash != NULL && strlen(dash + 1) == (size_t)2 * ENTROPY_BYTES &&
           wk_parse_u64(wk_span(name, (size_t)(dash - name)), process_id);
}

/*
 * Only "no such process" counts as dead. An id that was given to somebody new keeps the file until
 * a later open; a process of another host looks dead here, and the day of age covers it.
 */
static bool is_dead(struct wk_env *env, uint64_t process_id) {
    uint64_t mine = env->process->id(env);
    if (process_id == mine)
        return false;
    struct wk_process_watch *watch;
    enum wk_status status = env->process->watch(env, process_id, &watch, NULL);
    if (status != WK_OK)
        return status == WK_MISS;
    status = env->process->watch_wait(env, watch, 0);
    env->process->watch_close(env, watch);
    return status == WK_OK;
}

/* A clock that stands before the file's time proves nothing, so nothing is removed then. */
static bool is_old(struct wk_env *env, struct wk_dir *dir, const char *name) {
    struct wk_file_info info;
    if (env->files->info(env, dir, name, &info, NULL) != WK_OK || info.modified_ns == 0)
        return false;
    uint64_t now = env->clock->wall_ns(env);
    return now > info.modified_ns && now - info.modified_ns > WK_DIR_TMP_AGE_NS;
}

static void sweep_dir(struct wk_env *env, struct wk_dir *dir, struct sweep *sweep) {
    sweep->count = 0;
    (void)env->files->dir_list(env, dir, sweep_collect, sweep, NULL);
    for (size_t i = 0; i < sweep->count; i++) {
        uint64_t process_id;
        if (!owner_of(sweep->names[i], &process_id) || !is_old(env, dir, sweep->names[i]))
            continue;
        if (!is_dead(env, process_id))
            continue;
        WK_MARK("dir.stale_tmp");
        (void)env->files->remove(env, dir, sweep->names[i], NULL);
    }
}

void wk_dir_tmp_sweep(struct wk_dir_store *store) {
    struct wk_env *env = store->env;
    struct wk_dir *dir;
    if (env->files->dir_open(env, store->bucket, WK_DIR_TMP_NAME, WK_OPEN_READ, &dir, NULL) !=
        WK_OK)
        return;
    struct sweep *sweep = wk_alloc(env, WK_MEM_IO, sizeof *sweep);
    if (sweep != NULL)
        sweep_dir(env, dir, sweep);
    wk_release(env, WK_MEM_IO, sweep, sizeof *sweep);
    env->files->dir_close(env, dir);
}
