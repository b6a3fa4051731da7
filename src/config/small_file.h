/* SPDX-License-Identifier: Apache-2.0 */
/* A file of the operator's, such as a token or a table of them, read whole. */
#ifndef WK_CONFIG_SMALL_FILE_H
#define WK_CONFIG_SMALL_FILE_H

#include "env/env.h"

/*
 * The file at an absolute path. `to` has room for `max` bytes and one more, which tells a file that
 * is too long. The text of a failure names the file: WK_INVALID not absolute, WK_TOO_LARGE over
 * `max`, WK_MISS not there, else why it could not be read. `to` is then unspecified.
 */
WK_MUST_CHECK enum wk_status wk_small_file_read(struct wk_env *env, const char *path, void *to,
                                                size_t max, size_t *out_size, struct wk_error *err);

#endif
