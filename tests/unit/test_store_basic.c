/* SPDX-License-Identifier: Apache-2.0 */
/* The store over objects in memory: round trips, batches, leases, tails, damage, memory. */
#include "unit/cmocka_all.h"

#include "codec/object_key.h"
#include "store/arena.h"
#include "unit/world.h"

#define BLOCK 20000

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

static enum wk_status put_in(struct wk_backend *b, struct wk_span ns, uint32_t first, size_t count,
                             size_t size, uint32_t version) {
    struct wk_block_hash hashes[64];
    struct wk_span payloads[64];
    uint8_t *bytes = malloc(count * size + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_of(first + (uint32_t)i);
        fill_bytes(bytes + i * size, size, first + (uint32_t)i, version);
        payloads[i] = wk_span(bytes + i * size, size);
    }
    enum wk_status status = b->ops->put(b, ns, hashes, payloads, count, NULL);
    free(bytes);
    return status;
}

static enum wk_status put(uint32_t first, size_t count, uint32_t version) {
    return put_in(store, ns_default, first, count, BLOCK, version);
}

static enum wk_status get_in(struct wk_backend *b, struct wk_span ns, uint32_t first, size_t count,
                             enum wk_get_mode mode, struct wk_block_result *results) {
    struct wk_block_hash hashes[64];
    for (size_t i = 0; i < count; i++)
        hashes[i] = hash_of(first + (uint32_t)i);
    return b->ops->get(b, ns, hashes, count, mode, WK_FOREVER, results, NULL);
}

static enum wk_status get(uint32_t first, size_t count, struct wk_block_result *results) {
    return get_in(store, ns_default, first, count, WK_GET_ALL, results);
}

static size_t lookup_in(struct wk_backend *b, struct wk_span ns, uint32_t first, size_t count) {
    struct wk_block_hash hashes[64];
    size_t matched = 99;
    for (size_t i = 0; i < count; i++)
        hashes[i] = hash_of(first + (uint32_t)i);
    assert_int_equal(b->ops->lookup(b, ns, hashes, count, &matched, NULL), WK_OK);
    return matched;
}

static void check_block(const struct wk_block_result *r, uint32_t n, size_t size,
                        uint32_t version) {
    uint8_t *expected = malloc(size + 1);
    assert_non_null(expected);
    fill_bytes(expected, size, n, version);
    assert_int_equal(r->status, WK_OK);
    assert_int_equal(r->bytes.size, size);
    assert_memory_equal(r->bytes.data, expected, size);
    assert_int_equal(r->crc32c, wk_crc32c(expected, size));
    free(expected);
}

static void release(struct wk_block_result *results, size_t count) {
    store->ops->release(store, results, count);
}

/* Nothing in memory: a store of its own over the same bucket. */
static void forget_memory(void) {
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    reopen(&config);
}

/* ---- round trips ---- */

static void what_is_put_is_got_back(void **state) { /* CONS-1 CONS-2 */
    (void)state;
    struct wk_block_result r[16];
    assert_int_equal(put(1, 16, 0), WK_OK);
    assert_int_equal(lookup_in(store, ns_default, 1, 16), 16);
    assert_int_equal(get(1, 16, r), WK_OK);
    for (uint32_t i = 0; i < 16; i++) {
        assert_int_equal(r[i].tier, WK_TIER_RAM);
        check_block(&r[i], 1 + i, BLOCK, 0);
    }
    release(r, 16);
    forget_memory();
    assert_int_equal(get(1, 16, r), WK_OK);
    for (uint32_t i = 0; i < 16; i++) {
        assert_int_equal(r[i].tier, WK_TIER_OBJECT);
        check_block(&r[i], 1 + i, BLOCK, 0);
    }
    release(r, 16);
    assert_int_equal(stat_of(store, "leases"), 0);
    assert_int_equal(stat_of(store, "leased_bytes"), 0);
}

static void sizes_from_nothing_to_large_come_back(void **state) { /* CONS-1 STORE-2 */
    (void)state;
    const size_t sizes[] = {0, 1, 9, 10, 1024, 65536, 3000000, 20000000};
    struct wk_block_result r[1];
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(put_in(store, ns_default, i, 1, sizes[i], 0), WK_OK);
        assert_int_equal(get(i, 1, r), WK_OK);
        check_block(r, i, sizes[i], 0);
        release(r, 1);
    }
    forget_memory();
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(get(i, 1, r), WK_OK);
        check_block(r, i, sizes[i], 0);
        release(r, 1);
    }
    assert_int_equal(stat_of(store, "overflow_bytes"), 0);
}

