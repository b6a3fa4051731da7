/* SPDX-License-Identifier: Apache-2.0 */
/* Gives files to a harness, each once; what regress.c and driver.c share. */
#ifndef WK_FUZZ_REPLAY_H
#define WK_FUZZ_REPLAY_H

#include <stdint.h>
#include <stdio.h>

typedef int fuzz_entry(const uint8_t *data, size_t size);

/* A file, or every file of a directory in the order of their names. How many were given to it; ends
 * the program when one cannot be read. */
unsigned fuzz_replay(const char *path, fuzz_entry *entry);

#endif
