/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of the calls, over a backend that answers what the test wants. */
#include "unit/cmocka_all.h"

#include "cabi/handle.h"
#include "unit/fake_store.h"

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C "CCccCCccCCccCCccCCccCCccCCccCCccCCccCCccCCccCCccCCccCCccCCccCCcc"

static wmbt_kv_handle_t *handle;
static const char *const abc[] = {HEX_A, HEX_B, HEX_C};
static const uint8_t *const abc_payloads[] = {(const uint8_t *)"one", NULL, (const uint8_t *)"3"};
static const size_t abc_lens[] = {3, 0, 1};

static struct wk_objects objects;

static enum wk_status open_objects(struct wk_env *env, const struct wk_objects_config *config,
                                   struct wk_objects **out, struct wk_error *err) {
    (void)env;
    (void)config;
    (void)err;
    *out = &objects;
    return WK_OK;
}

static int open_handle(void **state) {
    (void)state;
    static const struct fake_var vars[] = {
        {"WMBT_KV_BUCKET", "b"}, {"WMBT_KV_S3_ENDPOINT", "file:///tmp"}, {NULL, NULL}};
    fake_reset();
    fake_store_reset();
    fake.vars = vars;
    fake.objects_open = open_objects;
    handle = wmbt_kv_init_from_env();
    assert_non_null(handle);
    return 0;
}

static int free_handle(void **state) {
    (void)state;
    wmbt_kv_free(handle);
    assert_false(fake_store.open);
    assert_int_equal(fake_store.pins, 0);
    fake_store_reset();
    fake_reset(); /* the thread's last error */
    assert_int_equal(fake.in_use_bytes, 0);
    return 0;
}

static void put_abc(void) {
    assert_int_equal(wmbt_kv_put_kv_blocks(handle, "ns", abc, abc_payloads, abc_lens, 3), 4);
}

/* ABI-3 */
static void the_last_error_is_cleared_by_calls_and_kept_by_the_rest(void **state) {
    (void)state;
    size_t matched = 99;
    assert_int_equal(wmbt_kv_lookup_block_prefix(NULL, "ns", abc, 1, &matched, NULL, 0), -1);
    assert_string_equal(wmbt_kv_last_error(), "handle is NULL");
    assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_INVALID);
    wmbt_kv_release_borrow(NULL);
    wmbt_kv_free(NULL);
    char hex[65];
    assert_int_equal(wmbt_kv_blake3_64hex(NULL, 0, hex), -1);
    assert_int_equal(wmbt_kv_crc32c(NULL, 3), 0);
    assert_int_equal(wmbt_kv_abi_version(), 0x00010001);
    assert_string_equal(wmbt_kv_last_error(), "handle is NULL");
    assert_int_equal(wmbt_kv_lookup_block_prefix(handle, "ns", abc, 1, &matched, NULL, 0), 0);
    assert_null(wmbt_kv_last_error());
    assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_OK);
}

/* ABI-3 */
static void a_miss_leaves_no_text_but_its_status(void **state) {
    (void)state;
    const uint8_t **payloads = NULL;
    const size_t *lens = NULL;
    wmbt_kv_borrow_t *borrow = NULL;
    assert_int_equal(wmbt_kv_get_kv_blocks_borrowed(NULL, "ns", abc, 3, &payloads, &lens, &borrow),
                     -1);
    assert_int_equal(
        wmbt_kv_get_kv_blocks_borrowed(handle, "ns", abc, 3, &payloads, &lens, &borrow), 0);
    assert_null(wmbt_kv_last_error());
    assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_MISS);
    assert_null(payloads);
    assert_null(lens);
    assert_null(borrow);
}

static void *fail_in_a_thread(void *arg) {
    (void)arg;
    assert_null(wmbt_kv_last_error());
    wmbt_kv_open_tcp(NULL);
    assert_string_equal(wmbt_kv_last_error(), "wmbt_kv_open_tcp: addr is NULL");
    return NULL;
}

/* ABI-3 */
static void each_thread_has_its_own_last_error(void **state) {
    (void)state;
    assert_null(wmbt_kv_open_http(NULL));
    long before = fake.in_use_bytes;
    pthread_t thread;
    pthread_create(&thread, NULL, fail_in_a_thread, NULL);
    pthread_join(thread, NULL);
    assert_string_equal(wmbt_kv_last_error(), "wmbt_kv_open_http: addr is NULL");
    assert_int_equal(fake.in_use_bytes, before); /* freed when the thread ended */
}

