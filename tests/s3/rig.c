/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

void rig_begin(const char *name) {
    char prefix[100];
    unsigned long long number = 0;
    FILE *random = fopen("/dev/urandom", "rb");
    if (random == NULL || fread(&number, sizeof number, 1, random) != 1)
        exit(2);
    fclose(random);
    snprintf(prefix, sizeof prefix, "wombatkv-%s-%016llx", name, number);
    abi_use_s3(getenv("RIG_PREFIX") != NULL ? getenv("RIG_PREFIX") : prefix);
    setenv("RIG_PREFIX", getenv("WMBT_KV_S3_PREFIX"), 1); /* children share it */
}

/* ---- the proxy ------------------------------------------------------------------------------ */

/* "http://host:port" of the server. */
static void split_endpoint(char host[256], char port[8]) {
    const char *endpoint = getenv("WMBT_KV_TEST_S3_ENDPOINT");
    if (sscanf(endpoint, "http://%255[^:/]:%7[0-9]", host, port) == 2)
        return;
    if (sscanf(endpoint, "http://%255[^:/]", host) != 1)
        fail_msg("the fault proxy speaks http only, not %s", endpoint);
    snprintf(port, 8, "80");
}

static void run_proxy(const int *in, const int *out) {
    char program[4096];
    char host[256];
    char port[8];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 20);
    if (length < 0)
        _exit(127);
    program[length] = 0;
    snprintf(strrchr(program, '/'), 20, "/fault_proxy");
    split_endpoint(host, port);
    dup2(in[0], 0);
    dup2(out[1], 1);
    execl(program, program, host, port, (char *)NULL);
    perror(program);
    _exit(127);
}

void rig_proxy_start(struct rig_proxy *proxy) {
    int in[2];
    int out[2];
    char line[200] = "";
    unsigned port = 0;
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    fflush(stdout);
    proxy->process = fork();
    if (proxy->process == 0)
        run_proxy(in, out);
    close(in[0]);
    close(out[1]);
    proxy->commands = fdopen(in[1], "w");
    proxy->answers = fdopen(out[0], "r");
    assert_true(proxy->commands != NULL && proxy->answers != NULL);
    if (fgets(line, sizeof line, proxy->answers) == NULL ||
        sscanf(line, "listening %u", &port) != 1)
        fail_msg("the proxy said \"%s\"", line);
    snprintf(proxy->endpoint, sizeof proxy->endpoint, "http://127.0.0.1:%u", port);
}

void rig_proxy_stop(struct rig_proxy *proxy) {
    int status;
    fclose(proxy->commands);
    fclose(proxy->answers);
    waitpid(proxy->process, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("the proxy ended with status %d", status);
}

static void ask(struct rig_proxy *proxy, const char *command, char line[300]) {
    fprintf(proxy->commands, "%s\n", command);
    fflush(proxy->commands);
    if (fgets(line, 300, proxy->answers) == NULL)
        fail_msg("the proxy is gone at \"%s\"", command);
}

void rig_say(struct rig_proxy *proxy, const char *command) {
    char line[300];
    ask(proxy, command, line);
    assert_string_equal(line, "ok\n");
}

struct rig_counts rig_count(struct rig_proxy *proxy) {
    struct rig_counts c;
    char line[300];
    ask(proxy, "count", line);
    if (sscanf(line,
               "get %llu put %llu head %llu list %llu delete %llu other %llu injected %llu "
               "connections %llu",
               &c.get, &c.put, &c.head, &c.list, &c.delete, &c.other, &c.injected,
               &c.connections) != 8)
        fail_msg("the proxy counts \"%s\"", line);
    return c;
}

/* ---- handles and batches -------------------------------------------------------------------- */

wmbt_kv_handle_t *rig_open(const struct rig_proxy *proxy) {
    setenv("WMBT_KV_S3_ENDPOINT",
           proxy != NULL ? proxy->endpoint : getenv("WMBT_KV_TEST_S3_ENDPOINT"), 1);
    return abi_open();
}

void rig_batch_init(struct rig_batch *batch, const char *ns, unsigned number, size_t count,
                    size_t size) {
    char label[200];
    assert_true(count <= RIG_BLOCKS_MAX);
    snprintf(label, sizeof label, "%s %u", ns, number);
    batch->count = count;
    batch->memory = malloc(count * size + 1);
    assert_non_null(batch->memory);
    for (size_t i = 0; i < count; i++) {
        batch->hashes[i] = abi_hash(label, (unsigned)i);
        batch->hex[i] = batch->hashes[i].hex;
        batch->payloads[i] = batch->memory + i * size;
        batch->lens[i] = size;
        abi_fill(batch->memory + i * size, size, (uint64_t)number * RIG_BLOCKS_MAX + i + 1);
    }
}

void rig_batch_free(struct rig_batch *batch) {
    free(batch->memory);
}

int64_t rig_save(wmbt_kv_handle_t *kv, const char *ns, const struct rig_batch *batch) {
    return wmbt_kv_put_kv_blocks(kv, ns, batch->hex, batch->payloads, batch->lens, batch->count);
}

int rig_restore(wmbt_kv_handle_t *kv, const char *ns, const struct rig_batch *batch) {
    const uint8_t **payloads;
    const size_t *lens;
    wmbt_kv_borrow_t *borrow;
    int rc =
        wmbt_kv_get_kv_blocks_borrowed(kv, ns, batch->hex, batch->count, &payloads, &lens, &borrow);
    if (rc != 1)
        return rc;
    for (size_t i = 0; i < batch->count; i++) {
        if (lens[i] != batch->lens[i] || memcmp(payloads[i], batch->payloads[i], lens[i]) != 0)
            rc = -2;
    }
    wmbt_kv_release_borrow(borrow);
    return rc;
}
