/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over sockets of the POSIX environment, and the buffers that messages are received into.
 */
#include "unit/cmocka_all.h"

#include <pthread.h>
#include <string.h>

#include "env/posix/posix.h"
#include "hash/crc32c.h"
#include "rpc/buffers.h"
#include "rpc/stream.h"

static struct wk_env *env;
static struct wk_error err;

static uint64_t in_ms(uint64_t ms) {
    return wk_now_ns(env) + ms * WK_NS_PER_MS;
}

struct pair {
    struct wk_stream left;
    struct wk_stream right;
};

static void pair_open(struct pair *p) {
    struct wk_address at;
    struct wk_address peer;
    size_t count;
    struct wk_socket *listener;
    struct wk_socket *left;
    struct wk_socket *right;
    uint64_t deadline = in_ms(5000);
    assert_int_equal(env->net->resolve(env, "127.0.0.1", 0, deadline, &at, 1, &count, &err), WK_OK);
    assert_int_equal(env->net->listen(env, &at, 4, &listener, &err), WK_OK);
    assert_int_equal(env->net->local_address(env, listener, &at, &err), WK_OK);
    assert_int_equal(env->net->connect(env, &at, NULL, deadline, &left, &err), WK_OK);
    assert_int_equal(env->net->accept(env, listener, deadline, &right, &peer, &err), WK_OK);
    env->net->close(env, listener);
    assert_int_equal(wk_stream_open(&p->left, env, left, &err), WK_OK);
    assert_int_equal(wk_stream_open(&p->right, env, right, &err), WK_OK);
}

static void pair_close(struct pair *p) {
    wk_stream_close(&p->left);
    wk_stream_close(&p->right);
}

static void put(struct wk_stream *s, const char *text) {
    struct wk_span span = wk_span_text(text);
    uint64_t written;
    assert_int_equal(wk_stream_write(s, &span, 1, in_ms(5000), &written, &err), WK_OK);
    assert_int_equal(written, strlen(text));
}

static void test_what_comes_ahead_is_read_first(void **state) {
    (void)state;
    struct pair p;
    char got[16] = {0};
    uint32_t crc = 0;
    pair_open(&p);
    put(&p.left, "headbody");
    assert_int_equal(wk_stream_wait(&p.right, in_ms(5000), &err), WK_OK);
    while (wk_stream_ahead(&p.right).size < 8)
        assert_int_equal(wk_stream_more(&p.right, in_ms(5000), &err), WK_OK);
    wk_stream_consume(&p.right, 4);
    put(&p.left, "more");
    assert_int_equal(wk_stream_read(&p.right, got, 8, in_ms(5000), &crc, &err), WK_OK);
    assert_memory_equal(got, "bodymore", 8);
    assert_int_equal(crc, wk_crc32c("bodymore", 8));
    pair_close(&p);
}

static void test_the_end_between_and_inside_messages(void **state) {
    (void)state;
    struct pair p;
    char got[8];
    pair_open(&p);
    put(&p.left, "abc");
    wk_stream_shutdown(&p.left);
    assert_int_equal(wk_stream_read(&p.right, got, 8, in_ms(5000), NULL, &err), WK_UNAVAILABLE);
    assert_non_null(strstr(err.text, "after 3 of 8 bytes"));
    assert_int_equal(wk_stream_wait(&p.right, in_ms(5000), &err), WK_MISS);
    assert_int_equal(wk_stream_more(&p.right, in_ms(5000), &err), WK_UNAVAILABLE);
    assert_int_equal(wk_stream_skip(&p.right, 1, in_ms(5000), &err), WK_UNAVAILABLE);
    pair_close(&p);
}

static void test_a_silent_peer_ends_by_the_deadline(void **state) {
    (void)state;
    struct pair p;
    char got[4];
    pair_open(&p);
    assert_int_equal(wk_stream_wait(&p.right, in_ms(20), &err), WK_TIMEOUT);
    put(&p.left, "ab");
    assert_int_equal(wk_stream_read(&p.right, got, 4, in_ms(20), NULL, &err), WK_TIMEOUT);
    pair_close(&p);
}

/* Sends as many spans as it likes, empty ones among them. */
struct sender {
    struct wk_stream *stream;
    struct wk_span spans[300];
    size_t count;
    enum wk_status status;
};

static void *send_all(void *arg) {
    struct sender *s = arg;
    struct wk_error ignored;
    s->status = wk_stream_write(s->stream, s->spans, s->count, in_ms(20000), NULL, &ignored);
    return NULL;
}

static void test_many_spans_arrive_in_order(void **state) {
    (void)state;
    static uint8_t sent[300 * 7000];
    static uint8_t got[sizeof sent];
    struct pair p;
    struct sender s = {.count = 300};
    size_t total = 0;
    pthread_t thread;
    pair_open(&p);
    s.stream = &p.left;
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 31 + (i >> 11));
    for (size_t i = 0; i < 300; i++) {
        size_t size = i % 5 == 0 || (i > 100 && i < 200) ? 0 : i * 23;
        s.spans[i] = wk_span(sent + total, size);
        total += size;
    }
    assert_int_equal(pthread_create(&thread, NULL, send_all, &s), 0);
    uint32_t crc = 0;
    assert_int_equal(wk_stream_read(&p.right, got, total, in_ms(20000), &crc, &err), WK_OK);
    pthread_join(thread, NULL);
    assert_int_equal(s.status, WK_OK);
    assert_memory_equal(got, sent, total);
    assert_int_equal(crc, wk_crc32c(sent, total));
    pair_close(&p);
}

