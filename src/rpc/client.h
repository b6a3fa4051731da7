/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TCP and HTTP backends: a daemon's store, with the semantics of the embedded one.
 *
 *     call -> a connection that rests, or a new one -> request -> reply in a buffer -> views of it
 *
 * A call has a connection for itself, so threads never queue behind each other; connections are
 * kept for the next call. A connection that failed in any way, or whose reply does not carry the
 * request's id and op, is closed and never used again. A request that can be repeated without harm
 * goes out once more on a new connection; after failed connects there is a growing pause in which
 * calls fail at once.
 *
 * Results are views into the reply, which lives until its last lease is released.
 */
#ifndef WK_RPC_CLIENT_H
#define WK_RPC_CLIENT_H

#include "backend/backend.h"
#include "config/endpoint.h"
#include "env/env.h"
#include "rpc/transport.h"

struct wk_rpc_client_config {
    enum wk_rpc_transport transport;
    struct wk_host_port at;
    const char *at_text;  /* as it was written; the Host of HTTP and the name in errors */
    struct wk_span token; /* empty: none. Secret: copied, wiped, never logged */
    const struct wk_tls_config *tls; /* NULL: plain */
    uint64_t call_timeout_ns;        /* without progress */
};

/* Connects and asks for a PING, so that a wrong address, certificate or token fails here. */
WK_MUST_CHECK enum wk_status wk_rpc_client_open(struct wk_env *env,
                                                const struct wk_rpc_client_config *config,
                                                struct wk_backend **out, struct wk_error *err);

#endif
