/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages -> pieces. For each message there is one function that writes it, `put_...`, whose calls
 * follow the archive from its first byte to its last. Run on a list that only measures, it says
 * what room the message takes; so room is asked for, and everything else checked, before the first
 * byte is written, and the writing itself cannot fail.
 */
#include "codec/messages.h"

#include "base/utf8.h"
#include "codec/archive_write.h"
#include "codec/message_layout.h"
#include "codec/ops.h"

/* ---- shared steps ---- */

/* Where an archive begins: behind the magic of a block message, NULL for an archive alone. */
static struct wk_archive_writer begin(struct wk_iov *to, const char *magic) {
    if (magic != NULL)
        wk_iov_copy(to, wk_span(magic, WK_OP_MAGIC_BYTES));
    return wk_archive_writer(to);
}

static bool text_ok(struct wk_span text, const char *what, struct wk_wire_error *error) {
    if (text.size > WK_ARCHIVE_TEXT_BYTES_MAX) {
        *error = (struct wk_wire_error){.kind = WK_WIRE_TOO_LARGE,
                                        .what = what,
                                        .needed = WK_ARCHIVE_TEXT_BYTES_MAX,
                                        .got = text.size};
        return false;
    }
    size_t good = wk_utf8_valid_bytes(text);
    if (good == text.size)
        return true;
    *error = (struct wk_wire_error){.kind = WK_WIRE_UTF8,
                                    .what = what,
                                    .at = good,
                                    .found = wk_span(text.data + good, text.size - good)};
    return false;
}

static bool texts_ok(const struct wk_span *texts, size_t count, const char *what,
                     struct wk_wire_error *error) {
    for (size_t i = 0; i < count; i++) {
        if (!text_ok(texts[i], what, error))
            return false;
    }
    return true;
}

static bool option_ok(const struct wk_text_option *o, const char *what,
                      struct wk_wire_error *error) {
    return !o->some || text_ok(o->text, what, error);
}

static uint64_t put_option_text(struct wk_archive_writer *w, const struct wk_text_option *o) {
    return o->some ? wk_archive_put_text(w, o->text) : 0;
}

static void put_option_tag(struct wk_archive_writer *w, bool some) {
    wk_archive_put_u8(w, some);
    wk_archive_put_zeros(w, WK_ARCHIVE_OPTION_CELL - 1);
}

static void put_text_option(struct wk_archive_writer *w, uint64_t at,
                            const struct wk_text_option *o) {
    put_option_tag(w, o->some);
    if (o->some)
        wk_archive_put_text_cell(w, at, o->text);
    else
        wk_archive_put_zeros(w, WK_ARCHIVE_CELL_BYTES);
}

/* ---- wire request ---- */

static void put_request(struct wk_iov *to, const struct wk_wire_request *m,
                        const struct wk_iov *nested) {
    struct wk_archive_writer w = wk_archive_writer(to);
    uint64_t name_space_at = wk_archive_put_text(&w, m->name_space);
    uint64_t key_at = wk_archive_put_text(&w, m->key);
    uint64_t payload_at =
        nested != NULL ? wk_archive_put_nested(&w, nested) : wk_archive_put_bytes(&w, &m->payload);
    wk_archive_align(&w, REQUEST_ALIGN);
    wk_archive_put_u64(&w, m->id);
    wk_archive_put_u8(&w, m->op);
    wk_archive_put_zeros(&w, REQUEST_NAMESPACE_AT - REQUEST_OP_AT - 1);
    wk_archive_put_text_cell(&w, name_space_at, m->name_space);
    wk_archive_put_text_cell(&w, key_at, m->key);
    wk_archive_put_list_cell(&w, payload_at,
                             nested != NULL ? nested->total_bytes : m->payload.bytes.size);
    wk_archive_align(&w, REQUEST_ALIGN);
}

struct wk_iov_need wk_wire_request_need(const struct wk_wire_request *m,
                                        const struct wk_iov *nested) {
    struct wk_iov measured = wk_iov_measuring();
    put_request(&measured, m, nested);
    return wk_iov_needed(&measured);
}

bool wk_wire_request_encode(struct wk_iov *to, const struct wk_wire_request *m,
                            const struct wk_iov *nested, struct wk_wire_error *error) {
    if (!text_ok(m->name_space, REQUEST_NAME, error) || !text_ok(m->key, REQUEST_NAME, error) ||
        !wk_iov_has_room(to, wk_wire_request_need(m, nested), REQUEST_NAME, error))
        return false;
    put_request(to, m, nested);
    return true;
}

