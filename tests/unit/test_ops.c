/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the reference's transport crate have their counterparts here, under the same names. */
#include "unit/cmocka_all.h"

#include "codec/ops.h"
#include "codec/wire_error.h"
#include "unit/vectors.h"

static const struct {
    const char *payload;
    struct wk_span magic;
} magics[] = {
    {"lookup_block_prefix_req", {(const uint8_t *)WK_LOOKUP_BLOCK_PREFIX_REQ_MAGIC, 16}},
    {"lookup_block_prefix_resp", {(const uint8_t *)WK_LOOKUP_BLOCK_PREFIX_RESP_MAGIC, 16}},
    {"get_kv_blocks_batch_req", {(const uint8_t *)WK_GET_KV_BLOCKS_BATCH_REQ_MAGIC, 16}},
    {"get_kv_blocks_batch_resp", {(const uint8_t *)WK_GET_KV_BLOCKS_BATCH_RESP_MAGIC, 16}},
    {"put_kv_blocks_batch_req", {(const uint8_t *)WK_PUT_KV_BLOCKS_BATCH_REQ_MAGIC, 16}},
    {"put_kv_blocks_batch_resp", {(const uint8_t *)WK_PUT_KV_BLOCKS_BATCH_RESP_MAGIC, 16}},
    {"key_batch", {(const uint8_t *)WK_KEY_BATCH_MAGIC, WK_KEY_BATCH_MAGIC_BYTES}},
    {"bytes_batch", {(const uint8_t *)WK_BYTES_BATCH_MAGIC, WK_BYTES_BATCH_MAGIC_BYTES}},
};

static void check_magic(const char *payload, const char *hex) {
    struct wk_span expected = vector_bytes(hex);
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        if (strcmp(magics[i].payload, payload) == 0) {
            assert_true(wk_span_equal(magics[i].magic, expected));
            vector_free(expected);
            return;
        }
    }
    fail_msg("no magic for %s", payload);
}

static unsigned magics_checked;

static void check_name(const struct vector_line *line) {
    const char *kind = line->fields[0];
    if (strcmp(kind, "op") == 0) {
        assert_string_equal(wk_op_name((uint8_t)atoi(line->fields[1])), line->fields[2]);
    } else if (strcmp(kind, "reply") == 0) {
        assert_string_equal(wk_reply_name((uint8_t)atoi(line->fields[1])), line->fields[2]);
    } else if (strcmp(kind, "magic") == 0) {
        check_magic(line->fields[1], line->fields[2]);
        magics_checked++;
    }
}

/* NAME-1 NAME-2 NAME-3 NAME-4 */
static void names_and_magics_are_those_of_the_vectors(void **state) {
    (void)state;
    magics_checked = 0;
    assert_true(vectors_each("tests/vectors/names.txt", check_name) >= 40);
    assert_int_equal(magics_checked, sizeof magics / sizeof *magics);
}

/* NAME-1 */
static void block_opcodes_are_distinct_and_contiguous(void **state) {
    (void)state;
    assert_int_equal(WK_OP_LOOKUP_BLOCK_PREFIX, 11);
    assert_int_equal(WK_OP_GET_KV_BLOCKS_BATCH, 12);
    assert_int_equal(WK_OP_PUT_KV_BLOCKS_BATCH, 13);
    assert_string_equal(wk_op_name(WK_OP_LOOKUP_BLOCK_PREFIX), "lookup_block_prefix");
    assert_string_equal(wk_op_name(WK_OP_GET_KV_BLOCKS_BATCH), "get_kv_blocks_batch");
    assert_string_equal(wk_op_name(WK_OP_PUT_KV_BLOCKS_BATCH), "put_kv_blocks_batch");
    for (unsigned code = 0; code < 256; code++) {
        bool known = (code >= 1 && code <= 13) || code == 128;
        assert_int_equal(strcmp(wk_op_name((uint8_t)code), "unknown") != 0, known);
    }
}

