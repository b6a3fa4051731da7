/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon tells Prometheus. The table is metrics.def; base units (seconds, bytes), and no
 * keys or namespaces in labels, so that the number of series is fixed.
 *
 * Noting is a few relaxed additions; safe for concurrent use.
 */
#ifndef WK_DAEMON_METRICS_H
#define WK_DAEMON_METRICS_H

#include "backend/backend.h"
#include "rpc/server.h"

#define WK_METRICS_TYPE "text/plain; version=0.0.4"

#define WK_METRICS_OPS      15u /* 1 to 13, AUTH, all others */
#define WK_METRICS_STATUSES 4u
#define WK_METRICS_BUCKETS  14u /* the last one is +Inf */

struct wk_metrics {
    struct wk_env *env;
    wk_atomic_u64 requests[WK_METRICS_OPS][WK_METRICS_STATUSES]; /* sync: relaxed; metrics */
    wk_atomic_u64 buckets[WK_METRICS_OPS][WK_METRICS_BUCKETS];   /* sync: as above; not summed up */
    wk_atomic_u64 nanoseconds[WK_METRICS_OPS];                   /* sync: as above */
    wk_atomic_u64 in_flight;                                     /* sync: as above */
};

/* Zeroed memory is fine but for `env`. */
void wk_metrics_init(struct wk_metrics *metrics, struct wk_env *env);

/* Around one request: begin gives the time that end takes. */
uint64_t wk_metrics_begin(struct wk_metrics *metrics);
void wk_metrics_end(struct wk_metrics *metrics, uint64_t begun_ns, uint8_t op, uint8_t status);

/* The page. False: `to` is too small. */
bool wk_metrics_write(struct wk_metrics *metrics, struct wk_backend *store,
                      struct wk_rpc_server *server, struct wk_writer *to);
/* Room that it takes at most. */
#define WK_METRICS_PAGE_BYTES (64u * 1024)

/* specs/0021-metrics.md. */
void wk_metrics_write_spec(struct wk_writer *to);

#endif
