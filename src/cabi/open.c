/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and freeing handles.
 *
 *   environment or config -> struct wk_settings -> which backend?
 *       embedded: endpoint checked -> env->objects->open -> wk_store_open
 *       others:   not in this build; the error names the setting
 *
 * The settings live on the heap and are wiped, because they hold secrets.
 */
#include "base/text.h"
#include "cabi/config.h"
#include "cabi/handle.h"
#include "codec/object_key.h"
#include "config/endpoint.h"
#include "env/callbacks/callbacks.h"
#include "store/store.h"

/* Where the settings of one open come from. */
struct source {
    const wmbt_kv_config *config;                 /* NULL: environment variables */
    const struct wk_objects_callbacks *callbacks; /* NULL: the endpoint of the settings */
};

/* ---- handle --------------------------------------------------------------------------------- */

struct wmbt_kv_handle *wk_handle_new(struct wk_env *env, struct wk_error *err) {
    struct wmbt_kv_handle *handle = wk_alloc(env, WK_MEM_HANDLE, sizeof *handle);
    if (handle == NULL) {
        wk_fail(err, WK_NO_MEMORY, "no memory for a handle");
        return NULL;
    }
    handle->env = env;
    handle->backend = NULL;
    handle->fork_generation = env->process->fork_generation(env);
    return handle;
}

void wk_handle_discard(struct wmbt_kv_handle *handle) {
    wk_release(handle->env, WK_MEM_HANDLE, handle, sizeof *handle);
}

WK_API void wmbt_kv_free(wmbt_kv_handle_t *handle) {
    if (handle == NULL)
        return;
    uint32_t generation = handle->env->process->fork_generation(handle->env);
    if (generation != handle->fork_generation)
        return; /* the parent's: its threads are not here to be joined */
    handle->backend->ops->close(handle->backend);
    wk_handle_discard(handle);
}

/* ---- which backend -------------------------------------------------------------------------- */

static enum wk_status read_settings(struct wk_env *env, const struct source *from, uint32_t scopes,
                                    struct wk_settings *settings, struct wk_error *err) {
    if (from->config != NULL)
        return wk_config_read(from->config, scopes, settings, err);
    return wk_settings_read(env, scopes, settings, err);
}

/* The remote kinds, by priority. */
static enum wk_status refuse_remote(const struct wk_settings *settings, struct wk_error *err) {
    const struct {
        const char *value;
        const char *variable;
        const char *member;
        const char *kind;
    } remotes[] = {
        {settings->remote_prefix, "WMBT_KV_REMOTE_PREFIX", "remote_prefix", "shared-memory"},
        {settings->tcp_addr, "WMBT_KV_TCP_ADDR", "tcp_addr", "TCP"},
        {settings->http_addr, "WMBT_KV_HTTP_ADDR", "http_addr", "HTTP"},
    };
    for (size_t i = 0; i < sizeof remotes / sizeof remotes[0]; i++) {
        if (remotes[i].value[0] == 0)
            continue;
        char shown[320];
        wk_quote(wk_span_text(remotes[i].value), shown, sizeof shown);
        return wk_fail(err, WK_UNAVAILABLE,
                       "%s (%s) is %s, but this build has no %s backend; unset it to use the "
                       "embedded store",
                       remotes[i].variable, remotes[i].member, shown, remotes[i].kind);
    }
    return WK_OK;
}

/* ---- embedded ------------------------------------------------------------------------------- */

/* Keys from a file are checked where the file is read. */
static bool default_credentials(const struct wk_settings *settings) {
    return settings->s3_credentials_file[0] == 0 && settings->s3_secret_key_file[0] == 0 &&
           strcmp(settings->s3_access_key, "minioadmin") == 0 &&
           strcmp(settings->s3_secret_key, "minioadmin") == 0;
}

