/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes batches; against model_batch.c. What reads is written again as the very same bytes. */
#include "codec/bytes_batch.h"
#include "harness.h"

static enum wk_wire_kind kind_of(enum model_batch verdict) {
    switch (verdict) {
    case MODEL_BATCH_BAD_MAGIC:
        return WK_WIRE_BAD_MAGIC;
    case MODEL_BATCH_TRUNCATED:
        return WK_WIRE_TRUNCATED;
    case MODEL_BATCH_BODY_LENGTH:
        return WK_WIRE_BODY_LENGTH_MISMATCH;
    default:
        return WK_WIRE_OK;
    }
}

static void check_items(struct wk_span in, struct wk_bytes_batch batch,
                        const struct model_items *model) {
    struct wk_span item;
    CHECK(batch.count == model->count, "there are as many items as the model has");
    for (size_t i = 0; i < model->count; i++) {
        CHECK(wk_bytes_batch_next(&batch, &item), "each can be taken");
        CHECK(item.size == model->items[i].size && lies_inside(item, in) &&
                  wk_span_equal(item, model->items[i]),
              "an item is a view of the input, and the model's");
    }
    CHECK(!wk_bytes_batch_next(&batch, &item), "behind the last there is none");
}

/* The head, behind which a caller would send the items. */
static void check_written(struct wk_span in, const struct model_items *model) {
    size_t head = 0;
    size_t total = 0;
    CHECK(wk_bytes_batch_encoded_bytes(model->items, model->count, &head, &total, NULL) &&
              total == in.size && head <= total,
          "what was read takes as much room again");
    struct exact to = exact_new(head, 1);
    struct wk_writer w = wk_writer(to.bytes.data, head);
    CHECK(wk_bytes_batch_encode_head(model->items, model->count, &w, NULL), "it can be written");
    CHECK(wk_span_equal(wk_writer_span(&w), wk_span(in.data, head)), "it is the same bytes");
    size_t at = head;
    for (size_t i = 0; i < model->count; i++) {
        CHECK(model->items[i].data == in.data + at, "the items follow each other to the end");
        at += model->items[i].size;
    }
    struct wk_writer small = wk_writer(to.bytes.data, head - 1);
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    CHECK(!wk_bytes_batch_encode_head(model->items, model->count, &small, &error) &&
              error.kind == WK_WIRE_TOO_LARGE && small.at == 0 && !small.failed,
          "without the room nothing is written");
    check_wire_error(&error);
    exact_free(&to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct exact input = exact_copy(data, size);
    struct wk_span in = exact_span(&input);
    struct wk_bytes_batch batch;
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    struct model_items model;
    FILL_PATTERN(&batch);
    enum model_batch verdict = model_bytes_batch(in, &model);
    bool good = wk_bytes_batch_decode(in, &batch, &error);
    CHECK(good == (verdict == MODEL_BATCH_READS), "the verdict is that of the model");
    if (good) {
        check_items(in, batch, &model);
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
