/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP and HTTP backends against the server and the dispatch, over a store in memory. */
#include "unit/cmocka_all.h"

#include <pthread.h>

#include "daemon/dispatch.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "unit/world.h"

static struct world world;
static struct bucket bucket;
static struct wk_backend *store;
static struct wk_auth *auth;
static struct wk_metrics metrics;
static struct wk_times times;
static struct wk_dispatch dispatch;
static struct wk_rpc_server *server;
static struct wk_backend *client;
static struct wk_error err;
static enum wk_rpc_transport transport;
static struct wk_host_port at;

static const struct wk_span ns = {(const uint8_t *)"default", 7};

static uint64_t in_ms(uint64_t ms) {
    return wk_now_ns(&world.env) + ms * WK_NS_PER_MS;
}

/* ---- the daemon's side ----------------------------------------------------------------------- */

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

static void server_start(uint16_t port) {
    struct wk_address address;
    struct wk_address bound;
    size_t count;
    struct wk_env *env = &world.env;
    struct wk_rpc_server_config config = {
        .service = {&dispatch, wk_dispatch_serve, no_page, everybody},
        .connections_max = 100,
        .receive_bytes = 300ull << 20,
    };
    assert_int_equal(wk_rpc_server_create(env, &config, &server, &err), WK_OK);
    assert_int_equal(
        env->net->resolve(env, "127.0.0.1", port, in_ms(1000), &address, 1, &count, &err), WK_OK);
    assert_int_equal(wk_rpc_server_listen(server, transport, &address, false, &bound, &err), WK_OK);
    char text[WK_ADDRESS_BYTES_MAX];
    env->net->address_text(env, &bound, text, sizeof text);
    assert_int_equal(wk_host_port_parse(wk_span_text(text), &at, &err), WK_OK);
}

static uint64_t server_stop(uint64_t ms) {
    uint64_t cut = wk_rpc_server_stop(server, in_ms(ms));
    wk_rpc_server_destroy(server);
    server = NULL;
    return cut;
}

static struct wk_backend *connect_client(void) {
    char text[300];
    struct wk_backend *b = NULL;
    struct wk_rpc_client_config config = {
        .transport = transport, .at = at, .at_text = text, .call_timeout_ns = 20 * WK_NS_PER_S};
    wk_format(text, sizeof text, "127.0.0.1:%u", at.port);
    assert_int_equal(wk_rpc_client_open(&world.env, &config, &b, &err), WK_OK);
    return b;
}

static int set_up(void **state) {
    transport = (enum wk_rpc_transport)(uintptr_t)*state;
    world_init(&world);
    bucket_init(&bucket, world.real);
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.ram_bytes = 256 << 20;
    store = store_open(&world, &config);
    assert_int_equal(wk_auth_open(&world.env, NULL, "kv/test", &auth, &err), WK_OK);
    wk_metrics_init(&metrics, &world.env);
    dispatch = (struct wk_dispatch){&world.env, store, auth, &metrics, &times};
    server_start(0);
    client = connect_client();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    if (client != NULL)
        client->ops->close(client);
    if (server != NULL)
        assert_int_equal(server_stop(5000), 0);
    client = NULL;
    store->ops->close(store);
    wk_auth_close(auth);
    bucket_destroy(&bucket);
    assert_int_equal(world_live(&world), 0);
    return 0;
}

/* ---- calls ----------------------------------------------------------------------------------- */

#define BLOCKS_MAX 64

static enum wk_status put_blocks(uint32_t first, size_t count, size_t size) {
    struct wk_block_hash hashes[BLOCKS_MAX];
    struct wk_span payloads[BLOCKS_MAX];
    uint8_t *bytes = malloc(count * size + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_of(first + (uint32_t)i);
        fill_bytes(bytes + i * size, size, first + (uint32_t)i, 1);
        payloads[i] = wk_span(bytes + i * size, size);
    }
    enum wk_status status = client->ops->put(client, ns, hashes, payloads, count, &err);
    free(bytes);
    return status;
}

static enum wk_status get_blocks(uint32_t first, size_t count, enum wk_get_mode mode,
                                 struct wk_block_result *results) {
    struct wk_block_hash hashes[BLOCKS_MAX];
    for (size_t i = 0; i < count; i++)
        hashes[i] = hash_of(first + (uint32_t)i);
    return client->ops->get(client, ns, hashes, count, mode, WK_FOREVER, results, &err);
}

