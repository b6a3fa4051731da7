/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to the daemon. */
#include "base/mark.h"
#include "base/num.h"
#include "base/text.h"
#include "rpc/client_impl.h"

#define CONNECT_NS     (10ull * WK_NS_PER_S)
#define ADDRESSES_MAX  8u
#define PAUSE_FIRST_NS (20ull * WK_NS_PER_MS)
#define PAUSE_MAX_NS   (1000ull * WK_NS_PER_MS)

/* ---- the pause after failed connects --------------------------------------------------------- */

/* Doubles from failure to failure; up to a quarter is taken off, so that clients do not come back
 * together. */
static uint64_t pause_ns(struct wk_env *env, uint32_t failures) {
    uint8_t dice;
    env->entropy->fill(env, &dice, 1);
    uint64_t pause = PAUSE_MAX_NS;
    if (failures < 8)
        pause = wk_min_u64(PAUSE_FIRST_NS << (failures - 1), PAUSE_MAX_NS);
    return pause - pause / 4 * dice / 255;
}

static void note_failure(struct wk_rpc_client *c, const struct wk_error *err) {
    uint64_t now = wk_now_ns(c->env);
    wk_lock(c->env, &c->mutex);
    c->failures++;
    uint32_t failures = c->failures;
    wk_format(c->last_failure, sizeof c->last_failure, "%s", err->text);
    wk_unlock(c->env, &c->mutex);
    uint64_t pause = pause_ns(c->env, failures);
    wk_lock(c->env, &c->mutex);
    c->resume_ns = wk_add_u64_clamped(now, pause);
    wk_unlock(c->env, &c->mutex);
}

static void note_success(struct wk_rpc_client *c) {
    wk_lock(c->env, &c->mutex);
    c->failures = 0;
    wk_unlock(c->env, &c->mutex);
}