static void compressible_and_wrapped_looking_payloads_come_back(void **state) { /* CONS-1 */
    (void)state;
    const uint32_t caps[] = {BUCKET_CAPS, BUCKET_CAPS & ~(uint32_t)WK_OBJECTS_CHECKSUM};
    uint8_t payload[30000];
    memset(payload, 'a', sizeof payload);
    memcpy(payload, "WBZ1\x01\x03\xff\xff\xff\xff", 10);
    for (uint32_t i = 0; i < 2; i++) {
        for (int level = 0; level <= 3; level += 3) {
            struct wk_store_config config = store_config(&bucket, caps[i]);
            config.compress_level = level;
            reopen(&config);
            struct wk_block_hash h = hash_of(7);
            struct wk_span p = wk_span(payload, sizeof payload);
            struct wk_block_result r;
            assert_int_equal(store->ops->put(store, ns_default, &h, &p, 1, NULL), WK_OK);
            config = store_config(&bucket, caps[i]);
            reopen(&config);
            assert_int_equal(get(7, 1, &r), WK_OK);
            assert_int_equal(r.bytes.size, sizeof payload);
            assert_memory_equal(r.bytes.data, payload, sizeof payload);
            release(&r, 1);
        }
    }
}

static void where_objects_carry_no_checksum_every_body_does(void **state) { /* STORE-9 */
    (void)state;
    struct wk_store_config config =
        store_config(&bucket, BUCKET_CAPS & ~(uint32_t)WK_OBJECTS_CHECKSUM);
    struct wk_block_result r[4];
    reopen(&config);
    assert_int_equal(put(1, 4, 0), WK_OK);
    for (uint32_t i = 1; i < 5; i++) {
        const struct stored *o = bucket_find(&bucket, key_of("default", i));
        assert_memory_equal(o->body, "WBZ1", 4);
    }
    config = store_config(&bucket, BUCKET_CAPS & ~(uint32_t)WK_OBJECTS_CHECKSUM);
    reopen(&config);
    assert_int_equal(get(1, 4, r), WK_OK);
    check_block(&r[3], 4, BLOCK, 0);
    release(r, 4);
    assert_int_equal(stat_of(store, "unverified"), 0);
}

static void a_block_twice_in_one_batch_is_the_last_one(void **state) { /* CONS-2 */
    (void)state;
    uint8_t a[1000];
    uint8_t b[1200];
    fill_bytes(a, sizeof a, 1, 0);
    fill_bytes(b, sizeof b, 1, 1);
    struct wk_block_hash h[3] = {hash_of(1), hash_of(2), hash_of(1)};
    struct wk_span p[3] = {wk_span(a, sizeof a), wk_span(a, sizeof a), wk_span(b, sizeof b)};
    struct wk_block_result r[3];
    assert_int_equal(store->ops->put(store, ns_default, h, p, 3, NULL), WK_OK);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_PUT), 2);
    assert_int_equal(store->ops->get(store, ns_default, h, 3, WK_GET_ALL, WK_FOREVER, r, NULL),
                     WK_OK);
    check_block(&r[0], 1, sizeof b, 1);
    check_block(&r[2], 1, sizeof b, 1);
    release(r, 3);
    forget_memory();
    assert_int_equal(store->ops->get(store, ns_default, h, 3, WK_GET_ALL, WK_FOREVER, r, NULL),
                     WK_OK);
    check_block(&r[0], 1, sizeof b, 1);
    check_block(&r[2], 1, sizeof b, 1);
    release(r, 3);
}

static void an_overwrite_is_seen(void **state) { /* CONS-2 */
    (void)state;
    struct wk_block_result r[2];
    assert_int_equal(put(1, 2, 0), WK_OK);
    assert_int_equal(put(1, 2, 1), WK_OK);
    assert_int_equal(get(1, 2, r), WK_OK);
    check_block(&r[0], 1, BLOCK, 1);
    release(r, 2);
    forget_memory();
    assert_int_equal(get(1, 2, r), WK_OK);
    check_block(&r[1], 2, BLOCK, 1);
    release(r, 2);
}

/* ---- batches ---- */

static void all_or_nothing_keeps_nothing_pinned_on_a_miss(void **state) { /* CONS-6 */
    (void)state;
    struct wk_block_result r[6];
    assert_int_equal(put(1, 5, 0), WK_OK);
    bucket_delete(&bucket, key_of("default", 3));
    forget_memory();
    assert_int_equal(get(1, 6, r), WK_MISS);
    for (int i = 0; i < 6; i++) {
        assert_null(r[i].pin);
        assert_null(r[i].bytes.data);
    }
    assert_int_equal(stat_of(store, "leases"), 0);
    release(r, 6); /* nothing to release; harmless */
}

