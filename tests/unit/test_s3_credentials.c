/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in files: their forms, their renewal, and the one repetition after a refusal. */
#include "unit/s3_store.h"

#include <sys/stat.h>

#include "env/s3/credentials.h"

static char directory[64];
static char path[96];
static char log_text[8192];
static struct wk_objects_config config;
static struct wk_s3_credentials *credentials;

static void take_log(void *ctx, enum wk_log_level level, const char *line) {
    (void)ctx;
    (void)level;
    size_t at = strlen(log_text);
    snprintf(log_text + at, sizeof log_text - at, "%s\n", line);
}

static void write_bytes(const void *bytes, size_t size) {
    char other[128];
    snprintf(other, sizeof other, "%s.new", path);
    FILE *f = fopen(other, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
    assert_int_equal(chmod(other, 0600), 0);
    assert_int_equal(rename(other, path), 0); /* a new inode each time */
}

static void write_file(const char *text) {
    write_bytes(text, strlen(text));
}

static void write_keys(const char *access, const char *secret) {
    char text[512];
    snprintf(text, sizeof text, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
             access, secret);
    write_file(text);
}

static int setup(void **state) {
    s3_test_setup(state);
    config = s3_config();
    config.credentials_file = path;
    log_text[0] = 0;
    write_keys("AKID", "one-secret");
    return 0;
}

static enum wk_status load(void) {
    wk_error_clear(&err);
    credentials = NULL;
    enum wk_status status = wk_s3_credentials_open(env, &config, &credentials, &err);
    assert_null(strstr(err.text, "secret-word"));
    return status;
}

static void assert_keys(const char *access, const char *secret, const char *token) {
    const struct wk_s3_keys *keys = wk_s3_credentials_keys(credentials);
    assert_string_equal(keys->access_key, access);
    assert_string_equal(keys->secret_key, secret);
    assert_string_equal(keys->session_token, token);
}

/* ---- forms
 * ---------------------------------------------------------------------------------------- */

/* OBJ-97 */
static void an_ini_file_is_read_as_its_writers_mean_it(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *access;
        const char *secret;
        const char *token;
    } cases[] = {
        {"[default]\naws_access_key_id=A\naws_secret_access_key=S\n", "A", "S", ""},
        {"# c\n; c\n\n[other]\naws_access_key_id=X\n[default]\r\naws_access_key_id = A \r\n"
         "aws_secret_access_key\t=\tS/+=\r\naws_session_token=T==\r\nregion = eu\r\n[x]\n"
         "aws_session_token = no\n",
         "A", "S/+=", "T=="},
        {"\xef\xbb\xbf[default]\naws_access_key_id: A\naws_secret_access_key: S", "A", "S", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(cases[i].text);
        assert_int_equal(load(), WK_OK);
        assert_keys(cases[i].access, cases[i].secret, cases[i].token);
        wk_s3_credentials_close(credentials);
    }
}

/* OBJ-97: those of temporary credentials are longer than a line of the INI library. */
static void long_tokens_arrive_whole(void **state) {
    (void)state;
    static char token[4097];
    static char text[8192];
    static const char alphabet[] = "+/=;#Aa0=;";
    for (size_t size = 1; size <= 4096; size = size * 3 + 47) {
        /* No two alike in a row, and nothing a line may not end or begin with left out. */
        for (size_t i = 0; i < size; i++)
            token[i] = alphabet[(i * 7 + i / 10) % (sizeof alphabet - 1)];
        token[0] = 'x';
        token[size] = 0;
        snprintf(text, sizeof text,
                 "[default]\naws_session_token = %s\naws_access_key_id=A\n"
                 "aws_secret_access_key=S\n",
                 token);
        write_file(text);
        assert_int_equal(load(), WK_OK);
        assert_keys("A", "S", token);
        wk_s3_credentials_close(credentials);
    }
}

/* OBJ-97: what a line of the INI library has no room for belongs to its own line. */
static void long_comments_are_comments(void **state) {
    (void)state;
    static const char *const forms[] = {"%s", " %s", "aws_secret_access_key=S %s"};
    static char comment[600];
    static char text[2048];
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        for (size_t size = 140; size < sizeof comment; size += 51) {
            comment[0] = size % 2 == 0 && i < 2 ? '#' : ';';
            memset(comment + 1, 'c', size);
            comment[size] = 0;
            size_t at = (size_t)snprintf(text, sizeof text, "[default]\naws_access_key_id=A\n");
            at += (size_t)snprintf(text + at, sizeof text - at, forms[i], comment);
            snprintf(text + at, sizeof text - at, "\n%s",
                     i == 2 ? "" : "aws_secret_access_key=S\n");
            write_file(text);
            assert_int_equal(load(), WK_OK);
            assert_keys("A", "S", "");
            wk_s3_credentials_close(credentials);
        }
    }
}

