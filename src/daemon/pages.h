/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon answers to GET:
 *
 *     /wmbt/v1/ping   200, nothing; the reference's
 *     /healthz        200: the process serves
 *     /readyz         200, or 503 with the reason: the store can be used
 *     /metrics        daemon/metrics.h; with tokens, for an admin's only
 */
#ifndef WK_DAEMON_PAGES_H
#define WK_DAEMON_PAGES_H

#include "daemon/auth.h"
#include "daemon/metrics.h"

struct wk_pages {
    struct wk_env *env;
    struct wk_backend *store;
    struct wk_rpc_server *server;
    struct wk_auth *auth;
    struct wk_metrics *metrics;
    wk_atomic_u32 draining; /* sync: acquire-release; pages.draining. Set once the end has begun */
};

/* wk_rpc_service.page; `ctx` is a struct wk_pages. */
bool wk_pages_serve(void *ctx, struct wk_rpc_session *session, struct wk_span path,
                    struct wk_rpc_page *page);

#endif
