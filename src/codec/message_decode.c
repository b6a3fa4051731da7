/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes -> views of messages. Each decoder checks the fields of its root in declaration order,
 * which is the order in which their pieces must lie, and fills the output only when all of it is
 * good.
 */
#include "codec/messages.h"

#include "base/limits.h"
#include "base/mark.h"
#include "codec/archive_check.h"
#include "codec/batch_read.h"
#include "codec/message_layout.h"
#include "codec/ops.h"

/* ---- shared steps ---- */

static bool begin(struct wk_archive_cursor *c, struct wk_span archive, uint32_t base,
                  int64_t root_bytes, int64_t root_align, int64_t *root) {
    *c = (struct wk_archive_cursor){.archive = archive.data};
    return archive.size <= WK_ARCHIVE_BYTES_MAX &&
           wk_archive_check_root(c, archive, base, root_bytes, root_align, root);
}

static bool refuse(const struct wk_archive_cursor *c, const char *what, struct wk_span archive,
                   struct wk_wire_error *error) {
    if (c->failed == 0) { /* not even begun */
        *error = (struct wk_wire_error){.kind = WK_WIRE_TOO_LARGE,
                                        .what = what,
                                        .needed = WK_ARCHIVE_BYTES_MAX,
                                        .got = archive.size};
        return false;
    }
    *error = (struct wk_wire_error){.kind = WK_WIRE_ARCHIVE,
                                    .check = c->failed,
                                    .what = what,
                                    .at = (uint64_t)c->failed_at,
                                    .got = archive.size};
    return false;
}

static bool check_text_option(struct wk_archive_cursor *c, int64_t at, int64_t end) {
    bool some;
    if (!wk_archive_check_tag(c, at, &some))
        return false;
    return !some || wk_archive_check_text(c, at + WK_ARCHIVE_OPTION_CELL, end);
}

static bool check_list_option(struct wk_archive_cursor *c, int64_t at, int64_t end) {
    bool some;
    if (!wk_archive_check_tag(c, at, &some))
        return false;
    return !some || wk_archive_check_byte_strings(c, at + WK_ARCHIVE_OPTION_CELL, end);
}

static struct wk_text_option text_option(const uint8_t *archive, int64_t at) {
    struct wk_text_option out = {archive[at] == 1, {NULL, 0}};
    if (out.some)
        out.text = wk_archive_text(archive, at + WK_ARCHIVE_OPTION_CELL);
    return out;
}

/* The archive behind the magic. */
static bool open_payload(struct wk_span payload, const char *magic, const char *what,
                         struct wk_span *archive, struct wk_wire_error *error) {
    struct wk_reader r = wk_reader(payload);
    if (!wk_batch_read_magic(&r, what, wk_span(magic, WK_OP_MAGIC_BYTES), error))
        return false;
    *archive = wk_read_span(&r, wk_reader_left(&r));
    return true;
}

/* ---- wire request, wire response ---- */

bool wk_wire_request_archive_decode(struct wk_span archive, uint32_t base,
                                    struct wk_wire_request *out, struct wk_wire_error *error) {
    struct wk_archive_cursor c;
    int64_t root;
    if (!begin(&c, archive, base, REQUEST_BYTES, REQUEST_ALIGN, &root) ||
        !wk_archive_check_text(&c, root + (WK_PLANTED(112) ? REQUEST_KEY_AT : REQUEST_NAMESPACE_AT),
                               root) ||
        !wk_archive_check_text(&c, root + REQUEST_KEY_AT, root) ||
        !wk_archive_check_bytes(&c, root + REQUEST_PAYLOAD_AT, root))
        return refuse(&c, REQUEST_NAME, archive, error);
    out->id = wk_archive_u64(archive.data + root + REQUEST_ID_AT);
    out->op = archive.data[root + REQUEST_OP_AT];
    out->name_space = wk_archive_text(archive.data, root + REQUEST_NAMESPACE_AT);
    out->key = wk_archive_text(archive.data, root + REQUEST_KEY_AT);
    out->payload = wk_payload(wk_archive_bytes(archive.data, root + REQUEST_PAYLOAD_AT));
    return true;
}

