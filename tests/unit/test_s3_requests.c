/* SPDX-License-Identifier: Apache-2.0 */
/* What an S3 store sends, byte for byte where the other side looks at bytes. */
#include "unit/s3_store.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.h"

#define GOOD "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nETag: \"e1\"\r\n\r\n"

/* ---- the signature, as the S3 API describes it ------------------------------------------------
 */

static void hmac(const void *key, size_t key_size, const char *text, uint8_t out[32]) {
    unsigned size = 32;
    HMAC(EVP_sha256(), key, (int)key_size, (const uint8_t *)text, strlen(text), out, &size);
}

/* The part of a head between `from` and the first of `ends`. */
static void cut(const char *from, const char *ends, char *to) {
    size_t length = strcspn(from, ends);
    memcpy(to, from, length);
    to[length] = 0;
}

/* Method, path, query, the signed headers with their values, their names, the payload's word. */
static void canonical_request(const struct server_request *r, const char *signed_names, char *to) {
    char target[8192];
    char names[512];
    char value[8192];
    cut(r->head, " ", value);
    to += sprintf(to, "%s\n", value);
    cut(strchr(r->head, ' ') + 1, " ", target);
    char *query = strchr(target, '?');
    if (query != NULL)
        *query++ = 0;
    to += sprintf(to, "%s\n%s\n", target, query == NULL ? "" : query);
    strcpy(names, signed_names);
    for (char *save, *name = strtok_r(names, ";", &save); name != NULL;
         name = strtok_r(NULL, ";", &save)) {
        assert_non_null(server_header(r->head, name));
        cut(server_header(r->head, name), "\r", value);
        to += sprintf(to, "%s:%s\n", name, value);
    }
    sprintf(to, "\n%s\nUNSIGNED-PAYLOAD", signed_names);
}

static void sign(const char *date, const char *canonical, const char *secret, char out[65]) {
    uint8_t key[32];
    uint8_t next[32];
    char hash[65];
    char text[512];
    char first[256];
    EVP_Digest(canonical, strlen(canonical), key, NULL, EVP_sha256(), NULL);
    wk_hex_encode(wk_span(key, 32), hash);
    snprintf(text, sizeof text, "AWS4-HMAC-SHA256\n%s\n%.8s/us-east-1/s3/aws4_request\n%s", date,
             date, hash);
    snprintf(first, sizeof first, "AWS4%s", secret);
    char day[9];
    snprintf(day, sizeof day, "%.8s", date);
    hmac(first, strlen(first), day, key);
    hmac(key, 32, "us-east-1", next);
    hmac(next, 32, "s3", key);
    hmac(key, 32, "aws4_request", next);
    hmac(next, 32, text, key);
    wk_hex_encode(wk_span(key, 32), out);
}

static void assert_signed(const struct server_request *r, const char *access, const char *secret) {
    static char canonical[65536];
    char date[64];
    char names[512];
    char expected[65];
    char credential[256];
    const char *authorization = server_header(r->head, "Authorization");
    assert_non_null(authorization);
    cut(server_header(r->head, "X-Amz-Date"), "\r", date);
    snprintf(credential, sizeof credential,
             "AWS4-HMAC-SHA256 Credential=%s/%.8s/us-east-1/s3/aws4_request, SignedHeaders=",
             access, date);
    assert_memory_equal(authorization, credential, strlen(credential));
    cut(authorization + strlen(credential), ",", names);
    canonical_request(r, names, canonical);
    sign(date, canonical, secret, expected);
    assert_memory_equal(strstr(authorization, "Signature=") + 10, expected, 64);
    assert_true(server_has(r, "x-amz-content-sha256", "UNSIGNED-PAYLOAD"));
}

static void assert_line(const struct server_request *r, const char *line) {
    char first[8192];
    cut(r->head, "\r", first);
    assert_string_equal(first, line);
}

/* ---- reads ----------------------------------------------------------------------------------- */

