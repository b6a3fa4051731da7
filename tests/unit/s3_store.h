/* SPDX-License-Identifier: Apache-2.0 */
/* An S3 store on a scripted server, for the tests of src/env/s3. */
#ifndef WK_TESTS_S3_STORE_H
#define WK_TESTS_S3_STORE_H

#include "unit/cmocka_all.h"

#include "env/s3/s3.h"
#include "hash/crc32c.h"
#include "unit/objects_util.h"
#include "unit/s3_server.h"

#define EMPTY_LIST "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"

static struct s3_server server;
static struct wk_env *env;
static struct wk_error err;

static inline struct wk_objects_config s3_config(void) {
    return (struct wk_objects_config){
        .endpoint = server.url,
        .bucket = "bkt",
        .region = "us-east-1",
        .access_key = "AKID",
        .secret_key = "not-to-be-shown",
        .prefix = "kv/",
    };
}

/* The answer to the LIST of an open; `name` is that of the server. */
static inline void s3_say_empty_list(const char *name) {
    char head[128];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nServer: %s\r\n", name);
    server_say_body(&server, head, EMPTY_LIST);
}

static inline struct wk_objects *s3_open_with(const struct wk_objects_config *config,
                                              const char *name) {
    struct wk_objects *o = NULL;
    s3_say_empty_list(name);
    wk_error_clear(&err);
    if (env->objects->open(env, config, &o, &err) != WK_OK)
        fail_msg("open: %s", err.text);
    server_forget(&server);
    return o;
}

static inline struct wk_objects *s3_open(const char *name) {
    struct wk_objects_config config = s3_config();
    return s3_open_with(&config, name);
}

static inline void assert_contains(const char *text, const char *part) {
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static inline int s3_group_setup(void **state) {
    (void)state;
    env = wk_env_current();
    server_start(&server);
    return 0;
}

static inline int s3_group_teardown(void **state) {
    (void)state;
    server_stop(&server);
    return 0;
}

/* Each test starts with an empty script. */
static inline int s3_test_setup(void **state) {
    (void)state;
    server_forget(&server);
    return 0;
}

#define s3_unit_test(f) cmocka_unit_test_setup(f, s3_test_setup)

#endif
