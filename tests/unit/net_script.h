/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One script of socket calls for every environment: what each step answered, as text. The POSIX
 * environment and the simulated one have to say the same, line by line (net_script_expected).
 * Waits are there to let bytes arrive; no line depends on how long anything took.
 */
#ifndef TESTS_UNIT_NET_SCRIPT_H
#define TESTS_UNIT_NET_SCRIPT_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "env/env.h"

struct net_script {
    struct wk_env *env;
    char said[16384];
    size_t at;
    struct wk_socket *listener;
    struct wk_socket *client;
    struct wk_socket *server;
    struct wk_address address;
    struct wk_error err;
};

/* As Linux answers over loopback. */
static const char *const net_script_expected[] = {
    "resolve nothing: invalid, resolve : not the name of a host",
    "count 77",
    "localhost: 1",
    "10.1.2.3:80 0",
    "127.9.8.7:80 1",
    "[::1]:80 1",
    "[fd00::1:2]:80 0",
    "[::ffff:127.0.0.1]:80 1",
    "listen: ok",
    "local address: ok, port chosen, loopback 1",
    "listen again: conflict, listen on : Address already in use (EADDRINUSE)",
    "listen abroad: invalid, listen on : Not an address of this host (EADDRNOTAVAIL)",
    "accept nobody: timeout, accept: Timed out (ETIMEDOUT)",
    "accept nobody soon: timeout, accept: Timed out (ETIMEDOUT)",
    "untouched 1",
    "connect: ok",
    "accept: ok",
    "peer is the client: ok 1",
    "read nothing: timeout, read from a socket: Timed out (ETIMEDOUT)",
    "read nothing now: timeout, read from a socket: Timed out (ETIMEDOUT)",
    "write pieces: ok 5",
    "read pieces: ok",
    "read pieces: \"abcde\"",
    "write nothing: ok",
    "write back: ok",
    "read back: ok",
    "read back: \"answer\"",
    "connect: ok",
    "accept: ok",
    "peer is the client: ok 1",
    "last words: ok",
    "write after shutdown: unavailable, write to a socket: Closed by the peer (EPIPE)",
    "read after shutdown: ok",
    "read after shutdown: \"\"",
    "peer reads the rest: ok",
    "peer reads the rest: \"bye\"",
    "peer reads the end: ok",
    "peer reads the end: \"\"",
    "peer reads the end again: ok",
    "peer reads the end again: \"\"",
    "peer goes on: ok",
    "peer is told: unavailable, write to a socket: Closed by the peer (EPIPE)",
    "peer is told again: unavailable, write to a socket: Closed by the peer (EPIPE)",
    "peer reads the end still: ok",
    "peer reads the end still: \"\"",
    "read after the peer went on: unavailable, read from a socket: Connection reset by peer "
    "(ECONNRESET)",
    "read once more: ok",
    "read once more: \"\"",
    "connect: ok",
    "accept: ok",
    "peer is the client: ok 1",
    "before close: ok",
    "rest after close: ok",
    "rest after close: \"rest\"",
    "end after close: ok",
    "end after close: \"\"",
    "write to the closed: ok",
    "write to the closed again: unavailable, write to a socket: Closed by the peer (EPIPE)",
    "read from the closed: ok",
    "read from the closed: \"\"",
    "connect: ok",
    "accept: ok",
    "peer is the client: ok 1",
    "words nobody reads: ok",
    "read the reset: unavailable, read from a socket: Connection reset by peer (ECONNRESET)",
    "read after the reset: ok",
    "read after the reset: \"\"",
    "write after the reset: unavailable, write to a socket: Closed by the peer (EPIPE)",
    "connect: ok",
    "accept: ok",
    "peer is the client: ok 1",
    "words nobody reads: ok",
    "write the reset: unavailable, write to a socket: Connection reset by peer (ECONNRESET)",
    "write again: unavailable, write to a socket: Closed by the peer (EPIPE)",
    "read then: ok",
    "read then: \"\"",
    "connect: ok",
    "accept: ok",
    "peer is the client: ok 1",
    "words nobody reads: ok",
    "words somebody reads: ok",
    "read what came before the reset: ok",
    "read what came before the reset: \"read\"",
    "then the reset: unavailable, read from a socket: Connection reset by peer (ECONNRESET)",
    "connect: ok",
    "accept: ok",
    "peer is the client: ok 1",
    "a full way: timeout, write to a socket: Timed out (ETIMEDOUT)",
    "all that was taken arrives: 1, bounded 1",
    "room again: ok",
    "read more: ok",
    "read more: \"more\"",
    "connect: ok",
    "accept: ok",
    "peer is the client: ok 1",
    "blocked read: ok",
    "size 0",
    "connect: ok",
    "accept: ok",
    "peer is the client: ok 1",
    "blocked write: unavailable, write to a socket: Closed by the peer (EPIPE)",
    "blocked accept: invalid, accept: Invalid argument (EINVAL)",
    "accept after shutdown: invalid, accept: Invalid argument (EINVAL)",
    "connect after shutdown: unavailable, connect to : Connection refused (ECONNREFUSED)",
    "listen: ok",
    "local address: ok, port chosen, loopback 1",
    "first in the queue: ok",
    "second in the queue: ok",
    "no room in the queue: timeout, connect to : Timed out (ETIMEDOUT)",
    "accept one: ok",
    "room again: ok",
    "read in the queue of a closed listener: unavailable, read from a socket: Connection reset by "
    "peer (ECONNRESET)",
    "connect to nobody: unavailable, connect to : Connection refused (ECONNREFUSED)",
    "an accepted one lives: ok",
    "and is heard: ok",
    "and is heard: \"hello\"",
    "the port is free again: ok",
    "untouched 1",
    "",
};

