/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the net table share. Contracts as in env.h. */
#ifndef WK_ENV_POSIX_POSIX_SOCKET_H
#define WK_ENV_POSIX_POSIX_SOCKET_H

#include "base/num.h"
#include "env/posix/posix.h"

struct sockaddr;
struct sockaddr_storage;

struct wk_tls_session;

struct wk_socket {
    int fd;                     /* not blocking: every wait is a poll with a deadline */
    struct wk_tls_session *tls; /* NULL: plain */
};

struct wk_shm {
    int fd;
    size_t size;
};

/* A copy that is aligned as the system wants it. */
const struct sockaddr *wk_posix_sockaddr(const struct wk_address *address,
                                         struct sockaddr_storage *room);
void wk_posix_address_from(struct wk_address *to, const void *sockaddr, size_t size);

/* WK_OK when the socket is ready for the poll(2) events or has failed; WK_TIMEOUT with a text. */
enum wk_status wk_posix_socket_wait(struct wk_socket *socket, short events, uint64_t deadline_ns,
                                    const char *what, struct wk_error *err);

/* posix_address.c */
enum wk_status wk_posix_resolve(struct wk_env *env, const char *host, uint16_t port,
                                uint64_t deadline_ns, struct wk_address *out, size_t capacity,
                                size_t *out_count, struct wk_error *err);
bool wk_posix_is_loopback(struct wk_env *env, const struct wk_address *address);
void wk_posix_address_text(struct wk_env *env, const struct wk_address *address, char *to,
                           size_t capacity);
enum wk_status wk_posix_unix_address(struct wk_env *env, const char *path, struct wk_address *out,
                                     struct wk_error *err);

/* posix_segments.c */
enum wk_status wk_posix_send_segments(struct wk_env *env, struct wk_socket *socket,
                                      struct wk_span bytes, struct wk_shm *const *segments,
                                      size_t count, uint64_t deadline_ns, struct wk_error *err);
enum wk_status wk_posix_receive_segments(struct wk_env *env, struct wk_socket *socket,
                                         struct wk_span_mut bytes, size_t *out_size,
                                         struct wk_shm **segments, size_t capacity,
                                         size_t *out_count, uint64_t deadline_ns,
                                         struct wk_error *err);
enum wk_status wk_posix_peer(struct wk_env *env, struct wk_socket *socket, struct wk_peer *out,
                             struct wk_error *err);

#endif
