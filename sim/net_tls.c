// SPDX-License-Identifier: Apache-2.0
// TLS as far as a program can tell: who is refused and why, goodbyes, cut and damaged connections.
// Nothing is encrypted. Certificates, keys and authorities are small files on the disk of the
// simulated host, "name value" a line:
//
//     certificate file    names localhost,10.0.0.1     authority file    authority ca-1
//                         issuer ca-1                                    authority ca-2
//                         key k1                       key file          key k1
//
// The handshake is TLS 1.3's: greetings both ways, then a word from the client; a client whose
// certificate is refused hears of it only at its first read.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "disk.h"
#include "env/posix/posix.h"
#include "net.h"
#include "pool.h"
#include "report.h"
#include "sched.h"
#include "trace.h"

#define NAME_BYTES     256u
#define FILE_COST_NS   200000u
#define CRYPTO_COST_NS 300000u
#define CONTEXTS_MAX   1024u
#define HELLO_BYTES    16u

struct wk_tls {
    uint32_t number; // what a greeting carries
    struct sim_process *process;
    bool open;
    bool server;
    bool asks_client;
    const char *authorities; // the file's text; NULL: the system's, which nobody here belongs to
    const char *certificate; // NULL: none
    char server_name[NAME_BYTES];
};

static struct wk_tls *contexts[CONTEXTS_MAX];
static uint32_t context_count;

void sim_tls_reset(void) {
    context_count = 0;
}

// ---- files

// The value of the n-th line "name value"; false: there are not so many.
static bool line_value(const char *text, const char *name, uint32_t n, char to[NAME_BYTES]) {
    size_t size = strlen(name);
    for (const char *line = text; *line != 0;) {
        size_t length = strcspn(line, "\n");
        if (length > size && strncmp(line, name, size) == 0 && line[size] == ' ' && n-- == 0) {
            snprintf(to, NAME_BYTES, "%.*s", (int)(length - size - 1), line + size + 1);
            return true;
        }
        line += length + (line[length] == '\n');
    }
    return false;
}

static bool names_it(const char *certificate, const char *wanted) {
    char names[NAME_BYTES];
    size_t size = strlen(wanted);
    if (!line_value(certificate, "names", 0, names))
        return false;
    for (const char *at = names; *at != 0;) {
        size_t length = strcspn(at, ",");
        if (length == size && strncmp(at, wanted, size) == 0)
            return true;
        at += length + (at[length] == ',');
    }
    return false;
}

static bool chains_to(const char *certificate, const char *authorities) {
    char issuer[NAME_BYTES];
    char authority[NAME_BYTES];
    if (authorities == NULL || !line_value(certificate, "issuer", 0, issuer))
        return false;
    for (uint32_t i = 0; line_value(authorities, "authority", i, authority); i++) {
        if (strcmp(issuer, authority) == 0)
            return true;
    }
    return false;
}

// ---- contexts

static enum wk_status check_config(const struct wk_tls_config *config, bool server,
                                   struct wk_error *err) {
    if ((config->certificate_file == NULL) != (config->key_file == NULL))
        return wk_fail(err, WK_INVALID, "TLS: a certificate and its key go together");
    if (server && config->certificate_file == NULL)
        return wk_fail(err, WK_INVALID, "TLS: a listener needs a certificate and its key");
    if (server && config->require_client_certificate && config->ca_file == NULL)
        return wk_fail(err, WK_INVALID, "TLS: client certificates need authorities to check by");
    if (!server && (config->server_name == NULL || config->server_name[0] == 0 ||
                    strlen(config->server_name) >= NAME_BYTES))
        return wk_fail(err, WK_INVALID, "TLS: a client needs the name of the server");
    return WK_OK;
}

