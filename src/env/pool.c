/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mutex, a list of open runs, two conditions. A run lives on its caller's stack: it is in the
 * list while it has numbers left to give, and its caller leaves only when no worker is inside.
 * Items are requests that read or sync files, so a mutex per number given out does not show.
 */
#include "env/pool.h"

#include "base/list.h"
#include "base/mark.h"

struct run {
    struct wk_list link;
    void (*item)(void *ctx, size_t index);
    void *ctx;
    size_t next;
    size_t count;
    uint32_t helpers; /* workers inside */
    uint32_t helpers_max;
};

struct wk_pool {
    struct wk_env *env;
    const char *name;
    struct wk_mutex mutex; /* over everything below */
    struct wk_cond work;   /* workers: a run came, or closing */
    struct wk_cond done;   /* callers: a worker left a run; close: the last user left */
    struct wk_list runs;
    uint32_t users;
    uint32_t idle;
    uint32_t workers;
    uint32_t workers_max;
    bool closing;
    struct wk_thread *threads[WK_OBJECTS_IN_FLIGHT_MAX];
};

static bool run_wants_help(const struct run *run) {
    return run->next < run->count && run->helpers < run->helpers_max;
}

static struct run *find_run(struct wk_pool *pool) {
    for (struct wk_list *at = pool->runs.next; at != &pool->runs; at = at->next) {
        struct run *run = WK_CONTAINER_OF(at, struct run, link);
        if (run_wants_help(run))
            return run;
    }
    return NULL;
}

/* With the mutex held, which is let go around each item. */
static void take_items(struct wk_pool *pool, struct run *run) {
    while (run->next < run->count) {
        size_t index = run->next++;
        wk_unlock(pool->env, &pool->mutex);
        run->item(run->ctx, index);
        wk_lock(pool->env, &pool->mutex);
    }
}

static void worker_main(void *arg) {
    struct wk_pool *pool = arg;
    struct wk_env *env = pool->env;
    wk_lock(env, &pool->mutex);
    for (;;) {
        struct run *run = find_run(pool);
        if (run != NULL) {
            run->helpers++;
            take_items(pool, run);
            run->helpers--;
            if (run->helpers == 0)
                env->threads->cond_broadcast(env, &pool->done);
        } else if (pool->closing) {
            break;
        } else {
            pool->idle++;
            (void)env->threads->cond_wait(env, &pool->work, &pool->mutex, WK_FOREVER);
            pool->idle--;
        }
    }
    wk_unlock(env, &pool->mutex);
}

/* Threads are an optimisation: without one the caller does the work. */
static void call_helpers(struct wk_pool *pool, uint32_t wanted) {
    struct wk_env *env = pool->env;
    for (uint32_t i = 0; i < wanted && i < pool->idle; i++)
        env->threads->cond_signal(env, &pool->work);
    for (uint32_t i = pool->idle; i < wanted && pool->workers < pool->workers_max; i++) {
        struct wk_thread **slot = &pool->threads[pool->workers];
        if (env->threads->start(env, pool->name, worker_main, pool, slot, NULL) != WK_OK) {
            WK_MARK("pool.no_thread");
            return;
        }
        pool->workers++;
    }
}

void wk_pool_run(struct wk_pool *pool, size_t count, uint32_t parallel,
                 void (*item)(void *ctx, size_t index), void *ctx) {
    if (count <= 1 || parallel <= 1 || pool->workers_max == 0) {
        for (size_t i = 0; i < count; i++)
            item(ctx, i);
        return;
    }
    struct wk_env *env = pool->env;
    struct run run = {.item = item, .ctx = ctx, .count = count};
    run.helpers_max = parallel - 1 < pool->workers_max ? parallel - 1 : pool->workers_max;
    if (run.helpers_max > count - 1)
        run.helpers_max = (uint32_t)(count - 1);
    wk_lock(env, &pool->mutex);
    wk_list_append(&pool->runs, &run.link);
    call_helpers(pool, run.helpers_max);
    take_items(pool, &run);
    wk_list_remove(&run.link);
    while (run.helpers > 0)
        (void)env->threads->cond_wait(env, &pool->done, &pool->mutex, WK_FOREVER);
    wk_unlock(env, &pool->mutex);
}

void wk_pool_enter(struct wk_pool *pool) {
    wk_lock(pool->env, &pool->mutex);
    pool->users++;
    wk_unlock(pool->env, &pool->mutex);
}

void wk_pool_leave(struct wk_pool *pool) {
    struct wk_env *env = pool->env;
    wk_lock(env, &pool->mutex);
    pool->users--;
    if (pool->users == 0)
        env->threads->cond_broadcast(env, &pool->done);
    wk_unlock(env, &pool->mutex);
}

void wk_pool_drain(struct wk_pool *pool) {
    struct wk_env *env = pool->env;
    wk_lock(env, &pool->mutex);
    while (pool->users > 0)
        (void)env->threads->cond_wait(env, &pool->done, &pool->mutex, WK_FOREVER);
    wk_unlock(env, &pool->mutex);
}

void wk_pool_close(struct wk_pool *pool) {
    struct wk_env *env = pool->env;
    wk_lock(env, &pool->mutex);
    pool->closing = true;
    env->threads->cond_broadcast(env, &pool->work);
    wk_unlock(env, &pool->mutex);
    for (uint32_t i = 0; i < pool->workers; i++)
        env->threads->join(env, pool->threads[i]);
    env->threads->cond_destroy(env, &pool->done);
    env->threads->cond_destroy(env, &pool->work);
    env->threads->mutex_destroy(env, &pool->mutex);
    wk_release(env, WK_MEM_IO, pool, sizeof *pool);
}

static enum wk_status init_sync(struct wk_pool *pool) {
    struct wk_env *env = pool->env;
    enum wk_status status = env->threads->mutex_init(env, &pool->mutex);
    if (status != WK_OK)
        return status;
    status = env->threads->cond_init(env, &pool->work);
    if (status == WK_OK) {
        status = env->threads->cond_init(env, &pool->done);
        if (status == WK_OK)
            return WK_OK;
        env->threads->cond_destroy(env, &pool->work);
    }
    env->threads->mutex_destroy(env, &pool->mutex);
    return status;
}

enum wk_status wk_pool_open(struct wk_env *env, const char *name, uint32_t threads,
                            struct wk_pool **out, struct wk_error *err) {
    struct wk_pool *pool = wk_alloc(env, WK_MEM_IO, sizeof *pool);
    if (pool == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for a thread pool");
    memset(pool, 0, sizeof *pool);
    pool->env = env;
    pool->name = name;
    wk_list_init(&pool->runs);
    if (threads > WK_OBJECTS_IN_FLIGHT_MAX)
        threads = WK_OBJECTS_IN_FLIGHT_MAX;
    pool->workers_max = threads > 0 ? threads - 1 : 0;
    enum wk_status status = init_sync(pool);
    if (status != WK_OK) {
        wk_release(env, WK_MEM_IO, pool, sizeof *pool);
        return wk_fail(err, status, "no lock for a thread pool");
    }
    *out = pool;
    return WK_OK;
}
