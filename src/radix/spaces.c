/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interned spaces. The entries lie in chunks that never move; a small table of their indexes, open
 * addressing over a seeded hash of all that makes a space, finds one under the lock.
 */
#include "radix/spaces.h"

#include "base/mark.h"

#define SLOTS_FIRST 64u
#define SWEEP_FIRST 64u
/* A full table that gave nothing back is not looked through for every name that comes. */
#define SWEEP_PAUSE 256u

enum wk_status wk_spaces_init(struct wk_env *env, struct wk_spaces *spaces, uint64_t seed) {
    memset(spaces, 0, sizeof *spaces);
    spaces->seed = seed;
    spaces->sweep_at = SWEEP_FIRST;
    return env->threads->rwlock_init(env, &spaces->lock);
}

static struct wk_space *chunk_at(const struct wk_spaces *spaces, uint32_t chunk) {
    uint64_t word = wk_atomic_load_u64(&spaces->chunks[chunk], WK_ACQUIRE, "radix.space_chunk");
    return (struct wk_space *)(uintptr_t)word;
}

static struct wk_space *space_at(const struct wk_spaces *spaces, uint32_t index) {
    return &chunk_at(spaces, index / WK_SPACE_CHUNK)[index % WK_SPACE_CHUNK];
}

const struct wk_space *wk_spaces_at(const struct wk_spaces *spaces, uint32_t index) {
    return space_at(spaces, index);
}

/* ---- who holds it ---- */

void wk_spaces_release(struct wk_spaces *spaces, wk_space_id space) {
    struct wk_space *base = space_at(spaces, wk_space_ns(space));
    /* Release: what the holder did to nodes and entries is done before the index is free. */
    wk_atomic_sub_u32(&base->holders, 1, WK_RELEASE, "radix.space_holders");
}

/* Under the lock, the read side at least: no sweep runs. */
static void hold(struct wk_spaces *spaces, const struct wk_space *space) {
    struct wk_space *base = space_at(spaces, wk_space_ns(space->id));
    wk_atomic_add_u32(&base->holders, 1, WK_RELAXED, "radix.space_holders");
}

void wk_spaces_node_added(struct wk_spaces *spaces, uint32_t ns) {
    wk_atomic_add_u32(&space_at(spaces, ns)->nodes, 1, WK_RELAXED, "radix.space_nodes");
}

void wk_spaces_node_removed(struct wk_spaces *spaces, uint32_t ns) {
    wk_atomic_sub_u32(&space_at(spaces, ns)->nodes, 1, WK_RELEASE, "radix.space_nodes");
}

uint64_t wk_spaces_place(const struct wk_spaces *spaces, uint32_t ns, const uint64_t *hash_words) {
    return wk_xxh3_64(hash_words, WK_HASH_BYTES, wk_spaces_at(spaces, ns)->key_seed);
}

void wk_spaces_destroy(struct wk_env *env, struct wk_spaces *spaces) {
    uint32_t count = wk_atomic_load_u32(&spaces->count, WK_ACQUIRE, "radix.space_count");
    for (uint32_t i = 0; i < count; i++) {
        const struct wk_space *space = wk_spaces_at(spaces, i);
        if (space->live && wk_space_ns(space->id) == i)
            wk_release(env, WK_MEM_INDEX, (void *)(uintptr_t)space->name.data, space->name.size);
    }
    for (uint32_t c = 0; c < WK_SPACE_CHUNKS; c++) {
        struct wk_space *chunk = chunk_at(spaces, c);
        wk_release(env, WK_MEM_INDEX, chunk, WK_SPACE_CHUNK * sizeof *chunk);
    }
    wk_release(env, WK_MEM_INDEX, spaces->slots, spaces->slot_count * sizeof *spaces->slots);
    env->threads->rwlock_destroy(env, &spaces->lock);
}

