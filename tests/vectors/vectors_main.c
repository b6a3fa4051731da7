/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wombatkv-vectors FILE...: checks the codec against files of vectors.
 *
 *      # comment; empty lines count for nothing
 *      Type | JSON | hex                                 encoding: the same bytes
 *      !Type | base | accept | description | hex | JSON  decoding: accepted, the same value
 *      !Type | base | reject | description | hex | check the same check fails first
 *
 * Type is the name of one of the eight messages, for the archive alone; "Payload Type" is magic and
 * archive of a block message, "Frame Type" envelope and archive of a wire message. "Envelope"
 * stands for the envelope alone, with hex of the body in place of JSON. `base` is the address of
 * the first byte modulo 16. A check is bounds, align, short, utf8 or tag; for what lies around an
 * archive truncated, magic, length, version, checksum or size. Hex of no bytes is "-" or nothing.
 *
 * Prints each line that disagrees, or is not of this form, and "N passed, M failed". Ends with 0,
 * with 1 if any failed, with 2 when a file cannot be read.
 *
 * On the vectors beside this file it holds the rules
 * ARCH-1 ARCH-2 ARCH-3 ARCH-4 ARCH-5 ARCH-6 ARCH-7 ARCH-8 ARCH-9 ARCH-10 ARCH-11
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "codec/envelope.h"
#include "hash/crc32c.h"
#include "vectors/json.h"

#define FIELDS_MAX 6
/* Memory for one line: the value of its JSON, of its bytes, and both encodings. */
#define ARENA_BYTES(line) (64 * (line) + 65536)

struct vector {
    const char *file;
    size_t number;
    struct wk_span fields[FIELDS_MAX];
    size_t field_count;
    struct arena arena;
    /* what the first field says */
    bool envelope;
    enum message_form form;
    enum message_type type;
};

/* ---- reporting ---- */

static bool disagree(const struct vector *v, const char *text) {
    char line[256];
    wk_quote(v->field_count > 3 ? v->fields[3] : v->fields[0], line, sizeof line);
    printf("%s:%zu: %s: %s\n", v->file, v->number, line, text);
    return false;
}

static void print_hex(const char *what, struct wk_span bytes) {
    printf("    %-8s ", what);
    for (size_t i = 0; i < bytes.size; i++)
        printf("%02x", bytes.data[i]);
    printf("\n");
}

static const char *check_of(const struct wk_wire_error *error) {
    switch (error->kind) {
    case WK_WIRE_ARCHIVE:
        return wk_archive_check_name(error->check);
    case WK_WIRE_TRUNCATED:
        return "truncated";
    case WK_WIRE_BAD_MAGIC:
        return "magic";
    case WK_WIRE_BODY_LENGTH_MISMATCH:
        return "length";
    case WK_WIRE_VERSION:
        return "version";
    case WK_WIRE_CHECKSUM:
        return "checksum";
    case WK_WIRE_TOO_LARGE:
        return "size";
    default:
        return "another";
    }
}

/* ---- fields ---- */

static bool field_is(struct wk_span field, const char *word) {
    return wk_span_equal(field, wk_span_text(word));
}

static bool read_hex(struct vector *v, struct wk_span field, struct wk_span *out) {
    if (field_is(field, "-"))
        field.size = 0;
    uint8_t *bytes = arena_take(&v->arena, field.size / 2 + 1);
    *out = wk_span(bytes, field.size / 2);
    return wk_hex_decode(field, bytes, NULL) || disagree(v, "not hex");
}

static bool read_json(struct vector *v, struct wk_span field, struct message *out) {
    const char *why;
    size_t at;
    if (json_message(field, v->type, &v->arena, out, &why, &at))
        return true;
    char text[128];
    snprintf(text, sizeof text, "JSON at character %zu: %s", at, why);
    return disagree(v, text);
}

/* The word before the type, if it is there, is taken away. */
static bool take_word(struct wk_span *field, const char *word) {
    struct wk_span expected = wk_span_text(word);
    if (field->size < expected.size || memcmp(field->data, expected.data, expected.size) != 0)
        return false;
    *field = wk_span(field->data + expected.size, field->size - expected.size);
    return true;
}

