/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error numbers as classes and words. The words are here because strerror depends on the locale
 * and on the C library, and an error text should be the same text wherever it is searched for.
 */
#include "env/posix/posix.h"

#include <errno.h>

#include "base/text.h"

/* number, class, words */
#define ERRNO_MAP(X)                                                                               \
    X(EACCES, DENIED, "Permission denied")                                                         \
    X(EPERM, DENIED, "Operation not permitted")                                                    \
    X(EROFS, DENIED, "Read-only file system")                                                      \
    X(ELOOP, DENIED, "Is a symbolic link, which is never followed")                                \
    X(ENOENT, MISS, "No such file or directory")                                                   \
    X(ESRCH, MISS, "No such process")                                                              \
    X(EEXIST, CONFLICT, "File exists")                                                             \
    X(ENOTEMPTY, CONFLICT, "Directory not empty")                                                  \
    X(EBUSY, CONFLICT, "Device or resource busy")                                                  \
    X(ETXTBSY, CONFLICT, "Text file busy")                                                         \
    X(ENOSPC, NO_SPACE, "No space left on device")                                                 \
    X(EDQUOT, NO_SPACE, "Disk quota exceeded")                                                     \
    X(EFBIG, NO_SPACE, "File too large for this process or file system")                           \
    X(ENOMEM, NO_MEMORY, "Cannot allocate memory")                                                 \
    X(ENAMETOOLONG, INVALID, "File name too long")                                                 \
    X(EINVAL, INVALID, "Invalid argument")                                                         \
    X(EISDIR, INVALID, "Is a directory")                                                           \
    X(ENOTDIR, INVALID, "Not a directory")                                                         \
    X(EXDEV, INVALID, "On another file system")                                                    \
    X(ENXIO, INVALID, "Not a regular file")                                                        \
    X(EMLINK, UNAVAILABLE, "Too many links")                                                       \
    X(EMFILE, UNAVAILABLE, "Too many open files in this process")                                  \
    X(ENFILE, UNAVAILABLE, "Too many open files in the system")                                    \
    X(EAGAIN, UNAVAILABLE, "Resource temporarily unavailable")                                     \
    X(ENOLCK, UNAVAILABLE, "No locks available")                                                   \
    X(EIO, UNAVAILABLE, "Input/output error")                                                      \
    X(ENODEV, UNAVAILABLE, "No such device")                                                       \
    X(ESTALE, UNAVAILABLE, "Stale file handle")                                                    \
    X(ENOSYS, UNAVAILABLE, "Not implemented by this system")                                       \
    X(EOPNOTSUPP, UNAVAILABLE, "Not supported by this file system")                                \
    X(EADDRINUSE, CONFLICT, "Address already in use")                                              \
    X(EADDRNOTAVAIL, INVALID, "Not an address of this host")                                       \
    X(ECONNREFUSED, UNAVAILABLE, "Connection refused")                                             \
    X(ECONNRESET, UNAVAILABLE, "Connection reset by peer")                                         \
    X(EPIPE, UNAVAILABLE, "Closed by the peer")                                                    \
    X(EHOSTUNREACH, UNAVAILABLE, "No route to host")                                               \
    X(ENETUNREACH, UNAVAILABLE, "Network is unreachable")                                          \
    X(ETIMEDOUT, TIMEOUT, "Timed out")                                                             \
    X(EBADF, INTERNAL, "Bad file descriptor")                                                      \
    X(EFAULT, INTERNAL, "Bad address")

static const struct {
    int code;
    enum wk_status status;
    const char *name;
    const char *words;
} table[] = {
#define ERRNO_ROW(code, status, words) {code, WK_##status, #code, words},
    ERRNO_MAP(ERRNO_ROW)
#undef ERRNO_ROW
};

enum wk_status wk_posix_fail_as(struct wk_error *err, enum wk_status status, const char *what,
                                const char *name, const char *words) {
    if (err == NULL)
        return status;
    if (name == NULL)
        return wk_fail(err, status, "%s: %s", what, words);
    char quoted[WK_ERROR_TEXT_BYTES / 2];
    wk_quote(wk_span_text(name), quoted, sizeof quoted);
    return wk_fail(err, status, "%s %s: %s", what, quoted, words);
}

enum wk_status wk_posix_fail(struct wk_error *err, int code, const char *what, const char *name) {
    enum wk_status status = WK_UNAVAILABLE;
    char words[96];
    wk_format(words, sizeof words, "error %d of the system", code);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].code != code)
            continue;
        status = table[i].status;
        wk_format(words, sizeof words, "%s (%s)", table[i].words, table[i].name);
    }
    return wk_posix_fail_as(err, status, what, name, words);
}
