/* SPDX-License-Identifier: Apache-2.0 */
/*
 * <string.h> as the proofs see it: byte arrays only. These contracts are trusted, not proved; they
 * ask for what the C standard asks for and promise no more than it does. Frama-C's own speak of
 * `char`, which the prover's memory model keeps apart from `uint8_t`.
 */
#ifndef WK_PROOFS_STRING_H
#define WK_PROOFS_STRING_H

#include <stddef.h>
#include <stdint.h>

/*@
    requires \valid((uint8_t *)to + (0 .. size - 1));
    requires \valid_read((uint8_t *)from + (0 .. size - 1));
    requires \separated((uint8_t *)to + (0 .. size - 1), (uint8_t *)from + (0 .. size - 1));
    assigns ((uint8_t *)to)[0 .. size - 1] \from ((uint8_t *)from)[0 .. size - 1];
    assigns \result \from to;
    ensures \result == to;
    ensures \forall integer i; 0 <= i < size ==> ((uint8_t *)to)[i] == ((uint8_t *)from)[i];
*/
void *memcpy(void *restrict to, const void *restrict from, size_t size);

/*@
    requires \valid((uint8_t *)to + (0 .. size - 1));
    assigns ((uint8_t *)to)[0 .. size - 1] \from value;
    assigns \result \from to;
    ensures \result == to;
    ensures 0 <= value <= 255 ==>
        \forall integer i; 0 <= i < size ==> ((uint8_t *)to)[i] == value;
*/
void *memset(void *to, int value, size_t size);

/*@
    requires \valid_read((uint8_t *)a + (0 .. size - 1));
    requires \valid_read((uint8_t *)b + (0 .. size - 1));
    assigns \result \from indirect:((uint8_t *)a)[0 .. size - 1],
                          indirect:((uint8_t *)b)[0 .. size - 1];
    ensures \result == 0 <==>
        (\forall integer i; 0 <= i < size ==> ((uint8_t *)a)[i] == ((uint8_t *)b)[i]);
*/
int memcmp(const void *a, const void *b, size_t size);

size_t strlen(const char *text);

#endif
