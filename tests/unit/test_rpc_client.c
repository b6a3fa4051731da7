/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a daemon that is scripted: silent, wrong, or out of step. */
#include "unit/cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "codec/ops.h"
#include "env/posix/posix.h"
#include "rpc/client.h"
#include "rpc/frame.h"
#include "rpc/message.h"

static struct wk_env *env;
static struct wk_error err;

static uint64_t in_ms(uint64_t ms) {
    return wk_now_ns(env) + ms * WK_NS_PER_MS;
}

/* ---- the daemon ------------------------------------------------------------------------------ */

/* What the daemon does with request number n of its life; PING is number 0. */
enum act { ANSWER, MISS, OTHER_ID, OTHER_OP, FLIP, SILENT, CLOSE, HALF, STATUS_9, DENIED };

struct script {
    const enum act *acts;
    size_t count;
    struct wk_socket *listener;
    struct wk_address at;
    pthread_t thread;
    wk_atomic_u32 connections;
    wk_atomic_u32 requests;
    char token[64]; /* the last AUTH */
};

static enum wk_status reply(struct wk_stream *s, const struct wk_wire_request *r, enum act act) {
    struct wk_frame frame;
    struct wk_wire_response response = {.id = act == OTHER_ID ? r->id + 1 : r->id,
                                        .op = act == OTHER_OP ? 99 : r->op,
                                        .payload = wk_payload(wk_span_text("the value"))};
    if (act == MISS)
        response.status = WK_REPLY_MISS;
    if (act == STATUS_9)
        response.status = 9;
    if (act == DENIED) {
        response.status = WK_REPLY_ERROR;
        response.message = wk_span_text("denied: not you");
    }
    assert_int_equal(wk_frame_response(&frame, env, &response, NULL, &err), WK_OK);
    if (act == FLIP)
        frame.iov.scratch.data[16 + 40] ^= 1;
    if (act == HALF)
        frame.iov.count = 1;
    struct wk_span half = wk_span(frame.iov.pieces[0].data, 20);
    enum wk_status status =
        act == HALF ? wk_stream_write(s, &half, 1, in_ms(1000), NULL, NULL)
                    : wk_frame_send(&frame, s, wk_span(NULL, 0), in_ms(1000), NULL, NULL);
    wk_frame_free(&frame);
    return status;
}

static bool serve_request(struct script *script, struct wk_stream *s) {
    static uint8_t body[4096];
    struct wk_envelope_header header;
    struct wk_wire_request r;
    struct wk_wire_error error;
    if (wk_message_read_header(s, WK_FOREVER, &header, NULL) != WK_OK ||
        wk_stream_read(s, body, header.body_bytes, in_ms(5000), NULL, NULL) != WK_OK ||
        !wk_wire_request_archive_decode(wk_span(body, header.body_bytes), 0, &r, &error))
        return false;
    if (r.op == WK_OP_AUTH) {
        wk_format(script->token, sizeof script->token, "%.*s", (int)r.payload.bytes.size,
                  (const char *)r.payload.bytes.data);
        return reply(s, &r, ANSWER) == WK_OK;
    }
    uint32_t n = wk_atomic_add_u32(&script->requests, 1, WK_SEQ_CST, "test");
    enum act act = n < script->count ? script->acts[n] : ANSWER;
    if (act == CLOSE)
        return false;
    if (act == SILENT)
        return true;
    return reply(s, &r, act) == WK_OK && act != HALF;
}

static void *daemon_main(void *arg) {
    struct script *script = arg;
    struct wk_socket *socket;
    struct wk_address peer;
    while (env->net->accept(env, script->listener, WK_FOREVER, &socket, &peer, NULL) == WK_OK) {
        struct wk_stream s;
        wk_atomic_add_u32(&script->connections, 1, WK_SEQ_CST, "test");
        if (wk_stream_open(&s, env, socket, NULL) != WK_OK)
            break;
        while (serve_request(script, &s))
            ;
        wk_stream_close(&s);
    }
    return NULL;
}

static void listen_as(struct script *script, void *(*main)(void *arg)) {
    size_t found;
    assert_int_equal(
        env->net->resolve(env, "127.0.0.1", 0, in_ms(1000), &script->at, 1, &found, &err), WK_OK);
    assert_int_equal(env->net->listen(env, &script->at, 8, &script->listener, &err), WK_OK);
    assert_int_equal(env->net->local_address(env, script->listener, &script->at, &err), WK_OK);
    assert_int_equal(pthread_create(&script->thread, NULL, main, script), 0);
}

