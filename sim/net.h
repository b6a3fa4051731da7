/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulated network: hosts with addresses, links between them, TCP connections over the links.
 *
 *   env_net.c      the table of env.h, listeners, and what ends with a process or a host
 *   net_socket.c   read and write, and the faults on their way
 *   net_dial.c     connect
 *   net_address.c  addresses and names
 *   net_link.c     how long bytes take from host to host; partitions; hosts that are dark
 *   net_conn.c     connections as the kernels of the two hosts see them
 *   net_tls.c      TLS contexts and the handshake
 *
 *   writev -> ring -> segments in flight --timer--> arrived -> read
 *             (room = capacity - what the peer has not read: that is the back-pressure)
 *
 * A connection belongs to the world, not to a process: it outlives the socket of either end, as in
 * a kernel, until both ends are gone. Sockets belong to processes and close with them.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "process.h"
#include "timer.h"

/* ---- addresses --------------------------------------------------------------------------- */

/* An address and a port. IPv4 is kept in the mapped form ::ffff:a.b.c.d. */
struct sim_place {
    uint8_t ip[16];
    uint16_t port;
    bool v6;
};

/* A violation of "environment" when nobody here made the address. */
struct sim_place sim_place_of(const struct wk_address *address);
void sim_place_address(const struct sim_place *place, struct wk_address *to);
bool sim_place_is_any(const struct sim_place *place); /* 0.0.0.0 or :: */
/* Who listens at `bound` also gets what is sent to `to`. */
bool sim_place_covers(const struct sim_place *bound, const struct sim_place *to);
void sim_place_text(const struct sim_place *place, char *to, size_t capacity);
/* The host that has the address, as seen from `from`; NULL: nobody. */
struct sim_host *sim_place_host(const struct sim_place *place, struct sim_host *from);
/* The one that `host` shows to `peer`: loopback stays loopback. */
struct sim_place sim_place_own(struct sim_host *host, const struct sim_place *peer);
enum wk_status sim_net_resolve(struct wk_env *env, const char *host, uint16_t port,
                               uint64_t deadline_ns, struct wk_address *out, size_t capacity,
                               size_t *out_count, struct wk_error *err);
bool sim_net_is_loopback(struct wk_env *env, const struct wk_address *address);
void sim_net_address_text(struct wk_env *env, const struct wk_address *address, char *to,
                          size_t capacity);
enum wk_status sim_net_unix_address(struct wk_env *env, const char *path, struct wk_address *out,
                                    struct wk_error *err);
void sim_net_addresses_reset(uint64_t seed);

/* ---- links ------------------------------------------------------------------------------- */

/* When `bytes` that leave now arrive; they queue behind what is on its way already. */
uint64_t sim_link_arrival(const struct sim_host *from, const struct sim_host *to, uint64_t bytes);
/* One way, without a queue: for handshakes and resets. */
uint64_t sim_link_latency(const struct sim_host *from, const struct sim_host *to);
/* Nothing sent from `from` reaches `to` now: a partition, or one of them is dark. */
bool sim_link_blocked(const struct sim_host *from, const struct sim_host *to);
/* Bytes that a connection between them holds in each direction. */
uint64_t sim_link_window(const struct sim_host *from, const struct sim_host *to);
void sim_links_reset(uint64_t seed);
struct sim_rng *sim_net_rng(void); /* what no fault decides: jitter, ports */

/* From `from` to `to` only, for so long. */
void sim_net_cut(struct sim_host *from, struct sim_host *to, uint64_t for_ns);
/* A host that lost power answers nothing for a while after that. */
void sim_net_darken(struct sim_host *host, uint64_t for_ns);
/* A tick of the world's mischief: partitions. Nothing in a world that has used no socket. */
void sim_net_chaos(void);
/* Links and hosts are back, and what waited to be sent again is sent now. */
void sim_net_heal(void);

/* ---- connections ------------------------------------------------------------------------- */

#define SIM_SEGMENTS_MAX 64u

struct sim_segment {
    uint64_t arrives_ns;
    uint32_t bytes;
    bool lost; /* behind a faked end: it is answered by a reset */
    bool end;  /* the orderly end follows it */
};

/* One direction. */
struct sim_stream {
    struct sim_end *from;
    struct sim_end *to;
    uint8_t *ring;
    uint64_t sent; /* bytes so far; place in the ring is the number modulo capacity */
    uint64_t arrived;
    uint64_t taken;
    struct sim_segment segments[SIM_SEGMENTS_MAX];
    uint32_t first;
    uint32_t count;
    struct sim_timer timer;  /* arrival of the first segment, or its next try */
    uint64_t last_ns;        /* arrival of the last one: bytes never overtake */
    uint64_t retry_ns;       /* distance to the next try; 0: the way is free */
    uint64_t stuck_since_ns; /* while retry_ns > 0 */
    bool end_sent;
    bool ended;         /* the end has arrived */
    bool goodbye;       /* TLS said so before its end */
    bool cut;           /* a fault ended it: what follows is lost */
    uint64_t flip_at;   /* number of the first flipped byte; UINT64_MAX: none */
    uint32_t tiny_left; /* operations that still move a byte or so */
};

