/* SPDX-License-Identifier: Apache-2.0 */
/* What a start and a check have in common: everything before the store is opened. */
#ifndef WK_DAEMON_PREPARE_H
#define WK_DAEMON_PREPARE_H

#include "daemon/auth.h"
#include "daemon/listeners.h"

/* Tokens read, addresses found, settings that contradict each other refused. `*auth` is the
 * caller's to close when it succeeds. */
WK_MUST_CHECK enum wk_status wk_prepare(struct wk_env *env, const struct wk_settings *settings,
                                        struct wk_auth **auth, struct wk_listeners *listeners,
                                        struct wk_error *err);

/* Reads certificate, key and authorities. `server` (may be NULL: they are only tried) uses them for
 * the connections that come from now on. */
WK_MUST_CHECK enum wk_status wk_prepare_tls(struct wk_env *env, const struct wk_settings *settings,
                                            struct wk_rpc_server *server, struct wk_error *err);

#endif
