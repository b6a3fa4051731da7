/* SPDX-License-Identifier: Apache-2.0 */
/* Prints a page that comes from a table; `make docs` runs it. */
#include <stdio.h>
#include <string.h>

#include "config/settings.h"
#include "daemon/metrics.h"

static const struct {
    const char *name;
    void (*write)(struct wk_writer *to);
} pages[] = {
    {"settings", wk_settings_write_page},
    {"sample", wk_settings_write_sample},
    {"daemon-sample", wk_settings_write_daemon_sample},
    {"metrics", wk_metrics_write_spec},
};

int main(int argc, char **argv) {
    static char text[64 * 1024];
    struct wk_writer to = wk_writer(text, sizeof text);
    for (size_t i = 0; argc == 2 && i < sizeof pages / sizeof pages[0]; i++) {
        if (strcmp(argv[1], pages[i].name) == 0)
            pages[i].write(&to);
    }
    if (to.at == 0 && !to.failed) {
        fprintf(stderr, "usage: %s settings|sample|daemon-sample|metrics\n", argv[0]);
        return 2;
    }
    if (to.failed || fwrite(text, 1, to.at, stdout) != to.at || fflush(stdout) != 0) {
        fprintf(stderr, "%s: could not write\n", argv[0]);
        return 1;
    }
    return 0;
}
