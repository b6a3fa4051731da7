/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/iov_util.h"

#include <sys/mman.h>

#include "codec/envelope.h"

static const uint8_t example[] = {0x57, 0x4d, 0x42, 0x54, 1, 0, 0, 0,  0x93,
                                  0x5f, 0x3c, 0xa9, 1,    0, 0, 0, 'x'};

static const struct wk_wire_error untouched = {.kind = WK_WIRE_OK, .what = "untouched"};

static void assert_text(const struct wk_wire_error *error, const char *text) {
    struct wk_error err;
    assert_int_not_equal(wk_wire_fail(&err, error), WK_OK);
    assert_string_equal(err.text, text);
}

/* FRAME-1 */
static void the_example_is_written_and_read(void **state) {
    (void)state;
    uint8_t out[WK_ENVELOPE_HEADER_BYTES];
    const struct wk_envelope_header header = {wk_crc32c("x", 1), 1};
    wk_envelope_header_encode(out, &header);
    assert_memory_equal(out, example, sizeof out);

    struct wk_span body;
    struct wk_wire_error error = untouched;
    assert_true(wk_envelope_decode(wk_span(example, sizeof example), 1, &body, &error));
    assert_int_equal(body.size, 1);
    assert_ptr_equal(body.data, example + WK_ENVELOPE_HEADER_BYTES);
    assert_string_equal(error.what, "untouched");

    struct wk_envelope_header read;
    assert_true(wk_envelope_header_decode(wk_span(example, 16), 1, &read, &error));
    assert_true(wk_envelope_body_check(&read, 1, wk_crc32c("x", 1), &error));
    assert_false(wk_envelope_body_check(&read, 2, wk_crc32c("x", 1), &error));
    assert_int_equal(error.kind, WK_WIRE_BODY_LENGTH_MISMATCH);
    assert_false(wk_envelope_body_check(&read, 1, wk_crc32c("y", 1), &error));
    assert_int_equal(error.kind, WK_WIRE_CHECKSUM);
}

/* Every change of one byte, cut and addition is refused; the outputs stay as they were.
 * FRAME-2 FRAME-5 FRAME-6 */
static void no_damaged_message_passes(void **state) {
    (void)state;
    uint8_t bytes[sizeof example + 1] = {0};
    struct wk_span body = wk_span("kept", 4);
    struct wk_wire_error error;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        memcpy(bytes, example, sizeof example);
        if (size != sizeof example)
            assert_false(wk_envelope_decode(wk_span(bytes, size), 100, &body, &error));
    }
    for (size_t i = 0; i < sizeof example; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            memcpy(bytes, example, sizeof example);
            bytes[i] ^= (uint8_t)(1u << bit);
            assert_false(wk_envelope_decode(wk_span(bytes, sizeof example), 100, &body, &error));
        }
    }
    assert_int_equal(body.size, 4);
    assert_memory_equal(body.data, "kept", 4);
}

/* FRAME-3 FRAME-6 */
static void the_first_check_that_fails_is_named_with_its_numbers(void **state) {
    (void)state;
    uint8_t bytes[sizeof example];
    struct wk_envelope_header header = {7, 8};
    struct wk_wire_error error;
    assert_false(wk_envelope_header_decode(wk_span(example, 15), 1, &header, &error));
    assert_text(&error, "envelope truncated: need 16 bytes at offset 0, payload is 15");

    /* All is wrong; each is mended in turn. */
    memset(bytes, 0xff, sizeof bytes);
    assert_false(wk_envelope_header_decode(wk_span(bytes, 16), 1, &header, &error));
    assert_text(&error, "envelope: bad magic; expected [87, 77, 66, 84] got first 4 bytes "
                        "[255, 255, 255, 255]");
    memcpy(bytes, example, 4);
    assert_false(wk_envelope_header_decode(wk_span(bytes, 16), 1, &header, &error));
    assert_text(&error, "envelope: version 4294967295 at byte 4, only 1 is spoken here");
    memcpy(bytes + 4, example + 4, 4);
    assert_false(wk_envelope_header_decode(wk_span(bytes, 16), 1000, &header, &error));
    assert_text(&error, "envelope: 4294967295 at byte 12 is over the limit of 1000");
    assert_int_equal(wk_wire_fail(NULL, &error), WK_TOO_LARGE);
    memcpy(bytes + 12, "\2\0\0\0", 4);
    assert_int_equal(header.crc32c, 7);
    assert_int_equal(header.body_bytes, 8);

    struct wk_span body;
    assert_false(wk_envelope_decode(wk_span(bytes, 17), 1000, &body, &error));
    assert_text(&error, "envelope: body length mismatch (claimed=2, actual=1)");
    bytes[12] = 1;
    bytes[16] = 'x';
    assert_false(wk_envelope_decode(wk_span(bytes, 17), 1000, &body, &error));
    assert_text(&error, "envelope: CRC32C is a93c5f93, ffffffff is stated at byte 8");
}

