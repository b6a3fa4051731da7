/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include "config/endpoint.h"
#include "config/settings.h"
#include "unit/fake_env.h"

static const uint32_t all_scopes = WK_SCOPE_ALL | WK_SCOPE_EMBEDDED | WK_SCOPE_OBJECTS;
static struct wk_settings settings;
static struct wk_error err;

/* Reads these on top of the defaults. */
static enum wk_status read_vars(const struct fake_var *vars, uint32_t scopes) {
    fake_reset();
    fake.vars = vars;
    wk_error_clear(&err);
    wk_settings_defaults(&settings);
    enum wk_status status = wk_settings_read(&fake_env, scopes, &settings, &err);
    assert_int_equal(fake.in_use_bytes, 0);
    return status;
}

static void assert_contains(const char *text, const char *part) {
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static void defaults_are_those_of_the_reference(void **state) {
    (void)state;
    const struct fake_var vars[] = {{"WMBT_KV_BUCKET", "b"}, {NULL, NULL}};
    assert_int_equal(read_vars(vars, all_scopes), WK_OK);
    assert_string_equal(settings.namespace_, "default");
    assert_string_equal(settings.bucket, "b");
    assert_string_equal(settings.s3_endpoint, "http://127.0.0.1:9000");
    assert_string_equal(settings.s3_access_key, "minioadmin");
    assert_string_equal(settings.s3_secret_key, "minioadmin");
    assert_string_equal(settings.s3_region, "us-east-1");
    assert_string_equal(settings.s3_prefix, "kv/cabi");
    assert_int_equal(settings.s3_get_retries, 2);
    assert_int_equal(settings.s3_retry_backoff_ms, 50);
    assert_int_equal(settings.s3_runtime_threads, 8);
    assert_int_equal(settings.ram_bytes, 1ull << 30);
    assert_int_equal(settings.compress, WK_COMPRESS_ZSTD);
    assert_int_equal(settings.compress_level, 3);
    assert_int_equal(settings.local_dev, WK_LOCAL_DEV_AUTO);
    assert_int_equal(settings.tail_fresh_ms, 1000);
    assert_int_equal(settings.lookup_probe_ms, 20);
    assert_string_equal(fake.log, "");
}

/* SET-1 */
static void empty_counts_as_unset(void **state) {
    (void)state;
    const struct fake_var vars[] = {{"WMBT_KV_BUCKET", "b"},   {"WMBT_KV_S3_REGION", ""},
                                    {"WMBT_KV_NAMESPACE", ""}, {"WMBT_KV_S3_GET_RETRIES", ""},
                                    {"WMBT_KV_PUT_ACK", ""},   {NULL, NULL}};
    assert_int_equal(read_vars(vars, all_scopes), WK_OK);
    assert_string_equal(settings.s3_region, "us-east-1");
    assert_string_equal(settings.namespace_, "default");
    assert_int_equal(settings.s3_get_retries, 2);
    const struct fake_var no_bucket[] = {{"WMBT_KV_BUCKET", ""}, {NULL, NULL}};
    assert_int_equal(read_vars(no_bucket, all_scopes), WK_INVALID);
    assert_contains(err.text, "WMBT_KV_BUCKET is required");
}

/* SET-2 */
static void garbage_in_a_known_variable_warns_and_takes_the_default(void **state) {
    (void)state;
    static const char *const names[] = {"WMBT_KV_S3_RUNTIME_THREADS", "WMBT_KV_PUFFER_RAM_BYTES",
                                        "WMBT_KV_BLOCK_COMPRESS", "WMBT_KV_BLOCK_COMPRESS_LEVEL",
                                        "WMBT_KV_FINGERPRINT24"};
    static const char *const garbage[] = {"x", "-1", " 3", "99999999999999999999", "lz4"};
    struct wk_settings defaults;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t k = 0; k < sizeof garbage / sizeof garbage[0]; k++) {
            const struct fake_var vars[] = {
                {"WMBT_KV_BUCKET", "b"}, {names[i], garbage[k]}, {NULL, NULL}};
            assert_int_equal(read_vars(vars, all_scopes), WK_OK);
            wk_settings_defaults(&defaults);
            strcpy(defaults.bucket, "b");
            assert_memory_equal(&settings, &defaults, sizeof settings);
            assert_contains(fake.log, "2 settings.ignored name=");
            assert_contains(fake.log, names[i]);
            assert_contains(fake.log, "allowed:");
        }
    }
}

