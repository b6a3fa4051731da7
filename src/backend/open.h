/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From settings to a backend: which one they name, and how it is opened.
 *
 *     remote_prefix -> shared memory   tcp_addr -> TCP   http_addr -> HTTP   none -> embedded
 *
 * The settings are borrowed for the call. A failure's text names the setting by its variable.
 */
#ifndef WK_BACKEND_OPEN_H
#define WK_BACKEND_OPEN_H

#include "backend/backend.h"
#include "config/settings.h"

/* True when the settings of scope ALL name a daemon. */
bool wk_backend_is_remote(const struct wk_settings *settings);

/* With the settings of scope REMOTE read. */
WK_MUST_CHECK enum wk_status wk_backend_open_remote(struct wk_env *env,
                                                    const struct wk_settings *settings,
                                                    struct wk_backend **out, struct wk_error *err);

/* With the settings of the scopes EMBEDDED and OBJECTS read. `callbacks` (or NULL) is the host's
 * own store, in place of the endpoint. */
WK_MUST_CHECK enum wk_status wk_backend_open_embedded(struct wk_env *env,
                                                      const struct wk_settings *settings,
                                                      const struct wk_objects_callbacks *callbacks,
                                                      struct wk_backend **out,
                                                      struct wk_error *err);

/* The objects that such a store would be over, for a look at them. */
WK_MUST_CHECK enum wk_status wk_backend_open_objects(struct wk_env *env,
                                                     const struct wk_settings *settings,
                                                     struct wk_objects **out, struct wk_error *err);

#endif
