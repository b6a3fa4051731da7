/* SPDX-License-Identifier: Apache-2.0 */
/* The server against peers that are slow, wrong or hostile. The service echoes. */
#include "unit/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "codec/http_head.h"
#include "config/endpoint.h"
#include "env/posix/posix.h"
#include "hash/crc32c.h"
#include "rpc/frame.h"
#include "rpc/message.h"
#include "rpc/server.h"

static struct wk_env *env;
static struct wk_error err;
static struct wk_rpc_server *server;
static struct wk_address tcp_at;
static struct wk_address http_at;
static wk_atomic_u32 served;
static uint64_t stranger_ns;
static wk_atomic_u32 gate; /* 1: requests wait until it is 0 */

static uint64_t in_ms(uint64_t ms) {
    return wk_now_ns(env) + ms * WK_NS_PER_MS;
}

/* ---- the service ----------------------------------------------------------------------------- */

static void echo(void *ctx, struct wk_rpc_session *session, const struct wk_wire_request *request,
                 struct wk_rpc_answer *answer) {
    (void)ctx;
    session->identified = session->identified || request->op == WK_OP_AUTH;
    wk_atomic_add_u32(&served, 1, WK_SEQ_CST, "test");
    while (wk_atomic_load_u32(&gate, WK_SEQ_CST, "test") != 0)
        env->clock->sleep_until(env, in_ms(1));
    answer->payload = request->payload;
    answer->message = request->key;
}

static bool page(void *ctx, struct wk_rpc_session *session, struct wk_span path,
                 struct wk_rpc_page *out) {
    (void)ctx;
    (void)session;
    if (!wk_span_equal(path, wk_span_text("/page")))
        return false;
    out->body = wk_span_text("a page");
    return true;
}

static enum wk_status authenticate(void *ctx, struct wk_rpc_session *session, struct wk_span token,
                                   struct wk_error *error) {
    (void)ctx;
    (void)session;
    if (wk_span_equal(token, wk_span_text("wrong")))
        return wk_fail(error, WK_DENIED, "not you");
    return WK_OK;
}

static int set_up(void **state) {
    struct wk_address any;
    size_t count;
    struct wk_rpc_server_config config = {
        .service = {NULL, echo, page, authenticate},
        .connections_max = *state == NULL ? 64 : (uint32_t)(uintptr_t)*state,
        .receive_bytes = 8 << 20,
        .stranger_ns = stranger_ns,
    };
    wk_atomic_store_u32(&served, 0, WK_SEQ_CST, "test");
    wk_atomic_store_u32(&gate, 0, WK_SEQ_CST, "test");
    assert_int_equal(env->net->resolve(env, "127.0.0.1", 0, in_ms(1000), &any, 1, &count, &err),
                     WK_OK);
    assert_int_equal(wk_rpc_server_create(env, &config, &server, &err), WK_OK);
    assert_int_equal(wk_rpc_server_listen(server, WK_RPC_TCP, &any, false, &tcp_at, &err), WK_OK);
    assert_int_equal(wk_rpc_server_listen(server, WK_RPC_HTTP, &any, false, &http_at, &err), WK_OK);
    return 0;
}

static int set_up_guarded(void **state) {
    stranger_ns = 60 * WK_NS_PER_S;
    return set_up(state);
}

static int set_up_impatient(void **state) {
    stranger_ns = WK_NS_PER_S;
    return set_up(state);
}

static int tear_down(void **state) {
    stranger_ns = 0;
    (void)state;
    wk_atomic_store_u32(&gate, 0, WK_SEQ_CST, "test");
    if (server != NULL) {
        wk_rpc_server_stop(server, in_ms(5000));
        wk_rpc_server_destroy(server);
    }
    server = NULL;
    return 0;
}

/* ---- a peer ---------------------------------------------------------------------------------- */

static void dial(struct wk_stream *s, const struct wk_address *at) {
    struct wk_socket *socket;
    assert_int_equal(env->net->connect(env, at, NULL, in_ms(5000), &socket, &err), WK_OK);
    assert_int_equal(wk_stream_open(s, env, socket, &err), WK_OK);
}

