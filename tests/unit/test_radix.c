/* SPDX-License-Identifier: Apache-2.0 */
/* The prefix index, rule by rule. test_radix_links.c has those of the links,
 * test_radix_model.c compares it with a naive one. */
#include "unit/cmocka_all.h"

#include "base/text.h"
#include "radix/radix.h"
#include "unit/radix_calls.h"

/* ---- presence ---- */

/* RADIX-1, RADIX-4 */
static void an_inserted_node_is_found_with_what_was_said_of_it(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    struct wk_block_hash hash = radix_env_hash(1);
    struct wk_node_info out;
    assert_int_equal(wk_radix_find(radix, space, &hash, &out), WK_MISS);
    struct wk_node_info in = {.flags = P | R | WK_NODE_SIZES | WK_NODE_CHECKSUM | WK_NODE_IDENTITY,
                              .recency = 7,
                              .raw_bytes = WK_PAYLOAD_BYTES_MAX,
                              .stored_bytes = UINT32_MAX,
                              .crc32c = 0xdeadbeef,
                              .etag_hash = 0x1122334455667788,
                              .identity = {3, 4}};
    assert_int_equal(wk_radix_insert(radix, space, &hash, &in), WK_OK);
    assert_int_equal(wk_radix_find(radix, space, &hash, &out), WK_OK);
    radix_env_assert_info(&in, &out);
    struct wk_radix_stats stats;
    wk_radix_stats(radix, &stats);
    assert_int_equal(stats.nodes, 1);
    assert_int_equal(stats.present, 1);
    assert_int_equal(stats.resident, 1);
    assert_int_equal(stats.spaces, 1);
    radix_env_destroy(radix);
}

/* RADIX-4 */
static void fields_are_taken_only_where_their_flag_vouches_for_them(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    struct wk_block_hash hash = radix_env_hash(1);
    struct wk_node_info all = {.flags = R,
                               .recency = 9,
                               .raw_bytes = 1,
                               .stored_bytes = 2,
                               .crc32c = 3,
                               .etag_hash = 4,
                               .identity = {5, 6}};
    struct wk_node_info out;
    assert_int_equal(wk_radix_insert(radix, space, &hash, &all), WK_OK);
    assert_int_equal(wk_radix_find(radix, space, &hash, &out), WK_OK);
    struct wk_node_info only_recency = {.flags = R, .recency = 9};
    radix_env_assert_info(&only_recency, &out);

    all.flags = WK_NODE_CHECKSUM;
    all.recency = 8;
    assert_int_equal(wk_radix_insert(radix, space, &hash, &all), WK_OK);
    assert_int_equal(wk_radix_find(radix, space, &hash, &out), WK_OK);
    assert_int_equal(out.flags, R | WK_NODE_CHECKSUM);
    assert_int_equal(out.crc32c, 3);
    assert_int_equal(out.raw_bytes, 0);
    assert_int_equal(out.recency, 9);

    struct wk_node_info later = {.flags = P, .stored_bytes = 20, .crc32c = 30};
    assert_int_equal(wk_radix_insert(radix, space, &hash, &later), WK_OK);
    assert_int_equal(wk_radix_find(radix, space, &hash, &out), WK_OK);
    assert_int_equal(out.flags, P | R | WK_NODE_CHECKSUM);
    assert_int_equal(out.stored_bytes, 20);
    assert_int_equal(out.crc32c, 3);
    radix_env_destroy(radix);
}

