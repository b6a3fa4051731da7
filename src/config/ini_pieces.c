/* SPDX-License-Identifier: Apache-2.0 */
#include "config/ini_pieces.h"

#define PIECE_BYTES 150u

static bool is_plain(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_blank(uint8_t c) {
    return c == ' ' || c == '\t';
}

/* Up to the comment: '#' or ';' before anything else, ';' behind a blank. */
static size_t without_comment(struct wk_span line) {
    bool blank = true;
    bool begins = true;
    for (size_t i = 0; i < line.size; i++) {
        uint8_t c = line.data[i];
        if (blank && (c == ';' || (begins && c == '#')))
            return i;
        blank = is_blank(c);
        begins = begins && blank;
    }
    return line.size;
}

static void next_line(struct wk_ini_pieces *p) {
    const uint8_t *newline = memchr(p->rest.data, '\n', p->rest.size);
    size_t size = newline == NULL ? p->rest.size : (size_t)(newline - p->rest.data) + 1;
    p->left = wk_span(p->rest.data, without_comment(wk_span(p->rest.data, size)));
    p->rest = wk_span(p->rest.data + size, p->rest.size - size);
    p->line++;
}

/* How much of the line goes out now. No blank at an end, where it would be lost. 0: no place. */
static size_t piece_size(struct wk_span left) {
    if (left.size <= PIECE_BYTES)
        return left.size;
    size_t size = PIECE_BYTES;
    while (size > 0 && (is_blank(left.data[size - 1]) || !is_plain(left.data[size])))
        size--;
    return size;
}

char *wk_ini_next_piece(char *to, int capacity, void *pieces) {
    struct wk_ini_pieces *p = pieces;
    size_t at = 0;
    p->continues = p->left.size > 0;
    if (p->too_long || capacity < (int)PIECE_BYTES + 3 || (!p->continues && p->rest.size == 0))
        return NULL;
    if (!p->continues)
        next_line(p);
    size_t size = piece_size(p->left);
    if (size == 0 && p->left.size > 0) {
        p->too_long = true;
        return NULL;
    }
    if (p->continues)
        to[at++] = ' ';
    if (size > 0)
        memcpy(to + at, p->left.data, size);
    to[at + size] = 0;
    p->left = wk_span(p->left.data + size, p->left.size - size);
    return to;
}
