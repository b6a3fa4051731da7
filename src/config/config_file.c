/* SPDX-License-Identifier: Apache-2.0 */
/* inih takes the lines apart; what the settings are is judged here, the first fault with its line.
 */
#include "config/config_file.h"

#include <ini.h>

#include "base/text.h"
#include "config/ini_pieces.h"
#include "config/small_file.h"

struct parse {
    struct wk_ini_pieces pieces;
    struct wk_layers *layers;
    uint32_t scopes;
    enum wk_status status;
    struct wk_error *err;
};

/* Stops inih at the first fault. */
static char *next_piece(char *to, int capacity, void *arg) {
    struct parse *p = arg;
    return p->status == WK_OK ? wk_ini_next_piece(to, capacity, &p->pieces) : NULL;
}

static const struct wk_setting *find(const struct parse *p, const char *key) {
    char name[64] = "WMBT_KV_";
    size_t start = strlen(name);
    size_t size = strlen(key);
    if (size >= sizeof name - start)
        return NULL;
    for (size_t i = 0; i < size; i++) {
        if (key[i] >= 'A' && key[i] <= 'Z')
            return NULL;
        name[start + i] = key[i] >= 'a' && key[i] <= 'z' ? (char)(key[i] - 'a' + 'A') : key[i];
    }
    name[start + size] = 0;
    const struct wk_setting *setting = wk_setting_find(name);
    if (setting == NULL || strcmp(name, WK_LOG_VARIABLE) == 0)
        return setting;
    return ((uint32_t)setting->scope & p->scopes) != 0 ? setting : NULL;
}

static enum wk_status take(struct parse *p, const char *section, const char *key,
                           const char *value) {
    char shown[100];
    const struct wk_setting *setting = find(p, key);
    if (section[0] != 0) {
        wk_quote(wk_span_text(section), shown, sizeof shown);
        return wk_fail(p->err, WK_INVALID, "section %s: there are no sections here", shown);
    }
    if (setting == NULL) {
        wk_quote(wk_span_text(key), shown, sizeof shown);
        return wk_fail(p->err, WK_INVALID, "the daemon has no setting %s", shown);
    }
    struct wk_span bytes = wk_span_text(value);
    if (p->pieces.continues)
        return wk_layers_append(p->layers, WK_ORIGIN_FILE, setting, "", bytes, p->err);
    return wk_layers_set(p->layers, WK_ORIGIN_FILE, setting, bytes, p->err);
}

static int on_value(void *arg, const char *section, const char *key, const char *value) {
    struct parse *p = arg;
    if (p->status == WK_OK) {
        p->status = take(p, section, key, value);
        if (p->status != WK_OK)
            wk_error_prefix(p->err, "line %u", p->pieces.line);
    }
    return p->status == WK_OK;
}

/* inih goes on behind a line of another form and tells its number in pieces; ours is the line. */
static enum wk_status judge(struct parse *p, int bad_piece, struct wk_span text) {
    struct wk_ini_pieces again = {.rest = text};
    char piece[INI_MAX_LINE];
    if (p->status != WK_OK)
        return p->status;
    if (p->pieces.too_long)
        return wk_fail(p->err, WK_INVALID, "line %u is too long", p->pieces.line);
    if (bad_piece == 0)
        return WK_OK;
    if (bad_piece < 0)
        return wk_fail(p->err, WK_NO_MEMORY, "no memory for reading it");
    for (int i = 0; i < bad_piece; i++)
        (void)wk_ini_next_piece(piece, (int)sizeof piece, &again);
    return wk_fail(p->err, WK_INVALID, "line %u is not in the form \"name = value\"", again.line);
}

enum wk_status wk_config_file_parse(struct wk_span text, uint32_t scopes, struct wk_layers *layers,
                                    struct wk_error *err) {
    struct parse p = {
        .pieces = {.rest = text}, .layers = layers, .scopes = scopes, .status = WK_OK, .err = err};
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL)
        return wk_fail(err, WK_INVALID, "it has a NUL byte in it");
    int bad_piece = ini_parse_stream(next_piece, &p, on_value, &p);
    return judge(&p, bad_piece, text);
}

enum wk_status wk_config_file_read(struct wk_env *env, const char *path, uint32_t scopes,
                                   struct wk_layers *layers, struct wk_error *err) {
    const size_t capacity = WK_CONFIG_FILE_BYTES_MAX + 1;
    char shown[256];
    size_t size = 0;
    char *text = wk_alloc(env, WK_MEM_HANDLE, capacity);
    if (text == NULL)
        return wk_fail(err, WK_NO_MEMORY, "no memory for the file of settings");
    memset(text, 0, capacity);
    enum wk_status status =
        wk_small_file_read(env, path, text, WK_CONFIG_FILE_BYTES_MAX, &size, err);
    if (status == WK_OK) {
        status = wk_config_file_parse(wk_span(text, size), scopes, layers, err);
        wk_quote(wk_span_text(path), shown, sizeof shown);
        if (status != WK_OK)
            wk_error_prefix(err, "%s", shown);
    }
    volatile char *wipe = text; /* it may hold secrets */
    for (size_t i = 0; i < capacity; i++)
        wipe[i] = 0;
    wk_release(env, WK_MEM_HANDLE, text, capacity);
    return status;
}