/* RADIX-4, RADIX-5 */
static void what_cannot_be_kept_is_refused(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    struct wk_block_hash hash = radix_env_hash(1);
    struct wk_node_info info = {.flags = P, .raw_bytes = (uint64_t)UINT32_MAX + 1};
    assert_int_equal(wk_radix_insert(radix, space, &hash, &info), WK_TOO_LARGE);
    info = (struct wk_node_info){.flags = P, .stored_bytes = UINT64_MAX};
    assert_int_equal(wk_radix_insert(radix, space, &hash, &info), WK_TOO_LARGE);
    /* Neither present nor resident: nothing to know anything of. */
    assert_int_equal(put_flags(radix, space, 1, WK_NODE_SIZES), WK_MISS);
    assert_int_equal(put_flags(radix, space, 1, 0), WK_MISS);
    assert_int_equal(node_count(radix), 0);
    radix_env_destroy(radix);
    struct wk_radix_config config = {.nodes_max = 0};
    struct wk_error err;
    assert_int_equal(wk_radix_create(&radix_env, &config, &radix, &err), WK_INVALID);
    assert_true(err.length > 0);
    wk_radix_destroy(NULL);
}

/* RADIX-6 */
static void cleared_flags_take_along_what_they_vouched_for(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    struct wk_block_hash hash = radix_env_hash(1);
    struct wk_node_info out;
    assert_int_equal(put_flags(radix, space, 1, P | R | WK_NODE_SIZES), WK_OK);
    clear(radix, space, 1, P | WK_NODE_SIZES);
    assert_int_equal(wk_radix_find(radix, space, &hash, &out), WK_OK);
    struct wk_node_info resident = {.flags = R};
    radix_env_assert_info(&out, &resident);
    clear(radix, space, 1, R);
    assert_int_equal(flags_of(radix, space, 1), -1);
    assert_int_equal(node_count(radix), 0);
    /* What is known besides does not keep a node. */
    assert_int_equal(put_flags(radix, space, 1, P | WK_NODE_SIZES), WK_OK);
    clear(radix, space, 1, P);
    assert_int_equal(node_count(radix), 0);
    clear(radix, space, 1, P);
    radix_env_destroy(radix);
}

/* RADIX-6 */
static void a_forgotten_block_stays_resident(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    assert_int_equal(put_flags(radix, space, 1, P | R | WK_NODE_SIZES | WK_NODE_IDENTITY), WK_OK);
    assert_int_equal(put_flags(radix, space, 2, P | WK_NODE_CHECKSUM), WK_OK);
    forget(radix, space, 1);
    forget(radix, space, 2);
    forget(radix, space, 3);
    assert_int_equal(flags_of(radix, space, 1), R);
    assert_int_equal(flags_of(radix, space, 2), -1);
    radix_env_destroy(radix);
}

/* RADIX-7 */
static void the_longest_prefix_ends_at_the_first_unknown_hash(void **state) {
    (void)state;
    enum { COUNT = 200 };
    struct wk_radix *radix = radix_env_create(1000);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    struct wk_block_hash hashes[COUNT];
    for (uint64_t i = 0; i < COUNT; i++)
        hashes[i] = radix_env_hash(i);
    size_t resident = 99;
    assert_int_equal(wk_radix_longest_prefix(radix, space, hashes, COUNT, &resident), 0);
    assert_int_equal(resident, 0);
    assert_int_equal(wk_radix_longest_prefix(radix, space, NULL, 0, &resident), 0);
    for (uint64_t i = 0; i < COUNT; i++) {
        assert_int_equal(wk_radix_longest_prefix(radix, space, hashes, COUNT, &resident), i);
        assert_int_equal(resident, i < 50 ? i : 50);
        assert_int_equal(put_flags(radix, space, i, i < 50 || i > 60 ? P | R : P), WK_OK);
    }
    for (size_t n = 0; n <= COUNT; n++)
        assert_int_equal(wk_radix_longest_prefix(radix, space, hashes, n, NULL), n);
    clear(radix, space, 60, P);
    assert_int_equal(wk_radix_longest_prefix(radix, space, hashes, COUNT, &resident), 60);
    clear(radix, space, 17, P);
    assert_int_equal(wk_radix_longest_prefix(radix, space, hashes, COUNT, &resident), 60);
    assert_int_equal(resident, 50);
    clear(radix, space, 0, R);
    assert_int_equal(wk_radix_longest_prefix(radix, space, hashes, COUNT, &resident), 60);
    assert_int_equal(resident, 0);
    radix_env_destroy(radix);
}

