/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream sockets. All of them are non-blocking, and every wait is a poll with what is left of the
 * deadline: try first, wait only when the kernel has nothing, so that a ready socket costs one
 * system call.
 */
#include "env/posix/posix_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIECES_MAX 64u
#define PASS_BYTES ((size_t)1 << 30)

#if defined(MSG_NOSIGNAL)
#define SEND_FLAGS MSG_NOSIGNAL
#else
#define SEND_FLAGS 0 /* SO_NOSIGPIPE on the socket */
#endif

static bool would_block(int code) {
    return code == EAGAIN || code == EWOULDBLOCK;
}

enum wk_status wk_posix_socket_wait(struct wk_socket *socket, short events, uint64_t deadline_ns,
                                    const char *what, struct wk_error *err) {
    for (;;) {
        struct timespec left = wk_posix_left(deadline_ns);
        int ms = (int)(left.tv_sec * 1000 + (left.tv_nsec + 999999) / 1000000);
        struct pollfd one = {.fd = socket->fd, .events = events};
        int ready = poll(&one, 1, ms);
        if (ready > 0)
            return WK_OK;
        if (ready < 0 && errno != EINTR)
            return wk_posix_fail(err, errno, what, NULL);
        if (wk_posix_now_ns() >= deadline_ns)
            return wk_posix_fail(err, ETIMEDOUT, what, NULL);
    }
}

/* ---- making sockets ---------------------------------------------------------------------- */

/* Takes the descriptor over, also when it fails. */
static enum wk_status adopt(struct wk_env *env, int fd, struct wk_socket **out,
                            struct wk_error *err) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        int code = errno;
        close(fd);
        return wk_posix_fail(err, code, "socket", NULL);
    }
#if defined(SO_NOSIGPIPE)
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    struct wk_socket *socket = wk_alloc(env, WK_MEM_HANDLE, sizeof *socket);
    if (socket == NULL) {
        close(fd);
        return wk_posix_fail(err, ENOMEM, "socket", NULL);
    }
    *socket = (struct wk_socket){.fd = fd};
    *out = socket;
    return WK_OK;
}

static void net_close(struct wk_env *env, struct wk_socket *socket) {
    if (socket->tls != NULL)
        wk_posix_tls_end(env, socket);
    close(socket->fd);
    wk_release(env, WK_MEM_HANDLE, socket, sizeof *socket);
}

static enum wk_status make(struct wk_env *env, const struct wk_address *address,
                           struct wk_socket **out, struct wk_error *err) {
    struct sockaddr_storage room;
    int family = wk_posix_sockaddr(address, &room)->sa_family;
    int type = SOCK_STREAM;
#if defined(SOCK_CLOEXEC)
    type |= SOCK_CLOEXEC;
#endif
    int fd = socket(family, type, 0);
    if (fd < 0)
        return wk_posix_fail(err, errno, "socket", NULL);
    return adopt(env, fd, out, err);
}

/* Small frames must not wait for each other's acknowledgements. Not an error on UNIX sockets. */
static void send_at_once(int fd) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static enum wk_status fail_at(struct wk_env *env, struct wk_error *err, int code, const char *what,
                              const struct wk_address *address) {
    char text[WK_ADDRESS_BYTES_MAX + 16];
    wk_posix_address_text(env, address, text, sizeof text);
    return wk_posix_fail(err, code, what, text);
}

static enum wk_status net_listen(struct wk_env *env, const struct wk_address *address,
                                 uint32_t backlog, struct wk_socket **out, struct wk_error *err) {
    struct wk_socket *listener;
    enum wk_status status = make(env, address, &listener, err);
    if (status != WK_OK)
        return status;
    struct sockaddr_storage room;
    const struct sockaddr *sa = wk_posix_sockaddr(address, &room);
    int on = 1;
    if (sa->sa_family != AF_UNIX)
        setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener->fd, sa, (socklen_t)address->size) != 0 ||
        listen(listener->fd, (int)wk_min_u64(backlog, 4096)) != 0) {
        int code = errno;
        net_close(env, listener);
        return fail_at(env, err, code, "listen on", address);
    }
    *out = listener;
    return WK_OK;
}

static enum wk_status net_local_address(struct wk_env *env, struct wk_socket *socket,
                                        struct wk_address *out, struct wk_error *err) {
    (void)env;
    struct sockaddr_storage room;
    socklen_t size = sizeof room;
    if (getsockname(socket->fd, (struct sockaddr *)&room, &size) != 0)
        return wk_posix_fail(err, errno, "local address", NULL);
    wk_posix_address_from(out, &room, size);
    return WK_OK;
}

static enum wk_status net_accept(struct wk_env *env, struct wk_socket *listener,
                                 uint64_t deadline_ns, struct wk_socket **out,
                                 struct wk_address *peer, struct wk_error *err) {
    for (;;) {
        struct sockaddr_storage room;
        socklen_t size = sizeof room;
        int fd = accept(listener->fd, (struct sockaddr *)&room, &size);
        if (fd >= 0) {
            send_at_once(fd);
            enum wk_status status = adopt(env, fd, out, err);
            if (status == WK_OK)
                wk_posix_address_from(peer, &room, size);
            return status;
        }
        /* A peer that left again before we came is not the listener's failure. */
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (!would_block(errno))
            return wk_posix_fail(err, errno, "accept", NULL);
        enum wk_status status = wk_posix_socket_wait(listener, POLLIN, deadline_ns, "accept", err);
        if (status != WK_OK)
            return status;
    }
}

