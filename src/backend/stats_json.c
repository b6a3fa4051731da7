/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/backend.h"
#include "base/text.h"

static void put_number(void *ctx, const char *name, uint64_t value) {
    struct wk_writer *to = ctx;
    char text[96];
    if (to->failed)
        return;
    wk_format(text, sizeof text, "%s\"%s\":%llu", to->data[to->at - 1] == '{' ? "" : ",", name,
              (unsigned long long)value);
    wk_write_text(to, text);
}

void wk_backend_stats_json(struct wk_backend *b, struct wk_writer *to) {
    wk_write_text(to, "{");
    b->ops->stats(b, put_number, to);
    wk_write_text(to, "}");
}
