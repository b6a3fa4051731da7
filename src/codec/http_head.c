/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/http_head.h"

#include "base/limits.h"
#include "base/mark.h"
#include "base/num.h"
#include "base/text.h"
#include "codec/http_tokens.h"

static enum wk_http_progress bad(struct wk_http_fault *fault, unsigned answer,
                                 struct wk_wire_error error) {
    *fault = (struct wk_http_fault){.answer = answer, .error = error};
    return WK_HTTP_BAD;
}

static enum wk_http_progress syntax(struct wk_http_fault *fault, unsigned answer, const char *what,
                                    size_t at, const char *detail, struct wk_span found) {
    return bad(
        fault, answer,
        (struct wk_wire_error){
            .kind = WK_WIRE_SYNTAX, .what = what, .at = at, .detail = detail, .found = found});
}

static enum wk_http_progress too_large(struct wk_http_fault *fault, unsigned answer,
                                       const char *what, uint64_t limit, uint64_t at,
                                       uint64_t got) {
    return bad(fault, answer,
               (struct wk_wire_error){
                   .kind = WK_WIRE_TOO_LARGE, .what = what, .needed = limit, .at = at, .got = got});
}

/* ---- where the head ends, and whether everybody sees the same lines in it ---- */

static enum wk_http_progress find_end(struct wk_span bytes, size_t *seen, const char *what,
                                      struct wk_span *head, struct wk_http_fault *fault) {
    size_t limit = (size_t)wk_min_u64(bytes.size, WK_HTTP_HEAD_BYTES_MAX);
    for (size_t at = *seen; at < limit; at++) {
        if (bytes.data[at] == '\n' && at >= 3 && memcmp(bytes.data + at - 3, "\r\n\r\n", 4) == 0) {
            *head = wk_span(bytes.data, at + 1);
            *seen = at;
            return WK_HTTP_COMPLETE;
        }
    }
    *seen = limit;
    if (limit < WK_HTTP_HEAD_BYTES_MAX)
        return WK_HTTP_MORE;
    bool one_line = memchr(bytes.data, '\n', limit) == NULL;
    return too_large(fault, one_line ? 414 : 431, what, WK_HTTP_HEAD_BYTES_MAX, 0, bytes.size);
}

static bool is_control(uint8_t c) {
    return (c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f;
}

/* NULL, or what is wrong with the lines of a complete head, and where. */
static const char *line_fault(struct wk_span head, size_t *at) {
    for (size_t i = 0; i < head.size; i++) {
        *at = i;
        if (is_control(head.data[i]))
            return "control byte";
        if (head.data[i] == '\n' && (i == 0 || head.data[i - 1] != '\r'))
            return "LF without CR";
        if (head.data[i] == '\r' && head.data[i + 1] != '\n')
            return "CR without LF";
        if (head.data[i] == '\n' && i + 1 < head.size &&
            (head.data[i + 1] == ' ' || head.data[i + 1] == '\t'))
            return "folded line";
    }
    return NULL;
}

static size_t offset_of(struct wk_span part, struct wk_span whole) {
    return (size_t)(part.data - whole.data);
}

/* Characters of a field's name (RFC 9110, 5.6.2). */
static bool is_name(struct wk_span text) {
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        bool digit = c >= '0' && c <= '9';
        if (!letter && !digit && memchr(marks, c, sizeof marks - 1) == NULL)
            return false;
    }
    return true;
}

static bool is_target(struct wk_span text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    }
    return true;
}

/*
 * What libraries differ about, depending on how they were built: a blank before the colon, or
 * bytes of a target that are not ASCII. A proxy that reads them otherwise would see other messages.
 */
static const char *token_fault(const struct wk_http_tokens *tokens, struct wk_span *where) {
    *where = tokens->target;
    if (!is_target(tokens->target))
        return "not a target";
    for (size_t i = 0; i < tokens->count; i++) {
        *where = tokens->fields[i].name;
        if (!is_name(tokens->fields[i].name))
            return "not a field name";
    }
    return NULL;
}

/* "HTTP/1.1" at the front, whatever the digits. */
static bool begins_with_version(struct wk_span text) {
    static const char shape[] = "HTTP/d.d";
    bool good = text.size >= sizeof shape - 1;
    for (size_t i = 0; good && i < sizeof shape - 1; i++) {
        uint8_t c = text.data[i];
        good = shape[i] == 'd' ? c >= '0' && c <= '9' : c == (uint8_t)shape[i];
    }
    return good;
}

/*
 * The letters of the version too: a library that was not built strict takes any for "TTP", line
 * ends among them, and would see one line where others see two. A request has its version behind
 * the target and a blank, a response at the front, but for empty lines.
 */
