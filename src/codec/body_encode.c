/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing object bodies: header, statement and zstd frame go straight into the caller's room; zstd
 * works in the caller's workspace.
 *
 * The workspace is what high levels are made of: level 22 as libzstd has it takes 700 MB. Windows
 * end at 8 MiB here and tables at 16 MiB each, so that every level fits in 40 MiB. A block of a
 * KV cache has one or two MiB, so it still sees all of itself; and nothing is asked of the reader,
 * who decodes in one piece.
 */
#define ZSTD_STATIC_LINKING_ONLY /* workspaces that the caller owns */
#include "codec/body.h"

#include <zstd.h>

#include "base/limits.h"
#include "base/mark.h"
#include "base/writer.h"
#include "codec/body_format.h"
#include "hash/crc32c.h"

#define WINDOW_LOG_MAX 23u /* 8 MiB, which every decoder must support */
#define TABLE_LOG_MAX  22u /* 4 Mi entries of 4 bytes */

#define SAMPLES_MAX       4u
#define SAMPLE_BYTES      (16u * 1024)
#define SAMPLE_LEVEL      1
#define SAMPLE_ROOM_BYTES (SAMPLE_BYTES + SAMPLE_BYTES / 64 + 512) /* over ZSTD_compressBound */
#define GAIN_PERCENT_MIN  10u
#define CHECKSUM_BYTES    4u

/* ---- workspace ---- */

static size_t max_size(size_t a, size_t b) {
    return a > b ? a : b;
}

static ZSTD_compressionParameters params_for(int level, size_t payload_bytes) {
    /* Size 0 would mean "unknown". */
    size_t size = payload_bytes > 0 ? payload_bytes : 1;
    ZSTD_compressionParameters p = ZSTD_getCParams(level, size, 0);
    p.windowLog = WINDOW_LOG_MAX; /* shrunk to the payload below: then the frame is one segment */
    p.hashLog = p.hashLog < TABLE_LOG_MAX ? p.hashLog : TABLE_LOG_MAX;
    p.chainLog = p.chainLog < TABLE_LOG_MAX ? p.chainLog : TABLE_LOG_MAX;
    return ZSTD_adjustCParams(p, size, 0);
}

static size_t compress_work_bytes(int level, size_t payload_bytes) {
    return ZSTD_estimateCCtxSize_usingCParams(params_for(level, payload_bytes));
}

/*
 * libzstd picks parameters by size class, and a smaller payload may need more memory than a larger
 * one at the same level. The caller keeps one workspace for all payloads up to a size, so this is
 * the most that any class up to there needs.
 */
static size_t encode_work_bytes(int level, size_t payload_bytes) {
    static const size_t class_ends[] = {16u << 10, 128u << 10, 256u << 10};
    size_t most = compress_work_bytes(level, payload_bytes);
    for (size_t i = 0; i < sizeof class_ends / sizeof *class_ends; i++) {
        if (class_ends[i] < payload_bytes)
            most = max_size(most, compress_work_bytes(level, class_ends[i]));
    }
    return most;
}

static int effective_level(int level) {
    return level == 0 ? 1 : level;
}

size_t wk_body_work_bytes(int level, size_t payload_bytes) {
    size_t sample = SAMPLE_ROOM_BYTES + encode_work_bytes(SAMPLE_LEVEL, SAMPLE_BYTES);
    size_t encode = encode_work_bytes(effective_level(level), payload_bytes);
    return max_size(max_size(sample, encode), wk_body_decode_work_bytes());
}

/* ---- one frame ---- */

/* What zstd says: bytes written, or an error (ZSTD_isError). */
static size_t set_params(ZSTD_CCtx *zstd, int level, size_t payload_bytes) {
    const ZSTD_compressionParameters p = params_for(level, payload_bytes);
    const struct {
        ZSTD_cParameter name;
        int value;
    } settings[] = {
        {ZSTD_c_compressionLevel, level}, {ZSTD_c_windowLog, (int)p.windowLog},
        {ZSTD_c_hashLog, (int)p.hashLog}, {ZSTD_c_chainLog, (int)p.chainLog},
        {ZSTD_c_contentSizeFlag, 1},      {ZSTD_c_checksumFlag, !WK_PLANTED(107)},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        size_t result = ZSTD_CCtx_setParameter(zstd, settings[i].name, settings[i].value);
        if (ZSTD_isError(result))
            return result;
    }
    return 0;
}

static size_t compress(ZSTD_CCtx *zstd, int level, struct wk_span from, uint8_t *to,
                       size_t capacity) {
    size_t result = set_params(zstd, level, from.size);
    if (ZSTD_isError(result))
        return result;
    return ZSTD_compress2(zstd, to, capacity, from.data, from.size);
}

/* ---- worth it? ---- */

/* The i-th of `count` samples, spread evenly from the first byte to the last. */
static struct wk_span sample_at(struct wk_span payload, size_t i, size_t count) {
    size_t size = payload.size < SAMPLE_BYTES ? payload.size : SAMPLE_BYTES;
    size_t at = count > 1 ? (payload.size - size) / (count - 1) * i : 0;
    return wk_span(payload.data + at, size);
}