/* SET-2 */
static void a_known_number_out_of_range_becomes_the_nearest(void **state) {
    (void)state;
    const struct fake_var vars[] = {{"WMBT_KV_BUCKET", "b"},
                                    {"WMBT_KV_S3_RUNTIME_THREADS", "0"},
                                    {"WMBT_KV_BLOCK_COMPRESS_LEVEL", "99"},
                                    {NULL, NULL}};
    assert_int_equal(read_vars(vars, all_scopes), WK_OK);
    assert_int_equal(settings.s3_runtime_threads, 1);
    assert_int_equal(settings.compress_level, 22);
    const struct fake_var no_ram[] = {
        {"WMBT_KV_BUCKET", "b"}, {"WMBT_KV_PUFFER_RAM_BYTES", "0"}, {NULL, NULL}};
    assert_int_equal(read_vars(no_ram, all_scopes), WK_INVALID);
    assert_contains(err.text, "WMBT_KV_PUFFER_RAM_BYTES=\"0\"");
}

/* SET-2 */
static void garbage_in_the_retry_numbers_and_in_our_own_variables_fails(void **state) {
    (void)state;
    static const char *const names[] = {
        "WMBT_KV_S3_GET_RETRIES",  "WMBT_KV_S3_RETRY_BACKOFF_MS",
        "WMBT_KV_PUT_ACK",         "WMBT_KV_TAIL_FRESH_MS",
        "WMBT_KV_LOOKUP_PROBE_MS", "WMBT_KV_LOOKUP_PROBE_TTL_MS",
        "WMBT_KV_INDEX_NODES_MAX", "WMBT_KV_PARALLEL",
        "WMBT_KV_LAYOUT_TAG",      "WMBT_KV_SCRUB_INTERVAL_MS",
        "WMBT_KV_S3_ADDRESSING",   "WMBT_KV_S3_CREATE_BUCKET",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct fake_var vars[] = {
            {"WMBT_KV_BUCKET", "b"}, {names[i], "garbage\n of seventeen"}, {NULL, NULL}};
        assert_int_equal(read_vars(vars, all_scopes), WK_INVALID);
        assert_contains(err.text, names[i]);
        assert_contains(err.text, "\"garbage\\x0a of seventeen\"");
        assert_contains(err.text, "allowed: ");
    }
    const struct fake_var many[] = {
        {"WMBT_KV_BUCKET", "b"}, {"WMBT_KV_PARALLEL", "65"}, {NULL, NULL}};
    assert_int_equal(read_vars(many, all_scopes), WK_INVALID);
    assert_contains(err.text, "from 1 to 64");
}

static void the_bucket_is_missed_before_the_retry_numbers_are_read(void **state) {
    (void)state;
    const struct fake_var vars[] = {{"WMBT_KV_S3_GET_RETRIES", "x"}, {NULL, NULL}};
    assert_int_equal(read_vars(vars, all_scopes), WK_INVALID);
    assert_contains(err.text, "WMBT_KV_BUCKET is required");
}

static void texts_are_checked_for_length_and_utf8(void **state) {
    (void)state;
    static char longer[WK_VAR_BYTES_MAX + 2];
    memset(longer, 'a', sizeof longer - 1);
    const struct fake_var huge[] = {
        {"WMBT_KV_BUCKET", "b"}, {"WMBT_KV_S3_PREFIX", longer}, {NULL, NULL}};
    assert_int_equal(read_vars(huge, all_scopes), WK_TOO_LARGE);
    assert_contains(err.text, "WMBT_KV_S3_PREFIX is longer than 4096 bytes");
    longer[WK_S3_PREFIX_BYTES_MAX + 1] = 0;
    assert_int_equal(read_vars(huge, all_scopes), WK_TOO_LARGE);
    assert_contains(err.text, "WMBT_KV_S3_PREFIX=\"aaa");
    assert_contains(err.text, "at most 256 bytes");
    longer[WK_S3_PREFIX_BYTES_MAX] = 0;
    assert_int_equal(read_vars(huge, all_scopes), WK_OK);
    assert_string_equal(settings.s3_prefix, longer);
    const struct fake_var bad[] = {
        {"WMBT_KV_BUCKET", "b"}, {"WMBT_KV_NAMESPACE", "a\xff"}, {NULL, NULL}};
    assert_int_equal(read_vars(bad, all_scopes), WK_INVALID);
    assert_contains(err.text, "WMBT_KV_NAMESPACE=\"a\\xff\"");
}

