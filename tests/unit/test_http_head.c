/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include "base/limits.h"
#include "codec/http_head.h"
#include "unit/hostile.h"
#include "unit/vectors.h"

static unsigned hex_digit(char c) {
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The bytes that escaped text means; the caller frees `data`. */
static struct wk_span unescape(const char *text) {
    uint8_t *bytes = (uint8_t *)malloc(strlen(text) + 1);
    assert_non_null(bytes);
    size_t size = 0;
    for (; *text != 0; text++) {
        if (*text != '\\') {
            bytes[size++] = (uint8_t)*text;
            continue;
        }
        text++;
        if (*text == 'x') {
            bytes[size++] = (uint8_t)(hex_digit(text[1]) << 4 | hex_digit(text[2]));
            text += 2;
        } else {
            bytes[size++] = (uint8_t)(*text == 'r'   ? '\r'
                                      : *text == 'n' ? '\n'
                                      : *text == 't' ? '\t'
                                                     : *text);
        }
    }
    return wk_span(bytes, size);
}

static bool inside(struct wk_span part, struct wk_span whole) {
    return part.data >= whole.data && part.data + part.size <= whole.data + whole.size;
}

static void assert_fault(const struct wk_http_fault *fault) {
    struct wk_error err;
    assert_int_not_equal(wk_wire_fail(&err, &fault->error), WK_INTERNAL);
    static const unsigned answers[] = {400, 414, 417, 431, 501, 505};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        if (fault->answer == answers[i])
            return;
    }
    fail_msg("answer %u", fault->answer);
}

/* Any bytes, as request and as response: an answer that holds together, the same again when asked
 * again, and nothing read past the end. */
static void judge(struct wk_span bytes, void *arg) {
    (void)arg;
    size_t seen = 0;
    struct wk_http_request request = {.head_bytes = 77};
    struct wk_http_fault fault;
    enum wk_http_progress progress = wk_http_request_read(bytes, &seen, &request, &fault);
    assert_true(seen <= bytes.size);
    if (progress == WK_HTTP_COMPLETE) {
        assert_true(request.head_bytes >= 18 && request.head_bytes <= bytes.size);
        assert_memory_equal(bytes.data + request.head_bytes - 4, "\r\n\r\n", 4);
        assert_true(inside(request.target, bytes));
        assert_true(request.target.size <= WK_HTTP_TARGET_BYTES_MAX);
        assert_true(request.method.size > 0);
        assert_false(request.chunked && request.has_content_length);
        if (request.authorization.data != NULL)
            assert_true(inside(request.authorization, bytes));
    } else {
        assert_int_equal(request.head_bytes, 77);
    }
    if (progress == WK_HTTP_BAD)
        assert_fault(&fault);
    enum wk_http_progress again = wk_http_request_read(bytes, &seen, &request, &fault);
    assert_int_equal(again, progress);

    seen = 0;
    struct wk_http_response response = {.head_bytes = 77};
    progress = wk_http_response_read(bytes, &seen, &response, &fault);
    if (progress == WK_HTTP_COMPLETE)
        assert_true(response.head_bytes <= bytes.size && response.status <= 999);
    else
        assert_int_equal(response.head_bytes, 77);
    if (progress == WK_HTTP_BAD)
        assert_fault(&fault);
}

/* ---- vectors ----------------------------------------------------------------------------------
 */

static bool flag(const char *flags, char wanted) {
    return strchr(flags, wanted) != NULL;
}

static void check_length(const char *expected, bool has, uint64_t length) {
    assert_int_equal(has, strcmp(expected, "-") != 0);
    if (has)
        assert_int_equal(length, strtoull(expected, NULL, 10));
    else
        assert_int_equal(length, 0);
}

static void check_request(const struct vector_line *line, const struct wk_http_request *r) {
    char first[2048];
    wk_format(first, sizeof first, "%.*s %.*s", (int)r->method.size, (const char *)r->method.data,
              (int)r->target.size, (const char *)r->target.data);
    assert_string_equal(first, line->fields[3]);
    check_length(line->fields[4], r->has_content_length, r->content_length);
    const char *flags = line->fields[5];
    assert_int_equal(r->keep_alive, flag(flags, 'k'));
    assert_int_equal(r->chunked, flag(flags, 'c'));
    assert_int_equal(r->expect_continue, flag(flags, 'e'));
    if (strcmp(line->fields[6], "-") == 0)
        assert_null(r->authorization.data);
    else
        assert_true(wk_span_equal(r->authorization, wk_span_text(line->fields[6])));
}

