/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives the C ABI over TCP or HTTP for `make interop`: one command a line on standard input, one
 * line of answer on standard output. Built as an engine is, so it runs on the reference's library,
 * too.
 *
 *     client tcp|http ADDRESS SALT
 *     client name TEXT                   prints the hash that stands for a text: "SALT LABEL INDEX"
 *
 * The commands, and what is sent for them, are those of peer/src/main.rs:
 *
 *     put NS LABEL COUNT SIZE SHAPE      get ...           all blocks in one call
 *     put-tail NS LABEL SIZE SHAPE       get-tail ...
 *     lookup NS LABEL COUNT
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wombatkv.h"

#define BLOCKS_MAX 512

static wmbt_kv_handle_t *kv;
static const char *salt;

/* ---- what is sent ---------------------------------------------------------------------------- */

struct chain {
    char hex[BLOCKS_MAX][65];
    const char *names[BLOCKS_MAX];
    uint8_t *bytes[BLOCKS_MAX];
    size_t sizes[BLOCKS_MAX];
    size_t count;
};

static void name_block(const char *label, size_t index, char hex[65]) {
    char text[300];
    int size = snprintf(text, sizeof text, "%s %s %zu", salt, label, index);
    if (wmbt_kv_blake3_64hex((const uint8_t *)text, (size_t)size, hex) != 0)
        abort();
}

static uint64_t seed_of(const char *name) {
    char hex[65];
    uint64_t seed = 0;
    if (wmbt_kv_blake3_64hex((const uint8_t *)name, strlen(name), hex) != 0)
        abort();
    for (int i = 7; i >= 0; i--) { /* eight bytes, little-endian */
        unsigned byte;
        sscanf(hex + 2 * (size_t)i, "%2x", &byte);
        seed = seed << 8 | byte;
    }
    return seed | 1;
}

static uint8_t *payload(const char *name, size_t size, const char *shape) {
    uint8_t *bytes = malloc(size + 1);
    uint64_t x = seed_of(name);
    if (bytes == NULL)
        abort();
    if (strcmp(shape, "text") == 0) {
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)name[i % 64];
        return bytes;
    }
    for (size_t i = 0; i < size; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        bytes[i] = (uint8_t)(x >> 32);
    }
    return bytes;
}

static void chain_make(struct chain *c, const char *label, size_t count, size_t size,
                       const char *shape) {
    c->count = count < BLOCKS_MAX ? count : BLOCKS_MAX;
    for (size_t i = 0; i < c->count; i++) {
        name_block(label, i, c->hex[i]);
        c->names[i] = c->hex[i];
        c->bytes[i] = payload(c->hex[i], size, shape);
        c->sizes[i] = size;
    }
}

static void chain_free(struct chain *c) {
    for (size_t i = 0; i < c->count; i++)
        free(c->bytes[i]);
}

/* ---- commands -------------------------------------------------------------------------------- */

static void print_error(void) {
    const char *text = wmbt_kv_last_error();
    printf("error %s\n", text != NULL ? text : "(none)");
}

static bool is_other(const uint8_t *expected, size_t expected_size, const uint8_t *got,
                     size_t size) {
    if (size == expected_size && (size == 0 || memcmp(expected, got, size) == 0))
        return false;
    printf("wrong: %zu bytes for %zu\n", size, expected_size);
    return true;
}

static void put_blocks(const char *ns, struct chain *c) {
    const uint8_t *const *bytes = (const uint8_t *const *)c->bytes;
    int64_t put = wmbt_kv_put_kv_blocks(kv, ns, c->names, bytes, c->sizes, c->count);
    if (put < 0)
        print_error();
    else
        printf("put %lld\n", (long long)put);
}