/* ABI-3 */
static void a_text_with_an_inner_nul_byte_is_replaced(void **state) {
    (void)state;
    struct wk_error err;
    wk_call_begin(&err);
    wk_fail(&err, WK_INTERNAL, "a%cb", 0);
    char buffer[64] = "before";
    wk_call_end(WK_INTERNAL, &err, buffer, sizeof buffer);
    assert_string_equal(wmbt_kv_last_error(), "error message contained interior NUL byte");
    assert_string_equal(buffer, "error message contained interior NUL byte");
}

/* ABI-3 */
static void a_failure_without_memory_still_has_status_and_text(void **state) {
    (void)state;
    fake.fail_at = fake.allocations + 1;
    assert_null(wmbt_kv_open_tcp(NULL));
    assert_string_equal(wmbt_kv_last_error(), "invalid argument");
    assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_INVALID);
    size_t matched;
    assert_int_equal(wmbt_kv_lookup_block_prefix(handle, "ns", abc, 1, &matched, NULL, 0), 0);
    assert_null(wmbt_kv_last_error());
    assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_OK);
    assert_null(wmbt_kv_open_tcp(NULL));
    assert_string_equal(wmbt_kv_last_error(), "wmbt_kv_open_tcp: addr is NULL");
}

/* ABI-3 */
static void a_thread_without_a_slot_reports_by_return_codes(void **state) {
    (void)state;
    fake.slots_fail = true;
    assert_null(wmbt_kv_open_tcp(NULL));
    assert_null(wmbt_kv_last_error());
    long in_use = fake.in_use_bytes;
    assert_null(wmbt_kv_open_tcp(NULL));
    assert_int_equal(fake.in_use_bytes, in_use);
    fake.slots_fail = false;
}

/* ABI-4 */
static void err_buf_is_written_only_on_error_and_cut(void **state) {
    (void)state;
    char buffer[8] = "before";
    size_t matched;
    assert_int_equal(wmbt_kv_lookup_block_prefix(handle, "ns", abc, 1, &matched, buffer, 8), 0);
    assert_string_equal(buffer, "before");
    assert_int_equal(wmbt_kv_lookup_block_prefix(NULL, "ns", abc, 1, &matched, buffer, 8), -1);
    assert_string_equal(buffer, "handle ");
    assert_string_equal(wmbt_kv_last_error(), "handle is NULL");
    buffer[1] = 'x';
    assert_int_equal(wmbt_kv_lookup_block_prefix(NULL, "ns", abc, 1, &matched, buffer, 1), -1);
    assert_string_equal(buffer, "");
    assert_int_equal(buffer[1], 'x');
    buffer[0] = 'y';
    assert_int_equal(wmbt_kv_lookup_block_prefix(NULL, "ns", abc, 1, &matched, buffer, 0), -1);
    assert_int_equal(buffer[0], 'y');
}

static void the_text_of_the_backend_reaches_the_caller(void **state) {
    (void)state;
    const uint8_t **payloads = NULL;
    const size_t *lens = NULL;
    wmbt_kv_borrow_t *borrow = NULL;
    char buffer[100] = "";
    fake_store.answer = WK_UNAVAILABLE;
    fake_store.answer_text = "the bucket sleeps";
    assert_int_equal(
        wmbt_kv_get_kv_blocks_borrowed(handle, "ns", abc, 3, &payloads, &lens, &borrow), -1);
    assert_string_equal(wmbt_kv_last_error(), "the bucket sleeps");
    assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_UNAVAILABLE);
    assert_null(borrow);
    assert_int_equal(wmbt_kv_put_kv_blocks(handle, "ns", abc, abc_payloads, abc_lens, 3), -1);
    assert_string_equal(wmbt_kv_last_error(), "the bucket sleeps");
    assert_int_equal(wmbt_kv_put_raw_tail(handle, "ns", HEX_A, NULL, 0, buffer, sizeof buffer), -1);
    assert_string_equal(buffer, "the bucket sleeps");
    fake_store.answer_text = NULL;
    assert_int_equal(wmbt_kv_put_raw_tail(handle, "ns", HEX_A, NULL, 0, buffer, sizeof buffer), -1);
    assert_string_equal(buffer, "not available now");
}

