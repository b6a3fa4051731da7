/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests/daemon/command-line needs besides the daemon. An engine, by the environment:
 *
 *   load put N       puts N blocks one by one; "acknowledged i" after each; ends at the first
 * failure load get N       gets the first N blocks; "got N" load both N      both; "put N got N"
 *
 * and the daemon's surroundings:
 *
 *   load listen SOCKET   prints datagrams, a line each, until one says STOPPING
 *   load black-hole      an S3 server that answers LIST and nothing else; prints its port, and
 *                        "held" for each request that will have no answer
 */
#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "wombatkv.h"

#define BLOCK_BYTES 20000

/* ---- an engine ------------------------------------------------------------------------------- */

static wmbt_kv_handle_t *open_store(void) {
    wmbt_kv_handle_t *kv = wmbt_kv_init_from_env();
    if (kv == NULL) {
        fprintf(stderr, "open: %s\n", wmbt_kv_last_error());
        exit(1);
    }
    return kv;
}

static void make_block(unsigned number, char hex[65], uint8_t bytes[BLOCK_BYTES]) {
    wmbt_kv_blake3_64hex((const uint8_t *)&number, sizeof number, hex);
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        bytes[i] = (uint8_t)(number * 31 + i * 7 + i / 256);
}

static unsigned put_blocks(unsigned count, int tell) {
    static uint8_t bytes[BLOCK_BYTES];
    char hex[65];
    wmbt_kv_handle_t *kv = open_store();
    unsigned done = 0;
    for (; done < count; done++) {
        const char *hashes[] = {hex};
        const uint8_t *payloads[] = {bytes};
        const size_t sizes[] = {sizeof bytes};
        make_block(done, hex, bytes);
        if (wmbt_kv_put_kv_blocks(kv, "load", hashes, payloads, sizes, 1) < 0) {
            fprintf(stderr, "put: %s\n", wmbt_kv_last_error());
            break;
        }
        if (tell) {
            printf("acknowledged %u\n", done + 1);
            fflush(stdout);
        }
    }
    wmbt_kv_free(kv);
    return done;
}

static unsigned get_blocks(unsigned count) {
    static uint8_t bytes[BLOCK_BYTES];
    char hex[65];
    wmbt_kv_handle_t *kv = open_store();
    unsigned good = 0;
    for (unsigned i = 0; i < count; i++) {
        const char *hashes[] = {hex};
        const uint8_t **payloads;
        const size_t *sizes;
        wmbt_kv_borrow_t *borrow;
        make_block(i, hex, bytes);
        if (wmbt_kv_get_kv_blocks_borrowed(kv, "load", hashes, 1, &payloads, &sizes, &borrow) != 1)
            continue;
        good += sizes[0] == sizeof bytes && memcmp(payloads[0], bytes, sizeof bytes) == 0;
        wmbt_kv_release_borrow(borrow);
    }
    wmbt_kv_free(kv);
    return good;
}

/* ---- surroundings ---------------------------------------------------------------------------- */

static int listen_for_datagrams(const char *path) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    char text[256];
    if (length >= sizeof at.sun_path)
        return 1;
    memcpy(at.sun_path, path, length);
    if (path[0] == '@')
        at.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) != 0) {
        perror(path);
        return 1;
    }
    puts("listening");
    fflush(stdout);
    for (;;) {
        ssize_t got = recv(fd, text, sizeof text - 1, 0);
        if (got < 0)
            return 1;
        text[got] = 0;
        printf("%s\n", text);
        fflush(stdout);
        if (strncmp(text, "STOPPING", 8) == 0)
            return 0;
    }
}

static const char empty_list[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>models</Name>"
    "<Prefix></Prefix><KeyCount>0</KeyCount><MaxKeys>1</MaxKeys><IsTruncated>false</IsTruncated>"
    "</ListBucketResult>";

/* One connection: LIST is answered, everything else waits for ever. */
static void serve_hole(int fd) {
    char head[8192];
    size_t have = 0;
    ssize_t got;
    while ((got = recv(fd, head + have, sizeof head - 1 - have, 0)) > 0) {
        have += (size_t)got;
        head[have] = 0;
        if (strstr(head, "\r\n\r\n") == NULL)
            continue;
        if (strncmp(head, "GET ", 4) != 0 || strstr(head, "list-type=2") == NULL) {
            (void)!write(STDOUT_FILENO, "held\n", 5);
            pause();
        }
        dprintf(fd,
                "HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nContent-Length: %zu\r\n\r\n%s",
                sizeof empty_list - 1, empty_list);
        have = 0;
    }
}

static int black_hole(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &size) != 0)
        return 1;
    printf("%u\n", ntohs(at.sin_port));
    fflush(stdout);
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            return 1;
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            serve_hole(fd);
            _exit(0);
        }
        close(fd);
    }
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    unsigned count = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    if (strcmp(what, "put") == 0)
        return put_blocks(count, 1) != count;
    if (strcmp(what, "get") == 0)
        return printf("got %u\n", get_blocks(count)) < 0;
    if (strcmp(what, "both") == 0) {
        unsigned put = put_blocks(count, 0);
        return printf("put %u got %u\n", put, get_blocks(count)) < 0;
    }
    if (strcmp(what, "listen") == 0 && argc > 2)
        return listen_for_datagrams(argv[2]);
    if (strcmp(what, "black-hole") == 0)
        return black_hole();
    fprintf(stderr, "usage: %s put N | get N | both N | listen SOCKET | black-hole\n", argv[0]);
    return 2;
}