/* ---- saying ------------------------------------------------------------------------------ */

__attribute__((format(printf, 2, 3))) static void net_say(struct net_script *s, const char *format,
                                                          ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(s->said + s->at, sizeof s->said - s->at, format, args);
    va_end(args);
    s->at += n < 0 ? 0 : (size_t)n;
}

/* "step: ok", or the error with quoted names left out: ports differ. */
static void net_say_status(struct net_script *s, const char *step, enum wk_status status) {
    net_say(s, "%s: %s", step, wk_status_name(status));
    if (status != WK_OK) {
        const char *text = s->err.text;
        const char *open = strchr(text, '"');
        const char *shut = open == NULL ? NULL : strchr(open + 1, '"');
        int head = shut == NULL ? 0 : (int)(open - text);
        net_say(s, ", %.*s%s", head, text, shut == NULL ? text : shut + 1);
    }
    net_say(s, "\n");
}

static uint64_t net_in_ms(struct net_script *s, uint64_t ms) {
    return wk_now_ns(s->env) + ms * WK_NS_PER_MS;
}

static void net_settle(struct net_script *s) {
    uint64_t until = net_in_ms(s, 30);
    s->env->clock->sleep_until(s->env, until);
}

/* ---- steps ------------------------------------------------------------------------------- */

static struct wk_address net_numeric(struct net_script *s, const char *host, uint16_t port) {
    struct wk_address address;
    size_t count = 0;
    memset(&address, 0, sizeof address);
    uint64_t until = net_in_ms(s, 5000);
    enum wk_status status =
        s->env->net->resolve(s->env, host, port, until, &address, 1, &count, &s->err);
    if (status != WK_OK || count != 1)
        net_say_status(s, "resolve", status);
    return address;
}

static void net_listen_on(struct net_script *s, uint32_t backlog) {
    struct wk_address any = net_numeric(s, "127.0.0.1", 0);
    enum wk_status status = s->env->net->listen(s->env, &any, backlog, &s->listener, &s->err);
    net_say_status(s, "listen", status);
    status = s->env->net->local_address(s->env, s->listener, &s->address, &s->err);
    char text[64];
    s->env->net->address_text(s->env, &s->address, text, sizeof text);
    bool chosen = strncmp(text, "127.0.0.1:", 10) == 0 && strcmp(text, "127.0.0.1:0") != 0;
    net_say(s, "local address: %s, port %s, loopback %d\n", wk_status_name(status),
            chosen ? "chosen" : text, s->env->net->is_loopback(s->env, &s->address));
}

static enum wk_status net_call(struct net_script *s, struct wk_socket **out, uint64_t ms) {
    uint64_t until = net_in_ms(s, ms);
    return s->env->net->connect(s->env, &s->address, NULL, until, out, &s->err);
}

static enum wk_status net_answer(struct net_script *s, struct wk_socket **out, uint64_t ms) {
    struct wk_address peer;
    uint64_t until = net_in_ms(s, ms);
    return s->env->net->accept(s->env, s->listener, until, out, &peer, &s->err);
}

