/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment: the only door to the outside world.
 *
 *     store, radix, rpc, shm, cabi ...        plain blocking C, no operating system
 *            |
 *     struct wk_env  ->  clock entropy mem threads vars process files net shm objects log
 *            |
 *     env/posix (+ env/dir, env/callbacks, env/s3)         or         sim/
 *
 * One struct of small method tables, passed explicitly. Under POSIX a call blocks its thread in the
 * kernel; in the simulator every call is a point where the seeded scheduler may switch fibers, move
 * virtual time, or inject a fault. Everything above is the same source in both.
 *
 * Rules for every table
 *   - Each function is safe for concurrent use unless its comment says otherwise.
 *   - Deadlines are absolute, in ns of clock->monotonic; WK_FOREVER waits without one. A deadline
 *     that has passed makes the call try once without waiting, then answer WK_TIMEOUT.
 *   - A failed call leaves its outputs untouched and writes one sentence into `err` (may be NULL).
 *   - No function raises a signal in the host, changes its signal dispositions or prints.
 *   - Callers write at most one environment call per full expression: compilers order arguments
 *     differently and the simulator's runs must not depend on it.
 *
 * The tables are versioned as a whole: WK_ENV_VERSION and the size say what a host was built for.
 */
#ifndef WK_ENV_ENV_H
#define WK_ENV_ENV_H

#include "base/atomic.h"
#include "base/span.h"
#include "base/status.h"

#define WK_ENV_VERSION 1u
#define WK_FOREVER     UINT64_MAX

#define WK_NS_PER_US 1000ull
#define WK_NS_PER_MS 1000000ull
#define WK_NS_PER_S  1000000000ull

struct wk_env;

/* ---- clock ------------------------------------------------------------------------------- */

struct wk_env_clock {
    uint64_t (*monotonic_ns)(struct wk_env *env); /* never goes back; since an arbitrary start */
    uint64_t (*wall_ns)(struct wk_env *env);      /* since the Unix epoch; may jump; 0 if before */
    void (*sleep_until)(struct wk_env *env, uint64_t deadline_ns);
};

/* ---- entropy ----------------------------------------------------------------------------- */

struct wk_env_entropy {
    /* Unpredictable bytes. Cannot fail: a host without entropy is refused when it is created. */
    void (*fill)(struct wk_env *env, void *to, size_t size);
};

/* ---- mem --------------------------------------------------------------------------------- */

/* Who pays: stats and the budget tests read the sums. */
enum wk_mem_owner {
    WK_MEM_HANDLE,   /* handles, borrows, strings, small tables */
    WK_MEM_INDEX,    /* the prefix index */
    WK_MEM_ARENA,    /* payload bytes inside the RAM budget, and the arena's own tables */
    WK_MEM_OVERFLOW, /* payload bytes beyond the budget: one-batch mappings */
    WK_MEM_IO,       /* requests, bodies on their way, codec workspaces */
    WK_MEM_OWNER_COUNT
};

struct wk_env_mem {
    /*
     * 16-byte aligned, not zeroed; NULL when there is none. `size` 0 gives a pointer that may be
     * released. release takes the size that was asked for: owners know what they own, and the
     * simulator checks it. release of NULL is a no-op.
     */
    void *(*alloc)(struct wk_env *env, enum wk_mem_owner owner, size_t size);
    void (*release)(struct wk_env *env, enum wk_mem_owner owner, void *ptr, size_t size);
    /*
     * Whole pages straight from the system: page aligned, zeroed, resident only where touched.
     * unmap takes the same size. discard gives the pages of a range back but keeps the addresses;
     * the bytes read as zero afterwards.
     */
    void *(*map)(struct wk_env *env, enum wk_mem_owner owner, size_t size);
    void (*unmap)(struct wk_env *env, enum wk_mem_owner owner, void *ptr, size_t size);
    void (*discard)(struct wk_env *env, void *ptr, size_t size);
    /* Bytes alive now for one owner (alloc + map). */
    uint64_t (*in_use)(struct wk_env *env, enum wk_mem_owner owner);
};

/* ---- threads ----------------------------------------------------------------------------- */

