/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request on its way to a bucket and back. It lives in the world, not in the process: when the
 * client gives up or dies, what was sent still arrives.
 *
 *   start ----> effect (the bucket changes or is read) ----> done (the answer is there)
 */
#ifndef SIM_FLIGHT_H
#define SIM_FLIGHT_H

#include "bucket.h"
#include "timer.h"

/* What goes wrong with this request; decided at its start. */
enum sim_trouble {
    SIM_TROUBLE_NONE,
    SIM_TROUBLE_BEFORE, /* fails without an effect */
    SIM_TROUBLE_AFTER,  /* the effect happens, the answer is an error */
    SIM_TROUBLE_LATE,   /* the answer is an error, the effect comes later */
    SIM_TROUBLE_HOLE    /* no effect, no answer */
};

struct sim_flight {
    struct sim_timer effect;
    struct sim_timer done;
    struct sim_bucket *bucket;
    struct sim_process *client; /* NULL once it gave up */
    uint64_t number;
    /* the request, copied */
    enum wk_object_verb verb;
    const char *key;
    const uint8_t *body;
    uint64_t size;
    bool if_absent;
    bool has_if_match;
    bool has_if_none_match;
    struct wk_etag if_match;
    struct wk_etag if_none_match;
    /* the answer */
    enum sim_trouble trouble;
    enum wk_object_class class;
    const char *text;
    const struct sim_version *version; /* read or written */
    bool effective;                    /* the effect has happened */
    bool answered;
    struct sim_flight *next_hole; /* of those that nobody answers */
    const void *wake;             /* who waits for the answer */
};

/* Copies the request and sends it; the answer comes by `wake`. */
struct sim_flight *sim_flight_start(struct sim_bucket *bucket, struct sim_process *client,
                                    const struct wk_object_request *request, const void *wake);
/* The client waits no longer; a mutation that was sent may still take effect. */
void sim_flight_forget(struct sim_flight *flight);
/* Mutations that were sent and have not taken effect yet, whoever still waits for them. */
uint32_t sim_flights_pending(void);
/* What nobody answers has an error now: its connection is reset. */
void sim_flights_heal(void);
void sim_flights_reset(void);

/* Is this bucket out of order for everybody just now? OK: no. Also decides new such times. */
enum wk_object_class sim_bucket_refuses(struct sim_bucket *bucket, const char **text);
/* How long one request takes. */
uint64_t sim_bucket_latency(struct sim_bucket *bucket, uint64_t bytes);

#endif
