/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer, whatever the framing. */
#include "base/progress.h"
#include "base/text.h"
#include "rpc/server_impl.h"

#define LINGER_NS        (500ull * WK_NS_PER_MS)
#define LINGER_BYTES_MAX (1024u * 1024)

static enum wk_status send_response(struct wk_rpc_connection *c,
                                    const struct wk_wire_response *response,
                                    const struct wk_iov *nested,
                                    const struct wk_rpc_head_writer *head, struct wk_error *err) {
    struct wk_env *env = c->server->env;
    struct wk_frame frame;
    char text[WK_HTTP_HEAD_WRITE_BYTES];
    size_t head_bytes = 0;
    enum wk_status status = wk_frame_response(&frame, env, response, nested, err);
    if (status != WK_OK)
        return status;
    if (head != NULL)
        head_bytes = head->write(head->ctx, wk_frame_bytes(&frame), text, sizeof text);
    uint64_t now = wk_now_ns(env);
    uint64_t deadline = wk_progress_deadline(now, wk_frame_bytes(&frame), WK_FOREVER);
    status = wk_frame_send(&frame, &c->stream, wk_span(text, head_bytes), deadline, NULL, err);
    wk_frame_free(&frame);
    return status;
}

/* What could not be encoded is said instead: the client is still waiting, and in step. */
static enum wk_status send_reason(struct wk_rpc_connection *c, const struct wk_wire_request *to,
                                  enum wk_status why, const struct wk_error *text,
                                  const struct wk_rpc_head_writer *head, struct wk_error *err) {
    struct wk_wire_response response = {
        .id = to->id,
        .op = to->op,
        .status = why == WK_TOO_LARGE ? WK_REPLY_TOO_LARGE : WK_REPLY_ERROR,
        .message = wk_span_text(text->text),
    };
    return send_response(c, &response, NULL, head, err);
}

enum wk_status wk_rpc_answer_error(struct wk_rpc_connection *c, const struct wk_error *why,
                                   const struct wk_rpc_head_writer *head, struct wk_error *err) {
    struct wk_wire_request nobody = {0};
    return send_reason(c, &nobody, why->status, why, head, err);
}

static enum wk_status send_answer(struct wk_rpc_connection *c,
                                  const struct wk_wire_request *request,
                                  const struct wk_rpc_answer *answer,
                                  const struct wk_rpc_head_writer *head, struct wk_error *err) {
    struct wk_wire_response response = {
        .id = request->id,
        .op = request->op,
        .status = answer->status,
        .payload = answer->payload,
        .message = answer->message,
    };
    struct wk_error why;
    wk_error_clear(&why);
    enum wk_status status = send_response(c, &response, answer->nested, head, &why);
    if (status == WK_TOO_LARGE || status == WK_NO_MEMORY || status == WK_CORRUPT)
        return send_reason(c, request, status, &why, head, err);
    if (status != WK_OK)
        return wk_fail(err, status, "%s", why.text);
    return WK_OK;
}

void wk_rpc_linger(struct wk_rpc_connection *c) {
    uint64_t now = wk_now_ns(c->server->env);
    enum wk_status ended = wk_stream_skip(&c->stream, LINGER_BYTES_MAX, now + LINGER_NS, NULL);
    (void)ended; /* however it ends */
}

enum wk_status wk_rpc_exchange(struct wk_rpc_connection *c, struct wk_span body,
                               const struct wk_rpc_head_writer *head, struct wk_error *err) {
    const struct wk_rpc_service *service = &c->server->config.service;
    struct wk_wire_request request;
    struct wk_wire_error error;
    struct wk_rpc_answer answer;
    if (!wk_wire_request_archive_decode(body, 0, &request, &error))
        return wk_wire_fail(err, &error);
    memset(&answer, 0, sizeof answer);
    service->serve(service->ctx, &c->session, &request, &answer);
    enum wk_status status = send_answer(c, &request, &answer, head, err);
    if (answer.release != NULL)
        answer.release(&answer);
    return status;
}
