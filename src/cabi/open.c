/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and freeing handles.
 *
 *   environment or config -> struct wk_settings -> which backend? -> src/backend opens it
 *
 * The settings live on the heap and are wiped, because they hold secrets.
 */
#include "backend/open.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/text.h"
#include "cabi/config.h"
#include "cabi/handle.h"
#include "env/callbacks/callbacks.h"

/* Where the settings of one open come from. */
struct source {
    const wmbt_kv_config *config;                 /* NULL: environment variables */
    const struct wk_objects_callbacks *callbacks; /* NULL: the endpoint of the settings */
    const char *address_variable;                 /* NULL: the settings name the backend */
    const char *address;                          /* of a daemon, in place of that variable */
};

/* ---- handle --------------------------------------------------------------------------------- */

struct wmbt_kv_handle *wk_handle_new(struct wk_env *env, struct wk_error *err) {
    struct wmbt_kv_handle *handle = wk_alloc(env, WK_MEM_HANDLE, sizeof *handle);
    if (handle == NULL) {
        wk_fail(err, WK_NO_MEMORY, "no memory for a handle");
        return NULL;
    }
    handle->env = env;
    handle->backend = NULL;
    handle->fork_generation = env->process->fork_generation(env);
    return handle;
}

void wk_handle_discard(struct wmbt_kv_handle *handle) {
    wk_release(handle->env, WK_MEM_HANDLE, handle, sizeof *handle);
}

WK_API void wmbt_kv_free(wmbt_kv_handle_t *handle) {
    if (handle == NULL)
        return;
    uint32_t generation = handle->env->process->fork_generation(handle->env);
    if (generation != handle->fork_generation)
        return; /* the parent's: its threads are not here to be joined */
    handle->backend->ops->close(handle->backend);
    wk_handle_discard(handle);
}

/* ---- which backend -------------------------------------------------------------------------- */

static enum wk_status read_settings(struct wk_env *env, const struct source *from, uint32_t scopes,
                                    struct wk_settings *settings, struct wk_error *err) {
    if (from->config != NULL)
        return wk_config_read(from->config, scopes, settings, err);
    return wk_settings_read(env, scopes, settings, err);
}

/* ---- one open ------------------------------------------------------------------------------- */

/* The settings that say which backend; `*scopes` are those that it needs. */
static enum wk_status choose_backend(struct wk_env *env, const struct source *from,
                                     struct wk_settings *settings, uint32_t *scopes,
                                     struct wk_error *err) {
    *scopes = WK_SCOPE_REMOTE;
    if (from->address != NULL)
        return wk_setting_set_text(wk_setting_find(from->address_variable), "addr",
                                   wk_span_text(from->address), settings, err);
    enum wk_status status = read_settings(env, from, WK_SCOPE_ALL, settings, err);
    if (from->callbacks != NULL)
        *scopes = WK_SCOPE_EMBEDDED; /* there is no other backend to choose, and no endpoint */
    else if (status == WK_OK && !wk_backend_is_remote(settings))
        *scopes = WK_SCOPE_EMBEDDED | WK_SCOPE_OBJECTS;
    return status;
}

static enum wk_status open_backend(struct wk_env *env, const struct source *from,
                                   struct wk_settings *settings, struct wk_backend **out,
                                   struct wk_error *err) {
    uint32_t scopes;
    wk_settings_defaults(settings);
    if (from->config == NULL)
        wk_settings_report_strays(env);
    enum wk_status status = choose_backend(env, from, settings, &scopes, err);
    if (status != WK_OK)
        return status;
    status = read_settings(env, from, scopes, settings, err);
    if (status != WK_OK)
        return status;
    if (scopes == WK_SCOPE_REMOTE)
        return wk_backend_open_remote(env, settings, out, err);
    return wk_backend_open_embedded(env, settings, from->callbacks, out, err);
}

static enum wk_status open_handle(struct wk_env *env, const struct source *from,
                                  struct wmbt_kv_handle **out, struct wk_error *err) {
    struct wmbt_kv_handle *handle = wk_handle_new(env, err);
    if (handle == NULL)
        return WK_NO_MEMORY;
    struct wk_settings *settings = wk_alloc(env, WK_MEM_HANDLE, sizeof *settings);
    if (settings == NULL) {
        wk_handle_discard(handle);
        return wk_fail(err, WK_NO_MEMORY, "no memory for the settings");
    }
    enum wk_status status = open_backend(env, from, settings, &handle->backend, err);
    wk_settings_wipe(settings);
    wk_release(env, WK_MEM_HANDLE, settings, sizeof *settings);
    if (status == WK_OK)
        *out = handle;
    else
        wk_handle_discard(handle);
    return status;
}