static void say(struct wk_stream *s, const void *bytes, size_t size) {
    struct wk_span span = wk_span(bytes, size);
    assert_int_equal(wk_stream_write(s, &span, 1, in_ms(5000), NULL, &err), WK_OK);
}

static void say_text(struct wk_stream *s, const char *text) {
    say(s, text, strlen(text));
}

/* A request as bytes: header and archive. */
static size_t op_bytes(uint8_t op, uint64_t id, const char *key, size_t payload_bytes,
                       uint8_t *to) {
    static uint8_t payload[70000];
    struct wk_frame frame;
    struct wk_wire_request r = {.id = id,
                                .op = op,
                                .key = wk_span_text(key),
                                .payload = wk_payload(wk_span(payload, payload_bytes))};
    size_t size = 0;
    assert_int_equal(wk_frame_request(&frame, env, &r, NULL, &err), WK_OK);
    for (size_t i = 0; i < frame.iov.count; i++) {
        memcpy(to + size, frame.iov.pieces[i].data, frame.iov.pieces[i].size);
        size += frame.iov.pieces[i].size;
    }
    wk_frame_free(&frame);
    return size;
}

static size_t request_bytes(uint64_t id, const char *key, size_t payload_bytes, uint8_t *to) {
    return op_bytes(WK_OP_GET, id, key, payload_bytes, to);
}

/* The next reply on a bare connection; its message in `text`. */
static struct wk_wire_response hear(struct wk_stream *s, char *text, size_t capacity) {
    static uint8_t body[80000];
    struct wk_envelope_header header;
    struct wk_wire_response response;
    struct wk_wire_error error;
    uint32_t crc = 0;
    assert_int_equal(wk_message_read_header(s, in_ms(5000), &header, &err), WK_OK);
    assert_true(header.body_bytes <= sizeof body);
    assert_int_equal(wk_stream_read(s, body, header.body_bytes, in_ms(5000), &crc, &err), WK_OK);
    assert_int_equal(crc, header.crc32c);
    assert_true(
        wk_wire_response_archive_decode(wk_span(body, header.body_bytes), 0, &response, &error));
    wk_format(text, capacity, "%.*s", (int)response.message.size,
              (const char *)response.message.data);
    return response;
}

static void expect_end(struct wk_stream *s) {
    enum wk_status status = wk_stream_wait(s, in_ms(5000), &err);
    assert_true(status == WK_MISS || status == WK_UNAVAILABLE);
}

/* Everything until the server closes. */
static const char *hear_all(struct wk_stream *s) {
    static char text[8192];
    size_t size = 0;
    text[0] = 0; /* not what an earlier server said */
    while (wk_stream_wait(s, in_ms(5000), &err) == WK_OK) {
        struct wk_span ahead = wk_stream_ahead(s);
        size += wk_format(text + size, sizeof text - size, "%.*s", (int)ahead.size,
                          (const char *)ahead.data);
        wk_stream_consume(s, ahead.size);
    }
    return text;
}

/* ---- bare connections ------------------------------------------------------------------------ */

/* RPC-2 */
static void test_pipelined_requests_are_answered_in_order(void **state) {
    (void)state;
    static uint8_t bytes[200000];
    struct wk_stream s;
    char text[64];
    size_t size = 0;
    dial(&s, &tcp_at);
    size += request_bytes(1, "one", 10, bytes + size);
    size += request_bytes(2, "two", 60000, bytes + size);
    size += request_bytes(3, "three", 0, bytes + size);
    say(&s, bytes, size);
    assert_int_equal(hear(&s, text, sizeof text).id, 1);
    struct wk_wire_response second = hear(&s, text, sizeof text);
    assert_int_equal(second.id, 2);
    assert_int_equal(second.payload.bytes.size, 60000);
    assert_int_equal(hear(&s, text, sizeof text).id, 3);
    assert_string_equal(text, "three");
    /* One byte at a time. */
    size = request_bytes(4, "four", 5, bytes);
    for (size_t i = 0; i < size; i++)
        say(&s, bytes + i, 1);
    assert_int_equal(hear(&s, text, sizeof text).id, 4);
    wk_stream_close(&s);
}