/* The workspace is the sample's output, then zstd's. */
static bool sample_shrinks(struct wk_span payload, uint8_t *work, size_t work_bytes) {
    if (work_bytes < SAMPLE_ROOM_BYTES)
        return true;
    ZSTD_CCtx *zstd = ZSTD_initStaticCCtx(work + SAMPLE_ROOM_BYTES, work_bytes - SAMPLE_ROOM_BYTES);
    if (zstd == NULL)
        return true;
    size_t count = payload.size / SAMPLE_BYTES + 1;
    count = count < SAMPLES_MAX ? count : SAMPLES_MAX;
    uint64_t raw = 0;
    uint64_t packed = 0;
    for (size_t i = 0; i < count; i++) {
        struct wk_span sample = sample_at(payload, i, count);
        size_t size = compress(zstd, SAMPLE_LEVEL, sample, work, SAMPLE_ROOM_BYTES);
        if (ZSTD_isError(size))
            return true;
        raw += sample.size;
        packed += size - CHECKSUM_BYTES;
    }
    return packed * 100 <= raw * (100 - GAIN_PERCENT_MIN);
}

bool wk_body_wants_wrap(struct wk_span payload, const struct wk_body_policy *policy, void *work,
                        size_t work_bytes) {
    if (policy->must_checksum || !wk_reuse_states_nothing(&policy->stated))
        return true;
    if (wk_body_looks_wrapped(payload)) {
        WK_MARK("body.payload_looks_wrapped");
        return true;
    }
    if (policy->level == 0 || payload.size == 0)
        return false;
    return sample_shrinks(payload, work, work_bytes);
}

/* ---- the whole body ---- */

size_t wk_body_encoded_bytes_max(size_t payload_bytes) {
    return WK_BODY_HEADER_BYTES + WK_BODY_STATEMENT_BYTES + ZSTD_compressBound(payload_bytes);
}

static void write_statement(struct wk_writer *w, const struct wk_reuse *stated) {
    uint8_t bytes[WK_MODEL_DIGEST_BYTES + WK_LAYOUT_TAG_BYTES];
    memcpy(bytes, stated->model_digest.bytes, WK_MODEL_DIGEST_BYTES);
    memcpy(bytes + WK_MODEL_DIGEST_BYTES, stated->layout_tag.bytes, WK_LAYOUT_TAG_BYTES);
    wk_write_u32le(w, WK_BODY_STATEMENT_MAGIC);
    wk_write_u32le(w, WK_BODY_STATEMENT_BYTES - 8);
    wk_write_span(w, wk_span(bytes, sizeof bytes));
    wk_write_u32le(w, wk_crc32c(bytes, sizeof bytes));
}

static enum wk_status check_arguments(struct wk_span payload, const struct wk_body_policy *policy,
                                      struct wk_error *err) {
    if (payload.size > WK_PAYLOAD_BYTES_MAX)
        return wk_fail(err, WK_TOO_LARGE, "payload of %zu bytes: at most %u are allowed",
                       payload.size, WK_PAYLOAD_BYTES_MAX);
    if (policy->level < 0 || policy->level > WK_BODY_LEVEL_MAX)
        return wk_fail(err, WK_INVALID, "zstd level %d: 1 to %d are allowed, 0 is off",
                       policy->level, WK_BODY_LEVEL_MAX);
    return WK_OK;
}

enum wk_status wk_body_encode(struct wk_span payload, const struct wk_body_policy *policy,
                              void *work, size_t work_bytes, struct wk_span_mut to,
                              size_t *out_bytes, struct wk_error *err) {
    enum wk_status status = check_arguments(payload, policy, err);
    if (status != WK_OK)
        return status;
    int level = effective_level(policy->level);
    struct wk_writer w = wk_writer(to.data, to.size);
    wk_write_text(&w, WK_BODY_MAGIC);
    wk_write_u8(&w, WK_BODY_ALGO_ZSTD);
    wk_write_u8(&w, (uint8_t)level);
    wk_write_u32le(&w, (uint32_t)payload.size);
    if (!wk_reuse_states_nothing(&policy->stated))
        write_statement(&w, &policy->stated);
    if (w.failed)
        return wk_fail(err, WK_INVALID,
                       "room of %zu bytes for the body of a payload of %zu: up to %zu are needed",
                       to.size, payload.size, wk_body_encoded_bytes_max(payload.size));
    ZSTD_CCtx *zstd = ZSTD_initStaticCCtx(work, work_bytes);
    if (zstd == NULL)
        return wk_fail(err, WK_INVALID,
                       "zstd encoder: %zu bytes of workspace, %zu aligned to 8 are needed",
                       work_bytes, wk_body_work_bytes(policy->level, payload.size));
    size_t frame = compress(zstd, level, payload, to.data + w.at, to.size - w.at);
    if (ZSTD_isError(frame))
        return wk_fail(err, WK_INVALID,
                       "zstd level %d over %zu bytes: %s (room of %zu bytes, up to %zu are needed; "
                       "workspace of %zu, %zu are needed)",
                       level, payload.size, ZSTD_getErrorName(frame), to.size,
                       wk_body_encoded_bytes_max(payload.size), work_bytes,
                       wk_body_work_bytes(policy->level, payload.size));
    *out_bytes = w.at + frame;
    return WK_OK;
}
