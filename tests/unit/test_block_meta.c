/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include "codec/block_meta.h"

static const struct wk_model_digest digest_a = {{0xaa, 1, 2, 3}};
static const struct wk_layout_tag tag_ds4 = {"ds4-v1"};

/* META-1 */
static void a_root_has_no_parent(void **state) {
    (void)state;
    struct wk_block_meta m = wk_block_meta_new_root(128 * 1024, &digest_a, &tag_ds4, 77);
    assert_true(wk_block_meta_is_root(&m));
    assert_true(wk_block_hash_is_zero(&m.parent_hash));
    assert_int_equal(m.block_seq, 0);
    assert_true(m.payload_bytes == 128 * 1024);
    assert_true(m.last_access_ns == 77);
    assert_memory_equal(&m.model_digest, &digest_a, sizeof digest_a);
    assert_memory_equal(&m.layout_tag, &tag_ds4, sizeof tag_ds4);
    assert_int_equal(m.ext_flags, 0);
}

/* META-1 */
static void a_successor_knows_its_parent_and_touch_changes_the_time_only(void **state) {
    (void)state;
    struct wk_block_hash parent = {{0}};
    parent.bytes[WK_HASH_BYTES - 1] = 1; /* the last byte counts too */
    struct wk_block_meta m =
        wk_block_meta_new_successor(&parent, 9, UINT64_MAX, &digest_a, &tag_ds4, 5);
    assert_false(wk_block_meta_is_root(&m));
    assert_true(wk_block_hash_equal(&m.parent_hash, &parent));
    assert_int_equal(m.block_seq, 9);
    assert_true(m.payload_bytes == UINT64_MAX);
    struct wk_block_meta before = m;
    wk_block_meta_touch(&m, 6);
    assert_true(m.last_access_ns == 6);
    m.last_access_ns = before.last_access_ns;
    assert_memory_equal(&m, &before, sizeof m);
}

static void every_bit_of_a_hash_counts(void **state) {
    (void)state;
    const struct wk_block_hash zero = {{0}};
    assert_true(wk_block_hash_is_zero(&zero));
    for (unsigned bit = 0; bit < WK_HASH_BYTES * 8; bit++) {
        struct wk_block_hash one = zero;
        one.bytes[bit / 8] = (uint8_t)(1u << bit % 8);
        assert_false(wk_block_hash_is_zero(&one));
        assert_false(wk_block_hash_equal(&one, &zero));
        assert_true(wk_block_hash_equal(&one, &one));
    }
}

/* META-2 */
static void a_part_stated_on_one_side_only_matches_anything(void **state) {
    (void)state;
    const struct wk_reuse nothing = {{{0}}, {{0}}};
    const struct wk_reuse both = {digest_a, tag_ds4};
    const struct wk_reuse only_digest = {digest_a, {{0}}};
    const struct wk_reuse only_tag = {{{0}}, tag_ds4};
    const struct wk_reuse *all[] = {&nothing, &both, &only_digest, &only_tag};
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++)
            assert_true(wk_reuse_allows(all[i], all[j]));
    }
    assert_true(wk_reuse_states_nothing(&nothing));
    assert_false(wk_reuse_states_nothing(&only_digest));
    assert_false(wk_reuse_states_nothing(&only_tag));
}

/* META-2 */
static void any_bit_of_a_part_both_state_forbids_reuse(void **state) {
    (void)state;
    const struct wk_reuse both = {digest_a, tag_ds4};
    for (unsigned bit = 0; bit < sizeof both * 8; bit++) {
        struct wk_reuse other = both;
        ((uint8_t *)&other)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(wk_reuse_allows(&both, &other));
        assert_false(wk_reuse_allows(&other, &both));
    }
    /* An equal tag does not make up for another digest. */
    struct wk_reuse digest_b = both;
    digest_b.model_digest.bytes[0] = 0xbb;
    assert_false(wk_reuse_allows(&both, &digest_b));
    struct wk_reuse no_tag = digest_b;
    memset(&no_tag.layout_tag, 0, sizeof no_tag.layout_tag);
    assert_false(wk_reuse_allows(&both, &no_tag));
}

/* META-3 */
static void a_layout_tag_is_short_printable_ascii(void **state) {
    (void)state;
    struct wk_layout_tag tag;
    memset(&tag, 0x55, sizeof tag);
    assert_true(wk_layout_tag_from_text(wk_span_text("ds4-v1"), &tag));
    assert_memory_equal(&tag, "ds4-v1\0\0\0\0\0\0\0\0\0\0", 16);
    assert_true(wk_layout_tag_from_text(wk_span_text("sixteen-letters."), &tag));
    assert_memory_equal(&tag, "sixteen-letters.", 16);
    static const char *const bad[] = {"seventeen-letters", "a\n", "\x7f", "\xc3\xa9", "\x1f"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(wk_layout_tag_from_text(wk_span_text(bad[i]), &tag));
    assert_false(wk_layout_tag_from_text(wk_span("a\0b", 3), &tag));
    assert_memory_equal(&tag, "sixteen-letters.", 16);
    assert_true(wk_layout_tag_from_text(wk_span(NULL, 0), &tag));
    assert_memory_equal(&tag, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

/* META-4 */
static void the_resident_prefix_ends_at_the_first_gap(void **state) {
    (void)state;
    const bool flags[] = {true, true, false, true};
    assert_int_equal(wk_contiguous_resident_prefix(flags, 4), 2);
    assert_int_equal(wk_contiguous_resident_prefix(flags, 2), 2);
    assert_int_equal(wk_contiguous_resident_prefix(flags + 2, 2), 0);
    assert_int_equal(wk_contiguous_resident_prefix(flags + 3, 1), 1);
    assert_int_equal(wk_contiguous_resident_prefix(NULL, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_root_has_no_parent),
        cmocka_unit_test(a_successor_knows_its_parent_and_touch_changes_the_time_only),
        cmocka_unit_test(every_bit_of_a_hash_counts),
        cmocka_unit_test(a_part_stated_on_one_side_only_matches_anything),
        cmocka_unit_test(any_bit_of_a_part_both_state_forbids_reuse),
        cmocka_unit_test(a_layout_tag_is_short_printable_ascii),
        cmocka_unit_test(the_resident_prefix_ends_at_the_first_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
