/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the reference's transport crate have their counterparts here, under the same names. */
#include "unit/cmocka_all.h"

#include "base/limits.h"
#include "codec/bytes_batch.h"
#include "codec/key_batch.h"
#include "unit/hostile.h"
#include "unit/vectors.h"

#define ITEMS_MAX 4096

static struct wk_span text(const char *t) {
    return wk_span_text(t);
}

/* One of the two formats, so that both go through the same tests. */
struct format {
    const char *name;
    bool (*decode)(struct wk_span payload, struct wk_span *items, size_t *count,
                   struct wk_wire_error *error);
    uint8_t *(*encode)(const struct wk_span *items, size_t count, size_t *size);
};

/* ---- the key batch ---- */

static bool decode_keys(struct wk_span payload, struct wk_span *items, size_t *count,
                        struct wk_wire_error *error) {
    struct wk_key_batch batch = {.count = 77};
    if (!wk_key_batch_decode(payload, &batch, error)) {
        assert_int_equal(batch.count, 77);
        assert_null(batch.rest.data);
        return false;
    }
    size_t taken = 0;
    size_t stated = batch.count;
    assert_true(stated <= ITEMS_MAX);
    while (wk_key_batch_next(&batch, &items[taken]))
        taken++;
    assert_int_equal(taken, stated);
    assert_int_equal(batch.rest.size, 0);
    *count = taken;
    return true;
}

static uint8_t *encode_keys(const struct wk_span *items, size_t count, size_t *size) {
    struct wk_wire_error error;
    assert_true(wk_key_batch_encoded_bytes(items, count, size, &error));
    uint8_t *bytes = (uint8_t *)malloc(*size);
    assert_non_null(bytes);
    struct wk_writer w = wk_writer(bytes, *size);
    assert_true(wk_key_batch_encode(items, count, &w, &error));
    assert_int_equal(w.at, *size);
    return bytes;
}

/* ---- the bytes batch ---- */

static bool decode_bytes(struct wk_span payload, struct wk_span *items, size_t *count,
                         struct wk_wire_error *error) {
    struct wk_bytes_batch batch = {.count = 77};
    if (!wk_bytes_batch_decode(payload, &batch, error)) {
        assert_int_equal(batch.count, 77);
        assert_null(batch.bodies.data);
        return false;
    }
    size_t taken = 0;
    size_t stated = batch.count;
    assert_true(stated <= ITEMS_MAX);
    while (wk_bytes_batch_next(&batch, &items[taken]))
        taken++;
    assert_int_equal(taken, stated);
    assert_int_equal(batch.bodies.size, 0);
    *count = taken;
    return true;
}

static uint8_t *encode_bytes(const struct wk_span *items, size_t count, size_t *size) {
    struct wk_wire_error error;
    size_t head;
    assert_true(wk_bytes_batch_encoded_bytes(items, count, &head, size, &error));
    uint8_t *bytes = (uint8_t *)malloc(*size);
    assert_non_null(bytes);
    struct wk_writer w = wk_writer(bytes, head);
    assert_true(wk_bytes_batch_encode_head(items, count, &w, &error));
    assert_int_equal(w.at, head);
    /* The caller's part: the bodies, where they lie. */
    for (size_t i = 0; i < count; head += items[i].size, i++)
        memcpy(bytes + head, items[i].data, items[i].size);
    assert_int_equal(head, *size);
    return bytes;
}

static const struct format key_format = {"key", decode_keys, encode_keys};
static const struct format bytes_format = {"bytes", decode_bytes, encode_bytes};

/* ---- what holds for both ---- */

static void assert_inside(struct wk_span part, struct wk_span whole) {
    assert_true(part.data >= whole.data);
    assert_true(part.size <= whole.size);
    assert_true((size_t)(part.data - whole.data) <= whole.size - part.size);
}

/* Any bytes: refused with a text, or views into them that encode to the same bytes again. */
static void judge(struct wk_span payload, void *arg) {
    const struct format *format = (const struct format *)arg;
    static struct wk_span items[ITEMS_MAX];
    size_t count = 0;
    struct wk_wire_error error = {.kind = WK_WIRE_OK};
    if (!format->decode(payload, items, &count, &error)) {
        struct wk_error err;
        assert_int_equal(wk_wire_fail(&err, &error), WK_CORRUPT);
        assert_true(err.length > 0);
        return;
    }
    for (size_t i = 0; i < count; i++)
        assert_inside(items[i], payload);
    size_t size;
    uint8_t *again = format->encode(items, count, &size);
    assert_true(wk_span_equal(wk_span(again, size), payload));
    free(again);
}