static bool local_dev(const struct wk_settings *settings, const struct wk_endpoint *endpoint) {
    if (settings->local_dev == WK_LOCAL_DEV_AUTO)
        return endpoint->kind != WK_ENDPOINT_FILE && wk_host_is_loopback(&endpoint->at);
    return settings->local_dev == WK_LOCAL_DEV_ON;
}

static enum wk_status check_endpoint(const struct wk_settings *settings, bool *is_local_dev,
                                     struct wk_error *err) {
    struct wk_endpoint endpoint;
    enum wk_status status = wk_endpoint_parse(wk_span_text(settings->s3_endpoint), &endpoint, err);
    if (status != WK_OK) {
        wk_error_prefix(err, "WMBT_KV_S3_ENDPOINT (s3_endpoint)");
        return status;
    }
    *is_local_dev = local_dev(settings, &endpoint);
    if (endpoint.kind == WK_ENDPOINT_FILE || !default_credentials(settings) || *is_local_dev)
        return WK_OK;
    return wk_fail(err, WK_DENIED,
                   "refusing default MinIO credentials outside local-dev mode; set "
                   "WMBT_KV_S3_ACCESS_KEY and WMBT_KV_S3_SECRET_KEY, or WMBT_KV_LOCAL_DEV=1 if "
                   "host \"%s\" is a test server",
                   endpoint.at.host);
}

static void log_open(struct wk_env *env, const struct wk_settings *settings, bool callbacks) {
    struct wk_log_field fields[] = {
        {"endpoint", callbacks ? "callbacks" : settings->s3_endpoint, 0},
        {"bucket", settings->bucket, 0},
        {"prefix", settings->s3_prefix, 0},
        {"namespace", settings->namespace_, 0},
    };
    env->log->event(env, WK_LOG_INFO, "open.embedded", fields, 4);
    if (settings->put_ack == WK_PUT_ACK_JOURNAL)
        env->log->event(env, WK_LOG_WARN, "open.journal_means_object", NULL, 0);
}

static enum wk_status open_objects(struct wk_env *env, const struct wk_settings *settings,
                                   const struct wk_objects_callbacks *callbacks, bool is_local_dev,
                                   struct wk_objects **out, struct wk_error *err) {
    struct wk_objects_config config = {
        .callbacks = callbacks,
        .endpoint = settings->s3_endpoint,
        .bucket = settings->bucket,
        .region = settings->s3_region,
        .access_key = settings->s3_access_key,
        .secret_key = settings->s3_secret_key,
        .threads = (uint32_t)settings->s3_runtime_threads,
        .prefix = settings->s3_prefix,
        .session_token = settings->s3_session_token,
        .credentials_file = settings->s3_credentials_file,
        .secret_key_file = settings->s3_secret_key_file,
        .ca_file = settings->s3_ca_file,
        .proxy = settings->s3_proxy,
        .virtual_host = settings->s3_addressing == WK_S3_ADDRESSING_VIRTUAL,
        .local_dev = is_local_dev,
        .create_bucket = settings->s3_create_bucket != 0,
    };
    return env->objects->open(env, &config, out, err);
}

static enum wk_status open_store(struct wk_env *env, const struct wk_settings *settings,
                                 struct wk_objects *objects, struct wk_backend **out,
                                 struct wk_error *err) {
    struct wk_store_config config = {
        .objects = objects,
        .s3_prefix = settings->s3_prefix,
        .ns = settings->namespace_,
        .ram_bytes = settings->ram_bytes,
        .compress_level = settings->compress == WK_COMPRESS_OFF ? 0 : (int)settings->compress_level,
        .parallel = (uint32_t)settings->parallel,
        .retries = (uint32_t)settings->s3_get_retries,
        .retry_backoff_ns = settings->s3_retry_backoff_ms * WK_NS_PER_MS,
        .tail_fresh_ns = settings->tail_fresh_ms * WK_NS_PER_MS,
        .lookup_probe_ns = settings->lookup_probe_ms * WK_NS_PER_MS,
        .lookup_probe_ttl_ns = settings->lookup_probe_ttl_ms * WK_NS_PER_MS,
        .index_nodes_max = settings->index_nodes_max,
        .scrub_interval_ns = settings->scrub_interval_ms * WK_NS_PER_MS,
    };
    memcpy(config.reuse.model_digest.bytes, settings->model_digest, WK_MODEL_DIGEST_BYTES);
    memcpy(config.reuse.layout_tag.bytes, settings->layout_tag, WK_LAYOUT_TAG_BYTES);
    return wk_store_open(env, &config, out, err);
}