static void check_text(const struct vector_line *line, const struct wk_http_fault *fault) {
    struct wk_error err;
    (void)wk_wire_fail(&err, &fault->error);
    if (line->fields[3][0] != 0)
        assert_string_equal(err.text, line->fields[3]);
}

static void check_request_line(const struct vector_line *line, struct wk_span bytes) {
    const char *verdict = line->fields[1];
    size_t seen = 0;
    struct wk_http_request request;
    struct wk_http_fault fault;
    enum wk_http_progress progress = wk_http_request_read(bytes, &seen, &request, &fault);
    if (strcmp(verdict, "ok") == 0) {
        if (progress != WK_HTTP_COMPLETE)
            fail_msg("http.txt:%u: refused with %u", line->number, fault.answer);
        check_request(line, &request);
        return;
    }
    if (progress != WK_HTTP_BAD)
        fail_msg("http.txt:%u: not refused", line->number);
    bool any = strcmp(verdict, "any") == 0 &&
               (fault.answer == 400 || fault.answer == 501 || fault.answer == 505);
    if (!any && fault.answer != strtoul(verdict, NULL, 10))
        fail_msg("http.txt:%u: refused with %u", line->number, fault.answer);
    check_text(line, &fault);
}

static void check_response_line(const struct vector_line *line, struct wk_span bytes) {
    size_t seen = 0;
    struct wk_http_response response;
    struct wk_http_fault fault;
    enum wk_http_progress progress = wk_http_response_read(bytes, &seen, &response, &fault);
    bool ok = strcmp(line->fields[1], "ok") == 0;
    if (progress != (ok ? WK_HTTP_COMPLETE : WK_HTTP_BAD))
        fail_msg("http.txt:%u: %s", line->number, ok ? "refused" : "not refused");
    if (!ok) {
        check_text(line, &fault);
        return;
    }
    assert_int_equal(response.status, atoi(line->fields[3]));
    check_length(line->fields[4], response.has_content_length, response.content_length);
    assert_int_equal(response.keep_alive, flag(line->fields[5], 'k'));
    assert_int_equal(response.chunked, flag(line->fields[5], 'c'));
}

static void check_vector(const struct vector_line *line) {
    struct wk_span text = unescape(line->fields[2]);
    if (strcmp(line->fields[0], "request") == 0)
        check_request_line(line, text);
    else
        check_response_line(line, text);
    judge(text, NULL);
    if (text.size < 400) {
        hostile_cuts(text, judge, NULL);
        hostile_flips(text, judge, NULL);
    }
    vector_free(text);
}

/* HTTP-1 HTTP-2 HTTP-3 HTTP-4 HTTP-5 HTTP-6 HTTP-7 HTTP-8 HTTP-12 */
static void vectors_and_what_damage_makes_of_them(void **state) {
    (void)state;
    assert_true(vectors_each("tests/vectors/http.txt", check_vector) >= 110);
}

/* ---- as a stream ------------------------------------------------------------------------------
 */

static const char whole[] =
    "POST /wmbt/v1/rpc HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET";

/* HTTP-1 HTTP-2 */
static void a_head_that_comes_byte_by_byte_ends_where_it_ends(void **state) {
    (void)state;
    size_t end = (size_t)(strstr(whole, "\r\n\r\n") - whole) + 4;
    size_t seen = 0;
    struct wk_http_request request;
    struct wk_http_fault fault;
    for (size_t size = 0; size <= sizeof whole - 1; size++) {
        enum wk_http_progress progress =
            wk_http_request_read(wk_span(whole, size), &seen, &request, &fault);
        assert_int_equal(progress, size < end ? WK_HTTP_MORE : WK_HTTP_COMPLETE);
        if (progress == WK_HTTP_COMPLETE)
            assert_int_equal(request.head_bytes, end);
    }
}

/* A head of exactly `size` bytes in all. */
static char *head_of(size_t size) {
    static const char front[] = "GET / HTTP/1.1\r\na: ";
    char *head = (char *)malloc(size);
    assert_non_null(head);
    memset(head, 'x', size);
    memcpy(head, front, sizeof front - 1);
    memcpy(head + size - 4, "\r\n\r\n", 4);
    return head;
}