/* An open has no miss: a directory that is not there is a reason to fail with a text. */
static struct wmbt_kv_handle *end_open(enum wk_status status, struct wk_error *err,
                                       struct wmbt_kv_handle *handle) {
    if (status == WK_MISS)
        status = WK_UNAVAILABLE;
    wk_call_end(status, err, NULL, 0);
    return handle;
}

WK_API wmbt_kv_handle_t *wmbt_kv_init_from_env(void) {
    struct wk_error err;
    struct wmbt_kv_handle *handle = NULL;
    struct wk_env *env = wk_env_current();
    wk_call_begin(&err);
    struct source from = {0};
    enum wk_status status = open_handle(env, &from, &handle, &err);
    return end_open(status, &err, handle);
}

WK_API wmbt_kv_handle_t *wmbt_kv_open(const wmbt_kv_config *config) {
    struct wk_error err;
    struct wmbt_kv_handle *handle = NULL;
    struct wk_env *env = wk_env_current();
    wk_call_begin(&err);
    struct source from = {.config = config};
    enum wk_status status = wk_config_check(config, &err);
    if (status == WK_OK)
        status = open_handle(env, &from, &handle, &err);
    return end_open(status, &err, handle);
}

/* ---- callbacks ------------------------------------------------------------------------------ */

#define SAME(member)                                                                               \
    _Static_assert(offsetof(wmbt_kv_callbacks, member) ==                                          \
                       offsetof(struct wk_objects_callbacks, member),                              \
                   #member)
SAME(size);
SAME(flags);
SAME(ctx);
SAME(get);
SAME(set);
SAME(del);
SAME(iter_create);
SAME(iter_next);
SAME(iter_free);
SAME(free_buf);
SAME(head);
SAME(iter_keys_next);
#undef SAME
_Static_assert(sizeof(wmbt_kv_callbacks) == sizeof(struct wk_objects_callbacks), "callbacks");
_Static_assert((int)WMBT_KV_CALLBACKS_THREAD_SAFE == (int)WK_CALLBACKS_THREAD_SAFE, "flags");
_Static_assert((int)WMBT_KV_CALLBACKS_KEY_SIZES == (int)WK_CALLBACKS_KEY_SIZES, "flags");

/* Members beyond the host's size become NULL, members beyond ours are dropped. */
static void copy_callbacks(const wmbt_kv_callbacks *from, struct wk_objects_callbacks *to) {
    size_t size = from->size < sizeof *to ? from->size : sizeof *to;
    memset(to, 0, sizeof *to);
    memcpy(to, from, size);
    to->size = (uint32_t)size;
}

WK_API wmbt_kv_handle_t *wmbt_kv_open_callbacks(const wmbt_kv_callbacks *callbacks,
                                                const wmbt_kv_config *config) {
    struct wk_error err;
    struct wmbt_kv_handle *handle = NULL;
    struct wk_objects_callbacks table;
    struct wk_env *env = wk_env_current();
    wk_call_begin(&err);
    struct source from = {.config = config, .callbacks = &table};
    enum wk_status status = WK_OK;
    if (callbacks == NULL)
        status = wk_fail(&err, WK_INVALID, "callbacks is NULL");
    if (status == WK_OK)
        status = wk_config_check(config, &err);
    if (status == WK_OK) {
        copy_callbacks(callbacks, &table);
        status = open_handle(env, &from, &handle, &err);
    }
    return end_open(status, &err, handle);
}

/* ---- daemons -------------------------------------------------------------------------------- */

static wmbt_kv_handle_t *open_remote(const char *function, const char *variable, const char *addr) {
    struct wk_error err;
    struct wmbt_kv_handle *handle = NULL;
    wk_call_begin(&err);
    enum wk_status status = WK_OK;
    char shown[320];
    if (addr == NULL) {
        status = wk_fail(&err, WK_INVALID, "addr is NULL");
    } else if (!wk_utf8_valid(wk_span_text(addr))) {
        wk_quote(wk_span_text(addr), shown, sizeof shown);
        status = wk_fail(&err, WK_INVALID, "addr not utf-8: %s", shown);
    }
    struct source from = {.address_variable = variable, .address = addr};
    if (status == WK_OK)
        status = open_handle(wk_env_current(), &from, &handle, &err);
    if (status != WK_OK)
        wk_error_prefix(&err, "%s", function);
    return end_open(status, &err, handle);
}

WK_API wmbt_kv_handle_t *wmbt_kv_open_tcp(const char *addr) {
    return open_remote("wmbt_kv_open_tcp", "WMBT_KV_TCP_ADDR", addr);
}

WK_API wmbt_kv_handle_t *wmbt_kv_open_http(const char *addr) {
    return open_remote("wmbt_kv_open_http", "WMBT_KV_HTTP_ADDR", addr);
}
