// SPDX-License-Identifier: Apache-2.0
// Reading and writing: which bytes, which end, which error comes next, and the faults on the way.
#include <errno.h>
#include <string.h>

#include "env/posix/posix.h"
#include "fault.h"
#include "net.h"
#include "sched.h"

// A call that moves a byte or two, and some more of its kind after it.
static size_t maybe_tiny(struct sim_stream *s, size_t size) {
    if (size < 2)
        return size;
    if (s->tiny_left > 0) {
        s->tiny_left--;
        return 1;
    }
    if (!sim_fault(SIM_FAULT_NET_SHORT))
        return size;
    struct sim_rng *r = sim_fault_rng(SIM_FAULT_NET_SHORT);
    s->tiny_left = (uint32_t)sim_rng_log(r, 1, 64) - 1;
    return (size_t)sim_rng_between(r, 1, size < 8 ? size - 1 : 7);
}

static void maybe_reset(struct sim_end *e) {
    if (!e->over && !e->shut && sim_fault(SIM_FAULT_NET_RESET))
        sim_conn_reset(e);
}

static enum wk_status broken(const struct wk_socket *s, int code, const char *what,
                             struct wk_error *err) {
    if (s->tls == SIM_TLS_NONE)
        return wk_posix_fail(err, code, what, NULL);
    return wk_posix_fail_as(err, WK_UNAVAILABLE, what, NULL, "the connection ended in the middle");
}

// The error that the kernel keeps is told once.
static int take_error(struct sim_end *e) {
    int code = e->error;
    e->error = 0;
    return code;
}

// ---- read

// The end of the bytes, in the order in which a kernel looks: 0 an orderly end, an errno, or -1 to
// wait.
static int end_of_bytes(struct sim_end *e) {
    if (e->in->ended)
        return 0;
    if (e->error != 0)
        return take_error(e);
    return e->over || e->shut ? 0 : -1;
}

static enum wk_status orderly(const struct wk_socket *s, const char *what, size_t *out_size,
                              struct wk_error *err) {
    const struct sim_end *e = s->end;
    bool said = e->in->ended && e->in->goodbye;
    if (s->tls == SIM_TLS_UP && !said)
        return broken(s, 0, what, err);
    *out_size = 0;
    return WK_OK;
}

// TLS sees a damaged record as such, and gives nothing from it on.
static size_t whole_bytes(const struct wk_socket *s, size_t readable) {
    const struct sim_stream *in = s->end->in;
    if (s->tls != SIM_TLS_UP || in->flip_at >= in->taken + readable)
        return readable;
    return in->flip_at > in->taken ? (size_t)(in->flip_at - in->taken) : 0;
}

enum wk_status sim_socket_read(struct wk_socket *s, void *to, size_t size, uint64_t until_ns,
                               const char *what, size_t *out_size, struct wk_error *err) {
    struct sim_end *e = s->end;
    bool late = false;
    if (s->tls == SIM_TLS_FAILED)
        return broken(s, 0, what, err);
    maybe_reset(e);
    while (size > 0) {
        size_t readable = sim_conn_readable(e);
        if (readable > 0) {
            readable = whole_bytes(s, readable);
            if (readable == 0)
                return wk_posix_fail_as(err, WK_UNAVAILABLE, what, NULL, "bad record mac");
            size = maybe_tiny(e->in, readable < size ? readable : size);
            sim_conn_take(e, to, size);
            break;
        }
        int end = end_of_bytes(e);
        if (end == 0)
            return orderly(s, what, out_size, err);
        if (end > 0)
            return broken(s, end, what, err);
        if (late)
            return wk_posix_fail(err, ETIMEDOUT, what, NULL);
        late = !sim_block("net-read", e, until_ns);
    }
    *out_size = size;
    return WK_OK;
}

// ---- write

static size_t sum(const struct wk_span *spans, size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += spans[i].size;
    return size;
}

// The peer gets an end that nobody sent, in the middle of what is being said.
static void maybe_cut(struct sim_end *e) {
    if (!e->over && !e->shut && !e->out->cut && sim_fault(SIM_FAULT_NET_HALF_CLOSE))
        sim_conn_cut(e);
}

// A reset or an end falls before the bytes or after a part of them.
static size_t maybe_break(struct sim_end *e, const struct wk_span *spans, size_t count,
                          size_t size) {
    bool reset = sim_fault(SIM_FAULT_NET_RESET);
    if (!reset) {
        size_t sent = sim_conn_send(e, spans, count, size);
        maybe_cut(e);
        return sent;
    }
    struct sim_rng *r = sim_fault_rng(SIM_FAULT_NET_RESET);
    size_t part = (size_t)sim_rng_below(r, size + 1);
    size_t sent = sim_conn_send(e, spans, count, part);
    sim_conn_reset(e);
    return sent;
}

enum wk_status sim_socket_write(struct wk_socket *s, const struct wk_span *spans, size_t count,
                                uint64_t until_ns, const char *what, size_t *out_size,
                                struct wk_error *err) {
    struct sim_end *e = s->end;
    size_t size = sum(spans, count);
    size_t sent = 0;
    bool late = false;
    if (s->tls == SIM_TLS_FAILED)
        return broken(s, 0, what, err);
    while (size > 0) {
        if (e->error != 0)
            return broken(s, take_error(e), what, err);
        if (e->over || e->shut)
            return broken(s, EPIPE, what, err);
        size_t room = sim_conn_room(e);
        if (room > 0)
            sent = maybe_break(e, spans, count, maybe_tiny(e->out, room < size ? room : size));
        if (sent > 0)
            break;
        if (e->over)
            continue; // the reset came before the first byte
        if (late)
            return wk_posix_fail(err, ETIMEDOUT, what, NULL);
        late = !sim_block("net-write", e, until_ns);
    }
    *out_size = sent;
    return WK_OK;
}