/* ---- wire response ---- */

static void put_response(struct wk_iov *to, const struct wk_wire_response *m,
                         const struct wk_iov *nested) {
    struct wk_archive_writer w = wk_archive_writer(to);
    uint64_t payload_at =
        nested != NULL ? wk_archive_put_nested(&w, nested) : wk_archive_put_bytes(&w, &m->payload);
    uint64_t message_at = wk_archive_put_text(&w, m->message);
    wk_archive_align(&w, RESPONSE_ALIGN);
    wk_archive_put_u64(&w, m->id);
    wk_archive_put_u8(&w, m->status);
    wk_archive_put_u8(&w, m->op);
    wk_archive_put_zeros(&w, RESPONSE_PAYLOAD_AT - RESPONSE_OP_AT - 1);
    wk_archive_put_list_cell(&w, payload_at,
                             nested != NULL ? nested->total_bytes : m->payload.bytes.size);
    wk_archive_put_text_cell(&w, message_at, m->message);
    wk_archive_align(&w, RESPONSE_ALIGN);
}

struct wk_iov_need wk_wire_response_need(const struct wk_wire_response *m,
                                         const struct wk_iov *nested) {
    struct wk_iov measured = wk_iov_measuring();
    put_response(&measured, m, nested);
    return wk_iov_needed(&measured);
}

bool wk_wire_response_encode(struct wk_iov *to, const struct wk_wire_response *m,
                             const struct wk_iov *nested, struct wk_wire_error *error) {
    if (!text_ok(m->message, RESPONSE_NAME, error) ||
        !wk_iov_has_room(to, wk_wire_response_need(m, nested), RESPONSE_NAME, error))
        return false;
    put_response(to, m, nested);
    return true;
}

/* ---- lookup and get requests ---- */

static void put_hashes_req(struct wk_iov *to, const struct wk_hashes_req *m, const char *magic) {
    struct wk_archive_writer w = begin(to, magic);
    uint64_t name_space_at = wk_archive_put_text(&w, m->name_space);
    uint64_t hashes_at = wk_archive_put_texts(&w, m->hashes, m->hash_count);
    wk_archive_align(&w, HASHES_REQ_ALIGN);
    wk_archive_put_text_cell(&w, name_space_at, m->name_space);
    wk_archive_put_list_cell(&w, hashes_at, m->hash_count);
}

static struct wk_iov_need need_hashes_req(const struct wk_hashes_req *m, const char *magic) {
    struct wk_iov measured = wk_iov_measuring();
    put_hashes_req(&measured, m, magic);
    return wk_iov_needed(&measured);
}

static bool encode_hashes_req(struct wk_iov *to, const struct wk_hashes_req *m, const char *magic,
                              const char *what, struct wk_wire_error *error) {
    if (!text_ok(m->name_space, what, error) || !texts_ok(m->hashes, m->hash_count, what, error) ||
        !wk_iov_has_room(to, need_hashes_req(m, magic), what, error))
        return false;
    put_hashes_req(to, m, magic);
    return true;
}

struct wk_iov_need wk_hashes_req_need(const struct wk_hashes_req *m) {
    return need_hashes_req(m, WK_LOOKUP_BLOCK_PREFIX_REQ_MAGIC);
}

bool wk_lookup_req_archive_encode(struct wk_iov *to, const struct wk_hashes_req *m,
                                  struct wk_wire_error *error) {
    return encode_hashes_req(to, m, NULL, LOOKUP_REQ_NAME, error);
}

bool wk_lookup_req_encode(struct wk_iov *to, const struct wk_hashes_req *m,
                          struct wk_wire_error *error) {
    return encode_hashes_req(to, m, WK_LOOKUP_BLOCK_PREFIX_REQ_MAGIC, LOOKUP_REQ_NAME, error);
}

bool wk_get_blocks_req_archive_encode(struct wk_iov *to, const struct wk_hashes_req *m,
                                      struct wk_wire_error *error) {
    return encode_hashes_req(to, m, NULL, GET_REQ_NAME, error);
}

