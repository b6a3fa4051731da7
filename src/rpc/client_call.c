/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its reply.
 *
 * A request goes out a second time only on a connection that the first try did not use, and only
 * when that is harmless: its op can be repeated, or the daemon cannot have seen all of it.
 */
#include "base/mark.h"
#include "base/progress.h"
#include "base/text.h"
#include "codec/http_head.h"
#include "rpc/client_impl.h"

#define HEAD_BYTES_MAX (4u * 1024)

/* ---- heads of HTTP --------------------------------------------------------------------------- */

static enum wk_status http_head_write(struct wk_rpc_client *c, uint64_t frame_bytes, char *to,
                                      size_t capacity, struct wk_span *out, struct wk_error *err) {
    char bearer[WK_RPC_TOKEN_BYTES_MAX + 8];
    size_t size = 0;
    if (c->config.token.size > 0)
        size = wk_format(bearer, sizeof bearer, "Bearer %.*s", (int)c->config.token.size,
                         (const char *)c->config.token.data);
    struct wk_writer w = wk_writer(to, capacity);
    struct wk_wire_error error;
    bool written = wk_http_write_request(&w, wk_span_text(c->config.at_text), frame_bytes,
                                         wk_span(bearer, size), &error);
    volatile char *wipe = bearer;
    for (size_t i = 0; i < size; i++)
        wipe[i] = 0;
    if (!written)
        return wk_wire_fail(err, &error);
    *out = wk_writer_span(&w);
    return WK_OK;
}

static enum wk_status http_head_read(struct wk_stream *stream, uint64_t deadline_ns,
                                     struct wk_http_response *out, struct wk_error *err) {
    size_t seen = 0;
    struct wk_http_fault fault;
    for (;;) {
        enum wk_http_progress progress =
            wk_http_response_read(wk_stream_ahead(stream), &seen, out, &fault);
        if (progress == WK_HTTP_BAD)
            return wk_wire_fail(err, &fault.error);
        if (progress == WK_HTTP_COMPLETE)
            break;
        enum wk_status status = wk_stream_more(stream, deadline_ns, err);
        if (status != WK_OK)
            return status;
    }
    wk_stream_consume(stream, out->head_bytes);
    return WK_OK;
}

/* What a daemon, or whatever answers at its address, says instead of a reply. */
static enum wk_status http_refused(struct wk_rpc_client *c, struct wk_stream *stream,
                                   const struct wk_http_response *head, uint64_t deadline_ns,
                                   struct wk_error *err) {
    WK_MARK("rpc.http_refused");
    char body[257] = "";
    char shown[300];
    size_t size = (size_t)wk_min_u64(head->has_content_length ? head->content_length : 0, 256);
    if (wk_stream_read(stream, body, size, deadline_ns, NULL, NULL) != WK_OK)
        size = 0;
    wk_quote(wk_span(body, size), shown, sizeof shown);
    /* Requests are made here: one that is called bad was damaged on its way, or another program
     * answers. */
    enum wk_status status = WK_UNAVAILABLE;
    if (head->status == 401 || head->status == 403)
        status = WK_DENIED;
    else if (head->status == 413)
        status = WK_TOO_LARGE;
    return wk_fail(err, status, "%s answered with HTTP status %u: %s", c->config.at_text,
                   head->status, shown);
}

/* ---- one exchange ---------------------------------------------------------------------------- */

static enum wk_status send_request(struct wk_rpc_client *c, struct wk_rpc_link *link,
                                   const struct wk_rpc_call *call, uint64_t id, uint64_t start_ns,
                                   struct wk_rpc_attempt *attempt, struct wk_error *err) {
    struct wk_wire_request request = {.id = id,
                                      .op = call->op,
                                      .name_space = call->ns,
                                      .key = call->key,
                                      .payload = call->payload};
    struct wk_frame frame;
    struct wk_span head = wk_span(NULL, 0);
    char text[HEAD_BYTES_MAX];
    uint64_t written = 0;
    enum wk_status status = wk_frame_request(&frame, c->env, &request, call->nested, err);
    if (status != WK_OK)
        return status;
    if (c->config.transport == WK_RPC_HTTP)
        status = http_head_write(c, wk_frame_bytes(&frame), text, sizeof text, &head, err);
    if (status == WK_OK) {
        uint64_t deadline = wk_progress_deadline_from(start_ns, c->config.call_timeout_ns,
                                                      wk_frame_bytes(&frame), call->deadline_ns);
        status = wk_frame_send(&frame, &link->stream, head, deadline, &written, err);
        attempt->sent_whole = written == head.size + wk_frame_bytes(&frame);
    }
    wk_frame_free(&frame);
    return status;
}

