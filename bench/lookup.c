/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lookup of 512 hashes in the prefix index, and what an entry costs.
 *
 *   build/bench/lookup [entries]        1000000 by default
 *
 * Beside it, in the same run, what memory itself allows: 512 reads at random places, none waiting
 * for another, of a buffer as large as the index. Every round asks for other blocks, so that the
 * caches hold what they would hold in use: the tables' upper levels, not the answer.
 */
#include <stdio.h>
#include <stdlib.h>

#include "radix/radix.h"

enum { HASHES = 512, ROUNDS = 2001 };

static const struct {
    const char *name;
    const char *what;
} cases[] = {
    {"chain", "one chain of 512, all present"},
    {"random", "512 present hashes that were stored apart"},
    {"half", "a chain whose second half is unknown"},
    {"absent", "nothing known: ends at the first"},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static uint64_t seed = 0x2545f4914f6cdd1dull;
static volatile uint64_t sink;

static uint64_t random_below(uint64_t limit) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % limit;
}

static struct wk_block_hash hash_of(uint64_t number) {
    struct wk_block_hash hash;
    for (uint64_t i = 0; i < 4; i++) {
        uint64_t word = wk_xxh3_64(&number, sizeof number, i);
        memcpy(&hash.bytes[8 * i], &word, 8);
    }
    return hash;
}

static void check(bool ok, const char *what) {
    if (ok)
        return;
    fprintf(stderr, "lookup: %s\n", what);
    exit(1);
}

static struct wk_radix *fill(struct wk_env *env, uint64_t entries, wk_space_id *space) {
    struct wk_radix *radix = NULL;
    struct wk_radix_config config = {.hash_seed = seed, .nodes_max = entries};
    struct wk_reuse reuse;
    memset(&reuse, 0, sizeof reuse);
    check(wk_radix_create(env, &config, &radix, NULL) == WK_OK, "no index");
    check(wk_radix_space(radix, wk_span_text("bench"), &reuse, space, NULL) == WK_OK, "no space");
    struct wk_node_info info = {.flags = WK_NODE_PRESENT, .stored_bytes = 4096};
    struct wk_block_hash chain[HASHES];
    uint64_t start_ns = wk_now_ns(env);
    for (uint64_t i = 0; i < entries; i++) {
        chain[i % HASHES] = hash_of(i);
        check(wk_radix_insert(radix, *space, &chain[i % HASHES], &info) == WK_OK, "no insert");
        if (i % HASHES == HASHES - 1)
            wk_radix_link_chain(radix, *space, chain, HASHES);
    }
    uint64_t end_ns = wk_now_ns(env);
    struct wk_radix_stats stats;
    wk_radix_stats(radix, &stats);
    printf("entries %llu  bytes/entry %llu.%02llu  total %llu MiB  insert+link %llu ns/entry\n",
           (unsigned long long)stats.nodes, (unsigned long long)(stats.memory_bytes / stats.nodes),
           (unsigned long long)(stats.memory_bytes % stats.nodes * 100 / stats.nodes),
           (unsigned long long)(stats.memory_bytes >> 20),
           (unsigned long long)((end_ns - start_ns) / entries));
    return radix;
}

/* Returns how many of the hashes are to be found. */
static size_t question(size_t kind, uint64_t entries, struct wk_block_hash *hashes) {
    uint64_t chain = random_below(entries / HASHES) * HASHES;
    for (uint64_t i = 0; i < HASHES; i++) {
        uint64_t number = kind == 1 ? random_below(entries) : chain + i;
        if (kind == 3 || (kind == 2 && i >= HASHES / 2))
            number += entries * 2;
        hashes[i] = hash_of(number);
    }
    return kind == 3 ? 0 : kind == 2 ? HASHES / 2 : HASHES;
}

static uint64_t floor_ns(struct wk_env *env, const uint64_t *memory, uint64_t words) {
    uint64_t at[HASHES], sum = 0;
    for (size_t i = 0; i < HASHES; i++)
        at[i] = random_below(words);
    uint64_t start_ns = wk_now_ns(env);
    for (size_t i = 0; i < HASHES; i++)
        sum += memory[at[i]];
    uint64_t end_ns = wk_now_ns(env);
    sink = sum;
    return end_ns - start_ns;
}

static int by_size(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void print(const char *name, uint64_t *ns, uint64_t floor_median_ns, const char *what) {
    qsort(ns, ROUNDS, sizeof *ns, by_size);
    uint64_t median = ns[ROUNDS / 2];
    printf("%-8s min %4llu.%02llu  median %4llu.%02llu  max %6llu.%02llu us", name,
           (unsigned long long)(ns[0] / 1000), (unsigned long long)(ns[0] % 1000 / 10),
           (unsigned long long)(median / 1000), (unsigned long long)(median % 1000 / 10),
           (unsigned long long)(ns[ROUNDS - 1] / 1000),
           (unsigned long long)(ns[ROUNDS - 1] % 1000 / 10));
    if (floor_median_ns != 0)
        printf("  %3llu.%02llu x floor", (unsigned long long)(median / floor_median_ns),
               (unsigned long long)(median % floor_median_ns * 100 / floor_median_ns));
    printf("  %s\n", what);
}

int main(int argc, char **argv) {
    uint64_t entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    check(entries >= HASHES, "at least 512 entries");
    struct wk_env *env = wk_env_current();
    wk_space_id space = 0;
    struct wk_radix *radix = fill(env, entries, &space);
    struct wk_radix_stats stats;
    wk_radix_stats(radix, &stats);
    size_t memory_bytes = stats.memory_bytes;
    uint64_t *memory = malloc(memory_bytes);
    static uint64_t ns[CASES + 1][ROUNDS];
    check(memory != NULL, "no memory for the floor");
    memset(memory, 1, memory_bytes);
    /* The cases take turns, so that whatever else the machine does meets all of them. */
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t kind = 0; kind < CASES; kind++) {
            struct wk_block_hash hashes[HASHES];
            size_t expected = question(kind, entries, hashes);
            uint64_t start_ns = wk_now_ns(env);
            size_t found = wk_radix_longest_prefix(radix, space, hashes, HASHES, NULL);
            uint64_t end_ns = wk_now_ns(env);
            check(found == expected, "a wrong answer");
            ns[kind][round] = end_ns - start_ns;
        }
        ns[CASES][round] = floor_ns(env, memory, memory_bytes / 8);
    }
    print("floor", ns[CASES], 0, "512 independent random reads of as much memory");
    uint64_t floor_median_ns = ns[CASES][ROUNDS / 2];
    for (size_t kind = 0; kind < CASES; kind++)
        print(cases[kind].name, ns[kind], floor_median_ns, cases[kind].what);
    free(memory);
    wk_radix_destroy(radix);
    return 0;
}
