/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Envelope: what every message on a network is wrapped in, on TCP as well as in an HTTP body.
 *
 *      0  4  "WMBT"
 *      4  4  version, u32 little-endian: 1
 *      8  4  CRC32C of the body, u32 little-endian; the header is not covered
 *     12  4  size of the body, u32 little-endian: at most WK_FRAME_BODY_BYTES_MAX
 *     16     body: one archive (codec/messages.h)
 *
 * Reading a stream: 16 bytes, wk_envelope_header_decode, and only now memory for as many bytes as
 * it said; then wk_envelope_body_check. Magic, version, size, CRC: checked in this order, as the
 * reference does.
 *
 * Pure functions; a refusal leaves the output as it was.
 */
#ifndef WK_CODEC_ENVELOPE_H
#define WK_CODEC_ENVELOPE_H

#include "codec/iov.h"

#define WK_ENVELOPE_HEADER_BYTES 16u
#define WK_ENVELOPE_MAGIC        "WMBT"
#define WK_ENVELOPE_MAGIC_BYTES  4u
#define WK_ENVELOPE_VERSION      1u

struct wk_envelope_header {
    uint32_t crc32c;
    uint32_t body_bytes;
};

/*
 * `header`: the first 16 bytes; more are not looked at. `body_max`: the caller's own limit.
 * False: WK_WIRE_TRUNCATED, WK_WIRE_BAD_MAGIC, WK_WIRE_VERSION, or WK_WIRE_TOO_LARGE over
 * `body_max`.
 */
bool wk_envelope_header_decode(struct wk_span header, uint32_t body_max,
                               struct wk_envelope_header *out, struct wk_wire_error *error);

/* The body's size and CRC32C, as the receiver counted and summed them, against the header's. False:
 * WK_WIRE_BODY_LENGTH_MISMATCH or WK_WIRE_CHECKSUM. */
bool wk_envelope_body_check(const struct wk_envelope_header *header, uint64_t body_bytes,
                            uint32_t body_crc32c, struct wk_wire_error *error);

/* A whole message that is in memory, as an HTTP body is: its size is that of header and body. One
 * pass over the body. `*body` is a view. */
bool wk_envelope_decode(struct wk_span message, uint32_t body_max, struct wk_span *body,
                        struct wk_wire_error *error);

void wk_envelope_header_encode(uint8_t out[WK_ENVELOPE_HEADER_BYTES],
                               const struct wk_envelope_header *header);

/*
 * A frame in an empty list: room for the header, then the caller adds the body (up to one archive),
 * then the header is filled in. Takes one piece and 16 bytes of scratch besides what the body
 * needs. `total_bytes` of the list is the body's.
 */
bool wk_envelope_begin(struct wk_iov *frame, struct wk_wire_error *error);
/* False, WK_WIRE_TOO_LARGE: the body is over WK_FRAME_BODY_BYTES_MAX, the frame is of no use. */
bool wk_envelope_end(struct wk_iov *frame, struct wk_wire_error *error);

#endif
