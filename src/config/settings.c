/* SPDX-License-Identifier: Apache-2.0 */
/* The table as data, the defaults, and what a value must look like. */
#include "config/settings.h"

#include "base/mark.h"
#include "base/text.h"

static const struct wk_spelling wk_local_dev_spellings[] = {
    {"1", WK_LOCAL_DEV_ON}, {"true", WK_LOCAL_DEV_ON}, {NULL, WK_LOCAL_DEV_OFF}};
static const struct wk_spelling wk_s3_addressing_spellings[] = {
    {"path", WK_S3_ADDRESSING_PATH}, {"virtual", WK_S3_ADDRESSING_VIRTUAL}, {NULL, 0}};
static const struct wk_spelling wk_switch_spellings[] = {
    {"0", 0}, {"1", 1}, {"false", 0}, {"true", 1}, {NULL, 0}};
static const struct wk_spelling wk_compress_spellings[] = {{"zstd", WK_COMPRESS_ZSTD},
                                                           {"off", WK_COMPRESS_OFF},
                                                           {"none", WK_COMPRESS_OFF},
                                                           {"0", WK_COMPRESS_OFF},
                                                           {NULL, 0}};
static const struct wk_spelling wk_put_ack_spellings[] = {
    {"object", WK_PUT_ACK_OBJECT}, {"journal", WK_PUT_ACK_JOURNAL}, {NULL, 0}};

#define AT(member)                                                                                 \
    .offset = offsetof(struct wk_settings, member), .size = sizeof((struct wk_settings *)0)->member

const struct wk_setting wk_settings_table[] = {
#define WK_NUMBER(name_, member_, scope_, unit_, min_, max_, def_, garbage_, text_)                \
    {.name = name_,                                                                                \
     .member = #member_,                                                                           \
     .text = text_,                                                                                \
     .kind = WK_SETTING_NUMBER,                                                                    \
     .scope = WK_SCOPE_##scope_,                                                                   \
     .garbage = WK_GARBAGE_##garbage_,                                                             \
     .unit = unit_,                                                                                \
     .default_value = def_,                                                                        \
     .min = min_,                                                                                  \
     .max = max_,                                                                                  \
     AT(member_)},
#define WK_CHOICE(name_, member_, scope_, spellings_, def_, def_text_, garbage_, text_)            \
    {.name = name_,                                                                                \
     .member = #member_,                                                                           \
     .text = text_,                                                                                \
     .kind = WK_SETTING_CHOICE,                                                                    \
     .scope = WK_SCOPE_##scope_,                                                                   \
     .garbage = WK_GARBAGE_##garbage_,                                                             \
     .default_value = def_,                                                                        \
     .default_text = def_text_,                                                                    \
     .max = sizeof spellings_ / sizeof spellings_[0] - 1,                                          \
     .spellings = spellings_,                                                                      \
     AT(member_)},
#define WK_TEXT(name_, member_, scope_, max_, def_, needs_, text_)                                 \
    {.name = name_,                                                                                \
     .member = #member_,                                                                           \
     .text = text_,                                                                                \
     .kind = WK_SETTING_TEXT,                                                                      \
     .scope = WK_SCOPE_##scope_,                                                                   \
     .garbage = WK_GARBAGE_FAIL,                                                                   \
     .needs = WK_TEXT_##needs_,                                                                    \
     .default_text = def_,                                                                         \
     .max = max_,                                                                                  \
     AT(member_)},
#define WK_BYTES(name_, member_, scope_, bytes_, form_, garbage_, text_)                           \
    {.name = name_,                                                                                \
     .member = #member_,                                                                           \
     .text = text_,                                                                                \
     .kind = WK_SETTING_BYTES,                                                                     \
     .scope = WK_SCOPE_##scope_,                                                                   \
     .garbage = WK_GARBAGE_##garbage_,                                                             \
     .form = WK_BYTES_##form_,                                                                     \
     AT(member_)},
#define WK_UNUSED(name_, why_)  {.name = name_, .text = why_, .kind = WK_SETTING_UNUSED},
#define WK_OTHERS(name_, text_) {.name = name_, .text = text_, .kind = WK_SETTING_OTHERS},
#define WK_SETTINGS_OF_DAEMON
#include "config/settings.def"
};

