/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include "store/cache.h"
#include "store/flight.h"
#include "store/turns.h"
#include "unit/world.h"

static struct world world;
static struct wk_cache cache;

static void open_cache(uint64_t ram_bytes) {
    world_init(&world);
    assert_int_equal(wk_cache_init(&cache, &world.env, ram_bytes, 1, NULL), WK_OK);
}

static void close_cache(void) {
    wk_cache_destroy(&cache);
    assert_int_equal(world_live(&world), 0);
}

static struct wk_store_key block(uint32_t n) {
    return (struct wk_store_key){.kind = WK_ENTRY_BLOCK, .id = hash_of(n)};
}

/* Publishes `size` bytes of `n` under its key; the pin of the maker is returned, too. */
static struct wk_entry *put(uint32_t n, size_t size, uint32_t version) {
    struct wk_store_key key = block(n);
    uint64_t hash = wk_cache_hash(&cache, &key);
    struct wk_entry *e = wk_cache_room(&cache, size);
    assert_non_null(e);
    fill_bytes(e->bytes, size, n, version);
    wk_cache_lock(&cache, hash);
    struct wk_entry *old = wk_cache_publish_locked(&cache, &key, hash, e);
    wk_cache_unlock(&cache, hash);
    wk_cache_dispose(&cache, old);
    return e;
}

static struct wk_entry *pin(uint32_t n) {
    struct wk_store_key key = block(n);
    return wk_cache_pin(&cache, &key, wk_cache_hash(&cache, &key), 0);
}

static void check_bytes(const struct wk_entry *e, uint32_t n, uint32_t version) {
    uint8_t expected[70000];
    assert_true(e->length <= sizeof expected);
    fill_bytes(expected, e->length, n, version);
    assert_memory_equal(e->bytes, expected, e->length);
}

static void a_published_value_is_found_until_it_is_dropped(void **state) {
    (void)state;
    open_cache(1u << 20);
    wk_entry_unpin(&cache, put(1, 5000, 0));
    struct wk_entry *e = pin(1);
    assert_non_null(e);
    check_bytes(e, 1, 0);
    assert_null(pin(2));
    struct wk_store_key key = block(1);
    uint64_t hash = wk_cache_hash(&cache, &key);
    wk_cache_lock(&cache, hash);
    struct wk_entry *old = wk_cache_drop_locked(&cache, &key, hash);
    wk_cache_unlock(&cache, hash);
    assert_null(old); /* leased: it goes with the last unpin */
    assert_null(pin(1));
    check_bytes(e, 1, 0);
    wk_entry_unpin(&cache, e);
    struct wk_arena_stats stats;
    wk_arena_stats(&cache.arena, &stats);
    assert_int_equal(stats.entries, 0);
    close_cache();
}

static void a_replaced_value_lives_as_long_as_its_leases(void **state) { /* STORE-7 */
    (void)state;
    open_cache(1u << 20);
    wk_entry_unpin(&cache, put(1, 5000, 0));
    struct wk_entry *first = pin(1);
    struct wk_entry *again = pin(1);
    wk_entry_unpin(&cache, put(1, 6000, 1));
    struct wk_entry *second = pin(1);
    assert_ptr_not_equal(first, second);
    check_bytes(second, 1, 1);
    check_bytes(first, 1, 0);
    wk_entry_unpin(&cache, again);
    check_bytes(first, 1, 0);
    struct wk_arena_stats stats;
    wk_arena_stats(&cache.arena, &stats);
    assert_int_equal(stats.entries, 2);
    wk_entry_unpin(&cache, first);
    wk_arena_stats(&cache.arena, &stats);
    assert_int_equal(stats.entries, 1);
    wk_entry_unpin(&cache, second);
    close_cache();
}

static void eviction_passes_leased_values_by(void **state) { /* STORE-4 */
    (void)state;
    open_cache(1u << 20);
    struct wk_entry *leases[4];
    for (uint32_t n = 0; n < 4; n++) {
        wk_entry_unpin(&cache, put(n, 50000, 0));
        leases[n] = pin(n);
    }
    for (uint32_t n = 100; n < 300; n++)
        wk_entry_unpin(&cache, put(n, 50000, 0));
    for (uint32_t n = 0; n < 4; n++) {
        check_bytes(leases[n], n, 0);
        wk_entry_unpin(&cache, leases[n]);
    }
    assert_non_null(leases[0] = pin(299));
    wk_entry_unpin(&cache, leases[0]);
    assert_null(pin(100));
    close_cache();
}

static void a_scan_does_not_push_out_what_is_used_again(void **state) { /* STORE-5 */
    (void)state;
    open_cache(4u << 20);
    for (uint32_t n = 0; n < 20; n++) {
        wk_entry_unpin(&cache, put(n, 30000, 0));
        for (int use = 0; use < 3; use++)
            wk_entry_unpin(&cache, pin(n));
    }
    for (uint32_t n = 1000; n < 1150; n++) /* a little more than the budget, each used once */
        wk_entry_unpin(&cache, put(n, 30000, 0));
    for (uint32_t n = 0; n < 20; n++) {
        struct wk_entry *e = pin(n);
        assert_non_null(e);
        wk_entry_unpin(&cache, e);
    }
    close_cache();
}

