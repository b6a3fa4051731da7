/* SPDX-License-Identifier: Apache-2.0 */
/* Who is let in by simulated TLS, and what names lead to. */
#include "unit/sim_net_util.h"

/* ---- TLS */

struct meeting {
    struct wk_tls_config server;
    struct wk_tls_config client;
    bool plain_client;
    bool plain_server;
    enum wk_status server_status;
    enum wk_status client_status;
    enum wk_status first_read; /* of a client that was let in */
    struct wk_error server_err;
    struct wk_error client_err;
};

static void meet_server(void *arg) {
    struct meeting *m = arg;
    struct wk_socket *listener = listen_at(server, "0.0.0.0", 7000);
    struct wk_socket *socket = accept_one(server, listener);
    if (!m->plain_server) {
        struct wk_tls *tls = context(server, &m->server, true);
        uint64_t until = in_ms(server, 3000);
        m->server_status = server->net->tls_accept(server, socket, tls, until, &m->server_err);
        if (m->server_status == WK_OK)
            assert_int_equal(write_text(server, socket, "welcome"), WK_OK);
        server->net->close(server, socket);
        server->net->tls_release(server, tls);
    } else {
        sleep_ms(server, 5000);
        server->net->close(server, socket);
    }
    server->net->close(server, listener);
    sim_process_exit(server_process);
}

static void meet_client(void *arg) {
    struct meeting *m = arg;
    struct wk_tls *tls = m->plain_client ? NULL : context(client, &m->client, false);
    struct wk_address at = numeric(client, "10.0.0.1", 7000);
    struct wk_socket *socket = NULL;
    sleep_ms(client, 100);
    uint64_t until = in_ms(client, 3000);
    m->client_status = client->net->connect(client, &at, tls, until, &socket, &m->client_err);
    if (m->client_status == WK_OK) {
        size_t size = 0;
        if (m->plain_client)
            assert_int_equal(write_text(client, socket, "GET / HTTP/1.1\r\n\r\n"), WK_OK);
        m->first_read = read_some(client, socket, 20000, &size, &m->client_err);
        if (m->first_read == WK_OK)
            assert_int_equal(size, 7);
        if (m->first_read == WK_OK) { /* a goodbye is the end */
            assert_int_equal(read_some(client, socket, 20000, &size, NULL), WK_OK);
            assert_int_equal(size, 0);
        }
        client->net->close(client, socket);
    }
    client->net->tls_release(client, tls);
    sim_process_exit(client_process);
}

static void meet(struct meeting *m) {
    world(1);
    put_certificates();
    start(server_process, meet_server, m);
    start(client_process, meet_client, m);
    run();
}

/* SIM-16 */
static void tls_lets_in_who_belongs(void **state) {
    (void)state;
    struct meeting m = {.server = server_config, .client = client_config};
    meet(&m);
    assert_int_equal(m.server_status, WK_OK);
    assert_int_equal(m.client_status, WK_OK);
    assert_int_equal(m.first_read, WK_OK);
    m = (struct meeting){.server = server_config, .client = client_config};
    m.client.server_name = "10.0.0.1";
    meet(&m);
    assert_int_equal(m.client_status, WK_OK);
    m = (struct meeting){.server = server_config, .client = client_config};
    m.server.ca_file = "/tls/ca";
    m.server.require_client_certificate = true;
    m.client.certificate_file = "/tls/cert";
    m.client.key_file = "/tls/key";
    meet(&m);
    assert_int_equal(m.server_status, WK_OK);
    assert_int_equal(m.client_status, WK_OK);
}

/* SIM-16 */
static void tls_refuses_who_does_not(void **state) {
    (void)state;
    struct meeting m = {.server = server_config, .client = client_config};
    m.client.server_name = "host-1";
    meet(&m);
    assert_int_equal(m.client_status, WK_DENIED);
    assert_non_null(strstr(m.client_err.text, "certificate verify failed"));
    assert_int_equal(m.server_status, WK_DENIED);
    m = (struct meeting){.server = server_config, .client = client_config};
    m.client.ca_file = "/tls/other-ca";
    meet(&m);
    assert_int_equal(m.client_status, WK_DENIED);
    assert_non_null(strstr(m.client_err.text, "certificate verify failed"));
    m = (struct meeting){.server = server_config, .client = client_config};
    m.client.ca_file = NULL;
    meet(&m);
    assert_int_equal(m.client_status, WK_DENIED);
    m = (struct meeting){.server = server_config, .client = client_config};
    m.server.ca_file = "/tls/ca";
    m.server.require_client_certificate = true;
    meet(&m);
    assert_int_equal(m.server_status, WK_DENIED);
    assert_non_null(strstr(m.server_err.text, "did not return a certificate"));
    assert_int_equal(m.client_status, WK_OK); /* hears of it at its first read */
    assert_int_equal(m.first_read, WK_UNAVAILABLE);
    m = (struct meeting){.server = server_config, .plain_client = true};
    meet(&m);
    assert_int_equal(m.server_status, WK_DENIED);
    m = (struct meeting){.plain_server = true, .client = client_config};
    meet(&m);
    assert_int_equal(m.client_status, WK_TIMEOUT);
}

