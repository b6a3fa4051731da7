// SPDX-License-Identifier: Apache-2.0
// Plans as text, one item a line, "name value value ...": what tests/capsules/ keeps. Blank lines
// and lines that begin with '#' mean nothing.
#include <inttypes.h>
#include <string.h>

#include "plan.h"
#include "universe.h"

#define LINE_BYTES 512u

// ---- writing

static void write_engine(const char *what, const struct sim_engine_plan *e, FILE *to) {
    fprintf(to,
            "%s host=%u sessions=%u threads=%u handles=%u bucket=%u,%u exits=%u frees=%u "
            "config=%u ram=%" PRIu64 " level=%u parallel=%u retries=%u backoff=%u fresh=%u "
            "probe=%u ttl=%u scrub=%u nodes=%u log=%u space=%u model=%u reconcile=%u budget=%u "
            "via=%u,%u "
            "remote=%u\n",
            what, e->host, e->sessions, e->threads, e->handles, e->bucket[0], e->bucket[1],
            e->exits, e->frees_first, e->by_config, e->ram_bytes, e->level, e->parallel, e->retries,
            e->backoff_ms, e->tail_fresh_ms, e->probe_ms, e->probe_ttl_ms, e->scrub_ms,
            e->index_nodes, e->log_level, e->first_space, e->model, e->reconcile_ms,
            e->retry_budget, e->via[0], e->via[1], e->remote_ms);
}

static void write_daemon(const struct sim_daemon_plan *d, FILE *to) {
    if (d->count == 0)
        return;
    fprintf(to, "daemon tokens=%u drain=%u restart=%u\n", d->tokens, d->drain_s, d->restart_ms);
    write_engine("daemon-store", &d->store, to);
}

void sim_plan_write(const struct sim_plan *p, FILE *to) {
    const struct sim_schedule *s = &p->schedule;
    fprintf(to, "# a scenario of wombatkv-sim\nseed %" PRIu64 "\n", p->seed);
    fprintf(to, "schedule %s call=%u atomic=%u delay=%u drain=%u change=%u\n",
            sim_strategy_name(s->strategy), s->switch_call_ppm, s->switch_atomic_ppm,
            s->buffer_delay_ppm, s->buffer_drain_ppm, s->change_steps);
    fprintf(to, "world hosts=%u chaos=%u fail_allocation=%u\n", p->hosts, p->chaos_ms,
            p->fail_after_allocations);
    for (int i = 0; i < SIM_FAULT_COUNT; i++) {
        if (p->faults.ppm[i] > 0)
            fprintf(to, "fault %s %u\n", sim_fault_name((enum sim_fault)i), p->faults.ppm[i]);
    }
    for (uint32_t i = 0; i < p->bucket_count; i++)
        fprintf(to, "bucket endpoint=%u caps=%u etags=%u latency=%" PRIu64 " byte=%" PRIu64 "\n",
                (unsigned)p->buckets[i].endpoint, p->buckets[i].caps, p->buckets[i].content_etags,
                p->buckets[i].latency_ns, p->buckets[i].byte_ps);
    for (uint32_t i = 0; i < p->engine_count; i++)
        write_engine("engine", &p->engines[i], to);
    write_daemon(&p->daemon, to);
    for (uint32_t i = 0; i < p->op_count; i++) {
        const struct sim_op *o = &p->ops[i];
        fprintf(to,
                "op %s engine=%u session=%u thread=%u handle=%u space=%u chain=%u from=%u "
                "count=%u version=%u deadline=%d hold=%u\n",
                sim_op_name((enum sim_op_kind)o->kind), o->engine, o->session, o->thread, o->handle,
                o->space, o->chain, o->from, o->count, o->version, o->deadline_ms, o->hold);
    }
}

// ---- reading

