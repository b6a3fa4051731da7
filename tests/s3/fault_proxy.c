/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands between the library and an S3 server, forwards HTTP/1.1, counts, and does harm when told.
 *
 *   fault_proxy STORE_HOST STORE_PORT
 *
 * The first line on standard output is "listening PORT", on the loopback. Then each line of
 * standard input is a command and gets one line:
 *
 *   count                      get 3 put 0 head 1 list 0 delete 0 other 0 injected 0 connections 2
 *   zero                       all counts are 0
 *   fault NAME VERBS TIMES     the next TIMES requests (a number, or "always") of VERBS ("any" or
 *                              get,put,...) suffer: reset, middle, truncate, slow-down, internal,
 *                              flip, swallow, black-hole (see proxy.h)
 *   pace MS BYTES              first byte of each answer MS after the request; each connection at
 *                              BYTES per second; 0: not
 *   refuse MS                  no connections: those that are there are cut, new ones refused, for
 *                              MS milliseconds; 0: until `clear`
 *   expire ACCESS_KEY          requests signed with it get 400 ExpiredToken, as AWS answers
 *   clear                      no more fault, refusal, expiry and black holes; the pace stays
 *
 * It ends with its standard input. A thread for each connection.
 */
#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 1024

static const char *const verb_names[VERB_COUNT] = {"get", "put", "head", "list", "delete", "other"};
static const char *const fault_names[] = {"",         "reset", "middle",  "truncate",  "slow-down",
                                          "internal", "flip",  "swallow", "black-hole"};
#define FAULTS (sizeof fault_names / sizeof fault_names[0])

static struct plan plan = {.mutex = PTHREAD_MUTEX_INITIALIZER};
static int clients[CLIENTS_MAX]; /* 0 free, else socket + 1; under the plan's mutex */
static int listener = -1;
static uint16_t port;        /* ours; the system chooses at first */
static uint64_t refuse_ends; /* ms; 0: not timed */

static void stop(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- clients -------------------------------------------------------------------------------- */

static void *client_main(void *arg) {
    int *slot = arg;
    pthread_mutex_lock(&plan.mutex);
    int client = *slot - 1;
    pthread_mutex_unlock(&plan.mutex);
    int mine = dup(client); /* so that the number in the slot stays ours until it is free */
    if (mine >= 0)
        serve(&plan, mine);
    pthread_mutex_lock(&plan.mutex);
    *slot = 0;
    close(client);
    pthread_mutex_unlock(&plan.mutex);
    return NULL;
}

static int *take_slot(int client) {
    int *slot = NULL;
    pthread_mutex_lock(&plan.mutex);
    for (int i = 0; i < CLIENTS_MAX && slot == NULL; i++) {
        if (clients[i] == 0)
            slot = &clients[i];
    }
    if (slot != NULL)
        *slot = client + 1;
    plan.connections++;
    pthread_mutex_unlock(&plan.mutex);
    return slot;
}

static void accept_one(void) {
    pthread_t thread = 0;
    int one = 1;
    int client = accept(listener, NULL, NULL);
    if (client < 0)
        return;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int *slot = take_slot(client);
    if (slot == NULL || pthread_create(&thread, NULL, client_main, slot) != 0)
        stop("too many clients");
    pthread_detach(thread);
}

static void listen_again(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof at;
    int one = 1;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 256) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &size) != 0)
        stop("listen");
    port = ntohs(at.sin_port);
}

/* ---- commands ------------------------------------------------------------------------------- */

static void refuse(uint64_t ms) {
    if (listener >= 0)
        close(listener);
    listener = -1;
    refuse_ends = ms == 0 ? 0 : now_ms() + ms;
    pthread_mutex_lock(&plan.mutex);
    for (int i = 0; i < CLIENTS_MAX; i++) {
        if (clients[i] != 0)
            shutdown(clients[i] - 1, SHUT_RDWR);
    }
    pthread_mutex_unlock(&plan.mutex);
}

static void clear(void) {
    pthread_mutex_lock(&plan.mutex);
    plan.times = 0;
    plan.holes++;
    plan.expired[0] = 0;
    pthread_mutex_unlock(&plan.mutex);
    if (listener < 0)
        listen_again();
}

static void count(void) {
    pthread_mutex_lock(&plan.mutex);
    for (int v = 0; v < VERB_COUNT; v++)
        printf("%s %llu ", verb_names[v], (unsigned long long)plan.seen[v]);
    printf("injected %llu connections %llu\n", (unsigned long long)plan.injected,
           (unsigned long long)plan.connections);
    pthread_mutex_unlock(&plan.mutex);
}

