/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks by key, 64 stripes. Between threads of this handle a bit in the store; between handles and
 * processes a lock on the file "~lock/<stripe>", which is only ever tried, so waiting for another
 * process is polling with a growing pause.
 *
 * All mutations take it, not only conditional ones: a plain PUT between somebody's comparison and
 * rename would be lost otherwise.
 */
#include "base/mark.h"
#include "base/num.h"
#include "base/text.h"
#include "env/dir/dir_private.h"

#define PAUSE_MIN_NS (50 * WK_NS_PER_US)
#define PAUSE_MAX_NS (5 * WK_NS_PER_MS)

static enum wk_status bit_take(struct wk_dir_store *store, uint32_t number, uint64_t deadline_ns) {
    struct wk_env *env = store->env;
    uint64_t bit = 1ull << number;
    enum wk_status status = WK_OK;
    wk_lock(env, &store->mutex);
    while ((store->stripes_held & bit) != 0 && status == WK_OK) {
        WK_MARK("dir.stripe_contended");
        status = env->threads->cond_wait(env, &store->stripe_free, &store->mutex, deadline_ns);
    }
    /* Freed in the very moment the wait ended: ours. */
    if ((store->stripes_held & bit) == 0) {
        store->stripes_held |= bit;
        status = WK_OK;
    }
    wk_unlock(env, &store->mutex);
    return status;
}

static void bit_drop(struct wk_dir_store *store, uint32_t number) {
    struct wk_env *env = store->env;
    wk_lock(env, &store->mutex);
    store->stripes_held &= ~(1ull << number);
    env->threads->cond_broadcast(env, &store->stripe_free);
    wk_unlock(env, &store->mutex);
}

static enum wk_status file_open(struct wk_dir_store *store, uint32_t number, struct wk_file **out,
                                struct wk_error *err) {
    struct wk_env *env = store->env;
    struct wk_dir *dir;
    enum wk_status status = env->files->dir_open(env, store->bucket, WK_DIR_LOCK_NAME,
                                                 WK_OPEN_READ | WK_OPEN_CREATE, &dir, err);
    if (status != WK_OK)
        return status;
    char name[8];
    wk_format(name, sizeof name, "%02x", number);
    status =
        env->files->open(env, dir, name, WK_OPEN_READ | WK_OPEN_WRITE | WK_OPEN_CREATE, out, err);
    env->files->dir_close(env, dir);
    return status;
}

static enum wk_status file_lock(struct wk_env *env, struct wk_file *file, uint64_t deadline_ns,
                                struct wk_error *err) {
    uint64_t pause_ns = PAUSE_MIN_NS;
    for (;;) {
        enum wk_status status = env->files->lock(env, file, err);
        if (status != WK_CONFLICT)
            return status;
        WK_MARK("dir.stripe_of_other_process");
        uint64_t now = wk_now_ns(env);
        if (now >= deadline_ns)
            return wk_fail(err, WK_TIMEOUT,
                           "another process held the lock of this key until the deadline");
        uint64_t until = wk_min_u64(wk_add_u64_clamped(now, pause_ns), deadline_ns);
        env->clock->sleep_until(env, until);
        pause_ns = wk_min_u64(2 * pause_ns, PAUSE_MAX_NS);
    }
}

enum wk_status wk_dir_stripe_lock(struct wk_dir_store *store, uint64_t hash, uint64_t deadline_ns,
                                  struct wk_dir_stripe *stripe, struct wk_error *err) {
    struct wk_env *env = store->env;
    stripe->number = (uint32_t)(hash % WK_DIR_STRIPES);
    if (bit_take(store, stripe->number, deadline_ns) != WK_OK)
        return wk_fail(err, WK_TIMEOUT, "another write of this key lasted until the deadline");
    enum wk_status status = file_open(store, stripe->number, &stripe->file, err);
    if (status == WK_OK) {
        status = file_lock(env, stripe->file, deadline_ns, err);
        if (status == WK_OK)
            return WK_OK;
        env->files->close(env, stripe->file);
    }
    bit_drop(store, stripe->number);
    return status;
}

void wk_dir_stripe_unlock(struct wk_dir_store *store, struct wk_dir_stripe *stripe) {
    store->env->files->close(store->env, stripe->file);
    bit_drop(store, stripe->number);
}
