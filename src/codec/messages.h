/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The eight messages of the remote protocol and how they travel.
 *
 *      envelope( archive of a wire request or wire response )
 *                           \ payload of ops 11 to 13: 16 bytes of magic, archive of a block
 * message
 *
 * Source: the reference's transport crate. What we write is what its encoder writes, byte for byte;
 * what we accept is what its validator accepts (archive_check.h), the same check failing first.
 *
 * Reading: a view into the input, which stays in place; texts are UTF-8. Nothing is copied or
 * reserved, and a refusal leaves the output as it was.
 *
 * Writing: small things into the list's scratch, payloads borrowed (iov.h). Refused, the list left
 * as it was: a text that is not UTF-8 (WK_WIRE_UTF8) or over WK_ARCHIVE_TEXT_BYTES_MAX, a list over
 * WK_ARCHIVE_BYTES_MAX in all, and one without room (WK_WIRE_TOO_LARGE). The ..._need functions say
 * beforehand what room a message takes, refused or not.
 *
 * Functions that end in archive_decode or archive_encode are about the archive alone, the others of
 * the block messages about magic and archive. `base` is the address of the archive's first byte
 * modulo 16 as a peer would hold it: 0 but for tests of alignment.
 *
 * Errors name the format as the reference does: "wire_request", "put_kv_blocks_batch_req", ...;
 * positions count from the archive's first byte. Pure; safe for concurrent use.
 */
#ifndef WK_CODEC_MESSAGES_H
#define WK_CODEC_MESSAGES_H

#include "codec/archive.h"
#include "codec/iov.h"

/* Option<String>. */
struct wk_text_option {
    bool some;
    struct wk_span text;
};

/* ---- wire request, wire response ---- */

struct wk_wire_request {
    uint64_t id;
    uint8_t op;
    struct wk_span name_space;
    struct wk_span key;
    struct wk_payload payload;
};

struct wk_wire_response {
    uint64_t id;
    uint8_t status;
    uint8_t op;
    struct wk_payload payload;
    struct wk_span message;
};

bool wk_wire_request_archive_decode(struct wk_span archive, uint32_t base,
                                    struct wk_wire_request *out, struct wk_wire_error *error);
bool wk_wire_response_archive_decode(struct wk_span archive, uint32_t base,
                                     struct wk_wire_response *out, struct wk_wire_error *error);

/*
 * `nested`: NULL, or a closed list whose bytes are the payload; the message's own payload is then
 * empty. So a batch of blocks goes out without a copy: encode the block message into a list of its
 * own, then the request around it.
 */
struct wk_iov_need wk_wire_request_need(const struct wk_wire_request *m,
                                        const struct wk_iov *nested);
bool wk_wire_request_encode(struct wk_iov *to, const struct wk_wire_request *m,
                            const struct wk_iov *nested, struct wk_wire_error *error);
struct wk_iov_need wk_wire_response_need(const struct wk_wire_response *m,
                                         const struct wk_iov *nested);
bool wk_wire_response_encode(struct wk_iov *to, const struct wk_wire_response *m,
                             const struct wk_iov *nested, struct wk_wire_error *error);

/* ---- lookup and get requests: a namespace and hashes ---- */

struct wk_hashes_req {
    struct wk_span name_space;
    const struct wk_span *hashes;
    size_t hash_count;
};

struct wk_hashes_req_view {
    struct wk_span name_space;
    struct wk_archive_list hashes; /* wk_archive_text_at; each may be any text */
};

bool wk_lookup_req_archive_decode(struct wk_span archive, uint32_t base,
                                  struct wk_hashes_req_view *out, struct wk_wire_error *error);
bool wk_lookup_req_decode(struct wk_span payload, struct wk_hashes_req_view *out,
                          struct wk_wire_error *error);
bool wk_get_blocks_req_archive_decode(struct wk_span archive, uint32_t base,
                                      struct wk_hashes_req_view *out, struct wk_wire_error *error);
bool wk_get_blocks_req_decode(struct wk_span payload, struct wk_hashes_req_view *out,
                              struct wk_wire_error *error);

/* Of either, with its magic. */
struct wk_iov_need wk_hashes_req_need(const struct wk_hashes_req *m);
bool wk_lookup_req_archive_encode(struct wk_iov *to, const struct wk_hashes_req *m,
                                  struct wk_wire_error *error);
bool wk_lookup_req_encode(struct wk_iov *to, const struct wk_hashes_req *m,
                          struct wk_wire_error *error);
