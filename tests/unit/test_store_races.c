/* SPDX-License-Identifier: Apache-2.0 */
/* The store when things happen at the same time, fail, or are done by somebody else. */
#include "unit/cmocka_all.h"

#include "env/dir/dir.h"
#include "unit/world.h"

#define BLOCK   20000
#define GETTERS 6

static struct world world;
static struct bucket bucket;
static struct wk_backend *store;

static const struct wk_span ns_default = {(const uint8_t *)"default", 7};

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
    if (store != NULL)
        store->ops->close(store);
    store = NULL;
    bucket_destroy(&bucket);
    assert_int_equal(world_live(&world), 0);
    return 0;
}

static void reopen(const struct wk_store_config *config) {
    store->ops->close(store);
    store = store_open(&world, config);
}

static void forget_memory(void) {
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    reopen(&config);
}

static enum wk_status put_to(struct wk_backend *b, uint32_t first, size_t count, uint32_t version) {
    struct wk_block_hash hashes[64];
    struct wk_span payloads[64];
    uint8_t *bytes = malloc(count * BLOCK);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_of(first + (uint32_t)i);
        fill_bytes(bytes + i * BLOCK, BLOCK, first + (uint32_t)i, version);
        payloads[i] = wk_span(bytes + i * BLOCK, BLOCK);
    }
    enum wk_status status = b->ops->put(b, ns_default, hashes, payloads, count, NULL);
    free(bytes);
    return status;
}

static enum wk_status put(uint32_t first, size_t count, uint32_t version) {
    return put_to(store, first, count, version);
}

static enum wk_status get_from(struct wk_backend *b, uint32_t first, size_t count,
                               uint64_t deadline_ns, struct wk_block_result *results) {
    struct wk_block_hash hashes[64];
    for (size_t i = 0; i < count; i++)
        hashes[i] = hash_of(first + (uint32_t)i);
    return b->ops->get(b, ns_default, hashes, count, WK_GET_ALL, deadline_ns, results, NULL);
}

static bool is_version(const struct wk_block_result *r, uint32_t n, uint32_t version) {
    uint8_t expected[BLOCK];
    fill_bytes(expected, BLOCK, n, version);
    return r->bytes.size == BLOCK && memcmp(r->bytes.data, expected, BLOCK) == 0;
}

static int version_in(const struct wk_block_result *r, uint32_t n) {
    for (uint32_t v = 0; v < 10; v++)
        if (is_version(r, n, v))
            return (int)v;
    return -3;
}

/* Gets one block and lets go of it. -1: a miss; -2: failed; -3: bytes nobody put; else which. */
static int version_of(struct wk_backend *b, uint32_t n) {
    struct wk_block_result r;
    enum wk_status status = get_from(b, n, 1, WK_FOREVER, &r);
    if (status != WK_OK)
        return status == WK_MISS ? -1 : -2;
    int version = version_in(&r, n);
    b->ops->release(b, &r, 1);
    return version;
}

static size_t lookup_in(struct wk_backend *b, uint32_t first, size_t count) {
    struct wk_block_hash hashes[64];
    size_t matched = 99;
    for (size_t i = 0; i < count; i++)
        hashes[i] = hash_of(first + (uint32_t)i);
    assert_int_equal(b->ops->lookup(b, ns_default, hashes, count, &matched, NULL), WK_OK);
    return matched;
}

/* ---- threads that do one thing ---- */

struct job {
    struct wk_thread *thread;
    uint32_t n;
    uint32_t version;
    uint64_t deadline_ns; /* 0: none */
    enum wk_status status;
    int got;
};

static void job_get(void *arg) {
    struct job *j = arg;
    struct wk_block_result r;
    j->status = get_from(store, j->n, 1, j->deadline_ns != 0 ? j->deadline_ns : WK_FOREVER, &r);
    j->got = j->status == WK_OK ? version_in(&r, j->n) : -1;
    if (j->status == WK_OK)
        store->ops->release(store, &r, 1);
}

static void job_put(void *arg) {
    struct job *j = arg;
    j->status = put(j->n, 1, j->version);
}

static void start(struct job *j, void (*entry)(void *)) {
    assert_int_equal(world.env.threads->start(&world.env, "job", entry, j, &j->thread, NULL),
                     WK_OK);
}

static void finish(struct job *j) {
    world.env.threads->join(&world.env, j->thread);
}

/* Real time for others to come to where they wait; nothing depends on it but what is tested. */
static void let_others_arrive(void) {
    uint64_t now = world.real->clock->monotonic_ns(world.real);
    world.real->clock->sleep_until(world.real, now + 20 * WK_NS_PER_MS);
}

/* ---- single flight ---- */

