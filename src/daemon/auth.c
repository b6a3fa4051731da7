/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/auth.h"

#include "base/mark.h"
#include "base/text.h"
#include "codec/object_key.h"
#include "config/small_file.h"
#include "daemon/auth_file.h"

#define QUOTA_WINDOW_NS (24ull * 3600 * WK_NS_PER_S)

/* What a token has put since its window began. Survives a reload by the token's hash. */
struct quota {
    uint64_t since_ns;
    uint64_t put_bytes;
};

/* One reading of the file. */
struct table {
    size_t count;
    size_t bytes; /* of the allocation */
    struct quota *quotas;
    struct wk_auth_token tokens[];
};

struct wk_auth {
    struct wk_env *env;
    struct wk_span s3_prefix;
    char *path; /* NULL: no tokens */
    size_t path_bytes;
    struct wk_mutex mutex;
    struct table *table; /* sync: mutex */
};

/* ---- tables ---------------------------------------------------------------------------------- */

static void table_free(struct wk_env *env, struct table *table) {
    if (table != NULL)
        wk_release(env, WK_MEM_HANDLE, table, table->bytes);
}

static struct table *table_new(struct wk_env *env, const struct wk_auth_token *tokens,
                               size_t count) {
    size_t tokens_bytes = sizeof(struct table) + count * sizeof *tokens;
    tokens_bytes = (tokens_bytes + 15) / 16 * 16;
    size_t bytes = tokens_bytes + count * sizeof(struct quota);
    struct table *table = wk_alloc(env, WK_MEM_HANDLE, bytes);
    if (table == NULL)
        return NULL;
    memset(table, 0, bytes);
    table->count = count;
    table->bytes = bytes;
    table->quotas = (struct quota *)((uint8_t *)table + tokens_bytes);
    memcpy(table->tokens, tokens, count * sizeof *tokens);
    return table;
}

