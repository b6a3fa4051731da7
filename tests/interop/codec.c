/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our codec against the real rkyv, both ways:
 *
 *      values     ours at random   -> the judge encodes them, so do we: the same bytes
 *                 the judge's      -> it encodes them; we decode: the same value; encode: the same
 *      archives   ours, damaged    -> the judge's verdict is ours: accept, and the same value, or
 *                 the judge's         reject, and the same first check
 *
 *      codec JUDGE [VALUES MUTANTS SEED]      so many each way; 100,000, 1,000,000 and 1
 *
 * Prints the first disagreements and how much was compared; ends with 1 if there was any.
 * ARCH-7 ARCH-8 ARCH-9 ARCH-10 ARCH-11
 */
#include <stdio.h>
#include <stdlib.h>

#include "interop/judge.h"
#include "interop/values.h"

#define ARENA_BYTES   (64u << 20)
#define BATCH_ITEMS   2000u
#define DAMAGED_EXTRA 64u /* room for bytes that damage adds */
#define SHOWN_MAX     20u
#define CHECKS        6u

struct run {
    struct judge judge;
    struct sim_rng rng;
    struct arena arena;
    uint64_t disagreements;
    uint64_t values;
    uint64_t mutants;
    uint64_t accepted;
    uint64_t refused[CHECKS];
};

/* What was asked, for when the answer comes. */
struct question {
    struct message value;
    struct wk_span bytes;
    uint8_t base;
};

static void print_hex(const char *what, struct wk_span bytes) {
    printf("    %-8s ", what);
    for (size_t i = 0; i < bytes.size; i++)
        printf("%02x", bytes.data[i]);
    printf("\n");
}

static void disagree(struct run *r, const char *what, enum message_type type, uint8_t base,
                     struct wk_span ours, struct wk_span theirs) {
    if (r->disagreements++ >= SHOWN_MAX)
        return;
    printf("%s at base %u: %s\n", message_names[type], base, what);
    print_hex("ours", ours);
    print_hex("theirs", theirs);
}

static struct wk_span plain(struct arena *arena, const struct message *m, size_t room) {
    struct wk_writer w = wk_writer(arena_take(arena, room), room);
    value_write(&w, m);
    if (w.failed) {
        fprintf(stderr, "a value does not fit in %zu bytes\n", room);
        exit(2);
    }
    return wk_writer_span(&w);
}

/* Enough for the plain form of what an archive of that size holds. */
static size_t plain_room(size_t archive_bytes) {
    return 2 * archive_bytes + 64;
}

static struct wk_span encode(struct run *r, const struct message *m) {
    struct wk_span out;
    struct wk_wire_error error;
    if (!message_encode(m, ARCHIVE, &r->arena, &out, &error)) {
        fprintf(stderr, "our encoder refuses a good value\n");
        exit(2);
    }
    return out;
}

/* ---- values ---- */

static void compare_our_values(struct run *r, const struct question *asked, size_t count) {
    judge_send(&r->judge);
    for (size_t i = 0; i < count; i++) {
        struct judge_answer answer = judge_next(&r->judge);
        struct wk_span ours = encode(r, &asked[i].value);
        if (!wk_span_equal(ours, answer.bytes))
            disagree(r, "other bytes for the same value", asked[i].value.type, 0, ours,
                     answer.bytes);
    }
    r->values += count;
}

static void our_values(struct run *r, size_t count) {
    struct question *asked = arena_take(&r->arena, count * sizeof *asked);
    for (size_t i = 0; i < count; i++) {
        asked[i].value = value_random(&r->rng, &r->arena);
        struct wk_span text = plain(&r->arena, &asked[i].value, 16384);
        judge_ask(&r->judge, 'E', (uint8_t)asked[i].value.type, 0, text);
    }
    compare_our_values(r, asked, count);
}

/* Asks for `count` things that the judge makes from seeds. */
static void ask_for(struct run *r, char op, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint8_t seed[8];
        sim_rng_fill(&r->rng, seed, sizeof seed);
        uint8_t type = (uint8_t)sim_rng_below(&r->rng, MESSAGE_TYPES);
        judge_ask(&r->judge, op, type, 0, wk_span(seed, sizeof seed));
    }
    judge_send(&r->judge);
}

static void their_values(struct run *r, size_t count) {
    ask_for(r, 'V', count);
    for (size_t i = 0; i < count; i++) {
        struct judge_answer answer = judge_next(&r->judge);
        struct wk_reader in = wk_reader(answer.bytes);
        struct wk_span value = wk_read_span(&in, wk_read_u32le(&in));
        struct wk_span archive = wk_read_span(&in, wk_reader_left(&in));
        struct message m;
        struct wk_wire_error error;
        if (!message_decode(answer.type, ARCHIVE, archive, 0, &r->arena, &m, &error)) {
            disagree(r, "we reject what it encoded", answer.type, 0, archive, archive);
            continue;
        }
        struct wk_span ours = plain(&r->arena, &m, plain_room(archive.size));
        if (!wk_span_equal(ours, value))
            disagree(r, "another value", answer.type, 0, ours, value);
        struct wk_span again = encode(r, &m);
        if (!wk_span_equal(again, archive))
            disagree(r, "other bytes for its value", answer.type, 0, again, archive);
    }
    r->values += count;
}

