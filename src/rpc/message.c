/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/message.h"

#include "base/mark.h"
#include "base/progress.h"

/* What has come with the header stays ahead: a small message takes one read. */
enum wk_status wk_message_read_header(struct wk_stream *stream, uint64_t deadline_ns,
                                      struct wk_envelope_header *out, struct wk_error *err) {
    struct wk_wire_error error;
    /* oversize_accepted */
    uint32_t limit = WK_PLANTED(53) ? UINT32_MAX : WK_FRAME_BODY_BYTES_MAX;
    while (wk_stream_ahead(stream).size < WK_ENVELOPE_HEADER_BYTES) {
        enum wk_status status = wk_stream_more(stream, deadline_ns, err);
        if (status != WK_OK)
            return status;
    }
    if (!wk_envelope_header_decode(wk_stream_ahead(stream), limit, out, &error))
        return wk_wire_fail(err, &error);
    wk_stream_consume(stream, WK_ENVELOPE_HEADER_BYTES);
    return WK_OK;
}

enum wk_status wk_message_read_body(struct wk_stream *stream, struct wk_buffers *pool,
                                    const struct wk_envelope_header *header, uint64_t cap_ns,
                                    struct wk_buffer **out, struct wk_error *err) {
    struct wk_buffer *buffer;
    struct wk_wire_error error;
    uint32_t crc32c = 0;
    uint64_t now = wk_now_ns(stream->env);
    uint64_t deadline = wk_progress_deadline(now, header->body_bytes, cap_ns);
    enum wk_status status = wk_buffers_acquire(pool, header->body_bytes, deadline, &buffer, err);
    if (status != WK_OK)
        return status;
    status = wk_stream_read(stream, buffer->data, buffer->size, deadline, &crc32c, err);
    /* checksum_not_looked_at */
    if (status == WK_OK && !WK_PLANTED(59) &&
        !wk_envelope_body_check(header, buffer->size, crc32c, &error)) {
        WK_MARK("rpc.checksum");
        status = wk_wire_fail(err, &error);
    }
    if (status != WK_OK) {
        WK_MARK("rpc.body_not_whole");
        if (!WK_PLANTED(62)) /* buffer_lost_with_its_body */
            wk_buffer_drop(buffer);
        return status;
    }
    *out = buffer;
    return WK_OK;
}
