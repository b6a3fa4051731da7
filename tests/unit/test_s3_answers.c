/* SPDX-License-Identifier: Apache-2.0 */
/* What an S3 store makes of answers: good ones, errors, and hostile ones. */
#include "unit/s3_store.h"

static struct wk_objects *o;

static int setup(void **state) {
    s3_test_setup(state);
    o = s3_open("x");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    o->ops->close(o);
    return 0;
}

static struct wk_object_result ask(enum wk_object_verb verb, struct body *b) {
    const struct wk_span span = wk_span_text("body");
    struct wk_object_request r = {.verb = verb, .key = "k"};
    if (verb == WK_OBJECT_PUT) {
        r.body = &span;
        r.body_count = 1;
    }
    if (verb == WK_OBJECT_GET)
        r.sink = (struct wk_object_sink){body_reserve, b};
    return run(o, &r);
}

/* ---- bodies ---------------------------------------------------------------------------------- */

/* OBJ-87 */
static void a_body_is_delivered_with_what_is_said_about_it(void **state) {
    (void)state;
    struct body b = {0};
    server_say(&server, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\nETAG:  \"e\" \r\n"
                        "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                        "x-amz-checksum-crc32c: 4waSgw==\r\n\r\n123456789");
    struct wk_object_result r = ask(WK_OBJECT_GET, &b);
    assert_int_equal(r.class, WK_OBJECT_OK);
    assert_int_equal(b.reserved, 1);
    assert_int_equal(b.size, 9);
    assert_memory_equal(b.data, "123456789", 9);
    assert_true(r.has_crc32c);
    assert_int_equal(r.crc32c, 0xe3069283);
    assert_int_equal(r.size_bytes, 9);
    assert_int_equal(r.modified_ns, 784111777ull * WK_NS_PER_S);
    assert_int_equal(r.etag.length, 3);
    body_free(&b);
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    r = ask(WK_OBJECT_GET, &b);
    assert_int_equal(r.class, WK_OBJECT_OK);
    assert_int_equal(b.reserved, 1);
    assert_false(r.has_crc32c);
    body_free(&b);
}

/* OBJ-87 */
static void a_checksum_of_parts_says_nothing(void **state) {
    (void)state;
    static const char *const ignored[] = {
        "x-amz-checksum-crc32c: AAAAAA==-3\r\n",
        "x-amz-checksum-type: COMPOSITE\r\nx-amz-checksum-crc32c: AAAAAA==\r\n",
        "x-amz-checksum-crc32c: AAAAAA=\r\n",
        "x-amz-checksum-crc32c: ????????\r\n",
        "x-amz-checksum-crc32c: \r\n",
        "x-amz-checksum-crc32: AAAAAA==\r\n",
    };
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        char text[256];
        struct body b = {0};
        snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n%s\r\nx", ignored[i]);
        server_say(&server, text);
        struct wk_object_result r = ask(WK_OBJECT_GET, &b);
        assert_int_equal(r.class, WK_OBJECT_OK);
        assert_false(r.has_crc32c);
        body_free(&b);
    }
}

/* OBJ-87 */
static void a_damaged_body_is_corrupt(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        enum server_then then;
        unsigned reserved;
        const char *says;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nx-amz-checksum-crc32c: 4waSgw==\r\n\r\n"
         "123456780",
         SERVER_KEEP, 1, "the store says e3069283"},
        {"HTTP/1.1 200 OK\r\n\r\n1234", SERVER_CLOSE, 0, "Content-Length"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n0\r\n\r\n", SERVER_KEEP,
         0, "Content-Length"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n4\r\n1234\r\n"
         "0\r\n\r\n",
         SERVER_KEEP, 0, "Content-Length"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n12345", SERVER_CLOSE, 0,
         "Content-Length"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 268435457\r\n\r\n", SERVER_CLOSE, 0, "268435457"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct body b = {0};
        server_say_then(&server, cases[i].answer, cases[i].then);
        struct wk_object_result r = ask(WK_OBJECT_GET, &b);
        assert_int_equal(r.class, WK_OBJECT_CORRUPT);
        assert_int_equal(r.error.status, WK_CORRUPT);
        assert_contains(r.error.text, cases[i].says);
        assert_int_equal(b.reserved, cases[i].reserved);
        assert_int_equal(r.etag.length, 0);
        body_free(&b);
    }
}

