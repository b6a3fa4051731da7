// SPDX-License-Identifier: Apache-2.0
// Keys form a fixed tree: key i hangs from key (i - 1) / 2. Keys below STABLE are written again and
// again but never removed. A value names its key and version in the low words of its identity;
// everything else about the node follows from these.
#include "index_rig.h"

#include <stdio.h>
#include <string.h>

#include "pool.h"
#include "radix/radix_internal.h"
#include "report.h"
#include "rng.h"
#include "sched.h"

#define KEYS           72u // more than the first table of a shard takes, so that it grows
#define STABLE         15u
#define GROWTHS        8u // tables that grow while they are read, one in each of so many shards
#define WATCHER_OPS    200u
#define WRITERS        2u
#define READERS        3u
#define HOT            1u // of the first and of the last keys: most reads and writes go to these
#define WRITER_OPS     500u
#define READER_OPS     500u
#define READS_PER_WALK 500u
#define ALL_KNOWN      (WK_NODE_PRESENT | WK_NODE_SIZES | WK_NODE_CHECKSUM | WK_NODE_IDENTITY)

struct rig {
    struct sim_process *process;
    struct wk_env *env;
    struct wk_radix *radix;
    wk_space_id space;
    struct wk_block_hash keys[KEYS];
    uint64_t version; // of the last write
    uint32_t running;
    bool grown;
    bool ended;
    uint64_t seed;
};

struct actor {
    struct rig *rig;
    struct sim_rng rng;
};

static uint64_t mixed(uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    return x ^ x >> 31;
}

static struct wk_node_info info_of(uint32_t key, uint64_t version) {
    uint64_t x = mixed(version << 8 | key);
    return (struct wk_node_info){.flags = ALL_KNOWN,
                                 .raw_bytes = x & 0xffffff,
                                 .stored_bytes = x >> 40,
                                 .crc32c = (uint32_t)(x >> 16),
                                 .etag_hash = ~x,
                                 .identity = {version << 8 | key, x}};
}

static uint32_t hot_key(struct sim_rng *rng) {
    uint64_t i = sim_rng_below(rng, 2 * HOT);
    return (uint32_t)(i < HOT ? i : KEYS - 1 - (i - HOT));
}

// ---- what readers demand

static void judge_info(uint32_t key, const struct wk_node_info *seen) {
    if ((seen->flags & WK_NODE_IDENTITY) == 0) {
        if (seen->etag_hash != 0 || seen->identity.low != 0 || seen->identity.high != 0)
            sim_violate("index", "key %u: half of an identity that was cleared", key);
        return;
    }
    struct wk_node_info whole = info_of(key, seen->identity.low >> 8);
    if ((uint32_t)(seen->identity.low & 0xff) != key)
        sim_violate("index", "key %u: told of key %u", key, (uint32_t)seen->identity.low & 0xff);
    if (seen->flags != ALL_KNOWN || seen->raw_bytes != whole.raw_bytes ||
        seen->stored_bytes != whole.stored_bytes || seen->crc32c != whole.crc32c ||
        seen->etag_hash != whole.etag_hash || seen->identity.high != whole.identity.high)
        sim_violate("index", "key %u: a node that nobody wrote so", key);
}

static void read_node(struct rig *r, uint32_t key) {
    struct wk_node_info seen;
    enum wk_status status = wk_radix_find(r->radix, r->space, &r->keys[key], &seen);
    if (status == WK_OK)
        judge_info(key, &seen);
    else if (key < STABLE)
        sim_violate("index", "key %u is not found, and was never removed", key);
}

static void read_links(struct rig *r, uint32_t key) {
    struct wk_node_links links;
    if (wk_radix_links(r->radix, r->space, &r->keys[key], &links) != WK_OK || !links.has_parent)
        return;
    if (key == 0 || !wk_block_hash_equal(&links.parent, &r->keys[(key - 1) / 2]))
        sim_violate("index", "key %u has a parent that nobody named", key);
}

// From the root down to `key`, parents first; how many.
static uint32_t path_to(struct rig *r, uint32_t key, struct wk_block_hash *to) {
    uint32_t depth = 0;
    for (uint32_t k = key; k != 0; k = (k - 1) / 2)
        depth++;
    for (uint32_t i = depth + 1; i-- > 0; key = (key - 1) / 2)
        to[i] = r->keys[key];
    return depth + 1;
}

