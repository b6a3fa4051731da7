/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of objects, read; against model_body.c. The input is a body. */
#include "codec/body.h"
#include "harness.h"

#define DECODED_MAX (1024u * 1024) /* of payload; more than that is inspected only */

static void check_info(struct wk_span body, const struct wk_body_info *info) {
    CHECK(info->raw_bytes <= WK_PAYLOAD_BYTES_MAX, "no payload is over the limit");
    CHECK(info->raw_bytes <= body.size * 32768ull, "BODY-8: no claim beyond what a body can hold");
    CHECK(info->wrapped || info->raw_bytes == body.size, "a verbatim body is its payload");
    CHECK(info->wrapped || wk_reuse_states_nothing(&info->stated), "and states nothing");
    if (body.size <= WK_BODY_HEAD_BYTES)
        return;
    /* From its head alone a body looks as it does as a whole. */
    struct exact head = exact_copy(body.data, WK_BODY_HEAD_BYTES);
    struct wk_body_info again;
    CHECK(wk_body_inspect(exact_span(&head), body.size, &again, NULL) == WK_OK &&
              again.raw_bytes == info->raw_bytes && again.checksummed == info->checksummed &&
              again.wrapped == info->wrapped &&
              memcmp(&again.stated, &info->stated, sizeof again.stated) == 0,
          "the head of a body tells all");
    exact_free(&head);
}

static enum wk_status decode(struct wk_span body, const struct wk_body_info *info, struct exact *to,
                             struct wk_error *err) {
    struct exact work = exact_new(wk_body_decode_work_bytes(), 0);
    *to = exact_new((size_t)info->raw_bytes, 1);
    enum wk_status status =
        wk_body_decode(body, info, work.bytes.data, work.bytes.size, to->bytes, err);
    exact_free(&work);
    return status;
}

static void compare(const struct wk_body_info *info, const struct exact *payload,
                    const struct model_payload *model) {
    CHECK(wk_span_equal(exact_span(payload), wk_span(model->data, model->size)),
          "the payload is that of the model");
    CHECK(info->wrapped == model->wrapped, "so is whether the body is wrapped");
    CHECK(memcmp(info->stated.model_digest.bytes, model->statement, 24) == 0 &&
              memcmp(info->stated.layout_tag.bytes, model->statement + 24, 16) == 0,
          "so is what it states");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct exact input = exact_copy(data, size);
    struct wk_span body = exact_span(&input);
    struct model_payload model;
    struct wk_body_info info;
    struct exact payload = {.base = NULL};
    struct wk_error err;
    FILL_PATTERN(&info);
    enum model_body verdict = model_body_read(body, &model);
    enum wk_status status = wk_body_inspect(body, size, &info, &err);
    if (status != WK_OK)
        CHECK_PATTERN(&info);
    else
        check_info(body, &info);
    if (status == WK_OK && info.raw_bytes > DECODED_MAX)
        verdict = MODEL_BODY_UNDECIDED;
    else if (status == WK_OK)
        status = decode(body, &info, &payload, &err);
    if (status != WK_OK) {
        CHECK(status == WK_CORRUPT, "a body that does not read is corrupt");
        check_error(status, &err);
    }
    if (verdict != MODEL_BODY_UNDECIDED)
        CHECK((status == WK_OK) == (verdict == MODEL_BODY_READS),
              "the verdict is that of the model");
    if (status == WK_OK && verdict == MODEL_BODY_READS)
        compare(&info, &payload, &model);
    free(model.data);
    exact_free(&payload);
    exact_free(&input);
    return 0;
}
