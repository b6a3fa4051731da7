/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/stream.h"

#include "base/mark.h"
#include "base/num.h"
#include "hash/crc32c.h"

/* A large read is taken in pieces that are still in cache when they are summed. */
#define PIECE_BYTES (256u * 1024)

/* Spans handed to the environment at a time. */
#define WINDOW_SPANS 64u

enum wk_status wk_stream_open(struct wk_stream *stream, struct wk_env *env,
                              struct wk_socket *socket, struct wk_error *err) {
    uint8_t *ahead = wk_alloc(env, WK_MEM_IO, WK_STREAM_AHEAD_BYTES);
    if (ahead == NULL) {
        env->net->close(env, socket);
        return wk_fail(err, WK_NO_MEMORY, "no memory for a connection");
    }
    *stream = (struct wk_stream){.env = env, .socket = socket, .ahead = ahead};
    return WK_OK;
}

void wk_stream_close(struct wk_stream *stream) {
    stream->env->net->close(stream->env, stream->socket);
    wk_release(stream->env, WK_MEM_IO, stream->ahead, WK_STREAM_AHEAD_BYTES);
    stream->socket = NULL;
    stream->ahead = NULL;
}

void wk_stream_shutdown(struct wk_stream *stream) {
    stream->env->net->shutdown(stream->env, stream->socket);
}

/* ---- reading --------------------------------------------------------------------------------- */

static enum wk_status receive(struct wk_stream *s, void *to, size_t size, uint64_t deadline_ns,
                              size_t *out_size, struct wk_error *err) {
    enum wk_status status =
        s->env->net->read(s->env, s->socket, to, size, deadline_ns, out_size, err);
    if (status == WK_OK && *out_size == 0)
        return WK_MISS;
    return status;
}

/* One read behind what is ahead. */
static enum wk_status fill(struct wk_stream *s, uint64_t deadline_ns, struct wk_error *err) {
    if (s->at > 0) {
        memmove(s->ahead, s->ahead + s->at, s->end - s->at);
        s->end -= s->at;
        s->at = 0;
    }
    if (s->end == WK_STREAM_AHEAD_BYTES)
        return wk_fail(err, WK_TOO_LARGE, "more than %u bytes before the end of a head",
                       WK_STREAM_AHEAD_BYTES);
    size_t got;
    enum wk_status status =
        receive(s, s->ahead + s->end, WK_STREAM_AHEAD_BYTES - s->end, deadline_ns, &got, err);
    if (status == WK_OK)
        s->end += got;
    return status;
}

enum wk_status wk_stream_wait(struct wk_stream *stream, uint64_t deadline_ns,
                              struct wk_error *err) {
    return stream->at < stream->end ? WK_OK : fill(stream, deadline_ns, err);
}

static enum wk_status ended_early(struct wk_error *err, uint64_t got, uint64_t wanted) {
    return wk_fail(err, WK_UNAVAILABLE, "the peer closed the connection after %llu of %llu bytes",
                   (unsigned long long)got, (unsigned long long)wanted);
}

enum wk_status wk_stream_more(struct wk_stream *stream, uint64_t deadline_ns,
                              struct wk_error *err) {
    size_t before = stream->end - stream->at;
    enum wk_status status = fill(stream, deadline_ns, err);
    if (status == WK_MISS)
        return wk_fail(err, WK_UNAVAILABLE,
                       "the peer closed the connection after %zu bytes of a head", before);
    return status;
}

static size_t take_ahead(struct wk_stream *s, void *to, size_t size) {
    size_t have = (size_t)wk_min_u64(s->end - s->at, size);
    if (have > 0)
        memcpy(to, s->ahead + s->at, have);
    s->at += have;
    return have;
}

enum wk_status wk_stream_read(struct wk_stream *stream, void *to, size_t size, uint64_t deadline_ns,
                              uint32_t *crc, struct wk_error *err) {
    uint8_t *bytes = to;
    size_t done = take_ahead(stream, to, size);
    if (crc != NULL)
        *crc = wk_crc32c_extend(*crc, bytes, done);
    while (done < size) {
        size_t got;
        size_t piece = (size_t)wk_min_u64(size - done, PIECE_BYTES);
        enum wk_status status = receive(stream, bytes + done, piece, deadline_ns, &got, err);
        if (status == WK_MISS)
            return ended_early(err, done, size);
        if (status != WK_OK)
            return status;
        if (crc != NULL)
            *crc = wk_crc32c_extend(*crc, bytes + done, got);
        done += got;
        if (WK_PLANTED(52)) /* short_read_taken_as_whole */
            break;
    }
    return WK_OK;
}

enum wk_status wk_stream_skip(struct wk_stream *stream, uint64_t size, uint64_t deadline_ns,
                              struct wk_error *err) {
    uint64_t done = 0;
    for (;;) {
        size_t have = (size_t)wk_min_u64(stream->end - stream->at, size - done);
        wk_stream_consume(stream, have);
        done += have;
        if (done == size)
            return WK_OK;
        enum wk_status status = fill(stream, deadline_ns, err);
        if (status == WK_MISS)
            return ended_early(err, done, size);
        if (status != WK_OK)
            return status;
    }
}

/* ---- writing --------------------------------------------------------------------------------- */

/* A place in a list of spans. */
struct place {
    const struct wk_span *spans;
    size_t count;
    size_t index;
    size_t offset;
};

static size_t window_from(const struct place *p, struct wk_span *to) {
    size_t filled = 0;
    for (size_t i = p->index; i < p->count && filled < WINDOW_SPANS; i++) {
        size_t skip = i == p->index ? p->offset : 0;
        if (p->spans[i].size > skip)
            to[filled++] = wk_span(p->spans[i].data + skip, p->spans[i].size - skip);
    }
    return filled;
}

static void advance(struct place *p, size_t bytes) {
    while (p->index < p->count && bytes >= p->spans[p->index].size - p->offset) {
        bytes -= p->spans[p->index].size - p->offset;
        p->index++;
        p->offset = 0;
    }
    if (p->index < p->count)
        p->offset += bytes;
}

enum wk_status wk_stream_write(struct wk_stream *stream, const struct wk_span *spans, size_t count,
                               uint64_t deadline_ns, uint64_t *out_written, struct wk_error *err) {
    struct place place = {spans, count, 0, 0};
    uint64_t written = 0;
    enum wk_status status = WK_OK;
    while (status == WK_OK) {
        struct wk_span window[WINDOW_SPANS];
        size_t filled = window_from(&place, window);
        if (filled == 0)
            break;
        size_t sent = 0;
        status = stream->env->net->writev(stream->env, stream->socket, window, filled, deadline_ns,
                                          &sent, err);
        if (status != WK_OK)
            break;
        written += sent;
        advance(&place, sent);
    }
    if (out_written != NULL)
        *out_written = written;
    return status;
}
