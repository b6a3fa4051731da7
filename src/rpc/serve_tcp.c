/* SPDX-License-Identifier: Apache-2.0 */
/* The server side of a bare connection: frame after frame. */
#include "base/num.h"
#include "rpc/server_impl.h"
#include "rpc/transport.h"

/* From the first byte of a header to its last. */
#define HEADER_NS (30ull * WK_NS_PER_S)

/* Whether what went wrong is in the bytes, so that the peer should hear of it. */
static bool is_malformed(enum wk_status status) {
    return status == WK_CORRUPT || status == WK_TOO_LARGE || status == WK_INVALID ||
           status == WK_DENIED;
}

/* Room for large frames is scarce, and a stranger that announces one holds it without sending. */
static enum wk_status check_stranger(const struct wk_rpc_connection *c,
                                     const struct wk_envelope_header *header,
                                     struct wk_error *err) {
    if (c->server->config.stranger_ns == 0 || c->session.identified ||
        header->body_bytes <= WK_RPC_STRANGER_BYTES_MAX)
        return WK_OK;
    return wk_fail(err, WK_DENIED,
                   WK_RPC_DENIED_PREFIX "a frame of %llu bytes before a token; %u are allowed",
                   (unsigned long long)header->body_bytes, WK_RPC_STRANGER_BYTES_MAX);
}

static enum wk_status read_frame(struct wk_rpc_connection *c, struct wk_buffer **out,
                                 struct wk_error *err) {
    struct wk_envelope_header header;
    uint64_t now = wk_now_ns(c->server->env);
    enum wk_status status = wk_message_read_header(&c->stream, now + HEADER_NS, &header, err);
    if (status == WK_OK)
        status = check_stranger(c, &header, err);
    if (status != WK_OK)
        return status;
    return wk_message_read_body(&c->stream, &c->server->buffers, &header, WK_FOREVER, out, err);
}

static enum wk_status serve_frame(struct wk_rpc_connection *c, struct wk_error *err) {
    struct wk_buffer *buffer;
    enum wk_status status = read_frame(c, &buffer, err);
    if (status != WK_OK)
        return status;
    status = wk_rpc_exchange(c, wk_message_body(buffer), NULL, err);
    wk_buffer_drop(buffer);
    return status;
}

void wk_rpc_serve_tcp(struct wk_rpc_connection *c) {
    struct wk_error err;
    enum wk_status status = WK_OK;
    wk_error_clear(&err);
    while (status == WK_OK) {
        uint64_t deadline = wk_rpc_connection_rests_until(c);
        if (wk_stream_wait(&c->stream, deadline, &err) != WK_OK)
            return;
        if (!wk_rpc_connection_works(c))
            return;
        status = serve_frame(c, &err);
        if (status == WK_OK && !wk_rpc_connection_rests(c))
            return;
    }
    if (!is_malformed(status) && status != WK_NO_MEMORY && status != WK_TIMEOUT)
        return;
    wk_rpc_count_malformed(c, &err);
    if (wk_rpc_answer_error(c, &err, NULL, NULL) == WK_OK)
        wk_rpc_linger(c);
}
