/* SPDX-License-Identifier: Apache-2.0 */
/* LIST: pages of XML as bytes, and page after page from a server that may be hostile. */
#include "unit/s3_store.h"

#include "env/s3/list_xml.h"

static struct listed listed;
static struct wk_s3_list_page page;

static enum wk_status parse(const char *xml, const char *prefix) {
    listed_clear(&listed);
    wk_error_clear(&err);
    memset(&page, 0x5a, sizeof page);
    return wk_s3_list_parse(wk_span_text(xml), wk_span_text(prefix), listed_add, &listed, &page,
                            &err);
}

#define ENTRY(key, size)                                                                           \
    "<Contents><Key>" key "</Key><LastModified>2026-11-21T12:08:48.836Z</LastModified>"            \
    "<ETag>&quot;e&quot;</ETag><Size>" size "</Size></Contents>"

/* ---- one page ----------------------------------------------------------------------------------
 */

/* OBJ-93 */
static void a_page_as_minio_and_as_aws_write_it(void **state) {
    (void)state;
    assert_int_equal(
        parse("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
              "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
              "<Prefix>kv/</Prefix><NextContinuationToken>a3Y=</NextContinuationToken>"
              "<KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated>" ENTRY(
                  "kv/a+b/b3%3Dff%2Bx", "2000000")
                  ENTRY("kv/%C3%A9%0A", "0") "<EncodingType>url</EncodingType></ListBucketResult>",
              "kv/"),
        WK_OK);
    assert_int_equal(listed.count, 2);
    assert_string_equal(listed.keys[0], "kv/a b/b3=ff+x");
    assert_string_equal(listed.keys[1], "kv/\xc3\xa9\n");
    assert_int_equal(listed.sizes[0], 2000000);
    assert_int_equal(listed.etags[0].length, 3);
    assert_memory_equal(listed.etags[0].text, "\"e\"", 3);
    assert_true(page.truncated);
    assert_false(page.stopped);
    assert_string_equal(page.token, "a3Y=");
    assert_int_equal(page.entries, 2);
    assert_int_equal(page.left_out, 0);
    /* Not encoded: '%' and '+' are themselves. */
    assert_int_equal(parse("<ListBucketResult><IsTruncated>false</IsTruncated>" ENTRY(
                               "a+%41&amp;", "1") "</ListBucketResult>",
                           ""),
                     WK_OK);
    assert_string_equal(listed.keys[0], "a+%41&");
    assert_false(page.truncated);
}

/* OBJ-93 */
static void entries_that_cannot_be_ours_are_left_out(void **state) {
    (void)state;
    char longest[1100];
    char xml[8192];
    memset(longest, 'k', sizeof longest);
    longest[1024] = 0;
    longest[0] = 'p';
    char longer[1100];
    memcpy(longer, longest, sizeof longer);
    longer[1024] = 'k';
    longer[1025] = 0;
    snprintf(xml, sizeof xml,
             "<ListBucketResult><EncodingType>url</EncodingType>" ENTRY("other", "1") ENTRY("", "1")
                 ENTRY("p%%00x", "1") ENTRY("p%%4", "1") ENTRY("p%%zz", "1") ENTRY("p1", "-1")
                     ENTRY("p2", "99999999999999999999") ENTRY("%s", "1") ENTRY(
                         "%s", "7") "<Contents><Key>p</Key><Key>px</Key></"
                                    "Contents><Contents><Size>1</Size></Contents>"
                                    "<Contents><Key>p<b>old</b></Key></Contents>"
                                    "<CommonPrefixes><Prefix>p3</Prefix></CommonPrefixes>"
                                    "<Other><Contents><Key>p4</Key></Contents></Other>"
                                    "<Contents><Key>pnosize</Key></Contents></ListBucketResult>",
             longer, longest);
    assert_int_equal(parse(xml, "p"), WK_OK);
    assert_int_equal(listed.count, 2);
    assert_string_equal(listed.keys[0], longest);
    assert_int_equal(listed.sizes[0], 7);
    assert_string_equal(listed.keys[1], "pnosize");
    assert_int_equal(page.entries, 2);
    assert_int_equal(page.left_out, 11);
}

