/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/frame.h"

#include "base/num.h"

static bool room_bytes(struct wk_iov_need need, size_t *spans_bytes, size_t *total_bytes) {
    size_t count;
    return wk_add_size(need.pieces, 1, &count) &&
           wk_mul_size(count, sizeof(struct wk_span), spans_bytes) &&
           wk_add_size(*spans_bytes, need.scratch_bytes, total_bytes);
}

enum wk_status wk_frame_open(struct wk_frame *frame, struct wk_env *env, struct wk_iov_need need,
                             struct wk_error *err) {
    size_t spans_bytes;
    size_t bytes;
    if (!room_bytes(need, &spans_bytes, &bytes))
        return wk_fail(err, WK_TOO_LARGE, "a message of %llu bytes cannot be described",
                       (unsigned long long)need.total_bytes);
    void *memory = wk_alloc(env, WK_MEM_IO, bytes);
    if (memory == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for a message in %zu pieces", need.pieces);
    frame->env = env;
    frame->memory = memory;
    frame->memory_bytes = bytes;
    frame->spans = memory;
    frame->iov =
        wk_iov(frame->spans + 1, need.pieces, (uint8_t *)memory + spans_bytes, need.scratch_bytes);
    return WK_OK;
}

void wk_frame_free(struct wk_frame *frame) {
    if (frame->memory == NULL)
        return;
    wk_release(frame->env, WK_MEM_IO, frame->memory, frame->memory_bytes);
    frame->memory = NULL;
}

static enum wk_status open_for(struct wk_frame *frame, struct wk_env *env, struct wk_iov_need need,
                               struct wk_error *err) {
    need.pieces += 1;
    need.scratch_bytes += WK_ENVELOPE_HEADER_BYTES;
    return wk_frame_open(frame, env, need, err);
}

static enum wk_status end(struct wk_frame *frame, bool encoded, const struct wk_wire_error *error,
                          struct wk_error *err) {
    if (encoded)
        return WK_OK;
    wk_frame_free(frame);
    return wk_wire_fail(err, error);
}

enum wk_status wk_frame_request(struct wk_frame *frame, struct wk_env *env,
                                const struct wk_wire_request *request, const struct wk_iov *nested,
                                struct wk_error *err) {
    struct wk_wire_error error;
    enum wk_status status = open_for(frame, env, wk_wire_request_need(request, nested), err);
    if (status != WK_OK)
        return status;
    bool encoded = wk_envelope_begin(&frame->iov, &error) &&
                   wk_wire_request_encode(&frame->iov, request, nested, &error) &&
                   wk_envelope_end(&frame->iov, &error);
    return end(frame, encoded, &error, err);
}

enum wk_status wk_frame_response(struct wk_frame *frame, struct wk_env *env,
                                 const struct wk_wire_response *response,
                                 const struct wk_iov *nested, struct wk_error *err) {
    struct wk_wire_error error;
    enum wk_status status = open_for(frame, env, wk_wire_response_need(response, nested), err);
    if (status != WK_OK)
        return status;
    bool encoded = wk_envelope_begin(&frame->iov, &error) &&
                   wk_wire_response_encode(&frame->iov, response, nested, &error) &&
                   wk_envelope_end(&frame->iov, &error);
    return end(frame, encoded, &error, err);
}

enum wk_status wk_frame_send(struct wk_frame *frame, struct wk_stream *stream, struct wk_span head,
                             uint64_t deadline_ns, uint64_t *out_written, struct wk_error *err) {
    frame->spans[0] = head;
    return wk_stream_write(stream, frame->spans, frame->iov.count + 1, deadline_ns, out_written,
                           err);
}
