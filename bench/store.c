/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedded store through its backend operations.
 *
 *   hit    1 x 4 KiB and 16 x 512 KiB out of RAM, lease and release included; goal: 16 x 512 KiB in
 *          at most 5 us, and a cost that does not grow with the bytes (beside a memcpy of them)
 *   save   16 x 512 KiB, incompressible and new each time, beside a memcpy of the same bytes:
 *          into objects that keep nothing (what the store itself costs), and into a directory
 *
 * The scrubber's thread is alive, so that locks cost what they cost in a process with threads.
 * Each round runs all contenders one after the other; ratios are taken within a round.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "measure.h"
#include "env/dir/dir.h"
#include "env/env.h"
#include "store/store.h"

#define BLOCKS 16
#define LARGE  (512u * 1024)
#define SMALL  4096u

static struct wk_env *env;
static uint8_t *payload;
static uint8_t *copy;

/* ---- objects that keep nothing ---- */

static void null_batch(struct wk_objects *objects, const struct wk_object_request *requests,
                       struct wk_object_result *results, size_t count, uint32_t parallel,
                       uint64_t deadline_ns, const wk_atomic_u32 *cancel) {
    (void)objects;
    (void)parallel;
    (void)deadline_ns;
    (void)cancel;
    for (size_t i = 0; i < count; i++)
        results[i].class = requests[i].verb == WK_OBJECT_PUT ? WK_OBJECT_OK : WK_OBJECT_ABSENT;
}

static void null_close(struct wk_objects *objects) {
    (void)objects;
}

static const struct wk_objects_ops null_ops = {null_batch, NULL, null_close};
static struct wk_objects null_objects = {&null_ops, WK_OBJECTS_CHECKSUM | WK_OBJECTS_CONCURRENT};

/* ---- stores ---- */