static void concurrent_misses_are_fetched_once(void **state) { /* CONS-10 */
    (void)state;
    struct job jobs[GETTERS] = {{0}};
    assert_int_equal(put(1, 1, 3), WK_OK);
    forget_memory();
    bucket_gate(&bucket, WK_OBJECT_GET);
    for (size_t i = 0; i < GETTERS; i++) {
        jobs[i].n = 1;
        start(&jobs[i], job_get);
        if (i == 0)
            bucket_await_parked(&bucket, 1);
    }
    let_others_arrive();
    bucket_gate(&bucket, BUCKET_ANY);
    for (size_t i = 0; i < GETTERS; i++) {
        finish(&jobs[i]);
        assert_int_equal(jobs[i].status, WK_OK);
        assert_int_equal(jobs[i].got, 3);
    }
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_GET), 1);
    assert_int_equal(stat_of(store, "flights"), 0);
}

static void those_who_join_share_a_miss_and_a_failure(void **state) { /* CONS-10 */
    (void)state;
    const enum wk_object_class classes[] = {WK_OBJECT_OK, WK_OBJECT_DENIED};
    const enum wk_status expected[] = {WK_MISS, WK_DENIED};
    for (uint32_t c = 0; c < 2; c++) {
        struct job jobs[2] = {{.n = 50 + c}, {.n = 50 + c}};
        if (classes[c] != WK_OBJECT_OK)
            bucket_fail(&bucket, WK_OBJECT_GET, 2, classes[c], false, NULL);
        bucket_gate(&bucket, WK_OBJECT_GET);
        start(&jobs[0], job_get);
        bucket_await_parked(&bucket, 1);
        start(&jobs[1], job_get);
        let_others_arrive();
        bucket_gate(&bucket, BUCKET_ANY);
        finish(&jobs[0]);
        finish(&jobs[1]);
        assert_int_equal(jobs[0].status, expected[c]);
        assert_int_equal(jobs[1].status, expected[c]);
        bucket_heal(&bucket);
    }
}

static void who_joins_does_not_take_an_older_miss_for_its_own(void **state) { /* CONS-3 CONS-10 */
    (void)state;
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    struct wk_backend *other = store_open(&world, &config);
    struct job before = {.n = 70};
    struct job after = {.n = 70};
    bucket_gate(&bucket, WK_OBJECT_GET);
    start(&before, job_get);
    bucket_await_parked(&bucket, 1); /* has found nothing */
    assert_int_equal(put_to(other, 70, 1, 4), WK_OK);
    start(&after, job_get);
    let_others_arrive();
    bucket_gate(&bucket, BUCKET_ANY);
    finish(&before);
    finish(&after);
    assert_int_equal(before.status, WK_MISS);
    assert_int_equal(after.status, WK_OK);
    assert_int_equal(after.got, 4);
    other->ops->close(other);
}

static void who_joins_is_not_bound_to_the_deadline_of_the_leader(void **state) { /* CONS-10 */
    (void)state;
    struct job leader = {.n = 1, .deadline_ns = 1}; /* over: one try */
    struct job joins = {.n = 1};
    assert_int_equal(put(1, 1, 2), WK_OK);
    forget_memory();
    bucket_fail(&bucket, WK_OBJECT_GET, 1, WK_OBJECT_TIMEOUT, false, NULL);
    bucket_gate(&bucket, WK_OBJECT_GET);
    start(&leader, job_get);
    bucket_await_parked(&bucket, 1);
    start(&joins, job_get);
    let_others_arrive();
    bucket_gate(&bucket, BUCKET_ANY);
    finish(&leader);
    finish(&joins);
    assert_int_equal(leader.status, WK_TIMEOUT);
    assert_int_equal(joins.status, WK_OK);
    assert_int_equal(joins.got, 2);
}

static void a_wait_for_another_flight_ends_at_the_own_deadline(void **state) { /* CONS-8 */
    (void)state;
    struct job leader = {.n = 1};
    struct job joins = {.n = 1, .deadline_ns = 1};
    assert_int_equal(put(1, 1, 2), WK_OK);
    forget_memory();
    bucket_gate(&bucket, WK_OBJECT_GET);
    start(&leader, job_get);
    bucket_await_parked(&bucket, 1);
    start(&joins, job_get);
    finish(&joins);
    assert_int_equal(joins.status, WK_TIMEOUT);
    bucket_gate(&bucket, BUCKET_ANY);
    finish(&leader);
    assert_int_equal(leader.got, 2);
}

/* ---- order on one key ---- */

