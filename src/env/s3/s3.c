/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's table. A batch is checked here, on its caller's thread, which also computes the
 * checksums that the caller did not; a LIST asks for page after page and parses each on its
 * caller's thread. All HTTP is the I/O thread's (loop.c).
 */
#include "base/num.h"
#include "base/text.h"
#include "env/s3/list_xml.h"
#include "env/s3/s3_private.h"
#include "env/s3/url.h"
#include "hash/crc32c.h"

/* ---- users ---------------------------------------------------------------------------------- */

static void enter(struct wk_s3_store *s) {
    wk_lock(s->env, &s->mutex);
    s->users++;
    wk_unlock(s->env, &s->mutex);
}

static void leave(struct wk_s3_store *s) {
    wk_lock(s->env, &s->mutex);
    s->users--;
    if (s->users == 0)
        s->env->threads->cond_broadcast(s->env, &s->left);
    wk_unlock(s->env, &s->mutex);
}

/* ---- batch ---------------------------------------------------------------------------------- */

static const char *wrong(const struct wk_s3_store *s, const struct wk_object_request *r) {
    bool writes = r->verb == WK_OBJECT_PUT || r->verb == WK_OBJECT_DELETE;
    size_t size;
    if (r->verb != WK_OBJECT_GET && r->verb != WK_OBJECT_HEAD && !writes)
        return "an object store has no such verb";
    if (r->verb != WK_OBJECT_PUT && r->if_absent)
        return "only a PUT can ask for absence";
    if (!writes && r->if_match != NULL)
        return "If-Match goes with PUT and DELETE only";
    if (writes && r->if_none_match != NULL)
        return "If-None-Match with an ETag goes with GET and HEAD only";
    if (r->verb == WK_OBJECT_PUT && !wk_object_body_size(r, &size))
        return "an object's body is larger than 256 MiB";
    if (r->verb == WK_OBJECT_DELETE && r->if_match != NULL && !s->delete_honours_match)
        return "this store is not known to look at If-Match of a DELETE";
    return NULL;
}

static uint32_t body_crc32c(const struct wk_object_request *r) {
    uint32_t crc = 0;
    for (size_t i = 0; i < r->body_count; i++)
        crc = wk_crc32c_extend(crc, r->body[i].data, r->body[i].size);
    return crc;
}

/* Leaves CANCELLED in the class of what is to be done, and the body's checksum beside it. */
static void check_one(const struct wk_s3_store *s, const struct wk_object_request *r,
                      struct wk_object_result *result) {
    memset(result, 0, sizeof *result);
    if (!wk_object_key_ok(r, result))
        return;
    const char *why = wrong(s, r);
    if (why != NULL) {
        result->class = WK_OBJECT_INVALID;
        (void)wk_fail(&result->error, WK_INVALID, "%s", why);
        return;
    }
    result->class = WK_OBJECT_CANCELLED;
    if (r->verb == WK_OBJECT_PUT)
        result->crc32c =
            (s->objects.caps & WK_OBJECTS_CHECKSUM) != 0 ? r->body_crc32c : body_crc32c(r);
}

static void fail_all(struct wk_object_result *results, size_t count, enum wk_status status) {
    for (size_t i = 0; i < count; i++) {
        results[i].class = WK_OBJECT_SERVER_ERROR;
        (void)wk_fail(&results[i].error, status, "no lock for a request");
    }
}

static void run_call(struct wk_s3_store *s, struct wk_s3_call *call) {
    struct wk_env *env = s->env;
    if (call->count == 0)
        return;
    if (call->parallel == 0)
        call->parallel = 1;
    enum wk_status status = env->threads->cond_init(env, &call->finished);
    if (status != WK_OK) {
        fail_all(call->results, call->count, status);
        return;
    }
    wk_s3_loop_run(s, call);
    env->threads->cond_destroy(env, &call->finished);
}

