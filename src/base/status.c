/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"

const char *wk_status_name(enum wk_status status) {
    switch (status) {
    case WK_OK:
        return "ok";
    case WK_MISS:
        return "miss";
    case WK_INVALID:
        return "invalid";
    case WK_CORRUPT:
        return "corrupt";
    case WK_TOO_LARGE:
        return "too_large";
    case WK_TIMEOUT:
        return "timeout";
    case WK_UNAVAILABLE:
        return "unavailable";
    case WK_DENIED:
        return "denied";
    case WK_NO_SPACE:
        return "no_space";
    case WK_NO_MEMORY:
        return "no_memory";
    case WK_CONFLICT:
        return "conflict";
    case WK_INTERNAL:
    case WK_STATUS_COUNT:
        break;
    }
    return "internal";
}

const char *wk_status_text(enum wk_status status) {
    switch (status) {
#define WK_STATUS_CASE(name, text)                                                                 \
    case WK_##name:                                                                                \
        return text;
        WK_STATUS_MAP(WK_STATUS_CASE)
#undef WK_STATUS_CASE
    case WK_STATUS_COUNT:
        break;
    }
    return "internal error";
}

void wk_error_clear(struct wk_error *err) {
    if (err == NULL)
        return;
    err->status = WK_OK;
    err->length = 0;
    err->text[0] = 0;
}

/* A cut text ends in "..." so that the reader knows. */
static void finish(struct wk_error *err, size_t length, bool cut) {
    if (cut)
        memcpy(err->text + WK_ERROR_TEXT_BYTES - 4, "...", 4);
    err->length = (uint32_t)length;
}

enum wk_status wk_fail(struct wk_error *err, enum wk_status status, const char *format, ...) {
    if (err == NULL)
        return status;
    va_list args;
    va_start(args, format);
    size_t length = wk_format_list(err->text, sizeof err->text, format, args);
    va_end(args);
    err->status = status;
    finish(err, length, length == sizeof err->text - 1);
    return status;
}

void wk_error_prefix(struct wk_error *err, const char *format, ...) {
    if (err == NULL)
        return;
    char prefix[WK_ERROR_TEXT_BYTES / 4];
    va_list args;
    va_start(args, format);
    size_t length = wk_format_list(prefix, sizeof prefix - 2, format, args);
    va_end(args);
    memcpy(prefix + length, ": ", 2);
    length += 2;
    size_t kept = err->length;
    bool cut = kept > sizeof err->text - 1 - length;
    if (cut)
        kept = sizeof err->text - 1 - length;
    memmove(err->text + length, err->text, kept);
    memcpy(err->text, prefix, length);
    err->text[length + kept] = 0;
    finish(err, length + kept, cut);
}
