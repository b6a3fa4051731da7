/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: the C allocator and anonymous mappings, with the bytes alive counted per owner.
 *
 * The sums are of the sizes asked for, so that they go back to where they were exactly when
 * everything was released. Each owner's counter has a cache line of its own.
 */
#include "env/posix/posix.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/num.h"

#if !defined(__APPLE__) /* whose malloc gives 16 although no plain type needs it */
_Static_assert(_Alignof(max_align_t) >= 16, "malloc aligns to 16 bytes");
#endif

static struct {
    _Alignas(64) wk_atomic_u64 bytes; /* sync: relaxed sums; a reader wants a recent value only */
} in_use[WK_MEM_OWNER_COUNT];

static void grow(enum wk_mem_owner owner, size_t size) {
    wk_atomic_add_u64(&in_use[owner].bytes, size, WK_RELAXED, "mem.in_use");
}

static void shrink(enum wk_mem_owner owner, size_t size) {
    wk_atomic_sub_u64(&in_use[owner].bytes, size, WK_RELAXED, "mem.in_use");
}

static void *mem_alloc(struct wk_env *env, enum wk_mem_owner owner, size_t size) {
    (void)env;
    void *ptr = malloc(size > 0 ? size : 1);
    if (ptr != NULL)
        grow(owner, size);
    return ptr;
}

static void mem_release(struct wk_env *env, enum wk_mem_owner owner, void *ptr, size_t size) {
    (void)env;
    if (ptr == NULL)
        return;
    shrink(owner, size);
    free(ptr);
}

static void *mem_map(struct wk_env *env, enum wk_mem_owner owner, size_t size) {
    (void)env;
    void *ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (ptr == MAP_FAILED)
        return NULL;
    grow(owner, size);
    return ptr;
}

static void mem_unmap(struct wk_env *env, enum wk_mem_owner owner, void *ptr, size_t size) {
    (void)env;
    if (ptr == NULL)
        return;
    shrink(owner, size);
    munmap(ptr, size);
}

/* Whole pages only. False when the system keeps them, as it does for locked memory. */
static bool discard_pages(void *ptr, size_t size) {
#if defined(__linux__)
    return madvise(ptr, size, MADV_DONTNEED) == 0;
#else
    /* Elsewhere MADV_DONTNEED need not clear; a new mapping in place does. */
    return mmap(ptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
                0) != MAP_FAILED;
#endif
}

static void mem_discard(struct wk_env *env, void *ptr, size_t size) {
    (void)env;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *start = ptr;
    size_t head = (page - ((uintptr_t)start & (page - 1))) & (page - 1);
    if (head > size)
        head = size;
    size_t pages = (size - head) & ~(page - 1);
    /* The system rounds a size up: pages that the range shares with others are cleared by hand. */
    memset(start, 0, head);
    memset(start + head + pages, 0, size - head - pages);
    if (pages > 0 && !discard_pages(start + head, pages))
        memset(start + head, 0, pages);
}

static uint64_t mem_in_use(struct wk_env *env, enum wk_mem_owner owner) {
    (void)env;
    return wk_atomic_load_u64(&in_use[owner].bytes, WK_RELAXED, "mem.in_use");
}

const struct wk_env_mem wk_posix_mem = {
    .alloc = mem_alloc,
    .release = mem_release,
    .map = mem_map,
    .unmap = mem_unmap,
    .discard = mem_discard,
    .in_use = mem_in_use,
};
