/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP server in the test's process that answers by a script: the n-th request gets the n-th
 * answer, byte for byte, whichever connection it comes on. Requests are kept for the test to read.
 *
 *     server_say(&server, "HTTP/1.1 200 OK\r\n...");      before the request
 *     ... a batch ...
 *     server_request(&server, 0)->head                     after it
 *
 * One thread, poll over its connections. A request is whole when its head and Content-Length bytes
 * are there. Without an answer left the server says 500 and counts the request as unexpected.
 */
#ifndef WK_TESTS_S3_SERVER_H
#define WK_TESTS_S3_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVER_CONNECTIONS_MAX 80
#define SERVER_SCRIPT_MAX      4096

enum server_then {
    SERVER_KEEP,    /* the connection stays open */
    SERVER_CLOSE,   /* orderly end behind the answer */
    SERVER_RESET,   /* the answer, then a reset */
    SERVER_SILENT,  /* no answer, ever; the connection stays open */
    SERVER_NO_BODY, /* answers and ends before the request's body is read */
};

struct server_answer {
    char *bytes;
    size_t size;
    enum server_then then;
};

struct server_request {
    char head[16384]; /* request line and headers, terminated */
    char *body;
    size_t body_size;
    int connection; /* counted from 0 */
};

struct server_connection {
    int fd;
    int number;
    char *data;
    size_t size;
    size_t capacity;
};

struct s3_server {
    char url[64];
    int listener;
    int wake[2];
    pthread_t thread;
    pthread_mutex_t mutex; /* over everything below */
    struct server_answer script[SERVER_SCRIPT_MAX];
    size_t script_size;
    size_t answered;
    struct server_request *requests[SERVER_SCRIPT_MAX];
    size_t request_count;
    size_t unexpected;
    int connections; /* accepted so far */
    struct server_connection open[SERVER_CONNECTIONS_MAX];
    size_t open_count;
};

/* ---- the server's thread -------------------------------------------------------------------- */

static inline void server_send(int fd, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        size -= (size_t)sent;
    }
}

static inline void server_end(struct server_connection *c, bool reset) {
    struct linger hard = {1, 0};
    if (reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(c->fd);
    free(c->data);
    memset(c, 0, sizeof *c);
    c->fd = -1;
}

/* A header's value in a head, up to the end of its line; NULL when it is not there. */
static inline const char *server_header(const char *head, const char *name) {
    size_t length = strlen(name);
    for (const char *line = strchr(head, '\n'); line != NULL; line = strchr(line + 1, '\n')) {
        if (strncasecmp(line + 1, name, length) == 0 && line[1 + length] == ':') {
            line += 2 + length;
            return line + strspn(line, " ");
        }
    }
    return NULL;
}

/* The bytes are the taker's to free: the test may forget its script meanwhile. */
static inline struct server_answer server_next(struct s3_server *s) {
    static const char none[] = "HTTP/1.1 500 Out of script\r\nContent-Length: 0\r\n\r\n";
    if (s->answered < s->script_size) {
        struct server_answer answer = s->script[s->answered];
        s->script[s->answered++].bytes = NULL;
        return answer;
    }
    s->unexpected++;
    return (struct server_answer){strdup(none), sizeof none - 1, SERVER_KEEP};
}

static inline void server_record(struct s3_server *s, const struct server_connection *c,
                                 size_t head_size, size_t body_size) {
    struct server_request *r = calloc(1, sizeof *r);
    size_t kept = head_size < sizeof r->head ? head_size : sizeof r->head - 1;
    memcpy(r->head, c->data, kept);
    r->body = malloc(body_size + 1);
    memcpy(r->body, c->data + head_size, body_size);
    r->body[body_size] = 0;
    r->body_size = body_size;
    r->connection = c->number;
    if (s->request_count < SERVER_SCRIPT_MAX)
        s->requests[s->request_count++] = r;
}

/* Answers one request that is whole. False when there is none, or the connection has ended. */
static inline bool server_serve(struct s3_server *s, struct server_connection *c) {
    char *end = c->data == NULL ? NULL : memmem(c->data, c->size, "\r\n\r\n", 4);
    if (end == NULL)
        return false;
    size_t head_size = (size_t)(end - c->data) + 4;
    char saved = *end;
    *end = 0;
    const char *length = server_header(c->data, "content-length");
    size_t body_size = length == NULL ? 0 : strtoul(length, NULL, 10);
    *end = saved;
    pthread_mutex_lock(&s->mutex);
    bool early = s->answered < s->script_size && s->script[s->answered].then == SERVER_NO_BODY;
    if (c->size - head_size < body_size && !early) {
        pthread_mutex_unlock(&s->mutex);
        return false;
    }
    if (early)
        body_size = 0;
    server_record(s, c, head_size, body_size);
    struct server_answer answer = server_next(s);
    pthread_mutex_unlock(&s->mutex);
    memmove(c->data, c->data + head_size + body_size, c->size - head_size - body_size);
    c->size -= head_size + body_size;
    if (answer.then != SERVER_SILENT)
        server_send(c->fd, answer.bytes, answer.size);
    free(answer.bytes);
    if (answer.then == SERVER_SILENT)
        return true;
    if (answer.then == SERVER_KEEP)
        return true;
    server_end(c, answer.then == SERVER_RESET);
    return false;
}

static inline void server_read(struct s3_server *s, struct server_connection *c) {
    if (c->capacity - c->size < 65536) {
        c->capacity = 2 * c->capacity + 131072;
        c->data = realloc(c->data, c->capacity);
    }
    ssize_t got = recv(c->fd, c->data + c->size, c->capacity - c->size, 0);
    if (got <= 0) {
        server_end(c, false);
        return;
    }
    c->size += (size_t)got;
    while (server_serve(s, c)) {
    }
}

static inline void server_accept(struct s3_server *s) {
    int fd = accept(s->listener, NULL, NULL);
    if (fd < 0)
        return;
    pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
        if (s->open[i].fd < 0) {
            s->open[i].fd = fd;
            s->open[i].number = s->connections++;
            fd = -1;
            break;
        }
    }
    pthread_mutex_unlock(&s->mutex);
    if (fd >= 0)
        close(fd);
}

