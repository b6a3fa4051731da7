// SPDX-License-Identifier: Apache-2.0
// The table of sockets. Each call is a schedule point, tries, and waits for what it lacks; texts
// and classes of errors are those of the POSIX environment.
#include <errno.h>
#include <string.h>

#include "env/posix/posix.h"
#include "fault.h"
#include "net.h"
#include "net_dial.h"
#include "pool.h"
#include "report.h"
#include "sched.h"
#include "trace.h"

#define CALL_COST_NS 1500u
#define MAKE_COST_NS 8000u
#define PORT_FIRST   32768u // of listeners that leave the choice to us
#define PORT_COUNT   16384u
#define BACKLOG_MOST 4096u

static struct wk_socket *open_sockets;

void sim_net_reset(uint64_t seed) {
    open_sockets = NULL;
    sim_net_addresses_reset(seed);
    sim_links_reset(seed);
    sim_conns_reset();
    sim_tls_reset();
}

static enum wk_status fail_at(struct wk_error *err, int code, const char *what,
                              const struct sim_place *place) {
    char text[80];
    sim_place_text(place, text, sizeof text);
    return wk_posix_fail(err, code, what, text);
}

// ---- sockets

static enum wk_status socket_new(struct sim_process *p, struct wk_socket **out, const char *what,
                                 struct wk_error *err) {
    if (sim_fault(SIM_FAULT_NET_DESCRIPTORS))
        return wk_posix_fail(err, EMFILE, what, NULL);
    struct wk_socket *s = sim_new(sizeof *s);
    s->process = p;
    s->open = true;
    s->next = open_sockets;
    if (open_sockets != NULL)
        open_sockets->previous = s;
    open_sockets = s;
    p->sockets++;
    sim_conns_use();
    *out = s;
    return WK_OK;
}

static void socket_forget(struct wk_socket *s) {
    s->open = false;
    if (s->previous != NULL)
        s->previous->next = s->next;
    else
        open_sockets = s->next;
    if (s->next != NULL)
        s->next->previous = s->previous;
    s->process->sockets--;
}

static struct sim_process *enter(struct wk_env *env, const struct wk_socket *s, const char *what) {
    struct sim_process *p = sim_enter(env, CALL_COST_NS);
    if (s == NULL || !s->open)
        sim_violate("environment", "%s of a socket that is not open", what);
    if (s->process != p)
        sim_violate("environment", "%s of a socket of another process", what);
    return p;
}

static struct sim_end *connected(const struct wk_socket *s, const char *what) {
    if (s->end == NULL)
        sim_violate("environment", "%s of a listener", what);
    return s->end;
}

static void adopt(struct wk_socket *s, struct sim_end *end) {
    s->end = end;
    end->socket = s;
}

// ---- listeners

struct wk_socket *sim_net_listener(const struct sim_host *host, const struct sim_place *at) {
    for (struct wk_socket *s = open_sockets; s != NULL; s = s->next) {
        if (s->listens && !s->shut && s->process->host == host && sim_place_covers(&s->at, at))
            return s;
    }
    return NULL;
}

bool sim_net_full(const struct wk_socket *listener) {
    return listener->queued > listener->backlog;
}

void sim_net_enqueue(struct wk_socket *listener, struct sim_end *end) {
    struct sim_end **link = &listener->queue;
    while (*link != NULL)
        link = &(*link)->next;
    *link = end;
    listener->queued++;
    sim_wake("net-accept", listener, 1);
}

static struct sim_end *dequeue(struct wk_socket *listener) {
    struct sim_end *end = listener->queue;
    if (end != NULL) {
        listener->queue = end->next;
        listener->queued--;
    }
    return end;
}

// Nobody accepts any more: whoever waits in the queue is reset.
static void listener_end(struct wk_socket *listener) {
    for (struct sim_end *e = dequeue(listener); e != NULL; e = dequeue(listener)) {
        sim_conn_reset(e);
        sim_conn_close(e);
    }
}

static bool port_taken(const struct sim_host *host, const struct sim_place *at) {
    for (const struct wk_socket *s = open_sockets; s != NULL; s = s->next) {
        if (s->listens && !s->shut && s->process->host == host &&
            (sim_place_covers(&s->at, at) || sim_place_covers(at, &s->at)))
            return true;
    }
    return false;
}

