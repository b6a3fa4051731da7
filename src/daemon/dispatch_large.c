/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values as pieces: one that lies in one object, or the chunks that the reference's shared-memory
 * client made of it, which are sent one after the other as they lie in the cache.
 *
 * A manifest counts only if its chunks, put together, have the id that it names; what merely looks
 * like one is a value as it is. A chunk that is missing makes the value a miss.
 */
#include "base/text.h"
#include "codec/large_value.h"
#include "daemon/dispatch_impl.h"

static enum wk_status get_into(struct wk_dispatch_call *call, struct wk_dispatch_hold *h,
                               struct wk_span key, struct wk_error *err) {
    struct wk_backend *store = call->d->store;
    if (h->count == h->capacity)
        return wk_fail(err, WK_TOO_LARGE, "too many chunked values in one request");
    enum wk_status status = store->ops->get_value(store, call->request->name_space, key, WK_FOREVER,
                                                  &h->results[h->count], err);
    if (status == WK_OK)
        h->count++;
    return status;
}

static void let_go(struct wk_dispatch_hold *h, size_t first) {
    h->store->ops->release(h->store, h->results + first, h->count - first);
    h->count = first;
}

static bool is_whole(struct wk_dispatch_call *call, const struct wk_dispatch_hold *h, size_t first,
                     struct wk_span key, const struct wk_large_value *large) {
    struct wk_span pieces[WK_LARGE_PIECES_MAX];
    struct wk_large_value found;
    struct wk_wire_error error;
    size_t count = h->count - first;
    for (size_t i = 0; i < count; i++)
        pieces[i] = h->results[first + i].bytes;
    return wk_large_value_describe(call->request->name_space, key, pieces, count, &found, &error) &&
           found.total_bytes == large->total_bytes && memcmp(found.id, large->id, 64) == 0;
}

/* The chunks in place of the manifest at results[first]. */
static enum wk_status get_chunks(struct wk_dispatch_call *call, struct wk_dispatch_hold *h,
                                 struct wk_span key, const struct wk_large_value *large,
                                 struct wk_error *err) {
    size_t first = h->count;
    for (uint32_t i = 0; i < large->chunks; i++) {
        char chunk[WK_LARGE_CHUNK_KEY_BYTES + 1];
        wk_large_value_chunk_key(large, i, chunk);
        enum wk_status status = get_into(call, h, wk_span_text(chunk), err);
        if (status != WK_OK) {
            let_go(h, first);
            return status;
        }
    }
    if (is_whole(call, h, first, key, large))
        return WK_OK;
    let_go(h, first);
    return WK_CONFLICT;
}

enum wk_status wk_dispatch_value(struct wk_dispatch_call *call, struct wk_dispatch_hold *h,
                                 struct wk_span key, struct wk_error *err) {
    struct wk_large_value large;
    struct wk_wire_error error;
    size_t first = h->count;
    enum wk_status status = get_into(call, h, key, err);
    if (status != WK_OK || !wk_large_value_is_manifest(h->results[first].bytes) ||
        !wk_large_value_parse(h->results[first].bytes, &large, &error))
        return status;
    status = get_chunks(call, h, key, &large, err);
    if (status == WK_CONFLICT)
        return WK_OK; /* not a manifest: a value that looks like one */
    if (status != WK_OK) {
        let_go(h, first);
        return status;
    }
    /* The manifest itself is no part of the value. */
    h->store->ops->release(h->store, &h->results[first], 1);
    memmove(&h->results[first], &h->results[first + 1],
            (h->count - first - 1) * sizeof *h->results);
    h->count--;
    return WK_OK;
}

/* ---- answers --------------------------------------------------------------------------------- */

static struct wk_payload piece(const struct wk_block_result *r) {
    return (struct wk_payload){r->bytes, true, r->crc32c};
}

enum wk_status wk_dispatch_answer_pieces(struct wk_dispatch_call *call, struct wk_dispatch_hold *h,
                                         const struct wk_writer *head, struct wk_error *err) {
    struct wk_iov_need need = {.pieces = 2 * h->count + 2};
    call->answer->message = wk_dispatch_tier_text(h);
    if (h->count == 1 && head == NULL) {
        call->answer->payload = piece(&h->results[0]);
        return WK_OK;
    }
    /* Small pieces may be copied into scratch. */
    need.scratch_bytes = (head == NULL ? 0 : head->at) + h->count * WK_IOV_COPY_BYTES_MAX;
    enum wk_status status = wk_frame_open(&h->frame, call->d->env, need, err);
    if (status != WK_OK)
        return status;
    if (head != NULL)
        wk_iov_copy(&h->frame.iov, wk_writer_span(head));
    for (size_t i = 0; i < h->count; i++) {
        struct wk_payload p = piece(&h->results[i]);
        wk_iov_add(&h->frame.iov, &p);
    }
    wk_iov_close(&h->frame.iov);
    call->answer->nested = &h->frame.iov;
    return WK_OK;
}
