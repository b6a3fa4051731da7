/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key -> path: segment by segment, each cut greedily into pieces of at most 200 characters.
 * Path -> key: pieces are decoded leniently, then the key is spelled again and must give the same
 * path; so there is one definition of the spelling, and it is the encoder.
 */
#include "env/dir/path.h"

#include "base/mark.h"
#include "hash/xxh3.h"

static const char hex_upper[] = "0123456789ABCDEF";
static const char hex_lower[] = "0123456789abcdef";

static bool is_plain(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '=' || c == '-';
}

/* ---- key to path -------------------------------------------------------------------------- */

/* Room is checked once, by the size of the worst key (WK_DIR_PATH_BYTES_MAX). */
static void put_char(struct wk_dir_path *p, char c) {
    p->text[p->length++] = c;
}

static void put_escaped(struct wk_dir_path *p, uint8_t c) {
    put_char(p, '%');
    put_char(p, hex_upper[c >> 4]);
    put_char(p, hex_upper[c & 15]);
}

/* How many bytes at the front of `rest` make one piece. */
static size_t piece_size(struct wk_span rest) {
    size_t length = 0;
    size_t i = 0;
    while (i < rest.size) {
        length += is_plain(rest.data[i]) ? 1 : 3;
        if (length > WK_DIR_PIECE_BYTES_MAX + WK_PLANTED(105))
            break;
        i++;
    }
    return i;
}

/* "", "." and ".." are no names of a file system, so they get spellings of their own. */
static void put_piece(struct wk_dir_path *p, struct wk_span piece) {
    if (piece.size == 0) {
        put_escaped(p, 0);
        return;
    }
    bool dots =
        piece.data[0] == '.' && (piece.size == 1 || (piece.size == 2 && piece.data[1] == '.'));
    for (size_t i = 0; i < piece.size; i++) {
        if (is_plain(piece.data[i]) && !dots)
            put_char(p, (char)piece.data[i]);
        else
            put_escaped(p, piece.data[i]);
    }
}

/* All pieces of a segment but the last, each a directory; returns the last. */
static struct wk_span put_continued(struct wk_dir_path *p, struct wk_span segment) {
    for (;;) {
        size_t size = piece_size(segment);
        if (size == segment.size)
            return segment;
        put_piece(p, wk_span(segment.data, size));
        put_char(p, '~');
        put_char(p, '/');
        segment = wk_span(segment.data + size, segment.size - size);
    }
}

/* Puts the segments that end with '/' and returns what follows the last '/'. */
static struct wk_span put_directories(struct wk_dir_path *p, struct wk_span key) {
    const uint8_t *slash;
    while (key.size > 0 && (slash = memchr(key.data, '/', key.size)) != NULL) {
        size_t size = (size_t)(slash - key.data);
        put_piece(p, put_continued(p, wk_span(key.data, size)));
        put_char(p, '/');
        key = wk_span(slash + 1, key.size - size - 1);
    }
    return key;
}

static bool is_key_text(struct wk_span text) {
    if (text.size == 0)
        return true;
    return text.size <= WK_OBJECT_KEY_BYTES_MAX && memchr(text.data, 0, text.size) == NULL;
}

bool wk_dir_path_of_key(struct wk_span key, struct wk_dir_path *out) {
    if (key.size == 0 || !is_key_text(key))
        return false;
    out->length = 0;
    out->hash = wk_xxh3_64(key.data, key.size, 0);
    struct wk_span last = put_continued(out, put_directories(out, key));
    out->base_length = out->length > 0 ? out->length - 1 : 0;
    put_char(out, '~');
    put_char(out, hex_lower[out->hash >> 60]);
    put_char(out, '/');
    put_char(out, hex_lower[(out->hash >> 56) & 15]);
    put_char(out, '/');
    out->name_at = out->length;
    put_piece(out, last);
    out->text[out->length] = 0;
    return true;
}

bool wk_dir_path_of_prefix(struct wk_span prefix, struct wk_dir_path *out) {
    if (!is_key_text(prefix))
        return false;
    out->length = 0;
    (void)put_directories(out, prefix);
    if (out->length > 0)
        out->length--; /* the last '/' */
    out->text[out->length] = 0;
    return true;
}

