/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracles of the simulator, against histories made by hand: what the contract allows has to
 * pass, and what it forbids has to be found under the right rule. Then against a slow second
 * opinion, and against a small store that keeps the contract by construction.
 *
 * A history is a line of words about one key:
 *
 *   put:S:V:b-e   store S was asked to write value V at b, and acknowledged it at e
 *   fail:S:V:b    ... and did not: unknown
 *   gave:S:V:b-e  ... and returned at e without success: unknown
 *   run:S:V:b     ... and is still at it
 *   ordered       it is a tail whose puts are conditional
 *   at:t:V        at t the bucket got V; "-": it was deleted; "!V": V, damaged
 *
 * and a question is an answer that somebody got:
 *
 *   hit:S:V:b-e     a get of store S from b to e gave V
 *   miss:b-e        a get gave a miss;  excused:b-e  bytes were damaged on the way meanwhile
 *   tail:S:V:f:b-e  a get of a tail, with freshness bound f; V "-": a miss
 *   arrived         the bucket got the last value
 *   stored:V:b-e    a put of V was acknowledged
 *
 * Values are one letter; "0" is the empty one.
 */
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"
#include "rng.h"

/* ---- making histories */

#define WRITES_MAX  32
#define EFFECTS_MAX 64

struct history {
    struct sim_key key;
    struct sim_write writes[WRITES_MAX];
    uint32_t write_count;
    struct sim_effect effects[EFFECTS_MAX];
    uint32_t effect_count;
};

static struct sim_value value_of(char c) {
    static uint8_t letters[256];
    letters[(uint8_t)c] = (uint8_t)c;
    return (struct sim_value){&letters[(uint8_t)c], c == '0' ? 0 : 1};
}

static void history_reset(struct history *h, bool tracked) {
    memset(h, 0, sizeof *h);
    h->key.tracked = tracked;
}

static struct sim_write *add_write(struct history *h, uint64_t store, char v, uint64_t start_ns) {
    assert_true(h->write_count < WRITES_MAX);
    struct sim_write *w = &h->writes[h->write_count++];
    *w = (struct sim_write){.next = h->key.writes,
                            .value = value_of(v),
                            .start_ns = start_ns,
                            .end_ns = SIM_NEVER,
                            .outcome = SIM_UNDER_WAY,
                            .store = store};
    h->key.writes = w;
    return w;
}

static void end_write(struct sim_write *w, uint64_t end_ns) {
    w->outcome = SIM_DONE;
    w->end_ns = end_ns;
}

static void give_up(struct sim_write *w, uint64_t end_ns) {
    w->outcome = SIM_UNKNOWN;
    w->gave_up_ns = end_ns;
}

/* As sim_model_version does it: damage changes the bytes, but not what the ETag says. */
static void add_effect(struct history *h, uint64_t at_ns, bool present, bool damaged, char v) {
    assert_true(h->effect_count < EFFECTS_MAX);
    struct sim_effect *e = &h->effects[h->effect_count++];
    *e = (struct sim_effect){.next = h->key.effects,
                             .at_ns = at_ns,
                             .until_ns = SIM_NEVER,
                             .confirmed_until_ns = SIM_NEVER,
                             .present = present,
                             .damaged = damaged,
                             .value = value_of(v)};
    if (h->key.effects != NULL)
        h->key.effects->until_ns = at_ns;
    for (struct sim_effect *old = e->next; old != NULL && !damaged; old = old->next) {
        if (old->confirmed_until_ns == SIM_NEVER)
            old->confirmed_until_ns = at_ns;
    }
    h->key.effects = e;
}

static void read_word(struct history *h, const char *word) {
    unsigned store, start, end;
    char v, mark;
    if (sscanf(word, "put:%u:%c:%u-%u", &store, &v, &start, &end) == 4)
        end_write(add_write(h, store, v, start), end);
    else if (sscanf(word, "gave:%u:%c:%u-%u", &store, &v, &start, &end) == 4)
        give_up(add_write(h, store, v, start), end);
    else if (strcmp(word, "ordered") == 0)
        h->key.ordered = true;
    else if (sscanf(word, "fail:%u:%c:%u", &store, &v, &start) == 3)
        add_write(h, store, v, start)->outcome = SIM_UNKNOWN;
    else if (sscanf(word, "run:%u:%c:%u", &store, &v, &start) == 3)
        add_write(h, store, v, start);
    else if (sscanf(word, "at:%u:!%c", &start, &v) == 2)
        add_effect(h, start, true, true, v);
    else if (sscanf(word, "at:%u:%c", &start, &mark) == 2)
        add_effect(h, start, mark != '-', false, mark);
    else
        fail_msg("not a word of a history: %s", word);
}

static void read_history(struct history *h, bool tracked, const char *text) {
    char copy[512];
    history_reset(h, tracked);
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        read_word(h, word);
}

static struct sim_value asked(char c) {
    return c == '-' ? (struct sim_value){NULL, 0} : value_of(c);
}

static const char *judge(const struct history *h, const char *question) {
    unsigned store, fresh, start, end;
    char v;
    if (sscanf(question, "hit:%u:%c:%u-%u", &store, &v, &start, &end) == 4)
        return sim_judge_hit(&h->key, value_of(v), store, start, end);
    if (sscanf(question, "miss:%u-%u", &start, &end) == 2)
        return sim_judge_miss(&h->key, false, start, end);
    if (sscanf(question, "excused:%u-%u", &start, &end) == 2)
        return sim_judge_miss(&h->key, true, start, end);
    if (sscanf(question, "tail:%u:%c:%u:%u-%u", &store, &v, &fresh, &start, &end) == 5)
        return sim_judge_tail(&h->key, asked(v), store, fresh, false, start, end);
    if (sscanf(question, "stored:%c:%u-%u", &v, &start, &end) == 3)
        return sim_judge_put(&h->key, value_of(v), start, end);
    if (strcmp(question, "arrived") == 0)
        return sim_judge_arrival(&h->key);
    fail_msg("not a question: %s", question);
    return NULL;
}