static uint64_t space_hash(const struct wk_spaces *spaces, struct wk_span name,
                           const struct wk_reuse *reuse) {
    uint64_t h = wk_xxh3_64(name.data, name.size, spaces->seed);
    h = wk_xxh3_64(reuse->model_digest.bytes, WK_MODEL_DIGEST_BYTES, h);
    return wk_xxh3_64(reuse->layout_tag.bytes, WK_LAYOUT_TAG_BYTES, h);
}

static bool space_is(const struct wk_space *space, uint64_t h, struct wk_span name,
                     const struct wk_reuse *reuse) {
    return space->h == h && wk_span_equal(space->name, name) &&
           memcmp(space->reuse.model_digest.bytes, reuse->model_digest.bytes,
                  WK_MODEL_DIGEST_BYTES) == 0 &&
           memcmp(space->reuse.layout_tag.bytes, reuse->layout_tag.bytes, WK_LAYOUT_TAG_BYTES) == 0;
}

/* Under the lock. NULL: not interned. */
static const struct wk_space *space_find(const struct wk_spaces *spaces, uint64_t h,
                                         struct wk_span name, const struct wk_reuse *reuse) {
    uint32_t mask = spaces->slot_count - 1;
    for (uint32_t i = 0; i < spaces->slot_count; i++) {
        uint32_t slot = spaces->slots[(h + i) & mask];
        if (slot == 0)
            return NULL;
        const struct wk_space *space = wk_spaces_at(spaces, slot - 1);
        if (space_is(space, h, name, reuse))
            return space;
    }
    return NULL;
}

static void slot_put(uint32_t *slots, uint32_t slot_count, uint64_t h, uint32_t index) {
    uint32_t mask = slot_count - 1;
    uint64_t i = h;
    while (slots[i & mask] != 0)
        i++;
    slots[i & mask] = index + 1;
}

/* Room for one more: at most half of the slots are used. */
static enum wk_status slots_reserve(struct wk_env *env, struct wk_spaces *spaces, uint32_t count) {
    if (count < spaces->slot_count / 2)
        return WK_OK;
    uint32_t slot_count = spaces->slot_count == 0 ? SLOTS_FIRST : 2 * spaces->slot_count;
    uint32_t *slots = wk_alloc(env, WK_MEM_INDEX, slot_count * sizeof *slots);
    if (slots == NULL)
        return WK_NO_MEMORY;
    memset(slots, 0, slot_count * sizeof *slots);
    for (uint32_t i = 0; i < count; i++)
        if (wk_spaces_at(spaces, i)->live)
            slot_put(slots, slot_count, wk_spaces_at(spaces, i)->h, i);
    wk_release(env, WK_MEM_INDEX, spaces->slots, spaces->slot_count * sizeof *slots);
    wk_atomic_add_u64(&spaces->memory_bytes,
                      (uint64_t)(slot_count - spaces->slot_count) * sizeof *slots, WK_RELAXED,
                      "radix.space_memory");
    spaces->slots = slots;
    spaces->slot_count = slot_count;
    return WK_OK;
}

/* ---- giving back ---- */

/* Acquire: whoever counted down is done. */
static bool unused(const struct wk_space *base) {
    bool held = wk_atomic_load_u32(&base->holders, WK_ACQUIRE, "radix.space_holders") != 0;
    if (WK_PLANTED(44)) /* plant 44 */
        held = false;
    return !held && (WK_PLANTED(45) || /* plant 45 */
                     wk_atomic_load_u32(&base->nodes, WK_ACQUIRE, "radix.space_nodes") == 0);
}

static void free_entry(struct wk_env *env, struct wk_spaces *spaces, uint32_t index) {
    struct wk_space *space = space_at(spaces, index);
    if (wk_space_ns(space->id) == index) {
        wk_release(env, WK_MEM_INDEX, (void *)(uintptr_t)space->name.data, space->name.size);
        wk_atomic_sub_u64(&spaces->memory_bytes, space->name.size, WK_RELAXED,
                          "radix.space_memory");
    }
    space->name = wk_span(NULL, 0);
    space->live = false;
    space->generation++;
    space->next_free = spaces->first_free;
    spaces->first_free = index + 1;
    wk_atomic_sub_u32(&spaces->live, 1, WK_RELAXED, "radix.space_live");
}