static enum wk_status check_pause(struct wk_rpc_client *c, struct wk_error *err) {
    uint64_t now = wk_now_ns(c->env);
    enum wk_status status = WK_OK;
    wk_lock(c->env, &c->mutex);
    if (c->failures > 0 && now < c->resume_ns) {
        WK_MARK("rpc.connect_paused");
        status = wk_fail(err, WK_UNAVAILABLE, "%s (not tried again for %llu ms)", c->last_failure,
                         (unsigned long long)((c->resume_ns - now) / WK_NS_PER_MS + 1));
    }
    wk_unlock(c->env, &c->mutex);
    return status;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static enum wk_status connect_socket(struct wk_rpc_client *c, uint64_t deadline_ns,
                                     struct wk_socket **out, struct wk_error *err) {
    struct wk_address addresses[ADDRESSES_MAX];
    size_t count = 0;
    const struct wk_env_net *net = c->env->net;
    enum wk_status status = net->resolve(c->env, c->config.at.host, c->config.at.port, deadline_ns,
                                         addresses, ADDRESSES_MAX, &count, err);
    if (status != WK_OK)
        return status;
    if (count == 0)
        return wk_fail(err, WK_UNAVAILABLE, "%s has no address", c->config.at_text);
    status = WK_UNAVAILABLE;
    for (size_t i = 0; i < count && status != WK_OK; i++)
        status = net->connect(c->env, &addresses[i], c->tls, deadline_ns, out, err);
    return status;
}

/* A new connection with a token must say it before anything else; over HTTP each request does. */
static enum wk_status introduce(struct wk_rpc_client *c, struct wk_rpc_link *link,
                                uint64_t deadline_ns, struct wk_error *err) {
    if (c->config.token.size == 0 || c->config.transport != WK_RPC_TCP)
        return WK_OK;
    struct wk_rpc_call call = {
        .op = WK_OP_AUTH, .payload = wk_payload(c->config.token), .deadline_ns = deadline_ns};
    struct wk_rpc_attempt attempt;
    struct wk_rpc_reply reply;
    enum wk_status status = wk_rpc_exchange_on(c, link, &call, &attempt, &reply, err);
    if (status != WK_OK)
        return status;
    if (reply.response.status != WK_REPLY_OK)
        status = wk_fail(err, WK_DENIED, "the daemon at %s refused the token", c->config.at_text);
    wk_buffer_drop(reply.buffer);
    return status;
}

static enum wk_status link_open(struct wk_rpc_client *c, uint64_t deadline_ns,
                                struct wk_rpc_link **out, struct wk_error *err) {
    struct wk_socket *socket;
    struct wk_rpc_link *link = wk_alloc(c->env, WK_MEM_IO, sizeof *link);
    if (link == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for a connection");
    memset(link, 0, sizeof *link);
    wk_list_init(&link->link);
    link->next_id = 1;
    enum wk_status status = connect_socket(c, deadline_ns, &socket, err);
    if (status == WK_OK)
        status = wk_stream_open(&link->stream, c->env, socket, err);
    if (status != WK_OK) {
        wk_release(c->env, WK_MEM_IO, link, sizeof *link);
        return status;
    }
    status = introduce(c, link, deadline_ns, err);
    if (status != WK_OK) {
        WK_MARK("rpc.introduction_failed");
        if (!WK_PLANTED(54)) /* leaks_a_failed_connection */
            wk_stream_close(&link->stream);
        wk_release(c->env, WK_MEM_IO, link, sizeof *link);
        return status;
    }
    *out = link;
    return WK_OK;
}

static enum wk_status link_new(struct wk_rpc_client *c, uint64_t deadline_ns,
                               struct wk_rpc_link **out, struct wk_error *err) {
    struct wk_error why;
    wk_error_clear(&why);
    enum wk_status status = check_pause(c, err);
    if (status != WK_OK)
        return status;
    uint64_t now = wk_now_ns(c->env);
    uint64_t limit = wk_min_u64(deadline_ns, wk_add_u64_clamped(now, CONNECT_NS));
    wk_atomic_add_u64(&c->connects, 1, WK_RELAXED, "rpc.connects");
    status = link_open(c, limit, out, &why);
    if (status == WK_OK) {
        note_success(c);
        return WK_OK;
    }
    /* A caller without patience says nothing about the daemon: others go on trying. */
    if (status == WK_TIMEOUT && limit == deadline_ns)
        WK_MARK("rpc.connect_impatient");
    else
        note_failure(c, &why);
    return wk_fail(err, status, "%s", why.text);
}

/* ---- taking and giving back ------------------------------------------------------------------ */

/* Outside the list. */
static void link_close(struct wk_rpc_client *c, struct wk_rpc_link *link) {
    wk_stream_close(&link->stream);
    wk_release(c->env, WK_MEM_IO, link, sizeof *link);
}

static void forget_one(struct wk_rpc_client *c) {
    wk_lock(c->env, &c->mutex);
    c->link_count--;
    c->env->threads->cond_signal(c->env, &c->given_back);
    wk_unlock(c->env, &c->mutex);
}

/* A link that rests, or NULL: the caller may make one, and it is counted already. */
static enum wk_status reserve(struct wk_rpc_client *c, uint64_t deadline_ns,
                              struct wk_rpc_link **out, struct wk_error *err) {
    enum wk_status status = WK_OK;
    *out = NULL;
    wk_lock(c->env, &c->mutex);
    while (wk_list_empty(&c->resting) && c->link_count == WK_RPC_LINKS_MAX && status == WK_OK)
        status = c->env->threads->cond_wait(c->env, &c->given_back, &c->mutex, deadline_ns);
    if (!wk_list_empty(&c->resting)) {
        *out = WK_CONTAINER_OF(c->resting.prev, struct wk_rpc_link, link);
        wk_list_remove(&(*out)->link);
        status = WK_OK;
    } else if (status == WK_OK) {
        c->link_count++;
    }
    wk_unlock(c->env, &c->mutex);
    if (status != WK_OK)
        return wk_fail(err, status, "all %u connections to %s are in use", WK_RPC_LINKS_MAX,
                       c->config.at_text);
    return WK_OK;
}

/* Nothing may come from a daemon that owes no reply; an end or bytes both mean: not this one. */
static bool still_there(struct wk_rpc_link *link) {
    return wk_stream_wait(&link->stream, 0, NULL) == WK_TIMEOUT;
}

enum wk_status wk_rpc_link_take(struct wk_rpc_client *c, bool sure, uint64_t deadline_ns,
                                struct wk_rpc_link **out, struct wk_error *err) {
    for (;;) {
        struct wk_rpc_link *link;
        enum wk_status status = reserve(c, deadline_ns, &link, err);
        if (status != WK_OK)
            return status;
        if (link == NULL) {
            status = link_new(c, deadline_ns, out, err);
            if (status != WK_OK)
                forget_one(c);
            return status;
        }
        /* resting_connection_trusted */
        if (!sure || WK_PLANTED(63) || still_there(link)) {
            *out = link;
            return WK_OK;
        }
        WK_MARK("rpc.resting_link_gone");
        wk_rpc_link_give_up(c, link);
    }
}

void wk_rpc_link_give_back(struct wk_rpc_client *c, struct wk_rpc_link *link) {
    link->used = true;
    wk_lock(c->env, &c->mutex);
    wk_list_append(&c->resting, &link->link);
    c->env->threads->cond_signal(c->env, &c->given_back);
    wk_unlock(c->env, &c->mutex);
}

void wk_rpc_link_give_up(struct wk_rpc_client *c, struct wk_rpc_link *link) {
    bool was_used = link->used;
    link_close(c, link);
    forget_one(c);
    if (was_used)
        wk_rpc_links_close(c);
}

void wk_rpc_links_close(struct wk_rpc_client *c) {
    for (;;) {
        struct wk_rpc_link *link = NULL;
        wk_lock(c->env, &c->mutex);
        if (!wk_list_empty(&c->resting)) {
            link = WK_CONTAINER_OF(c->resting.next, struct wk_rpc_link, link);
            wk_list_remove(&link->link);
        }
        wk_unlock(c->env, &c->mutex);
        if (link == NULL)
            return;
        link_close(c, link);
        forget_one(c);
    }
}
