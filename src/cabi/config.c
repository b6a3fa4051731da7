/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of wmbt_kv_config come from the same table as the variables: row i of the table is
 * the member at offsets[i], and passes the same checks. The rows behind them are the daemon's.
 */
#include "cabi/config.h"

#include "base/text.h"

/* The public numbers are the internal ones. */
#define SAME(public_name, internal)                                                                \
    _Static_assert((int)(public_name) == (int)(internal), #public_name)
SAME(WMBT_KV_LOCAL_DEV_AUTO, WK_LOCAL_DEV_AUTO);
SAME(WMBT_KV_LOCAL_DEV_OFF, WK_LOCAL_DEV_OFF);
SAME(WMBT_KV_LOCAL_DEV_ON, WK_LOCAL_DEV_ON);
SAME(WMBT_KV_S3_ADDRESSING_PATH, WK_S3_ADDRESSING_PATH);
SAME(WMBT_KV_S3_ADDRESSING_VIRTUAL, WK_S3_ADDRESSING_VIRTUAL);
SAME(WMBT_KV_COMPRESS_OFF, WK_COMPRESS_OFF);
SAME(WMBT_KV_COMPRESS_ZSTD, WK_COMPRESS_ZSTD);
SAME(WMBT_KV_PUT_ACK_OBJECT, WK_PUT_ACK_OBJECT);
SAME(WMBT_KV_PUT_ACK_JOURNAL, WK_PUT_ACK_JOURNAL);
#undef SAME

static const size_t offsets[] = {
#define MEMBER(member)                                                          offsetof(wmbt_kv_config, member),
#define WK_NUMBER(name, member, scope, unit, min, max, def, garbage, text)      MEMBER(member)
#define WK_CHOICE(name, member, scope, spellings, def, def_text, garbage, text) MEMBER(member)
#define WK_TEXT(name, member, scope, max, def, needs, text)                     MEMBER(member)
#define WK_BYTES(name, member, scope, bytes, form, garbage, text)               MEMBER(member)
#define WK_UNUSED(name, why)                                                    0,
#define WK_OTHERS(name, text)                                                   0,
#include "config/settings.def"
#undef MEMBER
};

#define ROWS (sizeof offsets / sizeof offsets[0])

/* Each member has the type that its row needs. */
#define TYPED(member, type)                                                                        \
    _Static_assert(_Generic(((wmbt_kv_config *)0)->member, type : 1, default : 0), #member);
#define WK_NUMBER(name, member, scope, unit, min, max, def, garbage, text) TYPED(member, uint64_t)
#define WK_CHOICE(name, member, scope, spellings, def, def_text, garbage, text)                    \
    TYPED(member, uint64_t)
#define WK_TEXT(name, member, scope, max, def, needs, text) TYPED(member, const char *)
#define WK_BYTES(name, member, scope, bytes, form, garbage, text)                                  \
    _Static_assert(sizeof((wmbt_kv_config *)0)->member == (bytes), #member);
#define WK_UNUSED(name, why)
#define WK_OTHERS(name, text)
#include "config/settings.def"
#undef TYPED

static void fill_default(const struct wk_setting *setting, uint8_t *member) {
    if (setting->kind == WK_SETTING_NUMBER || setting->kind == WK_SETTING_CHOICE) {
        memcpy(member, &setting->default_value, sizeof setting->default_value);
    } else if (setting->kind == WK_SETTING_TEXT && setting->default_text[0] != 0) {
        memcpy(member, &setting->default_text, sizeof setting->default_text);
    }
}

WK_API int32_t wmbt_kv_config_init(wmbt_kv_config *config, size_t size) {
    if (config == NULL || size < sizeof *config)
        return -1;
    memset(config, 0, size);
    config->size = size;
    for (size_t i = 0; i < ROWS; i++) {
        if (wk_settings_table[i].member != NULL)
            fill_default(&wk_settings_table[i], (uint8_t *)config + offsets[i]);
    }
    return 0;
}

enum wk_status wk_config_check(const wmbt_kv_config *config, struct wk_error *err) {
    if (config == NULL)
        return wk_fail(err, WK_INVALID, "config is NULL");
    if (config->size < sizeof *config)
        return wk_fail(err, WK_INVALID,
                       "config->size is %zu, not %zu: start with wmbt_kv_config_init", config->size,
                       sizeof *config);
    const uint8_t *bytes = (const uint8_t *)config;
    for (size_t i = sizeof *config; i < config->size; i++) {
        if (bytes[i] != 0)
            return wk_fail(err, WK_INVALID,
                           "config sets a member that this version of the library does not know");
    }
    return WK_OK;
}

static enum wk_status read_text(const struct wk_setting *setting, const char *named,
                                const uint8_t *member, struct wk_settings *settings,
                                struct wk_error *err) {
    const char *text;
    memcpy(&text, member, sizeof text);
    if (text != NULL && text[0] != 0)
        return wk_setting_set_text(setting, named, wk_span_text(text), settings, err);
    if (setting->needs == WK_TEXT_REQUIRED)
        return wk_fail(err, WK_INVALID, "%s is required and not set (%s)", setting->name, named);
    return WK_OK;
}

/* The padding must be all zero; the text before it passes the parser. */
static enum wk_status read_padded(const struct wk_setting *setting, const char *named,
                                  const uint8_t *member, struct wk_settings *settings,
                                  struct wk_error *err) {
    size_t length = 0;
    while (length < setting->size && member[length] != 0)
        length++;
    for (size_t i = length; i < setting->size; i++) {
        if (member[i] != 0)
            return wk_fail(err, WK_INVALID, "%s has a NUL byte before its end", named);
    }
    return wk_setting_set_text(setting, named, wk_span(member, length), settings, err);
}

static enum wk_status read_member(const struct wk_setting *setting, const uint8_t *member,
                                  struct wk_settings *settings, struct wk_error *err) {
    char named[64];
    uint64_t number;
    wk_format(named, sizeof named, "wmbt_kv_config.%s", setting->member);
    switch (setting->kind) {
    case WK_SETTING_NUMBER:
    case WK_SETTING_CHOICE:
        memcpy(&number, member, sizeof number);
        return wk_setting_set_number(setting, named, number, settings, err);
    case WK_SETTING_TEXT:
        return read_text(setting, named, member, settings, err);
    case WK_SETTING_BYTES:
        if (setting->form == WK_BYTES_PRINTABLE)
            return read_padded(setting, named, member, settings, err);
        memcpy((uint8_t *)settings + setting->offset, member, setting->size);
        return WK_OK;
    case WK_SETTING_UNUSED:
    case WK_SETTING_OTHERS:
        break;
    }
    return WK_OK;
}

enum wk_status wk_config_read(const wmbt_kv_config *config, uint32_t scopes,
                              struct wk_settings *settings, struct wk_error *err) {
    for (size_t i = 0; i < ROWS; i++) {
        const struct wk_setting *setting = &wk_settings_table[i];
        if (setting->member == NULL || ((uint32_t)setting->scope & scopes) == 0)
            continue;
        enum wk_status status =
            read_member(setting, (const uint8_t *)config + offsets[i], settings, err);
        if (status != WK_OK)
            return status;
    }
    return WK_OK;
}
