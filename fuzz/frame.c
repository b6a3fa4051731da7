/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request as it comes off the wire, all the way down: envelope, wire request, and what its op has
 * in the payload. The input is a frame whose CRC the harness mends, so that the fuzzer gets past
 * it; what it leaves to chance elsewhere is found by the targets of the single formats. FUZZ-9
 */
#include "codec/envelope.h"
#include "codec/key_batch.h"
#include "codec/messages.h"
#include "codec/ops.h"
#include "harness.h"

static void mend(struct wk_span_mut frame) {
    if (frame.size < 16)
        return;
    uint32_t crc = model_crc32c(wk_span(frame.data + 16, frame.size - 16));
    for (int i = 0; i < 4; i++)
        frame.data[8 + i] = (uint8_t)(crc >> 8 * i);
}

/* The payload as the op has it, behind a magic of 16 bytes. */
static bool model_archive(enum model_message message, const char *magic, struct wk_span payload) {
    struct model_value values[MODEL_FIELDS_MAX];
    if (payload.size < 16 || memcmp(payload.data, magic, 16) != 0)
        return false;
    struct wk_span archive = wk_span(payload.data + 16, payload.size - 16);
    bool good = model_rkyv_read(&model_types[message], archive, 0, values) == MODEL_ACCEPT;
    model_rkyv_free(values);
    return good;
}

static bool model_keys(struct wk_span payload) {
    struct model_items keys;
    bool good = model_key_batch(payload, &keys) == MODEL_BATCH_READS;
    free(keys.items);
    return good;
}

static void check_payload(uint8_t op, struct wk_span payload) {
    struct wk_hashes_req_view hashes;
    struct wk_put_blocks_req_view put;
    struct wk_key_batch keys;
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    bool good = true;
    bool model = true;
    switch (op) {
    case WK_OP_GET_MANY:
        model = model_keys(payload);
        good = wk_key_batch_decode(payload, &keys, &error);
        break;
    case WK_OP_LOOKUP_BLOCK_PREFIX:
        model = model_archive(MODEL_LOOKUP_REQ, "WMBT_LBP_REQ\0\0\0\0", payload);
        good = wk_lookup_req_decode(payload, &hashes, &error);
        break;
    case WK_OP_GET_KV_BLOCKS_BATCH:
        model = model_archive(MODEL_GET_REQ, "WMBT_GBB_REQ\0\0\0\0", payload);
        good = wk_get_blocks_req_decode(payload, &hashes, &error);
        break;
    case WK_OP_PUT_KV_BLOCKS_BATCH:
        model = model_archive(MODEL_PUT_REQ, "WMBT_PBB_REQ\0\0\0\0", payload);
        good = wk_put_blocks_req_decode(payload, &put, &error);
        break;
    default:
        return;
    }
    CHECK(good == model, "the verdict on the payload is that of the model");
    if (!good)
        check_wire_error(&error);
}

/* What the model says of the request; its op and payload where it is one. */
static bool model_request(struct wk_span frame, uint64_t *op, struct wk_span *payload) {
    struct model_value values[MODEL_FIELDS_MAX];
    if (frame.size < 16 || !model_begins(frame, "WMBT") || model_u32(frame, 4) != 1 ||
        model_u32(frame, 12) != frame.size - 16)
        return false;
    struct wk_span body = wk_span(frame.data + 16, frame.size - 16);
    bool good = model_rkyv_read(&model_types[MODEL_WIRE_REQUEST], body, 0, values) == MODEL_ACCEPT;
    *op = values[1].number;
    *payload = values[4].bytes;
    model_rkyv_free(values);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct exact input = exact_copy(data, size);
    struct wk_span body;
    struct wk_wire_request request;
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    uint64_t op = 0;
    struct wk_span payload = wk_span(NULL, 0);
    mend(input.bytes);
    bool model = model_request(exact_span(&input), &op, &payload);
    bool good = wk_envelope_decode(exact_span(&input), WK_FRAME_BODY_BYTES_MAX, &body, &error) &&
                wk_wire_request_archive_decode(body, 0, &request, &error);
    CHECK(good == model, "the verdict on the request is that of the model");
    if (good) {
        CHECK(request.op == op && wk_span_equal(request.payload.bytes, payload),
              "op and payload are the model's");
        check_payload(request.op, request.payload.bytes);
    } else {
        check_wire_error(&error);
    }
    exact_free(&input);
    return 0;
}
