/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of LIST. The input is a page, compared with model_list.c; and it is the lines of keys of
 * which the harness makes a page, which must list these keys.
 */
#include "env/s3/list_xml.h"
#include "harness.h"

#define KEYS_MAX 64

static const char prefix[] = "kv/";

struct seen {
    const struct model_page *model; /* NULL: count only */
    size_t count;
    size_t stop_after;
};

static bool see(void *ctx, const struct wk_object_entry *entry) {
    struct seen *s = ctx;
    struct wk_span key = wk_span_text(entry->key);
    CHECK(key.size > 0 && key.size <= WK_OBJECT_KEY_BYTES_MAX && model_begins(key, prefix),
          "a key that is handed out is a key below the prefix");
    CHECK(entry->etag.length <= WK_ETAG_BYTES_MAX, "an ETag is within its limit");
    if (s->model != NULL) {
        CHECK(s->count < s->model->count, "no more entries than the model has");
        const struct model_entry *want = &s->model->entries[s->count];
        CHECK(wk_span_equal(key, wk_span(want->key, want->key_size)), "the key is the model's");
        CHECK(entry->size_bytes == want->size_bytes, "so is the size");
    }
    return ++s->count != s->stop_after;
}

static void check_page(struct wk_span xml) {
    struct model_page model;
    struct wk_s3_list_page *page = malloc(sizeof *page);
    struct seen seen = {.model = &model};
    struct wk_error err;
    CHECK(page != NULL, "the harness has memory");
    FILL_PATTERN(page);
    model_list_read(xml, prefix, &model);
    enum wk_status status = wk_s3_list_parse(xml, wk_span_text(prefix), see, &seen, page, &err);
    CHECK((status == WK_OK) == model.good, "the verdict is that of the model");
    if (status == WK_OK) {
        CHECK(seen.count == model.count && page->entries == model.count && !page->stopped,
              "every entry of the model is handed out");
        CHECK(page->left_out == model.left_out, "what is left out is what the model leaves out");
        CHECK(page->truncated == model.truncated && (!page->truncated || page->token_length > 0),
              "whether more follows is the model's");
        CHECK(strlen(page->token) <= page->token_length, "the token is terminated");
    } else {
        CHECK(status == WK_CORRUPT && seen.count == 0, "of a page that is none nothing is taken");
        check_error(status, &err);
        CHECK_PATTERN(page);
    }
    if (model.count > 1) {
        seen = (struct seen){.stop_after = 1};
        CHECK(wk_s3_list_parse(xml, wk_span_text(prefix), see, &seen, page, &err) == WK_OK &&
                  page->stopped && seen.count == 1 && page->entries == 1,
              "who wants no more gets no more");
    }
    model_list_free(&model);
    free(page);
}

/* A page of these keys, encoded as a store does, in memory of exactly its size. */
static void check_made(struct wk_span lines) {
    size_t room = 3 * lines.size + KEYS_MAX * 128 + 512;
    char *xml = malloc(room);
    CHECK(xml != NULL, "the harness has memory");
    int at = snprintf(xml, room,
                      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
                      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    size_t good = 0;
    size_t keys = 0;
    while (lines.size > 0 && keys < KEYS_MAX) {
        const uint8_t *end = memchr(lines.data, '\n', lines.size);
        size_t size = end != NULL ? (size_t)(end - lines.data) : lines.size;
        bool nul = memchr(lines.data, 0, size) != NULL;
        good += size + 3 <= WK_OBJECT_KEY_BYTES_MAX && !nul ? 1 : 0;
        keys++;
        at += snprintf(xml + at, room - (size_t)at, "<Contents><Key>kv/");
        for (size_t i = 0; i < size; i++)
            at += snprintf(xml + at, room - (size_t)at, "%%%02X", lines.data[i]);
        at += snprintf(xml + at, room - (size_t)at, "</Key><Size>%zu</Size></Contents>", size);
        size_t used = end != NULL ? size + 1 : size;
        lines = wk_span(lines.data + used, lines.size - used);
    }
    at += snprintf(xml + at, room - (size_t)at,
                   "<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>"
                   "</ListBucketResult>");
    struct exact page = exact_copy((const uint8_t *)xml, (size_t)at);
    struct wk_s3_list_page out;
    struct seen seen = {.model = NULL};
    CHECK(wk_s3_list_parse(exact_span(&page), wk_span_text(prefix), see, &seen, &out, NULL) ==
              WK_OK,
          "a page as stores make it is read");
    CHECK(out.entries == good && out.left_out == keys - good, "it lists every key that can be one");
    check_page(exact_span(&page));
    exact_free(&page);
    free(xml);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct exact input = exact_copy(data, size);
    check_page(exact_span(&input));
    check_made(exact_span(&input));
    exact_free(&input);
    return 0;
}