static struct wk_backend *begin(struct script *script, const enum act *acts, size_t count,
                                const char *token) {
    char text[WK_ADDRESS_BYTES_MAX];
    struct wk_backend *client = NULL;
    memset(script, 0, sizeof *script);
    script->acts = acts;
    script->count = count;
    listen_as(script, daemon_main);
    env->net->address_text(env, &script->at, text, sizeof text);
    struct wk_rpc_client_config config = {
        .at_text = text, .token = wk_span_text(token), .call_timeout_ns = 200 * WK_NS_PER_MS};
    assert_int_equal(wk_host_port_parse(wk_span_text(text), &config.at, &err), WK_OK);
    if (wk_rpc_client_open(env, &config, &client, &err) != WK_OK)
        return NULL;
    return client;
}

static void end(struct script *script, struct wk_backend *client) {
    if (client != NULL)
        client->ops->close(client);
    env->net->shutdown(env, script->listener);
    pthread_join(script->thread, NULL);
    env->net->close(env, script->listener);
}

static uint32_t requests(struct script *script) {
    return wk_atomic_load_u32(&script->requests, WK_SEQ_CST, "test");
}

static uint32_t connections(struct script *script) {
    return wk_atomic_load_u32(&script->connections, WK_SEQ_CST, "test");
}

static enum wk_status get_tail(struct wk_backend *client) {
    char tip[64];
    struct wk_block_result result;
    memset(tip, 'c', sizeof tip);
    enum wk_status status = client->ops->get_tail(client, wk_span_text("ns"), wk_span(tip, 64),
                                                  WK_FOREVER, &result, &err);
    if (status != WK_OK)
        return status;
    assert_true(wk_span_equal(result.bytes, wk_span_text("the value")));
    client->ops->release(client, &result, 1);
    return WK_OK;
}

static enum wk_status put_tail(struct wk_backend *client) {
    char tip[64];
    memset(tip, 'c', sizeof tip);
    return client->ops->put_tail(client, wk_span_text("ns"), wk_span(tip, 64), wk_span_text("new"),
                                 &err);
}

/* RPC-10: an answer that is not ours is never taken, and its connection never used again. */
static void test_wrong_replies_end_the_connection(void **state) {
    (void)state;
    static const enum act acts[] = {ANSWER, OTHER_ID, OTHER_OP, FLIP, STATUS_9, ANSWER};
    struct script script;
    struct wk_backend *client = begin(&script, acts, 6, "");
    assert_non_null(client);
    for (int i = 0; i < 4; i++)
        assert_int_equal(get_tail(client), WK_CORRUPT);
    assert_int_equal(get_tail(client), WK_OK);
    assert_int_equal(requests(&script), 6);
    assert_int_equal(connections(&script), 5);
    end(&script, client);
}

/* RPC-11: a get is asked again on another connection; a put of a value that was sent is not. */
static void test_what_is_repeated(void **state) {
    (void)state;
    static const enum act acts[] = {ANSWER, CLOSE, ANSWER, HALF, ANSWER, CLOSE, ANSWER};
    struct script script;
    struct wk_backend *client = begin(&script, acts, 7, "");
    assert_non_null(client);
    assert_int_equal(get_tail(client), WK_OK);
    assert_int_equal(requests(&script), 3);
    assert_int_equal(get_tail(client), WK_OK);
    assert_int_equal(requests(&script), 5);
    assert_int_equal(put_tail(client), WK_UNAVAILABLE);
    assert_int_equal(requests(&script), 6);
    assert_int_equal(put_tail(client), WK_OK);
    end(&script, client);
}

/* RPC-16: a daemon that says nothing ends the call, and what it says later is nobody's answer. */
static void test_silence_ends_by_the_deadline(void **state) {
    (void)state;
    static const enum act acts[] = {ANSWER, SILENT, ANSWER};
    struct script script;
    struct wk_backend *client = begin(&script, acts, 3, "");
    struct wk_block_result result;
    char tip[64];
    assert_non_null(client);
    memset(tip, 'c', sizeof tip);
    uint64_t begun = wk_now_ns(env);
    assert_int_equal(client->ops->get_tail(client, wk_span_text("ns"), wk_span(tip, 64),
                                           begun + 50 * WK_NS_PER_MS, &result, &err),
                     WK_TIMEOUT);
    assert_true(wk_now_ns(env) >= begun + 50 * WK_NS_PER_MS);
    assert_int_equal(get_tail(client), WK_OK);
    assert_int_equal(connections(&script), 2);
    end(&script, client);
}

