/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as lines of JSON, one object each:
 *
 *   {"time":"2024-05-01T12:00:00.123Z","level":"warn","pid":7,"event":"name","key":"text","n":5}
 *
 * A line is built on the stack and goes out with one write(2) of at most a pipe's atomic size, so
 * that lines of several processes on one stderr do not mix. Who reads slowly loses lines instead
 * of stopping the engine: the line after a gap says how many with "lost".
 *
 * Text comes from anywhere. Quotes, backslashes and control bytes are escaped, what is not UTF-8
 * becomes U+FFFD, and what does not fit ends in "...": a line is valid JSON whatever it carries.
 */
#include "env/posix/posix.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/text.h"
#include "base/writer.h"

#define LINE_BYTES_MAX 4096u /* PIPE_BUF of Linux; the newline is inside */
#define TEXT_BYTES_MAX 1024u /* one value as it stands in the line, quotes not counted */
#define END_BYTES      16u   /* kept free for the end of any line: ,"cut":true} and newline */

static struct {
    pthread_mutex_t mutex; /* held while the sink runs: calls come one at a time */
    void (*sink)(void *ctx, enum wk_log_level level, const char *line);
    void *ctx;
    enum wk_log_level sink_level;
    enum wk_log_level stderr_level; /* written before anybody reads */
    wk_atomic_u32 level;            /* sync: relaxed; the higher of both, for callers that skip */
    wk_atomic_u32 lost;             /* sync: relaxed; lines for stderr since the last written */
} state = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* The sink runs on this thread: an event that it causes is dropped, or it would never end. */
static _Thread_local bool in_sink;

/* ---- building a line --------------------------------------------------------------------- */

/* Size of the well-formed sequence at the start of `text`, 0 if there is none. */
static size_t utf8_size(struct wk_span text) {
    uint8_t lead = text.data[0];
    size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size > text.size || !wk_utf8_valid(wk_span(text.data, size)))
        return 0;
    return size;
}

/* One character as JSON wants it; moves `*at` behind it. */
static size_t escape_one(struct wk_span text, size_t *at, char to[8]) {
    struct wk_span rest = wk_span(text.data + *at, text.size - *at);
    uint8_t c = rest.data[0];
    size_t size = utf8_size(rest);
    if (size == 0) {
        *at += 1;
        return wk_format(to, 8, "\\ufffd");
    }
    *at += size;
    if (c == '"' || c == '\\')
        return wk_format(to, 8, "\\%c", c);
    if (c < 0x20 || c == 0x7f)
        return wk_format(to, 8, "\\u%04x", c);
    memcpy(to, rest.data, size);
    return size;
}

/* The text with its quotes, at most `room` bytes of them all; cut with "..." beyond. */
static void write_text(struct wk_writer *w, const char *value, size_t room) {
    struct wk_span text = wk_span_text(value);
    wk_write_u8(w, '"');
    size_t used = 2;
    for (size_t at = 0; at < text.size;) {
        char one[8];
        size_t size = escape_one(text, &at, one);
        if (used + size + (at < text.size ? 3 : 0) > room) {
            wk_write_text(w, "...");
            break;
        }
        wk_write_span(w, wk_span(one, size));
        used += size;
    }
    wk_write_u8(w, '"');
}

static void write_number(struct wk_writer *w, uint64_t value) {
    char digits[24];
    wk_format(digits, sizeof digits, "%llu", (unsigned long long)value);
    wk_write_text(w, digits);
}

/* False, and nothing written, when the field does not fit before the end of the line. */
static bool write_field(struct wk_writer *w, const char *key, const char *text, uint64_t number) {
    size_t start = w->at;
    wk_write_u8(w, ',');
    write_text(w, key, TEXT_BYTES_MAX);
    wk_write_u8(w, ':');
    if (text != NULL)
        write_text(w, text, TEXT_BYTES_MAX);
    else
        write_number(w, number);
    if (!w->failed && w->at + END_BYTES <= w->capacity)
        return true;
    w->failed = false;
    w->at = start;
    return false;
}

/* The date of a day since 1970 (the civil calendar, years counted from March). gmtime_r would do,
 * but it takes a lock that a child of fork may find taken for ever. */
static void write_time(struct wk_writer *w) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seconds = now.tv_sec > 0 ? (uint64_t)now.tv_sec : 0;
    uint64_t day = seconds / 86400 + 719468; /* since 0000-03-01 */
    uint64_t era = day / 146097;
    uint64_t day_of_era = day % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month = (5 * day_of_year + 2) / 153; /* 0 is March */
    uint64_t day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    uint64_t year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);
    char text[64];
    wk_format(text, sizeof text, "\"%04u-%02u-%02uT%02u:%02u:%02u.%03uZ\"", (unsigned)year,
              (unsigned)(month < 10 ? month + 3 : month - 9), (unsigned)day_of_month,
              (unsigned)(seconds / 3600 % 24), (unsigned)(seconds / 60 % 60),
              (unsigned)(seconds % 60), (unsigned)(now.tv_nsec / 1000000));
    wk_write_text(w, text);
}

static const char *level_name(enum wk_log_level level) {
    switch (level) {
    case WK_LOG_ERROR:
        return "error";
    case WK_LOG_WARN:
        return "warn";
    case WK_LOG_INFO:
        return "info";
    case WK_LOG_DEBUG:
        return "debug";
    case WK_LOG_OFF:
        break;
    }
    return "off";
}

