/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of wire errors. Those of the first eight kinds are the reference's, letter by letter:
 * people and tools search logs for them. */
#include "codec/wire_error.h"

#include "base/num.h"
#include "base/text.h"
#include "base/utf8.h"
#include "codec/segment_name.h"

/* A magic of 17 bytes as a list of decimal numbers, and then some. */
#define LIST_BYTES 128u

/* "[87, 77, 66]", as Rust prints bytes; a list that does not fit ends in "...". */
static void print_list(struct wk_span bytes, char to[LIST_BYTES]) {
    size_t at = wk_format(to, LIST_BYTES, "[");
    for (size_t i = 0; i < bytes.size; i++) {
        if (at > LIST_BYTES - 10) {
            at += wk_format(to + at, LIST_BYTES - at, "...");
            break;
        }
        at += wk_format(to + at, LIST_BYTES - at, i == 0 ? "%u" : ", %u", bytes.data[i]);
    }
    wk_format(to + at, LIST_BYTES - at, "]");
}

const char *wk_archive_check_name(enum wk_archive_check check) {
    switch (check) {
    case WK_ARCHIVE_BOUNDS:
        return "bounds";
    case WK_ARCHIVE_ALIGN:
        return "align";
    case WK_ARCHIVE_SHORT:
        return "short";
    case WK_ARCHIVE_UTF8:
        return "utf8";
    case WK_ARCHIVE_TAG:
        return "tag";
    }
    return "unknown";
}

static enum wk_status fail_magic(struct wk_error *err, const struct wk_wire_error *e) {
    char expected[LIST_BYTES];
    char found[LIST_BYTES];
    print_list(e->expected, expected);
    print_list(e->found, found);
    return wk_fail(err, WK_CORRUPT, "%s: bad magic; expected %s got first %zu bytes %s", e->what,
                   expected, e->found.size, found);
}

static enum wk_status fail_utf8(struct wk_error *err, const struct wk_wire_error *e) {
    size_t bad = wk_utf8_fault_bytes(e->found);
    if (bad == 0)
        return wk_fail(err, WK_CORRUPT, "%s: utf8: incomplete utf-8 byte sequence from index %llu",
                       e->what, (unsigned long long)e->at);
    return wk_fail(err, WK_CORRUPT, "%s: utf8: invalid utf-8 sequence of %zu bytes from index %llu",
                   e->what, bad, (unsigned long long)e->at);
}

/* The reference calls its ring's crates by name, and so do we, because the text is its. */
static enum wk_status fail_name(struct wk_error *err, const struct wk_wire_error *e) {
    size_t fixed = strlen(WK_SEGMENT_WRAPPER) + 1 + WK_SEGMENT_SUFFIX_BYTES;
    int shown = (int)wk_min_u64(e->found.size, WK_ERROR_TEXT_BYTES);
    const char *prefix = (const char *)e->found.data;
    return wk_fail(
        err, WK_INVALID,
        "wombatkv: SHM segment '%s%.*s%c%s' (%zu chars) exceeds the macOS POSIX-SHM budget of %u "
        "chars. Shorten the daemon prefix '%.*s' (%zu chars) to at most %zu chars. The internal "
        "disruptor-mp segments add up to %u chars of suffix ('%s' is the longest); the wombatkv "
        "wrapper adds '%s' + 1-char role. For strict cross-platform portability (Linux, FreeBSD), "
        "see `myelon::portable_shm_segment_name`, recommends total name ≤ %u chars.",
        WK_SEGMENT_WRAPPER, shown, prefix, WK_SEGMENT_ROLE_REQ, WK_SEGMENT_SUFFIX,
        e->found.size + fixed, WK_SEGMENT_NAME_BYTES_MAX, shown, prefix, e->found.size,
        WK_SEGMENT_NAME_BYTES_MAX - fixed, WK_SEGMENT_SUFFIX_BYTES, WK_SEGMENT_SUFFIX,
        WK_SEGMENT_WRAPPER, WK_SEGMENT_PORTABLE_BYTES);
}

static enum wk_status fail_syntax(struct wk_error *err, const struct wk_wire_error *e) {
    if (e->found.size == 0)
        return wk_fail(err, WK_CORRUPT, "%s: at byte %llu: %s", e->what, (unsigned long long)e->at,
                       e->detail);
    char quoted[128];
    wk_quote(e->found, quoted, sizeof quoted);
    return wk_fail(err, WK_CORRUPT, "%s: at byte %llu: %s: %s", e->what, (unsigned long long)e->at,
                   e->detail, quoted);
}

enum wk_status wk_wire_fail(struct wk_error *err, const struct wk_wire_error *e) {
    unsigned long long needed = e->needed;
    unsigned long long at = e->at;
    unsigned long long got = e->got;
    switch (e->kind) {
    case WK_WIRE_TRUNCATED:
        return wk_fail(err, WK_CORRUPT,
                       "%s truncated: need %llu bytes at offset %llu, payload is %llu", e->what,
                       needed, at, got);
    case WK_WIRE_BAD_MAGIC:
        return fail_magic(err, e);
    case WK_WIRE_LENGTH_OVERFLOW:
        return wk_fail(err, WK_CORRUPT, "%s: length overflow", e->what);
    case WK_WIRE_TRAILING_BYTES:
        return wk_fail(err, WK_CORRUPT, "%s: trailing bytes (%llu unread)", e->what, got);
    case WK_WIRE_BODY_LENGTH_MISMATCH:
        return wk_fail(err, WK_CORRUPT, "%s: body length mismatch (claimed=%llu, actual=%llu)",
                       e->what, needed, got);
    case WK_WIRE_UTF8:
        return fail_utf8(err, e);
    case WK_WIRE_ARCHIVE:
        return wk_fail(err, WK_CORRUPT, "%s: rkyv: check \"%s\" fails at byte %llu", e->what,
                       wk_archive_check_name(e->check), at);
    case WK_WIRE_NAME_BUDGET:
        return fail_name(err, e);
    case WK_WIRE_VERSION:
        return wk_fail(err, WK_CORRUPT, "%s: version %llu at byte %llu, only %llu is spoken here",
                       e->what, got, at, needed);
    case WK_WIRE_CHECKSUM:
        return wk_fail(err, WK_CORRUPT, "%s: CRC32C is %08llx, %08llx is stated at byte %llu",
                       e->what, got, needed, at);
    case WK_WIRE_TOO_LARGE:
        return wk_fail(err, WK_TOO_LARGE, "%s: %llu at byte %llu is over the limit of %llu",
                       e->what, got, at, needed);
    case WK_WIRE_SYNTAX:
        return fail_syntax(err, e);
    case WK_WIRE_OK:
        break;
    }
    return wk_fail(err, WK_INTERNAL, "a decoder failed and named no fault");
}
