/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are no success: which class, and what a person reads.
 *
 * The store's own words are hostile input. They are shown quoted and cut, and without anything that
 * could be a signature, a token or a key: no run of 32 such characters gets through.
 */
#include <stdarg.h>

#include "base/text.h"
#include "base/writer.h"
#include "env/s3/s3_private.h"
#include "env/s3/xml.h"

static const char *verb_name(enum wk_object_verb verb) {
    switch (verb) {
    case WK_OBJECT_GET:
        return "GET";
    case WK_OBJECT_PUT:
        return "PUT";
    case WK_OBJECT_HEAD:
        return "HEAD";
    case WK_OBJECT_DELETE:
        break;
    }
    return "DELETE";
}

void wk_s3_error_set(struct wk_s3_transfer *t, enum wk_object_class class, enum wk_status status,
                     const char *format, ...) {
    char text[WK_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)wk_format_list(text, sizeof text, format, args);
    va_end(args);
    t->result->class = class;
    (void)wk_fail(&t->result->error, status, "%s %s: %s",
                  t->call->kind == WK_S3_BUCKET && t->request->verb == WK_OBJECT_GET
                      ? "LIST"
                      : verb_name(t->request->verb),
                  t->store->place, text);
}

/* ---- the body of an error -------------------------------------------------------------------- */

static bool secret_character(uint8_t c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '+' ||
           c == '/' || c == '=' || c == '_' || c == '-' || c == '%';
}

/* Puts "***" in the place of each long run. */
static void take_message(struct wk_s3_answer *a, struct wk_span text) {
    struct wk_writer to = wk_writer(a->message, sizeof a->message - 1);
    for (size_t i = 0; i < text.size;) {
        size_t end = i;
        while (end < text.size && secret_character(text.data[end]))
            end++;
        if (end - i >= 32) {
            wk_write_text(&to, "***");
            i = end;
        } else {
            end = end == i ? i + 1 : end;
            wk_write_span(&to, wk_span(text.data + i, end - i));
            i = end;
        }
    }
    a->message[to.at] = 0;
}

static void take_word(char to[WK_S3_ERROR_WORD_BYTES], const struct wk_s3_xml_element *element) {
    if (element->size >= WK_S3_ERROR_WORD_BYTES)
        return;
    memcpy(to, element->text, element->size);
    to[element->size] = 0;
}

static bool see_error(void *ctx, const struct wk_s3_xml_element *element) {
    struct wk_s3_answer *a = ctx;
    if (strcmp(element->path, "Error/Code") == 0)
        take_word(a->code, element);
    else if (strcmp(element->path, "Error/Region") == 0)
        take_word(a->region, element);
    else if (strcmp(element->path, "Error/Message") == 0)
        take_message(a, wk_span(element->text, element->size));
    return true;
}

void wk_s3_error_parse(struct wk_s3_answer *a) {
    if (a->error_size == 0)
        return;
    /* What is no XML, or cut, leaves what was found so far: the status alone decides then. */
    enum wk_status status = wk_s3_xml_walk(wk_span(a->error, a->error_size), see_error, a, NULL);
    (void)status;
}

/* ---- classes --------------------------------------------------------------------------------- */

/* Codes that say more than the status does. Looked at for 400, 403 and 5xx. */
static const struct {
    const char *code;
    enum wk_object_class class;
    bool keys; /* the keys or the signature are not accepted */
} codes[] = {
    {"InvalidAccessKeyId", WK_OBJECT_DENIED, true},
    {"SignatureDoesNotMatch", WK_OBJECT_DENIED, true},
    {"ExpiredToken", WK_OBJECT_DENIED, true},
    {"InvalidToken", WK_OBJECT_DENIED, true},
    {"InvalidTokenId", WK_OBJECT_DENIED, true},
    {"TokenRefreshRequired", WK_OBJECT_DENIED, true},
    {"RequestExpired", WK_OBJECT_DENIED, true},
    {"RequestTimeTooSkewed", WK_OBJECT_DENIED, true},
    {"AccessDenied", WK_OBJECT_DENIED, false},
    {"SlowDown", WK_OBJECT_THROTTLED, false},
    {"SlowDownRead", WK_OBJECT_THROTTLED, false},
    {"SlowDownWrite", WK_OBJECT_THROTTLED, false},
    {"Throttling", WK_OBJECT_THROTTLED, false},
    {"ThrottlingException", WK_OBJECT_THROTTLED, false},
    {"RequestLimitExceeded", WK_OBJECT_THROTTLED, false},
    {"TooManyRequests", WK_OBJECT_THROTTLED, false},
    {"RequestTimeout", WK_OBJECT_TIMEOUT, false},
    {"IncompleteBody", WK_OBJECT_SERVER_ERROR, false},
    /* Other bytes arrived than were sent: they may arrive next time. */
    {"BadDigest", WK_OBJECT_SERVER_ERROR, false},
    {"XAmzContentChecksumMismatch", WK_OBJECT_SERVER_ERROR, false},
    {"QuotaExceeded", WK_OBJECT_NO_SPACE, false},
    {"XMinioAdminBucketQuotaExceeded", WK_OBJECT_NO_SPACE, false},
    {"XMinioStorageFull", WK_OBJECT_NO_SPACE, false},
};

