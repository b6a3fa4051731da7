/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WombatKV: the KV cache of LLM inference engines, kept in object storage.
 *
 * An engine prefills a prompt once and stores its KV state as blocks. Each block is named by 32
 * bytes that the engine chooses: a hash over the chain of tokens up to and including the block. Any
 * other process that computes the same chain finds the blocks and skips the prefill. The state
 * after the last full block travels as one "raw tail", named by the hash of that block.
 *
 *     wmbt_kv_handle_t *kv = wmbt_kv_init_from_env();        // NULL: wmbt_kv_last_error()
 *     wmbt_kv_lookup_block_prefix(kv, ns, hashes, n, &matched, err, sizeof err);
 *     if (wmbt_kv_get_kv_blocks_borrowed(kv, ns, hashes, matched, &ptrs, &lens, &borrow) == 1) {
 *         ... install ptrs[0..matched) ...
 *         wmbt_kv_release_borrow(borrow);
 *     }
 *     wmbt_kv_put_kv_blocks(kv, ns, hashes, payloads, sizes, n);
 *     wmbt_kv_free(kv);
 *
 * Rules for all functions
 *
 *   Threads     A handle may be used by any number of threads at once, and the calls make progress
 *               independently. Only wmbt_kv_free wants the handle for itself.
 *   Inputs      are borrowed for the call only. Strings are terminated UTF-8.
 *   Outputs     through pointers are written only on success; otherwise they keep what the caller
 *               put there, so set them before the call.
 *   Namespace   any UTF-8 text of at most 512 bytes, the empty one included. Namespaces never see
 *               each other's blocks. One handle takes at most 65535 different ones, those that it
 *               was only asked about included. An engine must put whatever decides the bytes of a
 *               block (the model, its quantisation, the layout) into its hashes or into the
 *               namespace.
 *   Hashes      of blocks are 64 hex digits of either case: "AB.." and "ab.." are one block. Tips
 *               of raw tails are any 64 bytes, taken as given: "AB.." and "ab.." are two tails.
 *               The library never compares a hash with the payload.
 *   Payloads    0 bytes to 255 MiB each; at most 65536 blocks per call. A hash may occur more than
 *               once in a call.
 *   Errors      Each thread has one last error. init_from_env, open_*, lookup, get and put clear it
 *               when they start; so it is NULL after a success and after a miss. No other function
 *               of the first half touches it.
 *   err_buf     where there is one: may be NULL. Written only on error, always terminated, cut at
 *               err_len - 1 bytes. The last error has the whole text.
 *   fork        A child must open its own handles. Calls on a handle from before the fork fail
 *               with a text; wmbt_kv_free and wmbt_kv_release_borrow do nothing there.
 *   Host        No function prints, raises a signal, or ends the process.
 *
 * Caveats
 *
 *   - wmbt_kv_lookup_block_prefix answers from memory plus a short question to the object store. A
 *     block that it counts may be gone when it is asked for: treat a miss as "prefill".
 *   - wmbt_kv_get_kv_blocks_borrowed is all or nothing. Ask for the run that lookup matched, or use
 *     the partial call below.
 *   - A failed put has an unknown outcome: each of its blocks is absent or whole, perhaps later.
 *     Putting it again is always safe.
 *   - Raw tails are overwritten, last writer wins, and a reader may see one that is
 *     WMBT_KV_TAIL_FRESH_MS (1 s) old. A tail describes tokens that its name does not cover (those
 *     after the last full block): check inside the payload that it is yours.
 *   - A borrow pins memory of the cache. Release it when the bytes are copied; a process that keeps
 *     many borrows needs that much more memory.
 *   - NULL is the only wrong handle that is recognised for certain. Do not use a freed one.
 *
 * Settings come from environment variables (specs/0008-settings.md lists all of them): the bucket,
 * WMBT_KV_BUCKET, is required. WMBT_KV_S3_ENDPOINT=file:///absolute/dir keeps the objects in a
 * local directory and needs no server.
 */
#ifndef WOMBATKV_H
#define WOMBATKV_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wmbt_kv_handle wmbt_kv_handle_t;
typedef struct wmbt_kv_borrow wmbt_kv_borrow_t;