static void partial_reports_each_block(void **state) { /* CONS-6 */
    (void)state;
    struct wk_block_result r[6];
    assert_int_equal(put(1, 5, 0), WK_OK);
    bucket_delete(&bucket, key_of("default", 3));
    forget_memory();
    bucket_fail(&bucket, WK_OBJECT_GET, 100, WK_OBJECT_DENIED, false, key_of("default", 2));
    assert_int_equal(get_in(store, ns_default, 1, 6, WK_GET_PARTIAL, r), WK_OK);
    check_block(&r[0], 1, BLOCK, 0);
    assert_int_equal(r[1].status, WK_DENIED);
    assert_int_equal(r[2].status, WK_MISS);
    check_block(&r[3], 4, BLOCK, 0);
    check_block(&r[4], 5, BLOCK, 0);
    assert_int_equal(r[5].status, WK_MISS);
    assert_int_equal(stat_of(store, "leases"), 3);
    release(r, 6);
    assert_int_equal(stat_of(store, "leases"), 0);
}

static void a_failure_is_told_apart_from_a_miss(void **state) { /* CONS-6 */
    (void)state;
    struct wk_block_hash h[2] = {hash_of(1), hash_of(2)};
    struct wk_block_result r[2];
    struct wk_error err;
    wk_error_clear(&err);
    assert_int_equal(put(1, 2, 0), WK_OK);
    forget_memory();
    bucket_fail(&bucket, WK_OBJECT_GET, 100, WK_OBJECT_SERVER_ERROR, false, key_of("default", 2));
    assert_int_equal(store->ops->get(store, ns_default, h, 2, WK_GET_ALL, WK_FOREVER, r, &err),
                     WK_UNAVAILABLE);
    assert_non_null(strstr(err.text, "object store error"));
    assert_null(r[0].pin);
    assert_null(r[1].pin);
}

static void many_blocks_in_one_call(void **state) { /* CONS-6 STORE-2 */
    (void)state;
    enum { N = 300 };
    static struct wk_block_hash h[N];
    static struct wk_span p[N];
    static struct wk_block_result r[N];
    uint8_t *bytes = malloc(N * (size_t)BLOCK);
    assert_non_null(bytes);
    for (uint32_t i = 0; i < N; i++) {
        h[i] = hash_of(i);
        fill_bytes(bytes + i * (size_t)BLOCK, BLOCK, i, 0);
        p[i] = wk_span(bytes + i * (size_t)BLOCK, BLOCK);
    }
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.ram_bytes = 1u << 20; /* a sixth of it: the rest overflows while it is leased */
    reopen(&config);
    assert_int_equal(store->ops->put(store, ns_default, h, p, N, NULL), WK_OK);
    assert_int_equal(store->ops->get(store, ns_default, h, N, WK_GET_ALL, WK_FOREVER, r, NULL),
                     WK_OK);
    for (uint32_t i = 0; i < N; i++)
        check_block(&r[i], i, BLOCK, 0);
    assert_true(stat_of(store, "overflow_bytes") > 0);
    assert_true(wk_atomic_load_u64(&world.peak[WK_MEM_ARENA], WK_RELAXED, "test") <= 8u << 20);
    release(r, N);
    assert_int_equal(stat_of(store, "overflow_bytes"), 0);
    assert_true(wk_atomic_load_u64(&world.live[WK_MEM_ARENA], WK_RELAXED, "test") <=
                (1u << 20) + WK_ARENA_FIXED_BYTES);
    free(bytes);
}

/* ---- leases ---- */

static void a_lease_outlives_overwrite_eviction_and_close(void **state) { /* STORE-7 STORE-8 */
    (void)state;
    struct wk_block_result r[1];
    struct wk_block_result other[1];
    assert_int_equal(put(1, 1, 0), WK_OK);
    assert_int_equal(get(1, 1, r), WK_OK);
    assert_int_equal(put(1, 1, 1), WK_OK);
    check_block(r, 1, BLOCK, 0);
    for (uint32_t n = 100; n < 700; n += 50)
        assert_int_equal(put(n, 50, 0), WK_OK);
    check_block(r, 1, BLOCK, 0);
    assert_int_equal(get(1, 1, other), WK_OK);
    check_block(other, 1, BLOCK, 1);
    struct wk_backend *closed = store;
    store->ops->close(store);
    store = NULL;
    check_block(r, 1, BLOCK, 0);
    check_block(other, 1, BLOCK, 1);
    closed->ops->release(closed, r, 1);
    check_block(other, 1, BLOCK, 1);
    assert_true(world_live(&world) > 0);
    closed->ops->release(closed, other, 1);
    assert_int_equal(world_live(&world), 0);
}

/* ---- namespaces ---- */

