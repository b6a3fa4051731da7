/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests on a real S3 server: the fault proxy in front of it, and what several programs do.
 *
 *     this program --ABI--> libwombatkv.so --HTTP--> fault_proxy --HTTP--> the server
 *
 * Helpers fail the running case. Nothing here is thread-safe but the calls on different proxies.
 */
#ifndef WK_TESTS_S3_RIG_H
#define WK_TESTS_S3_RIG_H

#include "suite.h"

#include <sys/types.h>

/* Settings for the server, below a prefix that no other run has. First thing in main. */
void rig_begin(const char *name);

/* ---- the proxy (fault_proxy.c has its commands) ---- */

struct rig_proxy {
    pid_t process;
    FILE *commands;
    FILE *answers;
    char endpoint[64];
};

struct rig_counts {
    unsigned long long get, put, head, list, delete, other, injected, connections;
};

void rig_proxy_start(struct rig_proxy *proxy);
void rig_proxy_stop(struct rig_proxy *proxy);
void rig_say(struct rig_proxy *proxy, const char *command);
struct rig_counts rig_count(struct rig_proxy *proxy);

/* ---- handles and batches ---- */

/* On the server, or through a proxy. */
wmbt_kv_handle_t *rig_open(const struct rig_proxy *proxy);

/* `count` blocks whose names and bytes follow from (ns, batch, their place). */
#define RIG_BLOCKS_MAX 64
struct rig_batch {
    struct abi_hash hashes[RIG_BLOCKS_MAX];
    const char *hex[RIG_BLOCKS_MAX];
    const uint8_t *payloads[RIG_BLOCKS_MAX];
    size_t lens[RIG_BLOCKS_MAX];
    size_t count;
    uint8_t *memory;
};
void rig_batch_init(struct rig_batch *batch, const char *ns, unsigned number, size_t count,
                    size_t size);
void rig_batch_free(struct rig_batch *batch);

/* The batches of the program engine. */
#define ENGINE_BLOCKS 8u
#define ENGINE_SIZE   (96u * 1024)

/* -1 failed, else as the functions say. */
int64_t rig_save(wmbt_kv_handle_t *kv, const char *ns, const struct rig_batch *batch);
/* 1 hit, 0 miss, -1 failed, -2 other bytes than were put. */
int rig_restore(wmbt_kv_handle_t *kv, const char *ns, const struct rig_batch *batch);

#endif