static void what_is_no_longer_used_leaves_in_the_end(void **state) { /* STORE-5 */
    (void)state;
    open_cache(4u << 20);
    for (uint32_t n = 0; n < 20; n++) {
        wk_entry_unpin(&cache, put(n, 30000, 0));
        for (int use = 0; use < 9; use++)
            wk_entry_unpin(&cache, pin(n));
    }
    for (uint32_t n = 1000; n < 1600; n++)
        wk_entry_unpin(&cache, put(n, 30000, 0));
    size_t left = 0;
    for (uint32_t n = 0; n < 20; n++) {
        struct wk_entry *e = pin(n);
        left += e != NULL;
        if (e != NULL)
            wk_entry_unpin(&cache, e);
    }
    assert_true(left <= 2);
    close_cache();
}

static void without_a_budget_everything_overflows(void **state) { /* STORE-2 */
    (void)state;
    open_cache(0);
    struct wk_entry *e = put(1, 5000, 0);
    check_bytes(e, 1, 0);
    assert_null(pin(1));
    wk_entry_unpin(&cache, e);
    close_cache();
}

static void an_outdated_value_does_not_count_as_a_hit(void **state) {
    (void)state;
    open_cache(1u << 20);
    struct wk_entry *e = put(1, 5000, 0);
    e->fetched_ns = 100;
    struct wk_store_key key = block(1);
    uint64_t hash = wk_cache_hash(&cache, &key);
    assert_null(wk_cache_pin(&cache, &key, hash, 101));
    assert_ptr_equal(wk_cache_pin(&cache, &key, hash, 100), e);
    wk_entry_unpin(&cache, e);
    wk_entry_unpin(&cache, e);
    close_cache();
}

/* ---- many threads ---- */

#define THREADS 4

static wk_atomic_u32 stop;

static void churn(void *arg) {
    uint32_t id = (uint32_t)(uintptr_t)arg;
    uint64_t x = 88172645463325252ull + id;
    for (int i = 0; i < 3000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        uint32_t n = (uint32_t)(x >> 40) % 40;
        size_t size = 2000 + n * 500;
        if (x % 3 == 0) {
            wk_entry_unpin(&cache, put(n, size, 7));
            continue;
        }
        struct wk_entry *e = pin(n);
        if (e == NULL)
            continue;
        check_bytes(e, n, 7);
        wk_entry_unpin(&cache, e);
    }
}

static void scrub_walk(void *arg) {
    (void)arg;
    struct wk_arena_cursor at = {0, 0};
    while (wk_atomic_load_u32(&stop, WK_ACQUIRE, "test") == 0) {
        struct wk_entry *e = wk_cache_pin_next(&cache, &at);
        if (e == NULL)
            at = (struct wk_arena_cursor){0, 0};
        else
            wk_entry_unpin(&cache, e);
    }
}

static void leases_hold_while_others_replace_and_evict(void **state) { /* STORE-4 STORE-7 */
    (void)state;
    struct wk_thread *threads[THREADS];
    struct wk_thread *scrubber;
    open_cache(300000); /* about half of what is put */
    wk_atomic_store_u32(&stop, 0, WK_RELEASE, "test");
    assert_int_equal(
        world.env.threads->start(&world.env, "scrub", scrub_walk, NULL, &scrubber, NULL), WK_OK);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(
            world.env.threads->start(&world.env, "churn", churn, (void *)i, &threads[i], NULL),
            WK_OK);
    for (uintptr_t i = 0; i < THREADS; i++)
        world.env.threads->join(&world.env, threads[i]);
    wk_atomic_store_u32(&stop, 1, WK_RELEASE, "test");
    world.env.threads->join(&world.env, scrubber);
    close_cache();
}

/* ---- flights ---- */

static void a_value_that_came_before_the_claim_is_a_hit(void **state) { /* CONS-10 */
    (void)state;
    static struct wk_flights flights;
    static struct wk_epochs epochs;
    const struct wk_claim_rule rule = {.may_join = true};
    struct wk_flight *flight = NULL;
    struct wk_flight *joined = NULL;
    struct wk_entry *entry = NULL;
    struct wk_store_key key = block(1);
    open_cache(1u << 20);
    uint64_t hash = wk_cache_hash(&cache, &key);
    assert_int_equal(wk_flights_init(&flights, &world.env, &cache, &epochs), WK_OK);
    assert_int_equal(wk_flight_claim(&flights, &key, hash, &rule, &flight, &entry), WK_CLAIM_LED);
    assert_int_equal(wk_flight_claim(&flights, &key, hash, &rule, &joined, &entry),
                     WK_CLAIM_JOINED);
    assert_ptr_equal(flight, joined);
    struct wk_entry *value = put(1, 5000, 0); /* the leader publishes, then finishes */
    wk_flight_finish(&flights, flight, WK_OK, true, value, NULL);
    wk_entry_unpin(&cache, value);
    assert_int_equal(wk_flight_claim(&flights, &key, hash, &rule, &flight, &entry), WK_CLAIM_HIT);
    assert_ptr_equal(entry, value);
    wk_entry_unpin(&cache, entry);
    enum wk_status status = WK_INTERNAL;
    char text[WK_FLIGHT_TEXT_BYTES];
    assert_true(wk_flight_wait(&flights, joined, WK_FOREVER, &status, &entry, text));
    assert_int_equal(status, WK_OK);
    check_bytes(entry, 1, 0);
    wk_entry_unpin(&cache, entry);
    wk_flights_destroy(&flights);
    close_cache();
}

