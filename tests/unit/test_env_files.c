/* SPDX-License-Identifier: Apache-2.0 */
/* files of the POSIX environment. */
#include "unit/cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env/posix/posix.h"

#define RW (WK_OPEN_READ | WK_OPEN_WRITE)

static struct wk_env *env;
static const struct wk_env_files *files;
static char root_path[PATH_MAX];
static struct wk_dir *root;
static struct wk_error err;

/* Every test has an empty directory of its own, and must close what it opens. */
static uint64_t open_bytes;

static int make_root(void **state) {
    (void)state;
    open_bytes = env->mem->in_use(env, WK_MEM_HANDLE);
    const char *base = getenv("TMPDIR");
    snprintf(root_path, sizeof root_path, "%s/wk-test-files-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(root_path) == NULL)
        return -1;
    wk_error_clear(&err);
    return files->dir_open(env, NULL, root_path, 0, &root, &err) == WK_OK ? 0 : -1;
}

static bool remove_one(void *ctx, const char *name, enum wk_file_kind kind) {
    struct wk_dir *dir = ctx;
    if (kind == WK_FILE_DIRECTORY)
        assert_int_equal(files->dir_remove(env, dir, name, NULL), WK_OK);
    else
        assert_int_equal(files->remove(env, dir, name, NULL), WK_OK);
    return true;
}

static int drop_root(void **state) {
    (void)state;
    if (files->dir_list(env, root, remove_one, root, &err) != WK_OK)
        return -1;
    files->dir_close(env, root);
    if (env->mem->in_use(env, WK_MEM_HANDLE) != open_bytes)
        return -1;
    return rmdir(root_path);
}

static struct wk_file *open_ok(const char *name, uint32_t flags) {
    struct wk_file *file = NULL;
    enum wk_status status = files->open(env, root, name, flags, &file, &err);
    if (status != WK_OK)
        print_message("%s\n", err.text);
    assert_int_equal(status, WK_OK);
    return file;
}

static void put_text(const char *name, const char *text) {
    struct wk_file *file = open_ok(name, WK_OPEN_WRITE | WK_OPEN_CREATE);
    struct wk_span span = wk_span_text(text);
    assert_int_equal(files->truncate(env, file, 0, &err), WK_OK);
    assert_int_equal(files->pwrite(env, file, &span, 1, 0, &err), WK_OK);
    files->close(env, file);
}

static void expect_text(const char *name, const char *text) {
    struct wk_file *file = open_ok(name, WK_OPEN_READ);
    char bytes[64] = {0};
    size_t size = 0;
    assert_int_equal(files->pread(env, file, bytes, sizeof bytes - 1, 0, &size, &err), WK_OK);
    assert_string_equal(bytes, text);
    assert_int_equal(size, strlen(text));
    files->close(env, file);
}

static enum wk_status open_status(const char *name, uint32_t flags) {
    struct wk_file *file = NULL;
    enum wk_status status = files->open(env, root, name, flags, &file, &err);
    if (status == WK_OK)
        files->close(env, file);
    else
        assert_null(file);
    return status;
}

static enum wk_status dir_status(struct wk_dir *parent, const char *name, uint32_t flags) {
    struct wk_dir *dir = NULL;
    enum wk_status status = files->dir_open(env, parent, name, flags, &dir, &err);
    if (status == WK_OK)
        files->dir_close(env, dir);
    else
        assert_null(dir);
    return status;
}

static void create_and_exclusive_say_what_was_there(void **state) {
    (void)state; /* ENV-70 ENV-71 ENV-72 */
    assert_int_equal(open_status("a", RW), WK_MISS);
    assert_string_equal(err.text, "open \"a\": No such file or directory (ENOENT)");
    assert_int_equal(open_status("a", RW | WK_OPEN_CREATE), WK_OK);
    assert_int_equal(open_status("a", RW | WK_OPEN_CREATE), WK_OK);
    assert_int_equal(open_status("a", RW | WK_OPEN_CREATE | WK_OPEN_EXCLUSIVE), WK_CONFLICT);
    assert_int_equal(open_status("b", RW | WK_OPEN_CREATE | WK_OPEN_EXCLUSIVE), WK_OK);
    assert_int_equal(open_status("b", 0), WK_INVALID);
    assert_int_equal(open_status("b", WK_OPEN_CREATE), WK_INVALID);
    assert_int_equal(open_status("c", RW | WK_OPEN_EXCLUSIVE), WK_INVALID);
    assert_int_equal(open_status("b", RW | 1024), WK_INVALID);
    struct stat st;
    char path[PATH_MAX + 8];
    snprintf(path, sizeof path, "%s/a", root_path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void names_with_slashes_dots_or_nothing_are_refused(void **state) {
    (void)state; /* ENV-73 */
    static const char *const bad[] = {"", ".", "..", "/", "a/b", "/tmp", "a/", "../a"};
    put_text("a", "x");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct wk_file_info info = {.size_bytes = 77};
        assert_int_equal(open_status(bad[i], RW | WK_OPEN_CREATE), WK_INVALID);
        assert_int_equal(dir_status(root, bad[i], WK_OPEN_CREATE), WK_INVALID);
        assert_int_equal(files->info(env, root, bad[i], &info, &err), WK_INVALID);
        assert_int_equal(info.size_bytes, 77);
        assert_int_equal(files->remove(env, root, bad[i], &err), WK_INVALID);
        assert_int_equal(files->dir_remove(env, root, bad[i], &err), WK_INVALID);
        assert_int_equal(files->rename(env, root, "a", root, bad[i], &err), WK_INVALID);
        assert_int_equal(files->rename(env, root, bad[i], root, "z", &err), WK_INVALID);
        assert_int_equal(files->rename_new(env, root, "a", root, bad[i], &err), WK_INVALID);
        assert_int_equal(files->rename_new(env, root, bad[i], root, "z", &err), WK_INVALID);
    }
    assert_string_equal(err.text, "rename \"../a\": not the name of one directory entry");
    char big[300];
    memset(big, 'n', sizeof big - 1);
    big[sizeof big - 1] = 0;
    assert_int_equal(open_status(big, RW | WK_OPEN_CREATE), WK_INVALID);
    expect_text("a", "x");
    /* Dots that are part of a name are a name. */
    assert_int_equal(open_status("...", RW | WK_OPEN_CREATE), WK_OK);
    assert_int_equal(open_status("..a", RW | WK_OPEN_CREATE), WK_OK);
    assert_int_equal(open_status("\"\n\xff", RW | WK_OPEN_CREATE), WK_OK);
}

static void root_directories_are_absolute_and_not_links(void **state) {
    (void)state; /* ENV-74 ENV-75 */
    char path[PATH_MAX + 32];
    static const char *const bad[] = {"", "tmp", "./tmp", "../tmp"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(dir_status(NULL, bad[i], 0), WK_INVALID);
    assert_int_equal(dir_status(NULL, "/", 0), WK_OK);
    assert_int_equal(dir_status(NULL, "//", 0), WK_OK);
    snprintf(path, sizeof path, "%s/", root_path);
    assert_int_equal(dir_status(NULL, path, 0), WK_OK);
    snprintf(path, sizeof path, "%s/..", root_path);
    assert_int_equal(dir_status(NULL, path, 0), WK_INVALID);
    snprintf(path, sizeof path, "%s/link", root_path);
    assert_int_equal(symlink(root_path, path), 0);
    assert_int_equal(dir_status(NULL, path, 0), WK_DENIED);
    assert_non_null(strstr(err.text, "link"));
    static const char *const tails[] = {"/link/", "/link//", "/link/."};
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        snprintf(path, sizeof path, "%s%s", root_path, tails[i]);
        assert_int_not_equal(dir_status(NULL, path, WK_OPEN_CREATE), WK_OK);
    }
    /* A link on the way is the operator's business. */
    put_text("file", "");
    assert_int_equal(dir_status(root, "sub", WK_OPEN_CREATE), WK_OK);
    snprintf(path, sizeof path, "%s/link/sub", root_path);
    assert_int_equal(dir_status(NULL, path, 0), WK_OK);
    char *long_path = malloc(2 * PATH_MAX);
    memset(long_path, '/', 2 * PATH_MAX);
    long_path[2 * PATH_MAX - 2] = 'x';
    long_path[2 * PATH_MAX - 1] = 0;
    assert_int_equal(dir_status(NULL, long_path, 0), WK_INVALID);
    free(long_path);
}

static void directories_are_made_one_level_at_a_time(void **state) {
    (void)state; /* ENV-76 */
    assert_int_equal(dir_status(root, "d", 0), WK_MISS);
    assert_int_equal(dir_status(root, "d", WK_OPEN_CREATE), WK_OK);
    assert_int_equal(dir_status(root, "d", WK_OPEN_CREATE), WK_OK);
    assert_int_equal(dir_status(root, "d", WK_OPEN_CREATE | WK_OPEN_EXCLUSIVE), WK_CONFLICT);
    assert_int_equal(dir_status(root, "e", WK_OPEN_CREATE | WK_OPEN_EXCLUSIVE), WK_OK);
    struct stat st;
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/d", root_path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    snprintf(path, sizeof path, "%s/x/y", root_path);
    assert_int_equal(dir_status(NULL, path, WK_OPEN_CREATE), WK_MISS);
    put_text("file", "x");
    assert_int_equal(dir_status(root, "file", WK_OPEN_CREATE), WK_INVALID);
    assert_int_equal(open_status("d", RW), WK_INVALID);
    assert_int_equal(open_status("d", WK_OPEN_READ), WK_INVALID);
    assert_int_equal(files->dir_sync(env, root, &err), WK_OK);
}

static void links_are_never_followed(void **state) {
    (void)state; /* ENV-77 */
    char path[PATH_MAX + 32];
    put_text("target", "kept");
    assert_int_equal(dir_status(root, "real", WK_OPEN_CREATE), WK_OK);
    snprintf(path, sizeof path, "%s/link", root_path);
    assert_int_equal(symlink("target", path), 0);
    snprintf(path, sizeof path, "%s/dlink", root_path);
    assert_int_equal(symlink("real", path), 0);
    snprintf(path, sizeof path, "%s/dangling", root_path);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_int_equal(open_status("link", WK_OPEN_READ), WK_DENIED);
    assert_int_equal(open_status("link", RW | WK_OPEN_CREATE), WK_DENIED);
    assert_int_equal(open_status("dangling", RW | WK_OPEN_CREATE), WK_DENIED);
    assert_int_equal(dir_status(root, "dlink", 0), WK_DENIED);
    assert_int_equal(dir_status(root, "dlink", WK_OPEN_CREATE), WK_DENIED);
    struct wk_file_info info;
    assert_int_equal(files->info(env, root, "link", &info, &err), WK_OK);
    assert_int_equal(info.kind, WK_FILE_OTHER);
    /* The link itself is what is renamed, replaced and removed. */
    assert_int_equal(files->rename(env, root, "link", root, "moved", &err), WK_OK);
    put_text("new", "new");
    assert_int_equal(files->rename(env, root, "new", root, "moved", &err), WK_OK);
    expect_text("moved", "new");
    expect_text("target", "kept");
    assert_int_equal(files->remove(env, root, "dlink", &err), WK_OK);
    assert_int_equal(dir_status(root, "real", 0), WK_OK);
}

static void only_regular_files_open(void **state) {
    (void)state; /* ENV-78 */
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/pipe", root_path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(open_status("pipe", WK_OPEN_READ), WK_INVALID); /* and does not hang */
    assert_int_equal(open_status("pipe", WK_OPEN_WRITE), WK_INVALID);
    assert_int_equal(open_status("pipe", RW), WK_INVALID);
}

static void rename_replaces_and_rename_new_does_not(void **state) {
    (void)state; /* ENV-80 ENV-81 */
    put_text("a", "A");
    put_text("b", "B");
    assert_int_equal(files->rename_new(env, root, "a", root, "b", &err), WK_CONFLICT);
    assert_string_equal(err.text, "rename to \"b\": File exists (EEXIST)");
    expect_text("a", "A");
    expect_text("b", "B");
    assert_int_equal(files->rename(env, root, "a", root, "b", &err), WK_OK);
    expect_text("b", "A");
    assert_int_equal(open_status("a", WK_OPEN_READ), WK_MISS);
    struct wk_dir *sub = NULL;
    assert_int_equal(files->dir_open(env, root, "sub", WK_OPEN_CREATE, &sub, &err), WK_OK);
    assert_int_equal(files->rename_new(env, root, "b", sub, "c", &err), WK_OK);
    assert_int_equal(open_status("b", WK_OPEN_READ), WK_MISS);
    assert_int_equal(files->rename_new(env, sub, "c", root, "b", &err), WK_OK);
    files->dir_close(env, sub);
    expect_text("b", "A");
    assert_int_equal(files->rename(env, root, "no", root, "b", &err), WK_MISS);
    assert_int_equal(files->rename_new(env, root, "no", root, "n", &err), WK_MISS);
    expect_text("b", "A");
}

static void rename_new_by_links_is_as_strict(void **state) {
    (void)state; /* ENV-81 */
    put_text("a", "A");
    put_text("b", "B");
    assert_int_equal(wk_posix_rename_new_link(root->fd, "a", root->fd, "b"), EEXIST);
    assert_int_equal(wk_posix_rename_new_link(root->fd, "a", root->fd, "c"), 0);
    assert_int_equal(wk_posix_rename_new_link(root->fd, "a", root->fd, "d"), ENOENT);
    expect_text("c", "A");
    expect_text("b", "B");
    assert_int_equal(open_status("a", WK_OPEN_READ), WK_MISS);
}

static void removal_knows_files_from_directories(void **state) {
    (void)state; /* ENV-82 */
    struct wk_dir *sub = NULL;
    assert_int_equal(files->dir_open(env, root, "sub", WK_OPEN_CREATE, &sub, &err), WK_OK);
    struct wk_file *file = NULL;
    assert_int_equal(files->open(env, sub, "f", RW | WK_OPEN_CREATE, &file, &err), WK_OK);
    assert_int_equal(files->dir_remove(env, root, "sub", &err), WK_CONFLICT);
    assert_int_equal(files->remove(env, root, "sub", &err), WK_INVALID);
    assert_int_equal(files->dir_remove(env, sub, "f", &err), WK_INVALID);
    assert_int_equal(files->remove(env, sub, "f", &err), WK_OK);
    assert_int_equal(files->remove(env, sub, "f", &err), WK_MISS);
    /* An open file outlives its name. */
    struct wk_span span = wk_span_text("still here");
    assert_int_equal(files->pwrite(env, file, &span, 1, 0, &err), WK_OK);
    files->close(env, file);
    files->dir_close(env, sub);
    assert_int_equal(files->dir_remove(env, root, "sub", &err), WK_OK);
    assert_int_equal(files->dir_remove(env, root, "sub", &err), WK_MISS);
}

static void reads_end_at_the_end_of_the_file(void **state) {
    (void)state; /* ENV-85 */
    put_text("a", "0123456789");
    struct wk_file *file = open_ok("a", RW);
    char bytes[16];
    size_t size = 99;
    assert_int_equal(files->pread(env, file, bytes, 4, 8, &size, &err), WK_OK);
    assert_int_equal(size, 2);
    assert_memory_equal(bytes, "89", 2);
    assert_int_equal(files->pread(env, file, bytes, 4, 10, &size, &err), WK_OK);
    assert_int_equal(size, 0);
    assert_int_equal(files->pread(env, file, bytes, 4, 1000000, &size, &err), WK_OK);
    assert_int_equal(size, 0);
    assert_int_equal(files->pread(env, file, bytes, 0, 3, &size, &err), WK_OK);
    assert_int_equal(size, 0);
    size = 99;
    assert_int_equal(files->pread(env, file, bytes, 4, UINT64_MAX, &size, &err), WK_INVALID);
    assert_int_equal(files->pread(env, file, bytes, 4, INT64_MAX - 4, &size, &err), WK_OK);
    assert_int_equal(size, 0);
    files->close(env, file);
    file = open_ok("a", WK_OPEN_WRITE);
    size = 99;
    assert_int_equal(files->pread(env, file, bytes, 4, 0, &size, &err), WK_INTERNAL);
    assert_int_equal(size, 99);
    files->close(env, file);
}

static void bytes_that_cannot_be_read_back_are_corrupt(void **state) {
    (void)state; /* ENV-98 */
#if defined(__linux__)
    /* A file that answers EIO on request: the process's own memory where nothing is mapped. */
    char path[64];
    snprintf(path, sizeof path, "/proc/%d", (int)getpid());
    struct wk_dir *proc = NULL;
    struct wk_file *file = NULL;
    assert_int_equal(files->dir_open(env, NULL, path, 0, &proc, &err), WK_OK);
    assert_int_equal(files->open(env, proc, "mem", RW, &file, &err), WK_OK);
    char byte = 0;
    size_t size = 99;
    assert_int_equal(files->pread(env, file, &byte, 1, 0, &size, &err), WK_CORRUPT);
    assert_int_equal(size, 99);
    assert_string_equal(err.text, "read \"mem\": the device cannot read it back (EIO)");
    struct wk_span span = wk_span(&byte, 1);
    assert_int_equal(files->pwrite(env, file, &span, 1, 0, &err), WK_UNAVAILABLE);
    files->close(env, file);
    files->dir_close(env, proc);
#else
    skip();
#endif
}

static void writes_gather_any_number_of_spans(void **state) {
    (void)state; /* ENV-86 */
    enum { SPANS = 3 * IOV_MAX + 5, BYTES = 8000 };
    static uint8_t bytes[BYTES];
    static struct wk_span spans[SPANS];
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    size_t at = 0;
    for (size_t i = 0; i < SPANS; i++) {
        size_t size = i % 5; /* empty ones among them */
        if (size > BYTES - at)
            size = BYTES - at;
        spans[i] = wk_span(size > 0 ? bytes + at : NULL, size);
        at += size;
    }
    struct wk_file *file = open_ok("a", RW | WK_OPEN_CREATE);
    assert_int_equal(files->pwrite(env, file, spans, SPANS, 3, &err), WK_OK);
    assert_int_equal(files->pwrite(env, file, spans, 0, 100, &err), WK_OK);
    assert_int_equal(files->pwrite(env, file, NULL, 0, 100, &err), WK_OK);
    static uint8_t back[BYTES + 10];
    size_t size = 0;
    assert_int_equal(files->pread(env, file, back, sizeof back, 0, &size, &err), WK_OK);
    assert_int_equal(size, at + 3);
    assert_memory_equal(back, "\0\0\0", 3);
    assert_memory_equal(back + 3, bytes, at);
    assert_int_equal(files->pwrite(env, file, spans, SPANS, UINT64_MAX - 5, &err), WK_NO_SPACE);
    assert_int_equal(files->sync(env, file, &err), WK_OK);
    files->close(env, file);
}

/* A kernel that takes `taken` bytes at a time, whatever it is given. */
static void partial_writes_go_on_where_they_stopped(void **state) {
    (void)state; /* ENV-86 */
    static const char text[] = "abcdefghijklmnopqrstuvwxyz";
    const struct wk_span spans[] = {wk_span(text, 0),     wk_span(text, 7),      wk_span(NULL, 0),
                                    wk_span(text + 7, 1), wk_span(text + 8, 18), wk_span(text, 0)};
    for (size_t taken = 1; taken <= 26; taken++) {
        for (size_t capacity = 1; capacity <= 4; capacity++) {
            struct wk_posix_gather g = {.spans = spans, .count = 6};
            char got[32] = "";
            size_t length = 0;
            while (length < 26) {
                struct iovec pieces[4];
                size_t used = wk_posix_gather_next(&g, pieces, capacity, 11);
                assert_in_range(used, 1, capacity);
                size_t left = taken;
                size_t given = 0;
                for (size_t i = 0; i < used && left > 0; i++) {
                    assert_in_range(pieces[i].iov_len, 1, 11);
                    size_t part = pieces[i].iov_len < left ? pieces[i].iov_len : left;
                    memcpy(got + length + given, pieces[i].iov_base, part);
                    given += part;
                    left -= part;
                }
                wk_posix_gather_advance(&g, given);
                length += given;
            }
            assert_string_equal(got, text);
            struct iovec none[1];
            assert_int_equal(wk_posix_gather_next(&g, none, 1, 11), 0);
        }
    }
}

static void sizes_follow_truncate_and_preallocate(void **state) {
    (void)state; /* ENV-87 ENV-88 */
    put_text("a", "0123456789");
    struct wk_file *file = open_ok("a", RW);
    struct wk_file_info info;
    assert_int_equal(files->truncate(env, file, 4, &err), WK_OK);
    assert_int_equal(files->file_info(env, file, &info, &err), WK_OK);
    assert_int_equal(info.size_bytes, 4);
    assert_int_equal(info.kind, WK_FILE_REGULAR);
    assert_true(info.modified_ns > 1600000000ull * WK_NS_PER_S);
    assert_int_equal(files->truncate(env, file, 8, &err), WK_OK);
    char grown[16];
    size_t grown_size = 0;
    assert_int_equal(files->pread(env, file, grown, sizeof grown, 0, &grown_size, &err), WK_OK);
    assert_int_equal(grown_size, 8);
    assert_memory_equal(grown, "0123\0\0\0\0", 8);
    assert_int_equal(files->truncate(env, file, UINT64_MAX, &err), WK_NO_SPACE);
    enum wk_status status = files->preallocate(env, file, 100000, &err);
    if (status == WK_UNAVAILABLE) {
        print_message("SKIPPED: %s\n", err.text);
    } else {
        assert_int_equal(status, WK_OK);
        assert_int_equal(files->file_info(env, file, &info, &err), WK_OK);
        assert_int_equal(info.size_bytes, 100000);
        struct stat st;
        assert_int_equal(fstat(file->fd, &st), 0);
        assert_true(st.st_blocks * 512 >= 100000);
        assert_int_equal(files->preallocate(env, file, 10, &err), WK_OK);
        assert_int_equal(files->preallocate(env, file, 0, &err), WK_OK);
        assert_int_equal(files->file_info(env, file, &info, &err), WK_OK);
        assert_int_equal(info.size_bytes, 100000);
        char bytes[5] = {1};
        size_t size;
        assert_int_equal(files->pread(env, file, bytes, 4, 0, &size, &err), WK_OK);
        assert_memory_equal(bytes, "0123", 4);
    }
    struct wk_file_info by_name;
    assert_int_equal(files->info(env, root, "a", &by_name, &err), WK_OK);
    assert_int_equal(by_name.inode, info.inode);
    put_text("b", "");
    assert_int_equal(files->rename(env, root, "b", root, "a", &err), WK_OK);
    assert_int_equal(files->info(env, root, "a", &by_name, &err), WK_OK);
    assert_int_not_equal(by_name.inode, info.inode);
    assert_int_equal(files->info(env, root, "no", &by_name, &err), WK_MISS);
    files->close(env, file);
}

static void direct_files_take_aligned_bytes_or_say_no(void **state) {
    (void)state; /* ENV-79 */
    struct wk_file *file = NULL;
    uint32_t flags = RW | WK_OPEN_CREATE | WK_OPEN_EXCLUSIVE | WK_OPEN_DIRECT;
    enum wk_status status = files->open(env, root, "direct", flags, &file, &err);
    if (status != WK_OK) {
        assert_int_equal(status, WK_UNAVAILABLE);
        /* Nothing was left behind. */
        assert_int_equal(open_status("direct", WK_OPEN_READ), WK_MISS);
        print_message("SKIPPED: %s\n", err.text);
        skip();
    }
    uint8_t *page = env->mem->map(env, WK_MEM_IO, 8192);
    memset(page, 7, 8192);
    struct wk_span span = wk_span(page, 8192);
    assert_int_equal(files->pwrite(env, file, &span, 1, 4096, &err), WK_OK);
    memset(page, 0, 8192);
    size_t size = 0;
    assert_int_equal(files->pread(env, file, page, 4096, 8192, &size, &err), WK_OK);
    assert_int_equal(size, 4096);
    assert_int_equal(page[4095], 7);
    files->close(env, file);
    env->mem->unmap(env, WK_MEM_IO, page, 8192);
}

static void a_lock_excludes_other_opens_of_the_same_process(void **state) {
    (void)state; /* ENV-90 */
    struct wk_file *a = open_ok("lock", RW | WK_OPEN_CREATE);
    struct wk_file *b = open_ok("lock", RW);
    assert_int_equal(files->lock(env, a, &err), WK_OK);
    assert_int_equal(files->lock(env, a, &err), WK_OK);
    assert_int_equal(files->lock(env, b, &err), WK_CONFLICT);
    assert_string_equal(err.text, "lock \"lock\": somebody else holds the lock");
    /* Closing another open of the same file must not drop it, as POSIX record locks would. */
    files->close(env, b);
    b = open_ok("lock", RW);
    assert_int_equal(files->lock(env, b, &err), WK_CONFLICT);
    files->close(env, a);
    assert_int_equal(files->lock(env, b, &err), WK_OK);
    files->close(env, b);
}

static void a_lock_excludes_other_processes_and_ends_with_its_holder(void **state) {
    (void)state; /* ENV-91 */
    open_status("lock", RW | WK_OPEN_CREATE);
    int ready[2];
    int go[2];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    pid_t child = fork();
    if (child == 0) {
        struct wk_file *mine = NULL;
        bool ok = files->open(env, root, "lock", RW, &mine, NULL) == WK_OK &&
                  files->lock(env, mine, NULL) == WK_OK;
        char byte = ok ? 'y' : 'n';
        bool told = write(ready[1], &byte, 1) == 1 && read(go[0], &byte, 1) == 1;
        _exit(told ? 0 : 1); /* without a close: death must be enough */
    }
    char byte = 0;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    struct wk_file *file = open_ok("lock", RW);
    assert_int_equal(files->lock(env, file, &err), WK_CONFLICT);
    assert_int_equal(write(go[1], "x", 1), 1);
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(files->lock(env, file, &err), WK_OK);
    files->close(env, file);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
}

static void a_lock_ends_with_its_close_though_a_forked_child_lives(void **state) {
    (void)state; /* ENV-91 */
    struct wk_file *held = open_ok("lock", RW | WK_OPEN_CREATE);
    assert_int_equal(files->lock(env, held, &err), WK_OK);
    pid_t child = fork(); /* has the same open file from now on */
    if (child == 0)
        for (;;)
            pause();
    files->close(env, held);
    struct wk_file *file = open_ok("lock", RW);
    assert_int_equal(files->lock(env, file, &err), WK_OK);
    files->close(env, file);
    int status = 0;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

struct listed {
    int files;
    int directories;
    int others;
    int stop_after;
    bool dots;
    struct wk_dir *nested; /* list it again for each name */
    int nested_names;
};

static bool count_nested(void *ctx, const char *name, enum wk_file_kind kind) {
    struct listed *listed = ctx;
    (void)name;
    (void)kind;
    listed->nested_names++;
    return true;
}

static bool count_listed(void *ctx, const char *name, enum wk_file_kind kind) {
    struct listed *listed = ctx;
    listed->files += kind == WK_FILE_REGULAR;
    listed->directories += kind == WK_FILE_DIRECTORY;
    listed->others += kind == WK_FILE_OTHER;
    listed->dots |= strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
    if (listed->nested != NULL)
        assert_int_equal(files->dir_list(env, listed->nested, count_nested, listed, &err), WK_OK);
    return listed->files + listed->directories + listed->others != listed->stop_after;
}

static void lists_show_each_name_once_and_may_nest(void **state) {
    (void)state; /* ENV-92 ENV-93 */
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        put_text(name, "");
    }
    assert_int_equal(dir_status(root, "d", WK_OPEN_CREATE), WK_OK);
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/l", root_path);
    assert_int_equal(symlink("d", path), 0);
    struct listed listed = {.nested = root};
    assert_int_equal(files->dir_list(env, root, count_listed, &listed, &err), WK_OK);
    assert_int_equal(listed.files, 20);
    assert_int_equal(listed.directories, 1);
    assert_int_equal(listed.others, 1);
    assert_false(listed.dots);
    assert_int_equal(listed.nested_names, 22 * 22);
    listed = (struct listed){.stop_after = 3};
    assert_int_equal(files->dir_list(env, root, count_listed, &listed, &err), WK_OK);
    assert_int_equal(listed.files + listed.directories + listed.others, 3);
}

static void descriptors_do_not_survive_an_exec(void **state) {
    (void)state; /* ENV-6 */
    struct wk_file *file = open_ok("a", RW | WK_OPEN_CREATE);
    assert_true((fcntl(file->fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true((fcntl(root->fd, F_GETFD) & FD_CLOEXEC) != 0);
    files->close(env, file);
}

static void a_table_of_open_files_that_is_full_is_unavailable(void **state) {
    (void)state; /* ENV-94 */
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);
    close(next);
    struct rlimit tight = {(rlim_t)next, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    enum wk_status file = open_status("a", RW | WK_OPEN_CREATE);
    enum wk_status dir = dir_status(NULL, root_path, 0);
    struct listed listed = {0};
    enum wk_status list = files->dir_list(env, root, count_listed, &listed, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(file, WK_UNAVAILABLE);
    assert_int_equal(dir, WK_UNAVAILABLE);
    assert_int_equal(list, WK_UNAVAILABLE);
    assert_non_null(strstr(err.text, "(EMFILE)"));
}

static void the_limit_of_file_sizes_is_an_error_not_a_signal(void **state) {
    (void)state; /* ENV-7 ENV-95 */
    pid_t child = fork();
    if (child == 0) {
        struct wk_file *file = NULL;
        struct rlimit tight = {1000, 1000};
        uint8_t bytes[600] = {0};
        struct wk_span spans[2] = {wk_span(bytes, 600), wk_span(bytes, 600)};
        bool ok = files->open(env, root, "a", RW | WK_OPEN_CREATE, &file, NULL) == WK_OK &&
                  setrlimit(RLIMIT_FSIZE, &tight) == 0 &&
                  files->pwrite(env, file, spans, 1, 0, NULL) == WK_OK &&
                  files->pwrite(env, file, spans, 2, 0, NULL) == WK_NO_SPACE &&
                  files->truncate(env, file, 2000, NULL) == WK_NO_SPACE &&
                  files->preallocate(env, file, 2000, NULL) == WK_NO_SPACE;
        _exit(ok ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0); /* SIGXFSZ would show here */
}

static void a_full_disk_is_no_space(void **state) {
    (void)state; /* ENV-96 */
    assert_int_equal(dir_status(root, "tiny", WK_OPEN_CREATE), WK_OK);
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/tiny", root_path);
    if (mount("tmpfs", path, "tmpfs", 0, "size=64k") != 0) {
        print_message("SKIPPED: may not mount a small file system here: %s\n", strerror(errno));
        skip();
    }
    struct wk_dir *tiny = NULL;
    struct wk_file *file = NULL;
    assert_int_equal(files->dir_open(env, root, "tiny", 0, &tiny, &err), WK_OK);
    uint64_t free_bytes = 0;
    assert_int_equal(files->free_space(env, tiny, &free_bytes, &err), WK_OK);
    assert_int_equal(free_bytes, 65536);
    assert_int_equal(files->open(env, tiny, "a", RW | WK_OPEN_CREATE, &file, &err), WK_OK);
    assert_int_equal(files->preallocate(env, file, 65537, &err), WK_NO_SPACE);
    static uint8_t bytes[40000];
    const struct wk_span spans[2] = {wk_span(bytes, sizeof bytes), wk_span(bytes, sizeof bytes)};
    assert_int_equal(files->truncate(env, file, 0, &err), WK_OK);
    assert_int_equal(files->pwrite(env, file, spans, 2, 0, &err), WK_NO_SPACE);
    assert_string_equal(err.text, "write \"a\": No space left on device (ENOSPC)");
    /* Reserved means that later writes inside have their place. */
    assert_int_equal(files->truncate(env, file, 0, &err), WK_OK);
    assert_int_equal(files->preallocate(env, file, 40000, &err), WK_OK);
    struct wk_file *other = NULL;
    assert_int_equal(files->open(env, tiny, "b", RW | WK_OPEN_CREATE, &other, &err), WK_OK);
    assert_int_equal(files->pwrite(env, other, spans, 1, 0, &err), WK_NO_SPACE);
    assert_int_equal(files->pwrite(env, file, spans, 1, 0, &err), WK_OK);
    files->close(env, other);
    files->close(env, file);
    files->dir_close(env, tiny);
    assert_int_equal(umount(path), 0);
}

static void free_space_is_told(void **state) {
    (void)state; /* ENV-97 */
    uint64_t bytes = 0;
    assert_int_equal(files->free_space(env, root, &bytes, &err), WK_OK);
    assert_true(bytes > 0);
}

static void failures_without_a_listener_are_still_classes(void **state) {
    (void)state; /* ENV-4 */
    struct wk_file *file = NULL;
    assert_int_equal(files->open(env, root, "no", RW, &file, NULL), WK_MISS);
    assert_int_equal(files->open(env, root, "a/b", RW, &file, NULL), WK_INVALID);
    assert_null(file);
    assert_int_equal(wk_posix_fail(NULL, ENOSPC, "write", "x"), WK_NO_SPACE);
    assert_int_equal(wk_posix_fail(&err, 9999, "write", NULL), WK_UNAVAILABLE);
    assert_string_equal(err.text, "write: error 9999 of the system");
    static const struct {
        int code;
        enum wk_status status;
    } classes[] = {{EDQUOT, WK_NO_SPACE}, {EACCES, WK_DENIED},         {EPERM, WK_DENIED},
                   {EROFS, WK_DENIED},    {ENOTEMPTY, WK_CONFLICT},    {ENAMETOOLONG, WK_INVALID},
                   {EIO, WK_UNAVAILABLE}, {ENFILE, WK_UNAVAILABLE},    {ENOMEM, WK_NO_MEMORY},
                   {ELOOP, WK_DENIED},    {EOPNOTSUPP, WK_UNAVAILABLE}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        assert_int_equal(wk_posix_fail(&err, classes[i].code, "x", NULL), classes[i].status);
}

#define FILE_TEST(f) cmocka_unit_test_setup_teardown(f, make_root, drop_root)

int main(void) {
    env = wk_env_current();
    files = env->files;
    const struct CMUnitTest tests[] = {
        FILE_TEST(create_and_exclusive_say_what_was_there),
        FILE_TEST(names_with_slashes_dots_or_nothing_are_refused),
        FILE_TEST(root_directories_are_absolute_and_not_links),
        FILE_TEST(directories_are_made_one_level_at_a_time),
        FILE_TEST(links_are_never_followed),
        FILE_TEST(only_regular_files_open),
        FILE_TEST(rename_replaces_and_rename_new_does_not),
        FILE_TEST(rename_new_by_links_is_as_strict),
        FILE_TEST(removal_knows_files_from_directories),
        FILE_TEST(reads_end_at_the_end_of_the_file),
        FILE_TEST(bytes_that_cannot_be_read_back_are_corrupt),
        FILE_TEST(writes_gather_any_number_of_spans),
        FILE_TEST(partial_writes_go_on_where_they_stopped),
        FILE_TEST(sizes_follow_truncate_and_preallocate),
        FILE_TEST(direct_files_take_aligned_bytes_or_say_no),
        FILE_TEST(a_lock_excludes_other_opens_of_the_same_process),
        FILE_TEST(a_lock_excludes_other_processes_and_ends_with_its_holder),
        FILE_TEST(a_lock_ends_with_its_close_though_a_forked_child_lives),
        FILE_TEST(lists_show_each_name_once_and_may_nest),
        FILE_TEST(descriptors_do_not_survive_an_exec),
        FILE_TEST(a_table_of_open_files_that_is_full_is_unavailable),
        FILE_TEST(the_limit_of_file_sizes_is_an_error_not_a_signal),
        FILE_TEST(a_full_disk_is_no_space),
        FILE_TEST(free_space_is_told),
        FILE_TEST(failures_without_a_listener_are_still_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
