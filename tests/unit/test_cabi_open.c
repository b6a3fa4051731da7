/* SPDX-License-Identifier: Apache-2.0 */
/* From settings to a backend: which one, with what, and the texts of every refusal. */
#include "unit/cmocka_all.h"

#include "cabi/handle.h"
#include "env/callbacks/callbacks.h"
#include "unit/fake_store.h"

static struct wk_objects objects;
static struct wk_objects_callbacks callbacks_seen;
static struct {
    bool callbacks;
    char endpoint[300];
    char bucket[300];
    char region[100];
    char access_key[100];
    char secret_key[100];
    char more[300]; /* the texts and switches for S3 alone, in the order of the struct */
    uint32_t threads;
    enum wk_status answer;
} seen;

static void keep(char *to, size_t size, const char *text) {
    snprintf(to, size, "%s", text == NULL ? "(null)" : text);
}

static enum wk_status see_objects(struct wk_env *env, const struct wk_objects_config *config,
                                  struct wk_objects **out, struct wk_error *err) {
    (void)env;
    if (seen.answer != WK_OK)
        return wk_fail(err, seen.answer, "the objects do not open");
    seen.callbacks = config->callbacks != NULL;
    if (seen.callbacks)
        callbacks_seen = *config->callbacks;
    keep(seen.endpoint, sizeof seen.endpoint, config->endpoint);
    keep(seen.bucket, sizeof seen.bucket, config->bucket);
    keep(seen.region, sizeof seen.region, config->region);
    keep(seen.access_key, sizeof seen.access_key, config->access_key);
    keep(seen.secret_key, sizeof seen.secret_key, config->secret_key);
    snprintf(seen.more, sizeof seen.more, "%s %s %s %s %s %s %d%d%d",
             config->prefix == NULL ? "" : config->prefix, config->session_token,
             config->credentials_file, config->secret_key_file, config->ca_file, config->proxy,
             config->virtual_host, config->local_dev, config->create_bucket);
    seen.threads = config->threads;
    *out = &objects;
    return WK_OK;
}

static int reset(void **state) {
    (void)state;
    fake_reset();
    fake_store_reset();
    memset(&seen, 0, sizeof seen);
    fake.objects_open = see_objects;
    return 0;
}

static int check_leaks(void **state) {
    (void)state;
    fake_reset();
    fake_store_reset();
    assert_int_equal(fake.in_use_bytes, 0);
    return 0;
}

/* Opens with these variables; the text of the refusal, or NULL when it opened. */
static const char *open_with(const struct fake_var *vars) {
    fake.vars = vars;
    fake.log[0] = 0;
    wmbt_kv_handle_t *handle = wmbt_kv_init_from_env();
    if (handle == NULL) {
        assert_non_null(wmbt_kv_last_error());
        return wmbt_kv_last_error();
    }
    assert_null(wmbt_kv_last_error());
    wmbt_kv_free(handle);
    assert_false(fake_store.open);
    return NULL;
}

static void assert_says(const char *text, const char *part) {
    if (text == NULL || strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, text == NULL ? "(opened)" : text);
}

/* SET-6 */
static void a_directory_needs_only_a_bucket(void **state) {
    (void)state;
    const struct fake_var vars[] = {
        {"WMBT_KV_BUCKET", "b"}, {"WMBT_KV_S3_ENDPOINT", "file:///var/kv"}, {NULL, NULL}};
    assert_null(open_with(vars));
    assert_string_equal(seen.endpoint, "file:///var/kv");
    assert_string_equal(seen.bucket, "b");
    assert_int_equal(seen.threads, 8);
    assert_false(seen.callbacks);
    assert_string_equal(fake_store.prefix, "kv/cabi");
    assert_string_equal(fake_store.ns, "default");
    assert_int_equal(fake_store.config.ram_bytes, 1ull << 30);
    assert_int_equal(fake_store.config.compress_level, 3);
    assert_int_equal(fake_store.config.parallel, 16);
    assert_int_equal(fake_store.config.retries, 2);
    assert_int_equal(fake_store.config.retry_backoff_ns, 50 * WK_NS_PER_MS);
    assert_int_equal(fake_store.config.tail_fresh_ns, WK_NS_PER_S);
    assert_int_equal(fake_store.config.lookup_probe_ns, 20 * WK_NS_PER_MS);
    assert_ptr_equal(fake_store.config.objects, &objects);
    assert_says(fake.log, "3 open.embedded endpoint=file:///var/kv bucket=b prefix=kv/cabi");
    const struct fake_var relative[] = {
        {"WMBT_KV_BUCKET", "b"}, {"WMBT_KV_S3_ENDPOINT", "file://var/kv"}, {NULL, NULL}};
    assert_says(open_with(relative), "must be absolute");
    assert_says(wmbt_kv_last_error(), "WMBT_KV_S3_ENDPOINT");
    const struct fake_var no_bucket[] = {{"WMBT_KV_S3_ENDPOINT", "file:///var/kv"}, {NULL, NULL}};
    assert_says(open_with(no_bucket), "WMBT_KV_BUCKET is required");
}

