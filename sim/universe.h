/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engines of a seed talk about: a tree of chains, and the bytes of every version of every
 * block and tail.
 *
 *     system prompt --- document --- conversation turn --- turn ...
 *                  \--- document --- ...                 \--- another turn (branch)
 *
 * Chains share prefixes as prompts do. Version v of a block in a namespace is always the same
 * bytes, and the bytes name (namespace, block, version) where there is room, so any byte that comes
 * back can be traced to the put it came from.
 */
#ifndef SIM_UNIVERSE_H
#define SIM_UNIVERSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_SPACES_MAX 3u
#define SIM_CHAINS_MAX 40u
#define SIM_CHAIN_MAX  64u
#define SIM_BLOCKS_MAX 400u

struct sim_chain {
    uint16_t length;
    uint16_t blocks[SIM_CHAIN_MAX];
};

struct sim_universe {
    uint32_t space_count;
    const char *spaces[SIM_SPACES_MAX];
    uint32_t chain_count;
    struct sim_chain chains[SIM_CHAINS_MAX];
    uint32_t block_count;
    char hex[SIM_BLOCKS_MAX][65];   /* lower case */
    uint32_t sizes[SIM_BLOCKS_MAX]; /* of most versions */
    uint32_t tail_size;
};

/* Allocated from the pool of the seed. */
struct sim_universe *sim_universe_create(uint64_t seed);
/* Shapes only, for drawing plans: the same chains, nothing allocated. */
void sim_universe_shape(struct sim_universe *u, uint64_t seed);

struct sim_value {
    const uint8_t *bytes;
    uint64_t size;
};

/* From the pool. */
struct sim_value sim_block_value(const struct sim_universe *u, uint32_t space, uint32_t block,
                                 uint32_t version);
/* Relative keys of values begin with it. */
#define SIM_VALUE_HEAD "value/"
struct sim_value sim_other_value(const struct sim_universe *u, uint32_t space, uint32_t block,
                                 uint32_t version);
struct sim_value sim_tail_value(const struct sim_universe *u, uint32_t space, uint32_t block,
                                uint32_t version);

#endif
