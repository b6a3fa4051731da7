/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Rust peer as a child process: batches of questions down its stdin, batches of answers up its
 * stdout (the form is said at the top of codec/src/main.rs). It reads a whole batch before it
 * answers, so neither side can block the other. Trouble with the process ends the program.
 */
#ifndef WK_TESTS_INTEROP_JUDGE_H
#define WK_TESTS_INTEROP_JUDGE_H

#include <sys/types.h>

#include "base/reader.h"
#include "base/writer.h"

#define JUDGE_BATCH_BYTES (8u << 20)

struct judge {
    pid_t pid;
    int to;
    int from;
    uint8_t *questions; /* JUDGE_BATCH_BYTES */
    struct wk_writer batch;
    uint8_t *answers; /* grows */
    size_t answers_size;
    struct wk_reader replies;
};

struct judge_answer {
    bool accepted;
    uint8_t check;
    uint8_t type;
    struct wk_span bytes;
};

struct judge judge_start(const char *program);
/* False if any answer was not taken, or the process did not end well. */
bool judge_stop(struct judge *j);

/* One more question; `base` as in the protocol. */
void judge_ask(struct judge *j, char op, uint8_t type, uint8_t base, struct wk_span bytes);
/* Sends what was asked and waits for all answers. */
void judge_send(struct judge *j);
/* The next answer of the batch, in the order of the questions. */
struct judge_answer judge_next(struct judge *j);

#endif
