/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The prefix index against a naive one: an array with an entry per (namespace, number) in which
 * everything is found by walking. Fixed seeds; a failure names the seed and the step.
 */
#include "unit/cmocka_all.h"

#include "radix/radix.h"
#include "unit/radix_env.h"

enum { NAMESPACES = 3, SPACES = 6, NUMBERS_MAX = 6000, CHAIN_MAX = 24 };

struct model_node {
    bool there;
    int space;
    int parent; /* number within the namespace, -1 none */
    uint16_t depth;
    uint16_t children;
    struct wk_node_info info;
};

struct world {
    struct wk_radix *radix;
    uint64_t random;
    size_t numbers; /* size of the universe of hashes */
    uint64_t nodes_max;
    uint64_t count; /* of nodes that are there */
    wk_space_id ids[SPACES];
    struct model_node nodes[NAMESPACES][NUMBERS_MAX];
    struct wk_block_hash hashes[NUMBERS_MAX];
};

static const struct {
    const char *ns;
    int ns_index;
    uint8_t digest, tag;
} spaces[SPACES] = {{"a", 0, 0, 0}, {"a", 0, 1, 0}, {"a", 0, 2, 0},
                    {"a", 0, 1, 9}, {"", 1, 0, 0},  {"c", 2, 1, 1}};

static uint64_t below(struct world *w, uint64_t limit) {
    return radix_env_random(&w->random) % limit;
}

static bool model_allows(int handle, int stored) {
    uint8_t a = spaces[handle].digest, b = spaces[stored].digest;
    uint8_t c = spaces[handle].tag, d = spaces[stored].tag;
    return (a == 0 || b == 0 || a == b) && (c == 0 || d == 0 || c == d);
}

static struct model_node *model_at(struct world *w, int space, size_t number) {
    return &w->nodes[spaces[space].ns_index][number];
}

static bool held(const struct model_node *node) {
    return (node->info.flags & (WK_NODE_PRESENT | WK_NODE_RESIDENT)) != 0;
}

/* ---- the model's rules ---- */

static void model_clear(struct wk_node_info *info, uint32_t flags) {
    info->flags &= ~flags;
    if ((info->flags & (WK_NODE_PRESENT | WK_NODE_RESIDENT)) == 0)
        info->flags = 0;
    if (!(info->flags & WK_NODE_PRESENT))
        info->stored_bytes = 0;
    if (!(info->flags & WK_NODE_SIZES))
        info->raw_bytes = 0;
    if (!(info->flags & WK_NODE_CHECKSUM))
        info->crc32c = 0;
    if (!(info->flags & WK_NODE_IDENTITY)) {
        info->etag_hash = 0;
        info->identity = (struct wk_hash128){0, 0};
    }
}

static enum wk_status model_insert(struct world *w, int space, size_t number,
                                   const struct wk_node_info *in) {
    struct model_node *node = model_at(w, space, number);
    bool gives = (in->flags & (WK_NODE_PRESENT | WK_NODE_RESIDENT)) != 0;
    if (!node->there) {
        if (!gives)
            return WK_MISS;
        if (w->count >= w->nodes_max)
            return WK_NO_SPACE;
        *node = (struct model_node){.there = true, .space = space, .parent = -1};
        w->count++;
    }
    bool replaces = !model_allows(space, node->space);
    if (!gives && (replaces || !held(node)))
        return WK_MISS;
    if (replaces)
        model_clear(&node->info, 31);
    if ((in->flags & WK_NODE_PRESENT) || !held(node))
        node->space = space;
    struct wk_node_info *info = &node->info;
    if (in->flags & WK_NODE_PRESENT)
        info->stored_bytes = in->stored_bytes;
    if (in->flags & WK_NODE_SIZES)
        info->raw_bytes = in->raw_bytes;
    if (in->flags & WK_NODE_CHECKSUM)
        info->crc32c = in->crc32c;
    if (in->flags & WK_NODE_IDENTITY) {
        info->etag_hash = in->etag_hash;
        info->identity = in->identity;
    }
    info->flags |= in->flags;
    if (in->recency > info->recency)
        info->recency = in->recency;
    return WK_OK;
}

static void model_take_out(struct world *w, int space, size_t number) {
    for (;;) {
        struct model_node *node = model_at(w, space, number);
        int parent = node->parent;
        node->there = false;
        w->count--;
        if (parent < 0)
            return;
        struct model_node *above = model_at(w, space, (size_t)parent);
        above->children--;
        if (above->children != 0 || held(above))
            return;
        number = (size_t)parent;
    }
}

