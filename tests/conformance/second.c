/* SPDX-License-Identifier: Apache-2.0 */
/* The second half of the header, on whatever backend. */
#include "suite.h"

#include <pthread.h>

static struct abi_chain chain;

/* Blocks 0 and 2 of the chain are there, 1 is not. */
static wmbt_kv_handle_t *open_with_a_hole(const char *ns) {
    wmbt_kv_handle_t *kv = abi_open();
    abi_chain_init(&chain, ns, 3);
    abi_put(kv, ns, chain.hex[0], "first", 5);
    abi_put(kv, ns, chain.hex[2], NULL, 0);
    return kv;
}

/* ABI-12 */
static void partial_gives_what_is_there(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = open_with_a_hole("partial");
    wmbt_kv_block_result results[3];
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    assert_int_equal(wmbt_kv_get_kv_blocks_partial(kv, "partial", chain.hex, 3, 10000, results,
                                                   &payloads, &lens, &borrow),
                     2);
    assert_int_equal(results[0].status, WMBT_KV_STATUS_OK);
    assert_int_not_equal(results[0].tier, WMBT_KV_TIER_NONE);
    assert_int_equal(results[0].length, 5);
    assert_memory_equal(payloads[0], "first", 5);
    assert_int_equal(results[1].status, WMBT_KV_STATUS_MISS);
    assert_int_equal(results[1].tier, WMBT_KV_TIER_NONE);
    assert_int_equal(results[1].length, 0);
    assert_null(payloads[1]);
    assert_int_equal(lens[1], 0);
    assert_int_equal(results[2].status, WMBT_KV_STATUS_OK);
    assert_non_null(payloads[2]);
    assert_int_equal(lens[2], 0);
    wmbt_kv_free(kv);
    assert_memory_equal(payloads[0], "first", 5);
    wmbt_kv_release_borrow(borrow);
    kv = abi_open();
    assert_int_equal(wmbt_kv_get_kv_blocks_partial(kv, "nobody", chain.hex, 3, -1, results,
                                                   &payloads, &lens, &borrow),
                     0);
    assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_OK);
    wmbt_kv_free(kv);
    wmbt_kv_release_borrow(borrow);
}

/* ABI-12 */
static void a_tier_says_where_a_block_came_from(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = open_with_a_hole("tiers");
    wmbt_kv_block_result results[3];
    uint8_t first[5];
    uint8_t *const buffers[] = {first, NULL, NULL};
    const size_t capacities[] = {5, 0, 0};
    wmbt_kv_free(kv);
    kv = abi_open();
    assert_int_equal(
        wmbt_kv_get_kv_blocks_into(kv, "tiers", chain.hex, 1, -1, buffers, capacities, results), 1);
    assert_int_equal(results[0].tier, WMBT_KV_TIER_OBJECT);
    assert_int_equal(
        wmbt_kv_get_kv_blocks_into(kv, "tiers", chain.hex, 1, -1, buffers, capacities, results), 1);
    assert_int_equal(results[0].tier, WMBT_KV_TIER_RAM);
    wmbt_kv_free(kv);
}

/* ABI-12 */
static void into_fills_the_callers_memory(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = open_with_a_hole("into");
    uint8_t room[3][8];
    memset(room, 'x', sizeof room);
    uint8_t *const buffers[] = {room[0], room[1], room[2]};
    size_t capacities[] = {8, 8, 8};
    wmbt_kv_block_result results[3];
    assert_int_equal(
        wmbt_kv_get_kv_blocks_into(kv, "into", chain.hex, 3, -1, buffers, capacities, results), 2);
    assert_memory_equal(room[0], "firstxxx", 8);
    assert_memory_equal(room[1], "xxxxxxxx", 8);
    assert_memory_equal(room[2], "xxxxxxxx", 8);
    capacities[0] = 4;
    memset(room, 'x', sizeof room);
    assert_int_equal(
        wmbt_kv_get_kv_blocks_into(kv, "into", chain.hex, 3, -1, buffers, capacities, results), 1);
    assert_int_equal(results[0].status, WMBT_KV_STATUS_TOO_LARGE);
    assert_int_equal(results[0].length, 5);
    assert_memory_equal(room[0], "xxxxxxxx", 8);
    wmbt_kv_free(kv);
}

