/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what: tokens from a file.
 *
 *     [engine-a]                      name, for logs
 *     token_blake3 = <64 hex>         BLAKE3 of the token; the token itself is nowhere here
 *     namespaces = team-a, shared-*   patterns, see below
 *     access = write                  read (the default) or write, which includes reading
 *     quota_bytes = 1000000000        what it may put in 24 hours; without it as much as it likes
 *     admin = yes                     CLEAR, STATS, metrics, the empty namespace
 *
 * Without a file everybody may do everything: the daemon then listens on loopback only, unless told
 * otherwise.
 *
 * A request is judged by its final object key, `<s3_prefix>/<namespace>/<key>`: the pattern
 * `team-a` allows what lies below `<s3_prefix>/team-a/`, however the request split it into
 * namespace and key; a pattern that ends in `*` allows all that begins like it. Thus a namespace
 * that contains a slash lies inside its first part's.
 *
 * Only hashes are kept and compared, without leaving early. Safe for concurrent use; a reload holds
 * for requests that begin after it, on old connections too.
 */
#ifndef WK_DAEMON_AUTH_H
#define WK_DAEMON_AUTH_H

#include "rpc/server.h"

#define WK_AUTH_FILE_BYTES_MAX (1024u * 1024)
#define WK_AUTH_TOKENS_MAX     4096u

enum wk_access { WK_ACCESS_READ, WK_ACCESS_WRITE, WK_ACCESS_ADMIN };

struct wk_auth;

/* `path` NULL: no tokens. `s3_prefix` is borrowed for the life of the auth. */
WK_MUST_CHECK enum wk_status wk_auth_open(struct wk_env *env, const char *path,
                                          const char *s3_prefix, struct wk_auth **out,
                                          struct wk_error *err);
void wk_auth_close(struct wk_auth *auth);

/* Reads the file again; on failure everything stays as it was. */
WK_MUST_CHECK enum wk_status wk_auth_reload(struct wk_auth *auth, struct wk_error *err);

bool wk_auth_required(const struct wk_auth *auth);

/* Remembers in the session who a token says it is; nobody when it says nothing. DENIED: a token
 * that the file does not have, or none where one is required. */
WK_MUST_CHECK enum wk_status wk_auth_identify(struct wk_auth *auth, struct wk_rpc_session *session,
                                              struct wk_span token, struct wk_error *err);

/*
 * May this session do it? `key` is empty for operations on a whole namespace. `put_bytes` count
 * against the quota. DENIED: no. NO_SPACE: the quota is used up.
 */
WK_MUST_CHECK enum wk_status wk_auth_check(struct wk_auth *auth,
                                           const struct wk_rpc_session *session, struct wk_span ns,
                                           struct wk_span key, enum wk_access access,
                                           uint64_t put_bytes, struct wk_error *err);

#endif
