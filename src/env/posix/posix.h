/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of a real POSIX host: one per process, made at the first call, never freed.
 *
 * The tables and the helpers that their files share. Nothing here is for the layers above: those
 * see env/env.h and get their environment from wk_env_posix() (main files) or wk_env_current().
 */
#ifndef WK_ENV_POSIX_POSIX_H
#define WK_ENV_POSIX_POSIX_H

#include <time.h>

#include "env/env.h"

/* The process's environment. Safe for concurrent use; never NULL. */
struct wk_env *wk_env_posix(void);

extern const struct wk_env_clock wk_posix_clock;
extern const struct wk_env_entropy wk_posix_entropy;
extern const struct wk_env_mem wk_posix_mem;
extern const struct wk_env_threads wk_posix_threads;
extern const struct wk_env_vars wk_posix_vars;
extern const struct wk_env_process wk_posix_process;
extern const struct wk_env_files wk_posix_files;
extern const struct wk_env_net wk_posix_net;
extern const struct wk_env_shm wk_posix_shm;
extern const struct wk_env_objects wk_posix_objects;
extern const struct wk_env_log wk_posix_log;

/* ---- times ------------------------------------------------------------------------------- */

uint64_t wk_posix_now_ns(void); /* CLOCK_MONOTONIC */

static inline struct timespec wk_posix_timespec(uint64_t ns) {
    return (struct timespec){(time_t)(ns / WK_NS_PER_S), (long)(ns % WK_NS_PER_S)};
}

/* What is left until the deadline, at most an hour: waits loop, so that no conversion overflows. */
struct timespec wk_posix_left(uint64_t deadline_ns);

/* ---- errors ------------------------------------------------------------------------------ */

/*
 * Writes `open "name": No space left on device (ENOSPC)` and returns the class of the error number.
 * `name` may be NULL. The words are ours, not strerror's: no locale, no lock.
 */
enum wk_status wk_posix_fail(struct wk_error *err, int code, const char *what, const char *name);
/* Under a class and with words that the caller knows better: `what "name": words`. */
enum wk_status wk_posix_fail_as(struct wk_error *err, enum wk_status status, const char *what,
                                const char *name, const char *words);

/* ---- files ------------------------------------------------------------------------------- */

struct wk_dir {
    int fd;
};

struct wk_file {
    int fd;
    bool locked;      /* by files->lock; one thread uses a file at a time, so no lock for it */
    size_t name_size; /* of the allocation's tail, for release */
    char name[];      /* for messages */
};

/* WK_OK for one plain component; else WK_INVALID and a text. */
enum wk_status wk_posix_check_name(struct wk_error *err, const char *what, const char *name);

struct stat;
void wk_posix_file_info(const struct stat *st, struct wk_file_info *out);

/* posix_dirs.c, for the table in posix_files.c; contracts as in env.h. */
enum wk_status wk_posix_dir_open(struct wk_env *env, struct wk_dir *parent, const char *name,
                                 uint32_t flags, struct wk_dir **out, struct wk_error *err);
void wk_posix_dir_close(struct wk_env *env, struct wk_dir *dir);
enum wk_status wk_posix_dir_sync(struct wk_env *env, struct wk_dir *dir, struct wk_error *err);
enum wk_status wk_posix_dir_list(struct wk_env *env, struct wk_dir *dir,
                                 bool (*each)(void *ctx, const char *name, enum wk_file_kind kind),
                                 void *ctx, struct wk_error *err);
enum wk_status wk_posix_dir_remove(struct wk_env *env, struct wk_dir *parent, const char *name,
                                   struct wk_error *err);
enum wk_status wk_posix_free_space(struct wk_env *env, struct wk_dir *dir, uint64_t *out_bytes,
                                   struct wk_error *err);
enum wk_status wk_posix_info(struct wk_env *env, struct wk_dir *dir, const char *name,
                             struct wk_file_info *out, struct wk_error *err);
enum wk_status wk_posix_rename(struct wk_env *env, struct wk_dir *from_dir, const char *from,
                               struct wk_dir *to_dir, const char *to, struct wk_error *err);
enum wk_status wk_posix_rename_new(struct wk_env *env, struct wk_dir *from_dir, const char *from,
                                   struct wk_dir *to_dir, const char *to, struct wk_error *err);
enum wk_status wk_posix_remove(struct wk_env *env, struct wk_dir *dir, const char *name,
                               struct wk_error *err);

/* 0 or an error number. _link is the way for file systems that cannot refuse in one step: exact
 * for files, but a crash between its two steps leaves both names. */
int wk_posix_rename_new_at(int from_dir, const char *from, int to_dir, const char *to);
int wk_posix_rename_new_link(int from_dir, const char *from, int to_dir, const char *to);

/* Where a scattered write stands: the span, and how much of it is already written. */
struct wk_posix_gather {
    const struct wk_span *spans;
    size_t count;
    size_t span;
    size_t inside;
};

/* The next pieces for the kernel, no empty ones; both limits > 0. Returns how many. */
struct iovec;
size_t wk_posix_gather_next(const struct wk_posix_gather *g, struct iovec *pieces, size_t capacity,
                            size_t bytes_max);
/* `bytes` more are written: at most those of the pieces just given. */
void wk_posix_gather_advance(struct wk_posix_gather *g, size_t bytes);

/* ---- parts with state -------------------------------------------------------------------- */

/* The way without getrandom and /dev/urandom: the kernel's gift at exec, stretched. */
void wk_posix_entropy_last_resort(void *to, size_t size);

/* Called once, while the environment is made. */
void wk_posix_process_init(void);
void wk_posix_log_init(struct wk_env *env);
/* Takes the level for stderr from WMBT_KV_LOG; anything that is not a level is silence. */
void wk_posix_log_read_level(struct wk_env *env);
/* "off" to "debug", in any case; before the first other thread. False: there is no such level. */
bool wk_posix_log_set_level(const char *name);

#endif
