/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: the file, who a session is, what it may do, quotas and reloads. */
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "daemon/auth.h"
#include "daemon/auth_file.h"
#include "env/posix/posix.h"

static struct wk_env *env;
static struct wk_error err;
static char directory[] = "/tmp/wk-auth-XXXXXX";
static char path[64];
static struct wk_auth *auth;

static void hash_hex(const char *token, char hex[65]) {
    uint8_t hash[WK_BLAKE3_BYTES];
    struct wk_span span = wk_span_text(token);
    wk_blake3(&span, 1, hash);
    wk_hex_encode(wk_span(hash, sizeof hash), hex);
}

static void write_file(const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* A file of three: a writer of team-a and what begins like shared-, a reader, an admin. */
static void write_three(const char *quota) {
    char text[1200];
    char a[65];
    char b[65];
    char c[65];
    hash_hex("token of a", a);
    hash_hex("token of b", b);
    hash_hex("token of root", c);
    snprintf(text, sizeof text,
             "; comment\n[a]\ntoken_blake3 = %s\nnamespaces = team-a, shared-*\naccess = write\n%s"
             "[b]\ntoken_blake3 = %s\nnamespaces = team-a\n\n[root]\ntoken_blake3 = %s\n"
             "admin = yes\n",
             a, quota, b, c);
    write_file(text);
}

static int set_up(void **state) {
    (void)state;
    write_three("");
    return wk_auth_open(env, path, "kv/test", &auth, &err) == WK_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    wk_auth_close(auth);
    return 0;
}

static struct wk_rpc_session session_of(const char *token) {
    struct wk_rpc_session s = {.env = env};
    assert_int_equal(wk_auth_identify(auth, &s, wk_span_text(token), &err), WK_OK);
    return s;
}

static enum wk_status check(const struct wk_rpc_session *s, const char *ns, const char *key,
                            enum wk_access access) {
    return wk_auth_check(auth, s, wk_span_text(ns), wk_span_text(key), access, 0, &err);
}

/* AUTH-1 */
static void test_tokens_are_known_by_their_hash(void **state) {
    (void)state;
    struct wk_rpc_session s = {.env = env};
    assert_true(wk_auth_required(auth));
    assert_int_equal(wk_auth_identify(auth, &s, wk_span_text("token of x"), &err), WK_DENIED);
    assert_null(strstr(err.text, "token of x"));
    assert_int_equal(wk_auth_identify(auth, &s, wk_span_text(""), &err), WK_DENIED);
    assert_int_equal(check(&s, "team-a", "k", WK_ACCESS_READ), WK_DENIED);
    s = session_of("token of b");
    assert_int_equal(check(&s, "team-a", "k", WK_ACCESS_READ), WK_OK);
    /* A wrong token takes a right one's rights away. */
    assert_int_equal(wk_auth_identify(auth, &s, wk_span_text("?"), &err), WK_DENIED);
    assert_int_equal(check(&s, "team-a", "k", WK_ACCESS_READ), WK_DENIED);
}

/* AUTH-2 AUTH-3 */
static void test_the_final_key_decides(void **state) {
    (void)state;
    struct wk_rpc_session a = session_of("token of a");
    struct wk_rpc_session b = session_of("token of b");
    struct wk_rpc_session root = session_of("token of root");
    assert_int_equal(check(&a, "team-a", "k", WK_ACCESS_WRITE), WK_OK);
    assert_int_equal(check(&a, "team-a/sub", "k", WK_ACCESS_WRITE), WK_OK);
    assert_int_equal(check(&a, "shared-7", "k", WK_ACCESS_WRITE), WK_OK);
    assert_int_equal(check(&a, "team-ab", "k", WK_ACCESS_WRITE), WK_DENIED);
    assert_int_equal(check(&a, "team", "-a/k", WK_ACCESS_WRITE), WK_DENIED);
    assert_int_equal(check(&a, "share", "k", WK_ACCESS_READ), WK_DENIED);
    assert_int_equal(check(&a, "", "team-a/k", WK_ACCESS_READ), WK_DENIED);
    assert_int_equal(check(&a, "team-a", "", WK_ACCESS_ADMIN), WK_DENIED);
    assert_int_equal(check(&b, "team-a", "k", WK_ACCESS_READ), WK_OK);
    assert_int_equal(check(&b, "team-a", "k", WK_ACCESS_WRITE), WK_DENIED);
    assert_non_null(strstr(err.text, "may only read"));
    assert_int_equal(check(&b, "shared-7", "k", WK_ACCESS_READ), WK_DENIED);
    assert_int_equal(check(&root, "", "k", WK_ACCESS_WRITE), WK_OK);
    assert_int_equal(check(&root, "any", "", WK_ACCESS_ADMIN), WK_OK);
}

/* AUTH-4 */
static void test_a_quota_ends_puts(void **state) {
    (void)state;
    struct wk_span ns = wk_span_text("team-a");
    struct wk_span key = wk_span_text("k");
    write_three("quota_bytes = 1000\n");
    assert_int_equal(wk_auth_reload(auth, &err), WK_OK);
    struct wk_rpc_session a = session_of("token of a");
    assert_int_equal(wk_auth_check(auth, &a, ns, key, WK_ACCESS_WRITE, 600, &err), WK_OK);
    assert_int_equal(wk_auth_check(auth, &a, ns, key, WK_ACCESS_WRITE, 600, &err), WK_NO_SPACE);
    assert_int_equal(wk_auth_check(auth, &a, ns, key, WK_ACCESS_WRITE, 400, &err), WK_OK);
    /* Reading the file again gives nothing back. */
    assert_int_equal(wk_auth_reload(auth, &err), WK_OK);
    assert_int_equal(wk_auth_check(auth, &a, ns, key, WK_ACCESS_WRITE, 1, &err), WK_NO_SPACE);
    assert_int_equal(wk_auth_check(auth, &a, ns, key, WK_ACCESS_READ, 0, &err), WK_OK);
}

/* AUTH-5 */
static void test_a_reload_holds_for_open_sessions(void **state) {
    (void)state;
    char text[300];
    char hex[65];
    struct wk_rpc_session a = session_of("token of a");
    struct wk_rpc_session b = session_of("token of b");
    hash_hex("token of b", hex);
    snprintf(text, sizeof text, "[b]\ntoken_blake3=%s\nnamespaces=*\naccess=write\n", hex);
    write_file(text);
    assert_int_equal(wk_auth_reload(auth, &err), WK_OK);
    assert_int_equal(check(&a, "team-a", "k", WK_ACCESS_READ), WK_DENIED);
    assert_int_equal(check(&b, "anything", "k", WK_ACCESS_WRITE), WK_OK);
    /* A bad file changes nothing. */
    write_file("[b]\ntoken_blake3=abc\n");
    assert_int_equal(wk_auth_reload(auth, &err), WK_INVALID);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(check(&b, "anything", "k", WK_ACCESS_WRITE), WK_OK);
}

/* AUTH-5 */
static void test_bad_files_say_where(void **state) {
    (void)state;
    char hex[65];
    char good[200];
    char twice[600];
    hash_hex("t", hex);
    snprintf(good, sizeof good, "token_blake3=%s\n", hex);
    snprintf(twice, sizeof twice, "[a]\nadmin=yes\n%s[b]\nadmin=yes\n%s", good, good);
    const struct {
        const char *section;
        const char *entries;
        const char *says;
    } cases[] = {
        {"", "", "no token in it"},
        {"", "access=read\n", "no section"},
        {"[a]\n", "token_blake3=12\n", "want 64 hex digits"},
        {"[a]\n", "access=all\n", "want read or write"},
        {"[a]\n", "access=all\nadmin=maybe\n", "want read or write"}, /* the first */
        {"[a]\n", "admin=maybe\n", "want yes or no"},
        {"[a]\n", "quota_bytes=-1\n", "want a whole number"},
        {"[a]\n", "namespaces=x,\n  y\n", "\"namespaces\": given twice"},
        {"[a]\n", "access=read\nadmin=no\naccess=write\n", "\"access\": given twice"},
        {"[a]\n", "colour=red\n", "\"colour\": nothing of this name"},
        {"[a]\n", "admin=yes\n", "\"a\" has no token_blake3"},
        {"[a]\n", good, "\"a\" has no namespaces"},
        {"[a\n", "", "line 1"},
        {"", twice, "\"a\" and \"b\" are the same"},
    };
    struct wk_auth_token tokens[4];
    size_t count;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[800];
        snprintf(text, sizeof text, "%s%s", cases[i].section, cases[i].entries);
        assert_int_equal(wk_auth_file_parse(wk_span_text(text), tokens, 4, &count, &err),
                         WK_INVALID);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
    char many[300] = "";
    for (int i = 0; i < 5; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "[t%d]\nadmin=yes\n", i);
    assert_int_equal(wk_auth_file_parse(wk_span_text(many), tokens, 4, &count, &err), WK_INVALID);
    assert_non_null(strstr(err.text, "too many sections"));
}

/* AUTH-6 */
static void test_without_a_file_everybody_may(void **state) {
    (void)state;
    struct wk_auth *open_to_all;
    struct wk_rpc_session s = {.env = env};
    assert_int_equal(wk_auth_open(env, NULL, "kv/test", &open_to_all, &err), WK_OK);
    assert_false(wk_auth_required(open_to_all));
    assert_int_equal(wk_auth_identify(open_to_all, &s, wk_span_text("any"), &err), WK_OK);
    assert_int_equal(wk_auth_check(open_to_all, &s, wk_span_text(""), wk_span_text(""),
                                   WK_ACCESS_ADMIN, 0, &err),
                     WK_OK);
    wk_auth_close(open_to_all);
    assert_int_equal(wk_auth_open(env, "/nowhere/tokens", "kv/test", &open_to_all, &err), WK_MISS);
    assert_non_null(strstr(err.text, "/nowhere/tokens"));
}

int main(void) {
    env = wk_env_current();
    if (mkdtemp(directory) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/tokens", directory);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tokens_are_known_by_their_hash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_final_key_decides, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_quota_ends_puts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_reload_holds_for_open_sessions, set_up, tear_down),
        cmocka_unit_test(test_bad_files_say_where),
        cmocka_unit_test(test_without_a_file_everybody_may),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    rmdir(directory);
    return failed;
}