static enum wk_status net_listen(struct wk_env *env, const struct wk_address *address,
                                 uint32_t backlog, struct wk_socket **out, struct wk_error *err) {
    struct sim_process *p = sim_enter(env, MAKE_COST_NS);
    struct sim_place at = sim_place_of(address);
    if (sim_place_host(&at, p->host) != p->host)
        return fail_at(err, EADDRNOTAVAIL, "listen on", &at);
    bool any_port = at.port == 0;
    while (any_port && (at.port == 0 || port_taken(p->host, &at)))
        at.port = (uint16_t)(PORT_FIRST + sim_rng_below(sim_net_rng(), PORT_COUNT));
    if (port_taken(p->host, &at))
        return fail_at(err, EADDRINUSE, "listen on", &at);
    struct wk_socket *s;
    enum wk_status status = socket_new(p, &s, "socket", err);
    if (status != WK_OK)
        return status;
    s->listens = true;
    s->at = at;
    s->backlog = backlog < BACKLOG_MOST ? backlog : BACKLOG_MOST;
    sim_event("net.listen", NULL, at.port, backlog);
    *out = s;
    return WK_OK;
}

static enum wk_status net_local_address(struct wk_env *env, struct wk_socket *s,
                                        struct wk_address *out, struct wk_error *err) {
    (void)enter(env, s, "local_address");
    (void)err;
    sim_place_address(s->listens ? &s->at : &s->end->local, out);
    return WK_OK;
}

static enum wk_status net_accept(struct wk_env *env, struct wk_socket *listener,
                                 uint64_t deadline_ns, struct wk_socket **out,
                                 struct wk_address *peer, struct wk_error *err) {
    struct sim_process *p = enter(env, listener, "accept");
    uint64_t until = sim_process_deadline(p, deadline_ns);
    bool late = false;
    while (listener->queued == 0 && !listener->shut) {
        if (late)
            return wk_posix_fail(err, ETIMEDOUT, "accept", NULL);
        late = !sim_block("net-accept", listener, until);
        if (!listener->open)
            sim_violate("environment", "a listener closed while a thread waits in accept");
    }
    if (!listener->listens || listener->shut)
        return wk_posix_fail(err, EINVAL, "accept", NULL);
    struct wk_socket *s;
    enum wk_status status = socket_new(p, &s, "accept", err);
    if (status != WK_OK)
        return status;
    adopt(s, dequeue(listener));
    sim_place_address(&s->end->peer, peer);
    sim_event("net.accept", s->end->conn->name, listener->queued, 0);
    *out = s;
    return WK_OK;
}

// ---- connections

static enum wk_status net_connect(struct wk_env *env, const struct wk_address *address,
                                  struct wk_tls *tls, uint64_t deadline_ns, struct wk_socket **out,
                                  struct wk_error *err) {
    struct sim_process *p = sim_enter(env, MAKE_COST_NS);
    uint64_t until = sim_process_deadline(p, deadline_ns);
    struct sim_place to = sim_place_of(address);
    struct wk_socket *s;
    enum wk_status status = socket_new(p, &s, "socket", err);
    if (status != WK_OK)
        return status;
    struct sim_end *end = NULL;
    int code = sim_net_dial(p, &to, until, &end);
    sim_event("net.connect", end == NULL ? NULL : end->conn->name, to.port, (uint64_t)code);
    if (code != 0) {
        socket_forget(s);
        return fail_at(err, code, "connect to", &to);
    }
    adopt(s, end);
    if (tls != NULL)
        status = sim_tls_start(s, tls, false, until, err);
    if (status != WK_OK) {
        sim_conn_close(end);
        socket_forget(s);
        return status;
    }
    *out = s;
    return WK_OK;
}

static enum wk_status net_tls_accept(struct wk_env *env, struct wk_socket *s, struct wk_tls *tls,
                                     uint64_t deadline_ns, struct wk_error *err) {
    const struct sim_process *p = enter(env, s, "tls_accept");
    (void)connected(s, "tls_accept");
    return sim_tls_start(s, tls, true, sim_process_deadline(p, deadline_ns), err);
}

// ---- bytes

static void check_alone(struct sim_fiber *const *who, const char *what) {
    if (*who != NULL)
        sim_violate("environment", "two threads %s one socket at the same time", what);
}

static enum wk_status net_read(struct wk_env *env, struct wk_socket *s, void *to, size_t size,
                               uint64_t deadline_ns, size_t *out_size, struct wk_error *err) {
    const struct sim_process *p = enter(env, s, "read");
    const struct sim_end *end = connected(s, "read");
    check_alone(&s->reader, "read from");
    s->reader = sim_self();
    const char *what = s->tls == SIM_TLS_NONE ? "read from a socket" : "read from a TLS socket";
    size_t got = 0;
    enum wk_status status =
        sim_socket_read(s, to, size, sim_process_deadline(p, deadline_ns), what, &got, err);
    s->reader = NULL;
    sim_event("net.read", end->conn->name, status == WK_OK ? sim_digest(to, got) : (uint64_t)status,
              got);
    if (status == WK_OK)
        *out_size = got;
    return status;
}

