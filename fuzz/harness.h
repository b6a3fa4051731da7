/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every harness is made of.
 *
 * A harness is one file with one entry, LLVMFuzzerTestOneInput: it gives the input to one decoder
 * and checks what came of it, above all against a model (model.h) that says the same thing in
 * another and simpler way. It stops the program when a check fails; it has no other result and
 * keeps no state from one input to the next (FUZZ-3, FUZZ-6).
 *
 *   fuzz/<target>.c + driver.c    AFL++ (persistent mode) and plain replay of files
 *   fuzz/<target>.c               libFuzzer, which brings its own main
 *   all of them + regress.c       the corpus as an ordinary test
 */
#ifndef WK_FUZZ_HARNESS_H
#define WK_FUZZ_HARNESS_H

#include <stdio.h>
#include <stdlib.h>

#include "base/mark.h"
#include "base/span.h"
#include "base/status.h"
#include "codec/wire_error.h"
#include "model.h"

/* A whole input. Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the program with the sentence when `condition` does not hold. */
#define CHECK(condition, says)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n  does not hold: %s\n", __FILE__, __LINE__, says,          \
                    #condition);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/*
 * FUZZ-5: memory in which the last byte of the object is the last byte of an allocation, so that
 * reading or writing past it is seen, and whose first byte is misaligned by `shift` (0 to 7).
 */
struct exact {
    uint8_t *base;
    struct wk_span_mut bytes;
};

static inline struct exact exact_new(size_t size, size_t shift) {
    struct exact e = {.base = malloc(shift + size)};
    CHECK(e.base != NULL || shift + size == 0, "the harness has memory");
    e.bytes = (struct wk_span_mut){e.base == NULL ? NULL : e.base + shift, size};
    return e;
}

/* The input, misaligned by its last byte: one input is always placed in the same way. */
static inline struct exact exact_copy(const uint8_t *data, size_t size) {
    struct exact e = exact_new(size, size > 0 ? data[size - 1] & 7u : 0);
    if (size > 0)
        memcpy(e.bytes.data, data, size);
    return e;
}

static inline struct wk_span exact_span(const struct exact *e) {
    return wk_span(e->bytes.data, e->bytes.size);
}

static inline void exact_free(struct exact *e) {
    free(e->base);
}

/* An object before a call that may fail, so that the harness sees a failed call that wrote to it.
 */
#define FILL_PATTERN(object) memset((object), 0xc5, sizeof *(object))
#define CHECK_PATTERN(object)                                                                      \
    CHECK(all_pattern((const uint8_t *)(object), sizeof *(object)),                                \
          "a failed call leaves its output as it was")

static inline bool all_pattern(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0xc5)
            return false;
    }
    return true;
}

/* A failure has a class and a sentence that can be printed; FUZZ-4. */
static inline void check_error(enum wk_status status, const struct wk_error *err) {
    CHECK(status > WK_MISS && status < WK_STATUS_COUNT, "a failure has the class of an error");
    CHECK(err->status == status, "the error has the class that was returned");
    CHECK(err->length > 0 && err->length < sizeof err->text, "an error has a text");
    CHECK(strlen(err->text) == err->length, "the text is as long as it says");
    CHECK(model_utf8(wk_span(err->text, err->length)), "the text is UTF-8");
}

/* A fault of a decoder in src/codec has a kind, and becomes an error with a text. */
static inline void check_wire_error(const struct wk_wire_error *error) {
    struct wk_error err;
    CHECK(error->kind != WK_WIRE_OK && error->what != NULL, "a fault has a kind and a format");
    CHECK(error->kind != WK_WIRE_ARCHIVE || error->check != 0, "a fault in an archive has a check");
    enum wk_status status = wk_wire_fail(&err, error);
    CHECK(status != WK_INTERNAL, "its text is known");
    check_error(status, &err);
}

/* True when `part` lies inside `whole`; decoders give views into their input only. */
static inline bool lies_inside(struct wk_span part, struct wk_span whole) {
    if (part.size == 0)
        return part.data == NULL || whole.data == NULL ||
               (part.data >= whole.data && part.data <= whole.data + whole.size);
    return part.data >= whole.data && part.size <= whole.size &&
           (size_t)(part.data - whole.data) <= whole.size - part.size;
}

#endif
