/* SPDX-License-Identifier: Apache-2.0 */
#include "vectors/message.h"

#include <stdio.h>
#include <stdlib.h>

#include "codec/envelope.h"

const char *const message_names[MESSAGE_TYPES] = {
    [WIRE_REQUEST] = "WireRequest",        [WIRE_RESPONSE] = "WireResponse",
    [LOOKUP_REQ] = "LookupBlockPrefixReq", [LOOKUP_RESP] = "LookupBlockPrefixResp",
    [GET_REQ] = "GetKvBlocksBatchReq",     [GET_RESP] = "GetKvBlocksBatchResp",
    [PUT_REQ] = "PutKvBlocksBatchReq",     [PUT_RESP] = "PutKvBlocksBatchResp",
};

enum message_type message_type_named(struct wk_span name) {
    enum message_type type = 0;
    while (type < MESSAGE_TYPES && !wk_span_equal(name, wk_span_text(message_names[type])))
        type++;
    return type;
}

/* ---- memory ---- */

struct arena arena_new(size_t size) {
    struct arena out = {malloc(size), size, 0};
    if (out.data == NULL) {
        fprintf(stderr, "no memory for %zu bytes\n", size);
        exit(2);
    }
    return out;
}

void *arena_take(struct arena *arena, size_t size) {
    size_t at = (arena->used + 15) & ~(size_t)15;
    if (at > arena->size || size > arena->size - at) {
        fprintf(stderr, "arena of %zu bytes is full\n", arena->size);
        exit(2);
    }
    arena->used = at + size;
    return memset(arena->data + at, 0, size);
}

/* ---- encoding ---- */

/* What one list holds for its caller: pieces, scratch, and room for an envelope's header. */
static struct wk_iov list_for(struct wk_iov_need need, struct arena *arena) {
    size_t pieces = need.pieces + 1;
    size_t scratch = need.scratch_bytes + WK_ENVELOPE_HEADER_BYTES;
    return wk_iov(arena_take(arena, pieces * sizeof(struct wk_span)), pieces,
                  arena_take(arena, scratch), scratch);
}

static struct wk_span flatten(const struct wk_iov *list, struct arena *arena) {
    size_t size = 0;
    for (size_t i = 0; i < list->count; i++)
        size += list->pieces[i].size;
    struct wk_writer w = wk_writer(arena_take(arena, size), size);
    for (size_t i = 0; i < list->count; i++)
        wk_write_span(&w, list->pieces[i]);
    return wk_writer_span(&w);
}

static bool encode_request(const struct message *m, struct arena *arena, struct wk_iov *list,
                           bool framed, struct wk_wire_error *error) {
    const struct wk_wire_request r = {m->id, m->op, m->name_space, m->key, wk_payload(m->payload)};
    *list = list_for(wk_wire_request_need(&r, NULL), arena);
    return (!framed || wk_envelope_begin(list, error)) &&
           wk_wire_request_encode(list, &r, NULL, error);
}

static bool encode_response(const struct message *m, struct arena *arena, struct wk_iov *list,
                            bool framed, struct wk_wire_error *error) {
    const struct wk_wire_response r = {m->id, m->status, m->op, wk_payload(m->payload), m->text};
    *list = list_for(wk_wire_response_need(&r, NULL), arena);
    return (!framed || wk_envelope_begin(list, error)) &&
           wk_wire_response_encode(list, &r, NULL, error);
}

static bool encode_wire(const struct message *m, bool framed, struct arena *arena,
                        struct wk_iov *list, struct wk_wire_error *error) {
    bool done = m->type == WIRE_REQUEST ? encode_request(m, arena, list, framed, error)
                                        : encode_response(m, arena, list, framed, error);
    if (done && framed)
        return wk_envelope_end(list, error);
    if (done)
        wk_iov_close(list);
    return done;
}

static bool encode_hashes(const struct message *m, bool magic, struct arena *arena,
                          struct wk_iov *list, struct wk_wire_error *error) {
    const struct wk_hashes_req r = {m->name_space, m->hashes, m->hash_count};
    *list = list_for(wk_hashes_req_need(&r), arena);
    if (m->type == LOOKUP_REQ)
        return magic ? wk_lookup_req_encode(list, &r, error)
                     : wk_lookup_req_archive_encode(list, &r, error);
    return magic ? wk_get_blocks_req_encode(list, &r, error)
                 : wk_get_blocks_req_archive_encode(list, &r, error);
}

static bool encode_lookup_resp(const struct message *m, bool magic, struct arena *arena,
                               struct wk_iov *list, struct wk_wire_error *error) {
    const struct wk_lookup_resp r = {m->matched_count, m->error};
    *list = list_for(wk_lookup_resp_need(&r), arena);
    return magic ? wk_lookup_resp_encode(list, &r, error)
                 : wk_lookup_resp_archive_encode(list, &r, error);
}

