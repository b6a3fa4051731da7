/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reserve: a free slot of the class -> a new chunk in a free run of units -> eviction (see evict
 * section) -> NULL. Free: back to the chunk's free list; an empty chunk returns its units to the
 * region and its pages to the system.
 */
#include "store/arena.h"

#include "base/mark.h"
#include "base/num.h"

#define RANK_PINNED   UINT64_MAX
#define CLASS_LARGE   UINT32_MAX
#define LARGE_UNITS   16u  /* from here on a value gets units of its own */
#define SAMPLE_WANTED 16u  /* evictable slots that one eviction compares */
#define SAMPLE_STEPS  512u /* slots it looks at for them */
#define EVICT_TRIES   4u
#define OVERFLOW_MAP  (64u * 1024) /* from here on overflow takes pages of its own */

struct wk_chunk {
    struct wk_list in_class;
    struct wk_list in_partial;
    uint32_t class;
    uint32_t first_unit;
    uint32_t units;
    uint32_t slots;
    uint32_t used;
    uint64_t rank; /* scratch of the window search */
    struct wk_entry *free;
    struct wk_entry entries[];
};

/* How values of one size lie: what one slot is, and what one chunk of them is. */
struct shape {
    uint32_t class;
    uint64_t slot_bytes;
    uint32_t units;
    uint32_t slots;
};

/* ---- shapes ---- */

/* 16 classes to a doubling: class 0 is 1 KiB, class 16 is 2 KiB. */
static uint32_t class_of(uint64_t size, uint64_t *slot_bytes) {
    if (size <= WK_ARENA_SLOT_BYTES_MIN) {
        *slot_bytes = WK_ARENA_SLOT_BYTES_MIN;
        return 0;
    }
    uint32_t power = 63u - (uint32_t)__builtin_clzll(size - 1); /* 2^power < size <= 2^(power+1) */
    uint64_t step = 1ull << (power - 4);
    uint64_t steps = (size - (1ull << power) + step - 1) / step; /* 1..16 */
    *slot_bytes = (1ull << power) + steps * step;
    return (power - 10u) * 16u + (uint32_t)steps;
}

/* The shortest chunk that wastes at most 1/16; the least wasteful one where the region is small. */
static uint32_t chunk_units(const struct wk_arena *a, uint64_t slot_bytes) {
    uint32_t least = (uint32_t)((slot_bytes + a->unit_bytes - 1) / a->unit_bytes);
    uint32_t most = a->units / 8 > least ? a->units / 8 : least;
    uint32_t best = least;
    uint64_t best_waste = UINT64_MAX;
    for (uint32_t k = least; k <= most; k++) {
        uint64_t bytes = k * a->unit_bytes;
        uint64_t waste = (bytes % slot_bytes) * 1024 / bytes;
        if (waste < best_waste) {
            best = k;
            best_waste = waste;
        }
        if (waste <= 1024 / 16)
            break;
    }
    return best;
}

static struct shape shape_of(const struct wk_arena *a, uint64_t size) {
    struct shape s;
    s.class = class_of(size, &s.slot_bytes);
    if (s.slot_bytes >= LARGE_UNITS * a->unit_bytes || s.class >= WK_ARENA_CLASSES) {
        s.class = CLASS_LARGE;
        s.units = (uint32_t)((size + a->unit_bytes - 1) / a->unit_bytes);
        s.slot_bytes = s.units * a->unit_bytes;
        s.slots = 1;
        return s;
    }
    s.units = chunk_units(a, s.slot_bytes);
    s.slots = (uint32_t)(s.units * a->unit_bytes / s.slot_bytes);
    return s;
}

/* ---- chunks ---- */

static size_t chunk_table_bytes(uint32_t slots) {
    return sizeof(struct wk_chunk) + slots * sizeof(struct wk_entry);
}

/* First free run of `count` units; from the far end for large values. */
static bool find_free_run(const struct wk_arena *a, uint32_t count, bool from_end,
                          uint32_t *first) {
    uint32_t run = 0;
    for (uint32_t i = 0; i < a->units; i++) {
        uint32_t at = from_end ? a->units - 1 - i : i;
        run = a->unit_chunk[at] == NULL ? run + 1 : 0;
        if (run == count) {
            *first = from_end ? at : at + 1 - count;
            return true;
        }
    }
    return false;
}