/* ---- turns ---- */

struct mutation {
    struct wk_turns *turns;
    uint32_t keys[3];
    wk_atomic_u32 *owner; /* per key; who has the turn */
    uint32_t id;
};

static void mutate(void *arg) {
    struct mutation *m = arg;
    struct wk_store_key keys[3];
    for (int round = 0; round < 300; round++) {
        struct wk_turns_node nodes[3];
        memset(nodes, 0, sizeof nodes);
        for (size_t i = 0; i < 3; i++) {
            keys[i] = block(m->keys[i]);
            nodes[i].key = &keys[i];
            nodes[i].hash = m->keys[i];
        }
        struct wk_turns_batch batch = {.nodes = nodes, .count = 3};
        assert_int_equal(wk_turns_enter(m->turns, &batch, WK_FOREVER), WK_OK);
        for (size_t i = 0; i < 3; i++)
            if (!nodes[i].repeated)
                assert_int_equal(
                    wk_atomic_exchange_u32(&m->owner[m->keys[i]], m->id, WK_RELAXED, "test"), 0);
        for (size_t i = 0; i < 3; i++)
            wk_atomic_store_u32(&m->owner[m->keys[i]], 0, WK_RELAXED, "test");
        wk_turns_leave(m->turns, &batch);
    }
}

static void mutations_of_one_key_run_one_at_a_time(void **state) { /* CONS-9 */
    (void)state;
    static struct wk_turns turns;
    static wk_atomic_u32 owner[8];
    struct mutation m[THREADS] = {
        {&turns, {0, 1, 2}, owner, 1},
        {&turns, {2, 1, 0}, owner, 2},
        {&turns, {1, 5, 1}, owner, 3},
        {&turns, {5, 0, 3}, owner, 4},
    };
    struct wk_thread *threads[THREADS];
    world_init(&world);
    assert_int_equal(wk_turns_init(&turns, &world.env), WK_OK);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(
            world.env.threads->start(&world.env, "mutate", mutate, &m[i], &threads[i], NULL),
            WK_OK);
    for (size_t i = 0; i < THREADS; i++)
        world.env.threads->join(&world.env, threads[i]);
    wk_turns_destroy(&turns);
}

static void a_turn_that_does_not_come_ends_at_the_deadline(void **state) { /* CONS-8 */
    (void)state;
    static struct wk_turns turns;
    world_init(&world);
    assert_int_equal(wk_turns_init(&turns, &world.env), WK_OK);
    struct wk_store_key a = block(1);
    struct wk_store_key b = block(2);
    struct wk_turns_node first[1] = {{.key = &a, .hash = 1}};
    struct wk_turns_node second[2] = {{.key = &a, .hash = 1}, {.key = &b, .hash = 2}};
    struct wk_turns_node third[1] = {{.key = &b, .hash = 2}};
    struct wk_turns_batch one = {.nodes = first, .count = 1};
    struct wk_turns_batch two = {.nodes = second, .count = 2};
    struct wk_turns_batch three = {.nodes = third, .count = 1};
    assert_int_equal(wk_turns_enter(&turns, &one, WK_FOREVER), WK_OK);
    assert_int_equal(wk_turns_enter(&turns, &two, 1), WK_TIMEOUT);
    assert_int_equal(wk_turns_enter(&turns, &three, 1), WK_OK);
    wk_turns_leave(&turns, &three);
    wk_turns_leave(&turns, &one);
    assert_int_equal(wk_turns_enter(&turns, &two, 1), WK_OK);
    wk_turns_leave(&turns, &two);
    wk_turns_destroy(&turns);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_published_value_is_found_until_it_is_dropped),
        cmocka_unit_test(a_replaced_value_lives_as_long_as_its_leases),
        cmocka_unit_test(eviction_passes_leased_values_by),
        cmocka_unit_test(a_scan_does_not_push_out_what_is_used_again),
        cmocka_unit_test(what_is_no_longer_used_leaves_in_the_end),
        cmocka_unit_test(without_a_budget_everything_overflows),
        cmocka_unit_test(an_outdated_value_does_not_count_as_a_hit),
        cmocka_unit_test(leases_hold_while_others_replace_and_evict),
        cmocka_unit_test(a_value_that_came_before_the_claim_is_a_hit),
        cmocka_unit_test(mutations_of_one_key_run_one_at_a_time),
        cmocka_unit_test(a_turn_that_does_not_come_ends_at_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