/* RADIX-7, RADIX-11 */
static void a_hinge_ends_the_prefix(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    struct wk_block_hash hashes[3];
    for (uint64_t i = 0; i < 3; i++) {
        hashes[i] = radix_env_hash(i);
        put_present(radix, space, i);
    }
    LINK(radix, space, 0, 1, 2);
    forget(radix, space, 1);
    assert_int_equal(flags_of(radix, space, 1), 0);
    assert_int_equal(wk_radix_longest_prefix(radix, space, hashes, 3, NULL), 1);
    put_present(radix, space, 1);
    assert_int_equal(wk_radix_longest_prefix(radix, space, hashes, 3, NULL), 3);
    assert_true(is_child(radix, space, 0, 1));
    radix_env_destroy(radix);
}

/* ---- namespaces ---- */

/* RADIX-2 */
static void namespaces_do_not_see_each_other(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id a = radix_env_space(radix, "a", 0, 0);
    wk_space_id b = radix_env_space(radix, "b", 0, 0);
    wk_space_id none = radix_env_space(radix, "", 0, 0);
    assert_int_not_equal(a, b);
    assert_int_not_equal(a, none);
    put_present(radix, a, 1);
    assert_int_equal(flags_of(radix, b, 1), -1);
    put_present(radix, none, 1);
    forget(radix, b, 1);
    clear(radix, b, 1, P);
    assert_int_equal(remove_tip(radix, b, 1), WK_MISS);
    assert_int_equal(flags_of(radix, a, 1), P);
    forget(radix, a, 1);
    assert_int_equal(flags_of(radix, none, 1), P);
    radix_env_destroy(radix);
}

/* The home of a block in an index that is still small, as shard_table.h chooses it. */
static uint64_t small_home(const char *ns, uint64_t number) {
    struct wk_block_hash hash = radix_env_hash(number);
    uint64_t key_seed = wk_xxh3_64(ns, strlen(ns), 0x5eed);
    uint64_t h = wk_xxh3_64(hash.bytes, sizeof hash.bytes, key_seed);
    uint64_t slot = (h & 0xffffffffu) * (64 + (h >> 58)) >> 32;
    return h >> 50 << 32 | slot;
}

/* RADIX-2 */
static void one_hash_of_two_namespaces_may_share_slot_and_tag(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id a = radix_env_space(radix, "a", 0, 0);
    wk_space_id b = radix_env_space(radix, "b", 0, 0);
    uint64_t number = 0;
    while (small_home("a", number) != small_home("b", number))
        number++;
    put_present(radix, a, number);
    assert_int_equal(flags_of(radix, b, number), -1);
    assert_int_equal(put_flags(radix, b, number, R), WK_OK);
    assert_int_equal(node_count(radix), 2);
    assert_int_equal(remove_tip(radix, a, number), WK_OK);
    assert_int_equal(flags_of(radix, b, number), R);
    radix_env_destroy(radix);
}

/* RADIX-3 */
static void a_space_finds_only_what_it_may_reuse(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id any = radix_env_space(radix, "ns", 0, 0);
    wk_space_id one = radix_env_space(radix, "ns", 1, 0);
    wk_space_id two = radix_env_space(radix, "ns", 2, 0);
    wk_space_id tag = radix_env_space(radix, "ns", 1, 5);
    struct wk_block_hash hash = radix_env_hash(1);
    struct wk_block_meta meta;
    put_present(radix, one, 1);
    assert_int_equal(flags_of(radix, one, 1), P);
    assert_int_equal(flags_of(radix, any, 1), P);
    assert_int_equal(flags_of(radix, tag, 1), P);
    assert_int_equal(flags_of(radix, two, 1), -1);
    assert_int_equal(wk_radix_longest_prefix(radix, two, &hash, 1, NULL), 0);
    assert_int_equal(wk_radix_longest_prefix(radix, tag, &hash, 1, NULL), 1);
    assert_int_equal(wk_radix_block_meta(radix, two, &hash, &meta), WK_MISS);
    assert_int_equal(wk_radix_block_meta(radix, any, &hash, &meta), WK_OK);
    assert_int_equal(meta.model_digest.bytes[0], 1);
    /* The object is gone for everybody in the namespace, whoever noticed. */
    forget(radix, two, 1);
    assert_int_equal(node_count(radix), 0);
    radix_env_destroy(radix);
}

