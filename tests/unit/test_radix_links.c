/* SPDX-License-Identifier: Apache-2.0 */
/* How nodes of the prefix index hang together, rule by rule. */
#include "unit/cmocka_all.h"

#include "radix/radix.h"
#include "unit/radix_calls.h"

/* RADIX-8 */
static void chains_that_share_a_prefix_make_a_tree(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    for (uint64_t i = 0; i < 6; i++)
        put_present(radix, space, i);
    LINK(radix, space, 0, 1, 2);
    LINK(radix, space, 0, 1, 3);
    LINK(radix, space, 0, 1, 3);
    assert_false(links_of(radix, space, 0).has_parent);
    assert_true(is_child(radix, space, 0, 1));
    assert_true(is_child(radix, space, 1, 2));
    assert_true(is_child(radix, space, 1, 3));
    assert_int_equal(links_of(radix, space, 0).children, 1);
    assert_int_equal(links_of(radix, space, 1).children, 2);
    assert_int_equal(links_of(radix, space, 3).depth, 2);
    /* Once per node: what is known stays. */
    LINK(radix, space, 4, 3);
    assert_true(is_child(radix, space, 1, 3));
    assert_int_equal(links_of(radix, space, 4).children, 0);
    /* A front that is learned after its back. */
    LINK(radix, space, 5, 0);
    assert_true(is_child(radix, space, 5, 0));
    radix_env_destroy(radix);
}

/* RADIX-8 */
static void only_nodes_that_exist_are_linked(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    wk_space_id other = radix_env_space(radix, "other", 0, 0);
    struct wk_block_hash hash = radix_env_hash(9);
    struct wk_node_links links;
    put_present(radix, space, 0);
    put_present(radix, space, 2);
    put_present(radix, other, 1);
    LINK(radix, space, 0, 1, 2);
    assert_false(links_of(radix, space, 2).has_parent);
    assert_int_equal(links_of(radix, space, 0).children, 0);
    assert_int_equal(links_of(radix, other, 1).children, 0);
    assert_int_equal(wk_radix_links(radix, space, &hash, &links), WK_MISS);
    wk_radix_link_chain(radix, space, NULL, 0);
    LINK(radix, space, 0);
    assert_int_equal(node_count(radix), 3);
    radix_env_destroy(radix);
}

/* RADIX-9 */
static void hostile_orders_make_no_cycle(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    for (uint64_t i = 0; i < 4; i++)
        put_present(radix, space, i);
    LINK(radix, space, 0, 1, 0);
    assert_true(is_child(radix, space, 0, 1));
    assert_false(links_of(radix, space, 0).has_parent);
    LINK(radix, space, 2, 2, 2);
    assert_false(links_of(radix, space, 2).has_parent);
    assert_int_equal(links_of(radix, space, 2).children, 0);
    LINK(radix, space, 1, 2, 3, 0);
    assert_true(is_child(radix, space, 2, 3));
    assert_false(links_of(radix, space, 0).has_parent);
    assert_int_equal(links_of(radix, space, 3).children, 0);
    /* And so everything can be taken out, tips first. */
    for (int i = 3; i >= 0; i--)
        assert_int_equal(remove_tip(radix, space, (uint64_t)i), WK_OK);
    assert_int_equal(node_count(radix), 0);
    radix_env_destroy(radix);
}

/* RADIX-9 */
static void a_walk_beyond_its_budget_leaves_the_node_unlinked(void **state) {
    (void)state;
    enum { COUNT = WK_CHAIN_WALK_MAX + 2 };
    struct wk_radix *radix = radix_env_create(COUNT + 10);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    struct wk_block_hash *hashes = malloc(COUNT * sizeof *hashes);
    for (uint64_t i = 0; i < COUNT; i++) {
        hashes[i] = radix_env_hash(i);
        put_present(radix, space, i);
    }
    wk_radix_link_chain(radix, space, hashes, COUNT);
    assert_int_equal(links_of(radix, space, 1).depth, 1);
    assert_int_equal(links_of(radix, space, COUNT - 1).depth, UINT16_MAX);
    /* A root with a child, below the deep tip: the walk up from there is too long to know. */
    put_present(radix, space, COUNT);
    put_present(radix, space, COUNT + 1);
    LINK(radix, space, COUNT, COUNT + 1);
    LINK(radix, space, COUNT - 1, COUNT);
    assert_false(links_of(radix, space, COUNT).has_parent);
    assert_int_equal(links_of(radix, space, COUNT - 1).children, 0);
    LINK(radix, space, 1000, COUNT);
    assert_true(is_child(radix, space, 1000, COUNT));
    free(hashes);
    radix_env_destroy(radix);
}

