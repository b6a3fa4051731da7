/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on a whole namespace or the whole daemon: 5 stats, 6 clear, 7 restore, 10 list. */
#include "base/num.h"
#include "base/text.h"
#include "codec/key_batch.h"
#include "daemon/dispatch_impl.h"

static const struct wk_span nothing = {NULL, 0};

/* ---- 5 stats, 6 clear, 7 restore ------------------------------------------------------------- */

static void text_release(struct wk_rpc_answer *answer) {
    struct wk_dispatch_text *t = answer->owner;
    wk_release(t->env, WK_MEM_IO, t, t->bytes);
}

struct wk_dispatch_text *wk_dispatch_text_new(struct wk_dispatch_call *call, size_t room) {
    size_t bytes = sizeof(struct wk_dispatch_text) + room;
    struct wk_dispatch_text *t = wk_alloc(call->d->env, WK_MEM_IO, bytes);
    if (t == NULL) {
        wk_dispatch_fail(call, "no memory for an answer of %zu bytes", room);
        return NULL;
    }
    t->env = call->d->env;
    t->bytes = bytes;
    call->answer->owner = t;
    call->answer->release = text_release;
    return t;
}

void wk_dispatch_stats(struct wk_dispatch_call *call) {
    if (!wk_dispatch_may(call, nothing, nothing, WK_ACCESS_ADMIN, 0))
        return;
    struct wk_dispatch_text *t = wk_dispatch_text_new(call, WK_TIMES_TEXT_BYTES);
    if (t == NULL)
        return;
    struct wk_writer w = wk_writer(t->text, WK_TIMES_TEXT_BYTES);
    wk_times_write(call->d->times, &w);
    call->answer->message = wk_writer_span(&w);
}

void wk_dispatch_clear(struct wk_dispatch_call *call) {
    if (wk_dispatch_may(call, nothing, nothing, WK_ACCESS_ADMIN, 0))
        call->d->store->ops->clear(call->d->store);
}

void wk_dispatch_restore(struct wk_dispatch_call *call) {
    struct wk_error err;
    struct wk_backend *store = call->d->store;
    uint64_t count;
    if (!wk_dispatch_may(call, call->request->name_space, nothing, WK_ACCESS_READ, 0))
        return;
    uint64_t begun_ns = wk_now_ns(call->d->env);
    enum wk_status status =
        store->ops->restore(store, call->request->name_space, WK_FOREVER, &count, &err);
    if (status != WK_OK) {
        wk_dispatch_fail(call, "restore: %s", err.text);
        return;
    }
    wk_dispatch_note(call, WK_TIMES_RESTORE, count, 0, begun_ns);
    size_t size =
        wk_format(call->answer->text, sizeof call->answer->text, "%llu", (unsigned long long)count);
    call->answer->message = wk_span(call->answer->text, size);
}

/* ---- 10 list --------------------------------------------------------------------------------- */

/* A key batch that grows; its count is written at the end. */
struct listing {
    struct wk_env *env;
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    uint32_t count;
    enum wk_status status;
};

static bool grow(struct listing *l, size_t more) {
    size_t capacity = l->capacity;
    while (capacity - l->size < more)
        capacity *= 2;
    if (capacity == l->capacity)
        return true;
    if (capacity > WK_DISPATCH_LIST_BYTES_MAX) {
        l->status = WK_TOO_LARGE;
        return false;
    }
    uint8_t *bytes = wk_alloc(l->env, WK_MEM_IO, capacity);
    if (bytes == NULL) {
        l->status = WK_NO_MEMORY;
        return false;
    }
    memcpy(bytes, l->bytes, l->size);
    wk_release(l->env, WK_MEM_IO, l->bytes, l->capacity);
    l->bytes = bytes;
    l->capacity = capacity;
    return true;
}

static bool add_key(void *ctx, struct wk_span key) {
    struct listing *l = ctx;
    if (!grow(l, key.size + 4))
        return false;
    struct wk_writer w = wk_writer(l->bytes + l->size, l->capacity - l->size);
    wk_write_u32le(&w, (uint32_t)key.size);
    wk_write_span(&w, key);
    l->size += w.at;
    l->count++;
    return true;
}

static void listing_release(struct wk_rpc_answer *answer) {
    struct listing *l = answer->owner;
    struct wk_env *env = l->env;
    wk_release(env, WK_MEM_IO, l->bytes, l->capacity);
    wk_release(env, WK_MEM_IO, l, sizeof *l);
}

static struct listing *listing_new(struct wk_dispatch_call *call) {
    enum { FIRST_BYTES = 64 * 1024 };
    struct wk_env *env = call->d->env;
    struct listing *l = wk_alloc(env, WK_MEM_IO, sizeof *l);
    uint8_t *bytes = wk_alloc(env, WK_MEM_IO, FIRST_BYTES);
    if (l == NULL || bytes == NULL) {
        wk_release(env, WK_MEM_IO, l, sizeof *l);
        wk_release(env, WK_MEM_IO, bytes, FIRST_BYTES);
        wk_dispatch_fail(call, "list: no memory");
        return NULL;
    }
    *l = (struct listing){.env = env, .bytes = bytes, .capacity = FIRST_BYTES};
    memcpy(bytes, WK_KEY_BATCH_MAGIC, WK_KEY_BATCH_MAGIC_BYTES);
    l->size = WK_KEY_BATCH_HEAD_BYTES;
    call->answer->owner = l;
    call->answer->release = listing_release;
    return l;
}

void wk_dispatch_list(struct wk_dispatch_call *call) {
    struct wk_error err;
    struct wk_backend *store = call->d->store;
    if (!wk_dispatch_may(call, call->request->name_space, nothing, WK_ACCESS_READ, 0))
        return;
    struct listing *l = listing_new(call);
    if (l == NULL)
        return;
    wk_error_clear(&err);
    enum wk_status status =
        store->ops->list(store, call->request->name_space, add_key, l, WK_FOREVER, &err);
    if (l->status == WK_TOO_LARGE)
        status =
            wk_fail(&err, WK_TOO_LARGE, "more keys than fit %u bytes", WK_DISPATCH_LIST_BYTES_MAX);
    else if (l->status != WK_OK)
        status = wk_fail(&err, l->status, "no memory for the keys");
    if (status != WK_OK) {
        wk_dispatch_fail(call, "list: %s", err.text);
        return;
    }
    struct wk_writer w = wk_writer(l->bytes + WK_KEY_BATCH_MAGIC_BYTES, 4);
    wk_write_u32le(&w, l->count);
    call->answer->payload = wk_payload(wk_span(l->bytes, l->size));
    size_t size =
        wk_format(call->answer->text, sizeof call->answer->text, "%u", (unsigned)l->count);
    call->answer->message = wk_span(call->answer->text, size);
}