/* Storage is the caller's; the words belong to the environment. Not movable once initialised. */
struct wk_mutex {
    uint64_t words[9];
};
struct wk_rwlock {
    uint64_t words[26];
};
struct wk_cond {
    uint64_t words[9];
};
struct wk_thread; /* owned by the environment; freed by join */

struct wk_env_threads {
    /* `name` (at most 15 bytes, literal) shows in debuggers. The thread blocks all signals
     * but those that a fault of its own raises. */
    enum wk_status (*start)(struct wk_env *env, const char *name, void (*main)(void *arg),
                            void *arg, struct wk_thread **out, struct wk_error *err);
    void (*join)(struct wk_env *env, struct wk_thread *thread);
    void (*yield)(struct wk_env *env);
    /* A number for the calling thread, small and stable while it lives; spreads stripes. */
    uint32_t (*self)(struct wk_env *env);

    enum wk_status (*mutex_init)(struct wk_env *env, struct wk_mutex *m);
    void (*mutex_destroy)(struct wk_env *env, struct wk_mutex *m);
    void (*mutex_lock)(struct wk_env *env, struct wk_mutex *m);
    bool (*mutex_trylock)(struct wk_env *env, struct wk_mutex *m);
    void (*mutex_unlock)(struct wk_env *env, struct wk_mutex *m);

    enum wk_status (*rwlock_init)(struct wk_env *env, struct wk_rwlock *l);
    void (*rwlock_destroy)(struct wk_env *env, struct wk_rwlock *l);
    void (*rwlock_read)(struct wk_env *env, struct wk_rwlock *l);
    void (*rwlock_write)(struct wk_env *env, struct wk_rwlock *l);
    void (*rwlock_unlock)(struct wk_env *env, struct wk_rwlock *l);

    enum wk_status (*cond_init)(struct wk_env *env, struct wk_cond *c);
    void (*cond_destroy)(struct wk_env *env, struct wk_cond *c);
    /* WK_OK or WK_TIMEOUT; may wake for no reason. The mutex is held again in both cases. */
    enum wk_status (*cond_wait)(struct wk_env *env, struct wk_cond *c, struct wk_mutex *m,
                                uint64_t deadline_ns);
    void (*cond_signal)(struct wk_env *env, struct wk_cond *c);
    void (*cond_broadcast)(struct wk_env *env, struct wk_cond *c);

    /*
     * One slot per thread of the process for the C ABI's last error. `destroy` (a function of the
     * library, the same in every call) runs on the value when the thread ends.
     */
    void *(*slot_get)(struct wk_env *env);
    enum wk_status (*slot_set)(struct wk_env *env, void *value, void (*destroy)(void *value));
};

/* ---- vars -------------------------------------------------------------------------------- */

struct wk_env_vars {
    /*
     * Copies the variable with its terminator. WK_MISS: not set or empty (empty counts as unset).
     * WK_TOO_LARGE: longer than capacity - 1. `*length` may be NULL.
     */
    enum wk_status (*get)(struct wk_env *env, const char *name, char *to, size_t capacity,
                          size_t *length);
    /* Calls `each` with every set name that starts with `prefix`; stops when it returns false. */
    void (*names)(struct wk_env *env, const char *prefix, bool (*each)(void *ctx, const char *name),
                  void *ctx);
};

/* ---- process ----------------------------------------------------------------------------- */

struct wk_process_watch; /* one other process; tells when it is gone, even if its id is reused */

enum wk_signal { WK_SIGNAL_NONE, WK_SIGNAL_STOP, WK_SIGNAL_RELOAD };

struct wk_env_process {
    uint64_t (*id)(struct wk_env *env);
    /* Grows in every child of a fork. A handle keeps the value of its birth and refuses another. */
    uint32_t (*fork_generation)(struct wk_env *env);
    /* Stable name of this host, letters, digits, '-', '.', at most 64 bytes. */
    enum wk_status (*host_id)(struct wk_env *env, char *to, size_t capacity, struct wk_error *err);