static void model_link(struct world *w, int space, size_t parent, size_t child) {
    struct model_node *p = model_at(w, space, parent), *c = model_at(w, space, child);
    if (!p->there || !c->there || c->parent >= 0)
        return;
    for (int up = (int)parent; up >= 0; up = model_at(w, space, (size_t)up)->parent)
        if (up == (int)child)
            return;
    c->parent = (int)parent;
    c->depth = (uint16_t)(p->depth + 1);
    p->children++;
}

static size_t model_prefix(struct world *w, int space, const size_t *chain, size_t count,
                           size_t *resident) {
    size_t run = 0;
    *resident = 0;
    while (run < count) {
        struct model_node *node = model_at(w, space, chain[run]);
        if (!node->there || !held(node) || !model_allows(space, node->space))
            break;
        if ((node->info.flags & WK_NODE_RESIDENT) && *resident == run)
            ++*resident;
        run++;
    }
    return run;
}

/* ---- comparison ---- */

static void check_node(struct world *w, int space, size_t number) {
    const struct model_node *node = model_at(w, space, number);
    struct wk_node_info info;
    struct wk_node_links links;
    struct wk_block_meta meta;
    const struct wk_block_hash *hash = &w->hashes[number];
    bool visible = node->there && model_allows(space, node->space);
    assert_int_equal(wk_radix_find(w->radix, w->ids[space], hash, &info),
                     visible ? WK_OK : WK_MISS);
    if (visible)
        radix_env_assert_info(&info, &node->info);
    assert_int_equal(wk_radix_links(w->radix, w->ids[space], hash, &links),
                     node->there ? WK_OK : WK_MISS);
    assert_int_equal(wk_radix_block_meta(w->radix, w->ids[space], hash, &meta),
                     visible ? WK_OK : WK_MISS);
    if (!node->there)
        return;
    assert_int_equal(links.has_parent, node->parent >= 0);
    assert_int_equal(links.depth, node->depth);
    assert_int_equal(links.children, node->children);
    if (node->parent >= 0)
        assert_true(wk_block_hash_equal(&links.parent, &w->hashes[node->parent]));
    if (visible)
        assert_int_equal(meta.model_digest.bytes[0], spaces[node->space].digest);
}

static bool count_one(void *ctx, const struct wk_block_hash *hash,
                      const struct wk_node_info *info) {
    (void)hash;
    uint64_t *sums = ctx;
    sums[0]++;
    sums[1] += info->flags;
    return true;
}

static void check_all(struct world *w) {
    uint64_t present = 0, resident = 0;
    for (int n = 0; n < NAMESPACES; n++) {
        static const int any_space[NAMESPACES] = {0, 4, 5};
        uint64_t sums[2] = {0, 0}, nodes = 0, flags = 0;
        for (size_t i = 0; i < w->numbers; i++) {
            const struct model_node *node = &w->nodes[n][i];
            check_node(w, any_space[n], i);
            if (!node->there)
                continue;
            nodes++;
            flags += node->info.flags;
            present += (node->info.flags & WK_NODE_PRESENT) != 0;
            resident += (node->info.flags & WK_NODE_RESIDENT) != 0;
        }
        wk_radix_each(w->radix, w->ids[any_space[n]], count_one, sums);
        assert_int_equal(sums[0], nodes);
        assert_int_equal(sums[1], flags);
    }
    struct wk_radix_stats stats;
    wk_radix_stats(w->radix, &stats);
    assert_int_equal(stats.nodes, w->count);
    assert_int_equal(stats.present, present);
    assert_int_equal(stats.resident, resident);
    assert_int_equal(stats.memory_bytes, atomic_load(&radix_env_mem.bytes));
}

/* ---- one random step on both ---- */

static void step_insert(struct world *w, int space, size_t number) {
    struct wk_node_info info = {.flags = (uint32_t)below(w, 32),
                                .recency = (uint32_t)below(w, 100),
                                .raw_bytes = below(w, UINT32_MAX),
                                .stored_bytes = below(w, UINT32_MAX),
                                .crc32c = (uint32_t)below(w, UINT32_MAX),
                                .etag_hash = radix_env_random(&w->random),
                                .identity = {radix_env_random(&w->random), 1}};
    enum wk_status expected = model_insert(w, space, number, &info);
    assert_int_equal(wk_radix_insert(w->radix, w->ids[space], &w->hashes[number], &info), expected);
}