static size_t find_code(const char *code) {
    size_t i = 0;
    while (i < sizeof codes / sizeof codes[0] && strcmp(codes[i].code, code) != 0)
        i++;
    return i;
}

static bool is_of_keys(const char *code) {
    size_t i = find_code(code);
    return i < sizeof codes / sizeof codes[0] && codes[i].keys;
}

bool wk_s3_error_is_of_credentials(const struct wk_s3_answer *a) {
    return a->status == 401 || a->status == 403 || (a->status == 400 && is_of_keys(a->code));
}

static bool code_is(const struct wk_s3_transfer *t, const char *code) {
    return strcmp(t->answer.code, code) == 0;
}

static enum wk_object_class class_of_missing(const struct wk_s3_transfer *t) {
    const struct wk_object_request *r = t->request;
    bool object_missing =
        t->call->kind == WK_S3_OBJECT && (code_is(t, "NoSuchKey") || code_is(t, ""));
    if (!object_missing)
        return WK_OBJECT_INVALID;
    if (r->if_match != NULL)
        return WK_OBJECT_PRECONDITION_FAILED;
    if (r->verb == WK_OBJECT_DELETE)
        return WK_OBJECT_OK;
    return r->verb == WK_OBJECT_PUT ? WK_OBJECT_INVALID : WK_OBJECT_ABSENT;
}

static enum wk_object_class class_of_status(uint32_t status) {
    switch (status) {
    case 401:
    case 403:
        return WK_OBJECT_DENIED;
    case 408:
        return WK_OBJECT_TIMEOUT;
    case 409:
        return WK_OBJECT_CONFLICT;
    case 412:
        return WK_OBJECT_PRECONDITION_FAILED;
    case 429:
        return WK_OBJECT_THROTTLED;
    case 501:
    case 505:
        return WK_OBJECT_INVALID;
    case 507:
        return WK_OBJECT_NO_SPACE;
    default:
        break;
    }
    return status >= 300 && status < 500 ? WK_OBJECT_INVALID : WK_OBJECT_SERVER_ERROR;
}

static enum wk_object_class class_of(const struct wk_s3_transfer *t) {
    uint32_t status = t->answer.status;
    size_t known = find_code(t->answer.code);
    if (status == 304 && t->request->if_none_match != NULL)
        return WK_OBJECT_NOT_MODIFIED;
    if (status == 404)
        return class_of_missing(t);
    if ((status == 400 || status == 403 || status >= 500) && known < sizeof codes / sizeof codes[0])
        return codes[known].class;
    return class_of_status(status);
}

static enum wk_status status_of(enum wk_object_class class) {
    switch (class) {
    case WK_OBJECT_OK:
    case WK_OBJECT_NOT_MODIFIED:
        return WK_OK;
    case WK_OBJECT_ABSENT:
        return WK_MISS;
    case WK_OBJECT_PRECONDITION_FAILED:
    case WK_OBJECT_CONFLICT:
        return WK_CONFLICT;
    case WK_OBJECT_DENIED:
        return WK_DENIED;
    case WK_OBJECT_INVALID:
        return WK_INVALID;
    case WK_OBJECT_TIMEOUT:
        return WK_TIMEOUT;
    case WK_OBJECT_NO_SPACE:
        return WK_NO_SPACE;
    case WK_OBJECT_CORRUPT:
        return WK_CORRUPT;
    case WK_OBJECT_THROTTLED:
    case WK_OBJECT_SERVER_ERROR:
    case WK_OBJECT_CANCELLED:
    case WK_OBJECT_CLASS_COUNT:
        break;
    }
    return WK_UNAVAILABLE;
}

/* ---- texts ----------------------------------------------------------------------------------- */

static bool elsewhere(const struct wk_s3_transfer *t) {
    const struct wk_s3_answer *a = &t->answer;
    bool redirected = a->status >= 300 && a->status < 400;
    /* An answer to HEAD has no place for the code. */
    bool signed_for_another =
        a->status == 400 && (code_is(t, "AuthorizationHeaderMalformed") || code_is(t, ""));
    return (redirected || signed_for_another) && a->region[0] != 0 &&
           strcmp(a->region, t->store->region) != 0;
}

