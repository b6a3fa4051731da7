/* SPDX-License-Identifier: Apache-2.0 */
/* The prefix index with readers and writers at once. Made for ThreadSanitizer, true without it. */
#include "unit/cmocka_all.h"

#include <sched.h>

#include "base/text.h"
#include "radix/radix.h"
#include "unit/radix_env.h"

enum { THREADS = 4, ALL = 31, CHAIN = 64, CHURN = 600, LINKED = 12 };

/* cmocka's asserts may run on the test's own thread only: the others count what was wrong. */
struct job {
    struct wk_radix *radix;
    wk_space_id space;
    uint64_t random;
    _Atomic uint64_t *wrong;
    _Atomic uint32_t *writers; /* still at work */
    uint32_t rounds;
};

static void run_jobs(void *(*const mains[THREADS])(void *), struct wk_radix *radix,
                     wk_space_id space, uint32_t writers, uint32_t rounds) {
    _Atomic uint64_t wrong = 0;
    _Atomic uint32_t at_work = writers;
    pthread_t threads[THREADS];
    struct job jobs[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        jobs[i] = (struct job){radix, space, 77 + i, &wrong, &at_work, rounds};
        assert_int_equal(pthread_create(&threads[i], NULL, mains[i], &jobs[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&wrong), 0);
}

/* ---- whole nodes ---- */

/* Everything in a node follows from one number. */
static struct wk_node_info info_of(uint32_t value) {
    return (struct wk_node_info){.flags = ALL,
                                 .raw_bytes = value,
                                 .stored_bytes = value ^ 0xffffu,
                                 .crc32c = value * 2654435761u,
                                 .etag_hash = value * 0x9e3779b97f4a7c15ull,
                                 .identity = {value + 1ull, ~(uint64_t)value}};
}

static bool info_is_whole(const struct wk_node_info *info) {
    struct wk_node_info wanted = info_of((uint32_t)info->raw_bytes);
    return info->flags == ALL && info->stored_bytes == wanted.stored_bytes &&
           info->crc32c == wanted.crc32c && info->etag_hash == wanted.etag_hash &&
           info->identity.low == wanted.identity.low && info->identity.high == wanted.identity.high;
}

static void *rewrite(void *arg) {
    struct job *job = arg;
    for (uint32_t i = 0; i < job->rounds; i++) {
        uint64_t random = radix_env_random(&job->random);
        struct wk_block_hash hash = radix_env_hash(random % 8);
        struct wk_node_info info = info_of((uint32_t)(random >> 32));
        if (random >> 16 & 7)
            *job->wrong += wk_radix_insert(job->radix, job->space, &hash, &info) != WK_OK;
        else
            wk_radix_clear_flags(job->radix, job->space, &hash, ALL);
    }
    --*job->writers;
    return NULL;
}

static bool check_whole(void *ctx, const struct wk_block_hash *hash,
                        const struct wk_node_info *info) {
    (void)hash;
    struct job *job = ctx;
    *job->wrong += !info_is_whole(info);
    return true;
}

static void *read_whole(void *arg) {
    struct job *job = arg;
    while (atomic_load(job->writers) != 0) {
        struct wk_block_hash hash = radix_env_hash(radix_env_random(&job->random) % 8);
        struct wk_node_info info;
        if (wk_radix_find(job->radix, job->space, &hash, &info) == WK_OK)
            *job->wrong += !info_is_whole(&info);
        wk_radix_touch(job->radix, job->space, &hash, 1, (uint32_t)job->random);
        wk_radix_each(job->radix, job->space, check_whole, job);
    }
    return NULL;
}

/* RADIX-15 */
static void readers_see_no_half_written_node(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(1000);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    run_jobs((void *(*const[])(void *)){rewrite, rewrite, read_whole, read_whole}, radix, space, 2,
             50000);
    radix_env_destroy(radix);
}

/* ---- what is there is found ---- */

static void *churn(void *arg) {
    struct job *job = arg;
    struct wk_node_info info = {.flags = WK_NODE_PRESENT};
    for (uint32_t i = 0; i < job->rounds; i++) {
        uint64_t random = radix_env_random(&job->random);
        /* Ever new hashes: tables grow, slots shift back, nodes are used again. */
        struct wk_block_hash hash = radix_env_hash(1000 + random % (CHURN + i));
        if (random >> 32 & 1) {
            *job->wrong += wk_radix_insert(job->radix, job->space, &hash, &info) != WK_OK;
        } else {
            enum wk_status status = wk_radix_remove_tip(job->radix, job->space, &hash);
            *job->wrong += status != WK_OK && status != WK_MISS;
        }
    }
    --*job->writers;
    return NULL;
}

static void *read_chain(void *arg) {
    struct job *job = arg;
    struct wk_block_hash chain[CHAIN + 1];
    for (uint64_t i = 0; i <= CHAIN; i++)
        chain[i] = radix_env_hash(i);
    while (atomic_load(job->writers) != 0) {
        struct wk_node_links links = {.has_parent = false};
        *job->wrong +=
            wk_radix_longest_prefix(job->radix, job->space, chain, CHAIN + 1, NULL) != CHAIN;
        enum wk_status status = wk_radix_links(job->radix, job->space, &chain[CHAIN - 1], &links);
        *job->wrong += status != WK_OK || !wk_block_hash_equal(&links.parent, &chain[CHAIN - 2]);
    }
    return NULL;
}

/* RADIX-15 */
static void a_present_chain_is_found_while_tables_grow_and_shift(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(100000);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    struct wk_node_info info = {.flags = WK_NODE_PRESENT};
    struct wk_block_hash chain[CHAIN];
    for (uint64_t i = 0; i < CHAIN; i++) {
        chain[i] = radix_env_hash(i);
        assert_int_equal(wk_radix_insert(radix, space, &chain[i], &info), WK_OK);
    }
    wk_radix_link_chain(radix, space, chain, CHAIN);
    run_jobs((void *(*const[])(void *)){churn, churn, read_chain, read_chain}, radix, space, 2,
             80000);
    radix_env_destroy(radix);
}

/* ---- links ---- */

static void *tangle(void *arg) {
    struct job *job = arg;
    for (uint32_t i = 0; i < job->rounds; i++) {
        struct wk_block_hash hashes[5];
        struct wk_node_info info = {.flags = WK_NODE_PRESENT};
        for (size_t n = 0; n < 5; n++)
            hashes[n] = radix_env_hash(radix_env_random(&job->random) % LINKED);
        *job->wrong += wk_radix_insert(job->radix, job->space, &hashes[0], &info) != WK_OK;
        wk_radix_link_chain(job->radix, job->space, hashes, 5);
        switch (radix_env_random(&job->random) % 3) {
        case 0:
            wk_radix_forget(job->radix, job->space, &hashes[1]);
            break;
        case 1:
            *job->wrong += wk_radix_remove_tip(job->radix, job->space, &hashes[2]) == WK_NO_MEMORY;
            break;
        default:
            break;
        }
    }
    --*job->writers;
    return NULL;
}

static int number_of(const struct wk_block_hash *hash) {
    for (int i = 0; i < LINKED; i++) {
        struct wk_block_hash known = radix_env_hash((uint64_t)i);
        if (wk_block_hash_equal(&known, hash))
            return i;
    }
    return -1;
}

/* Parents are there, counts are right, and every way up ends. */
static void check_forest(struct wk_radix *radix, wk_space_id space) {
    int parent[LINKED];
    uint16_t named[LINKED] = {0}, counted[LINKED] = {0};
    bool there[LINKED];
    for (int i = 0; i < LINKED; i++) {
        struct wk_block_hash hash = radix_env_hash((uint64_t)i);
        struct wk_node_links links;
        there[i] = wk_radix_links(radix, space, &hash, &links) == WK_OK;
        parent[i] = there[i] && links.has_parent ? number_of(&links.parent) : -1;
        counted[i] = there[i] ? links.children : 0;
        if (there[i] && links.has_parent)
            assert_int_not_equal(parent[i], -1);
        if (parent[i] >= 0)
            named[parent[i]]++;
    }
    for (int i = 0; i < LINKED; i++) {
        assert_int_equal(named[i], counted[i]);
        int steps = 0;
        for (int up = i; up >= 0; up = parent[up]) {
            assert_true(there[up] || up == i);
            assert_true(steps++ < LINKED);
        }
    }
}

/* RADIX-9, RADIX-10, RADIX-11 */
static void threads_that_tangle_links_leave_a_forest(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(1000);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    for (int turn = 0; turn < 10; turn++) {
        run_jobs((void *(*const[])(void *)){tangle, tangle, tangle, tangle}, radix, space, THREADS,
                 3000);
        check_forest(radix, space);
    }
    /* Nothing is held for ever: taken out tips first, all of it goes. */
    for (int turn = 0; turn < LINKED; turn++)
        for (uint64_t i = 0; i < LINKED; i++) {
            struct wk_block_hash hash = radix_env_hash(i);
            assert_int_not_equal(wk_radix_remove_tip(radix, space, &hash), WK_NO_MEMORY);
        }
    struct wk_radix_stats stats;
    wk_radix_stats(radix, &stats);
    assert_int_equal(stats.nodes, 0);
    assert_int_equal(stats.present, 0);
    radix_env_destroy(radix);
}

/* Each pair is linked one way by some threads and the other way by others, at the same moment. */
static void *duel(void *arg) {
    struct job *job = arg;
    for (uint32_t i = 0; i < job->rounds; i++) {
        struct wk_block_hash pair[2];
        bool swap = job->random % 2;
        pair[swap] = radix_env_hash(2ull * i);
        pair[!swap] = radix_env_hash(2ull * i + 1);
        /* All threads meet before every round; `writers` counts the arrivals. */
        atomic_fetch_add(job->writers, 1);
        while (atomic_load(job->writers) < (i + 1) * THREADS)
            sched_yield();
        wk_radix_link_chain(job->radix, job->space, pair, 2);
    }
    return NULL;
}

/* RADIX-9 */
static void of_two_opposite_links_at_once_one_is_refused(void **state) {
    (void)state;
    enum { ROUNDS = 3000 };
    struct wk_radix *radix = radix_env_create(2 * ROUNDS);
    wk_space_id space = radix_env_space(radix, "ns", 0, 0);
    struct wk_node_info info = {.flags = WK_NODE_PRESENT};
    for (uint64_t i = 0; i < 2 * ROUNDS; i++) {
        struct wk_block_hash hash = radix_env_hash(i);
        assert_int_equal(wk_radix_insert(radix, space, &hash, &info), WK_OK);
    }
    run_jobs((void *(*const[])(void *)){duel, duel, duel, duel}, radix, space, 0, ROUNDS);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct wk_node_links links[2];
        for (uint64_t n = 0; n < 2; n++) {
            struct wk_block_hash hash = radix_env_hash(2 * i + n);
            assert_int_equal(wk_radix_links(radix, space, &hash, &links[n]), WK_OK);
        }
        assert_int_equal(links[0].has_parent + links[1].has_parent, 1);
        assert_int_equal(links[0].children, links[1].has_parent);
        assert_int_equal(links[1].children, links[0].has_parent);
    }
    radix_env_destroy(radix);
}

/* ---- spaces ---- */

static void *intern(void *arg) {
    struct job *job = arg;
    struct wk_reuse reuse = {.model_digest = {.bytes = {1}}};
    for (uint32_t i = 0; i < job->rounds; i++) {
        char name[32];
        wk_space_id first = 0, second = 1;
        wk_format(name, sizeof name, "ns-%u", i);
        enum wk_status a = wk_radix_space(job->radix, wk_span_text(name), &reuse, &first, NULL);
        enum wk_status b = wk_radix_space(job->radix, wk_span_text(name), &reuse, &second, NULL);
        *job->wrong += a != WK_OK || b != WK_OK || first != second;
        *job->wrong += !wk_span_equal(wk_radix_space_name(job->radix, first), wk_span_text(name));
    }
    return NULL;
}

/* RADIX-2 */
static void threads_that_intern_one_name_get_one_space(void **state) {
    (void)state;
    struct wk_radix *radix = radix_env_create(1000);
    run_jobs((void *(*const[])(void *)){intern, intern, intern, intern}, radix, 0, 0, 500);
    struct wk_radix_stats stats;
    wk_radix_stats(radix, &stats);
    assert_int_equal(stats.spaces, 2 * 500);
    radix_env_destroy(radix);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_no_half_written_node),
        cmocka_unit_test(a_present_chain_is_found_while_tables_grow_and_shift),
        cmocka_unit_test(threads_that_tangle_links_leave_a_forest),
        cmocka_unit_test(of_two_opposite_links_at_once_one_is_refused),
        cmocka_unit_test(threads_that_intern_one_name_get_one_space),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
