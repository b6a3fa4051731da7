/* SPDX-License-Identifier: Apache-2.0 */
/* A bucket keeps its nodes in order of arrival; the first one of a key has the turn. */
#include "store/turns.h"

#include "base/mark.h"

enum wk_status wk_turns_init(struct wk_turns *turns, struct wk_env *env) {
    memset(turns, 0, sizeof *turns);
    turns->env = env;
    if (env->threads->mutex_init(env, &turns->mutex) != WK_OK)
        return WK_NO_MEMORY;
    if (env->threads->cond_init(env, &turns->cond) == WK_OK)
        return WK_OK;
    env->threads->mutex_destroy(env, &turns->mutex);
    return WK_NO_MEMORY;
}

void wk_turns_destroy(struct wk_turns *turns) {
    turns->env->threads->cond_destroy(turns->env, &turns->cond);
    turns->env->threads->mutex_destroy(turns->env, &turns->mutex);
}

static bool same_key(const struct wk_turns_node *a, const struct wk_turns_node *b) {
    return a->hash == b->hash && wk_store_key_equal(a->key, b->key);
}

static void node_append(struct wk_turns *turns, struct wk_turns_node *node) {
    struct wk_turns_node **at = &turns->buckets[node->hash % WK_TURNS_BUCKETS];
    for (; *at != NULL; at = &(*at)->next) {
        if (!same_key(*at, node))
            continue;
        if ((*at)->batch == node->batch) {
            node->repeated = true;
            return;
        }
        node->blocked = true;
    }
    if (node->blocked)
        node->batch->blocked++;
    node->next = NULL;
    *at = node;
}

/* The next in line for this key, if the one that leaves had the turn, has it now. */
static void node_remove(struct wk_turns *turns, struct wk_turns_node *node) {
    struct wk_turns_node **at = &turns->buckets[node->hash % WK_TURNS_BUCKETS];
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    if (node->blocked)
        return;
    for (struct wk_turns_node *heir = node->next; heir != NULL; heir = heir->next) {
        if (same_key(heir, node)) {
            heir->blocked = false;
            heir->batch->blocked--;
            return;
        }
    }
}

static void remove_all(struct wk_turns *turns, struct wk_turns_batch *batch) {
    for (size_t i = 0; i < batch->count; i++)
        if (!batch->nodes[i].repeated)
            node_remove(turns, &batch->nodes[i]);
    turns->env->threads->cond_broadcast(turns->env, &turns->cond);
}

enum wk_status wk_turns_enter(struct wk_turns *turns, struct wk_turns_batch *batch,
                              uint64_t deadline_ns) {
    enum wk_status status = WK_OK;
    wk_lock(turns->env, &turns->mutex);
    batch->blocked = 0;
    for (size_t i = batch->count; i-- > 0;) {
        struct wk_turns_node *node = &batch->nodes[i];
        node->batch = batch;
        node->repeated = node->blocked = false;
        node_append(turns, node);
    }
    while (batch->blocked > 0 && status == WK_OK) {
        WK_MARK("turns.waits");
        status =
            turns->env->threads->cond_wait(turns->env, &turns->cond, &turns->mutex, deadline_ns);
    }
    if (batch->blocked > 0)
        remove_all(turns, batch);
    else
        status = WK_OK;
    wk_unlock(turns->env, &turns->mutex);
    return status;
}

void wk_turns_leave(struct wk_turns *turns, struct wk_turns_batch *batch) {
    wk_lock(turns->env, &turns->mutex);
    remove_all(turns, batch);
    wk_unlock(turns->env, &turns->mutex);
}
