/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FUZZ-2: the models: what the specifications say, written down in the simplest way that can be
 * seen to be right, with no regard for speed. They share no code with src/: where they need help
 * they take it from the C library.
 */
#ifndef WK_FUZZ_MODEL_H
#define WK_FUZZ_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* ---- model_base.c ---- */

/* Each character decoded, and spelled again in its only right way. */
bool model_utf8(struct wk_span text);
/* One bit at a time. */
uint32_t model_crc32c(struct wk_span bytes);
/* Little-endian numbers at a position that is inside. */
uint32_t model_u32(struct wk_span bytes, size_t at);
uint64_t model_u64(struct wk_span bytes, size_t at);
/* True when `bytes` begins with the text. */
bool model_begins(struct wk_span bytes, const char *text);
/* Digits of any number, leading zeros and all; false when it is none or over the maximum. */
bool model_decimal(struct wk_span text, uint64_t max, uint64_t *out);

/* ---- model_address.c ---- */

/* Longer texts are not for the regular expressions. */
#define MODEL_TEXT_BYTES 4096

struct model_address {
    char host[256];
    unsigned port; /* 0: none was written */
    bool is_ipv6;
    bool loopback;
};

/* "host:port"; the port may be missing where `may_lack_port`. */
bool model_host_port(struct wk_span text, bool may_lack_port, struct model_address *out);

enum model_endpoint { MODEL_NO_ENDPOINT, MODEL_FILE, MODEL_HTTP, MODEL_HTTPS };
/* `*path` is set for MODEL_FILE, `*out` for the other two. */
enum model_endpoint model_endpoint(struct wk_span text, struct model_address *out,
                                   struct wk_span *path);

/* ---- model_path.c ---- */

#define MODEL_PATH_BYTES 8192

/* The path of a key as specs/0004 spells it; false when it is none. `to` is terminated. */
bool model_path_of_key(struct wk_span key, char to[MODEL_PATH_BYTES]);
/* The key whose path this is. */
bool model_key_of_path(struct wk_span path, uint8_t key[MODEL_PATH_BYTES], size_t *key_size);

/* ---- model_body.c ---- */

enum model_body { MODEL_BODY_CORRUPT, MODEL_BODY_READS, MODEL_BODY_UNDECIDED };

struct model_payload {
    uint8_t *data; /* malloc */
    size_t size;
    bool wrapped;
    bool stated;
    uint8_t statement[40]; /* digest, tag */
};

/* What a body holds. UNDECIDED where the model would need more memory than a harness should. */
enum model_body model_body_read(struct wk_span body, struct model_payload *out);

/* ---- model_batch.c ---- */

/* What the reference reports first. */
enum model_batch {
    MODEL_BATCH_READS,
    MODEL_BATCH_BAD_MAGIC,
    MODEL_BATCH_TRUNCATED,
    MODEL_BATCH_NO_UTF8,
    MODEL_BATCH_TRAILING,
    MODEL_BATCH_BODY_LENGTH
};

struct model_items {
    struct wk_span *items; /* malloc; views of the input; to be freed whatever the verdict */
    size_t count;
};
enum model_batch model_key_batch(struct wk_span in, struct model_items *out);
enum model_batch model_bytes_batch(struct wk_span in, struct model_items *out);

/* ---- model_manifest.c ---- */

enum model_manifest {
    MODEL_MANIFEST,
    MODEL_NO_MANIFEST,
    MODEL_VALUE_TOO_LARGE,
    MODEL_OTHER_CHUNKS
};

bool model_is_manifest(struct wk_span value);
/* Syntax comes before the size, the size before the number of chunks. */
enum model_manifest model_manifest_read(struct wk_span value, struct wk_span *id, uint64_t *size,
                                        uint64_t *chunks);

/* ---- model_rkyv.c ---- */

enum model_kind {
    MODEL_U8,
    MODEL_U32,
    MODEL_U64,
    MODEL_TEXT,
    MODEL_BYTES,
    MODEL_TEXTS,      /* a list of texts */
    MODEL_BYTES_LIST, /* a list of byte strings */
    MODEL_MAYBE_TEXT,
    MODEL_MAYBE_BYTES_LIST
};

#define MODEL_FIELDS_MAX 5

/* One struct of the wire: fields in the order of their declaration, places from the root. */
struct model_type {
    const char *name;
    size_t size;
    size_t align;
    size_t count;
    struct {
        enum model_kind kind;
        size_t at;
    } fields[MODEL_FIELDS_MAX];
};

enum model_message {
    MODEL_WIRE_REQUEST,
    MODEL_WIRE_RESPONSE,
    MODEL_LOOKUP_REQ,
    MODEL_LOOKUP_RESP,
    MODEL_GET_REQ,
    MODEL_GET_RESP,
    MODEL_PUT_REQ,
    MODEL_PUT_RESP
};
extern const struct model_type model_types[];

/* One field's value; which members count depends on its kind. */
struct model_value {
    uint64_t number;
    bool some;
    struct wk_span bytes;
    struct wk_span *items; /* malloc */
    size_t count;
};

/* ACCEPT, or the check that fails first, by the names of the reference's vectors. */
enum model_verdict {
    MODEL_ACCEPT,
    MODEL_BOUNDS,
    MODEL_ALIGN,
    MODEL_SHORT,
    MODEL_NO_UTF8,
    MODEL_TAG
};
/* `base`: the address of the first byte, modulo 16. The values are views of the archive and to be
 * freed whatever the verdict. */
enum model_verdict model_rkyv_read(const struct model_type *type, struct wk_span archive,
                                   uint32_t base, struct model_value values[MODEL_FIELDS_MAX]);
void model_rkyv_free(struct model_value values[MODEL_FIELDS_MAX]);
/* The one archive of these values that the reference writes; malloc. */
uint8_t *model_rkyv_write(const struct model_type *type,
                          const struct model_value values[MODEL_FIELDS_MAX], size_t *size);

/* ---- model_http.c ---- */

/* UNSURE: nothing forbids it, but parser libraries may refuse it. */
enum model_http { MODEL_HTTP_MORE, MODEL_HTTP_GOOD, MODEL_HTTP_REFUSED, MODEL_HTTP_UNSURE };

/* Of a head that is not refused. Spans are views; method and target are empty where the first line
 * is not of the plain form. */
struct model_head {
    size_t head_bytes;
    struct wk_span method;
    struct wk_span target;
    unsigned status;
    bool has_content_length;
    uint64_t content_length;
    bool chunked;
    bool keep_alive;
    bool has_expect;
    bool has_authorization;
    struct wk_span authorization;
};

enum model_http model_http_read(struct wk_span bytes, bool is_request, struct model_head *out);

/* ---- model_list.c ---- */

struct model_entry {
    uint8_t *key; /* malloc */
    size_t key_size;
    uint64_t size_bytes;
};

struct model_page {
    bool good;
    bool truncated;
    size_t left_out;
    size_t count;
    struct model_entry *entries; /* malloc */
};

/* The page as a tree, and what it lists below `prefix`. To be freed in any case. */
void model_list_read(struct wk_span xml, const char *prefix, struct model_page *out);
void model_list_free(struct model_page *page);

#endif