static struct wk_chunk *chunk_create(struct wk_arena *a, const struct shape *s, uint32_t first) {
    size_t bytes = chunk_table_bytes(s->slots);
    if (a->stats.table_bytes + bytes > a->table_bytes_max)
        return NULL;
    struct wk_chunk *c = wk_alloc(a->env, WK_MEM_ARENA, bytes);
    if (c == NULL)
        return NULL;
    memset(c, 0, bytes);
    a->stats.table_bytes += bytes;
    c->class = s->class;
    c->first_unit = first;
    c->units = s->units;
    c->slots = s->slots;
    wk_list_init(&c->in_class);
    wk_list_init(&c->in_partial);
    for (uint32_t i = s->slots; i-- > 0;) {
        struct wk_entry *e = &c->entries[i];
        e->chunk = c;
        e->bytes = a->region + first * a->unit_bytes + i * s->slot_bytes;
        e->capacity = s->slot_bytes;
        e->next = c->free;
        c->free = e;
    }
    for (uint32_t i = 0; i < s->units; i++)
        a->unit_chunk[first + i] = c;
    if (s->class != CLASS_LARGE) {
        wk_list_append(&a->classes[s->class].chunks, &c->in_class);
        wk_list_append(&a->classes[s->class].partial, &c->in_partial);
    }
    return c;
}

/* An empty chunk goes. `discard`: nobody is about to write these pages. */
static void chunk_destroy(struct wk_arena *a, struct wk_chunk *c, bool discard) {
    if (c->class != CLASS_LARGE) {
        struct wk_arena_class *class = &a->classes[c->class];
        if (class->hand_chunk == c)
            class->hand_chunk = NULL;
    }
    wk_list_remove(&c->in_class);
    wk_list_remove(&c->in_partial);
    for (uint32_t i = 0; i < c->units; i++)
        a->unit_chunk[c->first_unit + i] = NULL;
    if (discard)
        a->env->mem->discard(a->env, a->region + c->first_unit * a->unit_bytes,
                             c->units * a->unit_bytes);
    size_t bytes = chunk_table_bytes(c->slots);
    a->stats.table_bytes -= bytes;
    wk_release(a->env, WK_MEM_ARENA, c, bytes);
}

/* ---- slots ---- */

static struct wk_entry *slot_take(struct wk_arena *a, struct wk_chunk *c) {
    struct wk_entry *e = c->free;
    c->free = e->next;
    c->used++;
    if (c->free == NULL)
        wk_list_remove(&c->in_partial);
    e->taken = true;
    a->stats.used_bytes += e->capacity;
    a->stats.entries++;
    return e;
}

/* Leaves the chunk in place even when it is empty now. */
static void slot_give(struct wk_arena *a, struct wk_entry *e) {
    struct wk_chunk *c = e->chunk;
    e->taken = false;
    if (c->free == NULL && c->class != CLASS_LARGE)
        wk_list_append(&a->classes[c->class].partial, &c->in_partial);
    e->next = c->free;
    c->free = e;
    c->used--;
    a->stats.used_bytes -= e->capacity;
    a->stats.entries--;
}

static struct wk_entry *take_free_slot(struct wk_arena *a, const struct shape *s) {
    if (s->class == CLASS_LARGE || wk_list_empty(&a->classes[s->class].partial))
        return NULL;
    struct wk_list *first = a->classes[s->class].partial.next;
    return slot_take(a, WK_CONTAINER_OF(first, struct wk_chunk, in_partial));
}

static struct wk_entry *take_new_chunk(struct wk_arena *a, const struct shape *s) {
    uint32_t first;
    if (!find_free_run(a, s->units, s->class == CLASS_LARGE, &first))
        return NULL;
    struct wk_chunk *c = chunk_create(a, s, first);
    return c == NULL ? NULL : slot_take(a, c);
}

/* ---- eviction ---- */

/* Acquire: what the last holder read was read before the slot is written again. */
static bool evictable(const struct wk_entry *e) {
    return e->taken && wk_atomic_load_u32(&e->pins, WK_ACQUIRE, "arena.evictable") == 0;
}

static uint64_t rank_of(const struct wk_entry *e) {
    return wk_atomic_load_u64(&e->rank, WK_RELAXED, "entry.rank");
}

/* The next slot under the hand of a class that has chunks. */
static struct wk_entry *hand_next(struct wk_arena_class *class) {
    struct wk_chunk *c = class->hand_chunk;
    if (c == NULL || class->hand_slot >= c->slots) {
        struct wk_list *next = c == NULL ? class->chunks.next : c->in_class.next;
        if (next == &class->chunks)
            next = next->next;
        c = WK_CONTAINER_OF(next, struct wk_chunk, in_class);
        class->hand_chunk = c;
        class->hand_slot = 0;
    }
    return &c->entries[class->hand_slot++];
}

