/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include "store/arena.h"
#include "unit/world.h"

#define LIVE_MAX 512

static struct world world;

/* What the cache does with an unpinned value: nobody knows it any more. */
static uint64_t evicted;
static struct wk_entry *live[LIVE_MAX];
static size_t live_count;

static void forget(struct wk_entry *e) {
    for (size_t i = 0; i < live_count; i++) {
        if (live[i] != e)
            continue;
        live[i] = live[--live_count];
        return;
    }
}

static bool evict(void *ctx, struct wk_entry *e) {
    (void)ctx;
    assert_int_equal(wk_atomic_load_u32(&e->pins, WK_RELAXED, "test"), 0);
    wk_atomic_store_u32(&e->pins, WK_PINS_PRIVATE, WK_RELAXED, "test");
    forget(e);
    evicted++;
    return true;
}

static void open_arena(struct wk_arena *a, uint64_t ram_bytes) {
    evicted = 0;
    live_count = 0;
    world_init(&world);
    assert_int_equal(wk_arena_init(a, &world.env, ram_bytes, evict, NULL, NULL), WK_OK);
}

static void close_arena(struct wk_arena *a) {
    wk_arena_destroy(a);
    assert_int_equal(world_live(&world), 0);
}

static void publish(struct wk_entry *e, uint64_t rank) {
    wk_atomic_store_u64(&e->rank, rank, WK_RELAXED, "test");
    wk_atomic_store_u32(&e->pins, 0, WK_RELAXED, "test");
}

static uint32_t random_next(uint64_t *x) {
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return (uint32_t)(*x >> 20);
}

static void check_disjoint(const struct wk_entry *e) {
    for (size_t i = 0; i < live_count; i++) {
        const struct wk_entry *o = live[i];
        assert_true(o == e || o->bytes + o->capacity <= e->bytes ||
                    e->bytes + e->capacity <= o->bytes);
    }
}

static void slots_never_overlap_and_the_budget_holds(void **state) { /* STORE-1 STORE-2 */
    (void)state;
    const uint64_t budgets[] = {0, 5000, 70000, 1u << 20, 9000000, 64u << 20};
    for (size_t b = 0; b < sizeof budgets / sizeof *budgets; b++) {
        struct wk_arena a;
        uint64_t x = 88172645463325252ull + b;
        open_arena(&a, budgets[b]);
        for (int step = 0; step < 6000; step++) {
            uint64_t size = random_next(&x) % (1u << (random_next(&x) % 23 + 1));
            bool full = live_count == LIVE_MAX;
            if (full || (live_count > 0 && random_next(&x) % 8 == 0)) {
                struct wk_entry *e = live[random_next(&x) % live_count];
                forget(e);
                wk_arena_free(&a, e);
                continue;
            }
            struct wk_entry *e = wk_arena_reserve(&a, size);
            if (e == NULL)
                continue;
            assert_true(e->capacity >= size && e->length == size);
            assert_true(e->bytes >= a.region &&
                        e->bytes + e->capacity <= a.region + a.region_bytes);
            check_disjoint(e);
            memset(e->bytes, (int)step, size);
            live[live_count++] = e;
            if (random_next(&x) % 4 != 0)
                publish(e, (uint64_t)step);
            assert_true(wk_atomic_load_u64(&world.live[WK_MEM_ARENA], WK_RELAXED, "test") <=
                        budgets[b] + WK_ARENA_FIXED_BYTES);
        }
        while (live_count > 0)
            wk_arena_free(&a, live[--live_count]);
        struct wk_arena_stats stats;
        wk_arena_stats(&a, &stats);
        assert_int_equal(stats.used_bytes, 0);
        assert_int_equal(stats.table_bytes, a.units * sizeof *a.unit_chunk);
        close_arena(&a);
    }
}

