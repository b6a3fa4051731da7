/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events and the rolling hash.
 *
 * Everything that happens to the outside of the code under test is one event: a call into the
 * environment, a switch, a fault, an answer of the ABI. The hash runs over canonical records
 * (number, virtual time, actor, kind, text, two numbers), never over addresses or padding, so two
 * runs of one seed agree in it exactly when they did the same.
 */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct sim_hash {
    uint64_t low;
    uint64_t high;
};

void sim_trace_reset(uint64_t seed);
/* Prints every event to `to` as it comes; NULL stops it. */
void sim_trace_print_to(FILE *to);
bool sim_trace_printing(void);

/*
 * `kind` is a literal, `text` (may be NULL) is copied: a key, a site, a name. What `a` and `b` are
 * is up to the kind; by custom `b` is the result.
 */
void sim_event(const char *kind, const char *text, uint64_t a, uint64_t b);

uint64_t sim_trace_count(void);
struct sim_hash sim_trace_hash(void);
/* XXH3-64: for digests that go into `a` and `b`. */
uint64_t sim_digest(const void *data, uint64_t size);
/* The last events, oldest first, readable. */
void sim_trace_last(FILE *to, uint32_t count);

#endif
