/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk of a host: what is in the page cache, and what a power loss leaves of it.
 *
 *   a file       bytes as programs see them; bytes as the platter has them; between the two the
 *                writes and truncations since the last sync, in order
 *   a directory  names as programs see them; names as the platter has them; between the two the
 *                disk's journal of creations, removals and renames not yet synced
 *
 * Power loss: for each sector the writes up to some point are kept (a point of its own for each),
 * the size is one that the file had meanwhile, and of the journal a prefix or any subset is kept,
 * each rename whole. Sync of a file and of a directory are the only ways to be sure.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "env/env.h"
#include "rng.h"

#define SIM_SECTOR_BYTES   512u
#define SIM_NAME_BYTES_MAX 255u

struct sim_process;
struct sim_disk;
struct sim_inode;

struct sim_disk *sim_disk_create(uint64_t seed, const char *name);
void sim_disk_process_gone(struct sim_disk *disk, const struct sim_process *process);
void sim_disk_power_loss(struct sim_disk *disk);
void sim_disk_set_quota(struct sim_disk *disk, uint64_t bytes);
/* Flips one stored bit of one file for good, chosen by the seed; false when there is nothing. */
bool sim_disk_rot(struct sim_disk *disk, struct sim_rng *rng);

/* ---- for env_files.c: no faults, no time; just the tree ---- */

struct sim_entry {
    const char *name;
    struct sim_inode *inode;
};

struct sim_names {
    struct sim_entry *entries;
    uint32_t count;
    uint32_t capacity;
};

struct sim_change { /* of a file since its last sync */
    struct sim_change *next;
    bool truncates;
    uint64_t offset; /* or the new size */
    uint64_t size;
    const uint8_t *bytes;
};

struct sim_bytes {
    uint8_t *data;
    uint64_t size;
    uint64_t capacity;
};

struct sim_inode {
    uint64_t number;
    enum wk_file_kind kind;
    uint64_t modified_ns;
    const void *locked_by;  /* the open file that has the lock */
    struct sim_inode *next; /* all inodes of the disk */
    struct sim_inode *parent;
    bool linked;
    /* files */
    struct sim_bytes now;
    struct sim_bytes durable;
    struct sim_change *changes;
    struct sim_change **changes_end;
    uint64_t reserved; /* bytes set aside by preallocate */
    bool head_rotted;  /* a bit among its first bytes has flipped already */
    /* directories */
    struct sim_names names;
    struct sim_names names_durable;
};

struct sim_inode *sim_disk_root(struct sim_disk *disk);
struct sim_inode *sim_disk_find(const struct sim_inode *dir, const char *name);
struct sim_inode *sim_disk_make(struct sim_disk *disk, struct sim_inode *dir, const char *name,
                                enum wk_file_kind kind, uint64_t now_ns);
void sim_disk_unlink(struct sim_disk *disk, struct sim_inode *dir, const char *name);
void sim_disk_rename(struct sim_disk *disk, struct sim_inode *from_dir, const char *from,
                     struct sim_inode *to_dir, const char *to);
void sim_disk_dir_sync(struct sim_disk *disk, struct sim_inode *dir);

/* False: no space. */
bool sim_disk_write(struct sim_disk *disk, struct sim_inode *file, uint64_t offset,
                    const uint8_t *bytes, uint64_t size);
bool sim_disk_truncate(struct sim_disk *disk, struct sim_inode *file, uint64_t size);
bool sim_disk_reserve(struct sim_disk *disk, struct sim_inode *file, uint64_t size);
void sim_disk_file_sync(struct sim_inode *file);
/* A failed sync: what was dirty counts as clean and never reaches the platter. */
void sim_disk_forget_changes(struct sim_inode *file);
uint64_t sim_disk_free(const struct sim_disk *disk);

/* ---- disk_path.c: absolute paths ---- */

/* The directory that holds the last component, which goes to `last` ("" for the root itself);
 * NULL when one before it is missing. */
struct sim_inode *sim_disk_walk(struct sim_disk *disk, const char *path,
                                char last[SIM_NAME_BYTES_MAX + 1]);
/* A file as an operator leaves it, directories made, synced: settings, tokens, certificates. */
void sim_disk_put_text(struct sim_disk *disk, const char *path, const char *text);
/* Its text, terminated, or NULL when there is no such file. */
const char *sim_disk_get_text(struct sim_disk *disk, const char *path);

#endif
