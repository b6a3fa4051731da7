/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening: settings to addresses, the thread, and the questions that show whether the bucket can
 * be used and what the store can do.
 *
 *   LIST of one key -- no bucket --> made, where that is wanted --> LIST
 *        |- not allowed --> opens without LIST
 *        |- one object  --> HEAD: does the store keep its CRC32C?
 *
 * Nothing is written to find out. What a store does not show is taken as missing.
 */
#include "base/num.h"
#include "base/text.h"
#include "config/endpoint.h"
#include "env/s3/list_xml.h"
#include "env/s3/s3_private.h"
#include "env/s3/url.h"

#define OPEN_TRIES      3u
#define OPEN_NS         (15ull * WK_NS_PER_S) /* all questions together */
#define OPEN_PAUSE_NS   (200ull * WK_NS_PER_MS)
#define OPEN_PAGE_BYTES (64u * 1024)

static const char *text_or_empty(const char *text) {
    return text == NULL ? "" : text;
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool plain(const char *text, const char *others) {
    for (; *text != 0; text++) {
        char c = *text;
        bool usual = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!usual && strchr(others, c) == NULL)
            return false;
    }
    return true;
}

static enum wk_status check_bucket(const char *bucket, bool in_host, struct wk_error *err) {
    char quoted[300];
    wk_quote(wk_span_text(bucket), quoted, sizeof quoted);
    if (bucket[0] == 0)
        return wk_fail(err, WK_INVALID, "a bucket is required (WMBT_KV_BUCKET)");
    if (strlen(bucket) > 255 || !plain(bucket, ".-_:") || strcmp(bucket, ".") == 0 ||
        strcmp(bucket, "..") == 0)
        return wk_fail(err, WK_INVALID,
                       "WMBT_KV_BUCKET=%s is no name of an S3 bucket: at most 255 letters, "
                       "digits, '.', '-', '_'",
                       quoted);
    if (in_host && (strlen(bucket) > 63 || !plain(bucket, ".-")))
        return wk_fail(err, WK_INVALID,
                       "WMBT_KV_BUCKET=%s cannot be part of a host name; use "
                       "WMBT_KV_S3_ADDRESSING=path",
                       quoted);
    return WK_OK;
}

static bool is_number(const struct wk_host_port *at) {
    return at->is_ipv6 || strspn(at->host, "0123456789.") == strlen(at->host);
}

static enum wk_status set_address(struct wk_s3_store *s, const struct wk_objects_config *config,
                                  struct wk_error *err) {
    struct wk_endpoint endpoint;
    const char *bucket = text_or_empty(config->bucket);
    enum wk_status status = wk_endpoint_parse(wk_span_text(config->endpoint), &endpoint, err);
    if (status == WK_OK)
        status = check_bucket(bucket, config->virtual_host, err);
    if (status != WK_OK)
        return status;
    if (config->virtual_host && is_number(&endpoint.at))
        return wk_fail(err, WK_INVALID,
                       "WMBT_KV_S3_ADDRESSING=virtual needs an endpoint with a name, not a number");
    bool tls = endpoint.kind == WK_ENDPOINT_HTTPS;
    wk_format(s->base, sizeof s->base, "%s://%s%s%s%s%s:%u", tls ? "https" : "http",
              config->virtual_host ? bucket : "", config->virtual_host ? "." : "",
              endpoint.at.is_ipv6 ? "[" : "", endpoint.at.host, endpoint.at.is_ipv6 ? "]" : "",
              (unsigned)endpoint.at.port);
    struct wk_writer to = wk_writer(s->bucket_path, sizeof s->bucket_path);
    if (!config->virtual_host) {
        wk_write_text(&to, "/");
        wk_s3_write_path(&to, wk_span_text(bucket));
    }
    wk_write_u8(&to, 0);
    wk_format(s->place, sizeof s->place, "%s%s%s", s->base, config->virtual_host ? "" : "/",
              config->virtual_host ? "" : bucket);
    return WK_OK;
}