static void namespaces_never_meet(void **state) { /* CONS-7 */
    (void)state;
    struct wk_block_result r[3];
    const struct wk_span other = wk_span_text("other");
    assert_int_equal(put(1, 3, 0), WK_OK);
    assert_int_equal(lookup_in(store, other, 1, 3), 0);
    assert_int_equal(get_in(store, other, 1, 3, WK_GET_ALL, r), WK_MISS);
    assert_int_equal(put_in(store, other, 1, 1, BLOCK, 9), WK_OK);
    assert_int_equal(get(1, 1, r), WK_OK);
    check_block(r, 1, BLOCK, 0);
    release(r, 1);
    assert_int_equal(get_in(store, other, 1, 1, WK_GET_ALL, r), WK_OK);
    check_block(r, 1, BLOCK, 9);
    release(r, 1);
    assert_int_equal(lookup_in(store, other, 1, 3), 1);
}

/* ---- damage ---- */

static void a_damaged_body_is_a_miss_and_leaves_the_index(void **state) { /* CONS-5 STORE-9 */
    (void)state;
    const uint32_t caps[] = {BUCKET_CAPS, BUCKET_CAPS & ~(uint32_t)WK_OBJECTS_CHECKSUM};
    for (uint32_t i = 0; i < 2; i++) {
        struct wk_store_config config = store_config(&bucket, caps[i]);
        config.lookup_probe_ns = 0;
        reopen(&config);
        struct wk_block_result r[2];
        assert_int_equal(put(1, 2, i), WK_OK);
        /* Out of RAM, still in the index. */
        for (uint32_t n = 1000; n < 1600; n += 50)
            assert_int_equal(put(n, 50, 0), WK_OK);
        assert_int_equal(lookup_in(store, ns_default, 1, 2), 2);
        bucket.flip_bodies = 1;
        assert_int_equal(get(1, 1, r), WK_MISS);
        assert_int_equal(stat_of(store, "corrupt"), 1);
        assert_int_equal(lookup_in(store, ns_default, 1, 2), 0);
        assert_int_equal(get(1, 1, r), WK_OK); /* a get asks the objects all the same */
        check_block(r, 1, BLOCK, i);
        release(r, 1);
        assert_int_equal(lookup_in(store, ns_default, 1, 2), 2);
    }
}

static void truncated_and_absurd_bodies_are_misses(void **state) { /* CONS-5 STORE-9 */
    (void)state;
    struct wk_block_result r[1];
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.compress_level = 3;
    reopen(&config);
    uint8_t payload[50000];
    memset(payload, 'x', sizeof payload);
    struct wk_block_hash h = hash_of(1);
    struct wk_span p = wk_span(payload, sizeof payload);
    assert_int_equal(store->ops->put(store, ns_default, &h, &p, 1, NULL), WK_OK);
    const struct stored *o = bucket_find(&bucket, key_of("default", 1));
    uint8_t body[4096];
    size_t size = o->size;
    assert_true(size < sizeof body);
    memcpy(body, o->body, size);
    for (size_t cut = 10; cut < size; cut += 3) {
        bucket_write(&bucket, key_of("default", 1), body, cut);
        forget_memory();
        assert_int_equal(get(1, 1, r), WK_MISS);
        assert_int_equal(stat_of(store, "leases"), 0);
    }
    bucket_write(&bucket, key_of("default", 1), "WBZ1\x01\x03\xff\xff\xff\xff....", 14);
    forget_memory();
    assert_int_equal(get(1, 1, r), WK_MISS);
    bucket_write(&bucket, key_of("default", 1), body, size);
    bucket.announce_absurd = true;
    assert_int_equal(get(1, 1, r), WK_MISS);
    bucket.announce_absurd = false;
    assert_int_equal(get(1, 1, r), WK_OK);
    release(r, 1);
}

static void a_foreign_body_without_checksum_is_served_and_counted(void **state) { /* STORE-9 */
    (void)state;
    struct wk_block_result r[1];
    struct wk_store_config config =
        store_config(&bucket, BUCKET_CAPS & ~(uint32_t)WK_OBJECTS_CHECKSUM);
    reopen(&config);
    bucket_write(&bucket, key_of("default", 1), "plain bytes", 11);
    assert_int_equal(get(1, 1, r), WK_OK);
    assert_memory_equal(r->bytes.data, "plain bytes", 11);
    release(r, 1);
    assert_int_equal(stat_of(store, "unverified"), 1);
}