static enum wk_status open_embedded(struct wk_env *env, const struct wk_settings *settings,
                                    const struct wk_objects_callbacks *callbacks,
                                    struct wk_backend **out, struct wk_error *err) {
    enum wk_status status = WK_OK;
    struct wk_objects *objects;
    bool is_local_dev = false;
    if (callbacks == NULL)
        status = check_endpoint(settings, &is_local_dev, err);
    if (status != WK_OK)
        return status;
    status = wk_object_prefix_check(wk_span_text(settings->s3_prefix), err);
    if (status != WK_OK) {
        wk_error_prefix(err, "WMBT_KV_S3_PREFIX (s3_prefix)");
        return status;
    }
    status = open_objects(env, settings, callbacks, is_local_dev, &objects, err);
    if (status != WK_OK)
        return status;
    status = open_store(env, settings, objects, out, err);
    if (status == WK_OK)
        log_open(env, settings, callbacks != NULL);
    return status;
}

/* ---- one open ------------------------------------------------------------------------------- */

/* With callbacks there is no other backend to choose, and no endpoint. */
static enum wk_status open_backend(struct wk_env *env, const struct source *from,
                                   struct wk_settings *settings, struct wk_backend **out,
                                   struct wk_error *err) {
    uint32_t scopes = WK_SCOPE_EMBEDDED | (from->callbacks == NULL ? WK_SCOPE_OBJECTS : 0u);
    wk_settings_defaults(settings);
    if (from->config == NULL)
        wk_settings_report_strays(env);
    enum wk_status status = read_settings(env, from, WK_SCOPE_ALL, settings, err);
    if (status != WK_OK)
        return status;
    if (from->callbacks == NULL)
        status = refuse_remote(settings, err);
    if (status != WK_OK)
        return status;
    status = read_settings(env, from, scopes, settings, err);
    if (status != WK_OK)
        return status;
    return open_embedded(env, settings, from->callbacks, out, err);
}

static enum wk_status open_handle(struct wk_env *env, const struct source *from,
                                  struct wmbt_kv_handle **out, struct wk_error *err) {
    struct wmbt_kv_handle *handle = wk_handle_new(env, err);
    if (handle == NULL)
        return WK_NO_MEMORY;
    struct wk_settings *settings = wk_alloc(env, WK_MEM_HANDLE, sizeof *settings);
    if (settings == NULL) {
        wk_handle_discard(handle);
        return wk_fail(err, WK_NO_MEMORY, "no memory for the settings");
    }
    enum wk_status status = open_backend(env, from, settings, &handle->backend, err);
    wk_settings_wipe(settings);
    wk_release(env, WK_MEM_HANDLE, settings, sizeof *settings);
    if (status == WK_OK)
        *out = handle;
    else
        wk_handle_discard(handle);
    return status;
}

/* An open has no miss: a directory that is not there is a reason to fail with a text. */
static struct wmbt_kv_handle *end_open(enum wk_status status, struct wk_error *err,
                                       struct wmbt_kv_handle *handle) {
    if (status == WK_MISS)
        status = WK_UNAVAILABLE;
    wk_call_end(status, err, NULL, 0);
    return handle;
}

WK_API wmbt_kv_handle_t *wmbt_kv_init_from_env(void) {
    struct wk_error err;
    struct wmbt_kv_handle *handle = NULL;
    struct wk_env *env = wk_env_current();
    wk_call_begin(&err);
    struct source from = {NULL, NULL};
    enum wk_status status = open_handle(env, &from, &handle, &err);
    return end_open(status, &err, handle);
}