static void settings_reach_the_store(void **state) {
    (void)state;
    const struct fake_var vars[] = {
        {"WMBT_KV_BUCKET", "b"},
        {"WMBT_KV_S3_ENDPOINT", "file:///var/kv"},
        {"WMBT_KV_BLOCK_COMPRESS", "off"},
        {"WMBT_KV_PUT_ACK", "journal"},
        {"WMBT_KV_NAMESPACE", "n"},
        {"WMBT_KV_FINGERPRINT24", "ff0000000000000000000000000000000000000000000001"},
        {"WMBT_KV_LAYOUT_TAG", "ds4-v1"},
        {"WMBT_KV_SCRUB_INTERVAL_MS", "0"},
        {"WMBT_KV_PARALLEL", "3"},
        {NULL, NULL}};
    assert_null(open_with(vars));
    assert_int_equal(fake_store.config.compress_level, 0);
    assert_string_equal(fake_store.ns, "n");
    assert_int_equal(fake_store.config.reuse.model_digest.bytes[0], 0xff);
    assert_int_equal(fake_store.config.reuse.model_digest.bytes[23], 1);
    assert_memory_equal(fake_store.config.reuse.layout_tag.bytes, "ds4-v1", 7);
    assert_int_equal(fake_store.config.scrub_interval_ns, 0);
    assert_int_equal(fake_store.config.parallel, 3);
    assert_says(fake.log, "2 open.journal_means_object");
}

