/* SPDX-License-Identifier: Apache-2.0 */
/* The server from inside: what server.c, serve_tcp.c and serve_http.c share. */
#ifndef WK_RPC_SERVER_IMPL_H
#define WK_RPC_SERVER_IMPL_H

#include "base/list.h"
#include "rpc/frame.h"
#include "rpc/message.h"
#include "rpc/server.h"

/* A TLS context in use by listeners and by handshakes. */
struct wk_rpc_tls {
    struct wk_tls *tls;
    uint32_t refs; /* sync: server mutex */
};

struct wk_rpc_listener {
    struct wk_list link;
    struct wk_rpc_server *server;
    enum wk_rpc_transport transport;
    struct wk_socket *socket;
    struct wk_thread *thread;
    bool has_tls;
};

/*
 * A connection rests between messages and works from the first byte of one to the last of its
 * answer. Whoever changes the word first wins: the connection its message, or the server the end.
 */
enum wk_rpc_state { WK_RPC_RESTS = 0, WK_RPC_WORKS = 1, WK_RPC_ENDS = 2 };

struct wk_rpc_connection {
    struct wk_list link; /* sync: server mutex; open or finished connections */
    struct wk_rpc_server *server;
    bool has_tls; /* its listener's; that one may be gone while connections drain */
    struct wk_thread *thread;
    struct wk_socket *socket; /* until the stream has it */
    struct wk_stream stream;
    bool has_stream;     /* sync: server mutex */
    wk_atomic_u32 state; /* sync: acquire-release; rpc.connection */
    struct wk_rpc_session session;
};

struct wk_rpc_server {
    struct wk_env *env;
    struct wk_rpc_server_config config;
    struct wk_buffers buffers;
    struct wk_mutex mutex;
    struct wk_cond ended; /* a connection finished */
    struct wk_list listeners;
    struct wk_list open;     /* sync: mutex */
    struct wk_list finished; /* sync: mutex; threads to be joined */
    uint32_t open_count;     /* sync: mutex */
    struct wk_rpc_tls *tls;  /* sync: mutex. NULL: no listener has it */
    uint64_t accepted;       /* sync: mutex */
    uint64_t refused;        /* sync: mutex */
    uint64_t malformed;      /* sync: mutex */
    wk_atomic_u32 stopping;  /* sync: acquire-release; rpc.stopping */
};

/* The connection begins or ends a message; false: the server stops, close. */
bool wk_rpc_connection_works(struct wk_rpc_connection *c);
bool wk_rpc_connection_rests(struct wk_rpc_connection *c);

/* When the peer must have begun its next message. */
uint64_t wk_rpc_connection_rests_until(struct wk_rpc_connection *c);

/* Counts it, and logs who sent what. */
void wk_rpc_count_malformed(struct wk_rpc_connection *c, const struct wk_error *err);

/*
 * One request: decode, serve, answer. WK_OK: the answer is out and the connection goes on. `head`
 * (NULL for none) writes what goes in front of a frame of so many bytes.
 */
struct wk_rpc_head_writer {
    size_t (*write)(void *ctx, uint64_t frame_bytes, char *to, size_t capacity);
    void *ctx;
};
WK_MUST_CHECK enum wk_status wk_rpc_exchange(struct wk_rpc_connection *c, struct wk_span body,
                                             const struct wk_rpc_head_writer *head,
                                             struct wk_error *err);
/* An answer that the server itself gives, to a request it could not read. */
WK_MUST_CHECK enum wk_status wk_rpc_answer_error(struct wk_rpc_connection *c,
                                                 const struct wk_error *why,
                                                 const struct wk_rpc_head_writer *head,
                                                 struct wk_error *err);

/* Room for the head of an answer. */
#define WK_HTTP_HEAD_WRITE_BYTES 512u

/* After an answer that ends the connection: reads away what the peer still sends, for a short
 * while, so that closing does not destroy the answer on its way. */
void wk_rpc_linger(struct wk_rpc_connection *c);

/* The life of a connection after accept and handshake, until it is to be closed. */
void wk_rpc_serve_tcp(struct wk_rpc_connection *c);
void wk_rpc_serve_http(struct wk_rpc_connection *c);

#endif