/* OBJ-81 OBJ-82 */
static void a_get_is_signed_and_asks_for_the_checksum(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    assert_true(holds(o, "kv/a b/b3=ff+\xc3\xa9%!'()*~-_.", "hello"));
    const struct server_request *r = server_request(&server, 0);
    assert_line(r, "GET /bkt/kv/a%20b/b3%3Dff%2B%C3%A9%25%21%27%28%29%2A~-_. HTTP/1.1");
    assert_true(server_has(r, "Host", server.url + strlen("http://")));
    assert_true(server_has(r, "x-amz-checksum-mode", "ENABLED"));
    assert_null(server_header(r->head, "Accept-Encoding"));
    assert_signed(r, "AKID", "not-to-be-shown");
    o->ops->close(o);
}

/* OBJ-81 */
static void dots_in_a_key_stay(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    assert_true(holds(o, "kv/../a/./b//c", "x"));
    assert_line(server_request(&server, 0), "GET /bkt/kv/../a/./b//c HTTP/1.1");
    assert_signed(server_request(&server, 0), "AKID", "not-to-be-shown");
    o->ops->close(o);
}

/* OBJ-82 */
static void conditions_of_reads_travel(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    struct body b = {0};
    const struct wk_etag etag = {4, "\"ab\""};
    struct wk_object_request get_if = {
        .verb = WK_OBJECT_GET, .key = "k", .if_none_match = &etag, .sink = {body_reserve, &b}};
    server_say(&server, "HTTP/1.1 304 Not Modified\r\nETag: \"ab\"\r\n\r\n");
    struct wk_object_result result = run(o, &get_if);
    assert_int_equal(result.class, WK_OBJECT_NOT_MODIFIED);
    assert_int_equal(result.etag.length, 4);
    assert_int_equal(b.reserved, 0);
    assert_true(server_has(server_request(&server, 0), "if-none-match", "\"ab\""));
    assert_signed(server_request(&server, 0), "AKID", "not-to-be-shown");
    /* What must not get into a header line does not. */
    const struct wk_etag hostile = {6, "a\r\nb:c"};
    get_if.if_none_match = &hostile;
    server_say(&server, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(run(o, &get_if).class, WK_OBJECT_ABSENT);
    assert_null(server_header(server_request(&server, 1)->head, "b"));
    o->ops->close(o);
}

/* ---- writes ---------------------------------------------------------------------------------- */

static struct wk_object_result put_spans(struct wk_objects *o, const struct wk_span *spans,
                                         size_t count, uint32_t crc) {
    struct wk_object_request r = {
        .verb = WK_OBJECT_PUT, .key = "k", .body = spans, .body_count = count, .body_crc32c = crc};
    return run(o, &r);
}

/* OBJ-82 OBJ-83 */
static void a_put_sends_its_spans_and_their_checksum(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    const struct wk_span spans[] = {wk_span_text("123"), wk_span_text(""), wk_span_text("456789")};
    server_say(&server, GOOD);
    struct wk_object_result result = put_spans(o, spans, 3, 77);
    assert_int_equal(result.class, WK_OBJECT_OK);
    assert_int_equal(result.etag.length, 4);
    const struct server_request *r = server_request(&server, 0);
    assert_line(r, "PUT /bkt/k HTTP/1.1");
    assert_true(server_has(r, "Content-Length", "9"));
    assert_string_equal(r->body, "123456789");
    /* e3069283. This store is not known to keep it, so the caller's number (77) is not looked at.
     */
    assert_true(server_has(r, "x-amz-checksum-crc32c", "4waSgw=="));
    assert_true(server_has(r, "content-type", "application/octet-stream"));
    assert_null(server_header(r->head, "Expect"));
    assert_null(server_header(r->head, "Transfer-Encoding"));
    assert_signed(r, "AKID", "not-to-be-shown");
    o->ops->close(o);
}

/* OBJ-83 */
static void where_the_checksum_is_kept_the_callers_is_sent(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("MinIO");
    assert_true((o->caps & WK_OBJECTS_CHECKSUM) != 0);
    const struct wk_span span = wk_span_text("x");
    server_say(&server, GOOD);
    assert_int_equal(put_spans(o, &span, 1, 0x01020304).class, WK_OBJECT_OK);
    assert_true(server_has(server_request(&server, 0), "x-amz-checksum-crc32c", "AQIDBA=="));
    o->ops->close(o);
}

/* OBJ-83 */
static void a_large_body_and_an_empty_one_arrive_whole(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    const size_t size = 3 * 1024 * 1024 + 17;
    uint8_t *data = malloc(size);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 11);
    const struct wk_span spans[] = {wk_span(data, 1000001),
                                    wk_span(data + 1000001, size - 1000001)};
    server_say(&server, GOOD);
    assert_int_equal(put_spans(o, spans, 2, 0).class, WK_OBJECT_OK);
    assert_int_equal(server_request(&server, 0)->body_size, size);
    assert_memory_equal(server_request(&server, 0)->body, data, size);
    server_say(&server, GOOD);
    assert_int_equal(put_spans(o, NULL, 0, 0).class, WK_OBJECT_OK);
    assert_true(server_has(server_request(&server, 1), "Content-Length", "0"));
    assert_true(server_has(server_request(&server, 1), "x-amz-checksum-crc32c", "AAAAAA=="));
    free(data);
    o->ops->close(o);
}

