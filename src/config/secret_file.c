/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret_file.h"

#include "base/text.h"

void wk_secret_wipe(struct wk_secret *secret) {
    volatile char *bytes = secret->text;
    for (size_t i = 0; i < sizeof secret->text; i++)
        bytes[i] = 0;
    secret->size = 0;
}

/* The directory of an absolute path, opened, and the name in it. */
static enum wk_status open_parent(struct wk_env *env, const char *path, struct wk_dir **dir,
                                  const char **name, struct wk_error *err) {
    char parent[WK_VAR_BYTES_MAX + 1];
    const char *slash = strrchr(path, '/');
    size_t size = strlen(path);
    if (path[0] != '/' || slash[1] == 0 || size > WK_VAR_BYTES_MAX)
        return wk_fail(err, WK_INVALID, "want the absolute path of a file");
    size_t length = slash == path ? 1 : (size_t)(slash - path);
    memcpy(parent, path, length);
    parent[length] = 0;
    *name = slash + 1;
    return env->files->dir_open(env, NULL, parent, WK_OPEN_READ, dir, err);
}

static enum wk_status read_all(struct wk_env *env, const char *path, struct wk_secret *out,
                               struct wk_error *err) {
    struct wk_dir *dir;
    struct wk_file *file;
    const char *name;
    enum wk_status status = open_parent(env, path, &dir, &name, err);
    if (status != WK_OK)
        return status;
    status = env->files->open(env, dir, name, WK_OPEN_READ, &file, err);
    env->files->dir_close(env, dir);
    if (status != WK_OK)
        return status;
    status = env->files->pread(env, file, out->text, sizeof out->text, 0, &out->size, err);
    env->files->close(env, file);
    if (status == WK_OK && out->size == sizeof out->text)
        return wk_fail(err, WK_TOO_LARGE, "it has more than %u bytes", WK_SECRET_BYTES_MAX);
    return status;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum wk_status trim(struct wk_secret *s, struct wk_error *err) {
    size_t from = 0;
    while (from < s->size && is_space(s->text[from]))
        from++;
    while (s->size > from && is_space(s->text[s->size - 1]))
        s->size--;
    s->size -= from;
    memmove(s->text, s->text + from, s->size);
    if (s->size == 0)
        return wk_fail(err, WK_INVALID, "it is empty");
    for (size_t i = 0; i < s->size; i++) {
        if ((unsigned char)s->text[i] < 0x20 || s->text[i] == 0x7f)
            return wk_fail(err, WK_INVALID, "it holds more than one line, or control bytes");
    }
    return WK_OK;
}

enum wk_status wk_secret_file_read(struct wk_env *env, const char *path, struct wk_secret *out,
                                   struct wk_error *err) {
    char shown[256];
    out->size = 0;
    enum wk_status status = read_all(env, path, out, err);
    if (status == WK_OK)
        status = trim(out, err);
    if (status == WK_OK)
        return WK_OK;
    wk_secret_wipe(out);
    wk_quote(wk_span_text(path), shown, sizeof shown);
    if (status == WK_MISS)
        return wk_fail(err, status, "%s is not there", shown);
    wk_error_prefix(err, "%s", shown);
    return status;
}
