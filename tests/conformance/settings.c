/* SPDX-License-Identifier: Apache-2.0 */
/* Settings as an operator gets them wrong. Embedded over a directory only. */
#include "suite.h"

#include <sys/stat.h>
#include <unistd.h>

/* Opens with one variable changed (NULL: unset), which must fail; the text. */
static const char *refusal(const char *name, const char *value) {
    char before[4096];
    const char *old = getenv(name);
    snprintf(before, sizeof before, "%s", old != NULL ? old : "");
    if (value == NULL)
        unsetenv(name);
    else
        setenv(name, value, 1);
    wmbt_kv_handle_t *kv = wmbt_kv_init_from_env();
    if (old != NULL)
        setenv(name, before, 1);
    else
        unsetenv(name);
    if (kv != NULL)
        fail_msg("opened with %s=%s", name, value != NULL ? value : "(unset)");
    assert_non_null(wmbt_kv_last_error());
    return wmbt_kv_last_error();
}

/* SET-1 SET-6 */
static void the_bucket_is_required(void **state) {
    (void)state;
    abi_says(refusal("WMBT_KV_BUCKET", NULL), "WMBT_KV_BUCKET is required");
    abi_says(refusal("WMBT_KV_BUCKET", ""), "WMBT_KV_BUCKET is required");
}

/* SET-2 */
static void values_are_named_with_what_is_allowed(void **state) {
    (void)state;
    abi_says(refusal("WMBT_KV_S3_GET_RETRIES", "many"), "WMBT_KV_S3_GET_RETRIES=\"many\"");
    abi_says(refusal("WMBT_KV_S3_RETRY_BACKOFF_MS", "-1"), "WMBT_KV_S3_RETRY_BACKOFF_MS=\"-1\"");
    const char *text = refusal("WMBT_KV_PUT_ACK", "jurnal");
    abi_says(text, "WMBT_KV_PUT_ACK=\"jurnal\"");
    abi_says(text, "object, journal");
    abi_says(refusal("WMBT_KV_NAMESPACE", "\xff"), "WMBT_KV_NAMESPACE");
    abi_says(refusal("WMBT_KV_S3_PREFIX", "/kv"), "WMBT_KV_S3_PREFIX");
}

/* SET-2 */
static void garbage_that_the_reference_ignores_is_ignored(void **state) {
    (void)state;
    setenv("WMBT_KV_PUFFER_RAM_BYTES", "plenty", 1);
    setenv("WMBT_KV_BLOCK_COMPRESS", "lz4", 1);
    wmbt_kv_handle_t *kv = abi_open();
    unsetenv("WMBT_KV_PUFFER_RAM_BYTES");
    unsetenv("WMBT_KV_BLOCK_COMPRESS");
    struct abi_hash hash = abi_hash("garbage", 0);
    abi_put(kv, "garbage", hash.hex, "x", 1);
    wmbt_kv_free(kv);
}

/* SET-6 */
static void the_endpoint_must_be_an_absolute_directory(void **state) {
    (void)state;
    char path[600];
    abi_says(refusal("WMBT_KV_S3_ENDPOINT", "file://relative"), "must be absolute");
    abi_says(refusal("WMBT_KV_S3_ENDPOINT", "relative"), "WMBT_KV_S3_ENDPOINT");
    snprintf(path, sizeof path, "%s/a-file", world.directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    snprintf(path, sizeof path, "file://%s/a-file/below", world.directory);
    abi_says(refusal("WMBT_KV_S3_ENDPOINT", path), "a-file");
    if (geteuid() != 0) { /* nothing is forbidden to root */
        snprintf(path, sizeof path, "%s/closed", world.directory);
        assert_int_equal(mkdir(path, 0500), 0);
        snprintf(path, sizeof path, "file://%s/closed/below", world.directory);
        refusal("WMBT_KV_S3_ENDPOINT", path);
        assert_int_equal(wmbt_kv_last_status(), WMBT_KV_STATUS_DENIED);
    }
    snprintf(path, sizeof path, "file://%s/made/on/demand", world.directory);
    char *kept = strdup(getenv("WMBT_KV_S3_ENDPOINT"));
    setenv("WMBT_KV_S3_ENDPOINT", path, 1);
    wmbt_kv_handle_t *kv = abi_open();
    setenv("WMBT_KV_S3_ENDPOINT", kept, 1);
    free(kept);
    wmbt_kv_free(kv);
    snprintf(path, sizeof path, "%s/made/on/demand", world.directory);
    assert_int_equal(access(path, R_OK | W_OK), 0);
}

/* SET-5 */
static void daemons_come_before_the_directory(void **state) {
    (void)state;
    abi_says(refusal("WMBT_KV_REMOTE_PREFIX", "pre"), "WMBT_KV_REMOTE_PREFIX");
    abi_says(refusal("WMBT_KV_TCP_ADDR", "127.0.0.1:1"), "WMBT_KV_TCP_ADDR");
    abi_says(refusal("WMBT_KV_HTTP_ADDR", "127.0.0.1:1"), "WMBT_KV_HTTP_ADDR");
    setenv("WMBT_KV_TCP_ADDR", "", 1); /* empty is unset */
    wmbt_kv_handle_t *kv = abi_open();
    unsetenv("WMBT_KV_TCP_ADDR");
    wmbt_kv_free(kv);
}

/* SET-7 */
static void default_credentials_stay_at_home(void **state) {
    (void)state;
    abi_says(refusal("WMBT_KV_S3_ENDPOINT", "http://127.0.0.1.example.com"),
             "refusing default MinIO credentials outside local-dev mode");
    abi_says(refusal("WMBT_KV_S3_ENDPOINT", "https://example.com/?localhost"),
             "WMBT_KV_S3_ENDPOINT");
}

/* ABI-15 */
static void a_config_opens_the_same_store(void **state) {
    (void)state;
    wmbt_kv_config config;
    assert_int_equal(wmbt_kv_config_init(&config, sizeof config), 0);
    assert_null(wmbt_kv_open(&config));
    abi_last_error_says("WMBT_KV_BUCKET is required");
    config.bucket = getenv("WMBT_KV_BUCKET");
    config.s3_endpoint = getenv("WMBT_KV_S3_ENDPOINT");
    wmbt_kv_handle_t *one = wmbt_kv_open(&config);
    if (one == NULL)
        fail_msg("%s", wmbt_kv_last_error());
    wmbt_kv_handle_t *two = abi_open();
    struct abi_hash hash = abi_hash("config", 0);
    abi_put(one, "config", hash.hex, "x", 1);
    abi_expect(two, "config", hash.hex, "x", 1);
    config.s3_prefix = "another/prefix";
    wmbt_kv_handle_t *three = wmbt_kv_open(&config);
    assert_non_null(three);
    abi_expect_miss(three, "config", hash.hex);
    wmbt_kv_free(one);
    wmbt_kv_free(two);
    wmbt_kv_free(three);
}

const abi_case abi_settings_cases[] = {
    cmocka_unit_test(the_bucket_is_required),
    cmocka_unit_test(values_are_named_with_what_is_allowed),
    cmocka_unit_test(garbage_that_the_reference_ignores_is_ignored),
    cmocka_unit_test(the_endpoint_must_be_an_absolute_directory),
    cmocka_unit_test(daemons_come_before_the_directory),
    cmocka_unit_test(default_credentials_stay_at_home),
    cmocka_unit_test(a_config_opens_the_same_store),
};
const size_t abi_settings_count = sizeof abi_settings_cases / sizeof abi_settings_cases[0];
