/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server side of an HTTP/1.1 connection.
 *
 *     head -> POST /wmbt/v1/rpc   body of exactly one frame -> exchange
 *             GET anything        the service's pages
 *             else                404
 *
 * A body that is not wanted is read away, so that its bytes are never taken for the next head; one
 * of unknown or refused size ends the connection instead.
 */
#include "base/mark.h"
#include "base/num.h"
#include "base/progress.h"
#include "base/text.h"
#include "codec/http_head.h"
#include "rpc/server_impl.h"

#define HEAD_NS (30ull * WK_NS_PER_S)

/* A frame at its limit and its envelope. */
#define BODY_BYTES_MAX ((uint64_t)WK_FRAME_BODY_BYTES_MAX + WK_ENVELOPE_HEADER_BYTES)

/* Unwanted bodies up to this size are read away; beyond it closing is cheaper for everybody. */
#define SKIP_BYTES_MAX (1024u * 1024)

/* ---- answers that are not replies ------------------------------------------------------------ */

static enum wk_status send_plain(struct wk_rpc_connection *c, unsigned answer, const char *type,
                                 struct wk_span body, bool keep, struct wk_error *err) {
    char text[WK_HTTP_HEAD_WRITE_BYTES];
    struct wk_writer w = wk_writer(text, sizeof text);
    struct wk_wire_error error;
    if (!wk_http_write_response(&w, answer, type, body.size, keep, &error))
        return wk_wire_fail(err, &error);
    struct wk_span spans[] = {wk_writer_span(&w), body};
    uint64_t now = wk_now_ns(c->server->env);
    return wk_stream_write(&c->stream, spans, 2, wk_progress_deadline(now, body.size, WK_FOREVER),
                           NULL, err);
}

static enum wk_status send_text(struct wk_rpc_connection *c, unsigned answer, const char *text,
                                bool keep, struct wk_error *err) {
    return send_plain(c, answer, WK_HTTP_TEXT_TYPE, wk_span_text(text), keep, err);
}

/* The connection ends after it. */
static void refuse(struct wk_rpc_connection *c, unsigned answer, const struct wk_error *why) {
    wk_rpc_count_malformed(c, why);
    if (send_text(c, answer, why->text, false, NULL) == WK_OK)
        wk_rpc_linger(c);
}

