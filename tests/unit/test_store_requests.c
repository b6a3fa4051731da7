/* SPDX-License-Identifier: Apache-2.0 */
/* What the store sends to the objects, and how much of it: budgets, limits, conditions, listings.
 */
#include "unit/cmocka_all.h"

#include "unit/world.h"

static struct world world;
static struct bucket bucket;
static struct wk_backend *store;

static const struct wk_span ns = {(const uint8_t *)"default", 7};
static const char tip_text[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
static const char tail_key[] =
    "kv/test/default/wombatkv/v1/sidecar/raw_tail/"
    "b3=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

static int set_up(void **state) {
    (void)state;
    world_init(&world);
    bucket_init(&bucket, world.real);
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    store = store_open(&world, &config);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    store->ops->close(store);
    bucket_destroy(&bucket);
    assert_int_equal(world_live(&world), 0);
    return 0;
}

static void reopen(const struct wk_store_config *config) {
    store->ops->close(store);
    store = store_open(&world, config);
}

static struct wk_span tip(void) {
    return wk_span(tip_text, 64);
}

static enum wk_status put(uint32_t first, size_t count) {
    struct wk_block_hash hashes[80];
    struct wk_span payloads[80];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_of(first + (uint32_t)i);
        payloads[i] = wk_span_text("some bytes of a block");
    }
    return store->ops->put(store, ns, hashes, payloads, count, NULL);
}

static enum wk_status get(uint32_t first, size_t count, uint64_t deadline_ns) {
    struct wk_block_hash hashes[80];
    struct wk_block_result results[80];
    for (size_t i = 0; i < count; i++)
        hashes[i] = hash_of(first + (uint32_t)i);
    enum wk_status status =
        store->ops->get(store, ns, hashes, count, WK_GET_ALL, deadline_ns, results, NULL);
    if (status == WK_OK)
        store->ops->release(store, results, count);
    return status;
}

static size_t lookup(uint32_t first, size_t count) {
    struct wk_block_hash hashes[80];
    size_t matched = 99;
    for (size_t i = 0; i < count; i++)
        hashes[i] = hash_of(first + (uint32_t)i);
    assert_int_equal(store->ops->lookup(store, ns, hashes, count, &matched, NULL), WK_OK);
    return matched;
}

static uint64_t gets(void) {
    return bucket_requests(&bucket, WK_OBJECT_GET);
}

/* ---- retries ---- */

static void failures_use_up_the_budget_of_the_handle(void **state) { /* STORE-15 */
    (void)state;
    bucket_fail(&bucket, WK_OBJECT_GET, 100000, WK_OBJECT_SERVER_ERROR, false, NULL);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(get(i, 1, WK_FOREVER), WK_UNAVAILABLE);
    assert_int_equal(gets(), 200 + 100); /* two repetitions each, while there was a budget */
    assert_int_equal(stat_of(store, "retries"), 100);
    assert_int_equal(stat_of(store, "retries_refused"), 150);
    assert_int_equal(stat_of(store, "retries_left"), 0);
    assert_int_equal(stat_of(store, "objects_server_error"), 300);
    bucket_heal(&bucket);
    for (uint32_t i = 0; i < 20; i++) /* absent is an answer, too */
        assert_int_equal(get(i, 1, WK_FOREVER), WK_MISS);
    assert_int_equal(stat_of(store, "retries_left"), 2);
    assert_int_equal(stat_of(store, "objects_absent"), 20);
}

static void a_repetition_that_is_answered_costs_nothing(void **state) { /* STORE-15 */
    (void)state;
    assert_int_equal(put(1, 1), WK_OK);
    for (uint32_t i = 0; i < 300; i++) {
        bucket_fail(&bucket, WK_OBJECT_GET, 1, WK_OBJECT_SERVER_ERROR, false, NULL);
        assert_int_equal(get(1000 + i, 1, WK_FOREVER), WK_MISS);
        assert_int_equal(stat_of(store, "retries_left"), 100);
    }
}

/* ---- in flight ---- */

static void throttling_halves_what_is_in_flight(void **state) { /* STORE-16 */
    (void)state;
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.parallel = WK_OBJECTS_IN_FLIGHT_MAX;
    config.retries = 0;
    reopen(&config);
    uint32_t expected = WK_OBJECTS_IN_FLIGHT_MAX;
    for (uint32_t i = 0; i < 9; i++) {
        bucket_fail(&bucket, WK_OBJECT_GET, 1, WK_OBJECT_THROTTLED, false, NULL);
        assert_int_equal(get(1, 70, WK_FOREVER), WK_UNAVAILABLE);
        assert_int_equal(bucket.last_parallel, expected);
        expected = expected > WK_OBJECTS_IN_FLIGHT_MIN ? expected / 2 : expected;
        assert_int_equal(stat_of(store, "in_flight_limit"), expected);
    }
    for (uint32_t i = 0; i < WK_OBJECTS_IN_FLIGHT_MIN; i++)
        assert_int_equal(get(i, 1, WK_FOREVER), WK_MISS);
    assert_int_equal(stat_of(store, "in_flight_limit"), WK_OBJECTS_IN_FLIGHT_MIN + 1);
    for (uint32_t i = 0; i < 2100; i++)
        assert_int_equal(get(i, 1, WK_FOREVER), WK_MISS);
    assert_int_equal(stat_of(store, "in_flight_limit"), WK_OBJECTS_IN_FLIGHT_MAX);
}

