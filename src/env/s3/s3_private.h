/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the S3 store only. */
#ifndef WK_ENV_S3_S3_PRIVATE_H
#define WK_ENV_S3_S3_PRIVATE_H

#include <curl/curl.h>

#include "base/list.h"
#include "env/object_result.h"
#include "env/s3/credentials.h"
#include "env/s3/s3.h"

#define WK_S3_CONNECT_TIMEOUT_NS (5ull * WK_NS_PER_S)
/* How late a cancel word is noticed. */
#define WK_S3_CANCEL_TICK_NS (50ull * WK_NS_PER_MS)
/* libcurl's buffers, per request under way. */
#define WK_S3_BUFFER_BYTES (256u * 1024)
/* Endpoint, bucket and key, or endpoint, bucket and the query of a LIST; each byte as %XX. */
#define WK_S3_URL_BYTES_MAX (32u * 1024)

/* ---- what is asked ------------------------------------------------------------------------- */

enum wk_s3_kind { WK_S3_OBJECT, WK_S3_BUCKET };

/* The body and the facts of an answer about the bucket. */
struct wk_s3_page {
    uint8_t *data;
    size_t capacity;
    size_t size;
    uint32_t status; /* of HTTP; 0: there was no answer */
    char server[WK_S3_ERROR_WORD_BYTES];
    char code[WK_S3_ERROR_WORD_BYTES]; /* of S3; "" none */
};

/*
 * One call of batch, or one request about the bucket. Lives on its caller's stack, who waits until
 * `done` is `count`. The requests and results belong to the I/O thread meanwhile.
 */
struct wk_s3_call {
    struct wk_list link; /* in store->calls while it has requests to give */
    enum wk_s3_kind kind;
    const struct wk_object_request *requests;
    struct wk_object_result *results; /* CANCELLED: to be done; else done before it began */
    const char *query;                /* BUCKET: "a=b&c=d", encoded and sorted; "" none */
    struct wk_s3_page *page;          /* BUCKET */
    size_t count;
    size_t next;        /* sync: the store's mutex; so are the next two */
    size_t done;        /* results that are final */
    uint32_t under_way; /* taken and not final */
    uint32_t parallel;
    uint64_t deadline_ns;
    const wk_atomic_u32 *cancel;
    struct wk_cond finished;
};

/* ---- the answer ---------------------------------------------------------------------------- */

enum wk_s3_stop {
    WK_S3_GOES_ON,
    WK_S3_STOP_REFUSED,   /* the sink gave no room */
    WK_S3_STOP_NO_LENGTH, /* no Content-Length, or several */
    WK_S3_STOP_TOO_LARGE, /* an object over WK_OBJECT_BODY_BYTES_MAX */
    WK_S3_STOP_HEADERS,   /* too many bytes of headers */
    WK_S3_STOP_PAGE       /* more than the page holds */
};

struct wk_s3_answer {
    uint32_t status;
    enum wk_s3_stop stop;
    size_t header_bytes;
    bool whole_head; /* the line that ends the headers came */
    bool has_length;
    bool bad_length; /* not a number, several that differ, or a transfer coding */
    uint64_t length;
    bool has_crc32c; /* a checksum of the full object came */
    bool composite;
    uint32_t crc32c;
    uint64_t modified_ns;
    struct wk_etag etag;
    char server[WK_S3_ERROR_WORD_BYTES];
    char region[WK_S3_ERROR_WORD_BYTES]; /* where the bucket is */
    char code[WK_S3_ERROR_WORD_BYTES];
    char message[256];
    uint8_t *to; /* GET: where the body goes; NULL until room is there */
    uint64_t received;
    uint32_t received_crc32c;
    size_t error_size;
    uint8_t error[WK_S3_ERROR_BODY_BYTES_MAX]; /* body of an answer that is no success */
};

/* One request under way. Used by the I/O thread only. */
struct wk_s3_transfer {
    struct wk_list link; /* free or busy */
    struct wk_s3_store *store;
    struct wk_s3_call *call;
    const struct wk_object_request *request;
    struct wk_object_result *result;
    CURL *easy;
    struct curl_slist *headers;
    uint64_t keys_generation;
    bool repeated;      /* after renewed credentials */
    uint32_t body_crc;  /* PUT: of the whole body */
    size_t body_size;   /* PUT */
    size_t body_span;   /* PUT: what libcurl takes next */
    size_t body_inside; /* PUT: within that span */
    struct wk_s3_answer answer;
    char curl_text[CURL_ERROR_SIZE];
};