static bool read_schedule(struct sim_plan *p, const char *line) {
    char name[24];
    struct sim_schedule *s = &p->schedule;
    if (sscanf(line, "schedule %23s call=%u atomic=%u delay=%u drain=%u change=%u", name,
               &s->switch_call_ppm, &s->switch_atomic_ppm, &s->buffer_delay_ppm,
               &s->buffer_drain_ppm, &s->change_steps) != 6)
        return false;
    int i = 0;
    while (i < SIM_STRATEGY_COUNT && strcmp(name, sim_strategy_name((enum sim_strategy)i)) != 0)
        i++;
    s->strategy = (enum sim_strategy)i;
    return i < SIM_STRATEGY_COUNT && s->change_steps > 0;
}

static bool read_fault(struct sim_plan *p, const char *line) {
    char name[64];
    uint32_t ppm;
    if (sscanf(line, "fault %63s %u", name, &ppm) != 2)
        return false;
    enum sim_fault fault = sim_fault_find(name);
    if (fault == SIM_FAULT_COUNT)
        return false;
    p->faults.ppm[fault] = ppm;
    return true;
}

static bool read_bucket(struct sim_plan *p, const char *line) {
    unsigned endpoint, etags;
    struct sim_bucket_plan *b = &p->buckets[p->bucket_count];
    if (p->bucket_count == SIM_BUCKETS_MAX ||
        sscanf(line, "bucket endpoint=%u caps=%u etags=%u latency=%" SCNu64 " byte=%" SCNu64,
               &endpoint, &b->caps, &etags, &b->latency_ns, &b->byte_ps) != 5)
        return false;
    b->endpoint = (enum sim_endpoint)endpoint;
    b->content_etags = etags != 0;
    p->bucket_count++;
    return endpoint <= SIM_ENDPOINT_DIR;
}

static bool read_settings(struct sim_engine_plan *e, const char *line) {
    e->retry_budget = 256;
    if (sscanf(line,
               "%*s host=%u sessions=%u threads=%u handles=%u bucket=%u,%u exits=%u frees=%u "
               "config=%u ram=%" SCNu64 " level=%u parallel=%u retries=%u backoff=%u fresh=%u "
               "probe=%u ttl=%u scrub=%u nodes=%u log=%u space=%u model=%u reconcile=%u budget=%u "
               "via=%u,%u remote=%u",
               &e->host, &e->sessions, &e->threads, &e->handles, &e->bucket[0], &e->bucket[1],
               &e->exits, &e->frees_first, &e->by_config, &e->ram_bytes, &e->level, &e->parallel,
               &e->retries, &e->backoff_ms, &e->tail_fresh_ms, &e->probe_ms, &e->probe_ttl_ms,
               &e->scrub_ms, &e->index_nodes, &e->log_level, &e->first_space, &e->model,
               &e->reconcile_ms, &e->retry_budget, &e->via[0], &e->via[1], &e->remote_ms) < 21)
        return false; // the last ones came later and may be missing
    return e->sessions <= SIM_SESSIONS_MAX && e->threads <= SIM_THREADS_MAX && e->handles <= 2 &&
           e->model <= SIM_MODELS_MAX && e->via[0] < SIM_VIA_COUNT && e->via[1] < SIM_VIA_COUNT;
}

static bool read_engine(struct sim_plan *p, const char *line) {
    if (p->engine_count == SIM_ENGINES_MAX || !read_settings(&p->engines[p->engine_count], line))
        return false;
    p->engine_count++;
    return true;
}

static bool read_daemon(struct sim_plan *p, const char *line) {
    struct sim_daemon_plan *d = &p->daemon;
    d->count = 1;
    return sscanf(line, "daemon tokens=%u drain=%u restart=%u", &d->tokens, &d->drain_s,
                  &d->restart_ms) == 3;
}