/* SET-7 */
static void default_credentials_are_refused_off_loopback(void **state) {
    (void)state;
    static const struct {
        const char *endpoint;
        const char *access;
        const char *secret;
        const char *local_dev;
        bool opens;
    } cases[] = {
        {"", "", "", "", true}, /* the default endpoint is loopback */
        {"http://[::1]:9000", "", "", "", true},
        {"http://LOCALHOST", "", "", "", true},
        {"http://minio.example", "", "", "", false},
        {"http://127.0.0.1.example", "", "", "", false},
        {"https://localhost.example", "", "", "", false},
        {"http://minio.example", "", "", "1", true},
        {"http://minio.example", "", "", "True", true},
        {"http://minio.example", "", "", "yes", false},
        {"http://127.0.0.1", "", "", "0", false},
        {"http://minio.example", "minioadmin", "minioadmin", "", false},
        {"http://minio.example", "minioadmin", "other", "", true},
        {"http://minio.example", "other", "", "", true},
        {"file:///dir", "", "", "0", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct fake_var vars[] = {{"WMBT_KV_BUCKET", "b"},
                                        {"WMBT_KV_S3_ENDPOINT", cases[i].endpoint},
                                        {"WMBT_KV_S3_ACCESS_KEY", cases[i].access},
                                        {"WMBT_KV_S3_SECRET_KEY", cases[i].secret},
                                        {"WMBT_KV_LOCAL_DEV", cases[i].local_dev},
                                        {NULL, NULL}};
        const char *refusal = open_with(vars);
        if (cases[i].opens && refusal != NULL)
            fail_msg("case %zu: %s", i, refusal);
        if (!cases[i].opens) {
            assert_says(refusal, "refusing default MinIO credentials outside local-dev mode; ");
            assert_says(refusal, "WMBT_KV_LOCAL_DEV=1");
        }
    }
}

static void what_s3_needs_reaches_it(void **state) {
    (void)state;
    struct fake_var vars[] = {{"WMBT_KV_BUCKET", "b"},
                              {"WMBT_KV_S3_ENDPOINT", "https://s3.example"},
                              {"WMBT_KV_S3_SESSION_TOKEN", "token"},
                              {"WMBT_KV_S3_CREDENTIALS_FILE", "/keys"},
                              {"WMBT_KV_S3_SECRET_KEY_FILE", "/secret"},
                              {"WMBT_KV_S3_CA_FILE", "/ca"},
                              {"WMBT_KV_S3_PROXY", "http://proxy"},
                              {"WMBT_KV_S3_ADDRESSING", "virtual"},
                              {"WMBT_KV_S3_CREATE_BUCKET", "true"},
                              {"WMBT_KV_LOCAL_DEV", ""},
                              {NULL, NULL}};
    assert_null(open_with(vars));
    assert_string_equal(seen.more, "kv/cabi token /keys /secret /ca http://proxy 101");
    vars[9].value = "1";
    vars[8].value = "0";
    vars[7].value = "path";
    assert_null(open_with(vars));
    assert_string_equal(seen.more, "kv/cabi token /keys /secret /ca http://proxy 010");
    /* On loopback local-dev mode is on by itself. */
    vars[1].value = "http://127.0.0.1:9000";
    vars[9].value = "";
    assert_null(open_with(vars));
    assert_string_equal(seen.more, "kv/cabi token /keys /secret /ca http://proxy 010");
}

/* SET-7: the store checks what is in the file; the default of the setting does not count then. */
static void keys_from_a_file_are_not_the_default_ones(void **state) {
    (void)state;
    static const char *const names[] = {"WMBT_KV_S3_CREDENTIALS_FILE",
                                        "WMBT_KV_S3_SECRET_KEY_FILE"};
    for (size_t i = 0; i < 2; i++) {
        const struct fake_var vars[] = {{"WMBT_KV_BUCKET", "b"},
                                        {"WMBT_KV_S3_ENDPOINT", "https://s3.example"},
                                        {names[i], "/keys"},
                                        {NULL, NULL}};
        assert_null(open_with(vars));
    }
}

/* SET-5 */
static void remote_kinds_come_first(void **state) {
    (void)state;
    const struct fake_var all[] = {{"WMBT_KV_HTTP_ADDR", "h:1"},
                                   {"WMBT_KV_TCP_ADDR", "t:1"},
                                   {"WMBT_KV_REMOTE_PREFIX", "pre"},
                                   {"WMBT_KV_S3_GET_RETRIES", "garbage"},
                                   {NULL, NULL}};
    assert_says(open_with(all), "WMBT_KV_REMOTE_PREFIX (remote_prefix) is \"pre\"");
    assert_says(wmbt_kv_last_error(), "no shared-memory backend");
    const struct fake_var two[] = {
        {"WMBT_KV_HTTP_ADDR", "h:1"}, {"WMBT_KV_TCP_ADDR", "t"}, {NULL, NULL}};
    assert_says(open_with(two), "WMBT_KV_TCP_ADDR (tcp_addr): ");
    const struct fake_var one[] = {
        {"WMBT_KV_HTTP_ADDR", "h:port"}, {"WMBT_KV_TCP_ADDR", ""}, {NULL, NULL}};
    assert_says(open_with(one), "WMBT_KV_HTTP_ADDR (http_addr): ");
    assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_INVALID);
}

/* ABI-11 */
static void addresses_are_checked_before_anything_else(void **state) {
    (void)state;
    assert_null(wmbt_kv_open_tcp(NULL));
    assert_string_equal(wmbt_kv_last_error(), "wmbt_kv_open_tcp: addr is NULL");
    assert_null(wmbt_kv_open_http(NULL));
    assert_string_equal(wmbt_kv_last_error(), "wmbt_kv_open_http: addr is NULL");
    assert_null(wmbt_kv_open_tcp("a\xff"));
    assert_says(wmbt_kv_last_error(), "wmbt_kv_open_tcp: addr not utf-8: ");
    assert_null(wmbt_kv_open_http("localhost"));
    assert_says(wmbt_kv_last_error(), "wmbt_kv_open_http: WMBT_KV_HTTP_ADDR (http_addr): ");
}

