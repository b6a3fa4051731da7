/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mark.h"
#include "base/text.h"
#include "daemon/dispatch_impl.h"

/* ---- what the operations share --------------------------------------------------------------- */

void wk_dispatch_fail(struct wk_dispatch_call *call, const char *format, ...) {
    struct wk_rpc_answer *a = call->answer;
    va_list args;
    va_start(args, format);
    size_t size = wk_format_list(a->text, sizeof a->text, format, args);
    va_end(args);
    a->status = WK_REPLY_ERROR;
    a->message = wk_span(a->text, size);
}

static void hold_release(struct wk_rpc_answer *answer) {
    struct wk_dispatch_hold *h = answer->owner;
    h->store->ops->release(h->store, h->results, h->count);
    wk_frame_free(&h->frame);
    wk_release(h->env, WK_MEM_IO, h->results, h->capacity * sizeof *h->results);
    wk_release(h->env, WK_MEM_IO, h, sizeof *h);
}

struct wk_dispatch_hold *wk_dispatch_hold_new(struct wk_dispatch_call *call, size_t count) {
    struct wk_env *env = call->d->env;
    struct wk_dispatch_hold *h = wk_alloc(env, WK_MEM_IO, sizeof *h);
    size_t bytes = count * sizeof *h->results;
    struct wk_block_result *results = wk_alloc(env, WK_MEM_IO, bytes);
    if (h == NULL || results == NULL) {
        wk_release(env, WK_MEM_IO, h, sizeof *h);
        wk_release(env, WK_MEM_IO, results, bytes);
        wk_dispatch_fail(call, "no memory for %zu blocks", count);
        return NULL;
    }
    memset(h, 0, sizeof *h);
    for (size_t i = 0; i < count; i++)
        results[i] = (struct wk_block_result){.status = WK_MISS};
    h->env = env;
    h->store = call->d->store;
    h->results = results;
    h->count = count;
    h->capacity = count;
    call->answer->owner = h;
    call->answer->release = hold_release;
    return h;
}

struct wk_span wk_dispatch_tier_text(const struct wk_dispatch_hold *h) {
    for (size_t i = 0; i < h->count; i++) {
        if (h->results[i].tier == WK_TIER_OBJECT)
            return wk_span_text("tier:2");
    }
    return wk_span_text("tier:1");
}

void wk_dispatch_note(struct wk_dispatch_call *call, enum wk_times_kind kind, uint64_t count,
                      uint64_t bytes, uint64_t begun_ns) {
    uint64_t ns = wk_now_ns(call->d->env) - begun_ns;
    wk_times_note(call->d->times, kind, count, bytes, ns / WK_NS_PER_US);
}

void wk_dispatch_note_results(struct wk_dispatch_call *call, const struct wk_dispatch_hold *h,
                              uint64_t begun_ns) {
    uint64_t count[WK_TIMES_KIND_COUNT] = {0};
    uint64_t bytes[WK_TIMES_KIND_COUNT] = {0};
    for (size_t i = 0; i < h->count; i++) {
        enum wk_times_kind kind = WK_TIMES_LOAD_RAM;
        if (h->results[i].tier == WK_TIER_OBJECT)
            kind = WK_TIMES_LOAD_OBJECT;
        else if (h->results[i].tier == WK_TIER_DISK)
            kind = WK_TIMES_LOAD_DISK;
        count[kind]++;
        bytes[kind] += h->results[i].bytes.size;
    }
    for (int kind = 0; kind < WK_TIMES_KIND_COUNT; kind++) {
        if (count[kind] > 0)
            wk_dispatch_note(call, (enum wk_times_kind)kind, count[kind], bytes[kind], begun_ns);
    }
}

void wk_dispatch_miss(struct wk_dispatch_call *call, uint64_t begun_ns) {
    call->answer->status = WK_REPLY_MISS;
    call->answer->message = wk_span(NULL, 0);
    wk_dispatch_note(call, WK_TIMES_MISS, 1, 0, begun_ns);
}

bool wk_dispatch_may(struct wk_dispatch_call *call, struct wk_span ns, struct wk_span key,
                     enum wk_access access, uint64_t put_bytes) {
    struct wk_error err;
    if (wk_auth_check(call->d->auth, call->session, ns, key, access, put_bytes, &err) == WK_OK)
        return true;
    WK_MARK("dispatch.denied");
    wk_dispatch_fail(call, WK_RPC_DENIED_PREFIX "%s", err.text);
    return false;
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Answered by the status alone. CLOSE ends nothing here: the connection is the client's. */
static void answer_ok(struct wk_dispatch_call *call) {
    (void)call;
}

/* The token of a TCP connection. A wrong one takes away what a right one gave. */
static void authenticate(struct wk_dispatch_call *call) {
    struct wk_error err;
    struct wk_span token = call->request->payload.bytes;
    if (wk_auth_identify(call->d->auth, call->session, token, &err) != WK_OK)
        wk_dispatch_fail(call, WK_RPC_DENIED_PREFIX "%s", err.text);
}

struct operation {
    uint8_t op;
    void (*run)(struct wk_dispatch_call *call);
};

static const struct operation operations[] = {
    {WK_OP_PING, answer_ok},
    {WK_OP_PUT, wk_dispatch_put},
    {WK_OP_GET, wk_dispatch_get},
    {WK_OP_EXISTS, wk_dispatch_exists},
    {WK_OP_STATS, wk_dispatch_stats},
    {WK_OP_CLEAR, wk_dispatch_clear},
    {WK_OP_RESTORE, wk_dispatch_restore},
    {WK_OP_CLOSE, answer_ok},
    {WK_OP_GET_MANY, wk_dispatch_get_many},
    {WK_OP_LIST, wk_dispatch_list},
    {WK_OP_LOOKUP_BLOCK_PREFIX, wk_dispatch_lookup},
    {WK_OP_GET_KV_BLOCKS_BATCH, wk_dispatch_get_blocks},
    {WK_OP_PUT_KV_BLOCKS_BATCH, wk_dispatch_put_blocks},
    {WK_OP_AUTH, authenticate},
};

static const struct operation *find(uint8_t op) {
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (operations[i].op == op)
            return &operations[i];
    }
    return NULL;
}

void wk_dispatch_serve(void *ctx, struct wk_rpc_session *session,
                       const struct wk_wire_request *request, struct wk_rpc_answer *answer) {
    struct wk_dispatch_call call = {ctx, session, request, answer};
    const struct operation *operation = find(request->op);
    uint64_t begun_ns = wk_metrics_begin(call.d->metrics);
    if (operation != NULL)
        operation->run(&call);
    else
        wk_dispatch_fail(&call, "unknown op %u", request->op);
    wk_metrics_end(call.d->metrics, begun_ns, request->op, answer->status);
}
