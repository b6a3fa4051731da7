/* SPDX-License-Identifier: Apache-2.0 */
/* What suite.h promises: shared by the suite and by the programs of tests/s3. */
#include "suite.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct abi_world world;

void abi_says(const char *text, const char *part) {
    if (text == NULL || strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, text == NULL ? "(NULL)" : text);
}

void abi_last_error_says(const char *part) {
    abi_says(wmbt_kv_last_error(), part);
}

wmbt_kv_handle_t *abi_open(void) {
    wmbt_kv_handle_t *kv = wmbt_kv_init_from_env();
    if (kv == NULL)
        fail_msg("open: %s", wmbt_kv_last_error());
    return kv;
}

struct abi_hash abi_hash(const char *label, unsigned number) {
    struct abi_hash hash;
    char text[200];
    int length = snprintf(text, sizeof text, "%s %u", label, number);
    assert_int_equal(wmbt_kv_blake3_64hex((const uint8_t *)text, (size_t)length, hash.hex), 0);
    return hash;
}

void abi_chain_init(struct abi_chain *chain, const char *label, size_t count) {
    chain->count = count;
    for (size_t i = 0; i < count; i++) {
        chain->hashes[i] = abi_hash(label, (unsigned)i);
        chain->hex[i] = chain->hashes[i].hex;
    }
}

void abi_fill(uint8_t *to, size_t size, uint64_t seed) {
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        to[i] = (uint8_t)(x >> 32);
    }
}

static void must(bool good, const char *what) {
    if (!good)
        fail_msg("%s: %s", what, wmbt_kv_last_error() != NULL ? wmbt_kv_last_error() : "(miss)");
}

void abi_put(wmbt_kv_handle_t *kv, const char *ns, const char *hex, const void *bytes,
             size_t size) {
    const uint8_t *payload = bytes;
    must(wmbt_kv_put_kv_blocks(kv, ns, &hex, &payload, &size, 1) == (int64_t)size, "put");
}

void abi_expect(wmbt_kv_handle_t *kv, const char *ns, const char *hex, const void *bytes,
                size_t size) {
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    must(wmbt_kv_get_kv_blocks_borrowed(kv, ns, &hex, 1, &payloads, &lens, &borrow) == 1, "get");
    assert_int_equal(lens[0], size);
    assert_non_null(payloads[0]);
    if (size > 0 && memcmp(payloads[0], bytes, size) != 0)
        fail_msg("other bytes than were put");
    wmbt_kv_release_borrow(borrow);
}

void abi_expect_miss(wmbt_kv_handle_t *kv, const char *ns, const char *hex) {
    const uint8_t **payloads = NULL;
    const size_t *lens = NULL;
    wmbt_kv_borrow_t *borrow = NULL;
    assert_int_equal(wmbt_kv_get_kv_blocks_borrowed(kv, ns, &hex, 1, &payloads, &lens, &borrow), 0);
    assert_null(wmbt_kv_last_error());
    assert_null(payloads);
    assert_null(lens);
    assert_null(borrow);
}

void abi_put_tail(wmbt_kv_handle_t *kv, const char *ns, const char *tip, const void *bytes,
                  size_t size) {
    must(wmbt_kv_put_raw_tail(kv, ns, tip, bytes, size, NULL, 0) == 0, "put tail");
}

void abi_expect_tail(wmbt_kv_handle_t *kv, const char *ns, const char *tip, const void *bytes,
                     size_t size) {
    const uint8_t *got;
    size_t len;
    wmbt_kv_borrow_t *borrow;
    must(wmbt_kv_get_raw_tail_borrowed(kv, ns, tip, &got, &len, &borrow, NULL, 0) == 1, "get tail");
    assert_int_equal(len, size);
    assert_non_null(got);
    if (size > 0 && memcmp(got, bytes, size) != 0)
        fail_msg("other bytes than were put");
    wmbt_kv_release_borrow(borrow);
}

