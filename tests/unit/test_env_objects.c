/* SPDX-License-Identifier: Apache-2.0 */
/* objects of the POSIX environment: which store a configuration opens. */
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env/callbacks/callbacks.h"
#include "env/env.h"

static struct wk_env *env;
static struct wk_error err;

static enum wk_status open_status(const struct wk_objects_config *config) {
    struct wk_objects *objects = NULL;
    enum wk_status status = env->objects->open(env, config, &objects, &err);
    if (status == WK_OK)
        objects->ops->close(objects);
    else
        assert_null(objects);
    return status;
}

static int host_get(void *ctx, const uint8_t *key, size_t key_len, uint8_t **value, size_t *size) {
    (void)ctx;
    (void)key;
    (void)key_len;
    (void)value;
    (void)size;
    return 1;
}

static int host_set(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
                    size_t size) {
    (void)ctx;
    (void)key;
    (void)key_len;
    (void)value;
    (void)size;
    return -1;
}

static void host_free(void *ctx, void *buffer) {
    (void)ctx;
    (void)buffer;
}

static void callbacks_come_before_everything(void **state) {
    (void)state; /* ENV-100 */
    const struct wk_objects_callbacks callbacks = {
        .size = sizeof callbacks, .get = host_get, .set = host_set, .free_buf = host_free};
    const struct wk_objects_config config = {
        .callbacks = &callbacks, .endpoint = "gopher://nobody.invalid", .threads = 1};
    assert_int_equal(open_status(&config), WK_OK);
}

static void a_file_endpoint_is_the_directory_store(void **state) {
    (void)state; /* ENV-100 */
    char path[] = "/tmp/wk-test-objects-XXXXXX";
    assert_non_null(mkdtemp(path));
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "file://%s", path);
    const struct wk_objects_config config = {.endpoint = endpoint, .bucket = "b", .threads = 1};
    assert_int_equal(open_status(&config), WK_OK);
    const struct wk_objects_config relative = {.endpoint = "file://tmp", .bucket = "b"};
    assert_int_equal(open_status(&relative), WK_INVALID);
    char command[96];
    snprintf(command, sizeof command, "rm -r '%s'", path);
    assert_int_equal(system(command), 0);
}

static void an_http_endpoint_is_asked(void **state) {
    (void)state; /* ENV-101 */
    /* Port 1: nobody listens. Whose words these are does not matter here, but which store's. */
    const struct wk_objects_config config = {.endpoint = "http://127.0.0.1:1",
                                             .bucket = "b",
                                             .region = "us-east-1",
                                             .access_key = "a",
                                             .secret_key = "s"};
    assert_int_equal(open_status(&config), WK_UNAVAILABLE);
    assert_non_null(strstr(err.text, "LIST http://127.0.0.1:1/b"));
}

static void other_endpoints_are_refused(void **state) {
    (void)state; /* ENV-101 */
    struct wk_objects_config config = {.bucket = "b", .region = "us-east-1"};
    assert_int_equal(open_status(&config), WK_INVALID);
    config.endpoint = "";
    assert_int_equal(open_status(&config), WK_INVALID);
    static const char *const others[] = {"ftp://127.0.0.1:9000", "s3.example", "FILE:///x", "/tmp",
                                         "\n"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        config.endpoint = others[i];
        assert_int_equal(open_status(&config), WK_INVALID);
        assert_non_null(strstr(err.text, "file:///absolute/dir"));
        assert_null(strchr(err.text, '\n'));
    }
}

int main(void) {
    env = wk_env_current();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callbacks_come_before_everything),
        cmocka_unit_test(a_file_endpoint_is_the_directory_store),
        cmocka_unit_test(an_http_endpoint_is_asked),
        cmocka_unit_test(other_endpoints_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
