/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings as a page for people and as a sample file, both written from the table, so that
 * neither can differ from what the parser does.
 */
#include "base/text.h"
#include "config/settings.h"
#include "config/show.h"

static const char page_head[] =
    "# 0008 Settings\n"
    "\n"
    "Generated from `src/config/settings.def` by `make docs`; do not edit. A test compares the "
    "two.\n"
    "\n"
    "`wmbt_kv_init_from_env` reads environment variables; `wmbt_kv_open` takes the members of\n"
    "`wmbt_kv_config` instead and reads none. The daemon reads its command line, the variables and "
    "a\n"
    "file ([0018](0018-daemon.md)); a key of the file is the variable in lower case without\n"
    "`wmbt_kv_`.\n"
    "\n"
    "- **SET-1** (MUST) A variable that is empty counts as unset.\n"
    "- **SET-2** (MUST) A value that cannot be parsed does what the column *garbage* says. "
    "*warn*:\n"
    "  one event `settings.ignored` and the default, or the nearest allowed value when it is a\n"
    "  number out of range. *fail*: the open fails, and the text says the variable, the value and\n"
    "  what is allowed. *warn/fail*: unparsable warns, a number out of range fails.\n"
    "- **SET-3** (MUST) Unknown names that start with `WMBT_KV_` are one event "
    "`settings.unknown`;\n"
    "  known names without effect that are set are one event `settings.unused`. Names that start\n"
    "  with `WMBT_KV_TEST_` are left alone.\n"
    "- **SET-4** (MUST) No variable without the prefix `WMBT_KV_` is read: no `AWS_*`, no `HOME`.\n"
    "- **SET-5** (MUST) The backend is chosen by the first that is set of "
    "`WMBT_KV_REMOTE_PREFIX`,\n"
    "  `WMBT_KV_TCP_ADDR`, `WMBT_KV_HTTP_ADDR`; else the store is embedded. With one of the "
    "three,\n"
    "  no setting of the store is read.\n"
    "- **SET-6** (MUST) `WMBT_KV_S3_ENDPOINT=file:///absolute/dir` keeps the objects in that\n"
    "  directory, which is created; the bucket is required, credentials and region are ignored. A\n"
    "  directory that is not absolute is refused.\n"
    "- **SET-7** (MUST) The access key `minioadmin` with the secret `minioadmin` is refused for\n"
    "  `http` and `https` unless local-dev mode is on, by what the host *is*: `localhost`,\n"
    "  127.0.0.0/8 and `[::1]` are loopback, a name or path that merely contains one of them is "
    "not.\n"
    "- **SET-8** (MUST) A secret never appears in an error text or an event.\n"
    "- **SET-9** (MUST) This page, `examples/wombatkv.env.sample` and "
    "`examples/wombatkv-daemon.conf`\n"
    "  are what the table prints.\n"
    "\n"
    "The reference (`wombatkv` in Rust) knows most of these names; what differs is said here.\n";

static const char *garbage_word(const struct wk_setting *setting) {
    switch (setting->garbage) {
    case WK_GARBAGE_NONE:
        return "nothing is";
    case WK_GARBAGE_WARN:
        return "warn";
    case WK_GARBAGE_WARN_OR_FAIL:
        return "warn/fail";
    case WK_GARBAGE_FAIL:
        break;
    }
    return "fail";
}

/* Defaults as one would write them. */
static void default_word(const struct wk_setting *setting, char *to, size_t capacity) {
    if (setting->kind == WK_SETTING_NUMBER)
        wk_format(to, capacity, "%llu", (unsigned long long)setting->default_value);
    else if (setting->needs == WK_TEXT_REQUIRED)
        wk_format(to, capacity, "required");
    else if (setting->default_text == NULL || setting->default_text[0] == 0)
        wk_format(to, capacity, "unset");
    else
        wk_format(to, capacity, "%s", setting->default_text);
}

/* A setting that an open of the library reads, or a daemon's. */
static bool is_of(const struct wk_setting *setting, bool daemon) {
    return setting->member != NULL && (setting->scope == WK_SCOPE_DAEMON) == daemon;
}

/* The second column is the member of wmbt_kv_config, or the key in a daemon's file. */
static void write_row(struct wk_writer *to, const struct wk_setting *setting) {
    char line[1536];
    char allowed[256];
    char fallback[256];
    char key[64];
    wk_setting_allowed(setting, allowed, sizeof allowed);
    default_word(setting, fallback, sizeof fallback);
    wk_setting_key(setting, key, sizeof key);
    wk_format(line, sizeof line, "| `%s` | `%s` | %s | %s | %s | %s |\n", setting->name,
              is_of(setting, true) ? key : setting->member, fallback, allowed,
              garbage_word(setting), setting->text);
    wk_write_text(to, line);
}

