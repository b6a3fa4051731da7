/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared memory: anonymous files with seals (memfd), and sleeping on a shared word (futex).
 * Only Linux has both; elsewhere the table is empty.
 */
#include "env/posix/posix_socket.h"

#include <errno.h>

#if defined(__linux__)

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/*
 * Memory that could be had now, from the kernel's own estimate. Memory files have no limit of their
 * own: without this question an absurd size would be reserved until the system kills somebody.
 */
static uint64_t available_bytes(void) {
    char text[512];
    int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return UINT64_MAX;
    ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0)
        return UINT64_MAX;
    text[size] = 0;
    static const char label[] = "MemAvailable:";
    const char *at = strstr(text, label);
    if (at == NULL)
        return UINT64_MAX;
    at += sizeof label - 1;
    at += strspn(at, " ");
    uint64_t kib = 0;
    if (!wk_parse_u64(wk_span(at, strspn(at, "0123456789")), &kib))
        return UINT64_MAX;
    return kib * 1024;
}

static enum wk_status shm_create(struct wk_env *env, const char *label, size_t size,
                                 struct wk_shm **out, struct wk_error *err) {
    if (size > available_bytes())
        return wk_posix_fail(err, ENOSPC, "shared memory", label);
    struct wk_shm *segment = wk_alloc(env, WK_MEM_HANDLE, sizeof *segment);
    if (segment == NULL)
        return wk_posix_fail(err, ENOMEM, "shared memory", label);
    int fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    /* Reserved now: a page that cannot be had is an error here, not a fault at its first touch. */
    int code = fd < 0 ? errno : 0;
    if (code == 0 && ftruncate(fd, (off_t)size) != 0)
        code = errno;
    if (code == 0)
        code = posix_fallocate(fd, 0, (off_t)size);
    if (code != 0) {
        if (fd >= 0)
            close(fd);
        wk_release(env, WK_MEM_HANDLE, segment, sizeof *segment);
        return wk_posix_fail(err, code == ENOMEM ? ENOSPC : code, "shared memory", label);
    }
    *segment = (struct wk_shm){fd, size};
    *out = segment;
    return WK_OK;
}

static enum wk_status shm_seal(struct wk_env *env, struct wk_shm *segment, struct wk_error *err) {
    (void)env;
    int seals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    if (fcntl(segment->fd, F_ADD_SEALS, seals) == 0)
        return WK_OK;
    return wk_posix_fail(err, errno, "seal shared memory", NULL);
}

static size_t shm_size(struct wk_env *env, struct wk_shm *segment) {
    (void)env;
    return segment->size;
}

static enum wk_status shm_map(struct wk_env *env, struct wk_shm *segment, bool writable, void **out,
                              struct wk_error *err) {
    (void)env;
    int access = PROT_READ | (writable ? PROT_WRITE : 0);
    void *at = mmap(NULL, segment->size, access, MAP_SHARED, segment->fd, 0);
    if (at == MAP_FAILED)
        return wk_posix_fail(err, errno, "map shared memory", NULL);
    *out = at;
    return WK_OK;
}

static void shm_unmap(struct wk_env *env, struct wk_shm *segment, void *ptr) {
    (void)env;
    munmap(ptr, segment->size);
}

static void shm_close(struct wk_env *env, struct wk_shm *segment) {
    close(segment->fd);
    wk_release(env, WK_MEM_HANDLE, segment, sizeof *segment);
}

static enum wk_status shm_wait(struct wk_env *env, const wk_atomic_u32 *word, uint32_t expected,
                               uint64_t deadline_ns) {
    (void)env;
    for (;;) {
        if (wk_atomic_load_u32(word, WK_ACQUIRE, "shm.wait") != expected)
            return WK_OK;
        struct timespec left = wk_posix_left(deadline_ns);
        if (syscall(SYS_futex, word, FUTEX_WAIT, expected, &left, NULL, 0) == 0)
            return WK_OK;
        if (errno == EAGAIN)
            return WK_OK;
        if (wk_posix_now_ns() >= deadline_ns)
            return WK_TIMEOUT;
    }
}

static void shm_wake(struct wk_env *env, wk_atomic_u32 *word, uint32_t count) {
    (void)env;
    syscall(SYS_futex, word, FUTEX_WAKE, (int)wk_min_u64(count, INT_MAX), NULL, NULL, 0);
}

const struct wk_env_shm wk_posix_shm = {
    .create = shm_create,
    .seal = shm_seal,
    .size = shm_size,
    .map = shm_map,
    .unmap = shm_unmap,
    .close = shm_close,
    .wait = shm_wait,
    .wake = shm_wake,
};

#else

/* Every member NULL: the shared-memory backend is built on Linux only. */
const struct wk_env_shm wk_posix_shm = {0};

#endif
