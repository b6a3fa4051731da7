/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backend in memory, for tests of the ABI above it: a list of entries, pins that are counted, and
 * answers that a test can dictate. It takes the place of the store, so include it in one file.
 */
#ifndef WK_TESTS_FAKE_STORE_H
#define WK_TESTS_FAKE_STORE_H

#include "store/store.h"
#include "unit/fake_env.h"

#define FAKE_ENTRIES 64

struct fake_entry {
    char ns[WK_NAMESPACE_BYTES_MAX + 1];
    uint8_t key[64]; /* a block's 32 bytes, or a tip */
    size_t key_size;
    uint8_t *bytes;
    size_t size;
};

static struct {
    struct wk_backend backend;
    struct fake_entry entries[FAKE_ENTRIES];
    size_t count;
    long pins;
    bool open;
    int calls;
    enum wk_status answer;   /* not OK: every call answers this, */
    const char *answer_text; /* with this text; NULL none */
    uint64_t pending;
    size_t stats_bytes;            /* that many letters instead of the object */
    uint64_t deadline_ns;          /* of the last call that had one */
    struct wk_store_config config; /* of the last open; texts below */
    char prefix[300];
    char ns[600];
    bool refuse_open;
} fake_store;

static enum wk_status fake_answer(struct wk_error *err) {
    fake_store.calls++;
    if (fake_store.answer == WK_OK || fake_store.answer == WK_MISS ||
        fake_store.answer_text == NULL)
        return fake_store.answer;
    return wk_fail(err, fake_store.answer, "%s", fake_store.answer_text);
}

static struct fake_entry *fake_find(struct wk_span ns, const void *key, size_t key_size) {
    for (size_t i = 0; i < fake_store.count; i++) {
        struct fake_entry *e = &fake_store.entries[i];
        if (wk_span_equal(wk_span_text(e->ns), ns) && e->key_size == key_size &&
            memcmp(e->key, key, key_size) == 0)
            return e;
    }
    return NULL;
}

static void fake_keep(struct wk_span ns, const void *key, size_t key_size, struct wk_span bytes) {
    struct fake_entry *e = fake_find(ns, key, key_size);
    if (e == NULL) {
        e = &fake_store.entries[fake_store.count++];
        memcpy(e->ns, ns.data, ns.size);
        e->ns[ns.size] = 0;
        memcpy(e->key, key, key_size);
        e->key_size = key_size;
        e->bytes = NULL;
    }
    free(e->bytes);
    e->bytes = malloc(bytes.size + 1);
    if (bytes.size > 0)
        memcpy(e->bytes, bytes.data, bytes.size);
    e->size = bytes.size;
}

static void fake_pin(struct fake_entry *e, struct wk_block_result *out) {
    if (e == NULL) {
        out->status = WK_MISS;
        return;
    }
    out->status = WK_OK;
    out->tier = WK_TIER_RAM;
    /* As a real arena may: no pointer for no bytes. */
    out->bytes = wk_span(e->size > 0 ? e->bytes : NULL, e->size);
    fake_store.pins++;
}

static enum wk_status fake_lookup(struct wk_backend *b, struct wk_span ns,
                                  const struct wk_block_hash *hashes, size_t count,
                                  size_t *out_matched, struct wk_error *err) {
    (void)b;
    enum wk_status status = fake_answer(err);
    if (status != WK_OK)
        return status;
    size_t matched = 0;
    while (matched < count && fake_find(ns, hashes[matched].bytes, WK_HASH_BYTES) != NULL)
        matched++;
    *out_matched = matched;
    return WK_OK;
}

static void fake_release_results(struct wk_backend *b, const struct wk_block_result *results,
                                 size_t count) {
    (void)b;
    for (size_t i = 0; i < count; i++)
        fake_store.pins -= results[i].status == WK_OK;
}

