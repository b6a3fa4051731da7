/* SPDX-License-Identifier: Apache-2.0 */
/* Lookup, get and put of blocks. */
#include "cabi/args.h"

/* What every call about blocks checks, in this order. `*out_hashes` is to be freed on success. */
static enum wk_status check_blocks(struct wmbt_kv_handle *handle, const char *namespace_,
                                   const char *const *hex, size_t count, struct wk_span *out_ns,
                                   struct wk_hash_list *out_hashes, struct wk_error *err) {
    enum wk_status status = wk_arg_handle(handle, err);
    if (status != WK_OK)
        return status;
    status = wk_arg_namespace(namespace_, out_ns, err);
    if (status != WK_OK)
        return status;
    return wk_arg_hashes(handle->env, hex, count, out_hashes, err);
}

/* ---- lookup --------------------------------------------------------------------------------- */

static enum wk_status lookup(struct wmbt_kv_handle *handle, const char *namespace_,
                             const char *const *hex, size_t count, size_t *out_matched,
                             struct wk_error *err) {
    struct wk_span ns;
    struct wk_hash_list list;
    if (out_matched == NULL)
        return wk_fail(err, WK_INVALID, "out_matched_count is NULL");
    enum wk_status status = check_blocks(handle, namespace_, hex, count, &ns, &list, err);
    if (status != WK_OK)
        return status;
    size_t matched = 0;
    if (count > 0)
        status =
            handle->backend->ops->lookup(handle->backend, ns, list.hashes, count, &matched, err);
    wk_hash_list_free(handle->env, &list);
    if (status == WK_OK)
        *out_matched = matched;
    return status;
}

WK_API int32_t wmbt_kv_lookup_block_prefix(wmbt_kv_handle_t *handle, const char *namespace_,
                                           const char *const *block_hashes_hex, size_t block_count,
                                           size_t *out_matched_count, char *err_buf,
                                           size_t err_len) {
    struct wk_error err;
    wk_call_begin(&err);
    enum wk_status status =
        lookup(handle, namespace_, block_hashes_hex, block_count, out_matched_count, &err);
    wk_call_end(status, &err, err_buf, err_len);
    return status == WK_OK ? 0 : -1;
}

/* ---- get ------------------------------------------------------------------------------------ */

static enum wk_status borrow_blocks(struct wmbt_kv_handle *handle, struct wk_span ns,
                                    const struct wk_hash_list *list, struct wmbt_kv_borrow **out,
                                    struct wk_error *err) {
    struct wmbt_kv_borrow *borrow;
    enum wk_status status = wk_borrow_new(handle, list->count, &borrow, err);
    if (status != WK_OK)
        return status;
    if (list->count > 0)
        status = handle->backend->ops->get(handle->backend, ns, list->hashes, list->count,
                                           WK_GET_ALL, WK_FOREVER, borrow->results, err);
    if (status != WK_OK) {
        wk_borrow_release(borrow); /* nothing is pinned */
        return status;
    }
    wk_borrow_fill(borrow);
    *out = borrow;
    return WK_OK;
}

static enum wk_status get_blocks(struct wmbt_kv_handle *handle, const char *namespace_,
                                 const char *const *hex, size_t count, struct wmbt_kv_borrow **out,
                                 struct wk_error *err) {
    struct wk_span ns;
    struct wk_hash_list list;
    enum wk_status status = check_blocks(handle, namespace_, hex, count, &ns, &list, err);
    if (status != WK_OK)
        return status;
    status = borrow_blocks(handle, ns, &list, out, err);
    wk_hash_list_free(handle->env, &list);
    return status;
}

WK_API int32_t wmbt_kv_get_kv_blocks_borrowed(wmbt_kv_handle_t *handle, const char *namespace_,
                                              const char *const *block_hashes_hex,
                                              size_t block_count, const uint8_t ***out_payload_ptrs,
                                              const size_t **out_payload_lens,
                                              wmbt_kv_borrow_t **out_borrow) {
    struct wk_error err;
    struct wmbt_kv_borrow *borrow = NULL;
    enum wk_status status;
    wk_call_begin(&err);
    if (out_payload_ptrs == NULL || out_payload_lens == NULL || out_borrow == NULL)
        status = wk_fail(&err, WK_INVALID,
                         "out_payload_ptrs / out_payload_lens / out_borrow must not be NULL");
    else
        status = get_blocks(handle, namespace_, block_hashes_hex, block_count, &borrow, &err);
    wk_call_end(status, &err, NULL, 0);
    if (status != WK_OK)
        return status == WK_MISS ? 0 : -1;
    *out_payload_ptrs = borrow->payloads;
    *out_payload_lens = borrow->lengths;
    *out_borrow = borrow;
    return 1;
}

/* ---- put ------------------------------------------------------------------------------------ */

static enum wk_status put_list(struct wmbt_kv_handle *handle, struct wk_span ns,
                               const struct wk_hash_list *list, const uint8_t *const *payloads,
                               const size_t *lens, int64_t *out_total, struct wk_error *err) {
    size_t size = list->count * sizeof(struct wk_span); /* count is limited */
    struct wk_span *spans = wk_alloc(handle->env, WK_MEM_HANDLE, size);
    if (spans == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for %zu payload pointers", list->count);
    int64_t total = 0;
    enum wk_status status = wk_arg_payloads(payloads, lens, list->count, spans, &total, err);
    if (status == WK_OK)
        status =
            handle->backend->ops->put(handle->backend, ns, list->hashes, spans, list->count, err);
    wk_release(handle->env, WK_MEM_HANDLE, spans, size);
    if (status == WK_OK)
        *out_total = total;
    return status;
}

static enum wk_status put_blocks(struct wmbt_kv_handle *handle, const char *namespace_,
                                 const char *const *hex, const uint8_t *const *payloads,
                                 const size_t *lens, size_t count, int64_t *out_total,
                                 struct wk_error *err) {
    struct wk_span ns;
    struct wk_hash_list list;
    enum wk_status status = check_blocks(handle, namespace_, hex, count, &ns, &list, err);
    if (status != WK_OK)
        return status;
    *out_total = 0;
    if (count > 0)
        status = put_list(handle, ns, &list, payloads, lens, out_total, err);
    wk_hash_list_free(handle->env, &list);
    return status;
}

WK_API int64_t wmbt_kv_put_kv_blocks(wmbt_kv_handle_t *handle, const char *namespace_,
                                     const char *const *block_hashes_hex,
                                     const uint8_t *const *payloads, const size_t *lens,
                                     size_t block_count) {
    struct wk_error err;
    int64_t total = 0;
    wk_call_begin(&err);
    enum wk_status status =
        put_blocks(handle, namespace_, block_hashes_hex, payloads, lens, block_count, &total, &err);
    /* A put has no miss: whatever a backend says, the caller gets -1 and a text. */
    if (status == WK_MISS)
        status = wk_fail(&err, WK_INTERNAL, "the backend answered a put with a miss");
    wk_call_end(status, &err, NULL, 0);
    return status == WK_OK ? total : -1;
}
