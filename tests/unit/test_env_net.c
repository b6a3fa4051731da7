/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets and shared memory of the POSIX environment, on loopback. */
#include "unit/cmocka_all.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "env/posix/posix.h"

static struct wk_env *env;
static struct wk_error err;

static uint64_t in_ms(uint64_t ms) {
    return wk_now_ns(env) + ms * WK_NS_PER_MS;
}

static struct wk_address loopback(uint16_t port) {
    struct wk_address address;
    size_t count = 0;
    assert_int_equal(
        env->net->resolve(env, "127.0.0.1", port, in_ms(1000), &address, 1, &count, &err), WK_OK);
    assert_int_equal(count, 1);
    return address;
}

struct pair {
    struct wk_socket *listener;
    struct wk_socket *client;
    struct wk_socket *server;
};

static void connect_pair(struct pair *p, const struct wk_address *at) {
    struct wk_address bound;
    struct wk_address peer;
    assert_int_equal(env->net->listen(env, at, 8, &p->listener, &err), WK_OK);
    assert_int_equal(env->net->local_address(env, p->listener, &bound, &err), WK_OK);
    assert_int_equal(env->net->connect(env, &bound, NULL, in_ms(5000), &p->client, &err), WK_OK);
    assert_int_equal(env->net->accept(env, p->listener, in_ms(5000), &p->server, &peer, &err),
                     WK_OK);
}

static void close_pair(struct pair *p) {
    env->net->close(env, p->client);
    env->net->close(env, p->server);
    env->net->close(env, p->listener);
}

/* ENV-130 */
static void addresses_are_told_apart(void **state) {
    (void)state;
    static const struct {
        const char *host;
        bool loopback;
        const char *text;
    } cases[] = {
        {"127.0.0.1", true, "127.0.0.1:80"}, {"127.9.8.7", true, "127.9.8.7:80"},
        {"::1", true, "[::1]:80"},           {"10.0.0.1", false, "10.0.0.1:80"},
        {"::2", false, "[::2]:80"},          {"::ffff:127.0.0.1", true, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct wk_address a;
        size_t count;
        assert_int_equal(
            env->net->resolve(env, cases[i].host, 80, in_ms(1000), &a, 1, &count, &err), WK_OK);
        assert_int_equal(env->net->is_loopback(env, &a), cases[i].loopback);
        char text[64];
        env->net->address_text(env, &a, text, sizeof text);
        if (cases[i].text != NULL)
            assert_string_equal(text, cases[i].text);
    }
    struct wk_address a;
    size_t count = 77;
    assert_int_equal(env->net->resolve(env, "", 80, in_ms(10), &a, 1, &count, &err), WK_INVALID);
    assert_int_not_equal(
        env->net->resolve(env, "no-such-host.invalid", 80, in_ms(5000), &a, 1, &count, &err),
        WK_OK);
    assert_non_null(strstr(err.text, "no-such-host.invalid"));
    assert_int_equal(count, 77);
}

/* ENV-131 */
static void bytes_travel_and_the_end_is_seen(void **state) {
    (void)state;
    struct pair p;
    struct wk_address any = loopback(0);
    connect_pair(&p, &any);
    const struct wk_span spans[] = {wk_span_text("ab"), wk_span(NULL, 0), wk_span_text("cde")};
    size_t size = 0;
    assert_int_equal(env->net->writev(env, p.client, spans, 3, in_ms(1000), &size, &err), WK_OK);
    assert_int_equal(size, 5);
    char got[16];
    size_t total = 0;
    while (total < 5) {
        assert_int_equal(env->net->read(env, p.server, got + total, sizeof got - total, in_ms(1000),
                                        &size, &err),
                         WK_OK);
        total += size;
    }
    assert_memory_equal(got, "abcde", 5);
    env->net->shutdown(env, p.client);
    assert_int_equal(env->net->read(env, p.server, got, sizeof got, in_ms(1000), &size, &err),
                     WK_OK);
    assert_int_equal(size, 0);
    close_pair(&p);
}

/* ENV-132 */
static void every_wait_ends_at_its_deadline(void **state) {
    (void)state;
    struct pair p;
    struct wk_address any = loopback(0);
    connect_pair(&p, &any);
    char byte;
    size_t size = 9;
    assert_int_equal(env->net->read(env, p.server, &byte, 1, in_ms(20), &size, &err), WK_TIMEOUT);
    assert_int_equal(size, 9);
    struct wk_socket *none;
    struct wk_address peer;
    assert_int_equal(env->net->accept(env, p.listener, in_ms(20), &none, &peer, &err), WK_TIMEOUT);
    /* A peer that never reads fills the buffers. */
    static char block[1 << 20];
    const struct wk_span span = wk_span(block, sizeof block);
    enum wk_status status;
    int writes = 0;
    do {
        status = env->net->writev(env, p.client, &span, 1, in_ms(50), &size, &err);
    } while (status == WK_OK && ++writes < 1000);
    assert_int_equal(status, WK_TIMEOUT);
    close_pair(&p);
}

/* ENV-133 */
static void a_closed_peer_is_an_error_and_no_signal(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_DFL);
    struct pair p;
    struct wk_address any = loopback(0);
    connect_pair(&p, &any);
    env->net->close(env, p.server);
    const struct wk_span span = wk_span_text("x");
    size_t size;
    enum wk_status status = WK_OK;
    for (int i = 0; i < 100 && status == WK_OK; i++)
        status = env->net->writev(env, p.client, &span, 1, in_ms(1000), &size, &err);
    assert_int_equal(status, WK_UNAVAILABLE);
    env->net->close(env, p.client);
    env->net->close(env, p.listener);
}

