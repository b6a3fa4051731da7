// SPDX-License-Identifier: Apache-2.0
// What is durable, and what a power loss makes of the rest.
#include <string.h>

#include "disk_journal.h"
#include "fault.h"
#include "pool.h"
#include "trace.h"

static void apply(const struct sim_name_change *c) {
    if (c->from_dir != NULL) {
        const struct sim_inode *there = sim_names_find(&c->from_dir->names_durable, c->from);
        if (c->inode == NULL || there == c->inode)
            sim_names_remove(&c->from_dir->names_durable, c->from);
    }
    if (c->to_dir != NULL)
        sim_names_set(&c->to_dir->names_durable, c->to, c->inode);
}

// All that touches the directory becomes durable, in order; a rename to elsewhere comes along.
void sim_disk_dir_sync(struct sim_disk *disk, struct sim_inode *dir) {
    struct sim_name_change **link = &disk->journal;
    while (*link != NULL) {
        struct sim_name_change *c = *link;
        if (c->from_dir != dir && c->to_dir != dir) {
            link = &c->next;
            continue;
        }
        apply(c);
        *link = c->next;
    }
    disk->journal_end = link;
}

// ---- power loss

static void settle_names(struct sim_disk *disk) {
    static const uint32_t keep_ppm[] = {0, 300000, 500000, 900000, 1000000};
    bool prefix = sim_rng_chance(&disk->rng, 500000);
    uint32_t ppm = keep_ppm[sim_rng_below(&disk->rng, 5)];
    bool lost = false;
    for (const struct sim_name_change *c = disk->journal; c != NULL; c = c->next) {
        bool keep = sim_rng_chance(&disk->rng, ppm);
        if (prefix && lost)
            keep = false;
        if (keep)
            apply(c);
        lost = lost || !keep;
    }
    disk->journal = NULL;
    disk->journal_end = &disk->journal;
}

static uint32_t count_changes(const struct sim_inode *file) {
    uint32_t count = 0;
    for (const struct sim_change *c = file->changes; c != NULL; c = c->next)
        count++;
    return count;
}

// A size that the file had between its last sync and now.
static uint64_t settle_size(const struct sim_inode *file, uint32_t upto) {
    uint64_t size = file->durable.size;
    for (const struct sim_change *c = file->changes; c != NULL && upto > 0; c = c->next, upto--) {
        if (c->truncates)
            size = c->offset;
        else if (c->offset + c->size > size)
            size = c->offset + c->size;
    }
    return size;
}

// One sector as it was after the first `upto` changes; the write at the edge may be torn.
static void settle_sector(struct sim_disk *disk, struct sim_inode *file, uint64_t at, uint32_t upto,
                          uint64_t size) {
    uint64_t end = at + SIM_SECTOR_BYTES < size ? at + SIM_SECTOR_BYTES : size;
    uint32_t number = 0;
    for (const struct sim_change *c = file->changes; c != NULL; c = c->next, number++) {
        uint64_t from = c->offset > at ? c->offset : at;
        uint64_t to = c->offset + c->size < end ? c->offset + c->size : end;
        if (c->truncates) {
            if (number < upto && c->offset < end)
                memset(file->durable.data + from, 0, end > from ? end - from : 0);
            continue;
        }
        if (from >= to)
            continue;
        if (number == upto && sim_fault(SIM_FAULT_DISK_TORN))
            to = from + sim_rng_below(&disk->rng, to - from);
        else if (number >= upto)
            continue;
        memcpy(file->durable.data + from, c->bytes + (from - c->offset), to - from);
    }
}

static bool touches(const struct sim_change *changes, uint64_t at) {
    for (const struct sim_change *c = changes; c != NULL; c = c->next) {
        if (c->truncates || (c->offset < at + SIM_SECTOR_BYTES && c->offset + c->size > at))
            return true;
    }
    return false;
}

static void settle_file(struct sim_disk *disk, struct sim_inode *file) {
    uint32_t changes = count_changes(file);
    if (changes > 0) {
        uint32_t upto = (uint32_t)sim_rng_between(&disk->rng, 0, changes);
        uint64_t size = settle_size(file, upto);
        sim_bytes_resize(&file->durable, size);
        bool lost = upto < changes;
        for (uint64_t at = 0; at < size; at += SIM_SECTOR_BYTES) {
            if (!touches(file->changes, at))
                continue;
            uint32_t sector_upto = (uint32_t)sim_rng_between(&disk->rng, 0, changes);
            lost = lost || sector_upto < changes;
            settle_sector(disk, file, at, sector_upto, size);
        }
        if (lost)
            sim_fault_happened(SIM_FAULT_DISK_LOST_WRITES);
    }
    sim_disk_forget_changes(file);
    file->now = (struct sim_bytes){NULL, 0, 0};
    sim_bytes_resize(&file->now, file->durable.size);
    if (file->durable.size > 0)
        memcpy(file->now.data, file->durable.data, file->durable.size);
    file->reserved = 0;
    file->locked_by = NULL;
}

static void copy_names(struct sim_inode *dir) {
    dir->names = (struct sim_names){NULL, 0, 0};
    for (uint32_t i = 0; i < dir->names_durable.count; i++)
        sim_names_set(&dir->names, dir->names_durable.entries[i].name,
                      dir->names_durable.entries[i].inode);
}

static void count_linked(struct sim_disk *disk, struct sim_inode *dir) {
    for (uint32_t i = 0; i < dir->names.count; i++) {
        struct sim_inode *inode = dir->names.entries[i].inode;
        inode->linked = true;
        inode->parent = dir;
        disk->used += inode->now.size;
        if (inode->kind == WK_FILE_DIRECTORY)
            count_linked(disk, inode);
    }
}

void sim_disk_power_loss(struct sim_disk *disk) {
    sim_event("power-loss", NULL, disk->inodes_made, disk->used);
    settle_names(disk);
    for (struct sim_inode *i = disk->inodes; i != NULL; i = i->next) {
        i->linked = false;
        if (i->kind == WK_FILE_DIRECTORY)
            copy_names(i);
        else
            settle_file(disk, i);
    }
    disk->used = 0;
    disk->root->linked = true; // nobody's entry
    count_linked(disk, disk->root);
}

bool sim_disk_rot(struct sim_disk *disk, struct sim_rng *rng) {
    uint32_t files = 0;
    for (const struct sim_inode *i = disk->inodes; i != NULL; i = i->next)
        files += i->kind == WK_FILE_REGULAR && i->linked && i->now.size > 0;
    if (files == 0)
        return false;
    uint64_t number = sim_rng_below(rng, files);
    for (struct sim_inode *i = disk->inodes; i != NULL; i = i->next) {
        if (i->kind != WK_FILE_REGULAR || !i->linked || i->now.size == 0 || number-- > 0)
            continue;
        uint64_t at = sim_rng_below(rng, i->now.size);
        uint8_t bit = (uint8_t)(1u << sim_rng_below(rng, 8));
        i->now.data[at] ^= bit;
        if (at < i->durable.size)
            i->durable.data[at] ^= bit;
        sim_event("bit-rot", NULL, i->number, at);
        return true;
    }
    return false;
}
