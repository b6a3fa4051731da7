/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated network, one property at a time: deadlines, windows, crashes, faults, misuse. */
#include "unit/sim_net_util.h"

/* ---- deadlines */

static void accept_for_ever(void *arg) {
    (void)arg;
    struct wk_socket *listener = listen_at(server, "0.0.0.0", 7000);
    for (;;)
        (void)accept_one(server, listener);
}

static void call_and_wait(void *arg) {
    struct wk_address at = numeric(client, "10.0.0.1", 7000);
    struct wk_socket *socket = NULL;
    struct wk_error err;
    sleep_ms(client, 100);
    uint64_t before = sim_now();
    uint64_t until = in_ms(client, 5000);
    assert_int_equal(client->net->connect(client, &at, NULL, until, &socket, &err), WK_TIMEOUT);
    assert_in_range(sim_now() - before, 5 * WK_NS_PER_S, 5 * WK_NS_PER_S + WK_NS_PER_MS);
    assert_non_null(strstr(err.text, "\"10.0.0.1:7000\""));
    assert_null(socket);
    *(bool *)arg = true;
    sim_finish();
}

/* SIM-12 */
static void a_black_hole_lasts_until_the_deadline(void **state) {
    (void)state;
    bool done = false;
    faults.ppm[SIM_FAULT_NET_BLACK_HOLE] = 1000000;
    world(1);
    start(server_process, accept_for_ever, NULL);
    start(client_process, call_and_wait, &done);
    run();
    assert_true(done);
}

static void read_through_a_partition(void *arg) {
    struct wk_socket *socket = connect_to(client, "10.0.0.1", 7000);
    size_t size = 77;
    sim_net_cut(sim_host_at(0), sim_host_at(1), 60 * WK_NS_PER_S); /* no answer gets through */
    assert_int_equal(write_text(client, socket, "question"), WK_OK);
    uint64_t before = sim_now();
    assert_int_equal(read_some(client, socket, 3000, &size, NULL), WK_TIMEOUT);
    assert_in_range(sim_now() - before, 3 * WK_NS_PER_S, 3 * WK_NS_PER_S + WK_NS_PER_MS);
    assert_int_equal(size, 77);
    /* What waits is sent again, at growing distances, when the way is free. */
    assert_int_equal(read_some(client, socket, UINT64_MAX, &size, NULL), WK_OK);
    assert_in_range(sim_now() - before, 59 * WK_NS_PER_S, 150 * WK_NS_PER_S);
    assert_int_equal(size, 6);
    *(bool *)arg = true;
    sim_finish();
}

static void answer_one(void *arg) {
    (void)arg;
    size_t size;
    struct wk_socket *listener = listen_at(server, "0.0.0.0", 7000);
    struct wk_socket *socket = accept_one(server, listener);
    assert_int_equal(read_some(server, socket, UINT64_MAX, &size, NULL), WK_OK);
    assert_int_equal(write_text(server, socket, "answer"), WK_OK);
}

/* SIM-12 */
static void a_partition_holds_bytes_back(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        bool done = false;
        world(seed);
        start(server_process, answer_one, NULL);
        start(client_process, read_through_a_partition, &done);
        run();
        assert_true(done);
    }
}

static void heal_soon(void *arg) {
    uint64_t *healed_ns = arg;
    sim_sleep(20 * WK_NS_PER_S);
    *healed_ns = sim_now();
    sim_net_heal();
}

static void read_after_healing(void *arg) {
    const uint64_t *healed_ns = arg;
    struct wk_socket *socket = connect_to(client, "10.0.0.1", 7000);
    size_t size;
    sim_net_cut(sim_host_at(0), sim_host_at(1), 4000 * WK_NS_PER_S);
    assert_int_equal(write_text(client, socket, "question"), WK_OK);
    assert_int_equal(read_some(client, socket, UINT64_MAX, &size, NULL), WK_OK);
    assert_true(*healed_ns > 0);
    assert_in_range(sim_now() - *healed_ns, 0, WK_NS_PER_S);
    sim_finish();
}

/* SIM-17 */
static void healing_ends_partitions_at_once(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        uint64_t healed_ns = 0;
        world(seed);
        start(server_process, answer_one, NULL);
        start(client_process, read_after_healing, &healed_ns);
        start(NULL, heal_soon, &healed_ns);
        run();
    }
}

