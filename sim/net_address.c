// SPDX-License-Identifier: Apache-2.0
// Addresses: host number i has 10.0.0.(i+1), and in half of the worlds fd00::(i+1). Names: the
// hosts' own and "localhost". A name may also have an address where nobody lives any more.
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "env/posix/posix.h"
#include "fault.h"
#include "net.h"
#include "report.h"
#include "sched.h"
#include "trace.h"

#define ADDRESS_BYTES  19u // 4 or 6, the address, the port
#define HOST_BYTES_MAX 256u
#define TEXT_COST_NS   100u
#define NOBODY         200u // 10.0.0.200: no host is that one

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t private_v6[15] = {0xfd};

struct naming {
    bool v6;
    bool v6_first;
};
static struct naming naming[SIM_HOSTS_MAX];
static struct sim_rng rng;

void sim_net_addresses_reset(uint64_t seed) {
    sim_rng_seed(&rng, seed, "net.names");
    for (uint32_t i = 0; i < SIM_HOSTS_MAX; i++) {
        naming[i].v6 = sim_rng_chance(&rng, 500000);
        naming[i].v6_first = sim_rng_chance(&rng, 500000);
    }
}

// ---- the environment's form

struct sim_place sim_place_of(const struct wk_address *address) {
    struct sim_place place;
    if (address->size != ADDRESS_BYTES || (address->bytes[0] != 4 && address->bytes[0] != 6))
        sim_violate("environment", "an address that no call of the environment gave");
    place.v6 = address->bytes[0] == 6;
    memcpy(place.ip, address->bytes + 1, sizeof place.ip);
    place.port = (uint16_t)(address->bytes[17] << 8 | address->bytes[18]);
    return place;
}

void sim_place_address(const struct sim_place *place, struct wk_address *to) {
    memset(to, 0, sizeof *to);
    to->size = ADDRESS_BYTES;
    to->bytes[0] = place->v6 ? 6 : 4;
    memcpy(to->bytes + 1, place->ip, sizeof place->ip);
    to->bytes[17] = (uint8_t)(place->port >> 8);
    to->bytes[18] = (uint8_t)place->port;
}

static struct sim_place v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port) {
    struct sim_place place = {.port = port};
    memcpy(place.ip, mapped, sizeof mapped);
    const uint8_t bytes[4] = {a, b, c, d};
    memcpy(place.ip + 12, bytes, 4);
    return place;
}

static struct sim_place v6_of(uint32_t host, uint16_t port) {
    struct sim_place place = {.port = port, .v6 = true};
    memcpy(place.ip, private_v6, sizeof private_v6);
    place.ip[15] = (uint8_t)(host + 1);
    return place;
}

static struct sim_place v6_loopback(uint16_t port) {
    struct sim_place place = {.port = port, .v6 = true};
    place.ip[15] = 1;
    return place;
}

// ---- what an address is

static bool is_mapped(const struct sim_place *place) {
    return memcmp(place->ip, mapped, sizeof mapped) == 0;
}

