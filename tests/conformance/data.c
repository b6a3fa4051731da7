/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in, the same bytes out: batches, duplicates, overwriting, sizes. */
#include "suite.h"

static struct abi_chain chain;

/* Puts blocks i of the chain with `size` bytes each, made from the number. */
static void put_chain(wmbt_kv_handle_t *kv, const char *ns, size_t size) {
    uint8_t *memory = malloc(chain.count * size + 1);
    const uint8_t *payloads[ABI_CHAIN_MAX];
    size_t lens[ABI_CHAIN_MAX];
    for (size_t i = 0; i < chain.count; i++) {
        payloads[i] = memory + i * size;
        lens[i] = size;
        abi_fill(memory + i * size, size, i);
    }
    int64_t put = wmbt_kv_put_kv_blocks(kv, ns, chain.hex, payloads, lens, chain.count);
    if (put != (int64_t)(chain.count * size))
        fail_msg("put: %lld, %s", (long long)put, wmbt_kv_last_error());
    free(memory);
}

static void expect_chain(wmbt_kv_handle_t *kv, const char *ns, size_t size) {
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    uint8_t *expected = malloc(size + 1);
    if (wmbt_kv_get_kv_blocks_borrowed(kv, ns, chain.hex, chain.count, &payloads, &lens, &borrow) !=
        1)
        fail_msg("get: %s", wmbt_kv_last_error());
    for (size_t i = 0; i < chain.count; i++) {
        abi_fill(expected, size, i);
        assert_int_equal(lens[i], size);
        if (memcmp(payloads[i], expected, size) != 0)
            fail_msg("block %zu has other bytes", i);
    }
    wmbt_kv_release_borrow(borrow);
    free(expected);
}

/* ABI-8 */
static void a_batch_comes_back_in_order_or_not_at_all(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    abi_chain_init(&chain, "batch", 20);
    put_chain(kv, "batch", 1000);
    expect_chain(kv, "batch", 1000);
    abi_chain_init(&chain, "batch", 21); /* one more than was put */
    const uint8_t **payloads = NULL;
    const size_t *lens = NULL;
    wmbt_kv_borrow_t *borrow = NULL;
    for (size_t at = 0; at < 21; at += 10) { /* the missing one first, in between, last */
        const char *last = chain.hex[20];
        chain.hex[20] = chain.hex[at];
        chain.hex[at] = last;
        assert_int_equal(
            wmbt_kv_get_kv_blocks_borrowed(kv, "batch", chain.hex, 21, &payloads, &lens, &borrow),
            0);
        assert_null(wmbt_kv_last_error());
        assert_true(payloads == NULL && lens == NULL && borrow == NULL);
        abi_chain_init(&chain, "batch", 21);
    }
    wmbt_kv_free(kv);
}

/* ABI-8 */
static void lookup_counts_the_leading_run(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    abi_chain_init(&chain, "run", 10);
    assert_int_equal(abi_lookup(kv, "run", &chain), 0);
    for (size_t i = 0; i < 10; i++) {
        if (i != 6)
            abi_put(kv, "run", chain.hex[i], "x", 1);
    }
    assert_int_equal(abi_lookup(kv, "run", &chain), 6);
    abi_put(kv, "run", chain.hex[6], "x", 1);
    /* The probe may have learned that it is absent, but its own put tells better. */
    assert_int_equal(abi_lookup(kv, "run", &chain), 10);
    chain.hex[0] = chain.hex[9];
    assert_int_equal(abi_lookup(kv, "run", &chain), 10); /* any order, also one that repeats */
    wmbt_kv_free(kv);
}