static bool version_is_spelled(struct wk_span head, enum wk_http_kind kind,
                               const struct wk_http_tokens *tokens) {
    size_t at = 0;
    if (kind == WK_HTTP_REQUEST)
        at = offset_of(tokens->target, head) + tokens->target.size + 1;
    while (kind == WK_HTTP_RESPONSE && at < head.size &&
           (head.data[at] == '\r' || head.data[at] == '\n'))
        at++;
    return at < head.size && begins_with_version(wk_span(head.data + at, head.size - at));
}

static enum wk_http_progress good_tokens(struct wk_span head, enum wk_http_kind kind,
                                         const char *what, const struct wk_http_tokens *tokens,
                                         struct wk_http_fault *fault) {
    if (tokens->major != 1)
        return bad(fault, 505,
                   (struct wk_wire_error){
                       .kind = WK_WIRE_VERSION, .what = what, .needed = 1, .got = tokens->major});
    struct wk_span where;
    const char *detail = token_fault(tokens, &where);
    if (detail != NULL)
        return syntax(fault, 400, what, offset_of(where, head), detail, where);
    if (!version_is_spelled(head, kind, tokens))
        return syntax(fault, 400, what, 0, "no version in the first line", wk_span(NULL, 0));
    return WK_HTTP_COMPLETE;
}

static enum wk_http_progress tokenize(struct wk_span head, enum wk_http_kind kind, const char *what,
                                      struct wk_http_tokens *tokens, struct wk_http_fault *fault) {
    size_t at;
    const char *detail = line_fault(head, &at);
    if (detail != NULL)
        return syntax(fault, 400, what, at, detail, wk_span(NULL, 0));
    unsigned answer = 400;
    switch (wk_http_tokenize(head, kind, tokens)) {
    case WK_HTTP_TOKENS_GOOD:
        return good_tokens(head, kind, what, tokens, fault);
    case WK_HTTP_TOKENS_TOO_MANY:
        return too_large(fault, 431, what, WK_HTTP_FIELDS_MAX, tokens->fault_at,
                         WK_HTTP_FIELDS_MAX + 1);
    case WK_HTTP_TOKENS_METHOD:
    case WK_HTTP_TOKENS_CODING:
        answer = 501;
        break;
    case WK_HTTP_TOKENS_VERSION:
        answer = 505;
        break;
    case WK_HTTP_TOKENS_BAD:
    default:
        break;
    }
    return syntax(fault, answer, what, tokens->fault_at, tokens->fault_detail, wk_span(NULL, 0));
}

/* ---- fields ---- */

/* What the fields say that we read; each of them is taken apart once. */
struct framing {
    struct wk_span content_length;
    struct wk_span transfer_encoding;
    struct wk_span expect;
    struct wk_span authorization;
    bool close;
    bool keep_alive;
};

static bool is_separator(uint8_t c) {
    return c == ',' || c == ' ' || c == '\t';
}

/* Elements of a comma-separated list. None of those we know has a blank in it. */
static bool list_has(struct wk_span list, const char *wanted) {
    for (size_t at = 0; at < list.size; at++) {
        size_t begin = at;
        while (at < list.size && !is_separator(list.data[at]))
            at++;
        if (wk_equal_ignoring_case(wk_span(list.data + begin, at - begin), wanted))
            return true;
    }
    return false;
}

/* False when there was one already. */
static bool take_once(struct wk_span *field, struct wk_span value) {
    if (field->data != NULL && !WK_PLANTED(121))
        return false;
    *field = value;
    return true;
}

static bool take_field(struct framing *f, const struct wk_http_field *field) {
    if (wk_equal_ignoring_case(field->name, "content-length"))
        return take_once(&f->content_length, field->value);
    if (wk_equal_ignoring_case(field->name, "transfer-encoding"))
        return take_once(&f->transfer_encoding, field->value);
    if (wk_equal_ignoring_case(field->name, "authorization"))
        return take_once(&f->authorization, field->value);
    if (wk_equal_ignoring_case(field->name, "expect"))
        return take_once(&f->expect, field->value);
    if (wk_equal_ignoring_case(field->name, "connection")) {
        f->close |= list_has(field->value, "close");
        f->keep_alive |= list_has(field->value, "keep-alive");
    }
    return true;
}

static enum wk_http_progress take_fields(struct wk_span head, const struct wk_http_tokens *tokens,
                                         const char *what, struct framing *f,
                                         struct wk_http_fault *fault) {
    for (size_t i = 0; i < tokens->count; i++) {
        const struct wk_http_field *field = &tokens->fields[i];
        if (!take_field(f, field))
            return syntax(fault, 400, what, offset_of(field->name, head), "field given twice",
                          field->name);
    }
    return WK_HTTP_COMPLETE;
}

