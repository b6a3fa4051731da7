/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/cmocka_all.h"

#include <string.h>

#include "base/text.h"
#include "base/writer.h"
#include "hash/blake3.h"

static void assert_digest(const struct wk_span *parts, size_t count, const char *expected) {
    uint8_t digest[WK_BLAKE3_BYTES];
    char text[2 * WK_BLAKE3_BYTES + 1];
    wk_blake3(parts, count, digest);
    wk_hex_encode(wk_span(digest, sizeof digest), text);
    assert_string_equal(text, expected);
}

/* The official test input: byte i is i modulo 251. */
static void fill_pattern(uint8_t *to, size_t size) {
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(i % 251);
}

static const struct {
    size_t size;
    const char *digest;
} vectors[] = {
    {0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"},
    {1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"},
    {63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b"},
    {64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98"},
    {65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee"},
    {1023, "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11"},
    {1024, "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7"},
    {1025, "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444"},
    {2049, "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030"},
    {8193, "bab6c09cb8ce8cf459261398d2e7aef35700bf488116ceb94a36d0f5f1b7bc3b"},
    {102400, "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085"},
};

/* PRIM-10 */
static void official_vectors(void **state) {
    (void)state;
    static uint8_t input[102400];
    fill_pattern(input, sizeof input);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct wk_span whole = wk_span(input, vectors[i].size);
        assert_digest(&whole, 1, vectors[i].digest);
    }
    assert_digest(NULL, 0, vectors[0].digest);
}

/* PRIM-11 */
static void parts_are_hashed_as_one(void **state) {
    (void)state;
    uint8_t input[1025];
    fill_pattern(input, sizeof input);
    for (size_t cut = 0; cut <= sizeof input; cut += 41) {
        struct wk_span parts[] = {wk_span(input, cut), wk_span(NULL, 0),
                                  wk_span(input + cut, sizeof input - cut)};
        assert_digest(parts, 3, vectors[7].digest);
    }
}

/* PRIM-10: the chain of an engine (ds4), whose seed and links are hex text before token ids. */
static void the_chain_of_an_engine(void **state) {
    (void)state;
    static const char *const links[] = {
        "cdbfde1b244a0580f9e851325359e0512d2c6c6639d263ea11be336e4ddf60fa",
        "a1ddc8ec40cd6f469375916812150c2151a645d00d9b27d42f5c4ae16440c25a",
        "114e09f66fd7e16e1460beaf22e736bab2655d363a8f6e31f8721a9c79ddfcd7",
    };
    struct wk_span seed = wk_span_text("WMBTBLK1|0123456789abcdef01234567|q4|ds4-v1");
    assert_digest(&seed, 1, links[0]);
    for (uint32_t block = 0; block < 2; block++) {
        uint8_t tokens[128 * 4];
        struct wk_writer w = wk_writer(tokens, sizeof tokens);
        for (uint32_t i = 0; i < 128; i++)
            wk_write_u32le(&w, block * 128 + i);
        struct wk_span parts[] = {wk_span_text(links[block]), wk_writer_span(&w)};
        assert_digest(parts, 2, links[block + 1]);
    }
}

/* PRIM-10: the reuse chain of the core, of raw digests. */
static void the_reuse_chain(void **state) {
    (void)state;
    static const char *const links[] = {
        "2f2757a2808d0af8fc21133384625f7d612c39979a246e9994c1f23e7a1ede4f",
        "88ceb4a16b98a2b592de1820cc4cd537b944172d5b63772f50c5868ecdf25458",
        "29f1a91e2112b54d80b3dc2b75e91fa28b0357f606928f4bd8efc17ba016836c",
    };
    uint8_t fingerprint[32], digest[WK_BLAKE3_BYTES], body[8 + 16];
    memset(fingerprint, 7, sizeof fingerprint);
    struct wk_span seed[] = {wk_span_text("tp-seed-v1"), wk_span_text("tenant-a"),
                             wk_span(fingerprint, sizeof fingerprint)};
    assert_digest(seed, 3, links[0]);
    wk_blake3(seed, 3, digest);
    for (uint32_t block = 0; block < 2; block++) {
        struct wk_writer w = wk_writer(body, sizeof body);
        wk_write_u64le(&w, 16);
        for (uint32_t i = 1; i <= 4; i++)
            wk_write_u32le(&w, block * 4 + i);
        struct wk_span parts[] = {wk_span_text("tp-chain-v1"), wk_span(digest, sizeof digest),
                                  wk_writer_span(&w)};
        assert_digest(parts, 3, links[block + 1]);
        wk_blake3(parts, 3, digest);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(official_vectors),
        cmocka_unit_test(parts_are_hashed_as_one),
        cmocka_unit_test(the_chain_of_an_engine),
        cmocka_unit_test(the_reuse_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
