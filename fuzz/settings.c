/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings from variables. The input is a file of lines NAME=VALUE, as examples/wombatkv.env.sample
 * is; every scope is read. The model says the rules SET-1 to SET-3 and SET-8 of each kind of
 * setting in its own words; names, ranges and spellings are those of the table, which is data.
 */
#include <strings.h>

#include "config/settings.h"
#include "harness.h"

#define VARS_MAX 64

/* ---- a world that has variables and a log -----------------------------------------------------
 */

struct world {
    struct wk_env env; /* first: the tables' functions get its address */
    struct var {
        char *name;
        char *value;
    } vars[VARS_MAX];
    size_t count;
    unsigned ignored; /* events settings.ignored, settings.unknown */
    unsigned unknown;
    unsigned unused;
    const char *secret; /* of WMBT_KV_S3_SECRET_KEY, when no other variable holds it */
};

static struct world *world_of(struct wk_env *env) {
    return (struct world *)(void *)env;
}

static void *world_alloc(struct wk_env *env, enum wk_mem_owner owner, size_t size) {
    (void)env;
    (void)owner;
    return malloc(size);
}

static void world_release(struct wk_env *env, enum wk_mem_owner owner, void *ptr, size_t size) {
    (void)env;
    (void)owner;
    (void)size;
    free(ptr);
}

/* The value of the last line with that name, NULL when there is none. Empty is unset. SET-1 */
static const char *value_of(const struct world *world, const char *name) {
    const char *value = NULL;
    for (size_t i = 0; i < world->count; i++) {
        if (strcmp(world->vars[i].name, name) == 0)
            value = world->vars[i].value;
    }
    return value != NULL && value[0] != 0 ? value : NULL;
}

static enum wk_status world_get(struct wk_env *env, const char *name, char *to, size_t capacity,
                                size_t *length) {
    const char *value = value_of(world_of(env), name);
    if (value == NULL)
        return WK_MISS;
    if (strlen(value) >= capacity)
        return WK_TOO_LARGE;
    memcpy(to, value, strlen(value) + 1);
    *length = strlen(value);
    return WK_OK;
}

static void world_names(struct wk_env *env, const char *prefix,
                        bool (*each)(void *ctx, const char *name), void *ctx) {
    const struct world *world = world_of(env);
    for (size_t i = 0; i < world->count; i++) {
        if (world->vars[i].value[0] != 0 &&
            strncmp(world->vars[i].name, prefix, strlen(prefix)) == 0 &&
            !each(ctx, world->vars[i].name))
            return;
    }
}

static enum wk_log_level world_level(struct wk_env *env) {
    (void)env;
    return WK_LOG_DEBUG;
}

static void check_text(const struct world *world, const char *text) {
    CHECK(model_utf8(wk_span(text, strlen(text))), "a text for people is UTF-8");
    CHECK(world->secret == NULL || strstr(text, world->secret) == NULL, "SET-8: no secret is told");
}

static void world_event(struct wk_env *env, enum wk_log_level level, const char *name,
                        const struct wk_log_field *fields, size_t count) {
    struct world *world = world_of(env);
    (void)level;
    world->ignored += strcmp(name, "settings.ignored") == 0;
    world->unknown += strcmp(name, "settings.unknown") == 0;
    world->unused += strcmp(name, "settings.unused") == 0;
    for (size_t i = 0; i < count && strcmp(name, "settings.ignored") == 0; i++)
        check_text(world, fields[i].text);
}

/* Names of others are not ours to print; they only have to stay inside their buffers. */
static void add_line(struct world *world, const uint8_t *line, size_t size) {
    const uint8_t *equals = size > 0 ? memchr(line, '=', size) : NULL;
    if (equals == NULL || world->count == VARS_MAX || memchr(line, 0, size) != NULL)
        return;
    struct var *var = &world->vars[world->count++];
    var->name = strndup((const char *)line, (size_t)(equals - line));
    var->value = strndup((const char *)equals + 1, size - (size_t)(equals - line) - 1);
}

