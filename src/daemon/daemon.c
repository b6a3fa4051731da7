/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include "backend/open.h"
#include "base/mark.h"
#include "base/num.h"
#include "daemon/dispatch.h"
#include "daemon/listeners.h"
#include "daemon/pages.h"
#include "daemon/prepare.h"

/* How often the second thread looks whether it is still needed. */
#define WATCH_NS (20ull * WK_NS_PER_MS)

/* What cutting connections may take beyond the drain timeout: they wait for the store, which ends
 * its calls by deadlines of its own. */
#define CUT_NS (2ull * WK_NS_PER_S)

struct daemon {
    struct wk_env *env;
    const struct wk_settings *settings;
    const struct wk_daemon_host *host;
    struct wk_listeners listeners;
    struct wk_auth *auth;
    struct wk_backend *store;
    struct wk_rpc_server *server;
    struct wk_metrics metrics;
    struct wk_times times;
    struct wk_dispatch dispatch;
    struct wk_pages pages;
};

/* ---- signals while the main thread waits for something else ---------------------------------- */

struct watch {
    struct daemon *d;
    struct wk_thread *thread;
    enum wk_daemon_exit code; /* of a signal */
    uint64_t give_up_ns;
    wk_atomic_u32 over; /* sync: acquire-release; daemon.watch */
};

static void watch_main(void *arg) {
    struct watch *w = arg;
    struct wk_env *env = w->d->env;
    while (wk_atomic_load_u32(&w->over, WK_ACQUIRE, "daemon.watch") == 0) {
        enum wk_signal signal = WK_SIGNAL_NONE;
        uint64_t now = wk_now_ns(env);
        enum wk_status status = env->process->signals_wait(env, now + WATCH_NS, &signal);
        bool stop = status == WK_OK && signal == WK_SIGNAL_STOP;
        if (!stop && now < w->give_up_ns)
            continue;
        WK_MARK("daemon.exit_now");
        struct wk_log_field field = {"reason", stop ? "signal" : "drain timeout", 0};
        env->log->event(env, WK_LOG_WARN, "daemon.exit_now", &field, 1);
        w->d->host->exit_now(w->d->host->ctx, stop ? w->code : WK_EXIT_CUT);
        return;
    }
}

static enum wk_status watch_start(struct watch *w, struct wk_error *err) {
    struct wk_env *env = w->d->env;
    wk_atomic_store_u32(&w->over, 0, WK_RELEASE, "daemon.watch");
    return env->threads->start(env, "wk-signals", watch_main, w, &w->thread, err);
}

static void watch_stop(struct watch *w) {
    struct wk_env *env = w->d->env;
    wk_atomic_store_u32(&w->over, 1, WK_RELEASE, "daemon.watch");
    env->threads->join(env, w->thread);
}

/* ---- the service ----------------------------------------------------------------------------- */

static void serve(void *ctx, struct wk_rpc_session *session, const struct wk_wire_request *request,
                  struct wk_rpc_answer *answer) {
    struct daemon *d = ctx;
    wk_dispatch_serve(&d->dispatch, session, request, answer);
}

static bool serve_page(void *ctx, struct wk_rpc_session *session, struct wk_span path,
                       struct wk_rpc_page *page) {
    struct daemon *d = ctx;
    return wk_pages_serve(&d->pages, session, path, page);
}

static enum wk_status authenticate(void *ctx, struct wk_rpc_session *session, struct wk_span token,
                                   struct wk_error *err) {
    struct daemon *d = ctx;
    return wk_auth_identify(d->auth, session, token, err);
}

/* ---- start ----------------------------------------------------------------------------------- */

static enum wk_status open_server(struct daemon *d, struct wk_error *err) {
    bool with_tls = d->settings->daemon_tls_cert[0] != 0;
    struct wk_rpc_server_config config = {
        .service = {d, serve, serve_page, authenticate},
        .connections_max = (uint32_t)d->settings->connections_max,
        .receive_bytes = d->settings->receive_bytes,
        .stranger_ns = wk_auth_required(d->auth) ? WK_RPC_STRANGER_NS : 0,
    };
    enum wk_status status = wk_rpc_server_create(d->env, &config, &d->server, err);
    if (status != WK_OK)
        return status;
    d->pages.server = d->server;
    if (with_tls)
        status = wk_prepare_tls(d->env, d->settings, d->server, err);
    if (status == WK_OK)
        status = wk_listeners_open(&d->listeners, d->server, with_tls, err);
    return status;
}

static void log_start(struct daemon *d) {
    struct wk_log_field fields[] = {
        {"version", WK_VERSION, 0},
        {"endpoint", d->settings->s3_endpoint, 0},
        {"bucket", d->settings->bucket, 0},
        {"prefix", d->settings->s3_prefix, 0},
    };
    d->env->log->event(d->env, WK_LOG_INFO, "daemon.start", fields, 4);
}

