/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Second half of the ABI: answers per block, flush, stats, log.
 *
 * One request struct passes through the checks that the three block calls share:
 *
 *   begin_request -> results checked, hashes decoded, borrow made
 *   backend get (PARTIAL) or contains
 *   end_request   -> public results written, or nothing
 */
#include "base/num.h"
#include "cabi/args.h"

/* The public numbers are the internal ones. */
#define SAME(name)              _Static_assert((int)WMBT_KV_##name == (int)WK_##name, #name)
#define SAME_STATUS(name, text) _Static_assert((int)WMBT_KV_STATUS_##name == (int)WK_##name, #name);
WK_STATUS_MAP(SAME_STATUS)
SAME(TIER_NONE);
SAME(TIER_RAM);
SAME(TIER_DISK);
SAME(TIER_OBJECT);
SAME(LOG_OFF);
SAME(LOG_ERROR);
SAME(LOG_WARN);
SAME(LOG_INFO);
SAME(LOG_DEBUG);
#undef SAME
#undef SAME_STATUS

/* ---- answers per block ---------------------------------------------------------------------- */

/* Arguments of one call, and what they became. */
struct request {
    struct wmbt_kv_handle *handle;
    const char *namespace_;
    const char *const *hex;
    size_t count;
    int64_t deadline_ms;
    struct wk_span ns;
    struct wk_hash_list list;
    uint64_t deadline_ns;
    struct wmbt_kv_borrow *borrow;
};

static uint64_t deadline_from_ms(struct wk_env *env, int64_t deadline_ms) {
    if (deadline_ms < 0)
        return WK_FOREVER;
    uint64_t now_ns = wk_now_ns(env);
    uint64_t ms = wk_min_u64((uint64_t)deadline_ms, UINT64_MAX / WK_NS_PER_MS);
    return wk_add_u64_clamped(now_ns, ms * WK_NS_PER_MS);
}

/* On success ends with end_request; on failure nothing is held. */
static enum wk_status begin_request(struct request *r, struct wk_error *err) {
    enum wk_status status = wk_arg_handle(r->handle, err);
    if (status != WK_OK)
        return status;
    r->deadline_ns = deadline_from_ms(r->handle->env, r->deadline_ms);
    status = wk_arg_namespace(r->namespace_, &r->ns, err);
    if (status != WK_OK)
        return status;
    status = wk_arg_hashes(r->handle->env, r->hex, r->count, &r->list, err);
    if (status != WK_OK)
        return status;
    status = wk_borrow_new(r->handle, r->count, &r->borrow, err);
    if (status != WK_OK)
        wk_hash_list_free(r->handle->env, &r->list);
    return status;
}

static void end_request(struct request *r) {
    wk_hash_list_free(r->handle->env, &r->list);
}

static enum wk_status run_get(struct request *r, struct wk_error *err) {
    struct wk_backend *backend = r->handle->backend;
    if (r->count == 0)
        return WK_OK;
    return backend->ops->get(backend, r->ns, r->list.hashes, r->count, WK_GET_PARTIAL,
                             r->deadline_ns, r->borrow->results, err);
}

static wmbt_kv_block_result public_result(const struct wk_block_result *from) {
    bool there = from->status == WK_OK;
    return (wmbt_kv_block_result){.status = (int32_t)from->status,
                                  .tier = there ? (int32_t)from->tier : WMBT_KV_TIER_NONE,
                                  .length = there ? from->bytes.size : 0};
}

static int64_t write_results(const struct wmbt_kv_borrow *borrow, wmbt_kv_block_result *results) {
    int64_t there = 0;
    for (size_t i = 0; i < borrow->count; i++) {
        results[i] = public_result(&borrow->results[i]);
        there += borrow->results[i].status == WK_OK;
    }
    return there;
}

static enum wk_status check_results(const wmbt_kv_block_result *results, size_t count,
                                    struct wk_error *err) {
    if (results == NULL && count > 0)
        return wk_fail(err, WK_INVALID, "results is NULL with block_count > 0");
    return WK_OK;
}

/* ---- partial -------------------------------------------------------------------------------- */

/* Keeps the borrow only when the backend answered. */
static enum wk_status finish_get(struct request *r, enum wk_status status) {
    end_request(r);
    if (status != WK_OK)
        wk_borrow_release(r->borrow); /* nothing is pinned */
    else
        wk_borrow_fill(r->borrow);
    return status;
}

static enum wk_status get_partial(struct request *r, struct wk_error *err) {
    enum wk_status status = begin_request(r, err);
    if (status != WK_OK)
        return status;
    status = run_get(r, err);
    return finish_get(r, status);
}

