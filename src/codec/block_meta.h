/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Core types: what is known of one block besides its bytes, and when a stored block may be reused.
 *
 * The block hash names a chain of tokens up to and including the block. The engine chooses it; it
 * is never a hash of the payload and is never verified against it.
 */
#ifndef WK_CODEC_BLOCK_META_H
#define WK_CODEC_BLOCK_META_H

#include "base/span.h"

#define WK_HASH_BYTES         32u
#define WK_HASH_HEX_CHARS     64u
#define WK_LAYOUT_TAG_BYTES   16u
#define WK_MODEL_DIGEST_BYTES 24u

struct wk_block_hash {
    uint8_t bytes[WK_HASH_BYTES];
};

/* Layout family of a payload, NUL padded ASCII such as "ds4-v1". All zero: not stated. */
struct wk_layout_tag {
    uint8_t bytes[WK_LAYOUT_TAG_BYTES];
};

/* Truncated fingerprint of the model. All zero: not stated. */
struct wk_model_digest {
    uint8_t bytes[WK_MODEL_DIGEST_BYTES];
};

struct wk_block_meta {
    struct wk_block_hash parent_hash; /* all zero: a root */
    uint32_t block_seq;               /* 0 for a root */
    uint64_t payload_bytes;           /* uncompressed */
    uint64_t last_access_ns;          /* wall clock, since 1970; 0 when the clock is before it */
    struct wk_model_digest model_digest;
    struct wk_layout_tag layout_tag;
    uint32_t ext_flags; /* reserved, 0 */
};

struct wk_block_meta wk_block_meta_new_root(uint64_t payload_bytes,
                                            const struct wk_model_digest *digest,
                                            const struct wk_layout_tag *tag, uint64_t now_ns);
struct wk_block_meta wk_block_meta_new_successor(const struct wk_block_hash *parent,
                                                 uint32_t block_seq, uint64_t payload_bytes,
                                                 const struct wk_model_digest *digest,
                                                 const struct wk_layout_tag *tag, uint64_t now_ns);
void wk_block_meta_touch(struct wk_block_meta *meta, uint64_t now_ns);

bool wk_block_hash_is_zero(const struct wk_block_hash *hash);
bool wk_block_hash_equal(const struct wk_block_hash *a, const struct wk_block_hash *b);
bool wk_block_meta_is_root(const struct wk_block_meta *meta);

/*
 * What a handle states about its blocks. A block may be reused for a handle only if each part that
 * both sides state is equal: strict equality, and "not stated" on either side matches anything,
 * because blocks written by the reference implementation state nothing.
 */
struct wk_reuse {
    struct wk_model_digest model_digest;
    struct wk_layout_tag layout_tag;
};
bool wk_reuse_allows(const struct wk_reuse *handle, const struct wk_reuse *block);
/* Both parts all zero. */
bool wk_reuse_states_nothing(const struct wk_reuse *reuse);

/* "ds4-v1" to a tag, empty to "not stated"; false, `*out` untouched, when it is longer than 16
 * bytes or not printable ASCII. */
bool wk_layout_tag_from_text(struct wk_span text, struct wk_layout_tag *out);

/* Leading true flags. */
size_t wk_contiguous_resident_prefix(const bool *resident, size_t count);

#endif
