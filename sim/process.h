/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulated hosts and processes. A process is an environment of its own (its `env` is the first
 * member, so the tables find it), memory of its own, clocks of its own, and some fibers. Hosts have
 * a disk that their processes share.
 *
 *   process crash   its fibers stop where they stand, its memory vanishes, its files close and
 *                   their locks go; what it wrote to files stays (the page cache is the host's);
 *                   the host closes its sockets, so peers hear of it
 *   host crash      all its processes crash, the disk keeps only what a power loss leaves, and
 *                   peers hear nothing
 */
#ifndef SIM_PROCESS_H
#define SIM_PROCESS_H

#include "env/env.h"
#include "heap.h"
#include "rng.h"

#define SIM_PROCESSES_MAX   228u
#define SIM_PROCESSES_SPARE 28u /* for those that do not come after a crash */
#define SIM_HOSTS_MAX       4u
#define SIM_VARS_MAX        64u

struct sim_disk;
struct sim_program;

struct sim_host {
    char name[24];
    uint32_t index;
    struct sim_disk *disk;
};

struct sim_var {
    const char *name;
    const char *value;
};

struct sim_process {
    struct wk_env env;
    uint64_t id;
    uint32_t index; /* of the table, from 0, in order of birth */
    char name[16];
    struct sim_host *host;
    bool alive;
    bool stopped; /* paused: none of its fibers runs */
    bool takes_signals;
    enum wk_signal signals[4]; /* sent and not yet taken, oldest first */
    uint32_t signal_count;
    uint64_t stopped_ns; /* in all */
    uint64_t memory_failures;
    uint32_t fork_generation;
    uint64_t monotonic_start_ns; /* its clock at virtual time 0 */
    int32_t drift_ppm;           /* of both clocks */
    int64_t wall_offset_ns;      /* of its wall clock against the world's */
    uint32_t slow;               /* every step takes this many times as long; 1 is normal */
    struct sim_rng entropy;
    struct sim_heap heap;
    struct sim_var vars[SIM_VARS_MAX];
    uint32_t var_count;
    uint64_t calls;         /* into the environment so far */
    uint64_t crash_at_call; /* 0: none planned */
    uint64_t allocations;
    uint64_t fail_allocation; /* this one fails; 0: none planned */
    bool fail_all_after;      /* and all after it */
    enum wk_log_level log_level;
    void (*log_sink)(void *ctx, enum wk_log_level level, const char *line);
    void *log_sink_ctx;
    enum wk_log_level log_sink_level;
    /* what it has open; all zero when it ends in order */
    uint32_t threads;
    uint32_t dirs;
    uint32_t files;
    uint32_t objects;
    uint32_t watches;
    uint32_t sockets;
    uint32_t tls;      /* contexts */
    uint32_t locks;    /* mutexes, rwlocks, conditions that are initialised */
    uint64_t requests; /* object requests under way */
    uint32_t buffers;  /* of the host's own store that the library has */
    void (*on_crash)(struct sim_process *process);
    struct sim_program *program; /* that it is a process of; NULL: it stands alone */
};

void sim_processes_reset(uint64_t seed);
struct sim_host *sim_host_create(const char *name);
uint32_t sim_host_count(void);
struct sim_host *sim_host_at(uint32_t index);

struct sim_process *sim_process_create(struct sim_host *host, const char *name);
uint32_t sim_process_count(void);
struct sim_process *sim_process_at(uint32_t index);
struct sim_process *sim_process_find(uint64_t id);

void sim_process_set_var(struct sim_process *p, const char *name, const char *value);
/* kill -9. If the caller is one of its fibers, it does not return. */
void sim_process_crash(struct sim_process *p, const char *why);
void sim_host_crash(struct sim_host *host, const char *why);
/*
 * The orderly end: all its fibers have ended or are the caller. Violation of "leak" when something
 * is still open or allocated. The memory goes.
 */
void sim_process_exit(struct sim_process *p);
void sim_process_stop(struct sim_process *p, uint64_t for_ns);
/* As kill(2): to signals_wait if the program takes signals, else it is the end of the process. */
void sim_process_signal(struct sim_process *p, enum wk_signal signal);

/* Start of every environment call: crashes happen, time passes, others may run, stores leave. */
struct sim_process *sim_enter(struct wk_env *env, uint64_t cost_ns);

/* Its monotonic clock, and back: deadlines are in its time, timers in the world's. */
uint64_t sim_process_monotonic(const struct sim_process *p);
uint64_t sim_process_wall(const struct sim_process *p);
uint64_t sim_process_deadline(const struct sim_process *p, uint64_t monotonic_ns);
/* The world's own wall clock; object stores stamp with it. */
uint64_t sim_world_wall(void);

/* The tables, one file each. */
extern const struct wk_env_clock sim_env_clock;
extern const struct wk_env_entropy sim_env_entropy;
extern const struct wk_env_mem sim_env_mem;
extern const struct wk_env_threads sim_env_threads;
extern const struct wk_env_vars sim_env_vars;
extern const struct wk_env_process sim_env_process;
extern const struct wk_env_files sim_env_files;
extern const struct wk_env_net sim_env_net;
extern const struct wk_env_shm sim_env_shm;
extern const struct wk_env_objects sim_env_objects;
extern const struct wk_env_log sim_env_log;

#endif
