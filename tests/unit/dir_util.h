/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of the test's own with a store in it, and what third parties do to its files. */
#ifndef WK_TESTS_DIR_UTIL_H
#define WK_TESTS_DIR_UTIL_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "env/dir/dir.h"
#include "env/dir/path.h"
#include "unit/objects_util.h"

struct place {
    char root[256];
    char endpoint[300];
};

static inline int remove_entry(const char *path, const struct stat *st, int kind,
                               struct FTW *where) {
    (void)st;
    (void)kind;
    (void)where;
    return remove(path);
}

static inline void remove_tree(const char *path) {
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int place_setup(void **state) {
    struct place *p = calloc(1, sizeof *p);
    const char *base = getenv("TMPDIR");
    snprintf(p->root, sizeof p->root, "%.200s/wk-dir-XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(p->root) == NULL)
        return -1;
    snprintf(p->endpoint, sizeof p->endpoint, "file://%s", p->root);
    *state = p;
    return 0;
}

static inline int place_teardown(void **state) {
    struct place *p = *state;
    remove_tree(p->root);
    free(p);
    return 0;
}

static inline struct wk_objects *open_in(struct wk_env *env, const struct place *p) {
    struct wk_objects_config config = {.endpoint = p->endpoint, .bucket = "b"};
    struct wk_objects *o = NULL;
    struct wk_error err;
    if (wk_dir_objects_open(env, &config, &o, &err) != WK_OK)
        fail_msg("%s", err.text);
    return o;
}

static inline struct wk_objects *open_at(const struct place *p) {
    return open_in(wk_env_current(), p);
}

/* Where the file of `key` lies. */
static inline const char *file_of(const struct place *p, const char *key) {
    static char text[WK_DIR_PATH_BYTES_MAX + 300];
    struct wk_dir_path path;
    assert_true(wk_dir_path_of_key(wk_span_text(key), &path));
    snprintf(text, sizeof text, "%s/b/%s", p->root, path.text);
    return text;
}

static inline void write_file(const char *path, const void *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    close(fd);
}

static inline size_t entries_of(const char *directory) {
    size_t count = 0;
    char command[600];
    snprintf(command, sizeof command, "ls -A '%s' | wc -l", directory);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%zu", &count), 1);
    pclose(pipe);
    return count;
}

static inline size_t temporaries(const struct place *p) {
    char path[300];
    snprintf(path, sizeof path, "%s/b/~tmp", p->root);
    return entries_of(path);
}

#endif
