/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random bytes: getrandom, else /dev/urandom, else (a filter forbids the one, a jail lacks the
 * other) the 16 bytes that the kernel gave the process at its start, stretched with BLAKE3. The
 * call cannot fail, and an engine must not die because a jail is strict.
 */
#include "env/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#include <sys/random.h>

#include "hash/blake3.h"

/* How much of a fill the system gave; less than size when it refuses. */
static size_t from_system(uint8_t *to, size_t size) {
    size_t at = 0;
    while (at < size) {
#if defined(__linux__)
        ssize_t got = getrandom(to + at, size - at, 0);
#else
        size_t part = size - at < 256 ? size - at : 256;
        ssize_t got = getentropy(to + at, part) == 0 ? (ssize_t)part : -1;
#endif
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        at += (size_t)got;
    }
    return at;
}

static size_t from_device(uint8_t *to, size_t size) {
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    size_t at = 0;
    while (at < size) {
        ssize_t got = read(fd, to + at, size - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        at += (size_t)got;
    }
    close(fd);
    return at;
}

void wk_posix_entropy_last_resort(void *to, size_t size) {
    static wk_atomic_u64 calls; /* sync: relaxed counter, only has to differ */
    static const uint8_t none[16];
    const uint8_t *gift = none;
#if defined(__linux__)
    if (getauxval(AT_RANDOM) != 0)
        gift = (const uint8_t *)getauxval(AT_RANDOM); // NOLINT: the kernel hands out a number
#endif
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t words[5] = {(uint64_t)now.tv_sec, (uint64_t)now.tv_nsec, wk_posix_now_ns(),
                         (uint64_t)getpid(), 0};
    uint8_t *at = to;
    for (size_t left = size; left > 0;) {
        words[4] = wk_atomic_add_u64(&calls, 1, WK_RELAXED, "entropy.calls");
        const struct wk_span parts[2] = {wk_span(gift, 16), wk_span(words, sizeof words)};
        uint8_t digest[WK_BLAKE3_BYTES];
        wk_blake3(parts, 2, digest);
        size_t part = left < sizeof digest ? left : sizeof digest;
        memcpy(at, digest, part);
        at += part;
        left -= part;
    }
}

static void entropy_fill(struct wk_env *env, void *to, size_t size) {
    (void)env;
    uint8_t *bytes = to;
    size_t at = from_system(bytes, size);
    if (at < size)
        at += from_device(bytes + at, size - at);
    if (at < size)
        wk_posix_entropy_last_resort(bytes + at, size - at);
}

const struct wk_env_entropy wk_posix_entropy = {.fill = entropy_fill};