static void net_pair(struct net_script *s) {
    net_say_status(s, "connect", net_call(s, &s->client, 5000));
    struct wk_address peer;
    struct wk_address own;
    uint64_t until = net_in_ms(s, 5000);
    enum wk_status status =
        s->env->net->accept(s->env, s->listener, until, &s->server, &peer, &s->err);
    net_say_status(s, "accept", status);
    status = s->env->net->local_address(s->env, s->client, &own, &s->err);
    char a[64];
    char b[64];
    s->env->net->address_text(s->env, &own, a, sizeof a);
    s->env->net->address_text(s->env, &peer, b, sizeof b);
    net_say(s, "peer is the client: %s %d\n", wk_status_name(status), strcmp(a, b) == 0);
}

static void net_write(struct net_script *s, const char *step, struct wk_socket *to,
                      const char *text) {
    struct wk_span span = wk_span_text(text);
    size_t size = 77;
    uint64_t until = net_in_ms(s, 2000);
    enum wk_status status = s->env->net->writev(s->env, to, &span, 1, until, &size, &s->err);
    net_say_status(s, step, status);
    if (size != (status == WK_OK ? strlen(text) : 77))
        net_say(s, "%s: size %zu\n", step, size);
}

static void net_read(struct net_script *s, const char *step, struct wk_socket *from, uint64_t ms) {
    char got[64];
    size_t size = 77;
    uint64_t until = net_in_ms(s, ms);
    enum wk_status status = s->env->net->read(s->env, from, got, sizeof got, until, &size, &s->err);
    net_say_status(s, step, status);
    if (status == WK_OK)
        net_say(s, "%s: \"%.*s\"\n", step, (int)size, got);
    else if (size != 77)
        net_say(s, "%s: size %zu\n", step, size);
}

static void net_close(struct net_script *s, struct wk_socket **socket) {
    if (*socket != NULL)
        s->env->net->close(s->env, *socket);
    *socket = NULL;
}

static void net_close_pair(struct net_script *s) {
    net_close(s, &s->client);
    net_close(s, &s->server);
}

/* ---- scenes ------------------------------------------------------------------------------ */

static void net_scene_listen(struct net_script *s) {
    struct wk_socket *second = NULL;
    net_listen_on(s, 8);
    net_say_status(s, "listen again",
                   s->env->net->listen(s->env, &s->address, 8, &second, &s->err));
    struct wk_address foreign = net_numeric(s, "203.0.113.7", 4321);
    net_say_status(s, "listen abroad", s->env->net->listen(s->env, &foreign, 8, &second, &s->err));
    net_say_status(s, "accept nobody", net_answer(s, &second, 0));
    net_say_status(s, "accept nobody soon", net_answer(s, &second, 20));
    net_say(s, "untouched %d\n", second == NULL);
}

static void net_scene_bytes(struct net_script *s) {
    net_pair(s);
    net_read(s, "read nothing", s->server, 20);
    net_read(s, "read nothing now", s->server, 0);
    const struct wk_span spans[] = {wk_span_text("ab"), wk_span(NULL, 0), wk_span_text("cde")};
    size_t size = 0;
    uint64_t until = net_in_ms(s, 2000);
    enum wk_status status = s->env->net->writev(s->env, s->client, spans, 3, until, &size, &s->err);
    net_say(s, "write pieces: %s %zu\n", wk_status_name(status), size);
    net_settle(s);
    net_read(s, "read pieces", s->server, 0);
    net_write(s, "write nothing", s->client, "");
    net_write(s, "write back", s->server, "answer");
    net_read(s, "read back", s->client, 2000);
    net_close_pair(s);
}

/* One side says that it has said all; the other side goes on talking. */
static void net_scene_shutdown(struct net_script *s) {
    net_pair(s);
    net_write(s, "last words", s->client, "bye");
    s->env->net->shutdown(s->env, s->client);
    net_write(s, "write after shutdown", s->client, "x");
    net_read(s, "read after shutdown", s->client, 2000);
    net_settle(s);
    net_read(s, "peer reads the rest", s->server, 2000);
    net_read(s, "peer reads the end", s->server, 2000);
    net_read(s, "peer reads the end again", s->server, 0);
    net_write(s, "peer goes on", s->server, "x");
    net_settle(s);
    net_write(s, "peer is told", s->server, "x");
    net_write(s, "peer is told again", s->server, "x");
    net_read(s, "peer reads the end still", s->server, 0);
    net_read(s, "read after the peer went on", s->client, 0);
    net_read(s, "read once more", s->client, 0);
    s->env->net->shutdown(s->env, s->client);
    net_close_pair(s);
}