static void write_rows(struct wk_writer *to, bool daemon) {
    for (size_t i = 0; i < wk_settings_count; i++) {
        if (is_of(&wk_settings_table[i], daemon))
            write_row(to, &wk_settings_table[i]);
    }
}

/* The rows of one kind that have no member: name and text. */
static void write_list(struct wk_writer *to, enum wk_setting_kind kind, const char *head) {
    char line[512];
    wk_write_text(to, head);
    for (size_t i = 0; i < wk_settings_count; i++) {
        const struct wk_setting *setting = &wk_settings_table[i];
        if (setting->kind != kind)
            continue;
        wk_format(line, sizeof line, "| `%s` | %s |\n", setting->name, setting->text);
        wk_write_text(to, line);
    }
}

void wk_settings_write_page(struct wk_writer *to) {
    wk_write_text(to, page_head);
    wk_write_text(to, "\n## Settings\n\n"
                      "| variable | member of `wmbt_kv_config` | default | allowed | garbage | |\n"
                      "| --- | --- | --- | --- | --- | --- |\n");
    write_rows(to, false);
    wk_write_text(to, "\n## Settings of the daemon\n\n"
                      "Besides those above that say how the store is opened.\n\n"
                      "| variable | key in the file | default | allowed | garbage | |\n"
                      "| --- | --- | --- | --- | --- | --- |\n");
    write_rows(to, true);
    write_list(to, WK_SETTING_OTHERS, "\n## Read by others\n\n| variable | |\n| --- | --- |\n");
    write_list(to, WK_SETTING_UNUSED,
               "\n## Accepted and without effect\n\n| variable | why |\n| --- | --- |\n");
}

/* `text` as comment lines of at most 76 characters. */
static void write_comment(struct wk_writer *to, const char *text) {
    while (*text != 0) {
        size_t length = strlen(text);
        if (length > 74) {
            length = 74;
            while (length > 1 && text[length] != ' ')
                length--;
        }
        wk_write_text(to, "# ");
        wk_write_span(to, wk_span(text, length));
        wk_write_text(to, "\n");
        text += length;
        while (*text == ' ')
            text++;
    }
}

/* "NAME=value", or with a '#' before it where the default holds. */
static void write_entry(struct wk_writer *to, const struct wk_setting *setting, const char *name,
                        const char *fallback) {
    char line[512];
    bool required = setting->needs == WK_TEXT_REQUIRED;
    bool unset = setting->kind == WK_SETTING_BYTES || strcmp(fallback, "unset") == 0;
    wk_format(line, sizeof line, "%s%s=%s\n", required ? "" : "#", name,
              required ? "my-bucket"
              : unset  ? ""
                       : fallback);
    wk_write_text(to, line);
}

static void write_explained(struct wk_writer *to, const struct wk_setting *setting) {
    char allowed[256];
    wk_write_text(to, "\n");
    write_comment(to, setting->text);
    wk_setting_allowed(setting, allowed, sizeof allowed);
    write_comment(to, allowed);
}

void wk_settings_write_sample(struct wk_writer *to) {
    char fallback[256];
    wk_write_text(to, "# Environment of a program that uses WombatKV. Generated by `make docs`.\n"
                      "# Lines that start with '#' show the defaults.\n");
    for (size_t i = 0; i < wk_settings_count; i++) {
        const struct wk_setting *setting = &wk_settings_table[i];
        if (!is_of(setting, false))
            continue;
        write_explained(to, setting);
        default_word(setting, fallback, sizeof fallback);
        write_entry(to, setting, setting->name, fallback);
    }
}

void wk_settings_write_daemon_sample(struct wk_writer *to) {
    char fallback[256];
    char key[64];
    const uint32_t scopes = WK_DAEMON_SCOPES;
    wk_write_text(to, "# Settings of wombatkv-daemon (--config FILE). Generated by `make docs`.\n"
                      "# Lines that start with '#' show the defaults; \" ;\" begins a comment.\n");
    for (size_t i = 0; i < wk_settings_count; i++) {
        const struct wk_setting *setting = &wk_settings_table[i];
        if (((uint32_t)setting->scope & scopes) == 0)
            continue;
        write_explained(to, setting);
        wk_setting_key(setting, key, sizeof key);
        bool is_prefix = strcmp(key, "s3_prefix") == 0;
        default_word(setting, fallback, sizeof fallback);
        write_entry(to, setting, key, is_prefix ? WK_DAEMON_S3_PREFIX : fallback);
    }
    write_explained(to, wk_setting_find(WK_LOG_VARIABLE));
    wk_write_text(to, "#log=" WK_DAEMON_LOG_LEVEL "\n");
}