static void a_payload_like_the_rest_of_a_cut_body_reads_back(void **state) { /* STORE-9 CONS-1 */
    (void)state;
    static const char *const payloads[] = {"", "W", "WBZ", "WBZ1", "WBZ1\x01\x03\x05"};
    struct wk_block_result r[1];
    for (uint32_t caps = 0; caps < 2; caps++) {
        uint32_t has = BUCKET_CAPS & ~(caps == 0 ? 0 : (uint32_t)WK_OBJECTS_CHECKSUM);
        struct wk_store_config config = store_config(&bucket, has);
        reopen(&config);
        for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
            struct wk_block_hash h = hash_of(1);
            struct wk_span p = wk_span_text(payloads[i]);
            assert_int_equal(store->ops->put(store, ns_default, &h, &p, 1, NULL), WK_OK);
            config = store_config(&bucket, has);
            reopen(&config);
            assert_int_equal(get(1, 1, r), WK_OK);
            assert_true(wk_span_equal(r->bytes, p));
            release(r, 1);
        }
    }
}

/* ---- what a handle states ---- */

static void a_block_of_another_model_is_a_miss(void **state) { /* STORE-10 */
    (void)state;
    struct wk_block_result r[2];
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    memset(config.reuse.model_digest.bytes, 7, WK_MODEL_DIGEST_BYTES);
    reopen(&config);
    assert_int_equal(put(1, 2, 0), WK_OK);
    assert_int_equal(get(1, 2, r), WK_OK);
    release(r, 2);
    config = store_config(&bucket, BUCKET_CAPS);
    memset(config.reuse.model_digest.bytes, 8, WK_MODEL_DIGEST_BYTES);
    reopen(&config);
    assert_int_equal(lookup_in(store, ns_default, 1, 2), 2); /* by HEAD: not known yet */
    assert_int_equal(get(1, 1, r), WK_MISS);
    assert_int_equal(stat_of(store, "miss_reuse"), 1);
    world_pass(&world, 5 * WK_NS_PER_S);
    assert_int_equal(lookup_in(store, ns_default, 1, 2), 0); /* the get has repaired it */
    assert_int_equal(put(1, 1, 5), WK_OK);
    assert_int_equal(get(1, 1, r), WK_OK);
    check_block(r, 1, BLOCK, 5);
    release(r, 1);
    /* Who states nothing may have all of them. */
    forget_memory();
    assert_int_equal(get(1, 2, r), WK_OK);
    check_block(&r[0], 1, BLOCK, 5);
    check_block(&r[1], 2, BLOCK, 0);
    release(r, 2);
}

/* ---- tails ---- */

static const char tip_text[65] = "0123456789abcdef0123456789ABCDEF/../-_~ !!..0123456789abcdef0123";

static void put_tail(struct wk_backend *b, const char *text) {
    assert_int_equal(
        b->ops->put_tail(b, ns_default, wk_span(tip_text, 64), wk_span_text(text), NULL), WK_OK);
}

static void expect_tail(struct wk_backend *b, const char *text, enum wk_tier tier) {
    struct wk_block_result r;
    assert_int_equal(b->ops->get_tail(b, ns_default, wk_span(tip_text, 64), WK_FOREVER, &r, NULL),
                     WK_OK);
    assert_int_equal(r.bytes.size, strlen(text));
    assert_memory_equal(r.bytes.data, text, strlen(text));
    assert_int_equal(r.tier, tier);
    b->ops->release(b, &r, 1);
}

static void a_tail_comes_back_and_is_overwritten(void **state) { /* CONS-2 */
    (void)state;
    struct wk_block_result r;
    assert_int_equal(
        store->ops->get_tail(store, ns_default, wk_span(tip_text, 64), WK_FOREVER, &r, NULL),
        WK_MISS);
    put_tail(store, "first");
    expect_tail(store, "first", WK_TIER_RAM);
    put_tail(store, "second");
    expect_tail(store, "second", WK_TIER_RAM);
    put_tail(store, "");
    expect_tail(store, "", WK_TIER_RAM);
    forget_memory();
    expect_tail(store, "", WK_TIER_OBJECT);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_PUT), 3);
}

static void a_tail_of_another_writer_is_seen_within_its_freshness(void **state) { /* CONS-3 */
    (void)state;
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    struct wk_backend *other = store_open(&world, &config);
    put_tail(store, "mine");
    expect_tail(other, "mine", WK_TIER_OBJECT);
    uint64_t gets = bucket_requests(&bucket, WK_OBJECT_GET);
    expect_tail(other, "mine", WK_TIER_RAM); /* young: unasked */
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_GET), gets);
    world_pass(&world, 1001 * WK_NS_PER_MS);
    expect_tail(other, "mine", WK_TIER_RAM); /* asked, not modified */
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_GET), gets + 1);
    assert_int_equal(bucket.not_modified, 1);
    expect_tail(other, "mine", WK_TIER_RAM); /* and young again */
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_GET), gets + 1);
    put_tail(store, "theirs");
    world_pass(&world, 1001 * WK_NS_PER_MS);
    expect_tail(other, "theirs", WK_TIER_OBJECT);
    other->ops->close(other);
}

