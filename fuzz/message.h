/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The message of a target between the library's form and the model's: MESSAGE, MAGIC, and the
 * functions that message.c asks of it. Which message it is, the target's name says.
 */
#ifndef WK_FUZZ_MESSAGE_H
#define WK_FUZZ_MESSAGE_H

#include "codec/messages.h"
#include "codec/ops.h"
#include "harness.h"

#if defined FUZZ_TARGET_wire_request
#define MESSAGE MODEL_WIRE_REQUEST
#elif defined FUZZ_TARGET_wire_response
#define MESSAGE MODEL_WIRE_RESPONSE
#elif defined FUZZ_TARGET_lookup_req
#define MESSAGE MODEL_LOOKUP_REQ
#elif defined FUZZ_TARGET_lookup_resp
#define MESSAGE MODEL_LOOKUP_RESP
#elif defined FUZZ_TARGET_get_blocks_req
#define MESSAGE MODEL_GET_REQ
#elif defined FUZZ_TARGET_get_blocks_resp
#define MESSAGE MODEL_GET_RESP
#elif defined FUZZ_TARGET_put_blocks_req
#define MESSAGE MODEL_PUT_REQ
#elif defined FUZZ_TARGET_put_blocks_resp
#define MESSAGE MODEL_PUT_RESP
#else
#error "which message?"
#endif

/* ---- lists, between the library's form and the model's ----------------------------------------
 */

static inline struct wk_span *items_of(const struct wk_archive_list *list, bool texts) {
    struct wk_span *items = calloc(list->count + 1, sizeof *items);
    CHECK(items != NULL, "the harness has memory");
    for (size_t i = 0; i < list->count; i++)
        items[i] = texts ? wk_archive_text_at(list, i) : wk_archive_bytes_at(list, i);
    return items;
}

static inline void take_list(struct model_value *to, const struct wk_archive_list *list,
                             bool texts) {
    to->items = items_of(list, texts);
    to->count = list->count;
}

static inline void take_text_option(struct model_value *to, const struct wk_text_option *option) {
    to->some = option->some;
    if (option->some)
        to->bytes = option->text;
}

static inline struct wk_text_option text_option(const struct model_value *from) {
    return (struct wk_text_option){from->some, from->some ? from->bytes : wk_span(NULL, 0)};
}

/* Every second one with its sum, so that both ways to the list's own sum are taken. */
static inline struct wk_payload payload_of(struct wk_span bytes, size_t i) {
    struct wk_payload p = wk_payload(bytes);
    p.crc_known = i % 2 == 1;
    p.crc32c = p.crc_known ? model_crc32c(bytes) : 0;
    return p;
}

static inline struct wk_payload *payloads_of(const struct model_value *list) {
    struct wk_payload *payloads = calloc(list->count + 1, sizeof *payloads);
    CHECK(payloads != NULL, "the harness has memory");
    for (size_t i = 0; i < list->count; i++)
        payloads[i] = payload_of(list->items[i], i);
    return payloads;
}

/* ---- one message ------------------------------------------------------------------------------
 */

/*
 * What the target does with its message:
 *
 *   decode_archive, decode_payload   the fields as the model has them; false with the fault
 *   need, encode_archive, encode_payload
 *
 * The payload is magic and archive; the two wire messages travel without one.
 */
typedef bool decoder(struct wk_span bytes, uint32_t base, struct model_value *v,
                     struct wk_wire_error *error);
typedef bool encoder(struct wk_iov *to, const struct model_value *v, struct wk_wire_error *error);

/* Calls `function`; what it must not touch when it fails is looked at. */
#define DECODE(type, m, call)                                                                      \
    struct type m;                                                                                 \
    FILL_PATTERN(&m);                                                                              \
    if (!(call)) {                                                                                 \
        CHECK_PATTERN(&m);                                                                         \
        return false;                                                                              \
    }

#if defined FUZZ_TARGET_wire_request
#define MAGIC NULL

