/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/metrics.h"

#include "base/text.h"

void wk_metrics_init(struct wk_metrics *metrics, struct wk_env *env) {
    memset(metrics, 0, sizeof *metrics);
    metrics->env = env;
}

/* ---- noting ---------------------------------------------------------------------------------- */

/* Upper bounds; a page prints them in seconds. */
static const struct {
    uint64_t ns;
    const char *seconds;
} bounds[WK_METRICS_BUCKETS] = {
    {50000, "0.00005"},  {100000, "0.0001"},   {250000, "0.00025"}, {1000000, "0.001"},
    {2500000, "0.0025"}, {5000000, "0.005"},   {10000000, "0.01"},  {25000000, "0.025"},
    {100000000, "0.1"},  {250000000, "0.25"},  {1000000000, "1"},   {5000000000, "5"},
    {30000000000, "30"}, {UINT64_MAX, "+Inf"},
};

static size_t op_index(uint8_t op) {
    if (op >= WK_OP_PING && op <= WK_OP_PUT_KV_BLOCKS_BATCH)
        return op - 1u;
    return op == WK_OP_AUTH ? WK_METRICS_OPS - 2 : WK_METRICS_OPS - 1;
}

/* The other way round. */
static uint8_t op_of(size_t index) {
    if (index < WK_METRICS_OPS - 2)
        return (uint8_t)(index + 1);
    return index == WK_METRICS_OPS - 2 ? WK_OP_AUTH : 0;
}

static size_t bucket_index(uint64_t ns) {
    size_t i = 0;
    while (ns > bounds[i].ns)
        i++;
    return i;
}

static void add(wk_atomic_u64 *to, uint64_t value) {
    wk_atomic_add_u64(to, value, WK_RELAXED, "metrics");
}

static uint64_t get(const wk_atomic_u64 *from) {
    return wk_atomic_load_u64(from, WK_RELAXED, "metrics");
}

uint64_t wk_metrics_begin(struct wk_metrics *metrics) {
    add(&metrics->in_flight, 1);
    return wk_now_ns(metrics->env);
}

void wk_metrics_end(struct wk_metrics *metrics, uint64_t begun_ns, uint8_t op, uint8_t status) {
    uint64_t ns = wk_now_ns(metrics->env) - begun_ns;
    size_t at = op_index(op);
    add(&metrics->requests[at][status % WK_METRICS_STATUSES], 1);
    add(&metrics->buckets[at][bucket_index(ns)], 1);
    add(&metrics->nanoseconds[at], ns);
    wk_atomic_sub_u64(&metrics->in_flight, 1, WK_RELAXED, "metrics");
}

/* ---- the table as data ----------------------------------------------------------------------- */

enum kind { METRIC, STORE, SERVER, REQUESTS, SECONDS, IN_FLIGHT, BUILD };

struct row {
    enum kind kind;
    const char *name;   /* METRIC; STORE: the store's number */
    const char *type;   /* METRIC */
    const char *help;   /* METRIC */
    const char *labels; /* STORE, SERVER */
    size_t offset;      /* SERVER */
};