static inline void *server_main(void *arg) {
    struct s3_server *s = arg;
    for (;;) {
        struct pollfd fds[SERVER_CONNECTIONS_MAX + 2];
        fds[0] = (struct pollfd){s->wake[0], POLLIN, 0};
        fds[1] = (struct pollfd){s->listener, POLLIN, 0};
        for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++)
            fds[i + 2] = (struct pollfd){s->open[i].fd, POLLIN, 0};
        if (poll(fds, SERVER_CONNECTIONS_MAX + 2, -1) < 0)
            continue;
        if (fds[0].revents != 0)
            break;
        for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
            if (fds[i + 2].revents != 0)
                server_read(s, &s->open[i]);
        }
        if (fds[1].revents != 0)
            server_accept(s);
    }
    for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++) {
        if (s->open[i].fd >= 0)
            server_end(&s->open[i], false);
    }
    return NULL;
}

/* ---- for tests --------------------------------------------------------------------------------
 */

static inline void server_start(struct s3_server *s) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->mutex, NULL);
    for (size_t i = 0; i < SERVER_CONNECTIONS_MAX; i++)
        s->open[i].fd = -1;
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(s->listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(s->listener, 80) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&at, &size) != 0 || pipe(s->wake) != 0 ||
        pthread_create(&s->thread, NULL, server_main, s) != 0)
        abort();
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
}

/* Forgets script and requests; connections stay. */
static inline void server_forget(struct s3_server *s) {
    pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < s->script_size; i++)
        free(s->script[i].bytes);
    for (size_t i = 0; i < s->request_count; i++) {
        free(s->requests[i]->body);
        free(s->requests[i]);
    }
    s->script_size = s->answered = s->request_count = s->unexpected = 0;
    pthread_mutex_unlock(&s->mutex);
}

static inline void server_stop(struct s3_server *s) {
    if (write(s->wake[1], "x", 1) != 1)
        abort();
    pthread_join(s->thread, NULL);
    server_forget(s);
    close(s->listener);
    close(s->wake[0]);
    close(s->wake[1]);
    pthread_mutex_destroy(&s->mutex);
}

static inline void server_say_bytes(struct s3_server *s, const void *bytes, size_t size,
                                    enum server_then then) {
    pthread_mutex_lock(&s->mutex);
    if (s->script_size == SERVER_SCRIPT_MAX)
        abort();
    struct server_answer *a = &s->script[s->script_size++];
    a->bytes = malloc(size + 1);
    memcpy(a->bytes, bytes, size);
    a->size = size;
    a->then = then;
    pthread_mutex_unlock(&s->mutex);
}

static inline void server_say(struct s3_server *s, const char *text) {
    server_say_bytes(s, text, strlen(text), SERVER_KEEP);
}

static inline void server_say_then(struct s3_server *s, const char *text, enum server_then then) {
    server_say_bytes(s, text, strlen(text), then);
}

/* `head` is status line and headers without Content-Length and without the empty line. */
static inline void server_say_body(struct s3_server *s, const char *head, const char *body) {
    size_t size = strlen(head) + strlen(body) + 64;
    char *text = malloc(size);
    snprintf(text, size, "%sContent-Length: %zu\r\n\r\n%s", head, strlen(body), body);
    server_say(s, text);
    free(text);
}

/* An error as S3 writes it. */
static inline void server_say_error(struct s3_server *s, unsigned status, const char *code,
                                    const char *message) {
    char head[64];
    char body[2048];
    snprintf(head, sizeof head, "HTTP/1.1 %u Error\r\n", status);
    snprintf(body, sizeof body,
             "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>", code,
             message);
    server_say_body(s, head, body);
}

static inline size_t server_requests(struct s3_server *s) {
    pthread_mutex_lock(&s->mutex);
    size_t count = s->request_count;
    pthread_mutex_unlock(&s->mutex);
    return count;
}

/* Good until server_forget. */
static inline const struct server_request *server_request(struct s3_server *s, size_t index) {
    pthread_mutex_lock(&s->mutex);
    const struct server_request *r = index < s->request_count ? s->requests[index] : NULL;
    pthread_mutex_unlock(&s->mutex);
    if (r == NULL)
        abort();
    return r;
}

/* True when the request has this header with this value. */
static inline bool server_has(const struct server_request *r, const char *name, const char *value) {
    const char *at = server_header(r->head, name);
    size_t length = strlen(value);
    return at != NULL && strncmp(at, value, length) == 0 && at[length] == '\r';
}

#endif
