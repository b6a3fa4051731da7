/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statuses and error text.
 *
 * Every function that can fail returns one of few classes, which the caller may switch on, and
 * writes the sentence a person reads into the caller's `struct wk_error`, once, at the place where
 * the cause is known. Layers above pass the error on; they do not rewrite it.
 *
 * `err` may be NULL everywhere. A miss is an answer, not an error: it carries no text.
 */
#ifndef WK_BASE_STATUS_H
#define WK_BASE_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

/* name, text that stands alone when no better one was written */
#define WK_STATUS_MAP(X)                                                                           \
    X(OK, "ok")                                                                                    \
    X(MISS, "not there")                                                                           \
    X(INVALID, "invalid argument")                                                                 \
    X(CORRUPT, "stored or received bytes are damaged")                                             \
    X(TOO_LARGE, "over a size limit")                                                              \
    X(TIMEOUT, "no progress before the deadline")                                                  \
    X(UNAVAILABLE, "not available now")                                                            \
    X(DENIED, "access denied")                                                                     \
    X(NO_SPACE, "no space left")                                                                   \
    X(NO_MEMORY, "no memory left")                                                                 \
    X(CONFLICT, "changed by somebody else meanwhile")                                              \
    X(INTERNAL, "internal error")

enum wk_status {
#define WK_STATUS_ENUM(name, text) WK_##name,
    WK_STATUS_MAP(WK_STATUS_ENUM)
#undef WK_STATUS_ENUM
        WK_STATUS_COUNT
};

#define WK_MUST_CHECK       __attribute__((warn_unused_result))
#define WK_PRINTF(at, args) __attribute__((format(printf, at, args)))

struct wk_error {
    enum wk_status status;
    uint32_t length;                /* of text, without the terminator */
    char text[WK_ERROR_TEXT_BYTES]; /* UTF-8, always terminated; a longer text is cut with "..." */
};

/* The class as a lower-case word ("too_large") and as a sentence. Never NULL. */
const char *wk_status_name(enum wk_status status);
const char *wk_status_text(enum wk_status status);

void wk_error_clear(struct wk_error *err);

/*
 * Writes the text and returns `status`, so that the one line `return wk_fail(err, ...)` is the
 * whole error path of a leaf. Formats as wk_format() does (text.h): integers and strings only.
 */
enum wk_status wk_fail(struct wk_error *err, enum wk_status status, const char *format, ...)
    WK_PRINTF(3, 4);

/* Puts "<prefix>: " before the text that is there; for a layer that knows whose failure it was. */
void wk_error_prefix(struct wk_error *err, const char *format, ...) WK_PRINTF(2, 3);

#endif
