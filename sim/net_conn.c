// SPDX-License-Identifier: Apache-2.0
// Connections as the kernels at both ends see them. The rules are those of TCP on Linux, as far as
// a program can tell: what is read before an end and before a reset, which error comes first and
// how often, who is told what when a socket closes with bytes unread. tests/unit/net_script.h holds
// both environments to them.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "net.h"
#include "pool.h"
#include "sched.h"
#include "trace.h"

#define RETRY_FIRST_NS 200000000ull
#define RETRY_MOST_NS  120000000000ull
#define RETRY_ALL_NS   924000000000ull // then the sender is told that it timed out

static struct sim_conn *live;
static struct sim_conn *unused;
static uint64_t made;
static bool used;

void sim_conns_reset(void) {
    live = NULL;
    unused = NULL;
    made = 0;
    used = false;
}

bool sim_conns_used(void) {
    return used;
}

void sim_conns_use(void) {
    used = true;
}

static void stream_told(struct sim_stream *s) {
    sim_wake("net-read", s->to, UINT32_MAX);
    sim_wake("net-write", s->from, UINT32_MAX);
}

// ---- the end of a connection

static void stream_drop(struct sim_stream *s) {
    s->count = 0;
    s->retry_ns = 0;
    sim_timer_cancel(&s->timer);
}

static void forget(struct sim_conn *c) {
    if (!c->ends[0].gone || !c->ends[1].gone)
        return;
    for (int i = 0; i < 2; i++) {
        stream_drop(&c->streams[i]);
        sim_timer_cancel(&c->ends[i].reset_timer);
    }
    if (c->previous != NULL)
        c->previous->next = c->next;
    else
        live = c->next;
    if (c->next != NULL)
        c->next->previous = c->previous;
    c->next = unused;
    unused = c;
}

// The connection is over for this end; what has arrived can still be read.
static void end_fails(struct sim_end *e, int error) {
    if (e->over || e->gone)
        return;
    e->over = true;
    e->error = error;
    stream_drop(e->in);
    sim_event("net.over", e->conn->name, (uint64_t)error, 0);
    stream_told(e->out);
    stream_told(e->in);
}

static void reset_arrives(struct sim_timer *timer) {
    struct sim_end *e = timer->ctx;
    const struct sim_end *other = e->in->from;
    if (sim_link_blocked(other->host, e->host))
        return; // lost; nobody sends a reset again
    end_fails(e, e->in->ended ? EPIPE : ECONNRESET);
    stream_drop(e->out);
}

// A reset comes behind the bytes that are on their way.
static void send_reset(struct sim_end *to) {
    if (to->gone || to->over || to->reset_timer.place != 0)
        return;
    const struct sim_stream *s = to->in;
    uint64_t at = sim_now() + sim_link_latency(s->from->host, to->host);
    if (s->count > 0 && at < s->last_ns)
        at = s->last_ns;
    sim_timer_arm(&to->reset_timer, at);
}

// ---- bytes arrive

static bool refused(const struct sim_end *to, const struct sim_segment *g) {
    if (to->over || g->lost)
        return true;
    return g->bytes > 0 && (to->gone || to->shut);
}

static void arrive(struct sim_stream *s, const struct sim_segment *g) {
    struct sim_end *to = s->to;
    if (refused(to, g)) {
        send_reset(s->from);
        if (!g->lost && to->shut)
            end_fails(to, ECONNRESET);
        return;
    }
    s->arrived += g->bytes;
    s->ended = s->ended || g->end;
    sim_event("net.arrive", s->from->conn->name, s->arrived, g->end);
    stream_told(s);
}

static void gives_up(struct sim_stream *s) {
    end_fails(s->from, ETIMEDOUT);
    stream_drop(s);
}

// The segment did not get through: it is sent again, at growing distances.
static void try_later(struct sim_stream *s) {
    if (s->retry_ns == 0) {
        s->stuck_since_ns = sim_now();
        s->retry_ns = RETRY_FIRST_NS;
    } else if (s->retry_ns < RETRY_MOST_NS / 2) {
        s->retry_ns *= 2;
    } else {
        s->retry_ns = RETRY_MOST_NS;
    }
    if (sim_now() - s->stuck_since_ns > RETRY_ALL_NS)
        gives_up(s);
    else
        sim_timer_arm(&s->timer, sim_now() + s->retry_ns);
}