void wk_s3_error_of_status(struct wk_s3_transfer *t) {
    const struct wk_s3_answer *a = &t->answer;
    enum wk_object_class class = class_of(t);
    enum wk_status status = status_of(class);
    char code[3 * WK_S3_ERROR_WORD_BYTES];
    char words[2 * sizeof a->message];
    if (class == WK_OBJECT_OK || class == WK_OBJECT_NOT_MODIFIED || class == WK_OBJECT_ABSENT) {
        t->result->class = class;
        return;
    }
    if (elsewhere(t)) {
        wk_quote(wk_span_text(a->region), words, sizeof words);
        wk_s3_error_set(t, class, status,
                        "HTTP %u: the bucket is in region %s, but requests are signed for \"%s\"; "
                        "set WMBT_KV_S3_REGION and the endpoint to its region",
                        (unsigned)a->status, words, t->store->region);
        return;
    }
    wk_quote(wk_span_text(a->code), code, sizeof code);
    wk_quote(wk_span_text(a->message), words, sizeof words);
    wk_s3_error_set(t, class, status, "HTTP %u%s%s%s%s", (unsigned)a->status,
                    a->code[0] != 0 ? " " : "", a->code[0] != 0 ? code : "",
                    a->message[0] != 0 ? ": " : "", a->message[0] != 0 ? words : "");
}

/* ---- no answer ------------------------------------------------------------------------------- */

static bool stopped(struct wk_s3_transfer *t) {
    const struct wk_s3_answer *a = &t->answer;
    switch (a->stop) {
    case WK_S3_GOES_ON:
        return false;
    case WK_S3_STOP_REFUSED:
        wk_s3_error_set(t, WK_OBJECT_CANCELLED, WK_UNAVAILABLE, "no room for a body of %llu bytes",
                        (unsigned long long)a->length);
        return true;
    case WK_S3_STOP_NO_LENGTH:
        wk_s3_error_set(t, WK_OBJECT_CORRUPT, WK_CORRUPT,
                        "the answer has no usable Content-Length");
        return true;
    case WK_S3_STOP_TOO_LARGE:
        wk_s3_error_set(t, WK_OBJECT_CORRUPT, WK_CORRUPT,
                        "the object has %llu bytes, at most %u go", (unsigned long long)a->length,
                        WK_OBJECT_BODY_BYTES_MAX);
        return true;
    case WK_S3_STOP_HEADERS:
        wk_s3_error_set(t, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE,
                        "the answer has more than %u bytes of headers", WK_S3_HEADER_BYTES_MAX);
        return true;
    case WK_S3_STOP_PAGE:
        wk_s3_error_set(t, WK_OBJECT_INVALID, WK_INVALID, "the reply has more than %zu bytes",
                        t->call->page->capacity);
        return true;
    }
    return false;
}

/* What can never succeed as it is: certificates and settings. */
static bool is_of_tls(CURLcode code) {
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_CERTPROBLEM;
}

static bool mutates(const struct wk_s3_transfer *t) {
    return t->request->verb == WK_OBJECT_PUT || t->request->verb == WK_OBJECT_DELETE;
}

/* "; nothing was sent" or what it means that something was. */
static const char *sent_words(const struct wk_s3_transfer *t) {
    long request_bytes = 0;
    (void)curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    if (request_bytes == 0)
        return "; nothing was sent";
    return mutates(t) ? "; whether it was carried out is unknown" : "";
}

void wk_s3_error_of_transport(struct wk_s3_transfer *t, CURLcode code) {
    const struct wk_s3_answer *a = &t->answer;
    char words[2 * CURL_ERROR_SIZE];
    if (stopped(t))
        return;
    const char *why = t->curl_text[0] != 0 ? t->curl_text : curl_easy_strerror(code);
    wk_quote(wk_span_text(why), words, sizeof words);
    if (code == CURLE_OPERATION_TIMEDOUT)
        wk_s3_error_set(t, WK_OBJECT_TIMEOUT, WK_TIMEOUT, "%s%s", words, sent_words(t));
    else if (code == CURLE_PARTIAL_FILE && a->to != NULL)
        wk_s3_error_set(t, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE,
                        "the body ended after %llu of %llu bytes", (unsigned long long)a->received,
                        (unsigned long long)a->length);
    else if (a->status != 0 && !a->whole_head)
        wk_s3_error_set(t, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE,
                        "the answer ended within its headers%s", sent_words(t));
    else if (code == CURLE_OUT_OF_MEMORY)
        wk_s3_error_set(t, WK_OBJECT_SERVER_ERROR, WK_NO_MEMORY, "no memory for a request");
    else if (is_of_tls(code))
        wk_s3_error_set(t, WK_OBJECT_INVALID, WK_INVALID, "%s%s%s", words,
                        t->store->ca_file[0] != 0 ? ", WMBT_KV_S3_CA_FILE=" : "",
                        t->store->ca_file);
    else
        wk_s3_error_set(t, WK_OBJECT_SERVER_ERROR, WK_UNAVAILABLE, "%s%s", words, sent_words(t));
}
