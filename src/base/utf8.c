/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

/* Bytes that one step of the loop over plain ASCII looks at. */
#define ASCII_STEP 8u

/* What a lead byte asks for: the size of its sequence, 0 for a byte that begins none, and the range
 * of the second byte. That range is what excludes overlong forms, surrogates and > U+10FFFF. */
struct utf8_lead {
    uint8_t size;
    uint8_t low;
    uint8_t high;
};

/*@
    assigns \nothing;
    ensures \result.size <= 4;
    ensures \result.size == 0 <==> 0x80 <= lead <= 0xc1 || lead >= 0xf5;
    ensures \result.size == 1 <==> lead <= 0x7f;
    ensures \result.size == 2 <==> 0xc2 <= lead <= 0xdf;
    ensures \result.size == 3 <==> 0xe0 <= lead <= 0xef;
    ensures \result.low == (lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80);
    ensures \result.high == (lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf);
*/
static struct utf8_lead utf8_lead(uint8_t lead) {
    struct utf8_lead out = {0, 0x80, 0xbf};
    if (lead < 0x80) {
        out.size = 1;
    } else if (lead >= 0xc2 && lead <= 0xdf) {
        out.size = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        out.size = 3;
        if (lead == 0xe0)
            out.low = 0xa0;
        if (lead == 0xed)
            out.high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        out.size = 4;
        if (lead == 0xf0)
            out.low = 0x90;
        if (lead == 0xf4)
            out.high = 0x8f;
    }
    return out;
}

/* How many bytes from `at` on are good as the begin of what `lead` asks for; at least 1. */
/*@
    requires wk_readable(text) && at < text.size && lead.size <= 4;
    assigns \nothing;
    ensures 1 <= \result <= text.size - at && \result <= \max(1, lead.size);
    ensures \result > 1 ==> lead.low <= text.data[at + 1] <= lead.high;
    ensures \result > 2 ==> wk_utf8_tail(text.data[at + 2]);
    ensures \result > 3 ==> wk_utf8_tail(text.data[at + 3]);
    // Where it stops short, the next byte is not there or not good.
    ensures \result == 1 && lead.size > 1 && text.size - at > 1 ==>
        !(lead.low <= text.data[at + 1] <= lead.high);
    ensures 2 <= \result < lead.size && text.size - at > \result ==>
        !wk_utf8_tail(text.data[at + \result]);
*/
static size_t utf8_good(struct wk_span text, size_t at, struct utf8_lead lead) {
    size_t left = text.size - at;
    if (lead.size < 2 || left < 2)
        return 1;
    if (text.data[at + 1] < lead.low || text.data[at + 1] > lead.high)
        return 1;
    size_t good = 2;
    /*@
        loop invariant 2 <= good <= left && good <= lead.size;
        loop invariant good > 2 ==> wk_utf8_tail(text.data[at + 2]);
        loop invariant good > 3 ==> wk_utf8_tail(text.data[at + 3]);
        loop assigns good;
        loop variant lead.size - good;
    */
    while (good < lead.size && good < left && text.data[at + good] >= 0x80 &&
           text.data[at + good] <= 0xbf)
        good++;
    return good;
}

size_t wk_utf8_sequence(struct wk_span text, size_t at) {
    struct utf8_lead lead = utf8_lead(text.data[at]);
    return lead.size > 0 && utf8_good(text, at, lead) == lead.size ? lead.size : 0;
}

/*@
    requires \valid_read(b + (0 .. ASCII_STEP - 1));
    assigns \nothing;
    ensures \result ==> \forall integer i; 0 <= i < ASCII_STEP ==> b[i] <= 0x7f;
*/
static bool ascii_step(const uint8_t *b) {
    return (b[0] | b[1] | b[2] | b[3] | b[4] | b[5] | b[6] | b[7]) < 0x80;
}

/* The first place from `at` on where fewer than ASCII_STEP bytes of plain ASCII follow. */
/*@
    requires wk_readable(text) && at <= text.size && wk_utf8_text(text.data, at);
    assigns \nothing;
    ensures at <= \result <= text.size && wk_utf8_text(text.data, \result);
*/
static size_t skip_ascii(struct wk_span text, size_t at) {
    /*@
        loop invariant \at(at, Pre) <= at <= text.size && wk_utf8_text(text.data, at);
        loop assigns at;
        loop variant text.size - at;
    */
    while (text.size - at >= ASCII_STEP) {
        if (!ascii_step(text.data + at))
            break;
        /*@ ghost
            /@ loop invariant 0 <= i <= ASCII_STEP && wk_utf8_text(text.data, at + i);
               loop assigns i;
               loop variant ASCII_STEP - i; @/
            for (size_t i = 0; i < ASCII_STEP; i++) {
                /@ assert wk_utf8_one(text.data + (at + i), 1); @/
            }
        */
        at += ASCII_STEP;
    }
    return at;
}

size_t wk_utf8_valid_bytes(struct wk_span text) {
    size_t at = skip_ascii(text, 0);
    /*@
        loop invariant at <= text.size && wk_utf8_text(text.data, at);
        loop assigns at;
        loop variant text.size - at;
    */
    while (at < text.size) {
        size_t size = wk_utf8_sequence(text, at);
        if (size == 0)
            break;
        at = skip_ascii(text, at + size);
    }
    return at;
}

bool wk_utf8_valid(struct wk_span text) {
    return wk_utf8_valid_bytes(text) == text.size;
}

size_t wk_utf8_fault_bytes(struct wk_span text) {
    if (text.size == 0)
        return 0;
    struct utf8_lead lead = utf8_lead(text.data[0]);
    size_t good = utf8_good(text, 0, lead);
    return lead.size > 0 && good == text.size ? 0 : good;
}
