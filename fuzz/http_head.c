/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of HTTP requests or responses, as the target's name says; against model_http.c. Each input
 * is also given in two parts, and without what follows the head. HTTP-1 HTTP-2 HTTP-12
 */
#include "codec/http_head.h"
#include "harness.h"

#if defined FUZZ_TARGET_http_request_head
#define REQUEST true
typedef struct wk_http_request head_type;
#define READ wk_http_request_read
#else
#define REQUEST false
typedef struct wk_http_response head_type;
#define READ    wk_http_response_read
#endif

static bool same(const head_type *a, const head_type *b) {
    bool equal = a->head_bytes == b->head_bytes && a->content_length == b->content_length &&
                 a->has_content_length == b->has_content_length && a->chunked == b->chunked &&
                 a->keep_alive == b->keep_alive;
#if defined FUZZ_TARGET_http_request_head
    return equal && wk_span_equal(a->method, b->method) && wk_span_equal(a->target, b->target) &&
           wk_span_equal(a->authorization, b->authorization) &&
           a->expect_continue == b->expect_continue;
#else
    return equal && a->status == b->status;
#endif
}

/* One read, in memory of exactly its size; what it must not touch is looked at. */
static enum wk_http_progress read_once(struct wk_span bytes, size_t *seen, head_type *head,
                                       struct wk_http_fault *fault) {
    FILL_PATTERN(head);
    FILL_PATTERN(fault);
    enum wk_http_progress progress = READ(bytes, seen, head, fault);
    if (progress != WK_HTTP_COMPLETE)
        CHECK_PATTERN(head);
    if (progress != WK_HTTP_BAD)
        CHECK_PATTERN(fault);
    CHECK(*seen <= bytes.size, "what was searched is there");
    return progress;
}

static void check_fault(const struct wk_http_fault *fault) {
    static const unsigned answers[] = {400, 414, 417, 431, 501, 505};
    bool known = false;
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        known |= fault->answer == answers[i];
    CHECK(known, "the answer to a bad head is one of the statuses for it");
    check_wire_error(&fault->error);
}

static void check_values(const head_type *head, const struct model_head *model, bool sure) {
    CHECK(head->head_bytes == model->head_bytes, "the head ends where the model sees its end");
    CHECK(head->has_content_length == model->has_content_length &&
              head->content_length == model->content_length && head->chunked == model->chunked,
          "the length of the body is the model's");
    if (sure)
        CHECK(head->keep_alive == model->keep_alive, "so is whether the connection stays");
#if defined FUZZ_TARGET_http_request_head
    if (sure)
        CHECK(wk_span_equal(head->method, model->method) &&
                  wk_span_equal(head->target, model->target),
              "method and target are the model's");
    CHECK(head->expect_continue == model->has_expect, "so is what it waits for");
    CHECK((head->authorization.data != NULL) == model->has_authorization &&
              wk_span_equal(head->authorization, model->authorization),
          "so is who asks");
#else
    if (sure)
        CHECK(head->status == model->status, "so is the status");
#endif
}

/* A head that is written reads as what it was written from. HTTP-10 HTTP-11 */
static void check_written(const head_type *head) {
    char text[4096];
    struct wk_writer w = wk_writer(text, sizeof text);
    head_type again;
    struct wk_http_fault fault;
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    size_t seen = 0;
#if defined FUZZ_TARGET_http_request_head
    bool good =
        wk_http_write_request(&w, head->target, head->content_length, head->authorization, &error);
#else
    bool good = wk_http_write_response(&w, head->status, "text/plain", head->content_length,
                                       head->keep_alive, &error);
#endif
    if (!good) {
        check_wire_error(&error);
        CHECK(w.at == 0, "a head that is refused is not begun");
        return;
    }
    struct exact copy = exact_copy(w.data, w.at);
    CHECK(READ(exact_span(&copy), &seen, &again, &fault) == WK_HTTP_COMPLETE,
          "what was written can be read");
    CHECK(again.head_bytes == copy.bytes.size && again.has_content_length &&
              again.content_length == head->content_length && !again.chunked,
          "its body is as long as that of the other");
#if defined FUZZ_TARGET_http_request_head
    CHECK(again.keep_alive && wk_span_equal(again.target, wk_span_text(WK_HTTP_RPC_TARGET)) &&
              wk_span_equal(again.authorization, head->authorization),
          "route and authorization arrive");
#else
    CHECK(again.status == head->status && again.keep_alive == head->keep_alive,
          "status and connection arrive");
#endif
    exact_free(&copy);
}

/* The same head out of two parts, and without the bytes behind it. */
static void check_parts(struct wk_span in, size_t cut, enum wk_http_progress whole,
                        const head_type *head) {
    head_type part;
    struct wk_http_fault fault;
    size_t seen = 0;
    struct exact front = exact_copy(in.data, cut);
    enum wk_http_progress progress = read_once(exact_span(&front), &seen, &part, &fault);
    if (progress == WK_HTTP_MORE)
        progress = read_once(in, &seen, &part, &fault);
    CHECK(progress == whole, "in two parts it is what it is as a whole");
    if (whole == WK_HTTP_COMPLETE)
        CHECK(same(&part, head), "and says the same");
    exact_free(&front);
    if (whole != WK_HTTP_COMPLETE)
        return;
    seen = 0;
    struct exact alone = exact_copy(in.data, head->head_bytes);
    progress = read_once(exact_span(&alone), &seen, &part, &fault);
    CHECK(progress == WK_HTTP_COMPLETE && same(&part, head), "what follows a head is not judged");
    exact_free(&alone);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct exact input = exact_copy(data, size);
    struct wk_span in = exact_span(&input);
    struct model_head model;
    struct wk_http_fault fault;
    head_type head;
    size_t seen = 0;
    enum model_http verdict = model_http_read(in, REQUEST, &model);
    enum wk_http_progress progress = read_once(in, &seen, &head, &fault);
    CHECK((progress == WK_HTTP_MORE) == (verdict == MODEL_HTTP_MORE),
          "more is wanted when the model wants more");
    if (verdict == MODEL_HTTP_GOOD)
        CHECK(progress == WK_HTTP_COMPLETE, "what the model takes is taken");
    if (verdict == MODEL_HTTP_REFUSED)
        CHECK(progress == WK_HTTP_BAD, "what the model refuses is refused");
    if (progress == WK_HTTP_BAD)
        check_fault(&fault);
    if (progress == WK_HTTP_COMPLETE) {
        check_values(&head, &model, verdict == MODEL_HTTP_GOOD);
        check_written(&head);
    }
    check_parts(in, size > 0 ? data[size / 2] * size / 256 : 0, progress, &head);
    exact_free(&input);
    return 0;
}