static bool is_zero(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

bool sim_place_is_any(const struct sim_place *place) {
    return is_mapped(place) ? is_zero(place->ip + 12, 4) : is_zero(place->ip, 16);
}

static bool place_is_loopback(const struct sim_place *place) {
    if (is_mapped(place))
        return place->ip[12] == 127;
    return is_zero(place->ip, 15) && place->ip[15] == 1;
}

bool sim_net_is_loopback(struct wk_env *env, const struct wk_address *address) {
    (void)sim_enter(env, TEXT_COST_NS);
    struct sim_place place = sim_place_of(address);
    return place_is_loopback(&place);
}

struct sim_host *sim_place_host(const struct sim_place *place, struct sim_host *from) {
    if (place_is_loopback(place) || sim_place_is_any(place))
        return from;
    struct sim_place first = v4(10, 0, 0, 0, 0);
    bool ours = memcmp(place->ip, first.ip, 15) == 0 ||
                memcmp(place->ip, private_v6, sizeof private_v6) == 0;
    uint32_t number = place->ip[15];
    if (!ours || number == 0 || number > sim_host_count())
        return NULL;
    if (!is_mapped(place) && !naming[number - 1].v6)
        return NULL;
    return sim_host_at(number - 1);
}

struct sim_place sim_place_own(struct sim_host *host, const struct sim_place *peer) {
    if (place_is_loopback(peer) || sim_place_is_any(peer))
        return peer->v6 && !is_mapped(peer) ? v6_loopback(0) : v4(127, 0, 0, 1, 0);
    if (is_mapped(peer))
        return v4(10, 0, 0, (uint8_t)(host->index + 1), 0);
    return v6_of(host->index, 0);
}

bool sim_place_covers(const struct sim_place *bound, const struct sim_place *to) {
    if (bound->port != to->port)
        return false;
    bool any = sim_place_is_any(bound) && (!is_mapped(bound) || is_mapped(to)); // :: is for both
    return any || memcmp(bound->ip, to->ip, sizeof to->ip) == 0;
}

void sim_place_text(const struct sim_place *place, char *to, size_t capacity) {
    char ip[INET6_ADDRSTRLEN] = "?";
    (void)inet_ntop(place->v6 ? AF_INET6 : AF_INET, place->v6 ? place->ip : place->ip + 12, ip,
                    sizeof ip);
    snprintf(to, capacity, place->v6 ? "[%s]:%u" : "%s:%u", ip, (unsigned)place->port);
}

void sim_net_address_text(struct wk_env *env, const struct wk_address *address, char *to,
                          size_t capacity) {
    (void)sim_enter(env, TEXT_COST_NS);
    struct sim_place place = sim_place_of(address);
    sim_place_text(&place, to, capacity);
}

enum wk_status sim_net_unix_address(struct wk_env *env, const char *path, struct wk_address *out,
                                    struct wk_error *err) {
    (void)sim_enter(env, TEXT_COST_NS);
    (void)out;
    return wk_posix_fail_as(err, WK_UNAVAILABLE, "socket", path,
                            "UNIX sockets are not simulated yet");
}

// ---- names

struct answer {
    struct sim_place places[4];
    size_t count;
};

static bool numeric(const char *host, uint16_t port, struct answer *a) {
    struct sim_place place = {.port = port};
    memcpy(place.ip, mapped, sizeof mapped);
    if (inet_pton(AF_INET, host, place.ip + 12) != 1) {
        if (inet_pton(AF_INET6, host, place.ip) != 1)
            return false;
        place.v6 = true;
    }
    a->places[a->count++] = place;
    return true;
}

static void add_both(struct answer *a, struct sim_place four, struct sim_place six,
                     const struct naming *how) {
    if (how->v6 && how->v6_first)
        a->places[a->count++] = six;
    a->places[a->count++] = four;
    if (how->v6 && !how->v6_first)
        a->places[a->count++] = six;
}

static void look_up(const struct sim_process *p, const char *host, uint16_t port,
                    struct answer *a) {
    if (strcmp(host, "localhost") == 0) {
        struct naming how = {true, naming[p->host->index].v6_first};
        add_both(a, v4(127, 0, 0, 1, port), v6_loopback(port), &how);
        return;
    }
    for (uint32_t i = 0; i < sim_host_count(); i++) {
        if (strcmp(host, sim_host_at(i)->name) != 0)
            continue;
        if (sim_fault(SIM_FAULT_NET_STALE_ADDRESS))
            a->places[a->count++] = v4(10, 0, 0, NOBODY, port);
        add_both(a, v4(10, 0, 0, (uint8_t)(i + 1), port), v6_of(i, port), &naming[i]);
    }
}

// False: the deadline came first.
static bool ask_server(uint64_t ns, uint64_t until) {
    uint64_t answer_at = sim_now() + ns;
    (void)sim_block("resolve", NULL, answer_at < until ? answer_at : until);
    return answer_at <= until;
}

enum wk_status sim_net_resolve(struct wk_env *env, const char *host, uint16_t port,
                               uint64_t deadline_ns, struct wk_address *out, size_t capacity,
                               size_t *out_count, struct wk_error *err) {
    const struct sim_process *p = sim_enter(env, 2000);
    struct answer a = {.count = 0};
    if (host[0] == 0 || strlen(host) >= HOST_BYTES_MAX)
        return wk_posix_fail_as(err, WK_INVALID, "resolve", host, "not the name of a host");
    if (!numeric(host, port, &a)) {
        uint64_t until = sim_process_deadline(p, deadline_ns);
        bool fails = sim_fault(SIM_FAULT_NET_RESOLVE);
        uint64_t ns = sim_rng_log(&rng, 20000, 20000000);
        if (fails)
            ns = sim_rng_log(sim_fault_rng(SIM_FAULT_NET_RESOLVE), 1000000, 20000000000ull);
        if (!ask_server(ns, until))
            return wk_posix_fail(err, ETIMEDOUT, "resolve", host);
        if (fails)
            return wk_posix_fail_as(err, WK_UNAVAILABLE, "resolve", host,
                                    "the name service does not answer now");
        look_up(p, host, port, &a);
    }
    if (a.count == 0)
        return wk_posix_fail_as(err, WK_INVALID, "resolve", host, "no such host");
    size_t count = a.count < capacity ? a.count : capacity;
    for (size_t i = 0; i < count; i++)
        sim_place_address(&a.places[i], &out[i]);
    *out_count = count;
    sim_event("net.resolve", host, port, count);
    return WK_OK;
}