static void check_items(const struct vector_line *line, const struct wk_span *items, size_t count) {
    assert_int_equal(count, atoi(line->fields[3]));
    char *at = line->fields[4];
    for (size_t i = 0; i < count; i++) {
        size_t size = strcspn(at, " ");
        bool last = at[size] == 0;
        at[size] = 0;
        struct wk_span expected = vector_bytes(at);
        assert_true(wk_span_equal(items[i], expected));
        vector_free(expected);
        at += size + !last;
    }
}

static unsigned accepted;

static void check_vector(const struct vector_line *line) {
    bool keys = strcmp(line->fields[0], "key") == 0;
    const struct format *format = keys ? &key_format : &bytes_format;
    struct wk_span payload = vector_bytes(line->fields[2]);
    static struct wk_span items[ITEMS_MAX];
    size_t count;
    struct wk_wire_error error;
    bool ok = format->decode(payload, items, &count, &error);
    if (ok != (strcmp(line->fields[1], "accept") == 0))
        fail_msg("batches.txt:%u: %s", line->number, ok ? "accepted" : "refused");
    if (ok) {
        check_items(line, items, count);
        accepted++;
    } else {
        struct wk_error err;
        assert_int_equal(wk_wire_fail(&err, &error), WK_CORRUPT);
        assert_string_equal(err.text, line->fields[3]);
    }
    judge(payload, (void *)format);
    hostile_cuts(payload, judge, (void *)format);
    hostile_flips(payload, judge, (void *)format);
    vector_free(payload);
}

/* BATCH-1 BATCH-2 BATCH-3 BATCH-4 BATCH-5 BATCH-6 BATCH-8 */
static void vectors_and_what_damage_makes_of_them(void **state) {
    (void)state;
    accepted = 0;
    assert_true(vectors_each("tests/vectors/batches.txt", check_vector) >= 50);
    assert_int_equal(accepted, 9);
}

/* BATCH-1 */
static void key_batch_round_trips(void **state) {
    (void)state;
    struct wk_span keys[] = {text("a"), text("nested/key")};
    size_t size;
    uint8_t *encoded = encode_keys(keys, 2, &size);
    struct wk_span items[ITEMS_MAX];
    size_t count;
    struct wk_wire_error error;
    assert_true(decode_keys(wk_span(encoded, size), items, &count, &error));
    assert_int_equal(count, 2);
    assert_true(wk_span_equal(items[0], keys[0]));
    assert_true(wk_span_equal(items[1], keys[1]));
    free(encoded);
}

/* BATCH-2 BATCH-7 */
static void bytes_batch_round_trips_without_copying_items(void **state) {
    (void)state;
    struct wk_span items[] = {text("alpha"), text(""), text("gamma")};
    size_t size;
    uint8_t *encoded = encode_bytes(items, 3, &size);
    struct wk_bytes_batch batch;
    struct wk_wire_error error;
    assert_true(wk_bytes_batch_decode(wk_span(encoded, size), &batch, &error));
    const uint8_t *body = encoded + 17 + 4 + 3 * 4;
    for (size_t i = 0; i < 3; i++) {
        struct wk_span item;
        assert_true(wk_bytes_batch_next(&batch, &item));
        assert_true(wk_span_equal(item, items[i]));
        assert_ptr_equal(item.data, body);
        body += item.size;
    }
    struct wk_span none;
    assert_false(wk_bytes_batch_next(&batch, &none));
    free(encoded);
}

/* BATCH-4: as many keys as fit, one more claimed. */
static void a_count_is_held_against_the_bytes_that_are_there(void **state) {
    (void)state;
    static struct wk_span keys[ITEMS_MAX];
    size_t size;
    for (size_t i = 0; i < ITEMS_MAX; i++)
        keys[i] = wk_span("", 0);
    uint8_t *encoded = encode_keys(keys, ITEMS_MAX, &size);
    encoded[16]++;
    struct wk_key_batch batch;
    struct wk_wire_error error;
    assert_false(wk_key_batch_decode(wk_span(encoded, size), &batch, &error));
    assert_int_equal(error.kind, WK_WIRE_TRUNCATED);
    assert_int_equal(error.at, size);
    free(encoded);
}