static enum wk_status net_writev(struct wk_env *env, struct wk_socket *s,
                                 const struct wk_span *spans, size_t count, uint64_t deadline_ns,
                                 size_t *out_size, struct wk_error *err) {
    const struct sim_process *p = enter(env, s, "writev");
    const struct sim_end *end = connected(s, "writev");
    check_alone(&s->writer, "write to");
    s->writer = sim_self();
    const char *what = s->tls == SIM_TLS_NONE ? "write to a socket" : "write to a TLS socket";
    size_t sent = 0;
    enum wk_status status =
        sim_socket_write(s, spans, count, sim_process_deadline(p, deadline_ns), what, &sent, err);
    s->writer = NULL;
    sim_event("net.write", end->conn->name, (uint64_t)status, sent);
    if (status == WK_OK)
        *out_size = sent;
    return status;
}

static void net_shutdown(struct wk_env *env, struct wk_socket *s) {
    (void)enter(env, s, "shutdown");
    if (s->listens) {
        sim_event("net.shutdown", NULL, s->at.port, 0);
        s->shut = true;
        listener_end(s);
        sim_wake("net-accept", s, UINT32_MAX);
        return;
    }
    sim_event("net.shutdown", s->end->conn->name, 0, 0);
    if (s->tls == SIM_TLS_UP)
        s->end->out->goodbye = true;
    sim_conn_shut(s->end);
}

static void net_close(struct wk_env *env, struct wk_socket *s) {
    (void)enter(env, s, "close");
    if (s->reader != NULL || s->writer != NULL || sim_count_waiting("net-accept", s) > 0)
        sim_violate("environment", "a socket closed while a thread waits in it");
    sim_event("net.close", s->listens ? NULL : s->end->conn->name, s->at.port, 0);
    if (s->tls == SIM_TLS_UP)
        s->end->out->goodbye = true;
    if (s->listens)
        listener_end(s);
    else
        sim_conn_close(s->end);
    socket_forget(s);
}

// ---- when processes and hosts end

void sim_net_process_gone(struct sim_process *p) {
    for (struct wk_socket *s = open_sockets, *next; s != NULL; s = next) {
        next = s->next;
        if (s->process != p)
            continue;
        if (s->listens)
            listener_end(s);
        else if (s->end != NULL) // else it was in connect
            sim_conn_close(s->end);
        socket_forget(s);
    }
}

void sim_net_host_gone(struct sim_host *host) {
    if (!sim_conns_used())
        return;
    for (struct wk_socket *s = open_sockets, *next; s != NULL; s = next) {
        next = s->next;
        if (s->process->host == host)
            socket_forget(s);
    }
    sim_conns_host_gone(host);
    sim_net_darken(host, sim_rng_log(sim_net_rng(), 1000000, 60000000000ull));
}

// ---- segments over UNIX sockets: not yet

static enum wk_status send_segments(struct wk_env *env, struct wk_socket *s, struct wk_span bytes,
                                    struct wk_shm *const *segments, size_t count,
                                    uint64_t deadline_ns, struct wk_error *err) {
    (void)enter(env, s, "send_segments");
    (void)bytes, (void)segments, (void)count, (void)deadline_ns;
    return wk_fail(err, WK_UNAVAILABLE, "passing segments is not simulated yet");
}

static enum wk_status receive_segments(struct wk_env *env, struct wk_socket *s,
                                       struct wk_span_mut bytes, size_t *out_size,
                                       struct wk_shm **segments, size_t capacity, size_t *out_count,
                                       uint64_t deadline_ns, struct wk_error *err) {
    (void)enter(env, s, "receive_segments");
    (void)bytes, (void)out_size, (void)segments, (void)capacity, (void)out_count, (void)deadline_ns;
    return wk_fail(err, WK_UNAVAILABLE, "passing segments is not simulated yet");
}

static enum wk_status net_peer(struct wk_env *env, struct wk_socket *s, struct wk_peer *out,
                               struct wk_error *err) {
    (void)enter(env, s, "peer");
    (void)out;
    return wk_fail(err, WK_UNAVAILABLE, "credentials of a peer are not simulated yet");
}

const struct wk_env_net sim_env_net = {
    .resolve = sim_net_resolve,
    .is_loopback = sim_net_is_loopback,
    .address_text = sim_net_address_text,
    .unix_address = sim_net_unix_address,
    .listen = net_listen,
    .local_address = net_local_address,
    .accept = net_accept,
    .connect = net_connect,
    .tls_create = sim_tls_create,
    .tls_release = sim_tls_release,
    .tls_accept = net_tls_accept,
    .read = net_read,
    .writev = net_writev,
    .shutdown = net_shutdown,
    .close = net_close,
    .send_segments = send_segments,
    .receive_segments = receive_segments,
    .peer = net_peer,
};