/* A call whose answers are per block has no miss as a whole. */
static int64_t end_per_block(enum wk_status status, struct wk_error *err, int64_t found) {
    if (status == WK_MISS)
        status = wk_fail(err, WK_INTERNAL, "the backend answered a batch with a miss");
    wk_call_end(status, err, NULL, 0);
    return status == WK_OK ? found : -1;
}

WK_API int64_t wmbt_kv_get_kv_blocks_partial(wmbt_kv_handle_t *handle, const char *namespace_,
                                             const char *const *block_hashes_hex,
                                             size_t block_count, int64_t deadline_ms,
                                             wmbt_kv_block_result *results,
                                             const uint8_t ***out_payload_ptrs,
                                             const size_t **out_payload_lens,
                                             wmbt_kv_borrow_t **out_borrow) {
    struct wk_error err;
    struct request r = {.handle = handle,
                        .namespace_ = namespace_,
                        .hex = block_hashes_hex,
                        .count = block_count,
                        .deadline_ms = deadline_ms};
    int64_t found = -1;
    wk_call_begin(&err);
    enum wk_status status = WK_OK;
    if (out_payload_ptrs == NULL || out_payload_lens == NULL || out_borrow == NULL)
        status = wk_fail(&err, WK_INVALID,
                         "out_payload_ptrs / out_payload_lens / out_borrow must not be NULL");
    if (status == WK_OK)
        status = check_results(results, block_count, &err);
    if (status == WK_OK)
        status = get_partial(&r, &err);
    if (status == WK_OK) {
        found = write_results(r.borrow, results);
        *out_payload_ptrs = r.borrow->payloads;
        *out_payload_lens = r.borrow->lengths;
        *out_borrow = r.borrow;
    }
    return end_per_block(status, &err, found);
}

/* ---- into ----------------------------------------------------------------------------------- */

static enum wk_status check_buffers(uint8_t *const *buffers, const size_t *capacities, size_t count,
                                    struct wk_error *err) {
    if (count == 0)
        return WK_OK;
    if (buffers == NULL || capacities == NULL)
        return wk_fail(err, WK_INVALID,
                       "buffers / capacities must not be NULL with block_count > 0");
    for (size_t i = 0; i < count; i++) {
        if (buffers[i] == NULL && capacities[i] > 0)
            return wk_fail(err, WK_INVALID, "buffers[%zu] is NULL with capacity > 0", i);
    }
    return WK_OK;
}

static enum wk_status get_into(struct request *r, uint8_t *const *buffers, const size_t *capacities,
                               struct wk_error *err) {
    enum wk_status status = begin_request(r, err);
    if (status != WK_OK)
        return status;
    status = check_buffers(buffers, capacities, r->count, err);
    if (status == WK_OK)
        status = run_get(r, err);
    return finish_get(r, status);
}

static int64_t copy_out(const struct wmbt_kv_borrow *borrow, uint8_t *const *buffers,
                        const size_t *capacities, wmbt_kv_block_result *results) {
    int64_t copied = 0;
    for (size_t i = 0; i < borrow->count; i++) {
        if (results[i].status != WMBT_KV_STATUS_OK)
            continue;
        if (borrow->lengths[i] > capacities[i]) {
            results[i].status = WMBT_KV_STATUS_TOO_LARGE;
            continue;
        }
        if (borrow->lengths[i] > 0)
            memcpy(buffers[i], borrow->payloads[i], borrow->lengths[i]);
        copied++;
    }
    return copied;
}

WK_API int64_t wmbt_kv_get_kv_blocks_into(wmbt_kv_handle_t *handle, const char *namespace_,
                                          const char *const *block_hashes_hex, size_t block_count,
                                          int64_t deadline_ms, uint8_t *const *buffers,
                                          const size_t *capacities, wmbt_kv_block_result *results) {
    struct wk_error err;
    struct request r = {.handle = handle,
                        .namespace_ = namespace_,
                        .hex = block_hashes_hex,
                        .count = block_count,
                        .deadline_ms = deadline_ms};
    int64_t copied = -1;
    wk_call_begin(&err);
    enum wk_status status = check_results(results, block_count, &err);
    if (status == WK_OK)
        status = get_into(&r, buffers, capacities, &err);
    if (status == WK_OK) {
        write_results(r.borrow, results);
        copied = copy_out(r.borrow, buffers, capacities, results);
        wk_borrow_release(r.borrow);
    }
    return end_per_block(status, &err, copied);
}

/* ---- contains ------------------------------------------------------------------------------- */

