/* SPDX-License-Identifier: Apache-2.0 */
/* Every operation of the dispatch, over a store in memory, without sockets. */
#include "unit/cmocka_all.h"

#include "codec/bytes_batch.h"
#include "codec/key_batch.h"
#include "codec/large_value.h"
#include "daemon/dispatch.h"
#include "rpc/frame.h"
#include "unit/world.h"

static struct world world;
static struct bucket bucket;
static struct wk_backend *store;
static struct wk_auth *auth;
static struct wk_metrics metrics;
static struct wk_times times;
static struct wk_dispatch dispatch;
static struct wk_rpc_session session;
static struct wk_error err;

/* The last answer: what a client would see. */
static struct {
    uint8_t status;
    char message[5000];
    uint8_t *payload;
    size_t size;
} got;

static int set_up(void **state) {
    (void)state;
    world_init(&world);
    bucket_init(&bucket, world.real);
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS | WK_OBJECTS_LIST);
    config.ram_bytes = 64 << 20;
    store = store_open(&world, &config);
    assert_int_equal(wk_auth_open(&world.env, NULL, "kv/test", &auth, &err), WK_OK);
    wk_metrics_init(&metrics, &world.env);
    memset(&times, 0, sizeof times);
    dispatch = (struct wk_dispatch){&world.env, store, auth, &metrics, &times};
    session = (struct wk_rpc_session){.env = &world.env};
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    free(got.payload);
    got.payload = NULL;
    store->ops->close(store);
    wk_auth_close(auth);
    bucket_destroy(&bucket);
    assert_int_equal(world_live(&world), 0);
    return 0;
}

static void take_payload(const struct wk_rpc_answer *a) {
    free(got.payload);
    got.size = a->nested != NULL ? (size_t)a->nested->total_bytes : a->payload.bytes.size;
    got.payload = malloc(got.size + 1);
    assert_non_null(got.payload);
    if (a->nested == NULL) {
        if (got.size > 0)
            memcpy(got.payload, a->payload.bytes.data, got.size);
        if (a->payload.crc_known)
            assert_int_equal(a->payload.crc32c, wk_crc32c(got.payload, got.size));
        return;
    }
    size_t at = 0;
    for (size_t i = 0; i < a->nested->count; i++) {
        memcpy(got.payload + at, a->nested->pieces[i].data, a->nested->pieces[i].size);
        at += a->nested->pieces[i].size;
    }
    assert_int_equal(at, got.size);
    assert_int_equal(a->nested->crc32c, wk_crc32c(got.payload, got.size));
}

static uint8_t call(uint8_t op, const char *ns, struct wk_span key, struct wk_span payload) {
    struct wk_rpc_answer answer;
    struct wk_wire_request request = {.id = 7,
                                      .op = op,
                                      .name_space = wk_span_text(ns),
                                      .key = key,
                                      .payload = wk_payload(payload)};
    memset(&answer, 0, sizeof answer);
    wk_dispatch_serve(&dispatch, &session, &request, &answer);
    got.status = answer.status;
    wk_format(got.message, sizeof got.message, "%.*s", (int)answer.message.size,
              (const char *)answer.message.data);
    take_payload(&answer);
    if (answer.release != NULL)
        answer.release(&answer);
    return got.status;
}

static uint8_t call_text(uint8_t op, const char *ns, const char *key, const char *payload) {
    return call(op, ns, wk_span_text(key), wk_span_text(payload));
}

static void payload_is(const char *text) {
    assert_int_equal(got.size, strlen(text));
    assert_memory_equal(got.payload, text, got.size);
}

/* ---- values ---------------------------------------------------------------------------------- */

