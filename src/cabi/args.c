/* SPDX-License-Identifier: Apache-2.0 */
#include "cabi/args.h"

#include "base/num.h"
#include "base/text.h"

enum wk_status wk_arg_handle(const struct wmbt_kv_handle *handle, struct wk_error *err) {
    if (handle == NULL)
        return wk_fail(err, WK_INVALID, "handle is NULL");
    uint32_t generation = handle->env->process->fork_generation(handle->env);
    if (generation != handle->fork_generation)
        return wk_fail(err, WK_INVALID, "handle was opened before fork; a child must open its own");
    return WK_OK;
}

enum wk_status wk_arg_text(const char *text, struct wk_span *out, struct wk_error *err) {
    if (text == NULL)
        return wk_fail(err, WK_INVALID, "string pointer is NULL");
    struct wk_span span = wk_span_text(text);
    if (!wk_utf8_valid(span))
        return wk_fail(err, WK_INVALID, "string contained non-UTF-8 bytes");
    *out = span;
    return WK_OK;
}

enum wk_status wk_arg_namespace(const char *text, struct wk_span *out, struct wk_error *err) {
    struct wk_span span;
    enum wk_status status = wk_arg_text(text, &span, err);
    if (status != WK_OK)
        return status;
    if (span.size > WK_NAMESPACE_BYTES_MAX)
        return wk_fail(err, WK_INVALID, "namespace has %zu bytes; at most %u are allowed",
                       span.size, WK_NAMESPACE_BYTES_MAX);
    *out = span;
    return WK_OK;
}

/* What is wrong with a hash that did not decode. */
static enum wk_status explain_hash(size_t i, struct wk_span hex, struct wk_error *err) {
    char shown[512];
    size_t bad_at = 0;
    uint8_t decoded[WK_HASH_BYTES];
    if (!wk_utf8_valid(hex))
        return wk_fail(err, WK_INVALID, "block_hashes_hex[%zu] not UTF-8", i);
    wk_quote(hex, shown, sizeof shown);
    if (hex.size != WK_HASH_HEX_CHARS)
        return wk_fail(err, WK_INVALID, "block hash hex must be 64 chars; got %zu for %s", hex.size,
                       shown);
    if (wk_hex_decode(hex, decoded, &bad_at))
        return WK_OK;
    return wk_fail(err, WK_INVALID, "bad hex char at pos %zu in %s", bad_at, shown);
}

static enum wk_status decode_hash(size_t i, const char *hex, struct wk_block_hash *out,
                                  struct wk_error *err) {
    if (hex == NULL)
        return wk_fail(err, WK_INVALID, "block_hashes_hex[%zu] is NULL", i);
    struct wk_span span = wk_span_text(hex);
    if (span.size == WK_HASH_HEX_CHARS && wk_hex_decode(span, out->bytes, NULL))
        return WK_OK;
    return explain_hash(i, span, err);
}

enum wk_status wk_arg_hashes(struct wk_env *env, const char *const *hex, size_t count,
                             struct wk_hash_list *out, struct wk_error *err) {
    struct wk_hash_list list = {NULL, count};
    if (count == 0) {
        *out = list;
        return WK_OK;
    }
    if (hex == NULL)
        return wk_fail(err, WK_INVALID, "block_hashes_hex is NULL with block_count > 0");
    if (count > WK_BATCH_BLOCKS_MAX)
        return wk_fail(err, WK_TOO_LARGE, "block_count is %zu; at most %u are allowed", count,
                       WK_BATCH_BLOCKS_MAX);
    list.hashes = wk_alloc(env, WK_MEM_HANDLE, count * sizeof *list.hashes);
    if (list.hashes == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for %zu block hashes", count);
    for (size_t i = 0; i < count; i++) {
        enum wk_status status = decode_hash(i, hex[i], &list.hashes[i], err);
        if (status != WK_OK) {
            wk_hash_list_free(env, &list);
            return status;
        }
    }
    *out = list;
    return WK_OK;
}

void wk_hash_list_free(struct wk_env *env, struct wk_hash_list *list) {
    wk_release(env, WK_MEM_HANDLE, list->hashes, list->count * sizeof *list->hashes);
    list->hashes = NULL;
    list->count = 0;
}

enum wk_status wk_arg_payload_size(const char *what, size_t len, struct wk_error *err) {
    if (len <= WK_PAYLOAD_BYTES_MAX)
        return WK_OK;
    return wk_fail(err, WK_TOO_LARGE, "%s has %zu bytes; at most %u are allowed", what, len,
                   WK_PAYLOAD_BYTES_MAX);
}

enum wk_status wk_arg_payloads(const uint8_t *const *payloads, const size_t *lens, size_t count,
                               struct wk_span *out, int64_t *out_total, struct wk_error *err) {
    uint64_t total = 0;
    char what[48];
    if (payloads == NULL || lens == NULL)
        return wk_fail(err, WK_INVALID, "payloads / lens must not be NULL with block_count > 0");
    for (size_t i = 0; i < count; i++) {
        if (payloads[i] == NULL && lens[i] > 0)
            return wk_fail(err, WK_INVALID, "payloads[%zu] is NULL with len > 0", i);
        if (lens[i] > WK_PAYLOAD_BYTES_MAX) {
            wk_format(what, sizeof what, "payloads[%zu]", i);
            return wk_arg_payload_size(what, lens[i], err);
        }
        out[i] = wk_span(payloads[i], lens[i]);
        total = wk_add_u64_clamped(total, lens[i]);
    }
    *out_total = (int64_t)wk_min_u64(total, INT64_MAX);
    return WK_OK;
}

enum wk_status wk_arg_bytes(const uint8_t *bytes, size_t len, struct wk_error *err) {
    if (bytes == NULL && len > 0)
        return wk_fail(err, WK_INVALID, "data pointer is NULL with non-zero len");
    return WK_OK;
}

enum wk_status wk_arg_tip_length(const char *function, struct wk_span tip, struct wk_error *err) {
    if (tip.size != WK_HASH_HEX_CHARS)
        return wk_fail(err, WK_INVALID, "%s: chain_tip_hash_hex must be 64 chars; got %zu",
                       function, tip.size);
    return WK_OK;
}