static void step_clear(struct world *w, int space, size_t number, uint32_t flags, bool forget) {
    struct model_node *node = model_at(w, space, number);
    if (forget)
        wk_radix_forget(w->radix, w->ids[space], &w->hashes[number]);
    else
        wk_radix_clear_flags(w->radix, w->ids[space], &w->hashes[number], flags);
    if (!node->there)
        return;
    model_clear(&node->info, forget ? 31 & ~(uint32_t)WK_NODE_RESIDENT : flags);
    if (!held(node) && node->children == 0)
        model_take_out(w, space, number);
}

static void step_remove(struct world *w, int space, size_t number) {
    struct model_node *node = model_at(w, space, number);
    enum wk_status expected = !node->there ? WK_MISS : node->children ? WK_CONFLICT : WK_OK;
    assert_int_equal(wk_radix_remove_tip(w->radix, w->ids[space], &w->hashes[number]), expected);
    if (expected == WK_OK)
        model_take_out(w, space, number);
}

/* Neighbours mostly, as chains are; now and then anything, repeats included. */
static size_t make_chain(struct world *w, size_t number, size_t *chain,
                         struct wk_block_hash *hashes) {
    size_t count = below(w, CHAIN_MAX);
    for (size_t i = 0; i < count; i++) {
        chain[i] = below(w, 4) ? (number + i) % w->numbers : below(w, w->numbers);
        hashes[i] = w->hashes[chain[i]];
    }
    return count;
}

static void step_chain(struct world *w, int space, size_t number, uint64_t what) {
    size_t chain[CHAIN_MAX], expected_resident, resident;
    struct wk_block_hash hashes[CHAIN_MAX];
    memset(hashes, 0, sizeof hashes);
    size_t count = make_chain(w, number, chain, hashes);
    uint32_t recency = (uint32_t)below(w, 120);
    if (what == 0) {
        wk_radix_link_chain(w->radix, w->ids[space], hashes, count);
        for (size_t i = 1; i < count; i++)
            model_link(w, space, chain[i - 1], chain[i]);
    } else if (what == 1) {
        wk_radix_touch(w->radix, w->ids[space], hashes, count, recency);
        for (size_t i = 0; i < count; i++) {
            struct model_node *node = model_at(w, space, chain[i]);
            if (node->there && node->info.recency < recency)
                node->info.recency = recency;
        }
    }
    size_t expected = model_prefix(w, space, chain, count, &expected_resident);
    assert_int_equal(wk_radix_longest_prefix(w->radix, w->ids[space], hashes, count, &resident),
                     expected);
    assert_int_equal(resident, expected_resident);
    for (size_t i = 0; i < count; i++)
        check_node(w, space, chain[i]);
}

static void step(struct world *w) {
    int space = (int)below(w, SPACES);
    size_t number = below(w, w->numbers);
    switch (below(w, 16)) {
    case 0:
        step_clear(w, space, number, 0, true);
        break;
    case 1:
    case 2:
        step_clear(w, space, number, (uint32_t)below(w, 32), false);
        break;
    case 3:
    case 4:
    case 5:
        step_remove(w, space, number);
        break;
    case 6:
    case 7:
        step_chain(w, space, number, 0);
        break;
    case 8:
        step_chain(w, space, number, 1);
        break;
    case 9:
        step_chain(w, space, number, 2);
        break;
    default:
        step_insert(w, space, number);
    }
    check_node(w, space, number);
}

static void run(uint64_t seed, size_t numbers, uint64_t nodes_max, size_t steps,
                size_t check_every) {
    static struct world world;
    struct world *w = &world;
    memset(w, 0, sizeof *w);
    *w = (struct world){.random = seed, .numbers = numbers, .nodes_max = nodes_max};
    w->radix = radix_env_create(nodes_max);
    for (int s = 0; s < SPACES; s++)
        w->ids[s] = radix_env_space(w->radix, spaces[s].ns, spaces[s].digest, spaces[s].tag);
    for (size_t i = 0; i < numbers; i++)
        w->hashes[i] = radix_env_hash(i);
    for (size_t i = 0; i < steps; i++) {
        step(w);
        if (i % check_every == 0)
            check_all(w);
    }
    check_all(w);
    radix_env_destroy(w->radix);
}

/* RADIX-1, RADIX-2, RADIX-3, RADIX-4, RADIX-6 .. RADIX-13: all of them at once. */
static void a_few_hashes_in_hostile_orders_agree_with_the_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++)
        run(seed, 4 + seed % 20, seed % 3 ? 1000 : 20, 1500, 64);
}

static void many_hashes_that_collide_and_grow_agree_with_the_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++)
        run(seed * 1000003, NUMBERS_MAX, seed == 1 ? 4000 : 100000, 60000, 20000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_hashes_in_hostile_orders_agree_with_the_model),
        cmocka_unit_test(many_hashes_that_collide_and_grow_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
