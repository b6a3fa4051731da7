/* SPDX-License-Identifier: Apache-2.0 */
/* What a daemon needs of the store: values, exists, list, clear, restore, ready, many namespaces.
 */
#include "unit/cmocka_all.h"

#include "unit/world.h"

static struct world world;
static struct bucket bucket;
static struct wk_backend *store;

#define BLOCK_KEY                                                                                  \
    "wombatkv/v1/block/b3=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define UPPER_KEY                                                                                  \
    "wombatkv/v1/block/b3=00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"
#define TIP      "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TAIL_KEY "wombatkv/v1/sidecar/raw_tail/b3=" TIP

static int set_up(void **state) {
    (void)state;
    world_init(&world);
    bucket_init(&bucket, world.real);
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS | WK_OBJECTS_LIST);
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

static void reopen(uint32_t caps) {
    struct wk_store_config config = store_config(&bucket, caps);
    store->ops->close(store);
    store = store_open(&world, &config);
}

static struct wk_span text(const char *t) {
    return wk_span_text(t);
}

static enum wk_status put(const char *ns, const char *key, const char *value) {
    return store->ops->put_value(store, text(ns), text(key), text(value), NULL);
}

static void value_is(const char *ns, const char *key, const char *value) {
    struct wk_block_result r;
    assert_int_equal(store->ops->get_value(store, text(ns), text(key), WK_FOREVER, &r, NULL),
                     WK_OK);
    assert_int_equal(r.bytes.size, strlen(value));
    assert_memory_equal(r.bytes.data, value, r.bytes.size);
    store->ops->release(store, &r, 1);
}

static enum wk_status value_status(const char *ns, const char *key) {
    struct wk_block_result r;
    enum wk_status status = store->ops->get_value(store, text(ns), text(key), WK_FOREVER, &r, NULL);
    if (status == WK_OK)
        store->ops->release(store, &r, 1);
    return status;
}

static enum wk_status exists(const char *ns, const char *key) {
    return store->ops->exists(store, text(ns), text(key), WK_FOREVER, NULL);
}

static uint64_t gets(void) {
    return bucket_requests(&bucket, WK_OBJECT_GET);
}

/* ---- values ---- */

static void values_are_overwritten_cached_and_revalidated(void **state) { /* CONS-16 */
    (void)state;
    assert_int_equal(value_status("ns", "k"), WK_MISS);
    assert_int_equal(exists("ns", "k"), WK_MISS);
    assert_int_equal(put("ns", "k", "one"), WK_OK);
    assert_true(bucket_has(&bucket, "kv/test/ns/k"));
    assert_int_equal(put("ns", "k", "two"), WK_OK);
    uint64_t before = gets();
    value_is("ns", "k", "two");
    assert_int_equal(exists("ns", "k"), WK_OK);
    assert_int_equal(gets(), before);
    world_pass(&world, 1001 * WK_NS_PER_MS);
    value_is("ns", "k", "two");
    assert_int_equal(bucket.not_modified, 1);
    world_pass(&world, 1001 * WK_NS_PER_MS);
    bucket_write(&bucket, "kv/test/ns/k", "theirs", 6);
    value_is("ns", "k", "theirs");
    assert_int_equal(put("ns", "", "x"), WK_INVALID);
    assert_int_equal(put("ns", "empty", ""), WK_OK);
    value_is("ns", "empty", "");
    assert_int_equal(stat_of(store, "index_present"), 0);
}

static void keys_of_blocks_and_tails_mean_these(void **state) { /* CONS-16, KEY-9 */
    (void)state;
    struct wk_block_hash hash;
    struct wk_block_result r;
    size_t matched;
    assert_true(wk_hex_decode(text(TIP), hash.bytes, NULL));
    assert_int_equal(put("ns", UPPER_KEY, "a block"), WK_OK);
    assert_true(bucket_has(&bucket, "kv/test/ns/" BLOCK_KEY));
    assert_int_equal(store->ops->lookup(store, text("ns"), &hash, 1, &matched, NULL), WK_OK);
    assert_int_equal(matched, 1);
    uint64_t before = gets();
    value_is("ns", BLOCK_KEY, "a block");
    value_is("ns", UPPER_KEY, "a block");
    assert_int_equal(exists("ns", UPPER_KEY), WK_OK);
    assert_int_equal(gets(), before);
    assert_int_equal(put("ns", TAIL_KEY, "a tail"), WK_OK);
    assert_int_equal(store->ops->get_tail(store, text("ns"), text(TIP), WK_FOREVER, &r, NULL),
                     WK_OK);
    assert_memory_equal(r.bytes.data, "a tail", 6);
    store->ops->release(store, &r, 1);
    assert_int_equal(store->ops->put_tail(store, text("ns"), text(TIP), text("a newer tail"), NULL),
                     WK_OK);
    value_is("ns", TAIL_KEY, "a newer tail");
    assert_int_equal(gets(), before);
    assert_int_equal(exists("other", TAIL_KEY), WK_MISS);
    assert_int_equal(exists("other", BLOCK_KEY), WK_MISS);
}

