/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: one store behind TCP and HTTP listeners, from start to orderly end.
 *
 *     settings -> tokens, certificates, addresses -> store -> listeners -> ready
 *                                                                 |
 *     connections -> rpc/server -> dispatch (calls), pages (GET) -> store
 *                                                                 |
 *     STOP -> no new connections -> what is in flight, up to the drain timeout -> store closed
 *
 * The thread that runs it waits for signals. At the start and at the end, when it has other things
 * to wait for, a second thread does, so that a signal always ends the process in bounded time:
 *
 *     while starting   STOP: exit code 0 at once, nothing was promised to anybody
 *     while serving    STOP: drain.  RELOAD: tokens and certificates are read again
 *     while draining   STOP, or a drain that does not end: exit code 3 at once
 *
 * No call on the operating system: the simulator runs the same daemon.
 */
#ifndef WK_DAEMON_DAEMON_H
#define WK_DAEMON_DAEMON_H

#include "config/settings.h"

/* Exit codes of the program. */
enum wk_daemon_exit { WK_EXIT_DONE = 0, WK_EXIT_FAILED = 1, WK_EXIT_USAGE = 2, WK_EXIT_CUT = 3 };

/* What the daemon tells whoever runs it. */
struct wk_daemon_host {
    void *ctx;
    void (*ready)(void *ctx);    /* all listeners listen */
    void (*stopping)(void *ctx); /* the end has begun */
    /* Ends the process at once, whatever its threads do. */
    void (*exit_now)(void *ctx, enum wk_daemon_exit code);
};

/*
 * Runs until it was told to stop. Before the first other thread of the process, because signals are
 * taken. `settings` are read with WK_DAEMON_SCOPES and borrowed for the call. Not WK_OK: it did not
 * start, and the text says why; nothing is left. `*out_cut` requests were cut off at the end.
 */
WK_MUST_CHECK enum wk_status wk_daemon_run(struct wk_env *env, const struct wk_settings *settings,
                                           const struct wk_daemon_host *host, uint64_t *out_cut,
                                           struct wk_error *err);

/*
 * Tries what a start does, but for listening. Findings go to `report`, a line each. WK_OK: it would
 * start.
 */
WK_MUST_CHECK enum wk_status wk_daemon_check(struct wk_env *env, const struct wk_settings *settings,
                                             struct wk_writer *report, struct wk_error *err);

#endif