static void a_deleted_tail_is_a_miss_within_its_freshness(void **state) { /* CONS-3 STORE-7 */
    (void)state;
    struct wk_block_result lease;
    struct wk_block_result r;
    struct wk_object_key key;
    put_tail(store, "soon gone");
    assert_int_equal(
        store->ops->get_tail(store, ns_default, wk_span(tip_text, 64), WK_FOREVER, &lease, NULL),
        WK_OK);
    assert_int_equal(wk_object_key_raw_tail(wk_span_text("kv/test"), ns_default,
                                            wk_span(tip_text, 64), &key, NULL),
                     WK_OK);
    bucket_delete(&bucket, key.text);
    world_pass(&world, 1001 * WK_NS_PER_MS);
    assert_int_equal(
        store->ops->get_tail(store, ns_default, wk_span(tip_text, 64), WK_FOREVER, &r, NULL),
        WK_MISS);
    assert_memory_equal(lease.bytes.data, "soon gone", 9);
    release(&lease, 1);
}

static void an_old_tail_is_not_served_when_it_cannot_be_revalidated(void **state) { /* CONS-3 */
    (void)state;
    struct wk_block_result r;
    put_tail(store, "old");
    world_pass(&world, 1001 * WK_NS_PER_MS);
    bucket_fail(&bucket, WK_OBJECT_GET, 100, WK_OBJECT_THROTTLED, false, NULL);
    assert_int_equal(
        store->ops->get_tail(store, ns_default, wk_span(tip_text, 64), WK_FOREVER, &r, NULL),
        WK_UNAVAILABLE);
    bucket_heal(&bucket);
    expect_tail(store, "old", WK_TIER_RAM);
}

static void without_etags_an_old_tail_is_fetched_anew(void **state) { /* CONS-3 */
    (void)state;
    struct wk_store_config config = store_config(&bucket, WK_OBJECTS_CONCURRENT);
    reopen(&config);
    put_tail(store, "plain");
    expect_tail(store, "plain", WK_TIER_RAM);
    world_pass(&world, 1001 * WK_NS_PER_MS);
    expect_tail(store, "plain", WK_TIER_OBJECT);
}

/* ---- contains, flush, stats ---- */

static void contains_tells_where_each_block_is(void **state) { /* CONS-5 */
    (void)state;
    struct wk_block_hash h[4];
    struct wk_block_result r[4];
    for (uint32_t i = 0; i < 4; i++)
        h[i] = hash_of(1 + i);
    assert_int_equal(put(2, 1, 0), WK_OK);
    bucket_write(&bucket, key_of("default", 3), "theirs", 6);
    assert_int_equal(store->ops->contains(store, ns_default, h, 4, WK_FOREVER, r, NULL), WK_OK);
    assert_int_equal(r[0].status, WK_MISS);
    assert_int_equal(r[1].status, WK_OK);
    assert_int_equal(r[1].tier, WK_TIER_RAM);
    assert_int_equal(r[1].bytes.size, BLOCK);
    assert_int_equal(r[2].status, WK_OK);
    assert_int_equal(r[2].tier, WK_TIER_OBJECT);
    assert_int_equal(r[3].status, WK_MISS);
    assert_null(r[1].pin);
    uint64_t pending = 7;
    assert_int_equal(store->ops->flush(store, 0, &pending, NULL), WK_OK);
    assert_int_equal(pending, 0);
}

static void contains_does_not_take_a_failure_for_a_miss(void **state) { /* CONS-5 ABI-12 */
    (void)state;
    struct wk_block_hash h[2] = {hash_of(1), hash_of(2)};
    struct wk_block_result r[2];
    struct wk_span elsewhere = wk_span_text("elsewhere"); /* no LIST tells of it */
    bucket_write(&bucket, key_of("elsewhere", 1), "theirs", 6);
    bucket_fail(&bucket, WK_OBJECT_HEAD, 2, WK_OBJECT_DENIED, false, NULL);
    assert_int_equal(store->ops->contains(store, elsewhere, h, 2, WK_FOREVER, r, NULL), WK_OK);
    assert_int_equal(r[0].status, WK_DENIED);
    assert_int_equal(r[1].status, WK_DENIED);
    assert_int_equal(store->ops->contains(store, elsewhere, h, 2, WK_FOREVER, r, NULL), WK_OK);
    assert_int_equal(r[0].status, WK_OK);
    assert_int_equal(r[1].status, WK_MISS);
}

