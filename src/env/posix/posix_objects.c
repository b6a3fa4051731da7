/* SPDX-License-Identifier: Apache-2.0 */
/* Which object store a configuration means. The stores themselves are in their own folders. */
#include "env/posix/posix.h"

#include "env/callbacks/callbacks.h"
#include "env/dir/dir.h"
#include "env/s3/s3.h"

static enum wk_status objects_open(struct wk_env *env, const struct wk_objects_config *config,
                                   struct wk_objects **out, struct wk_error *err) {
    if (config->callbacks != NULL)
        return wk_callbacks_objects_open(env, config, out, err);
    if (config->endpoint == NULL || config->endpoint[0] == 0)
        return wk_fail(err, WK_INVALID, "no object store: the endpoint is not set");
    if (strncmp(config->endpoint, WK_DIR_SCHEME, strlen(WK_DIR_SCHEME)) == 0)
        return wk_dir_objects_open(env, config, out, err);
    return wk_s3_objects_open(env, config, out, err);
}

const struct wk_env_objects wk_posix_objects = {.open = objects_open};