static enum wk_status parse_table(struct wk_auth *auth, struct wk_span text, struct table **out,
                                  struct wk_error *err) {
    size_t count;
    size_t bytes = WK_AUTH_TOKENS_MAX * sizeof(struct wk_auth_token);
    struct wk_auth_token *tokens = wk_alloc(auth->env, WK_MEM_HANDLE, bytes);
    if (tokens == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for its tokens");
    enum wk_status status = wk_auth_file_parse(text, tokens, WK_AUTH_TOKENS_MAX, &count, err);
    if (status == WK_OK) {
        *out = table_new(auth->env, tokens, count);
        if (*out == NULL)
            status = wk_fail(err, WK_NO_MEMORY, "no memory for its tokens");
    }
    wk_release(auth->env, WK_MEM_HANDLE, tokens, bytes);
    return status;
}

static enum wk_status read_table(struct wk_auth *auth, struct table **out, struct wk_error *err) {
    char shown[256];
    size_t size;
    char *text = wk_alloc(auth->env, WK_MEM_HANDLE, WK_AUTH_FILE_BYTES_MAX + 1);
    if (text == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for the file of tokens");
    enum wk_status status =
        wk_small_file_read(auth->env, auth->path, text, WK_AUTH_FILE_BYTES_MAX, &size, err);
    if (status == WK_OK) {
        status = parse_table(auth, wk_span(text, size), out, err);
        wk_quote(wk_span_text(auth->path), shown, sizeof shown);
        if (status != WK_OK)
            wk_error_prefix(err, "%s", shown);
    }
    wk_release(auth->env, WK_MEM_HANDLE, text, WK_AUTH_FILE_BYTES_MAX + 1);
    return status;
}

/* In constant time whatever the hashes are. The table's count when there is none. */
static size_t find_token(const struct table *table, const uint8_t hash[WK_BLAKE3_BYTES]) {
    size_t found = table->count;
    for (size_t i = 0; i < table->count; i++) {
        uint8_t differs = 0;
        for (size_t b = 0; b < WK_BLAKE3_BYTES; b++)
            differs |= table->tokens[i].hash[b] ^ hash[b];
        found = differs == 0 ? i : found;
    }
    return found;
}

static void keep_quotas(struct table *to, const struct table *from) {
    for (size_t i = 0; i < to->count; i++) {
        size_t old = find_token(from, to->tokens[i].hash);
        if (old < from->count)
            to->quotas[i] = from->quotas[old];
    }
}

enum wk_status wk_auth_reload(struct wk_auth *auth, struct wk_error *err) {
    struct table *table;
    if (auth->path == NULL)
        return WK_OK;
    enum wk_status status = read_table(auth, &table, err);
    if (status != WK_OK)
        return status;
    wk_lock(auth->env, &auth->mutex);
    struct table *old = auth->table;
    if (old != NULL)
        keep_quotas(table, old);
    auth->table = table;
    wk_unlock(auth->env, &auth->mutex);
    table_free(auth->env, old);
    return WK_OK;
}

/* ---- life ------------------------------------------------------------------------------------ */

enum wk_status wk_auth_open(struct wk_env *env, const char *path, const char *s3_prefix,
                            struct wk_auth **out, struct wk_error *err) {
    struct wk_auth *auth = wk_alloc(env, WK_MEM_HANDLE, sizeof *auth);
    if (auth == NULL || env->threads->mutex_init(env, &auth->mutex) != WK_OK) {
        wk_release(env, WK_MEM_HANDLE, auth, sizeof *auth);
        return wk_fail(err, WK_NO_MEMORY, "no memory for tokens");
    }
    auth->env = env;
    auth->s3_prefix = wk_span_text(s3_prefix);
    auth->table = NULL;
    auth->path = NULL;
    auth->path_bytes = path == NULL ? 0 : strlen(path) + 1;
    enum wk_status status = WK_OK;
    if (path != NULL) {
        auth->path = wk_alloc(env, WK_MEM_HANDLE, auth->path_bytes);
        if (auth->path == NULL)
            status = wk_fail(err, WK_NO_MEMORY, "no memory for tokens");
        else
            memcpy(auth->path, path, auth->path_bytes);
    }
    if (status == WK_OK)
        status = wk_auth_reload(auth, err);
    if (status != WK_OK) {
        wk_auth_close(auth);
        return status;
    }
    *out = auth;
    return WK_OK;
}

void wk_auth_close(struct wk_auth *auth) {
    struct wk_env *env = auth->env;
    table_free(env, auth->table);
    wk_release(env, WK_MEM_HANDLE, auth->path, auth->path_bytes);
    env->threads->mutex_destroy(env, &auth->mutex);
    wk_release(env, WK_MEM_HANDLE, auth, sizeof *auth);
}

bool wk_auth_required(const struct wk_auth *auth) {
    return auth->path != NULL;
}

/* ---- judging --------------------------------------------------------------------------------- */

enum wk_status wk_auth_identify(struct wk_auth *auth, struct wk_rpc_session *session,
                                struct wk_span token, struct wk_error *err) {
    uint8_t hash[WK_BLAKE3_BYTES];
    if (!WK_PLANTED(58)) /* identity_outlives_a_refusal */
        session->identified = false;
    if (auth->path == NULL)
        return WK_OK;
    if (token.size == 0)
        return wk_fail(err, WK_DENIED, "this daemon wants a token");
    wk_blake3(&token, 1, hash);
    wk_lock(auth->env, &auth->mutex);
    bool known = find_token(auth->table, hash) < auth->table->count;
    wk_unlock(auth->env, &auth->mutex);
    if (!known)
        return wk_fail(err, WK_DENIED, "the token is not known here");
    memcpy(session->identity, hash, sizeof hash);
    session->identified = true;
    return WK_OK;
}

/* The object key behind the prefix and its slash; false when it does not fit anywhere. */
static bool final_key(const struct wk_auth *auth, struct wk_span ns, struct wk_span key,
                      struct wk_object_key *out, struct wk_span *rest) {
    static const char any[] = "/";
    struct wk_span relative = key.size > 0 ? key : wk_span(any, 1);
    if (wk_object_key_relative(auth->s3_prefix, ns, relative, out, NULL) != WK_OK)
        return false;
    size_t skip = auth->s3_prefix.size + 1;
    *rest = wk_span(out->text + skip, out->length - skip);
    return true;
}

/* With the mutex held. */
static enum wk_status take_quota(struct wk_auth *auth, size_t at, uint64_t now_ns,
                                 uint64_t put_bytes, struct wk_error *err) {
    const struct wk_auth_token *t = &auth->table->tokens[at];
    struct quota *q = &auth->table->quotas[at];
    if (put_bytes == 0 || t->quota_bytes == UINT64_MAX)
        return WK_OK;
    if (q->since_ns == 0 || now_ns - q->since_ns >= QUOTA_WINDOW_NS)
        *q = (struct quota){now_ns, 0};
    if (put_bytes > t->quota_bytes || q->put_bytes > t->quota_bytes - put_bytes)
        return wk_fail(err, WK_NO_SPACE,
                       "token \"%s\" has put %llu of %llu bytes today; %llu more are too many",
                       t->name, (unsigned long long)q->put_bytes,
                       (unsigned long long)t->quota_bytes, (unsigned long long)put_bytes);
    q->put_bytes += put_bytes;
    return WK_OK;
}

/* With the mutex held. */
static enum wk_status judge(const struct wk_auth_token *t, struct wk_span ns, struct wk_span rest,
                            enum wk_access access, struct wk_error *err) {
    char shown[200];
    if (t->is_admin)
        return WK_OK;
    if (access == WK_ACCESS_ADMIN || ns.size == 0)
        return wk_fail(err, WK_DENIED, "token \"%s\" is not an admin's", t->name);
    wk_quote(ns, shown, sizeof shown);
    if (!wk_auth_pattern_covers(t->patterns, rest))
        return wk_fail(err, WK_DENIED, "token \"%s\" is not for namespace %s", t->name, shown);
    if (access == WK_ACCESS_WRITE && !t->may_write)
        return wk_fail(err, WK_DENIED, "token \"%s\" may only read", t->name);
    return WK_OK;
}

enum wk_status wk_auth_check(struct wk_auth *auth, const struct wk_rpc_session *session,
                             struct wk_span ns, struct wk_span key, enum wk_access access,
                             uint64_t put_bytes, struct wk_error *err) {
    struct wk_object_key room;
    struct wk_span rest;
    if (auth->path == NULL)
        return WK_OK;
    if (!session->identified)
        return wk_fail(err, WK_DENIED, "this daemon wants a token");
    if (!final_key(auth, ns, key, &room, &rest))
        return wk_fail(err, WK_INVALID, "namespace and key do not make an object key");
    uint64_t now = wk_now_ns(auth->env);
    wk_lock(auth->env, &auth->mutex);
    size_t at = find_token(auth->table, session->identity);
    enum wk_status status;
    if (at == auth->table->count) {
        WK_MARK("auth.token_is_gone");
        status = WK_OK;
        if (!WK_PLANTED(61)) /* token_outlives_its_file */
            status = wk_fail(err, WK_DENIED, "the token is not known here any more");
    } else {
        status = judge(&auth->table->tokens[at], ns, rest, access, err);
    }
    if (status == WK_OK)
        status = take_quota(auth, at, now, put_bytes, err);
    wk_unlock(auth->env, &auth->mutex);
    return status;
}
