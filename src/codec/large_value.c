/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/large_value.h"

#include "base/limits.h"
#include "base/mark.h"
#include "base/num.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/writer.h"
#include "hash/blake3.h"

#define WHAT "large_value"

/* The line at `*at` without its end; `*at` is then the next one's. */
static struct wk_span next_line(struct wk_span text, size_t *at) {
    size_t begin = *at;
    size_t end = begin;
    while (end < text.size && text.data[end] != '\n')
        end++;
    *at = end < text.size ? end + 1 : end;
    if (end < text.size && end > begin && text.data[end - 1] == '\r')
        end--;
    return wk_span(text.data + begin, end - begin);
}

bool wk_large_value_is_manifest(struct wk_span value) {
    const struct wk_span magic = wk_span_text(WK_LARGE_VALUE_MAGIC);
    if (value.size < magic.size)
        return false;
    size_t at = 0;
    return wk_span_equal(next_line(value, &at), magic) && wk_utf8_valid(value);
}

static uint64_t chunks_of(uint64_t total_bytes) {
    return total_bytes / WK_LARGE_CHUNK_BYTES +
           (WK_PLANTED(110) || total_bytes % WK_LARGE_CHUNK_BYTES != 0);
}

static bool syntax(struct wk_wire_error *error, size_t at, const char *detail,
                   struct wk_span found) {
    *error = (struct wk_wire_error){
        .kind = WK_WIRE_SYNTAX, .what = WHAT, .at = at, .detail = detail, .found = found};
    return false;
}

static bool is_id(struct wk_span text) {
    bool good = text.size == WK_LARGE_ID_CHARS;
    for (size_t i = 0; good && i < text.size; i++) {
        uint8_t c = text.data[i];
        good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    return good;
}

bool wk_large_value_parse(struct wk_span value, struct wk_large_value *out,
                          struct wk_wire_error *error) {
    if (!wk_large_value_is_manifest(value))
        return syntax(error, 0, "no manifest: UTF-8 with the magic as its first line",
                      wk_span(NULL, 0));
    size_t at = 0;
    (void)next_line(value, &at);
    size_t id_at = at;
    struct wk_span id = next_line(value, &at);
    size_t total_at = at;
    struct wk_span total = next_line(value, &at);
    size_t chunks_at = at;
    struct wk_span chunks = next_line(value, &at);
    uint64_t total_bytes;
    uint64_t chunk_count;
    if (!is_id(id))
        return syntax(error, id_at, "id is not 64 lower-case hex digits", id);
    if (!wk_parse_u64(total, &total_bytes))
        return syntax(error, total_at, "size is not a number", total);
    if (!wk_parse_u64(chunks, &chunk_count))
        return syntax(error, chunks_at, "number of chunks is not a number", chunks);
    if (total_bytes > WK_PAYLOAD_BYTES_MAX) {
        *error = (struct wk_wire_error){.kind = WK_WIRE_TOO_LARGE,
                                        .what = WHAT,
                                        .needed = WK_PAYLOAD_BYTES_MAX,
                                        .at = total_at,
                                        .got = total_bytes};
        return false;
    }
    if (chunk_count != chunks_of(total_bytes)) {
        *error = (struct wk_wire_error){.kind = WK_WIRE_BODY_LENGTH_MISMATCH,
                                        .what = WHAT,
                                        .needed = chunk_count,
                                        .at = chunks_at,
                                        .got = chunks_of(total_bytes)};
        return false;
    }
    memcpy(out->id, id.data, WK_LARGE_ID_CHARS);
    out->id[WK_LARGE_ID_CHARS] = 0;
    out->total_bytes = total_bytes;
    out->chunks = (uint32_t)chunk_count;
    return true;
}

void wk_large_value_chunk_key(const struct wk_large_value *large, uint32_t index,
                              char to[WK_LARGE_CHUNK_KEY_BYTES + 1]) {
    wk_format(to, WK_LARGE_CHUNK_KEY_BYTES + 1, "%s/%s/%08u", WK_LARGE_CHUNK_KEY, large->id, index);
}

uint64_t wk_large_value_chunk_bytes(const struct wk_large_value *large, uint32_t index) {
    uint64_t at = (uint64_t)index * WK_LARGE_CHUNK_BYTES;
    if (at >= large->total_bytes)
        return 0;
    return wk_min_u64(WK_LARGE_CHUNK_BYTES, large->total_bytes - at);
}

static bool sum_sizes(const struct wk_span *pieces, size_t count, uint64_t *out,
                      struct wk_wire_error *error) {
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += pieces[i].size;
    if (total > WK_PAYLOAD_BYTES_MAX || count > WK_LARGE_PIECES_MAX) {
        *error = (struct wk_wire_error){
            .kind = WK_WIRE_TOO_LARGE, .what = WHAT, .needed = WK_PAYLOAD_BYTES_MAX, .got = total};
        return false;
    }
    *out = total;
    return true;
}

bool wk_large_value_describe(struct wk_span ns, struct wk_span key, const struct wk_span *pieces,
                             size_t count, struct wk_large_value *out,
                             struct wk_wire_error *error) {
    uint64_t total;
    if (!sum_sizes(pieces, count, &total, error))
        return false;
    uint8_t size_le[8];
    struct wk_writer w = wk_writer(size_le, sizeof size_le);
    wk_write_u64le(&w, total);
    const struct wk_span nul = wk_span("", 1);
    struct wk_span parts[6 + WK_LARGE_PIECES_MAX] = {
        wk_span(WK_LARGE_ID_TAG, sizeof WK_LARGE_ID_TAG), /* its NUL too */
        ns,
        nul,
        key,
        nul,
        wk_writer_span(&w),
    };
    for (size_t i = 0; i < count; i++)
        parts[6 + i] = pieces[i];
    uint8_t digest[WK_BLAKE3_BYTES];
    wk_blake3(parts, 6 + count, digest);
    wk_hex_encode(wk_span(digest, sizeof digest), out->id);
    out->total_bytes = total;
    out->chunks = (uint32_t)chunks_of(total);
    return true;
}

size_t wk_large_value_manifest(const struct wk_large_value *large,
                               char to[WK_LARGE_MANIFEST_BYTES_MAX + 1]) {
    return wk_format(to, WK_LARGE_MANIFEST_BYTES_MAX + 1, "%s\n%s\n%llu\n%u\n",
                     WK_LARGE_VALUE_MAGIC, large->id, (unsigned long long)large->total_bytes,
                     large->chunks);
}