static bool decode_archive(struct wk_span bytes, uint32_t base, struct model_value *v,
                           struct wk_wire_error *error) {
    DECODE(wk_wire_request, m, wk_wire_request_archive_decode(bytes, base, &m, error))
    v[0].number = m.id;
    v[1].number = m.op;
    v[2].bytes = m.name_space;
    v[3].bytes = m.key;
    v[4].bytes = m.payload.bytes;
    return true;
}

static struct wk_wire_request message_of(const struct model_value *v) {
    return (struct wk_wire_request){v[0].number, (uint8_t)v[1].number, v[2].bytes, v[3].bytes,
                                    payload_of(v[4].bytes, v[0].number % 2)};
}

static struct wk_iov_need need(const struct model_value *v) {
    struct wk_wire_request m = message_of(v);
    return wk_wire_request_need(&m, NULL);
}

static bool encode_archive(struct wk_iov *to, const struct model_value *v,
                           struct wk_wire_error *error) {
    struct wk_wire_request m = message_of(v);
    return wk_wire_request_encode(to, &m, NULL, error);
}

#elif defined FUZZ_TARGET_wire_response
#define MAGIC NULL

static bool decode_archive(struct wk_span bytes, uint32_t base, struct model_value *v,
                           struct wk_wire_error *error) {
    DECODE(wk_wire_response, m, wk_wire_response_archive_decode(bytes, base, &m, error))
    v[0].number = m.id;
    v[1].number = m.status;
    v[2].number = m.op;
    v[3].bytes = m.payload.bytes;
    v[4].bytes = m.message;
    return true;
}

static struct wk_wire_response message_of(const struct model_value *v) {
    return (struct wk_wire_response){v[0].number, (uint8_t)v[1].number, (uint8_t)v[2].number,
                                     payload_of(v[3].bytes, v[0].number % 2), v[4].bytes};
}

static struct wk_iov_need need(const struct model_value *v) {
    struct wk_wire_response m = message_of(v);
    return wk_wire_response_need(&m, NULL);
}

static bool encode_archive(struct wk_iov *to, const struct model_value *v,
                           struct wk_wire_error *error) {
    struct wk_wire_response m = message_of(v);
    return wk_wire_response_encode(to, &m, NULL, error);
}

#elif defined FUZZ_TARGET_lookup_req || defined FUZZ_TARGET_get_blocks_req
#if defined FUZZ_TARGET_lookup_req
#define MAGIC          WK_LOOKUP_BLOCK_PREFIX_REQ_MAGIC
#define ARCHIVE_DECODE wk_lookup_req_archive_decode
#define PAYLOAD_DECODE wk_lookup_req_decode
#define ARCHIVE_ENCODE wk_lookup_req_archive_encode
#define PAYLOAD_ENCODE wk_lookup_req_encode
#else
#define MAGIC          WK_GET_KV_BLOCKS_BATCH_REQ_MAGIC
#define ARCHIVE_DECODE wk_get_blocks_req_archive_decode
#define PAYLOAD_DECODE wk_get_blocks_req_decode
#define ARCHIVE_ENCODE wk_get_blocks_req_archive_encode
#define PAYLOAD_ENCODE wk_get_blocks_req_encode
#endif

static bool take(struct model_value *v, const struct wk_hashes_req_view *m) {
    v[0].bytes = m->name_space;
    take_list(&v[1], &m->hashes, true);
    return true;
}

static bool decode_archive(struct wk_span bytes, uint32_t base, struct model_value *v,
                           struct wk_wire_error *error) {
    DECODE(wk_hashes_req_view, m, ARCHIVE_DECODE(bytes, base, &m, error))
    return take(v, &m);
}

static bool decode_payload(struct wk_span bytes, uint32_t base, struct model_value *v,
                           struct wk_wire_error *error) {
    (void)base;
    DECODE(wk_hashes_req_view, m, PAYLOAD_DECODE(bytes, &m, error))
    return take(v, &m);
}

