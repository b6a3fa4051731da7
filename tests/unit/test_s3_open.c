/* SPDX-License-Identifier: Apache-2.0 */
/* Opening an S3 store: what is asked, what is refused and how it is said, what a store can do. */
#include "unit/s3_store.h"

static char log_text[16384];

static void take_log(void *ctx, enum wk_log_level level, const char *line) {
    (void)ctx;
    (void)level;
    size_t at = strlen(log_text);
    snprintf(log_text + at, sizeof log_text - at, "%s\n", line);
}

static enum wk_status try_open(const struct wk_objects_config *config, struct wk_objects **o) {
    *o = NULL;
    wk_error_clear(&err);
    log_text[0] = 0;
    enum wk_status status = env->objects->open(env, config, o, &err);
    assert_true((status == WK_OK) == (*o != NULL));
    assert_null(strstr(err.text, "not-to-be-shown"));
    assert_null(strstr(log_text, "not-to-be-shown"));
    return status;
}

static void say_missing(void) {
    server_say_error(&server, 404, "NoSuchBucket", "The specified bucket does not exist");
}

static void say_empty_list(void) {
    s3_say_empty_list("x");
}

/* ---- settings -----------------------------------------------------------------------------------
 */

/* OBJ-85 OBJ-94 */
static void settings_that_cannot_work_are_refused_without_a_request(void **state) {
    (void)state;
    const struct wk_objects_config good = s3_config();
    struct wk_objects *o;
    struct {
        struct wk_objects_config config;
        const char *says;
    } cases[] = {
        {good, "bucket is required"}, {good, "WMBT_KV_BUCKET"},        {good, "WMBT_KV_BUCKET"},
        {good, "WMBT_KV_BUCKET"},     {good, "WMBT_KV_S3_REGION"},     {good, "WMBT_KV_S3_REGION"},
        {good, "credentials"},        {good, "a path after the host"}, {good, "a number"},
        {good, "printable"},          {good, "ADDRESSING=path"},       {good, "WMBT_KV_LOCAL_DEV"},
        {good, "a character that"}};
    cases[0].config.bucket = "";
    cases[1].config.bucket = "a/b";
    cases[2].config.bucket = "..";
    cases[3].config.bucket = "a b";
    cases[4].config.region = "";
    cases[5].config.region = "eu:west";
    cases[6].config.secret_key = "";
    cases[7].config.endpoint = "http://127.0.0.1:9000/path";
    cases[8].config.virtual_host = true;
    cases[9].config.access_key = "a\r\nb: c";
    cases[10].config.endpoint = "http://localhost:9000";
    cases[10].config.virtual_host = true;
    cases[10].config.bucket = "under_score";
    cases[11].config.access_key = cases[11].config.secret_key = "minioadmin";
    cases[12].config.session_token = "a b";
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum wk_status status = try_open(&cases[i].config, &o);
        assert_int_equal(status, i == 11 ? WK_DENIED : WK_INVALID);
        assert_contains(err.text, cases[i].says);
    }
    assert_int_equal(server_requests(&server), 0);
}

/* ---- the store
 * ------------------------------------------------------------------------------------ */

/* OBJ-94 */
static void an_open_asks_once_and_writes_nothing(void **state) {
    (void)state;
    struct wk_objects *o;
    const struct wk_objects_config config = s3_config();
    say_empty_list();
    assert_int_equal(try_open(&config, &o), WK_OK);
    assert_int_equal(server_requests(&server), 1);
    assert_contains(server_request(&server, 0)->head,
                    "GET /bkt?encoding-type=url&list-type=2&max-keys=1&prefix=kv%2F ");
    assert_int_equal(o->caps, WK_OBJECTS_ETAG | WK_OBJECTS_HEAD | WK_OBJECTS_LIST |
                                  WK_OBJECTS_LIST_SIZES | WK_OBJECTS_CONCURRENT);
    o->ops->close(o);
}