/* SET-8 */
static void a_secret_is_not_shown(void **state) {
    (void)state;
    static const char *const names[] = {"WMBT_KV_S3_SECRET_KEY", "WMBT_KV_S3_SESSION_TOKEN",
                                        "WMBT_KV_S3_PROXY"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct fake_var vars[] = {
            {"WMBT_KV_BUCKET", "b"}, {names[i], "hunter2\xff"}, {NULL, NULL}};
        assert_int_equal(read_vars(vars, all_scopes), WK_INVALID);
        assert_contains(err.text, names[i]);
        assert_contains(err.text, "=(secret)");
        assert_null(strstr(err.text, "hunter2"));
        assert_null(strstr(fake.log, "hunter2"));
    }
    memset(settings.s3_secret_key, 'x', 10);
    wk_settings_wipe(&settings);
    struct wk_settings zero;
    memset(&zero, 0, sizeof zero);
    assert_memory_equal(&settings, &zero, sizeof zero);
}

static void choices_and_bytes_are_parsed(void **state) {
    (void)state;
    const struct fake_var vars[] = {
        {"WMBT_KV_BUCKET", "b"},
        {"WMBT_KV_BLOCK_COMPRESS", "none"},
        {"WMBT_KV_PUT_ACK", "journal"},
        {"WMBT_KV_LOCAL_DEV", "TRUE"},
        {"WMBT_KV_FINGERPRINT24", "000102030405060708090a0b0c0d0e0f1011121314151617"},
        {"WMBT_KV_LAYOUT_TAG", "ds4-v1"},
        {NULL, NULL}};
    assert_int_equal(read_vars(vars, all_scopes), WK_OK);
    assert_int_equal(settings.compress, WK_COMPRESS_OFF);
    assert_int_equal(settings.put_ack, WK_PUT_ACK_JOURNAL);
    assert_int_equal(settings.local_dev, WK_LOCAL_DEV_ON);
    for (uint8_t i = 0; i < sizeof settings.model_digest; i++)
        assert_int_equal(settings.model_digest[i], i);
    assert_memory_equal(settings.layout_tag, "ds4-v1\0\0\0\0\0\0\0\0\0", 16);
    const struct fake_var off[] = {
        {"WMBT_KV_BUCKET", "b"}, {"WMBT_KV_LOCAL_DEV", "0"}, {NULL, NULL}};
    assert_int_equal(read_vars(off, all_scopes), WK_OK);
    assert_int_equal(settings.local_dev, WK_LOCAL_DEV_OFF);
    assert_string_equal(fake.log, "");
}

/* SET-4 */
static void nothing_but_our_names_is_in_the_table(void **state) {
    (void)state;
    for (size_t i = 0; i < wk_settings_count; i++) {
        assert_memory_equal(wk_settings_table[i].name, "WMBT_KV_", 8);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(wk_settings_table[i].name, wk_settings_table[k].name);
        assert_true(strlen(wk_settings_table[i].text) > 0);
    }
}

/* SET-3 */
static void strays_are_one_event_of_each_kind(void **state) {
    (void)state;
    const struct fake_var vars[] = {{"WMBT_KV_BUKET", "b"},        {"WMBT_KV_BUCKET", "b"},
                                    {"WMBT_KV_NEW", "1"},          {"WMBT_KV_QUIET_BANNER", "1"},
                                    {"WMBT_KV_TEST_S3_HOST", "1"}, {"WMBT_KV_LOG", "info"},
                                    {"AWS_REGION", "x"},           {NULL, NULL}};
    fake_reset();
    fake.vars = vars;
    wk_settings_report_strays(&fake_env);
    assert_string_equal(fake.log, "2 settings.unknown names=WMBT_KV_BUKET WMBT_KV_NEW\n"
                                  "3 settings.unused names=WMBT_KV_QUIET_BANNER\n");
}

static void a_flood_of_unknown_names_is_cut(void **state) {
    (void)state;
    static struct fake_var vars[101];
    static char names[100][40];
    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof names[i], "WMBT_KV_UNKNOWN_NUMBER_%d", i);
        vars[i] = (struct fake_var){names[i], "1"};
    }
    fake_reset();
    fake.vars = vars;
    wk_settings_report_strays(&fake_env);
    assert_true(strlen(fake.log) < 600);
}

