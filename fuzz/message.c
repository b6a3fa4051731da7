/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The eight messages; the target's name says which one. Against model_rkyv.c, for every input:
 *
 *   verdict and first failing check of the decoder, at two alignments       = the model's
 *   every field of what was accepted                                        = the model's
 *   what the encoder makes of these fields, in exactly the room it asked for = the model's bytes
 *
 * The model writes the canonical archive, so what is canonical is written as it was read, and what
 * was written is read as the same message.
 */
#include "message.h"

/* ---- reading ----------------------------------------------------------------------------------
 */

static const struct model_type *type(void) {
    return &model_types[MESSAGE];
}

static enum wk_archive_check check_of(enum model_verdict verdict) {
    static const enum wk_archive_check checks[] = {
        [MODEL_BOUNDS] = WK_ARCHIVE_BOUNDS, [MODEL_ALIGN] = WK_ARCHIVE_ALIGN,
        [MODEL_SHORT] = WK_ARCHIVE_SHORT,   [MODEL_NO_UTF8] = WK_ARCHIVE_UTF8,
        [MODEL_TAG] = WK_ARCHIVE_TAG,
    };
    return checks[verdict];
}

static void check_same(const struct model_value *a, const struct model_value *b) {
    CHECK(a->number == b->number && a->some == b->some && a->count == b->count,
          "a field has the value that the model gives it");
    CHECK(wk_span_equal(a->bytes, b->bytes), "so do its bytes");
    for (size_t i = 0; i < a->count; i++)
        CHECK(wk_span_equal(a->items[i], b->items[i]), "so do those of each item");
}

static void check_views(const struct model_value *v, struct wk_span in) {
    CHECK(v->bytes.size == 0 || lies_inside(v->bytes, in), "bytes are views of the input");
    for (size_t i = 0; i < v->count; i++)
        CHECK(v->items[i].size == 0 || lies_inside(v->items[i], in), "so are those of each item");
}

