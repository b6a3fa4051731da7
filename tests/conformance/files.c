/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A third party in the directory: other writers of the format, damage, and rubbish. The file of a
 * block is found by its name, so that nothing here depends on how the store arranges directories.
 */
#include "suite.h"

#include <ftw.h>
#include <unistd.h>

static const char *wanted;
static char found[4096];

static int look(const char *path, const struct stat *info, int kind, struct FTW *ftw) {
    (void)info;
    if (kind == FTW_F && strstr(path + ftw->base, wanted) != NULL) {
        snprintf(found, sizeof found, "%s", path);
        return 1;
    }
    return 0;
}

/* Puts a block and gives the path of its object. */
static const char *put_and_find(const char *ns, const char *hex, const void *bytes, size_t size) {
    wmbt_kv_handle_t *kv = abi_open();
    abi_put(kv, ns, hex, bytes, size);
    wmbt_kv_free(kv);
    wanted = hex;
    assert_int_equal(nftw(world.directory, look, 16, FTW_PHYS), 1);
    return found;
}

static void replace(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static size_t load(const char *path, uint8_t *to, size_t capacity) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(to, 1, capacity, file);
    fclose(file);
    return size;
}

/* ABI-22 */
static void a_body_of_the_zstd_tool_reads_back(void **state) {
    (void)state;
    if (system("command -v zstd >/dev/null") != 0) {
        print_message("the zstd tool is not installed\n");
        skip();
    }
    struct abi_hash hash = abi_hash("tool", 0);
    const char *path = put_and_find("tool", hash.hex, "replaced", 8);
    char plain[600];
    char frame[600];
    char command[1400];
    static uint8_t text[70000];
    static uint8_t body[80000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)("tokens and more tokens "[i % 23]);
    snprintf(plain, sizeof plain, "%s/plain", world.directory);
    snprintf(frame, sizeof frame, "%s/frame", world.directory);
    replace(plain, text, sizeof text);
    snprintf(command, sizeof command, "zstd -q -f -7 '%s' -o '%s'", plain, frame);
    assert_int_equal(system(command), 0);
    memcpy(body, "WBZ1\1\7\x70\x11\1\0", 10); /* 70000 = 0x011170 */
    size_t size = 10 + load(frame, body + 10, sizeof body - 10);
    replace(path, body, size);
    wmbt_kv_handle_t *kv = abi_open();
    abi_expect(kv, "tool", hash.hex, text, sizeof text);
    wmbt_kv_free(kv);
}

/* ABI-22 */
static void a_verbatim_body_reads_back(void **state) {
    (void)state;
    static const char *const bodies[] = {"x", "wbz1", "WBZ2", "plain bytes", "\x28\xb5\x2f\xfd"};
    for (unsigned i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct abi_hash hash = abi_hash("verbatim", i);
        replace(put_and_find("verbatim", hash.hex, "x", 1), bodies[i], strlen(bodies[i]));
        wmbt_kv_handle_t *kv = abi_open();
        abi_expect(kv, "verbatim", hash.hex, bodies[i], strlen(bodies[i]));
        wmbt_kv_free(kv);
    }
}

/* ABI-22 */
static void what_is_put_is_a_body_of_the_format(void **state) {
    (void)state;
    static uint8_t text[5000];
    static uint8_t body[6000];
    memset(text, 't', sizeof text);
    struct abi_hash hash = abi_hash("format", 0);
    size_t size = load(put_and_find("format", hash.hex, text, sizeof text), body, sizeof body);
    assert_true(size > 10 && size < sizeof text);
    assert_memory_equal(body, "WBZ1\1", 5);
    assert_memory_equal(body + 6, "\x88\x13\0\0", 4); /* 5000 */
    assert_memory_equal(body + 10, "\x28\xb5\x2f\xfd", 4);
    assert_int_equal(body[14] & 4, 4); /* the frame carries its checksum */
    abi_says(found, "b3=");
    abi_says(found, "/kv/cabi/format/wombatkv/v1/block/");
}

