/* SPDX-License-Identifier: Apache-2.0 */
/* Heads as the reference writes them, in its order of lines: some of its readers are simple. */
#include "base/text.h"
#include "codec/http_head.h"

const char *wk_http_reason(unsigned status) {
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 408:
        return "Request Timeout";
    case 411:
        return "Length Required";
    case 413:
        return "Payload Too Large";
    case 414:
        return "URI Too Long";
    case 417:
        return "Expectation Failed";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Error";
    }
}

/* A line end in a value would end its field. */
static bool is_one_line(struct wk_span text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    }
    return true;
}

static void write_number(struct wk_writer *w, uint64_t value) {
    char digits[24];
    wk_format(digits, sizeof digits, "%llu", (unsigned long long)value);
    wk_write_text(w, digits);
}

static bool fail(const char *what, size_t at, const char *detail, struct wk_wire_error *error) {
    *error =
        (struct wk_wire_error){.kind = WK_WIRE_SYNTAX, .what = what, .at = at, .detail = detail};
    return false;
}

/* Keeps what was written in `w`, a copy of `*to`, or says that it did not fit. */
static bool finish(struct wk_writer *to, const struct wk_writer *w, const char *what,
                   struct wk_wire_error *error) {
    if (w->failed)
        return fail(what, to->at, "no room for the head", error);
    *to = *w;
    return true;
}

bool wk_http_write_request(struct wk_writer *to, struct wk_span host, uint64_t content_length,
                           struct wk_span authorization, struct wk_wire_error *error) {
    if (!is_one_line(host) || !is_one_line(authorization))
        return fail("http request", 0, "control byte in a field's value", error);
    struct wk_writer w = *to;
    wk_write_text(&w, "POST " WK_HTTP_RPC_TARGET " HTTP/1.1\r\nHost: ");
    wk_write_span(&w, host);
    wk_write_text(&w, "\r\nContent-Type: " WK_HTTP_RPC_TYPE "\r\nContent-Length: ");
    write_number(&w, content_length);
    wk_write_text(&w, "\r\nConnection: keep-alive\r\n");
    if (authorization.size > 0) {
        wk_write_text(&w, "Authorization: ");
        wk_write_span(&w, authorization);
        wk_write_text(&w, "\r\n");
    }
    wk_write_text(&w, "\r\n");
    return finish(to, &w, "http request", error);
}

bool wk_http_write_response(struct wk_writer *to, unsigned status, const char *type,
                            uint64_t content_length, bool keep_alive, struct wk_wire_error *error) {
    struct wk_writer w = *to;
    wk_write_text(&w, "HTTP/1.1 ");
    write_number(&w, status);
    wk_write_u8(&w, ' ');
    wk_write_text(&w, wk_http_reason(status));
    wk_write_text(&w, "\r\nContent-Type: ");
    wk_write_text(&w, type);
    wk_write_text(&w, "\r\nContent-Length: ");
    write_number(&w, content_length);
    wk_write_text(&w, "\r\nConnection: ");
    wk_write_text(&w, keep_alive ? "keep-alive" : "close");
    wk_write_text(&w, "\r\n\r\n");
    return finish(to, &w, "http response", error);
}