static void a_put_that_the_backend_calls_a_miss_is_an_error(void **state) {
    (void)state;
    fake_store.answer = WK_MISS;
    assert_int_equal(wmbt_kv_put_kv_blocks(handle, "ns", abc, abc_payloads, abc_lens, 3), -1);
    assert_non_null(wmbt_kv_last_error());
    assert_int_equal(wmbt_kv_put_raw_tail(handle, "ns", HEX_A, NULL, 0, NULL, 0), -1);
    assert_non_null(wmbt_kv_last_error());
}

/* ABI-9 */
static void a_borrow_outlives_the_handle_and_counts_its_pins(void **state) {
    (void)state;
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    put_abc();
    assert_int_equal(
        wmbt_kv_get_kv_blocks_borrowed(handle, "ns", abc, 3, &payloads, &lens, &borrow), 1);
    assert_int_equal(fake_store.pins, 3);
    assert_int_equal(fake_store.deadline_ns, WK_FOREVER);
    const uint8_t *tail;
    size_t tail_len;
    wmbt_kv_borrow_t *tail_borrow;
    assert_int_equal(wmbt_kv_put_raw_tail(handle, "ns", HEX_A, payloads[0], 2, NULL, 0), 0);
    fake_store.deadline_ns = 0;
    assert_int_equal(
        wmbt_kv_get_raw_tail_borrowed(handle, "ns", HEX_A, &tail, &tail_len, &tail_borrow, NULL, 0),
        1);
    assert_int_equal(fake_store.deadline_ns, WK_FOREVER);
    assert_int_equal(fake_store.pins, 4);
    assert_int_equal(tail_len, 2);
    wmbt_kv_release_borrow(tail_borrow);
    assert_int_equal(fake_store.pins, 3);
    wmbt_kv_free(handle);
    assert_int_equal(lens[0], 3);
    assert_memory_equal(payloads[0], "one", 3);
    assert_int_equal(lens[1], 0);
    assert_non_null(payloads[1]);
    assert_memory_equal(payloads[2], "3", 1);
    wmbt_kv_release_borrow(borrow);
    assert_int_equal(fake_store.pins, 0);
    open_handle(NULL);
}

static void an_empty_batch_never_asks_the_backend(void **state) {
    (void)state;
    const uint8_t **payloads = NULL;
    const size_t *lens = NULL;
    wmbt_kv_borrow_t *borrow = NULL;
    size_t matched = 9;
    wmbt_kv_block_result *none = NULL;
    int calls = fake_store.calls;
    assert_int_equal(
        wmbt_kv_get_kv_blocks_borrowed(handle, "ns", NULL, 0, &payloads, &lens, &borrow), 1);
    assert_non_null(payloads);
    assert_non_null(lens);
    assert_non_null(borrow);
    wmbt_kv_release_borrow(borrow);
    assert_int_equal(wmbt_kv_lookup_block_prefix(handle, "ns", NULL, 0, &matched, NULL, 0), 0);
    assert_int_equal(matched, 0);
    assert_int_equal(wmbt_kv_put_kv_blocks(handle, "ns", NULL, NULL, NULL, 0), 0);
    assert_int_equal(wmbt_kv_contains_blocks(handle, "ns", NULL, 0, 0, none), 0);
    assert_int_equal(wmbt_kv_get_kv_blocks_into(handle, "ns", NULL, 0, 0, NULL, NULL, none), 0);
    assert_int_equal(
        wmbt_kv_get_kv_blocks_partial(handle, "ns", NULL, 0, 0, none, &payloads, &lens, &borrow),
        0);
    wmbt_kv_release_borrow(borrow);
    assert_int_equal(fake_store.calls, calls);
}

/* ABI-10 */
static void a_forked_child_is_refused_and_frees_nothing(void **state) {
    (void)state;
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    size_t matched;
    put_abc();
    assert_int_equal(
        wmbt_kv_get_kv_blocks_borrowed(handle, "ns", abc, 3, &payloads, &lens, &borrow), 1);
    fake.fork_generation++; /* what a child sees */
    assert_int_equal(wmbt_kv_lookup_block_prefix(handle, "ns", abc, 1, &matched, NULL, 0), -1);
    assert_string_equal(wmbt_kv_last_error(),
                        "handle was opened before fork; a child must open its own");
    assert_int_equal(wmbt_kv_flush(handle, 0, NULL), -1);
    wmbt_kv_release_borrow(borrow);
    wmbt_kv_free(handle);
    assert_int_equal(fake_store.pins, 3);
    assert_true(fake_store.open);
    fake.fork_generation--;
    wmbt_kv_release_borrow(borrow);
}

