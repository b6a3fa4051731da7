/* SPDX-License-Identifier: Apache-2.0 */
/* What the operations cost, in requests. */
#include "rig.h"

#include <time.h>

static struct rig_proxy proxy;

#define BLOCKS 24u
#define SIZE   20000u

static void expect(const char *what, unsigned long long get, unsigned long long put,
                   unsigned long long head) {
    struct rig_counts c = rig_count(&proxy);
    if (c.get != get || c.put != put || c.head != head || c.delete != 0 || c.other != 0)
        fail_msg("%s: get %llu put %llu head %llu delete %llu other %llu, not get %llu put %llu "
                 "head %llu",
                 what, c.get, c.put, c.head, c.delete, c.other, get, put, head);
    print_message("  %-40s get %3llu  put %3llu  head %3llu  list %llu\n", what, c.get, c.put,
                  c.head, c.list);
    rig_say(&proxy, "zero");
}

/* The LIST of the background must not be counted with what comes after it. */
static void settle(void) {
    const struct timespec pause = {0, 20 * 1000 * 1000};
    unsigned long long before = 0;
    for (int calm = 0; calm < 5; calm++) {
        nanosleep(&pause, NULL);
        unsigned long long now = rig_count(&proxy).list;
        if (now != before)
            calm = 0;
        before = now;
    }
    rig_say(&proxy, "zero");
}

static wmbt_kv_handle_t *open_settled(void) {
    wmbt_kv_handle_t *kv = rig_open(&proxy);
    settle();
    return kv;
}

/* ABI-20 */
static void an_open_writes_nothing(void **state) {
    (void)state;
    rig_say(&proxy, "zero");
    wmbt_kv_handle_t *kv = rig_open(&proxy);
    wmbt_kv_free(kv);
    expect("open and free", 0, 0, 0);
}

/* STORE-13 */
static void a_cold_miss_is_one_get_for_each_absent_key(void **state) {
    (void)state;
    struct rig_batch batch;
    wmbt_kv_handle_t *kv = open_settled();
    rig_batch_init(&batch, "absent", 0, BLOCKS, 1);
    assert_int_equal(rig_restore(kv, "absent", &batch), 0);
    expect("get of 24 absent blocks", BLOCKS, 0, 0);
    abi_expect_miss(kv, "absent", batch.hex[0]);
    expect("get of 1 absent block", 1, 0, 0);
    abi_expect_tail_miss(kv, "absent", batch.hex[0]);
    expect("get of an absent tail", 1, 0, 0);
    rig_batch_free(&batch);
    wmbt_kv_free(kv);
}

/* CONS-12 CONS-13 STORE-13 */
static void a_chain_is_saved_once_and_restored_by_gets(void **state) {
    (void)state;
    struct rig_batch batch;
    static struct abi_chain chain;
    wmbt_kv_handle_t *kv = open_settled();
    rig_batch_init(&batch, "chain", 0, BLOCKS, SIZE);
    assert_int_equal(rig_save(kv, "chain", &batch), BLOCKS * SIZE);
    expect("save of 24 new blocks", 0, BLOCKS, 0);
    assert_int_equal(rig_save(kv, "chain", &batch), BLOCKS * SIZE);
    expect("save of 24 known blocks", 0, 0, BLOCKS);
    assert_int_equal(rig_restore(kv, "chain", &batch), 1);
    expect("get of 24 cached blocks", 0, 0, 0);
    wmbt_kv_free(kv);
    kv = open_settled();
    assert_int_equal(rig_restore(kv, "chain", &batch), 1);
    expect("restore of 24 blocks, cold", BLOCKS, 0, 0);
    assert_int_equal(rig_restore(kv, "chain", &batch), 1);
    chain.count = BLOCKS;
    memcpy(chain.hex, batch.hex, sizeof batch.hex);
    assert_int_equal(abi_lookup(kv, "chain", &chain), BLOCKS);
    expect("restore and lookup, warm", 0, 0, 0);
    wmbt_kv_free(kv);
    rig_batch_free(&batch);
}

/* CONS-13 */
static void a_lookup_of_others_blocks_asks_by_heads(void **state) {
    (void)state;
    struct rig_batch batch;
    static struct abi_chain chain;
    rig_batch_init(&batch, "others", 0, BLOCKS, 1);
    wmbt_kv_handle_t *other = rig_open(NULL);
    assert_int_equal(rig_save(other, "others", &batch), BLOCKS);
    wmbt_kv_free(other);
    setenv("WMBT_KV_LOOKUP_PROBE_MS", "5000", 1);
    wmbt_kv_handle_t *kv = open_settled();
    unsetenv("WMBT_KV_LOOKUP_PROBE_MS");
    chain.count = BLOCKS;
    memcpy(chain.hex, batch.hex, sizeof batch.hex);
    assert_int_equal(abi_lookup(kv, "others", &chain), BLOCKS);
    expect("lookup of 24 unknown blocks", 0, 0, BLOCKS);
    assert_int_equal(abi_lookup(kv, "others", &chain), BLOCKS);
    expect("the same again", 0, 0, 0);
    struct abi_hash absent = abi_hash("nobody", 0);
    chain.hex[0] = absent.hex;
    assert_int_equal(abi_lookup(kv, "others", &chain), 0);
    expect("lookup whose first block is absent", 0, 0, 1);
    wmbt_kv_free(kv);
    rig_batch_free(&batch);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(an_open_writes_nothing),
        cmocka_unit_test(a_cold_miss_is_one_get_for_each_absent_key),
        cmocka_unit_test(a_chain_is_saved_once_and_restored_by_gets),
        cmocka_unit_test(a_lookup_of_others_blocks_asks_by_heads),
    };
    rig_begin("requests");
    rig_proxy_start(&proxy);
    int failed = cmocka_run_group_tests(cases, NULL, NULL);
    rig_proxy_stop(&proxy);
    return failed != 0;
}
