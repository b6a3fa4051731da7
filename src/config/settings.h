/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings: one table (settings.def), one struct, one parser.
 *
 *   environment variables --wk_settings_read--> struct wk_settings --> backend
 *   wmbt_kv_config -------- src/cabi ---------^
 *
 * Rules. Empty counts as unset. A value of a variable that the reference knows and that cannot be
 * parsed is one warning and the default, except for the two S3 retry numbers. A value of a variable
 * that this project added fails the open and the text says the variable, the value and what is
 * allowed. WMBT_KV_* names that nobody knows are one warning. AWS_* is never read.
 *
 * Secrets: struct wk_settings holds copies; end its life with wk_settings_wipe.
 * Nothing here is shared between threads.
 */
#ifndef WK_CONFIG_SETTINGS_H
#define WK_CONFIG_SETTINGS_H

#include "base/writer.h"
#include "codec/block_meta.h"
#include "env/env.h"

/* The numbers of these four are public (wombatkv.h). */
enum wk_local_dev { WK_LOCAL_DEV_AUTO, WK_LOCAL_DEV_OFF, WK_LOCAL_DEV_ON };
enum wk_s3_addressing { WK_S3_ADDRESSING_PATH, WK_S3_ADDRESSING_VIRTUAL };
enum wk_compress { WK_COMPRESS_OFF, WK_COMPRESS_ZSTD };
enum wk_put_ack { WK_PUT_ACK_OBJECT, WK_PUT_ACK_JOURNAL };

/* Texts are terminated and valid UTF-8; choices hold their enum's value. */
struct wk_settings {
#define WK_NUMBER(name, member, scope, unit, min, max, def, garbage, text)      uint64_t member;
#define WK_CHOICE(name, member, scope, spellings, def, def_text, garbage, text) uint64_t member;
#define WK_TEXT(name, member, scope, max, def, needs, text)                     char member[(max) + 1];
#define WK_BYTES(name, member, scope, bytes, form, garbage, text)               uint8_t member[bytes];
#define WK_UNUSED(name, why)
#define WK_OTHERS(name, text)
#define WK_SETTINGS_OF_DAEMON
#include "config/settings.def"
};

enum wk_setting_kind {
    WK_SETTING_NUMBER,
    WK_SETTING_CHOICE,
    WK_SETTING_TEXT,
    WK_SETTING_BYTES,
    WK_SETTING_UNUSED,
    WK_SETTING_OTHERS
};

/* Who reads it: every open; the embedded store; the S3 or directory store below it (not with the
 * host's callbacks); the
 * client of a daemon; the daemon. Bits, so that a reader can name several. */
enum wk_setting_scope {
    WK_SCOPE_ALL = 1,
    WK_SCOPE_EMBEDDED = 2,
    WK_SCOPE_OBJECTS = 4,
    WK_SCOPE_REMOTE = 8,
    WK_SCOPE_DAEMON = 16
};

/* What a daemon reads, and its prefix: the one of the reference's daemon, not the embedded one. */
#define WK_DAEMON_SCOPES                                                                           \
    ((uint32_t)WK_SCOPE_EMBEDDED | (uint32_t)WK_SCOPE_OBJECTS | (uint32_t)WK_SCOPE_DAEMON)

#define WK_DAEMON_S3_PREFIX "kv/puffer-shm"

/* Read by the environment itself; a daemon may have it in its file, too. */
#define WK_LOG_VARIABLE     "WMBT_KV_LOG"
#define WK_DAEMON_LOG_LEVEL "info"

enum wk_setting_garbage {
    WK_GARBAGE_NONE,
    WK_GARBAGE_WARN,
    WK_GARBAGE_WARN_OR_FAIL,
    WK_GARBAGE_FAIL
};

enum wk_setting_needs { WK_TEXT_OPTIONAL, WK_TEXT_REQUIRED, WK_TEXT_SECRET };

enum wk_setting_form { WK_BYTES_HEX, WK_BYTES_PRINTABLE };

/* One accepted spelling of a choice. The list ends with the spelling NULL, whose value counts for
 * anything else where nothing is garbage. */
struct wk_spelling {
    const char *spelling;
    uint64_t value;
};

/* One row of the table. */
struct wk_setting {
    const char *name;   /* environment variable */
    const char *member; /* of wmbt_kv_config; NULL for UNUSED and OTHERS */
    const char *text;   /* one or two sentences; UNUSED: why */
    enum wk_setting_kind kind;
    enum wk_setting_scope scope;
    enum wk_setting_garbage garbage;
    enum wk_setting_needs needs;
    enum wk_setting_form form;
    const char *unit;
    const char *default_text; /* TEXT, CHOICE */
    uint64_t default_value;   /* NUMBER, CHOICE */
    uint64_t min;
    uint64_t max;  /* NUMBER: value; CHOICE: highest value; TEXT: bytes without terminator */
    size_t offset; /* of the member in struct wk_settings */
    size_t size;   /* of the member */
    const struct wk_spelling *spellings;
};

extern const struct wk_setting wk_settings_table[];
extern const size_t wk_settings_count;

const struct wk_setting *wk_setting_find(const char *name);

void wk_settings_defaults(struct wk_settings *settings);
void wk_settings_wipe(struct wk_settings *settings);

/*
 * Reads the variables of the scopes, in the order of the table, on top of what is there. The first
 * failure decides; WK_INVALID, or WK_TOO_LARGE for a text that is too long.
 */
WK_MUST_CHECK enum wk_status wk_settings_read(struct wk_env *env, uint32_t scopes,
                                              struct wk_settings *settings, struct wk_error *err);

/* One value of one row, as the parser takes it; for a config as well. `named` is what the text of
 * an error calls the setting. */
WK_MUST_CHECK enum wk_status wk_setting_set_text(const struct wk_setting *setting,
                                                 const char *named, struct wk_span value,
                                                 struct wk_settings *settings,
                                                 struct wk_error *err);
WK_MUST_CHECK enum wk_status wk_setting_set_number(const struct wk_setting *setting,
                                                   const char *named, uint64_t value,
                                                   struct wk_settings *settings,
                                                   struct wk_error *err);

/* "a whole number of ms from 0 to 600000", "one of: object, journal", ... */
void wk_setting_allowed(const struct wk_setting *setting, char *to, size_t capacity);

/* Tells the log about variables that are set and have no effect, and about unknown names. */
void wk_settings_report_strays(struct wk_env *env);

/* The reference page and the sample files, from the table. */
void wk_settings_write_page(struct wk_writer *to);
void wk_settings_write_sample(struct wk_writer *to);
void wk_settings_write_daemon_sample(struct wk_writer *to);

#endif