static void two_spellings_of_one_object_are_one_value(void **state) { /* KEY-8 */
    (void)state;
    assert_int_equal(put("a", "b/c", "one"), WK_OK);
    value_is("a/b", "c", "one");
    value_is("", "a/b/c", "one");
    assert_int_equal(put("a/b", "c", "two"), WK_OK);
    uint64_t before = gets();
    value_is("a", "b/c", "two");
    assert_int_equal(gets(), before);
}

static void names_that_cannot_be_are_refused(void **state) { /* KEY-7, KEY-8 */
    (void)state;
    static const char *const keys[] = {
        "",      "/a",    "a/",           "a//b",        ".",
        "..",    "a/.",   "../b",         "a\tb",        "\x7f",
        "a\xff", "a\xc3", "x/" BLOCK_KEY, "x/" TAIL_KEY, "a/wombatkv/v1/x"};
    static const char *const spaces[] = {"/",  "/a",   "a/",          "a//b",           "..",
                                         "\n", "\xff", "wombatkv/v1", "a/wombatkv/v1/b"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_int_equal(put("ns", keys[i], "x"), WK_INVALID);
        assert_int_equal(value_status("ns", keys[i]), WK_INVALID);
        assert_int_equal(exists("ns", keys[i]), WK_INVALID);
    }
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
        assert_int_equal(put(spaces[i], "b3=x", "x"), WK_INVALID);
    /* Each part is fine, but not what they spell together. */
    assert_int_equal(put("a/wombatkv", "v1/block/b3=" TIP, "x"), WK_INVALID);
    assert_int_equal(put("wombatkv", "v1/block/b3=" TIP, "x"), WK_INVALID);
    char longest[1025];
    memset(longest, 'k', sizeof longest);
    longest[1024 - strlen("kv/test/ns/")] = 0;
    assert_int_equal(put("ns", longest, "x"), WK_OK);
    assert_int_equal(put("ns2", longest, "x"), WK_INVALID);
    static const char *const fine[] = {"...", ".a", "a b", "wombatkv/v1/block/b3=zz", "wombatkv"};
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        assert_int_equal(put("ns", fine[i], "x"), WK_OK);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_PUT), 6);
}

static void exists_asks_and_says_when_it_does_not_know(void **state) { /* CONS-16 */
    (void)state;
    bucket_write(&bucket, "kv/test/ns/k", "x", 1);
    uint64_t before = gets();
    assert_int_equal(exists("ns", "k"), WK_OK);
    assert_int_equal(gets(), before);
    bucket_fail(&bucket, WK_OBJECT_HEAD, 9, WK_OBJECT_DENIED, false, NULL);
    assert_int_equal(exists("ns", "k"), WK_DENIED);
    assert_int_equal(exists("ns", BLOCK_KEY), WK_DENIED);
    bucket_heal(&bucket);
    reopen(WK_OBJECTS_CONCURRENT); /* no HEAD: it is read */
    assert_int_equal(exists("ns", "k"), WK_OK);
    assert_int_equal(exists("ns", "none"), WK_MISS);
}

/* ---- list ---- */

struct listed {
    char keys[16][200];
    size_t count;
    size_t most;
};

static bool list_key(void *ctx, struct wk_span key) {
    struct listed *l = ctx;
    wk_format(l->keys[l->count++], 200, "%.*s", (int)key.size, (const char *)key.data);
    return l->count < l->most;
}

static bool has_key(const struct listed *l, const char *key) {
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->keys[i], key) == 0)
            return true;
    return false;
}

