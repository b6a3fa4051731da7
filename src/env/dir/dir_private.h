/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the directory store only. */
#ifndef WK_ENV_DIR_DIR_PRIVATE_H
#define WK_ENV_DIR_DIR_PRIVATE_H

#include "base/list.h"
#include "env/dir/dir.h"
#include "env/dir/path.h"
#include "env/object_result.h"
#include "env/pool.h"

#define WK_DIR_TMP_NAME  "~tmp"
#define WK_DIR_LOCK_NAME "~lock"

/* Unfinished files of processes that ended are removed by the next open when they are older. */
#define WK_DIR_TMP_AGE_NS (24ull * 3600 * WK_NS_PER_S)

/*
 * A file's place in the file system is free for the next one only this long after its last write.
 * Time stamps advance in steps of up to 10 ms; without the pause a third body could get the inode
 * and the time of the first, hence its ETag.
 */
#define WK_DIR_SETTLE_NS (12ull * WK_NS_PER_MS)

/* One read or write call at most, so that deadline and cancel are looked at in between. */
#define WK_DIR_STEP_BYTES (8u * 1024 * 1024)

/* Open segment directories kept, and the longest path worth keeping. */
#define WK_DIR_BASES_MAX       16u
#define WK_DIR_BASE_PATH_MAX   1024u
#define WK_DIR_LEAVES          (WK_DIR_FAN_DIGITS * WK_DIR_FAN_DIGITS)
#define WK_DIR_STRIPES         64u
#define WK_DIR_THREADS_DEFAULT 8u

struct wk_dir_store {
    struct wk_objects objects; /* first */
    struct wk_env *env;
    struct wk_dir *bucket;
    struct wk_pool *pool;
    struct wk_mutex mutex; /* over everything below */
    struct wk_cond stripe_free;
    uint64_t stripes_held; /* one bit each */
    struct wk_list bases;  /* most recently used first */
    uint32_t base_count;
};

extern const struct wk_objects_ops wk_dir_ops; /* dir.c */

/* What a request is run with. */
struct wk_dir_call {
    struct wk_dir_store *store;
    const struct wk_object_request *request;
    struct wk_object_result *result;
    uint64_t deadline_ns;
    const wk_atomic_u32 *cancel;
    struct wk_dir_path path;
};

/* ---- tree.c: directories ------------------------------------------------------------------ */

/*
 * Runs `step` on the open directory in which the path's file is or would be. A MISS, of the
 * directory or of the step, is only believed after a second try that walks from the bucket anew.
 */
WK_MUST_CHECK enum wk_status wk_dir_in_leaf(
    struct wk_dir_store *store, const struct wk_dir_path *path,
    enum wk_status (*step)(void *ctx, struct wk_dir *leaf, const char *name, struct wk_error *err),
    void *ctx, struct wk_error *err);

/* Opens that directory, made where missing; its name survives power loss from here on. */
WK_MUST_CHECK enum wk_status wk_dir_leaf_make(struct wk_dir_store *store,
                                              const struct wk_dir_path *path, struct wk_dir **out,
                                              struct wk_error *err);

/* A directory below the bucket by its path; "" opens nothing and gives the bucket. Give the result
 * back with wk_dir_walk_close. */
WK_MUST_CHECK enum wk_status wk_dir_walk(struct wk_dir_store *store, const char *path,
                                         size_t length, struct wk_dir **out, struct wk_error *err);
void wk_dir_walk_close(struct wk_dir_store *store, struct wk_dir *dir);

void wk_dir_bases_free(struct wk_dir_store *store);

/* ---- the verbs ---------------------------------------------------------------------------- */

void wk_dir_get(struct wk_dir_call *call);
void wk_dir_head(struct wk_dir_call *call);
void wk_dir_put(struct wk_dir_call *call);
void wk_dir_delete(struct wk_dir_call *call);

enum wk_object_class wk_dir_list(struct wk_dir_store *store, const char *prefix,
                                 bool (*each)(void *ctx, const struct wk_object_entry *entry),
                                 void *ctx, uint64_t deadline_ns, const wk_atomic_u32 *cancel,
                                 struct wk_error *err);

/* "<inode>-<modified ns>-<size>" in hex, in quotes. */
void wk_dir_etag(const struct wk_file_info *info, struct wk_etag *out);
bool wk_dir_etag_equal(const struct wk_etag *a, const struct wk_etag *b);

/* ---- tmp.c -------------------------------------------------------------------------------- */

struct wk_dir_tmp {
    struct wk_dir *dir;
    struct wk_file *file; /* NULL once closed */
    char name[64];
};

/* A new, empty file of ours. */
WK_MUST_CHECK enum wk_status wk_dir_tmp_open(struct wk_dir_store *store, struct wk_dir_tmp *tmp,
                                             struct wk_error *err);
/* Closes; removes the file unless it was renamed away. */
void wk_dir_tmp_close(struct wk_dir_store *store, struct wk_dir_tmp *tmp, bool renamed);
/* Removes what dead processes left. Failures do not matter. */
void wk_dir_tmp_sweep(struct wk_dir_store *store);

/* ---- stripe.c ----------------------------------------------------------------------------- */

/* Mutations of one key run one at a time, between threads and between processes. */
struct wk_dir_stripe {
    uint32_t number;
    struct wk_file *file;
};
WK_MUST_CHECK enum wk_status wk_dir_stripe_lock(struct wk_dir_store *store, uint64_t hash,
                                                uint64_t deadline_ns, struct wk_dir_stripe *stripe,
                                                struct wk_error *err);
void wk_dir_stripe_unlock(struct wk_dir_store *store, struct wk_dir_stripe *stripe);

#endif
