/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/http_tokens.h"

#ifdef WK_HTTP_LLHTTP
#include <llhttp.h>
typedef llhttp_t parser_type;
typedef llhttp_settings_t settings_type;
#else
#include <http_parser.h>
typedef http_parser parser_type;
typedef http_parser_settings settings_type;
#endif

/* What the callbacks fill. They are called once for a token, because all of the head is there. */
struct collect {
    struct wk_http_tokens *tokens;
    bool too_many;
    bool complete;
};

static int on_url(parser_type *parser, const char *at, size_t length) {
    struct collect *c = (struct collect *)parser->data;
    c->tokens->target = wk_span(at, length);
    return 0;
}

static int on_name(parser_type *parser, const char *at, size_t length) {
    struct collect *c = (struct collect *)parser->data;
    struct wk_http_tokens *t = c->tokens;
    if (t->count == WK_HTTP_FIELDS_MAX) {
        c->too_many = true;
        return -1;
    }
    /* An empty value may have no call of its own. */
    t->fields[t->count++] = (struct wk_http_field){wk_span(at, length), wk_span(at + length, 0)};
    return 0;
}

static int on_value(parser_type *parser, const char *at, size_t length) {
    struct collect *c = (struct collect *)parser->data;
    c->tokens->fields[c->tokens->count - 1].value = wk_span(at, length);
    return 0;
}

static int on_complete(parser_type *parser) {
    struct collect *c = (struct collect *)parser->data;
    c->complete = true;
    return 0;
}

/* ---- the two libraries ---- */

static const settings_type callbacks = {
    .on_url = on_url,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_complete,
};

#ifdef WK_HTTP_LLHTTP

static int run(parser_type *parser, struct wk_span head, enum wk_http_kind kind,
               struct collect *c) {
    llhttp_init(parser, kind == WK_HTTP_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &callbacks);
    parser->data = c;
    llhttp_errno_t fault = llhttp_execute(parser, (const char *)head.data, head.size);
    if (fault == HPE_PAUSED_UPGRADE)
        fault = HPE_OK; /* an upgrade is offered; nobody takes it */
    struct wk_http_tokens *t = c->tokens;
    t->method = wk_span_text(llhttp_method_name((llhttp_method_t)parser->method));
    t->fault_detail = llhttp_errno_name(fault);
    const char *at = llhttp_get_error_pos(parser);
    t->fault_at =
        fault == HPE_OK || at == NULL ? head.size : (size_t)((const uint8_t *)at - head.data);
    return (int)fault;
}

#else

static int run(parser_type *parser, struct wk_span head, enum wk_http_kind kind,
               struct collect *c) {
    http_parser_init(parser, kind == WK_HTTP_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE);
    parser->data = c;
    size_t taken = http_parser_execute(parser, &callbacks, (const char *)head.data, head.size);
    enum http_errno fault = HTTP_PARSER_ERRNO(parser);
    struct wk_http_tokens *t = c->tokens;
    t->method = wk_span_text(http_method_str((enum http_method)parser->method));
    t->fault_detail = http_errno_description(fault);
    t->fault_at = taken;
    return (int)fault;
}

#endif

/* Libraries leave out blanks in front of a value, not those behind it. */
static struct wk_span trim(struct wk_span text) {
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

enum wk_http_token_fault wk_http_tokenize(struct wk_span head, enum wk_http_kind kind,
                                          struct wk_http_tokens *out) {
    parser_type parser;
    struct collect c = {.tokens = out};
    out->target = wk_span(NULL, 0);
    out->count = 0;
    int fault = run(&parser, head, kind, &c);
    out->status = parser.status_code;
    out->major = parser.http_major;
    out->minor = parser.http_minor;
    for (size_t i = 0; i < out->count; i++)
        out->fields[i].value = trim(out->fields[i].value);
    if (c.too_many)
        return WK_HTTP_TOKENS_TOO_MANY;
    switch (fault) {
    case HPE_OK:
        break;
    case HPE_INVALID_METHOD:
        return WK_HTTP_TOKENS_METHOD;
    case HPE_INVALID_VERSION:
        return WK_HTTP_TOKENS_VERSION;
    case HPE_INVALID_TRANSFER_ENCODING:
        return WK_HTTP_TOKENS_CODING;
    default:
        return WK_HTTP_TOKENS_BAD;
    }
    if (!c.complete) {
        out->fault_detail = "the head ends before its first line";
        return WK_HTTP_TOKENS_BAD;
    }
    return WK_HTTP_TOKENS_GOOD;
}
