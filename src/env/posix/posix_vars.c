/* SPDX-License-Identifier: Apache-2.0 */
#include "env/posix/posix.h"

#include <stdlib.h>
#if defined(__APPLE__)
#include <crt_externs.h> /* libraries have no `environ` there */
#define environ (*_NSGetEnviron())
#else
#include <unistd.h>
#endif

/* Longer names are reported cut; nobody has a setting of that length. */
#define NAME_BYTES_MAX 255u

static enum wk_status vars_get(struct wk_env *env, const char *name, char *to, size_t capacity,
                               size_t *length) {
    (void)env;
    const char *value = getenv(name);
    if (value == NULL || value[0] == 0)
        return WK_MISS;
    size_t size = strlen(value);
    if (size >= capacity)
        return WK_TOO_LARGE;
    memcpy(to, value, size + 1);
    if (length != NULL)
        *length = size;
    return WK_OK;
}

static void vars_names(struct wk_env *env, const char *prefix,
                       bool (*each)(void *ctx, const char *name), void *ctx) {
    (void)env;
    size_t prefix_size = strlen(prefix);
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        const char *end = strchr(*entry, '=');
        if (end == NULL || end[1] == 0 || strncmp(*entry, prefix, prefix_size) != 0)
            continue;
        size_t size = (size_t)(end - *entry);
        if (size < prefix_size)
            continue;
        char name[NAME_BYTES_MAX + 1];
        size = size < NAME_BYTES_MAX ? size : NAME_BYTES_MAX;
        memcpy(name, *entry, size);
        name[size] = 0;
        if (!each(ctx, name))
            return;
    }
}

const struct wk_env_vars wk_posix_vars = {.get = vars_get, .names = vars_names};