static void test_values(void **state) {
    (void)state;
    assert_int_equal(call_text(WK_OP_PING, "", "", ""), WK_REPLY_OK);
    assert_int_equal(call_text(WK_OP_CLOSE, "", "", ""), WK_REPLY_OK);
    assert_int_equal(call_text(WK_OP_GET, "n", "a/key", ""), WK_REPLY_MISS);
    assert_int_equal(call_text(WK_OP_EXISTS, "n", "a/key", ""), WK_REPLY_MISS);
    assert_int_equal(call_text(WK_OP_PUT, "n", "a/key", "value one"), WK_REPLY_OK);
    assert_int_equal(call_text(WK_OP_EXISTS, "n", "a/key", ""), WK_REPLY_OK);
    assert_int_equal(call_text(WK_OP_GET, "n", "a/key", ""), WK_REPLY_OK);
    payload_is("value one");
    assert_string_equal(got.message, "tier:1");
    assert_int_equal(call_text(WK_OP_PUT, "n", "a/key", "two"), WK_REPLY_OK);
    assert_int_equal(call_text(WK_OP_GET, "n", "a/key", ""), WK_REPLY_OK);
    payload_is("two");
    assert_int_equal(call_text(WK_OP_GET, "other", "a/key", ""), WK_REPLY_MISS);
    assert_int_equal(call_text(WK_OP_PUT, "n", "a/key", ""), WK_REPLY_OK);
    assert_int_equal(call_text(WK_OP_GET, "n", "a/key", ""), WK_REPLY_OK);
    payload_is("");
    assert_int_equal(call_text(WK_OP_CLEAR, "", "", ""), WK_REPLY_OK);
    assert_int_equal(call_text(WK_OP_GET, "n", "a/key", ""), WK_REPLY_OK);
    assert_string_equal(got.message, "tier:2");
}

/* RPC-1 */
static void test_what_is_refused(void **state) {
    (void)state;
    static const char *const keys[] = {"", "../up", "a//b", "a\nb"};
    assert_int_equal(call_text(99, "n", "", ""), WK_REPLY_ERROR);
    assert_string_equal(got.message, "unknown op 99");
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(call_text(WK_OP_PUT, "n", keys[i], "x"), WK_REPLY_ERROR);
        assert_int_equal(strncmp(got.message, "put: ", 5), 0);
        assert_int_equal(call_text(WK_OP_GET, "n", keys[i], ""), WK_REPLY_ERROR);
    }
    assert_int_equal(call_text(WK_OP_PUT, "../n", "k", "x"), WK_REPLY_ERROR);
}

static uint8_t get_many(const char *const *keys, size_t count) {
    struct wk_span spans[10];
    uint8_t room[1000];
    struct wk_writer w = wk_writer(room, sizeof room);
    struct wk_wire_error error;
    for (size_t i = 0; i < count; i++)
        spans[i] = wk_span_text(keys[i]);
    assert_true(wk_key_batch_encode(spans, count, &w, &error));
    return call(WK_OP_GET_MANY, "n", wk_span(NULL, 0), wk_writer_span(&w));
}

static void test_get_many(void **state) {
    (void)state;
    static const char *const keys[] = {"one", "empty", "two"};
    static const char *const more[] = {"one", "absent", "gone too"};
    struct wk_bytes_batch batch;
    struct wk_wire_error error;
    struct wk_span item;
    call_text(WK_OP_PUT, "n", "one", "alpha");
    call_text(WK_OP_PUT, "n", "empty", "");
    call_text(WK_OP_PUT, "n", "two", "gamma");
    assert_int_equal(get_many(keys, 3), WK_REPLY_OK);
    assert_string_equal(got.message, "tier:1");
    assert_true(wk_bytes_batch_decode(wk_span(got.payload, got.size), &batch, &error));
    assert_true(wk_bytes_batch_next(&batch, &item));
    assert_true(wk_span_equal(item, wk_span_text("alpha")));
    assert_true(wk_bytes_batch_next(&batch, &item));
    assert_int_equal(item.size, 0);
    assert_true(wk_bytes_batch_next(&batch, &item));
    assert_true(wk_span_equal(item, wk_span_text("gamma")));
    assert_int_equal(get_many(more, 3), WK_REPLY_MISS);
    assert_string_equal(got.message, "absent");
    assert_int_equal(get_many(keys, 0), WK_REPLY_OK);
    assert_int_equal(call_text(WK_OP_GET_MANY, "n", "", "junk"), WK_REPLY_ERROR);
    assert_non_null(strstr(got.message, "key_batch: bad magic"));
    /* A batch that no frame of the reference's ring could carry. */
    char *large = malloc(WK_FRAME_DATA_BYTES);
    assert_non_null(large);
    memset(large, 'x', WK_FRAME_DATA_BYTES);
    call(WK_OP_PUT, "n", wk_span_text("one"), wk_span(large, WK_FRAME_DATA_BYTES));
    assert_int_equal(get_many(keys, 1), WK_REPLY_TOO_LARGE);
    assert_non_null(strstr(got.message, "requires WMBT_KV_DAEMON_SHM_ARENA_PATH or smaller batch"));
    free(large);
}

