/* SPDX-License-Identifier: Apache-2.0 */
/* A file is read whole into a buffer, parsed by inih, and both buffer and keys are wiped. */
#include "env/s3/credentials.h"

#include <ini.h>

#include "base/text.h"
#include "config/ini_pieces.h"

#define CHECK_EVERY_NS WK_NS_PER_S

enum source { FIXED, SECRET_FILE, INI_FILE };

struct wk_s3_credentials {
    struct wk_env *env;
    enum source source;
    bool local_dev;
    uint64_t generation;
    uint64_t checked_ns;
    struct wk_file_info seen; /* the file as it was last read */
    const char *setting;      /* what names the file */
    const char *name;         /* last part of path */
    char directory[WK_VAR_BYTES_MAX + 1];
    char file[WK_VAR_BYTES_MAX + 1];
    struct wk_s3_keys keys;
};

static void wipe(void *data, size_t size) {
    volatile uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        bytes[i] = 0;
}

/* ---- the two forms of a file --------------------------------------------------------------- */

struct parse {
    struct wk_ini_pieces pieces;
    bool too_long;
    struct wk_s3_keys *keys;
};

/* The pieces of a long value come one by one; of several values the last one counts. */
static void take(struct parse *p, char *to, size_t bytes_max, const char *value) {
    size_t have = p->pieces.continues ? strlen(to) : 0;
    size_t more = strlen(value);
    if (more > bytes_max - have) {
        p->too_long = true;
        return;
    }
    memcpy(to + have, value, more + 1);
}

static int on_value(void *arg, const char *section, const char *name, const char *value) {
    struct parse *p = arg;
    struct wk_s3_keys *keys = p->keys;
    if (strcmp(section, "default") != 0)
        return 1;
    if (strcmp(name, "aws_access_key_id") == 0)
        take(p, keys->access_key, WK_S3_CREDENTIAL_BYTES_MAX, value);
    else if (strcmp(name, "aws_secret_access_key") == 0)
        take(p, keys->secret_key, WK_S3_CREDENTIAL_BYTES_MAX, value);
    else if (strcmp(name, "aws_session_token") == 0)
        take(p, keys->session_token, WK_VAR_BYTES_MAX, value);
    return 1;
}

