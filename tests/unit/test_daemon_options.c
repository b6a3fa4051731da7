/* SPDX-License-Identifier: Apache-2.0 */
/* Command line, file of settings, layers, and what is printed of them. */
#include "unit/cmocka_all.h"

#include "unit/fake_env.h"

#include "config/config_file.h"
#include "config/show.h"
#include "daemon/options.h"

static struct wk_error err;
static struct wk_layers layers;
static struct wk_options options;
static struct wk_settings settings;

static int set_up(void **state) {
    (void)state;
    fake_reset();
    wk_error_clear(&err);
    memset(&options, 0, sizeof options);
    assert_int_equal(wk_layers_init(&layers, &fake_env, &err), WK_OK);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    wk_layers_destroy(&layers);
    assert_int_equal(fake.in_use_bytes, 0);
    return 0;
}

static void assert_says(const char *part) {
    if (strstr(err.text, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, err.text);
}

#define ARGS_MAX 12
static enum wk_status parse(const char *const *args) {
    char *argv[ARGS_MAX + 2] = {(char *)(uintptr_t) "wombatkv-daemon"};
    int argc = 1;
    for (; args[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
    wk_error_clear(&err);
    return wk_options_parse(argc, argv, &layers, &options, &err);
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static enum wk_status file(const char *text) {
    wk_error_clear(&err);
    return wk_config_file_parse(wk_span_text(text), WK_DAEMON_SCOPES, &layers, &err);
}

/* ---- the command line ------------------------------------------------------------------------ */

/* DMN-1 */
static void every_flag_sets_its_setting(void **state) {
    (void)state;
    fake.vars = (const struct fake_var[]){{"WMBT_KV_BUCKET", "b"}, {NULL, NULL}};
    assert_int_equal(PARSE("--tcp", "127.0.0.1:0", "--tcp=[::1]:7878", "--http", "localhost:1",
                           "--allow-unauthenticated", "--auth-file", "/a", "--tls-cert=/c",
                           "--config", "f"),
                     WK_OK);
    assert_int_equal(options.mode, WK_DAEMON_SERVE);
    assert_string_equal(options.config_path, "f");
    assert_int_equal(PARSE("--tls-key", "/k", "--tls-client-ca", "/ca", "--prefix", "p"), WK_OK);
    assert_int_equal(wk_options_settings(&layers, &settings, &err), WK_OK);
    assert_string_equal(settings.listen_tcp, "127.0.0.1:0,[::1]:7878");
    assert_string_equal(settings.listen_http, "localhost:1");
    assert_int_equal(settings.allow_unauthenticated, 1);
    assert_string_equal(settings.auth_file, "/a");
    assert_string_equal(settings.daemon_tls_cert, "/c");
    assert_string_equal(settings.daemon_tls_key, "/k");
    assert_string_equal(settings.daemon_tls_client_ca, "/ca");
    assert_string_equal(settings.shm_prefix, "p");
    assert_string_equal(settings.s3_prefix, "kv/puffer-shm");
    assert_string_equal(settings.bucket, "b");
}

/* DMN-1 */
static void modes_are_one_at_a_time(void **state) {
    (void)state;
    assert_int_equal(PARSE("--check"), WK_OK);
    assert_int_equal(options.mode, WK_DAEMON_CHECK);
    assert_int_equal(PARSE("--print-config"), WK_OK);
    assert_int_equal(options.mode, WK_DAEMON_PRINT_CONFIG);
    assert_int_equal(PARSE("--version", "--version"), WK_OK);
    assert_int_equal(options.mode, WK_DAEMON_VERSION);
    assert_int_equal(PARSE("-h"), WK_OK);
    assert_int_equal(options.mode, WK_DAEMON_HELP);
    assert_int_equal(PARSE("--check", "--help"), WK_INVALID);
}

/* DMN-1 */
static void wrong_arguments_are_named(void **state) {
    (void)state;
    assert_int_equal(PARSE("--frobnicate"), WK_INVALID);
    assert_says("unknown argument \"--frobnicate\"");
    assert_int_equal(PARSE("serve\n"), WK_INVALID);
    assert_says("\"serve\\x0a\"");
    assert_int_equal(PARSE(""), WK_INVALID);
    assert_int_equal(PARSE("--tcpx=1"), WK_INVALID);
    assert_int_equal(PARSE("--tcp"), WK_INVALID);
    assert_says("--tcp: its value is missing");
    assert_int_equal(PARSE("--tcp", ""), WK_INVALID);
    assert_int_equal(PARSE("--auth-file="), WK_INVALID);
    assert_int_equal(PARSE("--check=1"), WK_INVALID);
    assert_says("--check: it takes no value");
    assert_int_equal(PARSE("--http", "127.0.0.1"), WK_INVALID);
    assert_says("--http: \"127.0.0.1\": the port is missing");
    assert_int_equal(PARSE("--tcp", "::1:80"), WK_INVALID);
    assert_int_equal(PARSE("--tcp", "a:65536"), WK_INVALID);
    assert_int_equal(PARSE("--config", "a", "--config", "b"), WK_INVALID);
    assert_int_equal(PARSE("--tls-key", "a", "--tls-key", "b"), WK_CONFLICT);
    assert_says("WMBT_KV_DAEMON_TLS_KEY is set twice");
}

static void lists_end_at_the_limit_of_a_value(void **state) {
    (void)state;
    enum wk_status status = WK_OK;
    int count = 0;
    for (; status == WK_OK && count < 1000; count++)
        status = PARSE("--tcp", "a-name-of-some-length.example:7878");
    assert_int_equal(status, WK_TOO_LARGE);
    assert_true(count > 100);
    assert_says("WMBT_KV_TCP is longer than 4096 bytes");
}

/* ---- the file -------------------------------------------------------------------------------- */

/* DMN-3 */
static void a_file_has_keys_and_values(void **state) {
    (void)state;
    assert_int_equal(file("# comment\n; comment\n\nbucket = b1 ; why\ntcp=127.0.0.1:1, [::1]:2\r\n"
                          "daemon_connections_max : 7\nlog = debug\nhttp =\n"),
                     WK_OK);
    assert_int_equal(wk_options_settings(&layers, &settings, &err), WK_OK);
    assert_string_equal(settings.bucket, "b1");
    assert_string_equal(settings.listen_tcp, "127.0.0.1:1, [::1]:2");
    assert_int_equal(settings.connections_max, 7);
    char level[16];
    assert_int_equal(layers.view.vars->get(&layers.view, "WMBT_KV_LOG", level, sizeof level, NULL),
                     WK_OK);
    assert_string_equal(level, "debug");
}

/* DMN-3 */
static void long_values_arrive_whole(void **state) {
    (void)state;
    char text[3000] = "bucket = b\ns3_session_token = ";
    char token[2001];
    for (size_t i = 0; i < 2000; i++)
        token[i] = i % 37 == 5 ? ' ' : i % 41 == 7 ? '/' : (char)('a' + i % 26);
    token[2000] = 0;
    strcat(strcat(text, token), "\ns3_region = r\n");
    assert_int_equal(file(text), WK_OK);
    assert_int_equal(wk_options_settings(&layers, &settings, &err), WK_OK);
    assert_string_equal(settings.s3_session_token, token);
    assert_string_equal(settings.s3_region, "r");
}

/* DMN-3: no part of them becomes a value, however long they are. */
static void long_comments_are_comments(void **state) {
    (void)state;
    static const char *const forms[] = {"\n#%s\n", "\n  ; %s\n", " ; %s\n", "\n# %s"};
    static char comment[800];
    char text[1000];
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        for (size_t size = 120; size < sizeof comment; size += 67) {
            memset(comment, i % 2 == 0 ? 'c' : '-', size);
            comment[size] = 0;
            size_t at = (size_t)snprintf(text, sizeof text, "s3_prefix = kv/a");
            snprintf(text + at, sizeof text - at, forms[i], comment);
            wk_layers_destroy(&layers);
            assert_int_equal(wk_layers_init(&layers, &fake_env, &err), WK_OK);
            assert_int_equal(file(text), WK_OK);
            fake.vars = (const struct fake_var[]){{"WMBT_KV_BUCKET", "b"}, {NULL, NULL}};
            assert_int_equal(wk_options_settings(&layers, &settings, &err), WK_OK);
            assert_string_equal(settings.s3_prefix, "kv/a");
        }
    }
}

/* DMN-3 */
static void a_wrong_file_is_refused_with_its_line(void **state) {
    (void)state;
    static char no_place[400] = "\nbucket = ";
    memset(no_place + strlen(no_place), '/', 300);
    static char long_key[400];
    memset(long_key, 'k', 100);
    strcat(long_key, " = 1");
    const struct {
        const char *text;
        const char *says;
    } wrong[] = {
        {"bucket\n", "line 1 is not in the form"},
        {"\n\nbucket = b\nrubbish\n", "line 4 is not in the form"},
        {"[store]\nbucket = b\n", "line 2: section \"store\""},
        {"buket = b\n", "line 1: the daemon has no setting \"buket\""},
        {"BUCKET = b\n", "line 1: the daemon has no setting \"BUCKET\""},
        {"wmbt_kv_bucket = b\n", "no setting \"wmbt_kv_bucket\""},
        {"tcp_addr = a:1\n", "no setting \"tcp_addr\""},       /* an engine's */
        {"quiet_banner = 1\n", "no setting \"quiet_banner\""}, /* without effect */
        {"bucket = a\nbucket = b\n", "line 2: WMBT_KV_BUCKET is set twice"},
        {"bucket = a\n  b\n", "line 2: WMBT_KV_BUCKET is set twice"},
        {no_place, "line 2 is too long"},
        {long_key, "line 1: the daemon has no setting \"kkkk"},
        {"= b\n", "line 1: the daemon has no setting \"\""},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        wk_layers_destroy(&layers);
        assert_int_equal(wk_layers_init(&layers, &fake_env, &err), WK_OK);
        enum wk_status status = file(wrong[i].text);
        if (status == WK_OK)
            fail_msg("taken: %s", wrong[i].text);
        assert_says(wrong[i].says);
    }
    assert_int_equal(
        wk_config_file_parse(wk_span("bucket = a\0b", 12), WK_DAEMON_SCOPES, &layers, &err),
        WK_INVALID);
    assert_says("NUL");
}

/* Whatever stands in a file: an answer, and nothing is left behind. */
static void garbage_files_end_in_an_answer(void **state) {
    (void)state;
    static const char alphabet[] = "ab=: ;#[]\n\r\t\\\"bucket=tcp,\xff\xc3\x9f";
    uint32_t x = 7;
    for (int round = 0; round < 3000; round++) {
        char text[600];
        size_t size = (size_t)round % 599;
        for (size_t i = 0; i < size; i++) {
            x = x * 1664525 + 1013904223;
            text[i] = alphabet[(x >> 16) % (sizeof alphabet - 1)];
        }
        text[size] = 0;
        wk_error_clear(&err);
        if (file(text) != WK_OK)
            assert_true(err.length > 0);
        wk_layers_destroy(&layers);
        assert_int_equal(fake.in_use_bytes, 0);
        assert_int_equal(wk_layers_init(&layers, &fake_env, &err), WK_OK);
    }
}

/* ---- layers ---------------------------------------------------------------------------------- */

static enum wk_setting_origin origin(const char *name) {
    return wk_layers_origin(&layers, wk_setting_find(name));
}

/* DMN-2 */
static void the_nearest_source_wins(void **state) {
    (void)state;
    fake.vars = (const struct fake_var[]){{"WMBT_KV_TCP", "env:1"},
                                          {"WMBT_KV_HTTP", "env:2"},
                                          {"WMBT_KV_S3_REGION", ""},
                                          {NULL, NULL}};
    assert_int_equal(file("tcp = file:1\nhttp = file:2\nbucket = file\ns3_region = file\n"), WK_OK);
    assert_int_equal(PARSE("--tcp", "line:1"), WK_OK);
    assert_int_equal(wk_options_settings(&layers, &settings, &err), WK_OK);
    assert_string_equal(settings.listen_tcp, "line:1");
    assert_string_equal(settings.listen_http, "env:2");
    assert_string_equal(settings.bucket, "file");
    assert_string_equal(settings.s3_region, "file"); /* an empty variable is unset */
    assert_int_equal(origin("WMBT_KV_TCP"), WK_ORIGIN_COMMAND_LINE);
    assert_int_equal(origin("WMBT_KV_HTTP"), WK_ORIGIN_ENVIRONMENT);
    assert_int_equal(origin("WMBT_KV_BUCKET"), WK_ORIGIN_FILE);
    assert_int_equal(origin("WMBT_KV_S3_REGION"), WK_ORIGIN_FILE);
    assert_int_equal(origin("WMBT_KV_S3_PREFIX"), WK_ORIGIN_DEFAULT);
}

/* DMN-2 */
static void values_are_judged_the_same_from_anywhere(void **state) {
    (void)state;
    fake.vars = (const struct fake_var[]){{"WMBT_KV_NOBODY", "1"}, {NULL, NULL}};
    assert_int_equal(file("bucket = b\npuffer_ram_bytes = plenty\n"), WK_OK);
    assert_int_equal(wk_options_settings(&layers, &settings, &err), WK_OK);
    assert_non_null(strstr(fake.log, "settings.ignored name=WMBT_KV_PUFFER_RAM_BYTES"));
    assert_non_null(strstr(fake.log, "settings.unknown names=WMBT_KV_NOBODY"));
    wk_layers_destroy(&layers);
    assert_int_equal(wk_layers_init(&layers, &fake_env, &err), WK_OK);
    assert_int_equal(file("bucket = b\ndaemon_receive_bytes = 5\n"), WK_OK);
    assert_int_equal(wk_options_settings(&layers, &settings, &err), WK_INVALID);
    assert_says("WMBT_KV_DAEMON_RECEIVE_BYTES=\"5\" is not allowed");
    wk_layers_destroy(&layers);
    assert_int_equal(wk_layers_init(&layers, &fake_env, &err), WK_OK);
    assert_int_equal(wk_options_settings(&layers, &settings, &err), WK_INVALID);
    assert_says("WMBT_KV_BUCKET is required");
}

static void no_memory_is_an_answer(void **state) {
    (void)state;
    wk_layers_destroy(&layers);
    enum wk_status status = WK_NO_MEMORY;
    for (long k = 1; status == WK_NO_MEMORY; k++) {
        fake.allocations = 0;
        fake.fail_at = k;
        status = wk_layers_init(&layers, &fake_env, &err);
        if (status != WK_OK) {
            assert_int_equal(fake.in_use_bytes, 0);
            continue;
        }
        status = file("bucket = b\ntcp = a:1\n");
        if (status == WK_OK)
            status = PARSE("--tcp", "b:1", "--tcp", "c:1");
        if (status == WK_OK)
            status = wk_options_settings(&layers, &settings, &err);
        if (status == WK_NO_MEMORY)
            wk_layers_destroy(&layers);
        assert_true(k < 100);
    }
    assert_int_equal(status, WK_OK);
}

/* ---- printing -------------------------------------------------------------------------------- */

/* DMN-4 */
static void what_is_printed_is_a_file_that_means_the_same(void **state) {
    (void)state;
    static char text[256 * 1024];
    static struct wk_settings again;
    fake.vars = (const struct fake_var[]){{"WMBT_KV_S3_SECRET_KEY", "hush-hush"},
                                          {"WMBT_KV_LAYOUT_TAG", "ds4-v1"},
                                          {"WMBT_KV_PUT_ACK", "journal"},
                                          {NULL, NULL}};
    assert_int_equal(file("bucket = models\nfingerprint24 = "
                          "00112233445566778899aabbccddeeff0011223344556677\n"),
                     WK_OK);
    assert_int_equal(PARSE("--tcp", "127.0.0.1:0", "--tcp", "[::1]:0"), WK_OK);
    assert_int_equal(wk_options_settings(&layers, &settings, &err), WK_OK);
    struct wk_writer to = wk_writer(text, sizeof text - 1);
    wk_settings_write_values(&layers, WK_DAEMON_SCOPES, &settings, &to);
    assert_false(to.failed);
    text[to.at] = 0;
    assert_null(strstr(text, "hush"));
    assert_non_null(strstr(text, "\n# s3_secret_key is set ; environment\n"));
    assert_non_null(strstr(text, "\nbucket = models ; file\n"));
    assert_non_null(strstr(text, "\ntcp = 127.0.0.1:0,[::1]:0 ; command line\n"));
    assert_non_null(strstr(text, "\ns3_prefix = kv/puffer-shm ; default\n"));
    assert_non_null(strstr(text, "\nlayout_tag = ds4-v1 ; environment\n"));
    wk_layers_destroy(&layers);
    assert_int_equal(wk_layers_init(&layers, &fake_env, &err), WK_OK);
    const struct fake_var secret[] = {{"WMBT_KV_S3_SECRET_KEY", "hush-hush"}, {NULL, NULL}};
    fake.vars = secret;
    if (file(text) != WK_OK)
        fail_msg("%s", err.text);
    assert_int_equal(wk_options_settings(&layers, &again, &err), WK_OK);
    assert_memory_equal(&again, &settings, sizeof settings);
}

/* DMN-4 */
static void values_that_no_file_can_hold_are_comments(void **state) {
    (void)state;
    static char text[256 * 1024];
    fake.vars = (const struct fake_var[]){{"WMBT_KV_BUCKET", "b"},
                                          {"WMBT_KV_S3_REGION", "x\nbucket = y"},
                                          {"WMBT_KV_NAMESPACE", "a ;b"},
                                          {NULL, NULL}};
    assert_int_equal(wk_options_settings(&layers, &settings, &err), WK_OK);
    struct wk_writer to = wk_writer(text, sizeof text - 1);
    wk_settings_write_values(&layers, WK_DAEMON_SCOPES, &settings, &to);
    text[to.at] = 0;
    assert_non_null(strstr(text, "\n# s3_region is \"x\\x0abucket = y\" ; environment\n"));
    assert_non_null(strstr(text, "# namespace is \"a ;b\" ; environment\n"));
}

/* DMN-3: the sample is a file that the daemon takes. */
static void the_sample_is_a_good_file(void **state) {
    (void)state;
    static char text[64 * 1024];
    struct wk_writer to = wk_writer(text, sizeof text - 1);
    wk_settings_write_daemon_sample(&to);
    /* Every default as a line of its own; the unset ones stay comments. */
    for (size_t i = 0; i + 2 < to.at; i++) {
        char *at = text + i;
        char *line = memchr(at + 1, '\n', to.at - i - 1);
        if (at[0] == '\n' && at[1] == '#' && at[2] != ' ' && line != NULL && line[-1] != '=')
            at[1] = ' ';
    }
    for (size_t i = 0; i + 1 < to.at; i++) {
        if (text[i] == '\n' && text[i + 1] == ' ')
            memmove(text + i + 1, text + i + 2, --to.at - i - 1);
    }
    text[to.at] = 0;
    assert_non_null(strstr(text, "\ns3_prefix=kv/puffer-shm\n"));
    if (file(text) != WK_OK)
        fail_msg("%s", err.text);
    static struct wk_settings defaults;
    assert_int_equal(wk_options_settings(&layers, &settings, &err), WK_OK);
    wk_settings_defaults(&defaults);
    memcpy(defaults.s3_prefix, WK_DAEMON_S3_PREFIX, sizeof WK_DAEMON_S3_PREFIX);
    memcpy(defaults.bucket, "my-bucket", sizeof "my-bucket");
    assert_memory_equal(&defaults, &settings, sizeof settings);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(every_flag_sets_its_setting),
        T(modes_are_one_at_a_time),
        T(wrong_arguments_are_named),
        T(lists_end_at_the_limit_of_a_value),
        T(a_file_has_keys_and_values),
        T(long_values_arrive_whole),
        T(long_comments_are_comments),
        T(a_wrong_file_is_refused_with_its_line),
        T(garbage_files_end_in_an_answer),
        T(the_nearest_source_wins),
        T(values_are_judged_the_same_from_anywhere),
        T(no_memory_is_an_answer),
        T(what_is_printed_is_a_file_that_means_the_same),
        T(values_that_no_file_can_hold_are_comments),
        T(the_sample_is_a_good_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