/* OBJ-87: HTTP ends a body at its length; what follows is not part of it, nor of the next one. */
static void bytes_behind_a_body_are_not_the_next_answer(void **state) {
    (void)state;
    struct body b = {0};
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n1234"
                        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    struct wk_object_result r = ask(WK_OBJECT_GET, &b);
    assert_int_equal(r.class, WK_OBJECT_OK);
    assert_memory_equal(b.data, "1234", 4);
    body_free(&b);
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
    r = ask(WK_OBJECT_GET, &b);
    assert_int_equal(r.class, WK_OBJECT_OK);
    assert_memory_equal(b.data, "good", 4);
    body_free(&b);
}

/* OBJ-87 */
static void a_refused_body_is_cancelled(void **state) {
    (void)state;
    struct body b = {.refuse = true};
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n1234");
    assert_int_equal(ask(WK_OBJECT_GET, &b).class, WK_OBJECT_CANCELLED);
    assert_int_equal(b.reserved, 1);
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n1234");
    assert_true(holds(o, "k", "1234"));
}

/* OBJ-87 */
static void answers_before_the_answer_and_too_many_headers(void **state) {
    (void)state;
    struct body b = {0};
    server_say(&server, "HTTP/1.1 103 Early Hints\r\nContent-Length: 77\r\n\r\n"
                        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n1234");
    assert_int_equal(ask(WK_OBJECT_GET, &b).class, WK_OBJECT_OK);
    assert_int_equal(b.size, 4);
    body_free(&b);
    static char many[200000];
    size_t at = (size_t)sprintf(many, "HTTP/1.1 200 OK\r\n");
    while (at < sizeof many - 200)
        at += (size_t)sprintf(many + at, "x-filler-%zu: %0100d\r\n", at, 0);
    sprintf(many + at, "Content-Length: 4\r\n\r\n1234");
    server_say(&server, many);
    struct wk_object_result r = ask(WK_OBJECT_GET, &b);
    assert_int_equal(r.class, WK_OBJECT_SERVER_ERROR);
    assert_contains(r.error.text, "headers");
    assert_int_equal(b.reserved, 0);
}

/* OBJ-87 */
static void a_head_needs_a_length_and_a_put_its_own_checksum(void **state) {
    (void)state;
    server_say(&server, "HTTP/1.1 200 OK\r\n\r\n");
    assert_int_equal(ask(WK_OBJECT_HEAD, NULL).class, WK_OBJECT_SERVER_ERROR);
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nETag: \"e\"\r\n"
                        "x-amz-checksum-crc32c: 4waSgw==\r\n\r\n");
    struct wk_object_result r = ask(WK_OBJECT_HEAD, NULL);
    assert_int_equal(r.class, WK_OBJECT_OK);
    assert_int_equal(r.size_bytes, 12);
    assert_true(r.has_crc32c);
    assert_int_equal(r.etag.length, 3);
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                        "x-amz-checksum-crc32c: AAAAAA==\r\n\r\n");
    r = ask(WK_OBJECT_PUT, NULL);
    assert_int_equal(r.class, WK_OBJECT_SERVER_ERROR);
    assert_contains(r.error.text, "another body");
}

/* ---- classes --------------------------------------------------------------------------------- */

enum { G = 1, P = 2, H = 4, D = 8, ALL = 15 };

