/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/segment_name.h"

#include "base/writer.h"

static void write_name(struct wk_span prefix, char role, char to[WK_SEGMENT_BASE_BYTES_MAX + 1]) {
    struct wk_writer w = wk_writer(to, WK_SEGMENT_BASE_BYTES_MAX + 1);
    wk_write_text(&w, WK_SEGMENT_WRAPPER);
    wk_write_span(&w, prefix);
    wk_write_u8(&w, (uint8_t)role);
    wk_write_u8(&w, 0);
}

bool wk_segment_names(struct wk_span prefix, struct wk_segment_names *out,
                      struct wk_wire_error *error) {
    if (prefix.size > WK_SEGMENT_PREFIX_BYTES_MAX) {
        *error = (struct wk_wire_error){
            .kind = WK_WIRE_NAME_BUDGET, .what = "segment_name", .found = prefix};
        return false;
    }
    write_name(prefix, WK_SEGMENT_ROLE_REQ, out->req);
    write_name(prefix, WK_SEGMENT_ROLE_RESP, out->resp);
    return true;
}
