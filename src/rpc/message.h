/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A framed message on a stream, either way: codec/envelope.h around an archive.
 *
 * A size is refused before memory is asked for, memory is asked for before the body is read, and
 * the body is summed while it arrives. Errors of the bytes are CORRUPT or TOO_LARGE with the text
 * of the codec; errors of the transport are those of the stream.
 */
#ifndef WK_RPC_MESSAGE_H
#define WK_RPC_MESSAGE_H

#include "codec/envelope.h"
#include "rpc/buffers.h"
#include "rpc/stream.h"

/* The first bytes of a message that has begun. */
WK_MUST_CHECK enum wk_status wk_message_read_header(struct wk_stream *stream, uint64_t deadline_ns,
                                                    struct wk_envelope_header *out,
                                                    struct wk_error *err);
/*
 * The body that the header announced, verified. The time for it is that of its size, and ends at
 * `cap_ns` at the latest; waiting for room in the pool is part of it.
 */
WK_MUST_CHECK enum wk_status wk_message_read_body(struct wk_stream *stream, struct wk_buffers *pool,
                                                  const struct wk_envelope_header *header,
                                                  uint64_t cap_ns, struct wk_buffer **out,
                                                  struct wk_error *err);

/* The body of a buffer that wk_message_read_body filled. */
static inline struct wk_span wk_message_body(const struct wk_buffer *buffer) {
    return wk_span(buffer->data, buffer->size);
}

#endif
