/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program wombatkv-daemon: what of it touches the operating system.
 *
 *     argv, environment, file -> settings -> wk_daemon_run, or one of --check, --print-config ...
 *
 * stdout has what was asked for with a flag; stderr has log lines, or one line that says why the
 * program ends.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "config/config_file.h"
#include "config/show.h"
#include "daemon/daemon.h"
#include "daemon/log_limit.h"
#include "daemon/options.h"
#include "env/posix/posix.h"

/* ---- the service manager --------------------------------------------------------------------- */

/* One datagram to the socket that systemd names (sd_notify(3)); without one, nothing. A name that
 * starts with '@' is an abstract one. */
static void notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    size_t length = strlen(path);
    memcpy(to.sun_path, path, length);
    if (path[0] == '@')
        to.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, size) < 0)
        fprintf(stderr, "wombatkv-daemon: cannot tell the service manager: %s\n", strerror(errno));
    close(fd);
}

static void on_ready(void *ctx) {
    (void)ctx;
    notify("READY=1");
}

static void on_stopping(void *ctx) {
    (void)ctx;
    notify("STOPPING=1");
}

static void on_exit_now(void *ctx, enum wk_daemon_exit code) {
    (void)ctx;
    _exit((int)code);
}

/* ---- the process ----------------------------------------------------------------------------- */

/* Memory holds keys, tokens and what users wrote: none of it into a file when we crash. */
static void forbid_core_dumps(void) {
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
}

/* A connection is a descriptor. */
static void allow_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* The level of all sources. False: it is no level. */
static bool set_log_level(struct wk_layers *layers) {
    char level[16] = WK_DAEMON_LOG_LEVEL;
    struct wk_env *view = &layers->view;
    enum wk_status status = view->vars->get(view, WK_LOG_VARIABLE, level, sizeof level, NULL);
    return status != WK_TOO_LARGE && wk_posix_log_set_level(level);
}

/* The log of the process, with a limit in front of it; before the first thread. */
static struct wk_log_limit log_limit;
static struct wk_env_log limited_log;

static void limited_event(struct wk_env *env, enum wk_log_level level, const char *name,
                          const struct wk_log_field *fields, size_t count) {
    (void)env;
    wk_log_limit_event(&log_limit, level, name, fields, count);
}

static void limit_log(struct wk_env *env) {
    if (wk_log_limit_init(&log_limit, env, env->log) != WK_OK)
        return;
    limited_log = *env->log;
    limited_log.event = limited_event;
    env->log = &limited_log;
}

/* ---- the modes ------------------------------------------------------------------------------- */

static int fail(enum wk_daemon_exit code, const char *text) {
    fprintf(stderr, "wombatkv-daemon: %s\n", text);
    return (int)code;
}

static int print(struct wk_writer *text) {
    if (text->failed || fwrite(text->data, 1, text->at, stdout) != text->at || fflush(stdout) != 0)
        return fail(WK_EXIT_FAILED, "cannot write to stdout");
    return WK_EXIT_DONE;
}

static int print_config(struct wk_layers *layers, const struct wk_settings *settings) {
    static char room[512 * 1024];
    struct wk_writer text = wk_writer(room, sizeof room);
    wk_settings_write_values(layers, WK_DAEMON_SCOPES, settings, &text);
    return print(&text);
}

static int check(struct wk_env *env, const struct wk_settings *settings) {
    char room[16 * 1024];
    struct wk_error err;
    struct wk_writer report = wk_writer(room, sizeof room);
    wk_error_clear(&err);
    enum wk_status status = wk_daemon_check(env, settings, &report, &err);
    int printed = print(&report);
    if (status != WK_OK)
        return fail(WK_EXIT_FAILED, err.text);
    return printed;
}

static int serve(struct wk_env *env, const struct wk_settings *settings) {
    const struct wk_daemon_host host = {NULL, on_ready, on_stopping, on_exit_now};
    struct wk_error err;
    uint64_t cut = 0;
    wk_error_clear(&err);
    allow_descriptors();
    limit_log(env);
    enum wk_status status = wk_daemon_run(env, settings, &host, &cut, &err);
    if (env->log == &limited_log)
        wk_log_limit_flush(&log_limit);
    if (status != WK_OK)
        return fail(WK_EXIT_FAILED, err.text);
    return cut == 0 ? WK_EXIT_DONE : WK_EXIT_CUT;
}

/* The environment's functions want an absolute path without links. */
static enum wk_status read_file(struct wk_env *env, const char *path, struct wk_layers *layers,
                                struct wk_error *err) {
    char absolute[PATH_MAX];
    if (realpath(path, absolute) == NULL)
        return wk_fail(err, WK_UNAVAILABLE, "--config %s: %s", path, strerror(errno));
    return wk_config_file_read(env, absolute, WK_DAEMON_SCOPES, layers, err);
}

/* A secret in a file that everybody may read is none. */
static void warn_of_open_file(struct wk_env *env, struct wk_layers *layers, const char *path) {
    struct stat info;
    bool has_secret = false;
    for (size_t i = 0; i < wk_settings_count; i++)
        has_secret |= wk_settings_table[i].needs == WK_TEXT_SECRET && layers->file[i].text != NULL;
    if (!has_secret || stat(path, &info) != 0 || (info.st_mode & S_IROTH) == 0)
        return;
    struct wk_log_field field = {"file", path, 0};
    env->log->event(env, WK_LOG_WARN, "config.secret_is_readable_by_all", &field, 1);
}

static int run(struct wk_env *env, struct wk_layers *layers, const struct wk_options *options) {
    static struct wk_settings settings;
    struct wk_error err;
    int code;
    wk_error_clear(&err);
    if (options->config_path != NULL && read_file(env, options->config_path, layers, &err) != WK_OK)
        return fail(WK_EXIT_FAILED, err.text);
    if (!set_log_level(layers))
        return fail(WK_EXIT_FAILED, "WMBT_KV_LOG is none of: off, error, warn, info, debug");
    if (options->config_path != NULL)
        warn_of_open_file(env, layers, options->config_path);
    if (wk_options_settings(layers, &settings, &err) != WK_OK)
        code = fail(WK_EXIT_FAILED, err.text);
    else if (options->mode == WK_DAEMON_PRINT_CONFIG)
        code = print_config(layers, &settings);
    else if (options->mode == WK_DAEMON_CHECK)
        code = check(env, &settings);
    else
        code = serve(env, &settings);
    wk_settings_wipe(&settings);
    return code;
}

int main(int argc, char **argv) {
    struct wk_env *env = wk_env_posix();
    struct wk_layers layers;
    struct wk_options options;
    struct wk_error err;
    int code = WK_EXIT_DONE;
    wk_error_clear(&err);
    forbid_core_dumps();
    if (wk_layers_init(&layers, env, &err) != WK_OK)
        return fail(WK_EXIT_FAILED, err.text);
    if (wk_options_parse(argc, argv, &layers, &options, &err) != WK_OK)
        code = fail(WK_EXIT_USAGE, err.text);
    else if (options.mode == WK_DAEMON_HELP)
        code = fputs(wk_options_usage, stdout) < 0;
    else if (options.mode == WK_DAEMON_VERSION)
        code = puts("wombatkv-daemon " WK_VERSION) < 0;
    else
        code = run(env, &layers, &options);
    wk_layers_destroy(&layers);
    return code;
}
