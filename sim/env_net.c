// SPDX-License-Identifier: Apache-2.0
// Sockets: nothing that runs in the simulator opens one yet, so every door is closed. A function
// that needs a socket to be called cannot be reached, and says so if it is.
#include "process.h"
#include "report.h"

static enum wk_status closed(struct wk_env *env, struct wk_error *err) {
    (void)sim_enter(env, 1000);
    return wk_fail(err, WK_UNAVAILABLE, "the network is not simulated yet");
}

static _Noreturn void unreachable(void) {
    sim_violate("environment", "a socket was used that nobody can have");
}

static enum wk_status resolve(struct wk_env *env, const char *host, uint16_t port,
                              uint64_t deadline_ns, struct wk_address *out, size_t capacity,
                              size_t *out_count, struct wk_error *err) {
    (void)host, (void)port, (void)deadline_ns, (void)out, (void)capacity, (void)out_count;
    return closed(env, err);
}

static bool is_loopback(struct wk_env *env, const struct wk_address *address) {
    (void)env, (void)address;
    return false;
}

static void address_text(struct wk_env *env, const struct wk_address *address, char *to,
                         size_t capacity) {
    (void)env, (void)address;
    if (capacity > 0)
        to[0] = 0;
}

static enum wk_status unix_address(struct wk_env *env, const char *path, struct wk_address *out,
                                   struct wk_error *err) {
    (void)path, (void)out;
    return closed(env, err);
}

static enum wk_status net_listen(struct wk_env *env, const struct wk_address *address,
                                 uint32_t backlog, struct wk_socket **out, struct wk_error *err) {
    (void)address, (void)backlog, (void)out;
    return closed(env, err);
}

static enum wk_status local_address(struct wk_env *env, struct wk_socket *socket,
                                    struct wk_address *out, struct wk_error *err) {
    (void)env, (void)socket, (void)out, (void)err;
    unreachable();
}

static enum wk_status net_accept(struct wk_env *env, struct wk_socket *listener,
                                 uint64_t deadline_ns, struct wk_socket **out,
                                 struct wk_address *peer, struct wk_error *err) {
    (void)env, (void)listener, (void)deadline_ns, (void)out, (void)peer, (void)err;
    unreachable();
}

static enum wk_status net_connect(struct wk_env *env, const struct wk_address *address,
                                  struct wk_tls *tls, uint64_t deadline_ns, struct wk_socket **out,
                                  struct wk_error *err) {
    (void)address, (void)tls, (void)deadline_ns, (void)out;
    return closed(env, err);
}

static enum wk_status tls_create(struct wk_env *env, const struct wk_tls_config *config,
                                 bool server, struct wk_tls **out, struct wk_error *err) {
    (void)config, (void)server, (void)out;
    return closed(env, err);
}

static void tls_release(struct wk_env *env, struct wk_tls *tls) {
    (void)env;
    if (tls != NULL)
        unreachable();
}

static enum wk_status tls_accept(struct wk_env *env, struct wk_socket *socket, struct wk_tls *tls,
                                 uint64_t deadline_ns, struct wk_error *err) {
    (void)env, (void)socket, (void)tls, (void)deadline_ns, (void)err;
    unreachable();
}

static enum wk_status net_read(struct wk_env *env, struct wk_socket *socket, void *to, size_t size,
                               uint64_t deadline_ns, size_t *out_size, struct wk_error *err) {
    (void)env, (void)socket, (void)to, (void)size, (void)deadline_ns, (void)out_size, (void)err;
    unreachable();
}

static enum wk_status net_writev(struct wk_env *env, struct wk_socket *socket,
                                 const struct wk_span *spans, size_t count, uint64_t deadline_ns,
                                 size_t *out_size, struct wk_error *err) {
    (void)env, (void)socket, (void)spans, (void)count, (void)deadline_ns, (void)out_size, (void)err;
    unreachable();
}

static void net_shutdown(struct wk_env *env, struct wk_socket *socket) {
    (void)env, (void)socket;
    unreachable();
}

static void net_close(struct wk_env *env, struct wk_socket *socket) {
    (void)env;
    if (socket != NULL)
        unreachable();
}

static enum wk_status send_segments(struct wk_env *env, struct wk_socket *socket,
                                    struct wk_span bytes, struct wk_shm *const *segments,
                                    size_t count, uint64_t deadline_ns, struct wk_error *err) {
    (void)env, (void)socket, (void)bytes, (void)segments, (void)count, (void)deadline_ns, (void)err;
    unreachable();
}

static enum wk_status receive_segments(struct wk_env *env, struct wk_socket *socket,
                                       struct wk_span_mut bytes, size_t *out_size,
                                       struct wk_shm **segments, size_t capacity, size_t *out_count,
                                       uint64_t deadline_ns, struct wk_error *err) {
    (void)env, (void)socket, (void)bytes, (void)out_size, (void)segments, (void)capacity;
    (void)out_count, (void)deadline_ns, (void)err;
    unreachable();
}

static enum wk_status net_peer(struct wk_env *env, struct wk_socket *socket, struct wk_peer *out,
                               struct wk_error *err) {
    (void)env, (void)socket, (void)out, (void)err;
    unreachable();
}

const struct wk_env_net sim_env_net = {
    resolve,    is_loopback,  address_text, unix_address,  net_listen,       local_address,
    net_accept, net_connect,  tls_create,   tls_release,   tls_accept,       net_read,
    net_writev, net_shutdown, net_close,    send_segments, receive_segments, net_peer,
};