/* ABI-12 */
static void contains_answers_for_each(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = open_with_a_hole("contains");
    wmbt_kv_block_result results[3];
    assert_int_equal(wmbt_kv_contains_blocks(kv, "contains", chain.hex, 3, -1, results), 2);
    assert_int_equal(results[0].status, WMBT_KV_STATUS_OK);
    assert_int_equal(results[1].status, WMBT_KV_STATUS_MISS);
    assert_int_equal(results[2].status, WMBT_KV_STATUS_OK);
    assert_int_equal(wmbt_kv_contains_blocks(kv, "elsewhere", chain.hex, 3, -1, results), 0);
    /* Nothing is known of these, and there is no time to ask: that is no miss, unless a daemon was
     * quick to say that it is. */
    assert_int_equal(wmbt_kv_contains_blocks(kv, "nowhere", chain.hex, 3, 0, results), 0);
    for (int i = 0; i < 3; i++)
        assert_true(results[i].status == WMBT_KV_STATUS_TIMEOUT ||
                    (world.is_remote && results[i].status == WMBT_KV_STATUS_MISS));
    wmbt_kv_free(kv);
}

/* ABI-12 */
static void the_per_block_calls_check_their_arguments(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    wmbt_kv_block_result results[1] = {{77, 77, 77}};
    const uint8_t **payloads = NULL;
    const size_t *lens = NULL;
    wmbt_kv_borrow_t *borrow = NULL;
    abi_chain_init(&chain, "args", 1);
    const char *wrong[] = {"short"};
    assert_int_equal(
        wmbt_kv_get_kv_blocks_partial(kv, "ns", chain.hex, 1, -1, results, NULL, &lens, &borrow),
        -1);
    abi_last_error_says("must not be NULL");
    assert_int_equal(
        wmbt_kv_get_kv_blocks_partial(kv, "ns", chain.hex, 1, -1, NULL, &payloads, &lens, &borrow),
        -1);
    abi_last_error_says("results is NULL");
    assert_int_equal(
        wmbt_kv_get_kv_blocks_partial(kv, "ns", wrong, 1, -1, results, &payloads, &lens, &borrow),
        -1);
    abi_last_error_says("64 chars");
    assert_int_equal(wmbt_kv_contains_blocks(NULL, "ns", chain.hex, 1, -1, results), -1);
    abi_last_error_says("handle is NULL");
    assert_int_equal(wmbt_kv_contains_blocks(kv, NULL, chain.hex, 1, -1, results), -1);
    abi_last_error_says("string pointer is NULL");
    assert_int_equal(wmbt_kv_get_kv_blocks_into(kv, "ns", chain.hex, 1, -1, NULL, NULL, results),
                     -1);
    abi_last_error_says("buffers / capacities must not be NULL");
    assert_int_equal(results[0].status, 77);
    assert_true(payloads == NULL && lens == NULL && borrow == NULL);
    wmbt_kv_free(kv);
}

/* ABI-12 */
static void a_deadline_of_zero_still_answers(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = open_with_a_hole("hurry");
    wmbt_kv_block_result results[3];
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    /* Just put, so in memory: no waiting is needed, but for a daemon's answer. */
    int64_t found = wmbt_kv_get_kv_blocks_partial(kv, "hurry", chain.hex, 1, 0, results, &payloads,
                                                  &lens, &borrow);
    assert_true(found == 1 || (world.is_remote && found == 0));
    wmbt_kv_release_borrow(borrow);
    wmbt_kv_free(kv);
    /* Not in memory: found, missed or timed out, but never an error, and always a borrow. */
    kv = abi_open();
    found = wmbt_kv_get_kv_blocks_partial(kv, "hurry", chain.hex, 3, 0, results, &payloads, &lens,
                                          &borrow);
    assert_true(found >= 0 && found <= 2);
    for (size_t i = 0; i < 3; i++)
        assert_true(results[i].status == WMBT_KV_STATUS_OK ||
                    results[i].status == WMBT_KV_STATUS_MISS ||
                    results[i].status == WMBT_KV_STATUS_TIMEOUT);
    wmbt_kv_release_borrow(borrow);
    wmbt_kv_free(kv);
}

