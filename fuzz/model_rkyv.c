/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives of the eight messages, as tables and two walks over them.
 *
 * Reading is the reference's validator in its one-cursor form: everything below `cur` is used up,
 * `end` is where the object begins that a reference stands in; what is pointed to lies between
 * them. Writing appends each field's bytes in order, then the root.
 */
#include <stdlib.h>
#include <string.h>

#include "model.h"

const struct model_type model_types[] = {
    {"WireRequest",
     40,
     8,
     5,
     {{MODEL_U64, 0}, {MODEL_U8, 8}, {MODEL_TEXT, 12}, {MODEL_TEXT, 20}, {MODEL_BYTES, 28}}},
    {"WireResponse",
     32,
     8,
     5,
     {{MODEL_U64, 0}, {MODEL_U8, 8}, {MODEL_U8, 9}, {MODEL_BYTES, 12}, {MODEL_TEXT, 20}}},
    {"LookupBlockPrefixReq", 16, 4, 2, {{MODEL_TEXT, 0}, {MODEL_TEXTS, 8}}},
    {"LookupBlockPrefixResp", 16, 4, 2, {{MODEL_U32, 0}, {MODEL_MAYBE_TEXT, 4}}},
    {"GetKvBlocksBatchReq", 16, 4, 2, {{MODEL_TEXT, 0}, {MODEL_TEXTS, 8}}},
    {"GetKvBlocksBatchResp", 24, 4, 2, {{MODEL_MAYBE_BYTES_LIST, 0}, {MODEL_MAYBE_TEXT, 12}}},
    {"PutKvBlocksBatchReq", 24, 4, 3, {{MODEL_TEXT, 0}, {MODEL_TEXTS, 8}, {MODEL_BYTES_LIST, 16}}},
    {"PutKvBlocksBatchResp", 24, 8, 2, {{MODEL_U64, 0}, {MODEL_MAYBE_TEXT, 8}}},
};

/* ---- reading ----------------------------------------------------------------------------------
 */

struct walk {
    struct wk_span in;
    int64_t cur;
    int64_t base; /* address of the first byte */
};

static int64_t target(const struct walk *w, int64_t record, int64_t offset_at) {
    return record + (int32_t)model_u32(w->in, (size_t)offset_at);
}

static struct wk_span piece(const struct walk *w, int64_t at, int64_t size) {
    return wk_span(w->in.data + at, (size_t)size);
}

static enum model_verdict check_text(struct walk *w, int64_t p, int64_t end, struct wk_span *out) {
    uint32_t word = model_u32(w->in, (size_t)p);
    if ((word & 0xc0) != 0x80) {
        int64_t n = 0;
        while (n < 8 && w->in.data[p + n] != 0xff)
            n++;
        *out = piece(w, p, n);
        return model_utf8(*out) ? MODEL_ACCEPT : MODEL_NO_UTF8;
    }
    int64_t n = (word & 0x3f) | (word >> 8) << 6;
    if (n <= 8)
        return MODEL_SHORT;
    int64_t t = target(w, p, p + 4);
    if (t < w->cur || t + n > end)
        return MODEL_BOUNDS;
    *out = piece(w, t, n);
    if (!model_utf8(*out))
        return MODEL_NO_UTF8;
    w->cur = t + n;
    return MODEL_ACCEPT;
}

static enum model_verdict check_bytes(struct walk *w, int64_t p, int64_t end, struct wk_span *out) {
    int64_t t = target(w, p, p);
    int64_t n = model_u32(w->in, (size_t)p + 4);
    if (t < w->cur || t + n > end)
        return MODEL_BOUNDS;
    *out = piece(w, t, n);
    w->cur = t + n;
    return MODEL_ACCEPT;
}