// The text of the file if it has a line of this name.
static enum wk_status load(struct sim_host *host, const char *path, const char *what,
                           const char *line, const char **out, struct wk_error *err) {
    char value[NAME_BYTES];
    if (path == NULL)
        return WK_OK;
    const char *text = sim_disk_get_text(host->disk, path);
    if (text == NULL)
        return wk_posix_fail_as(err, WK_INVALID, what, path, "No such file or directory");
    if (!line_value(text, line, 0, value))
        return wk_posix_fail_as(err, WK_INVALID, what, path, "no start line");
    *out = text;
    return WK_OK;
}

static enum wk_status load_files(struct wk_tls *tls, const struct wk_tls_config *config,
                                 struct wk_error *err) {
    struct sim_host *host = tls->process->host;
    const char *key = NULL;
    char ours[NAME_BYTES];
    char theirs[NAME_BYTES];
    enum wk_status status =
        load(host, config->ca_file, "TLS authorities", "authority", &tls->authorities, err);
    if (status == WK_OK)
        status = load(host, config->certificate_file, "TLS certificate", "issuer",
                      &tls->certificate, err);
    if (status == WK_OK)
        status = load(host, config->key_file, "TLS key", "key", &key, err);
    if (status != WK_OK || key == NULL)
        return status;
    (void)line_value(key, "key", 0, ours);
    if (!line_value(tls->certificate, "key", 0, theirs) || strcmp(ours, theirs) != 0)
        return wk_posix_fail_as(err, WK_INVALID, "TLS key", config->key_file,
                                "key values mismatch");
    return WK_OK;
}

enum wk_status sim_tls_create(struct wk_env *env, const struct wk_tls_config *config, bool server,
                              struct wk_tls **out, struct wk_error *err) {
    struct sim_process *p = sim_enter(env, FILE_COST_NS);
    enum wk_status status = check_config(config, server, err);
    if (status != WK_OK)
        return status;
    if (context_count == CONTEXTS_MAX)
        sim_harness_fail("more than %u TLS contexts", CONTEXTS_MAX);
    struct wk_tls *tls = sim_new(sizeof *tls);
    *tls = (struct wk_tls){.number = context_count, .process = p, .open = true, .server = server};
    tls->asks_client = server && config->require_client_certificate;
    if (!server)
        snprintf(tls->server_name, sizeof tls->server_name, "%s", config->server_name);
    status = load_files(tls, config, err);
    sim_event("tls.create", tls->server_name, server, (uint64_t)status);
    if (status != WK_OK)
        return status;
    contexts[context_count++] = tls;
    p->tls++;
    *out = tls;
    return WK_OK;
}

void sim_tls_release(struct wk_env *env, struct wk_tls *tls) {
    struct sim_process *p = sim_enter(env, FILE_COST_NS);
    if (tls == NULL)
        return;
    if (!tls->open || tls->process != p)
        sim_violate("environment", "a TLS context released twice, or by another process");
    tls->open = false;
    p->tls--;
}

// ---- the handshake

enum word { WORD_HELLO, WORD_DONE, WORD_ALERT };

struct hello {
    char magic[8];
    uint32_t word;
    uint32_t context;
};
_Static_assert(sizeof(struct hello) == HELLO_BYTES, "no padding: it travels");

static const char magic[8] = {0x16, 3, 3, 'w', 'k', 's', 'i', 'm'};

struct shake {
    struct wk_socket *socket;
    const struct wk_tls *tls;
    uint64_t until_ns;
    struct wk_error *err;
};

static enum wk_status refuse(const struct shake *h, const char *words) {
    return wk_posix_fail_as(h->err, WK_DENIED, "TLS handshake", NULL, words);
}

// The deadline stays what it is; everything else that goes wrong is a refusal.
static enum wk_status as_refusal(const struct shake *h, enum wk_status status) {
    if (status == WK_TIMEOUT)
        return status;
    return refuse(h, "the connection ended in the middle");
}

static enum wk_status say(const struct shake *h, enum word word) {
    struct hello hello = {.word = word, .context = h->tls->number};
    memcpy(hello.magic, magic, sizeof magic);
    const uint8_t *bytes = (const uint8_t *)&hello;
    for (size_t at = 0, sent = 0; at < sizeof hello; at += sent) {
        struct wk_span left = wk_span(bytes + at, sizeof hello - at);
        enum wk_status status =
            sim_socket_write(h->socket, &left, 1, h->until_ns, "TLS handshake", &sent, h->err);
        if (status != WK_OK)
            return as_refusal(h, status);
    }
    return WK_OK;
}

