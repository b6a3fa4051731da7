/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pages.h"

#include "codec/http_head.h"

static void text_page(struct wk_rpc_page *page, uint32_t status, const char *text) {
    page->status = status;
    page->content_type = WK_HTTP_TEXT_TYPE;
    page->body = wk_span_text(text);
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
    if (wk_atomic_load_u32(&p->draining, WK_ACQUIRE, "pages.draining") != 0)
        text_page(page, 503, "shutting down\n");
    else
        text_page(page, 200, "ready\n");
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
