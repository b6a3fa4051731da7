/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Object bodies, by the rules BODY-1 to BODY-9. Frames go one by one through zstd's streaming
 * decoder, which the library does not use, with memory of its own.
 */
#include <stdlib.h>
#include <string.h>

#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_getFrameHeader */
#include <zstd.h>
#include <zstd_errors.h>

#include "model.h"

#define PAYLOAD_MAX      (255u * 1024 * 1024)
#define DECIDED_MAX      (1024u * 1024) /* larger payloads take too long for a harness */
#define DECIDED_WINDOW   23             /* so do larger windows */
#define STATEMENT_BYTES  52u
#define STATEMENT_MAGIC  0x184D2A57u
#define SKIPPABLE_MAGIC  0x184D2A50u
#define SKIPPABLE_MASK   0xfffffff0u
#define ZSTD_FRAME_MAGIC 0xFD2FB528u

static struct wk_span behind(struct wk_span bytes, size_t at) {
    return at <= bytes.size ? wk_span(bytes.data + at, bytes.size - at) : wk_span("", 0);
}

enum statement { NONE, READ, DAMAGED };

/* BODY-9. A statement whose magic differs in the low four bits alone is a damaged one. */
static enum statement read_statement(struct wk_span at, uint8_t out[40]) {
    if (at.size < 4 || (model_u32(at, 0) & SKIPPABLE_MASK) != SKIPPABLE_MAGIC)
        return NONE;
    bool ours = model_u32(at, 0) == STATEMENT_MAGIC;
    bool whole = at.size >= STATEMENT_BYTES && model_u32(at, 4) == 44 &&
                 model_u32(at, 48) == model_crc32c(wk_span(at.data + 8, 40));
    if (ours && whole)
        memcpy(out, at.data + 8, 40);
    if (ours)
        return whole ? READ : DAMAGED;
    return whole ? DAMAGED : NONE;
}

/* True when the first frame, behind a statement if there is one, says that it holds `raw`. */
static bool says_it_holds(struct wk_span frames, uint64_t raw) {
    uint8_t ignored[40];
    if (read_statement(frames, ignored) == READ)
        frames = behind(frames, STATEMENT_BYTES);
    ZSTD_frameHeader header;
    return ZSTD_getFrameHeader(&header, frames.data, frames.size) == 0 &&
           header.frameType == ZSTD_frame && header.frameContentSize == raw;
}

/* BODY-3 */
static bool damaged_magic(struct wk_span body) {
    static const char magic[] = "WBZ1";
    int wrong = 0;
    if (body.size < 10 || body.data[4] != 1)
        return false;
    for (int i = 0; i < 4; i++)
        wrong += body.data[i] != (uint8_t)magic[i] ? 1 : 0;
    return wrong == 1 && says_it_holds(behind(body, 10), model_u32(body, 6));
}

/* One frame from `frames`, its content behind what `out` holds; moves `frames` past it. */
static enum model_body read_frame(struct wk_span *frames, struct model_payload *out, size_t room) {
    if (frames->size < 4)
        return MODEL_BODY_CORRUPT;
    uint32_t magic = model_u32(*frames, 0);
    if ((magic & SKIPPABLE_MASK) == SKIPPABLE_MAGIC) {
        if (frames->size < 8 || model_u32(*frames, 4) > frames->size - 8)
            return MODEL_BODY_CORRUPT;
        *frames = behind(*frames, 8 + (size_t)model_u32(*frames, 4));
        return MODEL_BODY_READS;
    }
    if (magic != ZSTD_FRAME_MAGIC)
        return MODEL_BODY_CORRUPT;
    ZSTD_DStream *stream = ZSTD_createDStream();
    if (stream == NULL)
        abort();
    ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, DECIDED_WINDOW);
    ZSTD_inBuffer in = {frames->data, frames->size, 0};
    ZSTD_outBuffer to = {out->data, room, out->size};
    size_t left = 1;
    size_t in_before;
    size_t out_before;
    do {
        in_before = in.pos;
        out_before = to.pos;
        left = ZSTD_decompressStream(stream, &to, &in);
    } while (!ZSTD_isError(left) && left != 0 && (in.pos != in_before || to.pos != out_before));
    ZSTD_freeDStream(stream);
    if (ZSTD_isError(left) && ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge)
        return MODEL_BODY_UNDECIDED;
    if (left != 0) /* an error, cut short, or more content than there is room for */
        return MODEL_BODY_CORRUPT;
    out->size = to.pos;
    *frames = behind(*frames, in.pos);
    return MODEL_BODY_READS;
}

/* BODY-7. Room for one byte more than is right, so that too much is seen. */
static enum model_body read_zstd(struct wk_span frames, size_t raw, struct model_payload *out) {
    switch (read_statement(frames, out->statement)) {
    case DAMAGED:
        return MODEL_BODY_CORRUPT;
    case READ:
        out->stated = true;
        frames = behind(frames, STATEMENT_BYTES);
        break;
    case NONE:
        break;
    }
    if (frames.size == 0)
        return MODEL_BODY_CORRUPT;
    if (raw > DECIDED_MAX)
        return MODEL_BODY_UNDECIDED;
    out->data = malloc(raw + 1);
    if (out->data == NULL)
        abort();
    while (frames.size > 0) {
        enum model_body verdict = read_frame(&frames, out, raw + 1);
        if (verdict != MODEL_BODY_READS)
            return verdict;
    }
    return out->size == raw ? MODEL_BODY_READS : MODEL_BODY_CORRUPT;
}

static enum model_body read_plain(struct wk_span bytes, struct model_payload *out) {
    out->data = malloc(bytes.size + 1);
    if (out->data == NULL)
        abort();
    if (bytes.size > 0)
        memcpy(out->data, bytes.data, bytes.size);
    out->size = bytes.size;
    return MODEL_BODY_READS;
}

enum model_body model_body_read(struct wk_span body, struct model_payload *out) {
    memset(out, 0, sizeof *out);
    if (body.size < 10 || !model_begins(body, "WBZ1"))
        return damaged_magic(body) ? MODEL_BODY_CORRUPT : read_plain(body, out);
    uint32_t raw = model_u32(body, 6);
    struct wk_span rest = behind(body, 10);
    out->wrapped = true;
    if (raw > PAYLOAD_MAX)
        return MODEL_BODY_CORRUPT;
    if (body.data[4] == 0 && raw == rest.size && !says_it_holds(rest, raw))
        return read_plain(rest, out);
    if (body.data[4] != 1)
        return MODEL_BODY_CORRUPT;
    return read_zstd(rest, raw, out);
}