/* OBJ-95 */
static void what_a_store_can_do_is_what_it_shows(void **state) {
    (void)state;
    struct wk_objects *o;
    const struct wk_objects_config config = s3_config();
    static const char *const known[] = {"MinIO", "AmazonS3"};
    for (size_t i = 0; i < 2; i++) {
        o = s3_open(known[i]);
        assert_true((o->caps & WK_OBJECTS_CHECKSUM) != 0);
        assert_true((o->caps & WK_OBJECTS_CONDITIONAL) != 0);
        o->ops->close(o);
    }
    /* Another one, with an object that has a checksum, or has not. */
    static const struct {
        const char *head;
        bool checksum;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nx-amz-checksum-crc32c: 4waSgw==\r\n\r\n", true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nx-amz-checksum-crc32c: 4waSgw==-2\r\n\r\n",
         false},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", false},
        {"HTTP/1.1 403 F\r\nContent-Length: 0\r\n\r\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        server_forget(&server);
        server_say_body(&server, "HTTP/1.1 200 OK\r\n",
                        "<ListBucketResult><Contents><Key>kv/x y</Key></Contents>"
                        "</ListBucketResult>");
        server_say(&server, cases[i].head);
        assert_int_equal(try_open(&config, &o), WK_OK);
        assert_contains(server_request(&server, 1)->head, "HEAD /bkt/kv/x%20y ");
        assert_true(server_has(server_request(&server, 1), "x-amz-checksum-mode", "ENABLED"));
        assert_int_equal((o->caps & WK_OBJECTS_CHECKSUM) != 0, cases[i].checksum);
        assert_int_equal(o->caps & WK_OBJECTS_CONDITIONAL, 0);
        o->ops->close(o);
    }
}

/* OBJ-96 */
static void a_missing_bucket_is_made_only_when_that_is_wanted(void **state) {
    (void)state;
    struct wk_objects *o;
    struct wk_objects_config config = s3_config();
    say_missing();
    assert_int_equal(try_open(&config, &o), WK_INVALID);
    assert_contains(err.text, "\"bkt\" does not exist at http://127.0.0.1:");
    assert_contains(err.text, "WMBT_KV_S3_CREATE_BUCKET");
    assert_int_equal(server_requests(&server), 1);
    for (int local = 0; local < 2; local++) {
        server_forget(&server);
        config.local_dev = local != 0;
        config.create_bucket = local == 0;
        config.region = local ? "us-east-1" : "eu-west-1";
        say_missing();
        server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        say_empty_list();
        assert_int_equal(try_open(&config, &o), WK_OK);
        assert_contains(log_text, "s3.bucket_created");
        const struct server_request *r = server_request(&server, 1);
        assert_contains(r->head, "PUT /bkt HTTP/1.1");
        assert_true(server_has(r, "content-type", "application/xml"));
        if (local)
            assert_int_equal(r->body_size, 0);
        else
            assert_contains(r->body, "<LocationConstraint>eu-west-1</LocationConstraint>");
        o->ops->close(o);
    }
}

/* OBJ-96 */
static void making_a_bucket_can_be_lost_to_others_and_can_fail(void **state) {
    (void)state;
    struct wk_objects *o;
    struct wk_objects_config config = s3_config();
    config.create_bucket = true;
    say_missing();
    server_say_error(&server, 409, "BucketAlreadyOwnedByYou", "m");
    say_empty_list();
    assert_int_equal(try_open(&config, &o), WK_OK);
    o->ops->close(o);
    server_forget(&server);
    say_missing();
    server_say_error(&server, 403, "AccessDenied", "m");
    assert_int_equal(try_open(&config, &o), WK_DENIED);
    assert_contains(err.text, "PUT http://127.0.0.1:");
    server_forget(&server);
    say_missing();
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    say_missing();
    assert_int_equal(try_open(&config, &o), WK_INVALID);
    assert_int_equal(server_requests(&server), 3);
}

/* OBJ-94 */
static void refused_credentials_fail_the_open(void **state) {
    (void)state;
    struct wk_objects *o;
    const struct wk_objects_config config = s3_config();
    static const char *const codes[] = {"InvalidAccessKeyId", "SignatureDoesNotMatch",
                                        "ExpiredToken", "RequestTimeTooSkewed", "AccountProblem"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        server_forget(&server);
        server_say_error(&server, 403, codes[i], "words of the store");
        assert_int_equal(try_open(&config, &o), WK_DENIED);
        assert_contains(err.text, codes[i]);
        assert_contains(err.text, "words of the store");
        assert_int_equal(server_requests(&server), 1);
    }
}

/* OBJ-94 */
static void without_the_right_to_list_reads_are_served(void **state) {
    (void)state;
    struct wk_objects *o;
    const struct wk_objects_config config = s3_config();
    server_say_body(&server, "HTTP/1.1 403 F\r\nServer: MinIO\r\n",
                    "<Error><Code>AccessDenied</Code></Error>");
    assert_int_equal(try_open(&config, &o), WK_OK);
    assert_contains(log_text, "s3.list_denied");
    assert_int_equal(o->caps & (WK_OBJECTS_LIST | WK_OBJECTS_LIST_SIZES), 0);
    assert_true((o->caps & WK_OBJECTS_CHECKSUM) != 0);
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    assert_true(holds(o, "kv/k", "x"));
    o->ops->close(o);
}