static bool read_type(struct vector *v, struct wk_span name) {
    v->envelope = field_is(name, "Envelope");
    if (v->envelope)
        return true;
    v->form = take_word(&name, "Frame ") ? FRAME : take_word(&name, "Payload ") ? PAYLOAD : ARCHIVE;
    v->type = message_type_named(name);
    bool wire = v->type == WIRE_REQUEST || v->type == WIRE_RESPONSE;
    if (v->type == MESSAGE_TYPES || (v->form == FRAME && !wire) || (v->form == PAYLOAD && wire))
        return disagree(v, "unknown type");
    return true;
}

/* ---- encoding lines ---- */

static bool same_bytes(const struct vector *v, struct wk_span ours, struct wk_span expected) {
    if (wk_span_equal(ours, expected))
        return true;
    disagree(v, "other bytes");
    print_hex("ours", ours);
    print_hex("expected", expected);
    return false;
}

static bool check_envelope(struct vector *v, struct wk_span body, struct wk_span expected) {
    const struct wk_envelope_header header = {wk_crc32c(body.data, body.size), (uint32_t)body.size};
    size_t size = WK_ENVELOPE_HEADER_BYTES + body.size;
    uint8_t *ours = arena_take(&v->arena, size);
    wk_envelope_header_encode(ours, &header);
    memcpy(ours + WK_ENVELOPE_HEADER_BYTES, body.data, body.size);
    return same_bytes(v, wk_span(ours, size), expected);
}

static bool check_encoding(struct vector *v) {
    struct wk_span expected;
    struct wk_span ours;
    struct message m;
    struct message again;
    struct wk_wire_error error;
    if (!read_type(v, v->fields[0]) || !read_hex(v, v->fields[2], &expected))
        return false;
    if (v->envelope)
        return read_hex(v, v->fields[1], &ours) && check_envelope(v, ours, expected);
    if (!read_json(v, v->fields[1], &m))
        return false;
    if (!message_encode(&m, v->form, &v->arena, &ours, &error))
        return disagree(v, "the encoder refuses it");
    if (!same_bytes(v, ours, expected))
        return false;
    if (!message_decode(v->type, v->form, ours, 0, &v->arena, &again, &error) ||
        !message_equal(&m, &again))
        return disagree(v, "decoded again it is another value");
    return true;
}

/* ---- decoding lines ---- */

static bool decode(struct vector *v, struct wk_span bytes, uint32_t base, struct message *m,
                   struct wk_span *body, struct wk_wire_error *error) {
    if (v->envelope)
        return wk_envelope_decode(bytes, WK_FRAME_BODY_BYTES_MAX, body, error);
    return message_decode(v->type, v->form, bytes, base, &v->arena, m, error);
}

static bool same_value(struct vector *v, const struct message *ours, struct wk_span body) {
    struct message expected;
    struct wk_span expected_body;
    if (v->envelope)
        return read_hex(v, v->fields[5], &expected_body) && same_bytes(v, body, expected_body);
    if (!read_json(v, v->fields[5], &expected))
        return false;
    return message_equal(ours, &expected) || disagree(v, "accepted with another value");
}

static bool check_decoding(struct vector *v) {
    struct wk_span bytes;
    struct wk_span body = {NULL, 0};
    struct message m = {0};
    struct wk_wire_error error;
    uint64_t base;
    char text[128];
    bool accept = field_is(v->fields[2], "accept");
    struct wk_span name = wk_span(v->fields[0].data + 1, v->fields[0].size - 1);
    if (!read_type(v, name) || !read_hex(v, v->fields[4], &bytes))
        return false;
    if (!wk_parse_u64(v->fields[1], &base) || base > 15)
        return disagree(v, "the base is not a number from 0 to 15");
    if (!accept && !field_is(v->fields[2], "reject"))
        return disagree(v, "the verdict is neither accept nor reject");
    if (decode(v, bytes, (uint32_t)base, &m, &body, &error))
        return accept ? same_value(v, &m, body) : disagree(v, "accepted");
    if (!accept && field_is(v->fields[5], check_of(&error)))
        return true;
    snprintf(text, sizeof text, "rejected, check \"%s\" at byte %llu", check_of(&error),
             (unsigned long long)error.at);
    return disagree(v, text);
}

