/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world of an echo server and clients, under faults, with a judge: each byte that comes back is
 * the one that was sent at its place, or a flip is known of; nothing comes that was not sent; every
 * call ends by its deadline; without faults everything comes back.
 */
#ifndef TESTS_UNIT_SIM_ECHO_H
#define TESTS_UNIT_SIM_ECHO_H

#include <stdio.h>
#include <string.h>

#include "chaos.h"
#include "disk.h"
#include "fault.h"
#include "net.h"
#include "pool.h"
#include "program.h"
#include "report.h"
#include "sched.h"
#include "seed.h"
#include "trace.h"

#define ECHO_PORT        7000u
#define ECHO_CLIENTS     3u
#define ECHO_CONNECTIONS 10u /* of each client, one after the other */
#define ECHO_SERVED_MAX  96u /* by one process of the server */
#define ECHO_CALL_NS     (20 * WK_NS_PER_S)
#define ECHO_LATE_NS     (2 * WK_NS_PER_S) /* others run first; time passes in their calls */

struct echo_client {
    struct sim_program program;
    char name[20];
    struct sim_rng rng;
    uint32_t next; /* connection */
};

struct echo_world {
    struct sim_plan plan;
    struct sim_program server;
    struct echo_client clients[ECHO_CLIENTS];
    struct sim_rng rng;
    bool tls;
    bool lossless; /* no fault of the network and no crash: all has to come back */
    uint32_t completed;
    uint32_t failed;
    uint64_t bytes;
    uint64_t wrong;
};

static struct echo_world echo;

/* ---- deadlines */

static void echo_check_time(const char *what, uint64_t start_ns) {
    if (sim_now() > start_ns + ECHO_CALL_NS + ECHO_LATE_NS + sim_self()->process->stopped_ns)
        sim_violate("bounded", "%s took %llu ms", what,
                    (unsigned long long)((sim_now() - start_ns) / WK_NS_PER_MS));
}

static enum wk_status echo_read(struct wk_env *env, struct wk_socket *s, void *to, size_t size,
                                size_t *got) {
    uint64_t start = sim_now();
    uint64_t until = wk_now_ns(env) + ECHO_CALL_NS;
    enum wk_status status = env->net->read(env, s, to, size, until, got, NULL);
    echo_check_time("read", start);
    return status;
}

static enum wk_status echo_write(struct wk_env *env, struct wk_socket *s, const uint8_t *bytes,
                                 size_t size, size_t *sent) {
    struct wk_span pieces[2] = {wk_span(bytes, size / 3),
                                wk_span(bytes + size / 3, size - size / 3)};
    uint64_t start = sim_now();
    uint64_t until = wk_now_ns(env) + ECHO_CALL_NS;
    enum wk_status status = env->net->writev(env, s, pieces, 2, until, sent, NULL);
    echo_check_time("writev", start);
    return status;
}

/* ---- the server */

struct echo_served {
    struct echo_daemon *daemon;
    struct wk_socket *socket;
    struct wk_thread *thread;
};

struct echo_daemon {
    struct wk_env *env;
    struct wk_socket *listener;
    struct wk_tls *tls;
    struct echo_served served[ECHO_SERVED_MAX];
    uint32_t count;
};

static bool echo_all(struct wk_env *env, struct wk_socket *s, const uint8_t *bytes, size_t size) {
    for (size_t at = 0, sent = 0; at < size; at += sent) {
        if (echo_write(env, s, bytes + at, size - at, &sent) != WK_OK)
            return false;
    }
    return true;
}

static void echo_serve(void *arg) {
    struct echo_served *c = arg;
    struct wk_env *env = c->daemon->env;
    uint8_t bytes[3000];
    size_t got = 1;
    bool fine = true;
    if (c->daemon->tls != NULL) {
        uint64_t until = wk_now_ns(env) + ECHO_CALL_NS;
        fine = env->net->tls_accept(env, c->socket, c->daemon->tls, until, NULL) == WK_OK;
    }
    while (fine && got > 0) {
        fine = echo_read(env, c->socket, bytes, sizeof bytes, &got) == WK_OK;
        fine = fine && echo_all(env, c->socket, bytes, got);
    }
    env->net->close(env, c->socket);
}

static void echo_accept(void *arg) {
    struct echo_daemon *d = arg;
    struct wk_env *env = d->env;
    enum wk_status status = WK_OK;
    while (status != WK_INVALID && d->count < ECHO_SERVED_MAX) {
        struct echo_served *c = &d->served[d->count];
        struct wk_address peer;
        c->daemon = d;
        status = env->net->accept(env, d->listener, WK_FOREVER, &c->socket, &peer, NULL);
        if (status != WK_OK) {
            uint64_t soon = wk_now_ns(env) + WK_NS_PER_MS; /* no descriptor: not at full speed */
            env->clock->sleep_until(env, soon);
        } else if (env->threads->start(env, "serve", echo_serve, c, &c->thread, NULL) == WK_OK) {
            d->count++;
        } else {
            env->net->close(env, c->socket);
        }
    }
}