/* The object without newline and terminator, of at most LINE_BYTES_MAX - 1 bytes. */
static size_t build(char line[LINE_BYTES_MAX], enum wk_log_level level, const char *name,
                    const struct wk_log_field *fields, size_t count, uint32_t lost) {
    struct wk_writer w = wk_writer(line, LINE_BYTES_MAX - 1);
    wk_write_text(&w, "{\"time\":");
    write_time(&w);
    wk_write_text(&w, ",\"level\":");
    write_text(&w, level_name(level), TEXT_BYTES_MAX);
    (void)write_field(&w, "pid", NULL, (uint64_t)getpid());
    (void)write_field(&w, "event", name, 0);
    if (lost > 0)
        (void)write_field(&w, "lost", NULL, lost);
    for (size_t i = 0; i < count; i++) {
        if (!write_field(&w, fields[i].key, fields[i].text, fields[i].number)) {
            wk_write_text(&w, ",\"cut\":true");
            break;
        }
    }
    wk_write_u8(&w, '}');
    return w.at;
}

/* ---- stderr ------------------------------------------------------------------------------ */

/*
 * write(2) to a pipe that nobody reads raises SIGPIPE, which ends a host that does not expect it.
 * It is held back for the time of the write and, if it is ours, taken out before the mask returns.
 */
static bool write_quietly(const char *line, size_t size) {
    sigset_t pipe_only;
    sigset_t before;
    sigset_t pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t done = write(STDERR_FILENO, line, size);
    if (done < 0 && errno == EPIPE && !was_pending) {
        sigpending(&pending);
        int number;
        if (sigismember(&pending, SIGPIPE) == 1)
            sigwait(&pipe_only, &number);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return done == (ssize_t)size;
}

static void to_stderr(char line[LINE_BYTES_MAX], size_t length) {
    int code = errno;
    line[length] = '\n';
    /* Room in a pipe means room for an atomic write. */
    struct pollfd ask = {.fd = STDERR_FILENO, .events = POLLOUT};
    bool room = poll(&ask, 1, 0) == 1 && (ask.revents & POLLOUT) != 0;
    if (!room || !write_quietly(line, length + 1))
        wk_atomic_add_u32(&state.lost, 1, WK_RELAXED, "log.lost");
    line[length] = 0;
    errno = code;
}

/* ---- the table --------------------------------------------------------------------------- */

static enum wk_log_level log_level(struct wk_env *env) {
    (void)env;
    return (enum wk_log_level)wk_atomic_load_u32(&state.level, WK_RELAXED, "log.level");
}

static void to_sink(enum wk_log_level level, const char *line) {
    pthread_mutex_lock(&state.mutex);
    if (state.sink != NULL && level <= state.sink_level) {
        in_sink = true;
        state.sink(state.ctx, level, line);
        in_sink = false;
    }
    pthread_mutex_unlock(&state.mutex);
}

static void log_event(struct wk_env *env, enum wk_log_level level, const char *name,
                      const struct wk_log_field *fields, size_t count) {
    if (in_sink || level == WK_LOG_OFF || level > log_level(env))
        return;
    char line[LINE_BYTES_MAX];
    uint32_t lost = 0;
    if (level <= state.stderr_level)
        lost = wk_atomic_exchange_u32(&state.lost, 0, WK_RELAXED, "log.lost");
    size_t length = build(line, level, name, fields, count, lost);
    line[length] = 0;
    if (level <= state.stderr_level)
        to_stderr(line, length);
    to_sink(level, line);
}

static void set_level(void) {
    enum wk_log_level sink = state.sink != NULL ? state.sink_level : WK_LOG_OFF;
    enum wk_log_level level = sink > state.stderr_level ? sink : state.stderr_level;
    wk_atomic_store_u32(&state.level, (uint32_t)level, WK_RELAXED, "log.level");
}

/* When it returns, the sink before runs no more, unless it is the one that calls. */
static void log_set_sink(struct wk_env *env,
                         void (*sink)(void *ctx, enum wk_log_level level, const char *line),
                         void *ctx, enum wk_log_level level) {
    (void)env;
    if (!in_sink)
        pthread_mutex_lock(&state.mutex);
    state.sink = sink;
    state.ctx = ctx;
    state.sink_level = level;
    set_level();
    if (!in_sink)
        pthread_mutex_unlock(&state.mutex);
}

const struct wk_env_log wk_posix_log = {
    .level = log_level,
    .event = log_event,
    .set_sink = log_set_sink,
};

/* ---- start and fork ---------------------------------------------------------------------- */

bool wk_posix_log_set_level(const char *name) {
    for (enum wk_log_level l = WK_LOG_OFF; l <= WK_LOG_DEBUG; l++) {
        if (!wk_equal_ignoring_case(wk_span_text(name), level_name(l)))
            continue;
        state.stderr_level = l;
        set_level();
        return true;
    }
    return false;
}

void wk_posix_log_read_level(struct wk_env *env) {
    char text[16];
    enum wk_status status = env->vars->get(env, "WMBT_KV_LOG", text, sizeof text, NULL);
    if (status != WK_OK || !wk_posix_log_set_level(text))
        (void)wk_posix_log_set_level("off");
}

/* A fork waits for the sink of another thread, so that the child finds the lock free. */
static void before_fork(void) {
    if (!in_sink)
        pthread_mutex_lock(&state.mutex);
}

static void after_fork(void) {
    if (!in_sink)
        pthread_mutex_unlock(&state.mutex);
}

void wk_posix_log_init(struct wk_env *env) {
    wk_posix_log_read_level(env);
    pthread_atfork(before_fork, after_fork, after_fork);
}
