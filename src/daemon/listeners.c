/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/listeners.h"

#include "base/text.h"

#define RESOLVE_NS (10ull * WK_NS_PER_S)

static const char *transport_name(enum wk_rpc_transport transport) {
    return transport == WK_RPC_TCP ? "tcp" : "http";
}

/* ---- finding --------------------------------------------------------------------------------- */

struct find {
    struct wk_env *env;
    const struct wk_settings *settings;
    bool has_tokens;
    struct wk_listeners *out;
    struct wk_error *err;
};

static enum wk_status check_exposure(struct find *f, const struct wk_listener *l) {
    bool guarded = f->has_tokens || f->settings->daemon_tls_client_ca[0] != 0;
    bool allowed = guarded || f->settings->allow_unauthenticated != 0;
    if (allowed || f->env->net->is_loopback(f->env, &l->address))
        return WK_OK;
    return wk_fail(f->err, WK_DENIED,
                   "it is not a loopback address, and nobody would have to say who they are: give "
                   "--auth-file or --tls-client-ca, or --allow-unauthenticated");
}

static enum wk_status resolve(struct find *f, struct wk_listener *l) {
    struct wk_host_port at;
    size_t count = 0;
    enum wk_status status = wk_listen_address_parse(wk_span_text(l->text), &at, f->err);
    if (status != WK_OK)
        return status;
    uint64_t deadline_ns = wk_now_ns(f->env) + RESOLVE_NS;
    status =
        f->env->net->resolve(f->env, at.host, at.port, deadline_ns, &l->address, 1, &count, f->err);
    return status == WK_OK ? check_exposure(f, l) : status;
}

static struct wk_span trim(struct wk_span text) {
    while (text.size > 0 && text.data[0] == ' ')
        text = wk_span(text.data + 1, text.size - 1);
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

static enum wk_status add(struct find *f, enum wk_rpc_transport transport, struct wk_span text) {
    if (f->out->count == WK_LISTENERS_MAX)
        return wk_fail(f->err, WK_INVALID, "more than %u addresses to listen on", WK_LISTENERS_MAX);
    struct wk_listener *l = &f->out->list[f->out->count];
    if (text.size >= sizeof l->text)
        return wk_fail(f->err, WK_INVALID, "an address to listen on is longer than %zu bytes",
                       sizeof l->text - 1);
    memset(l, 0, sizeof *l);
    l->transport = transport;
    memcpy(l->text, text.data, text.size);
    enum wk_status status = resolve(f, l);
    if (status == WK_OK)
        f->out->count++;
    else
        wk_error_prefix(f->err, "%s %s", transport_name(transport), l->text);
    return status;
}

/* Commas between; empty parts are skipped. */
static enum wk_status add_list(struct find *f, enum wk_rpc_transport transport, const char *list) {
    enum wk_status status = WK_OK;
    for (const char *at = list; status == WK_OK && *at != 0;) {
        size_t size = strlen(at);
        const char *comma = strchr(at, ',');
        size_t part = comma == NULL ? size : (size_t)(comma - at);
        struct wk_span text = trim(wk_span(at, part));
        if (text.size > 0)
            status = add(f, transport, text);
        at += comma == NULL ? size : part + 1;
    }
    return status;
}

enum wk_status wk_listeners_find(struct wk_env *env, const struct wk_settings *settings,
                                 bool has_tokens, struct wk_listeners *out, struct wk_error *err) {
    struct find f = {env, settings, has_tokens, out, err};
    out->count = 0;
    enum wk_status status = add_list(&f, WK_RPC_TCP, settings->listen_tcp);
    if (status == WK_OK)
        status = add_list(&f, WK_RPC_HTTP, settings->listen_http);
    if (status == WK_OK && out->count == 0)
        return wk_fail(err, WK_INVALID, "nothing to listen on: give --tcp or --http");
    return status;
}

/* ---- opening --------------------------------------------------------------------------------- */

enum wk_status wk_listeners_open(struct wk_listeners *listeners, struct wk_rpc_server *server,
                                 bool with_tls, struct wk_error *err) {
    enum wk_status status = WK_OK;

    for (size_t i = 0; i < listeners->count && status == WK_OK; i++) {
        struct wk_listener *l = &listeners->list[i];
        struct wk_address bound;
        status = wk_rpc_server_listen(server, l->transport, &l->address, with_tls, &bound, err);
        if (status == WK_OK)
            l->address = bound;
        else
            wk_error_prefix(err, "%s %s", transport_name(l->transport), l->text);
    }
    return status;
}

void wk_listeners_text(struct wk_env *env, const struct wk_listeners *listeners,
                       enum wk_rpc_transport transport, char *to, size_t capacity) {
    size_t at = 0;
    to[0] = 0;
    for (size_t i = 0; i < listeners->count; i++) {
        char one[WK_ADDRESS_BYTES_MAX];
        if (listeners->list[i].transport != transport)
            continue;
        env->net->address_text(env, &listeners->list[i].address, one, sizeof one);
        at += wk_format(to + at, capacity - at, at == 0 ? "%s" : ",%s", one);
    }
}
