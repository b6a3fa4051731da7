/* SPDX-License-Identifier: Apache-2.0 */
/* Key batch and bytes batch, as the reference reads them: one number after the other. */
#include <stdlib.h>
#include <string.h>

#include "model.h"

/* Takes `size` bytes off the front; false when there are fewer. */
static bool take(struct wk_span *rest, uint64_t size, struct wk_span *out) {
    if (size > rest->size)
        return false;
    *out = wk_span(rest->data, (size_t)size);
    *rest = wk_span(rest->data + size, rest->size - (size_t)size);
    return true;
}

static bool take_u32(struct wk_span *rest, uint32_t *out) {
    struct wk_span four;
    if (!take(rest, 4, &four))
        return false;
    *out = model_u32(four, 0);
    return true;
}

/* Grows with what is there, never with what a count says. */
static void add(struct model_items *list, struct wk_span item) {
    list->items = realloc(list->items, (list->count + 1) * sizeof *list->items);
    if (list->items == NULL)
        abort();
    list->items[list->count++] = item;
}

/* The magic with its NUL. */
static bool take_magic(struct wk_span *rest, const char *magic) {
    struct wk_span found;
    return take(rest, strlen(magic) + 1, &found) &&
           memcmp(found.data, magic, strlen(magic) + 1) == 0;
}

enum model_batch model_key_batch(struct wk_span in, struct model_items *out) {
    uint32_t count;
    memset(out, 0, sizeof *out);
    if (!take_magic(&in, "WMBT_KV_KEYS_V1"))
        return MODEL_BATCH_BAD_MAGIC;
    if (!take_u32(&in, &count))
        return MODEL_BATCH_TRUNCATED;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size;
        struct wk_span key;
        if (!take_u32(&in, &size) || !take(&in, size, &key))
            return MODEL_BATCH_TRUNCATED;
        if (!model_utf8(key))
            return MODEL_BATCH_NO_UTF8;
        add(out, key);
    }
    return in.size == 0 ? MODEL_BATCH_READS : MODEL_BATCH_TRAILING;
}

enum model_batch model_bytes_batch(struct wk_span in, struct model_items *out) {
    uint32_t count;
    uint64_t total = 0;
    memset(out, 0, sizeof *out);
    if (!take_magic(&in, "WMBT_KV_BYTES_V1"))
        return MODEL_BATCH_BAD_MAGIC;
    if (!take_u32(&in, &count))
        return MODEL_BATCH_TRUNCATED;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t size;
        if (!take_u32(&in, &size))
            return MODEL_BATCH_TRUNCATED;
        total += size;
        add(out, wk_span(NULL, size));
    }
    if (total != in.size)
        return MODEL_BATCH_BODY_LENGTH;
    for (uint32_t i = 0; i < count; i++)
        take(&in, out->items[i].size, &out->items[i]);
    return MODEL_BATCH_READS;
}