/* RADIX-3 */
static void an_insert_takes_the_node_over(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id any = radix_env_space(radix, "ns", 0, 0);
    wk_space_id one = radix_env_space(radix, "ns", 1, 0);
    wk_space_id two = radix_env_space(radix, "ns", 2, 0);
    assert_int_equal(put_flags(radix, one, 1, P | R | WK_NODE_SIZES), WK_OK);
    /* Another model's block under the same hash: nothing known of the old one holds. */
    assert_int_equal(put_flags(radix, two, 1, P | WK_NODE_CHECKSUM), WK_OK);
    assert_int_equal(flags_of(radix, two, 1), P | WK_NODE_CHECKSUM);
    assert_int_equal(flags_of(radix, one, 1), -1);
    /* A compatible one adds to it; only presence moves the node to its own space. */
    assert_int_equal(put_flags(radix, any, 1, R), WK_OK);
    assert_int_equal(flags_of(radix, one, 1), -1);
    assert_int_equal(put_flags(radix, any, 1, P), WK_OK);
    assert_int_equal(flags_of(radix, one, 1), P | R | WK_NODE_CHECKSUM);
    assert_int_equal(node_count(radix), 1);
    /* A refused replacement changes nothing. */
    assert_int_equal(put_flags(radix, one, 1, P), WK_OK);
    assert_int_equal(put_flags(radix, two, 1, WK_NODE_SIZES), WK_MISS);
    assert_int_equal(flags_of(radix, one, 1), P | R | WK_NODE_CHECKSUM);
    radix_env_destroy(radix);
}

/* RADIX-2 */
static void spaces_are_interned_once(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    char name[32] = "tenant";
    wk_space_id first = radix_env_space(radix, name, 3, 4);
    struct wk_span kept = wk_radix_space_name(radix, first);
    strcpy(name, "other");
    assert_int_equal(radix_env_space(radix, "tenant", 3, 4), first);
    assert_int_not_equal(radix_env_space(radix, "tenant", 3, 5), first);
    assert_int_not_equal(radix_env_space(radix, "tenant", 0, 0), first);
    assert_int_not_equal(radix_env_space(radix, "tenan", 3, 4), first);
    wk_space_id ids[300];
    for (int i = 0; i < 300; i++) {
        wk_format(name, sizeof name, "ns-%d", i);
        ids[i] = radix_env_space(radix, name, (uint8_t)(i % 3), 0);
    }
    for (int i = 0; i < 300; i++) {
        wk_format(name, sizeof name, "ns-%d", i);
        assert_int_equal(radix_env_space(radix, name, (uint8_t)(i % 3), 0), ids[i]);
        assert_true(wk_span_equal(wk_radix_space_name(radix, ids[i]), wk_span_text(name)));
    }
    assert_true(wk_span_equal(kept, wk_span_text("tenant")));
    assert_ptr_equal(kept.data, wk_radix_space_name(radix, first).data);
    radix_env_destroy(radix);
}

