/* SPDX-License-Identifier: Apache-2.0 */
/* Lives of handles, borrows, threads and processes. */
#include "suite.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void *release_there(void *borrow) {
    wmbt_kv_release_borrow(borrow);
    return NULL;
}

/* ABI-9 */
static void borrows_outlive_the_handle_and_end_on_any_thread(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    struct abi_chain chain;
    uint8_t bytes[3000];
    const uint8_t **payloads;
    const size_t *lens;
    const uint8_t *tail;
    size_t tail_len;
    wmbt_kv_borrow_t *blocks;
    wmbt_kv_borrow_t *again;
    wmbt_kv_borrow_t *tails;
    pthread_t thread;
    abi_fill(bytes, sizeof bytes, 3);
    abi_chain_init(&chain, "borrow", 3);
    for (size_t i = 0; i < 3; i++)
        abi_put(kv, "borrow", chain.hex[i], bytes, sizeof bytes - i);
    abi_put_tail(kv, "borrow", chain.hex[2], bytes, 100);
    assert_int_equal(
        wmbt_kv_get_kv_blocks_borrowed(kv, "borrow", chain.hex, 3, &payloads, &lens, &blocks), 1);
    const uint8_t **kept = payloads;
    const size_t *kept_lens = lens;
    assert_int_equal(
        wmbt_kv_get_kv_blocks_borrowed(kv, "borrow", chain.hex, 3, &payloads, &lens, &again), 1);
    assert_int_equal(wmbt_kv_get_raw_tail_borrowed(kv, "borrow", chain.hex[2], &tail, &tail_len,
                                                   &tails, NULL, 0),
                     1);
    /* What is borrowed stays as it was, whatever happens to the block. */
    abi_put(kv, "borrow", chain.hex[0], "new", 3);
    wmbt_kv_release_borrow(again);
    wmbt_kv_free(kv);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(kept_lens[i], sizeof bytes - i);
        assert_memory_equal(kept[i], bytes, kept_lens[i]);
        FILE *stream = fmemopen((void *)(uintptr_t)kept[i], kept_lens[i], "rb");
        assert_non_null(stream); /* as ds4 reads it */
        assert_int_equal(fgetc(stream), bytes[0]);
        fclose(stream);
    }
    assert_memory_equal(tail, bytes, 100);
    pthread_create(&thread, NULL, release_there, blocks);
    pthread_join(thread, NULL);
    assert_memory_equal(tail, bytes, 100);
    wmbt_kv_release_borrow(tails);
}

/* ---- threads -------------------------------------------------------------------------------- */

struct worker {
    wmbt_kv_handle_t *kv;
    unsigned number;
};

/* Puts, gets and looks up: in a namespace of its own, and on one block that all write. */
static void *work(void *arg) {
    struct worker *me = arg;
    struct abi_hash shared = abi_hash("shared", 0);
    uint8_t bytes[2000];
    char ns[32];
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    const char *hex = shared.hex;
    snprintf(ns, sizeof ns, "worker-%u", me->number);
    for (unsigned turn = 0; turn < 20; turn++) {
        struct abi_hash own = abi_hash(ns, turn);
        abi_fill(bytes, sizeof bytes, me->number * 1000 + turn);
        abi_put(me->kv, ns, own.hex, bytes, sizeof bytes);
        abi_expect(me->kv, ns, own.hex, bytes, sizeof bytes);
        abi_put_tail(me->kv, ns, own.hex, bytes, 500);
        abi_expect_tail(me->kv, ns, own.hex, bytes, 500);
        memset(bytes, (int)me->number, sizeof bytes);
        abi_put(me->kv, "shared", shared.hex, bytes, sizeof bytes);
        assert_int_equal(
            wmbt_kv_get_kv_blocks_borrowed(me->kv, "shared", &hex, 1, &payloads, &lens, &borrow),
            1);
        assert_int_equal(lens[0], sizeof bytes);
        for (size_t i = 1; i < sizeof bytes; i++)
            assert_int_equal(payloads[0][i], payloads[0][0]); /* one put's bytes, never a mixture */
        wmbt_kv_release_borrow(borrow);
    }
    return NULL;
}

