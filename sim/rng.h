/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named random streams: xoshiro256** seeded by splitmix64 from (seed, hash of the name).
 *
 * Every decision of the simulator draws from the stream of its own subject ("sched", "fault.x",
 * "bucket.0"). A new stream shifts no other one, so old seeds keep their meaning.
 */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_PPM_ALWAYS 1000000u

struct sim_rng {
    uint64_t s[4];
};

void sim_rng_seed(struct sim_rng *r, uint64_t seed, const char *name);
uint64_t sim_rng_next(struct sim_rng *r);
/* 0..bound-1, every value equally likely; bound > 0. */
uint64_t sim_rng_below(struct sim_rng *r, uint64_t bound);
/* low..high, both included. */
uint64_t sim_rng_between(struct sim_rng *r, uint64_t low, uint64_t high);
/* True in `ppm` of a million draws. 0 and a million draw nothing. */
bool sim_rng_chance(struct sim_rng *r, uint32_t ppm);
/* low..high, every octave about equally likely; 0 < low <= high. */
uint64_t sim_rng_log(struct sim_rng *r, uint64_t low, uint64_t high);
void sim_rng_fill(struct sim_rng *r, void *to, size_t size);

#endif