/* ---- by hand */

enum { BUCKET = 1, DIRECTORY = 0 };

struct example {
    const char *name;
    const char *history;
    const char *question;
    const char *rule; /* that has to be named; NULL: allowed */
    bool tracked;
};

static const struct example good[] = {
    {"what was put", "put:1:A:10-20 at:15:A", "hit:1:A:30-40", NULL, BUCKET},
    {"by another store", "put:1:A:10-20 at:15:A", "hit:2:A:30-40", NULL, BUCKET},
    {"before the put is acknowledged", "run:1:A:10 at:15:A", "hit:2:A:12-18", NULL, BUCKET},
    {"at the very moment it arrives", "run:1:A:10 at:15:A", "hit:2:A:12-15", NULL, BUCKET},
    {"of a put that failed and arrived", "fail:1:A:10 at:50:A", "hit:1:A:60-61", NULL, BUCKET},
    {"the newer of two", "put:1:A:10-20 at:15:A put:1:B:30-40 at:35:B", "hit:1:B:50-51", NULL,
     BUCKET},
    {"an older one that another store has cached", "put:1:A:10-20 at:15:A put:1:B:30-40 at:35:B",
     "hit:2:A:50-51", NULL, BUCKET},
    {"what another store put over ours", "put:1:A:10-20 at:15:A put:2:B:30-40 at:35:B",
     "hit:1:B:50-51", NULL, BUCKET},
    {"ours still cached after another store's put", "put:1:A:10-20 at:15:A put:2:B:30-40 at:35:B",
     "hit:1:A:50-51", NULL, BUCKET},
    {"ours, or the one beside it that came later", "put:2:B:8-30 put:1:A:10-20 at:15:A at:18:B",
     "hit:1:B:40-41", NULL, BUCKET},
    {"an earlier try of an old put that arrives late",
     "put:1:A:10-20 at:15:A put:1:B:30-40 at:35:B at:70:A", "hit:1:A:80-81", NULL, BUCKET},
    {"what a third party left", "put:1:A:10-20 at:15:A put:0:T:50-50 at:50:T", "hit:1:T:60-61",
     NULL, BUCKET},
    {"nothing, before anything was put", "", "miss:10-20", NULL, BUCKET},
    {"nothing while a put runs", "put:1:A:10-20 at:15:A", "miss:12-18", NULL, BUCKET},
    {"nothing up to the moment it arrives", "put:1:A:10-20 at:15:A", "miss:12-15", NULL, BUCKET},
    {"nothing after a third party deleted it", "put:1:A:10-20 at:15:A at:50:-", "miss:60-70", NULL,
     BUCKET},
    {"nothing if it was deleted for a moment of the call", "put:1:A:10-20 at:15:A at:50:- at:52:A",
     "miss:45-60", NULL, BUCKET},
    {"nothing where it is damaged", "put:1:A:10-20 at:15:A at:50:!A", "miss:60-70", NULL, BUCKET},
    {"nothing where bytes are damaged on the way", "put:1:A:10-20 at:15:A", "excused:30-40", NULL,
     BUCKET},
    {"nothing while a put runs, though it has arrived", "run:1:A:10 at:15:A", "miss:30-40", NULL,
     BUCKET},
    {"nothing of a put that failed, though it has arrived", "fail:1:A:10 at:15:A", "miss:30-40",
     NULL, BUCKET},
    {"nothing of an old put that was deleted and of one that failed",
     "put:1:A:1-5 at:3:A at:7:- fail:1:B:10 at:15:B", "miss:30-40", NULL, BUCKET},
    {"nothing of a put that failed", "fail:1:A:10", "miss:60-70", NULL, BUCKET},
    {"the empty value", "put:1:0:10-20 at:15:0", "hit:1:0:30-40", NULL, BUCKET},
    {"the same bytes put twice",
     "put:1:A:10-20 at:15:A put:1:B:30-40 at:35:B put:1:A:50-60 at:55:A", "hit:1:A:70-71", NULL,
     BUCKET},
    {"acknowledged and there", "run:1:A:10 at:15:A", "stored:A:10-20", NULL, BUCKET},
    {"acknowledged, there, and overwritten at once", "run:1:A:10 at:15:A at:16:B", "stored:A:10-20",
     NULL, BUCKET},
    {"acknowledged without a PUT, because it is there", "put:1:A:1-5 at:3:A run:1:A:10",
     "stored:A:10-20", NULL, BUCKET},
    {"acknowledged without a PUT, damaged since, but its ETag is there",
     "put:1:A:1-5 at:3:A at:7:!A run:1:A:10", "stored:A:10-20", NULL, BUCKET},
    {"a tail that its ETag confirmed, though it is damaged there", "put:1:A:1-5 at:3:A at:7:!A",
     "tail:1:A:0:50-51", NULL, BUCKET},
    {"a tail of now", "put:1:A:10-20 at:15:A put:2:B:30-40 at:35:B", "tail:1:B:100:50-51", NULL,
     BUCKET},
    {"an old tail within the bound", "put:1:A:10-20 at:15:A put:2:B:30-40 at:35:B",
     "tail:1:A:20:50-51", NULL, BUCKET},
    {"an old tail that was current when the call began", "put:1:A:10-20 at:15:A run:2:B:30 at:35:B",
     "tail:2:A:0:34-51", NULL, BUCKET},
    {"no tail, within the bound after its first put", "put:1:A:10-20 at:15:A", "tail:2:-:20:30-31",
     NULL, BUCKET},
    {"no tail after its deletion", "put:1:A:10-20 at:15:A at:60:-", "tail:1:-:0:70-71", NULL,
     BUCKET},
    {"what a failed put of ours replaced, before it ended",
     "put:1:A:10-20 at:15:A gave:1:B:30-40 at:35:B", "hit:1:A:38-51", NULL, BUCKET},
    {"what another store's failed put replaced", "put:1:A:10-20 at:15:A gave:2:B:30-40 at:35:B",
     "hit:1:A:50-51", NULL, BUCKET},
    {"what a failed put of ours has not replaced yet",
     "put:1:A:10-20 at:15:A gave:1:B:30-40 at:45:B", "hit:1:A:50-51", NULL, BUCKET},
    {"a late try of a put that was not given up before ours",
     "ordered gave:1:A:10-35 put:1:B:30-40 at:38:B at:70:A", "arrived", NULL, BUCKET},
    {"a late try over another store's put", "ordered gave:1:A:10-20 put:2:B:30-40 at:38:B at:70:A",
     "arrived", NULL, BUCKET},
    {"a late try after somebody deleted the newer one",
     "ordered gave:1:A:10-20 put:1:B:30-40 at:38:B at:50:- at:70:A", "arrived", NULL, BUCKET},
    {"a late try over bytes that came back",
     "ordered put:2:B:1-5 at:3:B gave:1:A:10-20 put:1:C:22-25 at:24:C put:1:B:30-40 at:38:B "
     "at:70:A",
     "arrived", NULL, BUCKET},
    {"a directory: what was put", "put:1:A:10-20", "hit:2:A:30-40", NULL, DIRECTORY},
    {"a directory: of a put that failed", "put:1:A:10-20 fail:1:B:30", "hit:1:B:50-51", NULL,
     DIRECTORY},
    {"a directory: ours, though one that failed came in between", "put:1:A:10-20 fail:1:B:30",
     "hit:1:A:50-51", NULL, DIRECTORY},
    {"a directory: the one beside ours", "put:2:B:8-30 put:1:A:10-20", "hit:1:B:40-41", NULL,
     DIRECTORY},
    {"a directory: nothing yet", "put:1:A:10-20", "miss:15-25", NULL, DIRECTORY},
    {"a directory: nothing of a crashed put", "fail:1:A:10", "miss:15-25", NULL, DIRECTORY},
};

