/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lookup of a chain. A hash costs two fetches from memory, its slot and its node, which nothing
 * predicts; the chain gives them all at once. So three positions walk along it:
 *
 *     at + 2 AHEAD   hash the key, ask for the slot
 *     at + AHEAD     read the slot, ask for the node it seems to mean
 *     at             confirm the node; the whole way only where the guess was wrong
 *
 * The first hash is looked up alone: a chain of which nothing is known ends there.
 */
#include "radix/radix_internal.h"

#include "base/mark.h"

#define AHEAD 16u
#define RING  (2 * AHEAD)

struct run {
    struct wk_radix *radix;
    wk_space_id space;
    uint64_t key_seed;
    const struct wk_block_hash *hashes;
    size_t present; /* also the position that is next */
    size_t resident;
    struct {
        uint64_t h;
        const struct wk_node *guess;
    } ring[RING];
};

static struct wk_shard *run_shard(const struct run *run, uint64_t h) {
    return &run->radix->shards[wk_key_shard(h)];
}

static void ask_slot(struct run *run, size_t at) {
    uint64_t h = wk_xxh3_64(run->hashes[at].bytes, WK_HASH_BYTES, run->key_seed);
    run->ring[at % RING].h = h;
    wk_shard_prefetch_slot(run_shard(run, h), h);
}

static void ask_node(struct run *run, size_t at) {
    uint64_t h = run->ring[at % RING].h;
    const struct wk_node *guess = wk_shard_guess(run_shard(run, h), h);
    run->ring[at % RING].guess = guess;
    if (guess != NULL) {
        /* The words of the key may lie on two lines. */
        __builtin_prefetch(&guess->words[0]);
        __builtin_prefetch(&guess->words[WK_NODE_KEY_WORDS - 1]);
    }
}

/* Flags of the node if the space may have it; 0 otherwise. */
static uint32_t flags_at(struct run *run, size_t at) {
    struct wk_radix *radix = run->radix;
    struct wk_key key = {.ns = wk_space_ns(run->space), .h = run->ring[at % RING].h};
    memcpy(key.words, run->hashes[at].bytes, sizeof key.words);
    const struct wk_node *guess = run->ring[at % RING].guess;
    union wk_node_copy node;
    uint32_t local;
    if (guess == NULL || !wk_shard_confirm(run_shard(run, key.h), guess, &key, &node)) {
        WK_MARK("radix.guess_wrong");
        if (!wk_shard_copy(radix->env, radix->shards, &key, WK_NODE_KEY_WORDS, &node, &local, NULL))
            return 0;
    }
    return wk_radix_allows(radix, run->space, node.is.space) ? node.is.flags : 0;
}

/* False: the run ends here. */
static bool run_add(struct run *run) {
    uint32_t flags = flags_at(run, run->present);
    if ((flags & WK_NODE_HELD) == 0)
        return false;
    if ((flags & WK_NODE_RESIDENT) && run->resident == run->present)
        run->resident++;
    run->present++;
    return true;
}

static void run_chain(struct run *run, size_t count) {
    for (size_t at = 1; at < count + RING; at++) {
        if (at > RING && !run_add(run))
            return;
        if (at > AHEAD && at - AHEAD < count)
            ask_node(run, at - AHEAD);
        if (at < count)
            ask_slot(run, at);
    }
}

size_t wk_radix_longest_prefix(struct wk_radix *radix, wk_space_id space,
                               const struct wk_block_hash *hashes, size_t count, size_t *resident) {
    struct run run;
    run.radix = radix;
    run.space = space;
    run.key_seed = wk_spaces_at(&radix->spaces, wk_space_index(space))->key_seed;
    run.hashes = hashes;
    run.present = run.resident = 0;
    if (count != 0) {
        ask_slot(&run, 0);
        ask_node(&run, 0);
        if (run_add(&run))
            run_chain(&run, count);
    }
    if (resident != NULL)
        *resident = run.resident;
    return WK_PLANTED(21) && run.present < count ? run.present + 1 : run.present; /* plant 21 */
}