static void failures_below_pass_their_text_on(void **state) {
    (void)state;
    const struct fake_var vars[] = {
        {"WMBT_KV_BUCKET", "b"}, {"WMBT_KV_S3_ENDPOINT", "file:///var/kv"}, {NULL, NULL}};
    seen.answer = WK_DENIED;
    assert_string_equal(open_with(vars), "the objects do not open");
    assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_DENIED);
    seen.answer = WK_MISS;
    assert_string_equal(open_with(vars), "the objects do not open");
    seen.answer = WK_OK;
    fake_store.refuse_open = true;
    assert_string_equal(open_with(vars), "the store does not want to open");
    const struct fake_var prefix[] = {{"WMBT_KV_BUCKET", "b"},
                                      {"WMBT_KV_S3_ENDPOINT", "file:///var/kv"},
                                      {"WMBT_KV_S3_PREFIX", "/kv"},
                                      {NULL, NULL}};
    assert_says(open_with(prefix), "WMBT_KV_S3_PREFIX");
}

/* ---- config ---- */

static wmbt_kv_config config;

static const char *open_config(void) {
    wmbt_kv_handle_t *handle = wmbt_kv_open(&config);
    if (handle == NULL)
        return wmbt_kv_last_error();
    wmbt_kv_free(handle);
    return NULL;
}

static void init_config(void) {
    assert_int_equal(wmbt_kv_config_init(&config, sizeof config), 0);
    config.bucket = "b";
    config.s3_endpoint = "file:///var/kv";
}

/* ABI-15 */
static void a_config_starts_with_the_defaults(void **state) {
    (void)state;
    assert_int_equal(wmbt_kv_config_init(NULL, sizeof config), -1);
    assert_int_equal(wmbt_kv_config_init(&config, sizeof config - 1), -1);
    assert_int_equal(wmbt_kv_config_init(&config, sizeof config), 0);
    assert_int_equal(config.size, sizeof config);
    assert_string_equal(config.s3_prefix, "kv/cabi");
    assert_string_equal(config.namespace_, "default");
    assert_string_equal(config.s3_endpoint, "http://127.0.0.1:9000");
    assert_null(config.bucket);
    assert_null(config.tcp_addr);
    assert_int_equal(config.ram_bytes, 1ull << 30);
    assert_int_equal(config.compress, WMBT_KV_COMPRESS_ZSTD);
    assert_int_equal(config.compress_level, 3);
    assert_int_equal(config.lookup_probe_ms, 20);
    assert_int_equal(config.local_dev, WMBT_KV_LOCAL_DEV_AUTO);
    assert_says(open_config(), "WMBT_KV_BUCKET is required");
}

/* ABI-15 */
static void a_config_reads_no_variable(void **state) {
    (void)state;
    const struct fake_var vars[] = {{"WMBT_KV_BUCKET", "env"},
                                    {"WMBT_KV_TCP_ADDR", "t:1"},
                                    {"WMBT_KV_PARALLEL", "garbage"},
                                    {NULL, NULL}};
    fake.vars = vars;
    init_config();
    config.parallel = 5;
    config.s3_prefix = ""; /* the default */
    config.namespace_ = NULL;
    config.model_digest[0] = 1;
    memcpy(config.layout_tag, "sixteen-letters!", 16);
    assert_null(open_config());
    assert_string_equal(seen.bucket, "b");
    assert_string_equal(fake_store.prefix, "kv/cabi");
    assert_string_equal(fake_store.ns, "default");
    assert_int_equal(fake_store.config.parallel, 5);
    assert_int_equal(fake_store.config.reuse.model_digest.bytes[0], 1);
    assert_memory_equal(fake_store.config.reuse.layout_tag.bytes, "sixteen-letters!", 16);
}

/* ABI-15 */
static void a_wrong_config_is_refused_by_member(void **state) {
    (void)state;
    assert_null(wmbt_kv_open(NULL));
    assert_string_equal(wmbt_kv_last_error(), "config is NULL");
    memset(&config, 0, sizeof config);
    assert_says(open_config(), "start with wmbt_kv_config_init");
    init_config();
    config.parallel = 65;
    assert_says(open_config(), "wmbt_kv_config.parallel=65 is not allowed; allowed: a whole");
    init_config();
    config.ram_bytes = 0;
    assert_says(open_config(), "wmbt_kv_config.ram_bytes=0");
    init_config();
    config.put_ack = 2;
    assert_says(open_config(),
                "wmbt_kv_config.put_ack=2 is not allowed; allowed: one of: object, ");
    init_config();
    config.local_dev = 3;
    assert_says(open_config(), "wmbt_kv_config.local_dev=3");
    init_config();
    config.compress = 2;
    assert_says(open_config(), "wmbt_kv_config.compress=2");
    init_config();
    config.s3_region = "\xff";
    assert_says(open_config(), "wmbt_kv_config.s3_region=\"\\xff\"");
    init_config();
    memcpy(config.layout_tag, "a\0b", 3);
    assert_says(open_config(), "wmbt_kv_config.layout_tag");
    init_config();
    memcpy(config.layout_tag, "a\n", 2);
    assert_says(open_config(), "wmbt_kv_config.layout_tag");
    init_config();
    config.http_addr = "h";
    assert_says(open_config(), "WMBT_KV_HTTP_ADDR (http_addr): ");
    init_config();
    assert_null(open_config());
}

