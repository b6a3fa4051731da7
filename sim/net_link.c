// SPDX-License-Identifier: Apache-2.0
// Links: each pair of hosts has a latency and a bandwidth of its own, drawn when it is first used.
#include "fault.h"
#include "net.h"

#include <stdio.h>
#include <string.h>

#include "sched.h"
#include "trace.h"

#define RATE_MIN_BYTES_PER_S (4ull << 20) // of one connection, faults apart

struct link {
    bool drawn;
    uint64_t latency_ns;
    uint64_t jitter_ns;
    uint64_t byte_ps;
    uint64_t window_bytes;
    uint64_t free_ns;      // the last byte sent so far has left at this time
    uint64_t cut_until_ns; // a partition
};

static struct link links[SIM_HOSTS_MAX][SIM_HOSTS_MAX];
static uint64_t dark_until_ns[SIM_HOSTS_MAX];
static uint64_t rest_until_ns; // no partition begins before
static uint64_t world_seed;
static struct sim_rng rng;

void sim_links_reset(uint64_t seed) {
    memset(links, 0, sizeof links);
    memset(dark_until_ns, 0, sizeof dark_until_ns);
    rest_until_ns = 0;
    world_seed = seed;
    sim_rng_seed(&rng, seed, "net");
}

struct sim_rng *sim_net_rng(void) {
    return &rng;
}

static void draw(struct link *l, uint32_t from, uint32_t to) {
    char stream[32];
    struct sim_rng own;
    // Both ways are alike.
    snprintf(stream, sizeof stream, "link.%u.%u", from < to ? from : to, from < to ? to : from);
    sim_rng_seed(&own, world_seed, stream);
    bool near = from == to;
    l->latency_ns = near ? sim_rng_log(&own, 3000, 30000) : sim_rng_log(&own, 20000, 20000000);
    l->jitter_ns = sim_rng_log(&own, 1, l->latency_ns);
    l->byte_ps = near ? sim_rng_log(&own, 50, 1000) : sim_rng_log(&own, 100, 20000);
    // Enough in flight that latency alone does not make a connection slow.
    uint64_t least = l->latency_ns * 2 / 1000 * RATE_MIN_BYTES_PER_S / 1000000;
    l->window_bytes = sim_rng_log(&own, 4096, 65536) + least;
    l->drawn = true;
}

static struct link *link_of(const struct sim_host *from, const struct sim_host *to) {
    struct link *l = &links[from->index][to->index];
    if (!l->drawn)
        draw(l, from->index, to->index);
    return l;
}

uint64_t sim_link_window(const struct sim_host *from, const struct sim_host *to) {
    return link_of(from, to)->window_bytes;
}

uint64_t sim_link_latency(const struct sim_host *from, const struct sim_host *to) {
    const struct link *l = link_of(from, to);
    uint64_t ns = l->latency_ns + sim_rng_below(&rng, l->jitter_ns + 1);
    if (sim_fault(SIM_FAULT_NET_DELAY))
        ns += sim_rng_log(sim_fault_rng(SIM_FAULT_NET_DELAY), 1000000, 40000000000ull);
    return ns;
}

uint64_t sim_link_arrival(const struct sim_host *from, const struct sim_host *to, uint64_t bytes) {
    struct link *l = link_of(from, to);
    uint64_t start = l->free_ns > sim_now() ? l->free_ns : sim_now();
    l->free_ns = start + bytes * l->byte_ps / 1000;
    return l->free_ns + sim_link_latency(from, to);
}

bool sim_link_blocked(const struct sim_host *from, const struct sim_host *to) {
    if (from == to)
        return false;
    uint64_t now = sim_now();
    return link_of(from, to)->cut_until_ns > now || dark_until_ns[from->index] > now ||
           dark_until_ns[to->index] > now;
}

// ---- partitions, darkness, and their end

void sim_net_cut(struct sim_host *from, struct sim_host *to, uint64_t for_ns) {
    link_of(from, to)->cut_until_ns = sim_now() + for_ns;
    char name[64];
    snprintf(name, sizeof name, "%s to %s", from->name, to->name);
    sim_event("net.cut", name, for_ns, 0);
}

void sim_net_darken(struct sim_host *host, uint64_t for_ns) {
    dark_until_ns[host->index] = sim_now() + for_ns;
    sim_event("net.dark", host->name, for_ns, 0);
}

void sim_net_chaos(void) {
    if (!sim_conns_used() || sim_host_count() < 2 || sim_now() < rest_until_ns ||
        !sim_fault(SIM_FAULT_NET_PARTITION))
        return;
    struct sim_rng *r = sim_fault_rng(SIM_FAULT_NET_PARTITION);
    uint32_t a = (uint32_t)sim_rng_below(r, sim_host_count());
    uint32_t b = (a + 1 + (uint32_t)sim_rng_below(r, sim_host_count() - 1)) % sim_host_count();
    uint64_t for_ns = sim_rng_log(r, 10000000, 100000000000ull);
    rest_until_ns = sim_now() + 2 * for_ns; // cut for good, nothing would ever get done
    sim_net_cut(sim_host_at(a), sim_host_at(b), for_ns);
    if (!sim_rng_chance(r, 300000)) // else one way only
        sim_net_cut(sim_host_at(b), sim_host_at(a), for_ns);
}

void sim_net_heal(void) {
    if (!sim_conns_used())
        return;
    memset(dark_until_ns, 0, sizeof dark_until_ns);
    for (uint32_t i = 0; i < SIM_HOSTS_MAX; i++) {
        for (uint32_t j = 0; j < SIM_HOSTS_MAX; j++)
            links[i][j].cut_until_ns = 0;
    }
    sim_event("net.heal", NULL, 0, 0);
    sim_conns_hurry();
}
