/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/prepare.h"

#include "base/text.h"

static enum wk_status check_settings(const struct wk_settings *settings, struct wk_error *err) {
    char shown[100];
    if (settings->shm_prefix[0] != 0) {
        wk_quote(wk_span_text(settings->shm_prefix), shown, sizeof shown);
        return wk_fail(err, WK_INVALID,
                       "--prefix %s (WMBT_KV_DAEMON_SHM_PREFIX): this build has no shared-memory "
                       "backend; use --tcp or --http",
                       shown);
    }
    bool has_cert = settings->daemon_tls_cert[0] != 0;
    if (has_cert != (settings->daemon_tls_key[0] != 0))
        return wk_fail(err, WK_INVALID, "--tls-cert and --tls-key need each other");
    if (settings->daemon_tls_client_ca[0] != 0 && !has_cert)
        return wk_fail(err, WK_INVALID, "--tls-client-ca needs --tls-cert and --tls-key");
    return WK_OK;
}

enum wk_status wk_prepare(struct wk_env *env, const struct wk_settings *settings,
                          struct wk_auth **auth, struct wk_listeners *listeners,
                          struct wk_error *err) {
    const char *path = settings->auth_file[0] != 0 ? settings->auth_file : NULL;
    struct wk_auth *opened;
    enum wk_status status = check_settings(settings, err);
    if (status != WK_OK)
        return status;
    status = wk_auth_open(env, path, settings->s3_prefix, &opened, err);
    if (status != WK_OK)
        return status;
    status = wk_listeners_find(env, settings, wk_auth_required(opened), listeners, err);
    if (status == WK_OK)
        *auth = opened;
    else
        wk_auth_close(opened);
    return status;
}

enum wk_status wk_prepare_tls(struct wk_env *env, const struct wk_settings *settings,
                              struct wk_rpc_server *server, struct wk_error *err) {
    const char *client_ca = settings->daemon_tls_client_ca;
    struct wk_tls *tls;
    struct wk_tls_config config = {
        .certificate_file = settings->daemon_tls_cert,
        .key_file = settings->daemon_tls_key,
        .ca_file = client_ca[0] != 0 ? client_ca : NULL,
        .require_client_certificate = client_ca[0] != 0,
    };
    enum wk_status status = env->net->tls_create(env, &config, true, &tls, err);
    if (status != WK_OK)
        return status;
    if (server != NULL)
        status = wk_rpc_server_set_tls(server, tls, err);
    if (server == NULL || status != WK_OK)
        env->net->tls_release(env, tls);
    return status;
}