static void net_scene_close(struct net_script *s) {
    net_pair(s);
    net_write(s, "before close", s->server, "rest");
    net_close(s, &s->server);
    net_settle(s);
    net_read(s, "rest after close", s->client, 2000);
    net_read(s, "end after close", s->client, 2000);
    net_write(s, "write to the closed", s->client, "x");
    net_settle(s);
    net_write(s, "write to the closed again", s->client, "x");
    net_read(s, "read from the closed", s->client, 0);
    net_close_pair(s);
}

static void net_scene_unread(struct net_script *s) {
    net_pair(s);
    net_write(s, "words nobody reads", s->client, "unread");
    net_settle(s);
    net_close(s, &s->server);
    net_settle(s);
    net_read(s, "read the reset", s->client, 2000);
    net_read(s, "read after the reset", s->client, 2000);
    net_write(s, "write after the reset", s->client, "x");
    net_close_pair(s);

    net_pair(s);
    net_write(s, "words nobody reads", s->client, "unread");
    net_settle(s);
    net_close(s, &s->server);
    net_settle(s);
    net_write(s, "write the reset", s->client, "x");
    net_write(s, "write again", s->client, "x");
    net_read(s, "read then", s->client, 0);
    net_close_pair(s);

    net_pair(s);
    net_write(s, "words nobody reads", s->client, "unread");
    net_write(s, "words somebody reads", s->server, "read");
    net_settle(s);
    net_close(s, &s->server);
    net_settle(s);
    net_read(s, "read what came before the reset", s->client, 2000);
    net_read(s, "then the reset", s->client, 2000);
    net_close_pair(s);
}

static size_t net_fill(struct net_script *s) {
    static char block[65536];
    size_t total = 0;
    for (;;) {
        struct wk_span span = wk_span(block, sizeof block);
        size_t size = 0;
        uint64_t until = net_in_ms(s, 60);
        enum wk_status status =
            s->env->net->writev(s->env, s->client, &span, 1, until, &size, &s->err);
        if (status != WK_OK) {
            net_say_status(s, "a full way", status);
            return total;
        }
        total += size;
    }
}

static void net_scene_pressure(struct net_script *s) {
    static char room[65536];
    net_pair(s);
    size_t sent = net_fill(s);
    size_t got = 0;
    while (got < sent) {
        size_t size = 0;
        uint64_t until = net_in_ms(s, 2000);
        if (s->env->net->read(s->env, s->server, room, sizeof room, until, &size, &s->err) !=
                WK_OK ||
            size == 0)
            break;
        got += size;
    }
    net_say(s, "all that was taken arrives: %d, bounded %d\n", got == sent,
            sent > 0 && sent < (64u << 20));
    net_write(s, "room again", s->client, "more");
    net_read(s, "read more", s->server, 2000);
    net_close_pair(s);
}

/* ---- a call of another thread that shutdown ends */

struct net_blocked {
    struct net_script *s;
    char step[16];
    enum wk_status status;
    struct wk_error err;
    size_t size;
};

static void net_blocked_main(void *arg) {
    struct net_blocked *b = arg;
    struct net_script *s = b->s;
    struct wk_env *env = s->env;
    static char block[65536];
    struct wk_span span = wk_span(block, sizeof block);
    struct wk_socket *none;
    struct wk_address peer;
    if (strcmp(b->step, "accept") == 0)
        b->status = env->net->accept(env, s->listener, WK_FOREVER, &none, &peer, &b->err);
    else if (strcmp(b->step, "read") == 0)
        b->status = env->net->read(env, s->client, block, 1, WK_FOREVER, &b->size, &b->err);
    else
        do
            b->status = env->net->writev(env, s->client, &span, 1, WK_FOREVER, &b->size, &b->err);
        while (b->status == WK_OK);
}