static void find_secret(struct world *world) {
    const char *secret = value_of(world, "WMBT_KV_S3_SECRET_KEY");
    for (size_t i = 0; secret != NULL && i < world->count; i++) {
        if (world->vars[i].value != secret && strstr(world->vars[i].value, secret) != NULL)
            secret = NULL;
    }
    /* A word that may stand in a text of its own would be found there. */
    if (secret != NULL && strlen(secret) >= 8 && strpbrk(secret, "0123456789") != NULL &&
        strstr(secret, "1024") == NULL)
        world->secret = secret;
}

static void world_begin(struct world *world, const uint8_t *data, size_t size) {
    static const struct wk_env_mem mem = {.alloc = world_alloc, .release = world_release};
    static const struct wk_env_vars vars = {.get = world_get, .names = world_names};
    static const struct wk_env_log log = {.level = world_level, .event = world_event};
    memset(world, 0, sizeof *world);
    world->env = (struct wk_env){.version = WK_ENV_VERSION,
                                 .size = sizeof world->env,
                                 .mem = &mem,
                                 .vars = &vars,
                                 .log = &log};
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t line = end != NULL ? (size_t)(end - data) - at : size - at;
        add_line(world, data + at, line);
        at += line + 1;
    }
    find_secret(world);
}

static void world_end(struct world *world) {
    for (size_t i = 0; i < world->count; i++) {
        free(world->vars[i].name);
        free(world->vars[i].value);
    }
}

/* ---- the model --------------------------------------------------------------------------------
 */

enum verdict { TAKEN, REFUSED, DEFAULT, NEAREST };

struct expected {
    enum verdict verdict;
    uint64_t number;
    uint8_t bytes[WK_VAR_BYTES_MAX + 1]; /* the rest zero */
};

static uint64_t number_default(const struct wk_setting *s, struct expected *e) {
    e->number = s->default_value;
    return e->number;
}

static void expect_number(const struct wk_setting *s, struct wk_span value, struct expected *e) {
    uint64_t number;
    bool is_number = model_decimal(value, UINT64_MAX, &number);
    if (is_number && number >= s->min && number <= s->max) {
        e->number = number;
        return;
    }
    bool fails =
        s->garbage == WK_GARBAGE_FAIL || (s->garbage == WK_GARBAGE_WARN_OR_FAIL && is_number);
    e->verdict = fails ? REFUSED : is_number ? NEAREST : DEFAULT;
    number_default(s, e);
    if (e->verdict == NEAREST)
        e->number = number < s->min ? s->min : s->max;
}

static void expect_choice(const struct wk_setting *s, const char *value, struct expected *e) {
    const struct wk_spelling *known = s->spellings;
    while (known->spelling != NULL && strcasecmp(known->spelling, value) != 0)
        known++;
    e->number = known->value;
    if (known->spelling != NULL || s->garbage == WK_GARBAGE_NONE)
        return;
    e->verdict = s->garbage == WK_GARBAGE_FAIL ? REFUSED : DEFAULT;
    number_default(s, e);
}