static void statistics_that_do_not_fit_are_no_overrun(void **state) {
    (void)state;
    char room[100];
    for (size_t n = 0; n <= sizeof room; n++) {
        struct wk_writer w = wk_writer(room, n);
        wk_backend_stats_json(store, &w);
        assert_true(w.failed);
    }
}

/* ---- what calls cost ---- */

static void a_hit_allocates_nothing_and_asks_nobody(void **state) { /* STORE-13 */
    (void)state;
    struct wk_block_result r[16];
    assert_int_equal(put(1, 16, 0), WK_OK);
    uint64_t allocations = wk_atomic_load_u64(&world.allocations, WK_RELAXED, "test");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(get(1, 16, r), WK_OK);
        release(r, 16);
        assert_int_equal(lookup_in(store, ns_default, 1, 16), 16);
    }
    assert_int_equal(wk_atomic_load_u64(&world.allocations, WK_RELAXED, "test"), allocations);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_GET), 0);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 0);
}

static void a_cold_get_asks_once_per_block(void **state) { /* STORE-13 */
    (void)state;
    struct wk_block_result r[20];
    assert_int_equal(put(1, 16, 0), WK_OK);
    forget_memory();
    assert_int_equal(get_in(store, ns_default, 1, 20, WK_GET_PARTIAL, r), WK_OK);
    release(r, 20);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_GET), 20);
}

static void a_put_holds_a_bounded_part_of_its_bodies(void **state) { /* STORE-2 */
    (void)state;
    enum { N = 48, SIZE = 1u << 20 };
    struct wk_block_hash h[N];
    struct wk_span p[N];
    uint8_t *bytes = calloc(1, SIZE);
    assert_non_null(bytes);
    struct wk_store_config config =
        store_config(&bucket, BUCKET_CAPS & ~(uint32_t)WK_OBJECTS_CHECKSUM);
    reopen(&config);
    for (uint32_t i = 0; i < N; i++) {
        h[i] = hash_of(i);
        p[i] = wk_span(bytes, SIZE);
    }
    fill_bytes(bytes, SIZE, 1, 1); /* does not shrink, and is wrapped all the same */
    assert_int_equal(store->ops->put(store, ns_default, h, p, N, NULL), WK_OK);
    assert_true(wk_atomic_load_u64(&world.peak[WK_MEM_IO], WK_RELAXED, "test") <=
                (32u << 20) + (4u << 20));
    assert_true(wk_atomic_load_u64(&world.peak[WK_MEM_OVERFLOW], WK_RELAXED, "test") == 0);
    assert_int_equal(wk_atomic_load_u64(&world.live[WK_MEM_IO], WK_RELAXED, "test"), 0);
    free(bytes);
}

static void a_full_index_stores_and_serves_all_the_same(void **state) { /* STORE-14 */
    (void)state;
    struct wk_block_result r[20];
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.index_nodes_max = 5;
    config.lookup_probe_ns = 10 * WK_NS_PER_S;
    reopen(&config);
    assert_int_equal(put(1, 20, 0), WK_OK);
    assert_true(stat_of(store, "index_full") > 0);
    assert_int_equal(get(1, 20, r), WK_OK);
    check_block(&r[19], 20, BLOCK, 0);
    release(r, 20);
    assert_int_equal(lookup_in(store, ns_default, 1, 20), 20); /* the rest by HEAD */
}

/* ---- memory that fails ---- */

static bool stored_and_served(uint32_t version) {
    struct wk_block_result r[5];
    if (put(1, 5, version) != WK_OK)
        return false;
    if (get(1, 5, r) != WK_OK)
        return false;
    for (uint32_t i = 0; i < 5; i++)
        check_block(&r[i], 1 + i, BLOCK, version);
    release(r, 5);
    return true;
}

static void any_failed_allocation_is_no_leak_and_no_lost_lock(void **state) { /* STORE-6 */
    (void)state;
    for (uint64_t k = 1; k < 60; k++) {
        struct wk_block_result r[5];
        struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
        config.compress_level = (int)(k % 2) * 3;
        config.ram_bytes = k % 3 == 0 ? 0 : 1u << 20;
        reopen(&config);
        uint64_t now = wk_atomic_load_u64(&world.allocations, WK_RELAXED, "test");
        wk_atomic_store_u64(&world.fail_at, now + k, WK_RELAXED, "test");
        enum wk_status put_status = put(1, 5, (uint32_t)k);
        assert_true(put_status == WK_OK || put_status == WK_NO_MEMORY);
        struct wk_store_config again = store_config(&bucket, BUCKET_CAPS);
        again.ram_bytes = config.ram_bytes;
        wk_atomic_store_u64(&world.fail_at, 0, WK_RELAXED, "test");
        reopen(&again);
        assert_true(stored_and_served(1000));
        /* And the way from the objects. */
        again = store_config(&bucket, BUCKET_CAPS);
        again.ram_bytes = config.ram_bytes;
        reopen(&again);
        now = wk_atomic_load_u64(&world.allocations, WK_RELAXED, "test");
        wk_atomic_store_u64(&world.fail_at, now + k, WK_RELAXED, "test");
        enum wk_status status = get(1, 5, r);
        assert_true(status == WK_OK || status == WK_NO_MEMORY);
        wk_atomic_store_u64(&world.fail_at, 0, WK_RELAXED, "test");
        if (status == WK_OK) {
            for (uint32_t i = 0; i < 5; i++)
                check_block(&r[i], 1 + i, BLOCK, 1000);
            release(r, 5);
        }
        assert_int_equal(stat_of(store, "leases"), 0);
        assert_int_equal(stat_of(store, "flights"), 0);
        assert_true(stored_and_served(2000));
    }
}

