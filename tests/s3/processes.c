/* SPDX-License-Identifier: Apache-2.0 */
/* Several processes on one bucket: killed in the middle of batches, and side by side. */
#include "rig.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct engine {
    pid_t process;
    FILE *lines;
};

static struct engine start(const char *verb, const char *ns, const char *first, const char *count) {
    struct engine e;
    char program[4096];
    int out[2];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 20);
    assert_true(length > 0);
    program[length] = 0;
    snprintf(strrchr(program, '/'), 20, "/engine");
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    e.process = fork();
    if (e.process == 0) {
        dup2(out[1], 1);
        execl(program, program, verb, ns, first, count, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    e.lines = fdopen(out[0], "r");
    assert_non_null(e.lines);
    return e;
}

/* The number of the next "<word> N" line; -1 at the end. Any other line fails the case. */
static int next(struct engine *e, const char *word) {
    char line[1200];
    unsigned number = 0;
    size_t length = strlen(word);
    if (fgets(line, sizeof line, e->lines) == NULL)
        return -1;
    if (strncmp(line, word, length) != 0 || sscanf(line + length, " %u", &number) != 1)
        fail_msg("the engine said \"%s\"", line);
    return (int)number;
}

static int finish(struct engine *e) {
    int status;
    fclose(e->lines);
    assert_int_equal(waitpid(e->process, &status, 0), e->process);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void expect_whole(wmbt_kv_handle_t *kv, const char *ns, unsigned number) {
    struct rig_batch batch;
    rig_batch_init(&batch, ns, number, ENGINE_BLOCKS, ENGINE_SIZE);
    int rc = rig_restore(kv, ns, &batch);
    rig_batch_free(&batch);
    if (rc != 1)
        fail_msg("acknowledged batch %u: %d, %s", number, rc,
                 wmbt_kv_last_error() != NULL ? wmbt_kv_last_error() : "");
}

/* Absent or whole, each on its own; how many are there. */
static int64_t expect_whole_or_absent(wmbt_kv_handle_t *kv, const char *ns, unsigned number) {
    struct rig_batch batch;
    wmbt_kv_block_result results[ENGINE_BLOCKS];
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    rig_batch_init(&batch, ns, number, ENGINE_BLOCKS, ENGINE_SIZE);
    int64_t found = wmbt_kv_get_kv_blocks_partial(kv, ns, batch.hex, ENGINE_BLOCKS, -1, results,
                                                  &payloads, &lens, &borrow);
    assert_true(found >= 0);
    for (size_t i = 0; i < ENGINE_BLOCKS; i++) {
        if (payloads[i] == NULL) {
            assert_int_equal(results[i].status, WMBT_KV_STATUS_MISS);
            continue;
        }
        assert_int_equal(lens[i], ENGINE_SIZE);
        assert_memory_equal(payloads[i], batch.payloads[i], ENGINE_SIZE);
    }
    wmbt_kv_release_borrow(borrow);
    rig_batch_free(&batch);
    return found;
}

/* CONS-1 CONS-4 ABI-20 */
static void what_a_killed_process_had_acknowledged_is_whole(void **state) {
    (void)state;
    unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
    unsigned parts = 0;
    print_message("seed %u\n", seed);
    for (unsigned round = 0; round < 12; round++) {
        char ns[40];
        snprintf(ns, sizeof ns, "killed-%u", round);
        struct engine e = start("save", ns, "0", "1000000");
        int newest = -1;
        for (unsigned batches = 2 + (unsigned)rand_r(&seed) % 4; batches > 0; batches--)
            newest = next(&e, "saved");
        const struct timespec pause = {0, rand_r(&seed) % 15000000};
        nanosleep(&pause, NULL);
        assert_int_equal(kill(e.process, SIGKILL), 0);
        for (int later = newest; later >= 0; later = next(&e, "saved"))
            newest = later;
        assert_int_equal(finish(&e), 128 + SIGKILL);
        assert_true(newest >= 0);
        wmbt_kv_handle_t *kv = rig_open(NULL);
        for (int i = 0; i <= newest; i++)
            expect_whole(kv, ns, (unsigned)i);
        int64_t found = expect_whole_or_absent(kv, ns, (unsigned)newest + 1);
        parts += found > 0 && found < ENGINE_BLOCKS;
        assert_int_equal(expect_whole_or_absent(kv, ns, (unsigned)newest + 2), 0);
        wmbt_kv_free(kv);
    }
    print_message("killed inside a batch in %u of 12 rounds\n", parts);
}

/* CONS-3: while the other one lives and goes on, and although this one knew the blocks as absent.
 */
static void what_one_acknowledges_another_gets_at_once(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = rig_open(NULL);
    struct rig_batch batch;
    static struct abi_chain chain;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(expect_whole_or_absent(kv, "pair", i), 0);
    struct engine e = start("save", "pair", "0", "1000000");
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(next(&e, "saved"), i);
        expect_whole(kv, "pair", i);
    }
    kill(e.process, SIGKILL);
    assert_int_equal(finish(&e), 128 + SIGKILL);
    /* By lookup of a third one that has never got them, within the life of an absent answer. */
    wmbt_kv_handle_t *third = rig_open(NULL);
    rig_batch_init(&batch, "pair", 4, ENGINE_BLOCKS, ENGINE_SIZE);
    chain.count = ENGINE_BLOCKS;
    memcpy(chain.hex, batch.hex, ENGINE_BLOCKS * sizeof batch.hex[0]);
    abi_wait_lookup(third, "pair", &chain, ENGINE_BLOCKS);
    rig_batch_free(&batch);
    wmbt_kv_free(third);
    /* And the other way round. */
    rig_batch_init(&batch, "back", 0, ENGINE_BLOCKS, ENGINE_SIZE);
    assert_int_equal(rig_save(kv, "back", &batch), ENGINE_BLOCKS * ENGINE_SIZE);
    e = start("restore", "back", "0", "1");
    assert_int_equal(next(&e, "whole"), 0);
    assert_int_equal(finish(&e), 0);
    rig_batch_free(&batch);
    wmbt_kv_free(kv);
}

/* CONS-3: a tail is at most its freshness old. */
static void a_tail_of_another_handle_is_seen_when_it_is_old_enough(void **state) {
    (void)state;
    const struct timespec pause = {0, 350 * 1000 * 1000};
    struct abi_hash tip = abi_hash("tip", 0);
    setenv("WMBT_KV_TAIL_FRESH_MS", "300", 1);
    wmbt_kv_handle_t *one = rig_open(NULL);
    wmbt_kv_handle_t *two = rig_open(NULL);
    unsetenv("WMBT_KV_TAIL_FRESH_MS");
    abi_put_tail(one, "tails", tip.hex, "first", 5);
    abi_expect_tail(two, "tails", tip.hex, "first", 5);
    abi_put_tail(one, "tails", tip.hex, "second one", 10);
    nanosleep(&pause, NULL);
    abi_expect_tail(two, "tails", tip.hex, "second one", 10);
    wmbt_kv_free(one);
    wmbt_kv_free(two);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(what_a_killed_process_had_acknowledged_is_whole),
        cmocka_unit_test(what_one_acknowledges_another_gets_at_once),
        cmocka_unit_test(a_tail_of_another_handle_is_seen_when_it_is_old_enough),
    };
    rig_begin("processes");
    return cmocka_run_group_tests(cases, NULL, NULL) != 0;
}