struct sim_end {
    struct sim_conn *conn;
    struct sim_stream *out;
    struct sim_stream *in;
    struct sim_host *host;
    struct wk_socket *socket; /* NULL: not accepted yet, or gone */
    struct sim_end *next;     /* in the queue of a listener */
    struct sim_place local;
    struct sim_place peer;
    bool shut;                    /* both directions, by its own side */
    bool over;                    /* reset or timed out */
    bool gone;                    /* closed, or its process has died */
    int error;                    /* an errno to tell once; 0 none */
    struct sim_timer reset_timer; /* a reset on its way to this end */
};

struct sim_conn {
    struct sim_conn *next; /* of those that live, or of those free for use again */
    struct sim_conn *previous;
    uint64_t number;
    uint64_t capacity;
    char name[24];          /* in the trace */
    struct sim_end ends[2]; /* client, server */
    struct sim_stream streams[2];
};

struct sim_conn *sim_conn_create(struct sim_host *client, const struct sim_place *client_at,
                                 struct sim_host *server, const struct sim_place *server_at);
/* Takes up to `size` bytes; 0 when there is no room. Only on an end that may write. */
size_t sim_conn_send(struct sim_end *end, const struct wk_span *spans, size_t count, size_t size);
size_t sim_conn_room(const struct sim_end *end);
size_t sim_conn_readable(const struct sim_end *end);
/* Copies `size` bytes that have arrived; `keep` leaves them there. */
void sim_conn_take(struct sim_end *end, uint8_t *to, size_t size);
/* The orderly end of its direction. */
void sim_conn_end(struct sim_end *end);
/* Both directions end for this side. */
void sim_conn_shut(struct sim_end *end);
/* This end is no more; the peer is told as TCP does, by an end or by a reset. */
void sim_conn_close(struct sim_end *end);
/* The network resets the connection: this end at once, the peer when it hears of it. */
void sim_conn_reset(struct sim_end *end);
/* The peer sees an orderly end after what was sent so far; what is written later is lost. */
void sim_conn_cut(struct sim_end *end);
/* Sends again at once what waits for its next try. */
void sim_conns_hurry(void);
/* All ends on the host vanish, those without a socket too. */
void sim_conns_host_gone(const struct sim_host *host);
bool sim_conns_used(void); /* has this world had a connection or a listener? */
void sim_conns_use(void);
void sim_conns_reset(void);

/* ---- sockets ----------------------------------------------------------------------------- */

enum sim_tls_state { SIM_TLS_NONE, SIM_TLS_FAILED, SIM_TLS_UP };

struct wk_socket {
    struct wk_socket *next; /* all that are open, in the whole world */
    struct wk_socket *previous;
    struct sim_process *process;
    bool open;
    bool listens;
    /* listeners */
    struct sim_place at;
    uint32_t backlog;
    struct sim_end *queue; /* connections not accepted yet, oldest first */
    uint32_t queued;
    bool shut;
    /* connections */
    struct sim_end *end;
    enum sim_tls_state tls;
    struct sim_fiber *reader;
    struct sim_fiber *writer;
};

/* What env_net.c and net_tls.c share: one try after the other until something moves. */
enum wk_status sim_socket_read(struct wk_socket *socket, void *to, size_t size, uint64_t until_ns,
                               const char *what, size_t *out_size, struct wk_error *err);
enum wk_status sim_socket_write(struct wk_socket *socket, const struct wk_span *spans, size_t count,
                                uint64_t until_ns, const char *what, size_t *out_size,
                                struct wk_error *err);

/* ---- TLS --------------------------------------------------------------------------------- */

enum wk_status sim_tls_create(struct wk_env *env, const struct wk_tls_config *config, bool server,
                              struct wk_tls **out, struct wk_error *err);
void sim_tls_release(struct wk_env *env, struct wk_tls *tls);
/* Runs the handshake of one side over the socket. */
enum wk_status sim_tls_start(struct wk_socket *socket, struct wk_tls *tls, bool server,
                             uint64_t until_ns, struct wk_error *err);
void sim_tls_reset(void);

/* ---- the world's view -------------------------------------------------------------------- */

void sim_net_reset(uint64_t seed);
/* kill -9: the kernel closes what the process had open. */
void sim_net_process_gone(struct sim_process *process);
/* No power: its connections vanish without a word, and it is dark for a while. */
void sim_net_host_gone(struct sim_host *host);

#endif