static enum wk_status contains(struct request *r, wmbt_kv_block_result *results, int64_t *out_there,
                               struct wk_error *err) {
    enum wk_status status = begin_request(r, err);
    if (status != WK_OK)
        return status;
    struct wk_backend *backend = r->handle->backend;
    if (r->count > 0)
        status = backend->ops->contains(backend, r->ns, r->list.hashes, r->count, r->deadline_ns,
                                        r->borrow->results, err);
    end_request(r);
    if (status == WK_OK)
        *out_there = write_results(r->borrow, results);
    wk_borrow_release(r->borrow); /* contains pins nothing, and nothing was counted as pinned */
    return status;
}

WK_API int64_t wmbt_kv_contains_blocks(wmbt_kv_handle_t *handle, const char *namespace_,
                                       const char *const *block_hashes_hex, size_t block_count,
                                       int64_t deadline_ms, wmbt_kv_block_result *results) {
    struct wk_error err;
    struct request r = {.handle = handle,
                        .namespace_ = namespace_,
                        .hex = block_hashes_hex,
                        .count = block_count,
                        .deadline_ms = deadline_ms};
    int64_t there = -1;
    wk_call_begin(&err);
    enum wk_status status = check_results(results, block_count, &err);
    if (status == WK_OK)
        status = contains(&r, results, &there, &err);
    return end_per_block(status, &err, there);
}

/* ---- flush, stats, log ---------------------------------------------------------------------- */

WK_API int32_t wmbt_kv_flush(wmbt_kv_handle_t *handle, int64_t deadline_ms, uint64_t *out_pending) {
    struct wk_error err;
    uint64_t pending = 0;
    wk_call_begin(&err);
    enum wk_status status = wk_arg_handle(handle, &err);
    if (status == WK_OK) {
        uint64_t deadline_ns = deadline_from_ms(handle->env, deadline_ms);
        status = handle->backend->ops->flush(handle->backend, deadline_ns, &pending, &err);
    }
    bool ended = status == WK_OK || status == WK_TIMEOUT;
    if (ended && out_pending != NULL)
        *out_pending = pending;
    if (status == WK_TIMEOUT) {
        wk_call_end_quietly(WK_TIMEOUT);
        return 1;
    }
    wk_call_end(status, &err, NULL, 0);
    return status == WK_OK ? 0 : -1;
}

/* The whole object or an empty string. `*out_length` is that of the object. */
static enum wk_status write_stats(struct wmbt_kv_handle *handle, char *buf, size_t cap,
                                  size_t *out_length, struct wk_error *err) {
    uint8_t *memory = wk_alloc(handle->env, WK_MEM_HANDLE, WK_STATS_BYTES_MAX);
    if (memory == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for the stats");
    struct wk_writer to = wk_writer(memory, WK_STATS_BYTES_MAX);
    wk_backend_stats_json(handle->backend, &to);
    enum wk_status status = WK_OK;
    if (to.failed) {
        status = wk_fail(err, WK_INTERNAL, "the stats have more than %u bytes", WK_STATS_BYTES_MAX);
    } else {
        bool fits = to.at < cap;
        if (fits)
            memcpy(buf, memory, to.at);
        if (cap > 0)
            buf[fits ? to.at : 0] = 0;
        *out_length = to.at;
    }
    wk_release(handle->env, WK_MEM_HANDLE, memory, WK_STATS_BYTES_MAX);
    return status;
}

WK_API int64_t wmbt_kv_stats_json(wmbt_kv_handle_t *handle, char *buf, size_t cap) {
    struct wk_error err;
    size_t length = 0;
    wk_call_begin(&err);
    enum wk_status status = WK_OK;
    if (buf == NULL && cap > 0)
        status = wk_fail(&err, WK_INVALID, "buf is NULL with cap > 0");
    if (status == WK_OK)
        status = wk_arg_handle(handle, &err);
    if (status == WK_OK)
        status = write_stats(handle, buf, cap, &length, &err);
    wk_call_end(status, &err, NULL, 0);
    return status == WK_OK ? (int64_t)length : -1;
}

/* The host's function goes to the environment as it is: an enum of small non-negative numbers has
 * the type that the header shows. */
_Static_assert(_Generic((enum wk_log_level)0, uint32_t : 1, default : 0), "log level");

WK_API int32_t wmbt_kv_set_log(wmbt_kv_log_fn fn, void *ctx, uint32_t level) {
    struct wk_env *env = wk_env_current();
    if (level > WMBT_KV_LOG_DEBUG)
        return -1;
    if (fn == NULL)
        env->log->set_sink(env, NULL, NULL, WK_LOG_OFF);
    else
        env->log->set_sink(env, fn, ctx, (enum wk_log_level)level);
    return 0;
}
