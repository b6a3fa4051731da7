/* SPDX-License-Identifier: Apache-2.0 */
/* log of the POSIX environment. */
#include "unit/cmocka_all.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "env/posix/posix.h"

static struct wk_env *env;
static const struct wk_env_log *logger;

/* ---- a strict reader of one JSON object -------------------------------------------------- */

/* Returns the position behind the string at `at`, or NULL when it is not JSON (RFC 8259). */
static const char *skip_string(const char *at) {
    if (*at++ != '"')
        return NULL;
    for (; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20)
            return NULL;
        if (*at != '\\')
            continue;
        at++;
        if (*at == 'u') {
            if (strspn(at + 1, "0123456789abcdefABCDEF") < 4)
                return NULL;
            at += 4;
        } else if (*at == 0 || strchr("\"\\/bfnrt", *at) == NULL) {
            return NULL;
        }
    }
    return at + 1;
}

static bool is_json_object(const char *line) {
    if (!wk_utf8_valid(wk_span_text(line)) || *line++ != '{')
        return false;
    for (;;) {
        line = skip_string(line);
        if (line == NULL || *line++ != ':')
            return false;
        size_t digits = strspn(line, "0123456789");
        if (*line == '"')
            line = skip_string(line);
        else if (strncmp(line, "true", 4) == 0)
            line += 4;
        else if (digits > 0)
            line += digits;
        else
            return false;
        if (line == NULL)
            return false;
        if (*line == '}')
            return line[1] == 0;
        if (*line++ != ',')
            return false;
    }
}