/* The coldest of the next few evictable slots of the class, or NULL. */
static struct wk_entry *coldest_of_sample(struct wk_arena_class *class) {
    struct wk_entry *coldest = NULL;
    uint32_t seen = 0;
    for (uint32_t step = 0; step < SAMPLE_STEPS && seen < SAMPLE_WANTED; step++) {
        struct wk_entry *e = hand_next(class);
        if (!evictable(e))
            continue;
        seen++;
        if (coldest == NULL || rank_of(e) < rank_of(coldest))
            coldest = e;
    }
    return coldest;
}

/* A chunk is as warm as the warmest value in it. */
static uint64_t chunk_rank(const struct wk_chunk *c) {
    uint64_t rank = 0;
    for (uint32_t i = 0; i < c->slots; i++) {
        const struct wk_entry *e = &c->entries[i];
        if (!e->taken)
            continue;
        if (!evictable(e))
            return RANK_PINNED;
        rank = wk_max_u64(rank, rank_of(e));
    }
    return rank;
}

static void rank_chunks(struct wk_arena *a) {
    for (uint32_t i = 0; i < a->units;) {
        struct wk_chunk *c = a->unit_chunk[i];
        if (c != NULL)
            c->rank = chunk_rank(c);
        i += c == NULL ? 1 : c->units;
    }
}

/* Warmth of the window, or where the next window may start because of a pinned chunk. */
static uint64_t window_rank(const struct wk_arena *a, uint32_t first, uint32_t count,
                            uint32_t *next) {
    uint64_t rank = 0;
    for (uint32_t i = first; i < first + count;) {
        const struct wk_chunk *c = a->unit_chunk[i];
        if (c == NULL) {
            i++;
            continue;
        }
        uint32_t end = c->first_unit + c->units;
        if (c->rank == RANK_PINNED) {
            *next = end;
            return RANK_PINNED;
        }
        rank = wk_max_u64(rank, c->rank);
        i = end;
    }
    *next = first + 1;
    return rank;
}

/* The run of units whose warmest value is the coldest. */
static bool cheapest_window(struct wk_arena *a, uint32_t count, uint32_t *first, uint64_t *rank) {
    rank_chunks(a);
    *rank = RANK_PINNED;
    uint32_t next;
    for (uint32_t at = 0; at + count <= a->units; at = next) {
        uint64_t here = window_rank(a, at, count, &next);
        if (here < *rank) {
            *rank = here;
            *first = at;
        }
    }
    return *rank != RANK_PINNED;
}

/* False when a value was pinned meanwhile; the others of the chunk are gone by then. */
static bool empty_chunk(struct wk_arena *a, struct wk_chunk *c) {
    for (uint32_t i = 0; i < c->slots; i++) {
        struct wk_entry *e = &c->entries[i];
        if (!e->taken)
            continue;
        if (!a->evict(a->ctx, e)) {
            WK_MARK("arena.pinned_meanwhile");
            return false;
        }
        a->stats.evictions++;
        slot_give(a, e);
    }
    return true;
}

static struct wk_entry *take_window(struct wk_arena *a, const struct shape *s, uint32_t first) {
    for (uint32_t i = first; i < first + s->units;) {
        struct wk_chunk *c = a->unit_chunk[i];
        if (c == NULL) {
            i++;
            continue;
        }
        i = c->first_unit + c->units;
        if (!empty_chunk(a, c))
            return NULL;
        chunk_destroy(a, c, false);
    }
    struct wk_chunk *c = chunk_create(a, s, first);
    return c == NULL ? NULL : slot_take(a, c);
}

static struct wk_entry *evict_window(struct wk_arena *a, const struct shape *s) {
    uint32_t first;
    uint64_t rank;
    if (!cheapest_window(a, s->units, &first, &rank))
        return NULL;
    WK_MARK("arena.evict_window");
    return take_window(a, s, first);
}

/*
 * One value of the same class, unless another part of the region is colder as a whole. The look
 * at the whole region is dear, so it is taken once per chunk's worth of evictions.
 */
static struct wk_entry *evict_one(struct wk_arena *a, const struct shape *s) {
    struct wk_arena_class *class = &a->classes[s->class];
    for (uint32_t i = 0; i < EVICT_TRIES && !wk_list_empty(&class->chunks); i++) {
        struct wk_entry *e = coldest_of_sample(class);
        if (e == NULL)
            return NULL;
        if (++class->evicted >= s->slots) {
            class->evicted = 0;
            uint32_t first;
            uint64_t rank;
            if (cheapest_window(a, s->units, &first, &rank) && rank < rank_of(e)) {
                WK_MARK("arena.evict_colder_window");
                e = take_window(a, s, first); /* the one sampled may be gone with it */
                if (e != NULL)
                    return e;
                continue;
            }
        }
        if (a->evict(a->ctx, e)) {
            a->stats.evictions++;
            return e;
        }
        WK_MARK("arena.victim_pinned_meanwhile");
    }
    return NULL;
}

