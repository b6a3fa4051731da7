/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where something is: endpoints of object stores and addresses of daemons, from text.
 *
 *   file:///absolute/dir      http://host[:port][/]      https://host[:port][/]
 *   host:port      127.0.0.1:80      [::1]:80
 *
 * Pure functions; nothing is resolved. A failure names the text and what was expected.
 */
#ifndef WK_CONFIG_ENDPOINT_H
#define WK_CONFIG_ENDPOINT_H

#include "base/span.h"
#include "base/status.h"

#define WK_HOST_BYTES_MAX 253u /* a DNS name */

struct wk_host_port {
    char host[WK_HOST_BYTES_MAX + 1]; /* an IPv6 address without its brackets */
    uint16_t port;
    bool is_ipv6;
};

enum wk_endpoint_kind { WK_ENDPOINT_FILE, WK_ENDPOINT_HTTP, WK_ENDPOINT_HTTPS };

struct wk_endpoint {
    enum wk_endpoint_kind kind;
    struct wk_host_port at; /* HTTP, HTTPS; port 80 or 443 when none is written */
    struct wk_span path;    /* FILE: the absolute directory, inside the text that was parsed */
};

WK_MUST_CHECK enum wk_status wk_endpoint_parse(struct wk_span text, struct wk_endpoint *out,
                                               struct wk_error *err);

/* "host:port" with both parts, for a daemon. */
WK_MUST_CHECK enum wk_status wk_host_port_parse(struct wk_span text, struct wk_host_port *out,
                                                struct wk_error *err);

/* The same for an address to listen on, where port 0 means any. */
WK_MUST_CHECK enum wk_status wk_listen_address_parse(struct wk_span text, struct wk_host_port *out,
                                                     struct wk_error *err);

/*
 * "localhost" in any case, an IPv4 address in 127.0.0.0/8 in its four-part decimal form, or an IPv6
 * address that is ::1 or maps such an IPv4 address. Everything else is not: no substring counts.
 */
bool wk_host_is_loopback(const struct wk_host_port *at);

#endif
