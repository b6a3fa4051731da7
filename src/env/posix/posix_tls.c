/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each call of OpenSSL is made under the session's mutex and never blocks: when it wants to read
 * or write more than the socket has, the mutex is dropped and the caller polls. So a reader that
 * waits does not hold up a writer.
 *
 * OpenSSL's own socket layer raises SIGPIPE; ours (struct session's BIO) sends with MSG_NOSIGNAL.
 */
#include "env/posix/posix_tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/text.h"

#if defined(MSG_NOSIGNAL)
#define SEND_FLAGS MSG_NOSIGNAL
#else
#define SEND_FLAGS 0
#endif

#define SERVER_NAME_BYTES_MAX 256u

struct wk_tls {
    SSL_CTX *context;
    BIO_METHOD *method;
    bool server;
    char server_name[SERVER_NAME_BYTES_MAX];
};

struct wk_tls_session {
    pthread_mutex_t mutex;
    SSL *ssl; /* sync: mutex */
};

/* ---- errors ------------------------------------------------------------------------------ */

static enum wk_status tls_fail(struct wk_error *err, enum wk_status status, const char *what,
                               const char *name) {
    char words[200];
    unsigned long code = ERR_get_error();
    if (code == 0)
        wk_format(words, sizeof words, "the connection ended in the middle");
    else
        ERR_error_string_n(code, words, sizeof words);
    ERR_clear_error();
    return wk_posix_fail_as(err, status, what, name, words);
}

/* ---- the way to the socket --------------------------------------------------------------- */

static int descriptor(BIO *bio) {
    return ((const struct wk_socket *)BIO_get_data(bio))->fd;
}

static bool try_again(int code) {
    return code == EAGAIN || code == EWOULDBLOCK || code == EINTR;
}

static int bio_write(BIO *bio, const char *from, int size) {
    ssize_t sent = send(descriptor(bio), from, (size_t)size, SEND_FLAGS);
    BIO_clear_retry_flags(bio);
    if (sent < 0 && try_again(errno))
        BIO_set_retry_write(bio);
    return (int)sent;
}

static int bio_read(BIO *bio, char *to, int size) {
    ssize_t got = recv(descriptor(bio), to, (size_t)size, 0);
    BIO_clear_retry_flags(bio);
    if (got < 0 && try_again(errno))
        BIO_set_retry_read(bio);
    return (int)got;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *method_new(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wombatkv");
    if (method == NULL)
        return NULL;
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_control);
    return method;
}

/* ---- contexts ---------------------------------------------------------------------------- */

void wk_posix_tls_release(struct wk_env *env, struct wk_tls *tls) {
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->method);
    wk_release(env, WK_MEM_HANDLE, tls, sizeof *tls);
}

static enum wk_status load_files(struct wk_tls *tls, const struct wk_tls_config *config,
                                 struct wk_error *err) {
    if (config->ca_file != NULL &&
        SSL_CTX_load_verify_locations(tls->context, config->ca_file, NULL) != 1)
        return tls_fail(err, WK_INVALID, "TLS authorities", config->ca_file);
    if (config->ca_file == NULL && !tls->server)
        SSL_CTX_set_default_verify_paths(tls->context);
    if (config->certificate_file != NULL &&
        SSL_CTX_use_certificate_chain_file(tls->context, config->certificate_file) != 1)
        return tls_fail(err, WK_INVALID, "TLS certificate", config->certificate_file);
    if (config->key_file != NULL &&
        SSL_CTX_use_PrivateKey_file(tls->context, config->key_file, SSL_FILETYPE_PEM) != 1)
        return tls_fail(err, WK_INVALID, "TLS key", config->key_file);
    if (config->certificate_file != NULL && SSL_CTX_check_private_key(tls->context) != 1)
        return tls_fail(err, WK_INVALID, "TLS key", config->key_file);
    return WK_OK;
}

static enum wk_status check_config(const struct wk_tls_config *config, bool server,
                                   struct wk_error *err) {
    if ((config->certificate_file == NULL) != (config->key_file == NULL))
        return wk_fail(err, WK_INVALID, "TLS: a certificate and its key go together");
    if (server && config->certificate_file == NULL)
        return wk_fail(err, WK_INVALID, "TLS: a listener needs a certificate and its key");
    if (server && config->require_client_certificate && config->ca_file == NULL)
        return wk_fail(err, WK_INVALID, "TLS: client certificates need authorities to check by");
    if (!server && (config->server_name == NULL || config->server_name[0] == 0 ||
                    strlen(config->server_name) >= SERVER_NAME_BYTES_MAX))
        return wk_fail(err, WK_INVALID, "TLS: a client needs the name of the server");
    return WK_OK;
}

enum wk_status wk_posix_tls_create(struct wk_env *env, const struct wk_tls_config *config,
                                   bool server, struct wk_tls **out, struct wk_error *err) {
    enum wk_status status = check_config(config, server, err);
    if (status != WK_OK)
        return status;
    /* The host's exit is not ours to add functions to. */
    OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL);
    struct wk_tls *tls = wk_alloc(env, WK_MEM_HANDLE, sizeof *tls);
    if (tls == NULL)
        return wk_posix_fail(err, ENOMEM, "TLS", NULL);
    memset(tls, 0, sizeof *tls);
    tls->server = server;
    tls->context = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    tls->method = method_new();
    if (tls->context == NULL || tls->method == NULL) {
        wk_posix_tls_release(env, tls);
        return wk_posix_fail(err, ENOMEM, "TLS", NULL);
    }
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_mode(tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS);
    int verify = SSL_VERIFY_PEER | (server ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    if (!server || config->require_client_certificate)
        SSL_CTX_set_verify(tls->context, verify, NULL);
    if (!server)
        wk_format(tls->server_name, sizeof tls->server_name, "%s", config->server_name);
    status = load_files(tls, config, err);
    if (status != WK_OK) {
        wk_posix_tls_release(env, tls);
        return status;
    }
    *out = tls;
    return WK_OK;
}