/* FRAME-4 */
static void a_stream_reader_refuses_a_size_from_the_header_alone(void **state) {
    (void)state;
    struct wk_envelope_header header;
    struct wk_wire_error error;
    uint8_t bytes[WK_ENVELOPE_HEADER_BYTES];
    static const struct {
        uint32_t body_bytes;
        bool good;
    } cases[] = {{0, true},
                 {WK_FRAME_BODY_BYTES_MAX, true},
                 {WK_FRAME_BODY_BYTES_MAX + 1, false},
                 {UINT32_MAX, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct wk_envelope_header written = {0, cases[i].body_bytes};
        wk_envelope_header_encode(bytes, &written);
        bool good = wk_envelope_header_decode(wk_span(bytes, sizeof bytes), WK_FRAME_BODY_BYTES_MAX,
                                              &header, &error);
        assert_int_equal(good, cases[i].good);
        if (good)
            assert_true(header.body_bytes == cases[i].body_bytes);
    }
}

/* ---- pieces ---- */

/* FRAME-7 */
static void small_things_make_one_piece_and_large_ones_are_borrowed(void **state) {
    (void)state;
    struct list *list = list_new();
    struct wk_wire_error error;
    static const uint8_t large[WK_IOV_COPY_BYTES_MAX + 1] = {1, 2, 3};
    struct wk_payload borrowed = wk_payload(wk_span(large, sizeof large));
    struct wk_payload copied = wk_payload(wk_span(large, WK_IOV_COPY_BYTES_MAX));
    assert_true(wk_envelope_begin(&list->iov, &error));
    wk_iov_copy(&list->iov, wk_span_text("head"));
    wk_iov_zeros(&list->iov, 3);
    wk_iov_add(&list->iov, &copied);
    wk_iov_add(&list->iov, &borrowed);
    wk_iov_add(&list->iov, &borrowed);
    wk_iov_copy(&list->iov, wk_span_text("tail"));
    assert_true(wk_envelope_end(&list->iov, &error));
    assert_int_equal(list->iov.count, 5); /* header; small; large; large; small */
    assert_ptr_equal(list->pieces[2].data, large);
    assert_ptr_equal(list->pieces[3].data, large);
    assert_true(list->iov.total_bytes == 4 + 3 + 128 + 129 + 129 + 4);

    struct wk_span_mut flat = list_flat(&list->iov);
    struct wk_span body;
    assert_true(wk_envelope_decode(wk_span(flat.data, flat.size), 1000, &body, &error));
    assert_int_equal(body.size, list->iov.total_bytes);
    free(flat.data);
    free(list);
}

/* A page that cannot be read stands for the payload. FRAME-7 */
static void a_payload_whose_crc_is_known_is_not_read(void **state) {
    (void)state;
    const size_t size = 1 << 20;
    uint8_t *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    memset(page, 0x5a, size);
    struct wk_payload known = {wk_span(page, size), true, wk_crc32c(page, size)};
    assert_int_equal(mprotect(page, size, PROT_NONE), 0);
    struct list *list = list_new();
    struct wk_wire_error error;
    assert_true(wk_envelope_begin(&list->iov, &error));
    wk_iov_copy(&list->iov, wk_span_text("before"));
    wk_iov_add(&list->iov, &known);
    wk_iov_copy(&list->iov, wk_span_text("after"));
    assert_true(wk_envelope_end(&list->iov, &error));
    assert_int_equal(mprotect(page, size, PROT_READ), 0);
    struct wk_span_mut flat = list_flat(&list->iov);
    struct wk_span body;
    assert_true(wk_envelope_decode(wk_span(flat.data, flat.size), UINT32_MAX, &body, &error));
    free(flat.data);
    free(list);
    munmap(page, size);
}

/* FRAME-7 */
static void a_list_inside_a_list_keeps_total_and_crc(void **state) {
    (void)state;
    struct list *inner = list_new();
    struct list *outer = list_new();
    static const uint8_t large[1000] = {9};
    struct wk_payload borrowed = wk_payload(wk_span(large, sizeof large));
    wk_iov_copy(&inner->iov, wk_span_text("in"));
    wk_iov_add(&inner->iov, &borrowed);
    wk_iov_close(&inner->iov);
    wk_iov_close(&inner->iov); /* once is enough, twice is the same */
    assert_int_equal(inner->iov.count, 2);
    wk_iov_copy(&outer->iov, wk_span_text("out"));
    wk_iov_nest(&outer->iov, &inner->iov);
    wk_iov_copy(&outer->iov, wk_span_text("side"));
    wk_iov_close(&outer->iov);
    assert_int_equal(outer->iov.count, 4);
    assert_ptr_equal(outer->pieces[2].data, large);
    assert_sums_hold(&outer->iov);

    struct list *empty = list_new();
    wk_iov_close(&empty->iov);
    wk_iov_nest(&outer->iov, &empty->iov);
    assert_int_equal(outer->iov.count, 4);
    free(empty);
    free(inner);
    free(outer);
}

/* FRAME-8: one byte over the largest body, in payloads that are never read. */
static void a_body_over_the_limit_is_refused(void **state) {
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        struct list *list = list_new();
        struct wk_wire_error error;
        struct wk_payload huge = {
            {(const uint8_t *)"never read", WK_FRAME_BODY_BYTES_MAX - 1}, true, 0};
        assert_true(wk_envelope_begin(&list->iov, &error));
        wk_iov_add(&list->iov, &huge);
        wk_iov_zeros(&list->iov, 1 + over);
        assert_int_equal(wk_envelope_end(&list->iov, &error), over == 0);
        if (over)
            assert_text(&error, "envelope: 268435457 at byte 12 is over the limit of 268435456");
        free(list);
    }
}

