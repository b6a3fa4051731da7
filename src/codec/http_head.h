/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of HTTP/1.1 messages. A library takes them apart (http_tokens.h); the limits around it and
 * what the fields mean for framing are judged here.
 *
 *     bytes so far -> MORE: read on and ask again
 *                  -> COMPLETE: the head is the first head_bytes of them, and says this
 *                  -> BAD: answer with this status, then close
 *
 * Only the bytes of the head are looked at; what follows belongs to the body or the next message.
 * A head that two readers could understand differently is refused: line ends other than CR LF,
 * folded lines, a second Content-Length, a Content-Length beside a Transfer-Encoding.
 *
 * Pure functions, no allocation; views point into the input.
 */
#ifndef WK_CODEC_HTTP_HEAD_H
#define WK_CODEC_HTTP_HEAD_H

#include "base/writer.h"
#include "codec/wire_error.h"

#define WK_HTTP_RPC_TARGET  "/wmbt/v1/rpc"
#define WK_HTTP_PING_TARGET "/wmbt/v1/ping"
#define WK_HTTP_RPC_TYPE    "application/x-wombatkv-rkyv"
#define WK_HTTP_TEXT_TYPE   "text/plain"

enum wk_http_progress { WK_HTTP_MORE, WK_HTTP_COMPLETE, WK_HTTP_BAD };

struct wk_http_fault {
    unsigned answer; /* status for the peer: 400, 411, 413, 414, 417, 431, 501 or 505 */
    struct wk_wire_error error;
};

/* ---- reading ---- */

struct wk_http_request {
    size_t head_bytes;            /* blank line included */
    struct wk_span method;        /* literal */
    struct wk_span target;        /* as sent: path and query */
    struct wk_span authorization; /* the field's value; NULL data when there is none */
    uint64_t content_length;
    bool has_content_length;
    bool chunked; /* has no Content-Length then */
    bool keep_alive;
    bool expect_continue; /* waits for "100 Continue" before it sends the body */
};

struct wk_http_response {
    size_t head_bytes;
    unsigned status;
    uint64_t content_length;
    bool has_content_length;
    bool chunked;
    bool keep_alive;
};

/*
 * `bytes` are all bytes since the head began. `*seen` is 0 at first and kept by the caller between
 * calls that begin with the same bytes: what was searched already. `*out` is written on COMPLETE,
 * `*fault` on BAD.
 */
enum wk_http_progress wk_http_request_read(struct wk_span bytes, size_t *seen,
                                           struct wk_http_request *out,
                                           struct wk_http_fault *fault);
/* fault->answer means nothing to who reads responses. */
enum wk_http_progress wk_http_response_read(struct wk_span bytes, size_t *seen,
                                            struct wk_http_response *out,
                                            struct wk_http_fault *fault);

/* For a request whose body is wanted: 411 when it states no length (chunked ones included), 413
 * when that is over `limit_bytes`. */
bool wk_http_request_has_body(const struct wk_http_request *request, uint64_t limit_bytes,
                              struct wk_http_fault *fault);

/* ---- writing ---- */

/*
 * Head of an RPC request as the reference's client sends it; `authorization` (may be empty) adds
 * one line, which is ours. False: a control byte in host or authorization, which could make lines
 * of its own, or no room; `*to` is then where it was.
 */
bool wk_http_write_request(struct wk_writer *to, struct wk_span host, uint64_t content_length,
                           struct wk_span authorization, struct wk_wire_error *error);

/* Head of a response as the reference's server sends it. False: no room; `*to` is then where it
 * was. */
bool wk_http_write_response(struct wk_writer *to, unsigned status, const char *type,
                            uint64_t content_length, bool keep_alive, struct wk_wire_error *error);

/* All of an interim response. */
#define WK_HTTP_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

/* "OK", "Not Found"; "Error" for a status we never send. */
const char *wk_http_reason(unsigned status);

#endif
