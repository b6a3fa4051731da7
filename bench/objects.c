/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of GET and PUT on an S3 server through `struct wk_objects`, beside a bare loop over
 * libcurl's multi interface with as many connections, that signs but neither sums nor checks.
 *
 *   64 x 1.7 MiB and 512 x 64 KiB, 16 at a time
 *   straight to the server, and through a proxy with 50 ms to the first byte and 50 MB/s for each
 *   connection
 *
 * Each round runs both, one after the other, in turns first; ratios are taken within a round. Goal:
 * at least 0.95 times the bare loop's speed. The processor time of this process is printed, too: it
 * is what the two differ in, and tells more than the clock where the server has the same cores. The
 * server is that of WMBT_KV_TEST_S3_*, the proxy that of WMBT_KV_TEST_S3_SLOW_ENDPOINT: `make
 * bench-objects` starts both.
 */
#include <curl/curl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "env/env.h"
#include "hash/crc32c.h"
#include "measure.h"

#define PARALLEL  16
#define COUNT_MAX 512
#define BYTES_MAX ((size_t)64 * 1782580)

static uint8_t *sent;     /* what is put */
static uint8_t *received; /* where a GET goes */
static const char *endpoint;

struct job {
    const char *what;
    size_t count;
    size_t size;
};
static const struct job jobs[] = {{"64 x 1.7 MiB", 64, 1782580}, {"512 x 64 KiB", 512, 65536}};

static void stop(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static const char *setting(const char *name) {
    const char *value = getenv(name);
    if (value == NULL) {
        fprintf(stderr, "%s is not set: make bench-objects sets it\n", name);
        exit(2);
    }
    return value;
}

static void name_key(char key[64], const char *who, const struct job *job, size_t i) {
    snprintf(key, 64, "bench/%s/%zu/%zu", who, job->count, i);
}

/* ---- ours ----------------------------------------------------------------------------------- */

static struct wk_objects *open_ours(void) {
    struct wk_objects_config config = {.endpoint = endpoint,
                                       .bucket = setting("WMBT_KV_TEST_S3_BUCKET"),
                                       .region = "us-east-1",
                                       .access_key = setting("WMBT_KV_TEST_S3_ACCESS_KEY"),
                                       .secret_key = setting("WMBT_KV_TEST_S3_SECRET_KEY"),
                                       .prefix = "bench"};
    struct wk_env *env = wk_env_current();
    struct wk_objects *objects = NULL;
    struct wk_error err;
    wk_error_clear(&err);
    if (env->objects->open(env, &config, &objects, &err) != WK_OK)
        stop(err.text);
    return objects;
}

static void *give_room(void *ctx, uint64_t size_bytes) {
    (void)size_bytes;
    return ctx;
}

static double ours_us(struct wk_objects *objects, const struct job *job, bool puts) {
    static struct wk_object_request requests[COUNT_MAX];
    static struct wk_object_result results[COUNT_MAX];
    static struct wk_span spans[COUNT_MAX];
    static char keys[COUNT_MAX][64];
    double start = now_us();
    for (size_t i = 0; i < job->count; i++) {
        struct wk_object_request *r = &requests[i];
        name_key(keys[i], "ours", job, i);
        memset(r, 0, sizeof *r);
        r->key = keys[i];
        r->verb = puts ? WK_OBJECT_PUT : WK_OBJECT_GET;
        r->sink = (struct wk_object_sink){give_room, received + i * job->size};
        if (!puts)
            continue;
        spans[i] = wk_span(sent + i * job->size, job->size);
        r->body = &spans[i];
        r->body_count = 1;
        r->body_crc32c = wk_crc32c(spans[i].data, spans[i].size); /* part of what a PUT costs us */
    }
    objects->ops->batch(objects, requests, results, job->count, PARALLEL, WK_FOREVER, NULL);
    for (size_t i = 0; i < job->count; i++) {
        if (results[i].class != WK_OBJECT_OK)
            stop(results[i].error.text);
    }
    return now_us() - start;
}

/* ---- bare ----------------------------------------------------------------------------------- */

struct transfer {
    CURL *easy;
    uint8_t *at;
    size_t left;
};

struct bare {
    CURLM *multi;
    struct curl_slist *headers;
    struct transfer transfers[PARALLEL];
};

static size_t take(char *data, size_t unit, size_t count, void *arg) {
    struct transfer *t = arg;
    size_t size = unit * count;
    if (size > t->left)
        return 0;
    memcpy(t->at, data, size);
    t->at += size;
    t->left -= size;
    return size;
}

static size_t give(char *to, size_t unit, size_t count, void *arg) {
    struct transfer *t = arg;
    size_t size = unit * count < t->left ? unit * count : t->left;
    memcpy(to, t->at, size);
    t->at += size;
    t->left -= size;
    return size;
}

static void open_bare(struct bare *b) {
    b->multi = curl_multi_init();
    b->headers = curl_slist_append(NULL, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
    curl_multi_setopt(b->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(b->multi, CURLMOPT_MAXCONNECTS, (long)PARALLEL);
    for (size_t i = 0; i < PARALLEL; i++)
        b->transfers[i].easy = curl_easy_init();
}

static void close_bare(struct bare *b) {
    for (size_t i = 0; i < PARALLEL; i++)
        curl_easy_cleanup(b->transfers[i].easy);
    curl_multi_cleanup(b->multi);
    curl_slist_free_all(b->headers);
}

static void begin(struct bare *b, struct transfer *t, const struct job *job, size_t i, bool puts) {
    char url[600];
    char key[64];
    CURL *e = t->easy;
    name_key(key, "bare", job, i);
    snprintf(url, sizeof url, "%s/%s/%s", endpoint, setting("WMBT_KV_TEST_S3_BUCKET"), key);
    t->at = (puts ? sent : received) + i * job->size;
    t->left = job->size;
    curl_easy_reset(e);
    curl_easy_setopt(e, CURLOPT_URL, url);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
    curl_easy_setopt(e, CURLOPT_EXPECT_100_TIMEOUT_MS, 1L);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, b->headers);
    curl_easy_setopt(e, CURLOPT_USERNAME, setting("WMBT_KV_TEST_S3_ACCESS_KEY"));
    curl_easy_setopt(e, CURLOPT_PASSWORD, setting("WMBT_KV_TEST_S3_SECRET_KEY"));
    curl_easy_setopt(e, CURLOPT_AWS_SIGV4, "aws:amz:us-east-1:s3");
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    if (puts) {
        curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(e, CURLOPT_READFUNCTION, give);
        curl_easy_setopt(e, CURLOPT_READDATA, t);
        curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)job->size);
    }
    curl_multi_add_handle(b->multi, e);
}