bool wk_get_blocks_req_archive_encode(struct wk_iov *to, const struct wk_hashes_req *m,
                                      struct wk_wire_error *error);
bool wk_get_blocks_req_encode(struct wk_iov *to, const struct wk_hashes_req *m,
                              struct wk_wire_error *error);

/* ---- lookup response ---- */

struct wk_lookup_resp {
    uint32_t matched_count;
    struct wk_text_option error;
};

bool wk_lookup_resp_archive_decode(struct wk_span archive, uint32_t base,
                                   struct wk_lookup_resp *out, struct wk_wire_error *error);
bool wk_lookup_resp_decode(struct wk_span payload, struct wk_lookup_resp *out,
                           struct wk_wire_error *error);
struct wk_iov_need wk_lookup_resp_need(const struct wk_lookup_resp *m);
bool wk_lookup_resp_archive_encode(struct wk_iov *to, const struct wk_lookup_resp *m,
                                   struct wk_wire_error *error);
bool wk_lookup_resp_encode(struct wk_iov *to, const struct wk_lookup_resp *m,
                           struct wk_wire_error *error);

/* ---- get response ---- */

struct wk_get_blocks_resp {
    bool hit; /* false: no list, and payload_count is 0 */
    const struct wk_payload *payloads;
    size_t payload_count;
    struct wk_text_option error;
};

struct wk_get_blocks_resp_view {
    bool hit;
    struct wk_archive_list payloads; /* wk_archive_bytes_at; count 0 when there is no list */
    struct wk_text_option error;
};

bool wk_get_blocks_resp_archive_decode(struct wk_span archive, uint32_t base,
                                       struct wk_get_blocks_resp_view *out,
                                       struct wk_wire_error *error);
bool wk_get_blocks_resp_decode(struct wk_span payload, struct wk_get_blocks_resp_view *out,
                               struct wk_wire_error *error);
struct wk_iov_need wk_get_blocks_resp_need(const struct wk_get_blocks_resp *m);
bool wk_get_blocks_resp_archive_encode(struct wk_iov *to, const struct wk_get_blocks_resp *m,
                                       struct wk_wire_error *error);
bool wk_get_blocks_resp_encode(struct wk_iov *to, const struct wk_get_blocks_resp *m,
                               struct wk_wire_error *error);

/* ---- put request ---- */

struct wk_put_blocks_req {
    struct wk_span name_space;
    const struct wk_span *hashes;
    size_t hash_count;
    const struct wk_payload *payloads;
    size_t payload_count;
};

struct wk_put_blocks_req_view {
    struct wk_span name_space;
    struct wk_archive_list hashes;   /* wk_archive_text_at */
    struct wk_archive_list payloads; /* wk_archive_bytes_at; may be fewer or more than hashes */
};

bool wk_put_blocks_req_archive_decode(struct wk_span archive, uint32_t base,
                                      struct wk_put_blocks_req_view *out,
                                      struct wk_wire_error *error);
bool wk_put_blocks_req_decode(struct wk_span payload, struct wk_put_blocks_req_view *out,
                              struct wk_wire_error *error);
struct wk_iov_need wk_put_blocks_req_need(const struct wk_put_blocks_req *m);
bool wk_put_blocks_req_archive_encode(struct wk_iov *to, const struct wk_put_blocks_req *m,
                                      struct wk_wire_error *error);
/* Also refused, as by the reference: as many hashes as payloads there must be
 * (WK_WIRE_BODY_LENGTH_MISMATCH). */
bool wk_put_blocks_req_encode(struct wk_iov *to, const struct wk_put_blocks_req *m,
                              struct wk_wire_error *error);

/* ---- put response ---- */

struct wk_put_blocks_resp {
    uint64_t total_bytes;
    struct wk_text_option error;
};

bool wk_put_blocks_resp_archive_decode(struct wk_span archive, uint32_t base,
                                       struct wk_put_blocks_resp *out, struct wk_wire_error *error);
bool wk_put_blocks_resp_decode(struct wk_span payload, struct wk_put_blocks_resp *out,
                               struct wk_wire_error *error);
struct wk_iov_need wk_put_blocks_resp_need(const struct wk_put_blocks_resp *m);
bool wk_put_blocks_resp_archive_encode(struct wk_iov *to, const struct wk_put_blocks_resp *m,
                                       struct wk_wire_error *error);
bool wk_put_blocks_resp_encode(struct wk_iov *to, const struct wk_put_blocks_resp *m,
                               struct wk_wire_error *error);

#endif