static void stream_due(struct sim_timer *timer) {
    struct sim_stream *s = timer->ctx;
    bool unanswered =
        refused(s->to, &s->segments[s->first]) && sim_link_blocked(s->to->host, s->from->host);
    if (unanswered || sim_link_blocked(s->from->host, s->to->host)) {
        try_later(s);
        return;
    }
    s->retry_ns = 0;
    while (s->count > 0 && s->segments[s->first].arrives_ns <= sim_now()) {
        struct sim_segment g = s->segments[s->first];
        s->first = (s->first + 1) % SIM_SEGMENTS_MAX;
        s->count--;
        arrive(s, &g);
    }
    if (s->count > 0)
        sim_timer_arm(&s->timer, s->segments[s->first].arrives_ns);
}

// ---- bytes leave

static struct sim_segment *newest(struct sim_stream *s) {
    return &s->segments[(s->first + s->count - 1) % SIM_SEGMENTS_MAX];
}

static void push(struct sim_stream *s, uint32_t bytes, bool end) {
    uint64_t arrives = sim_link_arrival(s->from->host, s->to->host, bytes);
    if (arrives < s->last_ns)
        arrives = s->last_ns;
    s->last_ns = arrives;
    s->count++;
    *newest(s) = (struct sim_segment){arrives, bytes, s->cut, end};
    if (s->count == 1)
        sim_timer_arm(&s->timer, arrives);
}

static void push_end(struct sim_stream *s) {
    if (s->end_sent)
        return;
    s->end_sent = true;
    if (s->cut)
        return; // the peer has seen an end already
    if (s->count == SIM_SEGMENTS_MAX)
        newest(s)->end = true;
    else
        push(s, 0, true);
}

static void put(struct sim_stream *s, const uint8_t *bytes, size_t size) {
    uint64_t capacity = s->from->conn->capacity;
    while (size > 0) {
        uint64_t at = s->sent % capacity;
        size_t part = size < capacity - at ? size : (size_t)(capacity - at);
        memcpy(s->ring + at, bytes, part);
        s->sent += part;
        bytes += part;
        size -= part;
    }
}

static void flip(struct sim_stream *s, size_t size) {
    struct sim_rng *r = sim_fault_rng(SIM_FAULT_NET_FLIP);
    uint64_t at = s->sent - 1 - sim_rng_below(r, size);
    s->ring[at % s->from->conn->capacity] ^= (uint8_t)(1u << sim_rng_below(r, 8));
    if (at < s->flip_at)
        s->flip_at = at;
    sim_event("net.flip", s->from->conn->name, at, 0);
}

size_t sim_conn_room(const struct sim_end *end) {
    const struct sim_stream *s = end->out;
    uint64_t held = s->sent - s->taken;
    return s->count == SIM_SEGMENTS_MAX ? 0 : (size_t)(end->conn->capacity - held);
}

size_t sim_conn_send(struct sim_end *end, const struct wk_span *spans, size_t count, size_t size) {
    struct sim_stream *s = end->out;
    size_t room = sim_conn_room(end);
    if (size > room)
        size = room;
    if (size == 0)
        return 0;
    if (s->cut) { // nobody will read them
        push(s, (uint32_t)size, false);
        return size;
    }
    size_t left = size;
    for (size_t i = 0; i < count && left > 0; i++) {
        size_t part = spans[i].size < left ? spans[i].size : left;
        put(s, spans[i].data, part);
        left -= part;
    }
    if (sim_fault(SIM_FAULT_NET_FLIP))
        flip(s, size);
    push(s, (uint32_t)size, false);
    return size;
}

// ---- bytes are read

size_t sim_conn_readable(const struct sim_end *end) {
    return (size_t)(end->in->arrived - end->in->taken);
}

void sim_conn_take(struct sim_end *end, uint8_t *to, size_t size) {
    struct sim_stream *s = end->in;
    uint64_t capacity = end->conn->capacity;
    while (size > 0) {
        uint64_t at = s->taken % capacity;
        size_t part = size < capacity - at ? size : (size_t)(capacity - at);
        memcpy(to, s->ring + at, part);
        s->taken += part;
        to += part;
        size -= part;
    }
    sim_wake("net-write", s->from, UINT32_MAX);
}

