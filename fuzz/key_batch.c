/* SPDX-License-Identifier: Apache-2.0 */
/* Key batches; against model_batch.c. What reads is written again as the very same bytes. */
#include "codec/key_batch.h"
#include "harness.h"

static enum wk_wire_kind kind_of(enum model_batch verdict) {
    switch (verdict) {
    case MODEL_BATCH_BAD_MAGIC:
        return WK_WIRE_BAD_MAGIC;
    case MODEL_BATCH_TRUNCATED:
        return WK_WIRE_TRUNCATED;
    case MODEL_BATCH_NO_UTF8:
        return WK_WIRE_UTF8;
    case MODEL_BATCH_TRAILING:
        return WK_WIRE_TRAILING_BYTES;
    default:
        return WK_WIRE_OK;
    }
}

static void check_keys(struct wk_span in, struct wk_key_batch batch,
                       const struct model_items *model) {
    struct wk_span key;
    CHECK(batch.count == model->count, "there are as many keys as the model has");
    for (size_t i = 0; i < model->count; i++) {
        CHECK(wk_key_batch_next(&batch, &key), "each can be taken");
        CHECK(key.size == model->items[i].size && lies_inside(key, in) &&
                  wk_span_equal(key, model->items[i]),
              "a key is a view of the input, and the model's");
    }
    CHECK(!wk_key_batch_next(&batch, &key), "behind the last there is none");
}

static void check_written(struct wk_span in, const struct model_items *model) {
    size_t size = 0;
    CHECK(wk_key_batch_encoded_bytes(model->items, model->count, &size, NULL) && size == in.size,
          "what was read takes as much room again");
    struct exact to = exact_new(size, 1);
    struct wk_writer w = wk_writer(to.bytes.data, size);
    CHECK(wk_key_batch_encode(model->items, model->count, &w, NULL), "it can be written");
    CHECK(wk_span_equal(wk_writer_span(&w), in), "it is the same bytes");
    struct wk_writer small = wk_writer(to.bytes.data, size - 1);
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    CHECK(!wk_key_batch_encode(model->items, model->count, &small, &error) &&
              error.kind == WK_WIRE_TOO_LARGE && small.at == 0 && !small.failed,
          "without the room nothing is written");
    check_wire_error(&error);
    exact_free(&to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct exact input = exact_copy(data, size);
    struct wk_span in = exact_span(&input);
    struct wk_key_batch batch;
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    struct model_items model;
    FILL_PATTERN(&batch);
    enum model_batch verdict = model_key_batch(in, &model);
    bool good = wk_key_batch_decode(in, &batch, &error);
    CHECK(good == (verdict == MODEL_BATCH_READS), "the verdict is that of the model");
    if (good) {
        check_keys(in, batch, &model);
        check_written(in, &model);
    } else {
        CHECK(error.kind == kind_of(verdict), "the first fault is the model's");
        check_wire_error(&error);
        CHECK_PATTERN(&batch);
    }
    free(model.items);
    exact_free(&input);
    return 0;
}
