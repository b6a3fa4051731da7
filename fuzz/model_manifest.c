/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests of large values: four lines, as the rules LARGE-1 to LARGE-4 have them. */
#include <string.h>

#include "model.h"

#define CHUNK_BYTES 4190192u
#define VALUE_MAX   (255u * 1024 * 1024)

/* The lines of a text as Rust's str::lines has them: an end is LF or CR LF, the last may lack it.
 */
static bool next_line(struct wk_span *rest, struct wk_span *line) {
    if (rest->size == 0)
        return false;
    const uint8_t *lf = memchr(rest->data, '\n', rest->size);
    size_t size = lf != NULL ? (size_t)(lf - rest->data) : rest->size;
    size_t used = lf != NULL ? size + 1 : size;
    *line = wk_span(rest->data, size > 0 && lf != NULL && lf[-1] == '\r' ? size - 1 : size);
    *rest = wk_span(rest->data + used, rest->size - used);
    return true;
}

bool model_is_manifest(struct wk_span value) {
    struct wk_span line;
    return model_utf8(value) && next_line(&value, &line) && line.size == 20 &&
           memcmp(line.data, "WMBT_KV_SHM_LARGE_V1", 20) == 0;
}

enum model_manifest model_manifest_read(struct wk_span value, struct wk_span *id, uint64_t *size,
                                        uint64_t *chunks) {
    struct wk_span line;
    if (!model_is_manifest(value))
        return MODEL_NO_MANIFEST;
    next_line(&value, &line);
    if (!next_line(&value, id) || id->size != 64)
        return MODEL_NO_MANIFEST;
    for (size_t i = 0; i < 64; i++) {
        if (id->data[i] == 0 || strchr("0123456789abcdef", id->data[i]) == NULL)
            return MODEL_NO_MANIFEST;
    }
    if (!next_line(&value, &line) || !model_decimal(line, UINT64_MAX, size))
        return MODEL_NO_MANIFEST;
    if (!next_line(&value, &line) || !model_decimal(line, UINT64_MAX, chunks))
        return MODEL_NO_MANIFEST;
    if (*size > VALUE_MAX)
        return MODEL_VALUE_TOO_LARGE;
    uint64_t needed = 0;
    while (needed * CHUNK_BYTES < *size)
        needed++;
    return *chunks == needed ? MODEL_MANIFEST : MODEL_OTHER_CHUNKS;
}