static enum model_verdict check_list(struct walk *w, int64_t p, int64_t end, bool texts,
                                     struct model_value *out) {
    int64_t t = target(w, p, p);
    int64_t n = model_u32(w->in, (size_t)p + 4);
    if (t < w->cur || t + 8 * n > end)
        return MODEL_BOUNDS;
    if ((w->base + t) % 4 != 0)
        return MODEL_ALIGN;
    out->items = calloc((size_t)n + 1, sizeof *out->items);
    out->count = (size_t)n;
    if (out->items == NULL)
        abort();
    for (int64_t i = 0; i < n; i++) {
        enum model_verdict verdict = texts ? check_text(w, t + 8 * i, t, &out->items[i])
                                           : check_bytes(w, t + 8 * i, t, &out->items[i]);
        if (verdict != MODEL_ACCEPT)
            return verdict;
    }
    w->cur = t + 8 * n;
    return MODEL_ACCEPT;
}

static enum model_verdict check_field(struct walk *w, enum model_kind kind, int64_t p, int64_t end,
                                      struct model_value *out) {
    switch (kind) {
    case MODEL_U8:
        out->number = w->in.data[p];
        return MODEL_ACCEPT;
    case MODEL_U32:
        out->number = model_u32(w->in, (size_t)p);
        return MODEL_ACCEPT;
    case MODEL_U64:
        out->number = model_u64(w->in, (size_t)p);
        return MODEL_ACCEPT;
    case MODEL_TEXT:
        return check_text(w, p, end, &out->bytes);
    case MODEL_BYTES:
        return check_bytes(w, p, end, &out->bytes);
    case MODEL_TEXTS:
    case MODEL_BYTES_LIST:
        return check_list(w, p, end, kind == MODEL_TEXTS, out);
    case MODEL_MAYBE_TEXT:
    case MODEL_MAYBE_BYTES_LIST:
        break;
    }
    if (w->in.data[p] > 1)
        return MODEL_TAG;
    out->some = w->in.data[p] == 1;
    if (!out->some)
        return MODEL_ACCEPT;
    return kind == MODEL_MAYBE_TEXT ? check_text(w, p + 4, end, &out->bytes)
                                    : check_list(w, p + 4, end, false, out);
}

enum model_verdict model_rkyv_read(const struct model_type *type, struct wk_span archive,
                                   uint32_t base, struct model_value values[MODEL_FIELDS_MAX]) {
    memset(values, 0, MODEL_FIELDS_MAX * sizeof *values);
    if (archive.size < type->size)
        return MODEL_BOUNDS;
    int64_t root = (int64_t)(archive.size - type->size);
    if ((base + root) % (int64_t)type->align != 0)
        return MODEL_ALIGN;
    struct walk w = {archive, 0, base};
    for (size_t i = 0; i < type->count; i++) {
        enum model_verdict verdict = check_field(
            &w, type->fields[i].kind, root + (int64_t)type->fields[i].at, root, &values[i]);
        if (verdict != MODEL_ACCEPT)
            return verdict;
    }
    return MODEL_ACCEPT;
}

