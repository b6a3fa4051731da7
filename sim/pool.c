// SPDX-License-Identifier: Apache-2.0
// A bump allocator over chunks that are kept from seed to seed.
#include "pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define CHUNK_BYTES ((size_t)1 << 20)

struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
    size_t unused_pad;
    uint8_t bytes[];
};

static struct chunk *first;
static struct chunk *current;

static struct chunk *chunk_create(size_t size) {
    struct chunk *c = malloc(sizeof *c + size);
    if (c == NULL)
        sim_harness_fail("no memory for the simulator (%zu bytes)", size);
    c->next = NULL;
    c->size = size;
    c->used = 0;
    return c;
}

// The next kept chunk with room, else a new one put right after the current.
static struct chunk *chunk_with_room(size_t size) {
    for (struct chunk *c = current; c != NULL; c = c->next) {
        if (c->size - c->used >= size)
            return c;
        if (c->next != NULL)
            c->next->used = 0;
    }
    struct chunk *c = chunk_create(size > CHUNK_BYTES ? size : CHUNK_BYTES);
    if (current == NULL) {
        first = c;
    } else {
        c->next = current->next;
        current->next = c;
    }
    return c;
}

void *sim_new(size_t size) {
    size = (size + 15) & ~(size_t)15;
    if (current == NULL || current->size - current->used < size)
        current = chunk_with_room(size);
    void *p = current->bytes + current->used;
    current->used += size;
    memset(p, 0, size);
    return p;
}

void *sim_copy(const void *from, size_t size) {
    void *to = sim_new(size == 0 ? 1 : size);
    if (size > 0)
        memcpy(to, from, size);
    return to;
}

char *sim_copy_text(const char *text) {
    return sim_copy(text, strlen(text) + 1);
}

// Chunks of unusual size go back to the system: one huge seed must not tax the ones after it.
void sim_pool_reset(void) {
    struct chunk **link = &first;
    while (*link != NULL) {
        struct chunk *c = *link;
        if (c->size > CHUNK_BYTES) {
            *link = c->next;
            free(c);
        } else {
            c->used = 0;
            link = &c->next;
        }
    }
    current = first;
}