static bool encode_get_resp(const struct message *m, bool magic, struct arena *arena,
                            struct wk_iov *list, struct wk_wire_error *error) {
    const struct wk_get_blocks_resp r = {m->hit, m->payloads, m->payload_count, m->error};
    *list = list_for(wk_get_blocks_resp_need(&r), arena);
    return magic ? wk_get_blocks_resp_encode(list, &r, error)
                 : wk_get_blocks_resp_archive_encode(list, &r, error);
}

static bool encode_put_req(const struct message *m, bool magic, struct arena *arena,
                           struct wk_iov *list, struct wk_wire_error *error) {
    const struct wk_put_blocks_req r = {m->name_space, m->hashes, m->hash_count, m->payloads,
                                        m->payload_count};
    *list = list_for(wk_put_blocks_req_need(&r), arena);
    return magic ? wk_put_blocks_req_encode(list, &r, error)
                 : wk_put_blocks_req_archive_encode(list, &r, error);
}

static bool encode_put_resp(const struct message *m, bool magic, struct arena *arena,
                            struct wk_iov *list, struct wk_wire_error *error) {
    const struct wk_put_blocks_resp r = {m->total_bytes, m->error};
    *list = list_for(wk_put_blocks_resp_need(&r), arena);
    return magic ? wk_put_blocks_resp_encode(list, &r, error)
                 : wk_put_blocks_resp_archive_encode(list, &r, error);
}

static bool encode_block(const struct message *m, bool magic, struct arena *arena,
                         struct wk_iov *list, struct wk_wire_error *error) {
    switch (m->type) {
    case LOOKUP_REQ:
    case GET_REQ:
        return encode_hashes(m, magic, arena, list, error);
    case LOOKUP_RESP:
        return encode_lookup_resp(m, magic, arena, list, error);
    case GET_RESP:
        return encode_get_resp(m, magic, arena, list, error);
    case PUT_REQ:
        return encode_put_req(m, magic, arena, list, error);
    case PUT_RESP:
        return encode_put_resp(m, magic, arena, list, error);
    default:
        return false;
    }
}

bool message_encode(const struct message *m, enum message_form form, struct arena *arena,
                    struct wk_span *out, struct wk_wire_error *error) {
    struct wk_iov list;
    if (m->type == WIRE_REQUEST || m->type == WIRE_RESPONSE) {
        if (!encode_wire(m, form == FRAME, arena, &list, error))
            return false;
    } else {
        if (!encode_block(m, form == PAYLOAD, arena, &list, error))
            return false;
        wk_iov_close(&list);
    }
    *out = flatten(&list, arena);
    return true;
}

/* ---- decoding ---- */

static void take_hashes(const struct wk_archive_list *list, struct arena *arena,
                        struct message *out) {
    out->hashes = arena_take(arena, list->count * sizeof *out->hashes);
    out->hash_count = list->count;
    for (size_t i = 0; i < list->count; i++)
        out->hashes[i] = wk_archive_text_at(list, i);
}

static void take_payloads(const struct wk_archive_list *list, struct arena *arena,
                          struct message *out) {
    out->payloads = arena_take(arena, list->count * sizeof *out->payloads);
    out->payload_count = list->count;
    for (size_t i = 0; i < list->count; i++)
        out->payloads[i] = wk_payload(wk_archive_bytes_at(list, i));
}

static bool decode_request(struct wk_span bytes, uint32_t base, struct message *out,
                           struct wk_wire_error *error) {
    struct wk_wire_request r;
    if (!wk_wire_request_archive_decode(bytes, base, &r, error))
        return false;
    *out = (struct message){.type = WIRE_REQUEST,
                            .id = r.id,
                            .op = r.op,
                            .name_space = r.name_space,
                            .key = r.key,
                            .payload = r.payload.bytes};
    return true;
}

static bool decode_response(struct wk_span bytes, uint32_t base, struct message *out,
                            struct wk_wire_error *error) {
    struct wk_wire_response r;
    if (!wk_wire_response_archive_decode(bytes, base, &r, error))
        return false;
    *out = (struct message){.type = WIRE_RESPONSE,
                            .id = r.id,
                            .status = r.status,
                            .op = r.op,
                            .payload = r.payload.bytes,
                            .text = r.message};
    return true;
}