static struct wk_chunk *coldest_chunk(struct wk_arena *a) {
    struct wk_chunk *coldest = NULL;
    rank_chunks(a);
    for (uint32_t i = 0; i < a->units;) {
        struct wk_chunk *c = a->unit_chunk[i];
        i += c == NULL ? 1 : c->units;
        if (c != NULL && c->rank != RANK_PINNED && (coldest == NULL || c->rank < coldest->rank))
            coldest = c;
    }
    return coldest;
}

/* Many small values can use up the tables before the region: then whole chunks have to go. */
static void make_room_for_tables(struct wk_arena *a, uint32_t slots) {
    size_t need = chunk_table_bytes(slots);
    while (a->stats.table_bytes + need > a->table_bytes_max) {
        struct wk_chunk *c = coldest_chunk(a);
        if (c == NULL || !empty_chunk(a, c))
            return;
        WK_MARK("arena.evict_for_tables");
        chunk_destroy(a, c, true);
    }
}

static struct wk_entry *take_by_eviction(struct wk_arena *a, const struct shape *s) {
    struct wk_entry *e = NULL;
    if (s->class != CLASS_LARGE && !wk_list_empty(&a->classes[s->class].chunks))
        e = evict_one(a, s);
    if (e != NULL)
        return e;
    make_room_for_tables(a, s->slots);
    return evict_window(a, s);
}

/* ---- the functions ---- */

static void entry_make_private(struct wk_entry *e, uint64_t size) {
    e->length = size;
    e->crc32c = 0;
    e->next = NULL;
    e->fetched_ns = 0;
    wk_atomic_store_u32(&e->hits, 0, WK_RELAXED, "entry.hits");
    wk_atomic_store_u64(&e->rank, 0, WK_RELAXED, "entry.rank");
    wk_atomic_store_u32(&e->pins, WK_PINS_PRIVATE | 1u, WK_RELAXED, "entry.reserve");
}

struct wk_entry *wk_arena_reserve(struct wk_arena *a, uint64_t size) {
    if (a->units == 0 || size > a->region_bytes)
        return NULL;
    struct shape s = shape_of(a, size);
    if (s.units > a->units)
        return NULL;
    wk_lock(a->env, &a->mutex);
    struct wk_entry *e = take_free_slot(a, &s);
    if (e == NULL)
        e = take_new_chunk(a, &s);
    if (e == NULL)
        e = take_by_eviction(a, &s);
    if (e != NULL)
        entry_make_private(e, size);
    wk_unlock(a->env, &a->mutex);
    return e;
}

static void count_overflow(struct wk_arena *a, uint64_t added, uint64_t removed) {
    wk_lock(a->env, &a->mutex);
    a->stats.overflow_bytes += added;
    a->stats.overflow_bytes -= removed;
    wk_unlock(a->env, &a->mutex);
}

struct wk_entry *wk_arena_overflow(struct wk_arena *a, uint64_t size) {
    struct wk_entry *e = wk_alloc(a->env, WK_MEM_HANDLE, sizeof *e);
    if (e == NULL)
        return NULL;
    memset(e, 0, sizeof *e);
    e->capacity = size;
    e->bytes = size >= OVERFLOW_MAP ? a->env->mem->map(a->env, WK_MEM_OVERFLOW, size)
                                    : wk_alloc(a->env, WK_MEM_OVERFLOW, size);
    if (e->bytes == NULL) {
        wk_release(a->env, WK_MEM_HANDLE, e, sizeof *e);
        return NULL;
    }
    WK_MARK("arena.overflow");
    entry_make_private(e, size);
    count_overflow(a, size, 0);
    return e;
}

static void overflow_free(struct wk_arena *a, struct wk_entry *e) {
    count_overflow(a, 0, e->capacity);
    if (e->capacity >= OVERFLOW_MAP)
        a->env->mem->unmap(a->env, WK_MEM_OVERFLOW, e->bytes, e->capacity);
    else
        wk_release(a->env, WK_MEM_OVERFLOW, e->bytes, e->capacity);
    wk_release(a->env, WK_MEM_HANDLE, e, sizeof *e);
}

