/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated world of two hosts, a process on each, and short forms of socket calls. */
#ifndef TESTS_UNIT_SIM_NET_UTIL_H
#define TESTS_UNIT_SIM_NET_UTIL_H

#include "unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

#include "disk.h"
#include "fault.h"
#include "net.h"
#include "process.h"
#include "program.h"
#include "report.h"
#include "sched.h"
#include "seed.h"

static const struct sim_schedule plain = {SIM_UNIFORM, 500000, 250000, 0, 0, 100};
static struct sim_fault_plan faults;

/* A server's process on host-0, a client's on host-1. */
static struct sim_process *server_process;
static struct sim_process *client_process;
static struct wk_env *server;
static struct wk_env *client;

static inline int no_faults(void **state) {
    (void)state;
    memset(&faults, 0, sizeof faults);
    return 0;
}

static inline void world(uint64_t seed) {
    sim_ground_reset(seed, &plain, &faults);
    server_process = sim_process_create(sim_host_create("host-0"), "server");
    client_process = sim_process_create(sim_host_create("host-1"), "client");
    server = &server_process->env;
    client = &client_process->env;
}

static inline void start(struct sim_process *process, void (*main)(void *arg), void *arg) {
    assert_non_null(sim_spawn(process, "main", main, arg));
}

static inline void run(void) {
    sim_run();
    if (sim_violation()->happened)
        fail_msg("%s: %s", sim_violation()->rule, sim_violation()->text);
}

static inline void run_into(const char *rule, const char *words) {
    sim_run();
    assert_true(sim_violation()->happened);
    assert_string_equal(sim_violation()->rule, rule);
    if (strstr(sim_violation()->text, words) == NULL)
        fail_msg("\"%s\" is not about \"%s\"", sim_violation()->text, words);
}

static inline uint64_t in_ms(struct wk_env *env, uint64_t ms) {
    return wk_now_ns(env) + ms * WK_NS_PER_MS;
}

static inline void sleep_ms(struct wk_env *env, uint64_t ms) {
    uint64_t until = in_ms(env, ms);
    env->clock->sleep_until(env, until);
}

static inline struct wk_address numeric(struct wk_env *env, const char *host, uint16_t port) {
    struct wk_address address;
    size_t count;
    assert_int_equal(env->net->resolve(env, host, port, 0, &address, 1, &count, NULL), WK_OK);
    return address;
}

static inline struct wk_socket *listen_at(struct wk_env *env, const char *host, uint16_t port) {
    struct wk_address at = numeric(env, host, port);
    struct wk_socket *listener = NULL;
    assert_int_equal(env->net->listen(env, &at, 8, &listener, NULL), WK_OK);
    return listener;
}

static inline struct wk_socket *accept_one(struct wk_env *env, struct wk_socket *listener) {
    struct wk_address peer;
    struct wk_socket *socket = NULL;
    struct wk_error err;
    if (env->net->accept(env, listener, WK_FOREVER, &socket, &peer, &err) != WK_OK)
        fail_msg("%s", err.text);
    return socket;
}

static inline struct wk_socket *connect_to(struct wk_env *env, const char *host, uint16_t port) {
    struct wk_address at = numeric(env, host, port);
    struct wk_socket *socket = NULL;
    struct wk_error err;
    sleep_ms(env, 100); /* the listener is there */
    if (env->net->connect(env, &at, NULL, WK_FOREVER, &socket, &err) != WK_OK)
        fail_msg("%s", err.text);
    return socket;
}

static inline enum wk_status write_text(struct wk_env *env, struct wk_socket *socket,
                                        const char *text) {
    struct wk_span span = wk_span_text(text);
    size_t size;
    return env->net->writev(env, socket, &span, 1, WK_FOREVER, &size, NULL);
}

static inline enum wk_status read_some(struct wk_env *env, struct wk_socket *socket, uint64_t ms,
                                       size_t *size, struct wk_error *err) {
    char bytes[64];
    uint64_t until = ms == UINT64_MAX ? WK_FOREVER : in_ms(env, ms);
    return env->net->read(env, socket, bytes, sizeof bytes, until, size, err);
}

static inline void put_certificates(void) {
    for (uint32_t i = 0; i < 2; i++) {
        struct sim_disk *disk = sim_host_at(i)->disk;
        sim_disk_put_text(disk, "/tls/ca", "authority other\nauthority ca-1\n");
        sim_disk_put_text(disk, "/tls/other-ca", "authority ca-2\n");
        sim_disk_put_text(disk, "/tls/cert", "names host-0,10.0.0.1\nissuer ca-1\nkey k1\n");
        sim_disk_put_text(disk, "/tls/key", "key k1\n");
        sim_disk_put_text(disk, "/tls/other-key", "key k2\n");
    }
}

static const struct wk_tls_config server_config = {.certificate_file = "/tls/cert",
                                                   .key_file = "/tls/key"};
static const struct wk_tls_config client_config = {.ca_file = "/tls/ca", .server_name = "host-0"};

static inline struct wk_tls *context(struct wk_env *env, const struct wk_tls_config *config,
                                     bool listens) {
    struct wk_tls *tls = NULL;
    struct wk_error err;
    if (env->net->tls_create(env, config, listens, &tls, &err) != WK_OK)
        fail_msg("%s", err.text);
    return tls;
}

#endif