static bool parse_bytes(const struct wk_setting *s, const char *value, uint8_t *to) {
    size_t length = strlen(value);
    if (s->form == WK_BYTES_PRINTABLE) {
        for (size_t i = 0; i < length; i++) {
            if (value[i] < ' ' || value[i] > '~')
                return false;
        }
        memcpy(to, value, length <= s->size ? length : 0);
        return length <= s->size;
    }
    if (length != 2 * s->size || strspn(value, "0123456789abcdefABCDEF") != length)
        return false;
    for (size_t i = 0; i < s->size; i++) {
        char two[3] = {value[2 * i], value[2 * i + 1], 0};
        to[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return true;
}

static struct expected expect_value(const struct wk_setting *s, const char *value) {
    struct expected e;
    memset(&e, 0, sizeof e);
    struct wk_span text = wk_span(value, strlen(value));
    switch (s->kind) {
    case WK_SETTING_NUMBER:
        expect_number(s, text, &e);
        break;
    case WK_SETTING_CHOICE:
        expect_choice(s, value, &e);
        break;
    case WK_SETTING_TEXT:
        e.verdict = text.size > s->max || !model_utf8(text) ? REFUSED : TAKEN;
        memcpy(e.bytes, value, text.size < sizeof e.bytes ? text.size : 0);
        break;
    case WK_SETTING_BYTES:
        if (!parse_bytes(s, value, e.bytes))
            e.verdict = s->garbage == WK_GARBAGE_FAIL ? REFUSED : DEFAULT;
        break;
    case WK_SETTING_UNUSED:
    case WK_SETTING_OTHERS:
        break;
    }
    return e;
}

static struct expected expect_unset(const struct wk_setting *s) {
    struct expected e;
    memset(&e, 0, sizeof e);
    number_default(s, &e);
    if (s->kind == WK_SETTING_TEXT)
        memcpy(e.bytes, s->default_text, strlen(s->default_text));
    e.verdict = s->needs == WK_TEXT_REQUIRED ? REFUSED : TAKEN;
    return e;
}

static struct expected expect(const struct world *world, const struct wk_setting *s) {
    const char *value = value_of(world, s->name);
    struct expected e = value != NULL ? expect_value(s, value) : expect_unset(s);
    if (value != NULL && strlen(value) > WK_VAR_BYTES_MAX)
        e.verdict = REFUSED;
    return e;
}

/* ---- comparing --------------------------------------------------------------------------------
 */

static bool holds(const struct wk_settings *got, const struct wk_setting *s,
                  const struct expected *e) {
    const uint8_t *member = (const uint8_t *)got + s->offset;
    uint64_t number;
    if (s->kind == WK_SETTING_TEXT || s->kind == WK_SETTING_BYTES)
        return memcmp(member, e->bytes, s->size) == 0;
    memcpy(&number, member, sizeof number);
    return number == e->number;
}

/* Each setting up to the first that is refused, and the number of warnings on the way. */
static void check_all(const struct world *world, const struct wk_settings *got,
                      enum wk_status status, const struct wk_error *err) {
    unsigned warnings = 0;
    for (size_t i = 0; i < wk_settings_count; i++) {
        const struct wk_setting *s = &wk_settings_table[i];
        if (s->member == NULL)
            continue;
        struct expected e = expect(world, s);
        if (e.verdict == REFUSED) {
            CHECK(status == WK_INVALID || status == WK_TOO_LARGE, "the model refuses it");
            CHECK(strncmp(err->text, s->name, strlen(s->name)) == 0, "the text names the setting");
            check_error(status, err);
            check_text(world, err->text);
            CHECK(world->ignored == warnings, "warnings came before it as the model has them");
            return;
        }
        warnings += e.verdict != TAKEN ? 1 : 0;
        CHECK(holds(got, s, &e), "a setting has the value that the model gives it");
    }
    CHECK(status == WK_OK, "the model refuses nothing");
    CHECK(world->ignored == warnings, "there are as many warnings as the model has");
}

/* SET-3 */
static void check_strays(struct world *world) {
    bool unknown = false;
    bool unused = false;
    for (size_t i = 0; i < world->count; i++) {
        const struct var *v = &world->vars[i];
        if (v->value[0] == 0 || strncmp(v->name, "WMBT_KV_", 8) != 0)
            continue;
        const struct wk_setting *known = NULL;
        for (size_t k = 0; k < wk_settings_count; k++) {
            if (strcmp(wk_settings_table[k].name, v->name) == 0)
                known = &wk_settings_table[k];
        }
        unknown |= known == NULL && strncmp(v->name, "WMBT_KV_TEST_", 13) != 0;
        unused |= known != NULL && known->kind == WK_SETTING_UNUSED;
    }
    wk_settings_report_strays(&world->env);
    CHECK(world->unknown == unknown && world->unused == unused,
          "names that nobody knows and names without effect are one event each");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct world *world = malloc(sizeof *world);
    struct wk_settings *settings = malloc(sizeof *settings);
    struct wk_error err;
    CHECK(world != NULL && settings != NULL, "the harness has memory");
    world_begin(world, data, size);
    wk_settings_defaults(settings);
    wk_error_clear(&err);
    const uint32_t scopes =
        WK_SCOPE_ALL | WK_SCOPE_EMBEDDED | WK_SCOPE_OBJECTS | WK_SCOPE_REMOTE | WK_SCOPE_DAEMON;
    enum wk_status status = wk_settings_read(&world->env, scopes, settings, &err);
    check_all(world, settings, status, &err);
    check_strays(world);
    wk_settings_wipe(settings);
    world_end(world);
    free(settings);
    free(world);
    return 0;
}