/* OBJ-94 */
static void what_is_no_s3_is_said_to_be_none(void **state) {
    (void)state;
    struct wk_objects *o;
    const struct wk_objects_config config = s3_config();
    server_say_body(&server, "HTTP/1.1 200 OK\r\n", "<html><body>welcome</body></html>");
    assert_int_equal(try_open(&config, &o), WK_INVALID);
    assert_contains(err.text, "does not answer as an S3 store does");
    server_say_body(&server, "HTTP/1.1 404 N\r\n", "not here");
    assert_int_equal(try_open(&config, &o), WK_INVALID);
    server_say(&server, "HTTP/1.1 301 M\r\nx-amz-bucket-region: eu-west-1\r\n"
                        "Content-Length: 0\r\n\r\n");
    assert_int_equal(try_open(&config, &o), WK_INVALID);
    assert_contains(err.text, "eu-west-1");
}

/* OBJ-94 */
static void trouble_is_tried_three_times(void **state) {
    (void)state;
    struct wk_objects *o;
    struct wk_objects_config config = s3_config();
    for (int i = 0; i < 3; i++)
        server_say(&server, "HTTP/1.1 503 S\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(try_open(&config, &o), WK_UNAVAILABLE);
    assert_int_equal(server_requests(&server), 3);
    server_forget(&server);
    server_say(&server, "HTTP/1.1 503 S\r\nContent-Length: 0\r\n\r\n");
    say_empty_list();
    assert_int_equal(try_open(&config, &o), WK_OK);
    o->ops->close(o);
    config.endpoint = "http://127.0.0.1:1";
    assert_int_equal(try_open(&config, &o), WK_UNAVAILABLE);
    assert_contains(err.text, "http://127.0.0.1:1/bkt");
    assert_contains(err.text, "nothing was sent");
    config.endpoint = "http://no-such-host.invalid";
    assert_int_equal(try_open(&config, &o), WK_UNAVAILABLE);
    assert_contains(err.text, "no-such-host.invalid");
    /* Plain HTTP behind https, and a CA file that is not there. */
    char endpoint[80];
    snprintf(endpoint, sizeof endpoint, "https%s", strchr(server.url, ':'));
    config.endpoint = endpoint;
    config.ca_file = "/nowhere/ca.pem";
    assert_int_equal(try_open(&config, &o), WK_INVALID);
    assert_contains(err.text, "WMBT_KV_S3_CA_FILE=/nowhere/ca.pem");
}

/* OBJ-63 */
static void allocations_that_fail_fail_the_open_and_leak_nothing(void **state) {
    (void)state;
    struct faulty f;
    const struct wk_objects_config config = s3_config();
    faulty_init(&f);
    bool opened = false;
    for (uint64_t k = 1; !opened; k++) {
        struct wk_objects *o = NULL;
        server_forget(&server);
        for (int i = 0; i < 4; i++)
            say_empty_list();
        f.allocs = 0;
        f.fail_alloc_from = k;
        f.fail_alloc_to = k + 1;
        enum wk_status status = wk_s3_objects_open(&f.env, &config, &o, &err);
        opened = f.allocs < k;
        if (status == WK_OK)
            o->ops->close(o);
        else
            assert_int_equal(status, WK_NO_MEMORY);
        assert_int_equal(f.alive, 0);
    }
}

static int group_setup(void **state) {
    s3_group_setup(state);
    env->log->set_sink(env, take_log, NULL, WK_LOG_DEBUG);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        s3_unit_test(settings_that_cannot_work_are_refused_without_a_request),
        s3_unit_test(an_open_asks_once_and_writes_nothing),
        s3_unit_test(what_a_store_can_do_is_what_it_shows),
        s3_unit_test(a_missing_bucket_is_made_only_when_that_is_wanted),
        s3_unit_test(making_a_bucket_can_be_lost_to_others_and_can_fail),
        s3_unit_test(refused_credentials_fail_the_open),
        s3_unit_test(without_the_right_to_list_reads_are_served),
        s3_unit_test(what_is_no_s3_is_said_to_be_none),
        s3_unit_test(trouble_is_tried_three_times),
        s3_unit_test(allocations_that_fail_fail_the_open_and_leak_nothing),
    };
    return cmocka_run_group_tests(tests, group_setup, s3_group_teardown);
}
