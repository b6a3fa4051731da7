/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the fault proxy (fault_proxy.c). */
#ifndef WK_TESTS_S3_PROXY_H
#define WK_TESTS_S3_PROXY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum verb { VERB_GET, VERB_PUT, VERB_HEAD, VERB_LIST, VERB_DELETE, VERB_OTHER, VERB_COUNT };

enum fault {
    FAULT_NONE,
    FAULT_RESET,     /* the request is read, not forwarded; the connection is reset */
    FAULT_MIDDLE,    /* reset when half of the answer was passed on */
    FAULT_TRUNCATE,  /* the same, but an orderly end: nothing but the missing bytes tells */
    FAULT_SLOW_DOWN, /* 503 SlowDown, not forwarded */
    FAULT_INTERNAL,  /* 500 InternalError, not forwarded */
    FAULT_FLIP,      /* a bit of the body: the request's of a PUT, else the answer's */
    FAULT_SWALLOW,   /* forwarded and answered, but the answer is dropped with the connection */
    FAULT_BLACK_HOLE /* read, then silence until `clear` */
};

/* What all connections share. */
struct plan {
    pthread_mutex_t mutex;
    /* Under the mutex. */
    uint64_t seen[VERB_COUNT];
    uint64_t injected;
    uint64_t connections;
    enum fault fault;
    uint32_t verbs;      /* 1 << verb */
    uint64_t times;      /* how many more */
    uint32_t holes;      /* counts `clear`s: black holes of before are let go */
    uint64_t latency_ns; /* from the end of a request to the first byte of its answer */
    uint64_t byte_rate;  /* per connection and direction, per second; 0: no limit */
    char expired[256];   /* requests with this access key get 400 ExpiredToken; "" none */
    /* Fixed. */
    struct sockaddr_storage store;
    socklen_t store_size;
};

/* Serves one client until it leaves; closes the socket. */
void serve(struct plan *plan, int client);

#endif
