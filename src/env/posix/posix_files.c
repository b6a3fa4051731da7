/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files: positions are given with every call, so that threads share a file without a lock.
 *
 * The kernel may take a request in parts and may be interrupted; the loops here hide both. An
 * unreadable sector (EIO on a read) is CORRUPT, since the bytes are lost for good; EIO elsewhere
 * is UNAVAILABLE.
 */
#include "env/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Spans that go to the kernel at once, and bytes: both below every system's own limit. */
#define PIECES_MAX 64u
#define PASS_BYTES ((size_t)1 << 30)
#define KNOWN_FLAGS                                                                                \
    (WK_OPEN_READ | WK_OPEN_WRITE | WK_OPEN_CREATE | WK_OPEN_EXCLUSIVE | WK_OPEN_DIRECT)

/* ---- open and close ---------------------------------------------------------------------- */

static int open_flags(uint32_t flags) {
    /* Not blocking: a pipe that somebody put under our name must not hold us up. */
    int system = O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    if ((flags & WK_OPEN_WRITE) != 0)
        system |= (flags & WK_OPEN_READ) != 0 ? O_RDWR : O_WRONLY;
    else
        system |= O_RDONLY;
    if ((flags & WK_OPEN_CREATE) != 0)
        system |= O_CREAT;
    if ((flags & WK_OPEN_EXCLUSIVE) != 0)
        system |= O_EXCL;
    return system;
}

static int make_direct(int fd) {
#if defined(__APPLE__)
    return fcntl(fd, F_NOCACHE, 1) == 0 ? 0 : errno;
#elif defined(O_DIRECT)
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_DIRECT) == 0 ? 0 : errno;
#else
    (void)fd;
    return EOPNOTSUPP;
#endif
}

/* Only regular files: 0 or an error number. */
static int check_open(int fd, uint32_t flags) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    if (!S_ISREG(st.st_mode))
        return ENXIO;
    if ((flags & WK_OPEN_DIRECT) == 0)
        return 0;
    int code = make_direct(fd);
    return code == EINVAL ? EOPNOTSUPP : code;
}