/* RADIX-17 */
static void namespaces_without_holders_and_nodes_are_forgotten(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(1000);
    struct wk_node_info in = {.flags = P, .stored_bytes = 1};
    struct wk_node_info out;
    struct wk_block_hash hash = radix_env_hash(1);
    wk_space_id held = radix_env_space(radix, "held", 3, 0);
    wk_space_id full = radix_env_space(radix, "full", 0, 0);
    uint32_t generation = wk_radix_space_generation(radix, full);
    assert_int_equal(wk_radix_insert(radix, full, &hash, &in), WK_OK);
    wk_radix_space_release(radix, full);
    uint32_t again = 0;
    for (uint32_t i = 0; i < 300000; i++) { /* more than there are ids */
        char name[32];
        wk_format(name, sizeof name, "hostile-%u", i);
        wk_space_id id = radix_env_space(radix, name, (uint8_t)(i % 2), 0);
        again += wk_radix_space_generation(radix, id) > 0;
        assert_int_equal(wk_radix_find(radix, id, &hash, &out), WK_MISS);
        if (i % 1000 == 0) {
            assert_int_equal(wk_radix_insert(radix, id, &hash, &in), WK_OK);
            wk_radix_forget(radix, id, &hash);
        }
        wk_radix_space_release(radix, id);
    }
    assert_true(again > 200000);
    struct wk_radix_stats stats;
    wk_radix_stats(radix, &stats);
    assert_in_range(stats.spaces, 3, 70);
    assert_true(wk_span_equal(wk_radix_space_name(radix, held), wk_span_text("held")));
    assert_int_equal(radix_env_space(radix, "held", 3, 0), held);
    assert_int_equal(radix_env_space(radix, "full", 0, 0), full);
    assert_int_equal(wk_radix_space_generation(radix, full), generation);
    assert_int_equal(wk_radix_find(radix, full, &hash, &out), WK_OK);
    radix_env_destroy(radix);
}

/* RADIX-17 */
static void a_full_table_of_names_takes_more_once_some_are_free(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    struct wk_reuse reuse;
    memset(&reuse, 0, sizeof reuse);
    char name[32];
    wk_space_id id = 0;
    for (uint32_t i = 0; i < WK_NAMESPACES_MAX; i++) {
        wk_format(name, sizeof name, "%u", i);
        id = radix_env_space(radix, name, 0, 0);
    }
    enum wk_status status = wk_radix_space(radix, wk_span_text("one more"), &reuse, &id, NULL);
    assert_int_equal(status, WK_TOO_LARGE);
    wk_radix_space_release(radix, id);
    uint32_t tries = 0;
    while (wk_radix_space(radix, wk_span_text("one more"), &reuse, &id, NULL) != WK_OK)
        assert_true(++tries <= 256);
    assert_int_equal(wk_radix_space_generation(radix, id), 1);
    radix_env_destroy(radix);
}

/* RADIX-2 */
static void spaces_and_their_names_have_limits(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    uint8_t name[WK_NAMESPACE_BYTES_MAX + 1] = {0};
    struct wk_reuse reuse;
    memset(&reuse, 0, sizeof reuse);
    wk_space_id id = 77, last = 0;
    struct wk_error err;
    assert_int_equal(wk_radix_space(radix, wk_span(name, sizeof name), &reuse, &id, &err),
                     WK_TOO_LARGE);
    assert_true(err.length > 0);
    assert_int_equal(id, 77);
    assert_int_equal(wk_radix_space(radix, wk_span(name, sizeof name - 1), &reuse, &id, &err),
                     WK_OK);
    for (uint32_t i = 1; i < WK_NAMESPACES_MAX; i++)
        assert_int_equal(wk_radix_space(radix, wk_span(&i, sizeof i), &reuse, &last, &err), WK_OK);
    id = 77;
    assert_int_equal(wk_radix_space(radix, wk_span_text("more"), &reuse, &id, &err), WK_TOO_LARGE);
    assert_int_equal(id, 77);
    /* Those that are there still work. */
    put_present(radix, last, 1);
    assert_int_equal(flags_of(radix, last, 1), P);
    struct wk_radix_stats stats;
    wk_radix_stats(radix, &stats);
    assert_int_equal(stats.spaces, WK_NAMESPACES_MAX);
    assert_int_equal(stats.memory_bytes, atomic_load(&radix_env_mem.bytes));
    radix_env_destroy(radix);
}

