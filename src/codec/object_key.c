/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key is put together in the caller's fixed room, part by part through a bounded writer, after
 * its length is known to fit. Parsing only strips what composing put there; it never searches, so
 * a namespace that contains the text of a block key cannot pass for one.
 */
#include "codec/object_key.h"

#include "base/mark.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/writer.h"

/* Room for a quoted part in a message. */
#define QUOTED_BYTES 160

static bool has_nul(struct wk_span text) {
    return text.size > 0 && memchr(text.data, 0, text.size) != NULL;
}

/* NULL, or what is wrong with the prefix; its length is checked apart. */
static const char *prefix_fault(struct wk_span s3_prefix) {
    if (s3_prefix.size == 0)
        return "it is empty";
    if (has_nul(s3_prefix))
        return "it contains a NUL byte";
    if (s3_prefix.data[0] == '/')
        return "it begins with a slash";
    if (s3_prefix.data[s3_prefix.size - 1] == '/')
        return "it ends with a slash";
    return NULL;
}

enum wk_status wk_object_prefix_check(struct wk_span s3_prefix, struct wk_error *err) {
    if (s3_prefix.size > WK_S3_PREFIX_BYTES_MAX)
        return wk_fail(err, WK_INVALID, "object prefix of %zu bytes: at most %u are allowed",
                       s3_prefix.size, WK_S3_PREFIX_BYTES_MAX);
    const char *fault = prefix_fault(s3_prefix);
    if (fault == NULL)
        return WK_OK;
    char quoted[QUOTED_BYTES];
    wk_quote(s3_prefix, quoted, sizeof quoted);
    return wk_fail(err, WK_INVALID, "object prefix %s cannot be used: %s", quoted, fault);
}

static enum wk_status check_namespace(struct wk_span ns, struct wk_error *err) {
    if (ns.size > WK_NAMESPACE_BYTES_MAX)
        return wk_fail(err, WK_INVALID, "namespace of %zu bytes: at most %u are allowed", ns.size,
                       WK_NAMESPACE_BYTES_MAX);
    if (!has_nul(ns))
        return WK_OK;
    char quoted[QUOTED_BYTES];
    wk_quote(ns, quoted, sizeof quoted);
    return wk_fail(err, WK_INVALID, "namespace %s contains a NUL byte", quoted);
}

/* "<s3_prefix>/<ns>/<head><tail>". The relative key comes in two parts to spare a copy. */
static enum wk_status compose(struct wk_span s3_prefix, struct wk_span ns, struct wk_span head,
                              struct wk_span tail, struct wk_object_key *out,
                              struct wk_error *err) {
    enum wk_status status = wk_object_prefix_check(s3_prefix, err);
    if (status != WK_OK)
        return status;
    status = check_namespace(ns, err);
    if (status != WK_OK)
        return status;
    size_t relative = head.size + tail.size; /* both lie in memory, and one is short */
    size_t above = s3_prefix.size + 1 + (ns.size > 0 ? ns.size + 1 : 0);
    if (relative > WK_OBJECT_KEY_BYTES_MAX - above)
        return wk_fail(err, WK_INVALID,
                       "object key too long: %zu bytes of prefix and namespace and %zu of relative "
                       "key, at most %u together are allowed",
                       above, relative, WK_OBJECT_KEY_BYTES_MAX);
    struct wk_writer w = wk_writer(out->text, WK_OBJECT_KEY_BYTES_MAX);
    wk_write_span(&w, s3_prefix);
    wk_write_u8(&w, '/');
    if (ns.size > 0) {
        wk_write_span(&w, ns);
        wk_write_u8(&w, '/');
    }
    wk_write_span(&w, head);
    wk_write_span(&w, tail);
    out->length = w.at;
    out->text[w.at] = 0;
    return WK_OK;
}