static void store_batch(struct wk_objects *objects, const struct wk_object_request *requests,
                        struct wk_object_result *results, size_t count, uint32_t parallel,
                        uint64_t deadline_ns, const wk_atomic_u32 *cancel) {
    struct wk_s3_store *s = (struct wk_s3_store *)objects;
    struct wk_s3_call call = {
        .kind = WK_S3_OBJECT,
        .requests = requests,
        .results = results,
        .count = count,
        .parallel = parallel,
        .deadline_ns = deadline_ns,
        .cancel = cancel,
    };
    enter(s);
    for (size_t i = 0; i < count; i++)
        check_one(s, &requests[i], &results[i]);
    run_call(s, &call);
    leave(s);
}

/* ---- the bucket ------------------------------------------------------------------------------ */

enum wk_object_class wk_s3_ask(struct wk_s3_store *s, const struct wk_object_request *request,
                               const char *query, struct wk_s3_page *page, uint64_t deadline_ns,
                               const wk_atomic_u32 *cancel, struct wk_error *err) {
    struct wk_object_result result;
    struct wk_s3_call call = {
        .kind = WK_S3_BUCKET,
        .requests = request,
        .results = &result,
        .query = query,
        .page = page,
        .count = 1,
        .deadline_ns = deadline_ns,
        .cancel = cancel,
    };
    memset(&result, 0, sizeof result);
    result.class = WK_OBJECT_CANCELLED;
    page->status = 0;
    page->code[0] = page->server[0] = 0;
    run_call(s, &call);
    if (result.class != WK_OBJECT_OK && err != NULL)
        *err = result.error;
    return result.class;
}

enum wk_object_class wk_s3_ask_list(struct wk_s3_store *s, const char *prefix, const char *token,
                                    uint32_t keys, struct wk_s3_page *page, uint64_t deadline_ns,
                                    const wk_atomic_u32 *cancel, struct wk_error *err) {
    static const struct wk_object_request request = {.verb = WK_OBJECT_GET};
    const size_t capacity = WK_S3_URL_BYTES_MAX / 2;
    char number[64];
    char *query = wk_alloc(s->env, WK_MEM_IO, capacity);
    if (query == NULL) {
        (void)wk_fail(err, WK_NO_MEMORY, "no memory for a LIST");
        return WK_OBJECT_SERVER_ERROR;
    }
    /* In the order of the names: the signature wants them sorted. */
    struct wk_writer to = wk_writer(query, capacity - 1);
    if (token[0] != 0) {
        wk_write_text(&to, "continuation-token=");
        wk_s3_write_query(&to, wk_span_text(token));
        wk_write_text(&to, "&");
    }
    wk_format(number, sizeof number,
              "encoding-type=url&list-type=2&max-keys=%u&prefix=", (unsigned)keys);
    wk_write_text(&to, number);
    wk_s3_write_query(&to, wk_span_text(prefix));
    query[to.at] = 0;
    enum wk_object_class class = WK_OBJECT_INVALID;
    if (to.failed)
        (void)wk_fail(err, WK_INVALID, "a prefix has more than %u bytes", WK_OBJECT_KEY_BYTES_MAX);
    else
        class = wk_s3_ask(s, &request, query, page, deadline_ns, cancel, err);
    wk_release(s->env, WK_MEM_IO, query, capacity);
    return class;
}

/* ---- LIST ------------------------------------------------------------------------------------ */

/*
 * Where a LIST stands. A store whose tokens run in a circle is found by comparing each token with
 * one remembered at page 1, 2, 4, 8 ... (Brent): no page would ever be the last.
 */
struct listing {
    struct wk_s3_list_page page;
    uint64_t pages;
    uint64_t remember_at;
    uint32_t empty_pages;
    char remembered[WK_S3_TOKEN_BYTES_MAX + 1];
};

static const char *goes_nowhere(struct listing *l) {
    l->pages++;
    l->empty_pages = l->page.entries > 0 ? 0 : l->empty_pages + 1;
    if (l->empty_pages >= WK_S3_EMPTY_PAGES_MAX)
        return "page after page is empty and says that more follow";
    if (strcmp(l->page.token, l->remembered) == 0)
        return "a continuation token came twice: the list has no end";
    if (l->pages == l->remember_at) {
        memcpy(l->remembered, l->page.token, sizeof l->remembered);
        l->remember_at *= 2;
    }
    return NULL;
}

