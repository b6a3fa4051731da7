/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/block_meta.h"

static bool all_zero(const uint8_t *bytes, size_t size) {
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++)
        any |= bytes[i];
    return any == 0;
}

struct wk_block_meta wk_block_meta_new_root(uint64_t payload_bytes,
                                            const struct wk_model_digest *digest,
                                            const struct wk_layout_tag *tag, uint64_t now_ns) {
    return (struct wk_block_meta){
        .payload_bytes = payload_bytes,
        .last_access_ns = now_ns,
        .model_digest = *digest,
        .layout_tag = *tag,
    };
}

struct wk_block_meta wk_block_meta_new_successor(const struct wk_block_hash *parent,
                                                 uint32_t block_seq, uint64_t payload_bytes,
                                                 const struct wk_model_digest *digest,
                                                 const struct wk_layout_tag *tag, uint64_t now_ns) {
    struct wk_block_meta meta = wk_block_meta_new_root(payload_bytes, digest, tag, now_ns);
    meta.parent_hash = *parent;
    meta.block_seq = block_seq;
    return meta;
}

void wk_block_meta_touch(struct wk_block_meta *meta, uint64_t now_ns) {
    meta->last_access_ns = now_ns;
}

bool wk_block_hash_is_zero(const struct wk_block_hash *hash) {
    return all_zero(hash->bytes, sizeof hash->bytes);
}

bool wk_block_hash_equal(const struct wk_block_hash *a, const struct wk_block_hash *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool wk_block_meta_is_root(const struct wk_block_meta *meta) {
    return wk_block_hash_is_zero(&meta->parent_hash);
}

bool wk_reuse_states_nothing(const struct wk_reuse *reuse) {
    return all_zero(reuse->model_digest.bytes, sizeof reuse->model_digest.bytes) &&
           all_zero(reuse->layout_tag.bytes, sizeof reuse->layout_tag.bytes);
}

/* One part: a side that states nothing has no objection. */
static bool part_allows(const uint8_t *handle, const uint8_t *block, size_t size) {
    return all_zero(handle, size) || all_zero(block, size) || memcmp(handle, block, size) == 0;
}

bool wk_reuse_allows(const struct wk_reuse *handle, const struct wk_reuse *block) {
    return part_allows(handle->model_digest.bytes, block->model_digest.bytes,
                       WK_MODEL_DIGEST_BYTES) &&
           part_allows(handle->layout_tag.bytes, block->layout_tag.bytes, WK_LAYOUT_TAG_BYTES);
}

bool wk_layout_tag_from_text(struct wk_span text, struct wk_layout_tag *out) {
    if (text.size > WK_LAYOUT_TAG_BYTES)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7e)
            return false;
    }
    struct wk_layout_tag tag = {{0}};
    if (text.size > 0)
        memcpy(tag.bytes, text.data, text.size);
    *out = tag;
    return true;
}

size_t wk_contiguous_resident_prefix(const bool *resident, size_t count) {
    size_t run = 0;
    while (run < count && resident[run])
        run++;
    return run;
}
