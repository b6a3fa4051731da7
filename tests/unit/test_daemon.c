/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a daemon in this process: real sockets, objects in memory, signals by hand. */
#include "unit/cmocka_all.h"

#include <pthread.h>

#include "config/endpoint.h"
#include "daemon/daemon.h"
#include "daemon/log_limit.h"
#include "rpc/client.h"
#include "unit/world.h"

static struct world world;
static struct bucket bucket;
static struct wk_settings settings;
static struct wk_error err;
static const struct wk_span ns = {(const uint8_t *)"default", 7};

/* What the daemon has told, and signals that it is to get. */
static struct told {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    char tcp[100]; /* of the event ready */
    char log[8192];
    int ready; /* calls of the host's functions */
    int stopping;
    int exits;
    enum wk_daemon_exit exit_code;
    bool opening; /* the store is being opened */
    bool hold_open;
    enum wk_signal signals[8];
    size_t signal_count;
} told = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

#define LOCKED(code)                                                                               \
    do {                                                                                           \
        pthread_mutex_lock(&told.mutex);                                                           \
        code;                                                                                      \
        pthread_cond_broadcast(&told.changed);                                                     \
        pthread_mutex_unlock(&told.mutex);                                                         \
    } while (0)

#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        pthread_mutex_lock(&told.mutex);                                                           \
        while (!(condition))                                                                       \
            pthread_cond_wait(&told.changed, &told.mutex);                                         \
        pthread_mutex_unlock(&told.mutex);                                                         \
    } while (0)

/* ---- the environment ------------------------------------------------------------------------- */

static void send_signal(enum wk_signal signal) {
    LOCKED(told.signals[told.signal_count++] = signal);
}

static enum wk_status signals_take(struct wk_env *env, struct wk_error *error) {
    (void)env;
    (void)error;
    return WK_OK;
}

static enum wk_status signals_wait(struct wk_env *env, uint64_t deadline_ns, enum wk_signal *out) {
    enum wk_status status = WK_TIMEOUT;
    do {
        pthread_mutex_lock(&told.mutex);
        if (told.signal_count > 0) {
            *out = told.signals[0];
            memmove(told.signals, told.signals + 1, --told.signal_count * sizeof told.signals[0]);
            status = WK_OK;
        }
        pthread_mutex_unlock(&told.mutex);
        struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
    } while (status != WK_OK && wk_now_ns(env) < deadline_ns);
    return status;
}

static enum wk_status open_objects(struct wk_env *env, const struct wk_objects_config *config,
                                   struct wk_objects **out, struct wk_error *error) {
    (void)env;
    (void)config;
    (void)error;
    LOCKED(told.opening = true);
    AWAIT(!told.hold_open);
    *out = bucket_open(&bucket, BUCKET_CAPS | WK_OBJECTS_LIST);
    return WK_OK;
}

static void keep_event(struct wk_env *env, enum wk_log_level level, const char *name,
                       const struct wk_log_field *fields, size_t count) {
    (void)env;
    pthread_mutex_lock(&told.mutex);
    size_t at = strlen(told.log);
    at += (size_t)snprintf(told.log + at, sizeof told.log - at, "%d %s", (int)level, name);
    for (size_t i = 0; i < count && at < sizeof told.log; i++) {
        if (fields[i].text != NULL)
            at += (size_t)snprintf(told.log + at, sizeof told.log - at, " %s=%s", fields[i].key,
                                   fields[i].text);
        else
            at += (size_t)snprintf(told.log + at, sizeof told.log - at, " %s=%llu", fields[i].key,
                                   (unsigned long long)fields[i].number);
        if (strcmp(name, "ready") == 0 && strcmp(fields[i].key, "tcp") == 0)
            snprintf(told.tcp, sizeof told.tcp, "%s", fields[i].text);
    }
    if (at < sizeof told.log)
        snprintf(told.log + at, sizeof told.log - at, "\n");
    pthread_mutex_unlock(&told.mutex);
}

static bool has_said(const char *part) {
    pthread_mutex_lock(&told.mutex);
    bool has = strstr(told.log, part) != NULL;
    pthread_mutex_unlock(&told.mutex);
    return has;
}

static void on_ready(void *ctx) {
    (void)ctx;
    LOCKED(told.ready++);
}

static void on_stopping(void *ctx) {
    (void)ctx;
    LOCKED(told.stopping++);
}