static void check_block(const struct wk_block_result *r, uint32_t n, size_t size) {
    uint8_t *expected = malloc(size + 1);
    assert_non_null(expected);
    fill_bytes(expected, size, n, 1);
    assert_int_equal(r->status, WK_OK);
    assert_int_equal(r->bytes.size, size);
    assert_memory_equal(r->bytes.data, expected, size);
    free(expected);
}

static size_t lookup(uint32_t first, size_t count) {
    struct wk_block_hash hashes[BLOCKS_MAX];
    size_t matched = 99;
    for (size_t i = 0; i < count; i++)
        hashes[i] = hash_of(first + (uint32_t)i);
    assert_int_equal(client->ops->lookup(client, ns, hashes, count, &matched, &err), WK_OK);
    return matched;
}

/* RPC-1 RPC-8 */
static void test_blocks_go_there_and_come_back(void **state) {
    (void)state;
    struct wk_block_result results[20];
    assert_int_equal(lookup(0, 20), 0);
    assert_int_equal(get_blocks(0, 20, WK_GET_ALL, results), WK_MISS);
    assert_int_equal(put_blocks(0, 20, 50000), WK_OK);
    assert_int_equal(lookup(0, 20), 20);
    assert_int_equal(lookup(15, 20), 5);
    assert_int_equal(get_blocks(0, 20, WK_GET_ALL, results), WK_OK);
    for (uint32_t i = 0; i < 20; i++) {
        check_block(&results[i], i, 50000);
        assert_int_equal(results[i].tier, WK_TIER_RAM);
    }
    client->ops->release(client, results, 20);
    /* Empty batches and empty blocks. */
    assert_int_equal(get_blocks(0, 0, WK_GET_ALL, results), WK_OK);
    assert_int_equal(put_blocks(0, 0, 0), WK_OK);
    assert_int_equal(put_blocks(40, 2, 0), WK_OK);
    assert_int_equal(get_blocks(40, 2, WK_GET_ALL, results), WK_OK);
    assert_int_equal(results[1].bytes.size, 0);
    client->ops->release(client, results, 2);
}

/* RPC-13 RPC-7 */
static void test_a_batch_over_one_frame_is_split(void **state) {
    (void)state;
    struct wk_block_result results[24];
    const size_t size = 6 << 20; /* 144 MB: three frames there, as many as it takes back */
    assert_int_equal(put_blocks(0, 24, size), WK_OK);
    assert_int_equal(lookup(0, 24), 24);
    assert_int_equal(get_blocks(0, 24, WK_GET_ALL, results), WK_OK);
    for (uint32_t i = 0; i < 24; i++)
        check_block(&results[i], i, size);
    client->ops->release(client, results, 24);
    assert_int_equal(get_blocks(1, 24, WK_GET_ALL, results), WK_MISS);
}

/* RPC-14 */
static void test_a_partial_get_answers_each(void **state) {
    (void)state;
    struct wk_block_result results[30];
    assert_int_equal(put_blocks(0, 10, 3000), WK_OK);
    assert_int_equal(put_blocks(13, 7, 3000), WK_OK);
    assert_int_equal(get_blocks(0, 30, WK_GET_PARTIAL, results), WK_OK);
    for (uint32_t i = 0; i < 30; i++) {
        if (i < 10 || (i >= 13 && i < 20))
            check_block(&results[i], i, 3000);
        else
            assert_int_equal(results[i].status, WK_MISS);
    }
    client->ops->release(client, results, 30);
    struct wk_block_hash hashes[2] = {hash_of(3), hash_of(11)};
    assert_int_equal(client->ops->contains(client, ns, hashes, 2, WK_FOREVER, results, &err),
                     WK_OK);
    assert_int_equal(results[0].status, WK_OK);
    assert_int_equal(results[1].status, WK_MISS);
}