static void a_fill_that_a_put_overtook_is_not_cached(void **state) { /* CONS-11 */
    (void)state;
    struct job slow = {.n = 1};
    assert_int_equal(put(1, 1, 1), WK_OK);
    forget_memory();
    bucket_gate(&bucket, WK_OBJECT_GET); /* has read version 1, answers later */
    start(&slow, job_get);
    bucket_await_parked(&bucket, 1);
    assert_int_equal(put(1, 1, 2), WK_OK);
    bucket_gate(&bucket, BUCKET_ANY);
    finish(&slow);
    assert_int_equal(slow.got, 1); /* it began before the put */
    assert_int_equal(version_of(store, 1), 2);
    assert_int_equal(stat_of(store, "fill_outdated"), 1);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_GET), 1); /* from the cache */
}

static void a_fill_during_a_put_is_not_cached(void **state) { /* CONS-11 */
    (void)state;
    struct job writer = {.n = 1, .version = 2};
    struct job slow = {.n = 1};
    assert_int_equal(put(1, 1, 1), WK_OK);
    forget_memory();
    bucket_gate(&bucket, WK_OBJECT_GET);
    start(&slow, job_get);
    bucket_await_parked(&bucket, 1); /* has read version 1 */
    bucket_fail(&bucket, WK_OBJECT_PUT, 3, WK_OBJECT_SERVER_ERROR, true, NULL);
    start(&writer, job_put);
    finish(&writer);
    assert_int_equal(writer.status, WK_UNAVAILABLE); /* but version 2 is there */
    bucket_gate(&bucket, BUCKET_ANY);
    finish(&slow);
    assert_int_equal(slow.got, 1);
    assert_int_equal(version_of(store, 1), 2);
}

static void a_flight_from_before_a_put_is_not_joined_after_it(void **state) { /* CONS-11 */
    (void)state;
    struct job slow = {.n = 1};
    struct job after = {.n = 1};
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.ram_bytes = 0; /* nothing stays in memory: each get asks */
    reopen(&config);
    assert_int_equal(put(1, 1, 1), WK_OK);
    bucket_gate(&bucket, WK_OBJECT_GET);
    start(&slow, job_get);
    bucket_await_parked(&bucket, 1);
    assert_int_equal(put(1, 1, 2), WK_OK);
    start(&after, job_get);
    bucket_await_parked(&bucket, 2); /* asks itself */
    bucket_gate(&bucket, BUCKET_ANY);
    finish(&slow);
    finish(&after);
    assert_int_equal(slow.got, 1);
    assert_int_equal(after.got, 2);
}

static void an_absent_answer_from_before_a_put_does_not_unindex_it(void **state) { /* CONS-11 */
    (void)state;
    struct job slow = {.n = 1};
    bucket_gate(&bucket, WK_OBJECT_GET);
    start(&slow, job_get);
    bucket_await_parked(&bucket, 1); /* has found nothing */
    assert_int_equal(put(1, 1, 2), WK_OK);
    bucket_gate(&bucket, BUCKET_ANY);
    finish(&slow);
    assert_int_equal(slow.status, WK_OK); /* asked again, because of the put */
    assert_int_equal(slow.got, 2);
    assert_int_equal(lookup_in(store, 1, 1), 1);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 0); /* from memory */
    assert_int_equal(version_of(store, 1), 2);
}

static void puts_of_one_key_do_not_overlap(void **state) { /* CONS-9 */
    (void)state;
    struct job first = {.n = 1, .version = 1};
    struct job second = {.n = 1, .version = 2};
    struct job other = {.n = 2, .version = 5};
    bucket_gate(&bucket, WK_OBJECT_PUT);
    start(&first, job_put);
    bucket_await_parked(&bucket, 1);
    start(&second, job_put);
    let_others_arrive();
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_PUT), 1);
    start(&other, job_put); /* another key is not held up */
    bucket_await_parked(&bucket, 2);
    bucket_gate(&bucket, BUCKET_ANY);
    finish(&first);
    finish(&second);
    finish(&other);
    assert_int_equal(first.status, WK_OK);
    assert_int_equal(second.status, WK_OK);
    assert_int_equal(version_of(store, 1), 2);
    forget_memory();
    assert_int_equal(version_of(store, 1), 2);
    assert_int_equal(version_of(store, 2), 5);
}

/* ---- failed puts ---- */

static void a_failed_put_leaves_no_trace_in_memory(void **state) { /* CONS-4 */
    (void)state;
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.lookup_probe_ns = 0;
    reopen(&config);
    bucket_fail(&bucket, WK_OBJECT_PUT, 100, WK_OBJECT_DENIED, false, key_of("default", 3));
    assert_int_equal(put(1, 4, 1), WK_DENIED);
    bucket_heal(&bucket);
    assert_int_equal(lookup_in(store, 1, 4), 0);
    assert_int_equal(stat_of(store, "ram_entries"), 0);
    assert_int_equal(version_of(store, 3), -1);
    assert_int_equal(version_of(store, 1), 1); /* stored all the same, and found by asking */
}

