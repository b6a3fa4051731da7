// SPDX-License-Identifier: Apache-2.0
// The tree and its two states. What happens at power loss is in disk_crash.c.
#include "disk.h"

#include <string.h>

#include "disk_journal.h"
#include "pool.h"
#include "process.h"
#include "report.h"

struct sim_disk *sim_disk_create(uint64_t seed, const char *name) {
    struct sim_disk *d = sim_new(sizeof *d);
    char stream[64] = "disk.";
    strncat(stream, name, sizeof stream - 6);
    sim_rng_seed(&d->rng, seed, stream);
    d->journal_end = &d->journal;
    d->quota = UINT64_MAX;
    struct sim_inode *root = sim_new(sizeof *root);
    root->number = ++d->inodes_made;
    root->kind = WK_FILE_DIRECTORY;
    root->linked = true;
    root->next = d->inodes;
    d->inodes = root;
    d->root = root;
    return d;
}

void sim_disk_set_quota(struct sim_disk *disk, uint64_t bytes) {
    disk->quota = bytes;
}

uint64_t sim_disk_free(const struct sim_disk *disk) {
    return disk->quota > disk->used ? disk->quota - disk->used : 0;
}

void sim_disk_process_gone(struct sim_disk *disk, const struct sim_process *process) {
    for (struct sim_inode *i = disk->inodes; i != NULL; i = i->next) {
        if (i->locked_by != NULL && *(const struct sim_process *const *)i->locked_by == process)
            i->locked_by = NULL;
    }
}

// ---- names

struct sim_inode *sim_names_find(const struct sim_names *names, const char *name) {
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->entries[i].name, name) == 0)
            return names->entries[i].inode;
    }
    return NULL;
}

void sim_names_remove(struct sim_names *names, const char *name) {
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->entries[i].name, name) == 0) {
            names->entries[i] = names->entries[--names->count];
            return;
        }
    }
}

void sim_names_set(struct sim_names *names, const char *name, struct sim_inode *inode) {
    for (uint32_t i = 0; i < names->count; i++) {
        if (strcmp(names->entries[i].name, name) == 0) {
            names->entries[i].inode = inode;
            return;
        }
    }
    if (names->count == names->capacity) {
        uint32_t capacity = names->capacity == 0 ? 8 : names->capacity * 2;
        struct sim_entry *entries = sim_new(capacity * sizeof *entries);
        if (names->count > 0)
            memcpy(entries, names->entries, names->count * sizeof *entries);
        names->entries = entries;
        names->capacity = capacity;
    }
    names->entries[names->count++] = (struct sim_entry){sim_copy_text(name), inode};
}

struct sim_inode *sim_disk_root(struct sim_disk *disk) {
    return disk->root;
}

struct sim_inode *sim_disk_find(const struct sim_inode *dir, const char *name) {
    return sim_names_find(&dir->names, name);
}

static struct sim_name_change *journal(struct sim_disk *disk) {
    struct sim_name_change *c = sim_new(sizeof *c);
    *disk->journal_end = c;
    disk->journal_end = &c->next;
    return c;
}

struct sim_inode *sim_disk_make(struct sim_disk *disk, struct sim_inode *dir, const char *name,
                                enum wk_file_kind kind, uint64_t now_ns) {
    struct sim_inode *i = sim_new(sizeof *i);
    i->number = ++disk->inodes_made;
    i->kind = kind;
    i->modified_ns = now_ns;
    i->changes_end = &i->changes;
    i->parent = dir;
    i->linked = true;
    i->next = disk->inodes;
    disk->inodes = i;
    sim_names_set(&dir->names, name, i);
    struct sim_name_change *c = journal(disk);
    c->to_dir = dir;
    c->to = sim_copy_text(name);
    c->inode = i;
    return i;
}

void sim_disk_unlink(struct sim_disk *disk, struct sim_inode *dir, const char *name) {
    struct sim_inode *gone = sim_names_find(&dir->names, name);
    disk->used -= gone->now.size;
    gone->linked = false;
    sim_names_remove(&dir->names, name);
    struct sim_name_change *c = journal(disk);
    c->from_dir = dir;
    c->from = sim_copy_text(name);
}