static const struct example bad[] = {
    {"bytes that nobody wrote", "put:1:A:10-20 at:15:A", "hit:1:X:30-40", "bytes", BUCKET},
    {"a prefix of what was written", "put:1:A:10-20 at:15:A", "hit:1:0:30-40", "bytes", BUCKET},
    {"bytes before anybody asked to write them", "put:1:A:50-60 at:55:A", "hit:2:A:10-20", "bytes",
     BUCKET},
    {"a put that has not arrived", "run:1:A:10", "hit:1:A:30-40", "bytes", BUCKET},
    {"a failed put served as if it had succeeded", "fail:1:A:10", "hit:1:A:30-40", "bytes", BUCKET},
    {"a failed put served before it arrives", "fail:1:A:10 at:90:A", "hit:1:A:30-40", "bytes",
     BUCKET},
    {"an overwrite that failed, served from memory", "put:1:A:10-20 at:15:A fail:1:B:30",
     "hit:1:B:50-51", "bytes", BUCKET},
    {"bytes that only ever lay there damaged", "fail:1:A:10 at:15:!A", "hit:2:A:30-40", "bytes",
     BUCKET},
    {"older than our own put", "put:1:A:10-20 at:15:A put:1:B:30-40 at:35:B", "hit:1:A:50-51",
     "newest", BUCKET},
    {"older than ours, in a fill that was read before", "put:2:A:1-5 at:3:A put:1:B:30-40 at:35:B",
     "hit:1:A:41-45", "newest", BUCKET},
    {"overwritten by our put, though it ended during it",
     "put:2:A:10-38 at:15:A put:1:B:30-40 at:35:B", "hit:1:A:50-51", "newest", BUCKET},
    {"older than our own first of two",
     "put:2:C:1-5 at:3:C put:1:A:10-20 at:15:A put:1:B:12-25 "
     "at:18:B",
     "hit:1:C:50-51", "newest", BUCKET},
    {"older than ours though a third party came and went",
     "put:2:C:1-5 at:3:C put:1:A:10-20 at:15:A put:0:T:50-50 at:50:T at:60:-", "hit:1:C:70-71",
     "newest", BUCKET},
    {"the empty value over ours", "put:1:0:10-20 at:15:0 put:1:B:30-40 at:35:B", "hit:1:0:50-51",
     "newest", BUCKET},
    {"a miss of what is there", "put:1:A:10-20 at:15:A", "miss:30-40", "found", BUCKET},
    {"a miss right after another store's acknowledgement", "put:1:A:10-20 at:15:A", "miss:20-21",
     "found", BUCKET},
    {"a miss of the empty value", "put:1:0:10-20 at:15:0", "miss:30-40", "found", BUCKET},
    {"a miss although it was only replaced", "put:1:A:10-20 at:15:A at:35:T", "miss:30-40", "found",
     BUCKET},
    {"a miss after it was put again", "put:1:A:10-20 at:15:A at:30:- put:2:B:35-45 at:40:B",
     "miss:46-50", "found", BUCKET},
    {"acknowledged but never there", "run:1:A:10", "stored:A:10-20", "stored", BUCKET},
    {"acknowledged before it arrives", "run:1:A:10 at:25:A", "stored:A:10-20", "stored", BUCKET},
    {"acknowledged without a PUT, but another's bytes are there",
     "put:1:A:1-5 at:3:A put:0:T:7-7 at:7:T run:1:A:10", "stored:A:10-20", "stored", BUCKET},
    {"acknowledged without a PUT, but it was deleted", "put:1:A:1-5 at:3:A at:7:- run:1:A:10",
     "stored:A:10-20", "stored", BUCKET},
    {"acknowledged, and damaged all the time", "run:1:A:10 at:15:!A", "stored:A:10-20", "stored",
     BUCKET},
    {"a tail over its age", "put:1:A:10-20 at:15:A put:2:B:30-40 at:35:B", "tail:1:A:10:50-51",
     "fresh", BUCKET},
    {"a tail served unasked without a bound", "put:1:A:10-20 at:15:A put:2:B:30-40 at:35:B",
     "tail:1:A:0:36-51", "fresh", BUCKET},
    {"an old tail of our own", "put:1:A:10-20 at:15:A put:1:B:30-40 at:35:B", "tail:1:A:90:50-51",
     "newest", BUCKET},
    {"a tail that was replaced after its damage",
     "put:2:A:1-5 at:3:A at:7:!A put:2:B:10-20 at:15:B", "tail:1:A:0:50-51", "fresh", BUCKET},
    {"a tail that nobody wrote", "put:1:A:10-20 at:15:A", "tail:1:X:90:50-51", "bytes", BUCKET},
    {"no tail, long after its put", "put:1:A:10-20 at:15:A", "tail:2:-:10:30-31", "found", BUCKET},
    {"a tail that was deleted longer ago than the bound", "put:1:A:10-20 at:15:A at:30:-",
     "tail:1:A:10:50-51", "fresh", BUCKET},
    {"what a failed put of ours had replaced", "put:1:A:10-20 at:15:A gave:1:B:30-40 at:35:B",
     "hit:1:A:50-51", "newest", BUCKET},
    {"a late try of a tail over a newer one",
     "ordered gave:1:A:10-20 put:1:B:30-40 at:35:B at:70:A", "arrived", "newest", BUCKET},
    {"a late second try of a tail over a newer one",
     "ordered put:1:A:10-20 at:15:A put:1:B:30-40 at:35:B at:70:A", "arrived", "newest", BUCKET},
    {"a directory: bytes that nobody wrote", "put:1:A:10-20", "hit:1:X:30-40", "bytes", DIRECTORY},
    {"a directory: older than our own put", "put:1:A:10-20 put:1:B:30-40", "hit:1:A:50-51",
     "newest", DIRECTORY},
    {"a directory: a miss of what is there", "put:1:A:10-20", "miss:30-40", "found", DIRECTORY},
    {"a directory: acknowledged, then a failed overwrite, and nothing", "put:1:A:10-20 fail:2:B:25",
     "miss:30-40", "found", DIRECTORY},
};