// ---- how it ends

void sim_conn_shut(struct sim_end *end) {
    if (end->shut || end->over)
        return;
    end->shut = true;
    push_end(end->out);
    stream_told(end->out);
    stream_told(end->in);
}

void sim_conn_close(struct sim_end *end) {
    bool unread = sim_conn_readable(end) > 0;
    end->socket = NULL;
    if (!end->over && unread) {
        stream_drop(end->out);
        send_reset(end->out->to);
        end->over = true;
    } else if (!end->over) {
        push_end(end->out);
    }
    end->gone = true;
    forget(end->conn);
}

static void vanish(struct sim_end *end) {
    stream_drop(end->out);
    end->socket = NULL;
    end->gone = true;
}

void sim_conns_host_gone(const struct sim_host *host) {
    for (struct sim_conn *c = live, *next; c != NULL; c = next) {
        next = c->next;
        for (int i = 0; i < 2; i++) {
            if (c->ends[i].host == host)
                vanish(&c->ends[i]);
        }
        forget(c);
    }
}

// What was sent may come before the reset, or be lost with it.
void sim_conn_reset(struct sim_end *end) {
    if (sim_rng_chance(sim_net_rng(), 500000))
        stream_drop(end->out);
    send_reset(end->out->to);
    end_fails(end, ECONNRESET);
}

void sim_conn_cut(struct sim_end *end) {
    struct sim_stream *s = end->out;
    if (s->cut || s->end_sent || s->count == SIM_SEGMENTS_MAX)
        return;
    push(s, 0, true);
    s->cut = true;
}

// ---- all of them

static void stream_init(struct sim_stream *s, struct sim_end *from, struct sim_end *to,
                        uint8_t *ring) {
    *s = (struct sim_stream){.from = from, .to = to, .ring = ring, .flip_at = UINT64_MAX};
    s->timer.fire = stream_due;
    s->timer.ctx = s;
}

static void end_init(struct sim_end *e, struct sim_conn *c, struct sim_host *host,
                     const struct sim_place *local, const struct sim_place *peer) {
    *e = (struct sim_end){.conn = c, .host = host, .local = *local, .peer = *peer};
    e->reset_timer.fire = reset_arrives;
    e->reset_timer.ctx = e;
}

static struct sim_conn *conn_new(uint64_t capacity) {
    for (struct sim_conn **link = &unused; *link != NULL; link = &(*link)->next) {
        struct sim_conn *c = *link;
        if (c->capacity == capacity) {
            *link = c->next;
            return c;
        }
    }
    struct sim_conn *c = sim_new(sizeof *c);
    c->capacity = capacity;
    for (int i = 0; i < 2; i++)
        c->streams[i].ring = sim_new(capacity);
    return c;
}

struct sim_conn *sim_conn_create(struct sim_host *client, const struct sim_place *client_at,
                                 struct sim_host *server, const struct sim_place *server_at) {
    struct sim_conn *c = conn_new(sim_link_window(client, server));
    c->number = ++made;
    snprintf(c->name, sizeof c->name, "#%u", (unsigned)c->number);
    end_init(&c->ends[0], c, client, client_at, server_at);
    end_init(&c->ends[1], c, server, server_at, client_at);
    for (int i = 0; i < 2; i++) {
        stream_init(&c->streams[i], &c->ends[i], &c->ends[1 - i], c->streams[i].ring);
        c->ends[i].out = &c->streams[i];
        c->ends[i].in = &c->streams[1 - i];
    }
    c->previous = NULL;
    c->next = live;
    if (live != NULL)
        live->previous = c;
    live = c;
    return c;
}

static void hurry(struct sim_stream *s) {
    if (s->count == 0)
        return;
    uint64_t soon = sim_now() + sim_link_latency(s->from->host, s->to->host);
    for (uint32_t i = 0; i < s->count; i++) {
        struct sim_segment *g = &s->segments[(s->first + i) % SIM_SEGMENTS_MAX];
        if (g->arrives_ns > soon)
            g->arrives_ns = soon;
    }
    s->last_ns = soon;
    sim_timer_arm(&s->timer, soon);
}

void sim_conns_hurry(void) {
    for (struct sim_conn *c = live; c != NULL; c = c->next) {
        hurry(&c->streams[0]);
        hurry(&c->streams[1]);
    }
}
