/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C against a reference that works bit by bit, every path of this processor by force. Fixed
 * seed; random initial values, lengths weighted to small, alignments modulo 64, and buffers that
 * end, or begin, at a page that may not be touched, so that reads outside trap even in assembly.
 */
#include "unit/cmocka_all.h"

#include <string.h>
#include <sys/mman.h>

#include "env/cpu.h"
#include "hash/crc32c.h"
#include "hash/crc32c_paths.h"
#include "hash/crc32c_tables.h"

#define BUFFER_BYTES (256u * 1024)
#define GUARD_BYTES  65536u /* at least a page, whatever the page size */

static uint8_t *buffer; /* BUFFER_BYTES of noise between two guards */
static uint64_t seed;

static uint64_t next_random(void) {
    uint64_t z = seed += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static size_t random_below(size_t bound) {
    return (size_t)(next_random() % bound);
}

static uint32_t random_crc(void) {
    switch (random_below(4)) {
    case 0:
        return 0;
    case 1:
        return UINT32_MAX;
    default:
        return (uint32_t)next_random();
    }
}

/* Mostly small: each further power of two is less likely to be allowed for. */
static size_t random_size(void) {
    switch (random_below(8)) {
    case 0:
        return random_below(32 * 1024);
    case 1:
    case 2:
        return random_below(4096 + 512);
    case 3:
    case 4:
        return random_below(1024);
    default:
        return random_below(192);
    }
}

/* Where `size` bytes begin: flush against either guard, or anywhere modulo 64. */
static size_t random_place(size_t size) {
    switch (random_below(4)) {
    case 0:
        return BUFFER_BYTES - size;
    case 1:
        return 0;
    default:
        return random_below(64);
    }
}

static uint32_t reference(uint32_t crc, const uint8_t *data, size_t size) {
    uint32_t state = ~crc;
    for (size_t i = 0; i < size; i++) {
        state ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            state = state & 1 ? state >> 1 ^ 0x82f63b78u : state >> 1;
    }
    return ~state;
}

static int make_buffer(void **state) {
    (void)state;
    uint8_t *all =
        mmap(NULL, BUFFER_BYTES + 2 * GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED)
        return -1;
    buffer = all + GUARD_BYTES;
    if (mprotect(buffer, BUFFER_BYTES, PROT_READ | PROT_WRITE) != 0)
        return -1;
    seed = 42;
    for (size_t i = 0; i < BUFFER_BYTES; i++)
        buffer[i] = (uint8_t)next_random();
    return 0;
}

static int drop_buffer(void **state) {
    (void)state;
    return munmap(buffer - GUARD_BYTES, BUFFER_BYTES + 2 * GUARD_BYTES);
}

static int reset_features(void **state) {
    (void)state;
    wk_cpu_features_limit(UINT32_MAX);
    return 0;
}

/* Calls `each` for every path that this processor can run. */
static void for_each_path(void (*each)(const struct wk_crc32c_path *path)) {
    size_t count, ran = 0;
    const struct wk_crc32c_path *paths = wk_crc32c_paths(&count);
    for (size_t i = 0; i < count; i++) {
        if ((wk_cpu_features() & paths[i].needs) != paths[i].needs) {
            print_message("path %s: not on this processor\n", paths[i].name);
            continue;
        }
        each(&paths[i]);
        ran++;
    }
    assert_true(ran > 0);
}

static void assert_crc(const struct wk_crc32c_path *path, uint32_t crc, size_t place, size_t size) {
    uint32_t expected = reference(crc, buffer + place, size);
    uint32_t got = path->extend(crc, buffer + place, size);
    if (got != expected)
        fail_msg("%s: crc %08x, place %zu, size %zu: %08x instead of %08x", path->name,
                 (unsigned)crc, place, size, (unsigned)got, (unsigned)expected);
}

/* PRIM-1 */
static void check_known_values(const struct wk_crc32c_path *path) {
    uint8_t bytes[48] = {0};
    assert_int_equal(path->extend(0, "123456789", 9), 0xe3069283);
    assert_int_equal(path->extend(0, "", 0), 0);
    assert_int_equal(path->extend(0, NULL, 0), 0);
    assert_int_equal(path->extend(0x12345678, NULL, 0), 0x12345678);
    /* RFC 3720, B.4 */
    assert_int_equal(path->extend(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, 32);
    assert_int_equal(path->extend(0, bytes, 32), 0x62a8ab43);
    for (unsigned i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(path->extend(0, bytes, 32), 0x46dd794e);
    for (unsigned i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(path->extend(0, bytes, 32), 0x113fdb5c);
}

static void every_path_gives_the_published_values(void **state) {
    (void)state;
    for_each_path(check_known_values);
}

/* PRIM-2, PRIM-7 */
static void check_random(const struct wk_crc32c_path *path) {
    seed = 42;
    for (int i = 0; i < 1500; i++) {
        size_t size = random_size();
        assert_crc(path, random_crc(), random_place(size), size);
    }
}

static void every_path_agrees_with_the_bitwise_reference(void **state) {
    (void)state;
    for_each_path(check_random);
}

/* PRIM-2: each length at which a path changes over to another loop, and its neighbours. */
static void check_small_sizes(const struct wk_crc32c_path *path) {
    seed = 43;
    for (size_t size = 0; size <= 1300; size++)
        assert_crc(path, random_crc(), BUFFER_BYTES - size, size);
    for (size_t size = 4000; size <= 4400; size += 7)
        assert_crc(path, random_crc(), random_below(64), size);
}

static void every_path_is_right_at_every_small_size(void **state) {
    (void)state;
    for_each_path(check_small_sizes);
}

/* PRIM-2: around the ends of the tables of factors. */
static void check_long_runs(const struct wk_crc32c_path *path) {
    static const size_t sizes[] = {16384 - 1,      16384,      16384 + 96,  18431,
                                   65536,          131072 - 1, 131072,      131072 + 1,
                                   131072 + 16384, 200001,     BUFFER_BYTES};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_crc(path, 0, 0, sizes[i]);
        assert_crc(path, 0xdeadbeef, BUFFER_BYTES - sizes[i], sizes[i]);
    }
}

static void every_path_is_right_on_long_input(void **state) {
    (void)state;
    for_each_path(check_long_runs);
}

/* PRIM-4 */
static void check_splits(const struct wk_crc32c_path *path) {
    seed = 44;
    for (int i = 0; i < 300; i++) {
        size_t size = random_size(), place = random_place(size), done = 0;
        uint32_t start = random_crc(), crc = start;
        while (done < size) {
            size_t piece = random_below(size - done) + 1;
            crc = path->extend(crc, buffer + place + done, piece);
            done += piece;
        }
        assert_int_equal(crc, reference(start, buffer + place, size));
    }
}

static void pieces_give_the_value_of_the_whole(void **state) {
    (void)state;
    for_each_path(check_splits);
}

/* PRIM-5 */
static void combines_are_right(void) {
    seed = 45;
    for (int i = 0; i < 1000; i++) {
        size_t size = random_size(), cut = random_below(size + 1), place = random_place(size);
        uint32_t crc_a = wk_crc32c_extend(random_crc(), buffer + place, cut);
        uint32_t crc_b = wk_crc32c(buffer + place + cut, size - cut);
        assert_int_equal(wk_crc32c_combine(crc_a, crc_b, size - cut),
                         wk_crc32c_extend(crc_a, buffer + place + cut, size - cut));
    }
    /* Sizes that no buffer has: in two steps as in one. */
    for (int i = 0; i < 1000; i++) {
        uint64_t first = next_random() >> random_below(64);
        uint64_t second = (next_random() >> 1) >> random_below(63);
        uint32_t crc = (uint32_t)next_random();
        if (first > UINT64_MAX - second)
            first >>= 1;
        uint32_t steps = wk_crc32c_combine(wk_crc32c_combine(crc, 0, first), 7, second);
        assert_int_equal(steps, wk_crc32c_combine(crc, 7, first + second));
    }
}

static void combine_gives_the_value_of_the_whole(void **state) {
    (void)state;
    combines_are_right();
    wk_cpu_features_limit(0);
    combines_are_right();
}

/* PRIM-5 */
static void combine_is_the_same_with_and_without_multiplier(void **state) {
    (void)state;
    seed = 46;
    for (int i = 0; i < 500; i++) {
        uint32_t a = random_crc(), b = random_crc();
        uint64_t size = next_random() >> random_below(64);
        wk_cpu_features_limit(UINT32_MAX);
        uint32_t with = wk_crc32c_combine(a, b, size);
        wk_cpu_features_limit(0);
        assert_int_equal(with, wk_crc32c_combine(a, b, size));
    }
}

/* PRIM-6 */
static void copy_moves_the_bytes_and_nothing_else(void **state) {
    (void)state;
    static uint8_t target[BUFFER_BYTES + 128];
    seed = 47;
    for (int i = 0; i < 1000; i++) {
        size_t size = i < 4 ? 16384u * (size_t)(i + 1) + random_below(3) : random_size();
        size_t place = random_place(size), offset = 1 + random_below(64);
        uint32_t crc = random_crc();
        uint8_t before = (uint8_t)next_random(), after = (uint8_t)next_random();
        target[offset - 1] = before;
        target[offset + size] = after;
        assert_int_equal(wk_crc32c_copy(crc, target + offset, buffer + place, size),
                         reference(crc, buffer + place, size));
        assert_int_equal(memcmp(target + offset, buffer + place, size), 0);
        assert_int_equal(target[offset - 1], before);
        assert_int_equal(target[offset + size], after);
    }
    assert_int_equal(wk_crc32c_copy(77, NULL, NULL, 0), 77);
}

static void check_factors(const uint32_t *factors, size_t count, size_t unit) {
    /* x^-33 is the CRC state that 33 more zero bits turn into x^0. */
    uint32_t state = factors[0];
    for (int bit = 0; bit < 33; bit++)
        state = state & 1 ? state >> 1 ^ 0x82f63b78u : state >> 1;
    assert_int_equal(state, 0x80000000u);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(factors[i], wk_crc32c_shift_table(factors[0], i * unit));
}

/* PRIM-2: random sizes do not come by every entry. */
static void every_factor_belongs_to_its_size(void **state) {
    (void)state;
    check_factors(wk_crc32c_factor_8, sizeof wk_crc32c_factor_8 / 4, 8);
    check_factors(wk_crc32c_factor_16, sizeof wk_crc32c_factor_16 / 4, 16);
    check_factors(wk_crc32c_factor_256, sizeof wk_crc32c_factor_256 / 4, 256);
    for (unsigned i = 0; i < 8; i++) {
        for (uint32_t v = 0; v < 16; v++) {
            uint32_t moved = v << 4 * i;
            assert_int_equal(wk_crc32c_shift_128[i][v], wk_crc32c_shift_table(moved, 128));
            assert_int_equal(wk_crc32c_shift_2048[i][v], wk_crc32c_shift_table(moved, 2048));
        }
    }
}

/* PRIM-3 */
static void the_best_path_that_the_processor_has_is_in_use(void **state) {
    (void)state;
    size_t count;
    const struct wk_crc32c_path *paths = wk_crc32c_paths(&count);
    const uint32_t all = wk_cpu_features();
    assert_string_equal(paths[0].name, "table");
    assert_int_equal(paths[0].needs, 0);
    for (size_t i = 0; i < count; i++) {
        if ((all & paths[i].needs) != paths[i].needs)
            continue;
        wk_cpu_features_limit(paths[i].needs);
        assert_string_equal(wk_crc32c_path_in_use()->name, paths[i].name);
        assert_int_equal(wk_crc32c("123456789", 9), 0xe3069283);
    }
    wk_cpu_features_limit(UINT32_MAX);
    assert_int_equal(wk_cpu_features(), all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_gives_the_published_values),
        cmocka_unit_test(every_path_agrees_with_the_bitwise_reference),
        cmocka_unit_test(every_path_is_right_at_every_small_size),
        cmocka_unit_test(every_path_is_right_on_long_input),
        cmocka_unit_test(pieces_give_the_value_of_the_whole),
        cmocka_unit_test_teardown(combine_gives_the_value_of_the_whole, reset_features),
        cmocka_unit_test_teardown(combine_is_the_same_with_and_without_multiplier, reset_features),
        cmocka_unit_test(copy_moves_the_bytes_and_nothing_else),
        cmocka_unit_test(every_factor_belongs_to_its_size),
        cmocka_unit_test_teardown(the_best_path_that_the_processor_has_is_in_use, reset_features),
    };
    return cmocka_run_group_tests(tests, make_buffer, drop_buffer);
}
