/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers come in steps of a page up to STEP_BYTES and of STEP_BYTES above, so that neighbours fit
 * each other's messages. */
#include "rpc/buffers.h"

#include "base/mark.h"
#include "base/num.h"

#define PAGE_BYTES 4096u
#define STEP_BYTES (64u * 1024)

/* Mapped instead of allocated from here on. */
#define MAP_BYTES_MIN (256u * 1024)

enum wk_status wk_buffers_init(struct wk_buffers *pool, struct wk_env *env, uint64_t budget_bytes,
                               uint64_t keep_bytes) {
    memset(pool, 0, sizeof *pool);
    pool->env = env;
    pool->budget_bytes = budget_bytes;
    pool->keep_bytes = keep_bytes;
    wk_list_init(&pool->idle);
    if (env->threads->mutex_init(env, &pool->mutex) != WK_OK)
        return WK_NO_MEMORY;
    if (env->threads->cond_init(env, &pool->cond) == WK_OK)
        return WK_OK;
    env->threads->mutex_destroy(env, &pool->mutex);
    return WK_NO_MEMORY;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static struct wk_buffer *buffer_new(struct wk_buffers *pool, size_t capacity) {
    struct wk_env *env = pool->env;
    struct wk_buffer *b = wk_alloc(env, WK_MEM_IO, sizeof *b);
    if (b == NULL)
        return NULL;
    b->data = capacity >= MAP_BYTES_MIN ? env->mem->map(env, WK_MEM_IO, capacity)
                                        : wk_alloc(env, WK_MEM_IO, capacity);
    if (b->data == NULL) {
        wk_release(env, WK_MEM_IO, b, sizeof *b);
        return NULL;
    }
    b->pool = pool;
    b->capacity = capacity;
    wk_list_init(&b->link);
    return b;
}

static void buffer_free(struct wk_buffer *b) {
    struct wk_env *env = b->pool->env;
    if (b->capacity >= MAP_BYTES_MIN)
        env->mem->unmap(env, WK_MEM_IO, b->data, b->capacity);
    else
        wk_release(env, WK_MEM_IO, b->data, b->capacity);
    wk_release(env, WK_MEM_IO, b, sizeof *b);
}

void wk_buffers_destroy(struct wk_buffers *pool) {
    while (!wk_list_empty(&pool->idle)) {
        struct wk_buffer *b = WK_CONTAINER_OF(pool->idle.next, struct wk_buffer, link);
        wk_list_remove(&b->link);
        buffer_free(b);
    }
    pool->env->threads->cond_destroy(pool->env, &pool->cond);
    pool->env->threads->mutex_destroy(pool->env, &pool->mutex);
}

/* ---- the pool -------------------------------------------------------------------------------- */

static size_t rounded(size_t size) {
    size_t step = size <= STEP_BYTES ? PAGE_BYTES : STEP_BYTES;
    return size == 0 ? step : (size + step - 1) / step * step;
}

/* Not so large that a small message would keep the memory of a big one. */
static bool fits(const struct wk_buffer *b, size_t capacity) {
    return b->capacity >= capacity && b->capacity / 4 <= capacity;
}

/* With the mutex held: the most recently used one that fits, out of the idle list. */
static struct wk_buffer *take_idle(struct wk_buffers *pool, size_t capacity) {
    for (struct wk_list *at = pool->idle.prev; at != &pool->idle; at = at->prev) {
        struct wk_buffer *b = WK_CONTAINER_OF(at, struct wk_buffer, link);
        if (!fits(b, capacity))
            continue;
        wk_list_remove(&b->link);
        pool->idle_bytes -= b->capacity;
        pool->in_use_bytes += b->capacity;
        return b;
    }
    return NULL;
}

/* With the mutex held: gives the oldest idle buffers back until at most `keep` idle bytes stay and
 * `room` more bytes fit the budget. */
static void shrink_idle(struct wk_buffers *pool, uint64_t keep, uint64_t room) {
    while (!wk_list_empty(&pool->idle)) {
        bool over = pool->in_use_bytes + pool->idle_bytes + room > pool->budget_bytes;
        if (!over && pool->idle_bytes <= keep)
            return;
        struct wk_buffer *b = WK_CONTAINER_OF(pool->idle.next, struct wk_buffer, link);
        wk_list_remove(&b->link);
        pool->idle_bytes -= b->capacity;
        buffer_free(b);
    }
}

/* With the mutex held: room in the budget, by waiting. */
static enum wk_status wait_for_room(struct wk_buffers *pool, size_t capacity,
                                    uint64_t deadline_ns) {
    enum wk_status status = WK_OK;
    while (pool->in_use_bytes + capacity > pool->budget_bytes && status == WK_OK) {
        WK_MARK("rpc.waits_for_buffers");
        status = pool->env->threads->cond_wait(pool->env, &pool->cond, &pool->mutex, deadline_ns);
    }
    return status;
}

/* With the mutex held. `*out` NULL and OK: the bytes are counted, the caller makes the buffer. */
static enum wk_status take(struct wk_buffers *pool, size_t capacity, uint64_t deadline_ns,
                           struct wk_buffer **out) {
    *out = take_idle(pool, capacity);
    if (*out != NULL)
        return WK_OK;
    enum wk_status status = wait_for_room(pool, capacity, deadline_ns);
    if (status != WK_OK)
        return status;
    *out = take_idle(pool, capacity);
    if (*out != NULL)
        return WK_OK;
    shrink_idle(pool, pool->keep_bytes, capacity);
    pool->in_use_bytes += capacity;
    return WK_OK;
}

static void give_back_bytes(struct wk_buffers *pool, size_t capacity) {
    wk_lock(pool->env, &pool->mutex);
    pool->in_use_bytes -= capacity;
    pool->env->threads->cond_broadcast(pool->env, &pool->cond);
    wk_unlock(pool->env, &pool->mutex);
}

enum wk_status wk_buffers_acquire(struct wk_buffers *pool, size_t size, uint64_t deadline_ns,
                                  struct wk_buffer **out, struct wk_error *err) {
    size_t capacity = rounded(size);
    struct wk_buffer *b;
    if (capacity > pool->budget_bytes)
        return wk_fail(err, WK_TOO_LARGE,
                       "a message of %zu bytes is over the budget of %llu bytes for messages", size,
                       (unsigned long long)pool->budget_bytes);
    wk_lock(pool->env, &pool->mutex);
    enum wk_status status = take(pool, capacity, deadline_ns, &b);
    wk_unlock(pool->env, &pool->mutex);
    if (status != WK_OK)
        return wk_fail(err, status,
                       "no room for a message of %zu bytes: the budget of %llu bytes for messages "
                       "is in use",
                       size, (unsigned long long)pool->budget_bytes);
    if (b == NULL) {
        b = buffer_new(pool, capacity);
        if (b == NULL) {
            give_back_bytes(pool, capacity);
            return wk_fail(err, WK_NO_MEMORY, "no memory for a message of %zu bytes", size);
        }
    }
    b->size = size;
    wk_atomic_store_u32(&b->refs, 1, WK_RELAXED, "rpc.buffer");
    *out = b;
    return WK_OK;
}

void wk_buffer_hold(struct wk_buffer *buffer, uint32_t count) {
    wk_atomic_add_u32(&buffer->refs, count, WK_RELAXED, "rpc.buffer");
}

void wk_buffer_drop(struct wk_buffer *buffer) {
    if (wk_atomic_sub_u32(&buffer->refs, 1, WK_ACQ_REL, "rpc.buffer") != 1)
        return;
    struct wk_buffers *pool = buffer->pool;
    wk_lock(pool->env, &pool->mutex);
    pool->in_use_bytes -= buffer->capacity;
    pool->idle_bytes += buffer->capacity;
    wk_list_append(&pool->idle, &buffer->link);
    shrink_idle(pool, pool->keep_bytes, 0);
    pool->env->threads->cond_broadcast(pool->env, &pool->cond);
    wk_unlock(pool->env, &pool->mutex);
}

uint64_t wk_buffers_in_use(struct wk_buffers *pool) {
    wk_lock(pool->env, &pool->mutex);
    uint64_t bytes = pool->in_use_bytes;
    wk_unlock(pool->env, &pool->mutex);
    return bytes;
}