/* OBJ-82 */
static void conditions_of_writes_travel(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("AmazonS3");
    const struct wk_etag etag = {4, "\"ab\""};
    server_say(&server, GOOD);
    assert_int_equal(put_if(o, "k", "x", true, NULL).class, WK_OBJECT_OK);
    assert_true(server_has(server_request(&server, 0), "if-none-match", "*"));
    server_say(&server, GOOD);
    assert_int_equal(put_if(o, "k", "x", false, &etag).class, WK_OBJECT_OK);
    assert_true(server_has(server_request(&server, 1), "if-match", "\"ab\""));
    server_say(&server, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(del(o, "k", &etag).class, WK_OBJECT_OK);
    assert_line(server_request(&server, 2), "DELETE /bkt/k HTTP/1.1");
    assert_true(server_has(server_request(&server, 2), "if-match", "\"ab\""));
    for (size_t i = 0; i < 3; i++)
        assert_signed(server_request(&server, i), "AKID", "not-to-be-shown");
    o->ops->close(o);
}

/* OBJ-84: MinIO of 2025 deletes whatever the condition says. */
static void a_conditional_delete_is_refused_where_it_might_not_be_one(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("MinIO");
    const struct wk_etag etag = {4, "\"ab\""};
    struct wk_object_result result = del(o, "k", &etag);
    assert_int_equal(result.class, WK_OBJECT_INVALID);
    assert_contains(result.error.text, "If-Match");
    assert_int_equal(server_requests(&server), 0);
    o->ops->close(o);
}

/* OBJ-80 */
static void what_cannot_be_asked_is_not_sent(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    static char longer[WK_OBJECT_KEY_BYTES_MAX + 2];
    memset(longer, 'k', sizeof longer - 1);
    const struct wk_etag etag = {4, "\"ab\""};
    const struct wk_span huge = {(const uint8_t *)longer, (size_t)WK_OBJECT_BODY_BYTES_MAX + 1};
    const struct wk_object_request requests[] = {
        {.verb = WK_OBJECT_HEAD, .key = ""},
        {.verb = WK_OBJECT_HEAD, .key = longer},
        {.verb = (enum wk_object_verb)9, .key = "k"},
        {.verb = WK_OBJECT_HEAD, .key = "k", .if_match = &etag},
        {.verb = WK_OBJECT_PUT, .key = "k", .if_none_match = &etag},
        {.verb = WK_OBJECT_DELETE, .key = "k", .if_absent = true},
        {.verb = WK_OBJECT_PUT, .key = "k", .body = &huge, .body_count = 1},
        {.verb = WK_OBJECT_HEAD, .key = "good"},
    };
    struct wk_object_result results[8];
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
    o->ops->batch(o, requests, results, 8, 4, WK_FOREVER, NULL);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(results[i].class, WK_OBJECT_INVALID);
        assert_true(results[i].error.length > 0);
    }
    assert_int_equal(results[7].class, WK_OBJECT_OK);
    assert_int_equal(results[7].size_bytes, 3);
    assert_int_equal(server_requests(&server), 1);
    o->ops->batch(o, requests, results, 0, 4, WK_FOREVER, NULL);
    o->ops->close(o);
}

/* ---- addresses and tokens ----------------------------------------------------------------------
 */