static void make_contexts(void *arg) {
    static const struct {
        struct wk_tls_config config;
        bool listens;
        const char *words;
    } cases[] = {
        {{.certificate_file = "/tls/cert"}, true, "go together"},
        {{.ca_file = NULL}, true, "needs a certificate"},
        {{.certificate_file = "/tls/cert",
          .key_file = "/tls/key",
          .require_client_certificate = true},
         true,
         "need authorities"},
        {{.ca_file = "/tls/ca"}, false, "name of the server"},
        {{.ca_file = "/tls/none", .server_name = "x"}, false, "/tls/none"},
        {{.ca_file = "/tls/key", .server_name = "x"}, false, "/tls/key"},
        {{.certificate_file = "/tls/ca", .key_file = "/tls/key"}, true, "/tls/ca"},
        {{.certificate_file = "/tls/cert", .key_file = "/tls/other-key"}, true, "/tls/other-key"},
    };
    (void)arg;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wk_tls *tls = NULL;
        struct wk_error err;
        assert_int_equal(
            client->net->tls_create(client, &cases[i].config, cases[i].listens, &tls, &err),
            WK_INVALID);
        assert_null(tls);
        if (strstr(err.text, cases[i].words) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, cases[i].words);
    }
    sim_process_exit(client_process);
}

/* SIM-16 */
static void unusable_tls_settings_are_named(void **state) {
    (void)state;
    world(1);
    put_certificates();
    start(client_process, make_contexts, NULL);
    run();
}

/* ---- names */

static void look_names_up(void *arg) {
    uint32_t *with_two = arg;
    struct wk_address found[4];
    struct wk_error err;
    size_t count = 0;
    assert_int_equal(
        client->net->resolve(client, "host-0", 7000, WK_FOREVER, found, 4, &count, &err), WK_OK);
    for (size_t i = 0; i < count; i++) {
        struct wk_socket *socket = NULL;
        assert_false(client->net->is_loopback(client, &found[i]));
        assert_int_equal(client->net->connect(client, &found[i], NULL, WK_FOREVER, &socket, &err),
                         WK_OK);
        client->net->close(client, socket);
    }
    *with_two += count == 2;
    assert_int_equal(
        client->net->resolve(client, "host-9", 7000, WK_FOREVER, found, 4, &count, &err),
        WK_INVALID);
    assert_non_null(strstr(err.text, "host-9"));
    assert_int_equal(client->net->resolve(client, "host-0", 7000, 0, found, 4, &count, &err),
                     WK_TIMEOUT);
    assert_int_equal(client->net->unix_address(client, "/run/x", found, &err), WK_UNAVAILABLE);
    assert_non_null(strstr(err.text, "not simulated yet"));
    sim_finish();
}

static void accept_on_all(void *arg) {
    (void)arg;
    struct wk_socket *listener = listen_at(server, "::", 7000);
    for (;;)
        (void)accept_one(server, listener);
}

static void names_lead_to_hosts(void **state) {
    (void)state;
    uint32_t with_two = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        world(seed);
        start(server_process, accept_on_all, NULL);
        start(client_process, look_names_up, &with_two);
        run();
    }
    assert_in_range(with_two, 5, 35);
}

static void meet_the_stale_address(void *arg) {
    struct wk_address found[4];
    struct wk_error err;
    size_t count = 0;
    struct wk_socket *socket = NULL;
    (void)arg;
    assert_int_equal(
        client->net->resolve(client, "host-0", 7000, WK_FOREVER, found, 4, &count, &err), WK_OK);
    assert_true(count >= 2);
    uint64_t until = in_ms(client, 5000);
    assert_int_not_equal(client->net->connect(client, &found[0], NULL, until, &socket, &err),
                         WK_OK);
    assert_int_equal(client->net->connect(client, &found[1], NULL, WK_FOREVER, &socket, &err),
                     WK_OK);
    sim_finish();
}

static void fail_to_resolve(void *arg) {
    struct wk_address found[4];
    struct wk_error err;
    size_t count = 77;
    (void)arg;
    assert_int_equal(
        client->net->resolve(client, "host-0", 7000, WK_FOREVER, found, 4, &count, &err),
        WK_UNAVAILABLE);
    assert_int_equal(count, 77);
    assert_int_equal(client->net->resolve(client, "10.0.0.1", 7000, 0, found, 4, &count, &err),
                     WK_OK);
    sim_finish();
}

static void names_can_fail_or_be_old(void **state) {
    (void)state;
    faults.ppm[SIM_FAULT_NET_STALE_ADDRESS] = 1000000;
    world(1);
    start(server_process, accept_on_all, NULL);
    start(client_process, meet_the_stale_address, NULL);
    run();
    memset(&faults, 0, sizeof faults);
    faults.ppm[SIM_FAULT_NET_RESOLVE] = 1000000;
    world(1);
    start(client_process, fail_to_resolve, NULL);
    run();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tls_lets_in_who_belongs, no_faults),
        cmocka_unit_test_setup(tls_refuses_who_does_not, no_faults),
        cmocka_unit_test_setup(unusable_tls_settings_are_named, no_faults),
        cmocka_unit_test_setup(names_lead_to_hosts, no_faults),
        cmocka_unit_test_setup(names_can_fail_or_be_old, no_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