/* Finished transfers take the next object each. */
static size_t turn_over(struct bare *b, const struct job *job, size_t *next, bool puts) {
    size_t done = 0;
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read(b->multi, &left)) != NULL) {
        char *owner = NULL;
        if (message->data.result != CURLE_OK)
            stop(curl_easy_strerror(message->data.result));
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
        struct transfer *t = (struct transfer *)(void *)owner;
        if (t->left != 0)
            stop("the bare loop got less than was put");
        curl_multi_remove_handle(b->multi, t->easy);
        done++;
        if (*next < job->count)
            begin(b, t, job, (*next)++, puts);
    }
    return done;
}

static double bare_us(struct bare *b, const struct job *job, bool puts) {
    double start = now_us();
    size_t next = 0;
    size_t done = 0;
    int running;
    while (next < PARALLEL && next < job->count) {
        begin(b, &b->transfers[next], job, next, puts);
        next++;
    }
    while (done < job->count) {
        curl_multi_perform(b->multi, &running);
        size_t more = turn_over(b, job, &next, puts);
        done += more;
        if (more == 0)
            curl_multi_poll(b->multi, NULL, 0, 1000, NULL);
    }
    return now_us() - start;
}

/* ---- rounds --------------------------------------------------------------------------------- */

struct contender {
    double ms[ROUNDS];
    double cpu_ms[ROUNDS];
};

static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* One round of ours, or of `bare` when that is not NULL. */
static void run(struct contender *c, int round, struct wk_objects *objects, struct bare *bare,
                const struct job *job, bool puts) {
    double cpu = cpu_ms();
    double us = bare != NULL ? bare_us(bare, job, puts) : ours_us(objects, job, puts);
    c->ms[round] = us / 1e3;
    c->cpu_ms[round] = cpu_ms() - cpu;
}

static void bench(struct wk_objects *objects, struct bare *bare, const struct job *job, bool puts,
                  const char *where) {
    static struct contender ours;
    static struct contender theirs;
    static double ratio[ROUNDS];
    static double cpu_ratio[ROUNDS];
    char line[96];
    ours_us(objects, job, true); /* what the GETs get, and warm connections */
    bare_us(bare, job, true);
    for (int r = 0; r < ROUNDS; r++) {
        if (r % 2 == 0)
            run(&ours, r, objects, NULL, job, puts);
        run(&theirs, r, NULL, bare, job, puts);
        if (r % 2 != 0)
            run(&ours, r, objects, NULL, job, puts);
        ratio[r] = theirs.ms[r] / ours.ms[r];
        cpu_ratio[r] = ours.cpu_ms[r] / theirs.cpu_ms[r];
    }
    if (!puts && memcmp(received, sent, job->count * job->size) != 0)
        stop("other bytes than were put");
    snprintf(line, sizeof line, "%s %s, %s", puts ? "PUT" : "GET", job->what, where);
    print_row(line, "ms", ours.ms);
    print_row("  bare libcurl", "ms", theirs.ms);
    print_row("  speed against bare", "x", ratio);
    print_row("  processor time", "ms", ours.cpu_ms);
    print_row("  processor time against bare", "x", cpu_ratio);
}

static void bench_at(const char *where) {
    struct bare bare;
    struct wk_objects *objects = open_ours();
    open_bare(&bare);
    for (size_t j = 0; j < sizeof jobs / sizeof jobs[0]; j++) {
        bench(objects, &bare, &jobs[j], false, where);
        bench(objects, &bare, &jobs[j], true, where);
    }
    close_bare(&bare);
    objects->ops->close(objects);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    sent = malloc(BYTES_MAX);
    received = malloc(BYTES_MAX);
    if (sent == NULL || received == NULL)
        return 1;
    uint64_t x = 88172645463325252ull;
    for (size_t i = 0; i < BYTES_MAX; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        sent[i] = (uint8_t)(x >> 32);
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    printf("%-52s %10s %10s %10s\n", "", "min", "median", "max");
    endpoint = setting("WMBT_KV_TEST_S3_ENDPOINT");
    bench_at("direct");
    endpoint = setting("WMBT_KV_TEST_S3_SLOW_ENDPOINT");
    bench_at("50 ms, 50 MB/s");
    free(sent);
    free(received);
    return 0;
}