bool wk_get_blocks_req_encode(struct wk_iov *to, const struct wk_hashes_req *m,
                              struct wk_wire_error *error) {
    return encode_hashes_req(to, m, WK_GET_KV_BLOCKS_BATCH_REQ_MAGIC, GET_REQ_NAME, error);
}

/* ---- lookup response ---- */

static void put_lookup_resp(struct wk_iov *to, const struct wk_lookup_resp *m, const char *magic) {
    struct wk_archive_writer w = begin(to, magic);
    uint64_t error_at = put_option_text(&w, &m->error);
    wk_archive_align(&w, LOOKUP_RESP_ALIGN);
    wk_archive_put_u32(&w, m->matched_count);
    put_text_option(&w, error_at, &m->error);
}

static struct wk_iov_need need_lookup_resp(const struct wk_lookup_resp *m, const char *magic) {
    struct wk_iov measured = wk_iov_measuring();
    put_lookup_resp(&measured, m, magic);
    return wk_iov_needed(&measured);
}

static bool encode_lookup_resp(struct wk_iov *to, const struct wk_lookup_resp *m, const char *magic,
                               struct wk_wire_error *error) {
    if (!option_ok(&m->error, LOOKUP_RESP_NAME, error) ||
        !wk_iov_has_room(to, need_lookup_resp(m, magic), LOOKUP_RESP_NAME, error))
        return false;
    put_lookup_resp(to, m, magic);
    return true;
}

struct wk_iov_need wk_lookup_resp_need(const struct wk_lookup_resp *m) {
    return need_lookup_resp(m, WK_LOOKUP_BLOCK_PREFIX_RESP_MAGIC);
}

bool wk_lookup_resp_archive_encode(struct wk_iov *to, const struct wk_lookup_resp *m,
                                   struct wk_wire_error *error) {
    return encode_lookup_resp(to, m, NULL, error);
}

bool wk_lookup_resp_encode(struct wk_iov *to, const struct wk_lookup_resp *m,
                           struct wk_wire_error *error) {
    return encode_lookup_resp(to, m, WK_LOOKUP_BLOCK_PREFIX_RESP_MAGIC, error);
}

/* ---- get response ---- */

static void put_get_resp(struct wk_iov *to, const struct wk_get_blocks_resp *m, const char *magic) {
    struct wk_archive_writer w = begin(to, magic);
    uint64_t payloads_at =
        m->hit ? wk_archive_put_byte_strings(&w, m->payloads, m->payload_count) : 0;
    uint64_t error_at = put_option_text(&w, &m->error);
    wk_archive_align(&w, GET_RESP_ALIGN);
    put_option_tag(&w, m->hit);
    if (m->hit)
        wk_archive_put_list_cell(&w, payloads_at, m->payload_count);
    else
        wk_archive_put_zeros(&w, WK_ARCHIVE_CELL_BYTES);
    put_text_option(&w, error_at, &m->error);
}

static struct wk_iov_need need_get_resp(const struct wk_get_blocks_resp *m, const char *magic) {
    struct wk_iov measured = wk_iov_measuring();
    put_get_resp(&measured, m, magic);
    return wk_iov_needed(&measured);
}

static bool encode_get_resp(struct wk_iov *to, const struct wk_get_blocks_resp *m,
                            const char *magic, struct wk_wire_error *error) {
    if (!option_ok(&m->error, GET_RESP_NAME, error) ||
        !wk_iov_has_room(to, need_get_resp(m, magic), GET_RESP_NAME, error))
        return false;
    put_get_resp(to, m, magic);
    return true;
}

struct wk_iov_need wk_get_blocks_resp_need(const struct wk_get_blocks_resp *m) {
    return need_get_resp(m, WK_GET_KV_BLOCKS_BATCH_RESP_MAGIC);
}

bool wk_get_blocks_resp_archive_encode(struct wk_iov *to, const struct wk_get_blocks_resp *m,
                                       struct wk_wire_error *error) {
    return encode_get_resp(to, m, NULL, error);
}

bool wk_get_blocks_resp_encode(struct wk_iov *to, const struct wk_get_blocks_resp *m,
                               struct wk_wire_error *error) {
    return encode_get_resp(to, m, WK_GET_KV_BLOCKS_BATCH_RESP_MAGIC, error);
}

/* ---- put request ---- */