/* A real one does not come back: what it would leave behind is let go. */
static void on_exit_now(void *ctx, enum wk_daemon_exit code) {
    (void)ctx;
    LOCKED(told.exits++; told.exit_code = code; told.hold_open = false);
    bucket_gate(&bucket, BUCKET_ANY);
}

static const struct wk_daemon_host host = {NULL, on_ready, on_stopping, on_exit_now};

/* ---- the daemon and a client ----------------------------------------------------------------- */

static struct {
    pthread_t thread;
    enum wk_status status;
    uint64_t cut;
} daemon_run;

static void *daemon_main(void *arg) {
    (void)arg;
    daemon_run.cut = 99;
    daemon_run.status = wk_daemon_run(&world.env, &settings, &host, &daemon_run.cut, &err);
    return NULL;
}

static void start(void) {
    assert_int_equal(pthread_create(&daemon_run.thread, NULL, daemon_main, NULL), 0);
}

static void start_and_wait(void) {
    start();
    AWAIT(told.ready == 1);
}

static void end_with(enum wk_status status, uint64_t cut) {
    pthread_join(daemon_run.thread, NULL);
    if (daemon_run.status != status)
        fail_msg("status %d: %s", (int)daemon_run.status, err.text);
    if (status == WK_OK)
        assert_int_equal(daemon_run.cut, cut);
}

static struct wk_backend *connect_client(void) {
    struct wk_backend *b = NULL;
    struct wk_rpc_client_config config = {
        .transport = WK_RPC_TCP, .at_text = told.tcp, .call_timeout_ns = 20 * WK_NS_PER_S};
    assert_int_equal(wk_host_port_parse(wk_span_text(told.tcp), &config.at, &err), WK_OK);
    assert_int_equal(wk_rpc_client_open(&world.env, &config, &b, &err), WK_OK);
    return b;
}

static enum wk_status put_one(struct wk_backend *client, uint8_t number) {
    struct wk_block_hash hash;
    struct wk_span payload = wk_span_text("payload");
    memset(&hash, number, sizeof hash);
    return client->ops->put(client, ns, &hash, &payload, 1, NULL);
}

static struct {
    pthread_t thread;
    enum wk_status status;
} putter;

static void *putter_main(void *arg) {
    struct wk_backend *client = arg;
    putter.status = put_one(client, 1);
    client->ops->close(client);
    return NULL;
}

/* A put that the object store does not answer. */
static void begin_put(void) {
    bucket_gate(&bucket, WK_OBJECT_PUT);
    assert_int_equal(pthread_create(&putter.thread, NULL, putter_main, connect_client()), 0);
    bucket_await_parked(&bucket, 1);
}

static enum wk_status end_put(void) {
    pthread_join(putter.thread, NULL);
    return putter.status;
}

static int set_up(void **state) {
    static struct wk_env_process process;
    static struct wk_env_objects objects = {.open = open_objects};
    static struct wk_env_log log;
    (void)state;
    world_init(&world);
    bucket_init(&bucket, world.real);
    process = *world.real->process;
    process.signals_take = signals_take;
    process.signals_wait = signals_wait;
    log = *world.real->log;
    log.event = keep_event;
    world.env.process = &process;
    world.env.objects = &objects;
    world.env.log = &log;
    told.tcp[0] = 0;
    told.log[0] = 0;
    told.ready = told.stopping = told.exits = 0;
    told.opening = told.hold_open = false;
    told.signal_count = 0;
    wk_settings_defaults(&settings);
    strcpy(settings.listen_tcp, "127.0.0.1:0");
    strcpy(settings.bucket, "b");
    strcpy(settings.s3_prefix, "kv/test");
    settings.ram_bytes = 8 << 20;
    settings.drain_secs = 20;
    wk_error_clear(&err);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    bucket_destroy(&bucket);
    assert_int_equal(world_live(&world), 0);
    return 0;
}

/* ---- a whole life ---------------------------------------------------------------------------- */

/* DMN-7 DMN-8 DMN-9 */
static void it_serves_until_it_is_told_to_stop(void **state) {
    (void)state;
    strcpy(settings.listen_http, "127.0.0.1:0, 127.0.0.1:0");
    start_and_wait();
    assert_true(has_said("daemon.start"));
    assert_true(has_said("prefix=kv/test"));
    struct wk_backend *client = connect_client();
    assert_int_equal(put_one(client, 1), WK_OK);
    send_signal(WK_SIGNAL_STOP);
    end_with(WK_OK, 0);
    assert_int_not_equal(put_one(client, 2), WK_OK);
    client->ops->close(client);
    assert_int_equal(told.stopping, 1);
    assert_int_equal(told.exits, 0);
    assert_true(has_said("daemon.stopping timeout_secs=20"));
    assert_true(has_said("daemon.stopped cut=0"));
}