static void write_and_wait(void *arg) {
    struct wk_socket *socket = connect_to(client, "10.0.0.1", 7000);
    struct wk_error err;
    size_t size;
    (void)arg;
    sim_net_cut(sim_host_at(1), sim_host_at(0), 4000 * WK_NS_PER_S);
    assert_int_equal(write_text(client, socket, "question"), WK_OK);
    assert_int_equal(read_some(client, socket, UINT64_MAX, &size, &err), WK_TIMEOUT);
    assert_non_null(strstr(err.text, "ETIMEDOUT"));
    assert_in_range(sim_now(), 900 * WK_NS_PER_S, 1100 * WK_NS_PER_S);
    sim_finish();
}

static void a_sender_gives_up_in_the_end(void **state) {
    (void)state;
    world(1);
    start(server_process, answer_one, NULL);
    start(client_process, write_and_wait, NULL);
    run();
}

/* ---- windows */

struct pressure {
    struct wk_socket *writing;
    size_t taken;
    size_t read;
    bool reads;
};

static void write_much(void *arg) {
    struct pressure *p = arg;
    static uint8_t block[1 << 20];
    p->writing = connect_to(client, "10.0.0.1", 7000);
    struct wk_span span = wk_span(block, sizeof block);
    for (;;) {
        size_t size = 0;
        uint64_t until = in_ms(client, 2000);
        enum wk_status status =
            client->net->writev(client, p->writing, &span, 1, until, &size, NULL);
        if (status == WK_TIMEOUT)
            break;
        assert_int_equal(status, WK_OK);
        assert_in_range(size, 1, sizeof block);
        p->taken += size;
    }
    assert_in_range(p->taken - p->read, 1, 512 * 1024);
    if (p->read == 0) { /* it goes on as soon as somebody reads */
        p->reads = true;
        size_t size = 0;
        assert_int_equal(client->net->writev(client, p->writing, &span, 1, WK_FOREVER, &size, NULL),
                         WK_OK);
        assert_true(p->read > 0);
    }
    sim_finish();
}

static void read_late(void *arg) {
    struct pressure *p = arg;
    struct wk_socket *listener = listen_at(server, "0.0.0.0", 7000);
    struct wk_socket *socket = accept_one(server, listener);
    while (!p->reads)
        sleep_ms(server, 100);
    size_t size;
    assert_int_equal(read_some(server, socket, 1000, &size, NULL), WK_OK);
    p->read += size;
    for (;;)
        sleep_ms(server, 100);
}

/* SIM-13 */
static void a_writer_waits_for_a_peer_that_does_not_read(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct pressure p = {.taken = 0};
        world(seed);
        start(server_process, read_late, &p);
        start(client_process, write_much, &p);
        run();
        assert_true(p.taken >= 4096);
    }
}

/* ---- crashes */

struct crash {
    bool unread; /* the server has bytes that it did not read */
    bool tls;
    enum wk_status status;
    size_t size;
    struct wk_error err;
    uint64_t crashed_ns;
    bool done;
};

static void accept_and_wait(void *arg) {
    const struct crash *c = arg;
    struct wk_socket *listener = listen_at(server, "0.0.0.0", 7000);
    struct wk_socket *socket = accept_one(server, listener);
    if (c->tls) {
        struct wk_tls *tls = context(server, &server_config, true);
        assert_int_equal(server->net->tls_accept(server, socket, tls, WK_FOREVER, NULL), WK_OK);
    }
    for (;;)
        sleep_ms(server, 1000);
}

static void wait_for_an_answer(void *arg) {
    struct crash *c = arg;
    struct wk_address at = numeric(client, "10.0.0.1", 7000);
    struct wk_tls *tls = c->tls ? context(client, &client_config, false) : NULL;
    struct wk_socket *socket = NULL;
    sleep_ms(client, 100);
    assert_int_equal(client->net->connect(client, &at, tls, WK_FOREVER, &socket, &c->err), WK_OK);
    if (c->unread)
        assert_int_equal(write_text(client, socket, "question"), WK_OK);
    c->status = read_some(client, socket, 100000, &c->size, &c->err);
    c->done = true;
    sim_finish();
}

static void crash_server(void *arg) {
    struct crash *c = arg;
    sim_sleep(10 * WK_NS_PER_S);
    c->crashed_ns = sim_now();
    sim_process_crash(server_process, "test");
}

