/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection as a stream of bytes: reads what is asked for, whole, and writes everything.
 *
 *     socket -> a small buffer ahead (heads, small bodies) -> the caller's memory (large bodies)
 *
 * Bytes that arrived with a head and belong to what follows stay ahead, so messages may follow each
 * other without a gap. One reader and one writer at a time; wk_stream_shutdown from any thread.
 *
 * Errors: MISS is the peer's orderly end between messages (wk_stream_wait only); an end inside what
 * is being read is UNAVAILABLE. After any failure the stream is good for nothing but closing.
 */
#ifndef WK_RPC_STREAM_H
#define WK_RPC_STREAM_H

#include "env/env.h"

/* The longest HTTP head and what may come with it. */
#define WK_STREAM_AHEAD_BYTES (20u * 1024)

struct wk_stream {
    struct wk_env *env;
    struct wk_socket *socket;
    uint8_t *ahead;
    size_t at;
    size_t end;
};

/* Takes the socket over, also when it fails. */
WK_MUST_CHECK enum wk_status wk_stream_open(struct wk_stream *stream, struct wk_env *env,
                                            struct wk_socket *socket, struct wk_error *err);
void wk_stream_close(struct wk_stream *stream);
/* Ends both directions; whoever is blocked on the stream returns. */
void wk_stream_shutdown(struct wk_stream *stream);

/* What has arrived and was not consumed. Valid until the next call on the stream. */
static inline struct wk_span wk_stream_ahead(const struct wk_stream *stream) {
    return wk_span(stream->ahead + stream->at, stream->end - stream->at);
}
static inline void wk_stream_consume(struct wk_stream *stream, size_t size) {
    stream->at += size;
}

/* Until at least one byte is ahead. MISS: the peer has ended. */
WK_MUST_CHECK enum wk_status wk_stream_wait(struct wk_stream *stream, uint64_t deadline_ns,
                                            struct wk_error *err);
/* At least one byte more than is ahead now. TOO_LARGE: no room for any. */
WK_MUST_CHECK enum wk_status wk_stream_more(struct wk_stream *stream, uint64_t deadline_ns,
                                            struct wk_error *err);
/* Exactly `size` bytes. `*crc` (may be NULL) is extended by them while they are in cache. */
WK_MUST_CHECK enum wk_status wk_stream_read(struct wk_stream *stream, void *to, size_t size,
                                            uint64_t deadline_ns, uint32_t *crc,
                                            struct wk_error *err);
WK_MUST_CHECK enum wk_status wk_stream_skip(struct wk_stream *stream, uint64_t size,
                                            uint64_t deadline_ns, struct wk_error *err);
/*
 * All bytes of all spans. `*out_written` (may be NULL) is set on failure too: how many bytes the
 * environment took, which says whether the peer can have seen a whole message.
 */
WK_MUST_CHECK enum wk_status wk_stream_write(struct wk_stream *stream, const struct wk_span *spans,
                                             size_t count, uint64_t deadline_ns,
                                             uint64_t *out_written, struct wk_error *err);

#endif