/* Holders only get fewer while the write lock is held: a base is looked at once. */
static void free_unused(struct wk_env *env, struct wk_spaces *spaces, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        struct wk_space *space = space_at(spaces, i);
        if (space->live && wk_space_ns(space->id) == i)
            space->live = !unused(space);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct wk_space *space = wk_spaces_at(spaces, i);
        if (space->live && !wk_spaces_at(spaces, wk_space_ns(space->id))->live)
            free_entry(env, spaces, i);
    }
    for (uint32_t i = 0; i < count; i++)
        if (!wk_spaces_at(spaces, i)->live && wk_spaces_at(spaces, i)->name.data != NULL)
            free_entry(env, spaces, i);
}

/* Under the write lock. */
static void sweep(struct wk_env *env, struct wk_spaces *spaces) {
    uint32_t count = wk_atomic_load_u32(&spaces->count, WK_RELAXED, "radix.space_count");
    uint32_t before = wk_atomic_load_u32(&spaces->live, WK_RELAXED, "radix.space_live");
    free_unused(env, spaces, count);
    memset(spaces->slots, 0, spaces->slot_count * sizeof *spaces->slots);
    for (uint32_t i = 0; i < count; i++)
        if (wk_spaces_at(spaces, i)->live)
            slot_put(spaces->slots, spaces->slot_count, wk_spaces_at(spaces, i)->h, i);
    uint32_t live = wk_atomic_load_u32(&spaces->live, WK_RELAXED, "radix.space_live");
    if (live < before)
        WK_MARK("radix.spaces_reclaimed");
    spaces->sweep_at = 2 * live < SWEEP_FIRST ? SWEEP_FIRST : 2 * live;
    if (spaces->sweep_at > WK_NAMESPACES_MAX - 2)
        spaces->sweep_at = WK_NAMESPACES_MAX - 2;
    spaces->sweep_pause = live + SWEEP_PAUSE > WK_NAMESPACES_MAX ? SWEEP_PAUSE : 0;
}

/* Before a namespace is made, which may take two entries. */
static bool wants_sweep(struct wk_spaces *spaces) {
    uint32_t live = wk_atomic_load_u32(&spaces->live, WK_RELAXED, "radix.space_live");
    if (live + 2 <= spaces->sweep_at)
        return false;
    if (spaces->sweep_pause == 0)
        return true;
    spaces->sweep_pause--;
    return false;
}

static enum wk_status chunk_reserve(struct wk_env *env, struct wk_spaces *spaces, uint32_t count) {
    uint32_t chunk = count / WK_SPACE_CHUNK;
    if (chunk_at(spaces, chunk) != NULL)
        return WK_OK;
    struct wk_space *made = wk_alloc(env, WK_MEM_INDEX, WK_SPACE_CHUNK * sizeof *made);
    if (made == NULL)
        return WK_NO_MEMORY;
    wk_atomic_add_u64(&spaces->memory_bytes, WK_SPACE_CHUNK * sizeof *made, WK_RELAXED,
                      "radix.space_memory");
    wk_atomic_store_u64(&spaces->chunks[chunk], (uintptr_t)made, WK_RELEASE, "radix.space_chunk");
    return WK_OK;
}

