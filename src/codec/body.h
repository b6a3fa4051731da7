/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object bodies: the payload verbatim, or WBZ1 (source: the reference's compression envelope):
 *
 *      0  4  "WBZ1"
 *      4  1  algo: 0 none, 1 zstd, 2 lz4 (reserved)
 *      5  1  level of the writer, informative
 *      6  4  raw_len, u32 little-endian: size of the payload
 *     10     one zstd frame (algo 1), written with zstd's content checksum
 *
 * Verbatim bodies carry no checksum of their own; a payload that itself begins with "WBZ1" is
 * therefore always wrapped, and so is every payload where the object store carries no checksum.
 *
 * A body that begins with "WBZ1" is a WBZ1 body. When it does not decode to exactly raw_len bytes
 * it is WK_CORRUPT and nothing of it is a payload; the reference returns such bodies as they are.
 *
 * No allocation: zstd works in memory the caller owns (struct wk_body_work). Not thread-safe per
 * workspace; safe with one workspace per thread.
 */
#ifndef WK_CODEC_BODY_H
#define WK_CODEC_BODY_H

#include "base/span.h"
#include "base/status.h"
#include "codec/block_meta.h"

#define WK_BODY_HEADER_BYTES 10u

enum wk_body_algo { WK_BODY_ALGO_NONE = 0, WK_BODY_ALGO_ZSTD = 1, WK_BODY_ALGO_LZ4 = 2 };

/*
 * What a handle states about its model and layout travels with the object: a WBZ1 body may end in
 * one zstd skippable frame (magic 0x184D2A57, 44 bytes: model digest 24, layout tag 16, CRC32C of
 * these 40), which every zstd decoder skips. A body without it states nothing.
 */

/* ---- reading ---- */

struct wk_body_info {
    bool wrapped;       /* false: verbatim, the payload is the body */
    bool checksummed;   /* the body proves its own integrity (zstd content checksum) */
    uint8_t algo;       /* of a wrapped body */
    uint64_t raw_bytes; /* of the payload; at most WK_PAYLOAD_BYTES_MAX */
};

/*
 * From the first bytes of a body (all of them, or at least WK_BODY_HEADER_BYTES + 18 so that the
 * frame header is there) and its whole size. WK_CORRUPT: unknown algo, a raw_len over the payload
 * limit or against the frame's own content size. Nothing is believed that wk_body_decode does not
 * confirm.
 */
WK_MUST_CHECK enum wk_status wk_body_inspect(struct wk_span head, uint64_t body_bytes,
                                             struct wk_body_info *out, struct wk_error *err);

/* Bytes of workspace for wk_body_decode / wk_body_encode at this level (0: decode only). */
size_t wk_body_work_bytes(int level, size_t payload_bytes);

/*
 * `to.size` is exactly info.raw_bytes. WK_CORRUPT leaves `to` unspecified. `*stated` (may be NULL)
 * is all zero when the body states nothing.
 */
WK_MUST_CHECK enum wk_status wk_body_decode(struct wk_span body, const struct wk_body_info *info,
                                            void *work, size_t work_bytes, struct wk_span_mut to,
                                            struct wk_reuse *stated, struct wk_error *err);

/* ---- writing ---- */

struct wk_body_policy {
    int level;              /* zstd level 1..22; 0: do not compress */
    bool must_checksum;     /* the store carries none: always wrap, with zstd's checksum */
    struct wk_reuse stated; /* not all zero: always wrap, and say it */
};

/*
 * True when the body must be, or is worth being, wrapped: required by the policy or by a payload
 * that begins with "WBZ1", or a sample of the payload shrinks by at least 10 %.
 */
bool wk_body_wants_wrap(struct wk_span payload, const struct wk_body_policy *policy, void *work,
                        size_t work_bytes);

/* Room that wk_body_encode needs at most. */
size_t wk_body_encoded_bytes_max(size_t payload_bytes);

/* Header and frame. Level 0 in the policy wraps at level 1. */
WK_MUST_CHECK enum wk_status wk_body_encode(struct wk_span payload,
                                            const struct wk_body_policy *policy, void *work,
                                            size_t work_bytes, struct wk_span_mut to,
                                            size_t *out_bytes, struct wk_error *err);

#endif