static void allowed_answers_pass(void **state) { /* SIM-7 */
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct history h;
        read_history(&h, good[i].tracked, good[i].history);
        const char *why = judge(&h, good[i].question);
        if (why != NULL)
            fail_msg("%s: %s", good[i].name, why);
    }
}

static void forbidden_answers_are_found_under_their_rule(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct history h;
        read_history(&h, bad[i].tracked, bad[i].history);
        const char *why = judge(&h, bad[i].question);
        if (why == NULL)
            fail_msg("%s: not found", bad[i].name);
        if (strncmp(why, bad[i].rule, strlen(bad[i].rule)) != 0)
            fail_msg("%s: found as \"%s\"", bad[i].name, why);
    }
}

/* ---- lookups */

#define CHAIN 3

struct lookup_example {
    const char *name;
    const char *histories[CHAIN]; /* of the blocks of one chain */
    uint64_t missed_ns[CHAIN];
    uint64_t gone_ns[CHAIN];
    uint64_t since_ns;
    uint32_t matched;
    bool may_forget;
    const char *rule; /* NULL: allowed */
    uint32_t at;      /* the block it has to name */
};

#define THERE "put:1:A:10-20 at:15:A"
#define GONE  "put:1:A:10-20 at:15:A at:50:-"

/* All of them: store 1 asks from 100 to 110. */
static const struct lookup_example lookups[] = {
    {.name = "all of its own", .histories = {THERE, THERE, THERE}, .matched = 3},
    {.name = "none at all", .histories = {"", "", ""}, .matched = 0},
    {.name = "a hole ends it", .histories = {THERE, "", THERE}, .matched = 1},
    {.name = "what others put may be unknown",
     .histories = {"put:2:A:10-20 at:15:A", THERE, THERE}},
    {.name = "what others put may be known",
     .histories = {"put:2:A:10-20 at:15:A", THERE, THERE},
     .matched = 3},
    {.name = "others' block before one of its own",
     .histories = {THERE, "put:2:A:10-20 at:15:A", THERE},
     .matched = 1},
    {.name = "deleted, and it has not noticed", .histories = {THERE, GONE, THERE}, .matched = 3},
    {.name = "deleted, and it has noticed",
     .histories = {THERE, GONE, THERE},
     .missed_ns = {0, 60, 0},
     .gone_ns = {0, 60, 0},
     .matched = 1},
    {.name = "noticed, put again by others, and seen",
     .histories = {THERE, GONE " put:2:B:70-80 at:75:B", THERE},
     .missed_ns = {0, 60, 0},
     .gone_ns = {0, 60, 0},
     .matched = 3},
    {.name = "noticed, put again by others, and not seen yet",
     .histories = {THERE, GONE " put:2:B:70-80 at:75:B", THERE},
     .missed_ns = {0, 60, 0},
     .gone_ns = {0, 60, 0},
     .matched = 1},
    {.name = "one of a batch was missing, not this one",
     .histories = {THERE, GONE, THERE},
     .missed_ns = {60, 60, 60},
     .matched = 3},
    {.name = "it may have forgotten",
     .histories = {THERE, THERE, THERE},
     .matched = 1,
     .may_forget = true},
    {.name = "a put that failed and arrived",
     .histories = {"fail:1:A:10 at:30:A", THERE, THERE},
     .matched = 3},
    {.name = "its own put still runs", .histories = {"run:1:A:90 at:95:A", "", ""}, .matched = 0},
    {.name = "an old listing that shows what is deleted",
     .histories = {GONE, "", ""},
     .since_ns = 40,
     .matched = 1},
    {.name = "counts what was never there",
     .histories = {THERE, "", THERE},
     .matched = 3,
     .rule = "lookup",
     .at = 1},
    {.name = "counts one too many",
     .histories = {THERE, THERE, ""},
     .matched = 3,
     .rule = "lookup",
     .at = 2},
    {.name = "counts a put that failed",
     .histories = {"fail:1:A:10", "", ""},
     .matched = 1,
     .rule = "lookup",
     .at = 0},
    {.name = "counts what was gone before it opened",
     .histories = {GONE, "", ""},
     .since_ns = 60,
     .matched = 1,
     .rule = "lookup",
     .at = 0},
    {.name = "counts what its own get found gone",
     .histories = {THERE, GONE, THERE},
     .missed_ns = {0, 60, 0},
     .gone_ns = {0, 60, 0},
     .matched = 3,
     .rule = "lookup",
     .at = 1},
    {.name = "does not count its own first",
     .histories = {THERE, THERE, THERE},
     .matched = 0,
     .rule = "lookup",
     .at = 0},
    {.name = "does not count its own last",
     .histories = {THERE, THERE, THERE},
     .matched = 2,
     .rule = "lookup",
     .at = 2},
    {.name = "does not count its own though it was replaced",
     .histories = {THERE " at:50:T", THERE, THERE},
     .matched = 0,
     .rule = "lookup",
     .at = 0},
    {.name = "does not count its own, put again after a miss",
     .histories = {GONE " put:1:B:70-80 at:75:B", THERE, THERE},
     .missed_ns = {60, 0, 0},
     .gone_ns = {60, 0, 0},
     .matched = 0,
     .rule = "lookup",
     .at = 0},
    {.name = "counts more than were asked for",
     .histories = {THERE, THERE, THERE},
     .matched = 4,
     .rule = "lookup",
     .at = 3},
};