/* HTTP-3 */
static void a_head_has_at_most_16_kib(void **state) {
    (void)state;
    struct wk_http_request request;
    struct wk_http_fault fault;
    for (size_t extra = 0; extra < 2; extra++) {
        size_t size = WK_HTTP_HEAD_BYTES_MAX + extra;
        char *head = head_of(size);
        size_t seen = 0;
        assert_int_equal(
            wk_http_request_read(wk_span(head, size - 1 - extra), &seen, &request, &fault),
            WK_HTTP_MORE);
        assert_int_equal(wk_http_request_read(wk_span(head, size), &seen, &request, &fault),
                         extra == 0 ? WK_HTTP_COMPLETE : WK_HTTP_BAD);
        if (extra > 0) {
            assert_int_equal(fault.answer, 431);
            assert_int_equal(fault.error.kind, WK_WIRE_TOO_LARGE);
        }
        free(head);
    }
    /* A request line that never ends. */
    char *line = (char *)malloc(WK_HTTP_HEAD_BYTES_MAX);
    assert_non_null(line);
    memset(line, 'x', WK_HTTP_HEAD_BYTES_MAX);
    size_t seen = 0;
    assert_int_equal(
        wk_http_request_read(wk_span(line, WK_HTTP_HEAD_BYTES_MAX), &seen, &request, &fault),
        WK_HTTP_BAD);
    assert_int_equal(fault.answer, 414);
    free(line);
}

/* HTTP-8: whatever is wrong with a head, its authorization is in no text. */
static void a_secret_is_in_no_text(void **state) {
    (void)state;
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\nAuthorization: Bearer s3cr3t\r\nAuthorization: Bearer s3cr3t\r\n\r\n",
        "GET / HTTP/1.1\r\nAuthorization: Bearer s3cr3t\r\n s3cr3t\r\n\r\n",
        "GET / HTTP/1.1\r\nAuthorization: Bearer s3cr3t\x01\r\n\r\n",
        "GET / HTTP/1.1\r\nAuthorization: Bearer s3cr3t\r\nContent-Length: x\r\n\r\n",
        "GET / HTTP/2.0\r\nAuthorization: Bearer s3cr3t\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        size_t seen = 0;
        struct wk_http_request request;
        struct wk_http_fault fault;
        struct wk_error err;
        assert_int_equal(wk_http_request_read(wk_span_text(heads[i]), &seen, &request, &fault),
                         WK_HTTP_BAD);
        (void)wk_wire_fail(&err, &fault.error);
        assert_null(strstr(err.text, "s3cr3t"));
    }
}

/* HTTP-9 */
static void a_body_needs_a_length_within_the_limit(void **state) {
    (void)state;
    struct wk_http_request request = {.has_content_length = true, .content_length = 100};
    struct wk_http_fault fault;
    struct wk_error err;
    assert_true(wk_http_request_has_body(&request, 100, &fault));
    assert_false(wk_http_request_has_body(&request, 99, &fault));
    assert_int_equal(fault.answer, 413);
    assert_int_equal(wk_wire_fail(&err, &fault.error), WK_TOO_LARGE);
    request.has_content_length = false;
    assert_false(wk_http_request_has_body(&request, 100, &fault));
    assert_int_equal(fault.answer, 411);
    assert_int_equal(wk_wire_fail(&err, &fault.error), WK_CORRUPT);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static const char request_head[] = "POST /wmbt/v1/rpc HTTP/1.1\r\n"
                                   "Host: 127.0.0.1:9000\r\n"
                                   "Content-Type: application/x-wombatkv-rkyv\r\n"
                                   "Content-Length: 56\r\n"
                                   "Connection: keep-alive\r\n"
                                   "\r\n";

/* HTTP-10 */
static void request_heads_are_those_of_the_reference(void **state) {
    (void)state;
    char text[512];
    struct wk_wire_error error;
    struct wk_writer w = wk_writer(text, sizeof text);
    assert_true(
        wk_http_write_request(&w, wk_span_text("127.0.0.1:9000"), 56, wk_span(NULL, 0), &error));
    assert_true(wk_span_equal(wk_writer_span(&w), wk_span_text(request_head)));
    w = wk_writer(text, sizeof text);
    assert_true(
        wk_http_write_request(&w, wk_span_text("h"), 268435456, wk_span_text("Bearer t"), &error));
    size_t seen = 0;
    struct wk_http_request request;
    struct wk_http_fault fault;
    assert_int_equal(wk_http_request_read(wk_writer_span(&w), &seen, &request, &fault),
                     WK_HTTP_COMPLETE);
    assert_int_equal(request.head_bytes, w.at);
    assert_true(wk_span_equal(request.target, wk_span_text(WK_HTTP_RPC_TARGET)));
    assert_true(wk_span_equal(request.authorization, wk_span_text("Bearer t")));
    assert_int_equal(request.content_length, 268435456);
}

/* HTTP-10 */
static void no_value_makes_a_line_of_its_own(void **state) {
    (void)state;
    static const char *const values[] = {"a\r\nX: y", "a\n", "\r", "a\x01", "\x7f"};
    char text[512];
    struct wk_wire_error error;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct wk_writer w = wk_writer(text, sizeof text);
        assert_false(
            wk_http_write_request(&w, wk_span_text(values[i]), 1, wk_span(NULL, 0), &error));
        assert_false(
            wk_http_write_request(&w, wk_span_text("h"), 1, wk_span_text(values[i]), &error));
        assert_int_equal(w.at, 0);
        assert_int_equal(error.kind, WK_WIRE_SYNTAX);
    }
}

