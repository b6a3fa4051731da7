/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several sources of settings as one:
 *
 *     command line  >  environment  >  file  >  default
 *
 * The view is an environment whose variables are those of the first three, each where the ones
 * before it say nothing (an empty value says nothing), so that wk_settings_read reads them as it
 * reads variables. It has `vars`, `log`, and of `mem` what wk_settings_read needs; nothing else.
 *
 * Values are copies, wiped at the end, because they may be secrets. Not thread-safe.
 */
#ifndef WK_CONFIG_LAYERS_H
#define WK_CONFIG_LAYERS_H

#include "config/settings.h"

enum wk_setting_origin {
    WK_ORIGIN_DEFAULT,
    WK_ORIGIN_FILE,
    WK_ORIGIN_ENVIRONMENT,
    WK_ORIGIN_COMMAND_LINE
};

/* The value of one row in one layer; NULL: none. Terminated. */
struct wk_layer_value {
    char *text;
    size_t bytes; /* of the allocation */
};

struct wk_layers {
    struct wk_env view; /* first */
    struct wk_env *base;
    struct wk_layer_value *file;         /* one per row of the table */
    struct wk_layer_value *command_line; /* one per row of the table */
};

WK_MUST_CHECK enum wk_status wk_layers_init(struct wk_layers *layers, struct wk_env *env,
                                            struct wk_error *err);
void wk_layers_destroy(struct wk_layers *layers);

/* `origin` is FILE or COMMAND_LINE. CONFLICT: the layer has a value of this row already. */
WK_MUST_CHECK enum wk_status wk_layers_set(struct wk_layers *layers, enum wk_setting_origin origin,
                                           const struct wk_setting *setting, struct wk_span value,
                                           struct wk_error *err);
/* Behind the value that is there, with `separator` (may be empty) between. */
WK_MUST_CHECK enum wk_status wk_layers_append(struct wk_layers *layers,
                                              enum wk_setting_origin origin,
                                              const struct wk_setting *setting,
                                              const char *separator, struct wk_span value,
                                              struct wk_error *err);

/* Where the view has the value from. */
enum wk_setting_origin wk_layers_origin(struct wk_layers *layers, const struct wk_setting *setting);
const char *wk_setting_origin_name(enum wk_setting_origin origin);

#endif
