/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the page (`page`) or the sample (`sample`) of the settings; `make docs` runs it. */
#include <stdio.h>
#include <string.h>

#include "config/settings.h"

int main(int argc, char **argv) {
    static char text[64 * 1024];
    struct wk_writer to = wk_writer(text, sizeof text);
    if (argc != 2 || (strcmp(argv[1], "page") != 0 && strcmp(argv[1], "sample") != 0)) {
        fprintf(stderr, "usage: %s page|sample\n", argv[0]);
        return 2;
    }
    if (strcmp(argv[1], "page") == 0)
        wk_settings_write_page(&to);
    else
        wk_settings_write_sample(&to);
    if (to.failed || fwrite(text, 1, to.at, stdout) != to.at || fflush(stdout) != 0) {
        fprintf(stderr, "%s: could not write\n", argv[0]);
        return 1;
    }
    return 0;
}
