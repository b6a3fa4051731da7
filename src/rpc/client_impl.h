/* SPDX-License-Identifier: Apache-2.0 */
/* The client from inside: what its files share.
 *
 *     client.c         life, and the table of operations
 *     client_link.c    connections: made, kept, given up; the pause after failed connects
 *     client_call.c    one request and its reply; once more where that is harmless
 *     client_blocks.c  lookup, get and put of blocks, in batches that fit
 *     client_values.c  tails, presence, statistics
 *     client_large.c   tails that were stored in chunks
 */
#ifndef WK_RPC_CLIENT_IMPL_H
#define WK_RPC_CLIENT_IMPL_H

#include "base/list.h"
#include "codec/messages.h"
#include "codec/ops.h"
#include "rpc/buffers.h"
#include "rpc/client.h"
#include "rpc/frame.h"
#include "rpc/message.h"

/* Connections of one client; more calls wait for one. */
#define WK_RPC_LINKS_MAX 64u

/* A connection to the daemon. One call at a time. */
struct wk_rpc_link {
    struct wk_list link; /* sync: client mutex; when it rests */
    struct wk_stream stream;
    uint64_t next_id;
    bool used; /* it has carried a reply: the daemon may have left since */
};

struct wk_rpc_client {
    struct wk_backend backend; /* first */
    struct wk_env *env;
    struct wk_rpc_client_config config; /* texts are ours */
    struct wk_tls *tls;
    struct wk_buffers buffers;
    struct wk_mutex mutex;
    struct wk_cond given_back;
    struct wk_list resting;                 /* sync: mutex; the last used is last */
    uint32_t link_count;                    /* sync: mutex */
    uint32_t failures;                      /* sync: mutex; connects in a row */
    uint64_t resume_ns;                     /* sync: mutex; no connect before */
    char last_failure[WK_ERROR_TEXT_BYTES]; /* sync: mutex */
    wk_atomic_u64 block_bytes; /* sync: relaxed; rpc.block_bytes. Size of blocks seen lately */
    wk_atomic_u64 calls;       /* sync: relaxed; rpc.calls */
    wk_atomic_u64 repeated;    /* sync: relaxed; rpc.repeated */
    wk_atomic_u64 connects;    /* sync: relaxed; rpc.connects */
    /* sync: acquire-release; rpc.refs. One for the handle and one for each lease. */
    wk_atomic_u64 refs;
};

static inline struct wk_rpc_client *wk_rpc_client_of(struct wk_backend *backend) {
    return (struct wk_rpc_client *)backend;
}

/* ---- client.c ---- */

void wk_rpc_client_drop(struct wk_rpc_client *c, uint64_t count);

/* ---- client_link.c ---- */

/*
 * A connection that rests, or a new one. `sure`: one that rests is looked at first, and given up if
 * the daemon has closed it, so that a request is not lost on it.
 */
WK_MUST_CHECK enum wk_status wk_rpc_link_take(struct wk_rpc_client *c, bool sure,
                                              uint64_t deadline_ns, struct wk_rpc_link **out,
                                              struct wk_error *err);
void wk_rpc_link_give_back(struct wk_rpc_client *c, struct wk_rpc_link *link);
/* It failed. All that rest are as old or older: they go too, when it had been used before. */
void wk_rpc_link_give_up(struct wk_rpc_client *c, struct wk_rpc_link *link);
void wk_rpc_links_close(struct wk_rpc_client *c);

/* ---- client_call.c ---- */

struct wk_rpc_call {
    uint8_t op;
    struct wk_span ns;
    struct wk_span key;
    struct wk_payload payload;
    const struct wk_iov *nested; /* instead of a payload, or NULL */
    bool repeatable;             /* sending it twice does what sending it once does */
    uint64_t reply_bytes;        /* that may have to be moved, for the deadline */
    uint64_t deadline_ns;        /* the caller's own, or WK_FOREVER */
};

/* A reply of status OK, MISS, TOO_LARGE or ERROR; views into `buffer`. */
struct wk_rpc_reply {
    struct wk_buffer *buffer; /* one reference; drop it */
    struct wk_wire_response response;
};

/* OK: there is a reply, whatever it says. */
WK_MUST_CHECK enum wk_status wk_rpc_call(struct wk_rpc_client *c, const struct wk_rpc_call *call,
                                         struct wk_rpc_reply *out, struct wk_error *err);
/* The status of a reply as one of ours, with the daemon's text for ERROR and TOO_LARGE. */
WK_MUST_CHECK enum wk_status wk_rpc_reply_status(const struct wk_rpc_client *c,
                                                 const struct wk_rpc_reply *reply,
                                                 struct wk_error *err);

/* From the reply's message; NONE where it does not say. */
enum wk_tier wk_rpc_reply_tier(const struct wk_rpc_reply *reply);

/* One exchange on a link that the caller holds; for AUTH and PING of a new connection too. */
struct wk_rpc_attempt {
    bool sent_whole; /* the daemon may have seen the request */
};
WK_MUST_CHECK enum wk_status wk_rpc_exchange_on(struct wk_rpc_client *c, struct wk_rpc_link *link,
                                                const struct wk_rpc_call *call,
                                                struct wk_rpc_attempt *attempt,
                                                struct wk_rpc_reply *out, struct wk_error *err);

/* ---- client_values.c ---- */

/* GET of one key. OK: the value is in the reply, whose buffer is the caller's to drop. */
WK_MUST_CHECK enum wk_status wk_rpc_client_value(struct wk_rpc_client *c, struct wk_span ns,
                                                 struct wk_span key, uint64_t reply_bytes,
                                                 uint64_t deadline_ns, struct wk_rpc_reply *out,
                                                 struct wk_error *err);

/* ---- client_large.c ---- */

/*
 * If `*bytes`, in `*buffer`, is a manifest of chunks: the value, in another buffer; the old one is
 * dropped. Else OK, and both stay as they are. Not OK: both stay as they are; MISS: a chunk is
 * missing.
 */
WK_MUST_CHECK enum wk_status wk_rpc_client_large(struct wk_rpc_client *c, struct wk_span ns,
                                                 struct wk_span key, uint64_t deadline_ns,
                                                 struct wk_buffer **buffer, struct wk_span *bytes,
                                                 struct wk_error *err);

/* ---- operations ---- */

enum wk_status wk_rpc_client_lookup(struct wk_backend *b, struct wk_span ns,
                                    const struct wk_block_hash *hashes, size_t count,
                                    size_t *out_matched, struct wk_error *err);
enum wk_status wk_rpc_client_get(struct wk_backend *b, struct wk_span ns,
                                 const struct wk_block_hash *hashes, size_t count,
                                 enum wk_get_mode mode, uint64_t deadline_ns,
                                 struct wk_block_result *results, struct wk_error *err);
enum wk_status wk_rpc_client_put(struct wk_backend *b, struct wk_span ns,
                                 const struct wk_block_hash *hashes, const struct wk_span *payloads,
                                 size_t count, struct wk_error *err);
enum wk_status wk_rpc_client_contains(struct wk_backend *b, struct wk_span ns,
                                      const struct wk_block_hash *hashes, size_t count,
                                      uint64_t deadline_ns, struct wk_block_result *results,
                                      struct wk_error *err);
enum wk_status wk_rpc_client_get_tail(struct wk_backend *b, struct wk_span ns, struct wk_span tip,
                                      uint64_t deadline_ns, struct wk_block_result *out,
                                      struct wk_error *err);
enum wk_status wk_rpc_client_put_tail(struct wk_backend *b, struct wk_span ns, struct wk_span tip,
                                      struct wk_span payload, struct wk_error *err);

#endif