static void run_crash(struct crash *c, uint64_t seed) {
    world(seed);
    put_certificates();
    start(server_process, accept_and_wait, c);
    start(client_process, wait_for_an_answer, c);
    start(NULL, crash_server, c);
    run();
    assert_true(c->done);
    assert_true(c->crashed_ns > 0);
    assert_in_range(sim_now() - c->crashed_ns, 0, WK_NS_PER_S);
}

/* SIM-14 */
static void the_host_closes_what_a_crashed_process_had_open(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct crash quiet = {.size = 77};
        run_crash(&quiet, seed);
        assert_int_equal(quiet.status, WK_OK);
        assert_int_equal(quiet.size, 0);
        struct crash unread = {.unread = true};
        run_crash(&unread, seed);
        assert_int_equal(unread.status, WK_UNAVAILABLE);
        assert_non_null(strstr(unread.err.text, "ECONNRESET"));
        struct crash tls = {.tls = true}; /* no goodbye */
        run_crash(&tls, seed);
        assert_int_equal(tls.status, WK_UNAVAILABLE);
        assert_non_null(strstr(tls.err.text, "ended in the middle"));
    }
}

static void listen_only(void *arg) {
    struct wk_address at = numeric(server, "0.0.0.0", 7000);
    struct wk_socket *listener = NULL;
    *(enum wk_status *)arg = server->net->listen(server, &at, 8, &listener, NULL);
    sleep_ms(server, 1);
}

/* SIM-14 */
static void a_crash_frees_the_ports(void **state) {
    (void)state;
    enum wk_status first, second, third;
    world(1);
    start(server_process, listen_only, &first);
    run();
    assert_int_equal(first, WK_OK);
    struct sim_process *holder = server_process;
    server_process = sim_process_create(sim_host_at(0), "next");
    server = &server_process->env;
    start(server_process, listen_only, &second);
    run();
    assert_int_equal(second, WK_CONFLICT);
    sim_process_crash(holder, "test");
    start(server_process, listen_only, &third);
    run();
    assert_int_equal(third, WK_OK);
}

static void speak_into_the_cut(void *arg) {
    (void)arg;
    struct wk_socket *listener = listen_at(server, "0.0.0.0", 7000);
    struct wk_socket *socket = accept_one(server, listener);
    sleep_ms(server, 100);
    assert_int_equal(write_text(server, socket, "nobody hears this"), WK_OK);
    for (;;)
        sleep_ms(server, 1000);
}

static enum wk_status connect_within(uint64_t ms, struct wk_error *err) {
    struct wk_address at = numeric(client, "10.0.0.1", 7000);
    struct wk_socket *none = NULL;
    uint64_t until = ms == UINT64_MAX ? WK_FOREVER : in_ms(client, ms);
    enum wk_status status = client->net->connect(client, &at, NULL, until, &none, err);
    assert_null(none);
    return status;
}

static void outlive_the_host(void *arg) {
    struct wk_socket *socket = connect_to(client, "10.0.0.1", 7000);
    struct wk_error err;
    size_t size = 77;
    (void)arg;
    sim_net_cut(sim_host_at(0), sim_host_at(1), 5 * WK_NS_PER_S);
    sleep_ms(client, 1000); /* the server has spoken, its host sends it again and again */
    sim_host_crash(sim_host_at(0), "test");
    assert_true(sim_link_blocked(sim_host_at(1), sim_host_at(0)));
    /* Nobody says anything, neither now nor when the host is back. */
    assert_int_equal(read_some(client, socket, 200000, &size, &err), WK_TIMEOUT);
    /* A new connection gets no answer while it is dark. */
    sim_net_darken(sim_host_at(0), 50 * WK_NS_PER_S);
    uint64_t dark_ns = sim_now() + 50 * WK_NS_PER_S;
    assert_int_equal(connect_within(5000, &err), WK_TIMEOUT);
    /* What is sent gets a reset from the host when it is back and knows nothing of it. */
    assert_int_equal(write_text(client, socket, "question"), WK_OK);
    assert_int_equal(read_some(client, socket, UINT64_MAX, &size, &err), WK_UNAVAILABLE);
    assert_non_null(strstr(err.text, "ECONNRESET"));
    assert_true(sim_now() >= dark_ns);
    assert_int_equal(connect_within(5000, &err), WK_UNAVAILABLE);
    assert_non_null(strstr(err.text, "ECONNREFUSED"));
    sim_finish();
}

