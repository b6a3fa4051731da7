/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two walks over the page. The first learns what the page as a whole says, above all whether keys
 * are encoded: MinIO says so behind the keys. The second hands the entries out.
 */
#include "env/s3/list_xml.h"

#include "base/mark.h"
#include "base/text.h"
#include "env/s3/url.h"
#include "env/s3/xml.h"

#define ROOT    "ListBucketResult"
#define CONTENT ROOT "/Contents"

struct facts {
    bool is_list;
    bool encoded;
    bool token_too_long;
    struct wk_s3_list_page *page;
};

struct entries {
    const struct facts *facts;
    struct wk_span prefix;
    bool (*each)(void *ctx, const struct wk_object_entry *entry);
    void *ctx;
    bool good; /* nothing of the entry so far is wrong */
    size_t key_size;
    struct wk_object_entry entry;
    char key[WK_OBJECT_KEY_BYTES_MAX + 1];
};

static bool is(const struct wk_s3_xml_element *element, const char *path) {
    return strcmp(element->path, path) == 0;
}

/* ---- the page ------------------------------------------------------------------------------ */

static void take_token(struct facts *f, const struct wk_s3_xml_element *element) {
    f->token_too_long = element->too_long || element->size > WK_S3_TOKEN_BYTES_MAX;
    if (f->token_too_long)
        return;
    memcpy(f->page->token, element->text, element->size);
    f->page->token[element->size] = 0;
    f->page->token_length = element->size;
}

static bool see_fact(void *ctx, const struct wk_s3_xml_element *element) {
    struct facts *f = ctx;
    struct wk_span text = wk_span(element->text, element->size);
    if (is(element, ROOT "/EncodingType"))
        f->encoded = wk_equal_ignoring_case(text, "url");
    else if (is(element, ROOT "/IsTruncated"))
        f->page->truncated = wk_equal_ignoring_case(text, "true");
    else if (is(element, ROOT "/NextContinuationToken"))
        take_token(f, element);
    else if (is(element, ROOT))
        f->is_list = true;
    return true;
}

static enum wk_status read_facts(struct wk_span xml, struct facts *f, struct wk_error *err) {
    enum wk_status status = wk_s3_xml_walk(xml, see_fact, f, err);
    if (status != WK_OK)
        return status;
    if (!f->is_list)
        return wk_fail(err, WK_CORRUPT, "the reply is not a list of objects");
    if (f->token_too_long)
        return wk_fail(err, WK_CORRUPT, "the continuation token has more than %u bytes",
                       WK_S3_TOKEN_BYTES_MAX);
    if (f->page->truncated && f->page->token_length == 0)
        return wk_fail(err, WK_CORRUPT, "the list goes on but has no continuation token");
    return WK_OK;
}

/* ---- entries ------------------------------------------------------------------------------- */

static void begin_entry(struct entries *e) {
    memset(&e->entry, 0, sizeof e->entry);
    e->entry.key = e->key;
    e->good = true;
    e->key_size = 0;
}

static void take_key(struct entries *e, const struct wk_s3_xml_element *element) {
    size_t size = element->size;
    e->good = e->good && !element->too_long && e->key_size == 0 &&
              (!e->facts->encoded || wk_s3_decode(element->text, size, &size)) &&
              size <= WK_OBJECT_KEY_BYTES_MAX && memchr(element->text, 0, size) == NULL;
    if (!e->good)
        return;
    memcpy(e->key, element->text, size);
    e->key[size] = 0;
    e->key_size = size;
}

static bool end_entry(struct entries *e) {
    struct wk_s3_list_page *page = e->facts->page;
    bool ours = e->good && e->key_size > 0 && e->key_size >= e->prefix.size &&
                memcmp(e->key, e->prefix.data, e->prefix.size) == 0;
    if (!ours) {
        page->left_out++;
        if (!WK_PLANTED(123))
            begin_entry(e);
        return true;
    }
    page->entries++;
    page->stopped = !e->each(e->ctx, &e->entry);
    begin_entry(e);
    return !page->stopped;
}

static bool see_entry(void *ctx, const struct wk_s3_xml_element *element) {
    struct entries *e = ctx;
    struct wk_span text = wk_span(element->text, element->size);
    if (is(element, CONTENT))
        return end_entry(e);
    if (is(element, CONTENT "/Key"))
        take_key(e, element);
    else if (is(element, CONTENT "/Size"))
        e->good = wk_parse_u64(text, &e->entry.size_bytes) && e->good;
    else if (is(element, CONTENT "/ETag"))
        wk_s3_take_etag(&e->entry.etag, text);
    else if (is(element, CONTENT "/LastModified"))
        e->entry.modified_ns = wk_s3_parse_time(text);
    return true;
}

enum wk_status wk_s3_list_parse(struct wk_span xml, struct wk_span prefix,
                                bool (*each)(void *ctx, const struct wk_object_entry *entry),
                                void *ctx, struct wk_s3_list_page *out, struct wk_error *err) {
    struct wk_s3_list_page page;
    memset(&page, 0, sizeof page);
    struct facts facts = {.page = &page};
    enum wk_status status = read_facts(xml, &facts, err);
    if (status != WK_OK)
        return status;
    struct entries entries = {.facts = &facts, .prefix = prefix, .each = each, .ctx = ctx};
    begin_entry(&entries);
    status = wk_s3_xml_walk(xml, see_entry, &entries, err);
    if (status == WK_OK)
        *out = page;
    return status;
}

/* ---- words --------------------------------------------------------------------------------- */

void wk_s3_take_etag(struct wk_etag *to, struct wk_span text) {
    if (text.size > WK_ETAG_BYTES_MAX)
        return;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x21 || text.data[i] > 0x7e)
            return;
    }
    memcpy(to->text, text.data, text.size);
    to->length = (uint32_t)text.size;
}

static bool digits(struct wk_span text, size_t at, size_t count, uint64_t *out) {
    return wk_parse_u64(wk_span(text.data + at, count), out);
}

/* Days since 1970-01-01 of a date of the Gregorian calendar, 1970 or later. */
static uint64_t days_of(uint64_t year, uint64_t month, uint64_t day) {
    static const uint16_t before[12] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint64_t leaps = (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 - 477;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return (year - 1970) * 365 + leaps + before[month - 1] + (leap && month > 2 ? 1 : 0) + day - 1;
}

uint64_t wk_s3_parse_time(struct wk_span text) {
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    uint64_t year, month, day, hour, minute, second;
    if (text.size < sizeof shape)
        return 0;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        if (shape[i] != 'd' && text.data[i] != (uint8_t)shape[i])
            return 0;
    }
    if (!digits(text, 0, 4, &year) || !digits(text, 5, 2, &month) || !digits(text, 8, 2, &day) ||
        !digits(text, 11, 2, &hour) || !digits(text, 14, 2, &minute) ||
        !digits(text, 17, 2, &second))
        return 0;
    if (year < 1970 || year > 2500 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
        minute > 59 || second > 60)
        return 0;
    uint64_t seconds = ((days_of(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    uint64_t nanoseconds = 0;
    uint64_t unit = WK_NS_PER_S / 10;
    size_t at = sizeof shape - 1;
    if (text.data[at] == '.') {
        for (at++; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
            nanoseconds += (uint64_t)(text.data[at] - '0') * unit;
            unit /= 10;
        }
    }
    if (text.size - at != 1 || text.data[at] != 'Z')
        return 0;
    return seconds * WK_NS_PER_S + nanoseconds;
}