/* ---- recency, views, iteration ---- */

/* RADIX-12 */
static void touch_moves_recency_forward_only(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    struct wk_block_hash hashes[3];
    struct wk_node_info info = {.flags = P | WK_NODE_CHECKSUM, .recency = 5, .crc32c = 1};
    for (uint64_t i = 0; i < 3; i++)
        hashes[i] = radix_env_hash(i);
    assert_int_equal(wk_radix_insert(radix, space, &hashes[0], &info), WK_OK);
    assert_int_equal(wk_radix_insert(radix, space, &hashes[2], &info), WK_OK);
    wk_radix_touch(radix, space, hashes, 3, 4);
    assert_int_equal(wk_radix_find(radix, space, &hashes[0], &info), WK_OK);
    assert_int_equal(info.recency, 5);
    wk_radix_touch(radix, space, hashes, 3, 6);
    for (int i = 0; i < 3; i += 2) {
        assert_int_equal(wk_radix_find(radix, space, &hashes[i], &info), WK_OK);
        assert_int_equal(info.recency, 6);
        assert_int_equal(info.crc32c, 1);
    }
    assert_int_equal(node_count(radix), 2);
    radix_env_destroy(radix);
}

/* RADIX-12 */
static void a_node_reads_as_block_meta(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 7, 8);
    struct wk_block_hash hash = radix_env_hash(1), parent = radix_env_hash(0);
    struct wk_node_info info = {.flags = P | WK_NODE_SIZES, .raw_bytes = 4096, .recency = 10};
    struct wk_block_meta meta;
    assert_int_equal(wk_radix_block_meta(radix, space, &hash, &meta), WK_MISS);
    assert_int_equal(wk_radix_insert(radix, space, &hash, &info), WK_OK);
    assert_int_equal(wk_radix_block_meta(radix, space, &hash, &meta), WK_OK);
    assert_true(wk_block_meta_is_root(&meta));
    put_present(radix, space, 0);
    LINK(radix, space, 0, 1);
    assert_int_equal(wk_radix_block_meta(radix, space, &hash, &meta), WK_OK);
    assert_true(wk_block_hash_equal(&meta.parent_hash, &parent));
    assert_int_equal(meta.block_seq, 1);
    assert_int_equal(meta.payload_bytes, 4096);
    assert_int_equal(meta.last_access_ns, 10 * WK_NS_PER_S);
    assert_int_equal(meta.model_digest.bytes[0], 7);
    assert_int_equal(meta.layout_tag.bytes[0], 8);
    assert_int_equal(meta.ext_flags, 0);
    radix_env_destroy(radix);
}

struct seen {
    struct wk_radix *radix;
    wk_space_id space;
    size_t count;
    size_t stop_at;
    uint64_t sizes;
};

static bool see(void *ctx, const struct wk_block_hash *hash, const struct wk_node_info *info) {
    struct seen *seen = ctx;
    seen->count++;
    seen->sizes += info->stored_bytes;
    /* No lock is held: even a removal may be asked for from here. */
    if (seen->radix != NULL)
        assert_int_equal(wk_radix_remove_tip(seen->radix, seen->space, hash), WK_OK);
    return seen->count != seen->stop_at;
}

/* RADIX-13 */
static void each_sees_every_node_of_the_namespace_once(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(5000);
    wk_space_id a = radix_env_space(radix, "a", 0, 0);
    wk_space_id b = radix_env_space(radix, "b", 0, 0);
    for (uint64_t i = 1; i <= 2000; i++) {
        put_present(radix, a, i);
        put_present(radix, b, i + 10000);
    }
    struct seen seen = {.count = 0};
    wk_radix_each(radix, radix_env_space(radix, "a", 1, 1), see, &seen);
    assert_int_equal(seen.count, 2000);
    assert_int_equal(seen.sizes, 2000 * 2001 / 2);
    seen = (struct seen){.stop_at = 5};
    wk_radix_each(radix, a, see, &seen);
    assert_int_equal(seen.count, 5);
    seen = (struct seen){.radix = radix, .space = a};
    wk_radix_each(radix, a, see, &seen);
    assert_int_equal(seen.count, 2000);
    assert_int_equal(node_count(radix), 2000);
    radix_env_destroy(radix);
}

