/* SPDX-License-Identifier: Apache-2.0 */
#include "config/secret_file.h"

#include "base/text.h"
#include "config/small_file.h"

void wk_secret_wipe(struct wk_secret *secret) {
    volatile char *bytes = secret->text;
    for (size_t i = 0; i < sizeof secret->text; i++)
        bytes[i] = 0;
    secret->size = 0;
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
    enum wk_status status =
        wk_small_file_read(env, path, out->text, WK_SECRET_BYTES_MAX, &out->size, err);
    if (status != WK_OK)
        return status;
    status = trim(out, err);
    if (status == WK_OK)
        return WK_OK;
    wk_secret_wipe(out);
    wk_quote(wk_span_text(path), shown, sizeof shown);
    wk_error_prefix(err, "%s", shown);
    return status;
}
