/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of LIST as a tree of elements, built whole, and then asked. The text of an element is what
 * stands behind its last child, as the parser of the library has it; what lists objects has no
 * children of its own.
 */
#include <expat.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "model.h"

struct node {
    char *name;
    uint8_t *text;
    size_t text_size;
    struct node *parent;
    struct node **children;
    size_t count;
};

struct tree {
    struct node *root;
    struct node *open;
    bool refused;
    size_t depth;
    size_t path_bytes;
};

static void *need(void *memory) {
    if (memory == NULL)
        abort();
    return memory;
}

static void free_node(struct node *n) {
    for (size_t i = 0; i < n->count; i++)
        free_node(n->children[i]);
    free(n->children);
    free(n->name);
    free(n->text);
    free(n);
}

/* ---- building ---------------------------------------------------------------------------------
 */

static void on_start(void *arg, const char *name, const char **attributes) {
    struct tree *t = arg;
    (void)attributes;
    struct node *n = need(calloc(1, sizeof *n));
    n->name = need(strdup(name));
    n->parent = t->open;
    t->path_bytes += strlen(name) + (t->open != NULL ? 1 : 0);
    if (++t->depth > WK_S3_XML_DEPTH_MAX || t->path_bytes > WK_S3_XML_PATH_BYTES_MAX)
        t->refused = true;
    if (t->open == NULL) {
        t->root = n;
    } else {
        struct node *p = t->open;
        p->text_size = 0;
        p->children = need(realloc(p->children, (p->count + 1) * sizeof *p->children));
        p->children[p->count++] = n;
    }
    t->open = n;
}

static void on_text(void *arg, const char *text, int size) {
    struct node *n = ((struct tree *)arg)->open;
    n->text = need(realloc(n->text, n->text_size + (size_t)size + 1));
    memcpy(n->text + n->text_size, text, (size_t)size);
    n->text_size += (size_t)size;
}

static void on_end(void *arg, const char *name) {
    struct tree *t = arg;
    t->path_bytes -= strlen(name) + (t->open->parent != NULL ? 1 : 0);
    t->depth--;
    t->open = t->open->parent;
    if (t->open != NULL)
        t->open->text_size = 0;
}

static void on_doctype(void *arg, const char *name, const char *system, const char *public,
                       int internal) {
    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    ((struct tree *)arg)->refused = true;
}

static bool build(struct wk_span xml, struct tree *t) {
    memset(t, 0, sizeof *t);
    XML_Parser parser = need(XML_ParserCreate(NULL));
    XML_SetUserData(parser, t);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    bool good =
        XML_Parse(parser, (const char *)xml.data, (int)xml.size, 1) == XML_STATUS_OK && !t->refused;
    XML_ParserFree(parser);
    return good;
}

/* ---- asking -----------------------------------------------------------------------------------
 */

static bool is_text(const struct node *n, const char *word) {
    return n->text_size == strlen(word) &&
           strncasecmp((const char *)n->text, word, n->text_size) == 0;
}

/* The last child of that name decides. */
static const struct node *last(const struct node *parent, const char *name) {
    const struct node *found = NULL;
    for (size_t i = 0; i < parent->count; i++) {
        if (strcmp(parent->children[i]->name, name) == 0)
            found = parent->children[i];
    }
    return found;
}

static int hex(uint8_t c) {
    char one[2] = {(char)c, 0};
    return c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL ? (int)strtol(one, NULL, 16) : -1;
}

/* %XX and '+'; false when a '%' is followed by something else. */
static bool decode(uint8_t *text, size_t *size) {
    size_t to = 0;
    for (size_t i = 0; i < *size; i++) {
        uint8_t c = text[i];
        if (c == '+')
            c = ' ';
        if (c == '%') {
            int high = i + 2 < *size ? hex(text[i + 1]) : -1;
            int low = i + 2 < *size ? hex(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        text[to++] = c;
    }
    *size = to;
    return true;
}

/* The key of an entry, for the caller to free; false when it has none, or one that is not ours. */
static bool read_key(const struct node *content, bool encoded, const char *prefix,
                     struct model_entry *entry) {
    bool good = true;
    for (size_t i = 0; i < content->count; i++) {
        const struct node *n = content->children[i];
        if (strcmp(n->name, "Key") != 0)
            continue;
        good = good && entry->key_size == 0 && n->text_size <= WK_S3_XML_TEXT_BYTES_MAX;
        if (!good || n->text_size == 0)
            continue;
        free(entry->key);
        entry->key = need(malloc(n->text_size));
        memcpy(entry->key, n->text, n->text_size);
        entry->key_size = n->text_size;
        good = (!encoded || decode(entry->key, &entry->key_size)) && entry->key_size <= 1024 &&
               memchr(entry->key, 0, entry->key_size) == NULL;
    }
    return good && entry->key_size > 0 && entry->key_size >= strlen(prefix) &&
           memcmp(entry->key, prefix, strlen(prefix)) == 0;
}

/* Every size of an entry must be a number; the last counts. */
static bool read_size(const struct node *content, uint64_t *size) {
    bool good = true;
    for (size_t i = 0; i < content->count; i++) {
        const struct node *n = content->children[i];
        if (strcmp(n->name, "Size") == 0)
            good = model_decimal(wk_span(n->text, n->text_size), UINT64_MAX, size) && good;
    }
    return good;
}

static void read_entries(const struct node *root, bool encoded, const char *prefix,
                         struct model_page *out) {
    for (size_t i = 0; i < root->count; i++) {
        struct model_entry entry = {.key = NULL};
        if (strcmp(root->children[i]->name, "Contents") != 0)
            continue;
        bool ours = read_key(root->children[i], encoded, prefix, &entry);
        ours = read_size(root->children[i], &entry.size_bytes) && ours;
        if (!ours) {
            free(entry.key);
            out->left_out++;
            continue;
        }
        out->entries = need(realloc(out->entries, (out->count + 1) * sizeof *out->entries));
        out->entries[out->count++] = entry;
    }
}

void model_list_read(struct wk_span xml, const char *prefix, struct model_page *out) {
    struct tree t;
    memset(out, 0, sizeof *out);
    out->good = build(xml, &t) && strcmp(t.root->name, "ListBucketResult") == 0;
    if (out->good) {
        const struct node *encoding = last(t.root, "EncodingType");
        const struct node *truncated = last(t.root, "IsTruncated");
        const struct node *token = last(t.root, "NextContinuationToken");
        out->truncated = truncated != NULL && is_text(truncated, "true");
        out->good = (token == NULL || token->text_size <= WK_S3_TOKEN_BYTES_MAX) &&
                    (!out->truncated || (token != NULL && token->text_size > 0));
        if (out->good)
            read_entries(t.root, encoding != NULL && is_text(encoding, "url"), prefix, out);
    }
    if (t.root != NULL)
        free_node(t.root);
}

void model_list_free(struct model_page *page) {
    for (size_t i = 0; i < page->count; i++)
        free(page->entries[i].key);
    free(page->entries);
}