static enum wk_status start(struct daemon *d, struct wk_error *err) {
    enum wk_status status = wk_prepare(d->env, d->settings, &d->auth, &d->listeners, err);
    if (status != WK_OK)
        return status;
    log_start(d);
    status = wk_backend_open_embedded(d->env, d->settings, NULL, &d->store, err);
    if (status != WK_OK)
        return status;
    wk_metrics_init(&d->metrics, d->env);
    d->dispatch = (struct wk_dispatch){d->env, d->store, d->auth, &d->metrics, &d->times};
    d->pages = (struct wk_pages){
        .env = d->env, .store = d->store, .auth = d->auth, .metrics = &d->metrics};
    return open_server(d, err);
}

static enum wk_status start_watched(struct daemon *d, struct wk_error *err) {
    struct watch watch = {.d = d, .code = WK_EXIT_DONE, .give_up_ns = WK_FOREVER};
    enum wk_status status = watch_start(&watch, err);
    if (status != WK_OK)
        return status;
    status = start(d, err);
    watch_stop(&watch);
    return status;
}

/* ---- serving --------------------------------------------------------------------------------- */

static void tell_ready(struct daemon *d) {
    char tcp[1024];
    char http[1024];
    wk_listeners_text(d->env, &d->listeners, WK_RPC_TCP, tcp, sizeof tcp);
    wk_listeners_text(d->env, &d->listeners, WK_RPC_HTTP, http, sizeof http);
    struct wk_log_field fields[] = {
        {"tcp", tcp, 0}, {"http", http, 0}, {"prefix", d->settings->s3_prefix, 0}};
    d->env->log->event(d->env, WK_LOG_INFO, "ready", fields, 3);
    d->host->ready(d->host->ctx);
}

/* What was there stays in force where the new one cannot be read. */
static void reload(struct daemon *d) {
    struct wk_error err;
    wk_error_clear(&err);
    enum wk_status status = WK_OK;
    if (wk_auth_required(d->auth))
        status = wk_auth_reload(d->auth, &err);
    if (status == WK_OK && d->settings->daemon_tls_cert[0] != 0)
        status = wk_prepare_tls(d->env, d->settings, d->server, &err);
    struct wk_log_field field = {"reason", err.text, 0};
    WK_MARK("daemon.reload");
    if (status == WK_OK)
        d->env->log->event(d->env, WK_LOG_INFO, "daemon.reloaded", NULL, 0);
    else
        d->env->log->event(d->env, WK_LOG_ERROR, "daemon.reload_failed", &field, 1);
}

static void serve_until_stop(struct daemon *d) {
    enum wk_signal signal = WK_SIGNAL_NONE;
    while (signal != WK_SIGNAL_STOP) {
        enum wk_status status = d->env->process->signals_wait(d->env, WK_FOREVER, &signal);
        if (status == WK_OK && signal == WK_SIGNAL_RELOAD)
            reload(d);
    }
}

/* ---- end ------------------------------------------------------------------------------------- */

/* Everything that was opened, the last first. Returns how many requests were cut. */
static uint64_t close_all(struct daemon *d, uint64_t deadline_ns) {
    uint64_t cut = 0;
    if (d->server != NULL) {
        cut = wk_rpc_server_stop(d->server, deadline_ns);
        wk_rpc_server_destroy(d->server);
    }
    if (d->store != NULL)
        d->store->ops->close(d->store);
    if (d->auth != NULL)
        wk_auth_close(d->auth);
    return cut;
}

static uint64_t drain(struct daemon *d) {
    uint64_t now = wk_now_ns(d->env);
    uint64_t deadline_ns = now + d->settings->drain_secs * WK_NS_PER_S;
    struct watch watch = {.d = d, .code = WK_EXIT_CUT, .give_up_ns = deadline_ns + CUT_NS};
    struct wk_log_field field = {"timeout_secs", NULL, d->settings->drain_secs};
    d->env->log->event(d->env, WK_LOG_INFO, "daemon.stopping", &field, 1);
    d->host->stopping(d->host->ctx);
    wk_atomic_store_u32(&d->pages.draining, 1, WK_RELEASE, "pages.draining");
    enum wk_status watched = watch_start(&watch, NULL); /* without it only the timeout counts */
    uint64_t cut = close_all(d, deadline_ns);
    if (watched == WK_OK)
        watch_stop(&watch);
    struct wk_log_field result = {"cut", NULL, cut};
    d->env->log->event(d->env, cut == 0 ? WK_LOG_INFO : WK_LOG_WARN, "daemon.stopped", &result, 1);
    return cut;
}

enum wk_status wk_daemon_run(struct wk_env *env, const struct wk_settings *settings,
                             const struct wk_daemon_host *host, uint64_t *out_cut,
                             struct wk_error *err) {
    struct daemon d;
    memset(&d, 0, sizeof d);
    d.env = env;
    d.settings = settings;
    d.host = host;
    enum wk_status status = env->process->signals_take(env, err);
    if (status == WK_OK)
        status = start_watched(&d, err);
    if (status != WK_OK) {
        (void)close_all(&d, 0);
        return status;
    }
    tell_ready(&d);
    serve_until_stop(&d);
    *out_cut = drain(&d);
    return WK_OK;
}