static void test_a_head_without_end_is_refused(void **state) {
    (void)state;
    static char filler[WK_STREAM_AHEAD_BYTES + 1];
    struct pair p;
    enum wk_status status = WK_OK;
    pair_open(&p);
    memset(filler, 'x', sizeof filler - 1);
    put(&p.left, filler);
    while (status == WK_OK)
        status = wk_stream_more(&p.right, in_ms(5000), &err);
    assert_int_equal(status, WK_TOO_LARGE);
    pair_close(&p);
}

/* ---- buffers --------------------------------------------------------------------------------- */

static void test_buffers_are_kept_and_counted(void **state) {
    (void)state;
    struct wk_buffers pool;
    struct wk_buffer *a;
    struct wk_buffer *b;
    assert_int_equal(wk_buffers_init(&pool, env, 4 << 20, 1 << 20), WK_OK);
    assert_int_equal(wk_buffers_acquire(&pool, 700000, in_ms(10), &a, &err), WK_OK);
    assert_true(wk_buffers_in_use(&pool) >= 700000);
    uint8_t *data = a->data;
    wk_buffer_hold(a, 1);
    wk_buffer_drop(a);
    assert_true(wk_buffers_in_use(&pool) >= 700000);
    wk_buffer_drop(a);
    assert_int_equal(wk_buffers_in_use(&pool), 0);
    /* The same memory again, for a message of about that size; not for a small one. */
    assert_int_equal(wk_buffers_acquire(&pool, 10, in_ms(10), &b, &err), WK_OK);
    assert_true(b->capacity < 700000);
    assert_int_equal(wk_buffers_acquire(&pool, 650000, in_ms(10), &a, &err), WK_OK);
    assert_ptr_equal(a->data, data);
    wk_buffer_drop(a);
    wk_buffer_drop(b);
    /* More than is kept goes back to the system. */
    assert_int_equal(wk_buffers_acquire(&pool, 3 << 20, in_ms(10), &a, &err), WK_OK);
    wk_buffer_drop(a);
    assert_true(pool.idle_bytes <= 1 << 20);
    wk_buffers_destroy(&pool);
}

struct waiter {
    struct wk_buffers *pool;
    enum wk_status status;
};

static void *wait_for_buffer(void *arg) {
    struct waiter *w = arg;
    struct wk_buffer *b;
    w->status = wk_buffers_acquire(w->pool, 3 << 20, in_ms(20000), &b, NULL);
    if (w->status == WK_OK)
        wk_buffer_drop(b);
    return NULL;
}

static void test_the_budget_holds(void **state) {
    (void)state;
    struct wk_buffers pool;
    struct wk_buffer *a;
    struct wk_buffer *b;
    pthread_t thread;
    assert_int_equal(wk_buffers_init(&pool, env, 4 << 20, 4 << 20), WK_OK);
    assert_int_equal(wk_buffers_acquire(&pool, 5 << 20, in_ms(10), &a, &err), WK_TOO_LARGE);
    assert_non_null(strstr(err.text, "5242880"));
    assert_int_equal(wk_buffers_acquire(&pool, 3 << 20, in_ms(10), &a, &err), WK_OK);
    assert_int_equal(wk_buffers_acquire(&pool, 3 << 20, in_ms(10), &b, &err), WK_TIMEOUT);
    struct waiter w = {&pool, WK_INTERNAL};
    assert_int_equal(pthread_create(&thread, NULL, wait_for_buffer, &w), 0);
    wk_buffer_drop(a);
    pthread_join(thread, NULL);
    assert_int_equal(w.status, WK_OK);
    /* Idle memory gives way to what does not fit beside it. */
    assert_int_equal(wk_buffers_acquire(&pool, 500000, in_ms(10), &a, &err), WK_OK);
    assert_int_equal(wk_buffers_acquire(&pool, 3400000, in_ms(10), &b, &err), WK_OK);
    assert_true(pool.in_use_bytes + pool.idle_bytes <= 4 << 20);
    wk_buffer_drop(a);
    wk_buffer_drop(b);
    wk_buffers_destroy(&pool);
}

int main(void) {
    env = wk_env_current();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_comes_ahead_is_read_first),
        cmocka_unit_test(test_the_end_between_and_inside_messages),
        cmocka_unit_test(test_a_silent_peer_ends_by_the_deadline),
        cmocka_unit_test(test_many_spans_arrive_in_order),
        cmocka_unit_test(test_a_head_without_end_is_refused),
        cmocka_unit_test(test_buffers_are_kept_and_counted),
        cmocka_unit_test(test_the_budget_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