enum wk_status wk_object_key_block(struct wk_span s3_prefix, struct wk_span ns,
                                   const struct wk_block_hash *hash, struct wk_object_key *out,
                                   struct wk_error *err) {
    char hex[WK_HASH_HEX_CHARS + 1];
    wk_hex_encode(wk_span(hash->bytes, sizeof hash->bytes), hex);
    return compose(s3_prefix, ns, wk_span_text(WK_BLOCK_KEY_PREFIX),
                   wk_span(hex, WK_HASH_HEX_CHARS), out, err);
}

enum wk_status wk_object_key_raw_tail(struct wk_span s3_prefix, struct wk_span ns,
                                      struct wk_span tip, struct wk_object_key *out,
                                      struct wk_error *err) {
    if (tip.size != WK_HASH_HEX_CHARS)
        return wk_fail(err, WK_INVALID, "raw-tail hash of %zu characters: exactly %u are needed",
                       tip.size, WK_HASH_HEX_CHARS);
    if (has_nul(tip))
        return wk_fail(err, WK_INVALID, "raw-tail hash contains a NUL byte");
    return compose(s3_prefix, ns, wk_span_text(WK_RAW_TAIL_KEY_PREFIX), tip, out, err);
}

enum wk_status wk_object_key_relative(struct wk_span s3_prefix, struct wk_span ns,
                                      struct wk_span relative, struct wk_object_key *out,
                                      struct wk_error *err) {
    if (relative.size == 0)
        return wk_fail(err, WK_INVALID, "object key is empty");
    if (has_nul(relative)) {
        char quoted[QUOTED_BYTES];
        wk_quote(relative, quoted, sizeof quoted);
        return wk_fail(err, WK_INVALID, "object key %s contains a NUL byte", quoted);
    }
    return compose(s3_prefix, ns, relative, wk_span(NULL, 0), out, err);
}

/* Strips `part` from the front of `text`; false, nothing stripped, when it is not there. */
static bool strip(struct wk_span *text, struct wk_span part) {
    if (part.size > text->size)
        return false;
    if (part.size > 0 && memcmp(text->data, part.data, part.size) != 0)
        return false;
    if (part.size > 0)
        *text = wk_span(text->data + part.size, text->size - part.size);
    return true;
}

/* 64 digits of lower-case hex. */
static bool parse_hash(struct wk_span text, struct wk_block_hash *out) {
    if (text.size != WK_HASH_HEX_CHARS)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (!WK_PLANTED(104) && text.data[i] >= 'A' && text.data[i] <= 'F')
            return false;
    }
    return wk_hex_decode(text, out->bytes, NULL);
}

bool wk_object_key_parse(struct wk_span s3_prefix, struct wk_span ns, struct wk_span key,
                         struct wk_parsed_key *out) {
    const struct wk_span slash = wk_span("/", 1);
    if (!strip(&key, s3_prefix) || !strip(&key, slash))
        return false;
    if (ns.size > 0 && (!strip(&key, ns) || !strip(&key, slash)))
        return false;
    struct wk_parsed_key parsed = {.kind = WK_KEY_OTHER, .relative = key};
    struct wk_span rest = key;
    if (strip(&rest, wk_span_text(WK_BLOCK_KEY_PREFIX))) {
        if (parse_hash(rest, &parsed.hash))
            parsed.kind = WK_KEY_BLOCK;
    } else if (strip(&rest, wk_span_text(WK_RAW_TAIL_KEY_PREFIX)) &&
               rest.size == WK_HASH_HEX_CHARS && !has_nul(rest)) {
        parsed.kind = WK_KEY_RAW_TAIL;
        parsed.tip = rest;
    }
    *out = parsed;
    return true;
}

/* ---- names from outside ---- */

/* NULL, or what is wrong with one segment. */
static const char *segment_fault(struct wk_span segment) {
    if (segment.size == 0)
        return "has an empty segment";
    if (segment.size <= 2 && segment.data[0] == '.' && segment.data[segment.size - 1] == '.')
        return "has a segment of dots";
    for (size_t i = 0; i < segment.size; i++) {
        if (segment.data[i] < 0x20 || segment.data[i] == 0x7f)
            return "has a control character";
    }
    return NULL;
}

