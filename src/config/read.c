/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Environment variables to struct wk_settings.
 *
 *   each row of the table, in order: vars->get -> wk_setting_set_text
 *                                         garbage: the row says whether it warns or fails
 *
 * One value at a time passes through a buffer that the parser allocates, because values may be
 * secrets and stacks are not wiped.
 */
#include "base/text.h"
#include "config/settings.h"

static void warn(struct wk_env *env, const struct wk_setting *setting, const char *text) {
    struct wk_log_field fields[] = {{"name", setting->name, 0}, {"text", text, 0}};
    env->log->event(env, WK_LOG_WARN, "settings.ignored", fields, 2);
}

/* A number that can be read but is out of range becomes the nearest that is allowed. */
static bool take_nearest(const struct wk_setting *setting, struct wk_span value,
                         struct wk_settings *settings) {
    uint64_t number;
    if (setting->kind != WK_SETTING_NUMBER || !wk_parse_u64(value, &number))
        return false;
    uint64_t nearest = number < setting->min ? setting->min : setting->max;
    enum wk_status status = wk_setting_set_number(setting, setting->name, nearest, settings, NULL);
    return status == WK_OK;
}

static enum wk_status take(struct wk_env *env, const struct wk_setting *setting,
                           struct wk_span value, struct wk_settings *settings,
                           struct wk_error *err) {
    struct wk_error why;
    wk_error_clear(&why);
    enum wk_status status = wk_setting_set_text(setting, setting->name, value, settings, &why);
    if (status == WK_OK)
        return WK_OK;
    uint64_t number;
    bool fails = setting->garbage == WK_GARBAGE_FAIL ||
                 (setting->garbage == WK_GARBAGE_WARN_OR_FAIL && wk_parse_u64(value, &number));
    if (fails)
        return wk_fail(err, status, "%s", why.text);
    take_nearest(setting, value, settings); /* otherwise the default stays */
    warn(env, setting, why.text);
    return WK_OK;
}

static enum wk_status read_one(struct wk_env *env, const struct wk_setting *setting, char *buffer,
                               struct wk_settings *settings, struct wk_error *err) {
    size_t length = 0;
    enum wk_status status =
        env->vars->get(env, setting->name, buffer, WK_VAR_BYTES_MAX + 1, &length);
    if (status == WK_OK)
        return take(env, setting, wk_span(buffer, length), settings, err);
    if (status == WK_MISS && setting->needs == WK_TEXT_REQUIRED)
        return wk_fail(err, WK_INVALID, "%s is required and not set", setting->name);
    if (status == WK_MISS)
        return WK_OK;
    char allowed[256];
    wk_setting_allowed(setting, allowed, sizeof allowed);
    return wk_fail(err, status, "%s is longer than %u bytes; allowed: %s", setting->name,
                   WK_VAR_BYTES_MAX, allowed);
}

static bool in_scope(const struct wk_setting *setting, uint32_t scopes) {
    return setting->member != NULL && ((uint32_t)setting->scope & scopes) != 0;
}

enum wk_status wk_settings_read(struct wk_env *env, uint32_t scopes, struct wk_settings *settings,
                                struct wk_error *err) {
    const size_t capacity = WK_VAR_BYTES_MAX + 1;
    char *buffer = wk_alloc(env, WK_MEM_HANDLE, capacity);
    if (buffer == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for reading the settings");
    enum wk_status status = WK_OK;
    for (size_t i = 0; i < wk_settings_count && status == WK_OK; i++) {
        if (in_scope(&wk_settings_table[i], scopes))
            status = read_one(env, &wk_settings_table[i], buffer, settings, err);
    }
    volatile char *wipe = buffer;
    for (size_t i = 0; i < capacity; i++)
        wipe[i] = 0;
    wk_release(env, WK_MEM_HANDLE, buffer, capacity);
    return status;
}

/* ---- variables without effect ------------------------------------------------------------- */

/* Names of one report, separated by spaces; cut when there are too many. */
struct strays {
    char unused[512];
    char unknown[512];
    size_t unused_length;
    size_t unknown_length;
};

static size_t add_name(char *to, size_t capacity, size_t length, const char *name) {
    return length + wk_format(to + length, capacity - length, length == 0 ? "%s" : " %s", name);
}

static bool see_name(void *ctx, const char *name) {
    struct strays *strays = ctx;
    static const char tests[] = "WMBT_KV_TEST_"; /* for test programs, of whatever project */
    const struct wk_setting *setting = wk_setting_find(name);
    if (setting == NULL && strncmp(name, tests, sizeof tests - 1) != 0)
        strays->unknown_length =
            add_name(strays->unknown, sizeof strays->unknown, strays->unknown_length, name);
    if (setting != NULL && setting->kind == WK_SETTING_UNUSED)
        strays->unused_length =
            add_name(strays->unused, sizeof strays->unused, strays->unused_length, name);
    return true;
}

void wk_settings_report_strays(struct wk_env *env) {
    enum wk_log_level level = env->log->level(env);
    if (level < WK_LOG_WARN)
        return;
    struct strays strays;
    memset(&strays, 0, sizeof strays);
    env->vars->names(env, "WMBT_KV_", see_name, &strays);
    if (strays.unknown_length > 0) {
        struct wk_log_field field = {"names", strays.unknown, 0};
        env->log->event(env, WK_LOG_WARN, "settings.unknown", &field, 1);
    }
    if (strays.unused_length > 0) {
        struct wk_log_field field = {"names", strays.unused, 0};
        env->log->event(env, WK_LOG_INFO, "settings.unused", &field, 1);
    }
}