/* How long the body is, by at most one of the two fields that can say it. */
static enum wk_http_progress read_length(struct wk_span head, const struct framing *f,
                                         const char *what, uint64_t *length, bool *has_length,
                                         bool *chunked, struct wk_http_fault *fault) {
    *has_length = f->content_length.data != NULL;
    *chunked = f->transfer_encoding.data != NULL;
    *length = 0;
    if (*has_length && *chunked)
        return syntax(fault, 400, what, offset_of(f->content_length, head),
                      "Content-Length beside Transfer-Encoding", f->transfer_encoding);
    if (*has_length && !wk_parse_u64(f->content_length, length))
        return syntax(fault, 400, what, offset_of(f->content_length, head),
                      "Content-Length is not a number", f->content_length);
    if (*chunked && !wk_equal_ignoring_case(f->transfer_encoding, "chunked"))
        return syntax(fault, 501, what, offset_of(f->transfer_encoding, head),
                      "Transfer-Encoding other than chunked", f->transfer_encoding);
    return WK_HTTP_COMPLETE;
}

/* HTTP/1.1 stays open unless told otherwise, HTTP/1.0 closes unless told otherwise. */
static bool stays_open(const struct framing *f, const struct wk_http_tokens *tokens) {
    if (WK_PLANTED(122) && f->keep_alive)
        return true;
    return !f->close && (f->keep_alive || tokens->minor >= 1);
}

/* ---- requests ---- */

static enum wk_http_progress judge_request(struct wk_span head, const struct wk_http_tokens *tokens,
                                           struct wk_http_request *out,
                                           struct wk_http_fault *fault) {
    static const char what[] = "http request";
    struct framing f = {.close = false};
    struct wk_http_request request = {
        .head_bytes = head.size, .method = tokens->method, .target = tokens->target};
    if (tokens->target.size > WK_HTTP_TARGET_BYTES_MAX)
        return too_large(fault, 414, what, WK_HTTP_TARGET_BYTES_MAX,
                         offset_of(tokens->target, head), tokens->target.size);
    if (take_fields(head, tokens, what, &f, fault) != WK_HTTP_COMPLETE)
        return WK_HTTP_BAD;
    if (read_length(head, &f, what, &request.content_length, &request.has_content_length,
                    &request.chunked, fault) != WK_HTTP_COMPLETE)
        return WK_HTTP_BAD;
    request.expect_continue = f.expect.data != NULL;
    if (request.expect_continue && !wk_equal_ignoring_case(f.expect, "100-continue"))
        return syntax(fault, 417, what, offset_of(f.expect, head), "Expect other than 100-continue",
                      f.expect);
    request.keep_alive = stays_open(&f, tokens);
    request.authorization = f.authorization;
    *out = request;
    return WK_HTTP_COMPLETE;
}

enum wk_http_progress wk_http_request_read(struct wk_span bytes, size_t *seen,
                                           struct wk_http_request *out,
                                           struct wk_http_fault *fault) {
    struct wk_span head;
    struct wk_http_tokens tokens;
    enum wk_http_progress progress = find_end(bytes, seen, "http request", &head, fault);
    if (progress == WK_HTTP_COMPLETE)
        progress = tokenize(head, WK_HTTP_REQUEST, "http request", &tokens, fault);
    if (progress == WK_HTTP_COMPLETE)
        progress = judge_request(head, &tokens, out, fault);
    return progress;
}

bool wk_http_request_has_body(const struct wk_http_request *request, uint64_t limit_bytes,
                              struct wk_http_fault *fault) {
    if (!request->has_content_length) {
        (void)syntax(fault, 411, "http request", 0, "no Content-Length", wk_span(NULL, 0));
        return false;
    }
    if (request->content_length > limit_bytes) {
        (void)too_large(fault, 413, "http request", limit_bytes, request->head_bytes,
                        request->content_length);
        return false;
    }
    return true;
}

/* ---- responses ---- */

static enum wk_http_progress judge_response(struct wk_span head,
                                            const struct wk_http_tokens *tokens,
                                            struct wk_http_response *out,
                                            struct wk_http_fault *fault) {
    static const char what[] = "http response";
    struct framing f = {.close = false};
    struct wk_http_response response = {.head_bytes = head.size, .status = tokens->status};
    if (take_fields(head, tokens, what, &f, fault) != WK_HTTP_COMPLETE)
        return WK_HTTP_BAD;
    if (read_length(head, &f, what, &response.content_length, &response.has_content_length,
                    &response.chunked, fault) != WK_HTTP_COMPLETE)
        return WK_HTTP_BAD;
    response.keep_alive = stays_open(&f, tokens);
    *out = response;
    return WK_HTTP_COMPLETE;
}

enum wk_http_progress wk_http_response_read(struct wk_span bytes, size_t *seen,
                                            struct wk_http_response *out,
                                            struct wk_http_fault *fault) {
    struct wk_span head;
    struct wk_http_tokens tokens;
    enum wk_http_progress progress = find_end(bytes, seen, "http response", &head, fault);
    if (progress == WK_HTTP_COMPLETE)
        progress = tokenize(head, WK_HTTP_RESPONSE, "http response", &tokens, fault);
    if (progress == WK_HTTP_COMPLETE)
        progress = judge_response(head, &tokens, out, fault);
    return progress;
}
