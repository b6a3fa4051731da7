/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics: numbers with a name each. */
#include "store/store_impl.h"

struct sink {
    void (*each)(void *ctx, const char *name, uint64_t value);
    void *ctx;
};

static void put_number(const struct sink *to, const char *name, uint64_t value) {
    to->each(to->ctx, name, value);
}

static uint64_t read_counter(const wk_atomic_u64 *counter) {
    return wk_atomic_load_u64(counter, WK_RELAXED, "counters");
}

void wk_store_stats(struct wk_backend *b, void (*each)(void *ctx, const char *name, uint64_t value),
                    void *ctx) {
    const struct sink *to = &(struct sink){each, ctx};
    struct wk_store *s = wk_store_of(b);
    struct wk_arena_stats arena;
    struct wk_radix_stats radix;
    struct wk_pace_stats pace;
    wk_arena_stats(&s->cache.arena, &arena);
    wk_radix_stats(s->radix, &radix);
    wk_pace_stats(&s->pace, &pace);
#define PUT_COUNTER(name) put_number(to, #name, read_counter(&s->counters.name));
    WK_COUNTER_MAP(PUT_COUNTER)
#undef PUT_COUNTER
#define PUT_CLASS(id, name)                                                                        \
    put_number(to, "objects_" #name, read_counter(&s->counters.objects_##name));
    WK_OBJECT_CLASS_MAP(PUT_CLASS)
#undef PUT_CLASS
    put_number(to, "ram_budget_bytes", s->config.ram_bytes);
    put_number(to, "ram_region_bytes", arena.region_bytes);
    put_number(to, "ram_used_bytes", arena.used_bytes);
    put_number(to, "ram_table_bytes", arena.table_bytes);
    put_number(to, "ram_entries", wk_cache_entries(&s->cache));
    put_number(to, "overflow_bytes", arena.overflow_bytes);
    put_number(to, "evictions", arena.evictions);
    put_number(to, "flights", wk_flights_under_way(&s->flights));
    put_number(to, "in_flight", pace.in_flight);
    put_number(to, "in_flight_limit", pace.limit);
    put_number(to, "retries_left", pace.retries_left);
    put_number(to, "index_nodes", radix.nodes);
    put_number(to, "index_present", radix.present);
    put_number(to, "index_memory_bytes", radix.memory_bytes);
    put_number(to, "namespaces", radix.spaces);
}