static void lookups_are_judged_block_by_block(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof lookups / sizeof lookups[0]; i++) {
        const struct lookup_example *x = &lookups[i];
        struct history h[CHAIN];
        struct sim_key *keys[CHAIN];
        for (uint32_t k = 0; k < CHAIN; k++) {
            read_history(&h[k], true, x->histories[k]);
            keys[k] = &h[k].key;
        }
        struct sim_lookup l = {keys,         CHAIN,      x->matched,  1,
                               x->missed_ns, x->gone_ns, x->since_ns, x->may_forget};
        uint32_t at = 99;
        const char *why = sim_judge_lookup(&l, 100, 110, &at);
        if (x->rule == NULL && why != NULL)
            fail_msg("%s: %s (block %u)", x->name, why, at);
        if (x->rule == NULL)
            continue;
        if (why == NULL)
            fail_msg("%s: not found", x->name);
        assert_memory_equal(why, x->rule, strlen(x->rule));
        if (at != x->at)
            fail_msg("%s: names block %u", x->name, at);
    }
}

static void a_directory_counts_what_was_acknowledged(void **state) {
    (void)state;
    struct history h;
    struct sim_key *keys[] = {&h.key};
    const uint64_t never[] = {0};
    uint32_t at;
    read_history(&h, false, "put:1:A:10-20");
    struct sim_lookup l = {keys, 1, 0, 1, never, never, 0, false};
    assert_non_null(sim_judge_lookup(&l, 100, 110, &at));
    l.matched = 1;
    assert_null(sim_judge_lookup(&l, 100, 110, &at));
    read_history(&h, false, "");
    assert_non_null(sim_judge_lookup(&l, 100, 110, &at));
}

/* ---- leases, memory, time */

static void a_changed_lease_is_found(void **state) {
    (void)state;
    assert_null(sim_judge_lease(7, 7));
    assert_non_null(sim_judge_lease(7, 8));
}

static void a_cache_over_its_budget_is_found(void **state) {
    (void)state;
    assert_null(sim_judge_quota(100000, 0, 100000, 1, true));
    assert_null(sim_judge_quota(100000 + 65536, 5000, 100000, 1, true));
    assert_non_null(sim_judge_quota(100000 + 65537, 0, 100000, 1, true));
    /* Without calls and leases nothing is left beyond the budget. */
    assert_null(sim_judge_quota(1000, 0, 100000, 1, false));
    assert_non_null(sim_judge_quota(1000, 1, 100000, 1, false));
}