static void test_tails(void **state) {
    (void)state;
    char tip[65];
    struct wk_block_result tail;
    memset(tip, 'a', 64);
    struct wk_span tip_span = wk_span(tip, 64);
    assert_int_equal(client->ops->get_tail(client, ns, tip_span, WK_FOREVER, &tail, &err), WK_MISS);
    uint8_t *bytes = malloc(20000000);
    fill_bytes(bytes, 20000000, 7, 1);
    struct wk_span payload = wk_span(bytes, 20000000);
    assert_int_equal(client->ops->put_tail(client, ns, tip_span, payload, &err), WK_OK);
    assert_int_equal(client->ops->get_tail(client, ns, tip_span, WK_FOREVER, &tail, &err), WK_OK);
    assert_true(wk_span_equal(tail.bytes, payload));
    client->ops->release(client, &tail, 1);
    free(bytes);
}

/* RPC-15 */
static void test_a_lease_outlives_the_handle(void **state) {
    (void)state;
    struct wk_block_result results[3];
    assert_int_equal(put_blocks(0, 3, 70000), WK_OK);
    assert_int_equal(get_blocks(0, 3, WK_GET_ALL, results), WK_OK);
    struct wk_backend *gone = client;
    client->ops->close(client);
    client = NULL;
    assert_int_equal(server_stop(5000), 0);
    for (uint32_t i = 0; i < 3; i++)
        check_block(&results[i], i, 70000);
    gone->ops->release(gone, results, 3);
}

/* RPC-11 RPC-12 */
static void test_a_restarted_server_is_found_again(void **state) {
    (void)state;
    struct wk_block_result results[4];
    char tip[64];
    memset(tip, 'b', 64);
    assert_int_equal(put_blocks(0, 4, 1000), WK_OK);
    uint16_t port = at.port;
    assert_int_equal(server_stop(5000), 0);
    enum wk_status status = get_blocks(0, 4, WK_GET_ALL, results);
    assert_int_equal(status, WK_UNAVAILABLE);
    assert_non_null(strstr(err.text, "127.0.0.1:"));
    server_start(port);
    for (int tries = 0; tries < 100 && status != WK_OK; tries++) {
        world.env.clock->sleep_until(&world.env, in_ms(20));
        status = get_blocks(0, 4, WK_GET_ALL, results);
    }
    assert_int_equal(status, WK_OK);
    client->ops->release(client, results, 4);
    /* A connection that rested through a restart is no reason to fail, for tails neither. */
    assert_int_equal(server_stop(5000), 0);
    server_start(port);
    assert_int_equal(
        client->ops->put_tail(client, ns, wk_span(tip, 64), wk_span_text("tail"), &err), WK_OK);
}

struct caller {
    uint32_t first;
    enum wk_status status;
};

static void *call_often(void *arg) {
    struct caller *c = arg;
    struct wk_block_hash hashes[8];
    struct wk_block_result results[8];
    struct wk_span payloads[8];
    static const char text[] = "the same bytes for everybody";
    for (uint32_t i = 0; i < 8; i++) {
        hashes[i] = hash_of(c->first + i);
        payloads[i] = wk_span(text, sizeof text);
    }
    c->status = WK_OK;
    for (int round = 0; round < 40 && c->status == WK_OK; round++) {
        c->status = client->ops->put(client, ns, hashes, payloads, 8, NULL);
        if (c->status == WK_OK)
            c->status =
                client->ops->get(client, ns, hashes, 8, WK_GET_ALL, WK_FOREVER, results, NULL);
        if (c->status == WK_OK && memcmp(results[5].bytes.data, text, sizeof text) != 0)
            c->status = WK_CORRUPT;
        if (c->status == WK_OK)
            client->ops->release(client, results, 8);
    }
    return NULL;
}

/* RPC-9 */
static void test_many_threads_on_one_handle(void **state) {
    (void)state;
    pthread_t threads[8];
    struct caller callers[8];
    for (uint32_t i = 0; i < 8; i++) {
        callers[i].first = i * 4; /* they share half of their blocks */
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    for (uint32_t i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].status, WK_OK);
    }
}

#define BOTH(test)                                                                                 \
    {#test " tcp", test, set_up, tear_down, (void *)(uintptr_t)WK_RPC_TCP}, {                      \
#test " http", test, set_up, tear_down, (void *)(uintptr_t)WK_RPC_HTTP                     \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(test_blocks_go_there_and_come_back), BOTH(test_a_batch_over_one_frame_is_split),
        BOTH(test_a_partial_get_answers_each),    BOTH(test_tails),
        BOTH(test_a_lease_outlives_the_handle),   BOTH(test_a_restarted_server_is_found_again),
        BOTH(test_many_threads_on_one_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
