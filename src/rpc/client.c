/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a client, and its place behind struct wk_backend. */
#include "base/num.h"
#include "base/text.h"
#include "rpc/client_impl.h"

/* Reply memory: what replies and leases may hold at a time, and what is kept for the next ones. */
#define REPLY_BUDGET_BYTES (1ull << 40) /* leases are the engine's to bound */
#define REPLY_KEEP_BYTES   (160ull * 1024 * 1024)

static enum wk_status copy_text(struct wk_env *env, struct wk_span text, char **out) {
    char *copy = wk_alloc(env, WK_MEM_HANDLE, text.size + 1);
    if (copy == NULL)
        return WK_NO_MEMORY;
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    *out = copy;
    return WK_OK;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void free_texts(struct wk_rpc_client *c) {
    struct wk_env *env = c->env;
    if (c->config.at_text != NULL)
        wk_release(env, WK_MEM_HANDLE, (char *)c->config.at_text, strlen(c->config.at_text) + 1);
    if (c->config.token.data == NULL)
        return;
    volatile uint8_t *wipe = (uint8_t *)c->config.token.data;
    for (size_t i = 0; i < c->config.token.size; i++)
        wipe[i] = 0;
    wk_release(env, WK_MEM_HANDLE, (uint8_t *)c->config.token.data, c->config.token.size + 1);
}

static void client_free(struct wk_rpc_client *c) {
    struct wk_env *env = c->env;
    wk_buffers_destroy(&c->buffers);
    env->threads->cond_destroy(env, &c->given_back);
    env->threads->mutex_destroy(env, &c->mutex);
    if (c->tls != NULL)
        env->net->tls_release(env, c->tls);
    free_texts(c);
    wk_release(env, WK_MEM_HANDLE, c, sizeof *c);
}

void wk_rpc_client_drop(struct wk_rpc_client *c, uint64_t count) {
    if (wk_atomic_sub_u64(&c->refs, count, WK_ACQ_REL, "rpc.refs") == count)
        client_free(c);
}

/* Connections end with the handle; replies stay until their leases are released. */
static void client_close(struct wk_backend *b) {
    struct wk_rpc_client *c = wk_rpc_client_of(b);
    wk_rpc_links_close(c);
    wk_rpc_client_drop(c, 1);
}

static void client_release(struct wk_backend *b, const struct wk_block_result *results,
                           size_t count) {
    uint64_t leases = 0;
    for (size_t i = 0; i < count; i++) {
        if (results[i].status != WK_OK || results[i].pin == NULL)
            continue;
        wk_buffer_drop(results[i].pin);
        leases++;
    }
    if (leases > 0)
        wk_rpc_client_drop(wk_rpc_client_of(b), leases);
}

/* ---- small operations ------------------------------------------------------------------------ */

/* What the daemon acknowledged is stored; nothing waits here. */
static enum wk_status client_flush(struct wk_backend *b, uint64_t deadline_ns,
                                   uint64_t *out_pending, struct wk_error *err) {
    (void)b;
    (void)deadline_ns;
    (void)err;
    *out_pending = 0;
    return WK_OK;
}

static void client_stats(struct wk_backend *b,
                         void (*each)(void *ctx, const char *name, uint64_t value), void *ctx) {
    struct wk_rpc_client *c = wk_rpc_client_of(b);
    wk_lock(c->env, &c->mutex);
    uint32_t links = c->link_count;
    wk_unlock(c->env, &c->mutex);
    uint64_t bytes = wk_buffers_in_use(&c->buffers);
    each(ctx, "calls", wk_atomic_load_u64(&c->calls, WK_RELAXED, "rpc.calls"));
    each(ctx, "calls_repeated", wk_atomic_load_u64(&c->repeated, WK_RELAXED, "rpc.repeated"));
    each(ctx, "connects", wk_atomic_load_u64(&c->connects, WK_RELAXED, "rpc.connects"));
    each(ctx, "connections", links);
    each(ctx, "reply_bytes", bytes);
}

static const struct wk_backend_ops client_ops = {
    .lookup = wk_rpc_client_lookup,
    .contains = wk_rpc_client_contains,
    .get = wk_rpc_client_get,
    .put = wk_rpc_client_put,
    .get_tail = wk_rpc_client_get_tail,
    .put_tail = wk_rpc_client_put_tail,
    .flush = client_flush,
    .stats = client_stats,
    .release = client_release,
    .close = client_close,
};

/* ---- opening --------------------------------------------------------------------------------- */

static enum wk_status make_parts(struct wk_rpc_client *c) {
    struct wk_env *env = c->env;
    if (env->threads->mutex_init(env, &c->mutex) != WK_OK)
        return WK_NO_MEMORY;
    if (env->threads->cond_init(env, &c->given_back) != WK_OK)
        goto no_cond;
    if (wk_buffers_init(&c->buffers, env, REPLY_BUDGET_BYTES, REPLY_KEEP_BYTES) == WK_OK)
        return WK_OK;
    env->threads->cond_destroy(env, &c->given_back);
no_cond:
    env->threads->mutex_destroy(env, &c->mutex);
    return WK_NO_MEMORY;
}

static enum wk_status take_config(struct wk_rpc_client *c,
                                  const struct wk_rpc_client_config *config, struct wk_error *err) {
    char *text;
    c->config = *config;
    c->config.at_text = NULL;
    c->config.token = wk_span(NULL, 0);
    c->config.tls = NULL;
    if (config->token.size > WK_RPC_TOKEN_BYTES_MAX)
        return wk_fail(err, WK_INVALID, "the token has %zu bytes; at most %u are allowed",
                       config->token.size, WK_RPC_TOKEN_BYTES_MAX);
    if (copy_text(c->env, wk_span_text(config->at_text), &text) != WK_OK)
        return wk_fail(err, WK_NO_MEMORY, "no memory for a client");
    c->config.at_text = text;
    if (config->token.size > 0) {
        if (copy_text(c->env, config->token, &text) != WK_OK)
            return wk_fail(err, WK_NO_MEMORY, "no memory for a client");
        c->config.token = wk_span(text, config->token.size);
    }
    if (config->tls == NULL)
        return WK_OK;
    return c->env->net->tls_create(c->env, config->tls, false, &c->tls, err);
}

static enum wk_status say_hello(struct wk_rpc_client *c, struct wk_error *err) {
    struct wk_rpc_call call = {.op = WK_OP_PING, .repeatable = true, .deadline_ns = WK_FOREVER};
    struct wk_rpc_reply reply;
    enum wk_status status = wk_rpc_call(c, &call, &reply, err);
    if (status != WK_OK)
        return status;
    status = wk_rpc_reply_status(c, &reply, err);
    wk_buffer_drop(reply.buffer);
    return status == WK_MISS ? WK_UNAVAILABLE : status;
}

enum wk_status wk_rpc_client_open(struct wk_env *env, const struct wk_rpc_client_config *config,
                                  struct wk_backend **out, struct wk_error *err) {
    struct wk_rpc_client *c = wk_alloc(env, WK_MEM_HANDLE, sizeof *c);
    if (c == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for a client");
    memset(c, 0, sizeof *c);
    c->backend.ops = &client_ops;
    c->env = env;
    wk_list_init(&c->resting);
    wk_atomic_store_u64(&c->refs, 1, WK_RELAXED, "rpc.refs");
    if (make_parts(c) != WK_OK) {
        wk_release(env, WK_MEM_HANDLE, c, sizeof *c);
        return wk_fail(err, WK_NO_MEMORY, "no memory for a client");
    }
    enum wk_status status = take_config(c, config, err);
    if (status == WK_OK)
        status = say_hello(c, err);
    if (status != WK_OK) {
        client_close(&c->backend);
        return status;
    }
    *out = &c->backend;
    return WK_OK;
}
