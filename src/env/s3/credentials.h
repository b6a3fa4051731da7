/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys that requests are signed with, and the files they may come from.
 *
 *   settings                       fixed
 *   secret_key_file                the file holds the secret key and nothing else
 *   credentials_file               INI, section [default]: aws_access_key_id,
 *                                  aws_secret_access_key, aws_session_token (optional)
 *
 * A file is read again when its time, size or inode changed. A file that cannot be read or lacks a
 * key leaves the keys as they were, with one event per state of the file. Used by one thread at a
 * time. Nothing here is ever logged.
 */
#ifndef WK_ENV_S3_CREDENTIALS_H
#define WK_ENV_S3_CREDENTIALS_H

#include "env/env.h"

struct wk_s3_keys {
    char access_key[WK_S3_CREDENTIAL_BYTES_MAX + 1];
    char secret_key[WK_S3_CREDENTIAL_BYTES_MAX + 1];
    char session_token[WK_VAR_BYTES_MAX + 1]; /* "": none */
};

struct wk_s3_credentials;

/* Copies what it keeps. WK_INVALID, WK_DENIED, WK_UNAVAILABLE with a text that names the setting.
 */
WK_MUST_CHECK enum wk_status wk_s3_credentials_open(struct wk_env *env,
                                                    const struct wk_objects_config *config,
                                                    struct wk_s3_credentials **out,
                                                    struct wk_error *err);
/* NULL is a no-op. Wipes. */
void wk_s3_credentials_close(struct wk_s3_credentials *credentials);

/* The keys of now: looks at the file if that was a second ago. Valid until the next call. */
const struct wk_s3_keys *wk_s3_credentials_keys(struct wk_s3_credentials *credentials);
/* Counts the changes of the keys. */
uint64_t wk_s3_credentials_generation(const struct wk_s3_credentials *credentials);
/* After a refusal: reads the file whatever it looks like. True when the generation is now another
 * than `used`. */
bool wk_s3_credentials_renew(struct wk_s3_credentials *credentials, uint64_t used);

#endif
