/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing a shard, under its mutex.
 *
 *   add      grow the table if due, find room for a node (all that can fail comes first);
 *            then, sequence odd: fill the node, set its slot
 *   remove   sequence odd: take the slot out and shift back what probed past it; free the node
 *   grow     fill a table of twice the size aside, then show it: readers never wait for it
 */
#include "base/mark.h"
#include "radix/shard_table.h"
#include "radix/spaces.h"

enum wk_status wk_shard_init(struct wk_env *env, struct wk_shard *shard, uint32_t index) {
    shard->index = index;
    shard->first_free = WK_NODE_NONE;
    return env->threads->mutex_init(env, &shard->mutex);
}

static size_t slots_size_bytes(uint32_t count) {
    return sizeof(struct wk_slots) + (size_t)count * sizeof(wk_atomic_u32);
}

static void directory_destroy(struct wk_env *env, struct wk_shard *shard) {
    for (uint32_t d = 0; d < WK_DIRECTORY_PAGES; d++) {
        uint64_t word = wk_atomic_load_u64(&shard->directory[d], WK_ACQUIRE, "radix.directory");
        wk_atomic_u64 *page = (wk_atomic_u64 *)(uintptr_t)word;
        if (page == NULL)
            continue;
        for (uint32_t s = 0; s < WK_PAGE_SEGMENTS; s++) {
            uint64_t nodes = wk_atomic_load_u64(&page[s], WK_ACQUIRE, "radix.segment");
            if (nodes != 0)
                env->mem->unmap(env, WK_MEM_INDEX, (void *)(uintptr_t)nodes,
                                WK_SEGMENT_NODES * sizeof(struct wk_node));
        }
        wk_release(env, WK_MEM_INDEX, page, WK_PAGE_SEGMENTS * sizeof *page);
    }
}

void wk_shard_destroy(struct wk_env *env, struct wk_shard *shard) {
    struct wk_slots *slots = wk_slots_of(shard);
    while (slots != NULL) {
        struct wk_slots *older = slots->older;
        wk_release(env, WK_MEM_INDEX, slots, slots_size_bytes(slots->count));
        slots = older;
    }
    directory_destroy(env, shard);
    env->threads->mutex_destroy(env, &shard->mutex);
}

/* ---- what readers see ---- */

/* The fence keeps the changes that follow behind the odd number. */
static void write_begin(struct wk_shard *shard) {
    uint64_t sequence = wk_atomic_load_u64(&shard->sequence, WK_RELAXED, "radix.write_begin");
    wk_atomic_store_u64(&shard->sequence, sequence + 1, WK_RELAXED, "radix.write_begin");
    wk_atomic_fence(WK_PLANTED(23) ? WK_RELAXED : WK_RELEASE, "radix.write_fence"); /* plant 23 */
}

static void write_end(struct wk_shard *shard) {
    uint64_t sequence = wk_atomic_load_u64(&shard->sequence, WK_RELAXED, "radix.write_end");
    enum wk_order order = WK_PLANTED(24) ? WK_RELAXED : WK_RELEASE; /* plant 24 */
    wk_atomic_store_u64(&shard->sequence, sequence + 1, order, "radix.write_end");
}

static void count(wk_atomic_u64 *counter, bool before, bool after) {
    if (before == after)
        return;
    uint64_t was = wk_atomic_load_u64(counter, WK_RELAXED, "radix.counter");
    wk_atomic_store_u64(counter, after ? was + 1 : was - 1, WK_RELAXED, "radix.counter");
}

static void count_flags(struct wk_shard *shard, uint32_t before, uint32_t after) {
    count(&shard->live, (before & WK_NODE_LIVE) != 0, (after & WK_NODE_LIVE) != 0);
    count(&shard->present, (before & WK_NODE_PRESENT) != 0, (after & WK_NODE_PRESENT) != 0);
    count(&shard->resident, (before & WK_NODE_RESIDENT) != 0, (after & WK_NODE_RESIDENT) != 0);
}

void wk_shard_load(const struct wk_node *node, union wk_node_copy *out) {
    wk_atomic_read_words(out->words, node->words, WK_NODE_WORDS, "radix.node_load");
}

void wk_shard_store(struct wk_shard *shard, struct wk_node *node, const union wk_node_copy *before,
                    const union wk_node_copy *after) {
    /* Puts of known blocks are common: they must not make readers try again. */
    if (memcmp(before->words, after->words, sizeof before->words) == 0)
        return;
    count_flags(shard, before->is.flags, after->is.flags);
    write_begin(shard);
    wk_atomic_write_words(node->words, after->words, WK_NODE_WORDS, "radix.node_store");
    write_end(shard);
}