static void net_shut_blocked(struct net_script *s, const char *step, struct wk_socket *socket) {
    struct net_blocked b = {.s = s, .size = 77};
    struct wk_thread *thread;
    snprintf(b.step, sizeof b.step, "%s", step);
    enum wk_status status =
        s->env->threads->start(s->env, "blocked", net_blocked_main, &b, &thread, &s->err);
    if (status != WK_OK) {
        net_say_status(s, "start", status);
        return;
    }
    net_settle(s);
    s->env->net->shutdown(s->env, socket);
    s->env->threads->join(s->env, thread);
    s->err = b.err;
    net_say(s, "blocked ");
    net_say_status(s, step, b.status);
    if (strcmp(step, "read") == 0)
        net_say(s, "size %zu\n", b.size);
}

static void net_scene_blocked(struct net_script *s) {
    net_pair(s);
    net_shut_blocked(s, "read", s->client);
    net_close_pair(s);
    net_pair(s);
    net_shut_blocked(s, "write", s->client);
    net_close_pair(s);
    net_shut_blocked(s, "accept", s->listener);
    struct wk_socket *none = NULL;
    net_say_status(s, "accept after shutdown", net_answer(s, &none, 0));
    net_say_status(s, "connect after shutdown", net_call(s, &none, 2000));
    net_close(s, &s->listener);
}

static void net_scene_backlog(struct net_script *s) {
    struct wk_socket *waiting[2] = {NULL, NULL};
    struct wk_socket *none = NULL;
    net_listen_on(s, 1);
    net_say_status(s, "first in the queue", net_call(s, &waiting[0], 2000));
    net_say_status(s, "second in the queue", net_call(s, &waiting[1], 2000));
    net_settle(s);
    net_say_status(s, "no room in the queue", net_call(s, &none, 100));
    net_say_status(s, "accept one", net_answer(s, &s->server, 2000));
    net_say_status(s, "room again", net_call(s, &s->client, 5000));
    net_close(s, &s->listener);
    net_settle(s);
    net_read(s, "read in the queue of a closed listener", waiting[1], 2000);
    net_say_status(s, "connect to nobody", net_call(s, &none, 2000));
    net_write(s, "an accepted one lives", s->server, "hello");
    net_read(s, "and is heard", waiting[0], 2000);
    enum wk_status status = s->env->net->listen(s->env, &s->address, 8, &s->listener, &s->err);
    net_say_status(s, "the port is free again", status);
    net_say(s, "untouched %d\n", none == NULL);
    net_close(s, &waiting[0]);
    net_close(s, &waiting[1]);
    net_close_pair(s);
    net_close(s, &s->listener);
}

static void net_scene_names(struct net_script *s) {
    struct wk_address found[8];
    size_t count = 77;
    uint64_t until = net_in_ms(s, 5000);
    enum wk_status status = s->env->net->resolve(s->env, "", 80, until, found, 8, &count, &s->err);
    net_say_status(s, "resolve nothing", status);
    net_say(s, "count %zu\n", count);
    status = s->env->net->resolve(s->env, "localhost", 80, until, found, 8, &count, &s->err);
    bool loopback = status == WK_OK && count > 0;
    for (size_t i = 0; loopback && i < count; i++)
        loopback = s->env->net->is_loopback(s->env, &found[i]);
    net_say(s, "localhost: %d\n", loopback);
    static const char *const hosts[] = {"10.1.2.3", "127.9.8.7", "::1", "fd00::1:2",
                                        "::ffff:127.0.0.1"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct wk_address a = net_numeric(s, hosts[i], 80);
        char text[80];
        s->env->net->address_text(s->env, &a, text, sizeof text);
        net_say(s, "%s %d\n", text, s->env->net->is_loopback(s->env, &a));
    }
}

static void net_script_run(struct net_script *s) {
    net_scene_names(s);
    net_scene_listen(s);
    net_scene_bytes(s);
    net_scene_shutdown(s);
    net_scene_close(s);
    net_scene_unread(s);
    net_scene_pressure(s);
    net_scene_blocked(s);
    net_scene_backlog(s);
}

/* The first line that differs, or NULL. */
static const char *net_script_differs(const struct net_script *s, const char **expected) {
    static char line[512];
    const char *at = s->said;
    for (size_t i = 0; *at != 0 || net_script_expected[i][0] != 0; i++) {
        size_t size = strcspn(at, "\n");
        snprintf(line, sizeof line, "%.*s", (int)size, at);
        *expected = net_script_expected[i];
        if (strcmp(line, *expected) != 0)
            return line;
        at += size + (at[size] == '\n');
    }
    return NULL;
}

#endif