/* ---- memory ---- */

/* RADIX-5 */
static void the_limit_of_nodes_holds(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    for (uint64_t i = 0; i < 100; i++)
        put_present(radix, space, i);
    for (int turn = 0; turn < 3; turn++)
        assert_int_equal(put_flags(radix, space, 100, P), WK_NO_SPACE);
    assert_int_equal(node_count(radix), 100);
    assert_int_equal(flags_of(radix, space, 100), -1);
    /* What is there may still change, and room that was left is used again. */
    assert_int_equal(put_flags(radix, space, 3, R), WK_OK);
    assert_int_equal(remove_tip(radix, space, 4), WK_OK);
    assert_int_equal(put_flags(radix, space, 100, P), WK_OK);
    assert_int_equal(put_flags(radix, space, 4, P), WK_NO_SPACE);
    radix_env_destroy(radix);
}

/* RADIX-5 */
static void a_failed_allocation_leaves_the_index_as_it_was(void **state) {
    (void)state;
    struct wk_radix *radix = NULL;
    struct wk_radix_config config = {.nodes_max = 100000};
    atomic_store(&radix_env_mem.requests, 0);
    atomic_store(&radix_env_mem.fail_at, 1);
    assert_int_equal(wk_radix_create(&radix_env, &config, &radix, NULL), WK_NO_MEMORY);
    assert_null(radix);
    atomic_store(&radix_env_mem.fail_at, 0);
    radix = radix_env_create(100000);
    struct wk_reuse reuse = {.model_digest = {.bytes = {1}}};
    wk_space_id space = 0;
    uint64_t failures = 0;
    /* The table, the first chunk, the name: what one attempt got serves the next. */
    for (uint64_t k = 1; space == 0; k++) {
        atomic_store(&radix_env_mem.requests, 0);
        atomic_store(&radix_env_mem.fail_at, 1 + k % 2);
        enum wk_status status = wk_radix_space(radix, wk_span_text("ns"), &reuse, &space, NULL);
        assert_int_equal(status, space == 0 ? WK_NO_MEMORY : WK_OK);
        failures += status != WK_OK;
    }
    assert_true(failures >= 2);
    failures = 0;
    for (uint64_t i = 0; i < 40000; i++) {
        /* Each insert with the first, the second, the third of its requests failing. */
        for (uint64_t k = 1;; k++) {
            atomic_store(&radix_env_mem.requests, 0);
            atomic_store(&radix_env_mem.fail_at, k);
            enum wk_status status = put_flags(radix, space, i, P);
            if (status == WK_OK)
                break;
            assert_int_equal(status, WK_NO_MEMORY);
            assert_int_equal(flags_of(radix, space, i), -1);
            assert_int_equal(node_count(radix), i);
            if (i > 0)
                assert_int_equal(flags_of(radix, space, i - 1), P);
            failures++;
        }
    }
    atomic_store(&radix_env_mem.fail_at, 0);
    assert_true(failures > 3 * 64);
    for (uint64_t i = 0; i < 40000; i++)
        assert_int_equal(flags_of(radix, space, i), P);
    radix_env_destroy(radix);
}