/* The object at `path` is damaged; a fresh handle must not return its bytes. */
static void expect_damage_is_a_miss(const char *ns, const char *hex) {
    wmbt_kv_handle_t *kv = abi_open();
    struct abi_chain one;
    abi_chain_init(&one, "damage", 1);
    one.hex[0] = hex;
    abi_expect_miss(kv, ns, hex);
    assert_int_equal(abi_lookup(kv, ns, &one), 0);
    abi_put(kv, ns, hex, "healed", 6); /* and can be put again */
    abi_expect(kv, ns, hex, "healed", 6);
    wmbt_kv_free(kv);
    kv = abi_open();
    abi_expect(kv, ns, hex, "healed", 6);
    wmbt_kv_free(kv);
}

/* ABI-22 */
static void damaged_bodies_are_misses(void **state) {
    (void)state;
    static uint8_t text[3000];
    static uint8_t body[4000];
    abi_fill(text, sizeof text / 2, 1);
    for (unsigned i = 0; i < 12; i++) {
        struct abi_hash hash = abi_hash("damage", i);
        const char *path = put_and_find("damage", hash.hex, text, sizeof text);
        size_t size = load(path, body, sizeof body);
        if (i < 6) /* one bit, at places all over the frame */
            body[14 + i * (size - 15) / 6] ^= (uint8_t)(1u << i);
        else if (i == 6)
            size -= 1;
        else if (i == 7)
            size = 10;
        else if (i == 8)
            memcpy(body + 6, "\xff\xff\xff\xff", 4); /* an absurd length */
        else if (i == 9)
            body[6] ^= 1;
        else if (i == 10)
            body[size++] = 0; /* something after the frame */
        else
            memset(body + 10, 0, size - 10);
        replace(path, body, size);
        expect_damage_is_a_miss("damage", hash.hex);
    }
}

/* ABI-22 */
static void what_is_left_of_a_cut_body_is_a_miss(void **state) {
    (void)state;
    static uint8_t body[4000];
    struct abi_hash hash = abi_hash("cut", 0);
    const char *path = put_and_find("cut", hash.hex, "the state of some tokens", 24);
    size_t size = load(path, body, sizeof body);
    for (size_t left = 0; left < size; left++) {
        replace(path, body, left);
        wmbt_kv_handle_t *kv = abi_open();
        abi_expect_miss(kv, "cut", hash.hex);
        wmbt_kv_free(kv);
    }
    replace(path, body, 0);
    expect_damage_is_a_miss("cut", hash.hex);
}

/* ABI-22 */
static void a_deleted_object_is_a_miss(void **state) {
    (void)state;
    struct abi_hash hash = abi_hash("gone", 0);
    assert_int_equal(unlink(put_and_find("gone", hash.hex, "x", 1)), 0);
    wmbt_kv_handle_t *kv = abi_open();
    abi_expect_miss(kv, "gone", hash.hex);
    wmbt_kv_free(kv);
}

/* ABI-22 */
static void rubbish_in_the_directory_is_left_alone(void **state) {
    (void)state;
    char path[4200];
    struct abi_hash hash = abi_hash("rubbish", 0);
    put_and_find("rubbish", hash.hex, "x", 1);
    char *slash = strrchr(found, '/');
    *slash = 0;
    static const char *const names[] = {"b3=zz", "b3=", "notes.txt", "%%%", "~old", "core"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", found, names[i]);
        replace(path, "rubbish", 7);
    }
    setenv("WMBT_KV_NAMESPACE", "rubbish", 1);
    wmbt_kv_handle_t *kv = abi_open();
    unsetenv("WMBT_KV_NAMESPACE");
    struct abi_chain one;
    abi_chain_init(&one, "rubbish", 1);
    abi_wait_lookup(kv, "rubbish", &one, 1);
    abi_expect(kv, "rubbish", hash.hex, "x", 1);
    wmbt_kv_free(kv);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", found, names[i]);
        assert_int_equal(access(path, F_OK), 0);
    }
}

const abi_case abi_files_cases[] = {
    cmocka_unit_test(a_body_of_the_zstd_tool_reads_back),
    cmocka_unit_test(a_verbatim_body_reads_back),
    cmocka_unit_test(what_is_put_is_a_body_of_the_format),
    cmocka_unit_test(damaged_bodies_are_misses),
    cmocka_unit_test(what_is_left_of_a_cut_body_is_a_miss),
    cmocka_unit_test(a_deleted_object_is_a_miss),
    cmocka_unit_test(rubbish_in_the_directory_is_left_alone),
};
const size_t abi_files_count = sizeof abi_files_cases / sizeof abi_files_cases[0];