void wk_arena_free(struct wk_arena *a, struct wk_entry *e) {
    if (e->chunk == NULL) {
        overflow_free(a, e);
        return;
    }
    struct wk_chunk *c = e->chunk;
    wk_lock(a->env, &a->mutex);
    slot_give(a, e);
    if (c->used == 0)
        chunk_destroy(a, c, true);
    wk_unlock(a->env, &a->mutex);
}

void wk_arena_stats(struct wk_arena *a, struct wk_arena_stats *out) {
    wk_lock(a->env, &a->mutex);
    *out = a->stats;
    wk_unlock(a->env, &a->mutex);
}

static struct wk_entry *slot_after(const struct wk_arena *a, struct wk_arena_cursor *at) {
    for (; at->unit < a->units; at->unit++, at->slot = 0) {
        struct wk_chunk *c = a->unit_chunk[at->unit];
        if (c == NULL || c->first_unit != at->unit)
            continue;
        while (at->slot < c->slots) {
            struct wk_entry *e = &c->entries[at->slot++];
            if (e->taken)
                return e;
        }
    }
    return NULL;
}

bool wk_arena_next(struct wk_arena *a, struct wk_arena_cursor *cursor,
                   void (*visit)(void *ctx, struct wk_entry *entry), void *ctx) {
    wk_lock(a->env, &a->mutex);
    struct wk_entry *e = slot_after(a, cursor);
    if (e != NULL)
        visit(ctx, e);
    wk_unlock(a->env, &a->mutex);
    return e != NULL;
}

static uint64_t unit_bytes_for(uint64_t ram_bytes) {
    uint64_t unit = WK_ARENA_UNIT_BYTES_MIN;
    while (unit < WK_ARENA_UNIT_BYTES_MAX && unit * 1024 < ram_bytes)
        unit *= 2;
    return unit;
}

enum wk_status wk_arena_init(struct wk_arena *a, struct wk_env *env, uint64_t ram_bytes,
                             bool (*evict)(void *ctx, struct wk_entry *entry), void *ctx,
                             struct wk_error *err) {
    memset(a, 0, sizeof *a);
    a->env = env;
    a->evict = evict;
    a->ctx = ctx;
    for (uint32_t i = 0; i < WK_ARENA_CLASSES; i++) {
        wk_list_init(&a->classes[i].chunks);
        wk_list_init(&a->classes[i].partial);
    }
    /* One sixteenth of the budget is for the tables of the slots. */
    uint64_t tables = ram_bytes / 16;
    a->unit_bytes = unit_bytes_for(ram_bytes);
    a->units = (uint32_t)wk_min_u64((ram_bytes - tables) / a->unit_bytes, UINT32_MAX / 2);
    a->region_bytes = a->units * a->unit_bytes;
    a->table_bytes_max = wk_max_u64(tables, WK_ARENA_FIXED_BYTES / 2);
    a->stats.region_bytes = a->region_bytes;
    a->stats.table_bytes = a->units * sizeof *a->unit_chunk;
    if (env->threads->mutex_init(env, &a->mutex) != WK_OK)
        return wk_fail(err, WK_NO_MEMORY, "no memory for the RAM cache");
    if (a->units == 0)
        return WK_OK;
    size_t map_bytes = a->units * sizeof *a->unit_chunk;
    a->unit_chunk = wk_alloc(env, WK_MEM_ARENA, map_bytes);
    if (a->unit_chunk != NULL)
        a->region = env->mem->map(env, WK_MEM_ARENA, a->region_bytes);
    if (a->region == NULL) {
        wk_release(env, WK_MEM_ARENA, a->unit_chunk, map_bytes);
        env->threads->mutex_destroy(env, &a->mutex);
        return wk_fail(err, WK_NO_MEMORY, "no memory for a RAM cache of %llu bytes",
                       (unsigned long long)ram_bytes);
    }
    memset(a->unit_chunk, 0, map_bytes);
    return WK_OK;
}

void wk_arena_destroy(struct wk_arena *a) {
    for (uint32_t i = 0; i < a->units;) {
        struct wk_chunk *c = a->unit_chunk[i];
        i += c == NULL ? 1 : c->units;
        if (c != NULL)
            chunk_destroy(a, c, false);
    }
    if (a->units != 0) {
        a->env->mem->unmap(a->env, WK_MEM_ARENA, a->region, a->region_bytes);
        wk_release(a->env, WK_MEM_ARENA, a->unit_chunk, a->units * sizeof *a->unit_chunk);
    }
    a->env->threads->mutex_destroy(a->env, &a->mutex);
}
