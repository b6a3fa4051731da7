/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of HTTP messages: a text cut into lines at CR LF, and each line looked at alone (HTTP-1 to
 * HTTP-8). What specs/0015 refuses is refused here; the plainest form of a head is good; between
 * the two a parser library decides, and the model is unsure.
 */
#include <string.h>
#include <strings.h>

#include "model.h"

#define HEAD_MAX   16384u
#define FIELDS_MAX 64u
#define TARGET_MAX 1024u

struct reading {
    struct model_head *out;
    bool is_request;
    bool sure;
    bool major_is_one;
    unsigned minor;
    size_t fields;
    bool close;
    bool stay;
    bool has_coding;
};

static bool among(uint8_t c, const char *set) {
    return c != 0 && strchr(set, c) != NULL;
}

static bool letter_or_digit(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is(struct wk_span text, const char *word) {
    return text.size == strlen(word) && strncasecmp((const char *)text.data, word, text.size) == 0;
}

static struct wk_span trimmed(struct wk_span text) {
    while (text.size > 0 && among(text.data[0], " \t"))
        text = wk_span(text.data + 1, text.size - 1);
    while (text.size > 0 && among(text.data[text.size - 1], " \t"))
        text.size--;
    return text;
}

/* Cuts the text at the first `c`; false when there is none. */
static bool cut(struct wk_span *rest, char c, struct wk_span *first) {
    const uint8_t *at = rest->size > 0 ? memchr(rest->data, c, rest->size) : NULL;
    if (at == NULL)
        return false;
    *first = wk_span(rest->data, (size_t)(at - rest->data));
    *rest = wk_span(at + 1, rest->size - first->size - 1);
    return true;
}

/* ---- the first line ---------------------------------------------------------------------------
 */

/* "HTTP/1.0" or "HTTP/1.1", which every library reads; "HTTP/" and other digits, which none may. */
static bool read_version(struct reading *r, struct wk_span text) {
    bool version = text.size == 8 && model_begins(text, "HTTP/") && text.data[6] == '.' &&
                   text.data[5] >= '0' && text.data[5] <= '9' && text.data[7] >= '0' &&
                   text.data[7] <= '9';
    if (!version)
        return false;
    r->major_is_one = text.data[5] == '1';
    r->minor = (unsigned)(text.data[7] - '0');
    if (r->minor > 1)
        r->sure = false;
    return true;
}

static bool plain_method(struct wk_span text) {
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "DELETE"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (text.size == strlen(known[i]) && memcmp(text.data, known[i], text.size) == 0)
            return true;
    }
    return false;
}

static bool plain_target(struct wk_span text) {
    if (text.size == 0 || text.data[0] != '/')
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (!letter_or_digit(text.data[i]) && !among(text.data[i], "/._~%-=&?:+"))
            return false;
    }
    return true;
}

/* METHOD target HTTP/1.x, single blanks between. False: refused. */
static bool read_request_line(struct reading *r, struct wk_span line) {
    struct wk_span method;
    struct wk_span target;
    struct wk_span rest = line;
    bool plain = cut(&rest, ' ', &method) && cut(&rest, ' ', &target) && read_version(r, rest) &&
                 plain_method(method) && plain_target(target);
    if (!plain) {
        r->sure = false;
        r->major_is_one = true;
        return true;
    }
    r->out->method = method;
    r->out->target = target;
    return r->major_is_one && target.size <= TARGET_MAX;
}

/* HTTP/1.x ddd text. */
static bool read_status_line(struct reading *r, struct wk_span line) {
    struct wk_span version;
    struct wk_span rest = line;
    uint64_t status = 0;
    bool plain = cut(&rest, ' ', &version) && read_version(r, version) && rest.size >= 4 &&
                 rest.data[3] == ' ' && model_decimal(wk_span(rest.data, 3), 999, &status) &&
                 status >= 100;
    for (size_t i = 0; plain && i < rest.size; i++)
        plain = letter_or_digit(rest.data[i]) || rest.data[i] == ' ';
    if (!plain) {
        r->sure = false;
        r->major_is_one = true;
        return true;
    }
    r->out->status = (unsigned)status;
    return r->major_is_one;
}

/* ---- fields -----------------------------------------------------------------------------------
 */

