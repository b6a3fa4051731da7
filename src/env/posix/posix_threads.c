/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads, locks and the one slot per thread, on pthreads.
 *
 * Locks live in the caller's words: the pthread objects are laid over them, which the assertions
 * below keep honest. Conditions run on the monotonic clock, as every deadline of env.h does.
 */
#include "env/posix/posix.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct wk_mutex), "a mutex fits");
_Static_assert(sizeof(pthread_rwlock_t) <= sizeof(struct wk_rwlock), "a rwlock fits");
_Static_assert(sizeof(pthread_cond_t) <= sizeof(struct wk_cond), "a condition fits");
_Static_assert(_Alignof(pthread_mutex_t) <= _Alignof(struct wk_mutex), "a mutex is aligned");
_Static_assert(_Alignof(pthread_rwlock_t) <= _Alignof(struct wk_rwlock), "a rwlock is aligned");
_Static_assert(_Alignof(pthread_cond_t) <= _Alignof(struct wk_cond), "a condition is aligned");

/* Deep enough for name resolution, TLS and sanitizers; only what is touched becomes resident. */
#define STACK_BYTES (2u * 1024 * 1024)

static pthread_mutex_t *mutex_of(struct wk_mutex *m) {
    return (pthread_mutex_t *)m->words;
}

static pthread_rwlock_t *rwlock_of(struct wk_rwlock *l) {
    return (pthread_rwlock_t *)l->words;
}

static pthread_cond_t *cond_of(struct wk_cond *c) {
    return (pthread_cond_t *)c->words;
}

/* ---- threads ----------------------------------------------------------------------------- */

struct wk_thread {
    pthread_t id;
    void (*main)(void *arg);
    void *arg;
    char name[16];
};

static void *thread_run(void *arg) {
    struct wk_thread *thread = arg;
#if defined(__APPLE__)
    pthread_setname_np(thread->name);
#else
    pthread_setname_np(pthread_self(), thread->name);
#endif
    thread->main(thread->arg);
    return NULL;
}

/*
 * Every signal that somebody sends, so that the host's handlers run on the host's threads only.
 * What a fault of the thread itself raises stays open: blocked, the kernel would kill the process
 * past the host's crash handler.
 */
static void signals_to_block(sigset_t *set) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigfillset(set);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(set, faults[i]);
}

static int thread_create(struct wk_thread *thread, bool sized) {
    pthread_attr_t attr;
    int code = pthread_attr_init(&attr);
    if (code != 0)
        return code;
    if (sized)
        code = pthread_attr_setstacksize(&attr, STACK_BYTES);
    if (code == 0)
        code = pthread_create(&thread->id, &attr, thread_run, thread);
    pthread_attr_destroy(&attr);
    return code;
}

static enum wk_status threads_start(struct wk_env *env, const char *name, void (*main)(void *arg),
                                    void *arg, struct wk_thread **out, struct wk_error *err) {
    struct wk_thread *thread = wk_alloc(env, WK_MEM_HANDLE, sizeof *thread);
    if (thread == NULL)
        return wk_fail(err, WK_NO_MEMORY, "start thread %s: no memory", name);
    *thread = (struct wk_thread){.main = main, .arg = arg};
    size_t length = strlen(name);
    memcpy(thread->name, name, length < 15 ? length : 15);
    sigset_t blocked;
    sigset_t before;
    signals_to_block(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int code = thread_create(thread, true);
    /* A host with much thread-local storage needs more than we ask for: take the default. */
    if (code == EINVAL)
        code = thread_create(thread, false);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) {
        wk_release(env, WK_MEM_HANDLE, thread, sizeof *thread);
        return wk_posix_fail(err, code, "start thread", name);
    }
    *out = thread;
    return WK_OK;
}

static void threads_join(struct wk_env *env, struct wk_thread *thread) {
    pthread_join(thread->id, NULL);
    wk_release(env, WK_MEM_HANDLE, thread, sizeof *thread);
}

static void threads_yield(struct wk_env *env) {
    (void)env;
    sched_yield();
}

static uint32_t threads_self(struct wk_env *env) {
    (void)env;
    static wk_atomic_u32 last;        /* sync: relaxed; hands out numbers, orders nothing */
    static _Thread_local uint32_t id; /* 0: none yet */
    if (id == 0)
        id = wk_atomic_add_u32(&last, 1, WK_RELAXED, "threads.self") + 1;
    return id - 1;
}

/* ---- locks ------------------------------------------------------------------------------- */

static enum wk_status init_status(int code) {
    if (code == 0)
        return WK_OK;
    return code == ENOMEM ? WK_NO_MEMORY : WK_UNAVAILABLE;
}

static enum wk_status threads_mutex_init(struct wk_env *env, struct wk_mutex *m) {
    (void)env;
    return init_status(pthread_mutex_init(mutex_of(m), NULL));
}

static void threads_mutex_destroy(struct wk_env *env, struct wk_mutex *m) {
    (void)env;
    pthread_mutex_destroy(mutex_of(m));
}

static void threads_mutex_lock(struct wk_env *env, struct wk_mutex *m) {
    (void)env;
    pthread_mutex_lock(mutex_of(m));
}

static bool threads_mutex_trylock(struct wk_env *env, struct wk_mutex *m) {
    (void)env;
    return pthread_mutex_trylock(mutex_of(m)) == 0;
}

static void threads_mutex_unlock(struct wk_env *env, struct wk_mutex *m) {
    (void)env;
    pthread_mutex_unlock(mutex_of(m));
}

/* Readers must not take the lock twice: a waiting writer goes first, so that a stream of readers
 * cannot keep it out for ever. */