/* ABI-19 */
static void threads_share_a_handle(void **state) {
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    wmbt_kv_handle_t *kv = abi_open();
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){kv, i};
        pthread_create(&threads[i], NULL, work, &workers[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    wmbt_kv_free(kv);
}

struct loader {
    wmbt_kv_handle_t *kv;
    const char *tip;
    wmbt_kv_borrow_t *borrow;
    const uint8_t *bytes;
    size_t len;
    int32_t rc;
};

static void *load_tail(void *arg) {
    struct loader *l = arg;
    l->rc = wmbt_kv_get_raw_tail_borrowed(l->kv, "ds4", l->tip, &l->bytes, &l->len, &l->borrow,
                                          NULL, 0);
    return NULL;
}

/* ABI-19 */
static void an_engine_loads_tail_and_blocks_at_once(void **state) {
    (void)state;
    static struct abi_chain chain;
    uint8_t bytes[4000];
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    pthread_t thread;
    wmbt_kv_handle_t *kv = abi_open();
    abi_chain_init(&chain, "ds4", 30);
    abi_fill(bytes, sizeof bytes, 5);
    for (size_t i = 0; i < 30; i++)
        abi_put(kv, "ds4", chain.hex[i], bytes, sizeof bytes);
    abi_put_tail(kv, "ds4", chain.hex[29], bytes, 77);
    wmbt_kv_free(kv);
    kv = abi_open();
    abi_wait_lookup(kv, "ds4", &chain, 30);
    struct loader loader = {.kv = kv, .tip = chain.hex[29], .rc = -2};
    pthread_create(&thread, NULL, load_tail, &loader);
    assert_int_equal(
        wmbt_kv_get_kv_blocks_borrowed(kv, "ds4", chain.hex, 30, &payloads, &lens, &borrow), 1);
    wmbt_kv_release_borrow(borrow);
    pthread_join(thread, NULL);
    assert_int_equal(loader.rc, 1);
    assert_int_equal(loader.len, 77);
    assert_memory_equal(loader.bytes, bytes, 77);
    wmbt_kv_release_borrow(loader.borrow); /* made there, released here */
    wmbt_kv_free(kv);
}

/* ---- processes ------------------------------------------------------------------------------ */

static const int killed = 128 + SIGKILL; /* how a child ends that has put everything */
static const char letters[] = "abcde";   /* what children put, one each */

/* What a forked child checks; 0 when all is as promised. */
static int in_forked_child(wmbt_kv_handle_t *kv, wmbt_kv_borrow_t *borrow, const char *hex) {
    size_t matched = 9;
    if (wmbt_kv_lookup_block_prefix(kv, "fork", &hex, 1, &matched, NULL, 0) != -1 || matched != 9)
        return 1;
    if (wmbt_kv_last_error() == NULL || strstr(wmbt_kv_last_error(), "before fork") == NULL)
        return 2;
    wmbt_kv_release_borrow(borrow);
    wmbt_kv_free(kv);
    return 0;
}

/* ABI-10 */
static void a_forked_child_is_refused_and_harms_nothing(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    struct abi_hash hash = abi_hash("fork", 0);
    const char *hex = hash.hex;
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    int status = 0;
    abi_put(kv, "fork", hash.hex, "bytes", 5);
    assert_int_equal(wmbt_kv_get_kv_blocks_borrowed(kv, "fork", &hex, 1, &payloads, &lens, &borrow),
                     1);
    pid_t child = fork();
    if (child == 0)
        _exit(in_forked_child(kv, borrow, hex));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_memory_equal(payloads[0], "bytes", 5);
    wmbt_kv_release_borrow(borrow);
    abi_expect(kv, "fork", hash.hex, "bytes", 5);
    wmbt_kv_free(kv);
}

int abi_child(const char *role, const char *argument) {
    static struct abi_chain chain;
    abi_chain_init(&chain, argument, 5);
    wmbt_kv_handle_t *kv = wmbt_kv_init_from_env();
    if (kv == NULL)
        return 10;
    int result = 11;
    if (strcmp(role, "put") == 0) {
        const uint8_t *payloads[5];
        const size_t lens[5] = {1, 1, 1, 1, 1};
        for (size_t i = 0; i < 5; i++)
            payloads[i] = (const uint8_t *)&letters[i];
        int64_t put = wmbt_kv_put_kv_blocks(kv, argument, chain.hex, payloads, lens, 5);
        int32_t tail = wmbt_kv_put_raw_tail(kv, argument, chain.hex[4], payloads[0], 3, NULL, 0);
        result = put == 5 && tail == 0 ? 0 : 12;
        if (result == 0)
            raise(SIGKILL); /* no free, no flush, nothing after the acknowledgement */
    }
    if (strcmp(role, "get") == 0) {
        const uint8_t **payloads;
        const size_t *lens;
        wmbt_kv_borrow_t *borrow;
        int32_t rc =
            wmbt_kv_get_kv_blocks_borrowed(kv, argument, chain.hex, 5, &payloads, &lens, &borrow);
        result = rc == 1 && payloads[4][0] == 'e' ? 0 : 13;
        if (rc == 1)
            wmbt_kv_release_borrow(borrow);
    }
    wmbt_kv_free(kv);
    return result;
}

/* ABI-20 */
static void what_is_acknowledged_outlives_the_process(void **state) {
    (void)state;
    static struct abi_chain chain;
    char output[1000];
    assert_int_equal(abi_run_child("put", "outlive", output, sizeof output), killed);
    abi_chain_init(&chain, "outlive", 5);
    setenv("WMBT_KV_NAMESPACE", "outlive", 1); /* listed at start */
    wmbt_kv_handle_t *kv = abi_open();
    unsetenv("WMBT_KV_NAMESPACE");
    abi_wait_lookup(kv, "outlive", &chain, 5);
    for (size_t i = 0; i < 5; i++)
        abi_expect(kv, "outlive", chain.hex[i], &letters[i], 1);
    abi_expect_tail(kv, "outlive", chain.hex[4], "abc", 3);
    wmbt_kv_free(kv);
    assert_int_equal(abi_run_child("get", "outlive", output, sizeof output), 0);
}

/* ABI-22 */
static void another_process_is_seen_while_both_live(void **state) {
    (void)state;
    static struct abi_chain chain;
    char output[1000];
    wmbt_kv_handle_t *kv = abi_open();
    abi_chain_init(&chain, "neighbour", 5);
    assert_int_equal(abi_lookup(kv, "neighbour", &chain), 0);
    abi_expect_miss(kv, "neighbour", chain.hex[0]);
    assert_int_equal(abi_run_child("put", "neighbour", output, sizeof output), killed);
    for (size_t i = 1; i < 5; i++) /* get asks the object store, whatever lookup believed */
        abi_expect(kv, "neighbour", chain.hex[i], &letters[i], 1);
    abi_wait_lookup(kv, "neighbour", &chain, 5);
    abi_put(kv, "neighbour", chain.hex[0], "a", 1);
    assert_int_equal(abi_run_child("get", "neighbour", output, sizeof output), 0);
    wmbt_kv_free(kv);
}

/* ABI-22 */
static void two_handles_of_one_process_share_the_store(void **state) {
    (void)state;
    wmbt_kv_handle_t *one = abi_open();
    wmbt_kv_handle_t *two = abi_open();
    static struct abi_chain chain;
    abi_chain_init(&chain, "pair", 4);
    for (size_t i = 0; i < 4; i++)
        abi_put(i % 2 == 0 ? one : two, "pair", chain.hex[i], &i, sizeof i);
    for (size_t i = 0; i < 4; i++) {
        abi_expect(one, "pair", chain.hex[i], &i, sizeof i);
        abi_expect(two, "pair", chain.hex[i], &i, sizeof i);
    }
    abi_wait_lookup(one, "pair", &chain, 4);
    wmbt_kv_free(one);
    abi_wait_lookup(two, "pair", &chain, 4);
    wmbt_kv_free(two);
}

/* ABI-23 */
static void nothing_is_printed(void **state) {
    (void)state;
    char output[1000];
    setenv("WMBT_KV_NOBODY_KNOWS", "1", 1); /* worth a warning, to whoever listens */
    assert_int_equal(abi_run_child("put", "silent", output, sizeof output), killed);
    assert_string_equal(output, "");
    assert_int_equal(abi_run_child("get", "silent", output, sizeof output), 0);
    assert_string_equal(output, "");
    setenv("WMBT_KV_LOG", "warn", 1);
    assert_int_equal(abi_run_child("get", "silent", output, sizeof output), 0);
    abi_says(output, "WMBT_KV_NOBODY_KNOWS");
    unsetenv("WMBT_KV_LOG");
    unsetenv("WMBT_KV_NOBODY_KNOWS");
}

const abi_case abi_life_cases[] = {
    cmocka_unit_test(borrows_outlive_the_handle_and_end_on_any_thread),
    cmocka_unit_test(threads_share_a_handle),
    cmocka_unit_test(an_engine_loads_tail_and_blocks_at_once),
    cmocka_unit_test(a_forked_child_is_refused_and_harms_nothing),
    cmocka_unit_test(what_is_acknowledged_outlives_the_process),
    cmocka_unit_test(another_process_is_seen_while_both_live),
    cmocka_unit_test(two_handles_of_one_process_share_the_store),
    cmocka_unit_test(nothing_is_printed),
};
const size_t abi_life_count = sizeof abi_life_cases / sizeof abi_life_cases[0];