static void test_list_and_restore(void **state) {
    (void)state;
    struct wk_key_batch batch;
    struct wk_wire_error error;
    struct wk_span key;
    size_t seen = 0;
    call_text(WK_OP_PUT, "n", "one", "1");
    call_text(WK_OP_PUT, "n", "dir/two", "2");
    call_text(WK_OP_PUT, "other", "three", "3");
    if (call_text(WK_OP_LIST, "n", "", "") != WK_REPLY_OK)
        fail_msg("%s", got.message);
    assert_string_equal(got.message, "2");
    assert_true(wk_key_batch_decode(wk_span(got.payload, got.size), &batch, &error));
    while (wk_key_batch_next(&batch, &key))
        seen +=
            wk_span_equal(key, wk_span_text("one")) || wk_span_equal(key, wk_span_text("dir/two"));
    assert_int_equal(seen, 2);
    if (call_text(WK_OP_RESTORE, "n", "", "") != WK_REPLY_OK)
        fail_msg("%s", got.message);
}

/* ---- values of the reference's shared-memory client ------------------------------------------ */

static void put_chunks(const struct wk_large_value *large, const uint8_t *value) {
    for (uint32_t i = 0; i < large->chunks; i++) {
        char key[WK_LARGE_CHUNK_KEY_BYTES + 1];
        wk_large_value_chunk_key(large, i, key);
        struct wk_span chunk = wk_span(value + (size_t)i * WK_LARGE_CHUNK_BYTES,
                                       (size_t)wk_large_value_chunk_bytes(large, i));
        assert_int_equal(call(WK_OP_PUT, "n", wk_span_text(key), chunk), WK_REPLY_OK);
    }
}