static void reading_without_memory_fails(void **state) {
    (void)state;
    fake_reset();
    fake.fail_at = 1;
    wk_settings_defaults(&settings);
    assert_int_equal(wk_settings_read(&fake_env, all_scopes, &settings, &err), WK_NO_MEMORY);
}

/* ---- generated pages ---- */

static void assert_file_is(const char *path, const struct wk_writer *expected) {
    static char text[64 * 1024];
    assert_false(expected->failed);
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s is not there; run it from the root of the repository", path);
    size_t size = fread(text, 1, sizeof text, file);
    fclose(file);
    if (size != expected->at || memcmp(text, expected->data, size) != 0)
        fail_msg("%s differs from src/config/settings.def: run make docs", path);
}

/* SET-9 */
static void the_pages_are_what_the_table_prints(void **state) {
    (void)state;
    static char text[64 * 1024];
    struct wk_writer to = wk_writer(text, sizeof text);
    wk_settings_write_page(&to);
    assert_file_is("specs/0008-settings.md", &to);
    to = wk_writer(text, sizeof text);
    wk_settings_write_sample(&to);
    assert_file_is("examples/wombatkv.env.sample", &to);
    to = wk_writer(text, sizeof text);
    wk_settings_write_daemon_sample(&to);
    assert_file_is("examples/wombatkv-daemon.conf", &to);
}

/* ---- endpoints ---- */

static enum wk_status parse(const char *text, struct wk_endpoint *out) {
    wk_error_clear(&err);
    return wk_endpoint_parse(wk_span_text(text), out, &err);
}

static void endpoints_are_split(void **state) {
    (void)state;
    struct wk_endpoint e;
    assert_int_equal(parse("file:///var/kv", &e), WK_OK);
    assert_int_equal(e.kind, WK_ENDPOINT_FILE);
    assert_true(wk_span_equal(e.path, wk_span_text("/var/kv")));
    assert_int_equal(parse("HTTP://Example.com", &e), WK_OK);
    assert_int_equal(e.kind, WK_ENDPOINT_HTTP);
    assert_string_equal(e.at.host, "Example.com");
    assert_int_equal(e.at.port, 80);
    assert_int_equal(parse("https://s3.example.com/", &e), WK_OK);
    assert_int_equal(e.kind, WK_ENDPOINT_HTTPS);
    assert_int_equal(e.at.port, 443);
    assert_int_equal(parse("http://[fe80::1]:9000", &e), WK_OK);
    assert_string_equal(e.at.host, "fe80::1");
    assert_true(e.at.is_ipv6);
    assert_int_equal(e.at.port, 9000);
    assert_int_equal(parse("http://a:65535", &e), WK_OK);
    assert_int_equal(e.at.port, 65535);
}

static void wrong_endpoints_are_refused_with_their_reason(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } wrong[] = {
        {"", "expected http"},
        {"127.0.0.1:9000", "expected http"},
        {"s3://bucket", "expected http"},
        {"file://relative/dir", "must be absolute"},
        {"file://", "must be absolute"},
        {"file:dir", "expected http"},
        {"http://", "host is missing"},
        {"http://:80", "host is missing"},
        {"http://a:", "not a number"},
        {"http://a:0", "not a number"},
        {"http://a:65536", "not a number"},
        {"http://a:1x", "not a number"},
        {"http://user:pw@host", "WMBT_KV_S3_SECRET_KEY"},
        {"http://user@host", "WMBT_KV_S3_SECRET_KEY"},
        {"s3://user:pw@bucket", "WMBT_KV_S3_SECRET_KEY"},
        {"http://::1", "host is missing"},
        {"http://[::1", "not closed"},
        {"http://[::g]", "no IPv6"},
        {"http://[127.0.0.1]", "no IPv6"},
        {"http://[::1]x", "not a number"},
        {"http://a/path", "a path after the host"},
        {"http://a?x", "letters, digits"},
        {"http://a b", "letters, digits"},
    };
    struct wk_endpoint e;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(parse(wrong[i].text, &e), WK_INVALID);
        assert_contains(err.text, wrong[i].why);
        assert_null(strstr(err.text, "pw")); /* SET-8 */
    }
    static char long_host[400] = "http://";
    memset(long_host + 7, 'a', 254);
    assert_int_equal(parse(long_host, &e), WK_INVALID);
    assert_contains(err.text, "longer than 253");
    long_host[7 + 253] = 0;
    assert_int_equal(parse(long_host, &e), WK_OK);
}