/* Under the write lock; `base` NULL for the base itself, whose name is copied. */
static enum wk_status space_add(struct wk_env *env, struct wk_spaces *spaces, uint64_t h,
                                struct wk_span name, const struct wk_reuse *reuse,
                                const struct wk_space *base, const struct wk_space **out) {
    uint32_t count = wk_atomic_load_u32(&spaces->count, WK_RELAXED, "radix.space_count");
    uint32_t index = spaces->first_free != 0 ? spaces->first_free - 1 : count;
    if (index >= WK_NAMESPACES_MAX)
        return WK_TOO_LARGE;
    enum wk_status status = slots_reserve(env, spaces, count);
    if (status == WK_OK)
        status = chunk_reserve(env, spaces, index);
    if (status != WK_OK)
        return status;
    struct wk_space *place = space_at(spaces, index);
    struct wk_space space = {.reuse = *reuse, .h = h, .live = true};
    space.generation = index < count ? place->generation : 0;
    if (base == NULL) {
        uint8_t *copy = wk_alloc(env, WK_MEM_INDEX, name.size);
        if (copy == NULL)
            return WK_NO_MEMORY;
        if (name.size != 0)
            memcpy(copy, name.data, name.size);
        wk_atomic_add_u64(&spaces->memory_bytes, name.size, WK_RELAXED, "radix.space_memory");
        space.name = wk_span(copy, name.size);
        space.key_seed = wk_xxh3_64(copy, name.size, spaces->seed);
        space.id = index << 16 | index;
    } else {
        space.name = base->name;
        space.key_seed = base->key_seed;
        space.id = wk_space_ns(base->id) << 16 | index;
    }
    if (index < count)
        spaces->first_free = place->next_free;
    *place = space;
    slot_put(spaces->slots, spaces->slot_count, h, index);
    wk_atomic_add_u32(&spaces->live, 1, WK_RELAXED, "radix.space_live");
    if (index == count)
        wk_atomic_store_u32(&spaces->count, count + 1, WK_RELEASE, "radix.space_count");
    *out = place;
    return WK_OK;
}

/* Under the write lock: the space, made if somebody else has not made it meanwhile. */
static enum wk_status space_make(struct wk_env *env, struct wk_spaces *spaces, uint64_t h,
                                 struct wk_span name, const struct wk_reuse *reuse,
                                 const struct wk_space **out) {
    *out = space_find(spaces, h, name, reuse);
    if (*out != NULL)
        return WK_OK;
    if (wants_sweep(spaces))
        sweep(env, spaces);
    static const struct wk_reuse nothing;
    uint64_t base_h = space_hash(spaces, name, &nothing);
    const struct wk_space *base = space_find(spaces, base_h, name, &nothing);
    if (base == NULL) {
        enum wk_status status = space_add(env, spaces, base_h, name, &nothing, NULL, &base);
        if (status != WK_OK)
            return status;
    }
    if (space_is(base, h, name, reuse)) {
        *out = base;
        return WK_OK;
    }
    return space_add(env, spaces, h, name, reuse, base, out);
}

enum wk_status wk_spaces_intern(struct wk_env *env, struct wk_spaces *spaces, struct wk_span name,
                                const struct wk_reuse *reuse, wk_space_id *out,
                                struct wk_error *err) {
    if (name.size > WK_NAMESPACE_BYTES_MAX)
        return wk_fail(err, WK_TOO_LARGE, "a namespace is at most %u bytes long, this one is %zu",
                       WK_NAMESPACE_BYTES_MAX, name.size);
    uint64_t h = space_hash(spaces, name, reuse);
    env->threads->rwlock_read(env, &spaces->lock);
    const struct wk_space *space = space_find(spaces, h, name, reuse);
    if (space != NULL)
        hold(spaces, space);
    env->threads->rwlock_unlock(env, &spaces->lock);
    enum wk_status status = WK_OK;
    if (space == NULL) {
        env->threads->rwlock_write(env, &spaces->lock);
        status = space_make(env, spaces, h, name, reuse, &space);
        if (status == WK_OK)
            hold(spaces, space);
        env->threads->rwlock_unlock(env, &spaces->lock);
    }
    if (status == WK_TOO_LARGE)
        return wk_fail(err, status, "more than %u namespaces with blocks in one handle",
                       WK_NAMESPACES_MAX);
    if (status != WK_OK)
        return wk_fail(err, status, "no memory for one more namespace in the index");
    *out = space->id;
    return WK_OK;
}