static enum wk_status copy_text(char *to, size_t capacity, const char *from, const char *setting,
                                struct wk_error *err) {
    size_t length = strlen(text_or_empty(from));
    if (length >= capacity)
        return wk_fail(err, WK_INVALID, "%s has more than %zu bytes", setting, capacity - 1);
    memcpy(to, text_or_empty(from), length + 1);
    return WK_OK;
}

static enum wk_status configure(struct wk_s3_store *s, const struct wk_objects_config *config,
                                struct wk_error *err) {
    const char *region = text_or_empty(config->region);
    char quoted[100];
    wk_quote(wk_span_text(region), quoted, sizeof quoted);
    if (region[0] == 0 || strlen(region) >= sizeof s->region || !plain(region, "-_"))
        return wk_fail(err, WK_INVALID,
                       "WMBT_KV_S3_REGION=%s: want 1 to 64 letters, digits, '-', '_'", quoted);
    wk_format(s->region, sizeof s->region, "%s", region);
    wk_format(s->signing, sizeof s->signing, "aws:amz:%s:s3", region);
    enum wk_status status = set_address(s, config, err);
    if (status == WK_OK)
        status =
            copy_text(s->ca_file, sizeof s->ca_file, config->ca_file, "WMBT_KV_S3_CA_FILE", err);
    if (status == WK_OK)
        status = copy_text(s->proxy, sizeof s->proxy, config->proxy, "WMBT_KV_S3_PROXY", err);
    return status;
}

/* ---- what the store shows ---------------------------------------------------------------------
 */

struct probe {
    struct wk_s3_store *store;
    const struct wk_objects_config *config;
    struct wk_s3_page page;
    uint64_t deadline_ns;
    bool found;
    char key[WK_OBJECT_KEY_BYTES_MAX + 1];
};

static bool retryable(enum wk_object_class class) {
    return class == WK_OBJECT_THROTTLED || class == WK_OBJECT_SERVER_ERROR ||
           class == WK_OBJECT_TIMEOUT || class == WK_OBJECT_CONFLICT;
}

/* Pauses, and says whether there is another try. */
static bool again(const struct probe *p, enum wk_object_class class, uint32_t tries) {
    struct wk_env *env = p->store->env;
    uint64_t next = wk_now_ns(env) + OPEN_PAUSE_NS * tries;
    if (!retryable(class) || tries >= OPEN_TRIES || next >= p->deadline_ns)
        return false;
    env->clock->sleep_until(env, next);
    return true;
}

static enum wk_object_class list_one(struct probe *p, struct wk_error *err) {
    enum wk_object_class class;
    uint32_t tries = 0;
    do {
        class = wk_s3_ask_list(p->store, text_or_empty(p->config->prefix), "", 1, &p->page,
                               p->deadline_ns, NULL, err);
        tries++;
    } while (again(p, class, tries));
    return class;
}

/* S3 outside its first region wants to hear where the bucket goes. */
static enum wk_object_class create_bucket(struct probe *p, struct wk_error *err) {
    struct wk_s3_store *s = p->store;
    char body[256];
    wk_format(body, sizeof body,
              "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
              "<LocationConstraint>%s</LocationConstraint></CreateBucketConfiguration>",
              s->region);
    const struct wk_span span = wk_span_text(body);
    const struct wk_object_request request = {
        .verb = WK_OBJECT_PUT,
        .body = &span,
        .body_count = strcmp(s->region, "us-east-1") == 0 ? 0 : 1,
    };
    enum wk_object_class class;
    uint32_t tries = 0;
    do {
        class = wk_s3_ask(s, &request, "", &p->page, p->deadline_ns, NULL, err);
        if (strcmp(p->page.code, "BucketAlreadyOwnedByYou") == 0)
            return WK_OBJECT_OK; /* somebody was faster */
        tries++;
    } while (again(p, class, tries));
    const struct wk_log_field field = {"bucket", p->config->bucket, 0};
    if (class == WK_OBJECT_OK)
        s->env->log->event(s->env, WK_LOG_WARN, "s3.bucket_created", &field, 1);
    return class;
}

