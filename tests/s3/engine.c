/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for an engine, as a process of its own: saves and restores batches whose bytes follow
 * from their numbers, and says what happened, one line each.
 *
 *   engine save NS FIRST COUNT      "saved B" after each acknowledgement, or "failed B STATUS:
 * text" engine restore NS FIRST COUNT   "whole B", "missing B", "failed B STATUS: text", "WRONG B"
 *   engine loop NS                  saves a new batch and restores it through a new handle, again
 *                                   and again until SIGTERM; a line when the outcome changes, and
 * at last the counts
 *
 * WMBT_KV_* are those of the caller; RIG_PREFIX, when set, is the prefix. Exit status 0 when
 * nothing failed, 1 when something did, 3 for wrong bytes.
 */
#include "rig.h"

#include <signal.h>
#include <time.h>

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *last_error(void) {
    const char *text = wmbt_kv_last_error();
    return text != NULL ? text : "";
}

static int save(wmbt_kv_handle_t *kv, const char *ns, unsigned number) {
    struct rig_batch batch;
    rig_batch_init(&batch, ns, number, ENGINE_BLOCKS, ENGINE_SIZE);
    int64_t rc = rig_save(kv, ns, &batch);
    rig_batch_free(&batch);
    if (rc < 0)
        printf("failed %u %d: %s\n", number, wmbt_kv_last_status(), last_error());
    else
        printf("saved %u\n", number);
    return rc < 0 ? 1 : 0;
}

static int restore(wmbt_kv_handle_t *kv, const char *ns, unsigned number) {
    struct rig_batch batch;
    rig_batch_init(&batch, ns, number, ENGINE_BLOCKS, ENGINE_SIZE);
    int rc = rig_restore(kv, ns, &batch);
    rig_batch_free(&batch);
    if (rc == 1)
        printf("whole %u\n", number);
    else if (rc == 0)
        printf("missing %u\n", number);
    else if (rc == -2)
        printf("WRONG %u\n", number);
    else
        printf("failed %u %d: %s\n", number, wmbt_kv_last_status(), last_error());
    return rc == -2 ? 3 : rc == 1 ? 0 : 1;
}

/* ---- the loop ------------------------------------------------------------------------------- */

struct log {
    const char *what;
    double start;
    unsigned good, bad;
    double longest_s;
    int before; /* status of the last call; -1: nothing yet */
};

/* One outcome; its line only when it is another than the one before, or has another reason. */
static void note(struct log *log, bool good, double began) {
    double took = now_s() - began;
    log->longest_s = took > log->longest_s ? took : log->longest_s;
    log->good += good;
    log->bad += !good;
    int status = good ? WMBT_KV_STATUS_OK : wmbt_kv_last_status();
    if (log->before != status)
        printf("%6.1f s  %s %s%s\n", now_s() - log->start, log->what,
               good ? "works" : "fails: ", good ? "" : last_error());
    log->before = status;
}

/* The newest batch that was acknowledged, through a handle with an empty cache. */
static int restore_newest(struct log *log, const char *ns, unsigned number) {
    struct rig_batch batch;
    double began = now_s();
    wmbt_kv_handle_t *kv = wmbt_kv_init_from_env();
    if (kv == NULL) {
        note(log, false, began);
        return 0;
    }
    rig_batch_init(&batch, ns, number, ENGINE_BLOCKS, ENGINE_SIZE);
    int rc = rig_restore(kv, ns, &batch);
    rig_batch_free(&batch);
    note(log, rc == 1, began);
    wmbt_kv_free(kv);
    return rc;
}

static volatile sig_atomic_t stopped;

static void stop(int signal) {
    stopped = signal;
}

static int loop(wmbt_kv_handle_t *kv, const char *ns) {
    struct log saves = {.what = "save", .start = now_s(), .before = -1};
    struct log restores = {.what = "restore", .start = saves.start, .before = -1};
    const struct timespec pause = {0, 50 * 1000 * 1000};
    unsigned lost = 0;
    unsigned wrong = 0;
    unsigned newest = 0; /* acknowledged */
    for (unsigned number = 1; stopped == 0; number++) {
        struct rig_batch batch;
        double began = now_s();
        rig_batch_init(&batch, ns, number, ENGINE_BLOCKS, ENGINE_SIZE);
        bool saved = rig_save(kv, ns, &batch) >= 0;
        note(&saves, saved, began);
        rig_batch_free(&batch);
        newest = saved ? number : newest;
        int rc = newest > 0 ? restore_newest(&restores, ns, newest) : 1;
        lost += rc == 0 && restores.before == WMBT_KV_STATUS_MISS;
        wrong += rc == -2;
        nanosleep(&pause, NULL);
    }
    printf("saves: %u good, %u failed, longest %.1f s; restores: %u good, %u failed, longest %.1f "
           "s; lost %u, wrong %u\n",
           saves.good, saves.bad, saves.longest_s, restores.good, restores.bad, restores.longest_s,
           lost, wrong);
    return wrong > 0 ? 3 : lost > 0 ? 1 : 0;
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    bool is_loop = argc == 3 && strcmp(argv[1], "loop") == 0;
    if (!is_loop && argc != 5) {
        fprintf(stderr, "usage: engine save|restore NS FIRST COUNT | loop NS\n");
        return 2;
    }
    if (getenv("RIG_PREFIX") != NULL)
        setenv("WMBT_KV_S3_PREFIX", getenv("RIG_PREFIX"), 1);
    wmbt_kv_handle_t *kv = wmbt_kv_init_from_env();
    if (kv == NULL) {
        printf("open failed %d: %s\n", wmbt_kv_last_status(), last_error());
        return 1;
    }
    int result = 0;
    if (is_loop) {
        signal(SIGTERM, stop);
        result = loop(kv, argv[2]);
    } else {
        unsigned first = (unsigned)strtoul(argv[3], NULL, 10);
        unsigned count = (unsigned)strtoul(argv[4], NULL, 10);
        bool saves = strcmp(argv[1], "save") == 0;
        for (unsigned i = first; i < first + count && result != 3; i++) {
            int one = saves ? save(kv, argv[2], i) : restore(kv, argv[2], i);
            result = one > result ? one : result;
        }
    }
    wmbt_kv_free(kv);
    return result;
}