static void addresses_need_host_and_port(void **state) {
    (void)state;
    struct wk_host_port at;
    assert_int_equal(wk_host_port_parse(wk_span_text("10.0.0.1:7878"), &at, &err), WK_OK);
    assert_string_equal(at.host, "10.0.0.1");
    assert_int_equal(at.port, 7878);
    assert_int_equal(wk_host_port_parse(wk_span_text("[::1]:80"), &at, &err), WK_OK);
    assert_string_equal(at.host, "::1");
    assert_int_equal(wk_host_port_parse(wk_span_text("host"), &at, &err), WK_INVALID);
    assert_contains(err.text, "the port is missing");
    assert_string_equal(at.host, "::1"); /* unchanged */
}

/* SET-7 */
static void loopback_is_what_the_host_is(void **state) {
    (void)state;
    static const struct {
        const char *endpoint;
        bool loopback;
    } cases[] = {
        {"http://127.0.0.1:9000", true},
        {"http://127.255.255.255", true},
        {"http://LocalHost:9000", true},
        {"http://[::1]:9000", true},
        {"http://[0:0:0:0:0:0:0:1]", true},
        {"http://[0000::0001]", true},
        {"http://[::ffff:127.0.0.1]", true},
        {"http://[::ffff:7f01:2]", true},
        {"http://127.0.0.1.evil.example", false},
        {"http://localhost.evil.example", false},
        {"http://notlocalhost", false},
        {"http://host.docker.internal", false},
        {"http://0.0.0.0:9000", false},
        {"http://127.1", false},
        {"http://0127.0.0.1", false},
        {"http://128.0.0.1", false},
        {"http://10.127.0.0", false},
        {"http://[::2]", false},
        {"http://[::]", false},
        {"http://[1::1]", false},
        {"http://[::ffff:10.0.0.1]", false},
        {"http://[::1:127.0.0.1]", false},
        {"http://[1:2:3:4:5:6:7:8]", false},
    };
    struct wk_endpoint e;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].endpoint, &e), WK_OK);
        if (wk_host_is_loopback(&e.at) != cases[i].loopback)
            fail_msg("%s", cases[i].endpoint);
    }
}

static void malformed_ipv6_is_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        ":",
        ":::",
        "1::2::3",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "12345::",
        "::1.2.3",
        "::1.2.3.4.5",
        "1.2.3.4::",
        "::1:",
        "1:2:3:4:5:6:7:8::",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::256.0.0.1",
        "::%lo",
    };
    char text[64];
    struct wk_host_port at;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(text, sizeof text, "[%s]:80", wrong[i]);
        if (wk_host_port_parse(wk_span_text(text), &at, &err) != WK_INVALID)
            fail_msg("%s", text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_reference),
        cmocka_unit_test(empty_counts_as_unset),
        cmocka_unit_test(garbage_in_a_known_variable_warns_and_takes_the_default),
        cmocka_unit_test(a_known_number_out_of_range_becomes_the_nearest),
        cmocka_unit_test(garbage_in_the_retry_numbers_and_in_our_own_variables_fails),
        cmocka_unit_test(the_bucket_is_missed_before_the_retry_numbers_are_read),
        cmocka_unit_test(texts_are_checked_for_length_and_utf8),
        cmocka_unit_test(a_secret_is_not_shown),
        cmocka_unit_test(choices_and_bytes_are_parsed),
        cmocka_unit_test(nothing_but_our_names_is_in_the_table),
        cmocka_unit_test(strays_are_one_event_of_each_kind),
        cmocka_unit_test(a_flood_of_unknown_names_is_cut),
        cmocka_unit_test(reading_without_memory_fails),
        cmocka_unit_test(the_pages_are_what_the_table_prints),
        cmocka_unit_test(endpoints_are_split),
        cmocka_unit_test(wrong_endpoints_are_refused_with_their_reason),
        cmocka_unit_test(addresses_need_host_and_port),
        cmocka_unit_test(loopback_is_what_the_host_is),
        cmocka_unit_test(malformed_ipv6_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
