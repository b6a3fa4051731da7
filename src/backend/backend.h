/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the C ABI asks of a backend, and nothing more. Four implement it: the store itself
 * (embedded), and the clients of the daemon over shared memory, TCP and HTTP. They differ in
 * transport only: same arguments, same answers, one conformance suite.
 *
 * Arguments are valid: checked by src/cabi. Inputs are borrowed for the call. All functions are
 * safe for concurrent use, and concurrent calls make progress independently.
 *
 * Life: close() ends the handle. Leases outlive it: the backend keeps what they point to and frees
 * itself with the last release.
 */
#ifndef WK_BACKEND_BACKEND_H
#define WK_BACKEND_BACKEND_H

#include "base/span.h"
#include "base/status.h"
#include "base/writer.h"
#include "codec/block_meta.h"

/* Where a block came from; WK_TIER_NONE for a miss. The numbers are public (wombatkv.h). */
enum wk_tier { WK_TIER_NONE = 0, WK_TIER_RAM = 1, WK_TIER_DISK = 2, WK_TIER_OBJECT = 3 };

/*
 * Answer for one block or tail. status OK: `bytes` is pinned until release. Everything else:
 * nothing is pinned. `pin` belongs to the backend.
 */
struct wk_block_result {
    enum wk_status status;
    enum wk_tier tier;
    struct wk_span bytes;
    uint32_t crc32c; /* of bytes */
    void *pin;
};

enum wk_get_mode {
    WK_GET_ALL,    /* all or nothing: on a miss or an error nothing stays pinned */
    WK_GET_PARTIAL /* each on its own */
};

struct wk_backend;

struct wk_backend_ops {
    /* Leading hashes known present; from memory, plus the freshness probe. */
    enum wk_status (*lookup)(struct wk_backend *b, struct wk_span ns,
                             const struct wk_block_hash *hashes, size_t count, size_t *out_matched,
                             struct wk_error *err);
    /* Presence of each: results[i].status OK, MISS, or why it cannot be told; tier, bytes.size if
     * known; nothing pinned. */
    enum wk_status (*contains)(struct wk_backend *b, struct wk_span ns,
                               const struct wk_block_hash *hashes, size_t count,
                               uint64_t deadline_ns, struct wk_block_result *results,
                               struct wk_error *err);
    /*
     * ALL: OK, all pinned; MISS, at least one absent and none failed; else the first failure.
     * PARTIAL: OK as soon as every result has its status, whatever they are.
     */
    enum wk_status (*get)(struct wk_backend *b, struct wk_span ns,
                          const struct wk_block_hash *hashes, size_t count, enum wk_get_mode mode,
                          uint64_t deadline_ns, struct wk_block_result *results,
                          struct wk_error *err);
    /* OK: all acknowledged at the level of the settings, and indexed. */
    enum wk_status (*put)(struct wk_backend *b, struct wk_span ns,
                          const struct wk_block_hash *hashes, const struct wk_span *payloads,
                          size_t count, struct wk_error *err);
    /* `tip` is 64 bytes as the caller gave them. */
    enum wk_status (*get_tail)(struct wk_backend *b, struct wk_span ns, struct wk_span tip,
                               uint64_t deadline_ns, struct wk_block_result *out,
                               struct wk_error *err);
    enum wk_status (*put_tail)(struct wk_backend *b, struct wk_span ns, struct wk_span tip,
                               struct wk_span payload, struct wk_error *err);
    /*
     * The rest is for a daemon that serves foreign clients; NULL where a backend has it not.
     *
     * Values under any relative key, as text (wk_object_key_name says which). A block's key means
     * that block, a raw tail's key that tail; everything else is overwritten, cached and
     * revalidated as a raw tail is. exists: OK or MISS.
     */
    enum wk_status (*get_value)(struct wk_backend *b, struct wk_span ns, struct wk_span key,
                                uint64_t deadline_ns, struct wk_block_result *out,
                                struct wk_error *err);
    enum wk_status (*put_value)(struct wk_backend *b, struct wk_span ns, struct wk_span key,
                                struct wk_span payload, struct wk_error *err);
    enum wk_status (*exists)(struct wk_backend *b, struct wk_span ns, struct wk_span key,
                             uint64_t deadline_ns, struct wk_error *err);
    /* Relative keys of all objects of the namespace ("": of all), in no order; `each` returns false
     * to stop, and must not call the backend. */
    enum wk_status (*list)(struct wk_backend *b, struct wk_span ns,
                           bool (*each)(void *ctx, struct wk_span key), void *ctx,
                           uint64_t deadline_ns, struct wk_error *err);
    /* Lets go of everything in RAM; what is leased, when its lease ends. */
    void (*clear)(struct wk_backend *b);
    /* Brings blocks of the namespace into RAM until it is full; how many are there for it. */
    enum wk_status (*restore)(struct wk_backend *b, struct wk_span ns, uint64_t deadline_ns,
                              uint64_t *out_count, struct wk_error *err);
    /* Can it serve? What failed last, if nothing was answered since; asks when nobody else does. */
    enum wk_status (*ready)(struct wk_backend *b, uint64_t deadline_ns, struct wk_error *err);
    /* Waits for write-behind. OK: none left. TIMEOUT: `*out_pending` are. */
    enum wk_status (*flush)(struct wk_backend *b, uint64_t deadline_ns, uint64_t *out_pending,
                            struct wk_error *err);
    /* Numbers about itself, each with a name of [a-z0-9_]. */
    void (*stats)(struct wk_backend *b, void (*each)(void *ctx, const char *name, uint64_t value),
                  void *ctx);
    /* Unpins the OK ones among the results. Also after close, on any thread. */
    void (*release)(struct wk_backend *b, const struct wk_block_result *results, size_t count);
    void (*close)(struct wk_backend *b);
};

/* What stats tells, as one flat JSON object. Not thread-safe in `to`. */
void wk_backend_stats_json(struct wk_backend *b, struct wk_writer *to);

/* First member of every implementation. */
struct wk_backend {
    const struct wk_backend_ops *ops;
};

#endif