    enum wk_status (*watch)(struct wk_env *env, uint64_t process_id, struct wk_process_watch **out,
                            struct wk_error *err);
    /* WK_OK: it has ended. WK_TIMEOUT: it lived at the deadline. */
    enum wk_status (*watch_wait)(struct wk_env *env, struct wk_process_watch *watch,
                                 uint64_t deadline_ns);
    void (*watch_close)(struct wk_env *env, struct wk_process_watch *watch);

    /*
     * For main files only, before the first thread: routes stop (TERM, INT) and reload (HUP) to
     * signals_wait instead of their defaults. A library never calls these two.
     */
    enum wk_status (*signals_take)(struct wk_env *env, struct wk_error *err);
    enum wk_status (*signals_wait)(struct wk_env *env, uint64_t deadline_ns, enum wk_signal *out);
};

/* ---- files ------------------------------------------------------------------------------- */

/*
 * All names are relative to an open directory and are one component each: no '/', not empty, not
 * "." or "..". Links are never followed. Only dir_open with parent NULL takes a path, and that one
 * must be absolute.
 *
 * Durability, as on a POSIX disk: bytes survive power loss after sync of the file; its name and
 * its absence survive after dir_sync of the directory.
 */
struct wk_dir;
struct wk_file;

enum wk_file_kind { WK_FILE_REGULAR, WK_FILE_DIRECTORY, WK_FILE_OTHER };

struct wk_file_info {
    enum wk_file_kind kind;
    uint64_t size_bytes;
    uint64_t modified_ns; /* wall clock */
    uint64_t inode;       /* changes when a name is replaced */
    bool others_may_read; /* neither the owner nor of the group */
};

enum wk_open_flags {
    WK_OPEN_READ = 1,
    WK_OPEN_WRITE = 2,
    WK_OPEN_CREATE = 4,    /* make it if it is not there, mode 0600 / 0700 for directories */
    WK_OPEN_EXCLUSIVE = 8, /* with CREATE: WK_CONFLICT if it is there */
    WK_OPEN_DIRECT = 16    /* past the page cache: aligned buffers, offsets and sizes */
};

struct wk_env_files {
    /* WK_MISS when the directory is not there and CREATE is not given. CREATE makes one level. */
    enum wk_status (*dir_open)(struct wk_env *env, struct wk_dir *parent, const char *name,
                               uint32_t flags, struct wk_dir **out, struct wk_error *err);
    void (*dir_close)(struct wk_env *env, struct wk_dir *dir);
    enum wk_status (*dir_sync)(struct wk_env *env, struct wk_dir *dir, struct wk_error *err);
    /* Names in no order, without "." and ".."; `each` returns false to stop. A name that comes or
     * goes meanwhile may or may not be seen. */
    enum wk_status (*dir_list)(struct wk_env *env, struct wk_dir *dir,
                               bool (*each)(void *ctx, const char *name, enum wk_file_kind kind),
                               void *ctx, struct wk_error *err);
    enum wk_status (*dir_remove)(struct wk_env *env, struct wk_dir *parent, const char *name,
                                 struct wk_error *err); /* WK_CONFLICT: not empty */
    enum wk_status (*free_space)(struct wk_env *env, struct wk_dir *dir, uint64_t *out_bytes,
                                 struct wk_error *err);

    enum wk_status (*info)(struct wk_env *env, struct wk_dir *dir, const char *name,
                           struct wk_file_info *out, struct wk_error *err);
    /* Atomic replacement of `to` by `from`. */
    enum wk_status (*rename)(struct wk_env *env, struct wk_dir *from_dir, const char *from,
                             struct wk_dir *to_dir, const char *to, struct wk_error *err);
    /* As rename, but WK_CONFLICT if `to` is there. */
    enum wk_status (*rename_new)(struct wk_env *env, struct wk_dir *from_dir, const char *from,
                                 struct wk_dir *to_dir, const char *to, struct wk_error *err);
    enum wk_status (*remove)(struct wk_env *env, struct wk_dir *dir, const char *name,
                             struct wk_error *err);