bool wk_wire_response_archive_decode(struct wk_span archive, uint32_t base,
                                     struct wk_wire_response *out, struct wk_wire_error *error) {
    struct wk_archive_cursor c;
    int64_t root;
    if (!begin(&c, archive, base, RESPONSE_BYTES, RESPONSE_ALIGN, &root) ||
        !wk_archive_check_bytes(&c, root + RESPONSE_PAYLOAD_AT, root) ||
        !wk_archive_check_text(&c, root + RESPONSE_MESSAGE_AT, root + (WK_PLANTED(113) ? 8 : 0)))
        return refuse(&c, RESPONSE_NAME, archive, error);
    out->id = wk_archive_u64(archive.data + root + RESPONSE_ID_AT);
    out->status = archive.data[root + RESPONSE_STATUS_AT];
    out->op = archive.data[root + RESPONSE_OP_AT];
    out->payload = wk_payload(wk_archive_bytes(archive.data, root + RESPONSE_PAYLOAD_AT));
    out->message = wk_archive_text(archive.data, root + RESPONSE_MESSAGE_AT);
    return true;
}

/* ---- lookup and get requests ---- */

static bool decode_hashes_req(struct wk_span archive, uint32_t base, const char *what,
                              struct wk_hashes_req_view *out, struct wk_wire_error *error) {
    struct wk_archive_cursor c;
    int64_t root;
    if (!begin(&c, archive, base, HASHES_REQ_BYTES, HASHES_REQ_ALIGN, &root) ||
        !wk_archive_check_text(&c, root + HASHES_REQ_NAMESPACE_AT, root) ||
        !(WK_PLANTED(114) || wk_archive_check_texts(&c, root + HASHES_REQ_HASHES_AT, root)))
        return refuse(&c, what, archive, error);
    out->name_space = wk_archive_text(archive.data, root + HASHES_REQ_NAMESPACE_AT);
    out->hashes = wk_archive_list(archive.data, root + HASHES_REQ_HASHES_AT);
    return true;
}

bool wk_lookup_req_archive_decode(struct wk_span archive, uint32_t base,
                                  struct wk_hashes_req_view *out, struct wk_wire_error *error) {
    return decode_hashes_req(archive, base, LOOKUP_REQ_NAME, out, error);
}

bool wk_get_blocks_req_archive_decode(struct wk_span archive, uint32_t base,
                                      struct wk_hashes_req_view *out, struct wk_wire_error *error) {
    return decode_hashes_req(archive, WK_PLANTED(116) ? 0 : base, GET_REQ_NAME, out, error);
}

bool wk_lookup_req_decode(struct wk_span payload, struct wk_hashes_req_view *out,
                          struct wk_wire_error *error) {
    struct wk_span archive;
    return open_payload(payload, WK_LOOKUP_BLOCK_PREFIX_REQ_MAGIC, LOOKUP_REQ_NAME, &archive,
                        error) &&
           wk_lookup_req_archive_decode(archive, 0, out, error);
}

bool wk_get_blocks_req_decode(struct wk_span payload, struct wk_hashes_req_view *out,
                              struct wk_wire_error *error) {
    struct wk_span archive;
    return open_payload(payload, WK_GET_KV_BLOCKS_BATCH_REQ_MAGIC, GET_REQ_NAME, &archive, error) &&
           wk_get_blocks_req_archive_decode(archive, 0, out, error);
}

/* ---- lookup response ---- */

bool wk_lookup_resp_archive_decode(struct wk_span archive, uint32_t base,
                                   struct wk_lookup_resp *out, struct wk_wire_error *error) {
    struct wk_archive_cursor c;
    int64_t root;
    if (!begin(&c, archive, base, LOOKUP_RESP_BYTES, LOOKUP_RESP_ALIGN, &root) ||
        !check_text_option(&c, root + LOOKUP_RESP_ERROR_AT, root))
        return refuse(&c, LOOKUP_RESP_NAME, archive, error);
    out->matched_count = wk_archive_u32(archive.data + root + LOOKUP_RESP_COUNT_AT);
    if (WK_PLANTED(115))
        out->matched_count = (uint16_t)out->matched_count;
    out->error = text_option(archive.data, root + LOOKUP_RESP_ERROR_AT);
    return true;
}

bool wk_lookup_resp_decode(struct wk_span payload, struct wk_lookup_resp *out,
                           struct wk_wire_error *error) {
    struct wk_span archive;
    return open_payload(payload, WK_LOOKUP_BLOCK_PREFIX_RESP_MAGIC, LOOKUP_RESP_NAME, &archive,
                        error) &&
           wk_lookup_resp_archive_decode(archive, 0, out, error);
}