static enum wk_status parse_ini(struct wk_span text, struct wk_s3_keys *keys,
                                struct wk_error *err) {
    struct parse p = {.pieces = {.rest = text}, .keys = keys};
    memset(keys, 0, sizeof *keys);
    if (memchr(text.data, 0, text.size) != NULL)
        return wk_fail(err, WK_INVALID, "it has a NUL byte in it");
    int line = ini_parse_stream(wk_ini_next_piece, &p.pieces, on_value, &p);
    if (line < 0)
        return wk_fail(err, WK_NO_MEMORY, "no memory for reading it");
    if (p.pieces.too_long)
        return wk_fail(err, WK_INVALID, "line %u is too long", p.pieces.line);
    if (line > 0)
        return wk_fail(err, WK_INVALID, "it is not in the form \"[default]\", \"name = value\"");
    if (p.too_long)
        return wk_fail(err, WK_INVALID, "a value in [default] is too long");
    if (keys->access_key[0] == 0 || keys->secret_key[0] == 0)
        return wk_fail(err, WK_INVALID,
                       "[default] needs aws_access_key_id and aws_secret_access_key");
    return WK_OK;
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum wk_status parse_secret(struct wk_span text, struct wk_s3_keys *keys,
                                   struct wk_error *err) {
    while (text.size > 0 && is_space(text.data[text.size - 1]))
        text.size--;
    while (text.size > 0 && is_space(text.data[0]))
        text = wk_span(text.data + 1, text.size - 1);
    if (text.size == 0 || text.size > WK_S3_CREDENTIAL_BYTES_MAX ||
        memchr(text.data, 0, text.size) != NULL || memchr(text.data, '\n', text.size) != NULL)
        return wk_fail(err, WK_INVALID, "it should hold the secret key and nothing else");
    memset(keys->secret_key, 0, sizeof keys->secret_key);
    memcpy(keys->secret_key, text.data, text.size);
    return WK_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

static enum wk_status read_into(struct wk_s3_credentials *c, struct wk_file *file, uint8_t *buffer,
                                struct wk_s3_keys *keys, struct wk_error *err) {
    struct wk_env *env = c->env;
    size_t size;
    enum wk_status status =
        env->files->pread(env, file, buffer, WK_S3_CREDENTIALS_FILE_MAX + 1, 0, &size, err);
    if (status != WK_OK)
        return status;
    if (size > WK_S3_CREDENTIALS_FILE_MAX)
        return wk_fail(err, WK_INVALID, "it has more than %u bytes", WK_S3_CREDENTIALS_FILE_MAX);
    *keys = c->keys;
    if (c->source == SECRET_FILE)
        return parse_secret(wk_span(buffer, size), keys, err);
    return parse_ini(wk_span(buffer, size), keys, err);
}

/* `info` is of the file that was read, also when its contents are refused. */
static enum wk_status read_file(struct wk_s3_credentials *c, struct wk_s3_keys *keys,
                                struct wk_file_info *info, struct wk_error *err) {
    struct wk_env *env = c->env;
    struct wk_dir *dir;
    struct wk_file *file;
    const size_t capacity = WK_S3_CREDENTIALS_FILE_MAX + 1;
    enum wk_status status = env->files->dir_open(env, NULL, c->directory, WK_OPEN_READ, &dir, err);
    if (status != WK_OK)
        return status;
    status = env->files->open(env, dir, c->name, WK_OPEN_READ, &file, err);
    env->files->dir_close(env, dir);
    if (status != WK_OK)
        return status;
    status = env->files->file_info(env, file, info, err);
    uint8_t *buffer = status == WK_OK ? wk_alloc(env, WK_MEM_HANDLE, capacity) : NULL;
    if (status == WK_OK && buffer == NULL)
        status = wk_fail(err, WK_NO_MEMORY, "no memory for reading it");
    if (buffer != NULL) {
        status = read_into(c, file, buffer, keys, err);
        wipe(buffer, capacity);
        wk_release(env, WK_MEM_HANDLE, buffer, capacity);
    }
    env->files->close(env, file);
    return status;
}

/* They become parts of header lines. */
static bool printable(const char *text) {
    for (; *text != 0; text++) {
        if (*text < 0x21 || *text > 0x7e)
            return false;
    }
    return true;
}

/* Whatever their source: forgotten settings must not reach somebody's production account. */
static enum wk_status check_keys(const struct wk_s3_credentials *c, const struct wk_s3_keys *keys,
                                 struct wk_error *err) {
    if (keys->access_key[0] == 0 || keys->secret_key[0] == 0)
        return wk_fail(err, WK_INVALID,
                       "no credentials: WMBT_KV_S3_ACCESS_KEY and WMBT_KV_S3_SECRET_KEY, or "
                       "WMBT_KV_S3_CREDENTIALS_FILE");
    if (!printable(keys->access_key) || !printable(keys->secret_key) ||
        !printable(keys->session_token))
        return wk_fail(err, WK_INVALID,
                       "an access key, secret key or session token has a character that is not "
                       "printable ASCII, or a space");
    if (c->local_dev || strcmp(keys->access_key, "minioadmin") != 0 ||
        strcmp(keys->secret_key, "minioadmin") != 0)
        return WK_OK;
    return wk_fail(err, WK_DENIED,
                   "refusing default MinIO credentials outside local-dev mode "
                   "(WMBT_KV_LOCAL_DEV=1)");
}

static bool same_keys(const struct wk_s3_keys *a, const struct wk_s3_keys *b) {
    return strcmp(a->access_key, b->access_key) == 0 && strcmp(a->secret_key, b->secret_key) == 0 &&
           strcmp(a->session_token, b->session_token) == 0;
}

static enum wk_status reload(struct wk_s3_credentials *c, struct wk_error *err) {
    struct wk_env *env = c->env;
    struct wk_file_info info = c->seen;
    struct wk_s3_keys *keys = wk_alloc(env, WK_MEM_HANDLE, sizeof *keys);
    if (keys == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for keys");
    enum wk_status status = read_file(c, keys, &info, err);
    if (status == WK_OK)
        status = check_keys(c, keys, err);
    c->seen = info;
    if (status == WK_OK && !same_keys(keys, &c->keys)) {
        c->keys = *keys;
        c->generation++;
    }
    wipe(keys, sizeof *keys);
    wk_release(env, WK_MEM_HANDLE, keys, sizeof *keys);
    if (status != WK_OK) {
        char quoted[256];
        wk_quote(wk_span_text(c->file), quoted, sizeof quoted);
        wk_error_prefix(err, "%s=%s", c->setting, quoted);
    }
    return status == WK_MISS ? WK_UNAVAILABLE : status;
}

static void warn_shared(struct wk_s3_credentials *c) {
    const struct wk_log_field fields[] = {{"setting", c->setting, 0}, {"file", c->file, 0}};
    if (c->seen.others_may_read)
        c->env->log->event(c->env, WK_LOG_WARN, "s3.credentials_readable_by_others", fields, 2);
}

/* While requests run: what fails leaves the keys as they are. */
static void reload_and_tell(struct wk_s3_credentials *c) {
    struct wk_error err;
    wk_error_clear(&err);
    uint64_t generation = c->generation;
    enum wk_status status = reload(c, &err);
    const struct wk_log_field fields[] = {{"setting", c->setting, 0}, {"text", err.text, 0}};
    if (status != WK_OK)
        c->env->log->event(c->env, WK_LOG_WARN, "s3.credentials_unreadable", fields, 2);
    else if (c->generation != generation)
        c->env->log->event(c->env, WK_LOG_INFO, "s3.credentials_renewed", fields, 1);
}

static bool file_changed(struct wk_s3_credentials *c) {
    struct wk_env *env = c->env;
    struct wk_dir *dir;
    struct wk_file_info now;
    if (env->files->dir_open(env, NULL, c->directory, WK_OPEN_READ, &dir, NULL) != WK_OK)
        return false;
    enum wk_status status = env->files->info(env, dir, c->name, &now, NULL);
    env->files->dir_close(env, dir);
    return status == WK_OK && (now.modified_ns != c->seen.modified_ns ||
                               now.inode != c->seen.inode || now.size_bytes != c->seen.size_bytes);
}

const struct wk_s3_keys *wk_s3_credentials_keys(struct wk_s3_credentials *c) {
    if (c->source == FIXED)
        return &c->keys;
    uint64_t now = wk_now_ns(c->env);
    if (now - c->checked_ns >= CHECK_EVERY_NS) {
        c->checked_ns = now;
        if (file_changed(c))
            reload_and_tell(c);
    }
    return &c->keys;
}

uint64_t wk_s3_credentials_generation(const struct wk_s3_credentials *c) {
    return c->generation;
}

bool wk_s3_credentials_renew(struct wk_s3_credentials *c, uint64_t used) {
    if (c->source != FIXED && c->generation == used)
        reload_and_tell(c);
    return c->generation != used;
}

/* ---- open and close ------------------------------------------------------------------------ */

static bool is_set(const char *text) {
    return text != NULL && text[0] != 0;
}

/* "/etc/wk/keys" -> "/etc/wk" and "keys". */
static enum wk_status take_path(struct wk_s3_credentials *c, const char *path,
                                struct wk_error *err) {
    size_t length = strlen(path);
    const char *slash = strrchr(path, '/');
    char quoted[256];
    wk_quote(wk_span_text(path), quoted, sizeof quoted);
    if (path[0] != '/' || length > WK_VAR_BYTES_MAX || slash[1] == 0)
        return wk_fail(err, WK_INVALID, "%s=%s: want the absolute path of a file", c->setting,
                       quoted);
    memcpy(c->file, path, length + 1);
    c->name = c->file + (slash - path) + 1;
    size_t directory = slash == path ? 1 : (size_t)(slash - path);
    memcpy(c->directory, path, directory);
    return WK_OK;
}

static enum wk_status copy(char *to, size_t bytes_max, const char *from, const char *what,
                           struct wk_error *err) {
    size_t length = from == NULL ? 0 : strlen(from);
    if (length > bytes_max)
        return wk_fail(err, WK_INVALID, "the %s has more than %zu bytes", what, bytes_max);
    if (length > 0)
        memcpy(to, from, length);
    return WK_OK;
}

static enum wk_status copy_keys(const struct wk_objects_config *config, struct wk_s3_keys *keys,
                                struct wk_error *err) {
    enum wk_status status =
        copy(keys->access_key, WK_S3_CREDENTIAL_BYTES_MAX, config->access_key, "access key", err);
    if (status == WK_OK)
        status = copy(keys->secret_key, WK_S3_CREDENTIAL_BYTES_MAX, config->secret_key,
                      "secret key", err);
    if (status == WK_OK)
        status = copy(keys->session_token, WK_VAR_BYTES_MAX, config->session_token, "session token",
                      err);
    return status;
}

static enum wk_status load(struct wk_s3_credentials *c, const struct wk_objects_config *config,
                           struct wk_error *err) {
    bool ini = is_set(config->credentials_file);
    bool secret = is_set(config->secret_key_file);
    if (ini && secret)
        return wk_fail(err, WK_INVALID,
                       "WMBT_KV_S3_CREDENTIALS_FILE and WMBT_KV_S3_SECRET_KEY_FILE are both set; "
                       "one of them");
    c->source = ini ? INI_FILE : secret ? SECRET_FILE : FIXED;
    c->setting = ini ? "WMBT_KV_S3_CREDENTIALS_FILE" : "WMBT_KV_S3_SECRET_KEY_FILE";
    enum wk_status status = copy_keys(config, &c->keys, err);
    if (status == WK_OK && c->source != FIXED) {
        status = take_path(c, ini ? config->credentials_file : config->secret_key_file, err);
        if (status == WK_OK)
            status = reload(c, err);
        if (status == WK_OK)
            warn_shared(c);
    } else if (status == WK_OK) {
        status = check_keys(c, &c->keys, err);
    }
    return status;
}

enum wk_status wk_s3_credentials_open(struct wk_env *env, const struct wk_objects_config *config,
                                      struct wk_s3_credentials **out, struct wk_error *err) {
    struct wk_s3_credentials *c = wk_alloc(env, WK_MEM_HANDLE, sizeof *c);
    if (c == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for keys");
    memset(c, 0, sizeof *c);
    c->env = env;
    c->local_dev = config->local_dev;
    c->checked_ns = wk_now_ns(env);
    enum wk_status status = load(c, config, err);
    if (status == WK_OK)
        *out = c;
    else
        wk_s3_credentials_close(c);
    return status;
}

void wk_s3_credentials_close(struct wk_s3_credentials *c) {
    if (c == NULL)
        return;
    struct wk_env *env = c->env;
    wipe(c, sizeof *c);
    wk_release(env, WK_MEM_HANDLE, c, sizeof *c);
}
