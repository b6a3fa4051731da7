/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TCP and HTTP backends beside bare sockets that move the same bytes, in one process on
 * loopback: ping, GET and PUT of one block, GET and PUT of 16 x 512 KiB, by 1, 8 and 16 clients.
 *
 *   bare    the request's bytes one way and the reply's the other, by blocking reads and writes of
 *           whole buffers: nothing is parsed, summed or stored
 *   ours    the client backend, a server, the dispatch, and a store over objects that keep nothing;
 *           a PUT fills the cache, a GET is served from it
 *
 * Goals: GET of 16 MiB at least 0.9 x the bare speed (1.11 x its time); small GET at most 1.2 x;
 * HTTP at least 0.9 x TCP. Ratios are of times, taken within a round: lower is better.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/dispatch.h"
#include "measure.h"
#include "rpc/client.h"
#include "store/store.h"

#define CLIENTS_MAX 16
#define BLOCKS_MAX  32
#define HEAD_BYTES  200u /* envelope and archive of a request or reply, about */

static struct wk_env *env;
static uint8_t *payload;

static void check(enum wk_status status, const struct wk_error *err) {
    if (status == WK_OK)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

/* ---- bare sockets ---------------------------------------------------------------------------- */

struct bare {
    int server;
    int client;
    size_t there; /* bytes of a request */
    size_t back;  /* bytes of a reply */
    uint8_t *room;
    pthread_t thread;
};

static int must(int result, const char *what) {
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

static bool move_in(int fd, uint8_t *room, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t got = recv(fd, room + done, size - done, 0);
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static bool move_out(int fd, const uint8_t *room, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t sent = send(fd, room + done, size - done, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        done += (size_t)sent;
    }
    return true;
}

static void *bare_serve(void *arg) {
    struct bare *b = arg;
    size_t there = b->there;
    size_t back = b->back;
    while (move_in(b->server, b->room, there) && move_out(b->server, payload, back))
        ;
    return NULL;
}

static void bare_open(struct bare *b, size_t there, size_t back) {
    int one = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
    must(bind(listener, (struct sockaddr *)&at, sizeof at), "bind");
    must(listen(listener, 1), "listen");
    must(getsockname(listener, (struct sockaddr *)&at, &size), "getsockname");
    b->client = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
    must(connect(b->client, (struct sockaddr *)&at, sizeof at), "connect");
    b->server = must(accept(listener, NULL, NULL), "accept");
    close(listener);
    setsockopt(b->client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(b->server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    b->there = there;
    b->back = back;
    b->room = malloc(there + back + 1);
    if (b->room == NULL || pthread_create(&b->thread, NULL, bare_serve, b) != 0)
        exit(1);
}

static void bare_call(struct bare *b) {
    static _Thread_local uint8_t *room;
    static _Thread_local size_t room_bytes;
    if (room_bytes < b->back) {
        free(room);
        room = malloc(b->back);
        room_bytes = b->back;
    }
    if (room == NULL || !move_out(b->client, payload, b->there) ||
        !move_in(b->client, room, b->back))
        exit(1);
}

static void bare_close(struct bare *b) {
    shutdown(b->client, SHUT_RDWR);
    pthread_join(b->thread, NULL);
    close(b->client);
    close(b->server);
    free(b->room);
}

/* ---- ours ------------------------------------------------------------------------------------ */

static void null_batch(struct wk_objects *objects, const struct wk_object_request *requests,
                       struct wk_object_result *results, size_t count, uint32_t parallel,
                       uint64_t deadline_ns, const wk_atomic_u32 *cancel) {
    (void)objects;
    (void)parallel;
    (void)deadline_ns;
    (void)cancel;
    for (size_t i = 0; i < count; i++)
        results[i].class = requests[i].verb == WK_OBJECT_PUT ? WK_OBJECT_OK : WK_OBJECT_ABSENT;
}

static void null_close(struct wk_objects *objects) {
    (void)objects;
}

static const struct wk_objects_ops null_ops = {null_batch, NULL, null_close};
static struct wk_objects null_objects = {&null_ops, WK_OBJECTS_CHECKSUM | WK_OBJECTS_CONCURRENT};

static struct wk_backend *store;
static struct wk_dispatch dispatch;
static struct wk_metrics metrics;
static struct wk_times times;
static struct wk_rpc_server *server;
static struct wk_backend *clients[2]; /* by transport; calls of many threads share one handle */

static bool no_page(void *ctx, struct wk_rpc_session *session, struct wk_span path,
                    struct wk_rpc_page *page) {
    (void)ctx;
    (void)session;
    (void)path;
    (void)page;
    return false;
}

static enum wk_status everybody(void *ctx, struct wk_rpc_session *session, struct wk_span token,
                                struct wk_error *err) {
    (void)ctx;
    (void)session;
    (void)token;
    (void)err;
    return WK_OK;
}

static struct wk_backend *connect_to(enum wk_rpc_transport transport) {
    char text[WK_ADDRESS_BYTES_MAX];
    struct wk_address any;
    struct wk_address bound;
    struct wk_backend *client = NULL;
    struct wk_error err;
    size_t count;
    uint64_t deadline = wk_now_ns(env) + WK_NS_PER_S;
    check(env->net->resolve(env, "127.0.0.1", 0, deadline, &any, 1, &count, &err), &err);
    check(wk_rpc_server_listen(server, transport, &any, false, &bound, &err), &err);
    env->net->address_text(env, &bound, text, sizeof text);
    struct wk_rpc_client_config config = {
        .transport = transport, .at_text = text, .call_timeout_ns = 30 * WK_NS_PER_S};
    check(wk_host_port_parse(wk_span_text(text), &config.at, &err), &err);
    check(wk_rpc_client_open(env, &config, &client, &err), &err);
    return client;
}

static void open_ours(void) {
    struct wk_error err;
    struct wk_store_config config = {.objects = &null_objects,
                                     .s3_prefix = "kv/bench",
                                     .ns = "default",
                                     .ram_bytes = 1u << 30,
                                     .parallel = 8,
                                     .index_nodes_max = 1000000,
                                     .scrub_interval_ns = 3600ull * WK_NS_PER_S};
    check(wk_store_open(env, &config, &store, &err), &err);
    wk_metrics_init(&metrics, env);
    dispatch =
        (struct wk_dispatch){.env = env, .store = store, .metrics = &metrics, .times = &times};
    check(wk_auth_open(env, NULL, "kv/bench", &dispatch.auth, &err), &err);
    struct wk_rpc_server_config server_config = {
        .service = {&dispatch, wk_dispatch_serve, no_page, everybody},
        .connections_max = 100,
        .receive_bytes = 1ull << 30};
    check(wk_rpc_server_create(env, &server_config, &server, &err), &err);
    clients[WK_RPC_TCP] = connect_to(WK_RPC_TCP);
    clients[WK_RPC_HTTP] = connect_to(WK_RPC_HTTP);
}

static void close_ours(void) {
    clients[WK_RPC_TCP]->ops->close(clients[WK_RPC_TCP]);
    clients[WK_RPC_HTTP]->ops->close(clients[WK_RPC_HTTP]);
    wk_rpc_server_stop(server, wk_now_ns(env) + WK_NS_PER_S);
    wk_rpc_server_destroy(server);
    wk_auth_close(dispatch.auth);
    store->ops->close(store);
}

/* ---- cases ----------------------------------------------------------------------------------- */

enum verb { LOOKUP, GET, PUT };

struct shape {
    const char *name;
    enum verb verb;
    size_t blocks;
    size_t bytes; /* of each */
    int times;    /* calls that are timed together */
};

struct caller {
    const struct shape *shape;
    struct wk_backend *backend; /* NULL: bare */
    struct bare *bare;
    struct wk_block_hash hashes[BLOCKS_MAX];
    pthread_t thread;
};

static void name_blocks(struct wk_block_hash *hashes, size_t count, uint64_t salt) {
    for (size_t i = 0; i < count; i++) {
        uint64_t x = (salt * 1000003 + i + 1) * 0x9e3779b97f4a7c15ull;
        for (size_t k = 0; k < sizeof hashes[i].bytes; k++) {
            x ^= x >> 29;
            x *= 0xbf58476d1ce4e5b9ull;
            hashes[i].bytes[k] = (uint8_t)(x >> 56);
        }
    }
}

static void our_call(struct caller *c) {
    struct wk_block_result results[BLOCKS_MAX];
    struct wk_span spans[BLOCKS_MAX];
    struct wk_error err;
    size_t matched;
    struct wk_span ns = wk_span_text("default");
    const struct shape *s = c->shape;
    for (size_t i = 0; i < s->blocks; i++)
        spans[i] = wk_span(payload + i * s->bytes, s->bytes);
    if (s->verb == LOOKUP)
        check(c->backend->ops->lookup(c->backend, ns, c->hashes, 1, &matched, &err), &err);
    if (s->verb == PUT)
        check(c->backend->ops->put(c->backend, ns, c->hashes, spans, s->blocks, &err), &err);
    if (s->verb != GET)
        return;
    check(c->backend->ops->get(c->backend, ns, c->hashes, s->blocks, WK_GET_ALL, WK_FOREVER,
                               results, &err),
          &err);
    c->backend->ops->release(c->backend, results, s->blocks);
}

static void *call_times(void *arg) {
    struct caller *c = arg;
    for (int i = 0; i < c->shape->times; i++) {
        if (c->backend != NULL)
            our_call(c);
        else
            bare_call(c->bare);
    }
    return NULL;
}

static double run_us(struct caller *callers, int count) {
    double start = now_us();
    for (int i = 1; i < count; i++) {
        if (pthread_create(&callers[i].thread, NULL, call_times, &callers[i]) != 0)
            exit(1);
    }
    call_times(&callers[0]);
    for (int i = 1; i < count; i++)
        pthread_join(callers[i].thread, NULL);
    return (now_us() - start) / callers[0].shape->times;
}

static void measure(const struct shape *shape, int count) {
    static double bare_us[ROUNDS];
    static double tcp[ROUNDS];
    static double http[ROUNDS];
    static double http_tcp[ROUNDS];
    struct bare bare[CLIENTS_MAX];
    struct caller callers[CLIENTS_MAX];
    size_t data = shape->verb == LOOKUP ? 0 : shape->blocks * shape->bytes;
    size_t names = shape->blocks * 72;
    char row[100];
    for (int i = 0; i < count; i++) {
        callers[i] = (struct caller){.shape = shape, .backend = store, .bare = &bare[i]};
        name_blocks(callers[i].hashes, shape->blocks, (uint64_t)i + 7);
        bare_open(&bare[i], HEAD_BYTES + names + (shape->verb == PUT ? data : 0),
                  HEAD_BYTES + (shape->verb == GET ? data : 0));
        struct shape fill = *shape;
        fill.verb = PUT;
        callers[i].shape = &fill;
        our_call(&callers[i]);
        callers[i].shape = shape;
    }
    for (int r = 0; r < ROUNDS; r++) {
        double us[3];
        for (int kind = 0; kind < 3; kind++) {
            for (int i = 0; i < count; i++)
                callers[i].backend = kind == 0 ? NULL : clients[kind - 1];
            us[kind] = run_us(callers, count);
        }
        bare_us[r] = us[0];
        tcp[r] = us[1] / us[0];
        http[r] = us[2] / us[0];
        http_tcp[r] = us[2] / us[1];
    }
    for (int i = 0; i < count; i++)
        bare_close(&bare[i]);
    snprintf(row, sizeof row, "%s, %d client%s: bare", shape->name, count, count == 1 ? "" : "s");
    print_row(row, "us", bare_us);
    print_row("  TCP", "x bare", tcp);
    print_row("  HTTP", "x bare", http);
    print_row("  HTTP", "x TCP", http_tcp);
}

int main(void) {
    static const struct shape shapes[] = {
        {"lookup of one block", LOOKUP, 1, 64, 300},
        {"GET 1 KiB", GET, 1, 1024, 300},
        {"GET 4 KiB", GET, 1, 4096, 300},
        {"GET 64 KiB", GET, 1, 64 << 10, 100},
        {"GET 1 MiB", GET, 1, 1 << 20, 20},
        {"GET 16 x 512 KiB", GET, 16, 512 << 10, 4},
        {"GET 32 x 512 KiB", GET, 32, 512 << 10, 2},
        {"PUT 1 KiB", PUT, 1, 1024, 300},
        {"PUT 64 KiB", PUT, 1, 64 << 10, 100},
        {"PUT 1 MiB", PUT, 1, 1 << 20, 20},
        {"PUT 16 x 512 KiB", PUT, 16, 512 << 10, 4},
    };
    const size_t bytes = 64u << 20;
    uint64_t x = 88172645463325252ull;
    env = wk_env_current();
    payload = malloc(bytes);
    if (payload == NULL)
        return 1;
    for (size_t i = 0; i < bytes; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        payload[i] = (uint8_t)x;
    }
    open_ours();
    printf("%-52s %10s %10s %10s\n", "", "min", "median", "max");
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        measure(&shapes[i], 1);
    measure(&shapes[1], 8);
    measure(&shapes[1], 16);
    measure(&shapes[5], 8);
    close_ours();
    free(payload);
    return 0;
}