static struct wk_hashes_req message_of(const struct model_value *v) {
    return (struct wk_hashes_req){v[0].bytes, v[1].items, v[1].count};
}

static struct wk_iov_need need(const struct model_value *v) {
    struct wk_hashes_req m = message_of(v);
    return wk_hashes_req_need(&m);
}

static bool encode_archive(struct wk_iov *to, const struct model_value *v,
                           struct wk_wire_error *error) {
    struct wk_hashes_req m = message_of(v);
    return ARCHIVE_ENCODE(to, &m, error);
}

static bool encode_payload(struct wk_iov *to, const struct model_value *v,
                           struct wk_wire_error *error) {
    struct wk_hashes_req m = message_of(v);
    return PAYLOAD_ENCODE(to, &m, error);
}

#elif defined FUZZ_TARGET_get_blocks_resp
#define MAGIC WK_GET_KV_BLOCKS_BATCH_RESP_MAGIC

static bool take(struct model_value *v, const struct wk_get_blocks_resp_view *m) {
    v[0].some = m->hit;
    CHECK(m->hit || m->payloads.count == 0, "without a list there is nothing in it");
    if (m->hit)
        take_list(&v[0], &m->payloads, false);
    take_text_option(&v[1], &m->error);
    return true;
}

static bool decode_archive(struct wk_span bytes, uint32_t base, struct model_value *v,
                           struct wk_wire_error *error) {
    DECODE(wk_get_blocks_resp_view, m, wk_get_blocks_resp_archive_decode(bytes, base, &m, error))
    return take(v, &m);
}

static bool decode_payload(struct wk_span bytes, uint32_t base, struct model_value *v,
                           struct wk_wire_error *error) {
    (void)base;
    DECODE(wk_get_blocks_resp_view, m, wk_get_blocks_resp_decode(bytes, &m, error))
    return take(v, &m);
}

static struct wk_get_blocks_resp message_of(const struct model_value *v,
                                            const struct wk_payload *payloads) {
    return (struct wk_get_blocks_resp){v[0].some, payloads, v[0].count, text_option(&v[1])};
}

static struct wk_iov_need need(const struct model_value *v) {
    struct wk_payload *payloads = payloads_of(&v[0]);
    struct wk_get_blocks_resp m = message_of(v, payloads);
    struct wk_iov_need n = wk_get_blocks_resp_need(&m);
    free(payloads);
    return n;
}

static bool encode_archive(struct wk_iov *to, const struct model_value *v,
                           struct wk_wire_error *error) {
    struct wk_payload *payloads = payloads_of(&v[0]);
    struct wk_get_blocks_resp m = message_of(v, payloads);
    bool good = wk_get_blocks_resp_archive_encode(to, &m, error);
    free(payloads);
    return good;
}

static bool encode_payload(struct wk_iov *to, const struct model_value *v,
                           struct wk_wire_error *error) {
    struct wk_payload *payloads = payloads_of(&v[0]);
    struct wk_get_blocks_resp m = message_of(v, payloads);
    bool good = wk_get_blocks_resp_encode(to, &m, error);
    free(payloads);
    return good;
}

#elif defined FUZZ_TARGET_put_blocks_req
#define MAGIC WK_PUT_KV_BLOCKS_BATCH_REQ_MAGIC

static bool take(struct model_value *v, const struct wk_put_blocks_req_view *m) {
    v[0].bytes = m->name_space;
    take_list(&v[1], &m->hashes, true);
    take_list(&v[2], &m->payloads, false);
    return true;
}

static bool decode_archive(struct wk_span bytes, uint32_t base, struct model_value *v,
                           struct wk_wire_error *error) {
    DECODE(wk_put_blocks_req_view, m, wk_put_blocks_req_archive_decode(bytes, base, &m, error))
    return take(v, &m);
}

static bool decode_payload(struct wk_span bytes, uint32_t base, struct model_value *v,
                           struct wk_wire_error *error) {
    (void)base;
    DECODE(wk_put_blocks_req_view, m, wk_put_blocks_req_decode(bytes, &m, error))
    return take(v, &m);
}

