/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outgoing messages: the memory that an encoder fills, and the way to the socket.
 *
 *     need -> one allocation for pieces and scratch -> encoder -> one gathering write
 *
 * Payloads are not copied: they stay where they lie until the frame was sent or given up.
 * Not thread-safe.
 */
#ifndef WK_RPC_FRAME_H
#define WK_RPC_FRAME_H

#include "codec/envelope.h"
#include "codec/messages.h"
#include "rpc/stream.h"

/* A list of pieces with its memory. A zeroed one owns nothing; freeing it twice is harmless. */
struct wk_frame {
    struct wk_env *env;
    void *memory;
    size_t memory_bytes;
    struct wk_span *spans; /* [0] is kept for what a framing puts in front of the pieces */
    struct wk_iov iov;
};

/* An empty list with room for `need`. */
WK_MUST_CHECK enum wk_status wk_frame_open(struct wk_frame *frame, struct wk_env *env,
                                           struct wk_iov_need need, struct wk_error *err);
void wk_frame_free(struct wk_frame *frame);

/* A whole message in its envelope. `nested` as in codec/messages.h. A failure leaves nothing. */
WK_MUST_CHECK enum wk_status wk_frame_request(struct wk_frame *frame, struct wk_env *env,
                                              const struct wk_wire_request *request,
                                              const struct wk_iov *nested, struct wk_error *err);
WK_MUST_CHECK enum wk_status wk_frame_response(struct wk_frame *frame, struct wk_env *env,
                                               const struct wk_wire_response *response,
                                               const struct wk_iov *nested, struct wk_error *err);

/* Envelope and archive. */
static inline uint64_t wk_frame_bytes(const struct wk_frame *frame) {
    return WK_ENVELOPE_HEADER_BYTES + frame->iov.total_bytes;
}

/* `head` first, then the frame, in one write where the socket takes it. `*out_written` as in
 * wk_stream_write, the head included. */
WK_MUST_CHECK enum wk_status wk_frame_send(struct wk_frame *frame, struct wk_stream *stream,
                                           struct wk_span head, uint64_t deadline_ns,
                                           uint64_t *out_written, struct wk_error *err);

#endif