/* (major << 16) | minor: 0x00010001. A higher minor only adds; the 15 functions are of 1.0. */
uint32_t wmbt_kv_abi_version(void);

/* ---- primitives: no handle, no last error ---------------------------------------------------- */

/*
 * BLAKE3-256 of `in` as 64 lower-case hex digits and a terminator: `out` has room for 65 bytes.
 * 0, or -1 when `in` or `out` is NULL; `in` must not be NULL even when `in_len` is 0.
 */
int32_t wmbt_kv_blake3_64hex(const uint8_t *in, size_t in_len, char *out);

/*
 * CRC-32C (Castagnoli). Values are finalised: append(0, x) is crc32c(x), and append(crc32c(a), b)
 * is crc32c(a followed by b). NULL or no bytes: 0, or `crc` unchanged. "123456789": 0xE3069283.
 */
uint32_t wmbt_kv_crc32c(const uint8_t *in, size_t in_len);
uint32_t wmbt_kv_crc32c_append(uint32_t crc, const uint8_t *in, size_t in_len);

/* ---- handles --------------------------------------------------------------------------------- */

/*
 * Opens the backend that the environment names. The first of these that is set, and not empty,
 * decides: WMBT_KV_REMOTE_PREFIX (shared memory), WMBT_KV_TCP_ADDR, WMBT_KV_HTTP_ADDR; else the
 * store runs embedded in this process over WMBT_KV_S3_ENDPOINT. NULL on failure.
 */
wmbt_kv_handle_t *wmbt_kv_init_from_env(void);

/* A daemon at "host:port", asked once whether it is there; timeout, token and TLS come from the
 * environment. NULL on failure. */
wmbt_kv_handle_t *wmbt_kv_open_tcp(const char *addr);
wmbt_kv_handle_t *wmbt_kv_open_http(const char *addr);

/*
 * Ends the handle after the background work that is left, in bounded time. NULL is a no-op. No
 * other call may run on the handle. Borrows stay valid.
 */
void wmbt_kv_free(wmbt_kv_handle_t *handle);

/*
 * The last error of this thread, or NULL. The text stays valid until the next call on this thread
 * that clears it; wmbt_kv_free and wmbt_kv_release_borrow do not.
 */
const char *wmbt_kv_last_error(void);

/* ---- blocks ---------------------------------------------------------------------------------- */

/*
 * How many leading hashes of the chain are stored in the namespace: 0 and `*out_matched_count`, or
 * -1. No block at all, or an empty chain, is 0 matched, not an error.
 */
int32_t wmbt_kv_lookup_block_prefix(wmbt_kv_handle_t *handle, const char *namespace_,
                                    const char *const *block_hashes_hex, size_t block_count,
                                    size_t *out_matched_count, char *err_buf, size_t err_len);

/*
 * Borrows all blocks, or none. 1: `(*out_payload_ptrs)[i]` and `(*out_payload_lens)[i]` are block i
 * in the order asked for; both arrays and the bytes belong to `*out_borrow`. 0: at least one is not
 * there; no last error. -1: failed. `block_count` 0 is 1 with a borrow to release. A block of no
 * bytes has length 0 and a pointer that is not NULL and not to be read.
 */
int32_t wmbt_kv_get_kv_blocks_borrowed(wmbt_kv_handle_t *handle, const char *namespace_,
                                       const char *const *block_hashes_hex, size_t block_count,
                                       const uint8_t ***out_payload_ptrs,
                                       const size_t **out_payload_lens,
                                       wmbt_kv_borrow_t **out_borrow);

/*
 * Stores all blocks, in parallel, and returns when all are stored: the sum of their lengths, or -1
 * (see the caveats). A hash that is stored already is overwritten. `payloads[i]` may be NULL where
 * `lens[i]` is 0.
 */
int64_t wmbt_kv_put_kv_blocks(wmbt_kv_handle_t *handle, const char *namespace_,
                              const char *const *block_hashes_hex, const uint8_t *const *payloads,
                              const size_t *lens, size_t block_count);

/* ---- raw tails ------------------------------------------------------------------------------- */

/* 0 or -1. Overwrites. */
int32_t wmbt_kv_put_raw_tail(wmbt_kv_handle_t *handle, const char *namespace_,
                             const char *chain_tip_hash_hex, const uint8_t *bytes, size_t len,
                             char *err_buf, size_t err_len);

