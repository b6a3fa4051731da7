/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that messages are received into: counted against one budget, kept for the next message.
 *
 *     acquire -> an idle buffer that fits, or a new one -> filled, held, read -> last drop -> idle
 *
 * Large buffers are whole pages; keeping them saves the page faults that would cost as much as the
 * copy. What is idle counts against the budget too, and gives way first. A buffer may outlive the
 * call that filled it: replies are handed out as views into it, pinned by wk_buffer_hold.
 *
 * All functions are safe for concurrent use. The pool must outlive its buffers.
 */
#ifndef WK_RPC_BUFFERS_H
#define WK_RPC_BUFFERS_H

#include "base/list.h"
#include "env/env.h"

struct wk_buffers;

struct wk_buffer {
    struct wk_list link; /* sync: pool mutex */
    struct wk_buffers *pool;
    uint8_t *data; /* aligned to 16 */
    size_t capacity;
    size_t size;        /* what the caller asked for, at most capacity */
    wk_atomic_u32 refs; /* sync: acquire-release; rpc.buffer */
};

struct wk_buffers {
    struct wk_env *env;
    uint64_t budget_bytes;
    uint64_t keep_bytes; /* idle bytes above this are given back */
    struct wk_mutex mutex;
    struct wk_cond cond;
    struct wk_list idle;   /* sync: mutex; most recently used last */
    uint64_t idle_bytes;   /* sync: mutex */
    uint64_t in_use_bytes; /* sync: mutex */
};

WK_MUST_CHECK enum wk_status wk_buffers_init(struct wk_buffers *pool, struct wk_env *env,
                                             uint64_t budget_bytes, uint64_t keep_bytes);
/* No buffer may be in use. */
void wk_buffers_destroy(struct wk_buffers *pool);

/*
 * A buffer of `size` bytes, not zeroed, with one reference. Waits for others to be dropped when the
 * budget is used up. TOO_LARGE: more than the whole budget. TIMEOUT, NO_MEMORY.
 */
WK_MUST_CHECK enum wk_status wk_buffers_acquire(struct wk_buffers *pool, size_t size,
                                                uint64_t deadline_ns, struct wk_buffer **out,
                                                struct wk_error *err);
void wk_buffer_hold(struct wk_buffer *buffer, uint32_t count);
void wk_buffer_drop(struct wk_buffer *buffer);

uint64_t wk_buffers_in_use(struct wk_buffers *pool);

#endif
