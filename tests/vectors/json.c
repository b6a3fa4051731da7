/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors/json.h"

#include "base/text.h"

struct reader {
    struct wk_span text;
    size_t at;
    const char *why; /* NULL: all good so far */
    struct arena *arena;
};

static bool wrong(struct reader *r, const char *why) {
    if (r->why == NULL)
        r->why = why;
    return false;
}

static int peek(const struct reader *r) {
    return r->at < r->text.size ? r->text.data[r->at] : -1;
}

static void skip_space(struct reader *r) {
    while (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n' || peek(r) == '\r')
        r->at++;
}

/* Past `c`, and the space before it, if it is next. */
static bool next_is(struct reader *r, char c) {
    skip_space(r);
    if (peek(r) != c)
        return false;
    r->at++;
    return true;
}

/* Past `word` if it is next, here. */
static bool word_is(struct reader *r, const char *word) {
    struct wk_span expected = wk_span_text(word);
    if (r->text.size - r->at < expected.size ||
        memcmp(r->text.data + r->at, expected.data, expected.size) != 0)
        return false;
    r->at += expected.size;
    return true;
}

/* ---- strings ---- */

static bool read_hex4(struct reader *r, uint32_t *out) {
    uint8_t two[2];
    if (r->text.size - r->at < 4 || !wk_hex_decode(wk_span(r->text.data + r->at, 4), two, NULL))
        return wrong(r, "\\u without four hex digits");
    r->at += 4;
    *out = (uint32_t)two[0] << 8 | two[1];
    return true;
}

/* One \uXXXX, or two that are a surrogate pair. */
static bool read_point(struct reader *r, uint32_t *out) {
    uint32_t high;
    uint32_t low;
    if (!read_hex4(r, &high))
        return false;
    if (high >= 0xdc00 && high <= 0xdfff)
        return wrong(r, "low surrogate without a high one");
    if (high < 0xd800 || high > 0xdbff) {
        *out = high;
        return true;
    }
    if (!word_is(r, "\\u") || !read_hex4(r, &low) || low < 0xdc00 || low > 0xdfff)
        return wrong(r, "high surrogate without a low one");
    *out = 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
    return true;
}

static void put_point(struct wk_writer *w, uint32_t point) {
    if (point < 0x80) {
        wk_write_u8(w, (uint8_t)point);
        return;
    }
    unsigned more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    uint8_t lead = (uint8_t)(0xff00 >> (more + 1)); /* 110, 1110 or 11110 and zeros */
    wk_write_u8(w, (uint8_t)(lead | point >> (6 * more)));
    while (more > 0) {
        more--;
        wk_write_u8(w, (uint8_t)(0x80 | (point >> (6 * more) & 0x3f)));
    }
}

static bool read_escape(struct reader *r, struct wk_writer *w) {
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";
    int c = peek(r);
    r->at++;
    if (c == 'u') {
        uint32_t point;
        if (!read_point(r, &point))
            return false;
        put_point(w, point);
        return true;
    }
    const char *name = c > 0 ? strchr(names, c) : NULL;
    if (name == NULL)
        return wrong(r, "unknown escape");
    wk_write_u8(w, (uint8_t)values[name - names]);
    return true;
}

/* Bytes up to the closing quote; what is written is never shorter than what it means. */
static size_t string_bytes(const struct reader *r) {
    size_t end = r->at;
    while (end < r->text.size && r->text.data[end] != '"')
        end += r->text.data[end] == '\\' ? 2 : 1;
    return (end < r->text.size ? end : r->text.size) - r->at;
}

static bool read_string(struct reader *r, struct wk_span *out) {
    if (!next_is(r, '"'))
        return wrong(r, "a string is expected");
    size_t room = string_bytes(r);
    struct wk_writer w = wk_writer(arena_take(r->arena, room), room);
    while (peek(r) != '"') {
        int c = peek(r);
        if (c < 0x20)
            return wrong(r, c < 0 ? "string without its end" : "control character in a string");
        r->at++;
        if (c != '\\')
            wk_write_u8(&w, (uint8_t)c);
        else if (!read_escape(r, &w))
            return false;
    }
    r->at++;
    *out = wk_writer_span(&w);
    return wk_utf8_valid(*out) || wrong(r, "string is not UTF-8");
}

static bool read_bytes(struct reader *r, struct wk_span *out) {
    struct wk_span hex;
    if (!read_string(r, &hex))
        return false;
    uint8_t *bytes = arena_take(r->arena, hex.size / 2);
    if (!wk_hex_decode(hex, bytes, NULL))
        return wrong(r, "string is not hex");
    *out = wk_span(bytes, hex.size / 2);
    return true;
}

/* ---- numbers, lists, options ---- */

static bool read_number(struct reader *r, uint64_t max, uint64_t *out) {
    skip_space(r);
    size_t begin = r->at;
    while (peek(r) >= '0' && peek(r) <= '9')
        r->at++;
    struct wk_span digits = wk_span(r->text.data + begin, r->at - begin);
    bool zero_first = digits.size > 1 && digits.data[0] == '0';
    if (zero_first || !wk_parse_u64(digits, out) || *out > max)
        return wrong(r, "a number of the field's size is expected");
    return true;
}

static bool read_hashes(struct reader *r, struct message *m) {
    if (!next_is(r, '['))
        return wrong(r, "a list is expected");
    /* An element takes three characters at least. */
    m->hashes = arena_take(r->arena, (r->text.size - r->at) / 3 * sizeof *m->hashes);
    if (next_is(r, ']'))
        return true;
    do {
        if (!read_string(r, &m->hashes[m->hash_count]))
            return false;
        m->hash_count++;
    } while (next_is(r, ','));
    return next_is(r, ']') || wrong(r, "a list without its end");
}

static bool read_payloads(struct reader *r, struct message *m) {
    if (!next_is(r, '['))
        return wrong(r, "a list is expected");
    m->payloads = arena_take(r->arena, (r->text.size - r->at) / 3 * sizeof *m->payloads);
    if (next_is(r, ']'))
        return true;
    do {
        if (!read_bytes(r, &m->payloads[m->payload_count].bytes))
            return false;
        m->payload_count++;
    } while (next_is(r, ','));
    return next_is(r, ']') || wrong(r, "a list without its end");
}

static bool read_error(struct reader *r, struct message *m) {
    skip_space(r);
    if (word_is(r, "null"))
        return true;
    m->error.some = true;
    return read_string(r, &m->error.text);
}

static bool read_payload_option(struct reader *r, struct message *m) {
    skip_space(r);
    if (m->type == GET_RESP && word_is(r, "null"))
        return true;
    m->hit = m->type == GET_RESP;
    return read_payloads(r, m);
}

static bool read_u8(struct reader *r, uint8_t *out) {
    uint64_t value;
    if (!read_number(r, UINT8_MAX, &value))
        return false;
    *out = (uint8_t)value;
    return true;
}

static bool read_u32(struct reader *r, uint32_t *out) {
    uint64_t value;
    if (!read_number(r, UINT32_MAX, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

/* ---- fields ---- */

enum field {
    ID,
    OP,
    STATUS,
    NAMESPACE,
    KEY,
    PAYLOAD_BYTES,
    MESSAGE,
    HASHES,
    PAYLOADS,
    COUNT,
    TOTAL,
    ERROR,
    FIELDS
};

static const char *const field_names[FIELDS] = {
    [ID] = "id",
    [OP] = "op",
    [STATUS] = "status",
    [NAMESPACE] = "namespace",
    [KEY] = "key",
    [PAYLOAD_BYTES] = "payload",
    [MESSAGE] = "message",
    [HASHES] = "block_hashes_hex",
    [PAYLOADS] = "payloads",
    [COUNT] = "matched_count",
    [TOTAL] = "total_bytes",
    [ERROR] = "error",
};

#define HAS(field) (1u << (field))
static const unsigned fields_of[MESSAGE_TYPES] = {
    [WIRE_REQUEST] = HAS(ID) | HAS(OP) | HAS(NAMESPACE) | HAS(KEY) | HAS(PAYLOAD_BYTES),
    [WIRE_RESPONSE] = HAS(ID) | HAS(STATUS) | HAS(OP) | HAS(PAYLOAD_BYTES) | HAS(MESSAGE),
    [LOOKUP_REQ] = HAS(NAMESPACE) | HAS(HASHES),
    [LOOKUP_RESP] = HAS(COUNT) | HAS(ERROR),
    [GET_REQ] = HAS(NAMESPACE) | HAS(HASHES),
    [GET_RESP] = HAS(PAYLOADS) | HAS(ERROR),
    [PUT_REQ] = HAS(NAMESPACE) | HAS(HASHES) | HAS(PAYLOADS),
    [PUT_RESP] = HAS(TOTAL) | HAS(ERROR),
};

static bool read_field(struct reader *r, enum field field, struct message *m) {
    switch (field) {
    case ID:
        return read_number(r, UINT64_MAX, &m->id);
    case OP:
        return read_u8(r, &m->op);
    case STATUS:
        return read_u8(r, &m->status);
    case NAMESPACE:
        return read_string(r, &m->name_space);
    case KEY:
        return read_string(r, &m->key);
    case PAYLOAD_BYTES:
        return read_bytes(r, &m->payload);
    case MESSAGE:
        return read_string(r, &m->text);
    case HASHES:
        return read_hashes(r, m);
    case PAYLOADS:
        return read_payload_option(r, m);
    case COUNT:
        return read_u32(r, &m->matched_count);
    case TOTAL:
        return read_number(r, UINT64_MAX, &m->total_bytes);
    case ERROR:
        return read_error(r, m);
    case FIELDS:
        break;
    }
    return wrong(r, "unknown field");
}

static bool read_named_field(struct reader *r, unsigned *missing, struct message *m) {
    struct wk_span name;
    if (!read_string(r, &name))
        return false;
    enum field field = 0;
    while (field < FIELDS && !wk_span_equal(name, wk_span_text(field_names[field])))
        field++;
    if (field == FIELDS || (*missing & HAS(field)) == 0)
        return wrong(r, "a field that the type does not have, or has already");
    *missing &= ~HAS(field);
    return (next_is(r, ':') || wrong(r, "a colon is expected")) && read_field(r, field, m);
}

bool json_message(struct wk_span text, enum message_type type, struct arena *arena,
                  struct message *out, const char **why, size_t *at) {
    struct reader r = {.text = text, .arena = arena};
    unsigned missing = fields_of[type];
    *out = (struct message){.type = type};
    bool good = next_is(&r, '{') || wrong(&r, "an object is expected");
    while (good) {
        good = read_named_field(&r, &missing, out);
        if (good && !next_is(&r, ','))
            break;
    }
    if (good)
        good = next_is(&r, '}') || wrong(&r, "an object without its end");
    skip_space(&r);
    if (good && missing != 0)
        good = wrong(&r, "a field is missing");
    if (good && r.at != text.size)
        good = wrong(&r, "more behind the object");
    *why = r.why;
    *at = r.at;
    return good;
}
