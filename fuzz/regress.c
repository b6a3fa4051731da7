/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All harnesses in one program that gives each its corpus: the corpus as an ordinary test.
 *
 *   regress CORPUS [TARGET [PATH...]]
 *
 * CORPUS has one directory per target. A target without inputs fails: its corpus was lost.
 */
#include <string.h>

#include "replay.h"

#define TARGET(name, source, bytes, what) fuzz_entry fuzz_run_##name;
#include "targets.def"
#undef TARGET

static const struct target {
    const char *name;
    fuzz_entry *entry;
} targets[] = {
#define TARGET(name, source, bytes, what) {#name, fuzz_run_##name},
#include "targets.def"
};

/* Every run starts with the empty input, which no directory needs to hold. */
static unsigned run(const struct target *target, const char *path) {
    static const uint8_t nothing[1];
    target->entry(nothing, 0);
    return fuzz_replay(path, target->entry);
}

int main(int argc, char **argv) {
    const char *corpus = argc > 1 ? argv[1] : "fuzz/corpus";
    unsigned total = 0;
    unsigned count = 0;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        char path[4096];
        if (argc > 2 && strcmp(argv[2], targets[i].name) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", corpus, targets[i].name);
        unsigned given = 0;
        for (int k = 3; k < argc; k++)
            given += run(&targets[i], argv[k]);
        if (argc <= 3)
            given = run(&targets[i], path);
        if (given == 0) {
            fprintf(stderr, "%s: no inputs\n", path);
            return 1;
        }
        total += given;
        count++;
    }
    printf("fuzz-regress: %u inputs of %u targets hold\n", total, count);
    return count > 0 ? 0 : 2;
}