static enum wk_status finish_connect(struct wk_env *env, struct wk_socket *socket,
                                     const struct wk_address *address, uint64_t deadline_ns,
                                     struct wk_error *err) {
    enum wk_status status = wk_posix_socket_wait(socket, POLLOUT, deadline_ns, "connect", NULL);
    int code = ETIMEDOUT;
    socklen_t size = sizeof code;
    if (status == WK_OK && getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0)
        code = errno;
    return code == 0 ? WK_OK : fail_at(env, err, code, "connect to", address);
}

static enum wk_status net_connect(struct wk_env *env, const struct wk_address *address,
                                  struct wk_tls *tls, uint64_t deadline_ns, struct wk_socket **out,
                                  struct wk_error *err) {
    struct wk_socket *socket;
    enum wk_status status = make(env, address, &socket, err);
    if (status != WK_OK)
        return status;
    struct sockaddr_storage room;
    const struct sockaddr *sa = wk_posix_sockaddr(address, &room);
    if (sa->sa_family != AF_UNIX)
        send_at_once(socket->fd);
    if (connect(socket->fd, sa, (socklen_t)address->size) != 0) {
        /* An interrupted connect goes on in the background, like one that would block. */
        if (errno == EINPROGRESS || errno == EINTR)
            status = finish_connect(env, socket, address, deadline_ns, err);
        else
            status = fail_at(env, err, errno, "connect to", address);
    }
    if (status == WK_OK && tls != NULL)
        status = wk_posix_tls_start(env, socket, tls, false, deadline_ns, err);
    if (status != WK_OK) {
        net_close(env, socket);
        return status;
    }
    *out = socket;
    return WK_OK;
}

/* ---- bytes ------------------------------------------------------------------------------- */

static enum wk_status net_read(struct wk_env *env, struct wk_socket *socket, void *to, size_t size,
                               uint64_t deadline_ns, size_t *out_size, struct wk_error *err) {
    (void)env;
    if (socket->tls != NULL)
        return wk_posix_tls_read(socket, to, size, deadline_ns, out_size, err);
    for (;;) {
        ssize_t got = recv(socket->fd, to, size, 0);
        if (got >= 0) {
            *out_size = (size_t)got;
            return WK_OK;
        }
        if (errno == EINTR)
            continue;
        if (!would_block(errno))
            return wk_posix_fail(err, errno, "read from a socket", NULL);
        enum wk_status status =
            wk_posix_socket_wait(socket, POLLIN, deadline_ns, "read from a socket", err);
        if (status != WK_OK)
            return status;
    }
}

static enum wk_status net_writev(struct wk_env *env, struct wk_socket *socket,
                                 const struct wk_span *spans, size_t count, uint64_t deadline_ns,
                                 size_t *out_size, struct wk_error *err) {
    (void)env;
    struct wk_posix_gather g = {.spans = spans, .count = count};
    struct iovec pieces[PIECES_MAX];
    size_t piece_count = wk_posix_gather_next(&g, pieces, PIECES_MAX, PASS_BYTES);
    if (piece_count == 0) {
        *out_size = 0;
        return WK_OK;
    }
    if (socket->tls != NULL)
        return wk_posix_tls_write(socket, wk_span(pieces[0].iov_base, pieces[0].iov_len),
                                  deadline_ns, out_size, err);
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = piece_count};
    for (;;) {
        ssize_t sent = sendmsg(socket->fd, &message, SEND_FLAGS);
        if (sent >= 0) {
            *out_size = (size_t)sent;
            return WK_OK;
        }
        if (errno == EINTR)
            continue;
        if (!would_block(errno))
            return wk_posix_fail(err, errno, "write to a socket", NULL);
        enum wk_status status =
            wk_posix_socket_wait(socket, POLLOUT, deadline_ns, "write to a socket", err);
        if (status != WK_OK)
            return status;
    }
}

static void net_shutdown(struct wk_env *env, struct wk_socket *socket) {
    (void)env;
    if (socket->tls != NULL)
        wk_posix_tls_shutdown(socket);
    shutdown(socket->fd, SHUT_RDWR);
}

static enum wk_status net_tls_accept(struct wk_env *env, struct wk_socket *socket,
                                     struct wk_tls *tls, uint64_t deadline_ns,
                                     struct wk_error *err) {
    return wk_posix_tls_start(env, socket, tls, true, deadline_ns, err);
}

const struct wk_env_net wk_posix_net = {
    .resolve = wk_posix_resolve,
    .is_loopback = wk_posix_is_loopback,
    .address_text = wk_posix_address_text,
    .unix_address = wk_posix_unix_address,
    .listen = net_listen,
    .local_address = net_local_address,
    .accept = net_accept,
    .connect = net_connect,
    .tls_create = wk_posix_tls_create,
    .tls_release = wk_posix_tls_release,
    .tls_accept = net_tls_accept,
    .read = net_read,
    .writev = net_writev,
    .shutdown = net_shutdown,
    .close = net_close,
    .send_segments = wk_posix_send_segments,
    .receive_segments = wk_posix_receive_segments,
    .peer = wk_posix_peer,
};