/* 1: borrowed. 0: not there; no last error. -1: failed. */
int32_t wmbt_kv_get_raw_tail_borrowed(wmbt_kv_handle_t *handle, const char *namespace_,
                                      const char *chain_tip_hash_hex, const uint8_t **out_bytes,
                                      size_t *out_len, wmbt_kv_borrow_t **out_borrow, char *err_buf,
                                      size_t err_len);

/* Ends a borrow: exactly once each, on any thread, also after the handle. NULL is a no-op. */
void wmbt_kv_release_borrow(wmbt_kv_borrow_t *borrow);

#ifdef WMBT_KV_EXPERIMENTAL

/*
 * ==== Second half: may still change until an engine has used it ================================
 *
 * The rules above hold here too. All functions with a handle, and the two that open one, clear the
 * last error when they start; the others (wmbt_kv_config_init, wmbt_kv_last_status,
 * wmbt_kv_set_log) never touch it.
 *
 * `deadline_ms` is counted from the call: what is not there by then is reported as
 * WMBT_KV_STATUS_TIMEOUT. 0 does not wait for anything. Negative: as long as there is progress.
 */

enum wmbt_kv_status {
    WMBT_KV_STATUS_OK = 0,
    WMBT_KV_STATUS_MISS = 1,        /* not there; not an error */
    WMBT_KV_STATUS_INVALID = 2,     /* the arguments or settings can never work */
    WMBT_KV_STATUS_CORRUPT = 3,     /* stored or received bytes are damaged */
    WMBT_KV_STATUS_TOO_LARGE = 4,   /* over a size limit, or larger than the buffer given */
    WMBT_KV_STATUS_TIMEOUT = 5,     /* no progress before the deadline */
    WMBT_KV_STATUS_UNAVAILABLE = 6, /* may work later */
    WMBT_KV_STATUS_DENIED = 7,
    WMBT_KV_STATUS_NO_SPACE = 8,
    WMBT_KV_STATUS_NO_MEMORY = 9,
    WMBT_KV_STATUS_CONFLICT = 10, /* changed by somebody else meanwhile */
    WMBT_KV_STATUS_INTERNAL = 11
};

/* Where a block came from. */
enum wmbt_kv_tier {
    WMBT_KV_TIER_NONE = 0,
    WMBT_KV_TIER_RAM = 1,
    WMBT_KV_TIER_DISK = 2,
    WMBT_KV_TIER_OBJECT = 3
};

enum wmbt_kv_log_level {
    WMBT_KV_LOG_OFF = 0,
    WMBT_KV_LOG_ERROR = 1,
    WMBT_KV_LOG_WARN = 2,
    WMBT_KV_LOG_INFO = 3,
    WMBT_KV_LOG_DEBUG = 4
};

/* Values of the settings that are a choice. */
enum wmbt_kv_local_dev {
    WMBT_KV_LOCAL_DEV_AUTO = 0, /* on when the endpoint is on loopback */
    WMBT_KV_LOCAL_DEV_OFF = 1,
    WMBT_KV_LOCAL_DEV_ON = 2
};
enum wmbt_kv_s3_addressing { WMBT_KV_S3_ADDRESSING_PATH = 0, WMBT_KV_S3_ADDRESSING_VIRTUAL = 1 };
enum wmbt_kv_compress { WMBT_KV_COMPRESS_OFF = 0, WMBT_KV_COMPRESS_ZSTD = 1 };
enum wmbt_kv_put_ack { WMBT_KV_PUT_ACK_OBJECT = 0, WMBT_KV_PUT_ACK_JOURNAL = 1 };

/*
 * Every setting of a handle. Start with wmbt_kv_config_init, which fills in the defaults, then
 * change what you need. Texts are borrowed until the open call returns; NULL and "" mean the
 * default. No environment variable is read for a handle that is opened with a config.
 * specs/0008-settings.md describes each member under the name of its variable.
 */
