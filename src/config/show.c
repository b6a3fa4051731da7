/* SPDX-License-Identifier: Apache-2.0 */
#include "config/show.h"

#include "base/text.h"

void wk_setting_key(const struct wk_setting *setting, char *to, size_t capacity) {
    size_t size = wk_format(to, capacity, "%s", setting->name + strlen("WMBT_KV_"));
    for (size_t i = 0; i < size; i++) {
        if (to[i] >= 'A' && to[i] <= 'Z')
            to[i] = (char)(to[i] - 'A' + 'a');
    }
}

static const char *spelling_of(const struct wk_setting *setting, uint64_t value) {
    for (const struct wk_spelling *s = setting->spellings; s->spelling != NULL; s++) {
        if (s->value == value)
            return s->spelling;
    }
    return setting->default_text; /* the one that only "unset" spells */
}

static void show_bytes(const struct wk_setting *setting, const uint8_t *member, char *to,
                       size_t capacity) {
    bool any = false;
    for (size_t i = 0; i < setting->size; i++)
        any |= member[i] != 0;
    if (!any)
        wk_format(to, capacity, "%s", "");
    else if (setting->form == WK_BYTES_PRINTABLE)
        wk_format(to, capacity, "%.*s", (int)setting->size, (const char *)member);
    else if (capacity > 2 * setting->size)
        wk_hex_encode(wk_span(member, setting->size), to);
}

void wk_setting_show(const struct wk_setting *setting, const struct wk_settings *settings, char *to,
                     size_t capacity) {
    const uint8_t *member = (const uint8_t *)settings + setting->offset;
    uint64_t number;
    to[0] = 0;
    switch (setting->kind) {
    case WK_SETTING_NUMBER:
        memcpy(&number, member, sizeof number);
        wk_format(to, capacity, "%llu", (unsigned long long)number);
        break;
    case WK_SETTING_CHOICE:
        memcpy(&number, member, sizeof number);
        wk_format(to, capacity, "%s", spelling_of(setting, number));
        break;
    case WK_SETTING_TEXT:
        if (setting->needs == WK_TEXT_SECRET)
            wk_format(to, capacity, "%s", member[0] != 0 ? "(set)" : "");
        else
            wk_format(to, capacity, "%s", (const char *)member);
        break;
    case WK_SETTING_BYTES:
        show_bytes(setting, member, to, capacity);
        break;
    case WK_SETTING_UNUSED:
    case WK_SETTING_OTHERS:
        break;
    }
}

/* Whether a file gives back the same: no control bytes, no comment, no space at an end. */
static bool fits_a_file(const char *value) {
    size_t size = strlen(value);
    for (size_t i = 0; i < size; i++) {
        if ((uint8_t)value[i] < 0x20 || value[i] == 0x7f || value[i] == ';')
            return false;
    }
    return size == 0 || (value[0] != ' ' && value[size - 1] != ' ');
}

static void write_value(struct wk_layers *layers, const struct wk_setting *setting,
                        const struct wk_settings *settings, struct wk_writer *to) {
    char key[64];
    char value[WK_VAR_BYTES_MAX + 1];
    char shown[WK_VAR_BYTES_MAX + 64];
    char line[WK_VAR_BYTES_MAX + 256];
    const char *origin = wk_setting_origin_name(wk_layers_origin(layers, setting));
    bool is_secret = setting->needs == WK_TEXT_SECRET;
    wk_setting_key(setting, key, sizeof key);
    wk_setting_show(setting, settings, value, sizeof value);
    if (is_secret) {
        wk_format(line, sizeof line, "# %s is %s ; %s\n", key, value[0] != 0 ? "set" : "unset",
                  origin);
    } else if (fits_a_file(value)) {
        wk_format(line, sizeof line, "%s =%s%s ; %s\n", key, value[0] != 0 ? " " : "", value,
                  origin);
    } else {
        wk_quote(wk_span_text(value), shown, sizeof shown);
        wk_format(line, sizeof line, "# %s is %s ; %s\n", key, shown, origin);
    }
    wk_write_text(to, line);
}

/* Not a member of struct wk_settings: the environment reads it. */
static void write_level(struct wk_layers *layers, struct wk_writer *to) {
    char value[32] = WK_DAEMON_LOG_LEVEL;
    char line[100];
    struct wk_env *view = &layers->view;
    enum wk_setting_origin origin = wk_layers_origin(layers, wk_setting_find(WK_LOG_VARIABLE));
    (void)view->vars->get(view, WK_LOG_VARIABLE, value, sizeof value, NULL);
    wk_format(line, sizeof line, "log = %s ; %s\n", value, wk_setting_origin_name(origin));
    wk_write_text(to, line);
}

void wk_settings_write_values(struct wk_layers *layers, uint32_t scopes,
                              const struct wk_settings *settings, struct wk_writer *to) {
    for (size_t i = 0; i < wk_settings_count; i++) {
        if (((uint32_t)wk_settings_table[i].scope & scopes) != 0)
            write_value(layers, &wk_settings_table[i], settings, to);
    }
    write_level(layers, to);
}
