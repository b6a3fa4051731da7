/* SPDX-License-Identifier: Apache-2.0 */
/* A start without listening, and a look for data that another prefix hides. */
#include "backend/open.h"
#include "base/text.h"
#include "daemon/daemon.h"
#include "daemon/options.h"
#include "daemon/prepare.h"

/* An embedded store's prefix by default. */
#define EMBEDDED_S3_PREFIX "kv/cabi"

#define LIST_NS (30ull * WK_NS_PER_S)

static void say(struct wk_writer *report, const char *format, ...) WK_PRINTF(2, 3);
static void say(struct wk_writer *report, const char *format, ...) {
    char line[2048];
    va_list args;
    va_start(args, format);
    wk_format_list(line, sizeof line, format, args);
    va_end(args);
    wk_write_text(report, line);
    wk_write_text(report, "\n");
}

/* ---- data under prefixes --------------------------------------------------------------------- */

static bool see_one(void *ctx, const struct wk_object_entry *entry) {
    bool *any = ctx;
    (void)entry;
    *any = true;
    return false;
}

static enum wk_status has_data(struct wk_env *env, struct wk_objects *objects, const char *prefix,
                               bool *any, struct wk_error *err) {
    char start[WK_S3_PREFIX_BYTES_MAX + 2];
    *any = false;
    wk_format(start, sizeof start, "%s/", prefix);
    uint64_t deadline_ns = wk_now_ns(env) + LIST_NS;
    enum wk_object_class class =
        objects->ops->list(objects, start, see_one, any, deadline_ns, NULL, err);
    return class == WK_OBJECT_OK || *any ? WK_OK : WK_UNAVAILABLE;
}

static enum wk_status look_at_prefixes(struct wk_env *env, const char *own,
                                       struct wk_objects *objects, struct wk_writer *report,
                                       struct wk_error *err) {
    bool has_own;
    bool has_embedded;
    enum wk_status status = has_data(env, objects, own, &has_own, err);
    if (status != WK_OK)
        return status;
    say(report, "data: prefix %s has %s", own, has_own ? "objects" : "no object");
    if (has_own || strcmp(own, EMBEDDED_S3_PREFIX) == 0)
        return WK_OK;
    status = has_data(env, objects, EMBEDDED_S3_PREFIX, &has_embedded, err);
    if (status == WK_OK && has_embedded)
        say(report,
            "warning: there are objects under " EMBEDDED_S3_PREFIX ", where embedded engines keep "
            "theirs by default, and none under %s: this daemon does not see them; to share them "
            "set WMBT_KV_S3_PREFIX=" EMBEDDED_S3_PREFIX,
            own);
    return status;
}

static enum wk_status check_objects(struct wk_env *env, const struct wk_settings *settings,
                                    struct wk_writer *report, struct wk_error *err) {
    struct wk_objects *objects;
    enum wk_status status = wk_backend_open_objects(env, settings, &objects, err);
    if (status != WK_OK)
        return status;
    if ((objects->caps & WK_OBJECTS_LIST) != 0)
        status = look_at_prefixes(env, settings->s3_prefix, objects, report, err);
    objects->ops->close(objects);
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static enum wk_status check_store(struct wk_env *env, const struct wk_settings *settings,
                                  struct wk_writer *report, struct wk_error *err) {
    struct wk_backend *store;
    enum wk_status status = wk_backend_open_embedded(env, settings, NULL, &store, err);
    if (status != WK_OK)
        return status;
    store->ops->close(store);
    say(report, "store: %s bucket %s prefix %s opens", settings->s3_endpoint, settings->bucket,
        settings->s3_prefix);
    return check_objects(env, settings, report, err);
}

enum wk_status wk_daemon_check(struct wk_env *env, const struct wk_settings *settings,
                               struct wk_writer *report, struct wk_error *err) {
    struct wk_auth *auth;
    struct wk_listeners listeners;
    enum wk_status status = wk_prepare(env, settings, &auth, &listeners, err);
    if (status != WK_OK)
        return status;
    say(report, "listeners: %zu, authentication: %s, TLS: %s", listeners.count,
        wk_auth_required(auth) ? "tokens" : "none",
        settings->daemon_tls_cert[0] == 0        ? "off"
        : settings->daemon_tls_client_ca[0] == 0 ? "on"
                                                 : "on, clients need a certificate");
    wk_auth_close(auth);
    if (settings->daemon_tls_cert[0] != 0)
        status = wk_prepare_tls(env, settings, NULL, err);
    if (status == WK_OK)
        status = check_store(env, settings, report, err);
    return status;
}