static void refusals_name_the_address(void **state) {
    (void)state;
    struct wk_address any = loopback(0);
    struct wk_socket *listener;
    struct wk_address bound;
    assert_int_equal(env->net->listen(env, &any, 1, &listener, &err), WK_OK);
    assert_int_equal(env->net->local_address(env, listener, &bound, &err), WK_OK);
    struct wk_socket *second;
    assert_int_equal(env->net->listen(env, &bound, 1, &second, &err), WK_CONFLICT);
    assert_non_null(strstr(err.text, "127.0.0.1:"));
    env->net->close(env, listener);
    struct wk_socket *client;
    assert_int_equal(env->net->connect(env, &bound, NULL, in_ms(1000), &client, &err),
                     WK_UNAVAILABLE);
    assert_non_null(strstr(err.text, "127.0.0.1:"));
    assert_non_null(strstr(err.text, "refused"));
}

static void *shut_down_soon(void *listener) {
    usleep(20000);
    env->net->shutdown(env, listener);
    return NULL;
}

/* ENV-134 */
static void shutdown_wakes_a_blocked_accept(void **state) {
    (void)state;
    struct wk_address any = loopback(0);
    struct wk_socket *listener;
    assert_int_equal(env->net->listen(env, &any, 1, &listener, &err), WK_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, shut_down_soon, listener), 0);
    struct wk_socket *none;
    struct wk_address peer;
    assert_int_not_equal(env->net->accept(env, listener, WK_FOREVER, &none, &peer, &err), WK_OK);
    pthread_join(thread, NULL);
    env->net->close(env, listener);
}

/* ---- UNIX sockets and segments ----------------------------------------------------------- */

static char place[64];

static struct wk_address unix_at(const char *name) {
    char path[96];
    snprintf(path, sizeof path, "%s/%s", place, name);
    unlink(path);
    struct wk_address address;
    assert_int_equal(env->net->unix_address(env, path, &address, &err), WK_OK);
    return address;
}

static void unix_paths_are_checked(void **state) {
    (void)state;
    struct wk_address address;
    assert_int_equal(env->net->unix_address(env, "relative", &address, &err), WK_INVALID);
    char path[256];
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    path[sizeof path - 1] = 0;
    assert_int_equal(env->net->unix_address(env, path, &address, &err), WK_TOO_LARGE);
}

