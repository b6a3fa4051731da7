/* SPDX-License-Identifier: Apache-2.0 */
/* The client reads tails in chunks from a daemon that answers with manifests, as the reference's
 * does. */
#include "unit/cmocka_all.h"

#include <stdio.h>

#include "base/text.h"
#include "codec/large_value.h"
#include "codec/object_key.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "unit/world.h"

#define VALUE_BYTES (2u * WK_LARGE_CHUNK_BYTES + 1000)
#define KEYS_MAX    8

/* ---- the daemon: keys and their values ------------------------------------------------------- */

static struct {
    char key[200];
    struct wk_span value;
    const char *error; /* instead */
} stored[KEYS_MAX];
static size_t stored_count;

static void store(const char *key, struct wk_span value, const char *error) {
    assert_true(stored_count < KEYS_MAX);
    snprintf(stored[stored_count].key, sizeof stored[0].key, "%s", key);
    stored[stored_count].value = value;
    stored[stored_count++].error = error;
}

static void serve(void *ctx, struct wk_rpc_session *session, const struct wk_wire_request *request,
                  struct wk_rpc_answer *answer) {
    (void)ctx;
    (void)session;
    if (request->op != WK_OP_GET)
        return;
    answer->status = WK_REPLY_MISS;
    for (size_t i = 0; i < stored_count; i++) {
        if (!wk_span_equal(wk_span_text(stored[i].key), request->key))
            continue;
        answer->status = stored[i].error != NULL ? WK_REPLY_ERROR : WK_REPLY_OK;
        answer->message = wk_span_text(stored[i].error != NULL ? stored[i].error : "tier:2");
        answer->payload = wk_payload(stored[i].value);
    }
}

static bool no_page(void *ctx, struct wk_rpc_session *session, struct wk_span path,
                    struct wk_rpc_page *page) {
    (void)ctx;
    (void)session;
    (void)path;
    (void)page;
    return false;
}

static enum wk_status everybody(void *ctx, struct wk_rpc_session *session, struct wk_span token,
                                struct wk_error *error) {
    (void)ctx;
    (void)session;
    (void)token;
    (void)error;
    return WK_OK;
}

/* ---- both ends ------------------------------------------------------------------------------- */

static const struct wk_span ns = {(const uint8_t *)"default", 7};
static struct world world;
static struct wk_rpc_server *server;
static struct wk_backend *client;
static struct wk_error err;
static uint8_t *value;
static char tip[65];
static char tail_key[200];
static char manifest[WK_LARGE_MANIFEST_BYTES_MAX + 1];
static char chunk_keys[3][WK_LARGE_CHUNK_KEY_BYTES + 1];
static struct wk_span chunks[3];

static uint64_t in_ms(uint64_t ms) {
    return wk_now_ns(&world.env) + ms * WK_NS_PER_MS;
}

/* What the reference's client would have stored; the tests store what they want of it. */
static void describe(void) {
    struct wk_large_value large;
    struct wk_wire_error error;
    struct wk_span whole = wk_span(value, VALUE_BYTES);
    memset(tip, 'a', 64);
    snprintf(tail_key, sizeof tail_key, "%s%s", WK_RAW_TAIL_KEY_PREFIX, tip);
    assert_true(wk_large_value_describe(ns, wk_span_text(tail_key), &whole, 1, &large, &error));
    assert_int_equal(large.chunks, 3);
    wk_large_value_manifest(&large, manifest);
    for (uint32_t i = 0; i < 3; i++) {
        wk_large_value_chunk_key(&large, i, chunk_keys[i]);
        chunks[i] = wk_span(value + (size_t)i * WK_LARGE_CHUNK_BYTES,
                            (size_t)wk_large_value_chunk_bytes(&large, i));
    }
}