static unsigned answer_for(enum wk_status status) {
    switch (status) {
    case WK_TOO_LARGE:
        return 413;
    case WK_TIMEOUT:
        return 408;
    case WK_NO_MEMORY:
        return 503;
    default:
        return 400;
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

enum outcome { GO_ON, CLOSE };

/* The next head; CLOSE when there is none, or it was refused. */
static enum outcome read_head(struct wk_rpc_connection *c, struct wk_http_request *out) {
    size_t seen = 0;
    struct wk_error err;
    struct wk_http_fault fault;
    uint64_t now = wk_now_ns(c->server->env);
    for (;;) {
        enum wk_http_progress progress =
            wk_http_request_read(wk_stream_ahead(&c->stream), &seen, out, &fault);
        if (progress == WK_HTTP_COMPLETE)
            return GO_ON;
        if (progress == WK_HTTP_BAD) {
            (void)wk_wire_fail(&err, &fault.error);
            refuse(c, fault.answer, &err);
            return CLOSE;
        }
        enum wk_status status = wk_stream_more(&c->stream, now + HEAD_NS, &err);
        if (status == WK_TIMEOUT)
            refuse(c, 408, &err);
        if (status != WK_OK)
            return CLOSE;
    }
}

/* Past a body that nobody wants. */
static bool skip_body(struct wk_rpc_connection *c, const struct wk_http_request *head) {
    if (head->chunked || head->content_length > SKIP_BYTES_MAX)
        return false;
    if (head->content_length == 0 || WK_PLANTED(51)) /* unwanted_body_left */
        return true;
    WK_MARK("rpc.body_skipped");
    if (head->expect_continue)
        return false; /* it was not sent yet, or it was: nobody can tell */
    uint64_t now = wk_now_ns(c->server->env);
    uint64_t deadline = wk_progress_deadline(now, head->content_length, WK_FOREVER);
    return wk_stream_skip(&c->stream, head->content_length, deadline, NULL) == WK_OK;
}

static bool span_is(struct wk_span span, const char *text) {
    return wk_span_equal(span, wk_span_text(text));
}

/* The token of "Bearer <token>", or nothing. */
static struct wk_span bearer(struct wk_span authorization) {
    static const char scheme[] = "Bearer ";
    const size_t size = sizeof scheme - 1;
    if (authorization.size <= size ||
        !wk_equal_ignoring_case(wk_span(authorization.data, size), scheme))
        return wk_span(NULL, 0);
    return wk_span(authorization.data + size, authorization.size - size);
}

/* ---- pages ----------------------------------------------------------------------------------- */

static enum outcome serve_page(struct wk_rpc_connection *c, const struct wk_http_request *head,
                               struct wk_span target) {
    const struct wk_rpc_service *service = &c->server->config.service;
    struct wk_rpc_page page = {.status = 200, .content_type = WK_HTTP_TEXT_TYPE};
    bool keep = skip_body(c, head) && head->keep_alive;
    bool found =
        span_is(head->method, "GET") && service->page(service->ctx, &c->session, target, &page);
    enum wk_status status;
    if (found)
        status = send_plain(c, page.status, page.content_type, page.body, keep, NULL);
    else
        status = send_text(c, 404, "unknown route", keep, NULL);
    if (found && page.release != NULL)
        page.release(&page);
    return status == WK_OK && keep ? GO_ON : CLOSE;
}

/* ---- remote calls ---------------------------------------------------------------------------- */

static size_t write_reply_head(void *ctx, uint64_t frame_bytes, char *to, size_t capacity) {
    const struct wk_http_request *head = ctx;
    struct wk_writer w = wk_writer(to, capacity);
    struct wk_wire_error error;
    if (!wk_http_write_response(&w, 200, WK_HTTP_RPC_TYPE, frame_bytes, head->keep_alive, &error))
        return 0;
    return w.at;
}

static enum wk_status read_frame(struct wk_rpc_connection *c, const struct wk_http_request *head,
                                 struct wk_buffer **out, struct wk_error *err) {
    struct wk_envelope_header header;
    uint64_t now = wk_now_ns(c->server->env);
    if (head->content_length < WK_ENVELOPE_HEADER_BYTES)
        return wk_fail(err, WK_CORRUPT, "a body of %llu bytes holds no frame",
                       (unsigned long long)head->content_length);
    enum wk_status status = wk_message_read_header(&c->stream, now + HEAD_NS, &header, err);
    if (status != WK_OK)
        return status;
    if (head->content_length != WK_ENVELOPE_HEADER_BYTES + (uint64_t)header.body_bytes)
        return wk_fail(
            err, WK_CORRUPT, "Content-Length is %llu for a frame of %llu bytes",
            (unsigned long long)head->content_length,
            (unsigned long long)(WK_ENVELOPE_HEADER_BYTES + (uint64_t)header.body_bytes));
    return wk_message_read_body(&c->stream, &c->server->buffers, &header, WK_FOREVER, out, err);
}

static enum wk_status say_continue(struct wk_rpc_connection *c, struct wk_error *err) {
    struct wk_span line = wk_span_text(WK_HTTP_CONTINUE);
    uint64_t now = wk_now_ns(c->server->env);
    return wk_stream_write(&c->stream, &line, 1, now + HEAD_NS, NULL, err);
}

static enum outcome serve_rpc(struct wk_rpc_connection *c, struct wk_http_request *head) {
    struct wk_error err;
    struct wk_http_fault fault;
    struct wk_buffer *buffer;
    wk_error_clear(&err);
    if (!wk_http_request_has_body(head, BODY_BYTES_MAX, &fault)) {
        (void)wk_wire_fail(&err, &fault.error);
        refuse(c, fault.answer, &err);
        return CLOSE;
    }
    enum wk_status status = head->expect_continue ? say_continue(c, &err) : WK_OK;
    if (status == WK_OK)
        status = read_frame(c, head, &buffer, &err);
    if (status == WK_UNAVAILABLE)
        return CLOSE; /* the peer is gone */
    if (status != WK_OK) {
        refuse(c, answer_for(status), &err);
        return CLOSE;
    }
    struct wk_rpc_head_writer writer = {write_reply_head, head};
    status = wk_rpc_exchange(c, wk_message_body(buffer), &writer, &err);
    wk_buffer_drop(buffer);
    if (status == WK_CORRUPT)
        refuse(c, 400, &err);
    return status == WK_OK && head->keep_alive ? GO_ON : CLOSE;
}

/* A call needs a token where tokens are used; whether a page does is the page's to say. */
static enum outcome serve_one(struct wk_rpc_connection *c) {
    const struct wk_rpc_service *service = &c->server->config.service;
    struct wk_http_request head;
    struct wk_error err;
    char target[256];
    if (read_head(c, &head) == CLOSE)
        return CLOSE;
    bool is_rpc = span_is(head.method, "POST") && span_is(head.target, WK_HTTP_RPC_TARGET);
    size_t size = wk_format(target, sizeof target, "%.*s", (int)wk_min_u64(head.target.size, 255),
                            (const char *)head.target.data);
    enum wk_status status =
        service->authenticate(service->ctx, &c->session, bearer(head.authorization), &err);
    wk_stream_consume(&c->stream, head.head_bytes);
    if (!is_rpc)
        return serve_page(c, &head, wk_span(target, size));
    if (status == WK_OK)
        return serve_rpc(c, &head);
    bool keep = skip_body(c, &head) && head.keep_alive;
    return send_text(c, 401, err.text, keep, NULL) == WK_OK && keep ? GO_ON : CLOSE;
}

void wk_rpc_serve_http(struct wk_rpc_connection *c) {
    struct wk_error err;
    for (;;) {
        uint64_t deadline = wk_rpc_connection_rests_until(c);
        if (wk_stream_wait(&c->stream, deadline, &err) != WK_OK)
            return;
        if (!wk_rpc_connection_works(c))
            return;
        if (serve_one(c) == CLOSE || !wk_rpc_connection_rests(c))
            return;
    }
}