/* SIM-14 */
static void a_host_without_power_says_nothing(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        world(seed);
        start(server_process, speak_into_the_cut, NULL);
        start(client_process, outlive_the_host, NULL);
        run();
    }
}

static void connect_through_cuts(void *arg) {
    struct wk_error err;
    (void)arg;
    sleep_ms(client, 100);
    assert_int_equal(connect_within(0, &err), WK_TIMEOUT);
    for (uint32_t from = 0; from < 2; from++) { /* either way */
        sim_net_cut(sim_host_at(from), sim_host_at(1 - from), 10 * WK_NS_PER_S);
        assert_int_equal(connect_within(5000, &err), WK_TIMEOUT);
        sleep_ms(client, 10000);
    }
    uint64_t before = sim_now();
    sim_net_cut(sim_host_at(0), sim_host_at(1), 1000 * WK_NS_PER_S);
    assert_int_equal(connect_within(UINT64_MAX, &err), WK_TIMEOUT); /* the kernel's own limit */
    assert_in_range(sim_now() - before, 126 * WK_NS_PER_S, 128 * WK_NS_PER_S);
    *(bool *)arg = true;
    sim_finish();
}

/* SIM-12 */
static void a_connection_needs_both_ways(void **state) {
    (void)state;
    bool done = false;
    world(1);
    start(server_process, accept_for_ever, NULL);
    start(client_process, connect_through_cuts, &done);
    run();
    assert_true(done);
}

/* ---- faults with a shape */

static void talk_in_two_parts(void *arg) {
    struct wk_socket *socket = connect_to(client, "10.0.0.1", 7000);
    (void)arg;
    assert_int_equal(write_text(client, socket, "first"), WK_OK); /* the end is faked behind it */
    enum wk_status status = WK_OK;
    for (int i = 0; i < 100 && status == WK_OK; i++) {
        status = write_text(client, socket, "second");
        sleep_ms(client, 100);
    }
    assert_int_equal(status, WK_UNAVAILABLE);
    sim_finish();
}

static void hear_the_first_part(void *arg) {
    struct wk_socket *listener = listen_at(server, "0.0.0.0", 7000);
    struct wk_socket *socket = accept_one(server, listener);
    size_t size;
    assert_int_equal(read_some(server, socket, UINT64_MAX, &size, NULL), WK_OK);
    assert_int_equal(size, 5);
    assert_int_equal(read_some(server, socket, UINT64_MAX, &size, NULL), WK_OK);
    assert_int_equal(size, 0);
    *(bool *)arg = true;
    for (;;)
        sleep_ms(server, 1000);
}

static void a_faked_end_cuts_a_message(void **state) {
    (void)state;
    bool heard = false;
    faults.ppm[SIM_FAULT_NET_HALF_CLOSE] = 1000000;
    world(1);
    start(server_process, hear_the_first_part, &heard);
    start(client_process, talk_in_two_parts, NULL);
    run();
    assert_true(heard);
}

static void write_into_a_reset(void *arg) {
    struct wk_socket *socket = connect_to(client, "10.0.0.1", 7000);
    uint64_t before = sim_now();
    enum wk_status status = WK_OK;
    for (int i = 0; i < 2 && status == WK_OK; i++)
        status = write_text(client, socket, "words");
    assert_int_equal(status, WK_UNAVAILABLE);
    assert_in_range(sim_now() - before, 0, WK_NS_PER_MS);
    *(bool *)arg = true;
    sim_finish();
}

static void a_reset_is_told_at_once(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        bool done = false;
        faults.ppm[SIM_FAULT_NET_RESET] = 1000000;
        world(seed);
        start(server_process, accept_for_ever, NULL);
        start(client_process, write_into_a_reset, &done);
        run();
        assert_true(done);
    }
}

static void wait_for_a_descriptor(void *arg) {
    struct wk_socket *listener = NULL;
    struct wk_socket *socket = NULL;
    struct wk_address peer;
    struct wk_address at = numeric(server, "0.0.0.0", 7000);
    struct wk_error err;
    (void)arg;
    assert_int_equal(server->net->listen(server, &at, 8, &listener, &err), WK_UNAVAILABLE);
    assert_non_null(strstr(err.text, "EMFILE"));
    sim_faults_heal();
    assert_int_equal(server->net->listen(server, &at, 8, &listener, &err), WK_OK);
    assert_int_equal(server->net->accept(server, listener, WK_FOREVER, &socket, &peer, &err),
                     WK_OK);
    sim_finish();
}

