/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The eight messages. The bytes themselves are held by the vectors (make vectors) and the verdicts
 * by vectors and the Rust peer; here are the reference's own tests under their names, refusals,
 * limits, and what the interface promises around the bytes.
 */
#include "unit/iov_util.h"

#include <sys/mman.h>

#include "codec/archive_write.h"
#include "codec/envelope.h"
#include "codec/messages.h"
#include "codec/ops.h"

#define HASH_BYTES 64

static const char hashes[4][HASH_BYTES + 1] = {
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "1111111111111111111111111111111111111111111111111111111111111111",
    "2222222222222222222222222222222222222222222222222222222222222222",
};

static void take_hashes(struct wk_span out[4]) {
    for (size_t i = 0; i < 4; i++)
        out[i] = wk_span_text(hashes[i]);
}

static void assert_span(struct wk_span got, const char *text) {
    assert_int_equal(got.size, strlen(text));
    if (got.size > 0)
        assert_memory_equal(got.data, text, got.size);
}

static void assert_text(const struct wk_wire_error *error, const char *text) {
    struct wk_error err;
    assert_int_not_equal(wk_wire_fail(&err, error), WK_OK);
    assert_string_equal(err.text, text);
}

/* Closes the list, checks its sums, and gives its bytes in an allocation of their size. */
static struct wk_span_mut finish(struct list *list) {
    wk_iov_close(&list->iov);
    assert_sums_hold(&list->iov);
    struct wk_span_mut flat = list_flat(&list->iov);
    free(list);
    return flat;
}

static struct wk_span as_span(struct wk_span_mut bytes) {
    return wk_span(bytes.data, bytes.size);
}

/* ---- the reference's tests ---- */

static void ping_request_round_trips(void **state) {
    (void)state;
    struct wk_wire_error error;
    struct list *list = list_new();
    const struct wk_wire_request req = {.id = 42, .op = WK_OP_PING};
    assert_true(wk_wire_request_encode(&list->iov, &req, NULL, &error));
    struct wk_span_mut bytes = finish(list);
    struct wk_wire_request got;
    assert_true(wk_wire_request_archive_decode(as_span(bytes), 0, &got, &error));
    assert_true(got.id == 42);
    assert_int_equal(got.op, WK_OP_PING);
    free(bytes.data);
}

static void put_response_round_trips_with_payload(void **state) {
    (void)state;
    struct wk_wire_error error;
    struct list *list = list_new();
    uint8_t payload[4096];
    memset(payload, 0xab, sizeof payload);
    const struct wk_wire_response resp = {.id = 7,
                                          .status = WK_REPLY_OK,
                                          .op = WK_OP_PUT,
                                          .payload = wk_payload(wk_span(payload, sizeof payload))};
    assert_true(wk_wire_response_encode(&list->iov, &resp, NULL, &error));
    struct wk_span_mut bytes = finish(list);
    struct wk_wire_response got;
    assert_true(wk_wire_response_archive_decode(as_span(bytes), 0, &got, &error));
    assert_true(got.id == 7);
    assert_int_equal(got.status, WK_REPLY_OK);
    assert_int_equal(got.payload.bytes.size, 4096);
    assert_memory_equal(got.payload.bytes.data, payload, sizeof payload);
    assert_false(got.payload.crc_known);
    free(bytes.data);
}

static void lookup_block_prefix_req_resp_round_trip(void **state) {
    (void)state;
    struct wk_wire_error error;
    struct wk_span list_of[4];
    take_hashes(list_of);
    struct list *list = list_new();
    const struct wk_hashes_req req = {wk_span_text("ns/alpha"), list_of, 2};
    assert_true(wk_lookup_req_encode(&list->iov, &req, &error));
    struct wk_span_mut bytes = finish(list);
    struct wk_hashes_req_view got;
    assert_true(wk_lookup_req_decode(as_span(bytes), &got, &error));
    assert_span(got.name_space, "ns/alpha");
    assert_int_equal(got.hashes.count, 2);
    assert_span(wk_archive_text_at(&got.hashes, 0), hashes[0]);
    assert_span(wk_archive_text_at(&got.hashes, 1), hashes[1]);
    free(bytes.data);

    static const struct wk_lookup_resp cases[] = {
        {7, {false, {NULL, 0}}},
        {0, {true, {(const uint8_t *)"bad hex at pos 3", 16}}},
    };
    for (size_t i = 0; i < 2; i++) {
        struct wk_lookup_resp resp;
        list = list_new();
        assert_true(wk_lookup_resp_encode(&list->iov, &cases[i], &error));
        bytes = finish(list);
        assert_true(wk_lookup_resp_decode(as_span(bytes), &resp, &error));
        assert_int_equal(resp.matched_count, cases[i].matched_count);
        assert_int_equal(resp.error.some, cases[i].error.some);
        assert_true(wk_span_equal(resp.error.text, cases[i].error.text));
        free(bytes.data);
    }
}