static void test_chunked_values_come_whole(void **state) {
    (void)state;
    const size_t size = 9000000;
    struct wk_large_value large;
    struct wk_wire_error error;
    char manifest[WK_LARGE_MANIFEST_BYTES_MAX + 1];
    uint8_t *value = malloc(size);
    assert_non_null(value);
    fill_bytes(value, size, 3, 1);
    struct wk_span whole = wk_span(value, size);
    assert_true(
        wk_large_value_describe(wk_span_text("n"), wk_span_text("big"), &whole, 1, &large, &error));
    assert_int_equal(large.chunks, 3);
    wk_large_value_manifest(&large, manifest);
    assert_int_equal(call_text(WK_OP_PUT, "n", "big", manifest), WK_REPLY_OK);
    assert_int_equal(call_text(WK_OP_GET, "n", "big", ""), WK_REPLY_MISS); /* no chunks yet */
    put_chunks(&large, value);
    assert_int_equal(call_text(WK_OP_GET, "n", "big", ""), WK_REPLY_OK);
    assert_int_equal(got.size, size);
    assert_memory_equal(got.payload, value, size);
    /* Under another key the same manifest proves nothing: it is a value that looks like one. */
    assert_int_equal(call_text(WK_OP_PUT, "n", "copy", manifest), WK_REPLY_OK);
    assert_int_equal(call_text(WK_OP_GET, "n", "copy", ""), WK_REPLY_OK);
    payload_is(manifest);
    free(value);
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static struct wk_span lookup_of(const char *hash, struct wk_frame *frame) {
    static uint8_t bytes[4096];
    struct wk_span text = wk_span_text(hash);
    struct wk_hashes_req m = {wk_span_text("n"), &text, 1};
    struct wk_wire_error error;
    size_t size = 0;
    assert_int_equal(wk_frame_open(frame, &world.env, wk_hashes_req_need(&m), &err), WK_OK);
    assert_true(wk_lookup_req_encode(&frame->iov, &m, &error));
    wk_iov_close(&frame->iov);
    for (size_t i = 0; i < frame->iov.count; i++) {
        memcpy(bytes + size, frame->iov.pieces[i].data, frame->iov.pieces[i].size);
        size += frame->iov.pieces[i].size;
    }
    wk_frame_free(frame);
    return wk_span(bytes, size);
}

static void test_bad_hashes_are_named(void **state) {
    (void)state;
    struct wk_frame frame;
    struct wk_lookup_resp resp;
    struct wk_wire_error error;
    char long_hash[66];
    memset(long_hash, 'a', 65);
    long_hash[65] = 0;
    call(WK_OP_LOOKUP_BLOCK_PREFIX, "", wk_span(NULL, 0), lookup_of("abc", &frame));
    assert_int_equal(got.status, WK_REPLY_ERROR);
    assert_string_equal(got.message, "hash[0]: block hash hex must be 64 chars; got 3 for \"abc\"");
    assert_true(wk_lookup_resp_decode(wk_span(got.payload, got.size), &resp, &error));
    assert_true(resp.error.some);
    assert_true(wk_span_equal(resp.error.text, wk_span_text(got.message)));
    long_hash[64] = 0;
    long_hash[40] = 'x';
    call(WK_OP_LOOKUP_BLOCK_PREFIX, "", wk_span(NULL, 0), lookup_of(long_hash, &frame));
    assert_non_null(strstr(got.message, "hash[0]: bad hex char at pos 40 in \"aaaa"));
    call_text(WK_OP_LOOKUP_BLOCK_PREFIX, "", "", "no message");
    assert_non_null(strstr(got.message, "decode lookup_block_prefix req: "));
    assert_int_equal(got.size, 0);
    call_text(WK_OP_GET_KV_BLOCKS_BATCH, "", "", "");
    assert_non_null(strstr(got.message, "decode get_kv_blocks_batch req: "));
    call_text(WK_OP_PUT_KV_BLOCKS_BATCH, "", "", "");
    assert_non_null(strstr(got.message, "decode put_kv_blocks_batch req: "));
}

/* ---- statistics ------------------------------------------------------------------------------ */

static void test_stats_are_seven_lines(void **state) {
    (void)state;
    static const char *const ops[] = {"stash",   "load_foyer", "load_foyer_ram", "load_foyer_ssd",
                                      "load_s3", "miss",       "restore_from_s3"};
    wk_times_note(&times, WK_TIMES_LOAD_RAM, 3, 3 << 20, 10);
    wk_times_note(&times, WK_TIMES_LOAD_RAM, 1, 1 << 20, 1000000);
    assert_int_equal(call_text(WK_OP_STATS, "", "", ""), WK_REPLY_OK);
    const char *at = got.message;
    for (size_t i = 0; i < 7; i++) {
        char start[80];
        snprintf(start, sizeof start, "{\"scope\":\"wombatkv_metrics\",\"op\":\"%s\",", ops[i]);
        assert_int_equal(strncmp(at, start, strlen(start)), 0);
        at = strchr(at, '\n');
        assert_non_null(at);
        at++;
    }
    assert_int_equal(*at, 0);
    const char *ram = strstr(got.message, "\"op\":\"load_foyer_ram\"");
    static const char line[] = "\"op\":\"load_foyer_ram\",\"count\":4,\"bytes_total\":4194304,"
                               "\"throughput_mb_per_s\":3.999,\"p10_us\":10,\"p25_us\":10,"
                               "\"p50_us\":10,";
    assert_int_equal(strncmp(ram, line, sizeof line - 1), 0);
    /* A percentile is at most a sixteenth too high. */
    unsigned long max = strtoul(strstr(ram, "\"max_us\":") + 9, NULL, 10);
    assert_in_range(max, 1000000, 1062500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_get_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list_and_restore, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chunked_values_come_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_hashes_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stats_are_seven_lines, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
