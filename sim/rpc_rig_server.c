// SPDX-License-Identifier: Apache-2.0
// Our server against clients that do what a script says. The service echoes; the key "slow" takes
// two seconds.
#include <stdio.h>
#include <string.h>

#include "codec/http_head.h"
#include "pool.h"
#include "report.h"
#include "rpc/frame.h"
#include "rpc/message.h"
#include "rpc/server.h"
#include "rpc_rig.h"
#include "sched.h"

#define SLOW_MS     2000u
#define PATIENCE_MS 60000u
#define SOON_MS     1000u       // an answer that needs no work
#define ROOMY       (1u << 20)  // budget of request bodies
#define TIGHT       (64u << 10) // for one large request at a time
#define LARGE       40000u      // a large request's payload
#define HELD_BACK   100u        // bytes of it that come later
#define NEW_ROUNDS  8u
#define NEW_NS_MAX  60000u // an accept and the start of a thread take about so long

struct rig {
    struct sim_rpc_rig *rig;
    struct wk_env *env;
    struct wk_rpc_server *server;
    struct wk_address tcp_at;
    struct wk_address http_at;
    uint32_t stolen; // times that the page of a body was asked for
};

// ---- the service

static void echo(void *ctx, struct wk_rpc_session *session, const struct wk_wire_request *request,
                 struct wk_rpc_answer *answer) {
    const struct rig *r = ctx;
    (void)session;
    if (wk_span_equal(request->key, wk_span_text("slow")))
        sim_rpc_pause(r->rig, SLOW_MS);
    answer->payload = request->payload;
}

static bool page(void *ctx, struct wk_rpc_session *session, struct wk_span path,
                 struct wk_rpc_page *out) {
    struct rig *r = ctx;
    (void)session;
    r->stolen += wk_span_equal(path, wk_span_text("/stolen"));
    out->body = wk_span_text("a page");
    return true;
}

static enum wk_status everybody(void *ctx, struct wk_rpc_session *session, struct wk_span token,
                                struct wk_error *err) {
    (void)ctx, (void)session, (void)token, (void)err;
    return WK_OK;
}

static struct rig *begin(struct sim_rpc_rig *rig, uint32_t connections_max, uint64_t bytes) {
    struct rig *r = sim_new(sizeof *r);
    struct wk_address any;
    size_t found;
    r->rig = rig;
    r->env = rig->env;
    struct wk_rpc_server_config config = {.service = {r, echo, page, everybody},
                                          .connections_max = connections_max,
                                          .receive_bytes = bytes};
    uint64_t until_ns = sim_rpc_in_ms(rig, 1000);
    if (r->env->net->resolve(r->env, "127.0.0.1", 0, until_ns, &any, 1, &found, NULL) != WK_OK ||
        wk_rpc_server_create(r->env, &config, &r->server, NULL) != WK_OK ||
        wk_rpc_server_listen(r->server, WK_RPC_TCP, &any, false, &r->tcp_at, NULL) != WK_OK ||
        wk_rpc_server_listen(r->server, WK_RPC_HTTP, &any, false, &r->http_at, NULL) != WK_OK)
        sim_harness_fail("a script cannot serve");
    return r;
}

static void end(struct rig *r) {
    uint64_t cut = wk_rpc_server_stop(r->server, sim_rpc_in_ms(r->rig, PATIENCE_MS));
    wk_rpc_server_destroy(r->server);
    sim_rpc_expect(cut == 0, "a server without work cuts some off at its end");
}

// ---- peers

struct peer {
    struct rig *of;
    struct wk_stream stream;
    uint8_t *request;
    size_t request_bytes;
    bool answered; // the whole payload came back
};

static struct peer *dial(struct rig *r, const struct wk_address *at) {
    struct peer *p = sim_new(sizeof *p);
    struct wk_socket *socket;
    p->of = r;
    uint64_t until_ns = sim_rpc_in_ms(r->rig, PATIENCE_MS);
    if (r->env->net->connect(r->env, at, NULL, until_ns, &socket, NULL) != WK_OK ||
        wk_stream_open(&p->stream, r->env, socket, NULL) != WK_OK)
        sim_harness_fail("a script cannot connect");
    return p;
}

static void say(struct peer *p, const void *bytes, size_t size) {
    struct wk_span span = wk_span(bytes, size);
    uint64_t until_ns = sim_rpc_in_ms(p->of->rig, PATIENCE_MS);
    sim_rpc_expect(wk_stream_write(&p->stream, &span, 1, until_ns, NULL, NULL) == WK_OK,
                   "a server does not take what it is sent");
}