/* ---- the store ----------------------------------------------------------------------------- */

struct wk_s3_store {
    struct wk_objects objects; /* first */
    struct wk_env *env;
    /* Fixed once open. */
    char base[600];        /* "http://host:9000", or "https://bucket.host:443" */
    char bucket_path[800]; /* "/bucket", encoded, or "" when the host names it */
    char place[900];       /* endpoint and bucket, for messages */
    char region[65];
    char signing[96];                   /* "aws:amz:<region>:s3" */
    char ca_file[WK_VAR_BYTES_MAX + 1]; /* "": the system's */
    char proxy[WK_VAR_BYTES_MAX + 1];   /* "": none */
    bool delete_honours_match;
    /* The I/O thread's. */
    struct wk_thread *thread;
    CURLM *multi;
    struct wk_s3_credentials *credentials;
    struct wk_list busy;
    struct wk_list free;
    uint32_t busy_count;
    uint32_t transfers;
    char url[WK_S3_URL_BYTES_MAX];
    /* Under the mutex. */
    struct wk_mutex mutex;
    struct wk_cond left;  /* close: the last user left */
    struct wk_list calls; /* with requests to give, in turns */
    uint32_t users;
    bool closing;
};

extern const struct wk_objects_ops wk_s3_ops; /* s3.c */

/* What close frees when the thread has ended. */
void wk_s3_store_free(struct wk_s3_store *store);

/* Runs one request about the bucket and waits. GET or PUT, with the body of `request`. The class,
 * and a text in `err` for every class but OK. */
enum wk_object_class wk_s3_ask(struct wk_s3_store *store, const struct wk_object_request *request,
                               const char *query, struct wk_s3_page *page, uint64_t deadline_ns,
                               const wk_atomic_u32 *cancel, struct wk_error *err);

/* One page of a LIST into `page`. `token` "" begins. */
enum wk_object_class wk_s3_ask_list(struct wk_s3_store *store, const char *prefix,
                                    const char *token, uint32_t keys, struct wk_s3_page *page,
                                    uint64_t deadline_ns, const wk_atomic_u32 *cancel,
                                    struct wk_error *err);

/* ---- loop.c: the I/O thread ---------------------------------------------------------------- */

WK_MUST_CHECK enum wk_status wk_s3_loop_start(struct wk_s3_store *store, struct wk_error *err);
/* Ends the thread; all calls have returned. */
void wk_s3_loop_stop(struct wk_s3_store *store);
/* Enqueues the call and waits until it is done. */
void wk_s3_loop_run(struct wk_s3_store *store, struct wk_s3_call *call);

/* ---- request.c: from a request to a handle of libcurl --------------------------------------- */

/* transfer->call, request, result and store are set. False: no memory; the result says so. */
bool wk_s3_request_prepare(struct wk_s3_transfer *transfer);
void wk_s3_request_release(struct wk_s3_transfer *transfer);

/* ---- answer.c: what comes back -------------------------------------------------------------- */

/* Sets libcurl's callbacks and forgets an earlier answer. */
void wk_s3_answer_prepare(struct wk_s3_transfer *transfer);
/* Fills result (and page) from what was seen. */
void wk_s3_answer_finish(struct wk_s3_transfer *transfer, CURLcode code);

/* ---- error.c: answers that are no success ---------------------------------------------------- */

/* Fills answer->code, message and region from the body of an error. */
void wk_s3_error_parse(struct wk_s3_answer *answer);
/* An answer that came, with any status but a good one. */
void wk_s3_error_of_status(struct wk_s3_transfer *transfer);
/* No whole answer came. */
void wk_s3_error_of_transport(struct wk_s3_transfer *transfer, CURLcode code);
/* The result's class and status, and "<verb> <endpoint>/<bucket>: <text>". */
void wk_s3_error_set(struct wk_s3_transfer *transfer, enum wk_object_class class,
                     enum wk_status status, const char *format, ...) WK_PRINTF(4, 5);
/* True when other credentials might be let in where these were not. */
bool wk_s3_error_is_of_credentials(const struct wk_s3_answer *answer);

#endif