/* ABI-13 */
static void flush_leaves_nothing_pending(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = open_with_a_hole("flush");
    uint64_t pending = 99;
    abi_put_tail(kv, "flush", chain.hex[0], "tail", 4);
    assert_int_equal(wmbt_kv_flush(kv, 10000, &pending), 0);
    assert_int_equal(pending, 0);
    assert_int_equal(wmbt_kv_flush(kv, -1, NULL), 0);
    assert_int_equal(wmbt_kv_flush(NULL, -1, &pending), -1);
    wmbt_kv_free(kv);
}

/* A JSON object as far as one can tell without a parser: braces and quotes match. */
static bool looks_like_json(const char *text) {
    int depth = 0;
    bool quoted = false;
    for (; *text != 0; text++) {
        if (*text == '"' && text[-1] != '\\')
            quoted = !quoted;
        if (quoted)
            continue;
        if (*text == '{' || *text == '[')
            depth++;
        if ((*text == '}' || *text == ']') && --depth < 0)
            return false;
    }
    return depth == 0 && !quoted;
}

/* ABI-13 */
static void stats_are_one_json_object(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = open_with_a_hole("stats");
    static char text[65536];
    int64_t length = wmbt_kv_stats_json(kv, NULL, 0);
    assert_true(length > 2);
    length = wmbt_kv_stats_json(kv, text, sizeof text);
    assert_int_equal(strlen(text), length);
    assert_true(text[0] == '{' && text[length - 1] == '}' && looks_like_json(text));
    char small[3] = "xx";
    assert_true(wmbt_kv_stats_json(kv, small, sizeof small) > 2);
    assert_string_equal(small, "");
    assert_int_equal(wmbt_kv_stats_json(NULL, text, sizeof text), -1);
    wmbt_kv_free(kv);
}

struct events {
    pthread_mutex_t lock;
    int count;
    char last[2000];
};

static void on_event(void *ctx, uint32_t level, const char *line) {
    struct events *events = ctx;
    (void)level;
    pthread_mutex_lock(&events->lock);
    events->count++;
    snprintf(events->last, sizeof events->last, "%s", line);
    pthread_mutex_unlock(&events->lock);
}

