/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a daemon listens, from its settings: lists of texts -> addresses -> sockets.
 *
 * An address that is not loopback is refused without tokens and without client certificates, unless
 * the settings allow it.
 */
#ifndef WK_DAEMON_LISTENERS_H
#define WK_DAEMON_LISTENERS_H

#include "config/endpoint.h"
#include "config/settings.h"
#include "rpc/server.h"

struct wk_listener {
    enum wk_rpc_transport transport;
    char text[WK_HOST_BYTES_MAX + 16]; /* as the settings have it */
    struct wk_address address;         /* after listening: with the port that was chosen */
};

struct wk_listeners {
    size_t count;
    struct wk_listener list[WK_LISTENERS_MAX];
};

/* `has_tokens`: a token is needed for every call. INVALID: texts, none at all, or the rule above.
 */
WK_MUST_CHECK enum wk_status wk_listeners_find(struct wk_env *env,
                                               const struct wk_settings *settings, bool has_tokens,
                                               struct wk_listeners *out, struct wk_error *err);

/* All of them, or the text names the address that cannot be listened on. */
WK_MUST_CHECK enum wk_status wk_listeners_open(struct wk_listeners *listeners,
                                               struct wk_rpc_server *server, bool with_tls,
                                               struct wk_error *err);

/* The addresses of one transport, commas between. */
void wk_listeners_text(struct wk_env *env, const struct wk_listeners *listeners,
                       enum wk_rpc_transport transport, char *to, size_t capacity);

#endif