/* OBJ-88 */
static void each_answer_has_its_class(void **state) {
    (void)state;
    static const struct {
        unsigned status;
        const char *code; /* NULL: no body */
        unsigned verbs;
        enum wk_object_class class;
        enum wk_status error;
    } cases[] = {
        {404, "NoSuchKey", G | H, WK_OBJECT_ABSENT, WK_OK},
        {404, NULL, G | H, WK_OBJECT_ABSENT, WK_OK},
        {404, NULL, D, WK_OBJECT_OK, WK_OK},
        {404, "NoSuchKey", D, WK_OBJECT_OK, WK_OK},
        {404, NULL, P, WK_OBJECT_INVALID, WK_INVALID},
        {404, "NoSuchBucket", G | P | D, WK_OBJECT_INVALID, WK_INVALID},
        {404, "NoSuchUpload", G, WK_OBJECT_INVALID, WK_INVALID},
        {204, NULL, D | P, WK_OBJECT_OK, WK_OK},
        {204, NULL, G, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE},
        {206, NULL, G | H, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE},
        {304, NULL, G | H, WK_OBJECT_INVALID, WK_INVALID}, /* nobody asked */
        {412, "PreconditionFailed", P | D, WK_OBJECT_PRECONDITION_FAILED, WK_CONFLICT},
        {409, "ConditionalRequestConflict", P, WK_OBJECT_CONFLICT, WK_CONFLICT},
        {409, "OperationAborted", P, WK_OBJECT_CONFLICT, WK_CONFLICT},
        {429, NULL, ALL, WK_OBJECT_THROTTLED, WK_UNAVAILABLE},
        {503, "SlowDown", G | P | D, WK_OBJECT_THROTTLED, WK_UNAVAILABLE},
        {503, "SlowDownWrite", P, WK_OBJECT_THROTTLED, WK_UNAVAILABLE},
        {503, NULL, ALL, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE},
        {503, "ServiceUnavailable", P, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE},
        {500, "InternalError", G | P | D, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE},
        {502, NULL, ALL, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE},
        {504, NULL, ALL, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE},
        {501, "NotImplemented", P, WK_OBJECT_INVALID, WK_INVALID},
        {408, NULL, ALL, WK_OBJECT_TIMEOUT, WK_TIMEOUT},
        {400, "RequestTimeout", P, WK_OBJECT_TIMEOUT, WK_TIMEOUT},
        {400, "IncompleteBody", P, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE},
        {400, "BadDigest", P, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE},
        {400, "ExpiredToken", G | P | D, WK_OBJECT_DENIED, WK_DENIED},
        {400, "InvalidToken", G, WK_OBJECT_DENIED, WK_DENIED},
        {400, "EntityTooLarge", P, WK_OBJECT_INVALID, WK_INVALID},
        {400, NULL, ALL, WK_OBJECT_INVALID, WK_INVALID},
        {401, NULL, ALL, WK_OBJECT_DENIED, WK_DENIED},
        {403, NULL, ALL, WK_OBJECT_DENIED, WK_DENIED},
        {403, "AccessDenied", G | P | D, WK_OBJECT_DENIED, WK_DENIED},
        {403, "RequestTimeTooSkewed", G, WK_OBJECT_DENIED, WK_DENIED},
        {405, NULL, P | D, WK_OBJECT_INVALID, WK_INVALID},
        {413, NULL, P, WK_OBJECT_INVALID, WK_INVALID},
        {507, "XMinioStorageFull", P, WK_OBJECT_NO_SPACE, WK_NO_SPACE},
        {507, NULL, P, WK_OBJECT_NO_SPACE, WK_NO_SPACE},
        {400, "XMinioAdminBucketQuotaExceeded", P, WK_OBJECT_NO_SPACE, WK_NO_SPACE},
        {403, "QuotaExceeded", P, WK_OBJECT_NO_SPACE, WK_NO_SPACE},
        {301, NULL, ALL, WK_OBJECT_INVALID, WK_INVALID},
        {302, NULL, ALL, WK_OBJECT_INVALID, WK_INVALID},
    };
    static const enum wk_object_verb verbs[] = {WK_OBJECT_GET, WK_OBJECT_PUT, WK_OBJECT_HEAD,
                                                WK_OBJECT_DELETE};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t v = 0; v < 4; v++) {
            char head[128];
            char body[256] = "";
            struct body b = {0};
            if ((cases[i].verbs & 1u << v) == 0)
                continue;
            bool none = cases[i].code == NULL || verbs[v] == WK_OBJECT_HEAD;
            snprintf(head, sizeof head, "HTTP/1.1 %u W\r\nLocation: http://127.0.0.1:1/\r\n",
                     cases[i].status);
            if (cases[i].code != NULL)
                snprintf(body, sizeof body, "<Error><Code>%s</Code></Error>", cases[i].code);
            if (cases[i].status == 204 || cases[i].status == 304) {
                snprintf(head, sizeof head, "HTTP/1.1 %u W\r\n\r\n", cases[i].status);
                server_say(&server, head);
            } else {
                server_say_body(&server, head, none ? "" : body);
            }
            struct wk_object_result r = ask(verbs[v], &b);
            if (r.class != cases[i].class || r.error.status != cases[i].error)
                fail_msg("%u %s, verb %zu: class %d, status %d, %s", cases[i].status,
                         cases[i].code == NULL ? "" : cases[i].code, v, (int)r.class,
                         (int)r.error.status, r.error.text);
            assert_int_equal(b.reserved, 0);
            server_forget(&server);
        }
    }
}

