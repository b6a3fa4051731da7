/* SPDX-License-Identifier: Apache-2.0 */
#include "config/small_file.h"

#include "base/text.h"

/* The directory of an absolute path, opened, and the name in it. */
static enum wk_status open_parent(struct wk_env *env, const char *path, struct wk_dir **dir,
                                  const char **name, struct wk_error *err) {
    char parent[WK_VAR_BYTES_MAX + 1];
    const char *slash = strrchr(path, '/');
    if (path[0] != '/' || slash[1] == 0 || strlen(path) > WK_VAR_BYTES_MAX)
        return wk_fail(err, WK_INVALID, "want the absolute path of a file");
    size_t length = slash == path ? 1 : (size_t)(slash - path);
    memcpy(parent, path, length);
    parent[length] = 0;
    *name = slash + 1;
    return env->files->dir_open(env, NULL, parent, WK_OPEN_READ, dir, err);
}

static enum wk_status read_all(struct wk_env *env, const char *path, void *to, size_t max,
                               size_t *out_size, struct wk_error *err) {
    struct wk_dir *dir;
    struct wk_file *file;
    const char *name;
    size_t size;
    enum wk_status status = open_parent(env, path, &dir, &name, err);
    if (status != WK_OK)
        return status;
    status = env->files->open(env, dir, name, WK_OPEN_READ, &file, err);
    env->files->dir_close(env, dir);
    if (status != WK_OK)
        return status;
    status = env->files->pread(env, file, to, max + 1, 0, &size, err);
    env->files->close(env, file);
    if (status == WK_OK && size > max)
        return wk_fail(err, WK_TOO_LARGE, "it has more than %zu bytes", max);
    if (status == WK_OK)
        *out_size = size;
    return status;
}

enum wk_status wk_small_file_read(struct wk_env *env, const char *path, void *to, size_t max,
                                  size_t *out_size, struct wk_error *err) {
    char shown[256];
    enum wk_status status = read_all(env, path, to, max, out_size, err);
    if (status == WK_OK)
        return WK_OK;
    wk_quote(wk_span_text(path), shown, sizeof shown);
    if (status == WK_MISS)
        return wk_fail(err, status, "%s is not there", shown);
    wk_error_prefix(err, "%s", shown);
    return status;
}
