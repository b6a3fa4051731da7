/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each fault between the library and the server does to a put, a get and a lookup: a table of
 * outcome, time and requests, of which the outcomes are asserted.
 *
 * Whatever happens: no other bytes than were put, a put that failed left each block absent or
 * whole, and when the fault is over the same handle works. The table goes to the file RIG_TABLE, or
 * to standard output.
 */
#include "rig.h"

#include <pthread.h>
#include <time.h>

enum op { OP_PUT, OP_GET, OP_LOOKUP, OPS };

#define BLOCKS 4u
#define SIZE   65536u

/* A label ends in how many requests suffer; without a number all do. */
struct row {
    const char *label;
    const char *command;   /* to the proxy */
    const char *want[OPS]; /* "a|b": either, libcurl may use a connection of before or not */
    const char *probe_ms;  /* of lookup; NULL: so long that a healthy server answers in time */
};

/* The LIST of the background is left alone: it would take the faults of others. */
#define VERBS " get,put,head,delete "

static const struct row rows[] = {
    {"none", "clear", {"stored", "hit", "4 of 4"}, NULL},
    {"refused for 30 ms", "refuse 30", {"stored", "hit", "0 of 4"}, NULL},
    {"refused", "refuse 0", {"unavailable", "unavailable", "0 of 4"}, NULL},
    {"reset, 1", "fault reset" VERBS "1", {"stored", "hit", "0 of 4|4 of 4"}, NULL},
    {"reset", "fault reset" VERBS "always", {"unavailable", "unavailable", "0 of 4"}, NULL},
    {"reset inside, 1", "fault middle" VERBS "1", {"stored", "hit", "0 of 4"}, NULL},
    {"reset inside", "fault middle" VERBS "always", {"unavailable", "unavailable", "0 of 4"}, NULL},
    {"cut short, 1", "fault truncate" VERBS "1", {"stored", "hit", "0 of 4"}, NULL},
    {"cut short", "fault truncate" VERBS "always", {"unavailable", "unavailable", "0 of 4"}, NULL},
    {"answer lost, 1", "fault swallow" VERBS "1", {"stored", "hit", "0 of 4|4 of 4"}, NULL},
    {"answer lost", "fault swallow" VERBS "always", {"unavailable", "unavailable", "0 of 4"}, NULL},
    {"503 SlowDown, 3", "fault slow-down" VERBS "3", {"stored", "hit", "0 of 4"}, NULL},
    {"503 SlowDown",
     "fault slow-down" VERBS "always",
     {"unavailable", "unavailable", "0 of 4"},
     NULL},
    {"500, 1", "fault internal" VERBS "1", {"stored", "hit", "0 of 4"}, NULL},
    {"500", "fault internal" VERBS "always", {"unavailable", "unavailable", "0 of 4"}, NULL},
    {"bit flipped, 1", "fault flip" VERBS "1", {"stored", "miss", "4 of 4"}, NULL},
    {"bit flipped", "fault flip" VERBS "always", {"unavailable", "miss", "4 of 4"}, NULL},
    {"300 ms, 1 MB/s", "pace 300 1000000", {"stored", "hit", "0 of 4"}, "20"},
    {"silence", "fault black-hole" VERBS "always", {"timeout", "timeout", "0 of 4"}, "20"},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

struct cell {
    const struct row *row;
    enum op op;
    char ns[64];
    struct rig_proxy proxy;
    wmbt_kv_handle_t *kv;
    struct rig_batch batch;
    char outcome[64];
    char error[500];
    unsigned long long ms;
    struct rig_counts counts;
};

static struct cell cells[ROWS][OPS];
static wmbt_kv_handle_t *direct; /* to the server, past the proxy */

/* ---- one operation -------------------------------------------------------------------------- */

static const char *status_name(void) {
    static const char *const names[] = {"ok",        "miss",      "invalid",     "corrupt",
                                        "too large", "timeout",   "unavailable", "denied",
                                        "no space",  "no memory", "conflict",    "internal"};
    int32_t status = wmbt_kv_last_status();
    return status >= 0 && status <= 11 ? names[status] : "unknown status";
}

static void operate(struct cell *c) {
    size_t matched = 99;
    int rc;
    switch (c->op) {
    case OP_PUT:
        snprintf(c->outcome, sizeof c->outcome, "%s",
                 rig_save(c->kv, c->ns, &c->batch) >= 0 ? "stored" : status_name());
        break;
    case OP_GET:
        rc = rig_restore(c->kv, c->ns, &c->batch);
        snprintf(c->outcome, sizeof c->outcome, "%s",
                 rc == 1    ? "hit"
                 : rc == -2 ? "OTHER BYTES"
                            : status_name());
        break;
    case OP_LOOKUP:
    case OPS:
        rc = wmbt_kv_lookup_block_prefix(c->kv, c->ns, c->batch.hex, BLOCKS, &matched, NULL, 0);
        if (rc == 0)
            snprintf(c->outcome, sizeof c->outcome, "%zu of %u", matched, BLOCKS);
        else
            snprintf(c->outcome, sizeof c->outcome, "%s", status_name());
        break;
    }
    if (wmbt_kv_last_error() != NULL)
        snprintf(c->error, sizeof c->error, "%s", wmbt_kv_last_error());
}

static unsigned long long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000;
}

/* ---- before, during, after ------------------------------------------------------------------ */

