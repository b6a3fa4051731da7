/* SPDX-License-Identifier: Apache-2.0 */
/* Unkeyed BLAKE3-256 by the official C implementation. Safe for concurrent use. */
#ifndef WK_HASH_BLAKE3_H
#define WK_HASH_BLAKE3_H

#include "base/span.h"

#define WK_BLAKE3_BYTES 32u

/* Digest of the parts one after the other. */
void wk_blake3(const struct wk_span *parts, size_t count, uint8_t out[WK_BLAKE3_BYTES]);

#endif
