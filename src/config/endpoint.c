/* SPDX-License-Identifier: Apache-2.0 */
/* Splits at the marks that the grammar has, left to right, and checks each part. */
#include "config/endpoint.h"

#include "base/mark.h"
#include "base/text.h"

static bool starts_with(struct wk_span text, const char *prefix) {
    size_t length = strlen(prefix);
    return text.size >= length && wk_equal_ignoring_case(wk_span(text.data, length), prefix);
}

static struct wk_span after(struct wk_span text, size_t count) {
    return wk_span(text.data + count, text.size - count);
}

/* Position of the first `c`, or the size. */
static size_t find(struct wk_span text, char c) {
    size_t at = 0;
    while (at < text.size && text.data[at] != (uint8_t)c)
        at++;
    return at;
}

/* ---- numeric addresses ---------------------------------------------------------------------- */

/* Four decimal parts without leading zeros: nothing that a resolver might read as octal. */
static bool parse_ipv4(struct wk_span text, uint8_t out[4]) {
    for (int part = 0; part < 4; part++) {
        size_t length = part < 3 ? find(text, '.') : text.size;
        struct wk_span digits = wk_span(text.data, length);
        uint64_t value;
        if (length == 0 || length > 3 || !wk_parse_u64(digits, &value) || value > 255)
            return false;
        if (length > 1 && digits.data[0] == '0')
            return false;
        out[part] = (uint8_t)value;
        if (part < 3) {
            if (length == text.size)
                return false;
            text = after(text, length + 1);
        }
    }
    return true;
}

/* One to four hex digits. */
static bool parse_group(struct wk_span text, uint16_t *out) {
    char padded[4] = {'0', '0', '0', '0'};
    uint8_t bytes[2];
    if (text.size == 0 || text.size > 4)
        return false;
    memcpy(padded + 4 - text.size, text.data, text.size);
    if (!wk_hex_decode(wk_span(padded, 4), bytes, NULL))
        return false;
    *out = (uint16_t)(bytes[0] << 8 | bytes[1]);
    return true;
}

/*
 * Groups of one side of "::", or of the whole address; the last may be an IPv4 address. Returns how
 * many were written, or 9 when the text is malformed.
 */
static size_t parse_groups(struct wk_span text, bool last_side, uint16_t groups[8]) {
    size_t count = 0;
    if (text.size == 0)
        return 0;
    for (;;) {
        size_t length = find(text, ':');
        struct wk_span one = wk_span(text.data, length);
        uint8_t ipv4[4];
        if (last_side && length == text.size && count <= 6 && parse_ipv4(one, ipv4)) {
            groups[count++] = (uint16_t)(ipv4[0] << 8 | ipv4[1]);
            groups[count++] = (uint16_t)(ipv4[2] << 8 | ipv4[3]);
            return count;
        }
        if (count == 8 || !parse_group(one, &groups[count]))
            return 9;
        count++;
        if (length == text.size)
            return count;
        text = after(text, length + 1);
    }
}

static bool parse_ipv6(struct wk_span text, uint16_t out[8]) {
    size_t gap = 0;
    while (gap + 1 < text.size && (text.data[gap] != ':' || text.data[gap + 1] != ':'))
        gap++;
    bool has_gap = gap + 1 < text.size;
    uint16_t left[8];
    uint16_t right[8];
    struct wk_span left_text = has_gap ? wk_span(text.data, gap) : text;
    size_t left_count = parse_groups(left_text, !has_gap, left);
    size_t right_count = has_gap ? parse_groups(after(text, gap + 2), true, right) : 0;
    size_t count = left_count + right_count;
    size_t most = WK_PLANTED(101) ? 8 : 7;
    if (has_gap ? count > most : count != 8)
        return false;
    memset(out, 0, 8 * sizeof out[0]);
    memcpy(out, left, left_count * sizeof out[0]);
    memcpy(out + 8 - right_count, right, right_count * sizeof out[0]);
    return true;
}

static bool ipv6_is_loopback(const uint16_t groups[8]) {
    for (int i = 0; i < 5; i++) {
        if (groups[i] != 0)
            return false;
    }
    if (groups[5] == 0xffff)
        return groups[6] >> 8 == 127; /* ::ffff:127.0.0.0/104 */
    return groups[5] == 0 && groups[6] == 0 && groups[7] == 1;
}

bool wk_host_is_loopback(const struct wk_host_port *at) {
    struct wk_span host = wk_span_text(at->host);
    uint16_t groups[8];
    uint8_t ipv4[4];
    if (at->is_ipv6)
        return parse_ipv6(host, groups) && ipv6_is_loopback(groups);
    if (parse_ipv4(host, ipv4))
        return ipv4[0] == 127;
    return wk_equal_ignoring_case(host, "localhost");
}

/* ---- host and port -------------------------------------------------------------------------- */

static enum wk_status refuse(struct wk_span text, const char *why, struct wk_error *err) {
    char shown[256];
    wk_quote(text, shown, sizeof shown);
    return wk_fail(err, WK_INVALID, "%s: %s", shown, why);
}