static void a_failed_overwrite_is_not_served_from_memory(void **state) { /* CONS-4 */
    (void)state;
    assert_int_equal(put(1, 2, 1), WK_OK);
    /* It took effect, but nobody said so. */
    bucket_fail(&bucket, WK_OBJECT_PUT, 3, WK_OBJECT_SERVER_ERROR, true, key_of("default", 2));
    assert_int_equal(put(1, 2, 2), WK_UNAVAILABLE);
    assert_int_equal(stat_of(store, "ram_entries"), 0);
    assert_int_equal(lookup_in(store, 1, 2), 2); /* one or the other is there */
    assert_int_equal(version_of(store, 1), 2);
    assert_int_equal(version_of(store, 2), 2);
}

static void the_error_names_the_block(void **state) { /* CONS-4 */
    (void)state;
    struct wk_error err;
    struct wk_block_hash h = hash_of(1);
    struct wk_span p = wk_span_text("payload");
    wk_error_clear(&err);
    bucket_fail(&bucket, WK_OBJECT_PUT, 1, WK_OBJECT_INVALID, false, NULL);
    assert_int_equal(store->ops->put(store, ns_default, &h, &p, 1, &err), WK_INVALID);
    assert_memory_equal(err.text, "put_kv wombatkv/v1/block/b3=", 28);
    assert_non_null(strstr(err.text, ": object store error: a fault of the test"));
}

/* ---- dedupe ---- */

static void an_unchanged_block_is_confirmed_by_head_and_not_sent(void **state) { /* CONS-12 */
    (void)state;
    assert_int_equal(put(1, 3, 1), WK_OK);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_PUT), 3);
    assert_int_equal(put(1, 3, 1), WK_OK);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_PUT), 3);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 3);
    assert_int_equal(put(1, 3, 2), WK_OK); /* other bytes */
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_PUT), 6);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 3);
}

static void what_others_deleted_or_replaced_is_sent_again(void **state) { /* CONS-12 */
    (void)state;
    assert_int_equal(put(1, 3, 1), WK_OK);
    bucket_delete(&bucket, key_of("default", 1));
    bucket_write(&bucket, key_of("default", 2), "other", 5);
    assert_int_equal(put(1, 3, 1), WK_OK);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_PUT), 5);
    forget_memory();
    assert_int_equal(version_of(store, 1), 1);
    assert_int_equal(version_of(store, 2), 1);
}

static void an_unknown_outcome_leaves_nothing_to_dedupe_by(void **state) { /* CONS-12 */
    (void)state;
    assert_int_equal(put(1, 1, 1), WK_OK);
    bucket_fail(&bucket, WK_OBJECT_PUT, 100, WK_OBJECT_TIMEOUT, true, NULL);
    assert_int_equal(put(1, 1, 2), WK_TIMEOUT);
    bucket_heal(&bucket);
    uint64_t puts = bucket_requests(&bucket, WK_OBJECT_PUT);
    uint64_t heads = bucket_requests(&bucket, WK_OBJECT_HEAD);
    assert_int_equal(put(1, 1, 1), WK_OK);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_PUT), puts + 1);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), heads);
    forget_memory();
    assert_int_equal(version_of(store, 1), 1);
}

static void without_etags_every_block_is_sent(void **state) { /* CONS-12 */
    (void)state;
    struct wk_store_config config = store_config(&bucket, WK_OBJECTS_HEAD | WK_OBJECTS_CONCURRENT);
    reopen(&config);
    assert_int_equal(put(1, 2, 1), WK_OK);
    assert_int_equal(put(1, 2, 1), WK_OK);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_PUT), 4);
}

/* ---- retries and deadlines ---- */