/* DMN-9 */
static void what_is_in_flight_is_finished(void **state) {
    (void)state;
    start_and_wait();
    begin_put();
    send_signal(WK_SIGNAL_STOP);
    AWAIT(told.stopping == 1);
    bucket_gate(&bucket, BUCKET_ANY);
    end_with(WK_OK, 0);
    assert_int_equal(end_put(), WK_OK);
    assert_int_equal(told.exits, 0);
}

/* DMN-10 */
static void a_second_signal_ends_it_at_once(void **state) {
    (void)state;
    start_and_wait();
    begin_put();
    send_signal(WK_SIGNAL_STOP);
    AWAIT(told.stopping == 1);
    send_signal(WK_SIGNAL_RELOAD); /* means nothing any more */
    send_signal(WK_SIGNAL_STOP);
    AWAIT(told.exits == 1);
    assert_int_equal(told.exit_code, WK_EXIT_CUT);
    end_with(WK_OK, 0); /* the gate opened, so it could finish */
    (void)end_put();
    assert_true(has_said("daemon.exit_now reason=signal"));
}

/* DMN-9 DMN-10 */
static void a_drain_has_an_end(void **state) {
    (void)state;
    settings.drain_secs = 1;
    start_and_wait();
    begin_put();
    send_signal(WK_SIGNAL_STOP);
    AWAIT(told.exits == 1);
    assert_int_equal(told.exit_code, WK_EXIT_CUT);
    end_with(WK_OK, 1);
    assert_int_not_equal(end_put(), WK_OK);
    assert_true(has_said("daemon.exit_now reason=drain timeout"));
    assert_true(has_said("daemon.stopped cut=1"));
}

/* DMN-10 */
static void a_signal_during_the_start_ends_it(void **state) {
    (void)state;
    told.hold_open = true;
    start();
    AWAIT(told.opening);
    send_signal(WK_SIGNAL_STOP);
    AWAIT(told.exits == 1);
    assert_int_equal(told.exit_code, WK_EXIT_DONE);
    AWAIT(told.ready == 1);
    send_signal(WK_SIGNAL_STOP);
    end_with(WK_OK, 0);
}

/* DMN-11 */
static void reload_keeps_what_was_there_when_the_new_is_wrong(void **state) {
    (void)state;
    char path[] = "/tmp/wk-daemon-tokens-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    fprintf(file, "[a]\nnamespaces = *\ntoken_blake3 = %064d\n", 1);
    fflush(file);
    strcpy(settings.auth_file, path);
    start_and_wait();
    send_signal(WK_SIGNAL_RELOAD);
    while (!has_said("daemon.reloaded"))
        sched_yield();
    fprintf(file, "rubbish\n");
    fclose(file);
    send_signal(WK_SIGNAL_RELOAD);
    while (!has_said("daemon.reload_failed"))
        sched_yield();
    assert_true(has_said("line 4"));
    send_signal(WK_SIGNAL_STOP);
    end_with(WK_OK, 0);
    remove(path);
}

/* ---- starts that fail ------------------------------------------------------------------------ */

