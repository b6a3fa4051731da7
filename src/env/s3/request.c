/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a request to a handle of libcurl: address, headers, body, limits.
 *
 * libcurl signs (SigV4) every header that is given to it, the host and its own x-amz-date; it takes
 * path and query as they are, so they are encoded and sorted here. The payload is not signed: its
 * CRC32C travels beside it.
 */
#include <openssl/evp.h>

#include "base/num.h"
#include "base/text.h"
#include "env/s3/list_xml.h"
#include "env/s3/s3_private.h"
#include "env/s3/url.h"

/* ---- address ------------------------------------------------------------------------------- */

static bool write_url(struct wk_s3_transfer *t) {
    struct wk_s3_store *store = t->store;
    bool object = t->call->kind == WK_S3_OBJECT;
    struct wk_writer to = wk_writer(store->url, sizeof store->url);
    wk_write_text(&to, store->base);
    wk_write_text(&to, store->bucket_path);
    if (object || store->bucket_path[0] == 0)
        wk_write_text(&to, "/");
    if (object) {
        wk_s3_write_path(&to, wk_span_text(t->request->key));
    } else if (t->call->query[0] != 0) {
        wk_write_text(&to, "?");
        wk_write_text(&to, t->call->query);
    }
    wk_write_u8(&to, 0);
    return !to.failed;
}

/* ---- headers ------------------------------------------------------------------------------- */

static bool add_header(struct wk_s3_transfer *t, const char *name, const char *value) {
    char line[WK_VAR_BYTES_MAX + 64];
    wk_format(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(t->headers, line);
    if (longer != NULL)
        t->headers = longer;
    return longer != NULL;
}

/* Whoever keeps ETags may have kept something else; a condition that cannot hold is sent then. */
static bool add_etag(struct wk_s3_transfer *t, const char *name, const struct wk_etag *etag) {
    char text[WK_ETAG_BYTES_MAX + 1];
    struct wk_etag clean = {.length = 0};
    if (etag == NULL)
        return true;
    if (etag->length <= WK_ETAG_BYTES_MAX)
        wk_s3_take_etag(&clean, wk_span(etag->text, etag->length));
    memcpy(text, clean.text, clean.length);
    text[clean.length] = 0;
    return add_header(t, name, clean.length > 0 ? text : "\"\"");
}

static bool add_checksum(struct wk_s3_transfer *t) {
    const uint8_t bytes[4] = {(uint8_t)(t->body_crc >> 24), (uint8_t)(t->body_crc >> 16),
                              (uint8_t)(t->body_crc >> 8), (uint8_t)t->body_crc};
    uint8_t text[9];
    (void)EVP_EncodeBlock(text, bytes, sizeof bytes);
    return add_header(t, "x-amz-checksum-crc32c", (const char *)text);
}

static bool add_headers(struct wk_s3_transfer *t, const struct wk_s3_keys *keys) {
    const struct wk_object_request *r = t->request;
    bool puts = r->verb == WK_OBJECT_PUT;
    bool reads = r->verb == WK_OBJECT_GET || r->verb == WK_OBJECT_HEAD;
    bool bucket = t->call->kind == WK_S3_BUCKET;
    bool ok = add_header(t, "x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    if (keys->session_token[0] != 0)
        ok = ok && add_header(t, "x-amz-security-token", keys->session_token);
    if (puts) /* always: libcurl would name one of its own, and not sign it */
        ok = ok &&
             add_header(t, "content-type", bucket ? "application/xml" : "application/octet-stream");
    if (bucket)
        return ok;
    if (reads)
        ok = ok && add_header(t, "x-amz-checksum-mode", "ENABLED");
    if (puts)
        ok = ok && add_checksum(t);
    if (r->if_absent)
        ok = ok && add_header(t, "if-none-match", "*");
    return ok && add_etag(t, "if-match", r->if_match) &&
           add_etag(t, "if-none-match", r->if_none_match);
}

/* ---- body ---------------------------------------------------------------------------------- */

static size_t read_body(char *to, size_t unit, size_t count, void *arg) {
    struct wk_s3_transfer *t = arg;
    const struct wk_object_request *r = t->request;
    size_t room = unit * count;
    size_t at = 0;
    while (at < room && t->body_span < r->body_count) {
        const struct wk_span *span = &r->body[t->body_span];
        size_t left = span->size - t->body_inside;
        size_t part = left < room - at ? left : room - at;
        if (part > 0)
            memcpy(to + at, span->data + t->body_inside, part);
        at += part;
        t->body_inside += part;
        if (part == left) {
            t->body_span++;
            t->body_inside = 0;
        }
    }
    return at;
}

/*
 * libcurl goes back when a reused connection was closed under the request. Some of the body may
 * have been taken, so a condition could then meet our own write and fail: that outcome is unknown,
 * which the caller has to hear.
 */
static int seek_body(void *arg, curl_off_t offset, int origin) {
    struct wk_s3_transfer *t = arg;
    bool conditional = t->request->if_absent || t->request->if_match != NULL;
    if (offset != 0 || origin != SEEK_SET || conditional)
        return CURL_SEEKFUNC_FAIL;
    t->body_span = t->body_inside = 0;
    return CURL_SEEKFUNC_OK;
}

/* ---- the handle ---------------------------------------------------------------------------- */

static void set_verb(struct wk_s3_transfer *t) {
    CURL *e = t->easy;
    switch (t->request->verb) {
    case WK_OBJECT_GET:
        return;
    case WK_OBJECT_HEAD:
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
        return;
    case WK_OBJECT_DELETE:
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, "DELETE");
        break;
    case WK_OBJECT_PUT:
        /*
         * A POST by another name: unlike an upload it says "Expect: 100-continue" above 1 MiB only.
         * The header that would take it away is no way out, libcurl 7.88 signs it. Where it is
         * said, the body follows without a wait.
         */
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, "PUT");
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_size);
        curl_easy_setopt(e, CURLOPT_EXPECT_100_TIMEOUT_MS, 0L);
        curl_easy_setopt(e, CURLOPT_READFUNCTION, read_body);
        curl_easy_setopt(e, CURLOPT_READDATA, t);
        curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, seek_body);
        curl_easy_setopt(e, CURLOPT_SEEKDATA, t);
        curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, (long)WK_S3_BUFFER_BYTES);
        break;
    }
    /* Nothing of these can go back, so they must not meet a connection that dies of age. */
    if (t->body_size == 0 && (t->request->if_absent || t->request->if_match != NULL))
        curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_limits(struct wk_s3_transfer *t) {
    CURL *e = t->easy;
    uint64_t deadline = t->call->deadline_ns;
    uint64_t now = wk_now_ns(t->store->env);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(WK_S3_CONNECT_TIMEOUT_NS / WK_NS_PER_MS));
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)(WK_PROGRESS_BASE_NS / WK_NS_PER_S));
    if (deadline == WK_FOREVER)
        return;
    /* One more, because libcurl may be early by its rounding: the next request of the call would
     * then be sent with no time left. */
    uint64_t left_ms = deadline > now ? (deadline - now) / WK_NS_PER_MS + 2 : 1;
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)wk_min_u64(left_ms, INT32_MAX));
}