/* BATCH-7 */
static void encoders_refuse_what_no_archive_can_hold(void **state) {
    (void)state;
    const size_t most = WK_ARCHIVE_BYTES_MAX;
    /* The bytes of an item are not looked at. */
    struct wk_span key[2] = {wk_span("", most - 20 - 4 - 4), wk_span("", 1)};
    struct wk_span item[2] = {wk_span("", most - 21 - 4 - 4), wk_span("", 1)};
    struct wk_span wraps[2] = {wk_span("", SIZE_MAX), wk_span("", SIZE_MAX)};
    struct wk_wire_error error;
    size_t head = 5;
    size_t total = 6;
    assert_false(wk_key_batch_encoded_bytes(key, 2, &total, &error));
    assert_int_equal(error.kind, WK_WIRE_LENGTH_OVERFLOW);
    assert_string_equal(error.what, "key_batch");
    assert_false(wk_bytes_batch_encoded_bytes(item, 2, &head, &total, &error));
    assert_int_equal(error.kind, WK_WIRE_LENGTH_OVERFLOW);
    assert_string_equal(error.what, "bytes_batch");
    assert_false(wk_key_batch_encoded_bytes(wraps, 2, &total, &error));
    assert_false(wk_bytes_batch_encoded_bytes(wraps, 2, &head, &total, &error));
    assert_int_equal(head, 5);
    assert_int_equal(total, 6);
    key[1].size = 0;
    item[1].size = 0;
    assert_true(wk_key_batch_encoded_bytes(key, 2, &total, &error));
    assert_int_equal(total, most);
    assert_true(wk_bytes_batch_encoded_bytes(item, 2, &head, &total, &error));
    assert_int_equal(head, 29);
    assert_int_equal(total, most);
    /* No room for the second one's size. */
    key[0].size++;
    item[0].size++;
    assert_false(wk_key_batch_encoded_bytes(key, 2, &total, &error));
    assert_false(wk_bytes_batch_encoded_bytes(item, 2, &head, &total, &error));
}

/* BATCH-7 */
static void encoders_without_room_write_nothing(void **state) {
    (void)state;
    struct wk_span items[] = {text("alpha"), text(""), text("gamma")};
    uint8_t room[64];
    struct wk_wire_error error;
    for (size_t i = 0; i < 2; i++) {
        size_t needed = i == 0 ? 20 + 3 * 4 + 10 : 21 + 3 * 4;
        for (size_t capacity = 0; capacity <= needed; capacity++) {
            memset(room, 0xee, sizeof room);
            struct wk_writer w = wk_writer(room, capacity);
            bool ok = i == 0 ? wk_key_batch_encode(items, 3, &w, &error)
                             : wk_bytes_batch_encode_head(items, 3, &w, &error);
            assert_int_equal(ok, capacity == needed);
            if (ok)
                continue;
            assert_int_equal(w.at, 0);
            assert_false(w.failed);
            assert_int_equal(room[0], 0xee);
            assert_int_equal(error.kind, WK_WIRE_TOO_LARGE);
            assert_int_equal(error.got, needed);
            assert_int_equal(error.needed, capacity);
        }
        struct wk_writer w = wk_writer(room, sizeof room);
        w.failed = true;
        assert_false(i == 0 ? wk_key_batch_encode(items, 3, &w, &error)
                            : wk_bytes_batch_encode_head(items, 3, &w, &error));
        struct wk_span huge = wk_span("", (size_t)UINT32_MAX + 1);
        assert_false(i == 0 ? wk_key_batch_encode(&huge, 1, &w, &error)
                            : wk_bytes_batch_encode_head(&huge, 1, &w, &error));
        assert_int_equal(error.kind, WK_WIRE_LENGTH_OVERFLOW);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_and_what_damage_makes_of_them),
        cmocka_unit_test(key_batch_round_trips),
        cmocka_unit_test(bytes_batch_round_trips_without_copying_items),
        cmocka_unit_test(a_count_is_held_against_the_bytes_that_are_there),
        cmocka_unit_test(encoders_refuse_what_no_archive_can_hold),
        cmocka_unit_test(encoders_without_room_write_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
