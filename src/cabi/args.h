/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of arguments, with the texts of the reference. The functions of the ABI call them in the
 * order that it promises; the first that fails decides.
 */
#ifndef WK_CABI_ARGS_H
#define WK_CABI_ARGS_H

#include "cabi/handle.h"

/* Not NULL and opened in this process. */
WK_MUST_CHECK enum wk_status wk_arg_handle(const struct wmbt_kv_handle *handle,
                                           struct wk_error *err);

/* Not NULL, UTF-8. */
WK_MUST_CHECK enum wk_status wk_arg_text(const char *text, struct wk_span *out,
                                         struct wk_error *err);
/* The same, and not over the limit. */
WK_MUST_CHECK enum wk_status wk_arg_namespace(const char *text, struct wk_span *out,
                                              struct wk_error *err);

/* Decoded block hashes; end with wk_hash_list_free. */
struct wk_hash_list {
    struct wk_block_hash *hashes;
    size_t count;
};
WK_MUST_CHECK enum wk_status wk_arg_hashes(struct wk_env *env, const char *const *hex, size_t count,
                                           struct wk_hash_list *out, struct wk_error *err);
void wk_hash_list_free(struct wk_env *env, struct wk_hash_list *list);

/* `out` has room for `count`; count is not 0. `*out_total` is the sum, at most INT64_MAX. */
WK_MUST_CHECK enum wk_status wk_arg_payloads(const uint8_t *const *payloads, const size_t *lens,
                                             size_t count, struct wk_span *out, int64_t *out_total,
                                             struct wk_error *err);

/* 64 bytes; `function` opens the text of the error. */
WK_MUST_CHECK enum wk_status wk_arg_tip_length(const char *function, struct wk_span tip,
                                               struct wk_error *err);
/* NULL only without bytes. */
WK_MUST_CHECK enum wk_status wk_arg_bytes(const uint8_t *bytes, size_t len, struct wk_error *err);
/* At most WK_PAYLOAD_BYTES_MAX. */
WK_MUST_CHECK enum wk_status wk_arg_payload_size(const char *what, size_t len,
                                                 struct wk_error *err);

#endif
