/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/times.h"

#include "base/text.h"

#define FINE       4u /* log2 of the steps for each doubling */
#define EXACT_LAST 32u

static uint64_t get(const wk_atomic_u64 *from) {
    return wk_atomic_load_u64(from, WK_RELAXED, "times");
}

static unsigned log2_of(uint64_t value) {
    unsigned bits = 0;
    while (value >>= 1)
        bits++;
    return bits;
}

/* Values under 32 have a step of their own; above, 16 steps for each doubling. */
static size_t step_of(uint64_t us) {
    if (us > UINT32_MAX)
        us = UINT32_MAX;
    if (us < EXACT_LAST)
        return (size_t)us;
    unsigned shift = log2_of(us) - FINE;
    return ((size_t)shift << FINE) + (size_t)(us >> shift);
}

/* The largest value of a step. */
static uint64_t step_last(size_t step) {
    if (step < EXACT_LAST)
        return step;
    unsigned shift = (unsigned)(step >> FINE) - 1;
    uint64_t top = (step & ((1u << FINE) - 1)) | (1u << FINE);
    return ((top + 1) << shift) - 1;
}

void wk_times_note(struct wk_times *times, enum wk_times_kind kind, uint64_t count, uint64_t bytes,
                   uint64_t microseconds) {
    struct wk_times_series *s = &times->series[kind];
    wk_atomic_add_u64(&s->count, count, WK_RELAXED, "times");
    wk_atomic_add_u64(&s->bytes, bytes, WK_RELAXED, "times");
    wk_atomic_add_u64(&s->microseconds, count * microseconds, WK_RELAXED, "times");
    wk_atomic_add_u64(&s->steps[step_of(microseconds)], count, WK_RELAXED, "times");
}

/* ---- the text -------------------------------------------------------------------------------- */

/* One line's numbers: those of one kind, or of RAM and disk together. */
struct line {
    uint64_t count;
    uint64_t bytes;
    uint64_t microseconds;
    uint64_t steps[WK_TIMES_STEPS];
};

static void line_add(struct line *line, const struct wk_times_series *s) {
    line->bytes += get(&s->bytes);
    line->microseconds += get(&s->microseconds);
    for (size_t i = 0; i < WK_TIMES_STEPS; i++) {
        uint64_t n = get(&s->steps[i]);
        line->steps[i] += n;
        line->count += n; /* so that ranks lie inside the steps */
    }
}

/* The sample of rank round(p * (count - 1)), p in ten-thousandths. */
static uint64_t percentile(const struct line *line, uint64_t p) {
    uint64_t rank;
    uint64_t seen = 0;
    if (line->count == 0)
        return 0;
    rank = ((line->count - 1) * p + 5000) / 10000;
    for (size_t i = 0; i < WK_TIMES_STEPS; i++) {
        seen += line->steps[i];
        if (seen > rank)
            return step_last(i);
    }
    return UINT32_MAX;
}

/* MiB per second in thousandths. */
static uint64_t throughput(const struct line *line) {
    const uint64_t mib = 1024 * 1024;
    if (line->microseconds == 0)
        return 0;
    /* bytes / MiB / (us / 1e6) * 1000, without passing 64 bits for any real number of bytes */
    uint64_t kib = line->bytes / 1024;
    return kib > UINT64_MAX / 1000000000 ? 0 : kib * 1000000000 / (mib / 1024) / line->microseconds;
}

static void write_line(const struct line *line, const char *op, struct wk_writer *to) {
    static const struct {
        const char *name;
        uint64_t p;
    } ranks[] = {{"p10", 1000}, {"p25", 2500}, {"p50", 5000},   {"p90", 9000},
                 {"p95", 9500}, {"p99", 9900}, {"p99_9", 9990}, {"p99_99", 9999}};
    char text[256];
    uint64_t mbs = throughput(line);
    wk_format(text, sizeof text,
              "{\"scope\":\"wombatkv_metrics\",\"op\":\"%s\",\"count\":%llu,\"bytes_total\":%llu,"
              "\"throughput_mb_per_s\":%llu.%03llu",
              op, (unsigned long long)line->count, (unsigned long long)line->bytes,
              (unsigned long long)(mbs / 1000), (unsigned long long)(mbs % 1000));
    wk_write_text(to, text);
    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++) {
        wk_format(text, sizeof text, ",\"%s_us\":%llu", ranks[i].name,
                  (unsigned long long)percentile(line, ranks[i].p));
        wk_write_text(to, text);
    }
    wk_format(text, sizeof text, ",\"max_us\":%llu}\n",
              (unsigned long long)percentile(line, 10000));
    wk_write_text(to, text);
}

void wk_times_write(const struct wk_times *times, struct wk_writer *to) {
    static const struct {
        const char *op;
        enum wk_times_kind first;
        enum wk_times_kind last;
    } lines[] = {
        {"stash", WK_TIMES_STASH, WK_TIMES_STASH},
        {"load_foyer", WK_TIMES_LOAD_RAM, WK_TIMES_LOAD_DISK},
        {"load_foyer_ram", WK_TIMES_LOAD_RAM, WK_TIMES_LOAD_RAM},
        {"load_foyer_ssd", WK_TIMES_LOAD_DISK, WK_TIMES_LOAD_DISK},
        {"load_s3", WK_TIMES_LOAD_OBJECT, WK_TIMES_LOAD_OBJECT},
        {"miss", WK_TIMES_MISS, WK_TIMES_MISS},
        {"restore_from_s3", WK_TIMES_RESTORE, WK_TIMES_RESTORE},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct line line;
        memset(&line, 0, sizeof line);
        for (int kind = (int)lines[i].first; kind <= (int)lines[i].last; kind++)
            line_add(&line, &times->series[kind]);
        write_line(&line, lines[i].op, to);
    }
}