static enum wk_status fake_get_blocks(struct wk_backend *b, struct wk_span ns,
                                      const struct wk_block_hash *hashes, size_t count,
                                      enum wk_get_mode mode, uint64_t deadline_ns,
                                      struct wk_block_result *results, struct wk_error *err) {
    fake_store.deadline_ns = deadline_ns;
    enum wk_status status = fake_answer(err);
    if (status != WK_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        fake_pin(fake_find(ns, hashes[i].bytes, WK_HASH_BYTES), &results[i]);
        if (results[i].status == WK_MISS)
            status = WK_MISS;
    }
    if (mode == WK_GET_PARTIAL)
        return WK_OK;
    if (status != WK_OK)
        fake_release_results(b, results, count);
    return status;
}

static enum wk_status fake_contains(struct wk_backend *b, struct wk_span ns,
                                    const struct wk_block_hash *hashes, size_t count,
                                    uint64_t deadline_ns, struct wk_block_result *results,
                                    struct wk_error *err) {
    enum wk_status status =
        fake_get_blocks(b, ns, hashes, count, WK_GET_PARTIAL, deadline_ns, results, err);
    if (status == WK_OK)
        fake_release_results(b, results, count);
    return status;
}

static enum wk_status fake_put(struct wk_backend *b, struct wk_span ns,
                               const struct wk_block_hash *hashes, const struct wk_span *payloads,
                               size_t count, struct wk_error *err) {
    (void)b;
    enum wk_status status = fake_answer(err);
    for (size_t i = 0; i < count && status == WK_OK; i++)
        fake_keep(ns, hashes[i].bytes, WK_HASH_BYTES, payloads[i]);
    return status;
}

static enum wk_status fake_get_tail(struct wk_backend *b, struct wk_span ns, struct wk_span tip,
                                    uint64_t deadline_ns, struct wk_block_result *out,
                                    struct wk_error *err) {
    (void)b;
    fake_store.deadline_ns = deadline_ns;
    enum wk_status status = fake_answer(err);
    if (status != WK_OK)
        return status;
    fake_pin(fake_find(ns, tip.data, tip.size), out);
    return out->status;
}

static enum wk_status fake_put_tail(struct wk_backend *b, struct wk_span ns, struct wk_span tip,
                                    struct wk_span payload, struct wk_error *err) {
    (void)b;
    enum wk_status status = fake_answer(err);
    if (status == WK_OK)
        fake_keep(ns, tip.data, tip.size, payload);
    return status;
}

static enum wk_status fake_flush(struct wk_backend *b, uint64_t deadline_ns, uint64_t *out_pending,
                                 struct wk_error *err) {
    (void)b;
    fake_store.deadline_ns = deadline_ns;
    *out_pending = fake_store.pending;
    if (fake_store.pending > 0)
        return WK_TIMEOUT;
    return fake_answer(err);
}

static void fake_stats(struct wk_backend *b,
                       void (*each)(void *ctx, const char *name, uint64_t value), void *ctx) {
    (void)b;
    each(ctx, "blocks", 1);
    for (size_t i = 0; i < fake_store.stats_bytes; i++)
        each(ctx, "x", i);
}

static void fake_close(struct wk_backend *b) {
    (void)b;
    fake_store.open = false;
}

/* Instead of the store's. */
enum wk_status wk_store_open(struct wk_env *env, const struct wk_store_config *config,
                             struct wk_backend **out, struct wk_error *err) {
    static const struct wk_backend_ops ops = {.lookup = fake_lookup,
                                              .contains = fake_contains,
                                              .get = fake_get_blocks,
                                              .put = fake_put,
                                              .get_tail = fake_get_tail,
                                              .put_tail = fake_put_tail,
                                              .flush = fake_flush,
                                              .stats = fake_stats,
                                              .release = fake_release_results,
                                              .close = fake_close};
    (void)env;
    if (fake_store.refuse_open)
        return wk_fail(err, WK_NO_MEMORY, "the store does not want to open");
    fake_store.config = *config;
    snprintf(fake_store.prefix, sizeof fake_store.prefix, "%s", config->s3_prefix);
    snprintf(fake_store.ns, sizeof fake_store.ns, "%s", config->ns);
    fake_store.backend.ops = &ops;
    fake_store.open = true;
    *out = &fake_store.backend;
    return WK_OK;
}

static void fake_store_reset(void) {
    for (size_t i = 0; i < fake_store.count; i++)
        free(fake_store.entries[i].bytes);
    memset(&fake_store, 0, sizeof fake_store);
}

#endif