/* NAME-3 */
static void block_payload_magic_headers_are_stable(void **state) {
    (void)state;
    assert_memory_equal(WK_LOOKUP_BLOCK_PREFIX_REQ_MAGIC, "WMBT_LBP_REQ\0\0\0\0", 16);
    assert_memory_equal(WK_LOOKUP_BLOCK_PREFIX_RESP_MAGIC, "WMBT_LBP_RES\0\0\0\0", 16);
    assert_memory_equal(WK_GET_KV_BLOCKS_BATCH_REQ_MAGIC, "WMBT_GBB_REQ\0\0\0\0", 16);
    assert_memory_equal(WK_GET_KV_BLOCKS_BATCH_RESP_MAGIC, "WMBT_GBB_RES\0\0\0\0", 16);
    assert_memory_equal(WK_PUT_KV_BLOCKS_BATCH_REQ_MAGIC, "WMBT_PBB_REQ\0\0\0\0", 16);
    assert_memory_equal(WK_PUT_KV_BLOCKS_BATCH_RESP_MAGIC, "WMBT_PBB_RES\0\0\0\0", 16);
    assert_int_equal(WK_OP_MAGIC_BYTES, 16);
}

/* NAME-5 */
static void frame_capacity_check(void **state) {
    (void)state;
    assert_true(wk_fits_one_frame(0));
    assert_true(wk_fits_one_frame(WK_FRAME_DATA_BYTES - 256));
    assert_true(wk_fits_one_frame(4194032));
    assert_false(wk_fits_one_frame(4194033));
    assert_false(wk_fits_one_frame(WK_FRAME_DATA_BYTES));
    assert_false(wk_fits_one_frame((size_t)WK_FRAME_DATA_BYTES * 2));
    assert_false(wk_fits_one_frame(SIZE_MAX));
}

/* NAME-6 */
static void constants_of_the_ring_are_those_of_the_reference(void **state) {
    (void)state;
    assert_int_equal(WK_FRAME_DATA_BYTES, 4 * 1024 * 1024 - 16);
    assert_int_equal(WK_FRAME_SLACK_BYTES, 256);
    assert_int_equal(WK_RING_DEPTH_DEFAULT, 16);
    assert_string_equal(WK_REQ_CONSUMER_ID, "dn");
    assert_string_equal(WK_RESP_CONSUMER_ID, "cn");
    assert_int_equal(WK_ATTACH_TIMEOUT_NS, 30000000000);
}

/* ---- texts ------------------------------------------------------------------------------------
 */

static void assert_text(struct wk_wire_error error, enum wk_status status, const char *text) {
    struct wk_error err;
    error.what = "lookup_block_prefix_req";
    assert_int_equal(wk_wire_fail(&err, &error), status);
    assert_int_equal(err.status, status);
    assert_string_equal(err.text, text);
    assert_int_equal(wk_wire_fail(NULL, &error), status);
}

/* NAME-9 */
static void the_reference_s_kinds_speak_as_the_reference(void **state) {
    (void)state;
    assert_text((struct wk_wire_error){.kind = WK_WIRE_TRUNCATED, .needed = 7, .at = 8, .got = 9},
                WK_CORRUPT,
                "lookup_block_prefix_req truncated: need 7 bytes at offset 8, payload is 9");
    assert_text((struct wk_wire_error){.kind = WK_WIRE_BAD_MAGIC,
                                       .expected = wk_span("WMBT\0\xff", 6),
                                       .found = wk_span("XY", 2)},
                WK_CORRUPT,
                "lookup_block_prefix_req: bad magic; expected [87, 77, 66, 84, 0, 255] got first 2 "
                "bytes [88, 89]");
    assert_text((struct wk_wire_error){.kind = WK_WIRE_LENGTH_OVERFLOW}, WK_CORRUPT,
                "lookup_block_prefix_req: length overflow");
    assert_text((struct wk_wire_error){.kind = WK_WIRE_TRAILING_BYTES, .got = 3}, WK_CORRUPT,
                "lookup_block_prefix_req: trailing bytes (3 unread)");
    assert_text((struct wk_wire_error){.kind = WK_WIRE_BODY_LENGTH_MISMATCH, .needed = 2, .got = 1},
                WK_CORRUPT, "lookup_block_prefix_req: body length mismatch (claimed=2, actual=1)");
    assert_text(
        (struct wk_wire_error){.kind = WK_WIRE_UTF8, .at = 5, .found = wk_span("\xe2\x82(", 3)},
        WK_CORRUPT,
        "lookup_block_prefix_req: utf8: invalid utf-8 sequence of 2 bytes from index 5");
    assert_text((struct wk_wire_error){.kind = WK_WIRE_UTF8, .found = wk_span("\xe2\x82", 2)},
                WK_CORRUPT,
                "lookup_block_prefix_req: utf8: incomplete utf-8 byte sequence from index 0");
}