/* HTTP-11 */
static void response_heads_are_those_of_the_reference(void **state) {
    (void)state;
    static const struct {
        unsigned status;
        const char *type;
        uint64_t length;
        bool keep_alive;
        const char *head;
    } cases[] = {
        {200, WK_HTTP_RPC_TYPE, 48, true,
         "HTTP/1.1 200 OK\r\nContent-Type: application/x-wombatkv-rkyv\r\nContent-Length: 48\r\n"
         "Connection: keep-alive\r\n\r\n"},
        {404, WK_HTTP_TEXT_TYPE, 13, false,
         "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n"
         "Connection: close\r\n\r\n"},
        {411, WK_HTTP_TEXT_TYPE, 22, false,
         "HTTP/1.1 411 Length Required\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n"
         "Connection: close\r\n\r\n"},
        {413, WK_HTTP_TEXT_TYPE, 0, false,
         "HTTP/1.1 413 Payload Too Large\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n"
         "Connection: close\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        struct wk_wire_error error;
        struct wk_writer w = wk_writer(text, sizeof text);
        assert_true(wk_http_write_response(&w, cases[i].status, cases[i].type, cases[i].length,
                                           cases[i].keep_alive, &error));
        assert_true(wk_span_equal(wk_writer_span(&w), wk_span_text(cases[i].head)));
        size_t seen = 0;
        struct wk_http_response response;
        struct wk_http_fault fault;
        assert_int_equal(wk_http_response_read(wk_writer_span(&w), &seen, &response, &fault),
                         WK_HTTP_COMPLETE);
        assert_int_equal(response.status, cases[i].status);
        assert_int_equal(response.content_length, cases[i].length);
        assert_int_equal(response.keep_alive, cases[i].keep_alive);
    }
}

/* HTTP-10 HTTP-11 */
static void a_head_without_room_is_not_begun(void **state) {
    (void)state;
    char text[512];
    struct wk_wire_error error;
    size_t needed = strlen(request_head);
    for (size_t capacity = 0; capacity <= needed; capacity++) {
        struct wk_writer w = wk_writer(text, capacity);
        bool ok =
            wk_http_write_request(&w, wk_span_text("127.0.0.1:9000"), 56, wk_span(NULL, 0), &error);
        assert_int_equal(ok, capacity == needed);
        assert_int_equal(w.at, ok ? needed : 0);
        assert_false(w.failed);
    }
    struct wk_writer w = wk_writer(text, 20);
    assert_false(wk_http_write_response(&w, 200, WK_HTTP_TEXT_TYPE, 0, true, &error));
    assert_int_equal(w.at, 0);
}

/* HTTP-11 */
static void every_status_we_send_has_its_reason(void **state) {
    (void)state;
    static const struct {
        unsigned status;
        const char *reason;
    } cases[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Payload Too Large"},
        {414, "URI Too Long"},
        {417, "Expectation Failed"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
        {299, "Error"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(wk_http_reason(cases[i].status), cases[i].reason);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_and_what_damage_makes_of_them),
        cmocka_unit_test(a_head_that_comes_byte_by_byte_ends_where_it_ends),
        cmocka_unit_test(a_head_has_at_most_16_kib),
        cmocka_unit_test(a_secret_is_in_no_text),
        cmocka_unit_test(a_body_needs_a_length_within_the_limit),
        cmocka_unit_test(request_heads_are_those_of_the_reference),
        cmocka_unit_test(no_value_makes_a_line_of_its_own),
        cmocka_unit_test(response_heads_are_those_of_the_reference),
        cmocka_unit_test(a_head_without_room_is_not_begun),
        cmocka_unit_test(every_status_we_send_has_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