WK_API wmbt_kv_handle_t *wmbt_kv_open(const wmbt_kv_config *config) {
    struct wk_error err;
    struct wmbt_kv_handle *handle = NULL;
    struct wk_env *env = wk_env_current();
    wk_call_begin(&err);
    struct source from = {config, NULL};
    enum wk_status status = wk_config_check(config, &err);
    if (status == WK_OK)
        status = open_handle(env, &from, &handle, &err);
    return end_open(status, &err, handle);
}

/* ---- callbacks ------------------------------------------------------------------------------ */

#define SAME(member)                                                                               \
    _Static_assert(offsetof(wmbt_kv_callbacks, member) ==                                          \
                       offsetof(struct wk_objects_callbacks, member),                              \
                   #member)
SAME(size);
SAME(flags);
SAME(ctx);
SAME(get);
SAME(set);
SAME(del);
SAME(iter_create);
SAME(iter_next);
SAME(iter_free);
SAME(free_buf);
SAME(head);
SAME(iter_keys_next);
#undef SAME
_Static_assert(sizeof(wmbt_kv_callbacks) == sizeof(struct wk_objects_callbacks), "callbacks");
_Static_assert((int)WMBT_KV_CALLBACKS_THREAD_SAFE == (int)WK_CALLBACKS_THREAD_SAFE, "flags");
_Static_assert((int)WMBT_KV_CALLBACKS_KEY_SIZES == (int)WK_CALLBACKS_KEY_SIZES, "flags");

/* Members beyond the host's size become NULL, members beyond ours are dropped. */
static void copy_callbacks(const wmbt_kv_callbacks *from, struct wk_objects_callbacks *to) {
    size_t size = from->size < sizeof *to ? from->size : sizeof *to;
    memset(to, 0, sizeof *to);
    memcpy(to, from, size);
    to->size = (uint32_t)size;
}

WK_API wmbt_kv_handle_t *wmbt_kv_open_callbacks(const wmbt_kv_callbacks *callbacks,
                                                const wmbt_kv_config *config) {
    struct wk_error err;
    struct wmbt_kv_handle *handle = NULL;
    struct wk_objects_callbacks table;
    struct wk_env *env = wk_env_current();
    wk_call_begin(&err);
    struct source from = {config, &table};
    enum wk_status status = WK_OK;
    if (callbacks == NULL)
        status = wk_fail(&err, WK_INVALID, "callbacks is NULL");
    if (status == WK_OK)
        status = wk_config_check(config, &err);
    if (status == WK_OK) {
        copy_callbacks(callbacks, &table);
        status = open_handle(env, &from, &handle, &err);
    }
    return end_open(status, &err, handle);
}

/* ---- daemons -------------------------------------------------------------------------------- */

static wmbt_kv_handle_t *open_remote(const char *function, const char *kind, const char *addr) {
    struct wk_error err;
    char shown[320];
    wk_call_begin(&err);
    enum wk_status status;
    if (addr == NULL) {
        status = wk_fail(&err, WK_INVALID, "%s: addr is NULL", function);
    } else {
        struct wk_span text = wk_span_text(addr);
        wk_quote(text, shown, sizeof shown);
        if (!wk_utf8_valid(text))
            status = wk_fail(&err, WK_INVALID, "%s: addr not utf-8: %s", function, shown);
        else
            status = wk_fail(&err, WK_UNAVAILABLE, "%s: %s: this build has no %s backend", function,
                             shown, kind);
    }
    return end_open(status, &err, NULL);
}

WK_API wmbt_kv_handle_t *wmbt_kv_open_tcp(const char *addr) {
    return open_remote("wmbt_kv_open_tcp", "TCP", addr);
}

WK_API wmbt_kv_handle_t *wmbt_kv_open_http(const char *addr) {
    return open_remote("wmbt_kv_open_http", "HTTP", addr);
}
