/* SPDX-License-Identifier: Apache-2.0 */
/* Settings as text: what a daemon runs with, in the form of its file. */
#ifndef WK_CONFIG_SHOW_H
#define WK_CONFIG_SHOW_H

#include "config/layers.h"

/* The name in a file: "bucket" for WMBT_KV_BUCKET. */
void wk_setting_key(const struct wk_setting *setting, char *to, size_t capacity);

/* The value as the parser takes it; "(set)" for a secret that is set, nothing for what is unset. */
void wk_setting_show(const struct wk_setting *setting, const struct wk_settings *settings, char *to,
                     size_t capacity);

/*
 * The settings of the scopes and the level of the log, which was checked before, a line each: "key
 * = value ; origin". A secret, and a text that the file has no form for, is a comment, so that the
 * whole can be used as a file.
 */
void wk_settings_write_values(struct wk_layers *layers, uint32_t scopes,
                              const struct wk_settings *settings, struct wk_writer *to);

#endif
