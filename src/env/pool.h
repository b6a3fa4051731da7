/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small pool of worker threads for stores that block a thread per request.
 *
 * A run hands out the numbers 0..count-1, at most `parallel` at a time; the caller works too, so a
 * run ends even when no thread could be started. Workers start when a run first wants them and stay
 * until close. Several runs share the workers.
 */
#ifndef WK_ENV_POOL_H
#define WK_ENV_POOL_H

#include "env/env.h"

struct wk_pool;

/* At most `threads` items under way per run, the caller's included; clamped to
 * 1..WK_OBJECTS_IN_FLIGHT_MAX. `name` as for threads->start. */
WK_MUST_CHECK enum wk_status wk_pool_open(struct wk_env *env, const char *name, uint32_t threads,
                                          struct wk_pool **out, struct wk_error *err);

/* Returns when `item` has returned for every number. `parallel` 0 counts as 1. */
void wk_pool_run(struct wk_pool *pool, size_t count, uint32_t parallel,
                 void (*item)(void *ctx, size_t index), void *ctx);

/* Around every call of the pool's owner, runs included: close waits until all have left. */
void wk_pool_enter(struct wk_pool *pool);
void wk_pool_leave(struct wk_pool *pool);

/* Two steps, because the owner's state dies between them: wait for all, then free. */
void wk_pool_drain(struct wk_pool *pool);
void wk_pool_close(struct wk_pool *pool);

#endif
