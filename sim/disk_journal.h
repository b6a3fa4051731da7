/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the disk: its journal of names, shared by disk.c and disk_crash.c. */
#ifndef SIM_DISK_JOURNAL_H
#define SIM_DISK_JOURNAL_H

#include "disk.h"

/* Creation: `to` only. Removal: `from` only. Rename: both; it is kept or lost as one. */
struct sim_name_change {
    struct sim_name_change *next;
    struct sim_inode *from_dir;
    const char *from;
    struct sim_inode *to_dir;
    const char *to;
    struct sim_inode *inode;
};

struct sim_disk {
    struct sim_rng rng;
    struct sim_inode *root;
    struct sim_inode *inodes; /* newest first */
    uint64_t inodes_made;
    struct sim_name_change *journal;
    struct sim_name_change **journal_end;
    uint64_t quota;
    uint64_t used;
};

struct sim_inode *sim_names_find(const struct sim_names *names, const char *name);
void sim_names_remove(struct sim_names *names, const char *name);
void sim_names_set(struct sim_names *names, const char *name, struct sim_inode *inode);
void sim_bytes_resize(struct sim_bytes *b, uint64_t size);

#endif
