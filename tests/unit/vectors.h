/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads files of test vectors: lines of text, fields separated by " | ". Empty lines and lines that
 * begin with '#' are skipped. Bytes are hex, "-" for none. Programs run in the repository's root.
 */
#ifndef WK_TESTS_VECTORS_H
#define WK_TESTS_VECTORS_H

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "unit/cmocka_all.h"

#define VECTOR_FIELDS_MAX 8
#define VECTOR_LINE_BYTES (1u << 20)

struct vector_line {
    unsigned number;
    size_t count;
    char *fields[VECTOR_FIELDS_MAX];
};

typedef void (*vector_fn)(const struct vector_line *line);

static inline void vector_split(char *text, struct vector_line *line) {
    text[strcspn(text, "\r\n")] = 0;
    line->count = 0;
    while (text != NULL) {
        assert_true(line->count < VECTOR_FIELDS_MAX);
        line->fields[line->count++] = text;
        char *bar = strstr(text, " | ");
        if (bar != NULL)
            *bar = 0;
        text = bar == NULL ? NULL : bar + 3;
    }
}

/* `fn` for every line; returns how many there were. */
static inline unsigned vectors_each(const char *path, vector_fn fn) {
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_msg("%s: cannot be opened; tests run in the root of the repository", path);
    char *text = (char *)malloc(VECTOR_LINE_BYTES);
    assert_non_null(text);
    unsigned count = 0;
    struct vector_line line = {.number = 0};
    while (fgets(text, VECTOR_LINE_BYTES, file) != NULL) {
        line.number++;
        if (text[0] == '#' || text[0] == '\n')
            continue;
        vector_split(text, &line);
        fn(&line);
        count++;
    }
    free(text);
    (void)fclose(file);
    return count;
}

/* Bytes of a hex field in memory of exactly their size; the caller frees `data`. */
static inline struct wk_span vector_bytes(const char *hex) {
    size_t size = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
    uint8_t *bytes = (uint8_t *)malloc(size > 0 ? size : 1);
    assert_non_null(bytes);
    if (size > 0 && !wk_hex_decode(wk_span_text(hex), bytes, NULL))
        fail_msg("not hex: %s", hex);
    return wk_span(bytes, size);
}

static inline void vector_free(struct wk_span bytes) {
    free((void *)bytes.data);
}

#endif