static void echo_listen(struct echo_daemon *d) {
    struct wk_address any;
    size_t count;
    if (d->env->net->resolve(d->env, "::", ECHO_PORT, 0, &any, 1, &count, NULL) != WK_OK)
        sim_violate("echo", "no address to listen on");
    struct wk_error err;
    while (d->env->net->listen(d->env, &any, 4, &d->listener, &err) != WK_OK) {
        if (err.status != WK_UNAVAILABLE)
            sim_violate("echo", "%s", err.text); /* the port is free again after a crash */
        uint64_t soon = wk_now_ns(d->env) + WK_NS_PER_MS;
        d->env->clock->sleep_until(d->env, soon);
    }
}

static void echo_put_certificates(struct sim_host *host) {
    sim_disk_put_text(host->disk, "/etc/tls/ca", "authority test-ca\n");
    sim_disk_put_text(host->disk, "/etc/tls/cert", "names server\nissuer test-ca\nkey k1\n");
    sim_disk_put_text(host->disk, "/etc/tls/key", "key k1\n");
}

static struct wk_tls *echo_tls(struct wk_env *env, bool server) {
    struct wk_tls_config config = {.ca_file = "/etc/tls/ca", .server_name = "server"};
    if (server)
        config =
            (struct wk_tls_config){.certificate_file = "/etc/tls/cert", .key_file = "/etc/tls/key"};
    struct wk_tls *tls = NULL;
    struct wk_error err;
    if (echo.tls && env->net->tls_create(env, &config, server, &tls, &err) != WK_OK)
        sim_violate("echo", "%s", err.text);
    return tls;
}

static void echo_server_main(struct sim_process *p, void *ctx) {
    (void)ctx;
    struct echo_daemon *d = sim_new(sizeof *d);
    struct wk_thread *acceptor;
    enum wk_signal signal = WK_SIGNAL_NONE;
    d->env = &p->env;
    (void)p->env.process->signals_take(&p->env, NULL);
    d->tls = echo_tls(&p->env, true);
    echo_listen(d);
    if (p->env.threads->start(&p->env, "accept", echo_accept, d, &acceptor, NULL) != WK_OK)
        sim_violate("echo", "no thread to accept with");
    while (signal != WK_SIGNAL_STOP) {
        if (p->env.process->signals_wait(&p->env, WK_FOREVER, &signal) != WK_OK)
            sim_violate("echo", "the wait for a signal ended without one");
    }
    p->env.net->shutdown(&p->env, d->listener);
    p->env.threads->join(&p->env, acceptor);
    for (uint32_t i = 0; i < d->count; i++)
        p->env.threads->join(&p->env, d->served[i].thread);
    p->env.net->close(&p->env, d->listener);
    p->env.net->tls_release(&p->env, d->tls);
}

/* ---- a client */

struct echo_exchange {
    struct wk_env *env;
    struct wk_socket *socket;
    uint64_t number; /* of the connection: what its bytes are */
    size_t size;
    size_t sent;
    size_t back;
};

static uint8_t echo_byte(const struct echo_exchange *x, size_t at) {
    uint64_t word = (x->number + 1) * 0x9e3779b97f4a7c15ull + at * 0xbf58476d1ce4e5b9ull;
    return (uint8_t)(word >> 56 ^ word >> 24);
}

static void echo_judge(struct echo_exchange *x, const uint8_t *bytes, size_t got) {
    if (x->back + got > x->sent)
        sim_violate("bytes", "%zu bytes come back of %zu that were sent", x->back + got, x->sent);
    for (size_t i = 0; i < got; i++)
        echo.wrong += bytes[i] != echo_byte(x, x->back + i);
    if (echo.wrong > (echo.tls ? 0 : sim_fault_count(SIM_FAULT_NET_FLIP)))
        sim_violate("bytes", "%llu wrong bytes", (unsigned long long)echo.wrong);
    x->back += got;
}

static void echo_reader(void *arg) {
    struct echo_exchange *x = arg;
    uint8_t bytes[2500];
    size_t got = 1;
    while (x->back < x->size && got > 0) {
        if (echo_read(x->env, x->socket, bytes, sizeof bytes, &got) != WK_OK)
            return;
        echo_judge(x, bytes, got);
    }
}

static void echo_writer(struct echo_exchange *x, struct sim_rng *rng) {
    uint8_t bytes[5000];
    while (x->sent < x->size) {
        size_t part = (size_t)sim_rng_log(rng, 1, sizeof bytes);
        if (part > x->size - x->sent)
            part = x->size - x->sent;
        for (size_t i = 0; i < part; i++)
            bytes[i] = echo_byte(x, x->sent + i);
        /* What a call takes may be on its way back before it returns. */
        size_t before = x->sent;
        size_t sent = 0;
        x->sent += part;
        if (echo_write(x->env, x->socket, bytes, part, &sent) != WK_OK)
            return;
        if (sent < part && x->back <= before + sent)
            x->sent = before + sent;
        else if (sent < part)
            sim_violate("bytes", "more came back than a write took");
    }
}