const size_t wk_settings_count = sizeof wk_settings_table / sizeof wk_settings_table[0];

const struct wk_setting *wk_setting_find(const char *name) {
    for (size_t i = 0; i < wk_settings_count; i++) {
        if (strcmp(wk_settings_table[i].name, name) == 0)
            return &wk_settings_table[i];
    }
    return NULL;
}

/* The member of a NUMBER or CHOICE; the others are written as bytes. */
static void store_number(const struct wk_setting *setting, struct wk_settings *settings,
                         uint64_t value) {
    memcpy((uint8_t *)settings + setting->offset, &value, sizeof value);
}

/* `bytes` fits: checked against max or size before. The rest of the member becomes zero. */
static void store_bytes(const struct wk_setting *setting, struct wk_settings *settings,
                        struct wk_span bytes) {
    uint8_t *to = (uint8_t *)settings + setting->offset;
    memset(to, 0, setting->size);
    memcpy(to, bytes.data, bytes.size);
}

void wk_settings_defaults(struct wk_settings *settings) {
    memset(settings, 0, sizeof *settings);
    for (size_t i = 0; i < wk_settings_count; i++) {
        const struct wk_setting *setting = &wk_settings_table[i];
        if (setting->kind == WK_SETTING_NUMBER || setting->kind == WK_SETTING_CHOICE)
            store_number(setting, settings, setting->default_value);
        else if (setting->kind == WK_SETTING_TEXT)
            store_bytes(setting, settings, wk_span_text(setting->default_text));
    }
}

void wk_settings_wipe(struct wk_settings *settings) {
    /* Through volatile, so that no compiler drops the stores of an object about to die. */
    volatile uint8_t *bytes = (volatile uint8_t *)settings;
    for (size_t i = 0; i < sizeof *settings; i++)
        bytes[i] = 0;
}

static void allowed_spellings(const struct wk_setting *setting, char *to, size_t capacity) {
    size_t at = wk_format(to, capacity, "one of:");
    for (const struct wk_spelling *s = setting->spellings; s->spelling != NULL; s++)
        at += wk_format(to + at, capacity - at, "%s %s", s == setting->spellings ? "" : ",",
                        s->spelling);
    if (setting->garbage == WK_GARBAGE_NONE)
        wk_format(to + at, capacity - at, ", or anything else");
}

void wk_setting_allowed(const struct wk_setting *setting, char *to, size_t capacity) {
    switch (setting->kind) {
    case WK_SETTING_NUMBER:
        wk_format(to, capacity, "a whole number from %llu to %llu (%s)",
                  (unsigned long long)setting->min, (unsigned long long)setting->max,
                  setting->unit);
        break;
    case WK_SETTING_CHOICE:
        allowed_spellings(setting, to, capacity);
        break;
    case WK_SETTING_TEXT:
        wk_format(to, capacity, "UTF-8 text of at most %llu bytes",
                  (unsigned long long)setting->max);
        break;
    case WK_SETTING_BYTES:
        if (setting->form == WK_BYTES_HEX)
            wk_format(to, capacity, "%zu hex digits", 2 * setting->size);
        else
            wk_format(to, capacity, "at most %zu printable ASCII characters", setting->size);
        break;
    case WK_SETTING_UNUSED:
    case WK_SETTING_OTHERS:
        wk_format(to, capacity, "anything");
        break;
    }
}

