/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log that nobody can flood: of each kind of event so many in a window of time, the others are
 * counted.
 *
 *     events -> the first WK_LOG_BURST of their name in a window -> the log
 *               the others, once the window is over -> one event log.repeated {name, count}
 *
 * Debug events pass: who asks for them wants them all. Safe for concurrent use.
 */
#ifndef WK_DAEMON_LOG_LIMIT_H
#define WK_DAEMON_LOG_LIMIT_H

#include "env/env.h"

#define WK_LOG_BURST     20u
#define WK_LOG_WINDOW_NS (10ull * WK_NS_PER_S)
#define WK_LOG_KINDS_MAX 32u /* names told apart; those that come later share one count */

struct wk_log_kind {
    const char *name; /* a literal; NULL: free */
    uint64_t since_ns;
    uint64_t seen;
    uint64_t dropped;
};

struct wk_log_limit {
    struct wk_env *env;
    const struct wk_env_log *to;
    struct wk_mutex mutex;
    struct wk_log_kind kinds[WK_LOG_KINDS_MAX]; /* sync: mutex */
};

WK_MUST_CHECK enum wk_status wk_log_limit_init(struct wk_log_limit *limit, struct wk_env *env,
                                               const struct wk_env_log *to);

/* As event of struct wk_env_log. */
void wk_log_limit_event(struct wk_log_limit *limit, enum wk_log_level level, const char *name,
                        const struct wk_log_field *fields, size_t count);

/* Tells what was counted and not yet told; at the end. */
void wk_log_limit_flush(struct wk_log_limit *limit);

#endif
