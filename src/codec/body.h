/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object bodies: the payload verbatim, or WBZ1 (source: the reference's compression envelope):
 *
 *      0  4  "WBZ1"
 *      4  1  algo: 0 none, 1 zstd, 2 lz4 (reserved)
 *      5  1  level of the writer, informative
 *      6  4  raw_len, u32 little-endian: size of the payload
 *     10     algo 1: zstd frames, whose contents one after the other are the payload;
 *            algo 0: the payload
 *
 * We write one zstd frame, with its content size and zstd's content checksum. What a handle states
 * about its model and layout travels in front of it, in a zstd skippable frame that every zstd
 * decoder steps over. In front, so that a body that was cut short never seems to state nothing:
 *
 *     10  4  0x184D2A57, u32 little-endian: the magic of one skippable frame type
 *     14  4  44: size of what follows
 *     18 24  model digest
 *     42 16  layout tag
 *     58  4  CRC32C of these 40 bytes
 *
 * A body of at least 10 bytes that begins with "WBZ1" is a WBZ1 body. When it does not decode to
 * exactly raw_len bytes it is WK_CORRUPT and nothing of it is a payload; the reference returns such
 * bodies as they are. Everything else is verbatim, with one exception: a body that would be a WBZ1
 * body but for one byte of the magic is a damaged one, WK_CORRUPT too. Payloads that look like
 * either are always wrapped when written. Thus no single flipped bit in a body that we wrapped
 * yields other bytes than those that were put.
 *
 * Verbatim bodies carry no checksum of their own; every payload is wrapped where the object store
 * carries none either.
 *
 * No allocation: zstd works in memory the caller owns. Pure functions otherwise: safe for
 * concurrent use with one workspace per thread.
 */
#ifndef WK_CODEC_BODY_H
#define WK_CODEC_BODY_H

#include "base/span.h"
#include "base/status.h"
#include "codec/block_meta.h"

#define WK_BODY_HEADER_BYTES    10u
#define WK_BODY_STATEMENT_BYTES 52u
/* Header, statement and the longest zstd frame header: what wk_body_inspect wants to see. */
#define WK_BODY_HEAD_BYTES (WK_BODY_HEADER_BYTES + WK_BODY_STATEMENT_BYTES + 18u)

#define WK_BODY_LEVEL_MAX 22

enum wk_body_algo { WK_BODY_ALGO_NONE = 0, WK_BODY_ALGO_ZSTD = 1, WK_BODY_ALGO_LZ4 = 2 };

/* ---- reading ---- */

struct wk_body_info {
    bool wrapped;           /* false: verbatim, the payload is the body */
    bool checksummed;       /* zstd's content checksum covers the whole payload: decode proves it */
    uint8_t algo;           /* of a wrapped body */
    uint64_t raw_bytes;     /* of the payload; at most WK_PAYLOAD_BYTES_MAX */
    struct wk_reuse stated; /* all zero: nothing */
};

/*
 * From the first bytes of a body (all of them, or at least WK_BODY_HEAD_BYTES) and its whole size.
 *
 * WK_CORRUPT: damaged magic or statement, algo 2 or unknown, a raw_len over the payload limit, over
 * what so many bytes of zstd can hold at most, or under what the first frame says it holds.
 * WK_TOO_LARGE: a verbatim body over the payload limit. WK_INVALID: too few bytes to tell.
 *
 * raw_bytes may be reserved on the word of this function: it is bounded by 32 KiB for each byte of
 * the body. The payload is believed only when wk_body_decode confirms it. `checksummed` is false
 * for a foreign body whose first frame does not say that it holds all of raw_len.
 */
WK_MUST_CHECK enum wk_status wk_body_inspect(struct wk_span head, uint64_t body_bytes,
                                             struct wk_body_info *out, struct wk_error *err);

/*
 * True for a verbatim body that may be all that is left of a WBZ1 body: under 10 bytes, which agree
 * with "WBZ1" as far as they go, none at all included. Only a checksum can tell them from a
 * payload.
 */
bool wk_body_may_be_cut(struct wk_span body);

/*
 * The whole body. `info` is what wk_body_inspect found and `to.size` is exactly info->raw_bytes;
 * WK_CORRUPT when the body's head says otherwise now. A failure leaves `to` unspecified.
 * `work` is aligned to 8 and of wk_body_decode_work_bytes(), else WK_INVALID.
 */
WK_MUST_CHECK enum wk_status wk_body_decode(struct wk_span body, const struct wk_body_info *info,
                                            void *work, size_t work_bytes, struct wk_span_mut to,
                                            struct wk_error *err);

/* ---- writing ---- */

struct wk_body_policy {
    int level;              /* zstd level 1..22; 0: do not compress */
    bool must_checksum;     /* the store carries none: always wrap, with zstd's checksum */
    struct wk_reuse stated; /* not all zero: always wrap, and say it */
};

/*
 * True when the body must be, or is worth being, wrapped: required by the policy or by a payload
 * that looks wrapped itself; or, at levels 1..22, a sample of it shrinks by at least 10 %. The
 * same payload and policy give the same answer. `work` as for wk_body_encode; when that is too
 * small the answer is true, and encode says what is wrong.
 */
bool wk_body_wants_wrap(struct wk_span payload, const struct wk_body_policy *policy, void *work,
                        size_t work_bytes);

/* Room that wk_body_encode needs at most. */
size_t wk_body_encoded_bytes_max(size_t payload_bytes);

/*
 * Header, statement if there is one, and frame. Level 0 in the policy wraps at level 1.
 * WK_TOO_LARGE: payload over the limit. WK_INVALID: level, room or workspace. A failure leaves
 * `to` unspecified and `*out_bytes` as it was.
 */
WK_MUST_CHECK enum wk_status wk_body_encode(struct wk_span payload,
                                            const struct wk_body_policy *policy, void *work,
                                            size_t work_bytes, struct wk_span_mut to,
                                            size_t *out_bytes, struct wk_error *err);

/* ---- workspace ---- */

/* For wk_body_decode of any body. */
size_t wk_body_decode_work_bytes(void);

/*
 * For all of wk_body_wants_wrap, wk_body_encode and wk_body_decode at this level (0..22), with
 * payloads of up to `payload_bytes`. At most 40 MiB whatever the level, under 2 MiB at levels
 * 0..3. Any alignment of 8 will do.
 */
size_t wk_body_work_bytes(int level, size_t payload_bytes);

#endif