/* `shown` is the value as the text shows it; a secret is never shown. */
static enum wk_status refuse(const struct wk_setting *setting, const char *named, const char *shown,
                             enum wk_status status, struct wk_error *err) {
    char allowed[256];
    wk_setting_allowed(setting, allowed, sizeof allowed);
    return wk_fail(err, status, "%s=%s is not allowed; allowed: %s", named,
                   setting->needs == WK_TEXT_SECRET ? "(secret)" : shown, allowed);
}

static enum wk_status refuse_text(const struct wk_setting *setting, const char *named,
                                  struct wk_span value, enum wk_status status,
                                  struct wk_error *err) {
    char shown[256];
    wk_quote(value, shown, sizeof shown);
    return refuse(setting, named, shown, status, err);
}

enum wk_status wk_setting_set_number(const struct wk_setting *setting, const char *named,
                                     uint64_t value, struct wk_settings *settings,
                                     struct wk_error *err) {
    bool fits = value >= setting->min && value <= setting->max;
    if (setting->kind == WK_SETTING_CHOICE) {
        fits = value == setting->default_value;
        for (uint64_t i = 0; i <= setting->max && !fits; i++)
            fits =
                (setting->spellings[i].spelling != NULL || setting->garbage == WK_GARBAGE_NONE) &&
                setting->spellings[i].value == value;
    }
    if (!fits) {
        char shown[32];
        wk_format(shown, sizeof shown, "%llu", (unsigned long long)value);
        return refuse(setting, named, shown, WK_INVALID, err);
    }
    store_number(setting, settings, value);
    return WK_OK;
}

static enum wk_status set_choice(const struct wk_setting *setting, const char *named,
                                 struct wk_span value, struct wk_settings *settings,
                                 struct wk_error *err) {
    const struct wk_spelling *s = setting->spellings;
    while (s->spelling != NULL && !wk_equal_ignoring_case(value, s->spelling))
        s++;
    if (s->spelling == NULL && setting->garbage != WK_GARBAGE_NONE)
        return refuse_text(setting, named, value, WK_INVALID, err);
    store_number(setting, settings, s->value);
    return WK_OK;
}

static bool printable(struct wk_span text) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x20 || text.data[i] > 0x7e)
            return false;
    }
    return true;
}

static enum wk_status set_bytes(const struct wk_setting *setting, const char *named,
                                struct wk_span value, struct wk_settings *settings,
                                struct wk_error *err) {
    uint8_t decoded[64];
    struct wk_span bytes = value;
    bool good;
    if (setting->form == WK_BYTES_HEX) {
        good = value.size == 2 * setting->size && setting->size <= sizeof decoded &&
               wk_hex_decode(value, decoded, NULL);
        bytes = wk_span(decoded, setting->size);
    } else {
        good = value.size <= setting->size && printable(value);
    }
    if (!good)
        return refuse_text(setting, named, value, WK_INVALID, err);
    store_bytes(setting, settings, bytes);
    return WK_OK;
}

enum wk_status wk_setting_set_text(const struct wk_setting *setting, const char *named,
                                   struct wk_span value, struct wk_settings *settings,
                                   struct wk_error *err) {
    uint64_t number;
    switch (setting->kind) {
    case WK_SETTING_NUMBER:
        if (!wk_parse_u64(value, &number) || number < setting->min || number > setting->max)
            return refuse_text(setting, named, value, WK_INVALID, err);
        return wk_setting_set_number(setting, named, number, settings, err);
    case WK_SETTING_CHOICE:
        return set_choice(setting, named, value, settings, err);
    case WK_SETTING_BYTES:
        return set_bytes(setting, named, value, settings, err);
    case WK_SETTING_TEXT:
        if (value.size > setting->max + WK_PLANTED(103))
            return refuse_text(setting, named, value, WK_TOO_LARGE, err);
        if (!wk_utf8_valid(value))
            return refuse_text(setting, named, value, WK_INVALID, err);
        store_bytes(setting, settings, value);
        return WK_OK;
    case WK_SETTING_UNUSED:
    case WK_SETTING_OTHERS:
        break;
    }
    return WK_OK;
}