static void put_put_req(struct wk_iov *to, const struct wk_put_blocks_req *m, const char *magic) {
    struct wk_archive_writer w = begin(to, magic);
    uint64_t name_space_at = wk_archive_put_text(&w, m->name_space);
    uint64_t hashes_at = wk_archive_put_texts(&w, m->hashes, m->hash_count);
    uint64_t payloads_at = wk_archive_put_byte_strings(&w, m->payloads, m->payload_count);
    wk_archive_align(&w, PUT_REQ_ALIGN);
    wk_archive_put_text_cell(&w, name_space_at, m->name_space);
    wk_archive_put_list_cell(&w, hashes_at, m->hash_count);
    wk_archive_put_list_cell(&w, payloads_at, m->payload_count);
}

static struct wk_iov_need need_put_req(const struct wk_put_blocks_req *m, const char *magic) {
    struct wk_iov measured = wk_iov_measuring();
    put_put_req(&measured, m, magic);
    return wk_iov_needed(&measured);
}

static bool encode_put_req(struct wk_iov *to, const struct wk_put_blocks_req *m, const char *magic,
                           struct wk_wire_error *error) {
    if (!text_ok(m->name_space, PUT_REQ_NAME, error) ||
        !texts_ok(m->hashes, m->hash_count, PUT_REQ_NAME, error) ||
        !wk_iov_has_room(to, need_put_req(m, magic), PUT_REQ_NAME, error))
        return false;
    put_put_req(to, m, magic);
    return true;
}

struct wk_iov_need wk_put_blocks_req_need(const struct wk_put_blocks_req *m) {
    return need_put_req(m, WK_PUT_KV_BLOCKS_BATCH_REQ_MAGIC);
}

bool wk_put_blocks_req_archive_encode(struct wk_iov *to, const struct wk_put_blocks_req *m,
                                      struct wk_wire_error *error) {
    return encode_put_req(to, m, NULL, error);
}

bool wk_put_blocks_req_encode(struct wk_iov *to, const struct wk_put_blocks_req *m,
                              struct wk_wire_error *error) {
    if (m->hash_count != m->payload_count) {
        *error = (struct wk_wire_error){.kind = WK_WIRE_BODY_LENGTH_MISMATCH,
                                        .what = PUT_REQ_NAME,
                                        .needed = m->hash_count,
                                        .got = m->payload_count};
        return false;
    }
    return encode_put_req(to, m, WK_PUT_KV_BLOCKS_BATCH_REQ_MAGIC, error);
}

/* ---- put response ---- */

static void put_put_resp(struct wk_iov *to, const struct wk_put_blocks_resp *m, const char *magic) {
    struct wk_archive_writer w = begin(to, magic);
    uint64_t error_at = put_option_text(&w, &m->error);
    wk_archive_align(&w, PUT_RESP_ALIGN);
    wk_archive_put_u64(&w, m->total_bytes);
    put_text_option(&w, error_at, &m->error);
    wk_archive_align(&w, PUT_RESP_ALIGN);
}

static struct wk_iov_need need_put_resp(const struct wk_put_blocks_resp *m, const char *magic) {
    struct wk_iov measured = wk_iov_measuring();
    put_put_resp(&measured, m, magic);
    return wk_iov_needed(&measured);
}

static bool encode_put_resp(struct wk_iov *to, const struct wk_put_blocks_resp *m,
                            const char *magic, struct wk_wire_error *error) {
    if (!option_ok(&m->error, PUT_RESP_NAME, error) ||
        !wk_iov_has_room(to, need_put_resp(m, magic), PUT_RESP_NAME, error))
        return false;
    put_put_resp(to, m, magic);
    return true;
}

struct wk_iov_need wk_put_blocks_resp_need(const struct wk_put_blocks_resp *m) {
    return need_put_resp(m, WK_PUT_KV_BLOCKS_BATCH_RESP_MAGIC);
}

bool wk_put_blocks_resp_archive_encode(struct wk_iov *to, const struct wk_put_blocks_resp *m,
                                       struct wk_wire_error *error) {
    return encode_put_resp(to, m, NULL, error);
}

bool wk_put_blocks_resp_encode(struct wk_iov *to, const struct wk_put_blocks_resp *m,
                               struct wk_wire_error *error) {
    return encode_put_resp(to, m, WK_PUT_KV_BLOCKS_BATCH_RESP_MAGIC, error);
}