static bool read_op(struct sim_plan *p, const char *line) {
    char name[24];
    unsigned n[9];
    struct sim_op *o = &p->ops[p->op_count];
    if (p->op_count == SIM_OPS_MAX ||
        sscanf(line,
               "op %23s engine=%u session=%u thread=%u handle=%u space=%u chain=%u from=%u "
               "count=%u version=%u deadline=%d hold=%u",
               name, &n[0], &n[1], &n[2], &n[3], &n[4], &n[5], &n[6], &n[7], &o->version,
               &o->deadline_ms, &o->hold) != 12)
        return false;
    int kind = 0;
    while (kind < SIM_OP_COUNT && strcmp(name, sim_op_name((enum sim_op_kind)kind)) != 0)
        kind++;
    o->kind = (uint8_t)kind;
    o->engine = (uint8_t)n[0];
    o->session = (uint8_t)n[1];
    o->thread = (uint8_t)n[2];
    o->handle = (uint8_t)n[3];
    o->space = (uint8_t)n[4];
    o->chain = (uint16_t)n[5];
    o->from = (uint16_t)n[6];
    o->count = (uint16_t)n[7];
    p->op_count++;
    return kind < SIM_OP_COUNT && o->engine < SIM_ENGINES_MAX && o->space < SIM_SPACES_MAX;
}

static bool read_line(struct sim_plan *p, const char *line) {
    if (strncmp(line, "op ", 3) == 0)
        return read_op(p, line);
    if (strncmp(line, "fault ", 6) == 0)
        return read_fault(p, line);
    if (strncmp(line, "daemon ", 7) == 0)
        return read_daemon(p, line);
    if (strncmp(line, "daemon-store ", 13) == 0)
        return read_settings(&p->daemon.store, line);
    if (strncmp(line, "engine ", 7) == 0)
        return read_engine(p, line);
    if (strncmp(line, "bucket ", 7) == 0)
        return read_bucket(p, line);
    if (strncmp(line, "schedule ", 9) == 0)
        return read_schedule(p, line);
    if (strncmp(line, "world ", 6) == 0)
        return sscanf(line, "world hosts=%u chaos=%u fail_allocation=%u", &p->hosts, &p->chaos_ms,
                      &p->fail_after_allocations) == 3 &&
               p->chaos_ms > 0;
    if (strncmp(line, "seed ", 5) == 0)
        return sscanf(line, "seed %" SCNu64, &p->seed) == 1;
    return line[0] == '#' || line[0] == '\n';
}

// Whoever goes through a daemon shares its bucket.
static bool daemon_fits(const struct sim_plan *p) {
    const struct sim_engine_plan *d = &p->daemon.store;
    bool fits =
        p->daemon.count == 0 || (d->host < p->hosts && d->bucket[0] < p->bucket_count &&
                                 p->buckets[d->bucket[0]].endpoint != SIM_ENDPOINT_CALLBACKS);
    for (uint32_t i = 0; i < 2 * p->engine_count; i++) {
        const struct sim_engine_plan *e = &p->engines[i / 2];
        fits = fits && (e->via[i % 2] == SIM_VIA_EMBEDDED ||
                        (p->daemon.count > 0 && e->bucket[i % 2] == d->bucket[0]));
    }
    return fits;
}

static bool fits_together(const struct sim_plan *p) {
    bool fits = daemon_fits(p) && p->engine_count > 0 && p->bucket_count > 0 && p->hosts > 0 &&
                p->schedule.change_steps > 0 && p->chaos_ms > 0;
    for (uint32_t i = 0; i < p->engine_count; i++)
        fits = fits && p->engines[i].host < p->hosts && p->engines[i].handles > 0 &&
               p->engines[i].threads > 0 && p->engines[i].bucket[0] < p->bucket_count &&
               p->engines[i].bucket[1] < p->bucket_count;
    return fits;
}

bool sim_plan_read(struct sim_plan *p, FILE *from, const char *name) {
    char line[LINE_BYTES];
    uint32_t number = 0;
    memset(p, 0, sizeof *p);
    while (fgets(line, sizeof line, from) != NULL) {
        number++;
        if (!read_line(p, line)) {
            fprintf(stderr, "%s:%u: not understood: %s", name, number, line);
            return false;
        }
    }
    if (!fits_together(p)) {
        fprintf(stderr, "%s: something is missing, or does not fit together\n", name);
        return false;
    }
    return true;
}
