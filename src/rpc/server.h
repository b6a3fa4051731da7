/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server side of the framed protocol: listeners, connections, and one service behind them all.
 *
 *     listener thread --accept--> connection thread: read a message, serve it, write the answer ...
 *                                 (serve_tcp.c or serve_http.c: two thin framings)
 *
 * A connection is one blocking thread; its requests are answered in their order, so a client may
 * pipeline. There is no deadline between messages: existing clients keep connections for ever and
 * cannot reconnect. Inside a message there is one for the head and one for the body by its size.
 *
 * Bytes that are no message are answered with an ERROR reply (TCP) or the HTTP status that says
 * why, before the connection is closed.
 *
 * Limits: connections, bytes of request bodies in memory (a body waits for room, up to its
 * deadline), and those of limits.h.
 */
#ifndef WK_RPC_SERVER_H
#define WK_RPC_SERVER_H

#include "codec/messages.h"
#include "codec/ops.h"
#include "env/env.h"
#include "rpc/transport.h"

/* What is known of who asks. The identity is the service's to fill and to read. */
struct wk_rpc_session {
    struct wk_env *env;
    enum wk_rpc_transport transport;
    char peer[WK_ADDRESS_BYTES_MAX]; /* "127.0.0.1:4711" */
    bool identified;                 /* a token was accepted */
    uint8_t identity[32];            /* its hash */
};

/*
 * What a request is answered with. Comes as status OK and nothing else; the service fills it.
 * Everything it points to is borrowed from the service until `release` (may be NULL), which the
 * server calls once, after the bytes were sent or could not be.
 */
struct wk_rpc_answer {
    uint8_t status; /* enum wk_reply */
    struct wk_payload payload;
    const struct wk_iov *nested; /* closed list instead of a payload, or NULL */
    struct wk_span message;
    void (*release)(struct wk_rpc_answer *answer);
    void *owner;
    char text[WK_ERROR_TEXT_BYTES]; /* room for `message` */
};

/* What an HTTP GET is answered with. */
struct wk_rpc_page {
    uint32_t status; /* 200, 503 ... */
    const char *content_type;
    struct wk_span body;
    void (*release)(struct wk_rpc_page *page);
    void *owner;
};

struct wk_rpc_service {
    void *ctx;
    /* One request. Never fails: what went wrong is in the answer. */
    void (*serve)(void *ctx, struct wk_rpc_session *session, const struct wk_wire_request *request,
                  struct wk_rpc_answer *answer);
    /* False: there is no such page. */
    bool (*page)(void *ctx, struct wk_rpc_session *session, struct wk_span path,
                 struct wk_rpc_page *page);
    /* The token of an HTTP request, empty where there is none: sets the session's identity.
     * Not OK: a call is answered with 401 and the text. TCP tokens come as requests (WK_OP_AUTH).
     */
    enum wk_status (*authenticate)(void *ctx, struct wk_rpc_session *session, struct wk_span token,
                                   struct wk_error *err);
};

struct wk_rpc_server_config {
    struct wk_rpc_service service;
    uint32_t connections_max;
    uint64_t receive_bytes; /* budget of request bodies */
    /* Where a token is wanted: how long a connection that has shown none may rest. Over TCP it may
     * send small frames only. 0: none is wanted. */
    uint64_t stranger_ns;
};

/* Numbers for metrics and logs; a snapshot. */
struct wk_rpc_server_stats {
    uint64_t connections; /* open now */
    uint64_t accepted;
    uint64_t refused;   /* over the limit */
    uint64_t malformed; /* closed because of what they sent */
    uint64_t receive_bytes_in_use;
};

struct wk_rpc_server;

WK_MUST_CHECK enum wk_status wk_rpc_server_create(struct wk_env *env,
                                                  const struct wk_rpc_server_config *config,
                                                  struct wk_rpc_server **out, struct wk_error *err);
/* TLS for the listeners that want it: their new connections use `tls` from now on. Takes it over
 * when it succeeds; the one before is released when no handshake uses it any more. */
WK_MUST_CHECK enum wk_status wk_rpc_server_set_tls(struct wk_rpc_server *server, struct wk_tls *tls,
                                                   struct wk_error *err);
/*
 * Starts to listen; `with_tls` only after wk_rpc_server_set_tls. `*bound` gets the address with the
 * port that was chosen. Not after, and not at the same time as, wk_rpc_server_stop.
 */
WK_MUST_CHECK enum wk_status wk_rpc_server_listen(struct wk_rpc_server *server,
                                                  enum wk_rpc_transport transport,
                                                  const struct wk_address *at, bool with_tls,
                                                  struct wk_address *bound, struct wk_error *err);

void wk_rpc_server_stats(struct wk_rpc_server *server, struct wk_rpc_server_stats *out);

/*
 * Stops listening, ends idle connections, lets the others finish what they have read until the
 * deadline, then ends them too. Returns how many did not finish.
 */
uint64_t wk_rpc_server_stop(struct wk_rpc_server *server, uint64_t deadline_ns);
/* After stop. */
void wk_rpc_server_destroy(struct wk_rpc_server *server);

#endif