static void list_gives_relative_keys_until_told_to_stop(void **state) { /* CONS-17 */
    (void)state;
    struct listed l = {.most = 16};
    assert_int_equal(put("ns", "k", "x"), WK_OK);
    assert_int_equal(put("ns", BLOCK_KEY, "x"), WK_OK);
    assert_int_equal(put("ns", TAIL_KEY, "x"), WK_OK);
    assert_int_equal(put("ns2", "k2", "x"), WK_OK);
    assert_int_equal(store->ops->list(store, text("ns"), list_key, &l, WK_FOREVER, NULL), WK_OK);
    assert_int_equal(l.count, 3);
    assert_true(has_key(&l, "k") && has_key(&l, BLOCK_KEY) && has_key(&l, TAIL_KEY));
    l = (struct listed){.most = 16};
    assert_int_equal(store->ops->list(store, text(""), list_key, &l, WK_FOREVER, NULL), WK_OK);
    assert_int_equal(l.count, 4);
    assert_true(has_key(&l, "ns2/k2"));
    bucket.list_cuts = 1;
    assert_int_equal(store->ops->list(store, text("ns"), list_key, &l, WK_FOREVER, NULL),
                     WK_UNAVAILABLE);
    assert_int_equal(store->ops->list(store, text("a//b"), list_key, &l, WK_FOREVER, NULL),
                     WK_INVALID);
    reopen(BUCKET_CAPS);
    assert_int_equal(store->ops->list(store, text("ns"), list_key, &l, WK_FOREVER, NULL),
                     WK_UNAVAILABLE);
}

/* ---- clear ---- */

static void after_clear_a_get_asks_the_objects(void **state) { /* CONS-18 */
    (void)state;
    struct wk_block_result leased;
    struct wk_block_hash hash;
    size_t matched;
    assert_true(wk_hex_decode(text(TIP), hash.bytes, NULL));
    assert_int_equal(put("ns", BLOCK_KEY, "a block"), WK_OK);
    assert_int_equal(put("ns", "k", "a value"), WK_OK);
    uint64_t before = gets();
    assert_int_equal(
        store->ops->get_value(store, text("ns"), text(BLOCK_KEY), WK_FOREVER, &leased, NULL),
        WK_OK);
    store->ops->clear(store);
    assert_int_equal(stat_of(store, "ram_entries"), 0);
    assert_int_equal(stat_of(store, "cleared"), 2);
    assert_memory_equal(leased.bytes.data, "a block", 7);
    store->ops->release(store, &leased, 1);
    assert_int_equal(stat_of(store, "ram_used_bytes"), 0);
    assert_int_equal(store->ops->lookup(store, text("ns"), &hash, 1, &matched, NULL), WK_OK);
    assert_int_equal(matched, 1);
    assert_int_equal(gets(), before);
    value_is("ns", BLOCK_KEY, "a block");
    value_is("ns", "k", "a value");
    assert_int_equal(gets(), before + 2);
}

static void get_value_k(void *arg) {
    (void)arg;
    value_is("ns", "k", "old");
}

static void what_was_on_its_way_is_not_cached_by_a_clear(void **state) { /* CONS-18 */
    (void)state;
    struct wk_thread *thread;
    bucket_write(&bucket, "kv/test/ns/k", "old", 3);
    bucket_gate(&bucket, WK_OBJECT_GET);
    assert_int_equal(world.env.threads->start(&world.env, "get", get_value_k, NULL, &thread, NULL),
                     WK_OK);
    bucket_await_parked(&bucket, 1);
    bucket_write(&bucket, "kv/test/ns/k", "new", 3);
    store->ops->clear(store);
    bucket_gate(&bucket, BUCKET_ANY);
    world.env.threads->join(&world.env, thread);
    value_is("ns", "k", "new");
}

/* ---- restore ---- */

static uint64_t restore(const char *ns) {
    uint64_t count = 99;
    assert_int_equal(store->ops->restore(store, text(ns), WK_FOREVER, &count, NULL), WK_OK);
    return count;
}

static void write_blocks(uint32_t count, size_t size) {
    uint8_t *bytes = malloc(size);
    for (uint32_t i = 0; i < count; i++) {
        fill_bytes(bytes, size, i, 1);
        bucket_write(&bucket, key_of("default", i), bytes, size);
    }
    free(bytes);
}

static void restore_brings_the_blocks_of_a_namespace(void **state) { /* CONS-19 */
    (void)state;
    write_blocks(30, 1000);
    bucket_write(&bucket, "kv/test/default/value", "x", 1);
    bucket_write(&bucket, "kv/test/default/sub/" BLOCK_KEY, "x", 1);
    reopen(BUCKET_CAPS | WK_OBJECTS_LIST);
    assert_int_equal(restore("default"), 30);
    assert_int_equal(stat_of(store, "ram_entries"), 30);
    uint64_t before = gets();
    assert_int_equal(restore("default"), 30);
    assert_int_equal(gets(), before);
    assert_int_equal(restore("default/sub"), 1);
    assert_int_equal(restore("nobody"), 0);
    bucket.list_cuts = 1;
    uint64_t count = 99;
    assert_int_equal(store->ops->restore(store, text("default"), WK_FOREVER, &count, NULL),
                     WK_UNAVAILABLE);
    assert_int_equal(count, 99);
}