/* RADIX-14 */
static void a_million_entries_take_at_most_107_bytes_each(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(2000000);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    struct wk_radix_stats stats;
    for (uint64_t i = 0; i < 1000000; i++) {
        put_present(radix, space, i);
        if (i + 1 == 250000 || i + 1 == 500000 || i + 1 == 1000000) {
            wk_radix_stats(radix, &stats);
            assert_int_equal(stats.nodes, i + 1);
            assert_int_equal(stats.memory_bytes, atomic_load(&radix_env_mem.bytes));
            if (i + 1 >= 1000000)
                assert_true(stats.memory_bytes <= 107 * stats.nodes);
        }
    }
    for (uint64_t i = 0; i < 1000000; i += 997)
        assert_int_equal(flags_of(radix, space, i), P);
    assert_int_equal(flags_of(radix, space, 1000000), -1);
    /* Freed nodes are used again: memory does not grow by churn. */
    for (uint64_t i = 0; i < 200000; i++)
        assert_int_equal(remove_tip(radix, space, i), WK_OK);
    for (uint64_t i = 0; i < 190000; i++)
        put_present(radix, space, 2000000 + i);
    uint64_t before = stats.memory_bytes;
    wk_radix_stats(radix, &stats);
    assert_true(stats.memory_bytes <= before + before / 100);
    radix_env_destroy(radix);
}

static void a_listing_leaves_its_number(void **state) { /* RADIX-16 */
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    struct wk_block_hash hash = radix_env_hash(1);
    struct wk_node_info in = {.flags = P, .stored_bytes = 9, .seen = 3};
    struct wk_node_info out;
    assert_false(wk_radix_see(radix, space, &hash, 5));
    assert_int_equal(wk_radix_insert(radix, space, &hash, &in), WK_OK);
    assert_int_equal(wk_radix_find(radix, space, &hash, &out), WK_OK);
    assert_int_equal(out.seen, 3);
    assert_true(wk_radix_see(radix, space, &hash, 255));
    assert_int_equal(wk_radix_find(radix, space, &hash, &out), WK_OK);
    assert_int_equal(out.seen, 255);
    assert_int_equal(out.flags, P);
    assert_int_equal(out.stored_bytes, 9);
    in = (struct wk_node_info){.flags = R, .seen = 7};
    assert_int_equal(wk_radix_insert(radix, space, &hash, &in), WK_OK);
    assert_int_equal(wk_radix_find(radix, space, &hash, &out), WK_OK);
    assert_int_equal(out.seen, 255);
    wk_radix_forget(radix, space, &hash);
    assert_false(wk_radix_see(radix, space, &hash, 5));
    radix_env_destroy(radix);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_inserted_node_is_found_with_what_was_said_of_it),
        cmocka_unit_test(fields_are_taken_only_where_their_flag_vouches_for_them),
        cmocka_unit_test(what_cannot_be_kept_is_refused),
        cmocka_unit_test(cleared_flags_take_along_what_they_vouched_for),
        cmocka_unit_test(a_forgotten_block_stays_resident),
        cmocka_unit_test(the_longest_prefix_ends_at_the_first_unknown_hash),
        cmocka_unit_test(a_hinge_ends_the_prefix),
        cmocka_unit_test(namespaces_do_not_see_each_other),
        cmocka_unit_test(one_hash_of_two_namespaces_may_share_slot_and_tag),
        cmocka_unit_test(a_space_finds_only_what_it_may_reuse),
        cmocka_unit_test(an_insert_takes_the_node_over),
        cmocka_unit_test(spaces_are_interned_once),
        cmocka_unit_test(namespaces_without_holders_and_nodes_are_forgotten),
        cmocka_unit_test(a_full_table_of_names_takes_more_once_some_are_free),
        cmocka_unit_test(spaces_and_their_names_have_limits),
        cmocka_unit_test(touch_moves_recency_forward_only),
        cmocka_unit_test(a_node_reads_as_block_meta),
        cmocka_unit_test(each_sees_every_node_of_the_namespace_once),
        cmocka_unit_test(the_limit_of_nodes_holds),
        cmocka_unit_test(a_listing_leaves_its_number),
        cmocka_unit_test(a_failed_allocation_leaves_the_index_as_it_was),
        cmocka_unit_test(a_million_entries_take_at_most_107_bytes_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
