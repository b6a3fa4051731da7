/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks in batches that fit a frame.
 *
 *     get   as many blocks at a time as make about BATCH_BYTES of those seen lately; TOO_LARGE
 *           halves the batch; results are views into the replies
 *     put   as many as make BATCH_BYTES, in the order of the chain, each batch acknowledged
 *
 * Partial gets halve a batch that misses or fails, down to the block it is about, and grow again.
 */
#include "base/mark.h"
#include "base/num.h"
#include "base/text.h"
#include "rpc/client_impl.h"

#define BATCH_BYTES       (64ull * 1024 * 1024)
#define BATCH_BLOCKS_MAX  4096u
#define PROMPT_BLOCKS_MAX 8u /* in a partial get with a deadline: what has come then counts */
#define ASSUMED_BYTES     (1024u * 1024)
#define HEX_BYTES         (2 * sizeof(struct wk_block_hash))

/* ---- hashes as texts ------------------------------------------------------------------------- */

struct texts {
    struct wk_env *env;
    struct wk_span *spans;
    size_t bytes;
};

static enum wk_status texts_make(struct texts *t, struct wk_env *env,
                                 const struct wk_block_hash *hashes, size_t count,
                                 struct wk_error *err) {
    /* A terminator behind each, as wk_hex_encode writes it. */
    t->bytes = count * (sizeof *t->spans + HEX_BYTES + 1) + 1;
    t->env = env;
    t->spans = wk_alloc(env, WK_MEM_IO, t->bytes);
    if (t->spans == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for the names of %zu blocks", count);
    char *text = (char *)(t->spans + count);
    for (size_t i = 0; i < count; i++, text += HEX_BYTES + 1) {
        wk_hex_encode(wk_span(hashes[i].bytes, sizeof hashes[i].bytes), text);
        t->spans[i] = wk_span(text, HEX_BYTES);
    }
    return WK_OK;
}

static void texts_free(struct texts *t) {
    wk_release(t->env, WK_MEM_IO, t->spans, t->bytes);
}

/* ---- lookup ---------------------------------------------------------------------------------- */

static enum wk_status said_inside(const struct wk_rpc_client *c, uint8_t op,
                                  const struct wk_text_option *error, struct wk_error *err) {
    if (!error->some)
        return WK_OK;
    return wk_fail(err, WK_UNAVAILABLE, "%s at the daemon at %s: %.*s", wk_op_name(op),
                   c->config.at_text, (int)wk_min_u64(error->text.size, 500),
                   (const char *)error->text.data);
}

static enum wk_status read_lookup(struct wk_rpc_client *c, const struct wk_rpc_reply *reply,
                                  size_t count, size_t *out_matched, struct wk_error *err) {
    struct wk_lookup_resp resp;
    struct wk_wire_error error;
    enum wk_status status = wk_rpc_reply_status(c, reply, err);
    if (status != WK_OK)
        return status;
    if (!wk_lookup_resp_decode(reply->response.payload.bytes, &resp, &error))
        return wk_wire_fail(err, &error);
    status = said_inside(c, WK_OP_LOOKUP_BLOCK_PREFIX, &resp.error, err);
    if (status != WK_OK)
        return status;
    if (resp.matched_count > count)
        return wk_fail(err, WK_CORRUPT, "the daemon at %s matched %u of %zu blocks",
                       c->config.at_text, resp.matched_count, count);
    *out_matched = resp.matched_count;
    return WK_OK;
}

/* The list that becomes the payload of ops 11 and 12. */
static enum wk_status hashes_frame(struct wk_rpc_client *c, uint8_t op, struct wk_span ns,
                                   const struct wk_span *texts, size_t count,
                                   struct wk_frame *frame, struct wk_error *err) {
    struct wk_hashes_req m = {ns, texts, count};
    struct wk_wire_error error;
    enum wk_status status = wk_frame_open(frame, c->env, wk_hashes_req_need(&m), err);
    if (status != WK_OK)
        return status;
    bool encoded = op == WK_OP_LOOKUP_BLOCK_PREFIX
                       ? wk_lookup_req_encode(&frame->iov, &m, &error)
                       : wk_get_blocks_req_encode(&frame->iov, &m, &error);
    if (!encoded) {
        wk_frame_free(frame);
        return wk_wire_fail(err, &error);
    }
    wk_iov_close(&frame->iov);
    return WK_OK;
}

static enum wk_status call_hashes(struct wk_rpc_client *c, uint8_t op, struct wk_span ns,
                                  const struct wk_span *texts, size_t count, uint64_t deadline_ns,
                                  struct wk_rpc_reply *reply, struct wk_error *err) {
    struct wk_frame inner;
    enum wk_status status = hashes_frame(c, op, ns, texts, count, &inner, err);
    if (status != WK_OK)
        return status;
    struct wk_rpc_call call = {.op = op,
                               .ns = ns,
                               .nested = &inner.iov,
                               .repeatable = true,
                               .reply_bytes = op == WK_OP_GET_KV_BLOCKS_BATCH ? BATCH_BYTES : 0,
                               .deadline_ns = deadline_ns};
    status = wk_rpc_call(c, &call, reply, err);
    wk_frame_free(&inner);
    return status;
}

enum wk_status wk_rpc_client_lookup(struct wk_backend *b, struct wk_span ns,
                                    const struct wk_block_hash *hashes, size_t count,
                                    size_t *out_matched, struct wk_error *err) {
    struct wk_rpc_client *c = wk_rpc_client_of(b);
    struct texts texts;
    struct wk_rpc_reply reply;
    if (count == 0) {
        *out_matched = 0;
        return WK_OK;
    }
    enum wk_status status = texts_make(&texts, c->env, hashes, count, err);
    if (status != WK_OK)
        return status;
    status =
        call_hashes(c, WK_OP_LOOKUP_BLOCK_PREFIX, ns, texts.spans, count, WK_FOREVER, &reply, err);
    texts_free(&texts);
    if (status != WK_OK)
        return status;
    status = read_lookup(c, &reply, count, out_matched, err);
    wk_buffer_drop(reply.buffer);
    return status;
}

/* ---- get ------------------------------------------------------------------------------------- */

static size_t batch_blocks(struct wk_rpc_client *c) {
    uint64_t seen = wk_atomic_load_u64(&c->block_bytes, WK_RELAXED, "rpc.block_bytes");
    uint64_t fit = BATCH_BYTES / wk_max_u64(seen == 0 ? ASSUMED_BYTES : seen, 1);
    return (size_t)wk_max_u64(1, wk_min_u64(fit, BATCH_BLOCKS_MAX));
}

/* The largest block of the last batch stands for the next ones. */
static void note_blocks(struct wk_rpc_client *c, uint64_t largest) {
    wk_atomic_store_u64(&c->block_bytes, largest, WK_RELAXED, "rpc.block_bytes");
}

/* Pins what the reply holds for the results. Each result takes a reference of the buffer. */
static enum wk_status take_payloads(struct wk_rpc_client *c, const struct wk_rpc_reply *reply,
                                    const struct wk_archive_list *payloads, size_t count,
                                    struct wk_block_result *results, struct wk_error *err) {
    uint64_t largest = 0;
    if (payloads->count != count)
        return wk_fail(err, WK_CORRUPT, "the daemon at %s sent %zu blocks for %zu",
                       c->config.at_text, (size_t)payloads->count, count);
    enum wk_tier tier = wk_rpc_reply_tier(reply);
    for (size_t i = 0; i < count; i++) {
        struct wk_span bytes = wk_archive_bytes_at(payloads, (uint32_t)i);
        results[i] = (struct wk_block_result){
            .status = WK_OK, .tier = tier, .bytes = bytes, .pin = reply->buffer};
        largest = wk_max_u64(largest, bytes.size);
    }
    wk_buffer_hold(reply->buffer, (uint32_t)count);
    wk_atomic_add_u64(&c->refs, count, WK_RELAXED, "rpc.refs");
    note_blocks(c, largest);
    return WK_OK;
}

static enum wk_status read_get(struct wk_rpc_client *c, const struct wk_rpc_reply *reply,
                               size_t count, struct wk_block_result *results,
                               struct wk_error *err) {
    struct wk_get_blocks_resp_view resp;
    struct wk_wire_error error;
    enum wk_status status = wk_rpc_reply_status(c, reply, err);
    if (status != WK_OK)
        return status;
    if (!wk_get_blocks_resp_decode(reply->response.payload.bytes, &resp, &error))
        return wk_wire_fail(err, &error);
    status = said_inside(c, WK_OP_GET_KV_BLOCKS_BATCH, &resp.error, err);
    if (status != WK_OK)
        return status;
    if (!resp.hit)
        return WK_MISS;
    return take_payloads(c, reply, &resp.payloads, count, results, err);
}

/* One batch, all or nothing. `*answered`: the daemon has spoken; asking on makes sense. */
static enum wk_status get_batch(struct wk_rpc_client *c, struct wk_span ns,
                                const struct wk_span *texts, size_t count, uint64_t deadline_ns,
                                struct wk_block_result *results, bool *answered,
                                struct wk_error *err) {
    struct wk_rpc_reply reply;
    *answered = false;
    enum wk_status status =
        call_hashes(c, WK_OP_GET_KV_BLOCKS_BATCH, ns, texts, count, deadline_ns, &reply, err);
    if (status != WK_OK)
        return status;
    *answered = true;
    status = read_get(c, &reply, count, results, err);
    wk_buffer_drop(reply.buffer);
    return status;
}

static void set_status(struct wk_block_result *results, size_t count, enum wk_status status) {
    for (size_t i = 0; i < count; i++)
        results[i] = (struct wk_block_result){.status = status};
}

static enum wk_status get_all(struct wk_rpc_client *c, struct wk_span ns,
                              const struct wk_span *texts, size_t count, uint64_t deadline_ns,
                              struct wk_block_result *results, struct wk_error *err) {
    size_t at = 0;
    size_t limit = batch_blocks(c);
    while (at < count) {
        bool answered;
        size_t n = (size_t)wk_min_u64(limit, count - at);
        enum wk_status status =
            get_batch(c, ns, texts + at, n, deadline_ns, results + at, &answered, err);
        if (status == WK_OK) {
            at += n;
            limit = batch_blocks(c);
        } else if (status == WK_TOO_LARGE && answered && n > 1) {
            WK_MARK("rpc.batch_halved");
            limit = n / 2;
        } else {
            c->backend.ops->release(&c->backend, results, at);
            set_status(results, count, status);
            return status;
        }
    }
    return WK_OK;
}

static void get_partial(struct wk_rpc_client *c, struct wk_span ns, const struct wk_span *texts,
                        size_t count, uint64_t deadline_ns, struct wk_block_result *results) {
    size_t at = 0;
    size_t largest = deadline_ns == WK_FOREVER ? BATCH_BLOCKS_MAX : PROMPT_BLOCKS_MAX;
    size_t limit = wk_min_u64(batch_blocks(c), largest);
    while (at < count) {
        bool answered;
        size_t n = (size_t)wk_min_u64(limit, count - at);
        enum wk_status status =
            get_batch(c, ns, texts + at, n, deadline_ns, results + at, &answered, NULL);
        if (!answered) {
            set_status(results + at, count - at, status);
            return;
        }
        if (status != WK_OK && n > 1) {
            WK_MARK("rpc.partial_halved");
            limit = n / 2;
            continue;
        }
        if (status != WK_OK)
            set_status(results + at, 1, status);
        at += n;
        limit = wk_min_u64(wk_min_u64(2 * n, batch_blocks(c)), largest);
    }
}

enum wk_status wk_rpc_client_get(struct wk_backend *b, struct wk_span ns,
                                 const struct wk_block_hash *hashes, size_t count,
                                 enum wk_get_mode mode, uint64_t deadline_ns,
                                 struct wk_block_result *results, struct wk_error *err) {
    struct wk_rpc_client *c = wk_rpc_client_of(b);
    struct texts texts;
    enum wk_status status = texts_make(&texts, c->env, hashes, count, err);
    if (status != WK_OK)
        return status;
    if (mode == WK_GET_ALL)
        status = get_all(c, ns, texts.spans, count, deadline_ns, results, err);
    else
        get_partial(c, ns, texts.spans, count, deadline_ns, results);
    texts_free(&texts);
    return status;
}

/* ---- put ------------------------------------------------------------------------------------- */

static enum wk_status read_put(struct wk_rpc_client *c, const struct wk_rpc_reply *reply,
                               uint64_t bytes, struct wk_error *err) {
    struct wk_put_blocks_resp resp;
    struct wk_wire_error error;
    enum wk_status status = wk_rpc_reply_status(c, reply, err);
    if (status != WK_OK)
        return status == WK_MISS ? wk_fail(err, WK_CORRUPT, "a put was answered with a miss")
                                 : status;
    if (!wk_put_blocks_resp_decode(reply->response.payload.bytes, &resp, &error))
        return wk_wire_fail(err, &error);
    status = said_inside(c, WK_OP_PUT_KV_BLOCKS_BATCH, &resp.error, err);
    if (status != WK_OK)
        return status;
    if (resp.total_bytes != bytes)
        return wk_fail(err, WK_CORRUPT, "the daemon at %s stored %llu of %llu bytes",
                       c->config.at_text, (unsigned long long)resp.total_bytes,
                       (unsigned long long)bytes);
    return WK_OK;
}

/* All values of a block are interchangeable: a put may be sent twice. */
static enum wk_status put_frame(struct wk_rpc_client *c, const struct wk_put_blocks_req *m,
                                uint64_t bytes, struct wk_error *err) {
    struct wk_frame inner;
    struct wk_wire_error error;
    struct wk_rpc_reply reply;
    enum wk_status status = wk_frame_open(&inner, c->env, wk_put_blocks_req_need(m), err);
    if (status != WK_OK)
        return status;
    if (!wk_put_blocks_req_encode(&inner.iov, m, &error)) {
        wk_frame_free(&inner);
        return wk_wire_fail(err, &error);
    }
    wk_iov_close(&inner.iov);
    struct wk_rpc_call call = {.op = WK_OP_PUT_KV_BLOCKS_BATCH,
                               .ns = m->name_space,
                               .nested = &inner.iov,
                               .repeatable = true,
                               .reply_bytes = bytes, /* the daemon moves as many to the objects */
                               .deadline_ns = WK_FOREVER};
    status = wk_rpc_call(c, &call, &reply, err);
    wk_frame_free(&inner);
    if (status != WK_OK)
        return status;
    status = read_put(c, &reply, bytes, err);
    wk_buffer_drop(reply.buffer);
    return status;
}

/* How many of the payloads make one batch: at least one. */
static size_t put_batch(const struct wk_span *payloads, size_t count, uint64_t *bytes) {
    size_t n = 0;
    *bytes = 0;
    while (n < count && n < BATCH_BLOCKS_MAX &&
           (n == 0 || *bytes + payloads[n].size <= BATCH_BYTES))
        *bytes += payloads[n++].size;
    return n;
}

static enum wk_status put_batches(struct wk_rpc_client *c, struct wk_span ns,
                                  const struct wk_span *texts, const struct wk_span *payloads,
                                  struct wk_payload *room, size_t count, struct wk_error *err) {
    enum wk_status status = WK_OK;
    size_t at = 0;
    while (at < count && status == WK_OK) {
        uint64_t bytes;
        if (at > 0)
            WK_MARK("rpc.put_split");
        size_t n = put_batch(payloads + at, count - at, &bytes);
        for (size_t i = 0; i < n; i++)
            room[i] = wk_payload(payloads[at + i]);
        struct wk_put_blocks_req m = {ns, texts + at, n, room, n};
        status = put_frame(c, &m, bytes, err);
        at += n;
    }
    return status;
}

enum wk_status wk_rpc_client_put(struct wk_backend *b, struct wk_span ns,
                                 const struct wk_block_hash *hashes, const struct wk_span *payloads,
                                 size_t count, struct wk_error *err) {
    struct wk_rpc_client *c = wk_rpc_client_of(b);
    struct texts texts;
    size_t room_count = (size_t)wk_min_u64(count, BATCH_BLOCKS_MAX);
    enum wk_status status = texts_make(&texts, c->env, hashes, count, err);
    if (status != WK_OK)
        return status;
    struct wk_payload *room = wk_alloc(c->env, WK_MEM_IO, room_count * sizeof *room);
    if (room != NULL)
        status = put_batches(c, ns, texts.spans, payloads, room, count, err);
    else
        status = wk_fail(err, WK_NO_MEMORY, "no memory to put %zu blocks", count);
    wk_release(c->env, WK_MEM_IO, room, room_count * sizeof *room);
    texts_free(&texts);
    return status;
}