/* ABI-8 */
static void duplicates_in_a_batch_each_count(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    struct abi_hash a = abi_hash("dup", 0);
    struct abi_hash b = abi_hash("dup", 1);
    const char *hex[] = {a.hex, b.hex, a.hex, a.hex};
    const uint8_t *same = (const uint8_t *)"same";
    const uint8_t *payloads[] = {same, (const uint8_t *)"b", same, same};
    const size_t lens[] = {4, 1, 4, 4};
    const uint8_t **got;
    const size_t *got_lens;
    wmbt_kv_borrow_t *borrow;
    assert_int_equal(wmbt_kv_put_kv_blocks(kv, "dup", hex, payloads, lens, 4), 13);
    assert_int_equal(wmbt_kv_get_kv_blocks_borrowed(kv, "dup", hex, 4, &got, &got_lens, &borrow),
                     1);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(got_lens[i], lens[i]);
        assert_memory_equal(got[i], payloads[i], lens[i]);
    }
    wmbt_kv_release_borrow(borrow);
    /* Different bytes under one hash: one of them, whole. */
    payloads[2] = (const uint8_t *)"diff";
    assert_int_equal(wmbt_kv_put_kv_blocks(kv, "dup2", hex, payloads, lens, 4), 13);
    assert_int_equal(wmbt_kv_get_kv_blocks_borrowed(kv, "dup2", hex, 1, &got, &got_lens, &borrow),
                     1);
    assert_true(memcmp(got[0], "same", 4) == 0 || memcmp(got[0], "diff", 4) == 0);
    wmbt_kv_release_borrow(borrow);
    wmbt_kv_free(kv);
}

/* ABI-6 */
static void block_hashes_fold_case_and_tails_do_not(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    struct abi_hash lower = abi_hash("case", 0);
    struct abi_hash upper = lower;
    for (size_t i = 0; i < 64; i++) {
        if (upper.hex[i] >= 'a')
            upper.hex[i] = (char)(upper.hex[i] - 'a' + 'A');
    }
    assert_string_not_equal(lower.hex, upper.hex);
    abi_put(kv, "case", upper.hex, "one", 3);
    abi_expect(kv, "case", lower.hex, "one", 3);
    abi_put(kv, "case", lower.hex, "two", 3);
    abi_expect(kv, "case", upper.hex, "two", 3);
    abi_put_tail(kv, "case", upper.hex, "up", 2);
    abi_expect_tail_miss(kv, "case", lower.hex);
    abi_put_tail(kv, "case", lower.hex, "low", 3);
    abi_expect_tail(kv, "case", upper.hex, "up", 2);
    abi_expect_tail(kv, "case", lower.hex, "low", 3);
    wmbt_kv_free(kv);
}

/* ABI-6 */
static void the_hash_is_not_that_of_the_payload(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    char zeros[65];
    memset(zeros, '0', 64);
    zeros[64] = 0;
    abi_put(kv, "opaque", zeros, "any bytes at all", 16);
    abi_expect(kv, "opaque", zeros, "any bytes at all", 16);
    wmbt_kv_free(kv);
}

/* ABI-6 */
static void a_block_and_a_tail_share_a_name_without_meeting(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    struct abi_hash hash = abi_hash("both", 0);
    abi_put(kv, "both", hash.hex, "block", 5);
    abi_expect_tail_miss(kv, "both", hash.hex);
    abi_put_tail(kv, "both", hash.hex, "tail", 4);
    abi_expect(kv, "both", hash.hex, "block", 5);
    abi_expect_tail(kv, "both", hash.hex, "tail", 4);
    wmbt_kv_free(kv);
}

/* ABI-8 */
static void putting_again_overwrites(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    struct abi_hash hash = abi_hash("over", 0);
    uint8_t large[5000];
    abi_fill(large, sizeof large, 1);
    abi_put(kv, "over", hash.hex, "first", 5);
    abi_put(kv, "over", hash.hex, large, sizeof large);
    abi_expect(kv, "over", hash.hex, large, sizeof large);
    abi_put(kv, "over", hash.hex, NULL, 0);
    abi_expect(kv, "over", hash.hex, NULL, 0);
    abi_put(kv, "over", hash.hex, "first", 5);
    abi_expect(kv, "over", hash.hex, "first", 5);
    abi_put_tail(kv, "over", hash.hex, large, sizeof large);
    abi_put_tail(kv, "over", hash.hex, "short", 5);
    abi_expect_tail(kv, "over", hash.hex, "short", 5);
    wmbt_kv_free(kv);
    kv = abi_open();
    abi_expect(kv, "over", hash.hex, "first", 5);
    abi_expect_tail(kv, "over", hash.hex, "short", 5);
    wmbt_kv_free(kv);
}