/* NAME-9 */
static void our_own_kinds_name_format_position_and_numbers(void **state) {
    (void)state;
    static const char *const checks[] = {"bounds", "align", "short", "utf8", "tag"};
    for (int i = 0; i < 5; i++) {
        enum wk_archive_check check = (enum wk_archive_check)(WK_ARCHIVE_BOUNDS + i);
        assert_string_equal(wk_archive_check_name(check), checks[i]);
    }
    assert_string_equal(wk_archive_check_name((enum wk_archive_check)0), "unknown");
    assert_text((struct wk_wire_error){.kind = WK_WIRE_ARCHIVE, .check = WK_ARCHIVE_TAG, .at = 12},
                WK_CORRUPT, "lookup_block_prefix_req: rkyv: check \"tag\" fails at byte 12");
    assert_text((struct wk_wire_error){.kind = WK_WIRE_VERSION, .needed = 1, .at = 4, .got = 2},
                WK_CORRUPT, "lookup_block_prefix_req: version 2 at byte 4, only 1 is spoken here");
    assert_text(
        (struct wk_wire_error){.kind = WK_WIRE_CHECKSUM, .needed = 0xab, .at = 8, .got = 0x1cd},
        WK_CORRUPT, "lookup_block_prefix_req: CRC32C is 000001cd, 000000ab is stated at byte 8");
    assert_text((struct wk_wire_error){.kind = WK_WIRE_TOO_LARGE, .needed = 5, .at = 12, .got = 6},
                WK_TOO_LARGE, "lookup_block_prefix_req: 6 at byte 12 is over the limit of 5");
    assert_text((struct wk_wire_error){.kind = WK_WIRE_SYNTAX, .at = 3, .detail = "no digit"},
                WK_CORRUPT, "lookup_block_prefix_req: at byte 3: no digit");
    assert_text(
        (struct wk_wire_error){
            .kind = WK_WIRE_SYNTAX, .at = 3, .detail = "no digit", .found = wk_span("x\n", 2)},
        WK_CORRUPT, "lookup_block_prefix_req: at byte 3: no digit: \"x\\x0a\"");
    for (int kind = 0; kind < 100; kind += 99)
        assert_text((struct wk_wire_error){.kind = (enum wk_wire_kind)kind}, WK_INTERNAL,
                    "a decoder failed and named no fault");
}

/* NAME-9 */
static void a_long_list_of_bytes_is_cut(void **state) {
    (void)state;
    uint8_t bytes[64];
    memset(bytes, 200, sizeof bytes);
    struct wk_error err;
    struct wk_wire_error error = {.kind = WK_WIRE_BAD_MAGIC,
                                  .what = "x",
                                  .expected = wk_span(bytes, sizeof bytes),
                                  .found = wk_span(NULL, 0)};
    assert_int_equal(wk_wire_fail(&err, &error), WK_CORRUPT);
    assert_non_null(strstr(err.text, "200...] got first 0 bytes []"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_magics_are_those_of_the_vectors),
        cmocka_unit_test(block_opcodes_are_distinct_and_contiguous),
        cmocka_unit_test(block_payload_magic_headers_are_stable),
        cmocka_unit_test(frame_capacity_check),
        cmocka_unit_test(constants_of_the_ring_are_those_of_the_reference),
        cmocka_unit_test(the_reference_s_kinds_speak_as_the_reference),
        cmocka_unit_test(our_own_kinds_name_format_position_and_numbers),
        cmocka_unit_test(a_long_list_of_bytes_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