/* ---- second half ---- */

/* ABI-12 */
static void deadlines_count_from_the_call(void **state) {
    (void)state;
    wmbt_kv_block_result results[3];
    put_abc();
    wmbt_kv_contains_blocks(handle, "ns", abc, 3, 5, results);
    assert_int_equal(fake_store.deadline_ns, fake.now_ns + 5 * WK_NS_PER_MS);
    wmbt_kv_contains_blocks(handle, "ns", abc, 3, 0, results);
    assert_int_equal(fake_store.deadline_ns, fake.now_ns);
    wmbt_kv_contains_blocks(handle, "ns", abc, 3, -1, results);
    assert_true(fake_store.deadline_ns == WK_FOREVER);
    wmbt_kv_contains_blocks(handle, "ns", abc, 3, INT64_MAX, results);
    assert_true(fake_store.deadline_ns > UINT64_MAX / 2);
}

/* ABI-12 */
static void partial_answers_per_block_and_pins_what_is_there(void **state) {
    (void)state;
    const char *const four[] = {
        HEX_A, "0000000000000000000000000000000000000000000000000000000000000000", HEX_C, HEX_B};
    wmbt_kv_block_result results[4];
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    put_abc();
    assert_int_equal(wmbt_kv_get_kv_blocks_partial(handle, "ns", four, 4, -1, results, &payloads,
                                                   &lens, &borrow),
                     3);
    assert_int_equal(results[0].status, WMBT_KV_STATUS_OK);
    assert_int_equal(results[0].tier, WMBT_KV_TIER_RAM);
    assert_int_equal(results[0].length, 3);
    assert_memory_equal(payloads[0], "one", 3);
    assert_int_equal(results[1].status, WMBT_KV_STATUS_MISS);
    assert_int_equal(results[1].tier, WMBT_KV_TIER_NONE);
    assert_null(payloads[1]);
    assert_int_equal(lens[1], 0);
    assert_memory_equal(payloads[2], "3", 1);
    assert_int_equal(fake_store.pins, 3);
    wmbt_kv_release_borrow(borrow);
    assert_int_equal(fake_store.pins, 0);
    assert_int_equal(wmbt_kv_get_kv_blocks_partial(handle, "other", four, 4, -1, results, &payloads,
                                                   &lens, &borrow),
                     0);
    wmbt_kv_release_borrow(borrow);
}

/* ABI-12 */
static void into_copies_what_fits(void **state) {
    (void)state;
    uint8_t small[2] = {'x', 'x'};
    uint8_t large[10];
    uint8_t *const buffers[] = {small, NULL, large};
    const size_t capacities[] = {2, 0, 10};
    wmbt_kv_block_result results[3];
    put_abc();
    assert_int_equal(
        wmbt_kv_get_kv_blocks_into(handle, "ns", abc, 3, -1, buffers, capacities, results), 2);
    assert_int_equal(results[0].status, WMBT_KV_STATUS_TOO_LARGE);
    assert_int_equal(results[0].length, 3);
    assert_int_equal(small[0], 'x');
    assert_int_equal(results[1].status, WMBT_KV_STATUS_OK);
    assert_int_equal(results[2].length, 1);
    assert_int_equal(large[0], '3');
    assert_int_equal(fake_store.pins, 0);
    uint8_t *const missing[] = {NULL, NULL, large};
    assert_int_equal(
        wmbt_kv_get_kv_blocks_into(handle, "ns", abc, 3, -1, missing, capacities, results), -1);
    assert_string_equal(wmbt_kv_last_error(), "buffers[0] is NULL with capacity > 0");
    assert_int_equal(wmbt_kv_get_kv_blocks_into(handle, "ns", abc, 3, -1, NULL, NULL, results), -1);
    assert_int_equal(
        wmbt_kv_get_kv_blocks_into(handle, "ns", abc, 3, -1, buffers, capacities, NULL), -1);
    assert_string_equal(wmbt_kv_last_error(), "results is NULL with block_count > 0");
    assert_int_equal(fake_store.pins, 0);
}