/* RADIX-10 */
static void a_node_with_children_is_not_removed(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    for (uint64_t i = 0; i < 3; i++)
        put_present(radix, space, i);
    LINK(radix, space, 0, 1, 2);
    assert_int_equal(remove_tip(radix, space, 9), WK_MISS);
    assert_int_equal(remove_tip(radix, space, 0), WK_CONFLICT);
    assert_int_equal(remove_tip(radix, space, 1), WK_CONFLICT);
    assert_int_equal(flags_of(radix, space, 0), P);
    assert_int_equal(remove_tip(radix, space, 2), WK_OK);
    assert_int_equal(remove_tip(radix, space, 2), WK_MISS);
    assert_int_equal(remove_tip(radix, space, 0), WK_CONFLICT);
    assert_int_equal(remove_tip(radix, space, 1), WK_OK);
    assert_int_equal(links_of(radix, space, 0).children, 0);
    assert_int_equal(remove_tip(radix, space, 0), WK_OK);
    assert_int_equal(node_count(radix), 0);
    radix_env_destroy(radix);
}

/* RADIX-10, RADIX-11 */
static void a_node_used_again_inherits_no_links(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    put_present(radix, space, 0);
    put_present(radix, space, 1);
    LINK(radix, space, 0, 1);
    assert_int_equal(remove_tip(radix, space, 1), WK_OK);
    for (uint64_t i = 10; i < 90; i++) {
        put_present(radix, space, i);
        assert_false(links_of(radix, space, i).has_parent);
        assert_int_equal(links_of(radix, space, i).children, 0);
        assert_int_equal(links_of(radix, space, i).depth, 0);
    }
    radix_env_destroy(radix);
}

/* RADIX-11 */
static void hinges_go_with_the_last_child(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    for (uint64_t i = 0; i < 5; i++)
        put_present(radix, space, i);
    LINK(radix, space, 0, 1, 2, 3);
    LINK(radix, space, 2, 4);
    forget(radix, space, 1);
    forget(radix, space, 2);
    assert_int_equal(node_count(radix), 5);
    assert_int_equal(remove_tip(radix, space, 2), WK_CONFLICT);
    forget(radix, space, 3);
    assert_int_equal(node_count(radix), 4);
    assert_int_equal(flags_of(radix, space, 2), 0);
    assert_int_equal(remove_tip(radix, space, 4), WK_OK);
    /* 2 and 1 carried nothing any more; 0 does. */
    assert_int_equal(node_count(radix), 1);
    assert_int_equal(links_of(radix, space, 0).children, 0);
    assert_int_equal(flags_of(radix, space, 0), P);
    radix_env_destroy(radix);
}

/* RADIX-11 */
static void a_very_long_row_of_hinges_goes_in_bounded_steps(void **state) {
    (void)state;
    enum { COUNT = WK_CHAIN_WALK_MAX + 100 };
    struct wk_radix *radix = radix_env_create(COUNT);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    struct wk_block_hash *hashes = malloc(COUNT * sizeof *hashes);
    for (uint64_t i = 0; i < COUNT; i++) {
        hashes[i] = radix_env_hash(i);
        put_present(radix, space, i);
    }
    wk_radix_link_chain(radix, space, hashes, COUNT);
    for (uint64_t i = 0; i + 1 < COUNT; i++)
        forget(radix, space, i);
    assert_int_equal(node_count(radix), COUNT);
    assert_int_equal(remove_tip(radix, space, COUNT - 1), WK_OK);
    uint64_t left = node_count(radix);
    assert_int_equal(left, 100);
    assert_int_equal(links_of(radix, space, left - 1).children, 0);
    assert_int_equal(remove_tip(radix, space, left - 1), WK_OK);
    assert_int_equal(node_count(radix), 0);
    free(hashes);
    radix_env_destroy(radix);
}

/* RADIX-9 */
static void a_parent_takes_no_more_children_than_it_can_count(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(70000);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    put_present(radix, space, 0);
    for (uint64_t i = 1; i <= UINT16_MAX + 2; i++) {
        put_present(radix, space, i);
        LINK(radix, space, 0, i);
    }
    assert_int_equal(links_of(radix, space, 0).children, UINT16_MAX);
    assert_true(is_child(radix, space, 0, UINT16_MAX));
    assert_false(links_of(radix, space, UINT16_MAX + 1).has_parent);
    assert_int_equal(remove_tip(radix, space, 1), WK_OK);
    LINK(radix, space, 0, UINT16_MAX + 1);
    assert_true(is_child(radix, space, 0, UINT16_MAX + 1));
    radix_env_destroy(radix);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_that_share_a_prefix_make_a_tree),
        cmocka_unit_test(only_nodes_that_exist_are_linked),
        cmocka_unit_test(hostile_orders_make_no_cycle),
        cmocka_unit_test(a_walk_beyond_its_budget_leaves_the_node_unlinked),
        cmocka_unit_test(a_node_with_children_is_not_removed),
        cmocka_unit_test(a_node_used_again_inherits_no_links),
        cmocka_unit_test(hinges_go_with_the_last_child),
        cmocka_unit_test(a_very_long_row_of_hinges_goes_in_bounded_steps),
        cmocka_unit_test(a_parent_takes_no_more_children_than_it_can_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