/* ---- get response ---- */

bool wk_get_blocks_resp_archive_decode(struct wk_span archive, uint32_t base,
                                       struct wk_get_blocks_resp_view *out,
                                       struct wk_wire_error *error) {
    struct wk_archive_cursor c;
    int64_t root;
    if (!begin(&c, archive, base, GET_RESP_BYTES, GET_RESP_ALIGN, &root) ||
        !check_list_option(&c, root + GET_RESP_PAYLOADS_AT, root) ||
        (!(WK_PLANTED(117) && archive.data[root] == 0) &&
         !check_text_option(&c, root + GET_RESP_ERROR_AT, root)))
        return refuse(&c, GET_RESP_NAME, archive, error);
    out->hit = archive.data[root + GET_RESP_PAYLOADS_AT] == 1;
    out->payloads = (struct wk_archive_list){NULL, 0, 0};
    if (out->hit)
        out->payloads =
            wk_archive_list(archive.data, root + GET_RESP_PAYLOADS_AT + WK_ARCHIVE_OPTION_CELL);
    out->error = text_option(archive.data, root + GET_RESP_ERROR_AT);
    return true;
}

bool wk_get_blocks_resp_decode(struct wk_span payload, struct wk_get_blocks_resp_view *out,
                               struct wk_wire_error *error) {
    struct wk_span archive;
    return open_payload(payload, WK_GET_KV_BLOCKS_BATCH_RESP_MAGIC, GET_RESP_NAME, &archive,
                        error) &&
           wk_get_blocks_resp_archive_decode(archive, 0, out, error);
}

/* ---- put request ---- */

bool wk_put_blocks_req_archive_decode(struct wk_span archive, uint32_t base,
                                      struct wk_put_blocks_req_view *out,
                                      struct wk_wire_error *error) {
    struct wk_archive_cursor c;
    int64_t root;
    if (!begin(&c, archive, base, PUT_REQ_BYTES, PUT_REQ_ALIGN, &root) ||
        !wk_archive_check_text(&c, root + PUT_REQ_NAMESPACE_AT, root) ||
        !wk_archive_check_texts(&c, root + PUT_REQ_HASHES_AT, root) ||
        !wk_archive_check_byte_strings(&c, root + PUT_REQ_PAYLOADS_AT,
                                       root + (WK_PLANTED(118) ? 8 : 0)))
        return refuse(&c, PUT_REQ_NAME, archive, error);
    out->name_space = wk_archive_text(archive.data, root + PUT_REQ_NAMESPACE_AT);
    out->hashes = wk_archive_list(archive.data, root + PUT_REQ_HASHES_AT);
    out->payloads = wk_archive_list(archive.data, root + PUT_REQ_PAYLOADS_AT);
    return true;
}

bool wk_put_blocks_req_decode(struct wk_span payload, struct wk_put_blocks_req_view *out,
                              struct wk_wire_error *error) {
    struct wk_span archive;
    return open_payload(payload, WK_PUT_KV_BLOCKS_BATCH_REQ_MAGIC, PUT_REQ_NAME, &archive, error) &&
           wk_put_blocks_req_archive_decode(archive, 0, out, error);
}

/* ---- put response ---- */

bool wk_put_blocks_resp_archive_decode(struct wk_span archive, uint32_t base,
                                       struct wk_put_blocks_resp *out,
                                       struct wk_wire_error *error) {
    struct wk_archive_cursor c;
    int64_t root;
    if (!begin(&c, archive, base, PUT_RESP_BYTES, WK_PLANTED(119) ? 4 : PUT_RESP_ALIGN, &root) ||
        !check_text_option(&c, root + PUT_RESP_ERROR_AT, root))
        return refuse(&c, PUT_RESP_NAME, archive, error);
    out->total_bytes = wk_archive_u64(archive.data + root + PUT_RESP_TOTAL_AT);
    out->error = text_option(archive.data, root + PUT_RESP_ERROR_AT);
    return true;
}

bool wk_put_blocks_resp_decode(struct wk_span payload, struct wk_put_blocks_resp *out,
                               struct wk_wire_error *error) {
    struct wk_span archive;
    return open_payload(payload, WK_PUT_KV_BLOCKS_BATCH_RESP_MAGIC, PUT_RESP_NAME, &archive,
                        error) &&
           wk_put_blocks_resp_archive_decode(archive, 0, out, error);
}