    enum wk_status (*open)(struct wk_env *env, struct wk_dir *dir, const char *name, uint32_t flags,
                           struct wk_file **out, struct wk_error *err);
    void (*close)(struct wk_env *env, struct wk_file *file);
    enum wk_status (*file_info)(struct wk_env *env, struct wk_file *file, struct wk_file_info *out,
                                struct wk_error *err);
    /* All `size` bytes, or less only at the end of the file: `*out_size` says how many. */
    enum wk_status (*pread)(struct wk_env *env, struct wk_file *file, void *to, size_t size,
                            uint64_t offset, size_t *out_size, struct wk_error *err);
    /* All bytes of all spans, or an error with an unknown part written. */
    enum wk_status (*pwrite)(struct wk_env *env, struct wk_file *file, const struct wk_span *spans,
                             size_t count, uint64_t offset, struct wk_error *err);
    enum wk_status (*sync)(struct wk_env *env, struct wk_file *file, struct wk_error *err);
    enum wk_status (*truncate)(struct wk_env *env, struct wk_file *file, uint64_t size_bytes,
                               struct wk_error *err);
    /* Reserves the blocks so that later writes inside cannot run out of space. */
    enum wk_status (*preallocate)(struct wk_env *env, struct wk_file *file, uint64_t size_bytes,
                                  struct wk_error *err);
    /* Exclusive, for the life of the open file, between processes and within one.
     * WK_CONFLICT at once when somebody else has it. */
    enum wk_status (*lock)(struct wk_env *env, struct wk_file *file, struct wk_error *err);
};

/* ---- net --------------------------------------------------------------------------------- */

struct wk_socket;

#define WK_ADDRESS_BYTES_MAX 128u

struct wk_address {
    uint8_t bytes[WK_ADDRESS_BYTES_MAX]; /* the environment's own form */
    uint32_t size;
};

/* Files in PEM form; NULL where not used. Read when the context is made. */
struct wk_tls_config {
    const char *ca_file;          /* peers must chain to it; NULL: the system's for clients */
    const char *certificate_file; /* what we show; required on a listener */
    const char *key_file;
    const char *server_name; /* client: what the certificate must name */
    bool require_client_certificate;
};
struct wk_tls; /* shared by connections; safe for concurrent use */

/* A peer on a UNIX socket, as the kernel vouches for it. */
struct wk_peer {
    uint64_t process_id;
    uint32_t user_id;
    uint32_t group_id;
};

struct wk_shm;

struct wk_env_net {
    /* At most `capacity` addresses for "host" and a port; numeric hosts never ask a server. */
    enum wk_status (*resolve)(struct wk_env *env, const char *host, uint16_t port,
                              uint64_t deadline_ns, struct wk_address *out, size_t capacity,
                              size_t *out_count, struct wk_error *err);
    bool (*is_loopback)(struct wk_env *env, const struct wk_address *address);
    /* "127.0.0.1:80", "[::1]:80", or the path of a UNIX socket. */
    void (*address_text)(struct wk_env *env, const struct wk_address *address, char *to,
                         size_t capacity);
    /* A UNIX socket at an absolute path. WK_TOO_LARGE when the path does not fit. */
    enum wk_status (*unix_address)(struct wk_env *env, const char *path, struct wk_address *out,
                                   struct wk_error *err);

    enum wk_status (*listen)(struct wk_env *env, const struct wk_address *address, uint32_t backlog,
                             struct wk_socket **out, struct wk_error *err);
    enum wk_status (*local_address)(struct wk_env *env, struct wk_socket *socket,
                                    struct wk_address *out, struct wk_error *err);
    /* `tls` NULL: plain. The TLS handshake happens here, inside the deadline. */
    enum wk_status (*accept)(struct wk_env *env, struct wk_socket *listener, uint64_t deadline_ns,
                             struct wk_socket **out, struct wk_address *peer, struct wk_error *err);
    enum wk_status (*connect)(struct wk_env *env, const struct wk_address *address,
                              struct wk_tls *tls, uint64_t deadline_ns, struct wk_socket **out,
                              struct wk_error *err);
    enum wk_status (*tls_create)(struct wk_env *env, const struct wk_tls_config *config,
                                 bool server, struct wk_tls **out, struct wk_error *err);
    void (*tls_release)(struct wk_env *env, struct wk_tls *tls);
    /* Server side of an accepted socket, before its first byte. */
    enum wk_status (*tls_accept)(struct wk_env *env, struct wk_socket *socket, struct wk_tls *tls,
                                 uint64_t deadline_ns, struct wk_error *err);

