/* SPDX-License-Identifier: Apache-2.0 */
/* Backends by name, the run's directory, and the run. */
#include "suite.h"

#include <ftw.h>
#include <unistd.h>

/* ---- backends ------------------------------------------------------------------------------- */

static void use_directory(void) {
    char endpoint[300];
    snprintf(endpoint, sizeof endpoint, "file://%s", world.directory);
    setenv("WMBT_KV_S3_ENDPOINT", endpoint, 1);
    setenv("WMBT_KV_BUCKET", "conformance", 1);
    world.has_directory = true;
}

/* The directory is the daemon's: engines do not look into it. */
static void use_daemon(const char *transport, bool guarded) {
    use_directory();
    world.has_directory = false;
    world.is_remote = true;
    abi_daemon_start(transport, guarded);
}

static void use_tcp(void) {
    use_daemon("tcp", false);
}

static void use_http(void) {
    use_daemon("http", false);
}

static void use_tcp_guarded(void) {
    use_daemon("tcp", true);
}

static void use_http_guarded(void) {
    use_daemon("http", true);
}

/* A daemon of the reference: tests/interop/run starts it. */
static void use_rust(const char *variable, const char *given_in) {
    const char *address = getenv(given_in);
    if (address == NULL) {
        fprintf(stderr, "%s is not set: make interop sets it\n", given_in);
        exit(2);
    }
    setenv(variable, address, 1);
    world.is_remote = true;
    world.is_foreign = true;
}

static void use_rust_tcp(void) {
    use_rust("WMBT_KV_TCP_ADDR", "WMBT_KV_TEST_RUST_TCP");
}

static void use_rust_http(void) {
    use_rust("WMBT_KV_HTTP_ADDR", "WMBT_KV_TEST_RUST_HTTP");
}

static void use_s3(void) {
    abi_use_s3(strrchr(world.directory, '/') + 1);
    world.is_picky = true;
    world.folds_names = getenv("WMBT_KV_TEST_S3_FOLDS_NAMES") != NULL;
}

/* bucket.host, where the server knows itself by that name. */
static void use_s3_virtual(void) {
    use_s3();
    setenv("WMBT_KV_S3_ADDRESSING", "virtual", 1);
    const char *endpoint = getenv("WMBT_KV_TEST_S3_VIRTUAL_ENDPOINT");
    if (endpoint != NULL)
        setenv("WMBT_KV_S3_ENDPOINT", endpoint, 1);
}

static const struct {
    const char *name;
    void (*use)(void);
} backends[] = {
    {"embedded-dir", use_directory},
    {"tcp", use_tcp},
    {"http", use_http},
    {"tcp-tls", use_tcp_guarded},
    {"http-tls", use_http_guarded},
    {"rust-tcp", use_rust_tcp},
    {"rust-http", use_rust_http},
    {"s3-path", use_s3},
    {"s3-virtual", use_s3_virtual},
};

#define BACKENDS (sizeof backends / sizeof backends[0])

/* ---- the run -------------------------------------------------------------------------------- */

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *ftw) {
    (void)info;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static bool is_remote(void) {
    return world.is_remote;
}

static bool is_foreign(void) {
    return world.is_foreign;
}

/* What a backend has no use for, by name. */
static const struct {
    const char *name;
    bool (*is_out)(void);
    const char *why;
} skips[] = {
    {"a_tier_says_where_a_block_came_from", is_remote,
     "a new handle finds the daemon's memory, not the objects"},
    {"partial_gives_what_is_there", is_foreign,
     "it does not say which cache the blocks of a batch were in"},
    {"lookup_does_not_look_into_other_namespaces", is_foreign, "it has one index for all of them"},
    {"hostile_namespaces_hold_their_own_blocks", is_foreign,
     "it serves what the object store refused to take"},
    {"a_namespace_of_512_bytes_works", is_foreign,
     "it serves what the object store refused to take"},
    {"tips_are_any_64_bytes", is_foreign, "it serves what the object store refused to take"},
};

static void skip_case(void **state) {
    print_message("skipped: %s\n", (const char *)*state);
    skip();
}

static void skip_if(struct CMUnitTest *test) {
    for (size_t i = 0; i < sizeof skips / sizeof skips[0]; i++) {
        if (strcmp(test->name, skips[i].name) != 0 || !skips[i].is_out())
            continue;
        test->test_func = skip_case;
        test->initial_state = (void *)(uintptr_t)skips[i].why;
    }
}

static int run_group(const char *name, const abi_case *cases, size_t count) {
    struct CMUnitTest *tests = malloc(count * sizeof *tests);
    assert_non_null(tests);
    memcpy(tests, cases, count * sizeof *tests);
    for (size_t i = 0; i < count; i++)
        skip_if(&tests[i]);
    int failed = _cmocka_run_group_tests(name, tests, count, NULL, NULL);
    free(tests);
    return failed;
}

static int run_cases(void) {
    int failed = 0;
#define RUN(name) failed += run_group(#name, abi_##name##_cases, abi_##name##_count)
    RUN(args);
    RUN(data);
    RUN(names);
    RUN(life);
    RUN(second);
    if (world.has_directory) {
        RUN(settings);
        RUN(files);
    } else {
        printf("skipped: settings, files: they look into the directory of an embedded store\n");
    }
#undef RUN
    return failed;
}

/* No setting of the caller's environment decides what is tested. */
static void clear_settings(void) {
    extern char **environ;
    char name[256];
    for (char **var = environ; *var != NULL;) {
        size_t length = strcspn(*var, "=");
        bool ours = strncmp(*var, "WMBT_KV_", 8) == 0 && length < sizeof name &&
                    strncmp(*var, "WMBT_KV_TEST_", 13) != 0;
        if (!ours) {
            var++;
            continue;
        }
        snprintf(name, sizeof name, "%.*s", (int)length, *var);
        unsetenv(name);
        var = environ;
    }
}

static int usage(const char *program) {
    fprintf(stderr, "usage: %s BACKEND [--large] [FILTER]\nbackends:", program);
    for (size_t i = 0; i < BACKENDS; i++)
        fprintf(stderr, " %s", backends[i].name);
    fprintf(stderr, "\n");
    return 2;
}

int main(int argc, char **argv) {
    /* Called abi-<backend>, for runners that give no arguments, or with the backend's name. */
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash != NULL ? slash + 1 : argv[0];
    world.backend = argc > 1 ? argv[1] : strncmp(name, "abi-", 4) == 0 ? name + 4 : "";
    size_t chosen = 0;
    while (chosen < BACKENDS && strcmp(backends[chosen].name, world.backend) != 0)
        chosen++;
    if (chosen == BACKENDS)
        return usage(argv[0]);
    world.program = "/proc/self/exe";
    if (argc == 5 && strcmp(argv[2], "--child") == 0)
        return abi_child(argv[3], argv[4]);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--large") == 0)
            world.large = true;
        else
            cmocka_set_test_filter(argv[i]);
    }
    const char *parent = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    snprintf(world.directory, sizeof world.directory, "%s/wombatkv-abi-XXXXXX", parent);
    if (mkdtemp(world.directory) == NULL) {
        perror(world.directory);
        return 2;
    }
    clear_settings();
    backends[chosen].use();
    int failed = run_cases();
    failed += abi_daemon_stop();
    nftw(world.directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return failed != 0;
}