void sim_disk_rename(struct sim_disk *disk, struct sim_inode *from_dir, const char *from,
                     struct sim_inode *to_dir, const char *to) {
    struct sim_inode *inode = sim_names_find(&from_dir->names, from);
    struct sim_inode *replaced = sim_names_find(&to_dir->names, to);
    if (replaced == inode)
        return;
    if (replaced != NULL) {
        disk->used -= replaced->now.size;
        replaced->linked = false;
    }
    sim_names_remove(&from_dir->names, from);
    sim_names_set(&to_dir->names, to, inode);
    inode->parent = to_dir;
    struct sim_name_change *c = journal(disk);
    c->from_dir = from_dir;
    c->from = sim_copy_text(from);
    c->to_dir = to_dir;
    c->to = sim_copy_text(to);
    c->inode = inode;
}

// ---- bytes

void sim_bytes_resize(struct sim_bytes *b, uint64_t size) {
    if (size > b->capacity) {
        uint64_t capacity = b->capacity == 0 ? 256 : b->capacity;
        while (capacity < size)
            capacity *= 2;
        uint8_t *data = sim_new(capacity);
        if (b->size > 0)
            memcpy(data, b->data, b->size);
        b->data = data;
        b->capacity = capacity;
    }
    if (size > b->size)
        memset(b->data + b->size, 0, size - b->size);
    b->size = size;
}

static bool take_space(struct sim_disk *disk, const struct sim_inode *file, uint64_t size) {
    if (size > file->reserved && size > file->now.size) {
        uint64_t more = size - (file->now.size > file->reserved ? file->now.size : file->reserved);
        if (more > sim_disk_free(disk))
            return false;
    }
    return true;
}

static void set_size(struct sim_disk *disk, struct sim_inode *file, uint64_t size) {
    if (file->linked)
        disk->used = disk->used - file->now.size + size;
    sim_bytes_resize(&file->now, size);
}

static void note_change(struct sim_inode *file, struct sim_change change) {
    struct sim_change *c = sim_new(sizeof *c);
    *c = change;
    *file->changes_end = c;
    file->changes_end = &c->next;
}

bool sim_disk_write(struct sim_disk *disk, struct sim_inode *file, uint64_t offset,
                    const uint8_t *bytes, uint64_t size) {
    if (size == 0)
        return true;
    if (offset + size > ((uint64_t)1 << 32) || !take_space(disk, file, offset + size))
        return false;
    if (offset + size > file->now.size)
        set_size(disk, file, offset + size);
    memcpy(file->now.data + offset, bytes, size);
    note_change(file, (struct sim_change){NULL, false, offset, size, sim_copy(bytes, size)});
    return true;
}

bool sim_disk_truncate(struct sim_disk *disk, struct sim_inode *file, uint64_t size) {
    if (size > ((uint64_t)1 << 32) || !take_space(disk, file, size))
        return false;
    set_size(disk, file, size);
    note_change(file, (struct sim_change){NULL, true, size, 0, NULL});
    return true;
}

bool sim_disk_reserve(struct sim_disk *disk, struct sim_inode *file, uint64_t size) {
    if (!take_space(disk, file, size))
        return false;
    if (size > file->reserved)
        file->reserved = size;
    return true;
}

void sim_disk_forget_changes(struct sim_inode *file) {
    file->changes = NULL;
    file->changes_end = &file->changes;
}

void sim_disk_file_sync(struct sim_inode *file) {
    for (const struct sim_change *c = file->changes; c != NULL; c = c->next) {
        if (c->truncates) {
            sim_bytes_resize(&file->durable, c->offset);
            continue;
        }
        if (c->offset + c->size > file->durable.size)
            sim_bytes_resize(&file->durable, c->offset + c->size);
        memcpy(file->durable.data + c->offset, c->bytes, c->size);
    }
    sim_disk_forget_changes(file);
}