static enum wk_status receive_reply(struct wk_rpc_client *c, struct wk_rpc_link *link,
                                    const struct wk_rpc_call *call, struct wk_buffer **out,
                                    bool *keep, struct wk_error *err) {
    struct wk_envelope_header header;
    struct wk_http_response head = {0};
    uint64_t now = wk_now_ns(c->env);
    uint64_t deadline = wk_progress_deadline_from(now, c->config.call_timeout_ns, call->reply_bytes,
                                                  call->deadline_ns);
    enum wk_status status = WK_OK;
    *keep = true;
    if (c->config.transport == WK_RPC_HTTP) {
        status = http_head_read(&link->stream, deadline, &head, err);
        if (status == WK_OK && head.status != 200)
            status = http_refused(c, &link->stream, &head, deadline, err);
        *keep = head.keep_alive;
    }
    if (status == WK_OK)
        status = wk_message_read_header(&link->stream, deadline, &header, err);
    if (status == WK_OK && c->config.transport == WK_RPC_HTTP &&
        (!head.has_content_length ||
         head.content_length != WK_ENVELOPE_HEADER_BYTES + (uint64_t)header.body_bytes))
        status =
            wk_fail(err, WK_CORRUPT, "Content-Length is %llu for a message of %llu bytes",
                    (unsigned long long)head.content_length,
                    (unsigned long long)(WK_ENVELOPE_HEADER_BYTES + (uint64_t)header.body_bytes));
    if (status == WK_OK)
        status =
            wk_message_read_body(&link->stream, &c->buffers, &header, call->deadline_ns, out, err);
    return status;
}

static enum wk_status check_reply(const struct wk_rpc_call *call, uint64_t id,
                                  struct wk_rpc_reply *reply, struct wk_error *err) {
    struct wk_wire_error error;
    struct wk_wire_response *response = &reply->response;
    if (!wk_wire_response_archive_decode(wk_message_body(reply->buffer), 0, response, &error))
        return wk_wire_fail(err, &error);
    if (response->status > WK_REPLY_ERROR)
        return wk_fail(err, WK_CORRUPT, "reply with the unknown status %u", response->status);
    /* reply_of_another_request */
    if ((response->id == id || WK_PLANTED(50)) && response->op == call->op)
        return WK_OK;
    WK_MARK("rpc.wrong_reply");
    char shown[300];
    wk_quote(response->message, shown, sizeof shown);
    if (response->status == WK_REPLY_ERROR && response->id == 0 && response->op == 0)
        return wk_fail(err, WK_UNAVAILABLE, "the daemon could not read the request: %s", shown);
    return wk_fail(err, WK_CORRUPT, "reply number %llu to op %u where number %llu to op %u was due",
                   (unsigned long long)response->id, response->op, (unsigned long long)id,
                   call->op);
}

/* `*keep`: the connection is in step and may carry another request. */
static enum wk_status exchange(struct wk_rpc_client *c, struct wk_rpc_link *link,
                               const struct wk_rpc_call *call, struct wk_rpc_attempt *attempt,
                               struct wk_rpc_reply *out, bool *keep, struct wk_error *err) {
    uint64_t id = link->next_id++;
    struct wk_rpc_reply reply = {0};
    uint64_t start = wk_now_ns(c->env);
    *keep = false;
    attempt->sent_whole = false;
    enum wk_status status = send_request(c, link, call, id, start, attempt, err);
    if (status != WK_OK)
        return status;
    bool can_keep;
    status = receive_reply(c, link, call, &reply.buffer, &can_keep, err);
    if (status != WK_OK)
        return status;
    status = check_reply(call, id, &reply, err);
    if (status != WK_OK) {
        wk_buffer_drop(reply.buffer);
        return status;
    }
    *keep = can_keep;
    *out = reply;
    return WK_OK;
}

