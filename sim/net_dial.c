// SPDX-License-Identifier: Apache-2.0
// The three steps of a TCP connection. A lost step is tried again after 1 s, 2 s, 4 s ...; a full
// queue of the listener loses it too. After 127 s the kernel gives up on its own.
#include "net_dial.h"

#include <errno.h>

#include "fault.h"
#include "sched.h"

#define TRIES          7
#define RETRY_FIRST_NS 1000000000ull
#define NOBODY_NS      3000000000ull // until a router says that there is nobody
#define PORT_FIRST     49152u        // of clients
#define PORT_COUNT     16384u

enum { LOST = -1 }; // no answer: try again

struct dial {
    struct sim_process *process;
    struct sim_host *here;
    struct sim_host *there;
    struct sim_place to;
    uint64_t until_ns;
    bool refuse;
    bool silent;
    struct sim_end *end;
};

// False: the deadline came first.
static bool pass(const struct dial *d, uint64_t ns) {
    uint64_t then = sim_now() + ns;
    (void)sim_block("connect", NULL, then < d->until_ns ? then : d->until_ns);
    return then <= d->until_ns;
}

static void connected(struct dial *d, struct wk_socket *listener) {
    struct sim_place own = sim_place_own(d->here, &d->to);
    own.port = (uint16_t)(PORT_FIRST + sim_rng_below(sim_net_rng(), PORT_COUNT));
    struct sim_conn *c = sim_conn_create(d->here, &own, d->there, &d->to);
    c->ends[1].local.v6 = c->ends[1].peer.v6 = listener->at.v6;
    d->end = &c->ends[0];
    sim_net_enqueue(listener, &c->ends[1]);
}

static int answer(struct dial *d, int code) {
    if (sim_link_blocked(d->there, d->here))
        return LOST;
    return pass(d, sim_link_latency(d->there, d->here)) ? code : ETIMEDOUT;
}

static int knock(struct dial *d) {
    if (d->silent || sim_link_blocked(d->here, d->there))
        return LOST;
    if (!pass(d, sim_link_latency(d->here, d->there)))
        return ETIMEDOUT;
    struct wk_socket *listener = sim_net_listener(d->there, &d->to);
    if (d->refuse || listener == NULL)
        return answer(d, ECONNREFUSED);
    if (sim_net_full(listener))
        return LOST;
    int code = answer(d, 0);
    if (code != 0)
        return code;
    listener = sim_net_listener(d->there, &d->to); // time has passed
    if (listener == NULL)
        return ECONNREFUSED;
    if (sim_net_full(listener))
        return LOST;
    connected(d, listener);
    return 0;
}

static int try_all(struct dial *d) {
    uint64_t retry_ns = RETRY_FIRST_NS;
    for (int i = 0; i < TRIES; i++, retry_ns *= 2) {
        uint64_t again_ns = sim_now() + retry_ns;
        int code = knock(d);
        if (code != LOST)
            return code;
        if (!pass(d, again_ns > sim_now() ? again_ns - sim_now() : 0))
            return ETIMEDOUT;
    }
    return ETIMEDOUT;
}

int sim_net_dial(struct sim_process *from, const struct sim_place *to, uint64_t until_ns,
                 struct sim_end **out) {
    struct dial d = {.process = from, .here = from->host, .to = *to, .until_ns = until_ns};
    if (sim_place_is_any(to)) {
        d.to = sim_place_own(from->host, to);
        d.to.port = to->port;
    }
    d.there = sim_place_host(&d.to, d.here);
    if (d.there == NULL && sim_rng_chance(sim_net_rng(), 500000))
        return pass(&d, NOBODY_NS) ? EHOSTUNREACH : ETIMEDOUT;
    d.refuse = sim_fault(SIM_FAULT_NET_REFUSE);
    d.silent = d.there == NULL || sim_fault(SIM_FAULT_NET_BLACK_HOLE);
    int code = try_all(&d);
    *out = d.end;
    return code;
}