static void set_connection(struct wk_s3_transfer *t) {
    CURL *e = t->easy;
    const struct wk_s3_store *store = t->store;
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_PROXY, store->proxy);
    curl_easy_setopt(e, CURLOPT_NOPROXY, "");
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* the proxy's are not the store's */
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)WK_S3_BUFFER_BYTES);
    /* A name server that does not answer must not hold up the thread when the request has ended. */
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    if (store->ca_file[0] != 0) {
        curl_easy_setopt(e, CURLOPT_CAINFO, store->ca_file);
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
}

static void start_body(struct wk_s3_transfer *t) {
    t->body_span = t->body_inside = 0;
    t->body_size = 0;
    if (t->request->verb == WK_OBJECT_PUT)
        (void)wk_object_body_size(t->request, &t->body_size); /* checked by the caller */
}

static bool prepare(struct wk_s3_transfer *t) {
    if (t->easy == NULL)
        t->easy = curl_easy_init();
    if (t->easy == NULL)
        return false;
    const struct wk_s3_keys *keys = wk_s3_credentials_keys(t->store->credentials);
    CURL *e = t->easy;
    t->keys_generation = wk_s3_credentials_generation(t->store->credentials);
    curl_easy_reset(e);
    start_body(t);
    if (!write_url(t) || !add_headers(t, keys))
        return false;
    set_connection(t);
    set_limits(t);
    set_verb(t);
    wk_s3_answer_prepare(t);
    t->curl_text[0] = 0;
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_text);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
    /* The options that copy something: the only ones that can fail. */
    return curl_easy_setopt(e, CURLOPT_URL, t->store->url) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_USERNAME, keys->access_key) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_PASSWORD, keys->secret_key) == CURLE_OK &&
           curl_easy_setopt(e, CURLOPT_AWS_SIGV4, t->store->signing) == CURLE_OK;
}

bool wk_s3_request_prepare(struct wk_s3_transfer *t) {
    t->headers = NULL;
    if (prepare(t))
        return true;
    wk_s3_request_release(t);
    wk_s3_error_set(t, WK_OBJECT_SERVER_ERROR, WK_NO_MEMORY, "no memory for a request");
    return false;
}

void wk_s3_request_release(struct wk_s3_transfer *t) {
    curl_slist_free_all(t->headers);
    t->headers = NULL;
}