/* ABI-13 */
static void events_go_to_the_hosts_function(void **state) {
    (void)state;
    struct events events = {.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_int_equal(wmbt_kv_set_log(on_event, &events, 5), -1);
    assert_int_equal(wmbt_kv_set_log(on_event, &events, WMBT_KV_LOG_WARN), 0);
    setenv("WMBT_KV_MISSPELT", "1", 1);
    wmbt_kv_handle_t *kv = abi_open();
    unsetenv("WMBT_KV_MISSPELT");
    wmbt_kv_free(kv);
    assert_int_equal(wmbt_kv_set_log(NULL, NULL, 0), 0);
    assert_true(events.count >= 1);
    abi_says(events.last, "WMBT_KV_MISSPELT");
    int count = events.count;
    setenv("WMBT_KV_MISSPELT", "1", 1);
    kv = abi_open();
    unsetenv("WMBT_KV_MISSPELT");
    wmbt_kv_free(kv);
    assert_int_equal(events.count, count);
}

/* ---- the host's own store ------------------------------------------------------------------- */

#define HOST_ENTRIES 64

struct host {
    struct {
        char key[200];
        uint8_t *value;
        size_t size;
    } entries[HOST_ENTRIES];
    size_t count;
    int buffers; /* handed out and not yet given back */
    int fail;    /* calls answer -1 */
};

static size_t host_find(struct host *host, const uint8_t *key, size_t key_len) {
    size_t i = 0;
    while (i < host->count && (strlen(host->entries[i].key) != key_len ||
                               memcmp(host->entries[i].key, key, key_len) != 0))
        i++;
    return i;
}

static int host_get(void *ctx, const uint8_t *key, size_t key_len, uint8_t **out_value,
                    size_t *out_len) {
    struct host *host = ctx;
    size_t i = host_find(host, key, key_len);
    if (host->fail)
        return -1;
    if (i == host->count)
        return 1;
    *out_len = host->entries[i].size;
    *out_value = malloc(*out_len + 1);
    memcpy(*out_value, host->entries[i].value, *out_len);
    host->buffers++;
    return 0;
}

static int host_set(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
                    size_t value_len) {
    struct host *host = ctx;
    size_t i = host_find(host, key, key_len);
    if (host->fail || i == HOST_ENTRIES || key_len >= sizeof host->entries[i].key)
        return -1;
    if (i == host->count) {
        host->count++;
        memcpy(host->entries[i].key, key, key_len);
        host->entries[i].key[key_len] = 0;
    } else {
        free(host->entries[i].value);
    }
    host->entries[i].value = malloc(value_len + 1);
    memcpy(host->entries[i].value, value, value_len);
    host->entries[i].size = value_len;
    return 0;
}

static void host_free_buf(void *ctx, void *buf) {
    struct host *host = ctx;
    host->buffers--;
    free(buf);
}

/* ABI-16 */
static void the_hosts_own_store_carries_everything(void **state) {
    (void)state;
    static struct host host;
    wmbt_kv_callbacks callbacks = {.size = sizeof callbacks,
                                   .ctx = &host,
                                   .get = host_get,
                                   .set = host_set,
                                   .free_buf = host_free_buf};
    wmbt_kv_config config;
    assert_int_equal(wmbt_kv_config_init(&config, sizeof config), 0);
    config.s3_prefix = "host";
    wmbt_kv_handle_t *kv = wmbt_kv_open_callbacks(&callbacks, &config);
    if (kv == NULL)
        fail_msg("%s", wmbt_kv_last_error());
    struct abi_hash hash = abi_hash("host", 0);
    abi_put(kv, "ns", hash.hex, "bytes", 5);
    abi_put_tail(kv, "ns", hash.hex, "tail", 4);
    char key[200];
    snprintf(key, sizeof key, "host/ns/wombatkv/v1/block/b3=%s", hash.hex);
    assert_true(host_find(&host, (const uint8_t *)key, strlen(key)) < host.count);
    wmbt_kv_free(kv);
    kv = wmbt_kv_open_callbacks(&callbacks, &config); /* nothing cached: through get */
    abi_expect(kv, "ns", hash.hex, "bytes", 5);
    abi_expect_tail(kv, "ns", hash.hex, "tail", 4);
    abi_expect_miss(kv, "other", hash.hex);
    host.fail = 1;
    const char *hex = hash.hex;
    const uint8_t *payload = (const uint8_t *)"x";
    size_t len = 1;
    assert_int_equal(wmbt_kv_put_kv_blocks(kv, "ns", &hex, &payload, &len, 1), -1);
    assert_non_null(wmbt_kv_last_error());
    wmbt_kv_free(kv);
    assert_int_equal(host.buffers, 0);
    callbacks.set = NULL;
    assert_null(wmbt_kv_open_callbacks(&callbacks, &config));
    abi_last_error_says("set");
    for (size_t i = 0; i < host.count; i++)
        free(host.entries[i].value);
}

const abi_case abi_second_cases[] = {
    cmocka_unit_test(partial_gives_what_is_there),
    cmocka_unit_test(a_tier_says_where_a_block_came_from),
    cmocka_unit_test(into_fills_the_callers_memory),
    cmocka_unit_test(contains_answers_for_each),
    cmocka_unit_test(the_per_block_calls_check_their_arguments),
    cmocka_unit_test(a_deadline_of_zero_still_answers),
    cmocka_unit_test(flush_leaves_nothing_pending),
    cmocka_unit_test(stats_are_one_json_object),
    cmocka_unit_test(events_go_to_the_hosts_function),
    cmocka_unit_test(the_hosts_own_store_carries_everything),
};
const size_t abi_second_count = sizeof abi_second_cases / sizeof abi_second_cases[0];
