// SPDX-License-Identifier: Apache-2.0
// Chunks: [header 32 | payload, rounded up | canary 16]. Classes are multiples of 16 up to 1 KiB,
// then four per octave. Freed chunks queue per class, so that a stale pointer meets the pattern.
#include "heap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "atomics.h"
#include "pool.h"
#include "report.h"

#if defined(__SANITIZE_ADDRESS__)
#define SIM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIM_ASAN 1
#endif
#endif
#ifdef SIM_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n)   __asan_poison_memory_region(p, n)
#define UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
#define POISON(p, n)   ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#define RANGES_MAX   256u
#define HEAP_BYTES   ((size_t)512 << 20)
#define MAP_BYTES    ((size_t)2 << 30)
#define FILL_BYTES   ((size_t)64 << 10) // more than this is filled at both ends only
#define CHECK_BYTES  ((size_t)512)
#define CANARY_BYTES 16u
#define ASIDE        6u // released chunks of a class that are kept before reuse
#define RELEASED     0xdd
#define CANARY       0xc5
#define LIVE         0x4c495645u
#define FREE         0x46524545u
#define CLASSES      160u

struct header {
    uint32_t state;
    uint32_t owner;
    uint64_t size;
    uint64_t serial;
    uint32_t class;
    uint32_t next; // free list: offset / 16
};

struct sim_mapping {
    struct sim_mapping *next;
    uint8_t *at;
    size_t size; // as asked
    enum wk_mem_owner owner;
    bool live;
};

struct range {
    uint8_t *base;
    size_t heap_used; // by the last process that had it
    size_t map_used;
    bool hidden;
};

static struct range ranges[RANGES_MAX];
static uint32_t ranges_taken;

static const char *const owner_names[WK_MEM_OWNER_COUNT] = {"handle", "index", "arena", "overflow",
                                                            "io"};

static size_t page_round(size_t size) {
    return (size + 4095) & ~(size_t)4095;
}

static void range_prepare(struct range *r) {
    if (r->base == NULL) {
        void *at = mmap(NULL, HEAP_BYTES + MAP_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED)
            sim_harness_fail("no addresses for a simulated process");
        r->base = at;
    }
    if (r->hidden)
        (void)mprotect(r->base, HEAP_BYTES + MAP_BYTES, PROT_READ | PROT_WRITE);
    UNPOISON(r->base, r->heap_used);
    if (r->heap_used > (size_t)8 << 20)
        (void)madvise(r->base, page_round(r->heap_used), MADV_DONTNEED);
    if (r->map_used > 0) {
        UNPOISON(r->base + HEAP_BYTES, r->map_used);
        (void)madvise(r->base + HEAP_BYTES, r->map_used, MADV_DONTNEED);
    }
    r->hidden = false;
    r->heap_used = 0;
    r->map_used = 0;
}

void sim_heap_create(struct sim_heap *h, uint8_t pattern) {
    if (ranges_taken == RANGES_MAX)
        sim_harness_fail("more than %u processes in one seed", RANGES_MAX);
    memset(h, 0, sizeof *h);
    h->range = ranges_taken++;
    struct range *r = &ranges[h->range];
    range_prepare(r);
    h->base = r->base;
    h->used = 64; // offset 0 means none
    h->map_base = r->base + HEAP_BYTES;
    h->pattern = pattern;
}

static void note_use(const struct sim_heap *h) {
    ranges[h->range].heap_used = h->used;
    ranges[h->range].map_used = h->map_used;
}

void sim_heap_vanish(struct sim_heap *h) {
    if (h->hidden)
        return;
    note_use(h);
    (void)mprotect(h->base, HEAP_BYTES + MAP_BYTES, PROT_NONE);
    ranges[h->range].hidden = true;
    h->hidden = true;
}

void sim_heaps_reset(void) {
    ranges_taken = 0;
}

static uint32_t class_of(size_t size, size_t *rounded) {
    size_t n = (size + 15) & ~(size_t)15;
    if (n == 0)
        n = 16;
    if (n <= 1024) {
        *rounded = n;
        return (uint32_t)(n / 16);
    }
    uint32_t octave = 63 - (uint32_t)__builtin_clzll(n - 1);
    size_t step = (size_t)1 << (octave - 2);
    *rounded = (n + step - 1) & ~(step - 1);
    uint32_t quarter = (uint32_t)((*rounded - 1 - ((size_t)1 << octave)) / step);
    return 65 + (octave - 10) * 4 + quarter;
}