static bool parse_verbs(char *text, uint32_t *out) {
    char *rest = NULL;
    *out = 0;
    for (char *word = strtok_r(text, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        uint32_t one = strcmp(word, "any") == 0 ? (1u << VERB_COUNT) - 1 : 0;
        for (int v = 0; v < VERB_COUNT; v++)
            one |= strcmp(word, verb_names[v]) == 0 ? 1u << v : 0;
        if (one == 0)
            return false;
        *out |= one;
    }
    return *out != 0;
}

static bool set_fault(const char *name, char *verbs, const char *times) {
    uint32_t mask;
    size_t fault = 1;
    while (fault < FAULTS && strcmp(fault_names[fault], name) != 0)
        fault++;
    uint64_t count_down = strcmp(times, "always") == 0 ? UINT64_MAX : strtoull(times, NULL, 10);
    if (fault == FAULTS || count_down == 0 || !parse_verbs(verbs, &mask))
        return false;
    pthread_mutex_lock(&plan.mutex);
    plan.fault = (enum fault)fault;
    plan.verbs = mask;
    plan.times = count_down;
    pthread_mutex_unlock(&plan.mutex);
    return true;
}

static bool set_pace(unsigned long long ms, unsigned long long rate) {
    pthread_mutex_lock(&plan.mutex);
    plan.latency_ns = ms * 1000000;
    plan.byte_rate = rate;
    pthread_mutex_unlock(&plan.mutex);
    return true;
}

static bool expire(const char *access_key) {
    pthread_mutex_lock(&plan.mutex);
    snprintf(plan.expired, sizeof plan.expired, "%s", access_key);
    pthread_mutex_unlock(&plan.mutex);
    return true;
}

static void zero(void) {
    pthread_mutex_lock(&plan.mutex);
    memset(plan.seen, 0, sizeof plan.seen);
    plan.injected = plan.connections = 0;
    pthread_mutex_unlock(&plan.mutex);
}

static void command(const char *line) {
    char a[256];
    char b[256];
    char c[256];
    unsigned long long n;
    unsigned long long m;
    bool ok = true;
    if (strcmp(line, "count") == 0) {
        count();
        return;
    }
    if (strcmp(line, "zero") == 0)
        zero();
    else if (strcmp(line, "clear") == 0)
        clear();
    else if (sscanf(line, "fault %255s %255s %255s", a, b, c) == 3)
        ok = set_fault(a, b, c);
    else if (sscanf(line, "pace %llu %llu", &n, &m) == 2)
        ok = set_pace(n, m);
    else if (sscanf(line, "refuse %llu", &n) == 1)
        refuse(n);
    else if (sscanf(line, "expire %255s", a) == 1)
        ok = expire(a);
    else
        ok = false;
    printf(ok ? "ok\n" : "what is \"%s\"?\n", line);
}

/* Runs the commands that are there; false at the end of the input. */
static bool read_commands(void) {
    static char input[4096];
    static size_t have;
    ssize_t got = read(0, input + have, sizeof input - have);
    if (got <= 0)
        return false;
    have += (size_t)got;
    char *end;
    while ((end = memchr(input, '\n', have)) != NULL) {
        *end = 0;
        command(input);
        have -= (size_t)(end + 1 - input);
        memmove(input, end + 1, have);
    }
    return have < sizeof input;
}

/* ---- main ----------------------------------------------------------------------------------- */

static void find_store(const char *host, const char *service) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int code = getaddrinfo(host, service, &hints, &found);
    if (code != 0) {
        fprintf(stderr, "%s:%s: %s\n", host, service, gai_strerror(code));
        exit(1);
    }
    memcpy(&plan.store, found->ai_addr, found->ai_addrlen);
    plan.store_size = found->ai_addrlen;
    freeaddrinfo(found);
}

static int wait_ms(void) {
    if (listener >= 0 || refuse_ends == 0)
        return -1;
    uint64_t now = now_ms();
    return refuse_ends > now ? (int)(refuse_ends - now) : 0;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s STORE_HOST STORE_PORT\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    find_store(argv[1], argv[2]);
    listen_again();
    printf("listening %u\n", (unsigned)port);
    for (;;) {
        struct pollfd ends[2] = {{0, POLLIN, 0}, {listener, POLLIN, 0}};
        int ready = poll(ends, 2, wait_ms());
        if (ready < 0 && errno != EINTR)
            stop("poll");
        if (ready == 0 && listener < 0)
            listen_again();
        if (ready > 0 && ends[0].revents != 0 && !read_commands())
            return 0;
        if (ready > 0 && listener >= 0 && ends[1].revents != 0 && ends[1].fd == listener)
            accept_one();
    }
}
