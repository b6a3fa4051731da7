/* SPDX-License-Identifier: Apache-2.0 */
/* The clients of a daemon. */
#include "backend/open.h"
#include "base/text.h"
#include "config/secret_file.h"
#include "rpc/client.h"

bool wk_backend_is_remote(const struct wk_settings *settings) {
    return settings->remote_prefix[0] != 0 || settings->tcp_addr[0] != 0 ||
           settings->http_addr[0] != 0;
}

static enum wk_status refuse_prefix(const struct wk_settings *settings, struct wk_error *err) {
    char shown[64];
    wk_quote(wk_span_text(settings->remote_prefix), shown, sizeof shown);
    return wk_fail(err, WK_UNAVAILABLE,
                   "WMBT_KV_REMOTE_PREFIX (remote_prefix) is %s, but this build has no "
                   "shared-memory backend; unset it to use another one",
                   shown);
}

/* The token from its file, or the one that was given. `room` is for the former. */
static enum wk_status find_token(struct wk_env *env, const struct wk_settings *settings,
                                 struct wk_secret *room, struct wk_span *out,
                                 struct wk_error *err) {
    *out = wk_span_text(settings->auth_token);
    if (settings->auth_token_file[0] == 0)
        return WK_OK;
    enum wk_status status = wk_secret_file_read(env, settings->auth_token_file, room, err);
    if (status != WK_OK) {
        wk_error_prefix(err, "WMBT_KV_AUTH_TOKEN_FILE (auth_token_file)");
        return status;
    }
    *out = wk_secret_span(room);
    return WK_OK;
}

static bool wants_tls(const struct wk_settings *settings) {
    return settings->tls_ca[0] != 0 || settings->tls_cert[0] != 0;
}

static const char *or_null(const char *text) {
    return text[0] != 0 ? text : NULL;
}

static enum wk_status open_client(struct wk_env *env, const struct wk_settings *settings,
                                  struct wk_rpc_client_config *config, struct wk_backend **out,
                                  struct wk_error *err) {
    struct wk_tls_config tls = {
        .ca_file = strcmp(settings->tls_ca, "system") == 0 ? NULL : or_null(settings->tls_ca),
        .certificate_file = or_null(settings->tls_cert),
        .key_file = or_null(settings->tls_key),
        .server_name = config->at.host,
    };
    struct wk_secret room;
    if (wants_tls(settings))
        config->tls = &tls;
    enum wk_status status = find_token(env, settings, &room, &config->token, err);
    if (status == WK_OK)
        status = wk_rpc_client_open(env, config, out, err);
    wk_secret_wipe(&room);
    return status;
}

static void log_open(struct wk_env *env, const struct wk_settings *settings,
                     const struct wk_rpc_client_config *config) {
    struct wk_log_field fields[] = {
        {"transport", config->transport == WK_RPC_TCP ? "tcp" : "http", 0},
        {"address", config->at_text, 0},
        {"tls", wants_tls(settings) ? "yes" : "no", 0}};
    env->log->event(env, WK_LOG_INFO, "open.remote", fields, 3);
}

enum wk_status wk_backend_open_remote(struct wk_env *env, const struct wk_settings *settings,
                                      struct wk_backend **out, struct wk_error *err) {
    bool tcp = settings->tcp_addr[0] != 0;
    struct wk_rpc_client_config config = {
        .transport = tcp ? WK_RPC_TCP : WK_RPC_HTTP,
        .at_text = tcp ? settings->tcp_addr : settings->http_addr,
        .call_timeout_ns = settings->remote_call_timeout_ms * WK_NS_PER_MS,
    };
    if (settings->remote_prefix[0] != 0)
        return refuse_prefix(settings, err);
    enum wk_status status = wk_host_port_parse(wk_span_text(config.at_text), &config.at, err);
    if (status == WK_OK)
        status = open_client(env, settings, &config, out, err);
    if (status == WK_OK)
        log_open(env, settings, &config);
    else
        wk_error_prefix(err, tcp ? "WMBT_KV_TCP_ADDR (tcp_addr)" : "WMBT_KV_HTTP_ADDR (http_addr)");
    return status;
}