static void prepare(struct cell *c, const struct row *row, enum op op) {
    static const char *const names[OPS] = {"put", "get", "lookup"};
    c->row = row;
    c->op = op;
    snprintf(c->ns, sizeof c->ns, "%s %s", row->label, names[op]);
    rig_batch_init(&c->batch, c->ns, 0, BLOCKS, SIZE);
    if (op != OP_PUT)
        assert_int_equal(rig_save(direct, c->ns, &c->batch), BLOCKS * SIZE);
    rig_proxy_start(&c->proxy);
    setenv("WMBT_KV_LOOKUP_PROBE_MS", row->probe_ms != NULL ? row->probe_ms : "5000", 1);
    c->kv = rig_open(&c->proxy);
}

static void *suffer(void *arg) {
    struct cell *c = arg;
    rig_say(&c->proxy, "zero");
    rig_say(&c->proxy, c->row->command);
    unsigned long long start = now_ms();
    operate(c);
    c->ms = now_ms() - start;
    c->counts = rig_count(&c->proxy);
    rig_say(&c->proxy, "pace 0 0");
    rig_say(&c->proxy, "clear");
    return NULL;
}

/* CONS-1 CONS-4: each block absent or whole, on the server itself. */
static void check_blocks(const struct cell *c) {
    wmbt_kv_block_result results[BLOCKS];
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    wmbt_kv_handle_t *fresh = rig_open(NULL);
    int64_t found = wmbt_kv_get_kv_blocks_partial(fresh, c->ns, c->batch.hex, BLOCKS, -1, results,
                                                  &payloads, &lens, &borrow);
    assert_true(found >= 0);
    if (c->op != OP_PUT || strcmp(c->outcome, "stored") == 0)
        assert_int_equal(found, BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++) {
        if (payloads[i] == NULL) {
            assert_int_equal(results[i].status, WMBT_KV_STATUS_MISS);
            continue;
        }
        assert_int_equal(lens[i], SIZE);
        assert_memory_equal(payloads[i], c->batch.payloads[i], SIZE);
    }
    wmbt_kv_release_borrow(borrow);
    wmbt_kv_free(fresh);
}

/* True when the outcome is among those wanted, "a|b". */
static bool is_wanted(const struct cell *c) {
    const char *want = c->row->want[c->op];
    size_t length = strlen(c->outcome);
    for (const char *at = want; *at != 0; at += strcspn(at, "|") + (strchr(at, '|') != NULL)) {
        if (strcspn(at, "|") == length && strncmp(at, c->outcome, length) == 0)
            return true;
    }
    return false;
}

static void conclude(struct cell *c) {
    check_blocks(c);
    if (rig_save(c->kv, c->ns, &c->batch) != BLOCKS * SIZE)
        fail_msg("%s: a put after the fault: %s", c->ns, wmbt_kv_last_error());
    assert_int_equal(rig_restore(c->kv, c->ns, &c->batch), 1);
    wmbt_kv_free(c->kv);
    rig_proxy_stop(&c->proxy);
    rig_batch_free(&c->batch);
    if (!is_wanted(c))
        fail_msg("%s: %s (%s), not %s", c->ns, c->outcome, c->error, c->row->want[c->op]);
}

/* ---- cases ---------------------------------------------------------------------------------- */

/* CONS-1 CONS-4 CONS-5 STORE-9 STORE-11 */
static void faults_do_what_the_table_says(void **state) {
    (void)state;
    for (size_t r = 0; r + 1 < ROWS; r++) {
        for (enum op op = 0; op < OPS; op++) {
            prepare(&cells[r][op], &rows[r], op);
            suffer(&cells[r][op]);
            conclude(&cells[r][op]);
        }
    }
}

/* CONS-8: all three at once, because they last. */
static void silence_ends_in_bounded_time(void **state) {
    (void)state;
    struct cell *silent = cells[ROWS - 1];
    pthread_t threads[OPS];
    for (enum op op = 0; op < OPS; op++)
        prepare(&silent[op], &rows[ROWS - 1], op);
    for (enum op op = 0; op < OPS; op++)
        assert_int_equal(pthread_create(&threads[op], NULL, suffer, &silent[op]), 0);
    for (enum op op = 0; op < OPS; op++)
        pthread_join(threads[op], NULL);
    for (enum op op = 0; op < OPS; op++)
        conclude(&silent[op]);
}

/* ---- the table ------------------------------------------------------------------------------ */

static void print_table(FILE *to) {
    fprintf(to, "  %-20s | %-12s %6s %9s | %-12s %6s %9s | %-8s %6s %9s\n", "fault", "put", "ms",
            "requests", "get", "ms", "requests", "lookup", "ms", "requests");
    for (size_t r = 0; r < ROWS; r++) {
        const struct cell *c = cells[r];
        fprintf(to,
                "  %-20s | %-12s %6llu %5llu PUT | %-12s %6llu %5llu GET | %-8s %6llu %4llu HEAD\n",
                rows[r].label, c[OP_PUT].outcome, c[OP_PUT].ms, c[OP_PUT].counts.put,
                c[OP_GET].outcome, c[OP_GET].ms, c[OP_GET].counts.get, c[OP_LOOKUP].outcome,
                c[OP_LOOKUP].ms, c[OP_LOOKUP].counts.head);
    }
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(faults_do_what_the_table_says),
        cmocka_unit_test(silence_ends_in_bounded_time),
    };
    rig_begin("faults");
    direct = rig_open(NULL);
    int failed = cmocka_run_group_tests(cases, NULL, NULL);
    wmbt_kv_free(direct);
    FILE *table = getenv("RIG_TABLE") != NULL ? fopen(getenv("RIG_TABLE"), "w") : stdout;
    if (table != NULL)
        print_table(table);
    return failed != 0;
}
