/* SPDX-License-Identifier: Apache-2.0 */
#include "config/layers.h"

#include "base/text.h"

/* ---- the view -------------------------------------------------------------------------------- */

/* The environment of a view: `base` makes the calls, because an environment may know its own. */
static struct wk_layers *layers_of(struct wk_env *view) {
    return (struct wk_layers *)view;
}

static void *view_alloc(struct wk_env *view, enum wk_mem_owner owner, size_t size) {
    return wk_alloc(layers_of(view)->base, owner, size);
}

static void view_release(struct wk_env *view, enum wk_mem_owner owner, void *ptr, size_t size) {
    wk_release(layers_of(view)->base, owner, ptr, size);
}

static enum wk_log_level view_level(struct wk_env *view) {
    struct wk_env *base = layers_of(view)->base;
    return base->log->level(base);
}

static void view_event(struct wk_env *view, enum wk_log_level level, const char *name,
                       const struct wk_log_field *fields, size_t count) {
    struct wk_env *base = layers_of(view)->base;
    base->log->event(base, level, name, fields, count);
}

static size_t row_of(const struct wk_setting *setting) {
    return (size_t)(setting - wk_settings_table);
}

static bool says_something(const struct wk_layer_value *value) {
    return value->text != NULL && value->text[0] != 0;
}

static enum wk_status give(const struct wk_layer_value *value, char *to, size_t capacity,
                           size_t *length) {
    size_t size = strlen(value->text);
    if (size >= capacity)
        return WK_TOO_LARGE;
    memcpy(to, value->text, size + 1);
    if (length != NULL)
        *length = size;
    return WK_OK;
}

static enum wk_status view_get(struct wk_env *view, const char *name, char *to, size_t capacity,
                               size_t *length) {
    struct wk_layers *layers = layers_of(view);
    const struct wk_setting *setting = wk_setting_find(name);
    if (setting != NULL && says_something(&layers->command_line[row_of(setting)]))
        return give(&layers->command_line[row_of(setting)], to, capacity, length);
    enum wk_status status = layers->base->vars->get(layers->base, name, to, capacity, length);
    if (status == WK_MISS && setting != NULL && says_something(&layers->file[row_of(setting)]))
        return give(&layers->file[row_of(setting)], to, capacity, length);
    return status;
}

/* Names in the file and on the command line are all known: nobody looks for strays there. */
static void view_names(struct wk_env *view, const char *prefix,
                       bool (*each)(void *ctx, const char *name), void *ctx) {
    struct wk_env *base = layers_of(view)->base;
    base->vars->names(base, prefix, each, ctx);
}

static const struct wk_env_mem view_mem = {.alloc = view_alloc, .release = view_release};
static const struct wk_env_log view_log = {.level = view_level, .event = view_event};
static const struct wk_env_vars view_vars = {.get = view_get, .names = view_names};

/* ---- life ------------------------------------------------------------------------------------ */

static struct wk_layer_value *layer_new(struct wk_env *env) {
    size_t bytes = wk_settings_count * sizeof(struct wk_layer_value);
    struct wk_layer_value *values = wk_alloc(env, WK_MEM_HANDLE, bytes);
    if (values != NULL)
        memset(values, 0, bytes);
    return values;
}

static void value_free(struct wk_env *env, struct wk_layer_value *value) {
    volatile char *text = value->text;
    for (size_t i = 0; i < value->bytes; i++)
        text[i] = 0;
    wk_release(env, WK_MEM_HANDLE, value->text, value->bytes);
}

static void layer_free(struct wk_env *env, struct wk_layer_value *values) {
    for (size_t i = 0; values != NULL && i < wk_settings_count; i++)
        value_free(env, &values[i]);
    wk_release(env, WK_MEM_HANDLE, values, wk_settings_count * sizeof *values);
}

enum wk_status wk_layers_init(struct wk_layers *layers, struct wk_env *env, struct wk_error *err) {
    struct wk_layer_value *file = layer_new(env);
    struct wk_layer_value *command_line = layer_new(env);
    if (file == NULL || command_line == NULL) {
        layer_free(env, file);
        layer_free(env, command_line);
        return wk_fail(err, WK_NO_MEMORY, "no memory for the settings");
    }
    *layers = (struct wk_layers){
        .view = {.version = WK_ENV_VERSION,
                 .size = sizeof(struct wk_env),
                 .mem = &view_mem,
                 .vars = &view_vars,
                 .log = &view_log},
        .base = env,
        .file = file,
        .command_line = command_line,
    };
    return WK_OK;
}

void wk_layers_destroy(struct wk_layers *layers) {
    layer_free(layers->base, layers->file);
    layer_free(layers->base, layers->command_line);
}

/* ---- values ---------------------------------------------------------------------------------- */

static struct wk_layer_value *value_at(struct wk_layers *layers, enum wk_setting_origin origin,
                                       const struct wk_setting *setting) {
    struct wk_layer_value *layer = origin == WK_ORIGIN_FILE ? layers->file : layers->command_line;
    return &layer[row_of(setting)];
}

enum wk_status wk_layers_set(struct wk_layers *layers, enum wk_setting_origin origin,
                             const struct wk_setting *setting, struct wk_span value,
                             struct wk_error *err) {
    if (value_at(layers, origin, setting)->text != NULL)
        return wk_fail(err, WK_CONFLICT, "%s is set twice", setting->name);
    return wk_layers_append(layers, origin, setting, "", value, err);
}

enum wk_status wk_layers_append(struct wk_layers *layers, enum wk_setting_origin origin,
                                const struct wk_setting *setting, const char *separator,
                                struct wk_span value, struct wk_error *err) {
    struct wk_layer_value *before = value_at(layers, origin, setting);
    size_t had = before->text == NULL ? 0 : strlen(before->text);
    size_t between = had == 0 ? 0 : strlen(separator);
    if (value.size > WK_VAR_BYTES_MAX || had + between + value.size > WK_VAR_BYTES_MAX)
        return wk_fail(err, WK_TOO_LARGE, "%s is longer than %u bytes", setting->name,
                       WK_VAR_BYTES_MAX);
    struct wk_layer_value after = {.bytes = had + between + value.size + 1};
    after.text = wk_alloc(layers->base, WK_MEM_HANDLE, after.bytes);
    if (after.text == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for the settings");
    if (had > 0)
        memcpy(after.text, before->text, had);
    memcpy(after.text + had, separator, between);
    if (value.size > 0)
        memcpy(after.text + had + between, value.data, value.size);
    after.text[after.bytes - 1] = 0;
    value_free(layers->base, before);
    *before = after;
    return WK_OK;
}

/* ---- origins --------------------------------------------------------------------------------- */

enum wk_setting_origin wk_layers_origin(struct wk_layers *layers,
                                        const struct wk_setting *setting) {
    char byte[1];
    if (says_something(&layers->command_line[row_of(setting)]))
        return WK_ORIGIN_COMMAND_LINE;
    /* No room for a value: it is set, and stays where it is. */
    enum wk_status status =
        layers->base->vars->get(layers->base, setting->name, byte, sizeof byte, NULL);
    if (status != WK_MISS)
        return WK_ORIGIN_ENVIRONMENT;
    return says_something(&layers->file[row_of(setting)]) ? WK_ORIGIN_FILE : WK_ORIGIN_DEFAULT;
}

const char *wk_setting_origin_name(enum wk_setting_origin origin) {
    static const char *const names[] = {"default", "file", "environment", "command line"};
    return names[origin];
}
