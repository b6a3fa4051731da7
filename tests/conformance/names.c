/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces and tips that try to be something else. */
#include "suite.h"

static const char *const hostile[] = {
    "",
    "a",
    "A",
    "a/b",
    "a//b",
    "/a",
    "a/",
    "/",
    "//",
    ".",
    "..",
    "../..",
    "../../../../etc",
    "a/../b",
    "a/./b",
    " ",
    "a b",
    "new\nline",
    "tab\there",
    "\x01\x1f\x7f",
    "100%",
    "%2e%2e",
    "%2F",
    "a%00b",
    "back\\slash",
    "quote\"'`",
    "$(touch x)",
    "*?[]{}",
    "~",
    "~tmp",
    "~/x",
    "-rf",
    "con:aux.txt",
    "wombatkv/v1/block",
    "a/wombatkv/v1/block/b3=0000000000000000000000000000000000000000000000000000000000000000",
    "gr\xc3\xbc\xc3\x9f",
    "gru\xcc\x88\xc3\x9f", /* looks the same, is another */
    "\xf0\x9f\x90\xa8",
    "\xe2\x80\xae"
    "reversed",
    "\xef\xbb\xbf"
    "bom",
};
#define HOSTILE (sizeof hostile / sizeof hostile[0])

/* ABI-17 */
static void hostile_namespaces_hold_their_own_blocks(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    struct abi_hash hash = abi_hash("hostile", 0);
    char text[32];
    bool taken[HOSTILE];
    size_t count = 0;
    for (size_t i = 0; i < HOSTILE; i++) {
        taken[i] = abi_takes(kv, hostile[i], hash.hex);
        count += taken[i];
    }
    assert_true(count >= (world.is_picky ? HOSTILE / 2 : HOSTILE));
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < HOSTILE; i++) {
            if (!taken[i])
                continue;
            int length = snprintf(text, sizeof text, "namespace %zu", i);
            if (round == 0) {
                abi_expect_miss(kv, hostile[i], hash.hex);
                abi_put(kv, hostile[i], hash.hex, text, (size_t)length);
                abi_put_tail(kv, hostile[i], hash.hex, text, (size_t)length);
            }
            abi_expect(kv, hostile[i], hash.hex, text, (size_t)length);
            abi_expect_tail(kv, hostile[i], hash.hex, text, (size_t)length);
        }
        wmbt_kv_free(kv);
        kv = abi_open(); /* and once more from the object store */
    }
    wmbt_kv_free(kv);
}

/* ABI-17 */
static void lookup_does_not_look_into_other_namespaces(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    struct abi_chain chain;
    abi_chain_init(&chain, "isolated", 4);
    for (size_t i = 0; i < 4; i++)
        abi_put(kv, "isolated", chain.hex[i], "x", 1);
    assert_int_equal(abi_lookup(kv, "isolated", &chain), 4);
    for (size_t i = 0; i < HOSTILE; i++)
        assert_int_equal(abi_lookup(kv, hostile[i], &chain), 0);
    assert_int_equal(abi_lookup(kv, "isolate", &chain), 0);
    assert_int_equal(abi_lookup(kv, "isolated/", &chain), 0);
    wmbt_kv_free(kv);
}

/* 512 bytes of it. */
static void make_namespace(char ns[513], const char *piece) {
    size_t length = strlen(piece);
    for (size_t i = 0; i < 512; i++)
        ns[i] = piece[i % length];
    ns[512] = 0;
}

/* ABI-17 */
static void a_namespace_of_512_bytes_works(void **state) {
    (void)state;
    /* In segments that any server takes; in one; each byte escaped in URLs and names; "./././". */
    static const char *const pieces[] = {"a name of segments/", "n", "\xf0\x9f\x90\xa8", "./"};
    enum { PIECES = sizeof pieces / sizeof pieces[0] };
    char ns[513];
    bool taken[PIECES];
    wmbt_kv_handle_t *kv = abi_open();
    struct abi_hash hash = abi_hash("long", 0);
    for (size_t i = 0; i < PIECES; i++) {
        make_namespace(ns, pieces[i]);
        taken[i] = abi_takes(kv, ns, hash.hex);
        if (taken[i])
            abi_put(kv, ns, hash.hex, pieces[i], strlen(pieces[i]));
    }
    assert_true(taken[0]);
    wmbt_kv_free(kv);
    kv = abi_open();
    for (size_t i = 0; i < PIECES; i++) {
        make_namespace(ns, pieces[i]);
        if (taken[i]) {
            abi_expect(kv, ns, hash.hex, pieces[i], strlen(pieces[i]));
            abi_expect_tail(kv, ns, hash.hex, "?", 1);
        }
    }
    wmbt_kv_free(kv);
}

/* Repeats `piece` to 64 bytes. */
static void make_tip(char tip[65], const char *piece) {
    size_t length = strlen(piece);
    for (size_t i = 0; i < 64; i++)
        tip[i] = piece[i % length];
    tip[64] = 0;
}

/* ABI-6 */
static void tips_are_any_64_bytes(void **state) {
    (void)state;
    static const char *const pieces[] = {
        "z", "/", "../", ".", "%", "%2F", "\n", " ", "~", "=", "\xf0\x9f\x90\xa8", "\\", "a/b/..",
    };
    enum { PIECES = sizeof pieces / sizeof pieces[0] };
    wmbt_kv_handle_t *kv = abi_open();
    char tip[65];
    bool taken[PIECES];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < PIECES; i++) {
            make_tip(tip, pieces[i]);
            if (round == 0) {
                taken[i] = abi_takes(kv, "tips-there", tip);
                if (taken[i])
                    abi_expect_tail_miss(kv, "tips", tip);
            }
            if (!taken[i])
                continue;
            if (round == 0) {
                abi_put_tail(kv, "tips", tip, pieces[i], strlen(pieces[i]));
            }
            abi_expect_tail(kv, "tips", tip, pieces[i], strlen(pieces[i]));
        }
        wmbt_kv_free(kv);
        kv = abi_open();
    }
    wmbt_kv_free(kv);
}

/* ABI-17 */
static void many_namespaces_stay_apart(void **state) {
    (void)state;
    wmbt_kv_handle_t *kv = abi_open();
    struct abi_hash hash = abi_hash("crowd", 0);
    char ns[32];
    for (unsigned i = 0; i < 100; i++) {
        snprintf(ns, sizeof ns, "crowd-%u", i);
        if (i % 3 != 0)
            abi_put(kv, ns, hash.hex, &i, sizeof i);
    }
    for (unsigned i = 0; i < 100; i++) {
        snprintf(ns, sizeof ns, "crowd-%u", i);
        if (i % 3 == 0)
            abi_expect_miss(kv, ns, hash.hex);
        else
            abi_expect(kv, ns, hash.hex, &i, sizeof i);
    }
    wmbt_kv_free(kv);
}

const abi_case abi_names_cases[] = {
    cmocka_unit_test(hostile_namespaces_hold_their_own_blocks),
    cmocka_unit_test(lookup_does_not_look_into_other_namespaces),
    cmocka_unit_test(a_namespace_of_512_bytes_works),
    cmocka_unit_test(tips_are_any_64_bytes),
    cmocka_unit_test(many_namespaces_stay_apart),
};
const size_t abi_names_count = sizeof abi_names_cases / sizeof abi_names_cases[0];