void model_rkyv_free(struct model_value values[MODEL_FIELDS_MAX]) {
    for (size_t i = 0; i < MODEL_FIELDS_MAX; i++)
        free(values[i].items);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

struct out {
    uint8_t *data;
    size_t size;
};

static void put(struct out *o, struct wk_span bytes) {
    if (bytes.size > 0)
        memcpy(o->data + o->size, bytes.data, bytes.size);
    o->size += bytes.size;
}

static void pad(struct out *o, size_t align) {
    while (o->size % align != 0)
        o->data[o->size++] = 0;
}

static void set_u32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* The 8 bytes of a text at `record`, whose bytes (if any are out of line) lie at `at`. */
static void set_text(struct out *o, size_t record, struct wk_span text, size_t at) {
    if (text.size <= 8) {
        memset(o->data + record, 0xff, 8);
        if (text.size > 0)
            memcpy(o->data + record, text.data, text.size);
        return;
    }
    set_u32(o->data + record, (uint32_t)((text.size >> 6) << 8 | 0x80 | (text.size & 0x3f)));
    set_u32(o->data + record + 4, (uint32_t)(at - record));
}

static void set_vector(struct out *o, size_t record, size_t count, size_t at) {
    set_u32(o->data + record, (uint32_t)(at - record));
    set_u32(o->data + record + 4, (uint32_t)count);
}

/* Where the bytes were put. */
static size_t put_text(struct out *o, struct wk_span text) {
    size_t at = o->size;
    if (text.size > 8)
        put(o, text);
    return at;
}

static size_t put_list(struct out *o, const struct model_value *list, bool texts) {
    size_t *at = calloc(list->count + 1, sizeof *at);
    if (at == NULL)
        abort();
    for (size_t i = 0; i < list->count; i++) {
        at[i] = o->size;
        if (texts)
            put_text(o, list->items[i]);
        else
            put(o, list->items[i]);
    }
    pad(o, 4);
    size_t array = o->size;
    o->size += 8 * list->count;
    for (size_t i = 0; i < list->count; i++) {
        if (texts)
            set_text(o, array + 8 * i, list->items[i], at[i]);
        else
            set_vector(o, array + 8 * i, list->items[i].size, at[i]);
    }
    free(at);
    return array;
}

static size_t put_field(struct out *o, enum model_kind kind, const struct model_value *v) {
    size_t at = o->size;
    switch (kind) {
    case MODEL_U8:
    case MODEL_U32:
    case MODEL_U64:
        return 0;
    case MODEL_TEXT:
        return put_text(o, v->bytes);
    case MODEL_BYTES:
        put(o, v->bytes);
        return at;
    case MODEL_TEXTS:
    case MODEL_BYTES_LIST:
        return put_list(o, v, kind == MODEL_TEXTS);
    case MODEL_MAYBE_TEXT:
        return v->some ? put_text(o, v->bytes) : 0;
    case MODEL_MAYBE_BYTES_LIST:
        return v->some ? put_list(o, v, false) : 0;
    }
    abort();
}

static void set_field(struct out *o, size_t p, enum model_kind kind, const struct model_value *v,
                      size_t at) {
    switch (kind) {
    case MODEL_U64:
        set_u32(o->data + p + 4, (uint32_t)(v->number >> 32));
        set_u32(o->data + p, (uint32_t)v->number);
        break;
    case MODEL_U32:
        set_u32(o->data + p, (uint32_t)v->number);
        break;
    case MODEL_U8:
        o->data[p] = (uint8_t)v->number;
        break;
    case MODEL_TEXT:
        set_text(o, p, v->bytes, at);
        break;
    case MODEL_BYTES:
        set_vector(o, p, v->bytes.size, at);
        break;
    case MODEL_TEXTS:
    case MODEL_BYTES_LIST:
        set_vector(o, p, v->count, at);
        break;
    case MODEL_MAYBE_TEXT:
    case MODEL_MAYBE_BYTES_LIST:
        o->data[p] = v->some ? 1 : 0;
        if (v->some && kind == MODEL_MAYBE_TEXT)
            set_text(o, p + 4, v->bytes, at);
        else if (v->some)
            set_vector(o, p + 4, v->count, at);
        break;
    }
}

/* More than enough: every byte of the values, and 16 for each piece of them. */
static size_t room(const struct model_value values[MODEL_FIELDS_MAX]) {
    size_t bytes = 256;
    for (size_t i = 0; i < MODEL_FIELDS_MAX; i++) {
        bytes += values[i].bytes.size;
        for (size_t k = 0; k < values[i].count; k++)
            bytes += values[i].items[k].size + 16;
    }
    return bytes;
}

uint8_t *model_rkyv_write(const struct model_type *type,
                          const struct model_value values[MODEL_FIELDS_MAX], size_t *size) {
    struct out o = {calloc(room(values), 1), 0};
    size_t at[MODEL_FIELDS_MAX] = {0};
    if (o.data == NULL)
        abort();
    for (size_t i = 0; i < type->count; i++)
        at[i] = put_field(&o, type->fields[i].kind, &values[i]);
    pad(&o, type->align);
    size_t root = o.size;
    o.size += type->size;
    for (size_t i = 0; i < type->count; i++)
        set_field(&o, root + type->fields[i].at, type->fields[i].kind, &values[i], at[i]);
    *size = o.size;
    return o.data;
}
