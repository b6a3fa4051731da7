/* SPDX-License-Identifier: Apache-2.0 */
/* Messages for the live judge: made at random, written plainly, and archives damaged. */
#ifndef WK_TESTS_INTEROP_VALUES_H
#define WK_TESTS_INTEROP_VALUES_H

#include "../../sim/rng.h"
#include "vectors/message.h"

/* Of any type; texts around the lengths where their form changes, payloads around the size from
 * which they are borrowed. */
struct message value_random(struct sim_rng *rng, struct arena *arena);

/* Appends the message as the judge reads and writes values: its fields in declaration order. */
void value_write(struct wk_writer *to, const struct message *m);

/* A few changes, aimed at offsets, sizes, tags, texts, and both ends. `archive` has room for
 * `capacity` bytes; the new size. */
size_t archive_damage(struct sim_rng *rng, uint8_t *archive, size_t size, size_t capacity);

#endif