static bool remember_key(void *ctx, const struct wk_object_entry *entry) {
    struct probe *p = ctx;
    p->found = true;
    memcpy(p->key, entry->key, strlen(entry->key) + 1);
    return false;
}

/* True when the object that was found has a CRC32C beside it. */
static bool head_shows_checksum(struct probe *p) {
    struct wk_s3_store *s = p->store;
    const struct wk_object_request request = {.verb = WK_OBJECT_HEAD, .key = p->key};
    struct wk_object_result result;
    s->objects.ops->batch(&s->objects, &request, &result, 1, 1, p->deadline_ns, NULL);
    return result.class == WK_OBJECT_OK && result.has_crc32c;
}

/* What a store is known to do, by the name that it gives itself. */
static void take_server(struct probe *p) {
    struct wk_s3_store *s = p->store;
    bool aws = strcmp(p->page.server, "AmazonS3") == 0;
    bool minio = strcmp(p->page.server, "MinIO") == 0;
    if (aws || minio)
        s->objects.caps |= WK_OBJECTS_CONDITIONAL | WK_OBJECTS_CHECKSUM;
    else if (p->found && head_shows_checksum(p))
        s->objects.caps |= WK_OBJECTS_CHECKSUM;
    s->delete_honours_match = aws;
}

static enum wk_status refuse_missing(const struct probe *p, struct wk_error *err) {
    return wk_fail(err, WK_INVALID,
                   "bucket \"%s\" does not exist at %s; create it, or let "
                   "WMBT_KV_S3_CREATE_BUCKET=1 do so",
                   p->config->bucket, p->config->endpoint);
}

/* Of a request that failed: what an open answers. */
static enum wk_status status_of(const struct wk_error *err) {
    return err->status == WK_TIMEOUT || err->status == WK_OK ? WK_UNAVAILABLE : err->status;
}

/* The LIST said something else than OK: which of them an open survives. */
static enum wk_status without_list(struct probe *p, enum wk_object_class class,
                                   struct wk_error *err) {
    struct wk_s3_store *s = p->store;
    const struct wk_log_field fields[] = {{"bucket", p->config->bucket, 0}, {"text", err->text, 0}};
    if (class != WK_OBJECT_DENIED || strcmp(p->page.code, "AccessDenied") != 0)
        return status_of(err);
    s->env->log->event(s->env, WK_LOG_WARN, "s3.list_denied", fields, 2);
    s->objects.caps &= ~(uint32_t)(WK_OBJECTS_LIST | WK_OBJECTS_LIST_SIZES);
    take_server(p);
    wk_error_clear(err);
    return WK_OK;
}