/* ABI-12 */
static void a_failed_batch_writes_no_results(void **state) {
    (void)state;
    const uint8_t **payloads = NULL;
    const size_t *lens = NULL;
    wmbt_kv_borrow_t *borrow = NULL;
    wmbt_kv_block_result results[3] = {{77, 77, 77}};
    fake_store.answer = WK_UNAVAILABLE;
    assert_int_equal(
        wmbt_kv_get_kv_blocks_partial(handle, "ns", abc, 3, -1, results, &payloads, &lens, &borrow),
        -1);
    assert_int_equal(wmbt_kv_contains_blocks(handle, "ns", abc, 3, -1, results), -1);
    assert_int_equal(results[0].status, 77);
    assert_null(borrow);
    assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_UNAVAILABLE);
}

/* ABI-13 */
static void flush_tells_what_is_left(void **state) {
    (void)state;
    uint64_t pending = 9;
    assert_int_equal(wmbt_kv_flush(handle, 10, &pending), 0);
    assert_int_equal(pending, 0);
    fake_store.pending = 4;
    assert_int_equal(wmbt_kv_flush(handle, 10, &pending), 1);
    assert_int_equal(pending, 4);
    assert_null(wmbt_kv_last_error());
    assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_TIMEOUT);
    assert_int_equal(wmbt_kv_flush(handle, 10, NULL), 1);
    assert_int_equal(wmbt_kv_flush(NULL, 10, NULL), -1);
}

/* ABI-13 */
static void stats_are_whole_or_an_empty_string(void **state) {
    (void)state;
    char text[64] = "x";
    assert_int_equal(wmbt_kv_stats_json(handle, text, sizeof text), 12);
    assert_string_equal(text, "{\"blocks\":1}");
    assert_int_equal(wmbt_kv_stats_json(handle, text, 12), 12);
    assert_string_equal(text, "");
    assert_int_equal(wmbt_kv_stats_json(handle, NULL, 0), 12);
    assert_int_equal(wmbt_kv_stats_json(handle, NULL, 1), -1);
    assert_int_equal(wmbt_kv_stats_json(NULL, text, sizeof text), -1);
    fake_store.stats_bytes = WK_STATS_BYTES_MAX + 1;
    assert_int_equal(wmbt_kv_stats_json(handle, text, sizeof text), -1);
}

static void on_event(void *ctx, uint32_t level, const char *line) {
    (void)level;
    (void)line;
    ++*(int *)ctx;
}

/* ABI-13 */
static void the_log_function_reaches_the_environment(void **state) {
    (void)state;
    int count = 0;
    assert_int_equal(wmbt_kv_set_log(on_event, &count, WMBT_KV_LOG_INFO), 0);
    assert_int_equal(fake_sink.level, WK_LOG_INFO);
    fake_sink.fn(fake_sink.ctx, WK_LOG_WARN, "line");
    assert_int_equal(count, 1);
    assert_int_equal(wmbt_kv_set_log(on_event, &count, 5), -1);
    assert_int_equal(wmbt_kv_set_log(NULL, NULL, WMBT_KV_LOG_DEBUG), 0);
    assert_null(fake_sink.fn);
}

/* ---- out of memory ---- */