static void restore_stops_at_the_budget(void **state) { /* CONS-19 */
    (void)state;
    write_blocks(100, 20000);
    struct wk_store_config config = store_config(&bucket, BUCKET_CAPS | WK_OBJECTS_LIST);
    config.ram_bytes = 400000;
    store->ops->close(store);
    store = store_open(&world, &config);
    uint64_t count = restore("default");
    assert_in_range(count, 15, 28);
    assert_true(gets() <= 28);
}

/* ---- ready ---- */

static void ready_tells_the_last_outcome_or_asks(void **state) { /* CONS-20 */
    (void)state;
    struct wk_error err;
    reopen(BUCKET_CAPS);
    assert_int_equal(store->ops->ready(store, WK_FOREVER, &err), WK_OK);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 1);
    assert_int_equal(value_status("ns", "k"), WK_MISS); /* an answer */
    assert_int_equal(store->ops->ready(store, WK_FOREVER, &err), WK_OK);
    assert_int_equal(bucket_requests(&bucket, WK_OBJECT_HEAD), 1);
    world_pass(&world, 6 * WK_NS_PER_S);
    bucket_fail(&bucket, BUCKET_ANY, 100, WK_OBJECT_DENIED, false, NULL);
    assert_int_equal(store->ops->ready(store, WK_FOREVER, &err), WK_DENIED);
    assert_true(err.length > 0);
    assert_int_equal(store->ops->ready(store, WK_FOREVER, &err), WK_DENIED);
    bucket_heal(&bucket);
    assert_int_equal(store->ops->ready(store, WK_FOREVER, &err), WK_OK);
    reopen(WK_OBJECTS_CONCURRENT); /* no HEAD: what happened last */
    assert_int_equal(store->ops->ready(store, WK_FOREVER, &err), WK_OK);
    bucket_fail(&bucket, BUCKET_ANY, 100, WK_OBJECT_DENIED, false, NULL);
    assert_int_equal(value_status("ns", "k"), WK_DENIED);
    assert_int_equal(store->ops->ready(store, WK_FOREVER, &err), WK_DENIED);
}

/* ---- many namespaces ---- */

static void hostile_namespaces_leave_nothing_behind(void **state) { /* RADIX-17 */
    (void)state;
    struct wk_block_hash hash = hash_of(1);
    struct wk_block_result r;
    size_t matched;
    char name[32];
    reopen(BUCKET_CAPS);
    assert_int_equal(put("kept", BLOCK_KEY, "kept"), WK_OK);
    for (uint32_t i = 0; i < 70000; i++) {
        wk_format(name, sizeof name, "hostile/%u", i);
        if (i % 2 == 0)
            assert_int_equal(store->ops->lookup(store, text(name), &hash, 1, &matched, NULL),
                             WK_OK);
        else
            assert_int_equal(
                store->ops->get(store, text(name), &hash, 1, WK_GET_ALL, WK_FOREVER, &r, NULL),
                WK_MISS);
        assert_int_equal(value_status(name, "k"), WK_MISS);
    }
    assert_true(stat_of(store, "namespaces") <= 70);
    uint64_t before = gets();
    value_is("kept", BLOCK_KEY, "kept");
    assert_int_equal(gets(), before);
}

#define VALUES_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        VALUES_TEST(values_are_overwritten_cached_and_revalidated),
        VALUES_TEST(keys_of_blocks_and_tails_mean_these),
        VALUES_TEST(two_spellings_of_one_object_are_one_value),
        VALUES_TEST(names_that_cannot_be_are_refused),
        VALUES_TEST(exists_asks_and_says_when_it_does_not_know),
        VALUES_TEST(list_gives_relative_keys_until_told_to_stop),
        VALUES_TEST(after_clear_a_get_asks_the_objects),
        VALUES_TEST(what_was_on_its_way_is_not_cached_by_a_clear),
        VALUES_TEST(restore_brings_the_blocks_of_a_namespace),
        VALUES_TEST(restore_stops_at_the_budget),
        VALUES_TEST(ready_tells_the_last_outcome_or_asks),
        VALUES_TEST(hostile_namespaces_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
