/* SPDX-License-Identifier: Apache-2.0 */
/* inih splits lines; what the entries mean is judged here, the first fault with its section. */
#include "daemon/auth_file.h"

#include <ini.h>

#include "base/text.h"

struct parse {
    struct wk_span rest;
    struct wk_auth_token *tokens;
    size_t capacity;
    size_t count;
    uint32_t seen; /* entries of the last token, a bit for each of `entries` */
    bool line_too_long;
    enum wk_status status;
    struct wk_error *err;
};

/* A line, as fgets would give it; inih has room for 200 bytes. */
static char *next_line(char *to, int capacity, void *arg) {
    struct parse *p = arg;
    if (p->rest.size == 0 || p->status != WK_OK)
        return NULL;
    const uint8_t *newline = memchr(p->rest.data, '\n', p->rest.size);
    size_t line = newline == NULL ? p->rest.size : (size_t)(newline - p->rest.data) + 1;
    if (line >= (size_t)capacity) {
        p->line_too_long = true;
        return NULL;
    }
    memcpy(to, p->rest.data, line);
    to[line] = 0;
    p->rest = wk_span(p->rest.data + line, p->rest.size - line);
    return to;
}

static int refuse(struct parse *p, const char *section, const char *name, const char *want) {
    char quoted_section[100];
    char quoted_name[100];
    wk_quote(wk_span_text(section), quoted_section, sizeof quoted_section);
    wk_quote(wk_span_text(name), quoted_name, sizeof quoted_name);
    p->status = wk_fail(p->err, WK_INVALID, "token %s: %s: %s", quoted_section, quoted_name, want);
    return 0;
}

static struct wk_auth_token *token_of(struct parse *p, const char *section) {
    if (p->count > 0 && strcmp(p->tokens[p->count - 1].name, section) == 0)
        return &p->tokens[p->count - 1];
    if (p->count == p->capacity || section[0] == 0 || strlen(section) > WK_AUTH_NAME_BYTES_MAX)
        return NULL;
    struct wk_auth_token *t = &p->tokens[p->count++];
    p->seen = 0;
    memset(t, 0, sizeof *t);
    memcpy(t->name, section, strlen(section));
    t->quota_bytes = UINT64_MAX;
    return t;
}

static bool set_hash(struct wk_auth_token *t, const char *value) {
    t->has_hash =
        strlen(value) == 2 * sizeof t->hash && wk_hex_decode(wk_span_text(value), t->hash, NULL);
    return t->has_hash;
}

static bool set_patterns(struct wk_auth_token *t, const char *value) {
    size_t size = strlen(value);
    if (size == 0 || size > WK_AUTH_PATTERNS_BYTES_MAX)
        return false;
    memcpy(t->patterns, value, size + 1);
    return true;
}

static bool set_choice(const char *value, const char *yes, const char *no, bool *out) {
    *out = strcmp(value, yes) == 0;
    return *out || strcmp(value, no) == 0;
}

/* The second of two values would silently be the one: a pattern or a limit lost. inih gives a line
 * that begins with a blank as another value of the entry above it. */
static bool is_second(struct parse *p, const char *name) {
    static const char *const entries[] = {"token_blake3", "namespaces", "access", "admin",
                                          "quota_bytes"};
    uint32_t before = p->seen;
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        if (strcmp(name, entries[i]) != 0)
            continue;
        p->seen |= 1u << i;
        return before == p->seen;
    }
    return false;
}