void abi_expect_tail_miss(wmbt_kv_handle_t *kv, const char *ns, const char *tip) {
    const uint8_t *got = NULL;
    size_t len = 77;
    wmbt_kv_borrow_t *borrow = NULL;
    char err_buf[8] = "before";
    assert_int_equal(wmbt_kv_get_raw_tail_borrowed(kv, ns, tip, &got, &len, &borrow, err_buf, 8),
                     0);
    assert_null(wmbt_kv_last_error());
    assert_string_equal(err_buf, "before");
    assert_null(got);
    assert_int_equal(len, 77);
    assert_null(borrow);
}

/* An empty segment, or one of dots. */
static bool is_folded(const char *ns) {
    for (const char *at = ns;; at += strcspn(at, "/") + 1) {
        size_t length = strcspn(at, "/");
        bool dots = length <= 2 && strspn(at, ".") >= length;
        if (dots && ns[0] != 0)
            return true;
        if (at[length] == 0)
            return false;
    }
}

bool abi_takes(wmbt_kv_handle_t *kv, const char *ns, const char *tip) {
    const uint8_t *got = NULL;
    size_t len = 0;
    wmbt_kv_borrow_t *borrow = NULL;
    if (world.folds_names && is_folded(ns))
        return false;
    if (wmbt_kv_put_raw_tail(kv, ns, tip, (const uint8_t *)"?", 1, NULL, 0) == 0) {
        abi_expect_tail(kv, ns, tip, "?", 1);
        return true;
    }
    must(world.is_picky && wmbt_kv_last_status() == WMBT_KV_STATUS_INVALID, "put tail");
    if (wmbt_kv_get_raw_tail_borrowed(kv, ns, tip, &got, &len, &borrow, NULL, 0) == 1)
        fail_msg("a tail is served whose put was refused");
    return false;
}

size_t abi_lookup(wmbt_kv_handle_t *kv, const char *ns, const struct abi_chain *chain) {
    size_t matched = SIZE_MAX;
    must(wmbt_kv_lookup_block_prefix(kv, ns, chain->hex, chain->count, &matched, NULL, 0) == 0,
         "lookup");
    return matched;
}

void abi_wait_lookup(wmbt_kv_handle_t *kv, const char *ns, const struct abi_chain *chain,
                     size_t count) {
    const struct timespec pause = {0, 5 * 1000 * 1000};
    size_t matched = 0;
    for (int turn = 0; turn < 6000; turn++) {
        matched = abi_lookup(kv, ns, chain);
        if (matched == count)
            return;
        nanosleep(&pause, NULL);
    }
    fail_msg("lookup stays at %zu of %zu", matched, count);
}

int abi_run_child(const char *role, const char *argument, char *output, size_t capacity) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        execl(world.program, world.program, world.backend, "--child", role, argument, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    size_t at = 0;
    ssize_t got;
    char byte;
    while ((got = read(ends[0], &byte, 1)) == 1) {
        if (at + 1 < capacity)
            output[at++] = byte;
    }
    if (capacity > 0)
        output[at] = 0;
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void abi_use_s3(const char *prefix) {
    static const char *const variables[][2] = {
        {"WMBT_KV_TEST_S3_ENDPOINT", "WMBT_KV_S3_ENDPOINT"},
        {"WMBT_KV_TEST_S3_BUCKET", "WMBT_KV_BUCKET"},
        {"WMBT_KV_TEST_S3_ACCESS_KEY", "WMBT_KV_S3_ACCESS_KEY"},
        {"WMBT_KV_TEST_S3_SECRET_KEY", "WMBT_KV_S3_SECRET_KEY"},
    };
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i][0]);
        if (value == NULL) {
            fprintf(stderr, "%s is not set: make test-s3 sets it\n", variables[i][0]);
            exit(2);
        }
        setenv(variables[i][1], value, 1);
    }
    setenv("WMBT_KV_S3_PREFIX", prefix, 1);
}