static void time_limits_follow_the_deadline_or_the_patience(void **state) {
    (void)state;
    const struct sim_engine_plan e = {.retries = 2, .probe_ms = 20};
    const uint64_t s = 1000000000u;
    assert_true(sim_call_limit_ns(&e, SIM_OP_LOOKUP, 64, -1) <= 2 * s);
    assert_true(sim_call_limit_ns(&e, SIM_OP_GET_PARTIAL, 64, 0) <= 3 * s);
    assert_true(sim_call_limit_ns(&e, SIM_OP_GET_PARTIAL, 64, 4000) <= 7 * s);
    assert_true(sim_call_limit_ns(&e, SIM_OP_GET_PARTIAL, 1, -1) >= 31 * s);
    assert_true(sim_call_limit_ns(&e, SIM_OP_GET, 1, -1) >= 31 * s);
    assert_true(sim_call_limit_ns(&e, SIM_OP_PUT, 1, -1) >= 31 * s);
}

/* SIM-19 */
static void time_limits_through_a_daemon_are_those_of_its_client(void **state) {
    (void)state;
    const uint64_t s = 1000000000u;
    assert_true(sim_remote_limit_ns(1000, false, SIM_OP_FLUSH, 0, -1) <= 1 * s);
    assert_true(sim_remote_limit_ns(30000, true, SIM_OP_GET_PARTIAL, 64, 0) <= 2 * s);
    assert_true(sim_remote_limit_ns(30000, true, SIM_OP_CONTAINS, 64, 4000) <= 6 * s);
    /* Two tries: connect, and nothing comes. */
    assert_true(sim_remote_limit_ns(30000, false, SIM_OP_LOOKUP, 64, -1) >= 2 * 41 * s);
    assert_true(sim_remote_limit_ns(30000, false, SIM_OP_LOOKUP, 64, -1) <= 400 * s);
    /* A header may announce 256 MiB that never come. */
    assert_true(sim_remote_limit_ns(30000, true, SIM_OP_PUT, 64, -1) >= 2 * (41 + 256) * s);
    assert_true(sim_remote_limit_ns(500, false, SIM_OP_CONTAINS, 64, -1) >
                sim_remote_limit_ns(500, false, SIM_OP_CONTAINS, 1, -1));
}

/* ---- a second opinion: moment by moment, over random short histories */

#define MOMENTS 24

static char random_value(struct sim_rng *r) {
    return "ABC0"[sim_rng_below(r, 4)];
}

/* What the bucket held within moment t, several where it changed in it, and what it held going by
 * its ETag, which damage leaves alone. */
struct states {
    char within[MOMENTS][8];
};

struct moments {
    struct states held;
    struct states named;
};

static void random_history(struct sim_rng *r, struct history *h) {
    history_reset(h, true);
    uint32_t writes = (uint32_t)sim_rng_between(r, 1, 4);
    for (uint32_t i = 0; i < writes; i++) {
        uint64_t start = sim_rng_below(r, MOMENTS - 1);
        struct sim_write *w = add_write(h, sim_rng_between(r, 1, 2), random_value(r), start);
        if (sim_rng_chance(r, 700000))
            end_write(w, sim_rng_between(r, start, MOMENTS - 1));
        else if (sim_rng_chance(r, 500000))
            give_up(w, sim_rng_between(r, start, MOMENTS - 1));
    }
    uint64_t at = 0;
    for (uint32_t i = 0; i < 6; i++) {
        at += sim_rng_below(r, 7);
        if (at >= MOMENTS)
            break;
        bool present = sim_rng_chance(r, 750000);
        add_effect(h, at, present, present && sim_rng_chance(r, 150000), random_value(r));
    }
}

static void spread(const struct history *h, struct moments *m) {
    memset(m, 0, sizeof *m);
    char now = '-';
    char name = '-';
    uint32_t next = 0;
    for (uint32_t t = 0; t < MOMENTS; t++) {
        size_t n = 0;
        m->held.within[t][n] = now;
        m->named.within[t][n++] = name;
        while (next < h->effect_count && h->effects[next].at_ns == t) {
            const struct sim_effect *e = &h->effects[next++];
            now = !e->present || e->damaged ? '-'
                  : e->value.size == 0      ? '0'
                                            : (char)*e->value.bytes;
            name = e->damaged ? name : now;
            m->held.within[t][n] = now;
            m->named.within[t][n++] = name;
        }
    }
}

static bool slow_held(const struct states *s, char v, uint64_t from, uint64_t to) {
    for (uint64_t t = from; t <= to; t++) {
        if (strchr(s->within[t], v) != NULL)
            return true;
    }
    return false;
}

static char letter(struct sim_value v) {
    return v.size == 0 ? '0' : (char)*v.bytes;
}

static bool slow_written(const struct history *h, char v, uint64_t to) {
    for (uint32_t i = 0; i < h->write_count; i++) {
        if (letter(h->writes[i].value) == v && h->writes[i].start_ns <= to)
            return true;
    }
    return false;
}

/* Is there `v` after the first `own` of the moments of the put? */
static bool slow_after(const struct moments *m, const struct sim_write *w, char own, char v,
                       uint64_t end) {
    for (uint64_t t = w->start_ns; t <= w->end_ns; t++) {
        const char *first = strchr(m->held.within[t], own);
        if (first != NULL)
            return (t <= end && strchr(first, v) != NULL) || slow_held(&m->held, v, t + 1, end);
    }
    return true;
}

/* Did the failed put take effect, for the last time at t, and was `v` not there since? */
static bool slow_outlived(const struct moments *m, const struct sim_write *w, char own, char v,
                          uint64_t end) {
    for (uint64_t t = w->gave_up_ns + 1; t-- > w->start_ns;) {
        if (strchr(m->held.within[t] + 1, own) != NULL)
            return !slow_held(&m->named, v, t + 1, end);
    }
    return false;
}