static void make_request(struct peer *p, const char *key, size_t payload_bytes) {
    struct wk_frame frame;
    uint8_t *payload = sim_new(payload_bytes + 1);
    struct wk_wire_request r = {.id = 7,
                                .op = WK_OP_GET,
                                .key = wk_span_text(key),
                                .payload = wk_payload(wk_span(payload, payload_bytes))};
    memset(payload, 'p', payload_bytes);
    if (wk_frame_request(&frame, p->of->env, &r, NULL, NULL) != WK_OK)
        sim_harness_fail("a request cannot be encoded");
    p->request = sim_new(wk_frame_bytes(&frame));
    for (size_t i = 0; i < frame.iov.count; i++) {
        memcpy(p->request + p->request_bytes, frame.iov.pieces[i].data, frame.iov.pieces[i].size);
        p->request_bytes += frame.iov.pieces[i].size;
    }
    wk_frame_free(&frame);
}

// False: the connection ended, or nothing came in time.
static bool hear(struct peer *p, uint64_t ms, struct wk_wire_response *out) {
    struct wk_envelope_header header;
    struct wk_wire_error error;
    uint64_t until_ns = sim_rpc_in_ms(p->of->rig, ms);
    if (wk_message_read_header(&p->stream, until_ns, &header, NULL) != WK_OK)
        return false;
    uint8_t *body = sim_new(header.body_bytes + 1);
    if (wk_stream_read(&p->stream, body, header.body_bytes, until_ns, NULL, NULL) != WK_OK)
        return false;
    if (!wk_wire_response_archive_decode(wk_span(body, header.body_bytes), 0, out, &error))
        sim_violate("protocol", "the server sends what is no reply");
    return true;
}

static void hear_echo(void *arg) {
    struct peer *p = arg;
    struct wk_wire_response reply;
    p->answered = hear(p, PATIENCE_MS, &reply) && reply.id == 7 && reply.op == WK_OP_GET &&
                  reply.status == WK_REPLY_OK;
}

static void ask(void *arg) {
    struct peer *p = arg;
    say(p, p->request, p->request_bytes);
    hear_echo(p);
}

// 0: the connection ended, or no head came in time.
static unsigned hear_status(struct peer *p) {
    struct wk_http_response head;
    struct wk_http_fault fault;
    size_t seen = 0;
    uint64_t until_ns = sim_rpc_in_ms(p->of->rig, SOON_MS);
    while (wk_http_response_read(wk_stream_ahead(&p->stream), &seen, &head, &fault) ==
           WK_HTTP_MORE) {
        if (wk_stream_more(&p->stream, until_ns, NULL) != WK_OK)
            return 0;
    }
    wk_stream_consume(&p->stream, head.head_bytes);
    if (wk_stream_skip(&p->stream, head.content_length, until_ns, NULL) != WK_OK)
        return 0;
    return head.status;
}

static void hang_up(struct peer *p) {
    wk_stream_close(&p->stream);
}

// ---- scripts

static void body_that_nobody_wants(struct sim_rpc_rig *rig) {
    static const char inner[] = "GET /stolen HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char outer[] =
        "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s";
    static const char next[] = "GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
    struct rig *r = begin(rig, 4, ROOMY);
    struct peer *p = dial(r, &r->http_at);
    char text[200];
    int size = snprintf(text, sizeof text, outer, sizeof inner - 1, inner);
    say(p, text, (size_t)size);
    say(p, next, sizeof next - 1);
    sim_rpc_expect(hear_status(p) == 404, "an unknown route is not answered with 404");
    sim_rpc_expect(hear_status(p) == 200, "the request after an unwanted body is not answered");
    sim_rpc_expect(r->stolen == 0, "an unwanted body is taken for the next request");
    hang_up(p);
    end(r);
}

static void size_over_the_limit(struct sim_rpc_rig *rig) {
    struct wk_envelope_header header = {0, WK_FRAME_BODY_BYTES_MAX + 1};
    uint8_t bytes[WK_ENVELOPE_HEADER_BYTES];
    struct wk_wire_response reply;
    struct rig *r = begin(rig, 4, (uint64_t)WK_FRAME_BODY_BYTES_MAX * 2);
    struct peer *p = dial(r, &r->tcp_at);
    wk_envelope_header_encode(bytes, &header);
    say(p, bytes, sizeof bytes);
    sim_rpc_expect(hear(p, SOON_MS, &reply), "a size over the limit is not refused at once");
    sim_rpc_expect(reply.id == 0 && reply.status == WK_REPLY_TOO_LARGE,
                   "a size over the limit is not answered as TOO_LARGE");
    hang_up(p);
    end(r);
}