static enum wk_status examine(struct probe *p, struct wk_error *err) {
    struct wk_s3_store *s = p->store;
    bool may_create = p->config->local_dev || p->config->create_bucket;
    enum wk_object_class class = list_one(p, err);
    bool missing = strcmp(p->page.code, "NoSuchBucket") == 0;
    if (missing && !may_create)
        return refuse_missing(p, err);
    if (missing) {
        class = create_bucket(p, err);
        if (class == WK_OBJECT_OK)
            class = list_one(p, err);
        else
            return status_of(err);
    }
    if (class != WK_OBJECT_OK)
        return without_list(p, class, err);
    struct wk_s3_list_page *page = wk_alloc(s->env, WK_MEM_IO, sizeof *page);
    if (page == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for an object store");
    struct wk_error why;
    wk_error_clear(&why);
    enum wk_status status = wk_s3_list_parse(wk_span(p->page.data, p->page.size),
                                             wk_span_text(text_or_empty(p->config->prefix)),
                                             remember_key, p, page, &why);
    wk_release(s->env, WK_MEM_IO, page, sizeof *page);
    if (status != WK_OK)
        return wk_fail(err, WK_INVALID, "%s does not answer as an S3 store does: %s", s->place,
                       why.text);
    take_server(p);
    wk_error_clear(err);
    return WK_OK;
}

static enum wk_status check_store(struct wk_s3_store *s, const struct wk_objects_config *config,
                                  struct wk_error *err) {
    struct probe *p = wk_alloc(s->env, WK_MEM_IO, sizeof *p);
    uint8_t *bytes = wk_alloc(s->env, WK_MEM_IO, OPEN_PAGE_BYTES);
    enum wk_status status;
    if (p == NULL || bytes == NULL) {
        status = wk_fail(err, WK_NO_MEMORY, "no memory for an object store");
    } else {
        memset(p, 0, sizeof *p);
        p->store = s;
        p->config = config;
        p->deadline_ns = wk_now_ns(s->env) + OPEN_NS;
        p->page.data = bytes;
        p->page.capacity = OPEN_PAGE_BYTES;
        status = examine(p, err);
    }
    wk_release(s->env, WK_MEM_IO, bytes, OPEN_PAGE_BYTES);
    wk_release(s->env, WK_MEM_IO, p, sizeof *p);
    return status;
}

/* ---- the store ---------------------------------------------------------------------------------
 */

static enum wk_status init_sync(struct wk_s3_store *s, struct wk_error *err) {
    struct wk_env *env = s->env;
    enum wk_status status = env->threads->mutex_init(env, &s->mutex);
    if (status == WK_OK) {
        status = env->threads->cond_init(env, &s->left);
        if (status == WK_OK)
            return WK_OK;
        env->threads->mutex_destroy(env, &s->mutex);
    }
    return wk_fail(err, status, "no lock for an object store");
}

void wk_s3_store_free(struct wk_s3_store *s) {
    struct wk_env *env = s->env;
    wk_s3_credentials_close(s->credentials);
    env->threads->cond_destroy(env, &s->left);
    env->threads->mutex_destroy(env, &s->mutex);
    wk_release(env, WK_MEM_IO, s, sizeof *s);
}

static enum wk_status start(struct wk_s3_store *s, const struct wk_objects_config *config,
                            struct wk_error *err) {
    enum wk_status status = configure(s, config, err);
    if (status == WK_OK)
        status = wk_s3_credentials_open(s->env, config, &s->credentials, err);
    if (status == WK_OK)
        status = wk_s3_loop_start(s, err);
    if (status != WK_OK)
        return status;
    status = check_store(s, config, err);
    if (status != WK_OK)
        wk_s3_loop_stop(s);
    return status;
}

enum wk_status wk_s3_objects_open(struct wk_env *env, const struct wk_objects_config *config,
                                  struct wk_objects **out, struct wk_error *err) {
    struct wk_error why;
    struct wk_s3_store *s = wk_alloc(env, WK_MEM_IO, sizeof *s);
    if (s == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for an object store");
    memset(s, 0, sizeof *s);
    wk_error_clear(&why);
    s->env = env;
    s->objects.ops = &wk_s3_ops;
    s->objects.caps = WK_OBJECTS_ETAG | WK_OBJECTS_HEAD | WK_OBJECTS_LIST | WK_OBJECTS_LIST_SIZES |
                      WK_OBJECTS_CONCURRENT;
    enum wk_status status = init_sync(s, &why);
    if (status != WK_OK) {
        wk_release(env, WK_MEM_IO, s, sizeof *s);
        return wk_fail(err, status, "%s", why.text);
    }
    status = start(s, config, &why);
    if (status == WK_OK) {
        *out = &s->objects;
        return WK_OK;
    }
    wk_s3_store_free(s);
    return wk_fail(err, status, "object store: %s", why.text);
}
