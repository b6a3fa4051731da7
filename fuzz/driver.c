/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One harness as a program.
 *
 *   program PATH...   gives each file to the harness; any compiler
 *   program           under afl-fuzz: inputs come through shared memory, thousands to a process
 *
 * The first call happens before the fork server starts, so that whatever is chosen once (the path
 * of the CRC, a compiled expression) is the same for every input.
 */
#include <unistd.h>

#include "harness.h"
#include "replay.h"

#define INPUTS_PER_PROCESS 20000

#ifdef __AFL_FUZZ_TESTCASE_LEN
__AFL_FUZZ_INIT();

static int serve(void) {
    static const uint8_t nothing[1];
    LLVMFuzzerTestOneInput(nothing, 0);
    __AFL_INIT();
    const uint8_t *data = __AFL_FUZZ_TESTCASE_BUF;
    while (__AFL_LOOP(INPUTS_PER_PROCESS)) {
        size_t size = (size_t)__AFL_FUZZ_TESTCASE_LEN;
        LLVMFuzzerTestOneInput(data, size);
    }
    return 0;
}
#else
static int serve(void) {
    fprintf(stderr, "usage: give the paths of inputs (this is no build for afl-fuzz)\n");
    return 2;
}
#endif

int main(int argc, char **argv) {
    if (argc < 2)
        return serve();
    unsigned given = 0;
    for (int i = 1; i < argc; i++)
        given += fuzz_replay(argv[i], LLVMFuzzerTestOneInput);
    printf("%u inputs\n", given);
    return 0;
}
