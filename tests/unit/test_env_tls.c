/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the POSIX environment, between two threads on loopback, with certificates made here. */
#include "unit/cmocka_all.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env/posix/posix.h"

static struct wk_env *env;
static struct wk_error err;
static char place[64];
static char ca[96], cert[96], key[96], other_ca[96];

static uint64_t in_ms(uint64_t ms) {
    return wk_now_ns(env) + ms * WK_NS_PER_MS;
}

static int shell(const char *format, const char *a, const char *b) {
    char command[512];
    snprintf(command, sizeof command, format, a, b);
    return system(command);
}

/* An authority that signs itself is its own certificate: for localhost and 127.0.0.1. */
static int make_certificates(void) {
    static const char make[] =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 "
        "-keyout %s -out %s 2>/dev/null";
    snprintf(place, sizeof place, "/tmp/wk-tls-XXXXXX");
    if (mkdtemp(place) == NULL)
        return -1;
    snprintf(cert, sizeof cert, "%s/cert.pem", place);
    snprintf(ca, sizeof ca, "%s/cert.pem", place);
    snprintf(key, sizeof key, "%s/key.pem", place);
    snprintf(other_ca, sizeof other_ca, "%s/other.pem", place);
    char other_key[96];
    snprintf(other_key, sizeof other_key, "%s/other-key.pem", place);
    return shell(make, key, cert) != 0 || shell(make, other_key, other_ca) != 0 ? -1 : 0;
}

struct ends {
    struct wk_socket *listener;
    struct wk_address address;
    struct wk_tls *server_tls;
    struct wk_tls *client_tls;
    struct wk_socket *server; /* NULL: refused */
    struct wk_socket *client;
    enum wk_status server_status;
    enum wk_status client_status;
    struct wk_error server_err;
    struct wk_error client_err;
};

static void *serve(void *arg) {
    struct ends *e = arg;
    struct wk_address peer;
    e->server_status =
        env->net->accept(env, e->listener, in_ms(5000), &e->server, &peer, &e->server_err);
    if (e->server_status == WK_OK)
        e->server_status =
            env->net->tls_accept(env, e->server, e->server_tls, in_ms(3000), &e->server_err);
    return NULL;
}

static void meet(struct ends *e, const struct wk_tls_config *server,
                 const struct wk_tls_config *client) {
    struct wk_address any;
    size_t count;
    memset(e, 0, sizeof *e);
    assert_int_equal(env->net->resolve(env, "127.0.0.1", 0, in_ms(1000), &any, 1, &count, &err),
                     WK_OK);
    assert_int_equal(env->net->listen(env, &any, 4, &e->listener, &err), WK_OK);
    assert_int_equal(env->net->local_address(env, e->listener, &e->address, &err), WK_OK);
    assert_int_equal(env->net->tls_create(env, server, true, &e->server_tls, &err), WK_OK);
    if (client != NULL)
        assert_int_equal(env->net->tls_create(env, client, false, &e->client_tls, &err), WK_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, serve, e), 0);
    e->client_status =
        env->net->connect(env, &e->address, e->client_tls, in_ms(3000), &e->client, &e->client_err);
    if (client == NULL && e->client_status == WK_OK) {
        const struct wk_span greeting = wk_span_text("GET / HTTP/1.1\r\n\r\n");
        size_t size;
        env->net->writev(env, e->client, &greeting, 1, in_ms(1000), &size, &err);
    }
    pthread_join(thread, NULL);
}

static void part(struct ends *e) {
    if (e->client_status == WK_OK)
        env->net->close(env, e->client);
    if (e->server != NULL)
        env->net->close(env, e->server);
    env->net->close(env, e->listener);
    env->net->tls_release(env, e->server_tls);
    env->net->tls_release(env, e->client_tls);
}

static struct wk_tls_config server_config(void) {
    return (struct wk_tls_config){.certificate_file = cert, .key_file = key};
}

static struct wk_tls_config client_config(const char *name) {
    return (struct wk_tls_config){.ca_file = ca, .server_name = name};
}

/* ENV-139, ENV-140 */
static void bytes_travel_and_a_goodbye_is_the_end(void **state) {
    (void)state;
    static const char *const names[] = {"localhost", "127.0.0.1"};
    static char big[200000];
    for (size_t n = 0; n < 2; n++) {
        struct ends e;
        struct wk_tls_config server = server_config();
        struct wk_tls_config client = client_config(names[n]);
        meet(&e, &server, &client);
        assert_int_equal(e.client_status, WK_OK);
        assert_int_equal(e.server_status, WK_OK);
        memset(big, 'k', sizeof big);
        size_t sent = 0;
        size_t received = 0;
        static char got[sizeof big];
        while (received < sizeof big) {
            size_t size = 0;
            const struct wk_span spans[] = {wk_span(NULL, 0),
                                            wk_span(big + sent, sizeof big - sent)};
            if (sent < sizeof big) {
                assert_int_equal(
                    env->net->writev(env, e.client, spans, 2, in_ms(1000), &size, &err), WK_OK);
                sent += size;
            }
            assert_int_equal(env->net->read(env, e.server, got + received, sizeof got - received,
                                            in_ms(1000), &size, &err),
                             WK_OK);
            assert_true(size > 0);
            received += size;
        }
        assert_memory_equal(got, big, sizeof big);
        size_t size = 9;
        assert_int_equal(env->net->read(env, e.client, got, 1, in_ms(20), &size, &err), WK_TIMEOUT);
        assert_int_equal(size, 9);
        env->net->shutdown(env, e.client);
        assert_int_equal(env->net->read(env, e.server, got, 1, in_ms(1000), &size, &err), WK_OK);
        assert_int_equal(size, 0);
        part(&e);
    }
}

