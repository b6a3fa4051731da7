// SPDX-License-Identifier: Apache-2.0
// Files: the tree of the host's disk behind the table of env.h, with time and faults.
//
// Every operation takes its time first and its effect at one later instant, so that a crash falls
// before or after it; writes take effect piece by piece.
#include <stdio.h>
#include <string.h>

#include "disk.h"
#include "fault.h"
#include "pool.h"
#include "process.h"
#include "report.h"
#include "sched.h"
#include "trace.h"

#define NAME_BYTES_MAX SIM_NAME_BYTES_MAX
#define READ_NS        30000u
#define WRITE_NS       20000u
#define SYNC_NS        1500000u
#define NAME_NS        15000u

struct wk_dir {
    struct sim_process *process;
    struct sim_inode *inode;
};

struct wk_file {
    struct sim_process *process; /* first: sim_disk_process_gone looks */
    struct sim_inode *inode;
    uint32_t flags;
    bool open;
};

static struct sim_disk *disk_of(const struct sim_process *p) {
    return p->host->disk;
}

static struct sim_process *enter(struct wk_env *env, uint64_t ns) {
    struct sim_process *p = sim_enter(env, 500);
    if (sim_fault(SIM_FAULT_DISK_SLOW))
        ns *= 20 + sim_rng_below(sim_fault_rng(SIM_FAULT_DISK_SLOW), 400);
    sim_sleep(ns * p->slow);
    return p;
}

static enum wk_status gone(struct wk_error *err, const char *name) {
    return wk_fail(err, WK_MISS, "%s: no such file or directory", name);
}

// Bytes that the device cannot give back are CORRUPT.
static enum wk_status fail_read(struct wk_error *err, const char *what) {
    return wk_fail(err, WK_CORRUPT, "%s: input/output error", what);
}

static enum wk_status fail_io(struct wk_error *err, const char *what, const char *name) {
    return wk_fail(err, WK_UNAVAILABLE, "%s %s: input/output error", what, name);
}

