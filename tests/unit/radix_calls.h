/* SPDX-License-Identifier: Apache-2.0 */
/* Short forms of the index's calls, for tests that name blocks by number. */
#ifndef WK_TESTS_RADIX_CALLS_H
#define WK_TESTS_RADIX_CALLS_H

#include "unit/radix_env.h"

enum { P = WK_NODE_PRESENT, R = WK_NODE_RESIDENT };

static inline enum wk_status put_flags(struct wk_radix *radix, wk_space_id space, uint64_t number,
                                       uint32_t flags) {
    struct wk_block_hash hash = radix_env_hash(number);
    struct wk_node_info info = {.flags = flags, .stored_bytes = number, .raw_bytes = number + 1};
    return wk_radix_insert(radix, space, &hash, &info);
}

static inline void put_present(struct wk_radix *radix, wk_space_id space, uint64_t number) {
    assert_int_equal(put_flags(radix, space, number, P), WK_OK);
}

/* -1: no such node. */
static inline int flags_of(struct wk_radix *radix, wk_space_id space, uint64_t number) {
    struct wk_block_hash hash = radix_env_hash(number);
    struct wk_node_info info;
    if (wk_radix_find(radix, space, &hash, &info) != WK_OK)
        return -1;
    return (int)info.flags;
}

static inline void clear(struct wk_radix *radix, wk_space_id space, uint64_t number,
                         uint32_t flags) {
    struct wk_block_hash hash = radix_env_hash(number);
    wk_radix_clear_flags(radix, space, &hash, flags);
}

static inline void forget(struct wk_radix *radix, wk_space_id space, uint64_t number) {
    struct wk_block_hash hash = radix_env_hash(number);
    wk_radix_forget(radix, space, &hash);
}

static inline enum wk_status remove_tip(struct wk_radix *radix, wk_space_id space,
                                        uint64_t number) {
    struct wk_block_hash hash = radix_env_hash(number);
    return wk_radix_remove_tip(radix, space, &hash);
}

static inline struct wk_node_links links_of(struct wk_radix *radix, wk_space_id space,
                                            uint64_t number) {
    struct wk_block_hash hash = radix_env_hash(number);
    struct wk_node_links links;
    assert_int_equal(wk_radix_links(radix, space, &hash, &links), WK_OK);
    return links;
}

static inline bool is_child(struct wk_radix *radix, wk_space_id space, uint64_t parent,
                            uint64_t child) {
    struct wk_block_hash hash = radix_env_hash(parent);
    struct wk_node_links links = links_of(radix, space, child);
    return links.has_parent && wk_block_hash_equal(&links.parent, &hash);
}

#define LINK(radix, space, ...)                                                                    \
    link_numbers(radix, space, (const uint64_t[]){__VA_ARGS__},                                    \
                 sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
static inline void link_numbers(struct wk_radix *radix, wk_space_id space, const uint64_t *numbers,
                                size_t count) {
    struct wk_block_hash hashes[16];
    for (size_t i = 0; i < count; i++)
        hashes[i] = radix_env_hash(numbers[i]);
    wk_radix_link_chain(radix, space, hashes, count);
}

static inline uint64_t node_count(struct wk_radix *radix) {
    struct wk_radix_stats stats;
    wk_radix_stats(radix, &stats);
    return stats.nodes;
}

#endif