void wk_shard_store_links(struct wk_node *node, const union wk_node_copy *after) {
    wk_atomic_store_u64(&node->words[WK_WORD_LINKS], after->words[WK_WORD_LINKS], WK_RELAXED,
                        "radix.node_links");
}

/* ---- room ---- */

static void memory_add(struct wk_shard *shard, size_t size) {
    wk_atomic_add_u64(&shard->memory_bytes, size, WK_RELAXED, "radix.memory");
}

static void slots_put(struct wk_slots *slots, uint64_t h, uint32_t local) {
    uint32_t i = wk_slot_home(slots, h);
    while (wk_slot_load(slots, i) != 0)
        i = wk_slot_next(slots, i);
    wk_slot_store(slots, i, wk_slot_make(h, local));
}

static uint64_t node_place(const struct wk_spaces *spaces, const struct wk_node *node) {
    union wk_node_copy copy;
    wk_atomic_read_words(copy.words, node->words, WK_NODE_KEY_WORDS, "radix.node_place");
    return wk_spaces_place(spaces, wk_space_ns(copy.is.space), copy.is.hash);
}

static bool node_is_live(const struct wk_node *node) {
    union wk_node_copy copy;
    wk_atomic_read_words(copy.words, node->words, WK_NODE_KEY_WORDS, "radix.node_live");
    return (copy.is.flags & WK_NODE_LIVE) != 0;
}

/* In the order of the nodes, which lie side by side; the old table's order would jump about. */
static void slots_fill(struct wk_shard *shard, const struct wk_spaces *spaces,
                       struct wk_slots *slots) {
    uint32_t used = wk_atomic_load_u32(&shard->used, WK_RELAXED, "radix.used");
    for (uint32_t local = 0; local < used; local++) {
        const struct wk_node *node = wk_shard_node(shard, local);
        if (node_is_live(node))
            slots_put(slots, node_place(spaces, node), local);
    }
}

static enum wk_status slots_reserve(struct wk_env *env, struct wk_shard *shard,
                                    const struct wk_spaces *spaces) {
    struct wk_slots *old = wk_slots_of(shard);
    uint64_t live = wk_atomic_load_u64(&shard->live, WK_RELAXED, "radix.live");
    if (old != NULL && live + 1 <= (uint64_t)old->count / 4 * 3)
        return WK_OK;
    uint32_t slot_count = old == NULL ? WK_SHARD_SLOTS_FIRST + shard->index : 2 * old->count;
    size_t size = slots_size_bytes(slot_count);
    struct wk_slots *slots = wk_alloc(env, WK_MEM_INDEX, size);
    if (slots == NULL)
        return WK_NO_MEMORY;
    memset(slots, 0, size);
    slots->count = slot_count;
    slots->older = old;
    memory_add(shard, size);
    slots_fill(shard, spaces, slots);
    /* A reader may keep to the old table: nothing in it changes any more, and what changes in the
     * new one moves the sequence. */
    enum wk_order order = WK_PLANTED(30) ? WK_RELAXED : WK_RELEASE; /* plant 30 */
    wk_atomic_store_u64(&shard->slots, (uintptr_t)slots, order, "radix.slots_grown");
    return WK_OK;
}

static wk_atomic_u64 *page_reserve(struct wk_env *env, struct wk_shard *shard, uint32_t at) {
    uint64_t word = wk_atomic_load_u64(&shard->directory[at], WK_RELAXED, "radix.directory");
    wk_atomic_u64 *page = (wk_atomic_u64 *)(uintptr_t)word;
    if (page != NULL)
        return page;
    page = wk_alloc(env, WK_MEM_INDEX, WK_PAGE_SEGMENTS * sizeof *page);
    if (page == NULL)
        return NULL;
    memset(page, 0, WK_PAGE_SEGMENTS * sizeof *page);
    memory_add(shard, WK_PAGE_SEGMENTS * sizeof *page);
    wk_atomic_store_u64(&shard->directory[at], (uintptr_t)page, WK_RELEASE, "radix.page_made");
    return page;
}