/* OBJ-97: as the tools of S3 do. */
static void the_last_of_several_values_counts(void **state) {
    (void)state;
    write_file("[default]\naws_access_key_id=OLD\naws_secret_access_key=S\n"
               "[other]\naws_access_key_id=X\n[default]\naws_access_key_id=NEW\n");
    assert_int_equal(load(), WK_OK);
    assert_keys("NEW", "S", "");
    wk_s3_credentials_close(credentials);
}

/* OBJ-97 SET-8 */
static void files_that_do_not_say_it_are_refused(void **state) {
    (void)state;
    static char large[70000];
    memset(large, '#', sizeof large - 1);
    static char longer[1200] = "[default]\naws_access_key_id=A\naws_secret_access_key=";
    memset(longer + strlen(longer), 'a', 1026);
    const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"", "[default] needs"},
        {"[default]\naws_access_key_id=A\n", "[default] needs"},
        {"aws_access_key_id=A\naws_secret_access_key=secret-word\n", "[default] needs"},
        {"[default]\naws_access_key_id=A\nsecret-word\naws_secret_access_key=S\n", "form"},
        {"[default]\naws_access_key_id=A b\naws_secret_access_key=secret-word\n", "printable"},
        {large, "65536"},
        {longer, "too long"},
        {"[default]\naws_access_key_id=minioadmin\naws_secret_access_key=minioadmin\n",
         "default MinIO credentials"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(cases[i].text);
        assert_int_not_equal(load(), WK_OK);
        assert_contains(err.text, cases[i].says);
        assert_contains(err.text, "WMBT_KV_S3_CREDENTIALS_FILE=\"");
        assert_contains(err.text, path);
    }
    write_bytes("[default]\naws_access_key_id=A\0\naws_secret_access_key=S\n", 54);
    assert_int_equal(load(), WK_INVALID);
    config.local_dev = true;
    write_keys("minioadmin", "minioadmin");
    assert_int_equal(load(), WK_OK);
    wk_s3_credentials_close(credentials);
}

/* OBJ-97 */
static void paths_that_are_none_are_refused(void **state) {
    (void)state;
    char link_path[128];
    static const char *const paths[] = {"keys", "/", "/nowhere/keys", "/etc/", "/etc"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        config.credentials_file = paths[i];
        assert_int_not_equal(load(), WK_OK);
        assert_contains(err.text, "WMBT_KV_S3_CREDENTIALS_FILE");
    }
    snprintf(link_path, sizeof link_path, "%s/link", directory);
    assert_int_equal(symlink(path, link_path), 0);
    config.credentials_file = link_path;
    assert_int_not_equal(load(), WK_OK);
    assert_contains(err.text, "link");
    unlink(link_path);
    config.credentials_file = path;
    config.secret_key_file = path;
    assert_int_equal(load(), WK_INVALID);
    assert_contains(err.text, "both set");
}