static void read_chain(struct rig *r, uint32_t key) {
    struct wk_block_hash chain[8];
    uint32_t count = path_to(r, key, chain);
    size_t seen = wk_radix_longest_prefix(r->radix, r->space, chain, count, NULL);
    if (key < STABLE && seen != count)
        sim_violate("index", "a prefix of %u blocks that are all there counts %zu", count, seen);
}

static bool see_node(void *ctx, const struct wk_block_hash *hash, const struct wk_node_info *info) {
    const struct rig *r = ctx;
    for (uint32_t i = 0; i < KEYS; i++) {
        if (wk_block_hash_equal(hash, &r->keys[i])) {
            judge_info(i, info);
            return true;
        }
    }
    sim_violate("index", "a key that nobody wrote");
}

static void reader_main(void *arg) {
    struct actor *a = arg;
    for (uint32_t i = 0; i < READER_OPS; i++) {
        uint32_t any = (uint32_t)sim_rng_below(&a->rng, KEYS);
        if (i % READS_PER_WALK == READS_PER_WALK - 1)
            wk_radix_each(a->rig->radix, a->rig->space, see_node, a->rig);
        switch (sim_rng_below(&a->rng, 8)) {
        case 0:
            read_links(a->rig, any);
            break;
        case 1:
            read_chain(a->rig, any % STABLE);
            break;
        case 2:
            read_node(a->rig, any);
            break;
        default:
            read_node(a->rig, hot_key(&a->rng));
        }
    }
    a->rig->running--;
    sim_wake("index", a->rig, UINT32_MAX);
}

// ---- what writers do

static void write_node(struct rig *r, uint32_t key) {
    struct wk_node_info info = info_of(key, ++r->version);
    if (wk_radix_insert(r->radix, r->space, &r->keys[key], &info) == WK_MISS)
        sim_violate("index", "key %u: an insert answers with a miss", key);
}

static void remove_node(struct rig *r, uint32_t key, bool tip) {
    if (!tip)
        wk_radix_forget(r->radix, r->space, &r->keys[key]);
    else if (wk_radix_remove_tip(r->radix, r->space, &r->keys[key]) == WK_INVALID)
        sim_violate("index", "key %u: an answer that remove_tip does not have", key);
}

static void writer_main(void *arg) {
    struct actor *a = arg;
    struct rig *r = a->rig;
    for (uint32_t i = 0; i < WRITER_OPS; i++) {
        struct wk_block_hash chain[8];
        uint32_t any = (uint32_t)sim_rng_below(&a->rng, KEYS);
        uint32_t loose = (uint32_t)sim_rng_between(&a->rng, STABLE, KEYS - 1);
        switch (sim_rng_below(&a->rng, 12)) {
        case 0:
            wk_radix_link_chain(r->radix, r->space, chain, path_to(r, any, chain));
            break;
        case 1:
            wk_radix_clear_flags(r->radix, r->space, &r->keys[any], WK_NODE_IDENTITY);
            break;
        case 2:
            remove_node(r, loose, sim_rng_chance(&a->rng, 500000));
            break;
        case 3:
        case 4:
        case 5:
            remove_node(r, KEYS - 1 - any % HOT, true);
            break;
        case 6:
            write_node(r, any);
            break;
        default:
            write_node(r, hot_key(&a->rng));
        }
    }
    r->running--;
    sim_wake("index", r, UINT32_MAX);
}

// ---- the whole

// Hashes that fall into one shard: tables are small there, and nodes are used again soon.
static void draw_keys(struct rig *r, struct sim_rng *rng, uint32_t shard) {
    for (uint32_t i = 0; i < KEYS;) {
        sim_rng_fill(rng, r->keys[i].bytes, WK_HASH_BYTES);
        struct wk_key key = wk_radix_key(r->radix, r->space, &r->keys[i]);
        if (wk_key_shard(key.h) == shard)
            i++;
    }
}