static void an_open_that_fails_leaves_nothing(void **state) { /* STORE-6 */
    (void)state;
    bool opened = false;
    uint64_t before = world_live(&world);
    for (uint64_t k = 1; !opened; k++) {
        struct wk_backend *b = NULL;
        struct wk_store_config config = store_config(&bucket, BUCKET_CAPS | WK_OBJECTS_LIST);
        config.scrub_interval_ns = WK_NS_PER_S;
        uint64_t now = wk_atomic_load_u64(&world.allocations, WK_RELAXED, "test");
        wk_atomic_store_u64(&world.fail_at, now + k, WK_RELAXED, "test");
        enum wk_status status = wk_store_open(&world.env, &config, &b, NULL);
        assert_true(status == WK_OK || status == WK_NO_MEMORY);
        if (status == WK_OK)
            b->ops->close(b);
        assert_int_equal(world_live(&world), before);
        opened = wk_atomic_load_u64(&world.allocations, WK_RELAXED, "test") < now + k;
        assert_true(k < 1000);
    }
    wk_atomic_store_u64(&world.fail_at, 0, WK_RELAXED, "test");
}

static void an_invalid_prefix_is_refused(void **state) {
    (void)state;
    struct wk_backend *b = NULL;
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS);
    config.s3_prefix = "/kv";
    assert_int_equal(wk_store_open(&world.env, &config, &b, NULL), WK_INVALID);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(what_is_put_is_got_back),
        STORE_TEST(sizes_from_nothing_to_large_come_back),
        STORE_TEST(compressible_and_wrapped_looking_payloads_come_back),
        STORE_TEST(where_objects_carry_no_checksum_every_body_does),
        STORE_TEST(a_block_twice_in_one_batch_is_the_last_one),
        STORE_TEST(an_overwrite_is_seen),
        STORE_TEST(all_or_nothing_keeps_nothing_pinned_on_a_miss),
        STORE_TEST(partial_reports_each_block),
        STORE_TEST(a_failure_is_told_apart_from_a_miss),
        STORE_TEST(many_blocks_in_one_call),
        STORE_TEST(a_lease_outlives_overwrite_eviction_and_close),
        STORE_TEST(namespaces_never_meet),
        STORE_TEST(a_damaged_body_is_a_miss_and_leaves_the_index),
        STORE_TEST(truncated_and_absurd_bodies_are_misses),
        STORE_TEST(a_foreign_body_without_checksum_is_served_and_counted),
        STORE_TEST(a_payload_like_the_rest_of_a_cut_body_reads_back),
        STORE_TEST(a_block_of_another_model_is_a_miss),
        STORE_TEST(a_tail_comes_back_and_is_overwritten),
        STORE_TEST(a_tail_of_another_writer_is_seen_within_its_freshness),
        STORE_TEST(a_deleted_tail_is_a_miss_within_its_freshness),
        STORE_TEST(an_old_tail_is_not_served_when_it_cannot_be_revalidated),
        STORE_TEST(without_etags_an_old_tail_is_fetched_anew),
        STORE_TEST(contains_tells_where_each_block_is),
        STORE_TEST(contains_does_not_take_a_failure_for_a_miss),
        STORE_TEST(statistics_that_do_not_fit_are_no_overrun),
        STORE_TEST(a_hit_allocates_nothing_and_asks_nobody),
        STORE_TEST(a_cold_get_asks_once_per_block),
        STORE_TEST(a_put_holds_a_bounded_part_of_its_bodies),
        STORE_TEST(a_full_index_stores_and_serves_all_the_same),
        STORE_TEST(any_failed_allocation_is_no_leak_and_no_lost_lock),
        STORE_TEST(an_open_that_fails_leaves_nothing),
        STORE_TEST(an_invalid_prefix_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
