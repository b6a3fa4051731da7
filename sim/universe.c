// SPDX-License-Identifier: Apache-2.0
#include "universe.h"

#include <stdio.h>
#include <string.h>

#include "pool.h"
#include "rng.h"

static const char *const space_names[] = {"default", "", "model/q4", "tenant-b", "n\303\244me"};

static uint32_t new_block(struct sim_universe *u, struct sim_rng *rng) {
    static const char digits[] = "0123456789abcdef";
    static const uint32_t edges[] = {0, 1, 15, 16, 63, 511, 512, 4095, 4096, 4097, 20000};
    uint32_t id = u->block_count++;
    uint8_t hash[32];
    sim_rng_fill(rng, hash, sizeof hash);
    for (int i = 0; i < 32; i++) {
        u->hex[id][2 * i] = digits[hash[i] >> 4];
        u->hex[id][2 * i + 1] = digits[hash[i] & 15];
    }
    u->hex[id][64] = 0;
    if (sim_rng_chance(rng, 300000))
        u->sizes[id] = edges[sim_rng_below(rng, sizeof edges / sizeof edges[0])];
    else
        u->sizes[id] = (uint32_t)sim_rng_log(rng, 32, sim_rng_chance(rng, 50000) ? 131072 : 8192);
    return id;
}

// A chain that goes on from the first `keep` blocks of another.
static void grow(struct sim_universe *u, struct sim_rng *rng, const struct sim_chain *from,
                 uint32_t keep, uint32_t more) {
    if (u->chain_count == SIM_CHAINS_MAX)
        return;
    struct sim_chain *c = &u->chains[u->chain_count++];
    c->length = (uint16_t)keep;
    if (keep > 0)
        memcpy(c->blocks, from->blocks, keep * sizeof c->blocks[0]);
    while (more-- > 0 && c->length < SIM_CHAIN_MAX && u->block_count < SIM_BLOCKS_MAX)
        c->blocks[c->length++] = (uint16_t)new_block(u, rng);
}

void sim_universe_shape(struct sim_universe *u, uint64_t seed) {
    struct sim_rng rng;
    sim_rng_seed(&rng, seed, "universe");
    memset(u, 0, sizeof *u);
    u->space_count = (uint32_t)sim_rng_between(&rng, 1, SIM_SPACES_MAX);
    uint32_t first = (uint32_t)sim_rng_below(&rng, 5);
    for (uint32_t i = 0; i < u->space_count; i++)
        u->spaces[i] = space_names[(first + i) % 5];
    u->tail_size = (uint32_t)sim_rng_log(&rng, 16, 20000);
    uint32_t systems = (uint32_t)sim_rng_between(&rng, 1, 3);
    uint32_t documents = (uint32_t)sim_rng_between(&rng, 1, 6);
    uint32_t turns = (uint32_t)sim_rng_between(&rng, 2, 20);
    for (uint32_t i = 0; i < systems; i++)
        grow(u, &rng, NULL, 0, (uint32_t)sim_rng_log(&rng, 1, 12));
    for (uint32_t i = 0; i < documents; i++) {
        const struct sim_chain *system = &u->chains[sim_rng_below(&rng, systems)];
        grow(u, &rng, system, system->length, (uint32_t)sim_rng_log(&rng, 1, 16));
    }
    for (uint32_t i = 0; i < turns; i++) {
        const struct sim_chain *from = &u->chains[sim_rng_below(&rng, u->chain_count)];
        uint32_t keep = from->length;
        if (sim_rng_chance(&rng, 300000)) // a branch: an earlier turn answered anew
            keep = (uint32_t)sim_rng_between(&rng, 1, from->length);
        grow(u, &rng, from, keep, (uint32_t)sim_rng_between(&rng, 1, 4));
    }
}

struct sim_universe *sim_universe_create(uint64_t seed) {
    struct sim_universe *u = sim_new(sizeof *u);
    sim_universe_shape(u, seed);
    return u;
}

// ---- bytes

static struct sim_value make(const char *what, uint32_t space, const char *hex, uint32_t version,
                             uint64_t size) {
    char name[128];
    int named = snprintf(name, sizeof name, "<%s %u %.16s %u>", what, space, hex, version);
    struct sim_rng rng;
    sim_rng_seed(&rng, version, name);
    uint8_t *bytes = sim_new(size + 1);
    bool noise = sim_rng_chance(&rng, 400000); // does not compress
    if (noise)
        sim_rng_fill(&rng, bytes, size);
    else
        memset(bytes, (int)sim_rng_below(&rng, 256), size);
    uint64_t at = 0;
    if (size >= 14 && sim_rng_chance(&rng, 60000)) { // looks like one of our own bodies
        memcpy(bytes, "WBZ1\1\3\20\0\0\0", 10);
        at = 10;
    }
    if (size > at)
        memcpy(bytes + at, name, size - at < (uint64_t)named ? size - at : (uint64_t)named);
    return (struct sim_value){bytes, size};
}

// One version in eight has a length of its own; others overwrite in place.
static uint64_t size_of(uint32_t size, uint32_t version) {
    return version % 8 == 7 ? size / 2 + version % 97 : size;
}

struct sim_value sim_block_value(const struct sim_universe *u, uint32_t space, uint32_t block,
                                 uint32_t version) {
    return make("block", space, u->hex[block], version, size_of(u->sizes[block], version));
}

struct sim_value sim_tail_value(const struct sim_universe *u, uint32_t space, uint32_t block,
                                uint32_t version) {
    return make("tail", space, u->hex[block], version, size_of(u->tail_size, version));
}

struct sim_value sim_other_value(const struct sim_universe *u, uint32_t space, uint32_t block,
                                 uint32_t version) {
    return make("value", space, u->hex[block], version, size_of(u->tail_size, version));
}