/* OBJ-82 */
static void a_session_token_is_a_signed_header(void **state) {
    (void)state;
    static char token[2001];
    memset(token, 'T', sizeof token - 1);
    struct wk_objects_config config = s3_config();
    config.session_token = token;
    struct wk_objects *o = s3_open_with(&config, "x");
    server_say(&server, GOOD);
    assert_int_equal(put(o, "k", "x").class, WK_OBJECT_OK);
    assert_true(server_has(server_request(&server, 0), "x-amz-security-token", token));
    assert_contains(server_header(server_request(&server, 0)->head, "Authorization"),
                    ";x-amz-security-token,");
    assert_signed(server_request(&server, 0), "AKID", "not-to-be-shown");
    o->ops->close(o);
}

/* OBJ-85 */
static void only_our_proxy_is_used_and_the_host_may_name_the_bucket(void **state) {
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("no_proxy", "*", 1);
    struct wk_objects *o = s3_open("x");
    server_say(&server, GOOD);
    assert_int_equal(put(o, "k", "x").class, WK_OBJECT_OK);
    o->ops->close(o);
    struct wk_objects_config config = s3_config();
    config.endpoint = "http://s3.test.invalid:8080";
    config.proxy = server.url;
    config.virtual_host = true;
    o = s3_open_with(&config, "x");
    server_say(&server, GOOD);
    assert_int_equal(put(o, "k/1", "x").class, WK_OBJECT_OK);
    const struct server_request *r = server_request(&server, 0);
    assert_line(r, "PUT http://bkt.s3.test.invalid:8080/k/1 HTTP/1.1");
    assert_true(server_has(r, "Host", "bkt.s3.test.invalid:8080"));
    struct listed *l = calloc(1, sizeof *l);
    server_say_body(&server, "HTTP/1.1 200 OK\r\n", EMPTY_LIST);
    assert_int_equal(list(o, "kv/", l), WK_OBJECT_OK);
    assert_contains(server_request(&server, 1)->head,
                    "GET http://bkt.s3.test.invalid:8080/?encoding-type=url&");
    free(l);
    o->ops->close(o);
    unsetenv("http_proxy");
    unsetenv("no_proxy");
}

/* OBJ-82 */
static void a_list_is_sorted_encoded_and_signed(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    struct listed *l = calloc(1, sizeof *l);
    server_say_body(&server, "HTTP/1.1 200 OK\r\n",
                    "<ListBucketResult><IsTruncated>true</IsTruncated>"
                    "<NextContinuationToken>a+b/c=</NextContinuationToken></ListBucketResult>");
    server_say_body(&server, "HTTP/1.1 200 OK\r\n", EMPTY_LIST);
    assert_int_equal(list(o, "kv/a b=", l), WK_OBJECT_OK);
    assert_line(server_request(&server, 0),
                "GET /bkt?encoding-type=url&list-type=2&max-keys=1000&prefix=kv%2Fa%20b%3D "
                "HTTP/1.1");
    assert_line(server_request(&server, 1),
                "GET /bkt?continuation-token=a%2Bb%2Fc%3D&encoding-type=url&list-type=2&"
                "max-keys=1000&prefix=kv%2Fa%20b%3D HTTP/1.1");
    assert_signed(server_request(&server, 0), "AKID", "not-to-be-shown");
    assert_signed(server_request(&server, 1), "AKID", "not-to-be-shown");
    free(l);
    o->ops->close(o);
}

/* ---- how many at a time ------------------------------------------------------------------------
 */

/* OBJ-60 OBJ-86 */
static void at_most_parallel_are_under_way_and_all_end_at_the_deadline(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    struct wk_object_request requests[10];
    struct wk_object_result results[10];
    for (size_t i = 0; i < 10; i++) {
        requests[i] = (struct wk_object_request){.verb = WK_OBJECT_HEAD, .key = "k"};
        server_say_then(&server, "", SERVER_SILENT);
    }
    uint64_t deadline = wk_now_ns(env) + 500 * WK_NS_PER_MS;
    o->ops->batch(o, requests, results, 10, 3, deadline, NULL);
    size_t sent = server_requests(&server);
    assert_true(sent > 0 && sent <= 3);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(results[i].class, WK_OBJECT_TIMEOUT);
        assert_true(results[i].error.length > 0);
    }
    /* Late: not even asked. */
    o->ops->batch(o, requests, results, 1, 1, deadline, NULL);
    assert_int_equal(results[0].class, WK_OBJECT_TIMEOUT);
    assert_int_equal(server_requests(&server), sent);
    o->ops->close(o);
}

