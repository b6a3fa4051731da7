/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hit through the public functions, beside the same hit through the backend's operations.
 *
 *   abi       64 hex digits per hash in, borrow out, borrow released: what an engine pays
 *   backend   binary hashes in, leases out, leases released: what the store itself costs
 *
 * Goal: 16 x 512 KiB in at most 5 us. Both on their own store, over a host store that keeps
 * nothing, so that every value comes out of RAM. Each round runs all contenders one after the
 * other; ratios are taken within a round.
 */
#define WMBT_KV_EXPERIMENTAL
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "measure.h"
#include "env/env.h"
#include "store/store.h"
#include "wombatkv.h"

#define TIMES  2000
#define BLOCKS 16
#define LARGE  (512u * 1024)
#define SMALL  4096u

static uint8_t *payload;

static void stop(const char *why) {
    fprintf(stderr, "%s\n", why != NULL ? why : "a hit was none");
    exit(1);
}

/* ---- a host store that keeps nothing ---- */

static int host_get(void *ctx, const uint8_t *key, size_t key_len, uint8_t **value, size_t *len) {
    (void)ctx, (void)key, (void)key_len, (void)value, (void)len;
    return 1;
}

static int host_set(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
                    size_t len) {
    (void)ctx, (void)key, (void)key_len, (void)value, (void)len;
    return 0;
}

static void host_free(void *ctx, void *buf) {
    (void)ctx, (void)buf;
}

static const wmbt_kv_callbacks host = {.size = sizeof(wmbt_kv_callbacks),
                                       .flags = WMBT_KV_CALLBACKS_THREAD_SAFE,
                                       .get = host_get,
                                       .set = host_set,
                                       .free_buf = host_free};

static void null_batch(struct wk_objects *objects, const struct wk_object_request *requests,
                       struct wk_object_result *results, size_t count, uint32_t parallel,
                       uint64_t deadline_ns, const wk_atomic_u32 *cancel) {
    (void)objects, (void)parallel, (void)deadline_ns, (void)cancel;
    for (size_t i = 0; i < count; i++)
        results[i].class = requests[i].verb == WK_OBJECT_PUT ? WK_OBJECT_OK : WK_OBJECT_ABSENT;
}

static void null_close(struct wk_objects *objects) {
    (void)objects;
}

static const struct wk_objects_ops null_ops = {null_batch, NULL, null_close};
static struct wk_objects null_objects = {&null_ops, WK_OBJECTS_CHECKSUM | WK_OBJECTS_CONCURRENT};

/* ---- both ways in ---- */

struct names {
    struct wk_block_hash hashes[BLOCKS];
    char texts[BLOCKS][WK_HASH_HEX_CHARS + 1];
    const char *hex[BLOCKS];
    size_t count;
    size_t size;
};

static void name_blocks(struct names *names, size_t count, size_t size) {
    names->count = count;
    names->size = size;
    for (size_t i = 0; i < count; i++) {
        char text[32];
        size_t length = wk_format(text, sizeof text, "%zu blocks %zu", count, i);
        wmbt_kv_blake3_64hex((const uint8_t *)text, length, names->texts[i]);
        names->hex[i] = names->texts[i];
        if (!wk_hex_decode(wk_span_text(names->hex[i]), names->hashes[i].bytes, NULL))
            stop("not hex");
    }
}

static wmbt_kv_handle_t *open_abi(void) {
    wmbt_kv_config config;
    wmbt_kv_config_init(&config, sizeof config);
    config.ram_bytes = 256u << 20;
    config.compress = WMBT_KV_COMPRESS_OFF;
    config.scrub_interval_ms = 3600u * 1000;
    wmbt_kv_handle_t *kv = wmbt_kv_open_callbacks(&host, &config);
    if (kv == NULL)
        stop(wmbt_kv_last_error());
    return kv;
}