/* One decoder on bytes whose archive begins at `skip`; whether it accepted. */
static bool check_read(decoder *decode, struct wk_span bytes, size_t skip, uint32_t base) {
    struct model_value got[MODEL_FIELDS_MAX];
    struct model_value model[MODEL_FIELDS_MAX];
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    memset(got, 0, sizeof got);
    struct wk_span archive = wk_span(bytes.data + skip, bytes.size - skip);
    enum model_verdict verdict = model_rkyv_read(type(), archive, base, model);
    bool good = decode(bytes, base, got, &error);
    CHECK(good == (verdict == MODEL_ACCEPT), "the verdict is that of the model");
    if (!good) {
        CHECK(error.kind == WK_WIRE_ARCHIVE && error.check == check_of(verdict),
              "the check that fails first is the model's");
        check_wire_error(&error);
    }
    for (size_t i = 0; good && i < type()->count; i++) {
        check_same(&got[i], &model[i]);
        check_views(&got[i], bytes);
    }
    model_rkyv_free(got);
    model_rkyv_free(model);
    return good;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

/* A list of pieces in exactly the room that was asked for. */
struct list {
    struct exact scratch;
    struct wk_span *pieces;
    struct wk_iov iov;
};

static struct list list_new(size_t pieces, size_t scratch_bytes) {
    struct list l = {.scratch = exact_new(scratch_bytes, 1),
                     .pieces = malloc(pieces * sizeof *l.pieces)};
    l.iov = wk_iov(l.pieces, pieces, l.scratch.bytes.data, scratch_bytes);
    return l;
}

static void list_free(struct list *l) {
    exact_free(&l->scratch);
    free(l->pieces);
}

/* The pieces one after the other are `head` and `archive`, and the sum is that of these bytes. */
static void check_pieces(const struct wk_iov *iov, struct wk_span head, struct wk_span archive) {
    size_t total = head.size + archive.size;
    struct exact all = exact_new(total, 0);
    size_t at = 0;
    for (size_t i = 0; i < iov->count; i++) {
        CHECK(iov->pieces[i].size <= total - at, "the pieces are no longer than the message");
        memcpy(all.bytes.data + at, iov->pieces[i].data, iov->pieces[i].size);
        at += iov->pieces[i].size;
    }
    CHECK(at == total && iov->total_bytes == total, "they are as long as it");
    CHECK(wk_span_equal(wk_span(all.bytes.data, head.size), head), "the magic is in front");
    CHECK(wk_span_equal(wk_span(all.bytes.data + head.size, archive.size), archive),
          "the archive is the one that the reference writes");
    CHECK(iov->crc32c == model_crc32c(exact_span(&all)), "the sum is that of all bytes");
    exact_free(&all);
}

/* A list that lacks one byte or one piece is refused, and left as it was. */
static void check_refused(encoder *encode, const struct model_value *v, size_t pieces,
                          size_t scratch_bytes) {
    struct list l = list_new(pieces, scratch_bytes);
    struct wk_iov before = l.iov;
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    CHECK(!encode(&l.iov, v, &error) && error.kind == WK_WIRE_TOO_LARGE,
          "without the room nothing is written");
    CHECK(memcmp(&l.iov, &before, sizeof before) == 0, "the list is left as it was");
    check_wire_error(&error);
    list_free(&l);
}

static void check_written(encoder *encode, const struct model_value *v, struct wk_span head,
                          struct wk_span archive) {
    struct wk_iov_need n = need(v);
    struct list l = list_new(n.pieces, n.scratch_bytes);
    CHECK(encode(&l.iov, v, NULL), "what was read can be written in the room that it asks for");
    wk_iov_close(&l.iov);
    check_pieces(&l.iov, head, archive);
    list_free(&l);
}

/* The last: as the message travels, so with its magic if it has one, and in no room to spare. */
static void check_payload(encoder *encode, decoder *decode, const struct model_value *v,
                          struct wk_span head, struct wk_span archive) {
    struct wk_iov_need n = need(v);
    CHECK(n.total_bytes == head.size + archive.size, "the need says how long the message is");
    check_written(encode, v, head, archive);
    check_refused(encode, v, n.pieces, n.scratch_bytes - 1);
    check_refused(encode, v, n.pieces - 1, n.scratch_bytes);
    struct exact all = exact_new(head.size + archive.size, 1);
    if (head.size > 0)
        memcpy(all.bytes.data, head.data, head.size);
    memcpy(all.bytes.data + head.size, archive.data, archive.size);
    CHECK(check_read(decode, exact_span(&all), head.size, 0), "what was written can be read");
    exact_free(&all);
}

static void check_encoders(struct wk_span in) {
    struct model_value v[MODEL_FIELDS_MAX];
    CHECK(model_rkyv_read(type(), in, 0, v) == MODEL_ACCEPT, "it was accepted before");
    size_t size;
    uint8_t *canonical = model_rkyv_write(type(), v, &size);
    struct wk_span archive = wk_span(canonical, size);
    if (MAGIC == NULL) {
        check_payload(encode_archive, decode_archive, v, wk_span(NULL, 0), archive);
    } else {
        check_written(encode_archive, v, wk_span(NULL, 0), archive);
#if !defined FUZZ_TARGET_wire_request && !defined FUZZ_TARGET_wire_response
        bool paired = MESSAGE != MODEL_PUT_REQ || v[1].count == v[2].count;
        struct wk_wire_error error = {.kind = WK_WIRE_OK};
        struct wk_iov measuring = wk_iov_measuring();
        if (paired)
            check_payload(encode_payload, decode_payload, v, wk_span(MAGIC, WK_OP_MAGIC_BYTES),
                          archive);
        else
            CHECK(!encode_payload(&measuring, v, &error) &&
                      error.kind == WK_WIRE_BODY_LENGTH_MISMATCH,
                  "as many hashes as payloads there must be");
#endif
    }
    free(canonical);
    model_rkyv_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct exact input = exact_copy(data, size);
    if (check_read(decode_archive, exact_span(&input), 0, 0))
        check_encoders(exact_span(&input));
    if (size > 0)
        check_read(decode_archive, exact_span(&input), 0, 1 + data[size - 1] % 15u);
    exact_free(&input);
    return 0;
}