    /* 1..size bytes; 0 bytes and WK_OK is the peer's orderly end. One reader at a time. */
    enum wk_status (*read)(struct wk_env *env, struct wk_socket *socket, void *to, size_t size,
                           uint64_t deadline_ns, size_t *out_size, struct wk_error *err);
    /* 1.. bytes of the spans in order; `*out_size` may be less than all. One writer at a time. */
    enum wk_status (*writev)(struct wk_env *env, struct wk_socket *socket,
                             const struct wk_span *spans, size_t count, uint64_t deadline_ns,
                             size_t *out_size, struct wk_error *err);
    /* Ends both directions; a blocked accept, read or write of another thread returns. */
    void (*shutdown)(struct wk_env *env, struct wk_socket *socket);
    void (*close)(struct wk_env *env, struct wk_socket *socket);

    /* UNIX sockets only. Bytes and segments travel together; counts are small (<= 4). */
    enum wk_status (*send_segments)(struct wk_env *env, struct wk_socket *socket,
                                    struct wk_span bytes, struct wk_shm *const *segments,
                                    size_t count, uint64_t deadline_ns, struct wk_error *err);
    enum wk_status (*receive_segments)(struct wk_env *env, struct wk_socket *socket,
                                       struct wk_span_mut bytes, size_t *out_size,
                                       struct wk_shm **segments, size_t capacity, size_t *out_count,
                                       uint64_t deadline_ns, struct wk_error *err);
    enum wk_status (*peer)(struct wk_env *env, struct wk_socket *socket, struct wk_peer *out,
                           struct wk_error *err);
};

/* ---- shm --------------------------------------------------------------------------------- */

struct wk_env_shm {
    /* Anonymous, `size` bytes reserved now (WK_NO_SPACE rather than a fault later). */
    enum wk_status (*create)(struct wk_env *env, const char *label, size_t size,
                             struct wk_shm **out, struct wk_error *err);
    /* After it nobody can grow, shrink, or newly map the segment writable. */
    enum wk_status (*seal)(struct wk_env *env, struct wk_shm *segment, struct wk_error *err);
    size_t (*size)(struct wk_env *env, struct wk_shm *segment);
    enum wk_status (*map)(struct wk_env *env, struct wk_shm *segment, bool writable, void **out,
                          struct wk_error *err);
    void (*unmap)(struct wk_env *env, struct wk_shm *segment, void *ptr);
    void (*close)(struct wk_env *env, struct wk_shm *segment); /* mappings stay */
    /* Sleeps while `*word == expected`. WK_OK on a wake or a changed word, WK_TIMEOUT. */
    enum wk_status (*wait)(struct wk_env *env, const wk_atomic_u32 *word, uint32_t expected,
                           uint64_t deadline_ns);
    void (*wake)(struct wk_env *env, wk_atomic_u32 *word, uint32_t count);
};

/* ---- objects ----------------------------------------------------------------------------- */

/*
 * An object store: keys to bodies. It reports and never retries: retry, back-off, single flight
 * and deadlines live in src/store, where the simulator sees them.
 */
struct wk_objects;

enum wk_object_class {
    WK_OBJECT_OK,
    WK_OBJECT_ABSENT,
    WK_OBJECT_NOT_MODIFIED,        /* If-None-Match held */
    WK_OBJECT_PRECONDITION_FAILED, /* If-Match or If-None-Match: * did not hold */
    WK_OBJECT_CONFLICT,            /* a concurrent conditional write; try again */
    WK_OBJECT_THROTTLED,
    WK_OBJECT_DENIED,
    WK_OBJECT_INVALID,      /* the request can never succeed as it is */
    WK_OBJECT_SERVER_ERROR, /* outcome of a mutation unknown */
    WK_OBJECT_TIMEOUT,      /* outcome of a mutation unknown */
    WK_OBJECT_NO_SPACE,
    WK_OBJECT_CORRUPT,   /* the body did not have the length or checksum it was sent with */
    WK_OBJECT_CANCELLED, /* no effect: never sent, given up, or refused by the sink */
    WK_OBJECT_CLASS_COUNT
};