/* OBJ-86 */
static void connections_are_kept_and_shared(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    pthread_mutex_lock(&server.mutex);
    int before = server.connections;
    pthread_mutex_unlock(&server.mutex);
    for (int i = 0; i < 20; i++) {
        server_say(&server, GOOD);
        assert_int_equal(put(o, "k", "x").class, WK_OBJECT_OK);
    }
    pthread_mutex_lock(&server.mutex);
    int after = server.connections;
    pthread_mutex_unlock(&server.mutex);
    assert_int_equal(after, before);
    o->ops->close(o);
}

struct canceller {
    wk_atomic_u32 cancel;
    size_t after;
};

static void *cancel_when_seen(void *arg) {
    struct canceller *c = arg;
    while (server_requests(&server) < c->after)
        usleep(1000);
    wk_atomic_store_u32(&c->cancel, 1, WK_RELEASE, "test");
    return NULL;
}

/* OBJ-86: of what was sent, only that which may have had an effect is waited for. */
static void cancel_stops_what_was_not_sent(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    struct wk_object_request requests[6];
    struct wk_object_result results[6];
    for (size_t i = 0; i < 6; i++)
        requests[i] = (struct wk_object_request){.verb = WK_OBJECT_PUT, .key = "k"};
    server_say_then(&server, "", SERVER_SILENT);
    server_say_then(&server, "", SERVER_SILENT);
    struct canceller c = {.after = 2};
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_when_seen, &c);
    o->ops->batch(o, requests, results, 6, 2, wk_now_ns(env) + 2000 * WK_NS_PER_MS, &c.cancel);
    pthread_join(thread, NULL);
    assert_int_equal(server_requests(&server), 2);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(results[i].class, i < 2 ? WK_OBJECT_TIMEOUT : WK_OBJECT_CANCELLED);
    o->ops->close(o);
}

/* OBJ-86: with no deadline, and a server that never answers or stops within the body. */
static void cancel_ends_what_only_reads(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    struct body b = {0};
    struct wk_object_request requests[2] = {
        {.verb = WK_OBJECT_HEAD, .key = "k"},
        {.verb = WK_OBJECT_GET, .key = "k", .sink = {.reserve = body_reserve, .ctx = &b}},
    };
    struct wk_object_result results[2];
    server_say_then(&server, "", SERVER_SILENT);
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nthe beginning");
    struct canceller c = {.after = 2};
    pthread_t thread;
    pthread_create(&thread, NULL, cancel_when_seen, &c);
    o->ops->batch(o, requests, results, 2, 2, WK_FOREVER, &c.cancel);
    pthread_join(thread, NULL);
    assert_int_equal(results[0].class, WK_OBJECT_CANCELLED);
    assert_int_equal(results[1].class, WK_OBJECT_CANCELLED);
    body_free(&b);
    /* A LIST whose answer does not come, as at the close of a store. */
    server_forget(&server);
    server_say_then(&server, "", SERVER_SILENT);
    c = (struct canceller){.after = 1};
    pthread_create(&thread, NULL, cancel_when_seen, &c);
    assert_int_equal(o->ops->list(o, "kv/", NULL, NULL, WK_FOREVER, &c.cancel, &err),
                     WK_OBJECT_CANCELLED);
    pthread_join(thread, NULL);
    o->ops->close(o);
}

/* A listener that answers one LIST and accepts nobody after it. */
struct full_house {
    int listener;
    struct sockaddr_in at;
    char url[64];
};

static void *answer_once(void *arg) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" EMPTY_LIST;
    struct full_house *h = arg;
    char ignored[4096];
    int fd = accept(h->listener, NULL, NULL);
    if (recv(fd, ignored, sizeof ignored, 0) > 0)
        server_send(fd, answer, sizeof answer - 1);
    close(fd);
    return NULL;
}

static void *cancel_soon(void *arg) {
    struct canceller *c = arg;
    usleep(100000);
    wk_atomic_store_u32(&c->cancel, 1, WK_RELEASE, "test");
    return NULL;
}