static bool name_ok(const char *name) {
    size_t size = strlen(name);
    return size > 0 && size <= NAME_BYTES_MAX && strchr(name, '/') == NULL &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static enum wk_status bad_name(struct wk_error *err, const char *name) {
    return wk_fail(err, WK_INVALID, "%s: not one name of a path", name);
}

// ---- directories

static enum wk_status dir_open(struct wk_env *env, struct wk_dir *parent, const char *name,
                               uint32_t flags, struct wk_dir **out, struct wk_error *err) {
    struct sim_process *p = enter(env, NAME_NS);
    struct sim_inode *in;
    char last[256];
    if (parent != NULL) {
        if (!name_ok(name))
            return bad_name(err, name);
        in = parent->inode->linked ? parent->inode : NULL;
        snprintf(last, sizeof last, "%s", name);
    } else {
        if (name[0] != '/')
            return wk_fail(err, WK_INVALID, "%s: the path is not absolute", name);
        in = sim_disk_walk(disk_of(p), name, last);
    }
    if (in == NULL)
        return gone(err, name);
    struct sim_inode *dir = last[0] == 0 ? in : sim_disk_find(in, last);
    if (dir != NULL && (flags & WK_OPEN_CREATE) && (flags & WK_OPEN_EXCLUSIVE))
        return wk_fail(err, WK_CONFLICT, "%s: is there already", name);
    if (dir == NULL && (flags & WK_OPEN_CREATE)) {
        if (sim_fault(SIM_FAULT_DISK_FULL))
            return wk_fail(err, WK_NO_SPACE, "create %s: no space left", name);
        dir = sim_disk_make(disk_of(p), in, last, WK_FILE_DIRECTORY, sim_process_wall(p));
        sim_event("mkdir", name, dir->number, 0);
    }
    if (dir == NULL)
        return gone(err, name);
    if (dir->kind != WK_FILE_DIRECTORY)
        return wk_fail(err, WK_INVALID, "%s: not a directory", name);
    struct wk_dir *d = sim_new(sizeof *d);
    d->process = p;
    d->inode = dir;
    p->dirs++;
    *out = d;
    return WK_OK;
}

static void dir_close(struct wk_env *env, struct wk_dir *dir) {
    struct sim_process *p = sim_enter(env, 500);
    if (dir != NULL)
        p->dirs--;
}

static enum wk_status dir_sync(struct wk_env *env, struct wk_dir *dir, struct wk_error *err) {
    struct sim_process *p = enter(env, SYNC_NS);
    if (sim_fault(SIM_FAULT_DISK_SYNC_FAILED))
        return fail_io(err, "sync", "directory");
    sim_disk_dir_sync(disk_of(p), dir->inode);
    sim_event("dir-sync", NULL, dir->inode->number, 0);
    return WK_OK;
}

// Names in an order of the seed; those that came after the start are not seen.
static enum wk_status dir_list(struct wk_env *env, struct wk_dir *dir,
                               bool (*each)(void *ctx, const char *name, enum wk_file_kind kind),
                               void *ctx, struct wk_error *err) {
    (void)enter(env, NAME_NS);
    if (sim_fault(SIM_FAULT_DISK_READ_ERROR))
        return fail_read(err, "list directory");
    uint32_t count = dir->inode->names.count;
    sim_event("dir-list", NULL, dir->inode->number, count);
    struct sim_entry *entries = sim_copy(dir->inode->names.entries, count * sizeof *entries);
    for (uint32_t left = count; left > 0; left--) {
        uint32_t at = (uint32_t)sim_rng_below(sim_sched_rng(), left);
        struct sim_entry chosen = entries[at];
        entries[at] = entries[left - 1];
        if (sim_disk_find(dir->inode, chosen.name) != NULL &&
            !each(ctx, chosen.name, chosen.inode->kind))
            break;
    }
    return WK_OK;
}

static enum wk_status dir_remove(struct wk_env *env, struct wk_dir *parent, const char *name,
                                 struct wk_error *err) {
    struct sim_process *p = enter(env, NAME_NS);
    if (!name_ok(name))
        return bad_name(err, name);
    const struct sim_inode *dir = sim_disk_find(parent->inode, name);
    if (dir == NULL)
        return gone(err, name);
    if (dir->kind != WK_FILE_DIRECTORY)
        return wk_fail(err, WK_INVALID, "%s: not a directory", name);
    if (dir->names.count > 0)
        return wk_fail(err, WK_CONFLICT, "%s: not empty", name);
    sim_disk_unlink(disk_of(p), parent->inode, name);
    return WK_OK;
}

static enum wk_status free_space(struct wk_env *env, struct wk_dir *dir, uint64_t *out_bytes,
                                 struct wk_error *err) {
    const struct sim_process *p = enter(env, NAME_NS);
    (void)dir, (void)err;
    *out_bytes = sim_disk_free(disk_of(p));
    return WK_OK;
}

// ---- names

static void fill_info(const struct sim_inode *inode, struct wk_file_info *out) {
    out->kind = inode->kind;
    out->size_bytes = inode->now.size;
    out->modified_ns = inode->modified_ns;
    out->inode = inode->number;
    out->others_may_read = false;
}

static enum wk_status info(struct wk_env *env, struct wk_dir *dir, const char *name,
                           struct wk_file_info *out, struct wk_error *err) {
    (void)enter(env, NAME_NS);
    if (!name_ok(name))
        return bad_name(err, name);
    const struct sim_inode *inode = sim_disk_find(dir->inode, name);
    if (inode == NULL)
        return gone(err, name);
    if (sim_fault(SIM_FAULT_DISK_READ_ERROR))
        return fail_io(err, "stat", name);
    fill_info(inode, out);
    return WK_OK;
}

static enum wk_status move(struct wk_env *env, struct wk_dir *from_dir, const char *from,
                           struct wk_dir *to_dir, const char *to, bool only_new,
                           struct wk_error *err) {
    struct sim_process *p = enter(env, NAME_NS);
    if (!name_ok(from) || !name_ok(to))
        return bad_name(err, name_ok(from) ? to : from);
    const struct sim_inode *inode = sim_disk_find(from_dir->inode, from);
    const struct sim_inode *there = sim_disk_find(to_dir->inode, to);
    if (inode == NULL)
        return gone(err, from);
    if (there != NULL && only_new)
        return wk_fail(err, WK_CONFLICT, "%s: is there already", to);
    if (there != NULL && there->kind != inode->kind)
        return wk_fail(err, WK_INVALID, "%s: of another kind", to);
    if (sim_fault(SIM_FAULT_DISK_WRITE_ERROR))
        return fail_io(err, "rename", from);
    sim_disk_rename(disk_of(p), from_dir->inode, from, to_dir->inode, to);
    sim_event("rename", to, inode->number, 0);
    return WK_OK;
}

static enum wk_status rename_over(struct wk_env *env, struct wk_dir *from_dir, const char *from,
                                  struct wk_dir *to_dir, const char *to, struct wk_error *err) {
    return move(env, from_dir, from, to_dir, to, false, err);
}

static enum wk_status rename_new(struct wk_env *env, struct wk_dir *from_dir, const char *from,
                                 struct wk_dir *to_dir, const char *to, struct wk_error *err) {
    return move(env, from_dir, from, to_dir, to, true, err);
}

static enum wk_status file_remove(struct wk_env *env, struct wk_dir *dir, const char *name,
                                  struct wk_error *err) {
    struct sim_process *p = enter(env, NAME_NS);
    if (!name_ok(name))
        return bad_name(err, name);
    const struct sim_inode *inode = sim_disk_find(dir->inode, name);
    if (inode == NULL)
        return gone(err, name);
    if (inode->kind == WK_FILE_DIRECTORY)
        return wk_fail(err, WK_INVALID, "%s: a directory", name);
    if (sim_fault(SIM_FAULT_DISK_WRITE_ERROR))
        return fail_io(err, "remove", name);
    sim_disk_unlink(disk_of(p), dir->inode, name);
    sim_event("remove", name, inode->number, 0);
    return WK_OK;
}

// ---- files

static enum wk_status file_open(struct wk_env *env, struct wk_dir *dir, const char *name,
                                uint32_t flags, struct wk_file **out, struct wk_error *err) {
    struct sim_process *p = enter(env, NAME_NS);
    if (!name_ok(name))
        return bad_name(err, name);
    struct sim_inode *inode = sim_disk_find(dir->inode, name);
    if (inode != NULL && (flags & WK_OPEN_CREATE) && (flags & WK_OPEN_EXCLUSIVE))
        return wk_fail(err, WK_CONFLICT, "%s: is there already", name);
    if (inode != NULL && inode->kind != WK_FILE_REGULAR)
        return wk_fail(err, WK_INVALID, "%s: not a file", name);
    if (inode == NULL && !(flags & WK_OPEN_CREATE))
        return gone(err, name);
    if ((flags & (WK_OPEN_READ | WK_OPEN_WRITE)) == 0)
        return wk_fail(err, WK_INVALID, "%s: neither for reading nor for writing", name);
    if (sim_fault(SIM_FAULT_DISK_READ_ERROR))
        return fail_io(err, "open", name);
    if (inode == NULL) {
        if (!dir->inode->linked)
            return gone(err, name);
        if (sim_fault(SIM_FAULT_DISK_FULL))
            return wk_fail(err, WK_NO_SPACE, "create %s: no space left", name);
        inode = sim_disk_make(disk_of(p), dir->inode, name, WK_FILE_REGULAR, sim_process_wall(p));
    }
    sim_event("open", name, inode->number, flags);
    struct wk_file *f = sim_new(sizeof *f);
    f->process = p;
    f->inode = inode;
    f->flags = flags;
    f->open = true;
    p->files++;
    *out = f;
    return WK_OK;
}

static void check_file(const struct wk_file *file, const struct sim_process *p, uint32_t wanted) {
    if (file->process != p || !file->open)
        sim_violate("environment", "a file used after its close or by another process");
    if ((file->flags & wanted) == 0)
        sim_violate("environment", "a file used for what it was not opened for");
}

static void file_close(struct wk_env *env, struct wk_file *file) {
    struct sim_process *p = sim_enter(env, 500);
    if (file == NULL)
        return;
    check_file(file, p, UINT32_MAX);
    file->open = false;
    if (file->inode->locked_by == file)
        file->inode->locked_by = NULL;
    p->files--;
}

static enum wk_status file_info(struct wk_env *env, struct wk_file *file, struct wk_file_info *out,
                                struct wk_error *err) {
    const struct sim_process *p = enter(env, NAME_NS / 4);
    (void)err;
    check_file(file, p, UINT32_MAX);
    fill_info(file->inode, out);
    return WK_OK;
}

#define HEAD_BYTES 64u

// The head of a file says what it is, and can show one flipped bit; after two it may be the head of
// something else.
static void rot(struct sim_inode *inode, uint64_t offset, uint64_t size) {
    struct sim_rng *rng = sim_fault_rng(SIM_FAULT_DISK_BIT_ROT);
    uint64_t at = offset + sim_rng_below(rng, size);
    uint8_t bit = (uint8_t)(1u << sim_rng_below(rng, 8));
    if (at < HEAD_BYTES && inode->head_rotted)
        return;
    inode->head_rotted = inode->head_rotted || at < HEAD_BYTES;
    inode->now.data[at] ^= bit;
    if (at < inode->durable.size)
        inode->durable.data[at] ^= bit;
}

static enum wk_status file_pread(struct wk_env *env, struct wk_file *file, void *to, size_t size,
                                 uint64_t offset, size_t *out_size, struct wk_error *err) {
    const struct sim_process *p = enter(env, READ_NS + size / 4);
    check_file(file, p, WK_OPEN_READ);
    struct sim_inode *inode = file->inode;
    if (sim_fault(SIM_FAULT_DISK_READ_ERROR))
        return fail_read(err, "read");
    size_t there = offset >= inode->now.size ? 0 : (size_t)(inode->now.size - offset);
    size_t part = size < there ? size : there;
    if (part > 0 && sim_fault_enabled(SIM_FAULT_DISK_BIT_ROT) && sim_fault(SIM_FAULT_DISK_BIT_ROT))
        rot(inode, offset, part);
    if (part > 0)
        memcpy(to, inode->now.data + offset, part);
    if (part > 0 && sim_fault(SIM_FAULT_DISK_TOUCHED))
        inode->modified_ns = sim_process_wall(p);
    sim_event("pread", NULL, inode->number, sim_digest(to, part));
    *out_size = part;
    return WK_OK;
}

// One piece after the other, so that readers and crashes see partial writes.
static enum wk_status write_piece(struct sim_process *p, struct wk_file *file, const uint8_t *bytes,
                                  size_t size, uint64_t offset, struct wk_error *err) {
    while (size > 0) {
        size_t part = size;
        if (size > 1 && sim_rng_chance(sim_sched_rng(), 100000))
            part = 1 + (size_t)sim_rng_below(sim_sched_rng(), size - 1);
        if (sim_fault(SIM_FAULT_DISK_WRITE_ERROR))
            return fail_io(err, "write", "file");
        if (sim_fault(SIM_FAULT_DISK_FULL) ||
            !sim_disk_write(disk_of(p), file->inode, offset, bytes, part))
            return wk_fail(err, WK_NO_SPACE, "write: no space left");
        bytes += part;
        offset += part;
        size -= part;
        if (size > 0)
            sim_sleep(WRITE_NS);
    }
    return WK_OK;
}

static enum wk_status file_pwrite(struct wk_env *env, struct wk_file *file,
                                  const struct wk_span *spans, size_t count, uint64_t offset,
                                  struct wk_error *err) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += spans[i].size;
    struct sim_process *p = enter(env, WRITE_NS + total / 4);
    check_file(file, p, WK_OPEN_WRITE);
    sim_event("pwrite", NULL, file->inode->number, total);
    for (size_t i = 0; i < count; i++) {
        enum wk_status status = write_piece(p, file, spans[i].data, spans[i].size, offset, err);
        if (status != WK_OK)
            return status;
        offset += spans[i].size;
    }
    file->inode->modified_ns = sim_process_wall(p);
    return WK_OK;
}

