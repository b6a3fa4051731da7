/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object store in a local directory, endpoint "file:///absolute/dir". The embedded default, so
 * that the whole product runs with no server.
 *
 * Written over the environment's tables only (files, threads, mem, clock, entropy, process): the
 * simulator runs this very code over its simulated disk.
 *
 * Several handles, of one process or of many, may work in one directory. A put that was answered
 * OK survives power loss. specs/0004-object-stores.md has the layout byte by byte, the order of
 * writes and syncs, and what third parties may do in the tree.
 */
#ifndef WK_ENV_DIR_DIR_H
#define WK_ENV_DIR_DIR_H

#include "env/env.h"

#define WK_DIR_SCHEME "file://"

/*
 * Uses `endpoint`, `bucket` (both required) and `threads` (0: 8) of the config, copies what it
 * keeps. Makes the missing directories of the endpoint's path, mode 0700. WK_INVALID: not such an
 * endpoint, a relative path, no bucket, something on the path that is no directory. WK_DENIED: may
 * not be read or written.
 *
 * Close it with ops->close; that waits for its worker threads.
 */
WK_MUST_CHECK enum wk_status wk_dir_objects_open(struct wk_env *env,
                                                 const struct wk_objects_config *config,
                                                 struct wk_objects **out, struct wk_error *err);

#endif