/* OBJ-93 */
static void hostile_pages_hand_nothing_out(void **state) {
    (void)state;
    static char deep[4096];
    for (size_t i = 0; i + 4 < sizeof deep; i += 3)
        memcpy(deep + i, "<a>", 3);
    static char named[8192];
    memset(named, 'n', sizeof named - 1);
    named[0] = '<';
    strcpy(named + sizeof named - 4, "/>");
    static char token[6000];
    size_t at = (size_t)sprintf(token, "<ListBucketResult><IsTruncated>true</IsTruncated>"
                                       "<NextContinuationToken>");
    memset(token + at, 't', 4097);
    strcpy(token + at + 4097, "</NextContinuationToken></ListBucketResult>");
    const char *const cases[] = {
        "",
        " ",
        "x",
        "<a/>",
        "<Error><Code>NoSuchBucket</Code></Error>",
        "<ListBucketResult>" ENTRY("p", "1"),
        "<ListBucketResult>" ENTRY("p", "1") "</ListBucketResult><x/>",
        "<ListBucketResult>" ENTRY("p", "1") "<IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult>" ENTRY("p&u;", "1") "</ListBucketResult>",
        "<!DOCTYPE l><ListBucketResult/>",
        "<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>"
        "<ListBucketResult>" ENTRY("p&b;", "1") "</ListBucketResult>",
        "<!DOCTYPE l SYSTEM \"file:///etc/passwd\"><ListBucketResult/>",
        "<ListBucketResult>\xff</ListBucketResult>",
        "<ListBucketResult>\x01</ListBucketResult>",
        deep,
        named,
        token,
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (parse(cases[i], "p") != WK_CORRUPT)
            fail_msg("case %zu", i);
        assert_int_equal(listed.count, 0);
        assert_true(err.length > 0);
        assert_int_equal((unsigned char)page.token[0], 0x5a);
    }
    /* A NUL byte and a huge size, which no text can have. */
    static const char nul[] = "<ListBucketResult>\0</ListBucketResult>";
    assert_int_equal(wk_s3_list_parse(wk_span(nul, sizeof nul - 1), wk_span_text(""), listed_add,
                                      &listed, &page, &err),
                     WK_CORRUPT);
    assert_int_equal(wk_s3_list_parse(wk_span(nul, (size_t)1 << 40), wk_span_text(""), listed_add,
                                      &listed, &page, &err),
                     WK_CORRUPT);
}

static bool two_then_stop(void *ctx, const struct wk_object_entry *entry) {
    (void)entry;
    return ++*(int *)ctx < 2;
}

/* OBJ-93 */
static void the_caller_may_stop(void **state) {
    (void)state;
    int count = 0;
    const char *xml =
        "<ListBucketResult>" ENTRY("a", "1") ENTRY("b", "1") ENTRY("c", "1") "</ListBucketResult>";
    assert_int_equal(
        wk_s3_list_parse(wk_span_text(xml), wk_span_text(""), two_then_stop, &count, &page, &err),
        WK_OK);
    assert_int_equal(count, 2);
    assert_true(page.stopped);
}

/* OBJ-93 */
static void etags_that_are_no_words_are_unknown(void **state) {
    (void)state;
    assert_int_equal(
        parse("<ListBucketResult>"
              "<Contents><Key>a</Key><ETag>\"x&#10;y\"</ETag></Contents>"
              "<Contents><Key>b</Key><ETag>"
              "\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
              "2345678901234567890123456789012345678901234567890123456789\"</ETag></Contents>"
              "<Contents><Key>c</Key><ETag>\"ok\"</ETag></Contents></ListBucketResult>",
              ""),
        WK_OK);
    assert_int_equal(listed.etags[0].length, 0);
    assert_int_equal(listed.etags[1].length, 0);
    assert_int_equal(listed.etags[2].length, 4);
}