static bool decode_hashes(enum message_type type, bool magic, struct wk_span bytes, uint32_t base,
                          struct arena *arena, struct message *out, struct wk_wire_error *error) {
    struct wk_hashes_req_view r;
    bool good;
    if (type == LOOKUP_REQ)
        good = magic ? wk_lookup_req_decode(bytes, &r, error)
                     : wk_lookup_req_archive_decode(bytes, base, &r, error);
    else
        good = magic ? wk_get_blocks_req_decode(bytes, &r, error)
                     : wk_get_blocks_req_archive_decode(bytes, base, &r, error);
    if (!good)
        return false;
    *out = (struct message){.type = type, .name_space = r.name_space};
    take_hashes(&r.hashes, arena, out);
    return true;
}

static bool decode_lookup_resp(bool magic, struct wk_span bytes, uint32_t base, struct message *out,
                               struct wk_wire_error *error) {
    struct wk_lookup_resp r;
    if (magic ? !wk_lookup_resp_decode(bytes, &r, error)
              : !wk_lookup_resp_archive_decode(bytes, base, &r, error))
        return false;
    *out =
        (struct message){.type = LOOKUP_RESP, .matched_count = r.matched_count, .error = r.error};
    return true;
}

static bool decode_get_resp(bool magic, struct wk_span bytes, uint32_t base, struct arena *arena,
                            struct message *out, struct wk_wire_error *error) {
    struct wk_get_blocks_resp_view r;
    if (magic ? !wk_get_blocks_resp_decode(bytes, &r, error)
              : !wk_get_blocks_resp_archive_decode(bytes, base, &r, error))
        return false;
    *out = (struct message){.type = GET_RESP, .hit = r.hit, .error = r.error};
    take_payloads(&r.payloads, arena, out);
    return true;
}

static bool decode_put_req(bool magic, struct wk_span bytes, uint32_t base, struct arena *arena,
                           struct message *out, struct wk_wire_error *error) {
    struct wk_put_blocks_req_view r;
    if (magic ? !wk_put_blocks_req_decode(bytes, &r, error)
              : !wk_put_blocks_req_archive_decode(bytes, base, &r, error))
        return false;
    *out = (struct message){.type = PUT_REQ, .name_space = r.name_space};
    take_hashes(&r.hashes, arena, out);
    take_payloads(&r.payloads, arena, out);
    return true;
}

static bool decode_put_resp(bool magic, struct wk_span bytes, uint32_t base, struct message *out,
                            struct wk_wire_error *error) {
    struct wk_put_blocks_resp r;
    if (magic ? !wk_put_blocks_resp_decode(bytes, &r, error)
              : !wk_put_blocks_resp_archive_decode(bytes, base, &r, error))
        return false;
    *out = (struct message){.type = PUT_RESP, .total_bytes = r.total_bytes, .error = r.error};
    return true;
}

bool message_decode(enum message_type type, enum message_form form, struct wk_span bytes,
                    uint32_t base, struct arena *arena, struct message *out,
                    struct wk_wire_error *error) {
    bool magic = form == PAYLOAD;
    if (form == FRAME && !wk_envelope_decode(bytes, WK_FRAME_BODY_BYTES_MAX, &bytes, error))
        return false;
    switch (type) {
    case WIRE_REQUEST:
        return decode_request(bytes, base, out, error);
    case WIRE_RESPONSE:
        return decode_response(bytes, base, out, error);
    case LOOKUP_REQ:
    case GET_REQ:
        return decode_hashes(type, magic, bytes, base, arena, out, error);
    case LOOKUP_RESP:
        return decode_lookup_resp(magic, bytes, base, out, error);
    case GET_RESP:
        return decode_get_resp(magic, bytes, base, arena, out, error);
    case PUT_REQ:
        return decode_put_req(magic, bytes, base, arena, out, error);
    case PUT_RESP:
        return decode_put_resp(magic, bytes, base, out, error);
    case MESSAGE_TYPES:
        break;
    }
    return false;
}

/* ---- comparing ---- */

bool message_equal(const struct message *a, const struct message *b) {
    if (a->type != b->type || a->id != b->id || a->op != b->op || a->status != b->status ||
        a->matched_count != b->matched_count || a->total_bytes != b->total_bytes ||
        a->hit != b->hit || a->hash_count != b->hash_count ||
        a->payload_count != b->payload_count || a->error.some != b->error.some)
        return false;
    if (!wk_span_equal(a->name_space, b->name_space) || !wk_span_equal(a->key, b->key) ||
        !wk_span_equal(a->text, b->text) || !wk_span_equal(a->payload, b->payload) ||
        !wk_span_equal(a->error.text, b->error.text))
        return false;
    for (size_t i = 0; i < a->hash_count; i++) {
        if (!wk_span_equal(a->hashes[i], b->hashes[i]))
            return false;
    }
    for (size_t i = 0; i < a->payload_count; i++) {
        if (!wk_span_equal(a->payloads[i].bytes, b->payloads[i].bytes))
            return false;
    }
    return true;
}