/* What this store can do; the rest of the library adapts, see specs. */
enum wk_object_caps {
    WK_OBJECTS_ETAG = 1,
    WK_OBJECTS_CONDITIONAL = 2, /* If-Match / If-None-Match on PUT */
    WK_OBJECTS_CHECKSUM = 4,    /* carries a CRC32C beside the body and checks it on both ways */
    WK_OBJECTS_HEAD = 8,
    WK_OBJECTS_LIST = 16,
    WK_OBJECTS_LIST_SIZES = 32,
    WK_OBJECTS_CONCURRENT = 64 /* more than one request at a time */
};

enum wk_object_verb { WK_OBJECT_GET, WK_OBJECT_PUT, WK_OBJECT_HEAD, WK_OBJECT_DELETE };

struct wk_etag {
    uint32_t length; /* 0: none */
    char text[WK_ETAG_BYTES_MAX];
};

/*
 * Where the body of a GET goes. `reserve` is called at most once per request, before the first
 * byte, with the size the store announced; it returns room for exactly that many bytes, or NULL to
 * refuse the body (the result is then CANCELLED). It may run on any thread and must not block.
 */
struct wk_object_sink {
    void *(*reserve)(void *ctx, uint64_t size_bytes);
    void *ctx;
};

struct wk_object_request {
    enum wk_object_verb verb;
    const char *key; /* terminated, at most WK_OBJECT_KEY_BYTES_MAX bytes, opaque */
    /* PUT */
    const struct wk_span *body; /* borrowed until the batch returns */
    size_t body_count;
    uint32_t body_crc32c; /* of the whole body; looked at only where CHECKSUM */
    bool if_absent;       /* PUT only when nothing is there */
    /* PUT, DELETE: only when the stored ETag is this. GET: NOT_MODIFIED when it is. */
    const struct wk_etag *if_match;
    const struct wk_etag *if_none_match;
    /* GET */
    struct wk_object_sink sink;
};

struct wk_object_result {
    enum wk_object_class class;
    bool has_crc32c; /* the store vouches for `crc32c`; GET: and the body matched it */
    uint32_t crc32c;
    uint64_t size_bytes;   /* GET: bytes delivered. HEAD: size of the body */
    uint64_t modified_ns;  /* wall; 0 unknown */
    struct wk_etag etag;   /* of the object read or just written */
    struct wk_error error; /* for every class but OK, ABSENT, NOT_MODIFIED */
};

struct wk_object_entry {
    const char *key;
    uint64_t size_bytes;
    uint64_t modified_ns;
    struct wk_etag etag;
};

struct wk_objects_ops {
    /*
     * Runs all requests with at most `parallel` under way, in any order, and fills one result per
     * request. Requests that make no progress until `deadline_ns` end as TIMEOUT. `cancel` (may be
     * NULL) becoming non-zero stops what has not been sent, and may give up what only reads.
     */
    void (*batch)(struct wk_objects *objects, const struct wk_object_request *requests,
                  struct wk_object_result *results, size_t count, uint32_t parallel,
                  uint64_t deadline_ns, const wk_atomic_u32 *cancel);
    /*
     * Keys with `prefix`, in any order, each once if it lives throughout; `each` returns false to
     * stop. CANCELLED when `cancel` became non-zero.
     */
    enum wk_object_class (*list)(struct wk_objects *objects, const char *prefix,
                                 bool (*each)(void *ctx, const struct wk_object_entry *entry),
                                 void *ctx, uint64_t deadline_ns, const wk_atomic_u32 *cancel,
                                 struct wk_error *err);
    /* Waits for requests under way (they end by their deadlines), then frees. */
    void (*close)(struct wk_objects *objects);
};