static bool slow_newest(const struct history *h, const struct moments *m, char v, uint64_t store,
                        uint64_t start, uint64_t end) {
    for (uint32_t i = 0; i < h->write_count; i++) {
        const struct sim_write *w = &h->writes[i];
        char own = letter(w->value);
        if (w->store == store && w->outcome == SIM_DONE && w->end_ns < start && own != v &&
            !slow_after(m, w, own, v, end))
            return false;
        if (w->store == store && w->outcome == SIM_UNKNOWN && w->gave_up_ns < start &&
            slow_outlived(m, w, own, v, end))
            return false;
    }
    return true;
}

static void a_slow_second_opinion_agrees(void **state) {
    (void)state;
    struct sim_rng r;
    uint32_t allowed = 0, refused = 0;
    sim_rng_seed(&r, 1, "second opinion");
    for (uint32_t i = 0; i < 20000; i++) {
        struct history h;
        struct moments m;
        random_history(&r, &h);
        spread(&h, &m);
        uint64_t start = sim_rng_below(&r, MOMENTS);
        uint64_t end = sim_rng_between(&r, start, MOMENTS - 1);
        uint64_t store = sim_rng_between(&r, 1, 2);
        char v = random_value(&r);
        bool hit = slow_written(&h, v, end) && slow_held(&m.named, v, 0, end) &&
                   slow_newest(&h, &m, v, store, start, end);
        assert_int_equal(sim_judge_hit(&h.key, value_of(v), store, start, end) == NULL, hit);
        bool miss = true;
        for (uint32_t k = 0; k < h.write_count; k++) {
            const struct sim_write *w = &h.writes[k];
            if (w->outcome == SIM_DONE && w->end_ns <= start)
                miss = miss && slow_held(&m.held, '-', w->end_ns, end);
        }
        assert_int_equal(sim_judge_miss(&h.key, false, start, end) == NULL, miss);
        assert_int_equal(sim_judge_put(&h.key, value_of(v), start, end) == NULL,
                         slow_held(&m.named, v, start, end));
        uint64_t fresh = sim_rng_below(&r, 8);
        uint64_t since = start > fresh ? start - fresh : 0;
        assert_int_equal(sim_judge_tail(&h.key, value_of(v), store, fresh, false, start, end) ==
                             NULL,
                         hit && slow_held(&m.named, v, since, end));
        allowed += hit;
        refused += !hit;
    }
    assert_true(allowed > 2000);
    assert_true(refused > 2000);
}

/* ---- a directory: every order of effects that the calls allow, tried out */

#define ORDER_MOMENTS 7
#define ORDER_WRITES  4

/* Puts each write's effect at each moment it may have (or never), and asks whether any of these
 * worlds holds `v` at a moment at which a get of nothing cached could have read it. */
static bool some_world_holds(const struct history *h, uint32_t i, uint64_t *at, char v,
                             uint64_t start, uint64_t end) {
    if (i < h->write_count) {
        const struct sim_write *w = &h->writes[i];
        uint64_t last = w->outcome == SIM_DONE ? w->end_ns : ORDER_MOMENTS;
        for (uint64_t t = w->start_ns; t <= last; t++) {
            at[i] = t;
            if (some_world_holds(h, i + 1, at, v, start, end))
                return true;
        }
        return false;
    }
    for (uint64_t t = start; t <= end; t++) {
        for (uint32_t k = 0; k < h->write_count; k++) {
            bool newest = at[k] <= t && letter(h->writes[k].value) == v;
            for (uint32_t o = 0; o < h->write_count; o++)
                newest = newest && !(at[o] > at[k] && at[o] < t);
            if (newest)
                return true;
        }
    }
    return false;
}

static bool some_world_is_empty(const struct history *h, uint64_t start) {
    for (uint32_t k = 0; k < h->write_count; k++) {
        if (h->writes[k].outcome == SIM_DONE && h->writes[k].end_ns < start)
            return false;
    }
    return true;
}

static void no_possible_answer_of_a_directory_is_refused(void **state) {
    (void)state;
    struct sim_rng r;
    uint32_t allowed = 0, refused = 0;
    sim_rng_seed(&r, 1, "orders");
    for (uint32_t i = 0; i < 5000; i++) {
        struct history h;
        uint64_t at[ORDER_WRITES];
        history_reset(&h, false);
        for (uint32_t k = 0; k < ORDER_WRITES; k++) {
            uint64_t from = sim_rng_below(&r, ORDER_MOMENTS);
            struct sim_write *w = add_write(&h, sim_rng_between(&r, 1, 2), "ABCD"[k], from);
            if (sim_rng_chance(&r, 800000))
                end_write(w, sim_rng_between(&r, from, ORDER_MOMENTS - 1));
        }
        uint64_t start = sim_rng_below(&r, ORDER_MOMENTS);
        uint64_t end = sim_rng_between(&r, start, ORDER_MOMENTS - 1);
        char v = "ABCD"[sim_rng_below(&r, ORDER_WRITES)];
        bool possible = some_world_holds(&h, 0, at, v, start, end);
        bool passes = sim_judge_hit(&h.key, value_of(v), 1, start, end) == NULL;
        if (possible)
            assert_true(passes);
        if (some_world_is_empty(&h, start) && start > 0)
            assert_true(sim_judge_miss(&h.key, false, start - 1, end) == NULL);
        allowed += passes;
        refused += !passes;
    }
    assert_true(allowed > 1000);
    assert_true(refused > 500);
}

/* ---- a store that keeps the contract by construction is never accused; one that does not, is */

enum defect { NONE, FILL_OVER_PUT, FAILED_PUT_CACHED, ACK_EARLY, DEFECTS };