static struct wk_backend *open_backend(void) {
    struct wk_store_config config = {.objects = &null_objects,
                                     .s3_prefix = "kv/bench",
                                     .ns = "default",
                                     .ram_bytes = 256u << 20,
                                     .parallel = 8,
                                     .index_nodes_max = 1000000,
                                     .scrub_interval_ns = 3600ull * 1000000000};
    struct wk_backend *b = NULL;
    struct wk_error err;
    wk_error_clear(&err);
    if (wk_store_open(wk_env_current(), &config, &b, &err) != WK_OK)
        stop(err.text);
    return b;
}

static void save(wmbt_kv_handle_t *kv, struct wk_backend *b, const struct names *names) {
    const uint8_t *payloads[BLOCKS];
    size_t lens[BLOCKS];
    struct wk_span spans[BLOCKS];
    for (size_t i = 0; i < names->count; i++) {
        payloads[i] = payload + i * LARGE;
        lens[i] = names->size;
        spans[i] = wk_span(payloads[i], lens[i]);
    }
    if (wmbt_kv_put_kv_blocks(kv, "default", names->hex, payloads, lens, names->count) < 0)
        stop(wmbt_kv_last_error());
    if (b->ops->put(b, wk_span_text("default"), names->hashes, spans, names->count, NULL) != WK_OK)
        stop("put failed");
}

static double abi_hit_us(wmbt_kv_handle_t *kv, const struct names *names) {
    double start = now_us();
    for (int i = 0; i < TIMES; i++) {
        const uint8_t **payloads;
        const size_t *lens;
        wmbt_kv_borrow_t *borrow;
        if (wmbt_kv_get_kv_blocks_borrowed(kv, "default", names->hex, names->count, &payloads,
                                           &lens, &borrow) != 1)
            stop(wmbt_kv_last_error());
        wmbt_kv_release_borrow(borrow);
    }
    return (now_us() - start) / TIMES;
}

static double backend_hit_us(struct wk_backend *b, const struct names *names) {
    struct wk_block_result results[BLOCKS];
    double start = now_us();
    for (int i = 0; i < TIMES; i++) {
        if (b->ops->get(b, wk_span_text("default"), names->hashes, names->count, WK_GET_ALL,
                        WK_FOREVER, results, NULL) != WK_OK ||
            results[0].tier != WK_TIER_RAM)
            stop(NULL);
        b->ops->release(b, results, names->count);
    }
    return (now_us() - start) / TIMES;
}

static void bench(wmbt_kv_handle_t *kv, struct wk_backend *b, size_t count, size_t size,
                  const char *what) {
    static double abi[ROUNDS];
    static double backend[ROUNDS];
    static double ratio[ROUNDS];
    static struct names names;
    char line[96];
    name_blocks(&names, count, size);
    save(kv, b, &names);
    for (int r = 0; r < ROUNDS; r++) {
        abi[r] = abi_hit_us(kv, &names);
        backend[r] = backend_hit_us(b, &names);
        ratio[r] = abi[r] / backend[r];
    }
    snprintf(line, sizeof line, "hit %s, hex in, borrow out, released", what);
    print_row(line, "us", abi);
    snprintf(line, sizeof line, "hit %s, backend alone", what);
    print_row(line, "us", backend);
    print_row("  public functions against backend", "x", ratio);
}

int main(void) {
    uint64_t x = 88172645463325252ull;
    const size_t bytes = (size_t)BLOCKS * LARGE;
    payload = malloc(bytes);
    if (payload == NULL)
        return 1;
    for (size_t i = 0; i < bytes; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        payload[i] = (uint8_t)(x >> 32);
    }
    wmbt_kv_handle_t *kv = open_abi();
    struct wk_backend *b = open_backend();
    printf("%-52s %10s %10s %10s\n", "", "min", "median", "max");
    bench(kv, b, 1, SMALL, "1 x 4 KiB");
    bench(kv, b, BLOCKS, LARGE, "16 x 512 KiB");
    wmbt_kv_free(kv);
    b->ops->close(b);
    free(payload);
    return 0;
}
