/* SPDX-License-Identifier: Apache-2.0 */
#include "env/object_result.h"

#include "base/num.h"

enum wk_object_class wk_object_class_of(enum wk_status status) {
    switch (status) {
    case WK_OK:
        return WK_OBJECT_OK;
    case WK_MISS:
        return WK_OBJECT_ABSENT;
    case WK_INVALID:
    case WK_TOO_LARGE:
        return WK_OBJECT_INVALID;
    case WK_CORRUPT:
        return WK_OBJECT_CORRUPT;
    case WK_TIMEOUT:
        return WK_OBJECT_TIMEOUT;
    case WK_DENIED:
        return WK_OBJECT_DENIED;
    case WK_NO_SPACE:
        return WK_OBJECT_NO_SPACE;
    case WK_CONFLICT:
        return WK_OBJECT_CONFLICT;
    case WK_UNAVAILABLE:
    case WK_NO_MEMORY:
    case WK_INTERNAL:
    case WK_STATUS_COUNT:
        break;
    }
    return WK_OBJECT_SERVER_ERROR;
}

enum wk_object_class wk_object_class_of_mutation(enum wk_status status) {
    return status == WK_MISS ? WK_OBJECT_SERVER_ERROR : wk_object_class_of(status);
}

enum wk_object_class wk_object_list_goes_on(struct wk_env *env, uint64_t deadline_ns,
                                            const wk_atomic_u32 *cancel, struct wk_error *err) {
    if (cancel != NULL && wk_atomic_load_u32(cancel, WK_ACQUIRE, "objects.cancel") != 0) {
        (void)wk_fail(err, WK_UNAVAILABLE, "cancelled by the caller");
        return WK_OBJECT_CANCELLED;
    }
    if (deadline_ns != WK_FOREVER && wk_now_ns(env) >= deadline_ns) {
        (void)wk_fail(err, WK_TIMEOUT, "the deadline passed");
        return WK_OBJECT_TIMEOUT;
    }
    return WK_OBJECT_OK;
}

bool wk_object_goes_on(struct wk_env *env, uint64_t deadline_ns, const wk_atomic_u32 *cancel,
                       struct wk_object_result *result) {
    enum wk_object_class class = wk_object_list_goes_on(env, deadline_ns, cancel, &result->error);
    if (class == WK_OBJECT_OK)
        return true;
    result->class = class;
    return false;
}

bool wk_object_body_size(const struct wk_object_request *request, size_t *out) {
    size_t total = 0;
    for (size_t i = 0; i < request->body_count; i++) {
        if (!wk_add_size(total, request->body[i].size, &total))
            return false;
    }
    if (total > WK_OBJECT_BODY_BYTES_MAX)
        return false;
    *out = total;
    return true;
}

bool wk_object_key_ok(const struct wk_object_request *request, struct wk_object_result *result) {
    size_t length = strlen(request->key);
    if (length > 0 && length <= WK_OBJECT_KEY_BYTES_MAX)
        return true;
    result->class = WK_OBJECT_INVALID;
    if (length == 0)
        (void)wk_fail(&result->error, WK_INVALID, "an object key is empty");
    else
        (void)wk_fail(&result->error, WK_INVALID, "an object key has %zu bytes, at most %u go",
                      length, WK_OBJECT_KEY_BYTES_MAX);
    return false;
}
