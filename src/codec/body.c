/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading object bodies. The bytes may come from anybody.
 *
 * inspect   head of the body -> what it is and how large its payload says it is; the caller then
 *           reserves that many bytes, so the claim is held against what the body can possibly hold
 * decode    whole body -> payload, straight into the caller's memory
 *
 * The walk over the frames is ours, because libzstd left alone also takes frames of formats before
 * 1.0 (whose decoders allocate) and reports a total only. A frame is decoded in one piece into the
 * output, which is its window: a frame that asks for a window of gigabytes costs nothing.
 */
#define ZSTD_STATIC_LINKING_ONLY /* frame headers, workspaces that the caller owns */
#include "codec/body.h"

#include <zstd.h>

#include "base/limits.h"
#include "base/mark.h"
#include "base/reader.h"
#include "codec/body_format.h"
#include "hash/crc32c.h"

#define BLOCK_BYTES_MAX (128u * 1024) /* of content in one zstd block */
#define BLOCK_COST_MIN  4u /* encoded bytes of a block that has content: header, a byte */

static struct wk_span from(struct wk_span bytes, size_t at) {
    return at < bytes.size ? wk_span(bytes.data + at, bytes.size - at) : wk_span(NULL, 0);
}

static uint32_t u32le_at(struct wk_span bytes, size_t at) {
    struct wk_reader r = wk_reader(from(bytes, at));
    return wk_read_u32le(&r);
}

/* ---- statement ---- */