static void read_connection(struct reading *r, struct wk_span list) {
    struct wk_span one;
    for (;;) {
        bool last = !cut(&list, ',', &one);
        if (last)
            one = list;
        one = trimmed(one);
        r->close |= is(one, "close");
        r->stay |= is(one, "keep-alive");
        for (size_t i = 0; i < one.size; i++) {
            if (among(one.data[i], " \t")) /* no list of words; nobody says what it means */
                r->sure = false;
        }
        if (last)
            return;
    }
}

static bool once(bool *has) {
    bool first = !*has;
    *has = true;
    return first;
}

/* False: refused. */
static bool read_known(struct reading *r, struct wk_span name, struct wk_span value) {
    struct model_head *out = r->out;
    if (is(name, "content-length")) {
        bool good = once(&out->has_content_length) &&
                    model_decimal(value, UINT64_MAX, &out->content_length);
        if (good && out->content_length > 1000000000000000000u)
            r->sure = false;
        return good;
    }
    if (is(name, "transfer-encoding")) {
        out->chunked = true;
        return once(&r->has_coding) && is(value, "chunked");
    }
    if (is(name, "expect"))
        return once(&out->has_expect) && is(value, "100-continue");
    if (is(name, "authorization")) {
        out->authorization = value;
        return once(&out->has_authorization);
    }
    if (is(name, "connection"))
        read_connection(r, value);
    return true;
}

/* Of a response an Expect has no meaning. */
static bool read_field(struct reading *r, struct wk_span line) {
    struct wk_span name;
    struct wk_span value = line;
    if (++r->fields > FIELDS_MAX || !cut(&value, ':', &name) || name.size == 0)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        if (!letter_or_digit(name.data[i]) && !among(name.data[i], "!#$%&'*+-.^_`|~"))
            return false;
    }
    bool length = is(name, "content-length");
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] >= 0x80 || (length && value.data[i] == '\t'))
            r->sure = false;
    }
    if (!r->is_request && is(name, "expect"))
        return once(&r->out->has_expect);
    return read_known(r, name, trimmed(value));
}

/* ---- the head ---------------------------------------------------------------------------------
 */

/* No control bytes, no line end but CR LF, no line that goes on. */
static bool good_bytes(struct wk_span head) {
    for (size_t i = 0; i < head.size; i++) {
        uint8_t c = head.data[i];
        bool after_cr = i > 0 && head.data[i - 1] == '\r';
        if (c == 0x7f || (c < 0x20 && !among(c, "\t\r\n")) || (c == '\n') != after_cr)
            return false;
        if (among(c, " \t") && i > 0 && head.data[i - 1] == '\n')
            return false;
    }
    return true;
}

enum model_http model_http_read(struct wk_span bytes, bool is_request, struct model_head *out) {
    struct reading r = {.out = out, .is_request = is_request, .sure = true};
    memset(out, 0, sizeof *out);
    size_t limit = bytes.size < HEAD_MAX ? bytes.size : HEAD_MAX;
    const uint8_t *end = limit > 0 ? memmem(bytes.data, limit, "\r\n\r\n", 4) : NULL;
    if (end == NULL)
        return bytes.size < HEAD_MAX ? MODEL_HTTP_MORE : MODEL_HTTP_REFUSED;
    struct wk_span head = wk_span(bytes.data, (size_t)(end - bytes.data) + 4);
    out->head_bytes = head.size;
    if (!good_bytes(head))
        return MODEL_HTTP_REFUSED;
    bool good = true;
    bool first = true;
    while (good && head.size > 2) {
        const uint8_t *line_end = memmem(head.data, head.size, "\r\n", 2);
        struct wk_span line = wk_span(head.data, (size_t)(line_end - head.data));
        head = wk_span(line_end + 2, head.size - line.size - 2);
        if (first)
            good = is_request ? read_request_line(&r, line) : read_status_line(&r, line);
        else
            good = read_field(&r, line);
        /* Libraries pass by empty lines in front, and so does the rest of this. */
        if (line.size > 0)
            first = false;
    }
    if (!good || (out->has_content_length && out->chunked))
        return MODEL_HTTP_REFUSED;
    out->keep_alive = !r.close && (r.stay || r.minor >= 1);
    return r.sure ? MODEL_HTTP_GOOD : MODEL_HTTP_UNSURE;
}