static void get_many(void *arg) {
    (void)arg;
    assert_int_equal(get(1, 70, WK_FOREVER), WK_MISS);
}

static void who_finds_no_place_waits_and_sends_nothing(void **state) { /* STORE-16 */
    (void)state;
    struct wk_thread *thread;
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.parallel = WK_OBJECTS_IN_FLIGHT_MAX;
    reopen(&config);
    bucket_gate(&bucket, WK_OBJECT_GET);
    assert_int_equal(world.env.threads->start(&world.env, "many", get_many, NULL, &thread, NULL),
                     WK_OK);
    bucket_await_parked(&bucket, 1);
    assert_int_equal(stat_of(store, "in_flight"), WK_OBJECTS_IN_FLIGHT_MAX);
    uint64_t before = gets();
    uint64_t soon = wk_now_ns(&world.env) + 20 * WK_NS_PER_MS;
    assert_int_equal(get(500, 1, soon), WK_TIMEOUT);
    assert_int_equal(gets(), before);
    bucket_gate(&bucket, BUCKET_ANY);
    world.env.threads->join(&world.env, thread);
    assert_int_equal(get(500, 1, WK_FOREVER), WK_MISS);
    assert_int_equal(stat_of(store, "in_flight"), 0);
}

/* ---- tails are put under a condition ---- */

static enum wk_status put_tail(const char *text) {
    return store->ops->put_tail(store, ns, tip(), wk_span_text(text), NULL);
}

static void tail_is(const char *text) {
    struct wk_block_result r;
    assert_int_equal(store->ops->get_tail(store, ns, tip(), WK_FOREVER, &r, NULL), WK_OK);
    assert_int_equal(r.bytes.size, strlen(text));
    assert_memory_equal(r.bytes.data, text, r.bytes.size);
    store->ops->release(store, &r, 1);
}

static void a_tail_takes_one_request(void **state) { /* CONS-15 */
    (void)state;
    assert_int_equal(put_tail("first"), WK_OK);
    assert_int_equal(put_tail("second"), WK_OK);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_PUT), 2);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 0);
    tail_is("second");
}

static void its_own_earlier_try_is_no_loss(void **state) { /* CONS-15 */
    (void)state;
    bucket_fail(&bucket, WK_OBJECT_PUT, 1, WK_OBJECT_TIMEOUT, true, NULL);
    assert_int_equal(put_tail("mine"), WK_OK);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_PUT), 2);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 1);
    assert_int_equal(stat_of(store, "put_own_confirmed"), 1);
    tail_is("mine");
    /* The ETag is that of the earlier try, so the next put needs no question. */
    assert_int_equal(put_tail("next"), WK_OK);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 1);
}

static void the_last_put_counts_against_others(void **state) { /* CONS-15 */
    (void)state;
    assert_int_equal(put_tail("mine"), WK_OK);
    bucket_write(&bucket, tail_key, "theirs", 6);
    assert_int_equal(put_tail("mine again"), WK_OK);
    assert_int_equal(stat_of(store, "put_contested"), 1);
    assert_int_equal(stat_of(store, "put_own_confirmed"), 0);
    tail_is("mine again");
    bucket_delete(&bucket, tail_key);
    assert_int_equal(put_tail("once more"), WK_OK);
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    reopen(&config);
    tail_is("once more");
}

static void conflicts_and_refused_conditions_do_not_fail_a_tail(void **state) { /* CONS-15 */
    (void)state;
    bucket_fail(&bucket, WK_OBJECT_PUT, 9, WK_OBJECT_CONFLICT, false, NULL);
    assert_int_equal(put_tail("after many conflicts"), WK_OK);
    bucket_heal(&bucket);
    bucket_fail(&bucket, WK_OBJECT_PUT, 1, WK_OBJECT_INVALID, false, NULL);
    assert_int_equal(put_tail("without a condition"), WK_OK);
    tail_is("without a condition");
    bucket_fail(&bucket, WK_OBJECT_PUT, 1, WK_OBJECT_PRECONDITION_FAILED, false, NULL);
    bucket_fail(&bucket, WK_OBJECT_HEAD, 9, WK_OBJECT_DENIED, false, NULL);
    assert_int_equal(put_tail("nobody knows"), WK_DENIED);
}

/* ---- listings ---- */

static void await_at_least(const char *name, uint64_t value) {
    while (stat_of(store, name) < value)
        world.env.threads->yield(&world.env);
}

static void open_listing(void) {
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS | WK_OBJECTS_LIST);
    config.lookup_probe_ns = 0;
    config.reconcile_interval_ns = 3 * WK_NS_PER_MS;
    reopen(&config);
}

