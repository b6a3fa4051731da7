/* SPDX-License-Identifier: Apache-2.0 */
/* The store in this process: endpoint checked -> env->objects->open -> wk_store_open. */
#include "backend/open.h"
#include "codec/object_key.h"
#include "config/endpoint.h"
#include "store/store.h"

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

/* The checks that need no network, then the objects. */
static enum wk_status open_objects(struct wk_env *env, const struct wk_settings *settings,
                                   const struct wk_objects_callbacks *callbacks,
                                   struct wk_objects **out, struct wk_error *err) {
    bool is_local_dev = false;
    enum wk_status status = WK_OK;
    if (callbacks == NULL)
        status = check_endpoint(settings, &is_local_dev, err);
    if (status != WK_OK)
        return status;
    status = wk_object_prefix_check(wk_span_text(settings->s3_prefix), err);
    if (status != WK_OK) {
        wk_error_prefix(err, "WMBT_KV_S3_PREFIX (s3_prefix)");
        return status;
    }
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
        .retry_budget = settings->s3_retry_budget,
        .retry_backoff_ns = settings->s3_retry_backoff_ms * WK_NS_PER_MS,
        .tail_fresh_ns = settings->tail_fresh_ms * WK_NS_PER_MS,
        .lookup_probe_ns = settings->lookup_probe_ms * WK_NS_PER_MS,
        .lookup_probe_ttl_ns = settings->lookup_probe_ttl_ms * WK_NS_PER_MS,
        .index_nodes_max = settings->index_nodes_max,
        .scrub_interval_ns = settings->scrub_interval_ms * WK_NS_PER_MS,
        .reconcile_interval_ns = settings->reconcile_interval_ms * WK_NS_PER_MS,
    };
    memcpy(config.reuse.model_digest.bytes, settings->model_digest, WK_MODEL_DIGEST_BYTES);
    memcpy(config.reuse.layout_tag.bytes, settings->layout_tag, WK_LAYOUT_TAG_BYTES);
    return wk_store_open(env, &config, out, err);
}

enum wk_status wk_backend_open_embedded(struct wk_env *env, const struct wk_settings *settings,
                                        const struct wk_objects_callbacks *callbacks,
                                        struct wk_backend **out, struct wk_error *err) {
    struct wk_objects *objects;
    enum wk_status status = open_objects(env, settings, callbacks, &objects, err);
    if (status != WK_OK)
        return status;
    status = open_store(env, settings, objects, out, err);
    if (status == WK_OK)
        log_open(env, settings, callbacks != NULL);
    return status;
}

enum wk_status wk_backend_open_objects(struct wk_env *env, const struct wk_settings *settings,
                                       struct wk_objects **out, struct wk_error *err) {
    return open_objects(env, settings, NULL, out, err);
}