enum wk_body_statement wk_body_statement_read(struct wk_span after_header, struct wk_reuse *out) {
    struct wk_reader r = wk_reader(after_header);
    uint32_t magic = wk_read_u32le(&r);
    uint32_t size = wk_read_u32le(&r);
    struct wk_span digest = wk_read_span(&r, WK_MODEL_DIGEST_BYTES);
    struct wk_span tag = wk_read_span(&r, WK_LAYOUT_TAG_BYTES);
    uint32_t crc = wk_read_u32le(&r);
    bool whole = !r.failed && size == WK_BODY_STATEMENT_BYTES - 8 &&
                 crc == wk_crc32c(digest.data, digest.size + tag.size);
    /* The low four bits tell sixteen kinds of skippable frames apart. One that is our statement in
     * all but those bits had them flipped; taken for a foreign frame it would state nothing. */
    if (magic != WK_BODY_STATEMENT_MAGIC) {
        bool flipped = (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START && whole;
        return flipped ? WK_STATEMENT_DAMAGED : WK_STATEMENT_NONE;
    }
    if (!whole)
        return WK_STATEMENT_DAMAGED;
    memcpy(out->model_digest.bytes, digest.data, digest.size);
    memcpy(out->layout_tag.bytes, tag.data, tag.size);
    return WK_STATEMENT_READ;
}

/* ---- heads ---- */

/* True when the first frame behind the header, and a statement if any, says it holds `raw_len`. */
static bool frame_holds(struct wk_span after_header, uint64_t raw_len) {
    struct wk_reuse ignored;
    bool stated = wk_body_statement_read(after_header, &ignored) == WK_STATEMENT_READ;
    struct wk_span frame = from(after_header, stated ? WK_BODY_STATEMENT_BYTES : 0);
    ZSTD_frameHeader header;
    return ZSTD_getFrameHeader(&header, frame.data, frame.size) == 0 &&
           header.frameType == ZSTD_frame && header.frameContentSize == raw_len;
}

static bool begins_with_magic(struct wk_span bytes) {
    return bytes.size >= WK_BODY_MAGIC_BYTES &&
           memcmp(bytes.data, WK_BODY_MAGIC, WK_BODY_MAGIC_BYTES) == 0;
}

/* A zstd body of ours in all but one byte of the magic. Chance does not make these. */
static bool has_damaged_magic(struct wk_span bytes) {
    if (bytes.size < WK_BODY_HEADER_BYTES || bytes.data[4] != WK_BODY_ALGO_ZSTD)
        return false;
    unsigned wrong = 0;
    for (size_t i = 0; i < WK_BODY_MAGIC_BYTES; i++)
        wrong += bytes.data[i] != (uint8_t)WK_BODY_MAGIC[i];
    return wrong == 1 &&
           frame_holds(from(bytes, WK_BODY_HEADER_BYTES), u32le_at(bytes, WK_BODY_RAW_LEN_AT));
}

bool wk_body_may_be_cut(struct wk_span body) {
    size_t shown = body.size < WK_BODY_MAGIC_BYTES ? body.size : WK_BODY_MAGIC_BYTES;
    return body.size < WK_BODY_HEADER_BYTES &&
           (shown == 0 || memcmp(body.data, WK_BODY_MAGIC, shown) == 0);
}

bool wk_body_looks_wrapped(struct wk_span bytes) {
    return begins_with_magic(bytes) || has_damaged_magic(bytes);
}

/* Algo 0: the payload is what follows. No writer is known that makes these, but readers take them.
 */
static enum wk_status inspect_none(struct wk_span head, uint64_t body_bytes,
                                   struct wk_body_info *info, struct wk_error *err) {
    uint64_t rest = body_bytes - WK_BODY_HEADER_BYTES;
    if (WK_PLANTED(106) ? info->raw_bytes > rest : info->raw_bytes != rest)
        return wk_fail(err, WK_CORRUPT,
                       "WBZ1 body of %llu bytes, algo 0 (none): raw_len says %llu, %llu follow",
                       (unsigned long long)body_bytes, (unsigned long long)info->raw_bytes,
                       (unsigned long long)rest);
    /* One flipped bit makes algo 0 of algo 1. A frame that happens to be as long as its content
     * would then pass for the content. */
    if (frame_holds(from(head, WK_BODY_HEADER_BYTES), info->raw_bytes))
        return wk_fail(err, WK_CORRUPT,
                       "WBZ1 body of %llu bytes says algo 0 (none) over a zstd frame of %llu",
                       (unsigned long long)body_bytes, (unsigned long long)info->raw_bytes);
    return WK_OK;
}

/* The first frame behind the statement. A skippable one there is foreign, and legal. */
static enum wk_status inspect_frame(struct wk_span head, size_t at, uint64_t body_bytes,
                                    struct wk_body_info *info, struct wk_error *err) {
    struct wk_span frame = from(head, at);
    ZSTD_frameHeader header;
    size_t result = ZSTD_getFrameHeader(&header, frame.data, frame.size);
    if (result != 0)
        return wk_fail(
            err, WK_CORRUPT, "WBZ1 body of %llu bytes: zstd frame header at byte %zu: %s",
            (unsigned long long)body_bytes, at,
            ZSTD_isError(result) ? ZSTD_getErrorName(result) : "cut short by the end of the body");
    if (header.frameType != ZSTD_frame || header.frameContentSize == ZSTD_CONTENTSIZE_UNKNOWN)
        return WK_OK;
    if (header.frameContentSize > info->raw_bytes)
        return wk_fail(err, WK_CORRUPT,
                       "WBZ1 body of %llu bytes: the zstd frame at byte %zu holds %llu, raw_len "
                       "says %llu",
                       (unsigned long long)body_bytes, at,
                       (unsigned long long)header.frameContentSize,
                       (unsigned long long)info->raw_bytes);
    info->checksummed = header.checksumFlag != 0 && header.frameContentSize == info->raw_bytes;
    return WK_OK;
}

static enum wk_status inspect_zstd(struct wk_span head, uint64_t body_bytes,
                                   struct wk_body_info *info, struct wk_error *err) {
    uint64_t blocks = (body_bytes - WK_BODY_HEADER_BYTES) / BLOCK_COST_MIN;
    if (info->raw_bytes > blocks * BLOCK_BYTES_MAX)
        return wk_fail(err, WK_CORRUPT,
                       "WBZ1 body of %llu bytes: raw_len says %llu, so many bytes of zstd hold "
                       "%llu at most",
                       (unsigned long long)body_bytes, (unsigned long long)info->raw_bytes,
                       (unsigned long long)(blocks * BLOCK_BYTES_MAX));
    size_t at = WK_BODY_HEADER_BYTES;
    switch (wk_body_statement_read(from(head, at), &info->stated)) {
    case WK_STATEMENT_NONE:
        break;
    case WK_STATEMENT_READ:
        at += WK_BODY_STATEMENT_BYTES;
        break;
    case WK_STATEMENT_DAMAGED:
        return wk_fail(err, WK_CORRUPT,
                       "WBZ1 body of %llu bytes: the statement of model and layout at byte %zu "
                       "fails its CRC32C or is cut",
                       (unsigned long long)body_bytes, at);
    }
    return inspect_frame(head, at, body_bytes, info, err);
}

static enum wk_status inspect_wrapped(struct wk_span head, uint64_t body_bytes,
                                      struct wk_body_info *info, struct wk_error *err) {
    info->wrapped = true;
    info->algo = head.data[4];
    info->raw_bytes = u32le_at(head, WK_BODY_RAW_LEN_AT);
    if (info->raw_bytes > WK_PAYLOAD_BYTES_MAX)
        return wk_fail(err, WK_CORRUPT,
                       "WBZ1 body of %llu bytes: raw_len says %llu, a payload has at most %u",
                       (unsigned long long)body_bytes, (unsigned long long)info->raw_bytes,
                       WK_PAYLOAD_BYTES_MAX);
    switch (info->algo) {
    case WK_BODY_ALGO_NONE:
        return inspect_none(head, body_bytes, info, err);
    case WK_BODY_ALGO_ZSTD:
        return inspect_zstd(head, body_bytes, info, err);
    default:
        return wk_fail(err, WK_CORRUPT,
                       "WBZ1 body of %llu bytes: algo %u%s at byte 4 is not supported, 0 (none) "
                       "and 1 (zstd) are",
                       (unsigned long long)body_bytes, info->algo,
                       info->algo == WK_BODY_ALGO_LZ4 ? " (lz4)" : "");
    }
}

static enum wk_status inspect(struct wk_span head, uint64_t body_bytes, struct wk_body_info *info,
                              struct wk_error *err) {
    if (head.size > body_bytes || (head.size < body_bytes && head.size < WK_BODY_HEAD_BYTES))
        return wk_fail(err, WK_INVALID,
                       "object body of %llu bytes cannot be told from %zu of them, %u are needed",
                       (unsigned long long)body_bytes, head.size, WK_BODY_HEAD_BYTES);
    if (body_bytes >= WK_BODY_HEADER_BYTES && begins_with_magic(head))
        return inspect_wrapped(head, body_bytes, info, err);
    if (has_damaged_magic(head))
        return wk_fail(err, WK_CORRUPT,
                       "object body of %llu bytes begins with %02x%02x%02x%02x and goes on as a "
                       "WBZ1 body: its first bytes are damaged",
                       (unsigned long long)body_bytes, head.data[0], head.data[1], head.data[2],
                       head.data[3]);
    if (body_bytes > WK_PAYLOAD_BYTES_MAX)
        return wk_fail(err, WK_TOO_LARGE, "object body of %llu bytes: a payload has at most %u",
                       (unsigned long long)body_bytes, WK_PAYLOAD_BYTES_MAX);
    info->raw_bytes = body_bytes;
    return WK_OK;
}

enum wk_status wk_body_inspect(struct wk_span head, uint64_t body_bytes, struct wk_body_info *out,
                               struct wk_error *err) {
    struct wk_body_info info = {.wrapped = false};
    enum wk_status status = inspect(head, body_bytes, &info, err);
    if (status == WK_CORRUPT)
        WK_MARK("body.corrupt_head");
    if (status == WK_OK)
        *out = info;
    return status;
}

/* ---- frames ---- */

size_t wk_body_decode_work_bytes(void) {
    return ZSTD_estimateDCtxSize();
}

/* Output is filled from the front, frame by frame. */
struct frames {
    struct wk_span body;
    size_t at; /* of the next frame in body */
    ZSTD_DCtx *zstd;
    uint8_t *to;
    size_t capacity;
    size_t filled;
};

static enum wk_status frame_fault(const struct frames *f, const char *what, struct wk_error *err) {
    return wk_fail(err, WK_CORRUPT,
                   "WBZ1 body of %zu bytes: zstd frame at byte %zu, after %zu of %zu bytes of "
                   "payload: %s",
                   f->body.size, f->at, f->filled, f->capacity, what);
}

static enum wk_status decode_frame(struct frames *f, struct wk_error *err) {
    struct wk_span rest = from(f->body, f->at);
    uint32_t magic = u32le_at(rest, 0);
    bool skippable = (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
    if (rest.size < 4 || (magic != ZSTD_MAGICNUMBER && !skippable))
        return frame_fault(f, "not a zstd frame", err);
    size_t size = ZSTD_findFrameCompressedSize(rest.data, rest.size);
    if (ZSTD_isError(size))
        return frame_fault(f, ZSTD_getErrorName(size), err);
    if (!skippable) {
        /* Dictionaries are refused in here: the context has none. */
        size_t got = ZSTD_decompressDCtx(f->zstd, f->to + f->filled, f->capacity - f->filled,
                                         rest.data, size);
        if (ZSTD_isError(got))
            return frame_fault(f, ZSTD_getErrorName(got), err);
        f->filled += got;
    }
    f->at += size;
    return WK_OK;
}

static enum wk_status decode_frames(struct wk_span body, void *work, size_t work_bytes,
                                    struct wk_span_mut to, struct wk_error *err) {
    uint8_t nothing;
    struct frames f = {
        .body = body,
        .at = WK_BODY_HEADER_BYTES,
        .zstd = ZSTD_initStaticDCtx(work, work_bytes),
        .to = to.size > 0 ? to.data : &nothing,
        .capacity = to.size,
    };
    if (f.zstd == NULL)
        return wk_fail(err, WK_INVALID,
                       "zstd decoder: %zu bytes of workspace, %zu aligned to 8 are needed",
                       work_bytes, wk_body_decode_work_bytes());
    if (WK_PLANTED(16)) /* plant 16 */
        (void)ZSTD_DCtx_setParameter(f.zstd, ZSTD_d_forceIgnoreChecksum, ZSTD_d_ignoreChecksum);
    while (f.at < body.size) {
        enum wk_status status = decode_frame(&f, err);
        if (status != WK_OK)
            return status;
    }
    if (f.filled != to.size)
        return wk_fail(err, WK_CORRUPT,
                       "WBZ1 body of %zu bytes: its zstd frames hold %zu, raw_len says %zu",
                       body.size, f.filled, to.size);
    return WK_OK;
}

static bool same_info(const struct wk_body_info *a, const struct wk_body_info *b) {
    return a->wrapped == b->wrapped && a->algo == b->algo && a->raw_bytes == b->raw_bytes &&
           a->checksummed == b->checksummed &&
           memcmp(&a->stated, &b->stated, sizeof a->stated) == 0;
}

static enum wk_status decode(struct wk_span body, const struct wk_body_info *info, void *work,
                             size_t work_bytes, struct wk_span_mut to, struct wk_error *err) {
    struct wk_body_info now = {.wrapped = false};
    enum wk_status status = inspect(body, body.size, &now, err);
    if (status != WK_OK)
        return status;
    if (!same_info(&now, info))
        return wk_fail(err, WK_CORRUPT,
                       "object body of %zu bytes: its head is not the one inspected before "
                       "(payload of %llu bytes now, %llu then)",
                       body.size, (unsigned long long)now.raw_bytes,
                       (unsigned long long)info->raw_bytes);
    if (to.size != now.raw_bytes)
        return wk_fail(err, WK_INVALID, "room of %zu bytes for a payload of %llu", to.size,
                       (unsigned long long)now.raw_bytes);
    if (now.wrapped && now.algo == WK_BODY_ALGO_ZSTD)
        return decode_frames(body, work, work_bytes, to, err);
    struct wk_span payload = from(body, now.wrapped ? WK_BODY_HEADER_BYTES : 0);
    if (payload.size > 0)
        memcpy(to.data, payload.data, payload.size);
    return WK_OK;
}

enum wk_status wk_body_decode(struct wk_span body, const struct wk_body_info *info, void *work,
                              size_t work_bytes, struct wk_span_mut to, struct wk_error *err) {
    enum wk_status status = decode(body, info, work, work_bytes, to, err);
    if (status == WK_CORRUPT)
        WK_MARK("body.corrupt");
    return status;
}
