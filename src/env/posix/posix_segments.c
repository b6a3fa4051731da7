/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory segments over UNIX sockets: the descriptor travels beside the first byte of the
 * message. The receiver closes whatever came and was not asked for.
 */
#include "env/posix/posix_socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SEGMENTS_MAX 4u

#if defined(MSG_NOSIGNAL)
#define SEND_FLAGS MSG_NOSIGNAL
#else
#define SEND_FLAGS 0
#endif
#if defined(MSG_CMSG_CLOEXEC)
#define RECEIVE_FLAGS MSG_CMSG_CLOEXEC
#else
#define RECEIVE_FLAGS 0
#endif

union control {
    struct cmsghdr align;
    char room[CMSG_SPACE(SEGMENTS_MAX * sizeof(int))];
};

enum wk_status wk_posix_send_segments(struct wk_env *env, struct wk_socket *socket,
                                      struct wk_span bytes, struct wk_shm *const *segments,
                                      size_t count, uint64_t deadline_ns, struct wk_error *err) {
    if (bytes.size == 0 || count > SEGMENTS_MAX)
        return wk_fail(err, WK_INVALID, "send segments: %zu bytes and %zu segments", bytes.size,
                       count);
    int fds[SEGMENTS_MAX];
    for (size_t i = 0; i < count; i++)
        fds[i] = segments[i]->fd;
    union control control;
    memset(&control, 0, sizeof control);
    struct iovec piece = {(void *)(uintptr_t)bytes.data, bytes.size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (count > 0) {
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    }
    size_t sent = 0;
    while (sent < bytes.size) {
        ssize_t n = sendmsg(socket->fd, &message, SEND_FLAGS);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
            return wk_posix_fail(err, errno, "send segments", NULL);
        if (n < 0) {
            enum wk_status status =
                wk_posix_socket_wait(socket, POLLOUT, deadline_ns, "send segments", err);
            if (status != WK_OK)
                return status;
            continue;
        }
        /* The descriptors went with the first byte; the rest is bytes alone. */
        sent += (size_t)n;
        piece = (struct iovec){(void *)(uintptr_t)(bytes.data + sent), bytes.size - sent};
        message.msg_control = NULL;
        message.msg_controllen = 0;
    }
    (void)env;
    return WK_OK;
}

static size_t take_descriptors(struct msghdr *message, int fds[SEGMENTS_MAX]) {
    size_t count = 0;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h != NULL; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
            if (count < SEGMENTS_MAX)
                fds[count++] = fd;
            else
                close(fd);
        }
    }
    return count;
}

static struct wk_shm *segment_from(struct wk_env *env, int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
        return NULL;
    struct wk_shm *segment = wk_alloc(env, WK_MEM_HANDLE, sizeof *segment);
    if (segment != NULL)
        *segment = (struct wk_shm){fd, (size_t)st.st_size};
    return segment;
}

enum wk_status wk_posix_receive_segments(struct wk_env *env, struct wk_socket *socket,
                                         struct wk_span_mut bytes, size_t *out_size,
                                         struct wk_shm **segments, size_t capacity,
                                         size_t *out_count, uint64_t deadline_ns,
                                         struct wk_error *err) {
    struct iovec piece = {bytes.data, bytes.size};
    union control control;
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t got;
    for (;;) {
        message.msg_control = control.room;
        message.msg_controllen = sizeof control.room;
        got = recvmsg(socket->fd, &message, RECEIVE_FLAGS);
        if (got >= 0)
            break;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return wk_posix_fail(err, errno, "receive segments", NULL);
        enum wk_status status =
            wk_posix_socket_wait(socket, POLLIN, deadline_ns, "receive segments", err);
        if (status != WK_OK)
            return status;
    }
    int fds[SEGMENTS_MAX];
    size_t fd_count = take_descriptors(&message, fds);
    size_t count = 0;
    bool bad = fd_count > capacity || (message.msg_flags & MSG_CTRUNC) != 0;
    for (size_t i = 0; i < fd_count; i++) {
        struct wk_shm *segment = bad ? NULL : segment_from(env, fds[i]);
        if (segment == NULL) {
            close(fds[i]);
            bad = true;
        } else {
            segments[count++] = segment;
        }
    }
    if (bad) {
        for (size_t i = 0; i < count; i++) {
            close(segments[i]->fd);
            wk_release(env, WK_MEM_HANDLE, segments[i], sizeof *segments[i]);
        }
        return wk_fail(err, WK_INVALID,
                       "receive segments: %zu descriptors came that are not the "
                       "segments asked for (at most %zu)",
                       fd_count, capacity);
    }
    *out_size = (size_t)got;
    *out_count = count;
    return WK_OK;
}

enum wk_status wk_posix_peer(struct wk_env *env, struct wk_socket *socket, struct wk_peer *out,
                             struct wk_error *err) {
    (void)env;
#if defined(SO_PEERCRED)
    struct ucred cred;
    socklen_t size = sizeof cred;
    if (getsockopt(socket->fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0)
        return wk_posix_fail(err, errno, "peer of a socket", NULL);
    *out = (struct wk_peer){(uint64_t)cred.pid, cred.uid, cred.gid};
    return WK_OK;
#else
    uid_t uid;
    gid_t gid;
    if (getpeereid(socket->fd, &uid, &gid) != 0)
        return wk_posix_fail(err, errno, "peer of a socket", NULL);
    *out = (struct wk_peer){0, uid, gid};
    return WK_OK;
#endif
}