static void what_may_pass_is_tried_again_and_the_rest_is_not(void **state) { /* STORE-11 */
    (void)state;
    const struct {
        enum wk_object_class class;
        uint32_t requests;
        enum wk_status status;
    } cases[] = {
        {WK_OBJECT_THROTTLED, 3, WK_OK},  {WK_OBJECT_SERVER_ERROR, 3, WK_OK},
        {WK_OBJECT_TIMEOUT, 3, WK_OK},    {WK_OBJECT_CONFLICT, 3, WK_OK},
        {WK_OBJECT_DENIED, 1, WK_DENIED}, {WK_OBJECT_INVALID, 1, WK_INVALID},
        {WK_OBJECT_ABSENT, 1, WK_MISS},   {WK_OBJECT_PRECONDITION_FAILED, 1, WK_CONFLICT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wk_block_result r;
        assert_int_equal(put(1, 1, 1), WK_OK);
        forget_memory();
        uint64_t before = bucket_requests(&bucket, WK_OBJECT_GET);
        bucket_fail(&bucket, WK_OBJECT_GET, 2, cases[i].class, false, NULL);
        enum wk_status status = get_from(store, 1, 1, WK_FOREVER, &r);
        assert_int_equal(status, cases[i].status);
        assert_int_equal(bucket_requests(&bucket, WK_OBJECT_GET) - before, cases[i].requests);
        if (status == WK_OK)
            store->ops->release(store, &r, 1);
        bucket_heal(&bucket);
    }
}

static uint64_t get_takes_ns(uint64_t deadline_ns, enum wk_status expected) {
    struct wk_block_result r;
    uint64_t before = wk_now_ns(&world.env);
    if (deadline_ns != WK_FOREVER)
        deadline_ns += before;
    assert_int_equal(get_from(store, 1, 1, deadline_ns, &r), expected);
    return wk_now_ns(&world.env) - before;
}

static void tries_end_with_their_number_and_with_the_deadline(void **state) {
    (void)state; /* CONS-8 STORE-11 */
    world.alone = true;
    bucket_fail(&bucket, WK_OBJECT_GET, 10000, WK_OBJECT_THROTTLED, false, NULL);
    get_takes_ns(WK_FOREVER, WK_UNAVAILABLE);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_GET), 3);
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.retries = 1000;
    reopen(&config);
    /* The clock of this world moves by sleeping, so these are not measurements. */
    uint64_t took = get_takes_ns(500 * WK_NS_PER_MS, WK_UNAVAILABLE);
    assert_true(took < WK_NS_PER_S);
    assert_true(bucket_requests(&bucket, WK_OBJECT_GET) < 20); /* the pauses grow */
    took = get_takes_ns(WK_FOREVER, WK_UNAVAILABLE);
    assert_true(took < 40 * WK_NS_PER_S);
    bucket_fail(&bucket, WK_OBJECT_PUT, 10000, WK_OBJECT_THROTTLED, false, NULL);
    uint64_t before = wk_now_ns(&world.env);
    assert_int_equal(put(1, 1, 1), WK_UNAVAILABLE);
    took = wk_now_ns(&world.env) - before;
    assert_true(took < 40 * WK_NS_PER_S);
}

static void a_body_that_announces_more_gets_more_time(void **state) { /* CONS-8 */
    (void)state;
    const size_t size = 20u << 20;
    uint8_t *bytes = calloc(1, size);
    assert_non_null(bytes);
    struct wk_block_result r;
    bucket_write(&bucket, key_of("default", 1), bytes, size);
    bucket_fail(&bucket, WK_OBJECT_GET, 1, WK_OBJECT_TIMEOUT, true, NULL);
    uint64_t before = wk_now_ns(&world.env);
    assert_int_equal(get_from(store, 1, 1, WK_FOREVER, &r), WK_OK);
    store->ops->release(store, &r, 1);
    assert_true(bucket.last_deadline_ns >= before + 49 * WK_NS_PER_S);
    uint64_t end = wk_now_ns(&world.env);
    bucket_fail(&bucket, WK_OBJECT_GET, 1, WK_OBJECT_TIMEOUT, true, NULL);
    bucket_write(&bucket, key_of("default", 2), bytes, size);
    assert_int_equal(get_from(store, 2, 1, end + WK_NS_PER_S, &r), WK_OK);
    store->ops->release(store, &r, 1);
    assert_int_equal(bucket.last_deadline_ns, end + WK_NS_PER_S); /* the caller's own is kept */
    free(bytes);
}

/* ---- lookup ---- */

static void lookup_finds_what_another_process_put(void **state) { /* CONS-3 CONS-13 */
    (void)state;
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.lookup_probe_ns = 10 * WK_NS_PER_S;
    struct wk_backend *other = store_open(&world, &config);
    assert_int_equal(put(1, 60, 1), WK_OK);
    assert_int_equal(lookup_in(other, 1, 62), 60);
    uint64_t heads = bucket_requests(&bucket, WK_OBJECT_HEAD);
    assert_true(heads <= 62);
    assert_int_equal(lookup_in(other, 1, 60), 60); /* known now */
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), heads);
    assert_int_equal(version_of(other, 60), 1);
    other->ops->close(other);
}

static void a_probe_never_reports_across_a_hole(void **state) { /* CONS-5 CONS-13 */
    (void)state;
    for (uint32_t hole = 1; hole < 30; hole++) {
        assert_int_equal(put(100 * hole + 1, 30, 1), WK_OK);
        bucket_delete(&bucket, key_of("default", 100 * hole + hole));
        struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
        config.lookup_probe_ns = 10 * WK_NS_PER_S;
        struct wk_backend *other = store_open(&world, &config);
        assert_int_equal(lookup_in(other, 100 * hole + 1, 30), hole - 1);
        assert_int_equal(lookup_in(other, 100 * hole + 1, 30), hole - 1);
        other->ops->close(other);
    }
}

