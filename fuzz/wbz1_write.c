/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies of objects, written, damaged and read. The input is a level, flags, two bytes that say
 * where the body is damaged, and the payload. BODY-4 to BODY-6, BODY-8 to BODY-11
 */
#include "codec/body.h"
#include "harness.h"

#define PAYLOAD_MAX (64u * 1024)

static const struct wk_reuse statement = {{"twenty-four-digest-bytes"}, {"ds4-v1"}};

struct body {
    struct exact room;
    struct wk_span bytes;
};

static struct body encode(struct wk_span payload, const struct wk_body_policy *policy) {
    struct exact work = exact_new(wk_body_work_bytes(policy->level, payload.size), 0);
    struct body body = {.room = exact_new(wk_body_encoded_bytes_max(payload.size), 1)};
    size_t size = 0;
    CHECK(wk_body_encode(payload, policy, work.bytes.data, work.bytes.size, body.room.bytes, &size,
                         NULL) == WK_OK,
          "every payload can be written in the room and workspace that were promised");
    CHECK(size <= body.room.bytes.size, "it stays in its room");
    body.bytes = wk_span(body.room.bytes.data, size);
    exact_free(&work);
    return body;
}

/* What a body reads as; `payload` is to be freed in any case. */
static enum wk_status read_body(struct wk_span body, struct wk_body_info *info,
                                struct exact *payload) {
    *payload = (struct exact){.base = NULL};
    enum wk_status status = wk_body_inspect(body, body.size, info, NULL);
    if (status != WK_OK || info->raw_bytes > PAYLOAD_MAX)
        return status == WK_OK ? WK_CORRUPT : status;
    struct exact work = exact_new(wk_body_decode_work_bytes(), 0);
    *payload = exact_new((size_t)info->raw_bytes, 0);
    status = wk_body_decode(body, info, work.bytes.data, work.bytes.size, payload->bytes, NULL);
    exact_free(&work);
    return status;
}

static void check_whole(struct wk_span body, struct wk_span payload,
                        const struct wk_body_policy *policy) {
    struct wk_body_info info;
    struct exact read;
    struct model_payload model;
    CHECK(read_body(body, &info, &read) == WK_OK && wk_span_equal(exact_span(&read), payload),
          "what was written reads back");
    CHECK(info.wrapped && info.checksummed, "a checksum covers it");
    CHECK(memcmp(&info.stated, &policy->stated, sizeof info.stated) == 0, "so does the statement");
    CHECK(model_body_read(body, &model) == MODEL_BODY_READS &&
              wk_span_equal(wk_span(model.data, model.size), payload),
          "the model reads it, too");
    free(model.data);
    exact_free(&read);
}

/* BODY-6 */
static void check_damage(struct wk_span body, struct wk_span payload,
                         const struct wk_body_policy *policy, size_t where) {
    struct exact damaged = exact_copy(body.data, body.size);
    struct wk_body_info info;
    struct exact read;
    size_t bit = where % (8 * body.size);
    damaged.bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (read_body(exact_span(&damaged), &info, &read) == WK_OK)
        CHECK(wk_span_equal(exact_span(&read), payload) &&
                  memcmp(&info.stated, &policy->stated, sizeof info.stated) == 0,
              "no flipped bit yields other bytes or statements");
    exact_free(&read);
    exact_free(&damaged);
    size_t kept = 10 + where % (body.size - 10);
    struct exact cut = exact_copy(body.data, kept);
    if (read_body(exact_span(&cut), &info, &read) == WK_OK)
        CHECK(wk_span_equal(exact_span(&read), payload) &&
                  memcmp(&info.stated, &policy->stated, sizeof info.stated) == 0,
              "no cut does");
    exact_free(&read);
    exact_free(&cut);
}

/* A payload that need not be wrapped is its own body. */
static void check_wish(struct wk_span payload, const struct wk_body_policy *policy) {
    struct exact work = exact_new(wk_body_work_bytes(policy->level, payload.size), 0);
    struct wk_body_info info;
    bool wrap = wk_body_wants_wrap(payload, policy, work.bytes.data, work.bytes.size);
    CHECK(wrap == wk_body_wants_wrap(payload, policy, work.bytes.data, work.bytes.size),
          "the same payload is treated in the same way");
    CHECK(wrap || (!policy->must_checksum && wk_reuse_states_nothing(&policy->stated)),
          "what must be wrapped is");
    if (!wrap)
        CHECK(wk_body_inspect(payload, payload.size, &info, NULL) == WK_OK && !info.wrapped &&
                  info.raw_bytes == payload.size,
              "a payload left as it is reads as such");
    exact_free(&work);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4 || size - 4 > PAYLOAD_MAX)
        return 0;
    struct wk_body_policy policy = {.level = data[0] % (WK_BODY_LEVEL_MAX + 1),
                                    .must_checksum = (data[1] & 1) != 0};
    if ((data[1] & 2) != 0)
        policy.stated = statement;
    struct exact input = exact_copy(data + 4, size - 4);
    check_wish(exact_span(&input), &policy);
    struct body body = encode(exact_span(&input), &policy);
    check_whole(body.bytes, exact_span(&input), &policy);
    check_damage(body.bytes, exact_span(&input), &policy, (size_t)(data[2] << 8 | data[3]));
    exact_free(&body.room);
    exact_free(&input);
    return 0;
}