static void start(struct rig *r, const char *kind, uint32_t number, void (*main)(void *arg)) {
    struct actor *a = sim_new(sizeof *a);
    char name[24];
    snprintf(name, sizeof name, "index-%s-%u", kind, number);
    a->rig = r;
    sim_rng_seed(&a->rng, r->seed, name);
    if (sim_spawn(r->process, name, main, a) == NULL)
        sim_harness_fail("too many fibers");
    r->running++;
}

// Nobody writes any more: the counts must fit the nodes.
static void judge_counts(struct rig *r) {
    uint32_t children[KEYS] = {0};
    struct wk_node_links links;
    for (uint32_t i = 0; i < KEYS; i++) {
        read_node(r, i);
        read_links(r, i);
        if (wk_radix_links(r->radix, r->space, &r->keys[i], &links) == WK_OK && links.has_parent)
            children[(i - 1) / 2]++;
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        bool there = wk_radix_links(r->radix, r->space, &r->keys[i], &links) == WK_OK;
        if (there ? links.children != children[i] : children[i] != 0)
            sim_violate("index", "key %u has %u children and counts %u", i, children[i],
                        there ? links.children : 0u);
    }
}

static void wait_for_all(struct rig *r) {
    while (r->running > 0)
        (void)sim_block("index", r, SIM_NEVER);
}

static void grower_main(void *arg) {
    struct actor *a = arg;
    write_node(a->rig, KEYS - 1);
    a->rig->grown = true;
    a->rig->running--;
    sim_wake("index", a->rig, UINT32_MAX);
}

static void watcher_main(void *arg) {
    struct actor *a = arg;
    for (uint32_t i = 0; i < WATCHER_OPS && !a->rig->grown; i++)
        read_node(a->rig, (uint32_t)sim_rng_below(&a->rng, STABLE));
    a->rig->running--;
    sim_wake("index", a->rig, UINT32_MAX);
}

// A table is filled until it is full, the stable keys last: they are the last that go into the next
// one, too, which one more key makes while others look.
static void grow_table(struct rig *r, struct sim_rng *rng, uint32_t shard) {
    uint32_t full = (WK_SHARD_SLOTS_FIRST + shard) / 4 * 3;
    draw_keys(r, rng, shard);
    for (uint32_t i = STABLE; i < full; i++)
        write_node(r, i);
    for (uint32_t i = 0; i < STABLE; i++)
        write_node(r, i);
    r->grown = false;
    start(r, "grower", shard, grower_main);
    start(r, "watcher", shard, watcher_main);
    start(r, "watcher-2", shard, watcher_main);
    wait_for_all(r);
    for (uint32_t i = 0; i < KEYS; i++)
        remove_node(r, i, false);
}

static void work(struct rig *r) {
    struct sim_rng rng;
    sim_rng_seed(&rng, r->seed, "index");
    sim_schedule_crowd(&rng);
    for (uint32_t i = 1; i <= GROWTHS; i++)
        grow_table(r, &rng, i);
    draw_keys(r, &rng, 0);
    for (uint32_t i = 0; i < STABLE; i++)
        write_node(r, i);
    for (uint32_t i = 0; i < WRITERS; i++)
        start(r, "writer", i, writer_main);
    for (uint32_t i = 0; i < READERS; i++)
        start(r, "reader", i, reader_main);
    wait_for_all(r);
    judge_counts(r);
}

static void rig_main(void *arg) {
    struct rig *r = arg;
    struct wk_radix_config config = {.hash_seed = r->seed, .nodes_max = KEYS};
    static const struct wk_reuse nothing;
    if (wk_radix_create(r->env, &config, &r->radix, NULL) == WK_OK) {
        if (wk_radix_space(r->radix, wk_span_text("rig"), &nothing, &r->space, NULL) == WK_OK)
            work(r);
        wk_radix_destroy(r->radix);
    }
    r->ended = true;
    sim_wake("index-rig", r, UINT32_MAX);
    sim_process_exit(r->process);
}

void sim_index_rig(struct sim_process *process, uint64_t seed) {
    struct rig *r = sim_new(sizeof *r);
    r->process = process;
    r->env = &process->env;
    r->seed = seed;
    if (sim_spawn(process, "index", rig_main, r) == NULL)
        sim_harness_fail("too many fibers");
    while (!r->ended)
        (void)sim_block("index-rig", r, SIM_NEVER);
}