static void small_values_that_fill_the_tables_make_way_for_others(void **state) { /* STORE-2 */
    (void)state;
    struct wk_arena a;
    struct wk_arena_stats stats;
    open_arena(&a, 512u << 10);
    struct wk_entry *e = wk_arena_reserve(&a, 100);
    for (uint64_t rank = 0; e != NULL && evicted == 0; rank++) {
        publish(e, rank);
        e = wk_arena_reserve(&a, 100);
    }
    assert_non_null(e);
    wk_arena_stats(&a, &stats);
    uint64_t entries = stats.entries;
    assert_true(stats.used_bytes < a.region_bytes * 3 / 4); /* so it is the tables that are full */
    assert_non_null(wk_arena_reserve(&a, 3000));            /* of a size that has no chunk yet */
    wk_arena_stats(&a, &stats);
    assert_true(stats.entries < entries);
    assert_true(stats.table_bytes <= a.table_bytes_max);
    close_arena(&a);
}

static void a_slot_is_at_most_a_sixteenth_larger_than_its_value(void **state) { /* STORE-3 */
    (void)state;
    struct wk_arena a;
    uint64_t x = 4101842887655102017ull;
    open_arena(&a, 512u << 20);
    for (int i = 0; i < 3000; i++) {
        uint64_t size = 1024 + random_next(&x) % (1u << (10 + random_next(&x) % 16));
        struct wk_entry *e = wk_arena_reserve(&a, size);
        assert_non_null(e);
        assert_true((e->capacity - size) * 16 <= size + 16 * 64);
        assert_true((e->capacity - size) * 16 <= e->capacity);
        wk_arena_free(&a, e);
    }
    close_arena(&a);
}

static void one_size_fills_the_region_but_for_little(void **state) { /* STORE-3 */
    (void)state;
    const uint64_t sizes[] = {4096, 100000, 524288, 1782579, 8388608, 26214400};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct wk_arena a;
        struct wk_entry *all[70000];
        size_t n = 0;
        open_arena(&a, 256u << 20);
        while ((all[n] = wk_arena_reserve(&a, sizes[s])) != NULL)
            n++;
        /* slack and what is left over in chunks are a sixteenth each at most, tables another; and
         * one value may not fit at the end */
        assert_true((n + 1) * sizes[s] >= (256u << 20) / 16 * 13);
        while (n > 0)
            wk_arena_free(&a, all[--n]);
        close_arena(&a);
    }
}

static void pinned_values_are_never_evicted(void **state) { /* STORE-4 */
    (void)state;
    struct wk_arena a;
    open_arena(&a, 1u << 20);
    struct wk_entry *e;
    size_t pinned = 0;
    while ((e = wk_arena_reserve(&a, 60000)) != NULL) {
        memset(e->bytes, 0x5a, 60000);
        live[live_count++] = e;
        pinned++;
    }
    assert_true(pinned > 10);
    assert_null(wk_arena_reserve(&a, 1000000));
    assert_int_equal(evicted, 0);
    /* One of them may go: exactly that slot is reused. */
    publish(live[3], 7);
    struct wk_entry *victim = live[3];
    e = wk_arena_reserve(&a, 60000);
    assert_ptr_equal(e, victim);
    assert_int_equal(evicted, 1);
    wk_arena_free(&a, e);
    for (size_t i = 0; i < live_count; i++)
        for (size_t k = 0; k < 60000; k++)
            assert_int_equal(live[i]->bytes[k], 0x5a);
    while (live_count > 0)
        wk_arena_free(&a, live[--live_count]);
    close_arena(&a);
}

static void the_coldest_of_a_class_goes_first(void **state) { /* STORE-5 */
    (void)state;
    struct wk_arena a;
    struct wk_entry *e;
    open_arena(&a, 256u << 10);
    while ((e = wk_arena_reserve(&a, 15000)) != NULL)
        live[live_count++] = e;
    assert_in_range(live_count, 8, 16); /* a sample sees them all */
    for (size_t i = 0; i < live_count; i++)
        publish(live[i], 1000 + (i + 5) % live_count);
    struct wk_entry *coldest = live[live_count - 5];
    e = wk_arena_reserve(&a, 15000);
    assert_ptr_equal(e, coldest);
    wk_arena_free(&a, e);
    while (live_count > 0)
        wk_arena_free(&a, live[--live_count]);
    close_arena(&a);
}

