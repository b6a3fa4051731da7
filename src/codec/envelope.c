/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/envelope.h"

#include "base/mark.h"
#include "base/reader.h"
#include "hash/crc32c.h"

#define WHAT "envelope"

/* Where the fields lie, for messages. */
#define VERSION_AT 4u
#define CRC_AT     8u
#define SIZE_AT    12u

bool wk_envelope_header_decode(struct wk_span header, uint32_t body_max,
                               struct wk_envelope_header *out, struct wk_wire_error *error) {
    struct wk_reader r = wk_reader(header);
    struct wk_span magic = wk_read_span(&r, WK_ENVELOPE_MAGIC_BYTES);
    uint32_t version = wk_read_u32le(&r);
    uint32_t crc32c = wk_read_u32le(&r);
    uint32_t body_bytes = wk_read_u32le(&r);
    if (r.failed) {
        *error = (struct wk_wire_error){.kind = WK_WIRE_TRUNCATED,
                                        .what = WHAT,
                                        .needed = WK_ENVELOPE_HEADER_BYTES,
                                        .got = header.size};
        return false;
    }
    struct wk_span expected = wk_span(WK_ENVELOPE_MAGIC, WK_ENVELOPE_MAGIC_BYTES);
    if (!wk_span_equal(magic, expected)) {
        *error = (struct wk_wire_error){
            .kind = WK_WIRE_BAD_MAGIC, .what = WHAT, .expected = expected, .found = magic};
        return false;
    }
    if (version != WK_ENVELOPE_VERSION) {
        *error = (struct wk_wire_error){.kind = WK_WIRE_VERSION,
                                        .what = WHAT,
                                        .needed = WK_ENVELOPE_VERSION,
                                        .at = VERSION_AT,
                                        .got = version};
        return false;
    }
    if (WK_PLANTED(111) ? body_bytes >= body_max : body_bytes > body_max) {
        *error = (struct wk_wire_error){.kind = WK_WIRE_TOO_LARGE,
                                        .what = WHAT,
                                        .needed = body_max,
                                        .at = SIZE_AT,
                                        .got = body_bytes};
        return false;
    }
    *out = (struct wk_envelope_header){crc32c, body_bytes};
    return true;
}

static bool size_fits(const struct wk_envelope_header *header, uint64_t body_bytes,
                      struct wk_wire_error *error) {
    if (header->body_bytes == body_bytes || (WK_PLANTED(120) && header->body_bytes < body_bytes))
        return true;
    *error = (struct wk_wire_error){.kind = WK_WIRE_BODY_LENGTH_MISMATCH,
                                    .what = WHAT,
                                    .needed = header->body_bytes,
                                    .at = SIZE_AT,
                                    .got = body_bytes};
    return false;
}

bool wk_envelope_body_check(const struct wk_envelope_header *header, uint64_t body_bytes,
                            uint32_t body_crc32c, struct wk_wire_error *error) {
    if (!size_fits(header, body_bytes, error))
        return false;
    if (header->crc32c == body_crc32c)
        return true;
    *error = (struct wk_wire_error){.kind = WK_WIRE_CHECKSUM,
                                    .what = WHAT,
                                    .needed = header->crc32c,
                                    .at = CRC_AT,
                                    .got = body_crc32c};
    return false;
}

bool wk_envelope_decode(struct wk_span message, uint32_t body_max, struct wk_span *body,
                        struct wk_wire_error *error) {
    struct wk_envelope_header header;
    if (!wk_envelope_header_decode(message, body_max, &header, error))
        return false;
    struct wk_span rest =
        wk_span(message.data + WK_ENVELOPE_HEADER_BYTES, message.size - WK_ENVELOPE_HEADER_BYTES);
    /* The size first: nothing is summed that cannot be right. */
    if (!size_fits(&header, rest.size, error))
        return false;
    uint32_t crc32c = wk_crc32c(rest.data, rest.size);
    if (!wk_envelope_body_check(&header, rest.size, crc32c, error))
        return false;
    *body = rest;
    return true;
}

void wk_envelope_header_encode(uint8_t out[WK_ENVELOPE_HEADER_BYTES],
                               const struct wk_envelope_header *header) {
    struct wk_writer w = wk_writer(out, WK_ENVELOPE_HEADER_BYTES);
    wk_write_span(&w, wk_span(WK_ENVELOPE_MAGIC, WK_ENVELOPE_MAGIC_BYTES));
    wk_write_u32le(&w, WK_ENVELOPE_VERSION);
    wk_write_u32le(&w, header->crc32c);
    wk_write_u32le(&w, header->body_bytes);
}

/* ---- frames in a list of pieces ---- */

bool wk_envelope_begin(struct wk_iov *frame, struct wk_wire_error *error) {
    struct wk_iov_need need = {.pieces = 1, .scratch_bytes = WK_ENVELOPE_HEADER_BYTES};
    if (!wk_iov_has_room(frame, need, WHAT, error))
        return false;
    /* A piece before everything, left out of total and CRC. */
    frame->pieces[0] = wk_span(frame->scratch.data, WK_ENVELOPE_HEADER_BYTES);
    frame->count = 1;
    wk_write_zeros(&frame->scratch, WK_ENVELOPE_HEADER_BYTES);
    frame->run_at = WK_ENVELOPE_HEADER_BYTES;
    return true;
}

bool wk_envelope_end(struct wk_iov *frame, struct wk_wire_error *error) {
    wk_iov_close(frame);
    if (frame->total_bytes > WK_FRAME_BODY_BYTES_MAX) {
        *error = (struct wk_wire_error){.kind = WK_WIRE_TOO_LARGE,
                                        .what = WHAT,
                                        .needed = WK_FRAME_BODY_BYTES_MAX,
                                        .at = SIZE_AT,
                                        .got = frame->total_bytes};
        return false;
    }
    const struct wk_envelope_header header = {frame->crc32c, (uint32_t)frame->total_bytes};
    wk_envelope_header_encode(frame->scratch.data, &header);
    return true;
}