static int on_value(void *arg, const char *section, const char *name, const char *value) {
    struct parse *p = arg;
    struct wk_auth_token *t = token_of(p, section);
    if (t == NULL)
        return refuse(p, section, name, "no section with a name before it, or too many sections");
    if (is_second(p, name))
        return refuse(p, section, name, "given twice, or goes on in a second line");
    if (strcmp(name, "token_blake3") == 0)
        return set_hash(t, value) || refuse(p, section, name, "want 64 hex digits");
    if (strcmp(name, "namespaces") == 0)
        return set_patterns(t, value) || refuse(p, section, name, "want names, and commas between");
    if (strcmp(name, "access") == 0)
        return set_choice(value, "write", "read", &t->may_write) ||
               refuse(p, section, name, "want read or write");
    if (strcmp(name, "admin") == 0)
        return set_choice(value, "yes", "no", &t->is_admin) ||
               refuse(p, section, name, "want yes or no");
    if (strcmp(name, "quota_bytes") == 0)
        return wk_parse_u64(wk_span_text(value), &t->quota_bytes) ||
               refuse(p, section, name, "want a whole number of bytes");
    return refuse(p, section, name, "nothing of this name is known");
}

static enum wk_status check_token(const struct parse *p, size_t at) {
    const struct wk_auth_token *t = &p->tokens[at];
    if (!t->has_hash)
        return wk_fail(p->err, WK_INVALID, "token \"%s\" has no token_blake3", t->name);
    if (t->patterns[0] == 0 && !t->is_admin)
        return wk_fail(p->err, WK_INVALID, "token \"%s\" has no namespaces", t->name);
    for (size_t i = 0; i < at; i++) {
        if (memcmp(p->tokens[i].hash, t->hash, sizeof t->hash) == 0)
            return wk_fail(p->err, WK_INVALID, "tokens \"%s\" and \"%s\" are the same",
                           p->tokens[i].name, t->name);
    }
    return WK_OK;
}

enum wk_status wk_auth_file_parse(struct wk_span text, struct wk_auth_token *tokens,
                                  size_t capacity, size_t *out_count, struct wk_error *err) {
    struct parse p = {
        .rest = text, .tokens = tokens, .capacity = capacity, .status = WK_OK, .err = err};
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL)
        return wk_fail(err, WK_INVALID, "it has a NUL byte in it");
    int line = ini_parse_stream(next_line, &p, on_value, &p);
    if (p.status != WK_OK)
        return p.status;
    if (p.line_too_long)
        return wk_fail(err, WK_INVALID, "a line has more than %u bytes",
                       WK_AUTH_PATTERNS_BYTES_MAX);
    if (line != 0)
        return wk_fail(err, WK_INVALID, "line %d is neither \"[name]\" nor \"name = value\"", line);
    if (p.count == 0)
        return wk_fail(err, WK_INVALID, "it has no token in it");
    enum wk_status status = WK_OK;
    for (size_t i = 0; i < p.count && status == WK_OK; i++)
        status = check_token(&p, i);
    if (status == WK_OK)
        *out_count = p.count;
    return status;
}

/* ---- patterns -------------------------------------------------------------------------------- */

static bool begins_with(struct wk_span text, struct wk_span start) {
    return text.size >= start.size && memcmp(text.data, start.data, start.size) == 0;
}

static bool one_covers(struct wk_span pattern, struct wk_span rest) {
    while (pattern.size > 0 && pattern.data[0] == ' ')
        pattern = wk_span(pattern.data + 1, pattern.size - 1);
    while (pattern.size > 0 && pattern.data[pattern.size - 1] == ' ')
        pattern.size--;
    if (pattern.size == 0)
        return false;
    if (pattern.data[pattern.size - 1] == '*')
        return begins_with(rest, wk_span(pattern.data, pattern.size - 1));
    return begins_with(rest, pattern) && rest.size > pattern.size && rest.data[pattern.size] == '/';
}

bool wk_auth_pattern_covers(const char *patterns, struct wk_span rest) {
    const char *at = patterns;
    for (;;) {
        const char *comma = strchr(at, ',');
        size_t size = comma == NULL ? strlen(at) : (size_t)(comma - at);
        if (one_covers(wk_span(at, size), rest))
            return true;
        if (comma == NULL)
            return false;
        at = comma + 1;
    }
}
