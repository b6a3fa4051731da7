/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backends of the suite that are a daemon: the program of this build, over a directory of the run,
 * started on a free port before the first case and told to stop after the last. A guarded one has
 * TLS, and knows nobody without a token.
 */
#include "suite.h"

#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_SECONDS 60

/* build/wombatkv-daemon of build/tests/conformance/abi. */
static void find_program(char path[PATH_MAX + 64]) {
    ssize_t size = readlink("/proc/self/exe", path, PATH_MAX);
    path[size > 0 ? size : 0] = 0;
    for (int i = 0; i < 3; i++) {
        char *slash = strrchr(path, '/');
        if (slash != NULL)
            *slash = 0;
    }
    strcat(path, "/wombatkv-daemon");
}

/* A certificate for 127.0.0.1 and a token with every right, for the daemon and for clients. */
static void make_guard(void) {
    static const char token[] = "conformance";
    char path[300];
    char command[900];
    char hash[65];
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
             "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 "
             "-keyout %s/key.pem -out %s/cert.pem 2>/dev/null",
             world.directory, world.directory);
    if (system(command) != 0) {
        fprintf(stderr, "openssl cannot make a certificate\n");
        exit(2);
    }
    snprintf(path, sizeof path, "%s/tokens", world.directory);
    FILE *file = fopen(path, "w");
    wmbt_kv_blake3_64hex((const uint8_t *)token, strlen(token), hash);
    fprintf(file, "[conformance]\ntoken_blake3 = %s\naccess = write\nnamespaces = *\nadmin = yes\n",
            hash);
    fclose(file);
    setenv("WMBT_KV_DAEMON_AUTH_FILE", path, 1);
    setenv("WMBT_KV_AUTH_TOKEN", token, 1);
    snprintf(path, sizeof path, "%s/key.pem", world.directory);
    setenv("WMBT_KV_DAEMON_TLS_KEY", path, 1);
    snprintf(path, sizeof path, "%s/cert.pem", world.directory);
    setenv("WMBT_KV_DAEMON_TLS_CERT", path, 1);
    setenv("WMBT_KV_TLS_CA", path, 1);
}

/* The variables of the child say what it does; stderr is its log. */
static void become_daemon(const char *flag, const char *log) {
    char path[PATH_MAX + 64];
    find_program(path);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (freopen(log, "w", stderr) == NULL)
        _exit(126);
    execl(path, path, flag, "127.0.0.1:0", (char *)NULL);
    fprintf(stderr, "%s: cannot be started\n", path);
    _exit(127);
}

/* What stands behind "key":" in the ready line; false while there is none. */
static bool find_address(const char *log, const char *key, char *to, size_t capacity) {
    char line[4096];
    char wanted[32];
    bool found = false;
    FILE *file = fopen(log, "r");
    snprintf(wanted, sizeof wanted, "\"%s\":\"", key);
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        const char *at = strstr(line, "\"event\":\"ready\"");
        at = at != NULL ? strstr(at, wanted) : NULL;
        if (at == NULL || strchr(line, '\n') == NULL)
            continue;
        at += strlen(wanted);
        snprintf(to, capacity, "%.*s", (int)strcspn(at, "\""), at);
        found = true;
    }
    if (file != NULL)
        fclose(file);
    return found;
}

static void show_log(const char *log) {
    char line[4096];
    FILE *file = fopen(log, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        fputs(line, stderr);
    if (file != NULL)
        fclose(file);
}

static void log_path(char path[300]) {
    snprintf(path, 300, "%s/daemon.log", world.directory);
}

void abi_daemon_start(const char *transport, bool guarded) {
    char log[300];
    char flag[16];
    char address[128];
    const struct timespec pause = {0, 10 * 1000 * 1000};
    if (guarded)
        make_guard();
    log_path(log);
    snprintf(flag, sizeof flag, "--%s", transport);
    pid_t parent = getpid();
    world.daemon = fork();
    if (world.daemon == 0) {
        if (getppid() == parent)
            become_daemon(flag, log);
        _exit(125);
    }
    for (int turn = 0; turn < READY_SECONDS * 100; turn++) {
        if (find_address(log, transport, address, sizeof address)) {
            setenv(strcmp(transport, "tcp") == 0 ? "WMBT_KV_TCP_ADDR" : "WMBT_KV_HTTP_ADDR",
                   address, 1);
            return;
        }
        if (waitpid(world.daemon, NULL, WNOHANG) != 0)
            break;
        nanosleep(&pause, NULL);
    }
    show_log(log);
    fprintf(stderr, "the daemon did not get ready\n");
    kill(world.daemon, SIGKILL);
    exit(2);
}

int abi_daemon_stop(void) {
    char log[300];
    int status = 0;
    if (world.daemon == 0)
        return 0;
    kill(world.daemon, SIGTERM);
    waitpid(world.daemon, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    log_path(log);
    show_log(log);
    fprintf(stderr, "the daemon ended with status %#x, not with exit code 0\n", (unsigned)status);
    return 1;
}