static void fill(void *at, uint8_t byte, size_t size) {
    if (size <= FILL_BYTES) {
        memset(at, byte, size);
        return;
    }
    memset(at, byte, FILL_BYTES / 2);
    memset((uint8_t *)at + size - FILL_BYTES / 2, byte, FILL_BYTES / 2);
}

static bool all_are(const uint8_t *at, uint8_t byte, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (at[i] != byte)
            return false;
    }
    return true;
}

static struct header *header_at(const struct sim_heap *h, uint32_t sixteenths) {
    return (struct header *)(void *)(h->base + (size_t)sixteenths * 16);
}

static uint32_t place_of(const struct sim_heap *h, const struct header *c) {
    return (uint32_t)((size_t)((const uint8_t *)c - h->base) / 16);
}

static void check_untouched(const struct header *c, size_t rounded) {
    const uint8_t *payload = (const uint8_t *)(c + 1);
    size_t part = rounded < CHECK_BYTES ? rounded : CHECK_BYTES;
    if (!all_are(payload, RELEASED, part) || !all_are(payload + rounded - part, RELEASED, part))
        sim_violate("memory", "written after release: allocation #%" PRIu64 ", %" PRIu64 " bytes",
                    c->serial, c->size);
}

static struct header *chunk_take(struct sim_heap *h, uint32_t class, size_t rounded) {
    if (h->free_count[class] > ASIDE) {
        struct header *c = header_at(h, h->free_first[class]);
        h->free_first[class] = c->next;
        h->free_count[class]--;
        UNPOISON(c + 1, rounded + CANARY_BYTES);
        check_untouched(c, rounded);
        return c;
    }
    size_t total = sizeof(struct header) + rounded + CANARY_BYTES;
    if (total > HEAP_BYTES - h->used)
        return NULL;
    struct header *c = (struct header *)(void *)(h->base + h->used);
    h->used += total;
    note_use(h);
    return c;
}

static void account(struct sim_heap *h, enum wk_mem_owner owner, size_t size) {
    h->in_use[owner] += size;
    h->live[owner]++;
    uint64_t sum = 0;
    for (int i = 0; i < WK_MEM_OWNER_COUNT; i++)
        sum += h->in_use[i];
    if (sum > h->peak)
        h->peak = sum;
}

void *sim_heap_alloc(struct sim_heap *h, enum wk_mem_owner owner, size_t size) {
    if (size > HEAP_BYTES / 2)
        return NULL;
    size_t rounded;
    uint32_t class = class_of(size, &rounded);
    struct header *c = chunk_take(h, class, rounded);
    if (c == NULL)
        return NULL;
    c->state = LIVE;
    c->owner = owner;
    c->size = size;
    c->serial = ++h->serial;
    c->class = class;
    uint8_t *payload = (uint8_t *)(c + 1);
    fill(payload, h->pattern, size);
    memset(payload + size, CANARY, rounded - size + CANARY_BYTES);
    POISON(payload + size, rounded - size + CANARY_BYTES);
    account(h, owner, size);
    return payload;
}

static void check_release(const struct sim_heap *h, const struct header *c, enum wk_mem_owner owner,
                          size_t size) {
    if ((const uint8_t *)c < h->base || (const uint8_t *)c >= h->base + h->used)
        sim_violate("memory", "released an address that is not of this process");
    if (c->state == FREE)
        sim_violate("memory", "released twice: allocation #%" PRIu64, c->serial);
    if (c->state != LIVE)
        sim_violate("memory", "released an address that was never allocated, or its head is gone");
    if (c->size != size)
        sim_violate("memory", "allocation #%" PRIu64 " of %" PRIu64 " bytes released as %zu bytes",
                    c->serial, c->size, size);
    if (c->owner != owner)
        sim_violate("memory", "allocation #%" PRIu64 " of owner %s released as %s", c->serial,
                    owner_names[c->owner], owner_names[owner]);
}

