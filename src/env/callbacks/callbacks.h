/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host program's own key-value store as an object store, behind C function pointers.
 *
 * Ownership: keys, values and prefixes passed to the host are borrowed for that call only. A buffer
 * that the host returns (get, iter_next, iter_keys_next) belongs to us until we pass it to
 * `free_buf`, which happens before the next call on the same thread. Outputs count only when the
 * function returned 0.
 *
 * Threads: one call at a time, from any thread of ours, unless WK_CALLBACKS_THREAD_SAFE is set; an
 * iterator is used by one thread from its creation to its end, and unless thread safe no other call
 * is made meanwhile: other requests wait for the LIST, each until its deadline. A callback must not
 * call back into the library on the handle it serves.
 *
 * The public header shows the same structure as `wmbt_kv_callbacks`.
 */
#ifndef WK_ENV_CALLBACKS_CALLBACKS_H
#define WK_ENV_CALLBACKS_CALLBACKS_H

#include "env/env.h"

enum wk_callbacks_flags {
    WK_CALLBACKS_THREAD_SAFE = 1, /* every function may run on several threads at once */
    WK_CALLBACKS_KEY_SIZES = 2    /* iter_keys_next fills the size of the value */
};

/*
 * `size` is sizeof the structure the host was compiled with; members beyond it count as NULL, so
 * that older hosts work with a newer library and newer hosts with an older one.
 *
 * get, set and free_buf are required. Any other member may be NULL; what is lost then:
 *   del                          DELETE is answered INVALID
 *   iter_create/_next/_free      no LIST (all three or none)
 *   head                         no HEAD
 *   iter_keys_next               LIST goes through iter_next, which hands out whole values
 */
struct wk_objects_callbacks {
    uint32_t size;
    uint32_t flags; /* enum wk_callbacks_flags; unknown bits are refused */
    void *ctx;      /* first argument of every function that takes one */
    /* 0 found, 1 absent, -1 error */
    int (*get)(void *ctx, const uint8_t *key, size_t key_len, uint8_t **out_value, size_t *out_len);
    /* 0 stored, -1 error. Replaces. */
    int (*set)(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
               size_t value_len);
    /* 0 deleted or was not there, -1 error */
    int (*del)(void *ctx, const uint8_t *key, size_t key_len);
    /* Entries whose key starts with `prefix`; NULL is an error. `reverse` 0: ascending keys. */
    void *(*iter_create)(void *ctx, const uint8_t *prefix, size_t prefix_len, int reverse);
    /* 0 an entry, 1 the end, -1 error */
    int (*iter_next)(void *iter, uint8_t **out_key, size_t *out_key_len, uint8_t **out_value,
                     size_t *out_value_len);
    void (*iter_free)(void *iter);
    void (*free_buf)(void *ctx, void *buf);
    /* 0 found (size written), 1 absent, -1 error */
    int (*head)(void *ctx, const uint8_t *key, size_t key_len, uint64_t *out_size);
    /* As iter_next without the value. `*out_size` counts with WK_CALLBACKS_KEY_SIZES only. */
    int (*iter_keys_next)(void *iter, uint8_t **out_key, size_t *out_key_len, uint64_t *out_size);
};

/*
 * Uses `callbacks` and `threads` of the config; the table is copied, `ctx` must live until close.
 * WK_INVALID names the missing members.
 */
WK_MUST_CHECK enum wk_status wk_callbacks_objects_open(struct wk_env *env,
                                                       const struct wk_objects_config *config,
                                                       struct wk_objects **out,
                                                       struct wk_error *err);

#endif
