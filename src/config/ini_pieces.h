/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text as inih reads it. inih has room for 200 bytes of a line, and some values are longer: such
 * a line goes out in pieces. Each further one begins with a space, which makes it a continuation of
 * the value, and with a letter or digit, so that it is never taken for a comment. Comments go out
 * as nothing: what is left of a long one would be a value.
 */
#ifndef WK_CONFIG_INI_PIECES_H
#define WK_CONFIG_INI_PIECES_H

#include "base/span.h"

struct wk_ini_pieces {
    struct wk_span rest; /* the text, at first; the lines to come */
    struct wk_span left; /* of the line under way */
    uint32_t line;       /* of the piece that went out last, from 1 */
    bool continues;      /* that piece began in the middle of its line */
    bool too_long;       /* there was no place to cut a line */
};

/* The next piece, as fgets would read it; NULL at the end and when a line is too long. `pieces` is
 * a struct wk_ini_pieces. For ini_parse_stream. */
char *wk_ini_next_piece(char *to, int capacity, void *pieces);

#endif