/* ABI-8 */
static void payloads_of_every_shape_come_back(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 9, 10, 11, 63, 64, 4095, 4096, 4097, 65536, 100003};
    static uint8_t bytes[100003];
    wmbt_kv_handle_t *kv = abi_open();
    unsigned n = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int shape = 0; shape < 3; shape++, n++) {
            memset(bytes, shape, sizes[i]); /* compressible */
            if (shape == 1)
                abi_fill(bytes, sizes[i], n);
            if (shape == 2) /* looks like a stored form */
                memcpy(bytes, "WBZ1\1\3\377\377\377\177", sizes[i] < 10 ? sizes[i] : 10);
            struct abi_hash hash = abi_hash("shape", n);
            abi_put(kv, "shape", hash.hex, bytes, sizes[i]);
            abi_expect(kv, "shape", hash.hex, bytes, sizes[i]);
            wmbt_kv_handle_t *fresh = shape == 2 ? abi_open() : NULL;
            if (fresh != NULL)
                abi_expect(fresh, "shape", hash.hex, bytes, sizes[i]);
            wmbt_kv_free(fresh);
        }
    }
    wmbt_kv_free(kv);
}

/* ABI-21 */
static void one_call_carries_512_blocks(void **state) {
    (void)state;
    size_t size = world.large ? 1761728 : 16 * 1024;
    wmbt_kv_handle_t *kv = abi_open();
    abi_chain_init(&chain, "many", 512);
    put_chain(kv, "many", size);
    assert_int_equal(abi_lookup(kv, "many", &chain), 512);
    expect_chain(kv, "many", size);
    wmbt_kv_free(kv);
    kv = abi_open();
    expect_chain(kv, "many", size);
    abi_wait_lookup(kv, "many", &chain, 512);
    wmbt_kv_free(kv);
}

/* ABI-21 */
static void large_payloads_and_tails_come_back(void **state) {
    (void)state;
    size_t block = world.large ? 255u * 1024 * 1024 : 5u * 1024 * 1024;
    size_t tail = world.large ? 255u * 1024 * 1024 : 25u * 1024 * 1024;
    uint8_t *bytes = malloc(block > tail ? block : tail);
    assert_non_null(bytes);
    wmbt_kv_handle_t *kv = abi_open();
    struct abi_hash hash = abi_hash("large", 0);
    abi_fill(bytes, block, 7);
    abi_put(kv, "large", hash.hex, bytes, block);
    abi_expect(kv, "large", hash.hex, bytes, block);
    wmbt_kv_free(kv);
    kv = abi_open();
    abi_expect(kv, "large", hash.hex, bytes, block);
    abi_fill(bytes, tail, 8);
    abi_put_tail(kv, "large", hash.hex, bytes, tail);
    abi_expect_tail(kv, "large", hash.hex, bytes, tail);
    wmbt_kv_free(kv);
    free(bytes);
}

const abi_case abi_data_cases[] = {
    cmocka_unit_test(a_batch_comes_back_in_order_or_not_at_all),
    cmocka_unit_test(lookup_counts_the_leading_run),
    cmocka_unit_test(duplicates_in_a_batch_each_count),
    cmocka_unit_test(block_hashes_fold_case_and_tails_do_not),
    cmocka_unit_test(the_hash_is_not_that_of_the_payload),
    cmocka_unit_test(a_block_and_a_tail_share_a_name_without_meeting),
    cmocka_unit_test(putting_again_overwrites),
    cmocka_unit_test(payloads_of_every_shape_come_back),
    cmocka_unit_test(one_call_carries_512_blocks),
    cmocka_unit_test(large_payloads_and_tails_come_back),
};
const size_t abi_data_count = sizeof abi_data_cases / sizeof abi_data_cases[0];