static struct wk_put_blocks_req message_of(const struct model_value *v,
                                           const struct wk_payload *payloads) {
    return (struct wk_put_blocks_req){v[0].bytes, v[1].items, v[1].count, payloads, v[2].count};
}

static struct wk_iov_need need(const struct model_value *v) {
    struct wk_payload *payloads = payloads_of(&v[2]);
    struct wk_put_blocks_req m = message_of(v, payloads);
    struct wk_iov_need n = wk_put_blocks_req_need(&m);
    free(payloads);
    return n;
}

static bool encode_archive(struct wk_iov *to, const struct model_value *v,
                           struct wk_wire_error *error) {
    struct wk_payload *payloads = payloads_of(&v[2]);
    struct wk_put_blocks_req m = message_of(v, payloads);
    bool good = wk_put_blocks_req_archive_encode(to, &m, error);
    free(payloads);
    return good;
}

static bool encode_payload(struct wk_iov *to, const struct model_value *v,
                           struct wk_wire_error *error) {
    struct wk_payload *payloads = payloads_of(&v[2]);
    struct wk_put_blocks_req m = message_of(v, payloads);
    bool good = wk_put_blocks_req_encode(to, &m, error);
    free(payloads);
    return good;
}

#else /* the two with a number and a text that may be missing */
#if defined FUZZ_TARGET_lookup_resp
#define MAGIC          WK_LOOKUP_BLOCK_PREFIX_RESP_MAGIC
#define TYPE           wk_lookup_resp
#define NUMBER         matched_count
#define ARCHIVE_DECODE wk_lookup_resp_archive_decode
#define PAYLOAD_DECODE wk_lookup_resp_decode
#define NEED           wk_lookup_resp_need
#define ARCHIVE_ENCODE wk_lookup_resp_archive_encode
#define PAYLOAD_ENCODE wk_lookup_resp_encode
#else
#define MAGIC          WK_PUT_KV_BLOCKS_BATCH_RESP_MAGIC
#define TYPE           wk_put_blocks_resp
#define NUMBER         total_bytes
#define ARCHIVE_DECODE wk_put_blocks_resp_archive_decode
#define PAYLOAD_DECODE wk_put_blocks_resp_decode
#define NEED           wk_put_blocks_resp_need
#define ARCHIVE_ENCODE wk_put_blocks_resp_archive_encode
#define PAYLOAD_ENCODE wk_put_blocks_resp_encode
#endif

static bool take(struct model_value *v, const struct TYPE *m) {
    v[0].number = m->NUMBER;
    take_text_option(&v[1], &m->error);
    return true;
}

static bool decode_archive(struct wk_span bytes, uint32_t base, struct model_value *v,
                           struct wk_wire_error *error) {
    DECODE(TYPE, m, ARCHIVE_DECODE(bytes, base, &m, error))
    return take(v, &m);
}

static bool decode_payload(struct wk_span bytes, uint32_t base, struct model_value *v,
                           struct wk_wire_error *error) {
    (void)base;
    DECODE(TYPE, m, PAYLOAD_DECODE(bytes, &m, error))
    return take(v, &m);
}

static struct TYPE message_of(const struct model_value *v) {
    struct TYPE m = {.error = text_option(&v[1])};
    memcpy(&m.NUMBER, &v[0].number, sizeof m.NUMBER); /* little endian, as all our processors */
    return m;
}

static struct wk_iov_need need(const struct model_value *v) {
    struct TYPE m = message_of(v);
    return NEED(&m);
}

static bool encode_archive(struct wk_iov *to, const struct model_value *v,
                           struct wk_wire_error *error) {
    struct TYPE m = message_of(v);
    return ARCHIVE_ENCODE(to, &m, error);
}

static bool encode_payload(struct wk_iov *to, const struct model_value *v,
                           struct wk_wire_error *error) {
    struct TYPE m = message_of(v);
    return PAYLOAD_ENCODE(to, &m, error);
}
#endif

#endif
