/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object keys, composed and taken apart. The input is "<prefix>\n<namespace>\n<rest>"; the rest is
 * a relative key, the 64 characters of a raw tail, or the bytes of a block's hash, and the whole of
 * it a listed key. The model puts texts together and compares them. KEY-1 to KEY-6
 */
#include "codec/object_key.h"
#include "harness.h"

#define TEXT_BYTES 8192

struct parts {
    struct wk_span prefix;
    struct wk_span ns;
    struct wk_span rest;
};

static struct wk_span line(struct wk_span *rest) {
    size_t end = 0;
    while (end < rest->size && rest->data[end] != '\n')
        end++;
    struct wk_span first = wk_span(rest->data, end);
    size_t used = end < rest->size ? end + 1 : end;
    *rest = wk_span(rest->data + used, rest->size - used);
    return first;
}

static bool has_nul(struct wk_span text) {
    return text.size > 0 && memchr(text.data, 0, text.size) != NULL;
}

static void append(char *to, size_t *size, const void *text, size_t text_size) {
    if (text_size > 0)
        memcpy(to + *size, text, text_size);
    *size += text_size;
}

/* KEY-5 and the text of KEY-1 to KEY-4. False when it is refused. */
static bool model_compose(const struct parts *p, const char *head, struct wk_span tail, char *to,
                          size_t *size) {
    *size = 0;
    if (p->prefix.size < 1 || p->prefix.size > 256 || has_nul(p->prefix) ||
        p->prefix.data[0] == '/' || p->prefix.data[p->prefix.size - 1] == '/')
        return false;
    if (p->ns.size > 512 || has_nul(p->ns))
        return false;
    append(to, size, p->prefix.data, p->prefix.size);
    append(to, size, "/", 1);
    append(to, size, p->ns.data, p->ns.size);
    append(to, size, "/", p->ns.size > 0 ? 1 : 0);
    append(to, size, head, strlen(head));
    append(to, size, tail.data, tail.size);
    return *size <= 1024;
}

static void compare(enum wk_status status, const struct wk_object_key *key,
                    const struct wk_error *err, bool good, const char *model, size_t size) {
    CHECK((status == WK_OK) == good, "the verdict is that of the model");
    if (!good) {
        CHECK(status == WK_INVALID, "what cannot be a key is invalid");
        check_error(status, err);
        CHECK_PATTERN(key);
        return;
    }
    CHECK(key->length == size && memcmp(key->text, model, size) == 0 && key->text[size] == 0,
          "the key is that of the model");
}

static void check_relative(const struct parts *p) {
    char model[TEXT_BYTES];
    size_t size;
    struct wk_object_key key;
    struct wk_error err;
    struct wk_parsed_key parsed;
    FILL_PATTERN(&key);
    bool good =
        model_compose(p, "", p->rest, model, &size) && p->rest.size > 0 && !has_nul(p->rest);
    enum wk_status status = wk_object_key_relative(p->prefix, p->ns, p->rest, &key, &err);
    compare(status, &key, &err, good, model, size);
    if (!good)
        return;
    struct wk_span whole = wk_span(key.text, key.length);
    CHECK(wk_object_key_parse(p->prefix, p->ns, whole, &parsed), "a key lies where it was put");
    CHECK(wk_span_equal(parsed.relative, p->rest), "what it is there is what it was called");
}

static void check_raw_tail(const struct parts *p) {
    char model[TEXT_BYTES];
    size_t size;
    struct wk_object_key key;
    struct wk_error err;
    struct wk_parsed_key parsed;
    FILL_PATTERN(&key);
    bool good = model_compose(p, "wombatkv/v1/sidecar/raw_tail/b3=", p->rest, model, &size) &&
                p->rest.size == 64 && !has_nul(p->rest);
    enum wk_status status = wk_object_key_raw_tail(p->prefix, p->ns, p->rest, &key, &err);
    compare(status, &key, &err, good, model, size);
    if (!good)
        return;
    CHECK(wk_object_key_parse(p->prefix, p->ns, wk_span(key.text, key.length), &parsed) &&
              parsed.kind == WK_KEY_RAW_TAIL && wk_span_equal(parsed.tip, p->rest),
          "a raw tail is known by its key");
}

static void check_block(const struct parts *p) {
    char model[TEXT_BYTES];
    char hex[65];
    size_t size;
    struct wk_block_hash hash = {{0}};
    struct wk_object_key key;
    struct wk_error err;
    struct wk_parsed_key parsed;
    FILL_PATTERN(&key);
    for (size_t i = 0; i < 32; i++) {
        hash.bytes[i] = i < p->rest.size ? p->rest.data[i] : (uint8_t)i;
        snprintf(hex + 2 * i, 3, "%02x", hash.bytes[i]);
    }
    bool good = model_compose(p, "wombatkv/v1/block/b3=", wk_span(hex, 64), model, &size);
    enum wk_status status = wk_object_key_block(p->prefix, p->ns, &hash, &key, &err);
    compare(status, &key, &err, good, model, size);
    if (!good)
        return;
    CHECK(wk_object_key_parse(p->prefix, p->ns, wk_span(key.text, key.length), &parsed) &&
              parsed.kind == WK_KEY_BLOCK && wk_block_hash_equal(&parsed.hash, &hash),
          "a block is known by its key");
}

/* A listed key is what it says only if composing that gives the very key. KEY-6 */
static void check_listed(const struct parts *p) {
    struct wk_parsed_key parsed;
    struct wk_object_key again;
    FILL_PATTERN(&parsed);
    if (!wk_object_key_parse(p->prefix, p->ns, p->rest, &parsed)) {
        CHECK_PATTERN(&parsed);
        return;
    }
    CHECK(lies_inside(parsed.relative, p->rest), "the relative key is a view of the key");
    size_t above = p->prefix.size + 1 + (p->ns.size > 0 ? p->ns.size + 1 : 0);
    CHECK(above + parsed.relative.size == p->rest.size, "it is the rest of it");
    enum wk_status status = WK_OK;
    if (parsed.kind == WK_KEY_BLOCK)
        status = wk_object_key_block(p->prefix, p->ns, &parsed.hash, &again, NULL);
    else if (parsed.kind == WK_KEY_RAW_TAIL)
        status = wk_object_key_raw_tail(p->prefix, p->ns, parsed.tip, &again, NULL);
    else
        return;
    if (status == WK_OK)
        CHECK(wk_span_equal(wk_span(again.text, again.length), p->rest),
              "a key of a kind is the one that we would write");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > TEXT_BYTES / 2)
        return 0;
    struct exact input = exact_copy(data, size);
    struct parts p = {.rest = exact_span(&input)};
    p.prefix = line(&p.rest);
    p.ns = line(&p.rest);
    check_relative(&p);
    check_raw_tail(&p);
    check_block(&p);
    check_listed(&p);
    exact_free(&input);
    return 0;
}
