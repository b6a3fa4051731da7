/* SPDX-License-Identifier: Apache-2.0 */
/* A secret of one line in a file of its own, such as a token. */
#ifndef WK_CONFIG_SECRET_FILE_H
#define WK_CONFIG_SECRET_FILE_H

#include "env/env.h"

#define WK_SECRET_BYTES_MAX 1024u

struct wk_secret {
    size_t size;
    char text[WK_SECRET_BYTES_MAX + 1]; /* not terminated */
};

static inline struct wk_span wk_secret_span(const struct wk_secret *secret) {
    return wk_span(secret->text, secret->size);
}

void wk_secret_wipe(struct wk_secret *secret);

/*
 * The file at an absolute path, without the white space around its contents. The text of a failure
 * names the file, never what is in it. WK_INVALID: not absolute, empty, more than one line, control
 * bytes. WK_TOO_LARGE. Else why it could not be read; a file that is not there is WK_MISS.
 */
WK_MUST_CHECK enum wk_status wk_secret_file_read(struct wk_env *env, const char *path,
                                                 struct wk_secret *out, struct wk_error *err);

#endif