static bool host_character(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

/* A name or an IPv4 address. NULL when it is good. */
static const char *check_name(struct wk_span host) {
    if (host.size == 0)
        return "the host is missing";
    if (host.size > WK_HOST_BYTES_MAX)
        return "the host is longer than 253 characters";
    for (size_t i = 0; i < host.size; i++) {
        if (!host_character(host.data[i]))
            return "the host may have letters, digits, '-', '.' and '_' only; an IPv6 address "
                   "stands in brackets";
    }
    return NULL;
}

/* "[v6]" or a name, cut off the front of `*rest`. NULL when it is good. */
static const char *take_host(struct wk_span *rest, struct wk_host_port *out) {
    struct wk_span host;
    uint16_t groups[8];
    out->is_ipv6 = rest->size > 0 && rest->data[0] == '[';
    if (out->is_ipv6) {
        size_t end = find(*rest, ']');
        if (end == rest->size)
            return "the bracket of the IPv6 address is not closed";
        host = wk_span(rest->data + 1, end - 1);
        if (!parse_ipv6(host, groups))
            return "between the brackets is no IPv6 address";
        *rest = after(*rest, end + 1);
    } else {
        size_t end = find(*rest, ':');
        host = wk_span(rest->data, end);
        const char *wrong = check_name(host);
        if (wrong != NULL)
            return wrong;
        *rest = after(*rest, end);
    }
    memcpy(out->host, host.data, host.size);
    out->host[host.size] = 0;
    return NULL;
}

/* `default_port` 0: the port must be there. NULL when it is good. */
static const char *parse_authority(struct wk_span text, uint16_t default_port, uint16_t lowest_port,
                                   struct wk_host_port *out) {
    struct wk_span rest = text;
    const char *wrong = take_host(&rest, out);
    if (wrong != NULL)
        return wrong;
    out->port = default_port;
    if (rest.size == 0)
        return default_port == 0 ? "the port is missing; expected host:port" : NULL;
    uint64_t port;
    if (rest.data[0] != ':' || !wk_parse_u64(after(rest, 1), &port) || port < lowest_port ||
        port > 65535)
        return lowest_port == 0 ? "the port is not a number from 0 to 65535"
                                : "the port is not a number from 1 to 65535";
    out->port = (uint16_t)port;
    return NULL;
}

static enum wk_status parse_address(struct wk_span text, uint16_t lowest_port,
                                    struct wk_host_port *out, struct wk_error *err) {
    struct wk_host_port parsed;
    const char *wrong = parse_authority(text, 0, lowest_port, &parsed);
    if (wrong != NULL)
        return refuse(text, wrong, err);
    *out = parsed;
    return WK_OK;
}

enum wk_status wk_host_port_parse(struct wk_span text, struct wk_host_port *out,
                                  struct wk_error *err) {
    return parse_address(text, 1, out, err);
}

enum wk_status wk_listen_address_parse(struct wk_span text, struct wk_host_port *out,
                                       struct wk_error *err) {
    return parse_address(text, 0, out, err);
}

/* ---- endpoints ------------------------------------------------------------------------------ */

static enum wk_status parse_file(struct wk_span text, struct wk_endpoint *out,
                                 struct wk_error *err) {
    struct wk_span path = after(text, strlen("file://"));
    if (path.size == 0 || path.data[0] != '/')
        return refuse(text, "the directory must be absolute: file:///absolute/dir", err);
    if (find(path, '\0') != path.size)
        return refuse(text, "the directory has a NUL byte in it", err);
    out->kind = WK_ENDPOINT_FILE;
    out->path = path;
    return WK_OK;
}

enum wk_status wk_endpoint_parse(struct wk_span text, struct wk_endpoint *out,
                                 struct wk_error *err) {
    struct wk_endpoint parsed;
    memset(&parsed, 0, sizeof parsed);
    /* Not shown, because what stands before the '@' may be a password (SET-8). */
    if (!starts_with(text, "file://") && find(text, '@') != text.size)
        return wk_fail(err, WK_INVALID,
                       "an endpoint has no place for a user or a password (an '@' is in it); use "
                       "WMBT_KV_S3_ACCESS_KEY and WMBT_KV_S3_SECRET_KEY");
    if (text.size >= 7 && memcmp(text.data, "file://", 7) == 0) {
        enum wk_status status = parse_file(text, &parsed, err);
        if (status == WK_OK)
            *out = parsed;
        return status;
    }
    bool tls = starts_with(text, "https://");
    if (!tls && !starts_with(text, "http://"))
        return refuse(text, "expected http://, https:// or file:///absolute/dir", err);
    parsed.kind = tls ? WK_ENDPOINT_HTTPS : WK_ENDPOINT_HTTP;
    struct wk_span rest = after(text, tls ? strlen("https://") : strlen("http://"));
    size_t end = find(rest, '/');
    if (rest.size - end > (WK_PLANTED(102) ? 2 : 1))
        return refuse(text, "a path after the host is not supported", err);
    const char *wrong = parse_authority(wk_span(rest.data, end), tls ? 443 : 80, 1, &parsed.at);
    if (wrong != NULL)
        return refuse(text, wrong, err);
    *out = parsed;
    return WK_OK;
}