void sim_heap_release(struct sim_heap *h, enum wk_mem_owner owner, void *ptr, size_t size) {
    if (ptr == NULL)
        return;
    struct header *c = (struct header *)ptr - 1;
    check_release(h, c, owner, size);
    sim_buffers_check_released(ptr, size);
    size_t rounded;
    uint32_t class = class_of(size, &rounded);
    uint8_t *payload = ptr;
    UNPOISON(payload + size, rounded - size + CANARY_BYTES);
    if (!all_are(payload + size, CANARY, rounded - size + CANARY_BYTES))
        sim_violate("memory", "written past the end of allocation #%" PRIu64 ", %zu bytes",
                    c->serial, size);
    c->state = FREE;
    c->next = 0;
    fill(payload, RELEASED, rounded);
    POISON(payload, rounded + CANARY_BYTES);
    uint32_t place = place_of(h, c);
    if (h->free_count[class]++ == 0)
        h->free_first[class] = place;
    else
        header_at(h, h->free_last[class])->next = place;
    h->free_last[class] = place;
    h->in_use[owner] -= size;
    h->live[owner]--;
}

// ---- whole pages: never reused within a seed, so every stale access faults

void *sim_heap_map(struct sim_heap *h, enum wk_mem_owner owner, size_t size) {
    size_t whole = page_round(size) + 4096; // and a page between it and the next
    if (size == 0 || whole < size || whole > MAP_BYTES - h->map_used)
        return NULL;
    struct sim_mapping *m = sim_new(sizeof *m);
    *m = (struct sim_mapping){h->mappings, h->map_base + h->map_used, size, owner, true};
    h->mappings = m;
    h->map_used += whole;
    note_use(h);
    account(h, owner, size);
    return m->at;
}

static struct sim_mapping *mapping_at(const struct sim_heap *h, const void *ptr) {
    const uint8_t *at = ptr;
    for (struct sim_mapping *m = h->mappings; m != NULL; m = m->next) {
        if (m->live && at >= m->at && at < m->at + page_round(m->size))
            return m;
    }
    return NULL;
}

void sim_heap_unmap(struct sim_heap *h, enum wk_mem_owner owner, void *ptr, size_t size) {
    if (ptr == NULL)
        return;
    struct sim_mapping *m = mapping_at(h, ptr);
    if (m == NULL || m->at != ptr || m->size != size || m->owner != owner)
        sim_violate("memory", "unmapped %zu bytes of owner %s that were not mapped so", size,
                    owner_names[owner]);
    sim_buffers_check_released(ptr, size);
    m->live = false;
    size_t whole = page_round(size);
    (void)madvise(ptr, whole, MADV_DONTNEED);
    (void)mprotect(ptr, whole, PROT_NONE);
    ranges[h->range].hidden = true; // some of it is: prepared anew for the next process
    h->in_use[owner] -= size;
    h->live[owner]--;
}

void sim_heap_discard(struct sim_heap *h, void *ptr, size_t size) {
    if (size == 0)
        return;
    const struct sim_mapping *m = mapping_at(h, ptr);
    uint8_t *at = ptr;
    if (m == NULL || at + size > m->at + page_round(m->size))
        sim_violate("memory", "discarded bytes that are not mapped");
    bool pages = ((uintptr_t)ptr & 4095) == 0 && (size & 4095) == 0;
    if (!pages || size < (size_t)256 << 10)
        memset(ptr, 0, size);
    else
        (void)madvise(ptr, size, MADV_DONTNEED);
}

bool sim_heap_owns(const struct sim_heap *h, const void *ptr, size_t size) {
    const uint8_t *at = ptr;
    if (h->hidden)
        return false;
    if (at >= h->base && at < h->base + h->used)
        return size <= (size_t)(h->base + h->used - at);
    const struct sim_mapping *m = mapping_at(h, ptr);
    return m != NULL && size <= (size_t)(m->at + page_round(m->size) - at);
}

void sim_heap_leaks(const struct sim_heap *h, char *to, size_t capacity) {
    size_t at = 0;
    to[0] = 0;
    size_t rounded;
    for (size_t offset = 64; offset < h->used && at + 48 < capacity;
         offset += sizeof(struct header) + rounded + CANARY_BYTES) {
        const struct header *c = (const struct header *)(const void *)(h->base + offset);
        (void)class_of(c->size, &rounded);
        if (c->state == LIVE)
            at += (size_t)snprintf(to + at, capacity - at, "%s#%" PRIu64 " %" PRIu64 " B %s",
                                   at == 0 ? "" : ", ", c->serial, c->size, owner_names[c->owner]);
    }
    for (const struct sim_mapping *m = h->mappings; m != NULL && at + 48 < capacity; m = m->next) {
        if (m->live)
            at += (size_t)snprintf(to + at, capacity - at, "%smapping %zu B %s",
                                   at == 0 ? "" : ", ", m->size, owner_names[m->owner]);
    }
}
