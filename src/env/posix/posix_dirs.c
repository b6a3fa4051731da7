/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories and names. Every call works from an open directory and one checked component, with
 * the flags that stop the kernel from following a link: what somebody else plants beside our names
 * can make a call fail, never reach another place.
 */
#include "env/posix/posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static bool is_dots(const char *name) {
    return name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
}

enum wk_status wk_posix_check_name(struct wk_error *err, const char *what, const char *name) {
    if (name[0] != 0 && strchr(name, '/') == NULL && !is_dots(name))
        return WK_OK;
    return wk_posix_fail_as(err, WK_INVALID, what, name, "not the name of one directory entry");
}

/* ---- directories ------------------------------------------------------------------------- */

/*
 * Copies an absolute path without the slashes at its end: behind "link/" the kernel would follow
 * the link in spite of O_NOFOLLOW. The last component is held to the rule of all other names.
 */
static enum wk_status clean_path(const char *path, char to[PATH_MAX], struct wk_error *err) {
    if (path[0] != '/')
        return wk_posix_fail_as(err, WK_INVALID, "open", path, "the path is not absolute");
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length >= PATH_MAX)
        return wk_posix_fail(err, ENAMETOOLONG, "open", path);
    memcpy(to, path, length);
    to[length] = 0;
    if (length > 1)
        return wk_posix_check_name(err, "open", strrchr(to, '/') + 1);
    return WK_OK;
}

/* The kernel says "not a directory" for a link too; a person wants to know which it was. */
static int open_error(int at, const char *path) {
    int code = errno;
    struct stat st;
    if (code == ENOTDIR && fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
        return ELOOP;
    return code;
}

/* A descriptor, or minus the error number. */
static int open_directory(int at, const char *path, uint32_t flags) {
    bool create = (flags & WK_OPEN_CREATE) != 0;
    bool exclusive = create && (flags & WK_OPEN_EXCLUSIVE) != 0;
    if (!exclusive) {
        int fd = openat(at, path, DIRECTORY_FLAGS);
        if (fd >= 0)
            return fd;
        if (errno != ENOENT || !create)
            return -open_error(at, path);
    }
    /* Somebody may make it between our two calls: that is as good as having made it. */
    if (mkdirat(at, path, 0700) != 0 && (exclusive || errno != EEXIST))
        return -errno;
    int fd = openat(at, path, DIRECTORY_FLAGS);
    return fd >= 0 ? fd : -open_error(at, path);
}

enum wk_status wk_posix_dir_open(struct wk_env *env, struct wk_dir *parent, const char *name,
                                 uint32_t flags, struct wk_dir **out, struct wk_error *err) {
    char path[PATH_MAX];
    int at = AT_FDCWD;
    enum wk_status status;
    if (parent == NULL) {
        status = clean_path(name, path, err);
        name = path;
    } else {
        status = wk_posix_check_name(err, "open", name);
        at = parent->fd;
    }
    if (status != WK_OK)
        return status;
    struct wk_dir *dir = wk_alloc(env, WK_MEM_HANDLE, sizeof *dir);
    if (dir == NULL)
        return wk_posix_fail(err, ENOMEM, "open", name);
    dir->fd = open_directory(at, name, flags);
    if (dir->fd < 0) {
        int code = -dir->fd;
        wk_release(env, WK_MEM_HANDLE, dir, sizeof *dir);
        return wk_posix_fail(err, code, "open", name);
    }
    *out = dir;
    return WK_OK;
}

void wk_posix_dir_close(struct wk_env *env, struct wk_dir *dir) {
    close(dir->fd);
    wk_release(env, WK_MEM_HANDLE, dir, sizeof *dir);
}

enum wk_status wk_posix_dir_sync(struct wk_env *env, struct wk_dir *dir, struct wk_error *err) {
    (void)env;
    while (fsync(dir->fd) != 0) {
        /* File systems whose names are not ours to sync (some network ones) say EINVAL. */
        if (errno == EINVAL || errno == ENOTSUP)
            return WK_OK;
        if (errno != EINTR)
            return wk_posix_fail(err, errno, "sync a directory", NULL);
    }
    return WK_OK;
}

static enum wk_file_kind kind_of_mode(mode_t mode) {
    if (S_ISREG(mode))
        return WK_FILE_REGULAR;
    return S_ISDIR(mode) ? WK_FILE_DIRECTORY : WK_FILE_OTHER;
}

/* False: the entry went away meanwhile. */
static bool kind_of_entry(int at, const struct dirent *entry, enum wk_file_kind *out) {
    struct stat st;
    switch (entry->d_type) {
    case DT_REG:
        *out = WK_FILE_REGULAR;
        return true;
    case DT_DIR:
        *out = WK_FILE_DIRECTORY;
        return true;
    case DT_UNKNOWN:
        if (fstatat(at, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            return false;
        *out = kind_of_mode(st.st_mode);
        return true;
    default:
        *out = WK_FILE_OTHER;
        return true;
    }
}

enum wk_status wk_posix_dir_list(struct wk_env *env, struct wk_dir *dir,
                                 bool (*each)(void *ctx, const char *name, enum wk_file_kind kind),
                                 void *ctx, struct wk_error *err) {
    (void)env;
    /* A descriptor of its own, hence a position of its own: lists may run at the same time. */
    int fd = openat(dir->fd, ".", DIRECTORY_FLAGS);
    if (fd < 0)
        return wk_posix_fail(err, errno, "list a directory", NULL);
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        int code = errno;
        close(fd);
        return wk_posix_fail(err, code, "list a directory", NULL);
    }
    int code = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            code = errno;
            break;
        }
        enum wk_file_kind kind;
        if (is_dots(entry->d_name) || !kind_of_entry(fd, entry, &kind))
            continue;
        if (!each(ctx, entry->d_name, kind))
            break;
    }
    closedir(stream);
    return code == 0 ? WK_OK : wk_posix_fail(err, code, "list a directory", NULL);
}