static void an_absent_answer_lives_for_a_while_and_never_stops_a_get(void **state) {
    (void)state; /* CONS-13 */
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.lookup_probe_ns = 10 * WK_NS_PER_S;
    config.lookup_probe_ttl_ns = 100 * WK_NS_PER_S;
    reopen(&config);
    assert_int_equal(lookup_in(store, 1, 5), 0);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 1);
    config = store_config(&bucket, BUCKET_CAPS);
    struct wk_backend *other = store_open(&world, &config);
    assert_int_equal(put_to(other, 1, 5, 1), WK_OK);
    assert_int_equal(lookup_in(store, 1, 5), 0); /* within the time to live */
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 1);
    assert_int_equal(version_of(store, 2), 1);
    world_pass(&world, 101 * WK_NS_PER_S);
    assert_int_equal(lookup_in(store, 1, 5), 5);
    /* And what this process puts is seen at once. */
    assert_int_equal(lookup_in(store, 10, 1), 0);
    assert_int_equal(put(10, 1, 1), WK_OK);
    assert_int_equal(lookup_in(store, 10, 1), 1);
    other->ops->close(other);
}

static void a_failing_probe_never_fails_a_lookup_and_backs_off(void **state) { /* CONS-13 */
    (void)state;
    assert_int_equal(put(1, 2, 1), WK_OK);
    bucket_fail(&bucket, WK_OBJECT_HEAD, 1000, WK_OBJECT_SERVER_ERROR, false, NULL);
    assert_int_equal(lookup_in(store, 1, 5), 2);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 1); /* no repetition here */
    assert_int_equal(stat_of(store, "probe_failed"), 1);
    size_t asked = 0;
    for (int i = 0; i < 100; i++) { /* ten seconds: the pauses grow from a tenth of one */
        world_pass(&world, 100 * WK_NS_PER_MS);
        assert_int_equal(lookup_in(store, 1, 5), 2);
    }
    asked = bucket_requests(&bucket, WK_OBJECT_HEAD);
    assert_in_range(asked, 3, 14);
}

static void a_probe_asks_for_no_longer_than_it_may(void **state) { /* CONS-8 CONS-13 */
    (void)state;
    uint64_t before = wk_now_ns(&world.env);
    assert_int_equal(lookup_in(store, 1, 5), 0);
    uint64_t after = wk_now_ns(&world.env);
    assert_true(bucket.last_deadline_ns >= before);
    assert_true(bucket.last_deadline_ns <= after + 20 * WK_NS_PER_MS);
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.lookup_probe_ns = 0;
    reopen(&config);
    assert_int_equal(lookup_in(store, 1, 5), 0);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 1);
}

static void a_get_that_finds_less_repairs_the_index(void **state) { /* CONS-5 */
    (void)state;
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.ram_bytes = 0;
    config.lookup_probe_ns = 0;
    reopen(&config);
    assert_int_equal(put(1, 3, 1), WK_OK);
    bucket_delete(&bucket, key_of("default", 2));
    assert_int_equal(lookup_in(store, 1, 3), 3);
    assert_int_equal(version_of(store, 2), -1);
    assert_int_equal(lookup_in(store, 1, 3), 1);
}

/* ---- bootstrap ---- */

static void await_stat(const char *name, uint64_t value) {
    while (stat_of(store, name) != value)
        world.env.threads->yield(&world.env);
}

static void bootstrap_learns_what_is_stored(void **state) { /* CONS-14 */
    (void)state;
    assert_int_equal(put(1, 40, 1), WK_OK);
    bucket_write(&bucket, "kv/test/default/wombatkv/v1/block/b3=zz", "x", 1);
    bucket_write(&bucket, "kv/test/default/sub/wombatkv/v1/block/b3=00", "x", 1);
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS | WK_OBJECTS_LIST);
    config.lookup_probe_ns = 0;
    reopen(&config);
    await_stat("bootstrap_blocks", 40);
    assert_int_equal(stat_of(store, "index_present"), 40);
    assert_int_equal(lookup_in(store, 1, 40), 40);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 0);
}