enum wk_status wk_rpc_exchange_on(struct wk_rpc_client *c, struct wk_rpc_link *link,
                                  const struct wk_rpc_call *call, struct wk_rpc_attempt *attempt,
                                  struct wk_rpc_reply *out, struct wk_error *err) {
    bool keep;
    return exchange(c, link, call, attempt, out, &keep, err);
}

/* ---- calls ----------------------------------------------------------------------------------- */

/* `*again`: a second try on another connection may help and does no harm. */
static enum wk_status try_once(struct wk_rpc_client *c, const struct wk_rpc_call *call,
                               struct wk_rpc_reply *out, bool *again, struct wk_error *err) {
    struct wk_rpc_link *link;
    struct wk_rpc_attempt attempt;
    bool keep;
    *again = false;
    enum wk_status status = wk_rpc_link_take(c, !call->repeatable, call->deadline_ns, &link, err);
    if (status != WK_OK)
        return status;
    status = exchange(c, link, call, &attempt, out, &keep, err);
    /* connection_kept_after_silence */
    if (keep || (WK_PLANTED(56) && status == WK_TIMEOUT)) {
        wk_rpc_link_give_back(c, link);
        return status;
    }
    /* tail_put_sent_again */
    *again =
        status == WK_UNAVAILABLE && (call->repeatable || !attempt.sent_whole || WK_PLANTED(55));
    if (status == WK_UNAVAILABLE && !*again)
        WK_MARK("rpc.not_repeated");
    wk_rpc_link_give_up(c, link);
    return status;
}

enum wk_status wk_rpc_call(struct wk_rpc_client *c, const struct wk_rpc_call *call,
                           struct wk_rpc_reply *out, struct wk_error *err) {
    struct wk_error why;
    bool again;
    wk_error_clear(&why);
    wk_atomic_add_u64(&c->calls, 1, WK_RELAXED, "rpc.calls");
    enum wk_status status = try_once(c, call, out, &again, &why);
    if (status != WK_OK && again) {
        WK_MARK("rpc.repeated");
        wk_atomic_add_u64(&c->repeated, 1, WK_RELAXED, "rpc.repeated");
        status = try_once(c, call, out, &again, &why);
    }
    if (status == WK_OK)
        return WK_OK;
    /* A miss is an answer of the daemon, never what became of a connection. */
    if (status == WK_MISS)
        status = WK_UNAVAILABLE;
    return wk_fail(err, status, "%s to the daemon at %s: %s", wk_op_name(call->op),
                   c->config.at_text, why.text);
}

enum wk_status wk_rpc_reply_status(const struct wk_rpc_client *c, const struct wk_rpc_reply *reply,
                                   struct wk_error *err) {
    const struct wk_wire_response *r = &reply->response;
    if (r->status == WK_REPLY_OK)
        return WK_OK;
    if (r->status == WK_REPLY_MISS)
        return WK_MISS;
    char shown[WK_ERROR_TEXT_BYTES / 2];
    size_t size = (size_t)wk_min_u64(r->message.size, sizeof shown - 1);
    wk_format(shown, sizeof shown, "%.*s", (int)size, (const char *)r->message.data);
    enum wk_status status = r->status == WK_REPLY_TOO_LARGE ? WK_TOO_LARGE : WK_UNAVAILABLE;
    if (strncmp(shown, WK_RPC_DENIED_PREFIX, sizeof WK_RPC_DENIED_PREFIX - 1) == 0)
        status = WK_DENIED;
    return wk_fail(err, status, "%s at the daemon at %s: %s", wk_op_name(r->op), c->config.at_text,
                   shown);
}
