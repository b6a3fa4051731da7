/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners and the life of connections. */
#include "rpc/server_impl.h"

#include "base/mark.h"
#include "base/num.h"
#include "base/progress.h"

#define BACKLOG      512u
#define HANDSHAKE_NS (10ull * WK_NS_PER_S)
/* Pause after an accept that failed for want of descriptors or memory. */
#define ACCEPT_PAUSE_NS (50ull * WK_NS_PER_MS)

static const char FULL_HTTP[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n"
                                "Content-Length: 21\r\nConnection: close\r\n\r\n"
                                "too many connections\n";

/* ---- create and destroy ---------------------------------------------------------------------- */

enum wk_status wk_rpc_server_create(struct wk_env *env, const struct wk_rpc_server_config *config,
                                    struct wk_rpc_server **out, struct wk_error *err) {
    struct wk_rpc_server *s = wk_alloc(env, WK_MEM_HANDLE, sizeof *s);
    if (s == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for a server");
    memset(s, 0, sizeof *s);
    s->env = env;
    s->config = *config;
    wk_list_init(&s->listeners);
    wk_list_init(&s->open);
    wk_list_init(&s->finished);
    if (env->threads->mutex_init(env, &s->mutex) != WK_OK)
        goto no_mutex;
    if (env->threads->cond_init(env, &s->ended) != WK_OK)
        goto no_cond;
    if (wk_buffers_init(&s->buffers, env, config->receive_bytes, config->receive_bytes / 4) !=
        WK_OK)
        goto no_buffers;
    *out = s;
    return WK_OK;
no_buffers:
    env->threads->cond_destroy(env, &s->ended);
no_cond:
    env->threads->mutex_destroy(env, &s->mutex);
no_mutex:
    wk_release(env, WK_MEM_HANDLE, s, sizeof *s);
    return wk_fail(err, WK_NO_MEMORY, "no memory for a server");
}

/* ---- TLS contexts ---------------------------------------------------------------------------- */

/* With the mutex held. */
static void tls_drop(struct wk_rpc_server *s, struct wk_rpc_tls *tls) {
    if (tls == NULL || --tls->refs > 0)
        return;
    s->env->net->tls_release(s->env, tls->tls);
    wk_release(s->env, WK_MEM_HANDLE, tls, sizeof *tls);
}

static enum wk_status tls_install(struct wk_rpc_server *s, struct wk_tls *tls) {
    struct wk_rpc_tls *shared = wk_alloc(s->env, WK_MEM_HANDLE, sizeof *shared);
    if (shared == NULL)
        return WK_NO_MEMORY;
    *shared = (struct wk_rpc_tls){tls, 1};
    wk_lock(s->env, &s->mutex);
    tls_drop(s, s->tls);
    s->tls = shared;
    wk_unlock(s->env, &s->mutex);
    return WK_OK;
}

enum wk_status wk_rpc_server_set_tls(struct wk_rpc_server *server, struct wk_tls *tls,
                                     struct wk_error *err) {
    if (tls_install(server, tls) == WK_OK)
        return WK_OK;
    return wk_fail(err, WK_NO_MEMORY, "no memory for a certificate");
}

static enum wk_status handshake(struct wk_rpc_connection *c, struct wk_error *err) {
    struct wk_rpc_server *s = c->server;
    if (!c->has_tls)
        return WK_OK;
    wk_lock(s->env, &s->mutex);
    struct wk_rpc_tls *tls = s->tls;
    tls->refs++;
    wk_unlock(s->env, &s->mutex);
    uint64_t now = wk_now_ns(s->env);
    enum wk_status status =
        s->env->net->tls_accept(s->env, c->socket, tls->tls, now + HANDSHAKE_NS, err);
    wk_lock(s->env, &s->mutex);
    tls_drop(s, tls);
    wk_unlock(s->env, &s->mutex);
    return status;
}

/* ---- a connection ---------------------------------------------------------------------------- */

static bool state_change(struct wk_rpc_connection *c, uint32_t from, uint32_t to) {
    return wk_atomic_cas_u32(&c->state, &from, to, WK_SEQ_CST, "rpc.connection");
}

bool wk_rpc_connection_works(struct wk_rpc_connection *c) {
    return state_change(c, WK_RPC_RESTS, WK_RPC_WORKS);
}

bool wk_rpc_connection_rests(struct wk_rpc_connection *c) {
    if (!state_change(c, WK_RPC_WORKS, WK_RPC_RESTS))
        return false;
    return wk_atomic_load_u32(&c->server->stopping, WK_SEQ_CST, "rpc.stopping") == 0;
}

uint64_t wk_rpc_connection_rests_until(struct wk_rpc_connection *c) {
    uint64_t rest_ns = c->server->config.stranger_ns;
    if (rest_ns == 0 || c->session.identified)
        return WK_FOREVER;
    return wk_now_ns(c->server->env) + rest_ns;
}

void wk_rpc_count_malformed(struct wk_rpc_connection *c, const struct wk_error *err) {
    struct wk_rpc_server *s = c->server;
    struct wk_log_field fields[] = {{"peer", c->session.peer, 0}, {"reason", err->text, 0}};
    wk_lock(s->env, &s->mutex);
    s->malformed++;
    WK_MARK("rpc.malformed");
    wk_unlock(s->env, &s->mutex);
    s->env->log->event(s->env, WK_LOG_WARN, "rpc.malformed", fields, 2);
}

/* Gives the socket to a stream, which the server may shut down from now on. */
static enum wk_status open_stream(struct wk_rpc_connection *c, struct wk_error *err) {
    struct wk_rpc_server *s = c->server;
    wk_lock(s->env, &s->mutex);
    struct wk_socket *socket = c->socket;
    c->socket = NULL;
    enum wk_status status = wk_stream_open(&c->stream, s->env, socket, err);
    c->has_stream = status == WK_OK;
    wk_unlock(s->env, &s->mutex);
    return status;
}

static void close_transport(struct wk_rpc_connection *c) {
    struct wk_rpc_server *s = c->server;
    wk_lock(s->env, &s->mutex);
    if (c->has_stream)
        wk_stream_close(&c->stream);
    else if (c->socket != NULL)
        s->env->net->close(s->env, c->socket);
    c->has_stream = false;
    c->socket = NULL;
    wk_unlock(s->env, &s->mutex);
}

static void connection_finish(struct wk_rpc_connection *c) {
    struct wk_rpc_server *s = c->server;
    wk_lock(s->env, &s->mutex);
    wk_list_remove(&c->link);
    wk_list_append(&s->finished, &c->link);
    s->open_count--;
    s->env->threads->cond_broadcast(s->env, &s->ended);
    wk_unlock(s->env, &s->mutex);
}

static void connection_main(void *arg) {
    struct wk_rpc_connection *c = arg;
    struct wk_error err;
    wk_error_clear(&err);
    enum wk_status status = handshake(c, &err);
    if (status != WK_OK)
        wk_rpc_count_malformed(c, &err);
    else
        status = open_stream(c, &err);
    if (status == WK_OK && c->session.transport == WK_RPC_TCP)
        wk_rpc_serve_tcp(c);
    else if (status == WK_OK)
        wk_rpc_serve_http(c);
    close_transport(c);
    connection_finish(c);
}

static void connection_free(struct wk_rpc_connection *c) {
    struct wk_env *env = c->server->env;
    env->threads->join(env, c->thread);
    wk_release(env, WK_MEM_HANDLE, c, sizeof *c);
}

/* Joins the threads of connections that are over. */
static void reap(struct wk_rpc_server *s) {
    for (;;) {
        struct wk_rpc_connection *c = NULL;
        wk_lock(s->env, &s->mutex);
        if (!wk_list_empty(&s->finished)) {
            c = WK_CONTAINER_OF(s->finished.next, struct wk_rpc_connection, link);
            wk_list_remove(&c->link);
        }
        wk_unlock(s->env, &s->mutex);
        if (c == NULL)
            return;
        connection_free(c);
    }
}

/* ---- accepting ------------------------------------------------------------------------------- */

static bool has_room(struct wk_rpc_server *s) {
    wk_lock(s->env, &s->mutex);
    bool room = s->open_count < s->config.connections_max;
    if (room)
        s->accepted++;
    else
        s->refused++;
    wk_unlock(s->env, &s->mutex);
    return room;
}

/* Says why where that takes no waiting, and closes. */
static void refuse(struct wk_rpc_listener *l, struct wk_socket *socket) {
    struct wk_env *env = l->server->env;
    WK_MARK("rpc.connection_refused");
    if (l->transport == WK_RPC_HTTP && !l->has_tls) {
        struct wk_span text = wk_span(FULL_HTTP, sizeof FULL_HTTP - 1);
        size_t sent;
        (void)env->net->writev(env, socket, &text, 1, 0, &sent, NULL);
    }
    env->net->close(env, socket);
}

static struct wk_rpc_connection *connection_new(struct wk_rpc_listener *l, struct wk_socket *socket,
                                                const struct wk_address *peer) {
    struct wk_rpc_server *s = l->server;
    struct wk_rpc_connection *c = wk_alloc(s->env, WK_MEM_HANDLE, sizeof *c);
    if (c == NULL)
        return NULL;
    memset(c, 0, sizeof *c);
    c->server = s;
    c->has_tls = l->has_tls;
    c->socket = socket;
    c->session.env = s->env;
    c->session.transport = l->transport;
    s->env->net->address_text(s->env, peer, c->session.peer, sizeof c->session.peer);
    return c;
}

/* The connection is in the list before its thread runs, and `thread` is set before anyone can join
 * it: both under the mutex that connection_finish takes. */
static bool connection_start(struct wk_rpc_connection *c) {
    struct wk_rpc_server *s = c->server;
    wk_lock(s->env, &s->mutex);
    enum wk_status status =
        s->env->threads->start(s->env, "wk-rpc", connection_main, c, &c->thread, NULL);
    if (status == WK_OK) {
        wk_list_append(&s->open, &c->link);
        s->open_count++;
    }
    wk_unlock(s->env, &s->mutex);
    return status == WK_OK;
}

static void admit(struct wk_rpc_listener *l, struct wk_socket *socket,
                  const struct wk_address *peer) {
    struct wk_rpc_server *s = l->server;
    struct wk_rpc_connection *c = NULL;
    if (has_room(s))
        c = connection_new(l, socket, peer);
    if (c != NULL && connection_start(c))
        return;
    if (c != NULL)
        wk_release(s->env, WK_MEM_HANDLE, c, sizeof *c);
    refuse(l, socket);
}

static bool stopping(struct wk_rpc_server *s) {
    return wk_atomic_load_u32(&s->stopping, WK_ACQUIRE, "rpc.stopping") != 0;
}

static void listener_main(void *arg) {
    struct wk_rpc_listener *l = arg;
    struct wk_rpc_server *s = l->server;
    while (!stopping(s)) {
        struct wk_socket *socket;
        struct wk_address peer;
        struct wk_error err;
        enum wk_status status =
            s->env->net->accept(s->env, l->socket, WK_FOREVER, &socket, &peer, &err);
        if (stopping(s)) {
            if (status == WK_OK)
                s->env->net->close(s->env, socket);
            break;
        }
        reap(s);
        if (status == WK_OK) {
            admit(l, socket, &peer);
            continue;
        }
        WK_MARK("rpc.accept_failed");
        struct wk_log_field fields[] = {{"reason", err.text, 0}};
        s->env->log->event(s->env, WK_LOG_ERROR, "rpc.accept_failed", fields, 1);
        uint64_t now = wk_now_ns(s->env);
        s->env->clock->sleep_until(s->env, now + ACCEPT_PAUSE_NS);
    }
}

static void listener_free(struct wk_rpc_listener *l) {
    struct wk_env *env = l->server->env;
    env->net->close(env, l->socket);
    wk_release(env, WK_MEM_HANDLE, l, sizeof *l);
}

enum wk_status wk_rpc_server_listen(struct wk_rpc_server *server, enum wk_rpc_transport transport,
                                    const struct wk_address *at, bool with_tls,
                                    struct wk_address *bound, struct wk_error *err) {
    struct wk_env *env = server->env;
    struct wk_rpc_listener *l = wk_alloc(env, WK_MEM_HANDLE, sizeof *l);
    if (l == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for a listener");
    memset(l, 0, sizeof *l);
    l->server = server;
    l->transport = transport;
    l->has_tls = with_tls;
    enum wk_status status = env->net->listen(env, at, BACKLOG, &l->socket, err);
    if (status != WK_OK) {
        wk_release(env, WK_MEM_HANDLE, l, sizeof *l);
        return status;
    }
    status = env->net->local_address(env, l->socket, bound, err);
    if (status == WK_OK)
        status = env->threads->start(env, "wk-accept", listener_main, l, &l->thread, err);
    if (status != WK_OK) {
        listener_free(l);
        return status;
    }
    wk_list_append(&server->listeners, &l->link);
    return WK_OK;
}

void wk_rpc_server_stats(struct wk_rpc_server *server, struct wk_rpc_server_stats *out) {
    uint64_t bytes = wk_buffers_in_use(&server->buffers);
    wk_lock(server->env, &server->mutex);
    *out = (struct wk_rpc_server_stats){
        .connections = server->open_count,
        .accepted = server->accepted,
        .refused = server->refused,
        .malformed = server->malformed,
        .receive_bytes_in_use = bytes,
    };
    wk_unlock(server->env, &server->mutex);
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void stop_listening(struct wk_rpc_server *s) {
    wk_atomic_store_u32(&s->stopping, 1, WK_SEQ_CST, "rpc.stopping");
    for (struct wk_list *at = s->listeners.next; at != &s->listeners; at = at->next) {
        struct wk_rpc_listener *l = WK_CONTAINER_OF(at, struct wk_rpc_listener, link);
        s->env->net->shutdown(s->env, l->socket);
    }
    while (!wk_list_empty(&s->listeners)) {
        struct wk_rpc_listener *l =
            WK_CONTAINER_OF(s->listeners.next, struct wk_rpc_listener, link);
        s->env->threads->join(s->env, l->thread);
        wk_list_remove(&l->link);
        listener_free(l);
    }
}

/* With the mutex held: wakes the connections that rest, or all. Returns how many were at work. */
static uint64_t end_connections(struct wk_rpc_server *s, bool all) {
    uint64_t at_work = 0;
    for (struct wk_list *at = s->open.next; at != &s->open; at = at->next) {
        struct wk_rpc_connection *c = WK_CONTAINER_OF(at, struct wk_rpc_connection, link);
        bool rests = state_change(c, WK_RPC_RESTS, WK_RPC_ENDS);
        at_work +=
            !rests && wk_atomic_load_u32(&c->state, WK_ACQUIRE, "rpc.connection") == WK_RPC_WORKS;
        if (!rests && !all && !WK_PLANTED(60)) /* drain_cuts_at_once */
            continue;
        if (c->has_stream)
            wk_stream_shutdown(&c->stream);
        else if (c->socket != NULL)
            s->env->net->shutdown(s->env, c->socket);
    }
    return at_work;
}

uint64_t wk_rpc_server_stop(struct wk_rpc_server *server, uint64_t deadline_ns) {
    uint64_t cut = 0;
    enum wk_status status = WK_OK;
    stop_listening(server);
    wk_lock(server->env, &server->mutex);
    if (end_connections(server, false) > 0)
        WK_MARK("rpc.drains");
    while (server->open_count > 0 && status == WK_OK)
        status = server->env->threads->cond_wait(server->env, &server->ended, &server->mutex,
                                                 deadline_ns);
    if (server->open_count > 0) {
        WK_MARK("rpc.cuts");
        cut = end_connections(server, true);
    }
    while (server->open_count > 0)
        (void)server->env->threads->cond_wait(server->env, &server->ended, &server->mutex,
                                              WK_FOREVER);
    wk_unlock(server->env, &server->mutex);
    reap(server);
    return cut;
}

void wk_rpc_server_destroy(struct wk_rpc_server *server) {
    struct wk_env *env = server->env;
    wk_lock(env, &server->mutex);
    tls_drop(server, server->tls);
    wk_unlock(env, &server->mutex);
    wk_buffers_destroy(&server->buffers);
    env->threads->cond_destroy(env, &server->ended);
    env->threads->mutex_destroy(env, &server->mutex);
    wk_release(env, WK_MEM_HANDLE, server, sizeof *server);
}