static void bootstrap_does_not_bring_back_what_is_gone(void **state) { /* CONS-14 */
    (void)state;
    assert_int_equal(put(1, 3, 1), WK_OK);
    bucket_list_gate(&bucket, true);
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS | WK_OBJECTS_LIST);
    config.lookup_probe_ns = 0;
    reopen(&config);
    bucket_await_list(&bucket); /* the list has block 2; its answer is on its way */
    bucket_delete(&bucket, key_of("default", 2));
    assert_int_equal(version_of(store, 2), -1);
    assert_int_equal(put(3, 1, 2), WK_OK);
    bucket_list_gate(&bucket, false);
    await_stat("bootstrap_blocks", 1); /* 2 is gone, 3 is known from its put */
    assert_int_equal(lookup_in(store, 1, 3), 1);
    assert_int_equal(lookup_in(store, 3, 1), 1);
    assert_int_equal(version_of(store, 3), 2);
}

static void close_ends_the_background_at_once(void **state) { /* STORE-8 */
    (void)state;
    assert_int_equal(put(1, 3, 1), WK_OK);
    for (int i = 0; i < 20; i++) {
        struct wk_store_config config = store_config(&bucket, BUCKET_CAPS | WK_OBJECTS_LIST);
        config.scrub_interval_ns = 3600 * WK_NS_PER_S;
        reopen(&config);
    }
    world.no_threads = true; /* no bootstrap, no scrubber; everything else works */
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS | WK_OBJECTS_LIST);
    config.lookup_probe_ns = 10 * WK_NS_PER_S;
    config.scrub_interval_ns = 1;
    reopen(&config);
    assert_int_equal(lookup_in(store, 1, 3), 3);
}

/* ---- scrub ---- */

static void bytes_that_rot_in_memory_are_dropped(void **state) { /* STORE-12 */
    (void)state;
    struct wk_block_result r;
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    assert_int_equal(put(1, 1, 1), WK_OK);
    config.scrub_interval_ns = 300 * WK_NS_PER_MS;
    reopen(&config);
    assert_int_equal(get_from(store, 1, 1, WK_FOREVER, &r), WK_OK);
    uint8_t *rotten = (uint8_t *)(uintptr_t)r.bytes.data;
    rotten[77] ^= 4;
    await_stat("scrub_corrupt", 1);
    store->ops->release(store, &r, 1);
    assert_int_equal(version_of(store, 1), 1);
}

/* ---- everything at once ---- */

static wk_atomic_u32 failures;

static void storm(void *arg) {
    uint64_t x = 88172645463325252ull + (uintptr_t)arg;
    for (int i = 0; i < 150; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        uint32_t n = (uint32_t)(x >> 33) % 12;
        if (x % 5 == 0) {
            enum wk_status status = put(n, 3, (uint32_t)(x >> 50) % 10);
            if (status != WK_OK && status != WK_UNAVAILABLE && status != WK_DENIED)
                wk_atomic_add_u32(&failures, 1, WK_RELAXED, "test");
        } else if (x % 5 == 1) {
            lookup_in(store, n, 5);
        } else if (version_of(store, n) == -3) {
            wk_atomic_add_u32(&failures, 1, WK_RELAXED, "test");
        }
    }
}

static void a_hit_is_always_something_that_was_put(void **state) { /* CONS-1 */
    (void)state;
    struct wk_thread *threads[4];
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.ram_bytes = 150000; /* about half of the blocks */
    config.scrub_interval_ns = 100000;
    reopen(&config);
    bucket_fail(&bucket, WK_OBJECT_PUT, 20, WK_OBJECT_SERVER_ERROR, true, NULL);
    bucket_fail(&bucket, WK_OBJECT_GET, 20, WK_OBJECT_THROTTLED, false, NULL);
    bucket_fail(&bucket, WK_OBJECT_PUT, 20, WK_OBJECT_DENIED, false, NULL);
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(
            world.env.threads->start(&world.env, "storm", storm, (void *)i, &threads[i], NULL),
            WK_OK);
    for (uintptr_t i = 0; i < 4; i++)
        world.env.threads->join(&world.env, threads[i]);
    assert_int_equal(wk_atomic_load_u32(&failures, WK_RELAXED, "test"), 0);
    assert_int_equal(stat_of(store, "leases"), 0);
    assert_int_equal(stat_of(store, "flights"), 0);
    bucket_heal(&bucket);
    /* What memory serves is what the objects hold. */
    for (uint32_t n = 0; n < 14; n++) {
        int here = version_of(store, n);
        struct wk_store_config cold = store_config(&bucket, BUCKET_CAPS);
        struct wk_backend *other = store_open(&world, &cold);
        assert_int_equal(here, version_of(other, n));
        other->ops->close(other);
    }
}

/* ---- two stores on one directory ---- */

