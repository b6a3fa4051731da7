/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket addresses: names to addresses, addresses to text. A wk_address holds a sockaddr as it is.
 *
 * The system's resolver knows no deadline, so a name is resolved by a thread of its own. A caller
 * who cannot wait leaves; the thread then frees what the two of them shared.
 */
#include "env/posix/posix_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/text.h"

_Static_assert(sizeof(struct sockaddr_un) <= WK_ADDRESS_BYTES_MAX, "fits");
_Static_assert(sizeof(struct sockaddr_in6) <= WK_ADDRESS_BYTES_MAX, "fits");

#define HOST_BYTES_MAX 256u

const struct sockaddr *wk_posix_sockaddr(const struct wk_address *address,
                                         struct sockaddr_storage *room) {
    memset(room, 0, sizeof *room);
    memcpy(room, address->bytes, address->size);
    return (const struct sockaddr *)room;
}

void wk_posix_address_from(struct wk_address *to, const void *sockaddr, size_t size) {
    memset(to, 0, sizeof *to);
    to->size = (uint32_t)(size < sizeof to->bytes ? size : sizeof to->bytes);
    memcpy(to->bytes, sockaddr, to->size);
}

/* ---- names to addresses ------------------------------------------------------------------ */

struct question {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    bool done;     /* sync: mutex */
    bool deserted; /* sync: mutex; the caller has left */
    int code;
    struct addrinfo *answer;
    struct addrinfo hints;
    char host[HOST_BYTES_MAX];
    char port[8];
};

static void question_free(struct question *q) {
    if (q->answer != NULL)
        freeaddrinfo(q->answer);
    pthread_cond_destroy(&q->answered);
    pthread_mutex_destroy(&q->mutex);
    free(q);
}

static void *resolver(void *arg) {
    struct question *q = arg;
    struct addrinfo *answer = NULL;
    int code = getaddrinfo(q->host, q->port, &q->hints, &answer);
    pthread_mutex_lock(&q->mutex);
    q->code = code;
    q->answer = code == 0 ? answer : NULL;
    q->done = true;
    bool deserted = q->deserted;
    pthread_cond_signal(&q->answered);
    pthread_mutex_unlock(&q->mutex);
    if (deserted)
        question_free(q);
    return NULL;
}

static struct question *question_new(const char *host, uint16_t port) {
    struct question *q = calloc(1, sizeof *q);
    if (q == NULL)
        return NULL;
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
#if !defined(__APPLE__)
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
    pthread_cond_init(&q->answered, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&q->mutex, NULL);
    q->hints.ai_socktype = SOCK_STREAM;
    q->hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST;
    wk_format(q->host, sizeof q->host, "%s", host);
    wk_format(q->port, sizeof q->port, "%u", (unsigned)port);
    return q;
}

/* Asks in a thread of its own. True when the answer is there; false when the caller has to leave.
 */
static bool ask(struct question *q, uint64_t deadline_ns) {
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&thread, &attr, resolver, q);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (code != 0) {
        q->code = EAI_AGAIN;
        return true;
    }
    pthread_mutex_lock(&q->mutex);
    while (!q->done) {
        uint64_t now_ns = wk_posix_now_ns();
        if (now_ns >= deadline_ns)
            break;
        uint64_t left_ns = wk_min_u64(deadline_ns - now_ns, 3600 * WK_NS_PER_S);
#if defined(__APPLE__)
        struct timespec left = wk_posix_timespec(left_ns);
        pthread_cond_timedwait_relative_np(&q->answered, &q->mutex, &left);
#else
        struct timespec until = wk_posix_timespec(now_ns + left_ns);
        pthread_cond_timedwait(&q->answered, &q->mutex, &until);
#endif
    }
    bool done = q->done;
    q->deserted = !done;
    pthread_mutex_unlock(&q->mutex);
    return done;
}

static enum wk_status resolve_error(struct wk_error *err, int code, const char *host) {
    bool later = code == EAI_AGAIN || code == EAI_MEMORY;
    const char *words = later ? "the name service does not answer now" : "no such host";
    return wk_posix_fail_as(err, later ? WK_UNAVAILABLE : WK_INVALID, "resolve", host, words);
}

enum wk_status wk_posix_resolve(struct wk_env *env, const char *host, uint16_t port,
                                uint64_t deadline_ns, struct wk_address *out, size_t capacity,
                                size_t *out_count, struct wk_error *err) {
    (void)env;
    if (host[0] == 0 || strlen(host) >= HOST_BYTES_MAX)
        return wk_posix_fail_as(err, WK_INVALID, "resolve", host, "not the name of a host");
    struct question *q = question_new(host, port);
    if (q == NULL)
        return wk_posix_fail(err, ENOMEM, "resolve", host);
    q->code = getaddrinfo(q->host, q->port, &q->hints, &q->answer);
    if (q->code != 0) {
        q->answer = NULL;
        q->hints.ai_flags = AI_NUMERICSERV;
        if (!ask(q, deadline_ns))
            return wk_posix_fail(err, ETIMEDOUT, "resolve", host);
    }
    enum wk_status status = WK_OK;
    if (q->code == 0) {
        size_t count = 0;
        for (struct addrinfo *a = q->answer; a != NULL && count < capacity; a = a->ai_next)
            wk_posix_address_from(&out[count++], a->ai_addr, a->ai_addrlen);
        *out_count = count;
    } else {
        status = resolve_error(err, q->code, host);
    }
    question_free(q);
    return status;
}

/* ---- what an address is ------------------------------------------------------------------ */

bool wk_posix_is_loopback(struct wk_env *env, const struct wk_address *address) {
    (void)env;
    struct sockaddr_storage room;
    const struct sockaddr *sa = wk_posix_sockaddr(address, &room);
    if (sa->sa_family == AF_UNIX)
        return true;
    if (sa->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr) >> 24 == 127;
    if (sa->sa_family != AF_INET6)
        return false;
    const struct in6_addr *ip = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(ip) || (IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == 127);
}

void wk_posix_address_text(struct wk_env *env, const struct wk_address *address, char *to,
                           size_t capacity) {
    (void)env;
    struct sockaddr_storage room;
    const struct sockaddr *sa = wk_posix_sockaddr(address, &room);
    char ip[INET6_ADDRSTRLEN] = "?";
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
        inet_ntop(AF_INET, &in->sin_addr, ip, sizeof ip);
        wk_format(to, capacity, "%s:%u", ip, (unsigned)ntohs(in->sin_port));
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)sa;
        inet_ntop(AF_INET6, &in->sin6_addr, ip, sizeof ip);
        wk_format(to, capacity, "[%s]:%u", ip, (unsigned)ntohs(in->sin6_port));
    } else if (sa->sa_family == AF_UNIX) {
        wk_format(to, capacity, "%s", ((const struct sockaddr_un *)(const void *)sa)->sun_path);
    } else {
        wk_format(to, capacity, "unknown address");
    }
}

enum wk_status wk_posix_unix_address(struct wk_env *env, const char *path, struct wk_address *out,
                                     struct wk_error *err) {
    (void)env;
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (path[0] != '/')
        return wk_posix_fail_as(err, WK_INVALID, "socket", path, "the path is not absolute");
    if (length >= sizeof sun.sun_path)
        return wk_posix_fail_as(err, WK_TOO_LARGE, "socket", path,
                                "the path is too long for a UNIX socket");
    memcpy(sun.sun_path, path, length);
    wk_posix_address_from(out, &sun, offsetof(struct sockaddr_un, sun_path) + length + 1);
    return WK_OK;
}
