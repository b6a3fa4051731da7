/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object keys, shared with the reference implementation byte for byte:
 *
 *     <s3_prefix>/<namespace>/wombatkv/v1/block/b3=<64 lower-case hex>
 *     <s3_prefix>/<namespace>/wombatkv/v1/sidecar/raw_tail/b3=<64 characters as given>
 *     <s3_prefix>/<namespace>/<any relative key>
 *
 * An empty namespace leaves out its segment and its slash. Nothing is escaped here: how an object
 * store spells a key in its own names is the business of that store. Pure functions.
 */
#ifndef WK_CODEC_OBJECT_KEY_H
#define WK_CODEC_OBJECT_KEY_H

#include "base/limits.h"
#include "base/status.h"
#include "codec/block_meta.h"

#define WK_BLOCK_KEY_PREFIX    "wombatkv/v1/block/b3="
#define WK_RAW_TAIL_KEY_PREFIX "wombatkv/v1/sidecar/raw_tail/b3="

struct wk_object_key {
    size_t length;
    char text[WK_OBJECT_KEY_BYTES_MAX + 1]; /* terminated */
};

/* WK_INVALID names what is wrong: empty prefix, a leading or trailing slash, a NUL byte, too long.
 */
WK_MUST_CHECK enum wk_status wk_object_prefix_check(struct wk_span s3_prefix, struct wk_error *err);

WK_MUST_CHECK enum wk_status wk_object_key_block(struct wk_span s3_prefix, struct wk_span ns,
                                                 const struct wk_block_hash *hash,
                                                 struct wk_object_key *out, struct wk_error *err);
/* `tip` is exactly 64 bytes, any of them but NUL. */
WK_MUST_CHECK enum wk_status wk_object_key_raw_tail(struct wk_span s3_prefix, struct wk_span ns,
                                                    struct wk_span tip, struct wk_object_key *out,
                                                    struct wk_error *err);
WK_MUST_CHECK enum wk_status wk_object_key_relative(struct wk_span s3_prefix, struct wk_span ns,
                                                    struct wk_span relative,
                                                    struct wk_object_key *out,
                                                    struct wk_error *err);

/* ---- names from outside ---- */

/*
 * A namespace that a peer gave: "" or text without control characters, and without empty, "." and
 * ".." segments. WK_INVALID says what is wrong. (Of the engine's own namespaces less is asked.)
 */
WK_MUST_CHECK enum wk_status wk_object_namespace_check(struct wk_span ns, struct wk_error *err);

/* What a listed key is, when `s3_prefix` and `ns` are known. */
enum wk_object_kind { WK_KEY_BLOCK, WK_KEY_RAW_TAIL, WK_KEY_OTHER };

struct wk_parsed_key {
    enum wk_object_kind kind;
    struct wk_span relative;   /* after "<s3_prefix>/<ns>/" */
    struct wk_block_hash hash; /* of a block */
    struct wk_span tip;        /* of a raw tail: 64 characters */
};

/*
 * False when the key does not lie below the prefix and namespace. A nested namespace's block is
 * OTHER: only a relative key that is a block key as a whole counts. Upper-case hex is OTHER too,
 * because no reader asks for that key.
 */
bool wk_object_key_parse(struct wk_span s3_prefix, struct wk_span ns, struct wk_span key,
                         struct wk_parsed_key *out);

/*
 * What a relative key that a peer gave names: a block (hex of either case), a raw tail, or a value
 * (OTHER), with its object key. Of blocks and tails no more is asked than of an engine's own.
 * WK_INVALID for a value: the namespace or the key is not text as above, or both together spell a
 * key of another namespace's blocks and tails ("a" and "b/wombatkv/v1/..."); for each: the key is
 * empty or, together with the namespace, too long.
 */
WK_MUST_CHECK enum wk_status wk_object_key_name(struct wk_span s3_prefix, struct wk_span ns,
                                                struct wk_span relative, struct wk_parsed_key *out,
                                                struct wk_object_key *object, struct wk_error *err);

#endif