/* OBJ-97 */
static void a_secret_may_have_a_file_of_its_own(void **state) {
    (void)state;
    config.credentials_file = NULL;
    config.secret_key_file = path;
    config.session_token = "T";
    write_file("  s3cr3t/+=\r\n\n");
    assert_int_equal(load(), WK_OK);
    assert_keys("AKID", "s3cr3t/+=", "T");
    wk_s3_credentials_close(credentials);
    static const char *const wrong[] = {"", "\n", "a\nb\n", "a b"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_file(wrong[i]);
        assert_int_equal(load(), WK_INVALID);
        assert_contains(err.text, "WMBT_KV_S3_SECRET_KEY_FILE=\"");
    }
}

/* OBJ-97 */
static void a_file_for_everybody_is_a_warning(void **state) {
    (void)state;
    assert_int_equal(load(), WK_OK);
    wk_s3_credentials_close(credentials);
    assert_string_equal(log_text, "");
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(load(), WK_OK);
    wk_s3_credentials_close(credentials);
    assert_contains(log_text, "s3.credentials_readable_by_others");
}

/* ---- renewal
 * -------------------------------------------------------------------------------------- */

/* A clock that stands where the test puts it. */
static uint64_t now_ns;
static uint64_t stopped_clock(struct wk_env *e) {
    (void)e;
    return now_ns;
}

/* OBJ-97 */
static void a_changed_file_is_seen_within_a_second(void **state) {
    (void)state;
    struct faulty f;
    faulty_init(&f);
    f.clock.monotonic_ns = stopped_clock;
    now_ns = 10 * WK_NS_PER_S;
    assert_int_equal(wk_s3_credentials_open(&f.env, &config, &credentials, &err), WK_OK);
    write_keys("AKID", "two-secret");
    now_ns += WK_NS_PER_S - 1;
    assert_keys("AKID", "one-secret", "");
    assert_int_equal(wk_s3_credentials_generation(credentials), 1);
    now_ns += 1;
    assert_keys("AKID", "two-secret", "");
    assert_int_equal(wk_s3_credentials_generation(credentials), 2);
    assert_contains(log_text, "s3.credentials_renewed");
    assert_null(strstr(log_text, "two-secret"));
    /* What cannot be read leaves the keys, says so once, and is tried again when it changes. */
    log_text[0] = 0;
    write_file("[default]\n");
    now_ns += WK_NS_PER_S;
    assert_keys("AKID", "two-secret", "");
    now_ns += WK_NS_PER_S;
    assert_keys("AKID", "two-secret", "");
    const char *first = strstr(log_text, "s3.credentials_unreadable");
    assert_non_null(first);
    assert_null(strstr(first + 1, "s3.credentials_unreadable"));
    unlink(path);
    now_ns += WK_NS_PER_S;
    assert_keys("AKID", "two-secret", "");
    write_keys("AKID3", "three-secret");
    now_ns += WK_NS_PER_S;
    assert_keys("AKID3", "three-secret", "");
    wk_s3_credentials_close(credentials);
    assert_int_equal(f.alive, 0);
}

