/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests of large values; against model_manifest.c. */
#include "codec/large_value.h"
#include "harness.h"

static enum wk_wire_kind kind_of(enum model_manifest verdict) {
    switch (verdict) {
    case MODEL_NO_MANIFEST:
        return WK_WIRE_SYNTAX;
    case MODEL_VALUE_TOO_LARGE:
        return WK_WIRE_TOO_LARGE;
    case MODEL_OTHER_CHUNKS:
        return WK_WIRE_BODY_LENGTH_MISMATCH;
    case MODEL_MANIFEST:
        break;
    }
    return WK_WIRE_OK;
}

/* The chunks follow each other and end where the value does. LARGE-1 */
static void check_chunks(const struct wk_large_value *large) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < large->chunks; i++) {
        uint64_t size = wk_large_value_chunk_bytes(large, i);
        CHECK(size > 0 && (size == 4190192 || i + 1 == large->chunks),
              "every chunk but the last is full");
        total += size;
    }
    CHECK(total == large->total_bytes, "together they are the value");
    CHECK(wk_large_value_chunk_bytes(large, large->chunks) == 0, "behind the last is none");
    char key[WK_LARGE_CHUNK_KEY_BYTES + 1];
    char want[256];
    uint32_t last = large->chunks > 0 ? large->chunks - 1 : 0;
    wk_large_value_chunk_key(large, last, key);
    snprintf(want, sizeof want, "__wmbt_kv_shm_large/%s/%08u", large->id, last);
    CHECK(strcmp(key, want) == 0, "the key of a chunk is that of LARGE-1");
}

/* LARGE-2 */
static void check_written(const struct wk_large_value *large) {
    char text[WK_LARGE_MANIFEST_BYTES_MAX + 1];
    char want[256];
    size_t size = wk_large_value_manifest(large, text);
    snprintf(want, sizeof want, "WMBT_KV_SHM_LARGE_V1\n%s\n%llu\n%u\n", large->id,
             (unsigned long long)large->total_bytes, large->chunks);
    CHECK(strlen(text) == size && strcmp(text, want) == 0, "it is written as LARGE-2 says");
    struct wk_large_value again;
    CHECK(wk_large_value_parse(wk_span(text, size), &again, NULL) &&
              strcmp(again.id, large->id) == 0 && again.total_bytes == large->total_bytes &&
              again.chunks == large->chunks,
          "what was written reads as the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct exact input = exact_copy(data, size);
    struct wk_span value = exact_span(&input);
    struct wk_large_value large;
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    struct wk_span id;
    uint64_t total;
    uint64_t chunks;
    FILL_PATTERN(&large);
    CHECK(wk_large_value_is_manifest(value) == model_is_manifest(value),
          "what is a manifest is what the model says");
    enum model_manifest verdict = model_manifest_read(value, &id, &total, &chunks);
    bool good = wk_large_value_parse(value, &large, &error);
    CHECK(good == (verdict == MODEL_MANIFEST), "the verdict is that of the model");
    if (good) {
        CHECK(memcmp(large.id, id.data, 64) == 0 && large.id[64] == 0, "the id is the model's");
        CHECK(large.total_bytes == total && large.chunks == chunks, "so are the numbers");
        check_chunks(&large);
        check_written(&large);
    } else {
        CHECK(error.kind == kind_of(verdict), "the fault is the model's");
        check_wire_error(&error);
        CHECK_PATTERN(&large);
    }
    exact_free(&input);
    return 0;
}