/* FRAME-9 */
static void a_list_without_room_says_so_and_stays_as_it_was(void **state) {
    (void)state;
    struct list *list = list_new();
    struct wk_wire_error error;
    wk_iov_copy(&list->iov, wk_span_text("open"));
    struct wk_iov before = list->iov;
    struct wk_iov_need need = {LIST_PIECES - 1, LIST_SCRATCH - 4, WK_ARCHIVE_BYTES_MAX - 4};
    assert_true(wk_iov_has_room(&list->iov, need, "it", &error));
    need.pieces++; /* what is open takes a piece, too */
    assert_false(wk_iov_has_room(&list->iov, need, "it", &error));
    assert_text(&error, "list of pieces: 65 at byte 0 is over the limit of 64");
    need.pieces--;
    need.scratch_bytes++;
    assert_false(wk_iov_has_room(&list->iov, need, "it", &error));
    assert_text(&error, "memory of the encoder: 65533 at byte 4 is over the limit of 65536");
    need.scratch_bytes--;
    need.total_bytes++;
    assert_false(wk_iov_has_room(&list->iov, need, "it", &error));
    assert_text(&error, "it: 2147483648 at byte 4 is over the limit of 2147483647");
    need.total_bytes = UINT64_MAX;
    assert_false(wk_iov_has_room(&list->iov, need, "it", &error));
    assert_memory_equal(&before, &list->iov, sizeof before);

    /* Who adds without having asked gets no more than there is. */
    static const uint8_t large[200] = {1};
    struct wk_payload borrowed = wk_payload(wk_span(large, sizeof large));
    for (size_t i = 0; i < LIST_PIECES + 5; i++)
        wk_iov_add(&list->iov, &borrowed);
    assert_int_equal(list->iov.count, LIST_PIECES);
    struct wk_iov_need nothing = {0, 0, 0};
    wk_iov_zeros(&list->iov, LIST_SCRATCH + 1);
    list->iov.count = 0;
    assert_false(wk_iov_has_room(&list->iov, nothing, "it", &error));
    assert_int_equal(wk_iov_needed(&list->iov).pieces, 0);

    struct wk_iov none = wk_iov(NULL, 0, NULL, 0);
    assert_false(wk_envelope_begin(&none, &error));
    struct wk_span piece;
    struct wk_iov thin = wk_iov(&piece, 1, NULL, 0);
    assert_false(wk_envelope_begin(&thin, &error));
    assert_int_equal(thin.count, 0);
    free(list);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_is_written_and_read),
        cmocka_unit_test(no_damaged_message_passes),
        cmocka_unit_test(the_first_check_that_fails_is_named_with_its_numbers),
        cmocka_unit_test(a_stream_reader_refuses_a_size_from_the_header_alone),
        cmocka_unit_test(small_things_make_one_piece_and_large_ones_are_borrowed),
        cmocka_unit_test(a_payload_whose_crc_is_known_is_not_read),
        cmocka_unit_test(a_list_inside_a_list_keeps_total_and_crc),
        cmocka_unit_test(a_body_over_the_limit_is_refused),
        cmocka_unit_test(a_list_without_room_says_so_and_stays_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
