/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any of the eight messages as a plain value, for programs that check the codec against vectors and
 * against the Rust peer: one struct with the fields of all, made from JSON, from a decoded view or
 * at random, encoded to flat bytes, and compared field by field.
 *
 * Memory comes from an arena that the caller empties; views point where they came from.
 */
#ifndef WK_TESTS_VECTORS_MESSAGE_H
#define WK_TESTS_VECTORS_MESSAGE_H

#include "codec/messages.h"

/* Numbers are those of the interop protocol too. */
enum message_type {
    WIRE_REQUEST,
    WIRE_RESPONSE,
    LOOKUP_REQ,
    LOOKUP_RESP,
    GET_REQ,
    GET_RESP,
    PUT_REQ,
    PUT_RESP,
    MESSAGE_TYPES
};

/* "WireRequest", ...; MESSAGE_TYPES for a name that is none. */
extern const char *const message_names[MESSAGE_TYPES];
enum message_type message_type_named(struct wk_span name);

/* Fields that a type does not have are zero. */
struct message {
    enum message_type type;
    uint64_t id;
    uint8_t op;
    uint8_t status;
    uint32_t matched_count;
    uint64_t total_bytes;
    struct wk_span name_space;
    struct wk_span key;
    struct wk_span text; /* message of a wire response */
    struct wk_span payload;
    bool hit; /* of a get response */
    struct wk_span *hashes;
    size_t hash_count;
    struct wk_payload *payloads;
    size_t payload_count;
    struct wk_text_option error;
};

struct arena {
    uint8_t *data;
    size_t size;
    size_t used;
};

/* Memory for any call, zeroed; ends the program when there is none left. */
void *arena_take(struct arena *arena, size_t size);
/* A new arena; ends the program when there is no memory. */
struct arena arena_new(size_t size);

/* How a message lies on the wire. */
enum message_form { ARCHIVE, PAYLOAD, FRAME };

/* False with a text in `*why`: refused by the encoder. PAYLOAD: of the six block messages; FRAME:
 * of the two wire messages. */
bool message_encode(const struct message *m, enum message_form form, struct arena *arena,
                    struct wk_span *out, struct wk_wire_error *error);
bool message_decode(enum message_type type, enum message_form form, struct wk_span bytes,
                    uint32_t base, struct arena *arena, struct message *out,
                    struct wk_wire_error *error);
bool message_equal(const struct message *a, const struct message *b);

#endif