typedef struct wmbt_kv_config {
    size_t size; /* written by wmbt_kv_config_init: sizeof the struct the caller knows */

    /* Which backend; the first that is set decides, else embedded. */
    const char *remote_prefix;
    const char *tcp_addr;
    const char *http_addr;

    const char *namespace_; /* the one whose blocks are listed at start; calls name their own */

    /* Client of a daemon. */
    uint64_t remote_call_timeout_ms; /* without progress */
    const char *auth_token;
    const char *auth_token_file;
    const char *tls_ca;
    const char *tls_cert;
    const char *tls_key;

    /* Object store. wmbt_kv_open_callbacks ignores these but s3_prefix and the retries. */
    const char *bucket; /* required */
    const char *s3_endpoint;
    const char *s3_access_key;
    const char *s3_secret_key;
    const char *s3_session_token;
    const char *s3_secret_key_file;
    const char *s3_credentials_file;
    const char *s3_region;
    uint64_t s3_addressing; /* enum wmbt_kv_s3_addressing */
    const char *s3_ca_file;
    const char *s3_proxy;
    uint64_t s3_create_bucket; /* 0 or 1 */
    const char *s3_prefix;
    uint64_t local_dev; /* enum wmbt_kv_local_dev */
    uint64_t s3_get_retries;
    uint64_t s3_retry_backoff_ms;
    uint64_t s3_retry_budget;
    uint64_t s3_runtime_threads;
    uint64_t parallel; /* requests in flight per call */

    /* Cache and stored form. */
    uint64_t ram_bytes;
    uint64_t compress; /* enum wmbt_kv_compress */
    uint64_t compress_level;
    uint64_t put_ack; /* enum wmbt_kv_put_ack */

    /* Freshness and index. */
    uint64_t tail_fresh_ms;
    uint64_t lookup_probe_ms;
    uint64_t lookup_probe_ttl_ms;
    uint64_t index_nodes_max;
    uint64_t scrub_interval_ms;
    uint64_t reconcile_interval_ms;

    /* What this handle states about its blocks; all zero: nothing. A stored block that states
     * something else is a miss. */
    uint8_t model_digest[24];
    uint8_t layout_tag[16]; /* printable ASCII, padded with NUL, such as "ds4-v1" */
} wmbt_kv_config;

/* `size` is sizeof(wmbt_kv_config). 0, or -1 when config is NULL or the size is impossible. */
int32_t wmbt_kv_config_init(wmbt_kv_config *config, size_t size);

/* NULL on failure. */
wmbt_kv_handle_t *wmbt_kv_open(const wmbt_kv_config *config);

/*
 * The host program's own key-value store instead of S3.
 *
 * Keys, values and prefixes that are passed in are borrowed for that call. A buffer that get,
 * iter_next or iter_keys_next returns belongs to the library until it passes it to free_buf. Calls
 * come one at a time, from any thread of the library, unless WMBT_KV_CALLBACKS_THREAD_SAFE is set.
 * A callback must not call the library on the handle it serves. A callback cannot be interrupted:
 * the call that it serves, whatever its deadline, and wmbt_kv_free last at least as long as it
 * does.
 *
 * get, set and free_buf are required. Any other member may be NULL; what is lost then: del,
 * deleting; iter_* (all three or none), finding at start what is stored; head, the probe of lookup;
 * iter_keys_next, listing without reading the values. The struct is copied; ctx must live until
 * wmbt_kv_free returns.
 */
enum wmbt_kv_callbacks_flags {
    WMBT_KV_CALLBACKS_THREAD_SAFE = 1,
    WMBT_KV_CALLBACKS_KEY_SIZES = 2 /* iter_keys_next fills out_size */
};