/* OBJ-88 */
static void what_is_missing_under_a_condition_fails_it(void **state) {
    (void)state;
    const struct wk_etag etag = {4, "\"ab\""};
    server_say_error(&server, 404, "NoSuchKey", "m");
    assert_int_equal(put_if(o, "k", "x", false, &etag).class, WK_OBJECT_PRECONDITION_FAILED);
    server_say_error(&server, 404, "NoSuchBucket", "m");
    assert_int_equal(put_if(o, "k", "x", false, &etag).class, WK_OBJECT_INVALID);
}

/* OBJ-88: MinIO has a header where an answer to HEAD has no body. */
static void a_missing_bucket_shows_in_a_head(void **state) {
    (void)state;
    server_say(&server, "HTTP/1.1 404 N\r\nContent-Length: 0\r\n"
                        "X-Minio-Error-Code: NoSuchBucket\r\n\r\n");
    struct wk_object_result r = ask(WK_OBJECT_HEAD, NULL);
    assert_int_equal(r.class, WK_OBJECT_INVALID);
    assert_contains(r.error.text, "NoSuchBucket");
    assert_contains(r.error.text, "/bkt");
}

/* OBJ-89 */
static void a_wrong_region_is_named(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        enum wk_object_verb verb;
    } cases[] = {
        {"HTTP/1.1 301 M\r\nx-amz-bucket-region: eu-west-1\r\nContent-Length: 0\r\n\r\n",
         WK_OBJECT_HEAD},
        {"HTTP/1.1 307 M\r\nx-amz-bucket-region: eu-west-1\r\nLocation: http://127.0.0.1:1/\r\n"
         "Content-Length: 0\r\n\r\n",
         WK_OBJECT_PUT},
        {"HTTP/1.1 400 B\r\nContent-Length: 84\r\n\r\n"
         "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>  ",
         WK_OBJECT_GET},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct body b = {0};
        server_say(&server, cases[i].answer);
        struct wk_object_result r = ask(cases[i].verb, &b);
        assert_int_equal(r.class, WK_OBJECT_INVALID);
        assert_contains(r.error.text, "\"eu-west-1\"");
        assert_contains(r.error.text, "WMBT_KV_S3_REGION");
    }
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* OBJ-90 */
static void the_stores_words_are_quoted_cut_and_without_secrets(void **state) {
    (void)state;
    static const char signature[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char message[1024];
    snprintf(message, sizeof message, "no \x01 &quot;x&quot; Signature=%s, Token=%s/AbC+== bye",
             signature, signature);
    server_say_error(&server, 403, "AccessDenied", message + 5);
    struct body b = {0};
    struct wk_object_result r = ask(WK_OBJECT_GET, &b);
    assert_int_equal(r.class, WK_OBJECT_DENIED);
    assert_null(strstr(r.error.text, "89abcdef0123"));
    assert_null(strstr(r.error.text, "AbC+"));
    assert_null(strstr(r.error.text, "not-to-be-shown"));
    assert_contains(r.error.text, "GET http://127.0.0.1:");
    assert_contains(r.error.text, "HTTP 403 \"AccessDenied\": ");
    assert_contains(r.error.text, "\\\"x\\\"");
    assert_contains(r.error.text, " bye");
    char longer[1900];
    for (size_t i = 0; i < sizeof longer - 1; i++)
        longer[i] = i % 2 == 0 ? 'w' : ' ';
    longer[sizeof longer - 1] = 0;
    server_say_error(&server, 403, "AccessDenied", longer);
    r = ask(WK_OBJECT_GET, &b);
    assert_true(r.error.length < 700);
}

/* OBJ-90 */
static void hostile_errors_are_survived(void **state) {
    (void)state;
    static char large[400000];
    memset(large, 'x', sizeof large - 1);
    static char deep[4096];
    for (size_t i = 0; i + 4 < sizeof deep; i += 3)
        memcpy(deep + i, "<a>", 3);
    const char *const bodies[] = {
        "",
        "not XML",
        "<Error><Code>NoSuchKey",
        "<Error><Code/></Error>",
        "<!DOCTYPE e [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><Error><Code>&b;</Code>"
        "</Error>",
        "<Error><Code>&undefined;</Code></Error>",
        "\xff\xfe\x00",
        deep,
        large,
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct body b = {0};
        server_say_body(&server, "HTTP/1.1 500 E\r\n", bodies[i]);
        struct wk_object_result r = ask(WK_OBJECT_GET, &b);
        assert_int_equal(r.class, WK_OBJECT_SERVER_ERROR);
        assert_contains(r.error.text, "HTTP 500");
        server_forget(&server);
    }
}

/* ---- transport --------------------------------------------------------------------------------
 */

/* OBJ-91 */
static void an_answer_that_does_not_come_leaves_the_outcome_open(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        enum server_then then;
    } cases[] = {
        {"", SERVER_CLOSE},
        {"", SERVER_RESET},
        {"garbage\r\n\r\n", SERVER_CLOSE},
        {"HTTP/1.1 100 Continue\r\n\r\n", SERVER_CLOSE},
        {"HTTP/1.1 200 O", SERVER_CLOSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"ab", SERVER_CLOSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", SERVER_CLOSE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* A new store each time: no connection is there to be reused. */
        o->ops->close(o);
        struct wk_objects_config config = s3_config();
        s3_say_empty_list("x\r\nConnection: close");
        assert_int_equal(env->objects->open(env, &config, &o, &err), WK_OK);
        server_forget(&server);
        server_say_then(&server, cases[i].answer, cases[i].then);
        struct wk_object_result r = ask(WK_OBJECT_PUT, NULL);
        assert_int_equal(r.class, WK_OBJECT_SERVER_ERROR);
        assert_contains(r.error.text, "whether it was carried out is unknown");
        assert_int_equal(server_requests(&server), 1);
        server_forget(&server);
    }
}

/* OBJ-91 */
static void silence_is_a_timeout_and_ends_the_connection(void **state) {
    (void)state;
    struct wk_object_request r = {.verb = WK_OBJECT_HEAD, .key = "k"};
    struct wk_object_result result;
    server_say_then(&server, "", SERVER_SILENT);
    o->ops->batch(o, &r, &result, 1, 1, wk_now_ns(env) + 500 * WK_NS_PER_MS, NULL);
    assert_int_equal(result.class, WK_OBJECT_TIMEOUT);
    assert_int_equal(result.error.status, WK_TIMEOUT);
    int silent = server_request(&server, 0)->connection;
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    assert_int_equal(ask(WK_OBJECT_HEAD, NULL).class, WK_OBJECT_OK);
    assert_int_not_equal(server_request(&server, 1)->connection, silent);
    /* In the middle of a body, too. */
    struct body b = {0};
    struct wk_object_request get = {.verb = WK_OBJECT_GET, .key = "k", .sink = {body_reserve, &b}};
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n12");
    o->ops->batch(o, &get, &result, 1, 1, wk_now_ns(env) + 500 * WK_NS_PER_MS, NULL);
    assert_int_equal(result.class, WK_OBJECT_TIMEOUT);
    body_free(&b);
}

/* OBJ-91: a body that is cut may come whole the next time. */
static void an_end_in_a_body_is_not_the_objects_fault(void **state) {
    (void)state;
    static char text[300000];
    size_t at = (size_t)sprintf(text, "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n");
    memset(text + at, 'x', sizeof text - at);
    struct body b = {0};
    server_say_bytes(&server, text, sizeof text, SERVER_RESET);
    struct wk_object_result r = ask(WK_OBJECT_GET, &b);
    assert_int_equal(r.class, WK_OBJECT_SERVER_ERROR);
    body_free(&b);
    server_say_then(&server, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234", SERVER_CLOSE);
    r = ask(WK_OBJECT_GET, &b);
    assert_int_equal(r.class, WK_OBJECT_SERVER_ERROR);
    assert_contains(r.error.text, "4 of 9 bytes");
    assert_int_equal(r.etag.length, 0);
    body_free(&b);
}

/* OBJ-91 */
static void an_answer_before_the_body_is_read_counts(void **state) {
    (void)state;
    static char large[3000000];
    memset(large, 'x', sizeof large - 1);
    server_say_then(&server,
                    "HTTP/1.1 403 F\r\nConnection: close\r\nContent-Length: 46\r\n\r\n"
                    "<Error><Code>AccessDenied</Code></Error>      ",
                    SERVER_NO_BODY);
    struct wk_object_result r = put(o, "k", large);
    /* The reset may destroy the answer on its way; then the outcome is unknown. */
    assert_true(r.class == WK_OBJECT_DENIED || r.class == WK_OBJECT_SERVER_ERROR);
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(put(o, "k", "x").class, WK_OBJECT_OK);
}

/* OBJ-92: the other side closes a connection just when it is used again. */
static void a_dead_connection_is_left_without_a_second_effect(void **state) {
    (void)state;
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    assert_int_equal(ask(WK_OBJECT_HEAD, NULL).class, WK_OBJECT_OK);
    /* An unconditional request is sent once more; a conditional one that was sent is unknown. */
    server_say_then(&server, "", SERVER_CLOSE);
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(put(o, "k", "x").class, WK_OBJECT_OK);
    assert_int_equal(server_requests(&server), 3);
    assert_string_equal(server_request(&server, 2)->body, "x");
    server_forget(&server);
    server_say_then(&server, "", SERVER_CLOSE);
    server_say(&server, "HTTP/1.1 412 P\r\nContent-Length: 0\r\n\r\n");
    struct wk_object_result r = put_if(o, "k", "x", true, NULL);
    assert_int_equal(r.class, WK_OBJECT_SERVER_ERROR);
    assert_contains(r.error.text, "unknown");
    assert_int_equal(server_requests(&server), 1);
    /* Without a body nothing tells libcurl not to: such a request never uses a kept connection. */
    server_forget(&server);
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(ask(WK_OBJECT_HEAD, NULL).class, WK_OBJECT_OK);
    assert_int_equal(put_if(o, "k", "", true, NULL).class, WK_OBJECT_OK);
    assert_int_not_equal(server_request(&server, 0)->connection,
                         server_request(&server, 1)->connection);
}

#define ours(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ours(a_body_is_delivered_with_what_is_said_about_it),
        ours(a_checksum_of_parts_says_nothing),
        ours(a_damaged_body_is_corrupt),
        ours(bytes_behind_a_body_are_not_the_next_answer),
        ours(a_refused_body_is_cancelled),
        ours(answers_before_the_answer_and_too_many_headers),
        ours(a_head_needs_a_length_and_a_put_its_own_checksum),
        ours(each_answer_has_its_class),
        ours(what_is_missing_under_a_condition_fails_it),
        ours(a_missing_bucket_shows_in_a_head),
        ours(a_wrong_region_is_named),
        ours(the_stores_words_are_quoted_cut_and_without_secrets),
        ours(hostile_errors_are_survived),
        ours(an_answer_that_does_not_come_leaves_the_outcome_open),
        ours(silence_is_a_timeout_and_ends_the_connection),
        ours(an_end_in_a_body_is_not_the_objects_fault),
        ours(an_answer_before_the_body_is_read_counts),
        ours(a_dead_connection_is_left_without_a_second_effect),
    };
    return cmocka_run_group_tests(tests, s3_group_setup, s3_group_teardown);
}