/* Every call of the ABI once, each result either right or a clean failure. */
static void every_call(bool whole) {
    const uint8_t **payloads = NULL;
    const size_t *lens = NULL;
    const uint8_t *bytes = NULL;
    size_t len = 0;
    size_t matched = 0;
    wmbt_kv_borrow_t *borrow = NULL;
    wmbt_kv_block_result results[3];
    uint8_t room[3][4];
    uint8_t *const buffers[] = {room[0], room[1], room[2]};
    const size_t capacities[] = {4, 4, 4};
    char text[64];

    int64_t put = wmbt_kv_put_kv_blocks(handle, "ns", abc, abc_payloads, abc_lens, 3);
    assert_true(put == 4 || (put == -1 && !whole));
    int32_t rc = wmbt_kv_put_raw_tail(handle, "ns", HEX_C, abc_payloads[0], 3, NULL, 0);
    assert_true(rc == 0 || (rc == -1 && !whole));
    rc = wmbt_kv_lookup_block_prefix(handle, "ns", abc, 3, &matched, NULL, 0);
    assert_true((rc == 0 && (matched == 3 || put == -1)) || (rc == -1 && !whole));
    rc = wmbt_kv_get_kv_blocks_borrowed(handle, "ns", abc, 3, &payloads, &lens, &borrow);
    assert_true(rc == 1 || (rc <= 0 && !whole));
    if (rc == 1)
        wmbt_kv_release_borrow(borrow);
    rc = wmbt_kv_get_raw_tail_borrowed(handle, "ns", HEX_C, &bytes, &len, &borrow, NULL, 0);
    assert_true(rc == 1 || (rc <= 0 && !whole));
    if (rc == 1)
        wmbt_kv_release_borrow(borrow);
    int64_t n =
        wmbt_kv_get_kv_blocks_partial(handle, "ns", abc, 3, -1, results, &payloads, &lens, &borrow);
    assert_true(n == 3 || !whole);
    if (n >= 0)
        wmbt_kv_release_borrow(borrow);
    n = wmbt_kv_get_kv_blocks_into(handle, "ns", abc, 3, -1, buffers, capacities, results);
    assert_true(n == 3 || !whole);
    n = wmbt_kv_contains_blocks(handle, "ns", abc, 3, -1, results);
    assert_true(n == 3 || !whole);
    n = wmbt_kv_stats_json(handle, text, sizeof text);
    assert_true(n == 12 || !whole);
    wmbt_kv_open_tcp("a");
}

/* ABI-14 */
static void the_kth_allocation_of_every_call_may_fail(void **state) {
    (void)state;
    every_call(true);
    for (long k = 1;; k++) {
        wmbt_kv_free(handle);
        open_handle(NULL);
        long before = fake.allocations;
        fake.fail_at = before + k;
        every_call(false);
        bool reached = fake.allocations >= fake.fail_at;
        assert_int_equal(fake_store.pins, 0);
        if (!reached)
            break;
    }
    fake.fail_at = 0;
}

/* ABI-14 */
static void the_kth_allocation_of_an_open_may_fail(void **state) {
    (void)state;
    wmbt_kv_free(handle);
    handle = NULL;
    static const struct fake_var vars[] = {
        {"WMBT_KV_BUCKET", "b"}, {"WMBT_KV_S3_ENDPOINT", "file:///tmp"}, {NULL, NULL}};
    long in_use = fake.in_use_bytes;
    for (long k = 1; handle == NULL; k++) {
        fake_reset();
        fake.vars = vars;
        fake.objects_open = open_objects;
        fake.fail_at = k;
        handle = wmbt_kv_init_from_env();
        if (handle == NULL) {
            assert_non_null(wmbt_kv_last_error());
            assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_NO_MEMORY);
            fake_reset();
            assert_int_equal(fake.in_use_bytes, in_use);
        } else {
            assert_true(k > 3); /* handle, settings, one buffer per scope */
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_handle, free_handle)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_last_error_is_cleared_by_calls_and_kept_by_the_rest),
        TEST(a_miss_leaves_no_text_but_its_status),
        TEST(each_thread_has_its_own_last_error),
        TEST(a_text_with_an_inner_nul_byte_is_replaced),
        TEST(a_failure_without_memory_still_has_status_and_text),
        TEST(a_thread_without_a_slot_reports_by_return_codes),
        TEST(err_buf_is_written_only_on_error_and_cut),
        TEST(the_text_of_the_backend_reaches_the_caller),
        TEST(a_put_that_the_backend_calls_a_miss_is_an_error),
        TEST(a_borrow_outlives_the_handle_and_counts_its_pins),
        TEST(an_empty_batch_never_asks_the_backend),
        TEST(a_forked_child_is_refused_and_frees_nothing),
        TEST(deadlines_count_from_the_call),
        TEST(partial_answers_per_block_and_pins_what_is_there),
        TEST(into_copies_what_fits),
        TEST(a_failed_batch_writes_no_results),
        TEST(flush_tells_what_is_left),
        TEST(stats_are_whole_or_an_empty_string),
        TEST(the_log_function_reaches_the_environment),
        TEST(the_kth_allocation_of_every_call_may_fail),
        TEST(the_kth_allocation_of_an_open_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