/* OBJ-93 */
static void times_are_read_and_other_texts_are_unknown(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t ns;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:01Z", 1000000000},
        {"1970-01-01T00:00:00.25Z", 250000000},
        {"2000-02-29T12:34:56.123456789Z", 951827696123456789},
        {"2000-03-01T00:00:00.000Z", 951868800000000000},
        {"2026-11-21T12:08:48.836Z", 1795262928836000000},
        {"2100-03-01T00:00:00Z", 4107542400000000000},
        {"2026-11-21T12:08:48.1234567891Z", 1795262928123456789},
        {"1969-12-31T23:59:59Z", 0},
        {"2026-13-21T12:08:48Z", 0},
        {"2026-00-21T12:08:48Z", 0},
        {"2026-11-21T24:08:48Z", 0},
        {"2026-11-21T12:08:48", 0},
        {"2026-11-21T12:08:48+01", 0},
        {"2026-11-21 12:08:48Z", 0},
        {"2026-11-21T12:08:48.Zx", 0},
        {"", 0},
        {"yesterday", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(wk_s3_parse_time(wk_span_text(cases[i].text)), cases[i].ns);
}

/* ---- page after page
 * ----------------------------------------------------------------------------- */

static void say_page(const char *token, const char *entries) {
    char xml[4096];
    snprintf(xml, sizeof xml,
             "<ListBucketResult><IsTruncated>%s</IsTruncated><NextContinuationToken>%s"
             "</NextContinuationToken>%s</ListBucketResult>",
             token[0] != 0 ? "true" : "false", token, entries);
    server_say_body(&server, "HTTP/1.1 200 OK\r\n", xml);
}

static enum wk_object_class list_all(struct wk_objects *o, struct listed *l) {
    wk_error_clear(&err);
    listed_clear(l);
    return o->ops->list(o, "kv/", listed_add, l, WK_FOREVER, NULL, &err);
}

/* OBJ-93 */
static void pages_follow_their_tokens(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    say_page("t1", ENTRY("kv/1", "1") ENTRY("kv/2", "2"));
    say_page("t2", "");
    say_page("t3", ENTRY("kv/3", "3"));
    say_page("", ENTRY("kv/4", "4") ENTRY("elsewhere", "4"));
    assert_int_equal(list_all(o, &listed), WK_OBJECT_OK);
    assert_int_equal(listed.count, 4);
    assert_string_equal(listed.keys[3], "kv/4");
    assert_contains(server_request(&server, 3)->head, "continuation-token=t3&");
    assert_int_equal(server_requests(&server), 4);
    server_forget(&server);
    listed.stop_at = 1;
    say_page("t1", ENTRY("kv/1", "1") ENTRY("kv/2", "2"));
    assert_int_equal(list_all(o, &listed), WK_OBJECT_OK);
    assert_int_equal(server_requests(&server), 1);
    listed.stop_at = 0;
    o->ops->close(o);
}

/* OBJ-93 */
static void lists_without_end_are_noticed(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    /* One token for ever, and a circle of five behind a beginning of three. */
    for (int i = 0; i < 3; i++)
        say_page("same", ENTRY("kv/1", "1"));
    assert_int_equal(list_all(o, &listed), WK_OBJECT_SERVER_ERROR);
    assert_contains(err.text, "token came twice");
    assert_true(server_requests(&server) <= 3);
    server_forget(&server);
    for (int i = 0; i < 40; i++) {
        char token[16];
        snprintf(token, sizeof token, "t%d", i < 3 ? i : 3 + (i - 3) % 5);
        say_page(token, ENTRY("kv/1", "1"));
    }
    assert_int_equal(list_all(o, &listed), WK_OBJECT_SERVER_ERROR);
    assert_contains(err.text, "token came twice");
    assert_true(server_requests(&server) < 40);
    server_forget(&server);
    for (int i = 0; i < 1001; i++) {
        char token[16];
        snprintf(token, sizeof token, "t%d", i);
        say_page(token, "");
    }
    assert_int_equal(list_all(o, &listed), WK_OBJECT_SERVER_ERROR);
    assert_contains(err.text, "empty");
    assert_int_equal(server_requests(&server), 1000);
    o->ops->close(o);
}

/* OBJ-93 */
static void a_page_that_fails_fails_the_list(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    say_page("t1", ENTRY("kv/1", "1"));
    server_say_error(&server, 503, "SlowDown", "m");
    assert_int_equal(list_all(o, &listed), WK_OBJECT_THROTTLED);
    assert_contains(err.text, "SlowDown");
    server_say_body(&server, "HTTP/1.1 200 OK\r\n", "<html/>");
    assert_int_equal(list_all(o, &listed), WK_OBJECT_SERVER_ERROR);
    assert_contains(err.text, "not a list");
    server_say_error(&server, 404, "NoSuchBucket", "m");
    assert_int_equal(list_all(o, &listed), WK_OBJECT_INVALID);
    server_say_then(&server, "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n<ListBucketResult>",
                    SERVER_CLOSE);
    assert_int_equal(list_all(o, &listed), WK_OBJECT_SERVER_ERROR);
    /* A page over the limit of 4 MiB. */
    size_t size = 5u << 20;
    char *large = malloc(size + 200);
    size_t at = (size_t)sprintf(large, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
    memset(large + at, ' ', size);
    server_say_bytes(&server, large, at + size, SERVER_KEEP);
    free(large);
    assert_int_equal(list_all(o, &listed), WK_OBJECT_INVALID);
    assert_contains(err.text, "4194304");
    wk_atomic_u32 cancel = {1};
    assert_int_equal(o->ops->list(o, "kv/", listed_add, &listed, WK_FOREVER, &cancel, &err),
                     WK_OBJECT_CANCELLED);
    assert_int_equal(o->ops->list(o, "kv/", listed_add, &listed, 1, NULL, &err), WK_OBJECT_TIMEOUT);
    o->ops->close(o);
}

static int group_teardown(void **state) {
    listed_clear(&listed);
    return s3_group_teardown(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        s3_unit_test(a_page_as_minio_and_as_aws_write_it),
        s3_unit_test(entries_that_cannot_be_ours_are_left_out),
        s3_unit_test(hostile_pages_hand_nothing_out),
        s3_unit_test(the_caller_may_stop),
        s3_unit_test(etags_that_are_no_words_are_unknown),
        s3_unit_test(times_are_read_and_other_texts_are_unknown),
        s3_unit_test(pages_follow_their_tokens),
        s3_unit_test(lists_without_end_are_noticed),
        s3_unit_test(a_page_that_fails_fails_the_list),
    };
    return cmocka_run_group_tests(tests, s3_group_setup, group_teardown);
}
