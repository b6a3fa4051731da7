/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a handle and a borrow are inside, and the frame of every call:
 *
 *   wmbt_kv_x(...)    wk_call_begin -> checks (args.h), in the order the ABI promises -> backend
 *                     -> wk_call_end: last error, err_buf
 *
 * A handle is only a pointer to its backend; all state lies there. A borrow owns pins of a backend
 * and may outlive the handle: the backend ends with its last pin.
 */
#ifndef WK_CABI_HANDLE_H
#define WK_CABI_HANDLE_H

#ifndef WMBT_KV_EXPERIMENTAL
#define WMBT_KV_EXPERIMENTAL
#endif
#include "wombatkv.h"

#include "backend/backend.h"
#include "env/env.h"

/* Exported names, whatever -fvisibility says. */
#define WK_API __attribute__((visibility("default")))

/* Read-only after wk_handle_new, so that calls share it without a lock. */
struct wmbt_kv_handle {
    struct wk_env *env;
    struct wk_backend *backend;
    uint32_t fork_generation; /* at birth; another value now means that we are a forked child */
};

/* NULL when there is no memory. The backend is attached later: nothing can fail after it is open.
 */
struct wmbt_kv_handle *wk_handle_new(struct wk_env *env, struct wk_error *err);
void wk_handle_discard(struct wmbt_kv_handle *handle); /* without closing its backend */

/* ---- borrow.c ------------------------------------------------------------------------------- */

/* One allocation: this, the results, the pointers, the lengths. */
struct wmbt_kv_borrow {
    struct wk_env *env;
    struct wk_backend *backend;
    uint32_t fork_generation;
    size_t size_bytes; /* of the allocation */
    size_t count;
    size_t pinned; /* results that are OK once filled; 0: the backend may be gone */
    struct wk_block_result *results;
    const uint8_t **payloads;
    size_t *lengths;
};

/* Results are MISS until the backend writes them. `count` is at most WK_BATCH_BLOCKS_MAX. */
WK_MUST_CHECK enum wk_status wk_borrow_new(struct wmbt_kv_handle *handle, size_t count,
                                           struct wmbt_kv_borrow **out, struct wk_error *err);
/* Pointers and lengths from the results. */
void wk_borrow_fill(struct wmbt_kv_borrow *borrow);
/* Unpins and frees; as wmbt_kv_release_borrow. */
void wk_borrow_release(struct wmbt_kv_borrow *borrow);

/* ---- last_error.c --------------------------------------------------------------------------- */

/* Clears this thread's last error and `err`. */
void wk_call_begin(struct wk_error *err);
/*
 * Publishes how the call ended: OK nothing, MISS the status, everything else status and text, and
 * the text into `err_buf` when there is one.
 */
void wk_call_end(enum wk_status status, const struct wk_error *err, char *err_buf, size_t err_len);
/* For an end that is neither success nor error: the status and no text. */
void wk_call_end_quietly(enum wk_status status);

#endif