static void get_kv_blocks_batch_req_resp_round_trip(void **state) {
    (void)state;
    struct wk_wire_error error;
    struct wk_span list_of[4];
    take_hashes(list_of);
    struct list *list = list_new();
    const struct wk_hashes_req req = {wk_span_text("ns/beta"), list_of + 1, 3};
    assert_true(wk_get_blocks_req_encode(&list->iov, &req, &error));
    struct wk_span_mut bytes = finish(list);
    struct wk_hashes_req_view got;
    assert_true(wk_get_blocks_req_decode(as_span(bytes), &got, &error));
    assert_span(got.name_space, "ns/beta");
    assert_int_equal(got.hashes.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_span(wk_archive_text_at(&got.hashes, i), hashes[i + 1]);
    free(bytes.data);

    uint8_t blocks[3][4096];
    static const size_t sizes[3] = {4096, 1024, 2048};
    struct wk_payload payloads[3];
    for (size_t i = 0; i < 3; i++) {
        memset(blocks[i], 0xaa + 0x11 * (int)i, sizes[i]);
        payloads[i] = wk_payload(wk_span(blocks[i], sizes[i]));
    }
    struct wk_get_blocks_resp_view resp;
    list = list_new();
    const struct wk_get_blocks_resp hit = {true, payloads, 3, {false, {NULL, 0}}};
    assert_true(wk_get_blocks_resp_encode(&list->iov, &hit, &error));
    bytes = finish(list);
    assert_true(wk_get_blocks_resp_decode(as_span(bytes), &resp, &error));
    assert_true(resp.hit);
    assert_false(resp.error.some);
    assert_int_equal(resp.payloads.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(wk_span_equal(wk_archive_bytes_at(&resp.payloads, i), payloads[i].bytes));
    free(bytes.data);

    list = list_new();
    const struct wk_get_blocks_resp miss = {false, NULL, 0, {false, {NULL, 0}}};
    assert_true(wk_get_blocks_resp_encode(&list->iov, &miss, &error));
    bytes = finish(list);
    assert_true(wk_get_blocks_resp_decode(as_span(bytes), &resp, &error));
    assert_false(resp.hit);
    assert_int_equal(resp.payloads.count, 0);
    free(bytes.data);
}

static void put_kv_blocks_batch_req_resp_round_trip(void **state) {
    (void)state;
    struct wk_wire_error error;
    struct wk_span list_of[4];
    take_hashes(list_of);
    uint8_t blocks[2][1024];
    memset(blocks[0], 0x77, 512);
    memset(blocks[1], 0x88, 1024);
    const struct wk_payload payloads[2] = {wk_payload(wk_span(blocks[0], 512)),
                                           wk_payload(wk_span(blocks[1], 1024))};
    struct list *list = list_new();
    const struct wk_put_blocks_req req = {wk_span_text("ns/gamma"), list_of, 2, payloads, 2};
    assert_true(wk_put_blocks_req_encode(&list->iov, &req, &error));
    struct wk_span_mut bytes = finish(list);
    struct wk_put_blocks_req_view got;
    assert_true(wk_put_blocks_req_decode(as_span(bytes), &got, &error));
    assert_span(got.name_space, "ns/gamma");
    assert_int_equal(got.hashes.count, 2);
    assert_int_equal(got.payloads.count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_span(wk_archive_text_at(&got.hashes, i), hashes[i]);
        assert_true(wk_span_equal(wk_archive_bytes_at(&got.payloads, i), payloads[i].bytes));
    }
    free(bytes.data);

    static const struct wk_put_blocks_resp cases[] = {
        {1536, {false, {NULL, 0}}},
        {0, {true, {(const uint8_t *)"backend put failure", 19}}},
    };
    for (size_t i = 0; i < 2; i++) {
        struct wk_put_blocks_resp resp;
        list = list_new();
        assert_true(wk_put_blocks_resp_encode(&list->iov, &cases[i], &error));
        bytes = finish(list);
        assert_true(wk_put_blocks_resp_decode(as_span(bytes), &resp, &error));
        assert_true(resp.total_bytes == cases[i].total_bytes);
        assert_int_equal(resp.error.some, cases[i].error.some);
        assert_true(wk_span_equal(resp.error.text, cases[i].error.text));
        free(bytes.data);
    }
}

static void assert_begins(struct list *list, const char *magic) {
    struct wk_span_mut bytes = finish(list);
    assert_true(bytes.size > WK_OP_MAGIC_BYTES);
    assert_memory_equal(bytes.data, magic, WK_OP_MAGIC_BYTES);
    free(bytes.data);
}

/* ARCH-13 */
static void block_payload_magic_headers_are_stable(void **state) {
    (void)state;
    struct wk_wire_error error;
    const struct wk_hashes_req hashes_req = {wk_span_text("ns"), NULL, 0};
    const struct wk_put_blocks_req put_req = {wk_span_text("ns"), NULL, 0, NULL, 0};
    static const struct wk_lookup_resp lookup_resp = {0};
    static const struct wk_get_blocks_resp get_resp = {0};
    static const struct wk_put_blocks_resp put_resp = {0};
    struct list *list = list_new();
    assert_true(wk_lookup_req_encode(&list->iov, &hashes_req, &error));
    assert_begins(list, "WMBT_LBP_REQ\0\0\0\0");
    list = list_new();
    assert_true(wk_lookup_resp_encode(&list->iov, &lookup_resp, &error));
    assert_begins(list, "WMBT_LBP_RES\0\0\0\0");
    list = list_new();
    assert_true(wk_get_blocks_req_encode(&list->iov, &hashes_req, &error));
    assert_begins(list, "WMBT_GBB_REQ\0\0\0\0");
    list = list_new();
    assert_true(wk_get_blocks_resp_encode(&list->iov, &get_resp, &error));
    assert_begins(list, "WMBT_GBB_RES\0\0\0\0");
    list = list_new();
    assert_true(wk_put_blocks_req_encode(&list->iov, &put_req, &error));
    assert_begins(list, "WMBT_PBB_REQ\0\0\0\0");
    list = list_new();
    assert_true(wk_put_blocks_resp_encode(&list->iov, &put_resp, &error));
    assert_begins(list, "WMBT_PBB_RES\0\0\0\0");
}

/* ARCH-13 ARCH-14 */
static void block_payload_codec_rejects_corruption(void **state) {
    (void)state;
    struct wk_wire_error error;
    struct wk_span list_of[4];
    take_hashes(list_of);
    struct list *list = list_new();
    const struct wk_hashes_req req = {wk_span_text("ns"), list_of, 1};
    assert_true(wk_lookup_req_encode(&list->iov, &req, &error));
    struct wk_span_mut bytes = finish(list);
    struct wk_hashes_req_view view;
    memset(&view, 0x5a, sizeof view);
    const struct wk_hashes_req_view before = view;
    bytes.data[0] = 'X';
    assert_false(wk_lookup_req_decode(as_span(bytes), &view, &error));
    assert_text(&error, "lookup_block_prefix_req: bad magic; expected [87, 77, 66, 84, 95, 76, 66, "
                        "80, 95, 82, 69, 81, 0, 0, 0, 0] got first 16 bytes [88, 77, 66, 84, 95, "
                        "76, 66, 80, 95, 82, 69, 81, 0, 0, 0, 0]");
    assert_memory_equal(&view, &before, sizeof view);
    free(bytes.data);

    static const uint8_t block[2][8] = {{1}, {2}};
    const struct wk_payload payloads[2] = {wk_payload(wk_span(block[0], 8)),
                                           wk_payload(wk_span(block[1], 8))};
    list = list_new();
    const struct wk_put_blocks_req put = {wk_span_text("ns"), list_of, 2, payloads, 2};
    assert_true(wk_put_blocks_req_encode(&list->iov, &put, &error));
    bytes = finish(list);
    struct wk_put_blocks_req_view put_view;
    assert_false(wk_put_blocks_req_decode(wk_span(bytes.data, bytes.size - 8), &put_view, &error));
    assert_int_equal(error.kind, WK_WIRE_ARCHIVE);
    assert_string_equal(error.what, "put_kv_blocks_batch_req");
    free(bytes.data);
}

/* ARCH-15 */
static void block_payload_encodes_large_blocks_without_overflow(void **state) {
    (void)state;
    struct wk_wire_error error;
    struct wk_span list_of[4];
    take_hashes(list_of);
    const size_t size = 1 << 20;
    uint8_t *block = malloc(size);
    assert_non_null(block);
    memset(block, 0xcd, size);
    struct wk_payload payloads[4];
    for (size_t i = 0; i < 4; i++)
        payloads[i] = wk_payload(wk_span(block, size));
    struct list *list = list_new();
    const struct wk_put_blocks_req req = {wk_span_text("ns"), list_of, 4, payloads, 4};
    assert_true(wk_put_blocks_req_encode(&list->iov, &req, &error));
    struct wk_span_mut bytes = finish(list);
    struct wk_put_blocks_req_view got;
    assert_true(wk_put_blocks_req_decode(as_span(bytes), &got, &error));
    assert_int_equal(got.payloads.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(wk_span_equal(wk_archive_bytes_at(&got.payloads, i), wk_span(block, size)));
    free(bytes.data);
    free(block);
}

/* ---- what is not copied ---- */

#define BATCH_BLOCKS 16
#define BLOCK_BYTES  (512u * 1024)

/* A put of 16 blocks, archive in archive in envelope, over memory that cannot be read; then what
 * was written is decoded with the payloads unreadable again.
 * ARCH-15 FRAME-7 */
static void a_batch_travels_without_its_payloads_being_touched(void **state) {
    (void)state;
    const size_t all = BATCH_BLOCKS * BLOCK_BYTES;
    uint8_t *blocks = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(blocks != MAP_FAILED);
    struct wk_payload payloads[BATCH_BLOCKS];
    struct wk_span names[BATCH_BLOCKS];
    for (size_t i = 0; i < BATCH_BLOCKS; i++) {
        uint8_t *block = blocks + i * BLOCK_BYTES;
        memset(block, (int)i + 1, BLOCK_BYTES);
        payloads[i] =
            (struct wk_payload){wk_span(block, BLOCK_BYTES), true, wk_crc32c(block, BLOCK_BYTES)};
        names[i] = wk_span_text(hashes[i % 4]);
    }
    assert_int_equal(mprotect(blocks, all, PROT_NONE), 0);
    struct wk_wire_error error;
    struct list *inner = list_new();
    struct list *frame = list_new();
    const struct wk_put_blocks_req put = {wk_span_text("default"), names, BATCH_BLOCKS, payloads,
                                          BATCH_BLOCKS};
    const struct wk_wire_request req = {
        .id = 1, .op = WK_OP_PUT_KV_BLOCKS_BATCH, .name_space = wk_span_text("default")};
    assert_true(wk_put_blocks_req_encode(&inner->iov, &put, &error));
    wk_iov_close(&inner->iov);
    assert_true(wk_envelope_begin(&frame->iov, &error));
    assert_true(wk_wire_request_encode(&frame->iov, &req, &inner->iov, &error));
    assert_true(wk_envelope_end(&frame->iov, &error));
    size_t borrowed = 0;
    for (size_t i = 0; i < frame->iov.count; i++)
        borrowed += frame->pieces[i].data >= blocks && frame->pieces[i].data < blocks + all;
    assert_int_equal(borrowed, BATCH_BLOCKS);
    assert_int_equal(mprotect(blocks, all, PROT_READ), 0);

    /* The combined CRC is that of the bytes; the payloads come out as they went in. */
    struct wk_span_mut bytes = list_flat(&frame->iov);
    struct wk_span body;
    struct wk_wire_request got;
    struct wk_put_blocks_req_view view;
    assert_true(wk_envelope_decode(as_span(bytes), WK_FRAME_BODY_BYTES_MAX, &body, &error));
    assert_true(wk_wire_request_archive_decode(body, 0, &got, &error));
    assert_true(wk_put_blocks_req_decode(got.payload.bytes, &view, &error));
    assert_int_equal(view.payloads.count, BATCH_BLOCKS);
    for (size_t i = 0; i < BATCH_BLOCKS; i++)
        assert_true(wk_span_equal(wk_archive_bytes_at(&view.payloads, i), payloads[i].bytes));
    free(bytes.data);
    free(inner);
    free(frame);
    munmap(blocks, all);
}

/* A nested payload makes the same bytes as one that is given whole. ARCH-15 */
static void nested_and_flat_payloads_make_the_same_bytes(void **state) {
    (void)state;
    struct wk_wire_error error;
    struct wk_span list_of[4];
    take_hashes(list_of);
    struct list *inner = list_new();
    const struct wk_hashes_req lookup = {wk_span_text("some namespace"), list_of, 4};
    assert_true(wk_lookup_req_encode(&inner->iov, &lookup, &error));
    wk_iov_close(&inner->iov);
    struct wk_span_mut flat = list_flat(&inner->iov);
    struct list *lists[4];
    for (size_t i = 0; i < 4; i++) {
        lists[i] = list_new();
        const struct wk_iov *nested = i % 2 == 0 ? &inner->iov : NULL;
        struct wk_payload payload = wk_payload(nested ? wk_span(NULL, 0) : as_span(flat));
        const struct wk_wire_request req = {9, 11, wk_span_text("n"), wk_span_text("a longer key"),
                                            payload};
        const struct wk_wire_response resp = {9, 0, 11, payload, wk_span_text("a longer message")};
        if (i < 2)
            assert_true(wk_wire_request_encode(&lists[i]->iov, &req, nested, &error));
        else
            assert_true(wk_wire_response_encode(&lists[i]->iov, &resp, nested, &error));
    }
    for (size_t i = 0; i < 4; i += 2) {
        struct wk_span_mut a = finish(lists[i]);
        struct wk_span_mut b = finish(lists[i + 1]);
        assert_int_equal(a.size, b.size);
        assert_memory_equal(a.data, b.data, a.size);
        free(a.data);
        free(b.data);
    }
    free(flat.data);
    free(inner);
}

/* ---- refusals ---- */

/* ARCH-12 */
static void hashes_without_their_payloads_are_refused(void **state) {
    (void)state;
    struct wk_wire_error error;
    struct wk_span list_of[4];
    take_hashes(list_of);
    struct list *list = list_new();
    const struct wk_put_blocks_req req = {wk_span_text("ns"), list_of, 3, NULL, 0};
    struct wk_iov before = list->iov;
    assert_false(wk_put_blocks_req_encode(&list->iov, &req, &error));
    assert_text(&error, "put_kv_blocks_batch_req: body length mismatch (claimed=3, actual=0)");
    assert_memory_equal(&before, &list->iov, sizeof before);
    /* The archive itself can say it, and the decoder accepts it, as the reference's does. */
    assert_true(wk_put_blocks_req_archive_encode(&list->iov, &req, &error));
    struct wk_span_mut bytes = finish(list);
    struct wk_put_blocks_req_view view;
    assert_true(wk_put_blocks_req_archive_decode(as_span(bytes), 0, &view, &error));
    assert_int_equal(view.hashes.count, 3);
    assert_int_equal(view.payloads.count, 0);
    free(bytes.data);
}

/* In every text of every message. ARCH-12 */
static void a_text_that_is_not_utf8_is_refused(void **state) {
    (void)state;
    const struct wk_span bad = wk_span_text("good so far \xff");
    const struct wk_text_option bad_option = {true, bad};
    const struct wk_span good = wk_span_text("g");
    const struct wk_span two[2] = {good, bad};
    struct wk_wire_error error;
    struct list *list = list_new();
    struct wk_iov before = list->iov;
    const struct wk_wire_request a = {.name_space = bad};
    const struct wk_wire_request b = {.key = bad};
    const struct wk_wire_response c = {.message = bad};
    const struct wk_hashes_req d = {bad, NULL, 0};
    const struct wk_hashes_req e = {good, two, 2};
    const struct wk_put_blocks_req f = {bad, NULL, 0, NULL, 0};
    const struct wk_put_blocks_req g = {good, two, 2, NULL, 0};
    const struct wk_lookup_resp h = {0, bad_option};
    const struct wk_get_blocks_resp i = {false, NULL, 0, bad_option};
    const struct wk_put_blocks_resp j = {0, bad_option};
    assert_false(wk_wire_request_encode(&list->iov, &a, NULL, &error));
    assert_text(&error, "wire_request: utf8: invalid utf-8 sequence of 1 bytes from index 12");
    assert_false(wk_wire_request_encode(&list->iov, &b, NULL, &error));
    assert_false(wk_wire_response_encode(&list->iov, &c, NULL, &error));
    assert_text(&error, "wire_response: utf8: invalid utf-8 sequence of 1 bytes from index 12");
    assert_false(wk_lookup_req_encode(&list->iov, &d, &error));
    assert_false(wk_get_blocks_req_encode(&list->iov, &e, &error));
    assert_text(&error,
                "get_kv_blocks_batch_req: utf8: invalid utf-8 sequence of 1 bytes from index 12");
    assert_false(wk_put_blocks_req_archive_encode(&list->iov, &f, &error));
    assert_false(wk_put_blocks_req_archive_encode(&list->iov, &g, &error));
    assert_false(wk_lookup_resp_encode(&list->iov, &h, &error));
    assert_false(wk_get_blocks_resp_encode(&list->iov, &i, &error));
    assert_false(wk_put_blocks_resp_encode(&list->iov, &j, &error));
    assert_int_equal(error.kind, WK_WIRE_UTF8);
    assert_memory_equal(&before, &list->iov, sizeof before);
    free(list);
}

/* Sizes that 32-bit offsets cannot express, in payloads that are never read; the largest that they
 * can is taken, and the Rust encoder panics one byte later, too.
 * ARCH-12 */
static void what_offsets_cannot_reach_is_refused(void **state) {
    (void)state;
    struct wk_wire_error error;
    for (unsigned over = 0; over < 2; over++) {
        struct list *list = list_new();
        const struct wk_wire_request req = {
            .payload = {{(const uint8_t *)"never read", (size_t)INT32_MAX - 47 + over}, true, 0}};
        struct wk_iov before = list->iov;
        bool good = wk_wire_request_encode(&list->iov, &req, NULL, &error);
        assert_int_equal(good, over == 0);
        if (over)
            assert_memory_equal(&before, &list->iov, sizeof before);
        else
            assert_true(list->iov.total_bytes == (uint64_t)INT32_MAX - 7);
        free(list);
    }
    assert_text(&error, "wire_request: 2147483648 at byte 0 is over the limit of 2147483647");

    struct list *list = list_new();
    const struct wk_wire_response resp = {
        .message = {(const uint8_t *)"never read", (size_t)1 << 30}};
    assert_false(wk_wire_response_encode(&list->iov, &resp, NULL, &error));
    assert_text(&error, "wire_response: 1073741824 at byte 0 is over the limit of 1073741823");
    const struct wk_wire_request enormous = {
        .payload = {{(const uint8_t *)"never read", SIZE_MAX}, true, 0}};
    assert_false(wk_wire_request_encode(&list->iov, &enormous, NULL, &error));
    free(list);

    /* An archive that no offset could span is not looked at. */
    struct wk_wire_request view;
    assert_false(wk_wire_request_archive_decode(
        wk_span("never read", (size_t)WK_ARCHIVE_BYTES_MAX + 1), 0, &view, &error));
    assert_int_equal(error.kind, WK_WIRE_TOO_LARGE);
}

/* The longest text an archive can hold, of zero bytes that take no memory. ARCH-12 */
static void the_longest_text_is_written(void **state) {
    (void)state;
    const size_t size = WK_ARCHIVE_TEXT_BYTES_MAX;
    uint8_t *zeros =
        mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(zeros != MAP_FAILED);
    struct wk_wire_error error;
    struct list *list = list_new();
    const struct wk_wire_response resp = {.message = wk_span(zeros, size)};
    assert_true(wk_wire_response_encode(&list->iov, &resp, NULL, &error));
    wk_iov_close(&list->iov);
    assert_int_equal(list->iov.count, 2);
    assert_int_equal(list->pieces[0].size, size);
    const uint8_t *root = list->pieces[1].data + 1; /* behind one byte of padding */
    assert_memory_equal(root + 20, "\xbf\xff\xff\xff", 4);
    free(list);
    munmap(zeros, size);
}

/* ---- room ---- */

/* What ..._need says is enough, and one less of anything is not. */
static void check_need(const struct wk_put_blocks_req *m) {
    struct wk_iov_need need = wk_put_blocks_req_need(m);
    struct wk_span pieces[LIST_PIECES];
    uint8_t scratch[4096];
    struct wk_wire_error error;
    struct wk_iov enough = wk_iov(pieces, need.pieces, scratch, need.scratch_bytes);
    struct wk_iov few = wk_iov(pieces, need.pieces - 1, scratch, need.scratch_bytes);
    struct wk_iov little = wk_iov(pieces, need.pieces, scratch, need.scratch_bytes - 1);
    assert_false(wk_put_blocks_req_encode(&few, m, &error));
    assert_false(wk_put_blocks_req_encode(&little, m, &error));
    assert_int_equal(error.kind, WK_WIRE_TOO_LARGE);
    assert_int_equal(little.count, 0);
    assert_int_equal(little.scratch.at, 0);
    assert_true(wk_put_blocks_req_encode(&enough, m, &error));
    wk_iov_close(&enough);
    assert_int_equal(enough.count, need.pieces);
    assert_int_equal(enough.scratch.at, need.scratch_bytes);
    assert_true(enough.total_bytes == need.total_bytes);
    assert_false(enough.scratch.failed);
    assert_sums_hold(&enough);
}

/* FRAME-9 */
static void a_message_takes_exactly_the_room_it_says(void **state) {
    (void)state;
    static const uint8_t bytes[1024] = {1};
    struct wk_span list_of[4];
    take_hashes(list_of);
    for (size_t size = 0; size < 1000; size += 37) {
        struct wk_payload payloads[4];
        for (size_t i = 0; i < 4; i++)
            payloads[i] = wk_payload(wk_span(bytes, i == 2 ? 0 : size + i));
        for (size_t count = 0; count <= 4; count++) {
            const struct wk_put_blocks_req m = {wk_span("a namespace", size % 12), list_of, count,
                                                payloads, count};
            check_need(&m);
        }
    }
}

/* A list without room refuses every message, and an archive behind another message's magic, or
 * behind none, is refused by every decoder. FRAME-9 ARCH-13 */
static void every_encoder_asks_for_room(void **state) {
    (void)state;
    static const struct wk_wire_request request = {0};
    static const struct wk_wire_response response = {0};
    static const struct wk_hashes_req hashes_req = {{NULL, 0}, NULL, 0};
    static const struct wk_lookup_resp lookup_resp = {0};
    static const struct wk_get_blocks_resp get_resp = {0};
    static const struct wk_put_blocks_req put_req = {{NULL, 0}, NULL, 0, NULL, 0};
    static const struct wk_put_blocks_resp put_resp = {0};
    struct wk_wire_error e;
    struct wk_span piece;
    struct wk_iov none = wk_iov(&piece, 1, NULL, 0);
    struct wk_iov *to = &none;
    assert_false(wk_wire_request_encode(to, &request, NULL, &e));
    assert_false(wk_wire_response_encode(to, &response, NULL, &e));
    assert_false(wk_lookup_req_encode(to, &hashes_req, &e));
    assert_false(wk_get_blocks_req_archive_encode(to, &hashes_req, &e));
    assert_false(wk_lookup_resp_encode(to, &lookup_resp, &e));
    assert_false(wk_lookup_resp_archive_encode(to, &lookup_resp, &e));
    assert_false(wk_get_blocks_resp_encode(to, &get_resp, &e));
    assert_false(wk_put_blocks_req_encode(to, &put_req, &e));
    assert_false(wk_put_blocks_resp_encode(to, &put_resp, &e));
    assert_int_equal(e.kind, WK_WIRE_TOO_LARGE);
    assert_int_equal(none.count, 0);
}

static void every_decoder_wants_its_magic(void **state) {
    (void)state;
    static const char *const magics[] = {"WMBT_LBP_REQ\0\0\0\0", "WMBT_LBP_RES\0\0\0\0",
                                         "WMBT_GBB_REQ\0\0\0\0", "WMBT_GBB_RES\0\0\0\0",
                                         "WMBT_PBB_REQ\0\0\0\0", "WMBT_PBB_RES\0\0\0\0"};
    struct wk_hashes_req_view hashes_req;
    struct wk_lookup_resp lookup_resp;
    struct wk_get_blocks_resp_view get_resp;
    struct wk_put_blocks_req_view put_req;
    struct wk_put_blocks_resp put_resp;
    for (size_t i = 0; i < 6; i++) {
        struct wk_wire_error e[6];
        struct wk_span magic = wk_span(magics[i], WK_OP_MAGIC_BYTES);
        assert_false(wk_lookup_req_decode(magic, &hashes_req, &e[0]));
        assert_false(wk_lookup_resp_decode(magic, &lookup_resp, &e[1]));
        assert_false(wk_get_blocks_req_decode(magic, &hashes_req, &e[2]));
        assert_false(wk_get_blocks_resp_decode(magic, &get_resp, &e[3]));
        assert_false(wk_put_blocks_req_decode(magic, &put_req, &e[4]));
        assert_false(wk_put_blocks_resp_decode(magic, &put_resp, &e[5]));
        for (size_t k = 0; k < 6; k++)
            assert_int_equal(e[k].kind, k == i ? WK_WIRE_ARCHIVE : WK_WIRE_BAD_MAGIC);
    }
}

/* ---- hostile bytes ---- */

/* Every cut and every changed byte of an archive, in memory of exactly its size: some verdict, the
 * output untouched by a refusal, and views inside the input. ARCH-14 */
static void check_views(const struct wk_put_blocks_req_view *v, struct wk_span in) {
    struct wk_span views[64];
    size_t count = 0;
    views[count++] = v->name_space;
    for (size_t i = 0; i < v->hashes.count && count < 32; i++)
        views[count++] = wk_archive_text_at(&v->hashes, i);
    for (size_t i = 0; i < v->payloads.count && count < 64; i++)
        views[count++] = wk_archive_bytes_at(&v->payloads, i);
    for (size_t i = 0; i < count; i++) {
        assert_true(views[i].data >= in.data && views[i].data <= in.data + in.size);
        assert_true(views[i].size <= (size_t)(in.data + in.size - views[i].data));
    }
}

static void judge(struct wk_span in) {
    uint8_t *exact = malloc(in.size + (in.size == 0));
    assert_non_null(exact);
    if (in.size > 0)
        memcpy(exact, in.data, in.size);
    struct wk_put_blocks_req_view view;
    memset(&view, 0x5a, sizeof view);
    const struct wk_put_blocks_req_view before = view;
    struct wk_wire_error error;
    if (wk_put_blocks_req_archive_decode(wk_span(exact, in.size), 0, &view, &error))
        check_views(&view, wk_span(exact, in.size));
    else
        assert_memory_equal(&view, &before, sizeof view);
    free(exact);
}

static void no_bytes_lead_outside(void **state) {
    (void)state;
    static const uint8_t block[20] = {1};
    struct wk_span list_of[4];
    take_hashes(list_of);
    const struct wk_payload payloads[2] = {wk_payload(wk_span(block, 20)),
                                           wk_payload(wk_span(block, 3))};
    struct wk_wire_error error;
    struct list *list = list_new();
    const struct wk_put_blocks_req req = {wk_span_text("a namespace"), list_of, 2, payloads, 2};
    assert_true(wk_put_blocks_req_archive_encode(&list->iov, &req, &error));
    struct wk_span_mut bytes = finish(list);
    for (size_t size = 0; size <= bytes.size; size++) {
        judge(wk_span(bytes.data, size));
        judge(wk_span(bytes.data + size, bytes.size - size));
    }
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t kept = bytes.data[i];
        for (unsigned value = 0; value < 256; value++) {
            bytes.data[i] = (uint8_t)value;
            judge(as_span(bytes));
        }
        bytes.data[i] = kept;
    }
    free(bytes.data);
}

/* Twenty bytes that ask the reference for 100 GB are refused, and so is every count that the bytes
 * cannot hold. ARCH-14 */
static void a_count_is_held_against_the_bytes_that_are_there(void **state) {
    (void)state;
    /* namespace inline and empty; hashes: offset -8, count from the loop */
    uint8_t bytes[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf8, 0xff, 0xff, 0xff};
    struct wk_hashes_req_view view;
    struct wk_wire_error error;
    for (uint64_t count = 1; count <= UINT32_MAX; count = count * 5 + 1) {
        for (unsigned i = 0; i < 4; i++)
            bytes[12 + i] = (uint8_t)(count >> 8 * i);
        assert_false(wk_lookup_req_archive_decode(wk_span(bytes, 16), 0, &view, &error));
        assert_int_equal(error.check, WK_ARCHIVE_BOUNDS);
        assert_int_equal(error.at, 8);
    }
    memset(bytes + 12, 0xff, 4);
    assert_false(wk_lookup_req_archive_decode(wk_span(bytes, 16), 0, &view, &error));
    assert_text(&error, "lookup_block_prefix_req: rkyv: check \"bounds\" fails at byte 8");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ping_request_round_trips),
        cmocka_unit_test(put_response_round_trips_with_payload),
        cmocka_unit_test(lookup_block_prefix_req_resp_round_trip),
        cmocka_unit_test(get_kv_blocks_batch_req_resp_round_trip),
        cmocka_unit_test(put_kv_blocks_batch_req_resp_round_trip),
        cmocka_unit_test(block_payload_magic_headers_are_stable),
        cmocka_unit_test(block_payload_codec_rejects_corruption),
        cmocka_unit_test(block_payload_encodes_large_blocks_without_overflow),
        cmocka_unit_test(a_batch_travels_without_its_payloads_being_touched),
        cmocka_unit_test(nested_and_flat_payloads_make_the_same_bytes),
        cmocka_unit_test(hashes_without_their_payloads_are_refused),
        cmocka_unit_test(a_text_that_is_not_utf8_is_refused),
        cmocka_unit_test(what_offsets_cannot_reach_is_refused),
        cmocka_unit_test(the_longest_text_is_written),
        cmocka_unit_test(a_message_takes_exactly_the_room_it_says),
        cmocka_unit_test(every_encoder_asks_for_room),
        cmocka_unit_test(every_decoder_wants_its_magic),
        cmocka_unit_test(no_bytes_lead_outside),
        cmocka_unit_test(a_count_is_held_against_the_bytes_that_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