/* ABI-15 */
static void a_newer_config_is_taken_when_it_asks_for_nothing_new(void **state) {
    (void)state;
    struct {
        wmbt_kv_config config;
        uint64_t newer[2];
    } larger;
    assert_int_equal(wmbt_kv_config_init(&larger.config, sizeof larger), 0);
    assert_int_equal(larger.newer[1], 0);
    larger.config.bucket = "b";
    larger.config.s3_endpoint = "file:///var/kv";
    wmbt_kv_handle_t *handle = wmbt_kv_open(&larger.config);
    assert_non_null(handle);
    wmbt_kv_free(handle);
    larger.newer[1] = 1;
    assert_null(wmbt_kv_open(&larger.config));
    assert_says(wmbt_kv_last_error(), "a member that this version of the library does not know");
}

/* ---- callbacks ---- */

static int host_get(void *ctx, const uint8_t *key, size_t key_len, uint8_t **out_value,
                    size_t *out_len) {
    (void)ctx;
    (void)key;
    (void)key_len;
    (void)out_value;
    (void)out_len;
    return 1;
}

/* ABI-16 */
static void callbacks_replace_the_object_store(void **state) {
    (void)state;
    struct {
        wmbt_kv_callbacks callbacks;
        void *newer;
    } host;
    memset(&host, 0xee, sizeof host);
    memset(&host.callbacks, 0, sizeof host.callbacks);
    host.callbacks.size = sizeof host.callbacks;
    host.callbacks.get = host_get;
    assert_int_equal(wmbt_kv_config_init(&config, sizeof config), 0);
    config.s3_endpoint = "ignored"; /* as is the missing bucket */
    wmbt_kv_handle_t *handle = wmbt_kv_open_callbacks(&host.callbacks, &config);
    assert_non_null(handle);
    wmbt_kv_free(handle);
    assert_true(seen.callbacks);
    assert_true(callbacks_seen.get == host_get);
    assert_int_equal(callbacks_seen.size, sizeof(struct wk_objects_callbacks));
    host.callbacks.size = sizeof host; /* a newer host */
    handle = wmbt_kv_open_callbacks(&host.callbacks, &config);
    assert_non_null(handle);
    wmbt_kv_free(handle);
    assert_int_equal(callbacks_seen.size, sizeof(struct wk_objects_callbacks));
    host.callbacks.iter_keys_next = (int (*)(void *, uint8_t **, size_t *, uint64_t *))8;
    host.callbacks.size = offsetof(wmbt_kv_callbacks, head); /* an older host */
    handle = wmbt_kv_open_callbacks(&host.callbacks, &config);
    assert_non_null(handle);
    wmbt_kv_free(handle);
    assert_true(callbacks_seen.iter_keys_next == NULL);
    assert_null(wmbt_kv_open_callbacks(NULL, &config));
    assert_string_equal(wmbt_kv_last_error(), "callbacks is NULL");
    assert_null(wmbt_kv_open_callbacks(&host.callbacks, NULL));
    assert_string_equal(wmbt_kv_last_error(), "config is NULL");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reset, check_leaks)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_directory_needs_only_a_bucket),
        TEST(settings_reach_the_store),
        TEST(default_credentials_are_refused_off_loopback),
        TEST(what_s3_needs_reaches_it),
        TEST(keys_from_a_file_are_not_the_default_ones),
        TEST(remote_kinds_come_first),
        TEST(addresses_are_checked_before_anything_else),
        TEST(failures_below_pass_their_text_on),
        TEST(a_config_starts_with_the_defaults),
        TEST(a_config_reads_no_variable),
        TEST(a_wrong_config_is_refused_by_member),
        TEST(a_newer_config_is_taken_when_it_asks_for_nothing_new),
        TEST(callbacks_replace_the_object_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
