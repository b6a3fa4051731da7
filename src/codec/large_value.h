/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large values as the reference's shared-memory client stores them (source: its client crate): a
 * value that does not fit one frame lies in chunks of WK_LARGE_CHUNK_BYTES, the last one shorter,
 * under keys of their own in the same namespace,
 *
 *     __wmbt_kv_shm_large/<id>/<index, 8 digits>
 *
 * and under its own key lies a manifest, four lines of text, each ended by LF:
 *
 *     WMBT_KV_SHM_LARGE_V1
 *     <id: 64 lower-case hex digits>
 *     <size of the value, decimal>
 *     <number of chunks, decimal>
 *
 * The id is BLAKE3 over namespace, key, size and value, so who has put the chunks together can
 * prove the value with wk_large_value_describe. Blocks are never stored like this.
 *
 * Pure functions, no allocation.
 */
#ifndef WK_CODEC_LARGE_VALUE_H
#define WK_CODEC_LARGE_VALUE_H

#include "codec/ops.h"
#include "codec/wire_error.h"

#define WK_LARGE_VALUE_MAGIC     "WMBT_KV_SHM_LARGE_V1"
#define WK_LARGE_ID_TAG          "wombatkv-shm-large-v1"
#define WK_LARGE_CHUNK_KEY       "__wmbt_kv_shm_large"
#define WK_LARGE_CHUNK_BYTES     (WK_FRAME_DATA_BYTES - 4096u)
#define WK_LARGE_PIECES_MAX      64u /* chunks of the largest payload */
#define WK_LARGE_ID_CHARS        64u
#define WK_LARGE_CHUNK_KEY_BYTES (sizeof WK_LARGE_CHUNK_KEY + WK_LARGE_ID_CHARS + 1 + 8)
/* Magic, id, two numbers of up to 20 digits, four line ends. */
#define WK_LARGE_MANIFEST_BYTES_MAX (sizeof WK_LARGE_VALUE_MAGIC + WK_LARGE_ID_CHARS + 1 + 2 * 21)

struct wk_large_value {
    char id[WK_LARGE_ID_CHARS + 1]; /* terminated */
    uint64_t total_bytes;           /* at most WK_PAYLOAD_BYTES_MAX */
    uint32_t chunks;                /* as many as total_bytes needs */
};

/* ---- reading ---- */

/* True for a value that is UTF-8 and whose first line is the magic. Everything else is a value as
 * it is. */
bool wk_large_value_is_manifest(struct wk_span value);

/*
 * Of such a value. Lines may end in CR LF; what follows the fourth is ignored. False, `*out` as it
 * was: a line is missing, an id or a number is not one, the size is over the payload limit
 * (WK_WIRE_TOO_LARGE), or the number of chunks is not what the size needs.
 */
bool wk_large_value_parse(struct wk_span value, struct wk_large_value *out,
                          struct wk_wire_error *error);

/* Key of chunk `index` < chunks, relative to the namespace; terminated. */
void wk_large_value_chunk_key(const struct wk_large_value *large, uint32_t index,
                              char to[WK_LARGE_CHUNK_KEY_BYTES + 1]);

/* Size of chunk `index`; 0 for an index past the last. It begins at index * WK_LARGE_CHUNK_BYTES.
 */
uint64_t wk_large_value_chunk_bytes(const struct wk_large_value *large, uint32_t index);

/* ---- writing ---- */

/* Id, size and number of chunks of a value that lies in up to WK_LARGE_PIECES_MAX pieces. False,
 * WK_WIRE_TOO_LARGE, over the payload limit or in more pieces. */
bool wk_large_value_describe(struct wk_span ns, struct wk_span key, const struct wk_span *pieces,
                             size_t count, struct wk_large_value *out, struct wk_wire_error *error);

/* The manifest's text, terminated; returns its length. */
size_t wk_large_value_manifest(const struct wk_large_value *large,
                               char to[WK_LARGE_MANIFEST_BYTES_MAX + 1]);

#endif
