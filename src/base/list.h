/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked list: the node sits in the member's struct, nothing is allocated. */
#ifndef WK_BASE_LIST_H
#define WK_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct wk_list {
    struct wk_list *next;
    struct wk_list *prev;
};

/* The struct around a node. */
#define WK_CONTAINER_OF(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

static inline void wk_list_init(struct wk_list *head) {
    head->next = head->prev = head;
}

static inline bool wk_list_empty(const struct wk_list *head) {
    return head->next == head;
}

static inline void wk_list_insert_before(struct wk_list *at, struct wk_list *node) {
    node->next = at;
    node->prev = at->prev;
    at->prev->next = node;
    at->prev = node;
}

static inline void wk_list_append(struct wk_list *head, struct wk_list *node) {
    wk_list_insert_before(head, node);
}

/* Leaves the node linked to itself, so that removing it twice is harmless. */
static inline void wk_list_remove(struct wk_list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = node;
}

#endif