static void connect_later(void *arg) {
    (void)arg;
    sleep_ms(client, 1000);
    (void)connect_to(client, "10.0.0.1", 7000);
}

static void a_process_can_run_out_of_descriptors(void **state) {
    (void)state;
    faults.ppm[SIM_FAULT_NET_DESCRIPTORS] = 1000000;
    world(1);
    start(server_process, wait_for_a_descriptor, NULL);
    start(client_process, connect_later, NULL);
    run();
}

/* ---- misuse */

static void end_with_a_socket(void *arg) {
    (void)arg;
    (void)listen_at(server, "127.0.0.1", 0);
    sim_process_exit(server_process);
}

static void end_with_a_context(void *arg) {
    (void)arg;
    (void)context(server, &server_config, true);
    sim_process_exit(server_process);
}

static void read_after_close(void *arg) {
    size_t size;
    (void)arg;
    struct wk_socket *socket = connect_to(client, "10.0.0.1", 7000);
    client->net->close(client, socket);
    (void)read_some(client, socket, 0, &size, NULL);
}

static struct wk_socket *shared;

static void read_shared(void *arg) {
    size_t size;
    (void)arg;
    (void)read_some(client, shared, 100000, &size, NULL);
}

static void two_read(void *arg) {
    (void)arg;
    shared = connect_to(client, "10.0.0.1", 7000);
    start(client_process, read_shared, NULL);
    start(client_process, read_shared, NULL);
    sleep_ms(client, 10000);
}

static void close_while_reading(void *arg) {
    (void)arg;
    shared = connect_to(client, "10.0.0.1", 7000);
    start(client_process, read_shared, NULL);
    sleep_ms(client, 1000);
    client->net->close(client, shared);
}

static void use_from_another_process(void *arg) {
    (void)arg;
    size_t size;
    shared = connect_to(client, "10.0.0.1", 7000);
    struct sim_process *other = sim_process_create(sim_host_at(1), "other");
    (void)other->env.net->read(&other->env, shared, &size, 1, WK_FOREVER, &size, NULL);
}

/* SIM-15 */
static void leaks_and_misuse_are_violations(void **state) {
    (void)state;
    world(1);
    start(server_process, end_with_a_socket, NULL);
    run_into("leak", "1 sockets");
    world(1);
    put_certificates();
    start(server_process, end_with_a_context, NULL);
    run_into("leak", "1 TLS contexts");
    static const struct {
        void (*main)(void *arg);
        const char *words;
    } misuse[] = {{read_after_close, "not open"},
                  {two_read, "two threads read from"},
                  {close_while_reading, "while a thread waits in it"},
                  {use_from_another_process, "environment of other"}};
    for (size_t i = 0; i < sizeof misuse / sizeof misuse[0]; i++) {
        world(1);
        start(server_process, accept_for_ever, NULL);
        start(client_process, misuse[i].main, NULL);
        run_into("environment", misuse[i].words);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_black_hole_lasts_until_the_deadline, no_faults),
        cmocka_unit_test_setup(a_partition_holds_bytes_back, no_faults),
        cmocka_unit_test_setup(healing_ends_partitions_at_once, no_faults),
        cmocka_unit_test_setup(a_sender_gives_up_in_the_end, no_faults),
        cmocka_unit_test_setup(a_writer_waits_for_a_peer_that_does_not_read, no_faults),
        cmocka_unit_test_setup(the_host_closes_what_a_crashed_process_had_open, no_faults),
        cmocka_unit_test_setup(a_crash_frees_the_ports, no_faults),
        cmocka_unit_test_setup(a_host_without_power_says_nothing, no_faults),
        cmocka_unit_test_setup(a_connection_needs_both_ways, no_faults),
        cmocka_unit_test_setup(a_reset_is_told_at_once, no_faults),
        cmocka_unit_test_setup(a_faked_end_cuts_a_message, no_faults),
        cmocka_unit_test_setup(a_process_can_run_out_of_descriptors, no_faults),
        cmocka_unit_test_setup(leaks_and_misuse_are_violations, no_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
