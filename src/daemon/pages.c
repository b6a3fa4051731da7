/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pages.h"

#include "base/text.h"
#include "codec/http_head.h"

/* How long a look at the store may take where nobody else has looked lately. */
#define READY_NS (2ull * WK_NS_PER_S)

static void text_page(struct wk_rpc_page *page, uint32_t status, const char *text) {
    page->status = status;
    page->content_type = WK_HTTP_TEXT_TYPE;
    page->body = wk_span_text(text);
}

static void reason_release(struct wk_rpc_page *page) {
    struct wk_pages *p = page->owner;
    wk_release(p->env, WK_MEM_IO, (uint8_t *)page->body.data, WK_ERROR_TEXT_BYTES + 1);
}

static void reason_page(struct wk_pages *p, struct wk_rpc_page *page, const struct wk_error *why) {
    char *text = wk_alloc(p->env, WK_MEM_IO, WK_ERROR_TEXT_BYTES + 1);
    text_page(page, 503, "the store cannot be used\n");
    if (text == NULL)
        return;
    size_t size = wk_format(text, WK_ERROR_TEXT_BYTES + 1, "%s\n", why->text);
    page->body = wk_span(text, size);
    page->owner = p;
    page->release = reason_release;
}

static void serve_ping(struct wk_pages *p, struct wk_rpc_session *session,
                       struct wk_rpc_page *page) {
    (void)p;
    (void)session;
    text_page(page, 200, "");
}

static void serve_health(struct wk_pages *p, struct wk_rpc_session *session,
                         struct wk_rpc_page *page) {
    (void)p;
    (void)session;
    text_page(page, 200, "alive\n");
}

static void serve_ready(struct wk_pages *p, struct wk_rpc_session *session,
                        struct wk_rpc_page *page) {
    (void)session;
    struct wk_error err;
    if (wk_atomic_load_u32(&p->draining, WK_ACQUIRE, "pages.draining") != 0) {
        text_page(page, 503, "shutting down\n");
        return;
    }
    uint64_t now = wk_now_ns(p->env);
    if (p->store->ops->ready(p->store, now + READY_NS, &err) == WK_OK)
        text_page(page, 200, "ready\n");
    else
        reason_page(p, page, &err);
}

static void metrics_release(struct wk_rpc_page *page) {
    struct wk_pages *p = page->owner;
    wk_release(p->env, WK_MEM_IO, (uint8_t *)page->body.data, WK_METRICS_PAGE_BYTES);
}

static void serve_metrics(struct wk_pages *p, struct wk_rpc_session *session,
                          struct wk_rpc_page *page) {
    struct wk_span none = wk_span(NULL, 0);
    if (wk_auth_check(p->auth, session, none, none, WK_ACCESS_ADMIN, 0, NULL) != WK_OK) {
        text_page(page, session->identified ? 403 : 401, "an admin's token is wanted\n");
        return;
    }
    uint8_t *room = wk_alloc(p->env, WK_MEM_IO, WK_METRICS_PAGE_BYTES);
    struct wk_writer w = wk_writer(room, room == NULL ? 0 : WK_METRICS_PAGE_BYTES);
    if (room == NULL || !wk_metrics_write(p->metrics, p->store, p->server, &w)) {
        wk_release(p->env, WK_MEM_IO, room, WK_METRICS_PAGE_BYTES);
        text_page(page, 500, "no memory for the page\n");
        return;
    }
    page->status = 200;
    page->content_type = WK_METRICS_TYPE;
    page->body = wk_writer_span(&w);
    page->owner = p;
    page->release = metrics_release;
}

static const struct {
    const char *path;
    void (*serve)(struct wk_pages *p, struct wk_rpc_session *session, struct wk_rpc_page *page);
} pages[] = {
    {WK_HTTP_PING_TARGET, serve_ping},
    {"/healthz", serve_health},
    {"/readyz", serve_ready},
    {"/metrics", serve_metrics},
};

bool wk_pages_serve(void *ctx, struct wk_rpc_session *session, struct wk_span path,
                    struct wk_rpc_page *page) {
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (!wk_span_equal(path, wk_span_text(pages[i].path)))
            continue;
        pages[i].serve(ctx, session, page);
        return true;
    }
    return false;
}