static const struct row rows[] = {
#define WK_METRIC(name_, type_, help_)                                                             \
    {.kind = METRIC, .name = #name_, .type = #type_, .help = help_},
#define WK_FROM_STORE(labels_, number_) {.kind = STORE, .labels = labels_, .name = number_},
#define WK_FROM_SERVER(labels_, member_)                                                           \
    {.kind = SERVER, .labels = labels_, .offset = offsetof(struct wk_rpc_server_stats, member_)},
#define WK_FROM_REQUESTS()  {.kind = REQUESTS},
#define WK_FROM_SECONDS()   {.kind = SECONDS},
#define WK_FROM_IN_FLIGHT() {.kind = IN_FLIGHT},
#define WK_FROM_BUILD()     {.kind = BUILD},
#include "daemon/metrics.def"
};
#define ROWS (sizeof rows / sizeof rows[0])

/* ---- the page -------------------------------------------------------------------------------- */

struct page {
    struct wk_metrics *metrics;
    struct wk_backend *store;
    struct wk_rpc_server_stats server;
    struct wk_writer *to;
    const char *metric; /* the one whose samples come */
    const char *number; /* of the store, looked for */
    uint64_t value;
};

static void put(struct page *p, const char *format, ...) WK_PRINTF(2, 3);
static void put(struct page *p, const char *format, ...) {
    char line[256];
    va_list args;
    va_start(args, format);
    size_t size = wk_format_list(line, sizeof line, format, args);
    va_end(args);
    wk_write_span(p->to, wk_span(line, size));
}

static void put_sample(struct page *p, const char *labels, uint64_t value) {
    const char *open = labels[0] == 0 ? "" : "{";
    const char *close = labels[0] == 0 ? "" : "}";
    put(p, "%s%s%s%s %llu\n", p->metric, open, labels, close, (unsigned long long)value);
}

static void take_if_wanted(void *ctx, const char *name, uint64_t value) {
    struct page *p = ctx;
    if (strcmp(name, p->number) == 0)
        p->value = value;
}

static void put_store(struct page *p, const struct row *row) {
    p->number = row->name;
    p->value = 0;
    p->store->ops->stats(p->store, take_if_wanted, p);
    put_sample(p, row->labels, p->value);
}

static void put_server(struct page *p, const struct row *row) {
    uint64_t value;
    memcpy(&value, (const uint8_t *)&p->server + row->offset, sizeof value);
    put_sample(p, row->labels, value);
}

static void put_requests(struct page *p) {
    for (size_t op = 0; op < WK_METRICS_OPS; op++) {
        for (size_t status = 0; status < WK_METRICS_STATUSES; status++)
            put(p, "%s{op=\"%s\",status=\"%s\"} %llu\n", p->metric, wk_op_name(op_of(op)),
                wk_reply_name((uint8_t)status),
                (unsigned long long)get(&p->metrics->requests[op][status]));
    }
}

static void put_histogram(struct page *p, size_t op) {
    uint64_t count = 0;
    const char *name = wk_op_name(op_of(op));
    for (size_t i = 0; i < WK_METRICS_BUCKETS; i++) {
        count += get(&p->metrics->buckets[op][i]);
        put(p, "%s_bucket{op=\"%s\",le=\"%s\"} %llu\n", p->metric, name, bounds[i].seconds,
            (unsigned long long)count);
    }
    uint64_t ns = get(&p->metrics->nanoseconds[op]);
    put(p, "%s_sum{op=\"%s\"} %llu.%09llu\n", p->metric, name,
        (unsigned long long)(ns / WK_NS_PER_S), (unsigned long long)(ns % WK_NS_PER_S));
    put(p, "%s_count{op=\"%s\"} %llu\n", p->metric, name, (unsigned long long)count);
}

static void put_row(struct page *p, const struct row *row) {
    switch (row->kind) {
    case METRIC:
        p->metric = row->name;
        put(p, "# HELP %s %s\n", row->name, row->help);
        put(p, "# TYPE %s %s\n", row->name, row->type);
        break;
    case STORE:
        put_store(p, row);
        break;
    case SERVER:
        put_server(p, row);
        break;
    case REQUESTS:
        put_requests(p);
        break;
    case SECONDS:
        for (size_t op = 0; op < WK_METRICS_OPS; op++)
            put_histogram(p, op);
        break;
    case IN_FLIGHT:
        put_sample(p, "", get(&p->metrics->in_flight));
        break;
    case BUILD:
        put_sample(p, "version=\"" WK_VERSION "\"", 1);
        break;
    }
}

bool wk_metrics_write(struct wk_metrics *metrics, struct wk_backend *store,
                      struct wk_rpc_server *server, struct wk_writer *to) {
    struct page page = {.metrics = metrics, .store = store, .to = to};
    wk_rpc_server_stats(server, &page.server);
    for (size_t i = 0; i < ROWS; i++)
        put_row(&page, &rows[i]);
    return !to->failed;
}

/* ---- the specification ----------------------------------------------------------------------- */

static const char spec_head[] =
    "# 0021 Metrics\n"
    "\n"
    "Generated from `src/daemon/metrics.def` by `make docs`; do not edit. `GET /metrics` of a\n"
    "daemon's HTTP listener, in Prometheus' text form; with tokens, an admin's is wanted.\n"
    "\n"
    "- **MET-1** (MUST) The page has exactly the metrics of this table, in this order.\n"
    "- **MET-2** (MUST) Units are seconds and bytes. No label holds a key, a namespace or a "
    "token.\n"
    "- **MET-3** (MUST) Counters never go down while the daemon runs.\n"
    "\n"
    "| metric | type | labels | what it tells |\n| --- | --- | --- | --- |\n";

/* The name of a label of `row`, or what the samples of its kind carry. */
static void put_labels(struct wk_writer *to, const struct row *row) {
    if (row->kind == REQUESTS)
        wk_write_text(to, "op, status");
    else if (row->kind == SECONDS)
        wk_write_text(to, "op, le");
    else if (row->kind == BUILD)
        wk_write_text(to, "version");
    else if (row->labels != NULL && row->labels[0] != 0)
        wk_write_span(to, wk_span(row->labels, (size_t)(strchr(row->labels, '=') - row->labels)));
}

void wk_metrics_write_spec(struct wk_writer *to) {
    wk_write_text(to, spec_head);
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind != METRIC)
            continue;
        wk_write_text(to, "| `");
        wk_write_text(to, rows[i].name);
        wk_write_text(to, "` | ");
        wk_write_text(to, rows[i].type);
        wk_write_text(to, " | ");
        put_labels(to, &rows[i + 1]);
        wk_write_text(to, " | ");
        wk_write_text(to, rows[i].help);
        wk_write_text(to, " |\n");
    }
}