/* What answers is no daemon, or what arrived is not what was sent: nothing is wrong with the
 * caller's arguments. */
static void *bad_request_main(void *arg) {
    static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nbad";
    struct script *script = arg;
    struct wk_span span = wk_span(text, sizeof text - 1);
    struct wk_socket *socket;
    struct wk_address peer;
    while (env->net->accept(env, script->listener, WK_FOREVER, &socket, &peer, NULL) == WK_OK) {
        char head[512];
        size_t size;
        (void)env->net->read(env, socket, head, sizeof head, in_ms(5000), &size, NULL);
        (void)env->net->writev(env, socket, &span, 1, in_ms(5000), &size, NULL);
        env->net->shutdown(env, socket);
        env->net->close(env, socket);
    }
    return NULL;
}

static void test_a_bad_request_is_not_the_callers(void **state) {
    (void)state;
    char text[WK_ADDRESS_BYTES_MAX];
    struct script script;
    struct wk_backend *client;
    listen_as(&script, bad_request_main);
    env->net->address_text(env, &script.at, text, sizeof text);
    struct wk_rpc_client_config config = {
        .transport = WK_RPC_HTTP, .at_text = text, .call_timeout_ns = 2 * WK_NS_PER_S};
    assert_int_equal(wk_host_port_parse(wk_span_text(text), &config.at, &err), WK_OK);
    assert_int_equal(wk_rpc_client_open(env, &config, &client, &err), WK_UNAVAILABLE);
    assert_non_null(strstr(err.text, "status 400"));
    end(&script, NULL);
}

static void test_what_a_reply_says(void **state) {
    (void)state;
    static const enum act acts[] = {ANSWER, MISS, DENIED, ANSWER};
    struct script script;
    struct wk_backend *client = begin(&script, acts, 4, "");
    assert_non_null(client);
    assert_int_equal(get_tail(client), WK_MISS);
    assert_int_equal(get_tail(client), WK_DENIED);
    assert_non_null(strstr(err.text, "denied: not you"));
    assert_int_equal(get_tail(client), WK_OK);
    assert_int_equal(connections(&script), 1);
    end(&script, client);
}

/* RPC-17 */
static void test_a_token_goes_first(void **state) {
    (void)state;
    static const enum act acts[] = {ANSWER, CLOSE, ANSWER};
    struct script script;
    struct wk_backend *client = begin(&script, acts, 3, "open sesame");
    assert_non_null(client);
    assert_string_equal(script.token, "open sesame");
    script.token[0] = 0;
    assert_int_equal(get_tail(client), WK_OK); /* on a new connection */
    assert_string_equal(script.token, "open sesame");
    end(&script, client);
}

/* RPC-12: the open fails with the reason; later calls say it without trying each time. */
static void test_nobody_there(void **state) {
    (void)state;
    static const enum act acts[] = {ANSWER, CLOSE};
    struct script script;
    struct wk_backend *client = begin(&script, acts, 2, "");
    assert_non_null(client);
    env->net->shutdown(env, script.listener);
    (void)get_tail(client); /* finds the old connection gone, and no other */
    pthread_join(script.thread, NULL);
    env->net->close(env, script.listener);
    for (int i = 0; i < 5; i++) {
        enum wk_status status = get_tail(client);
        assert_true(status == WK_UNAVAILABLE);
        assert_non_null(strstr(err.text, "127.0.0.1:"));
    }
    client->ops->close(client);
    struct wk_rpc_client_config config = {.at_text = "127.0.0.1:1",
                                          .call_timeout_ns = WK_NS_PER_S,
                                          .at = {.host = "127.0.0.1", .port = 1}};
    assert_int_equal(wk_rpc_client_open(env, &config, &client, &err), WK_UNAVAILABLE);
    assert_non_null(strstr(err.text, "ping to the daemon at 127.0.0.1:1"));
}

int main(void) {
    env = wk_env_current();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_replies_end_the_connection),
        cmocka_unit_test(test_what_is_repeated),
        cmocka_unit_test(test_silence_ends_by_the_deadline),
        cmocka_unit_test(test_a_bad_request_is_not_the_callers),
        cmocka_unit_test(test_what_a_reply_says),
        cmocka_unit_test(test_a_token_goes_first),
        cmocka_unit_test(test_nobody_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
