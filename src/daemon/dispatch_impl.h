/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the dispatch share. */
#ifndef WK_DAEMON_DISPATCH_IMPL_H
#define WK_DAEMON_DISPATCH_IMPL_H

#include "daemon/dispatch.h"
#include "rpc/frame.h"

/* One request on its way. */
struct wk_dispatch_call {
    struct wk_dispatch *d;
    struct wk_rpc_session *session;
    const struct wk_wire_request *request;
    struct wk_rpc_answer *answer;
};

/* Objects of one value: the chunks of the largest one and its manifest. */
#define WK_DISPATCH_VALUE_RESULTS  65u
#define WK_DISPATCH_KEYS_MAX       65536u
#define WK_DISPATCH_LIST_BYTES_MAX (128u * 1024 * 1024)

/* What an answer borrows: leases of the store, and the list its payload is made of. */
struct wk_dispatch_hold {
    struct wk_env *env;
    struct wk_backend *store;
    struct wk_block_result *results;
    size_t count; /* of results that are pinned */
    size_t capacity;
    struct wk_frame frame;
};

/* With `count` results, all misses; the answer releases it. NULL: no memory, and said so. */
struct wk_dispatch_hold *wk_dispatch_hold_new(struct wk_dispatch_call *call, size_t count);

/* Memory of an answer's text; the answer releases it. */
struct wk_dispatch_text {
    struct wk_env *env;
    size_t bytes;
    uint8_t text[];
};
struct wk_dispatch_text *wk_dispatch_text_new(struct wk_dispatch_call *call, size_t room);

/* ERROR with a text. */
void wk_dispatch_fail(struct wk_dispatch_call *call, const char *format, ...) WK_PRINTF(2, 3);

/* False: the answer says that the session may not. */
bool wk_dispatch_may(struct wk_dispatch_call *call, struct wk_span ns, struct wk_span key,
                     enum wk_access access, uint64_t put_bytes);

/* "tier:1" when all came from caches here, else "tier:2". */
struct wk_span wk_dispatch_tier_text(const struct wk_dispatch_hold *h);

/* For STATS: things of one kind that this call has moved since `begun_ns`; the results that are
 * pinned, each by its tier; a miss, which is also the answer. */
void wk_dispatch_note(struct wk_dispatch_call *call, enum wk_times_kind kind, uint64_t count,
                      uint64_t bytes, uint64_t begun_ns);
void wk_dispatch_note_results(struct wk_dispatch_call *call, const struct wk_dispatch_hold *h,
                              uint64_t begun_ns);
void wk_dispatch_miss(struct wk_dispatch_call *call, uint64_t begun_ns);

/* The value of a key as results, in pieces where it was stored in chunks, behind those that the
 * hold has. What is not OK adds none. */
enum wk_status wk_dispatch_value(struct wk_dispatch_call *call, struct wk_dispatch_hold *h,
                                 struct wk_span key, struct wk_error *err);
/* All results of the hold, one behind the other and `head` (or NULL) in front, as the payload. */
enum wk_status wk_dispatch_answer_pieces(struct wk_dispatch_call *call, struct wk_dispatch_hold *h,
                                         const struct wk_writer *head, struct wk_error *err);

void wk_dispatch_lookup(struct wk_dispatch_call *call);
void wk_dispatch_get_blocks(struct wk_dispatch_call *call);
void wk_dispatch_put_blocks(struct wk_dispatch_call *call);

void wk_dispatch_put(struct wk_dispatch_call *call);
void wk_dispatch_get(struct wk_dispatch_call *call);
void wk_dispatch_exists(struct wk_dispatch_call *call);
void wk_dispatch_get_many(struct wk_dispatch_call *call);

void wk_dispatch_stats(struct wk_dispatch_call *call);
void wk_dispatch_clear(struct wk_dispatch_call *call);
void wk_dispatch_restore(struct wk_dispatch_call *call);
void wk_dispatch_list(struct wk_dispatch_call *call);

#endif
