// SPDX-License-Identifier: Apache-2.0
// Every namespace uses the same few hashes; a node bears the number of its namespace. The upper
// half of the names belongs to one actor each, who knows which nodes they have.
#include "spaces_rig.h"

#include <stdio.h>
#include <string.h>

#include "pool.h"
#include "radix/radix.h"
#include "report.h"
#include "rng.h"
#include "sched.h"

#define ACTORS    3u
#define ACTOR_OPS 130u
#define NAMES     400u
#define HASHES    2u

struct rig {
    struct sim_process *process;
    struct wk_radix *radix;
    uint32_t running;
    bool ended;
    uint64_t seed;
    bool has[NAMES][HASHES]; // of the upper half
};

struct actor {
    struct rig *rig;
    struct sim_rng rng;
    uint32_t index;
};

static struct wk_block_hash hash_of(uint64_t number) {
    struct wk_block_hash hash;
    memset(&hash, (int)number + 1, sizeof hash);
    return hash;
}

static void look(const struct rig *r, wk_space_id space, uint32_t name, uint32_t number) {
    struct wk_node_info info;
    struct wk_block_hash hash = hash_of(number);
    bool found = wk_radix_find(r->radix, space, &hash, &info) == WK_OK && info.flags != 0;
    if (name >= NAMES / 2 && found != r->has[name][number])
        sim_violate("index", "node %u of namespace %u was %s", number, name,
                    found ? "forgotten, and is there" : "made, and is not there");
    if (!found)
        return;
    if (info.stored_bytes != name)
        sim_violate("index", "namespace %u sees a node of namespace %u", name,
                    (uint32_t)info.stored_bytes);
}

static void check_name(const struct rig *r, wk_space_id space, const char *name) {
    struct wk_span kept = wk_radix_space_name(r->radix, space);
    if (kept.size != strlen(name) || memcmp(kept.data, name, kept.size) != 0)
        sim_violate("index", "a namespace that is held has another name than %s", name);
}

static uint32_t pick_name(struct actor *a) {
    if (sim_rng_chance(&a->rng, 300000))
        return (uint32_t)sim_rng_below(&a->rng, 8);
    if (sim_rng_chance(&a->rng, 500000))
        return (uint32_t)sim_rng_below(&a->rng, NAMES / 2);
    uint32_t row = (uint32_t)sim_rng_below(&a->rng, NAMES / 2 / ACTORS);
    return NAMES / 2 + row * ACTORS + a->index;
}

static void use_namespace(struct actor *a) {
    struct rig *r = a->rig;
    struct wk_reuse reuse;
    memset(&reuse, 0, sizeof reuse);
    reuse.layout_tag.bytes[0] = sim_rng_chance(&a->rng, 300000) ? 'x' : 0;
    uint32_t name = pick_name(a);
    char text[16];
    snprintf(text, sizeof text, "name-%u", name);
    wk_space_id space;
    if (wk_radix_space(r->radix, wk_span_text(text), &reuse, &space, NULL) != WK_OK)
        return;
    uint32_t number = (uint32_t)sim_rng_below(&a->rng, HASHES);
    struct wk_block_hash hash = hash_of(number);
    look(r, space, name, number);
    if (sim_rng_chance(&a->rng, 300000)) {
        struct wk_node_info info = {.flags = WK_NODE_PRESENT, .stored_bytes = name};
        if (wk_radix_insert(r->radix, space, &hash, &info) == WK_OK)
            r->has[name][number] = true;
    }
    for (uint64_t i = sim_rng_below(&a->rng, 4); i > 0; i--)
        sim_point(SIM_POINT_YIELD, 1000);
    look(r, space, name, number);
    check_name(r, space, text);
    if (sim_rng_chance(&a->rng, 400000)) {
        wk_radix_forget(r->radix, space, &hash);
        r->has[name][number] = false;
    }
    wk_radix_space_release(r->radix, space);
}

static void actor_main(void *arg) {
    struct actor *a = arg;
    for (uint32_t i = 0; i < ACTOR_OPS; i++)
        use_namespace(a);
    a->rig->running--;
    sim_wake("spaces", a->rig, UINT32_MAX);
}

static void work(struct rig *r) {
    for (uint32_t i = 0; i < ACTORS; i++) {
        struct actor *a = sim_new(sizeof *a);
        char stream[16];
        a->rig = r;
        a->index = i;
        snprintf(stream, sizeof stream, "spaces.%u", i);
        sim_rng_seed(&a->rng, r->seed, stream);
        r->running++;
        if (sim_spawn(r->process, "names", actor_main, a) == NULL)
            sim_harness_fail("too many fibers");
    }
    while (r->running > 0)
        (void)sim_block("spaces", r, SIM_NEVER);
}

static void rig_main(void *arg) {
    struct rig *r = arg;
    struct wk_radix_config config = {.hash_seed = r->seed, .nodes_max = 10000};
    if (wk_radix_create(&r->process->env, &config, &r->radix, NULL) == WK_OK) {
        work(r);
        wk_radix_destroy(r->radix);
    }
    r->ended = true;
    sim_wake("spaces-rig", r, UINT32_MAX);
    sim_process_exit(r->process);
}

void sim_spaces_rig(struct sim_process *process, uint64_t seed) {
    struct rig *r = sim_new(sizeof *r);
    r->process = process;
    r->seed = seed;
    if (sim_spawn(process, "spaces", rig_main, r) == NULL)
        sim_harness_fail("too many fibers");
    while (!r->ended)
        (void)sim_block("spaces-rig", r, SIM_NEVER);
}