static void a_cold_class_gives_way_to_another(void **state) { /* STORE-5 */
    (void)state;
    struct wk_arena a;
    struct wk_entry *e;
    uint64_t clock = 0;
    open_arena(&a, 4u << 20);
    for (int i = 0; i < 300; i++)
        if ((e = wk_arena_reserve(&a, 30000)) != NULL)
            publish(e, ++clock);
    /* From now on only another size comes; it must get nearly all of the region in the end. */
    for (int i = 0; i < 600; i++)
        if ((e = wk_arena_reserve(&a, 100000)) != NULL)
            publish(e, ++clock);
    struct wk_arena_stats stats;
    wk_arena_stats(&a, &stats);
    assert_true(stats.used_bytes >= stats.region_bytes / 16 * 12);
    assert_true(stats.used_bytes / stats.entries > 90000);
    /* And a value of many units finds a run. */
    e = wk_arena_reserve(&a, 2u << 20);
    assert_non_null(e);
    wk_arena_free(&a, e);
    close_arena(&a);
}

static void tiny_values_do_not_lock_others_out(void **state) { /* STORE-5 */
    (void)state;
    struct wk_arena a;
    struct wk_entry *e;
    open_arena(&a, 8u << 20);
    for (int i = 0; i < 20000; i++)
        if ((e = wk_arena_reserve(&a, 10)) != NULL)
            publish(e, (uint64_t)i);
    for (int i = 0; i < 50; i++) {
        e = wk_arena_reserve(&a, 5000 + (uint64_t)i * 3000);
        assert_non_null(e);
        publish(e, 30000 + (uint64_t)i);
    }
    close_arena(&a);
}

static void overflow_is_outside_the_budget_and_counted(void **state) { /* STORE-2 */
    (void)state;
    struct wk_arena a;
    struct wk_arena_stats stats;
    open_arena(&a, 1u << 20);
    const uint64_t sizes[] = {0, 1, 5000, 3u << 20};
    for (size_t i = 0; i < 4; i++) {
        struct wk_entry *e = wk_arena_overflow(&a, sizes[i]);
        assert_non_null(e);
        memset(e->bytes, 1, sizes[i]);
        wk_arena_stats(&a, &stats);
        assert_int_equal(stats.overflow_bytes, sizes[i]);
        assert_int_equal(wk_atomic_load_u64(&world.live[WK_MEM_OVERFLOW], WK_RELAXED, "test"),
                         sizes[i]);
        wk_arena_free(&a, e);
    }
    wk_arena_stats(&a, &stats);
    assert_int_equal(stats.overflow_bytes, 0);
    close_arena(&a);
}

static void a_failed_allocation_leaves_the_arena_usable(void **state) { /* STORE-6 */
    (void)state;
    for (uint64_t k = 1; k <= 6; k++) {
        struct wk_arena a;
        world_init(&world);
        wk_atomic_store_u64(&world.fail_at, k, WK_RELAXED, "test");
        live_count = 0;
        if (wk_arena_init(&a, &world.env, 1u << 20, evict, NULL, NULL) != WK_OK) {
            assert_int_equal(world_live(&world), 0);
            continue;
        }
        struct wk_entry *all[8];
        for (size_t i = 0; i < 8; i++)
            all[i] = wk_arena_reserve(&a, 3000u << i);
        for (size_t i = 0; i < 8; i++)
            if (all[i] != NULL)
                wk_arena_free(&a, all[i]);
        close_arena(&a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_never_overlap_and_the_budget_holds),
        cmocka_unit_test(small_values_that_fill_the_tables_make_way_for_others),
        cmocka_unit_test(a_slot_is_at_most_a_sixteenth_larger_than_its_value),
        cmocka_unit_test(one_size_fills_the_region_but_for_little),
        cmocka_unit_test(pinned_values_are_never_evicted),
        cmocka_unit_test(the_coldest_of_a_class_goes_first),
        cmocka_unit_test(a_cold_class_gives_way_to_another),
        cmocka_unit_test(tiny_values_do_not_lock_others_out),
        cmocka_unit_test(overflow_is_outside_the_budget_and_counted),
        cmocka_unit_test(a_failed_allocation_leaves_the_arena_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
