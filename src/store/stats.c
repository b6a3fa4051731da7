/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics as one flat JSON object of numbers. */
#include "base/text.h"
#include "store/store_impl.h"

static void put_number(struct wk_writer *to, const char *name, uint64_t value) {
    char text[96];
    wk_format(text, sizeof text, "%s\"%s\":%llu", to->data[to->at - 1] == '{' ? "" : ",", name,
              (unsigned long long)value);
    wk_write_text(to, text);
}

static uint64_t read_counter(const wk_atomic_u64 *counter) {
    return wk_atomic_load_u64(counter, WK_RELAXED, "counters");
}

void wk_store_stats_json(struct wk_backend *b, struct wk_writer *to) {
    struct wk_store *s = wk_store_of(b);
    struct wk_arena_stats arena;
    struct wk_radix_stats radix;
    wk_arena_stats(&s->cache.arena, &arena);
    wk_radix_stats(s->radix, &radix);
    wk_write_text(to, "{");
    if (to->failed)
        return;
#define PUT_COUNTER(name) put_number(to, #name, read_counter(&s->counters.name));
    WK_COUNTER_MAP(PUT_COUNTER)
#undef PUT_COUNTER
    put_number(to, "ram_budget_bytes", s->config.ram_bytes);
    put_number(to, "ram_region_bytes", arena.region_bytes);
    put_number(to, "ram_used_bytes", arena.used_bytes);
    put_number(to, "ram_table_bytes", arena.table_bytes);
    put_number(to, "ram_entries", wk_cache_entries(&s->cache));
    put_number(to, "overflow_bytes", arena.overflow_bytes);
    put_number(to, "evictions", arena.evictions);
    put_number(to, "flights", wk_flights_under_way(&s->flights));
    put_number(to, "index_nodes", radix.nodes);
    put_number(to, "index_present", radix.present);
    put_number(to, "index_memory_bytes", radix.memory_bytes);
    put_number(to, "namespaces", radix.spaces);
    wk_write_text(to, "}");
}