static void a_listing_removes_what_is_gone(void **state) { /* CONS-14 */
    (void)state;
    open_listing();
    assert_int_equal(put(1, 20), WK_OK);
    bucket_delete(&bucket, key_of("default", 4));
    bucket_write(&bucket, key_of("default", 30), "theirs", 6);
    await_at_least("reconcile_removed", 1);
    assert_int_equal(lookup(1, 20), 3);
    assert_int_equal(lookup(5, 16), 16);
    uint64_t now = stat_of(store, "reconciles");
    await_at_least("reconciles", now + 2);
    assert_int_equal(lookup(30, 1), 1);
    assert_int_equal(stat_of(store, "reconcile_removed"), 1);
    assert_int_equal(get(4, 1, WK_FOREVER), WK_MISS); /* memory let go of it, too */
}

static void a_stale_listing_removes_nothing(void **state) { /* CONS-14 */
    (void)state;
    bucket.list_hides = "/block/";
    open_listing();
    assert_int_equal(put(1, 20), WK_OK);
    uint64_t now = stat_of(store, "reconciles");
    await_at_least("reconciles", now + 3);
    assert_true(bucket_requests(&bucket, WK_OBJECT_HEAD) >= 20);
    assert_int_equal(lookup(1, 20), 20);
    assert_int_equal(stat_of(store, "reconcile_removed"), 0);
}

static void a_listing_that_fails_removes_nothing(void **state) { /* CONS-14 */
    (void)state;
    bucket.list_cuts = 6; /* two runs with two repetitions each */
    open_listing();
    assert_int_equal(put(1, 20), WK_OK);
    bucket_delete(&bucket, key_of("default", 4));
    await_at_least("reconcile_failed", 1);
    if (stat_of(store, "reconciles") == 0)
        assert_int_equal(stat_of(store, "reconcile_removed"), 0);
    await_at_least("reconcile_removed", 1); /* a later one is whole */
    assert_int_equal(stat_of(store, "reconcile_failed"), 2);
    assert_int_equal(lookup(1, 20), 3);
}

static void a_question_without_an_answer_removes_nothing(void **state) { /* CONS-14 */
    (void)state;
    bucket_fail(&bucket, WK_OBJECT_HEAD, 100000, WK_OBJECT_DENIED, false, NULL);
    open_listing();
    assert_int_equal(put(1, 3), WK_OK);
    bucket_delete(&bucket, key_of("default", 2));
    uint64_t now = stat_of(store, "reconciles");
    await_at_least("reconciles", now + 3);
    assert_int_equal(lookup(1, 3), 3);
    bucket_heal(&bucket);
    await_at_least("reconcile_removed", 1);
    assert_int_equal(lookup(1, 3), 1);
}

/* What happens between two tries: the pause is of some seconds, and nobody sits through it. */
static void a_close_ends_the_pause_before_a_repetition(void **state) { /* STORE-8 */
    (void)state;
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS | WK_OBJECTS_LIST);
    config.lookup_probe_ns = 0;
    config.reconcile_interval_ns = 3 * WK_NS_PER_MS;
    config.retry_backoff_ns = 60 * WK_NS_PER_S;
    reopen(&config);
    uint64_t slept = wk_atomic_load_u64(&world.offset_ns, WK_RELAXED, "test");
    bucket_fail(&bucket, WK_OBJECT_HEAD, 100000, WK_OBJECT_SERVER_ERROR, false, NULL);
    assert_int_equal(put(1, 1), WK_OK);
    bucket_delete(&bucket, key_of("default", 1));
    while (bucket_requests(&bucket, WK_OBJECT_HEAD) == 0)
        world.env.threads->yield(&world.env);
    config = store_config(&bucket, BUCKET_CAPS);
    reopen(&config);
    assert_int_equal(wk_atomic_load_u64(&world.offset_ns, WK_RELAXED, "test"), slept);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 1);
}

#define REQUESTS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        REQUESTS_TEST(failures_use_up_the_budget_of_the_handle),
        REQUESTS_TEST(a_repetition_that_is_answered_costs_nothing),
        REQUESTS_TEST(throttling_halves_what_is_in_flight),
        REQUESTS_TEST(who_finds_no_place_waits_and_sends_nothing),
        REQUESTS_TEST(a_tail_takes_one_request),
        REQUESTS_TEST(its_own_earlier_try_is_no_loss),
        REQUESTS_TEST(the_last_put_counts_against_others),
        REQUESTS_TEST(conflicts_and_refused_conditions_do_not_fail_a_tail),
        REQUESTS_TEST(a_listing_removes_what_is_gone),
        REQUESTS_TEST(a_stale_listing_removes_nothing),
        REQUESTS_TEST(a_listing_that_fails_removes_nothing),
        REQUESTS_TEST(a_question_without_an_answer_removes_nothing),
        REQUESTS_TEST(a_close_ends_the_pause_before_a_repetition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
