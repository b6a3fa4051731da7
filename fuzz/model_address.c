/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints and addresses: two regular expressions, and inet_pton for what is numeric. The names of
 * hosts and the forms of endpoints are those of config/endpoint.h.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model.h"

/* Group 2: an IPv6 address, 3: a name, 5: a port. */
#define AUTHORITY "(\\[([^]]*)\\]|([A-Za-z0-9._-]+))(:([0-9]+))?"

static regex_t authority;
static regex_t endpoint;

static void compile_once(void) {
    static bool done;
    if (done)
        return;
    if (regcomp(&authority, "^" AUTHORITY "$", REG_EXTENDED) != 0 ||
        regcomp(&endpoint, "^([Hh][Tt][Tt][Pp][Ss]?)://(.*[^/])/?$", REG_EXTENDED) != 0)
        abort();
    done = true;
}

/* False when the text cannot be a C string; no address has a NUL byte or that many bytes. */
static bool to_string(struct wk_span text, char to[MODEL_TEXT_BYTES]) {
    if (text.size >= MODEL_TEXT_BYTES || (text.size > 0 && memchr(text.data, 0, text.size) != NULL))
        return false;
    if (text.size > 0)
        memcpy(to, text.data, text.size);
    to[text.size] = 0;
    return true;
}

static struct wk_span group(const char *text, regmatch_t match) {
    if (match.rm_so < 0)
        return wk_span("", 0);
    return wk_span(text + match.rm_so, (size_t)(match.rm_eo - match.rm_so));
}

static bool is_loopback(const struct model_address *at) {
    struct in6_addr six;
    struct in_addr four;
    if (at->is_ipv6)
        return inet_pton(AF_INET6, at->host, &six) == 1 &&
               (IN6_IS_ADDR_LOOPBACK(&six) ||
                (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127));
    if (inet_pton(AF_INET, at->host, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return strcasecmp(at->host, "localhost") == 0;
}

bool model_host_port(struct wk_span text, bool may_lack_port, struct model_address *out) {
    compile_once();
    char string[MODEL_TEXT_BYTES];
    regmatch_t match[6];
    memset(out, 0, sizeof *out);
    if (!to_string(text, string) || regexec(&authority, string, 6, match, 0) != 0)
        return false;
    out->is_ipv6 = match[2].rm_so >= 0;
    struct wk_span host = group(string, match[out->is_ipv6 ? 2 : 3]);
    if (host.size > 253)
        return false;
    memcpy(out->host, host.data, host.size);
    struct in6_addr six;
    if (out->is_ipv6 && inet_pton(AF_INET6, out->host, &six) != 1)
        return false;
    out->loopback = is_loopback(out);
    if (match[5].rm_so < 0)
        return may_lack_port;
    uint64_t port;
    if (!model_decimal(group(string, match[5]), 65535, &port) || port == 0)
        return false;
    out->port = (unsigned)port;
    return true;
}

enum model_endpoint model_endpoint(struct wk_span text, struct model_address *out,
                                   struct wk_span *path) {
    compile_once();
    char string[MODEL_TEXT_BYTES];
    regmatch_t match[3];
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL)
        return MODEL_NO_ENDPOINT;
    if (model_begins(text, "file:///")) {
        *path = wk_span(text.data + 7, text.size - 7);
        return MODEL_FILE;
    }
    if (!to_string(text, string) || regexec(&endpoint, string, 3, match, 0) != 0 ||
        !model_host_port(group(string, match[2]), true, out))
        return MODEL_NO_ENDPOINT;
    bool tls = match[1].rm_eo == 5;
    if (out->port == 0)
        out->port = tls ? 443 : 80;
    return tls ? MODEL_HTTPS : MODEL_HTTP;
}