static void fails_with(enum wk_status status, const char *part) {
    uint64_t cut = 0;
    wk_error_clear(&err);
    assert_int_equal(wk_daemon_run(&world.env, &settings, &host, &cut, &err), status);
    if (strstr(err.text, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, err.text);
    assert_int_equal(told.ready, 0);
    assert_int_equal(world_live(&world), 0);
}

/* DMN-5 DMN-6 */
static void settings_that_expose_or_contradict_are_refused(void **state) {
    (void)state;
    strcpy(settings.listen_tcp, "0.0.0.0:0");
    fails_with(WK_DENIED, "tcp 0.0.0.0:0: it is not a loopback address");
    strcpy(settings.listen_tcp, "127.0.0.1:0");
    strcpy(settings.listen_http, "[::]:0");
    fails_with(WK_DENIED, "--allow-unauthenticated");
    strcpy(settings.listen_http, "");
    strcpy(settings.listen_tcp, " , ");
    fails_with(WK_INVALID, "nothing to listen on");
    strcpy(settings.listen_tcp, "127.0.0.1");
    fails_with(WK_INVALID, "tcp 127.0.0.1: \"127.0.0.1\": the port is missing");
    strcpy(settings.listen_tcp, "127.0.0.1:0");
    strcpy(settings.shm_prefix, "engine\n");
    fails_with(WK_INVALID, "--prefix \"engine\\x0a\"");
    strcpy(settings.shm_prefix, "");
    strcpy(settings.daemon_tls_cert, "/no/such/file");
    fails_with(WK_INVALID, "--tls-cert and --tls-key need each other");
    strcpy(settings.daemon_tls_cert, "");
    strcpy(settings.daemon_tls_client_ca, "/no/such/file");
    fails_with(WK_INVALID, "--tls-client-ca needs");
    strcpy(settings.daemon_tls_client_ca, "");
    for (size_t i = 0; i <= WK_LISTENERS_MAX; i++)
        strcat(settings.listen_tcp, ",127.0.0.1:0");
    fails_with(WK_INVALID, "more than 16 addresses");
}

/* DMN-6 */
static void tokens_or_permission_open_the_door(void **state) {
    (void)state;
    strcpy(settings.listen_tcp, "0.0.0.0:0");
    settings.allow_unauthenticated = 1;
    start_and_wait();
    send_signal(WK_SIGNAL_STOP);
    end_with(WK_OK, 0);
}

/* DMN-5 */
static void a_port_in_use_is_fatal(void **state) {
    (void)state;
    struct wk_env *env = &world.env;
    struct wk_address at;
    struct wk_socket *socket;
    size_t count;
    uint64_t deadline = wk_now_ns(env) + WK_NS_PER_S;
    assert_int_equal(env->net->resolve(env, "127.0.0.1", 0, deadline, &at, 1, &count, &err), WK_OK);
    assert_int_equal(env->net->listen(env, &at, 1, &socket, &err), WK_OK);
    assert_int_equal(env->net->local_address(env, socket, &at, &err), WK_OK);
    char text[WK_ADDRESS_BYTES_MAX];
    env->net->address_text(env, &at, text, sizeof text);
    snprintf(settings.listen_http, sizeof settings.listen_http, "%s", text);
    uint64_t cut = 0;
    assert_int_not_equal(wk_daemon_run(env, &settings, &host, &cut, &err), WK_OK);
    assert_non_null(strstr(err.text, text));
    assert_memory_equal(err.text, "http 127.0.0.1:", 15);
    env->net->close(env, socket);
    assert_int_equal(told.ready, 0);
}

/* Ready, or ended: the allocation that fails decides. */
static bool has_started(void) {
    for (;;) {
        pthread_mutex_lock(&told.mutex);
        bool is_ready = told.ready == 1;
        pthread_mutex_unlock(&told.mutex);
        if (is_ready || pthread_tryjoin_np(daemon_run.thread, NULL) == 0)
            return is_ready;
        sched_yield();
    }
}

static void every_allocation_of_a_start_may_fail(void **state) {
    (void)state;
    bool all = false;
    for (uint64_t k = 1; !all; k++) {
        told.ready = 0;
        wk_atomic_store_u64(&world.allocations, 0, WK_RELAXED, "test");
        wk_atomic_store_u64(&world.fail_at, k, WK_RELAXED, "test");
        start();
        if (has_started()) {
            send_signal(WK_SIGNAL_STOP);
            end_with(WK_OK, 0);
            all = wk_atomic_load_u64(&world.allocations, WK_RELAXED, "test") < k;
        } else {
            assert_int_equal(daemon_run.status, WK_NO_MEMORY);
        }
        wk_atomic_store_u64(&world.fail_at, 0, WK_RELAXED, "test");
        assert_int_equal(world_live(&world), 0);
        assert_true(k < 500);
    }
}

/* ---- check ----------------------------------------------------------------------------------- */

static enum wk_status check(char *text, size_t capacity) {
    struct wk_writer report = wk_writer(text, capacity - 1);
    enum wk_status status = wk_daemon_check(&world.env, &settings, &report, &err);
    assert_false(report.failed);
    text[report.at] = 0;
    return status;
}

/* DMN-12 */
static void check_warns_about_data_that_it_would_not_see(void **state) {
    (void)state;
    char text[4096];
    assert_int_equal(check(text, sizeof text), WK_OK);
    assert_non_null(strstr(text, "data: prefix kv/test has no object"));
    assert_null(strstr(text, "warning"));
    bucket_write(&bucket, "kv/cabi/ns/wombatkv/v1/block/b3=00", "x", 1);
    bucket_write(&bucket, "kv/tester/x", "x", 1);
    assert_int_equal(check(text, sizeof text), WK_OK);
    assert_non_null(strstr(text, "warning: there are objects under kv/cabi"));
    bucket_write(&bucket, "kv/test/ns/wombatkv/v1/block/b3=00", "x", 1);
    assert_int_equal(check(text, sizeof text), WK_OK);
    assert_non_null(strstr(text, "data: prefix kv/test has objects"));
    assert_null(strstr(text, "warning"));
}

/* DMN-12 */
static void check_fails_as_a_start_would(void **state) {
    (void)state;
    char text[4096];
    strcpy(settings.listen_tcp, "0.0.0.0:0");
    assert_int_equal(check(text, sizeof text), WK_DENIED);
    strcpy(settings.listen_tcp, "127.0.0.1:0");
    strcpy(settings.daemon_tls_cert, "/no/such/file");
    strcpy(settings.daemon_tls_key, "/no/such/file");
    assert_int_not_equal(check(text, sizeof text), WK_OK);
    settings.daemon_tls_cert[0] = settings.daemon_tls_key[0] = 0;
    bucket.list_cuts = 1000;
    assert_int_not_equal(check(text, sizeof text), WK_OK);
    bucket.list_cuts = 0;
    strcpy(settings.s3_prefix, "/bad/");
    assert_int_not_equal(check(text, sizeof text), WK_OK);
}

/* ---- the log --------------------------------------------------------------------------------- */

static size_t count_lines(const char *part) {
    size_t count = 0;
    for (const char *at = told.log; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

/* DMN-13 */
static void repeated_events_are_counted(void **state) {
    (void)state;
    struct wk_log_limit limit;
    assert_int_equal(wk_log_limit_init(&limit, &world.env, world.env.log), WK_OK);
    for (int i = 0; i < 100; i++) {
        wk_log_limit_event(&limit, WK_LOG_WARN, "flood", NULL, 0);
        wk_log_limit_event(&limit, WK_LOG_DEBUG, "detail", NULL, 0);
    }
    wk_log_limit_event(&limit, WK_LOG_ERROR, "single", NULL, 0);
    assert_int_equal(count_lines(" flood\n"), WK_LOG_BURST);
    assert_int_equal(count_lines(" detail\n"), 100);
    assert_int_equal(count_lines(" single\n"), 1);
    assert_int_equal(count_lines("log.repeated"), 0);
    world_pass(&world, WK_LOG_WINDOW_NS);
    wk_log_limit_event(&limit, WK_LOG_INFO, "single", NULL, 0); /* any event tells */
    assert_int_equal(count_lines("2 log.repeated name=flood count=80\n"), 1);
    wk_log_limit_event(&limit, WK_LOG_WARN, "flood", NULL, 0);
    assert_int_equal(count_lines(" flood\n"), WK_LOG_BURST + 1);
    told.log[0] = 0;
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l",
                                        "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x",
                                        "y", "z", "A", "B", "C", "D", "E", "F", "G", "H", "I", "J"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        for (size_t k = 0; k < WK_LOG_BURST; k++)
            wk_log_limit_event(&limit, WK_LOG_WARN, names[i], NULL, 0);
    }
    wk_log_limit_flush(&limit);
    assert_int_equal(count_lines("log.repeated"), 1); /* those beyond the table share one count */
    assert_int_equal(count_lines("log.repeated name=others count=120\n"), 1);
    world.env.threads->mutex_destroy(&world.env, &limit.mutex);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(it_serves_until_it_is_told_to_stop),
        T(what_is_in_flight_is_finished),
        T(a_second_signal_ends_it_at_once),
        T(a_drain_has_an_end),
        T(a_signal_during_the_start_ends_it),
        T(reload_keeps_what_was_there_when_the_new_is_wrong),
        T(settings_that_expose_or_contradict_are_refused),
        T(tokens_or_permission_open_the_door),
        T(a_port_in_use_is_fatal),
        T(every_allocation_of_a_start_may_fail),
        T(check_warns_about_data_that_it_would_not_see),
        T(check_fails_as_a_start_would),
        T(repeated_events_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