static enum wk_status threads_rwlock_init(struct wk_env *env, struct wk_rwlock *l) {
    (void)env;
    pthread_rwlockattr_t attr;
    int code = pthread_rwlockattr_init(&attr);
    if (code != 0)
        return init_status(code);
#if defined(__GLIBC__)
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    code = pthread_rwlock_init(rwlock_of(l), &attr);
    pthread_rwlockattr_destroy(&attr);
    return init_status(code);
}

static void threads_rwlock_destroy(struct wk_env *env, struct wk_rwlock *l) {
    (void)env;
    pthread_rwlock_destroy(rwlock_of(l));
}

static void threads_rwlock_read(struct wk_env *env, struct wk_rwlock *l) {
    (void)env;
    /* EAGAIN: more readers than the lock can count; some of them leave soon. */
    while (pthread_rwlock_rdlock(rwlock_of(l)) == EAGAIN)
        sched_yield();
}

static void threads_rwlock_write(struct wk_env *env, struct wk_rwlock *l) {
    (void)env;
    pthread_rwlock_wrlock(rwlock_of(l));
}

static void threads_rwlock_unlock(struct wk_env *env, struct wk_rwlock *l) {
    (void)env;
    pthread_rwlock_unlock(rwlock_of(l));
}

static enum wk_status threads_cond_init(struct wk_env *env, struct wk_cond *c) {
    (void)env;
    pthread_condattr_t attr;
    int code = pthread_condattr_init(&attr);
    if (code != 0)
        return init_status(code);
#if !defined(__APPLE__)
    code = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
    if (code == 0)
        code = pthread_cond_init(cond_of(c), &attr);
    pthread_condattr_destroy(&attr);
    return init_status(code);
}

static void threads_cond_destroy(struct wk_env *env, struct wk_cond *c) {
    (void)env;
    pthread_cond_destroy(cond_of(c));
}

static enum wk_status threads_cond_wait(struct wk_env *env, struct wk_cond *c, struct wk_mutex *m,
                                        uint64_t deadline_ns) {
    (void)env;
    if (deadline_ns == WK_FOREVER) {
        pthread_cond_wait(cond_of(c), mutex_of(m));
        return WK_OK;
    }
#if defined(__APPLE__)
    struct timespec left = wk_posix_left(deadline_ns);
    int code = pthread_cond_timedwait_relative_np(cond_of(c), mutex_of(m), &left);
    if (code == ETIMEDOUT && wk_posix_now_ns() < deadline_ns)
        code = 0;
#else
    struct timespec until = wk_posix_timespec(deadline_ns);
    int code = pthread_cond_timedwait(cond_of(c), mutex_of(m), &until);
#endif
    return code == ETIMEDOUT ? WK_TIMEOUT : WK_OK;
}

static void threads_cond_signal(struct wk_env *env, struct wk_cond *c) {
    (void)env;
    pthread_cond_signal(cond_of(c));
}

static void threads_cond_broadcast(struct wk_env *env, struct wk_cond *c) {
    (void)env;
    pthread_cond_broadcast(cond_of(c));
}

/* ---- the slot ---------------------------------------------------------------------------- */

/* One key for the process, made at the first set. */
static struct {
    pthread_once_t once;
    pthread_key_t key;
    wk_atomic_u32 made; /* sync: released after the key is there, acquired before it is used */
    /* sync: the function that ends a value, the same in every call; any thread that has a value
     * has stored it before */
    wk_atomic_u64 destroy;
} slot = {.once = PTHREAD_ONCE_INIT};

static void slot_end(void *value) {
    uint64_t word = wk_atomic_load_u64(&slot.destroy, WK_RELAXED, "threads.slot_end");
    void (*destroy)(void *) = (void (*)(void *))(uintptr_t)word; // NOLINT: a function as a word
    if (destroy != NULL)
        destroy(value);
}

static void slot_make(void) {
    if (pthread_key_create(&slot.key, slot_end) == 0)
        wk_atomic_store_u32(&slot.made, 1, WK_RELEASE, "threads.slot");
}

static bool slot_made(void) {
    return wk_atomic_load_u32(&slot.made, WK_ACQUIRE, "threads.slot") != 0;
}

static void *threads_slot_get(struct wk_env *env) {
    (void)env;
    return slot_made() ? pthread_getspecific(slot.key) : NULL;
}

static enum wk_status threads_slot_set(struct wk_env *env, void *value,
                                       void (*destroy)(void *value)) {
    (void)env;
    pthread_once(&slot.once, slot_make);
    if (!slot_made())
        return WK_UNAVAILABLE;
    wk_atomic_store_u64(&slot.destroy, (uintptr_t)destroy, WK_RELAXED, "threads.slot_set");
    return init_status(pthread_setspecific(slot.key, value));
}

const struct wk_env_threads wk_posix_threads = {
    .start = threads_start,
    .join = threads_join,
    .yield = threads_yield,
    .self = threads_self,
    .mutex_init = threads_mutex_init,
    .mutex_destroy = threads_mutex_destroy,
    .mutex_lock = threads_mutex_lock,
    .mutex_trylock = threads_mutex_trylock,
    .mutex_unlock = threads_mutex_unlock,
    .rwlock_init = threads_rwlock_init,
    .rwlock_destroy = threads_rwlock_destroy,
    .rwlock_read = threads_rwlock_read,
    .rwlock_write = threads_rwlock_write,
    .rwlock_unlock = threads_rwlock_unlock,
    .cond_init = threads_cond_init,
    .cond_destroy = threads_cond_destroy,
    .cond_wait = threads_cond_wait,
    .cond_signal = threads_cond_signal,
    .cond_broadcast = threads_cond_broadcast,
    .slot_get = threads_slot_get,
    .slot_set = threads_slot_set,
};
