/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/options.h"

#include "base/text.h"
#include "config/endpoint.h"

const char wk_options_usage[] =
    "usage: wombatkv-daemon [OPTION]...\n"
    "Serves one WombatKV store to engines on this and other hosts.\n"
    "\n"
    "  --tcp ADDR               listen for the framed protocol; may be repeated\n"
    "  --http ADDR              listen for HTTP; may be repeated\n"
    "                           ADDR is host:port or [v6]:port; port 0 is a free port\n"
    "  --prefix NAME            shared memory: not in this build, refused\n"
    "  --allow-unauthenticated  allow listeners off loopback without tokens and without\n"
    "                           client certificates\n"
    "  --auth-file FILE         tokens\n"
    "  --tls-cert FILE          TLS on every listener: certificate chain, PEM\n"
    "  --tls-key FILE           its key, PEM\n"
    "  --tls-client-ca FILE     clients need a certificate of these authorities, PEM\n"
    "  --config FILE            settings, \"name = value\" a line\n"
    "  --print-config           print every setting and where it comes from, and exit\n"
    "  --check                  try the settings and open the store, and exit\n"
    "  --version                print the version, and exit\n"
    "  --help                   print this, and exit\n"
    "\n"
    "The command line goes before the environment (WMBT_KV_*), the environment before the\n"
    "file. SIGTERM and SIGINT end it when what is in flight is done, a second one at once;\n"
    "SIGHUP reads tokens and certificates again.\n"
    "Exit codes: 0 done, 1 failure, 2 wrong command line, 3 ended with requests in flight.\n";

/* ---- flags ----------------------------------------------------------------------------------- */

struct parse {
    int argc;
    char *const *argv;
    int at; /* of the next argument */
    const char *value;
    struct wk_layers *layers;
    struct wk_options options;
    struct wk_error *err;
};

struct flag {
    const char *name;
    const char *variable; /* that it sets */
    enum wk_status (*take)(struct parse *p, const struct flag *flag);
    enum wk_daemon_mode mode;
    bool has_value;
};

static enum wk_status set_variable(struct parse *p, const struct flag *flag) {
    const char *value = flag->has_value ? p->value : "1";
    return wk_layers_set(p->layers, WK_ORIGIN_COMMAND_LINE, wk_setting_find(flag->variable),
                         wk_span_text(value), p->err);
}

static enum wk_status add_address(struct parse *p, const struct flag *flag) {
    struct wk_host_port at;
    struct wk_span value = wk_span_text(p->value);
    enum wk_status status = wk_listen_address_parse(value, &at, p->err);
    if (status != WK_OK)
        return status;
    return wk_layers_append(p->layers, WK_ORIGIN_COMMAND_LINE, wk_setting_find(flag->variable), ",",
                            value, p->err);
}

static enum wk_status set_mode(struct parse *p, const struct flag *flag) {
    if (p->options.mode != WK_DAEMON_SERVE && p->options.mode != flag->mode)
        return wk_fail(p->err, WK_INVALID,
                       "only one of --check, --print-config, --version, --help");
    p->options.mode = flag->mode;
    return WK_OK;
}

static enum wk_status set_config(struct parse *p, const struct flag *flag) {
    (void)flag;
    if (p->options.config_path != NULL)
        return wk_fail(p->err, WK_INVALID, "there is one file of settings at most");
    p->options.config_path = p->value;
    return WK_OK;
}

static const struct flag flags[] = {
    {"--prefix", "WMBT_KV_DAEMON_SHM_PREFIX", set_variable, 0, true},
    {"--tcp", "WMBT_KV_TCP", add_address, 0, true},
    {"--http", "WMBT_KV_HTTP", add_address, 0, true},
    {"--allow-unauthenticated", "WMBT_KV_DAEMON_ALLOW_UNAUTHENTICATED", set_variable, 0, false},
    {"--auth-file", "WMBT_KV_DAEMON_AUTH_FILE", set_variable, 0, true},
    {"--tls-cert", "WMBT_KV_DAEMON_TLS_CERT", set_variable, 0, true},
    {"--tls-key", "WMBT_KV_DAEMON_TLS_KEY", set_variable, 0, true},
    {"--tls-client-ca", "WMBT_KV_DAEMON_TLS_CLIENT_CA", set_variable, 0, true},
    {"--config", NULL, set_config, 0, true},
    {"--print-config", NULL, set_mode, WK_DAEMON_PRINT_CONFIG, false},
    {"--check", NULL, set_mode, WK_DAEMON_CHECK, false},
    {"--version", NULL, set_mode, WK_DAEMON_VERSION, false},
    {"--help", NULL, set_mode, WK_DAEMON_HELP, false},
    {"-h", NULL, set_mode, WK_DAEMON_HELP, false},
};

/* "--flag" or "--flag=value": the flag, and the text behind the sign or NULL. */
static const struct flag *find_flag(const char *argument, const char **inline_value) {
    const char *sign = strchr(argument, '=');
    size_t size = sign == NULL ? strlen(argument) : (size_t)(sign - argument);
    *inline_value = sign == NULL ? NULL : sign + 1;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (wk_span_equal(wk_span(argument, size), wk_span_text(flags[i].name)))
            return &flags[i];
    }
    return NULL;
}

/* The value of a flag, from behind its sign or from the next argument. */
static enum wk_status take_value(struct parse *p, const struct flag *flag,
                                 const char *inline_value) {
    p->value = inline_value;
    if (!flag->has_value)
        return inline_value == NULL ? WK_OK : wk_fail(p->err, WK_INVALID, "it takes no value");
    if (p->value == NULL && p->at < p->argc)
        p->value = p->argv[p->at++];
    if (p->value == NULL || p->value[0] == 0)
        return wk_fail(p->err, WK_INVALID, "its value is missing");
    return WK_OK;
}

static enum wk_status take_argument(struct parse *p) {
    const char *argument = p->argv[p->at++];
    const char *inline_value;
    char shown[128];
    const struct flag *flag = find_flag(argument, &inline_value);
    if (flag == NULL) {
        wk_quote(wk_span_text(argument), shown, sizeof shown);
        return wk_fail(p->err, WK_INVALID, "unknown argument %s; --help lists them", shown);
    }
    enum wk_status status = take_value(p, flag, inline_value);
    if (status == WK_OK)
        status = flag->take(p, flag);
    if (status != WK_OK)
        wk_error_prefix(p->err, "%s", flag->name);
    return status;
}

enum wk_status wk_options_parse(int argc, char *const *argv, struct wk_layers *layers,
                                struct wk_options *out, struct wk_error *err) {
    struct parse p = {.argc = argc, .argv = argv, .at = 1, .layers = layers, .err = err};
    enum wk_status status = WK_OK;
    while (p.at < argc && status == WK_OK)
        status = take_argument(&p);
    if (status == WK_OK)
        *out = p.options;
    return status;
}

/* ---- settings -------------------------------------------------------------------------------- */

enum wk_status wk_options_settings(struct wk_layers *layers, struct wk_settings *settings,
                                   struct wk_error *err) {
    wk_settings_defaults(settings);
    memcpy(settings->s3_prefix, WK_DAEMON_S3_PREFIX, sizeof WK_DAEMON_S3_PREFIX);
    wk_settings_report_strays(&layers->view);
    return wk_settings_read(&layers->view, WK_DAEMON_SCOPES, settings, err);
}
