/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Envelopes, as a whole and as a stream reader takes them: header, then body. The model is the
 * table of the format: magic, version, size, CRC, in this order.
 */
#include "codec/envelope.h"
#include "harness.h"

/* What is wrong first, for a message of which all bytes are there. */
static enum wk_wire_kind model_fault(struct wk_span in, uint32_t body_max) {
    if (in.size < 16)
        return WK_WIRE_TRUNCATED;
    if (!model_begins(in, "WMBT"))
        return WK_WIRE_BAD_MAGIC;
    if (model_u32(in, 4) != 1)
        return WK_WIRE_VERSION;
    if (model_u32(in, 12) > body_max)
        return WK_WIRE_TOO_LARGE;
    if (model_u32(in, 12) != in.size - 16)
        return WK_WIRE_BODY_LENGTH_MISMATCH;
    if (model_u32(in, 8) != model_crc32c(wk_span(in.data + 16, in.size - 16)))
        return WK_WIRE_CHECKSUM;
    return WK_WIRE_OK;
}

/* The header alone, in memory of 16 bytes; then what a reader says of the body that it counted. */
static void check_stream(struct wk_span in, uint32_t body_max) {
    enum wk_wire_kind fault = model_fault(in, body_max);
    struct exact head = exact_copy(in.data, in.size < 16 ? in.size : 16);
    struct wk_envelope_header header;
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    FILL_PATTERN(&header);
    bool good = wk_envelope_header_decode(exact_span(&head), body_max, &header, &error);
    bool of_body = fault == WK_WIRE_BODY_LENGTH_MISMATCH || fault == WK_WIRE_CHECKSUM;
    CHECK(good == (of_body || fault == WK_WIRE_OK), "the header's verdict is that of the model");
    if (good) {
        uint32_t crc = model_crc32c(wk_span(in.data + 16, in.size - 16));
        CHECK(header.body_bytes == model_u32(in, 12) && header.crc32c == model_u32(in, 8),
              "the header says what is in it");
        CHECK(header.body_bytes <= body_max, "a size that is let through is within the limit");
        good = wk_envelope_body_check(&header, in.size - 16, crc, &error);
        CHECK(good == (fault == WK_WIRE_OK), "the body's verdict is that of the model");
    } else {
        CHECK_PATTERN(&header);
    }
    if (!good) {
        CHECK(error.kind == fault, "the first fault is the model's");
        check_wire_error(&error);
    }
    exact_free(&head);
}

/* The frame that we send around this body. */
static void check_written(struct wk_span in, struct wk_span body) {
    struct wk_span pieces[3];
    uint8_t scratch[16 + WK_IOV_COPY_BYTES_MAX];
    struct wk_iov frame = wk_iov(pieces, 3, scratch, sizeof scratch);
    struct wk_payload payload = wk_payload(body);
    CHECK(wk_envelope_begin(&frame, NULL), "there is room for a header");
    wk_iov_add(&frame, &payload);
    CHECK(wk_envelope_end(&frame, NULL), "a body that was let in is let out");
    size_t at = 0;
    for (size_t i = 0; i < frame.count; i++) {
        CHECK(pieces[i].size <= in.size - at &&
                  memcmp(in.data + at, pieces[i].data, pieces[i].size) == 0,
              "what was read is written as the same bytes");
        at += pieces[i].size;
    }
    CHECK(at == in.size, "all of them");
}

static void check_message(struct wk_span in, uint32_t body_max) {
    enum wk_wire_kind fault = model_fault(in, body_max);
    struct wk_span body;
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    FILL_PATTERN(&body);
    bool good = wk_envelope_decode(in, body_max, &body, &error);
    CHECK(good == (fault == WK_WIRE_OK), "the verdict is that of the model");
    if (!good) {
        CHECK(error.kind == fault, "the first fault is the model's");
        check_wire_error(&error);
        CHECK_PATTERN(&body);
        return;
    }
    CHECK(body.size == in.size - 16 && body.data == in.data + 16, "the body is all that follows");
    check_written(in, body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct exact input = exact_copy(data, size);
    static const uint32_t limits[] = {WK_FRAME_BODY_BYTES_MAX, 64};
    for (size_t i = 0; i < 2; i++) {
        check_message(exact_span(&input), limits[i]);
        check_stream(exact_span(&input), limits[i]);
    }
    exact_free(&input);
    return 0;
}
