/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that knows which parser library takes HTTP heads apart: llhttp where the system has
 * it (WK_HTTP_LLHTTP), else http-parser. What the tokens mean is judged in http_head.c; nobody else
 * includes this.
 */
#ifndef WK_CODEC_HTTP_TOKENS_H
#define WK_CODEC_HTTP_TOKENS_H

#include "base/limits.h"
#include "base/span.h"

enum wk_http_kind { WK_HTTP_REQUEST, WK_HTTP_RESPONSE };

enum wk_http_token_fault {
    WK_HTTP_TOKENS_GOOD,
    WK_HTTP_TOKENS_BAD,     /* not HTTP */
    WK_HTTP_TOKENS_METHOD,  /* a method the library does not know */
    WK_HTTP_TOKENS_VERSION, /* not a version */
    WK_HTTP_TOKENS_CODING,  /* a transfer coding the library cannot undo */
    WK_HTTP_TOKENS_TOO_MANY /* more fields than WK_HTTP_FIELDS_MAX */
};

/* Views into the head; `value` without blanks at its ends. */
struct wk_http_field {
    struct wk_span name;
    struct wk_span value;
};

struct wk_http_tokens {
    struct wk_span method; /* of a request; literal */
    struct wk_span target;
    unsigned status; /* of a response */
    unsigned major;
    unsigned minor;
    size_t count;
    struct wk_http_field fields[WK_HTTP_FIELDS_MAX];
    size_t fault_at;          /* of a fault: where, roughly, */
    const char *fault_detail; /* and the library's word for it, literal */
};

/* `head` ends with its first empty line. */
enum wk_http_token_fault wk_http_tokenize(struct wk_span head, enum wk_http_kind kind,
                                          struct wk_http_tokens *out);

#endif
