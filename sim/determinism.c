// SPDX-License-Identifier: Apache-2.0
// Runs each seed twice, in processes of their own: another address space layout, another size of
// the environment, another working directory. The last lines must agree; where they do not, both
// run again with all events shown and the first that differs is printed.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"
#include "sweep.h"

#define LINE_BYTES 512u

static FILE *run(const struct sim_options *o, uint64_t seed, bool other, bool trace, pid_t *pid) {
    int ends[2];
    char number[24];
    char path[4096];
    ssize_t size = readlink("/proc/self/exe", path, sizeof path - 1);
    if (size < 0 || pipe(ends) != 0)
        sim_harness_fail("cannot start myself");
    path[size] = 0;
    snprintf(number, sizeof number, "%" PRIu64, seed);
    *pid = fork();
    if (*pid == 0) {
        static char padding[3000];
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        if (freopen("/dev/null", "w", stderr) == NULL)
            _exit(SIM_EXIT_HARNESS);
        if (other) {
            memset(padding, 'x', sizeof padding - 1);
            setenv("SIM_PADDING", padding, 1);
            if (chdir("/") != 0)
                _exit(SIM_EXIT_HARNESS);
        }
        execl(path, o->program, "--seed", number, trace ? "--trace" : NULL, NULL);
        _exit(SIM_EXIT_HARNESS);
    }
    close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    if (*pid < 0 || from == NULL)
        sim_harness_fail("cannot start myself");
    return from;
}

static void finish(FILE *from, pid_t pid) {
    int status;
    fclose(from);
    waitpid(pid, &status, 0);
}

static void last_line(const struct sim_options *o, uint64_t seed, bool other, char *line) {
    pid_t pid;
    FILE *from = run(o, seed, other, false, &pid);
    line[0] = 0;
    while (fgets(line, LINE_BYTES, from) != NULL)
        continue;
    finish(from, pid);
}

static void show_difference(const struct sim_options *o, uint64_t seed) {
    pid_t pids[2];
    FILE *from[2];
    char lines[2][LINE_BYTES];
    for (int i = 0; i < 2; i++)
        from[i] = run(o, seed, i == 1, true, &pids[i]);
    bool same = true;
    while (same && fgets(lines[0], LINE_BYTES, from[0]) != NULL) {
        same = fgets(lines[1], LINE_BYTES, from[1]) != NULL && strcmp(lines[0], lines[1]) == 0;
        if (!same)
            printf("first difference:\n  %s  %s", lines[0], lines[1]);
    }
    for (int i = 0; i < 2; i++)
        finish(from[i], pids[i]);
}

int sim_determinism(const struct sim_options *o) {
    char one[LINE_BYTES];
    char two[LINE_BYTES];
    for (uint64_t seed = o->first; seed <= o->last; seed++) {
        last_line(o, seed, false, one);
        last_line(o, seed, true, two);
        if (one[0] != 0 && strcmp(one, two) == 0)
            continue;
        printf("NOT DETERMINISTIC seed %" PRIu64 "\n  %s  %s", seed, one, two);
        show_difference(o, seed);
        return SIM_EXIT_NONDETERMINISM;
    }
    printf("seeds %" PRIu64 "..%" PRIu64 ": twice the same\n%s", o->first, o->last, one);
    return SIM_EXIT_PASS;
}