static enum wk_object_class list_fail(const struct wk_s3_store *s, enum wk_object_class class,
                                      const char *why, struct wk_error *err) {
    (void)wk_fail(err, WK_UNAVAILABLE, "LIST %s: %s", s->place, why);
    return class;
}

static enum wk_object_class list_pages(struct wk_s3_store *s, struct wk_s3_page *body,
                                       struct listing *l, const char *prefix,
                                       bool (*each)(void *ctx, const struct wk_object_entry *entry),
                                       void *ctx, uint64_t deadline_ns, const wk_atomic_u32 *cancel,
                                       struct wk_error *err) {
    for (;;) {
        enum wk_object_class class = wk_object_list_goes_on(s->env, deadline_ns, cancel, err);
        if (class == WK_OBJECT_OK)
            class = wk_s3_ask_list(s, prefix, l->page.token, WK_S3_PAGE_KEYS, body, deadline_ns,
                                   cancel, err);
        if (class != WK_OBJECT_OK)
            return class;
        struct wk_error why;
        wk_error_clear(&why);
        enum wk_status status = wk_s3_list_parse(wk_span(body->data, body->size),
                                                 wk_span_text(prefix), each, ctx, &l->page, &why);
        if (status != WK_OK)
            return list_fail(s, WK_OBJECT_SERVER_ERROR, why.text, err);
        if (l->page.stopped || !l->page.truncated)
            return WK_OBJECT_OK;
        const char *nowhere = goes_nowhere(l);
        if (nowhere != NULL)
            return list_fail(s, WK_OBJECT_SERVER_ERROR, nowhere, err);
    }
}

static enum wk_object_class list(struct wk_s3_store *s, const char *prefix,
                                 bool (*each)(void *ctx, const struct wk_object_entry *entry),
                                 void *ctx, uint64_t deadline_ns, const wk_atomic_u32 *cancel,
                                 struct wk_error *err) {
    struct wk_env *env = s->env;
    struct wk_s3_page body = {.capacity = WK_S3_PAGE_BYTES_MAX};
    enum wk_object_class class = WK_OBJECT_SERVER_ERROR;
    struct listing *l = wk_alloc(env, WK_MEM_IO, sizeof *l);
    body.data = env->mem->map(env, WK_MEM_IO, body.capacity);
    if (l != NULL && body.data != NULL) {
        memset(l, 0, sizeof *l);
        l->remember_at = 1;
        class = list_pages(s, &body, l, prefix, each, ctx, deadline_ns, cancel, err);
    } else {
        (void)wk_fail(err, WK_NO_MEMORY, "no memory for a LIST");
    }
    if (body.data != NULL)
        env->mem->unmap(env, WK_MEM_IO, body.data, body.capacity);
    wk_release(env, WK_MEM_IO, l, sizeof *l);
    return class;
}

static enum wk_object_class store_list(struct wk_objects *objects, const char *prefix,
                                       bool (*each)(void *ctx, const struct wk_object_entry *entry),
                                       void *ctx, uint64_t deadline_ns, const wk_atomic_u32 *cancel,
                                       struct wk_error *err) {
    struct wk_s3_store *s = (struct wk_s3_store *)objects;
    enter(s);
    enum wk_object_class class = list(s, prefix, each, ctx, deadline_ns, cancel, err);
    leave(s);
    return class;
}

/* ---- close ----------------------------------------------------------------------------------- */

static void store_close(struct wk_objects *objects) {
    struct wk_s3_store *s = (struct wk_s3_store *)objects;
    struct wk_env *env = s->env;
    wk_lock(env, &s->mutex);
    while (s->users > 0)
        (void)env->threads->cond_wait(env, &s->left, &s->mutex, WK_FOREVER);
    wk_unlock(env, &s->mutex);
    wk_s3_loop_stop(s);
    wk_s3_store_free(s);
}

const struct wk_objects_ops wk_s3_ops = {store_batch, store_list, store_close};