enum wk_status wk_posix_dir_remove(struct wk_env *env, struct wk_dir *parent, const char *name,
                                   struct wk_error *err) {
    (void)env;
    enum wk_status status = wk_posix_check_name(err, "remove", name);
    if (status != WK_OK)
        return status;
    if (unlinkat(parent->fd, name, AT_REMOVEDIR) == 0)
        return WK_OK;
    return wk_posix_fail(err, errno, "remove", name);
}

enum wk_status wk_posix_free_space(struct wk_env *env, struct wk_dir *dir, uint64_t *out_bytes,
                                   struct wk_error *err) {
    (void)env;
    struct statvfs st;
    while (fstatvfs(dir->fd, &st) != 0) {
        if (errno != EINTR)
            return wk_posix_fail(err, errno, "ask for the free space", NULL);
    }
    uint64_t unit = st.f_frsize > 0 ? st.f_frsize : st.f_bsize;
    uint64_t blocks = st.f_bavail;
    *out_bytes = unit != 0 && blocks > UINT64_MAX / unit ? UINT64_MAX : blocks * unit;
    return WK_OK;
}

/* ---- names ------------------------------------------------------------------------------- */

void wk_posix_file_info(const struct stat *st, struct wk_file_info *out) {
#if defined(__APPLE__)
    struct timespec modified = st->st_mtimespec;
#else
    struct timespec modified = st->st_mtim;
#endif
    *out = (struct wk_file_info){
        .kind = kind_of_mode(st->st_mode),
        .size_bytes = (uint64_t)st->st_size,
        .inode = (uint64_t)st->st_ino,
        .others_may_read = (st->st_mode & S_IROTH) != 0,
    };
    if (modified.tv_sec >= 0)
        out->modified_ns = (uint64_t)modified.tv_sec * WK_NS_PER_S + (uint64_t)modified.tv_nsec;
}

enum wk_status wk_posix_info(struct wk_env *env, struct wk_dir *dir, const char *name,
                             struct wk_file_info *out, struct wk_error *err) {
    (void)env;
    enum wk_status status = wk_posix_check_name(err, "look at", name);
    if (status != WK_OK)
        return status;
    struct stat st;
    if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return wk_posix_fail(err, errno, "look at", name);
    wk_posix_file_info(&st, out);
    return WK_OK;
}

static enum wk_status check_names(struct wk_error *err, const char *from, const char *to) {
    enum wk_status status = wk_posix_check_name(err, "rename", from);
    return status == WK_OK ? wk_posix_check_name(err, "rename to", to) : status;
}

enum wk_status wk_posix_rename(struct wk_env *env, struct wk_dir *from_dir, const char *from,
                               struct wk_dir *to_dir, const char *to, struct wk_error *err) {
    (void)env;
    enum wk_status status = check_names(err, from, to);
    if (status != WK_OK)
        return status;
    if (renameat(from_dir->fd, from, to_dir->fd, to) == 0)
        return WK_OK;
    return wk_posix_fail(err, errno, "rename", from);
}

int wk_posix_rename_new_link(int from_dir, const char *from, int to_dir, const char *to) {
    if (linkat(from_dir, from, to_dir, to, 0) != 0)
        return errno;
    if (unlinkat(from_dir, from, 0) == 0)
        return 0;
    int code = errno;
    unlinkat(to_dir, to, 0);
    return code;
}

int wk_posix_rename_new_at(int from_dir, const char *from, int to_dir, const char *to) {
#if defined(__APPLE__)
    int code = renameatx_np(from_dir, from, to_dir, to, RENAME_EXCL) == 0 ? 0 : errno;
#elif defined(__linux__)
    const unsigned noreplace = 1; /* RENAME_NOREPLACE; not in every C library's headers */
    long done = syscall(SYS_renameat2, from_dir, from, to_dir, to, noreplace);
    int code = done == 0 ? 0 : errno;
#else
    int code = ENOSYS;
#endif
    if (code == ENOSYS || code == EINVAL || code == ENOTSUP)
        return wk_posix_rename_new_link(from_dir, from, to_dir, to);
    return code;
}

enum wk_status wk_posix_rename_new(struct wk_env *env, struct wk_dir *from_dir, const char *from,
                                   struct wk_dir *to_dir, const char *to, struct wk_error *err) {
    (void)env;
    enum wk_status status = check_names(err, from, to);
    if (status != WK_OK)
        return status;
    int code = wk_posix_rename_new_at(from_dir->fd, from, to_dir->fd, to);
    if (code == 0)
        return WK_OK;
    return code == EEXIST ? wk_posix_fail(err, code, "rename to", to)
                          : wk_posix_fail(err, code, "rename", from);
}

enum wk_status wk_posix_remove(struct wk_env *env, struct wk_dir *dir, const char *name,
                               struct wk_error *err) {
    (void)env;
    enum wk_status status = wk_posix_check_name(err, "remove", name);
    if (status != WK_OK)
        return status;
    if (unlinkat(dir->fd, name, 0) == 0)
        return WK_OK;
    return wk_posix_fail(err, errno, "remove", name);
}