/* ENV-139 */
static void a_wrong_name_or_authority_is_refused(void **state) {
    (void)state;
    struct ends e;
    struct wk_tls_config server = server_config();
    struct wk_tls_config client = client_config("example.org");
    meet(&e, &server, &client);
    assert_int_equal(e.client_status, WK_DENIED);
    assert_non_null(strstr(e.client_err.text, "certificate verify failed"));
    part(&e);
    client = client_config("localhost");
    client.ca_file = other_ca;
    meet(&e, &server, &client);
    assert_int_equal(e.client_status, WK_DENIED);
    part(&e);
}

/* ENV-139 */
static void a_client_certificate_can_be_required(void **state) {
    (void)state;
    struct ends e;
    struct wk_tls_config server = server_config();
    server.ca_file = ca;
    server.require_client_certificate = true;
    struct wk_tls_config client = client_config("localhost");
    meet(&e, &server, &client);
    assert_int_equal(e.server_status, WK_DENIED);
    part(&e);
    client.certificate_file = cert;
    client.key_file = key;
    meet(&e, &server, &client);
    assert_int_equal(e.server_status, WK_OK);
    assert_int_equal(e.client_status, WK_OK);
    part(&e);
}

/* ENV-140 */
static void a_plain_peer_is_refused_and_a_silent_one_times_out(void **state) {
    (void)state;
    struct ends e;
    struct wk_tls_config server = server_config();
    meet(&e, &server, NULL);
    assert_int_equal(e.server_status, WK_DENIED);
    part(&e);

    struct wk_tls_config client = client_config("localhost");
    struct wk_tls *tls;
    struct wk_address any;
    struct wk_socket *listener;
    struct wk_socket *socket;
    size_t count;
    assert_int_equal(env->net->tls_create(env, &client, false, &tls, &err), WK_OK);
    assert_int_equal(env->net->resolve(env, "127.0.0.1", 0, in_ms(1000), &any, 1, &count, &err),
                     WK_OK);
    assert_int_equal(env->net->listen(env, &any, 4, &listener, &err), WK_OK);
    assert_int_equal(env->net->local_address(env, listener, &any, &err), WK_OK);
    assert_int_equal(env->net->connect(env, &any, tls, in_ms(50), &socket, &err), WK_TIMEOUT);
    env->net->close(env, listener);
    env->net->tls_release(env, tls);
}

/* ENV-140 */
static void writing_to_a_closed_peer_raises_no_signal(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_DFL);
    struct ends e;
    struct wk_tls_config server = server_config();
    struct wk_tls_config client = client_config("localhost");
    meet(&e, &server, &client);
    assert_int_equal(e.client_status, WK_OK);
    env->net->close(env, e.server);
    e.server = NULL;
    const struct wk_span span = wk_span_text("x");
    enum wk_status status = WK_OK;
    size_t size;
    for (int i = 0; i < 200 && status == WK_OK; i++)
        status = env->net->writev(env, e.client, &span, 1, in_ms(1000), &size, &err);
    assert_int_equal(status, WK_UNAVAILABLE);
    part(&e);
}

/* ENV-141 */
static void unusable_settings_are_named(void **state) {
    (void)state;
    struct wk_tls *tls = NULL;
    struct wk_tls_config config = server_config();
    config.certificate_file = "/no/such/cert.pem";
    assert_int_equal(env->net->tls_create(env, &config, true, &tls, &err), WK_INVALID);
    assert_non_null(strstr(err.text, "/no/such/cert.pem"));
    config = server_config();
    config.key_file = NULL;
    assert_int_equal(env->net->tls_create(env, &config, true, &tls, &err), WK_INVALID);
    config = client_config("");
    assert_int_equal(env->net->tls_create(env, &config, false, &tls, &err), WK_INVALID);
    config = server_config();
    config.require_client_certificate = true;
    assert_int_equal(env->net->tls_create(env, &config, true, &tls, &err), WK_INVALID);
    config = (struct wk_tls_config){.certificate_file = cert, .key_file = other_ca};
    assert_int_equal(env->net->tls_create(env, &config, true, &tls, &err), WK_INVALID);
    assert_null(tls);
}

int main(void) {
    env = wk_env_posix();
    if (make_certificates() != 0) {
        fprintf(stderr, "the openssl command is needed to make certificates\n");
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_travel_and_a_goodbye_is_the_end),
        cmocka_unit_test(a_wrong_name_or_authority_is_refused),
        cmocka_unit_test(a_client_certificate_can_be_required),
        cmocka_unit_test(a_plain_peer_is_refused_and_a_silent_one_times_out),
        cmocka_unit_test(writing_to_a_closed_peer_raises_no_signal),
        cmocka_unit_test(unusable_settings_are_named),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    return shell("rm -rf %s%s", place, "") == 0 ? rc : 1;
}