static void stop_with_work_under_way(struct sim_rpc_rig *rig) {
    struct rig *r = begin(rig, 4, ROOMY);
    struct peer *p = dial(r, &r->tcp_at);
    struct peer *resting = dial(r, &r->http_at);
    make_request(p, "slow", 1000);
    say(p, p->request, p->request_bytes);
    struct wk_thread *listener = sim_rpc_start(rig, hear_echo, p);
    sim_rpc_pause(rig, SLOW_MS / 4);
    uint64_t begun_ns = sim_now();
    end(r);
    sim_rpc_join(rig, listener);
    sim_rpc_expect(p->answered, "a request that had begun is not answered when the server stops");
    sim_rpc_expect(sim_now() - begun_ns < 4ull * SLOW_MS * WK_NS_PER_MS,
                   "a server waits for a connection that rests");
    hang_up(p);
    hang_up(resting);
}

static void stop_without_patience(struct sim_rpc_rig *rig) {
    struct rig *r = begin(rig, 4, ROOMY);
    struct peer *p = dial(r, &r->tcp_at);
    make_request(p, "slow", 1000);
    say(p, p->request, p->request_bytes);
    sim_rpc_pause(rig, SLOW_MS / 4);
    uint64_t cut = wk_rpc_server_stop(r->server, sim_rpc_in_ms(rig, SLOW_MS / 20));
    wk_rpc_server_destroy(r->server);
    sim_rpc_expect(cut == 1, "a request that was cut off is not counted");
    hang_up(p);
}

// The listener may be gone before the thread of its last connection has begun.
static void stop_beside_new_connections(struct sim_rpc_rig *rig) {
    for (uint32_t i = 0; i < NEW_ROUNDS; i++) {
        struct rig *r = begin(rig, 4, ROOMY);
        struct peer *first = dial(r, &r->tcp_at);
        struct peer *second = dial(r, &r->http_at);
        uint64_t until_ns = wk_now_ns(rig->env) + sim_rng_below(&rig->rng, NEW_NS_MAX);
        rig->env->clock->sleep_until(rig->env, until_ns);
        end(r);
        hang_up(first);
        hang_up(second);
    }
}

// The second one waits until the first one is whole, and is answered then.
static void requests_beyond_the_budget(struct sim_rpc_rig *rig) {
    struct rig *r = begin(rig, 4, TIGHT);
    struct peer *first = dial(r, &r->tcp_at);
    struct peer *second = dial(r, &r->tcp_at);
    make_request(first, "a", LARGE);
    make_request(second, "b", LARGE);
    say(first, first->request, first->request_bytes - HELD_BACK);
    sim_rpc_pause(rig, 20);
    struct wk_thread *listener = sim_rpc_start(rig, ask, second);
    sim_rpc_pause(rig, 100);
    sim_rpc_expect(!second->answered, "request bodies take more memory than their budget");
    say(first, first->request + first->request_bytes - HELD_BACK, HELD_BACK);
    hear_echo(first);
    sim_rpc_join(rig, listener);
    sim_rpc_expect(first->answered && second->answered,
                   "a request that waited for memory is not answered");
    hang_up(first);
    hang_up(second);
    end(r);
}

static void one_connection_too_many(struct sim_rpc_rig *rig) {
    struct rig *r = begin(rig, 1, ROOMY);
    struct peer *first = dial(r, &r->tcp_at);
    make_request(first, "a", 10);
    say(first, first->request, first->request_bytes);
    hear_echo(first);
    struct peer *second = dial(r, &r->http_at);
    unsigned status = hear_status(second);
    sim_rpc_expect(status == 503, "a connection over the limit is not refused with 503");
    say(first, first->request, first->request_bytes);
    hear_echo(first);
    sim_rpc_expect(first->answered, "a connection suffers from one that is refused");
    hang_up(first);
    hang_up(second);
    end(r);
}

static void byte_after_byte(struct sim_rpc_rig *rig) {
    struct rig *r = begin(rig, 4, ROOMY);
    struct peer *p = dial(r, &r->tcp_at);
    make_request(p, "a", 20);
    for (size_t i = 0; i < p->request_bytes; i++)
        say(p, p->request + i, 1);
    hear_echo(p);
    sim_rpc_expect(p->answered, "a request that comes byte after byte is not answered");
    hang_up(p);
    end(r);
}

const struct sim_rpc_script sim_rpc_server_scripts[] = {
    {"body-that-nobody-wants", body_that_nobody_wants},
    {"size-over-the-limit", size_over_the_limit},
    {"stop-with-work-under-way", stop_with_work_under_way},
    {"stop-without-patience", stop_without_patience},
    {"stop-beside-new-connections", stop_beside_new_connections},
    {"requests-beyond-the-budget", requests_beyond_the_budget},
    {"one-connection-too-many", one_connection_too_many},
    {"byte-after-byte", byte_after_byte},
};
const size_t sim_rpc_server_script_count =
    sizeof sim_rpc_server_scripts / sizeof sim_rpc_server_scripts[0];