static const char *text_fault(struct wk_span text) {
    if (!wk_utf8_valid(text))
        return "is not UTF-8";
    size_t from = 0;
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] != '/')
            continue;
        const char *fault = segment_fault(wk_span(text.data + from, i - from));
        if (fault != NULL)
            return fault;
        from = i + 1;
    }
    return NULL;
}

static enum wk_status text_check(const char *what, struct wk_span text, struct wk_error *err) {
    const char *fault = text_fault(text);
    if (fault == NULL)
        return WK_OK;
    char quoted[QUOTED_BYTES];
    wk_quote(text, quoted, sizeof quoted);
    return wk_fail(err, WK_INVALID, "%s %s %s", what, quoted, fault);
}

enum wk_status wk_object_namespace_check(struct wk_span ns, struct wk_error *err) {
    if (ns.size > WK_NAMESPACE_BYTES_MAX)
        return check_namespace(ns, err);
    return ns.size == 0 ? WK_OK : text_check("namespace", ns, err);
}

/* Does what our own keys begin with stand at a segment of `text` other than the one at `own`? */
static bool spells_ours(struct wk_span text, size_t own) {
    const struct wk_span ours = wk_span_text("wombatkv/v1/");
    for (size_t i = 0; i + ours.size <= text.size; i++) {
        bool starts = i == 0 || text.data[i - 1] == '/';
        if (starts && i != own && memcmp(text.data + i, ours.data, ours.size) == 0)
            return true;
    }
    return false;
}

static void classify(struct wk_span relative, struct wk_parsed_key *out) {
    *out = (struct wk_parsed_key){.kind = WK_KEY_OTHER, .relative = relative};
    struct wk_span rest = relative;
    if (strip(&rest, wk_span_text(WK_BLOCK_KEY_PREFIX))) {
        if (rest.size == WK_HASH_HEX_CHARS && wk_hex_decode(rest, out->hash.bytes, NULL))
            out->kind = WK_KEY_BLOCK;
    } else if (strip(&rest, wk_span_text(WK_RAW_TAIL_KEY_PREFIX)) &&
               rest.size == WK_HASH_HEX_CHARS) {
        out->kind = WK_KEY_RAW_TAIL;
        out->tip = rest;
    }
}

/* A value's key, which a peer made up: `made` is what it and the namespace spell together. */
static enum wk_status value_check(struct wk_span s3_prefix, struct wk_span ns,
                                  struct wk_span relative, const struct wk_object_key *made,
                                  struct wk_error *err) {
    char quoted[QUOTED_BYTES];
    enum wk_status status = wk_object_namespace_check(ns, err);
    if (status == WK_OK)
        status = text_check("object key", relative, err);
    if (status != WK_OK)
        return status;
    size_t above = s3_prefix.size + 1;
    if (!spells_ours(wk_span(made->text + above, made->length - above),
                     made->length - relative.size - above))
        return WK_OK;
    wk_quote(relative, quoted, sizeof quoted);
    return wk_fail(err, WK_INVALID, "object key %s lies among those of another namespace", quoted);
}

/* Blocks and tails are named by engines, by whatever way the name comes: the same as embedded. */
enum wk_status wk_object_key_name(struct wk_span s3_prefix, struct wk_span ns,
                                  struct wk_span relative, struct wk_parsed_key *out,
                                  struct wk_object_key *object, struct wk_error *err) {
    struct wk_object_key made;
    struct wk_parsed_key parsed;
    enum wk_status status = wk_object_key_relative(s3_prefix, ns, relative, &made, err);
    if (status != WK_OK)
        return status;
    classify(relative, &parsed);
    if (parsed.kind == WK_KEY_OTHER)
        status = value_check(s3_prefix, ns, relative, &made, err);
    if (status != WK_OK)
        return status;
    *out = parsed;
    *object = made;
    return WK_OK;
}
