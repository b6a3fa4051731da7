/* SPDX-License-Identifier: Apache-2.0 */
#include "interop/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void give_up(const char *what) {
    perror(what);
    exit(2);
}

static _Noreturn void run(const char *program, const int down[2], const int up[2]) {
    if (dup2(down[0], STDIN_FILENO) < 0 || dup2(up[1], STDOUT_FILENO) < 0)
        give_up("dup2");
    close(down[0]);
    close(down[1]);
    close(up[0]);
    close(up[1]);
    execl(program, program, (char *)NULL);
    give_up(program);
}

struct judge judge_start(const char *program) {
    int down[2];
    int up[2];
    if (pipe(down) != 0 || pipe(up) != 0)
        give_up("pipe");
    pid_t pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid == 0)
        run(program, down, up);
    close(down[0]);
    close(up[1]);
    struct judge j = {.pid = pid, .to = down[1], .from = up[0]};
    j.questions = malloc(JUDGE_BATCH_BYTES);
    if (j.questions == NULL)
        give_up("malloc");
    j.batch = wk_writer(j.questions, JUDGE_BATCH_BYTES);
    wk_write_u32le(&j.batch, 0); /* the batch's size, known when it is sent */
    return j;
}

bool judge_stop(struct judge *j) {
    int status;
    bool taken = wk_reader_left(&j->replies) == 0;
    close(j->to);
    close(j->from);
    free(j->questions);
    free(j->answers);
    return waitpid(j->pid, &status, 0) == j->pid && WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
           taken;
}

void judge_ask(struct judge *j, char op, uint8_t type, uint8_t base, struct wk_span bytes) {
    wk_write_u8(&j->batch, (uint8_t)op);
    wk_write_u8(&j->batch, type);
    wk_write_u8(&j->batch, base);
    wk_write_u8(&j->batch, 0);
    wk_write_u32le(&j->batch, (uint32_t)bytes.size);
    wk_write_span(&j->batch, bytes);
    if (j->batch.failed) {
        fprintf(stderr, "a batch of questions is over %u bytes\n", JUDGE_BATCH_BYTES);
        exit(2);
    }
}

static void write_all(int fd, struct wk_span bytes) {
    for (size_t at = 0; at < bytes.size;) {
        ssize_t done = write(fd, bytes.data + at, bytes.size - at);
        if (done <= 0)
            give_up("write to the judge");
        at += (size_t)done;
    }
}

static void read_all(int fd, uint8_t *to, size_t size) {
    for (size_t at = 0; at < size;) {
        ssize_t done = read(fd, to + at, size - at);
        if (done <= 0)
            give_up("read from the judge");
        at += (size_t)done;
    }
}

void judge_send(struct judge *j) {
    struct wk_writer size = wk_writer(j->questions, 4);
    wk_write_u32le(&size, (uint32_t)(j->batch.at - 4));
    write_all(j->to, wk_writer_span(&j->batch));
    j->batch.at = 4;

    uint8_t head[4];
    read_all(j->from, head, sizeof head);
    struct wk_reader r = wk_reader(wk_span(head, sizeof head));
    uint32_t bytes = wk_read_u32le(&r);
    if (bytes > j->answers_size) {
        free(j->answers);
        j->answers = malloc(bytes);
        j->answers_size = bytes;
        if (j->answers == NULL)
            give_up("malloc");
    }
    read_all(j->from, j->answers, bytes);
    j->replies = wk_reader(wk_span(j->answers, bytes));
}

struct judge_answer judge_next(struct judge *j) {
    struct judge_answer out;
    out.accepted = wk_read_u8(&j->replies) == 1;
    out.check = wk_read_u8(&j->replies);
    out.type = wk_read_u8(&j->replies);
    wk_read_u8(&j->replies);
    out.bytes = wk_read_span(&j->replies, wk_read_u32le(&j->replies));
    if (j->replies.failed) {
        fprintf(stderr, "the judge answered fewer questions than it was asked\n");
        exit(2);
    }
    return out;
}
