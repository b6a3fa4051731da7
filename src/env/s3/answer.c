/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes back: headers are read line by line, a body goes straight to where it belongs (the
 * sink's memory, with the checksum on the way; a page; or the bounded room for an error), and at
 * the end all of it becomes one result.
 */
#include <openssl/evp.h>

#include "base/num.h"
#include "base/text.h"
#include "env/s3/list_xml.h"
#include "env/s3/s3_private.h"
#include "hash/crc32c.h"

/* ---- headers ------------------------------------------------------------------------------- */

/* The value when the line is "name: value" with this name, in any case. */
static bool header_is(struct wk_span line, const char *name, struct wk_span *value) {
    size_t length = strlen(name);
    if (line.size <= length || line.data[length] != ':' ||
        !wk_equal_ignoring_case(wk_span(line.data, length), name))
        return false;
    struct wk_span rest = wk_span(line.data + length + 1, line.size - length - 1);
    while (rest.size > 0 && (rest.data[0] == ' ' || rest.data[0] == '\t'))
        rest = wk_span(rest.data + 1, rest.size - 1);
    *value = rest;
    return true;
}

/* Cut when it is too long: these are words for messages and comparison with short ones. */
static void take_word(char *to, size_t capacity, struct wk_span value) {
    size_t size = value.size < capacity - 1 ? value.size : capacity - 1;
    memcpy(to, value.data, size);
    to[size] = 0;
}

static void take_length(struct wk_s3_answer *a, struct wk_span value) {
    uint64_t length;
    if (!wk_parse_u64(value, &length) || (a->has_length && a->length != length))
        a->bad_length = true;
    else
        a->length = length;
    a->has_length = true;
}

/* "xxxxxx==": four bytes, big endian. "xxxxxx==-3" is of parts and says nothing about the whole. */
static void take_crc32c(struct wk_s3_answer *a, struct wk_span value) {
    uint8_t bytes[6];
    if (value.size != 8 || value.data[6] != '=' || value.data[7] != '=' ||
        EVP_DecodeBlock(bytes, value.data, 8) != 6)
        return;
    a->has_crc32c = true;
    a->crc32c =
        (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void take_modified(struct wk_s3_answer *a, struct wk_span value) {
    char text[64];
    take_word(text, sizeof text, value);
    time_t seconds = curl_getdate(text, NULL);
    a->modified_ns = seconds > 0 ? (uint64_t)seconds * WK_NS_PER_S : 0;
}

static void take_header(struct wk_s3_answer *a, struct wk_span line) {
    struct wk_span value;
    if (header_is(line, "content-length", &value))
        take_length(a, value);
    else if (header_is(line, "transfer-encoding", &value))
        a->bad_length = true;
    else if (header_is(line, "etag", &value))
        wk_s3_take_etag(&a->etag, value);
    else if (header_is(line, "last-modified", &value))
        take_modified(a, value);
    else if (header_is(line, "x-amz-checksum-crc32c", &value))
        take_crc32c(a, value);
    else if (header_is(line, "x-amz-checksum-type", &value))
        a->composite = wk_equal_ignoring_case(value, "COMPOSITE");
    else if (header_is(line, "server", &value))
        take_word(a->server, sizeof a->server, value);
    else if (header_is(line, "x-amz-bucket-region", &value))
        take_word(a->region, sizeof a->region, value);
    else if (header_is(line, "x-minio-error-code", &value))
        take_word(a->code, sizeof a->code, value); /* the only place for it in answers to HEAD */
}

/* "HTTP/1.1 200 OK" begins an answer; one of 1xx comes before the real one. */
static void begin_answer(struct wk_s3_answer *a, struct wk_span line) {
    size_t header_bytes = a->header_bytes;
    memset(a, 0, offsetof(struct wk_s3_answer, error));
    a->header_bytes = header_bytes;
    uint64_t status;
    size_t at = 0;
    while (at < line.size && line.data[at] != ' ')
        at++;
    if (line.size - at >= 4 && wk_parse_u64(wk_span(line.data + at + 1, 3), &status))
        a->status = (uint32_t)status;
}

static bool delivers(const struct wk_s3_transfer *t) {
    return t->call->kind == WK_S3_OBJECT && t->request->verb == WK_OBJECT_GET &&
           t->answer.status == 200;
}

/* The headers of a good GET are complete: room for the body. */
static enum wk_s3_stop ask_for_room(struct wk_s3_transfer *t) {
    struct wk_s3_answer *a = &t->answer;
    if (!a->has_length || a->bad_length)
        return WK_S3_STOP_NO_LENGTH;
    if (a->length > WK_OBJECT_BODY_BYTES_MAX)
        return WK_S3_STOP_TOO_LARGE;
    a->to = t->request->sink.reserve(t->request->sink.ctx, a->length);
    return a->to != NULL ? WK_S3_GOES_ON : WK_S3_STOP_REFUSED;
}

static enum wk_s3_stop end_head(struct wk_s3_transfer *t) {
    t->answer.whole_head = true;
    return delivers(t) ? ask_for_room(t) : WK_S3_GOES_ON;
}

static size_t on_header(char *data, size_t unit, size_t count, void *arg) {
    struct wk_s3_transfer *t = arg;
    struct wk_s3_answer *a = &t->answer;
    size_t size = unit * count;
    struct wk_span line = wk_span(data, size);
    while (line.size > 0 && (line.data[line.size - 1] == '\n' || line.data[line.size - 1] == '\r' ||
                             line.data[line.size - 1] == ' '))
        line.size--;
    a->header_bytes += size;
    if (a->header_bytes > WK_S3_HEADER_BYTES_MAX)
        a->stop = WK_S3_STOP_HEADERS;
    else if (a->to != NULL)
        return size; /* behind the body: not what we asked for */
    else if (line.size >= 5 && memcmp(line.data, "HTTP/", 5) == 0)
        begin_answer(a, line);
    else if (line.size > 0)
        take_header(a, line);
    else
        a->stop = end_head(t);
    return a->stop == WK_S3_GOES_ON ? size : 0;
}

/* ---- bodies -------------------------------------------------------------------------------- */

/* libcurl ends a body at its announced length; the check is for a library that does not. */
static size_t deliver(struct wk_s3_answer *a, const char *data, size_t size) {
    if (a->to == NULL || size > a->length - a->received)
        return 0;
    a->received_crc32c = wk_crc32c_copy(a->received_crc32c, a->to + a->received, data, size);
    a->received += size;
    return size;
}

static size_t fill_page(struct wk_s3_transfer *t, const char *data, size_t size) {
    struct wk_s3_page *page = t->call->page;
    if (size > page->capacity - page->size) {
        t->answer.stop = WK_S3_STOP_PAGE;
        return 0;
    }
    memcpy(page->data + page->size, data, size);
    page->size += size;
    return size;
}

static size_t on_body(char *data, size_t unit, size_t count, void *arg) {
    struct wk_s3_transfer *t = arg;
    struct wk_s3_answer *a = &t->answer;
    size_t size = unit * count;
    if (delivers(t))
        return deliver(a, data, size);
    if (a->status == 200 && t->call->kind == WK_S3_BUCKET)
        return fill_page(t, data, size);
    /* An error's body beyond its room is read and dropped, as long as it is not without end. */
    size_t room = sizeof a->error - a->error_size;
    size_t part = wk_min_u64(size, room);
    memcpy(a->error + a->error_size, data, part);
    a->error_size += part;
    a->received += size;
    return a->received <= 16 * sizeof a->error ? size : 0;
}

void wk_s3_answer_prepare(struct wk_s3_transfer *t) {
    memset(&t->answer, 0, sizeof t->answer);
    if (t->call->kind == WK_S3_BUCKET)
        t->call->page->size = 0;
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
}

/* ---- results ------------------------------------------------------------------------------- */

static void finish_get(struct wk_s3_transfer *t) {
    const struct wk_s3_answer *a = &t->answer;
    struct wk_object_result *result = t->result;
    bool vouched = a->has_crc32c && !a->composite;
    if (a->received != a->length) {
        wk_s3_error_set(t, WK_OBJECT_CORRUPT, WK_CORRUPT, "the body ended after %llu of %llu bytes",
                        (unsigned long long)a->received, (unsigned long long)a->length);
    } else if (vouched && a->crc32c != a->received_crc32c) {
        wk_s3_error_set(t, WK_OBJECT_CORRUPT, WK_CORRUPT,
                        "the body's CRC32C is %08x, the store says %08x",
                        (unsigned)a->received_crc32c, (unsigned)a->crc32c);
    } else {
        result->class = WK_OBJECT_OK;
        result->size_bytes = a->length;
        result->has_crc32c = vouched;
        result->crc32c = vouched ? a->crc32c : 0;
    }
}

static void finish_head(struct wk_s3_transfer *t) {
    const struct wk_s3_answer *a = &t->answer;
    struct wk_object_result *result = t->result;
    if (!a->has_length || a->bad_length) {
        wk_s3_error_set(t, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE,
                        "the answer to HEAD has no usable Content-Length");
        return;
    }
    result->class = WK_OBJECT_OK;
    result->size_bytes = a->length;
    result->has_crc32c = a->has_crc32c && !a->composite;
    result->crc32c = result->has_crc32c ? a->crc32c : 0;
}

static void finish_put(struct wk_s3_transfer *t) {
    const struct wk_s3_answer *a = &t->answer;
    struct wk_object_result *result = t->result;
    bool vouched = a->has_crc32c && !a->composite;
    if (vouched && a->crc32c != t->body_crc) {
        wk_s3_error_set(t, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE,
                        "the store keeps another body: its CRC32C is %08x, %08x was sent",
                        (unsigned)a->crc32c, (unsigned)t->body_crc);
        return;
    }
    result->class = WK_OBJECT_OK;
    result->size_bytes = t->body_size;
    result->has_crc32c = vouched;
    result->crc32c = vouched ? a->crc32c : 0;
}

/* True when the status is the one that the verb hopes for. */
static bool finish_good(struct wk_s3_transfer *t) {
    uint32_t status = t->answer.status;
    bool bucket = t->call->kind == WK_S3_BUCKET;
    switch (t->request->verb) {
    case WK_OBJECT_GET:
        if (status != 200)
            return false;
        if (bucket)
            t->result->class = WK_OBJECT_OK;
        else
            finish_get(t);
        return true;
    case WK_OBJECT_HEAD:
        if (status != 200)
            return false;
        finish_head(t);
        return true;
    case WK_OBJECT_PUT:
        if (status < 200 || status > 204)
            return false;
        finish_put(t);
        return true;
    case WK_OBJECT_DELETE:
        if (status < 200 || status > 204)
            return false;
        t->result->class = WK_OBJECT_OK;
        return true;
    }
    return false;
}

/* A whole answer, or one whose status decides whatever happened to its body. */
static bool answered(const struct wk_s3_answer *a, CURLcode code) {
    if (a->stop != WK_S3_GOES_ON || a->status < 200 || !a->whole_head)
        return false;
    if (code == CURLE_OK)
        return true;
    return a->status >= 300 && code != CURLE_OPERATION_TIMEDOUT;
}

static void describe_page(struct wk_s3_transfer *t) {
    struct wk_s3_page *page = t->call->page;
    page->status = t->answer.status;
    memcpy(page->server, t->answer.server, sizeof page->server);
    memcpy(page->code, t->answer.code, sizeof page->code);
}

void wk_s3_answer_finish(struct wk_s3_transfer *t, CURLcode code) {
    struct wk_s3_answer *a = &t->answer;
    struct wk_object_result *result = t->result;
    memset(result, 0, sizeof *result);
    if (a->status >= 300)
        wk_s3_error_parse(a);
    if (!answered(a, code))
        wk_s3_error_of_transport(t, code);
    else if (!finish_good(t))
        wk_s3_error_of_status(t);
    if (result->class == WK_OBJECT_OK || result->class == WK_OBJECT_NOT_MODIFIED) {
        result->etag = a->etag;
        result->modified_ns = a->modified_ns;
    }
    if (t->call->kind == WK_S3_BUCKET)
        describe_page(t);
}
