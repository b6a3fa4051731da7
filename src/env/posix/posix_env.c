/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process's one environment. It is made at the first use instead of by a constructor: loading
 * the library then runs nothing, and the variables a host sets at its start are seen.
 */
#include "env/posix/posix.h"

#include <pthread.h>

static struct wk_env the_env = {
    .version = WK_ENV_VERSION,
    .size = sizeof(struct wk_env),
    .clock = &wk_posix_clock,
    .entropy = &wk_posix_entropy,
    .mem = &wk_posix_mem,
    .threads = &wk_posix_threads,
    .vars = &wk_posix_vars,
    .process = &wk_posix_process,
    .files = &wk_posix_files,
    .net = &wk_posix_net,
    .shm = &wk_posix_shm,
    .objects = &wk_posix_objects,
    .log = &wk_posix_log,
};

static pthread_once_t made = PTHREAD_ONCE_INIT;

static void make(void) {
    wk_posix_process_init();
    wk_posix_log_init(&the_env);
}

struct wk_env *wk_env_posix(void) {
    pthread_once(&made, make);
    return &the_env;
}