static void get_blocks(const char *ns, struct chain *c) {
    const uint8_t **got;
    const size_t *sizes;
    wmbt_kv_borrow_t *borrow;
    size_t total = 0;
    int32_t rc = wmbt_kv_get_kv_blocks_borrowed(kv, ns, c->names, c->count, &got, &sizes, &borrow);
    if (rc == 0)
        printf("miss\n");
    if (rc < 0)
        print_error();
    if (rc != 1)
        return;
    bool wrong = false;
    for (size_t i = 0; i < c->count && !wrong; i++) {
        wrong = is_other(c->bytes[i], c->sizes[i], got[i], sizes[i]);
        total += sizes[i];
    }
    if (!wrong)
        printf("hit %zu\n", total);
    wmbt_kv_release_borrow(borrow);
}

static void put_tail(const char *ns, struct chain *c) {
    if (wmbt_kv_put_raw_tail(kv, ns, c->hex[0], c->bytes[0], c->sizes[0], NULL, 0) == 0)
        printf("put\n");
    else
        print_error();
}

static void get_tail(const char *ns, struct chain *c) {
    const uint8_t *got;
    size_t size;
    wmbt_kv_borrow_t *borrow;
    int32_t rc = wmbt_kv_get_raw_tail_borrowed(kv, ns, c->hex[0], &got, &size, &borrow, NULL, 0);
    if (rc == 0)
        printf("miss\n");
    if (rc < 0)
        print_error();
    if (rc != 1)
        return;
    if (!is_other(c->bytes[0], c->sizes[0], got, size))
        printf("hit %zu\n", size);
    wmbt_kv_release_borrow(borrow);
}

static void lookup(const char *ns, struct chain *c) {
    size_t matched;
    if (wmbt_kv_lookup_block_prefix(kv, ns, c->names, c->count, &matched, NULL, 0) == 0)
        printf("matched %zu\n", matched);
    else
        print_error();
}

static void run(const char *line) {
    static struct chain chain;
    char word[6][200];
    int words = sscanf(line, "%199s %199s %199s %199s %199s %199s", word[0], word[1], word[2],
                       word[3], word[4], word[5]);
    const char *ns = words > 1 && strcmp(word[1], "-") != 0 ? word[1] : "";
    bool blocks = words == 6 && (strcmp(word[0], "put") == 0 || strcmp(word[0], "get") == 0);
    bool tail = words == 5 && strstr(word[0], "-tail") != NULL;
    if (!blocks && !tail && !(words == 4 && strcmp(word[0], "lookup") == 0)) {
        printf("no such command\n");
        return;
    }
    size_t third = strtoull(word[3], NULL, 10);
    if (blocks)
        chain_make(&chain, word[2], third, strtoull(word[4], NULL, 10), word[5]);
    else if (tail)
        chain_make(&chain, word[2], 1, third, word[4]);
    else
        chain_make(&chain, word[2], third, 0, "text");
    if (blocks)
        (strcmp(word[0], "put") == 0 ? put_blocks : get_blocks)(ns, &chain);
    else if (tail)
        (strcmp(word[0], "put-tail") == 0 ? put_tail : get_tail)(ns, &chain);
    else
        lookup(ns, &chain);
    chain_free(&chain);
}

int main(int argc, char **argv) {
    char line[1000];
    if (argc == 3 && strcmp(argv[1], "name") == 0) {
        if (wmbt_kv_blake3_64hex((const uint8_t *)argv[2], strlen(argv[2]), line) != 0)
            return 1;
        puts(line);
        return 0;
    }
    if (argc != 4) {
        fprintf(stderr, "usage: client tcp|http ADDRESS SALT | client name TEXT\n");
        return 2;
    }
    salt = argv[3];
    kv = strcmp(argv[1], "http") == 0 ? wmbt_kv_open_http(argv[2]) : wmbt_kv_open_tcp(argv[2]);
    if (kv == NULL) {
        fprintf(stderr, "open %s %s: %s\n", argv[1], argv[2], wmbt_kv_last_error());
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        run(line);
        fflush(stdout);
    }
    wmbt_kv_free(kv);
    return 0;
}