static int set_up(void **state) {
    struct wk_address address;
    struct wk_address bound;
    struct wk_host_port at;
    char text[WK_ADDRESS_BYTES_MAX];
    size_t count;
    (void)state;
    world_init(&world);
    struct wk_env *env = &world.env;
    struct wk_rpc_server_config config = {.service = {NULL, serve, no_page, everybody},
                                          .connections_max = 10,
                                          .receive_bytes = 1 << 20};
    assert_int_equal(wk_rpc_server_create(env, &config, &server, &err), WK_OK);
    assert_int_equal(env->net->resolve(env, "127.0.0.1", 0, in_ms(1000), &address, 1, &count, &err),
                     WK_OK);
    assert_int_equal(wk_rpc_server_listen(server, WK_RPC_TCP, &address, false, &bound, &err),
                     WK_OK);
    env->net->address_text(env, &bound, text, sizeof text);
    assert_int_equal(wk_host_port_parse(wk_span_text(text), &at, &err), WK_OK);
    struct wk_rpc_client_config to = {
        .transport = WK_RPC_TCP, .at = at, .at_text = text, .call_timeout_ns = 20 * WK_NS_PER_S};
    assert_int_equal(wk_rpc_client_open(env, &to, &client, &err), WK_OK);
    value = malloc(VALUE_BYTES);
    assert_non_null(value);
    fill_bytes(value, VALUE_BYTES, 5, 1);
    stored_count = 0;
    describe();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    client->ops->close(client);
    assert_int_equal(wk_rpc_server_stop(server, in_ms(5000)), 0);
    wk_rpc_server_destroy(server);
    free(value);
    assert_int_equal(world_live(&world), 0);
    return 0;
}

static enum wk_status get_tail(struct wk_block_result *out) {
    return client->ops->get_tail(client, ns, wk_span_text(tip), WK_FOREVER, out, &err);
}

static void expect_tail(struct wk_span expected) {
    struct wk_block_result tail;
    assert_int_equal(get_tail(&tail), WK_OK);
    assert_true(wk_span_equal(tail.bytes, expected));
    assert_int_equal(tail.tier, WK_TIER_OBJECT);
    client->ops->release(client, &tail, 1);
}

static void store_all_but(uint32_t left_out) {
    store(tail_key, wk_span_text(manifest), NULL);
    for (uint32_t i = 0; i < 3; i++) {
        if (i != left_out)
            store(chunk_keys[i], chunks[i], NULL);
    }
}

/* ---- tests ----------------------------------------------------------------------------------- */

/* RPC-18 */
static void test_chunks_become_the_value(void **state) {
    (void)state;
    struct wk_block_result tail;
    store_all_but(3);
    expect_tail(wk_span(value, VALUE_BYTES));
    /* Also when the lease is the last one that is left. */
    assert_int_equal(get_tail(&tail), WK_OK);
    struct wk_backend *gone = client;
    client->ops->close(client);
    assert_memory_equal(tail.bytes.data, value, VALUE_BYTES);
    gone->ops->release(gone, &tail, 1);
    client = NULL;
    assert_int_equal(wk_rpc_server_stop(server, in_ms(5000)), 0);
    wk_rpc_server_destroy(server);
    free(value);
    assert_int_equal(world_live(&world), 0);
}

/* RPC-18 */
static void test_a_missing_chunk_is_a_miss(void **state) {
    (void)state;
    struct wk_block_result tail;
    for (uint32_t i = 0; i < 3; i++) {
        stored_count = 0;
        store_all_but(i);
        assert_int_equal(get_tail(&tail), WK_MISS);
    }
}

/* RPC-18 */
static void test_a_chunk_that_fails_fails_the_tail(void **state) {
    (void)state;
    struct wk_block_result tail;
    store_all_but(1);
    store(chunk_keys[1], wk_span(NULL, 0), "get: the bucket is on fire");
    assert_int_not_equal(get_tail(&tail), WK_OK);
    assert_non_null(strstr(err.text, "the bucket is on fire"));
}

/* RPC-18 */
static void test_what_looks_like_a_manifest_is_a_tail(void **state) {
    (void)state;
    static uint8_t other[WK_LARGE_CHUNK_BYTES];
    char damaged[sizeof manifest];
    /* Chunks of other sizes, first and last. */
    store_all_but(0);
    store(chunk_keys[0], wk_span(value, 5), NULL);
    expect_tail(wk_span_text(manifest));
    stored_count = 0;
    store_all_but(2);
    store(chunk_keys[2], wk_span(value, 999), NULL);
    expect_tail(wk_span_text(manifest));
    /* Other bytes: the id does not fit. */
    stored_count = 0;
    store_all_but(1);
    store(chunk_keys[1], wk_span(other, sizeof other), NULL);
    expect_tail(wk_span_text(manifest));
    /* The magic, and nothing behind it that holds. */
    snprintf(damaged, sizeof damaged, "%s", manifest);
    damaged[strlen(WK_LARGE_VALUE_MAGIC) + 3] = 'g';
    stored_count = 0;
    store(tail_key, wk_span_text(damaged), NULL);
    expect_tail(wk_span_text(damaged));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_chunks_become_the_value, set_up),
        cmocka_unit_test_setup_teardown(test_a_missing_chunk_is_a_miss, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_chunk_that_fails_fails_the_tail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_looks_like_a_manifest_is_a_tail, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