/* ---- lines and files ---- */

static struct wk_span trim(struct wk_span s) {
    while (s.size > 0 && strchr(" \t\r", s.data[s.size - 1]) != NULL && s.data[s.size - 1] != 0)
        s.size--;
    while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = wk_span(s.data + 1, s.size - 1);
    return s;
}

static bool space_at(struct wk_span line, size_t at) {
    return at >= line.size || line.data[at] == ' ' || line.data[at] == '\t';
}

/* Fields between bars that have space on both sides, or an end of the line; without that space. Too
 * many: FIELDS_MAX + 1. */
static size_t split(struct wk_span line, struct wk_span fields[FIELDS_MAX]) {
    size_t count = 0;
    size_t begin = 0;
    for (size_t at = 0; at <= line.size; at++) {
        bool bar = at < line.size && line.data[at] == '|' && (at == 0 || space_at(line, at - 1)) &&
                   space_at(line, at + 1);
        if (at < line.size && !bar)
            continue;
        if (count == FIELDS_MAX)
            return FIELDS_MAX + 1;
        fields[count++] = trim(wk_span(line.data + begin, at - begin));
        begin = at + 1;
    }
    return count;
}

static bool check_line(const char *file, size_t number, struct wk_span line) {
    struct vector v = {.file = file, .number = number, .arena = arena_new(ARENA_BYTES(line.size))};
    size_t count = split(line, v.fields);
    bool decoding = line.data[0] == '!';
    bool good;
    if (count != (decoding ? 6 : 3)) {
        v.fields[0] = line;
        good = disagree(&v, decoding ? "not six fields" : "not three fields");
    } else {
        v.field_count = count;
        good = decoding ? check_decoding(&v) : check_encoding(&v);
    }
    free(v.arena.data);
    return good;
}

struct tally {
    size_t passed;
    size_t failed;
};

static void check_text(const char *file, struct wk_span text, struct tally *tally) {
    size_t number = 0;
    for (size_t begin = 0; begin < text.size;) {
        const uint8_t *end = memchr(text.data + begin, '\n', text.size - begin);
        size_t stop = end != NULL ? (size_t)(end - text.data) : text.size;
        struct wk_span line = trim(wk_span(text.data + begin, stop - begin));
        begin = stop + 1;
        number++;
        if (line.size == 0 || line.data[0] == '#')
            continue;
        if (check_line(file, number, line))
            tally->passed++;
        else
            tally->failed++;
    }
}

/* The whole file, in memory of its own. False: errno is no help beyond what is printed here. */
static bool read_file(const char *path, struct wk_span_mut *out) {
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    size_t capacity = 1 << 16;
    size_t size = 0;
    uint8_t *data = malloc(capacity);
    while (data != NULL) {
        size_t got = fread(data + size, 1, capacity - size, file);
        size += got;
        if (got == 0)
            break;
        if (size == capacity) {
            capacity *= 2;
            uint8_t *more = realloc(data, capacity);
            if (more == NULL)
                free(data);
            data = more;
        }
    }
    bool good = data != NULL && !ferror(file);
    fclose(file);
    if (!good) {
        free(data);
        return false;
    }
    *out = (struct wk_span_mut){data, size};
    return true;
}

int main(int argc, char **argv) {
    struct tally tally = {0, 0};
    bool unreadable = false;
    if (argc < 2) {
        fprintf(stderr, "usage: wombatkv-vectors FILE...\n");
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        struct wk_span_mut text;
        if (!read_file(argv[i], &text)) {
            fprintf(stderr, "%s: cannot be read\n", argv[i]);
            unreadable = true;
            continue;
        }
        check_text(argv[i], wk_span(text.data, text.size), &tally);
        free(text.data);
    }
    printf("%zu passed, %zu failed\n", tally.passed, tally.failed);
    return unreadable ? 2 : tally.failed > 0 ? 1 : 0;
}
