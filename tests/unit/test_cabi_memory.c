/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of memory in the whole library: every public call over the real store, a real directory and
 * the real environment, with the k-th allocation failing, for every k that is reached.
 */
#include "unit/cmocka_all.h"

#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cabi/handle.h"
#include "env/posix/posix.h"

/* ---- the process's environment, with allocations that fail ---- */

static struct wk_env env;
static _Atomic long allocations;
static _Atomic long fail_at; /* 0: none */

struct wk_env *wk_env_current(void) {
    return &env;
}

static bool fails(void) {
    long at = atomic_fetch_add(&allocations, 1) + 1;
    return at == atomic_load(&fail_at);
}

static void *failing_alloc(struct wk_env *e, enum wk_mem_owner owner, size_t size) {
    return fails() ? NULL : wk_posix_mem.alloc(e, owner, size);
}

static void *failing_map(struct wk_env *e, enum wk_mem_owner owner, size_t size) {
    return fails() ? NULL : wk_posix_mem.map(e, owner, size);
}

static void make_environment(void) {
    static struct wk_env_mem mem;
    mem = wk_posix_mem;
    mem.alloc = failing_alloc;
    mem.map = failing_map;
    env = *wk_env_posix();
    env.mem = &mem;
}

static uint64_t in_use(void) {
    uint64_t sum = 0;
    for (int owner = 0; owner < WK_MEM_OWNER_COUNT; owner++)
        sum += env.mem->in_use(&env, (enum wk_mem_owner)owner);
    return sum;
}

/* ---- every call ---- */

#define HEX_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

static const char *const hex[] = {HEX_A, HEX_B, HEX_C};
static const uint8_t *const payloads[] = {(const uint8_t *)"one", (const uint8_t *)"two!", NULL};
static const size_t lens[] = {3, 4, 0};

/* Whatever a borrow holds is what was put. */
static void check_block(size_t i, const uint8_t *bytes, size_t len) {
    assert_int_equal(len, lens[i]);
    if (len > 0)
        assert_memory_equal(bytes, payloads[i], len);
}

static void get_all(wmbt_kv_handle_t *kv, bool whole) {
    const uint8_t **got = NULL;
    const size_t *got_lens = NULL;
    wmbt_kv_borrow_t *borrow = NULL;
    wmbt_kv_block_result results[3];
    int32_t rc = wmbt_kv_get_kv_blocks_borrowed(kv, "ns", hex, 3, &got, &got_lens, &borrow);
    assert_true(rc == 1 || !whole);
    for (size_t i = 0; rc == 1 && i < 3; i++)
        check_block(i, got[i], got_lens[i]);
    if (rc == 1)
        wmbt_kv_release_borrow(borrow);
    else if (rc == -1)
        assert_non_null(wmbt_kv_last_error());
    int64_t found =
        wmbt_kv_get_kv_blocks_partial(kv, "ns", hex, 3, -1, results, &got, &got_lens, &borrow);
    assert_true(found == 3 || !whole);
    for (size_t i = 0; found >= 0 && i < 3; i++) {
        if (results[i].status == WMBT_KV_STATUS_OK)
            check_block(i, got[i], got_lens[i]);
    }
    if (found >= 0)
        wmbt_kv_release_borrow(borrow);
}

static void get_tail(wmbt_kv_handle_t *kv, bool whole) {
    const uint8_t *bytes = NULL;
    size_t len = 0;
    wmbt_kv_borrow_t *borrow = NULL;
    int32_t rc = wmbt_kv_get_raw_tail_borrowed(kv, "ns", HEX_C, &bytes, &len, &borrow, NULL, 0);
    assert_true(rc == 1 || !whole);
    if (rc != 1)
        return;
    assert_int_equal(len, 4);
    assert_memory_equal(bytes, "tail", 4);
    wmbt_kv_release_borrow(borrow);
}

static void call_all(wmbt_kv_handle_t *kv, bool whole) {
    size_t matched = 0;
    wmbt_kv_block_result results[3];
    char text[64];
    int64_t put = wmbt_kv_put_kv_blocks(kv, "ns", hex, payloads, lens, 3);
    assert_true(put == 7 || (put == -1 && !whole));
    int32_t rc = wmbt_kv_put_raw_tail(kv, "ns", HEX_C, (const uint8_t *)"tail", 4, NULL, 0);
    assert_true(rc == 0 || (rc == -1 && !whole));
    rc = wmbt_kv_lookup_block_prefix(kv, "ns", hex, 3, &matched, NULL, 0);
    assert_true((rc == 0 && (matched == 3 || !whole)) || (rc == -1 && !whole));
    get_all(kv, whole);
    get_tail(kv, whole);
    int64_t there = wmbt_kv_contains_blocks(kv, "ns", hex, 3, -1, results);
    assert_true(there == 3 || !whole);
    int64_t length = wmbt_kv_stats_json(kv, text, sizeof text);
    assert_true(length > 0 || !whole);
    rc = wmbt_kv_flush(kv, 10000, NULL);
    assert_true(rc == 0 || !whole);
}

/* ---- the loop ---- */

static char directory[64];

static wmbt_kv_handle_t *open_directory(void) {
    char endpoint[128];
    wmbt_kv_config config;
    snprintf(endpoint, sizeof endpoint, "file://%s", directory);
    assert_int_equal(wmbt_kv_config_init(&config, sizeof config), 0);
    config.bucket = "b";
    config.s3_endpoint = endpoint;
    config.namespace_ = "ns";
    config.s3_runtime_threads = 2;
    config.scrub_interval_ms = 0;
    config.ram_bytes = 16u << 20;
    return wmbt_kv_open(&config);
}

/* One life of a handle with allocation k failing; true when it was reached. */
static bool one_life(long k) {
    atomic_store(&allocations, 0);
    atomic_store(&fail_at, k);
    wmbt_kv_handle_t *kv = open_directory();
    if (kv == NULL) {
        assert_non_null(wmbt_kv_last_error());
        atomic_store(&fail_at, 0);
        return true;
    }
    call_all(kv, false);
    bool reached = k != 0 && atomic_load(&allocations) >= k;
    atomic_store(&fail_at, 0);
    call_all(kv, true); /* nothing is left of it */
    wmbt_kv_free(kv);
    return reached;
}

/* ABI-14 */
static void any_allocation_may_fail_in_any_call(void **state) {
    (void)state;
    one_life(0);
    wmbt_kv_open_tcp(NULL); /* this thread's last error has its memory now */
    uint64_t before = in_use();
    long k = 1;
    while (one_life(k)) {
        if (in_use() != before)
            fail_msg("%llu bytes stay when allocation %ld fails",
                     (unsigned long long)(in_use() - before), k);
        k++;
    }
    print_message("%ld allocations, each failed once\n", k - 1);
    assert_true(k > 20); /* the loop did something */
    assert_int_equal(in_use(), before);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw) {
    (void)info;
    (void)kind;
    (void)ftw;
    return remove(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_may_fail_in_any_call),
    };
    make_environment();
    /* In memory where there is such a place: thousands of syncs are not what is tested. */
    snprintf(directory, sizeof directory, "%s/wombatkv-memory-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(directory) == NULL)
        return 2;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return failed;
}
