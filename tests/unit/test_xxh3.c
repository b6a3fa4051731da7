/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include <stdbool.h>
#include <string.h>
#include <xxhash.h>

#include "hash/xxh3.h"

static const size_t sizes[] = {0, 1, 3, 4, 8, 9, 16, 17, 128, 129, 240, 241, 1024, 1025, 5000};

static void fill_noise(uint8_t *to, size_t size) {
    uint32_t x = 1;
    for (size_t i = 0; i < size; i++) {
        x = x * 1664525u + 1013904223u;
        to[i] = (uint8_t)(x >> 24);
    }
}

/* PRIM-12 */
static void the_published_values_of_nothing(void **state) {
    (void)state;
    struct wk_hash128 hash = wk_xxh3_128("", 0);
    assert_true(wk_xxh3_64("", 0, 0) == 0x2d06800538d394c2ull);
    assert_true(hash.high == 0x99aa06d3014798d8ull);
    assert_true(hash.low == 0x6001c324468d497full);
}

/* PRIM-12: the library's other door, its streaming interface, says the same. */
static void one_call_agrees_with_the_streaming_interface(void **state) {
    (void)state;
    static const uint64_t seeds[] = {0, 1, 0x9e3779b97f4a7c15ull, UINT64_MAX};
    uint8_t input[5000];
    fill_noise(input, sizeof input);
    XXH3_state_t *stream = XXH3_createState();
    assert_true(stream != NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t s = 0; s < sizeof seeds / sizeof *seeds; s++) {
            XXH3_64bits_reset_withSeed(stream, seeds[s]);
            XXH3_64bits_update(stream, input, sizes[i] / 3);
            XXH3_64bits_update(stream, input + sizes[i] / 3, sizes[i] - sizes[i] / 3);
            assert_true(wk_xxh3_64(input, sizes[i], seeds[s]) == XXH3_64bits_digest(stream));
        }
        XXH3_128bits_reset(stream);
        XXH3_128bits_update(stream, input, sizes[i]);
        XXH128_hash_t expected = XXH3_128bits_digest(stream);
        struct wk_hash128 hash = wk_xxh3_128(input, sizes[i]);
        assert_true(hash.low == expected.low64 && hash.high == expected.high64);
    }
    XXH3_freeState(stream);
}

/* PRIM-12 */
static void the_seed_and_every_byte_count(void **state) {
    (void)state;
    uint8_t input[5000];
    fill_noise(input, sizeof input);
    for (size_t i = 1; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t hash = wk_xxh3_64(input, sizes[i], 0);
        struct wk_hash128 wide = wk_xxh3_128(input, sizes[i]);
        assert_true(hash != wk_xxh3_64(input, sizes[i], 1));
        input[sizes[i] - 1] ^= 1;
        struct wk_hash128 other = wk_xxh3_128(input, sizes[i]);
        assert_true(hash != wk_xxh3_64(input, sizes[i], 0));
        assert_true(wide.low != other.low || wide.high != other.high);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_values_of_nothing),
        cmocka_unit_test(one_call_agrees_with_the_streaming_interface),
        cmocka_unit_test(the_seed_and_every_byte_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
