/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON of a message, as the vectors write it: one object with exactly the fields of its type, in
 * any order, each once. Strings with every JSON escape; byte strings as hex of either case in a
 * string; null for None; unsigned numbers without fraction or exponent, exact up to 2^64 - 1.
 */
#ifndef WK_TESTS_VECTORS_JSON_H
#define WK_TESTS_VECTORS_JSON_H

#include "vectors/message.h"

/* False: `*why` says what is wrong and `*at` where. */
bool json_message(struct wk_span text, enum message_type type, struct arena *arena,
                  struct message *out, const char **why, size_t *at);

#endif