/* One key, two stores with a cache each, over one bucket; every step is a moment. */
struct tiny {
    struct history h;
    enum defect defect;
    uint64_t now;
    char bucket; /* '-': nothing */
    char cache[3];
    char next;
    uint32_t accused;
};

static void tiny_put(struct tiny *t, struct sim_rng *r, uint64_t store) {
    if (t->next > 'Z' || t->h.write_count + 1 >= WRITES_MAX || t->h.effect_count + 2 >= EFFECTS_MAX)
        return;
    char v = t->next++;
    uint64_t start = t->now++;
    struct sim_write *w = add_write(&t->h, store, v, start);
    bool arrives = sim_rng_chance(r, 800000);
    bool acknowledged = arrives && sim_rng_chance(r, 800000);
    if (t->defect == ACK_EARLY && sim_rng_chance(r, 200000))
        acknowledged = true;
    if (arrives) {
        add_effect(&t->h, t->now++, true, false, v);
        t->bucket = v;
    }
    t->cache[store] = '-';
    if (acknowledged) {
        end_write(w, t->now++);
        t->cache[store] = v;
        t->accused += sim_judge_put(&t->h.key, w->value, w->start_ns, w->end_ns) != NULL;
    } else {
        w->outcome = SIM_UNKNOWN;
        if (t->defect == FAILED_PUT_CACHED)
            t->cache[store] = v;
    }
}

static void tiny_get(struct tiny *t, struct sim_rng *r, uint64_t store) {
    uint64_t start = t->now++;
    char v = t->cache[store];
    if (v == '-') {
        v = t->bucket;
        if (sim_rng_chance(r, 300000)) { /* somebody puts while the answer is on its way */
            uint64_t putter = sim_rng_between(r, 1, 2);
            tiny_put(t, r, putter);
            if (putter != store || t->defect == FILL_OVER_PUT)
                t->cache[store] = v;
        } else {
            t->cache[store] = v;
        }
    }
    uint64_t end = t->now++;
    const char *why = v == '-' ? sim_judge_miss(&t->h.key, false, start, end)
                               : sim_judge_hit(&t->h.key, value_of(v), store, start, end);
    t->accused += why != NULL;
}

static uint32_t accused_of(enum defect defect, uint64_t seed) {
    struct tiny t;
    struct sim_rng r;
    memset(&t, 0, sizeof t);
    history_reset(&t.h, true);
    t.defect = defect;
    t.bucket = t.cache[1] = t.cache[2] = '-';
    t.next = 'A';
    sim_rng_seed(&r, seed, "tiny");
    for (uint32_t i = 0; i < 30; i++) {
        uint64_t store = sim_rng_between(&r, 1, 2);
        uint64_t what = sim_rng_below(&r, 10);
        if (what < 3) {
            tiny_put(&t, &r, store);
        } else if (what < 8) {
            tiny_get(&t, &r, store);
        } else if (what < 9) {
            t.cache[store] = '-'; /* evicted */
        } else if (t.h.effect_count + 2 < EFFECTS_MAX) {
            add_effect(&t.h, t.now++, false, false, '-'); /* deleted by a third party */
            t.bucket = '-';
        }
    }
    return t.accused;
}

static void a_store_that_keeps_the_contract_is_never_accused(void **state) {
    (void)state;
    uint32_t seeds_found[DEFECTS] = {0};
    for (uint64_t seed = 0; seed < 2000; seed++) {
        assert_int_equal(accused_of(NONE, seed), 0);
        for (int d = NONE + 1; d < DEFECTS; d++)
            seeds_found[d] += accused_of((enum defect)d, seed) > 0;
    }
    for (int d = NONE + 1; d < DEFECTS; d++)
        assert_true(seeds_found[d] > 200);
}

static void bytes_of_another_model_are_no_hit(void **state) { /* SIM-7 */
    (void)state;
    struct history h;
    history_reset(&h, true);
    add_write(&h, 1, 'a', 10)->model = 1;
    add_write(&h, 2, 'b', 20)->model = 2;
    add_write(&h, 3, 'c', 30)->model = 0;
    assert_null(sim_judge_model(&h.key, value_of('a'), 1));
    assert_null(sim_judge_model(&h.key, value_of('a'), 0));
    assert_null(sim_judge_model(&h.key, value_of('c'), 1));
    assert_non_null(sim_judge_model(&h.key, value_of('b'), 1));
    assert_true(sim_key_foreign(&h.key, 1));
    assert_false(sim_key_foreign(&h.key, 0));
    add_write(&h, 1, 'b', 40)->model = 1; /* the same bytes, by somebody who may */
    assert_null(sim_judge_model(&h.key, value_of('b'), 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_another_model_are_no_hit),
        cmocka_unit_test(allowed_answers_pass),
        cmocka_unit_test(forbidden_answers_are_found_under_their_rule),
        cmocka_unit_test(lookups_are_judged_block_by_block),
        cmocka_unit_test(a_directory_counts_what_was_acknowledged),
        cmocka_unit_test(a_changed_lease_is_found),
        cmocka_unit_test(a_cache_over_its_budget_is_found),
        cmocka_unit_test(time_limits_follow_the_deadline_or_the_patience),
        cmocka_unit_test(time_limits_through_a_daemon_are_those_of_its_client),
        cmocka_unit_test(a_slow_second_opinion_agrees),
        cmocka_unit_test(no_possible_answer_of_a_directory_is_refused),
        cmocka_unit_test(a_store_that_keeps_the_contract_is_never_accused),
    };
    return cmocka_run_group_tests_name("sim_oracles", tests, NULL, NULL);
}