/* ---- damaged archives ---- */

static void compare_verdicts(struct run *r, enum message_type type, uint8_t base,
                             struct wk_span archive, const struct judge_answer *answer) {
    struct message m;
    struct wk_wire_error error;
    r->mutants++;
    if (!message_decode(type, ARCHIVE, archive, base, &r->arena, &m, &error)) {
        r->refused[error.check < CHECKS ? error.check : 0]++;
        if (answer->accepted)
            disagree(r, "we reject, it accepts", type, base, archive, answer->bytes);
        else if (answer->check != (uint8_t)error.check)
            disagree(r, "another check fails first", type, base, archive,
                     wk_span(&answer->check, 1));
        return;
    }
    r->accepted++;
    struct wk_span ours = plain(&r->arena, &m, plain_room(archive.size));
    if (!answer->accepted)
        disagree(r, "we accept, it rejects", type, base, archive, wk_span(&answer->check, 1));
    else if (!wk_span_equal(ours, answer->bytes))
        disagree(r, "both accept, another value", type, base, ours, answer->bytes);
}

static void our_mutants(struct run *r, size_t count) {
    struct question *asked = arena_take(&r->arena, count * sizeof *asked);
    for (size_t i = 0; i < count; i++) {
        asked[i].value = value_random(&r->rng, &r->arena);
        struct wk_span good = encode(r, &asked[i].value);
        size_t capacity = good.size + DAMAGED_EXTRA;
        uint8_t *bytes = arena_take(&r->arena, capacity);
        memcpy(bytes, good.data, good.size);
        size_t size = archive_damage(&r->rng, bytes, good.size, capacity);
        asked[i].bytes = wk_span(bytes, size);
        asked[i].base = (uint8_t)(sim_rng_below(&r->rng, 8) == 0 ? sim_rng_below(&r->rng, 16) : 0);
        judge_ask(&r->judge, 'J', (uint8_t)asked[i].value.type, asked[i].base, asked[i].bytes);
    }
    judge_send(&r->judge);
    for (size_t i = 0; i < count; i++) {
        struct judge_answer answer = judge_next(&r->judge);
        compare_verdicts(r, asked[i].value.type, asked[i].base, asked[i].bytes, &answer);
    }
}

static void their_mutants(struct run *r, size_t count) {
    ask_for(r, 'M', count);
    for (size_t i = 0; i < count; i++) {
        struct judge_answer answer = judge_next(&r->judge);
        struct wk_reader in = wk_reader(answer.bytes);
        uint32_t size = wk_read_u32le(&in);
        uint8_t base = wk_read_u8(&in);
        struct wk_span archive = wk_read_span(&in, size);
        answer.bytes = wk_read_span(&in, wk_reader_left(&in));
        compare_verdicts(r, answer.type, base, archive, &answer);
    }
}

/* ---- */

static void in_batches(struct run *r, uint64_t total, void (*batch)(struct run *, size_t)) {
    for (uint64_t done = 0; done < total;) {
        uint64_t left = total - done;
        size_t count = (size_t)(left < BATCH_ITEMS ? left : BATCH_ITEMS);
        r->arena.used = 0;
        batch(r, count);
        done += count;
    }
}

static uint64_t number(int argc, char **argv, int at, uint64_t otherwise) {
    return argc > at ? strtoull(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: codec JUDGE [VALUES MUTANTS SEED]\n");
        return 2;
    }
    uint64_t values = number(argc, argv, 2, 100000);
    uint64_t mutants = number(argc, argv, 3, 1000000);
    uint64_t seed = number(argc, argv, 4, 1);
    struct run r = {.judge = judge_start(argv[1]), .arena = arena_new(ARENA_BYTES)};
    sim_rng_seed(&r.rng, seed, "interop-codec");
    in_batches(&r, values, our_values);
    in_batches(&r, values, their_values);
    in_batches(&r, mutants, our_mutants);
    in_batches(&r, mutants, their_mutants);
    bool ended = judge_stop(&r.judge);
    free(r.arena.data);
    printf("interop-codec: %llu values and %llu damaged archives, half of each from either side; "
           "%llu of these accepted, refused for bounds %llu, align %llu, short %llu, utf8 %llu, "
           "tag %llu\n",
           (unsigned long long)r.values, (unsigned long long)r.mutants,
           (unsigned long long)r.accepted, (unsigned long long)r.refused[WK_ARCHIVE_BOUNDS],
           (unsigned long long)r.refused[WK_ARCHIVE_ALIGN],
           (unsigned long long)r.refused[WK_ARCHIVE_SHORT],
           (unsigned long long)r.refused[WK_ARCHIVE_UTF8],
           (unsigned long long)r.refused[WK_ARCHIVE_TAG]);
    printf("interop-codec: %llu disagreements%s\n", (unsigned long long)r.disagreements,
           ended ? "" : "; the judge did not end well");
    return r.disagreements > 0 || !ended;
}