static enum wk_status file_sync(struct wk_env *env, struct wk_file *file, struct wk_error *err) {
    const struct sim_process *p = enter(env, SYNC_NS);
    check_file(file, p, UINT32_MAX);
    if (sim_fault(SIM_FAULT_DISK_SYNC_FAILED)) {
        sim_disk_forget_changes(file->inode);
        return fail_io(err, "sync", "file");
    }
    sim_disk_file_sync(file->inode);
    sim_event("sync", NULL, file->inode->number, file->inode->now.size);
    return WK_OK;
}

static enum wk_status file_truncate(struct wk_env *env, struct wk_file *file, uint64_t size_bytes,
                                    struct wk_error *err) {
    struct sim_process *p = enter(env, WRITE_NS);
    check_file(file, p, WK_OPEN_WRITE);
    if (sim_fault(SIM_FAULT_DISK_WRITE_ERROR))
        return fail_io(err, "truncate", "file");
    if (!sim_disk_truncate(disk_of(p), file->inode, size_bytes))
        return wk_fail(err, WK_NO_SPACE, "truncate: no space left");
    return WK_OK;
}

static enum wk_status file_preallocate(struct wk_env *env, struct wk_file *file,
                                       uint64_t size_bytes, struct wk_error *err) {
    struct sim_process *p = enter(env, WRITE_NS);
    check_file(file, p, WK_OPEN_WRITE);
    if (sim_fault(SIM_FAULT_DISK_FULL) || !sim_disk_reserve(disk_of(p), file->inode, size_bytes))
        return wk_fail(err, WK_NO_SPACE, "preallocate: no space left");
    if (size_bytes > file->inode->now.size)
        (void)sim_disk_truncate(disk_of(p), file->inode, size_bytes);
    return WK_OK;
}

static enum wk_status file_lock(struct wk_env *env, struct wk_file *file, struct wk_error *err) {
    const struct sim_process *p = enter(env, NAME_NS);
    check_file(file, p, UINT32_MAX);
    if (file->inode->locked_by == file)
        return WK_OK;
    if (file->inode->locked_by != NULL)
        return wk_fail(err, WK_CONFLICT, "somebody else has the lock");
    file->inode->locked_by = file;
    return WK_OK;
}

const struct wk_env_files sim_env_files = {
    dir_open,    dir_close,  dir_sync,      dir_list,         dir_remove, free_space, info,
    rename_over, rename_new, file_remove,   file_open,        file_close, file_info,  file_pread,
    file_pwrite, file_sync,  file_truncate, file_preallocate, file_lock,
};
