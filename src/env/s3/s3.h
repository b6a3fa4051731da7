/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects in a bucket of an S3-compatible store, endpoints "http://host[:port]" and "https://...".
 *
 *   batch, list (any thread) --queue--> one I/O thread per handle --libcurl multi--> the store
 *        ^---------------------- results, bodies straight into the sinks' memory ----'
 *
 * One request is one HTTP request; nothing is repeated here, with two exceptions that
 * specs/0004-object-stores.md states: a reused connection that was closed before anything of the
 * request was seen, and one repetition after renewed credentials. That page also has what is sent,
 * which answer becomes which class, and what an open asks.
 *
 * Below the environment: libcurl, OpenSSL, expat and inih use malloc and the system directly; what
 * is allocated here comes from env->mem.
 */
#ifndef WK_ENV_S3_S3_H
#define WK_ENV_S3_S3_H

#include "env/env.h"

/*
 * Uses everything of the config but `callbacks` and `threads`; copies what it keeps. Asks the store
 * a few questions, for 15 seconds at most. WK_UNAVAILABLE: it cannot be reached. WK_DENIED: the
 * credentials. WK_INVALID: the bucket, the region, or something that is no S3 store. Writes
 * nothing, but for a bucket that is missing and may be made.
 *
 * Close it with ops->close; that waits for its requests and its thread.
 */
WK_MUST_CHECK enum wk_status wk_s3_objects_open(struct wk_env *env,
                                                const struct wk_objects_config *config,
                                                struct wk_objects **out, struct wk_error *err);

#endif
