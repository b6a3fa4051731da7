/* SPDX-License-Identifier: Apache-2.0 */
/* The name of the file under way is kept where a crash can show it: on stderr, in a signal's way.
 */
#include "replay.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char under_way[4096];

/* Says which input it was, then dies of the signal as it would have. */
static void say_input(int number) {
    static const char before[] = "the input was ";
    ssize_t written = write(2, before, sizeof before - 1);
    written += write(2, under_way, strlen(under_way));
    written += write(2, "\n", 1);
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

static void fail(const char *path) {
    perror(path);
    exit(2);
}

static void replay_file(const char *path, fuzz_entry *entry) {
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) != 0)
        fail(path);
    size_t size = (size_t)status.st_size;
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (data == NULL || fread(data, 1, size, file) != size)
        fail(path);
    fclose(file);
    snprintf(under_way, sizeof under_way, "%s", path);
    entry(data, size);
    free(data);
}

unsigned fuzz_replay(const char *path, fuzz_entry *entry) {
    struct stat status;
    struct dirent **names;
    signal(SIGABRT, say_input);
    if (stat(path, &status) != 0)
        fail(path);
    if (!S_ISDIR(status.st_mode)) {
        replay_file(path, entry);
        return 1;
    }
    int count = scandir(path, &names, NULL, alphasort);
    unsigned given = 0;
    for (int i = 0; i < count; i++) {
        char below[4096];
        snprintf(below, sizeof below, "%s/%s", path, names[i]->d_name);
        if (stat(below, &status) == 0 && S_ISREG(status.st_mode)) {
            replay_file(below, entry);
            given++;
        }
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return given;
}