static struct wk_backend *open_dir(const char *root) {
    char endpoint[256];
    struct wk_backend *b = NULL;
    wk_format(endpoint, sizeof endpoint, "file://%s", root);
    struct wk_objects_config where = {.endpoint = endpoint, .bucket = "b", .threads = 2};
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.objects->ops->close(config.objects);
    assert_int_equal(wk_dir_objects_open(&world.env, &where, &config.objects, NULL), WK_OK);
    config.lookup_probe_ns = 10 * WK_NS_PER_S; /* disks of test machines are slow at times */
    assert_int_equal(wk_store_open(&world.env, &config, &b, NULL), WK_OK);
    return b;
}

static const char tip[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void check_tail(struct wk_backend *b, const char *text) {
    struct wk_block_result r;
    assert_int_equal(b->ops->get_tail(b, ns_default, wk_span_text(tip), WK_FOREVER, &r, NULL),
                     WK_OK);
    assert_int_equal(r.bytes.size, strlen(text));
    assert_memory_equal(r.bytes.data, text, strlen(text));
    b->ops->release(b, &r, 1);
}

static void two_stores_share_one_directory(void **state) { /* CONS-3 */
    (void)state;
    char root[] = "/tmp/wk-store-XXXXXX";
    char command[64];
    assert_non_null(mkdtemp(root));
    struct wk_backend *a = open_dir(root);
    struct wk_backend *b = open_dir(root);
    assert_int_equal(put_to(a, 1, 10, 1), WK_OK);
    assert_int_equal(lookup_in(b, 1, 12), 10);
    for (uint32_t n = 1; n <= 10; n++)
        assert_int_equal(version_of(b, n), 1);
    assert_int_equal(put_to(b, 1, 10, 1), WK_OK);
    assert_int_equal(put_to(b, 5, 1, 4), WK_OK);
    assert_int_equal(version_of(b, 5), 4);
    assert_int_equal(a->ops->put_tail(a, ns_default, wk_span_text(tip), wk_span_text("one"), NULL),
                     WK_OK);
    check_tail(b, "one");
    assert_int_equal(a->ops->put_tail(a, ns_default, wk_span_text(tip), wk_span_text("two"), NULL),
                     WK_OK);
    world_pass(&world, 1001 * WK_NS_PER_MS);
    check_tail(b, "two");
    a->ops->close(a);
    b->ops->close(b);
    wk_format(command, sizeof command, "rm -rf %s", root);
    assert_int_equal(system(command), 0);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(concurrent_misses_are_fetched_once),
        STORE_TEST(those_who_join_share_a_miss_and_a_failure),
        STORE_TEST(who_joins_does_not_take_an_older_miss_for_its_own),
        STORE_TEST(who_joins_is_not_bound_to_the_deadline_of_the_leader),
        STORE_TEST(a_wait_for_another_flight_ends_at_the_own_deadline),
        STORE_TEST(a_fill_that_a_put_overtook_is_not_cached),
        STORE_TEST(a_fill_during_a_put_is_not_cached),
        STORE_TEST(a_flight_from_before_a_put_is_not_joined_after_it),
        STORE_TEST(an_absent_answer_from_before_a_put_does_not_unindex_it),
        STORE_TEST(puts_of_one_key_do_not_overlap),
        STORE_TEST(a_failed_put_leaves_no_trace_in_memory),
        STORE_TEST(a_failed_overwrite_is_not_served_from_memory),
        STORE_TEST(the_error_names_the_block),
        STORE_TEST(an_unchanged_block_is_confirmed_by_head_and_not_sent),
        STORE_TEST(what_others_deleted_or_replaced_is_sent_again),
        STORE_TEST(an_unknown_outcome_leaves_nothing_to_dedupe_by),
        STORE_TEST(without_etags_every_block_is_sent),
        STORE_TEST(what_may_pass_is_tried_again_and_the_rest_is_not),
        STORE_TEST(tries_end_with_their_number_and_with_the_deadline),
        STORE_TEST(a_body_that_announces_more_gets_more_time),
        STORE_TEST(lookup_finds_what_another_process_put),
        STORE_TEST(a_probe_never_reports_across_a_hole),
        STORE_TEST(an_absent_answer_lives_for_a_while_and_never_stops_a_get),
        STORE_TEST(a_failing_probe_never_fails_a_lookup_and_backs_off),
        STORE_TEST(a_probe_asks_for_no_longer_than_it_may),
        STORE_TEST(a_get_that_finds_less_repairs_the_index),
        STORE_TEST(bootstrap_learns_what_is_stored),
        STORE_TEST(bootstrap_does_not_bring_back_what_is_gone),
        STORE_TEST(close_ends_the_background_at_once),
        STORE_TEST(bytes_that_rot_in_memory_are_dropped),
        STORE_TEST(a_hit_is_always_something_that_was_put),
        STORE_TEST(two_stores_share_one_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
