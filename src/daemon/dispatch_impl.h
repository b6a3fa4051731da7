/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the dispatch share. */
#ifndef WK_DAEMON_DISPATCH_IMPL_H
#define WK_DAEMON_DISPATCH_IMPL_H

#include "daemon/dispatch.h"
#include "rpc/frame.h"

/* One request on its way. */
struct wk_dispatch_call {
    struct wk_dispatch *d;
    struct wk_rpc_session *session;
    const struct wk_wire_request *request;
    struct wk_rpc_answer *answer;
};

/* What an answer borrows: leases of the store, and the list its payload is made of. */
struct wk_dispatch_hold {
    struct wk_env *env;
    struct wk_backend *store;
    struct wk_block_result *results;
    size_t count;
    size_t results_bytes;
    struct wk_frame frame;
};

/* With room for `count` results, zeroed; the answer releases it. NULL: no memory, and said so. */
struct wk_dispatch_hold *wk_dispatch_hold_new(struct wk_dispatch_call *call, size_t count);

/* ERROR with a text. */
void wk_dispatch_fail(struct wk_dispatch_call *call, const char *format, ...) WK_PRINTF(2, 3);

/* False: the answer says that the session may not. */
bool wk_dispatch_may(struct wk_dispatch_call *call, struct wk_span ns, struct wk_span key,
                     enum wk_access access, uint64_t put_bytes);

void wk_dispatch_lookup(struct wk_dispatch_call *call);
void wk_dispatch_get_blocks(struct wk_dispatch_call *call);
void wk_dispatch_put_blocks(struct wk_dispatch_call *call);

void wk_dispatch_put(struct wk_dispatch_call *call);
void wk_dispatch_get(struct wk_dispatch_call *call);
void wk_dispatch_exists(struct wk_dispatch_call *call);

#endif