/* Somewhere to put the next node: a free one, or the first that was never used. */
static enum wk_status node_reserve(struct wk_env *env, struct wk_shard *shard, uint32_t *local) {
    if (shard->first_free != WK_NODE_NONE) {
        *local = shard->first_free;
        return WK_OK;
    }
    uint32_t used = wk_atomic_load_u32(&shard->used, WK_RELAXED, "radix.used");
    if (used >= WK_SHARD_NODES_MAX)
        return WK_NO_SPACE;
    uint32_t segment = used / WK_SEGMENT_NODES;
    wk_atomic_u64 *page = page_reserve(env, shard, segment / WK_PAGE_SEGMENTS);
    if (page == NULL)
        return WK_NO_MEMORY;
    wk_atomic_u64 *entry = &page[segment % WK_PAGE_SEGMENTS];
    if (wk_atomic_load_u64(entry, WK_RELAXED, "radix.segment") == 0) {
        size_t size = WK_SEGMENT_NODES * sizeof(struct wk_node);
        void *nodes = env->mem->map(env, WK_MEM_INDEX, size);
        if (nodes == NULL)
            return WK_NO_MEMORY;
        memory_add(shard, size);
        wk_atomic_store_u64(entry, (uintptr_t)nodes, WK_RELEASE, "radix.segment_made");
    }
    *local = used;
    return WK_OK;
}

/* Takes what node_reserve offered. */
static void node_take(struct wk_shard *shard, const struct wk_node *node, uint32_t local) {
    if (local == shard->first_free) {
        union wk_node_copy free_node;
        wk_shard_load(node, &free_node);
        shard->first_free = free_node.is.parent;
    } else {
        wk_atomic_store_u32(&shard->used, local + 1, WK_RELEASE, "radix.used");
    }
}

enum wk_status wk_shard_add(struct wk_env *env, struct wk_shard *shard, struct wk_spaces *spaces,
                            const struct wk_key *key, const union wk_node_copy *node) {
    uint32_t local;
    enum wk_status status = slots_reserve(env, shard, spaces);
    if (status == WK_OK)
        status = node_reserve(env, shard, &local);
    if (status != WK_OK)
        return status;
    struct wk_node *place = wk_shard_node(shard, local);
    union wk_node_copy made = *node;
    made.is.flags |= WK_NODE_LIVE;
    node_take(shard, place, local);
    wk_spaces_node_added(spaces, key->ns);
    count_flags(shard, 0, made.is.flags);
    if (!WK_PLANTED(29)) /* plant 29 */
        write_begin(shard);
    wk_atomic_write_words(place->words, made.words, WK_NODE_WORDS, "radix.node_made");
    slots_put(wk_slots_of(shard), key->h, local);
    if (!WK_PLANTED(29))
        write_end(shard);
    return WK_OK;
}

/* ---- removal ---- */

/*
 * Empties slot `hole` without leaving a mark: every later slot of the run whose home does not lie
 * behind the hole moves into it, and the hole with it (Knuth, volume 3, 6.4, algorithm R).
 */
static void slots_take(struct wk_shard *shard, const struct wk_spaces *spaces,
                       struct wk_slots *slots, uint32_t hole) {
    uint32_t i = wk_slot_next(slots, hole);
    for (;;) {
        uint32_t slot = wk_slot_load(slots, i);
        if (slot == 0)
            break;
        uint64_t h = node_place(spaces, wk_shard_node(shard, wk_slot_local(slot)));
        uint32_t home = wk_slot_home(slots, h);
        bool stays = hole < i ? home > hole && home <= i : home > hole || home <= i;
        if (!stays) {
            WK_MARK("radix.slot_shifted");
            wk_slot_store(slots, hole, slot);
            hole = i;
        }
        i = wk_slot_next(slots, i);
    }
    wk_slot_store(slots, hole, 0);
}

void wk_shard_remove(struct wk_shard *shard, struct wk_spaces *spaces, uint32_t local) {
    struct wk_node *node = wk_shard_node(shard, local);
    union wk_node_copy was;
    wk_shard_load(node, &was);
    struct wk_slots *slots = wk_slots_of(shard);
    uint64_t h = node_place(spaces, node);
    uint32_t mine = wk_slot_make(h, local);
    uint32_t at = wk_slot_home(slots, h);
    while (wk_slot_load(slots, at) != mine)
        at = wk_slot_next(slots, at);
    union wk_node_copy gone;
    memset(&gone, 0, sizeof gone);
    gone.is.parent = shard->first_free;
    count_flags(shard, was.is.flags, 0);
    write_begin(shard);
    slots_take(shard, spaces, slots, at);
    wk_atomic_write_words(node->words, gone.words, WK_NODE_WORDS, "radix.node_freed");
    write_end(shard);
    shard->first_free = local;
    wk_spaces_node_removed(spaces, wk_space_ns(was.is.space));
}
