/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of the daemon, and what it runs with.
 *
 *     argv -> wk_options_parse -> layer COMMAND_LINE --+
 *     --config FILE ------------> layer FILE ----------+-> wk_options_settings -> struct
 * wk_settings environment --------------------------------------+
 */
#ifndef WK_DAEMON_OPTIONS_H
#define WK_DAEMON_OPTIONS_H

#include "config/layers.h"

enum wk_daemon_mode {
    WK_DAEMON_SERVE,
    WK_DAEMON_CHECK,
    WK_DAEMON_PRINT_CONFIG,
    WK_DAEMON_VERSION,
    WK_DAEMON_HELP
};

struct wk_options {
    enum wk_daemon_mode mode;
    const char *config_path; /* borrowed from argv; NULL: none */
};

extern const char wk_options_usage[];

/* INVALID: the text says which argument and why. */
WK_MUST_CHECK enum wk_status wk_options_parse(int argc, char *const *argv, struct wk_layers *layers,
                                              struct wk_options *out, struct wk_error *err);

/* All sources, read and checked together. */
WK_MUST_CHECK enum wk_status
wk_options_settings(struct wk_layers *layers, struct wk_settings *settings, struct wk_error *err);

#endif