typedef struct wmbt_kv_callbacks {
    uint32_t size;  /* sizeof(wmbt_kv_callbacks) */
    uint32_t flags; /* enum wmbt_kv_callbacks_flags */
    void *ctx;
    /* 0 found, 1 absent, -1 error */
    int (*get)(void *ctx, const uint8_t *key, size_t key_len, uint8_t **out_value, size_t *out_len);
    /* 0 stored, -1 error; replaces */
    int (*set)(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
               size_t value_len);
    /* 0 deleted or was not there, -1 error */
    int (*del)(void *ctx, const uint8_t *key, size_t key_len);
    /* Entries whose key starts with prefix; NULL is an error. reverse 0: ascending keys */
    void *(*iter_create)(void *ctx, const uint8_t *prefix, size_t prefix_len, int reverse);
    /* 0 an entry, 1 the end, -1 error */
    int (*iter_next)(void *iter, uint8_t **out_key, size_t *out_key_len, uint8_t **out_value,
                     size_t *out_value_len);
    void (*iter_free)(void *iter);
    void (*free_buf)(void *ctx, void *buf);
    /* 0 found, 1 absent, -1 error */
    int (*head)(void *ctx, const uint8_t *key, size_t key_len, uint64_t *out_size);
    /* As iter_next without the value; out_size counts with WMBT_KV_CALLBACKS_KEY_SIZES only */
    int (*iter_keys_next)(void *iter, uint8_t **out_key, size_t *out_key_len, uint64_t *out_size);
} wmbt_kv_callbacks;

wmbt_kv_handle_t *wmbt_kv_open_callbacks(const wmbt_kv_callbacks *callbacks,
                                         const wmbt_kv_config *config);

/* Answer for one block. */
typedef struct wmbt_kv_block_result {
    int32_t status;  /* enum wmbt_kv_status */
    int32_t tier;    /* enum wmbt_kv_tier */
    uint64_t length; /* of the payload, as far as it is known; 0 on a miss */
} wmbt_kv_block_result;

/*
 * Borrows the blocks that are there. The number of blocks found, or -1. When it is not -1, 0
 * included, everything is written: results[i] for each block, the arrays (NULL and 0 for a block
 * that was not found), and a borrow to release.
 */
int64_t wmbt_kv_get_kv_blocks_partial(wmbt_kv_handle_t *handle, const char *namespace_,
                                      const char *const *block_hashes_hex, size_t block_count,
                                      int64_t deadline_ms, wmbt_kv_block_result *results,
                                      const uint8_t ***out_payload_ptrs,
                                      const size_t **out_payload_lens,
                                      wmbt_kv_borrow_t **out_borrow);

/*
 * Copies the blocks that are there into the caller's memory. The number of blocks copied, or -1.
 * A block that is larger than its buffer is WMBT_KV_STATUS_TOO_LARGE, its length says what it needs
 * and nothing of it is copied.
 */
int64_t wmbt_kv_get_kv_blocks_into(wmbt_kv_handle_t *handle, const char *namespace_,
                                   const char *const *block_hashes_hex, size_t block_count,
                                   int64_t deadline_ms, uint8_t *const *buffers,
                                   const size_t *capacities, wmbt_kv_block_result *results);

/* Which blocks are there, without their bytes. The number of blocks present, or -1. */
int64_t wmbt_kv_contains_blocks(wmbt_kv_handle_t *handle, const char *namespace_,
                                const char *const *block_hashes_hex, size_t block_count,
                                int64_t deadline_ms, wmbt_kv_block_result *results);

/*
 * Waits until everything put so far is in the object store. 0: it is. 1: the deadline passed.
 * -1: failed. On 0 and 1 `*out_pending` (may be NULL) is what is left.
 */
int32_t wmbt_kv_flush(wmbt_kv_handle_t *handle, int64_t deadline_ms, uint64_t *out_pending);

/*
 * enum wmbt_kv_status of this thread's last call among those that clear the last error: why it
 * failed, MISS for a miss, OK for a success.
 */
int32_t wmbt_kv_last_status(void);

/*
 * One JSON object about the handle. Its length without the terminator, or -1. Nothing but an empty
 * string is written when it does not fit into `cap` bytes; `buf` may be NULL when `cap` is 0.
 */
int64_t wmbt_kv_stats_json(wmbt_kv_handle_t *handle, char *buf, size_t cap);

/*
 * Sends the events of this process up to `level` (enum wmbt_kv_log_level) to `fn`, one line each;
 * NULL stops it. `fn` may run on any thread and must not call the library. 0, or -1 for an unknown
 * level.
 */
typedef void (*wmbt_kv_log_fn)(void *ctx, uint32_t level, const char *line);
int32_t wmbt_kv_set_log(wmbt_kv_log_fn fn, void *ctx, uint32_t level);

#endif /* WMBT_KV_EXPERIMENTAL */

#ifdef __cplusplus
}
#endif
#endif