/* ---- sessions ---------------------------------------------------------------------------- */

static void session_free(struct wk_env *env, struct wk_tls_session *session) {
    SSL_free(session->ssl);
    pthread_mutex_destroy(&session->mutex);
    wk_release(env, WK_MEM_HANDLE, session, sizeof *session);
}

/* A certificate names hosts and addresses in different fields. */
static bool expect_peer(SSL *ssl, const char *name) {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1)
        return true;
    ERR_clear_error();
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

static struct wk_tls_session *session_new(struct wk_env *env, struct wk_socket *socket,
                                          struct wk_tls *tls) {
    struct wk_tls_session *session = wk_alloc(env, WK_MEM_HANDLE, sizeof *session);
    if (session == NULL)
        return NULL;
    pthread_mutex_init(&session->mutex, NULL);
    session->ssl = SSL_new(tls->context);
    BIO *bio = session->ssl == NULL ? NULL : BIO_new(tls->method);
    if (bio == NULL || (!tls->server && !expect_peer(session->ssl, tls->server_name))) {
        BIO_free(bio);
        session_free(env, session);
        return NULL;
    }
    BIO_set_data(bio, socket);
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl, bio, bio);
    return session;
}

enum step { STEP_HANDSHAKE, STEP_READ, STEP_WRITE };

/* One call that does not block. What it wants next, as an SSL_ERROR_*; `*done` bytes on NONE. */
static int step(struct wk_socket *socket, enum step what, struct wk_span_mut bytes, size_t *done) {
    struct wk_tls_session *session = socket->tls;
    int rc;
    pthread_mutex_lock(&session->mutex);
    ERR_clear_error();
    if (what == STEP_HANDSHAKE)
        rc = SSL_do_handshake(session->ssl);
    else if (what == STEP_READ)
        rc = SSL_read_ex(session->ssl, bytes.data, bytes.size, done);
    else
        rc = SSL_write_ex(session->ssl, bytes.data, bytes.size, done);
    int wants = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(session->ssl, rc);
    pthread_mutex_unlock(&session->mutex);
    return wants;
}

static enum wk_status run(struct wk_socket *socket, enum step what, struct wk_span_mut bytes,
                          uint64_t deadline_ns, size_t *done, struct wk_error *err) {
    static const char *const names[] = {"TLS handshake", "read from a TLS socket",
                                        "write to a TLS socket"};
    for (;;) {
        int wants = step(socket, what, bytes, done);
        if (wants == SSL_ERROR_NONE)
            return WK_OK;
        if (wants == SSL_ERROR_ZERO_RETURN && what == STEP_READ) {
            *done = 0;
            return WK_OK;
        }
        if (wants != SSL_ERROR_WANT_READ && wants != SSL_ERROR_WANT_WRITE)
            return tls_fail(err, what == STEP_HANDSHAKE ? WK_DENIED : WK_UNAVAILABLE, names[what],
                            NULL);
        enum wk_status status = wk_posix_socket_wait(
            socket, wants == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline_ns, names[what], err);
        if (status != WK_OK)
            return status;
    }
}

enum wk_status wk_posix_tls_start(struct wk_env *env, struct wk_socket *socket, struct wk_tls *tls,
                                  bool server, uint64_t deadline_ns, struct wk_error *err) {
    if (server != tls->server || socket->tls != NULL)
        return wk_fail(err, WK_INVALID, "TLS: the wrong side's context, or a second handshake");
    socket->tls = session_new(env, socket, tls);
    if (socket->tls == NULL)
        return wk_posix_fail(err, ENOMEM, "TLS handshake", NULL);
    if (server)
        SSL_set_accept_state(socket->tls->ssl);
    else
        SSL_set_connect_state(socket->tls->ssl);
    size_t unused;
    return run(socket, STEP_HANDSHAKE, (struct wk_span_mut){NULL, 0}, deadline_ns, &unused, err);
}

enum wk_status wk_posix_tls_read(struct wk_socket *socket, void *to, size_t size,
                                 uint64_t deadline_ns, size_t *out_size, struct wk_error *err) {
    size_t done = 0;
    struct wk_span_mut room = {to, size};
    enum wk_status status = run(socket, STEP_READ, room, deadline_ns, &done, err);
    if (status == WK_OK)
        *out_size = done;
    return status;
}

enum wk_status wk_posix_tls_write(struct wk_socket *socket, struct wk_span bytes,
                                  uint64_t deadline_ns, size_t *out_size, struct wk_error *err) {
    size_t done = 0;
    struct wk_span_mut from = {(uint8_t *)(uintptr_t)bytes.data, bytes.size};
    enum wk_status status = run(socket, STEP_WRITE, from, deadline_ns, &done, err);
    if (status == WK_OK)
        *out_size = done;
    return status;
}

void wk_posix_tls_shutdown(struct wk_socket *socket) {
    pthread_mutex_lock(&socket->tls->mutex);
    SSL_shutdown(socket->tls->ssl);
    ERR_clear_error();
    pthread_mutex_unlock(&socket->tls->mutex);
}

void wk_posix_tls_end(struct wk_env *env, struct wk_socket *socket) {
    wk_posix_tls_shutdown(socket);
    session_free(env, socket->tls);
    socket->tls = NULL;
}
