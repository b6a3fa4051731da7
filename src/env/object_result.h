/* SPDX-License-Identifier: Apache-2.0 */
/* What every object store does alike: results, classes, and the checks between two steps. */
#ifndef WK_ENV_OBJECT_RESULT_H
#define WK_ENV_OBJECT_RESULT_H

#include "env/env.h"

/*
 * The class of a failed step. NO_MEMORY, UNAVAILABLE and INTERNAL are SERVER_ERROR: trying again
 * may help. MISS is ABSENT.
 */
enum wk_object_class wk_object_class_of(enum wk_status status);

/* The class for a step of a mutation, where a MISS means that the tree moved under us. */
enum wk_object_class wk_object_class_of_mutation(enum wk_status status);

/* False, with class and text set, when `cancel` is up or the deadline has passed. */
bool wk_object_goes_on(struct wk_env *env, uint64_t deadline_ns, const wk_atomic_u32 *cancel,
                       struct wk_object_result *result);

/* The same for a LIST; OK when it goes on. */
enum wk_object_class wk_object_list_goes_on(struct wk_env *env, uint64_t deadline_ns,
                                            const wk_atomic_u32 *cancel, struct wk_error *err);

/* Sum of the body's spans; false when it is over WK_OBJECT_BODY_BYTES_MAX. */
bool wk_object_body_size(const struct wk_object_request *request, size_t *out);

/* False, with INVALID and a text, when the key is empty or too long. */
bool wk_object_key_ok(const struct wk_object_request *request, struct wk_object_result *result);

#endif
