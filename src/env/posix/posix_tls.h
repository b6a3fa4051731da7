/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS over a connected socket, by OpenSSL. The descriptor stays non-blocking and every wait stays
 * the poll of posix_net.c; OpenSSL only turns bytes into other bytes.
 */
#ifndef WK_ENV_POSIX_POSIX_TLS_H
#define WK_ENV_POSIX_POSIX_TLS_H

#include "env/posix/posix_socket.h"

/* One end of one connection. A reader and a writer may use it at the same time. */
struct wk_tls_session;

enum wk_status wk_posix_tls_create(struct wk_env *env, const struct wk_tls_config *config,
                                   bool server, struct wk_tls **out, struct wk_error *err);
void wk_posix_tls_release(struct wk_env *env, struct wk_tls *tls);

/* Makes the session of a connected socket and shakes hands inside the deadline. */
enum wk_status wk_posix_tls_start(struct wk_env *env, struct wk_socket *socket, struct wk_tls *tls,
                                  bool server, uint64_t deadline_ns, struct wk_error *err);
enum wk_status wk_posix_tls_read(struct wk_socket *socket, void *to, size_t size,
                                 uint64_t deadline_ns, size_t *out_size, struct wk_error *err);
enum wk_status wk_posix_tls_write(struct wk_socket *socket, struct wk_span bytes,
                                  uint64_t deadline_ns, size_t *out_size, struct wk_error *err);
/* Says goodbye if that needs no waiting. */
void wk_posix_tls_shutdown(struct wk_socket *socket);
void wk_posix_tls_end(struct wk_env *env, struct wk_socket *socket);

#endif
