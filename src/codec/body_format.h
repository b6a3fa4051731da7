/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader and the writer of object bodies share; nobody else includes it. */
#ifndef WK_CODEC_BODY_FORMAT_H
#define WK_CODEC_BODY_FORMAT_H

#include "codec/body.h"

#define WK_BODY_MAGIC           "WBZ1"
#define WK_BODY_MAGIC_BYTES     4u
#define WK_BODY_RAW_LEN_AT      6u
#define WK_BODY_STATEMENT_MAGIC 0x184D2A57u

/* At the front of `after_header`: what a handle states. */
enum wk_body_statement { WK_STATEMENT_NONE, WK_STATEMENT_READ, WK_STATEMENT_DAMAGED };
enum wk_body_statement wk_body_statement_read(struct wk_span after_header, struct wk_reuse *out);

/* True for bytes that a reader takes for a WBZ1 body, whole or damaged; never a payload verbatim.
 */
bool wk_body_looks_wrapped(struct wk_span bytes);

#endif
