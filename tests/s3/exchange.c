/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of a client, with one connection to the store behind it:
 *
 *     head of a request -> count it, is it to suffer? -> no:  both streams are passed on as they
 *                                                             come, slowed down where asked
 *                                                     -> yes: request and answer are held whole,
 *                                                             changed, passed on or not
 *
 * Bodies are framed by Content-Length; the S3 servers we know state one for everything that we ask.
 * A message without one ends the connection.
 */
#include "proxy.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "codec/http_head.h"

#define PIECE    (64u * 1024)
#define SECOND   1000000000ull
#define BODY_MAX (300u * 1024 * 1024)

struct connection {
    struct plan *plan;
    int client;
    int store;           /* -1: not connected */
    bool resets;         /* the client is to see a reset, not an end */
    uint64_t paid_ns[2]; /* up to when the bytes sent in each direction are paid for */
    uint64_t asked_ns;   /* when the last byte of the request was read */
    size_t have;         /* bytes of `head` */
    uint8_t head[PIECE]; /* of the message being read, and what came with it */
};

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t ns) {
    struct timespec t = {(time_t)(ns / SECOND), (long)(ns % SECOND)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* ---- bytes ---------------------------------------------------------------------------------- */

static bool send_all(int to, const uint8_t *bytes, size_t size) {
    while (size > 0) {
        ssize_t sent = send(to, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        size -= (size_t)sent;
    }
    return true;
}

/* At the plan's rate. Up to 5 ms that were not used are made up for, because sleeps end late. */
static bool send_paced(struct connection *c, int to, const uint8_t *bytes, size_t size) {
    uint64_t *paid = &c->paid_ns[to == c->client];
    pthread_mutex_lock(&c->plan->mutex);
    uint64_t rate = c->plan->byte_rate;
    pthread_mutex_unlock(&c->plan->mutex);
    if (rate == 0)
        return send_all(to, bytes, size);
    uint64_t now = now_ns();
    if (*paid + SECOND / 200 < now)
        *paid = now - SECOND / 200;
    *paid += size * SECOND / rate;
    if (*paid > now)
        sleep_until(*paid);
    return send_all(to, bytes, size);
}

static bool connect_store(struct connection *c) {
    if (c->store >= 0)
        return true;
    c->store = socket(c->plan->store.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return c->store >= 0 &&
           connect(c->store, (struct sockaddr *)&c->plan->store, c->plan->store_size) == 0;
}

/* ---- heads ---------------------------------------------------------------------------------- */

/* One more piece of the message that `from` sends; false when it ended or is too long. */
static bool read_more(struct connection *c, int from) {
    if (c->have == sizeof c->head)
        return false;
    ssize_t got = recv(from, c->head + c->have, sizeof c->head - c->have, 0);
    if (got > 0)
        c->have += (size_t)got;
    return got > 0;
}

/* Waits for the next request. False: the client left, or the store closed an idle connection. */
static bool read_request(struct connection *c, struct wk_http_request *out) {
    struct wk_http_fault fault;
    size_t seen = 0;
    c->have = 0;
    for (;;) {
        struct pollfd ends[2] = {{c->client, POLLIN, 0}, {c->store, POLLIN, 0}};
        if (poll(ends, c->store >= 0 && c->have == 0 ? 2 : 1, -1) < 0 ||
            (ends[1].revents != 0 && ends[0].revents == 0) || !read_more(c, c->client))
            return false;
        enum wk_http_progress progress =
            wk_http_request_read(wk_span(c->head, c->have), &seen, out, &fault);
        if (progress != WK_HTTP_MORE)
            return progress == WK_HTTP_COMPLETE && !out->chunked && out->content_length <= BODY_MAX;
    }
}

/* Bytes of the answer's body; false when nothing says where it ends. */
static bool body_of(const struct wk_http_response *r, enum verb verb, uint64_t *size) {
    bool empty = verb == VERB_HEAD || r->status == 204 || r->status == 304;
    *size = empty ? 0 : r->content_length;
    return empty || (r->has_content_length && r->content_length <= BODY_MAX);
}

static bool contains(struct wk_span in, const char *text) {
    return memmem(in.data, in.size, text, strlen(text)) != NULL;
}

static enum verb verb_of(const struct wk_http_request *r) {
    static const char *const names[] = {
        [VERB_GET] = "GET", [VERB_PUT] = "PUT", [VERB_HEAD] = "HEAD", [VERB_DELETE] = "DELETE"};
    if (r->method.size == 3 && memcmp(r->method.data, "GET", 3) == 0 &&
        contains(r->target, "list-type="))
        return VERB_LIST;
    for (enum verb v = VERB_GET; v <= VERB_DELETE; v++) {
        if (names[v] != NULL && r->method.size == strlen(names[v]) &&
            memcmp(r->method.data, names[v], r->method.size) == 0)
            return v;
    }
    return VERB_OTHER;
}

/* ---- as it should be ------------------------------------------------------------------------ */

/* One piece of the request's body to the store. */
static bool pass_body(struct connection *c, uint64_t *left) {
    uint8_t piece[PIECE];
    ssize_t got = recv(c->client, piece, sizeof piece, 0);
    if (got <= 0 || (uint64_t)got > *left)
        return false;
    *left -= (uint64_t)got;
    if (*left == 0)
        c->asked_ns = now_ns();
    return send_paced(c, c->store, piece, (size_t)got);
}

static void wait_latency(struct connection *c) {
    pthread_mutex_lock(&c->plan->mutex);
    uint64_t latency = c->plan->latency_ns;
    pthread_mutex_unlock(&c->plan->mutex);
    if (latency > 0)
        sleep_until(c->asked_ns + latency);
}

/* Reads heads from the store until the final one; interim ones are passed on at once. The request's
 * body goes the other way meanwhile: a client may wait for "100 Continue" before it sends one. */
static bool pass_until_answer(struct connection *c, uint64_t *left, struct wk_http_response *out) {
    struct wk_http_fault fault;
    size_t seen = 0;
    c->have = 0;
    for (;;) {
        struct pollfd ends[2] = {{c->store, POLLIN, 0}, {c->client, POLLIN, 0}};
        if (poll(ends, *left > 0 ? 2 : 1, -1) < 0)
            return false;
        if (ends[1].revents != 0 && *left > 0 && !pass_body(c, left))
            return false;
        if (ends[0].revents == 0)
            continue;
        if (!read_more(c, c->store))
            return false;
        enum wk_http_progress progress = WK_HTTP_MORE;
        while (c->have > 0 && (progress = wk_http_response_read(wk_span(c->head, c->have), &seen,
                                                                out, &fault)) == WK_HTTP_COMPLETE) {
            if (out->status >= 200)
                return true;
            if (!send_all(c->client, c->head, out->head_bytes))
                return false;
            c->have -= out->head_bytes;
            memmove(c->head, c->head + out->head_bytes, c->have);
            seen = 0;
        }
        if (progress == WK_HTTP_BAD)
            return false;
    }
}

/* True when the connection can serve another request. */
static bool pass_on(struct connection *c, const struct wk_http_request *request, enum verb verb) {
    struct wk_http_response answer;
    uint64_t body;
    uint64_t left = request->content_length - (c->have - request->head_bytes);
    c->asked_ns = now_ns();
    if (!connect_store(c) || !send_paced(c, c->store, c->head, c->have) ||
        !pass_until_answer(c, &left, &answer) || !body_of(&answer, verb, &body))
        return false;
    wait_latency(c);
    if (!send_paced(c, c->client, c->head, c->have))
        return false;
    body -= c->have - answer.head_bytes;
    while (body > 0) {
        ssize_t got = recv(c->store, c->head, sizeof c->head, 0);
        if (got <= 0 || (uint64_t)got > body || !send_paced(c, c->client, c->head, (size_t)got))
            return false;
        body -= (uint64_t)got;
    }
    return answer.keep_alive && request->keep_alive && left == 0;
}

/* ---- as it should not be -------------------------------------------------------------------- */

struct message {
    uint8_t *bytes;
    size_t head;
    size_t size;
};

/* The whole message whose first `have` bytes are in c->head. */
static bool read_whole(struct connection *c, int from, size_t head, uint64_t body,
                       struct message *out) {
    size_t size = head + (size_t)body;
    if (size < c->have)
        return false;
    uint8_t *bytes = malloc(size);
    if (bytes == NULL)
        return false;
    memcpy(bytes, c->head, c->have);
    for (size_t at = c->have; at < size;) {
        ssize_t got = recv(from, bytes + at, size - at, 0);
        if (got <= 0) {
            free(bytes);
            return false;
        }
        at += (size_t)got;
    }
    *out = (struct message){bytes, head, size};
    return true;
}

static bool read_answer(struct connection *c, enum verb verb, struct message *out) {
    struct wk_http_response answer;
    uint64_t none = 0;
    uint64_t body;
    /* An interim answer to the client: it has sent its body already and passes over it. */
    return pass_until_answer(c, &none, &answer) && body_of(&answer, verb, &body) &&
           read_whole(c, c->store, answer.head_bytes, body, out);
}

static bool say(struct connection *c, const char *status, const char *code, enum verb verb) {
    char body[200];
    char text[500];
    int size = snprintf(body, sizeof body,
                        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code>"
                        "<Message>said by the fault proxy</Message></Error>",
                        code);
    int all = snprintf(text, sizeof text,
                       "HTTP/1.1 %s\r\nServer: fault-proxy\r\nContent-Type: application/xml\r\n"
                       "Content-Length: %d\r\n\r\n%s",
                       status, size, verb == VERB_HEAD ? "" : body);
    return send_all(c->client, (const uint8_t *)text, (size_t)all);
}

/* Until `clear`, or until the client has enough. */
static void be_silent(struct connection *c) {
    struct plan *plan = c->plan;
    pthread_mutex_lock(&plan->mutex);
    uint32_t holes = plan->holes;
    pthread_mutex_unlock(&plan->mutex);
    for (bool held = true; held;) {
        struct pollfd client = {c->client, POLLIN, 0};
        if (poll(&client, 1, 20) > 0)
            return;
        pthread_mutex_lock(&plan->mutex);
        held = plan->holes == holes;
        pthread_mutex_unlock(&plan->mutex);
    }
}

static void flip(struct message *m) {
    if (m->size > m->head)
        m->bytes[m->head + (m->size - m->head) / 2] ^= 1;
}

/* Forwards, and hands out the answer as the fault leaves it. True: the connection goes on. */
static bool forward(struct connection *c, enum fault fault, enum verb verb,
                    struct message *request) {
    struct message answer;
    if (fault == FAULT_FLIP && verb == VERB_PUT)
        flip(request);
    if (!connect_store(c) || !send_all(c->store, request->bytes, request->size) ||
        !read_answer(c, verb, &answer))
        return false;
    if (fault == FAULT_FLIP && verb != VERB_PUT)
        flip(&answer);
    size_t size = answer.size;
    if (fault == FAULT_SWALLOW)
        size = 0;
    if (fault == FAULT_MIDDLE || fault == FAULT_TRUNCATE)
        size = answer.size > answer.head ? (answer.head + answer.size) / 2 : answer.head / 2;
    bool sent = send_all(c->client, answer.bytes, size);
    free(answer.bytes);
    if (fault == FAULT_MIDDLE) /* a reset throws away what was not read yet: let it be read */
        sleep_until(now_ns() + SECOND / 50);
    c->resets = fault == FAULT_MIDDLE;
    return sent && fault == FAULT_FLIP;
}

static bool suffer(struct connection *c, const struct wk_http_request *r, enum fault fault,
                   enum verb verb) {
    struct message request;
    bool goes_on = false;
    if (r->expect_continue &&
        !send_all(c->client, (const uint8_t *)WK_HTTP_CONTINUE, strlen(WK_HTTP_CONTINUE)))
        return false;
    if (!read_whole(c, c->client, r->head_bytes, r->content_length, &request))
        return false;
    switch (fault) {
    case FAULT_RESET:
        c->resets = true;
        break;
    case FAULT_SLOW_DOWN:
        goes_on = say(c, "503 Slow Down", "SlowDown", verb);
        break;
    case FAULT_INTERNAL:
        goes_on = say(c, "500 Internal Server Error", "InternalError", verb);
        break;
    case FAULT_BLACK_HOLE:
        be_silent(c);
        break;
    case FAULT_NONE: /* an expired token */
        goes_on = say(c, "400 Bad Request", "ExpiredToken", verb);
        break;
    case FAULT_MIDDLE:
    case FAULT_TRUNCATE:
    case FAULT_FLIP:
    case FAULT_SWALLOW:
        goes_on = forward(c, fault, verb, &request);
        break;
    }
    free(request.bytes);
    return goes_on;
}

/* ---- one request after the other ------------------------------------------------------------ */

static bool signed_by(const struct connection *c, const struct wk_http_request *r,
                      const char *access_key) {
    char text[300];
    snprintf(text, sizeof text, "Credential=%s/", access_key);
    return contains(wk_span(c->head, r->head_bytes), text);
}

/* True when it is to suffer; FAULT_NONE then is an expired token. */
static bool judge(struct connection *c, const struct wk_http_request *r, enum verb verb,
                  enum fault *fault) {
    struct plan *plan = c->plan;
    pthread_mutex_lock(&plan->mutex);
    plan->seen[verb]++;
    *fault = FAULT_NONE;
    bool expired = plan->expired[0] != 0 && signed_by(c, r, plan->expired);
    if (!expired && plan->times > 0 && (plan->verbs & 1u << verb) != 0) {
        plan->times--;
        *fault = plan->fault;
    }
    bool suffers = expired || *fault != FAULT_NONE;
    plan->injected += suffers;
    pthread_mutex_unlock(&plan->mutex);
    return suffers;
}

void serve(struct plan *plan, int client) {
    struct connection *c = calloc(1, sizeof *c);
    struct wk_http_request request;
    bool goes_on = c != NULL;
    if (goes_on) {
        c->plan = plan;
        c->client = client;
        c->store = -1;
    }
    while (goes_on && read_request(c, &request)) {
        enum fault fault;
        enum verb verb = verb_of(&request);
        goes_on = judge(c, &request, verb, &fault) ? suffer(c, &request, fault, verb)
                                                   : pass_on(c, &request, verb);
    }
    if (c != NULL && c->resets) {
        struct linger now = {1, 0};
        setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(client);
    if (c != NULL && c->store >= 0)
        close(c->store);
    free(c);
}