/* First member of every implementation. */
struct wk_objects {
    const struct wk_objects_ops *ops;
    uint32_t caps; /* enum wk_object_caps; fixed once open */
};

struct wk_objects_callbacks; /* env/callbacks/callbacks.h: the host program's own store */

struct wk_objects_config {
    const struct wk_objects_callbacks *callbacks; /* not NULL: everything below is ignored */
    const char *endpoint; /* file:///absolute/dir, http://..., https://... */
    const char *bucket;
    const char *region;
    const char *access_key; /* secrets: copied, never logged */
    const char *secret_key;
    uint32_t threads; /* requests in flight for stores that block a thread per request */
    /* For S3 only. Texts may be NULL or empty, which mean the same; files are absolute paths. */
    const char *prefix;           /* every key will start with it: what an open may list */
    const char *session_token;    /* secret */
    const char *credentials_file; /* INI; takes the place of keys and token */
    const char *secret_key_file;  /* takes the place of secret_key */
    const char *ca_file;          /* NULL: the system's */
    const char *proxy;            /* NULL: none, whatever the environment says */
    bool virtual_host;            /* bucket.host/key instead of host/bucket/key */
    bool local_dev;               /* default credentials go, a missing bucket is made */
    bool create_bucket;           /* a missing bucket is made */
};

struct wk_env_objects {
    enum wk_status (*open)(struct wk_env *env, const struct wk_objects_config *config,
                           struct wk_objects **out, struct wk_error *err);
};

/* ---- log --------------------------------------------------------------------------------- */

enum wk_log_level { WK_LOG_OFF, WK_LOG_ERROR, WK_LOG_WARN, WK_LOG_INFO, WK_LOG_DEBUG };

struct wk_log_field {
    const char *key;
    const char *text; /* NULL: the number counts */
    uint64_t number;
};

struct wk_env_log {
    /* The most verbose level that anyone listens to; callers skip building events above it. */
    enum wk_log_level (*level)(struct wk_env *env);
    /* One event: a literal name such as "bootstrap.done" and its fields. Never blocks for long. */
    void (*event)(struct wk_env *env, enum wk_log_level level, const char *name,
                  const struct wk_log_field *fields, size_t count);
    /* Where events go besides stderr: the host's function, or NULL. Off and silent by default. */
    void (*set_sink)(struct wk_env *env,
                     void (*sink)(void *ctx, enum wk_log_level level, const char *line), void *ctx,
                     enum wk_log_level level);
};

/* ---- the whole --------------------------------------------------------------------------- */

struct wk_env {
    uint32_t version; /* WK_ENV_VERSION */
    uint32_t size;    /* sizeof(struct wk_env) */
    const struct wk_env_clock *clock;
    const struct wk_env_entropy *entropy;
    const struct wk_env_mem *mem;
    const struct wk_env_threads *threads;
    const struct wk_env_vars *vars;
    const struct wk_env_process *process;
    const struct wk_env_files *files;
    const struct wk_env_net *net;
    const struct wk_env_shm *shm;
    const struct wk_env_objects *objects;
    const struct wk_env_log *log;
};

/*
 * The environment of the calling thread's process. For the functions of the C ABI that have no
 * handle; everything else gets its environment passed. POSIX: one per process, never NULL.
 * Simulator: that of the simulated process whose fiber runs.
 */
struct wk_env *wk_env_current(void);

/* ---- short forms ------------------------------------------------------------------------- */

static inline uint64_t wk_now_ns(struct wk_env *env) {
    return env->clock->monotonic_ns(env);
}

static inline void *wk_alloc(struct wk_env *env, enum wk_mem_owner owner, size_t size) {
    return env->mem->alloc(env, owner, size);
}

static inline void wk_release(struct wk_env *env, enum wk_mem_owner owner, void *ptr, size_t size) {
    env->mem->release(env, owner, ptr, size);
}

static inline void wk_lock(struct wk_env *env, struct wk_mutex *m) {
    env->threads->mutex_lock(env, m);
}

static inline void wk_unlock(struct wk_env *env, struct wk_mutex *m) {
    env->threads->mutex_unlock(env, m);
}

#endif