/* A descriptor, or minus the error number. */
static int open_file(struct wk_dir *dir, const char *name, uint32_t flags) {
    int fd;
    do {
        fd = openat(dir->fd, name, open_flags(flags), 0600);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -errno;
    int code = check_open(fd, flags);
    if (code == 0)
        return fd;
    close(fd);
    /* A failed call leaves nothing behind; without EXCLUSIVE we cannot know whose file it is. */
    if ((flags & WK_OPEN_EXCLUSIVE) != 0)
        unlinkat(dir->fd, name, 0);
    return -code;
}

static enum wk_status files_open(struct wk_env *env, struct wk_dir *dir, const char *name,
                                 uint32_t flags, struct wk_file **out, struct wk_error *err) {
    enum wk_status status = wk_posix_check_name(err, "open", name);
    if (status != WK_OK)
        return status;
    bool access = (flags & (WK_OPEN_READ | WK_OPEN_WRITE)) != 0;
    bool lonely = (flags & WK_OPEN_EXCLUSIVE) != 0 && (flags & WK_OPEN_CREATE) == 0;
    if (!access || lonely || (flags & ~(uint32_t)KNOWN_FLAGS) != 0)
        return wk_posix_fail_as(err, WK_INVALID, "open", name, "the flags do not fit together");
    size_t name_size = strlen(name) + 1;
    struct wk_file *file = wk_alloc(env, WK_MEM_HANDLE, sizeof *file + name_size);
    if (file == NULL)
        return wk_posix_fail(err, ENOMEM, "open", name);
    file->name_size = name_size;
    file->locked = false;
    memcpy(file->name, name, name_size);
    file->fd = open_file(dir, name, flags);
    if (file->fd < 0) {
        int code = -file->fd;
        wk_release(env, WK_MEM_HANDLE, file, sizeof *file + name_size);
        return wk_posix_fail(err, code, "open", name);
    }
    *out = file;
    return WK_OK;
}

static void files_close(struct wk_env *env, struct wk_file *file) {
    /* A child that the host forked meanwhile has the same open file: without this it would keep the
     * lock for as long as it lives. */
    if (file->locked)
        (void)flock(file->fd, LOCK_UN);
    close(file->fd);
    wk_release(env, WK_MEM_HANDLE, file, sizeof *file + file->name_size);
}

static enum wk_status files_file_info(struct wk_env *env, struct wk_file *file,
                                      struct wk_file_info *out, struct wk_error *err) {
    (void)env;
    struct stat st;
    if (fstat(file->fd, &st) != 0)
        return wk_posix_fail(err, errno, "look at", file->name);
    wk_posix_file_info(&st, out);
    return WK_OK;
}

/* ---- bytes ------------------------------------------------------------------------------- */

static enum wk_status files_pread(struct wk_env *env, struct wk_file *file, void *to, size_t size,
                                  uint64_t offset, size_t *out_size, struct wk_error *err) {
    (void)env;
    if (offset > INT64_MAX || size > INT64_MAX - offset)
        return wk_posix_fail(err, EINVAL, "read", file->name);
    size_t at = 0;
    while (at < size) {
        size_t part = size - at < PASS_BYTES ? size - at : PASS_BYTES;
        ssize_t got = pread(file->fd, (uint8_t *)to + at, part, (off_t)(offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EIO)
            return wk_posix_fail_as(err, WK_CORRUPT, "read", file->name,
                                    "the device cannot read it back (EIO)");
        if (got < 0)
            return wk_posix_fail(err, errno, "read", file->name);
        if (got == 0)
            break;
        at += (size_t)got;
    }
    *out_size = at;
    return WK_OK;
}

/*
 * A file that would pass the process's limit of file sizes: the kernel would raise SIGXFSZ, which
 * ends a host that does not expect it, so the limit is looked at before. 0 or an error number.
 */
static int check_size_limit(uint64_t end) {
    struct rlimit limit;
    if (end > INT64_MAX)
        return EFBIG;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return 0;
    return end > limit.rlim_cur ? EFBIG : 0;
}

size_t wk_posix_gather_next(const struct wk_posix_gather *g, struct iovec *pieces, size_t capacity,
                            size_t bytes_max) {
    size_t used = 0;
    size_t bytes = 0;
    size_t inside = g->inside;
    for (size_t i = g->span; i < g->count && used < capacity && bytes < bytes_max; i++) {
        size_t size = g->spans[i].size - inside;
        if (size > bytes_max - bytes)
            size = bytes_max - bytes;
        if (size > 0) {
            pieces[used].iov_base = (uint8_t *)(uintptr_t)g->spans[i].data + inside;
            pieces[used].iov_len = size;
            used++;
            bytes += size;
        }
        inside = 0;
    }
    return used;
}

void wk_posix_gather_advance(struct wk_posix_gather *g, size_t bytes) {
    while (bytes > 0) {
        size_t left = g->spans[g->span].size - g->inside;
        if (bytes < left) {
            g->inside += bytes;
            return;
        }
        bytes -= left;
        g->span++;
        g->inside = 0;
    }
}

static enum wk_status files_pwrite(struct wk_env *env, struct wk_file *file,
                                   const struct wk_span *spans, size_t count, uint64_t offset,
                                   struct wk_error *err) {
    (void)env;
    uint64_t end = offset;
    for (size_t i = 0; i < count; i++)
        end = spans[i].size > UINT64_MAX - end ? UINT64_MAX : end + spans[i].size;
    int code = check_size_limit(end);
    struct wk_posix_gather g = {.spans = spans, .count = count};
    while (code == 0 && offset < end) {
        struct iovec pieces[PIECES_MAX];
        size_t used = wk_posix_gather_next(&g, pieces, PIECES_MAX, PASS_BYTES);
        ssize_t done = pwritev(file->fd, pieces, (int)used, (off_t)offset);
        if (done > 0) {
            wk_posix_gather_advance(&g, (size_t)done);
            offset += (uint64_t)done;
        } else if (done == 0) {
            code = EIO; /* no file system says so for a regular file; never turn for ever */
        } else if (errno != EINTR) {
            code = errno;
        }
    }
    return code == 0 ? WK_OK : wk_posix_fail(err, code, "write", file->name);
}

static int sync_fd(int fd) {
#if defined(__APPLE__)
    if (fcntl(fd, F_FULLFSYNC) == 0) /* fsync alone stops at the drive's cache there */
        return 0;
    return fsync(fd);
#else
    return fdatasync(fd);
#endif
}

static enum wk_status files_sync(struct wk_env *env, struct wk_file *file, struct wk_error *err) {
    (void)env;
    while (sync_fd(file->fd) != 0) {
        if (errno != EINTR)
            return wk_posix_fail(err, errno, "sync", file->name);
    }
    return WK_OK;
}

static enum wk_status files_truncate(struct wk_env *env, struct wk_file *file, uint64_t size_bytes,
                                     struct wk_error *err) {
    (void)env;
    int code = check_size_limit(size_bytes);
    while (code == 0 && ftruncate(file->fd, (off_t)size_bytes) != 0) {
        if (errno != EINTR)
            code = errno;
    }
    return code == 0 ? WK_OK : wk_posix_fail(err, code, "truncate", file->name);
}

/* Makes the blocks and, if the file is shorter, its size: 0 or an error number. */
static int allocate(int fd, uint64_t size_bytes) {
#if defined(__linux__)
    return fallocate(fd, 0, 0, (off_t)size_bytes) == 0 ? 0 : errno;
#elif defined(__APPLE__)
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    if ((uint64_t)st.st_size >= size_bytes)
        return 0;
    fstore_t more = {F_ALLOCATEALL, F_PEOFPOSMODE, 0, (off_t)size_bytes - st.st_size, 0};
    if (fcntl(fd, F_PREALLOCATE, &more) != 0)
        return errno;
    return ftruncate(fd, (off_t)size_bytes) == 0 ? 0 : errno;
#else
    return posix_fallocate(fd, 0, (off_t)size_bytes);
#endif
}

static enum wk_status files_preallocate(struct wk_env *env, struct wk_file *file,
                                        uint64_t size_bytes, struct wk_error *err) {
    (void)env;
    if (size_bytes == 0)
        return WK_OK;
    int code = check_size_limit(size_bytes);
    if (code == 0) {
        do {
            code = allocate(file->fd, size_bytes);
        } while (code == EINTR);
    }
    return code == 0 ? WK_OK : wk_posix_fail(err, code, "reserve space for", file->name);
}

static enum wk_status files_lock(struct wk_env *env, struct wk_file *file, struct wk_error *err) {
    (void)env;
    /* flock belongs to the open file, not to the process: two opens of one process conflict, and
     * closing an unrelated descriptor of the same file does not drop it as POSIX locks would. */
    while (flock(file->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return wk_posix_fail_as(err, WK_CONFLICT, "lock", file->name,
                                    "somebody else holds the lock");
        if (errno != EINTR)
            return wk_posix_fail(err, errno, "lock", file->name);
    }
    file->locked = true;
    return WK_OK;
}

const struct wk_env_files wk_posix_files = {
    .dir_open = wk_posix_dir_open,
    .dir_close = wk_posix_dir_close,
    .dir_sync = wk_posix_dir_sync,
    .dir_list = wk_posix_dir_list,
    .dir_remove = wk_posix_dir_remove,
    .free_space = wk_posix_free_space,
    .info = wk_posix_info,
    .rename = wk_posix_rename,
    .rename_new = wk_posix_rename_new,
    .remove = wk_posix_remove,
    .open = files_open,
    .close = files_close,
    .file_info = files_file_info,
    .pread = files_pread,
    .pwrite = files_pwrite,
    .sync = files_sync,
    .truncate = files_truncate,
    .preallocate = files_preallocate,
    .lock = files_lock,
};
