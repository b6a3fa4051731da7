/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Borrows: pins of a backend with the arrays that the caller reads, in one allocation.
 *
 *   | struct wmbt_kv_borrow | results[count] | payloads[count] | lengths[count] |
 *
 * The handle is not in it: it may be freed first.
 */
#include "cabi/handle.h"

#include "base/mark.h"
#include "base/num.h"

static const uint8_t no_bytes[1] = {0}; /* what a block of no bytes points to */

static bool layout(size_t count, size_t *results_at, size_t *payloads_at, size_t *lengths_at,
                   size_t *size) {
    size_t bytes;
    *results_at = sizeof(struct wmbt_kv_borrow);
    if (!wk_align_up_size(*results_at, 16, results_at))
        return false;
    if (!wk_mul_size(count, sizeof(struct wk_block_result), &bytes) ||
        !wk_add_size(*results_at, bytes, payloads_at) ||
        !wk_align_up_size(*payloads_at, 16, payloads_at))
        return false;
    if (WK_PLANTED(19)) /* plant 19 */
        *payloads_at = (uint8_t)*payloads_at;
    if (!wk_mul_size(count, sizeof(uint8_t *), &bytes) ||
        !wk_add_size(*payloads_at, bytes, lengths_at))
        return false;
    return wk_mul_size(count, sizeof(size_t), &bytes) && wk_add_size(*lengths_at, bytes, size);
}

enum wk_status wk_borrow_new(struct wmbt_kv_handle *handle, size_t count,
                             struct wmbt_kv_borrow **out, struct wk_error *err) {
    size_t results_at;
    size_t payloads_at;
    size_t lengths_at;
    size_t size;
    if (!layout(count, &results_at, &payloads_at, &lengths_at, &size))
        return wk_fail(err, WK_TOO_LARGE, "too many blocks for one call: %zu", count);
    uint8_t *memory = wk_alloc(handle->env, WK_MEM_HANDLE, size);
    if (memory == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for a borrow of %zu blocks", count);
    memset(memory, 0, size);
    struct wmbt_kv_borrow *borrow = (struct wmbt_kv_borrow *)memory;
    borrow->env = handle->env;
    borrow->backend = handle->backend;
    borrow->fork_generation = handle->fork_generation;
    borrow->size_bytes = size;
    borrow->count = count;
    borrow->results = (struct wk_block_result *)(memory + results_at);
    borrow->payloads = (const uint8_t **)(memory + payloads_at);
    borrow->lengths = (size_t *)(memory + lengths_at);
    for (size_t i = 0; i < count; i++)
        borrow->results[i].status = WK_MISS;
    *out = borrow;
    return WK_OK;
}

void wk_borrow_fill(struct wmbt_kv_borrow *borrow) {
    for (size_t i = 0; i < borrow->count; i++) {
        const struct wk_block_result *result = &borrow->results[i];
        if (result->status != WK_OK)
            continue;
        borrow->pinned++;
        borrow->payloads[i] = result->bytes.size > 0 ? result->bytes.data : no_bytes;
        borrow->lengths[i] = result->bytes.size;
    }
}

void wk_borrow_release(struct wmbt_kv_borrow *borrow) {
    if (borrow->pinned > 0)
        borrow->backend->ops->release(borrow->backend, borrow->results, borrow->count);
    wk_release(borrow->env, WK_MEM_HANDLE, borrow, borrow->size_bytes);
}

WK_API void wmbt_kv_release_borrow(wmbt_kv_borrow_t *borrow) {
    if (borrow == NULL)
        return;
    uint32_t generation = borrow->env->process->fork_generation(borrow->env);
    if (generation != borrow->fork_generation)
        return; /* the parent's pin, not ours; its threads and locks are not here */
    wk_borrow_release(borrow);
}
