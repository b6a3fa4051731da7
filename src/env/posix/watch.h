/* SPDX-License-Identifier: Apache-2.0 */
/* Watching one other process; contracts as in env.h. */
#ifndef WK_ENV_POSIX_WATCH_H
#define WK_ENV_POSIX_WATCH_H

#include "env/env.h"

enum wk_status wk_posix_watch(struct wk_env *env, uint64_t process_id,
                              struct wk_process_watch **out, struct wk_error *err);
enum wk_status wk_posix_watch_wait(struct wk_env *env, struct wk_process_watch *watch,
                                   uint64_t deadline_ns);
void wk_posix_watch_close(struct wk_env *env, struct wk_process_watch *watch);

/* The way without a process descriptor: the same watch, asking every now and then. For tests. */
enum wk_status wk_posix_watch_by_asking(struct wk_env *env, uint64_t process_id,
                                        struct wk_process_watch **out, struct wk_error *err);

#if defined(__linux__)
/* linux_watch.c. A descriptor that polls readable once the process has ended, or -1 and errno. */
int wk_linux_pidfd_open(int process_id);
/* A number that differs between two lives of one process id; 0: it has ended (a zombie too).
 * False: cannot be told now. */
bool wk_linux_start_time(int process_id, uint64_t *out);
#endif

#endif