static struct wk_backend *open_store(struct wk_objects *objects) {
    struct wk_store_config config = {.objects = objects,
                                     .s3_prefix = "kv/bench",
                                     .ns = "default",
                                     .ram_bytes = 256u << 20,
                                     .compress_level = 3,
                                     .parallel = 8,
                                     .retries = 2,
                                     .retry_backoff_ns = 1000000,
                                     .index_nodes_max = 1000000,
                                     .scrub_interval_ns = 3600ull * 1000000000};
    struct wk_backend *b = NULL;
    struct wk_error err;
    wk_error_clear(&err);
    if (wk_store_open(env, &config, &b, &err) != WK_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return b;
}

static struct wk_objects *open_dir(const char *root) {
    char endpoint[256];
    struct wk_objects *objects = NULL;
    struct wk_error err;
    wk_error_clear(&err);
    snprintf(endpoint, sizeof endpoint, "file://%s", root);
    struct wk_objects_config config = {.endpoint = endpoint, .bucket = "bench", .threads = 8};
    if (wk_dir_objects_open(env, &config, &objects, &err) != WK_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    return objects;
}

static void name_blocks(struct wk_block_hash *hashes, size_t count, uint64_t salt) {
    for (size_t i = 0; i < count; i++) {
        uint64_t x = (salt * 1000003 + i + 1) * 0x9e3779b97f4a7c15ull;
        for (size_t k = 0; k < sizeof hashes[i].bytes; k++) {
            x ^= x >> 29;
            x *= 0xbf58476d1ce4e5b9ull;
            hashes[i].bytes[k] = (uint8_t)(x >> 56);
        }
    }
}

static void save(struct wk_backend *b, const struct wk_block_hash *hashes, size_t count,
                 size_t size) {
    struct wk_span spans[BLOCKS];
    struct wk_error err;
    wk_error_clear(&err);
    for (size_t i = 0; i < count; i++)
        spans[i] = wk_span(payload + i * LARGE, size);
    if (b->ops->put(b, wk_span_text("default"), hashes, spans, count, &err) != WK_OK) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
}

/* ---- hits ---- */

static double hit_us(struct wk_backend *b, const struct wk_block_hash *hashes, size_t count) {
    enum { TIMES = 2000 };
    struct wk_block_result results[BLOCKS];
    double start = now_us();
    for (int i = 0; i < TIMES; i++) {
        if (b->ops->get(b, wk_span_text("default"), hashes, count, WK_GET_ALL, WK_FOREVER, results,
                        NULL) != WK_OK ||
            results[0].tier != WK_TIER_RAM)
            exit(1);
        b->ops->release(b, results, count);
    }
    return (now_us() - start) / TIMES;
}

static double memcpy_us(void) {
    double start = now_us();
    memcpy(copy, payload, (size_t)BLOCKS * LARGE);
    __asm__ __volatile__("" ::"r"(copy) : "memory");
    return now_us() - start;
}

static void bench_hits(void) {
    static double small[ROUNDS];
    static double large[ROUNDS];
    static double per_block[ROUNDS];
    static double copies[ROUNDS];
    struct wk_block_hash hashes[BLOCKS];
    struct wk_block_hash one;
    struct wk_backend *b = open_store(&null_objects);
    name_blocks(hashes, BLOCKS, 1);
    name_blocks(&one, 1, 2);
    save(b, hashes, BLOCKS, LARGE);
    save(b, &one, 1, SMALL);
    for (int r = 0; r < ROUNDS; r++) {
        small[r] = hit_us(b, &one, 1);
        large[r] = hit_us(b, hashes, BLOCKS);
        per_block[r] = large[r] / BLOCKS / small[r];
        copies[r] = large[r] / memcpy_us();
    }
    print_row("hit 1 x 4 KiB, lease and release", "us", small);
    print_row("hit 16 x 512 KiB, lease and release (goal: 5)", "us", large);
    print_row("  per block, against 1 x 4 KiB", "x", per_block);
    print_row("  against memcpy of the 8 MiB", "x", copies);
    b->ops->close(b);
}

/* ---- saves ---- */

static double save_us(struct wk_backend *b, uint64_t salt) {
    struct wk_block_hash hashes[BLOCKS];
    name_blocks(hashes, BLOCKS, salt);
    double start = now_us();
    save(b, hashes, BLOCKS, LARGE);
    return now_us() - start;
}

static void bench_saves(const char *root) {
    static double copies[ROUNDS];
    static double null_ratio[ROUNDS];
    static double dir_ratio[ROUNDS];
    struct wk_backend *none = open_store(&null_objects);
    struct wk_backend *dir = open_store(open_dir(root));
    for (uint64_t warm = 0; warm < 40; warm++) /* the arena's pages are touched */
        save_us(none, 1000 + warm);
    for (uint64_t warm = 0; warm < 5; warm++)
        save_us(dir, 1000 + warm);
    for (int r = 0; r < ROUNDS; r++) {
        copies[r] = memcpy_us();
        null_ratio[r] = save_us(none, 2000 + (uint64_t)r) / copies[r];
        dir_ratio[r] = save_us(dir, 2000 + (uint64_t)r) / copies[r];
    }
    print_row("memcpy of 8 MiB", "us", copies);
    print_row("save 16 x 512 KiB, objects that keep nothing", "x memcpy", null_ratio);
    print_row("save 16 x 512 KiB, a directory, synced", "x memcpy", dir_ratio);
    none->ops->close(none);
    dir->ops->close(dir);
}

int main(int argc, char **argv) {
    char root[] = "/tmp/wk-bench-store-XXXXXX";
    char command[64];
    uint64_t x = 88172645463325252ull;
    const size_t bytes = (size_t)BLOCKS * LARGE;
    env = wk_env_current();
    payload = malloc(bytes);
    copy = malloc(bytes);
    if (payload == NULL || copy == NULL || mkdtemp(root) == NULL)
        return 1;
    for (size_t i = 0; i < bytes; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        payload[i] = (uint8_t)(x >> 32);
    }
    memcpy(copy, payload, bytes);
    printf("%-52s %10s %10s %10s\n", "", "min", "median", "max");
    bench_hits();
    bench_saves(argc > 1 ? argv[1] : root);
    snprintf(command, sizeof command, "rm -rf %s", root);
    int removed = system(command);
    free(payload);
    free(copy);
    return removed == 0 ? 0 : 1;
}