bool wk_dir_name_of_bucket(struct wk_span bucket, char name[WK_DIR_PIECE_BYTES_MAX + 1]) {
    if (bucket.size == 0 || !is_key_text(bucket) || piece_size(bucket) < bucket.size)
        return false;
    struct wk_dir_path path;
    path.length = 0;
    put_piece(&path, bucket);
    memcpy(name, path.text, path.length);
    name[path.length] = 0;
    return true;
}

/* ---- path to key -------------------------------------------------------------------------- */

struct key_text {
    char *text;
    size_t length;
};

static bool key_put(struct key_text *key, uint8_t c) {
    if (key->length == WK_OBJECT_KEY_BYTES_MAX)
        return false;
    key->text[key->length++] = (char)c;
    return true;
}

/* 0..15, or 16. Upper case only, as the encoder writes it. */
static uint8_t hex_value(char c) {
    if (c >= '0' && c <= '9')
        return (uint8_t)(c - '0');
    if (c >= 'A' && c <= 'F')
        return (uint8_t)(c - 'A' + 10);
    return 16;
}

static bool key_put_piece(struct key_text *key, struct wk_span piece) {
    if (wk_span_equal(piece, wk_span_text("%00")))
        return true;
    for (size_t i = 0; i < piece.size; i++) {
        uint8_t c = piece.data[i];
        if (c == '%') {
            if (piece.size - i < 3)
                return false;
            uint8_t high = hex_value((char)piece.data[i + 1]);
            uint8_t low = hex_value((char)piece.data[i + 2]);
            c = (uint8_t)(high << 4 | (low & 15));
            if (high > 15 || low > 15 || c == 0)
                return false;
            i += 2;
        } else if (!is_plain(c)) {
            return false;
        }
        if (!key_put(key, c))
            return false;
    }
    return piece.size > 0;
}

/* One name of a segment directory. */
static bool key_put_directory(struct key_text *key, struct wk_span name) {
    if (name.size > 1 && name.data[name.size - 1] == '~')
        return key_put_piece(key, wk_span(name.data, name.size - 1));
    return key_put_piece(key, name) && key_put(key, '/');
}

/* The name at `*at`; moves behind it and its '/'. An empty name ends the path. */
static struct wk_span next_name(const char **at) {
    const char *from = *at;
    const char *to = strchr(from, '/');
    size_t size = to != NULL ? (size_t)(to - from) : strlen(from);
    *at = to != NULL ? to + 1 : from + size;
    return wk_span(from, size);
}

bool wk_dir_prefix_of_path(const char *path, char prefix[WK_OBJECT_KEY_BYTES_MAX + 1],
                           size_t *prefix_length) {
    struct key_text key = {prefix, 0};
    while (*path != 0) {
        if (!key_put_directory(&key, next_name(&path)))
            return false;
    }
    prefix[key.length] = 0;
    *prefix_length = key.length;
    return true;
}

bool wk_dir_key_of_path(const char *path, char key_out[WK_OBJECT_KEY_BYTES_MAX + 1],
                        size_t *key_length) {
    struct key_text key = {key_out, 0};
    const char *at = path;
    struct wk_span name = next_name(&at);
    while (name.size > 0 && name.data[0] != '~') {
        if (!key_put_directory(&key, name))
            return false;
        name = next_name(&at);
    }
    (void)next_name(&at); /* the second fan-out name; the comparison below checks both */
    if (!key_put_piece(&key, next_name(&at)))
        return false;
    struct wk_dir_path again;
    if (!wk_dir_path_of_key(wk_span(key_out, key.length), &again) || strcmp(again.text, path) != 0)
        return false;
    key_out[key.length] = 0;
    *key_length = key.length;
    return true;
}

static bool is_fan_digit(char c) {
    return c != 0 && strchr(hex_lower, c) != NULL;
}

bool wk_dir_is_fan_first(const char *name) {
    return name[0] == '~' && is_fan_digit(name[1]) && name[2] == 0;
}

bool wk_dir_is_fan_second(const char *name) {
    return is_fan_digit(name[0]) && name[1] == 0;
}