/* OBJ-86: with the queue of the listener full, a connection is never made. */
static void cancel_ends_what_waits_for_a_connection(void **state) {
    (void)state;
    struct full_house h = {.at = {.sin_family = AF_INET}};
    socklen_t size = sizeof h.at;
    h.at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    h.listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(h.listener, (struct sockaddr *)&h.at, size), 0);
    assert_int_equal(listen(h.listener, 0), 0);
    assert_int_equal(getsockname(h.listener, (struct sockaddr *)&h.at, &size), 0);
    snprintf(h.url, sizeof h.url, "http://127.0.0.1:%u", (unsigned)ntohs(h.at.sin_port));
    pthread_t thread;
    pthread_create(&thread, NULL, answer_once, &h);
    struct wk_objects_config config = s3_config();
    config.endpoint = h.url;
    struct wk_objects *o = NULL;
    assert_int_equal(env->objects->open(env, &config, &o, &err), WK_OK);
    pthread_join(thread, NULL);
    int guests[8];
    for (size_t i = 0; i < 8; i++) {
        guests[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(guests[i], (struct sockaddr *)&h.at, sizeof h.at);
    }
    const struct wk_object_request request = {.verb = WK_OBJECT_PUT, .key = "k"};
    struct wk_object_result result;
    struct canceller c = {.after = 0};
    pthread_create(&thread, NULL, cancel_soon, &c);
    o->ops->batch(o, &request, &result, 1, 1, WK_FOREVER, &c.cancel);
    pthread_join(thread, NULL);
    assert_int_equal(result.class, WK_OBJECT_CANCELLED);
    o->ops->close(o);
    for (size_t i = 0; i < 8; i++)
        close(guests[i]);
    close(h.listener);
}

struct caller {
    struct wk_objects *o;
    size_t good;
};

static void *call_often(void *arg) {
    struct caller *c = arg;
    for (int i = 0; i < 40; i++) {
        struct wk_object_request requests[8];
        struct wk_object_result results[8];
        for (size_t k = 0; k < 8; k++)
            requests[k] = (struct wk_object_request){.verb = WK_OBJECT_HEAD, .key = "k"};
        c->o->ops->batch(c->o, requests, results, 8, 3, WK_FOREVER, NULL);
        for (size_t k = 0; k < 8; k++)
            c->good += results[k].class == WK_OBJECT_OK && results[k].size_bytes == 7;
    }
    return NULL;
}

/* OBJ-86 */
static void many_threads_share_a_store(void **state) {
    (void)state;
    struct wk_objects *o = s3_open("x");
    struct caller callers[6];
    pthread_t threads[6];
    for (int i = 0; i < 6 * 40 * 8; i++)
        server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
    for (size_t i = 0; i < 6; i++) {
        callers[i] = (struct caller){o, 0};
        pthread_create(&threads[i], NULL, call_often, &callers[i]);
    }
    for (size_t i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].good, 40 * 8);
    }
    o->ops->close(o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        s3_unit_test(a_get_is_signed_and_asks_for_the_checksum),
        s3_unit_test(dots_in_a_key_stay),
        s3_unit_test(conditions_of_reads_travel),
        s3_unit_test(a_put_sends_its_spans_and_their_checksum),
        s3_unit_test(where_the_checksum_is_kept_the_callers_is_sent),
        s3_unit_test(a_large_body_and_an_empty_one_arrive_whole),
        s3_unit_test(conditions_of_writes_travel),
        s3_unit_test(a_conditional_delete_is_refused_where_it_might_not_be_one),
        s3_unit_test(what_cannot_be_asked_is_not_sent),
        s3_unit_test(a_session_token_is_a_signed_header),
        s3_unit_test(only_our_proxy_is_used_and_the_host_may_name_the_bucket),
        s3_unit_test(a_list_is_sorted_encoded_and_signed),
        s3_unit_test(at_most_parallel_are_under_way_and_all_end_at_the_deadline),
        s3_unit_test(connections_are_kept_and_shared),
        s3_unit_test(cancel_stops_what_was_not_sent),
        s3_unit_test(cancel_ends_what_only_reads),
        s3_unit_test(cancel_ends_what_waits_for_a_connection),
        s3_unit_test(many_threads_share_a_store),
    };
    return cmocka_run_group_tests(tests, s3_group_setup, s3_group_teardown);
}