/* OBJ-98 */
static void a_refused_request_goes_again_once_with_the_new_keys(void **state) {
    (void)state;
    static const struct {
        unsigned status;
        const char *code;
    } cases[] = {{403, "ExpiredToken"},          {400, "ExpiredToken"}, {403, "InvalidAccessKeyId"},
                 {403, "SignatureDoesNotMatch"}, {403, "AccessDenied"}, {401, "Unauthorized"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char access[32];
        write_keys("AKID", "one-secret");
        struct wk_objects *o = s3_open_with(&config, "MinIO");
        snprintf(access, sizeof access, "NEWKEY%zu", i);
        write_keys(access, "two-secret");
        server_say_error(&server, cases[i].status, cases[i].code, "m");
        server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_int_equal(put(o, "k", "the body").class, WK_OBJECT_OK);
        assert_int_equal(server_requests(&server), 2);
        assert_contains(server_request(&server, 0)->head, "Credential=AKID/");
        assert_contains(server_request(&server, 1)->head, access);
        assert_string_equal(server_request(&server, 1)->body, "the body");
        /* The new keys are not accepted either: once is enough. */
        server_forget(&server);
        write_keys("LAST", "three-secret");
        server_say_error(&server, cases[i].status, cases[i].code, "m");
        server_say_error(&server, cases[i].status, cases[i].code, "m");
        assert_int_equal(put(o, "k", "x").class, WK_OBJECT_DENIED);
        assert_int_equal(server_requests(&server), 2);
        /* Nothing new in the file: nothing goes again. */
        server_forget(&server);
        server_say_error(&server, cases[i].status, cases[i].code, "m");
        assert_int_equal(put(o, "k", "x").class, WK_OBJECT_DENIED);
        assert_int_equal(server_requests(&server), 1);
        o->ops->close(o);
    }
}

/* OBJ-98 */
static void a_get_that_was_refused_delivers_once(void **state) {
    (void)state;
    struct wk_objects *o = s3_open_with(&config, "MinIO");
    write_keys("AKID", "two-secret");
    server_say_error(&server, 403, "ExpiredToken", "m");
    server_say(&server, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    assert_true(holds(o, "k", "hello"));
    /* Many at once: each goes again at most once, and none with the old keys when it does. */
    server_forget(&server);
    write_keys("AKIDX", "three-secret");
    struct wk_object_request requests[8];
    struct wk_object_result results[8];
    for (size_t i = 0; i < 8; i++) {
        requests[i] = (struct wk_object_request){.verb = WK_OBJECT_DELETE, .key = "k"};
        server_say_error(&server, 403, "ExpiredToken", "m");
    }
    for (size_t i = 0; i < 8; i++)
        server_say(&server, "HTTP/1.1 204 N\r\n\r\n");
    o->ops->batch(o, requests, results, 8, 8, WK_FOREVER, NULL);
    size_t good = 0;
    for (size_t i = 0; i < 8; i++)
        good += results[i].class == WK_OBJECT_OK;
    assert_true(good >= 1);
    for (size_t i = 8; i < server_requests(&server); i++)
        assert_contains(server_request(&server, i)->head, "Credential=AKIDX/");
    o->ops->close(o);
}

/* OBJ-98: an open is a request as well. */
static void without_a_file_nothing_goes_again(void **state) {
    (void)state;
    struct wk_objects_config plain = s3_config();
    struct wk_objects *o = s3_open_with(&plain, "x");
    server_say_error(&server, 403, "ExpiredToken", "m");
    assert_int_equal(put(o, "k", "x").class, WK_OBJECT_DENIED);
    assert_int_equal(server_requests(&server), 1);
    o->ops->close(o);
}

static int group_setup(void **state) {
    s3_group_setup(state);
    env->log->set_sink(env, take_log, NULL, WK_LOG_DEBUG);
    snprintf(directory, sizeof directory, "/tmp/wk-test-s3-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/credentials", directory);
    return 0;
}

static int group_teardown(void **state) {
    unlink(path);
    rmdir(directory);
    return s3_group_teardown(state);
}

#define ours(f) cmocka_unit_test_setup(f, setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        ours(an_ini_file_is_read_as_its_writers_mean_it),
        ours(long_tokens_arrive_whole),
        ours(long_comments_are_comments),
        ours(the_last_of_several_values_counts),
        ours(files_that_do_not_say_it_are_refused),
        ours(paths_that_are_none_are_refused),
        ours(a_secret_may_have_a_file_of_its_own),
        ours(a_file_for_everybody_is_a_warning),
        ours(a_changed_file_is_seen_within_a_second),
        ours(a_refused_request_goes_again_once_with_the_new_keys),
        ours(a_get_that_was_refused_delivers_once),
        ours(without_a_file_nothing_goes_again),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