/* ENV-135, ENV-136, ENV-137 */
static void a_segment_travels_and_is_sealed(void **state) {
    (void)state;
    struct pair p;
    struct wk_address at = unix_at("s");
    connect_pair(&p, &at);

    struct wk_peer peer;
    assert_int_equal(env->net->peer(env, p.server, &peer, &err), WK_OK);
    assert_int_equal(peer.user_id, getuid());
    assert_int_equal(peer.process_id, getpid());

    struct wk_shm *ours;
    assert_int_equal(env->shm->create(env, "test", 65536, &ours, &err), WK_OK);
    void *write_here;
    assert_int_equal(env->shm->map(env, ours, true, &write_here, &err), WK_OK);
    assert_int_equal(env->shm->seal(env, ours, &err), WK_OK);
    assert_int_equal(
        env->net->send_segments(env, p.client, wk_span_text("hi"), &ours, 1, in_ms(1000), &err),
        WK_OK);

    struct wk_shm *theirs[2] = {NULL, NULL};
    uint8_t bytes[8];
    size_t size;
    size_t count;
    assert_int_equal(env->net->receive_segments(env, p.server,
                                                (struct wk_span_mut){bytes, sizeof bytes}, &size,
                                                theirs, 2, &count, in_ms(1000), &err),
                     WK_OK);
    assert_int_equal(size, 2);
    assert_int_equal(count, 1);
    assert_int_equal(env->shm->size(env, theirs[0]), 65536);
    void *read_here;
    void *none = NULL;
    assert_int_not_equal(env->shm->map(env, theirs[0], true, &none, &err), WK_OK);
    assert_int_equal(env->shm->map(env, theirs[0], false, &read_here, &err), WK_OK);
    memcpy(write_here, "shared", 7);
    assert_string_equal((const char *)read_here, "shared");

    env->shm->close(env, theirs[0]);
    assert_string_equal((const char *)read_here, "shared"); /* mappings stay */
    env->shm->unmap(env, ours, read_here);
    env->shm->unmap(env, ours, write_here);
    env->shm->close(env, ours);
    close_pair(&p);
}

static void descriptors_nobody_asked_for_are_closed(void **state) {
    (void)state;
    struct pair p;
    struct wk_address at = unix_at("t");
    connect_pair(&p, &at);
    struct wk_shm *ours;
    assert_int_equal(env->shm->create(env, "test", 4096, &ours, &err), WK_OK);
    int before = dup(0);
    close(before);
    assert_int_equal(
        env->net->send_segments(env, p.client, wk_span_text("hi"), &ours, 1, in_ms(1000), &err),
        WK_OK);
    uint8_t bytes[8];
    size_t size = 0;
    size_t count = 0;
    assert_int_equal(env->net->receive_segments(env, p.server,
                                                (struct wk_span_mut){bytes, sizeof bytes}, &size,
                                                NULL, 0, &count, in_ms(1000), &err),
                     WK_INVALID);
    int after = dup(0);
    close(after);
    assert_int_equal(before, after);
    env->shm->close(env, ours);
    close_pair(&p);
}

static void absurd_segments_are_refused(void **state) {
    (void)state;
    struct wk_shm *segment = NULL;
    assert_int_not_equal(env->shm->create(env, "test", (size_t)1 << 60, &segment, &err), WK_OK);
    assert_null(segment);
    assert_non_null(strstr(err.text, "shared memory"));
}

static wk_atomic_u32 word;

static void *wake_soon(void *unused) {
    (void)unused;
    usleep(10000);
    wk_atomic_store_u32(&word, 1, WK_RELEASE, "test.word");
    env->shm->wake(env, &word, 1);
    return NULL;
}

/* ENV-138 */
static void a_word_is_waited_for(void **state) {
    (void)state;
    assert_int_equal(env->shm->wait(env, &word, 5, WK_FOREVER), WK_OK);
    assert_int_equal(env->shm->wait(env, &word, 0, in_ms(10)), WK_TIMEOUT);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_soon, NULL), 0);
    assert_int_equal(env->shm->wait(env, &word, 0, WK_FOREVER), WK_OK);
    pthread_join(thread, NULL);
}

int main(void) {
    env = wk_env_posix();
    snprintf(place, sizeof place, "/tmp/wk-net-XXXXXX");
    if (mkdtemp(place) == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_told_apart),
        cmocka_unit_test(bytes_travel_and_the_end_is_seen),
        cmocka_unit_test(every_wait_ends_at_its_deadline),
        cmocka_unit_test(a_closed_peer_is_an_error_and_no_signal),
        cmocka_unit_test(refusals_name_the_address),
        cmocka_unit_test(shutdown_wakes_a_blocked_accept),
        cmocka_unit_test(unix_paths_are_checked),
        cmocka_unit_test(a_segment_travels_and_is_sealed),
        cmocka_unit_test(descriptors_nobody_asked_for_are_closed),
        cmocka_unit_test(absurd_segments_are_refused),
        cmocka_unit_test(a_word_is_waited_for),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", place);
    return system(command) == 0 ? rc : 1;
}
