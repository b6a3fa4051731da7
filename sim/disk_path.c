// SPDX-License-Identifier: Apache-2.0
// Absolute paths on a simulated disk, and whole small files for those who set a host up.
#include <string.h>

#include "disk.h"
#include "pool.h"
#include "report.h"
#include "sched.h"

struct sim_inode *sim_disk_walk(struct sim_disk *disk, const char *path,
                                char last[SIM_NAME_BYTES_MAX + 1]) {
    struct sim_inode *at = sim_disk_root(disk);
    last[0] = 0;
    while (*path != 0) {
        while (*path == '/')
            path++;
        size_t size = strcspn(path, "/");
        if (size == 0)
            break;
        if (last[0] != 0)
            at = at == NULL ? NULL : sim_disk_find(at, last);
        if (at == NULL || at->kind != WK_FILE_DIRECTORY || size > SIM_NAME_BYTES_MAX)
            return NULL;
        memcpy(last, path, size);
        last[size] = 0;
        path += size;
    }
    return at;
}

static struct sim_inode *make_dirs(struct sim_disk *disk, const char *path) {
    struct sim_inode *at = sim_disk_root(disk);
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        char last[SIM_NAME_BYTES_MAX + 1];
        char *upto = sim_copy_text(path);
        upto[slash - path] = 0;
        struct sim_inode *in = sim_disk_walk(disk, upto, last);
        struct sim_inode *dir = sim_disk_find(in, last);
        at = dir != NULL ? dir : sim_disk_make(disk, in, last, WK_FILE_DIRECTORY, sim_now());
        sim_disk_dir_sync(disk, in);
    }
    return at;
}

void sim_disk_put_text(struct sim_disk *disk, const char *path, const char *text) {
    struct sim_inode *dir = make_dirs(disk, path);
    const char *name = strrchr(path, '/') + 1;
    struct sim_inode *file = sim_disk_find(dir, name);
    if (file == NULL)
        file = sim_disk_make(disk, dir, name, WK_FILE_REGULAR, sim_now());
    bool fits = sim_disk_truncate(disk, file, 0) &&
                sim_disk_write(disk, file, 0, (const uint8_t *)text, strlen(text));
    if (!fits)
        sim_harness_fail("%s does not fit on its disk", path);
    sim_disk_file_sync(file);
    sim_disk_dir_sync(disk, dir);
}

const char *sim_disk_get_text(struct sim_disk *disk, const char *path) {
    char last[SIM_NAME_BYTES_MAX + 1];
    const struct sim_inode *in = path[0] == '/' ? sim_disk_walk(disk, path, last) : NULL;
    const struct sim_inode *file = in == NULL ? NULL : sim_disk_find(in, last);
    if (file == NULL || file->kind != WK_FILE_REGULAR)
        return NULL;
    char *text = sim_new(file->now.size + 1);
    if (file->now.size > 0)
        memcpy(text, file->now.data, file->now.size);
    return text;
}
