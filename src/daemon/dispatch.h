/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations of the remote protocol, over the same store as the embedded backend.
 *
 *     request -> may this peer do it? -> store -> answer: views of leased blocks, sent as they lie
 *
 *     dispatch.c         the table of operations; what they share
 *     dispatch_blocks.c  11 lookup, 12 get, 13 put
 *     dispatch_values.c  2 put, 3 get, 4 exists, 9 get many   dispatch_large.c  chunked values
 *     dispatch_whole.c   5 stats, 6 clear, 7 restore, 10 list
 *
 * Texts and the order of checks are the reference's (specs/0019). Safe for concurrent use.
 */
#ifndef WK_DAEMON_DISPATCH_H
#define WK_DAEMON_DISPATCH_H

#include "backend/backend.h"
#include "daemon/auth.h"
#include "daemon/metrics.h"
#include "daemon/times.h"

struct wk_dispatch {
    struct wk_env *env;
    struct wk_backend *store;
    struct wk_auth *auth;
    struct wk_metrics *metrics;
    struct wk_times *times;
};

/* wk_rpc_service.serve; `ctx` is a struct wk_dispatch. */
void wk_dispatch_serve(void *ctx, struct wk_rpc_session *session,
                       const struct wk_wire_request *request, struct wk_rpc_answer *answer);

#endif
