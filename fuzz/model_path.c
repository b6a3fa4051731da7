/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory store's paths, rule by rule (OBJ-1 to OBJ-6): segments, pieces, escapes, fan-out.
 * Spelling appends to a string; reading unspells the names and asks whether the key that comes out
 * is spelled so.
 */
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "model.h"

static bool plain(uint8_t c) {
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._=-";
    return c != 0 && strchr(set, c) != NULL;
}

/* A string that grows; its room is known to be enough for every key. */
struct text {
    char *to;
    size_t size;
};

static void append(struct text *to, const char *text) {
    size_t size = strlen(text);
    memcpy(to->to + to->size, text, size + 1);
    to->size += size;
}

static void append_escaped(struct text *to, uint8_t c) {
    char three[4];
    snprintf(three, sizeof three, "%%%02X", c);
    append(to, three);
}

/* One piece: a name of its own. */
static void append_piece(struct text *to, struct wk_span piece) {
    bool dots = (piece.size == 1 && piece.data[0] == '.') ||
                (piece.size == 2 && piece.data[0] == '.' && piece.data[1] == '.');
    if (piece.size == 0)
        append(to, "%00");
    for (size_t i = 0; i < piece.size; i++) {
        char one[2] = {(char)piece.data[i], 0};
        if (plain(piece.data[i]) && !dots)
            append(to, one);
        else
            append_escaped(to, piece.data[i]);
    }
}

/* How many bytes 200 characters hold: the longest front whose spelling is not longer. */
static size_t first_piece(struct wk_span segment) {
    size_t characters = 0;
    for (size_t i = 0; i < segment.size; i++) {
        characters += plain(segment.data[i]) ? 1 : 3;
        if (characters > 200)
            return i;
    }
    return segment.size;
}

bool model_path_of_key(struct wk_span key, char path[MODEL_PATH_BYTES]) {
    struct text text = {path, 0};
    struct text *to = &text;
    if (key.size < 1 || key.size > 1024 || memchr(key.data, 0, key.size) != NULL)
        return false;
    for (size_t at = 0;;) {
        size_t end = at;
        while (end < key.size && key.data[end] != '/')
            end++;
        struct wk_span segment = wk_span(key.data + at, end - at);
        for (size_t cut = first_piece(segment); cut < segment.size; cut = first_piece(segment)) {
            append_piece(to, wk_span(segment.data, cut));
            append(to, "~/");
            segment = wk_span(segment.data + cut, segment.size - cut);
        }
        if (end == key.size) {
            char fan[32];
            snprintf(fan, sizeof fan, "%016llx",
                     (unsigned long long)XXH3_64bits(key.data, key.size));
            char between[8] = {'~', fan[0], '/', fan[1], '/', 0};
            append(to, between);
            append_piece(to, segment);
            return true;
        }
        append_piece(to, segment);
        append(to, "/");
        at = end + 1;
    }
}

static int hex(uint8_t c) {
    const char *digits = "0123456789ABCDEF";
    const char *at = c != 0 ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* The bytes of a name without its '~'; false when it is no spelling of anything. */
static bool unspell(struct wk_span name, uint8_t *key, size_t *size) {
    if (name.size == 3 && memcmp(name.data, "%00", 3) == 0)
        return true;
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] != '%') {
            key[(*size)++] = name.data[i];
            continue;
        }
        int high = i + 2 < name.size ? hex(name.data[i + 1]) : -1;
        int low = i + 2 < name.size ? hex(name.data[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        key[(*size)++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    return true;
}

bool model_key_of_path(struct wk_span path, uint8_t key[MODEL_PATH_BYTES], size_t *key_size) {
    char again[MODEL_PATH_BYTES];
    if (path.size >= MODEL_PATH_BYTES || (path.size > 0 && memchr(path.data, 0, path.size) != NULL))
        return false;
    size_t size = 0;
    size_t at = 0;
    unsigned fan_names = 0;
    while (at <= path.size) {
        size_t end = at;
        while (end < path.size && path.data[end] != '/')
            end++;
        struct wk_span name = wk_span(path.data + at, end - at);
        at = end + 1;
        if (fan_names == 0 && name.size > 0 && name.data[0] == '~')
            fan_names = 1;
        else if (fan_names == 1)
            fan_names = 2;
        else {
            bool continued = name.size > 0 && name.data[name.size - 1] == '~';
            if (!unspell(wk_span(name.data, name.size - (continued ? 1 : 0)), key, &size))
                return false;
            if (!continued && fan_names == 0)
                key[size++] = '/';
        }
    }
    if (!model_path_of_key(wk_span(key, size), again) || strlen(again) != path.size ||
        memcmp(again, path.data, path.size) != 0)
        return false;
    *key_size = size;
    return true;
}