static void the_reader_itself_refuses_what_is_not_json(void **state) {
    (void)state;
    assert_true(is_json_object("{\"a\":1,\"b\":\"x\\u0001\\\"\",\"c\":true}"));
    static const char *const bad[] = {"",
                                      "{}x",
                                      "{\"a\":}",
                                      "{\"a\":1",
                                      "{\"a\":\"x}",
                                      "{\"a\":\"\n\"}",
                                      "{\"a\":\"\\x\"}",
                                      "{\"a\":\"\\u12\"}",
                                      "{\"a\":1}}",
                                      "{\"a\":\"\xff\"}",
                                      "{\"a\":1,}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(is_json_object(bad[i]));
}

/* ---- the sink ---------------------------------------------------------------------------- */

struct kept {
    int lines;
    enum wk_log_level level;
    char last[8192];
    bool nest;
    bool leave;
};

static void keep(void *ctx, enum wk_log_level level, const char *line) {
    struct kept *kept = ctx;
    kept->lines++;
    kept->level = level;
    snprintf(kept->last, sizeof kept->last, "%s", line);
    if (kept->nest)
        logger->event(env, WK_LOG_ERROR, "from.the.sink", NULL, 0);
    if (kept->leave)
        logger->set_sink(env, NULL, NULL, WK_LOG_OFF);
}

static void nothing_is_said_unless_somebody_asks(void **state) {
    (void)state; /* ENV-110 */
    assert_int_equal(logger->level(env), WK_LOG_OFF);
    int file = open("/dev/null", O_RDWR | O_CLOEXEC);
    char path[] = "/tmp/wk-test-log-XXXXXX";
    int quiet = mkstemp(path);
    assert_true(quiet >= 0);
    int before = dup(STDERR_FILENO);
    dup2(quiet, STDERR_FILENO);
    logger->event(env, WK_LOG_ERROR, "nobody.listens", NULL, 0);
    dup2(before, STDERR_FILENO);
    off_t size = lseek(quiet, 0, SEEK_END);
    close(before);
    close(quiet);
    close(file);
    unlink(path);
    assert_int_equal(size, 0);
}

static void a_sink_gets_events_up_to_its_level(void **state) {
    (void)state; /* ENV-111 ENV-112 */
    struct kept kept = {0};
    logger->set_sink(env, keep, &kept, WK_LOG_WARN);
    assert_int_equal(logger->level(env), WK_LOG_WARN);
    logger->event(env, WK_LOG_INFO, "too.much", NULL, 0);
    logger->event(env, WK_LOG_OFF, "never", NULL, 0);
    assert_int_equal(kept.lines, 0);
    const struct wk_log_field fields[] = {{"text", "value", 0}, {"number", NULL, UINT64_MAX}};
    logger->event(env, WK_LOG_WARN, "test.event", fields, 2);
    assert_int_equal(kept.lines, 1);
    assert_int_equal(kept.level, WK_LOG_WARN);
    assert_true(is_json_object(kept.last));
    char tail[160];
    snprintf(tail, sizeof tail,
             "\"level\":\"warn\",\"pid\":%d,\"event\":\"test.event\",\"text\":\"value\","
             "\"number\":18446744073709551615}",
             (int)getpid());
    assert_non_null(strstr(kept.last, tail));
    logger->set_sink(env, NULL, NULL, WK_LOG_DEBUG);
    assert_int_equal(logger->level(env), WK_LOG_OFF);
    logger->event(env, WK_LOG_ERROR, "gone", NULL, 0);
    assert_int_equal(kept.lines, 1);
}

static void the_time_is_utc_as_the_c_library_counts_it(void **state) {
    (void)state; /* ENV-113 */
    struct kept kept = {0};
    logger->set_sink(env, keep, &kept, WK_LOG_INFO);
    time_t before = time(NULL);
    logger->event(env, WK_LOG_INFO, "now", NULL, 0);
    time_t after = time(NULL);
    logger->set_sink(env, NULL, NULL, WK_LOG_OFF);
    struct tm tm;
    char text[32];
    bool found = false;
    for (time_t t = before - 1; t <= after; t++) {
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", gmtime_r(&t, &tm));
        found |= strncmp(kept.last + strlen("{\"time\":\""), text, strlen(text)) == 0;
    }
    assert_true(found);
}

static void hostile_text_stays_inside_its_string(void **state) {
    (void)state; /* ENV-114 ENV-115 */
    struct kept kept = {0};
    logger->set_sink(env, keep, &kept, WK_LOG_INFO);
    char all[256];
    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    all[255] = 0;
    char big[3000];
    memset(big, '\x01', sizeof big - 1);
    big[sizeof big - 1] = 0;
    const char *const texts[] = {all,
                                 big,
                                 "\"},{\"a\":\"",
                                 "\\",
                                 "\xe2\x82",
                                 "\xf0\x9f\x90\xa8\xff\xc0\x80",
                                 "\xed\xa0\x80",
                                 "",
                                 "line\nline\r\t"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const struct wk_log_field fields[] = {{texts[i], texts[i], 0}, {"n", NULL, 7}};
        logger->event(env, WK_LOG_INFO, texts[i], fields, 2);
        assert_int_equal(kept.lines, (int)i + 1);
        assert_true(is_json_object(kept.last));
        assert_true(strlen(kept.last) < 4096);
    }
    const struct wk_log_field field = {"k",
                                       "a\xff"
                                       "b\"\x7f\xe2\x82\xac",
                                       0};
    logger->event(env, WK_LOG_INFO, "e", &field, 1);
    assert_non_null(strstr(kept.last, "\"k\":\"a\\ufffdb\\\"\\u007f\xe2\x82\xac\"}"));
    logger->set_sink(env, NULL, NULL, WK_LOG_OFF);
}

static void a_line_that_is_full_ends_well(void **state) {
    (void)state; /* ENV-115 */
    struct kept kept = {0};
    logger->set_sink(env, keep, &kept, WK_LOG_INFO);
    struct wk_log_field fields[40];
    char text[200];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    /* Every length of the last text, so that each byte of the end is met. */
    for (size_t length = 1; length < sizeof text; length++) {
        for (size_t i = 0; i < 40; i++)
            fields[i] = (struct wk_log_field){"key", text, 0};
        fields[0].text = text + sizeof text - length;
        logger->event(env, WK_LOG_INFO, "full", fields, 40);
        assert_true(is_json_object(kept.last));
        assert_true(strlen(kept.last) < 4096);
        assert_non_null(strstr(kept.last, ",\"cut\":true}"));
    }
    char big[2000];
    memset(big, 'y', sizeof big - 1);
    big[sizeof big - 1] = 0;
    fields[0].text = big;
    logger->event(env, WK_LOG_INFO, "long", fields, 1);
    assert_true(is_json_object(kept.last));
    assert_non_null(strstr(kept.last, "yyy...\"}"));
    logger->set_sink(env, NULL, NULL, WK_LOG_OFF);
}

static void a_sink_may_log_and_may_leave(void **state) {
    (void)state; /* ENV-116 */
    struct kept kept = {.nest = true};
    logger->set_sink(env, keep, &kept, WK_LOG_DEBUG);
    logger->event(env, WK_LOG_ERROR, "outer", NULL, 0);
    assert_int_equal(kept.lines, 1);
    kept.leave = true;
    logger->event(env, WK_LOG_ERROR, "outer", NULL, 0);
    logger->event(env, WK_LOG_ERROR, "outer", NULL, 0);
    assert_int_equal(kept.lines, 2);
    assert_int_equal(logger->level(env), WK_LOG_OFF);
}

static void *log_many(void *arg) {
    (void)arg;
    for (int i = 0; i < 200; i++)
        logger->event(env, WK_LOG_INFO, "many", NULL, 0);
    return NULL;
}

static void sinks_are_called_one_at_a_time(void **state) {
    (void)state;            /* ENV-117 */
    struct kept kept = {0}; /* plain fields: a race would show under TSan and in the count */
    logger->set_sink(env, keep, &kept, WK_LOG_INFO);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, NULL), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(kept.lines, 600);
    /* A child of a fork logs as well. */
    pid_t child = fork();
    if (child == 0) {
        logger->event(env, WK_LOG_INFO, "child", NULL, 0);
        _exit(kept.lines == 601 ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    logger->set_sink(env, NULL, NULL, WK_LOG_OFF);
}

/* ---- stderr ------------------------------------------------------------------------------ */

static enum wk_log_level level_for(const char *value) {
    setenv("WMBT_KV_LOG", value, 1);
    wk_posix_log_read_level(env);
    return logger->level(env);
}

static void the_variable_sets_the_level(void **state) {
    (void)state; /* ENV-118 */
    assert_int_equal(level_for("error"), WK_LOG_ERROR);
    assert_int_equal(level_for("warn"), WK_LOG_WARN);
    assert_int_equal(level_for("INFO"), WK_LOG_INFO);
    assert_int_equal(level_for("debug"), WK_LOG_DEBUG);
    static const char *const silent[] = {"off", "", "1", "errors", "a value that is far too long"};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        assert_int_equal(level_for(silent[i]), WK_LOG_OFF);
    /* The more verbose listener decides what callers build. */
    struct kept kept = {0};
    assert_int_equal(level_for("warn"), WK_LOG_WARN);
    logger->set_sink(env, keep, &kept, WK_LOG_INFO);
    assert_int_equal(logger->level(env), WK_LOG_INFO);
    logger->set_sink(env, keep, &kept, WK_LOG_ERROR);
    assert_int_equal(logger->level(env), WK_LOG_WARN);
    logger->set_sink(env, NULL, NULL, WK_LOG_OFF);
    unsetenv("WMBT_KV_LOG");
    wk_posix_log_read_level(env);
}

/* Child processes with their own stderr: what cmocka prints stays out of the pipe. */
static int child_writes_lines(int fd) {
    dup2(fd, STDERR_FILENO);
    if (level_for("warn") != WK_LOG_WARN)
        return 1;
    const struct wk_log_field field = {"k", "v", 0};
    logger->event(env, WK_LOG_INFO, "hidden", &field, 1);
    logger->event(env, WK_LOG_WARN, "first", &field, 1);
    logger->event(env, WK_LOG_ERROR, "second", &field, 1);
    return 0;
}

/* Nobody reads at all: an error must come back, not SIGPIPE, and no trace of it may stay. */
static int child_without_reader(int fd) {
    dup2(fd, STDERR_FILENO);
    if (level_for("warn") != WK_LOG_WARN)
        return 1;
    logger->event(env, WK_LOG_ERROR, "into.the.void", NULL, 0);
    sigset_t set;
    sigpending(&set);
    if (sigismember(&set, SIGPIPE) != 0)
        return 2;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    return sigismember(&set, SIGPIPE) == 0 ? 0 : 3;
}

static int slow_reader;

/* The reader sleeps: lines are lost, the caller is not held up, and the next line tells. */
static int child_with_slow_reader(int fd) {
    dup2(fd, STDERR_FILENO);
    if (level_for("warn") != WK_LOG_WARN)
        return 1;
    for (int i = 0; i < 5000; i++)
        logger->event(env, WK_LOG_ERROR, "flood", NULL, 0);
    char bytes[4096];
    while (read(slow_reader, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        ;
    logger->event(env, WK_LOG_ERROR, "after", NULL, 0);
    return 0;
}

static pid_t start(int (*run)(int fd), int fds[2]) {
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(run(fds[1]));
    return child;
}

static int exit_code(pid_t child) {
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status; /* a death by signal differs from every exit code */
}

static void stderr_gets_whole_lines(void **state) {
    (void)state; /* ENV-118 ENV-119 */
    int fds[2];
    pid_t child = start(child_writes_lines, fds);
    close(fds[1]);
    assert_int_equal(exit_code(child), 0);
    char text[1024] = {0};
    assert_true(read(fds[0], text, sizeof text - 1) > 0);
    close(fds[0]);
    char *second = strchr(text, '\n');
    assert_non_null(second);
    *second++ = 0;
    char *end = strchr(second, '\n');
    assert_non_null(end);
    *end++ = 0;
    assert_int_equal(*end, 0);
    assert_true(is_json_object(text));
    assert_true(is_json_object(second));
    assert_non_null(strstr(text, "\"event\":\"first\",\"k\":\"v\"}"));
    assert_non_null(strstr(second, "\"event\":\"second\""));
}

static void a_stderr_that_nobody_reads_is_no_signal(void **state) {
    (void)state; /* ENV-7 ENV-120 */
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        signal(SIGPIPE, SIG_DFL);
        _exit(child_without_reader(fds[1]));
    }
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(exit_code(child), 0);
}

static void a_slow_reader_loses_lines_and_holds_nobody_up(void **state) {
    (void)state; /* ENV-120 */
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    slow_reader = fds[0];
    pid_t child = fork();
    if (child == 0)
        _exit(child_with_slow_reader(fds[1]));
    /* It comes to its end although nobody reads: 5000 lines are more than a pipe holds. */
    assert_int_equal(exit_code(child), 0);
    char text[512] = {0};
    assert_true(read(fds[0], text, sizeof text - 1) > 0);
    assert_non_null(strstr(text, "\"event\":\"after\",\"lost\":"));
    close(fds[0]);
    close(fds[1]);
}

int main(void) {
    unsetenv("WMBT_KV_LOG");
    env = wk_env_current();
    logger = env->log;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reader_itself_refuses_what_is_not_json),
        cmocka_unit_test(nothing_is_said_unless_somebody_asks),
        cmocka_unit_test(a_sink_gets_events_up_to_its_level),
        cmocka_unit_test(the_time_is_utc_as_the_c_library_counts_it),
        cmocka_unit_test(hostile_text_stays_inside_its_string),
        cmocka_unit_test(a_line_that_is_full_ends_well),
        cmocka_unit_test(a_sink_may_log_and_may_leave),
        cmocka_unit_test(sinks_are_called_one_at_a_time),
        cmocka_unit_test(the_variable_sets_the_level),
        cmocka_unit_test(stderr_gets_whole_lines),
        cmocka_unit_test(a_stderr_that_nobody_reads_is_no_signal),
        cmocka_unit_test(a_slow_reader_loses_lines_and_holds_nobody_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