static struct wk_socket *echo_connect(struct wk_env *env, struct wk_tls *tls) {
    struct wk_address found[4];
    size_t count = 0;
    uint64_t until = wk_now_ns(env) + ECHO_CALL_NS;
    uint64_t start = sim_now();
    struct wk_socket *socket = NULL;
    if (env->net->resolve(env, "host-0", ECHO_PORT, until, found, 4, &count, NULL) != WK_OK)
        count = 0;
    echo_check_time("resolve", start);
    for (size_t i = 0; i < count && socket == NULL; i++) {
        start = sim_now();
        until = wk_now_ns(env) + ECHO_CALL_NS;
        if (env->net->connect(env, &found[i], tls, until, &socket, NULL) != WK_OK)
            socket = NULL;
        echo_check_time("connect", start);
    }
    return socket;
}

static void echo_exchange(struct echo_client *c, struct wk_env *env, struct wk_tls *tls,
                          uint32_t number) {
    struct echo_exchange *x = sim_new(sizeof *x);
    struct wk_thread *reader;
    x->env = env;
    x->number = number;
    x->size = (size_t)sim_rng_log(&c->rng, 1, 200000);
    x->socket = echo_connect(env, tls);
    bool all = false;
    if (x->socket != NULL) {
        if (env->threads->start(env, "reader", echo_reader, x, &reader, NULL) != WK_OK)
            sim_violate("echo", "no thread to read with");
        echo_writer(x, &c->rng);
        env->threads->join(env, reader);
        all = x->back == x->size;
        env->net->close(env, x->socket);
    }
    if (echo.lossless && !all)
        sim_violate("bytes", "%zu of %zu bytes came back, though nothing failed", x->back, x->size);
    echo.completed += all;
    echo.failed += !all;
    echo.bytes += x->back;
}

static void echo_client_main(struct sim_process *p, void *ctx) {
    struct echo_client *c = ctx;
    struct wk_tls *tls = echo_tls(&p->env, false);
    if (c->next == 0) { /* the server has to be there first */
        uint64_t soon = wk_now_ns(&p->env) + WK_NS_PER_S;
        p->env.clock->sleep_until(&p->env, soon);
    }
    while (c->next < ECHO_CONNECTIONS) {
        uint32_t number = c->next++;
        echo_exchange(c, &p->env, tls, number);
        uint64_t soon = wk_now_ns(&p->env) + sim_rng_log(&c->rng, WK_NS_PER_MS, WK_NS_PER_S);
        p->env.clock->sleep_until(&p->env, soon);
    }
    p->env.net->tls_release(&p->env, tls);
    c->program.ending = true;
}

/* ---- the world */

static void echo_spawn(const char *name, void (*main)(void *arg), void *arg) {
    if (sim_spawn(NULL, name, main, arg) == NULL)
        sim_harness_fail("too many fibers");
}

static void echo_world_main(void *arg) {
    (void)arg;
    echo_spawn("server", sim_program_run, &echo.server);
    for (uint32_t i = 0; i < ECHO_CLIENTS; i++)
        echo_spawn("client", sim_program_run, &echo.clients[i].program);
    echo_spawn("chaos", sim_chaos, NULL);
    for (uint32_t i = 0; i < ECHO_CLIENTS; i++)
        sim_program_join(&echo.clients[i].program);
    sim_faults_heal();
    sim_net_heal();
    while (echo.server.process->stopped || !echo.server.process->alive)
        sim_sleep(WK_NS_PER_S);
    sim_sleep(5 * WK_NS_PER_S); /* the newest process takes signals */
    sim_program_stop(&echo.server);
    sim_program_join(&echo.server);
    sim_finish();
}

static void echo_hosts(void) {
    for (uint32_t i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "host-%u", i);
        echo_put_certificates(sim_host_create(name));
    }
}

/* Client 0 is on the host of the server. */
static void echo_programs(void) {
    echo.server = (struct sim_program){
        .name = "server", .host = sim_host_at(0), .main = echo_server_main, .rng = &echo.rng};
    sim_program_add(&echo.server);
    for (uint32_t i = 0; i < ECHO_CLIENTS; i++) {
        struct echo_client *c = &echo.clients[i];
        snprintf(c->name, sizeof c->name, "client-%u", i);
        sim_rng_seed(&c->rng, echo.plan.seed, c->name);
        c->program = (struct sim_program){.name = c->name,
                                          .host = sim_host_at(i),
                                          .main = echo_client_main,
                                          .ctx = c,
                                          .rng = &echo.rng};
        sim_program_add(&c->program);
    }
}

static void echo_run(uint64_t seed, const struct sim_schedule *schedule,
                     const struct sim_fault_plan *faults, bool tls) {
    memset(&echo, 0, sizeof echo);
    echo.plan.seed = seed;
    echo.plan.chaos_ms = 40;
    echo.tls = tls;
    echo.lossless = true;
    for (int i = 0; i < SIM_FAULT_COUNT; i++)
        echo.lossless = echo.lossless && faults->ppm[i] == 0;
    sim_rng_seed(&echo.rng, seed, "echo");
    sim_ground_reset(seed, schedule, faults);
    sim_chaos_reset(&echo.plan);
    echo_hosts();
    echo_programs();
    echo_spawn("world", echo_world_main, NULL);
    sim_run();
}

#endif