/* RPC-3: wrong bytes, what the answer says, before the connection ends. */
static void test_bytes_that_are_no_frame_are_told_so(void **state) {
    (void)state;
    static uint8_t good[300];
    size_t size = request_bytes(1, "k", 0, good);
    const struct {
        const char *name;
        size_t at;
        uint8_t value;
        const char *says;
        uint8_t status;
    } cases[] = {
        {"magic", 0, 'X', "magic", WK_REPLY_ERROR},
        {"version", 4, 2, "version", WK_REPLY_ERROR},
        {"crc", 8, (uint8_t)(good[8] ^ 1), "", WK_REPLY_ERROR},
        {"size", 15, 0x7f, "", WK_REPLY_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wk_stream s;
        char text[WK_ERROR_TEXT_BYTES];
        uint8_t bytes[300];
        memcpy(bytes, good, size);
        bytes[cases[i].at] = cases[i].value;
        dial(&s, &tcp_at);
        say(&s, bytes, size);
        struct wk_wire_response r = hear(&s, text, sizeof text);
        assert_int_equal(r.status, cases[i].status);
        assert_int_equal(r.id, 0);
        if (strstr(text, cases[i].says) == NULL)
            fail_msg("%s: %s", cases[i].name, text);
        expect_end(&s);
        wk_stream_close(&s);
    }
    assert_int_equal(wk_atomic_load_u32(&served, WK_SEQ_CST, "test"), 0);
}

/* RPC-3: a frame whose body is no archive. */
static void test_a_body_that_is_no_archive(void **state) {
    (void)state;
    struct wk_stream s;
    char text[WK_ERROR_TEXT_BYTES];
    uint8_t bytes[16 + 48];
    memset(bytes + 16, 0xff, 48);
    struct wk_envelope_header header = {wk_crc32c(bytes + 16, 48), 48};
    wk_envelope_header_encode(bytes, &header);
    dial(&s, &tcp_at);
    say(&s, bytes, sizeof bytes);
    assert_int_equal(hear(&s, text, sizeof text).status, WK_REPLY_ERROR);
    assert_non_null(strstr(text, "wire_request"));
    expect_end(&s);
    wk_stream_close(&s);
}

/* RPC-5: more than the budget of bodies; more connections than are allowed. */
static void test_limits(void **state) {
    (void)state;
    struct wk_stream s;
    struct wk_stream others[3];
    char text[WK_ERROR_TEXT_BYTES];
    uint8_t bytes[16];
    uint8_t request[300];
    struct wk_envelope_header header = {0, 100u << 20};
    wk_envelope_header_encode(bytes, &header);
    dial(&s, &tcp_at);
    say(&s, bytes, sizeof bytes);
    assert_int_equal(hear(&s, text, sizeof text).status, WK_REPLY_TOO_LARGE);
    assert_non_null(strstr(text, "budget"));
    expect_end(&s);
    wk_stream_close(&s);
    size_t size = request_bytes(1, "k", 0, request);
    for (size_t i = 0; i < 3; i++) {
        dial(&others[i], i < 2 ? &tcp_at : &http_at);
        if (i == 2)
            break;
        say(&others[i], request, size);
        (void)hear(&others[i], text, sizeof text);
    }
    assert_non_null(strstr(hear_all(&others[2]), "503 Service Unavailable"));
    struct wk_rpc_server_stats stats;
    wk_rpc_server_stats(server, &stats);
    assert_true(stats.refused >= 1);
    for (size_t i = 0; i < 3; i++)
        wk_stream_close(&others[i]);
}

/* RPC-5: a stranger holds no room by announcing much. */
static void test_strangers_may_send_little(void **state) {
    (void)state;
    static uint8_t large[71000];
    struct wk_stream s;
    char text[WK_ERROR_TEXT_BYTES];
    uint8_t small[300];
    size_t large_size = request_bytes(2, "large", 70000, large);
    dial(&s, &tcp_at);
    say(&s, small, request_bytes(1, "small", 0, small));
    assert_int_equal(hear(&s, text, sizeof text).id, 1);
    say(&s, large, 100); /* the rest is not waited for */
    assert_int_equal(hear(&s, text, sizeof text).status, WK_REPLY_ERROR);
    assert_non_null(strstr(text, "denied: a frame of 70"));
    expect_end(&s);
    wk_stream_close(&s);
    dial(&s, &tcp_at);
    say(&s, small, op_bytes(WK_OP_AUTH, 1, "", 0, small));
    assert_int_equal(hear(&s, text, sizeof text).id, 1);
    say(&s, large, large_size);
    assert_int_equal(hear(&s, text, sizeof text).id, 2);
    wk_stream_close(&s);
}

/* RPC-2: who has shown no token holds no connection either. */
static void test_strangers_do_not_rest(void **state) {
    (void)state;
    struct wk_stream known;
    char text[WK_ERROR_TEXT_BYTES];
    uint8_t small[300];
    dial(&known, &tcp_at);
    say(&known, small, op_bytes(WK_OP_AUTH, 1, "", 0, small));
    assert_int_equal(hear(&known, text, sizeof text).id, 1);
    struct wk_stream bare;
    struct wk_stream http;
    dial(&bare, &tcp_at);
    dial(&http, &http_at);
    expect_end(&bare);
    expect_end(&http);
    wk_stream_close(&bare);
    wk_stream_close(&http);
    say(&known, small, request_bytes(2, "k", 0, small));
    assert_int_equal(hear(&known, text, sizeof text).id, 2);
    wk_stream_close(&known);
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

/* RPC-4 */
static void test_http_refusals(void **state) {
    (void)state;
    static const struct {
        const char *sent;
        const char *heard;
    } cases[] = {
        {"GET /page HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n"},
        {"GET /page HTTP/1.1\r\nConnection: close\r\n\r\n", "\r\n\r\na page"},
        {"GET /nowhere HTTP/1.1\r\nConnection: close\r\n\r\n", "404 Not Found"},
        {"GET /wmbt/v1/rpc HTTP/1.1\r\nConnection: close\r\n\r\n", "unknown route"},
        {"POST /wmbt/v1/rpc HTTP/1.1\r\n\r\n", "411 Length Required"},
        {"POST /wmbt/v1/rpc HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "411"},
        {"POST /wmbt/v1/rpc HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", "413"},
        {"POST /wmbt/v1/rpc HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "400"},
        {"POST /wmbt/v1/rpc HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "400 Bad Request"},
        {"POST /wmbt/v1/rpc HTTP/1.1\r\nContent-Length: 20\r\n\r\n01234567890123456789", "400"},
        {"POST /wmbt/v1/rpc HTTP/1.1\r\nAuthorization: Bearer wrong\r\nConnection: close\r\n"
         "Content-Length: 0\r\n\r\n",
         "401 Unauthorized"},
        {"garbage\r\n\r\n", "http request: at byte 0"},
        {"GET /page HTTP/3.0\r\n\r\n", "505"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wk_stream s;
        dial(&s, &http_at);
        say_text(&s, cases[i].sent);
        const char *heard = hear_all(&s);
        if (strstr(heard, cases[i].heard) == NULL)
            fail_msg("case %zu: no \"%s\" in \"%s\"", i, cases[i].heard, heard);
        wk_stream_close(&s);
    }
    assert_int_equal(wk_atomic_load_u32(&served, WK_SEQ_CST, "test"), 0);
}

/* RPC-4: what follows an unwanted body is the next request, never the body itself. */
static void test_http_bodies_that_nobody_wants(void **state) {
    (void)state;
    struct wk_stream s;
    char body[60];
    char text[400];
    dial(&s, &http_at);
    memset(body, 'G', sizeof body - 1);
    body[sizeof body - 1] = 0;
    snprintf(text, sizeof text,
             "POST /nowhere HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s"
             "GET /page HTTP/1.1\r\nConnection: close\r\n\r\n",
             strlen(body), body);
    say_text(&s, text);
    const char *heard = hear_all(&s);
    const char *second = strstr(heard, "404 Not Found");
    assert_non_null(second);
    assert_non_null(strstr(second, "a page"));
    wk_stream_close(&s);
}

static void test_http_heads_without_end(void **state) {
    (void)state;
    struct wk_stream s;
    dial(&s, &http_at);
    say_text(&s, "GET /page HTTP/1.1\r\n");
    for (int i = 0; i < 400; i++) {
        struct wk_span line =
            wk_span_text("X-Filler: 0123456789012345678901234567890123456789\r\n");
        if (wk_stream_write(&s, &line, 1, in_ms(5000), NULL, &err) != WK_OK)
            break; /* the server has heard enough */
    }
    assert_non_null(strstr(hear_all(&s), "431"));
    wk_stream_close(&s);
}

/* ---- stopping -------------------------------------------------------------------------------- */

static void *open_gate(void *arg) {
    (void)arg;
    env->clock->sleep_until(env, in_ms(100));
    wk_atomic_store_u32(&gate, 0, WK_SEQ_CST, "test");
    return NULL;
}

/* RPC-6: who rests is woken, who works may finish, and its answer arrives. */
static void test_stopping_finishes_what_has_begun(void **state) {
    (void)state;
    struct wk_stream resting;
    struct wk_stream working;
    uint8_t bytes[300];
    char text[64];
    pthread_t thread;
    dial(&resting, &tcp_at);
    dial(&working, &tcp_at);
    wk_atomic_store_u32(&gate, 1, WK_SEQ_CST, "test");
    say(&working, bytes, request_bytes(9, "late", 0, bytes));
    while (wk_atomic_load_u32(&served, WK_SEQ_CST, "test") == 0)
        env->clock->sleep_until(env, in_ms(1));
    assert_int_equal(pthread_create(&thread, NULL, open_gate, NULL), 0);
    assert_int_equal(wk_rpc_server_stop(server, in_ms(20000)), 0);
    pthread_join(thread, NULL);
    assert_int_equal(hear(&working, text, sizeof text).id, 9);
    expect_end(&working);
    expect_end(&resting);
    wk_stream_close(&resting);
    wk_stream_close(&working);
    wk_rpc_server_destroy(server);
    server = NULL;
}

/* RPC-6: the deadline ends them, and they are counted. */
static void test_stopping_does_not_wait_for_ever(void **state) {
    (void)state;
    struct wk_stream s;
    uint8_t bytes[16] = "WMBT\1";
    dial(&s, &tcp_at);
    say(&s, bytes, 7); /* a header that never ends */
    env->clock->sleep_until(env, in_ms(50));
    assert_int_equal(wk_rpc_server_stop(server, in_ms(50)), 1);
    expect_end(&s);
    wk_stream_close(&s);
    wk_rpc_server_destroy(server);
    server = NULL;
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    env = wk_env_current();
    const struct CMUnitTest tests[] = {
        CASE(test_pipelined_requests_are_answered_in_order),
        CASE(test_bytes_that_are_no_frame_are_told_so),
        CASE(test_a_body_that_is_no_archive),
        {"test_limits", test_limits, set_up, tear_down, (void *)(uintptr_t)2},
        cmocka_unit_test_setup_teardown(test_strangers_may_send_little, set_up_guarded, tear_down),
        cmocka_unit_test_setup_teardown(test_strangers_do_not_rest, set_up_impatient, tear_down),
        CASE(test_http_refusals),
        CASE(test_http_bodies_that_nobody_wants),
        CASE(test_http_heads_without_end),
        CASE(test_stopping_finishes_what_has_begun),
        CASE(test_stopping_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
