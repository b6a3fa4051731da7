// SPDX-License-Identifier: Apache-2.0
// Random streams. Integer arithmetic only: the same on every machine and compiler.
#include "rng.h"

#include <string.h>
#include <xxhash.h>

__extension__ typedef unsigned __int128 u128;

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

void sim_rng_seed(struct sim_rng *r, uint64_t seed, const char *name) {
    uint64_t state = seed;
    state = splitmix(&state) ^ XXH3_64bits(name, strlen(name));
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&state);
}

static uint64_t rotate(uint64_t x, int k) {
    return (x << k) | (x >> (64 - k));
}

uint64_t sim_rng_next(struct sim_rng *r) {
    uint64_t *s = r->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

// Multiply-shift with rejection of the part that would favour some values.
uint64_t sim_rng_below(struct sim_rng *r, uint64_t bound) {
    u128 product = (u128)sim_rng_next(r) * bound;
    if ((uint64_t)product < bound) {
        uint64_t reject = (0 - bound) % bound;
        while ((uint64_t)product < reject)
            product = (u128)sim_rng_next(r) * bound;
    }
    return (uint64_t)(product >> 64);
}

uint64_t sim_rng_between(struct sim_rng *r, uint64_t low, uint64_t high) {
    if (low == 0 && high == UINT64_MAX)
        return sim_rng_next(r);
    return low + sim_rng_below(r, high - low + 1);
}

bool sim_rng_chance(struct sim_rng *r, uint32_t ppm) {
    if (ppm == 0)
        return false;
    if (ppm >= SIM_PPM_ALWAYS)
        return true;
    return sim_rng_below(r, SIM_PPM_ALWAYS) < ppm;
}

uint64_t sim_rng_log(struct sim_rng *r, uint64_t low, uint64_t high) {
    int first = 63 - __builtin_clzll(low);
    int last = 63 - __builtin_clzll(high);
    int octave = (int)sim_rng_between(r, (uint64_t)first, (uint64_t)last);
    uint64_t from = 1ull << octave;
    uint64_t to = from + (from - 1);
    if (from < low)
        from = low;
    if (to > high)
        to = high;
    return sim_rng_between(r, from, to);
}

void sim_rng_fill(struct sim_rng *r, void *to, size_t size) {
    uint8_t *bytes = to;
    while (size > 0) {
        uint64_t word = sim_rng_next(r);
        size_t part = size < 8 ? size : 8;
        for (size_t i = 0; i < part; i++)
            bytes[i] = (uint8_t)(word >> (8 * i));
        bytes += part;
        size -= part;
    }
}
