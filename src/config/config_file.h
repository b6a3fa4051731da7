/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of a daemon's settings.
 *
 *     # comment, or ; comment
 *     bucket = models
 *     tcp = 127.0.0.1:7878, [::1]:7878
 *
 * Keys are the names of the variables without WMBT_KV_, in lower case; there are no sections. A key
 * that nobody knows, one that is there twice, a line of another form: each fails the whole file,
 * and the text says where. Lines are split by inih, which takes " ;" for the start of a comment.
 */
#ifndef WK_CONFIG_CONFIG_FILE_H
#define WK_CONFIG_CONFIG_FILE_H

#include "config/layers.h"

/* Into the layer FILE. `scopes` are those whose settings may stand there. */
WK_MUST_CHECK enum wk_status wk_config_file_parse(struct wk_span text, uint32_t scopes,
                                                  struct wk_layers *layers, struct wk_error *err);
/* The file at an absolute path. */
WK_MUST_CHECK enum wk_status wk_config_file_read(struct wk_env *env, const char *path,
                                                 uint32_t scopes, struct wk_layers *layers,
                                                 struct wk_error *err);

#endif