static enum wk_status hear(const struct shake *h, enum word wanted, const struct wk_tls **peer) {
    struct hello hello;
    uint8_t *bytes = (uint8_t *)&hello;
    for (size_t at = 0, got = 0; at < sizeof hello; at += got) {
        enum wk_status status = sim_socket_read(h->socket, bytes + at, sizeof hello - at,
                                                h->until_ns, "TLS handshake", &got, h->err);
        if (status != WK_OK || got == 0)
            return as_refusal(h, status);
        size_t known = at + got < sizeof magic ? at + got : sizeof magic;
        if (memcmp(bytes, magic, known) != 0)
            return refuse(h, "wrong version number");
    }
    if (hello.word == WORD_ALERT)
        return refuse(h, "the peer refuses our certificate");
    if (hello.word != wanted || hello.context >= context_count)
        return refuse(h, "decode error");
    *peer = contexts[hello.context];
    return WK_OK;
}

static enum wk_status check_server(const struct shake *h, const struct wk_tls *server) {
    if (!server->server)
        return refuse(h, "unexpected message");
    if (!chains_to(server->certificate, h->tls->authorities))
        return refuse(h, "certificate verify failed (unknown authority)");
    if (!names_it(server->certificate, h->tls->server_name))
        return refuse(h, "certificate verify failed (it names another host)");
    return WK_OK;
}

static enum wk_status check_client(const struct shake *h, const struct wk_tls *client) {
    if (client->server)
        return refuse(h, "unexpected message");
    if (!h->tls->asks_client)
        return WK_OK;
    if (client->certificate == NULL)
        return refuse(h, "peer did not return a certificate");
    if (!chains_to(client->certificate, h->tls->authorities))
        return refuse(h, "certificate verify failed (unknown authority)");
    return WK_OK;
}

// Tells the peer, if it still listens, and keeps the reason.
static enum wk_status part(const struct shake *h, enum wk_status status) {
    struct shake quiet = *h;
    quiet.err = NULL;
    (void)say(&quiet, WORD_ALERT);
    return status;
}

static enum wk_status shake_client(const struct shake *h) {
    const struct wk_tls *server;
    enum wk_status status = say(h, WORD_HELLO);
    if (status == WK_OK)
        status = hear(h, WORD_HELLO, &server);
    if (status != WK_OK)
        return status;
    status = check_server(h, server);
    return status == WK_OK ? say(h, WORD_DONE) : part(h, status);
}

static enum wk_status shake_server(const struct shake *h) {
    const struct wk_tls *client;
    enum wk_status status = hear(h, WORD_HELLO, &client);
    if (status == WK_OK)
        status = say(h, WORD_HELLO);
    if (status == WK_OK)
        status = hear(h, WORD_DONE, &client);
    return status == WK_OK ? check_client(h, client) : status;
}

enum wk_status sim_tls_start(struct wk_socket *socket, struct wk_tls *tls, bool server,
                             uint64_t until_ns, struct wk_error *err) {
    struct shake h = {socket, tls, until_ns, err};
    if (!tls->open || tls->process != socket->process)
        sim_violate("environment", "a handshake with a TLS context that is not open here");
    if (server != tls->server || socket->tls != SIM_TLS_NONE)
        return wk_fail(err, WK_INVALID, "TLS: the wrong side's context, or a second handshake");
    sim_point(SIM_POINT_CALL, CRYPTO_COST_NS);
    enum wk_status status = server ? shake_server(&h) : shake_client(&h);
    socket->tls = status == WK_OK ? SIM_TLS_UP : SIM_TLS_FAILED;
    sim_event("tls.handshake", socket->end->conn->name, server, (uint64_t)status);
    return status;
}
