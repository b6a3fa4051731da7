/* SPDX-License-Identifier: Apache-2.0 */
/* Raw tails. Their hash is any 64 bytes: neither checked nor folded. */
#include "cabi/args.h"

static enum wk_status check_tail(struct wmbt_kv_handle *handle, const char *namespace_,
                                 const char *tip, struct wk_span *out_ns, struct wk_span *out_tip,
                                 struct wk_error *err) {
    enum wk_status status = wk_arg_handle(handle, err);
    if (status != WK_OK)
        return status;
    status = wk_arg_namespace(namespace_, out_ns, err);
    if (status != WK_OK)
        return status;
    return wk_arg_text(tip, out_tip, err);
}

static enum wk_status put_tail(struct wmbt_kv_handle *handle, const char *namespace_,
                               const char *tip_text, const uint8_t *bytes, size_t len,
                               struct wk_error *err) {
    struct wk_span ns;
    struct wk_span tip;
    enum wk_status status = check_tail(handle, namespace_, tip_text, &ns, &tip, err);
    if (status != WK_OK)
        return status;
    status = wk_arg_bytes(bytes, len, err);
    if (status != WK_OK)
        return status;
    status = wk_arg_tip_length("put_raw_tail", tip, err);
    if (status != WK_OK)
        return status;
    status = wk_arg_payload_size("raw tail", len, err);
    if (status != WK_OK)
        return status;
    return handle->backend->ops->put_tail(handle->backend, ns, tip, wk_span(bytes, len), err);
}

WK_API int32_t wmbt_kv_put_raw_tail(wmbt_kv_handle_t *handle, const char *namespace_,
                                    const char *chain_tip_hash_hex, const uint8_t *bytes,
                                    size_t len, char *err_buf, size_t err_len) {
    struct wk_error err;
    wk_call_begin(&err);
    enum wk_status status = put_tail(handle, namespace_, chain_tip_hash_hex, bytes, len, &err);
    /* As for blocks: a put has no miss. */
    if (status == WK_MISS)
        status = wk_fail(&err, WK_INTERNAL, "the backend answered a put with a miss");
    wk_call_end(status, &err, err_buf, err_len);
    return status == WK_OK ? 0 : -1;
}

static enum wk_status get_tail(struct wmbt_kv_handle *handle, const char *namespace_,
                               const char *tip_text, struct wmbt_kv_borrow **out,
                               struct wk_error *err) {
    struct wk_span ns;
    struct wk_span tip;
    enum wk_status status = check_tail(handle, namespace_, tip_text, &ns, &tip, err);
    if (status != WK_OK)
        return status;
    status = wk_arg_tip_length("get_raw_tail", tip, err);
    if (status != WK_OK)
        return status;
    struct wmbt_kv_borrow *borrow;
    status = wk_borrow_new(handle, 1, &borrow, err);
    if (status != WK_OK)
        return status;
    status =
        handle->backend->ops->get_tail(handle->backend, ns, tip, WK_FOREVER, borrow->results, err);
    if (status != WK_OK) {
        wk_borrow_release(borrow); /* nothing is pinned */
        return status;
    }
    wk_borrow_fill(borrow);
    *out = borrow;
    return WK_OK;
}

WK_API int32_t wmbt_kv_get_raw_tail_borrowed(wmbt_kv_handle_t *handle, const char *namespace_,
                                             const char *chain_tip_hash_hex,
                                             const uint8_t **out_bytes, size_t *out_len,
                                             wmbt_kv_borrow_t **out_borrow, char *err_buf,
                                             size_t err_len) {
    struct wk_error err;
    struct wmbt_kv_borrow *borrow = NULL;
    enum wk_status status;
    wk_call_begin(&err);
    if (out_bytes == NULL || out_len == NULL || out_borrow == NULL)
        status = wk_fail(&err, WK_INVALID, "out_bytes / out_len / out_borrow must not be NULL");
    else
        status = get_tail(handle, namespace_, chain_tip_hash_hex, &borrow, &err);
    wk_call_end(status, &err, err_buf, err_len);
    if (status != WK_OK)
        return status == WK_MISS ? 0 : -1;
    *out_bytes = borrow->payloads[0];
    *out_len = borrow->lengths[0];
    *out_borrow = borrow;
    return 1;
}
