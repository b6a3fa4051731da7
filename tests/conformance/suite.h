/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance suite of the C ABI. It uses include/wombatkv.h and the shared library, nothing
 * internal, so that the same cases run on every backend:
 *
 *   abi <backend> [--large] [name filter]       a backend is a way to set the environment (main.c)
 *
 * Each case opens what it needs and works in a namespace of its own.
 */
#ifndef WK_TESTS_CONFORMANCE_SUITE_H
#define WK_TESTS_CONFORMANCE_SUITE_H

#include "unit/cmocka_all.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define WMBT_KV_EXPERIMENTAL
#include "wombatkv.h"

/* What this run works on. */
struct abi_world {
    const char *backend;
    const char *program; /* to start as another process */
    char directory[256]; /* a directory of this run; the store's where there is one */
    bool has_directory;  /* objects are files below `directory` */
    bool is_picky;       /* the store may refuse names: S3 servers over a file system do */
    bool folds_names;    /* the store takes a//b and a/./b for a/b */
    bool is_remote;      /* the store is a daemon's */
    bool is_foreign;     /* a daemon of the reference's */
    pid_t daemon;        /* one that this run started, or 0 */
    bool large;          /* the sizes at the limit, gigabytes of memory */
};
extern struct abi_world world;

/* A handle on the backend, by the environment. Fails the case with the last error. */
wmbt_kv_handle_t *abi_open(void);

/* 64 lower-case hex digits that only this label and number give. */
struct abi_hash {
    char hex[65];
};
struct abi_hash abi_hash(const char *label, unsigned number);

/* A chain of them with the array that the ABI wants. */
#define ABI_CHAIN_MAX 513
struct abi_chain {
    struct abi_hash hashes[ABI_CHAIN_MAX];
    const char *hex[ABI_CHAIN_MAX];
    size_t count;
};
void abi_chain_init(struct abi_chain *chain, const char *label, size_t count);

/* Bytes that do not compress, the same for the same seed. */
void abi_fill(uint8_t *to, size_t size, uint64_t seed);

/* One block or tail put, which must succeed; one got, which must have these bytes. */
void abi_put(wmbt_kv_handle_t *kv, const char *ns, const char *hex, const void *bytes, size_t size);
void abi_expect(wmbt_kv_handle_t *kv, const char *ns, const char *hex, const void *bytes,
                size_t size);
void abi_expect_miss(wmbt_kv_handle_t *kv, const char *ns, const char *hex);
void abi_put_tail(wmbt_kv_handle_t *kv, const char *ns, const char *tip, const void *bytes,
                  size_t size);
void abi_expect_tail(wmbt_kv_handle_t *kv, const char *ns, const char *tip, const void *bytes,
                     size_t size);
void abi_expect_tail_miss(wmbt_kv_handle_t *kv, const char *ns, const char *tip);

/*
 * Whether the store takes objects of such a name; puts a tail to see. Only a picky store may
 * refuse: then as INVALID, with nothing served for the name afterwards. One that folds names is not
 * asked about namespaces that it would fold.
 */
bool abi_takes(wmbt_kv_handle_t *kv, const char *ns, const char *tip);

size_t abi_lookup(wmbt_kv_handle_t *kv, const char *ns, const struct abi_chain *chain);
/* Asks again until it matches `count` blocks, for as long as a background listing may take. */
void abi_wait_lookup(wmbt_kv_handle_t *kv, const char *ns, const struct abi_chain *chain,
                     size_t count);

/* Settings for the server of WMBT_KV_TEST_S3_*, which tests/s3/server started or somebody gave.
 * Every run has a prefix of its own. Ends the program when there is none. */
void abi_use_s3(const char *prefix);

/* Starts a daemon over the store that the environment says, "tcp" or "http", and sets the variables
 * that a client needs. Guarded: with TLS and a token. Ends the program when it does not get ready.
 */
void abi_daemon_start(const char *transport, bool guarded);
/* Tells it to stop; 0 when it did as it should, or when there is none. */
int abi_daemon_stop(void);

/* `part` is in `text`. */
void abi_says(const char *text, const char *part);
void abi_last_error_says(const char *part);

/* Runs this program as `--child <role> <argument>` and returns its exit status; what it printed
 * goes to `output`. */
int abi_run_child(const char *role, const char *argument, char *output, size_t capacity);

/* One file of the suite each. */
typedef struct CMUnitTest abi_case;
extern const abi_case abi_args_cases[], abi_data_cases[], abi_names_cases[], abi_life_cases[],
    abi_second_cases[], abi_settings_cases[], abi_files_cases[];
extern const size_t abi_args_count, abi_data_count, abi_names_count, abi_life_count,
    abi_second_count, abi_settings_count, abi_files_count;

/* Roles of a child process (life.c); the exit status. */
int abi_child(const char *role, const char *argument);

#endif
